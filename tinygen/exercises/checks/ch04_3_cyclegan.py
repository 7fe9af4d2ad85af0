"""4.3 Translating images with a CycleGAN"""
import numpy as np

from tinygen.exercises import exercise
from tinygen.exercises.compare import is_tensor

GENERATORS = '4.3, "The generators"'
DISCRIMINATORS = '4.3, "The discriminators"'
POOL = '4.3, "The pool of past images"'
OBJECTIVE = '4.3, "The objective"'
STEP = '4.3, "One step"'


def _rng():
    return np.random.default_rng(43)


def _array(result):
    return np.array(result) if isinstance(result, list) else result


def _arrays(result):
    """Lists and Tensors in a pair or triple as arrays: all are welcome."""
    if not isinstance(result, (list, tuple)):
        return result
    return tuple(part.data if is_tensor(part) else np.array(part)
                 if isinstance(part, list) else part for part in result)


def _map(name, function):
    """A map that stands in for a network; a report calls it by its name."""
    function.__name__ = name
    return function


same = _map("same", lambda x: x)
doubled = _map("doubled", lambda x: 2 * x)
minus_one = _map("minus_one", lambda x: x - 1)
tenth = _map("tenth", lambda x: x / 10)
tenfold = _map("tenfold", lambda x: 10 * x)
cubed = _map("cubed", lambda x: x ** 3)
rounded = _map("rounded", lambda x: np.round(x))


# -------------------------------------------------------------- the generators


@exercise(GENERATORS, but_not=("np.pad",))
def reflect_rows(answer):
    answer.on(np.array([[1., 2., 3., 4.]]), 2).then(_array).gives(
        np.array([[3., 2., 1., 2., 3., 4., 3., 2.]]),
        "left of the 1 come 2 and then 3, right of the 4 come 3 and then 2")
    for shape, width in (((2, 5), 1), ((3, 6), 3), ((2, 4), 3)):
        case = answer.on(_rng().normal(size=shape), width)
        case.then(_array).gives(tol=1e-6)


@exercise(GENERATORS)
def mend_padding(answer):
    copy = np.zeros((5, 5, 1))
    copy[2, 2] = 1
    image = np.arange(9.).reshape(3, 3, 1)
    answer.on(image, copy).then(_array).gives(
        image[:, :, 0], "this filter has one 1, in its middle, and 0 around"
        " it: it copies the image, all of it", tol=1e-6)
    rng = _rng()
    for side, size, channels in ((6, 3, 3), (8, 7, 1), (8, 7, 3), (5, 1, 2)):
        case = answer.on(rng.normal(size=(side, side + 1, channels)),
                         rng.normal(size=(size, size, channels)))
        case.then(_array).gives(tol=1e-5)


@exercise(GENERATORS)
def residual_block(answer):
    x = np.array([1., -2., 3.])
    case = answer.on(x, np.array([0., 1., 0.]), np.array([0., 2., 0.]))
    case.then(_array).gives(
        np.array([3., -2., 9.]), "the first filter copies, the ReLU makes"
        " (1, 0, 3) of it, the second filter doubles that, and x is added",
        tol=1e-6)
    assert np.array_equal(answer(x, np.zeros(3), np.zeros(3)), x), (
        "With filters of zeros a block must pass x on as it is, what is below"
        " 0, too: that is what makes a deep stack of blocks easy to train.")
    case = answer.on(np.array([1., 2., 4.]), np.array([1., 0., 2.]),
                     np.array([2., 0., 1.]))
    case.then(_array).gives(
        np.array([28., 20., 31.]), "mirrored, the row is 2, 1, 2, 4, 2, and"
        " the first filter makes 6, 9, 6 of it; that is mirrored again: 9, 6,"
        " 9, 6, 9", tol=1e-6)
    rng = _rng()
    case = answer.on(rng.normal(size=9), *rng.normal(size=(2, 3)))
    case.then(_array).gives(tol=1e-5)


# ---------------------------------------------------------- the discriminators


@exercise(DISCRIMINATORS)
def patch_side(answer):
    answer.on(16, [2, 1]).gives(
        7, "with the border 18 pixels: windows of 4 start at 0, 2, ..., 14,"
        " which is 8 of them; then 10 pixels, and windows at 0, 1, ..., 6")
    answer.on(256, [2, 2, 2, 1, 1]).gives(
        30, "128, 64, 32, and then 31 and 30: the grid of the paper")
    for side, strides in ((28, [2, 2, 1]), (30, [2, 2, 1]), (21, [2, 1, 1]),
                          (9, [1]), (17, [1, 2]), (40, [3, 1])):
        answer.on(side, strides).gives()


