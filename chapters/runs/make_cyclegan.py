"""Train again the CycleGANs that chapter 4.3 shows, and store them.

    python chapters/runs/make_cyclegan.py [NAME ...]    default: all of them

NAME.safetensors holds both generators' weights as float16; its header
carries the command that trained them, the seed, the steps, the seconds, and
the PSNR against true pairs that were held out. Trainings go on where they
stopped (in runs/, which git ignores). cyclegan_emoji needs the emoji, see
tinygen.data.emoji, and stores a picture of them too.
"""

import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import training
from tinygen.engine.kernels.threads import THREADS
from tinygen.models import CycleGAN, CycleGANConfig

HERE = Path(__file__).parent

# Trained by the command line, as a reader would
COMMANDS = {
    "cyclegan_sprites": "train cyclegan --batch 4 --steps 5000",
    "cyclegan_emoji": "train cyclegan --data emoji --batch 4 --steps 3000"}

# Small CycleGANs, width 8 with 2 blocks, trained by fit() on circles: plain
# and striped, or (ground) on light and on dark ground
ON_CIRCLES = {
    "cyclegan_circles_free": (
        300, {"cycle": 0.0, "identity": 0.0, "skips": False}),
    "cyclegan_circles_no_identity": (400, {"identity": 0.0}),
    "cyclegan_circles_no_pool": (400, {"pool": 0}),
    "cyclegan_circles_no_skips": (400, {"skips": False}),
    "cyclegan_circles_drift": (400, {"identity": 0.0, "skips": False}),
    "cyclegan_ground_skips": (200, {}),
    "cyclegan_ground_no_skips": (200, {"skips": False})}


def circles(n, rng, style="solid", background="light"):
    """The circles among n sprites: about an eighth."""
    images, labels = tg.data.sprites(n, style, rng, background=background)
    return images[labels == 0]


def two_sets(name, n, rng_a, rng_b):
    """(a, b) for one of ON_CIRCLES; true pairs if both rng are one seed."""
    if "ground" in name:
        return circles(n, rng_a), circles(n, rng_b, background="dark")
    return circles(n, rng_a), circles(n, rng_b, "striped")


def held_out(name):
    """True pairs (a, b) that no training has seen."""
    if name in ON_CIRCLES:
        return two_sets(name, 1000, 3, 3)
    if "emoji" in name:
        return tg.data.emoji("test")
    return tg.data.sprite_pairs(500, rng=3)


def decibels(model, pair):
    """Mean PSNR against the true pairs, of the translations and of the
    images left as they are; both directions."""
    a, b = pair
    return {which: round(float(tg.metrics.psnr(x, y).mean()), 2)
            for which, x, y in (
                ("a_to_b", model.translate(a, "b"), b), ("a_as_b", a, b),
                ("b_to_a", model.translate(b, "a"), a), ("b_as_a", b, a))}


def processor_seconds(model, note, steps=20):
    """Of one step, measured again: on a busy machine a training waits, and
    `seconds` counts the waiting."""
    c, rng = model.config, np.random.default_rng(0)
    images = np.zeros((note["batch"], c.size, c.size, c.channels), np.float32)
    again = CycleGAN(c)
    again.step((images, images), rng)
    began = time.process_time()
    for _ in range(steps):
        again.step((images, images), rng)
    return (time.process_time() - began) / steps


def train_by_command(name, out):
    """Run the command line in `out`; returns the command as it was typed."""
    command = ["-m", "tinygen", *shlex.split(COMMANDS[name]), "--out",
               str(out)]
    resume = ["--resume"] if (out / training.CHECKPOINT).exists() else []
    subprocess.run([sys.executable, *command, *resume], check=True)
    return shlex.join(["python", *command])


def train_on_circles(name, out):
    """fit() in `out`; returns the command that does the same."""
    steps, settings = ON_CIRCLES[name]
    model = CycleGAN(CycleGANConfig(
        **{"width": 8, "blocks": 2, "schedule": steps} | settings),
        rng=np.random.default_rng(0))
    tg.fit(model, two_sets(name, 8000, 1, 2), steps, batch=4, seed=0, out=out,
           resume=(out / training.CHECKPOINT).exists(), note={
               "data": "circles"})
    return f"python chapters/runs/make_cyclegan.py {name}"


def picture(model, path, n=12):
    """Held-out emoji: Noto, made Twemoji, the true ones; and the reverse."""
    a, b = (some[::len(some) // n][:n] for some in held_out("emoji"))
    rows = [a, tg.data.to_uint8(model.translate(a, "b")), b,
            b, tg.data.to_uint8(model.translate(b, "a")), a]
    tg.data.save_grid(np.concatenate(rows), path, n, scale=1)


def make(name):
    """Train (or go on with) one run, and store its generators."""
    out = Path("runs") / name
    train = train_by_command if name in COMMANDS else train_on_circles
    command = train(name, out)
    model, meta = training.load_model(out / training.CHECKPOINT)
    note = {"command": command, "seed": meta["fixed"]["seed"],
            "steps": meta["step"], "batch": meta["fixed"]["batch"],
            "seconds": round(meta["seconds"]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "threads": THREADS, "load": round(os.getloadavg()[2], 1),
            "data": meta["note"]["data"],
            "psnr": decibels(model, held_out(name))}
    note["cpu"] = round(processor_seconds(model, note) * note["steps"])
    training.save_sampler(HERE / f"{name}.safetensors", model, "generators",
                          **note)
    if name == "cyclegan_emoji":
        picture(model, HERE / "cyclegan_emoji.png")
    print(name, note)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*COMMANDS, *ON_CIRCLES]:
        make(wanted)
