"""Labels as channels; the models' own tests are beside them."""

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import GANConfig
from tinygen.models.labels import check_labels, in_turn, with_labels

THREE = GANConfig(classes=3)


def test_a_channel_for_each_class():
    x = np.full((2, 4, 5, 1), 7, np.float32)
    y = with_labels(x, [2, 0], 3)
    assert y.shape == (2, 4, 5, 4) and y.dtype == np.float32
    assert (y[..., :1] == x).all()
    assert (y[0, ..., 1:] == [0, 0, 1]).all()
    assert (y[1, ..., 1:] == [1, 0, 0]).all()
    assert with_labels(x, None, 0) is x


def test_gradients_reach_the_image():
    x = tg.Tensor(np.ones((2, 3, 3, 2)))
    dx, = tg.grad((with_labels(x, [1, 1], 2) ** 2).sum(), [x])
    assert dx.dtype == np.float64 and (dx.data == 2).all()


def test_classes_in_turn():
    assert in_turn(None, 5, THREE).tolist() == [0, 1, 2, 0, 1]
    assert in_turn([2, 2], 2, THREE).tolist() == [2, 2]
    assert in_turn(None, 5, GANConfig()) is None


def test_labels_become_whole_numbers():
    labels = check_labels(np.array([1.0, 2.0]), 2, THREE)
    assert labels.dtype == np.int64 and labels.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"give one for each image"):
        check_labels([[1], [2]], 2, THREE)
