"""A case for every op: what it is tried on, and what PyTorch calls it.

CASES[name] lists (inputs, options). An input is a shape, filled by
numbers(); or a function of a random generator, where an op needs others.
TORCH[name](torch, *inputs, **options) is the same function in PyTorch.
"""

import numpy as np


def numbers(shape, k=0):
    """Numbers in (-2, 2) in mixed order, no two nearer than 1e-3, none near
    0, and none near those of another input k: so no test sits on a kink."""
    n = int(np.prod(shape))
    order = np.random.default_rng(n + k).permutation(n)
    return ((order + 0.3 + 0.21 * k) / n * 4 - 2).reshape(shape)


def positive(*shape):
    return lambda: np.abs(numbers(shape)) + 0.5


def inputs_of(case):
    """The float64 arrays of one case."""
    return [item() if callable(item) else numbers(item, k)
            for k, item in enumerate(case[0])]


ELEMENTWISE = [([()], {}), ([(4,)], {}), ([(2, 3)], {}), ([(1, 2, 2, 2)], {})]
BINARY = [([(), ()], {}), ([(3,), (3,)], {}), ([(2, 3), (3,)], {}),
          ([(2, 1, 2), (3, 1)], {}), ([(1,), (2, 2)], {}),
          ([(2, 2), ()], {})]
POSITIVE = [([positive()], {}), ([positive(5)], {}), ([positive(2, 3)], {})]
REDUCTIONS = [
    ([(4,)], {}), ([(2, 3)], {"axis": 0}), ([(2, 3)], {"axis": -1}),
    ([(2, 3, 2)], {"axis": (0, 2)}),
    ([(2, 3, 2)], {"axis": (0, -1), "keepdims": True}),
    ([(2, 3)], {"keepdims": True})]

# Two images, each 3 x 2 windows; some windows share their maximum.
AT = np.array([[[[0, 5], [7, 1]], [[7, 1], [3, 2]]],
               [[[4, 4], [0, 8]], [[8, 0], [0, 0]]]])
MASK = np.array([[True, False, True], [False, False, True]])

