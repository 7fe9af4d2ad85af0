"""4.2 Generating images with a VAE"""
import numpy as np

import tinygen as tg
from tinygen.exercises import exercise

LISTING = '4.2, "The listing, dissected"'
SAMPLING = '4.2, "Reparameterisation"'
OBJECTIVE = '4.2, "The objective"'
STEP = '4.2, "One step"'
COLLAPSE = '4.2, "Posterior collapse"'
TIGHTER = '4.2, "A tighter bound"'
TOL = 1e-6      # so that float32 on the way does no harm


def _rng():
    return np.random.default_rng(42)


# ------------------------------------------------------- the article's listing


@exercise(LISTING)
def encoder_sides(answer):
    answer.on(28).gives(
        [14, 7, 4, 2, 1], "windows at 0, 2, ..., 26 make 14; pairs make 7;"
        " then windows at 0, 2, 4 and 6 make 4")
    answer.on(36).gives(
        [18, 9, 5, 2, 1], "9 pixels have windows at 0, 2, 4, 6 and 8; of 5"
        " pixels only two pairs can be pooled")
    for side in (11, 64, 100):
        answer.on(side).gives()


@exercise(LISTING, may_use=("tg.Tensor", "tg.sum"))
def undo_shift(answer):
    answer.on(np.array([[2.], [3.]]), np.array([1.]), 10.).gives(
        np.array([51.]), "both codes fall by 10, so z w falls by 20 + 30, and"
        " the bias makes up for it", TOL)
    rng = _rng()
    z, w, b = (rng.normal(size=s) for s in ((5, 4), (4, 3), 3))
    moved = np.asarray(answer(w, b, 7.))
    assert np.shape(moved) == (3,), (
        f"The new bias must have the shape of b, (3,); yours has"
        f" {np.shape(moved)}.")
    assert np.allclose((z - 7) @ w + moved, z @ w + b), (
        "With the codes 7 lower and this bias the decoder's first layer must"
        " give what it gave before; it does not.")
    answer.on(w, b, -0.5).gives(tol=TOL)
    w = rng.normal(size=(3, 3))
    answer.on(w, b, 2.).gives(tol=TOL)


@exercise(LISTING)
def fresh_adam_moves(answer):
    answer.on(np.array([3., -1., -1., -1.]), 0.1).gives(
        0.2, "one step down and three steps up, each of size 0.1", 1e-3)
    rng = _rng()
    answer.on(rng.normal(size=9), 2e-4).gives(tol=1e-3)
    answer.on(np.array([-5., -3., -0.5]), 0.01).gives(
        0.03, "three steps up, whatever their slopes", 1e-3)
    answer.on(np.array([4., 0.1, -2.]), 0.01).gives(
        -0.01, "two steps down and one up", 1e-3)


# ----------------------------------------------------------- data and encoder


@exercise(TIGHTER)
def binarise(answer):
    grey, u = np.full(40, 120, np.uint8), _rng().random(40)
    assert np.array_equal(answer(grey, u), answer(grey, u)), (
        "The same u must give the same image: u holds the draws. Your"
        " function gives two results for one u.")
    answer.on(np.array([51, 51, 204], np.uint8),
              np.array([0.1, 0.3, 0.3])).gives(
        np.array([1., 0., 1.]), "51 / 255 is 0.2: u = 0.1 lies below it,"
        " 0.3 does not; 204 / 255 is 0.8")
    answer.on(np.array([0, 0, 255, 255], np.uint8),
              np.array([0., 0.999, 0., 0.999])).gives(
        np.array([0., 0., 1., 1.]), "black is never lit and white always is;"
        " u can be 0, and comes close to 1")
    u = (np.arange(1000) + 0.5) / 1000
    lit = np.mean(answer(np.full(1000, 102, np.uint8), u))
    assert abs(lit - 0.4) < 0.002, (
        f"A pixel with the grey value 102 must be lit in 102 / 255 = 0.4 of"
        f" the draws; yours is in {lit:.3g}.")
    rng = _rng()
    images = rng.integers(0, 256, (2, 5, 5, 1)).astype(np.uint8)
    answer.on(images, rng.random(images.shape)).gives()


