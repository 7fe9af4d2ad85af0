"""From the start of a process to its first finished GAN step; peak memory."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tinygen.engine.kernels.threads import THREADS

HERE = Path(__file__).parent
MEMORY_STEPS = 5


def run(script, steps=1, **environment):
    """(seconds to the first step, peak in MB, standard error)."""
    limit = {"TINYGEN_THREADS": str(THREADS), "OMP_NUM_THREADS": str(THREADS)}
    before = time.perf_counter()
    with subprocess.Popen(
            [sys.executable, HERE / script, str(steps)], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | limit | environment) as process:
        word = process.stdout.readline()
        seconds = time.perf_counter() - before
        peak, errors = process.stdout.read(), process.stderr.read()
    if word != "stepped\n" or process.returncode:
        raise RuntimeError(f"{script} failed:\n{errors}")
    return seconds, float(peak), errors


def measure(times=3, empty=True):
    """(start, memory): rows with ours, PyTorch's and the ratio."""
    ours, theirs = "first_step_tinygen.py", "first_step_pytorch.py"
    run(ours)                   # the cache is warm from here on
    run(theirs)                 # and both are in the disk's
    a, b = [], []
    for _ in range(times):
        a.append(run(ours)[0])
        b.append(run(theirs)[0])
    start = {"ours_s": median(a), "pytorch_s": median(b),
             "ratio": median(b) / median(a)}
    if empty:
        with tempfile.TemporaryDirectory() as folder:
            seconds, _, errors = run(ours, NUMBA_CACHE_DIR=folder)
        start["empty_cache_s"] = seconds
        start["announced"] = errors.replace("\r", "\n").strip().split("\n")[0]
    mine, other = (median(run(script, MEMORY_STEPS)[1] for _ in range(times))
                   for script in (ours, theirs))
    return start, {"ours_mb": mine, "pytorch_mb": other,
                   "ratio": other / mine}
