"""The GAN of section 4.1, made to work.

Networks, objective, step, sampling: the order of chapter 04_1.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from tinygen.engine import losses
from tinygen.engine.autograd import Tensor, grad, no_grad
from tinygen.engine.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    LeakyReLU,
    Linear,
    Reshape,
    Sequential,
    SpectralNorm,
    Tanh,
    UpsampleConv2d,
    _rng,
    parameters,
)
from tinygen.engine.optim import Adam, MovingAverage
from tinygen.models.labels import check_labels, in_turn, with_labels
from tinygen.models.settings import (
    ANY,
    check,
    check_count,
    check_images,
    check_memory,
    check_sides,
    in_parts,
)

LOSSES = {"non_saturating": losses.non_saturating,
          "minimax": losses.minimax,
          "least_squares": losses.least_squares,
          "hinge": losses.hinge,
          "wasserstein": losses.wasserstein}


@dataclass
class GANConfig:
    """The settings of a GAN, each with the reason for its value."""

    channels: int = 3           # 3 for colour, 1 for grey
    size: int = 28              # the sides; G doubles twice, so 4 divides it
    noise: int = 100            # the article's
    width: int = 64             # the article's; 16 trains while you wait
    loss: str = "non_saturating"    # it pushes G even where D is sure
    lr: float = 2e-4            # 1e-3 was too high: Radford et al. (2016)
    beta1: float = 0.5          # the usual 0.9 made training oscillate there
    batch_norm: bool = True     # in G; without it samples collapse sooner
    critic_steps: int = 1       # updates of D for each one of G
    penalty: float = 10.0       # on the slope of D, "wasserstein" only
    spectral: bool = False      # True bounds the slope of each layer of D
    average: float = 0.0        # 0.99: sample with G's mean over 100 steps
    classes: int = 0            # of the labels; 0: without labels

    def __post_init__(self):
        check(self, {"loss": LOSSES}, {"classes": 0, "size": ANY})
        check_sides(self.size, "the generator doubles the sides twice")
        if not self.average < 1:
            raise ValueError(f"average is {self.average}; it must be from 0 "
                             "to below 1")


# ---------------------------------------------------------------- networks


def generator(config, rng):
    """z N noise -> images N size size channels, in (-1, 1).

    The last layer starts small (gain 0.1): tanh is flat for large inputs.
    """
    c, side = config.width, config.size // 4

    def norm(channels):
        return [BatchNorm(channels)] if config.batch_norm else []

    return Sequential(
        Linear(config.noise + config.classes, side * side * 4 * c, rng=rng),
        Reshape(side, side, 4 * c),                     # N 7 7 256
        *norm(4 * c), LeakyReLU(),
        UpsampleConv2d(4 * c, 2 * c, rng=rng),          # N 14 14 128
        *norm(2 * c), LeakyReLU(),
        UpsampleConv2d(2 * c, c, rng=rng),              # N 28 28 64
        *norm(c), LeakyReLU(),
        Conv2d(c, config.channels, 3, gain=0.1, rng=rng),   # N 28 28 3
        Tanh())


def discriminator(config, rng):
    """Images N size size channels -> logits N 1: how real each looks.

    The last layer starts small, so that the first verdicts are "unsure".
    """
    c, side = config.width, config.size
    for _ in range(3):
        side = (side + 1) // 2                          # 28 -> 14 -> 7 -> 4

    def norm(layer):
        return SpectralNorm(layer, rng=rng) if config.spectral else layer

    return Sequential(
        norm(Conv2d(config.channels + config.classes, c, 3, stride=2,
                    rng=rng)),
        LeakyReLU(),                                    # N 14 14 64
        norm(Conv2d(c, 2 * c, 3, stride=2, rng=rng)),
        LeakyReLU(),                                    # N 7 7 128
        norm(Conv2d(2 * c, 4 * c, 3, stride=2, rng=rng)),
        LeakyReLU(),                                    # N 4 4 256
        Flatten(),
        norm(Linear(side * side * 4 * c, 1, gain=0.1, rng=rng)))


# --------------------------------------------------------------- objective


def discriminator_loss(model, real, fake, rng):
    """What D makes small: its loss on real images and on generated ones.

    real, fake: arrays N H W C, with channels for the labels if there are
    any. fake is an array, not a Tensor: it has no recipe, so no gradient
    can reach the generator from here.
    """
    on_real = model.d(Tensor(real), train=True, rng=rng)
    on_fake = model.d(Tensor(fake), train=True, rng=rng)
    loss = model.loss(on_real, on_fake)
    if model.config.loss == "wasserstein":
        loss = loss + model.config.penalty * losses.gradient_penalty(
            model.d, real, fake, rng)
    return loss, on_real, on_fake


def generator_loss(model, z, rng, labels=None):
    """What G makes small: D's judgement of the images G makes from z."""
    fake = model.g(model.told(Tensor(z), labels), train=True, rng=rng)
    return model.loss(model.d(model.told(fake, labels), train=True, rng=rng))


