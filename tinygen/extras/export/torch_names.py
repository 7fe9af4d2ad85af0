"""The weights of a network under PyTorch's names, in PyTorch's layouts.

tinygen's images are N H W C, PyTorch's N C H W; a matrix here is I O, there
O I. Where an image is flattened, or a vector becomes one, the numbers stand
in another order too, so the weights beside it are put in that order. Nothing
here needs PyTorch, but tensors to be asked for.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinygen.engine.autograd import Tensor
from tinygen.engine.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    Flatten,
    InstanceNorm,
    LayerNorm,
    Linear,
    Reshape,
    Sequential,
    SpectralNorm,
    UpsampleConv2d,
    _unit,
    load_state,
    parameters,
    state,
)
from tinygen.files import replacing
from tinygen.models.vae import Encoder

KERNELS = (Conv2d, ConvTranspose2d, UpsampleConv2d)
NORMS = (BatchNorm, InstanceNorm, LayerNorm)
WEIGHTED = (*KERNELS, *NORMS, Linear, Embedding, SpectralNorm)
# What PyTorch stores besides, and tinygen does not need
THEIRS = ("num_batches_tracked", "parametrizations.weight.0._u")


def join(path, name):
    """"up1" and "w": "up1.w"; "" and "w": "w"."""
    return f"{path}.{name}" if path else str(name)


# ------------------------------------------- the order of flattened numbers


def layers(obj, path="", channels=None, flat=None, after=1):
    """Yields (layer, path, before, after) for every layer with weights.

    before, after: of a vector that was an image, or becomes one, the
    image's channels C. Here such a vector is HW C in order, there C HW.
    For other vectors 1. Returns (channels, flat) behind obj: those of the
    image; or None and what `before` is for the next layer.
    """
    kind = type(obj)
    if kind in WEIGHTED:
        yield obj, path, flat or 1, after
        return _behind(obj, flat, after)
    if kind is Flatten:
        if flat is None and channels is None:
            raise ValueError(f"{path} flattens images of unknown channels: "
                             "give channels=")
        return None, flat or channels
    if kind is Reshape:
        return _reshaped(obj, path, flat)
    if kind is Sequential:
        items = list(_flattened(obj, path))
        for k, (name, layer) in enumerate(items, 1):
            channels, flat = yield from layers(
                layer, name, channels, flat, _ahead(items[k:]))
        return channels, flat
    if kind is Encoder:     # two heads on one trunk
        channels, flat = yield from layers(
            obj.trunk, join(path, "trunk"), channels)
        yield obj.mu, join(path, "mu"), flat, 1
        yield obj.logvar, join(path, "logvar"), flat, 1
        return None, 1
    return (yield from _inside(obj, path, channels, flat))


def _flattened(net, path):
    """(path, layer) of a Sequential, those within it unpacked."""
    for name, layer in net.layers.items():
        if type(layer) is Sequential:
            yield from _flattened(layer, join(path, name))
        else:
            yield join(path, name), layer


def _inside(obj, path, channels, flat):
    """layers() of what is no layer of the engine's: a dict of networks, or
    an object whose attributes are run in the order in which they stand."""
    start = channels, flat
    for name, value in (obj if isinstance(obj, dict) else vars(obj)).items():
        if str(name).startswith("_") or not state({name: value}):
            continue
        if isinstance(value, (Tensor, np.ndarray, list, tuple)):
            raise ValueError(f"{join(path, name)} belongs to a "
                             f"{type(obj).__name__}, which is no layer that "
                             "can be exported")
        if flat not in (None, 1):
            raise ValueError(f"{path} is a {type(obj).__name__} of flattened "
                             "images, which cannot be exported: put a Linear "
                             "between")
        found = yield from layers(value, join(path, name), channels, flat)
        channels, flat = start if isinstance(obj, dict) else found
    return channels, flat


def _reshaped(layer, path, flat):
    """(channels, flat) behind a Reshape, if what comes is in its order."""
    if len(layer.shape) == 3:
        h, w, c = layer.shape
        if flat == c or flat == 1 and 1 in (c, h * w):
            return c, None
    raise ValueError(f"{path} is a Reshape to {layer.shape}, which can be "
                     "exported only from the vector of a Linear to an image")


def _behind(layer, flat, after):
    """(channels, flat) of what a layer with weights returns."""
    inner = layer.layer if type(layer) is SpectralNorm else layer
    if type(inner) in (Linear, Embedding):
        return None, after
    if flat is not None:
        return None, flat           # a norm of vectors
    return (len(inner.scale) if type(inner) in NORMS else inner.w.shape[
        2 if type(inner) is ConvTranspose2d else 3]), None


def _ahead(items):
    """The channels of the image that the next Reshape makes, or 1: then
    another layer with weights comes before, or none."""
    for _, layer in items:
        if type(layer) is Reshape:
            return layer.shape[-1]
        if type(layer) is not BatchNorm and (
                type(layer) is Flatten or parameters(layer)):
            break
    return 1


# ------------------------------------------------------- names and layouts


@dataclass
class Leaf:
    """An array here and there: split into axes, these in another order."""

    mine: str       # "0.w"
    theirs: str     # "0.weight"
    split: tuple    # the axes here
    axes: tuple     # their order there
    shape: tuple    # the shape there

    def to(self, array):
        return np.ascontiguousarray(array.reshape(self.split).transpose(
            self.axes).reshape(self.shape))

    def back(self, array, shape):
        return array.reshape([self.split[k] for k in self.axes]).transpose(
            np.argsort(self.axes)).reshape(shape)


def leaves(layer, path, before, after):
    """The Leafs of one layer with weights."""
    if type(layer) is SpectralNorm:
        yield from _spectral(layer, path, before, after)
    elif type(layer) in NORMS:
        for mine, theirs in (("scale", "weight"), ("shift", "bias"),
                             ("running_mean",) * 2, ("running_var",) * 2):
            if hasattr(layer, mine):
                yield _vector(join(path, mine), join(path, theirs),
                              len(layer.scale), before)
    else:
        yield _weight(layer, join(path, "w"), join(path, "weight"), before,
                      after)
        if getattr(layer, "b", None) is not None:
            yield _vector(join(path, "b"), join(path, "bias"),
                          layer.b.size, after)


def _weight(layer, mine, theirs, before, after):
    shape = layer.w.shape
    if type(layer) in KERNELS:
        return Leaf(mine, theirs, shape, (3, 2, 0, 1), tuple(
            shape[k] for k in (3, 2, 0, 1)))
    i, o = shape
    if type(layer) is Embedding:
        return Leaf(mine, theirs, (i, o // after, after), (0, 2, 1), shape)
    return Leaf(mine, theirs, (i // before, before, o // after, after),
                (3, 2, 1, 0), (o, i))


def _vector(mine, theirs, n, channels):
    return Leaf(mine, theirs, (n // channels, channels), (1, 0), (n,))


def _spectral(layer, path, before, after):
    """As torch.nn.utils.parametrizations.spectral_norm names them. Here the
    matrix has a column for each output, there a row: our u is their v."""
    inner, new = layer.layer, join(path, "parametrizations.weight.")
    if type(inner) not in (*KERNELS, Linear):
        raise ValueError(f"{path} norms a {type(inner).__name__}, which "
                         "cannot be exported")
    weight, *bias = leaves(inner, join(path, "layer"), before, after)
    weight.theirs = f"{new}original"
    yield weight
    for leaf in bias:
        leaf.theirs = join(path, "bias")
        yield leaf
    n, (h, w) = layer.u.size, inner.w.shape[:2]
    split, axes = ((n // before, before), (1, 0)) if type(
        inner) is Linear else ((h, w, n // (h * w)), (2, 0, 1))
    yield Leaf(join(path, "u"), f"{new}0._v", split, axes, (n,))


def rows(weight, transposed):
    """PyTorch's weight as a matrix, with a row for each output."""
    return (weight.swapaxes(0, 1) if transposed else weight).reshape(
        weight.shape[int(transposed)], -1)


