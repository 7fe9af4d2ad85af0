"""fit(): train a model, watch it, stop it, and go on where it stopped.

A model is anything with a name, a config (a dataclass), step(x, rng) and
sample(n, rng). One of two sets of images, as the CycleGAN, gets the pair:
step((a, b), rng), sample(n, rng, (a, b)); one whose config has classes gets
the labels too: step(x, rng, labels=labels). A run is a folder:
checkpoint.safetensors (all that is needed to go on), history.csv, and
samples/, drawn from the same noise each time.
"""

import csv
import dataclasses
import math
import numbers
import time
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from tinygen import checkpoint, diagnosis
from tinygen.data import batches, check_shape, save_grid
from tinygen.engine.anomaly import detect_anomaly
from tinygen.engine.layers import load_state, state
from tinygen.files import Lock, check_size, replacing, sweep, writable_folder
from tinygen.interrupt import Interrupt
from tinygen.models.labels import check_labels
from tinygen.progress import Progress

CHECKPOINT = "checkpoint.safetensors"
LOOK_EVERY = 200    # steps between two diagnoses in the progress line


class History:
    """Columns of numbers, one row per step: history["d_loss"] is an array.

    Iterating gives the names of the columns, len() the number of rows.
    """

    def __init__(self, columns=()):
        self.columns = {k: list(v) for k, v in dict(columns).items()}

    def append(self, row):
        """Add a dict of numbers, with the names of the first one."""
        columns = self.columns or {name: [] for name in row}
        if row.keys() != columns.keys():
            raise ValueError(f"a row of the history has {', '.join(row)}; "
                             f"the rows before it {', '.join(columns)}")
        for name, value in row.items():
            columns[name].append(float(value))
        self.columns = columns

    def __getitem__(self, name):
        if name not in self.columns:
            raise KeyError(f"the history has no column {name!r}, only "
                           + ", ".join(self.columns))
        return np.array(self.columns[name])

    def __iter__(self):
        return iter(self.columns)

    def __len__(self):
        return max(map(len, self.columns.values()), default=0)

    def to_csv(self, path):
        """Write a header and a line per row; from_csv reads the same."""
        with (replacing(path) as part,
              open(part, "w", newline="", encoding="utf-8") as file):
            writer = csv.writer(file)
            writer.writerow(self.columns)
            for row in zip(*self.columns.values()):
                writer.writerow(int(x) if x.is_integer() else x for x in row)

    @classmethod
    def from_csv(cls, path):
        """The History in a file. ValueError: it holds something else."""
        check_size(path, 1 << 27)
        try:
            with open(path, newline="", encoding="utf-8") as file:
                names, *rows = csv.reader(file)
            columns = zip(*rows, strict=True) if rows else [[]] * len(names)
            return cls({name: list(map(float, column))
                        for name, column in zip(names, columns, strict=True)})
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path} is no history ({error})") from None


def fit(model, images, steps, batch=32, seed=0, out=None, resume=False,
        sample_every=200, checkpoint_every=200, progress=True, report=None,
        note=None, labels=None):
    """Train `model` on `images` up to step number `steps`; its History.

    images   uint8, or float32 in [-1, 1]; [n, H, W, C]; or a tuple of two
             such sets, each in an order of its own
    seed     decides the order of the images and every draw of the training
    out      the run's folder: a grid of samples every sample_every steps, a
             checkpoint every checkpoint_every, both at the end; None: none
    resume   go on with the run in `out`: k steps, then a resume, give what
             one training of as many steps gives, to the bit
    report   called as report(step, row) after each step; row holds what
             model.step returned
    progress a line that says how far it is, and from step 200 on what
             diagnose() finds
    note     a dict for JSON that the checkpoint keeps
    labels   of the images, for a model with classes

    Ctrl-C ends the step, saves, and raises KeyboardInterrupt. Errors, all
    but the last before training starts: FileExistsError (out holds a run),
    FileNotFoundError (nothing to resume), ValueError (the run is of another
    model or other images), OSError (out cannot be written), and
    FloatingPointError (NaN or infinity; the last checkpoint stays).
    """
    for name, value, least in (("steps", steps, 0), ("sample_every",
            sample_every, 1), ("checkpoint_every", checkpoint_every, 1)):
        if not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole "
                             f"number from {least}")
    run = Run(model, images, batch, seed, out, note, labels)
    if hasattr(model, "check_steps"):
        model.check_steps(steps)

    def due(every):
        return run.step % every == 0 or run.step == steps

    if resume:
        run.resume()
        if due(sample_every):   # killed between a checkpoint and its grid
            run.draw()
    else:
        run.start()
    said = ""
    with Interrupt(run._last) as ctrl_c, Progress(
            steps, show=progress) as line:
        while run.step < steps and not ctrl_c.asked:
            row = run.train()
            if line.show and run.step % LOOK_EVERY == 0:
                said = f"{run.verdict()}  ".lstrip()
            line.update(run.step, said + "  ".join(
                f"{name} {value:.3f}" for name, value in row.items()))
            if report:
                report(run.step, row)
            if due(checkpoint_every):
                run.save()  # before the grid: it refuses NaN in plain words
            if due(sample_every):
                run.draw()
        if ctrl_c.asked:
            run.save()
    if ctrl_c.asked:
        raise KeyboardInterrupt(run.farewell(steps))
    return run.history


