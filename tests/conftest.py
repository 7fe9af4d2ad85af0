"""What all tests share: a quiet Matplotlib, and `require`."""

import importlib
import os
import runpy
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

# A script's background job ignores Ctrl-C, and hands that on: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root():
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def require():
    """require(name): a module, or for "data" the folder TINYGEN_DATA.

    What is absent skips the test, and the reason names it. What is listed
    in TINYGEN_REQUIRE ("torch,data") fails the test instead: where it
    should be there, a skip would hide that it is not.

        def test_like_torch(require):
            torch = require("torch")
    """
    return _require


@pytest.fixture(scope="module")
def tab(require):
    """A tab of a browser without a window. It needs Chromium or Chrome on
    the PATH, and what `make test-long` installs."""
    require("playwright.sync_api")
    opened_tab = runpy.run_path(ROOT / "book/browser.py")["opened_tab"]
    try:
        with opened_tab(300) as tab:            # a busy machine, long pages
            yield tab
    except FileNotFoundError as error:
        pytest.skip(str(error))


def _require(name):
    if name == "data":
        folder = os.environ.get("TINYGEN_DATA")
        if folder and Path(folder).is_dir():
            return Path(folder)
        return _absent(name, "TINYGEN_DATA names no folder of data")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(name)
    except ImportError as error:
        return _absent(name, f"{name} is not installed ({error})")
    if name == "torch":     # its threads wait by spinning, as ours do
        module.set_num_threads(1)
    return module


def _absent(name, reason):
    asked = os.environ.get("TINYGEN_REQUIRE", "").split(",")
    if name.partition(".")[0] in asked:
        pytest.fail(f"{reason}, and TINYGEN_REQUIRE asks for it")
    pytest.skip(reason)


CHILD = """
import sys
def most():
    with open("/proc/self/status") as file:
        return next(int(l.split()[1]) for l in file if l.startswith("VmHWM"))
{setup}
before = most()
try:
    print({expression})
except Exception as error:
    print(type(error).__name__, error)
print(most() - before >> 10)
"""


@pytest.fixture(scope="session")
def measured():
    """measured(setup, expression, *argv): what a process of its own prints
    for the value or its error, and how many MB more it needed for that."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells how much memory was needed")

    def run(setup, expression, *argv):
        code = CHILD.format(setup=setup, expression=expression)
        done = subprocess.run([sys.executable, "-c", code, *map(str, argv)],
                              text=True, capture_output=True, timeout=300,
                              cwd=ROOT,     # Numba takes long to import
                              env=os.environ | {"TINYGEN_KERNELS": "plain"})
        assert done.returncode == 0, done.stderr
        *printed, megabytes = done.stdout.splitlines()
        return "\n".join(printed), int(megabytes)
    return run
