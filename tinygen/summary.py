"""A network as a table: layers, shapes, parameters, multiplications."""

import math

import numpy as np

from tinygen.engine.autograd import Tensor, recording
from tinygen.engine.layers import Sequential, parameters

# Multiplications of one op, from its inputs (Tensors) and its result.
_COST = {
    "matmul": lambda y, a, b: y.size * a.shape[-1],
    "linear": lambda y, x, w, b: y.size * x.shape[-1],
    "conv2d": lambda y, x, w, *b: y.size * math.prod(w.shape[:3]),
    "conv_transpose2d": lambda y, g, w, *b: g.size * math.prod(w.shape[:3]),
    "upsample_conv2d": lambda y, x, w, *b: x.size * 9 * w.shape[3],
}


def _cost(y, oldest):
    """Multiplications in the graph of y, back to serial `oldest`."""
    total, stack, seen = 0, [y], set()
    while stack:
        node = stack.pop()
        if node.serial <= oldest or node.serial in seen or node.op is None:
            continue
        seen.add(node.serial)
        stack.extend(node.inputs)
        cost = _COST.get(node.op.name)
        total += cost(node, *node.inputs) if cost else 0
    return total


def _rows(net, x):
    layers = net.layers.items() if isinstance(net, Sequential) else [("", net)]
    for name, layer in layers:
        start, x = x.serial, layer(x)
        kind = type(layer).__name__
        function = getattr(layer, "function", None)
        if function is not None:
            kind = getattr(function, "__name__", kind)
        count = sum(p.size for p in parameters(layer).values())
        yield (f"{name} {kind}".strip(), "x".join(map(str, x.shape[1:])),
               count, _cost(x, start))


def summary(net, shape):
    """A table of `net` applied to one input of `shape` (without the N).

    Columns: layer, output shape, parameters, multiplications (of matrix
    products and convolutions, for one example). Returns the text.
    """
    dtype = next((p.dtype for p in parameters(net).values()), np.float32)
    x = Tensor(np.zeros((1, *shape), dtype))
    with recording(True):       # multiplications are counted in the graph
        rows = list(_rows(net, x))
    total = ("total", "", sum(r[2] for r in rows), sum(r[3] for r in rows))
    cells = [("layer", "output", "parameters", "multiplications")]
    cells += [(a, b, f"{c:,}", f"{d:,}") for a, b, c, d in [*rows, total]]
    width = [max(len(row[k]) for row in cells) for k in range(4)]
    lines = [f"{a:<{width[0]}}  {b:<{width[1]}}  {c:>{width[2]}}  "
             f"{d:>{width[3]}}" for a, b, c, d in cells]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
