"""normalize and its gradient, as an op and in the layers."""

import numpy as np
import pytest
from torch_nets import to_float64

import tinygen as tg
from tinygen.engine.norms import normalize_grad, normalize_plain

RNG = np.random.default_rng(0)
AXES = {"batch": (0, 1, 2), "instance": (1, 2), "layer": (1, 2, 3)}


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_mean_0_and_variance_1(axes):
    x = 5 + 3 * RNG.standard_normal((4, 3, 5, 2))
    y = tg.normalize(x, axes=axes, eps=0).data
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axes), 1)


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_fused_equals_elementary_to_third_order(axes):
    results = []
    for f in (tg.normalize, normalize_plain):
        x = tg.Tensor(np.random.default_rng(1).standard_normal((2, 3, 2, 2)))
        y, derivatives = f(x, axes=axes, eps=0.1), []
        for _ in range(3):
            y, = tg.grad((y ** 3).sum(), [x], create_graph=True)
            derivatives.append(y.data)
        results.append(derivatives)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * abs(b).max())


def test_the_gradient_is_symmetric_and_its_own_adjoint():
    x, g, h = RNG.standard_normal((3, 2, 3, 4, 2))
    for axes in AXES.values():
        tg.check_adjoint(lambda g, axes=axes: normalize_grad(g, x, axes=axes),
                         lambda h, axes=axes: normalize_grad(h, x, axes=axes),
                         g, h)


def test_far_from_zero_the_variance_keeps_its_digits():
    """E[x^2] - E[x]^2 would lose them all in float32."""
    x = RNG.standard_normal((64, 4)).astype(np.float32)
    near = tg.normalize(x, axes=(0,)).data
    far = tg.normalize(x + np.float32(1000), axes=(0,)).data
    np.testing.assert_allclose(far, near, atol=1e-3)


# ------------------------------------------------------- layers, like torch


def scaled(layer):
    """The layer in float64, scale and shift no longer 1 and 0."""
    to_float64(layer)
    layer.scale.data = RNG.uniform(0.5, 2, layer.scale.shape)
    layer.shift.data = RNG.standard_normal(layer.shift.shape)
    return layer


def torch_norm(torch, layer):
    """The PyTorch layer of the same weights, as a function of N H W C."""
    n, kind = len(layer.scale), type(layer).__name__
    made = {"BatchNorm": lambda: torch.nn.BatchNorm2d(
                n, layer.eps, layer.rate),
            "InstanceNorm": lambda: torch.nn.InstanceNorm2d(
                n, layer.eps, affine=True),
            "LayerNorm": lambda: torch.nn.GroupNorm(
                1, n, layer.eps)}[kind]().double()
    with torch.no_grad():
        made.weight.copy_(torch.tensor(layer.scale.data))
        made.bias.copy_(torch.tensor(layer.shift.data))
    return made, lambda x: made(x.movedim(-1, 1)).movedim(1, -1)


@pytest.mark.parametrize("kind", ["BatchNorm", "InstanceNorm", "LayerNorm"])
def test_layers_like_torch_to_second_order(kind, require):
    torch = require("torch")
    layer = scaled(getattr(tg, kind)(3))
    made, theirs = torch_norm(torch, layer)
    for _ in range(2):
        array = 2 + RNG.standard_normal((4, 5, 3, 3))
        x, t = tg.Tensor(array), torch.tensor(array, requires_grad=True)
        ours = [x, layer.scale, layer.shift]
        params = [t, made.weight, made.bias]
        y, want = layer(x, train=True), theirs(t)
        g = tg.grad((y ** 3).sum(), ours, create_graph=True)
        h = torch.autograd.grad((want ** 3).sum(), params, create_graph=True)
        second = tg.grad(sum((a ** 2).sum() for a in g), ours)
        wants = torch.autograd.grad(sum((a ** 2).sum() for a in h), params)
        for a, b in zip([y, *g, *second], [want, *h, *wants], strict=True):
            b = b.detach().numpy()
            assert np.abs(a.data - b).max() <= 1e-10 * np.abs(b).max()
    if kind == "BatchNorm":
        np.testing.assert_allclose(layer.running_mean, made.running_mean,
                                   rtol=1e-12)
        np.testing.assert_allclose(layer.running_var, made.running_var,
                                   rtol=1e-12)
        made.eval()
    np.testing.assert_allclose(
        layer(tg.Tensor(array)).data,
        theirs(torch.tensor(array)).detach().numpy(), rtol=1e-10, atol=1e-10)


