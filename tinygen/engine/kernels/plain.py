"""Every kernel in NumPy alone: the readable version, and the oracle.

Images are [n, h, w, c], filters [kh, kw, c_in, c_out]. All functions take
float32 or float64 arrays and return new C-contiguous ones of the same dtype,
except the two updates, which write in place.
"""
import functools
import math

import numpy as np

from .sizes import (
    check_bias,
    check_conv2d,
    check_filter_grad,
    check_index,
    check_pool,
    check_spread,
    check_transpose,
    check_upsample,
)


def unless_empty(function):
    """The compiled function; for no images or no channels, which BLAS
    refuses, the one of its name here."""
    @functools.wraps(function)
    def either(a, b, *more):
        chosen = function if a.size and b.size else globals()[
            function.__name__]
        return chosen(a, b, *more)
    return either


# --- convolution -----------------------------------------------------------

def padded(x, pad):
    """x with `pad` rows and columns of zeros on all four sides."""
    n, h, w, c = x.shape
    out = np.zeros((n, h + 2 * pad, w + 2 * pad, c), x.dtype)
    out[:, pad:pad + h, pad:pad + w] = x
    return out


def seen_by(xp, u, v, stride, ho, wo):
    """The pixels that filter tap (u, v) meets: xp[:, i*stride+u, j*stride+v].

    A view of shape [n, ho, wo, c], so that writing to it writes to xp.
    """
    return xp[:, u:u + stride * (ho - 1) + 1:stride,
              v:v + stride * (wo - 1) + 1:stride]


def conv2d(x, w, stride, pad, b=None):
    """y[n,i,j,o] = b[o] +
    sum_uvc x[n, i*stride+u-pad, j*stride+v-pad, c] w[u,v,c,o].

    x is [n, h, w, c], w is [kh, kw, c, o]; x counts as zero outside.
    """
    ho, wo = check_conv2d(x, w, stride, pad)
    kh, kw, _, o = w.shape
    xp = padded(x, pad)
    y = np.zeros((x.shape[0], ho, wo, o), x.dtype)
    y += check_bias(b, y)
    for u in range(kh):
        for v in range(kw):
            y += np.tensordot(seen_by(xp, u, v, stride, ho, wo), w[u, v], 1)
    return y


def conv_transpose2d(g, w, hw, stride, pad, b=None):
    """The adjoint of conv2d in x: <conv2d(x, w), g> = <x, result>; plus b.

    x[n, i*stride+u-pad, j*stride+v-pad, c] += sum_o g[n,i,j,o] w[u,v,c,o].
    g is [n, ho, wo, o], the result [n, *hw, c]; hw is needed because, with
    stride > 1, images of several sizes have the same output size.
    """
    check_transpose(g, w, hw, stride, pad)
    kh, kw, c, _ = w.shape
    n, ho, wo, _ = g.shape
    xp = np.zeros((n, hw[0] + 2 * pad, hw[1] + 2 * pad, c), g.dtype)
    for u in range(kh):
        for v in range(kw):
            seen = seen_by(xp, u, v, stride, ho, wo)
            seen += np.tensordot(g, w[u, v].T, 1)
    x = xp[:, pad:pad + hw[0], pad:pad + hw[1]]
    return x + check_bias(b, x)


def conv2d_filter_grad(x, g, hw, stride, pad):
    """The adjoint of conv2d in w: <conv2d(x, w), g> = <w, result>.

    dw[u,v,c,o] = sum_nij x[n, i*stride+u-pad, j*stride+v-pad, c] g[n,i,j,o];
    hw is the filter's (kh, kw).
    """
    check_filter_grad(x, g, hw, stride, pad)
    ho, wo = g.shape[1:3]
    xp = padded(x, pad)
    dw = np.empty((*hw, x.shape[3], g.shape[3]), x.dtype)
    for u in range(hw[0]):
        for v in range(hw[1]):
            seen = seen_by(xp, u, v, stride, ho, wo)
            dw[u, v] = np.tensordot(seen, g, ([0, 1, 2], [0, 1, 2]))
    return dw


# --- upsampling and pooling ------------------------------------------------

