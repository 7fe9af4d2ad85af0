"""Normalisation over any block of axes, and the leaky ReLU.

Axes that are neighbours, such as (0, 1, 2) or (1, 2), make an image batch a
three-dimensional array [a, m, b] whose middle axis is averaged over.
"""
import math

import numpy as np

from . import plain
from .threads import kernel, run

CHUNK = 128       # rows of the middle axis that one tile sums
SMALL = 1 << 14   # numbers; below this, one thread is faster than two


def tiles_for(x):
    return 1 if x.size < SMALL else -(-x.size // SMALL)


def as_three(shape, axes):
    """(a, m, b) and whether b is averaged over too; None if not possible."""
    axes = sorted(axis % len(shape) for axis in axes)
    first, last = axes[0], axes[-1]
    to_the_end = last == len(shape) - 1
    inner = last if to_the_end else last + 1
    a, m = math.prod(shape[:first]), math.prod(shape[first:inner])
    if axes != list(range(first, last + 1)) or m == 1:
        return None
    return (a, m, math.prod(shape[inner:])), to_the_end


# --- sums over the middle axis, in chunks ----------------------------------

@kernel
def moments(x, mean, square, part, parts):
    """mean[a,t,b] of chunk t, square[a,t,b] = sum (x - mean[a,t,b])**2."""
    a, chunks, b = mean.shape
    for tile in range(part, a * chunks, parts):
        i, t = tile // chunks, tile % chunks
        rows = x[i, t * CHUNK:(t + 1) * CHUNK]
        mu, sq = mean[i, t], square[i, t]
        mu[:] = 0
        sq[:] = 0
        for r in range(len(rows)):
            row = rows[r]
            for k in range(b):
                mu[k] += row[k]
        for k in range(b):
            mu[k] /= len(rows)
        for r in range(len(rows)):
            row = rows[r]
            for k in range(b):
                sq[k] += (row[k] - mu[k]) ** 2


@kernel
def grad_sums(g, y, sum_g, sum_gy, part, parts):
    """sum_g[a,t,b] = sum of g over chunk t, sum_gy[a,t,b] = sum of g y."""
    a, chunks, b = sum_g.shape
    for tile in range(part, a * chunks, parts):
        i, t = tile // chunks, tile % chunks
        g_rows = g[i, t * CHUNK:(t + 1) * CHUNK]
        y_rows = y[i, t * CHUNK:(t + 1) * CHUNK]
        sg, sgy = sum_g[i, t], sum_gy[i, t]
        sg[:] = 0
        sgy[:] = 0
        for r in range(len(g_rows)):
            g_row, y_row = g_rows[r], y_rows[r]
            for k in range(b):
                sg[k] += g_row[k]
                sgy[k] += g_row[k] * y_row[k]


# --- the results, one pass each --------------------------------------------

@kernel
def standardise(x, mean, rstd, y, part, parts):
    """y[a,m,b] = (x[a,m,b] - mean[a,b]) * rstd[a,b]."""
    a, m, b = x.shape
    for row in range(part * a * m // parts, (part + 1) * a * m // parts):
        i, j = row // m, row % m
        source, out, mu, scale = x[i, j], y[i, j], mean[i], rstd[i]
        for k in range(b):
            out[k] = (source[k] - mu[k]) * scale[k]


@kernel
def standardise_grad(g, y, mean_g, mean_gy, rstd, dx, part, parts):
    """dx = rstd * (g - mean_g - y mean_gy); means and rstd are [a, b]."""
    a, m, b = g.shape
    for row in range(part * a * m // parts, (part + 1) * a * m // parts):
        i, j = row // m, row % m
        g_row, y_row, out = g[i, j], y[i, j], dx[i, j]
        mg, mgy, scale = mean_g[i], mean_gy[i], rstd[i]
        for k in range(b):
            out[k] = scale[k] * (g_row[k] - mg[k] - y_row[k] * mgy[k])


def spread(array, a, b):
    """[a, 1, b or 1] as a contiguous [a, b]."""
    return np.ascontiguousarray(np.broadcast_to(array.reshape(a, -1), (a, b)))


def normalize(x, axes, eps):
    """y = (x - mean) * rstd, rstd = 1 / sqrt(variance + eps); y, mean, rstd.

    Mean and variance (over n, not n - 1) are taken over `axes`; mean and
    rstd keep these axes with length 1, so that they broadcast against x.
    """
    three = as_three(x.shape, axes)
    if three is None:
        return plain.normalize(x, axes, eps)
    (a, m, b), to_the_end = three
    over = (1, 2) if to_the_end else (1,)
    x3 = np.ascontiguousarray(x).reshape(a, m, b)
    means = np.empty((a, -(-m // CHUNK), b), x.dtype)
    squares = np.empty_like(means)
    run(moments, x3, means, squares,
        tiles=min(tiles_for(x), a * means.shape[1]))
    # chunks of unequal length: sum n_t mean_t = n mean, and the squares about
    # the common mean are those about mean_t plus n_t (mean_t - mean)**2
    n_t = np.full((1, means.shape[1], 1), CHUNK, x.dtype)
    n_t[0, -1] = m - CHUNK * (means.shape[1] - 1)
    n = m * b if to_the_end else m
    mean = (means * n_t).sum(axis=over, keepdims=True) / n
    squares += n_t * (means - mean) ** 2
    rstd = 1 / np.sqrt(squares.sum(axis=over, keepdims=True) / n + eps)
    y = np.empty(x.shape, x.dtype)
    run(standardise, x3, spread(mean, a, b), spread(rstd, a, b),
        y.reshape(a, m, b), tiles=min(tiles_for(x), a * m))
    kept = tuple(1 if i in axes or i - x.ndim in axes else size
                 for i, size in enumerate(x.shape))
    return y, mean.reshape(kept), rstd.reshape(kept)


def normalize_grad(g, y, rstd, axes):
    """dx = rstd * (g - mean(g) - y mean(g y)), the means over `axes`."""
    three = as_three(g.shape, axes)
    if three is None:
        return plain.normalize_grad(g, y, rstd, axes)
    (a, m, b), to_the_end = three
    over = (1, 2) if to_the_end else (1,)
    g3 = np.ascontiguousarray(g).reshape(a, m, b)
    y3 = np.ascontiguousarray(y).reshape(a, m, b)
    sums = np.empty((2, a, -(-m // CHUNK), b), g.dtype)
    run(grad_sums, g3, y3, sums[0], sums[1],
        tiles=min(tiles_for(g), a * sums.shape[2]))
    n = m * b if to_the_end else m
    mean_g, mean_gy = (s.sum(axis=over, keepdims=True) / n for s in sums)
    dx = np.empty(g.shape, g.dtype)
    run(standardise_grad, g3, y3, spread(mean_g, a, b), spread(mean_gy, a, b),
        spread(rstd, a, b), dx.reshape(a, m, b),
        tiles=min(tiles_for(g), a * m))
    return dx


# --- activation ------------------------------------------------------------

@kernel
def leaky(x, slope, y, part, parts):
    """y = x where x > 0, slope * x elsewhere."""
    n = len(x)
    first, last = part * n // parts, (part + 1) * n // parts
    x, y = x[first:last], y[first:last]
    for i in range(last - first):
        y[i] = x[i] if x[i] > 0 else slope * x[i]


@kernel
def leaky_grad(g, x, slope, dx, part, parts):
    """dx = g where x > 0, slope * g elsewhere."""
    n = len(x)
    first, last = part * n // parts, (part + 1) * n // parts
    g, x, dx = g[first:last], x[first:last], dx[first:last]
    for i in range(last - first):
        dx[i] = g[i] if x[i] > 0 else slope * g[i]


def leaky_relu(x, slope):
    """y = x where x > 0, slope * x elsewhere; slope 0 is the ReLU."""
    if slope == 0:  # 0 * (-inf) would be NaN
        return plain.leaky_relu(x, 0)
    y = np.empty(x.shape, x.dtype)
    run(leaky, np.ascontiguousarray(x).reshape(-1), x.dtype.type(slope),
        y.reshape(-1), tiles=tiles_for(x))
    return y


def leaky_relu_grad(g, x, slope):
    """dx = g where x > 0, slope * g elsewhere."""
    dx = np.empty(x.shape, x.dtype)
    run(leaky_grad, np.ascontiguousarray(g).reshape(-1),
        np.ascontiguousarray(x).reshape(-1), x.dtype.type(slope),
        dx.reshape(-1), tiles=tiles_for(x))
    return dx