def test_batch_norm_on_vectors_like_torch(require):
    torch = require("torch")
    layer, array = scaled(tg.BatchNorm(4)), RNG.standard_normal((6, 4))
    made, _ = torch_norm(torch, layer)
    theirs = torch.nn.BatchNorm1d(4).double()
    theirs.load_state_dict(made.state_dict())
    for train in (True, True, False):
        theirs.train(train)
        np.testing.assert_allclose(
            layer(tg.Tensor(array), train=train).data,
            theirs(torch.tensor(array)).detach().numpy(), atol=1e-10)
    np.testing.assert_allclose(layer.running_var, theirs.running_var)


@pytest.mark.parametrize("shape", [(50, 2), (4, 3, 5, 2)])
def test_running_statistics_are_those_of_all_data_in_the_end(shape):
    layer = to_float64(tg.BatchNorm(2))
    x = tg.Tensor(3 + 2 * RNG.standard_normal(shape))
    for _ in range(200):
        layer(x, train=True)
    rows = x.data.reshape(-1, 2)
    np.testing.assert_allclose(layer.running_mean, rows.mean(0))
    np.testing.assert_allclose(layer.running_var, rows.var(0, ddof=1))
    y = layer(x).data.reshape(-1, 2)
    np.testing.assert_allclose(
        y, tg.normalize(rows, axes=(0,)).data, atol=0.05)


def test_buffers_change_only_in_training_and_never_under_a_graph():
    layer = tg.BatchNorm(2)
    x = tg.Tensor(RNG.standard_normal((5, 2)).astype(np.float32))
    before = {path: a.copy() for path, a in tg.state(layer).items()}
    y = layer(x)
    assert all((tg.state(layer)[path] == a).all()
               for path, a in before.items())
    first = tg.grad(y.sum(), [layer.scale])[0].data
    layer(x, train=True)
    assert (layer.running_mean != before["running_mean"]).all()
    # y was made with the old statistics; so is its gradient.
    assert (tg.grad(y.sum(), [layer.scale])[0].data == first).all()


def test_batch_norm_with_no_grad_still_counts():
    layer = tg.BatchNorm(2)
    with tg.no_grad():
        layer(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]), train=True)
    np.testing.assert_allclose(layer.running_mean, [0.2, 0.3])


# -------------------------------------------- gradient penalties, like torch


