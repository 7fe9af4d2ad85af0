"""Timing ways of doing the same thing, in turns, in one process."""
import time
from statistics import median


def repeat(function, seconds, clock):
    """Call for so long, at least once; the time of each call."""
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        before = clock()
        function()
        times.append(clock() - before)
    return times


def in_turns(functions, turn=0.1, turns=6, clock=time.perf_counter):
    """{name: (median, least) seconds of the clock}.

    The functions take turns of 0.1 s, so that whatever else the machine does
    is shared out between them. The first 0.05 s of a turn do not count:
    PyTorch's threads spin for some milliseconds after their last work, and
    would slow down whoever comes next. On a busy machine use one thread and
    clock=time.process_time.
    """
    times = {name: [] for name in functions}
    for _ in range(turns):
        for name, function in functions.items():
            repeat(function, 0.05, clock)
            times[name] += repeat(function, turn, clock)
    return {name: (median(t), min(t)) for name, t in times.items()}
