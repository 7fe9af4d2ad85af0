"""The elementary ops: a table of functions and their derivatives.

Under each function stand its rules, one per input: given g, how much the
result's entries count, a rule returns how much the input's entries count.
Rules are written in Tensors, so they can be differentiated again.
"""

import numpy as np

from tinygen.engine import kernels
from tinygen.engine.autograd import Tensor, op

# ---------------------------------------------------------------- shapes


@op()
def broadcast_to(x, *, shape):
    """y = x repeated along new and size-1 axes to fill `shape`."""
    y = np.empty(shape, x.dtype)
    y[...] = x
    return y


@op()
def sum_to(x, *, shape):
    """y = x summed over the axes that broadcasting `shape` had filled."""
    extra = x.ndim - len(shape)
    axes = tuple([k for k, n in enumerate(x.shape)
                  if n != 1 and (k < extra or shape[k - extra] != n)])
    return kernels.sum_over(x, axes).reshape(shape)


broadcast_to.rules = (lambda g, y, x, shape: sum_to(g, shape=x.shape),)
sum_to.rules = (lambda g, y, x, shape: broadcast_to(g, shape=x.shape),)


def like(g, x):
    """g summed to the shape of x: the end of every broadcasting rule."""
    return g if g.shape == x.shape else sum_to(g, shape=x.shape)


@op()
def reshape(x, *, shape):
    """The same numbers, in row-major order, in another shape."""
    return x.reshape(shape)


reshape.rules = (lambda g, y, x, shape: reshape(g, shape=x.shape),)


@op()
def transpose(x, *, axes=None):
    """y[i, j, ...] with axes in the order given; all reversed by default."""
    return np.transpose(x, axes).copy()


transpose.rules = (lambda g, y, x, axes=None: transpose(
    g, axes=None if axes is None else
    tuple(np.argsort([k % x.ndim for k in axes]).tolist())),)


@op()
def index(x, *, at):
    """y = x[at]: integers, slices, masks or arrays of integers."""
    return x[at]


@op()
def index_adjoint(g, *, at, shape):
    """Zeros of `shape` with g added at `at`; repeated places add up."""
    x = np.zeros(shape, g.dtype)
    parts = at if isinstance(at, tuple) else (at,)
    if all(p is None or p is Ellipsis or isinstance(p, (int, slice))
           for p in parts):
        x[at] = g                       # no place can occur twice
    else:
        np.add.at(x, at, g)
    return x


index.rules = (lambda g, y, x, at: index_adjoint(g, at=at, shape=x.shape),)
index_adjoint.rules = (lambda h, y, g, at, shape: index(h, at=at),)


@op()
def concatenate(*xs, axis=0):
    """The inputs one after the other along `axis`."""
    return np.concatenate(xs, axis)


def _concatenate_rule(g, y, *xs, axis=0):
    ends = np.cumsum([x.shape[axis] for x in xs]).tolist()
    before = (slice(None),) * (axis % y.ndim)
    return [index(g, at=(*before, slice(end - x.shape[axis], end)))
            for x, end in zip(xs, ends, strict=True)]


concatenate.rules = _concatenate_rule


@op()
def pad(x, *, widths):
    """x with zeros around: widths = ((before, after), ...) per axis."""
    if np.shape(widths) != (x.ndim, 2):
        raise ValueError(f"widths={widths} must be a pair for each axis")
    return np.pad(x, widths)


pad.rules = (lambda g, y, x, widths: index(g, at=tuple(
    slice(before, before + n)
    for (before, _), n in zip(widths, x.shape, strict=True))),)


@op()
def mirror(x, *, width):
    """N H W C images with their first and last `width` rows and columns,
    but for the outermost, mirrored around them."""
    n, h, w, c = x.shape
    i, j = (k - 1 - np.abs(k - 1 - np.abs(np.arange(-width, k + width)))
            for k in (h, w))
    return x.reshape(n, h * w, c).take(i[:, None] * w + j, axis=1)


