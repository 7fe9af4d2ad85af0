import numpy as np


def image_digits__bits(h, w, c, levels):
    """This counts binary digits: the logarithm has base 2. Decimal digits go
    with base 10."""
    return int(np.log2(levels) * h * w * c) + 1


def image_digits__rounded_up(h, w, c, levels):
    """Right, but where the logarithm is a whole number: 10 has the logarithm
    1 and two digits. Round down and add 1."""
    return int(np.ceil(h * w * c * np.log10(levels)))


def image_digits__one_short(h, w, c, levels):
    """One digit is missing: 10 has the logarithm 1 and two digits."""
    return int(h * w * c * np.log10(levels))


def image_digits__product(h, w, c, levels):
    """You multiplied the choices. Each *additional* number of the image
    multiplies the count by `levels`: that is a power."""
    return int(np.log10(levels * h * w * c)) + 1


def image_digits__one_channel(h, w, c, levels):
    """The channels are missing: every pixel has c numbers."""
    return int(h * w * np.log10(levels)) + 1


def main_direction__smallest(x):
    """This is the direction in which they vary least: eigh begins with the
    smallest eigenvalue."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    u = vectors[:, 0]
    return u * np.sign(u[np.abs(u).argmax()]), values[0]


def main_direction__row(x):
    """You took a row of the matrix of eigenvectors. They are its columns."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    u = vectors[-1]
    return u * np.sign(u[np.abs(u).argmax()]), values[-1]


def main_direction__not_centred(x):
    """The mean was not taken away, so this is the direction to the mean as
    much as that of the variation."""
    values, vectors = np.linalg.eigh(x.T @ x / (len(x) - 1))
    u = vectors[:, -1]
    return u * np.sign(u[np.abs(u).argmax()]), values[-1]


def main_direction__over_n(x):
    """The direction is right; the variance was divided by n, and the question
    asks for n - 1."""
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    u = vectors[:, -1]
    return u * np.sign(u[np.abs(u).argmax()]), values[-1]


def main_direction__sign_of_sum(x):
    """The sign was chosen by the sum of the entries. It is the one largest by
    absolute value that must be positive."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    u = vectors[:, -1]
    return u * np.sign(u.sum()), values[-1]


def main_direction__spread(x):
    """The direction is right, and the number is its root: that is the
    spread, not the variance."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    u = vectors[:, -1]
    return u * np.sign(u[np.abs(u).argmax()]), np.sqrt(values[-1])


def draw_by_hand__variances(mean, directions, variances, z):
    """The noise was multiplied by the variances. A draw goes so many
    *spreads* along a direction: take the root."""
    return mean + (z * variances) @ directions


def draw_by_hand__columns(mean, directions, variances, z):
    """The directions are the rows of the matrix here. You took its columns
    (or the transpose), which fits only where k equals d."""
    return mean + (z * np.sqrt(variances)) @ directions.T


def draw_by_hand__no_spread(mean, directions, variances, z):
    """The variances are not used: every direction varies alike, by 1. Each
    needs its spread."""
    return mean + z @ directions


def draw_by_hand__no_mean(mean, directions, variances, z):
    """The mean is missing. Noise 0 must give it."""
    return (z * np.sqrt(variances)) @ directions


def components_for__not_sorted(variances, share):
    """They were added in the order given. The fewest components are the
    largest ones: sort first."""
    held = np.cumsum(variances) / np.sum(variances)
    return int(np.sum(held < share - 1e-12)) + 1


def components_for__one_short(variances, share):
    """This is the number of partial sums that fall short. It takes one more
    component to get there."""
    held = np.cumsum(np.sort(variances)[::-1]) / np.sum(variances)
    return int(np.sum(held < share - 1e-12))


def components_for__spreads(variances, share):
    """You added spreads. Variances of independent directions add up, their
    roots do not."""
    roots = np.sort(np.sqrt(variances))[::-1]
    return int(np.sum(np.cumsum(roots) / roots.sum() < share - 1e-12)) + 1


