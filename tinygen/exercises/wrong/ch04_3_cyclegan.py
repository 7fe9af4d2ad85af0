from math import factorial

import numpy as np

import tinygen as tg

# -------------------------------------------------------------- the generators


def reflect_rows__edge_repeated(rows, width):
    """The edge pixel stands twice: this mirror lies *behind* the last
    pixel. In reflection padding the last pixel is the mirror, and the first
    new one is its neighbour."""
    return np.hstack([rows[:, :width][:, ::-1], rows,
                      rows[:, -width:][:, ::-1]])


def reflect_rows__zeros(rows, width):
    """The border is 0. That is what reflection is to replace: a frame of
    grey that the network sees in every image, and passes on."""
    border = 0 * rows[:, :width]
    return np.hstack([border, rows, border])


def reflect_rows__wrapped(rows, width):
    """The row was continued with its other end. The right edge of a picture
    has nothing to do with its left one."""
    return np.hstack([rows[:, -width:], rows, rows[:, :width]])


def reflect_rows__not_turned(rows, width):
    """The right pixels, but not mirrored: they must come in turned order.
    Walk out of the row: the further from the edge, the further inside is
    the pixel you see."""
    return np.hstack([rows[:, 1:width + 1], rows, rows[:, -width - 1:-1]])


def reflect_rows__np_pad(rows, width):
    """np.pad has a mode for it, which exercise 2 uses. Choose the pixels
    yourself here: that is the exercise."""
    return np.pad(rows, ((0, 0), (width, width)), mode="reflect")


def _convolved(image, filters, pad, mode="reflect"):
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, filters.shape[:2], (0, 1))
    return np.einsum("ijcuv,uvc->ij", windows, filters)


def mend_padding__channels(image, filters):
    """The border still is as wide as the image has channels. 3 is right for
    a window of 7, and colour images happen to have 3 channels. What does a
    border have to do with the size of the window?"""
    return _convolved(image, filters, image.shape[2])


def mend_padding__three(image, filters):
    """A border of 3 is right for a window of 7, and for no other. Write the
    border as a formula in the size of the window."""
    return _convolved(image, filters, 3)


def mend_padding__all_on_each_side(image, filters):
    """A window of k costs k - 1 pixels, that is right. But the border is
    laid on both sides: this one is twice as wide as it must be."""
    return _convolved(image, filters, filters.shape[0] - 1)


