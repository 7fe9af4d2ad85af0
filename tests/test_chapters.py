"""The chapters, as they are stored and as they run; and book/chapters.py."""

import ast
import base64
import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import tinygen as tg
from tinygen import show

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
PICTURE, TEXT, NOTEBOOK = 150_000, 20_000, 3_000_000      # bytes

spec = importlib.util.spec_from_file_location(
    "chapters", ROOT / "book/chapters.py")
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)

chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)


def code_cells(path):
    notebook = nbformat.read(path, as_version=4)
    return [c for c in notebook.cells if c.cell_type == "code"]


def prose(path):
    """All Markdown of a notebook."""
    notebook = nbformat.read(path, as_version=4)
    return "\n".join(c.source for c in notebook.cells
                     if c.cell_type == "markdown")


def outputs(path):
    """(cell, output) for all outputs of a notebook."""
    return [(c, o) for c in code_cells(path) for o in c.outputs]


def tree_of(cell):
    """The syntax of a cell, without the lines that only IPython reads."""
    return ast.parse(re.sub(r"^\s*[%!].*$", "pass", cell.source, flags=re.M))


def resolve(name):
    """The object of a dotted name, as show.listing() stored it."""
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for part in parts[k:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(f"{name} is no longer in tinygen")


# ---- as stored ----------------------------------------------------------

@chapters
def test_it_is_a_valid_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < NOTEBOOK
    assert "draft" not in notebook.metadata, "made with TINYGEN_FAST=1"
    assert json.loads(path.read_text("utf-8"))["metadata"] == {
        "kernelspec": runner.KERNEL, "language_info": {"name": "python"}}


@chapters
def test_it_was_executed_in_order_and_without_an_error(path):
    counts = [c.execution_count for c in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    assert [c.source for c, o in outputs(path)
            if o.output_type == "error"] == []


@chapters
def test_it_begins_with_its_title(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    number = re.match(r"\d\d(?:_\d)*", path.stem)
    digits = number.group().lstrip("0").replace("_", ".") if number else ""
    title = next(line for line in first.source.splitlines()
                 if not line.startswith("("))
    assert title.startswith(f"# {digits} " if digits else "# ")


@chapters
def test_its_head_says_how_long_it_takes(path):
    notebook = nbformat.read(path, as_version=4)
    if not path.stem.endswith("_exercises"):
        minutes = runner.reading_minutes(notebook)
        assert re.search(
            rf"^# .*\n\n\*Reading: about {minutes} minutes. Running all "
            r"cells: \d+ s(, of which training \d+ s)?, on \d+ cores\.\*$",
            notebook.cells[0].source, re.M), "run make chapters NAMES=..."


def test_titles_differ():
    titles = [re.search(r"^# .*", nbformat.read(p, as_version=4)
                        .cells[0].source, re.M).group() for p in CHAPTERS]
    assert len(set(titles)) == len(titles)


@chapters
def test_outputs_are_light_and_the_same_everywhere(path):
    for cell, output in outputs(path):
        assert output.get("name") != "stderr", cell.source
        data = output.get("data", {})
        picture = base64.b64decode(data.get("image/png", ""))
        assert len(picture) < PICTURE, cell.source
        words = output.get("text", "") + "".join(
            v for k, v in data.items() if k.startswith("text/"))
        assert len(words) < TEXT, cell.source
        assert not re.search(r" at 0x[0-9a-f]{6,}|/home/|/root/|/tmp/",
                             words), cell.source


@chapters
def test_every_figure_says_what_it_shows(path):
    for cell, output in outputs(path):
        if "image/png" in output.get("data", {}):
            about = cell.metadata.get("mystnb", {})
            alt = about.get("image", {}).get("alt", "")
            assert len(alt) > 10, f"no alt text: {cell.source}"


@chapters
def test_every_figure_is_numbered_and_referred_to(path):
    text = prose(path)
    for cell, output in outputs(path):
        if "image/png" in output.get("data", {}):
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            assert figure.get("caption"), f"not numbered: {cell.source}"
            assert f"{{numref}}`{figure['name']}`" in text, (
                f"the text never mentions {figure['name']}")


@chapters
def test_the_article_and_chapters_go_by_one_name_each(path):
    text = prose(path)
    assert re.findall(r"\bthe document\b", text, re.I) == []
    assert re.findall(r"\[section \d[^]]*\]\(\w+\.ipynb", text, re.I) == []


@chapters
def test_each_column_of_a_table_has_a_title_in_words(path):
    for head in re.findall(r"^\|(.*)\|\n\|[-:]", prose(path), re.M):
        words = re.sub(r"\$[^$]*\$", "", head).split("|")
        assert all(map(str.strip, words)), f"read aloud: {head}"


@chapters
def test_trained_numbers_lie_in_the_range_of_several_seeds(path):
    for cell in code_cells(path):
        if "trained" in cell.metadata.get("tags", ()):
            numbers = runner.split(runner.texts(cell))[1]
            ranges = cell.metadata.get("ranges", [])
            assert list(runner.outside(0, numbers, ranges)) == [], (
                f"{cell.source}\nrun chapters.py ranges {path.stem}")


@chapters
def test_listings_are_the_library_as_it_is(path):
    for cell in code_cells(path):
        stored = [o for o in cell.outputs if "listing" in o.get(
            "metadata", {})]
        assert bool(stored) == bool(re.search(
            r"\blisting\(", cell.source)), cell.source
        for output in stored:
            about = output.metadata.listing
            now = show.listing(*map(resolve, about.names),
                               rules=about.rules)
            assert output.data["text/markdown"] == now.markdown, (
                f"{', '.join(about.names)} has changed: run "
                f"make chapters NAMES={path.stem}")


@pytest.mark.parametrize(
    "path", [p for p in CHAPTERS if not p.stem.endswith("_exercises")],
    ids=lambda p: p.stem)
def test_no_toy_takes_a_name_of_the_library(path):
    names = {n.name for c in code_cells(path) for n in tree_of(c).body
             if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    assert names & {n for n in dir(tg) if not n.startswith("_")} == set()


# ---- as they run --------------------------------------------------------

@pytest.mark.long
@chapters
def test_it_runs(path):
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, str(ROOT / "book/chapters.py"), "execute",
         path.stem], env=os.environ | {"TINYGEN_FAST": "1"},
        capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.read_bytes() == before


# ---- book/chapters.py ---------------------------------------------------

DRAFT = '''# 9.9 A draft

Text, and a block that is not run:

```python
1 / 0
```

```{code-cell}
---
mystnb:
  image: {alt: two grey squares}
---
import numpy as np
import tinygen.show as show

SEED = 0
show.grid(np.zeros((2, 8, 8, 1)))
```

+++

More text.

```{code-cell}
:tags: [trained]
import sys
print("warning", file=sys.stderr)
print("1 %\\r50 %\\rscore", 0.25 + SEED)
```
'''


def untimed(path):
    return re.sub(r"\d+ s\b", "# s", path.read_text(encoding="utf-8"))


def test_a_draft_becomes_a_notebook_that_runs(tmp_path):
    draft, target = tmp_path / "draft.md", tmp_path / "made.ipynb"
    draft.write_text(DRAFT)
    runner.convert(draft, target)
    first = untimed(target)
    kinds = [c.cell_type for c in nbformat.read(target, 4).cells]
    assert kinds == ["markdown", "code", "markdown", "code"]
    picture, printed = (c.outputs for c in code_cells(target))
    assert "image/png" in picture[0].data
    assert [o.text for o in printed] == ["score 0.25\n"]
    runner.convert(draft, target)
    assert untimed(target) == first
    runner.find_ranges(target, 2)
    low, high = code_cells(target)[1].metadata["ranges"][0]
    assert (low, high) == pytest.approx((0, 1.5), abs=1e-4)


def test_numbers_and_words_are_told_apart():
    words, numbers = runner.split(
        "conv2d (3, -2.5e-3) 1,000 took 12 s, 1.5x, 80 GFLOP/s; nan 28 x 28")
    assert words == "conv2d (#, #) # took # s, #x, # GFLOP/s; # # x #"
    timed = [None] * 3
    assert numbers[:-3] == [3, -2.5e-3, 1000, *timed]
    assert np.isnan(numbers[-3]) and numbers[-2:] == [28, 28]


def notebook_with(text, **metadata):
    cell = nbformat.v4.new_code_cell("print()", metadata=metadata, outputs=[
        nbformat.v4.new_output("stream", name="stdout", text=text)])
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize("stored, again, metadata, same", [
    ("loss 0.5", "loss 0.5000004", {}, True),
    ("loss 0.5", "loss 0.50001", {}, False),
    ("loss 1e6", "loss 1000000.9", {}, True),
    ("loss 0.5", "gain 0.5", {}, False),
    ("loss 0.5", "loss 0.5 0.5", {}, False),
    ("in 5 s", "in 9 s", {}, True),
    ("5 times", "9 times", {"tags": ["timed"]}, True),
    ("at 0.5", "at 0.7", {"tags": ["trained"], "ranges": [[0.4, 0.8]]}, True),
    ("at 0.5", "at 0.9", {"tags": ["trained"], "ranges": [[0.4, 0.8]]}, False),
    ("at 0.5", "at nan", {"tags": ["trained"], "ranges": [[0.4, 0.8]]}, False),
    ("loss 0.5", "loss nan", {}, False),
    ("at 0.5", "at 0.5", {"tags": ["trained"]}, False),
])
def test_numbers_are_compared_by_their_class(stored, again, metadata, same):
    found = list(runner.differences(notebook_with(stored, **metadata),
                                    notebook_with(again, **metadata)))
    assert (found == []) == same


def test_ranges_are_widened_and_times_have_none():
    assert runner.widened([1.0, 2.0, 3.0]) == pytest.approx(
        [0.5, 3.5], abs=1e-5)
    low, high = runner.widened([1234.56789] * 3)
    assert low < 1234.56789 < high
    assert runner.widened([1.0, None]) is None


def test_heavy_pictures_get_fewer_colours_and_keep_the_rare_ones():
    from PIL import Image
    rng = np.random.default_rng(0)
    noise = rng.integers(180, 256, (300, 300, 3)).astype(np.uint8)
    places = range(10, 290, 20)
    colours = rng.integers(0, 256, (len(places), 3))
    for at, colour in zip(places, colours, strict=True):
        noise[at:at + 10, at:at + 10] = colour
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    output = nbformat.v4.new_output("display_data", {
        "image/png": base64.b64encode(file.getvalue()).decode()})
    assert len(file.getvalue()) > PICTURE
    light = base64.b64decode(runner.clean(output).data["image/png"])
    assert len(light) < PICTURE
    light = np.asarray(Image.open(io.BytesIO(light)).convert("RGB"), int)
    assert light.shape == (300, 300, 3)
    assert np.abs(light - noise).max() < 20
