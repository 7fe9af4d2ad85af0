"""The VAE: shapes, each formula against plain NumPy, the same in PyTorch."""

import dataclasses
import json

import numpy as np
import pytest
from torch_nets import to_float64, torch_layer

import tinygen as tg
from tinygen.models import vae
from tinygen.models.vae import VAE, VAEConfig

SMALL = VAEConfig(channels=2, size=8, latent=3, width=2, hidden=5)
KINDS = {"conv": SMALL,
         "dense": dataclasses.replace(SMALL, network="dense"),
         "ink": dataclasses.replace(SMALL, network="dense",
                                    decoder="bernoulli", samples=2)}
kinds = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


def rng(seed=0):
    return np.random.default_rng(seed)


def some_images(n=6, config=SMALL, seed=1):
    return rng(seed).uniform(-1, 1, (n, config.size, config.size,
                                     config.channels)).astype(np.float32)


def doubled(config, seed=0):
    """A VAE in float64, its noise too, with biases that are not 0."""
    model = VAE(config, rng(seed))
    to_float64(model.encoder, model.decoder)
    for p in tg.parameters(model.networks).values():
        p.assign(p.data + 0.05)
    vae.start(model, some_images(6, config))
    model.opt = tg.Adam(tg.parameters(model.networks), config.lr,
                        eps=config.eps)
    model.draw = lambda k, n, r: r.standard_normal((k, n, config.latent))
    return model


def changed(model, before):
    return [k for k, a in tg.state(model.networks).items()
            if (a != before[k]).any()]


def state(model):
    return {k: a.copy() for k, a in tg.state(model).items()}


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("network", ["conv", "dense"])
@pytest.mark.parametrize("size", [4, 8, 28])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(network, size, channels):
    config = VAEConfig(channels=channels, size=size, network=network,
                       latent=7, width=2, hidden=4)
    model = VAE(config)
    x = some_images(3, config)
    mu, logvar = model.encode(x)
    assert mu.shape == logvar.shape == (3, 7)
    assert mu.dtype == logvar.dtype == np.float32
    for images in (model.decode(mu), model.reconstruct(x),
                   model.sample(3, rng())):
        assert images.shape == (3, size, size, channels)
        assert images.dtype == np.float32 and np.abs(images).max() <= 1
    assert model.interpolate(x[0], x[1], 5).shape == (5, size, size, channels)


def test_any_size_for_the_dense_network():
    config = VAEConfig(size=7, channels=1, network="dense", hidden=3)
    assert VAE(config).sample(2, rng()).shape == (2, 7, 7, 1)


def test_the_networks_are_those_of_the_article():
    """Strides 64, 128, 256; upsampling to 128 and 64; a latent of 128."""
    model = VAE()
    table = tg.summary(model.encoder.trunk, (28, 28, 3))
    outputs = [line.split()[2] for line in table.splitlines()[2:9]]
    assert list(dict.fromkeys(outputs)) == [
        "14x14x64", "7x7x128", "4x4x256", "4096"]
    table = tg.summary(model.decoder, (128,))
    outputs = [line.split()[2] for line in table.splitlines()[2:10]]
    assert list(dict.fromkeys(outputs)) == [
        "12544", "7x7x256", "14x14x128", "28x28x64", "28x28x3"]


def test_the_dense_network_is_that_of_burda_et_al():
    """784-200-200-50 and back, tanh between."""
    config = VAEConfig(channels=1, network="dense", latent=50)
    shapes = [p.shape for p in tg.parameters(VAE(config).networks).values()
              if p.ndim == 2]
    assert shapes == [(784, 200), (200, 200), (200, 50), (200, 50),
                      (50, 200), (200, 200), (200, 784)]


def test_names_say_which_network():
    names = list(tg.state(VAE(SMALL)))
    assert {n.split(".")[0] for n in names} == {"encoder", "decoder", "opt"}
    assert {"encoder.mu.w", "decoder.0.w", "opt.t",
            "opt.m.encoder.logvar.b"} <= set(names)


@kinds
def test_the_first_step_starts_at_the_mean_image(config):
    model, x = VAE(dataclasses.replace(config, lr=0.0)), some_images(50)
    last = list(tg.parameters(model.decoder).values())[-2]
    last.assign(np.zeros(last.shape))
    model.step(x, rng())
    axis = (0, 1, 2) if config.network == "conv" else 0
    assert np.allclose(model.sample(1, rng())[0], x.mean(axis=axis),
                       atol=1e-5)
    model.step(-x, rng())       # in the first step only
    assert np.allclose(model.sample(1, rng())[0], x.mean(axis=axis),
                       atol=1e-5)
    vae.start(model, np.ones_like(x))       # white: no infinity
    assert 0.95 < model.sample(1, rng()).min() < 1
    if config.network == "dense":
        h = model.encoder.trunk[1](tg.Tensor(np.ones((1, 128), "f")))
        assert np.abs(h.data).max() < 1e-5


