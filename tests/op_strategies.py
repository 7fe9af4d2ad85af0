"""Random cases for every op, what PyTorch computes, and their comparison.

STRATEGIES[name](draw) gives (arrays, options) for the op of that name, or
for a function of FUNCTIONS. Shapes may be empty, of size 1 or of no axis;
laid_out() gives each array one of the LAYOUTS that NumPy knows. compare()
holds values, first and second derivatives against PyTorch's in float64.
"""

import contextlib

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from op_cases import TORCH, _adjoint, back, filters, images

import tinygen as tg
from tinygen.engine import kernels
from tinygen.engine.autograd import registry
from tinygen.engine.kernels import plain

# ---------------------------------------------------------------- layouts


def _strided(a):
    big = np.full([2 * n + 1 for n in a.shape], np.nan, a.dtype)
    part = big[(..., *[slice(1, None, 2)] * a.ndim)]
    part[...] = a
    return part


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _broadcast(a):
    """A view with stride 0: all along the last axis is its first number."""
    return np.broadcast_to(a[..., :1], a.shape) if a.size and a.ndim else a


def _misaligned(a):
    out = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


def _odd_strides(a):
    """Contiguous, as far as the strides of size-1 axes do not count."""
    a = np.ascontiguousarray(a).reshape(a.shape)
    return np.lib.stride_tricks.as_strided(a, strides=[
        7 * step if n == 1 else step
        for n, step in zip(a.shape, a.strides, strict=True)])


LAYOUTS = {
    "contiguous": lambda a: a,
    "Fortran": lambda a: np.array(a, order="F"),
    "turned": lambda a: np.moveaxis(np.ascontiguousarray(
        np.moveaxis(a, 0, -1)), -1, 0) if a.ndim else a,
    "negative": lambda a: np.flip(np.flip(a).copy()),
    "strided": _strided, "read-only": _read_only, "broadcast": _broadcast,
    "misaligned": _misaligned, "odd strides": _odd_strides,
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder())}


def laid_out(draw, arrays, dtype):
    """The arrays in dtype, each in one of the layouts; the same whatever
    the dtype."""
    names = [draw(st.sampled_from(list(LAYOUTS))) for _ in arrays]
    return {d: [np.asarray(LAYOUTS[name](np.array(a, d))) for name, a in zip(
        names, arrays, strict=True)] for d in dtype}


# ----------------------------------------------------------------- shapes

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
FULL = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=3)


