"""The training of the classifiers."""

import subprocess
import sys

import numpy as np
import pytest

import tinygen as tg
from tinygen import checkpoint, data
from tinygen.metrics import classifier
from tinygen.metrics.features import Classifier


def test_labels_of_sprites():
    """Shape, colour, stripes, ground: each as the picture has it."""
    images, answers = classifier.labelled("sprites", n=400)
    assert images.shape == (400, 28, 28, 3) and answers.shape == (400, 4)
    assert (answers.max(axis=0) == [7, 7, 1, 1]).all()
    assert (answers.min(axis=0) == 0).all()
    dark = images[:, 0, 0].astype(int).sum(axis=1) < 300
    assert (answers[:, 3] == dark).all()
    # A disc in one colour: its middle has the colour that is asked for
    plain = (answers[:, 0] == 0) & (answers[:, 2] == 0)
    middle = images[plain, 14, 14].astype(float)
    from tinygen.sprites import _COLOURS
    nearest = ((middle[:, None] - _COLOURS) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == answers[plain, 1]).mean() > 0.97
    other, _ = classifier.labelled("sprites", "test", n=400)
    assert (other != images).any()


def test_the_loss_is_the_sum_of_the_questions():
    """At the start each costs about the log of the number of answers."""
    net = Classifier("sprites")
    images, answers = classifier.labelled("sprites", n=100)
    loss = classifier.loss_of(net, data.to_float(images), answers)
    assert loss.item() == pytest.approx(
        2 * np.log(8) + 2 * np.log(2), abs=0.6)


def test_a_short_training_learns_and_repeats():
    images, answers = classifier.labelled("sprites", n=600)
    a, b = (classifier.train("sprites", images, answers, epochs=2)
            for _ in range(2))
    assert all((x == y).all() for x, y in zip(
        tg.state(a).values(), tg.state(b).values()))
    right = classifier.accuracy(a, *classifier.labelled(
        "sprites", "test", 300))
    assert (right > [0.3, 0.3, 0.6, 0.8]).all()


def test_the_command_says_what_it_makes(monkeypatch, tmp_path, capsys):
    labelled = classifier.labelled
    monkeypatch.setattr(classifier, "labelled",
                        lambda of, split="train", n=0: labelled(
                            of, split, 128))
    path = tmp_path / "w.safetensors"
    monkeypatch.setattr(sys, "argv", ["", "sprites", "--out", str(path)])
    classifier.main()
    assert "right answers to unseen images" in capsys.readouterr().out
    arrays, meta = checkpoint.load(path)
    tg.load_state(Classifier("sprites"), arrays)
    assert meta["config"] == {"of": "sprites"}
    done = subprocess.run([sys.executable, "-W", "error", "-m",
                           "tinygen.metrics.classifier", "cifar"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "invalid choice: 'cifar'" in done.stderr