@pytest.mark.parametrize("kind", ["BatchNorm", "InstanceNorm", "LayerNorm"])
def test_gradient_penalty_through_a_norm_like_torch(kind, require):
    """The weights' gradient of a gradient's norm: where DeZero's batch norm
    is silently wrong, and its convolution fails."""
    torch = require("torch")
    rng = np.random.default_rng(3)
    first = to_float64(tg.Conv2d(2, 3, 3, stride=2, rng=rng))
    norm = scaled(getattr(tg, kind)(3))
    array = rng.standard_normal((4, 6, 6, 2))
    x = tg.Tensor(array)

    def penalty(grad, total, params, x):
        dx, = grad(total, [x], create_graph=True)
        return (((dx * dx).sum() ** 0.5 - 1) ** 2,
                [x, *params])

    hidden = tg.leaky_relu(norm(first(x), train=True), slope=0.2)
    ours = [first.w, first.b, norm.scale]
    loss, xs = penalty(tg.grad, (hidden ** 2).sum(), ours, x)
    got = tg.grad(loss, xs)

    made, apply = torch_norm(torch, norm)
    w = torch.tensor(first.w.data.transpose(3, 2, 0, 1).copy(),
                     requires_grad=True)
    b = torch.tensor(first.b.data, requires_grad=True)
    t = torch.tensor(array, requires_grad=True)
    hidden = torch.nn.functional.leaky_relu(apply(
        torch.nn.functional.conv2d(t.movedim(-1, 1), w, b, 2, 1)
        .movedim(1, -1)), 0.2)
    want_loss, ts = penalty(torch.autograd.grad, (hidden ** 2).sum(),
                            [w, b, made.weight], t)
    want = [a.numpy() for a in torch.autograd.grad(want_loss, ts)]
    want[1] = want[1].transpose(2, 3, 1, 0)
    assert abs(loss.item() - want_loss.item()) <= 1e-10 * want_loss.item()
    for a, b in zip(got, want, strict=True):
        assert np.abs(a.data - b).max() <= 1e-10 * max(1, np.abs(b).max())


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("layer, shape, message", [
    (tg.BatchNorm(3), (2, 4, 4, 1), r"BatchNorm of 3 channels.*\(2, 4, 4, 1"),
    (tg.InstanceNorm(3), (2, 4, 4, 2), "InstanceNorm of 3 channels"),
    (tg.LayerNorm(3), (2, 1), "LayerNorm of 3 channels"),
    (tg.InstanceNorm(3), (2, 3), r"InstanceNorm needs N H W C, got \(2, 3\)"),
    (tg.BatchNorm(3), (1, 3), r"two values per channel, got shape \(1, 3\)"),
])
def test_errors(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer(tg.Tensor(np.ones(shape, np.float32)), train=True)


# ---------------------------------------------------------- extreme numbers


def derivatives(x, axes):
    """y, a gradient, and a gradient of that."""
    k = np.random.default_rng(2)
    g, v = k.standard_normal((2, *x.shape)).astype(x.dtype)
    x = tg.Tensor(x)
    y = tg.normalize(x, axes=axes)
    first, = tg.grad(y, [x], g, create_graph=True)
    return [y, first, *tg.grad(first, [x], v)]


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
@pytest.mark.parametrize("value", [0, 0.1, 1e6 + 0.3, -3e37, 1e-42])
def test_constant_channels(axes, value):
    """y = 0 and finite gradients; 1e6 + 0.3 gave y = 0.9997."""
    x = np.full((4, 5, 5, 2), value, np.float32)
    y, first, second = derivatives(x, axes)
    assert (y.data == 0).all()
    for a, b in zip((first, second), derivatives(x.astype(float) * 0, axes)[
            1:], strict=True):
        scale = np.abs(b.data).max()
        assert np.abs(a.data - b.data).max() <= 1e-4 * max(scale, 1)


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
@pytest.mark.parametrize("mean, std", [
    (0, 1e-15), (0, 1e-20), (1e6, 1), (-1e4, 0.1), (1, 1e-3), (1e-20, 1e-25),
    (0, 1e6)])
def test_tiny_variances_and_large_means(axes, mean, std):
    """As float64 has it, but for the rounding of the mean to float32: that
    may shift y by half an ulp of the mean, in standard deviations."""
    x = (mean + std * np.random.default_rng(0).standard_normal(
        (8, 6, 6, 2))).astype(np.float32)
    got, want = derivatives(x, axes), derivatives(x.astype(float), axes)
    shift = np.spacing(np.float32(abs(mean))) / std
    for a, b in zip(got, want, strict=True):
        assert np.isfinite(a.data).all()
        scale = np.abs(b.data).max()
        assert np.abs(a.data - b.data).max() <= scale * (1e-4 + shift)


def test_nothing_to_normalise_is_refused():
    """It warned, and the gradient of the scale was NaN."""
    for shape, axes in (((0, 3, 3, 2), (0, 1, 2)), ((2, 0, 3, 2), (1, 2))):
        with pytest.raises(ValueError, match="nothing to average"):
            tg.normalize(np.ones(shape, np.float32), axes=axes)
    none = tg.Tensor(np.ones((0, 3, 3, 2), np.float32))
    assert tg.InstanceNorm(2)(none).shape == none.shape