@exercise('4.2, "The encoder"', may_use=("tg.Tensor",))
def two_heads(answer):
    answer.on(np.array([[1., 2.]]), np.array([[1., 0.], [0., -3.]]),
              np.array([10., 1.])).gives(
        (np.array([[11.]]), np.array([[-5.]])), "h w + b = (11, -5): one"
        " latent, so the first number is its mean", TOL)
    rng = _rng()
    answer.on(rng.normal(size=(4, 5)), rng.normal(size=(5, 6)),
              rng.normal(size=6)).gives(tol=TOL)
    answer.on(rng.normal(size=(2, 3)), rng.normal(size=(3, 4)),
              rng.normal(size=4)).gives(tol=TOL)


# -------------------------------------------------- sampling and the decoder


@exercise(SAMPLING, may_use=("tg.exp", "tg.sqrt", "tg.Tensor"))
def reparameterize(answer):
    one = [tg.Tensor(np.array([[x]])) for x in (1., np.log(4.))]
    eps = np.array([[0.5]])
    first, again = (np.asarray(answer(*one, eps)) for _ in range(2))
    assert np.array_equal(first, again), (
        "The same eps must give the same code: eps is the draw. Your function"
        " gives two results for one eps.")
    answer.on(*one, eps).gives(
        tg.Tensor(np.array([[2.]])), "the variance is 4, so the standard"
        " deviation is 2: 1 + 2 x 0.5", TOL)
    rng = _rng()
    mu, logvar = (tg.Tensor(rng.normal(size=(3, 2))) for _ in range(2))
    eps = rng.normal(size=(3, 2))
    answer.on(mu, logvar, eps).gives(tol=TOL)

    def slopes(z):
        """Of a loss that is steeper in some latents than in others."""
        weights = np.arange(1., 7).reshape(3, 2)
        both = tg.grad((z * weights).sum(), [mu, logvar], unused="zeros")
        return [slope.data for slope in both]
    answer.on(mu, logvar, eps).then(slopes).gives(
        because="compared are the slopes of a loss of z, against mu and"
        " against logvar", tol=TOL)


@exercise(SAMPLING, may_use=("tg.Tensor", "tg.exp", "tg.sqrt"))
def mend_std(answer):
    zero, nine = np.array([[0.]]), np.array([[np.log(9.)]])
    answer.on(zero, nine, np.array([[1.]])).gives(
        (np.array([[3.]]), np.array([(8 - np.log(9)) / 2])), "a variance of 9"
        " is a standard deviation of 3; the KL is (9 - 1 - log 9) / 2", TOL)
    rng = _rng()
    answer.on(*rng.normal(size=(3, 4, 2))).gives(tol=TOL)


@exercise(OBJECTIVE)
def bernoulli_log_likelihood(answer):
    answer.on(np.array([[0., np.log(3), np.log(3)]]),
              np.array([[1., 1., 0.]])).gives(
        np.array([np.log(3 / 32)]), "the pixels are lit with probability 1/2,"
        " 3/4 and 3/4; what was seen has 1/2 x 3/4 x 1/4 = 3/32", tol=1e-4)
    rng = _rng()
    logits, x = rng.normal(0, 6, (4, 6)), np.round(rng.random((4, 6)))
    answer.on(logits, x).gives(tol=1e-5)
    far, seen = np.array([[-1000., 1000.]]), np.array([[1., 0.]])
    value = answer(far, seen)
    if np.shape(value) == (1,) and -1900 < value[0] < -5:
        raise answer.mistake("clipped")         # whatever the small number
    answer.on(far, seen).gives(
        np.array([-2000.]), "both pixels are as wrong as can be, and each"
        " costs its logit: 1000", TOL)
    answer.on(far, 1 - seen).gives(
        np.array([0.]), "both pixels are sure, and right")


