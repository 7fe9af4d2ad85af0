import numpy as np

# ------------------------------------------------------- what a judge accepts


def pushed_mass__looked_up(g, p):
    """p[g] looks up the share of the picture *number g[i] of X*. Asked is
    what arrives: go through the pictures of X and put each one's share
    where g sends it."""
    return p[g]


def pushed_mass__overwritten(g, p):
    """Where two pictures become the same, only the last one's share was
    kept: q[g] = p writes over what was there. Shares that arrive at one
    place add up."""
    q = np.zeros(len(p))
    q[g] = p
    return q


def pushed_mass__counted(g, p):
    """This counts how many pictures arrive and takes all of them to be
    equally likely. Each one brings its own share, p[i]."""
    return np.bincount(g, minlength=len(p)) / len(p)


def pushed_mass__too_short(g, p):
    """The answer ends at the last picture that is made. Y has as many
    pictures as X, and those that nothing becomes count 0: see
    `minlength`."""
    return np.bincount(g, weights=p)


def pushed_density__signs_kept(densities, slopes):
    """A falling G turns a stretch round; it does not make its mass
    negative. The length grows by the *size* of the slope."""
    return np.sum(densities / slopes)


def pushed_density__multiplied(densities, slopes):
    """A steep G spreads the mass over more length, so that it gets thinner.
    Divide by the slope's size, do not multiply."""
    return np.sum(densities * np.abs(slopes))


def pushed_density__averaged(densities, slopes):
    """This is the mean over the x that arrive. Their masses lie on top of
    each other: they add up."""
    return np.mean(densities / np.abs(slopes))


def pushed_density__first_only(densities, slopes):
    """Only one of the x that arrive was counted. A fold lays two layers of
    mass on the same place."""
    return densities[0] / np.abs(slopes[0])


def _parts(c, degrees):
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.linalg.cholesky(c), turn


def measure_preserving__plain_turn(c, degrees):
    """This turns the cloud as it is. An oblong cloud that is turned is
    another cloud: only a round one may be turned. Make it round first, turn,
    and come back."""
    return _parts(c, degrees)[1]


def measure_preserving__inside_out(c, degrees):
    """L^-1 stands on the left and L on the right. The matrix that acts
    first stands on the right, and the first thing to do is to make the
    cloud round."""
    lower, turn = _parts(c, degrees)
    return np.linalg.inv(lower) @ turn @ lower


def measure_preserving__not_come_back(c, degrees):
    """The way back is missing: after R L^-1 the cloud is round, and its
    covariance is the unit matrix, not C."""
    lower, turn = _parts(c, degrees)
    return turn @ np.linalg.inv(lower)


def measure_preserving__not_made_round(c, degrees):
    """L^-1 is missing: L makes an oblong cloud of a round one, and this one
    is oblong before. First undo L, then turn."""
    lower, turn = _parts(c, degrees)
    return lower @ turn


def measure_preserving__in_radians(c, degrees):
    """The angle is given in degrees; np.cos and np.sin take radians."""
    lower, turn = _parts(c, np.degrees(degrees))
    return lower @ turn @ np.linalg.inv(lower)


def measure_preserving__row_vectors(c, degrees):
    """This is the transpose of what is asked: it maps rows, x S. Here the
    points are columns, S x."""
    lower, turn = _parts(c, degrees)
    return (lower @ turn @ np.linalg.inv(lower)).T


def measure_preserving__turned_the_other_way(c, degrees):
    """Right, but turned clockwise. A positive angle turns the first axis
    towards the second: R = [[cos, -sin], [sin, cos]]."""
    lower, turn = _parts(c, degrees)
    return lower @ turn.T @ np.linalg.inv(lower)


# ------------------------------------------------------- what a cycle accepts


def trivial_cycle__shift_not_turned(a, b):
    """The matrix is right. But b is added *after* A, so it has to be taken
    away before A^-1: multiply A^-1 (y - b) out, and b gets the matrix,
    too."""
    return np.linalg.inv(a), -b


