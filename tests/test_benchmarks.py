"""The benchmark: what it measured last, who quotes it, and that it runs.

A speed quoted in README.md or in a chapter says where it comes from, in a
comment that the page does not show:

    1.8<!-- bench: steps/GAN/ratio --> times as fast as PyTorch

It must be what latest.json says under that path, rounded as it is quoted. In
a paragraph that names PyTorch every time, speed and size needs its comment;
<!-- bench: elsewhere --> marks one that was not measured here.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import tinygen as tg

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "tests" / "benchmarks"
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
LATEST = json.loads((BENCHMARKS / "latest.json").read_text("utf-8"))

sys.path.insert(0, str(BENCHMARKS))
import networks  # noqa: E402
import report  # noqa: E402

STEPS = ["GAN", "VAE", "CycleGAN, batch 4", "CycleGAN, batch 1"]
BOTH = ("forward", "forward + backward")
# What each step is made of; "ADAM" stands without a pass
OPS = {"Linear, 32 100 -> 12544", "Linear, 32 64 -> 12544",
       "Linear, 32 4096 -> 1", "Linear, 32 4096 -> 64",
       "UpsampleConv2d, 32 7 7 256 -> 128",
       "UpsampleConv2d, 32 14 14 128 -> 64",
       "Conv2d 3x3, 32 28 28 64 -> 3",
       "Conv2d 3x3 stride 2, 32 28 28 3 -> 64",
       "Conv2d 3x3 stride 2, 32 14 14 64 -> 128",
       "Conv2d 3x3 stride 2, 32 7 7 128 -> 256",
       "Bernoulli reconstruction, 32 28 28 3", "Gaussian KL, 32 64",
       "non-saturating loss, 32 1", "least squares, 4 4 4 1",
       "L1, 4 32 32 3", "Tanh, 32 28 28 3", "BatchNorm, 32 28 28 64",
       "LeakyReLU, 32 28 28 64", "residual sum, 4 8 8 128"} | {
    name.format(n) for n in (4, 1) for name in (
        "Conv2d 7x7, {} 32 32 3 -> 32", "Conv2d 7x7, {} 32 32 32 -> 3",
        "Conv2d 3x3 stride 2, {} 32 32 32 -> 64",
        "Conv2d 3x3 stride 2, {} 16 16 64 -> 128",
        "Conv2d 3x3, {} 8 8 128 -> 128",
        "UpsampleConv2d, {} 8 8 128 -> 64",
        "UpsampleConv2d, {} 16 16 64 -> 32",
        "Conv2d 4x4 stride 2, {} 32 32 3 -> 32",
        "Conv2d 4x4 stride 2, {} 16 16 32 -> 64",
        "Conv2d 4x4 stride 2, {} 8 8 64 -> 1",
        "InstanceNorm, {} 32 32 32", "InstanceNorm, {} 8 8 128",
        "ReLU, {} 32 32 32", "Tanh, {} 32 32 3")}
ADAM = {"Adam, the GAN's generator", "Adam, the GAN's discriminator"}


# ---- latest.json --------------------------------------------------------

def test_latest_says_what_was_measured_where_and_when():
    check_frame(LATEST)
    assert "empty_cache_s" in LATEST["start"]
    assert LATEST["start"]["announced"].startswith("compiling the kernels")


def check_frame(results):
    """What every run of all parts writes."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", results["date"])
    assert re.fullmatch(r"[0-9a-f]{10}\+?", results["commit"])
    assert {"cpu", "cores", "threads", "vectors"} <= set(results["machine"])
    assert {"python", "numpy", "numba", "scipy", "torch", "tinygen"} == set(
        results["versions"])
    assert results["versions"]["torch"].startswith("2.13.0")
    assert results["sgemm_gflops"] > 0
    assert list(results["steps"]) == STEPS
    assert {f"{op}: {kind}" for op in OPS for kind in BOTH} | ADAM <= set(
        results["ops"])
    assert {"ours_s", "pytorch_s", "ratio"} <= set(results["start"])
    assert {"ours_mb", "pytorch_mb", "ratio"} == set(results["memory"])


def test_ratios_are_those_of_the_best_of_pytorch():
    for name, row in (LATEST["steps"] | LATEST["ops"]).items():
        ratio = row["pytorch_ms"] / row["ours_ms"]
        assert row["ratio"] == pytest.approx(ratio, rel=2e-3), name
    for row in LATEST["steps"].values():
        assert len(row["pytorch_all_ms"]) == 4      # layouts, tuned or not
        assert row["pytorch_ms"] == min(row["pytorch_all_ms"].values())
        assert row["pytorch_all_ms"][row["pytorch_best"]] == row["pytorch_ms"]
    for row in LATEST["ops"].values():
        if "gflops" in row:
            share = row["gflops"] / LATEST["sgemm_gflops"]
            assert row["of_sgemm"] == pytest.approx(share, rel=2e-3)


# ---- who quotes it ------------------------------------------------------

QUOTE = re.compile(r"(\d[\d,]*(?:\.\d+)?)([^\d<>]{0,30})"
                   r"<!--\s*bench:\s*(.+?)\s*-->", re.S)
