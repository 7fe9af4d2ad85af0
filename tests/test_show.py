"""show.py: listings are the library's text; figures come out right."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import tinygen as tg
from tinygen import show


def png(figure):
    """The pixels of a figure as a notebook would store it, and its size."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return Image.open(file).convert("RGB"), len(file.getvalue())


# ---- listing ------------------------------------------------------------

def test_an_op_is_listed_with_its_rules(root):
    text = repr(show.listing(tg.conv2d))
    source = (root / "tinygen/engine/convolution.py").read_text("utf-8")
    first, body = text.split("\n", 1)
    assert first == "# tinygen/engine/convolution.py"
    forward, rules = body.split("\n\nconv2d.rules = ")
    assert forward.startswith(
        "@op()\ndef conv2d(x, w, b=None, *, stride=1, pad=0):")
    assert forward in source and f"conv2d.rules = {rules}" in source
    assert rules.count("lambda") == 2


def test_rules_can_be_left_out():
    assert "rules" not in repr(show.listing(tg.conv2d, rules=False))


def test_methods_are_dedented_and_one_file_makes_one_block():
    listed = show.listing(tg.Tensor.item, tg.no_grad)
    assert [file for file, _ in listed.blocks] == [
        "tinygen/engine/autograd.py"]
    code = listed.blocks[0][1]
    assert code.startswith("def item(self):")
    assert "\n\ndef no_grad():" in code
    assert listed.about["names"] == ["tinygen.engine.autograd.Tensor.item",
                            "tinygen.engine.autograd.no_grad"]


def test_classes_and_decorated_functions():
    assert show.listing(tg.Adam).blocks[0][1].startswith("class Adam")
    assert show.listing(show.grid).blocks[0][1].startswith(
        "@_figure\ndef grid(")


def test_comments_above_the_rules_come_along():
    source = ("@op()\ndef f(x):\n    return x\n\n\nother = 1\n\n"
              "# why it is so:\n# two lines\nf.rules = (\n    None,)\n")
    assert show._segment(source, "f", True) == (
        "@op()\ndef f(x):\n    return x\n\n"
        "# why it is so:\n# two lines\nf.rules = (\n    None,)")


def test_a_listing_is_plain_in_a_terminal_and_marked_up_in_a_page():
    listed = show.listing(tg.no_grad)
    data, metadata = listed._repr_mimebundle_()
    assert repr(listed) == data["text/plain"]
    assert data["text/markdown"].startswith(
        "`tinygen/engine/autograd.py`\n\n````python\ndef no_grad():")
    assert metadata["listing"] == {
        "names": ["tinygen.engine.autograd.no_grad"], "rules": True}


@pytest.mark.parametrize("thing", [np.exp, lambda x: x, 3, "conv2d", png])
def test_only_the_librarys_source_is_listed(thing):
    with pytest.raises(TypeError, match="of tinygen"):
        show.listing(thing)


# ---- images -------------------------------------------------------------

def test_a_grid_shows_each_pixel_where_it_belongs():
    images = np.zeros((3, 4, 4, 3), np.uint8)
    images[0, ..., 0] = images[1, ..., 1] = images[2, ..., 2] = 255
    picture, _ = png(show.grid(images, columns=2))
    width, height = picture.size
    left, right, up, down = .25 * width, .75 * width, .25 * height, \
        .75 * height
    assert picture.getpixel((int(left), int(up))) == (255, 0, 0)
    assert picture.getpixel((int(right), int(up))) == (0, 255, 0)
    assert picture.getpixel((int(left), int(down))) == (0, 0, 255)
    assert picture.getpixel((int(right), int(down))) == (255, 255, 255)


def test_floats_and_bytes_look_the_same():
    bytes_ = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1) * np.ones(
        (2, 5, 5, 1), np.uint8)
    floats = np.where(bytes_ > 0, 1.0, -1.0).astype(np.float32)
    one, two = png(show.grid(bytes_))[0], png(show.grid(floats))[0]
    assert one.tobytes() == two.tobytes()


def test_rows_titles_and_labels():
    images = [np.zeros((3, 8, 8, 1), np.uint8)] * 2
    figure = show.grid(images, titles="abc", rows=["up", "down"])
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert texts == ["a", "b", "c", "up", "down"]
    each = show.grid(images[0], columns=1, titles="xyz")
    assert len(each.axes[0].texts) == 3


def test_a_large_noisy_grid_is_readable_and_light():
    rng = np.random.default_rng(0)
    picture, size = png(show.grid(rng.uniform(-1, 1, (20, 28, 28, 3))))
    assert size < 150_000
    assert 900 < picture.width < 1200


@pytest.mark.parametrize("images, words", [
    (np.zeros((28, 28, 3)), "N H W C"),
    (np.zeros((2, 3, 28, 28)), "1 or 3 channels"),
    (np.full((1, 2, 2, 1), 1.5), r"\[-1, 1\]"),
    (np.full((1, 2, 2, 1), np.nan), r"\[-1, 1\]"),
    ([np.zeros((1, 2, 2, 1)), np.zeros((2, 2, 2, 1))], "different lengths"),
])
def test_what_is_no_image_is_refused(images, words):
    with pytest.raises(ValueError, match=words):
        show.grid(images)


# ---- curves -------------------------------------------------------------

def test_curves_show_the_history_smoothed_and_raw():
    history = {"step": [10, 20, 30], "loss": [1.0, 4.0, 1.0], "d": [0, 1, 0]}
    figure = show.curves(history, [["loss"], ["d"]], smooth=3,
                         labels={"loss": "generator"}, ylabels=["a", "b"])
    first, second = figure.axes
    smooth, raw = first.lines
    np.testing.assert_allclose(smooth.get_ydata(), [2.5, 2.0, 2.5])
    np.testing.assert_allclose(raw.get_ydata(), [1, 4, 1])
    assert list(smooth.get_xdata()) == [10, 20, 30]
    assert first.get_legend().texts[0].get_text() == "generator"
    assert second.get_ylabel() == "b"


def test_curves_take_everything_by_default():
    figure = show.curves({"a": [1, 2], "b": [2, 1]})
    assert len(figure.axes[0].lines) == 2


def test_figures_are_closed_so_that_a_notebook_shows_them_once():
    import matplotlib.pyplot as plt
    before = plt.get_fignums()
    assert isinstance(show.grid(np.zeros((1, 4, 4, 1), np.uint8)), Figure)
    assert plt.get_fignums() == before


def test_importing_show_changes_no_setting():
    code = ("import matplotlib as m; a = dict(m.rcParams); "
            "import tinygen.show; assert a == dict(m.rcParams)")
    subprocess.run([sys.executable, "-c", code], check=True)
