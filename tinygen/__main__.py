"""python -m tinygen COMMAND: train, sample, translate, evaluate, diagnose,
export, doctor.

An expected error is one sentence on stderr and exit code 2; --debug shows
the traceback. Ctrl-C while training saves, and exits with code 130.
"""

import math
import os
import shlex
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

from tinygen.options import CONFIG, DEFAULTS, parser


def train(args):
    """train MODEL: a new run, or with --resume on with one."""
    from tinygen import training
    out = args.out or Path("runs") / "-".join(
        [args.model, *(Path(name).name for name in args.data or ["sprites"])])
    if args.data and len(args.data) == 1:
        args.data, = args.data
    settings = {key for keys in CONFIG.values() for key in keys}
    given = {key: getattr(args, key) for key in (
        "model", "data", "batch", "seed", *settings)
        if getattr(args, key) is not None}
    for key in settings.difference(CONFIG[args.model]) & given.keys():
        raise ValueError(f"a {args.model} has no --{key.replace('_', '-')}: "
                         "leave it out")
    if args.resume:
        model, run = stored_run(out, given)
        images = load_images(run["data"], model.name)
    else:
        run = DEFAULTS[args.model] | given
        images = load_images(run["data"], args.model)
        model = new_model(run, images, args.steps)
    try:
        history = training.fit(
            model, images, args.steps, batch=run["batch"], seed=run["seed"],
            out=out, resume=args.resume, sample_every=args.sample_every,
            checkpoint_every=args.checkpoint_every,
            labels=load_labels(run["data"], model),
            note={} if args.resume else {
                "data": run["data"], "command": command(args.argv)})
    except KeyboardInterrupt as stop:
        said = str(stop).removesuffix("; go on with resume=True")
        if not said:    # before the first step: nothing has changed
            raise
        again = ["train", args.model, "--resume", "--steps",
                 str(args.steps), "--out", str(out)]
        raise KeyboardInterrupt(
            f"{said}; to go on: {command(again, this_python())}") from None
    print(f"{out}: trained up to step {len(history)}; its samples are in "
          f"{out / 'samples'}; for more: "
          + command(["sample", str(out)], this_python()))


def words(value):
    """A setting as one types it: two folders have a space between."""
    return " ".join(value) if isinstance(value, list) else value


def command(argv, python="python"):
    """The command line, as it is typed."""
    return shlex.join([python, "-m", "tinygen", *argv])


def this_python():
    """The Python that runs now, as one types it from here."""
    try:
        return os.path.relpath(sys.executable)
    except ValueError:  # on another drive
        return sys.executable


def new_model(run, images, steps):
    """The model of a new run, its weights drawn from the run's seed."""
    import numpy as np

    from tinygen import models
    make, config = models.REGISTRY[run["model"]]
    chosen = {k: run[k] for k in CONFIG[run["model"]] if k in run}
    if "schedule" in CONFIG[run["model"]]:
        chosen.setdefault("schedule", steps)
    _, size, _, channels = np.shape(images if isinstance(
        images, np.ndarray) else images[0])
    return make(config(**chosen, size=size, channels=channels),
                rng=np.random.default_rng(run["seed"]))


def stored_run(out, given):
    """(model, settings) of the run in `out`; ValueError if the command
    line asks for something else."""
    from tinygen import training
    if not (out / training.CHECKPOINT).exists():
        raise FileNotFoundError(f"there is no run to resume in {out}: start "
                                "one without --resume")
    model, meta = load_model(out)
    stored = meta["config"] | meta.get("fixed", {}) | meta.get("note", {})
    if given["model"] != model.name:
        raise ValueError(f"the run in {out} holds a {model.name}, not a "
                         f"{given['model']}: go on with it by train "
                         f"{model.name} --resume, or choose another --out")
    stored["model"] = model.name
    for key, value in given.items():
        if value != stored.get(key, value):
            raise ValueError(f"the run in {out} has {key} "
                             f"{words(stored[key])}, not {words(value)}: "
                             f"leave --{key.replace('_', '-')} out, or "
                             "choose another --out")
    return model, DEFAULTS[model.name] | given | stored


