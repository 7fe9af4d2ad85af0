import numpy as np

import tinygen as tg

# ---------------------------------------------------------------------- pixels


def to_signed(images):
    """x / 127.5 - 1: bytes 0..255 to float32 in [-1, 1], any shape."""
    return (images / 127.5 - 1).astype(np.float32)


def to_bytes(images):
    """The byte nearest to 127.5 (x + 1): [-1, 1] to uint8, any shape."""
    return np.rint(127.5 * (images + 1)).astype(np.uint8)


# ---------------------------------------------------------------------- shapes


def listing_shapes():
    """(height, width, channels) after each of the 7 layers, in order."""
    return [(2, 2, 256),
            (4, 4, 256), (4, 4, 128),
            (8, 8, 128), (8, 8, 64),
            (16, 16, 64), (16, 16, 3)]


def start_side(side, doublings):
    """s with s 2^doublings = side, or 0 if no whole s does it."""
    factor = 2 ** doublings
    return side // factor if side % factor == 0 else 0


def strided_side(side, size, stride, pad):
    """How many windows of `size` fit in side + 2 pad, `stride` apart."""
    return (side + 2 * pad - size) // stride + 1


# -------------------------------------------------------------- the objectives


def log_d(logits):
    """log(1 / (1 + e^-l)) = -log(e^0 + e^-l), for every l.   [n] -> [n]"""
    return -np.logaddexp(0, -logits)


def d_loss(real, fake):
    """-mean log D(x) - mean log(1 - D(G(z))).   [n], [m] -> a number

    1 - sigmoid(l) = sigmoid(-l).
    """
    return -np.mean(log_d(real)) - np.mean(log_d(-fake))


def g_loss(fake):
    """-mean log D(G(z)).   [n] -> a number"""
    return np.mean(np.logaddexp(0, -fake))


def generator_gradients(logits):
    """Rows: d log(1 - s(l)) / dl and d(-log s(l)) / dl.   [n] -> [2, n]"""
    s = np.exp(-np.logaddexp(0, -logits))
    return np.stack([-s, s - 1])


def best_discriminator(p, q):
    """p / (p + q), and 1/2 where both are 0.   [k], [k] -> [k]"""
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1), 0.5)


def fresh_losses():
    """[(D, G), (D, G)]: least squares, then hinge, where every l is 0.

    (0 - 1)^2 + 0^2 and (0 - 1)^2; max(0, 1 - 0) + max(0, 1 + 0) and -0.
    """
    return [(1, 1), (2, 0)]


# ------------------------------------------------------------------- one round


def d_step(g, d, x, z, lr):
    """(g, d) after one update of D alone.   [2], [2], [n], [m] -> [2], [2]"""
    fake = g[0] * z + g[1]
    d = tg.Tensor(d)
    loss = tg.losses.non_saturating(d[0] * x + d[1], d[0] * fake + d[1])
    slope, = tg.grad(loss, [d])
    return g, d.data - lr * slope.data


def adam_first_step(gradient, lr):
    """-lr m / sqrt(v), with m = g and v = g^2: -lr sign(g).   [n] -> [n]"""
    return -lr * np.sign(gradient)


def d_accuracy(real, fake):
    """The share of all images that D judges rightly.   [n], [m] -> number"""
    right = np.sum(real > 0) + np.sum(fake <= 0)
    return right / (len(real) + len(fake))


# --------------------------------------------------------- inside the networks


def folded_taps(w):
    """What one small pixel adds to 4 large ones.   [3] -> [4]"""
    return np.array([w[2], w[1] + w[2], w[0] + w[1], w[0]])


def spread_after_norm(spread, eps):
    """s / sqrt(s^2 + eps).   [n] -> [n]"""
    return spread / np.sqrt(spread ** 2 + eps)


# --------------------------------------------------------------------- samples


def slerp(a, b, t):
    """sin((1 - t) o) / sin(o) a + sin(t o) / sin(o) b.   [n], [n] -> [n]

    o is the angle between a and b.
    """
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    o = np.arccos(np.clip(cosine, -1, 1))
    return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)


def modes_found(labels, share):
    """How many labels make up at least `share` of all.   [n] -> a number"""
    _, counts = np.unique(labels, return_counts=True)
    return int(np.sum(counts >= share * len(labels)))


# -------------------------------------------------------------------- capstone


def gan_round(g, d, pixels, z_d, z_g, lr):
    """(g, d, G's loss) after D's step on z_d, then G's step on z_g."""
    g, d = d_step(g, d, to_signed(pixels), z_d, lr)
    logits = d[0] * (g[0] * z_g + g[1]) + d[1]
    slope = generator_gradients(logits)[1] * d[0] / len(z_g)
    step = np.array([np.sum(slope * z_g), np.sum(slope)])
    return g - lr * step, d, g_loss(logits)
