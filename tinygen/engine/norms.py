"""Normalisation: zero mean and unit variance over some axes.

Batch norm (Ioffe and Szegedy, 2015) takes all axes but the channels;
instance norm (Ulyanov et al., 2016) the two of the image; layer norm (Ba
et al., 2016) all but the batch. One op serves the three.
"""

import numpy as np

from tinygen.engine import kernels
from tinygen.engine.autograd import grad, is_recording, op, recording
from tinygen.engine.ops import add, like, mean, sqrt


def normalize_plain(x, scale=1.0, shift=0.0, *, axes, eps=1e-5):
    """normalize in elementary ops: the oracle, and the source of its rules."""
    centred = x - mean(x, axis=axes, keepdims=True)
    variance = mean(centred * centred, axis=axes, keepdims=True)
    return centred / sqrt(variance + eps) * scale + shift


def _mean_and_rstd(x, axes, eps, moments):
    m, v = moments or kernels.moments(x, axes)
    return m, 1 / np.sqrt(v + eps)


@op()
def normalize(*inputs, axes, eps=1e-5, moments=None):
    """y = scale (x - m) / sqrt(v + eps) + shift, m and v the mean and
    variance over axes.

    inputs: x; or x, scale and shift, C for channels that are no axis.
    moments: kernels.moments(x.data, axes), (m, v), if computed before.
    """
    x, scale, shift = inputs if len(inputs) == 3 else (*inputs, 1, 0)
    m, rstd = _mean_and_rstd(x, axes, eps, moments)
    return kernels.combine(x, x, m, 0, rstd * scale, shift, axes)


@op()
def normalize_sums(g, x, *, axes, eps=1e-5, moments=None):
    """sum(g) and sum(g y) over axes, which are kept, y = normalize(x): the
    gradients of shift and scale, and what that of x needs."""
    m, rstd = _mean_and_rstd(x, axes, eps, moments)
    sums = kernels.product_sums(g, x, m, axes)
    sums[1] *= rstd
    return sums


@op()
def normalize_grad(g, x, scale=1, *, axes, eps=1e-5, moments=None, sums=None):
    """dx = scale (g - mean(g) - y mean(g y)) / sqrt(v + eps), means over
    axes, y = normalize(x). sums: normalize_sums(g, x), if computed before."""
    m, rstd = _mean_and_rstd(x, axes, eps, moments)
    if sums is None:
        sums = normalize_sums.forward(g, x, axes=axes, eps=eps,
                                      moments=moments)
    mean_g, mean_gy = sums * (sums[0].size / g.size)
    scale = scale * rstd
    return kernels.combine(g, x, m, scale, -scale * rstd * mean_gy,
                           -scale * mean_g, axes)


def _rule(g, y, x, *scale_shift, axes, eps=1e-5, moments=None):
    k = dict(axes=axes, eps=eps,
             moments=moments or kernels.moments(x.data, axes))
    sums = normalize_sums(g, x, **k)
    dx = normalize_grad(g, x, *scale_shift[:1], sums=sums.data, **k)
    if not scale_shift:
        return [dx]
    sums = like(sums, np.empty((2, *(1,) * (x.ndim - 1), x.shape[-1])))
    first = (0,) * (x.ndim - 1)
    return [dx, sums[(1, *first)], sums[(0, *first)]]


def _second_rule(h, y, g, x, scale=1.0, *, axes, eps=1e-5, moments=None,
                 sums=None):
    """<h, normalize_grad(g, x)> differentiated by x, in elementary ops."""
    again = is_recording()
    with recording(True):
        g, h = add(g * scale, 0.0), add(h, 0.0)
        # Nodes of their own: grad() stops at this x. Less its mean, which
        # changes nothing, it keeps its digits.
        x = add(x, -(moments or kernels.moments(x.data, axes))[0])
        dx = grad(normalize_plain(x, axes=axes, eps=eps), [x], g,
                  create_graph=True)[0]
        return grad(dx, [x], h, create_graph=again)[0]


normalize.rules = _rule
normalize_sums.rules = (
    lambda h, y, g, x, **k: h[0] + h[1] * normalize(x, **k),
    lambda h, y, g, x, **k: normalize_grad(g * h[1], x, **k))
normalize_grad.rules = (
    lambda h, y, g, x, *scale, sums=None, **k:
        normalize_grad(h, x, *scale, **k),              # symmetric
    _second_rule,
    lambda h, y, g, x, scale, sums=None, **k:
        like(h * normalize_grad(g, x, **k), scale))
