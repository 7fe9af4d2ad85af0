"""Measures of generated images."""

import numpy as np
import pytest

from tinygen import data, metrics


def test_blur_keeps_constants_and_spreads_a_point():
    """A constant image stays; a point becomes the outer product of 1 2 1."""
    flat = np.full((1, 5, 5, 1), 0.3, np.float32)
    assert np.allclose(metrics.blur(flat), flat)
    point = np.zeros((1, 5, 5, 1), np.float32)
    point[0, 2, 2, 0] = 16
    want = np.outer([1, 2, 1], [1, 2, 1])
    assert np.array_equal(metrics.blur(point)[0, 1:4, 1:4, 0], want)


def test_nearest_finds_the_image_itself_under_noise():
    """A noisy copy is nearest to its original, and bytes are welcome."""
    rng = np.random.default_rng(0)
    images, _ = data.sprites(50, rng=rng)
    noisy = data.to_float(images[::-1])
    noisy = np.clip(noisy + 0.1 * rng.standard_normal(noisy.shape), -1, 1)
    found = metrics.nearest(noisy.astype(np.float32), images, at_once=7)
    assert np.array_equal(found, np.arange(50)[::-1])


def test_nearest_names_what_does_not_fit():
    """Shapes that differ are named, both of them."""
    with pytest.raises(ValueError, match=r"\(28, 28, 3\).*\(14, 14, 3\)"):
        metrics.nearest(np.zeros((1, 28, 28, 3), np.float32),
                        np.zeros((1, 14, 14, 3), np.float32))


def test_diversity_against_loops():
    """0 for copies; equal to the pairwise distances written out."""
    x = np.random.default_rng(0).uniform(-1, 1, (5, 4, 4, 1))
    with pytest.raises(ValueError, match="at least two samples, got 1"):
        metrics.diversity(x[:1])
    assert metrics.diversity(np.repeat(x[:1], 4, axis=0)) == 0
    gaps = [np.sqrt(((a - b) ** 2).mean())
            for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    assert metrics.diversity(x) == pytest.approx(np.mean(gaps))


def test_psnr_by_hand():
    """An error of 0.2 everywhere, of a range of 2, is 20 dB."""
    x = np.zeros((3, 4, 5, 1), np.float32)
    y = x + np.float32([0.2, 0.02, 0])[:, None, None, None]
    np.testing.assert_allclose(metrics.psnr(x, y), [20, 40, np.inf],
                               rtol=1e-6)
    eight = np.zeros((1, 2, 2, 3), np.uint8)
    assert metrics.psnr(eight, eight + 255)[0] == 0
    assert metrics.psnr(eight, data.to_float(eight + 51))[0] == pytest.approx(
        20 * np.log10(5), rel=1e-6)
    with pytest.raises(ValueError, match=r"\(3, 4, 5, 1\).*\(1, 2, 2, 3\)"):
        metrics.psnr(x, eight)
