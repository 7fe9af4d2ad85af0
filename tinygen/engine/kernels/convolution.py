"""Convolution and its two adjoints as tiled matrix products.

The pixels that one output pixel sees, written out as a row (u, v, c), turn
the convolution into a product of matrices: rows @ filter. The rows of a whole
image would be 9 times its size, so a tile of them at a time is gathered into a
small buffer that stays in the cache, multiplied, and forgotten.
"""
import numpy as np

from .sizes import check_conv2d, check_filter_grad, check_transpose
from .threads import kernel, run, run_all, tiles_for

ROWS = 48      # output pixels a tile; a multiple of 4
BLOCK = 1024   # terms of a sum at a time: 4 rows of them fit into L1
OUTPUTS = 48   # output channels at a time: with BLOCK terms, a part of L2
LONG = 512     # pixels a tile of filter_grad, whose sums run over pixels
COLUMNS = 128  # rows of the filter that a tile of filter_grad computes
LANES = 16     # float32 in a register of AVX-512: sums are padded to these


def ceil_to(n, multiple):
    return -(-n // multiple) * multiple


def aligned(n, m, dtype):
    """[n, m] zeros from a multiple of 64 bytes on: a cache line.

    A vector register of AVX-512 that is loaded from across two lines takes
    two loads; this is worth 20 %.
    """
    raw = np.zeros(n * m + 64, dtype)
    start = -raw.ctypes.data % 64 // raw.itemsize
    return raw[start:start + n * m].reshape(n, m)


aligned_buffer = kernel(aligned)


# --- the two loops everything rests on -------------------------------------

@kernel
def multiply(a, b, y):
    """y[r,o] += sum_k a[r,k] b[o,k]; a is [R, K], b is [O, K], y is [R, O].

    R is a multiple of 4, O of 3, K is best one of 16.
    12 sums at a time: each number loaded is used three or four times, and 12
    sums, 3 b and 1 a just fill the 16 vector registers of AVX2. The loop over
    k reads along rows and stores nothing, so the compiler vectorises it.
    """
    for k0 in range(0, a.shape[1], BLOCK):
        k1 = min(k0 + BLOCK, a.shape[1])
        for o0 in range(0, b.shape[0], OUTPUTS):
            for r in range(0, a.shape[0], 4):
                a0, a1 = a[r, k0:k1], a[r + 1, k0:k1]
                a2, a3 = a[r + 2, k0:k1], a[r + 3, k0:k1]
                p0, p1, p2, p3 = y[r], y[r + 1], y[r + 2], y[r + 3]
                for o in range(o0, min(o0 + OUTPUTS, b.shape[0]), 3):
                    b0, b1 = b[o, k0:k1], b[o + 1, k0:k1]
                    b2 = b[o + 2, k0:k1]
                    y00, y01, y02 = p0[o], p0[o + 1], p0[o + 2]
                    y10, y11, y12 = p1[o], p1[o + 1], p1[o + 2]
                    y20, y21, y22 = p2[o], p2[o + 1], p2[o + 2]
                    y30, y31, y32 = p3[o], p3[o + 1], p3[o + 2]
                    for k in range(k1 - k0):
                        y00 += a0[k] * b0[k]
                        y01 += a0[k] * b1[k]
                        y02 += a0[k] * b2[k]
                        y10 += a1[k] * b0[k]
                        y11 += a1[k] * b1[k]
                        y12 += a1[k] * b2[k]
                        y20 += a2[k] * b0[k]
                        y21 += a2[k] * b1[k]
                        y22 += a2[k] * b2[k]
                        y30 += a3[k] * b0[k]
                        y31 += a3[k] * b1[k]
                        y32 += a3[k] * b2[k]
                    p0[o], p0[o + 1], p0[o + 2] = y00, y01, y02
                    p1[o], p1[o + 1], p1[o + 2] = y10, y11, y12
                    p2[o], p2[o + 1], p2[o + 2] = y20, y21, y22
                    p3[o], p3[o + 1], p3[o + 2] = y30, y31, y32


@kernel
def carry(image, i, j, ho, wo):
    """The pixel's place again, when j has run into the next row."""
    if j == wo:
        i, j = i + 1, 0
    if i == ho:
        image, i = image + 1, 0
    return image, i, j


@kernel
def gather(x, first, ho, wo, kh, kw, stride, top, left, c0, c1, rows):
    """rows[r, (u, e)] = x[n, i*stride+u-top, j*stride-left, e], c0 <= e < c1.

    Row r belongs to output pixel first + r, counted through [n, ho, wo]; e
    counts through the kw * c numbers of an image row that the window covers.
    Zeros outside the image, below the last pixel and in surplus columns.
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
            outside = image >= n or row < 0 or row >= h
            if outside or e1 - e0 < c1 - c0:
                rows[r, column + c0:column + c1] = 0
            if outside:
                continue
            start = ((image * h + row) * w + v) * c
            seen = flat[start + e0:start + e1]
            out = rows[r, column + e0:column + e1]
            for e in range(e1 - e0):
                out[e] = seen[e]
        rows[r, kh * (c1 - c0):] = 0
        j += 1


@kernel
def turn(rows, out, q):
    """out[e, q + r] = rows[r, e]."""
    columns = out[:, q:q + len(rows)]
    for e in range(rows.shape[1]):
        column, row = rows[:, e], columns[e]
        for r in range(len(rows)):
            row[r] = column[r]


@kernel
def transpose(a, out, part, parts):
    """out[t, c, r] = a[t*R + r, c], R = out.shape[2]; the rest stays zero."""
    tiles, _, length = out.shape
    for tile in range(part, tiles * length // 16, parts):
        first = tile * 16
        turn(a[first:first + 16], out[first // length], first % length)


# --- the two products ------------------------------------------------------

@kernel
def correlate(x, w, y, ho, wo, kh, kw, stride, top, left, i0, j0, step,
              part, parts):
    """y[n, i0+i*step, j0+j*step, o] =
    sum_uvc x[n, i*stride+u-top, j*stride+v-left, c] w[o, (u, v, c)]."""
    n, c, o = x.shape[0], x.shape[3], y.shape[3]
    rows = aligned_buffer(ROWS, w.shape[1], x.dtype)
    sums = np.empty((ROWS, w.shape[0]), x.dtype)
    pixels = n * ho * wo
    for tile in range(part, (pixels + ROWS - 1) // ROWS, parts):
        first = tile * ROWS
        gather(x, first, ho, wo, kh, kw, stride, top, left, 0, kw * c, rows)
        sums[:] = 0
        multiply(rows, w, sums)
        image, i, j = first // wo // ho, first // wo % ho, first % wo
        for r in range(min(ROWS, pixels - first)):
            image, i, j = carry(image, i, j, ho, wo)
            out = y[image, i0 + i * step, j0 + j * step]
            for k in range(o):
                out[k] = sums[r, k]
            j += 1


@kernel
def filter_grad(x, g, dw, ho, wo, kw, stride, top, left, part, parts):
    """dw[s,u,e,o] = sum_p x[n, i*stride+u-top, j*stride-left, e] g[t,o,q].

    e counts through the kw * c numbers of an image row that the window
    covers, p = t * g.shape[2] + q through the pixels [n, ho, wo]. A tile is
    `columns` of e for one u, or for all where these are few. Slice s of dw
    takes every len(dw)-th t.
    """
    slices, kh, width, o = dw.shape
    together = kh if kh * width <= COLUMNS else 1
    blocks = (width + COLUMNS - 1) // COLUMNS
    columns = (width + blocks - 1) // blocks
    rows = np.empty((16, (together * columns + 3) // 4 * 4), x.dtype)
    seen = aligned_buffer(rows.shape[1], g.shape[2], x.dtype)
    sums = np.empty((rows.shape[1], g.shape[1]), x.dtype)
    for tile in range(part, slices * kh // together * blocks, parts):
        s, block = tile % slices, tile // slices
        u, c0 = block // blocks, block % blocks * columns
        c1 = min(c0 + columns, width)
        sums[:] = 0
        for t in range(s, g.shape[0], slices):
            for q in range(0, g.shape[2], 16):
                gather(x, t * g.shape[2] + q, ho, wo, together, kw, stride,
                       top - u, left, c0, c1, rows)
                turn(rows, seen, q)
            multiply(seen, g[t], sums)
        for e in range(together * (c1 - c0)):
            dw[s, u + e // (c1 - c0), c0 + e % (c1 - c0)] = sums[e, :o]


# --- the functions of this package -----------------------------------------

def conv2d(x, w, stride, pad):
    """y[n,i,j,o] = sum_uvc x[n, i*stride+u-pad, j*stride+v-pad, c] w[u,v,c,o].

    x is [n, h, w, c], w is [kh, kw, c, o]; x counts as zero outside.
    """
    ho, wo = check_conv2d(x, w, stride, pad)
    kh, kw, c, o = w.shape
    wt = transposed(w.reshape(kh * kw * c, o), ceil_to(kh * kw * c, LANES))[0]
    y = np.empty((x.shape[0], ho, wo, o), x.dtype)
    run(correlate, np.ascontiguousarray(x), wt, y, ho, wo, kh, kw, stride,
        pad, pad, 0, 0, 1, tiles=tiles_of(len(x) * ho * wo, wt))
    return y


def conv_transpose2d(g, w, hw, stride, pad):
    """The adjoint of conv2d in x: <conv2d(x, w), g> = <x, result>.

    g is [n, ho, wo, o], the result [n, *hw, c]. The pixels of the result
    whose row + pad and column + pad leave remainders a and b by `stride` meet
    the filter's taps w[a::stride, b::stride] alone, and meet them at stride
    1: so it is stride * stride small convolutions, interleaved.
    """
    check_transpose(g, w, hw, stride, pad)
    g = np.ascontiguousarray(g)
    x = np.empty((len(g), *hw, w.shape[2]), g.dtype)
    run_all(correlate, [
        phase(g, w, x, i0, j0, stride, pad)
        for i0 in range(min(stride, hw[0]))
        for j0 in range(min(stride, hw[1]))])
    return x


def phase(g, w, x, i0, j0, stride, pad):
    """The call that fills x[:, i0::stride, j0::stride], and its tiles."""
    a, b = (i0 + pad) % stride, (j0 + pad) % stride
    taps = w[a::stride, b::stride][::-1, ::-1]
    kh, kw, c, o = taps.shape
    n, h = len(x), len(range(i0, x.shape[1], stride))
    v = len(range(j0, x.shape[2], stride))
    # with stride > kh some pixels meet no tap: then wt is empty, the sum 0
    wt = aligned(ceil_to(c, 3), ceil_to(kh * kw * o, LANES), w.dtype)
    wt[:c, :kh * kw * o].reshape(c, kh, kw, o)[...] = (
        taps.transpose(2, 0, 1, 3))
    top = kh - 1 - (i0 + pad) // stride
    left = kw - 1 - (j0 + pad) // stride
    return (g, wt, x, h, v, kh, kw, 1, top, left, i0, j0,
            stride), tiles_of(n * h * v, wt)


def tiles_of(pixels, wt):
    """As many as correlate has, but fewer if there is little to multiply."""
    return tiles_for(pixels * wt.size // 32, pixels // ROWS + 1)


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
    pixels = max(1, n * ho * wo)
    tiles = -(-pixels // LONG)
    gt = transposed(g.reshape(n * ho * wo, o),
                    ceil_to(-(-pixels // tiles), LANES))
    tasks = kh * -(-kw * c // COLUMNS) if kh * kw * c > COLUMNS else 1
    slices = min(len(gt), -(-8 // tasks))  # at least 8 tiles, if there are
    dw = np.empty((slices, kh, kw * c, o), x.dtype)
    run(filter_grad, np.ascontiguousarray(x), gt, dw, ho, wo, kw, stride, top,
        left, tiles=tiles_for(gt.size * kh * kw * c // 32, slices * tasks))
    dw = dw[0] if slices == 1 else dw.sum(axis=0)
    return dw.reshape(kh, kw, c, o)


def transposed(a, length):
    """out[t, c, r] = a[t * length + r, c], with zeros up to full tiles."""
    tiles, columns = -(-len(a) // length), ceil_to(a.shape[1], 3)
    out = aligned(tiles * columns, length, a.dtype)
    out = out.reshape(tiles, columns, length)
    run(transpose, np.ascontiguousarray(a), out, tiles=tiles_for(a.size))
    return out
