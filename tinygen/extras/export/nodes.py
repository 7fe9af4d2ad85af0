"""Layers as ONNX nodes: one small function for each class.

Inside the graph images are N C H W and weights as PyTorch lays them out,
which is what ONNX has them in. Everything is in evaluation mode.
"""

from dataclasses import dataclass, replace

import numpy as np

from tinygen.engine import layers, ops
from tinygen.extras.export import torch_names
from tinygen.extras.export.torch_names import join
from tinygen.models.cyclegan import Translator
from tinygen.models.vae import LOGVAR, Encoder

OPSET, IR = 17, 8       # of 2022: any runtime has them
HALF_FROM = 256         # numbers in an array, before float16 saves anything
FORMS = {}              # class of layer: function(graph, layer, x, path)
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid",
               "softplus": "Softplus", "exp": "Exp", "log": "Log",
               "sqrt": "Sqrt", "abs": "Abs", "sin": "Sin", "cos": "Cos"}


@dataclass
class Value:
    """What flows: its name, and c, the channels of an image N C H W. Or a
    vector N K: then flat, and C HW in order if it is an image's, else c 1.
    """

    name: str
    c: int
    flat: bool = False

    def to(self, name):
        """Of the same kind."""
        return replace(self, name=name)


class Graph:
    """Nodes and weights as they are collected; graph("Relu", name) adds a
    node and returns the name of its output."""

    def __init__(self, net, channels, half):
        from onnx import helper, numpy_helper
        self.helper, self.numpy_helper = helper, numpy_helper
        self.half, self.nodes, self.weights = half, [], {}
        self.arrays = torch_names.arrays(net, channels)
        self.after = {path: after for _, path, _, after in
                      torch_names.layers(net, channels=channels)}

    def __call__(self, op, *inputs, **attributes):
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(
            op, list(inputs), [name], name, **attributes))
        return name

    def constant(self, array, name=None):
        """The name of a weight. With half large ones are stored as float16,
        and widened when the file is loaded."""
        array = np.asarray(array)
        array = array.astype(np.float32 if array.dtype.kind == "f"
                             else np.int64)
        name = name or f"constant_{len(self.weights)}"
        half = (self.half and array.size >= HALF_FROM
                and array.dtype == np.float32)
        if name not in self.weights:
            if half:
                with np.errstate(over="ignore"):    # infinity, refused below
                    array = array.astype(np.float16)
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity"
                                 + " as float16" * half + ": not exported")
            self.weights[name] = self.numpy_helper.from_array(array, name)
            if half:
                self.nodes.append(self.helper.make_node(
                    "Cast", [name], [f"{name}.wide"], f"{name}.widen", to=1))
        return f"{name}.wide" if half else name

    def stored(self, path, *names):
        """The names of those weights of a layer that it has."""
        paths = [join(path, name) for name in names]
        return [self.constant(self.arrays[p], p) for p in paths
                if p in self.arrays]

    def layer(self, layer, x, path):
        """The Value of layer(x). ValueError: it has no form in ONNX."""
        if type(layer) not in FORMS:
            raise ValueError(f"{path or 'this'} is a {type(layer).__name__}, "
                             "which has no ONNX form here")
        return FORMS[type(layer)](self, layer, x, path)


def form(*kinds):
    """Decorator: this function writes layers of these classes."""
    def enter(function):
        FORMS.update(dict.fromkeys(kinds, function))
        return function
    return enter


# ------------------------------------------------------- layers with weights


@form(layers.Linear)
def linear(g, layer, x, path):
    if not x.flat:
        raise ValueError(f"{path} is a Linear on images, which has no ONNX "
                         "form here: flatten them, or take a Conv2d of size "
                         "1")
    return Value(g("Gemm", x.name, *g.stored(
        path, "weight", "bias"), transB=1), g.after[path], True)


