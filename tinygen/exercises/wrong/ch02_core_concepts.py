import math

import numpy as np


def covered_share__other_way(points, others, radius):
    """This is the share of `others` that is near one of the points. The
    question is asked of `points`: precision and recall differ in just this."""
    gaps = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    return np.mean(gaps.min(axis=0) <= radius ** 2)


def covered_share__a_square(points, others, radius):
    """Each pixel was compared with the radius on its own, so "near" is a
    square. A distance adds the squares of all pixels' gaps."""
    gaps = np.abs(points[:, None] - others[None]).max(axis=2)
    return np.mean(gaps.min(axis=1) <= radius)


def covered_share__all_pairs(points, others, radius):
    """This is the share of *pairs* that are near. A point counts once, as
    soon as one of the others is near it."""
    gaps = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    return np.mean(gaps <= radius ** 2)


def covered_share__strict(points, others, radius):
    """A point at just the radius was left out. "Within" includes it."""
    gaps = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    return np.mean(gaps.min(axis=1) < radius ** 2)


def covered_share__pixels_apart(points, others, radius):
    """The smallest gap was taken for each pixel, each perhaps from another of
    the others. First add up a pair's pixels, then take the smallest."""
    gaps = ((points[:, None] - others[None]) ** 2).min(axis=1)
    return np.mean(gaps.sum(axis=1) <= radius ** 2)


def covered_share__two_pixels(points, others, radius):
    """Only the first two pixels count here. Points may have any number."""
    gaps = (points[:, None] - others[None])[..., :2] ** 2
    return np.mean(gaps.sum(axis=2).min(axis=1) <= radius ** 2)


def covered_share__not_squared(points, others, radius):
    """A sum of squares was compared with the radius itself. Take its root, or
    square the radius."""
    gaps = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    return np.mean(gaps.min(axis=1) <= radius)


def normal_like__covariance_itself(points, eps):
    """The noise was multiplied by the covariance. That gives draws whose
    covariance is its square: a root of it is needed."""
    return points.mean(axis=0) + eps @ np.cov(points.T)


def normal_like__no_mean(points, eps):
    """The mean is missing: noise 0 must give it."""
    return eps @ np.linalg.cholesky(np.cov(points.T)).T


def normal_like__centred(points, eps):
    """The mean of the noise was taken away. Each row is a draw of its own and
    must not depend on the others."""
    root = np.linalg.cholesky(np.cov(points.T))
    return points.mean(axis=0) + (eps - eps.mean(axis=0)) @ root.T


def normal_like__not_transposed(points, eps):
    """Each row of eps is a noise vector e, and A e is wanted, which for rows
    is eps @ A.T. With eps @ A the covariance is A^T A."""
    root = np.linalg.cholesky(np.cov(points.T))
    return points.mean(axis=0) + eps @ root


def normal_like__spreads_only(points, eps):
    """Each pixel has its own spread here, but the pixels have been made
    independent: the off-diagonal part of the covariance is lost."""
    return points.mean(axis=0) + eps * points.std(axis=0, ddof=1)


def normal_like__over_n(points, eps):
    """The covariance was divided by n. np.cov divides by n - 1, as the
    question asks: the mean was taken from the same points."""
    root = np.linalg.cholesky(np.cov(points.T, bias=True))
    return points.mean(axis=0) + eps @ root.T


def density_of_exp__not_stretched(x, a):
    """This is the density of the z that x comes from. Where g pulls its
    points apart, there are fewer of them to each unit of x."""
    z = np.log(x) / a
    return np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi)


def density_of_exp__multiplied(x, a):
    """The slope of g has come in as a factor. A steep g thins its points out:
    the density is *divided* by the slope."""
    z = np.log(x) / a
    return np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi) * (a * x)


def density_of_exp__slope_of_exp(x, a):
    """Almost: the slope of exp(a z) has a factor a besides exp(a z)."""
    z = np.log(x) / a
    return np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi) / x


def bridge_share__one_side(k):
    """This counts noise from minus infinity up to the end of the bridge. The
    bridge has two ends."""
    z = np.arctanh(0.5) / k
    return (1 + math.erf(z / math.sqrt(2))) / 2


def bridge_share__tanh_for_its_inverse(k):
    """You went forwards through tanh. The question is which z arrive at 1/2:
    solve tanh(k z) = 1/2."""
    return math.erf(np.tanh(0.5) / k / math.sqrt(2))


def bridge_share__slope_multiplied(k):
    """A steeper map must have a *shorter* stretch of noise on the bridge: it
    is divided by k."""
    return math.erf(np.arctanh(0.5) * k / math.sqrt(2))


def bridge_share__root_of_two(k):
    """erf(t) is the share of a normal distribution with variance 1/2 between
    -t and t. For variance 1 divide t by the root of 2."""
    return math.erf(np.arctanh(0.5) / k)


def translate_in_order__sorted(x, y):
    """The right numbers, in the wrong places: the first number returned must
    belong to the first x, whatever its rank."""
    return np.sort(y)


