"""Optimisers: by hand, against PyTorch, and what they refuse."""

import numpy as np
import pytest

import tinygen as tg

RNG = np.random.default_rng(0)


def one(value=1.0):
    return {"w": tg.Tensor(np.array([value]))}


# ------------------------------------------------------------ by hand


def test_sgd_by_hand():
    p = one()
    opt = tg.SGD(p, lr=0.1, momentum=0.5)
    opt.step([np.array([1.0])])                     # v = 1
    assert p["w"].item() == pytest.approx(0.9)
    opt.step([np.array([2.0])])                     # v = 2.5
    assert p["w"].item() == pytest.approx(0.65)


def test_adams_first_step_has_the_size_lr():
    for scale in (1e-3, 1.0, 1e3):
        p = one()
        tg.Adam(p, lr=0.01, eps=0).step([np.array([-scale])])
        assert p["w"].item() == pytest.approx(1.01)


def test_adamw_shrinks_the_weights_whatever_the_gradient():
    p = one(2.0)
    tg.AdamW(p, lr=0.1, weight_decay=0.5).step([np.array([0.0])])
    assert p["w"].item() == pytest.approx(2 * (1 - 0.05))


def test_the_usual_settings():
    sgd, adam, adamw = tg.SGD(one()), tg.Adam(one()), tg.AdamW(one())
    assert (sgd.lr, sgd.momentum) == (0.01, 0)
    for opt, decay in ((adam, 0), (adamw, 0.01)):
        assert (opt.lr, opt.betas, opt.eps, opt.weight_decay) == (
            1e-3, (0.9, 0.999), 1e-8, decay)


def test_lr_of_one_step():
    p = one()
    opt = tg.SGD(p, lr=0.1)
    opt.step([np.array([1.0])], lr=0.0)
    assert p["w"].item() == 1 and opt.lr == 0.1 and opt.t == 1


# ---------------------------------------------------------- like PyTorch


@pytest.mark.parametrize("ours, theirs", [
    (lambda p: tg.SGD(p, 0.05), lambda t, p: t.optim.SGD(p, 0.05)),
    (lambda p: tg.SGD(p, 0.05, 0.9), lambda t, p: t.optim.SGD(p, 0.05, 0.9)),
    (lambda p: tg.Adam(p, 0.02), lambda t, p: t.optim.Adam(p, 0.02)),
    (lambda p: tg.Adam(p, 0.02, (0.5, 0.9), 1e-3),
     lambda t, p: t.optim.Adam(p, 0.02, (0.5, 0.9), 1e-3)),
    (lambda p: tg.AdamW(p, 0.02, weight_decay=0.1),
     lambda t, p: t.optim.AdamW(p, 0.02, weight_decay=0.1)),
    (lambda p: tg.AdamW(p, 0.02), lambda t, p: t.optim.AdamW(p, 0.02))])
def test_20_steps_like_torch(ours, theirs, require):
    torch = require("torch")
    start = {"a": RNG.standard_normal((3, 4)), "b": RNG.standard_normal(4),
             "c": np.array(0.7)}
    params = {k: tg.Tensor(v.copy()) for k, v in start.items()}
    ts = [torch.tensor(v, requires_grad=True) for v in start.values()]
    opt, other = ours(params), theirs(torch, ts)
    for _ in range(20):
        x = RNG.standard_normal((2, 3))
        a, b, c = params.values()
        loss = (tg.tanh(x @ a + b) ** 2).sum() + (c - 1) ** 2
        opt.step(tg.grad(loss, list(params.values())))
        other.zero_grad()
        ta, tb, tc = ts
        ((torch.tanh(torch.tensor(x) @ ta + tb) ** 2).sum()
         + (tc - 1) ** 2).backward()
        other.step()
    for p, t in zip(params.values(), ts, strict=True):
        np.testing.assert_allclose(p.data, t.detach().numpy(), rtol=1e-10)


# ------------------------------------------------------------------ state


@pytest.mark.parametrize("make", [
    lambda p: tg.SGD(p, 0.1, 0.9), lambda p: tg.Adam(p, 0.1),
    lambda p: tg.AdamW(p, 0.1), lambda p: tg.MovingAverage(p)])
def test_state_is_all_it_takes_to_go_on(make):
    def steps(p, opt, n):
        for _ in range(n):
            if isinstance(opt, tg.MovingAverage):
                p["w"].assign(p["w"].data * 1.1)
                opt.after_step()
            else:
                opt.step([p["w"].data ** 2])

    p = one()
    whole = make(p)
    steps(p, whole, 5)
    q = one()
    first = make(q)
    steps(q, first, 2)
    saved = {k: a.copy() for k, a in tg.state([q, first]).items()}
    r = one(7.0)
    second = make(r)
    tg.load_state([r, second], saved)
    steps(r, second, 3)
    assert r["w"].item() == p["w"].item()
    for a, b in zip(tg.state(whole).values(), tg.state(second).values(),
                    strict=True):
        assert (a == b).all()


