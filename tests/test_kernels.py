"""The kernels: compiled equal to plain, both equal to loops written out."""
import os
import subprocess
import sys
import threading
from itertools import product

import numpy as np
import pytest

from tinygen.engine import kernels
from tinygen.engine.kernels import (
    convolution,
    elementwise,
    norms,
    plain,
    pooling,
    products,
    threads,
    upsampling,
    winograd,
)
from tinygen.engine.kernels.sizes import output_size

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE)

# n, h, w, c, o, kh, kw, stride, pad: batch 1, one channel, odd sizes, even
# filters, more padding than filter, windows that leave rows unread
SHAPES = [
    (2, 5, 6, 2, 3, 3, 3, 1, 1), (1, 7, 7, 1, 1, 3, 3, 2, 1),
    (1, 9, 8, 3, 2, 4, 4, 2, 1), (2, 5, 4, 1, 4, 2, 3, 3, 0),
    (1, 6, 11, 2, 5, 3, 2, 3, 2), (3, 4, 4, 5, 1, 1, 1, 1, 0),
    (1, 4, 5, 2, 2, 1, 1, 3, 1), (2, 3, 3, 3, 2, 2, 2, 1, 3),
    (2, 8, 7, 4, 3, 5, 3, 1, 2), (1, 5, 5, 2, 7, 5, 5, 2, 2)]


def numbers(rng, *shape, dtype=np.float64):
    return rng.normal(size=shape).astype(dtype)