class Run:
    """A training and its folder: what fit() keeps between two steps."""

    def __init__(self, model, images, batch, seed, out, note, labels=None):
        self.model, self.history, self.step = model, History(), 0
        self.note, self.seconds = note or {}, 0.0
        if not isinstance(seed, numbers.Integral) or seed < 0:
            raise ValueError(f"seed is {seed!r}; it must be a whole number "
                             "from 0")
        if out == "":
            raise ValueError('out is "": name a folder, or give None for '
                             "none")
        self.out = None if out is None else Path(out)
        order, self.rng = np.random.default_rng(seed).spawn(2)
        self.batches = batches(images, batch, order)
        images = self.batches.images
        self.pair = (images,) if isinstance(images, tuple) else ()
        if bool(self.pair) != (getattr(model, "sets", 1) == 2):
            raise ValueError(f"a {model.name} trains on " + (
                "one set of images, not on a tuple" if self.pair else
                "two sets of images: give a tuple (a, b)"))
        if hasattr(model.config, "size"):
            for some in self.pair[0] if self.pair else (images,):
                check_shape(some, model.config)
        self.fixed = {"batch": int(batch), "seed": int(seed),
                      "images": fingerprint(images)}
        self.labels = check_labels(labels, len(images), model.config)
        if labels is not None:
            self.fixed["labels"] = fingerprint(self.labels)

    @property
    def path(self):
        return self.out / CHECKPOINT

    def start(self):
        """Claim the folder; write a first checkpoint, to learn that it
        works before hours have gone. A run that failed in its first step
        left such a one: it may be overwritten."""
        if self.out is None:
            return
        if (self.path.exists()
                and checkpoint.load(self.path)[1].get("step") != 0):
            raise FileExistsError(
                f"{self.out} holds a run already: go on with it by "
                "resume=True (--resume), or choose another folder")
        self._claim()
        self.draw()
        self.save()

    def _claim(self):
        writable_folder(self.out / "samples")
        self.lock = Lock(self.out)
        for folder in (self.out, self.out / "samples"):
            sweep(folder, r"checkpoint|history|evaluation|\d{6}")

    def resume(self):
        """Take everything from the folder's checkpoint."""
        if self.out is None or not self.path.exists():
            raise FileNotFoundError(
                f"there is no run to resume in {self.out}: start one "
                "without resume")
        arrays, meta = checkpoint.load(self.path)
        self._claim()
        config = self.model.config  # older runs lack some settings
        old = {f.name: f.default for f in dataclasses.fields(config)}
        checkpoint.check_model(
            self.path, meta | {"config": old | meta.get("config", {})},
            self.model.name, dataclasses.asdict(config))
        self._check_fixed(meta.get("fixed"))
        load_arrays(self.model, _part(arrays, "model."), self.path)
        try:
            self.history = History({
                name: arrays["history." + name] for name in meta["columns"]})
            self.step, self.seconds = meta["step"], meta["seconds"]
            self.rng.bit_generator.state = meta["rng"]
            self.batches.load_state(meta["batches"])
            self.note = meta["note"] | self.note
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.path} cannot be resumed, for its header lacks "
                f"something ({error}): start another run") from error

    def _check_fixed(self, stored):
        if stored is None:
            raise ValueError(f"{self.path} holds weights only: one can draw "
                             "samples from it, but not resume")
        for name, value in self.fixed.items():
            if stored.get(name) != value:
                raise ValueError(
                    f"the run in {self.out} has {name}={stored.get(name)}, "
                    f"this call {name}={value}: resume with the same {name}, "
                    "or start another run")

    def train(self):
        """One step: the row of numbers it adds to the history."""
        began, draws = time.perf_counter(), self.rng.bit_generator.state
        try:
            with np.errstate(all="ignore"):  # seen below, in plain words
                images, more = next(self.batches), {}
                if self.labels is not None:
                    more["labels"] = self.labels[self.batches.rows]
                row = dict(self.model.step(images, self.rng, **more))
            for name, value in row.items():
                if not math.isfinite(value):
                    raise FloatingPointError(f"{name} is {value}")
        except FloatingPointError as error:
            self.rng.bit_generator.state = draws
            said = first_not_finite(self.model, images, self.rng, more)
            raise FloatingPointError(
                f"step {self.step + 1}: {error}{said}; {self._last()}; the "
                "same run would come here again: try a smaller learning rate"
                ) from error
        self.step += 1
        self.seconds += time.perf_counter() - began
        self.history.append({"step": self.step, **row})
        return row

    def verdict(self):
        """What diagnose() would say now; "" if it has no rules for this."""
        if self.model.name not in diagnosis.LOOK:
            return ""
        with np.errstate(all="ignore"):
            return diagnosis.examine(self.model, self.batches.images,
                                     self.history, self.labels).name

    def _last(self):
        if self.out is None or not self.path.exists():
            return "nothing was saved"
        _, meta = checkpoint.load(self.path)
        return f"the last checkpoint, {self.path}, is of step {meta['step']}"

    def draw(self):
        """Write the grid of samples, always from the same noise."""
        if self.out is not None:
            rng = np.random.default_rng(self.fixed["seed"])
            grid = self.model.sample(64, rng, *self.pair)
            try:
                save_grid(grid, self.out / "samples" / f"{self.step:06}.png")
            except OSError as error:
                self.save()  # smaller than to train these steps again
                raise OSError(f"the samples of step {self.step} could not "
                              f"be saved ({error}); {self._last()}"
                              ) from error

    def save(self):
        """Write history.csv, then the checkpoint, each as a whole."""
        if self.out is None:
            return
        arrays = {"model." + k: v for k, v in state(self.model).items()}
        arrays |= {"history." + k: self.history[k] for k in self.history}
        meta = {**describe(self.model), "note": self.note,
                "step": self.step, "seconds": self.seconds,
                "fixed": self.fixed, "columns": list(self.history),
                "rng": self.rng.bit_generator.state,
                "batches": self.batches.state()}
        try:
            self.history.to_csv(self.out / "history.csv")
            checkpoint.save(self.path, arrays, meta)
        except ValueError as error:
            raise FloatingPointError(f"step {self.step}: {error}; "
                                     f"{self._last()}") from None
        except OSError as error:  # the disk is full, say
            raise OSError(f"step {self.step} could not be saved ({error}); "
                          f"{self._last()}") from error

    def farewell(self, steps):
        """What to say after Ctrl-C."""
        done = f"stopped after step {self.step} of {steps}"
        if self.out is None:
            return f"{done}; nothing was saved, for no folder (out) was given"
        self.lock.free()    # the error that says so may be kept for long
        return f"{done} and saved in {self.out}; go on with resume=True"


