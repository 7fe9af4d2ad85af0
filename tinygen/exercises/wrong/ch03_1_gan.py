import numpy as np

import tinygen as tg


def _sigmoid(l):
    return np.exp(-np.logaddexp(0, -l))


# ------------------------------------------------------------------- the judge


def best_with_share__share_ignored(p, q, share):
    """This is the chapter's p / (p + q), for a fair coin. Here the coin is
    not fair: of 16 showings 12 may be real. Count showings, not
    probabilities within each pile.
    Section: 3.1, "The best discriminator" """
    return p / (p + q)


def best_with_share__odds(p, q, share):
    """These are odds, real to drawn, and go beyond 1. A probability is the
    real showings of this picture divided by *all* showings of it."""
    with np.errstate(divide="ignore"):
        return share * p / ((1 - share) * q)


def best_with_share__of_a_fake(p, q, share):
    """This is the probability that the picture was drawn. D(x) is that of a
    real one."""
    return (1 - share) * q / (share * p + (1 - share) * q)


def best_with_share__not_divided(p, q, share):
    """share p is how often this picture is shown *and* real. You have seen
    the picture already: divide by how often it is shown at all."""
    return share * p


def game_value__as_a_loss(d, p, q):
    """The sign is that of a loss. V is what D *earns*: a sum of logarithms
    of numbers below 1, so it is never above 0."""
    with np.errstate(divide="ignore"):
        on_real, on_fake = np.log(d), np.log(1 - d)
    return -np.sum(p[p > 0] * on_real[p > 0]) - np.sum(
        q[q > 0] * on_fake[q > 0])


def game_value__zero_times_infinity(d, p, q):
    """The formula is right, but 0 log 0 comes out as NaN. A picture that is
    never shown earns nothing: leave it out of the sum, and only it."""
    with np.errstate(all="ignore"):
        return np.sum(p * np.log(d) + q * np.log(1 - d))


def game_value__clipped(d, p, q):
    """D was kept away from 0 and 1 before the logarithm. That gives a judge
    who is sure and wrong a finite loss; the game's is infinite. Only terms
    with the weight 0 may be dropped."""
    d = np.clip(d, 1e-12, 1 - 1e-12)
    return np.sum(p * np.log(d) + q * np.log(1 - d))


def game_value__as_printed(d, p, q):
    """Here D is paid for calling drawings real and real images drawn. That
    is the article's step 2, with the two terms exchanged.
    Section: 3.1, "The steps" """
    with np.errstate(divide="ignore"):
        on_real, on_fake = np.log(d), np.log(1 - d)
    return (np.sum(q[q > 0] * on_real[q > 0])
            + np.sum(p[p > 0] * on_fake[p > 0]))


def game_value__halved(d, p, q):
    """This is the mean pay for one showing, V / 2. V itself adds the mean
    over real images to the mean over drawn ones, and does not halve."""
    with np.errstate(divide="ignore"):
        on_real, on_fake = np.log(d), np.log(1 - d)
    return (np.sum(p[p > 0] * on_real[p > 0])
            + np.sum(q[q > 0] * on_fake[q > 0])) / 2


def game_value__in_both(d, p, q):
    """A picture was left out as soon as p *or* q is 0. Each term has its own
    weight: one that is never drawn still earns p log D when it is real."""
    a = (p > 0) & (q > 0)
    with np.errstate(divide="ignore"):
        return np.sum(p[a] * np.log(d[a]) + q[a] * np.log(1 - d[a]))


def best_logit__underflows(x, real, fake):
    """Right where both densities can be written down. Far out they round to
    0, and log 0 - log 0 is no number. Take the logarithm on paper: it
    cancels the exponential."""
    with np.errstate(all="ignore"):
        p, q = (np.exp(-((x - m) / s) ** 2 / 2) / s for m, s in (real, fake))
        return np.log(p) - np.log(q)


def best_logit__heights_forgotten(x, real, fake):
    """The squares are right. But a narrow heap is also a high one: each
    density is divided by its own spread, and the logarithm of that is
    missing."""
    (m, s), (n, t) = real, fake
    return -(x - m) ** 2 / (2 * s ** 2) + (x - n) ** 2 / (2 * t ** 2)


