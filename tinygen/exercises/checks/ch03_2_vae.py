"""3.2 VAE: the principle, the steps, the mathematics"""
import numpy as np

from tinygen.exercises import exercise

PAPER = '3.2, "A hidden number, on paper"'
DRAWS = '3.2, "Why not simply make the data likely?"'
BOUND = '3.2, "The bound"'
PRICE = '3.2, "The price of the code, in closed form"'
DRAWN = '3.2, "A gradient through a draw"'
BETA = '3.2, "What beta weighs"'
AVERAGED = '3.2, "Pixels averaged"'


def _rng():
    return np.random.default_rng(32)


# ------------------------------------------------------------------- the model


@exercise(PAPER)
def posterior_linear_gaussian(answer):
    answer.on(np.array([5., 0.]), 3., 4.).gives(
        (np.array([0.6, 0.]), 0.8), "the slope of -(5 - 3z)^2 / 32 - z^2 / 2"
        " is 0 at z = 15 / 25, and its curvature is 25 / 16")
    mean, spread = answer(np.array([2.]), 0., 3.)
    assert np.allclose(mean, 0) and np.allclose(spread, 1), (
        "With w = 0 the image says nothing of the code: the posterior must"
        " be the prior, with mean 0 and spread 1.")
    answer.on(_rng().normal(size=4), -1.7, 0.6).gives()


@exercise(DRAWS)
def log_evidence_mc(answer):
    answer.on(np.log([0.1, 0.3])).gives(
        np.log(0.2), "the mean of 0.1 and 0.3 is 0.2")
    answer.on(np.array([-1000., -1000. + np.log(3)])).gives(
        -1000 + np.log(2), "take e^-1000 out of the mean: the mean of 1 and"
        " 3 is 2", tol=1e-10)
    answer.on(np.array([-2000., -100., -1500.])).gives(
        -100 - np.log(3), "beside e^-100 the other two are nothing, but they"
        " count: the mean is a third of it", tol=1e-10)
    answer.on(_rng().normal(-600, 40, size=7)).gives(tol=1e-10)


# ------------------------------------------------------------------- the bound


@exercise(BOUND)
def elbo_gap(answer):
    answer.on(np.array([5., 5.]), np.array([0.6, 0.]), np.array([0.8, 1.]),
              3., 4.).gives(
        np.array([0., np.log(0.8) + 1.36 / 1.28 - 0.5]), "the first q is the"
        " posterior; the second is the prior, whose KL to N(0.6, 0.8^2) is"
        " log 0.8 + (1 + 0.36) / (2 x 0.64) - 1/2")
    rng = _rng()
    x, mu, spread = rng.normal(size=4), rng.normal(size=4), rng.random(4) + .1
    assert np.all(np.asarray(answer(x, mu, spread, 1.5, 0.7)) >= 0), (
        "A bound that is above log p(x) is no bound: the gap is never"
        " negative.")
    answer.on(x, mu, spread, 1.5, 0.7).gives()


@exercise(PRICE)
def gaussian_kl_general(answer):
    one = np.ones(1)
    answer.on(0 * one, one, one, 2 * one).gives(
        np.log(2) + 2 / 8 - 0.5, "log 2 - log 1, and E (z - 1)^2 = 1 + 1"
        " over 2 x 4, less 1/2")
    rng = _rng()
    p, q = rng.normal(size=3), rng.random(3) + 0.2
    same = answer(p, q, p, q)
    assert np.allclose(same, 0), (
        "The KL from a distribution to itself must be 0.")
    answer.on(p, q, rng.normal(size=3), rng.random(3) + 0.5).gives()


@exercise('3.2, "Up, not down"')
def elbo_sign(answer):
    answer.on(np.array([-3.]), np.array([2.])).gives(
        5., "the bound is -3 - 2 = -5 and should be large; a loss is small"
        " when it is")
    rng = _rng()
    fit, price = rng.normal(-5, 1, 4), rng.random(4)
    base = answer(fit, price)
    assert answer(fit + 1, price) < base, (
        "Every image has become likelier by a nat, and the loss did not"
        " fall.")
    assert answer(fit, price + 1) > base, (
        "Every code has become dearer by a nat, and the loss did not rise.")
    answer.on(fit, price).gives()


# --------------------------------------------------------------- the gradients


