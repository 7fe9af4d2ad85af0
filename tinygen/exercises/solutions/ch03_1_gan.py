import numpy as np


def _sigmoid(l):
    return np.exp(-np.logaddexp(0, -l))


# ------------------------------------------------------------------- the judge


def best_with_share(p, q, share):
    """share p / (share p + (1 - share) q).   [k], [k], a number -> [k]"""
    real = share * p
    return real / (real + (1 - share) * q)


def game_value(d, p, q):
    """sum p log D + q log(1 - D), with 0 log 0 = 0.   [k] x 3 -> a number"""
    with np.errstate(divide="ignore"):
        on_real, on_fake = np.log(d), np.log(1 - d)
    return (np.sum(p[p > 0] * on_real[p > 0])
            + np.sum(q[q > 0] * on_fake[q > 0]))


def best_logit(x, real, fake):
    """log p(x) - log q(x) for two normal densities.   [n] -> [n]"""
    (m, s), (n, t) = real, fake
    return (np.log(t / s) - (x - m) ** 2 / (2 * s ** 2)
            + (x - n) ** 2 / (2 * t ** 2))


# ---------------------------------------------------------------- its earnings


def js_divergence(p, q):
    """KL(p to m) / 2 + KL(q to m) / 2, m = (p + q) / 2.   2 x [k] -> number"""
    m = (p + q) / 2
    a, b = p > 0, q > 0
    return (np.sum(p[a] * np.log(p[a] / m[a]))
            + np.sum(q[b] * np.log(q[b] / m[b]))) / 2


def uniforms_js(shift):
    """The part of a box that sticks out, times log 2.   number -> number"""
    return min(abs(shift), 1) * np.log(2)


def js_bound(real, fake):
    """(V + log 4) / 2, V = mean log D(x) + mean log(1 - D(G(z)))."""
    value = -np.mean(np.logaddexp(0, -real)) - np.mean(np.logaddexp(0, fake))
    return (value + np.log(4)) / 2


def bce_slope(logits, labels):
    """d/dl of -t log s(l) - (1 - t) log(1 - s(l)): s(l) - t.   [n] -> [n]"""
    return _sigmoid(logits) - labels


# -------------------------------------------------------------------- the game


def who_goes_where():
    """Towards the real images (1) or away (-1). Each exchange turns it."""
    return [1, -1, -1, 1]


def dirac_slopes(theta, psi):
    """d/dtheta -log s(psi theta), d/dpsi -log(1 - s(psi theta))."""
    s = _sigmoid(psi * theta)
    return np.array([-psi * (1 - s), theta * s])


def turn_matrix(eta):
    """(x, y) -> (x', y + eta x') with x' = x - eta y.   number -> [2, 2]"""
    return np.array([[1, -eta], [eta, 1 - eta ** 2]])


def distance_after(eta, rounds):
    """sqrt(1 + eta^2) for each round, from a distance of 1."""
    return (1 + eta ** 2) ** (rounds / 2)


# -------------------------------------------------------------------- capstone


def softmax_round(theta, p, lr):
    """(theta, V, JS): the best D, then G's step with that D held."""
    q = np.exp(theta - theta.max())
    q = q / q.sum()
    d = p / (p + q)
    cost = -np.log(d)
    slope = q * (cost - np.sum(q * cost))
    return theta - lr * slope, game_value(d, p, q), js_divergence(p, q)