def assert_close(got, expected):
    """Equal shape and dtype, and max |a - b| within the dtype's tolerance."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert got.flags.c_contiguous
    tolerance = TOLERANCE[got.dtype.type]
    assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()


def conv_loops(x, w, stride, pad):
    """conv2d as its formula says, one multiplication at a time."""
    (n, h, wid, c), (kh, kw, _, o) = x.shape, w.shape
    ho = (h + 2 * pad - kh) // stride + 1
    wo = (wid + 2 * pad - kw) // stride + 1
    y = np.zeros((n, ho, wo, o), x.dtype)
    for b, i, j, p, u, v, q in product(*map(range, (*y.shape, kh, kw, c))):
        a, e = i * stride + u - pad, j * stride + v - pad
        if 0 <= a < h and 0 <= e < wid:
            y[b, i, j, p] += x[b, a, e, q] * w[u, v, q, p]
    return y


def conv_case(shape, rng, dtype=np.float64):
    n, h, w, c, o, kh, kw, stride, pad = shape
    ho, wo = output_size((h, w), (kh, kw), stride, pad)
    return (numbers(rng, n, h, w, c, dtype=dtype),
            numbers(rng, kh, kw, c, o, dtype=dtype),
            numbers(rng, n, ho, wo, o, dtype=dtype), stride, pad)


# --- convolution -----------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", [plain, convolution])
def test_conv2d_is_seven_loops(path, shape):
    x, w, _, stride, pad = conv_case(shape, np.random.default_rng(0))
    assert_close(path.conv2d(x, w, stride, pad), conv_loops(x, w, stride, pad))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", [plain, convolution])
def test_conv_adjoints(path, shape):
    """<conv2d(x, w), g> = <x, conv_transpose2d> = <w, conv2d_filter_grad>."""
    x, w, g, stride, pad = conv_case(shape, np.random.default_rng(1))
    expected = np.vdot(conv_loops(x, w, stride, pad), g)
    dx = path.conv_transpose2d(g, w, x.shape[1:3], stride, pad)
    dw = path.conv2d_filter_grad(x, g, w.shape[:2], stride, pad)
    assert np.vdot(dx, x) == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert np.vdot(dw, w) == pytest.approx(expected, rel=1e-10, abs=1e-10)


WINOGRAD = [
    (1, 8, 8, 32, 32), (2, 7, 9, 32, 33), (1, 1, 1, 1, 1), (3, 1, 6, 70, 130),
    (1, 3, 150, 2, 5), (9, 17, 3, 128, 3), (20, 14, 14, 4, 3), (0, 4, 4, 2, 3)]


@DTYPES
@pytest.mark.parametrize("n, h, v, c, o", WINOGRAD)
def test_winograd_equals_plain(dtype, n, h, v, c, o):
    """Tiles that stick out, several channels a task, several slices."""
    rng = np.random.default_rng(16)
    x, g = numbers(rng, n, h, v, c), numbers(rng, n, h, v, o)
    w, b = numbers(rng, 3, 3, c, o), numbers(rng, o)
    for name, arguments in (("conv2d", (x, w, b)), ("conv2d", (x, w)),
                            ("conv_transpose2d", (g, w)),
                            ("conv2d_filter_grad", (x, g))):
        want = {"conv2d": lambda x, w, *b: plain.conv2d(x, w, 1, 1, *b),
                "conv_transpose2d": lambda g, w: plain.conv_transpose2d(
                    g, w, (h, v), 1, 1),
                "conv2d_filter_grad": lambda x, g: plain.conv2d_filter_grad(
                    x, g, (3, 3), 1, 1)}[name](*arguments)
        got = getattr(winograd, name)(*(a.astype(dtype) for a in arguments))
        if n:
            assert_close(got, want.astype(dtype))
        assert got.shape == want.shape and got.dtype == dtype


def test_winograd_takes_non_contiguous_images_and_filters():
    x, w, g, _, _ = conv_case((2, 9, 8, 40, 36, 3, 3, 1, 1),
                              np.random.default_rng(17))
    assert winograd.pays(x.shape, 36, (3, 3), 1, 1)
    x2, g2 = np.asfortranarray(x), np.repeat(g, 2, axis=3)[..., ::2]
    w2 = np.ascontiguousarray(w[::-1, :, ::-1])[::-1, :, ::-1]
    assert_close(convolution.conv2d(x2, w2, 1, 1), plain.conv2d(x, w, 1, 1))
    assert_close(convolution.conv_transpose2d(g2, w2, (9, 8), 1, 1),
                 plain.conv_transpose2d(g, w, (9, 8), 1, 1))
    assert_close(convolution.conv2d_filter_grad(x2, g2, (3, 3), 1, 1),
                 plain.conv2d_filter_grad(x, g, (3, 3), 1, 1))


def random_shapes(count):
    rng = np.random.default_rng(2)
    while count:
        n, c, o = rng.integers(1, 4), *rng.integers(1, 40, 2)
        h, w, kh, kw = *rng.integers(1, 15, 2), *rng.integers(1, 6, 2)
        stride, pad = rng.integers(1, 4), rng.integers(0, 4)
        if h + 2 * pad >= kh and w + 2 * pad >= kw:
            count -= 1
            yield tuple(map(int, (n, h, w, c, o, kh, kw, stride, pad)))


@DTYPES
def test_compiled_convolutions_equal_plain(dtype):
    large = [(2, 14, 14, 70, 50, 4, 4, 2, 1), (8, 28, 28, 3, 20, 3, 3, 2, 1),
             (8, 28, 28, 20, 3, 3, 3, 1, 1), (1, 5, 5, 600, 8, 3, 3, 1, 1)]
    for k, shape in enumerate([*SHAPES, *random_shapes(40), *large]):
        rng = np.random.default_rng(k)
        x, w, g, stride, pad = conv_case(shape, rng, dtype)
        size, window = x.shape[1:3], w.shape[:2]
        for name, arguments in (
                ("conv2d", (x, w, stride, pad)),
                ("conv_transpose2d", (g, w, size, stride, pad)),
                ("conv2d_filter_grad", (x, g, window, stride, pad))):
            assert_close(getattr(convolution, name)(*arguments),
                         getattr(plain, name)(*arguments))


@pytest.mark.parametrize("path", [plain, convolution])
def test_non_contiguous_images_and_filters(path):
    x, w, g, _, _ = conv_case((2, 9, 8, 4, 6, 3, 3, 1, 1),
                              np.random.default_rng(3), np.float32)
    x2 = np.asfortranarray(x)
    w2 = np.ascontiguousarray(w[::-1, :, ::-1])[::-1, :, ::-1]
    g2 = np.repeat(g, 2, axis=3)[..., ::2]
    assert_close(path.conv2d(x2, w2, 1, 1), path.conv2d(x, w, 1, 1))
    assert_close(path.conv_transpose2d(g2, w2, (9, 8), 1, 1),
                 path.conv_transpose2d(g, w, (9, 8), 1, 1))
    assert_close(path.conv2d_filter_grad(x2, g2, (3, 3), 1, 1),
                 path.conv2d_filter_grad(x, g, (3, 3), 1, 1))


@pytest.mark.parametrize("path", [plain, convolution])
def test_a_batch_of_no_images(path):
    x, w, g = np.ones((0, 5, 5, 2)), np.ones((3, 3, 2, 4)), np.ones(
        (0, 3, 3, 4))
    assert path.conv2d(x, w, 1, 0).shape == (0, 3, 3, 4)
    assert path.conv_transpose2d(g, w, (5, 5), 1, 0).shape == x.shape
    dw = path.conv2d_filter_grad(x, g, (3, 3), 1, 0)
    assert np.array_equal(dw, 0 * w)
    path = upsampling if path is convolution else plain
    assert path.upsample_conv2d(x, w).shape == (0, 10, 10, 4)
    assert path.upsample_conv2d_adjoint(g[:, :2, :2], w).shape == (0, 1, 1, 2)
    dw = path.upsample_conv2d_filter_grad(x[:, :1, :1], g[:, :2, :2])
    assert np.array_equal(dw, 0 * w)


def test_nan_passes_through():
    x, w, _, _, _ = conv_case(SHAPES[0], np.random.default_rng(4), np.float32)
    x[0, 2, 3, 1] = np.nan
    bad = np.isnan(convolution.conv2d(x, w, 1, 1))
    assert bad[0, 1:4, 2:5].all() and bad.sum() == 9 * w.shape[3]


@DTYPES
def test_upsampling_and_convolution_equal_plain(dtype):
    """Images of a tile, of several, and lines of one image."""
    rng = np.random.default_rng(5)
    for n, h, v, c, o in [(2, 3, 5, 2, 4), (1, 1, 1, 1, 1), (3, 7, 6, 3, 5),
                          (1, 20, 17, 4, 3), (40, 7, 7, 2, 2),
                          (1, 40, 40, 3, 2), (9, 14, 14, 5, 1)]:
        x, g = numbers(rng, n, h, v, c), numbers(rng, n, 2 * h, 2 * v, o)
        w, b = numbers(rng, 3, 3, c, o), numbers(rng, o)
        x, g, w, b = (a.astype(dtype) for a in (x, g, w, b))
        for name, arguments in (("upsample_conv2d", (x, w)),
                                ("upsample_conv2d", (x, w, b)),
                                ("upsample_conv2d_adjoint", (g, w)),
                                ("upsample_conv2d_filter_grad", (x, g))):
            assert_close(getattr(upsampling, name)(*arguments),
                         getattr(plain, name)(*arguments))


@DTYPES
def test_convolutions_add_a_bias(dtype):
    rng = np.random.default_rng(6)
    x, w, g, stride, pad = conv_case(SHAPES[2], rng, dtype)
    for name, arguments, o in (
            ("conv2d", (x, w, stride, pad), w.shape[3]),
            ("conv_transpose2d", (g, w, x.shape[1:3], stride, pad),
             w.shape[2])):
        b = numbers(rng, o, dtype=dtype)
        for path in (plain, convolution):
            conv = getattr(path, name)
            assert_close(conv(*arguments, b), conv(*arguments) + b)
            with pytest.raises(ValueError, match="the shape of the bias"):
                conv(*arguments, b[1:])


@DTYPES
@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[2], SHAPES[4]])
def test_convolutions_like_torch(dtype, shape, require):
    torch = require("torch")
    x, w, g, stride, pad = conv_case(shape, np.random.default_rng(6), dtype)
    tx = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    tw = torch.tensor(w.transpose(3, 2, 0, 1), requires_grad=True)
    ty = torch.conv2d(tx, tw, None, stride, pad)
    ty.backward(torch.tensor(g.transpose(0, 3, 1, 2)))
    y, dx, dw = (t.detach().numpy() for t in (ty, tx.grad, tw.grad))
    nhwc, hwio = (0, 2, 3, 1), (2, 3, 1, 0)
    size, window = x.shape[1:3], w.shape[:2]
    assert_close(convolution.conv2d(x, w, stride, pad), y.transpose(nhwc))
    assert_close(convolution.conv_transpose2d(g, w, size, stride, pad),
                 dx.transpose(nhwc))
    assert_close(convolution.conv2d_filter_grad(x, g, window, stride, pad),
                 dw.transpose(hwio))


@pytest.mark.parametrize("path", [plain, convolution])
def test_bad_arguments_are_named(path):
    x, w = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 5))
    y = path.conv2d(x, w, 1, 0)
    with pytest.raises(ValueError, match="input channels is 2, expected 3"):
        path.conv2d(np.ones((1, 4, 4, 3)), w, 1, 0)
    with pytest.raises(ValueError, match="x must have 4 axes"):
        path.conv2d(x[0], w, 1, 0)
    with pytest.raises(TypeError, match="x is float32, w is float64"):
        path.conv2d(x.astype(np.float32), w, 1, 0)
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        path.conv2d(x.astype(int), w, 1, 0)
    with pytest.raises(ValueError, match="3x3 window does not fit"):
        path.conv2d(x[:, :2], w, 1, 0)
    with pytest.raises(ValueError, match="stride must be at least 1"):
        path.conv2d(x, w, 0, 0)
    with pytest.raises(ValueError, match="size of g is"):
        path.conv_transpose2d(y, w, (9, 9), 1, 0)
    with pytest.raises(ValueError, match="shape of g"):
        path.conv2d_filter_grad(x, y, (2, 2), 1, 0)


# --- upsampling and pooling ------------------------------------------------

@pytest.mark.parametrize("path", [plain, pooling])
def test_bad_pools_are_named(path):
    x = np.ones((1, 4, 4, 2))
    with pytest.raises(ValueError, match="x must have 4 axes"):
        path.max_pool2d_argmax(x[0], 2, 2)
    with pytest.raises(ValueError, match="x must have 4 axes"):
        path.avg_pool2d(x[0], 2, 2)
    with pytest.raises(ValueError, match="5x5 window does not fit"):
        path.avg_pool2d(x, 5, 2)
    with pytest.raises(ValueError, match="size of g is"):
        path.avg_pool2d_adjoint(x, (4, 4), 2, 2)


@DTYPES
def test_upsampling(dtype):
    rng = np.random.default_rng(7)
    for n, h, w, c in [(1, 1, 1, 1), (2, 3, 5, 4), (9, 14, 14, 16)]:
        x = numbers(rng, n, h, w, c, dtype=dtype)
        g = numbers(rng, n, 2 * h, 2 * w, c, dtype=dtype)
        for path in (plain, pooling):
            i, j = np.arange(2 * h)[:, None] // 2, np.arange(2 * w) // 2
            assert_close(path.upsample2d(x), x[:, i, j])
            sums = g.reshape(n, h, 2, w, 2, c).sum(axis=(2, 4))
            assert_close(path.upsample2d_adjoint(g), sums)


@DTYPES
@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (2, 3), (3, 1)])
def test_average_pooling(dtype, size, stride):
    rng = np.random.default_rng(8)
    for n, h, w, c in [(1, 5, 7, 1), (2, 6, 4, 3), (9, 14, 14, 16)]:
        x = numbers(rng, n, h, w, c, dtype=dtype)
        ho, wo = output_size((h, w), (size, size), stride)
        mean = np.empty((n, ho, wo, c), dtype)
        for i, j in product(range(ho), range(wo)):
            a, b = i * stride, j * stride
            mean[:, i, j] = x[:, a:a + size, b:b + size].mean(axis=(1, 2))
        g = numbers(rng, *mean.shape, dtype=dtype)
        dx = plain.avg_pool2d_adjoint(g, (h, w), size, stride)
        assert np.vdot(dx, x) == pytest.approx(np.vdot(g, mean), rel=1e-3)
        assert_close(pooling.avg_pool2d_adjoint(g, (h, w), size, stride), dx)
        for path in (plain, pooling):
            assert_close(path.avg_pool2d(x, size, stride), mean)


@DTYPES
@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (2, 3), (3, 1)])
def test_max_pooling(dtype, size, stride):
    """Ties and NaN come up often in small integers with holes."""
    rng = np.random.default_rng(9)
    for n, h, w, c in [(1, 5, 7, 1), (2, 6, 4, 3), (9, 14, 14, 16)]:
        x = rng.integers(0, 4, (n, h, w, c)).astype(dtype)
        x[rng.random(x.shape) < 0.1] = np.nan
        index = plain.max_pool2d_argmax(x, size, stride)
        assert index.dtype == np.int64
        for b, i, j, k in product(*map(range, index.shape[:3]), [0]):
            a, e = i * stride, j * stride
            window = x[b, a:a + size, e:e + size, k]
            u, v = np.unravel_index(window.argmax(), window.shape)
            assert index[b, i, j, k] == (a + u) * w + e + v
        compiled = pooling.max_pool2d_argmax(x, size, stride)
        assert np.array_equal(compiled, index)
        assert compiled.dtype == np.int64

        x = numbers(rng, n, h, w, c, dtype=dtype)
        g = numbers(rng, *index.shape, dtype=dtype)
        y = plain.gather_hw(x, index)
        dx = plain.scatter_hw(g, index, (h, w))
        assert np.vdot(y, g) == pytest.approx(np.vdot(x, dx), rel=1e-3)
        assert_close(pooling.gather_hw(x, index), y)
        assert_close(pooling.scatter_hw(g, index, (h, w)), dx)


# --- normalisation and activation ------------------------------------------

NORMS = pytest.mark.parametrize("shape, axes", [
    ((2, 5, 4, 3), (0, 1, 2)), ((2, 5, 4, 3), (1, 2)), ((3, 4, 2, 5), (3,)),
    ((3, 4, 2, 5), (1, 2, 3)), ((3, 4, 2, 5), (0, 2)), ((7, 3), (0,)),
    ((4, 6), (1,)), ((40, 13, 11, 6), (0, 1, 2)), ((3, 20, 19, 30), (1, 2)),
    ((3, 20, 19, 30), (-3, -2, -1)), ((1, 1, 1, 4), (0, 1, 2)),
    ((4, 3, 37, 1), (0, 1, 2)), ((2, 16, 16, 40), (1, 2)), ((5,), (0,)),
    ((2, 9, 9, 8), (0, 1, 2, 3)), ((3, 33, 41, 130), (1, 2))])


@DTYPES
@NORMS
def test_sums_and_moments(dtype, shape, axes):
    rng = np.random.default_rng(10)
    x, g = (numbers(rng, *shape, dtype=dtype) * 3 + 5 for _ in "xg")
    turned = np.asfortranarray(x)
    exact, g64 = x.astype(np.float64), g.astype(np.float64)
    mean, var = exact.mean(axes, keepdims=True), exact.var(axes, keepdims=True)
    products = np.stack([g64.sum(axes, keepdims=True),
                         (g64 * (exact - mean)).sum(axes, keepdims=True)])
    for path, a in product((plain, norms), (x, turned)):
        for y, want in zip([path.sum_over(a, axes), *path.moments(a, axes)],
                           [exact.sum(axes, keepdims=True), mean, var]):
            assert_close(np.ascontiguousarray(y), want.astype(dtype))
        y = path.product_sums(g, a, mean.astype(dtype), axes)
        # Its terms are of both signs, and nearly cancel.
        assert np.abs(y - products).max() <= TOLERANCE[dtype] * np.abs(
            products[0]).max()
        assert y.dtype == dtype and y.shape == products.shape


@DTYPES
@NORMS
def test_combinations(dtype, shape, axes):
    rng = np.random.default_rng(11)
    p, q = (numbers(rng, *shape, dtype=dtype) for _ in "pq")
    group = p.sum(axes, keepdims=True).shape
    centre, slope = (numbers(rng, *group, dtype=dtype) for _ in "cs")
    for scale, shift in [(0, 0), (slope, centre)]:
        y = norms.combine(p, q, centre, scale, slope, shift, axes)
        assert_close(y, plain.combine(p, q, centre, scale, slope, shift,
                                      axes))
        assert np.array_equal(y, norms.combine(
            np.asfortranarray(p), np.asfortranarray(q), centre, scale,
            slope, shift, axes))


def test_sums_of_nothing_and_of_infinities():
    for path in (plain, norms):
        assert path.sum_over(np.ones((0, 3)), (0,)).tolist() == [[0, 0, 0]]
        x = np.ones((300, 3))
        x[7, 0], x[8, 1], x[9, 1] = np.nan, np.inf, -np.inf
        x[9, 2] = np.inf
        with np.errstate(invalid="ignore"):
            total = path.sum_over(x, (0,))[0]
            mean, var = path.moments(x, (0,))
        assert np.isnan(total[:2]).all() and total[2] == np.inf
        assert np.isnan(mean[0, :2]).all() and np.isnan(var).all()


def test_a_long_sum_does_not_round_its_end_away():
    """2^24 + 1 is 2^24 in float32, and so is every sum of ones from there."""
    x = np.ones((1 << 25, 1), np.float32)
    assert norms.sum_over(x, (0,)).item() == 1 << 25


@DTYPES
@pytest.mark.parametrize("slope", [0.2, 0])
@pytest.mark.parametrize("path", [plain, elementwise])
def test_leaky_relu(dtype, slope, path):
    x = numbers(np.random.default_rng(12), 5, 41, 29, 7, dtype=dtype)
    x[0, 0, :4, 0] = [0, np.inf, -np.inf, np.nan]
    g = np.arange(x.size, dtype=dtype).reshape(x.shape)
    y, dx = path.leaky_relu(x, slope), path.leaky_relu_grad(g, x, slope)
    for a, b, value in zip(x.flat[::11], g.flat[::11], zip(y.flat[::11],
                                                          dx.flat[::11])):
        scale = 1 if a > 0 else dtype(slope)
        assert value == (a * scale, b * scale)
    limits = y[0, 0, :4, 0]
    assert limits[0] == 0 and limits[1] == np.inf and np.isnan(limits[3])
    assert limits[2] == (0 if slope == 0 else -np.inf)
    assert y.dtype == dx.dtype == dtype
    assert np.array_equal(path.leaky_relu(x.T, slope), y.T, equal_nan=True)
    g = np.full(4, np.inf, dtype)
    dx = path.leaky_relu_grad(g, np.array([1, -1, np.inf, -np.inf], dtype),
                              slope)
    low = 0 if slope == 0 else np.inf
    assert dx.tolist() == [np.inf, low, np.inf, low]


@DTYPES
@pytest.mark.parametrize("m, k, n", [
    (1, 1, 1), (3, 1, 5), (32, 100, 3000), (3000, 100, 31), (33, 9000, 40),
    (257, 129, 255), (0, 3, 2)])
def test_products(dtype, m, k, n):
    rng = np.random.default_rng(16)
    a, b = numbers(rng, m, k, dtype=dtype), numbers(rng, k, n, dtype=dtype)
    want = a.astype(np.float64) @ b.astype(np.float64)
    for path, left, right in product(
            (plain, products), (a, np.asfortranarray(a)),
            (b, np.asfortranarray(b))):
        y = path.matmul(left, right)
        assert y.dtype == dtype and y.shape == want.shape
        assert np.abs(y - want).max(initial=0) <= TOLERANCE[dtype] * np.abs(
            want).max(initial=1)
    many = numbers(rng, 2, 5, m, dtype=dtype)
    assert np.array_equal(products.matmul(many, a), many @ a)


# --- updates ---------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("path", [plain, elementwise])
def test_adam_like_torch(dtype, decay, path, require):
    torch = require("torch")
    rng = np.random.default_rng(13)
    p = numbers(rng, 50, 1000, dtype=dtype)
    m, v = np.zeros_like(p), np.zeros_like(p)
    tp = torch.tensor(p, requires_grad=True)
    optimizer = torch.optim.AdamW([tp], lr=0.01, betas=(0.5, 0.999),
                                  eps=1e-8, weight_decay=decay)
    for t in range(1, 4):
        g = numbers(rng, *p.shape, dtype=dtype)
        path.adam_update([p], [g], [m], [v], 0.01, 0.5, 0.999, 1e-8, t,
                         decay)
        tp.grad = torch.tensor(g)
        optimizer.step()
    assert_close(p, tp.detach().numpy())


@DTYPES
@pytest.mark.parametrize("turn", [False, True])
def test_updates_equal_plain(dtype, turn):
    """Also in place when the arrays are transposed views."""
    rng = np.random.default_rng(14)
    shapes = [(30, 700), (5,), (), (0, 3), (2, 3, 4), (90, 400)]
    arrays = [[np.asarray(np.abs(rng.normal(size=shape)), dtype)
               for shape in shapes] for _ in range(4)]
    both = [[[a.copy().T if turn else a.copy() for a in same]
             for same in arrays] for _ in range(2)]
    for path, (p, g, m, v) in zip((plain, elementwise), both):
        path.adam_update(p, g, m, v, 0.1, 0.9, 0.99, 1e-8, 3, 0.01)
        path.sgd_update(p, g, m, 0.1, 0.9)
    for first, second in zip(*both):
        for a, b in zip(first, second):
            assert np.abs(a - b).max(initial=0) <= TOLERANCE[
                dtype] * np.abs(a).max(initial=0)


# --- processes and threads -------------------------------------------------

def python(code, **environment):
    """Run code in a new process; its standard output and error."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        timeout=120, env={**os.environ, **environment})
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


