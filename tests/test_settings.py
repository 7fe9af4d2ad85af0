"""The settings of the models: kinds, ranges, and the sentences."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from tinygen.models import REGISTRY
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