def translate_in_order__order_for_rank(x, y):
    """np.argsort(x) says which x is smallest, next, and so on. You used it as
    if it said which rank each x has: that is the inverse."""
    return np.sort(y)[np.argsort(x)]


def translate_in_order__y_as_it_came(x, y):
    """The ranks of x are right, but y is taken in the order given. Its
    smallest must come first: sort it."""
    return y[np.argsort(np.argsort(x))]


def translate_in_order__turned(x, y):
    """The smallest x gets the largest y here. Judges and cycle cannot tell
    this from the other order, but you were asked for the rising one."""
    new = np.empty(len(x))
    new[np.argsort(x)] = np.sort(y)[::-1]
    return new


def translate_in_order__nearest(x, y):
    """Each x got the y nearest to it. Several x may then share one y, and the
    way back is lost."""
    return y[np.abs(x[:, None] - y).argmin(axis=1)]


def mend_judge_loss__as_found(on_real, on_fake):
    """This is the line as it was found: it *pays* D for a low log D(made), as
    fast as the logit falls, without an end."""
    return (np.logaddexp(0, -on_real).mean()
            - np.logaddexp(0, -on_fake).mean())


def mend_judge_loss__fooled(on_real, on_fake):
    """The second term is now that of the generator: it is small when made
    points are taken for real. D wants the opposite."""
    return (np.logaddexp(0, -on_real).mean()
            + np.logaddexp(0, -on_fake).mean())


def mend_judge_loss__one_mean(on_real, on_fake):
    """All verdicts were thrown into one mean. Each kind has a mean of its own,
    and the two are added."""
    return np.mean(np.concatenate([np.logaddexp(0, -on_real),
                                   np.logaddexp(0, on_fake)]))


def mend_judge_loss__summed(on_real, on_fake):
    """The verdicts were added up. Each kind has its mean, so that a larger
    batch does not count for more."""
    return np.logaddexp(0, -on_real).sum() + np.logaddexp(0, on_fake).sum()


def mend_judge_loss__changed_places(on_real, on_fake):
    """Real and made points have changed places: this D learns to call the
    real ones made."""
    return np.logaddexp(0, on_real).mean() + np.logaddexp(0, -on_fake).mean()


def mend_judge_loss__a_gain(on_real, on_fake):
    """The sign is that of what D earns. A loss is made small, so it is the
    negative, and never below 0."""
    return -(np.logaddexp(0, -on_real).mean()
             + np.logaddexp(0, on_fake).mean())


def off_by__not_compared(x, there, back):
    """This is where each point comes back to. The question is how far that is
    from where it set out."""
    return np.abs(back * there * x)


def off_by__signed(x, there, back):
    """A distance has no sign: take the absolute value, or points that are off
    in opposite directions cancel."""
    return back * there * x - x


def off_by__only_there(x, there, back):
    """This is how far the translation lies from x. It may lie anywhere; what
    counts is where the way back ends."""
    return np.abs(there * x - x)


def off_by__mean(x, there, back):
    """One number came, the mean. Asked for is how far each point is off."""
    return np.abs(back * there * x - x).mean()


def _both(made, real, radius):
    gaps = ((made[:, None] - real[None]) ** 2).sum(axis=2)
    near = gaps <= radius ** 2
    return near.any(axis=1).mean(), near.any(axis=0).mean()


def harmonic_marks__strict(clouds, real, radius):
    """A point at just the radius was left out. "Within" includes it."""
    marks = []
    for made in clouds:
        gaps = ((made[:, None] - real[None]) ** 2).sum(axis=2)
        near = gaps < radius ** 2
        p, r = near.any(axis=1).mean(), near.any(axis=0).mean()
        marks.append(2 * p * r / (p + r) if p + r else 0.)
    return np.array(marks)


def harmonic_marks__plain_mean(clouds, real, radius):
    """This is the mean of precision and recall. One perfect point, made over
    and over, gets a half for it; 2 p r / (p + r) is small as soon as one of
    the two is."""
    return np.array([np.mean(_both(made, real, radius)) for made in clouds])


def harmonic_marks__product(clouds, real, radius):
    """The product p r is not divided by anything: half of both would get a
    quarter. The harmonic mean of two equal numbers is that number."""
    return np.array([np.prod(_both(made, real, radius)) for made in clouds])


def harmonic_marks__without_two(clouds, real, radius):
    """A perfect model gets 1/2 here. A factor is missing."""
    pairs = [_both(made, real, radius) for made in clouds]
    return np.array([p * r / (p + r) if p + r else 0. for p, r in pairs])


def harmonic_marks__zero_by_zero(clouds, real, radius):
    """The formula is right, but a model with precision 0 and recall 0 gets
    NaN. Say 0 there: nothing that it makes is near anything."""
    pairs = [_both(made, real, radius) for made in clouds]
    with np.errstate(invalid="ignore"):
        return np.array([2 * p * r / np.float64(p + r) for p, r in pairs])


def harmonic_marks__precision_only(clouds, real, radius):
    """Only precision counts here: one good point, made over and over, wins.
    """
    return np.array([_both(made, real, radius)[0] for made in clouds])
