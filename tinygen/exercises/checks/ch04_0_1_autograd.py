"""4.0.1 Autograd"""
import numpy as np

import tinygen as tg
from tinygen.exercises import exercise

FORMULA = '4.0.1, "The formula"'
PATHS = '4.0.1, "What goes wrong: one path at a time"'
ORDER = '4.0.1, "Each value once, newest first"'
ARRAYS = '4.0.1, "Arrays: a rule in place of a slope"'
SHAPES = '4.0.1, "What goes wrong: shapes that stretch"'
SECOND = '4.0.1, "The derivative of the derivative"'
SWITCHES = '4.0.1, "Two switches: record nothing, and go no further"'
TEST = '4.0.1, "A test for every rule"'


def _normal(*shape):
    return np.random.default_rng(401).standard_normal(shape)


# --------------------------------------------------------- slopes of numbers


@exercise(TEST)
def numerical_slopes(answer):
    def cube_of_sum(x):
        return x.sum() ** 3

    answer.on(cube_of_sum, np.array([1., 1.]), 0.5).gives(
        [12.25, 12.25], "a nudge of 0.5 makes the sum 2.5 or 1.5, and"
        " (15.625 - 3.375) / 1 = 12.25, for either entry")

    def product(x):
        return x.prod()

    answer.on(product, np.array([2., 3., 4.]), 0.01).gives()


@exercise(FORMULA)
def dual_divide(answer):
    answer.on((6., 1.), (2., 0.)).gives(
        (3., 0.5), "only the numerator moves: half as fast, over 2")
    answer.on((1., 0.), (4., 1.)).gives(
        (0.25, -0.0625), "1 / x at 4 has the slope -1 / 16")
    answer.on((3., -2.), (-5., 0.7)).gives()


@exercise(PATHS)
def calls_made(answer):
    answer.on([[], [0, 0]]).gives(
        3, "x + x: one call for the sum, two for its two inputs")
    answer.on([[], [0, 0], [1, 1]]).gives(
        7, "y = u + u with u = x + x: 1 call for y, 2 for u, 4 for x")
    answer.on([[], [], [0, 1], [2, 0], [1, 3, 2]]).gives()
    doublings = [[], *([k, k] for k in range(60))]
    answer.on(doublings).gives(
        2 ** 61 - 1, "sixty doublings; the calls are to be counted, not made")


# ----------------------------------------------------------------- array rules


@exercise(ARRAYS)
def running_sum_vjp(answer):
    answer.on(np.array([1., 0., 0.])).gives(
        [1., 0., 0.], "the first running sum is x[0] alone")
    answer.on(np.array([0., 0., 1.])).gives(
        [1., 1., 1.], "the last running sum has every entry in it")
    answer.on(_normal(6)).gives()


@exercise(ARRAYS)
def unit_vjp(answer):
    answer.on(np.array([1., 1.]), np.array([2., 0.])).gives(
        [0., 0.5], "x = (2, 0) points to (1, 0) however long it is, so the"
        " first slope is 0; across, a step of h turns y by h / 2")
    g, x = _normal(2, 5)
    slopes = answer(g, x)
    assert abs(np.dot(slopes, x)) < 1e-8, (
        "A step along x changes its length and not its direction: the slopes"
        " must be at right angles to x, their product with x must be 0.")
    answer.on(g, x).gives()


@exercise(ARRAYS)
def logsumexp_vjp(answer):
    answer.on(np.array([1.]), np.array([[0., np.log(3)]])).gives(
        [[0.25, 0.75]], "e^0 = 1 and e^log 3 = 3 are a quarter and three"
        " quarters of their sum")
    answer.on(_normal(3), _normal(3, 3)).gives()
    answer.on(np.array([1., 2.]), np.array([[1000., 1000.], [0., -800.]])
              ).gives([[0.5, 0.5], [2., 0.]],
                      "e^1000 is too large for float64, its share is not")


@exercise(SHAPES)
def gather_vjp(answer):
    answer.on(np.array([10., 20., 30.]), np.array([2, 0, 2]), 4).gives(
        [20., 0., 40., 0.], "x[2] was used twice, and 10 + 30 = 40; x[1] and"
        " x[3] were not used")
    answer.on(_normal(7), np.array([4, 1, 1, 0, 4, 4, 3]), 5).gives()


# ------------------------------------------------------- predict, find the bug


@exercise(SWITCHES)
def detached_slopes(answer):
    answer.on(2.).gives(
        because="A detached part counts as the number that stands there")
    answer.on(-0.5).gives()


