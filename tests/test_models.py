"""The registry of models: from a name and a dict of settings to a model."""

import dataclasses

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import REGISTRY, build

SMALL = {"gan": {"size": 4, "width": 1, "noise": 2},
         "vae": {"size": 4, "width": 1, "latent": 2}}


@pytest.mark.parametrize("name", REGISTRY)
def test_the_protocol_that_fit_trains(name):
    """name, config, step() to a dict of floats, sample(), state()."""
    model = build(name, SMALL[name])
    kind, settings = REGISTRY[name]
    assert isinstance(model, kind) and model.name == name
    assert model.config == settings(**SMALL[name])
    c, rng = model.config, np.random.default_rng(0)
    images = rng.uniform(-1, 1, (4, c.size, c.size, c.channels))
    report = model.step(images.astype(np.float32), rng)
    assert report and all(type(v) is float for v in report.values())
    samples = model.sample(3, rng)
    assert samples.shape == (3, *images.shape[1:])
    assert samples.dtype == np.float32 and np.abs(samples).max() <= 1


@pytest.mark.parametrize("name", REGISTRY)
def test_state_and_config_rebuild_the_model(name):
    model = build(name, SMALL[name])
    c, rng = model.config, np.random.default_rng(0)
    images = np.zeros((4, c.size, c.size, c.channels), np.float32)
    model.step(images, rng)
    again = build(name, dataclasses.asdict(model.config))
    tg.load_state(again, tg.state(model))
    r, s = np.random.default_rng(1), np.random.default_rng(1)
    assert model.step(images, r) == again.step(images, s)
    assert (model.sample(2, r) == again.sample(2, s)).all()


@pytest.mark.parametrize("name, settings, message", [
    ("dcgan", {}, "no model is called 'dcgan'; there are: gan, vae"),
    ("gan", {"depth": 3}, "settings do not fit a gan.*depth"),
    ("gan", {"loss": "none"}, "loss is 'none'"),
])
def test_errors(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build(name, settings)
