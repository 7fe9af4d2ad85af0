"""The threads that share out the work of a kernel.

A kernel's last two arguments are `part` and `parts`: it does the tiles part,
part + parts, part + 2 parts ... of its work. What a tile computes, and where
one ends, does not depend on who computes it or on how many there are. So
results are the same to the bit for every number of threads. Another processor,
or another version of NumPy, SciPy or Numba, may round differently.

The caller writes on a board, a few integers in memory, what there is to do
and where its arguments lie. Helpers that watch the board take one part after
another, as the caller does, until none is left. All of this is compiled and
needs no lock of Python's: to share out costs less than a microsecond, and
pieces of work of 10 microseconds are worth it.

Numba has thread pools of its own. They are not used: which one is there
depends on the machine, one kills a child forked after its first use, another
the process when two threads enter it, and functions compiled for them take
several times as long to compile.
"""

import atexit
import ctypes
import inspect
import os
import queue
import sys
import threading

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from threadpoolctl import threadpool_limits

from . import compiling

SMALL = 1 << 15  # numbers a tile, about 10 microseconds
PATIENCE = 300_000  # looks at the board, about 0.2 ms, before a helper sleeps
LOOKS = 1000  # before a thread that waits lets others have its processor

# The numbers on the board, each in a line of the cache of its own. BUSY: how
# many callers want it; OPEN: 1 while there is something to do; ENTRY and DATA:
# the function and its arguments; NEXT, PARTS: the next part, out of so many;
# INSIDE: helpers at work; FAILED: 1 if a part raised an error; AWAKE: helpers
# that watch.
BUSY, OPEN, ENTRY, DATA, NEXT, PARTS, INSIDE, FAILED, AWAKE = range(0, 72, 8)


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


def keep_memory():
    """Let the C library keep freed memory for the next array.

    Fresh memory costs a visit to the system for every 4 KB, at the first
    touch: a kernel whose buffers are given back after each call, as glibc
    does for threads, takes up to four times as long. No other C library is
    told anything.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    trim_threshold, mmap_threshold = -1, -3  # as malloc.h numbers them
    mallopt(mmap_threshold, 32 << 20)
    mallopt(trim_threshold, 256 << 20)


calm_blas()
keep_memory()


# --- what Numba has no word for --------------------------------------------

def place(context, builder, signature, board, k):
    """The address of board[k]."""
    array = context.make_array(signature.args[0])(context, builder, board)
    return builder.gep(array.data, [k])


@intrinsic
def read(typing_context, board, k):
    """board[k], fetched from memory each time: other threads write it."""
    def generate(context, builder, signature, values):
        return builder.load_atomic(
            place(context, builder, signature, *values), "seq_cst", 8)
    return types.int64(board, types.intp), generate


@intrinsic
def add(typing_context, board, k, n):
    """board[k] += n, in one step for all threads; what it was before."""
    def generate(context, builder, signature, values):
        *where, n = values
        return builder.atomic_rmw(
            "add", place(context, builder, signature, *where), n, "seq_cst")
    return types.int64(board, types.intp, types.int64), generate


def entry_type(context):
    """Of the code that call() calls: Numba's own convention."""
    return context.call_conv.get_function_type(
        types.none, (types.voidptr, types.intp, types.intp))


@intrinsic
def pack(typing_context, function, arguments):
    """(entry, data), addresses such that call(entry, data, part, parts) is
    function(*arguments, part, parts) as long as the caller runs."""
    inner = function.get_call_type(
        typing_context, (*arguments.types, types.intp, types.intp), {})

    def generate(context, builder, signature, values):
        packed = cgutils.alloca_once_value(builder, values[1])
        entry = ir.Function(
            builder.module, entry_type(context),
            builder.module.get_unique_name("entry"))
        entry.linkage = "internal"
        inside = ir.IRBuilder(entry.append_basic_block())
        *_, data, part, parts = entry.args
        given = inside.load(inside.bitcast(data, packed.type))
        context.get_function(function, inner)(
            inside, [*cgutils.unpack_tuple(inside, given), part, parts])
        context.call_conv.return_value(inside, context.get_dummy_value())
        return cgutils.pack_array(builder, [
            builder.ptrtoint(pointer, ir.IntType(64))
            for pointer in (entry, packed)])
    return types.UniTuple(types.int64, 2)(function, arguments), generate


@intrinsic
def call(typing_context, entry, data, part, parts):
    """The entry that pack() made called; 0 if all went well."""
    def generate(context, builder, signature, values):
        kind = entry_type(context)
        result, error, where, *_ = kind.args
        entry = builder.inttoptr(values[0], kind.as_pointer())
        status = builder.call(entry, [
            cgutils.alloca_once(builder, result.pointee),
            cgutils.alloca_once(builder, error.pointee),
            builder.inttoptr(values[1], where), *values[2:]])
        return builder.zext(status, ir.IntType(64))
    return types.int64(types.int64, types.int64, types.intp,
                       types.intp), generate


