"""Train again what the chapters show, and store what sampling needs.

    python chapters/runs/make.py [NAME ...]         default: all of them

NAME.safetensors holds a generator's weights as float16, both networks of a
VAE or both generators of a CycleGAN; its header carries the command that
trained it, the seed, the steps and the seconds it took on the machine named
there. Trainings go on where they stopped (in runs/, which git ignores). The
digits need the MNIST files, see tinygen.data.mnist; cyclegan_emoji the emoji,
see tinygen.data.emoji.
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
from tinygen.models import (
    GAN,
    VAE,
    CycleGAN,
    CycleGANConfig,
    GANConfig,
    VAEConfig,
)
from tinygen.models.vae import binarize

HERE = Path(__file__).parent

# Trained by the command line, as a reader would
COMMANDS = {
    "gan_mnist": "train gan --data mnist --steps 13500 --width 20",
    "cyclegan_sprites": "train cyclegan --batch 4 --steps 5000",
    "cyclegan_emoji": "train cyclegan --data emoji --batch 4 --steps 3000"}

# Trained by fit() on solid sprites: {name: (steps, settings)}
ON_SPRITES = {"gan_sprites": (8000, {"width": 24, "lr": 4e-4})} | {
    f"gan_sprites_{loss}": (2500, {"width": 16, "lr": 5e-4, "loss": loss})
    for loss in ("non_saturating", "minimax", "least_squares", "hinge",
                 "wasserstein")}

# The comparison of Burda et al. (2016): the dense network with 50 latents on
# digits whose ink is drawn anew in each step, batches of 100. The learning
# rate falls from 2e-3 in a line to 0, so each run ends at rest. A step with
# five draws takes 2.4 times as long: "short" is the VAE that has
# as many steps as the IWAE, "time" the one that has as long.
DENSE = {"channels": 1, "network": "dense", "latent": 50, "lr": 2e-3,
         "eps": 1e-4, "decoder": "bernoulli", "binarize": True}
ON_INK = {
    "vae_mnist_plane": (4_000, {"latent": 2}),
    "vae_mnist_short": (5_000, {}),
    "vae_mnist_iwae": (5_000, {"importance": True, "samples": 5}),
    "vae_mnist_time": (12_000, {}),
    "vae_mnist": (300_000, {})}
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


def train_on_ink(name, out):
    """fit() in `out` on digits whose ink is drawn anew; the command."""
    steps, settings = ON_INK[name]
    model = VAE(VAEConfig(**DENSE | settings, decay_end=steps),
                rng=np.random.default_rng(0))
    began, clock = time.process_time(), out / "cpu_seconds"
    try:
        tg.fit(model, tg.data.mnist()[0], steps, batch=100, seed=0, out=out,
               resume=(out / training.CHECKPOINT).exists(),
               sample_every=10_000, checkpoint_every=1000)
    finally:    # the sum of all parts of an interrupted training
        before = float(clock.read_text()) if clock.exists() else 0
        clock.write_text(str(before + time.process_time() - began))
    return f"python chapters/runs/make.py {name}"


def likelihood(path, images=1000, draws=5000):
    """What the header of a stored VAE says of it, in nats: the test NLL of
    the stored weights, on digits binarised once, and its standard error."""
    model, _ = training.load_model(path)
    rng = np.random.default_rng(0)
    x = binarize(tg.data.to_float(tg.data.mnist("test")[0][:images]), rng)
    nll = -model.log_likelihood(x, draws, rng)
    return {"nll": round(nll.mean(), 3), "images": images, "draws": draws,
            "standard_error": round(nll.std(ddof=1) / images ** 0.5, 3),
            "active": int(model.active_units(x).sum()),
            "nlls": nll.round(2).tolist()}


def train_on_circles(name, out):
    """fit() in `out`; returns the command that does the same."""
    steps, settings = ON_CIRCLES[name]
    model = CycleGAN(CycleGANConfig(
        **{"width": 8, "blocks": 2, "schedule": steps} | settings),
        rng=np.random.default_rng(0))
    tg.fit(model, two_sets(name, 8000, 1, 2), steps, batch=4, seed=0, out=out,
           resume=(out / training.CHECKPOINT).exists(), note={
               "data": "circles"})
    return f"python chapters/runs/make.py {name}"


def make(name):
    """Train (or go on with) one run, and store what sampling needs."""
    out = Path("runs") / name
    vae = name in ON_INK
    train = (train_by_command if name in COMMANDS else
             train_on_ink if vae else
             train_on_circles if name in ON_CIRCLES else train_on_sprites)
    command = train(name, out)
    model, meta = training.load_model(out / training.CHECKPOINT)
    note = {"command": command, "seed": meta["fixed"]["seed"],
            "steps": meta["step"], "batch": meta["fixed"]["batch"],
            "seconds": round(meta["seconds"]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    path = HERE / f"{name}.safetensors"
    if name == "gan_mnist":
        note["classes"] = classes(model)
    part = {"gan": "g", "vae": "networks", "cyclegan": "generators"}[
        model.name]
    if model.name == "cyclegan":
        note["psnr"] = decibels(model, held_out(name))
        note["data"] = meta["note"]["data"]
        note["threads"], note["load"] = THREADS, round(os.getloadavg()[2], 1)
        note["cpu"] = round(processor_seconds(model, note) * note["steps"])
    training.save_sampler(path, model, part, **note)
    if vae:
        loss = training.History.from_csv(out / "history.csv")["loss"]
        note |= {"cpu_seconds": round(float(
            (out / "cpu_seconds").read_text())), "loss": [
                round(part.mean(), 2) for part in np.array_split(loss, 100)]}
        training.save_sampler(path, model, "networks", **note,
                              **likelihood(path))
    print(name, {k: v for k, v in note.items() if k not in ("loss", "nlls")})


def gallery(path, columns=16):
    """The README's picture: two rows of sprites, two of digits."""
    images = []
    for name in ("gan_sprites", "gan_mnist"):
        model, _ = training.load_model(HERE / f"{name}.safetensors")
        drawn = model.sample(2 * columns, np.random.default_rng(1))
        images.append(np.broadcast_to(drawn, (*drawn.shape[:3], 3)))
    tg.data.save_grid(np.concatenate(images), path, columns)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*COMMANDS, *ON_SPRITES, *ON_INK,
                                   *ON_CIRCLES]:
        make(wanted)
    gallery(HERE.parent.parent / "book" / "gallery.png")
