"""A new process: the networks, GAN steps, a word after the first, and the
most memory used. See start.py.

    python tests/benchmarks/first_step_tinygen.py [STEPS]
"""
import sys

import numpy as np
from memory import peak
from steps_tinygen import STEPS

make, draw = STEPS["GAN"]
rng = np.random.default_rng(0)
model, batch = make(rng), draw(rng)
for k in range(int(sys.argv[1])):
    model.step(*batch)
    if k == 0:
        print("stepped", flush=True)
print(peak())
