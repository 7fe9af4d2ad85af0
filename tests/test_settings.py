"""The settings of the models: kinds, ranges, and the sentences."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

import tinygen as tg
from tinygen import models
from tinygen.models import REGISTRY, settings
from tinygen.models.settings import ANY, check, check_sides


@dataclass
class Sample:
    count: int = 3
    weight: float = 0.5
    on: bool = False
    kind: str = "a"


@pytest.mark.parametrize("settings, message", [
    ({"count": 2.5}, "count is 2.5; it must be a whole number"),
    ({"count": "3"}, "count is '3'; it must be a whole number"),
    ({"count": True}, "count is True; it must be a whole number"),
    ({"count": None}, "count is None; it must be a whole number"),
    ({"count": 0}, "count is 0; it must be at least 1"),
    ({"weight": "1"}, "weight is '1'; it must be a number"),
    ({"weight": -1}, "weight is -1; it must be a number from 0"),
    ({"weight": math.nan}, "weight is nan"),
    ({"weight": math.inf}, "weight is inf"),
    ({"on": 1}, "on is 1; it must be True or False"),
    ({"kind": 1}, "kind is 1; it must be text"),
    ({"kind": "c"}, "kind is 'c'; it must be one of a, b")])
def test_what_cannot_be_is_said(settings, message):
    with pytest.raises(ValueError, match=message):
        check(Sample(**settings), {"kind": ("a", "b")})


def test_what_can_be_is_taken():
    check(Sample(np.int64(2), 1, True, "b"), {"kind": ("a", "b")})
    check(Sample(weight=np.float32(0.25), count=-7), least={"count": ANY})


@pytest.mark.parametrize("size, message", [
    (30, "size is 30, but why: take a multiple of 4, such as 32, or go"),
    (0, "such as 4"), (-8, "such as 4")])
def test_sides_that_four_does_not_divide(size, message):
    with pytest.raises(ValueError, match=message):
        check_sides(size, "why", otherwise=", or go")


@pytest.mark.parametrize("name", REGISTRY)
def test_every_setting_of_every_model_is_looked_at(name):
    _, settings = REGISTRY[name]
    for field in settings.__dataclass_fields__:
        with pytest.raises(ValueError, match=f"{field} is "):
            settings(**{field: ()})


@pytest.mark.parametrize("name, config", [
    ("gan", {}), ("gan", {"width": 16, "size": 64}),
    ("gan", {"width": 4, "noise": 1000}), ("gan", {"classes": 50}),
    ("vae", {}), ("vae", {"latent": 3000, "width": 8}),
    ("vae", {"size": 64, "width": 16, "classes": 20}),
    ("vae", {"network": "dense"}),
    ("vae", {"network": "dense", "latent": 9999}),
    ("cyclegan", {}), ("cyclegan", {"width": 64}),
    ("cyclegan", {"blocks": 40}),
    ("cyclegan", {"width": 2, "pool": 3000, "size": 32})])
def test_the_memory_is_estimated_well(name, config, monkeypatch):
    """Refused where the machine has a little less than the arrays take."""
    arrays = tg.state(models.build(name, config)).values()
    trained = sum(a.nbytes for a in arrays) * 4 / 3   # the slopes, too
    monkeypatch.setattr(settings, "memory", lambda: 1.5 * trained)
    models.build(name, config)
    monkeypatch.setattr(settings, "memory", lambda: 0.6 * trained)
    with pytest.raises(ValueError, match="of memory, and this computer has"):
        models.build(name, config)


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("n, words", [
    (-1, "n is -1; it must be a whole number from 0"),
    (2.0, "n is 2.0; it must be a whole number"),
    ("x", "n is 'x'; it must be a whole number"),
    (10 ** 11, r"100000000000 images at once need about [\d,]+ GB of memory, "
     r"and this computer has \d+: draw fewer"),
    (10 ** 30, "draw fewer")])
def test_a_number_of_images_that_cannot_be(name, n, words):
    model = models.build(name, {"size": 8, "width": 1})
    pair = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=words):
        model.sample(n, np.random.default_rng(0), *(
            [(pair, pair)] if name == "cyclegan" else []))


def test_a_machine_that_does_not_say_its_memory(monkeypatch):
    assert 2 ** 28 < settings.memory() < 2 ** 50
    monkeypatch.delattr(settings.os, "sysconf")
    assert settings.memory() == 2 ** 36


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("kind", ["float16", "float64", "longdouble"])
def test_images_of_another_kind_of_float(name, kind):
    model = models.build(name, {"size": 8, "width": 1})
    images = np.zeros((4, 8, 8, 3), kind)
    pair = (images, images) if name == "cyclegan" else images
    with pytest.raises(ValueError, match=f"the batch holds {images.dtype}; "
                       r"this \w+ trains on float32: use images.astype"):
        model.step(pair, np.random.default_rng(0))


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("rng", [5, None])
def test_a_seed_is_no_generator(name, rng):
    model = models.build(name, {"size": 8, "width": 1})
    images = np.zeros((4, 8, 8, 3), np.float32)
    pair = [(images, images)] if name == "cyclegan" else []
    for call in (lambda: model.sample(2, rng, *pair),
                 lambda: model.step(*pair or [images], rng)):
        with pytest.raises(ValueError, match=f"rng is {rng}: give rng=np"):
            call()


@pytest.mark.parametrize("name", REGISTRY)
def test_no_samples_are_an_empty_array(name):
    model = models.build(name, {"size": 8, "width": 1})
    images = np.zeros((4, 8, 8, 3), np.uint8)
    pair = [(images, images)] if name == "cyclegan" else []
    none = model.sample(0, np.random.default_rng(0), *pair)
    assert none.shape == (0, 8, 8, 3) and none.dtype == np.float32


@pytest.mark.parametrize("files, most", [
    (["900\n", None], 900), ([None, "700\n"], 700), (["max\n", None], None),
    ([f"{2 ** 63 - 4096}", ""], None), ([None, None], None)])
def test_a_container_may_have_less_memory(tmp_path, monkeypatch, files, most):
    paths = [tmp_path / str(k) for k in range(len(files))]
    for path, text in zip(paths, files):
        if text is not None:
            path.write_text(text)
    monkeypatch.setattr(settings, "LIMITS", [])
    all_of_it = settings.memory()
    monkeypatch.setattr(settings, "LIMITS", paths)
    assert settings.memory() == (most or all_of_it)


def test_parts_are_as_equal_as_can_be():
    seen = []

    def net(x):
        seen.append(len(x.data))
        return 2 * x
    for n in (0, 1, 64, 65, 200):
        x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        assert np.array_equal(settings.in_parts(net, x), 2 * x)
    assert seen == [0, 1, 64, 33, 32, 50, 50, 50, 50]


@pytest.mark.parametrize("model", [
    models.build("gan", {"width": 4, "classes": 3, "size": 8}),
    models.build("vae", {"width": 4, "classes": 3, "size": 8}),
    models.build("cyclegan", {"width": 4, "blocks": 1, "size": 8})],
    ids=lambda model: model.name)
def test_images_drawn_in_parts_are_those_drawn_at_once(model, monkeypatch):
    more = [[tg.data.to_float(np.random.default_rng(1).integers(
        0, 256, (9, 8, 8, 3), np.uint8))] * 2] * (model.name == "cyclegan")
    parts = model.sample(70, np.random.default_rng(0), *more)
    monkeypatch.setattr(np, "array_split", lambda x, count: [x])
    assert np.array_equal(
        model.sample(70, np.random.default_rng(0), *more), parts)
