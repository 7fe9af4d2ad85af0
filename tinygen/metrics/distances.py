"""Distances between two sets of images, computed from their features.

Features are arrays N F, as features() gives them; real comes first. Rows
are dealt at random to GROUPS groups, by whose differences the intervals are
found: 95 % of them should hold the value for infinitely many images.
"""

import warnings

import numpy as np

# True of any features, and of what tg.metrics.features gives
SOURCE = ("comparable only with numbers from the same features: those of this "
          "package's own classifier compare models within this book, not "
          "with papers")
GROUPS = 20
STUDENT = 2.093     # 97.5 % of Student's t with GROUPS - 1 = 19 degrees


class Estimate(float):
    """A float with .low, .high (None: no interval known), .n and .note.

    n: the number of images, of two sets the smaller one's. str() says all.
    """

    def __new__(cls, value, low=None, high=None, n=0, note=""):
        self = super().__new__(cls, value)
        self.value, self.low, self.high = float(value), low, high
        self.n, self.note = n, note
        return self

    def __repr__(self):
        between = "" if self.low is None else (
            f" (95 %: {self.low:.4g} to {self.high:.4g})")
        return f"{self.value:.4g}{between}"

    def __str__(self):
        return f"{self!r}, {self.note}"

    def __reduce__(self):       # else pickle would keep the value alone
        return Estimate, (self.value, self.low, self.high, self.n, self.note)


def rows_of(x, who, least=2):
    """x as float64 N F. ValueError: another shape, too few rows, NaN."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(f"{who} takes a row of numbers for each image, N F, "
                         f"not shape {x.shape}: call tg.metrics.features, or "
                         "probabilities, on images first")
    if len(x) < least:
        raise ValueError(f"{who} needs at least {least} images of a kind, "
                         f"got {len(x)}")
    if not np.isfinite(x).all():
        raise ValueError(f"{who}: the numbers given hold NaN or infinity")
    return x


def check_pair(real, fake, who, least=2):
    """Both as rows_of has them; ValueError: of different widths."""
    real, fake = rows_of(real, who, least), rows_of(fake, who, least)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"{who}: real has {real.shape[1]} features, fake "
                         f"{fake.shape[1]}; take both from one classifier")
    return real, fake


def deal(n, rng):
    """A group for each of n rows, sizes as equal as can be."""
    return rng.permutation(n) % GROUPS


def jackknife(statistic):
    """(value, low, high) from statistic(None) and statistic(g), g left out.

    theta_N = theta + b / N + ..., and N (GROUPS - 1) / GROUPS rows are left
    without group g. So the pseudo-values
        p_g = GROUPS theta_N - (GROUPS - 1) theta_without_g
    have the mean to which the line through the two sizes, against 1 / N,
    leads at N = infinity; their spread gives Student's interval.
    Quenouille (1956), Tukey (1958).
    """
    left = np.array([statistic(g) for g in range(GROUPS)])
    values = GROUPS * statistic(None) - (GROUPS - 1) * left
    mean = values.mean()
    half = STUDENT * values.std(ddof=1) / np.sqrt(GROUPS)
    return float(mean), float(mean - half), float(mean + half)


# --------------------------------------------------------- Frechet distance


class Moments:
    """Counts, sums and products of features, group by group.

    add(x) takes a batch N F, which is not kept: memory does not grow.
    """

    def __init__(self, x=None):
        self.rng, self.shift = np.random.default_rng(0), None
        if x is not None:
            self.add(x)

    def add(self, x):
        """Take in the rows of x N F; returns self."""
        x = rows_of(x, "Moments", least=1)
        if self.shift is None:  # near the mean, so that no digits cancel
            f = x.shape[1]
            self.shift = x.mean(axis=0)
            self.count, self.sum = np.zeros(GROUPS), np.zeros((GROUPS, f))
            self.product = np.zeros((GROUPS, f, f))
        if x.shape[1] != len(self.shift):
            raise ValueError(f"Moments of {len(self.shift)} features cannot "
                             f"take {x.shape[1]}")
        # A whole turn of the groups begins where the last batch's ended
        at = (deal(len(x), self.rng) + int(self.count.sum())) % GROUPS
        x = x - self.shift
        for g in range(GROUPS):
            some = x[at == g]
            self.count[g] += len(some)
            self.sum[g] += some.sum(axis=0)
            self.product[g] += some.T @ some
        return self

    def __len__(self):
        return 0 if self.shift is None else int(self.count.sum())

    def __call__(self, without=None):
        """(mean F, covariance F F over n - 1), one group left out or none.
        """
        keep = np.arange(GROUPS) != without
        n = self.count[keep].sum()
        mean = self.sum[keep].sum(axis=0) / n
        product = self.product[keep].sum(axis=0)
        return (mean + self.shift,
                (product - n * np.outer(mean, mean)) / (n - 1))


def frechet(mean_a, cov_a, mean_b, cov_b):
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    Between the Gaussians N(m_a, C_a) and N(m_b, C_b): means F, covariances
    F F. The root's trace is that of (A C_b A)^(1/2) with A A = C_a, which
    is symmetric. Dowson and Landau (1982).
    """
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    both = np.linalg.eigvalsh(root @ cov_b @ root)
    gap = np.asarray(mean_a) - mean_b
    return float(gap @ gap + np.trace(cov_a) + np.trace(cov_b)
                 - 2 * np.sqrt(np.maximum(both, 0)).sum())