def arrays(net, channels=None):
    """{PyTorch's name: array}, what to_torch_state_dict makes tensors of."""
    mine, found = state(net), {}
    for layer, path, before, after in layers(net, channels=channels):
        for leaf in leaves(layer, path, before, after):
            found[leaf.theirs] = leaf.to(mine[leaf.mine])
        if type(layer) is BatchNorm:
            found[join(path, THEIRS[0])] = np.array(0)
        if type(layer) is SpectralNorm:
            new = join(path, "parametrizations.weight.")
            u = rows(found[f"{new}original"], type(layer.layer)
                     is ConvTranspose2d) @ found[f"{new}0._v"]
            found[join(path, THEIRS[1])] = _unit(u)
    return found


# ---------------------------------------------------------------- the bridge


def to_torch_state_dict(net, channels=None):
    """The state of a network as PyTorch's modules name it and lay it out.

    {name: torch.Tensor}, float32, for module.load_state_dict. The module
    has the same structure, a module for each layer: nn.Linear, nn.Conv2d,
    nn.ConvTranspose2d, nn.BatchNorm2d, nn.InstanceNorm2d(affine=True),
    nn.GroupNorm(1, C) for a LayerNorm, nn.Unflatten(1, (C, H, W)) for a
    Reshape(H, W, C), and an nn.Conv2d that doubles its input for an
    UpsampleConv2d.

    net: a network, or a dict of networks. channels: of the images that come
    in, where a Flatten meets them before any layer with weights.
    """
    try:
        import torch
    except ImportError:
        raise ImportError("to_torch_state_dict needs PyTorch: pip install "
                          "torch; save_torch writes a file without it"
                          ) from None
    return {name: torch.tensor(array)
            for name, array in arrays(net, channels).items()}


