"""The CycleGAN: shapes, each term of the loss, who learns from what, and
the same training in PyTorch."""

import dataclasses
import json

import numpy as np
import pytest
from torch_nets import to_float64, torch_layer

import tinygen as tg
from tinygen import training
from tinygen.models import cyclegan
from tinygen.models.cyclegan import CycleGAN, CycleGANConfig

SMALL = CycleGANConfig(channels=3, size=8, width=2, blocks=1, pool=5,
                       schedule=40)


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n=4, config=SMALL, seed=1):
    """A pair (a, b) of batches."""
    r = rng(seed)
    return tuple(r.uniform(-1, 1, (n, config.size, config.size,
                                   config.channels)).astype(np.float32)
                 for _ in "ab")


def values(net):
    return {k: p.data.copy() for k, p in tg.parameters(net).items()}


def changed(net, before):
    return [k for k, p in tg.parameters(net).items()
            if (p.data != before[k]).any()]


def other(**settings):
    return CycleGAN(dataclasses.replace(SMALL, **settings))


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(size, channels):
    config = CycleGANConfig(channels=channels, size=size, width=2)
    x = tg.Tensor(images(3, config)[0])
    y = cyclegan.Translator(config, rng())(x)
    assert y.shape == x.shape and y.dtype == np.float32
    assert np.abs(y.data).max() < 1
    assert cyclegan.discriminator(config, rng())(x).shape == (
        3, size // 4, size // 4, 1)


def test_a_verdict_sees_26_by_26_pixels():
    """Without the norm, which sees the whole image."""
    config = CycleGANConfig(channels=1, size=64, width=2)
    d = cyclegan.discriminator(config, rng())
    net = tg.Sequential(*[layer for layer in d.layers.values()
                          if not isinstance(layer, tg.InstanceNorm)])
    x = tg.Tensor(rng().standard_normal((1, 64, 64, 1)))
    to_float64(net)
    g, = tg.grad(net(x)[0, 7, 7, 0], [x])
    rows, columns = np.nonzero(g.data[0, :, :, 0])
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == 26


def test_names_say_which_network():
    model = CycleGAN(SMALL)
    assert model.ab.first[1].w.name == "ab.first.1.w"
    assert model.d_b[0].w.name == "d_b.0.w"
    assert {n.split(".")[0] for n in tg.state(model)} == {
        "ab", "ba", "d_a", "d_b", "opt_g", "opt_d", "pool_a", "pool_b"}
    assert {n.split(".")[0] for n in tg.state(model.generators)} == {
        "ab", "ba"}


# --------------------------------------------------------------- objective


def by_hand(model, a, b):
    """The terms in plain NumPy, from what the networks answer."""
    def run(net, x):
        return net(tg.Tensor(x), train=True).data.astype(np.float64)

    fake_a, fake_b = run(model.ba, b), run(model.ab, a)
    back_a = run(model.ba, fake_b.astype(np.float32))
    back_b = run(model.ab, fake_a.astype(np.float32))
    return {
        "gan": ((run(model.d_a, fake_a.astype(np.float32)) - 1) ** 2).mean()
        + ((run(model.d_b, fake_b.astype(np.float32)) - 1) ** 2).mean(),
        "cycle": np.abs(back_a - a).mean() + np.abs(back_b - b).mean(),
        "identity": np.abs(run(model.ba, a) - a).mean()
        + np.abs(run(model.ab, b) - b).mean()}


@pytest.mark.parametrize("weights", [(10, 5), (10, 0), (0, 5), (0, 0),
                                     (2.5, 0.5)])
def test_the_loss_in_plain_numpy(weights):
    cycle, identity = weights
    model, (a, b) = other(cycle=cycle, identity=identity), images()
    loss, terms, fake_a, fake_b = cyclegan.generators_loss(model, a, b)
    want = by_hand(model, a, b)
    # a term of weight 0 costs no time
    assert list(terms) == ["gan"] + ["cycle"] * (cycle > 0) + [
        "identity"] * (identity > 0)
    for name, term in terms.items():
        assert term.item() == pytest.approx(want[name], rel=1e-5), name
    assert loss.item() == pytest.approx(
        want["gan"] + cycle * want["cycle"] + identity * want["identity"],
        rel=1e-5)
    np.testing.assert_array_equal(fake_b, model.translate(a, "b"))
    np.testing.assert_array_equal(fake_a, model.translate(b, "a"))


def test_the_judges_loss_in_plain_numpy():
    model, (a, b), (fake_a, fake_b) = CycleGAN(SMALL), images(), images(seed=9)
    loss = cyclegan.discriminators_loss(model, a, b, fake_a, fake_b)
    want = sum(((d(tg.Tensor(real)).data - 1) ** 2).mean()
               + (d(tg.Tensor(fake)).data ** 2).mean()
               for d, real, fake in ((model.d_a, a, fake_a),
                                     (model.d_b, b, fake_b)))
    assert loss.item() == pytest.approx(want, rel=1e-5)


def test_a_fresh_translator_nearly_keeps_the_image():
    x = tg.Tensor(images()[0])
    for skips in (False, True):
        net = cyclegan.Translator(dataclasses.replace(SMALL, skips=skips),
                                  rng())
        gap = net(x).data - np.tanh(1.5 * skips * x.data)
        assert 0.01 < np.abs(gap).mean() < 0.25


class Nothing:
    """A translator that gives back its input."""

    def __call__(self, x, train=False, rng=None):
        return x


def test_doing_nothing_satisfies_cycle_and_identity():
    """Only the judges object: why the cycle alone is not enough."""
    model = CycleGAN(SMALL)
    model.ab = model.ba = Nothing()
    _, terms, _, _ = cyclegan.generators_loss(model, *images())
    assert terms["cycle"].item() == terms["identity"].item() == 0
    assert terms["gan"].item() > 0


# --------------------------------------------------------- who learns what


def test_each_step_leaves_the_others_networks_alone():
    model, (a, b) = CycleGAN(SMALL), images()
    judges, both = [model.d_a, model.d_b], model.generators
    before = values(both), values(judges)
    _, fake_a, fake_b = cyclegan.generators_step(model, a, b, 1e-3)
    assert changed(judges, before[1]) == [] and model.opt_d.t == 0
    assert set(changed(both, before[0])) == set(before[0])
    before = values(both)
    cyclegan.discriminators_step(model, a, b, fake_a, fake_b, 1e-3)
    assert changed(both, before) == [] and model.opt_g.t == 1
    assert changed(judges, values(judges)) == [] and model.opt_d.t == 1


def test_no_gradient_of_the_judges_loss_reaches_the_generators():
    model, (a, b) = CycleGAN(SMALL), images()
    _, _, fake_a, fake_b = cyclegan.generators_loss(model, a, b)
    assert type(fake_a) is type(fake_b) is np.ndarray
    loss = cyclegan.discriminators_loss(model, a, b, fake_a, fake_b)
    with pytest.raises(ValueError, match=r"not depend on ab\.first\.1\.w"):
        tg.grad(loss, model.g_parameters)


def test_a_loss_from_before_the_judges_step_is_refused():
    model, (a, b) = CycleGAN(SMALL), images()
    loss, _, fake_a, fake_b = cyclegan.generators_loss(model, a, b)
    cyclegan.discriminators_step(model, a, b, fake_a, fake_b, 1e-3)
    with pytest.raises(RuntimeError, match=r"d_\w\.\d\.\w+ .*was changed"):
        tg.grad(loss, model.g_parameters)


def test_the_judges_see_the_pool(monkeypatch):
    model, seen = other(pool=3), []
    for pool in (model.pool_a, model.pool_b):
        assert pool(images(3)[0], rng()).shape == (3, 8, 8, 3)
        assert pool.count == 3
    old = model.pool_a.images.copy()
    loss = cyclegan.discriminators_loss
    monkeypatch.setattr(
        cyclegan, "discriminators_loss", lambda model, a, b, *fakes:
        seen.append(fakes[0]) or loss(model, a, b, *fakes))
    model.step(images(20), rng())
    was_old = [any((row == x).all() for x in old) for row in seen[0]]
    assert 1 <= sum(was_old) <= 3


def test_the_schedule(monkeypatch):
    """lr for the first half, then a straight line to 0."""
    model = other(schedule=10, lr=1.0)
    rates = []
    for opt in (model.opt_g, model.opt_d):
        monkeypatch.setattr(opt, "update", lambda params, grads, lr:
                            rates.append(lr))
    for _ in range(10):
        model.step(images(), rng())
    want = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]
    assert rates[::2] == rates[1::2] == pytest.approx(want)
    with pytest.raises(ValueError, match="ends after step 10.*schedule in "
                       "CycleGANConfig"):
        model.step(images(), rng())