def test_plain_path_does_not_import_numba():
    python("import sys; from tinygen.engine import kernels; "
           "assert kernels.PATH == 'plain' and 'numba' not in sys.modules; "
           "kernels.warmup()", TINYGEN_KERNELS="plain")


def test_an_unknown_path_is_refused():
    code = """
try:
    import tinygen.engine.kernels
except ValueError as error:
    print(error)"""
    out, _ = python(code, TINYGEN_KERNELS="cuda")
    assert out == "TINYGEN_KERNELS is 'cuda'; it must be 'plain' or 'numba'\n"


def test_without_numba_one_warning_and_the_plain_path():
    code = """
import sys, warnings
sys.modules["numba"] = None
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from tinygen.engine import kernels
assert kernels.PATH == "plain" and kernels.conv2d.__module__.endswith("plain")
print(*(w.message for w in caught if "umba" in str(w.message)), sep="\\n")"""
    out, _ = python(code, TINYGEN_KERNELS="numba")
    assert out.startswith("Numba cannot be imported") and out.count("\n") == 1


COMPILE_ONE = """
import numpy as np
from tinygen.engine.kernels import elementwise
p, g, m = np.ones((3, 1, 10))
elementwise.sgd_update(p, g, m, 0.1, 0.0)
elementwise.sgd_update(p, g, m, 0.1, 0.0)
assert abs(p[0, 0] - 0.8) < 1e-12"""


