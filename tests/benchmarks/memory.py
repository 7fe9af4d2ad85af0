"""The most memory that this process has used."""
import sys
from pathlib import Path


def peak():
    """Megabytes (1e6 bytes) in real memory, at most, so far."""
    status = Path("/proc/self/status")
    if status.exists():         # getrusage counts the parent's in Linux
        line = [x for x in status.read_text().splitlines()
                if x.startswith("VmHWM")][0]
        return 1024 * int(line.split()[1]) / 1e6
    import resource
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used * (1 if sys.platform == "darwin" else 1024) / 1e6
