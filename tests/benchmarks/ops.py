"""Single ops beside PyTorch's, over the shapes that the models use.

Forward without recipes, and forward + backward with the gradients of the
inputs and of all weights. What is timed agrees with PyTorch to 1e-3.
"""
import numpy as np
import torch
from cases import FUNCTIONS, gflop, image, layers, title
from steps_pytorch import adam, torch_layer
from steps_tinygen import GAN, weights
from timing import LAYOUTS, in_turns

import tinygen as tg


def random_like(y):
    """What the entries of a result count in the gradient."""
    return np.random.default_rng(0).standard_normal(y.shape, np.float32)


def to_torch(x, layout):
    if x.ndim != 4:
        return torch.tensor(x)
    return image(x).clone(memory_format=LAYOUTS[layout])


def ours(function, inputs, params):
    """(forward, forward + backward); both return arrays."""
    xs = [tg.Tensor(x) for x in inputs]
    g = random_like(function(*xs).data)

    def forward():
        with tg.no_grad():
            return [function(*xs).data]

    def both():
        y = function(*xs)
        return [y.data, *[d.data for d in tg.grad(y, xs + params, g)]]

    return forward, both


def theirs(function, inputs, params, layout):
    xs = [to_torch(x, layout).requires_grad_() for x in inputs]
    y = function(*xs).detach()
    g = to_torch(random_like(
        y.permute(0, 2, 3, 1) if y.ndim == 4 else y), layout)

    def forward():
        with torch.no_grad():
            return [function(*xs)]

    def both():
        y = function(*xs)
        return [y, *torch.autograd.grad(y, xs + params, g)]

    return forward, both


def agree(mine, other):
    """Whether results and gradients differ by at most 1e-3 of the largest."""
    for a, b in zip(mine(), other(), strict=True):
        b = b.detach()
        b = b.permute(0, 2, 3, 1) if b.ndim == 4 else b
        if a.shape != b.shape:      # filters H W I O and O I H W, I O and O I
            a = a.T if a.ndim == 2 else a.transpose(3, 0, 1, 2)
        if np.abs(a - b.numpy()).max() > 1e-3 * max(1, np.abs(a).max()):
            return False
    return True


def wrong(found, name):
    """The layouts in which PyTorch is known to give other gradients.

    PyTorch 2.13 reads the gradient of an instance norm in the wrong order
    when the batch is 1 and the gradient channels_last. Its time counts all
    the same. Any other difference is an error.
    """
    differ = [layout for layout in LAYOUTS
              if not agree(found["tinygen"][1], found[layout][1])]
    known = name.startswith("InstanceNorm, 1 ") and differ == ["channels_last"]
    if differ and not known:
        raise AssertionError(f"{name}: not what PyTorch computes, {differ}")
    return differ


def contestants():
    """Yields (name, GFLOP forward, {who: (forward, forward + backward)})."""
    rng = np.random.default_rng(0)
    for layer, shape in layers():
        params = weights(layer)
        inputs = [rng.standard_normal(shape, np.float32)]
        found = {"tinygen": ours(lambda x, layer=layer: layer(x, train=True),
                                 inputs, params)}
        for layout in LAYOUTS:
            twin = torch_layer(torch, layer).float().to(
                memory_format=LAYOUTS[layout])
            found[layout] = theirs(twin, inputs, list(twin.parameters()),
                                   layout)
        yield (title(layer, shape),
               gflop(layer, found["tinygen"][0]()[0].shape), found)
    for name, (mine, other, shapes) in FUNCTIONS.items():
        inputs = [rng.standard_normal(shape, np.float32) for shape in shapes]
        found = {layout: theirs(other, inputs, [], layout)
                 for layout in LAYOUTS}
        shapes = " ".join(map(str, shapes[0]))
        yield f"{name}, {shapes}", 0, found | {
            "tinygen": ours(mine, inputs, [])}


def adam_contestants():
    """The same for the updates of the GAN's networks: one function each."""
    rng = np.random.default_rng(0)
    model = GAN(rng)
    for name, net, mine in (("generator", model.g, model.opt_g),
                            ("discriminator", model.d, model.opt_d)):
        grads = [tg.Tensor(rng.standard_normal(p.shape, np.float32))
                 for p in weights(net)]
        twin = torch_layer(torch, net).float()
        for p in twin.parameters():
            p.grad = torch.randn_like(p)
        yield f"Adam, the GAN's {name}", {
            "tinygen": lambda mine=mine, grads=grads: mine.step(grads),
            "NCHW": adam(twin).step}


def row(times, flop, rate):
    """Milliseconds, PyTorch's best / ours; GFLOP/s and share of SGEMM."""
    mine = times.pop("tinygen")
    best = min(times, key=times.get)
    found = {"ours_ms": 1e3 * mine, "pytorch_ms": 1e3 * times[best],
             "ratio": times[best] / mine, "pytorch_best": best}
    if flop:
        found |= {"gflops": flop / mine, "of_sgemm": flop / mine / rate,
                  "pytorch_gflops": flop / times[best]}
    return found


def time_ops(rate, **how):
    """{name: row}; rate: the machine's SGEMM in GFLOP/s."""
    rows = {}
    for name, flop, found in contestants():
        differ = wrong(found, name)
        for k, kind in enumerate(("forward", "forward + backward")):
            times = in_turns({who: both[k] for who, both in found.items()},
                             **how)
            rows[f"{name}: {kind}"] = row(times, flop * (1, 3)[k], rate)
            if k and differ:
                rows[f"{name}: {kind}"]["pytorch_wrong"] = differ
    for name, found in adam_contestants():
        rows[name] = row(in_turns(found, **how), 0, rate)
    return rows
