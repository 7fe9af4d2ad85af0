"""The diagnosis: each rule on made-up runs, and the stored table of runs."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen import __main__ as cli
from tinygen import diagnosis
from tinygen.models import (
    GAN,
    VAE,
    CycleGAN,
    CycleGANConfig,
    GANConfig,
    VAEConfig,
)
from tinygen.training import History

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
TABLE = json.loads((CHAPTERS / "runs" / "diagnose.json").read_text())
DISEASES = set(diagnosis.KNOWN) - {"healthy"}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def sprites():
    return tg.data.sprites(256, "solid", 0, background="light")[0]


def seen(images):
    return tg.data.to_float(images[:128])


def told(accuracy=0.75, steps=200):
    """The History of a GAN whose D is right in that share of verdicts."""
    chance = 0.03 * rng().standard_normal(steps)
    return History({"step": np.arange(steps), "d_accuracy": np.clip(
        accuracy + chance * (np.max(accuracy) < 1), 0, 1)})


class Painter(GAN):
    """A GAN whose samples are given; its networks are small and fresh."""

    def __init__(self, samples, **config):
        super().__init__(GANConfig(width=4, **config), rng())
        self.samples = samples

    def sample(self, n, rng):
        return self.samples[:n]


def verdict(model, images, history):
    return tg.diagnose(model, images, history).name


# ---- the GAN's rules -------------------------------------------------------


def test_a_varied_gan_with_a_fair_judge_is_healthy(sprites):
    found = tg.diagnose(Painter(seen(sprites[128:])), sprites, told())
    assert found.name == "healthy" and len(found.findings) == 1
    evidence = found.findings[0].evidence
    for words in ("74.6%", "102%", "swings by", "patterns of single pixels"):
        assert words in evidence, evidence


def test_a_judge_that_is_always_right_wins(sprites):
    found = tg.diagnose(Painter(seen(sprites[128:])), sprites, told(1.0))
    assert found.name == "discriminator winning"
    assert "100.0%" in found.findings[0].evidence
    # the critic of Wasserstein's game has no threshold to be right about
    critic = Painter(seen(sprites[128:]), loss="wasserstein")
    assert verdict(critic, sprites, told(1.0)) == "healthy"


@pytest.mark.parametrize("images", [1, 4])
def test_few_images_drawn_many_times_are_a_collapse(sprites, images):
    few = np.tile(seen(sprites)[:images], (128 // images, 1, 1, 1))
    few = np.clip(few + 0.01 * rng().standard_normal(few.shape), -1, 1)
    found = tg.diagnose(Painter(few), sprites, told())
    assert found.name == "mode collapse"


def test_waves_of_the_accuracy_are_an_oscillation(sprites):
    model = Painter(seen(sprites[128:]))
    t = np.arange(300)
    waves = 0.75 + 0.15 * np.sin(2 * np.pi * t / 30)
    assert verdict(model, sprites, told(waves, 300)) == "oscillation"
    early = History({"d_accuracy": waves[:140]})
    assert verdict(model, sprites, early) == "healthy"
    # neither chance nor a slow drift is one
    noise = 0.75 + 0.1 * rng().standard_normal(300)
    drift = np.linspace(0.95, 0.55, 300)
    assert diagnosis.swing(np.clip(noise, 0, 1)) < 0.04
    assert diagnosis.swing(drift) < 0.04
    assert diagnosis.swing(waves) == pytest.approx(
        0.15 * np.sqrt(np.cos(2 * np.pi * 4 / 30) / 2), rel=0.25)


def test_the_minimax_loss_lets_no_slope_through_where_d_is_sure(sprites):
    """share = s(D), the derivative of softplus, on average over images."""
    shares = []
    for bias in (0.0, -10.0):
        model = Painter(seen(sprites[128:]), loss="minimax")
        last = model.d[len(model.d) - 1]
        last.b.assign(np.array([bias], np.float32))
        length, share = diagnosis.generator_gradient(
            model, model.draw(64, rng()))
        shares.append(share)
    assert shares[0] == pytest.approx(0.5, abs=0.05)
    assert shares[1] == pytest.approx(1 / (1 + np.exp(10)), rel=0.2)
    found = tg.diagnose(model, sprites, told(1.0))
    assert [f.name for f in found.findings] == [
        "vanishing generator gradient", "discriminator winning"]


def test_a_checkerboard_stands_out_and_grain_does_not(sprites):
    x = seen(sprites[128:])
    odd = np.arange(28) % 2     # twice as much, and four times
    board = (1 + odd[:, None]) * (1 + odd)
    for add, name in ((-0.1 * board[:, :, None], "checkerboard"),
                      (0.02 * rng().standard_normal(x.shape), "healthy")):
        model = Painter(np.clip(x + add, -1, 1))
        assert verdict(model, sprites, told()) == name


# ---- the others ------------------------------------------------------------


def test_a_vae_whose_code_says_nothing(sprites):
    model = VAE(VAEConfig(width=4, latent=8), rng())
    model.encoder.mu.w.assign(3 * model.encoder.mu.w.data)
    history = History({"step": range(100), "loss": np.zeros(100)})
    assert verdict(model, sprites, history) == "healthy"
    for head in (model.encoder.mu, model.encoder.logvar):
        head.w.assign(np.zeros_like(head.w.data))
    found = tg.diagnose(model, sprites, history)
    assert found.name == "posterior collapse"
    assert "0.00 nats" in found.findings[0].evidence
    assert "0 of 8" in found.findings[0].evidence


class Cheat(CycleGAN):
    """Section 4.3's: keeps a part of the colour, and enlarges it again."""

    part = 1 / 50

    def translate(self, images, to="b"):
        grey = images.mean(axis=3, keepdims=True)
        factor = self.part if to == "b" else 1 / self.part
        return np.clip(grey + factor * (images - grey), -1, 1)


