"""Ctrl-C and SIGTERM, once and twice; test_training.py has them in fit()."""

import signal
import sys

import pytest

from tinygen.interrupt import Interrupt

pytestmark = pytest.mark.skipif(sys.platform == "win32",
                                reason="needs POSIX signals")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_is_a_wish_twice_an_order(number):
    before = signal.getsignal(number)
    with Interrupt(lambda: "all is well") as ctrl_c:
        assert not ctrl_c.asked
        signal.raise_signal(number)
        assert ctrl_c.asked
    assert signal.getsignal(number) is before
    with pytest.raises(KeyboardInterrupt, match="at once, .*; all is well$"):
        with Interrupt(lambda: "all is well"):
            signal.raise_signal(number)
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_what_others_raise_is_left_as_it_is():
    with pytest.raises(KeyboardInterrupt, match="^mine$"):
        with Interrupt(str):
            raise KeyboardInterrupt("mine")
    with pytest.raises(ValueError):
        with Interrupt(str):
            raise ValueError("no interrupt")


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt(str) as ctrl_c:
            signal.raise_signal(signal.SIGINT)
            assert not ctrl_c.asked
    finally:
        signal.signal(signal.SIGINT, before)
