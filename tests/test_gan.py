"""The GAN: shapes, the rules of the game, and the same game in PyTorch."""

import dataclasses
import json

import numpy as np
import pytest
from torch_nets import to_float64, torch_layer

import tinygen as tg
from tinygen.models import gan
from tinygen.models.gan import GAN, LOSSES, GANConfig

SMALL = GANConfig(channels=2, size=8, noise=5, width=3)


def rng(seed=0):
    return np.random.default_rng(seed)


def real_images(n=6, config=SMALL, seed=1):
    return rng(seed).uniform(-1, 1, (n, config.size, config.size,
                                     config.channels)).astype(np.float32)


def values(net):
    return {k: p.data.copy() for k, p in tg.parameters(net).items()}


def changed(net, before):
    return [k for k, p in tg.parameters(net).items()
            if (p.data != before[k]).any()]


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("size", [4, 8, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(size, channels):
    config = GANConfig(channels=channels, size=size, noise=7, width=2)
    g, d = gan.generator(config, rng()), gan.discriminator(config, rng())
    images = g(tg.Tensor(np.ones((3, 7), np.float32)))
    assert images.shape == (3, size, size, channels)
    assert images.dtype == np.float32
    assert d(images).shape == (3, 1)


def test_the_networks_are_those_of_the_article():
    """7 x 7 x 256, then 14 x 14 x 128, 28 x 28 x 64, 28 x 28 x 3."""
    table = tg.summary(gan.generator(GANConfig(), rng()), (100,))
    outputs = [line.split()[2] for line in table.splitlines()[2:14]]
    assert [o for o in dict.fromkeys(outputs)] == [
        "12544", "7x7x256", "14x14x128", "28x28x64", "28x28x3"]
    table = tg.summary(gan.discriminator(GANConfig(), rng()), (28, 28, 3))
    assert [line.split()[2] for line in table.splitlines()[2:10]][::2] == [
        "14x14x64", "7x7x128", "4x4x256", "4096"]


def test_batch_norm_is_a_choice():
    plain = dataclasses.replace(SMALL, batch_norm=False)
    assert not any("running_mean" in k for k in tg.state(GAN(plain)))
    assert sum("running_mean" in k for k in tg.state(GAN(SMALL))) == 3


def test_names_say_which_network():
    model = GAN(SMALL)
    assert model.g[0].w.name == "g.0.w" and model.d[0].w.name == "d.0.w"
    names = list(tg.state(model))
    assert {n.split(".")[0] for n in names} == {"g", "d", "opt_g", "opt_d"}
    assert {"opt_g.t", "opt_g.m.0.w", "opt_d.v.0.w"} <= set(names)


# ------------------------------------------------------- rules of the game


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_takes_steps(loss):
    model = GAN(dataclasses.replace(SMALL, loss=loss))
    before = values(model)
    r = rng()
    for _ in range(3):
        report = model.step(real_images(), r)
    assert list(report) == ["d_loss", "d_accuracy", "g_loss"]
    assert all(type(v) is float and np.isfinite(v) for v in report.values())
    # D's last bias drops out of the Wasserstein loss, and of the hinge
    # loss while all logits are in (-1, 1)
    still = {"d.7.b"} if loss in ("wasserstein", "hinge") else set()
    assert set(before) - set(changed(model, before)) <= still


def test_ds_step_leaves_g_alone_and_gs_step_d():
    model = GAN(SMALL)
    g, d = values(model.g), values(model.d)
    gan.discriminator_step(model, real_images(), rng())
    assert changed(model.g, g) == [] and changed(model.d, d)
    assert model.opt_g.t == 0 and model.opt_d.t == 1
    d = values(model.d)
    gan.generator_step(model, 6, rng())
    assert changed(model.d, d) == [] and changed(model.g, g)
    assert model.opt_g.t == 1 and model.opt_d.t == 1


def test_no_gradient_of_ds_loss_reaches_g():
    model = GAN(SMALL)
    fake = model.sample(6, rng())
    loss, _, _ = gan.discriminator_loss(model, real_images(), fake, rng())
    with pytest.raises(ValueError, match=r"does not depend on g\.0\.w"):
        tg.grad(loss, model.g_parameters)


def test_a_loss_from_before_the_step_is_refused():
    model = GAN(SMALL)
    loss = gan.generator_loss(model, model.draw(6, rng()), rng())
    gan.discriminator_step(model, real_images(), rng())
    with pytest.raises(RuntimeError, match=r"d\.7\.w .*was changed"):
        tg.grad(loss, model.g_parameters)


def test_critic_steps():
    model = GAN(dataclasses.replace(SMALL, loss="wasserstein",
                                    critic_steps=4))
    model.step(real_images(), rng())
    assert (model.opt_d.t, model.opt_g.t) == (4, 1)


def test_the_penalty_is_only_for_wasserstein():
    for loss in LOSSES:
        config = dataclasses.replace(SMALL, loss=loss, penalty=0.0)
        free, held = [GAN(dataclasses.replace(config, penalty=p))
                      for p in (0.0, 10.0)]
        a, b = (gan.discriminator_loss(
            m, real_images(), real_images(seed=2), rng())[0].item()
            for m in (free, held))
        assert (a != b) == (loss == "wasserstein")


@pytest.mark.parametrize("loss", LOSSES)
def test_d_learns_to_tell_apart_and_g_to_please_a_frozen_d(loss):
    model = GAN(dataclasses.replace(SMALL, loss=loss, lr=1e-2))
    bright, r = np.ones_like(real_images(16)), rng()
    for _ in range(20):
        report = gan.discriminator_step(model, bright, r)
    if loss != "wasserstein":       # whose critic has no threshold
        assert report["d_accuracy"] == 1
    before = model.sample(16, rng(5)).mean()
    losses = [gan.generator_step(model, 16, r)["g_loss"] for _ in range(20)]
    assert losses[-1] < losses[0]
    assert model.sample(16, rng(5)).mean() > before


def test_accuracy_of_least_squares_is_counted_around_one_half():
    model = GAN(dataclasses.replace(SMALL, loss="least_squares", lr=0.0))
    last = model.d[len(model.d) - 1]
    last.w.assign(np.zeros(last.w.shape))
    for answer in (0.4, 0.5, 0.6):
        last.b.assign(np.array([answer]))   # all are called the same
        report = gan.discriminator_step(model, real_images(), rng())
        assert report["d_accuracy"] == 0.5
    assert model.middle == 0.5 and GAN(SMALL).middle == 0


# --------------------------------------------------- the same in PyTorch


def test_twenty_steps_like_torch(require):
    """The non-saturating game in float64: losses and weights to 1e-8."""
    torch = require("torch")
    model = GAN(SMALL, rng())
    to_float64(model.g, model.d)
    betas = (0.5, 0.999)
    model.opt_g = tg.Adam(tg.parameters(model.g), 2e-3, betas)
    model.opt_d = tg.Adam(tg.parameters(model.d), 2e-3, betas)
    model.draw = lambda n, rng: rng.standard_normal((n, 5))
    g, d = torch_layer(torch, model.g), torch_layer(torch, model.d)
    opt_g = torch.optim.Adam(g.parameters(), 2e-3, betas)
    opt_d = torch.optim.Adam(d.parameters(), 2e-3, betas)
    softplus = torch.nn.functional.softplus
    ours, theirs = rng(7), rng(7)
    for step in range(20):
        real = real_images(seed=step).astype(np.float64)
        report = model.step(real, ours)
        x = torch.tensor(real).permute(0, 3, 1, 2)
        fake = g(torch.tensor(theirs.standard_normal((6, 5)))).detach()
        d_loss = softplus(-d(x)).mean() + softplus(d(fake)).mean()
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        g_loss = softplus(-d(g(torch.tensor(
            theirs.standard_normal((6, 5)))))).mean()
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
        assert report["d_loss"] == pytest.approx(d_loss.item(), abs=1e-8)
        assert report["g_loss"] == pytest.approx(g_loss.item(), abs=1e-8)
    for net, module in ((model.g, g), (model.d, d)):
        again = torch_layer(torch, net).state_dict()
        for key, want in module.state_dict().items():
            if "num_batches" not in key and "running" not in key:
                assert (again[key] - want).abs().max() <= 1e-8, key
    norms = [m for m in g if isinstance(m, torch.nn.BatchNorm2d)]
    for mine, other in zip((model.g[2], model.g[5], model.g[8]), norms,
                           strict=True):
        np.testing.assert_allclose(mine.running_var, other.running_var,
                                   rtol=1e-8)
    g.eval()
    z = rng(3).standard_normal((4, 5))
    np.testing.assert_allclose(
        model.sample(4, rng(3)),
        g(torch.tensor(z)).permute(0, 2, 3, 1).detach().numpy(), atol=1e-8)


def test_wasserstein_penalty_like_torch(require):
    """D's gradients through the gradient penalty, all of its weights."""
    torch = require("torch")
    model = GAN(dataclasses.replace(SMALL, loss="wasserstein"), rng())
    d = torch_layer(torch, to_float64(model.d))
    real = real_images().astype(np.float64)
    fake = real_images(seed=2).astype(np.float64)
    loss, _, _ = gan.discriminator_loss(model, real, fake, rng(4))
    got = tg.grad(loss, model.d_parameters, unused="zeros")
    t = rng(4).random((6, 1, 1, 1))
    x, real, fake = (torch.tensor(a).permute(0, 3, 1, 2) for a in (
        t * real + (1 - t) * fake, real, fake))
    x.requires_grad_()
    dx, = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    norm = (dx.flatten(1) ** 2).sum(1).sqrt()
    want = d(fake).mean() - d(real).mean() + 10 * ((norm - 1) ** 2).mean()
    assert loss.item() == pytest.approx(want.item(), rel=1e-8)
    grads = torch.autograd.grad(want, list(d.parameters()))
    for a, b in zip(got, grads, strict=True):
        b = b.numpy()
        b = b.transpose(2, 3, 1, 0) if b.ndim == 4 else b.T
        np.testing.assert_allclose(a.data, b, rtol=1e-7, atol=1e-9)


# ---------------------------------------------------------------- sampling


def test_samples():
    model = GAN(SMALL)
    images = model.sample(5, rng())
    assert images.shape == (5, 8, 8, 2) and images.dtype == np.float32
    assert np.abs(images).max() <= 1 and np.ptp(images) > 0.1
    assert (images == model.sample(5, rng())).all()
    assert (images != model.sample(5, rng(1))).any()
    before = {k: a.copy() for k, a in tg.state(model).items()}
    model.sample(5, rng())
    assert all((a == before[k]).all() for k, a in tg.state(model).items())


def test_equal_seeds_give_equal_models_and_steps():
    states = []
    for _ in range(2):
        model, r = GAN(SMALL, rng(3)), rng(4)
        for _ in range(2):
            model.step(real_images(), r)
        states.append(tg.state(model))
    assert all((a == b).all() for a, b in zip(
        states[0].values(), states[1].values(), strict=True))


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("settings, message", [
    ({"loss": "lsgan"}, "loss is 'lsgan'; it must be one of non_saturating"),
    ({"size": 30}, "size is 30.*multiple of 4, such as"),
    ({"size": 0}, "such as 4"), ({"size": -4}, "such as 4"),
    ({"width": 0}, "width is 0; it must be at least 1"),
    ({"channels": 0}, "channels is 0"), ({"noise": -1}, "noise is -1"),
    ({"critic_steps": 0}, "critic_steps is 0")])
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        GANConfig(**settings)


@pytest.mark.parametrize("images, message", [
    (np.zeros((6, 9, 8, 2), np.float32),
     r"makes images 8 x 8 x 2, the batch holds \(9, 8, 2\).*GANConfig"),
    (np.zeros((6, 8, 8, 1), np.float32), "8 x 8 x 2.*8, 1"),
    (np.zeros((8, 8, 2), np.float32),
     r"a GAN takes images N H W C, the batch holds an array of \(8, 8, 2\)"),
    (np.float32(1), "the batch holds a float32"),
    (np.zeros((6, 8, 8, 2)).tolist(), "the batch holds a list"),
    (np.full((6, 8, 8, 2), 255, np.uint8), r"uint8 in 255..255.*\[-1, 1\]"),
    (np.full((6, 8, 8, 2), 1.01, np.float32), "float32 in 1.01..1.01"),
    (np.full((6, 8, 8, 2), np.nan, np.float32), "nan..nan"),
    (np.zeros((0, 8, 8, 2), np.float32), "empty")])
def test_images_that_do_not_belong_here(images, message):
    model = GAN(SMALL)
    before = values(model)
    with pytest.raises(ValueError, match=message):
        model.step(images, rng())
    assert changed(model, before) == []


def test_the_config_is_json():
    assert GANConfig(**json.loads(json.dumps(dataclasses.asdict(
        SMALL)))) == SMALL


# ------------------------------------------- labels, spectral norm, average

CLASSES = GANConfig(channels=1, size=4, noise=3, width=4, classes=2, lr=1e-2)
AVERAGED = dataclasses.replace(CLASSES, average=0.9, spectral=True,
                               loss="hinge")


def black_and_white(n=64):
    """Images all black (label 0) or all white (label 1)."""
    labels = rng(2).integers(2, size=n)
    shade = np.where(labels == 1, 0.8, -0.8).astype(np.float32)
    return np.broadcast_to(shade[:, None, None, None], (n, 4, 4, 1)), labels


@pytest.mark.parametrize("loss", LOSSES)
def test_a_conditional_gan_draws_the_class_that_is_asked_for(loss):
    model, r = GAN(dataclasses.replace(CLASSES, loss=loss), rng()), rng()
    images, labels = black_and_white()
    for _ in range(60):
        model.step(images, r, labels=labels)
    for _ in range(2):
        black, white = (model.sample(20, r, labels=[k] * 20).mean()
                        for k in (0, 1))
        assert white - black > 0.5
    in_turn = model.sample(20, r).mean(axis=(1, 2, 3))
    assert (in_turn[1::2] - in_turn[::2]).mean() > 0.5


def test_labels_are_channels_more():
    model = GAN(dataclasses.replace(SMALL, classes=3))
    assert model.g[0].w.shape == (5 + 3, 2 * 2 * 12)
    assert model.d[0].w.shape == (3, 3, 2 + 3, 3)
    z = model.told(model.draw(2, rng()), [2, 0])
    assert (z[:, 5:] == [[0, 0, 1], [1, 0, 0]]).all()


def test_without_classes_nothing_changes():
    """The same draws, the same names of weights as before there were any."""
    a, b = GAN(SMALL), GAN(dataclasses.replace(SMALL, spectral=True))
    assert list(tg.state(a)) == [k.replace(".layer", "") for k in tg.state(b)
                                 if not k.endswith(".u")]
    assert (a.g[0].w.data == b.g[0].w.data).all()


def test_spectral_norm_bounds_each_layer_of_d():
    model, r = GAN(dataclasses.replace(SMALL, spectral=True, lr=1e-2)), rng()
    for _ in range(30):
        model.step(real_images(), r)
    x = rng(3).standard_normal((50, 4 * 3)).astype(np.float32)
    x = np.concatenate([x, 1.001 * x])
    last = model.d[7]
    assert isinstance(last, tg.SpectralNorm)
    y = last(tg.Tensor(x)).data
    slope = np.abs(y[50:] - y[:50])[:, 0] / np.linalg.norm(
        x[50:] - x[:50], axis=1)
    assert slope.max() <= 1.05


def test_samples_come_from_the_averaged_weights():
    model, r = GAN(AVERAGED), rng()
    images, labels = black_and_white()
    seen, want = [], values(model.g)
    for t in range(6):
        model.step(images, r, labels=labels)
        seen.append(values(model.g))
        decay = min(0.9, (1 + t) / (10 + t))
        want = {k: decay * a + (1 - decay) * seen[-1][k]
                for k, a in want.items()}
    with model.averaged():
        for k, p in tg.parameters(model.g).items():
            np.testing.assert_allclose(p.data, want[k], atol=1e-5)
        z = model.told(model.draw(4, rng(1)), np.arange(4) % 2)
        plain = model.g(tg.Tensor(z))
    assert changed(model.g, seen[-1]) == []
    assert (model.sample(4, rng(1)) == plain.data).all()


def test_a_sampler_file_holds_the_averaged_weights(tmp_path):
    model, r = GAN(AVERAGED), rng()
    images, labels = black_and_white()
    for _ in range(30):
        model.step(images, r, labels=labels)
    tg.training.save_sampler(tmp_path / "g.safetensors", model, "g")
    again, _ = tg.training.load_model(tmp_path / "g.safetensors")
    np.testing.assert_allclose(again.sample(6, rng(1)),
                               model.sample(6, rng(1)), atol=0.01)


@pytest.mark.parametrize("labels, message", [
    (None, "this GAN has 2 classes: give labels, one for each image"),
    ([0, 1, 0], r"there are 64 images, but the labels have shape \(3,\)"),
    ([2] * 64, r"labels must be whole numbers in 0\.\.1, got 2"),
    ([0.5] * 64, "whole numbers in 0..1, got 0.5"),
    ([-1] * 64, "got -1"), (["cat"] * 64, "got cat")])
def test_labels_that_do_not_belong_here(labels, message):
    model = GAN(CLASSES)
    before = values(model)
    images, _ = black_and_white()
    with pytest.raises(ValueError, match=message):
        model.step(images, rng(), labels=labels)
    if labels is not None:
        with pytest.raises(ValueError, match=message):
            model.sample(64, rng(), labels=labels)
    assert changed(model, before) == []


def test_labels_for_a_gan_without_classes():
    with pytest.raises(ValueError, match="no classes: set classes in GANC"):
        GAN(SMALL).step(real_images(), rng(), labels=[0] * 6)
    with pytest.raises(ValueError, match="has no classes"):
        GAN(SMALL).sample(6, rng(), labels=[0] * 6)


@pytest.mark.parametrize("settings, message", [
    ({"classes": -1}, "classes is -1"), ({"average": 1.0}, "average is 1.0"),
    ({"average": -0.1}, "average is -0.1")])
def test_more_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        GANConfig(**settings)
