"""Sums over neighbouring axes, and passes that use them: the norms.

Axes that are neighbours, such as (0, 1, 2) or (1, 2), make x an array
[a, m, b] whose middle is summed over. Where b is small, r of the m rows are
laid side by side, so that a row is long enough for the processor's vectors.
Other axes are left to plain.py.

A tile sums up some rows, chunk t, in the array's own precision; the chunks
are put together in float64. So the rounding does not grow with m, and does
not depend on the number of threads.
"""

import functools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from . import plain
from .threads import kernel, run, tiles_for

FEW = 1 << 12  # numbers; NumPy sums up so few as fast
CHUNK = 64  # rows of a tile: few enough to stay in the cache


@kernel
def chunk(tile, out, m):
    """Tile number -> i, t, and the first row of chunk t and its last + 1."""
    i, t = tile // out.shape[2], tile % out.shape[2]
    return i, t, t * CHUNK, min(t * CHUNK + CHUNK, m)


@kernel
def row_sums(x, out, part, parts):
    """out[0,a,t,b] = sum of x over the m of chunk t."""
    for tile in range(part, out.shape[1] * out.shape[2], parts):
        i, t, first, end = chunk(tile, out, x.shape[1])
        total = out[0, i, t]
        total[:] = 0
        for m in range(first, end):
            row = x[i, m]
            for k in range(len(total)):
                total[k] += row[k]


@kernel
def row_moments(x, out, part, parts):
    """out[0,a,t,b] = mean of x over the m of chunk t, out[1,a,t,b] = sum of
    (x - its mean)^2: nothing cancels, however far from zero x is.

    Counted from the first row on: the mean of a constant is that number.
    """
    for tile in range(part, out.shape[1] * out.shape[2], parts):
        i, t, first, end = chunk(tile, out, x.shape[1])
        mean, square, start = out[0, i, t], out[1, i, t], x[i, first]
        mean[:] = 0
        square[:] = 0
        for m in range(first + 1, end):
            row = x[i, m]
            for k in range(len(mean)):
                mean[k] += row[k] - start[k]
        for k in range(len(mean)):
            mean[k] = start[k] + mean[k] / x.dtype.type(end - first)
        for m in range(first, end):
            row = x[i, m]
            for k in range(len(mean)):
                square[k] += (row[k] - mean[k]) * (row[k] - mean[k])


@kernel
def row_products(p, q, centre, out, part, parts):
    """out[0,a,t,b] = sum of p over the m of chunk t, out[1,a,t,b] = sum of
    p (q - centre); centre is [a, b]."""
    for tile in range(part, out.shape[1] * out.shape[2], parts):
        i, t, first, end = chunk(tile, out, p.shape[1])
        total, product, c = out[0, i, t], out[1, i, t], centre[i]
        total[:] = 0
        product[:] = 0
        for m in range(first, end):
            p_row, q_row = p[i, m], q[i, m]
            for k in range(len(c)):
                total[k] += p_row[k]
                product[k] += p_row[k] * (q_row[k] - c[k])


@kernel
def join_moments(sums, rows, mean, var):
    """Mean and variance, [a, b], from the chunks' [2, a, t, r, b]."""
    _, a, chunks, r, b = sums.shape
    for i in range(a):
        centre, square = np.zeros(b), np.zeros(b)
        for t in range(chunks):
            n = min(CHUNK, rows - t * CHUNK)
            for j in range(r):
                for k in range(b):
                    centre[k] += n * sums[0, i, t, j, k]
        centre /= rows * r
        for t in range(chunks):
            n = min(CHUNK, rows - t * CHUNK)
            for j in range(r):
                for k in range(b):
                    d = sums[0, i, t, j, k] - centre[k]
                    square[k] += sums[1, i, t, j, k] + n * d * d
        mean[i] = centre
        var[i] = square / (rows * r)


