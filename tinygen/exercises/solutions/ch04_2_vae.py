import numpy as np

import tinygen as tg

# ------------------------------------------------------- the article's listing


def encoder_sides(side):
    """The side after each of the 5 layers: half, rounded up, down, up, ..."""
    sides = []
    for layer in range(5):
        side = side // 2 if layer % 2 else (side + 1) // 2
        sides.append(side)
    return sides


def undo_shift(w, b, c):
    """b + c sum_k w[k]: (z - c) w + b' = z w + b.   [k, h], [h] -> [h]"""
    return b + c * np.sum(w, axis=0)


def fresh_adam_moves(gradients, lr):
    """-lr sum_t sign(g_t): each step is a first one.   [t] -> a number"""
    return -lr * np.sum(np.sign(gradients))


# ----------------------------------------------------------- data and encoder


def binarise(images, u):
    """1 where u < grey / 255, a draw of each pixel.   uint8, float alike"""
    return (u < images / 255).astype(float)


def two_heads(h, w, b):
    """(mu, logvar), the halves of h w + b.   [n, d] -> [n, k], [n, k]"""
    y = h @ w + b                                           # n 2k
    k = len(b) // 2
    return y[:, :k], y[:, k:]


# -------------------------------------------------- sampling and the decoder


def reparameterize(mu, logvar, eps):
    """mu + e^(logvar / 2) eps.   Tensors [n, k], array [n, k] -> Tensor"""
    return mu + tg.exp(logvar / 2) * eps


def mend_std(mu, logvar, eps):
    """(z, KL): both of N(mu, e^logvar).   3 x [n, k] -> [n, k], [n]"""
    z = mu + np.exp(logvar / 2) * eps
    kl = 0.5 * np.sum(mu ** 2 + np.exp(logvar) - 1 - logvar, axis=1)
    return z, kl


def bernoulli_log_likelihood(logits, x):
    """sum_d x l - log(1 + e^l), finite for every l.   2 x [n, d] -> [n]"""
    return np.sum(x * logits - np.logaddexp(0, logits), axis=1)


def implied_sigma(weight):
    """1 / (2 sigma^2) = weight, solved for sigma.   [m] -> [m]"""
    return 1 / np.sqrt(2 * weight)


# --------------------------------------------------------------- the objective


def kl_to_prior(mu, logvar):
    """1/2 sum_k (mu^2 + e^logvar - 1 - logvar).   2 x [n, k] -> [n]"""
    return 0.5 * np.sum(mu ** 2 + np.exp(logvar) - 1 - logvar, axis=1)


def mend_average(logits, x, mu, logvar):
    """mean_n (sum_d cross-entropy + sum_k KL).   -> a number, in nats"""
    pixels = np.logaddexp(0, logits) - x * logits           # n d
    latents = 0.5 * (mu ** 2 + np.exp(logvar) - 1 - logvar)   # n k
    return (np.sum(pixels) + np.sum(latents)) / len(x)


def latent_slopes(dz, mu, logvar, eps):
    """(dL/dmu, dL/dlogvar), L = rec(z) + KL.   4 x [n, k] -> 2 x [n, k]"""
    std = np.exp(logvar / 2)
    return dz + mu, dz * eps * std / 2 + (std ** 2 - 1) / 2


# ------------------------------------------------------- beta and the collapse


def kl_warmup(step, warmup):
    """min(1, step / warmup), and 1 from the start if warmup is 0."""
    return min(1.0, step / warmup) if warmup else 1.0


def free_bits(kl, floor):
    """sum_k max(floor, mean_n kl[n, k]).   [n, k] -> a number"""
    return np.sum(np.maximum(floor, np.mean(kl, axis=0)))


def active_units(mu, threshold):
    """How many columns of mu vary by more than that.   [n, k] -> integer"""
    return int(np.sum(np.var(mu, axis=0) > threshold))


# ------------------------------------------------------------- a tighter bound


def log_importance_weight(log_px, mu, logvar, eps):
    """log p(x|z) + log p(z) - log q(z|x).   [n], 3 x [n, k] -> [n]

    log p(z) and log q(z|x) both hold -k/2 log(2 pi), which cancels.
    """
    z = mu + np.exp(logvar / 2) * eps
    log_prior = -0.5 * np.sum(z ** 2, axis=1)
    log_q = -0.5 * np.sum(eps ** 2 + logvar, axis=1)
    return log_px + log_prior - log_q


def iwae_bound(log_w):
    """log(1/s sum_s e^log_w), the largest taken out.   [n, s] -> [n]"""
    top = np.max(log_w, axis=1)
    return top + np.log(np.mean(np.exp(log_w - top[:, None]), axis=1))


# -------------------------------------------------------------------- capstone


def _moved(linear, x, slope, lr):
    """(w, b) after a step; slope is that of the loss against x w + b."""
    w, b = linear
    return w - lr * x.T @ slope, b - lr * np.sum(slope, axis=0)


def vae_step_capstone(enc, dec, x, eps, lr):
    """(enc, dec, loss) after a step down -ELBO, the mean over the batch."""
    mu, logvar = two_heads(x, *enc)
    z = reparameterize(tg.Tensor(mu), tg.Tensor(logvar), eps).data
    w, b = dec
    logits = z @ w + b
    loss = np.mean(kl_to_prior(mu, logvar)
                   - bernoulli_log_likelihood(logits, x))
    dlogits = np.exp(-np.logaddexp(0, -logits)) - x         # sigmoid - x
    dheads = np.hstack(latent_slopes(dlogits @ w.T, mu, logvar, eps))
    lr = lr / len(x)
    return _moved(enc, x, dheads, lr), _moved(dec, z, dlogits, lr), loss
