import numpy as np

# -------------------------------------------------------------- size and sight


def output_size__fences(size, k, stride, pad):
    """This counts the steps between places. There is one place more than
    there are steps: the first."""
    return (size + 2 * pad - k) // stride


def output_size__one_side(size, k, stride, pad):
    """The frame is on both sides of the image, and yours makes it larger by
    `pad` only once."""
    return (size + pad - k) // stride + 1


def output_size__rounded_up(size, k, stride, pad):
    """You rounded up, or divided too early: this counts a last window that
    sticks out over the edge. It has no place."""
    return -((k - size - 2 * pad) // stride) + 1


def same_pad__channels(k, channels):
    """This is the bug itself: the width of the frame has nothing to do with
    the number of channels. It happens to fit a window of 7 and three
    colours."""
    return channels


def same_pad__both_sides(k, channels):
    """k - 1 pixels are missing in all. The frame is on two sides, so each
    adds half of that."""
    return k - 1


def same_pad__half_rounded_up(k, channels):
    """One too many: around its middle pixel the window has (k - 1) / 2
    pixels on each side."""
    return (k + 1) // 2


def receptive_field__strides_ignored(layers):
    """This is right if all strides are 1. After a layer of stride 2,
    neighbours are two pixels of the image apart, and so are the windows of
    the next layer."""
    return 1 + sum(k - 1 for k, _ in layers)


def receptive_field__own_stride(layers):
    """A layer's own stride sets its results apart, not the pixels that one
    of its windows sees: it counts for the layers after it."""
    seen, apart = 1, 1
    for k, stride in layers:
        apart *= stride
        seen += (k - 1) * apart
    return seen


def receptive_field__product(layers):
    """Windows of neighbouring results overlap, so their sizes do not
    multiply: each further one adds only as much as it is shifted."""
    seen = 1
    for k, _ in layers:
        seen *= k
    return seen


# --------------------------------------------------------------------- forward


def _conv_row(x, w, stride, left, right, step):
    x = np.concatenate([left, x, right])
    n = (len(x) - len(w)) // stride + 1
    return np.array([x[i * step:i * step + len(w)] @ w for i in range(n)])


def conv_row__flipped(x, w, stride, pad):
    """The filter runs backwards: w[0] must meet the first pixel of the
    window. (In mathematics "convolution" means yours; the formula here and
    all frameworks use the other.)"""
    zeros = np.zeros(pad)
    return _conv_row(x, w[::-1], stride, zeros, zeros, stride)


def conv_row__padded_after(x, w, stride, pad):
    """The size is right, but all zeros are behind the row: the windows are
    shifted. Half of the zeros belong before it."""
    zeros = np.zeros(2 * pad)
    return _conv_row(x, w, stride, zeros[:0], zeros, stride)


def conv_row__stands_still(x, w, stride, pad):
    """The number of results is right, but each window is only one pixel
    further than the last. The stride belongs into the index of x, too."""
    zeros = np.zeros(pad)
    return _conv_row(x, w, stride, zeros, zeros, 1)


def conv_row__edges_repeated(x, w, stride, pad):
    """You padded with copies of the first and the last pixel. Padding here
    means zeros."""
    return _conv_row(x, w, stride, np.full(pad, x[0]), np.full(pad, x[-1]),
                     stride)


def _one_pixel(x, w, top, left, inside):
    y = np.zeros(w.shape[3])
    for u in range(w.shape[0]):
        for v in range(w.shape[1]):
            if inside(top + u, left + v):
                y += x[top + u, left + v] @ w[u, v]
    return y


def one_pixel__wraps(x, w, i, j, stride, pad):
    """You forgot that x[-1] is a pixel to Python: the last one. Above and to
    the left of the image the window must see zeros."""
    return _one_pixel(x, w, i * stride - pad, j * stride - pad,
                      lambda h, k: h < x.shape[0] and k < x.shape[1])


def one_pixel__cut_off(x, w, i, j, stride, pad):
    """You clipped the window to the image before laying the filter on it: so
    the filter's first weight met the first pixel *inside*. Each weight
    keeps its place; those outside are skipped."""
    h, k = i * stride - pad, j * stride - pad
    seen = x[max(h, 0):h + w.shape[0], max(k, 0):k + w.shape[1]]
    return np.einsum("uvc,uvco->o", seen, w[:seen.shape[0], :seen.shape[1]])


def one_pixel__rows_as_columns(x, w, i, j, stride, pad):
    """Rows and columns of the filter are exchanged: u goes with the row of
    the image, v with its column."""
    return _one_pixel(
        x, w.transpose(1, 0, 2, 3), i * stride - pad, j * stride - pad,
        lambda h, k: 0 <= h < x.shape[0] and 0 <= k < x.shape[1])


def one_pixel__frame_added(x, w, i, j, stride, pad):
    """The sign of pad: the frame moves the window up and to the left, to
    smaller rows and columns."""
    return _one_pixel(x, w, i * stride + pad, j * stride + pad,
                      lambda h, k: h < x.shape[0] and k < x.shape[1])


def _places(x, k):
    ho, wo = x.shape[1] - k + 1, x.shape[2] - k + 1
    return [(n, i, j) for n in range(len(x)) for i in range(ho)
            for j in range(wo)]


def gathered_rows__channels_first(x, first, last, k):
    """The windows are right, the order within a row is not: channels must
    run fastest, then columns, then rows, as in memory and in the filter."""
    return np.array([x[n, i:i + k, j:j + k].transpose(2, 0, 1).ravel()
                     for n, i, j in _places(x, k)[first:last]])


def gathered_rows__down_the_columns(x, first, last, k):
    """You counted the places down each column of the image. The next place
    is the next one to the right."""
    places = sorted(_places(x, k), key=lambda p: (p[0], p[2], p[1]))
    return np.array([x[n, i:i + k, j:j + k].ravel()
                     for n, i, j in places[first:last]])


def gathered_rows__first_image_only(x, first, last, k):
    """All rows come from the first image. When its places are used up, the
    count goes on in the next one."""
    return np.array([x[0, i:i + k, j:j + k].ravel()
                     for n, i, j in _places(x, k)[first:last]])


def tile_bounds__rest_lost(total, size, part, parts):
    """What is left after the last whole tile is lost. It makes a shorter
    tile of its own."""
    return [(t * size, t * size + size)
            for t in range(part, total // size, parts)]


def tile_bounds__beyond_the_end(total, size, part, parts):
    """The last tile goes on beyond the end. In a compiled kernel, which
    does not check, that writes into memory that belongs to others."""
    return [(first, first + size)
            for first in range(part * size, total, parts * size)]


def tile_bounds__stretches(total, size, part, parts):
    """You gave each thread a stretch of neighbouring tiles. Asked are the
    tiles part, part + parts, part + 2 parts ..."""
    tiles = [(first, min(first + size, total))
             for first in range(0, total, size)]
    each = -(-len(tiles) // parts)
    return tiles[part * each:(part + 1) * each]


# -------------------------------------------------------------------- counting


def _per_byte(pixels, c, o, k, each, size, walks):
    operations = each * pixels * k * k * c * o
    needed = pixels * c + pixels * o + k * k * c * o
    rows = walks * pixels * k * k * c
    return [operations / (size * (needed + rows)),
            operations / (size * needed)]


def operations_per_byte__products_only(pixels, c, o, k):
    """You counted multiplications. Each comes with an addition: two
    operations."""
    return _per_byte(pixels, c, o, k, 1, 4, 2)


def operations_per_byte__numbers(pixels, c, o, k):
    """This is operations per number. A number in float32 has four bytes."""
    return _per_byte(pixels, c, o, k, 2, 1, 2)


def operations_per_byte__rows_one_way(pixels, c, o, k):
    """The rows of im2col are moved once here. They are written to memory
    when they are gathered, and fetched again for the product."""
    return _per_byte(pixels, c, o, k, 2, 4, 1)


def _doubled(x, even, odd):
    y = np.empty(2 * len(x))
    y[0::2], y[1::2] = even, odd
    return y


def doubled_row__plain(x, w):
    """This makes the large row and convolves it, with six products for two
    results. Use the three of the chapter."""
    return np.correlate(np.repeat(x, 2), w, "same")


def doubled_row__ends_copied(x, w):
    """Right inside, wrong at the ends: beyond the row there are zeros, not
    copies of its last pixels. So the first difference is x[0] itself, and
    the last one is not 0 either."""
    d = np.diff(x, prepend=x[0], append=x[-1])
    return _doubled(x, w.sum() * x - w[0] * d[:-1], w.sum() * x + w[2] * d[1:])


def doubled_row__sign(x, w):
    """One sign is wrong. S x[j] has x[j] three times, but the even window
    has x[j - 1] under A: take A x[j] away, and put A x[j - 1] in."""
    d = np.diff(x, prepend=0, append=0)
    return _doubled(x, w.sum() * x + w[0] * d[:-1], w.sum() * x + w[2] * d[1:])


def doubled_row__weights_exchanged(x, w):
    """A and C are exchanged. The even window begins one pixel to the left,
    and A, its first weight, lies on the other pixel."""
    d = np.diff(x, prepend=0, append=0)
    return _doubled(x, w.sum() * x - w[2] * d[:-1], w.sum() * x + w[0] * d[1:])


def coverage__sticking_out(n, k, stride):
    """You counted windows that stick out at the end. There is no place for
    these."""
    counts = np.zeros(n, int)
    for first in range(0, n, stride):
        counts[first:first + k] += 1
    return counts


def coverage__stride_one(n, k, stride):
    """This is the count for stride 1. With a larger stride, windows are
    missing in between."""
    counts = np.zeros(n, int)
    for first in range(n - k + 1):
        counts[first:first + k] += 1
    return counts


def coverage__on_average(n, k, stride):
    """This is the average away from the ends, k / stride, rounded down. The
    question is which pixels get more and which get less."""
    return np.full(n, k // stride)


# -------------------------------------------------------------------- backward


def _spread_rows(rows, hw, k, add, window):
    image, wo = np.zeros(hw), hw[1] - k + 1
    for place, row in enumerate(rows):
        i, j = place // wo, place % wo
        before = image[i:i + k, j:j + k] * add
        image[i:i + k, j:j + k] = before + window(row.reshape(k, k))
    return image


def image_from_rows__last_wins(rows, hw, k):
    """A later window wrote over what an earlier one had left. A pixel that
    was seen by several windows gets slopes from each: add."""
    return _spread_rows(rows, hw, k, 0, lambda r: r)


def image_from_rows__averaged(rows, hw, k):
    """You divided by the number of windows that see a pixel. That would put
    an image back together; slopes add up."""
    count = _spread_rows(np.ones_like(rows), hw, k, 1, lambda r: r)
    return _spread_rows(rows, hw, k, 1, lambda r: r) / count


def image_from_rows__window_turned(rows, hw, k):
    """Rows and columns of each window are exchanged: a row of the matrix
    holds its window line by line."""
    return _spread_rows(rows, hw, k, 1, lambda r: r.T)


def filter_slopes__averaged(rows, g, k):
    """You took the mean over the places. The same weight is used at each of
    them, and uses add up."""
    return (rows.T @ g / len(g)).reshape(k, k, -1, g.shape[1])


def filter_slopes__channels_first(rows, g, k):
    """The numbers are right and at the wrong places: a row of the matrix
    runs through u, then v, then c, the last one fastest. Reshape in that
    order."""
    return (rows.T @ g).reshape(-1, k, k, g.shape[1]).transpose(1, 2, 0, 3)


def _spread(g, w, n, stride, pad, add):
    framed = np.zeros(n + 2 * pad + stride + len(w))
    for i in range(len(g)):
        window = slice(i * stride, i * stride + len(w))
        framed[window] = add * framed[window] + g[i] * w
    return framed[pad:pad + n]


def transposed_row__last_wins(g, w, n, stride, pad):
    """Where two windows overlap, the second wrote over the first. Both saw
    that pixel: add."""
    return _spread(g, w, n, stride, pad, 0)


def transposed_row__flipped(g, w, n, stride, pad):
    """The filter is flipped. Spreading needs no flip: what y[i] took with
    w[u], it gives back with w[u]. (The flip appears when one gathers.)"""
    return _spread(g, w[::-1], n, stride, pad, 1)


def transposed_row__frame_left_in(g, w, n, stride, pad):
    """Everything is `pad` pixels too far to the right: the result still
    begins with the frame, which must be cut off on both sides."""
    return _spread(g, w, n, stride, 0, 1)


# -------------------------------------------------------------------- capstone


def _by_tiles(x, matrix, b, size, k, bias):
    places = _places(x, k)
    rows = np.array([x[n, i:i + k, j:j + k].ravel() for n, i, j in places])
    y = rows @ matrix
    y += np.array([bias(place // size) * b for place in range(len(y))])
    return y.reshape(len(x), x.shape[1] - k + 1, x.shape[2] - k + 1, -1)


def conv_by_tiles__first_tile_only(x, w, b, size):
    """Only the first tile got its bias. It is added to every result."""
    matrix = w.reshape(-1, w.shape[3])
    return _by_tiles(x, matrix, b, size, len(w), lambda tile: tile == 0)


def conv_by_tiles__no_bias(x, w, b, size):
    """The bias is missing: b[o] is added to every result of filter o."""
    matrix = w.reshape(-1, w.shape[3])
    return _by_tiles(x, matrix, b, size, len(w), lambda tile: 0)


def conv_by_tiles__filter_order(x, w, b, size):
    """The filter as a matrix must have its rows in the order of the columns
    that it meets: u, v, c. Yours has the channels first."""
    matrix = w.transpose(2, 0, 1, 3).reshape(-1, w.shape[3])
    return _by_tiles(x, matrix, b, size, len(w), lambda tile: 1)