def test_logvar_is_bounded_and_the_identity_near_zero():
    model = VAE(SMALL)
    model.encoder.logvar.w.assign(np.zeros(model.encoder.logvar.w.shape))
    for raw in (-1e6, -1.0, 0.0, 0.1, 1e6):
        model.encoder.logvar.b.assign(np.full(3, raw))
        _, logvar = model.encode(some_images())
        assert np.abs(logvar).max() <= 10
        if abs(raw) <= 1:
            assert np.allclose(logvar, raw, atol=0.004)
    report = model.step(some_images(), rng())       # at the bound
    assert all(np.isfinite(v) for v in report.values())


# --------------------------------------------------------------- objective


def test_the_variance_is_e_to_the_logvar():
    """e^logvar is the variance, not the spread."""
    mu, logvar = np.array([[1.0, -2.0]]), np.array([[np.log(4), np.log(9)]])
    z = vae.reparameterize(tg.Tensor(mu), tg.Tensor(logvar), np.array(
        [[[1.0, 1.0]], [[0.0, -1.0]]])).data
    assert np.allclose(z, [[[3, 1]], [[1, -5]]])
    tg.check_grads(lambda m, v: vae.reparameterize(m, v, rng(
        ).standard_normal((4, 1, 2))), mu, logvar)


def log_normal(x, mean, var):
    return -0.5 * (np.log(2 * np.pi * var) + (x - mean) ** 2 / var)


def by_hand(model, x, eps):
    """log p(x given z), the KLs and log w, from densities in NumPy."""
    c = model.config
    mu, logvar = model.encode(x)
    z = mu + np.sqrt(np.exp(logvar)) * eps
    y = model.decode(z.reshape(-1, c.latent)).reshape(len(eps), *x.shape)
    if c.decoder == "bernoulli":
        p, t = (y + 1) / 2, (x + 1) / 2
        fit = t * np.log(p) + (1 - t) * np.log(1 - p)
    else:
        fit = log_normal(x, y, c.sigma ** 2)
    fit = fit.sum(axis=(2, 3, 4))
    kl = 0.5 * (mu ** 2 + np.exp(logvar) - 1 - logvar)
    prior = log_normal(z, 0, 1).sum(axis=2)
    posterior = log_normal(z, mu, np.exp(logvar)).sum(axis=2)
    return fit, kl, fit + prior - posterior


@kinds
def test_the_terms_and_the_bounds_by_their_definitions(config):
    model, x = doubled(config), some_images().astype(np.float64)
    eps = model.draw(4, len(x), rng(2))
    fit, kl, w = by_hand(model, x, eps)
    got = vae.elbo_terms(model, x, eps)
    assert np.allclose(got[0].data, fit, rtol=1e-10)
    assert np.allclose(got[1].data, kl, rtol=1e-10)
    assert np.allclose(vae.elbo(model, x, eps).data,
                       fit.mean(axis=0) - kl.sum(axis=1), rtol=1e-10)
    assert np.allclose(vae.log_weights(model, x, eps).data, w, rtol=1e-10)
    bound = vae.importance_bound(model, x, eps).data
    assert np.allclose(bound, np.log(np.exp(w - w.max()).mean(axis=0))
                       + w.max(), rtol=1e-10)
    # by Jensen, draw for draw
    assert (w.mean(axis=0) <= bound).all() and np.ptp(w, axis=0).min() > 0


@kinds
def test_more_draws_make_a_tighter_bound(config):
    model, x = doubled(config), some_images(2).astype(np.float64)

    def mean(bound, k):
        many = np.repeat(x, 300, axis=0)
        with tg.no_grad():
            return bound(model, many, model.draw(k, len(many), rng(k))
                         ).data.mean()

    elbo = mean(vae.elbo, 1)
    one, five, fifty = (mean(vae.importance_bound, k) for k in (1, 5, 50))
    assert one < five < fifty and elbo < five
    assert one == pytest.approx(elbo, rel=0.02)     # equal, but for chance


