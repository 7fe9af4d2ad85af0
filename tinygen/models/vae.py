"""The VAE of section 4.2, made to work.

Networks, objective, step, sampling: the order of chapter 04_2. Log
probabilities are in nats, summed over the pixels of an image.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinygen.engine.autograd import Tensor, grad, no_grad
from tinygen.engine.layers import (
    Conv2d,
    Flatten,
    LeakyReLU,
    Linear,
    Reshape,
    Sequential,
    Tanh,
    UpsampleConv2d,
    _rng,
    parameters,
)
from tinygen.engine.losses import bce_terms, kl_terms
from tinygen.engine.ops import exp, logsumexp, maximum, sigmoid, tanh
from tinygen.engine.optim import Adam, linear_decay
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

# e^5 = 148 is the largest spread of a code, e^-5 the smallest. Without a
# bound one bad step makes e^logvar overflow, and the training is lost.
LOGVAR = 10.0


@dataclass
class VAEConfig:
    """The settings of a VAE, each with the reason for its value."""

    channels: int = 3           # 3 for colour, 1 for grey
    size: int = 28              # the sides; the decoder doubles twice
    network: str = "conv"       # the article's; "dense": Burda et al. (2016)
    latent: int = 128           # the article's; the unused ones cost nothing
    width: int = 64             # of "conv": the article's
    hidden: int = 200           # of "dense": two such layers each way
    decoder: str = "gaussian"   # "bernoulli" for pixels of ink or no ink
    sigma: float = 0.2          # of the Gaussian: how far off a pixel may be
    binarize: bool = False      # ink drawn anew in each step, p = the grey
    beta: float = 1.0           # weight of the KL; 1 is the lower bound
    warmup: int = 0             # steps in which beta grows from 0
    free_bits: float = 0.0      # nats of each latent that cost nothing
    samples: int = 1            # draws of z for an image, in each step
    importance: bool = False    # train on the importance-weighted bound
    lr: float = 1e-3            # Adam's own; no other network interferes
    eps: float = 1e-8           # of Adam; Burda et al. took 1e-4
    decay_start: int = 0        # the step at which lr begins to fall,
    decay_end: int = 0          # in a line, to 0 at this one; 0: it stays
    classes: int = 0            # of the labels; 0: without labels

    def __post_init__(self):
        check(self, {"network": ("conv", "dense"),
                     "decoder": ("bernoulli", "gaussian")},
              dict.fromkeys(("warmup", "decay_start", "decay_end", "classes"),
                            0) | {"size": ANY})
        if self.sigma == 0:
            raise ValueError(f"sigma is {self.sigma}; it must be above 0")
        if self.network == "conv" or self.size < 1:
            check_sides(self.size, "the decoder doubles the sides twice",
                        otherwise=", or network='dense'")
        if self.classes and self.network == "dense":
            raise ValueError("classes are for network='conv': the dense one "
                             "would see each label once for each pixel")
        if self.importance and (self.beta, self.warmup, self.free_bits) != (
                1, 0, 0):
            raise ValueError("the importance-weighted bound has no KL term "
                             "for beta, warmup or free_bits to weigh")


# ---------------------------------------------------------------- networks


class Encoder:
    """Images N H W C -> mu, logvar, each N latent: q(z given x), a Gaussian.

    Two heads on one trunk; logvar is kept in (-10, 10).
    """

    def __init__(self, config, rng):
        trunk = dense_trunk if config.network == "dense" else conv_trunk
        self.trunk, features = trunk(config, rng)
        # mu starts as large as the noise, or the decoder would learn to
        # ignore z before z says anything; logvar starts near 0
        self.mu = Linear(features, config.latent, gain=0.7, rng=rng)
        self.logvar = Linear(features, config.latent, gain=0.1, rng=rng)

    def __call__(self, x, train=False, rng=None):
        h = self.trunk(x, train, rng)
        return self.mu(h), LOGVAR * tanh(self.logvar(h) / LOGVAR)


def conv_trunk(config, rng):
    """(layers, features): the article's three convolutions of stride 2."""
    c, side = config.width, config.size
    for _ in range(3):
        side = (side + 1) // 2                          # 28 -> 14 -> 7 -> 4
    return Sequential(
        Conv2d(config.channels + config.classes, c, 3, stride=2, rng=rng),
        LeakyReLU(),                                    # N 14 14 64
        Conv2d(c, 2 * c, 3, stride=2, rng=rng),
        LeakyReLU(),                                    # N 7 7 128
        Conv2d(2 * c, 4 * c, 3, stride=2, rng=rng),
        LeakyReLU(),                                    # N 4 4 256
        Flatten()), side * side * 4 * c


