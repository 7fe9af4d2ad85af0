"""The shapes of convolutions and pools, and what is wrong with bad ones."""
import functools

import numpy as np

IMAGES = {(4, np.dtype("float32")), (4, np.dtype("float64"))}


@functools.lru_cache(maxsize=1000)
def output_size(hw, window, stride, pad=0):
    """Ho = (H + 2 pad - kh) // stride + 1, and the same for the width."""
    if stride < 1 or pad < 0 or min(window) < 1:
        raise ValueError(f"window and stride must be at least 1 and pad at "
                         f"least 0, got a {window[0]}x{window[1]} window, "
                         f"stride={stride}, pad={pad}")
    size = tuple((n + 2 * pad - k) // stride + 1 for n, k in zip(hw, window))
    if min(size) < 1:
        raise ValueError(f"a {window[0]}x{window[1]} window does not fit into "
                         f"a {hw[0]}x{hw[1]} image with pad={pad}")
    return size


def check_equal(what, got, expected):
    """Raise unless two numbers or shapes are the same."""
    if got != expected:
        raise ValueError(f"{what} is {got}, expected {expected}")


def check_arrays(**arrays):
    """Raise unless all are float arrays of 4 axes and of one dtype."""
    kinds = {(array.ndim, array.dtype) for array in arrays.values()}
    if len(kinds) == 1 and kinds <= IMAGES:
        return
    for name, array in arrays.items():
        if array.ndim != 4:
            raise ValueError(f"{name} must have 4 axes, "
                             f"got shape {array.shape}")
        if array.dtype.str[1:] not in ("f4", "f8"):
            raise TypeError(f"{name} must be float32 or float64, "
                            f"got {array.dtype}")
    if len({array.dtype for array in arrays.values()}) > 1:
        raise TypeError("the dtypes differ: " + ", ".join(
            f"{name} is {array.dtype}" for name, array in arrays.items()))


def check_conv2d(x, w, stride, pad):
    """(ho, wo) for conv2d(x, w), or an error that says what is wrong."""
    check_arrays(x=x, w=w)
    check_equal("the filter's number of input channels", w.shape[2],
                x.shape[3])
    return output_size(x.shape[1:3], w.shape[:2], stride, pad)


def check_transpose(g, w, hw, stride, pad):
    """Raise unless g [n, ho, wo, o] is of the size conv2d(x [n, *hw, c]) is.
    """
    check_arrays(g=g, w=w)
    check_equal("the filter's number of output channels", w.shape[3],
                g.shape[3])
    check_equal("the size of g", g.shape[1:3],
                output_size(hw, w.shape[:2], stride, pad))


def check_filter_grad(x, g, hw, stride, pad):
    """Raise unless g is of the size that a filter of hw makes of x."""
    check_arrays(x=x, g=g)
    check_equal("the shape of g without channels", g.shape[:3],
                (len(x), *output_size(x.shape[1:3], hw, stride, pad)))


def check_upsample(x=None, w=None, g=None):
    """Raise unless w is [3, 3, c, o], and the images fit: x [n, h, v, c], g
    [n, 2h, 2v, o]."""
    given = {"x": x, "w": w, "g": g}
    check_arrays(**{name: a for name, a in given.items() if a is not None})
    if w is not None:
        check_equal("the size of the filter", w.shape[:2], (3, 3))
    if x is not None and w is not None:
        check_equal("the filter's number of input channels", w.shape[2],
                    x.shape[3])
    if g is not None and w is not None:
        check_equal("the filter's number of output channels", w.shape[3],
                    g.shape[3])
    if g is not None and (g.shape[1] % 2 or g.shape[2] % 2):
        raise ValueError(f"the sides of g must be even, got {g.shape[1:3]}")
    if x is not None and g is not None:
        check_equal("the shape of g without channels", g.shape[:3],
                    (len(x), 2 * x.shape[1], 2 * x.shape[2]))
    if 0 in (g if x is None else x).shape[1:3]:
        raise ValueError("an image has no pixels")


def check_bias(b, y):
    """b, or zeros if there is none: one number a channel of y."""
    if b is None:
        return np.zeros(y.shape[3], y.dtype)
    check_equal("the shape of the bias", b.shape, y.shape[3:])
    check_equal("the dtype of the bias", b.dtype, y.dtype)
    return np.ascontiguousarray(b)


def check_pool(x, size, stride):
    """(ho, wo) for a pool over x, or an error that says what is wrong."""
    check_arrays(x=x)
    return output_size(x.shape[1:3], (size, size), stride)


def check_index(index, n, hw, c):
    """Raise unless index [n, ., ., c] names pixels of images of hw."""
    check_equal("the shape of the index without sides",
                (index.ndim, len(index), index.shape[-1]), (4, n, c))
    if index.size and not (0 <= index.min() <= index.max() < hw[0] * hw[1]):
        raise IndexError(f"a pixel's number must be in 0..{hw[0] * hw[1] - 1},"
                         f" got {index.min()}..{index.max()}")


def check_spread(g, hw, size, stride):
    """Raise unless g is of the size that the pool makes of hw."""
    check_arrays(g=g)
    check_equal("the size of g", g.shape[1:3],
                output_size(hw, (size, size), stride))
