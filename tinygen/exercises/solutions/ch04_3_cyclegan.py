from math import factorial

import numpy as np

import tinygen as tg

# -------------------------------------------------------------- the generators


def reflect_rows(rows, width):
    """x_w ... x_1, x_0 ... x_k-1, x_k-2 ...: mirrored at both ends.

    [n, k] -> [n, k + 2 width]
    """
    last = rows.shape[1] - 1
    i = np.abs(np.arange(-width, last + width + 1))     # from x_0 back up
    return rows[:, last - np.abs(last - i)]             # from the last down


def mend_padding(image, filters):
    """A border of (k - 1) / 2 keeps the side.   [h, w, c], [k, k, c]"""
    pad = filters.shape[0] // 2
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, filters.shape[:2], (0, 1))
    return np.einsum("ijcuv,uvc->ij", windows, filters)


def _filtered(x, w):
    return np.correlate(np.pad(x, 1, mode="reflect"), w, "valid")


def residual_block(x, w1, w2):
    """x + filter(relu(filter(x))).   [n], [3], [3] -> [n]"""
    return x + _filtered(np.maximum(_filtered(x, w1), 0), w2)


# ---------------------------------------------------------- the discriminators


def patch_side(side, strides):
    """A window of 4 on side + 2 pixels: (side - 2) / stride + 1 places."""
    for stride in strides:
        side = (side - 2) // stride + 1
    return side


def patch_loss(real, fake):
    """mean (D - 1)^2 + mean D^2 over patches.   [n, h, w], [m, h, w]"""
    return np.mean((real - 1) ** 2) + np.mean(fake ** 2)


# -------------------------------------------------------------------- the pool


def pool_query(pool, size, images, coins, slots):
    """(what D is shown, the pool afterwards), one image after another."""
    shown, pool = [], list(pool)
    for image, coin, slot in zip(images, coins, slots):
        old = image
        if len(pool) < size:
            pool.append(image)
        elif coin > 0.5:
            old, pool[slot] = pool[slot], image
        shown.append(old)
    return shown, pool


def pool_age(size):
    """(a stay in the pool, the age of what D is shown), means in steps.

    A slot is emptied with the chance 1 / (2 size) in each step, so a stay
    is 2 size steps; half of what D is shown is new, with the age 0.
    """
    return 2 * size, size


# --------------------------------------------------------------- the objective


def cycle_loss(x, y, g, f):
    """mean |F(G(x)) - x| + mean |G(F(y)) - y|.   [n], [m] -> a number"""
    return np.mean(np.abs(f(g(x)) - x)) + np.mean(np.abs(g(f(y)) - y))


def identity_loss(x, y, g, f):
    """mean |G(y) - y| + mean |F(x) - x|.   [n], [m] -> a number"""
    return np.mean(np.abs(g(y) - y)) + np.mean(np.abs(f(x) - x))


def generator_objective(g, f, d_x, d_y, x, y, lam):
    """(loss, its slope by g, its slope by f); D is not asked to move."""
    g, f, d_x, d_y = map(tg.Tensor, (g, f, d_x, d_y))

    def apply(net, images):
        return net[0] * images + net[1]

    l1, fooled = tg.losses.l1, tg.losses.least_squares
    fake_y, fake_x = apply(g, x), apply(f, y)
    loss = fooled(apply(d_y, fake_y)) + fooled(apply(d_x, fake_x))
    loss = loss + lam * (l1(apply(f, fake_y), x) + l1(apply(g, fake_x), y))
    loss = loss + lam / 2 * (l1(apply(g, y), y) + l1(apply(f, x), x))
    by_g, by_f = tg.grad(loss, [g, f])
    return loss.item(), by_g.data, by_f.data


# -------------------------------------------------------------------- training


def mend_detach(g, d, x, y, lr):
    """(g, d): each one step down its own loss, and no other's."""
    g, d = tg.Tensor(g), tg.Tensor(d)
    fake = g[0] * x + g[1]
    loss_g = ((d[0] * fake + d[1] - 1) ** 2).mean()
    loss_d = (((d[0] * y + d[1] - 1) ** 2).mean()
              + ((d[0] * fake + d[1]) ** 2).mean())
    slope_g, = tg.grad(loss_g, [g])
    slope_d, = tg.grad(loss_d, [d])
    return g.data - lr * slope_g.data, d.data - lr * slope_d.data


def linear_decay(lr, step, start, end):
    """lr, times the share of the way from end back to start."""
    return lr * min(max((end - step) / (end - start), 0), 1)


# ------------------------------------------------------------------- measuring


def psnr(images, truth):
    """10 log10(2^2 / mean (a - b)^2) in dB.   [n, h, w, c] twice -> [n]"""
    error = np.mean((images - truth) ** 2, axis=(1, 2, 3))
    return 10 * np.log10(4 / error)


def trivial_pairs():
    """[(cycle, identity), ...] of four pairs of maps; x = 0.5, y = -0.3."""
    return [(0, 0), (0, 1.6), (2.2, 2.2), (0, 1.6)]


def maps_left(k):
    """Pairs (G, F) left: k! for each, and with the cycle F = G^-1."""
    return factorial(k) ** 2, factorial(k)


def hidden_signal(x, g, f, noise):
    """mean |F(G(x) + noise) - F(G(x))| / mean |noise|.   [n] -> a number"""
    y = g(x)
    return np.mean(np.abs(f(y + noise) - f(y))) / np.mean(np.abs(noise))


# -------------------------------------------------------------------- capstone


def _d_slope(d, real, fake):
    """The slope of mean (D(real) - 1)^2 + mean D(fake)^2 by d."""
    a, b = d[0] * real + d[1] - 1, d[0] * fake + d[1]
    return 2 * np.array([np.mean(a * real) + np.mean(b * fake),
                         np.mean(a) + np.mean(b)])


def cyclegan_step_capstone(nets, pools, x, y, coins, slots, lr):
    """(nets, pools) after one step.   nets [4, 2], pools [2, k]"""
    g, f, d_x, d_y = nets
    _, by_g, by_f = generator_objective(g, f, d_x, d_y, x, y, 10.)
    slopes, after = [by_g, by_f], []
    fakes = f[0] * y + f[1], g[0] * x + g[1]            # of X, of Y
    for i, (d, real) in enumerate([(d_x, x), (d_y, y)]):
        shown, pool = pool_query(pools[i], len(pools[i]), fakes[i],
                                 coins[i], slots[i])
        slopes.append(_d_slope(d, real, np.array(shown)))
        after.append(pool)
    return nets - lr * np.array(slopes), np.array(after)
