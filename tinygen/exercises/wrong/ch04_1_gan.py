import numpy as np

import tinygen as tg

# ---------------------------------------------------------------------- pixels


def to_signed__unit_range(images):
    """This is the article's images / 255: it ends at 1, but it begins at
    0, and a tanh reaches down to -1. D would know every fake by its pixels
    below 0. Ask what your function gives for a black pixel."""
    return (images / 255).astype(np.float32)


def to_signed__wrapped(images):
    """The arithmetic was done on bytes, and a byte cannot hold 2 x 200: it
    starts again at 0. Make floats of the bytes before you multiply or
    subtract."""
    return (images * 2 - 255).astype(np.float32) / np.float32(255)


def to_signed__divided_by_128(images):
    """255 / 128 - 1 = 0.992: white no longer is 1. The range 0..255 is 255
    wide, so its half is 127.5."""
    return (images / 128 - 1).astype(np.float32)


def to_signed__float64(images):
    """The numbers are right, but dividing bytes gives float64, and the
    networks hold float32. Convert the result."""
    return images / 127.5 - 1


def to_signed__library(images):
    """tg.data.to_float is this very function. Write the arithmetic out:
    that is the exercise."""
    return tg.data.to_float(images)


def to_bytes__truncated(images):
    """astype(np.uint8) cuts off what is behind the point: 253.7 becomes
    253. Pictures get darker each time they go there and back. Round
    first."""
    return (127.5 * (images + 1)).astype(np.uint8)


def to_bytes__unit_range(images):
    """This takes the images to be in [0, 1]: all below 0, half of what a
    tanh can say, comes out black. Shift by 1 before you scale."""
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)


def to_bytes__up_to_128(images):
    """With 128 in place of 127.5 greys come out too bright. Ask which byte
    belongs to 1: x + 1 is then 2, and 2 times your factor must be 255."""
    return np.rint(np.minimum(128 * (images + 1), 255)).astype(np.uint8)


def to_bytes__library(images):
    """tg.data.to_uint8 is this very function. Write the arithmetic out:
    that is the exercise."""
    return tg.data.to_uint8(images)


# ---------------------------------------------------------------------- shapes


def listing_shapes__without_padding():
    """Here each 3 x 3 convolution takes a pixel off every side. With
    padding='same' zeros are laid round the image first, and it keeps its
    size."""
    return [(2, 2, 256),
            (4, 4, 256), (2, 2, 128),
            (4, 4, 128), (2, 2, 64),
            (4, 4, 64), (2, 2, 3)]


def listing_shapes__upsampling_halves_channels():
    """Here the channels change with the upsampling. UpSampling2D copies
    pixels and knows nothing of channels; the convolution after it, with its
    128 filters, makes 128 channels."""
    return [(2, 2, 256),
            (4, 4, 128), (4, 4, 128),
            (8, 8, 64), (8, 8, 64),
            (16, 16, 3), (16, 16, 3)]


def listing_shapes__as_intended():
    """These sides end where the listing means to end, at 28. But it starts
    from Reshape((2, 2, 256)): read that line and double from there."""
    return [(2, 2, 256),
            (7, 7, 256), (7, 7, 128),
            (14, 14, 128), (14, 14, 64),
            (28, 28, 64), (28, 28, 3)]


def start_side__remainder_dropped(side, doublings):
    """The division dropped a remainder: three doublings of 3 make 24, not
    28. Go back up from your answer and see whether you arrive."""
    return side // 2 ** doublings


def start_side__two_times_doublings(side, doublings):
    """This divides by 2 x doublings. Doubling three times is a factor of 2
    x 2 x 2 = 8, not 6; for two doublings the two happen to agree."""
    factor = 2 * doublings or 1
    return side // factor if side % factor == 0 else 0


def start_side__pixels_counted(side, doublings):
    """Each doubling makes four pixels of one, but the question is about
    the side, and that grows by 2."""
    factor = 4 ** doublings
    return side // factor if side % factor == 0 else 0


def strided_side__divided(side, size, stride, pad):
    """This only divides by the stride, and 7 / 2 rounded down is 3. Count
    the windows of the 7 pixels with their padding: the size of the window
    and the padding matter."""
    return side // stride


