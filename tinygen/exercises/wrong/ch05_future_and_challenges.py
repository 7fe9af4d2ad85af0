import numpy as np


def largest_stretch__all_columns(w, u, steps):
    """This is the root of the sum of all squares, the Frobenius norm: as
    long as the longest stretch only if there is no other. Let u find the
    direction, and measure u w."""
    return np.sqrt((w ** 2).sum())


def largest_stretch__never_normalised(w, u, steps):
    """u grows with each step: it is multiplied by w twice and never divided
    by its length, so |u w| measures the growth of u, too."""
    for _ in range(steps):
        u = w @ (u @ w)
    return np.sqrt(((u @ w) ** 2).sum())


def largest_stretch__squared(w, u, steps):
    """This is the square of the stretch: w was applied to u w once more, and
    each of the two stretches. A square root is missing."""
    for _ in range(steps):
        u = w @ (u @ w)
        u = u / np.sqrt((u ** 2).sum())
    return ((u @ w) ** 2).sum()


def largest_stretch__library(w, u, steps):
    """np.linalg finds the largest singular value at once, whatever `steps`
    says. The steps that come near it are the exercise: a layer takes one for
    each batch. For the length of a vector take the root of the sum of its
    squares."""
    return np.linalg.norm(w, 2)


def mend_average_pairs__by_position(average, parameters, decay):
    """This pairs the first with the first: it is the listing's bug. The
    orders differ, so w is averaged with b. Look each name up in the other
    dict."""
    return {name: decay * a + (1 - decay) * p for (name, a), p in zip(
        average.items(), parameters.values())}


def mend_average_pairs__shares_swapped(average, parameters, decay):
    """The two shares are swapped: a decay of 0.9 keeps nine tenths of the
    old average, and takes one tenth of the parameter."""
    return {name: (1 - decay) * average[name] + decay * parameters[name]
            for name in average}


def mend_average_pairs__in_place(average, parameters, decay):
    """The numbers are right, but they replace those of the dict that was
    handed in. Put them into a new dict."""
    for name in average:
        average[name] = (decay * average[name]
                         + (1 - decay) * parameters[name])
    return average


def mend_average_pairs__sorted_once(average, parameters, decay):
    """One of the two was sorted by name, the other not. Pairing by position
    needs both in one order; pairing by name needs no order at all."""
    ordered = sorted(parameters)
    return {name: decay * average[name] + (1 - decay) * parameters[other]
            for name, other in zip(average, ordered)}


def label_planes__one_plane(images, labels, classes):
    """The label's number stands in every plane. It would say that class 3
    is three times class 1. A class is no amount: one plane is 1, the others
    0."""
    planes = np.broadcast_to(labels[:, None, None, None],
                             (*images.shape[:3], classes))
    return np.concatenate([images, planes.astype(images.dtype)], axis=-1)


def label_planes__planes_first(images, labels, classes):
    """The planes came before the image's own channels. Put them behind: the
    first channels stay what they were."""
    one_hot = np.eye(classes, dtype=images.dtype)[labels]
    planes = np.broadcast_to(one_hot[:, None, None, :],
                             (*images.shape[:3], classes))
    return np.concatenate([planes, images], axis=-1)


def label_planes__float64(images, labels, classes):
    """The numbers are right, but np.eye and np.zeros are float64 and make
    the whole float64. Give them the dtype of the images."""
    planes = np.broadcast_to(np.eye(classes)[labels][:, None, None, :],
                             (*images.shape[:3], classes))
    return np.concatenate([images, planes], axis=-1)


def label_planes__float32(images, labels, classes):
    """The planes are float32, whatever the images are. Take the dtype from
    the images: images.dtype."""
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    planes = np.broadcast_to(one_hot[:, None, None, :],
                             (*images.shape[:3], classes))
    return np.concatenate([images, planes], axis=-1)


def label_planes__rows_mixed(images, labels, classes):
    """The planes of one image went to another: the labels were read from the
    last to the first. Plane n belongs to image n."""
    one_hot = np.eye(classes, dtype=images.dtype)[labels[::-1]]
    planes = np.broadcast_to(one_hot[:, None, None, :],
                             (*images.shape[:3], classes))
    return np.concatenate([images, planes], axis=-1)


def cost_factors__channels_once():
    """Doubling the width was counted once. A layer in the middle of the
    network gets twice as many channels and makes twice as many: its filters
    have both."""
    return [(2, 2), (4, 1), (8, 2)]


def cost_factors__side_once():
    """Doubling the side was counted once. The image then has twice as many
    rows, and each row twice as many pixels."""
    return [(4, 4), (2, 1), (8, 4)]


