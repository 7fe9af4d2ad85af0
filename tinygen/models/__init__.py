"""The three models of the book, each: networks, objective, step, sampling."""

import math

from tinygen.models.cyclegan import CycleGAN, CycleGANConfig
from tinygen.models.gan import GAN, GANConfig
from tinygen.models.settings import Ration
from tinygen.models.vae import VAE, VAEConfig

REGISTRY = {"gan": (GAN, GANConfig), "vae": (VAE, VAEConfig),
            "cyclegan": (CycleGAN, CycleGANConfig)}


def build(name, config, most=math.inf):
    """The model `name` from a dict of settings, as a checkpoint holds it.

    ValueError for a name or a setting that this version does not know, or
    if the model has more than `most` weights.
    """
    if name not in REGISTRY:
        raise ValueError(f"no model is called {name!r}; there are: "
                         + ", ".join(REGISTRY))
    model, settings = REGISTRY[name]
    try:
        return model(settings(**config), rng=Ration(most))
    except (TypeError, MemoryError, OverflowError) as error:
        raise ValueError(f"the settings do not fit a {name}: {error}"
                         ) from None
