"""The single ops of the benchmark: what the models use, in their shapes."""
import numpy as np
import torch
from torch.nn import functional as f

import tinygen as tg
from tinygen.engine import losses

RNG = np.random.default_rng(0)
UNIFORM = RNG.uniform(-1, 1, (32, 28, 28, 3)).astype(np.float32)
NOISE = RNG.standard_normal((32, 64), np.float32)


def layer_cases(n, sizes):
    """(name, layer, input shape) from (layer, side) at batch n."""
    for layer, side in sizes:
        c_in = layer.w.shape[-2]
        yield layer, (n, side, side, c_in) if side else (n, c_in)


def products_of_gan():
    """The layers with weights of the GAN and the VAE, batch 32."""
    def conv(c_in, c_out, stride=1):
        return tg.Conv2d(c_in, c_out, stride=stride, rng=RNG)

    return layer_cases(32, [
        (tg.Linear(100, 7 * 7 * 256, rng=RNG), 0),
        (tg.Linear(64, 7 * 7 * 256, rng=RNG), 0),
        (tg.UpsampleConv2d(256, 128, rng=RNG), 7),
        (tg.UpsampleConv2d(128, 64, rng=RNG), 14),
        (conv(64, 3), 28), (conv(3, 64, 2), 28), (conv(64, 128, 2), 14),
        (conv(128, 256, 2), 7), (tg.Linear(4096, 1, rng=RNG), 0),
        (tg.Linear(4096, 64, rng=RNG), 0)])


def products_of_cyclegan(n):
    def conv(c_in, c_out, size=3, stride=1):
        return tg.Conv2d(c_in, c_out, size, stride=stride,
                         pad=(size - 1) // 2, rng=RNG)

    return layer_cases(n, [
        (conv(3, 32, 7), 32), (conv(32, 64, 3, 2), 32),
        (conv(64, 128, 3, 2), 16), (conv(128, 128), 8),
        (tg.UpsampleConv2d(128, 64, rng=RNG), 8),
        (tg.UpsampleConv2d(64, 32, rng=RNG), 16), (conv(32, 3, 7), 32),
        (conv(3, 32, 4, 2), 32), (conv(32, 64, 4, 2), 16),
        (conv(64, 1, 4, 2), 8)])


def passes():
    """Norms and activations: what memory limits."""
    for n in (4, 1):
        for side, c in ((32, 32), (16, 64), (8, 128)):
            yield tg.InstanceNorm(c), (n, side, side, c)
            yield tg.ReLU(), (n, side, side, c)
        yield tg.Tanh(), (n, 32, 32, 3)
    for side, c in ((7, 256), (14, 128), (28, 64)):
        yield tg.BatchNorm(c), (32, side, side, c)
        yield tg.LeakyReLU(), (32, side, side, c)
    yield tg.LeakyReLU(), (32, 4, 4, 256)
    yield tg.Tanh(), (32, 28, 28, 3)


def layers():
    """All (layer, input shape)."""
    yield from products_of_gan()
    for n in (4, 1):
        yield from products_of_cyclegan(n)
    yield from passes()


def image(x):
    return torch.from_numpy(x).permute(0, 3, 1, 2)


# name: (ours, PyTorch's, the shapes of the inputs)
FUNCTIONS = {
    "non-saturating loss": (
        losses.non_saturating, lambda x: f.softplus(-x).mean(), [(32, 1)]),
    "least squares": (
        losses.least_squares, lambda x: (x - 1).square().mean(),
        [(4, 4, 4, 1)]),
    "L1": (losses.l1, f.l1_loss, [(4, 32, 32, 3)] * 2),
    "Bernoulli reconstruction": (
        lambda x: losses.bernoulli_reconstruction(x, UNIFORM),
        lambda x: f.binary_cross_entropy_with_logits(
            x, (image(UNIFORM) + 1) / 2, reduction="sum") / 32,
        [(32, 28, 28, 3)]),
    "Gaussian KL": (
        losses.gaussian_kl,
        lambda mu, v: 0.5 * (mu * mu + v.exp() - 1 - v).sum() / 32,
        [(32, 64)] * 2),
    "sampling of z": (
        lambda mu, v: mu + tg.exp(0.5 * v) * NOISE,
        lambda mu, v: mu + torch.exp(0.5 * v) * torch.from_numpy(NOISE),
        [(32, 64)] * 2),
    "residual sum": (lambda a, b: a + b, lambda a, b: a + b,
                     [(4, 8, 8, 128)] * 2),
}


def title(layer, shape):
    """"Conv2d 3x3 stride 2, 32 28 28 3 -> 64"."""
    kind = type(layer).__name__
    if kind == "Activation":
        kind = {"relu": "ReLU", "tanh": "Tanh"}[layer.function.__name__]
    if kind == "Conv2d":
        kind += " {0}x{0}".format(layer.w.shape[0])
        kind += f" stride {layer.stride}" if layer.stride > 1 else ""
    to = f" -> {layer.w.shape[-1]}" if hasattr(layer, "w") else ""
    return f"{kind}, {' '.join(map(str, shape))}{to}"


def gflop(layer, y_shape):
    """Of the forward pass, counted as a direct convolution."""
    if not hasattr(layer, "w"):
        return 0
    *sides, c_in, c_out = layer.w.shape
    return 2e-9 * np.prod(y_shape) * np.prod(sides, initial=1) * c_in