@exercise(DRAWN)
def score_gradient(answer):
    answer.on(np.array([3., 1.]), np.array([4., 0.]), 0., 2.).gives(
        np.array([1.5, 2.]), "in mu: the mean of 3 x 4 / 4 and 1 x 0 / 4; in"
        " sigma: the mean of 3 x (16 - 4) / 8 and 1 x (0 - 4) / 8")
    rng = _rng()
    z = 0.7 + 0.5 * rng.normal(size=6)
    answer.on(z ** 2, z, 0.7, 0.5).gives()


@exercise(DRAWN)
def pathwise_gradient(answer):
    answer.on(lambda z: 2 * z, 1., 2., np.array([0.5])).gives(
        np.array([[4.], [2.]]), "z = 1 + 2 x 0.5 = 2; the slope of z^2 is 4;"
        " in sigma it is 4 x 0.5")
    rng = _rng()
    answer.on(np.cos, rng.normal(size=5), 0.6, rng.normal(size=5)).gives()


# ------------------------------------------------------- the article's formula


@exercise('3.2, "The article\'s formula"')
def unbounded_term(answer):
    answer.on(1, np.e, 1.).gives(1., "one code: log sigma grows by log e = 1")
    answer.on(2, 10., 3.).gives(
        6 * np.log(10), "two codes, each by log 10, times 3")
    answer.on(5, 0.5, 1.).gives(
        -5 * np.log(2), "squeezed to a half, five codes lose log 2 each")


@exercise(BETA)
def beta_bound(answer):
    half = np.log([0.5, 0.5])
    answer.on(np.log([0.1, 0.3]), half, 1.).gives(
        np.log(0.2), "at beta = 1 it is log p(x): half of 0.1 and of 0.3")
    answer.on(np.log([0.25, 0.01]), half, 2.).gives(
        2 * np.log(0.3), "the roots are 0.5 and 0.1, their mean is 0.3, and"
        " its log counts twice")
    answer.on(np.array([-2000., -2001.]), np.log([0.9, 0.1]), 0.5).gives(
        tol=1e-10)
    rng = _rng()
    answer.on(rng.normal(size=5), np.log(rng.dirichlet(np.ones(5))),
              0.3).gives()


# ------------------------------------------------------------- what goes wrong


@exercise(AVERAGED)
def mend_pixel_average(answer):
    y = np.array([[0., 0., 0., 0.]])
    answer.on(y, y + 1, np.array([[0.]]), np.array([[0.]])).gives(
        2., "four pixels, each off by 1, cost 1/2 each; the code is the"
        " prior and costs nothing")
    answer.on(y, y, np.array([[1., 1.]]), np.zeros((1, 2))).gives(
        1., "nothing is off; two codes cost 1/2 each")
    rng = _rng()
    answer.on(rng.normal(size=(3, 5)), rng.normal(size=(3, 5)),
              rng.normal(size=(3, 2)), rng.normal(size=(3, 2))).gives()


@exercise(AVERAGED)
def surviving_weight(answer):
    answer.on(np.array([25.]), 4., 1.).gives(
        np.array([3.]), "25 - 16 = 9, the square of 3")
    answer.on(np.array([25., 25., 40.]), 4., 2.).gives(
        np.array([0., 0., np.sqrt(8)]), "the noise counts as 2 x 16 = 32;"
        " only 40 is more than that")
    answer.on(np.array([1.86, 0.9, 0.03]), 0.2, 1.).gives()


# -------------------------------------------------------------------- capstone


@exercise('3.2, "The steps"', takes=(
    "pathwise_gradient", "gaussian_kl_general", "elbo_sign"))
def toy_vae_capstone(answer):
    answer.on(np.array([0., 1.]), 1., 1., np.array([2.]), np.array([1.]),
              0.1).gives(
        (np.array([0.2, 1.1]), 1.1, 0.5 * np.log(2 * np.pi) + 0.5),
        "z = 1; the slope of log p(x|z) in z is 1 x (2 - 1) / 1 = 1. In a: 1"
        " x 2, and the price is flat at a = 0; in t: 1 x 1, and the price is"
        " flat at t = 1; in w: (2 - 1) x 1. All go up by 0.1 of that")
    rng = _rng()
    answer.on(np.array([0.3, 0.5]), 1.4, 0.8, rng.normal(size=6),
              rng.normal(size=6), 0.05).gives()
