"""Layers: plain classes, each with state, construction and call, in that
order.

layer(x, train=False, rng=None) on every one. A Tensor attribute is a
parameter, an ndarray a buffer; parameters() and state() find both by
walking the attributes, and name them by path: "up1.conv.w". An attribute
whose name begins with _ is not walked.
"""

import numpy as np

from tinygen.engine import kernels, ops
from tinygen.engine.autograd import Tensor
from tinygen.engine.convolution import (
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    max_pool2d,
    upsample2d,
    upsample_conv2d,
)
from tinygen.engine.norms import normalize
from tinygen.engine.ops import leaky_relu

# --------------------------------------------------- walking the attributes


def _walk(obj, path="", seen=None):
    """Pairs (path, Tensor or ndarray) below obj, in order of definition.

    What two paths lead to is found once, under the first.
    """
    seen = set() if seen is None else seen
    if id(obj) in seen:
        return
    seen.add(id(obj))
    if isinstance(obj, (Tensor, np.ndarray)):
        yield path, obj
        return
    if isinstance(obj, dict):
        items = obj.items()
    elif isinstance(obj, Sequential):
        # "up1.conv.w", not "layers.up1.layers.conv.w"
        own = {k: v for k, v in vars(obj).items() if k != "layers"}
        items = (obj.layers | own).items()
    elif isinstance(obj, (list, tuple)):
        items = enumerate(obj)
    else:
        items = getattr(obj, "__dict__", {}).items()
    for key, value in items:
        if not str(key).startswith("_"):
            yield from _walk(value, f"{path}.{key}" if path else str(key),
                             seen)


def parameters(obj):
    """{path: Tensor} of all parameters below obj, in order of definition.

    Each Tensor learns the longest path it was found by as its name, for
    error messages.
    """
    found = {}
    for path, leaf in _walk(obj):
        if isinstance(leaf, Tensor):
            leaf.name = max(leaf.name or "", path, key=len)
            found[path] = leaf
    return found


def state(obj):
    """{path: array} of all parameters and buffers below obj.

    The arrays are the live ones: copy them if you mean to keep them.
    """
    return {path: leaf.data if isinstance(leaf, Tensor) else leaf
            for path, leaf in _walk(obj)}


def load_state(obj, arrays):
    """Write `arrays` ({path: array}) into obj, in place.

    ValueError, before anything is written, naming the first entry that is
    missing, unknown, of another shape, or of a kind that does not fit
    (complex numbers, or fractions where integers belong).
    """
    mine = dict(_walk(obj))
    for path in mine | arrays:
        if path not in arrays:
            raise ValueError(f"load_state: {path} is missing from the given "
                             "state; is it of another architecture?")
        if path not in mine:
            raise ValueError(f"load_state: {path} is unknown to this "
                             f"{type(obj).__name__}; is the state of another "
                             "architecture?")
        here, given = mine[path], arrays[path]
        if here.shape != given.shape or not np.can_cast(
                given.dtype, here.dtype, "same_kind"):
            raise ValueError(
                f"load_state: {path} is {given.dtype} of shape {given.shape} "
                f"in the given state, {here.dtype} of {here.shape} here")
    for path, leaf in mine.items():
        if isinstance(leaf, Tensor):
            leaf.assign(arrays[path])
        else:
            np.copyto(leaf, arrays[path])


# ------------------------------------------------------- layers with weights


def _he(shape, fan_in, rng, gain=1.0, slope=0.2):
    """Normal weights that keep the size of signals through a LeakyReLU.

    Variance 2 gain^2 / ((1 + slope^2) fan_in): He et al. (2015), equation
    15. A gain below 1 is for a last layer, whose outputs should start small.
    """
    std = gain * np.sqrt(2 / ((1 + slope ** 2) * fan_in))
    return Tensor((_rng(rng).standard_normal(shape) * std)
                  .astype(np.float32))


def _rng(rng):
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}: give "
                         "rng=np.random.default_rng(seed); random numbers "
                         "always come from a generator you name")
    return rng


def _bias(n, bias):
    return Tensor(np.zeros(n, np.float32)) if bias else None


def _given(b):
    return () if b is None else (b,)


class Linear:
    """y = x w + b. x N I, w I O, b O; y N O."""

    def __init__(self, n_in, n_out, *, bias=True, gain=1.0, rng=None):
        self.w = _he((n_in, n_out), n_in, rng, gain)
        self.b = _bias(n_out, bias)

    def __call__(self, x, train=False, rng=None):
        if self.b is None:
            return x @ self.w
        return ops.linear(x, self.w, self.b)