def from_torch_state_dict(net, tensors, channels=None):
    """Write module.state_dict(), or {name: array}, into net, in place.

    Names and layouts as to_torch_state_dict has them. ValueError, before
    anything is written: an entry is missing, unknown, or of another shape.
    """
    if not hasattr(tensors, "items"):
        raise TypeError("from_torch_state_dict takes module.state_dict() or "
                        f"{{name: array}}, not a {type(tensors).__name__}")
    given = {name: _array(t) for name, t in tensors.items()
             if not name.endswith(THEIRS)}
    first = next(iter(given), "nothing")
    mine, new = state(net), {}
    for one in layers(net, channels=channels):
        for leaf in leaves(*one):
            if leaf.theirs not in given:
                raise ValueError(
                    f"{leaf.theirs} is missing from the given state, which "
                    f"begins with {first}; is it of another architecture?")
            array = given.pop(leaf.theirs)
            if array.shape != leaf.shape:
                raise ValueError(
                    f"{leaf.theirs} has shape {array.shape} in the given "
                    f"state, {leaf.shape} here")
            new[leaf.mine] = leaf.back(array, mine[leaf.mine].shape)
    for name in given:
        raise ValueError(f"{name} is unknown to this {type(net).__name__}; "
                         "is the state of another architecture?")
    load_state(net, new)


def _array(t):
    """A torch.Tensor as an array, whatever its device and dtype (NumPy has
    no bfloat16)."""
    return np.asarray(t.detach().cpu().double() if hasattr(t, "detach")
                      else t)


def save_torch(net, path, channels=None):
    """to_torch_state_dict in a file, which safetensors.torch.load_file
    reads. Needs no PyTorch."""
    from safetensors.numpy import save
    with replacing(path) as part:
        part.write_bytes(save(arrays(net, channels)))


def load_torch(net, path, channels=None):
    """from_torch_state_dict of a file by safetensors.torch.save_file.
    Needs no PyTorch."""
    from safetensors.numpy import load
    content = Path(path).read_bytes()
    try:
        given = load(content)
    except Exception as error:  # of many kinds: for bfloat16 a KeyError
        raise ValueError(f"{path} is cut short or no safetensors file, "
                         f"or holds what NumPy does not ({error}): save "
                         "it again, as float32, by safetensors.torch."
                         "save_file") from None
    from_torch_state_dict(net, given, channels)