@op()
def mirror_adjoint(g, *, width):
    """x[n,i,j,c] = the sum of g over the pixels that are copies of it."""
    for axis in (1, 2):
        g = g.swapaxes(0, axis)
        end = len(g) - width
        x = g[width:end].copy()
        x[1:width + 1] += g[:width][::-1]
        x[-width - 1:-1] += g[end:][::-1]
        g = x.swapaxes(0, axis)
    return np.ascontiguousarray(g)


mirror.rules = (lambda g, y, x, width: mirror_adjoint(g, width=width),)
mirror_adjoint.rules = (lambda h, y, g, width: mirror(h, width=width),)


def reflect_pad(x, width):
    """N H W C images, mirrored at the border without repeating the edge."""
    h, w = x.shape[1:3]
    if not 0 <= width < min(h, w):
        raise ValueError(f"reflect_pad: width {width} must be less than the "
                         f"image's sides, {h} x {w}")
    return mirror(x, width=width)


# ------------------------------------------------------------- arithmetic


@op()
def add(a, b):
    """y = a + b."""
    return a + b


add.rules = (lambda g, y, a, b: like(g, a),
             lambda g, y, a, b: like(g, b))


@op()
def subtract(a, b):
    """y = a - b."""
    return a - b


subtract.rules = (lambda g, y, a, b: like(g, a),
                  lambda g, y, a, b: like(-g, b))


@op()
def multiply(a, b):
    """y = a b, entry by entry."""
    return a * b


multiply.rules = (lambda g, y, a, b: like(g * b, a),
                  lambda g, y, a, b: like(g * a, b))


@op()
def divide(a, b):
    """y = a / b."""
    return a / b


divide.rules = (lambda g, y, a, b: like(g / b, a),
                lambda g, y, a, b: like(-g * y / b, b))


@op()
def negative(x):
    """y = -x."""
    return -x


negative.rules = (lambda g, y, x: -g,)


@op()
def power(x, *, p):
    """y = x^p, for a number p."""
    if p == 2:
        return np.square(x)     # three times as fast
    return x ** float(p)        # a NumPy p would turn float32 into float64


power.rules = (lambda g, y, x, p: None if p == 0 else
               g * (p * power(x, p=p - 1)),)


@op()
def matmul(a, b, *, turn_a=False, turn_b=False):
    """y[..., i, k] = sum_j a[..., i, j] b[..., j, k]; of a matrix that is to
    be turned, the last two axes are exchanged first."""
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("both need at least two axes; use reshape")
    a = np.swapaxes(a, -1, -2) if turn_a else a
    b = np.swapaxes(b, -1, -2) if turn_b else b
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"the inner sides, {a.shape[-1]} and {b.shape[-2]}, "
                         "differ")
    return kernels.matmul(a, b)


# y = A B: dA = g B^T and dB = A^T g; where a = A^T, da = B g^T.
matmul.rules = (
    lambda g, y, a, b, turn_a=False, turn_b=False: like(
        matmul(b, g, turn_a=turn_b, turn_b=True) if turn_a else
        matmul(g, b, turn_b=not turn_b), a),
    lambda g, y, a, b, turn_a=False, turn_b=False: like(
        matmul(g, a, turn_a=True, turn_b=turn_a) if turn_b else
        matmul(a, g, turn_a=not turn_a), b))


@op()
def linear(x, w, b):
    """y[..., k] = sum_j x[..., j] w[j, k] + b[k]."""
    y = matmul.forward(x, w)
    y += b
    return y


linear.rules = (lambda g, y, x, w, b: matmul(g, w, turn_b=True),
                lambda g, y, x, w, b: like(matmul(x, g, turn_a=True), w),
                lambda g, y, x, w, b: like(g, b))


# ------------------------------------------------------------- reductions


@op()
def sum(x, *, axis=None, keepdims=False):
    """y = sum of x over `axis` (a number, several, or all)."""
    axes = (range(x.ndim) if axis is None else
            (axis,) if isinstance(axis, (int, np.integer)) else axis)
    y = kernels.sum_over(x, tuple(axes))
    return y if keepdims else y.squeeze(tuple(axes))


sum.rules = (lambda g, y, x, axis=None, keepdims=False:
             spread(g, x.shape, axis),)