def dense_trunk(config, rng):
    """(layers, features): the two tanh layers of Burda et al. (2016)."""
    pixels, h = config.size ** 2 * config.channels, config.hidden
    return Sequential(Flatten(),
                      Linear(pixels, h, gain=0.7, rng=rng), Tanh(),
                      Linear(h, h, gain=0.7, rng=rng), Tanh()), h


def decoder(config, rng):
    """z N latent -> N size size channels: logits, or means before tanh."""
    c, h, side = config.width, config.hidden, config.size // 4
    image = (config.size, config.size, config.channels)
    if config.network == "dense":
        return Sequential(
            Linear(config.latent, h, gain=0.7, rng=rng), Tanh(),
            Linear(h, h, gain=0.7, rng=rng), Tanh(),
            Linear(h, math.prod(image), gain=0.5, rng=rng),
            Reshape(*image))
    return Sequential(
        Linear(config.latent + config.classes, side * side * 4 * c, rng=rng),
        Reshape(side, side, 4 * c), LeakyReLU(),        # N 7 7 256
        UpsampleConv2d(4 * c, 2 * c, rng=rng), LeakyReLU(),  # N 14 14 128
        UpsampleConv2d(2 * c, c, rng=rng), LeakyReLU(),      # N 28 28 64
        Conv2d(c, config.channels, 3, gain=0.5, rng=rng))    # N 28 28 3


def start(model, images):
    """Set two biases so that all begins at the mean of `images`.

    The decoder's last: the mean comes out, by pixel in a dense network, by
    channel in the other. Else that is learnt first, while z is ignored, and
    z may stay so. The dense encoder's first: the mean gives 0, where tanh
    is steepest. Burda et al. (2016) do the same.
    """
    last = list(parameters(model.decoder).values())[-1]
    mean = images.reshape(-1, last.size).mean(axis=0, dtype=np.float64)
    y = np.arctanh(np.clip(mean, -0.98, 0.98))
    last.assign(2 * y if model.config.decoder == "bernoulli" else y)
    if model.config.network == "dense":
        first = model.encoder.trunk[1]
        first.b.assign(-mean @ first.w.data)


# --------------------------------------------------------------- objective


def reparameterize(mu, logvar, eps):
    """z = mu + e^(logvar / 2) eps, a draw from N(mu, e^logvar).

    mu, logvar N L; eps K N L, standard normal: K draws for each image. The
    draw is an input, so z has slopes along mu and logvar. Kingma and
    Welling (2014), section 2.4.
    """
    return mu + exp(0.5 * logvar) * eps


def log_px(model, x, z):
    """log p(x given z), summed over pixels. x N H W C; z K N L; y K N.

    Bernoulli: x in [-1, 1] is mapped to [0, 1]. Gaussian: around the
    decoder's image, with the spread sigma. If x has channels for labels,
    the decoder is told these.
    """
    x, labels = split(x, model.config)
    y = model.decoder(with_labels(
        z.reshape(-1, z.shape[-1]), labels and labels * len(z),
        model.config.classes))
    y = y.reshape(*z.shape[:-1], -1)                        # K N HWC
    x = x.reshape(len(x), -1)
    if model.config.decoder == "bernoulli":
        return -bce_terms(y, (x + 1) / 2).sum(axis=-1)
    sigma = model.config.sigma
    return ((tanh(y) - x) ** 2).sum(axis=-1) * (-0.5 / sigma ** 2) - (
        x.shape[1] * math.log(sigma * math.sqrt(2 * math.pi)))


