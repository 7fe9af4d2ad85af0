"""The threads that share out the work of a kernel.

A kernel is compiled to code that runs without Python's lock, so ordinary
Python threads run it in parallel. Its last two arguments are `part` and
`parts`: it does the tiles part, part + parts, part + 2 parts ... of its work.
What a tile computes does not depend on who computes it, so results are the
same for every number of threads.

Numba has thread pools of its own. They are not used: which one is there
depends on the machine, one kills a child forked after its first use, another
the process when two threads enter it, and functions compiled for them take
several times as long to compile.
"""

import atexit
import os
import queue
import sys
import threading

import numpy as np
from numba.extending import intrinsic
from threadpoolctl import threadpool_limits

from .compiling import kernel

SMALL = 1 << 16  # numbers a tile, about 60 microseconds; half is not worth it
# In readings of a flag, 0.3 nanoseconds each: how long a thread looks for work
# before it sleeps, and how long another holds Python's lock once it has set
# the flag, until it enters a kernel or, its part being done, looks for work.
PATIENCE, ENTER, LEAVE = 1_000_000, 30_000, 5_000


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


# --- threads that wait -----------------------------------------------------

@intrinsic
def read(typing_context, flag):
    """flag[0], fetched from memory each time: another thread writes it."""
    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(
            context, builder, arguments[0])
        return builder.load_atomic(array.data, "acquire", 8)
    return flag.dtype(flag), generate


@kernel
def watch(flag, old, pause):
    """Return a little after flag[0] is no longer `old`, or at long last.

    To wake a thread that sleeps takes 30 to 50 microseconds, as long as a
    small kernel takes; one that watches is there at once. The pause is for
    Python's lock: to ask for it while another thread has it is to sleep.
    """
    for _ in range(PATIENCE):
        if read(flag) != old:
            for _ in range(pause):
                read(flag)
            return


class Helper(threading.Thread):
    """A thread that does one task after another."""

    def __init__(self):
        super().__init__(name="tinygen", daemon=True)
        self.tasks, self.asked = queue.SimpleQueue(), np.zeros(1, np.int64)
        watch(self.asked, 1, 0)  # compiled here, not in two threads at once
        self.start()

    def ask(self, task):
        self.asked += 1
        self.tasks.put(task)

    def run(self):
        while task := self.tasks.get():
            asked = self.asked[0]
            work(*task)
            del task  # its arrays may be large
            watch(self.asked, asked, ENTER)


helpers = []  # they start when there is work
if hasattr(os, "register_at_fork"):  # a child has none of our threads
    os.register_at_fork(after_in_child=helpers.clear)


@atexit.register
def stop():
    for helper in helpers:
        helper.ask(None)
    for helper in helpers:
        helper.join()


# --- sharing out -----------------------------------------------------------

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
    if len(waiting) == 1:
        function(*waiting[0])
        return
    count = len(waiting)
    done, all_done = queue.SimpleQueue(), np.zeros(1, np.int64)
    task = function, waiting, count, done, all_done
    try:
        for helper in some_helpers(count - 1):
            helper.ask(task)
        work(*task)
        if not all_done[0]:
            watch(all_done, 0, LEAVE)
        errors = [done.get() for _ in range(count)]
    finally:
        waiting.clear()  # after Ctrl-C, the others should stop
    for error in filter(None, errors):
        raise error


def some_helpers(count):
    """Up to `count` of the other threads."""
    while len(helpers) < min(count, THREADS - 1):
        helpers.append(Helper())
    return helpers[:count]


def work(function, waiting, count, done, all_done):
    """Do parts until none waits; `done` gets None or an error for each."""
    while waiting:
        try:
            arguments = waiting.pop()  # atomic
        except IndexError:  # another thread took the last one
            return
        try:
            function(*arguments)
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)
        if done.qsize() == count:
            all_done[0] = 1


def tiles_for(size, most=sys.maxsize):
    """Into how many tiles, up to `most`, to cut a pass over `size` numbers."""
    return max(1, min(size // SMALL, most))
