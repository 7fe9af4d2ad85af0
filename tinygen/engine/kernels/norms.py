"""Normalisation: one pass for the sums, one for the result.

Axes that are neighbours, such as (0, 1, 2) or (1, 2), make a batch of images
an array [a, m, b] whose middle axis is averaged over. Other axes, and the
last one, are left to plain.py.
"""

import math

import numpy as np

from . import plain
from .threads import kernel, run, tiles_for

CHUNK = 128  # rows of the middle axis that a tile sums up


@kernel
def sums(p, q, shift, out, part, parts):
    """out[0,a,t,b] = sum over the m of chunk t of p - shift,
    out[1,a,t,b] = sum of (p - shift) (q - shift); shift is [a, b]."""
    chunks, b = out.shape[2:]
    for tile in range(part, p.shape[0] * chunks, parts):
        i, t = tile // chunks, tile % chunks
        first, second, zero = out[0, i, t], out[1, i, t], shift[i]
        first[:] = 0
        second[:] = 0
        for m in range(t * CHUNK, min(t * CHUNK + CHUNK, p.shape[1])):
            p_row, q_row = p[i, m], q[i, m]
            for k in range(b):
                d = np.float64(p_row[k]) - zero[k]
                first[k] += d
                second[k] += d * (np.float64(q_row[k]) - zero[k])


@kernel
def combine(p, q, c, d, scale, out, part, parts):
    """out[a,m,b] = scale (p - c - d q); c, d and scale are [a, b]."""
    a, m, b = p.shape
    for row in range(part * a * m // parts, (part + 1) * a * m // parts):
        i, j = row // m, row % m
        p_row, q_row, out_row = p[i, j], q[i, j], out[i, j]
        c_row, d_row, scale_row = c[i], d[i], scale[i]
        for k in range(b):
            out_row[k] = scale_row[k] * (
                p_row[k] - c_row[k] - d_row[k] * q_row[k])


def as_three(x, axes):
    """x as a contiguous [a, m, b] with `axes` in the middle, or None."""
    axes = sorted(axis % x.ndim for axis in axes)
    first, end = axes[0], axes[-1] + 1
    if axes != list(range(first, end)) or end == x.ndim:
        return None
    return np.ascontiguousarray(x).reshape(
        math.prod(x.shape[:first]), -1, math.prod(x.shape[end:]))


def means(p, q, shift):
    """The two sums of the kernel, over all of m, divided by m: [2, a, b]."""
    a, m, b = p.shape
    out = np.empty((2, a, -(-m // CHUNK), b))  # float64 for either dtype
    run(sums, p, q, shift, out, tiles=tiles_for(p.size, out[0, :, :, 0].size))
    return out.sum(axis=2) / m


def normalize(x, axes, eps):
    """y = (x - mean) * rstd, rstd = 1 / sqrt(variance + eps); y, mean, rstd.

    Mean and variance (over n, not n - 1) are taken over `axes`; mean and
    rstd keep these axes with length 1, so that they broadcast against x.
    """
    x3 = as_three(x, axes)
    if x3 is None:
        return plain.normalize(x, axes, eps)
    # variance = E d^2 - (E d)^2 with d = x - shift: shift is near the mean,
    # so nothing cancels that double precision would miss
    shift = x3[:, 0].copy()
    d, d2 = means(x3, x3, shift)
    mean = (shift + d).astype(x.dtype)
    rstd = (1 / np.sqrt(d2 - d * d + eps)).astype(x.dtype)
    y = np.empty(x.shape, x.dtype)
    run(combine, x3, x3, mean, np.zeros_like(mean), rstd, y.reshape(x3.shape),
        tiles=tiles_for(x.size))
    kept = tuple(1 if i in axes or i - x.ndim in axes else n
                 for i, n in enumerate(x.shape))
    return y, mean.reshape(kept), rstd.reshape(kept)


def normalize_grad(g, y, rstd, axes):
    """dx = rstd * (g - mean(g) - y mean(g y)), the means over `axes`."""
    g3, y3 = as_three(g, axes), as_three(y, axes)
    if g3 is None:
        return plain.normalize_grad(g, y, rstd, axes)
    scale = np.ascontiguousarray(rstd).reshape(len(g3), -1)
    mean_g, mean_gy = means(g3, y3, np.zeros_like(scale)).astype(g.dtype)
    dx = np.empty(g.shape, g.dtype)
    run(combine, g3, y3, mean_g, mean_gy, scale, dx.reshape(g3.shape),
        tiles=tiles_for(g.size))
    return dx