def _kept(shape, axis):
    """`shape` with 1 in place of the reduced axes."""
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    reduced = {int(k) % (len(shape) or 1) for k in axes}
    return tuple(1 if k in reduced else n for k, n in enumerate(shape))


def spread(g, shape, axis):
    """g, one number for each sum over `axis`, repeated to `shape`."""
    kept = _kept(shape, axis)
    if g.shape != kept[len(kept) - g.ndim:]:    # else it fits as it is
        g = reshape(g, shape=kept)
    return broadcast_to(g, shape=shape)


@op()
def mean(x, *, axis=None, keepdims=False):
    """y = sum of x over `axis`, divided by the number of terms."""
    if x.size == 0:
        raise ValueError("nothing to average")
    y = sum.forward(x, axis=axis, keepdims=keepdims)
    return y * (y.size / x.size)


mean.rules = (lambda g, y, x, axis=None, keepdims=False:
              spread(g * (y.size / x.size), x.shape, axis),)


@op()
def max(x, *, axis=None, keepdims=False):
    """y = the largest of x over `axis`; equal ones share the gradient."""
    return np.asarray(np.max(x, axis=axis, keepdims=keepdims))


def _max_rule(g, y, x, axis=None, keepdims=False):
    top = x.data == y.data.reshape(_kept(x.shape, axis))
    share = top / top.sum(axis=axis, keepdims=True)
    return spread(g, x.shape, axis) * share


max.rules = (_max_rule,)


def _top(x, axis):
    """The largest of x over `axis`, kept; 0 for an infinite one, which less
    itself would be NaN."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0)


@op()
def logsumexp(x, *, axis=-1, keepdims=False):
    """y = log sum exp x over `axis`, without overflow."""
    top = _top(x, axis)
    y = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return y if keepdims else np.asarray(np.squeeze(y, axis))


logsumexp.rules = (lambda g, y, x, axis=-1, keepdims=False: spread(
    g, x.shape, axis) * softmax(x, axis=axis),)


# ------------------------------------------------------ functions of a number


@op()
def exp(x):
    """y = e^x."""
    return np.exp(x)


exp.rules = (lambda g, y, x: g * y,)


@op()
def log(x):
    """y = ln x."""
    return np.log(x)


log.rules = (lambda g, y, x: g / x,)


@op()
def sqrt(x):
    """y = x^(1/2)."""
    return np.sqrt(x)


sqrt.rules = (lambda g, y, x: g * 0.5 / y,)


@op()
def abs(x):
    """y = |x|; slope 0 at 0."""
    return np.abs(x)


abs.rules = (lambda g, y, x: g * np.sign(x.data),)


@op()
def sin(x):
    """y = sin x."""
    return np.sin(x)


@op()
def cos(x):
    """y = cos x."""
    return np.cos(x)


sin.rules = (lambda g, y, x: g * cos(x),)
cos.rules = (lambda g, y, x: -g * sin(x),)


@op()
def tanh(x):
    """y = (e^x - e^-x) / (e^x + e^-x), in (-1, 1)."""
    return np.tanh(x)


tanh.rules = (lambda g, y, x: g * (1 - y * y),)


@op()
def sigmoid(x):
    """y = 1 / (1 + e^-x), in (0, 1); e^-|x| does not overflow."""
    e = np.exp(-np.abs(x))
    return np.maximum(e, x >= 0) / (1 + e)


sigmoid.rules = (lambda g, y, x: g * y * (1 - y),)


@op()
def softplus(x):
    """y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


softplus.rules = (lambda g, y, x: g * sigmoid(x),)


@op()
def leaky_relu(x, *, slope=0.2):
    """y = x where x > 0, slope * x elsewhere."""
    return kernels.leaky_relu(x, slope)


@op()
def leaky_relu_grad(g, x, *, slope):
    """g where x > 0, slope * g elsewhere: linear in g, flat in x."""
    if g.shape != x.shape:
        raise ValueError("the two shapes must be the same")
    return kernels.leaky_relu_grad(g, x, slope)


leaky_relu.rules = (lambda g, y, x, slope=0.2:
                    leaky_relu_grad(g, x, slope=slope),)
