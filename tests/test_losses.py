"""Losses: values worked out by hand, gradients, PyTorch, and refusals."""

import numpy as np
import pytest

import tinygen as tg

L = tg.losses
RNG = np.random.default_rng(0)
LOGITS = np.array([[-2.0, 0.5, 1.0], [3.0, -0.2, 0.1]])
GAMES = [L.non_saturating, L.minimax, L.least_squares, L.hinge, L.wasserstein]


def sig(x):
    return 1 / (1 + np.exp(-x))


def value(loss, *args):
    return loss(*[tg.Tensor(a) if isinstance(a, np.ndarray) else a
                  for a in args]).item()


# --------------------------------------------------------- cross-entropies


def test_bce_by_its_definition():
    p, t = sig(LOGITS), np.array([[0, 1, 0.3], [1, 0, 0.5]])
    want = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert value(L.bce_with_logits, LOGITS, t) == pytest.approx(want, 1e-12)
    want = -np.log(p).mean()
    assert value(L.bce_with_logits, LOGITS, 1) == pytest.approx(want, 1e-12)
    tg.check_grads(L.bce_with_logits, LOGITS, t)


def test_confident_mistakes_keep_their_gradient():
    """Clipped probabilities would make it 0 (DeZero)."""
    for dtype in ("float32", "float64"):
        logits = tg.Tensor([-1e4, -200, 200], dtype)
        loss = L.bce_with_logits(logits, [1, 1, 0])
        assert loss.item() == pytest.approx((1e4 + 200 + 200) / 3)
        g, = tg.grad(loss, [logits])
        np.testing.assert_allclose(g.data, [-1 / 3, -1 / 3, 1 / 3])


def test_cross_entropy_by_its_definition():
    labels = np.array([2, 0])
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    want = -np.log(p[[0, 1], labels]).mean()
    assert L.cross_entropy(tg.Tensor(LOGITS), labels).item() == (
        pytest.approx(want, 1e-12))
    tg.check_grads(lambda x: L.cross_entropy(x, labels), LOGITS)