def upsample2d(x):
    """y[n,i,j,c] = x[n, i//2, j//2, c]: nearest neighbour, twice the size."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


def upsample2d_adjoint(g):
    """x[n,i,j,c] = the sum of g over the 2x2 block that upsample2d wrote."""
    return (g[:, 0::2, 0::2] + g[:, 0::2, 1::2]
            + g[:, 1::2, 0::2] + g[:, 1::2, 1::2])


def upsample_conv2d(x, w, b=None):
    """conv2d(upsample2d(x), w, 1, 1, b), w [3, 3, c, o]."""
    check_upsample(x, w)
    return conv2d(upsample2d(x), w, 1, 1, b)


def upsample_conv2d_adjoint(g, w):
    """The adjoint in x: <upsample_conv2d(x, w), g> = <x, result>."""
    check_upsample(g=g, w=w)
    return upsample2d_adjoint(conv_transpose2d(g, w, g.shape[1:3], 1, 1))


def upsample_conv2d_filter_grad(x, g):
    """The adjoint in w: <upsample_conv2d(x, w), g> = <w, result>."""
    check_upsample(x, g=g)
    return conv2d_filter_grad(upsample2d(x), g, (3, 3), 1, 1)


def avg_pool2d(x, size, stride):
    """y[n,i,j,c] = mean_uv x[n, i*stride+u, j*stride+v, c], u, v < size."""
    ho, wo = check_pool(x, size, stride)
    n, c = x.shape[0], x.shape[3]
    y = np.zeros((n, ho, wo, c), x.dtype)
    for u in range(size):
        for v in range(size):
            y += seen_by(x, u, v, stride, ho, wo)
    return y / size**2


def avg_pool2d_adjoint(g, hw, size, stride):
    """x[n, i*stride+u, j*stride+v, c] += g[n,i,j,c] / size**2; [n, *hw, c]."""
    check_spread(g, hw, size, stride)
    n, ho, wo, c = g.shape
    x = np.zeros((n, *hw, c), g.dtype)
    for u in range(size):
        for v in range(size):
            seen = seen_by(x, u, v, stride, ho, wo)
            seen += g / size**2
    return x


def max_pool2d_argmax(x, size, stride):
    """Where each window has its maximum: h*W + w, int64, [n, ho, wo, c].

    Of equal values the first in row-major order wins; NaN counts as largest.
    """
    ho, wo = check_pool(x, size, stride)
    windows = np.stack([seen_by(x, u, v, stride, ho, wo)
                        for u in range(size) for v in range(size)])
    u, v = np.divmod(windows.argmax(axis=0), size)
    i = np.arange(ho)[:, None, None] * stride
    j = np.arange(wo)[:, None] * stride
    return (i + u) * x.shape[2] + j + v


def gather_hw(x, index):
    """y[n,i,j,c] = x[n, h, w, c], with index[n,i,j,c] = h*W + w."""
    n, h, w, c = x.shape
    check_index(index, n, (h, w), c)
    flat = np.take_along_axis(x.reshape(n, h * w, c),
                              index.reshape(n, math.prod(index.shape[1:3]), c),
                              axis=1)
    return flat.reshape(index.shape)


def scatter_hw(g, index, hw):
    """The adjoint of gather_hw: x[n, h, w, c] += g[n,i,j,c]; [n, *hw, c]."""
    n, c = g.shape[0], g.shape[3]
    check_index(index, n, hw, c)
    x = np.zeros((n, hw[0] * hw[1], c), g.dtype)
    rows = (n, math.prod(g.shape[1:3]), c)
    np.add.at(x, (np.arange(n)[:, None, None], index.reshape(rows),
                  np.arange(c)), g.reshape(rows))
    return x.reshape(n, *hw, c)


# --- normalisation and activation ------------------------------------------

def matmul(a, b):
    """y[..., i, k] = sum_j a[..., i, j] b[..., j, k]."""
    return a @ b


def sum_over(x, axes):
    """x summed over `axes`, which are kept with length 1."""
    return x.sum(axis=axes, keepdims=True)


def moments(x, axes):
    """Mean and variance (over n, not n - 1) over `axes`, which are kept.

    Summed up in float64: those of a constant are itself and 0.
    """
    k = {"axis": axes, "keepdims": True, "dtype": np.float64}
    if x.size == 0 and 0 not in x.sum(axis=axes).shape:
        raise ValueError(f"no numbers along axes {axes}: nothing to average")
    return x.mean(**k).astype(x.dtype), x.var(**k).astype(x.dtype)


def product_sums(p, q, centre, axes):
    """The sums of p and of p (q - centre) over `axes`, in one array."""
    return np.stack([p.sum(axis=axes, keepdims=True),
                     (p * (q - centre)).sum(axis=axes, keepdims=True)])


def combine(p, q, centre, scale, slope, shift, axes):
    """scale p + slope (q - centre) + shift; all but p and q are constant
    along `axes`."""
    return scale * p + slope * (q - centre) + shift


def leaky_relu(x, slope):
    """y = x where x > 0, slope * x elsewhere; slope 0 is the ReLU."""
    if slope == 0:  # 0 * (-inf) would be NaN
        return np.maximum(x, 0)
    return np.where(x > 0, x, slope * x)


def leaky_relu_grad(g, x, slope):
    """dx = g where x > 0, slope * g elsewhere."""
    if slope == 0:  # 0 * infinity would be NaN
        return np.where(x <= 0, x.dtype.type(0), g)
    return np.where(x > 0, g, slope * g)


# --- updates of parameters, in place ---------------------------------------

def adam_update(ps, gs, ms, vs, lr, beta1, beta2, eps, t, weight_decay):
    """One step of Adam, t = 1, 2, ..., for lists of arrays; writes p, m, v.

    m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
    p = (1 - lr weight_decay) p
        - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
    """
    for p, g, m, v in zip(ps, gs, ms, vs, strict=True):
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * np.square(g)
        p *= 1 - lr * weight_decay
        p -= (lr / (1 - beta1**t)) * m / (np.sqrt(v / (1 - beta2**t)) + eps)


def sgd_update(ps, gs, vs, lr, momentum):
    """v = momentum v + g, p = p - lr v, for lists; writes p and v."""
    for p, g, v in zip(ps, gs, vs, strict=True):
        v *= momentum
        v += g
        p -= lr * v
