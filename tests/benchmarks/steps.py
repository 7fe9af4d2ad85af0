"""Training steps beside PyTorch's: same networks, weights, batches, losses."""
import itertools

import numpy as np
from steps_pytorch import settled, twin
from steps_tinygen import STEPS
from timing import LAYOUTS, in_turns

# Products of one step in GFLOP, counted as direct convolutions
GFLOP = {"GAN": 26.9, "VAE": 24.2, "CycleGAN, batch 4": 16.3,
         "CycleGAN, batch 1": 4.1}


def contestants(name, layouts=tuple(LAYOUTS)):
    """{who: function that does a step and returns its losses}.

    All start from the same weights and see the same batches, made before.
    """
    make, draw = STEPS[name]
    rng = np.random.default_rng(0)
    model = make(rng)
    batches = [draw(rng) for _ in range(4)]
    found = {"tinygen": stepper(model.step, batches)}
    for layout, on in itertools.product(layouts, (False, True)):
        other = twin(model, LAYOUTS[layout])
        found[layout + (", tuned" if on else "")] = settled(stepper(
            other.step, [other.batch(*batch) for batch in batches]), on)
    return found


def stepper(step, batches):
    rounds = itertools.cycle(batches)
    return lambda: step(*next(rounds))


def check_losses(found):
    """The first two steps give all the same losses, to 1e-3."""
    for k in range(2):
        losses = {who: step() for who, step in found.items()}
        for who, theirs in losses.items():
            np.testing.assert_allclose(
                theirs, losses["tinygen"], rtol=1e-3, atol=1e-3,
                err_msg=f"step {k + 1}, {who}")


def time_steps(names, show, **how):
    """{name: row}: milliseconds, and PyTorch's best time / ours.

    show(name, row) is called as each is measured.
    """
    rows = {}
    for name in names:
        found = contestants(name)
        check_losses(found)
        times = {who: 1e3 * t for who, t in in_turns(found, **how).items()}
        ours = times.pop("tinygen")
        best = min(times, key=times.get)
        rows[name] = {"ours_ms": ours, "pytorch_ms": times[best],
                      "ratio": times[best] / ours, "pytorch_best": best,
                      "pytorch_all_ms": times, "gflop": GFLOP[name]}
        show(name, rows[name])
    return rows
