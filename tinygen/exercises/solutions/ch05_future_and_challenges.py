import numpy as np


def largest_stretch(w, u, steps):
    """|u w| after `steps` times u <- w (u w) / |w (u w)|.

    w [rows, columns], u [rows] of length 1 -> a number
    """
    for _ in range(steps):
        u = w @ (u @ w)
        u = u / np.sqrt((u ** 2).sum())
    return np.sqrt(((u @ w) ** 2).sum())


def mend_average_pairs(average, parameters, decay):
    """{name: decay average + (1 - decay) parameter}, paired by name."""
    return {name: decay * average[name] + (1 - decay) * parameters[name]
            for name in average}


def label_planes(images, labels, classes):
    """Each image with one more channel per class, 1 in the label's.

    N H W C, N integers -> N H W (C + classes), of the images' dtype
    """
    one_hot = np.eye(classes, dtype=images.dtype)[labels]
    planes = np.broadcast_to(one_hot[:, None, None, :],
                             (*images.shape[:3], classes))
    return np.concatenate([images, planes], axis=-1)


def cost_factors():
    """Factors for a middle layer: each row [multiplications, weights]."""
    return [(4, 4),     # channels in x channels out, both doubled
            (4, 1),     # four times as many pixels, the same filters
            (16, 4)]


def memorised_share(samples, train, held_out):
    """The share of samples nearer to an image of train than to any held out.

    Each [n, ...], distances Euclidean -> a number
    """
    def nearest(images):
        gap = samples[:, None] - images[None]
        gap = gap.reshape(len(samples), len(images), -1)
        return (gap ** 2).sum(axis=2).min(axis=1)
    return np.mean(nearest(train) < nearest(held_out))


def hide_bits(image, bits):
    """The image, the last bits of its first bytes replaced.

    uint8 of any shape, integers 0 or 1 [k] -> uint8, the same shape
    """
    marked = image.copy().ravel()
    marked[:len(bits)] = marked[:len(bits)] // 2 * 2 + bits
    return marked.reshape(image.shape)


def occlusion_map(score, image, size, grey):
    """By how much the score falls when a square is covered.

    score: image -> a number; image [h, w] -> [h, w], constant on each square
    """
    drop = np.zeros(image.shape)
    for i in range(0, image.shape[0], size):
        for j in range(0, image.shape[1], size):
            covered = image.copy()
            covered[i:i + size, j:j + size] = grey
            drop[i:i + size, j:j + size] = score(image) - score(covered)
    return drop


def release_capstone(samples, train, held_out, bits, allowed):
    """(memorised share, the marked images, or none if it is above allowed).

    samples N H W in [-1, 1] -> a number, uint8 N H W or 0 H W
    """
    share = memorised_share(samples, train, held_out)
    if share > allowed:
        return share, np.zeros((0, *samples.shape[1:]), np.uint8)
    images = np.rint(127.5 * (samples + 1)).astype(np.uint8)
    return share, np.stack([hide_bits(image, bits) for image in images])
