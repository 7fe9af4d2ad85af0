"""tinygen beside PyTorch, in one run: `make benchmark`.

    python tests/benchmarks/run.py [--only steps ops start] [--quick]
        [--names GAN ...] [--out FILE]

Medians of at least 15 calls, in turns, as many threads, float32. Ratios are
PyTorch's time / ours, of the faster of PyTorch's layouts: above 1, tinygen
is the faster. A whole run writes latest.json, and README.md's table; a part
only prints. --quick calls everything once: to see that it works. No time is
an error.
"""
import argparse
import json
from pathlib import Path

import torch
from machine import Others, commit, date, machine, versions
from ops import time_ops
from report import (
    rounded,
    save,
    show_head,
    show_ops,
    show_others,
    show_start,
    show_step,
    show_steps_head,
)
from start import measure
from steps import time_steps
from steps_tinygen import STEPS
from timing import sgemm

from tinygen.engine.kernels.threads import THREADS

PARTS = ("start", "steps", "ops")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--names", nargs="+", choices=STEPS,
                        default=list(STEPS), help="training steps")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, help="write the results here")
    return parser.parse_args()


def main():
    options = arguments()
    quick = options.quick
    once = dict(turns=1, calls=1)
    others = Others()
    torch.set_num_threads(THREADS)
    results = {"date": date(), "commit": commit(), "machine": machine(),
               "versions": versions()}
    rate = results["sgemm_gflops"] = sgemm()
    show_head(results["machine"], results["versions"], rate)
    show_others(others.share())
    if "start" in options.only:
        results["start"], results["memory"] = measure(
            times=1 if quick else 3, empty=not quick)
        show_start(results["start"], results["memory"])
    if "steps" in options.only:
        show_steps_head()
        results["steps"] = time_steps(options.names, show_step, **(
            once if quick else dict(turns=7, calls=3)))
    if "ops" in options.only:
        results["ops"] = time_ops(rate, **(once if quick else dict(
            turns=5, calls=3, rest=0.03, seconds=0.02)))
        show_ops(results["ops"])
    results["others_share"] = others.share()
    show_others(results["others_share"])
    results = rounded(results)
    if options.out:
        options.out.write_text(json.dumps(results, indent=1), "utf-8")
    whole = set(options.only) == set(PARTS) and len(options.names) == 4
    if whole and not quick:
        save(results)


if __name__ == "__main__":
    main()
