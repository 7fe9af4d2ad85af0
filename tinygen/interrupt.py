"""Ctrl-C and SIGTERM as wishes: to stop after this step, or now."""

import signal
import threading


class Interrupt:
    """with Interrupt(left) as ctrl_c: the first Ctrl-C or SIGTERM sets
    ctrl_c.asked, a second one raises KeyboardInterrupt at once, which says
    what left() says. What is ignored (in a script's background) stays so.
    """

    def __init__(self, left):
        self.left, self.asked, self.old = left, False, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self.old[number] = signal.signal(number, self._ask)
        return self

    def _ask(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, kind, error, trace):
        for number, old in self.old.items():
            signal.signal(number, old)
        if kind is KeyboardInterrupt and not error.args:
            raise KeyboardInterrupt("stopped at once, without saving; "
                                    + self.left()) from None
