"""Every op: values, gradients, types, and errors that name it."""

import re

import numpy as np
import pytest
from op_cases import CASES, TORCH, inputs_of

import tinygen as tg
from tinygen.engine import losses
from tinygen.engine.autograd import registry

OURS = {name: op for name, op in registry.items()
        if op.__module__.startswith("tinygen.")}


def test_every_op_has_cases():
    assert losses and set(OURS) == set(CASES)


@pytest.mark.parametrize("name", OURS)
def test_first_and_second_derivatives(name):
    op = OURS[name]
    for case in CASES[name]:
        tg.check_grads(lambda *xs, k=case[1]: op(*xs, **k), *inputs_of(case))


ZERO = {("leaky_relu_grad", 1)}     # rules that say: zero everywhere


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("twist", [
    lambda part: part * 1.001, lambda part: -part, lambda part: part.detach()],
    ids=["a little too large", "wrong sign", "cut off"])
def test_the_test_above_notices_a_twisted_rule(name, twist, monkeypatch):
    """One input after the other, so that each has a case that shows it."""
    op, rules = OURS[name], OURS[name].rules
    count = 1 if op.variadic else len(rules)
    for k in set(range(count)) - {k for n, k in ZERO if n == name}:
        def twisted(*args, k=k, **options):
            if op.variadic:
                first, *others = rules(*args, **options)
                return [twist(first), *others]
            part = rules[k](*args, **options)
            return None if part is None else twist(part)

        monkeypatch.setattr(op, "rules", twisted if op.variadic else (
            *rules[:k], twisted, *rules[k + 1:]))
        with pytest.raises(AssertionError, match="derivative in input"):
            test_first_and_second_derivatives(name)


@pytest.mark.parametrize("name", OURS)
def test_float_type_is_kept_and_float32_is_near_float64(name):
    op = OURS[name]
    for case in CASES[name]:
        results = {}
        for dtype in ("float32", "float64"):
            xs = [tg.Tensor(x, dtype) for x in inputs_of(case)]
            y = op(*xs, **case[1])
            g = tg.Tensor(np.cos(np.arange(y.size)).reshape(y.shape), dtype)
            gs = tg.grad(y, xs, g, unused="zeros", create_graph=True)
            assert {t.dtype for t in (y, *gs)} == {np.dtype(dtype)}
            assert not any(np.may_share_memory(y.data, x.data) for x in xs)
            results[dtype] = [t.data for t in (y, *gs)]
        for a, b in zip(results["float32"], results["float64"], strict=True):
            assert_close(a, b, 1e-5)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("dtype, tol", [("float64", 1e-10),
                                        ("float32", 1e-5)])
def test_like_torch(name, dtype, tol, require):
    torch = require("torch")
    for case in CASES[name]:
        arrays = [x.astype(dtype) for x in inputs_of(case)]
        xs = [tg.Tensor(x) for x in arrays]
        ts = [torch.tensor(x, requires_grad=True) for x in arrays]
        y, want = OURS[name](*xs, **case[1]), TORCH[name](torch, *ts,
                                                          **case[1])
        assert_close(y.data, want.detach().numpy(), tol)
        g = np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype)
        gs = tg.grad(y, xs, g, unused="zeros")
        wants = torch.autograd.grad(want, ts, torch.tensor(g),
                                    allow_unused=True)
        for a, b in zip(gs, wants, strict=True):
            assert_close(a.data, 0 * a.data if b is None else b.numpy(), tol)


def assert_close(a, b, tol):
    assert a.shape == b.shape
    assert np.abs(a - b).max(initial=0) <= tol * max(
        1e-3, np.abs(b).max(initial=0))


# ------------------------------------------- functions that are made of ops