@exercise(OBJECTIVE)
def implied_sigma(answer):
    answer.on(np.array([0.5, 2.])).gives(
        np.array([1., 0.5]), "1 / (2 x 1^2) = 0.5, and"
        " 1 / (2 x 0.5^2) = 2", TOL)
    answer.on(np.array([1., 1 / 2352])).gives(tol=TOL)


# --------------------------------------------------------------- the objective


@exercise(OBJECTIVE, may_use=("tg.Tensor", "tg.exp", "tg.log", "tg.sqrt",
                              "tg.sum"))
def kl_to_prior(answer):
    answer.on(np.array([[3., 0.], [0., 0.]]),
              np.array([[0., np.log(4)], [0., 0.]])).gives(
        np.array([4.5 + (3 - np.log(4)) / 2, 0.]), "a mean of 3 costs"
        " 3^2 / 2, a variance of 4 costs (4 - 1 - log 4) / 2, and the second"
        " image's q is the prior itself", TOL)
    rng = _rng()
    mu, logvar = rng.normal(size=(2, 5, 3))
    value = np.asarray(answer(mu, logvar))
    assert np.all(value >= 0), (
        "A KL divergence is never below 0; yours is, for some image.")
    answer.on(mu, logvar).gives(tol=TOL)


@exercise(COLLAPSE)
def mend_average(answer):
    answer.on(np.zeros((1, 3)), np.array([[1., 0., 1.]]),
              np.array([[2., 1.]]), np.zeros((1, 2))).gives(
        3 * np.log(2) + 2.5, "each of 3 pixels costs log 2, and the KL is"
        " 2^2 / 2 + 1^2 / 2", TOL)
    rng = _rng()
    logits, x = rng.normal(size=(4, 6)), np.round(rng.random((4, 6)))
    mu, logvar = rng.normal(size=(2, 4, 3))
    answer.on(logits, x, mu, logvar).gives(tol=TOL)


@exercise(SAMPLING)
def latent_slopes(answer):
    answer.on(*(np.array([[v]]) for v in (3., 1., np.log(4), 0.5))).gives(
        (np.array([[4.]]), np.array([[3.]])), "mu: 3 + 1. logvar: z moves by"
        " eps std / 2 = 1/2, which is worth 3/2, and the KL by"
        " (4 - 1) / 2", TOL)
    rng = _rng()
    mu, logvar, eps = rng.normal(size=(3, 2, 3))
    nothing = np.zeros((2, 3))
    answer.on(nothing, nothing, nothing, eps).gives(
        (nothing, nothing), "where q is the prior and the decoder does not"
        " care, nothing pulls")
    answer.on(rng.normal(size=(2, 3)), mu, logvar, eps).gives(tol=TOL)


# ------------------------------------------------------- beta and the collapse


@exercise(COLLAPSE)
def kl_warmup(answer):
    answer.on(1, 200).gives(0.005, "a 200th of the way", TOL)
    answer.on(50, 200).gives(0.25, "a quarter of the way", TOL)
    answer.on(200, 200).gives(1., "the end of the warm-up", TOL)
    answer.on(1000, 200).gives(1., "afterwards it stays at 1", TOL)
    answer.on(1, 0).gives(1., "no warm-up: 1 from the first step on")
    for case in ((7, 0), (1, 1), (99, 300)):
        answer.on(*case).gives(tol=TOL)


@exercise(COLLAPSE)
def free_bits(answer):
    answer.on(np.array([[0., 1.], [0.2, 3.]]), 0.5).gives(
        2.5, "the means are 0.1 and 2; the first is below the floor and"
        " counts 0.5", TOL)
    answer.on(np.array([[0.1, 0.], [0.3, 0.1]]), 0.5).gives(
        1., "both latents are below the floor, and each counts 0.5", TOL)
    kl = _rng().exponential([0.1, 0.5, 1., 5.], (6, 4))
    answer.on(kl, 0.5).gives(tol=TOL)
    answer.on(kl, 0.).gives(because="without a floor it is the mean KL of an"
                            " image", tol=TOL)


