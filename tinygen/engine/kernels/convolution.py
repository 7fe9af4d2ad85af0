"""Convolution and its two adjoints as tiled matrix products.

The pixels that one output pixel sees, written out as a row (u, v, c), turn
the convolution into a product of matrices: rows @ filter. The rows of a whole
image would be 9 times its size, so a tile of them at a time is gathered into a
small buffer that stays in the cache, multiplied, and forgotten. np.dot is the
product of SciPy's linear algebra library: each thread multiplies tiles of its
own.
"""
import numpy as np

from .sizes import check_bias, check_conv2d, check_filter_grad, check_transpose
from .threads import kernel, run, run_all, tiles_for

ROWS = 256     # output pixels a tile, at most
LONG = 512     # pixels a tile of filter_grad, whose sums run over pixels
COLUMNS = 128  # rows of the filter that a tile of filter_grad computes


@kernel
def carry(image, i, j, ho, wo):
    """The pixel's place again, when j has run into the next row."""
    if j == wo:
        i, j = i + 1, 0
    if i == ho:
        image, i = image + 1, 0
    return image, i, j


@kernel
def gather(x, first, ho, wo, kh, stride, top, left, c0, c1, rows):
    """rows[r, (u, e)] = x[n, i*stride+u-top, j*stride-left, e], c0 <= e < c1.

    Row r belongs to output pixel first + r, counted through [n, ho, wo]; e
    counts through the kw * c numbers of an image row that the window covers.
    Zeros outside the image.
    """
    n, h, w, c = x.shape
    flat = x.reshape(n * h * w * c)
    image, i, j = first // wo // ho, first // wo % ho, first % wo
    for r in range(rows.shape[0]):
        image, i, j = carry(image, i, j, ho, wo)
        v = j * stride - left
        # of c0..c1, the part e0..e1 lies inside the image
        e0 = min(max(c0, -v * c), c1)
        e1 = max(min(c1, (w - v) * c), e0)
        for u in range(kh):
            row, column = i * stride + u - top, u * (c1 - c0) - c0
            outside = row < 0 or row >= h
            if outside or e1 - e0 < c1 - c0:
                rows[r, column + c0:column + c1] = 0
            if outside:
                continue
            start = ((image * h + row) * w + v) * c
            seen = flat[start + e0:start + e1]
            out = rows[r, column + e0:column + e1]
            for e in range(e1 - e0):
                out[e] = seen[e]
        j += 1