def cost_factors__added():
    """The factors of the two doublings were added. Four times the work for
    each pixel, at four times as many pixels: they multiply."""
    return [(4, 4), (4, 1), (8, 4)]


def cost_factors__weights_follow_pixels():
    """Here the filters grow with the image. They do not: the same 3 x 3
    numbers slide over more pixels. That is why one network takes images of
    any size."""
    return [(4, 4), (4, 4), (16, 16)]


def memorised_share__means_compared(samples, train, held_out):
    """Each sample's mean distance to all images was taken. A copy is near to
    one image, and far from the others: take the smallest distance."""
    def mean(images):
        gap = samples[:, None] - images[None]
        gap = gap.reshape(len(samples), len(images), -1)
        return np.sqrt((gap ** 2).sum(axis=2)).mean(axis=1)
    return np.mean(mean(train) < mean(held_out))


def memorised_share__the_other_way(samples, train, held_out):
    """This is the share that is nearer to the images held out, which no
    model has seen. The comparison is the wrong way round."""
    def nearest(images):
        gap = samples[:, None] - images[None]
        gap = gap.reshape(len(samples), len(images), -1)
        return (gap ** 2).sum(axis=2).min(axis=1)
    return np.mean(nearest(held_out) < nearest(train))


def memorised_share__ties_counted(samples, train, held_out):
    """A tie was counted as memorised. Where the training images are no
    nearer than the others, nothing speaks for a copy."""
    def nearest(images):
        gap = samples[:, None] - images[None]
        gap = gap.reshape(len(samples), len(images), -1)
        return (gap ** 2).sum(axis=2).min(axis=1)
    return np.mean(nearest(train) <= nearest(held_out))


def memorised_share__signed(samples, train, held_out):
    """Differences were added up with their signs, so that one pixel too
    bright and one too dark cancel. Square them before you add."""
    def nearest(images):
        gap = samples[:, None] - images[None]
        gap = gap.reshape(len(samples), len(images), -1)
        return np.abs(gap.sum(axis=2)).min(axis=1)
    return np.mean(nearest(train) < nearest(held_out))


def memorised_share__rows_apart(samples, train, held_out):
    """Only the last axis was added up, so that each row of pixels looked for
    a neighbour of its own. One image has one distance to another: bring them
    to (samples, images, everything else) first."""
    def nearest(images):
        return ((samples[:, None] - images) ** 2).sum(axis=-1).min(axis=1)
    return np.mean(nearest(train) < nearest(held_out))


def memorised_share__absolute(samples, train, held_out):
    """The sizes of the differences were added up, not their squares.
    Another image may be the nearest then: the distance is Euclidean."""
    def nearest(images):
        gap = np.abs(samples[:, None] - images)
        return gap.reshape(*gap.shape[:2], -1).sum(axis=2).min(axis=1)
    return np.mean(nearest(train) < nearest(held_out))


def hide_bits__added(image, bits):
    """The bit was added to the pixel. 201 + 0 still ends in 1, and 255 + 1
    is 0 in a byte. Clear the last bit first, then set it."""
    marked = image.copy().ravel()
    marked[:len(bits)] += bits.astype(np.uint8)
    return marked.reshape(image.shape)


def hide_bits__only_set(image, bits):
    """Ones are set, but zeros are not: 201 with the bit 0 stays 201. Clear
    the last bit before you set it."""
    marked = image.copy().ravel()
    marked[:len(bits)] |= bits.astype(np.uint8)
    return marked.reshape(image.shape)


def hide_bits__highest_bit(image, bits):
    """The first bit of the byte was replaced, the one that is worth 128:
    everybody would see it. The last one is worth 1."""
    marked = image.copy().ravel()
    marked[:len(bits)] = marked[:len(bits)] % 128 + 128 * bits
    return marked.reshape(image.shape)


def hide_bits__all_cleared(image, bits):
    """The last bit of every pixel was cleared, also of those that carry
    nothing. Leave these as they are."""
    marked = image.ravel() // 2 * 2
    marked[:len(bits)] += bits.astype(np.uint8)
    return marked.reshape(image.shape)


def occlusion_map__sign(score, image, size, grey):
    """The sign is the other one. Where covering a square lowers the score,
    the square spoke for it, and the map is positive there: the score before
    minus the score after."""
    drop = np.zeros(image.shape)
    for i in range(0, image.shape[0], size):
        for j in range(0, image.shape[1], size):
            covered = image.copy()
            covered[i:i + size, j:j + size] = grey
            drop[i:i + size, j:j + size] = score(covered) - score(image)
    return drop