@intrinsic
def step_aside(typing_context):
    """Let another thread have this processor, if one waits for it."""
    name = "SwitchToThread" if os.name == "nt" else "sched_yield"

    def generate(context, builder, signature, values):
        builder.call(cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), []), name), [])
        return context.get_dummy_value()
    return types.none(), generate


# --- sharing out -----------------------------------------------------------

@compiling.kernel
def take_part(board):
    """Do part after part, until none is left."""
    entry, data, parts = board[ENTRY], board[DATA], board[PARTS]
    part = add(board, NEXT, 1)
    while part < parts:
        if call(entry, data, part, parts):
            board[FAILED] = 1
        part = add(board, NEXT, 1)


@compiling.kernel
def share(board, entry, data, parts):
    """Do all parts, with whoever helps; whether one failed.

    Somebody else may be using the board: then this thread does all parts.
    """
    if parts > 1 and add(board, BUSY, 1) == 0:
        board[ENTRY], board[DATA], board[PARTS] = entry, data, parts
        board[NEXT] = board[FAILED] = 0
        add(board, OPEN, 1)
        take_part(board)
        add(board, OPEN, -1)
        looks = 0
        while read(board, INSIDE):
            looks += 1
            if looks % LOOKS == 0:
                step_aside()
        failed = board[FAILED] != 0
        add(board, BUSY, -1)
        return failed
    if parts > 1:
        add(board, BUSY, -1)
    failed = False
    for part in range(parts):
        failed |= call(entry, data, part, parts) != 0
    return failed


@compiling.kernel
def serve(board):
    """Help with all that is to do, until there was nothing for a while."""
    add(board, AWAKE, 1)
    looks = 0
    while looks < PATIENCE:
        looks += 1
        if looks % LOOKS == 0:
            step_aside()
        if read(board, OPEN) and read(board, NEXT) < read(board, PARTS):
            add(board, INSIDE, 1)
            if read(board, OPEN):  # still: who closes waits for us
                take_part(board)
            add(board, INSIDE, -1)
            looks = 0
    add(board, AWAKE, -1)


class Helper(threading.Thread):
    """A thread that serves when the bell rings."""

    def __init__(self):
        super().__init__(name="tinygen", daemon=True)
        self.start()

    def run(self):
        while bell.get():
            serve(board)


board = np.zeros(AWAKE + 8, np.int64)
helpers = []  # they start when there is work
bell = queue.SimpleQueue()


def forget():
    """In a forked child there are none of our threads."""
    global bell
    helpers.clear()
    board[:] = 0
    bell = queue.SimpleQueue()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)


@atexit.register
def stop():
    for _ in helpers:
        bell.put(False)
    for helper in helpers:
        helper.join()


def call_helpers():
    """See that THREADS - 1 helpers are awake, or have heard the bell."""
    if not helpers:
        serve(board)  # compiled here, not in two threads at once
    while len(helpers) < THREADS - 1:
        helpers.append(Helper())
    for _ in range(THREADS - 1 - board[AWAKE] - bell.qsize()):
        bell.put(True)


def kernel(function):
    """Compile at the first call; what run() takes if its last arguments are
    part and parts."""
    compiled = compiling.kernel(function)
    names = list(inspect.signature(function).parameters)
    if names[-2:] == ["part", "parts"]:
        compiled.shared = compiling.kernel(with_board(compiled, names[:-2]))
    return compiled


def with_board(function, names):
    """A function that calls `function` once for each part."""
    name, given = f"{function.__name__}_shared", ", ".join(names)
    scope = {"__name__": function.__module__, function.__name__: function,
             "share": share, "pack": pack}
    source = (f"def {name}(board, parts, {given}):\n"
              f"    entry, data = pack({function.__name__}, ({given},))\n"
              f"    return share(board, entry, data, parts)\n")
    exec(compile(source, function.py_func.__code__.co_filename, "exec"), scope)
    return scope[name]


def run(function, *arguments, tiles):
    """Call function(*arguments, part, parts) so that all tiles get done.

    There are up to 4 parts a thread, this one included, and each thread
    takes one after the other: whoever is held up does fewer of them.
    """
    parts = min(tiles, 4 * THREADS) if THREADS > 1 else 1
    if parts > 1 and board[AWAKE] < THREADS - 1:
        call_helpers()
    if function.shared(board, parts, *arguments):
        raise MemoryError(f"no memory left for {function.__name__}")


def tiles_for(size, most=sys.maxsize):
    """Into how many tiles, up to `most`, to cut a pass over `size` numbers."""
    return max(1, min(size // SMALL, most))