def trivial_cycle__shifted_twice(a, b):
    """The shift has the wrong sign: there and back, everything moves twice
    as far. To undo a shift, take it away."""
    inverse = np.linalg.inv(a)
    return inverse, inverse @ b


def trivial_cycle__shift_kept(a, b):
    """The matrix is right. The shift is G's own, and there and back it would
    be added again: solve y = A x + b for x, with b in it."""
    return np.linalg.inv(a), b


def trivial_cycle__transposed(a, b):
    """A^T undoes A only if A is a rotation or a reflection. In general it
    takes the inverse."""
    return a.T, -a.T @ b


def trivial_cycle__the_same_again(a, b):
    """This is G itself. Going the same way twice does not bring you
    back."""
    return a, b


def surviving_maps__range_is_enough():
    """The squared map stays between 2 and 4, but it crowds the numbers near
    2, where its slope is small. A judge sees how often each number
    occurs."""
    return [(1, 1), (0, 1), (1, 1), (1, 0), (1, 1), (1, 0), (0, 0)]


def surviving_maps__mirrored_caught():
    """The mirrored map was refused by the judge. It sees single numbers of
    Y, never the x that they were made from: 4 - 2x is spread as evenly as 2
    + 2x."""
    return [(1, 1), (0, 1), (0, 1), (1, 0), (0, 1), (1, 0), (0, 0)]


def surviving_maps__folds_undone():
    """The fold, and the map that runs through Y five times, passed the
    cycle. F gets y alone and must name the x it came from; where several
    come to the same y, it cannot."""
    return [(1, 1), (0, 1), (1, 1), (1, 1), (0, 1), (1, 1), (0, 0)]


def surviving_maps__cycle_wants_the_target():
    """Maps that miss Y failed the cycle here. The cycle does not ask
    where G(x) lies: 2 + x and 2 + 2x^2 can both be undone."""
    return [(1, 1), (0, 0), (1, 1), (1, 0), (0, 0), (1, 0), (0, 0)]


# --------------------------------------------------------- the full objective


def full_objective__cycle_alone(real_y, made_y, real_x, made_x, cycle, lam):
    """This is the article's formula, with a weight: no judge occurs in it.
    A pair that leaves everything as it is would be perfect.
    Section: 3.3, "What a cycle alone accepts"
    """
    return lam * cycle


def full_objective__sums(real_y, made_y, real_x, made_x, cycle, lam):
    """The logarithms were added up. E is a mean: a larger batch must not
    count for more."""
    return (np.sum(np.log(real_y)) + np.sum(np.log(1 - made_y))
            + np.sum(np.log(real_x)) + np.sum(np.log(1 - made_x))
            + lam * cycle)


def full_objective__log_of_the_mean(real_y, made_y, real_x, made_x, cycle,
                                    lam):
    """This takes the logarithm of a mean. Asked is the mean of the
    logarithms, which is smaller."""
    return (np.log(np.mean(real_y)) + np.log(1 - np.mean(made_y))
            + np.log(np.mean(real_x)) + np.log(1 - np.mean(made_x))
            + lam * cycle)


def full_objective__judges_loss(real_y, made_y, real_x, made_x, cycle, lam):
    """The adversarial losses have the wrong sign. In L the judges' terms are
    what the judges *raise*: logarithms of probabilities, below 0."""
    return lam * cycle - (np.mean(np.log(real_y)) + np.mean(
        np.log(1 - made_y)) + np.mean(np.log(real_x)) + np.mean(
        np.log(1 - made_x)))


def full_objective__one_direction(real_y, made_y, real_x, made_x, cycle,
                                  lam):
    """F's adversarial loss is missing: what D_X says does not enter. Both
    generators have a judge."""
    return (np.mean(np.log(real_y)) + np.mean(np.log(1 - made_y))
            + lam * cycle)


