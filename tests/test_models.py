"""The registry of models: from a name and a dict of settings to a model."""

import dataclasses
import time

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import REGISTRY, build

SMALL = {"gan": {"size": 4, "width": 1, "noise": 2},
         "vae": {"size": 4, "width": 1, "latent": 2},
         "cyclegan": {"size": 8, "width": 1, "pool": 3}}


def batch_for(model, rng):
    """What step() takes, and what sample() takes besides n and rng."""
    c = model.config
    images = rng.uniform(-1, 1, (4, c.size, c.size, c.channels))
    images = images.astype(np.float32)
    if getattr(model, "sets", 1) == 2:
        return (images, -images), [(images, -images)]
    return images, []


@pytest.mark.parametrize("name", REGISTRY)
def test_the_protocol_that_fit_trains(name):
    """name, config, step() to a dict of floats, sample(), state()."""
    model = build(name, SMALL[name])
    kind, settings = REGISTRY[name]
    assert isinstance(model, kind) and model.name == name
    assert model.config == settings(**SMALL[name])
    c, rng = model.config, np.random.default_rng(0)
    images, pair = batch_for(model, rng)
    report = model.step(images, rng)
    assert report and all(type(v) is float for v in report.values())
    samples = model.sample(3, rng, *pair)
    assert samples.shape == (3, c.size, c.size, c.channels)
    assert samples.dtype == np.float32 and np.abs(samples).max() <= 1


@pytest.mark.parametrize("name", REGISTRY)
def test_state_and_config_rebuild_the_model(name):
    model = build(name, SMALL[name])
    rng = np.random.default_rng(0)
    images, pair = batch_for(model, rng)
    model.step(images, rng)
    again = build(name, dataclasses.asdict(model.config))
    tg.load_state(again, tg.state(model))
    r, s = np.random.default_rng(1), np.random.default_rng(1)
    assert model.step(images, r) == again.step(images, s)
    assert (model.sample(2, r, *pair) == again.sample(2, s, *pair)).all()


@pytest.mark.parametrize("name, settings, message", [
    ("dcgan", {}, "no model is called 'dcgan'; there are: gan"),
    ("gan", {"depth": 3}, "settings do not fit a gan.*depth"),
    ("gan", {"loss": "none"}, "loss is 'none'"),
])
def test_errors(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build(name, settings)


@pytest.mark.parametrize("name, settings", [
    ("gan", {"width": 10**6}), ("gan", {"noise": 10**9}),
    ("gan", {"size": 4 * 10**6}), ("vae", {"width": 10**6}),
    ("vae", {"latent": 10**9}), ("cyclegan", {"width": 10**5}),
    ("cyclegan", {"blocks": 10**9}), ("cyclegan", {"pool": 10**15}),
    ("gan", {"channels": 10**10})])
def test_a_file_asks_for_a_model_that_no_memory_holds(name, settings):
    """At once, and not when the memory is full."""
    began = time.process_time()
    with pytest.raises(ValueError, match="far more weights|do not fit a|"
                       "of memory, and this computer"):
        build(name, SMALL[name] | settings, most=10**6)
    assert time.process_time() - began < 1