@pytest.mark.parametrize("f, want", [
    (lambda x: tg.mean(x), lambda x: x.mean()),
    (lambda x: tg.mean(x, axis=(0, -1), keepdims=True),
     lambda x: x.mean((0, -1), keepdims=True)),
    (lambda x: tg.softmax(x, axis=0),
     lambda x: np.exp(x) / np.exp(x).sum(0)),
    (lambda x: tg.log_softmax(x),
     lambda x: np.log(np.exp(x) / np.exp(x).sum(-1, keepdims=True))),
    (lambda x: tg.stack([x, 2 * x], axis=1),
     lambda x: np.stack([x, 2 * x], 1)),
    (lambda x: tg.stack([x, x], axis=-1), lambda x: np.stack([x, x], -1)),
    (lambda x: tg.relu(x), lambda x: np.maximum(x, 0)),
    (lambda x: x.T, lambda x: x.T),
    (lambda x: x.reshape(-1), lambda x: x.reshape(-1)),
    (lambda x: x.reshape((3, 2)), lambda x: x.reshape(3, 2)),
    (lambda x: x.transpose(1, 0) @ x, lambda x: x.T @ x),
    (lambda x: x.transpose().sum(axis=0).max(), lambda x: x.sum(1).max()),
    (lambda x: x.abs().sqrt().log().exp() + x.tanh() - x.sigmoid(),
     lambda x: np.sqrt(np.abs(x)) + np.tanh(x) - 1 / (1 + np.exp(-x))),
    (lambda x: 1 - 2 / (3 * x) + (-x) ** 2 + x.mean(axis=0),
     lambda x: 1 - 2 / (3 * x) + x ** 2 + x.mean(0)),
    (lambda x: np.ones((1, 2)) @ x + np.arange(3), lambda x:
     np.ones((1, 2)) @ x + np.arange(3)),
    (lambda x: x[1, ::2] * x[0, [0, 0]], lambda x: x[1, ::2] * x[0, [0, 0]]),
])
def test_compositions_and_operators(f, want):
    x = np.array([[0.3, -1.2, 2.1], [0.7, 1.4, -0.6]])
    np.testing.assert_allclose(f(tg.Tensor(x)).data, want(x), rtol=1e-12)
    tg.check_grads(f, x)


