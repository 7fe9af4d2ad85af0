import numpy as np


def frechet_line(real, fake):
    """(m - m')^2 + (s - s')^2, deviations over n - 1.   [n], [m] -> number"""
    return ((real.mean() - fake.mean()) ** 2
            + (real.std(ddof=1) - fake.std(ddof=1)) ** 2)


def root_trace(a, b):
    """tr (a b)^(1/2): the sum of the roots of the eigenvalues of a b.

    With r r = a, r b r has the eigenvalues of r r b = a b, and is symmetric.
    """
    values, vectors = np.linalg.eigh(a)
    r = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.sqrt(np.maximum(np.linalg.eigvalsh(r @ b @ r), 0)).sum()


def best_inception(classes, sure):
    """exp(log K + s log s + (1 - s) log((1 - s) / (K - 1)))."""
    left = 1 - sure
    negative = sure * np.log(sure)          # minus the entropy of an image
    if left > 0:
        negative += left * np.log(left / (classes - 1))
    return classes * np.exp(negative)


def mend_inception_score(p):
    """exp(H(mean row) - mean H(row)): exp of a mean.   [n, K] -> number"""
    def entropy(rows):
        return -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=-1)
    return np.exp(entropy(p.mean(axis=0)) - entropy(p).mean())


def moments_in_batches(batches):
    """(mean [F], covariance [F, F] over n - 1) of all rows together."""
    n = sum(len(x) for x in batches)
    mean = sum(x.sum(axis=0) for x in batches) / n
    product = sum((x - mean).T @ (x - mean) for x in batches)
    return mean, product / (n - 1)


def fid_at_infinity(n, plain):
    """theta of plain = theta + b / n.   [2], [2] -> a number"""
    return (n[0] * plain[0] - n[1] * plain[1]) / (n[0] - n[1])


def as_signed(images, low, high):
    """The line through (low, -1) and (high, 1); ValueError: outside."""
    if images.min() < low or images.max() > high:
        raise ValueError(f"images outside of [{low}, {high}]")
    return 2 * (images.astype(float) - low) / (high - low) - 1


def marks_of_cheats():
    """[(precision, recall)] of the four sets, with k = 1."""
    return [(1, 1),
            (1, 0.1),       # only the 4 itself is in a ball of radius 0
            (0, 1),         # the ball of -20 reaches from -60 to 20
            (0.9, 0.6)]     # the ball of 30 reaches down to 4


def mixture_nll(log_p, log_q, share):
    """-mean log(share p + (1 - share) q).   [n], [n], number -> number"""
    return -np.logaddexp(np.log(share) + log_p,
                         np.log(1 - share) + log_q).mean()


def report_card(real, fake, p):
    """(plain FID, the same at infinity, Inception score)."""
    def fid(some, others):
        (m, c), (m2, c2) = map(moments_in_batches, (some, others))
        return (((m - m2) ** 2).sum() + np.trace(c) + np.trace(c2)
                - 2 * root_trace(c, c2))
    half, n = len(real) // 2, sum(map(len, real))
    whole, part = fid(real, fake), fid(real[:half], fake[:half])
    return (whole, fid_at_infinity(
        np.array([n, sum(map(len, real[:half]))]), np.array([whole, part])),
        mend_inception_score(p))
