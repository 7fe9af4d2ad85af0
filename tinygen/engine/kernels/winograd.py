"""3x3 convolutions at stride 1 and pad 1 in fewer multiplications.

Two neighbouring outputs of a filter (A, B, C) take six multiplications or, as
Winograd found, four:

    y0 = A x0 + B x1 + C x2 = m0 + m1 + m2
    y1 = A x1 + B x2 + C x3 = m1 - m2 - m3

    m0 = A (x0 - x2)    m1 = (A + B + C) / 2 * (x1 + x2)
    m3 = C (x1 - x3)    m2 = (A - B + C) / 2 * (x2 - x1)

Along lines and columns both, a tile of 2x2 outputs takes 16 instead of 36:
4x4 numbers made of the image, place by place times 4x4 made of the filter.
Summed over the channels, each of the 16 places (u, v) is a product of
matrices [tiles, c] @ [c, o].

The filter is transformed in every task anew, so that no task waits for
another. A NaN or an infinity reaches every 2x2 tile that sees it.
"""
import numpy as np

from .products import product, turn
from .sizes import check_bias, check_conv2d, check_filter_grad, check_transpose
from .threads import kernel, run, tiles_for

TILES = 64   # multiplied at once, or one line of them
BLOCK = 64   # channels of the result, or more, that a task computes
TASKS = 8    # that a large piece of work is cut into, at least


# --- the filter ------------------------------------------------------------

@kernel
def fold(w, block, folded):
    """folded[(u, v), c, e] = the 4x4 numbers of w[(., .), c, block, e].

    The last row of a place stays empty: with planes a power of two apart,
    one would throw the other out of the cache.
    """
    count, size = folded.shape[1] - 1, folded.shape[2]
    half, t = w.dtype.type(0.5), np.empty((4, 3, size), w.dtype)
    for c in range(count):
        for v in range(3):
            w0, w1 = w[v, c, block], w[3 + v, c, block]
            w2 = w[6 + v, c, block]
            for e in range(size):
                ends = w0[e] + w2[e]
                t[0, v, e] = w0[e]
                t[1, v, e] = half * (ends + w1[e])
                t[2, v, e] = half * (ends - w1[e])
                t[3, v, e] = w2[e]
        for u in range(4):
            for e in range(size):
                ends, middle = t[u, 0, e] + t[u, 2, e], t[u, 1, e]
                folded[4 * u, c, e] = t[u, 0, e]
                folded[4 * u + 1, c, e] = half * (ends + middle)
                folded[4 * u + 2, c, e] = half * (ends - middle)
                folded[4 * u + 3, c, e] = t[u, 2, e]


@kernel
def unfold(folded, c0, dw):
    """The adjoint of fold: dw[(., .), c0 + c, e] of folded[(u, v), c, e]."""
    count, size = folded.shape[1] - 1, folded.shape[2]
    half, t = dw.dtype.type(0.5), np.empty((4, 3, size), dw.dtype)
    for c in range(count):
        for u in range(4):
            for e in range(size):
                f1, f2 = folded[4 * u + 1, c, e], folded[4 * u + 2, c, e]
                ends = half * (f1 + f2)
                t[u, 0, e] = folded[4 * u, c, e] + ends
                t[u, 1, e] = half * (f1 - f2)
                t[u, 2, e] = folded[4 * u + 3, c, e] + ends
        for v in range(3):
            for e in range(size):
                ends = half * (t[1, v, e] + t[2, v, e])
                dw[v, c0 + c, e] = t[0, v, e] + ends
                dw[3 + v, c0 + c, e] = half * (t[1, v, e] - t[2, v, e])
                dw[6 + v, c0 + c, e] = t[3, v, e] + ends


# --- the image -------------------------------------------------------------

@kernel
def gather(x, line, block, margin, seen):
    """seen[u, odd, j, e] = x[image, 2i + u - margin, 2j + odd - margin], zero
    outside. Lines of tiles are counted through the images: i is `line`'s."""
    _, h, w, _, size = x.shape
    high = (h + 1) // 2
    image, i = line // high, line % high
    for u in range(seen.shape[0]):
        for column in range(2 * seen.shape[2]):
            row, v = 2 * i + u - margin, column - margin
            j, odd = column // 2, column % 2
            if 0 <= row < h and 0 <= v < w:
                for e in range(size):
                    seen[u, odd, j, e] = x[image, row, v, block, e]
            else:
                for e in range(size):
                    seen[u, odd, j, e] = 0


