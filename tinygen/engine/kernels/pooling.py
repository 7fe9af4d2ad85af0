"""Upsampling and pooling: each output number reads a small block of pixels.

A tile is a row of the output where one thread alone writes it, and a whole
image where windows may overlap.
"""

import numpy as np

from .sizes import check_arrays, check_index, check_pool, check_spread
from .threads import kernel, run, tiles_for


@kernel
def sum_windows(x, y, size, stride, scale, part, parts):
    """y[n,i,j,c] = scale sum_uv x[n, i*stride+u, j*stride+v, c]."""
    n, ho, wo, c = y.shape
    for tile in range(part, n * ho, parts):
        image, i = tile // ho, tile % ho
        for j in range(wo):
            out = y[image, i, j]
            out[:] = 0
            for u in range(size):
                for v in range(size):
                    pixel = x[image, i * stride + u, j * stride + v]
                    for k in range(c):
                        out[k] += scale * pixel[k]


@kernel
def spread_windows(g, x, size, stride, scale, part, parts):
    """x[n, i*stride+u, j*stride+v, c] += scale g[n,i,j,c]."""
    n, ho, wo, c = g.shape
    for image in range(part, n, parts):
        x[image] = 0
        for i in range(ho):
            for j in range(wo):
                pixel = g[image, i, j]
                for u in range(size):
                    for v in range(size):
                        out = x[image, i * stride + u, j * stride + v]
                        for k in range(c):
                            out[k] += scale * pixel[k]


@kernel
def find_maxima(x, index, size, stride, part, parts):
    """index[n,i,j,c] = h*W + w of the first maximum; NaN is the largest."""
    n, ho, wo, c = index.shape
    w = x.shape[2]
    best = np.empty(c, x.dtype)
    for tile in range(part, n * ho, parts):
        image, i = tile // ho, tile % ho
        for j in range(wo):
            at = index[image, i, j]
            at[:] = i * stride * w + j * stride
            best[:] = x[image, i * stride, j * stride]
            for u in range(size):
                for v in range(size):
                    pixel = x[image, i * stride + u, j * stride + v]
                    here = (i * stride + u) * w + j * stride + v
                    for k in range(c):
                        # not (a <= b) is a > b, or a or b NaN
                        better = not pixel[k] <= best[k]
                        better &= best[k] == best[k]
                        best[k] = pixel[k] if better else best[k]
                        at[k] = here if better else at[k]


@kernel
def read_at(x, index, y, part, parts):
    """y[n,q,c] = x[n, index[n,q,c], c]."""
    n, pixels, c = index.shape
    for image in range(part, n, parts):
        for q in range(pixels):
            for k in range(c):
                y[image, q, k] = x[image, index[image, q, k], k]


@kernel
def add_at(g, index, x, part, parts):
    """x[n, index[n,q,c], c] += g[n,q,c]."""
    n, pixels, c = index.shape
    for image in range(part, n, parts):
        x[image] = 0
        for q in range(pixels):
            for k in range(c):
                x[image, index[image, q, k], k] += g[image, q, k]


# --- the functions of this package -----------------------------------------

def upsample2d(x):
    """y[n,i,j,c] = x[n, i//2, j//2, c]: nearest neighbour, twice the size."""
    check_arrays(x=x)
    return spread(x, (2 * x.shape[1], 2 * x.shape[2]), 2, 2, 1)


def upsample2d_adjoint(g):
    """x[n,i,j,c] = the sum of g over the 2x2 block that upsample2d wrote."""
    return summed(g, 2, 2, 1)


def avg_pool2d(x, size, stride):
    """y[n,i,j,c] = mean_uv x[n, i*stride+u, j*stride+v, c], u, v < size."""
    check_pool(x, size, stride)
    return summed(x, size, stride, 1 / size**2)


def avg_pool2d_adjoint(g, hw, size, stride):
    """x[n, i*stride+u, j*stride+v, c] += g[n,i,j,c] / size**2; [n, *hw, c]."""
    check_spread(g, hw, size, stride)
    return spread(g, hw, size, stride, 1 / size**2)


def summed(x, size, stride, scale):
    ho, wo = check_pool(x, size, stride)
    y = np.empty((len(x), ho, wo, x.shape[3]), x.dtype)
    run(sum_windows, np.ascontiguousarray(x), y, size, stride,
        x.dtype.type(scale), tiles=tiles_for(x.size, len(x) * ho))
    return y


def spread(g, hw, size, stride, scale):
    x = np.empty((len(g), *hw, g.shape[3]), g.dtype)
    run(spread_windows, np.ascontiguousarray(g), x, size, stride,
        g.dtype.type(scale), tiles=tiles_for(x.size, len(x)))
    return x


def max_pool2d_argmax(x, size, stride):
    """Where each window has its maximum: h*W + w, int64, [n, ho, wo, c].

    Of equal values the first in row-major order wins; NaN counts as largest.
    """
    ho, wo = check_pool(x, size, stride)
    index = np.empty((len(x), ho, wo, x.shape[3]), np.int64)
    run(find_maxima, np.ascontiguousarray(x), index, size, stride,
        tiles=tiles_for(x.size, len(x) * ho))
    return index


def as_rows(a):
    """[n, h, w, c] as [n, h*w, c]."""
    n, h, w, c = a.shape
    return np.ascontiguousarray(a).reshape(n, h * w, c)


def gather_hw(x, index):
    """y[n,i,j,c] = x[n, h, w, c], with index[n,i,j,c] = h*W + w."""
    check_index(index, len(x), x.shape[1:3], x.shape[3])
    y = np.empty(index.shape, x.dtype)
    run(read_at, as_rows(x), as_rows(index), as_rows(y),
        tiles=tiles_for(y.size, len(x)))
    return y


def scatter_hw(g, index, hw):
    """The adjoint of gather_hw: x[n, h, w, c] += g[n,i,j,c]; [n, *hw, c]."""
    check_index(index, len(g), hw, g.shape[3])
    x = np.empty((len(g), *hw, g.shape[3]), g.dtype)
    run(add_at, as_rows(g), as_rows(index), as_rows(x),
        tiles=tiles_for(x.size, len(x)))
    return x
