import numpy as np

import tinygen as tg

# --------------------------------------------------------- slopes of numbers


def _nudged(f, x, eps, back):
    """Differences over eps from x + eps to x + back * eps."""
    slopes = np.zeros(len(x))
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += eps
        down[i] += back * eps
        slopes[i] = (f(up) - f(down)) / eps
    return slopes


def numerical_slopes__one_sided(f, x, eps):
    """You nudged to one side only. The error is then of order eps; nudging
    to both sides cancels it, and eps squared is left."""
    return _nudged(f, x, eps, 0)


def numerical_slopes__half_the_run(f, x, eps):
    """From x - eps to x + eps the way is twice eps: these slopes are twice
    too large."""
    return _nudged(f, x, eps, -1)


def numerical_slopes__nudges_left_behind(f, x, eps):
    """The nudge of one entry was still there when the next one was nudged.
    Start from the given x for each entry."""
    slopes, x = np.zeros(len(x)), x.copy()
    for i in range(len(x)):
        x[i] += eps
        up = f(x)
        x[i] -= 2 * eps
        slopes[i] = (up - f(x)) / (2 * eps)
    return slopes


def dual_divide__sign(a, b):
    """The two terms of the numerator are the wrong way round: when only a
    grows, a / b must grow (for b > 0)."""
    return a[0] / b[0], (a[0] * b[1] - a[1] * b[0]) / b[0] ** 2


def dual_divide__not_squared(a, b):
    """Divide by the square: b appears once because a's change is divided by
    it, and once more because 1 / b changes by -1 / b^2."""
    return a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0]


def dual_divide__numerator_only(a, b):
    """You treated the denominator as a constant. It is a pair, too, and its
    slope counts."""
    return a[0] / b[0], a[1] / b[0]


def calls_made__arrows(inputs):
    """This is one call for each arrow of the graph, and one more: what a walk
    needs that visits each value once. The five lines come back to a value as
    often as there are paths to it."""
    return 1 + sum(map(len, inputs))


def calls_made__values(inputs):
    """This counts the values. A value is called again for each path from y
    that leads to it."""
    return len(inputs)


def calls_made__leaves_only(inputs):
    """This counts the paths that reach a value without inputs. The calls on
    the way there are calls as well."""
    calls = [0] * len(inputs)
    calls[-1] = 1
    for k in reversed(range(len(inputs))):
        for i in inputs[k]:
            calls[i] += calls[k]
    return sum(c for c, i in zip(calls, inputs) if not i)


# ----------------------------------------------------------------- array rules


def running_sum_vjp__same_direction(g):
    """This sums from the front, as the operation itself does. Ask which of
    the y[i] contain x[0], and which contain the last x."""
    return np.cumsum(g)


def running_sum_vjp__undone(g):
    """Differences undo a running sum: that is the inverse matrix. The rule
    needs the transposed one."""
    return np.diff(g, prepend=0.)


def running_sum_vjp__without_itself(g):
    """x[j] is already in y[j]: the sum of later entries must begin with
    g[j] itself."""
    return np.cumsum(g[::-1])[::-1] - g


def running_sum_vjp__library(g):
    """tg.grad would go back through a product with a triangle of ones, and
    that is what you are asked to do by hand. Write the sum out."""
    x = tg.Tensor(np.zeros((len(g), 1)))
    y = np.tri(len(g)) @ x
    return tg.grad(y, [x], g[:, None])[0].data[:, 0]


def unit_vjp__length_constant(g, x):
    """You treated |x| as a constant. It depends on every entry of x, and
    that dependence takes away the part of g along x."""
    return g / np.sqrt(np.sum(x * x))


def unit_vjp__not_divided(g, x):
    """The direction is right, the size is not: a step of given length turns
    a long x less than a short one."""
    y = x / np.sqrt(np.sum(x * x))
    return g - y * np.sum(y * g)


def unit_vjp__added(g, x):
    """A sign: the derivative of 1 / |x| is negative, so the part of g along
    x must go, and here it is doubled."""
    length = np.sqrt(np.sum(x * x))
    y = x / length
    return (g + y * np.sum(y * g)) / length


def logsumexp_vjp__overflow(g, x):
    """Right as a formula, but e^1000 is infinite in float64, and inf / inf
    is nan. Shares do not change when the same number is subtracted from all
    exponents of a row."""
    with np.errstate(all="ignore"):
        e = np.exp(x)
        return g[:, None] * e / e.sum(axis=1, keepdims=True)


def logsumexp_vjp__over_everything(g, x):
    """The shares must sum to 1 in each row. Yours sum to 1 over the whole
    array."""
    e = np.exp(x - x.max())
    return g[:, None] * e / e.sum()


