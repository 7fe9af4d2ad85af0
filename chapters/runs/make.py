"""Train again what the chapters show, and store what sampling needs.

    python chapters/runs/make.py [NAME ...]         default: all of them

NAME.safetensors holds a generator's weights as float16, or both networks of
a VAE; its header carries the command that trained it, the seed, the steps
and the seconds it took on the machine named there. Trainings go on where
they stopped (in runs/, which git ignores). The digits need the MNIST files;
see tinygen.data.mnist.
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
from tinygen.models import GAN, VAE, GANConfig, VAEConfig
from tinygen.models.vae import binarize

HERE = Path(__file__).parent

# Trained by the command line, as a reader would
COMMANDS = {"gan_mnist": "train gan --data mnist --steps 13500 --width 20"}

# Trained by fit() on solid sprites: {name: (steps, settings)}
ON_SPRITES = {
    "gan_sprites": (8000, {"width": 24, "lr": 4e-4}),
    "gan_sprites_small": (6000, {"width": 16, "noise": 32, "lr": 4e-4,
                                 "average": 0.99})} | {
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


def make(name):
    """Train (or go on with) one run, and store what sampling needs."""
    out = Path("runs") / name
    vae = name in ON_INK
    train = (train_by_command if name in COMMANDS else
             train_on_ink if vae else train_on_sprites)
    command = train(name, out)
    model, meta = training.load_model(out / training.CHECKPOINT)
    note = {"command": command, "seed": meta["fixed"]["seed"],
            "steps": meta["step"], "batch": meta["fixed"]["batch"],
            "seconds": round(meta["seconds"]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    path = HERE / f"{name}.safetensors"
    if name == "gan_mnist":
        note["classes"] = classes(model)
    training.save_sampler(path, model, "networks" if vae else "g", **note)
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
    for wanted in sys.argv[1:] or [*COMMANDS, *ON_SPRITES, *ON_INK]:
        make(wanted)
    gallery(HERE.parent.parent / "book" / "gallery.png")
