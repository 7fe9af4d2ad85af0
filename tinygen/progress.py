"""One line that says how far a long job is, and how long it still takes."""

import os
import shutil
import sys
import time


def clock(seconds):
    """Seconds as h:mm:ss, or m:ss below an hour."""
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def _in_notebook():
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


class Progress:
    """with Progress(total, unit="steps") as line: line.update(done, text)

    A terminal shows one line that is written over; a notebook one output,
    whose last text has no times, so that two executions agree; a log file
    a line a minute. Time left = time so far * (total - done) / done, both
    counted from the first update, so that compiling is left out.
    total 0: not known. Silent if show is False or TINYGEN_PROGRESS is 0.
    """

    def __init__(self, total, unit="steps", show=True):
        self.total, self.unit = total, unit
        self.show = (show and os.environ.get("TINYGEN_PROGRESS") != "0"
                     and sys.stderr is not None)
        self.notebook = _in_notebook()
        self.terminal = self.show and sys.stderr.isatty()
        self.pause = 0.5 if self.notebook else 0.1 if self.terminal else 60
        self.first = self.handle = None
        self.width = 0
        self.line, self.started = "", time.monotonic()
        self.shown = self.started - (0 if self.pause == 60 else 60)

    def update(self, done, text=""):
        """Say that `done` of the total are done; text goes behind it."""
        now = time.monotonic()
        if self.first is None:
            self.first = now, done
        of = f"{done}/{self.total}" if self.total else f"{done}"
        self.line = f"{of} {self.unit}  {text}".rstrip()
        if self.show and now - self.shown >= self.pause:
            self.shown = now
            self._write(self.line + self._left(now, done))

    def _left(self, now, done):
        since, start = self.first
        if done == start or not self.total:
            return ""
        rest = (now - since) * (self.total - done) / (done - start)
        return f"  {clock(rest)} left"

    def _write(self, line, end=""):
        try:
            self._put(line, end)
        except OSError:     # nobody reads it (2>&1 | head): work goes on
            self.show = False

    def _put(self, line, end):
        if self.notebook:
            from IPython.display import display
            data = {"text/plain": line}
            if self.handle is None:
                self.handle = display(data, raw=True, display_id=True)
            else:
                self.handle.update(data, raw=True)
        elif self.terminal:
            line = line[:shutil.get_terminal_size().columns - 1]
            print("\r" + line.ljust(self.width), end=end, file=sys.stderr,
                  flush=True)
            self.width = len(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.show and self.line:
            took = clock(time.monotonic() - self.started)
            times = "" if self.notebook else f"  took {took}"
            self._write(self.line + times, end="\n")