def strided_side__first_window_forgotten(side, size, stride, pad):
    """These are the steps the window takes; the window it starts from is
    missing. A fence with 13 gaps has 14 posts."""
    return (side + 2 * pad - size) // stride


def strided_side__padded_once(side, size, stride, pad):
    """The padding was added once. There is a left and a right of each row,
    and both get it."""
    return (side + pad - size) // stride + 1


def strided_side__rounded_up(side, size, stride, pad):
    """This rounds up: it counts a last window that sticks out of the
    padded image. Count only windows that fit."""
    return -(-(side + 2 * pad - size) // stride) + 1


def strided_side__fraction_kept(side, size, stride, pad):
    """There is no half window: one that does not fit as a whole is not
    counted. // divides and rounds down."""
    return (side + 2 * pad - size) / stride + 1


def strided_side__library(side, size, stride, pad):
    """The library's own output_size computes it. Count the windows
    yourself: that is the exercise."""
    return tg.engine.kernels.sizes.output_size(
        (side, side), (size, size), stride, pad)[0]


# -------------------------------------------------------------- the objectives


def _sigmoid(logits):
    return np.exp(-np.logaddexp(0, -logits))


def log_d__overflows(logits):
    """Right on paper, but e^1000 is too large for a float. It becomes
    infinity, and so does the log, or the sigmoid becomes 0 and its log
    minus infinity. np.logaddexp(a, b) is log(e^a + e^b) without that: bring
    log D into this form."""
    with np.errstate(all="ignore"):
        return -np.log(1 + np.exp(-logits))


def log_d__clipped(logits):
    """The probability was clipped, or a small number added to it, before
    the log. That is finite, but all logits beyond -16 give the same number:
    where D is most wrong there is nothing left to learn from."""
    return np.log(np.clip(_sigmoid(logits), 1e-7, 1))


def log_d__of_a_fake(logits):
    """This is log(1 - D), the log of the probability of *fake*: it falls
    as the logit rises. log D must rise. One sign is the other way."""
    return -np.logaddexp(0, logits)


def log_d__positive(logits):
    """This is -log D: positive. The log of a probability is never above 0;
    the minus comes later, in the loss."""
    return np.logaddexp(0, -logits)


def log_d__library(logits):
    """The library's softplus and sigmoid do the careful part. Do it with
    NumPy: that is the exercise."""
    return -tg.softplus(tg.Tensor(-logits)).data


def d_loss__fakes_without_one_minus(real, fake):
    """The listing's second term is still there: it makes log D(G(z)) small,
    which has no lower end. D can win without limit by pushing fakes that it
    has long caught further down. The term wanted is log(1 - D(G(z))), and 1
    - sigmoid(l) = sigmoid(-l)."""
    return (np.mean(np.logaddexp(0, -real))
            - np.mean(np.logaddexp(0, -fake)))


def d_loss__real_alone(real, fake):
    """The fakes do not enter at all. A D that calls everything real has
    then the smallest loss; nothing is adversarial. The article's own loop
    does the same."""
    return np.mean(np.logaddexp(0, -real))


def d_loss__labels_exchanged(real, fake):
    """Real and fake have changed places: this D learns to reject real
    images and to trust fakes. Which of the two should have the higher
    logit?"""
    return np.mean(np.logaddexp(0, real)) + np.mean(np.logaddexp(0, -fake))


def d_loss__all_called_real(real, fake):
    """The fakes were treated as real ones: both terms ask for a high logit.
    The second is the log of the probability of *fake*, 1 - D(G(z))."""
    return np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, -fake))


def d_loss__halved(real, fake):
    """This is the mean of the two terms. The formula adds them: a D that
    guesses has the loss 2 log 2, not log 2."""
    return (np.mean(np.logaddexp(0, -real))
            + np.mean(np.logaddexp(0, fake))) / 2


def d_loss__pooled(real, fake):
    """All images were put in one heap and averaged. The formula takes the
    mean over the real ones and the mean over the fakes, each by itself, and
    adds."""
    return np.mean(np.concatenate([np.logaddexp(0, -real),
                                   np.logaddexp(0, fake)])) * 2