def test_names_in_the_state():
    net = tg.Sequential(up=tg.Linear(1, 1, rng=RNG))
    assert list(tg.state(tg.Adam(tg.parameters(net)))) == [
        "t", "m.up.w", "m.up.b", "v.up.w", "v.up.b"]
    assert list(tg.parameters(tg.Adam(tg.parameters(net)))) == []


# ---------------------------------------------- odd arrays, and refusals


@pytest.mark.parametrize("make", [tg.SGD, tg.Adam, tg.AdamW])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_layout_of_memory(make, dtype):
    """Transposed, sliced, empty and single parameters and gradients."""
    base = RNG.standard_normal((4, 6)).astype(dtype)
    arrays = [base.T, base[:, ::2], base[1:1], np.array(1.5, dtype), base]
    params = {str(k): tg.Tensor(a.copy("K")) for k, a in enumerate(arrays)}
    params["view"] = tg.Tensor(base.copy()[::2, ::3])
    plain = {k: tg.Tensor(np.array(p.data, order="C"))
             for k, p in params.items()}
    opts = make(params, 0.1), make(plain, 0.1)
    for _ in range(3):
        grads = [RNG.standard_normal(p.shape[::-1]).T.astype(dtype)
                 for p in params.values()]
        opts[0].step(grads)
        opts[1].step([tg.Tensor(np.array(g, order="C")) for g in grads])
    for p, q in zip(params.values(), plain.values(), strict=True):
        np.testing.assert_allclose(
            p.data, q.data, atol=1e-5 if dtype == np.float32 else 1e-12)
        assert p.version == 3 and p.dtype == dtype


@pytest.mark.parametrize("grads, message", [
    ([np.ones(2)], "2 parameters, but 1 gradients"),
    ([np.ones(2), np.ones(2)], r"gradient for b has shape \(2,\), the param"),
])
def test_a_step_is_refused_whole(grads, message):
    params = {"a": tg.Tensor(np.ones(2)), "b": tg.Tensor(np.ones(3))}
    opt = tg.Adam(params)
    with pytest.raises(ValueError, match=message):
        opt.step(grads)
    assert (params["a"].data == 1).all() and opt.t == 0
    with pytest.raises(ValueError, match="no parameters"):
        tg.Adam({})


# ------------------------------------------------- rates and averages


@pytest.mark.parametrize("bad, said", [
    (np.nan, "nan"), (-np.inf, "inf"), (2e19, r"2e\+19")])
@pytest.mark.parametrize("make", [tg.SGD, tg.Adam, tg.AdamW])
def test_a_gradient_that_is_no_number_is_refused_whole(make, bad, said):
    p = {name: tg.Tensor(np.ones(3, np.float32)) for name in "ab"}
    opt = make(p)
    before = {k: a.copy() for k, a in tg.state(opt).items()}
    with pytest.raises(FloatingPointError, match=f"for b reaches {said}$"):
        opt.step([np.ones(3), np.array([1, bad, 1])])
    assert all((p[name].data == 1).all() for name in "ab")
    assert all(np.array_equal(before[k], a)
               for k, a in tg.state(opt).items())


@pytest.mark.parametrize("make", [tg.SGD, tg.Adam, tg.AdamW])
def test_an_update_that_leaves_the_numbers_is_an_error(make):
    p = {"w": tg.Tensor(np.ones(3, np.float32))}
    with pytest.raises(FloatingPointError, match=(
            rf"{make.__name__} with lr 1e\+39 made w reach (inf|nan)")), (
                np.errstate(all="ignore")):
        make(p, lr=1e39).step([np.ones(3)])


def test_linear_decay():
    rates = [tg.linear_decay(2.0, step, 10, 20) for step in
             (0, 10, 15, 20, 30)]
    assert rates == [2, 2, 1, 0, 0]
    assert tg.linear_decay(2.0, 5, 10, 10) == 2
    assert tg.linear_decay(2.0, 10, 10, 10) == 0


def test_moving_average_follows_and_swaps():
    p = one(0.0)
    average = tg.MovingAverage(p, decay=0.9)
    for t in range(3):
        p["w"].assign(np.array([1.0]))
        before = average.average["w"].item()
        average.after_step()
        decay = min(0.9, (1 + t) / (10 + t))
        assert average.average["w"].item() == pytest.approx(
            decay * before + 1 - decay)
    a = average.average["w"].item()
    average.swap()
    assert (p["w"].item(), average.average["w"].item()) == (a, 1)
    average.swap()
    assert (p["w"].item(), average.average["w"].item()) == (1, a)
    for _ in range(300):
        average.after_step()
    assert average.average["w"].item() == pytest.approx(1)
