"""FID, KID, precision, recall, density, coverage: on known distributions."""

import pickle

import numpy as np
import pytest

from tinygen import data, metrics
from tinygen.metrics import distances


def rng(seed=0):
    return np.random.default_rng(seed)


def gaussians(f, shift, change, seed=0):
    """Two Gaussians, as (mean, root of the covariance)."""
    r = rng(seed)
    a = r.standard_normal((f, f)) / np.sqrt(f)
    b = a + change * r.standard_normal((f, f)) / np.sqrt(f)
    return (np.zeros(f), a), (shift * r.standard_normal(f) / np.sqrt(f), b)


def draw(gaussian, n, r):
    mean, root = gaussian
    return mean + r.standard_normal((n, len(mean))) @ root.T


def true_fid(*pair):
    return metrics.frechet(*(x for mean, root in pair
                             for x in (mean, root @ root.T)))


# ---- closed forms ----------------------------------------------------------


def test_frechet_of_diagonal_gaussians():
    """(1 - 3)^2 + (2 - 1)^2 + (0.5 - 2)^2, deviations 2, 1 and 0.5, 2."""
    found = metrics.frechet([1, 0], np.diag([4, 0.25]), [3, 0],
                            np.diag([1, 4]))
    assert found == pytest.approx(4 + 1 + 2.25)


