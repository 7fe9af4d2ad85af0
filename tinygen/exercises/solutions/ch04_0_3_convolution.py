import numpy as np

# -------------------------------------------------------------- size and sight


def output_size(size, k, stride, pad):
    """First pixels 0, stride, 2 stride ... up to size + 2 pad - k."""
    return (size + 2 * pad - k) // stride + 1


def same_pad(k, channels):
    """size + 2 pad - k + 1 = size, whatever the channels."""
    return (k - 1) // 2


def receptive_field(layers):
    """k - 1 further windows, each the product of earlier strides away."""
    seen, apart = 1, 1
    for k, stride in layers:
        seen += (k - 1) * apart
        apart *= stride
    return seen


# --------------------------------------------------------------------- forward


def conv_row(x, w, stride, pad):
    """y[i] = sum_u x[i * stride + u - pad] w[u]."""
    y = np.zeros((len(x) + 2 * pad - len(w)) // stride + 1)
    for i in range(len(y)):
        for u in range(len(w)):
            at = i * stride + u - pad
            if 0 <= at < len(x):
                y[i] += x[at] * w[u]
    return y


def one_pixel(x, w, i, j, stride, pad):
    """The sum over the window's pixels that lie in the image."""
    height, width, _ = x.shape
    y = np.zeros(w.shape[3])
    for u in range(w.shape[0]):
        for v in range(w.shape[1]):
            h, k = i * stride + u - pad, j * stride + v - pad
            if 0 <= h < height and 0 <= k < width:
                y += x[h, k] @ w[u, v]                  # [c] @ [c, o]
    return y


def gathered_rows(x, first, last, k):
    """Place = (n ho + i) wo + j; its row is the window there, u v c."""
    ho, wo = x.shape[1] - k + 1, x.shape[2] - k + 1
    rows = np.empty((last - first, k * k * x.shape[3]))
    for place in range(first, last):
        n, i, j = place // (ho * wo), place // wo % ho, place % wo
        rows[place - first] = x[n, i:i + k, j:j + k].ravel()
    return rows


def tile_bounds(total, size, part, parts):
    """Tiles part, part + parts ...; none goes beyond `total`."""
    return [(first, min(first + size, total))
            for first in range(part * size, total, parts * size)]


# -------------------------------------------------------------------- counting


def operations_per_byte(pixels, c, o, k):
    """2 operations a product; rows that go to memory go there and back."""
    operations = 2 * pixels * k * k * c * o
    needed = pixels * c + pixels * o + k * k * c * o
    rows = pixels * k * k * c
    return [operations / (4 * (needed + 2 * rows)),
            operations / (4 * needed)]


def doubled_row(x, w):
    """y[2j] = S x[j] - A d[j], y[2j+1] = S x[j] + C d[j+1]."""
    d = np.diff(x, prepend=0, append=0)
    y = np.empty(2 * len(x))
    y[0::2] = y[1::2] = w.sum() * x
    y[0::2] -= w[0] * d[:-1]
    y[1::2] += w[2] * d[1:]
    return y


def coverage(n, k, stride):
    """One for each window on its k pixels."""
    counts = np.zeros(n, int)
    for first in range(0, n - k + 1, stride):
        counts[first:first + k] += 1
    return counts


# -------------------------------------------------------------------- backward


def image_from_rows(rows, hw, k):
    """Each row is added where its window lies."""
    image = np.zeros(hw)
    wo = hw[1] - k + 1
    for place, row in enumerate(rows):
        i, j = place // wo, place % wo
        image[i:i + k, j:j + k] += row.reshape(k, k)
    return image


def filter_slopes(rows, g, k):
    """dw[(u, v, c), o] = sum over places of rows[p, (u, v, c)] g[p, o]."""
    return (rows.T @ g).reshape(k, k, -1, g.shape[1])


def transposed_row(g, w, n, stride, pad):
    """x[i * stride + u - pad] += g[i] w[u], in a row with its frame."""
    framed = np.zeros(n + 2 * pad)
    for i in range(len(g)):
        framed[i * stride:i * stride + len(w)] += g[i] * w
    return framed[pad:pad + n]


# -------------------------------------------------------------------- capstone


def conv_by_tiles(x, w, b, size):
    """Gather a tile, multiply it, add b, write it."""
    k, _, c, o = w.shape
    shape = len(x), x.shape[1] - k + 1, x.shape[2] - k + 1, o
    y = np.empty((np.prod(shape[:3]), o))
    matrix = w.reshape(k * k * c, o)
    for first, last in tile_bounds(len(y), size, 0, 1):
        y[first:last] = gathered_rows(x, first, last, k) @ matrix + b
    return y.reshape(shape)