def test_like_torch(require):
    torch = require("torch")
    F = torch.nn.functional
    t, labels = RNG.uniform(0, 1, LOGITS.shape), np.array([1, 2])
    tt = torch.tensor
    for ours, theirs in [
            (lambda x: L.bce_with_logits(x, t), lambda x:
             F.binary_cross_entropy_with_logits(x, tt(t))),
            (lambda x: L.cross_entropy(x, labels), lambda x:
             F.cross_entropy(x, tt(labels))),
            (lambda x: L.l1(x, t), lambda x: F.l1_loss(x, tt(t))),
            (L.non_saturating, lambda x: F.softplus(-x).mean()),
            (lambda x: L.bernoulli_reconstruction(x, 2 * t - 1), lambda x:
             F.binary_cross_entropy_with_logits(
                 x, tt(t), reduction="sum") / 2),
            (lambda x: L.gaussian_reconstruction(x, t, 0.3), lambda x:
             F.gaussian_nll_loss(x, tt(t), torch.full_like(x, np.exp(0.3)),
                                 full=True, reduction="sum") / 2)]:
        x, z = tg.Tensor(LOGITS), tt(LOGITS, requires_grad=True)
        y, want = ours(x), theirs(z)
        assert y.item() == pytest.approx(want.item(), rel=1e-10)
        np.testing.assert_allclose(
            tg.grad(y, [x])[0].data,
            torch.autograd.grad(want, z)[0].numpy(), rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------ games

REAL, FAKE = np.array([[1.5], [-0.3]]), np.array([[0.4], [-2.0]])


@pytest.mark.parametrize("loss, d, g", [
    (L.non_saturating, -np.log(sig(REAL)).mean()
     - np.log(1 - sig(FAKE)).mean(), -np.log(sig(FAKE)).mean()),
    (L.minimax, -np.log(sig(REAL)).mean() - np.log(1 - sig(FAKE)).mean(),
     np.log(1 - sig(FAKE)).mean()),
    (L.least_squares, ((REAL - 1) ** 2).mean() + (FAKE ** 2).mean(),
     ((FAKE - 1) ** 2).mean()),
    (L.hinge, np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(),
     -FAKE.mean()),
    (L.wasserstein, FAKE.mean() - REAL.mean(), -FAKE.mean()),
])
def test_games_by_their_definitions(loss, d, g):
    assert value(loss, REAL, FAKE) == pytest.approx(d, rel=1e-12)
    assert value(loss, FAKE) == pytest.approx(g, rel=1e-12)
    tg.check_grads(loss, REAL, FAKE)
    tg.check_grads(loss, FAKE)


@pytest.mark.parametrize("loss", GAMES)
def test_d_pulls_the_logits_apart_and_g_pulls_its_own_up(loss):
    real, fake = tg.Tensor(np.zeros((2, 1))), tg.Tensor(np.zeros((2, 1)))
    up, down = tg.grad(loss(real, fake), [real, fake], unused="zeros")
    assert (up.data < 0).all() and (down.data >= 0).all()
    assert (tg.grad(loss(fake), [fake])[0].data < 0).all()


def test_the_minimax_gradient_vanishes_and_the_other_does_not():
    sure = tg.Tensor([[-20.0]])
    flat, = tg.grad(L.minimax(sure), [sure])
    steep, = tg.grad(L.non_saturating(sure), [sure])
    assert abs(flat.item()) < 1e-8 and steep.item() == pytest.approx(-1)


def test_gradient_penalty_of_a_linear_critic_is_known():
    """D(x) = <a, x> has the gradient a everywhere."""
    a = RNG.standard_normal((2, 2, 3))
    real, fake = RNG.standard_normal((2, 4, 2, 2, 3))
    weight = tg.Tensor(a)

    def critic(x):
        return (x * weight).reshape(4, -1).sum(axis=1, keepdims=True)

    penalty = L.gradient_penalty(critic, real, fake, np.random.default_rng(0))
    size = np.sqrt((a ** 2).sum())
    assert penalty.item() == pytest.approx((size - 1) ** 2, rel=1e-10)
    g, = tg.grad(penalty, [weight])
    np.testing.assert_allclose(g.data, 2 * (size - 1) * a / size, rtol=1e-9)


def test_gradient_penalty_looks_between_real_and_fake_one_t_an_image():
    seen = []

    def critic(x):
        seen.append(x.data)
        return (x * x).sum(axis=1, keepdims=True)

    real = np.ones((50, 3), np.float32)
    with tg.no_grad():          # it differentiates all the same
        L.gradient_penalty(critic, real, -real, np.random.default_rng(0))
    x, = seen
    assert x.dtype == np.float32 and np.abs(x).max() <= 1
    assert (x == x[:, :1]).all() and np.ptp(x) > 1.5


def test_gradient_penalty_of_a_constant_critic_is_finite():
    real = np.ones((2, 3))
    x = tg.Tensor(np.zeros(3))
    penalty = L.gradient_penalty(lambda y: (y * x).sum(axis=1), real, -real,
                                 np.random.default_rng(0))
    assert penalty.item() == pytest.approx(1, rel=1e-4)
    assert np.isfinite(tg.grad(penalty, [x])[0].data).all()


# ---------------------------------------------------------- reconstruction


def test_gaussian_kl_against_an_integral():
    mu, logvar = np.array([[0.7, -1.0]]), np.array([[0.5, -1.2]])
    x = np.linspace(-12, 12, 200_001)[:, None]
    q = np.exp(-(x - mu) ** 2 / (2 * np.exp(logvar))) / np.sqrt(
        2 * np.pi * np.exp(logvar))
    p = np.exp(-x ** 2 / 2) / np.sqrt(2 * np.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(q > 0, q * np.log(q / p), 0)
    want = terms.sum() * (x[1, 0] - x[0, 0])
    assert value(L.gaussian_kl, mu, logvar) == pytest.approx(want, rel=1e-6)
    assert value(L.gaussian_kl, np.zeros((3, 2)), np.zeros((3, 2))) == 0
    tg.check_grads(L.gaussian_kl, mu, logvar)
    terms = L.kl_terms(tg.Tensor(mu), tg.Tensor(logvar)).data
    assert terms.shape == mu.shape
    assert terms.sum() / len(mu) == pytest.approx(want, rel=1e-6)


def test_gaussian_reconstruction_is_a_log_density():
    y, x = RNG.standard_normal((2, 3, 4))
    logvar = RNG.standard_normal((3, 4))
    density = np.exp(-(x - y) ** 2 / (2 * np.exp(logvar))) / np.sqrt(
        2 * np.pi * np.exp(logvar))
    assert value(L.gaussian_reconstruction, y, x, logvar) == pytest.approx(
        -np.log(density).sum() / 3, rel=1e-10)
    tg.check_grads(L.gaussian_reconstruction, y, x, logvar)


def test_bernoulli_reconstruction_maps_images_to_0_1_and_sums_over_pixels():
    x = np.array([[-1.0, 1.0, 0.0]] * 2)
    p = sig(np.array([[0.3, 0.4, 0.5]]))
    want = -np.log(1 - p[0, 0]) - np.log(p[0, 1]) - 0.5 * (
        np.log(p[0, 2]) + np.log(1 - p[0, 2]))
    for images in (x, tg.Tensor(x)):
        got = L.bernoulli_reconstruction(
            tg.Tensor(np.array([[0.3, 0.4, 0.5]] * 2)), images)
        assert got.item() == pytest.approx(want, rel=1e-12)


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("f, message", [
    (lambda x: L.cross_entropy(x, [0, 3]), r"0\.\.2, got 0\.\.3"),
    (lambda x: L.cross_entropy(x, [-1, 0]), r"0\.\.2, got -1\.\.0"),
    (lambda x: L.cross_entropy(x, [0.0, 1.0]), "2 integers, got float64"),
    (lambda x: L.cross_entropy(x, [0]), r"2 integers, got .* shape \(1,\)"),
    (lambda x: L.bce_with_logits(x, np.ones(3)),
     r"bce_with_logits: shapes \(2, 3\) and \(3,\)"),
    (lambda x: L.l1(x, np.ones((2, 1))), r"l1: shapes \(2, 3\) and \(2, 1\)"),
    (lambda x: L.bernoulli_reconstruction(x, np.full((2, 3), 255.0)),
     r"images must be in \[-1, 1\], got 255..255"),
    (lambda x: L.bernoulli_reconstruction(x, np.full((2, 3), -1.01)),
     r"\[-1, 1\], got -1.01..-1.01"),
    (lambda x: L.bernoulli_reconstruction(x, np.full((2, 3), np.nan)),
     r"\[-1, 1\], got nan"),
    (lambda x: L.bernoulli_reconstruction(x, np.ones((2, 2))),
     "bernoulli_reconstruction: shapes"),
    (lambda x: L.gaussian_reconstruction(x, np.ones(3)),
     "gaussian_reconstruction: shapes"),
    (lambda x: L.gradient_penalty(None, np.ones((2, 3)), np.ones((1, 3)),
                                  np.random.default_rng(0)),
     "gradient_penalty: shapes"),
    (lambda x: L.gaussian_kl(x, tg.Tensor(np.ones((2, 1)))),
     "gaussian_kl: shapes"),
])
def test_errors(f, message):
    with pytest.raises(ValueError, match=message):
        f(tg.Tensor(LOGITS))


# ---------------------------------------------------------- extreme numbers


def test_cross_entropy_of_large_logits_keeps_its_digits():
    """0.31326 of logits near 10,000 was 0.31348 in float32."""
    logits = np.array([[1e4, 9999], [-1e4, -9998]], np.float32)
    for labels in ([0, 1], [1, 0]):
        x, z = tg.Tensor(logits), tg.Tensor(logits.astype(float))
        y, want = L.cross_entropy(x, labels), L.cross_entropy(z, labels)
        assert y.item() == pytest.approx(want.item(), rel=1e-6)
        g, h = tg.grad(y, [x])[0], tg.grad(want, [z])[0]
        np.testing.assert_allclose(g.data, h.data, rtol=1e-5)
    x = tg.Tensor(np.array([[-3e38, 0, 3e37]], np.float32))
    for label, want in [(0, 3.3e38), (1, 3e37), (2, 0)]:
        y = L.cross_entropy(x, [label])
        assert y.item() == pytest.approx(want, rel=1e-6)
        assert np.isfinite(tg.grad(y, [x])[0].data).all()


def test_kl_of_extreme_variances():
    for logvar in (-100.0, 100.0):
        want = (0.25 + np.exp(logvar) - 1 - logvar) / 2
        x = [f(np.array([[v]])) for f, v in ((tg.Tensor, 0.5),
                                             (tg.Tensor, logvar))]
        y = L.gaussian_kl(*x)
        assert y.item() == pytest.approx(want, rel=1e-12)
        g = tg.grad(y, x, create_graph=True)
        h, = tg.grad(g[1].sum(), x[1:])
        assert g[1].item() == pytest.approx((np.exp(logvar) - 1) / 2)
        assert h.item() == pytest.approx(np.exp(logvar) / 2)
    low, high = (tg.Tensor(np.full((1, 1), v, np.float32))
                 for v in (-100.0, 100.0))
    assert L.gaussian_kl(0 * low, low).item() == 49.5
    with pytest.warns(RuntimeWarning, match="overflow"):
        y = L.gaussian_kl(0 * high, high)       # 1e43 is no float32
    with pytest.raises(FloatingPointError, match="op exp gave the first"):
        tg.grad(y, [high])


@pytest.mark.parametrize("loss", [L.gaussian_kl, L.gaussian_reconstruction,
                                  L.bernoulli_reconstruction, L.l1])
def test_an_empty_batch_is_refused(loss):
    """The Gaussian ones gave NaN."""
    with pytest.raises(ValueError, match=f"{loss.__name__} of.*nothing to"):
        loss(tg.Tensor(np.ones((0, 3))), np.ones((0, 3)))
