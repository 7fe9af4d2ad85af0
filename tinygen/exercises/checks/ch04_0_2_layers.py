"""4.0.2 Layers"""
import numpy as np

import tinygen as tg
from tinygen.exercises import exercise

IDEA = '4.0.2, "The idea: made once, called often"'
START = '4.0.2, "How large the first weights should be"'
DEAD = '4.0.2, "What goes wrong: dead units"'
NORM = '4.0.2, "Normalisation: one function, three choices"'
GRADIENT = '4.0.2, "Its gradient"'
MODES = '4.0.2, "Training and evaluation"'
DROPOUT = '4.0.2, "Dropout"'
SPECTRAL = '4.0.2, "How steep can a layer be? Spectral norm"'
RESIDUAL = '4.0.2, "Residual, Sequential, and the table"'


def _normal(*shape):
    return np.random.default_rng(402).standard_normal(shape)


# ----------------------------------------------------------------------- state


@exercise(IDEA)
def layer_paths(answer):
    answer.on({"body": [{"w": np.ones((2, 3)), "b": np.ones(3)}],
               "out": {"w": np.ones((3, 1)), "slope": 0.2}}).gives(
        {"body.0.w": 6, "body.0.b": 3, "out.w": 3},
        "an entry of a list goes by its number; slope is no array")
    answer.on({"_u": np.ones(2), "w": np.ones(4),
               "_cache": {"w": np.ones(5)}}).gives(
        {"w": 4}, "names with an underscore in front are not walked, nor"
        " what is below them; what comes after them is")
    answer.on([[np.ones(2), {"b": np.ones(1), "rate": 0.1}], np.ones((2, 2))]
              ).gives({"0.0": 2, "0.1.b": 1, "1": 4})
    answer.on({"norm": {"scale": np.ones(7), "running_mean": np.ones(7),
                        "_spare": np.ones(2), "eps": 1e-5, "parts": []}}
              ).gives(because="what counts is an underscore in front, at any"
                      " depth; running_mean has none")


# -------------------------------------------------------------- initial spread


@exercise(START)
def start_spread(answer):
    answer.on(8, 4, 0., 1.).gives(
        0.5, "ReLU halves the mean square, and 8 * 0.25 / 2 = 1")
    answer.on(4, 9, 1., 1.).gives(
        0.5, "nothing between the layers: 4 * 0.25 = 1")
    answer.on(100, 30, 0.2, 1.).gives()
    answer.on(50, 64, -0.7, 1.5).gives()


@exercise(START)
def size_at_the_end(answer):
    answer.on(16, 0.5, 1., 3).gives(
        8., "a slope of 1 bends nothing: 16 * 0.25 = 4 for the mean square,"
        " 2 for the size, and three times that")
    answer.on(8, 0.5, 0., 5).gives(
        1., "8 terms of 0.25 double the mean square, and ReLU halves it:"
        " nothing changes")
    answer.on(256, 0.01, 0.2, 10).gives()
    answer.on(64, 0.5, 0.2, 4).gives()


@exercise(DEAD)
def dead_share(answer):
    x = np.array([[1., 0.], [0., 1.]])
    w = np.array([[1., -1., 2., 0.], [-1., -1., 1., 0.]])
    answer.on(x, w, np.array([0., 0., 0., 0.])).gives(
        0.5, "the four units see (1, -1), (-1, -1), (2, 1) and (0, 0): the"
        " second and the fourth are never above 0")
    answer.on(x, w, np.array([-2., 0., -3., 5.])).gives(
        0.75, "the biases close the first and the third, and open the last")
    x, w = _normal(20, 3), _normal(2, 3, 6)[1]
    answer.on(x, w, np.linspace(-4, 3, 6)).gives()


# ----------------------------------------------------------------------- norms


@exercise(NORM, but_not=("np.std", ".std"))
def normalised(answer):
    x = np.array([[1., 10.], [3., 30.]]).reshape(2, 1, 1, 2)
    answer.on(x, "batch", 0.).gives(
        np.array([[-1., -1.], [1., 1.]]).reshape(2, 1, 1, 2),
        "1 and 3 have the mean 2 and the spread 1; 10 and 30 likewise")
    answer.on(x, "layer", 0.).gives(
        np.array([[-1., 1.], [-1., 1.]]).reshape(2, 1, 1, 2),
        "1 and 10 have the mean 5.5 and the spread 4.5")
    x = _normal(3, 4, 5, 2) + np.array([1., -2.])
    for kind in ("batch", "instance", "layer"):
        answer.on(x, kind, 0.1).gives()


@exercise(GRADIENT)
def norm_vjp(answer):
    answer.on(np.array([3., 0., 0.]), np.array([-1., 0., 1.]), 1 / 3).gives(
        [1., -1., 0.], "v = 2/3, so s = 1 and y = x; the means of g and of"
        " g y are 1 and -1: g - 1 + y")
    g, x = _normal(2, 6)
    slopes = answer(g, 3 * x + 1, 1e-5)
    assert abs(np.sum(slopes)) < 1e-8, (
        "To add the same number to all of x changes nothing: the slopes must"
        " sum to 0.")
    answer.on(g, 3 * x + 1, 1e-5).gives()
    answer.on(g, x, 0.5).gives()