def test_a_signal_that_is_hidden_must_be_enlarged(sprites):
    model = Cheat(CycleGANConfig(width=4, blocks=1), rng())
    history = History({"step": range(100), "d_loss": np.ones(100)})
    pair = sprites[:100], sprites[100:]
    found = tg.diagnose(model, pair, history)
    assert found.name == "hidden information"
    Cheat.part, old = 1.0, Cheat.part
    try:
        assert verdict(model, pair, history) == "healthy"
    finally:
        Cheat.part = old


def test_a_diagnosis_changes_nothing(sprites):
    """Not a bit: a training with the live line goes on as one without."""
    for model, images in (
            (GAN(GANConfig(width=4)), sprites),
            (VAE(VAEConfig(width=4, latent=8)), sprites),
            (CycleGAN(CycleGANConfig(width=4, blocks=1)),
             (sprites, sprites))):
        before = {k: v.copy() for k, v in tg.state(model).items()}
        tg.diagnose(model, images, told())
        after = tg.state(model)
        assert all(np.array_equal(before[k], after[k]) for k in before)


def test_models_with_classes(sprites):
    labels = np.arange(len(sprites)) % 8
    assert tg.diagnose(GAN(GANConfig(width=4, classes=8)), sprites, told(),
                       labels)
    found = tg.diagnose(VAE(VAEConfig(width=4, latent=4, classes=8)),
                        sprites, told(), labels)
    assert "nats" in found.findings[0].evidence


# ---- what it says, and where -----------------------------------------------


def headings(name):
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text(
        encoding="utf-8"))["cells"]
    lines = "\n".join("".join(c["source"]) for c in cells
                      if c["cell_type"] == "markdown").splitlines()
    return {line.lstrip("# ") for line in lines if line.startswith("#")}


@pytest.mark.parametrize("name", diagnosis.KNOWN)
def test_each_names_a_remedy_and_a_section_that_exists(name):
    finding = diagnosis.Finding(name, "Numbers.")
    file, section = finding.chapter
    assert section in headings(file)
    assert finding.remedy in str(finding) and section in str(finding)


