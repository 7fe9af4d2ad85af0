"""Timing ways of doing the same thing, in turns, in one process."""
import time
from contextlib import contextmanager
from statistics import median
from threading import Thread

import numpy as np
import torch

from tinygen.engine.kernels.threads import THREADS

LAYOUTS = {"NCHW": torch.contiguous_format,
           "channels_last": torch.channels_last}


@contextmanager
def tuned(on):
    """Within the block, PyTorch's settings for speed, if `on`.

    torch.backends offers little for training in float32 on a CPU. oneDNN
    (mkldnn) is on as it comes; off, steps take up to four times as long. Its
    precision "bf16" can be faster, but keeps 8 bits of each factor: that is
    not float32, so it stays off. What is left: numbers too small for
    float32's usual form count as zero, and oneDNN need not be deterministic.
    """
    if on:
        torch.set_flush_denormal(True)
        before = torch.backends.mkldnn.set_flags(True, False)
    yield
    if on:
        torch.backends.mkldnn.set_flags(*before[:2])
        torch.set_flush_denormal(False)


def in_turns(functions, turns=5, calls=3, seconds=0.0, rest=0.0):
    """{name: seconds, the median of all counted calls}.

    The functions take turns, so that whatever else the machine does is
    shared out between them. In a turn a function is called once, and until
    `rest` seconds are over, uncounted: PyTorch's threads spin for some
    milliseconds after their last work, and would slow down whoever comes
    next. Then it is called `calls` times, and until `seconds` are over.
    """
    times = {name: [] for name in functions}
    for _ in range(turns):
        for name, function in functions.items():
            repeat(function, 1, rest)
            times[name] += repeat(function, calls, seconds)
    return {name: median(t) for name, t in times.items()}


def repeat(function, calls, seconds):
    """Call so often, and for so long; the time of each call."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < calls or time.perf_counter() < end:
        before = time.perf_counter()
        function()
        times.append(time.perf_counter() - before)
    return times


def sgemm(n=2048, **how):
    """GFLOP/s of a large float32 product on all threads: the best of
    PyTorch's (MKL) and NumPy's (OpenBLAS, a band of rows per thread)."""
    a, b = (np.random.default_rng(k).random((n, n), np.float32)
            for k in range(2))
    c = np.empty_like(a)
    ta, tb, tc = map(torch.from_numpy, (a, b, c))
    bands = np.array_split(np.arange(n), THREADS)

    def numpy_product():
        threads = [Thread(target=np.dot, args=(
            a[band[0]:band[-1] + 1], b, c[band[0]:band[-1] + 1]))
            for band in bands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    times = in_turns({"numpy": numpy_product,
                      "torch": lambda: torch.mm(ta, tb, out=tc)}, **how)
    return 2e-9 * n ** 3 / min(times.values())
