"""tinygen's networks in float64, and the same ones in PyTorch."""

import numpy as np

import tinygen as tg


def to_float64(*nets):
    """The networks themselves, every parameter and buffer now float64."""
    for net in nets:
        for p in tg.parameters(net).values():
            p.data = p.data.astype(np.float64)
        for layer in _objects(net):
            for key, value in vars(layer).items():
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    setattr(layer, key, value.astype(np.float64))
    return nets[0] if len(nets) == 1 else nets


def _objects(net):
    """Every layer below net, and net itself."""
    yield net
    for value in vars(net).values():
        inside = value.values() if isinstance(value, dict) else [value]
        for item in inside:
            if hasattr(item, "__dict__"):
                yield from _objects(item)


def torch_layer(torch, layer, layout=None):
    """The PyTorch module, N C H W, of one tinygen layer, same weights.

    layout, a torch.memory_format, is for speed: images are laid out in it,
    and activations work in place.
    """
    nn, kind = torch.nn, type(layer).__name__
    if isinstance(layer, tg.Sequential):
        return nn.Sequential(*[torch_layer(torch, x, layout)
                               for x in layer.layers.values()])
    if kind == "Residual":
        return _residual(torch, torch_layer(torch, layer.body, layout))
    if kind == "Linear":
        made = nn.Linear(*layer.w.shape)
        weight = layer.w.data.T
    elif kind == "Conv2d":
        size, _, c_in, c_out = layer.w.shape
        made = nn.Conv2d(c_in, c_out, size, layer.stride, layer.pad,
                         bias=layer.b is not None)
        weight = layer.w.data.transpose(3, 2, 0, 1)
    elif kind == "ConvTranspose2d":
        size, _, c_out, c_in = layer.w.shape
        made = nn.ConvTranspose2d(c_in, c_out, size, layer.stride, layer.pad)
        weight = layer.w.data.transpose(3, 2, 0, 1)
    elif kind == "UpsampleConv2d":
        made = nn.Conv2d(*layer.w.shape[2:], 3, padding=1,
                         bias=layer.b is not None)
        weight = layer.w.data.transpose(3, 2, 0, 1)
    elif kind == "BatchNorm":
        made = nn.BatchNorm2d(len(layer.scale), layer.eps, layer.rate)
        weight = layer.scale.data
    elif kind == "InstanceNorm":
        made = nn.InstanceNorm2d(len(layer.scale), layer.eps, affine=True)
        weight = layer.scale.data
    else:
        return _without_weights(torch, layer, kind, layout)
    made = made.double()
    bias = layer.shift if hasattr(layer, "shift") else layer.b
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weight.copy()))
        if bias is not None:
            made.bias.copy_(torch.tensor(bias.data))
    if kind == "UpsampleConv2d":
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), made)
    return made


def _residual(torch, inner):
    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = inner

        def forward(self, x):
            return x + self.body(x)

    return Residual()


def _without_weights(torch, layer, kind, layout):
    nn = torch.nn

    class ToImages(nn.Module):
        def forward(self, x):
            x = x.reshape(-1, *layer.shape).permute(0, 3, 1, 2)
            return x if layout is None else x.contiguous(memory_format=layout)

    class FromImages(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    in_place = layout is not None
    if kind == "Activation":
        kind = layer.function.__name__
    return {"Reshape": ToImages, "Flatten": FromImages, "tanh": nn.Tanh,
            "relu": lambda: nn.ReLU(in_place),
            "ReflectPad": lambda: nn.ReflectionPad2d(layer.width),
            "LeakyReLU": lambda: nn.LeakyReLU(layer.slope, in_place),
            }[kind]()