def test_reflect_pad_mirrors_without_repeating_the_edge():
    x = np.arange(24.0).reshape(1, 3, 4, 2)
    y = tg.reflect_pad(x, 2)
    np.testing.assert_array_equal(
        y.data, np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect"))
    tg.check_grads(lambda x: tg.reflect_pad(x, 1), x[:, :, :2])
    for width in (3, -1):
        with pytest.raises(ValueError, match=f"reflect_pad.*{width}.*3 x 4"):
            tg.reflect_pad(x, width)


# --------------------------------------------------------- stable far out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_overflow_far_from_zero(dtype):
    x = tg.Tensor([-1e4, -100, 0, 100, 1e4], dtype)
    for f, ends in [(tg.sigmoid, (0, 1)), (tg.softplus, (0, 1e4)),
                    (tg.tanh, (-1, 1)), (tg.softmax, (0, 1)),
                    (lambda x: tg.logsumexp(x, keepdims=True), (1e4, 1e4))]:
        y = f(x)
        assert (y.data[0], y.data[-1]) == ends
        g, = tg.grad(y.sum(), [x], create_graph=True)
        gg, = tg.grad(g.sum(), [x], unused="zeros")
        assert np.isfinite(g.data).all() and np.isfinite(gg.data).all()


def test_small_sigmoids_keep_their_digits():
    x = np.array([-40.0, -80.0])
    np.testing.assert_allclose(tg.sigmoid(x).data, np.exp(x), rtol=1e-12)
    np.testing.assert_allclose(tg.softplus(x).data, np.exp(x), rtol=1e-12)


# --------------------------------------------------------------- at kinks


def test_at_kinks():
    """Zero slope of |x| and of relu at 0; ties share max and maximum."""
    def slope(f, x):
        x = tg.Tensor(x, "float64")
        return tg.grad(f(x).sum(), [x])[0].data.tolist()

    assert slope(tg.abs, [0.0, -2.0]) == [0, -1]
    assert slope(tg.relu, [0.0, -1.0, 1.0]) == [0, 0, 1]
    assert slope(tg.leaky_relu, [0.0]) == [0.2]
    assert slope(tg.max, [3.0, 1.0, 3.0]) == [0.5, 0, 0.5]
    assert slope(lambda x: tg.maximum(x, 1.0), [1.0, 2.0]) == [0.5, 1]
    assert slope(lambda x: tg.minimum(x, 1.0), [1.0, 2.0]) == [0.5, 0]
    assert slope(lambda x: x ** 2, [0.0]) == [0]


def test_relu_keeps_nan_and_infinity():
    x = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(tg.relu(x).data, [np.nan, np.inf, 0])


# ------------------------------------------------------------ the dtypes


def test_constants_take_the_type_of_the_tensor():
    x = tg.Tensor(np.ones((2, 3)))
    for y in (x + 1, 1 - x, x * np.float32(2), x / np.arange(1, 4), x ** 2,
              x ** np.float64(2), tg.minimum(x, 0.5), tg.maximum(2.0, x),
              np.ones((2, 3), np.float32) - x,
              tg.concatenate(x, [[1, 2, 3]]), tg.where(x, 0, mask=True)):
        assert y.dtype == np.float64
    x = tg.Tensor([1.0, 2.0])
    for y in (x + np.pi, x * np.float64(2), x ** np.float64(2), x - np.ones(2),
              tg.leaky_relu(x, slope=np.float64(0.1)), x.mean()):
        assert y.dtype == np.float32


def test_arrays_without_a_tensor_keep_their_type():
    assert tg.exp(np.ones(2)).dtype == np.float64
    assert tg.maximum(np.ones(2), 0.1).data.tolist() == [1, 1]
    assert tg.maximum(np.ones(2) / 10, 0.1).data.tolist() == [0.1, 0.1]
    assert tg.mean([1, 2, 3]).item() == 2


@pytest.mark.parametrize("a, b", [
    (tg.Tensor([1.0]), tg.Tensor([1.0], "float64")),
    (np.ones(1, np.float32), np.ones(1))])
def test_mixed_types_are_refused_by_name(a, b):
    with pytest.raises(TypeError, match="multiply.*float32 and float64"):
        tg.Tensor.__mul__(a, b)


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("f, message", [
    (lambda: tg.Tensor([1, 2]) + tg.Tensor([1, 2, 3]),
     r"add of shapes \(2,\), \(3,\)"),
    (lambda: tg.matmul(np.ones((2, 3)), np.ones((2, 3))),
     r"matmul of shapes \(2, 3\), \(2, 3\): the inner sides, 3 and 2"),
    (lambda: tg.matmul(np.ones(3), np.ones((3, 2))),
     r"matmul of shapes \(3,\), \(3, 2\): .*two axes"),
    (lambda: tg.reshape(np.ones(6), shape=(4,)), r"reshape of shapes \(6,\)"),
    (lambda: tg.concatenate(np.ones((2, 3)), np.ones((2, 2))),
     r"concatenate of shapes \(2, 3\), \(2, 2\)"),
    (lambda: tg.concatenate(), r"concatenate of shapes "),
    (lambda: tg.sum(np.ones(3), axis=1), r"sum of shapes \(3,\)"),
    (lambda: tg.Tensor([1, 2])[2], r"index of shapes \(2,\)"),
    (lambda: tg.pad(np.ones((2, 2)), widths=1), "pad of shapes.*each axis"),
    (lambda: tg.broadcast_to(np.ones(2), shape=(3,)), "broadcast_to of"),
    (lambda: tg.max(np.ones((0,))), r"max of shapes \(0,\)"),
    (lambda: tg.mean(np.ones((0, 2))), r"mean of shapes \(0, 2\)"),
    (lambda: tg.transpose(np.ones((2, 2)), axes=(0, 0)), "transpose of sh"),
])
def test_errors_name_op_and_shapes(f, message):
    with pytest.raises((ValueError, IndexError), match=message):
        f()


def test_an_exponent_is_a_number():
    x = tg.Tensor([1.0])
    with pytest.raises(TypeError, match=re.escape("exp(y * log(x))")):
        x ** x


def test_a_view_does_not_follow_its_parameter():
    """Results own their memory: writing to w changes no earlier result."""
    w = tg.Tensor(np.ones((2, 1)))
    views = [w.reshape(-1), w[0], w.T, w.detach(), w.transpose(0, 1)]
    w.assign(np.zeros((2, 1)))
    assert all((v.data == 1).all() for v in views)


def test_an_axis_of_length_one_is_summed_away_in_large_arrays():
    """The kernels' path had no axis left to sum over."""
    x = np.ones((1, 300, 100), np.float32)
    assert tg.sum_to(tg.Tensor(x), shape=(300, 100)).shape == (300, 100)


# ---------------------------------------------------------- extreme numbers


def test_an_axis_that_is_not_there_is_refused_in_large_arrays_too():
    """The kernels' path took axis 5 of 2 for axis 1."""
    x = np.ones((100, 100), np.float32)
    for f in (lambda: tg.sum(x, axis=5, keepdims=True),
              lambda: tg.sum(x, axis=(0, 0), keepdims=True),
              lambda: tg.mean(x, axis=-3, keepdims=True),
              lambda: tg.normalize(x, axes=(5,))):
        with pytest.raises(ValueError, match=r"\(100, 100\): "):
            f()


def test_logsumexp_of_infinities_and_of_one_number():
    for row, want in [([-np.inf, 0], 0), ([np.inf, 0], np.inf),
                      ([np.inf, -np.inf], np.inf), ([-np.inf] * 2, -np.inf)]:
        with np.errstate(divide="ignore"):
            assert tg.logsumexp(np.array(row)).item() == want
    tg.check_grads(tg.logsumexp, np.array(0.3))
    tg.check_grads(tg.softmax, np.array(0.3))


def test_softmax_of_large_numbers_keeps_its_digits():
    """A logsumexp near 10,000 has three digits after the point."""
    x = np.array([[1e4, 9999.25, 9998], [-1e4, -9999.5, -1e4]], np.float32)
    for f in (tg.softmax, tg.log_softmax,
              lambda x: tg.grad(tg.logsumexp(x).sum(), [x])[0],
              lambda x: tg.grad((tg.grad(tg.logsumexp(x).sum(), [
                  x], create_graph=True)[0] ** 2).sum(), [x])[0]):
        near, want = f(tg.Tensor(x)), f(tg.Tensor(x, "float64"))
        assert near.dtype == np.float32
        np.testing.assert_allclose(near.data, want.data, rtol=1e-5,
                                   atol=1e-6)


@pytest.mark.parametrize("f", [tg.maximum, tg.minimum])
def test_the_larger_of_infinite_and_of_very_large_numbers(f):
    a = tg.Tensor(np.array([np.inf, 3e38, -np.inf], np.float32))
    b = tg.Tensor(np.array([np.inf, -3e38, 0], np.float32))
    ga, gb = tg.grad(f(a, b), [a, b], np.ones(3, np.float32))
    np.testing.assert_array_equal(ga.data + gb.data, 1)
    assert ga.data[0] == 0.5 and set(ga.data[1:]) <= {0, 1}


def test_leaky_relu_grad_of_two_shapes_is_refused():
    """The kernel read beyond the end of the smaller one."""
    with pytest.raises(ValueError, match="leaky_relu_grad.*the same"):
        registry["leaky_relu_grad"](np.ones(2), np.ones((2, 3)), slope=0.2)


TINY = np.array([1e-45, 1e-40, 1e-38, 1e-30], np.float32)


def test_tiny_numbers_like_torch(require):
    """Denormal numbers are not flushed to zero, to second order."""
    torch = require("torch")
    cases = [(tg.log, torch.log), (tg.sqrt, torch.sqrt),
             (tg.exp, torch.exp), (tg.abs, torch.abs),
             (tg.softplus, torch.nn.functional.softplus),
             (tg.sigmoid, torch.sigmoid), (tg.tanh, torch.tanh),
             (tg.leaky_relu, lambda t: torch.nn.functional.leaky_relu(
                 t, 0.2)), (lambda x: x ** 0.5, lambda t: t ** 0.5)]
    for ours, theirs in cases:
        x, t = tg.Tensor(TINY), torch.tensor(TINY, requires_grad=True)
        with np.errstate(over="ignore"):
            y, want = ours(x), theirs(t)
            g, = tg.grad(y.sum() if np.isfinite(y.data).all() else y, [x],
                         None if np.isfinite(y.data).all() else
                         np.ones(4, np.float32))
        h, = torch.autograd.grad(want.sum(), t)
        for a, b in ((y.data, want.detach().numpy()), (g.data, h.numpy())):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=0)