def load_images(name, model):
    """The images that --data names: for a cyclegan a pair (a, b)."""
    from tinygen import data
    if model == "cyclegan":
        return load_pair(name)
    if name == "sprites":
        return data.sprites(10_000, rng=0)[0]
    if name == "mnist":
        return data.mnist()[0]
    if name == "emoji":
        raise ValueError("the emoji are two sets, for train cyclegan; here "
                         "--data takes sprites, mnist, or a folder")
    if not isinstance(name, str) or not Path(name).is_dir():
        raise ValueError(f"{words(name)} is not a folder of images; --data "
                         "takes sprites, mnist, or a folder")
    return read_folder(name)[1]


def load_labels(name, model):
    """The labels of the images that --data names, if the model has classes.
    """
    from tinygen import data
    if not getattr(model.config, "classes", 0):
        return None
    if name == "sprites":
        return data.sprites(10_000, rng=0)[1]
    if name == "mnist":
        return data.mnist()[1]
    raise ValueError(f"the images in {name} have no labels: leave --classes "
                     "out, or take sprites or mnist")


def load_pair(name):
    """The two sets of images that --data names, for a cyclegan."""
    from tinygen import data
    if name == "sprites":
        return tuple(data.sprites(5_000, style=style, rng=rng)[0]
                     for rng, style in enumerate(("solid", "striped"), 1))
    if name == "emoji":
        return data.emoji()
    names = [name] if isinstance(name, str) else name
    none = [some for some in names if not Path(some).is_dir()]
    if len(names) != 2 or none:
        raise ValueError(
            f"{words(name)} is not two folders of images"
            + (f" ({none[0]} is no folder)" if none else "")
            + "; --data takes sprites, emoji, or two folders")
    return tuple(read_folder(some)[1] for some in name)


def read_folder(name, size=28):
    """data.read_folder, its warnings in a line on stderr."""
    from tinygen import data
    with plain_warnings():
        return data.read_folder(name, size)


@contextmanager
def plain_warnings():
    """Each warning once, as a line on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"tinygen: {message}", file=sys.stderr)


def load_model(run):
    """(model, header) from a run's folder or a file."""
    from tinygen import training
    model, header = training.load_model(
        run / training.CHECKPOINT if run.is_dir() else run)
    names = header.get("note", {}).get("data", [])
    for name in names if isinstance(names, list) else [names]:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{run} names its images in no way that tinygen "
                             f"does ({name!r}): train a new one")
    return model, header


def data_of(args, header):
    """The name of what a run was trained on: --data, or what it says."""
    name = args.data or header.get("note", {}).get("data")
    if name is None:
        raise ValueError(f"{args.run} does not say what images it was "
                         "trained on: name them with --data")
    return name[0] if isinstance(name, list) and len(name) == 1 else name


def sample(args):
    """sample RUN: a grid of images from a trained model."""
    import numpy as np

    from tinygen import data
    from tinygen.models.settings import check_count
    model, header = load_model(args.run)
    check_count(args.n, model.config)   # before a list of as many labels
    rng, pair, columns = np.random.default_rng(args.seed), [], None
    if getattr(model, "sets", 1) == 2:
        if "data" not in header.get("note", {}):
            raise ValueError(f"{args.run} does not say what images it was "
                             "trained on: use translate, with your own")
        pair = [load_pair(header["note"]["data"])]
        columns = 2 * math.ceil(math.sqrt(args.n) / 2)  # beside each other
    wish = {} if args.label is None else {"labels": [args.label] * args.n}
    if wish and not getattr(model.config, "classes", 0):
        raise ValueError(f"{args.run} was trained without classes: leave "
                         "--label out")
    data.save_grid(model.sample(args.n, rng, *pair, **wish), args.out,
                   columns)
    print(f"{args.n} images in {args.out}")