def test_frechet_like_scipy():
    """The trace of sqrtm(A B), where A and B do not commute."""
    from scipy.linalg import sqrtm
    (m, a), (k, b) = gaussians(6, 1, 1)
    a, b = a @ a.T, b @ b.T
    want = ((m - k) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert metrics.frechet(m, a, k, b) == pytest.approx(want)
    assert metrics.frechet(k, b, m, a) == pytest.approx(want)


def test_the_covariance_is_over_n_minus_1():
    """As np.cov's; over n (a bug seen in public) the FID would differ."""
    x = 1e4 + rng().standard_normal((60, 3))
    moments = metrics.Moments(x)
    mean, cov = moments()
    np.testing.assert_allclose(mean, x.mean(axis=0))
    np.testing.assert_allclose(cov, np.cov(x.T), rtol=1e-9)
    # Of what is left without a group
    sizes = [60 - moments.count[g] for g in range(distances.GROUPS)]
    assert sizes == [57] * 20


def test_plain_fid_by_hand():
    """note has the FID of means and np.cov, as papers compute it."""
    x, y = rng().standard_normal((2, 200, 4))
    plain = metrics.frechet(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert f"without extrapolation: {plain:.4g};" in metrics.fid(x, y).note


def test_moments_of_batches_are_those_of_the_whole():
    """Whatever the batches' sizes: the same mean, covariance, group sizes."""
    x = rng().standard_normal((1003, 5)) @ np.diag([1, 2, 3, 4, 5]) + 7
    whole, parts = metrics.Moments(x), metrics.Moments()
    for part in np.split(x, [1, 18, 200, 777]):
        parts.add(part)
    assert len(parts) == len(whole) == 1003
    assert set(parts.count) == {50, 51}
    for a, b in zip(whole(), parts()):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    y = rng(1).standard_normal((500, 5))
    assert metrics.fid(parts, y) == pytest.approx(metrics.fid(x, y), abs=0.3)
    assert metrics.fid(x, metrics.Moments(y)) == metrics.fid(x, y)


# ---- extrapolation and intervals -------------------------------------------


@pytest.mark.parametrize("n, m, f, shift, change", [
    (1000, 1000, 8, 1, 0.3), (500, 2000, 8, 0.2, 0.1), (400, 400, 32, 1, 1)])
def test_fid_intervals_hold_the_truth(n, m, f, shift, change):
    """Of 100 draws of known Gaussians, 88 to 100 intervals hold their FID
    (binomial: 99.8 % of the time, if 95 % do)."""
    pair, r = gaussians(f, shift, change), rng(1)
    truth = true_fid(*pair)
    found = [metrics.fid(draw(pair[0], n, r), draw(pair[1], m, r))
             for _ in range(100)]
    held = sum(x.low <= truth <= x.high for x in found)
    assert 88 <= held <= 100
    # and the value is not off on average, as the plain FID is
    error = np.array(found) - truth
    assert abs(error.mean()) < 4 * error.std() / 10 + 0.01 * truth


def test_fid_of_equal_distributions_is_0_within_its_interval():
    """For few images as for many; the plain FID is far above."""
    r, held, values, plain = rng(), 0, [], []
    for _ in range(60):
        x, y = r.standard_normal((2, 300, 16))
        found = metrics.fid(x, y)
        held += found.low <= 0 <= found.high
        values.append(found)
        plain.append(metrics.frechet(*metrics.Moments(x)(),
                                     *metrics.Moments(y)()))
    assert held >= 54
    assert abs(np.mean(values)) < 0.2 * np.mean(plain)


def test_rows_in_the_order_of_classes_do_not_matter():
    """Groups are drawn: a set sorted by class keeps its interval; two that
    hold each class equally often, in turn, do not frighten it."""
    r, turn = rng(), np.arange(2000) % 20
    x, y = (r.standard_normal((2000, 4)) + 5 * classes[:, None]
            for classes in r.integers(20, size=(2, 2000)))
    mixed = metrics.fid(x, y)
    ordered = metrics.fid(x[np.argsort(x[:, 0])], y)
    assert 0.4 < (ordered.high - ordered.low) / (mixed.high - mixed.low) < 2.5
    x, y = r.standard_normal((2, 2000, 4)) + 5 * turn[:, None]
    found = metrics.fid(x, y)
    assert -0.05 < found.low < 0 < found.high < 0.05


def test_fid_of_a_set_with_itself_is_0():
    """Exactly: the same images are left out of both."""
    x = rng().standard_normal((500, 4))
    found = metrics.fid(x, x)
    assert max(map(abs, (found, found.low, found.high))) < 1e-9


def test_kid_is_unbiased_and_its_intervals_hold_the_truth():
    """The MMD of two Gaussians in one dimension, from their moments."""
    # E (x y + 1)^3 = sum_k binom(3, k) E x^k E y^k
    def moments(m, s):
        return np.array([1, m, m * m + s * s, m ** 3 + 3 * m * s * s])

    a, b = moments(0, 1), moments(0.5, 1.2)
    truth = (np.array([1, 3, 3, 1]) * (a - b) ** 2).sum()
    r = rng()
    found = [metrics.kid(r.standard_normal((400, 1)),
                         0.5 + 1.2 * r.standard_normal((600, 1)))
             for _ in range(100)]
    error = np.array(found) - truth
    assert abs(error.mean()) < 4 * error.std() / 10
    assert sum(x.low <= truth <= x.high for x in found) >= 86
    small = [metrics.kid(*r.standard_normal((2, 40, 3))) for _ in range(300)]
    assert abs(np.mean(small)) < 4 * np.std(small) / 300 ** 0.5


def test_mmd_by_loops():
    """Of all, and of what is left without a group."""
    x, y = rng().standard_normal((27, 3)), rng(1).standard_normal((22, 3)) + 1

    def want(x, y):
        def mean(pairs):
            return np.mean([(a @ b / 3 + 1) ** 3 for a, b in pairs])

        return (mean((a, b) for a in x for b in x if a is not b)
                + mean((a, b) for a in y for b in y if a is not b)
                - 2 * mean((a, b) for a in x for b in y))

    r = rng(2)
    at, to = distances.deal(27, r), distances.deal(22, r)
    x, y = list(x), list(y)
    for at_once in (4, 1000):
        found = distances.mmd(np.array(x), np.array(y), rng(2), at_once)
        assert found(None) == pytest.approx(want(x, y))
        for g in (0, 19):
            assert found(g) == pytest.approx(want(
                [a for a, k in zip(x, at) if k != g],
                [b for b, k in zip(y, to) if k != g]))
    values = distances.jackknife(found)
    assert values[0] == pytest.approx(found(None), abs=0.2)


def test_an_estimate_is_a_number_that_says_more():
    found = metrics.fid(*rng().standard_normal((2, 400, 4)))
    assert isinstance(found, float) and float(found) == found.value
    assert found.n == 400 and f"{found:.2f}" == f"{found.value:.2f}"
    assert "95 %" in repr(found) and str(found).startswith(repr(found))
    for text in (str(found), f"{found}"):
        assert "400 real and 400 generated" in text
        assert "own classifier" in text and "not with papers" in text
    again = pickle.loads(pickle.dumps(found))
    assert again == found and vars(again) == vars(found)


# ---- neighbourhoods --------------------------------------------------------


def test_neighbourhoods_by_loops():
    from scipy.spatial.distance import cdist
    real, fake = rng().standard_normal((40, 3)), rng(1).standard_normal(
        (30, 3)) * 1.5

    def reach(x, k):
        return np.sort(cdist(x, x), axis=1)[:, k]

    p, r = metrics.precision_recall(real, fake, k=3)
    assert p == np.mean((cdist(fake, real) <= reach(real, 3)).any(axis=1))
    assert r == np.mean((cdist(real, fake) <= reach(fake, 3)).any(axis=1))
    d, c = metrics.density_coverage(real, fake, k=5)
    inside = cdist(real, fake) <= reach(real, 5)[:, None]
    assert d == pytest.approx(inside.sum() / (5 * 30))
    assert c == inside.any(axis=1).mean()
    assert p.n == 30 and "40 real and 30 generated" in p.note
    for at_once in (7, 1000):
        found = distances.balls(real, fake, 5, at_once)
        assert (found[0] == inside.sum(axis=0)).all()
        assert (found[1] == inside.any(axis=1)).all()


def test_equal_sets_and_far_ones():
    x = rng().standard_normal((200, 4))
    assert metrics.precision_recall(x, x) == (1, 1)
    assert metrics.density_coverage(x, x)[1] == 1
    assert metrics.precision_recall(x, x + 99) == (0, 0)
    assert metrics.density_coverage(x, x + 99) == (0, 0)
    # copies of one point: balls of no size, which still hold the copies
    same = np.full((50, 4), 0.1)
    assert metrics.precision_recall(same, same) == (1, 1)


def test_density_and_coverage_of_equal_distributions():
    """1, and 1 - (1 - ...)^...: for as many images 1 - 2^-k, at least."""
    d, c = metrics.density_coverage(*rng().standard_normal((2, 2000, 8)))
    assert d == pytest.approx(1, abs=0.06)
    assert c == pytest.approx(1 - 2 ** -5, abs=0.02)


def test_dropped_modes_cost_recall_not_precision():
    centres = 10 * np.eye(4)
    real = np.concatenate([c + rng(k).standard_normal((200, 4))
                           for k, c in enumerate(centres)])
    fake = np.concatenate([c + rng(9 + k).standard_normal((400, 4))
                           for k, c in enumerate(centres[:2])])
    p, r = metrics.precision_recall(real, fake)
    d, c = metrics.density_coverage(real, fake)
    assert p > 0.85 and r < 0.55 and d > 0.8 and c < 0.55


# ---- on images, by behaviour -----------------------------------------------


@pytest.fixture(scope="module")
def sprites():
    return data.to_float(data.sprites(2000, rng=5)[0])


def noisy(x, s):
    noise = rng().standard_normal(x.shape).astype(np.float32)
    return np.clip(x + s * noise, -1, 1)


def blurred(x, times):
    for _ in range(times):
        x = metrics.blur(x)
    return x


@pytest.fixture(scope="module")
def known():
    images, labels = data.sprites(4000, rng=6)
    return metrics.features(images), labels


@pytest.mark.long
def test_fid_and_kid_rise_with_every_damage(sprites, known):
    """Noise, blur, dropped shapes, swapped channels: more is worse."""
    labels = data.sprites(2000, rng=5)[1]
    scales = {
        "noise": [noisy(sprites, s) for s in (0.1, 0.2, 0.4)],
        "blur": [blurred(sprites, t) for t in (1, 2, 4)],
        "modes": [sprites[labels < k] for k in (7, 5, 2)],
        "channels": [sprites[..., [2, 1, 0]]]}
    x = metrics.features(sprites)
    for measure in (metrics.fid, metrics.kid):
        clean = measure(known[0], x)
        assert clean.low <= 0 <= clean.high, measure
        for name, images in scales.items():
            found = [clean, *(measure(known[0], metrics.features(some))
                              for some in images)]
            assert [float(f) for f in found] == sorted(found), name
            assert found[1].low > clean.high, name


@pytest.mark.long
def test_fid_of_digits_rises_with_every_damage(require):
    require("data")
    x, labels = data.mnist("test")
    known = metrics.features(data.mnist()[0][:4000], of="mnist")
    x, labels = data.to_float(x[:3000]), labels[:3000]
    clean = metrics.fid(known, metrics.features(x, of="mnist"))
    for images in ([noisy(x, s) for s in (0.2, 0.5)],
                   [blurred(x, t) for t in (1, 3)],
                   [x[labels < k] for k in (9, 4)]):
        a, b = (metrics.fid(known, metrics.features(some, of="mnist"))
                for some in images)
        assert clean.high < a.low and a.high < b.low


# ---- what is refused -------------------------------------------------------


@pytest.mark.parametrize("measure, least", [
    (metrics.fid, 40), (metrics.kid, 40), (metrics.precision_recall, 4),
    (metrics.density_coverage, 6)])
def test_refusals(measure, least):
    """Too few (one image), other widths, images, NaN: one sentence."""
    x = rng().standard_normal((50, 3))
    with pytest.raises(ValueError, match=f"at least {least} images of a kin"
                                         "d, got 1"):
        measure(x, x[:1])
    with pytest.raises(ValueError, match="real has 3 features, fake 2"):
        measure(x, x[:, :2])
    with pytest.raises(ValueError, match="call tg.metrics.features"):
        measure(x, np.zeros((50, 28, 28, 1)))
    with pytest.raises(ValueError, match="NaN or infinity"):
        measure(x * np.nan, x)


def test_moments_and_neighbours_refuse():
    with pytest.raises(ValueError, match="from 1 on, not 0"):
        metrics.precision_recall(*np.zeros((2, 50, 3)), k=0)
    with pytest.raises(ValueError, match="at least 40 images.*got 0"):
        metrics.fid(metrics.Moments(), np.zeros((50, 3)))
    with pytest.raises(ValueError, match="3 features cannot take 2"):
        metrics.Moments(np.zeros((50, 3))).add(np.zeros((50, 2)))


def test_a_sample_smaller_than_the_features_warns():
    x = rng().standard_normal((60, 64))
    with pytest.warns(UserWarning, match="60 images are too few for the cov"
                                         "ariance of 64 features: take 640"):
        metrics.fid(x, x)


# ---- a second opinion, where it is installed -------------------------------


@pytest.mark.filterwarnings("ignore:Metric")
def test_fid_and_kid_like_torchmetrics(require):
    """On the same features: the plain FID, and KID of one subset, all."""
    torch = require("torch")
    fid, kid = (require(f"torchmetrics.image.{k}") for k in ("fid", "kid"))

    class Same(torch.nn.Module):
        num_features = 5

        def forward(self, x):
            return x

    x, y = rng().standard_normal((2, 300, 5)) * [[[1]], [[1.3]]]
    fid = fid.FrechetInceptionDistance(feature=Same())
    kid = kid.KernelInceptionDistance(feature=Same(), subsets=1,
                                      subset_size=300)
    for measure in (fid.set_dtype(torch.float64), kid):
        measure.update(torch.tensor(x), real=True)
        measure.update(torch.tensor(y), real=False)
    plain = metrics.frechet(*metrics.Moments(x)(), *metrics.Moments(y)())
    assert plain == pytest.approx(float(fid.compute()), rel=1e-5)
    assert distances.mmd(x, y, rng())(None) == pytest.approx(
        float(kid.compute()[0]), rel=1e-5)
