"""5 Future and challenges, measured"""
import numpy as np

from tinygen.exercises import exercise

QUALITY = '5, "Higher quality"'
MEMORY = '5, "Ethics and law: is it a copy?"'


def _rng():
    return np.random.default_rng(5)


@exercise(QUALITY, but_not=("np.linalg.norm", "np.linalg.svd",
                            "np.linalg.svdvals", "np.linalg.eigh",
                            "np.linalg.eigvalsh", "np.linalg.eig",
                            "np.linalg.eigvals", "np.linalg.matrix_norm"))
def largest_stretch(answer):
    w = np.array([[3., 0.], [0., 1.]])
    answer.on(w, np.array([0.6, 0.8]), 0).gives(
        np.sqrt(1.8 ** 2 + 0.8 ** 2), "without a step, u is used as it is:"
        " u w = (1.8, 0.8)")
    answer.on(w, np.array([0.6, 0.8]), 1).gives(
        np.sqrt((3 * 5.4) ** 2 + 0.8 ** 2) / np.hypot(5.4, 0.8),
        "one step: u w = (1.8, 0.8), then w (1.8, 0.8) = (5.4, 0.8), divided"
        " by its length 5.459; u w then has the length 2.971")
    rng = _rng()
    w, u = rng.normal(size=(6, 4)), rng.normal(size=6)
    u /= np.sqrt((u ** 2).sum())
    answer.on(w, u, 3).gives()
    far = answer(w, u, 60)
    turned = w @ np.diag([1., -1., 1., -1.])
    assert np.allclose(far, answer(turned, u, 60)), (
        "Changing the sign of a column turns no stretch into another; your"
        " result changes.")
    answer.on(w, u, 60).gives()


@exercise(QUALITY)
def mend_average_pairs(answer):
    answer.on({"w": 0., "b": 10.}, {"b": 20., "w": 1.}, 0.9).gives(
        {"w": 0.1, "b": 11.}, "w's average is 0.9 x 0 + 0.1 x 1, b's is 0.9 x"
        " 10 + 0.1 x 20: by name, however the two dicts are ordered")
    rng = _rng()
    a = {name: rng.normal(size=3) for name in ("g.0.w", "g.0.b", "g.2.w")}
    p = {name: rng.normal(size=3) for name in ("g.2.w", "g.0.w", "g.0.b")}
    answer.on(a, p, 0.99).gives()
    answer.on(a, p, 0.25).gives()


@exercise('5, "More control"', dtype=True)
def label_planes(answer):
    x = np.array([[[[5.]]], [[[7.]]]], np.float32)
    answer.on(x, np.array([1, 0]), 2).gives(
        np.array([[[[5, 0, 1]]], [[[7, 1, 0]]]], np.float32),
        "the first image, of one pixel, has the label 1: its second plane is"
        " 1, the other 0; the second has the label 0")
    rng = _rng()
    images = rng.normal(size=(3, 4, 5, 2)).astype(np.float32)
    answer.on(images, np.array([2, 0, 2]), 4).gives()
    answer.on(np.full((1, 1, 2, 1), 200, np.uint8), np.array([1]), 2).gives(
        np.array([[[[200, 0, 1], [200, 0, 1]]]], np.uint8),
        "the images are bytes here, and the planes must be, too")


@exercise('5, "The computing it takes"')
def cost_factors(answer):
    answer.on().gives(because="a pixel of the result costs size x size x"
                      " channels in x channels out multiplications, and the"
                      " filter that many weights")


