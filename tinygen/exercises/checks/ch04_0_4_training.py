"""4.0.4 Training"""
import numpy as np

from tinygen.exercises import exercise

STEP = '4.0.4, "The formula"'
NOISE = '4.0.4, "A batch is a guess"'
MOMENTUM = '4.0.4, "Momentum: adding up what agrees"'
ADAM = '4.0.4, "Adam: a step of a known length"'
BIAS = '4.0.4, "What goes wrong: Adam without the correction"'
DECAY = '4.0.4, "Weight decay: two rules that are not the same"'
END = '4.0.4, "The end: a smaller step, or an average"'
BATCHES = '4.0.4, "Batches, epochs, and what is left over"'
SETS = '4.0.4, "What goes wrong: parameters in a set"'
COMPARE = '4.0.4, "What goes wrong: a comparison that stretches"'
FORGETS = '4.0.4, "What goes wrong: a resume that forgets"'
CURVES = '4.0.4, "Reading curves"'


def _normal(*shape):
    return np.random.default_rng(404).standard_normal(shape)


# ------------------------------------------------------------- step and noise


@exercise(STEP)
def best_rate(answer):
    answer.on(np.array([1., 3.])).gives(
        (0.5, 0.5), "with 0.5 the two directions shrink to 1 - 0.5 = 0.5 and"
        " 1 - 1.5 = -0.5 of what they were: equally fast")
    answer.on(np.array([2., 0.1, 5., 1.])).gives()
    answer.on(np.array([4.])).gives(
        (0.25, 0.), "with one curvature, one step goes to the bottom")


@exercise(NOISE)
def batch_spread(answer):
    answer.on(np.array([[0.], [2.]]), 4).gives(
        0.5, "both gradients are 1 away from their mean; a mean of four has"
        " half that spread")
    answer.on(np.array([[3., 0.], [-3., 0.], [0., 4.], [0., -4.]]), 1).gives(
        np.sqrt(12.5), "the squared distances are 9, 9, 16, 16")
    answer.on(_normal(7, 5) + 1, 10).gives()


@exercise(MOMENTUM)
def momentum_travel(answer):
    answer.on(1., 0.5, 3).gives(
        4.25, "v is 1, then 0.5 + 1 = 1.5, then 0.75 + 1 = 1.75")
    answer.on(0.1, 0.9, 20).gives()
    answer.on(0.3, 0., 7).gives()


# ----------------------------------------------------------------------- Adam


@exercise(ADAM)
def adam_step(answer):
    answer.on(np.array([1.]), np.array([4.]), np.zeros(1), np.zeros(1), 1,
              0.1, 0.5, 0.75, 0.).gives(
        ([0.9], [2.], [4.]), "m = 0.5 * 4 and v = 0.25 * 16; corrected they"
        " are 4 and 16, and the step is 0.1 * 4 / 4")
    p, g, m, v = _normal(4, 3)
    answer.on(p, g, m, v ** 2, 7, 0.01, 0.9, 0.99, 1e-8).gives()
    answer.on(p, g, m, v ** 2, 2, 0.5, 0.8, 0.9, 0.1).gives()
    answer.on(p, g, m, v ** 2, 9, 0.1, 0.3, 0.5, 1e-8).gives(
        because="after 9 steps 0.5^9 is almost 0, and so is the correction")


@exercise(BIAS)
def uncorrected_steps(answer):
    answer.on(0.5, 0.75, 1).gives(
        1., "m = 0.5 g and v = 0.25 g^2, whose root is 0.5 g as well")
    answer.on(0.9, 0.999, 1).gives(
        np.sqrt(10), "m = 0.1 g, and the root of 0.001 is 0.0316")
    answer.on(0.9, 0.999, 30).gives()
    answer.on(0.6, 0.3, 4).gives()


@exercise(DECAY)
def mend_decay(answer):
    zeros = np.zeros(2)
    answer.on(np.array([2., -1.]), zeros, zeros, zeros, 1, 0.1, 1.).gives(
        ([1.8, -0.9], [0., 0.], [0., 0.]), "no gradient: each weight loses"
        " the share lr * decay = 0.1 of itself, and nothing else happens")
    p, g, m, v = _normal(4, 3)
    answer.on(p, g, m, v ** 2, 5, 0.1, 0.5).gives()


@exercise(END)
def averaged_spread(answer):
    answer.on(0.6, 1.).gives(
        0.5, "0.4^2 (1 + 0.36 + 0.36^2 + ...) = 0.16 / 0.64 = 0.25, and the"
        " spread is its root")
    answer.on(0.9, 3.).gives()
    answer.on(0., 2.).gives(2., "decay 0 keeps the latest weights alone")


