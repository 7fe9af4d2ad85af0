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
    images, _ = data.sprites(2, rng=0)      # twice a byte is more than a byte
    assert np.array_equal(metrics.blur(images),
                          metrics.blur(data.to_float(images)))


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


def by_loops(x, y):
    """SSIM of two images H W, window by window."""
    at = np.arange(11) - 5
    w = np.exp(-(at[:, None] ** 2 + at ** 2) / 4.5)
    w /= w.sum()
    found = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i:i + 11, j:j + 11], y[i:i + 11, j:j + 11]
            ma, mb = (w * a).sum(), (w * b).sum()
            va, vb = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum()
            cov = (w * (a - ma) * (b - mb)).sum()
            found.append((2 * ma * mb + 4e-4) * (2 * cov + 36e-4) / (
                (ma * ma + mb * mb + 4e-4) * (va + vb + 36e-4)))
    return np.mean(found)


def test_ssim_against_loops():
    """Window by window; 1 for the image itself, less for its negative."""
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 3, 14, 13, 2))
    want = [np.mean([by_loops(1 + a[..., c], 1 + b[..., c])
                     for c in range(2)])
            for a, b in zip(x, y)]
    np.testing.assert_allclose(metrics.ssim(x, y), want, rtol=1e-9)
    assert metrics.ssim(x, x) == pytest.approx(1)
    assert (metrics.ssim(x, -x) < 0).all()
    # a dark image and a bright one: black is 0 here, not in the middle
    flat = np.full((1, 11, 11, 1), 0.5)
    assert metrics.ssim(flat, -flat)[0] == pytest.approx(0.6, abs=1e-3)
    eight = data.sprites(4)[0]
    np.testing.assert_allclose(
        metrics.ssim(eight, eight[::-1]),
        metrics.ssim(data.to_float(eight), data.to_float(eight[::-1])))


def test_ssim_falls_with_noise():
    """More noise, less similar, and PSNR says so too."""
    x = data.to_float(data.sprites(20)[0])
    noise = np.random.default_rng(0).standard_normal(x.shape)
    for measure in (metrics.ssim, metrics.psnr):
        found = [measure(x, np.clip(x + s * noise, -1, 1).astype(np.float32))
                 .mean() for s in (0.02, 0.1, 0.5)]
        assert found == sorted(found, reverse=True)


def test_ssim_refuses():
    x = np.zeros((2, 12, 12, 1), np.float32)
    with pytest.raises(ValueError, match=r"\(2, 12, 12, 1\).*\(1, 12, 12"):
        metrics.ssim(x, x[:1])
    with pytest.raises(ValueError, match="11 pixels or more"):
        metrics.ssim(x[:, :10], x[:, :10])
    with pytest.raises(ValueError, match=r"values in \[-1, 1\]"):
        metrics.ssim(x + 2, x)
    with pytest.raises(ValueError, match="nan"):
        metrics.ssim(x * np.nan, x)


def test_ssim_and_psnr_like_torchmetrics(require):
    """A second opinion, where it is installed."""
    torchmetrics = require("torchmetrics.functional.image")
    torch = require("torch")
    x, y = data.to_float(data.sprites(6)[0]).reshape(2, 3, 28, 28, 3)
    a, b = (torch.tensor(t).permute(0, 3, 1, 2) for t in (x, y))
    # Its mean goes over the border too, where it mirrors the image
    _, whole = torchmetrics.structural_similarity_index_measure(
        a + 1, b + 1, data_range=2.0, reduction="none",
        return_full_image=True)
    np.testing.assert_allclose(metrics.ssim(x, y), whole[
        ..., 5:-5, 5:-5].mean(dim=(1, 2, 3)), atol=1e-4)
    found = torchmetrics.peak_signal_noise_ratio(
        a, b, data_range=2.0, reduction="none", dim=(1, 2, 3))
    np.testing.assert_allclose(metrics.psnr(x, y), found, rtol=1e-5)