def best_logit__heights_exchanged(x, real, fake):
    """The squares are right, the heights are the wrong way round: p has its
    own spread s below the line, so log p holds -log s, and log p/q holds
    log t/s."""
    (m, s), (n, t) = real, fake
    return (np.log(s / t) - (x - m) ** 2 / (2 * s ** 2)
            + (x - n) ** 2 / (2 * t ** 2))


def best_logit__spread_as_variance(x, real, fake):
    """The given numbers are spreads (standard deviations); the formula of
    the density has their squares below the fraction bar."""
    (m, s), (n, t) = real, fake
    return (np.log(t / s) - (x - m) ** 2 / (2 * s)
            + (x - n) ** 2 / (2 * t))


def best_logit__not_halved(x, real, fake):
    """The exponent of a normal density is *half* of the squared distance in
    spreads, with a minus."""
    (m, s), (n, t) = real, fake
    return np.log(t / s) - ((x - m) / s) ** 2 + ((x - n) / t) ** 2


def best_logit__upside_down(x, real, fake):
    """The sign is the other way: this is log q/p, high where fakes are. A
    high logit says 'real'."""
    (m, s), (n, t) = real, fake
    return (np.log(s / t) + (x - m) ** 2 / (2 * s ** 2)
            - (x - n) ** 2 / (2 * t ** 2))


def best_logit__the_probability(x, real, fake):
    """This is D, between 0 and 1. Asked is the logit, what goes into the
    sigmoid: log p/q."""
    (m, s), (n, t) = real, fake
    return _sigmoid(np.log(t / s) - (x - m) ** 2 / (2 * s ** 2)
                    + (x - n) ** 2 / (2 * t ** 2))


# ---------------------------------------------------------------- its earnings


def _js(p, q, m):
    a, b = p > 0, q > 0
    return (np.sum(p[a] * np.log(p[a] / m[a]))
            + np.sum(q[b] * np.log(q[b] / m[b]))) / 2


def js_divergence__to_each_other(p, q):
    """This compares p with q and q with p. Where one of them is 0 that is
    infinite. Jensen and Shannon compare each with the mixture of both,
    which is 0 only where both are."""
    with np.errstate(all="ignore"):
        return (np.sum(np.where(p > 0, p * np.log(p / q), 0))
                + np.sum(np.where(q > 0, q * np.log(q / p), 0))) / 2


def js_divergence__added(p, q):
    """The two relative entropies were added. JS is half of that sum: its
    largest value is log 2."""
    return 2 * _js(p, q, (p + q) / 2)


def js_divergence__mixture_not_halved(p, q):
    """p + q sums to 2 and is no distribution. The mixture is half of each;
    as it is, two equal distributions do not get 0."""
    return _js(p, q, p + q)


def js_divergence__in_bits(p, q):
    """Right, but in bits: with the logarithm to the base 2. This book uses
    the natural logarithm, in which one bit is log 2."""
    return _js(p, q, (p + q) / 2) / np.log(2)


def js_divergence__one_sided(p, q):
    """Only p is compared with the mixture. q has to be, too, and each
    counts half: else exchanging the two changes the result."""
    a, m = p > 0, (p + q) / 2
    return np.sum(p[a] * np.log(p[a] / m[a]))


def js_divergence__zero_times_infinity(p, q):
    """The formula is right, but 0 log 0 comes out as NaN. An image that
    never occurs adds nothing: leave those out of each sum."""
    m = (p + q) / 2
    with np.errstate(all="ignore"):
        return (np.sum(p * np.log(p / m)) + np.sum(q * np.log(q / m))) / 2


def js_divergence__in_both(p, q):
    """A picture was left out as soon as p *or* q is 0. Those are the ones
    that tell the two apart best. Leave it out of p's sum where p is 0, of
    q's where q is 0."""
    a = (p > 0) & (q > 0)
    return _js(p[a], q[a], (p[a] + q[a]) / 2)


def uniforms_js__grows_for_ever(shift):
    """Right as long as the boxes overlap. When they have parted there is
    nothing more to be told apart: JS cannot go beyond log 2."""
    return abs(shift) * np.log(2)


