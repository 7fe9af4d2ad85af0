"""4.1 Generating images with a GAN"""
import numpy as np

from tinygen.exercises import exercise

LISTING = '4.1, "The article\'s listing, dissected"'
FORMULA = '4.1, "The game as a formula"'
GENERATOR = '4.1, "The generator"'
ROUND = '4.1, "One round"'


def _rng():
    return np.random.default_rng(41)


# ---------------------------------------------------------------------- pixels


@exercise(LISTING, dtype=True)
def to_signed(answer):
    answer.on(np.array([0, 51, 255], np.uint8)).gives(
        np.array([-1, -0.6, 1], np.float32),
        "51 is a fifth of the way from 0 to 255, and -0.6 is a fifth of the"
        " way from -1 to 1", tol=1e-6)
    result = answer(np.arange(256, dtype=np.uint8))
    assert np.all(np.diff(result) > 0), (
        "A brighter byte must stay brighter: somewhere the result goes down"
        " as the byte goes up.")
    batch = np.arange(240, dtype=np.uint8).reshape(2, 4, 10, 3)
    answer.on(batch).gives(tol=1e-6)


@exercise('4.1, "Data"', dtype=True)
def to_bytes(answer):
    answer.on(np.array([-1., -0.2, 0.99, 1.])).gives(
        np.array([0, 102, 254, 255], np.uint8),
        "127.5 x (1 + 0.99) = 253.7, and the nearest byte is 254")
    every = np.arange(256, dtype=np.uint8)
    signed = (every / 127.5 - 1).astype(np.float32)
    back = answer(signed)
    assert np.array_equal(back, every), (
        f"There and back changes {np.sum(back != every)} of the 256 bytes;"
        " it must change none.")
    answer.on(_rng().uniform(-1, 1, (2, 3, 3, 1)).astype(np.float32)).gives()


# ---------------------------------------------------------------------- shapes


@exercise(LISTING)
def listing_shapes(answer):
    answer.on().gives(
        because="UpSampling2D doubles height and width and leaves the"
        " channels; a 'same' convolution does the opposite")


@exercise(LISTING)
def start_side(answer):
    answer.on(28, 2).gives(7, "7 -> 14 -> 28")
    answer.on(28, 3).gives(0, "28 halves to 14 and 7, and 7 is odd")
    for side, doublings in ((16, 3), (32, 3), (64, 4), (28, 0), (30, 2)):
        answer.on(side, doublings).gives()


@exercise('4.1, "The discriminator"')
def strided_side(answer):
    answer.on(28, 3, 2, 1).gives(
        14, "with the padding there are 30 pixels; windows of 3 start at 0,"
        " 2, ..., 26, and one at 28 would stick out")
    answer.on(7, 3, 2, 1).gives(4, "of 9 pixels: starts at 0, 2, 4, 6")
    for case in ((7, 2, 2, 0), (28, 7, 1, 3), (5, 5, 1, 0), (32, 4, 2, 1)):
        answer.on(*case).gives()


# -------------------------------------------------------------- the objectives


@exercise(FORMULA)
def log_d(answer):
    answer.on(np.array([0., np.log(3)])).gives(
        np.log([1 / 2, 3 / 4]),
        "D = 1 / (1 + e^-l) is 1/2 at l = 0 and 3/4 at l = log 3", tol=1e-4)
    far = answer(np.array([-1000., 1000.]))
    if np.shape(far) == (2,) and -900 < far[0] < -5:
        raise answer.mistake("clipped")         # whatever the small number
    answer.on(np.array([-1000., 1000.])).gives(
        np.array([-1000., 0.]), "far below 0, log D(x) = -log(1 + e^-l) is"
        " almost l itself; far above, it is almost 0")
    answer.on(np.linspace(-20, 20, 9)).gives()


@exercise(FORMULA)
def d_loss(answer):
    answer.on(np.array([np.log(3)]), np.array([np.log(2)])).gives(
        np.log(4 / 3) + np.log(3),
        "D(x) = 3/4 and D(G(z)) = 2/3: the two terms are -log 3/4 and"
        " -log(1 - 2/3)", tol=1e-4)
    far = np.array([1000., -1000.])
    value = answer(far, far)
    if np.shape(value) == () and 5 < value < 900:
        raise answer.mistake("clipped")         # whatever the small number
    answer.on(far, far).gives(
        1000., "half of each batch is judged wrongly, with a logit of 1000")
    rng = _rng()
    answer.on(rng.normal(size=5), rng.normal(size=3)).gives()


