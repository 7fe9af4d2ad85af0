"""python -m tinygen train | sample | doctor: the book without a notebook.

An expected error is one sentence on stderr and exit code 2; --debug shows
the traceback. Ctrl-C while training saves, and exits with code 130.
"""

import argparse
import os
import platform
import shlex
import sys
import warnings
from pathlib import Path

DEFAULTS = {"data": "sprites", "batch": 32, "seed": 0}
CONFIG = {  # the settings that each model takes; defaults: the model's
    "gan": ("width", "loss", "lr", "critic_steps"),
    "vae": ("width", "lr", "network", "latent", "decoder", "beta")}


def positive(text):
    """A whole number above 0, for argparse."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number "
                                         "above 0")
    return int(text)


def from_zero(text):
    """A whole number from 0 on, for argparse."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number "
                                         "from 0 on")
    return int(text)


TRAIN = (  # option, type, default, help; None: as the model or the run has it
    ("--data", str, None, "sprites (the default), mnist, or a folder"),
    ("--steps", positive, 2000, "train up to this step; default 2000"),
    ("--out", Path, None, "the run's folder; default runs/MODEL-DATA"),
    ("--batch", positive, None, "images in a step; default 32"),
    ("--seed", from_zero, None, "of every random number; default 0"),
    ("--width", positive, None, "channels of the networks"),
    ("--lr", float, None, "learning rate"),
    ("--loss", str, None, "gan: non_saturating (the default), minimax, "
     "least_squares, hinge or wasserstein"),
    ("--critic-steps", positive, None, "gan: updates of D for one of G; "
     "default 1, and 5 would be usual for wasserstein"),
    ("--network", str, None, "vae: conv (the default) or dense"),
    ("--latent", positive, None, "vae: numbers in a code; default 128"),
    ("--decoder", str, None, "vae: gaussian (the default), or bernoulli for "
     "pixels of ink or no ink"),
    ("--beta", float, None, "vae: weight of the KL; default 1"),
    ("--sample-every", positive, 200, "steps between grids; default 200"),
    ("--checkpoint-every", positive, 200, "default 200 steps"))
SAMPLE = (
    ("--n", positive, 64, "how many images; default 64"),
    ("--out", Path, Path("grid.png"), "the picture; default grid.png"),
    ("--seed", from_zero, 0, "of the noise; default 0"))


def parser():
    """The command line. Nothing is imported for it: --help is quick."""
    top = argparse.ArgumentParser(prog="python -m tinygen",
                                  description="Train and use the models.")
    commands = top.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a model")
    train.add_argument("model", choices=CONFIG)
    train.add_argument("--resume", action="store_true",
                       help="go on with the run in --out, as it was begun")
    sample = commands.add_parser("sample", help="draw images with a model")
    sample.add_argument("run", type=Path,
                        help="a run's folder, or a .safetensors file")
    doctor = commands.add_parser("doctor", help="is everything in place?")
    for one, options in (train, TRAIN), (sample, SAMPLE), (doctor, ()):
        for name, kind, default, text in options:
            one.add_argument(name, type=kind, default=default, help=text)
        one.add_argument("--debug", action="store_true",
                         help="show the traceback of an error")
    return top


def train(args):
    """train MODEL: a new run, or with --resume on with one."""
    from tinygen import training
    out = args.out or Path("runs") / "-".join(
        [args.model, Path(args.data or DEFAULTS["data"]).name])
    settings = {key for keys in CONFIG.values() for key in keys}
    given = {key: getattr(args, key) for key in (
        "model", *DEFAULTS, *settings) if getattr(args, key) is not None}
    for key in settings.difference(CONFIG[args.model]) & given.keys():
        raise ValueError(f"a {args.model} has no --{key.replace('_', '-')}")
    if args.resume:
        model, run = stored_run(out, given)
        images = load_images(run["data"])
    else:
        run = DEFAULTS | given
        images = load_images(run["data"])
        model = new_model(run, images.shape[3])
    try:
        history = training.fit(
            model, images, args.steps, batch=run["batch"], seed=run["seed"],
            out=out, resume=args.resume, sample_every=args.sample_every,
            checkpoint_every=args.checkpoint_every,
            note={} if args.resume else {
                "data": run["data"], "command": command(args.argv)})
    except KeyboardInterrupt as stop:
        said = str(stop).rpartition("; ")[0] or "stopped, without saving"
        again = ["train", args.model, "--resume", "--steps",
                 str(args.steps), "--out", str(out)]
        raise KeyboardInterrupt(
            f"{said}; to go on: {command(again, this_python())}") from None
    print(f"{out}: trained up to step {len(history)}; its samples are in "
          f"{out / 'samples'}; for more: "
          + command(["sample", str(out)], this_python()))


