"""Running an answer in a thread of its own.

A frame leads to the frame that called it. Called from the check, an answer
could follow its own traceback to the solution and return what that returns;
a thread's frames end where the thread began.
"""
import _thread
import contextvars
import sys
import time
import warnings

import numpy as np

PATIENCE = 0.2  # seconds in which a thread that has ended goes away


class TimeUp(BaseException):
    """The answer has used up its time; frame is where it then was."""

    def __init__(self, frame=None):
        super().__init__()
        self.frame = frame


class Apart:
    """Apart(watch)(work): work(), run in a thread, with what it raises.

    What an answer sets for all (the recursion limit, how warnings and arrays
    are shown) holds for itself only. watch() is called after each run, and
    raises if the answer did what it may not.
    """

    def __init__(self, watch):
        self._watch, self._thread = watch, None
        self._errors = np.geterr()  # NumPy's, in the answer's threads

    def __call__(self, work):
        done, box = _thread.allocate_lock(), []
        settings = sys.getrecursionlimit(), np.get_printoptions()
        before = _thread._count()
        with done, warnings.catch_warnings():
            self._thread = _thread.start_new_thread(
                contextvars.copy_context().run,
                (self._run, work, box, done))
            done.acquire()  # an alarm interrupts this
        sys.setrecursionlimit(settings[0])
        np.set_printoptions(**settings[1])
        value, error, self._errors = box[0]
        self._watch(_outlived(before))
        if error is not None:
            raise error
        return value

    def _run(self, work, box, done):
        value = error = None
        try:
            np.seterr(**self._errors)
            value = work()
        except BaseException as raised:  # SystemExit, too
            error = raised
        finally:
            box.append((value, error, np.geterr()))
            if done.locked():   # still waited for
                done.release()

    def ring(self, *_):
        """A signal's handler: the time is up."""
        raise TimeUp(sys._current_frames().get(self._thread))


def _outlived(before):
    """Whether the answer left threads behind that still run."""
    end = time.monotonic() + PATIENCE
    while _thread._count() > before:
        if time.monotonic() > end:
            return True
        time.sleep(0.0005)
    return False
