"""Convolutions, upsampling and pooling against loops written out."""

import itertools

import numpy as np
import pytest

import tinygen as tg
from tinygen.engine import kernels
from tinygen.engine.convolution import (
    avg_pool2d_adjoint,
    gather_hw,
    scatter_hw,
    upsample2d_adjoint,
    upsample_conv2d_adjoint,
)

RNG = np.random.default_rng(0)

# n, (h, w), channels in and out, filter sides, stride, pad
SETTINGS = [
    (1, (1, 1), (1, 1), (1, 1), 1, 0), (2, (5, 4), (2, 3), (3, 3), 1, 1),
    (1, (4, 7), (1, 2), (3, 2), 1, 0), (2, (6, 6), (3, 1), (4, 4), 2, 1),
    (1, (7, 5), (2, 2), (3, 3), 2, 1), (3, (5, 5), (1, 1), (5, 5), 1, 2),
    (1, (8, 7), (2, 1), (3, 3), 3, 1), (1, (7, 8), (1, 4), (2, 1), 3, 0),
    (2, (4, 4), (5, 3), (1, 1), 2, 0), (1, (3, 3), (4, 8), (3, 3), 1, 3),
    (1, (6, 3), (8, 5), (3, 3), 2, 2), (4, (2, 9), (3, 3), (2, 5), 2, 2)]


def draw(n, hw, channels, sides, stride, pad):
    out = [(a + 2 * pad - k) // stride + 1
           for a, k in zip(hw, sides, strict=True)]
    return (RNG.standard_normal((n, *hw, channels[0])),
            RNG.standard_normal((*sides, *channels)),
            RNG.standard_normal((n, *out, channels[1])))


def pixels(x, g, w, stride, pad):
    """The (image, i, j, u, v, row, column) that meet inside the image."""
    for n, i, j, u, v in itertools.product(
            range(len(g)), range(g.shape[1]), range(g.shape[2]),
            range(w[0]), range(w[1])):
        row, col = i * stride + u - pad, j * stride + v - pad
        if 0 <= row < x[0] and 0 <= col < x[1]:
            yield n, i, j, u, v, row, col


@pytest.mark.parametrize("setting", SETTINGS)
def test_three_convolutions_are_their_loops(setting):
    x, w, g = draw(*setting)
    stride, pad = setting[-2:]
    y, dx, dw = np.zeros(g.shape), np.zeros(x.shape), np.zeros(w.shape)
    for n, i, j, u, v, row, col in pixels(x.shape[1:3], g, w.shape[:2],
                                          stride, pad):
        y[n, i, j] += x[n, row, col] @ w[u, v]
        dx[n, row, col] += w[u, v] @ g[n, i, j]
        dw[u, v] += np.outer(x[n, row, col], g[n, i, j])
    k = {"stride": stride, "pad": pad}
    close(tg.conv2d(x, w, **k), y)
    close(tg.conv_transpose2d(g, w, hw=x.shape[1:3], **k), dx)
    close(tg.conv2d_filter_grad(x, g, hw=w.shape[:2], **k), dw)


def close(a, b, tol=1e-12):
    np.testing.assert_allclose(a.data, b, rtol=0,
                               atol=tol * np.abs(b).max())


@pytest.mark.parametrize("setting", SETTINGS)
def test_float32_is_within_1e_5_of_float64(setting):
    arrays = draw(*setting)
    k = {"stride": setting[-2], "pad": setting[-1]}
    for f in (lambda x, w, g: tg.conv2d(x, w, **k),
              lambda x, w, g: tg.conv_transpose2d(
                  g, w, hw=x.shape[1:3], **k),
              lambda x, w, g: tg.conv2d_filter_grad(
                  x, g, hw=w.shape[:2], **k)):
        got = f(*[a.astype(np.float32) for a in arrays])
        assert got.dtype == np.float32
        close(got, f(*arrays).data, 1e-5)


@pytest.mark.parametrize("setting", SETTINGS)
def test_adjoint_identities(setting):
    x, w, g = draw(*setting)
    k = {"stride": setting[-2], "pad": setting[-1]}
    tg.check_adjoint(
        lambda x: tg.conv2d(x, w, **k),
        lambda g: tg.conv_transpose2d(g, w, hw=x.shape[1:3], **k), x, g)
    tg.check_adjoint(
        lambda w: tg.conv2d(x, w, **k),
        lambda g: tg.conv2d_filter_grad(x, g, hw=w.shape[:2], **k), w, g)


