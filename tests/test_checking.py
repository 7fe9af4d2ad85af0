"""The checks themselves: an independent one agrees, and none is fooled."""

import numpy as np
import pytest

import tinygen as tg
from tinygen.engine.autograd import registry

RNG = np.random.default_rng(0)


def simple_check(f, x, order=2, eps=1e-4, tol=1e-5):
    """Another oracle: random directions and a five-point formula.

    d/dt f(x + t d) = <grad f, d>, for one input and a scalar f.
    """
    def slope(f, d):
        points = [(1, -2), (-8, -1), (8, 1), (-1, 2)]
        return sum(c * f(x + k * eps * d) for c, k in points) / (12 * eps)

    def gradient(x):
        leaf = tg.Tensor(x)
        return tg.grad(f(leaf), [leaf])[0].data

    directions = np.random.default_rng(2).standard_normal((3, *x.shape))
    for d in directions:
        got, want = (gradient(x) * d).sum(), slope(
            lambda x: f(tg.Tensor(x)).item(), d)
        assert abs(got - want) <= tol * max(1, abs(want)), "first"
        if order == 2:
            leaf = tg.Tensor(x)
            g, = tg.grad(f(leaf), [leaf], create_graph=True)
            product, = tg.grad((g * d).sum(), [leaf], unused="zeros")
            want = slope(gradient, d)
            assert np.abs(product.data - want).max() <= tol * max(
                1, np.abs(want).max()), "second"


@pytest.fixture
def broken():
    """broken(forward, rule): an op with that rule, unregistered after."""
    def make(forward, rule):
        def twisted(x):
            return forward(x)
        op = tg.op()(twisted)
        op.rules = (rule,)
        return op
    yield make
    registry.pop("twisted", None)


SMOOTH = {
    "product": lambda x: (x * x * x).sum(),
    "matrices": lambda x: tg.tanh(x @ x.T).sum(),
    "norm": lambda x: (tg.normalize(x, axes=(0,)) ** 3).sum(),
    "softmax": lambda x: (tg.softmax(x) * x).sum(),
    "linear": lambda x: (3 * x).sum(),
    "convolution": lambda x: (tg.conv2d(
        x.reshape(1, 3, 4, 1), np.ones((2, 2, 1, 1))) ** 2).sum(),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_both_checks_pass_what_is_right(name):
    x = RNG.standard_normal((3, 4))
    simple_check(SMOOTH[name], x)
    tg.check_grads(SMOOTH[name], x)


def detached_slope(g, y, x):
    """The right number, cut off from x: wrong at second order only."""
    return g * (3 * x.data ** 2)


WRONG = {
    "factor": (lambda g, y, x: g * (3.001 * x * x), "first"),
    "sign": (lambda g, y, x: -g * (3 * x * x), "first"),
    "forgotten": (lambda g, y, x: g, "first"),
    "zero": (lambda g, y, x: None, "first"),
    "open gate": (lambda g, y, x: g * 3 * tg.abs(x) * x, "first"),
    "one entry": (lambda g, y, x: g * (
        3 * x * x + (np.arange(x.size) == 5).reshape(x.shape)), "first"),
    "second order": (detached_slope, "second"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_no_wrong_rule_passes_at_any_scale(name, scale, broken):
    rule, order = WRONG[name]
    cube = broken(lambda x: x ** 3, rule)
    x = RNG.uniform(-2, 2, (2, 4))

    def f(x):
        return cube(x) * scale

    with pytest.raises(AssertionError, match=f"{order} derivative in input"):
        tg.check_grads(f, x)
    if scale == 1:
        with pytest.raises(AssertionError, match=order):
            simple_check(lambda x: f(x).sum(), x)
    if order == "second":
        tg.check_grads(f, x, order=1)


def test_the_message_names_input_entry_and_both_numbers(broken):
    double = broken(lambda x: 2 * x, lambda g, y, x: g * np.array(
        [[2, 2], [2, 5]]))
    with pytest.raises(AssertionError, match=(
            r"first derivative in input 1, entry \(1, 1\): grad\(\) says "
            r"-?[\d.]+, finite differences -?[\d.]+")):
        tg.check_grads(lambda a, b: a + double(b), np.ones((2, 2)),
                       np.ones((2, 2)))


def test_nan_is_an_error(broken):
    sour = broken(lambda x: x, lambda g, y, x: g * np.nan)
    with pytest.raises(AssertionError, match="grad.. says nan"):
        tg.check_grads(sour, np.ones(2))


def test_inputs_are_left_as_they_are_and_may_be_lists():
    x = np.arange(3, dtype=np.float32)
    tg.check_grads(lambda x, y: x * y, x, [1, 2, 3])
    assert x.tolist() == [0, 1, 2]
    with tg.no_grad():
        tg.check_grads(lambda x: x * x, x)


def test_an_input_that_does_not_matter_is_fine():
    tg.check_grads(lambda x, y: x * x, np.ones(2), np.ones(3))


def test_check_adjoint():
    a = RNG.standard_normal((3, 4))
    x, y = RNG.standard_normal(4), RNG.standard_normal(3)
    tg.check_adjoint(lambda x: a @ x, lambda y: a.T @ y, x, y)
    tg.check_adjoint(lambda x: tg.Tensor(a @ x), lambda y: a.T @ y, x, y)
    for wrong in (lambda y: 1.001 * a.T @ y, lambda y: np.zeros(4)):
        with pytest.raises(AssertionError, match="not adjoint: <f"):
            tg.check_adjoint(lambda x: a @ x, wrong, x, y)
    for scale in (1e-20, 1e20):
        with pytest.raises(AssertionError, match="not adjoint"):
            tg.check_adjoint(lambda x, s=scale: s * a @ x,
                             lambda y, s=scale: -s * a.T @ y, x, y)


@pytest.mark.parametrize("f, adjoint, message", [
    (lambda x: x.sum(), lambda y: y, r"f\(x\) has shape \(\), y \(3,\)"),
    (lambda x: x, lambda y: y[:1], r"f_adjoint\(y\) \(1,\), x \(3,\)"),
])
def test_check_adjoint_broadcasts_nothing(f, adjoint, message):
    with pytest.raises(AssertionError, match=message):
        tg.check_adjoint(f, adjoint, np.ones(3), np.ones(3))
