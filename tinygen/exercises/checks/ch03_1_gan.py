"""3.1 GAN: the principle, the steps, the mathematics"""
import numpy as np

from tinygen.exercises import exercise

THREE = '3.1, "A judge of three pictures"'
BEST = '3.1, "The best discriminator"'
WORTH = '3.1, "What the game is worth"'
CIRCLE = '3.1, "What goes wrong: two players in a circle"'


def _rng():
    return np.random.default_rng(31)


# ------------------------------------------------------------------- the judge


@exercise(THREE)
def best_with_share(answer):
    answer.on(np.array([1 / 2, 1 / 2, 0.]), np.array([1 / 2, 1 / 4, 1 / 4]),
              0.75).gives(
        np.array([3 / 4, 6 / 7, 0.]), "of 16 showings 12 are real: 6 cats"
        " and 6 dogs; 4 are drawn: 2 cats, a dog, a blot")
    p, q = _rng().dirichlet(np.ones(5), 2)
    half = answer(p, q, 0.5)
    assert np.allclose(half, p / (p + q)), (
        "With as many real images as drawn ones, the result must be the"
        " chapter's p / (p + q).")
    answer.on(p, q, 0.1).gives()


@exercise('3.1, "The value of the game"')
def game_value(answer):
    answer.on(np.array([1 / 2, 2 / 3, 0.]), np.array([1 / 2, 1 / 2, 0.]),
              np.array([1 / 2, 1 / 4, 1 / 4])).gives(
        np.log(1 / 2) + np.log(2 / 3) / 2 + np.log(1 / 3) / 4,
        "cats add 1/2 log 1/2 twice, dogs 1/2 log 2/3 and 1/4 log 1/3, blots"
        " 1/4 log 1 = 0")
    p, q, d = _rng().dirichlet(np.ones(4), 3)
    answer.on(d, p, q).gives()
    answer.on(np.array([1 / 2, 3 / 4, 1 / 4]), np.array([1 / 2, 1 / 2, 0.]),
              np.array([1 / 2, 0., 1 / 2])).gives(
        np.log(3 / 8), "dogs are never drawn and blots never real, and each"
        " of the two still adds 1/2 log 3/4")
    half = np.full(2, 1 / 2)
    sure = np.array([1., 1 / 2])
    if np.isfinite(answer(sure, half, half)):
        raise answer.mistake("clipped")     # whatever the small number
    answer.on(sure, half, half).gives(
        -np.inf, "D is sure that the first image is real, and half of the"
        " drawings show it: 1/2 log 0")


@exercise(BEST)
def best_logit(answer):
    x = np.array([0., 1., 2.])
    answer.on(x, (0., 1.), (2., 1.)).gives(
        np.array([2., 0., -2.]), "half-way between two equally wide heaps"
        " the judge cannot tell; at 0 it is (0 - 2)^2 / 2 - 0")
    answer.on(x, (0., 1.), (0., 2.)).gives(
        np.log(2) - x ** 2 * 3 / 8, "in the middle the narrow heap is twice"
        " as high, log 2; outwards -x^2 / 2 + x^2 / 8")
    answer.on(np.array([-1000., 1000.]), (0., 1.), (1., 1.)).gives(
        np.array([1000.5, -999.5]), "(x - 1)^2 / 2 - x^2 / 2 = 1/2 - x: far"
        " out both densities round to 0, but their ratio is known")
    answer.on(_rng().normal(size=5), (1., 0.6), (-1., 1.3)).gives()


# ---------------------------------------------------------------- its earnings


@exercise(WORTH)
def js_divergence(answer):
    answer.on(np.array([1., 0.]), np.array([1 / 2, 1 / 2])).gives(
        np.log(4 / 3) / 2 + np.log(2 / 3) / 4 + np.log(2) / 4,
        "m = (3/4, 1/4); KL(p to m) = log 4/3, KL(q to m) = 1/2 log 2/3 +"
        " 1/2 log 2")
    answer.on(np.array([1., 0.]), np.array([0., 1.])).gives(
        np.log(2), "m = (1/2, 1/2), and both relative entropies are log 2")
    answer.on(np.array([1., 1., 0., 2.]) / 4,
              np.array([0., 2., 1., 1.]) / 4).gives(
        because="an image that one of the two never shows adds 0 to that"
        " one's entropy; all the others count")
    p, q = _rng().dirichlet(np.ones(6), 2)
    assert np.isclose(answer(p, q), answer(q, p)), (
        "JS does not ask which of the two came first: exchanging p and q"
        " must not change it.")
    answer.on(p, q).gives()


@exercise('3.1, "Where the two do not meet"')
def uniforms_js(answer):
    answer.on(0.5).gives(
        np.log(2) / 2, "on the half that they share the judge can only"
        " guess, which adds 0; on the other half it is always right, log 2")
    answer.on(1.).gives(np.log(2), "they touch, and share nothing")
    for shift in (0., 0.1, -0.3, 7., -20.):
        answer.on(shift).gives()