# -------------------------------------------------------------- order, state


@exercise(BATCHES)
def batch_place(answer):
    answer.on(0, 10, 4).gives((0, 0), "the first batch")
    answer.on(5, 10, 4).gives(
        (2, 4), "two batches an epoch: 0 and 1, 2 and 3, 4 and 5")
    answer.on(7, 12, 4).gives((2, 4), "three batches an epoch")
    answer.on(99, 4000, 32).gives()
    answer.on(1000, 70, 32).gives()


@exercise(SETS)
def stepping_order(answer):
    answer.on([("w", 7), ("b", 3), ("tied", 7)]).gives(
        [0, 1], "places 0 and 2 hold one array, number 7")
    answer.on([("z", 40), ("a", 8), ("z2", 40), ("c", 33), ("b", 8),
               ("k", 16)]).gives()


@exercise(COMPARE)
def same_array(answer):
    ones = np.ones(3)
    answer.on(ones, np.array([1., 1., 2.]), 1e-6).gives(
        False, "the last numbers differ")
    answer.on(ones, ones, 1e-6).gives(True, "all numbers are equal")
    answer.on(ones, ones + 1e-9, 1e-6).gives(
        True, "1e-9 apart, and 1e-6 is allowed")
    answer.on(np.array(1.), ones, 1e-6).gives(
        False, "a single number is not a vector of three")
    answer.on(np.ones((3, 1)), ones, 1e-6).gives(
        False, "a column is not a vector")
    answer.on(np.ones(4), ones, 1e-6).gives(False, "four are not three")
    answer.on(np.array([1., np.nan, 1.]), ones, 1e-6).gives(
        False, "NaN is not 1")
    answer.on(np.array([0., np.nan]), np.zeros(2), 1e-6).gives(
        False, "NaN is not 0, either")
    answer.on(np.array([1., 1.5, 1.]), ones, 0.5).gives(
        True, "0.5 apart, which is not more than 0.5")
    answer.on(np.array([1., 1.75, 1.]), ones, 0.5).gives(
        False, "one number is 0.75 away; that the others are near does not"
        " help")
    answer.on(ones - 5, ones, 1e-6).gives(False, "-4 is not 1")
    answer.on(1000 * ones + 0.001, 1000 * ones, 1e-6).gives(
        False, "0.001 apart, and only 1e-6 is allowed")


@exercise(CURVES)
def stop_at(answer):
    answer.on(np.array([5., 4., 6., 7., 3.]), 2).gives(
        1, "6 and 7 are two in a row without a new lowest: stop, and go back"
        " to the 4")
    answer.on(np.array([5., 4., 6., 7., 3.]), 3).gives(
        4, "three in a row do not occur before the 3")
    answer.on(np.array([9., 5., 8., 7., 6., 5.5, 1.]), 4).gives()
    answer.on(np.array([3., 2., 2., 2., 1.]), 2).gives(
        1, "2 again is not lower than 2")
    answer.on(np.array([4., 3., 5., 2., 6., 7., 8., 0.]), 3).gives()
    answer.on(np.array([5., 6., 4., 6., 3., 6., 2.]), 2).gives(
        6, "a new lowest each time after one bad one: never two in a row")
    answer.on(np.array([3., 4., 5., 6., 1.]), 2).gives(
        0, "4 and 5 are two in a row")
    answer.on(np.array([3., 3., 4., 1.]), 2).gives(
        0, "the second 3 is not lower than the first, nor is the 4")


# ------------------------------------------------------------------- capstone


def _begin(k, seed):
    rng = np.random.default_rng(seed)
    return {"p": np.zeros(k), "m": np.zeros(k), "v": np.zeros(k), "t": 0,
            "rng": rng.bit_generator.state, "position": 0}


@exercise(FORGETS, takes=("adam_step",))
def resumable_run(answer):
    start = _begin(1, 0)
    answer.on(np.array([[1.], [3.]]), start, 1, 2, 0.1).gives(
        start | {"p": [0.1], "m": [-0.2], "v": [0.004], "t": 1,
                 "position": 2},
        "one batch holds both images; the gradient is 0 - 2, the first step"
        " of Adam is lr times its sign; no new epoch has begun")
    data, start = _normal(11, 3), _begin(3, 1)
    whole = answer(data, start, 8, 4, 0.1)
    answer.on(data, start, 8, 4, 0.1).gives()
    for k in (1, 2, 3, 5):
        part = answer(data, start, k, 4, 0.1)
        answer.on(data, part, 8 - k, 4, 0.1).gives(
            whole, f"{k} steps and a resume with {8 - k} more must end where"
            " 8 steps in one go do, to the bit", tol=0)