def d_loss__probabilities_first(real, fake):
    """Right on paper, but a sigmoid of 1000 is exactly 1 and log(1 - 1) is
    minus infinity. Stay with logits: log(1 - sigmoid(l)) = log
    sigmoid(-l)."""
    with np.errstate(all="ignore"):
        return (-np.mean(np.log(_sigmoid(real)))
                - np.mean(np.log(1 - _sigmoid(fake))))


def d_loss__clipped(real, fake):
    """The probabilities were clipped, or a small number added to them,
    before the log. A fake with the logit 1000 then costs no more than one
    with 20, and its gradient is 0. Go from the logits to the logs of D and
    of 1 - D without forming D."""
    return (-np.mean(np.log(np.clip(_sigmoid(real), 1e-7, 1)))
            - np.mean(np.log(np.clip(_sigmoid(-fake), 1e-7, 1))))


def d_loss__library(real, fake):
    """tg.losses has this loss. Find the fault in the listing instead:
    that is the exercise."""
    return tg.losses.non_saturating(tg.Tensor(real), tg.Tensor(fake)).item()


def g_loss__minimax(fake):
    """This is the mean of log(1 - D(G(z))), the minimax loss: a good goal,
    but flat where D is sure, so that G gets no help when it needs it most.
    Asked is -log D(G(z))."""
    return -np.mean(np.logaddexp(0, fake))


def g_loss__wants_to_be_caught(fake):
    """This loss falls when D catches the fake: G would learn to be caught.
    Try one logit: at -5 the loss must be large."""
    return np.mean(np.logaddexp(0, fake))


def g_loss__mean_of_d(fake):
    """This is the mean of D itself, without a log, as in the article's
    loop. Made small, it asks G for images that D rejects."""
    return np.mean(_sigmoid(fake))


def g_loss__summed(fake):
    """The sum over the batch: twice the batch would mean twice the
    gradient. Take the mean."""
    return np.sum(np.logaddexp(0, -fake))


def g_loss__each_image(fake):
    """One loss an image: a batch of them is not a number yet. Take the
    mean."""
    return np.logaddexp(0, -fake)


def g_loss__overflows(fake):
    """Right on paper, but e^1000 is too large for a float. Exercise 6 shows
    the way from a logit to log D without it."""
    with np.errstate(all="ignore"):
        return np.mean(np.log(1 + np.exp(-fake)))


def g_loss__clipped(fake):
    """The probability was clipped before the log, so a fake with the logit
    -1000 costs no more than one with -17. Go from the logit to the log of D
    in one formula."""
    return -np.mean(np.log(np.clip(_sigmoid(fake), 1e-7, 1)))


def g_loss__library(fake):
    """tg.losses has this loss. Write the formula out with NumPy: that is
    the exercise."""
    return tg.losses.non_saturating(tg.Tensor(fake)).item()


def generator_gradients__exchanged(logits):
    """The rows have changed places. The first belongs to log(1 - D), the
    minimax loss: where D is sure of a fake, D is near 0 and that loss is
    flat."""
    s = _sigmoid(logits)
    return np.stack([s - 1, -s])


def generator_gradients__upwards(logits):
    """Both signs are the other way: a positive slope says that a higher
    logit raises the loss. G wants a higher logit, so its loss must fall."""
    s = _sigmoid(logits)
    return np.stack([s, 1 - s])


def generator_gradients__of_the_probability(logits):
    """These are the slopes against D, not against the logit. One factor of
    the chain rule is missing: dD/dl = D (1 - D)."""
    s = _sigmoid(logits)
    return np.stack([-1 / (1 - s), -1 / s])


def generator_gradients__of_the_sigmoid(logits):
    """D (1 - D) is the slope of the sigmoid itself. The log in the loss
    divides it, once by 1 - D and once by D: that takes a factor away."""
    s = _sigmoid(logits)
    return np.stack([-s * (1 - s), -s * (1 - s)])


def generator_gradients__library(logits):
    """tg.grad finds the slopes for you. Derive them on paper, write them
    with NumPy, and use tg.grad to see whether you are right."""
    rows = []
    for sign, part in ((-1, 1), (1, -1)):
        x = tg.Tensor(logits)
        slope, = tg.grad((sign * tg.softplus(part * x)).sum(), [x])
        rows.append(slope.data)
    return np.stack(rows)