@kinds
def test_the_terms_are_those_of_losses(config):
    model, x = doubled(config), some_images().astype(np.float64)
    fit, kl = vae.elbo_terms(model, x, model.draw(1, len(x), rng()))
    mu, logvar = (tg.Tensor(a) for a in model.encode(x))
    z = vae.reparameterize(mu, logvar, model.draw(1, len(x), rng())[0])
    y = model.decoder(z)
    loss = (tg.losses.bernoulli_reconstruction(y, x)
            if config.decoder == "bernoulli" else
            tg.losses.gaussian_reconstruction(
                tg.tanh(y), x, 2 * np.log(config.sigma)))
    assert -fit.data.mean() == pytest.approx(loss.item(), rel=1e-10)
    assert kl.data.sum() / len(x) == pytest.approx(
        tg.losses.gaussian_kl(mu, logvar).item(), rel=1e-10)


@pytest.mark.parametrize("settings", [
    {}, {"beta": 0.3}, {"warmup": 10}, {"beta": 2.0, "warmup": 4},
    {"free_bits": 0.07}, {"samples": 3}])
def test_the_loss_by_its_definition(settings):
    model = doubled(dataclasses.replace(SMALL, lr=0.0, **settings))
    c, x = model.config, some_images().astype(np.float64)
    for step in range(6):
        fit, kl, _ = by_hand(model, x, model.draw(c.samples, 6, rng(step)))
        kl = kl.mean(axis=0)
        beta = c.beta * min(1, (step + 1) / (c.warmup or 1))
        want = -fit.mean() + beta * np.maximum(kl, c.free_bits).sum()
        report = model.step(x, rng(step))
        assert report["loss"] == pytest.approx(want, rel=1e-10)
        assert report["reconstruction"] == pytest.approx(-fit.mean())
        assert report["kl"] == pytest.approx(kl.sum())
    if c.free_bits:     # both kinds of latents were there
        assert kl.min() < c.free_bits < kl.max()


def test_the_importance_loss_by_its_definition():
    model = doubled(dataclasses.replace(SMALL, importance=True, samples=4))
    x = some_images().astype(np.float64)
    _, _, w = by_hand(model, x, model.draw(4, 6, rng(2)))
    want = -np.log(np.exp(w - w.max()).mean(axis=0)).mean() - w.max()
    assert model.step(x, rng(2)) == {"loss": pytest.approx(want, rel=1e-10)}


@pytest.mark.parametrize("settings", [
    {}, {"beta": 0.5, "free_bits": 0.07}, {"importance": True, "samples": 2}])
@kinds
def test_gradients(config, settings):
    """Of the loss, along every weight, by finite differences."""
    config = dataclasses.replace(config, width=1, hidden=2, latent=2, size=4,
                                 **{"samples": 1} | settings)
    model, x = doubled(config), some_images(3, config).astype(np.float64)
    eps = model.draw(config.samples, 3, rng(2))
    weights = tg.parameters(model.networks)

    def loss(*arrays):
        for p, a in zip(weights.values(), arrays, strict=True):
            p.data = a.data
        return vae.objective(model, x, eps)[0]

    arrays = [p.data.copy() for p in weights.values()]
    got = tg.grad(loss(*map(tg.Tensor, arrays)), list(weights.values()))
    for k, g in enumerate(got):
        for at in np.ndindex(g.shape):
            two = []
            for step in (1e-5, -1e-5):
                moved = [a.copy() for a in arrays]
                moved[k][at] += step
                two.append(loss(*map(tg.Tensor, moved)).item())
            assert g.data[at] == pytest.approx(
                (two[0] - two[1]) / 2e-5, rel=1e-5, abs=1e-6)


# ---------------------------------------------------------------- measuring


@pytest.mark.parametrize("kind", ["dense", "ink"])
def test_the_likelihood_is_the_integral_over_a_single_latent(kind):
    model = doubled(dataclasses.replace(KINDS[kind], latent=1, sigma=1.0))
    x = some_images(4).astype(np.float64)
    z = np.linspace(-9, 9, 3001)
    with tg.no_grad():
        fit = vae.log_px(model, x, tg.Tensor(np.broadcast_to(
            z[:, None, None], (3001, 4, 1)).copy())).data
    y = fit + log_normal(z, 0, 1)[:, None]
    want = np.log(np.exp(y - y.max(axis=0)).sum(axis=0) * (z[1] - z[0])
                  ) + y.max(axis=0)
    got = model.log_likelihood(x, 5000, rng())
    assert np.allclose(got, want, atol=0.05)
    with tg.no_grad():
        elbo = vae.elbo(model, x, model.draw(200, 4, rng(1))).data
    assert (elbo < want).all()