def test_it_learns_to_turn_dark_into_bright():
    # without skips: with them so small a one may stay at "change nothing"
    config = CycleGANConfig(channels=1, size=8, width=4, blocks=1, lr=5e-3,
                            schedule=120, identity=0, skips=False)
    model, r = CycleGAN(config, rng()), rng()
    shape = (8, 8, 8, 1)
    for _ in range(120):
        a = r.uniform(-1, 0, shape).astype(np.float32)
        report = model.step((a, -r.uniform(-1, 0, shape).astype(np.float32)),
                            r)
    assert list(report) == ["g_loss", "gan", "cycle", "d_loss"]
    assert model.translate(a, "b").mean() > 0.2
    assert model.translate(-a, "a").mean() < -0.2


# ----------------------------------------------------- the same in PyTorch


def in_torch(torch, net):
    """A Translator as a PyTorch module."""
    class Translator(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.inner, self.last = (torch_layer(torch, part)
                for part in (net.first, net.inner, net.last))

        def forward(self, x):
            h = self.first(x)
            return torch.tanh(self.last(h + self.inner(h)) + 1.5 * x)

    return Translator()


def in_float64(config, seed=0):
    model = CycleGAN(config, rng(seed))
    nets = [model.ab, model.ba, model.d_a, model.d_b]
    to_float64(*nets, model.pool_a, model.pool_b)
    betas = (config.beta1, 0.999)
    model.opt_g = tg.Adam(tg.parameters(model.generators), config.lr, betas)
    model.opt_d = tg.Adam(tg.parameters(nets[2:]), config.lr, betas)
    return model, nets


def test_twenty_steps_like_torch(require):
    """All terms, the pool and the falling learning rate, in float64: losses
    and weights to 1e-8."""
    torch = require("torch")
    config = dataclasses.replace(SMALL, size=12, lr=1e-3, schedule=20)
    model, nets = in_float64(config)
    modules = [in_torch(torch, net) for net in nets[:2]]
    modules += [torch_layer(torch, net) for net in nets[2:]]
    ab, ba, d_a, d_b = modules
    opt_g, opt_d = (torch.optim.Adam(
        [p for net in pair for p in net.parameters()], config.lr, (0.5, 0.999))
        for pair in ((ab, ba), (d_a, d_b)))
    decay = [torch.optim.lr_scheduler.LambdaLR(
        opt, lambda t: min(1.0, (20 - t) / 10)) for opt in (opt_g, opt_d)]
    pools, theirs, ours = ([], []), rng(7), rng(7)

    def past(pool, fakes):      # the rule of Zhu et al., written once more
        shown = []
        for fake in fakes.detach():
            if len(pool) < 5:
                pool.append(fake)
                shown.append(fake)
            elif theirs.random() > 0.5:
                k = theirs.integers(5)
                shown.append(pool[k])
                pool[k] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)

    mse, l1 = torch.nn.functional.mse_loss, torch.nn.functional.l1_loss
    for step in range(20):
        pair = tuple(x.astype(np.float64) for x in images(
            3, config, seed=step))
        report = model.step(pair, ours)
        a, b = (torch.tensor(x).permute(0, 3, 1, 2) for x in pair)
        fake_b, fake_a = ab(a), ba(b)
        on_a, on_b = d_a(fake_a), d_b(fake_b)
        one = torch.ones_like(on_a)
        g_loss = (mse(on_a, one) + mse(on_b, one)
                  + 10 * (l1(ba(fake_b), a) + l1(ab(fake_a), b))
                  + 5 * (l1(ba(a), a) + l1(ab(b), b)))
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
        d_loss = 0
        for d, real, fake, pool in ((d_a, a, fake_a, pools[0]),
                                    (d_b, b, fake_b, pools[1])):
            d_loss = d_loss + mse(d(real), one) + mse(
                d(past(pool, fake)), 0 * one)
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        for one_decay in decay:
            one_decay.step()
        assert report["g_loss"] == pytest.approx(g_loss.item(), abs=1e-8)
        assert report["d_loss"] == pytest.approx(d_loss.item(), abs=1e-8)
    again = [in_torch(torch, net) for net in nets[:2]]
    again += [torch_layer(torch, net) for net in nets[2:]]
    for mine, module in zip(again, modules, strict=True):
        mine = mine.state_dict()
        for key, want in module.state_dict().items():
            assert (mine[key] - want).abs().max() <= 1e-8, key
    np.testing.assert_allclose(
        model.translate(pair[0], "b"),
        ab(a).permute(0, 2, 3, 1).detach().numpy(), atol=1e-8)


