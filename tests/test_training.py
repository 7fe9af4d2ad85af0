import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygen as tg
from tinygen import checkpoint, training
from tinygen.models import GAN, GANConfig
from tinygen.training import History, fit


@dataclasses.dataclass
class ToyConfig:
    width: int = 5


class Toy:
    """The protocol that fit() trains, without a network: w follows the mean
    of the images, plus noise."""

    name = "toy"

    def __init__(self, config=None):
        self.config = config or ToyConfig()
        self.w = tg.Tensor(np.zeros((self.config.width, 3), np.float32))
        self.moments = np.zeros(3)
        self.fail_at, self.steps = {}, 0

    def step(self, x, rng):
        self.steps += 1
        if self.steps in self.fail_at:
            return self.fail_at[self.steps](self)
        target = x.mean(axis=(0, 1, 2))
        self.moments += rng.standard_normal(3)
        noise = rng.standard_normal(self.w.shape).astype(np.float32)
        self.w.assign(0.9 * self.w.data + 0.1 * target + 0.01 * noise)
        return {"d_loss": float(np.abs(self.w.data - target).mean()),
                "d_real": 0.5}

    def sample(self, n, rng):
        colours = rng.choice(self.w.data, n)[:, None, None, :]
        return np.clip(np.broadcast_to(colours, (n, 4, 4, 3)), -1, 1)


def images(n=50):
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(n, 4, 4, 3), dtype=np.uint8)


def train(toy, steps, **options):
    return fit(toy, images(), steps, batch=8, progress=False, **options)


def same(first, second):
    """Equal to the bit: states, and histories without the clock."""
    one, two = tg.state(first), tg.state(second)
    return one.keys() == two.keys() and all(
        np.array_equal(one[k], two[k]) for k in one)


# ---- the history -----------------------------------------------------------


def test_history_is_columns_that_survive_a_csv_file(tmp_path):
    history = History()
    assert len(history) == 0 and list(history) == []
    for k in range(5):
        history.append({"step": k + 1, "d_loss": 1 / (k + 3)})
    assert len(history) == 5 and list(history) == ["step", "d_loss"]
    assert np.array_equal(history["d_loss"], 1 / np.arange(3, 8))
    history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().startswith("step,d_loss\n1,0.33")
    again = History.from_csv(tmp_path / "h.csv")
    assert again.columns == history.columns
    History({"a": []}).to_csv(tmp_path / "e.csv")
    assert History.from_csv(tmp_path / "e.csv").columns == {"a": []}


def test_history_names_what_it_lacks():
    with pytest.raises(KeyError, match="no column 'g_loss', only d_loss"):
        History({"d_loss": [1]})["g_loss"]
    history = History()
    history.append({"a": 1})
    with pytest.raises(ValueError, match="has b; the rows before it a"):
        history.append({"b": 1})


# ---- a training ------------------------------------------------------------