@exercise(DISCRIMINATORS)
def patch_loss(answer):
    answer.on(np.array([[[0., 2.]]]), np.array([[[1., -1.]]])).gives(
        2., "each real patch misses 1 by 1, each fake one misses 0 by 1: 1 +"
        " 1", tol=1e-6)
    rng = _rng()
    answer.on(rng.normal(size=(2, 3, 3)), rng.normal(size=(5, 3, 3))).gives(
        tol=1e-5)
    answer.on(np.ones((2, 3, 3)), np.zeros((2, 3, 3))).gives(
        0., "every patch is judged rightly")


# -------------------------------------------------------------------- the pool


@exercise(POOL)
def pool_query(answer):
    case = answer.on(np.array([1., 2.]), 3, np.array([5., 6., 7.]),
                     np.array([0.9, 0.9, 0.2]), np.array([1, 0, 2]))
    case.then(_arrays).gives(
        (np.array([5., 1., 7.]), np.array([6., 2., 5.])), "there is room for"
        " 5; then the pool is 1, 2, 5, and the coin of 6 says: exchange it"
        " with slot 0; the coin of 7 says: show it as it is")
    rng = _rng()
    for held, size in ((0, 2), (4, 4), (1, 3)):
        case = answer.on(rng.normal(size=held), size, rng.normal(size=12),
                         rng.random(12), rng.integers(size, size=12))
        case.then(_arrays).gives(tol=1e-6)


@exercise(POOL)
def pool_age(answer):
    answer.on(1).gives(
        (2, 1), "with one slot, each coin above 1/2 empties it: every second"
        " step. Half of what D sees is new, half is 2 steps old")
    for size in (50, 3):
        answer.on(size).gives(tol=1e-6)


# --------------------------------------------------------------- the objective


@exercise(OBJECTIVE)
def cycle_loss(answer):
    x, y = np.array([3.]), np.array([1., 4.])
    answer.on(x, y, doubled, minus_one).gives(
        3.5, "F(G(3)) = 5 is 2 away from 3; G(F(1)) = 0 and G(F(4)) = 6 are"
        " 1 and 2 away: 2 + 1.5", tol=1e-6)
    assert answer(x, y, tenth, tenfold) < 1e-9, (
        "F undoes G here, and G undoes F: every image comes back, so the loss"
        " must be 0.")
    rng = _rng()
    answer.on(rng.normal(size=5), rng.normal(size=5), cubed,
              minus_one).gives(tol=1e-5)
    answer.on(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), minus_one,
              cubed).gives(tol=1e-5)


@exercise(OBJECTIVE)
def identity_loss(answer):
    x, y = np.array([3.]), np.array([1., 5.])
    answer.on(x, y, doubled, minus_one).gives(
        4., "G leads to Y and should leave images of Y alone: it moves 1 and"
        " 5 by 1 and 5, 3 on average. F moves 3 by 1", tol=1e-6)
    rng = _rng()
    answer.on(rng.normal(size=5), rng.normal(size=5), cubed,
              doubled).gives(tol=1e-5)
    answer.on(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), minus_one,
              cubed).gives(tol=1e-5)


def _nets(rng):
    """Four pairs of numbers: the nets G, F, D_X and D_Y."""
    return rng.normal(size=(4, 2))


@exercise(OBJECTIVE, may_use=("tg",))
def generator_objective(answer):
    one, same = np.array([1.]), np.array([1., 0.])
    case = answer.on(np.array([2., 0.]), np.array([1., 1.]), same, same, one,
                     one, 2.)
    case.then(_arrays).gives(
        (14., np.array([9., 7.]), np.array([11., 9.])),
        "the fakes are 2 and 2, scored 2 and 2: 1 + 1. They come back as 3"
        " and 4: 2 x (2 + 3). G makes 2 of y and F makes 2 of x: 2 / 2 x"
        " (1 + 1)", tol=1e-6)
    rng = _rng()
    for lam in (0., 3.):
        case = answer.on(*_nets(rng), rng.normal(size=4), rng.normal(size=6),
                         lam)
        case.then(_arrays).gives(tol=1e-5)


# -------------------------------------------------------------------- training


