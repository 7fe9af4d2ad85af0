"""Train again what the chapters show, and store what sampling needs.

    python chapters/runs/make.py [NAME ...]         default: all of them

NAME.safetensors holds a generator's weights as float16; its header carries
the command that trained it, the seed, the steps and the seconds it took on
the machine named there. Trainings go on where they stopped (in runs/, which
git ignores). gan_mnist needs the MNIST files; see tinygen.data.mnist.
"""

import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import training
from tinygen.models import GAN, GANConfig

HERE = Path(__file__).parent

# Trained by the command line, as a reader would
COMMANDS = {"gan_mnist": "train gan --data mnist --steps 13500 --width 20"}

# Trained by fit() on solid sprites: {name: (steps, settings)}
ON_SPRITES = {"gan_sprites": (8000, {"width": 24, "lr": 4e-4})} | {
    f"gan_sprites_{loss}": (2500, {"width": 16, "lr": 5e-4, "loss": loss})
    for loss in ("non_saturating", "minimax", "least_squares", "hinge",
                 "wasserstein")}


def classes(model):
    """How many of 1,000 samples are nearest to each of the ten digits."""
    images, labels = tg.data.mnist()
    samples = model.sample(1000, np.random.default_rng(0))
    near = tg.metrics.nearest(samples, images)
    return np.bincount(labels[near], minlength=10).tolist()


def train_by_command(name, out):
    """Run the command line in `out`; returns the command as it was typed."""
    command = ["-m", "tinygen", *shlex.split(COMMANDS[name]), "--out",
               str(out)]
    resume = ["--resume"] if (out / training.CHECKPOINT).exists() else []
    subprocess.run([sys.executable, *command, *resume], check=True)
    return shlex.join(["python", *command])


def train_on_sprites(name, out):
    """fit() in `out`; returns the command that does the same."""
    steps, settings = ON_SPRITES[name]
    sprites, _ = tg.data.sprites(10_000, style="solid", background="light",
                                 rng=0)
    model = GAN(GANConfig(**settings), rng=np.random.default_rng(0))
    tg.fit(model, sprites, steps, seed=0, out=out,
           resume=(out / training.CHECKPOINT).exists())
    return f"python chapters/runs/make.py {name}"


def make(name):
    """Train (or go on with) one run, and store its generator."""
    out = Path("runs") / name
    train = train_by_command if name in COMMANDS else train_on_sprites
    command = train(name, out)
    model, meta = training.load_model(out / training.CHECKPOINT)
    note = {"command": command, "seed": meta["fixed"]["seed"],
            "steps": meta["step"], "batch": meta["fixed"]["batch"],
            "seconds": round(meta["seconds"]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    if "mnist" in name:
        note["classes"] = classes(model)
    training.save_sampler(HERE / f"{name}.safetensors", model, "g", **note)
    print(name, note)


def gallery(path, columns=16):
    """The README's picture: two rows of sprites, two of digits."""
    images = []
    for name in ("gan_sprites", "gan_mnist"):
        model, _ = training.load_model(HERE / f"{name}.safetensors")
        drawn = model.sample(2 * columns, np.random.default_rng(1))
        images.append(np.broadcast_to(drawn, (*drawn.shape[:3], 3)))
    tg.data.save_grid(np.concatenate(images), path, columns)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*COMMANDS, *ON_SPRITES]:
        make(wanted)
    gallery(HERE.parent.parent / "book" / "gallery.png")
