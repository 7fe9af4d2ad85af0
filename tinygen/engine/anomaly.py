"""Where did the NaN begin? detect_anomaly() looks at each result of an op.

Chapter 04_0_4 uses it; fit() does the step again in it that has failed.
"""

import linecache
import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

watch = ContextVar("watch", default=None)   # the Watch, within a block
HERE = os.path.dirname(__file__) + os.sep


@contextmanager
def detect_anomaly():
    """Within the block, the first op that gives NaN or infinity is an error.

    with tg.detect_anomaly(): model.step(images, rng)

    FloatingPointError: names the op, where in its result, what it was given,
    the line that called it, and if it belongs to the gradient of another op,
    that one. Slower, since each result is looked at: for a search, not for
    a training.
    """
    token = watch.set(Watch())
    try:
        with np.errstate(all="ignore"):     # said here, in plain words
            yield
    finally:
        watch.reset(token)


class Watch:
    """Looks at each result, and knows where it was made.

    made   for the serial number of each result: of what rule it is, and of
           what that; the line of code
    owner  the result whose op's gradient is being computed, or None
    """

    def __init__(self):
        self.made, self.owner = {}, None

    def input_grads(self, g, y, needed):
        """The same of y's op; what that calls belongs to its gradient."""
        before, self.owner = self.owner, y
        try:
            return y.op.input_grads(g, y, needed)
        finally:
            self.owner = before

    def look(self, op, inputs, y):
        """FloatingPointError if y, which op gave, is not finite."""
        if self.owner is None:
            rules, line = "", line_of_caller()
        else:
            rules, line = self.made.get(self.owner.serial, ("", ""))
            rules = f"in the gradient of {self.owner.op.name}: {rules}"
        self.made[y.serial] = rules, line
        good = np.isfinite(y.data)
        if good.all():
            return
        at = tuple(map(int, np.unravel_index(good.argmin(), y.shape)))
        names = op.input_names or [f"input {k}" for k in range(len(inputs))]
        told = ", ".join(words(name, x, y.shape, at)
                         for name, x in zip(names, inputs))
        raise FloatingPointError(
            f"{rules}{op.name} gave {y.data[at]}"
            + (f" at {list(at)} of {y.shape}" if at else "")
            + f", from {told}{line}")


def words(name, x, shape, at):
    """An input: its values, and that at `at` if it has the result's shape.
    """
    name = f"{name} = {x.name}" if x.name else name
    if x.size == 1:
        return f"{name} = {x.item():.4g}"
    good = x.data[np.isfinite(x.data)]
    parts = [f"{x.data[at]:.4g} there"] if x.shape == shape else []
    if good.size:
        parts.append(f"in [{good.min():.4g}, {good.max():.4g}]")
    if good.size < x.size:
        parts.append(f"NaN or infinite already in {x.size - good.size} of "
                     f"{x.size} places")
    return f"{name} {x.shape} ({', '.join(parts)})"


def line_of_caller():
    """The line outside of this folder that called the op: `; FILE, line 3:
    CODE`, of a notebook only the code."""
    frame = sys._getframe(2)
    while frame and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    if not frame:
        return ""
    file, number = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(file, number).strip()
    where = (f"{os.path.basename(file)}, line {number}"
             if os.path.exists(file) else "the line")
    return f"; {where}: {code}" if code else f"; {where}"