# -------------------------------------------------------------------- step


def discriminator_step(model, real, rng, labels=None):
    """One update of D on a batch of real images and as many new fakes."""
    z = model.told(model.draw(len(real), rng), labels)
    with no_grad():
        fake = model.g(Tensor(z), train=True, rng=rng).data
    real, fake = model.told(real, labels), model.told(fake, labels)
    loss, on_real, on_fake = discriminator_loss(model, real, fake, rng)
    model.opt_d.step(grad(loss, model.d_parameters))
    right = np.concatenate([on_real.data > model.middle,
                            on_fake.data <= model.middle])
    return {"d_loss": loss.item(), "d_accuracy": float(right.mean())}


def generator_step(model, n, rng, labels=None):
    """One update of G on n new noise vectors; D is left as it is."""
    loss = generator_loss(model, model.draw(n, rng), rng, labels)
    model.opt_g.step(grad(loss, model.g_parameters))
    if model.average:
        model.average.after_step()
    return {"g_loss": loss.item()}


class GAN:
    """Two networks and their optimisers; step() trains, sample() draws."""

    name = "gan"

    def __init__(self, config=None, rng=None):
        self.config = config = c = config or GANConfig()
        check_memory(c, ("width", "classes"), c.width * (
            180 * c.width + 9 * (2 * c.channels + c.classes)
            + c.size ** 2 * (c.noise + c.classes) // 4))
        rng = rng or np.random.default_rng(0)
        self.loss = LOSSES[config.loss]
        # between D's answers to real and to fake: labels 1 and 0, or +-
        self.middle = 0.5 if config.loss == "least_squares" else 0.0
        self.g = generator(config, rng)
        self.d = discriminator(config, rng)
        betas = (config.beta1, 0.999)
        self.opt_g = Adam(parameters(self.g), config.lr, betas)
        self.opt_d = Adam(parameters(self.d), config.lr, betas)
        self.average = config.average and MovingAverage(
            parameters(self.g), config.average)
        parameters(self)        # full names, for error messages: "g.0.w"

    @property
    def networks(self):
        """Both, to be stored in one file."""
        return {"g": self.g, "d": self.d}

    @property
    def g_parameters(self):
        return list(parameters(self.g).values())

    @property
    def d_parameters(self):
        return list(parameters(self.d).values())

    def draw(self, n, rng):
        """n noise vectors: N noise, standard normal, float32."""
        return _rng(rng).standard_normal((n, self.config.noise), np.float32)

    def told(self, x, labels):
        """x N ... C with channels for the labels, if there are any."""
        return with_labels(x, labels, self.config.classes)

    def step(self, images, rng, labels=None):
        """One round of the game. images N H W C in [-1, 1], labels N.

        Returns the losses and D's accuracy (on this round's images: 1 when
        it tells all apart, 0.5 when it guesses).
        """
        check_images(images, self)
        labels = check_labels(labels, len(images), self.config)
        for _ in range(self.config.critic_steps):
            report = discriminator_step(self, images, rng, labels)
        return report | generator_step(self, len(images), rng, labels)

    # -------------------------------------------------------------- sampling

    def sample(self, n, rng, labels=None):
        """n new images, N H W C in (-1, 1); of these classes, or of each
        class in turn. With the averaged weights, if there are any."""
        check_count(n, self.config)
        labels = in_turn(labels, n, self.config)
        with self.averaged():
            return in_parts(self.g, self.told(self.draw(n, rng), labels))

    @contextmanager
    def averaged(self):
        """with model.averaged(): G has the averaged weights, if any.

        A file for sampling holds these as G's, and no average of its own.
        """
        swap = self.average.swap if self.average and self.average.t else int
        swap()
        try:
            yield
        finally:
            swap()
