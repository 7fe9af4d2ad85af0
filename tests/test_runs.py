"""The stored trainings that chapters show: chapters/runs."""

import json
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import vae

RUNS = Path(__file__).parent.parent / "chapters" / "runs"
FILES = sorted(RUNS.glob("*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_run_says_how_it_was_made_and_draws(path):
    """Its header names command, seed, steps and seconds; it makes images."""
    model, header = tg.training.load_model(path)
    note = header["note"]
    assert note["command"].startswith("python ")
    assert note["seed"] == 0 and note["steps"] > 0 and note["seconds"] > 0
    c, pair = model.config, []
    if getattr(model, "sets", 1) == 2:
        rng = np.random.default_rng(0)
        pair = [rng.integers(256, size=(2, 4, c.size, c.size, c.channels),
                             dtype=np.uint8)]
        assert note["cpu"] > 0 and len(note["psnr"]) == 4
    images = model.sample(4, np.random.default_rng(0), *pair)
    assert images.shape == (4, c.size, c.size, c.channels)
    # Not one image four times
    assert tg.metrics.diversity(images) > 0.1


def test_the_runs_are_small():
    """At most 2 MB each, 20 MB in all."""
    sizes = [path.stat().st_size for path in FILES]
    assert max(sizes) <= 2e6 and sum(sizes) <= 20e6


def test_the_digits_took_ten_minutes_at_most():
    """What section 4.1 says of the training on MNIST."""
    _, header = tg.training.load_model(RUNS / "gan_mnist.safetensors")
    assert header["note"]["seconds"] <= 600


@pytest.mark.long
def test_stripes_are_put_on_and_taken_off():
    """What section 4.3 says: against true pairs the stored CycleGAN gains
    6 dB over leaving the image unchanged, and the stored numbers are its.
    """
    model, header = tg.training.load_model(
        RUNS / "cyclegan_sprites.safetensors")
    stored = header["note"]["psnr"]
    a, b = (tg.data.to_float(x) for x in tg.data.sprite_pairs(500, rng=3))
    now = {"a_to_b": (model.translate(a, "b"), b), "a_as_b": (a, b),
           "b_to_a": (model.translate(b, "a"), a), "b_as_a": (b, a)}
    for name, (images, truth) in now.items():
        found = tg.metrics.psnr(images, truth).mean()
        assert stored[name] == pytest.approx(found, abs=0.1), name
    assert (stored["a_to_b"] + stored["b_to_a"]
            - stored["a_as_b"] - stored["b_as_a"]) / 2 >= 6


@pytest.mark.long
def test_all_ten_digits_are_drawn(require):
    """Each class is nearest to at least 2 % of 1,000 samples, and the
    stored counts are those of the stored weights."""
    require("data")
    model, header = tg.training.load_model(RUNS / "gan_mnist.safetensors")
    images, labels = tg.data.mnist()
    samples = model.sample(1000, np.random.default_rng(0))
    near = tg.metrics.nearest(samples, images)
    counts = np.bincount(labels[near], minlength=10)
    assert counts.min() >= 20
    # float16 weights move a few samples to another neighbour
    assert np.abs(counts - header["note"]["classes"]).sum() <= 40


INK = [path for path in FILES if path.stem.startswith("vae_mnist")]


@pytest.mark.parametrize("path", INK, ids=lambda path: path.stem)
def test_a_vae_says_how_likely_the_digits_are(path):
    """Of 1,000 test digits, each from 5,000 draws, with the error."""
    note = tg.training.load_model(path)[1]["note"]
    nlls = np.array(note["nlls"])
    assert note["images"] == len(nlls) == 1000 and note["draws"] == 5000
    assert note["nll"] == pytest.approx(nlls.mean(), abs=0.01)
    assert note["standard_error"] == pytest.approx(
        nlls.std(ddof=1) / 1000 ** 0.5, abs=0.01)
    assert len(note["loss"]) == 100 and note["loss"][0] > note["loss"][-1]


def test_the_long_training_comes_near_the_published_likelihood():
    """86.76 in Burda et al. (2016), after six times as many passes. One
    thread computed for at most 45 minutes."""
    note = tg.training.load_model(RUNS / "vae_mnist.safetensors")[1]["note"]
    assert note["nll"] <= 88.0 and note["cpu_seconds"] <= 45 * 60


def test_five_weighted_draws_beat_one_at_equal_steps():
    """By more than three standard errors of the difference, paired."""
    one, five = (tg.training.load_model(RUNS / f"{name}.safetensors")[1][
        "note"] for name in ("vae_mnist_short", "vae_mnist_iwae"))
    assert one["steps"] == five["steps"] and one["batch"] == five["batch"]
    gain = np.array(one["nlls"]) - five["nlls"]
    assert gain.mean() > 3 * gain.std(ddof=1) / len(gain) ** 0.5


@pytest.mark.long
@pytest.mark.parametrize("path", INK, ids=lambda path: path.stem)
def test_the_stored_weights_give_the_stored_likelihood(path, require):
    """On 20 digits from 1,000 draws, to chance, a tenth of a nat or two."""
    require("data")
    model, header = tg.training.load_model(path)
    r = np.random.default_rng(0)
    x = vae.binarize(tg.data.to_float(tg.data.mnist("test")[0][:1000]), r)
    nll = -model.log_likelihood(x[:20], 1000, r)
    assert nll.mean() == pytest.approx(
        np.mean(header["note"]["nlls"][:20]), abs=0.5)


# ---- chapter 5 -----------------------------------------------------------


def future():
    return json.loads((RUNS / "future.json").read_text(encoding="utf-8"))


def test_every_fid_of_chapter_5_has_its_interval_and_seed():
    found = {k: v for k, v in future().items() if "fid" in v}
    assert len(found) >= 10
    for run in found.values():
        assert run["seed"] in (0, 1) and run["steps"] > 0
        assert run["command"].startswith("python chapters/runs/make_future")
        for value, low, high in run["fid"].values():
            assert low < value < high


def test_stored_weights_of_chapter_5_give_the_stored_fid():
    """Of 1,000 samples, to chance; float16 weights move it a little."""
    real = tg.metrics.features(tg.data.sprites(
        2000, "solid", 100, background="light")[0])
    model, header = tg.training.load_model(RUNS / "future_plain.safetensors")
    fake = tg.metrics.features(model.sample(1000, np.random.default_rng(7)))
    value, *_ = future()["plain"]["fid"]["averaged"]
    assert tg.metrics.fid(real, fake).value == pytest.approx(value, rel=0.1)
    assert header["note"]["steps"] == future()["plain"]["steps"]


@pytest.mark.parametrize("name", ["classes", "vae"])
def test_stored_weights_of_chapter_5_heed_the_label(name):
    """As often as is stored, to chance, on 400 images."""
    model, _ = tg.training.load_model(RUNS / f"future_{name}.safetensors")
    images = model.sample(400, np.random.default_rng(3))
    seen = tg.metrics.probabilities(images).argmax(axis=1)
    counts = np.array(future()[name]["seen"])
    assert (seen == np.arange(400) % 8).mean() == pytest.approx(
        counts.trace() / counts.sum(), abs=0.1)


def test_more_images_of_their_kind_helped_and_made_ones_did_not():
    """What chapter 5 says of augmentation, in each of three draws."""
    for seed in range(3):
        found = future()[f"digits_{seed}"]
        assert found["moved"] > found["real"] > found["real and made"]