SPEED = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(?:ms|milliseconds|s|seconds|"
                   r"GFLOP/s|MB|GB|times\s+(?:as|faster|slower))(?!\w)")


def wrong_quotes(text, results):
    """A sentence for each quote of text that results do not bear out."""
    found = []
    for number, _, key in QUOTE.findall(text):
        if key == "elsewhere":
            continue
        value = results
        for part in re.sub(r"\s+", " ", key).split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)):
            found.append(f"{number} quotes {key}, which latest.json does not "
                         "have")
            continue
        digits = len(number.partition(".")[2])
        quoted = float(number.replace(",", ""))
        if abs(quoted - value) > 0.5000001 * 10 ** -digits:
            found.append(f"{number} is quoted for {key}; measured: {value}")
    for paragraph in re.split(r"\n\s*\n", text):
        rest = QUOTE.sub("", paragraph)
        if "PyTorch" in rest:
            found += [f"{m.group(0)!r} beside PyTorch lacks its "
                      "<!-- bench: ... -->" for m in SPEED.finditer(rest)]
    return found


def prose():
    """(file, text) of README.md and of each chapter's Markdown."""
    readme = (ROOT / "README.md").read_text("utf-8")
    before, _, rest = readme.partition(report.BEGIN)
    yield "README.md", before + rest.partition(report.END)[2]
    for path in CHAPTERS:
        notebook = nbformat.read(path, as_version=4)
        yield path.name, "\n\n".join(
            c.source for c in notebook.cells if c.cell_type == "markdown")


@pytest.mark.parametrize("name, text", list(prose()), ids=lambda x: x[:30])
def test_quoted_speeds_are_the_measured_ones(name, text):
    wrong = [f"{name}: {sentence}" for sentence in wrong_quotes(text, LATEST)]
    assert wrong == []


def test_a_wrong_quote_is_named():
    results = {"steps": {"GAN": {"ratio": 1.846, "ours_ms": 1250.4}}}
    good = ("1.8<!-- bench: steps/GAN/ratio --> times as fast as PyTorch, in "
            "1,250 ms<!-- bench: steps/GAN/ours_ms -->, or 9 s"
            "<!-- bench: elsewhere -->.\n\nIt took 3 s and 2 GB.")
    assert wrong_quotes(good, results) == []
    for text, word in (
            ("1.9<!-- bench: steps/GAN/ratio -->", "measured: 1.846"),
            ("1.84<!-- bench: steps/GAN/ratio -->", "measured: 1.846"),
            ("1.8<!-- bench: steps/VAE/ratio -->", "does not have"),
            ("1.8<!-- bench: steps/GAN -->", "does not have"),
            ("PyTorch takes 80 ms.", "'80 ms' beside PyTorch"),
            ("2 times as fast as PyTorch", "'2 times as' beside PyTorch")):
        sentence, = wrong_quotes(text, results)
        assert word in sentence


def test_the_readme_shows_the_latest_table():
    text = (ROOT / "README.md").read_text("utf-8")
    assert report.block(LATEST) in text, "run make benchmark"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_stored_outputs_are_of_the_latest_run(path):
    """A cell that loads latest.json prints its date; so a stored page that
    shows older figures is found."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "latest.json" in cell.source:
            text = "".join(o.get("text", "") for o in cell.outputs)
            assert LATEST["date"] in text, (
                f"{path.name} shows another run than that of "
                f"{LATEST['date']}: make chapters NAMES={path.stem}")


# ---- the benchmark itself -----------------------------------------------

def test_the_networks_are_those_of_the_gan():
    rng = np.random.default_rng(0)
    model = tg.models.GAN(tg.models.GANConfig(batch_norm=False))
    for mine, other in ((networks.generator(100, rng, tg.Tanh()), model.g),
                        (networks.discriminator(rng), model.d)):
        assert [type(x) for x in mine.layers.values()] == [
            type(x) for x in other.layers.values()]
        assert [p.shape for p in tg.parameters(mine).values()] == [
            p.shape for p in tg.parameters(other).values()]


def script(name, *words):
    done = subprocess.run([sys.executable, BENCHMARKS / name, *words],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
def test_it_runs_and_leaves_the_stored_results_alone(require, tmp_path):
    """Quickly: everything once. It compares losses and gradients too."""
    require("torch")
    before = [(BENCHMARKS / "latest.json").read_bytes(),
              (ROOT / "README.md").read_bytes()]
    text = script("run.py", "--quick", "--out", str(tmp_path / "all.json"))
    check_frame(json.loads((tmp_path / "all.json").read_text("utf-8")))
    for name in (*STEPS, *OPS, *ADAM, "peak memory", "SGEMM"):
        assert name in text
    assert before == [(BENCHMARKS / "latest.json").read_bytes(),
                      (ROOT / "README.md").read_bytes()]


@pytest.mark.long
def test_the_stages_of_a_step(require):
    """They count the products of a GAN step: 26.9 GFLOP in convolutions."""
    require("torch")
    text = script("stages.py", "GAN", "--steps", "2")
    assert "backward of conv2d" in text and "Adam" in text
    flop = float(re.search(r"([\d.]+) GFLOP\n", text).group(1))
    assert 26.5 < flop < 27.5
