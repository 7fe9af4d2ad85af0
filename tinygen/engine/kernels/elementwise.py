"""The leaky ReLU and the steps of the optimisers: one pass over the arrays."""

import math

import numpy as np

from . import plain
from .threads import kernel, run, tiles_for


@kernel
def cut(a, part, parts):
    """One of `parts` pieces of a one-dimensional array."""
    return a[part * len(a) // parts:(part + 1) * len(a) // parts]


@kernel
def gate(g, x, slope, dx, part, parts):
    """dx = g where x > 0, slope * g elsewhere."""
    g, x, dx = cut(g, part, parts), cut(x, part, parts), cut(dx, part, parts)
    for i in range(len(x)):
        dx[i] = g[i] if x[i] > 0 else slope * g[i]


@kernel
def adam_loop(p, g, m, v, rate, beta1, beta2, root, eps, keep, part, parts):
    """rate = lr / (1 - beta1^t), root = sqrt(1 - beta2^t),
    keep = 1 - lr weight_decay."""
    p, g = cut(p, part, parts), cut(g, part, parts)
    m, v = cut(m, part, parts), cut(v, part, parts)
    for i in range(len(p)):
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
        p[i] = keep * p[i] - rate * m[i] / (np.sqrt(v[i]) / root + eps)


@kernel
def sgd_loop(p, g, m, lr, momentum, part, parts):
    p, g, m = cut(p, part, parts), cut(g, part, parts), cut(m, part, parts)
    for i in range(len(p)):
        m[i] = momentum * m[i] + g[i]
        p[i] -= lr * m[i]


# --- the functions of this package -----------------------------------------

def leaky_relu(x, slope):
    """y = x where x > 0, slope * x elsewhere; slope 0 is the ReLU."""
    if slope == 0:  # 0 * (-inf) would be NaN
        return plain.leaky_relu(x, 0)
    return leaky_relu_grad(x, x, slope)


def leaky_relu_grad(g, x, slope):
    """dx = g where x > 0, slope * g elsewhere."""
    dx = np.empty(x.shape, x.dtype)
    run(gate, np.ascontiguousarray(g).reshape(-1),
        np.ascontiguousarray(x).reshape(-1), x.dtype.type(slope),
        dx.reshape(-1), tiles=tiles_for(x.size))
    return dx


def update(loop, arrays, numbers):
    """Run a loop over parameters and moments, in place."""
    p = arrays[0]
    run(loop, *(a.reshape(-1) for a in arrays),
        *map(p.dtype.type, numbers), tiles=tiles_for(p.size))


def contiguous(*arrays):
    return all(a.flags.c_contiguous for a in arrays)


def adam_update(p, g, m, v, lr, beta1, beta2, eps, t, weight_decay):
    """One step of Adam, t = 1, 2, ...; writes p, m and v.

    m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
    p = (1 - lr weight_decay) p
        - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
    """
    if contiguous(p, g, m, v):
        update(adam_loop, (p, g, m, v), (
            lr / (1 - beta1**t), beta1, beta2, math.sqrt(1 - beta2**t), eps,
            1 - lr * weight_decay))
    else:
        plain.adam_update(p, g, m, v, lr, beta1, beta2, eps, t, weight_decay)


def sgd_update(p, g, m, lr, momentum):
    """m = momentum m + g, p = p - lr m; writes p and m."""
    if contiguous(p, g, m):
        update(sgd_loop, (p, g, m), (lr, momentum))
    else:
        plain.sgd_update(p, g, m, lr, momentum)
