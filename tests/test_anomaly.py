"""detect_anomaly(): the first op that gives NaN or infinity is named."""

import contextlib
import re
import threading

import numpy as np
import pytest
from op_cases import CASES, inputs_of

import tinygen as tg
from tinygen.engine import anomaly, losses
from tinygen.engine.autograd import registry

SIZE = {"size": 8, "width": 2}


def sentence(function):
    """What is said of function(), which must give NaN or infinity."""
    with (pytest.raises(FloatingPointError) as caught, tg.detect_anomaly()):
        function()
    return str(caught.value)


def leaf(*numbers):
    return tg.Tensor(np.array(numbers))


def test_the_op_its_inputs_and_the_line():
    x = tg.Tensor([[1.0, 0.0], [4.0, 2.0]], "float64")

    def entropy():
        return tg.sum(x * tg.log(x))   # 0 log 0

    said = sentence(entropy)
    line = entropy.__code__.co_firstlineno + 1
    assert said == (
        "log gave -inf at [0, 1] of (2, 2), from x (2, 2) (0 there, in [0, "
        f"4]); test_anomaly.py, line {line}: "
        "return tg.sum(x * tg.log(x))   # 0 log 0")


def test_the_inputs_of_an_op_that_takes_any_number():
    said = sentence(lambda: tg.concatenate(leaf(1.0, 2.0), leaf(np.nan, 3.0)))
    assert said.startswith(
        "concatenate gave nan at [2] of (4,), from input 0 (2,) (in [1, 2]), "
        "input 1 (2,) (in [3, 3], NaN or infinite already in 1 of 2 places)")


def test_a_single_number():
    assert sentence(lambda: tg.exp(tg.Tensor(100.0))).startswith(
        "exp gave inf, from x = 100; ")


def test_the_op_whose_gradient_it_is():
    x = leaf(0.0, 4.0)
    with tg.detect_anomaly():
        y = tg.sqrt(x).sum()    # the line that is named
    said = sentence(lambda: tg.grad(y, [x]))
    assert said.startswith("in the gradient of sqrt: divide gave inf at [0]")
    assert "b (2,) (0 there, in [0, 2])" in said    # owner known to no one
    with tg.detect_anomaly():
        y = tg.sqrt(x).sum()    # the line that is named
        with pytest.raises(FloatingPointError, match="# the line that is na"):
            tg.grad(y, [x])


def test_the_gradient_of_a_gradient():
    x = tg.Tensor(np.array([1e-14, 1.0], np.float32))

    def curvature():
        slope, = tg.grad((1 / x).sum(), [x], create_graph=True)
        tg.grad(slope.sum(), [x])

    assert re.match(r"in the gradient of \w+: in the gradient of divide: \w+ "
                    r"gave -?inf at \[0\] of \(2,\), from .*; test_anomaly.py,"
                    r" line \d+: slope, = ", sentence(curvature))


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_sum_of_gradients_that_overflows(create_graph):
    x = tg.Tensor(np.float32(1))
    big = tg.Tensor(np.float32(3e38))

    def twice():
        tg.grad(big * x + big * x - big, [x], create_graph=create_graph)

    assert "add gave inf, from a = 3e+38, b = 3e+38" in sentence(twice)


def test_a_parameter_that_holds_it_already():
    net = tg.Sequential(tg.Linear(3, 2, rng=np.random.default_rng(0)))
    tg.parameters(net)["0.w"].data[1, 1] = np.nan
    said = sentence(lambda: net(tg.Tensor(np.ones((4, 3), np.float32))))
    assert said.startswith("linear gave nan at [0, 1] of (4, 2), from x")
    assert "w = 0.w (3, 2) (in [" in said
    assert "], NaN or infinite already in 1 of 6 places), b = 0.b" in said


def test_an_infinity_on_the_way_that_comes_to_nothing_is_none():
    """What is looked at is what an op gives, not what it is made of."""
    x = leaf(-np.inf, 0.0)
    with tg.detect_anomaly():
        assert tg.logsumexp(x).item() == 0


def test_only_within_the_block():
    x = tg.Tensor(0.0)
    with np.errstate(all="ignore"):
        tg.log(x)
        with tg.detect_anomaly():
            with pytest.raises(FloatingPointError), tg.detect_anomaly():
                tg.log(x)
            with pytest.raises(FloatingPointError):
                tg.log(x)
        tg.log(x)
    assert anomaly.watch.get() is None


def test_only_in_this_thread():
    found = []

    def elsewhere():
        with np.errstate(all="ignore"):
            found.append(tg.log(tg.Tensor(0.0)).item())

    with tg.detect_anomaly():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert found == [-np.inf]


def test_a_rule_that_fails_is_forgotten():
    x = leaf(0.0, 1.0)
    with tg.detect_anomaly():
        with pytest.raises(FloatingPointError):
            tg.grad(tg.sqrt(x).sum(), [x])
        with pytest.raises(FloatingPointError, match="^log gave"):
            tg.log(x)


def test_a_notebook_has_lines_but_no_file():
    code = compile("tg.log(tg.Tensor(0.0))", "/tmp/ipykernel_1/2.py", "exec")
    assert sentence(lambda: exec(code)).endswith("from x = 0; the line")


def test_every_op_passes():
    assert losses.__name__      # imported, so its ops are in the registry
    with tg.detect_anomaly():
        for name, cases in CASES.items():
            for case in cases:
                xs = [tg.Tensor(x) for x in inputs_of(case)]
                y = registry[name](*xs, **case[1])
                with contextlib.suppress(ValueError):   # no derivative
                    tg.grad(y, xs, tg.Tensor(np.ones(y.shape), y.dtype),
                            create_graph=True, unused="zeros")


MODELS = [("gan", {}), ("gan", {"loss": "minimax"}), ("gan", {
    "loss": "wasserstein", "classes": 3}), ("gan", {
        "spectral": True, "average": 0.9, "loss": "hinge"}), ("gan", {
            "loss": "least_squares"}), ("vae", {}), ("vae", {
                "decoder": "bernoulli", "network": "dense"}), ("vae", {
                    "importance": True, "samples": 3}), ("cyclegan", {}),
    ("cyclegan", {"skips": False, "identity": 0.0})]


@pytest.mark.parametrize("name, settings", MODELS)
def test_the_models_pass_and_compute_the_same(name, settings):
    images, labels = tg.data.sprites(8, rng=1, size=8)
    x = tg.data.to_float(images)
    more = {"labels": labels % 3} if "classes" in settings else {}
    states = []
    for watched in (tg.detect_anomaly, contextlib.nullcontext):
        model, rng = tg.models.build(name, SIZE | settings), (
            np.random.default_rng(0))
        with watched():
            for _ in range(2):
                model.step((x, x[::-1]) if name == "cyclegan" else x, rng,
                           **more)
        states.append(tg.state(model))
    one, two = states
    assert all(np.array_equal(one[key], two[key]) for key in one)
