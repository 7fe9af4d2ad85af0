"""Comparing results: what counts as equal, and what is said if not."""
import numpy as np
import pytest

import tinygen as tg
from tinygen.exercises.compare import described, difference, fresh

A = np.array([[1., 2.], [3., 4.]])


@pytest.mark.parametrize("got, expected", [
    (A, A.tolist()), (A * (1 + 1e-12), A), (2, 2.), (np.float32(2), 2),
    (np.array(2.), 2.), (True, np.True_), (np.array([7, 7]), (7, 7)),
    ((1, A), (1., A)), ([A, None], (A, None)), ({"a": A}, {"a": A}),
    ("real", "real"), (None, None), (tg.Tensor(A), A),
    (tg.Tensor(A), tg.Tensor(A)), ({1, 2}, {2, 1}),
    (np.array([np.nan, np.inf, 1.]), np.array([np.nan, np.inf, 1.])),
    (A.astype(np.float32), A), (np.zeros(3), np.zeros(3)),
    (np.zeros((0, 2)), np.zeros((0, 2))), (len, len)])
def test_equal(got, expected):
    assert difference(got, expected) == ""


@pytest.mark.parametrize("got, expected, words", [
    (1., A, "shape must be (2, 2); yours is ()"),
    (A[:1], A, "yours is (1, 2)"),
    (A[None], A, "yours is (1, 2, 2)"),
    (A + [[0, 0], [0, 1e-5]], A, "1 of 4 numbers differ, first at [1, 1]: 4"
     " is right, you have 4.00001."),
    (2.5, 2., "2 is right, you have 2.5."),
    (1 + 1e-7, 1., "1.0 is right, you have 1.0000001."),
    (np.array([np.nan, 1.]), np.array([1., 1.]), "you have nan"),
    (np.array([-np.inf]), np.array([np.inf]), "inf is right"),
    (None, A, "is there a `return`"),
    (A.tolist(), A, "got a list: np.array makes one of it."),
    ((A[0], A[1]), A, "got a tuple: np.array makes one of it."),
    ([A[0], 1.], A, "got a list."),
    ("1", 1, "got a str"),
    ((A, 2.), (A, 1.), "In item 1: 1 is right"),
    ((A,), (A, 1.), "2 items"),
    ((2., None), (2., A), "In item 1: Expected an array of shape (2, 2), got"
     " nothing (None)."),
    ({"a": None}, {"a": 2}, "At key 'a': Expected the number 2, got nothing"),
    ({"a": 1}, {"b": 1}, "keys must be ['b']"),
    ({"a": 1}, {"a": 2}, "At key 'a': 2 is right"),
    (A, tg.Tensor(A), "Expected a Tensor"),
    (np.array([1, 2], object), np.array([1., 2.]), "Expected an array"),
    (len, 1., "got the function len")])
def test_different(got, expected, words):
    assert words in difference(got, expected)


def test_dtype_counts_when_it_matters():
    single = A.astype(np.float32)
    assert difference(single, A, 1e-6) == ""
    assert difference(single, A, 1e-6, dtype=True) == (
        "The dtype must be float64; yours is float32.")


def test_the_tolerance_is_relative_to_the_largest_number():
    large = np.array([1e6, 1.])
    assert difference(large + [0., 1e-3], large, tol=1e-8) == ""
    assert difference(large + [0., 1e-1], large, tol=1e-8)


def test_copies_are_independent_but_tensors_shared():
    x, t = A.copy(), tg.Tensor(A)
    y, u = fresh([x, t])
    y += 1
    assert np.array_equal(x, A) and u is t
    assert fresh([t], tensors=True)[0] is not t
    rng = np.random.default_rng(0)
    assert fresh(rng).normal() == rng.normal()
    assert type(fresh(np.ma.array([1.]))) is np.ndarray


@pytest.mark.parametrize("value, words", [
    (A, "[[1., 2.],\n [3., 4.]]"), (np.float64(0.1), "0.1"),
    (tg.Tensor(np.ones(2)), "Tensor [1., 1.]"), (None, "None"),
    (np.zeros((4, 28, 28, 3)), "float64 array of shape (4, 28, 28, 3), from"
     " 0 to 0"), ((1, "a"), "(1, 'a')"), ({"k": 2.5}, "{'k': 2.5}"),
    (len, "the function len"), (list(range(20)),
                                "[0, 1, 2, 3, 4, 5, 6, 7, ...]")])
def test_described(value, words):
    assert described(value) == words
