"""Compiled functions, kept on disk for the next process.

A kernel is compiled by Numba at its first call. That takes a second or so,
and is said; the result is kept in the folder __pycache__ beside the source,
or where NUMBA_CACHE_DIR says.
"""

import functools
import io
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numba
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile

# Allowed besides IEEE arithmetic: a*b+c in one step, sums in any order, any
# sign of zero. All of "fastmath" would delete the tests for NaN.
FASTMATH = {"contract", "reassoc", "nsz"}

KERNELS = []  # all there are


def kernel(function):
    """Compile at the first call, and keep the result for other processes.

    It is compiled again when a file in this folder has changed, be it that of
    another kernel: what is called is compiled into what calls it.
    """
    compiled = numba.njit(nogil=True, fastmath=FASTMATH,
                          error_model="numpy")(function)
    try:
        compiled._cache = KernelCache(function)  # as njit(cache=True) does
    except RuntimeError:  # no folder to keep it in can be written
        pass
    KERNELS.append(compiled)
    return compiled


class KernelCache(FunctionCache):
    """Numba's cache, except that its troubles are said, not raised."""

    def __init__(self, function):
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            self._cache_path, self._impl.filename_base, source_stamp())

    def load_overload(self, signature, target):
        """The stored code, or None: then Numba compiles."""
        try:
            with later_ctrl_c:
                found = super().load_overload(signature, target)
        except Exception as error:  # cut short, or overwritten
            say(f"the compiled kernels in {self.cache_path} cannot be read "
                f"({error}): compiling them again")
            self.forget()
            return None
        # two processes that saved at once may have taken the same file
        if found and tuple(found.signature.args) != tuple(signature):
            return None
        return found

    def save_overload(self, signature, code):
        try:
            super().save_overload(signature, code)
        except BaseException as error:
            self.forget()  # the index may name a file that is not there
            if not isinstance(error, Exception):
                raise
            say(f"the compiled kernels cannot be kept in {self.cache_path} "
                f"({error}): the next process compiles them again")

    def forget(self):
        """Begin the index anew, if it can be written."""
        try:
            self.flush()
        except OSError:
            pass


@functools.cache
def source_stamp():
    """When each file of this folder was written, and how long it is."""
    folder = Path(__file__).parent
    return tuple((path.name, path.stat().st_mtime, path.stat().st_size)
                 for path in sorted(folder.glob("*.py")))


class LaterCtrlC:
    """Within the block, which may hold others, Ctrl-C waits for its end.

    Numba, interrupted while it loads its rules, cannot compile any more.
    """

    depth = 0       # of the blocks that the main thread is in
    asked = False   # by Ctrl-C
    handler = None  # what Ctrl-C calls else

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            if self.depth == 0:
                self.handler = signal.signal(signal.SIGINT, self.wait)
            self.depth += 1

    def wait(self, *_):
        self.asked = True

    def __exit__(self, *_):
        if threading.current_thread() is threading.main_thread():
            self.depth -= 1
            if self.depth == 0:
                signal.signal(signal.SIGINT,
                              self.handler or signal.default_int_handler)
                if self.asked:
                    self.asked = False
                    signal.raise_signal(signal.SIGINT)


later_ctrl_c = LaterCtrlC()


class Announcement(event.Listener):
    """Say why nothing seems to happen, and how far it is: 12/33 correlate."""

    outer = None    # the kernel that is compiled, not one that it calls
    started = None  # when the compilation of all of them began, if it did

    def on_start(self, happening):
        kernel = happening.data["dispatcher"]
        if self.outer is None and kernel in KERNELS:
            self.outer = kernel
            say("compiling the kernels, once")
            ready = sum(bool(kernel.signatures) for kernel in KERNELS)
            left = ""
            if self.started and ready:
                took = time.monotonic() - self.started
                rest = took / ready * (len(KERNELS) - ready)
                left = f"  {rest:.0f} s left"
            show(f"{ready}/{len(KERNELS)} {kernel.py_func.__name__}{left}")
            later_ctrl_c.__enter__()

    def on_end(self, happening):
        if self.outer is happening.data["dispatcher"]:
            self.outer = None
            show("")
            later_ctrl_c.__exit__()


announcement = Announcement()
event.register("numba:compile", announcement)


@contextmanager
def compiling_all():
    """Within the block all kernels are compiled: say how long it takes."""
    announcement.started = time.monotonic()
    try:
        yield
    finally:
        announcement.started = None


said = set()


def say(sentence):
    """Print a sentence to stderr: once in a process, whatever the reason."""
    start = sentence.partition(" (")[0]
    if start not in said:
        said.add(start)
        with suppress(OSError):     # a stderr that nobody reads, or none
            print(sentence, file=sys.stderr or io.StringIO(), flush=True)


def show(text):
    """A line that the next one overwrites, in a terminal or a notebook."""
    stream = sys.stderr or io.StringIO()
    notebook = "ipykernel" in type(stream).__module__
    if ((notebook or stream.isatty())
            and os.environ.get("TINYGEN_PROGRESS") != "0"):
        with suppress(OSError):
            print("\r" + text.ljust(60), end="\r", file=stream, flush=True)