@exercise(FORMULA)
def g_loss(answer):
    answer.on(np.array([0., -np.log(3)])).gives(
        (np.log(2) + np.log(4)) / 2,
        "D gives these two fakes 1/2 and 1/4; the loss is the mean of"
        " -log 1/2 and -log 1/4", tol=1e-4)
    far = answer(np.array([-1000.]))
    if np.shape(far) == () and 5 < far < 900:
        raise answer.mistake("clipped")         # whatever the small number
    answer.on(np.array([-1000., 1000.])).gives(
        500., "the first fake is caught and costs 1000, the second costs 0")
    answer.on(_rng().normal(size=6)).gives()


@exercise(FORMULA)
def generator_gradients(answer):
    answer.on(np.array([0., np.log(3)])).gives(
        np.array([[-1 / 2, -3 / 4], [-1 / 2, -1 / 4]]),
        "D is 1/2 and 3/4; at D = 1/2 the two losses are equally steep")
    caught = np.asarray(answer(np.array([-8., -6.])))
    assert np.all(caught < 0), (
        "Both losses must fall when the logit rises: G wants a higher"
        " logit, so both slopes are below 0.")
    assert np.all(np.abs(caught[0]) < 0.01), (
        "At l = -8 and -6 D is sure that these are fakes. There the minimax"
        " loss (the first row) is flat.")
    assert np.all(caught[1] < -0.99), (
        "At l = -8 and -6 the non-saturating loss (the second row) must be"
        " steep: its slope is almost -1.")
    answer.on(_rng().normal(size=7)).gives()


@exercise(FORMULA)
def best_discriminator(answer):
    answer.on(np.array([0.5, 0.5, 0.]), np.array([0.5, 0., 0.5])).gives(
        np.array([0.5, 1., 0.]), "the first image comes from both alike, the"
        " second is always real, the third always a fake")
    answer.on(np.array([1., 0.]), np.array([0.25, 0.])).gives(
        np.array([0.8, 0.5]), "where an image never occurs, the answer is 1/2")
    p, q = _rng().dirichlet(np.ones(6), 2)
    best = np.asarray(answer(p, q))
    for other in (best * 0.9, 1 - (1 - best) * 0.9):
        gain = np.sum(p * np.log(best) + q * np.log(1 - best))
        less = np.sum(p * np.log(other) + q * np.log(1 - other))
        assert gain >= less, (
            f"Another D reaches a higher value, {less:.4f}, than this one,"
            f" {gain:.4f}.")
    answer.on(p, q).gives()


@exercise('4.1, "Five objectives"')
def fresh_losses(answer):
    answer.on().gives(because="with l = 0 the squares are (0 - 1)^2 and 0^2,"
                              " the hinges max(0, 1 - 0) and max(0, 1 + 0)")


# ------------------------------------------------------------------- one round


@exercise('4.1, "The forgotten detach"', may_use=("tg",))
def d_step(answer):
    g, d = np.array([1., 0.]), np.array([1., 0.])
    answer.on(g, d, np.array([0.]), np.array([np.log(3)]), 1.).gives(
        (g, np.array([1 - 0.75 * np.log(3), -0.25])), "the logits are 0 and"
        " log 3, their slopes -1/2 and 3/4: w falls by -1/2 x 0 + 3/4 x log 3"
        " and c by -1/2 + 3/4; G is not D's to move")
    rng = _rng()
    answer.on(rng.normal(size=2), rng.normal(size=2), rng.normal(size=6),
              rng.normal(size=5), 0.5).gives()


@exercise('4.1, "Settings"')
def adam_first_step(answer):
    answer.on(np.array([4., -0.5, 1e-4]), 0.1).gives(
        np.array([-0.1, 0.1, -0.1]), "4 / sqrt(4^2) = 1, and"
        " -0.5 / sqrt(0.5^2) = -1", tol=1e-3)   # right with Adam's 1e-8, too
    answer.on(_rng().normal(size=5), 2e-4).gives(tol=1e-3)


