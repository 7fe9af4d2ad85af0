"""The leaky ReLU and the steps of the optimisers: one pass over the arrays."""

import math

import numpy as np

from .threads import kernel, run, tiles_for


@kernel
def cut(a, k, n):
    """Piece k of n pieces of a one-dimensional array.

    They begin at multiples of 64: what is left over by the processor's
    vectors, and rounds differently there, is the same for every n.
    """
    first, end = k * len(a) // n, (k + 1) * len(a) // n
    return a[first // 64 * 64:end if k + 1 == n else end // 64 * 64]


@kernel
def gate(g, x, slope, dx, part, parts):
    """dx = g where x > 0, slope * g elsewhere."""
    g, x, dx = cut(g, part, parts), cut(x, part, parts), cut(dx, part, parts)
    if slope == 0:  # 0 * infinity would be NaN
        for i in range(len(x)):
            dx[i] = 0 if x[i] <= 0 else g[i]
        return
    for i in range(len(x)):
        dx[i] = g[i] if x[i] > 0 else slope * g[i]


@kernel
def adam_loop(p, g, m, v, beta1, rest1, beta2, rest2, rate, root, eps, keep,
              part, parts):
    """rest = 1 - beta, which float32 knows better from outside; rate = lr /
    (1 - beta1^t), root = sqrt(1 - beta2^t), keep = 1 - lr weight_decay."""
    p, g = cut(p, part, parts), cut(g, part, parts)
    m, v = cut(m, part, parts), cut(v, part, parts)
    for i in range(len(p)):
        m[i] = beta1 * m[i] + rest1 * g[i]
        v[i] = beta2 * v[i] + rest2 * g[i] * g[i]
        p[i] = keep * p[i] - rate * m[i] / (np.sqrt(v[i]) / root + eps)


@kernel
def sgd_loop(p, g, v, lr, momentum, part, parts):
    p, g, v = cut(p, part, parts), cut(g, part, parts), cut(v, part, parts)
    for i in range(len(p)):
        v[i] = momentum * v[i] + g[i]
        p[i] -= lr * v[i]


# --- the functions of this package -----------------------------------------

def leaky_relu(x, slope):
    """y = x where x > 0, slope * x elsewhere; slope 0 is the ReLU."""
    return leaky_relu_grad(x, x, slope)


def leaky_relu_grad(g, x, slope):
    """dx = g where x > 0, slope * g elsewhere."""
    dx = np.empty(x.shape, x.dtype)
    run(gate, np.ascontiguousarray(g).reshape(-1),
        np.ascontiguousarray(x).reshape(-1), x.dtype.type(slope),
        dx.reshape(-1), tiles=tiles_for(x.size))
    return dx


def update(loop, arrays, numbers):
    """Run a loop over lists of parameters, gradients and moments, in place.

    Where an array is not contiguous, a copy is updated and written back.
    """
    numbers = {dtype: tuple(map(dtype.type, numbers))
               for dtype in {p.dtype for p in arrays[0]}}
    for mine in zip(*arrays, strict=True):
        flat = [np.ascontiguousarray(a) for a in mine]
        run(loop, *[a.reshape(-1) for a in flat], *numbers[mine[0].dtype],
            tiles=tiles_for(mine[0].size))
        for a, b in zip(mine, flat):
            if a is not b:
                a[...] = b


def adam_update(ps, gs, ms, vs, lr, beta1, beta2, eps, t, weight_decay):
    """One step of Adam, t = 1, 2, ..., for lists of arrays; writes p, m, v.

    m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
    p = (1 - lr weight_decay) p
        - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
    """
    update(adam_loop, (ps, gs, ms, vs), (
        beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1**t),
        math.sqrt(1 - beta2**t), eps, 1 - lr * weight_decay))


def sgd_update(ps, gs, vs, lr, momentum):
    """v = momentum v + g, p = p - lr v, for lists; writes p and v."""
    update(sgd_loop, (ps, gs, vs), (lr, momentum))