@exercise('3.1, "A GAN on the line"')
def js_bound(answer):
    answer.on(np.zeros(3), np.zeros(2)).gives(
        0., "D = 1/2 everywhere, V = 2 log 1/2 = -log 4: this judge sees"
        " no difference")
    answer.on(np.array([np.log(3)]), np.array([-np.log(3)])).gives(
        np.log(3 / 2), "D is 3/4 and 1/4, V = 2 log 3/4; half of"
        " log 9/16 + log 4 is log 3/2")
    rng = _rng()
    answer.on(rng.normal(1, 1, size=4), rng.normal(size=3)).gives()
    far = np.array([0., -1000.])
    value = answer(far, -far)
    if np.shape(value) == () and -400 < value < 0:
        raise answer.mistake("clipped")     # whatever the small number
    answer.on(far, -far).gives(
        (np.log(2) - 1000) / 2, "half of each batch is judged wrongly, with"
        " a logit of 1000: V = -log 2 - 1000")


@exercise('3.1, "The value of the game"')
def bce_slope(answer):
    answer.on(np.array([0., np.log(3)]), np.array([0., 0.])).gives(
        np.array([1 / 2, 3 / 4]), "two fakes with D = 1/2 and 3/4; the loss"
        " is log(1 + e^l), its slope D")
    sure = answer(np.array([30., -40.]), np.array([0., 1.]))
    if np.shape(sure) == (2,) and np.all(sure == 0):
        raise answer.mistake("clipped")     # wherever it was clipped
    answer.on(np.array([30., -40.]), np.array([0., 1.])).gives(
        np.array([1., -1.]), "D is sure, and wrong both times: the slope is"
        " as steep as it can be")
    answer.on(np.array([1000., -1000.]), np.array([0., 1.])).gives(
        np.array([1., -1.]), "with a logit of 1000 it is no steeper: s(l) is"
        " 1 there, and 0 at -1000")
    rng = _rng()
    answer.on(rng.normal(size=6), rng.integers(0, 2, 6).astype(float)).gives()


# -------------------------------------------------------------------- the game


@exercise('3.1, "The steps"')
def who_goes_where(answer):
    answer.on().gives(because="the best D rises towards the real images, the"
                              " printed one falls; G climbs or descends it")


@exercise('3.1, "A GAN that circles"')
def dirac_slopes(answer):
    answer.on(1., 0.).gives(
        np.array([0., 1 / 2]), "a flat judge moves nobody, but the judge's"
        " own loss, log(1 + e^(psi theta)), rises by theta s(0)")
    answer.on(2., np.log(3) / 2).gives(
        np.array([-np.log(3) / 8, 3 / 2]), "the logit is log 3, s = 3/4:"
        " -psi / 4 and 2 x 3/4")
    for theta, psi in _rng().normal(size=(3, 2)):
        answer.on(float(theta), float(psi)).gives()


@exercise(CIRCLE)
def turn_matrix(answer):
    answer.on(0.5).gives(
        np.array([[1., -0.5], [0.5, 0.75]]), "from (1, 0): x stays 1, y ="
        " 0 + 0.5 x 1; from (0, 1): x = -0.5, y = 1 + 0.5 x (-0.5)")
    area = np.linalg.det(answer(0.2))
    assert np.isclose(area, 1), (
        "Moving in turn, the players neither gain nor lose ground: the"
        f" determinant must be 1, and yours is {area:.4f}.")
    answer.on(0.2).gives()


@exercise(CIRCLE)
def distance_after(answer):
    answer.on(1., 2).gives(
        2., "from (1, 0) to (1, 1) to (0, 2)")
    for eta, rounds in ((0.1, 100), (0.05, 200), (0.2, 75), (0.3, 1)):
        answer.on(eta, rounds).gives()


# -------------------------------------------------------------------- capstone


@exercise('3.1, "Two goals for the generator"', may_use=("tg",),
          takes=("game_value", "js_divergence"))
def softmax_round(answer):
    p = np.array([3 / 4, 1 / 4])
    step = np.log(9 / 5) / 4
    value = (0.75 * np.log(3 / 5) + 0.25 * np.log(1 / 3)
             + 0.5 * np.log(2 / 5) + 0.5 * np.log(2 / 3))
    answer.on(np.zeros(2), p, 1.).gives(
        (np.array([step, -step]), value, (value + np.log(4)) / 2),
        "q = (1/2, 1/2), D = (3/5, 1/3), the costs are log 5/3 and log 3,"
        " their mean under q lies half-way, and each theta moves by q times"
        " the distance to it", tol=1e-6)
    rng = _rng()
    answer.on(rng.normal(size=5), rng.dirichlet(np.ones(5)), 0.7).gives(
        tol=1e-6)