def test_fit_returns_the_history_and_reports_each_step():
    seen = []
    history = train(Toy(), 6, report=lambda step, row: seen.append(
        (step, row["d_loss"])))
    assert list(history) == ["step", "d_loss", "d_real"]
    assert history["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert seen == list(zip(history["step"], history["d_loss"]))


def test_the_seed_decides_everything():
    toys = [Toy() for _ in range(3)]
    for toy, seed in zip(toys, (1, 1, 2)):
        train(toy, 10, seed=seed)
    assert same(toys[0], toys[1]) and not same(toys[0], toys[2])


@pytest.mark.parametrize("seed", ["x", -1, 1.5, None, [1]])
def test_a_seed_is_a_whole_number(tmp_path, seed):
    with pytest.raises(ValueError, match=r"seed is .*; it must be a whole n"):
        train(Toy(), 1, seed=seed, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_numbers_of_numpy_are_stored_as_numbers(tmp_path):
    config = GANConfig(width=np.int64(1), size=np.int32(8),
                       lr=np.float32(1e-4))
    pictures = np.zeros((8, 8, 8, 3), np.uint8)
    for steps in (1, 2):
        fit(GAN(config), pictures, steps, batch=np.int64(4), out=tmp_path,
            seed=np.int64(3), resume=steps == 2, progress=False)


def test_a_run_leaves_its_files(tmp_path):
    out = tmp_path / "deep" / "run"
    history = train(Toy(), 25, out=out, sample_every=10, checkpoint_every=7)
    names = sorted(str(p.relative_to(out)) for p in out.rglob("*"))
    samples = [f"{step:06}.png" for step in (0, 10, 20, 25)]
    assert names == ["checkpoint.safetensors", "history.csv", "samples",
                     *(str(Path("samples", s)) for s in samples)]
    saved = History.from_csv(out / "history.csv")
    assert saved.columns == history.columns
    with Image.open(out / "samples" / "000025.png") as grid:
        assert grid.size == (8 * 5 * 2 - 2, 8 * 5 * 2 - 2)


def test_sampling_does_not_disturb_the_training(tmp_path):
    watched, alone = Toy(), Toy()
    train(watched, 12, out=tmp_path, sample_every=1, checkpoint_every=1)
    train(alone, 12)
    assert same(watched, alone)


def test_progress_shows_the_losses(capfd, monkeypatch):
    monkeypatch.delenv("TINYGEN_PROGRESS", raising=False)
    fit(Toy(), images(), 3, batch=8)
    assert "3/3 steps  d_loss 0.0" in capfd.readouterr().err
    train(Toy(), 3)
    assert capfd.readouterr() == ("", "")


# ---- stop and go on --------------------------------------------------------


@pytest.mark.parametrize("stop", [0, 1, 6, 13, 19])
def test_resume_continues_to_the_bit(tmp_path, stop):
    straight, first, second = Toy(), Toy(), Toy()
    whole = train(straight, 20, out=tmp_path / "a", checkpoint_every=7)
    train(first, stop, out=tmp_path / "b", checkpoint_every=7, seed=0)
    parts = train(second, 20, out=tmp_path / "b", resume=True)
    assert same(straight, second)
    assert whole.columns == parts.columns
    arrays, meta = checkpoint.load(tmp_path / "a" / training.CHECKPOINT)
    others, other = checkpoint.load(tmp_path / "b" / training.CHECKPOINT)
    assert all(np.array_equal(arrays[k], others[k]) for k in arrays)
    for key in meta.keys() - {"seconds"}:
        assert meta[key] == other[key]
    a, b = (tmp_path / x / "samples" / "000020.png" for x in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    train(Toy(), 9, out=tmp_path)
    before = (tmp_path / training.CHECKPOINT).read_bytes()
    history = train(Toy(), 9, out=tmp_path, resume=True)
    assert len(history) == 9
    assert (tmp_path / training.CHECKPOINT).read_bytes() == before


def test_notes_are_kept(tmp_path):
    train(Toy(), 2, out=tmp_path, note={"data": "toys"})
    train(Toy(), 3, out=tmp_path, note={"more": 1}, resume=True)
    _, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert meta["note"] == {"data": "toys", "more": 1}
    assert meta["step"] == 3 and meta["seconds"] > 0


def press_ctrl_c(step, at):
    if step == at:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_finishes_the_step_saves_and_says_how_to_resume(tmp_path):
    straight, stopped, resumed = Toy(), Toy(), Toy()
    train(straight, 20)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(stopped, 20, out=tmp_path,
              report=lambda step, row: press_ctrl_c(step, 11))
    assert "after step 11 of 20" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "resume=True" in str(caught.value)
    assert signal.getsignal(signal.SIGINT) is before
    train(resumed, 20, out=tmp_path, resume=True)
    assert same(straight, resumed)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_inside_a_step_and_twice(tmp_path):
    def once(toy):
        os.kill(os.getpid(), signal.SIGINT)
        return {"d_loss": 0.0, "d_real": 0.0}

    def twice(toy):
        once(toy)
        return once(toy)

    for press, words in ((once, "after step 4 of 20"), (
            twice, "at once, without saving; the last .* of step 3$")):
        toy = Toy()
        toy.fail_at = {4: press}
        with pytest.raises(KeyboardInterrupt, match=words):
            train(toy, 20, out=tmp_path / press.__name__, checkpoint_every=3)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_polite_kill_saves_as_ctrl_c_does(tmp_path):
    def kill(step, row):
        if step == 11:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="after step 11 of 20 and s"):
        train(Toy(), 20, out=tmp_path, report=kill)
    assert signal.getsignal(signal.SIGTERM) is before
    _, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert meta["step"] == 11


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_ctrl_c_that_is_ignored_stays_ignored():
    """In the background of a script it is meant for another process."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert len(train(Toy(), 5, report=lambda step, row: press_ctrl_c(
            step, 3))) == 5
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_grid_that_a_killed_run_did_not_draw_is_drawn(tmp_path):
    """The checkpoint of a step is there before its grid."""
    for stop in (10, 13):
        out = tmp_path / str(stop)
        train(Toy(), stop, out=out, sample_every=5)
        grid = out / "samples" / f"{stop:06}.png"
        want = grid.read_bytes()
        grid.unlink()
        train(Toy(), stop, out=out, sample_every=5, resume=True)
        assert grid.read_bytes() == want


def test_ctrl_c_without_a_folder_says_that_nothing_was_saved():
    with pytest.raises(KeyboardInterrupt, match="nothing was saved"):
        train(Toy(), 20, report=lambda step, row: press_ctrl_c(step, 3))


def test_fit_in_another_thread_leaves_the_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    done = []
    thread = threading.Thread(target=lambda: done.append(train(Toy(), 3)))
    thread.start()
    thread.join()
    assert len(done[0]) == 3 and signal.getsignal(signal.SIGINT) is before


KILLED = """
    import sys, time
    sys.path.insert(0, {folder!r})
    from test_training import Toy, fit, images
    fit(Toy(), images(), 100_000, batch=8, out=sys.argv[1], progress=False,
        sample_every=50, checkpoint_every=3,
        report=lambda step, row: step == 1 and print("going", flush=True))
"""


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2, 0.4, 0.7, 1.1])
def test_a_killed_run_resumes_to_the_bit(tmp_path, seconds):
    code = textwrap.dedent(KILLED.format(folder=str(Path(__file__).parent)))
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "going\n"
    time.sleep(seconds)
    process.kill()
    process.communicate()
    _, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    steps = meta["step"] + 20
    straight, resumed = Toy(), Toy()
    whole = train(straight, steps)
    parts = train(resumed, steps, out=tmp_path, resume=True)
    assert same(straight, resumed) and whole.columns == parts.columns
    assert not [p for p in tmp_path.rglob("*") if ".part" in p.name]


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("name, kernels", [("gan", "numba"),
                                           ("cyclegan", "plain")])
def test_real_models_killed_also_while_they_write(name, kernels, root):
    """3 kills of the 22 that reliability/kill_resume.py makes."""
    sys.path.insert(0, str(root / "tests" / "reliability"))
    try:
        from kill_resume import differences
    finally:
        del sys.path[0]
    assert differences(name, kernels, kills=3, seed=1) == set()


def gan_run(out, steps, resume=False):
    model = tg.models.GAN(tg.models.GANConfig(width=4))
    sprites, _ = tg.data.sprites(60, rng=1)
    history = fit(model, sprites, steps, batch=8, out=out, resume=resume,
                  progress=False)
    return model, history


def test_a_gan_resumes_to_the_bit(tmp_path):
    straight, whole = gan_run(None, 6)
    gan_run(tmp_path, 4)
    resumed, parts = gan_run(tmp_path, 6, resume=True)
    assert same(straight, resumed) and whole.columns == parts.columns


def labelled_run(model, out, steps, resume=False, labels=None):
    sprites, right = tg.data.sprites(30, rng=1, size=8)
    history = fit(model, sprites, steps, batch=8, out=out, resume=resume,
                  progress=False, labels=right if labels is None else labels)
    return model, history


CONDITIONAL = {
    "gan": {"classes": 8, "average": 0.9, "spectral": True, "noise": 3},
    "vae": {"classes": 8, "latent": 3}}


@pytest.mark.parametrize("name", CONDITIONAL)
def test_labels_and_the_average_resume_to_the_bit(tmp_path, name):
    settings = CONDITIONAL[name] | {"size": 8, "width": 2}
    one, two, three = (tg.models.build(name, settings) for _ in range(3))
    straight, whole = labelled_run(one, None, 6)
    labelled_run(two, tmp_path, 4)
    resumed, parts = labelled_run(three, tmp_path, 6, resume=True)
    assert same(straight, resumed) and whole.columns == parts.columns
    sprites, labels = tg.data.sprites(30, rng=1, size=8)
    for other, words in ((1 - labels % 2, "labels="), (labels[:9], "labels")):
        with pytest.raises(ValueError, match=words):
            labelled_run(three, tmp_path, 7, resume=True, labels=other)
    with pytest.raises(ValueError, match="has 8 classes: give labels"):
        fit(three, sprites, 7, batch=8, out=tmp_path, resume=True)


def test_each_image_comes_with_its_label():
    class Watch(Toy):
        def step(self, x, rng, labels):
            assert (tg.data.to_uint8(x)[:, 0, 0, 0] == labels).all()
            return super().step(x, rng)

    @dataclasses.dataclass
    class Config(ToyConfig):
        classes: int = 50

    marked = images()
    marked[:, 0, 0, 0] = np.arange(50)
    fit(Watch(Config()), marked, 20, batch=8, progress=False,
        labels=np.arange(50))


def test_a_run_from_before_there_were_labels_goes_on(tmp_path):
    """Its file lacks the settings that came later: they are the defaults."""
    straight, _ = gan_run(None, 6)
    gan_run(tmp_path, 4)
    path = tmp_path / training.CHECKPOINT
    arrays, meta = checkpoint.load(path)
    for key in ("classes", "average", "spectral"):
        del meta["config"][key]
    checkpoint.save(path, arrays, meta)
    assert training.load_model(path)[0].config == straight.config
    resumed, _ = gan_run(tmp_path, 6, resume=True)
    assert same(straight, resumed)


# ---- what goes wrong -------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_stops_the_training(tmp_path, bad):
    toy = Toy()
    toy.fail_at = {14: lambda toy: {"d_loss": bad, "d_real": 0.5}}
    with pytest.raises(FloatingPointError, match="step 14: d_loss is") as e:
        train(toy, 20, out=tmp_path, checkpoint_every=5)
    assert f"{tmp_path / training.CHECKPOINT}, is of step 10" in str(e.value)
    resumed, straight = Toy(), Toy()
    train(resumed, 20, out=tmp_path, resume=True)
    train(straight, 20)
    assert same(resumed, straight)


def test_an_error_inside_a_step_learns_the_step(tmp_path):
    def log_of_zero(toy):
        raise FloatingPointError("log gives -inf")

    toy = Toy()
    toy.fail_at = {3: log_of_zero}
    with pytest.raises(FloatingPointError,
                       match="step 3: log gives -inf; nothing was saved"):
        train(toy, 20)


def test_a_step_that_cannot_be_done_again_is_still_named():
    def ended(toy):
        raise ValueError("the schedule ends after step 3")

    toy = Toy()
    toy.fail_at = {3: lambda toy: {"d_loss": np.nan}, 4: ended}
    with pytest.raises(FloatingPointError, match="step 3: d_loss is nan; no"):
        train(toy, 20)


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    def poison(toy):
        toy.w.assign(np.full_like(toy.w.data, np.nan))
        return {"d_loss": 0.1, "d_real": 0.5}

    toy = Toy()
    toy.fail_at = {10: poison}
    with pytest.raises(FloatingPointError, match="step 10: model.w holds"):
        train(toy, 20, out=tmp_path, sample_every=100, checkpoint_every=5)
    _, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert meta["step"] == 5


NETWORK = {"gan": lambda model: model.g, "vae": lambda model: model.decoder,
           "cyclegan": lambda model: model.ba}


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_poisoned_weights_stop_the_training_and_are_named(
        tmp_path, name, bad):
    model = tg.models.build(name, {"size": 8, "width": 2})
    path, weight = list(tg.parameters(NETWORK[name](model)).items())[0]

    def poison(step, row):
        if step == 5:
            weight.data.flat[0] = bad

    sprites, _ = tg.data.sprites(60, rng=1, size=8)
    with pytest.raises(FloatingPointError, match=(
            "step 6: .* gave (nan|-?inf) at .*NaN or infinite already in 1 "
            "of .*.py, line .*is of step 4; the same run.*smaller")) as e:
        fit(model, (sprites[:30], sprites[30:]) if name == "cyclegan" else
            sprites, 20, batch=8, out=tmp_path, checkpoint_every=4,
            progress=False, report=poison)
    assert f"{path} {weight.shape}" in str(e.value)
    arrays, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert meta["step"] == 4
    assert all(np.isfinite(a).all() for a in arrays.values())


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize("lr", [1e15, 1e30, 1e39])
def test_an_absurd_learning_rate_stops_at_once(tmp_path, name, lr):
    model = tg.models.build(name, {"size": 8, "width": 2, "lr": lr})
    sprites, _ = tg.data.sprites(60, rng=1, size=8)
    with pytest.raises(FloatingPointError, match=(
            r"step [1-4]: .*is of step [0-3]; .*smaller learning rate")):
        fit(model, (sprites[:30], sprites[30:]) if name == "cyclegan" else
            sprites, 20, batch=8, out=tmp_path, checkpoint_every=1,
            progress=False)
    arrays, _ = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert all(np.isfinite(a).all() for a in arrays.values())


class Root(Toy):
    """A root whose slope is infinite at some noise: the loss is a number."""

    def __init__(self):
        super().__init__()
        self.opt = tg.SGD({"w": self.w}, 0.1)

    def step(self, x, rng):
        noise = rng.standard_normal(self.w.shape).astype(np.float32)
        self.opt.step([noise])
        far = float(noise[0, 0] < 1)
        loss = tg.sqrt((self.w * far) ** 2).mean()
        self.opt.step(tg.grad(loss, [self.w]))
        return {"loss": loss.item()}


def test_a_gradient_that_is_no_number_never_reaches_the_weights(tmp_path):
    toy, before = Root(), []
    with np.errstate(all="ignore"), pytest.raises(
            FloatingPointError, match=(
                "^step 13: the gradient for w reaches nan: in the gradient of "
                "sqrt: divide gave (nan|inf) at .*, from a .*, b .*; test_tra"
                r"ining.py, line \d+: loss = tg.sqrt.*is of step 12; ")):
        train(toy, 99, out=tmp_path, checkpoint_every=1,
              report=lambda step, row: before.append(toy.w.data.copy()))
    assert len(before) == 12 and np.isfinite(toy.w.data).all()


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    save = checkpoint.save

    def full(path, arrays, meta):
        if meta["step"] == 6:
            raise OSError(28, "No space left on device")
        save(path, arrays, meta)

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(OSError, match="step 6 could.*No space.*of step 3"):
        train(Toy(), 20, out=tmp_path, checkpoint_every=3)
    _, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert meta["step"] == 3


def test_a_disk_too_full_for_samples_loses_no_step(tmp_path, monkeypatch):
    def full(images, path):
        if path.stem == "000007":
            raise OSError("No space left on device")

    monkeypatch.setattr(training, "save_grid", full)
    with pytest.raises(OSError, match="samples of step 7 .*No space.*step 7"):
        train(Toy(), 20, out=tmp_path, sample_every=7)
    _, meta = checkpoint.load(tmp_path / training.CHECKPOINT)
    assert meta["step"] == 7


def test_an_existing_run_is_not_overwritten(tmp_path):
    train(Toy(), 3, out=tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}
    with pytest.raises(FileExistsError, match="holds a run already"):
        train(Toy(), 3, out=tmp_path)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}


@pytest.mark.parametrize("options, words", [
    ({"steps": -1}, "steps is -1; .* whole number from 0"),
    ({"steps": 1.5}, "steps is 1.5"), ({"steps": "3"}, "steps is '3'"),
    ({"sample_every": 0}, "sample_every is 0; .* whole number from 1"),
    ({"checkpoint_every": 0}, "checkpoint_every is 0"),
    ({"checkpoint_every": None}, "checkpoint_every is None")])
def test_numbers_that_cannot_be(options, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        train(Toy(), **{"steps": 3, "out": tmp_path / "run"} | options)
    assert not (tmp_path / "run").exists()


def test_a_run_that_failed_at_once_may_be_started_again(tmp_path):
    toy = Toy()
    toy.fail_at = {1: lambda toy: {"d_loss": np.nan}}
    with pytest.raises(FloatingPointError, match="step 1"):
        train(toy, 3, out=tmp_path)
    assert len(train(Toy(), 3, out=tmp_path)) == 3


def test_a_folder_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    toy = Toy()
    with pytest.raises(OSError, match="cannot write to the folder"):
        train(toy, 3, out=tmp_path / "file" / "run")
    assert toy.steps == 0


def test_resume_without_a_run(tmp_path):
    for out in (None, tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match="no run to resume"):
            train(Toy(), 3, out=out, resume=True)
    assert not list(tmp_path.iterdir())


def other_width(out):
    train(Toy(ToyConfig(width=6)), 5, out=out, resume=True)


def other_model(out):
    toy = Toy()
    toy.name = "vae"
    train(toy, 5, out=out, resume=True)


def other_images(out):
    fit(Toy(), images()[::-1], 5, batch=8, out=out, resume=True)


def other_batch(out):
    fit(Toy(), images(), 5, batch=9, out=out, resume=True)


def other_seed(out):
    train(Toy(), 5, out=out, resume=True, seed=3)


def other_shape(out):
    toy = Toy()
    toy.w = tg.Tensor(np.zeros((5, 4), np.float32))
    train(toy, 5, out=out, resume=True)


def cut_short(out):
    path = out / training.CHECKPOINT
    path.write_bytes(path.read_bytes()[:-7])
    train(Toy(), 5, out=out, resume=True)


def without(name):
    def resume(out):
        path = out / training.CHECKPOINT
        arrays, meta = checkpoint.load(path)
        del meta[name]
        checkpoint.save(path, arrays, meta)
        train(Toy(), 5, out=out, resume=True)
    return resume


def other_place(out):
    path = out / training.CHECKPOINT
    arrays, meta = checkpoint.load(path)
    checkpoint.save(path, arrays, meta | {"batches": {"position": 3}})
    train(Toy(), 5, out=out, resume=True)


def weights_only(out):
    (out / training.CHECKPOINT).unlink()
    checkpoint.save(out / training.CHECKPOINT, {"w": np.zeros(1)},
                    {"model": "toy", "config": {"width": 5}})
    train(Toy(), 5, out=out, resume=True)


@pytest.mark.parametrize(("resume", "words"), [
    (other_width, "width=5.*width=6"), (other_model, "'toy' model"),
    (other_images, "images="), (other_batch, "batch=8.*batch=9"),
    (other_seed, "seed=0.*seed=3"), (cut_short, "cut short"),
    (other_shape, r"safetensors: load_state: w .*\(5, 3\)"),
    (weights_only, "weights only"), (other_place, "cannot be resumed"),
    *[(without(name), f"cannot be resumed.*{name}.*start another run")
      for name in ("step", "rng", "columns", "batches", "note")],
])
def test_resume_refuses_another_run(tmp_path, resume, words):
    train(Toy(), 3, out=tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        resume(tmp_path)
    assert str(tmp_path) in str(caught.value)


# ---- a spoilt checkpoint, a full disk, a folder one may only read ----------


def refused_and_left(out, words="."):
    """Neither a resume nor a new run changes anything in the folder."""
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    for resume in (True, False):
        with pytest.raises((ValueError, FileExistsError),
                           match=words if resume else ".") as caught:
            train(Toy(), 9, out=out, resume=resume)
        said = str(caught.value)
        assert str(out) in said and "\n" not in said, said
    assert before == {p: p.read_bytes() for p in out.rglob("*")
                      if p.is_file()}


def test_a_checkpoint_cut_at_every_percent_is_refused(tmp_path):
    train(Toy(), 5, out=tmp_path)
    path = tmp_path / training.CHECKPOINT
    whole = path.read_bytes()
    for percent in range(100):
        path.write_bytes(whole[:len(whole) * percent // 100])
        refused_and_left(tmp_path, "is cut short or no checkpoint")
    path.write_bytes(whole)
    train(Toy(), 9, out=tmp_path, resume=True)


def test_a_checkpoint_with_flipped_bytes_is_refused(tmp_path):
    """50 times in the length of the header, in the header, in the numbers;
    1 to 4 bytes each time."""
    train(Toy(), 5, out=tmp_path)
    path = tmp_path / training.CHECKPOINT
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    for k in range(150):
        low, high = [(0, 8), (8, header), (header, len(whole))][k % 3]
        data = bytearray(whole)
        for at in rng.integers(low, high, 1 + k % 4):
            data[at] ^= rng.integers(1, 256)
        if data != whole:
            path.write_bytes(data)
            refused_and_left(tmp_path)


@pytest.mark.parametrize("name", tg.models.REGISTRY)
def test_a_damaged_run_of_each_model(tmp_path, name):
    """Cut, flipped, newer, of another width: a sentence, and no change."""
    def go_on(width=2, resume=True):
        model = tg.models.build(name, {"size": 8, "width": width})
        some = tg.data.sprites(20, rng=0, size=8)[0]
        fit(model, (some, some) if name == "cyclegan" else some, 2, batch=4,
            out=tmp_path, resume=resume, progress=False)

    go_on(resume=False)
    path = tmp_path / training.CHECKPOINT
    whole = path.read_bytes()
    turned = bytearray(whole)
    turned[-100] ^= 4
    newer = whole.replace(b'format\\": 2', b'format\\": 3')
    assert newer != whole
    for data, width, words in (
            (whole[:-1000], 2, "is cut short"), (turned, 2, "is damaged"),
            (newer, 2, "format 3, this tinygen reads up to 2: install"),
            (whole, 3, "width=2.*width=3.*build the model with")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=words) as caught:
            go_on(width)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == data
    go_on()


FULL = """
    import sys
    sys.path.insert(0, {folder!r})
    from test_training import Toy, ToyConfig, fit, images
    try:
        fit(Toy(ToyConfig(width=500)), images(), 2000, batch=8,
            out=sys.argv[1], sample_every=1, checkpoint_every=10,
            progress=False)
    except OSError as error:
        print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.getuid(),
                    reason="only root mounts a small disk")
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k",
                            "tmpfs", disk], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"mount: {mount.stderr}")
    code = textwrap.dedent(FULL.format(folder=str(Path(__file__).parent)))
    try:
        done = subprocess.run([sys.executable, "-c", code, disk / "run"],
                              capture_output=True, text=True, timeout=120)
        said = done.stdout
        assert done.returncode == 0 and said.count("\n") == 1, done.stderr
        assert "No space left on device" in said and "make room" in said
        _, meta = checkpoint.load(disk / "run" / training.CHECKPOINT)
        assert f"is of step {meta['step']}" in said and meta["step"] > 0
        assert not list(disk.rglob("*.part*"))
        for grid in (disk / "run" / "samples").iterdir():
            grid.unlink()       # room is made
        straight, resumed = (Toy(ToyConfig(width=500)) for _ in range(2))
        steps = meta["step"] + 5
        train(straight, steps)
        train(resumed, steps, out=disk / "run", resume=True)
        assert same(straight, resumed)
    finally:
        subprocess.run(["umount", disk], check=True)