def uniforms_js__to_the_right_only(shift):
    """Negative shifts come out wrong. It does not matter to which side a
    box is moved, only how far."""
    return min(shift, 1) * np.log(2)


def uniforms_js__the_overlap(shift):
    """This grows with what the boxes *share*. On that part p = q, D is 1/2,
    and the judge can tell nothing."""
    return max(1 - abs(shift), 0) * np.log(2)


def uniforms_js__in_bits(shift):
    """Right in bits. With the natural logarithm, being always right is
    worth log 2, not 1."""
    return min(abs(shift), 1)


def uniforms_js__both_ends(shift):
    """Two ends stick out, one of p and one of q, and they were added. But
    JS is a mean over the two densities: each counts half."""
    return 2 * min(abs(shift), 1) * np.log(2)


def js_bound__the_value(real, fake):
    """This is V, what D earns. A judge that only guesses earns -log 4, and
    has seen a difference of 0: solve V = -log 4 + 2 JS for JS."""
    return -np.mean(np.logaddexp(0, -real)) - np.mean(np.logaddexp(0, fake))


def js_bound__not_halved(real, fake):
    """V + log 4 is *twice* JS: the formula has a 2 in front of it."""
    return (np.log(4) - np.mean(np.logaddexp(0, -real))
            - np.mean(np.logaddexp(0, fake)))


def js_bound__of_the_loss(real, fake):
    """The sign of V is that of D's loss. D *earns* V, which is never above
    0; the better the judge, the nearer to 0."""
    return (np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, fake))
            + np.log(4)) / 2


def js_bound__of_the_mean(real, fake):
    """Here D is averaged first, and the logarithm taken of the mean. V is a
    mean of logarithms, and those of images judged badly weigh most."""
    with np.errstate(divide="ignore"):
        return (np.log(_sigmoid(real).mean())
                + np.log(_sigmoid(-fake).mean()) + np.log(4)) / 2


def js_bound__probabilities_first(real, fake):
    """Right on paper. But s(-1000) rounds to 0, and its logarithm to minus
    infinity. Go from the logit to log D in one step: log s(l) = -log(1 +
    e^-l), with np.logaddexp."""
    with np.errstate(all="ignore"):
        return (np.mean(np.log(1 / (1 + np.exp(-real))))
                + np.mean(np.log(1 - 1 / (1 + np.exp(-fake))))
                + np.log(4)) / 2


def js_bound__clipped(real, fake):
    """The probability was clipped before the logarithm, so the image judged
    worst costs no more than a bad one. Go from the logit to log D in one
    step."""
    on_real = np.log(np.clip(_sigmoid(real), 1e-7, 1))
    on_fake = np.log(np.clip(_sigmoid(-fake), 1e-7, 1))
    return (np.mean(on_real) + np.mean(on_fake) + np.log(4)) / 2


def js_bound__both_real(real, fake):
    """The fakes are scored like real images, by log D. D earns log(1 - D)
    on a fake, and 1 - s(l) = s(-l): there the logit has no minus."""
    return (np.log(4) - np.mean(np.logaddexp(0, -real))
            - np.mean(np.logaddexp(0, -fake))) / 2


def js_bound__floored(real, fake):
    """Negative values were set to 0. JS is never negative, but this is only
    a bound below it: a judge that is worse than guessing has one below 0,
    and whoever follows the training wants to see that."""
    value = -np.mean(np.logaddexp(0, -real)) - np.mean(np.logaddexp(0, fake))
    return max(0., (value + np.log(4)) / 2)


def js_bound__library(real, fake):
    """tg.losses has D's loss, which is -V. Write V out with NumPy: that is
    the exercise."""
    loss = tg.losses.non_saturating(tg.Tensor(real), tg.Tensor(fake))
    return np.log(2) - loss.item() / 2


def bce_slope__clipped(logits, labels):
    """This is the listing's slope: 0 wherever D was clipped, so for the
    images that D is surest of and has wrong. Take the derivative of the
    loss without the clip, from the logit on."""
    d = _sigmoid(logits)
    return np.where((d >= 1e-15) & (d <= 0.999), d - labels, 0.0)