CASES = {
    # shapes
    "broadcast_to": [([(3,)], {"shape": (2, 3)}), ([()], {"shape": (2, 2)}),
                     ([(2, 1, 3)], {"shape": (2, 2, 3)}),
                     ([(2, 3)], {"shape": (2, 3)})],
    "sum_to": [([(2, 3)], {"shape": (3,)}), ([(2, 2)], {"shape": ()}),
               ([(2, 2, 3)], {"shape": (2, 1, 3)}),
               ([(2, 3)], {"shape": (2, 3)})],
    "reshape": [([(2, 3)], {"shape": (3, 2)}), ([(2, 3)], {"shape": -1}),
                ([(1,)], {"shape": ()}), ([()], {"shape": (1, 1)})],
    "transpose": [([(2, 3)], {}), ([(3,)], {}),
                  ([(2, 3, 2)], {"axes": (1, 2, 0)}),
                  ([(2, 2, 2)], {"axes": (0, -1, 1)})],
    "index": [([(4, 3)], {"at": 2}), ([(4, 3)], {"at": (slice(1, 3), 0)}),
              ([(4, 3)], {"at": (..., slice(None, None, -2))}),
              ([(4, 3)], {"at": np.array([0, 2, 0])}),
              ([(4, 3)], {"at": (np.array([[0], [3]]), np.array([1, 1]))}),
              ([(2, 3)], {"at": MASK}), ([(3,)], {"at": (None, [2, 2])})],
    "index_adjoint": [([(3,)], {"at": 2, "shape": (4, 3)}),
                      ([(2, 3)], {"at": np.array([1, 1]), "shape": (4, 3)}),
                      ([(2,)], {"at": (slice(1, 3), 0), "shape": (4, 3)})],
    "concatenate": [([(2,), (3,)], {}), ([(2, 2), (1, 2), (3, 2)], {}),
                    ([(2, 1, 2), (2, 2, 2)], {"axis": -2}), ([(2,)], {})],
    "pad": [([(3,)], {"widths": ((1, 2),)}),
            ([(2, 2)], {"widths": ((0, 1), (2, 0))}),
            ([(1, 2, 2, 2)], {"widths": ((0, 0), (1, 1), (1, 2), (0, 0))})],
    "mirror": [([(1, 3, 2, 1)], {"width": 1}), ([(2, 4, 3, 2)], {"width": 2}),
               ([(1, 2, 2, 1)], {"width": 0})],
    "mirror_adjoint": [([(1, 5, 4, 1)], {"width": 1}),
                       ([(2, 8, 7, 2)], {"width": 2})],
    # arithmetic
    "add": BINARY, "subtract": BINARY, "multiply": BINARY, "divide": BINARY,
    "maximum": BINARY, "minimum": BINARY, "negative": ELEMENTWISE,
    "power": [([(4,)], {"p": 2}), ([(2, 3)], {"p": 3}), ([()], {"p": 1}),
              ([(4,)], {"p": 0}), ([positive(4)], {"p": 0.5}),
              ([(4,)], {"p": -1})],
    "matmul": [([(2, 3), (3, 2)], {}), ([(1, 1), (1, 1)], {}),
               ([(2, 2, 3), (3, 2)], {}), ([(2, 3), (2, 3, 2)], {}),
               ([(2, 1, 1, 3), (2, 3, 2)], {}),
               ([(3, 2), (3, 2)], {"turn_a": True}),
               ([(2, 3), (2, 3)], {"turn_b": True}),
               ([(2, 3, 1), (2, 3)], {"turn_a": True, "turn_b": True})],
    "linear": [([(2, 3), (3, 2), (2,)], {}), ([(1, 1), (1, 1), (1,)], {}),
               ([(2, 2, 3), (3, 2), (2,)], {})],
    "where": [([(2, 3), (2, 3)], {"mask": MASK}),
              ([(3,), ()], {"mask": MASK}), ([(2, 1), (3,)], {"mask": MASK})],
    # reductions
    "sum": REDUCTIONS, "mean": REDUCTIONS, "max": REDUCTIONS,
    "logsumexp": [([(4,)], {}), ([(2, 3)], {}),
                  ([(2, 3, 2)], {"axis": (0, 1)}),
                  ([(2, 3)], {"axis": 0, "keepdims": True}),
                  ([(2, 3)], {"axis": None})],
    # functions of a number
    "exp": ELEMENTWISE, "abs": ELEMENTWISE, "sin": ELEMENTWISE,
    "cos": ELEMENTWISE, "tanh": ELEMENTWISE, "sigmoid": ELEMENTWISE,
    "softplus": ELEMENTWISE, "log": POSITIVE, "sqrt": POSITIVE,
    "leaky_relu": [*ELEMENTWISE, ([(4,)], {"slope": 0.0}),
                   ([(2, 3)], {"slope": 0.5})],
    "leaky_relu_grad": [([(4,), (4,)], {"slope": 0.2}),
                        ([(2, 3), (2, 3)], {"slope": 0.0})],
    # convolution and relatives
    "conv2d": [
        ([(1, 3, 3, 1), (3, 3, 1, 1)], {}),
        ([(2, 3, 4, 2), (2, 3, 2, 1)], {"pad": 1}),
        ([(1, 5, 4, 1), (3, 3, 1, 2)], {"stride": 2, "pad": 1}),
        ([(1, 7, 5, 1), (1, 2, 1, 1)], {"stride": 3}),
        ([(1, 4, 4, 1), (4, 4, 1, 1)], {"stride": 2, "pad": 1}),
        ([(2, 3, 4, 2), (2, 3, 2, 3), (3,)], {"pad": 1})],
    "conv_transpose2d": [
        ([(1, 2, 2, 1), (3, 3, 1, 1)], {"hw": (4, 4)}),
        ([(1, 2, 3, 2), (4, 4, 1, 2)], {"hw": (4, 6), "stride": 2, "pad": 1}),
        ([(2, 2, 2, 1), (3, 2, 2, 1)], {"hw": (4, 3), "stride": 2, "pad": 1}),
        ([(1, 2, 2, 1), (2, 2, 1, 1)], {"hw": (7, 5), "stride": 3}),
        ([(1, 2, 3, 2), (4, 4, 3, 2), (3,)],
         {"hw": (4, 6), "stride": 2, "pad": 1})],
    "conv2d_filter_grad": [
        ([(1, 3, 4, 2), (1, 2, 3, 1)], {"hw": (2, 2)}),
        ([(2, 4, 3, 1), (2, 2, 2, 2)], {"hw": (3, 3), "stride": 2, "pad": 1}),
        ([(1, 7, 5, 1), (1, 2, 2, 1)], {"hw": (2, 2), "stride": 3})],
    "upsample_conv2d": [
        ([(1, 1, 1, 1), (3, 3, 1, 1)], {}),
        ([(2, 3, 2, 2), (3, 3, 2, 3), (3,)], {})],
    "upsample_conv2d_adjoint": [([(1, 2, 2, 1), (3, 3, 1, 1)], {}),
                                ([(2, 4, 6, 2), (3, 3, 3, 2)], {})],
    "upsample_conv2d_filter_grad": [([(1, 1, 1, 1), (1, 2, 2, 1)], {}),
                                    ([(2, 2, 3, 2), (2, 4, 6, 1)], {})],
    "upsample2d": [([(1, 1, 1, 1)], {}), ([(2, 3, 2, 1)], {})],
    "upsample2d_adjoint": [([(1, 2, 2, 1)], {}), ([(2, 2, 4, 2)], {})],
    "avg_pool2d": [([(1, 4, 4, 2)], {}), ([(1, 5, 3, 1)], {}),
                   ([(2, 5, 4, 1)], {"size": 3, "stride": 1}),
                   ([(1, 5, 5, 1)], {"size": 2, "stride": 3})],
    "avg_pool2d_adjoint": [
        ([(1, 2, 2, 2)], {"hw": (5, 4), "size": 2, "stride": 2}),
        ([(2, 3, 2, 1)], {"hw": (5, 4), "size": 3, "stride": 1})],
    "gather_hw": [([(2, 3, 3, 2)], {"at": AT})],
    "scatter_hw": [([(2, 2, 2, 2)], {"at": AT, "hw": (3, 3)})],
    # fused
    "normalize": [([(2, 2, 3, 2)], {"axes": (0, 1, 2)}),
                  ([(2, 2, 3, 2), (2,), (2,)], {"axes": (0, 1, 2)}),
                  ([(2, 2, 2, 2)], {"axes": (1, 2)}),
                  ([(2, 2, 2, 2), (2,), (2,)], {"axes": (1, 2)}),
                  ([(2, 2, 2, 2)], {"axes": (1, 2, 3), "eps": 0.1}),
                  ([(4, 3)], {"axes": (0,)}), ([(3, 4)], {"axes": (1,)})],
    "normalize_sums": [
        ([(2, 2, 2, 1), (2, 2, 2, 1)], {"axes": (0, 1, 2)}),
        ([(2, 2, 2, 2), (2, 2, 2, 2)], {"axes": (1, 2), "eps": 0.1})],
    "normalize_grad": [
        ([(2, 2, 2, 1), (2, 2, 2, 1)], {"axes": (0, 1, 2)}),
        ([(2, 2, 2, 2), (2, 2, 2, 2), (2,)], {"axes": (0, 1, 2)}),
        ([(1, 2, 2, 2), (1, 2, 2, 2)], {"axes": (1, 2), "eps": 0.1}),
        ([(2, 2, 2, 1), (2, 2, 2, 1), (1,)], {"axes": (1, 2), "eps": 0.1}),
        ([(3, 2), (3, 2)], {"axes": (0,)})],
    "bce_terms": [([(4,), (4,)], {}), ([(2, 3), ()], {}),
                  ([(2, 1), (2, 3)], {})],
}


