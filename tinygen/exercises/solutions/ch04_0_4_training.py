import numpy as np

# ------------------------------------------------------------- step and noise


def best_rate(curvatures):
    """(2 / (largest + smallest), by how much the slowest then shrinks)."""
    high, low = curvatures.max(), curvatures.min()
    return 2 / (high + low), (high - low) / (high + low)


def batch_spread(gradients, n):
    """sqrt(mean |g - mean g|^2 / n)."""
    away = gradients - gradients.mean(0)
    return np.sqrt((away ** 2).sum(1).mean() / n)


def momentum_travel(lr, momentum, steps):
    """lr times the sum of v = 1, 1 + mu, 1 + mu + mu^2, ..."""
    v = way = 0.0
    for _ in range(steps):
        v = momentum * v + 1
        way += lr * v
    return way


# ----------------------------------------------------------------------- Adam


def adam_step(p, g, m, v, t, lr, b1, b2, eps):
    """(p, m, v) after step number t = 1, 2, ..."""
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g ** 2
    m_hat, v_hat = m / (1 - b1 ** t), v / (1 - b2 ** t)
    return p - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def uncorrected_steps(b1, b2, t):
    """m = (1 - b1^t) g over the root of v = (1 - b2^t) g^2."""
    return (1 - b1 ** t) / np.sqrt(1 - b2 ** t)


def mend_decay(p, g, m, v, t, lr, decay):
    """The gradient goes through Adam, the decay does not."""
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g ** 2
    m_hat, v_hat = m / (1 - 0.9 ** t), v / (1 - 0.999 ** t)
    p = p - lr * decay * p - lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return p, m, v


def averaged_spread(decay, spread):
    """(1 - d)^2 (1 + d^2 + d^4 + ...) = (1 - d) / (1 + d), and its root."""
    return spread * np.sqrt((1 - decay) / (1 + decay))


# -------------------------------------------------------------- order, state


def batch_place(k, n, size):
    """n // size batches an epoch; the rest is left out."""
    epoch, place = divmod(k, n // size)
    return epoch, place * size


def stepping_order(named):
    """A dict keeps the order of first insertion, and each key once."""
    first = {}
    for place, (_, number) in enumerate(named):
        first.setdefault(number, place)
    return list(first.values())


def same_array(got, expected, tol):
    """The shape first; then `all near`, which NaN is not."""
    return got.shape == expected.shape and bool(
        np.all(np.abs(got - expected) <= tol))


def stop_at(held_out, patience):
    """The place of the lowest, when `patience` have brought no lower one."""
    best = 0
    for k, loss in enumerate(held_out):
        if loss < held_out[best]:
            best = k
        if k - best == patience:
            break
    return best


# ------------------------------------------------------------------- capstone


def resumable_run(data, state, steps, size, lr):
    """The state after `steps` more steps."""
    p, m, v, t = (state[name] for name in ("p", "m", "v", "t"))
    rng = np.random.default_rng()
    before, position = state["rng"], state["position"]
    rng.bit_generator.state = before
    order = rng.permutation(len(data))
    for _ in range(steps):
        if position + size > len(data):
            before, position = rng.bit_generator.state, 0
            order = rng.permutation(len(data))
        batch = data[order[position:position + size]]
        position += size
        t += 1
        p, m, v = adam_step(p, p - batch.mean(0), m, v, t, lr, 0.9, 0.999,
                            1e-8)
    return {"p": p, "m": m, "v": v, "t": t, "rng": before,
            "position": position}