def test_the_likelihood_decodes_a_bounded_number_at_a_time():
    model = VAE(KINDS["ink"])
    decode, seen = model.decoder, []
    model.decoder = lambda z: seen.append(len(z)) or decode(z)
    x = some_images(7)
    assert model.log_likelihood(x, 10, rng(), rows=25).shape == (7,)
    assert max(seen) <= 25 and sum(seen) == 70
    seen.clear()
    model.log_likelihood(x, 10, rng(), rows=4)
    assert max(seen) <= 4 and sum(seen) == 70


def test_active_units():
    model = VAE(dataclasses.replace(SMALL, network="dense"))
    for head, numbers in (("w", [0, 1e-4, 5]), ("b", [9, 0, 0])):
        p = getattr(model.encoder.mu, head)
        p.assign(np.broadcast_to(np.float32(numbers), p.shape))
    assert model.active_units(some_images(50)).tolist() == [
        False, False, True]
    assert model.active_units(some_images(50), 1e3).sum() == 0


# -------------------------------------------------------------------- step


def test_ink_is_drawn_anew_with_the_grey_as_its_chance():
    grey = np.broadcast_to(np.float32([-1, -0.5, 0.2, 1]), (20_000, 4))
    ink = vae.binarize(grey, rng())
    assert set(np.unique(ink)) == {-1, 1} and ink.dtype == np.float32
    assert np.allclose(ink.mean(axis=0), [-1, -0.5, 0.2, 1], atol=0.03)
    assert (ink[:, 0] == -1).all() and (ink[:, 3] == 1).all()
    assert (vae.binarize(grey, rng(1)) != ink).any()


def test_binarize_is_used_in_the_step(monkeypatch):
    seen, real = [], vae.objective
    monkeypatch.setattr(vae, "objective", lambda model, x, eps: (
        seen.append(x) or real(model, x, eps)))
    model = VAE(dataclasses.replace(KINDS["ink"], binarize=True))
    for _ in range(2):
        model.step(np.zeros((6, 8, 8, 2), np.float32), rng(1))
    assert set(np.unique(seen[0])) == {-1, 1}


def test_the_learning_rate_falls_to_zero():
    config = dataclasses.replace(SMALL, lr=0.1, decay_start=2, decay_end=4)
    model, seen = VAE(config), []
    for _ in range(5):
        seen.append(model.lr)
        before = {k: a.copy() for k, a in tg.state(model.networks).items()}
        model.step(some_images(), rng())
    assert seen == pytest.approx([0.1, 0.1, 0.1, 0.05, 0])
    assert changed(model, before) == []


@kinds
def test_every_weight_learns_and_the_loss_falls(config):
    model = VAE(dataclasses.replace(config, lr=0.01))
    before = {k: a.copy() for k, a in tg.state(model.networks).items()}
    r = rng()
    losses = [model.step(some_images(), r)["loss"] for _ in range(60)]
    assert set(changed(model, before)) == set(before)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize("settings", [
    {}, {"binarize": True, "warmup": 3, "decay_end": 9},
    {"importance": True, "samples": 3}])
def test_a_training_resumes_to_the_bit(tmp_path, settings):
    def train(steps, out, resume=False):
        model = VAE(dataclasses.replace(KINDS["ink"], channels=1, **settings))
        tg.fit(model, some_images(20, model.config), steps, batch=8,
               out=tmp_path / out, resume=resume, progress=False)
        return tg.state(model)

    whole = train(6, "whole")
    train(2, "parts")
    parts = train(6, "parts", resume=True)
    assert whole.keys() == parts.keys()
    assert all((whole[k] == parts[k]).all() for k in whole)
    again, _ = tg.training.load_model(
        tmp_path / "parts" / tg.training.CHECKPOINT)
    assert all((whole[k] == a).all() for k, a in tg.state(again).items())


# --------------------------------------------------- the same in PyTorch