def first_not_finite(model, images, rng, more):
    """What detect_anomaly() says of a step that failed: it is done again in
    the same model, which is then as before. Nothing if it succeeds."""
    before = {name: a.copy() for name, a in state(model).items()}
    try:
        with detect_anomaly():
            model.step(images, rng, **more)
    except FloatingPointError as error:
        return f": {error}"
    except ValueError:      # the step that failed was a schedule's last
        return ""
    finally:
        load_state(model, before)
    return ""


def fingerprint(images):
    """By which a resume knows the images again; of two sets, a list."""
    if isinstance(images, tuple):
        return list(map(fingerprint, images))
    return {"shape": list(images.shape),
            "crc32": zlib.crc32(np.ascontiguousarray(images))}


def describe(model):
    """What a checkpoint's header says of a model, to build it again."""
    return {"model": model.name, "config": dataclasses.asdict(model.config)}


def save_sampler(path, model, part, **note):
    """Write what sampling needs, as float16: the state of model.<part>.

    save_sampler("gan.safetensors", gan, "g", command=..., seconds=...)
    """
    with getattr(model, "averaged", nullcontext)():
        checkpoint.save(path, state(getattr(model, part)), {
            **describe(model), "part": part, "note": note}, half=True)


def load_model(path):
    """(model, meta) from a run's checkpoint or a save_sampler file.

    meta: the header; meta["note"] holds the notes. From a save_sampler file
    only sampling makes sense. ValueError and FileNotFoundError as for
    checkpoint.load; ValueError: a model that tinygen does not know.
    """
    from tinygen import models
    arrays, meta = checkpoint.load(path)
    try:
        most = 16 * sum(a.size for a in arrays.values()) + 2 ** 22
        model = models.build(meta.get("model"), meta.get("config", {}), most)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    part = meta.get("part")
    if part and not hasattr(model, part):
        raise ValueError(f"{path}: a {model.name} has no part {part!r}")
    load_arrays(getattr(model, part) if part else model,
                arrays if part else _part(arrays, "model."), path)
    return model, meta


def diagnose(run, images, history=None, labels=None):
    """Is it training? A Diagnosis: print it, or ask for its name.

    run      a run's folder; or a model, and then its history too
    images   what it was trained on, and labels, as fit() takes them

    See tinygen.diagnosis. ValueError: fewer than 60 steps, another model;
    FileNotFoundError: a folder without a run, or without its history.
    """
    model = run
    if history is None:
        model, _ = load_model(Path(run) / CHECKPOINT)
        history = History.from_csv(Path(run) / "history.csv")
    return diagnosis.examine(model, images, history, labels)


def load_arrays(obj, arrays, path):
    """load_state, and an error that names the file."""
    try:
        load_state(obj, arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _part(arrays, prefix):
    return {name.removeprefix(prefix): array
            for name, array in arrays.items() if name.startswith(prefix)}