def translate(args):
    """translate RUN FOLDER: its images as PNGs of the same names."""
    from tinygen import data
    from tinygen.files import writable_folder
    model, _ = load_model(args.run)
    if getattr(model, "sets", 1) != 2:
        raise ValueError(f"{args.run} holds a {model.name}, which does not "
                         "translate: name a cyclegan's run")
    if args.out.resolve() == args.folder.resolve():
        raise ValueError(f"{args.out} holds the originals: choose another "
                         "folder for --out")
    files, images = read_folder(args.folder, model.config.size)
    done = set()
    for file, image in zip(files, model.translate(images, args.to)):
        path = args.out / file.relative_to(args.folder)
        path = path.with_suffix(".png")
        if path in done:  # cat.jpg after cat.gif
            path = path.with_name(f"{file.name}.png")
        done.add(path)
        writable_folder(path.parent)
        data.save_grid(image[None], path, scale=1)
    print(f"{len(done)} images in {args.out}")


def evaluate(args):
    """evaluate RUN: a table of measures, and a page with pictures."""
    from tinygen import training
    from tinygen.files import replacing
    from tinygen.metrics.evaluate import drawn, evaluate
    from tinygen.models.settings import check_count
    model, header = load_model(args.run)
    check_count(args.n, model.config)
    name = data_of(args, header)
    out = args.out or (args.run if args.run.is_dir() else Path()) / (
        "evaluation.html")
    if out.suffix not in ("", ".html"):  # a checkpoint, say
        raise ValueError(f"{out} does not end in .html: call it "
                         f"{out.stem}.html, say")
    images = load_images(name, model.name)
    with plain_warnings():
        known = header.get("fixed", {}).get("images")
        if known not in (None, training.fingerprint(images)):
            warnings.warn(f"{args.run} was trained on other images than "
                          f"{name}", stacklevel=1)
        page = evaluate(title=f"{args.run}, a {model.name}", **drawn(
            model, images, name, args.n, args.to))
    with replacing(out) as part:
        part.write_text(page.html(), "utf-8", "backslashreplace")
    print(f"{page.text()}\nWith pictures: {out}")


def diagnose(args):
    """diagnose RUN: what is wrong with a training, if anything; 1 if so."""
    from tinygen import training
    model, header = load_model(args.run)
    name = data_of(args, header)
    found = training.diagnose(args.run, load_images(name, model.name),
                              labels=load_labels(name, model))
    print(found)
    return int(found.name != "healthy")


def export(args):
    """export RUN: the model as files that other programs run."""
    from tinygen.extras import export
    model, header = load_model(args.run)
    for file in export.onnx(model, args.onnx, args.part, half=args.half,
                            header=header):
        print(f"{file}: {file.stat().st_size / 1e3:.0f} kB")


def doctor(args):
    """doctor: a line for each thing that the book needs; 1 if one lacks."""
    from tinygen.doctor import doctor
    return doctor()


def main(argv=None):
    """Run a command; the exit code."""
    args = parser().parse_args(argv)
    args.argv = sys.argv[1:] if argv is None else argv
    if hasattr(sys.stdout, "reconfigure"):  # names it cannot print: \xe9
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return {"train": train, "sample": sample, "translate": translate,
                "evaluate": evaluate, "diagnose": diagnose,
                "export": export, "doctor": doctor}[args.command](args) or 0
    except BrokenPipeError:     # what reads our output (| head) has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 2
    except KeyboardInterrupt as stop:
        print(f"\n{str(stop) or 'stopped'}", file=sys.stderr)
        return 130
    except MemoryError as error:
        if args.debug:
            raise
        print(f"tinygen: too little memory ({error}): choose a smaller "
              "--width, --batch, --pool or --n", file=sys.stderr)
        return 2
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        if args.debug:
            raise
        print(f"tinygen: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
