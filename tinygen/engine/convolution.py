"""Convolution and its relatives. Images N H W C, filters H W I O.

<conv2d(x, w), g> is linear in x, in w and in g. So three ops are each
other's gradients, and differentiating twice needs no further kernel.
Chapter 04_0_3; the arithmetic is surveyed in Dumoulin and Visin (2016).
"""

import numpy as np

from tinygen.engine import kernels
from tinygen.engine.autograd import op


@op()
def conv2d(x, w, b=None, *, stride=1, pad=0):
    """y[n,i,j,o] = b[o] +
    sum_uvc x[n, i*stride+u-pad, j*stride+v-pad, c] w[u,v,c,o].

    x N H W I, w H W I O, b O; x counts as 0 outside the image.
    """
    return kernels.conv2d(x, w, stride, pad, b)


@op()
def conv_transpose2d(g, w, b=None, *, hw, stride=1, pad=0):
    """x[n,h,v,c] = b[c] + sum of g[n,i,j,o] w[u,v,c,o] over the (i,j), (u,v)
    that conv2d connects to it: the adjoint of conv2d in x.

    g N H W O, w H W I O, the filter of that conv2d, b I; hw: x's two sides.
    """
    return kernels.conv_transpose2d(g, w, hw, stride, pad, b)


@op()
def conv2d_filter_grad(x, g, *, hw, stride=1, pad=0):
    """w[u,v,c,o] = sum_nij x[n, i*stride+u-pad, j*stride+v-pad, c] g[n,i,j,o]:
    the adjoint of conv2d in w. hw: the filter's two sides."""
    return kernels.conv2d_filter_grad(x, g, hw, stride, pad)


def bias_grad(g, *_, **__):
    """The rule for b in all three: it was added to every pixel."""
    return g.sum(axis=(0, 1, 2))


conv2d.rules = (
    lambda g, y, x, w, b=None, **k: conv_transpose2d(
        g, w, hw=x.shape[1:3], **k),
    lambda g, y, x, w, b=None, **k: conv2d_filter_grad(
        x, g, hw=w.shape[:2], **k),
    bias_grad)

conv_transpose2d.rules = (
    lambda h, y, g, w, b=None, *, hw, **k: conv2d(h, w, **k),
    lambda h, y, g, w, b=None, *, hw, **k: conv2d_filter_grad(
        h, g, hw=w.shape[:2], **k),
    bias_grad)

conv2d_filter_grad.rules = (
    lambda h, y, x, g, hw, **k: conv_transpose2d(
        g, h, hw=x.shape[1:3], **k),
    lambda h, y, x, g, hw, **k: conv2d(x, h, **k))


# ------------------------------------------------------------- upsampling


@op()
def upsample2d(x):
    """y[n,i,j,c] = x[n, i//2, j//2, c]: every pixel becomes 2 x 2."""
    if x.ndim != 4:
        raise ValueError("images must be N H W C")
    return kernels.upsample2d(x)


@op()
def upsample2d_adjoint(g):
    """x[n,i,j,c] = the sum of g over the 2 x 2 pixels made from (i, j)."""
    if g.ndim != 4 or g.shape[1] % 2 or g.shape[2] % 2:
        raise ValueError("images must be N H W C with even sides")
    return kernels.upsample2d_adjoint(g)


upsample2d.rules = (lambda g, y, x: upsample2d_adjoint(g),)
upsample2d_adjoint.rules = (lambda h, y, g: upsample2d(h),)


@op()
def upsample_conv2d(x, w, b=None):
    """y = conv2d(upsample2d(x), w, b, pad=1), without the large image.

    x N H W I, w 3 3 I O, b O; y N 2H 2W O. Neighbours in the large image
    are copies of one pixel. With d[j] = x[j] - x[j-1] and S = w[0] + w[1] +
    w[2], in one dimension,

        y[2j] = S x[j] - w[0] d[j],   y[2j+1] = S x[j] + w[2] d[j+1]:

    3 products instead of 6, in two dimensions 9 instead of 36, and exactly
    the same sums. Chapter 04_0_3.
    """
    return kernels.upsample_conv2d(x, w, b)


@op()
def upsample_conv2d_adjoint(g, w):
    """The adjoint of upsample_conv2d in x. g N 2H 2W O, result N H W I."""
    return kernels.upsample_conv2d_adjoint(g, w)


@op()
def upsample_conv2d_filter_grad(x, g):
    """The adjoint of upsample_conv2d in w. x N H W I, g N 2H 2W O."""
    return kernels.upsample_conv2d_filter_grad(x, g)


upsample_conv2d.rules = (
    lambda g, y, x, w, b=None: upsample_conv2d_adjoint(g, w),
    lambda g, y, x, w, b=None: upsample_conv2d_filter_grad(x, g),
    bias_grad)
upsample_conv2d_adjoint.rules = (
    lambda h, y, g, w: upsample_conv2d(h, w),
    lambda h, y, g, w: upsample_conv2d_filter_grad(h, g))
upsample_conv2d_filter_grad.rules = (
    lambda h, y, x, g: upsample_conv2d_adjoint(g, h),
    lambda h, y, x, g: upsample_conv2d(x, h))


# ---------------------------------------------------------------- pooling


@op()
def avg_pool2d(x, *, size=2, stride=2):
    """y[n,i,j,c] = mean of x over the size x size window at (i, j)*stride.

    Windows that would stick out are left out.
    """
    return kernels.avg_pool2d(x, size, stride)


@op()
def avg_pool2d_adjoint(g, *, hw, size, stride):
    """Each g / size^2 added to the pixels of its window; hw: image sides."""
    return kernels.avg_pool2d_adjoint(g, hw, size, stride)


avg_pool2d.rules = (lambda g, y, x, size=2, stride=2: avg_pool2d_adjoint(
    g, hw=x.shape[1:3], size=size, stride=stride),)
avg_pool2d_adjoint.rules = (lambda h, y, g, hw, size, stride: avg_pool2d(
    h, size=size, stride=stride),)


def max_pool2d(x, *, size=2, stride=2):
    """y[n,i,j,c] = max of x over the size x size window at (i, j)*stride.

    The first of equal pixels counts, and alone gets the gradient.
    """
    try:
        at = kernels.max_pool2d_argmax(np.asarray(x), size, stride)
    except ValueError as error:
        raise ValueError(f"max_pool2d of shape {x.shape}: {error}") from None
    return gather_hw(x, at=at)


@op()
def gather_hw(x, *, at):
    """y[n,i,j,c] = x[n, :, :, c] at the flat pixel number at[n,i,j,c]."""
    return kernels.gather_hw(x, at)


@op()
def scatter_hw(g, *, at, hw):
    """Zeros [n,*hw,c] with g added where `at` points: gather's adjoint."""
    return kernels.scatter_hw(g, at, hw)


gather_hw.rules = (
    lambda g, y, x, at: scatter_hw(g, at=at, hw=x.shape[1:3]),)
scatter_hw.rules = (lambda h, y, g, at, hw: gather_hw(h, at=at),)