@exercise(TEST)
def relu_vjp(answer):
    answer.on(np.array([1., 2., 3., -4.]), np.array([0., 2., 0., 1.])).gives(
        [0., 2., 0., -4.], "where y is 0 the unit was shut, and nothing goes"
        " back; elsewhere g goes back unchanged")
    answer.on(_normal(3, 4), np.maximum(_normal(3, 4)[::-1], 0)).gives()


@exercise(TEST)
def dropout_vjp(answer):
    answer.on(np.array([3., 3., 5.]), np.array([1., 0., 1.]), 0.5).gives(
        [6., 0., 10.], "y = (2 x[0], 0, 2 x[2]): the kept ones count twice")
    mask = (_normal(4, 5) > -0.5).astype(float)
    answer.on(_normal(4, 5), mask, 0.7).gives()
    x, g = _normal(2, 30)
    keep, mask = 0.8, (np.arange(30) % 5 > 0).astype(float)
    a, b = np.dot(x * mask / keep, g), np.dot(x, answer(g, mask, keep))
    assert abs(a - b) < 1e-8, (
        f"Dropout is linear in x, so <dropout(x), g> = {a:.4g} must equal"
        f" <x, your result> = {b:.4g}.")


# ------------------------------------------------------------------ curvature


@exercise(SECOND, may_use=("tg.Tensor", "tg.grad"))
def hessian_vector(answer):
    def fourth_power(x):
        return (x * x).sum() ** 2

    answer.on(fourth_power, np.array([1., 2.]), np.array([1., 0.])).gives(
        [28., 16.], "the slope is 4 |x|^2 x; its own slopes along (1, 0) are"
        " 8 x x[0] + 4 |x|^2 (1, 0) = (8 + 20, 16)")

    def mixed(x):
        return (tg.exp(x) * x[::-1]).sum() + x[0] * x[1] * x[2]

    answer.on(mixed, _normal(4), _normal(2, 4)[1]).gives()


@exercise(SECOND, may_use=("tg.Tensor", "tg.grad"))
def newton_minimum(answer):
    def parabola(x):
        return 3 * x * x - 6 * x

    answer.on(parabola, 4., 1).gives(
        1., "f' = 18, f'' = 6 at x = 4, and 4 - 18 / 6 = 1", tol=1e-5)

    def chapter(x):
        return tg.exp(x) - 2 * x

    answer.on(chapter, 2., 2).gives(tol=1e-5)
    answer.on(chapter, 2., 8).gives(np.log(2), tol=1e-5)


# -------------------------------------------------------------------- capstone


def _run(tape, values):
    """The values of all names, by running the tape forward."""
    compute = {"add": np.add, "dot": np.dot, "running_sum": np.cumsum,
               "relu": lambda x: np.maximum(x, 0.),
               "unit": lambda x: x / np.linalg.norm(x)}
    values = dict(values)
    for result, operation, inputs in tape:
        values[result] = compute[operation](*[values[n] for n in inputs])
    return values


@exercise(ORDER, takes=("relu_vjp", "running_sum_vjp", "unit_vjp"))
def tape_slopes(answer):
    tape = [("h", "relu", ("x",)), ("r", "running_sum", ("h",)),
            ("y", "dot", ("h", "r"))]
    answer.on(tape, _run(tape, {"x": np.array([1., -1.])})).gives(
        {"x": [2., 0.], "h": [2., 1.], "r": [1., 0.], "y": 1.},
        "h = (1, 0) and r = (1, 1); y gives r the slopes h and h the slopes"
        " r; r gives h (1, 0) more; the second unit of relu is shut")
    tape = [("p", "dot", ("a", "b")), ("y", "add", ("p", "p"))]
    answer.on(tape, _run(tape, {"a": np.array([1., 2.]),
                                "b": np.array([5., 3.])})).gives(
        {"a": [10., 6.], "b": [2., 4.], "p": 2., "y": 1.},
        "y takes p twice, so p's slope is 2, and 2 goes on to a and b")
    tape = [("u", "unit", ("a",)), ("s", "add", ("u", "b")),
            ("unused", "relu", ("s",)), ("c", "running_sum", ("s",)),
            ("t", "add", ("c", "s")), ("d", "relu", ("t",)),
            ("y", "dot", ("d", "u"))]
    a, b = _normal(2, 4)
    answer.on(tape, _run(tape, {"a": a, "b": b})).gives()
