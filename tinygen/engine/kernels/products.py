"""The product of two matrices, shared out among the threads.

OpenBLAS multiplies in the thread that asks, so the work is cut in up to four
along the longest side. How it is cut depends on the sizes alone: the result
is the same for every number of threads.
"""

import numpy as np

from .threads import run_all

PIECE = 1 << 22  # multiplications worth a thread's while


def multiply(a, b, out, part, parts):
    np.matmul(a, b, out)


def matmul(a, b):
    """y[..., i, k] = sum_j a[..., i, j] b[..., j, k]."""
    m, k, n = *a.shape[-2:], b.shape[-1]
    if k == 1:
        return a * b
    pieces = min(4, m * k * n // PIECE)
    if a.ndim + b.ndim > 4 or pieces < 2:
        return a @ b
    longest = max(m, k, n)
    cuts = [slice(i * longest // pieces, (i + 1) * longest // pieces)
            for i in range(pieces)]
    if k == longest:    # sums of parts
        y = np.empty((pieces, m, n), a.dtype)
        calls = [(a[:, cut], b[cut], out) for cut, out in zip(cuts, y)]
    else:
        y = np.empty((m, n), a.dtype)
        calls = [(a, b[:, cut], y[:, cut]) if n == longest else
                 (a[cut], b, y[cut]) for cut in cuts]
    run_all(multiply, [(arrays, 1) for arrays in calls])
    return y.sum(axis=0) if k == longest else y
