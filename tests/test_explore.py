"""Explorers: the picture, the live controls, and the view of a training."""

import io

import numpy as np
import pytest
from PIL import Image

import tinygen as tg
from tinygen.extras import explore
from tinygen.models import GAN, VAE, CycleGAN

GRIDS = {"channels": 3, "size": 12, "width": 2}


def gan(**settings):
    return GAN(tg.models.GANConfig(**GRIDS, noise=4, **settings))


def explorers():
    vae = VAE(tg.models.VAEConfig(**GRIDS, latent=2))
    cyclegan = CycleGAN(tg.models.CycleGANConfig(**GRIDS, blocks=1))
    images = tg.data.sprites(3, rng=0, size=12)[0]
    return {"walk": explore.walk(gan()),
            "directions": explore.directions(gan(), {"a": np.eye(4)[0],
                                                     "b": np.eye(4)[1]}),
            "classes": explore.classes(gan(classes=2), ["x", "y"]),
            "plane": explore.plane(vae, columns=3),
            "restyle": explore.restyle(cyclegan, images, ["p", "q", "r"])}


KINDS = ("walk", "directions", "classes", "plane", "restyle")


@pytest.mark.parametrize("name", KINDS)
def test_without_widgets_an_explorer_is_a_picture(name, monkeypatch, capsys):
    monkeypatch.setenv("TINYGEN_WIDGETS", "0")
    explorer = explorers()[name]
    assert not explore.widgets()
    assert explorer.figure().axes[0].images
    explorer._ipython_display_()
    assert "Figure" in capsys.readouterr().out


@pytest.mark.parametrize("name", KINDS)
def test_a_control_changes_the_live_picture(name, require):
    require("ipywidgets")
    box = explorers()[name].live()
    *controls, image, told = box.children
    before = image.value
    assert Image.open(io.BytesIO(before)).size[0] % explore.ZOOM == 0
    for control in controls:
        menu = hasattr(control, "options")
        control.value = control.options[-1][1] if menu else control.max
        assert image.value != before
        before = image.value
    assert "frames a second" in told.value


def test_directions_start_from_one_image_and_add_up():
    model, way = gan(), np.arange(4.0)
    some = explore.directions(model, {"a": way, "b": -way})
    np.testing.assert_array_equal(some.draw(0, 0), some.draw(2, 2))
    assert np.any(some.draw(1, 0) != some.draw(0, 0))


def test_traits_are_what_their_names_say():
    images = -np.ones((2, 9, 9, 3), np.float32)
    images[0, 4, 4] = 1, -1, -1             # a red dot in the middle
    images[1, :5, 4:] = -1, -1, 1           # blue, above, to the right
    size, right, up, red = explore.traits(images).T
    assert size[0] < size[1] and red[0] > 0 > red[1]
    np.testing.assert_allclose([right[0], up[0]], 0, atol=1e-6)
    assert right[1] > 0.4 and up[1] > 0.4


def test_ways_change_one_trait_each(monkeypatch):
    mixed = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    monkeypatch.setattr(explore, "traits", lambda z: z @ mixed)
    monkeypatch.setattr(explore, "made", lambda gan, z: z)
    found = explore.ways(gan(), 400)
    for k, way in enumerate(found.values()):
        moved = way @ mixed
        assert abs(moved[k]) > 0.99 and np.isclose(np.linalg.norm(way), 1)


def test_one_of_each_shape_is_given():
    images = explore.one_of_each()
    seen = tg.metrics.probabilities(images).argmax(axis=1)
    assert list(seen) == list(range(8))


def test_the_averaged_weights_are_drawn_with():
    model = gan(average=0.5)
    model.step(tg.data.to_float(tg.data.sprites(4, rng=0, size=12)[0]),
               np.random.default_rng(0))
    z = np.ones((1, 4), np.float32)
    with model.averaged(), tg.no_grad():
        wanted = model.g(tg.Tensor(z)).data
    np.testing.assert_array_equal(explore.made(model, z), wanted)


@pytest.mark.parametrize("make, message", [
    (lambda: explore.walk(gan(classes=2)), "takes a GAN without classes; ex"),
    (lambda: explore.ways(gan(classes=2)), "takes a GAN without classes"),
    (lambda: explore.directions(gan().g, {}), "takes a GAN without classes"),
    (lambda: explore.classes(gan(classes=2), "abc"), "a name for each of the"),
    (lambda: explore.classes(gan(), []), "a GAN with classes"),
    (lambda: explore.plane(VAE(tg.models.VAEConfig(**GRIDS, latent=3))),
     r"a VAE with two latents, VAEConfig\(latent=2\)"),
    (lambda: explore.restyle(gan(), np.zeros((1, 12, 12, 3)), "a"),
     "takes a CycleGAN, and a name for each image"),
    (lambda: explore.Watch(CycleGAN(tg.models.CycleGANConfig(
        **GRIDS, blocks=1))), r"images that .* Watch\(model, images=\(a, b"),
])
def test_another_model_is_refused_when_it_is_given(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_in_a_terminal_an_explorer_says_what_to_do(monkeypatch):
    monkeypatch.delenv("TINYGEN_WIDGETS", raising=False)
    assert not explore.widgets()        # a box of widgets is no picture there
    assert repr(explore.walk(gan())).startswith("Explorer of walk: live as ")


def test_a_training_is_watched_in_plain_lines(capsys):
    model = gan()
    watch = explore.Watch(model, every=0)
    tg.fit(model, tg.data.sprites(8, rng=0, size=12)[0], 2, batch=4,
           progress=False, report=watch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["step", "1"], ["step", "2"]]
    assert "g_loss" in lines[0]
    assert len(watch.figure().axes) == 2
    watch(123456, {"d_loss": 0.5, "g_loss": 1.0})
    assert capsys.readouterr().out.startswith("step 123456  ")


def test_in_a_terminal_a_line_stands_below_the_progress(monkeypatch, capsys):
    watch = explore.Watch(gan(), every=0)
    monkeypatch.setattr(explore.Progress, "__init__", lambda self, total:
                        vars(self).update(notebook=False, terminal=True))
    watch(1, {"g_loss": 1.0})
    said = capsys.readouterr()
    assert said.err == "\n" and said.out == "step 1  g_loss 1\n"


def test_a_cyclegan_is_watched_with_its_images():
    model = CycleGAN(tg.models.CycleGANConfig(**GRIDS, blocks=1))
    a = tg.data.sprites(4, rng=0, size=12)[0]
    watch = explore.Watch(model, images=(a, a))
    watch(1, {"g_loss": 1.0})
    assert watch.figure().axes[1].images


def test_in_a_notebook_the_view_is_one_output_that_changes(monkeypatch):
    IPython = pytest.importorskip("IPython")
    shown = []

    class Handle:
        def update(self, figure):
            shown.append(figure)

    monkeypatch.setattr(explore.Progress, "__init__", lambda self, total:
                        setattr(self, "notebook", True))
    monkeypatch.setattr(IPython.display, "display",
                        lambda figure, display_id: Handle())
    watch = explore.Watch(gan(), every=0)
    watch(1, {"g_loss": 1.0})
    watch(2, {"g_loss": 0.5})
    assert len(shown) == 1 and len(watch.history["step"]) == 2