@kernel
def combine_rows(p, q, centre, scale, slope, shift, out, part, parts):
    """out[a,m,b] = scale p + slope (q - centre) + shift, all four [a, b]."""
    a, m, b = p.shape
    for row in range(part * a * m // parts, (part + 1) * a * m // parts):
        i, j = row // m, row % m
        p_row, q_row, out_row = p[i, j], q[i, j], out[i, j]
        c, d, e, f = centre[i], scale[i], slope[i], shift[i]
        for k in range(b):
            out_row[k] = d[k] * p_row[k] + e[k] * (q_row[k] - c[k]) + f[k]


# --- the functions of this package -----------------------------------------

@functools.lru_cache(maxsize=1000)
def groups(shape, axes):
    """((a, m/r, r b), r, shape with 1 for each of the axes), or None if the
    axes are no neighbours, or none."""
    axes = sorted(normalize_axis_tuple(axes, len(shape)))
    first, end = (axes[0], axes[-1] + 1) if axes else (0, 1)
    if axes != list(range(first, end)) or 0 in shape:
        return None
    a, m, b = (math.prod(part) for part in (
        shape[:first], shape[first:end], shape[end:]))
    r = math.gcd(m, 1 << max(0, 10 - b.bit_length()))  # r b < 1,024
    kept = (*shape[:first], *[1] * (end - first), *shape[end:])
    return (a, m // r, r * b), r, kept


def chunk_sums(function, count, x, *more):
    """function's sums over each chunk of rows of x: [count, a, t, r b]."""
    a, m, b = x.shape
    out = np.empty((count, a, -(-m // CHUNK), b), x.dtype)
    run(function, x, *more, out,
        tiles=tiles_for(x.size, out.shape[1] * out.shape[2]))
    return out


def as_rows(x, shape):
    return np.ascontiguousarray(x).reshape(shape)


def spread(number, group, dtype):
    """One number, one a column or one a group, as [a, r b]."""
    (a, _, width), r, _ = group
    out = np.empty((a, r, width // r), dtype)
    number = np.asarray(number)
    out[...] = number if number.size == 1 else number.reshape(
        -1, 1, width // r)
    return out.reshape(a, width)


def sum_over(x, axes):
    """x summed over `axes`, which are kept with length 1."""
    group = groups(x.shape, axes) if x.size > FEW else None
    if group is None:
        return plain.sum_over(x, axes)
    rows, r, kept = group
    sums = chunk_sums(row_sums, 1, as_rows(x, rows))
    total = sums.reshape(rows[0], -1, rows[2] // r).sum(1, np.float64)
    return total.astype(x.dtype).reshape(kept)


def moments(x, axes):
    """Mean and variance (over n, not n - 1) over `axes`, which are kept."""
    group = groups(x.shape, axes)
    if group is None:
        return plain.moments(x, axes)
    rows, r, kept = group
    sums = chunk_sums(row_moments, 2, as_rows(x, rows))
    mean, var = np.empty((2, rows[0], rows[2] // r), x.dtype)
    join_moments(sums.reshape(2, rows[0], -1, r, rows[2] // r), rows[1],
                 mean, var)
    return mean.reshape(kept), var.reshape(kept)


def product_sums(p, q, centre, axes):
    """The sums of p and of p (q - centre) over `axes`, in one array."""
    group = groups(p.shape, axes)
    if group is None:
        return plain.product_sums(p, q, centre, axes)
    rows, r, kept = group
    sums = chunk_sums(row_products, 2, as_rows(p, rows), as_rows(q, rows),
                      spread(centre, group, p.dtype))
    totals = sums.reshape(2, rows[0], -1, rows[2] // r).sum(2, np.float64)
    return totals.astype(p.dtype).reshape(2, *kept)


def combine(p, q, centre, scale, slope, shift, axes):
    """scale p + slope (q - centre) + shift; all but p and q are constant
    along `axes`."""
    group = groups(p.shape, axes)
    if group is None:
        return plain.combine(p, q, centre, scale, slope, shift, axes)
    out, rows = np.empty(p.shape, p.dtype), group[0]
    run(combine_rows, as_rows(p, rows), as_rows(q, rows),
        *(spread(number, group, p.dtype)
          for number in (centre, scale, slope, shift)),
        out.reshape(rows), tiles=tiles_for(p.size))
    return out
