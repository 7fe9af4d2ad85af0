import io
import sys
import types

import pytest

from tinygen import progress
from tinygen.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def now(monkeypatch):
    """now[0] is the time, in seconds."""
    times = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[0])
    monkeypatch.delenv("TINYGEN_PROGRESS", raising=False)
    monkeypatch.setattr(progress, "_in_notebook", lambda: False)
    return times


def run(now, steps=(1, 2, 3, 4), total=4):
    with Progress(total) as line:
        for step in steps:
            now[0] += 10
            line.update(step, f"d_loss {step / 10}")


def test_clock():
    assert [clock(s) for s in (0, 59.4, 59.6, 3600, 36610)] == [
        "0:00", "0:59", "1:00", "1:00:00", "10:10:10"]


def test_a_terminal_gets_one_line_with_the_time_left(now, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    run(now)
    lines = sys.stderr.getvalue().split("\r")
    assert lines[1].rstrip() == "1/4 steps  d_loss 0.1"
    assert lines[2].rstrip() == "2/4 steps  d_loss 0.2  0:20 left"
    assert lines[-1].rstrip(" ") == "4/4 steps  d_loss 0.4  took 0:40\n"
    assert sys.stderr.getvalue().count("\n") == 1


def test_a_log_file_gets_a_line_a_minute(now, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    run(now, steps=range(1, 13), total=12)
    lines = sys.stderr.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["6/12", "12/12", "12/12"]


def test_an_unknown_total_has_no_time_left(now, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    run(now, total=0)
    assert "\r2 steps  d_loss 0.2\r" in sys.stderr.getvalue()
    assert "left" not in sys.stderr.getvalue()


def test_silence(now, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(3, show=False) as line:
        line.update(1)
    monkeypatch.setenv("TINYGEN_PROGRESS", "0")
    run(now)
    assert sys.stderr.getvalue() == ""


def test_a_notebook_keeps_one_output_without_times(now, monkeypatch):
    shown = []
    handle = types.SimpleNamespace(
        update=lambda data, raw: shown.append(data["text/plain"]))

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return handle

    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    fake = types.ModuleType("IPython.display")
    fake.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    run(now)
    assert shown[-1] == "4/4 steps  d_loss 0.4"
    assert shown[1].endswith("0:20 left")


@pytest.mark.parametrize("stream", [None, "broken"])
def test_a_line_that_nobody_reads_stops_no_work(now, monkeypatch, stream):
    """Started without a stderr, or with it in `| head`."""
    class Broken(Terminal):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", stream and Broken())
    run(now)
    assert out.getvalue() == ""