@form(layers.Conv2d)
def conv2d(g, layer, x, path):
    return Value(g("Conv", x.name, *g.stored(
        path, "weight", "bias"), strides=[layer.stride] * 2,
        pads=[layer.pad] * 4), layer.w.shape[3])


@form(layers.ConvTranspose2d)
def conv_transpose2d(g, layer, x, path):
    return Value(g("ConvTranspose", x.name, *g.stored(
        path, "weight", "bias"), strides=[layer.stride] * 2,
        pads=[layer.pad] * 4), layer.w.shape[2])


@form(layers.UpsampleConv2d)
def upsample_conv2d(g, layer, x, path):
    """Doubling and a 3x3 convolution: a ConvTranspose of stride 2, whose
    kernel of 4x4 is the 3x3 turned about, and each 2x2 of it summed. That
    is 4/9 of the products, and no large image. The file holds the nine
    numbers; the runtime sums them, once, when it loads it."""
    i, o = layer.w.shape[2:]
    w = g.arrays[join(path, "weight")][:, :, ::-1, ::-1].swapaxes(0, 1)
    w = g.constant(w.reshape(i * o, 1, 3, 3), join(path, "weight"))
    w = g("Conv", w, g.constant(np.ones((1, 1, 2, 2))), pads=[1] * 4)
    w = g("Reshape", w, g.constant([i, o, 4, 4]))
    bias = g.stored(path, "bias")
    return Value(g("ConvTranspose", x.name, w, *bias, strides=[2, 2],
                   pads=[1] * 4), o)


@form(layers.Embedding)
def embedding(g, layer, x, path):
    return Value(g("Gather", *g.stored(path, "weight"), x.name),
                 g.after[path], True)


@form(layers.SpectralNorm)
def spectral_norm(g, layer, x, path):
    """The layer, its weight divided by |w v| once and for all."""
    new, inner = join(path, "parametrizations.weight."), layer.layer
    w = g.arrays[f"{new}original"]
    matrix = torch_names.rows(w, type(inner) is layers.ConvTranspose2d)
    squares = (matrix @ g.arrays[f"{new}0._v"]) ** 2
    g.arrays[join(path, "weight")] = w / np.sqrt(squares.sum() + 1e-24)
    return FORMS[type(inner)](g, inner, x, path)


# -------------------------------------------------------------------- norms


@form(layers.BatchNorm)
def batch_norm(g, layer, x, path):
    return x.to(g("BatchNormalization", x.name, *g.stored(
        path, "weight", "bias", "running_mean", "running_var"),
        epsilon=layer.eps))


@form(layers.InstanceNorm)
def instance_norm(g, layer, x, path):
    return x.to(g("InstanceNormalization", x.name, *g.stored(
        path, "weight", "bias"), epsilon=layer.eps))


@form(layers.LayerNorm)
def layer_norm(g, layer, x, path):
    axes, shape = ([1], [-1]) if x.flat else ([1, 2, 3], [-1, 1, 1])
    scale, shift = (g.constant(g.arrays[name].reshape(shape), name)
                    for name in (join(path, "weight"), join(path, "bias")))
    centred = g("Sub", x.name, g("ReduceMean", x.name, axes=axes))
    variance = g("ReduceMean", g("Mul", centred, centred), axes=axes)
    spread = g("Sqrt", g("Add", variance, g.constant(layer.eps)))
    return x.to(g("Add", g("Mul", g("Div", centred, spread), scale), shift))


# ---------------------------------------------------- layers without weights


@form(layers.LeakyReLU)
def leaky_relu(g, layer, x, path):
    return x.to(g("LeakyRelu", x.name, alpha=float(layer.slope)))


@form(layers.Activation)
def activation(g, layer, x, path):
    name = getattr(layer.function, "__name__", "function")
    if name not in ACTIVATIONS or layer.function is not getattr(ops, name):
        raise ValueError(f"{path} is an Activation of {name}, which has no "
                         "ONNX form here")
    return x.to(g(ACTIVATIONS[name], x.name))