def fill(draw, shape, kind="any"):
    """Random numbers: any in (-2, 2), some of them equal at times; positive
    ones; or ones that are not near 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "any":
        x = rng.uniform(-2, 2, shape)
        x = np.round(2 * x) / 2 if draw(st.integers(0, 4)) == 0 else x
        return np.asarray(x)
    x = rng.uniform(0.5, 2.5, shape)
    return np.asarray(x * rng.choice([-1, 1], shape) if kind == "not 0"
                      else x)


def _elementwise(kind="any", shapes=SHAPES, **options):
    def case(draw):
        return [fill(draw, draw(shapes), kind)], {
            k: draw(v) for k, v in options.items()}
    return case


def _together(draw, count):
    return list(draw(hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=4, min_side=0, max_side=3)).input_shapes)


def _binary(second="any"):
    def case(draw):
        a, b = _together(draw, 2)
        return [fill(draw, a), fill(draw, b, second)], {}
    return case


def _part(draw, shape):
    """A shape that broadcasts to `shape`."""
    part = [1 if draw(st.booleans()) else n for n in shape]
    return tuple(part[draw(st.integers(0, len(part))):])


def _broadcast_to(draw):
    shape = draw(SHAPES)
    return [fill(draw, _part(draw, shape))], {"shape": shape}


def _sum_to(draw):
    shape = draw(SHAPES)
    return [fill(draw, shape)], {"shape": _part(draw, shape)}


def _reshape(draw):
    shape = list(draw(SHAPES))
    other = draw(st.permutations([*shape, 1, 1]))
    if 0 not in shape and draw(st.booleans()):
        other[draw(st.integers(0, len(other) - 1))] = -1
    return [fill(draw, shape)], {"shape": tuple(other)}


def _transpose(draw):
    x = fill(draw, draw(SHAPES))
    axes = [k - x.ndim * draw(st.booleans())
            for k in draw(st.permutations(range(x.ndim)))]
    return [x], {"axes": tuple(axes)} if draw(st.booleans()) else {}


def _at(draw, shape):
    """An index into `shape`: slices, lists that repeat, or a mask."""
    kind = draw(st.sampled_from(["basic", "lists", "mask"]))
    if kind == "basic" or 0 in shape or not shape:
        return draw(hnp.basic_indices(shape, allow_newaxis=True))
    if kind == "mask":
        return draw(hnp.arrays(bool, shape))
    return draw(hnp.integer_array_indices(shape))


def _index(draw):
    x = fill(draw, draw(SHAPES))
    return [x], {"at": _at(draw, x.shape)}


def _index_adjoint(draw):
    shape = draw(SHAPES)
    at = _at(draw, shape)
    return [fill(draw, np.zeros(shape)[at].shape)], {"at": at, "shape": shape}


def _concatenate(draw):
    shape = draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    shapes = []
    for n in sizes:
        shapes.append(list(shape))
        shapes[-1][axis] = n
    return [fill(draw, s) for s in shapes], {"axis": axis}


def _stack(draw):
    shape = draw(SHAPES)
    return [fill(draw, shape) for _ in range(draw(st.integers(1, 3)))], {
        "axis": draw(st.integers(-len(shape) - 1, len(shape)))}


def _pad(draw):
    x = fill(draw, draw(hnp.array_shapes(max_dims=4, min_side=0, max_side=3)))
    pair = st.tuples(st.integers(0, 2), st.integers(0, 2))
    return [x], {"widths": tuple(draw(pair) for _ in x.shape)}


def _mirror(draw, adjoint=False):
    width = draw(st.integers(0, 2))
    h, w = (draw(st.integers(width + 1, 5)) + 2 * width * adjoint
            for _ in range(2))
    n, c = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    return [fill(draw, (n, h, w, c))], {"width": width}


def _power(draw):
    p = draw(st.sampled_from([0, 1, 2, 3, -1, -2, 0.5, 1.5, -0.5]))
    kind = "positive" if p % 1 else "not 0" if p < 0 else "any"
    return [fill(draw, draw(SHAPES), kind)], {"p": p}


def _matmul(draw):
    m, k, n = (draw(st.integers(0, 4)) for _ in range(3))
    a, b = _together(draw, 2) if draw(st.booleans()) else ((), ())
    if draw(st.integers(0, 19)) == 0:       # what threads share
        m, k, n = draw(st.permutations([3, 1200, 1200]))
        a = b = ()
    turn = {"turn_a": draw(st.booleans()), "turn_b": draw(st.booleans())}
    return [fill(draw, (*a, *((k, m) if turn["turn_a"] else (m, k)))),
            fill(draw, (*b, *((n, k) if turn["turn_b"] else (k, n))))], turn


def _linear(draw):
    *rows, k = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0,
                                     max_side=4))
    n = draw(st.integers(0, 3))
    return [fill(draw, (*rows, k)), fill(draw, (k, n)),
            fill(draw, draw(st.sampled_from([(n,), (1,), ()])))], {}


def _where(draw):
    a, b, mask = _together(draw, 3)
    return [fill(draw, a), fill(draw, b)], {
        "mask": draw(hnp.arrays(bool, mask))}


def _reduction(shapes, several=True):
    def case(draw):
        shape, options = draw(shapes), {}
        axis = st.integers(-len(shape), len(shape) - 1)
        if shape and draw(st.booleans()):
            options["axis"] = draw(axis)
        elif shape and several and draw(st.booleans()):
            options["axis"] = draw(st.lists(
                axis, min_size=1, max_size=3,
                unique_by=lambda k: k % len(shape)).map(tuple))
        if draw(st.booleans()):
            options["keepdims"] = draw(st.booleans())
        return [fill(draw, shape)], options
    return case


def _leaky_relu_grad(draw):
    shape = draw(SHAPES)
    return [fill(draw, shape), fill(draw, shape)], {"slope": draw(SLOPES)}


SLOPES = st.sampled_from([0.0, 0.2, 0.5, 1.0, 1.5, -0.5])


# ----------------------------------------------------- images and filters


def _sizes(draw):
    """Sides, channels, stride and padding that fit, however odd; one in ten
    is for Winograd."""
    if draw(st.integers(0, 9)) == 0:
        n, h, w = draw(st.sampled_from([(1, 8, 8), (2, 7, 5), (3, 5, 6)]))
        c, o = draw(st.permutations([32, 33]))
        return (n, h, w, c), (3, 3, c, o), (n, h, w, o), {"pad": 1}
    n, c, o = (draw(st.integers(0, most)) for most in (2, 4, 4))
    h, w = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    stride, pad = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    kh, kw = (draw(st.integers(1, min(5, n + 2 * pad))) for n in (h, w))
    out = [(a + 2 * pad - k) // stride + 1 for a, k in ((h, kh), (w, kw))]
    return (n, h, w, c), (kh, kw, c, o), (n, *out, o), {
        "stride": stride, "pad": pad}


def _conv2d(draw):
    x, w, _, k = _sizes(draw)
    b = [fill(draw, w[3:])] if draw(st.booleans()) else []
    return [fill(draw, x), fill(draw, w), *b], k


def _conv_transpose2d(draw):
    x, w, g, k = _sizes(draw)
    b = [fill(draw, w[2:3])] if draw(st.booleans()) else []
    return [fill(draw, g), fill(draw, w), *b], {"hw": x[1:3], **k}


def _filter_grad(draw):
    x, w, g, k = _sizes(draw)
    return [fill(draw, x), fill(draw, g)], {"hw": w[:2], **k}


def _up(*what):
    def case(draw):
        n, c, o = (draw(st.integers(0, most)) for most in (2, 4, 4))
        h, w = draw(st.integers(1, 5)), draw(st.integers(1, 5))
        shapes = {"x": (n, h, w, c), "w": (3, 3, c, o), "b": (o,),
                  "g": (n, 2 * h, 2 * w, o)}
        names = what[:-1] if what[-1] == "b" and draw(
            st.booleans()) else what
        return [fill(draw, shapes[name]) for name in names], {}
    return case


def _pool(*, adjoint=False):
    def case(draw):
        n, c = draw(st.integers(0, 2)), draw(st.integers(0, 3))
        size, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        h, w = draw(st.integers(size, 6)), draw(st.integers(size, 6))
        k = {"size": size, "stride": stride}
        if not adjoint:
            return [fill(draw, (n, h, w, c))], k
        out = [(a - size) // stride + 1 for a in (h, w)]
        return [fill(draw, (n, *out, c))], {"hw": (h, w), **k}
    return case


def _gather(draw, *, adjoint=False):
    n, c = draw(st.integers(0, 2)), draw(st.integers(0, 3))
    h, w, i, j = (draw(st.integers(1, 4)) for _ in range(4))
    at = draw(hnp.arrays(np.int64, (n, i, j, c), elements=st.integers(
        0, h * w - 1)))
    if adjoint:
        return [fill(draw, (n, i, j, c))], {"at": at, "hw": (h, w)}
    return [fill(draw, (n, h, w, c))], {"at": at}


def _norm(more, scales):
    """x, `more` arrays of its shape, and at times `scales` of its channels."""
    def case(draw):
        shape = draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=4))
        last = len(shape) - 1
        axes = draw(st.sampled_from([
            tuple(range(last)), tuple(range(1, max(2, last))),
            tuple(range(1, last + 1))]))
        arrays = [fill(draw, shape) for _ in range(1 + more)]
        if last not in axes and draw(st.booleans()):
            arrays += [fill(draw, shape[last:]) for _ in range(scales)]
        return arrays, {"axes": axes,
                        "eps": draw(st.sampled_from([1e-2, 0.1]))}
    return case


def _bce(draw):
    logits, target = _together(draw, 2)
    return [4 * fill(draw, logits), fill(draw, target, "positive") / 2.5], {}


STRATEGIES = {
    # shapes
    "broadcast_to": _broadcast_to, "sum_to": _sum_to, "reshape": _reshape,
    "transpose": _transpose, "index": _index,
    "index_adjoint": _index_adjoint, "concatenate": _concatenate,
    "pad": _pad, "mirror": _mirror,
    "mirror_adjoint": lambda draw: _mirror(draw, adjoint=True),
    # arithmetic
    "add": _binary(), "subtract": _binary(), "multiply": _binary(),
    "divide": _binary("not 0"), "maximum": _binary(), "minimum": _binary(),
    "negative": _elementwise(), "power": _power, "matmul": _matmul,
    "linear": _linear, "where": _where,
    # reductions
    "sum": _reduction(SHAPES), "mean": _reduction(FULL),
    "max": _reduction(FULL), "logsumexp": _reduction(FULL),
    # functions of a number
    **{name: _elementwise() for name in (
        "exp", "abs", "sin", "cos", "tanh", "sigmoid", "softplus")},
    "log": _elementwise("positive"), "sqrt": _elementwise("positive"),
    "leaky_relu": _elementwise(slope=SLOPES),
    "leaky_relu_grad": _leaky_relu_grad,
    # convolution and relatives
    "conv2d": _conv2d, "conv_transpose2d": _conv_transpose2d,
    "conv2d_filter_grad": _filter_grad,
    "upsample_conv2d": _up("x", "w", "b"),
    "upsample_conv2d_adjoint": _up("g", "w"),
    "upsample_conv2d_filter_grad": _up("x", "g"),
    "upsample2d": _up("x"), "upsample2d_adjoint": _up("g"),
    "avg_pool2d": _pool(), "avg_pool2d_adjoint": _pool(adjoint=True),
    "gather_hw": _gather,
    "scatter_hw": lambda draw: _gather(draw, adjoint=True),
    # fused
    "normalize": _norm(0, 2), "normalize_sums": _norm(1, 0),
    "normalize_grad": _norm(1, 1), "bce_terms": _bce,
}


# --------------------------------------------- what PyTorch says, if empty


def _conv(t, x, w, b=None, *, stride=1, pad=0, whole=True):
    """conv2d; tap by tap what PyTorch refuses: no images or no channels,
    and, if not `whole`, some filters' second derivatives."""
    if whole and x.numel() and w.numel():
        return back(t.nn.functional.conv2d(
            images(x), filters(w).contiguous(), b, stride, pad))
    x = t.nn.functional.pad(x, [0, 0, pad, pad, pad, pad])
    ho, wo = ((n - k) // stride + 1 for n, k in zip(x.shape[1:3], w.shape))
    y = sum(x[:, u:u + stride * (ho - 1) + 1:stride,
              v:v + stride * (wo - 1) + 1:stride] @ w[u, v]
            for u in range(w.shape[0]) for v in range(w.shape[1]))
    return y if b is None else y + b


def _transposed(t, g, w, b=None, *, hw, stride=1, pad=0):
    if g.numel() and w.numel():
        extra = [n - (m - 1) * stride + 2 * pad - k for n, m, k in zip(
            hw, g.shape[1:3], w.shape)]
        return back(t.nn.functional.conv_transpose2d(
            images(g), filters(w).contiguous(), b, stride, pad, extra))
    x = _adjoint(t, lambda x: _conv(t, x, w, stride=stride, pad=pad), g,
                 len(g), *hw, w.shape[2])
    return x if b is None else x + b


def _up2(t, x):
    return x.repeat_interleave(2, 1).repeat_interleave(2, 2)


def _up_conv(t, x, w, b=None, **k):
    return _conv(t, _up2(t, x), w, b, pad=1, **k)


def _avg_pool(t, x, size=2, stride=2):
    return (TORCH["avg_pool2d"](t, x, size, stride) if x.numel() else
            _max_pool(t, x, size, stride))      # as empty


def _max_pool(t, x, size=2, stride=2):
    if x.numel():
        return back(t.nn.functional.max_pool2d(images(x), size, stride))
    ho, wo = ((n - size) // stride + 1 for n in x.shape[1:3])
    return x[:, :1, :1].expand(len(x), ho, wo, x.shape[3])


def _places(t, at, shape):
    """The numbers, in the flat array, of what `at` picks."""
    places = np.arange(int(np.prod(shape))).reshape(shape)[at]
    return t.tensor(np.array(places, order="C"))


THEIRS = TORCH | {
    "conv2d": _conv, "conv_transpose2d": _transposed,
    "conv2d_filter_grad": lambda t, x, g, hw, **k: _adjoint(
        t, lambda w: _conv(t, x, w, whole=False, **k), g, *hw, x.shape[3],
        g.shape[3]),
    "upsample2d": _up2,
    "upsample2d_adjoint": lambda t, g: g.reshape(
        len(g), g.shape[1] // 2, 2, g.shape[2] // 2, 2, -1 if g.numel() else
        g.shape[3]).sum((2, 4)),
    "upsample_conv2d": _up_conv,
    "upsample_conv2d_adjoint": lambda t, g, w: _adjoint(
        t, lambda x: _up_conv(t, x, w), g, len(g), g.shape[1] // 2,
        g.shape[2] // 2, w.shape[2]),
    "upsample_conv2d_filter_grad": lambda t, x, g: _adjoint(
        t, lambda w: _up_conv(t, x, w, whole=False), g, 3, 3, x.shape[3],
        g.shape[3]),
    "avg_pool2d": _avg_pool,
    "avg_pool2d_adjoint": lambda t, g, hw, **k: _adjoint(
        t, lambda x: _avg_pool(t, x, **k), g, len(g), *hw, g.shape[3]),
    "index": lambda t, x, at: x.reshape(-1)[_places(t, at, x.shape)],
    "index_adjoint": lambda t, g, at, shape: g.new_zeros(
        int(np.prod(shape))).index_add(
            0, _places(t, at, shape).reshape(-1), g.reshape(-1)).reshape(
                shape),
    "reshape": lambda t, x, shape: x.reshape(
        np.empty(x.shape).reshape(shape).shape),
}


# ------------------------------------------- functions that are made of ops


def _logits(draw):
    n, k = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    return [4 * fill(draw, (n, k))], {
        "labels": draw(hnp.arrays(np.int64, n, elements=st.integers(
            0, k - 1)))}


def _same(count, kind="any", shapes=FULL):
    def case(draw):
        shape = draw(shapes)
        return [fill(draw, shape, kind) for _ in range(count)], {}
    return case


def _batch(count):
    return _same(count, shapes=hnp.array_shapes(
        min_dims=1, max_dims=4, min_side=1, max_side=3))


def _pixels(draw):
    [y, x], _ = _batch(2)(draw)
    return [y], {"x": (x / 2).astype(np.float32).astype(np.float64)}


def _nll(t, y, x, logvar):
    return 0.5 * ((y - x) ** 2 * (-logvar).exp() + logvar
                  + np.log(2 * np.pi)).sum() / len(y)


def _kl(t, mu, logvar):
    distributions = t.distributions
    return distributions.kl_divergence(
        distributions.Normal(mu, (logvar / 2).exp()),
        distributions.Normal(0.0, 1.0)).sum() / len(mu)


L = tg.losses
# name: (ours, PyTorch's, strategy)
FUNCTIONS = {
    "softmax": (tg.softmax, lambda t, x, axis=-1, keepdims=False:
                x.softmax(axis), None),
    "log_softmax": (tg.log_softmax, lambda t, x, axis=-1:
                    x.log_softmax(axis), None),
    "relu": (tg.relu, lambda t, x: x.relu(), _elementwise()),
    "stack": (lambda *xs, axis: tg.stack(xs, axis=axis),
              lambda t, *xs, axis: t.stack(xs, axis), _stack),
    "reflect_pad": (tg.reflect_pad, THEIRS["mirror"], _mirror),
    "max_pool2d": (tg.max_pool2d, _max_pool, _pool()),
    "bce_with_logits": (
        L.bce_with_logits, lambda t, x, target:
        t.nn.functional.binary_cross_entropy_with_logits(x, target),
        lambda draw: (lambda shape: ([4 * fill(draw, shape), fill(
            draw, shape, "positive") / 2.5], {}))(draw(FULL))),
    "cross_entropy": (
        L.cross_entropy, lambda t, x, labels:
        t.nn.functional.cross_entropy(x, t.tensor(labels)), _logits),
    "l1": (L.l1, lambda t, y, x: t.nn.functional.l1_loss(y, x), _same(2)),
    "gaussian_kl": (L.gaussian_kl, _kl, _batch(2)),
    "gaussian_reconstruction": (L.gaussian_reconstruction, _nll, _batch(3)),
    "bernoulli_reconstruction": (
        lambda y, x: L.bernoulli_reconstruction(y, x.astype(y.dtype)),
        lambda t, y, x: t.nn.functional.binary_cross_entropy_with_logits(
            y, (t.tensor(x) + 1) / 2, reduction="sum") / len(y), _pixels),
    "non_saturating": (L.non_saturating, lambda t, r, f=None: (
        t.nn.functional.softplus(-r).mean() + (
            0 if f is None else t.nn.functional.softplus(f).mean())), None),
    "minimax": (L.minimax, lambda t, r, f=None: (
        t.nn.functional.logsigmoid(-r).mean() if f is None else
        -(t.nn.functional.logsigmoid(r).mean()
          + t.nn.functional.logsigmoid(-f).mean())), None),
    "least_squares": (L.least_squares, lambda t, r, f=None: (
        t.nn.functional.mse_loss(r, t.ones_like(r))
        + (0 if f is None else (f ** 2).mean())), None),
    "hinge": (L.hinge, lambda t, r, f=None: (
        -r.mean() if f is None else t.nn.functional.relu(1 - r).mean()
        + t.nn.functional.relu(1 + f).mean()), None),
    "wasserstein": (L.wasserstein, lambda t, r, f=None: (
        -r.mean() if f is None else f.mean() - r.mean()), None),
}


def _one_axis(draw):
    shape = draw(FULL)
    axes = st.integers(-len(shape), len(shape) - 1)
    return [fill(draw, shape)], {"axis": draw(axes) if shape else -1}


def strategy_of(name):
    if name in STRATEGIES:
        return STRATEGIES[name]
    games = lambda draw: _same(draw(st.integers(1, 2)))(draw)
    return FUNCTIONS[name][2] or (
        _one_axis if name.endswith("softmax") else games)


def pair_of(name):
    """The function here, and PyTorch's, which is also given the module."""
    if name in FUNCTIONS:
        return FUNCTIONS[name][:2]
    return registry[name], THEIRS[name]


NAMES = [*STRATEGIES, *FUNCTIONS]

# -------------------------------------------------------------- comparison

# Of _off(). Winograd's float32 sums round more. Where both round more still,
# four times what PyTorch is off in the same type is allowed.
TOLERANCE = {"float64": 1e-9, "float32": 5e-5}


@contextlib.contextmanager
def path(name):
    """Within the block the kernels are those of this path."""
    names = [k for k in vars(kernels) if callable(getattr(plain, k, None))
             and getattr(plain, k).__module__ == plain.__name__]
    before = {k: getattr(kernels, k) for k in names}
    try:
        if name == "plain":
            for k in names:
                setattr(kernels, k, getattr(plain, k))
        yield
    finally:
        for k, function in before.items():
            setattr(kernels, k, function)


def ours(f, arrays, g, vs, options):
    """y, its gradients of <g, y>, and those of their product with vs by the
    inputs and g."""
    xs = [tg.Tensor(a) for a in arrays]
    y = f(*xs, **options)
    g = tg.Tensor(g(y.shape), y.dtype)
    first = tg.grad(y, xs, g, create_graph=True, unused="zeros")
    total = sum((a * v.astype(a.dtype)).sum()
                for a, v in zip(first, vs, strict=True))
    second = tg.grad(total, [*xs, g], unused="zeros")
    assert {t.dtype for t in (y, *first, *second)} == {y.dtype}
    assert not any(np.may_share_memory(y.data, a) for a in arrays)
    return [t.data for t in (y, *first, *second)]


def theirs(torch, f, arrays, g, vs, options, dtype="float64"):
    """The same in PyTorch."""
    def by(y, xs, g=None, **k):
        if not y.requires_grad:
            return [torch.zeros_like(x) for x in xs]
        return torch.autograd.grad(y, xs, g, allow_unused=True,
                                   materialize_grads=True, **k)

    xs = [torch.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    y = f(torch, *xs, **options)
    g = torch.tensor(g(y.shape).astype(dtype), requires_grad=True)
    first = by(y, xs, g, create_graph=True)
    total = sum((a * torch.tensor(v.astype(dtype))).sum()
                for a, v in zip(first, vs, strict=True))
    return [t.numpy(force=True) for t in (y, *first, *by(total, [*xs, g]))]


def compare(torch, name, draw):
    """One case: both float types, both paths, to second order."""
    f, reference = pair_of(name)
    arrays, options = strategy_of(name)(draw)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.standard_normal(4096).astype(np.float32)
    g = lambda shape: np.resize(weights, tuple(shape)).astype(np.float64)
    laid = laid_out(draw, arrays, TOLERANCE)
    vs = [rng.standard_normal(a.shape).astype(np.float32).astype(np.float64)
          for a in arrays]
    for dtype, tol in TOLERANCE.items():
        before = [a.copy() for a in laid[dtype]]
        case = torch, reference, before, g, vs, options
        want = theirs(*case)
        for kind in ("numba", "plain"):
            with path(kind):
                got = ours(f, laid[dtype], g, vs, options)
            for k, (a, b) in enumerate(zip(got, want, strict=True)):
                if not (off := _off(a, b)) <= tol:
                    # Great numbers may have cancelled: as well as PyTorch
                    own = _off(theirs(*case, dtype)[k], b)
                    assert off <= 4 * own, (
                        f"{name} {dtype} {kind}, result {k}: off by "
                        f"{off:.3g}, PyTorch by {own:.3g}")
        for a, b in zip(laid[dtype], before, strict=True):
            np.testing.assert_array_equal(a, b)     # inputs are not written to


def _off(a, b):
    """max |a - b|, relative to the largest |b| or to 1."""
    assert a.shape == b.shape, f"shapes {a.shape}, {b.shape}"
    return np.abs(a - b).max(initial=0) / max(1, np.abs(b).max(initial=0))