def fid(real, fake):
    """The Frechet distance of two Gaussians that have the features' means
    and covariances: 0 for equal sets. Heusel et al. (2017).

    real, fake: features N F, or Moments that were fed batches of them. The
    plain FID of N images is too large by about b / N; value is the
    extrapolation to infinitely many (Chong and Forsyth, 2020), which can
    fall a little below 0; note has the plain one. See jackknife for the
    interval. ValueError: fewer than 40 images of a kind. UserWarning: fewer
    images than 2 F, where the covariances are hardly known.
    """
    real, fake = (x if isinstance(x, Moments) else
                  Moments(rows_of(x, "fid", 2 * GROUPS)) for x in (real, fake))
    n, f = min(len(real), len(fake)), [
        len(x.shift) if len(x) else 0 for x in (real, fake)]
    if n < 2 * GROUPS:
        raise ValueError(f"fid needs at least {2 * GROUPS} images of a kind, "
                         f"got {n}")
    if f[0] != f[1]:
        raise ValueError(f"fid: real has {f[0]} features, fake {f[1]}; take "
                         "both from one classifier")
    if n < 2 * f[0]:
        warnings.warn(
            f"fid: {n} images are too few for the covariance of {f[0]} "
            f"features: take {10 * f[0]} or more", stacklevel=2)
    return Estimate(
        *jackknife(lambda g: frechet(*real(g), *fake(g))), n,
        f"{len(real)} real and {len(fake)} generated images; of so many, "
        f"without extrapolation: {frechet(*real(), *fake()):.4g}; {SOURCE}")


# ------------------------------------------------- maximum mean discrepancy


def kid(real, fake, rng=None):
    """MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), k(x, y) = (x . y / F
    + 1)^3, over all pairs of images of which x is not x' and y not y'.

    Its expectation is that of infinitely many images, however few there
    are; so it can be below 0. Binkowski et al. (2018), section 4. real,
    fake N F; rng deals the rows to groups, see jackknife. Of one or two
    features and sets that hardly differ the estimate is lopsided, and fewer
    intervals hold it. ValueError: fewer than 40 of a kind.
    """
    real, fake = check_pair(real, fake, "kid", 2 * GROUPS)
    rng = np.random.default_rng(0 if rng is None else rng)
    return Estimate(*jackknife(mmd(real, fake, rng)),
                    min(len(real), len(fake)),
                    f"{len(real)} real and {len(fake)} generated images; "
                    f"{SOURCE}")