def bce_slope__of_the_probability(logits, labels):
    """This is the slope against D. Asked is the one against the logit:
    multiply by dD/dl = D (1 - D), and much cancels."""
    d = np.clip(_sigmoid(logits), 1e-15, 1 - 1e-15)
    return (d - labels) / (d * (1 - d))


def bce_slope__overflows(logits, labels):
    """e^1000 is infinite in a float, and infinity by infinity is no number.
    Divide e^l / (1 + e^l) by e^l on paper."""
    with np.errstate(all="ignore"):
        return np.exp(logits) / (1 + np.exp(logits)) - labels


def bce_slope__nothing_by_nothing(logits, labels):
    """Right on paper. But where D rounds to 1 (or 0) this divides by 1 - D,
    which is 0, and multiplies by it again. Cancel before you compute."""
    d = _sigmoid(logits)
    with np.errstate(all="ignore"):
        return (-labels / d + (1 - labels) / (1 - d)) * d * (1 - d)


def bce_slope__of_a_square(logits, labels):
    """This has a factor D (1 - D) too many, as if the loss were a square.
    It vanishes where D is sure, also where D is sure and wrong. With the
    logarithm that factor cancels."""
    d = _sigmoid(logits)
    return (d - labels) * d * (1 - d)


def bce_slope__uphill(logits, labels):
    """The sign is the other way: for a fake (t = 0) the loss rises with the
    logit, so its slope is positive."""
    return labels - _sigmoid(logits)


def bce_slope__averaged(logits, labels):
    """This is divided by the number of images, which is right for their
    mean loss. Asked is the slope of each image's own."""
    return (_sigmoid(logits) - labels) / len(logits)


# -------------------------------------------------------------------- the game


def who_goes_where__the_judge_does_not_matter():
    """This looks at the generator only. But G knows where the real images
    are from D alone: where D rises away from them, climbing it leads
    away."""
    return [1, -1, 1, -1]


def who_goes_where__downhill():
    """All four are turned round. Take the first: D is high where real
    images are, and G climbs."""
    return [-1, 1, 1, -1]


def who_goes_where__two_wrongs():
    """The last one: D rises away from the real images, and G goes *down*
    it. Two exchanges undo each other."""
    return [1, -1, -1, -1]


def dirac_slopes__exchanged(theta, psi):
    """The two slopes have changed places: the first belongs to theta, G's
    number, the second to psi, D's."""
    s = _sigmoid(psi * theta)
    return np.array([theta * s, -psi * (1 - s)])


def dirac_slopes__minimax(theta, psi):
    """The first slope is that of log(1 - D), the minimax loss. Asked is the
    non-saturating one, -log D."""
    s = _sigmoid(psi * theta)
    return np.array([-psi * s, theta * s])


def dirac_slopes__upwards(theta, psi):
    """Both signs are turned: these are the directions in which the players
    *move*. Asked are the slopes of their losses, and they move against
    those."""
    s = _sigmoid(psi * theta)
    return np.array([psi * (1 - s), -theta * s])


def dirac_slopes__inner_forgotten(theta, psi):
    """These are the slopes against the logit psi theta. The chain rule has
    one more factor: what the logit does when theta, or psi, moves."""
    s = _sigmoid(psi * theta)
    return np.array([-(1 - s), s])


def dirac_slopes__one_loss(theta, psi):
    """Both are slopes of D's loss. G has a loss of its own, -log D, and
    theta goes down that one."""
    s = _sigmoid(psi * theta)
    return np.array([psi * s, theta * s])


def dirac_slopes__taken_for_real(theta, psi):
    """The second slope is that of -log D, as if D wanted its fake to pass
    for real. D's loss holds -log(1 - D) of the fake."""
    s = _sigmoid(psi * theta)
    return np.array([-psi * (1 - s), -theta * (1 - s)])


def dirac_slopes__library(theta, psi):
    """tg.grad finds the slopes for you. Derive them on paper, write them
    with NumPy, and use tg.grad to see whether you are right."""
    t, w = tg.Tensor(np.array(theta)), tg.Tensor(np.array(psi))
    first, = tg.grad(tg.softplus(-(psi * t)), [t])
    second, = tg.grad(tg.softplus(theta * w), [w])
    return np.array([first.item(), second.item()])


