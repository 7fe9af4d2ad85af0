"""The drawn graph: each node once, inputs to the left of what uses them."""

import numpy as np

import tinygen as tg
from tinygen import show
from tinygen.extras.graph import caption, places


def drawn(figure):
    """{text: [positions]} of the boxes."""
    found = {}
    for text in figure.axes[0].texts:
        if text.get_text():
            found.setdefault(text.get_text(), []).append(text.get_position())
    return found


def test_each_node_is_drawn_once_and_named():
    x, w = tg.Tensor(3.0), tg.Tensor(2.0, name="w")
    y = tg.exp(x * w) * x
    boxes = drawn(show.graph(y, {x.serial: "x"}))
    assert {k: len(v) for k, v in boxes.items()} == {
        "x": 1, "w": 1, "multiply": 2, "exp": 1}
    assert len(show.graph(y).axes[0].texts) == 5 + 5      # nodes, arrows


def test_an_op_stands_right_of_its_inputs_and_a_leaf_near_its_use():
    x, late = tg.Tensor(3.0), tg.Tensor(1.0)
    y = tg.exp(tg.exp(x)) + late
    nodes = {t.serial: t for t in (x, late, y, *y.inputs,
                                   *y.inputs[0].inputs)}
    column = {s: c for s, (c, _) in places(nodes).items()}
    assert column[x.serial] == 0 and column[y.serial] == 3
    assert column[late.serial] == 2


def test_leaves_are_called_by_name_number_or_shape():
    assert caption(tg.Tensor(0.25), {}) == "0.25"
    assert caption(tg.Tensor(np.zeros((2, 3))), {}) == "2x3"
    assert caption(tg.Tensor(1.0, name="w"), {}) == "w"
    x = tg.Tensor(1.0)
    assert caption(x, {x.serial: "here"}) == "here"
    assert caption(tg.exp(x), {}) == "exp"