READ_ONLY = """
    import os, sys
    sys.path.insert(0, {folder!r})
    from test_training import Toy, train
    train(Toy(), 5, out="run")
    for name in ("run/samples", "run", "."):
        os.chmod(name, 0o555)
    if os.getuid() == 0:
        os.setuid(65534)
    for out, resume in (("run", True), ("run", False), ("new", False)):
        try:
            train(Toy(), 9, out=out, resume=resume)
        except OSError as error:
            print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX modes")
def test_a_folder_one_may_only_read(tmp_path):
    code = textwrap.dedent(READ_ONLY.format(folder=str(
        Path(__file__).parent)))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path,
                          capture_output=True, text=True, timeout=120)
    for folder in (tmp_path, *(p for p in tmp_path.rglob("*")
                               if p.is_dir())):
        folder.chmod(0o755)
    first, second, third = done.stdout.splitlines()
    assert "cannot write to the folder run/samples (Permission" in first
    assert "run holds a run already" in second
    assert "cannot write to the folder new/samples (Permission" in third
    _, meta = checkpoint.load(tmp_path / "run" / training.CHECKPOINT)
    assert meta["step"] == 5


def test_out_without_a_name():
    with pytest.raises(ValueError, match='out is "": name a folder'):
        train(Toy(), 3, out="")


# ---- models from files -----------------------------------------------------


def test_load_model_from_a_run_and_from_sampling_weights(tmp_path):
    model, _ = gan_run(tmp_path, 2)
    loaded, meta = training.load_model(tmp_path / training.CHECKPOINT)
    assert same(model, loaded) and meta["step"] == 2
    small = tmp_path / "gan.safetensors"
    training.save_sampler(small, model, "g", command="train gan", seconds=3)
    sampler, meta = training.load_model(small)
    assert meta["note"] == {"command": "train gan", "seconds": 3}
    a, b = (m.sample(4, np.random.default_rng(1)) for m in (model, sampler))
    assert np.abs(a - b).max() < 0.02
    assert small.stat().st_size < 200_000


@pytest.mark.parametrize(("meta", "words"), [
    ({"model": "toy", "config": {}}, "no model is called 'toy'"),
    ({"model": "gan", "config": {"wide": 1}}, "do not fit a gan"),
    ({"model": "gan", "config": {}}, "missing"),
    ({"note": {}}, "no model is called None"),
    ({"model": "gan", "config": {}, "part": "h"}, "no part 'h'"),
    ({"model": "gan", "config": {"width": 10 ** 9}}, "GB of memory"),
])
def test_load_model_refuses_in_words(tmp_path, meta, words):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"w": np.zeros(1)}, meta)
    with pytest.raises(ValueError, match=words) as caught:
        training.load_model(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.long
def test_spoilt_files_are_refused_in_words(tmp_path):
    path = tmp_path / "gan.safetensors"
    model = tg.models.GAN(tg.models.GANConfig(width=4))
    training.save_sampler(path, model, "g")
    good = path.read_bytes()
    header = 8 + int.from_bytes(good[:8], "little")
    rng = np.random.default_rng(0)
    for k in range(1000):
        bad = bytearray(good)
        for _ in range(1 + k % 3):
            bad[rng.integers(header)] = rng.integers(256)
        path.write_bytes(bad[:rng.integers(len(bad))] if k % 5 == 0 else bad)
        try:
            training.load_model(path)
        except ValueError as error:
            assert str(error).startswith(str(path)), error
            assert "\n" not in str(error)


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    """Whose file description it is, not whose process, decides in Linux."""
    fcntl = pytest.importorskip("fcntl")
    train(Toy(), 1, out=tmp_path)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)   # fit has let it go
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}
    with pytest.raises(BlockingIOError, match="another Python is training"):
        train(Toy(), 2, out=tmp_path, resume=True)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}
    os.close(other)
    train(Toy(), 2, out=tmp_path, resume=True)


def test_a_training_that_ended_in_an_error_may_be_resumed_here(tmp_path):
    """The error, which a notebook keeps, holds the run and its lock."""
    fcntl = pytest.importorskip("fcntl")
    toy = Toy()
    toy.fail_at = {3: lambda toy: 1 / 0, 2: lambda toy: signal.raise_signal(
        signal.SIGINT) or {"d_loss": 0., "d_real": 0.}}
    with pytest.raises(KeyboardInterrupt) as kept:
        train(toy, 5, out=tmp_path)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)   # let go by then
    os.close(other)
    toy.steps = 2
    with pytest.raises(ZeroDivisionError) as again:
        train(toy, 5, out=tmp_path, resume=True)
    assert len(train(Toy(), 5, out=tmp_path, resume=True)) == 5
    assert kept and again


def test_the_files_of_others_stay(tmp_path):
    """Only what a killed run left behind in its own folder is removed."""
    theirs = tmp_path / "project" / ".thesis.partial.txt"
    theirs.parent.mkdir()
    theirs.write_text("chapter 1")
    (tmp_path / ".foo.parts").mkdir()
    ours = tmp_path / ".checkpoint.0a1b2c3d.part.safetensors"
    ours.write_bytes(b"half")
    tg.fit(Toy(), images(), 1, batch=4, out=tmp_path, progress=False)
    assert theirs.read_text() == "chapter 1"
    assert (tmp_path / ".foo.parts").is_dir() and not ours.exists()


@pytest.mark.parametrize("content", [
    b"", b"a,b\n1\n", b"a\nx\n", b"a\n\xff\n", b"a\n\0\n",
    b"a\n" + b"1" * 200_000 + b"\n", b"a\n1,2\n"])
def test_what_is_no_history_is_named(content, tmp_path):
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="csv is no history .") as caught:
        History.from_csv(path)
    assert "\n" not in str(caught.value)


def test_a_history_of_a_gigabyte_is_not_read(tmp_path, measured):
    with open(tmp_path / "history.csv", "wb") as file:
        file.truncate(10**9)
    said, megabytes = measured(
        "from tinygen.training import History",
        "History.from_csv(sys.argv[1])", tmp_path / "history.csv")
    assert "(more than 128 MB)" in said and megabytes < 50


def test_a_small_file_that_asks_for_a_huge_model(tmp_path, measured):
    path = tmp_path / "c.safetensors"
    tg.checkpoint.save(path, {"w": np.zeros(3, np.float32)}, {
        "model": "gan", "config": {"width": 4096, "size": 64}, "part": "g"})
    said, megabytes = measured("from tinygen import training",
                               "training.load_model(sys.argv[1])", path)
    assert said.startswith(f"ValueError {path}: ")
    assert "far more weights" in said or "of memory" in said
    assert megabytes < 200