def mend_padding__zeros(image, filters):
    """The width is right, but the border is filled with zeros now. Leave
    the mode as it was: the listing mirrors the image."""
    return _convolved(image, filters, filters.shape[0] // 2, "constant")


def _filtered(x, w, mode="reflect"):
    return np.correlate(np.pad(x, 1, mode=mode), w, "valid")


def residual_block__no_skip(x, w1, w2):
    """x was not added. The two filters should make the *change*, and the
    block gives x plus that change."""
    return _filtered(np.maximum(_filtered(x, w1), 0), w2)


def residual_block__relu_after_sum(x, w1, w2):
    """There is a ReLU behind the sum. It takes away all of x that is below
    0, in every block: nothing passes a deep stack unchanged."""
    return np.maximum(x + _filtered(np.maximum(_filtered(x, w1), 0), w2), 0)


def residual_block__no_relu(x, w1, w2):
    """The positive part between the two filters is missing. Without it the
    two are one longer filter, and a stack of blocks is no more than that."""
    return x + _filtered(_filtered(x, w1), w2)


def residual_block__zeros_at_the_border(x, w1, w2):
    """The inside is right, the ends are not: they were padded with zeros.
    In this generator every border is mirrored."""
    return x + _filtered(np.maximum(_filtered(x, w1, "constant"), 0), w2,
                         "constant")


def residual_block__mirrored_once(x, w1, w2):
    """The row was mirrored once, by 2 pixels, for both filters. The second
    filter then sees filtered pixels from beyond the border in place of a
    mirror of what the first has made."""
    h = np.correlate(np.pad(x, 2, mode="reflect"), w1, "valid")
    return x + np.correlate(np.maximum(h, 0), w2, "valid")


def residual_block__filters_turned(x, w1, w2):
    """The filters are applied turned round, as np.convolve does. A
    network's convolution multiplies the left pixel by w[0]: np.correlate."""
    return x + _filtered(np.maximum(_filtered(x, w1[::-1]), 0), w2[::-1])


# ---------------------------------------------------------- the discriminators


def patch_side__only_divided(side, strides):
    """This only divides by the strides. A window of 4 with a border of 1
    loses a pixel even where it moves by 1: count its places."""
    return side // int(np.prod(strides))


def _sides(side, strides, places):
    for stride in strides:
        side = places(side, stride)
    return side


def patch_side__rounded_up(side, strides):
    """This rounds up where a side is odd: it counts a last window that
    sticks out of the image and its border. Count only windows that fit."""
    return _sides(side, strides, lambda n, s: -(-(n - 2) // s) + 1)


def patch_side__without_border(side, strides):
    """The border was forgotten. One pixel is laid on each side of the image
    before each layer, so the window of 4 has side + 2 pixels to move on."""
    return _sides(side, strides, lambda n, s: (n - 4) // s + 1)


def patch_side__window_of_3(side, strides):
    """These are the sides for a window of 3, which leaves the side alone
    when it moves by 1. These windows have 4 pixels."""
    return _sides(side, strides, lambda n, s: (n - 1) // s + 1)


def patch_side__first_place_forgotten(side, strides):
    """These are the moves of the window; the place it starts from is
    missing in every layer. A fence with 7 gaps has 8 posts."""
    return _sides(side, strides, lambda n, s: (n - 2) // s)


def patch_side__fraction_kept(side, strides):
    """There is no half place: a window that does not fit as a whole is not
    counted. // divides and rounds down."""
    return _sides(side, strides, lambda n, s: (n - 2) / s + 1)


def _squares(real, fake, mean=np.mean):
    return mean((real - 1) ** 2), mean(fake ** 2)


def patch_loss__averaged_first(real, fake):
    """The scores were averaged over the patches, and then squared. A patch
    scored 0 and one scored 2 are both wrong, but their mean is a perfect 1.
    Let every patch pay for itself."""
    return sum(_squares(real.mean((1, 2)), fake.mean((1, 2))))


def patch_loss__averaged_over_all_first(real, fake):
    """All scores were averaged, over patches and images, before the
    squares. One that is too high then pays for one that is too low. Square
    first."""
    return (np.mean(real) - 1) ** 2 + np.mean(fake) ** 2


def patch_loss__halved(real, fake):
    """This is the mean of the two terms. The formula adds them."""
    return sum(_squares(real, fake)) / 2


def patch_loss__real_alone(real, fake):
    """The made images do not enter. A D that gives everything a 1 has then
    the smallest loss."""
    return _squares(real, fake)[0]


def patch_loss__subtracted(real, fake):
    """The second term is subtracted: D would be rewarded for scores of made
    images far away from 0, without end. Both terms are mistakes, and they
    add up."""
    return np.subtract(*_squares(real, fake))


def patch_loss__labels_exchanged(real, fake):
    """Real and fake have changed places: this D learns to give 1 to the
    fakes."""
    return sum(_squares(fake, real))


def patch_loss__generator(real, fake):
    """The fakes are asked for a score of 1. That is what the generator
    wants of them; D gives them 0."""
    return sum(_squares(real, fake - 1))


def patch_loss__summed(real, fake):
    """The squares were added up. Then a larger image, with more patches,
    has a larger gradient; the formula has a mean over all patches."""
    return sum(_squares(real, fake, np.sum))


def patch_loss__library(real, fake):
    """tg.losses has this loss. Write it with NumPy: that is the
    exercise."""
    return tg.losses.least_squares(tg.Tensor(real), tg.Tensor(fake)).item()


# -------------------------------------------------------------------- the pool


def _pooled(pool, size, images, coins, slots, swaps):
    """What is shown, and the pool; swaps(...) gives (shown, stored)."""
    shown, pool = [], list(pool)
    for image, coin, slot in zip(images, coins, slots):
        if len(pool) < size:
            pool.append(image)
            shown.append(image)
        else:
            old, pool[slot] = swaps(image, pool[slot], coin > 0.5)
            shown.append(old)
    return shown, pool


def _exchange(new, old, swap):
    return (old, new) if swap else (new, old)


def pool_query__new_one_shown(pool, size, images, coins, slots):
    """The pool is right, but D is shown only new images. The point of the
    exchange is the old image that comes out: D sees *that*."""
    return _pooled(pool, size, images, coins, slots, lambda new, old, swap: (
        new, new if swap else old))


def pool_query__new_one_lost(pool, size, images, coins, slots):
    """An old image is shown, but the new one was not put in its place. Then
    the pool stays as it was when it became full, for ever."""
    return _pooled(pool, size, images, coins, slots, lambda new, old, swap: (
        old if swap else new, old))


def pool_query__coin_turned(pool, size, images, coins, slots):
    """The coin is read the other way round. It costs nothing in training,
    but the rule here is: *above* 1/2 means exchange."""
    return _pooled(pool, size, images, coins, slots, lambda new, old, swap: (
        (new, old) if swap else (old, new)))


def pool_query__one_too_many(pool, size, images, coins, slots):
    """The pool grew to size + 1: <= in place of <. At `size` images it is
    full."""
    return _pooled(pool, size + 1, images, coins, slots, _exchange)


def pool_query__batch_at_once(pool, size, images, coins, slots):
    """All old images were taken out before any new one was put in. When two
    images of a batch draw the same slot, the second must get the first:
    treat them one after another."""
    shown, after = _pooled(pool, size, images, coins, slots, _exchange)
    room = max(size - len(pool), 0)
    before = [*pool, *images[:room]]
    for i in range(room, len(images)):
        if coins[i] > 0.5:
            shown[i] = before[slots[i]]
    return shown, after


def pool_age__coin_forgotten(size):
    """This stay is too short: the coin was forgotten. In half of the steps
    nothing leaves the pool."""
    return size, size / 2


def pool_age__old_ones_only(size):
    """The first number is right. The second is the age of the *exchanged*
    images; the other half of what D is shown was made in this very step."""
    return 2 * size, 2 * size


def pool_age__half_way(size):
    """The first number is right. But an image comes out at the *end* of its
    stay, not in the middle of it: it has then the full age. Average that
    with the age of the new ones."""
    return 2 * size, size / 2


# --------------------------------------------------------------- the objective


def _l1(a, b):
    return np.mean(np.abs(a - b))


def cycle_loss__one_way(x, y, g, f):
    """Only x comes back here. The images of Y make the round trip, too: to
    X with F, and back with G."""
    return _l1(f(g(x)), x)


def cycle_loss__wrong_way(x, y, g, f):
    """The round trips begin with the wrong generator: F was given an image
    of X. G leads from X to Y, so x goes through G first."""
    return _l1(g(f(x)), x) + _l1(f(g(y)), y)


def cycle_loss__y_like_x(x, y, g, f):
    """The way of x is right. y went the same way, but it is at home in Y: F
    takes it to X, and G brings it back."""
    return _l1(f(g(x)), x) + _l1(f(g(y)), y)


def cycle_loss__one_step(x, y, g, f):
    """G(x) was compared with x: a translation that changes nothing would be
    the best. Go back to X before you compare."""
    return _l1(g(x), x) + _l1(f(y), y)


def cycle_loss__squared(x, y, g, f):
    """These are squares. The bars with the index 1 mean absolute values,
    which let a few pixels be far off and keep the others sharp."""
    return np.mean((f(g(x)) - x) ** 2) + np.mean((g(f(y)) - y) ** 2)


def cycle_loss__summed(x, y, g, f):
    """The differences were added up. Read the norms as means here, so that
    the loss does not grow with the number of pixels."""
    return np.abs(f(g(x)) - x).sum() + np.abs(g(f(y)) - y).sum()


def cycle_loss__signs_kept(x, y, g, f):
    """The absolute value is missing, or was taken after the mean: pixels
    that are too bright pay for others that are too dark."""
    return (np.abs(np.mean(f(g(x)) - x)) + np.abs(np.mean(g(f(y)) - y)))


def identity_loss__wrong_images(x, y, g, f):
    """Each generator was given the images that it is there to change. This
    forbids every translation: G would have to leave x as it is. The images
    to be left alone are those that have arrived already."""
    return _l1(g(x), x) + _l1(f(y), y)


def identity_loss__round_trip(x, y, g, f):
    """This is the cycle loss: two generators one after the other. Here each
    is used once."""
    return _l1(f(g(x)), x) + _l1(g(f(y)), y)


def identity_loss__pairs(x, y, g, f):
    """G(x) was compared with y. That needs true pairs, which nobody has:
    this x and this y show different things."""
    return _l1(g(x), y) + _l1(f(y), x)


def identity_loss__one_generator(x, y, g, f):
    """Only G is asked. F has its own images that it should leave alone."""
    return _l1(g(y), y)


def identity_loss__summed(x, y, g, f):
    """The differences were added up. Read the norms as means here, so that
    the loss does not grow with the number of pixels."""
    return np.abs(g(y) - y).sum() + np.abs(f(x) - x).sum()


def _apply(net, images):
    return net[0] * images + net[1]


def _objective(g, f, d_x, d_y, x, y, lam, half=0.5, label=1., cut=False,
               cut_cycle=False, other=False, l1=tg.losses.l1):
    """generator_objective with something changed."""
    g, f, d_x, d_y = map(tg.Tensor, (g, f, d_x, d_y))
    fake_y, fake_x = _apply(g, x), _apply(f, y)
    scores = [_apply(d_y, fake_y), _apply(d_x, fake_x)]
    if cut:
        scores = [tg.Tensor(score.data) for score in scores]
    if cut_cycle:
        fake_y, fake_x = fake_y.data, fake_x.data
    loss = sum(((score - label) ** 2).mean() for score in scores)
    loss = loss + lam * (l1(_apply(f, fake_y), x) + l1(_apply(g, fake_x), y))
    a, b = (x, y) if other else (y, x)
    loss = loss + half * lam * (l1(_apply(g, a), a) + l1(_apply(f, b), b))
    by_g, by_f = tg.grad(loss, [g, f], unused="zeros")
    return loss.item(), by_g.data, by_f.data


def generator_objective__cut(g, f, d_x, d_y, x, y, lam):
    """The loss is right, but the slopes lack what comes from the
    discriminators: the recipe was cut, by a .data or a detach, on the way
    from the score back to the fake. D must not move, but the gradient must
    run *through* it. It is enough not to ask for D's own slope."""
    return _objective(g, f, d_x, d_y, x, y, lam, cut=True)


def generator_objective__cycle_cut(g, f, d_x, d_y, x, y, lam):
    """The loss is right, but in the cycle only the second generator gets a
    slope: the fake was taken as a plain array. Both generators made what
    comes back, and both must hear of it."""
    return _objective(g, f, d_x, d_y, x, y, lam, cut_cycle=True)


def generator_objective__identity_in_full(g, f, d_x, d_y, x, y, lam):
    """The identity loss has the weight lambda here. It is lambda / 2."""
    return _objective(g, f, d_x, d_y, x, y, lam, half=1)


def generator_objective__no_identity(g, f, d_x, d_y, x, y, lam):
    """The identity loss is missing, or the images in it do not reach the
    generators."""
    return _objective(g, f, d_x, d_y, x, y, lam, half=0)


def generator_objective__identity_of_the_other(g, f, d_x, d_y, x, y, lam):
    """In the identity loss G was given x. G leads to Y, so the images that
    it should leave alone are those of Y."""
    return _objective(g, f, d_x, d_y, x, y, lam, other=True)


def generator_objective__wants_to_be_caught(g, f, d_x, d_y, x, y, lam):
    """The fakes are pulled to the score 0. That is what D gives to fakes;
    the generators want the score of a real image, 1."""
    return _objective(g, f, d_x, d_y, x, y, lam, label=0)


def generator_objective__judges_exchanged(g, f, d_x, d_y, x, y, lam):
    """The discriminators have changed places. G(x) looks like an image of
    Y, so D_Y judges it."""
    return _objective(g, f, d_y, d_x, x, y, lam)


def generator_objective__squared(g, f, d_x, d_y, x, y, lam):
    """The distances in the cycle and the identity loss were squared. Only
    the scores are; the bars mean absolute values."""
    return _objective(g, f, d_x, d_y, x, y, lam,
                      l1=lambda a, b: ((a - b) ** 2).mean())


# -------------------------------------------------------------------- training


def _two_slopes(g, d, x, y, cut=False):
    """[slopes of G's loss by g and d, slopes of D's loss by g and d]."""
    g, d = tg.Tensor(g), tg.Tensor(d)
    fake = g[0] * x + g[1]
    if cut:
        fake = tg.Tensor(fake.data)
    loss_g = ((d[0] * fake + d[1] - 1) ** 2).mean()
    loss_d = (((d[0] * y + d[1] - 1) ** 2).mean()
              + ((d[0] * fake + d[1]) ** 2).mean())
    return [[s.data for s in tg.grad(loss, [g, d], unused="zeros")]
            for loss in (loss_g, loss_d)]


def mend_detach__both_losses(g, d, x, y, lr):
    """Both still go down the sum of the two losses, as in the listing: each
    drawer holds what *both* losses left in it. Take from each loss the
    slope of its own player alone."""
    (gg, gd), (dg, dd) = _two_slopes(g, d, x, y)
    return g - lr * (gg + dg), d - lr * (gd + dd)


def mend_detach__left_over_in_d(g, d, x, y, lr):
    """G is right. But D's drawer still held the slope that G's loss had
    left there: D also steps towards giving the fakes a 1. Empty it first,
    or do not ask G's loss for it."""
    (gg, gd), (dg, dd) = _two_slopes(g, d, x, y)
    return g - lr * gg, d - lr * (gd + dd)


def mend_detach__on_into_g(g, d, x, y, lr):
    """D is right. But D's loss ran on through the fake into G, and G also
    steps towards getting a 0. This is the forgotten detach: for D the fake
    is a plain array."""
    (gg, gd), (dg, dd) = _two_slopes(g, d, x, y)
    return g - lr * (gg + dg), d - lr * dd


def mend_detach__cut_for_both(g, d, x, y, lr):
    """D is right, and G does not move at all: the fake was cut off from its
    recipe for G's loss, too. Only D's loss gets the plain array."""
    (gg, gd), (dg, dd) = _two_slopes(g, d, x, y, cut=True)
    return g - lr * gg, d - lr * dd


def mend_detach__made_again(g, d, x, y, lr):
    """G is right. But D was shown fakes of the G that has already stepped.
    Both losses are those of before the steps: take both slopes first."""
    (gg, _), _ = _two_slopes(g, d, x, y)
    g = g - lr * gg
    _, (_, dd) = _two_slopes(g, d, x, y)
    return g, d - lr * dd


def linear_decay__from_the_beginning(lr, step, start, end):
    """It falls from step 0 on: `start` was not used. Until then the rate
    stays as it is."""
    return lr * max(1 - step / end, 0)


def linear_decay__above_before_start(lr, step, start, end):
    """The line is right from `start` on, but it was drawn on to the left:
    before, the rate is higher than lr. Cut it off there."""
    return lr * max((end - step) / (end - start), 0)


def linear_decay__below_zero(lr, step, start, end):
    """After `end` the rate is below 0: training would climb. Keep it at
    0."""
    return lr * min((end - step) / (end - start), 1)


def linear_decay__jump(lr, step, start, end):
    """There is a jump at `start`: the share was taken of all `end` steps,
    not of those from `start` to `end`."""
    return lr if step < start else lr * max(1 - step / end, 0)


def linear_decay__share_gone(lr, step, start, end):
    """The share of the way that lies *behind* was taken: the rate rises.
    Take the share that is left."""
    return lr * min(max((step - start) / (end - start), 0), 1)


def linear_decay__library(lr, step, start, end):
    """tg.linear_decay is this very function. Write the line yourself: that
    is the exercise."""
    return tg.linear_decay(lr, step, start, end)


# ------------------------------------------------------------------- measuring


def _decibel(images, truth, peak=2., factor=10, log=np.log10):
    error = np.mean((images - truth) ** 2, axis=(1, 2, 3))
    return factor * log(peak ** 2 / error)


def psnr__peak_1(images, truth):
    """Each number is 6.02 dB too low: the peak was taken as 1. That is the
    range of images in [0, 1]; from -1 to 1 it is 2."""
    return _decibel(images, truth, peak=1)


def psnr__peak_255(images, truth):
    """Each number is 42.1 dB too high: 255 is the peak of bytes. These
    images lie in [-1, 1]."""
    return _decibel(images, truth, peak=255)


def psnr__peak_measured(images, truth):
    """The peak was read off the images at hand. It is the range that images
    can have, from -1 to 1, whatever these ones use of it."""
    return _decibel(images, truth, peak=images.max() - images.min())


def psnr__peak_not_squared(images, truth):
    """Each number is 3.01 dB too low: the peak must be squared, as the
    error is."""
    return _decibel(images, truth, peak=np.sqrt(2))


def psnr__over_the_batch(images, truth):
    """The error was averaged over all images before the log, so that all
    get the same number, ruled by the worst. Average over the pixels of each
    image."""
    error = np.mean((images - truth) ** 2)
    return np.full(len(images), 10 * np.log10(4 / error))


def psnr__absolute(images, truth):
    """The distances were averaged, not their squares. That agrees only
    where all pixels are off by the same."""
    error = np.mean(np.abs(images - truth), axis=(1, 2, 3))
    return 20 * np.log10(2 / error)


def psnr__not_rooted(images, truth):
    """Twice the right number of dB. The factor is 20 before the log of
    peak / root of the error, and 10 before the log of their squares."""
    return _decibel(images, truth, factor=20)


def psnr__natural_log(images, truth):
    """This is the natural log. A decibel is a tenth of a power of *ten*:
    np.log10."""
    return _decibel(images, truth, log=np.log)


def psnr__library(images, truth):
    """tg.metrics.psnr is this very function. Write the formula yourself:
    that is the exercise."""
    return tg.metrics.psnr(images, truth)


def trivial_pairs__negative_does_not_return():
    """The cycle loss of the second pair is too high. Follow one image: 0.5
    becomes -0.5, and the negative of that is 0.5 again."""
    return [(0, 0), (1.6, 1.6), (2.2, 2.2), (0, 1.6)]


def trivial_pairs__constant_returns():
    """The cycle loss of the third pair is too low. All images become -1,
    and nothing can tell F which one it was: what comes back is -1."""
    return [(0, 0), (0, 1.6), (0, 2.2), (0, 1.6)]


def trivial_pairs__right_pair_is_free():
    """The last pair is the right one, and it does cost: the identity loss
    gives G an image of Y, and this G moves that, too, by 0.8. (A real
    generator sees what it is given and can leave it alone.)"""
    return [(0, 0), (0, 1.6), (2.2, 2.2), (0, 0)]


def maps_left__powers(k):
    """This counts maps that send two images to the same one. Then some
    image of the other set never occurs among the fakes, and that
    discriminator notices: each image of Y must be hit once."""
    return k ** (2 * k), k ** k


def maps_left__one_remains(k):
    """The first number is right. But the cycle does not say which image
    belongs to which: it is satisfied by *every* G, if F undoes it."""
    return factorial(k) ** 2, 1


def maps_left__one_map(k):
    """The second number is right. The first counts the choices of G alone;
    for each of them F has as many."""
    return factorial(k), factorial(k)


def maps_left__cycle_changes_nothing(k):
    """The first number is right. In most of these pairs F does not undo G:
    an image comes back as another one, which the cycle loss sees."""
    return factorial(k) ** 2, factorial(k) ** 2


def hidden_signal__against_x(x, g, f, noise):
    """The result was compared with x. Then what F(G(x)) misses anyway is
    counted as well. Compare with what comes back *without* noise."""
    return _l1(f(g(x) + noise), x) / _l1(noise, 0)


def hidden_signal__noise_on_x(x, g, f, noise):
    """The noise was added to x. That is another photograph, and G may well
    translate it. What is hidden is hidden in G(x): disturb that."""
    return _l1(f(g(x + noise)), f(g(x))) / _l1(noise, 0)


def hidden_signal__noise_at_the_end(x, g, f, noise):
    """The noise was added after F, and comes out as it went in: 1 for every
    pair of maps. F must see the disturbed image."""
    return _l1(f(g(x)) + noise, f(g(x))) / _l1(noise, 0)


def hidden_signal__generators_exchanged(x, g, f, noise):
    """x went through F first. G leads from X to Y, and F reads what G has
    written."""
    return _l1(g(f(x) + noise), g(f(x))) / _l1(noise, 0)


def hidden_signal__not_divided(x, g, f, noise):
    """This is the change itself. Divide by the size of the noise, else
    twice the noise looks like twice the secret."""
    return _l1(f(g(x) + noise), f(g(x)))


def hidden_signal__signs_kept(x, g, f, noise):
    """The absolute values are missing, or were taken after the mean: noise
    up and noise down cancel each other."""
    return np.mean(f(g(x) + noise) - f(g(x))) / np.mean(noise)


def hidden_signal__in_place(x, g, f, noise):
    """The noise was added in place, with +=. A G that returns what it was
    given hands you x itself, which is another image then: y + noise makes a
    new one."""
    y = g(x)
    clean = f(y)
    y += noise
    return _l1(f(y), clean) / _l1(noise, 0)


# -------------------------------------------------------------------- capstone


def _step(nets, pools, x, y, coins, slots, fresh=False, lr=0.):
    """(slopes, pools) of cyclegan_step_capstone with something changed."""
    g, f, d_x, d_y = nets
    _, by_g, by_f = _objective(g, f, d_x, d_y, x, y, 10.)
    slopes, after = [by_g, by_f], []
    g, f = g - lr * by_g, f - lr * by_f                 # moved before D
    fakes = _apply(f, y), _apply(g, x)
    for i, (d, real) in enumerate([(d_x, x), (d_y, y)]):
        shown, pool = _pooled(pools[i], 0, fakes[i], coins[i], slots[i],
                              _exchange)
        shown = fakes[i] if fresh else np.array(shown)
        a, b = _apply(d, real) - 1, _apply(d, shown)
        slopes.append(2 * np.array([np.mean(a * real) + np.mean(b * shown),
                                    np.mean(a) + np.mean(b)]))
        after.append(pool)
    return np.array(slopes), np.array(after)


def cyclegan_step_capstone__pool_not_shown(nets, pools, x, y, coins, slots,
                                           lr):
    """The pools are kept, but the discriminators learned from the new
    fakes. They must be shown what pool_query returns first."""
    slopes, pools = _step(nets, pools, x, y, coins, slots, fresh=True)
    return nets - lr * slopes, pools


def cyclegan_step_capstone__pool_not_kept(nets, pools, x, y, coins, slots,
                                          lr):
    """The nets are right, but the pools came back as they were. pool_query
    returns the new pool as well: hand it on, else no image ever gets
    in."""
    slopes, _ = _step(nets, pools, x, y, coins, slots)
    return nets - lr * slopes, pools


def cyclegan_step_capstone__halved(nets, pools, x, y, coins, slots, lr):
    """The discriminators went half as far as they should. The slope of a
    square is 2 times what is squared; their loss has no half in front."""
    slopes, pools = _step(nets, pools, x, y, coins, slots)
    slopes[2:] /= 2
    return nets - lr * slopes, pools


def cyclegan_step_capstone__new_fakes(nets, pools, x, y, coins, slots, lr):
    """The fakes for the discriminators were made again, with the new
    generators. The step makes them once, at its beginning."""
    slopes, pools = _step(nets, pools, x, y, coins, slots, lr=lr)
    return nets - lr * slopes, pools