def images(x):
    """N H W C to PyTorch's N C H W, without a copy."""
    return x.permute(0, 3, 1, 2)


def back(x):
    return x.permute(0, 2, 3, 1)


def filters(w):
    """H W I O to PyTorch's O I H W."""
    return w.permute(3, 2, 0, 1)


def _norm(torch, x, scale=1, shift=0, *, axes, eps=1e-5):
    centred = x - x.mean(axes, keepdim=True)
    rstd = (x.var(axes, keepdim=True, unbiased=False) + eps) ** -0.5
    return centred * rstd * scale + shift


def _norm_sums(torch, g, x, axes, **k):
    y = _norm(torch, x, axes=axes, **k)
    return torch.stack([g.sum(axes, True), (g * y).sum(axes, True)])


def _pool(torch, x, size=2, stride=2):
    return back(torch.nn.functional.avg_pool2d(images(x), size, stride))


def _reduce(name):
    def reduce(torch, x, axis=None, keepdims=False):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, name)(x, dim=axes, keepdim=keepdims)
    return reduce


def _conv(torch, x, w, b=None, stride=1, pad=0):
    return back(torch.nn.functional.conv2d(
        images(x), filters(w).contiguous(), b, stride=stride, padding=pad))


def _transposed(torch, g, w, b=None, *, hw, **k):
    x = _adjoint(torch, lambda x: _conv(torch, x, w, **k), g, len(g), *hw,
                 w.shape[2])
    return x if b is None else x + b


def _upsampled(torch, x, w, b=None):
    return _conv(torch, back(torch.nn.functional.interpolate(
        images(x), scale_factor=2, mode="nearest")), w, b, pad=1)


def _adjoint(torch, f, g, *shape):
    """The adjoint of a linear torch function f, by torch's own autograd."""
    x = g.new_zeros(shape, requires_grad=True)
    return torch.autograd.grad(f(x), x, g, create_graph=True)[0]


