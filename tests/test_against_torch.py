"""Every op against PyTorch on random cases: shapes, layouts, two orders."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from op_strategies import FUNCTIONS, LAYOUTS, NAMES, STRATEGIES, compare

from tinygen.engine import losses
from tinygen.engine.autograd import registry

FIXED = settings(derandomize=True, deadline=None, database=None,
                 suppress_health_check=list(HealthCheck))


def test_every_op_and_loss_has_a_strategy():
    ops = {name for name, op in registry.items()
           if op.__module__.startswith("tinygen.")}
    assert ops == set(STRATEGIES)
    made = {name for name, f in vars(losses).items() if callable(f)
            and getattr(f, "__module__", "") == losses.__name__
            and name[0] != "_"}
    # kl_terms is what gaussian_kl sums up; gradient_penalty draws its own
    # points and is compared in test_norms.py and test_losses.py.
    assert made - set(STRATEGIES) - set(FUNCTIONS) == {
        "kl_terms", "gradient_penalty"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_what_they_say(layout):
    for shape in [(), (0,), (1,), (2, 1, 3), (2, 0, 3), (1, 4, 1, 2)]:
        a = np.asarray(np.arange(np.prod(shape)).reshape(shape) + 1.0)
        b = LAYOUTS[layout](a)
        assert b.shape == shape
        if layout != "broadcast":
            np.testing.assert_array_equal(a, b)
    if layout not in ("contiguous", "swapped bytes", "odd strides"):
        b = LAYOUTS[layout](np.ones((2, 3, 4)))
        assert not (b.flags.c_contiguous and b.flags.behaved)


def test_where_numbers_cancel_pytorchs_own_error_is_the_bound(
        require, monkeypatch):
    """The third derivative of a norm of constants, in float32: numbers near
    1 / eps^1.5 leave less than 100, and both are off by over 0.5 %."""
    g = np.array([[1.7, 1.7001, 1.7], [1.3, 1.3, 1.3002]])
    draws = iter([20, "contiguous", "contiguous"])
    monkeypatch.setitem(STRATEGIES, "normalize_grad", lambda draw: (
        [g, np.full((2, 3), 0.7)], {"axes": (1,), "eps": 1e-3}))
    compare(require("torch"), "normalize_grad", lambda _: next(draws))


def test_a_wrong_number_is_found(require, monkeypatch):
    monkeypatch.setitem(FUNCTIONS, "wrong", (
        lambda x: x * 1.0001, lambda t, x: x, lambda draw: ([np.ones(2)], {})))
    draws = iter([0, "contiguous"])
    with pytest.raises(AssertionError, match="result 0: off by 0.0001, Py"):
        compare(require("torch"), "wrong", lambda _: next(draws))


@pytest.mark.parametrize("name", NAMES)
@settings(FIXED, max_examples=4)
@given(data=st.data())
def test_a_few_cases(name, data, require):
    compare(require("torch"), name, data.draw)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@settings(FIXED, max_examples=50)
@given(data=st.data())
def test_many_cases(name, data, require):
    compare(require("torch"), name, data.draw)