@kernel
def transform_image(x, first, count, block, planes):
    """planes[(u, v), line, (j, e)]: 4x4 numbers of the 4x4 pixels x that a
    tile sees, for `count` lines of tiles."""
    wide, size = (x.shape[2] + 1) // 2, x.shape[4]
    pixels = np.empty((4, 2, wide + 1, size), x.dtype)
    seen = pixels.reshape(4, -1)
    t = np.empty(seen.shape, x.dtype)
    for line in range(count):
        gather(x, first + line, block, 1, pixels)
        for k in range(seen.shape[1]):
            t[0, k] = seen[0, k] - seen[2, k]
            t[1, k] = seen[1, k] + seen[2, k]
            t[2, k] = seen[2, k] - seen[1, k]
            t[3, k] = seen[1, k] - seen[3, k]
        for u in range(4):
            t0, t1 = t[u], t[u, (wide + 1) * size:]
            t2, t3 = t0[size:], t1[size:]  # the next pair of columns
            for k in range(wide * size):
                planes[4 * u, line, k] = t0[k] - t2[k]
                planes[4 * u + 1, line, k] = t1[k] + t2[k]
                planes[4 * u + 2, line, k] = t2[k] - t1[k]
                planes[4 * u + 3, line, k] = t1[k] - t3[k]


@kernel
def transform_back(planes, b, first, count, block, y):
    """y = b + the 2x2 outputs of each tile, of planes[(u, v), line, (j, e)].
    """
    _, h, w, _, size = y.shape
    high, wide = (h + 1) // 2, (w + 1) // 2
    sums = np.empty((2, 4, wide, size), y.dtype)
    t = sums.reshape(2, 4, wide * size)
    for line in range(count):
        image, i = (first + line) // high, (first + line) % high
        for v in range(4):
            for k in range(wide * size):
                m1, m2 = planes[4 + v, line, k], planes[8 + v, line, k]
                t[0, v, k] = planes[v, line, k] + m1 + m2
                t[1, v, k] = m1 - m2 - planes[12 + v, line, k]
        for u in range(min(2, h - 2 * i)):
            for j in range(wide):
                for e in range(size):
                    y[image, 2 * i + u, 2 * j, block, e] = b[block, e] + (
                        sums[u, 0, j, e] + sums[u, 1, j, e] + sums[u, 2, j, e])
                if 2 * j + 1 < w:
                    for e in range(size):
                        y[image, 2 * i + u, 2 * j + 1, block, e] = b[
                            block, e] + (sums[u, 1, j, e] - sums[u, 2, j, e]
                                         - sums[u, 3, j, e])


@kernel
def transform_grad(g, first, count, planes):
    """The adjoint of transform_back: planes[(u, v), line, (j, e)] of the 2x2
    pixels g of a tile."""
    wide, size = (g.shape[2] + 1) // 2, g.shape[4]
    pixels = np.empty((2, 2, wide, size), g.dtype)
    seen = pixels.reshape(2, -1)
    t = np.empty((4, seen.shape[1]), g.dtype)
    for line in range(count):
        gather(g, first + line, 0, 0, pixels)
        for k in range(seen.shape[1]):
            t[0, k] = seen[0, k]
            t[1, k] = seen[0, k] + seen[1, k]
            t[2, k] = seen[0, k] - seen[1, k]
            t[3, k] = -seen[1, k]
        for u in range(4):
            t0, t1 = t[u], t[u, wide * size:]
            for k in range(wide * size):
                planes[4 * u, line, k] = t0[k]
                planes[4 * u + 1, line, k] = t0[k] + t1[k]
                planes[4 * u + 2, line, k] = t0[k] - t1[k]
                planes[4 * u + 3, line, k] = -t1[k]


# --- the products ----------------------------------------------------------