def test_compiling_is_announced_once_and_cached(tmp_path):
    _, first = python(COMPILE_ONE, NUMBA_CACHE_DIR=str(tmp_path))
    _, second = python(COMPILE_ONE, NUMBA_CACHE_DIR=str(tmp_path))
    assert (first, second) == ("compiling the kernels, once\n", "")


def test_no_writable_cache_folder():
    code = """
from numba.core import caching
caching.CacheImpl._locator_classes = []""" + COMPILE_ONE
    assert python(code)[1] == "compiling the kernels, once\n"


def test_threads_do_not_change_results():
    code = """
import numpy as np
from tinygen.engine import kernels
rng = np.random.default_rng(0)
x, w = rng.normal(size=(4, 17, 15, 9)), rng.normal(size=(3, 3, 9, 10))
y = kernels.conv2d(x, w, 1, 1)
dw = kernels.conv2d_filter_grad(x, y, (3, 3), 1, 1)
print(repr((y.sum(), (y * y).sum(), dw.sum(), (dw * dw).sum())))"""
    outs = {python(code, TINYGEN_THREADS=str(n))[0] for n in (1, 2, 3)}
    assert len(outs) == 1


@pytest.mark.parametrize("wish", ["0", "two", ""])
def test_threads_must_be_a_positive_number(monkeypatch, wish):
    monkeypatch.setenv("TINYGEN_THREADS", wish)
    with pytest.raises(ValueError, match=f"^TINYGEN_THREADS is {wish!r}; "):
        threads.count_threads()


