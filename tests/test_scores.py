"""Classes, ELBO, bits: scores of one set of images."""

import numpy as np
import pytest

from tinygen import data, metrics
from tinygen.models import GAN, VAE, GANConfig, VAEConfig, vae


def rng(seed=0):
    return np.random.default_rng(seed)


def softmax(x):
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


# ---- classes ---------------------------------------------------------------


def test_inception_score_of_known_cases():
    """K for sure and balanced answers; 1 for the same answer to all."""
    sure = np.eye(5)[np.arange(1000) % 5]
    assert metrics.inception_score(sure) == pytest.approx(5, abs=0.03)
    for same in (sure[:1], np.full((1, 5), 0.2)):
        found = metrics.inception_score(np.repeat(same, 100, axis=0))
        assert found == pytest.approx(1)
    # Two of four classes, three to one: the exponential of their entropy
    some = np.eye(4)[np.repeat([0, 1], [7500, 2500])]
    want = np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    found = metrics.inception_score(some)
    assert found == pytest.approx(want, rel=0.01)
    assert found.low < want < found.high


def test_inception_score_by_hand():
    """exp of the mean KL, and not the mean of exponentials, which is a bug
    seen in public."""
    p = softmax(2 * rng().standard_normal((4000, 6)))
    kl = (p * np.log(p / p.mean(axis=0))).sum(axis=1)
    found = metrics.inception_score(p)
    assert found == pytest.approx(np.exp(kl.mean()), rel=2e-3)
    assert found.high < np.exp(kl).mean()
    assert found.n == 4000 and "own classifier" in str(found)


def test_inception_score_intervals_hold_the_truth():
    """The score of infinitely many images, from 200,000."""
    def draw(n, r):
        return softmax(2 * r.standard_normal((n, 6)) + [2, 1, 0, 0, 0, 0])

    truth = metrics.inception_score(draw(200_000, rng(1))).value
    r = rng(2)
    found = [metrics.inception_score(draw(300, r)) for _ in range(100)]
    assert sum(x.low <= truth <= x.high for x in found) >= 88


@pytest.mark.filterwarnings("ignore:Metric", "ignore:std")
def test_inception_score_like_torchmetrics(require):
    torch = require("torch")
    inception = require("torchmetrics.image.inception")
    logits = rng().standard_normal((5000, 6))
    score = inception.InceptionScore(feature=torch.nn.Identity(), splits=1)
    score.update(torch.tensor(logits))
    assert metrics.inception_score(softmax(logits)) == pytest.approx(
        float(score.compute()[0]), rel=1e-3)


def test_modes_against_labels():
    """Counts of what is most likely; their distance by hand."""
    p = np.array([[0.6, 0.4, 0], [0.5, 0.2, 0.3], [0, 0, 1]])
    assert metrics.mode_histogram(p).tolist() == [2, 0, 1]
    assert metrics.mode_gap([2, 0, 1], [1, 1, 1]) == pytest.approx(1 / 3)
    assert metrics.mode_gap([2, 0, 2], [50, 0, 50]) == 0
    assert metrics.mode_gap([3, 0], [0, 9]) == 1


def test_modes_of_sprites():
    """The histogram is that of the labels, and shows a dropped shape."""
    images, labels = data.sprites(1000, rng=3)
    counts = np.bincount(labels)
    found = metrics.mode_histogram(metrics.probabilities(images))
    assert metrics.mode_gap(found, counts) < 0.01
    lacking = metrics.mode_histogram(
        metrics.probabilities(images[labels != 4]))
    assert lacking[4] < 5
    assert metrics.mode_gap(lacking, counts) == pytest.approx(
        counts[4] / 1000, abs=0.01)


def test_refusals():
    p = np.full((50, 4), 0.25)
    for bad, word in ((p * 4, "sum to 1"), (p - 0.5, "softmax"),
                      (p[0], "N F"), (p * np.nan, "NaN")):
        for measure in (metrics.inception_score, metrics.mode_histogram):
            with pytest.raises(ValueError, match=word):
                measure(bad)
    with pytest.raises(ValueError, match="at least 40 images.*got 1"):
        metrics.inception_score(p[:1])
    with pytest.raises(ValueError, match="same classes"):
        metrics.mode_gap([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="not empty"):
        metrics.mode_gap([0, 0], [1, 2])


# ---- likelihood ------------------------------------------------------------


@pytest.mark.parametrize("decoder", ["gaussian", "bernoulli"])
def test_elbo_is_the_models(decoder):
    """The mean of models.vae.elbo, whatever the batches; bytes welcome."""
    model = VAE(VAEConfig(size=8, width=2, latent=3, decoder=decoder))
    images = rng().integers(256, size=(30, 8, 8, 3), dtype=np.uint8)
    r = rng(1)
    want = [vae.elbo(model, data.to_float(images[k:k + 10]),
                     model.draw(2, 10, r)).data for k in (0, 10, 20)]
    want = np.concatenate(want)
    found = metrics.elbo(model, images, rng(1), draws=2, at_once=10)
    assert found == pytest.approx(want.mean(), rel=1e-5)
    assert found.n == 30
    assert found.high - found.value == pytest.approx(
        1.96 * want.std(ddof=1) / 30 ** 0.5, rel=1e-4)
    whole = metrics.elbo(model, data.to_float(images), rng(1), draws=50)
    assert whole == pytest.approx(found.value, rel=0.05)


def test_elbo_of_ink_is_that_of_binarized_images():
    model = VAE(VAEConfig(size=8, width=2, latent=3, channels=1,
                          decoder="bernoulli", binarize=True))
    grey = np.zeros((20, 8, 8, 1), np.float32)
    r = rng(1)
    x = vae.binarize(grey, r)
    want = vae.elbo(model, x, model.draw(1, 20, r)).data.mean()
    assert metrics.elbo(model, grey, rng(1)) == pytest.approx(want, rel=1e-5)


def test_elbo_refuses():
    model = VAE(VAEConfig(size=8, width=2, latent=3))
    x = np.zeros((4, 8, 8, 3), np.float32)
    with pytest.raises(ValueError, match="a gan has no ELBO"):
        metrics.elbo(GAN(GANConfig(size=8, width=2)), x, rng())
    with pytest.raises(ValueError, match="at least two images, got 1"):
        metrics.elbo(model, x[:1], rng())
    with pytest.raises(ValueError, match="8 x 8 x 3"):
        metrics.elbo(model, x[:, :4], rng())
    with pytest.raises(ValueError, match="nan"):
        metrics.elbo(model, x * np.nan, rng())


def test_bits_per_dimension():
    """8 bits for pixels drawn evenly from 256 levels, however counted."""
    assert metrics.bits_per_dimension(784 * np.log(2), 784) == 1
    assert metrics.bits_per_dimension(12 * np.log(256), 12) == (
        pytest.approx(8))
    # the density 1/2 over [-1, 1], of levels 2 / 256 apart
    assert metrics.bits_per_dimension(12 * np.log(2), 12, 2 / 256) == (
        pytest.approx(8))
    with pytest.raises(ValueError, match="not 0"):
        metrics.bits_per_dimension(1, 0)