def best_discriminator__odds(p, q):
    """p / q says how many times likelier real is than fake: the odds. It
    goes beyond 1. D is a probability: of all copies of this image, the
    share that is real."""
    return np.where(q > 0, p / np.where(q > 0, q, 1), 0.5)


def best_discriminator__of_a_fake(p, q):
    """q / (p + q) is the probability that the image is a fake. D(x) is that
    of a real one."""
    total = p + q
    return np.where(total > 0, q / np.where(total > 0, total, 1), 0.5)


def best_discriminator__yes_or_no(p, q):
    """This D answers 0 or 1. Where both occur, log 0 would cost it without
    limit each time it is wrong: it does better to hedge. Set the slope of p
    log D + q log(1 - D) to 0."""
    return np.where(p > q, 1.0, np.where(p < q, 0.0, 0.5))


def best_discriminator__nothing_over_nothing(p, q):
    """Right, except where an image never occurs: 0 / 0 is not a number, and
    one of them spoils every mean. Give 1/2 there."""
    with np.errstate(all="ignore"):
        return p / (p + q)


def fresh_losses__sigmoid_first():
    """A logit of 0 is a probability of 1/2, but these two losses take the
    logit as it is. Put 0 into the table's formulas, not 1/2."""
    return [(0.5, 0.25), (1, -0.5)]


def fresh_losses__one_term():
    """Of D's hinge loss one term is missing: 1 for the real images and 1
    for the fakes are added."""
    return [(1, 1), (1, 0)]


def fresh_losses__wants_to_be_caught():
    """D's numbers are right. G's are those of D's own term for fakes; but G
    wants its fakes taken for real. The last column has G's formulas."""
    return [(1, 0), (2, 1)]


def fresh_losses__exchanged():
    """The two losses have changed places: least squares comes first."""
    return [(2, 0), (1, 1)]


# ------------------------------------------------------------------- one round


def _slopes(g, d, x, z):
    """D's loss, differentiated by g and by d."""
    g, d = tg.Tensor(g), tg.Tensor(d)
    fake = g[0] * z + g[1]
    loss = tg.losses.non_saturating(d[0] * x + d[1], d[0] * fake + d[1])
    return [slope.data for slope in tg.grad(loss, [g, d])]


def d_step__both_move(g, d, x, z, lr):
    """G has moved, too: down D's loss, so that its fakes are easier to
    tell. Whoever steps on D's loss must change D's numbers alone."""
    dg, dd = _slopes(g, d, x, z)
    return g - lr * dg, d - lr * dd


def d_step__both_play(g, d, x, z, lr):
    """D's step is right, but G was moved in the same round: up D's loss.
    That is G's own step, and it comes later, with noise of its own."""
    dg, dd = _slopes(g, d, x, z)
    return g + lr * dg, d - lr * dd


def d_step__wrong_player(g, d, x, z, lr):
    """G moved and D stayed. Frozen is the other one: this is D's step."""
    return g - lr * _slopes(g, d, x, z)[0], d


def d_step__uphill(g, d, x, z, lr):
    """D went up its loss: it now tells real from fake less well than
    before. A step goes against the gradient."""
    return g, d + lr * _slopes(g, d, x, z)[1]


def d_step__real_alone(g, d, x, z, lr):
    """D has seen the real images only. Taking the recipe from the fakes
    must not take the fakes out of the loss."""
    d = tg.Tensor(d)
    slope, = tg.grad(tg.softplus(-(d[0] * x + d[1])).mean(), [d])
    return g, d.data - lr * slope.data


def adam_first_step__gradient_descent(gradient, lr):
    """-lr g is what SGD does. Adam divides by the gradient's own size, so a
    parameter with a slope of 0.0001 moves as far as one with a slope of
    4."""
    return -lr * gradient


def adam_first_step__uncorrected(gradient, lr):
    """m and v start at 0, so after one step m = (1 - beta1) g and v = (1 -
    beta2) g^2 are far too small. Adam divides them by 1 - beta1^t and 1 -
    beta2^t; with t = 1 the factors cancel."""
    return -lr * 0.5 * gradient / np.sqrt(0.001 * gradient ** 2)


