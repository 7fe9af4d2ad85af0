"""The classifiers whose features the distances compare."""

import numpy as np
import pytest

from tinygen import checkpoint, data, metrics
from tinygen.metrics.classifier import accuracy, labelled
from tinygen.metrics.features import SETS, classifier, weights


@pytest.fixture(scope="module")
def sprites():
    return data.sprites(300, rng=1)[0]


def test_99_percent_of_unseen_digits(require):
    """On MNIST's test set, with the weights in the package."""
    require("data")
    right, = accuracy(classifier("mnist"), *labelled("mnist", "test"))
    assert right >= 0.99
    note = checkpoint.load(weights("mnist"))[1]["note"]
    assert note["test accuracy"] == [pytest.approx(right, abs=0.0005)]


def test_99_percent_of_unseen_sprites():
    """Their shape, colour, stripes and ground."""
    net = classifier("sprites")
    assert (accuracy(net, *labelled("sprites", "test", 2000)) >= 0.99).all()


def test_the_weights_are_small_and_say_how_they_were_made():
    for of in SETS:
        assert weights(of).stat().st_size < 300_000
        note = checkpoint.load(weights(of))[1]["note"]
        assert note["command"] == f"python -m tinygen.metrics.classifier {of}"
        assert note["seconds"] > 0 and note["seed"] == 0


def test_shapes_and_kinds_of_input(sprites):
    """Bytes, floats and a stream of batches of either give the same."""
    x = metrics.features(sprites)
    assert x.shape == (300, 64) and x.dtype == np.float64
    floats = data.to_float(sprites)
    for same in (floats, floats.astype(np.float64),
                 [sprites[:7], floats[7:299], sprites[299:]],
                 (sprites[k:k + 64] for k in range(0, 300, 64))):
        np.testing.assert_allclose(metrics.features(same), x, atol=1e-4)
    p = metrics.probabilities(sprites)
    assert p.shape == (300, 8)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    digits = np.zeros((3, 28, 28, 1), np.uint8)
    assert metrics.features(digits, "mnist").shape == (3, 64)
    assert metrics.probabilities(digits, "mnist").shape == (3, 10)


def test_features_are_of_one_size():
    """Mean 0, deviation 1, over images like those of the training."""
    x = metrics.features(data.sprites(3000, rng=1)[0])
    assert np.abs(x.mean(axis=0)).max() < 0.15
    assert np.abs(x.std(axis=0) - 1).max() < 0.1


def test_a_stream_is_not_kept():
    """A batch is let go before the next is asked for but one."""
    import weakref
    alive, most = [], 0

    def stream():
        nonlocal most
        for k in range(6):
            batch = data.sprites(20, rng=k)[0]
            alive.append(weakref.ref(batch))
            most = max(most, sum(ref() is not None for ref in alive))
            yield batch
            del batch

    metrics.features(stream())
    assert most <= 2


def test_features_see_what_a_reader_sees(sprites):
    """Colours exchanged, noise, blur: the features move by more than they
    differ between two draws of sprites."""
    x, again = metrics.features(sprites), metrics.features(
        data.sprites(300, rng=2)[0])
    spread = np.linalg.norm(x.mean(axis=0) - again.mean(axis=0))
    for changed in (sprites[..., ::-1], metrics.blur(data.to_float(sprites))):
        moved = np.linalg.norm(x - metrics.features(changed), axis=1)
        assert moved.mean() > spread


@pytest.mark.parametrize("change, message", [
    (lambda x: x[0], r"N x 28 x 28 x 3, not \(28, 28, 3\)"),
    (lambda x: x[..., :1], "28 x 28 x 3, not.*one of mnist"),
    (lambda x: x[:, :14], r"not \(300, 14, 28, 3\)"),
    (lambda x: x[:0], "no images"),
    (lambda x: [], "no images"),
    (lambda x: x.astype(int), r"floats in \[-1, 1\], not int64"),
    (lambda x: x.astype(np.float32), r"values in \[-1, 1\], but.*to 25"),
    (lambda x: data.to_float(x) * np.nan, "nan"),
    (lambda x: x / np.float32(255), r"as if scaled to \[0, 1\]: give x \* 2"),
    (lambda x: (x > 100).astype(np.uint8), "as if scaled"),
])
def test_other_images_are_refused(sprites, change, message):
    for look in (metrics.features, metrics.probabilities):
        with pytest.raises(ValueError, match=message):
            look(change(sprites))


def test_grey_and_white_images_are_not_taken_for_another_range():
    for value in (0, 0.3, 1):
        images = np.full((2, 28, 28, 3), value, np.float32)
        assert np.isfinite(metrics.features(images)).all()


def test_an_unknown_set():
    with pytest.raises(ValueError, match="no classifier of 'cifar': choose "
                                         "'sprites' or 'mnist'"):
        metrics.features(np.zeros((1, 28, 28, 3), np.uint8), of="cifar")


def test_the_weights_go_into_the_wheel(root):
    """What setuptools would take along: each file that is not code."""
    import tomllib
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)["tool"]["setuptools"]["package-data"]
    folder = root / "tinygen" / "metrics"
    taken = {path for pattern in found["tinygen.metrics"]
             for path in folder.glob(pattern)}
    assert taken == {path for path in folder.rglob("*") if path.is_file()
                     and path.suffix not in (".py", ".pyc")}
