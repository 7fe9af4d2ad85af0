"""3.3 CycleGAN: the principle, the steps, the mathematics"""
import numpy as np

from tinygen.exercises import exercise

JUDGE = '3.3, "What a judge alone accepts"'
CYCLE = '3.3, "What a cycle alone accepts"'
FULL = '3.3, "The full objective"'
SQUARES = '3.3, "Squares in place of logarithms"'
POOL = '3.3, "The pool"'


def _rng():
    return np.random.default_rng(33)


# ------------------------------------------------------- what a judge accepts


@exercise(JUDGE)
def pushed_mass(answer):
    answer.on(np.array([2, 0, 2]), np.array([0.5, 0.3, 0.2])).gives(
        np.array([0.3, 0., 0.7]), "pictures 0 and 2 both become 2:"
        " 0.5 + 0.2; picture 1 becomes 0; nothing becomes 1")
    p = _rng().dirichlet(np.ones(6))
    q = answer(np.array([1, 1, 5, 0, 5, 5]), p)
    assert np.isclose(np.sum(q), 1), (
        f"The shares of G(x) add up to {np.sum(q):.4f}. Every picture goes"
        " somewhere: they must add up to 1.")
    answer.on(np.array([1, 1, 5, 0, 5, 5]), p).gives()
    answer.on(np.array([1, 0, 0]), np.array([0.5, 0.3, 0.2])).gives(
        np.array([0.5, 0.5, 0.]), "nothing becomes picture 2")
    answer.on(np.array([3, 0, 1, 2]), p[:4]).gives()


@exercise(JUDGE)
def pushed_density(answer):
    answer.on(np.array([1., 1.]), np.array([4., -4.])).gives(
        0.5, "two x arrive, each with a density of 1 that is spread over 4"
        " times the length: 1/4 + 1/4")
    answer.on(np.array([0.6]), np.array([0.5])).gives(
        1.2, "a slope of 1/2 halves every length: what was 0.6 is 1.2 dense")
    rng = _rng()
    answer.on(rng.random(3), np.array([2., -0.5, -3.])).gives()


@exercise(JUDGE)
def measure_preserving(answer):
    answer.on(np.diag([4., 1.]), 90.).gives(
        np.array([[0., -2.], [0.5, 0.]]), "L = diag(2, 1): halve the first"
        " coordinate, turn by 90 degrees, double the first coordinate")
    c = np.array([[2., 0.9], [0.9, 0.6]])
    answer.on(c, 30.).gives(because="S C S^T must be C again")
    answer.on(c, -200.).gives()


# ------------------------------------------------------- what a cycle accepts


@exercise(CYCLE)
def trivial_cycle(answer):
    answer.on(np.diag([2., 1.]), np.array([4., 1.])).gives(
        (np.diag([0.5, 1.]), np.array([-2., -1.])), "y = 2x + 4 is undone by"
        " x = y / 2 - 2, and y = x + 1 by x = y - 1")
    rng = _rng()
    a, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    answer.on(a, b).gives()
    answer.on(np.array([[0., -1.], [1., 0.]]), np.array([1., 0.])).gives()


def _count(pairs):
    return None if pairs is None else len(pairs)


@exercise(FULL)
def surviving_maps(answer):
    answer.on().then(_count).gives(
        7, "one pair for each of the seven translations")
    for k, why in enumerate((
            "2 + 2x: even, and one x for each y",
            "2 + x: nothing above 3; x = y - 2",
            "4 - 2x: even, and one x for each y",
            "2 + 2|2x - 1|: even, each slope is 4 or -4; two x for each y",
            "2 + 2x^2: crowded near 2, where the slope is small; one x each",
            "2 + 2(5x mod 1): even; five x for each y",
            "3: always the same; every x has this y")):
        answer.on().then(lambda maps, k=k: tuple(maps[k])).gives(
            because=f"(judge, cycle) of number {k + 1}, {why}")


# --------------------------------------------------------- the full objective


@exercise(FULL)
def full_objective(answer):
    half = np.array([0.5, 0.5])
    answer.on(half, half, half, half, 0.1, 10.).gives(
        4 * np.log(0.5) + 1, "four means of log 1/2, and 10 x 0.1")
    answer.on(np.array([0.8]), np.array([0.5]), np.array([0.5]),
              np.array([0.75]), 0., 10.).gives(
        np.log(0.8 * 0.5 * 0.5 * 0.25), "log 0.8 + log(1 - 0.5) + log 0.5"
        " + log(1 - 0.75)")
    rng = _rng()
    answer.on(rng.random(4), rng.random(4), rng.random(3), rng.random(5),
              0.3, 7.).gives()


@exercise(SQUARES)
def lsgan_optimum(answer):
    answer.on(np.array([0.5, 0.5]), np.array([0.25, 0.]), 0., 1.).gives(
        np.array([2 / 3, 1.]), "0.5 / (0.5 + 0.25), and where nothing is"
        " made, 1")
    answer.on(np.array([0.5, 0.]), np.array([0.25, 0.]), -2., 4.).gives(
        np.array([2., 1.]), "(4 x 0.5 - 2 x 0.25) / 0.75 = 2; where neither"
        " occurs, the middle between -2 and 4")
    answer.on(np.array([0., 1.]), np.array([0., 1.]), 0., 1.).gives(
        np.array([0.5, 0.5]), "where neither occurs, the middle between 0"
        " and 1; where both do alike, the same")
    rng = _rng()
    p, q = rng.dirichlet(np.ones(5), 2)
    best = np.asarray(answer(p, q, -1., 1.))
    for other in (best + 0.1, best - 0.1):
        assert np.sum(p * (other - 1) ** 2 + q * (other + 1) ** 2) > np.sum(
            p * (best - 1) ** 2 + q * (best + 1) ** 2), (
            "A judge that is 0.1 away from yours everywhere pays less.")
    answer.on(p, q, -1., 1.).gives()


