import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygen as tg
from tinygen import __main__ as cli
from tinygen import checkpoint, training

TINY = ["--width", "4", "--batch", "4"]


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """run("train", "gan", ...) -> (exit code, stdout, stderr), in an empty
    folder, with 30 sprites."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGEN_PROGRESS", "0")
    sprites = tg.data.sprites
    monkeypatch.setattr(tg.data, "sprites",
                        lambda n, rng, **style: sprites(30, rng=rng, **style))

    def run(*argv):
        code = cli.main([str(word) for word in argv])
        out, err = capfd.readouterr()
        return code, out, err.replace("compiling the kernels, once\n", "")

    return run


def refused(result, *words):
    """Exit code 2, and one line on stderr that has the words in it."""
    code, out, err = result
    assert code == 2 and out == ""
    assert err.startswith("tinygen: ") and err.count("\n") == 1, err
    for word in words:
        assert word in err, err


def test_names_that_the_terminal_cannot_print(tmp_path):
    (tmp_path / "\u00e9t\u00e9").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tinygen", "train", "gan", *TINY, "--steps",
         "1", "--out", "\u00e9t\u00e9/run"], cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii",
                          "TINYGEN_KERNELS": "plain"},
        stdout=-1, stderr=-1)
    assert done.returncode == 0, done.stderr
    assert rb"\xe9t\xe9/run: trained up to step 1" in done.stdout


def test_a_reader_of_our_output_who_has_enough(run, monkeypatch):
    """| head: no traceback, no complaint."""
    closed = []
    monkeypatch.setattr(cli.os, "dup2", lambda new, old: closed.append(old))

    def broken(*args, **named):
        raise BrokenPipeError(32, "Broken pipe")
    monkeypatch.setattr(cli, "sample", broken)
    assert run("sample", "x") == (2, "", "") and closed == [1]
    monkeypatch.setattr("builtins.print", broken)
    assert run("doctor") == (0, "", "") and closed == [1, 1]


@pytest.mark.parametrize("argv, words", [
    (["evaluate", "g", "--out"], "does not end in .html: call it "
     "checkpoint.html, say"),
    (["export", "g", "--onnx"], "is no name for an ONNX file: "
     "let it end in .onnx")])
def test_a_checkpoint_is_not_written_over(run, tmp_path, argv, words):
    run("train", "gan", *TINY, "--steps", 1, "--out", "g")
    path = tmp_path / "g" / "checkpoint.safetensors"
    before = path.read_bytes()
    refused(run(*argv, "g/checkpoint.safetensors"), words)
    assert path.read_bytes() == before


@pytest.mark.parametrize("model", ["gan", "vae"])
def test_a_class_is_asked_for(run, tmp_path, model):
    train = ["train", model, *TINY, "--out", "r"]
    assert run(*train, "--steps", 1, "--classes", 8)[0] == 0
    assert run(*train, "--steps", 2, "--resume")[0] == 0
    ask = ["sample", "r", "--n", 6]
    assert run(*ask, "--label", 3, "--out", "3.png")[0] == 0
    assert run(*ask, "--out", "turn.png")[0] == 0
    three, turn = (np.array(Image.open(f"{k}.png")) for k in (3, "turn"))
    assert three.shape == turn.shape and (three != turn).any()
    refused(run(*ask, "--label", 8), "0..7, got 8")
    refused(run(*train, "--steps", 3, "--resume", "--classes", 9),
            "classes 8, not 9")


def test_a_class_where_there_is_none(run, tmp_path):
    assert run("train", "gan", *TINY, "--steps", 1, "--out", "r")[0] == 0
    refused(run("sample", "r", "--label", 0), "without classes", "--label")
    refused(run("train", "cyclegan", "--classes", 2), "no --classes")
    (tmp_path / "a").mkdir()
    tg.data.save_grid(np.zeros((1, 8, 8, 3)), tmp_path / "a" / "1.png")
    refused(run("train", "gan", "--data", "a", "--batch", 1, "--classes", 2),
            "no labels")
    refused(run("train", "gan", *TINY, "--classes", 2), "0..1, got")


def test_train_then_sample(run, tmp_path):
    code, out, err = run("train", "gan", *TINY, "--steps", 2, "--loss",
                         "hinge", "--lr", 1e-3, "--seed", 5, "--critic-steps",
                         2)
    assert code == 0 and err == "" and "step 2" in out
    folder = tmp_path / "runs" / "gan-sprites"
    _, meta = checkpoint.load(folder / training.CHECKPOINT)
    assert meta["config"]["width"] == 4 and meta["config"]["lr"] == 1e-3
    assert meta["config"]["critic_steps"] == 2
    assert meta["config"]["loss"] == "hinge" and meta["config"]["size"] == 28
    assert meta["fixed"]["batch"] == 4 and meta["fixed"]["seed"] == 5
    assert meta["note"]["data"] == "sprites"
    assert meta["note"]["command"].startswith("python -m tinygen train gan")
    code, out, err = run("sample", folder, "--n", 6, "--out", "six.png")
    assert code == 0 and "six.png" in out
    with Image.open("six.png") as grid:
        assert grid.size == ((3 * 29 - 1) * 2, (2 * 29 - 1) * 2)
    first = Path("six.png").read_bytes()
    run("sample", folder / training.CHECKPOINT, "--n", 6, "--out", "six.png")
    assert Path("six.png").read_bytes() == first
    run("sample", folder, "--n", 6, "--out", "six.png", "--seed", 1)
    assert Path("six.png").read_bytes() != first


def weights(folder):
    arrays, meta = checkpoint.load(folder / training.CHECKPOINT)
    return arrays, meta["step"]


def test_resume_takes_the_settings_of_the_run(run, tmp_path):
    start = ["train", "gan", *TINY, "--loss", "hinge", "--seed", 3]
    run(*start, "--steps", 4, "--out", "a")
    run(*start, "--steps", 2, "--out", "b")
    code, out, err = run("train", "gan", "--resume", "--steps", 4, "--out",
                         "b")
    assert (code, err) == (0, "")
    one, two = (weights(tmp_path / x) for x in "ab")
    assert one[1] == two[1] == 4
    assert all(np.array_equal(one[0][k], two[0][k]) for k in one[0])
    _, meta = checkpoint.load(tmp_path / "b" / training.CHECKPOINT)
    assert meta["note"]["command"].endswith("--seed 3 --steps 2 --out b")
    again = ["train", "gan", "--resume", "--out", "b", "--steps", 4]
    assert run(*again, "--width", 4)[0] == 0
    refused(run(*again, "--width", 8), "width 4, not 8")
    refused(run(*again, "--data", "mnist"), "data sprites, not mnist")
    refused(run(*again, "--seed", 1), "seed 3, not 1")


def test_a_vae_trains_resumes_to_the_bit_and_samples(run, tmp_path):
    start = ["train", "vae", *TINY, "--latent", 3, "--beta", 0.5]
    assert run(*start, "--steps", 4, "--out", "a")[0] == 0
    assert run(*start, "--steps", 2, "--out", "b")[0] == 0
    code, _, err = run("train", "vae", "--resume", "--steps", 4, "--out", "b")
    assert (code, err) == (0, "")
    one, two = (weights(tmp_path / x)[0] for x in "ab")
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[k], two[k]) for k in one)
    _, meta = checkpoint.load(tmp_path / "a" / training.CHECKPOINT)
    assert (meta["model"], meta["config"]["latent"]) == ("vae", 3)
    assert meta["config"]["beta"] == 0.5 and meta["config"]["width"] == 4
    assert run("sample", "a", "--n", 6, "--out", "six.png")[0] == 0
    refused(run("train", "gan", "--resume", "--out", "a"), "vae", "gan")
    assert run("train", "vae", *TINY, "--network", "dense", "--decoder",
               "bernoulli", "--steps", 1, "--out", "c")[0] == 0
    refused(run("train", "vae", "--network", "deep"), "'deep'", "dense")
    refused(run("train", "vae", "--decoder", "cauchy"), "bernoulli")


def test_a_setting_of_another_model_is_refused(run):
    refused(run("train", "vae", "--loss", "hinge"), "a vae has no --loss")
    refused(run("train", "gan", "--beta", 2), "a gan has no --beta")
    refused(run("train", "vae", "--critic-steps", 2), "no --critic-steps")


def test_the_seed_reaches_the_networks(run, tmp_path):
    for seed in (0, 1):
        run("train", "gan", *TINY, "--steps", 1, "--seed", seed, "--out",
            f"s{seed}")
    zero, one = (weights(tmp_path / f"s{seed}")[0] for seed in (0, 1))
    name = next(k for k in zero if k.endswith("0.w"))
    assert np.abs(zero[name] - one[name]).max() > 0.01


def test_a_folder_of_images(run, tmp_path):
    (tmp_path / "faces").mkdir()
    for k, image in enumerate(tg.data.sprites(5, rng=0)[0]):
        Image.fromarray(image).save(tmp_path / "faces" / f"{k}.png")
    assert run("train", "gan", *TINY, "--steps", 1, "--data", "faces")[0] == 0
    assert (tmp_path / "runs" / "gan-faces" / "history.csv").exists()


CYCLE = ["train", "cyclegan", "--width", 2, "--blocks", 1, "--batch", 2]


def pictures(folder, n, size=28):
    """A folder of n pictures, all of which differ."""
    folder.mkdir()
    for k, image in enumerate(tg.data.sprites(n, rng=0)[0][:n]):
        Image.fromarray(image).resize((size, size)).save(folder / f"{k}.png")


def test_a_cyclegan_on_sprites(run, tmp_path):
    code, out, err = run(*CYCLE, "--steps", 2, "--cycle", 3, "--identity", 0,
                         "--pool", 4, "--lr", 1e-3)
    assert code == 0 and err == "" and "step 2" in out
    folder = tmp_path / "runs" / "cyclegan-sprites"
    _, meta = checkpoint.load(folder / training.CHECKPOINT)
    config = meta["config"]
    assert config["cycle"] == 3 and config["identity"] == 0
    assert config["pool"] == 4 and config["blocks"] == 1
    assert config["schedule"] == 2      # --steps
    assert [x["shape"] for x in meta["fixed"]["images"]] == [
        [30, 28, 28, 3]] * 2
    code, _, err = run("sample", folder, "--n", 6, "--out", "six.png")
    assert code == 0 and err == ""
    with Image.open("six.png") as grid:     # in even columns: x beside y
        assert grid.size == ((4 * 29 - 1) * 2, (2 * 29 - 1) * 2)


def test_a_cyclegan_resumes_to_the_bit(run, tmp_path):
    start = [*CYCLE, "--schedule", 4, "--pool", 3]
    run(*start, "--steps", 4, "--out", "a")
    run(*start, "--steps", 2, "--out", "b")
    again = ["train", "cyclegan", "--resume", "--out", "b", "--steps"]
    assert run(*again, 4)[0] == 0
    one, two = (weights(tmp_path / x) for x in "ab")
    assert one[1] == two[1] == 4
    assert all(np.array_equal(one[0][k], two[0][k]) for k in one[0])
    refused(run(*again, 5), "schedule ends after step 4", "--schedule")
    refused(run(*again, 4, "--pool", 5), "pool 3, not 5")


def test_a_cyclegan_on_two_folders_translates_a_third(run, tmp_path):
    for name in ("plain", "striped", "mine"):
        pictures(tmp_path / name, 5, size=40)
    start = [*CYCLE, "--steps", 1, "--data", "plain", "striped"]
    assert run(*start)[0] == 0
    folder = tmp_path / "runs" / "cyclegan-plain-striped"
    assert run("train", "cyclegan", "--resume", "--out", folder, "--steps",
               1)[0] == 0
    assert run("sample", folder, "--n", 4)[0] == 0
    (tmp_path / "mine" / "deep").mkdir()
    Image.new("RGB", (50, 30)).save(tmp_path / "mine" / "deep" / "x.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "mine" / "0.bmp")
    (tmp_path / "mine" / "bad.png").write_text("no image")
    translate = ["translate", folder, "mine", "--out"]
    code, out, err = run(*translate, "out", "--to", "b")
    assert code == 0 and "7 images in out" in out
    assert "bad.png" in err and err.count("\n") == 1
    names = sorted(str(p.relative_to("out")) for p in Path("out").rglob("*")
                   if p.is_file())
    assert names == sorted(["0.png", "0.png.png", "1.png", "2.png", "3.png",
                            "4.png", str(Path("deep", "x.png"))])
    model, _ = training.load_model(folder / training.CHECKPOINT)
    with Image.open(Path("out", "1.png")) as image:
        found = np.asarray(image)
    Path("mine", "bad.png").unlink()
    want = model.translate(tg.data.folder("mine"), "b")
    assert any((tg.data.to_uint8(x) == found).all() for x in want)
    run(*translate, "back", "--to", "a")
    assert (Path("back", "1.png").read_bytes()
            != Path("out", "1.png").read_bytes())
    refused(run(*translate, "mine", "--to", "b"), "holds the originals")


def test_errors_of_a_cyclegan(run, tmp_path):
    pictures(tmp_path / "one", 3)
    for data in (["one"], ["one", "two"], ["one", "one", "one"], ["mnist"]):
        refused(run(*CYCLE, "--data", *data), "not two folders", "emoji")
    refused(run("train", "gan", "--data", "one", "one"), "not a folder")
    refused(run(*CYCLE, "--loss", "hinge"), "a cyclegan has no --loss")
    refused(run("train", "gan", *TINY, "--pool", 3), "a gan has no --pool")
    refused(run(*CYCLE, "--cycle", -1), "cycle is -1.0")
    run("train", "gan", *TINY, "--steps", 1, "--out", "gan")
    to = ["--out", "out", "--to"]
    refused(run("translate", "gan", "one", *to, "b"), "a gan, which does not")
    run(*CYCLE, "--steps", 1, "--out", "cycle")
    refused(run("translate", "cycle", "nowhere", *to, "b"), "nowhere")
    refused(run("translate", "cycle", "one", *to, "c"), '"a" or "b"', "'c'")
    assert not (tmp_path / "out").exists()
    model = tg.models.CycleGAN(tg.models.CycleGANConfig(width=2))
    training.save_sampler("w.safetensors", model, "generators")
    refused(run("sample", "w.safetensors"), "does not say", "translate")


def test_mnist_has_one_channel(run, monkeypatch, tmp_path):
    digits = np.zeros((9, 28, 28, 1), np.uint8)
    monkeypatch.setattr(tg.data, "mnist", lambda: (digits, None))
    assert run("train", "gan", *TINY, "--steps", 1, "--data", "mnist",
               "--out", "m")[0] == 0
    _, meta = checkpoint.load(tmp_path / "m" / training.CHECKPOINT)
    assert meta["config"]["channels"] == 1


def test_images_that_are_not_there_are_named(run, tmp_path):
    pictures(tmp_path / "one", 3)
    refused(run(*CYCLE, "--data", "one", "two"), "one two is not two folders",
            "two is no folder")
    refused(run("train", "vae", "--data", "one", "one"), "one one is not a f")
    refused(run("train", "vae", "--data", "emoji"), "emoji are two sets",
            "cyclegan")
    refused(run("train", "vae", "--data", "one", "--batch", 4),
            "a batch of 4", "3 images", "--batch")
    pictures(tmp_path / "two", 4)
    refused(run("train", "cyclegan", "--batch", 4, "--data", "two", "one"),
            "set b: a batch of 4")


def test_a_run_of_another_model_is_named(run):
    run("train", "vae", *TINY, "--steps", 1, "--out", "v")
    refused(run(*CYCLE, "--resume", "--out", "v"), "v holds a vae",
            "train vae --resume", "another --out")
    refused(run(*CYCLE, "--out", "v"), "holds a run already", "(--resume)")


def test_too_little_memory_is_one_sentence(run, monkeypatch):
    def zeros(*args, **options):
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr(training, "fit", zeros)
    refused(run(*CYCLE), "too little memory (Unable", "--batch")


@pytest.mark.parametrize("argv, words", [
    (["gan", "--width", 10 ** 7], "width 10000000, classes 0"),
    (["gan", "--classes", 10 ** 12], "classes 1000000000000"),
    (["vae", "--width", 10 ** 7], "width 10000000"),
    (["vae", "--latent", 10 ** 23], "latent 1" + 23 * "0"),
    (["vae", "--network", "dense", "--latent", 10 ** 12], "hidden 200, lat"),
    (["cyclegan", "--blocks", 10 ** 11], "blocks 100000000000"),
    (["cyclegan", "--width", 10 ** 7], "width 10000000"),
    (["cyclegan", "--pool", 10 ** 12], "pool 1000000000000")])
def test_what_no_memory_holds_is_said_before_it_is_tried(run, argv, words):
    refused(run("train", *argv), words, " GB of memory", "smaller")


@pytest.mark.parametrize("argv", [[], ["--label", 0]])
@pytest.mark.parametrize("zeros", [8, 40, 400])
def test_more_images_than_any_memory_holds(run, argv, zeros):
    run("train", "gan", *TINY, "--steps", 1, "--out", "g", *(
        ["--classes", 8] if argv else []))
    for command in ("sample", "evaluate"):
        refused(run(command, "g", "--n", "1" + zeros * "0",
                    *argv * (command == "sample")), "GB of memory", "fewer")


def test_an_empty_name_is_not_the_current_folder(run, capfd):
    for argv in (["train", "gan", "--out", ""], ["train", "gan", "--data", ""],
                 ["sample", "a", "--out", " "], ["sample", ""],
                 ["translate", "a", "", "--out", "b", "--to", "b"]):
        with pytest.raises(SystemExit, match="2"):
            run(*argv)
        err = capfd.readouterr().err
        assert "the name is empty" in err and err.count("\n") == 1


def test_ctrl_c_while_the_images_are_read(run, monkeypatch):
    def ctrl_c(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load_images", ctrl_c)
    code, out, err = run("train", "vae", "--out", "v")
    assert (code, out, err) == (130, "", "\nstopped\n")


def test_expected_errors_are_one_sentence(run, tmp_path, monkeypatch):
    refused(run("train", "gan", "--data", "nowhere"), "nowhere")
    (tmp_path / "empty").mkdir()
    refused(run("train", "gan", "--data", "empty"), "no images")
    refused(run("train", "gan", "--loss", "best"), "'best'", "hinge")
    refused(run("train", "gan", "--batch", 31), "batch of 31", "30 images")
    refused(run("train", "gan", "--resume"), "no run to resume",
            "gan-sprites")
    (tmp_path / "file").write_text("in the way")
    refused(run("train", "gan", *TINY, "--out", "file"), "cannot write")
    refused(run("sample", "nowhere"), "no checkpoint at nowhere")
    refused(run("sample", "empty"), "empty")
    refused(run("sample", "file"), "file is cut short or no checkpoint")
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    monkeypatch.setattr("tinygen.mnist.MIRRORS", ("http://127.0.0.1:9/",))
    refused(run("train", "gan", "--data", "mnist"), "--data sprites",
            "TINYGEN_DATA")


def test_errors_of_an_existing_run(run, tmp_path):
    start = ["train", "gan", *TINY, "--steps", 1, "--out", "a"]
    assert run(*start)[0] == 0
    refused(run(*start), "a holds a run already", "--resume")
    refused(run("sample", "a", "--out", "nowhere/grid.png"), "nowhere")
    refused(run("sample", "a", "--out", "grid.nothing"), "extension")
    path = tmp_path / "a" / training.CHECKPOINT
    path.write_bytes(path.read_bytes()[:-9])
    refused(run("sample", "a"), str(training.CHECKPOINT), "cut short")
    refused(run(*start, "--resume"), "cut short")
    checkpoint.save(path, {"w": np.zeros(1)}, {"model": "gan", "config": {}})
    refused(run("sample", "a"), "missing")
    refused(run(*start, "--resume"), "missing")


def test_a_diverging_training_says_so(run):
    refused(run("train", "gan", *TINY, "--steps", 30, "--lr", 1e30, "--out",
                "a"), "step 1: ", "smaller learning rate")


@pytest.mark.parametrize("place", [("sample", "--debug", "nowhere"),
                                   ("sample", "nowhere", "--debug")])
def test_debug_shows_the_traceback(run, place):
    with pytest.raises(FileNotFoundError):
        run(*place)


@pytest.fixture
def judged(run, monkeypatch):
    """run, where a draw of sprites has as many as asked for, up to 150."""
    draw = sys.modules["tinygen.sprites"].sprites
    monkeypatch.setattr(tg.data, "sprites", lambda n, rng, **style: draw(
        min(n, 150), rng=rng, **style))
    return run


def test_evaluate(judged, tmp_path):
    judged("train", "gan", *TINY, "--steps", 1, "--out", "a")
    code, out, err = judged("evaluate", "a", "--n", 140)
    assert code == 0 and err == ""
    out = out.replace("\n", " ")
    assert "FID" in out and "140 images of this model against 150" in out
    assert "own classifier" in out and "With pictures: a" in out
    page = (tmp_path / "a" / "evaluation.html").read_text("utf-8")
    assert "<h1>a, a gan</h1>" in page and page.count("<img") == 2
    path = tmp_path / "a" / training.CHECKPOINT
    code, _, err = judged("evaluate", path, "--n", 50, "--out", "b.html")
    assert code == 0 and (tmp_path / "b.html").exists()
    assert err.startswith("tinygen: fid: 50 images are too few")
    assert err.count("\n") == 1


def test_evaluate_a_vae_and_a_cyclegan(judged):
    judged("train", "vae", *TINY, "--latent", 2, "--steps", 1, "--out", "v")
    assert "bits per dimension" in judged("evaluate", "v", "--n", 150)[1]
    judged(*CYCLE, "--steps", 1, "--out", "c")
    for to in "ab":
        out = judged("evaluate", "c", "--n", 140, "--to", to)[1]
        assert "SSIM to the true images" in out


def test_evaluate_a_folder_of_images(judged, tmp_path):
    pictures(tmp_path / "mine", 50)
    judged("train", "gan", *TINY, "--steps", 1, "--data", "mine", "--out",
           "a")
    code, out, _ = judged("evaluate", "a", "--n", 50)
    assert code == 0 and "no other real images" in out.replace("\n", " ")
    assert judged("evaluate", "a", "--n", 50)[2].count("\n") == 1  # few
    (tmp_path / "mine" / "0.png").unlink()
    code, _, err = judged("evaluate", "a", "--n", 50)
    assert code == 0 and err.count("\n") == 2
    assert "a was trained on other images than mine" in err
    model = tg.models.GAN(tg.models.GANConfig(width=2))
    training.save_sampler("w.safetensors", model, "g")
    refused(judged("evaluate", "w.safetensors"), "does not say", "--data")
    code, out, _ = judged("evaluate", "w.safetensors", "--data", "mine",
                          "--n", 50)
    assert code == 0 and "With pictures: evaluation.html" in out


def test_errors_of_evaluate(judged, tmp_path):
    refused(judged("evaluate", "nowhere"), "nowhere")
    judged("train", "gan", *TINY, "--steps", 1, "--out", "a")
    refused(judged("evaluate", "a", "--n", 20), "at least 40 images", "20")
    refused(judged("evaluate", "a", "--n", 50, "--data", "none"), "none is")
    refused(judged("evaluate", "a", "--n", 150, "--out", "no/x.html"), "no")
    judged(*CYCLE, "--steps", 1, "--out", "c")
    refused(judged("evaluate", "c", "--to", "c"), '"a" or "b"', "'c'")
    pictures(tmp_path / "mine", 50)
    config = tg.models.GANConfig(size=32, width=2)
    training.save_sampler("w.safetensors", tg.models.GAN(config), "g")
    refused(judged("evaluate", "w.safetensors", "--data", "mine", "--n", 50),
            "28 x 28 x 3, not")


@pytest.mark.parametrize("argv", [
    [], ["train"], ["train", "vase"], ["train", "gan", "--steps", "0"],
    ["train", "gan", "--steps", "-3"], ["train", "gan", "--steps", "many"],
    ["sample"], ["sample", "a", "--n", "0"], ["evaluate"],
    ["evaluate", "a", "--n", "0"],
    ["translate", "a", "b", "--to", "b"], ["translate", "a", "--out", "b"]])
def test_usage_errors_exit_with_2(run, argv):
    with pytest.raises(SystemExit, match="2"):
        run(*argv)


def python(*argv, **options):
    return subprocess.Popen([sys.executable, *map(str, argv)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            **options)


def test_help_and_import_load_no_figures():
    process = python("-m", "tinygen", "--help")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "train" in out and err == ""
    code = "import sys, tinygen; print('matplotlib' in sys.modules)"
    assert python("-c", code).communicate(timeout=60)[0] == "False\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_says_the_command_that_goes_on(tmp_path):
    out = tmp_path / "my run"
    process = python("-m", "tinygen", "train", "gan", *TINY, "--steps",
                     10**6, "--out", out, "--checkpoint-every", 1,
                     env=os.environ | {"TINYGEN_PROGRESS": "0"})
    path = out / training.CHECKPOINT
    deadline = time.monotonic() + 60
    while not path.exists() or weights(out)[1] < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "Traceback" not in said, said
    saved = weights(out)[1]
    assert f"stopped after step {saved} of 1000000" in said
    line = shlex.split(said.split("to go on: ")[1])
    assert Path(line[0]).samefile(sys.executable)
    assert line[1:3] == ["-m", "tinygen"]
    line[line.index("--steps") + 1] = str(saved + 1)
    code = cli.main(line[3:])
    assert code == 0 and weights(out)[1] == saved + 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("times, words, left", [
    (1, "stopped after step 4 of 10 and saved in r; to go on: ", 4),
    (2, "stopped at once, without saving; the last checkpoint, r/"
        "checkpoint.safetensors, is of step 2; to go on: ", 2)])
def test_stopped_once_or_twice(run, monkeypatch, kind, times, words, left):
    class Stopped(tg.models.GAN):
        def step(self, x, rng):
            for _ in range(times if self.opt_g.t == 3 else 0):
                os.kill(os.getpid(), getattr(signal, kind))
            return super().step(x, rng)

    monkeypatch.setitem(tg.models.REGISTRY, "gan", (
        Stopped, tg.models.GANConfig))
    code, out, err = run("train", "gan", *TINY, "--steps", 10, "--out", "r",
                         "--checkpoint-every", 2)
    assert code == 130 and words in err and "--resume" in err
    assert weights(Path("r"))[1] == left


def test_a_gan_resumes_to_the_bit_in_another_process(tmp_path):
    """Whatever ran first in a process: 4 steps are 2 steps and 2 more."""
    def train(out, *argv):
        subprocess.run([sys.executable, "-m", "tinygen", "train", "gan",
                        "--width", "16", "--out", out, *argv],
                       cwd=tmp_path, check=True, capture_output=True)

    train("straight", "--steps", "4")
    train("resumed", "--steps", "2")
    train("resumed", "--steps", "4", "--resume")
    runs = [checkpoint.load(tmp_path / out / training.CHECKPOINT)[0]
            for out in ("straight", "resumed")]
    assert runs[0].keys() == runs[1].keys()
    for name, array in runs[0].items():
        assert np.array_equal(array, runs[1][name]), name


def test_a_run_of_fit_goes_on_from_the_command_line(run, tmp_path):
    """fit() notes no --data; the command line names it."""
    images = tmp_path / "pictures"
    images.mkdir()
    for k in range(6):
        Image.new("RGB", (28, 28), (40 * k, 0, 0)).save(images / f"{k}.png")
    model = tg.models.GAN(tg.models.GANConfig(width=4))
    tg.fit(model, tg.data.folder(images), 1, batch=4, out="run")
    code, _, err = run("train", "gan", "--resume", "--data", "pictures",
                       "--out", "run", "--steps", 2)
    assert code == 0, err


@pytest.mark.parametrize("names", [5, ["a", 5], {"a": 1}, [["a"]]])
def test_a_file_that_names_its_images_oddly(run, tmp_path, names):
    model = tg.models.build("cyclegan", {"size": 8, "width": 1, "pool": 0})
    path = tmp_path / "c.safetensors"
    training.save_sampler(path, model, "generators", data=names)
    _, meta = checkpoint.load(path)
    assert meta["note"] == {"data": names}
    refused(run("sample", path), "c.safetensors", "names its images")