def adam_first_step__uphill(gradient, lr):
    """The size is right, the direction is not: this climbs. A step goes
    against the gradient."""
    return lr * np.sign(gradient)


def adam_first_step__whole_gradient(gradient, lr):
    """This scales the gradient as a whole to length 1. Adam scales each
    number by its own size; the ratio between two parameters is lost."""
    return -lr * gradient / np.sqrt(np.sum(gradient ** 2))


def adam_first_step__library(gradient, lr):
    """tg.Adam makes the step for you. Predict it from the formula; the next
    cell asks tg.Adam."""
    p = tg.Tensor(np.zeros_like(gradient))
    tg.Adam({"p": p}, lr, betas=(0.5, 0.999)).step([gradient])
    return p.data


def d_accuracy__threshold_of_a_half(real, fake):
    """1/2 is the border for probabilities. These are logits: sigmoid(l) =
    1/2 at l = 0."""
    return (np.sum(real > 0.5) + np.sum(fake <= 0.5)) / (
        len(real) + len(fake))


def d_accuracy__real_alone(real, fake):
    """Only the real images were counted. A D that says 'real' to all would
    score 1."""
    return np.mean(real > 0)


def d_accuracy__says_real(real, fake):
    """This counts how often D says 'real'. For a fake that is the wrong
    answer."""
    return (np.sum(real > 0) + np.sum(fake > 0)) / (len(real) + len(fake))


def d_accuracy__zero_is_real(real, fake):
    """A logit of exactly 0 was counted as 'real'. A real image must lie
    above it to be right, and a fake is right there: the border is its."""
    return (np.sum(real >= 0) + np.sum(fake < 0)) / (len(real) + len(fake))


def d_accuracy__mean_of_means(real, fake):
    """This averages two shares, one per batch. When the batches differ in
    size, that is not the share of all images."""
    return (np.mean(real > 0) + np.mean(fake <= 0)) / 2


# --------------------------------------------------------- inside the networks


def folded_taps__not_turned(w):
    """The right sums from the wrong end. The pixel that looks *right*, with
    w[2], sits to the *left* of what it looks at: the first tap of a pixel
    comes from there."""
    return np.array([w[0], w[0] + w[1], w[1] + w[2], w[2]])


def folded_taps__neighbours_kept_apart(w):
    """Here the weights are as before and only a 0 was added: that is a
    pixel with a hole beside it. Nearest upsampling makes two copies, and a
    window that covers both adds their weights."""
    return np.array([w[2], w[1], w[0], 0.0])


def folded_taps__averaged(w):
    """These are half of the right sums. Upsampling copies the pixel in full
    into both places; it does not share it out."""
    return np.array([w[2], w[1] + w[2], w[0] + w[1], w[0]]) / 2


def spread_after_norm__eps_ignored(spread, eps):
    """eps was left out. With 1e-5 nothing would be seen, but with 0.8 in
    its place the channel with a spread of 0.1 does not come near 1."""
    return np.ones_like(spread)


def spread_after_norm__added_to_the_spread(spread, eps):
    """eps is added to the variance, under the root, and not to the spread
    after it."""
    return spread / (spread + eps)


def spread_after_norm__not_squared(spread, eps):
    """eps is added to the variance, and the variance is the square of the
    spread."""
    return spread / np.sqrt(spread + eps)


def spread_after_norm__variance(spread, eps):
    """This divides the variance by (variance + eps): that is the variance
    of the result. Its spread is the root of that."""
    return spread ** 2 / (spread ** 2 + eps)


def spread_after_norm__divided_by_variance(spread, eps):
    """The root is missing: the channel is divided by its variance, whose
    unit is that of x squared. With eps = 0 every spread must become 1."""
    return spread / (spread ** 2 + eps)


# --------------------------------------------------------------------- samples


def slerp__straight(a, b, t):
    """This goes straight through the ball: half-way between two noise
    vectors it is too short by a factor of 0.7, where G has hardly ever been
    in training. Go along the sphere."""
    return (1 - t) * a + t * b