def full_objective__made_called_real(real_y, made_y, real_x, made_x, cycle,
                                     lam):
    """A judge who makes this large calls everything real. For pictures that
    were made the formula has log(1 - D)."""
    return (np.mean(np.log(real_y)) + np.mean(np.log(made_y))
            + np.mean(np.log(real_x)) + np.mean(np.log(made_x))
            + lam * cycle)


def full_objective__swapped(real_y, made_y, real_x, made_x, cycle, lam):
    """Real and made have changed places, as in the article's second step:
    these judges reject what is real.
    Section: 3.3, "The steps"
    """
    return (np.mean(np.log(made_y)) + np.mean(np.log(1 - real_y))
            + np.mean(np.log(made_x)) + np.mean(np.log(1 - real_x))
            + lam * cycle)


def full_objective__cycle_subtracted(real_y, made_y, real_x, made_x, cycle,
                                     lam):
    """The generators make this sum small. With a minus before the cycle
    they would be paid for losing pictures."""
    return (np.mean(np.log(real_y)) + np.mean(np.log(1 - made_y))
            + np.mean(np.log(real_x)) + np.mean(np.log(1 - made_x))
            - lam * cycle)


def full_objective__unweighted(real_y, made_y, real_x, made_x, cycle, lam):
    """lambda is missing. It says what a lost picture costs, measured
    against what the judges say."""
    return (np.mean(np.log(real_y)) + np.mean(np.log(1 - made_y))
            + np.mean(np.log(real_x)) + np.mean(np.log(1 - made_x)) + cycle)


def full_objective__pooled(real_y, made_y, real_x, made_x, cycle, lam):
    """The logarithms were put in one heap and averaged. Each of the four
    terms is a mean of its own, and they are added."""
    logs = [np.log(real_y), np.log(1 - made_y), np.log(real_x),
            np.log(1 - made_x)]
    return 4 * np.mean(np.concatenate(logs)) + lam * cycle


def lsgan_optimum__labels_exchanged(p, q, made, real):
    """The labels have changed places. Where nothing is made (q = 0), the
    judge must say `real`."""
    mass = p + q
    return np.where(mass > 0, (made * p + real * q)
                    / np.where(mass > 0, mass, 1), (real + made) / 2)


def lsgan_optimum__labels_ignored(p, q, made, real):
    """p / (p + q) is right for the labels 0 and 1 only. Set the slope of p
    (D - real)^2 + q (D - made)^2 to zero, with the labels in it."""
    mass = p + q
    return np.where(mass > 0, p / np.where(mass > 0, mass, 1), 0.5)


def lsgan_optimum__yes_or_no(p, q, made, real):
    """This judge says `real` or `made`, whichever is likelier. A square
    costs much when it is far off: something between the labels is
    cheaper."""
    return np.where(p > q, real, np.where(q > p, made, (real + made) / 2.))


def lsgan_optimum__half_for_the_middle(p, q, made, real):
    """Right, except where a picture never occurs: 1/2 is the middle of the
    labels 0 and 1 only."""
    mass = p + q
    return np.where(mass > 0, (real * p + made * q)
                    / np.where(mass > 0, mass, 1), 0.5)


def lsgan_optimum__nothing_over_nothing(p, q, made, real):
    """Right, except where a picture never occurs: 0 / 0 is not a number.
    Give the middle of the labels there."""
    with np.errstate(all="ignore"):
        return (real * p + made * q) / (p + q)


def pearson_divergence__over_q(p, q):
    """This divides by q: the divergence between p and q. It is infinite
    where something real is never made. The one that least squares leads to
    divides by p + q."""
    with np.errstate(all="ignore"):
        terms = (p - q) ** 2 / q
    return np.sum(np.where(p + q > 0, terms, 0))


def pearson_divergence__not_squared(p, q):
    """The difference is not squared. Expand q^2 with q = (p + q) / 2 - (p -
    q) / 2: the last term is a square."""
    mass = p + q
    return np.sum(np.abs(p - q) / np.where(mass > 0, mass, 1))


