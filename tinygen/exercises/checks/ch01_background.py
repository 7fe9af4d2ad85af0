"""1 Background: what would it mean for an image to be real?"""
import numpy as np

from tinygen.exercises import exercise

HAND = '1, "A model by hand"'
LARGE = '1, "2,352 pixels"'


def _rng():
    return np.random.default_rng(1)


def _images(n, d):
    """Images whose variances differ, so that the directions are sure."""
    rng = _rng()
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return rng.normal(size=(n, d)) * np.arange(1., d + 1) @ turn + 3


@exercise('1, "All images there are"')
def image_digits(answer):
    answer.on(1, 1, 1, 10).gives(2, "ten images, and 10 has two digits")
    answer.on(8, 8, 1, 2).gives(20, "2^64 = 18,446,744,073,709,551,616")
    answer.on(1, 2, 3, 4).gives(4, "4^6 = 4,096")
    answer.on(28, 28, 1, 256).gives(
        1889, "784 numbers of 2.408 digits each, rounded down, and 1")


@exercise(HAND)
def main_direction(answer):
    root = np.sqrt(0.5)
    answer.on(np.array([[1., 2.], [2., 1.], [-1., -2.], [-2., -1.]])).gives(
        (np.array([root, root]), 6.), "along (1, 1) the images lie at"
        " +-3 / sqrt 2, four times 4.5, divided by 3")
    answer.on(np.array([[10., 4.], [10., 0.], [10., -4.]])).gives(
        (np.array([0., 1.]), 16.), "only the second pixel varies: 16, 0, 16,"
        " divided by 2")
    answer.on(np.outer([-1., 0., 1.], [3., -2., -2.])).gives(
        (np.array([3., -2., -2.]) / np.sqrt(17), 17.), "of 3, -2 and -2 the"
        " largest by absolute value is 3, and it is positive")
    answer.on(_images(9, 4)).gives()


@exercise(LARGE)
def draw_by_hand(answer):
    answer.on(np.array([10., 0.]), np.array([[0.6, 0.8]]), np.array([25.]),
              np.array([[2.], [0.]])).gives(
        np.array([[16., 8.], [10., 0.]]), "2 spreads of 5 along (0.6, 0.8);"
        " noise 0 is the mean")
    rng = _rng()
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    answer.on(rng.normal(size=3), turn[:2], np.array([4., 0.25]),
              rng.normal(size=(5, 2))).gives()
    answer.on(rng.normal(size=3), turn, np.array([4., 2., 0.25]),
              rng.normal(size=(3, 3))).gives()


@exercise(LARGE)
def components_for(answer):
    answer.on(np.array([1., 6., 3.]), 0.8).gives(
        2, "6 of 10 is not enough, 6 + 3 is 9 of 10")
    answer.on(np.array([1., 6., 3.]), 0.9).gives(
        2, "9 of 10 is just enough")
    answer.on(np.ones(10), 0.85).gives(9, "each of ten holds a tenth")
    answer.on(np.array([5., 0., 0.]), 1.).gives(1, "the first holds all")
    answer.on(_rng().uniform(0, 1, 12) ** 3, 0.95).gives()


@exercise('1, "A number that agrees with the eye"')
def frechet_apart(answer):
    answer.on(np.array([[0.], [2.]]), np.array([[3.], [9.]])).gives(
        33., "means 1 and 6: 25; spreads sqrt 2 and 3 sqrt 2: 8")
    answer.on(np.array([[0., 1.], [2., 1.]]), np.array([[0., 4.], [2., 4.]])
              ).gives(9., "the first feature agrees, the second is 3 off")
    rng = _rng()
    answer.on(rng.normal(size=(6, 3)), rng.normal(1, 2, (5, 3))).gives()


@exercise('1, "The model by hand is a VAE"')
def mend_redraw(answer):
    line = np.array([[5., 5.], [6., 6.], [7., 7.]])
    answer.on(line, 1).gives(line, "they lie on one line already")
    level = np.array([[0., 1.], [1., 1.], [2., 1.]])
    answer.on(level, 1).gives(
        level, "a line too, though not through the origin")
    answer.on(_images(8, 4), 2).gives()
    answer.on(_images(8, 4), 1).gives()


@exercise(LARGE, takes=("draw_by_hand",))
def maker_by_hand(answer):
    x = _images(9, 4)
    for k in (4, 2):
        steps = np.concatenate([np.eye(k), np.zeros((1, k))])

        def covariance(draws):
            a = draws - draws[-1]
            return a.T @ a
        answer.on(x, k, steps).then(lambda draws: draws[-1]).gives(
            x.mean(axis=0), "noise 0 is the mean of the examples")
        answer.on(x, k, steps).then(covariance).gives(
            because="unit steps of noise along the main directions add up to"
            " as much of the covariance as these can hold")
    first = np.array([[1., 0.], [0., 0.]])
    answer.on(x, 2, first).then(
        lambda draws: np.sum((draws[0] - draws[1]) ** 2)).gives(
        because="the first number of the noise goes along the direction of"
        " greatest variance")