@form(layers.Dropout)
def dropout(g, layer, x, path):
    return x


@form(layers.Pool)
def pool(g, layer, x, path):
    return x.to(g({"avg": "AveragePool", "max": "MaxPool"}[layer.kind],
                  x.name, kernel_shape=[layer.size] * 2,
                  strides=[layer.stride] * 2))


@form(layers.Upsample2d)
def upsample2d(g, layer, x, path):
    return x.to(g("Resize", x.name, "", g.constant([1.0, 1, 2, 2]),
                  mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="asymmetric"))


@form(layers.ReflectPad)
def reflect_pad(g, layer, x, path):
    sides = [0, 0, layer.width, layer.width]
    return x.to(g("Pad", x.name, g.constant(sides * 2), mode="reflect"))


@form(layers.Flatten)
def flatten(g, layer, x, path):
    return replace(x, name=g("Flatten", x.name), flat=True)


@form(layers.Reshape)
def reshape(g, layer, x, path):
    h, w, c = layer.shape
    return Value(g("Reshape", x.name, g.constant([0, c, h, w])), c)


# ---------------------------------------------------------------- containers


@form(layers.Sequential)
def sequential(g, layer, x, path):
    for name, one in layer.layers.items():
        x = g.layer(one, x, join(path, name))
    return x


@form(layers.Residual)
def residual(g, layer, x, path):
    y = g.layer(layer.body, x, join(path, "body"))
    return x.to(g("Add", x.name, y.name))


@form(Translator)
def translator(g, layer, x, path):
    h = g.layer(layer.first, x, join(path, "first"))
    y = g.layer(layer.inner, h, join(path, "inner"))
    if layer.skips:
        y = y.to(g("Add", h.name, y.name))
    y = g.layer(layer.last, y, join(path, "last"))
    if layer.skips:
        skip = g("Mul", x.name, g.constant(1.5))
        y = y.to(g("Add", y.name, skip))
    return y.to(g("Tanh", y.name))


@form(Encoder)
def encoder(g, layer, x, path):
    h = g.layer(layer.trunk, x, join(path, "trunk"))
    mu = g.layer(layer.mu, h, join(path, "mu"))
    raw = g.layer(layer.logvar, h, join(path, "logvar"))
    bound = g.constant(LOGVAR)
    logvar = g("Mul", g("Tanh", g("Div", raw.name, bound)), bound)
    return mu, raw.to(logvar)


# -------------------------------------------------------- ends of the graph


def taken(g, name, image, classes, label):
    """The Value of the input `name`: an image's axes are put in order, and
    channels for the label are added."""
    x = Value(g("Transpose", name, perm=[0, 3, 1, 2]) if image else name,
              image[-1] if image else 1, not image)
    if not classes:
        return x
    told = g("Gather", g.constant(np.eye(classes)), label)
    if image:
        told = g("Reshape", told, g.constant([0, classes, 1, 1]))
        told = g("Expand", told, g.constant([1, 1, *image[:2]]))
    return Value(g("Concat", x.name, told, axis=1), x.c if x.flat
                 else x.c + classes, x.flat)


def given(g, x):
    """The name of an image N H W C, or of a vector in tinygen's order."""
    if not x.flat:
        return g("Transpose", x.name, perm=[0, 2, 3, 1])
    if x.c == 1:
        return x.name
    groups = g("Reshape", x.name, g.constant([0, x.c, -1]))
    return g("Flatten", g("Transpose", groups, perm=[0, 2, 1]))


def squashed(g, x, decoder):
    """x; the means in (-1, 1) of a VAE's pixels, if x are its decoder's."""
    if decoder == "gaussian":
        return x.to(g("Tanh", x.name))
    if decoder == "bernoulli":
        ink = g("Mul", g("Sigmoid", x.name), g.constant(2.0))
        return x.to(g("Sub", ink, g.constant(1.0)))
    return x
