import numpy as np

import tinygen as tg

# --------------------------------------------------------- slopes of numbers


def numerical_slopes(f, x, eps):
    """(f(x + eps e) - f(x - eps e)) / (2 eps), for each entry e of x."""
    slopes = np.zeros(len(x))
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += eps
        down[i] -= eps
        slopes[i] = (f(up) - f(down)) / (2 * eps)
    return slopes


def dual_divide(a, b):
    """(a / b, its slope), from pairs (number, slope)."""
    (x, dx), (y, dy) = a, b
    return x / y, (dx * y - x * dy) / y ** 2


def calls_made(inputs):
    """How often the five-line backward would be called, for the last value.

    Once for it; for any other value, once for each call of each user.
    """
    calls = [0] * len(inputs)
    calls[-1] = 1
    for k in reversed(range(len(inputs))):
        for i in inputs[k]:
            calls[i] += calls[k]
    return sum(calls)


# ----------------------------------------------------------------- array rules


def running_sum_vjp(g):
    """x[j] is in y[i] for all i >= j, so its slope is the sum of g[i >= j]."""
    return np.cumsum(g[::-1])[::-1]


def unit_vjp(g, x):
    """(g - y <y, g>) / |x|, with y = x / |x|."""
    length = np.sqrt(np.sum(x * x))
    y = x / length
    return (g - y * np.sum(y * g)) / length


def logsumexp_vjp(g, x):
    """g[n] e^x[n, k] / sum_j e^x[n, j], after subtracting each row's top."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return g[:, None] * e / e.sum(axis=1, keepdims=True)


def gather_vjp(g, at, n):
    """Entry i is the sum of all g[k] with at[k] = i."""
    slopes = np.zeros(n)
    np.add.at(slopes, at, g)
    return slopes


# ------------------------------------------------------- predict, find the bug


def detached_slopes(x):
    """The detached parts are constants: c x, c x, x^3 - c, x + c."""
    return [x, x ** 2, 3 * x ** 2, 1.0]


def relu_vjp(g, y):
    """g where y > 0, else 0."""
    return g * (y > 0)


def dropout_vjp(g, mask, keep):
    """The same mask and the same factor as forward."""
    return g * mask / keep


# ------------------------------------------------------------------ curvature


def hessian_vector(f, x, v):
    """The slopes of <slopes of f, v>."""
    x = tg.Tensor(x)
    slopes, = tg.grad(f(x), [x], create_graph=True)
    along, = tg.grad((slopes * v).sum(), [x])
    return along.data


def newton_minimum(f, x, steps):
    """x - f' / f'', `steps` times."""
    for _ in range(steps):
        t = tg.Tensor(x, np.float64)
        slope, = tg.grad(f(t), [t], create_graph=True)
        curvature, = tg.grad(slope, [t])
        x = x - slope.item() / curvature.item()
    return x


# -------------------------------------------------------------------- capstone


def tape_slopes(tape, values):
    """The slopes of the last result by every name, from the last line up."""
    slopes = {name: np.zeros_like(value) for name, value in values.items()}
    slopes[tape[-1][0]] = np.array(1.0)
    for result, operation, inputs in reversed(tape):
        g, used = slopes[result], [values[name] for name in inputs]
        if operation == "add":
            parts = [g, g]
        elif operation == "dot":
            parts = [g * used[1], g * used[0]]
        elif operation == "relu":
            parts = [relu_vjp(g, values[result])]
        elif operation == "running_sum":
            parts = [running_sum_vjp(g)]
        elif operation == "unit":
            parts = [unit_vjp(g, used[0])]
        for name, part in zip(inputs, parts):
            slopes[name] = slopes[name] + part
    return slopes