def frechet_apart__variances(a, b):
    """The variances were compared. The formula has spreads: with s and s',
    (s - s')^2."""
    means = a.mean(axis=0) - b.mean(axis=0)
    return np.sum(means ** 2 + (a.var(axis=0, ddof=1)
                                - b.var(axis=0, ddof=1)) ** 2)


def frechet_apart__over_n(a, b):
    """These spreads are divided by n. The question asks for n - 1, as an
    honest estimate from few numbers needs."""
    means = a.mean(axis=0) - b.mean(axis=0)
    return np.sum(means ** 2 + (a.std(axis=0) - b.std(axis=0)) ** 2)


def frechet_apart__mean_of_features(a, b):
    """You took the mean over the features. The distances of all of them are
    added."""
    return np.mean((a.mean(axis=0) - b.mean(axis=0)) ** 2
                   + (a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)) ** 2)


def frechet_apart__one_heap(a, b):
    """All numbers of a cloud went into one mean and one spread. Each feature,
    each column, has its own."""
    return ((a.mean() - b.mean()) ** 2
            + (a.std(ddof=1) - b.std(ddof=1)) ** 2)


def frechet_apart__means_only(a, b):
    """Only the means are compared. A cloud that has shrunk to one point would
    then be as good as the real one."""
    return np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)


def frechet_apart__rooted(a, b):
    """The root was taken at the end. The number that is called FID is the
    squared distance."""
    means = a.mean(axis=0) - b.mean(axis=0)
    spreads = a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)
    return np.sqrt(np.sum(means ** 2 + spreads ** 2))


def mend_redraw__rows(x, k):
    """The mean is dealt with, but the directions are still rows of the
    matrix. eigh returns them as columns."""
    mean = x.mean(axis=0)
    top = np.linalg.eigh(np.cov(x.T))[1][-k:]
    return mean + (x - mean) @ top.T @ top


def mend_redraw__as_found(x, k):
    """This is the function as it was found: its directions are rows, and its
    lines go through the origin."""
    top = np.linalg.eigh(np.cov(x.T))[1][-k:]
    return x @ top.T @ top


def mend_redraw__through_origin(x, k):
    """The directions are right now, but the images are projected on a line
    through the origin. It must go through their mean."""
    top = np.linalg.eigh(np.cov(x.T))[1][:, -k:]
    return x @ top @ top.T


def mend_redraw__mean_not_added(x, k):
    """The mean was taken away and not put back."""
    top = np.linalg.eigh(np.cov(x.T))[1][:, -k:]
    return (x - x.mean(axis=0)) @ top @ top.T


def mend_redraw__smallest(x, k):
    """These are the k directions in which the images vary least."""
    mean = x.mean(axis=0)
    top = np.linalg.eigh(np.cov(x.T))[1][:, :k]
    return mean + (x - mean) @ top @ top.T


def maker_by_hand__smallest_first(x, k, z):
    """The first k of eigh are the *least* of the directions: it begins with
    the smallest."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return x.mean(axis=0) + (z * np.sqrt(values[:k])) @ vectors[:, :k].T


def maker_by_hand__turned_noise(x, k, z):
    """The right directions, in rising order. The first number of a row of
    noise belongs to the greatest variance."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return x.mean(axis=0) + (z * np.sqrt(values[-k:])) @ vectors[:, -k:].T


def maker_by_hand__no_spread(x, k, z):
    """Directions of length 1 were added as they are: every direction varies
    alike, by 1. Each needs its spread."""
    _, vectors = np.linalg.eigh(np.cov(x.T))
    return x.mean(axis=0) + z @ vectors[:, ::-1][:, :k].T


def maker_by_hand__variances(x, k, z):
    """The noise was multiplied by the variances. Take their roots, the
    spreads."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return x.mean(axis=0) + (z * values[::-1][:k]) @ vectors[:, ::-1][:, :k].T


def maker_by_hand__at_origin(x, k, z):
    """The draws lie around 0. Add the examples' mean."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return (z * np.sqrt(values[::-1][:k])) @ vectors[:, ::-1][:, :k].T
