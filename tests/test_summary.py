"""The table of a network."""

import numpy as np
import pytest

import tinygen as tg


def rng():
    return np.random.default_rng(0)


def test_the_table_of_a_small_network():
    net = tg.Sequential(
        conv=tg.Conv2d(2, 3, 3, stride=2, rng=rng()), act=tg.LeakyReLU(),
        up=tg.UpsampleConv2d(3, 4, rng=rng()), norm=tg.BatchNorm(4),
        flat=tg.Flatten(), out=tg.Linear(64, 1, bias=False, rng=rng()),
        tanh=tg.Tanh())
    assert tg.summary(net, (4, 4, 2)) == """\
layer              output  parameters  multiplications
------------------------------------------------------
conv Conv2d        2x2x3           57              216
act LeakyReLU      2x2x3            0                0
up UpsampleConv2d  4x4x4          112              432
norm BatchNorm     4x4x4            8                0
flat Flatten       64               0                0
out Linear         1               64               64
tanh tanh          1                0                0
------------------------------------------------------
total                             241              712"""


@pytest.mark.parametrize("layer, shape, want", [
    (lambda: tg.Linear(5, 7, rng=rng()), (5,), 35),
    (lambda: tg.Conv2d(2, 3, 3, rng=rng()), (4, 5, 2), 20 * 3 * 9 * 2),
    (lambda: tg.ConvTranspose2d(2, 3, 4, rng=rng()), (2, 2, 2),
     4 * 2 * 16 * 3),
    # 9 products for each of the 2 x 2 pixels, not 36
    (lambda: tg.UpsampleConv2d(2, 3, rng=rng()), (2, 2, 2), 4 * 3 * 9 * 2),
    (lambda: tg.Residual(tg.Linear(3, 3, rng=rng())), (3,), 9),
    (lambda: tg.Residual(tg.Linear(3, 3, rng=rng()), tg.Residual(tg.Tanh())),
     (3,), 9),      # two paths lead back to one product
    (lambda: tg.Tanh(), (3,), 0)])
def test_multiplications_counted_by_hand(layer, shape, want):
    assert tg.summary(layer(), shape).split()[-1] == f"{want:,}"


def test_two_uses_are_counted_twice_and_parameters_once():
    shared = tg.Linear(3, 3, bias=False, rng=rng())
    table = tg.summary(tg.Residual(shared, tg.Tanh(), shared), (3,))
    assert table.splitlines()[-1].split() == ["total", "9", "18"]


def test_the_network_is_left_as_it_was():
    net = tg.Sequential(tg.BatchNorm(2), tg.Dropout(), tg.SpectralNorm(
        tg.Linear(2, 2, rng=rng()), rng=rng()))
    tg.parameters({"net": net})
    before = {k: a.copy() for k, a in tg.state(net).items()}
    with tg.no_grad():          # counts all the same
        assert tg.summary(net, (2,)).split()[-1] == "4"
    assert all((a == before[k]).all() for k, a in tg.state(net).items())
    assert net[0].scale.name == "net.0.scale"


def test_of_a_network_in_float64_and_of_a_wrong_shape():
    net = tg.Linear(3, 2, rng=rng())
    with pytest.raises(ValueError, match=r"linear of shapes \(1, 4\), \(3,"):
        tg.summary(net, (4,))
    for p in tg.parameters(net).values():
        p.data = p.data.astype(np.float64)
    assert tg.summary(net, (3,)).split()[-1] == "6"