class Conv2d:
    """y = conv2d(x, w) + b. x N H W I, w size size I O; y N H' W' O.

    pad defaults to size // 2: for odd sizes and stride 1, H' = H.
    """

    def __init__(self, c_in, c_out, size=3, *, stride=1, pad=None,
                 bias=True, gain=1.0, rng=None):
        self.stride, self.pad = stride, size // 2 if pad is None else pad
        self.w = _he((size, size, c_in, c_out), size * size * c_in, rng,
                     gain)
        self.b = _bias(c_out, bias)

    def __call__(self, x, train=False, rng=None):
        return conv2d(x, self.w, *_given(self.b), stride=self.stride,
                      pad=self.pad)


class ConvTranspose2d:
    """The adjoint of a Conv2d from c_out to c_in channels, plus a bias.

    x N H W I, w size size O I; y N H' W' O with H' = (H-1) stride + size
    - 2 pad: size 4, stride 2, pad 1 doubles the sides.
    """

    def __init__(self, c_in, c_out, size=4, *, stride=2, pad=1, bias=True,
                 rng=None):
        self.size, self.stride, self.pad = size, stride, pad
        fan_in = size * size * c_in / stride ** 2
        self.w = _he((size, size, c_out, c_in), fan_in, rng)
        self.b = _bias(c_out, bias)

    def __call__(self, x, train=False, rng=None):
        hw = tuple((n - 1) * self.stride + self.size - 2 * self.pad
                   for n in x.shape[1:3])
        return conv_transpose2d(x, self.w, *_given(self.b), hw=hw,
                                stride=self.stride, pad=self.pad)


class UpsampleConv2d:
    """Nearest x2, then a 3x3 convolution, without the large image.

    x N H W I, w 3 3 I O; y N 2H 2W O. See upsample_conv2d.
    """

    def __init__(self, c_in, c_out, *, bias=True, rng=None):
        self.w = _he((3, 3, c_in, c_out), 9 * c_in, rng)
        self.b = _bias(c_out, bias)

    def __call__(self, x, train=False, rng=None):
        return upsample_conv2d(x, self.w, *_given(self.b))


class Embedding:
    """Row labels[n] of a table, for integer labels. labels N; y N C."""

    def __init__(self, n, channels, *, rng=None):
        self.w = Tensor(_rng(rng).standard_normal((n, channels))
                        .astype(np.float32))

    def __call__(self, labels, train=False, rng=None):
        labels = np.asarray(labels)
        good = (labels >= 0) & (labels < len(self.w)) & (labels % 1 == 0)
        if not good.all():
            raise IndexError("Embedding: labels must be whole numbers in 0.."
                             f"{len(self.w) - 1}, got {labels[~good][0]}")
        return self.w[labels.astype(np.int64)]


# -------------------------------------------------------------------- norms


class _Norm:
    """normalize over some axes, then one scale and shift per channel."""

    def __init__(self, channels, *, eps=1e-5):
        self.scale = Tensor(np.ones(channels, np.float32))
        self.shift = Tensor(np.zeros(channels, np.float32))
        self.eps = eps

    def __call__(self, x, train=False, rng=None):
        self._check(x)
        axes = self._axes(x)
        return self._normalize(x, axes, kernels.moments(x.data, axes))

    def _normalize(self, x, axes, moments):
        return normalize(x, self.scale, self.shift, axes=axes, eps=self.eps,
                         moments=moments)

    def _check(self, x):
        if x.shape[-1] != len(self.scale):
            raise ValueError(f"{type(self).__name__} of {len(self.scale)} "
                             f"channels cannot take shape {x.shape}")

    def _axes(self, x):
        return tuple(range(1, x.ndim))


class LayerNorm(_Norm):
    """Each example normalised over all its numbers. Ba et al. (2016)."""

    def _normalize(self, x, axes, moments):
        # Scale and shift vary within what is averaged over.
        y = normalize(x, axes=axes, eps=self.eps, moments=moments)
        return y * self.scale + self.shift


class InstanceNorm(_Norm):
    """Each channel of each image normalised. Ulyanov et al. (2016)."""

    def _axes(self, x):
        if x.ndim != 4:
            raise ValueError(f"InstanceNorm needs N H W C, got {x.shape}")
        return (1, 2)


class BatchNorm(_Norm):
    """Each channel normalised over the batch. Ioffe and Szegedy (2015).

    train=True uses the batch's mean and variance, and moves the running
    ones towards them by `rate`; train=False uses the running ones.
    """

    def __init__(self, channels, *, eps=1e-5, rate=0.1):
        super().__init__(channels, eps=eps)
        self.rate = rate
        self.running_mean = np.zeros(channels, np.float32)
        self.running_var = np.ones(channels, np.float32)

    def __call__(self, x, train=False, rng=None):
        self._check(x)
        if not train:
            rstd = 1 / np.sqrt(self.running_var + self.eps)
            return (x - self.running_mean) * (self.scale * rstd) + self.shift
        axes = self._axes(x)
        n = x.size // x.shape[-1]
        if n < 2:
            raise ValueError("BatchNorm in training needs at least two "
                             f"values per channel, got shape {x.shape}")
        mean, var = moments = kernels.moments(x.data, axes)
        self.running_mean += self.rate * (mean.reshape(-1)
                                          - self.running_mean)
        self.running_var += self.rate * (var.reshape(-1) * (n / (n - 1))
                                         - self.running_var)
        return self._normalize(x, axes, moments)

    def _axes(self, x):
        return tuple(range(x.ndim - 1))


