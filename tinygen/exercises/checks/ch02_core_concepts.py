"""2 Core concepts: three ideas on one toy"""
import numpy as np

from tinygen.exercises import exercise

PIXELS = '2, "Images of two pixels"'
SHAPE = '2, "A shape from noise"'
SIDE = '2, "Side by side"'


def _rng():
    return np.random.default_rng(2)


@exercise(PIXELS)
def covered_share(answer):
    corner = np.array([[0., 0.], [3., 0.], [0., 4.], [9., 9.]])
    answer.on(corner, np.array([[0., 1.]]), 3.).gives(
        0.5, "(0, 0) is 1 away, (0, 4) is 3 away, which is just near enough;"
        " (3, 0) is the root of 10 away")
    answer.on(np.array([[0.8, 0.8], [1.2, 0.]]), np.zeros((1, 2)), 1.).gives(
        0., "0.8 off in each direction is 1.13 in all, and 1.2 is farther")
    answer.on(np.zeros((2, 3)), np.array([[0., 0., 1.], [0., 5., 0.],
                                          [7., 0., 0.]]), 2.).gives(
        1., "one near neighbour is enough, and pixels may be three")
    answer.on(np.array([[0., 0., 0.], [5., 0., 5.], [0., 5., 5.]]),
              np.array([[5., 0., 0.], [0., 5., 0.]]), 2.).gives(
        0., "all are 5 off, though each pixel of the first agrees with one"
        " of the others, and two pixels of the rest agree")
    answer.on(np.array([[0.5, 0.]]), np.zeros((1, 2)), 0.3).gives(
        0., "0.5 away is farther than 0.3")
    rng = _rng()
    answer.on(rng.normal(size=(7, 2)), rng.normal(size=(4, 2)), 0.6).gives()


@exercise('2, "Without learning: one formula"')
def normal_like(answer):
    points = np.array([[0., 0.], [2., 0.], [0., 4.], [2., 4.]])
    answer.on(points, np.zeros((1, 2))).gives(
        np.array([[1., 2.]]), "noise 0 is the mean")
    rng = _rng()

    def covariance(draws):      # the same for every root of it
        a = draws - draws[-1]
        return a.T @ a
    for d in (2, 3):
        mixed = rng.normal(size=(9, d)) @ rng.normal(size=(d, d))
        turned = np.linalg.qr(rng.normal(size=(d, d)))[0]
        unit = np.concatenate([turned, np.zeros((1, d))])
        answer.on(mixed, unit).then(covariance).gives(
            np.cov(mixed.T), "sent through the map, unit steps of the noise"
            " must add up to the covariance: A A^T")
        answer.on(mixed, unit).then(lambda draws: draws[-1]).gives(
            mixed.mean(axis=0), "noise 0 is the mean, whatever the other rows"
            " hold")


@exercise(SHAPE)
def density_of_exp(answer):
    top = 1 / np.sqrt(2 * np.pi)
    answer.on(np.array([1.]), 2.).gives(
        np.array([top / 2]), "x = 1 comes from z = 0, where the density is"
        " 0.399 and g stretches by 2")
    answer.on(np.array([np.e]), 1.).gives(
        np.array([top * np.exp(-1 / 2) / np.e]), "x = e comes from z = 1,"
        " where the slope of g is e")
    answer.on(_rng().uniform(0.1, 4, 6), 0.7).gives()


@exercise(SHAPE)
def bridge_share(answer):
    z = np.arctanh(0.5)
    answer.on(z).gives(
        0.6826894921370859, "the bridge is reached by noise from -1 to 1:"
        " 68 % of it")
    answer.on(z / 2).gives(
        0.9544997361036416, "with half the slope, by noise from -2 to 2")
    for k in (0.1, 3., 40.):
        answer.on(k).gives()


@exercise('2, "CycleGAN: a way there and back"')
def translate_in_order(answer):
    answer.on(np.array([5., 1., 3.]), np.array([20., 30., 10.])).gives(
        np.array([30., 10., 20.]), "5 is the largest x and gets the largest"
        " y; 1 gets the smallest")
    answer.on(np.array([0.2, 0.9, 0.4, 0.7]), np.array([2., 0., -1., 7.])
              ).gives(np.array([-1., 7., 0., 2.]), "ranks of x: 1, 4, 2, 3")
    rng = _rng()
    answer.on(rng.normal(size=9), rng.normal(5, 2, 9)).gives()


@exercise('2, "GAN: a judge"')
def mend_judge_loss(answer):
    answer.on(np.zeros(2), np.zeros(2)).gives(
        2 * np.log(2), "D = 1/2 of all: -log 1/2 for the real ones and"
        " -log(1 - 1/2) for the others")
    answer.on(np.array([np.log(3)]), np.array([-np.log(3)])).gives(
        2 * np.log(4 / 3), "D is 3/4 on the real one and 1/4 on the other:"
        " -log 3/4 twice")
    answer.on(np.array([0.]), np.array([np.log(3)])).gives(
        np.log(2) + np.log(4), "the made one is taken for real with 3/4:"
        " -log 1/4")
    rng = _rng()
    answer.on(rng.normal(size=4), rng.normal(size=3)).gives()


@exercise('2, "How the three are related"')
def off_by(answer):
    answer.on(np.array([1., 0., -1.]), 0.5, 2.).gives(
        np.array([0., 0., 0.]), "halved and doubled: all come back")
    answer.on(np.array([1., -2.]), 2., 0.).gives(
        np.array([1., 2.]), "all come back to 0, so each is off by itself")
    answer.on(np.array([1., 2.]), -1., 1.).gives(
        np.array([2., 4.]), "turned round and not turned back")
    rng = _rng()
    answer.on(rng.normal(size=5), 0.3, 0.8).gives()


@exercise(SIDE, takes=("covered_share",))
def harmonic_marks(answer):
    real = np.array([[0., 0.], [1., 0.], [2., 0.], [3., 0.]])
    one, wide = real[:1], np.stack([np.arange(8.), np.zeros(8)], axis=1)
    answer.on([one, wide], real, 0.1).gives(
        np.array([2 / 5, 2 / 3]), "the first has precision 1 and recall 1/4,"
        " the second 1/2 and 1")
    answer.on([real + 50, real], real, 0.1).gives(
        np.array([0., 1.]), "precision and recall 0 give 0, not 0 / 0")
    answer.on([real - 1], real, 1.).gives(
        np.array([3 / 4]), "three of four on each side are just 1 away")
    rng = _rng()
    answer.on([rng.normal(size=(n, 2)) for n in (5, 9, 12)],
              rng.normal(size=(8, 2)), 0.7).gives()
