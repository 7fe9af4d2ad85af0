"""Compiled functions, and the threads that share out their work.

A kernel is compiled by Numba to code that runs without Python's lock, so
ordinary Python threads run it in parallel. Its last two arguments are
`part` and `parts`: it does the tiles part, part + parts, part + 2 parts ...
of its work. What a tile computes does not depend on who computes it, so
results are the same for every number of threads.

Numba has thread pools of its own. They are not used: which one is there
depends on the machine, one kills a child forked after its first use, another
the process when two threads enter it, and functions compiled for them take
several times as long to compile. This pool starts a kernel in 10 microseconds.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
from numba.core import event
from threadpoolctl import threadpool_limits

# Allowed besides IEEE arithmetic: a*b+c in one step, sums in any order, any
# sign of zero. All of "fastmath" would delete the tests for NaN.
FASTMATH = {"contract", "reassoc", "nsz"}

SMALL = 1 << 14  # numbers; below this, one thread is faster than two


def kernel(function):
    """Compile at the first call, and keep the result for other processes.

    Numba recompiles when this function's file changes, not when that of a
    kernel it calls does: what a kernel calls belongs into its own file.
    """
    options = dict(nogil=True, fastmath=FASTMATH, error_model="numpy")
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to keep it in can be written
        return numba.njit(**options)(function)


class Announcement(event.Listener):
    """Say on the first compilation why nothing seems to happen."""

    made = False

    def on_start(self, happening):
        module = happening.data["dispatcher"].py_func.__module__
        if not self.made and module.startswith(__package__):
            self.made = True
            print("compiling the kernels, once", file=sys.stderr, flush=True)

    def on_end(self, happening):
        pass


event.register("numba:compile", Announcement())


def count_threads():
    """TINYGEN_THREADS, or as many as this process may use processors."""
    wish = os.environ.get("TINYGEN_THREADS")
    if wish is not None and not (wish.isdecimal() and int(wish) > 0):
        raise ValueError(f"TINYGEN_THREADS is {wish!r}; it must be a "
                         f"positive number")
    if wish is None and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return int(wish or os.cpu_count() or 1)


THREADS = count_threads()


def renew_pool():
    global pool
    pool = ThreadPoolExecutor(max(1, THREADS - 1), "tinygen")


renew_pool()  # threads start when there is work
if hasattr(os, "register_at_fork"):  # a child has none of our threads
    os.register_at_fork(after_in_child=renew_pool)


def calm_blas():
    """Let matrix products run in the thread that asks for them.

    Kernels multiply with np.dot, which in compiled code is SciPy's BLAS; the
    engine's few other products are NumPy's. A BLAS keeps threads of its own
    spinning after a product, in case of another, and takes the processors
    from ours. It is done once, before any product: one thread and several
    round differently, and a training that is resumed must go on to the bit.
    It holds for the whole process; `with threadpoolctl.threadpool_limits(4):`
    gives a block of NumPy code its threads back.
    """
    import scipy.linalg.cython_blas  # noqa: F401  loads SciPy's BLAS
    threadpool_limits(1, user_api="blas")


calm_blas()


def run(function, *arguments, tiles):
    """Call function(*arguments, part, parts) so that all tiles get done."""
    run_all(function, [(arguments, tiles)])


def run_all(function, calls):
    """The same for several independent calls (arguments, tiles) at once.

    There are up to 4 parts a thread, this one included, and each thread
    takes one after the other: whoever is held up does fewer of them.
    """
    waiting = []
    for arguments, tiles in calls:
        parts = min(tiles, 4 * THREADS) if THREADS > 1 else 1
        waiting += [(*arguments, part, parts) for part in range(parts)]

    def work():
        while waiting:
            try:
                arguments = waiting.pop()  # atomic
            except IndexError:  # another thread took the last one
                return
            function(*arguments)

    helpers = [pool.submit(work)
               for _ in range(min(THREADS, len(waiting)) - 1)]
    try:
        work()
    finally:
        for helper in helpers:
            if not helper.cancel():  # it has started
                helper.result()


def tiles_for(size, most=sys.maxsize):
    """Into how many tiles, up to `most`, to cut a pass over `size` numbers."""
    return max(1, min(size // SMALL, most))