def slerp__unit_length(a, b, t):
    """The result has length 1. A noise vector of 100 numbers is about 10
    long. Only the angle is measured between unit vectors; what is mixed are
    a and b as they are."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    o = np.arccos(np.clip(a @ b, -1, 1))
    return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)


def slerp__angle_of_long_vectors(a, b, t):
    """a . b is |a| |b| cos o. It is the cosine only between vectors of
    length 1; between these it goes beyond 1, and arccos gives NaN."""
    with np.errstate(all="ignore"):
        o = np.arccos(a @ b)
    return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)


def slerp__straight_then_stretched(a, b, t):
    """The straight line, stretched to the length of a: it stays out of the
    middle, but does not turn at an even pace, and misses b if that is
    longer. The two factors in the formula do both."""
    c = (1 - t) * a + t * b
    return c * np.linalg.norm(a) / np.linalg.norm(c)


def slerp__not_divided(a, b, t):
    """The two sines must be divided by sin(o), else the ends are missed: at
    t = 0 this gives sin(o) a, which is a only where a and b are at right
    angles."""
    o = np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return np.sin((1 - t) * o) * a + np.sin(t * o) * b


def slerp__backwards(a, b, t):
    """This runs from b to a. At t = 0 the result must be a."""
    o = np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return (np.sin(t * o) * a + np.sin((1 - t) * o) * b) / np.sin(o)


def modes_found__any(labels, share):
    """This counts every label that occurs at all. One odd sample in 1,000
    is no mode found: use the share."""
    return len(np.unique(labels))


def modes_found__more_than(labels, share):
    """A label with exactly that share was left out. 'At least' includes
    it."""
    _, counts = np.unique(labels, return_counts=True)
    return int(np.sum(counts > share * len(labels)))


def modes_found__samples(labels, share):
    """This counts the samples with such labels. Asked is the number of
    labels: ten samples of one digit are one mode."""
    _, counts = np.unique(labels, return_counts=True)
    return int(np.sum(counts[counts >= share * len(labels)]))


# -------------------------------------------------------------------- capstone


def _round(g, d, pixels, z_d, z_g, lr, row=1, old=False):
    """A round with one thing changed: the loss's row, or whose D judges."""
    after = d - lr * _slopes(g, d, pixels / 127.5 - 1, z_d)[1]
    judge = d if old else after
    logits = judge[0] * (g[0] * z_g + g[1]) + judge[1]
    s = _sigmoid(logits)
    slope = (-s, s - 1)[row] * judge[0] / len(z_g)
    step = np.array([np.sum(slope * z_g), np.sum(slope)])
    loss = np.mean(np.logaddexp(0, -logits))
    return g - lr * step, after, loss


def gan_round__old_judge(g, d, pixels, z_d, z_g, lr):
    """G was judged by D as it was before its step. D moves first, and G
    answers the new one: use the d that d_step returns."""
    return _round(g, d, pixels, z_d, z_g, lr, old=True)


def gan_round__same_noise(g, d, pixels, z_d, z_g, lr):
    """G's step used the noise of D's step. D has just learned to catch
    those very fakes; z_g is there to make new ones."""
    return _round(g, d, pixels, z_d, z_d, lr)


def gan_round__minimax(g, d, pixels, z_d, z_g, lr):
    """G went down the minimax loss. Its loss here is the non-saturating
    one: the second row of generator_gradients."""
    return _round(g, d, pixels, z_d, z_g, lr, row=0)


def gan_round__unscaled_pixels(g, d, pixels, z_d, z_g, lr):
    """The pixels went to D as bytes, up to 255, while the fakes are near 0.
    Map them to [-1, 1] first."""
    return _round(g, d, 127.5 * (pixels + 1.0), z_d, z_g, lr)


def gan_round__summed(g, d, pixels, z_d, z_g, lr):
    """G's slopes were added up over the batch. Its loss is a mean: each
    fake counts 1 / n."""
    after, d, loss = _round(g, d, pixels, z_d, z_g, lr)
    return g + len(z_g) * (after - g), d, loss


def gan_round__loss_afterwards(g, d, pixels, z_d, z_g, lr):
    """The two steps are right. The loss to return is the one G had before
    its step, the one whose gradient it took."""
    g, d, _ = _round(g, d, pixels, z_d, z_g, lr)
    logits = d[0] * (g[0] * z_g + g[1]) + d[1]
    return g, d, np.mean(np.logaddexp(0, -logits))