@exercise(ROUND)
def d_accuracy(answer):
    answer.on(np.array([2., -1.]), np.array([-3., 0.3, -0.1])).gives(
        0.6, "the 2 is right, and so are the -3 and the -0.1: 3 of 5")
    rng = _rng()
    answer.on(rng.normal(1, 1, size=8), rng.normal(size=4)).gives()
    answer.on(np.array([0., 0.]), np.array([0.])).gives(
        1 / 3, "a logit of 0 is no 'real': wrong for x, right for a fake")


# --------------------------------------------------------- inside the networks


@exercise(GENERATOR)
def folded_taps(answer):
    answer.on(np.array([1., 10., 100.])).gives(
        np.array([100., 110., 11., 1.]), "the pixel at 2i reads its own copy"
        " with w[1] = 10 and the next one, at 2i + 1, with w[2] = 100")
    w, x = _rng().normal(size=3), _rng().normal(size=5)
    taps = np.asarray(answer(w))
    large = np.zeros(12)
    for i, pixel in enumerate(x):
        large[2 * i:2 * i + 4] += pixel * taps
    plain = np.correlate(np.repeat(x, 2), w, "same")
    assert np.allclose(large[1:-1], plain), (
        "Laid side by side, the taps must give what upsampling and then"
        " convolving gives; they do not.")
    answer.on(w).gives()


@exercise(GENERATOR)
def spread_after_norm(answer):
    answer.on(np.array([3., 4.]), 0.).gives(
        np.array([1., 1.]), "without eps every spread becomes 1")
    answer.on(np.array([1., 4.]), 9.).gives(
        np.array([1 / np.sqrt(10), 0.8]), "4 / sqrt(16 + 9) = 4 / 5")
    answer.on(np.array([0.1, 1., 10.]), 0.8).gives()


# --------------------------------------------------------------------- samples


@exercise('4.1, "Walking through the noise"')
def slerp(answer):
    east, north = np.array([1., 0.]), np.array([0., 1.])
    answer.on(east, north, 0.5).gives(
        np.sqrt([0.5, 0.5]), "half-way between east and north on"
        " the unit circle: 45 degrees")
    answer.on(east, np.array([-0.5, np.sqrt(0.75)]), 0.5).gives(
        np.array([0.5, np.sqrt(0.75)]), "half of 120 degrees is 60")
    answer.on(east, 3 * north, 1 / 3).gives(
        np.array([np.sqrt(0.75), 1.5]), "a third of 90 degrees: sin 60 of the"
        " first and sin 30 of the second")
    a, b = _rng().normal(size=(2, 100))
    assert np.allclose(answer(a, b, 0.), a), "At t = 0 the result must be a."
    assert np.allclose(answer(a, b, 1.), b), "At t = 1 the result must be b."
    answer.on(a, b, 0.25).gives()


@exercise('4.1, "The same code on handwriting"')
def modes_found(answer):
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 3, 3, 3])
    answer.on(labels, 0.2).gives(
        3, "the labels 0, 1 and 3 have 4, 2 and 3 of the ten samples, 2 has"
        " only one; 2 of 10 is a share of 0.2, just enough")
    many = _rng().choice(10, 1000, p=np.array([30, 30, 15, 15, 5, 2, 1, 1, 1,
                                               0]) / 100)
    answer.on(many, 0.02).gives()
    answer.on(many, 0.1).gives()


# -------------------------------------------------------------------- capstone


@exercise(ROUND, may_use=("tg",), takes=(
    "to_signed", "d_step", "generator_gradients", "g_loss"))
def gan_round(answer):
    g, d = np.array([1., 0.]), np.array([0., 0.])
    answer.on(g, d, np.array([255], np.uint8), np.array([-1.]),
              np.array([0.]), 1.).gives(
        (np.array([1., 0.5]), np.array([1., 0.]), np.log(2)),
        "D's step: both logits are 0, the slopes -1/2 and 1/2, the images 1"
        " and -1, so w goes up by 1. G's step: the fake is 0, its logit 0,"
        " and b goes up by 1/2 x w")
    rng = _rng()
    pixels = rng.integers(0, 256, 6).astype(np.uint8)
    answer.on(rng.normal(size=2), rng.normal(size=2), pixels,
              rng.normal(size=5), rng.normal(size=4), 0.5).gives(tol=1e-6)
