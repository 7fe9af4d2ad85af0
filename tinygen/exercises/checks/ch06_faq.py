"""6 Questions, measured"""
import numpy as np

from tinygen.exercises import exercise

HEAPS = '6, "A distance between two heaps"'
SURE = '6, "Sure, and of every kind"'
NUMBER = '6, "The number of images"'


def _rng():
    return np.random.default_rng(6)


@exercise(HEAPS)
def frechet_line(answer):
    answer.on(np.array([0., 2.]), np.array([5., 5.])).gives(
        18., "the means are 1 and 5, 4 apart: 16; the deviations are sqrt(2)"
        " (over n - 1) and 0: 2 more")
    rng = _rng()
    a, b = rng.normal(size=7), rng.normal(3, 2, size=5)
    answer.on(a, b).gives()
    assert np.allclose(answer(b, a), answer(a, b)), (
        "A distance there must be the distance back; yours is not.")
    answer.on(a, a + 2).gives(4., "the same heap, moved by 2")


@exercise(HEAPS)
def root_trace(answer):
    answer.on(np.diag([4., 1.]), np.diag([1., 9.])).gives(
        5., "the product is diag(4, 9), its root diag(2, 3)", tol=1e-6)
    a = np.array([[2., 1.], [1., 2.]])
    answer.on(a, a).gives(
        4., "the root of a times a is a, and its trace 2 + 2", tol=1e-6)
    rng = _rng()
    x, y = rng.normal(size=(2, 9, 4))
    answer.on(x.T @ x, y.T @ y).gives(tol=1e-6)
    few = rng.normal(size=(2, 8))       # two images: six eigenvalues are 0
    wide = rng.normal(size=(20, 8))
    assert np.isrealobj(answer(few.T @ few, wide.T @ wide)), (
        "Of two images six eigenvalues are 0, and rounding makes some of"
        " yours complex: so is your result. The matrix R b R is symmetric,"
        " and np.linalg.eigvalsh finds real ones.")
    answer.on(wide.T @ wide, few.T @ few).gives(tol=1e-6)
    answer.on(few.T @ few, wide.T @ wide).gives(
        because="of two images six eigenvalues are 0, and eigh may find"
        " -1e-17 for one: its root must be 0", tol=1e-6)


@exercise(SURE)
def best_inception(answer):
    answer.on(2, 0.9).gives(
        np.exp(np.log(2) + 0.9 * np.log(0.9) + 0.1 * np.log(0.1)),
        "the case of the chapter, 1.445", tol=1e-6)
    answer.on(8, 1 / 8).gives(
        1., "an image that says 1/8 to each of eight classes says nothing",
        tol=1e-6)
    answer.on(10, 0.6).gives(tol=1e-6)
    answer.on(8, 1.).gives(
        8., "sure and of all classes alike: the best score, K; 0 log 0"
        " counts as 0", tol=1e-6)


@exercise('6, "IS is fooled by one image of each class"')
def mend_inception_score(answer):
    p = np.array([[1., 0.], [1., 0.], [1., 0.], [0., 1.]])
    answer.on(p).gives(
        np.exp((3 * np.log(4 / 3) + np.log(4)) / 4), "the mean row is (3/4,"
        " 1/4); three rows have the KL log 4/3, one log 4; their mean is"
        " 0.562, and e^0.562 = 1.755")
    answer.on(np.full((5, 4), 0.25)).gives(1., "all rows are alike")
    answer.on(_rng().dirichlet(np.ones(5), 8)).gives()
    answer.on(np.array([[1., 0., 0.], [0., 1., 0.]])).gives(
        2., "two classes occur, for sure and equally often; the third, which"
        " no image has, adds nothing")


@exercise(NUMBER)
def moments_in_batches(answer):
    # Two features: np.cov makes a number, not 1 x 1, of one
    answer.on([np.array([[0., 1.], [2., 1.]]), np.array([[4., 1.]])]).gives(
        (np.array([2., 1.]), np.array([[4., 0.], [0., 0.]])), "the first"
        " feature is 0, 2, 4, with the mean 2, and 4 + 0 + 4 over n - 1 = 2"
        " is 4; the second does not vary")
    rng = _rng()
    batches = [rng.normal(k, 1 + k, size=(3 + k, 2)) for k in range(3)]
    answer.on(batches).gives()
    (mean, cov), (mean2, cov2) = answer(batches), answer(
        [np.concatenate(batches)])
    assert np.allclose(cov, cov2) and np.allclose(mean, mean2), (
        "The same rows in one batch and in three must give the same moments;"
        " yours differ.")


