"""Normalisation: zero mean and unit variance over some axes.

Batch norm (Ioffe and Szegedy, 2015) takes all axes but the channels;
instance norm (Ulyanov et al., 2016) the two of the image; layer norm (Ba
et al., 2016) all but the batch. One op serves the three.
"""

from tinygen.engine import kernels
from tinygen.engine.autograd import grad, is_recording, op, recording
from tinygen.engine.ops import add, mean, sqrt


def normalize_plain(x, *, axes, eps=1e-5):
    """normalize in elementary ops: the oracle, and the source of its rules."""
    centred = x - mean(x, axis=axes, keepdims=True)
    variance = mean(centred * centred, axis=axes, keepdims=True)
    return centred / sqrt(variance + eps)


@op()
def normalize(x, *, axes, eps=1e-5):
    """y = (x - m) / sqrt(v + eps), m and v the mean and variance over axes."""
    return kernels.normalize(x, axes, eps)[0]


@op()
def normalize_grad(g, x, *, axes, eps=1e-5):
    """dx = (g - mean(g) - y mean(g y)) / sqrt(v + eps), means over axes."""
    y, _, rstd = kernels.normalize(x, axes, eps)
    return kernels.normalize_grad(g, y, rstd, axes)


def _grad_rule(h, y, g, x, **k):
    """<h, normalize_grad(g, x)> differentiated by x, in elementary ops."""
    again = is_recording()
    with recording(True):
        g, h = add(g, 0.0), add(h, 0.0)
        x = add(x, 0.0)     # nodes of their own: grad() stops at this x
        dx = grad(normalize_plain(x, **k), [x], g, create_graph=True)[0]
        return grad(dx, [x], h, create_graph=again)[0]


normalize.rules = (lambda g, y, x, **k: normalize_grad(g, x, **k),)
normalize_grad.rules = (
    lambda h, y, g, x, **k: normalize_grad(h, x, **k),      # symmetric
    _grad_rule)
