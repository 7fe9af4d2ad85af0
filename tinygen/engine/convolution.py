"""Convolution and its relatives. Images N H W C, filters H W I O.

<conv2d(x, w), g> is linear in x, in w and in g. So three ops are each
other's gradients, and differentiating twice needs no further kernel.
Chapter 04_0_3; the arithmetic is surveyed in Dumoulin and Visin (2016).
"""

import numpy as np

from tinygen.engine import kernels
from tinygen.engine.autograd import op
from tinygen.engine.ops import index, pad, transpose


@op()
def conv2d(x, w, *, stride=1, pad=0):
    """y[n,i,j,o] = sum_uvc x[n, i*stride+u-pad, j*stride+v-pad, c] w[u,v,c,o].

    x N H W C, w H W I O; x counts as 0 outside the image.
    """
    return kernels.conv2d(x, w, stride, pad)


@op()
def conv_transpose2d(g, w, *, hw, stride=1, pad=0):
    """x[n,h,v,c] = sum of g[n,i,j,o] w[u,v,c,o] over the (i,j), (u,v) that
    conv2d connects to it: the adjoint of conv2d in x.

    g N H W O, w H W I O, the filter of that conv2d; hw: x's two sides.
    """
    return kernels.conv_transpose2d(g, w, hw, stride, pad)


@op()
def conv2d_filter_grad(x, g, *, hw, stride=1, pad=0):
    """w[u,v,c,o] = sum_nij x[n, i*stride+u-pad, j*stride+v-pad, c] g[n,i,j,o]:
    the adjoint of conv2d in w. hw: the filter's two sides."""
    return kernels.conv2d_filter_grad(x, g, hw, stride, pad)


conv2d.rules = (
    lambda g, y, x, w, **k: conv_transpose2d(g, w, hw=x.shape[1:3], **k),
    lambda g, y, x, w, **k: conv2d_filter_grad(x, g, hw=w.shape[:2], **k))

conv_transpose2d.rules = (
    lambda h, y, g, w, hw, **k: conv2d(h, w, **k),
    lambda h, y, g, w, hw, **k: conv2d_filter_grad(
        h, g, hw=w.shape[:2], **k))

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


def upsample_conv2d(x, w):
    """conv2d(upsample2d(x), w, pad=1), without the large image.

    x N H W I, w 3 3 I O; the result is N 2H 2W O. Two neighbours in the
    large image are often copies of one pixel, so their weights can be
    added first. In one dimension, output r takes copies of pixel i with
    the weights w[u], r + u - 1 in {2i, 2i+1}. That is a transposed
    convolution, stride 2, pad 1, with the 4 weights

        w[2], w[1] + w[2], w[0] + w[1], w[0]:

    w flipped and convolved with (1, 1). In two dimensions 4 x 4 weights
    meet each small pixel, 4 each large one, where the plain way has 9:
    2.25 times fewer multiplications, and exactly the same sums.
    """
    if x.ndim != 4 or w.shape[:3] != (3, 3, x.shape[-1]):
        raise ValueError(
            f"upsample_conv2d of shapes {x.shape}, {w.shape}: images must be "
            "N H W C and filters 3 x 3 x C x O")
    flip = slice(None, None, -1)
    w4 = transpose(index(w, at=(flip, flip)), axes=(0, 1, 3, 2))
    for axis in (0, 1):
        first = [(0, 0)] * 4
        second = [(0, 0)] * 4
        first[axis], second[axis] = (0, 1), (1, 0)
        w4 = pad(w4, widths=tuple(first)) + pad(w4, widths=tuple(second))
    h, v = x.shape[1:3]
    return conv_transpose2d(x, w4, hw=(2 * h, 2 * v), stride=2, pad=1)


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
