"""What the command line takes: its options, their types and defaults."""

import argparse
from pathlib import Path

DEFAULTS = {"gan": {"data": "sprites", "batch": 32, "seed": 0},
            "vae": {"data": "sprites", "batch": 32, "seed": 0},
            "cyclegan": {"data": "sprites", "batch": 4, "seed": 0}}
CONFIG = {  # the settings that each model takes; defaults: the model's
    "gan": ("width", "loss", "lr", "critic_steps", "classes"),
    "vae": ("width", "lr", "network", "latent", "decoder", "beta",
            "classes"),
    "cyclegan": ("width", "lr", "blocks", "cycle", "identity", "pool",
                 "schedule")}


def positive(text):
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number "
                                         "above 0")
    return int(text)


def from_zero(text):
    """A whole number from 0 on, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number "
                                         "from 0 on")
    return int(text)


def named(text):
    """A name, for argparse: "" would be the current folder, in silence."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; the current "
                                         "folder would be .")
    return text


def path(text):
    """A named path, for argparse."""
    return Path(named(text))


TRAIN = (  # option, type, default, help; None: as the model or the run has it
    ("--data", named, None, "sprites (the default); for a gan or vae mnist "
     "or a folder, for a cyclegan emoji or two folders"),
    ("--steps", positive, 2000, "train up to this step; default 2000"),
    ("--out", path, None, "the run's folder; default runs/MODEL-DATA"),
    ("--batch", positive, None, "images in a step; default 32, 4 of each "
     "set for a cyclegan"),
    ("--seed", from_zero, None, "of every random number; default 0"),
    ("--width", positive, None, "channels of the networks"),
    ("--lr", float, None, "learning rate"),
    ("--loss", str, None, "gan: non_saturating (the default), minimax, "
     "least_squares, hinge or wasserstein"),
    ("--critic-steps", positive, None, "gan: updates of D for one of G; "
     "default 1, and 5 would be usual for wasserstein"),
    ("--classes", positive, None, "gan, vae: how many labels to learn; 8 "
     "with sprites, 10 with mnist; default none"),
    ("--network", str, None, "vae: conv (the default) or dense"),
    ("--latent", positive, None, "vae: numbers in a code; default 128"),
    ("--decoder", str, None, "vae: gaussian (the default), or bernoulli for "
     "pixels of ink or no ink"),
    ("--beta", float, None, "vae: weight of the KL; default 1"),
    ("--blocks", from_zero, None, "cyclegan: residual blocks; default 3"),
    ("--cycle", float, None, "cyclegan: weight of the cycle; default 10"),
    ("--identity", float, None, "cyclegan: of the identity; default 5"),
    ("--pool", from_zero, None, "cyclegan: past images; default 50"),
    ("--schedule", positive, None, "cyclegan: steps until the learning rate "
     "is 0, falling in the second half; default --steps"),
    ("--sample-every", positive, 200, "steps between grids; default 200"),
    ("--checkpoint-every", positive, 200, "default 200 steps"))
SAMPLE = (
    ("--n", positive, 64, "how many images; default 64"),
    ("--out", path, Path("grid.png"), "the picture; default grid.png"),
    ("--seed", from_zero, 0, "of the noise; default 0"),
    ("--label", from_zero, None, "of a model with classes: draw this one; "
     "default each in turn"))
EVALUATE = (
    ("--data", named, None, "the training images, as for train, if the run "
     "does not name them"),
    ("--n", positive, 2000, "how many images to judge; default 2000"),
    ("--to", str, "b", "cyclegan: the set to translate to, b or a"),
    ("--out", path, None, "the page; default evaluation.html in the run's "
     "folder"))
DIAGNOSE = (
    ("--data", named, None, "as for evaluate"),)
TRANSLATE = (
    ("--out", path, None, "the folder for the translated images"),
    ("--to", str, None, "b: from the first set to the second; a: back"))

EXPORT = (
    ("--onnx", path, None, "the file; of two parts, two, named after it"),
    ("--part", str, None, "generator or discriminator; encoder or decoder; "
     "a-to-b, b-to-a, discriminator-a or discriminator-b; default what "
     "makes images"))


class Parser(argparse.ArgumentParser):
    """Its errors are one sentence too."""

    def error(self, message):
        self.exit(2, f"tinygen: {message}; {self.prog} --help lists what it "
                  "takes\n")


def parser():
    """The command line. Nothing is imported for it: --help is quick."""
    top = Parser(prog="python -m tinygen",
                 description="Train and use the models.")
    commands = top.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a model")
    train.add_argument("model", choices=CONFIG)
    train.add_argument("--resume", action="store_true",
                       help="go on with the run in --out, as it was begun")
    sample = commands.add_parser("sample", help="draw images with a model")
    sample.add_argument("run", type=path,
                        help="a run's folder, or a .safetensors file")
    translate = commands.add_parser(
        "translate", help="take images to the other set with a cyclegan")
    translate.add_argument("run", type=path, help="as for sample")
    translate.add_argument("folder", type=path, help="of images")
    evaluate = commands.add_parser("evaluate", help="how good is a model?")
    evaluate.add_argument("run", type=path, help="as for sample")
    diagnose = commands.add_parser("diagnose", help="is it training?")
    diagnose.add_argument("run", type=path, help="a run's folder")
    export = commands.add_parser("export", help="for other programs: ONNX")
    export.add_argument("run", type=path, help="as for sample")
    export.add_argument("--half", action="store_true", help="weights as "
                        "float16: a file half as large")
    doctor = commands.add_parser("doctor", help="is everything in place?")
    for one, options in ((train, TRAIN), (sample, SAMPLE),
                         (translate, TRANSLATE), (evaluate, EVALUATE),
                         (diagnose, DIAGNOSE), (export, EXPORT),
                         (doctor, ())):
        for name, kind, default, text in options:
            one.add_argument(name, type=kind, default=default, help=text,
                             nargs="+" if name == "--data" else None,
                             required=options is TRANSLATE
                             or name == "--onnx")
        one.add_argument("--debug", action="store_true",
                         help="show the traceback of an error")
    return top
