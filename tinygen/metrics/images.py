"""Measures of generated images. All take N H W C in [-1, 1] or uint8."""

import numpy as np

from tinygen.data import as_float, in_range


def _as_float(images, who):
    return in_range(as_float(images), who)


def blur(images):
    """Each pixel averaged with its 8 neighbours, weights 1 2 1 each way.

    images N H W C; returns floats. Beyond the border the edge is repeated.
    """
    images = as_float(images)
    for axis in (1, 2):
        n = images.shape[axis]
        at = np.arange(n)
        before = images.take(np.maximum(at - 1, 0), axis)
        after = images.take(np.minimum(at + 1, n - 1), axis)
        images = (before + 2 * images + after) / 4
    return images


def nearest(samples, images, at_once=256):
    """For each sample the number of the image nearest to it.

    argmin_k |blur(sample) - blur(images[k])|^2, over pixels and channels:
    the blur forgives a shift of a pixel. Finds plain copies, and lends a
    sample the label of its neighbour. Returns integers N.
    """
    if samples.shape[1:] != images.shape[1:]:
        raise ValueError(f"nearest: samples are {samples.shape[1:]}, the "
                         f"images {images.shape[1:]}; they must be alike")
    a = blur(_as_float(samples, "nearest")).reshape(len(samples), -1)
    b = blur(_as_float(images, "nearest")).reshape(len(images), -1)
    square = (b * b).sum(axis=1)
    found = [np.argmin(square - 2 * a[k:k + at_once] @ b.T, axis=1)
             for k in range(0, len(a), at_once)]
    return np.concatenate(found)


def distances(images):
    """|x_i - x_j| / sqrt(number of values), N N. images N H W C."""
    x = images.reshape(len(images), -1).astype(np.float64)
    square = (x * x).sum(axis=1)
    gaps = np.maximum(square[:, None] + square - 2 * x @ x.T, 0)
    return np.sqrt(gaps / x.shape[1])


def diversity(samples):
    """Mean over i != j of |x_i - x_j| / sqrt(number of values).

    0 when all samples are the same image; to be compared with that of real
    images. ValueError: fewer than two samples.
    """
    if len(samples) < 2:
        raise ValueError("diversity needs at least two samples, got "
                         f"{len(samples)}")
    n, gaps = len(samples), distances(_as_float(samples, "diversity"))
    return float(gaps.sum() / (n * (n - 1)))


def psnr(images, truth):
    """10 log10(2^2 / mean (x - y)^2) for each image, in decibels: N.

    2 is the range of the values. 6 dB more is half the error; infinity
    where the two are equal. ValueError: shapes that differ.
    """
    if images.shape != truth.shape:
        raise ValueError(f"psnr: the images are {images.shape}, the truth "
                         f"{truth.shape}; they must be alike")
    gap = (_as_float(images, "psnr") - _as_float(truth, "psnr")).reshape(
        len(images), -1).astype(np.float64)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(4 / (gap ** 2).mean(axis=1))


def ssim(images, truth):
    """Structural similarity of each image to its truth, from -1 to 1: N.

    (2 m_x m_y + a)(2 s_xy + b) / ((m_x^2 + m_y^2 + a)(s_x^2 + s_y^2 + b)),
    with a = (0.01 L)^2, b = (0.03 L)^2 and L = 2, the range of the values,
    which are counted from black; means m, variances s^2 and covariance
    under a Gaussian window, 11 x 11, sigma 1.5, averaged over the places
    where it fits, and over channels. Wang et al. (2004).
    ValueError: shapes that differ, sides below 11.
    """
    from scipy.ndimage import correlate1d
    if images.shape != truth.shape:
        raise ValueError(f"ssim: the images are {images.shape}, the truth "
                         f"{truth.shape}; they must be alike")
    x, y = (1 + _as_float(a, "ssim").astype(np.float64)
            for a in (images, truth))       # black is 0: the means matter
    if x.ndim != 4 or min(x.shape[1:3]) < 11:
        raise ValueError("ssim takes images N H W C with sides of 11 pixels "
                         f"or more, not {x.shape}")
    window = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5 ** 2))

    def mean(a):
        for axis in (1, 2):
            a = correlate1d(a, window / window.sum(), axis)
        return a[:, 5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    sxx, syy, sxy = (mean(x * x) - mx * mx, mean(y * y) - my * my,
                     mean(x * y) - mx * my)
    a, b = 0.02 ** 2, 0.06 ** 2
    each = ((2 * mx * my + a) * (2 * sxy + b)
            / ((mx * mx + my * my + a) * (sxx + syy + b)))
    return each.mean(axis=(1, 2, 3))