@exercise(MEMORY)
def memorised_share(answer):
    train, held = np.array([[0., 0.], [4., 0.]]), np.array([[0., 3.],
                                                            [4., 3.]])
    samples = np.array([[0., 1.], [4., 2.], [1., 0.], [9., 0.]])
    answer.on(samples, train, held).gives(
        0.75, "the first is at 1 from a training image and at 2 from one held"
        " out, the second at 2 and 1, the third at 1 and 3.2, the last at 5"
        " and 5.8: three of four are nearer to the training images")
    rng = _rng()
    a, b = rng.normal(size=(2, 20, 6))
    fresh = rng.normal(size=(30, 6))
    answer.on(fresh, a, b).gives()
    answer.on(a + 0.01, a, b).gives(1.0, "all samples are next to copies")
    answer.on(fresh.reshape(30, 3, 2), a.reshape(20, 3, 2),
              b.reshape(20, 3, 2)).gives(
        because="the same numbers as images of 3 x 2 pixels: all of an image's"
        " pixels make one distance")
    answer.on(fresh, a, a).gives(
        0.0, "where both distances are equal the sample is not nearer to the"
        " training images")
    answer.on(np.array([[0.4, 0.4], [0.9, 0.]]), np.array([[1., 0.]]),
              np.array([[0., 0.]])).gives(
        0.5, "the first is at 0.72 from the training image and at 0.57 from"
        " the other; the second at 0.1 and 0.9")


@exercise('5, "Ethics and law: where does it come from?"', dtype=True)
def hide_bits(answer):
    image = np.array([[200, 201], [255, 0]], np.uint8)
    answer.on(image, np.array([1, 0, 0])).gives(
        np.array([[201, 200], [254, 0]], np.uint8), "200 with its last bit 1"
        " is 201, 201 with 0 is 200, 255 with 0 is 254; the fourth pixel"
        " carries nothing")
    rng = _rng()
    image = rng.integers(256, size=(4, 3, 3), dtype=np.uint8)
    bits = rng.integers(2, size=20)
    marked = np.asarray(answer(image, bits))
    if marked.shape == image.shape and marked.dtype == image.dtype:
        assert np.array_equal(marked.ravel()[:20] % 2, bits), (
            "Read back, the last bits of the first bytes must be the message;"
            " they are not.")
    answer.on(image, bits).gives()


@exercise('5, "Can it be explained?"')
def occlusion_map(answer):
    image = np.array([[1., 2.], [3., 4.]])

    def total(x):
        return x.sum()

    answer.on(total, image, 1, 0.).gives(
        image, "the score is the sum of the pixels: covering the 3 lowers it"
        " by 3")
    answer.on(total, image, 1, 1.).gives(
        image - 1, "covered by a 1, the pixel 3 counts as 1: the score falls"
        " by 2")
    wide = _rng().normal(size=(4, 6))
    weight = _rng().normal(size=(4, 6)) + 1

    def score(x):
        return (weight * x).sum() + x.max()

    answer.on(score, wide, 2, 0.5).gives()
    answer.on(total, np.ones((1, 3)), 2, 0.).gives(
        np.array([[2., 2., 1.]]), "the first square holds two pixels, and what"
        " is left of the second holds one")
    answer.on(total, np.ones((3, 1)), 2, 0.).gives(
        np.array([[2.], [2.], [1.]]), "the same image, upright")


@exercise(MEMORY, takes=("memorised_share", "hide_bits"), dtype=True)
def release_capstone(answer):
    train, held = np.zeros((1, 2, 2)), np.ones((1, 2, 2))
    good = np.array([[[0.9, 0.9], [0.9, 0.9]], [[0.1, 0.1], [0.1, 0.1]]])
    answer.on(good, train, held, np.array([1, 1]), 0.6).gives(
        (0.5, np.array([[[243, 243], [242, 242]], [[141, 141], [140, 140]]],
                       np.uint8)),
        "one of the two is nearer to the training image: a share of 0.5, and"
        " 0.6 is allowed. 0.9 becomes the byte 127.5 x 1.9 = 242.25, so 242;"
        " with the bit 1 it is 243")
    answer.on(good, train, held, np.array([1, 1]), 0.4).gives(
        (0.5, np.zeros((0, 2, 2), np.uint8)), "0.5 is more than the 0.4 that"
        " is allowed: nothing is released")
    rng = _rng()
    a, b, c = rng.uniform(-1, 1, size=(3, 8, 3, 3))
    answer.on(a, b, c, rng.integers(2, size=9), 0.9).gives()
    answer.on(b + 0.001 * (c - b), b, c, rng.integers(2, size=9), 0.9).gives()
    answer.on(good, train, held, np.array([0]), 0.5).gives(
        because="a share of exactly what is allowed is still allowed")
