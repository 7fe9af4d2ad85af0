import numpy as np


def image_digits(h, w, c, levels):
    """Digits of levels^(h w c).   integers -> an integer"""
    return int(h * w * c * np.log10(levels)) + 1


def main_direction(x):
    """(u, lambda) with the largest lambda.   [n, d] -> [d], a number"""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    u = vectors[:, -1]
    return u * np.sign(u[np.abs(u).argmax()]), values[-1]


def draw_by_hand(mean, directions, variances, z):
    """m + (z sqrt(variances)) U.   [d], [k, d], [k], [n, k] -> [n, d]"""
    return mean + (z * np.sqrt(variances)) @ directions


def components_for(variances, share):
    """The fewest of them that add up to the share.   [d] -> an integer"""
    held = np.cumsum(np.sort(variances)[::-1]) / np.sum(variances)
    return int(np.sum(held < share - 1e-12)) + 1


def frechet_apart(a, b):
    """sum (m - m')^2 + (s - s')^2.   [n, f], [m, f] -> a number"""
    means = a.mean(axis=0) - b.mean(axis=0)
    spreads = a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)
    return np.sum(means ** 2 + spreads ** 2)


def mend_redraw(x, k):
    """m + (x - m) U U^T, U the k main directions.   [n, d] -> [n, d]"""
    mean = x.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(x.T))
    top = vectors[:, -k:]
    return mean + (x - mean) @ top @ top.T


def maker_by_hand(x, k, z):
    """Draws with the mean and main directions of x.   -> [m, d]"""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return draw_by_hand(x.mean(axis=0), vectors[:, ::-1][:, :k].T,
                        values[::-1][:k], z)
