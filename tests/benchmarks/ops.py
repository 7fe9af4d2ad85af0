"""The GAN's convolutions and the passes beside them, against PyTorch.

    python tests/benchmarks/ops.py [--batch 32] [--cpu]

Milliseconds (medians, both in turns in one process) and GFLOP/s of the plain
algorithm, 2 n h w c o kh kw for a convolution, even where fewer are needed.
PyTorch runs in its better layout (channels last) with as many threads.
--cpu: processor time instead of time, for a busy machine; set
TINYGEN_THREADS=1.
"""
import argparse
import time

import numpy as np
import torch
from side_by_side import in_turns

from tinygen.engine import kernels
from tinygen.engine.kernels.threads import THREADS

# upsampled first?, side of the large image, channels in and out, stride
CONVOLUTIONS = [
    (True, 14, 256, 128, 1), (True, 28, 128, 64, 1), (False, 28, 64, 3, 1),
    (False, 28, 3, 64, 2), (False, 14, 64, 128, 2), (False, 7, 128, 256, 2),
    (False, 28, 64, 64, 1)]


def torch_convolution(n, side, c, o, stride):
    """Forward, gradient in x, gradient in w; and the multiplications."""
    last = torch.channels_last
    x = torch.rand(n, c, side, side).to(memory_format=last).requires_grad_()
    w = torch.rand(o, c, 3, 3).to(memory_format=last).requires_grad_()
    y = torch.conv2d(x, w, None, stride, 1)
    g = torch.rand_like(y)

    def forward():
        with torch.no_grad():
            return torch.conv2d(x, w, None, stride, 1)

    return (forward,
            lambda: torch.autograd.grad(y, x, g, retain_graph=True),
            lambda: torch.autograd.grad(y, w, g, retain_graph=True),
            y.numel() * c * 9)


def our_convolution(n, side, c, o, stride):
    rng = np.random.default_rng(0)
    x = rng.random((n, side, side, c), np.float32)
    w = rng.random((3, 3, c, o), np.float32)
    g = kernels.conv2d(x, w, stride, 1)
    hw = side, side
    return (lambda: kernels.conv2d(x, w, stride, 1),
            lambda: kernels.conv_transpose2d(g, w, hw, stride, 1),
            lambda: kernels.conv2d_filter_grad(x, g, (3, 3), stride, 1))


def our_upsampled(n, side, c, o):
    """Upsampling and a 3x3 filter as one transposed convolution."""
    rng = np.random.default_rng(0)
    x = rng.random((n, side // 2, side // 2, c), np.float32)
    g = rng.random((n, side, side, o), np.float32)
    w = rng.random((4, 4, o, c), np.float32)
    return (lambda: kernels.conv_transpose2d(x, w, (side, side), 2, 1),
            lambda: kernels.conv2d(g, w, 2, 1),
            lambda: kernels.conv2d_filter_grad(g, x, (4, 4), 2, 1))


def passes(n):
    """What memory limits, beside torch's kernels for the same."""
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((n, 28, 28, 64), np.float32) for _ in "xg")
    tx, tg = torch.from_numpy(x), torch.from_numpy(g)
    image, f = tx.permute(0, 3, 1, 2), torch.nn.functional
    p, m, v = (np.ones(1_000_000, np.float32) for _ in "pmv")
    tp = torch.ones(1_000_000, requires_grad=True)
    tp.grad = torch.ones(1_000_000)
    slopes = torch.ops.aten.leaky_relu_backward
    return {
        "leaky_relu": (lambda: kernels.leaky_relu(x, 0.2),
                       lambda: f.leaky_relu(tx, 0.2)),
        "leaky_relu_grad": (lambda: kernels.leaky_relu_grad(g, x, 0.2),
                            lambda: slopes(tg, tx, 0.2, False)),
        "normalize": (lambda: kernels.normalize(x, (0, 1, 2), 1e-5),
                      lambda: f.batch_norm(image, None, None, training=True)),
        "max_pool2d_argmax": (
            lambda: kernels.max_pool2d_argmax(x, 2, 2),
            lambda: f.max_pool2d(image, 2, return_indices=True)),
        "avg_pool2d": (lambda: kernels.avg_pool2d(x, 2, 2),
                       lambda: f.avg_pool2d(image, 2)),
        "adam_update, a million": (
            lambda: kernels.adam_update(p, tp.grad.numpy(), m, v, 1e-4, 0.9,
                                        0.999, 1e-8, 10, 0.0),
            torch.optim.Adam([tp], fused=True).step)}


def report(name, ours, theirs, clock, products=0):
    (a, _), (b, _) = in_turns({"ours": ours, "torch": theirs},
                              clock=clock).values()
    speeds = ["" if not products else f"{2e-9 * products / t:.0f}"
              for t in (a, b)]
    print(f"{name:32}{a * 1e3:9.2f}{speeds[0]:>6}{b * 1e3:10.2f}"
          f"{speeds[1]:>6}{a / b:8.2f}", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--cpu", action="store_true")
    options = options.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    n = options.batch
    torch.set_num_threads(THREADS)
    print(f"batch {n}, {THREADS} threads, PyTorch {torch.__version__}")
    print(f"{'':32}{'ours ms':>9}{'GF/s':>6}{'torch ms':>10}{'GF/s':>6}"
          f"{'ratio':>8}")
    for up, side, c, o, stride in CONVOLUTIONS:
        ours = (our_upsampled(n, side, c, o) if up
                else our_convolution(n, side, c, o, stride))
        *theirs, products = torch_convolution(n, side, c, o, stride)
        name = f"{'up ' if up else ''}{c}->{o} {side}x{side} /{stride}"
        for what, a, b in zip(("forward", "dx", "dw"), ours, theirs):
            report(f"{name} {what}", a, b, clock, products)
    for name, (a, b) in passes(n).items():
        report(name, a, b, clock)


if __name__ == "__main__":
    main()
