import numpy as np


def frechet_line__variances(real, fake):
    """The variances were compared. The stretch that carries one heap to the
    other multiplies by a ratio of standard deviations; so the way depends on
    these."""
    return ((real.mean() - fake.mean()) ** 2
            + (real.var(ddof=1) - fake.var(ddof=1)) ** 2)


def frechet_line__over_n(real, fake):
    """The deviations are over n: np.std does so unless it is told otherwise.
    They are too small, and more so for few numbers. Use n - 1."""
    return ((real.mean() - fake.mean()) ** 2
            + (real.std() - fake.std()) ** 2)


def frechet_line__rooted(real, fake):
    """A square root was taken at the end. The FID is the mean *square* of
    the ways and stays squared."""
    return np.sqrt((real.mean() - fake.mean()) ** 2
                   + (real.std(ddof=1) - fake.std(ddof=1)) ** 2)


def frechet_line__no_root_of_product(real, fake):
    """This is the square of the means' distance plus both variances: the
    cost of pairing at random. The best pairing saves 2 s s'."""
    return ((real.mean() - fake.mean()) ** 2
            + real.var(ddof=1) + fake.var(ddof=1))


def _root(a):
    values, vectors = np.linalg.eigh(a)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def root_trace__roots_apart(a, b):
    """Each matrix got its own root, and these were multiplied. That is right
    where a b = b a only, as for diagonal matrices. Take the root of the
    product."""
    return np.trace(_root(a) @ _root(b))


def root_trace__root_of_the_trace(a, b):
    """The root of the trace was taken, in place of the trace of the root.
    Three and four have 25 as the sum of their squares: the root of 25 is 5,
    but 3 + 4 = 7."""
    return np.sqrt(np.trace(a @ b))


def root_trace__entries(a, b):
    """The root was taken of each entry on the diagonal. A matrix has another
    root: r with r r = a b. For its trace the eigenvalues are enough."""
    return np.sqrt(np.abs(np.diag(a @ b))).sum()


def root_trace__not_rooted(a, b):
    """This is the trace of the product, without a root."""
    return np.trace(a @ b)


def root_trace__not_a_number(a, b):
    """Of fewer images than features some eigenvalues are 0, and rounding
    leaves them a little below: their roots are not numbers. np.maximum(..., 0)
    before the root."""
    with np.errstate(invalid="ignore"):
        root = _root(a)
        return np.sqrt(np.linalg.eigvalsh(root @ b @ root)).sum()


def best_inception__others_forgotten(classes, sure):
    """Only the class that the image shows was counted. The others have
    chances too, and their terms belong to the entropy."""
    return classes * np.exp(sure * np.log(sure))


def best_inception__others_in_one(classes, sure):
    """All that is left, 1 - s, was given to a single other class. It is
    spread over K - 1 of them: each has its own term."""
    left = 1 - sure
    return classes * np.exp(sure * np.log(sure) + (
        left * np.log(left) if left > 0 else 0))


def best_inception__not_a_number(classes, sure):
    """Where the image is wholly sure, this is 0 times log 0, and that is not
    a number. The limit of x log x at 0 is 0."""
    with np.errstate(all="ignore"):
        left = np.float64(1 - sure)
        return classes * np.exp(sure * np.log(sure)
                                + left * np.log(left / (classes - 1)))


def best_inception__base_two(classes, sure):
    """The entropy was measured in bits, and then e was raised to it. Take
    natural logarithms for e, or 2 as the base of both."""
    left = 1 - sure
    bits = sure * np.log2(sure)
    if left > 0:
        bits += left * np.log2(left / (classes - 1))
    return np.exp(np.log2(classes) + bits)


def _divergences(p, q):
    return (p * np.log(np.where(p > 0, p, 1) / q)).sum(axis=1)


def mend_inception_score__exponentials_first(p):
    """This is still the program's bug: each image's divergence goes through
    exp, and then the mean is taken. Rare classes weigh too much. The mean
    comes first, exp last.

    Section: 6, "Sure, and of every kind"
    """
    return np.exp(_divergences(p, p.mean(axis=0))).mean()


def mend_inception_score__against_uniform(p):
    """The rows were compared with equal chances for all classes. The score
    compares with their own mean: a set of one class must not gain by being
    sure."""
    return np.exp(_divergences(p, 1 / p.shape[1]).mean())


def mend_inception_score__not_a_number(p):
    """A chance of 0 gives 0 times log 0, which is not a number. Its term is
    0."""
    with np.errstate(all="ignore"):
        q = p.mean(axis=0)
        return np.exp((p * np.log(p / q)).sum(axis=1).mean())