class SpectralNorm:
    """A layer whose weight is divided by its largest singular value.

    w is seen as a matrix with one column per output. u, its first left
    singular vector, is kept by one step of power iteration per training
    call; then sigma = |u^T w|. Miyato et al. (2018), algorithm 1.
    """

    def __init__(self, layer, *, rng=None):
        self.layer = layer
        rows = self._matrix(layer.w).shape[0]
        self.u = _unit(_rng(rng).standard_normal(rows).astype(np.float32))
        for _ in range(20):     # start close to the singular vector
            self._power_step(layer.w)

    def __call__(self, x, train=False, rng=None):
        w = self.layer.w
        if train:
            self._power_step(w)
        sigma = (((self._matrix(w) * self.u[:, None]).sum(axis=0) ** 2)
                 .sum() ** 0.5)
        try:
            self.layer.w = w / sigma
            return self.layer(x, train, rng)
        finally:
            self.layer.w = w

    def _matrix(self, w):
        if isinstance(self.layer, ConvTranspose2d):
            w = ops.transpose(w, axes=(0, 1, 3, 2))
        return w.reshape(-1, w.shape[-1])

    def _power_step(self, w):
        matrix = self._matrix(w).data
        np.copyto(self.u, _unit(matrix @ _unit(self.u @ matrix)))


def _unit(v):
    return v / (np.linalg.norm(v) + 1e-12)


# ---------------------------------------------------- layers without weights


class LeakyReLU:
    """x where x > 0, slope * x elsewhere."""

    def __init__(self, slope=0.2):
        self.slope = slope

    def __call__(self, x, train=False, rng=None):
        return leaky_relu(x, slope=self.slope)


class Activation:
    """Any op of one input as a layer: Activation(tg.tanh)."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x, train=False, rng=None):
        return self.function(x)


def ReLU():
    """max(x, 0)."""
    return Activation(ops.relu)


def Tanh():
    """tanh x: the generators' last layer, whose images are in (-1, 1)."""
    return Activation(ops.tanh)


def Sigmoid():
    """1 / (1 + e^-x)."""
    return Activation(ops.sigmoid)


class Dropout:
    """In training, zeroes each number with probability p and divides the
    others by 1 - p, so that the mean stays; else nothing."""

    def __init__(self, p=0.5):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), got {p}")
        self.p = p

    def __call__(self, x, train=False, rng=None):
        if not train or self.p == 0:
            return x
        keep = _rng(rng).random(x.shape) >= self.p
        return x * (keep / (1 - self.p))


class Pool:
    """avg_pool2d or max_pool2d (kind "avg", "max") as a layer."""

    def __init__(self, kind="avg", size=2, stride=None):
        self.kind, self.size = kind, size
        self.stride = stride or size
        if kind not in ("avg", "max"):
            raise ValueError(f'Pool: kind is "avg" or "max", not {kind!r}')

    def __call__(self, x, train=False, rng=None):
        pool = avg_pool2d if self.kind == "avg" else max_pool2d
        return pool(x, size=self.size, stride=self.stride)


class Upsample2d:
    """Nearest x2: every pixel becomes 2 x 2."""

    def __call__(self, x, train=False, rng=None):
        return upsample2d(x)


class ReflectPad:
    """Mirrors `width` pixels at the border."""

    def __init__(self, width):
        self.width = width

    def __call__(self, x, train=False, rng=None):
        return ops.reflect_pad(x, self.width)


class Flatten:
    """N ... to N K."""

    def __call__(self, x, train=False, rng=None):
        return x.reshape(x.shape[0], -1)


class Reshape:
    """N K to N and the given shape."""

    def __init__(self, *shape):
        self.shape = shape

    def __call__(self, x, train=False, rng=None):
        return x.reshape(x.shape[0], *self.shape)


# ---------------------------------------------------------------- containers


class Sequential:
    """Layers one after the other; train and rng are passed on.

    Sequential(Linear(...), Tanh()) numbers them; Sequential(up=...,
    out=...) names them. net[i] and len(net) reach them.
    """

    def __init__(self, *layers, **named):
        self.layers = {str(k): layer for k, layer in enumerate(layers)}
        self.layers.update(named)

    def __call__(self, x, train=False, rng=None):
        for layer in self.layers.values():
            x = layer(x, train, rng)
        return x

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, k):
        return list(self.layers.values())[k]


class Residual:
    """y = x + body(x). He et al. (2016)."""

    def __init__(self, *layers):
        self.body = Sequential(*layers)

    def __call__(self, x, train=False, rng=None):
        return x + self.body(x, train, rng)
