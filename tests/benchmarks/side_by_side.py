"""Timing ways of doing the same thing, in turns, in one process."""
import time
from statistics import median


def in_turns(functions, seconds=2.0, at_least=5, clock=time.perf_counter):
    """{name: (median, least) seconds of the clock}.

    The functions take turns, so that whatever else the machine does is
    shared out between them. On a busy machine use one thread and
    clock=time.process_time.
    """
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    start, rounds = time.perf_counter(), 0
    while time.perf_counter() < start + seconds or rounds < at_least:
        rounds += 1
        for name, function in functions.items():
            before = clock()
            function()
            times[name].append(clock() - before)
    return {name: (median(t), min(t)) for name, t in times.items()}