def logsumexp_vjp__along_columns(g, x):
    """g holds a number for each row, and was laid along the columns: NumPy
    lines shapes up from the right. Give g a second axis."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return g * e / e.sum(axis=1, keepdims=True)


def logsumexp_vjp__library(g, x):
    """tg.logsumexp has this rule, and tg.grad applies it. The exercise is to
    derive it."""
    x = tg.Tensor(x)
    return tg.grad(tg.logsumexp(x, axis=1), [x], g)[0].data


def gather_vjp__last_wins(g, at, n):
    """An entry that was used twice kept only the last of its slopes. Both
    x[at] = g and x[at] += g write each place once, even where it occurs
    twice in `at`. Uses add up."""
    slopes = np.zeros(n)
    slopes[at] = g
    return slopes


def gather_vjp__averaged(g, at, n):
    """You took the mean over the uses of an entry. By the chain rule they
    are added."""
    slopes = np.zeros(n)
    np.add.at(slopes, at, g)
    return slopes / np.maximum(np.bincount(at, minlength=n), 1)


def gather_vjp__library(g, at, n):
    """Indexing a Tensor has this rule, and tg.grad applies it. The exercise
    is to write it."""
    x = tg.Tensor(np.zeros(n))
    return tg.grad(x[at], [x], g)[0].data


# ------------------------------------------------------- predict, find the bug


def detached_slopes__transparent(x):
    """You differentiated as if nothing were detached. A detached part has
    no recipe: for the backward pass it is a constant."""
    return [2 * x, 3 * x ** 2, 3 * x ** 2 - 2 * x, 2 * x]


def detached_slopes__vanished(x):
    """You left the detached parts out, as if they were 0. They keep their
    value; only their slope is 0."""
    return [0.0, 0.0, 3 * x ** 2, 1.0]


def detached_slopes__values(x):
    """These are the values that the programs compute. Asked are their
    slopes by x."""
    return [x ** 2, x ** 3, x ** 3 - x ** 2, x ** 2]


def detached_slopes__asked(x):
    """This asks the engine. Predict first, with a formula for each program;
    to verify, ask the engine in a cell of your own."""
    t = tg.Tensor(x, np.float64)
    c = t.detach()
    ys = t * c, c * c * t, t ** 3 - c * c, t + (c * c - c)
    return [tg.grad(y, [t])[0].item() for y in ys]


def relu_vjp__open_gate(g, y):
    """The gate y >= 0 is always open, because y = max(x, 0) is never
    negative. This is the mistake of the page."""
    return g * (y >= 0)


def relu_vjp__value_as_gate(g, y):
    """You multiplied by y. The slope of an open unit is 1, however large
    its result."""
    return g * y


def relu_vjp__gate_on_g(g, y):
    """The gate looks at g. Whether a unit is open was decided forward, by
    its input; negative slopes pass through an open unit."""
    return np.maximum(g, 0.)


def dropout_vjp__not_scaled(g, mask, keep):
    """This is the page's mistake: forward, what is kept is divided by keep;
    backward, it is not."""
    return g * mask


def dropout_vjp__not_masked(g, mask, keep):
    """Scaled, but not masked: what was dropped did not contribute to y and
    gets no slope."""
    return g / keep


def dropout_vjp__scaled_back(g, mask, keep):
    """Multiplying by keep undoes the forward factor. The rule repeats it:
    y = c x has the slope c, not 1 / c."""
    return g * mask * keep


# ------------------------------------------------------------------ curvature


def hessian_vector__slope_times_vector(f, x, v):
    """This is the gradient times v, entry by entry: first derivatives only.
    Differentiate once more."""
    x = tg.Tensor(x)
    slopes, = tg.grad(f(x), [x])
    return slopes.data * v


def hessian_vector__row_sums(f, x, v):
    """You multiplied by v after the second differentiation. Then the rows
    of the second derivatives have already been summed: v must go in before,
    into the number that is differentiated."""
    x = tg.Tensor(x)
    slopes, = tg.grad(f(x), [x], create_graph=True)
    second, = tg.grad(slopes.sum(), [x])
    return second.data * v


def _newton(f, x, steps, step):
    for _ in range(steps):
        t = tg.Tensor(x, np.float64)
        y = f(t)
        slope, = tg.grad(y, [t], create_graph=True)
        curvature, = tg.grad(slope, [t])
        x = x - step(y.item(), slope.item(), curvature.item())
    return x


def newton_minimum__root(f, x, steps):
    """x - f / f' is Newton's method for a root of f. A minimum is a root of
    the slope: put f' in place of f, and f'' in place of f'."""
    return _newton(f, x, steps, lambda y, d, dd: y / d)


def newton_minimum__uphill(f, x, steps):
    """The sign is wrong: where the slope is positive the minimum lies to
    the left."""
    return _newton(f, x, steps, lambda y, d, dd: -d / dd)


def newton_minimum__one_step(f, x, steps):
    """This takes one step, whatever `steps` says. Take the slopes again at
    each new x."""
    return _newton(f, x, 1, lambda y, d, dd: d / dd)


# -------------------------------------------------------------------- capstone


def _walk(tape, values, lines, keep=True, own=False, chain=True):
    """Slopes along `lines`; keep: add to what is there; own, chain: dot's."""
    slopes = {name: np.zeros_like(value) for name, value in values.items()}
    slopes[tape[-1][0]] = np.array(1.0)
    for result, operation, inputs in lines:
        g, used = slopes[result], [values[name] for name in inputs]
        y = values[result]
        if operation == "add":
            parts = [g, g]
        elif operation == "dot":
            g = g if chain else 1.0
            parts = [g * used[1 - own], g * used[0 + own]]
        elif operation == "relu":
            parts = [g * (y > 0)]
        elif operation == "running_sum":
            parts = [np.cumsum(g[::-1])[::-1]]
        else:
            parts = [(g - y * np.sum(y * g)) / np.linalg.norm(used[0])]
        for name, part in zip(inputs, parts):
            slopes[name] = slopes[name] * keep + part
    return slopes


def tape_slopes__overwritten(tape, values):
    """A name that is used twice lost the slopes of one use: the second part
    replaced the first. Parts add up."""
    return _walk(tape, values, tape[::-1], keep=False)


def tape_slopes__forward(tape, values):
    """You read the tape from its first line. A line may pass slopes on only
    after all that use its result have passed theirs: read it backward."""
    return _walk(tape, values, tape)


def tape_slopes__own_factor(tape, values):
    """In a product, the slope by one factor is the other factor. Yours got
    its own."""
    return _walk(tape, values, tape[::-1], own=True)


def tape_slopes__dot_without_g(tape, values):
    """The slopes of a dot are the other factor times g, the slope of its own
    result. Without g it is right in the last line only, where g is 1."""
    return _walk(tape, values, tape[::-1], chain=False)
