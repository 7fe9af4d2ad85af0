"""Every op and loss against PyTorch on random cases, anew each time.

    python tests/reliability/against_torch.py [--cases 200] [--seed N]
                                              [NAME ...]

prints a line for each function, or each that is named: how many cases it
stood, and the sum. What it found last is in tests/README.md; the fixed cases
are tests/test_against_torch.py.
"""

import argparse
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(2**32))
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no such function: {', '.join(sorted(unknown))}; "
                     f"there are {', '.join(NAMES)}")
    print(f"seed {args.seed}", flush=True)
    began, total, failed = time.monotonic(), 0, 0
    for name in args.names or NAMES:
        start = time.monotonic()
        count, error = run(name, args.cases, args.seed)
        total += count
        failed += error is not None
        print(f"{name:30} {count:6} {time.monotonic() - start:6.0f} s "
              f"{error or ''}", flush=True)
    print(f"{total} cases, {failed} of {len(args.names or NAMES)} functions "
          f"failed, {time.monotonic() - began:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main() > 0)
