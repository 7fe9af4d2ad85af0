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
import threading
from queue import SimpleQueue

import numba
from numba.core import event

# Allowed besides IEEE arithmetic: a*b+c in one step, sums in any order, any
# sign of zero. All of "fastmath" would delete the tests for NaN.
FASTMATH = {"contract", "reassoc", "nsz"}


def kernel(function):
    """Compile at the first call, and keep the result for other processes."""
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
    if wish is not None:
        if not (wish.isdecimal() and int(wish) > 0):
            raise ValueError(f"TINYGEN_THREADS is {wish!r}; it must be a "
                             f"positive number")
        return int(wish)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


THREADS = count_threads()


class Work:
    """One call of a kernel, cut into parts that any thread may take."""

    def __init__(self, function, arguments, parts):
        self.function, self.arguments, self.parts = function, arguments, parts
        self.waiting = list(range(parts))  # its pop() is atomic
        self.done = SimpleQueue()

    def help(self):
        """Do parts until none is waiting."""
        while self.waiting:
            try:
                part = self.waiting.pop()
            except IndexError:  # another thread took the last one
                return
            try:
                self.function(*self.arguments, part, self.parts)
                self.done.put(None)
            except BaseException as error:
                self.done.put(error)


class Pool:
    """Threads that start with the first work and wait for more."""

    def __init__(self):
        self.queue = SimpleQueue()
        self.lock = threading.Lock()
        self.started = False

    def start(self):
        with self.lock:
            if not self.started:
                for _ in range(THREADS - 1):
                    threading.Thread(target=self.serve, daemon=True).start()
                self.started = True

    def serve(self):
        while True:
            self.queue.get().help()

    def run(self, function, arguments, parts):
        if not self.started:
            self.start()
        work = Work(function, arguments, parts)
        for _ in range(min(THREADS, parts) - 1):
            self.queue.put(work)
        work.help()
        errors = [work.done.get() for _ in range(parts)]
        for error in errors:
            if error is not None:
                raise error


def renew_pool():
    global pool
    pool = Pool()


renew_pool()
if hasattr(os, "register_at_fork"):  # a child has none of our threads
    os.register_at_fork(after_in_child=renew_pool)


def run(function, *arguments, tiles):
    """Call function(*arguments, part, parts) so that all tiles get done.

    Up to 4 parts a thread: whoever is held up does fewer of them.
    """
    if THREADS == 1 or tiles < 2:
        function(*arguments, 0, 1)
    else:
        pool.run(function, arguments, min(tiles, 4 * THREADS))
