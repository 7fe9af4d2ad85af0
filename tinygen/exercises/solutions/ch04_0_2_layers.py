import numpy as np

import tinygen as tg

# ----------------------------------------------------------------------- state


def layer_paths(tree):
    """Walk dicts by key and lists by number; note the arrays."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = {}
    for key, value in items:
        if str(key).startswith("_"):
            continue
        if isinstance(value, np.ndarray):
            found[str(key)] = value.size
        elif isinstance(value, (dict, list)):
            for path, count in layer_paths(value).items():
                found[f"{key}.{path}"] = count
    return found


# -------------------------------------------------------------- initial spread


def start_spread(n_in, n_out, below, above):
    """sqrt(2 / ((below^2 + above^2) n_in))."""
    return np.sqrt(2 / ((below ** 2 + above ** 2) * n_in))


def size_at_the_end(n, spread, slope, depth):
    """(spread sqrt(n (1 + slope^2) / 2))^depth."""
    return (spread * np.sqrt(n * (1 + slope ** 2) / 2)) ** depth


def dead_share(x, w, b):
    """A unit is dead if x w + b is above 0 in no row."""
    return np.mean(~(x @ w + b > 0).any(axis=0))


# ----------------------------------------------------------------------- norms


def normalised(x, kind, eps):
    """(x - mean) / sqrt(variance + eps), over the axes of this kind."""
    axes = {"batch": (0, 1, 2), "instance": (1, 2), "layer": (1, 2, 3)}[kind]
    c = x - x.mean(axis=axes, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=axes, keepdims=True) + eps)


def norm_vjp(g, x, eps):
    """(g - mean(g) - y mean(g y)) / s."""
    c = x - x.mean()
    s = np.sqrt(np.mean(c * c) + eps)
    y = c / s
    return (g - g.mean() - y * np.mean(g * y)) / s


def channel_slopes(g, y):
    """sum(g y) and sum(g), over all axes but the last."""
    axes = tuple(range(g.ndim - 1))
    return np.stack([(g * y).sum(axis=axes), g.sum(axis=axes)])


def steps_to_settle(rate, left):
    """The smallest k with (1 - rate)^k <= left."""
    return int(np.ceil(np.log(left) / np.log(1 - rate)))


def mend_momentum(x, running_mean, running_var, momentum):
    """eps stays 1e-5; momentum is the share of the old that is kept."""
    mean, var = x.mean(axis=0), x.var(axis=0)
    y = (x - mean) / np.sqrt(var + 1e-5)
    return (y, momentum * running_mean + (1 - momentum) * mean,
            momentum * running_var + (1 - momentum) * var)


def mend_slopes_of_slopes(g, x, eps):
    """The chapter's rule with s computed from x in Tensors."""
    c = x - x.mean()
    s = tg.sqrt((c * c).mean() + eps)
    y = c / s
    return (g - g.mean() - y * (g * y).mean()) / s


# ---------------------------------------------------------------------- others


def dropout_noise(x, p):
    """sqrt(sum x^2 p / (1 - p))."""
    return np.sqrt(np.sum(x * x) * p / (1 - p))


def power_sigma(w, u, steps):
    """u <- w w^T u, at length 1, `steps` times; then |u^T w|."""
    for _ in range(steps):
        u = w @ (w.T @ u)
        u = u / np.linalg.norm(u)
    return np.linalg.norm(u @ w)


def residual_size(depth, gain):
    """(1 + gain^2)^(depth / 2)."""
    return (1 + gain ** 2) ** (depth / 2)


# -------------------------------------------------------------------- capstone


def batch_norm_round(x, scale, shift, running_mean, running_var, g, rate,
                     eps):
    """Forward, the running statistics, and backward channel by channel."""
    n, mean, var = len(x), x.mean(axis=0), x.var(axis=0)
    y = (x - mean) / np.sqrt(var + eps)
    dscale, dshift = channel_slopes(g, y)
    dx = np.stack([norm_vjp(g[:, c] * scale[c], x[:, c], eps)
                   for c in range(x.shape[1])], axis=1)
    unbiased = var * n / (n - 1)
    return {"y": y * scale + shift, "dx": dx, "dscale": dscale,
            "dshift": dshift,
            "running_mean": running_mean + rate * (mean - running_mean),
            "running_var": running_var + rate * (unbiased - running_var)}