def torch_vae(torch, model):
    """The VAE's networks in PyTorch and its bounds, written again."""
    c = model.config
    nets = torch.nn.ModuleDict({
        "trunk": torch_layer(torch, model.encoder.trunk),
        "mu": torch_layer(torch, model.encoder.mu),
        "logvar": torch_layer(torch, model.encoder.logvar),
        "decoder": torch_layer(torch, model.decoder)})

    def loss(x, eps, beta):
        x = torch.tensor(x).permute(0, 3, 1, 2)
        h = nets["trunk"](x)
        mu, logvar = nets["mu"](h), 10 * torch.tanh(nets["logvar"](h) / 10)
        q = torch.distributions.Normal(mu, torch.exp(logvar / 2))
        z = mu + torch.exp(logvar / 2) * torch.tensor(eps)
        y = nets["decoder"](z.flatten(0, 1)).unflatten(0, z.shape[:2])
        if c.decoder == "bernoulli":
            fit = -torch.nn.functional.binary_cross_entropy_with_logits(
                y, ((x + 1) / 2).expand_as(y), reduction="none")
        else:
            fit = torch.distributions.Normal(torch.tanh(y), c.sigma
                                             ).log_prob(x)
        fit = fit.sum(dim=(2, 3, 4))
        prior = torch.distributions.Normal(
            torch.zeros_like(mu), torch.ones_like(mu))
        if c.importance:
            w = fit + (prior.log_prob(z) - q.log_prob(z)).sum(dim=2)
            return -(torch.logsumexp(w, 0) - np.log(len(eps))).mean()
        kl = torch.distributions.kl_divergence(q, prior).mean(dim=0)
        return beta * kl.clamp(min=c.free_bits).sum() - fit.mean()

    return nets, loss


SETTINGS = [{}, {"beta": 0.5, "warmup": 5, "samples": 2},
            {"free_bits": 0.07}, {"importance": True, "samples": 3}]


@pytest.mark.parametrize("config, settings", [pytest.param(
    config, settings, id=f"{kind}-{k}",
    marks=[pytest.mark.long] if (i - k) % len(KINDS) else [])
    for i, (kind, config) in enumerate(KINDS.items())
    for k, settings in enumerate(SETTINGS)])
def test_twenty_steps_like_torch(require, config, settings):
    """In float64: losses and weights to 1e-8. Each kind and each of the
    settings is met by a quick test, all pairs by the long ones."""
    torch = require("torch")
    model = doubled(dataclasses.replace(config, lr=2e-3, **settings))
    vae.start(model, some_images(seed=0))
    nets, loss = torch_vae(torch, model)
    opt = torch.optim.Adam(nets.parameters(), 2e-3)
    for step in range(20):
        x, beta = some_images(seed=step).astype(np.float64), model.beta
        eps = model.draw(model.config.samples, len(x), rng(step))
        report = model.step(x, rng(step))
        theirs = loss(x, eps, beta)
        opt.zero_grad()
        theirs.backward()
        opt.step()
        assert report["loss"] == pytest.approx(theirs.item(), abs=1e-8,
                                               rel=1e-12)
    again = torch_vae(torch, model)[0].state_dict()
    for key, want in nets.state_dict().items():
        assert (again[key] - want).abs().max() <= 1e-8, key


# ---------------------------------------------------------------- sampling


def test_samples_come_from_the_prior_alone():
    model = VAE(SMALL)
    before = state(model)
    images = model.sample(5, rng())
    assert (images == model.sample(5, rng())).all()
    assert (images != model.sample(5, rng(1))).any()
    assert all((a == before[k]).all() for k, a in tg.state(model).items())
    model.encoder = None
    assert (images == model.sample(5, rng())).all()


def test_interpolation_starts_and_ends_at_the_reconstructions():
    model, x = VAE(SMALL), some_images(2)
    row = model.interpolate(x[0], x[1], steps=4)
    assert np.allclose(row[[0, -1]], model.reconstruct(x), atol=1e-6)


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("settings, message", [
    ({"network": "mlp"}, "network is 'mlp'; it must be one of conv, dense"),
    ({"decoder": "laplace"}, "decoder is 'laplace'.*bernoulli, gaussian"),
    ({"size": 30}, "size is 30.*multiple of 4, such as 32, or network"),
    ({"size": 2}, "such as 4"), ({"size": 0}, "size is 0"),
    ({"latent": 0}, "latent is 0; it must be at least 1"),
    ({"channels": 0}, "channels is 0"), ({"samples": 0}, "samples is 0"),
    ({"beta": -1}, "beta is -1; it must be a number from 0"),
    ({"beta": float("nan")}, "beta is nan"), ({"lr": -1.0}, "lr is -1"),
    ({"free_bits": -0.1}, "free_bits is -0.1"),
    ({"sigma": 0.0}, "sigma is 0.0; it must be above 0"),
    ({"importance": True, "beta": 2.0}, "no KL term"),
    ({"importance": True, "warmup": 10}, "no KL term")])
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        VAEConfig(**settings)