@exercise(NUMBER)
def fid_at_infinity(answer):
    answer.on(np.array([100., 400.]), np.array([5., 2.])).gives(
        1., "b / 100 - b / 400 = 3, so b = 400: of the 5 are 4 excess, of the"
        " 2 is 1")
    answer.on(np.array([1000., 500.]), np.array([3., 3.])).gives(
        3., "no slope, no excess")
    answer.on(np.array([50., 2000.]), np.array([7., 0.5])).gives()
    answer.on(np.array([100., 200.]), np.array([0.4, 0.1])).gives(
        -0.2, "b / 100 - b / 200 = 0.3, so b = 60, and 0.1 - 0.3 = -0.2: an"
        " estimate may be below 0")


@exercise('6, "Another range"')
def as_signed(answer):
    answer.on(np.array([0., 51., 255.]), 0, 255).gives(
        np.array([-1., -0.6, 1.]), "51 is a fifth of the way up")
    answer.on(np.array([0, 1, 1], np.uint8), 0, 255).gives(
        np.array([-1., 2 / 255 - 1, 2 / 255 - 1]), "bytes of a nearly black"
        " image: 1 of 255 is nearly nothing")
    answer.on(np.array([0, 204, 255], np.uint8), 0, 255).gives(
        np.array([-1., 0.6, 1.]), "bytes: 204 is four fifths of the way up")
    answer.on(np.array([-0.5, 0., 0.5]), -1, 1).gives(
        np.array([-0.5, 0., 0.5]), "they are in [-1, 1] already")
    answer.on(_rng().uniform(0.2, 0.7, size=(2, 3)), 0, 1).gives()
    answer.on(np.array([0.5, 3.]), 0, 1).raises(
        ValueError, "3 is outside of [0, 1]: somebody stated the wrong range,"
        " and should hear of it")
    answer.on(np.array([-0.5, 0.5]), 0, 1).raises(
        ValueError, "-0.5 is outside of [0, 1]")


@exercise('6, "Precision and recall, fooled together"')
def marks_of_cheats(answer):
    answer.on().gives(because="draw the ten points and, for each set, its"
                      " balls: each reaches to the nearest other point of the"
                      " same set")


@exercise('6, "Likelihood"')
def mixture_nll(answer):
    answer.on(np.log([0.4]), np.log([0.2]), 0.5).gives(
        -np.log(0.3), "half of 0.4 and half of 0.2 is 0.3")
    answer.on(np.array([-1000., -990.]), np.array([-2000., -2010.]),
              0.01).gives(
        995 + np.log(100), "the second density adds nothing: the mixture is a"
        " hundredth of the first, and costs log 100 = 4.6 nats more")
    answer.on(np.array([-2000.]), np.array([-1000.]), 0.01).gives(
        1000 - np.log(0.99), "here the first density adds nothing")
    rng = _rng()
    answer.on(*rng.normal(-5, 2, size=(2, 6)), 0.3).gives()


@exercise('6, "What to report"', takes=(
    "moments_in_batches", "root_trace", "fid_at_infinity",
    "mend_inception_score"))
def report_card(answer):
    real = [np.array([[0., 0.], [2., 0.], [0., 2.]])] * 2
    fake = [np.array([[1., 0.], [3., 0.], [1., 2.]])] * 2
    answer.on(real, fake, np.eye(2)).gives(
        (1., 1., 2.), "the heaps are alike but for a shift of 1, as wholes"
        " and in the first halves; the two rows of p are sure and different",
        tol=1e-6)
    rng = _rng()
    real = [rng.normal(size=(10, 3)) for _ in range(4)]
    fake = [rng.normal(1, 2, size=(10, 3)) for _ in range(4)]
    answer.on(real, fake, rng.dirichlet(np.ones(4), 12)).gives(tol=1e-6)