@exercise(COLLAPSE)
def active_units(answer):
    mu = np.array([[1., 5., 3., -2.], [-1., 5., 3.1, -2.]])
    for threshold in (0.01, 0.004):
        answer.on(mu, threshold).gives(
            1, "the columns' variances are 1, 0, 0.0025 and 0")
    answer.on(np.array([[1., 3.], [-1., -1.]]), 1.).gives(
        1, "the variances are 1 and 4; 1 is not larger than 1")
    spreads = np.array([0.001, 0.05, 0.3, 1., 0.2, 0.001])
    mu = _rng().normal(size=(50, 6)) * spreads + [0, 0, 0, 0, 0, 7]
    answer.on(mu, 0.01).gives()
    answer.on(mu, 0.5).gives()


# ------------------------------------------------------------- a tighter bound


@exercise(TIGHTER)
def log_importance_weight(answer):
    one = [np.array([[v]]) for v in (1., np.log(4), 0.5)]
    answer.on(np.array([-10.]), *one).gives(
        np.array([-10 - 2 + 1 / 8 + np.log(2)]), "z = 2: log p(z) is -2^2 / 2,"
        " log q is -0.5^2 / 2 - log 2; both less log(2 pi) / 2, which"
        " cancels", TOL)
    rng = _rng()
    log_px = rng.normal(-90, 5, 4)
    zero = np.zeros((4, 3))
    answer.on(log_px, zero, zero, rng.normal(size=(4, 3))).gives(
        log_px, "where q is the prior the two cancel, for every eps", TOL)
    # near the size of the other terms, so that nothing hides behind log_px
    answer.on(rng.normal(size=4), *rng.normal(size=(3, 4, 3))).gives(tol=TOL)


@exercise(TIGHTER)
def iwae_bound(answer):
    answer.on(np.log([[1., 3.], [4., 4.]])).gives(
        np.log([2., 4.]), "the mean of the weights 1 and 3 is 2", TOL)
    far = np.array([[0., np.log(3)], [-2000., np.log(3) - 2000], [0., -2000]])
    value = answer(far)
    if np.shape(value) == (3,) and -1900 < value[1] < -5:
        raise answer.mistake("floored")         # whatever the small number
    answer.on(far).gives(
        np.array([np.log(2), np.log(2) - 2000, -np.log(2)]), "the weights 1"
        " and 3; the same, e^-2000 times as large; 1 and e^-2000, whose mean"
        " is 1/2", TOL)
    for many in (-1, 10):
        answer.on(many * far).gives(because="large numbers must not hurt,"
                                    " either", tol=TOL)
    answer.on(_rng().normal(-3, 2, (4, 4))).gives(tol=TOL)
    answer.on(_rng().normal(-3, 2, (3, 10))).gives(tol=TOL)


# -------------------------------------------------------------------- capstone


@exercise(STEP, may_use=("tg",), takes=(
    "two_heads", "reparameterize", "bernoulli_log_likelihood", "kl_to_prior",
    "latent_slopes"))
def vae_step_capstone(answer):
    one = np.array([[1.]])
    log3 = np.log(3)
    enc, dec = (0 * one @ [[1., 1.]], np.zeros(2)), (log3 * one, np.zeros(1))
    pull = np.array([log3 / 4, log3 / 8])
    answer.on(enc, dec, one, one, 1.).gives(
        ((pull[None], pull), (log3 + one / 4, np.array([0.25])),
         np.log(4 / 3)),
        "z = 1, its logit log 3, the pixel lit with probability 3/4: the loss"
        " is log 4/3. The slopes: -1/4 against the logit, -log(3) / 4 against"
        " z and mu, half of that against logvar", TOL)
    rng = _rng()
    for n, d, k in ((2, 2, 1), (4, 5, 3)):
        enc = rng.normal(size=(d, 2 * k)) / 2, rng.normal(size=2 * k) / 2
        dec = rng.normal(size=(k, d)), rng.normal(size=d)
        x = np.round(rng.random((n, d)))
        answer.on(enc, dec, x, rng.normal(size=(n, k)), 0.3).gives(tol=TOL)