def test_other_adjoints():
    x, g = RNG.standard_normal((2, 3, 4, 2)), RNG.standard_normal((2, 6, 8, 2))
    tg.check_adjoint(tg.upsample2d, upsample2d_adjoint, x, g)
    for size, stride, out in [(2, 2, (3, 4)), (3, 1, (4, 6)), (2, 3, (2, 3)),
                              (5, 2, (1, 2)), (1, 1, (6, 8))]:
        h = RNG.standard_normal((2, *out, 2))
        tg.check_adjoint(
            lambda x, size=size, stride=stride: tg.avg_pool2d(
                x, size=size, stride=stride),
            lambda h, size=size, stride=stride: avg_pool2d_adjoint(
                h, hw=(6, 8), size=size, stride=stride), g, h)
        at = kernels.max_pool2d_argmax(g, size, stride)
        tg.check_adjoint(
            lambda x, at=at: gather_hw(x, at=at),
            lambda h, at=at: scatter_hw(h, at=at, hw=(6, 8)), g, h)


@pytest.mark.parametrize("setting", [s for s in SETTINGS
                                     if s[3][0] == s[3][1]])
def test_like_torch(setting, require):
    torch = require("torch")
    x, w, g = draw(*setting)
    k = {"stride": setting[-2], "padding": setting[-1]}
    ts = [torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True),
          torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)]
    want = torch.nn.functional.conv2d(*ts, **k)
    wants = torch.autograd.grad(want, ts,
                                torch.tensor(g.transpose(0, 3, 1, 2)))
    xs = [tg.Tensor(x), tg.Tensor(w)]
    got = tg.conv2d(*xs, stride=setting[-2], pad=setting[-1])
    gots = tg.grad(got, xs, g)
    close(got, want.detach().numpy().transpose(0, 2, 3, 1), 1e-10)
    close(gots[0], wants[0].numpy().transpose(0, 2, 3, 1), 1e-10)
    close(gots[1], wants[1].numpy().transpose(2, 3, 1, 0), 1e-10)


# ------------------------------------------------------------- upsampling


@pytest.mark.parametrize("shape, channels", [
    ((1, 1, 1, 1), 1), ((1, 2, 2, 1), 2), ((2, 3, 4, 2), 1),
    ((1, 5, 2, 3), 2), ((3, 1, 4, 2), 3)])
def test_upsample_conv2d_is_the_two_steps(shape, channels):
    """The value, and both gradients to second order."""
    x = tg.Tensor(RNG.standard_normal(shape))
    w = tg.Tensor(RNG.standard_normal((3, 3, shape[3], channels)))
    results = []
    for f in (tg.upsample_conv2d,
              lambda x, w: tg.conv2d(tg.upsample2d(x), w, pad=1)):
        y = f(x, w)
        first = tg.grad((y ** 3).sum(), [x, w], create_graph=True)
        total = (first[0] ** 2).sum() + (first[1] ** 2).sum()
        results.append([y, *first, *tg.grad(total, [x, w])])
    for a, b in zip(*results, strict=True):
        close(a, b.data, 1e-11)


