"""Convolution and its two adjoints as tiled matrix products.

The pixels that one output pixel sees, written out as a row (u, v, c), turn
the convolution into a product of matrices: rows @ filter. The rows of a whole
image would be 9 times its size, so a tile of them at a time is gathered into a
small buffer that stays in the cache, multiplied, and forgotten; each thread
multiplies tiles of its own.

Most 3x3 convolutions at stride 1 go to winograd.py instead.
"""
import numpy as np

from . import winograd
from .products import product, turned
from .sizes import check_bias, check_conv2d, check_filter_grad, check_transpose
from .threads import kernel, run, tiles_for

ROWS = 256     # output pixels a tile, at most
LONG = 512     # pixels a tile of filter_grad, whose sums run over pixels
FEW = 8        # channels of an image that are better kept apart
CACHE = 3 << 16  # numbers that a processor's own cache holds easily
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
def correlate(x, w, b, y, kh, stride, top, left, size, part, parts):
    """y[n,i,j,o] = b[o] +
    sum_uvc x[n, i*stride+u-top, j*stride+v-left, c] w[(u, v, c), o].

    A tile is `size` output pixels.
    """
    n, ho, wo, o = y.shape
    pixels = y.reshape(n * ho * wo, o)
    rows = np.empty((size, len(w)), x.dtype)
    for tile in range(part, (len(pixels) + size - 1) // size, parts):
        out = pixels[tile * size:tile * size + size]
        seen = rows[:len(out)]
        gather(x, tile * size, ho, wo, kh, stride, top, left, 0,
               len(w) // kh, seen)
        product(seen, w, 0, out)
        for row in out:
            for k in range(o):
                row[k] += b[k]


@kernel
def multiply(g, w, z, size, part, parts):
    """z[T-1-t,p,c] = sum_o g[p,o] w[t,o,c]. A tile is `size` pixels p."""
    for tile in range(part, (len(g) + size - 1) // size, parts):
        first = tile * size
        for t in range(len(w)):
            product(g[first:first + size], w[t], 0,
                    z[len(w) - 1 - t, first:first + size])


@kernel
def overlap(place, n, w, stride):
    """Which j < n there are with 0 <= j*stride + place < w: from, to."""
    first = max(0, (stride - 1 - place) // stride)
    return first, max(first, min(n, (w - 1 - place) // stride + 1))


@kernel
def collect(z, b, x, ho, wo, kw, stride, top, left, part, parts):
    """x[n,h,v,c] = b[c] + the sum of z[(u,v'),(n,i,j),c] over all (i,j) and
    (u,v') with i*stride+u-top = h, j*stride+v'-left = v."""
    n, h, w, c = x.shape
    for line in range(part, n * h, parts):
        image, row = line // h, line % h
        x[image, row] = b
        for u in range((row + top) % stride, len(z) // kw, stride):
            i = (row + top - u) // stride
            if not 0 <= i < ho:
                continue
            for v in range(kw):
                j0, j1 = overlap(v - left, wo, w, stride)
                for j in range(j0, j1):
                    out = x[image, row, j * stride + v - left]
                    seen = z[u * kw + v, (image * ho + i) * wo + j]
                    for k in range(c):
                        out[k] += seen[k]


@kernel
def add_spaced(terms, out, stride):
    """out[j * stride] += terms[j]; neighbours are added eight at a time."""
    if stride == 1:
        for j in range(len(terms)):
            out[j] += terms[j]
    else:
        for j in range(len(terms)):
            out[j * stride] += terms[j]


@kernel
def spread_few(w, g, b, x, strip, ho, wo, kh, kw, stride, top, left,
               part, parts):
    """The same for few c. A tile is `strip` lines of x: all that they need,
    z[(u,v',c), (i,j)] = sum_o w[(u,v',c), o] g[(i,j), o], stays in the cache
    of one processor."""
    n, h, width, c = x.shape
    strips = (h + strip - 1) // strip
    z = np.empty(len(w) * ((strip + kh - 2) // stride + 2) * wo, x.dtype)
    sums = np.empty((c, width), x.dtype)
    for tile in range(part, n * strips, parts):
        image, first = tile // strips, tile % strips * strip
        end = min(first + strip, h)
        i0 = max(0, (first + top - kh + stride) // stride)
        i1 = max(i0, min(ho, (end - 1 + top) // stride + 1))
        seen = g[(image * ho + i0) * wo:(image * ho + i1) * wo]
        terms = z[:len(w) * len(seen)].reshape(len(w), len(seen))
        product(w, seen.T, 0, terms)
        for row in range(first, end):
            sums[:] = 0
            for u in range((row + top) % stride, kh, stride):
                i = (row + top - u) // stride
                if not i0 <= i < i1:
                    continue
                for v in range(kw):
                    j0, j1 = overlap(v - left, wo, width, stride)
                    for k in range(c):
                        line = terms[(u * kw + v) * c + k, (i - i0) * wo:]
                        add_spaced(line[j0:j1], sums[
                            k, j0 * stride + v - left:], stride)
            for j in range(width):
                for k in range(c):
                    x[image, row, j, k] = sums[k, j] + b[k]


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
    filters = dw.reshape(slices, kh * width, o)
    for tile in range(part, slices * kh // together * blocks, parts):
        s, block = tile % slices, tile // slices
        u, c0 = block // blocks, block % blocks * columns
        c1 = min(c0 + columns, width)
        k = together * (c1 - c0)
        dw_tile = filters[s, u * width + c0:u * width + c0 + k]
        dw_tile[:] = 0
        for first in range(s * LONG, len(g), slices * LONG):
            g_tile = g[first:first + LONG]
            seen = rows[:len(g_tile) * k].reshape(len(g_tile), k)
            gather(x, first, ho, wo, together, stride, top - u, left, c0, c1,
                   seen)
            product(seen.T, g_tile, 1, dw_tile)


# --- the functions of this package -----------------------------------------

def conv2d(x, w, stride, pad, b=None):
    """y[n,i,j,o] = b[o] +
    sum_uvc x[n, i*stride+u-pad, j*stride+v-pad, c] w[u,v,c,o].

    x is [n, h, w, c], w is [kh, kw, c, o]; x counts as zero outside.
    """
    ho, wo = check_conv2d(x, w, stride, pad)
    kh, kw, c, o = w.shape
    if winograd.pays(x.shape, o, (kh, kw), stride, pad):
        return winograd.conv2d(x, w, b)
    y = np.empty((len(x), ho, wo, o), x.dtype)
    if stride == 1 and o < c:
        spread(x, turned(w), b, y, 1, kh - 1 - pad, kw - 1 - pad)
    else:
        gathered(x, w, b, y, stride, pad, pad)
    return y


def conv_transpose2d(g, w, hw, stride, pad, b=None):
    """The adjoint of conv2d in x: <conv2d(x, w), g> = <x, result>; plus b.

    g is [n, ho, wo, o], the result [n, *hw, c]. At stride 1 it is a
    convolution with the filter turned round.
    """
    check_transpose(g, w, hw, stride, pad)
    if winograd.pays(g.shape, w.shape[2], w.shape[:2], stride, pad):
        return winograd.conv_transpose2d(g, w, b)
    x = np.empty((len(g), *hw, w.shape[2]), g.dtype)
    if stride == 1 and w.shape[3] <= w.shape[2]:
        gathered(g, turned(w), b, x, 1, len(w) - 1 - pad,
                 w.shape[1] - 1 - pad)
    else:
        spread(g, w, b, x, stride, pad, pad)
    return x


def gathered(x, w, b, y, stride, top, left):
    """y = b + x seen through w: rows gathered from x, times w."""
    kh, o = len(w), y.shape[3]
    w = w.reshape(-1, o)
    pixels = y.size // max(o, 1)
    size = tile_size(pixels, w.size)
    run(correlate, np.ascontiguousarray(x), np.ascontiguousarray(w),
        check_bias(b, y), y, kh, stride, top, left, size,
        tiles=tiles_for(pixels * w.size // 64, -(-pixels // size)))


def spread(g, w, b, x, stride, top, left):
    """x = b + the adjoint of gathered: g times w, summed where it overlaps.

    What is multiplied is the image as it is; what is moved about has the
    channels of x, and few of them are better kept apart, each a plane.
    """
    n, ho, wo, o = g.shape
    kh, kw, c, _ = w.shape
    pixels, h = n * ho * wo, x.shape[1]
    g, b = np.ascontiguousarray(g).reshape(pixels, o), check_bias(b, x)
    if c < FEW:
        w = np.ascontiguousarray(w.reshape(kh * kw * c, o))
        strips = -(-len(w) * wo * h // stride // CACHE) or 1
        strip = -(-h // (strips if n > 1 else 2 * strips))
        run(spread_few, w, g, b, x, strip, ho, wo, kh, kw, stride, top, left,
            tiles=tiles_for(pixels * w.size // 64, n * -(-h // strip)))
    else:
        w = turned(w).reshape(kh * kw, o, c)
        z = np.empty((kh * kw, pixels, c), g.dtype)
        size = tile_size(pixels, c * o)
        run(multiply, g, w, z, size,
            tiles=tiles_for(z.size * o // 64, -(-pixels // size)))
        run(collect, z, b, x, ho, wo, kw, stride, top, left,
            tiles=tiles_for(z.size, n * x.shape[1]))


def tile_size(pixels, products):
    """How many pixels make a tile: 4 tiles, or large ones.

    At most a million multiplications, if that is not too small a tile: so
    much, OpenBLAS multiplies without copying first.
    """
    small = 10**6 // products // 16 * 16
    return min(max(pixels // 64 * 16, 32), small if small >= 48 else ROWS)


def conv2d_filter_grad(x, g, hw, stride, pad):
    """The adjoint of conv2d in w: <conv2d(x, w), g> = <w, result>.

    dw[u,v,c,o] = sum_nij x[n, i*stride+u-pad, j*stride+v-pad, c] g[n,i,j,o];
    hw is the filter's (kh, kw).
    """
    check_filter_grad(x, g, hw, stride, pad)
    if winograd.pays(x.shape, g.shape[3], hw, stride, pad):
        return winograd.conv2d_filter_grad(x, g)
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