@kernel
def correlate(x, w, b, y, ho, wo, kh, stride, top, left, i0, j0, step, size,
              part, parts):
    """y[n, i0+i*step, j0+j*step, o] = b[o] +
    sum_uvc x[n, i*stride+u-top, j*stride+v-left, c] w[(u, v, c), o].

    A tile is `size` output pixels.
    """
    pixels, (k, o) = x.shape[0] * ho * wo, w.shape
    rows, sums = np.empty((size, k), x.dtype), np.empty((size, o), x.dtype)
    for tile in range(part, (pixels + size - 1) // size, parts):
        first = tile * size
        m = min(size, pixels - first)
        gather(x, first, ho, wo, kh, stride, top, left, 0, k // kh, rows[:m])
        np.dot(rows[:m], w, sums[:m])
        image, i, j = first // wo // ho, first // wo % ho, first % wo
        for r in range(m):
            image, i, j = carry(image, i, j, ho, wo)
            out, row = y[image, i0 + i * step, j0 + j * step], sums[r]
            for e in range(o):
                out[e] = row[e] + b[e]
            j += 1


@kernel
def filter_grad(x, g, dw, ho, wo, kw, stride, top, left, part, parts):
    """dw[s,u,e,o] = sum_p x[n, i*stride+u-top, j*stride-left, e] g[p,o].

    e counts through the kw * c numbers of an image row that the window
    covers, p through the pixels [n, ho, wo]. A tile is `columns` of e for one
    u, or for all where these are few. Slice s of dw takes every len(dw)-th
    stretch of LONG pixels.
    """
    slices, kh, width, o = dw.shape
    together = kh if kh * width <= COLUMNS else 1
    blocks = (width + COLUMNS - 1) // COLUMNS
    columns = (width + blocks - 1) // blocks
    rows = np.empty(min(LONG, len(g)) * together * columns, x.dtype)
    sums = np.empty((together * columns, o), x.dtype)
    for tile in range(part, slices * kh // together * blocks, parts):
        s, block = tile % slices, tile // slices
        u, c0 = block // blocks, block % blocks * columns
        c1 = min(c0 + columns, width)
        k = together * (c1 - c0)
        dw_tile = dw[s, u:u + together, c0:c1]
        dw_tile[:] = 0
        for first in range(s * LONG, len(g), slices * LONG):
            g_tile = g[first:first + LONG]
            seen = rows[:len(g_tile) * k].reshape(len(g_tile), k)
            gather(x, first, ho, wo, together, stride, top - u, left, c0, c1,
                   seen)
            np.dot(seen.T, g_tile, sums[:k])
            dw_tile += sums[:k].reshape(dw_tile.shape)


# --- the functions of this package -----------------------------------------

def conv2d(x, w, stride, pad, b=None):
    """y[n,i,j,o] = b[o] +
    sum_uvc x[n, i*stride+u-pad, j*stride+v-pad, c] w[u,v,c,o].

    x is [n, h, w, c], w is [kh, kw, c, o]; x counts as zero outside.
    """
    ho, wo = check_conv2d(x, w, stride, pad)
    kh, kw, c, o = w.shape
    y = np.empty((x.shape[0], ho, wo, o), x.dtype)
    run_all(correlate, [tiled(
        np.ascontiguousarray(x), w.reshape(kh * kw * c, o), check_bias(b, y),
        y, ho, wo, kh, stride, pad, pad, 0, 0, 1)])
    return y


def conv_transpose2d(g, w, hw, stride, pad, b=None):
    """The adjoint of conv2d in x: <conv2d(x, w), g> = <x, result>; plus b.

    g is [n, ho, wo, o], the result [n, *hw, c]. The pixels of the result
    whose row + pad and column + pad leave remainders a and b by `stride` meet
    the filter's taps w[a::stride, b::stride] alone, and meet them at stride
    1: so it is stride * stride small convolutions, interleaved.
    """
    check_transpose(g, w, hw, stride, pad)
    x = np.empty((len(g), *hw, w.shape[2]), g.dtype)
    g, b = np.ascontiguousarray(g), check_bias(b, x)
    run_all(correlate, [
        phase(g, w, b, x, i0, j0, stride, pad)
        for i0 in range(min(stride, hw[0]))
        for j0 in range(min(stride, hw[1]))])
    return x


def phase(g, w, b, x, i0, j0, stride, pad):
    """The call that fills x[:, i0::stride, j0::stride], and its tiles."""
    u, v = (i0 + pad) % stride, (j0 + pad) % stride
    taps = w[u::stride, v::stride][::-1, ::-1].swapaxes(2, 3)
    kh, kw, o, c = taps.shape
    top = kh - 1 - (i0 + pad) // stride
    left = kw - 1 - (j0 + pad) // stride
    if kh * kw == 0:  # stride > kh: the pixel meets no tap; or one of zeros,
        taps, kh, top = np.zeros((o, c), w.dtype), 1, -g.shape[1]  # outside
    return tiled(g, taps.reshape(-1, c), b, x,
                 len(range(i0, x.shape[1], stride)),
                 len(range(j0, x.shape[2], stride)), kh, 1, top, left,
                 i0, j0, stride)


def tiled(x, w, b, y, ho, wo, *more):
    """The arguments of correlate with the size of its tiles; their number."""
    pixels = len(x) * ho * wo
    size = min(max(pixels // 64 * 16, 32), ROWS)  # 4 tiles, or large ones
    tiles = tiles_for(pixels * w.size // 64, -(-pixels // size))
    return (x, np.ascontiguousarray(w), b, y, ho, wo, *more, size), tiles


def conv2d_filter_grad(x, g, hw, stride, pad):
    """The adjoint of conv2d in w: <conv2d(x, w), g> = <w, result>.

    dw[u,v,c,o] = sum_nij x[n, i*stride+u-pad, j*stride+v-pad, c] g[n,i,j,o];
    hw is the filter's (kh, kw).
    """
    check_filter_grad(x, g, hw, stride, pad)
    if stride == 1 and g.shape[3] < x.shape[3]:
        # <x seen through w, g> = <g seen through w turned round, x>: what is
        # gathered is the image with fewer channels
        dw = summed(g, x, hw, 1, hw[0] - 1 - pad, hw[1] - 1 - pad)
        return np.ascontiguousarray(dw[::-1, ::-1].swapaxes(2, 3))
    return summed(x, g, hw, stride, pad, pad)


def summed(x, g, hw, stride, top, left):
    """dw[u,v,c,o] = sum_p x[n, i*stride+u-top, j*stride+v-left, c] g[p,o]."""
    n, ho, wo, o = g.shape
    (kh, kw), c = hw, x.shape[3]
    pixels = n * ho * wo
    tasks = kh * -(-kw * c // COLUMNS) if kh * kw * c > COLUMNS else 1
    slices = max(1, min(-(-pixels // LONG), -(-8 // tasks)))
    dw = np.empty((slices, kh, kw * c, o), x.dtype)
    run(filter_grad, np.ascontiguousarray(x),
        np.ascontiguousarray(g).reshape(pixels, o), dw, ho, wo, kw, stride,
        top, left, tiles=tiles_for(pixels * dw[0].size // 64, slices * tasks))
    dw = dw[0] if slices == 1 else dw.sum(axis=0)
    return dw.reshape(kh, kw, c, o)