def mend_inception_score__lost_class(p):
    """A class that no image has is 0 in the mean row, too, and was divided
    by. Its terms are 0: leave them out, or use the two entropies, which
    divide by nothing."""
    with np.errstate(all="ignore"):
        return np.exp(_divergences(p, p.mean(axis=0)).mean())


def mend_inception_score__no_exponential(p):
    """This is the mean divergence, in nats. The score is e to its power: then
    it counts classes."""
    return _divergences(p, p.mean(axis=0)).mean()


def moments_in_batches__averaged(batches):
    """This is still the program's way: moments of each batch, averaged. What
    lies between the batches' means is lost, and a small batch counts as much
    as a large one. Sum over all rows, then divide once."""
    mean = np.mean([x.mean(axis=0) for x in batches], axis=0)
    return mean, np.mean([(x - x.mean(axis=0)).T @ (x - x.mean(axis=0))
                          / len(x) for x in batches], axis=0)


def moments_in_batches__over_n(batches):
    """The rows are together now, but the covariance is over n. About a mean
    taken from the same rows they spread too little by one row: divide by
    n - 1."""
    x = np.concatenate(batches)
    d = x - x.mean(axis=0)
    return x.mean(axis=0), d.T @ d / len(x)


def moments_in_batches__between_forgotten(batches):
    """Each batch was centred at its own mean. How far these means are from
    each other is part of the spread: centre all rows at one mean."""
    n = sum(map(len, batches))
    inner = sum((x - x.mean(axis=0)).T @ (x - x.mean(axis=0))
                for x in batches)
    return np.concatenate(batches).mean(axis=0), inner / (n - 1)


def moments_in_batches__not_centred(batches):
    """The products of the rows were summed as they are. Those of the mean,
    n times, must be taken away."""
    x = np.concatenate(batches)
    return x.mean(axis=0), x.T @ x / (len(x) - 1)


def fid_at_infinity__largest_n(n, plain):
    """This is the FID of the larger set. It has less excess, but some. Find
    the line on which both lie, and follow it on."""
    return plain[np.argmax(n)]


def fid_at_infinity__line_in_n(n, plain):
    """A line was drawn against n and read at n = 0: there are no images at
    all. The excess is b / n, so draw it against 1 / n, whose 0 is
    infinity."""
    return plain[0] - n[0] * (plain[1] - plain[0]) / (n[1] - n[0])


def fid_at_infinity__one_over_root(n, plain):
    """The excess was taken to fall as 1 / sqrt(n). So a mean falls off its
    target; but the *square* of that is what FID adds up, and it falls as
    1 / n."""
    x = 1 / np.sqrt(n)
    return plain[0] - x[0] * (plain[1] - plain[0]) / (x[1] - x[0])


def fid_at_infinity__slope(n, plain):
    """This is b, the slope of the line. Wanted is where the line ends, at
    1 / n = 0."""
    return (plain[0] - plain[1]) / (1 / n[0] - 1 / n[1])


def fid_at_infinity__clipped(n, plain):
    """An estimate below 0 was raised to 0. Then the mean of many estimates is
    too large: leave it as it is.

    Section: 6, "The number of images"
    """
    return max(0., (n[0] * plain[0] - n[1] * plain[1]) / (n[0] - n[1]))


def as_signed__wrapped(images, low, high):
    """Twice a byte above 127 does not fit into a byte, and wraps around. Make
    floats first: images.astype(float)."""
    if images.min() < low or images.max() > high:
        raise ValueError("outside")
    return 2 * (images - low) / (high - low) - 1


def as_signed__guessed(images, low, high):
    """This is still a guess from the largest value. A batch of nearly black
    bytes looks like one in [0, 1]. The caller has said what the range is: use
    low and high."""
    images = images / 255 if images.max() > 1 else images
    return images * 2. - 1


def as_signed__stretched(images, low, high):
    """The batch's own darkest and brightest values were moved to -1 and 1.
    So each batch is changed differently, and a grey image becomes black and
    white. The ends are low and high."""
    images = images.astype(float)
    return 2 * (images - images.min()) / (images.max() - images.min()) - 1


def as_signed__clipped(images, low, high):
    """What lies outside the range was clipped, silently. Then a range stated
    wrongly gives a wrong FID, and nobody learns of it. Raise a
    ValueError."""
    return np.clip(2 * (images.astype(float) - low) / (high - low) - 1, -1, 1)


def as_signed__low_forgotten(images, low, high):
    """low was left out: images / high * 2 - 1 is right for ranges that begin
    at 0. Images in [-1, 1] would end up between -3 and 1."""
    if images.min() < low or images.max() > high:
        raise ValueError("outside")
    return images.astype(float) / high * 2 - 1


