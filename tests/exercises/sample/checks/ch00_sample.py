"""A sample: rows and their spread"""
import numpy as np

from tinygen.exercises import exercise


@exercise("The sample's section on spread", but_not=("np.std", ".std"))
def spread(answer):
    answer.on(np.array([[1., 3.], [5., 5.]])).gives(
        [1., 0.], "the mean of 1 and 3 is 2, and both are 1 away from it")
    x = np.random.default_rng(0).normal(size=(3, 4))
    answer.on(x).gives()
    assert np.allclose(answer(x + 5.), answer(x)), (
        "Adding 5 to every number moves the mean with it: the spread must"
        " stay as it is.")
