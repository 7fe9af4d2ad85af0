"""Where the time of a training step goes, by op.

    python tests/benchmarks/stages.py ["GAN" "CycleGAN, batch 1" ...]
        [--steps 15] [--pytorch]

A line for each op and, of products, for each shape: in which pass, calls a
step, milliseconds a step, share of it; of products GFLOP/s (counted as a
direct convolution) and their share of the SGEMM rate measured just before.
"backward of X" is time spent in the rules of op X. --pytorch adds PyTorch's
own profile of the same step.
"""
import argparse
import time
from collections import defaultdict
from contextlib import contextmanager

import numpy as np
import torch
from steps import contestants
from steps_tinygen import STEPS
from timing import LAYOUTS, sgemm

from tinygen.engine import autograd, optim
from tinygen.engine.kernels.threads import THREADS


def products(name, inputs, result, hw=None, **_):
    """Multiplications and additions of an op, counted as direct."""
    if name == "matmul":        # the sizes of the three are ij, jk and ik
        a, b = inputs
        return 2 * round((a.size * b.size * result.size) ** 0.5)
    if "conv" not in name:
        return 0
    x, w = inputs[:2]
    if name.endswith("filter_grad"):        # x, g -> w
        return 2 * w.size * result[..., 0].size
    sides = 9 if name.startswith("upsample") else w.shape[0] * w.shape[1]
    large = x if "transpose" in name or "adjoint" in name else result
    return 2 * large.size * sides * w.shape[2]


class Stages:
    """Milliseconds and products by (pass, op, shapes)."""

    def __init__(self):
        self.calls, self.seconds, self.flop = (
            defaultdict(float) for _ in range(3))
        self.within = "forward"
        self.inside = 0.0       # seconds in ops so far

    def add(self, name, detail, seconds, flop=0):
        within = self.within
        if within == "forward" and not autograd.is_recording():
            within = "backward: sums in grad()"
        key = within, name, detail
        self.calls[key] += 1
        self.seconds[key] += seconds
        self.flop[key] += flop
        self.inside += seconds

    def forward_of(self, op, forward):
        def timed(*inputs, **options):
            before, inside = time.perf_counter(), self.inside
            result = forward(*inputs, **options)
            taken = time.perf_counter() - before
            taken -= self.inside - inside   # ops that called others' forward
            flop = products(op.name, inputs, np.asarray(result), **options)
            shapes = " ".join("x".join(map(str, np.shape(x)))
                              for x in inputs[:2])
            self.add(op.name, shapes if flop else "", taken, flop)
            return result
        return timed

    def rules_of(self, method):
        def timed(op, *arguments):
            outer, self.within = self.within, f"backward of {op.name}"
            try:
                return method(op, *arguments)
            finally:
                self.within = outer
        return timed

    def update_of(self, method):
        def timed(optimiser, *arguments):
            before = time.perf_counter()
            method(optimiser, *arguments)
            self.add(type(optimiser).__name__, "",
                     time.perf_counter() - before)
        return timed


@contextmanager
def watched(stages):
    """Within the block, every op and optimiser reports to `stages`."""
    forwards = {op: op.forward for op in autograd.registry.values()}
    rules, update = autograd.Op.input_grads, optim.Adam.step
    for op, forward in forwards.items():
        op.forward = stages.forward_of(op, forward)
    autograd.Op.input_grads = stages.rules_of(rules)
    optim.Adam.step = stages.update_of(update)
    try:
        yield
    finally:
        for op, forward in forwards.items():
            op.forward = forward
        autograd.Op.input_grads, optim.Adam.step = rules, update


def profile(name, steps):
    """(Stages, seconds a step) of the steps of one model."""
    step = contestants(name, layouts=())["tinygen"]
    for _ in range(3):
        step()
    stages = Stages()
    with watched(stages):
        before = time.perf_counter()
        for _ in range(steps):
            step()
        total = (time.perf_counter() - before) / steps
    return stages, total


def print_stages(stages, total, steps, rate):
    print(f"{'':58}{'calls':>6}{'ms':>8}{'share':>7}{'GFLOP/s':>9}"
          f"{'of SGEMM':>10}")
    for key in sorted(stages.seconds, key=stages.seconds.get, reverse=True):
        within, name, detail = key
        seconds = stages.seconds[key] / steps
        if seconds < 0.002 * total:
            continue
        speed = 1e-9 * stages.flop[key] / stages.seconds[key]
        speed = f"{speed:9.0f}{speed / rate:10.0%}" if speed else ""
        print(f"{name + ' ' + detail:58}{stages.calls[key] / steps:6.1f}"
              f"{1e3 * seconds:8.2f}{seconds / total:7.1%}{speed}"
              f"   {within}")
    rest = total - stages.inside / steps
    print(f"{'the rest: Python between the ops':64}{1e3 * rest:8.2f}"
          f"{rest / total:7.1%}")
    flop = 1e-9 * sum(stages.flop.values()) / steps
    print(f"{'step':64}{1e3 * total:8.2f}{1:7.1%}{flop / total:9.0f}"
          f"{flop / total / rate:10.0%}   {flop:.1f} GFLOP")


def by_op(stages, total, steps):
    """The same, shapes and passes added up."""
    sums, calls = defaultdict(float), defaultdict(float)
    for (within, name, _), seconds in stages.seconds.items():
        key = name, within.split()[0].strip(":")
        sums[key] += seconds
        calls[key] += stages.calls[within, name, _]
    for name, within in sorted(sums, key=sums.get, reverse=True):
        seconds = sums[name, within] / steps
        print(f"{name:28}{within:30}{calls[name, within] / steps:6.1f}"
              f"{1e3 * seconds:8.2f}{seconds / total:7.1%}")


def print_pytorch(name, steps):
    """PyTorch's profile of the same step, in its two layouts."""
    for who, step in contestants(name, layouts=LAYOUTS).items():
        if who in LAYOUTS:
            for _ in range(3):
                step()
            with torch.profiler.profile() as watched:
                for _ in range(steps):
                    step()
            print(f"PyTorch, {who}, {steps} steps")
            print(watched.key_averages().table(
                sort_by="self_cpu_time_total", row_limit=25,
                max_name_column_width=50))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("names", nargs="*", default=list(STEPS))
    options.add_argument("--steps", type=int, default=15)
    options.add_argument("--pytorch", action="store_true")
    options = options.parse_args()
    torch.set_num_threads(THREADS)
    rate = sgemm()
    print(f"SGEMM {rate:.0f} GFLOP/s, {THREADS} threads")
    for name in options.names:
        print(f"\n==== {name}")
        stages, total = profile(name, options.steps)
        print_stages(stages, total, options.steps, rate)
        print()
        by_op(stages, total, options.steps)
        if options.pytorch:
            print_pytorch(name, options.steps)


if __name__ == "__main__":
    main()