def test_two_threads_at_once():
    x, w, _, stride, pad = conv_case((4, 20, 20, 16, 16, 3, 3, 1, 1),
                                     np.random.default_rng(15), np.float32)
    expected = plain.conv2d(x, w, stride, pad)
    wrong = []

    def work():
        for _ in range(20):
            y = convolution.conv2d(x, w, stride, pad)
            if np.abs(y - expected).max() > 1e-4:
                wrong.append(y)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert not wrong and not any(worker.is_alive() for worker in workers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_after_use():
    code = """
import os, warnings
import numpy as np
from tinygen.engine import kernels
warnings.simplefilter("ignore", DeprecationWarning)
x, w = np.ones((2, 20, 20, 8)), np.ones((3, 3, 8, 8))
kernels.conv2d(x, w, 1, 0)
child = os.fork()
y = kernels.conv2d(x, w, 1, 0)
assert (y == 72).all()
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)"""
    python(code, TINYGEN_THREADS="2")


def test_the_variance_survives_a_far_outlier():
    """One pixel at 1000 among 0.1: the sums must not round in float32."""
    x = np.full((1, 160, 160, 1), 0.1, np.float32)
    x[0, 0, 0, 0] = 1000
    _, var = norms.moments(x, (0, 1, 2))
    want = x.astype(np.float64).var()
    assert abs(var.item() - want) <= 1e-5 * want


@pytest.mark.parametrize("path", [plain, pooling])
def test_pixels_that_are_not_there_are_refused(path):
    """The compiled kernel read and wrote beyond the image."""
    x = np.ones((1, 2, 2, 1))
    for k in (4, -1, 10**9):
        index = np.full((1, 1, 1, 1), k)
        with pytest.raises(IndexError, match=rf"in 0\.\.3, got {k}"):
            path.gather_hw(x, index)
        with pytest.raises(IndexError, match=r"in 0\.\.3"):
            path.scatter_hw(np.ones((1, 1, 1, 1)), index, (2, 2))
    with pytest.raises(ValueError, match="index.*expected"):
        path.gather_hw(x, np.zeros((3, 1, 1, 4), np.int64))
    none = np.zeros((0, 1, 1, 2), np.int64)
    assert path.gather_hw(np.ones((0, 2, 2, 2)), none).shape == none.shape
    assert path.scatter_hw(np.ones(none.shape), none, (2, 2)).shape == (
        0, 2, 2, 2)


@pytest.mark.parametrize("conv, pool", [(plain, plain),
                                        (convolution, pooling)])
def test_windows_of_no_pixels_are_refused(conv, pool):
    x = np.ones((1, 4, 4, 2))
    for f in (lambda: pool.avg_pool2d(x, 0, 1),
              lambda: pool.max_pool2d_argmax(x, 0, 1),
              lambda: conv.conv2d(x, np.ones((0, 3, 2, 1)), 1, 0)):
        with pytest.raises(ValueError, match="window.*at least 1"):
            f()


@pytest.mark.parametrize("path", [plain, kernels])
def test_no_channels(path):
    """A sum over none is 0: the compiled path divided by their number, and
    BLAS complained."""
    x, w = np.ones((1, 4, 4, 0)), np.ones((3, 3, 0, 2))
    assert (path.conv2d(x, w, 1, 1, np.arange(2.0)) == [0, 1]).all()
    assert path.conv_transpose2d(np.ones((1, 4, 4, 2)), w, (4, 4), 1,
                                 1).shape == x.shape
    w = np.ones((3, 3, 2, 0))
    assert (path.conv_transpose2d(x, w, (4, 4), 1, 1) == 0).all()
    assert path.conv2d_filter_grad(x, np.ones((1, 4, 4, 2)), (3, 3), 1,
                                   1).shape == (3, 3, 0, 2)
    assert path.upsample_conv2d(np.ones((0, 4, 4, 2)), np.ones(
        (3, 3, 2, 3))).shape == (0, 8, 8, 3)
    assert (path.upsample_conv2d_adjoint(np.ones((1, 8, 8, 0)), w) == 0).all()
    with pytest.raises(ValueError, match="no pixels|does not fit"):
        path.upsample_conv2d(np.ones((1, 0, 4, 2)), np.ones((3, 3, 2, 3)))


@pytest.mark.parametrize("path", [plain, norms])
def test_the_moments_of_a_constant_are_itself_and_0(path):
    """1e6 + 0.3 in float32 had a variance of 0.016."""
    for value in (1e6 + 0.3, 0.1, -1e-30, 3e37, 1e-42):
        for shape in ((4, 5, 5, 2), (7, 33, 31, 3), (1, 1, 1, 1)):
            x = np.full(shape, value, np.float32)
            mean, var = path.moments(x, (0, 1, 2))
            assert (mean == x[0, 0, 0]).all() and (var == 0).all()
    with pytest.raises(ValueError, match="nothing to average"):
        path.moments(np.ones((0, 3)), (0,))
    assert path.moments(np.ones((0, 3)), (1,))[0].shape == (0, 1)
