"""Train and measure again what chapter 5 shows, and store it.

    python chapters/runs/make_future.py [NAME ...]      default: all of them

future.json holds the numbers, each with its seed and sample size;
future_NAME.png the samples that are only looked at; future_NAME.safetensors
the weights, as float16, that the chapter works with. All is small: width
12, 32 numbers of noise, 1,500 steps. Trainings go on where they stopped (in
runs/, which git ignores). The digits need the MNIST files; see
tinygen.data.mnist.
"""

import sys
import time
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import training
from tinygen.models import build

HERE = Path(__file__).parent

SMALL = {"noise": 32, "width": 12, "lr": 5e-4, "average": 0.99}
BETTER = SMALL | {"spectral": True, "loss": "hinge"}

# name: (model, settings, steps, images: how many, moved about?, labels?)
RUNS = {
    "better": ("gan", BETTER, 1500, {}),
    "classes": ("gan", BETTER | {"classes": 8}, 2000, {}),
    "few": ("gan", BETTER, 1500, {"n": 50}),
    "colour": ("cyclegan", {"width": 8, "blocks": 2, "schedule": 600}, 600,
               {}),
    "vae": ("vae", {"width": 8, "latent": 16, "classes": 8}, 1500, {}),
    "few_moved": ("gan", BETTER, 1500, {"n": 50, "moved": True}),
    "plain": ("gan", SMALL, 1500, {}),
    "some": ("gan", BETTER, 1500, {"n": 250}),
    "some_moved": ("gan", BETTER, 1500, {"n": 250, "moved": True}),
    "better_1": ("gan", BETTER, 1500, {"seed": 1}),
    "plain_1": ("gan", SMALL, 1500, {"seed": 1}),
    "width_4": ("gan", BETTER | {"width": 4}, 1500, {}),
    "width_8": ("gan", BETTER | {"width": 8}, 1500, {}),
    "hinge": ("gan", SMALL | {"loss": "hinge"}, 1500, {}),
    "hinge_1": ("gan", SMALL | {"loss": "hinge"}, 1500, {"seed": 1}),
    "width_24": ("gan", BETTER | {"width": 24}, 1500, {}),
}


def sprites(n, rng):
    """Plain sprites on light ground, and their labels."""
    return tg.data.sprites(n, "solid", rng, background="light")


def grey(images):
    """0.299 R + 0.587 G + 0.114 B in all three channels, uint8."""
    luma = images @ np.array([0.299, 0.587, 0.114])
    return np.rint(luma[..., None]).astype(np.uint8).repeat(3, axis=-1)


def moved(images, copies=40, most=2, rng=0):
    """Copies of the images, each moved by up to `most` pixels each way; what
    comes in at the border is as the border was."""
    rng, size = np.random.default_rng(rng), images.shape[1]
    wide = np.pad(images, [(0, 0), (most, most), (most, most), (0, 0)],
                  "edge")
    return np.stack([wide[k, y:y + size, x:x + size]
                     for k in range(len(images))
                     for y, x in rng.integers(2 * most + 1,
                                              size=(copies, 2))])


def data_of(kind, settings, how):
    """(images, labels or None) that a run is trained on."""
    images, labels = sprites(how.get("n", 10_000), 0)
    if kind == "cyclegan":      # not one image in both
        return (grey(images), sprites(10_000, 1)[0]), None
    if how.get("moved"):
        images = moved(images)
    return images, labels if settings.get("classes") else None


def trained(name):
    """The model of a run, trained, and its checkpoint's header."""
    kind, settings, steps, how = RUNS[name]
    out, seed = Path("runs") / f"future_{name}", how.get("seed", 0)
    path = out / training.CHECKPOINT
    model = build(kind, settings)
    model = type(model)(model.config, rng=np.random.default_rng(seed))
    images, labels = data_of(kind, settings, how)
    tg.fit(model, images, steps, batch=4 if kind == "cyclegan" else 32,
           seed=seed, out=out, resume=path.exists(), labels=labels,
           sample_every=500, progress=False)
    return model, training.load_model(path)[1]


if __name__ == "__main__":
    for wanted in sys.argv[1:] or RUNS:
        began, clock = time.time(), time.process_time()
        trained(wanted)
        print(time.strftime("%H:%M:%S"), wanted, round(time.time() - began),
              "s,", round(time.process_time() - clock), "s of processor",
              flush=True)