def test_upsample2d_repeats_every_pixel():
    x = np.arange(4.0).reshape(1, 2, 2, 1)
    assert tg.upsample2d(x).data[0, :, :, 0].tolist() == [
        [0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


# ---------------------------------------------------------------- pooling


@pytest.mark.parametrize("hw, size, stride", [
    ((4, 4), 2, 2), ((5, 7), 2, 2), ((5, 4), 3, 1), ((7, 7), 2, 3),
    ((3, 3), 3, 3), ((4, 6), 1, 2)])
def test_pools_are_their_windows(hw, size, stride):
    x = RNG.standard_normal((2, *hw, 3))
    avg = tg.avg_pool2d(x, size=size, stride=stride)
    top = tg.max_pool2d(x, size=size, stride=stride)
    assert avg.shape == top.shape == (
        2, *[(n - size) // stride + 1 for n in hw], 3)
    for i, j in np.ndindex(*avg.shape[1:3]):
        window = x[:, i * stride:i * stride + size,
                   j * stride:j * stride + size]
        np.testing.assert_allclose(avg.data[:, i, j], window.mean((1, 2)))
        np.testing.assert_array_equal(top.data[:, i, j], window.max((1, 2)))


@pytest.mark.parametrize("kind", ["avg_pool2d", "max_pool2d"])
@pytest.mark.parametrize("size, stride", [(2, 2), (3, 1), (3, 2), (2, 3)])
def test_pools_like_torch(kind, size, stride, require):
    torch = require("torch")
    array = RNG.standard_normal((2, 7, 6, 3))
    x, t = tg.Tensor(array), torch.tensor(array, requires_grad=True)
    y = getattr(tg, kind)(x, size=size, stride=stride)
    want = getattr(torch.nn.functional, kind)(
        t.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
    close(y, want.detach().numpy(), 1e-10)
    close(tg.grad((y ** 3).sum(), [x])[0], torch.autograd.grad(
        (want ** 3).sum(), t)[0].numpy(), 1e-10)


def test_max_pool2d_to_second_order():
    x = RNG.permutation(50).reshape(1, 5, 5, 2) / 10
    tg.check_grads(lambda x: tg.max_pool2d(x, size=3, stride=2) ** 3, x)


def test_max_pool2d_gives_the_first_of_equals_the_gradient():
    x = tg.Tensor(np.ones((1, 2, 2, 1)))
    g, = tg.grad(tg.max_pool2d(x).sum(), [x])
    assert g.data.ravel().tolist() == [1, 0, 0, 0]


def test_max_pool2d_passes_nan_on():
    x = np.zeros((1, 2, 4, 1))
    x[0, 1, 0] = np.nan
    assert np.isnan(tg.max_pool2d(x).data).ravel().tolist() == [True, False]


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("f, message", [
    (lambda x, w: tg.conv2d(x, np.ones((3, 3, 4, 8))),
     r"conv2d of shapes \(2, 5, 4, 3\), \(3, 3, 4, 8\): the filter's number "
     "of input channels is 4, expected 3"),
    (lambda x, w: tg.conv2d(x[0], w), "conv2d of.*x must have 4 axes"),
    (lambda x, w: tg.conv2d(x, np.ones((7, 3, 3, 1)), pad=0),
     r"conv2d of.*a 7x3 window does not fit into a 5x4 image"),
    (lambda x, w: tg.conv2d(x, w, stride=0), "conv2d of.*stride=0"),
    (lambda x, w: tg.conv2d(x, w, pad=-1), "conv2d of.*pad=-1"),
    (lambda x, w: tg.conv_transpose2d(x, w, hw=(5, 4)),
     r"conv_transpose2d of.*output channels is 8, expected 3"),
    (lambda x, w: tg.conv_transpose2d(np.ones((1, 2, 2, 8)), w, hw=(9, 9)),
     r"conv_transpose2d of.*size of g is \(2, 2\), expected \(7, 7\)"),
    (lambda x, w: tg.conv2d_filter_grad(x, np.ones((2, 9, 9, 8)), hw=(3, 3)),
     "conv2d_filter_grad of"),
    (lambda x, w: tg.upsample_conv2d(x, np.ones((3, 3, 4, 8))),
     r"upsample_conv2d of shapes \(2, 5, 4, 3\), \(3, 3, 4, 8\)"),
    (lambda x, w: tg.upsample_conv2d(x, np.ones((5, 5, 3, 8))),
     r"upsample_conv2d.*size of the filter is \(5, 5\), expected \(3, 3\)"),
    (lambda x, w: tg.upsample_conv2d(x[0], w), "upsample_conv2d.*4 axes"),
    (lambda x, w: upsample_conv2d_adjoint(x[..., :1], w[..., :1]),
     r"upsample_conv2d_adjoint.*even, got \(5, 4\)"),
    (lambda x, w: tg.upsample2d(x[0]), r"upsample2d of shapes \(5, 4, 3\)"),
    (lambda x, w: upsample2d_adjoint(x), r"upsample2d_adjoint of.*5"),
    (lambda x, w: tg.avg_pool2d(x[0]), r"avg_pool2d.*\(5, 4, 3\)"),
    (lambda x, w: tg.max_pool2d(x[0]), r"max_pool2d.*\(5, 4, 3\)"),
    (lambda x, w: tg.max_pool2d(x, size=6), "max_pool2d.*6x6 window does"),
    (lambda x, w: tg.avg_pool2d(x, stride=0), "avg_pool2d.*stride=0"),
    (lambda x, w: tg.max_pool2d(x, stride=0), "max_pool2d.*stride=0"),
])
def test_errors_name_the_function_and_the_shapes(f, message):
    with pytest.raises(ValueError, match=message):
        f(np.ones((2, 5, 4, 3)), np.ones((3, 3, 3, 8)))
