"""Upsampling and pooling: each output number reads a small block of pixels.

The tiles are rows of the image where a row is written by one thread alone,
and whole images where windows may overlap.
"""
import numpy as np

from .sizes import check_equal, output_size
from .threads import kernel, run

SMALL = 1 << 14  # numbers; below this, one thread is faster than two


def share(function, *arrays, tiles):
    """Run on all threads if the first array is large."""
    arrays = [np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a
              for a in arrays]
    run(function, *arrays, tiles=tiles if arrays[0].size >= SMALL else 1)


# --- upsampling ------------------------------------------------------------

@kernel
def upsample_rows(x, y, part, parts):
    """y[n,i,j,c] = x[n, i//2, j//2, c]."""
    n, h, w, c = x.shape
    for tile in range(part, n * h, parts):
        image, i = tile // h, tile % h
        for u in range(2):
            for j in range(w):
                pixel = x[image, i, j]
                left = y[image, 2 * i + u, 2 * j]
                right = y[image, 2 * i + u, 2 * j + 1]
                for k in range(c):
                    left[k] = pixel[k]
                    right[k] = pixel[k]


@kernel
def sum_blocks(g, x, part, parts):
    """x[n,i,j,c] = the sum of g over the 2x2 block from (2i, 2j)."""
    n, h, w, c = x.shape
    for tile in range(part, n * h, parts):
        image, i = tile // h, tile % h
        for j in range(w):
            a, b = g[image, 2 * i, 2 * j], g[image, 2 * i, 2 * j + 1]
            d, e = g[image, 2 * i + 1, 2 * j], g[image, 2 * i + 1, 2 * j + 1]
            out = x[image, i, j]
            for k in range(c):
                out[k] = a[k] + b[k] + d[k] + e[k]


def upsample2d(x):
    """y[n,i,j,c] = x[n, i//2, j//2, c]: nearest neighbour, twice the size."""
    n, h, w, c = x.shape
    y = np.empty((n, 2 * h, 2 * w, c), x.dtype)
    share(upsample_rows, x, y, tiles=n * h)
    return y


def upsample2d_adjoint(g):
    """x[n,i,j,c] = the sum of g over the 2x2 block that upsample2d wrote."""
    n, h, w, c = g.shape
    x = np.empty((n, h // 2, w // 2, c), g.dtype)
    share(sum_blocks, g, x, tiles=n * (h // 2))
    return x


# --- pooling ---------------------------------------------------------------

@kernel
def mean_windows(x, y, size, stride, part, parts):
    """y[n,i,j,c] = mean_uv x[n, i*stride+u, j*stride+v, c]."""
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
                        out[k] += pixel[k]
            for k in range(c):
                out[k] /= size * size


@kernel
def spread_windows(g, x, size, stride, part, parts):
    """x[n, i*stride+u, j*stride+v, c] += g[n,i,j,c] / size**2."""
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
                            out[k] += pixel[k] / (size * size)


@kernel
def find_maxima(x, index, size, stride, part, parts):
    """index[n,i,j,c] = h*W + w of the first maximum; NaN is the largest."""
    n, ho, wo, c = index.shape
    w = x.shape[2]
    for tile in range(part, n * ho, parts):
        image, i = tile // ho, tile % ho
        for j in range(wo):
            for k in range(c):
                at = i * stride * w + j * stride
                best = x[image, i * stride, j * stride, k]
                for u in range(size):
                    for v in range(size):
                        here = x[image, i * stride + u, j * stride + v, k]
                        if here > best or (here != here and best == best):
                            best = here
                            at = (i * stride + u) * w + j * stride + v
                index[image, i, j, k] = at


@kernel
def read_at(x, index, y, part, parts):
    """y[n,i,j,c] = x[n, h, w, c], index[n,i,j,c] = h*W + w."""
    n, ho, wo, c = index.shape
    w = x.shape[2]
    for tile in range(part, n * ho, parts):
        image, i = tile // ho, tile % ho
        for j in range(wo):
            for k in range(c):
                at = index[image, i, j, k]
                y[image, i, j, k] = x[image, at // w, at % w, k]


@kernel
def add_at(g, index, x, part, parts):
    """x[n, h, w, c] += g[n,i,j,c], index[n,i,j,c] = h*W + w."""
    n, ho, wo, c = index.shape
    w = x.shape[2]
    for image in range(part, n, parts):
        x[image] = 0
        for i in range(ho):
            for j in range(wo):
                for k in range(c):
                    at = index[image, i, j, k]
                    x[image, at // w, at % w, k] += g[image, i, j, k]


def avg_pool2d(x, size, stride):
    """y[n,i,j,c] = mean_uv x[n, i*stride+u, j*stride+v, c], u, v < size."""
    n, h, w, c = x.shape
    ho, wo = output_size((h, w), (size, size), stride)
    y = np.empty((n, ho, wo, c), x.dtype)
    share(mean_windows, x, y, size, stride, tiles=n * ho)
    return y


def avg_pool2d_adjoint(g, hw, size, stride):
    """x[n, i*stride+u, j*stride+v, c] += g[n,i,j,c] / size**2; [n, *hw, c]."""
    n, ho, wo, c = g.shape
    check_equal("the size of g", (ho, wo),
                output_size(hw, (size, size), stride))
    x = np.empty((n, *hw, c), g.dtype)
    share(spread_windows, g, x, size, stride, tiles=n)
    return x


def max_pool2d_argmax(x, size, stride):
    """Where each window has its maximum: h*W + w, int64, [n, ho, wo, c].

    Of equal values the first in row-major order wins; NaN counts as largest.
    """
    n, h, w, c = x.shape
    ho, wo = output_size((h, w), (size, size), stride)
    index = np.empty((n, ho, wo, c), np.int64)
    share(find_maxima, x, index, size, stride, tiles=n * ho)
    return index


def gather_hw(x, index):
    """y[n,i,j,c] = x[n, h, w, c], with index[n,i,j,c] = h*W + w."""
    y = np.empty(index.shape, x.dtype)
    share(read_at, x, index, y, tiles=index.shape[0] * index.shape[1])
    return y


def scatter_hw(g, index, hw):
    """The adjoint of gather_hw: x[n, h, w, c] += g[n,i,j,c]; [n, *hw, c]."""
    x = np.empty((g.shape[0], *hw, g.shape[3]), g.dtype)
    share(add_at, g, index, x, tiles=len(g))
    return x