def test_the_root_of_0_has_an_infinite_slope():
    x = tg.Tensor([0.0, 4.0])
    with np.errstate(divide="ignore"):
        assert tg.grad(tg.sqrt(x).sum(), [x])[0].data.tolist() == [
            np.inf, 0.25]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_near_the_end_of_the_floats(dtype):
    """Finite, and right, to second order; 1 + e^-x is 1 there."""
    x = tg.Tensor(np.array([-1e38, -1e4, -88, 0, 88, 1e4, 1e38], dtype))
    cases = [
        (tg.softplus, np.maximum(x.data, 0), x.data > 0),
        (tg.sigmoid, x.data > 0, 0 * x.data), (tg.tanh, np.sign(x.data),
                                               0 * x.data),
        (lambda x: registry["bce_terms"](x, 1.0), np.maximum(-x.data, 0),
         (x.data > 0) - 1.0),
        (lambda x: tg.logsumexp(tg.stack([x, -x]), axis=0),
         np.abs(x.data), np.sign(x.data))]
    far = np.abs(x.data) > 50
    for f, value, slope in cases:
        y = f(x)
        g, = tg.grad(y.sum(), [x], create_graph=True)
        h, = tg.grad(g.sum(), [x], unused="zeros")
        for got, want in ((y, value), (g, slope), (h, 0 * x.data)):
            assert np.isfinite(got.data).all()
            np.testing.assert_allclose(got.data[far], np.asarray(want)[far],
                                       rtol=1e-6, atol=1e-30)