def mmd(x, y, rng, at_once=1000):
    """kid()'s MMD^2, as a function of the group left out (None: none)."""
    # Row i of a group's matrix is 1 in column g if image i is in group g
    of_x, of_y = (np.eye(GROUPS)[deal(len(a), rng)] for a in (x, y))

    def total(a, of_a, b, of_b):        # of k, for each pair of groups
        found = np.zeros((GROUPS, GROUPS))
        for k in range(0, len(a), at_once):
            kernel = a[k:k + at_once] @ b.T / a.shape[1] + 1
            kernel *= kernel * kernel
            if a is b:
                np.fill_diagonal(kernel[:, k:], 0)
            found += of_a[k:k + at_once].T @ (kernel @ of_b)
        return found

    xx, yy = total(x, of_x, x, of_x), total(y, of_y, y, of_y)
    xy = total(x, of_x, y, of_y)

    def statistic(without=None):
        keep = np.arange(GROUPS) != without
        n, m = of_x[:, keep].sum(), of_y[:, keep].sum()
        pairs = np.ix_(keep, keep)
        return (xx[pairs].sum() / (n * (n - 1)) - 2 * xy[pairs].sum() / n / m
                + yy[pairs].sum() / (m * (m - 1)))

    return statistic


# ------------------------------------------------- neighbourhoods of images


def balls(centres, points, k, at_once=1000):
    """(in how many balls each point lies, which balls hold a point).

    The ball around a centre reaches to its k-th nearest other centre.
    """
    def gaps(a, b):
        scale = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)
        gap = scale - 2 * a @ b.T
        gap[gap < 1e-12 * scale] = 0        # copies, but for rounding
        return gap

    inside, holds = np.zeros(len(points), int), np.zeros(len(centres), bool)
    for start in range(0, len(centres), at_once):
        some = centres[start:start + at_once]
        own = gaps(some, centres)           # 0 to itself: the first of k + 1
        own[np.arange(len(some)), start + np.arange(len(some))] = 0
        reach = np.partition(own, k, axis=1)[:, k]
        within = gaps(some, points) <= reach[:, None]
        inside += within.sum(axis=0)
        holds[start:start + at_once] = within.any(axis=1)
    return inside, holds


def _shares(real, fake, k, who):
    """Both sets, checked, and a function from a share to an Estimate."""
    if k < 1:
        raise ValueError(f"{who}: k counts neighbours, from 1 on, not {k}")
    real, fake = check_pair(real, fake, who, k + 1)
    note = (f"{len(real)} real and {len(fake)} generated images, {k} "
            f"neighbours; {SOURCE}")
    return real, fake, lambda share: Estimate(
        share, n=min(len(real), len(fake)), note=note)


def precision_recall(real, fake, k=3):
    """(precision, recall): the share of fake images that lie in a ball of
    the real ones, and of real ones in a ball of the fake; see balls.

    real, fake N F. Both depend on the number of images: compare only at
    equal numbers. Kynkaanniemi et al. (2019). ValueError: k images or fewer.
    """
    real, fake, share = _shares(real, fake, k, "precision_recall")
    return (share((balls(real, fake, k)[0] > 0).mean()),
            share((balls(fake, real, k)[0] > 0).mean()))


def density_coverage(real, fake, k=5):
    """(density, coverage): in how many balls of real images a fake one
    lies, over k, on average; and the share of those balls that hold one.

    For equal distributions about 1, and 1 - 2^-k or more: unlike precision
    and recall, no outlier makes a wide ball that counts. real, fake N F.
    Naeem et al. (2020). ValueError: k images or fewer.
    """
    real, fake, share = _shares(real, fake, k, "density_coverage")
    inside, holds = balls(real, fake, k)
    return share(inside.mean() / k), share(holds.mean())