def marks_of_cheats__swapped():
    """The two numbers of each pair are exchanged. Precision counts generated
    points in real balls, recall real points in generated balls."""
    return [(1, 1), (0.1, 1), (1, 0), (0.6, 0.9)]


def marks_of_cheats__outliers_small():
    """The far point was given a small ball. A ball reaches to the nearest
    *other* point of its own set, however far that is, and all that lies
    between is inside."""
    return [(1, 1), (1, 0.1), (0, 0), (0.9, 0.1)]


def marks_of_cheats__centre_left_out():
    """The ball of a point that occurs twice has the radius 0. It still holds
    its centre, and one real point is exactly there."""
    return [(1, 1), (1, 0), (0, 1), (0.9, 0.6)]


def marks_of_cheats__rim_left_out():
    """A ball was taken without its rim. The ball of 30 has the radius 26, and
    4 lies on its rim: it counts."""
    return [(1, 1), (1, 0.1), (0, 1), (0.9, 0.5)]


def marks_of_cheats__outlier_counts():
    """The far point 30 was counted as precise. The ball of the last real
    point, 9, reaches to 10."""
    return [(1, 1), (1, 0.1), (0, 1), (1, 0.6)]


def mixture_nll__logs_mixed(log_p, log_q, share):
    """The logarithms were mixed. What is mixed is the densities: the log of
    a sum is not the sum of the logs. A density that is 0 somewhere would ruin
    this mixture, and does not ruin the true one."""
    return -(share * log_p + (1 - share) * log_q).mean()


def mixture_nll__underflow(log_p, log_q, share):
    """e^-1000 is 0 in the computer, and its logarithm is minus infinity. Add
    the densities without leaving the logarithms: np.logaddexp."""
    with np.errstate(all="ignore"):
        return -np.log(share * np.exp(log_p)
                       + (1 - share) * np.exp(log_q)).mean()


def mixture_nll__ratio_overflows(log_p, log_q, share):
    """p was taken out of the sum, and e^(log q - log p) is infinite where q is
    much larger. Take out the larger of the two, as np.logaddexp does."""
    with np.errstate(over="ignore"):
        return -(log_p + np.log(
            share + (1 - share) * np.exp(log_q - log_p))).mean()


def mixture_nll__shares_swapped(log_p, log_q, share):
    """The shares are exchanged: `share` belongs to p, the rest to q."""
    return -np.logaddexp(np.log(1 - share) + log_p,
                         np.log(share) + log_q).mean()


def mixture_nll__shares_forgotten(log_p, log_q, share):
    """The densities were added without their shares. The sum of two densities
    has the integral 2 and is no density."""
    return -np.logaddexp(log_p, log_q).mean()


def _fid(real, fake, twice=2):
    (m, c), (m2, c2) = map(moments_in_batches, (real, fake))  # noqa: F821
    return (((m - m2) ** 2).sum() + np.trace(c) + np.trace(c2)
            - twice * root_trace(c, c2))  # noqa: F821


def _card(real, fake, p, whole, part, n):
    return whole, fid_at_infinity(  # noqa: F821
        np.array(n), np.array([whole, part])), mend_inception_score(  # noqa: F821
            p)


def report_card__root_once(real, fake, p):
    """The trace of the root was taken away once. It is the covariance of the
    best pairing, which the square of a difference counts twice."""
    half, n = len(real) // 2, sum(map(len, real))
    return _card(real, fake, p, _fid(real, fake, 1),
                 _fid(real[:half], fake[:half], 1), [n, n // 2])


def report_card__half_of_one(real, fake, p):
    """The generated batches were halved and the real ones not. Then the two
    excesses do not fall together, and no line against 1 / n goes through
    both: take half of each."""
    half, n = len(real) // 2, sum(map(len, real))
    return _card(real, fake, p, _fid(real, fake), _fid(real, fake[:half]),
                 [n, n // 2])


def report_card__sizes_exchanged(real, fake, p):
    """The FID of all images was given the smaller number, that of the half
    the larger one. So the line leads away from infinity."""
    half, n = len(real) // 2, sum(map(len, real))
    return _card(real, fake, p, _fid(real, fake),
                 _fid(real[:half], fake[:half]), [n // 2, n])


def report_card__batches_counted(real, fake, p):
    """Only the FID of all images is right: the second number is that of the
    half, with nothing extrapolated."""
    half = len(real) // 2
    whole, part = _fid(real, fake), _fid(real[:half], fake[:half])
    return whole, part, mend_inception_score(p)  # noqa: F821
