"""Checks of gradients against what defines them."""

import numpy as np

from tinygen.engine.autograd import Tensor, grad, recording


def _central(f, arrays, k, weight, eps):
    """d<weight, f>/d arrays[k], one entry at a time, by central steps."""
    out = np.zeros_like(arrays[k])
    for at in np.ndindex(*arrays[k].shape):
        kept = arrays[k][at]
        ends = []
        for step in (eps, -eps):
            arrays[k][at] = kept + step
            ends.append(float((f(*map(Tensor, arrays)).data * weight).sum()))
        arrays[k][at] = kept
        out[at] = (ends[0] - ends[1]) / (2 * eps)
    return out


def _compare(f, arrays, eps, tol, what):
    tensors = [Tensor(a) for a in arrays]
    with recording(True):
        y = f(*tensors)
    weight = np.random.default_rng(0).standard_normal(y.shape)
    got = grad(y, tensors, weight, unused="zeros")
    # y's rounding errors, some 1e-16 of y, show up divided by eps.
    noise = 1e-14 / eps * np.abs(weight * y.data).sum()
    for k, g in enumerate(got):
        want = _central(f, arrays, k, weight, eps)
        error = np.abs(g.data - want)
        bound = tol * np.abs(want).max(initial=0.0) + noise
        if not (error <= bound).all():
            at = np.unravel_index(np.argmax(error), error.shape)
            at = tuple(int(i) for i in at)
            raise AssertionError(
                f"{what} in input {k}, entry {at}: grad() says "
                f"{g.data[at]:.6g}, finite differences {want[at]:.6g}")


def check_grads(f, *inputs, order=2, eps=1e-6, tol=1e-5):
    """Compare grad() of f with (f(x + eps) - f(x - eps)) / (2 eps).

    f       Tensors -> a Tensor of any shape; smooth near the inputs
    inputs  arrays, computed in float64
    order   2 also checks the gradient of the gradient, the same way
    AssertionError names the input and the entry that differ most.
    """
    arrays = [np.array(x, np.float64) for x in inputs]
    _compare(f, arrays, eps, tol, "first derivative")
    if order < 2:
        return
    with recording(False):
        shape = f(*map(Tensor, arrays)).shape
    v = np.random.default_rng(1).standard_normal(shape)

    def first(*xs):
        """All first derivatives of <v, f>, end to end: (xs, v) -> numbers."""
        with recording(True):
            *xs, v = xs
            gs = grad(f(*xs), xs, v, create_graph=True, unused="zeros")
            total = [(g * np.cos(np.arange(g.size).reshape(g.shape))).sum()
                     for g in gs]
        y = total[0]
        for t in total[1:]:
            y = y + t
        return y

    _compare(first, [*arrays, v], eps, tol, "second derivative")


def check_adjoint(f, f_adjoint, x, y, tol=1e-10):
    """<f(x), y> = <x, f_adjoint(y)>: what makes one the other's transpose.

    f, f_adjoint: arrays -> arrays (or Tensors). AssertionError if not, or
    if f(x) has not the shape of y, or f_adjoint(y) that of x.
    """
    terms = []
    for made, other, names in ((f(x), y, "f(x) has shape {}, y {}"),
                               (f_adjoint(y), x, "f_adjoint(y) {}, x {}")):
        if np.shape(made) != np.shape(other):
            raise AssertionError("not adjoint: " + names.format(
                np.shape(made), np.shape(other)))
        terms.append(np.asarray(made) * other)
    a, b = (float(t.sum()) for t in terms)
    if not abs(a - b) <= tol * max(np.abs(t).sum() for t in terms):
        raise AssertionError(f"not adjoint: <f(x), y> = {a:.12g}, "
                             f"<x, f_adjoint(y)> = {b:.12g}")
