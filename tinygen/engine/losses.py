"""Losses: one number that training makes small, each with its source.

All take Tensors and return a Tensor of one number, the mean over the
batch. Logits are scores before a sigmoid or softmax, any real number.
"""

import numpy as np

from tinygen.engine import ops
from tinygen.engine.autograd import Tensor, grad, op, recording
from tinygen.engine.ops import like, sigmoid, softplus


def _same_shape(name, a, b):
    if np.shape(a) != np.shape(b):      # (N, 1) and (N,) would make (N, N)
        raise ValueError(f"{name}: shapes {np.shape(a)} and {np.shape(b)} "
                         "must be the same; use reshape")
    if not np.size(a):
        raise ValueError(f"{name} of shape {np.shape(a)}: nothing to average")


@op()
def bce_terms(logits, target):
    """y = -t log s(l) - (1-t) log(1 - s(l)) = max(l, 0) - l t + log(1 +
    e^-|l|), s the sigmoid: finite for every logit l."""
    return (np.maximum(logits, 0) - logits * target
            + np.log1p(np.exp(-np.abs(logits))))


bce_terms.rules = (
    lambda g, y, logits, t: like(g * (sigmoid(logits) - t), logits),
    lambda g, y, logits, t: like(-g * logits, t))


def bce_with_logits(logits, target):
    """Mean binary cross-entropy. target in [0, 1], one number or one for
    each logit."""
    if np.ndim(target):
        _same_shape("bce_with_logits", logits, target)
    return bce_terms(logits, target).mean()


def cross_entropy(logits, labels):
    """Mean over n of -log softmax(logits[n])[labels[n]]. logits N K."""
    labels = np.asarray(labels)
    if labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"cross_entropy: labels must be {logits.shape[0]} integers, got "
            f"{labels.dtype} of shape {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < len(logits.T):
        raise ValueError(
            f"cross_entropy: labels must be 0..{logits.shape[1] - 1}, got "
            f"{labels.min()}..{labels.max()}")
    picked = ops.log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return -picked.mean()


# ----------------------------------------------------- games of two networks
# Each takes the discriminator's logits on real and on generated images.


def non_saturating(real, fake=None):
    """D: -E log D(x) - E log(1 - D(G(z))). G: -E log D(G(z)).

    Goodfellow et al. (2014), section 3. Called with real and fake logits
    it is D's loss, with fake logits alone G's; so are the others below.
    """
    if fake is None:
        return softplus(-real).mean()
    return softplus(-real).mean() + softplus(fake).mean()


def minimax(real, fake=None):
    """D as above. G: E log(1 - D(G(z))), flat where D is sure.

    Goodfellow et al. (2014), equation 1.
    """
    return -softplus(real).mean() if fake is None else non_saturating(
        real, fake)


def least_squares(real, fake=None):
    """D: E (D(x) - 1)^2 + E D(G(z))^2. G: E (D(G(z)) - 1)^2.

    Mao et al. (2017), with labels 1 and 0, without the halves.
    """
    if fake is None:
        return ((real - 1) ** 2).mean()
    return ((real - 1) ** 2).mean() + (fake ** 2).mean()


def hinge(real, fake=None):
    """D: E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))). G: -E D(G(z)).

    Lim and Ye (2017); Miyato et al. (2018), equations 16 and 17.
    """
    if fake is None:
        return -real.mean()
    return ops.relu(1 - real).mean() + ops.relu(1 + fake).mean()


def wasserstein(real, fake=None):
    """D: E D(G(z)) - E D(x). G: -E D(G(z)). Arjovsky et al. (2017).

    D must be kept 1-Lipschitz: see gradient_penalty.
    """
    return -real.mean() if fake is None else fake.mean() - real.mean()


def gradient_penalty(critic, real, fake, rng):
    """Mean of (|grad_x D(x)| - 1)^2 at random points between real and fake.

    critic: Tensor N ... -> N 1 logits; real, fake: arrays N ...; the
    gradient is itself differentiated. Gulrajani et al. (2017), equation 3.
    """
    _same_shape("gradient_penalty", real, fake)
    t = rng.random((len(real),) + (1,) * (real.ndim - 1), dtype=real.dtype)
    x = Tensor(t * real + (1 - t) * fake)
    with recording(True):
        dx, = grad(critic(x).sum(), [x], create_graph=True)
    norm = ((dx * dx).reshape(len(real), -1).sum(axis=1) + 1e-12) ** 0.5
    return ((norm - 1) ** 2).mean()


# ------------------------------------------------------------- reconstruction


def kl_terms(mu, logvar):
    """KL(N(mu, e^logvar) to N(0, 1)) = (mu^2 + e^logvar - 1 - logvar) / 2.

    Kingma and Welling (2014), appendix B. mu, logvar and y N K.
    """
    return 0.5 * (mu * mu + ops.exp(logvar) - 1 - logvar)


def gaussian_kl(mu, logvar):
    """kl_terms, summed over latents, mean over N. mu, logvar N K."""
    _same_shape("gaussian_kl", mu, logvar)
    return kl_terms(mu, logvar).sum() / mu.shape[0]


def bernoulli_reconstruction(logits, x):
    """-log p(x given z), Bernoulli pixels: summed over pixels, mean over N.

    x in [-1, 1] is mapped to [0, 1] here. Same shapes, N ...
    """
    x = np.asarray(x)
    _same_shape("bernoulli_reconstruction", logits, x)
    if not (np.min(x) >= -1 and np.max(x) <= 1):
        raise ValueError("bernoulli_reconstruction: images must be in "
                         f"[-1, 1], got {np.min(x):.3g}..{np.max(x):.3g}")
    return bce_terms(logits, (x + 1) / 2).sum() / len(x)


def gaussian_reconstruction(y, x, logvar=0.0):
    """-log N(x; y, e^logvar): summed over pixels, mean over N, nats."""
    _same_shape("gaussian_reconstruction", y, x)
    logvar = logvar if isinstance(logvar, Tensor) else Tensor(logvar, y.dtype)
    terms = (y - x) ** 2 * ops.exp(-logvar) + logvar + np.log(2 * np.pi)
    return 0.5 * terms.sum() / y.shape[0]


def l1(y, x):
    """Mean of |y - x|."""
    _same_shape("l1", y, x)
    return ops.abs(y - x).mean()
