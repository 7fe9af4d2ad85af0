"""Nearest x2 upsampling and a 3x3 convolution in one, and its two adjoints.

In one dimension, with weights A, B, C, S = A + B + C and d[j] = x[j] - x[j-1]:

    y[2j]   = A x[j-1] + B x[j] + C x[j]   = S x[j] - A d[j]
    y[2j+1] = A x[j]   + B x[j] + C x[j+1] = S x[j] + C d[j+1]

Three products a pixel where the formula has six; in two dimensions 9 instead
of 36. There are four planes [h+a, w+b, c]: the image, its differences along j
(b = 1), along i (a = 1), and along both. Plane ab is multiplied as it is,
with nothing gathered into rows, by (1+a)(1+b) of nine filters made of w, so
that its product is q[h+a, w+b, (r, s, o)] with r <= a, s <= b, and

    y[2i+r, 2j+s] = sum_ab q_ab[i + a r, j + b s, (a r, b s, o)].
"""
import numpy as np

from .products import product
from .sizes import check_bias, check_upsample
from .threads import kernel, run, tiles_for

ROWS = 256   # pixels of the small image a tile, at most
SLICES = 4   # sums of the filter's gradient that are made side by side


# --- the filter ------------------------------------------------------------

@kernel
def fold(w, f00, f01, f10, f11, part, parts):
    """f_ab[c, (r, s, o)]: the nine filters of -A, S, C along both sides."""
    o = w.shape[3]
    t = np.empty((3, 3, o), w.dtype)
    for c in range(part, w.shape[2], parts):
        for v in range(3):
            w0, w1, w2 = w[0, v, c], w[1, v, c], w[2, v, c]
            for k in range(o):
                t[0, v, k] = -w0[k]
                t[1, v, k] = w0[k] + w1[k] + w2[k]
                t[2, v, k] = w2[k]
        for p in range(3):
            one = (f10 if p != 1 else f00)[c, p // 2 * o:]
            two = (f11 if p != 1 else f01)[c, p // 2 * 2 * o:]
            t0, t1, t2 = t[p, 0], t[p, 1], t[p, 2]
            for k in range(o):
                two[k] = -t0[k]
                one[k] = t0[k] + t1[k] + t2[k]
                two[o + k] = t2[k]


@kernel
def unfold(f00, f01, f10, f11, w, part, parts):
    """The adjoint of fold, for sums f_ab[slice, c, (r, s, o)] over slices."""
    o = w.shape[3]
    t, total = np.empty((3, 3, o), w.dtype), np.empty((3, o), w.dtype)
    for c in range(part, w.shape[2], parts):
        for p in range(3):
            total[:] = 0
            for n in range(len(f00)):
                one = (f10 if p != 1 else f00)[n, c, p // 2 * o:]
                two = (f11 if p != 1 else f01)[n, c, p // 2 * 2 * o:]
                for k in range(o):
                    total[0, k] += two[k]
                    total[1, k] += one[k]
                    total[2, k] += two[o + k]
            for k in range(o):
                t[p, 0, k] = total[1, k] - total[0, k]
                t[p, 1, k] = total[1, k]
                t[p, 2, k] = total[1, k] + total[2, k]
        for v in range(3):
            for k in range(o):
                w[0, v, c, k] = t[1, v, k] - t[0, v, k]
                w[1, v, c, k] = t[1, v, k]
                w[2, v, c, k] = t[1, v, k] + t[2, v, k]


# --- the small image -------------------------------------------------------

@kernel
def border(x, first, i0, xp):
    """xp[m,i,j] = x[first+m, i0+i-1, j-1], zero outside."""
    h, w = x.shape[1:3]
    xp[:] = 0
    for m in range(xp.shape[0]):
        for i in range(max(0, i0 - 1), min(h, i0 - 1 + xp.shape[1])):
            xp[m, i - i0 + 1, 1:w + 1] = x[first + m, i]


@kernel
def differences(xp, a, b, p):
    """p[m,i,j] = x[m,i,j], differences along i if a, along j if b."""
    c = p.shape[3]
    for m in range(p.shape[0]):
        for i in range(p.shape[1]):
            for j in range(p.shape[2]):
                out = p[m, i, j]
                x11, x10 = xp[m, i + 1, j + 1], xp[m, i + 1, j]
                x01, x00 = xp[m, i, j + 1], xp[m, i, j]
                for k in range(c):
                    if a and b:
                        out[k] = (x11[k] - x10[k]) - (x01[k] - x00[k])
                    elif a:
                        out[k] = x11[k] - x01[k]
                    elif b:
                        out[k] = x11[k] - x10[k]
                    else:
                        out[k] = x11[k]


@kernel
def sum_differences(p, x, first, i0):
    """The adjoint of differences, summed over the planes: fills x."""
    p00, p01, p10, p11 = p
    for m in range(p00.shape[0]):
        for i in range(p00.shape[1]):
            for j in range(p00.shape[2]):
                out, here = x[first + m, i0 + i, j], p00[m, i, j]
                b0, b1 = p01[m, i, j], p01[m, i, j + 1]
                a0, a1 = p10[m, i, j], p10[m, i + 1, j]
                c00, c01 = p11[m, i, j], p11[m, i, j + 1]
                c10, c11 = p11[m, i + 1, j], p11[m, i + 1, j + 1]
                for k in range(len(out)):
                    out[k] = (here[k] + (b0[k] - b1[k]) + (a0[k] - a1[k])
                              + ((c00[k] - c01[k]) - (c10[k] - c11[k])))


# --- the large image -------------------------------------------------------

@kernel
def interleave(q, b, y, first, i0):
    """y[2i+r, 2j+s] = b + sum_ab q_ab[i + a r, j + b s, (a r, b s, o)]."""
    q00, q01, q10, q11 = q
    o = y.shape[3]
    for m in range(q00.shape[0]):
        for i in range(q00.shape[1]):
            for j in range(q00.shape[2]):
                for r in range(2):
                    for s in range(2):
                        out = y[first + m, 2 * (i0 + i) + r, 2 * j + s]
                        t00, t01 = q00[m, i, j], q01[m, i, j + s, s * o:]
                        t10 = q10[m, i + r, j, r * o:]
                        t11 = q11[m, i + r, j + s, (2 * r + s) * o:]
                        for k in range(o):
                            out[k] = b[k] + (
                                (t00[k] + t01[k]) + (t10[k] + t11[k]))


@kernel
def pick(g, first, i0, a, b, q):
    """The adjoint of interleave: what of g went through plane ab."""
    h, w, o = g.shape[1:]
    q[:] = 0
    for m in range(q.shape[0]):
        for i in range(q.shape[1]):
            for j in range(q.shape[2]):
                for u in range(2):
                    for v in range(2):
                        row = 2 * (i0 + i) + (-u if a else u)
                        column = 2 * j + (-v if b else v)
                        if not (0 <= row < h and 0 <= column < w):
                            continue
                        f = a * u * (1 + b) + b * v
                        out = q[m, i, j, f * o:f * o + o]
                        seen = g[first + m, row, column]
                        for k in range(o):
                            out[k] += seen[k]


# --- the three products ----------------------------------------------------

@kernel
def shaped(buffer, m, h, w, c):
    """The first numbers of a buffer as an array [m, h, w, c]."""
    return buffer[:m * h * w * c].reshape(m, h, w, c)


@kernel
def tile_at(tile, n, h, images, lines):
    """A tile's first image and line; how many it has of either."""
    strips = (h + lines - 1) // lines
    first, i0 = tile // strips * images, tile % strips * lines
    return first, i0, min(images, n - first), min(lines, h - i0)


@kernel
def forward(x, folded, bias, y, images, lines, tiles, part, parts):
    """y = bias + x upsampled and seen through the filter."""
    (n, h, w, c), o, dtype = x.shape, y.shape[3], x.dtype
    pixels = images * (lines + 1) * (w + 1)
    xp = np.empty(images * (lines + 2) * (w + 2) * c, dtype)
    p = np.empty(pixels * c, dtype)
    q = (np.empty(pixels * o, dtype), np.empty(pixels * o * 2, dtype),
         np.empty(pixels * o * 2, dtype), np.empty(pixels * o * 4, dtype))
    for tile in range(part, tiles, parts):
        first, i0, m, l = tile_at(tile, n, h, images, lines)
        bordered = shaped(xp, m, l + 2, w + 2, c)
        border(x, first, i0, bordered)
        for ab in range(4):
            a, b = ab // 2, ab % 2
            plane = shaped(p, m, l + a, w + b, c)
            differences(bordered, a, b, plane)
            product(plane.reshape(-1, c), folded[ab], 0, shaped(
                q[ab], m, l + a, w + b, o << a + b).reshape(-1, o << a + b))
        interleave((shaped(q[0], m, l, w, o),
                    shaped(q[1], m, l, w + 1, 2 * o),
                    shaped(q[2], m, l + 1, w, 2 * o),
                    shaped(q[3], m, l + 1, w + 1, 4 * o)),
                   bias, y, first, i0)


@kernel
def backward(g, folded, x, images, lines, tiles, part, parts):
    """The adjoint of forward in x."""
    (n, h, w, c), o, dtype = x.shape, g.shape[3], x.dtype
    pixels = images * (lines + 1) * (w + 1)
    q = np.empty(pixels * o * 4, dtype)
    p = (np.empty(pixels * c, dtype), np.empty(pixels * c, dtype),
         np.empty(pixels * c, dtype), np.empty(pixels * c, dtype))
    for tile in range(part, tiles, parts):
        first, i0, m, l = tile_at(tile, n, h, images, lines)
        for ab in range(4):
            a, b = ab // 2, ab % 2
            seen = shaped(q, m, l + a, w + b, o << a + b)
            pick(g, first, i0, a, b, seen)
            product(seen.reshape(-1, o << a + b), folded[ab].T, 0, shaped(
                p[ab], m, l + a, w + b, c).reshape(-1, c))
        sum_differences((shaped(p[0], m, l, w, c),
                         shaped(p[1], m, l, w + 1, c),
                         shaped(p[2], m, l + 1, w, c),
                         shaped(p[3], m, l + 1, w + 1, c)), x, first, i0)


@kernel
def filter_grad(x, g, folded, images, lines, tiles, part, parts):
    """folded[ab][s] = the sum over every len(folded)-th tile of
    plane ab of x, transposed, times what of g went through it."""
    (n, h, w, c), o, dtype = x.shape, g.shape[3], x.dtype
    slices = len(folded[0])
    pixels = images * (lines + 1) * (w + 1)
    xp = np.empty(images * (lines + 3) * (w + 2) * c, dtype)
    p, q = np.empty(pixels * c, dtype), np.empty(pixels * o * 4, dtype)
    for task in range(part, 4 * slices, parts):
        ab, s = 3 - task // slices, task % slices  # the longest first
        a, b = ab // 2, ab % 2
        out = folded[ab][s]
        out[:] = 0
        for tile in range(s, tiles, slices):
            first, i0, m, l = tile_at(tile, n, h, images, lines)
            l += a * (i0 + l == h)  # the last line of differences
            bordered = shaped(xp, m, l + 2, w + 2, c)
            border(x, first, i0, bordered)
            plane = shaped(p, m, l, w + b, c)
            differences(bordered, a, b, plane)
            seen = shaped(q, m, l, w + b, o << a + b)
            pick(g, first, i0, a, b, seen)
            product(plane.reshape(-1, c).T, seen.reshape(-1, o << a + b),
                    1, out)


# --- the functions of this package -----------------------------------------

def upsample_conv2d(x, w, b=None):
    """y = b + conv2d(upsample2d(x), w, 1, 1), without the large image.

    x is [n, h, v, c], w is [3, 3, c, o], y is [n, 2h, 2v, o].
    """
    check_upsample(x, w)
    n, h, v, _ = x.shape
    y = np.empty((n, 2 * h, 2 * v, w.shape[3]), x.dtype)
    images, lines, tiles = tiles_of(n, h, v)
    run(forward, np.ascontiguousarray(x), folded(w), check_bias(b, y), y,
        images, lines, tiles, tiles=tiles)
    return y


def upsample_conv2d_adjoint(g, w):
    """The adjoint in x: <upsample_conv2d(x, w), g> = <x, result>."""
    check_upsample(g=g, w=w)
    n, h, v, _ = g.shape
    x = np.empty((n, h // 2, v // 2, w.shape[2]), g.dtype)
    images, lines, tiles = tiles_of(*x.shape[:3])
    run(backward, np.ascontiguousarray(g), folded(w), x, images, lines,
        tiles, tiles=tiles)
    return x


def upsample_conv2d_filter_grad(x, g):
    """The adjoint in w: <upsample_conv2d(x, w), g> = <w, result>."""
    check_upsample(x, g=g)
    c, o = x.shape[3], g.shape[3]
    images, lines, tiles = tiles_of(*x.shape[:3], 2 * ROWS)
    slices = min(tiles, SLICES)
    sums = tuple(np.empty((slices, c, f * o), x.dtype) for f in (1, 2, 2, 4))
    run(filter_grad, np.ascontiguousarray(x), np.ascontiguousarray(g), sums,
        images, lines, tiles, tiles=4 * slices)
    w = np.empty((3, 3, c, o), x.dtype)
    run(unfold, *sums, w, tiles=tiles_for(w.size, c))
    return w


def folded(w):
    """The nine sums of the filter, as matrices for the four planes."""
    _, _, c, o = w.shape
    out = tuple(np.empty((c, f * o), w.dtype) for f in (1, 2, 2, 4))
    run(fold, np.ascontiguousarray(w), *out, tiles=tiles_for(w.size, c))
    return out


def tiles_of(n, h, w, most=ROWS):
    """How many images, or lines of one image, make a tile; how many tiles.

    4 tiles, or large ones: no more than `most` pixels each.
    """
    pixels = min(max(n * h * w // 4, 32), most)
    images = max(1, pixels // max(1, h * w))
    lines = h if h * w <= pixels else max(1, pixels // w)
    return images, lines, -(-n // images) * -(-h // lines)