leaky_relu_grad.rules = (
    lambda h, y, g, x, slope: leaky_relu_grad(h, x, slope=slope),
    lambda h, y, g, x, slope: None)     # zero: the slope jumps only at 0


def relu(x):
    """y = max(x, 0)."""
    return leaky_relu(x, slope=0.0)


# ------------------------------------------------------------- two at a time


@op()
def maximum(a, b):
    """y = the larger of a and b; equal ones share the gradient."""
    return np.maximum(a, b)


def _larger(a, b):
    """1 where a > b, 1/2 where equal, 0 where smaller."""
    return np.where(a.data == b.data, 0.5, a.data > b.data)


maximum.rules = (lambda g, y, a, b: like(g * _larger(a, b), a),
                 lambda g, y, a, b: like(g * _larger(b, a), b))


@op()
def minimum(a, b):
    """y = the smaller of a and b; equal ones share the gradient."""
    return np.minimum(a, b)


minimum.rules = (lambda g, y, a, b: like(g * _larger(b, a), a),
                 lambda g, y, a, b: like(g * _larger(a, b), b))


@op()
def where(a, b, *, mask):
    """y = a where mask is true, b elsewhere."""
    return np.where(mask, a, b)


where.rules = (
    lambda g, y, a, b, mask: like(where(g, 0.0, mask=mask), a),
    lambda g, y, a, b, mask: like(where(0.0, g, mask=mask), b))


def softmax(x, *, axis=-1):
    """y_i = e^(x_i) / sum_j e^(x_j) over `axis`."""
    return exp(log_softmax(x, axis=axis))


def log_softmax(x, *, axis=-1):
    """y_i = x_i - log sum_j e^(x_j) over `axis`, for x less its largest:
    then large ones keep their digits."""
    x = subtract(x, _top(np.asarray(x), axis))
    return x - logsumexp(x, axis=axis, keepdims=True)


def stack(xs, *, axis=0):
    """Tensors of one shape, laid side by side along a new axis."""
    at = (slice(None),) * (axis % (np.ndim(xs[0]) + 1)) + (None,)
    return concatenate(*[index(x, at=at) for x in xs], axis=axis)


# ------------------------------------------- operators and methods of Tensor


def _power(x, p):
    if isinstance(p, Tensor):
        raise TypeError("the exponent must be a number; for x ** y with a "
                        "Tensor y write exp(y * log(x))")
    return power(x, p=p)


def _shape(shape):
    return shape[0] if len(shape) == 1 and np.ndim(shape[0]) else shape


Tensor.__add__ = Tensor.__radd__ = lambda a, b: add(a, b)
Tensor.__sub__ = lambda a, b: subtract(a, b)
Tensor.__rsub__ = lambda a, b: subtract(b, a)
Tensor.__mul__ = Tensor.__rmul__ = lambda a, b: multiply(a, b)
Tensor.__truediv__ = lambda a, b: divide(a, b)
Tensor.__rtruediv__ = lambda a, b: divide(b, a)
Tensor.__matmul__ = lambda a, b: matmul(a, b)
Tensor.__rmatmul__ = lambda a, b: matmul(b, a)
Tensor.__neg__ = lambda x: negative(x)
Tensor.__pow__ = _power
Tensor.__getitem__ = lambda x, at: index(x, at=at)
Tensor.reshape = lambda x, *shape: reshape(x, shape=_shape(shape))
Tensor.transpose = lambda x, *axes: transpose(
    x, axes=_shape(axes) if axes else None)
Tensor.T = property(transpose)
Tensor.sum = lambda x, axis=None, keepdims=False: sum(
    x, axis=axis, keepdims=keepdims)
Tensor.mean = lambda x, axis=None, keepdims=False: mean(
    x, axis=axis, keepdims=keepdims)
Tensor.max = lambda x, axis=None, keepdims=False: max(
    x, axis=axis, keepdims=keepdims)
for _op in (exp, log, sqrt, abs, tanh, sigmoid):
    setattr(Tensor, _op.name, lambda x, _op=_op: _op(x))