def split(x, config):
    """with_labels undone: (images N H W C, a list of labels or None)."""
    c = config.channels
    if not config.classes:
        return x, None
    return x[..., :c], x[:, 0, 0, c:].argmax(axis=-1).tolist()


def elbo_terms(model, x, eps):
    """The two terms: log p(x given z), K N; the KL of each latent, N L."""
    mu, logvar = model.encoder(Tensor(x))
    return (log_px(model, x, reparameterize(mu, logvar, eps)),
            kl_terms(mu, logvar))


def elbo(model, x, eps):
    """log p(x) >= E_q log p(x given z) - KL(q(z given x) to p(z)).

    x N H W C, eps K N L: the mean over K draws; returns N numbers.
    Kingma and Welling (2014), equation 3.
    """
    fit, kl = elbo_terms(model, x, eps)
    return fit.mean(axis=0) - kl.sum(axis=1)


def log_weights(model, x, eps):
    """log w = log p(x given z) + log p(z) - log q(z given x), K N.

    q's exponent is -eps^2 / 2, and both have the factor (2 pi)^(-L / 2).
    """
    mu, logvar = model.encoder(Tensor(x))
    z = reparameterize(mu, logvar, eps)
    ratio = 0.5 * (logvar + eps ** 2 - z * z).sum(axis=-1)
    return log_px(model, x, z) + ratio


def importance_bound(model, x, eps):
    """log p(x) >= E log(1/K sum_k w_k), tighter for each further draw.

    x N H W C, eps K N L; returns N numbers. Burda et al. (2016), equation
    8. Large K: see VAE.log_likelihood.
    """
    return logsumexp(log_weights(model, x, eps), axis=0) - math.log(len(eps))


def objective(model, x, eps):
    """(loss, report): what training makes small, on average per image.

    Free bits: a latent's KL counts as free_bits if it is smaller, on
    average over the batch. Kingma et al. (2016), equation 15.
    """
    c = model.config
    if c.importance:
        loss = -importance_bound(model, x, eps).mean()
        return loss, {"loss": loss.item()}
    fit, kl = elbo_terms(model, x, eps)
    fit, kl = fit.mean(), kl.mean(axis=0)
    paid = maximum(kl, c.free_bits) if c.free_bits else kl
    loss = model.beta * paid.sum() - fit
    return loss, {"loss": loss.item(), "reconstruction": -fit.item(),
                  "kl": float(kl.data.sum())}


# -------------------------------------------------------------------- step


def binarize(images, rng):
    """Each pixel -1 or 1, drawn with the grey in [-1, 1] as its chance."""
    ink = 2 * rng.random(images.shape, np.float32) - 1 < images
    return ink.astype(images.dtype) * 2 - 1