def pearson_divergence__the_whole_sum(p, q):
    """This is the whole sum of q^2 / (p + q) at the best judge. It is 1/2 +
    chi^2 / 4, so it is 1/2 when the distributions agree; a divergence is 0
    there."""
    mass = p + q
    return np.sum(q ** 2 / np.where(mass > 0, mass, 1))


def pearson_divergence__a_quarter(p, q):
    """This is what the sum is above 1/2. It is a *quarter* of chi^2: two
    distributions with nothing in common have chi^2 = 2."""
    mass = p + q
    return np.sum((p - q) ** 2 / np.where(mass > 0, mass, 1)) / 4


def pearson_divergence__not_divided(p, q):
    """The squares are not divided by p + q. A difference of 0.1 weighs more
    where a picture is rare."""
    return np.sum((p - q) ** 2)


def pearson_divergence__nothing_over_nothing(p, q):
    """Right, except where a picture never occurs: 0 / 0 is not a number,
    and one of them spoils the sum. Count 0 there."""
    with np.errstate(all="ignore"):
        return np.sum((p - q) ** 2 / (p + q))


def l1_minimiser__mean(values, shares):
    """The mean minimises the *squares*. Of black and white it makes grey,
    which never occurs. Where does the slope of the mean |v - x| change its
    sign?"""
    return np.sum(values * shares)