def command(argv, python="python"):
    """The command line, as it is typed."""
    return shlex.join([python, "-m", "tinygen", *argv])


def this_python():
    """The Python that runs now, as one types it from here."""
    try:
        return os.path.relpath(sys.executable)
    except ValueError:  # on another drive
        return sys.executable


def new_model(run, channels):
    """The model of a new run, its weights drawn from the run's seed."""
    import numpy as np

    from tinygen import models
    make, config = models.REGISTRY[run["model"]]
    chosen = {k: run[k] for k in CONFIG[run["model"]] if k in run}
    return make(config(**chosen, channels=channels),
                rng=np.random.default_rng(run["seed"]))


def stored_run(out, given):
    """(model, settings) of the run in `out`; ValueError if the command
    line asks for something else."""
    from tinygen import training
    if not (out / training.CHECKPOINT).exists():
        raise FileNotFoundError(f"there is no run to resume in {out}: start "
                                "one without --resume")
    model, meta = training.load_model(out / training.CHECKPOINT)
    stored = meta["config"] | meta.get("fixed", {}) | meta.get("note", {})
    stored["model"] = model.name
    for key, value in given.items():
        if value != stored.get(key, value):
            raise ValueError(f"the run in {out} has {key} {stored[key]}, not "
                             f"{value}: leave --{key.replace('_', '-')} out, "
                             "or choose another --out")
    return model, DEFAULTS | given | stored


def load_images(name):
    """The images that --data names."""
    from tinygen import data
    if name == "sprites":
        return data.sprites(10_000, rng=0)[0]
    if name == "mnist":
        return data.mnist()[0]
    if not Path(name).is_dir():
        raise ValueError(f"{name} is not a folder of images; --data takes "
                         "sprites, mnist, or a folder")
    with warnings.catch_warnings(record=True) as skipped:
        warnings.simplefilter("always")
        images = data.folder(name)
    for warning in skipped:
        print(f"tinygen: {warning.message}", file=sys.stderr)
    return images


def sample(args):
    """sample RUN: a grid of images from a trained model."""
    import numpy as np

    from tinygen import data, training
    path = args.run / training.CHECKPOINT if args.run.is_dir() else args.run
    model, _ = training.load_model(path)
    images = model.sample(args.n, np.random.default_rng(args.seed))
    data.save_grid(images, args.out)
    print(f"{args.n} images in {args.out}")


def doctor(args):
    """doctor: a line for each thing that the book needs; 1 if one lacks."""
    from importlib import metadata

    from tinygen import data
    from tinygen.engine import kernels
    from tinygen.files import writable_folder
    here = [data.find_mnist(name) for name in data.MNIST_FILES]
    lines = {
        "python": platform.python_version,
        **{name: lambda name=name: metadata.version(name) for name in (
            "numpy", "numba", "matplotlib", "pillow", "safetensors")},
        "kernels": lambda: f"{kernels.PATH}, {threads(kernels.PATH)}",
        "this folder": lambda: f"{writable_folder(Path.cwd())}, writable",
        "cache": lambda: f"{writable_folder(data.cache_folder())}, writable",
        "mnist": lambda: str(here[0].parent) if all(here) else
        "not here: downloaded when it is first used"}
    ill = 0
    for name, look in lines.items():
        try:
            print(f"{name:12} {look()}")
        except (OSError, metadata.PackageNotFoundError) as error:
            print(f"{name:12} MISSING: {error}")
            ill = 1
    return ill


def threads(path):
    """How many threads the kernels use, in words."""
    if path != "numba":
        return "NumPy alone (TINYGEN_KERNELS)"
    from tinygen.engine.kernels.threads import THREADS
    return f"{THREADS} threads"


def main(argv=None):
    """Run a command; the exit code."""
    args = parser().parse_args(argv)
    args.argv = sys.argv[1:] if argv is None else argv
    try:
        return {"train": train, "sample": sample, "doctor": doctor}[
            args.command](args) or 0
    except KeyboardInterrupt as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 130
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        if args.debug:
            raise
        print(f"tinygen: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