class VAE:
    """Encoder, decoder and their optimiser; step() trains, sample() draws."""

    name = "vae"

    def __init__(self, config=None, rng=None):
        self.config = config = c = config or VAEConfig()
        if c.network == "dense":
            check_memory(c, ("hidden", "latent"), c.hidden * (
                2 * c.size ** 2 * c.channels + 2 * c.hidden + 3 * c.latent))
        else:
            check_memory(c, ("width", "latent", "classes"), c.width * (
                180 * c.width + 9 * (2 * c.channels + c.classes)
                + c.size ** 2 * (3 * c.latent + 2 * c.classes) // 8))
        rng = rng or np.random.default_rng(0)
        self.encoder = Encoder(config, rng)
        self.decoder = decoder(config, rng)
        self.opt = Adam(parameters(self.networks), config.lr, eps=config.eps)

    @property
    def networks(self):
        """Both, for what is done to both: stored, counted, differentiated."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    @property
    def beta(self):
        """The weight of the KL in this step: warming up, or beta."""
        c = self.config
        return c.beta * min(1, (int(self.opt.t) + 1) / max(1, c.warmup))

    @property
    def lr(self):
        """The learning rate in this step."""
        c, t = self.config, int(self.opt.t)
        return linear_decay(c.lr, t, c.decay_start, c.decay_end
                            ) if c.decay_end else c.lr

    def draw(self, k, n, rng):
        """Standard normal noise, K N latent, float32."""
        return _rng(rng).standard_normal((k, n, self.config.latent),
                                         np.float32)

    def step(self, images, rng, labels=None):
        """One update of both networks. images N H W C in [-1, 1], labels N.

        Returns the loss per image and, of the ELBO, its two terms.
        """
        check_images(images, self)
        x = binarize(images, rng) if self.config.binarize else images
        if self.opt.t == 0:
            start(self, x)
        x = self.told(x, labels)
        eps = self.draw(self.config.samples, len(x), rng)
        loss, report = objective(self, x, eps)
        weights = list(parameters(self.networks).values())
        self.opt.step(grad(loss, weights), self.lr)
        return report

    # -------------------------------------------------------------- sampling

    def told(self, x, labels):
        """The arrays x N ... C with channels for the labels, checked."""
        return with_labels(x, check_labels(labels, len(x), self.config),
                           self.config.classes)

    def sample(self, n, rng, labels=None):
        """n new images, N H W C in [-1, 1]: draws of the prior, decoded; of
        these classes, or of each class in turn."""
        c = self.config
        check_count(n, c)
        return self.decode(self.draw(1, n, rng)[0],
                           in_turn(labels, n, c))

    def decode(self, z, labels=None):
        """The mean image of each code. z N latent; N H W C in [-1, 1]."""
        y = in_parts(self.decoder, self.told(z, labels))
        if self.config.decoder == "gaussian":
            return tanh.forward(y)
        return 2 * sigmoid.forward(y) - 1

    def encode(self, images, labels=None):
        """(mu, logvar) of q(z given x), arrays N latent."""
        check_images(images, self)
        with no_grad():
            mu, logvar = self.encoder(Tensor(self.told(images, labels)))
        return mu.data, logvar.data

    def reconstruct(self, images, labels=None):
        """The images, encoded and decoded, with z the mean of q."""
        return self.decode(self.encode(images, labels)[0], labels)

    def interpolate(self, a, b, steps=8):
        """From image a to image b in equal steps of z. a, b H W C. Without
        classes."""
        (start, end), _ = self.encode(np.stack([a, b]))
        t = np.linspace(0, 1, steps, dtype=start.dtype)[:, None]
        return self.decode((1 - t) * start + t * end)

    # ------------------------------------------------------------- measuring

    def log_likelihood(self, images, k, rng, rows=5000, labels=None):
        """An estimate of log p(x) of each image, in nats: N numbers.

        The importance-weighted bound of k draws, of which no more than
        about `rows` are decoded at a time, so that memory does not grow
        with k or N.
        """
        check_images(images, self)
        if k < 1:
            raise ValueError(f"k is {k}; it must be at least 1")
        images = self.told(images, labels)
        found, at_once = [], max(1, rows // k)
        for start in range(0, len(images), at_once):
            x = images[start:start + at_once]
            parts = [min(rows, k - done) for done in range(0, k, rows)]
            with no_grad():
                w = np.concatenate([log_weights(self, x, self.draw(
                    part, len(x), rng)).data for part in parts])
            found.append(logsumexp.forward(w.astype(np.float64), axis=0)
                         - math.log(k))
        return np.concatenate(found)

    def active_units(self, images, threshold=0.01, labels=None):
        """Which latents are used: the variance of their mu over the images
        is above the threshold. Burda et al. (2016), section 5.2. Booleans.
        """
        return self.encode(images, labels)[0].var(axis=0) > threshold
