"""The smallest proof of every part, end to end, in seconds.

When these pass, the set-up works. The other files look closely.
"""

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import GAN, GANConfig


def rng(seed=0):
    return np.random.default_rng(seed)


def test_an_op_computes_and_remembers():
    y = tg.exp(tg.Tensor([0.0, 1.0]))
    np.testing.assert_allclose(y.data, [1, np.e], rtol=1e-6)
    assert y.op is tg.exp and y.dtype == np.float32


def test_grad_of_a_square():
    x = tg.Tensor([3.0])
    assert tg.grad((x * x).sum(), [x])[0].item() == 6


def test_second_derivative_of_a_cube():
    x = tg.Tensor([3.0])
    g, = tg.grad((x ** 3).sum(), [x], create_graph=True)
    assert tg.grad(g.sum(), [x])[0].item() == 18


def test_a_check_passes_the_right_and_fails_the_wrong():
    tg.check_grads(lambda x: tg.tanh(x) * x, np.array([0.5, -1.0]))
    with pytest.raises(AssertionError):
        tg.check_grads(lambda x: x * x.data, np.array([0.5, -1.0]))


def test_a_convolution_is_a_sum_over_a_window():
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    y = tg.conv2d(x, np.ones((3, 3, 1, 1)))
    assert y.data.ravel().tolist() == [x.sum()]


def test_a_convolution_and_its_adjoint():
    x, w = rng().standard_normal((1, 4, 4, 2)), np.ones((3, 3, 2, 1))
    tg.check_adjoint(
        lambda x: tg.conv2d(x, w, stride=2, pad=1),
        lambda g: tg.conv_transpose2d(g, w, hw=(4, 4), stride=2, pad=1),
        x, rng(1).standard_normal((1, 2, 2, 1)))


def test_layers_and_their_names():
    net = tg.Sequential(up=tg.UpsampleConv2d(2, 3, rng=rng()),
                        norm=tg.BatchNorm(3), act=tg.LeakyReLU())
    y = net(tg.Tensor(np.ones((2, 4, 4, 2), np.float32)), train=True)
    assert y.shape == (2, 8, 8, 3)
    assert list(tg.parameters(net)) == ["up.w", "up.b", "norm.scale",
                                        "norm.shift"]


def test_a_line_is_fitted():
    x = rng().standard_normal((64, 1)).astype(np.float32)
    net = tg.Linear(1, 1, rng=rng())
    params = tg.parameters(net)
    opt = tg.Adam(params, lr=0.1)
    for _ in range(200):
        loss = ((net(tg.Tensor(x)) - (3 * x - 1)) ** 2).mean()
        opt.step(tg.grad(loss, list(params.values())))
    assert net.w.data.item() == pytest.approx(3, abs=0.01)
    assert net.b.item() == pytest.approx(-1, abs=0.01)


def test_a_loss_on_logits():
    loss = tg.losses.bce_with_logits(tg.Tensor([0.0]), 1)
    assert loss.item() == pytest.approx(np.log(2))


def test_a_gan_plays_a_round_and_draws():
    model = GAN(GANConfig(size=8, width=2, channels=1))
    images = np.zeros((4, 8, 8, 1), np.float32)
    report = model.step(images, rng())
    assert all(np.isfinite(v) for v in report.values())
    assert model.sample(3, rng()).shape == (3, 8, 8, 1)


def test_state_goes_out_and_in():
    a, b = (tg.Linear(2, 2, rng=rng(seed)) for seed in (0, 1))
    tg.load_state(b, tg.state(a))
    assert (a.w.data == b.w.data).all()


def test_a_network_as_a_table():
    assert "6" in tg.summary(tg.Linear(2, 2, rng=rng()), (2,))
