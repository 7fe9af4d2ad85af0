"""Makes, runs and compares the chapters. For authors; readers need none of it.

    python book/chapters.py convert DRAFT.md chapters/04_1_gan.ipynb
    python book/chapters.py execute [NAME ...]      in place; default: all;
                                                    says what has changed
    python book/chapters.py check   [NAME ...]      run, compare, store nothing
    python book/chapters.py ranges  NAME [--seeds 3]

NAME is 04_1_gan, or a path. Cells run with chapters/ as the current folder,
as they do for a reader in Jupyter. TINYGEN_FAST=1 passes through to the
cells; then `execute` stores nothing, and what `convert` stores is marked as
a draft, which the tests refuse: such outputs are not the book's. Standard
error is shown to the author and not stored, nor are progress lines.

The draft is MyST Markdown, as Jupytext reads and writes it (a percent script,
DRAFT.py, works too). Titles carry their number; plain ```python blocks are
shown, ```{code-cell} blocks are run:

    # 4.1 A GAN, step by step

    Some text with $D(x)$ and {cite}`goodfellow2014`.

    ```{code-cell}
    ---
    mystnb:
      image: {alt: What a reader who cannot see it should know}
      figure: {name: fig-samples, caption: Samples after 200 steps.}
    tags: [trained]
    ---
    show.grid(model.sample(20, rng))
    ```

`+++` separates two Markdown cells. Every cell that shows a figure needs
mystnb.image.alt; name and caption are optional, and make it a numbered figure
for {numref}`fig-samples`. Other tags: hide-input.

Numbers in outputs are compared by class, which is a tag of the cell:

    (no tag)  exact: equal to 1e-6 (relative, or absolute below 1)
    trained   each number in order inside its range, `ranges` in the cell's
              metadata: [[low, high], ...]. `chapters.py ranges NAME` makes
              them: it runs the chapter with SEED = 0, 1, 2 in place of the
              line `SEED = 0` and widens what it saw by a quarter on each side
    timed     not compared at all

A number followed by a unit of time or speed (12 s, 3 ms, 2 min, 1.5x,
80 GFLOP/s) is never compared. Words must be the same. Pictures are not.
"""

import argparse
import base64
import copy
import hashlib
import io
import os
import re
import sys
import time
from datetime import datetime
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
FAST = os.environ.get("TINYGEN_FAST", "") not in ("", "0")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
IN_A_PAGE = {"TINYGEN_PROGRESS": "0", "TINYGEN_WIDGETS": "0",
             "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
TIMES = re.compile(r"^\*Reading: .*\n\n?", re.M)     # see say_times
TRAINS = re.compile(r"\bfit\(|\.step\(")
PICTURE = 150_000               # bytes; larger ones get 256 colours

NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+)"
    r"(?:[eE][-+]?\d+)?|"
    r"(?<![\w.])[-+]?(?:nan|inf)(?!\w)")
UNIT = re.compile(
    r"x(?!\w)|\s?(?:(?:[num\u00b5]?s|min|(?:second|minute|hour|day|year)s?)(?!\w)"
    r"|(?:steps|images|it)/s|G?FLOP)")


# ---- reading and writing ------------------------------------------------

def notebook_path(name):
    """chapters/NAME.ipynb for NAME, or the path itself."""
    path = Path(name)
    return path if path.suffix == ".ipynb" else CHAPTERS / f"{name}.ipynb"


def convert(draft, target):
    """Make a notebook of a draft, and run it."""
    import jupytext
    draft = Path(draft)
    if draft.suffix == ".md":
        myst = "{code-cell" in draft.read_text(encoding="utf-8")
        kind = "md:myst" if myst else "md"
    else:
        kind = "py:percent"
    notebook = jupytext.read(draft, fmt=kind)
    execute(notebook, target)
    store(notebook, target)


