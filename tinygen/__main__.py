"""python -m tinygen train | sample | doctor: the book without a notebook.

An expected error is one sentence on stderr and exit code 2; --debug shows
the traceback. Ctrl-C while training saves, and exits with code 130.
"""

import argparse
import platform
import shlex
import sys
from pathlib import Path

DEFAULTS = {"data": "sprites", "batch": 32, "seed": 0}
CONFIG = ("width", "loss", "lr")  # these have their defaults in the model


def parser():
    """The command line. Nothing is imported for it: --help is quick."""
    top = argparse.ArgumentParser(
        prog="python -m tinygen", description="Train and use the models of "
        "the book.")
    top.add_argument("--debug", action="store_true",
                     help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a model")
    train.add_argument("model", choices=["gan"])
    train.add_argument("--data", metavar="sprites|mnist|FOLDER", help="what "
                       "to learn from; FOLDER holds images (default sprites)")
    train.add_argument("--steps", type=positive, default=2000,
                       help="train up to this step (default 2000)")
    train.add_argument("--out", type=Path, metavar="DIR", help="the run's "
                       "folder (default runs/MODEL-DATA)")
    train.add_argument("--resume", action="store_true",
                       help="go on with the run in DIR, with its settings")
    train.add_argument("--batch", type=positive, help="default 32")
    train.add_argument("--seed", type=int, help="default 0")
    train.add_argument("--width", type=positive,
                       help="channels of the networks: slower, and better")
    train.add_argument("--loss", help="non_saturating (default), minimax, "
                       "least_squares, hinge or wasserstein")
    train.add_argument("--lr", type=float, help="learning rate")
    train.add_argument("--sample-every", type=positive, default=200,
                       metavar="STEPS", help="default 200")
    train.add_argument("--checkpoint-every", type=positive, default=200,
                       metavar="STEPS", help="default 200")
    sample = commands.add_parser("sample", help="draw images with a model")
    sample.add_argument("run", type=Path, metavar="DIR",
                        help="a run's folder, or a .safetensors file")
    sample.add_argument("--n", type=positive, default=64, help="default 64")
    sample.add_argument("--out", type=Path, default=Path("grid.png"))
    sample.add_argument("--seed", type=int, default=0)
    commands.add_parser("doctor", help="check that everything is in place")
    for one in commands.choices.values():  # so that it may also come last
        one.add_argument("--debug", action="store_true",
                         default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return top


def positive(text):
    """A whole number above 0, for argparse."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number "
                                         "above 0")
    return int(text)


def train(args):
    """train MODEL: a new run, or with --resume on with one."""
    import numpy as np

    from tinygen import models, training
    out = args.out or Path("runs") / "-".join(
        [args.model, Path(args.data or DEFAULTS["data"]).name])
    given = {key: getattr(args, key) for key in (*DEFAULTS, *CONFIG)
             if getattr(args, key) is not None}
    if args.resume:
        run, config = stored_settings(out, args.model, given)
    else:
        run = DEFAULTS | {k: given[k] for k in DEFAULTS if k in given}
        config = {k: given[k] for k in CONFIG if k in given}
    images = load_images(run["data"])
    config["channels"] = images.shape[3]
    make, settings = models.REGISTRY[args.model]
    model = make(settings(**config), rng=np.random.default_rng(run["seed"]))
    try:
        history = training.fit(
            model, images, args.steps, batch=run["batch"], seed=run["seed"],
            out=out, resume=args.resume, sample_every=args.sample_every,
            checkpoint_every=args.checkpoint_every,
            note={"data": run["data"], "command": command(args.argv)})
    except KeyboardInterrupt as stop:
        said = str(stop).rpartition("; ")[0] or "stopped, without saving"
        again = ["train", args.model, "--resume", "--steps",
                 str(args.steps), "--out", str(out)]
        raise KeyboardInterrupt(f"{said}; to go on: {command(again)}"
                                ) from None
    print(f"{out}: trained up to step {len(history)}; its samples are in "
          f"{out / 'samples'}; for more: "
          + command(["sample", str(out)]))


def command(argv):
    """The command line, as it is typed."""
    return shlex.join(["python", "-m", "tinygen", *argv])


def stored_settings(out, model, given):
    """(run, config) as the run in `out` began; ValueError if the command
    line asks for something else."""
    from tinygen import checkpoint, training
    path = out / training.CHECKPOINT
    if not path.exists():
        raise FileNotFoundError(f"there is no run to resume in {out}: start "
                                "one without --resume")
    _, meta = checkpoint.load(path)
    if meta.get("model") != model or "fixed" not in meta:
        raise ValueError(f"{path} is not the run of a {model}: it holds "
                         f"{meta.get('model')!r}")
    run = {"data": meta["note"].get("data"), "batch": meta["fixed"]["batch"],
           "seed": meta["fixed"]["seed"]}
    for key, value in given.items():
        stored = (run | meta["config"])[key]
        if value != stored:
            raise ValueError(
                f"the run in {out} has --{key} {stored}, not {value}: leave "
                f"--{key} out, or start another run")
    return run, meta["config"]


def load_images(name):
    """The images that --data names."""
    from tinygen import data
    if name == "sprites":
        return data.sprites(10_000, rng=0)[0]
    if name == "mnist":
        return data.mnist()[0]
    return data.folder(name)


def sample(args):
    """sample DIR: a grid of images from a trained model."""
    import numpy as np

    from tinygen import data, training
    path = args.run / training.CHECKPOINT if args.run.is_dir() else args.run
    model, _ = training.load_model(path)
    images = model.sample(args.n, np.random.default_rng(args.seed))
    data.save_grid(images, args.out)
    print(f"{args.n} images in {args.out}")


def doctor(args):
    """doctor: a line for each thing that the book needs."""
    import importlib.metadata

    from tinygen import data
    from tinygen.engine import kernels
    from tinygen.files import writable_folder
    print(f"python       {platform.python_version()}, "
          f"{platform.system()} {platform.machine()}")
    ill = 0
    for name in ("numpy", "numba", "matplotlib", "pillow", "safetensors"):
        try:
            print(f"{name:12} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            ill = print(f"{name:12} MISSING: pip install {name}") or 1
    print(f"kernels      {kernels.PATH}{threads(kernels.PATH)}")
    for name, folder in (("this folder", Path.cwd()),
                         ("cache", data.cache_folder())):
        try:
            print(f"{name:12} {writable_folder(folder)}, writable")
        except OSError as error:
            ill = print(f"{name:12} {error}") or 1
    found = [data.find_mnist(name) for name in data.MNIST_FILES]
    print("mnist        " + (str(found[0].parent) if all(found) else
                             "not here: downloaded when it is first used"))
    print("sprites      built in")
    return ill


def threads(path):
    """How many threads the kernels use, in words."""
    if path != "numba":
        return ", NumPy alone (TINYGEN_KERNELS)"
    import numba
    return f", {numba.get_num_threads()} threads"


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