def turn_matrix__at_once(eta):
    """Here both move at once: y answers the old x. In turn, y's step has
    the new x in it, and that one holds eta y already."""
    return np.array([[1, -eta], [eta, 1.0]])


def turn_matrix__y_first(eta):
    """Here y moves first, and x answers it. In the chapter's rounds x is
    the first."""
    return np.array([[1 - eta ** 2, -eta], [eta, 1]])


def turn_matrix__transposed(eta):
    """Rows and columns are exchanged. The first row makes the new x: its
    two numbers are what x' has of x and of y."""
    return np.array([[1, eta], [-eta, 1 - eta ** 2]])


def turn_matrix__both_down(eta):
    """Here y, too, goes *down* the slope of x y. It is the other player,
    and goes up: y' = y + eta x'."""
    return np.array([[1, -eta], [-eta, 1 + eta ** 2]])


def distance_after__squared(eta, rounds):
    """1 + eta^2 is the factor by which the *square* of the distance grows
    in a round. The distance grows by its root."""
    return (1 + eta ** 2) ** rounds


def distance_after__straight_steps(eta, rounds):
    """This is a walk straight outwards, by the factor 1 + eta a round. Each
    step here is at right angles to the way from the end: use
    Pythagoras."""
    return (1 + eta) ** rounds


def distance_after__a_circle(eta, rounds):
    """A true circle would stay at 1. But a step along the tangent leaves
    the circle, a little, in each round, and nothing leads back."""
    return 1.0


def distance_after__in_turn(eta, rounds):
    """Here y answers the *new* x, as in the exercise before. Now both move
    at once, each from where the other was."""
    x, y = 1., 0.
    for _ in range(rounds):
        x = x - eta * y
        y = y + eta * x
    return np.hypot(x, y)


def distance_after__no_compounding(eta, rounds):
    """The first round is nearly right, but growth was added up. A round
    multiplies the distance that the last one left."""
    return 1 + rounds * (np.sqrt(1 + eta ** 2) - 1)


# -------------------------------------------------------------------- capstone


def _softmax(theta):
    q = np.exp(theta - theta.max())
    return q / q.sum()


def _report(q, p):
    js = _js(p, q, (p + q) / 2)
    return 2 * js - np.log(4), js


def _down(theta, p, lr, cost):
    """A step down sum q cost, with the cost held, and the report."""
    q = _softmax(theta)
    slope = q * (cost - np.sum(q * cost))
    return theta - lr * slope, *_report(q, p)


def softmax_round__minimax(theta, p, lr):
    """G went down log(1 - D), the minimax goal. Asked is the
    non-saturating one, whose cost is -log D."""
    q = _softmax(theta)
    return _down(theta, p, lr, np.log(q / (p + q)))


def softmax_round__judge_moves(theta, p, lr):
    """The gradient went through D as well, as if D changed while G steps.
    In its step G holds D: the costs -log D are plain numbers."""
    q = _softmax(theta)
    cost = np.log((p + q) / p) + q / (p + q)
    return _down(theta, p, lr, cost)


def softmax_round__uphill(theta, p, lr):
    """G went up its loss: drawings that D sees through became more
    frequent. A step goes against the gradient."""
    q = _softmax(theta)
    return _down(theta, p, -lr, np.log((p + q) / p))


def softmax_round__softmax_forgotten(theta, p, lr):
    """This is the slope against q. theta makes q through the softmax, so
    the chain rule has its slope, too: dq_i / dtheta_j = q_i (1 - q_i) or
    -q_i q_j."""
    q = _softmax(theta)
    return theta - lr * np.log((p + q) / p), *_report(q, p)


def softmax_round__not_compared(theta, p, lr):
    """q_i times its cost is only half of the slope. Raising one theta
    lowers all other q: each cost is compared with the mean cost."""
    q = _softmax(theta)
    return theta - lr * q * np.log((p + q) / p), *_report(q, p)


def softmax_round__value_afterwards(theta, p, lr):
    """The step is right. But V and JS are those of the new q; asked are
    those of the q that D has judged."""
    q = _softmax(theta)
    new = _down(theta, p, lr, np.log((p + q) / p))[0]
    return new, *_report(_softmax(new), p)