def _elementwise(name):
    return lambda torch, *x: getattr(torch, name)(*x)


TORCH = {name: _elementwise(name) for name in (
    "add", "subtract", "multiply", "divide", "maximum", "minimum",
    "negative", "exp", "abs", "sin", "cos", "tanh", "sigmoid", "log", "sqrt")}
TORCH |= {
    "broadcast_to": lambda t, x, shape: x.expand(shape),
    "sum_to": lambda t, x, shape: x.sum_to_size(shape),
    "reshape": lambda t, x, shape: x.reshape(shape),
    "matmul": lambda t, a, b, turn_a=False, turn_b=False: (
        (a.mT if turn_a else a) @ (b.mT if turn_b else b)),
    "linear": lambda t, x, w, b: x @ w + b,
    "transpose": lambda t, x, axes=None: x.permute(
        tuple(range(x.ndim))[::-1] if axes is None else axes),
    "concatenate": lambda t, *xs, axis=0: t.cat(xs, axis),
    "pad": lambda t, x, widths: t.nn.functional.pad(
        x, [n for pair in widths[::-1] for n in pair]),
    "power": lambda t, x, p: x ** p,
    "where": lambda t, a, b, mask: t.where(t.tensor(mask), a, b),
    "sum": _reduce("sum"), "mean": _reduce("mean"), "max": _reduce("amax"),
    "logsumexp": lambda t, x, axis=-1, keepdims=False: _reduce("logsumexp")(
        t, x, axis, keepdims),
    "softplus": lambda t, x: t.nn.functional.softplus(x, threshold=1e9),
    "leaky_relu": lambda t, x, slope=0.2: t.nn.functional.leaky_relu(x, slope),
    "leaky_relu_grad": lambda t, g, x, slope: t.where(x > 0, g, slope * g),
    "conv2d": _conv,
    "conv_transpose2d": _transposed,
    "conv2d_filter_grad": lambda t, x, g, hw, **k: _adjoint(
        t, lambda w: _conv(t, x, w, **k), g, *hw, x.shape[3], g.shape[3]),
    "upsample_conv2d": _upsampled,
    "upsample_conv2d_adjoint": lambda t, g, w: _adjoint(
        t, lambda x: _upsampled(t, x, w), g, len(g), g.shape[1] // 2,
        g.shape[2] // 2, w.shape[2]),
    "upsample_conv2d_filter_grad": lambda t, x, g: _adjoint(
        t, lambda w: _upsampled(t, x, w), g, 3, 3, x.shape[3], g.shape[3]),
    "upsample2d": lambda t, x: back(t.nn.functional.interpolate(
        images(x), scale_factor=2, mode="nearest")),
    "upsample2d_adjoint": lambda t, g: 4 * _pool(t, g),
    "avg_pool2d": _pool,
    "avg_pool2d_adjoint": lambda t, g, hw, **k: _adjoint(
        t, lambda x: _pool(t, x, **k), g, len(g), *hw, g.shape[3]),
    "normalize": _norm, "normalize_sums": _norm_sums,
    "normalize_grad": lambda t, g, x, *scale, **k: t.autograd.grad(
        _norm(t, x, *scale, **k), x, g, create_graph=True)[0],
    "bce_terms": lambda t, x, y: (
        t.nn.functional.binary_cross_entropy_with_logits(
            *t.broadcast_tensors(x, y), reduction="none")),
    "mirror": lambda t, x, width: back(t.nn.functional.pad(
        images(x), [width] * 4, mode="reflect")),
    "mirror_adjoint": lambda t, g, width: _adjoint(
        t, lambda x: TORCH["mirror"](t, x, width), g, len(g),
        g.shape[1] - 2 * width, g.shape[2] - 2 * width, g.shape[3]),
    "index": lambda t, x, at: x[_indices(t, at)],
    "index_adjoint": lambda t, g, at, shape: _adjoint(
        t, lambda x: x[_indices(t, at)], g, *shape),
    "gather_hw": lambda t, x, at: x.flatten(1, 2).gather(
        1, t.tensor(at).flatten(1, 2)).reshape(at.shape),
    "scatter_hw": lambda t, g, at, hw: _adjoint(
        t, lambda x: TORCH["gather_hw"](t, x, at), g, len(g), *hw, g.shape[3]),
}


def _indices(torch, at):
    """`at` for PyTorch, which has no negative steps: those become lists."""
    if isinstance(at, tuple):
        return tuple(_indices(torch, part) for part in at)
    if isinstance(at, np.ndarray):
        return torch.tensor(at)
    if isinstance(at, slice) and (at.step or 1) < 0:
        return torch.tensor([2, 0])
    return at