def test_too_few_steps_and_unknown_models(sprites):
    with pytest.raises(ValueError, match="59 steps are too few.*at least 60"):
        tg.diagnose(GAN(GANConfig(width=4)), sprites, told(steps=59))
    assert tg.diagnose(GAN(GANConfig(width=4)), sprites, told(steps=60))
    toy = GAN(GANConfig(width=4))
    toy.name = "toy"
    with pytest.raises(ValueError, match="no rules for a 'toy', only for gan"):
        tg.diagnose(toy, sprites, told())


@pytest.fixture
def run(tmp_path, sprites):
    """The folder of a run of 60 steps."""
    tg.fit(VAE(VAEConfig(width=2, latent=4, channels=3)), sprites, 60,
           batch=4, out=tmp_path / "run", progress=False,
           note={"data": "sprites"})
    return tmp_path / "run"


def test_the_command_line(run, sprites, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(tg.data, "sprites", lambda *n, **k: (sprites, None))
    found = tg.diagnose(run, sprites)
    code = cli.main(["diagnose", str(run)])
    out = capsys.readouterr().out
    assert out == f"{found}\n" and code == int(found.name != "healthy")
    assert "Read: 04_2_vae" in out or "Read: 04_1_gan" in out
    assert cli.main(["diagnose", str(run), "--data", "sprites"]) == code


def test_the_command_line_refuses(run, sprites, capsys, monkeypatch,
                                  tmp_path):
    monkeypatch.setattr(tg.data, "sprites", lambda *n, **k: (sprites, None))

    def refused(*argv):
        assert cli.main(["diagnose", *map(str, argv)]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1, err
        return err

    assert "there is no checkpoint" in refused(tmp_path / "nothing")
    assert "there is no checkpoint" in refused(tmp_path)
    assert "not a folder of images" in refused(run, "--data", "moons")
    quiet = tmp_path / "quiet"
    tg.fit(VAE(VAEConfig(width=2, latent=4)), sprites, 3, batch=4, out=quiet,
           progress=False)
    assert "with --data" in refused(quiet)
    assert "3 steps are too few" in refused(quiet, "--data", "sprites")
    weights = tmp_path / "weights.safetensors"
    tg.training.save_sampler(weights, VAE(VAEConfig(width=2, latent=4)),
                             "networks", data="sprites")
    assert "weights" in refused(weights)


def test_the_progress_line_has_the_verdict(sprites, capsys, monkeypatch):
    """Every 200 steps; and the training is the same to the bit."""
    monkeypatch.setattr(tg.training, "LOOK_EVERY", 60)
    ends = []
    for progress in (True, False):
        model = GAN(GANConfig(width=2), rng())
        tg.fit(model, sprites, 65, batch=4, progress=progress)
        ends.append(tg.state(model))
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert any(name in line for name in diagnosis.KNOWN), line
    assert all(np.array_equal(ends[0][k], ends[1][k]) for k in ends[0])


# ---- the stored table ------------------------------------------------------

JUDGED = [row for row in TABLE if row["used"] == "judging"]


def test_the_table_says_what_was_done():
    for row in TABLE:
        assert row["truth"] in diagnosis.KNOWN
        assert row["verdict"] in diagnosis.KNOWN
        assert row["evidence"] and row["steps"] >= diagnosis.FEWEST
    keys = [(r["run"], r["data"], r["seed"]) for r in TABLE]
    assert len(set(keys)) == len(keys)
    # no rule was judged on a seed that had served to change it
    before = {(r["truth"], r["seed"]) for r in TABLE
              if r["used"] != "judging"}
    assert before.isdisjoint((r["truth"], r["seed"]) for r in JUDGED)


def test_ten_healthy_runs_without_an_alarm():
    healthy = [r["verdict"] for r in JUDGED if r["truth"] == "healthy"]
    assert healthy.count("healthy") >= 10


def test_three_of_each_disease_and_four_in_five_named_rightly():
    ill = [r for r in JUDGED if r["truth"] != "healthy"]
    counts = Counter(r["truth"] for r in ill)
    assert set(counts) == DISEASES and min(counts.values()) >= 3
    right = sum(r["verdict"] == r["truth"] for r in ill)
    assert right / len(ill) >= 0.8
    assert sum(r["verdict"] == r["truth"] for r in JUDGED) / len(
        JUDGED) >= 0.8