@exercise(STEP, may_use=("tg",))
def mend_detach(answer):
    same = np.array([1., 0.])
    case = answer.on(same, same, np.array([2.]), np.array([1.]), 0.125)
    case.then(_arrays).gives(
        (np.array([0.5, -0.25]), np.array([0., -0.5])), "the fake is 2, and"
        " so is its score. G's loss (2 - 1)^2 has the slopes 4 and 2 by a"
        " and b; D's, 0 + 2^2, has the slopes 8 and 4 by w and c", tol=1e-6)
    rng = _rng()
    case = answer.on(rng.normal(size=2), rng.normal(size=2),
                     rng.normal(size=5), rng.normal(size=3), 0.3)
    case.then(_arrays).gives(tol=1e-5)


@exercise(STEP)
def linear_decay(answer):
    answer.on(8., 150, 100, 200).gives(
        4., "150 is half-way between 100 and 200: half of 8")
    answer.on(8., 100, 100, 200).gives(8., "here it begins to fall")
    for step in (0, 60, 101, 130, 199, 200, 260):
        answer.on(8., step, 100, 200).gives(tol=1e-6)
    answer.on(2e-4, 1700, 500, 2500).gives(tol=1e-6)


# ------------------------------------------------------------------- measuring


@exercise('4.3, "Measured on true pairs"')
def psnr(answer):
    truth = np.zeros((2, 1, 2, 1))
    off = np.array([0.2, -0.2, 0.02, 0.02]).reshape(2, 1, 2, 1)
    answer.on(off, truth).then(_array).gives(
        np.array([20., 40.]), "the first image is off by 0.2 everywhere:"
        " 2^2 / 0.2^2 = 100, and log10(100) = 2", tol=1e-5)
    rng = _rng()
    case = answer.on(*rng.uniform(-1, 1, size=(2, 3, 4, 5, 3)))
    case.then(_array).gives(tol=1e-5)


@exercise(OBJECTIVE)
def trivial_pairs(answer):
    answer.on().gives(
        because="|F(G(x)) - x| + |G(F(y)) - y|, and |G(y) - y| + |F(x) - x|,"
                " with x = 0.5 and y = -0.3", tol=1e-6)


@exercise('3.3, "The full objective"')
def maps_left(answer):
    answer.on(2).gives(
        (4, 2), "G may send the two images of X to those of Y in 2 ways, F"
        " back in 2. Once G has chosen, only one F brings each image back")
    for k in (1, 3, 4, 6):
        answer.on(k).gives()


@exercise('4.3, "A hidden signal"')
def hidden_signal(answer):
    x, noise = np.array([1., 3.]), np.array([0.1, -0.3])
    answer.on(x, tenth, tenfold, noise).gives(
        10., "F makes ten times of everything, so of the noise, too", tol=1e-5)
    answer.on(x, doubled, rounded, noise).gives(
        0., "2 + 0.1 and 6 - 0.3 are rounded to what 2 and 6 are: nothing of"
        " the noise arrives")
    rng = _rng()
    answer.on(x, same, cubed, noise).gives(
        because="one mean is divided by the other: a pixel with much noise"
        " counts for more than one with little", tol=1e-5)
    answer.on(x, doubled, minus_one, noise).gives(tol=1e-5)
    answer.on(rng.normal(size=(3, 4)), doubled, cubed,
              rng.normal(size=(3, 4))).gives(tol=1e-5)


# -------------------------------------------------------------------- capstone


@exercise(STEP, may_use=("tg",), takes=("generator_objective", "pool_query"))
def cyclegan_step_capstone(answer):
    one = np.array([1.])
    nets = np.array([[2., 0.], [1., 1.], [0., 1.], [0., 1.]])
    after = np.array([[1.65, -0.25], [0.55, 0.65],
                      [-0.1, 0.98], [-0.04, 0.98]])
    case = answer.on(nets, np.array([[5.], [3.]]), one, one,
                     np.array([[0.9], [0.2]]), np.array([[0], [0]]), 0.01)
    case.then(_arrays).gives(
        (after, np.array([[2.], [3.]])), "both fakes are 2. The slopes of the"
        " generators are (35, 25) and (45, 35). D_X is shown the old 5 and"
        " D_Y the new 2; both score 1, so their slopes are (10, 2) and (4,"
        " 2)", tol=1e-6)
    rng = _rng()
    case = answer.on(_nets(rng), rng.normal(size=(2, 3)), rng.normal(size=6),
                     rng.normal(size=6), rng.random((2, 6)),
                     rng.integers(3, size=(2, 6)), 0.02)
    case.then(_arrays).gives(tol=1e-5)