def store(notebook, path):
    """Write it so that the same content gives the same bytes."""
    notebook.metadata = nbformat.from_dict({
        "kernelspec": KERNEL, "language_info": {"name": "python"},
        **({"draft": True} if FAST else {})})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = {}
    for cell in notebook.cells:
        lasting = TIMES.sub("", cell.source)
        digest = hashlib.sha1(lasting.encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = f"{digest}-{seen[digest]}"
        cell.metadata.pop("execution", None)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


# ---- running ------------------------------------------------------------

def execute(notebook, path, label=""):
    """Run all cells of `notebook` in a fresh kernel, in place."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    path = Path(path).resolve()
    began = time.time()
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    notebook.metadata["kernelspec"] = KERNEL
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3",
        coalesce_streams=True, extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute(env=os.environ | IN_A_PAGE)
    except CellExecutionError as error:
        raise SystemExit(f"{path.stem}: {error}") from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [clean(o) for o in cell.outputs if wanted(o)]
    if not path.stem.endswith("_exercises"):
        say_times(notebook)
    print(f"{path.stem}{label}: {time.time() - began:.0f} s", flush=True)


def wanted(output):
    """Not standard error; it goes to the author's screen."""
    if output.output_type == "stream" and output.name == "stderr":
        print(output.text, end="", file=sys.stderr)
        return False
    return True


def clean(output):
    """Without progress bars' former states, and with light pictures."""
    if output.output_type == "stream":
        lines = output.text.split("\n")
        output.text = "\n".join(
            line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)
    picture = output.get("data", {}).get("image/png")
    if picture and len(base64.b64decode(picture)) > PICTURE:
        output.data["image/png"] = fewer_colours(picture)
    return output


def fewer_colours(picture):
    """The same PNG with a palette of 256 colours, in base64."""
    from PIL import Image
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    small = io.BytesIO()
    image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1,  # rare ones too
                   dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


# ---- how long it takes --------------------------------------------------

def reading_minutes(notebook):
    """150 words or 15 lines of code a minute, in fives of minutes.

    Cells that are folded away do not count, nor what is printed.
    """
    words = sum(len(c.source.split()) for c in notebook.cells
                if c.cell_type == "markdown")
    lines = sum(len(c.source.splitlines()) for c in notebook.cells
                if c.cell_type == "code"
                and "hide-input" not in c.metadata.get("tags", ()))
    return max(5, 5 * round((words / 150 + lines / 15) / 5))


def running_seconds(notebook):
    """(all cells, those that train), as nbclient timed them."""
    whole = training = 0.0
    for cell in notebook.cells:
        times = cell.metadata.get("execution", {})
        if "shell.execute_reply" in times:
            began, ended = (datetime.fromisoformat(times[k]) for k in
                            ("iopub.status.busy", "shell.execute_reply"))
            seconds = (ended - began).total_seconds()
            whole += seconds
            if TRAINS.search(cell.source):
                training += seconds
    return whole, training


def say_times(notebook):
    """Put the two measures under the title, in place of former ones."""
    whole, training = running_seconds(notebook)
    part = f", of which training {training:.0f} s" if training >= 1 else ""
    line = (f"*Reading: about {reading_minutes(notebook)} minutes. Running "
            f"all cells: {whole:.0f} s{part}, on {os.cpu_count()} cores.*")
    first = notebook.cells[0]
    text = TIMES.sub("", first.source)
    first.source = re.sub(r"^(# .*)\n*", rf"\1\n\n{line}\n\n", text, count=1,
                          flags=re.M).rstrip()


# ---- comparing ----------------------------------------------------------

def texts(cell):
    """What a code cell printed and displayed, as one text."""
    parts = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if output.output_type == "stream":
            parts.append(output.text)
        elif "image/png" not in data:
            parts.append(data.get("text/plain", ""))
    return "\n".join(parts)


def split(text):
    """(words, numbers): the text without its numbers, and the numbers; in
    place of one with a unit of time there is None: it is not compared."""
    numbers = [None if UNIT.match(text, m.end())
               else float(m.group().replace(",", ""))
               for m in NUMBER.finditer(text)]
    return " ".join(NUMBER.sub("#", text).split()), numbers


def differences(stored, again):
    """Sentences about the cells whose outputs are not what was stored."""
    for k, (old, new) in enumerate(zip(stored.cells, again.cells,
                                       strict=True), 1):
        tags = old.metadata.get("tags", ())
        if old.cell_type != "code" or "timed" in tags:
            continue
        (words, numbers), (words2, numbers2) = split(texts(old)), split(
            texts(new))
        if words != words2 or len(numbers) != len(numbers2):
            yield f"cell {k}: printed {words2[:200]!r}, stored {words[:200]!r}"
        elif "trained" in tags:
            yield from outside(k, numbers2, old.metadata.get("ranges", []))
        else:
            yield from unequal(k, numbers, numbers2)


def unequal(k, numbers, numbers2):
    for a, b in zip(numbers, numbers2, strict=True):
        if None in (a, b) or a == b or (a != a and b != b):
            continue
        if not abs(a - b) <= 1e-6 * max(1.0, abs(a)):   # so NaN differs
            yield f"cell {k}: {b!r}, stored {a!r}"


def outside(k, numbers, ranges):
    if len(ranges) != len(numbers):
        yield (f"cell {k}: {len(numbers)} numbers, {len(ranges)} ranges; "
               "run chapters.py ranges")
        return
    for x, bounds in zip(numbers, ranges, strict=True):
        if bounds and x is not None and not bounds[0] <= x <= bounds[1]:
            yield f"cell {k}: {x!r} is outside {bounds}"


def find_ranges(path, seeds):
    """Run the chapter with several seeds; store the ranges and seed 0."""
    stored = nbformat.read(path, as_version=4)
    if not any(re.search(r"^SEED = 0$", c.source, re.M) for c in stored.cells):
        raise SystemExit(f"{path}: no cell holds the line SEED = 0")
    runs = []
    for seed in range(seeds):
        run = copy.deepcopy(stored)
        for cell in run.cells:
            cell.source = re.sub(r"^SEED = 0$", f"SEED = {seed}", cell.source,
                                 flags=re.M)
        execute(run, path, f" (seed {seed})")
        runs.append(run)
    for k, cell in enumerate(runs[0].cells):
        if "trained" in cell.metadata.get("tags", ()):
            printed = [split(texts(run.cells[k]))[1] for run in runs]
            if len({len(p) for p in printed}) != 1:
                raise SystemExit(f"{path}: cell {k + 1} prints more numbers "
                                 "with one seed than with another")
            cell.metadata["ranges"] = [widened(x) for x in zip(*printed)]
    store(runs[0], path)


def widened(values):
    """[low, high] of the values and a quarter more; None if not compared."""
    if None in values:
        return None
    low, high = min(values), max(values)
    margin = 0.25 * (high - low) + 1e-6 * max(1.0, abs(low), abs(high))
    return [float(f"{low - margin:.8g}"), float(f"{high + margin:.8g}")]


# ---- commands -----------------------------------------------------------

def run_all(names, check):
    """Execute, or check, the chapters named; 1 if any differs."""
    status = 0
    paths = [notebook_path(n) for n in names] or sorted(
        CHAPTERS.glob("*.ipynb"))
    for path in paths:
        stored = nbformat.read(path, as_version=4)
        again = copy.deepcopy(stored)
        execute(again, path)
        if FAST and not check:
            continue                    # it ran: that was the question
        for sentence in differences(stored, again):
            print(f"  {sentence}", flush=True)
            status = int(check)
        if not check:
            store(again, path)
    return status


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("convert")
    command.add_argument("draft")
    command.add_argument("target")
    for name in ("execute", "check"):
        commands.add_parser(name).add_argument("names", nargs="*")
    command = commands.add_parser("ranges")
    command.add_argument("name")
    command.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if given.command == "convert":
        convert(given.draft, notebook_path(given.target))
    elif given.command == "ranges":
        find_ranges(notebook_path(given.name), given.seeds)
    else:
        return run_all(given.names, given.command == "check")


if __name__ == "__main__":
    sys.exit(main())