@exercise(GRADIENT)
def channel_slopes(answer):
    g = np.array([[1., 2.], [3., 4.]])
    y = np.array([[-1., 1.], [1., -1.]])
    answer.on(g, y).gives(
        np.array([[2., -2.], [4., 6.]]), "the scale of channel 0: 1 * -1 +"
        " 3 * 1; its shift: 1 + 3")
    answer.on(*_normal(2, 5, 3)).gives()
    answer.on(*_normal(2, 2, 3, 4, 2)).gives(
        because="images: a channel's scale meets each of its pixels")


@exercise(MODES)
def steps_to_settle(answer):
    answer.on(0.5, 0.1).gives(
        4, "left are 0.5, 0.25, 0.125, and 0.0625 after four steps")
    answer.on(0.5, 0.25).gives(
        2, "after two steps exactly 0.25 is left, which is at most 0.25")
    answer.on(0.1, 0.01).gives(
        because="After k steps (1 - rate)^k of the start is left")
    answer.on(0.2, 0.5).gives()
    answer.on(0.01, 0.3).gives()


@exercise(MODES)
def mend_momentum(answer):
    x = np.array([[0.], [2.]])
    one = 1 / np.sqrt(1.00001)
    answer.on(x, np.array([0.]), np.array([3.]), 0.8).gives(
        (np.array([[-one], [one]]), np.array([0.2]), np.array([2.6])),
        "the batch's mean and variance are 1 and 1: 0.8 * 0 + 0.2 * 1, and"
        " 0.8 * 3 + 0.2 * 1")
    answer.on(_normal(6, 3), np.array([1., 2., 3.]), np.array([1., 1., 4.]),
              0.9).gives()


def _slopes_by(x, h):
    """slopes -> the slopes of <slopes, h> by x, zeros if x is not used."""
    return lambda slopes: tg.grad((slopes * h).sum(), [x],
                                  unused="zeros")[0].data


@exercise(GRADIENT, may_use=("tg.Tensor", "tg.sqrt", "tg.sum", "tg.mean"))
def mend_slopes_of_slopes(answer):
    g, x = tg.Tensor(np.array([3., 0., 0.])), tg.Tensor(
        np.array([-1., 0., 1.]))
    answer.on(g, x, 1 / 3).gives(
        tg.Tensor(np.array([1., -1., 0.])), "s = 1 and y = x: g - 1 + y")
    h = np.array([1., 0., 0.])
    answer.on(g, x, 1 / 3).then(_slopes_by(x, h)).gives(
        because="these are the slopes of your first result by x. What you"
        " hold as an array counts as constant")
    answer.on(g, x, 1 / 3).then(_slopes_by(g, h)).gives(
        because="these are the slopes of your first result by g, on which it"
        " depends, too")
    g, x, h = _normal(3, 5)
    g, x = tg.Tensor(g), tg.Tensor(x)
    answer.on(g, x, 1e-5).gives()
    answer.on(g, x, 1e-5).then(_slopes_by(x, h)).gives()


# ---------------------------------------------------------------------- others


@exercise(DROPOUT)
def dropout_noise(answer):
    answer.on(np.array([2.]), 0.5).gives(
        2., "0 or 4 with equal chances: 2 away from the mean, 2, either way")
    answer.on(np.array([3., 4.]), 0.5).gives(
        5., "squares of independent errors add: 9 + 16 = 25")
    answer.on(_normal(7), 0.2).gives()
    answer.on(_normal(7), 0.9).gives()


@exercise(SPECTRAL, but_not=("np.linalg.svd", "np.linalg.svdvals"))
def power_sigma(answer):
    w = np.array([[3., 0.], [0., 1.]])
    answer.on(w, np.array([1., 1.]), 1).gives(
        np.sqrt((27 ** 2 + 1) / 82), "u goes along (9, 1), whose length is"
        " root 82; u^T w is (27, 1) over root 82")
    answer.on(w, np.array([1., 1.]), 60).gives(3.)
    w = _normal(4, 3)
    answer.on(w, np.array([1., 0., 0., 0.]), 2).gives()
    answer.on(100 * w, np.array([0., 2., 0., 1.]), 300).gives()


@exercise(RESIDUAL)
def residual_size(answer):
    answer.on(2, 1.).gives(
        2., "each block doubles the mean square: 4 after two, and a size of"
        " 2")
    answer.on(1, 0.75).gives(1.25, "1 + 0.5625 = 1.5625 = 1.25^2")
    answer.on(50, 0.5).gives()
    answer.on(20, 0.1).gives()


# -------------------------------------------------------------------- capstone


@exercise(GRADIENT, takes=("norm_vjp", "channel_slopes"))
def batch_norm_round(answer):
    x, g = np.array([[-1.], [1.]]), np.array([[2.], [0.]])
    answer.on(x, np.array([3.]), np.array([0.5]), np.zeros(1), np.ones(1), g,
              0.1, 0.).gives(
        {"y": [[-2.5], [3.5]], "dx": [[0.], [0.]], "dscale": [-2.],
         "dshift": [2.], "running_mean": [0.], "running_var": [1.1]},
        "the batch has mean 0, variance 1 (2 over n - 1); two numbers always"
        " become -1 and 1, so dx is 0")
    x, g = _normal(2, 7, 3) * [[[1.]], [[2.]]]
    answer.on(x + 1, np.array([1., 2., -0.5]), np.array([0., 1., 3.]),
              np.array([0.5, 0., -1.]), np.array([1., 2., 3.]), g, 0.2, 1e-5
              ).gives()
