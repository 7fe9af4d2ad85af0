"""The PyTorch twin of a network: a module for each layer, named as it is,
that takes N C H W. Its weights are its own until a state is loaded."""

from collections import OrderedDict

import tinygen as tg
from tinygen.models.cyclegan import Translator
from tinygen.models.vae import LOGVAR, Encoder


def twin(torch, layer):
    """The module of a layer, a network, or a dict of networks."""
    nn, kind = torch.nn, type(layer)
    if kind is tg.Sequential or kind is dict:
        layers = layer if kind is dict else layer.layers
        return (nn.ModuleDict if kind is dict else nn.Sequential)(
            OrderedDict((name, twin(torch, x))
                        for name, x in layers.items()))
    if kind is tg.SpectralNorm:
        return nn.utils.parametrizations.spectral_norm(
            twin(torch, layer.layer))
    if kind in (tg.Residual, Translator, Encoder):
        return containers(torch, layer)
    return (with_weights if tg.parameters(layer) else without_weights)(
        torch, layer)


def with_weights(torch, layer):
    nn = torch.nn

    class UpsampleConv2d(nn.Conv2d):
        def forward(self, x):
            return super().forward(nn.functional.interpolate(
                x, scale_factor=2))

    class BatchNorm(nn.modules.batchnorm._BatchNorm):
        def _check_input_dim(self, x):
            """1d and 2d at once."""

    def conv(module, i, o, *more):
        return module(i, o, layer.w.shape[0], *more,
                      bias=layer.b is not None)

    c = len(getattr(layer, "scale", ()))
    make = {
        tg.Linear: lambda w: nn.Linear(*w.shape, bias=layer.b is not None),
        tg.Conv2d: lambda w: conv(nn.Conv2d, *w.shape[2:], layer.stride,
                                  layer.pad),
        tg.ConvTranspose2d: lambda w: conv(
            nn.ConvTranspose2d, w.shape[3], w.shape[2], layer.stride,
            layer.pad),
        tg.UpsampleConv2d: lambda w: conv(UpsampleConv2d, *w.shape[2:], 1, 1),
        tg.Embedding: lambda w: nn.Embedding(*w.shape),
        tg.BatchNorm: lambda w: BatchNorm(c, layer.eps, layer.rate),
        tg.InstanceNorm: lambda w: nn.InstanceNorm2d(c, layer.eps,
                                                     affine=True),
        tg.LayerNorm: lambda w: nn.GroupNorm(1, c, layer.eps)}
    return make[type(layer)](getattr(layer, "w", None))


def without_weights(torch, layer):
    class Calls(torch.nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, x):
            return self.function(x)

    nn, kind = torch.nn, type(layer)
    pools = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
    make = {
        tg.LeakyReLU: lambda: nn.LeakyReLU(layer.slope),
        tg.Activation: lambda: Calls(
            nn.functional.softplus if layer.function is tg.softplus
            else getattr(torch, layer.function.__name__)),
        tg.Dropout: lambda: nn.Dropout(layer.p),
        tg.Pool: lambda: pools[layer.kind](layer.size, layer.stride),
        tg.Upsample2d: lambda: nn.Upsample(scale_factor=2),
        tg.ReflectPad: lambda: nn.ReflectionPad2d(layer.width),
        tg.Flatten: nn.Flatten,
        tg.Reshape: lambda: nn.Unflatten(
            1, (layer.shape[2], *layer.shape[:2]))}
    return make[kind]()


def containers(torch, layer):
    class Container(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, inner in vars(layer).items():
                if tg.parameters(inner):
                    setattr(self, name, twin(torch, inner))

    class Residual(Container):
        def forward(self, x):
            return x + self.body(x)

    class TranslatorTwin(Container):
        def forward(self, x):
            h = self.first(x)
            y = self.inner(h)
            if not layer.skips:
                return torch.tanh(self.last(y))
            return torch.tanh(self.last(h + y) + 1.5 * x)

    class EncoderTwin(Container):
        def forward(self, x):
            h = self.trunk(x)
            return self.mu(h), LOGVAR * torch.tanh(self.logvar(h) / LOGVAR)

    return {tg.Residual: Residual, Translator: TranslatorTwin,
            Encoder: EncoderTwin}[type(layer)]()