def l1_minimiser__shares_ignored(values, shares):
    """This is the median of the values as if all were equally frequent.
    Half of the *mass* must lie on each side."""
    order = np.sort(values)
    return order[(len(order) - 1) // 2]


def l1_minimiser__most_frequent(values, shares):
    """The most frequent value need not be the best: with 0.4 on it and 0.6
    far off on one side, moving towards the 0.6 gains more than it costs."""
    return values[np.argmax(shares)]


def l1_minimiser__not_sorted(values, shares):
    """The shares were added up in the order in which the values happen to
    stand. 'Half lies below' has a meaning only when they are sorted."""
    return values[np.argmax(np.cumsum(shares) >= 0.5 - 1e-12)]


def l1_minimiser__shares_not_sorted(values, shares):
    """The values were sorted and the shares were not: each value now has
    another one's share. Sort both by np.argsort(values)."""
    return np.sort(values)[np.argmax(np.cumsum(shares) >= 0.5 - 1e-12)]


def l1_minimiser__cost(values, shares):
    """This is what the best v costs. Asked is v."""
    return min(np.sum(shares * np.abs(v - values)) for v in values)


def l1_minimiser__largest(values, shares):
    """Where exactly half of the mass lies below, every v between two values
    costs the same, and the exercise asks for the smallest. This is the
    largest."""
    order = np.argsort(values)
    below = np.cumsum(shares[order])
    return values[order][np.argmax(below > 0.5 + 1e-12)]


def _window(i, layers, more=1, padded=True):
    first = last = i
    for size, stride, pad in layers:
        first = first * stride - pad * padded
        last = last * stride - pad * padded + size - more
    return first, last


def patch_window__no_padding(sizes, strides, pads, i):
    """The padding was left out. Zeros on the left move every window to the
    left by as many pixels."""
    layers = list(zip(sizes, strides, pads))
    return _window(i, layers[::-1], padded=False)


def patch_window__padding_not_scaled(sizes, strides, pads, i):
    """All paddings count one pixel each in this. A zero beside a later layer
    is as wide as all strides before it, multiplied."""
    layers = list(zip(sizes, strides, pads))
    first, last = _window(i, layers[::-1], padded=False)
    return first - sum(pads), last - sum(pads)


def patch_window__wider_by_padding(sizes, strides, pads, i):
    """The padding made the window wider. It moves both of its ends to the
    left; how many numbers a window has does not depend on it."""
    first = last = i
    for size, stride, pad in list(zip(sizes, strides, pads))[::-1]:
        first, last = first * stride - pad, last * stride + pad + size - 1
    return first, last


def patch_window__from_the_input(sizes, strides, pads, i):
    """The layers were gone through from the input to the output. i is a
    number of the *output*: what it sees in the layer before is the
    beginning, and the first layer comes last."""
    return _window(i, zip(sizes, strides, pads))


def patch_window__one_too_far(sizes, strides, pads, i):
    """`last` is one further for each layer: a window of 4 that begins at 5
    ends at 8, not 9."""
    layers = list(zip(sizes, strides, pads))
    return _window(i, layers[::-1], more=0)


def patch_window__cut_off(sizes, strides, pads, i):
    """The window was cut off at the edge of the picture. The exercise
    counts the padding, too: its pixels on the left have negative
    numbers."""
    layers = list(zip(sizes, strides, pads))
    first, last = _window(i, layers[::-1])
    return max(first, 0), last


def patch_window__starts_only(sizes, strides, pads, i):
    """Both ends were followed by where windows *start*. The last number of
    the layer before sees a whole window, and its end is size - 1
    further."""
    layers = list(zip(sizes, strides, pads))
    first = _window(i, layers[::-1])[0]
    return first, first + sizes[-1] - 1


# ------------------------------------------------------------------- the steps


def mend_cycle_order__as_listed(x, g, f, pool):
    """This is the listing. The pool has exchanged some of the new pictures
    for old ones, made from other x. F brings these back to where *they*
    came from, and the difference from x means nothing. Translate back what
    G has just made."""
    shown = pool(g(x))
    return np.mean(np.abs(f(shown) - x)), shown


def mend_cycle_order__pool_bypassed(x, g, f, pool):
    """The cycle is right, but now the judge is shown the newest pictures
    only. Ask the pool for those that the judge gets.
    Section: 3.3, "The pool"
    """
    new = g(x)
    return np.mean(np.abs(f(new) - x)), new


def mend_cycle_order__asked_twice(x, g, f, pool):
    """The pool was asked twice in one round. Each time it takes the new
    pictures in and gives old ones away: ask it once, and keep what it
    says."""
    new = g(x)
    pool(new)
    return np.mean(np.abs(f(new) - x)), pool(new)


def mend_cycle_order__size_of_the_mean(x, g, f, pool):
    """The mean was taken before the absolute value. Then a picture that
    comes back too bright makes up for one that is too dark."""
    new = g(x)
    return np.abs(np.mean(f(new) - x)), pool(new)


def mend_cycle_order__squares(x, g, f, pool):
    """The differences were squared. The cycle loss takes absolute values.
    Section: 3.3, "Absolute values in the cycle"
    """
    new = g(x)
    return np.mean((f(new) - x) ** 2), pool(new)


def mend_cycle_order__pool_of_inputs(x, g, f, pool):
    """The pool was asked before G. It holds translated pictures, for the
    judge of Y; real ones of X do not belong in it."""
    return np.mean(np.abs(f(g(x)) - x)), g(pool(x))


def mend_cycle_order__other_way_round(x, g, f, pool):
    """This cycle goes first along F and then along G. x is a picture of X:
    only G can take it."""
    return np.mean(np.abs(g(f(x)) - x)), pool(g(x))


def mend_cycle_order__pooled_after_the_cycle(x, g, f, pool):
    """The judge of Y was shown F(G(x)), pictures that are back in X. It
    judges the translation, G(x)."""
    back = f(g(x))
    return np.mean(np.abs(back - x)), pool(back)


def expected_pool_age__coin_counted_twice(size, share):
    """The second number is right. The first is the mean over *all* that is
    shown, and the part 1 - share of them has the age 0."""
    return size / share, size / share


def expected_pool_age__exchanged(size, share):
    """The two numbers have changed places: of all that is shown first, then
    of what comes out of the pool."""
    return size / share, size


def expected_pool_age__all_waited(size, share):
    """These are the ages as if every picture went through the pool. Where
    only a part does, a place in it is exchanged less often, and those that
    wait do so for longer."""
    return size, size


def expected_pool_age__half_full_turn(size, share):
    """This takes the pool to be a queue in which one waits for size / 2 on
    average. One that comes in may be drawn at any later time, also after
    1,000: add up all waiting times, or use Little's law."""
    return size / 2, size / 2 / share


def expected_pool_age__fewer_wait_less(size, share):
    """Here a rarer exchange makes the pictures younger. It is the other way
    round: the less often the coin falls for the pool, the longer its
    pictures stay in it."""
    return size * share, size


# -------------------------------------------------------------------- capstone


def _world(g, f, p_x, p_y, lam, judges=True, labels=(0, 1), other=False,
           flat=False, both=True, looked_up=True):
    """The objective with one thing changed."""
    n = np.arange(len(g))

    def judge(p, q):
        mass = p + q
        return np.where(mass > 0, (labels[1] * p + labels[0] * q)
                        / np.where(mass > 0, mass, 1), 0.5)
    q_y, q_x = (np.bincount(m, weights=p, minlength=len(n))
                for m, p in ((g, p_x), (f, p_y)))
    d_y, d_x = judge(p_y, q_y), judge(p_x, q_x)
    if other:
        d_y, d_x = judge(p_x, q_y), judge(p_y, q_x)
    if looked_up:
        d_y, d_x = d_y[g], d_x[f]
    judged = judges * (np.sum(p_x * (d_y - 1) ** 2)
                       + both * np.sum(p_y * (d_x - 1) ** 2))
    w_x, w_y = (np.full(len(n), 1 / len(n)),) * 2 if flat else (p_x, p_y)
    lost = np.sum(w_x[f[g] != n]) + both * np.sum(w_y[g[f] != n])
    return judged + lam * lost


def toy_cyclegan_capstone__cycle_alone(g, f, p_x, p_y, lam):
    """The judges do not occur. This is the article's formula, and leaving
    every picture as it is makes it zero, whatever Y looks like.
    Section: 3.3, "What a cycle alone accepts"
    """
    return _world(g, f, p_x, p_y, lam, judges=False)


def toy_cyclegan_capstone__one_direction(g, f, p_x, p_y, lam):
    """Only the way from X to Y and back is in this. There is a judge for F,
    too, and a cycle that begins in Y."""
    return _world(g, f, p_x, p_y, lam, both=False)


def toy_cyclegan_capstone__judges_exchanged(g, f, p_x, p_y, lam):
    """Each judge compared a generator's pictures with the domain that they
    came *from*. G makes pictures of Y: its judge knows the real ones of
    Y."""
    return _world(g, f, p_x, p_y, lam, other=True)


def toy_cyclegan_capstone__labels_exchanged(g, f, p_x, p_y, lam):
    """Here the generators pay most when nobody sees through them. A judge is
    lsgan_optimum(real ones, made ones, 0, 1), and what the generators pay
    is (D - 1)^2."""
    return _world(g, f, p_x, p_y, lam, labels=(1, 0))


def toy_cyclegan_capstone__verdicts_not_looked_up(g, f, p_x, p_y, lam):
    """D_Y(G(x)) is the verdict on picture g[x] of Y. d_y alone lists the
    verdicts on pictures 0, 1, ...; look them up: d_y[g]."""
    return _world(g, f, p_x, p_y, lam, looked_up=False)


def toy_cyclegan_capstone__kept_pays(g, f, p_x, p_y, lam):
    """These generators pay for the pictures that come back. Lost are those
    with F(G(x)) != x."""
    paid = _world(g, f, p_x, p_y, 0)
    lost = _world(g, f, p_x, p_y, 1) - paid
    return paid + lam * (2 - lost)


def toy_cyclegan_capstone__unweighted_cycle(g, f, p_x, p_y, lam):
    """Every lost picture counts the same in this. The cycle loss is a mean
    over draws: a picture that is frequent counts with its share."""
    return _world(g, f, p_x, p_y, lam, flat=True)