def occlusion_map__never_uncovered(score, image, size, grey):
    """Each square stays covered while the next is, so that the last one
    hides the whole image. Begin with a new copy of the image each time."""
    drop, covered = np.zeros(image.shape), image.copy()
    for i in range(0, image.shape[0], size):
        for j in range(0, image.shape[1], size):
            covered[i:i + size, j:j + size] = grey
            drop[i:i + size, j:j + size] = score(image) - score(covered)
    return drop


def occlusion_map__black(score, image, size, grey):
    """The square was covered with 0, whatever `grey` says. What an image
    looks like where nothing is, depends on the image: on light ground a
    dark square is an object."""
    drop = np.zeros(image.shape)
    for i in range(0, image.shape[0], size):
        for j in range(0, image.shape[1], size):
            covered = image.copy()
            covered[i:i + size, j:j + size] = 0
            drop[i:i + size, j:j + size] = score(image) - score(covered)
    return drop


def occlusion_map__whole_squares_only(score, image, size, grey):
    """Where the grid reaches over the border, nothing was covered. The last
    squares of a row or column may be smaller, and count all the same."""
    drop = np.zeros(image.shape)
    for i in range(0, image.shape[0] - size + 1, size):
        for j in range(0, image.shape[1] - size + 1, size):
            covered = image.copy()
            covered[i:i + size, j:j + size] = grey
            drop[i:i + size, j:j + size] = score(image) - score(covered)
    return drop


def occlusion_map__sliding(score, image, size, grey):
    """The square moved on by one pixel, and each pixel got its own. The
    squares of a grid lie side by side: move on by `size`, and write the
    result into all of the square."""
    drop = np.zeros(image.shape)
    for i, j in np.ndindex(image.shape):
        covered = image.copy()
        covered[i:i + size, j:j + size] = grey
        drop[i, j] = score(image) - score(covered)
    return drop


def _nearest(samples, images):
    gap = (samples[:, None] - images[None]).reshape(
        len(samples), len(images), -1)
    return (gap ** 2).sum(axis=2).min(axis=1)


def _hidden(image, bits):
    marked = image.copy().ravel()
    marked[:len(bits)] = marked[:len(bits)] // 2 * 2 + bits
    return marked.reshape(image.shape)


def _release(samples, train, held_out, bits, allowed, mark=None,
             to_byte=np.rint):
    """The capstone with one thing changed."""
    share = np.mean(_nearest(samples, train) < _nearest(samples, held_out))
    if share > allowed:
        return share, np.zeros((0, *samples.shape[1:]), np.uint8)
    images = to_byte(127.5 * (samples + 1)).astype(np.uint8)
    return share, mark(images) if mark else np.stack(
        [_hidden(image, bits) for image in images])


def release_capstone__always_released(samples, train, held_out, bits,
                                      allowed):
    """The share was measured, and the images went out all the same. Above
    `allowed` there must be none."""
    return _release(samples, train, held_out, bits, 1.)


def release_capstone__sets_swapped(samples, train, held_out, bits, allowed):
    """memorised_share was given the images held out as if the model had been
    trained on them, and the reverse."""
    return _release(samples, held_out, train, bits, allowed)


def release_capstone__one_mark(samples, train, held_out, bits, allowed):
    """Only the first image carries the mark: all were marked as one long
    row of bytes. Each image may go its own way, so each needs its own."""
    return _release(samples, train, held_out, bits, allowed,
                    lambda images: _hidden(images, bits))


def release_capstone__unmarked(samples, train, held_out, bits, allowed):
    """The images went out without the mark: hide the bits in each of them
    once it is made of bytes."""
    return _release(samples, train, held_out, bits, allowed,
                    lambda images: images)


def release_capstone__truncated(samples, train, held_out, bits, allowed):
    """astype(np.uint8) cuts off what is behind the point. Round to the
    nearest byte first; see exercise 2 of chapter 4.1."""
    return _release(samples, train, held_out, bits, allowed, to_byte=np.floor)


def release_capstone__not_bytes(samples, train, held_out, bits, allowed):
    """The numbers are whole, but not bytes: the dtype must be uint8, or no
    file will hold them as an image."""
    share, images = _release(samples, train, held_out, bits, allowed)
    return share, images.astype(int)


def release_capstone__none_of_floats(samples, train, held_out, bits, allowed):
    """The released images are bytes, but the array of none is not. Whoever
    takes it expects uint8 in both cases."""
    share, images = _release(samples, train, held_out, bits, allowed)
    return share, images if len(images) else samples[:0]
