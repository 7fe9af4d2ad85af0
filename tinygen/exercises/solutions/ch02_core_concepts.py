import math

import numpy as np


def covered_share(points, others, radius):
    """The share with one of `others` within the radius.  [n, d], [m, d]"""
    gaps = points[:, None, :] - others[None, :, :]          # n m d
    nearest = (gaps ** 2).sum(axis=2).min(axis=1)
    return np.mean(nearest <= radius ** 2)


def normal_like(points, eps):
    """mean + eps A^T, A A^T the covariance.   [n, d], [m, d] -> [m, d]"""
    root = np.linalg.cholesky(np.cov(points.T))
    return points.mean(axis=0) + eps @ root.T


def density_of_exp(x, a):
    """Density of exp(a z), z standard normal.   [n], a number -> [n]"""
    z = np.log(x) / a
    return np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi) / (a * x)


def bridge_share(k):
    """P(-1/2 < tanh(k z) < 1/2), z standard normal.   a number -> a number"""
    z = np.arctanh(0.5) / k
    return math.erf(z / math.sqrt(2))


def translate_in_order(x, y):
    """Each x gets the y of its own rank.   [n], [n] -> [n]"""
    new = np.empty(len(x))
    new[np.argsort(x)] = np.sort(y)
    return new


def mend_judge_loss(on_real, on_fake):
    """-mean log D(real) - mean log(1 - D(made)), from logits."""
    return (np.logaddexp(0, -on_real).mean()
            + np.logaddexp(0, on_fake).mean())


def off_by(x, there, back):
    """|back * there * x - x|.   [n], numbers -> [n]"""
    return np.abs(back * there * x - x)


def harmonic_marks(clouds, real, radius):
    """2 p r / (p + r) of each, and 0 for 0 / 0.   k x [m, d], [n, d] -> [k]"""
    pairs = [(covered_share(made, real, radius),
              covered_share(real, made, radius)) for made in clouds]
    return np.array([2 * p * r / (p + r) if p + r else 0. for p, r in pairs])