@pytest.mark.parametrize("call", ["step", "encode", "reconstruct",
                                  "log_likelihood"])
@pytest.mark.parametrize("images, message", [
    (np.zeros((6, 9, 8, 2), np.float32),
     r"this VAE makes images 8 x 8 x 2, the batch holds \(9, 8, 2\).*VAEConf"),
    (np.zeros((6, 8, 8, 1), np.float32), "8 x 8 x 2.*8, 1"),
    (np.full((6, 8, 8, 2), 255, np.uint8), r"uint8 in 255..255.*\[-1, 1\]"),
    (np.full((6, 8, 8, 2), 1.01, np.float32), "float32 in 1.01..1.01"),
    (np.full((6, 8, 8, 2), np.nan, np.float32), "nan..nan"),
    (np.zeros((0, 8, 8, 2), np.float32), "empty")])
def test_images_that_do_not_belong_here(call, images, message):
    model = VAE(SMALL)
    before = state(model)
    more = {"step": (rng(),), "log_likelihood": (5, rng())}.get(call, ())
    with pytest.raises(ValueError, match=message):
        getattr(model, call)(images, *more)
    assert all((a == before[k]).all() for k, a in tg.state(model).items())


def test_a_likelihood_needs_a_draw():
    with pytest.raises(ValueError, match="k is 0; it must be at least 1"):
        VAE(SMALL).log_likelihood(np.zeros((6, 8, 8, 2), np.float32), 0,
                                  rng())


def test_the_config_is_json():
    assert VAEConfig(**json.loads(json.dumps(dataclasses.asdict(
        SMALL)))) == SMALL


# ------------------------------------------------------------------ labels

CLASSES = VAEConfig(channels=1, size=4, latent=2, width=2, classes=2,
                    lr=1e-2)


def test_a_conditional_vae_draws_the_class_that_is_asked_for():
    labels = rng(2).integers(2, size=64)
    shade = np.where(labels == 1, 0.8, -0.8).astype(np.float32)
    images = np.broadcast_to(shade[:, None, None, None], (64, 4, 4, 1))
    model, r = VAE(CLASSES), rng()
    for _ in range(60):
        report = model.step(images, r, labels=labels)
    black, white = (model.sample(20, r, labels=[k] * 20).mean()
                    for k in (0, 1))
    assert white - black > 1 and report["kl"] < 1   # z need not say it
    in_turn = model.sample(4, r).mean(axis=(1, 2, 3))
    assert (in_turn[1::2] > in_turn[::2]).all()
    again = model.reconstruct(images[:8], labels[:8])
    assert np.abs(again - images[:8]).mean() < 0.3
    told = model.log_likelihood(images[:8], 4, r, labels=labels[:8])
    lied = model.log_likelihood(images[:8], 4, r, labels=1 - labels[:8])
    assert told.shape == (8,) and (told > lied).all()
    assert model.active_units(images, labels=labels).shape == (2,)


def test_the_bound_is_told_the_label_of_each_draw():
    """With three draws: their mean is that of three bounds of one draw."""
    model = VAE(dataclasses.replace(CLASSES, lr=0.0))
    x = model.told(some_images(5, CLASSES), [0, 1, 0, 1, 1])
    eps = model.draw(3, 5, rng())
    want = [vae.elbo(model, x, eps[k:k + 1]).data for k in range(3)]
    np.testing.assert_allclose(vae.elbo(model, x, eps).data,
                               np.mean(want, axis=0), rtol=1e-5)
    images, labels = vae.split(x, CLASSES)
    assert (images == some_images(5, CLASSES)).all()
    assert labels == [0, 1, 0, 1, 1]


def test_labels_that_do_not_belong_here():
    model, x = VAE(CLASSES), some_images(6, CLASSES)
    with pytest.raises(ValueError, match="this VAE has 2 classes: give"):
        model.step(x, rng())
    with pytest.raises(ValueError, match=r"in 0\.\.1, got 7"):
        model.encode(x, [0, 1, 7, 1, 0, 1])
    with pytest.raises(ValueError, match="no classes: set classes in VAEC"):
        VAE(SMALL).step(some_images(), rng(), labels=[0] * 6)
    with pytest.raises(ValueError, match="classes are for network='conv'"):
        VAEConfig(classes=2, network="dense")
    with pytest.raises(ValueError, match="classes is -1"):
        VAEConfig(classes=-1)