@exercise(SQUARES)
def pearson_divergence(answer):
    answer.on(np.array([0.5, 0.5, 0.]), np.array([0.5, 0., 0.5])).gives(
        1., "0 for the first picture, 0.25 / 0.5 for each of the others")
    answer.on(np.array([0.4, 0.6, 0.]), np.array([0.4, 0.6, 0.])).gives(
        0., "equal distributions; a picture that never occurs counts 0")
    answer.on(np.array([1., 0.]), np.array([0., 1.])).gives(
        2., "nothing in common: 1 / 1 + 1 / 1, the largest value")
    answer.on(*_rng().dirichlet(np.ones(5), 2)).gives()


@exercise('3.3, "Absolute values in the cycle"')
def l1_minimiser(answer):
    answer.on(np.array([0., 1.]), np.array([0.75, 0.25])).gives(
        0., "v costs 0.75 v + 0.25 (1 - v), which grows with v")
    answer.on(np.array([5., 1., 2.]), np.array([0.3, 0.4, 0.3])).gives(
        2., "in order 1, 2, 5: below 2 lies 0.4 of the mass, above it 0.3")
    answer.on(np.array([1., -1.]), np.array([0.5, 0.5])).gives(
        -1., "every v from -1 to 1 costs the same; the smallest is asked for")
    answer.on(np.array([0., 3., 4.]), np.array([0.6, 0.2, 0.2])).gives(
        0., "0.6 of the mass lies at 0: a step to the right costs 0.6 and"
        " gains 0.4")
    rng = _rng()
    answer.on(rng.normal(size=9), rng.dirichlet(np.ones(9))).gives()


@exercise('3.3, "A judge of patches"')
def patch_window(answer):
    answer.on([4, 3], [2, 1], [1, 0], 0).gives(
        (-1, 6), "the last layer sees 0 to 2; of these, 0 sees the pixels -1"
        " to 2, and 2 sees 3 to 6")
    answer.on([4], [2], [1], 3).gives(
        (5, 8), "3 x 2 - 1 = 5, and a window of 4 ends 3 further")
    for case in (([4, 4, 4, 4, 4], [2, 2, 2, 1, 1], [1, 1, 1, 1, 1], 2),
                 ([7, 3, 3], [1, 2, 2], [3, 1, 1], 5),
                 ([3, 5, 1], [3, 1, 2], [0, 2, 0], 1)):
        answer.on(*case).gives()


# ------------------------------------------------------------------- the steps


def _doubled(pictures):
    return 2 * pictures


def _halved(pictures):
    return pictures / 2 + 0.25


class Pool:
    """Keeps each batch's first picture, shows an old one in its place."""

    def __init__(self):
        self.old = [30., 20., 10.]

    def __call__(self, pictures):
        self.old.insert(0, pictures[0])
        return np.array([self.old.pop(), *pictures[1:]])


@exercise('3.3, "The steps"')
def mend_cycle_order(answer):
    answer.on(np.array([1., 2.]), _doubled, _halved, Pool()).gives(
        (0.25, np.array([10., 4.])), "G makes 2 and 4, F makes 1.25 and 2.25"
        " of them; the judge is shown the old 10 and the new 4")
    answer.on(np.array([0., 1.]), _halved, np.round, Pool()).gives(
        (0., np.array([10., 0.75])), "G makes 0.25 and 0.75, F makes 0 and"
        " 1 of them: nothing is lost")
    answer.on(_rng().normal(size=5), _halved, np.square, Pool()).gives()


@exercise(POOL)
def expected_pool_age(answer):
    answer.on(50, 0.5).gives(
        (50., 100.), "50 wait and one comes in at a time: the mean wait is"
        " 50; half of them wait not at all, so the others wait 100")
    answer.on(20, 1.).gives((20., 20.), "everything goes through the pool")
    answer.on(30, 0.1).gives()


# -------------------------------------------------------------------- capstone


@exercise(FULL, takes=("pushed_mass", "lsgan_optimum"))
def toy_cyclegan_capstone(answer):
    even = np.array([0.5, 0.5])
    swap, both_to_0 = np.array([1, 0]), np.array([0, 0])
    answer.on(swap, swap, even, even, 10.).gives(
        0.5, "both judges say 1/2 of everything: 1/4 for each generator; and"
        " nothing is lost")
    answer.on(both_to_0, swap, even, even, 0.).gives(
        4 / 9 + 1 / 4, "all of G's pictures are 0, where p is 1/2 and q is 1:"
        " D_Y says 1/3, so G pays (1/3 - 1)^2; F pays 1/4")
    answer.on(both_to_0, swap, even, even, 1.).gives(
        4 / 9 + 1 / 4 + 1, "as before; and F(G(x)) is always 1, wrong for"
        " x = 0, and G(F(y)) is always 0, wrong for y = 1: 1/2 + 1/2")
    rng = _rng()
    p_x, p_y = rng.dirichlet(np.ones(5), 2)
    for _ in range(3):
        g, f = rng.integers(0, 5, (2, 5))
        answer.on(g, f, p_x, p_y, 2.).gives()
