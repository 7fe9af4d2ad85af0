"""Every op and loss against PyTorch on random cases, anew each time.

    python tests/reliability/against_torch.py [cases of each, 200] [seed]

prints a line for each, how many cases it stood, and the sum. What it found
last is in tests/README.md; the fixed cases are tests/test_against_torch.py.
"""

import random
import sys
import time
from pathlib import Path

import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from op_strategies import NAMES, compare  # noqa: E402


def run(name, cases, start):
    """How many cases there were, and the first failure, or None."""
    count = [0]

    @seed(start)
    @settings(max_examples=cases, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test(data):
        compare(torch, name, data.draw)
        count[0] += 1

    try:
        test()
    except Exception as error:
        return count[0], error
    return count[0], None


def main(cases=200, start=None):
    start = random.SystemRandom().randrange(2**32) if start is None else start
    began, total, failed = time.monotonic(), 0, 0
    for name in NAMES:
        count, error = run(name, cases, start)
        total += count
        failed += error is not None
        print(f"{name:30} {count:6} {error or ''}", flush=True)
    print(f"{total} cases, seed {start}, {failed} of {len(NAMES)} functions "
          f"failed, {time.monotonic() - began:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