# ---------------------------------------------------------------- sampling


@pytest.mark.parametrize("height, width", [(8, 8), (9, 8), (8, 11), (13, 30),
                                           (28, 28)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_sides_are_translated(height, width, channels):
    model = other(channels=channels)
    x = rng().uniform(-1, 1, (3, height, width, channels)).astype(np.float32)
    for to in "ab":
        y = model.translate(x, to)
        assert y.shape == x.shape and y.dtype == np.float32
        assert np.abs(y).max() < 1 and np.ptp(y) > 0.01
        assert (y[1:2] == model.translate(x[1:2], to)).all()
    assert (model.translate(x, "a") != model.translate(x, "b")).any()


def test_floats_of_any_precision_are_translated():
    model, x = CycleGAN(SMALL), images()[0]
    y = model.translate(x)
    np.testing.assert_array_equal(model.translate(x.astype(float)), y)
    np.testing.assert_array_equal(model.translate(x.tolist()), y)


def test_uint8_and_no_images_are_translated_too():
    model = CycleGAN(SMALL)
    x = rng().integers(256, size=(70, 8, 8, 3), dtype=np.uint8)
    assert (model.translate(x) == model.translate(tg.data.to_float(x))).all()
    assert model.translate(x[:0]).shape == (0, 8, 8, 3)


def test_samples_are_pairs_of_an_image_and_its_translation():
    model, (a, b) = CycleGAN(SMALL), images(9)
    before = {k: x.copy() for k, x in tg.state(model).items()}
    for n in (1, 2, 7, 64):
        drawn = model.sample(n, rng(), (a, b))
        assert drawn.shape == (n, 8, 8, 3)
        assert (drawn == model.sample(n, rng(), (a, b))).all()
    np.testing.assert_allclose(drawn[1:32:2], model.translate(drawn[:32:2]),
                               atol=1e-6)
    np.testing.assert_allclose(drawn[33::2], model.translate(
        drawn[32::2], "a"), atol=1e-6)
    assert all(any((x == y).all() for y in a) for x in drawn[:32:2])
    assert all((x == before[k]).all() for k, x in tg.state(model).items())
    eight = tuple(tg.data.to_uint8(x) for x in (a, b))
    np.testing.assert_allclose(model.sample(8, rng(), eight)[::2],
                               model.sample(8, rng(), (a, b))[::2], atol=0.01)


# ------------------------------------------------------------- fit, resume


def fit(model, steps, **options):
    return tg.fit(model, images(30, seed=3), steps, batch=4, progress=False,
                  **options)


def test_fit_draws_from_two_sets_of_any_length():
    a, b = images(30)
    model = CycleGAN(SMALL)
    history = tg.fit(model, (a, b[:7]), 3, batch=4, progress=False)
    assert list(history) == ["step", "g_loss", "gan", "cycle", "identity",
                             "d_loss"]
    assert np.isfinite(history["g_loss"]).all()


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_it_resumes_to_the_bit(tmp_path, stop):
    """With a pool of 5, full after two steps: its images are in the file."""
    straight, again = CycleGAN(SMALL), CycleGAN(SMALL, rng(8))
    whole = fit(straight, 6)
    fit(CycleGAN(SMALL), stop, out=tmp_path)
    parts = fit(again, 6, out=tmp_path, resume=True)
    assert whole.columns == parts.columns
    one, two = tg.state(straight), tg.state(again)
    assert one["pool_a.count"] == 5
    assert all(np.array_equal(one[k], two[k]) for k in one)
    files = {p.name for p in (tmp_path / "samples").iterdir()}
    assert files == {"000000.png", f"{stop:06}.png", "000006.png"}


def test_a_pool_of_none_is_saved_too(tmp_path):
    model = other(pool=0)
    fit(model, 1, out=tmp_path)
    loaded, _ = training.load_model(tmp_path / training.CHECKPOINT)
    assert loaded.config == model.config


def test_resume_refuses_other_images(tmp_path):
    fit(CycleGAN(SMALL), 1, out=tmp_path)
    with pytest.raises(ValueError, match="images="):
        tg.fit(CycleGAN(SMALL), images(30, seed=4), 2, batch=4, out=tmp_path,
               resume=True)


def test_both_generators_fit_into_one_file(tmp_path):
    model = CycleGAN(SMALL)
    fit(model, 2)
    path = tmp_path / "both.safetensors"
    training.save_sampler(path, model, "generators", seconds=3)
    loaded, header = training.load_model(path)
    assert header["note"] == {"seconds": 3}
    x = images()[0]
    for to in "ab":
        np.testing.assert_allclose(loaded.translate(x, to),
                                   model.translate(x, to), atol=0.02)


def test_the_default_generators_fit_into_two_megabytes():
    model = CycleGAN()
    assert 2 * sum(p.size for p in model.g_parameters) < 1.9e6


# ----------------------------------------------------------------- errors


@pytest.mark.parametrize("settings, message", [
    ({"size": 30}, "size is 30.*multiple of 4 from 8 on, such as"),
    ({"size": 4}, "such as 8"), ({"size": -4}, "such as 8"),
    ({"width": 0}, "width is 0; it must be at least 1"),
    ({"channels": 0}, "channels is 0"), ({"blocks": -1}, "blocks is -1"),
    ({"pool": -1}, "pool is -1; it must be at least 0"),
    ({"schedule": 0}, "schedule is 0"),
    ({"cycle": -1.0}, "cycle is -1.0; it must be a number from 0"),
    ({"identity": np.nan}, "identity is nan"), ({"lr": np.inf}, "lr is inf")])
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        CycleGANConfig(**settings)


A, B = images()


@pytest.mark.parametrize("pair, message", [
    (A, r"two sets of images: give a pair \(a, b\)"),
    ((A,), "two sets"), ((A, B, A), "two sets"),
    ((A, B[:, :4]), r"makes images 8 x 8 x 3, the batch holds \(4, 8, 3\)"),
    ((A[..., :1], B), "8 x 8 x 3.*8, 1.*CycleGANConfig"),
    ((A, tg.data.to_uint8(B)), r"uint8.*\[-1, 1\]"),
    ((A + 1, B), r"float32.*\[-1, 1\]"), ((A * np.nan, B), "nan"),
    ((A[:0], B), "empty"), ((A, B[:2]), "as large: 4 and 2")])
def test_images_that_do_not_belong_here(pair, message):
    model = CycleGAN(SMALL)
    before = values(model)
    with pytest.raises(ValueError, match=message):
        model.step(pair, rng())
    assert changed(model, before) == []


@pytest.mark.parametrize("pair", [
    (A, B[:, :4]), (A[..., :1], B), (A[0], B), (A[:, :4, :4], B[:, :4, :4])])
def test_fit_refuses_other_images_before_it_writes(pair, tmp_path):
    with pytest.raises(ValueError, match="8 x 8 x 3|N H W C"):
        tg.fit(CycleGAN(SMALL), pair, 1, batch=2, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fit_refuses_steps_beyond_the_schedule_before_it_trains(tmp_path):
    model = CycleGAN(SMALL)
    before = values(model)
    with pytest.raises(ValueError, match="schedule ends after step 40.*"
                       "not train up to step 41"):
        tg.fit(model, (A, B), 41, batch=2, out=tmp_path / "run")
    assert changed(model, before) == [] and list(tmp_path.iterdir()) == []


def test_fit_wants_as_many_sets_as_the_model():
    with pytest.raises(ValueError, match=r"cyclegan trains on two sets.*"
                       r"\(a, b\)"):
        tg.fit(CycleGAN(SMALL), A, 1, batch=4)
    gan = tg.models.GAN(tg.models.GANConfig(size=8, width=2))
    with pytest.raises(ValueError, match="a gan trains on one set"):
        tg.fit(gan, (A, B), 1, batch=4)


@pytest.mark.parametrize("x, to, message", [
    (A, "c", "to is \"a\" or \"b\", not 'c'"),
    (A[..., :1], "b", r"N H W 3 with sides of 8 pixels or more, not \(4, 8"),
    (A[:, :7], "b", "8 pixels or more"), (A * np.nan, "b", "nan to nan"),
    (A + 1, "b", r"\[-1, 1\]"), (A > 0, "b", "not bool"),
    (A[0], "b", r"not \(8, 8, 3\)")])
def test_translate_refuses(x, to, message):
    with pytest.raises(ValueError, match=message):
        CycleGAN(SMALL).translate(x, to)


def test_the_config_is_json():
    assert CycleGANConfig(**json.loads(json.dumps(dataclasses.asdict(
        SMALL)))) == SMALL
