"""The steps of the optimisers: one pass over all arrays, in place."""
import math

import numpy as np

from . import plain
from .norms import tiles_for
from .threads import kernel, run


@kernel
def adam_loop(p, g, m, v, rate, beta1, beta2, root, eps, keep, part, parts):
    """rate = lr / (1 - beta1^t), root = sqrt(1 - beta2^t),
    keep = 1 - lr weight_decay."""
    n = len(p)
    first, last = part * n // parts, (part + 1) * n // parts
    p, g = p[first:last], g[first:last]
    m, v = m[first:last], v[first:last]
    for i in range(last - first):
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
        p[i] = keep * p[i] - rate * m[i] / (np.sqrt(v[i]) / root + eps)


@kernel
def sgd_loop(p, g, m, lr, momentum, part, parts):
    n = len(p)
    first, last = part * n // parts, (part + 1) * n // parts
    p, g, m = p[first:last], g[first:last], m[first:last]
    for i in range(last - first):
        m[i] = momentum * m[i] + g[i]
        p[i] -= lr * m[i]


def contiguous(*arrays):
    return all(a.flags.c_contiguous for a in arrays)


def adam_update(p, g, m, v, lr, beta1, beta2, eps, t, weight_decay):
    """One step of Adam, t = 1, 2, ...; writes p, m and v.

    m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
    p = (1 - lr weight_decay) p
        - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
    """
    if not contiguous(p, g, m, v):
        return plain.adam_update(p, g, m, v, lr, beta1, beta2, eps, t,
                                 weight_decay)
    numbers = (lr / (1 - beta1**t), beta1, beta2, math.sqrt(1 - beta2**t),
               eps, 1 - lr * weight_decay)
    run(adam_loop, *(a.reshape(-1) for a in (p, g, m, v)),
        *map(p.dtype.type, numbers), tiles=tiles_for(p))


def sgd_update(p, g, m, lr, momentum):
    """m = momentum m + g, p = p - lr m; writes p and m."""
    if not contiguous(p, g, m):
        return plain.sgd_update(p, g, m, lr, momentum)
    run(sgd_loop, *(a.reshape(-1) for a in (p, g, m)),
        p.dtype.type(lr), p.dtype.type(momentum), tiles=tiles_for(p))
