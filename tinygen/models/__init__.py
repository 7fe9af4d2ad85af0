"""The three models of the book, each: networks, objective, step, sampling."""

from tinygen.models.cyclegan import CycleGAN, CycleGANConfig
from tinygen.models.gan import GAN, GANConfig
from tinygen.models.vae import VAE, VAEConfig

REGISTRY = {"gan": (GAN, GANConfig), "vae": (VAE, VAEConfig),
            "cyclegan": (CycleGAN, CycleGANConfig)}


def build(name, config):
    """The model `name` from a dict of settings, as a checkpoint holds it.

    ValueError for a name or a setting that this version does not know.
    """
    if name not in REGISTRY:
        raise ValueError(f"no model is called {name!r}; there are: "
                         + ", ".join(REGISTRY))
    model, settings = REGISTRY[name]
    try:
        return model(settings(**config))
    except TypeError as error:
        raise ValueError(f"the settings do not fit a {name}: {error}"
                         ) from None
