"""Train again what chapter 6 compares with the GANs of 4.1, and store it.

    python chapters/runs/make_faq.py [NAME ...]         default: both

faq_no_rings: the GAN of gan_sprites_non_saturating, trained on the same
sprites without the rings. faq_vae: a VAE on the sprites of gan_sprites.
Trainings go on where they stopped (in runs/, which git ignores).
"""

import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import training
from tinygen.models import build

HERE = Path(__file__).parent

# name: (model, steps, settings, what is stored)
RUNS = {
    "faq_no_rings": ("gan", 2500, {"width": 16, "lr": 5e-4}, "g"),
    "faq_vae": ("vae", 3000, {"width": 16, "latent": 32}, "networks")}


def images_of(name):
    """The sprites of gan_sprites, for one run without the rings."""
    images, labels = tg.data.sprites(10_000, style="solid",
                                     background="light", rng=0)
    return (images[labels != tg.data.SPRITE_NAMES.index("ring")]
            if name == "faq_no_rings" else images)


def processor_seconds(model, batch, steps=20):
    """Of one step, measured again: `seconds` counts a busy machine's waits.
    """
    rng = np.random.default_rng(0)
    images = np.zeros((batch, 28, 28, 3), np.float32)
    model.step(images, rng)
    began = time.process_time()
    for _ in range(steps):
        model.step(images, rng)
    return (time.process_time() - began) / steps


def make(name):
    """Train (or go on with) one run, and store what sampling needs."""
    kind, steps, settings, part = RUNS[name]
    out, model = Path("runs") / name, build(kind, settings)
    tg.fit(model, images_of(name), steps, seed=0, out=out,
           resume=(out / training.CHECKPOINT).exists(), progress=False)
    model, meta = training.load_model(out / training.CHECKPOINT)
    batch = meta["fixed"]["batch"]
    cpu = steps * processor_seconds(build(kind, settings), batch)
    note = {"command": f"python chapters/runs/make_faq.py {name}",
            "seed": meta["fixed"]["seed"], "steps": meta["step"],
            "batch": batch, "seconds": round(meta["seconds"]),
            "cpu": round(cpu),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    training.save_sampler(HERE / f"{name}.safetensors", model, part, **note)
    print(name, note)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or RUNS:
        make(wanted)
