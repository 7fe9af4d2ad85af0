"""What was measured, where and when."""
import importlib.metadata
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from tinygen.engine.kernels.threads import THREADS

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("numpy", "numba", "scipy", "torch", "tinygen")
VECTORS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16",
           "amx_tile", "asimd", "sve")


def machine():
    """The processor's name, cores, vector instructions; the system."""
    name, features = platform.processor() or platform.machine(), []
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            key, _, value = (part.strip() for part in line.partition(":"))
            if key == "model name":
                name = value
            elif key in ("flags", "Features"):
                features = [v for v in VECTORS if v in value.split()]
    return {"cpu": name, "cores": os.cpu_count(), "threads": THREADS,
            "vectors": features,
            "system": f"{platform.system()} {platform.machine()}"}


def versions():
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES}


def commit():
    """The commit measured; "+" where the package differs from it."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, text=True,
                              capture_output=True).stdout.strip()

    changed = git("status", "--porcelain", "--", "tinygen")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def date():
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


class Others:
    """The share of the processors that other processes had meanwhile.

    PyTorch's threads wait for each other in a loop, and lose more than ours
    when something else wants the processors: beyond a few hundredths,
    believe no ratio.
    """

    def __init__(self):
        self.start = self._now()

    def share(self):
        """Since the start, 0 to 1; None where the system does not say."""
        if self.start is None:
            return None
        busy, own, wall = (b - a for a, b in zip(self.start, self._now()))
        return max(0.0, (busy - own) / (wall * os.cpu_count()))

    def _now(self):
        """Seconds: all processes', this one's and its children's, wall."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return None
        ticks = [int(t) for t in stat.read_text().split()[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]         # idle, waiting
        own = sum(os.times()[:4])
        return busy / os.sysconf("SC_CLK_TCK"), own, time.perf_counter()