@kernel
def correlate(x, w, b, y, turned, lines, groups, part, parts):
    """y = b + x seen through w [9, c, blocks, o] or, if `turned`, through
    w [9, blocks, o, c] turned round: by each thread what it needs, for what
    another thread has written is slow to come."""
    n, h, v, _, c = x.shape
    blocks, size = y.shape[3:]
    total, wide = n * ((h + 1) // 2), (v + 1) // 2
    folded = np.empty((16, c + 1, size), x.dtype)
    back = np.empty((9, c, size), x.dtype)
    planes = np.empty((16, lines, wide * c), x.dtype)
    sums = np.empty((16, lines, wide * size), x.dtype)
    for task in range(part, blocks * groups, parts):
        block, group = task % blocks, task // blocks
        if turned:
            turn(w[:, block], back, 0, 1)
            fold(back.reshape(9, c, 1, size), 0, folded)
        else:
            fold(w, block, folded)
        for first in range(group * lines, total, groups * lines):
            count = min(lines, total - first)
            transform_image(x, first, count, 0, planes)
            for k in range(16):
                seen = planes[k, :count].reshape(count * wide, c)
                out = sums[k, :count].reshape(count * wide, size)
                product(seen, folded[k, :c], 0, out)
            transform_back(sums, b, first, count, block, y)


@kernel
def filter_grad(x, g, dw, lines, part, parts):
    """dw[s] = the gradient of w, summed over every len(dw)-th of the pieces
    of `lines` lines of tiles."""
    n, h, v, blocks, size = x.shape
    slices, o = len(dw), g.shape[4]
    total, wide = n * ((h + 1) // 2), (v + 1) // 2
    seen = np.empty((16, lines, wide * size), x.dtype)
    gone = np.empty((16, lines, wide * o), x.dtype)
    sums = np.empty((16, size + 1, o), x.dtype)
    for task in range(part, blocks * slices, parts):
        block, s = task % blocks, task // blocks
        sums[:] = 0
        for first in range(s * lines, total, slices * lines):
            count = min(lines, total - first)
            transform_image(x, first, count, block, seen)
            transform_grad(g, first, count, gone)
            for k in range(16):
                left = seen[k, :count].reshape(count * wide, size)
                right = gone[k, :count].reshape(count * wide, o)
                product(left.T, right, 1, sums[k, :size])
        unfold(sums, block * size, dw[s])


# --- the functions of this package -----------------------------------------

def pays(shape, o, hw, stride, pad):
    """Whether this is faster than to gather rows and multiply them: with 32
    channels or more on both sides and 16 tiles or more."""
    n, h, v, c = shape
    return ((*hw, stride, pad) == (3, 3, 1, 1) and min(c, o) >= 32
            and n * h * v >= 64)


def conv2d(x, w, b=None):
    """kernels.conv2d(x, w, 1, 1, b) for a filter [3, 3, c, o]."""
    check_conv2d(x, w, 1, 1)
    return convolved(x, w, b, False)


def conv_transpose2d(g, w, b=None):
    """kernels.conv_transpose2d(g, w, g.shape[1:3], 1, 1, b): the same with
    the filter turned round, and its channels exchanged."""
    check_transpose(g, w, g.shape[1:3], 1, 1)
    return convolved(g, w, b, True)


def convolved(x, w, b, turned):
    (n, h, v, c), o = x.shape, w.shape[2 if turned else 3]
    y = np.empty((n, h, v, o), x.dtype)
    blocks = blocks_of(o)
    lines, pieces = pieces_of(n, h, v, TILES)
    groups = max(1, min(pieces // 2, -(-TASKS // blocks)))
    w = np.ascontiguousarray(w).reshape(
        (9, blocks, o // blocks, c) if turned else (9, c, blocks, o // blocks))
    run(correlate, np.ascontiguousarray(x).reshape(n, h, v, 1, c), w,
        check_bias(b, y).reshape(blocks, -1),
        y.reshape(n, h, v, blocks, o // blocks), turned, lines, groups,
        tiles=tiles_for(x.size * o // 8, blocks * groups))
    return y


def conv2d_filter_grad(x, g):
    """kernels.conv2d_filter_grad(x, g, (3, 3), 1, 1)."""
    check_filter_grad(x, g, (3, 3), 1, 1)
    (n, h, v, c), o = x.shape, g.shape[3]
    blocks = blocks_of(c)
    lines, pieces = pieces_of(n, h, v, 2 * TILES)
    slices = max(1, min(pieces // 2, -(-TASKS // blocks)))
    dw = np.empty((slices, 9, c, o), x.dtype)
    x = np.ascontiguousarray(x).reshape(n, h, v, blocks, c // blocks)
    g = np.ascontiguousarray(g).reshape(n, h, v, 1, o)
    run(filter_grad, x, g, dw, lines,
        tiles=tiles_for(x.size * o // 8, blocks * slices))
    dw = dw[0] if slices == 1 else dw.sum(axis=0)
    return dw.reshape(3, 3, c, o)


def blocks_of(channels):
    """Into how many equal blocks, of BLOCK or more, to cut the channels."""
    most = max(1, channels // BLOCK)
    return next(k for k in range(most, 0, -1) if channels % k == 0)


def pieces_of(n, h, w, tiles):
    """How many lines of 2x2 tiles make a piece of `tiles`; how many pieces."""
    total, wide = n * ((h + 1) // 2), (w + 1) // 2
    lines = max(1, min(tiles // max(1, wide), total))
    return lines, -(-total // lines)
