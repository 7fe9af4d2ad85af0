import numpy as np

# ------------------------------------------------------- what a judge accepts


def pushed_mass(g, p):
    """q[j] = the sum of p[i] over all i with g[i] = j.   [n], [n] -> [n]"""
    return np.bincount(g, weights=p, minlength=len(p))


def pushed_density(densities, slopes):
    """The sum of p_X(x) / |G'(x)| over all x that arrive.   [k], [k] -> q"""
    return np.sum(densities / np.abs(slopes))


def measure_preserving(c, degrees):
    """S = L R L^-1 with C = L L^T, so that S C S^T = C.   [2, 2] -> [2, 2]"""
    a, lower = np.radians(degrees), np.linalg.cholesky(c)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return lower @ turn @ np.linalg.inv(lower)


# ------------------------------------------------------- what a cycle accepts


def trivial_cycle(a, b):
    """x = A^-1 (y - b) undoes y = A x + b.   [n, n], [n] -> [n, n], [n]"""
    inverse = np.linalg.inv(a)
    return inverse, -inverse @ b


def surviving_maps():
    """(judge, cycle) for each of the seven: even on [2, 4]? one to one?"""
    return [(1, 1),         # 2 + 2x
            (0, 1),         # 2 + x: nothing above 3
            (1, 1),         # 4 - 2x
            (1, 0),         # folded: two x for each y
            (0, 1),         # 2 + 2x^2: crowded near 2
            (1, 0),         # five times round: five x for each y
            (0, 0)]         # 3


# --------------------------------------------------------- the full objective


def full_objective(real_y, made_y, real_x, made_x, cycle, lam):
    """L_GAN(G, D_Y) + L_GAN(F, D_X) + lambda L_cyc, from probabilities."""
    return (np.mean(np.log(real_y)) + np.mean(np.log(1 - made_y))
            + np.mean(np.log(real_x)) + np.mean(np.log(1 - made_x))
            + lam * cycle)


def lsgan_optimum(p, q, made, real):
    """(real p + made q) / (p + q), the middle where both are 0.

    p (D - real)^2 + q (D - made)^2 has the slope 0 there.   [n], [n] -> [n]
    """
    mass = p + q
    return np.where(mass > 0, (real * p + made * q)
                    / np.where(mass > 0, mass, 1), (real + made) / 2)


def pearson_divergence(p, q):
    """The sum of (p - q)^2 / (p + q); 0 / 0 counts 0.   [n], [n] -> number"""
    mass = p + q
    return np.sum((p - q) ** 2 / np.where(mass > 0, mass, 1))


def l1_minimiser(values, shares):
    """The smallest value with half of the mass at or below it: the median.

    [n], [n] -> a number
    """
    order = np.argsort(values)
    below = np.cumsum(shares[order])
    return values[order][np.argmax(below >= 0.5 - 1e-12)]


def patch_window(sizes, strides, pads, i):
    """Output j of a layer sees its inputs j s - p to j s - p + k - 1."""
    first = last = i
    for size, stride, pad in zip(sizes[::-1], strides[::-1], pads[::-1]):
        first = first * stride - pad
        last = last * stride - pad + size - 1
    return first, last


# ------------------------------------------------------------------- the steps


def mend_cycle_order(x, g, f, pool):
    """(mean |F(G(x)) - x|, what the judge is shown: pool(G(x)))."""
    new = g(x)
    return np.mean(np.abs(f(new) - x)), pool(new)


def expected_pool_age(size, share):
    """(mean age of all that is shown, of what comes from the pool).

    Little's law: `size` wait, one comes in at a time, so the mean is size;
    the share that waits bears all of it.
    """
    return size, size / share


# -------------------------------------------------------------------- capstone


def toy_cyclegan_capstone(g, f, p_x, p_y, lam):
    """The generators' loss at the best judges, plus lambda x lost pictures.

    E (D_Y(G(x)) - 1)^2 + E (D_X(F(y)) - 1)^2
    + lambda (P(F(G(x)) != x) + P(G(F(y)) != y))
    """
    d_y = lsgan_optimum(p_y, pushed_mass(g, p_x), 0, 1)
    d_x = lsgan_optimum(p_x, pushed_mass(f, p_y), 0, 1)
    judged = np.sum(p_x * (d_y[g] - 1) ** 2) + np.sum(
        p_y * (d_x[f] - 1) ** 2)
    here = np.arange(len(g))
    lost = np.sum(p_x[f[g] != here]) + np.sum(p_y[g[f] != here])
    return judged + lam * lost
