import numpy as np

import tinygen as tg

# ------------------------------------------------------------- step and noise


def _rate(rate, curvatures):
    return rate, np.abs(1 - rate * curvatures).max()


def best_rate__the_limit(curvatures):
    """2 over the largest curvature is the limit. There the steepest
    direction no longer shrinks at all, it swings from side to side."""
    return _rate(2 / curvatures.max(), curvatures)


def best_rate__steepest_at_once(curvatures):
    """With 1 over the largest curvature the steepest direction is done in
    one step, and the flattest one hardly moves. Let the steepest overshoot,
    until both are equally slow."""
    return _rate(1 / curvatures.max(), curvatures)


def best_rate__mean(curvatures):
    """1 over the mean curvature lets the directions in the middle have a
    say. Only the two extreme ones can be the slowest."""
    return _rate(1 / curvatures.mean(), curvatures)


def best_rate__signed(curvatures):
    """The rate is right. The factor of the steepest direction is negative:
    it lands on the other side. How far away it is, is the absolute value."""
    rate = 2 / (curvatures.max() + curvatures.min())
    return rate, (1 - rate * curvatures).min()


def batch_spread__variance(gradients, n):
    """This is the mean of the *squared* distance. Its unit is that of the
    gradient squared: a root is missing."""
    away = gradients - gradients.mean(0)
    return (away ** 2).sum(1).mean() / n


def batch_spread__over_n(gradients, n):
    """You divided the spread by n. It is the variance of a mean that is n
    times smaller."""
    away = gradients - gradients.mean(0)
    return np.sqrt((away ** 2).sum(1).mean()) / n


def batch_spread__per_number(gradients, n):
    """This is the spread of a single number of the gradient. The squared
    length of a vector is the sum over its numbers, not their mean."""
    away = gradients - gradients.mean(0)
    return np.sqrt((away ** 2).mean() / n)


def batch_spread__about_zero(gradients, n):
    """These are the lengths of the gradients. The noise is what is left
    when the mean gradient is taken away."""
    return np.sqrt((gradients ** 2).sum(1).mean() / n)


def batch_spread__sample(gradients, n):
    """You divided by one less than the number of images. That estimates the
    spread of a larger set from a sample; here the rows are the whole set
    that batches are drawn from."""
    return np.sqrt(gradients.var(0, ddof=1).sum() / n)


def momentum_travel__full_speed(lr, momentum, steps):
    """This is the way at full speed, 1 / (1 - momentum), from the first
    step. The speed has to grow first: v begins at 0."""
    return lr * steps / (1 - momentum)


def momentum_travel__plain(lr, momentum, steps):
    """This is the way of descent without momentum. What was added to v in
    one step moves the weight in all later ones, too."""
    return lr * steps


def momentum_travel__last_step(lr, momentum, steps):
    """This is the length of the last step. The way is the sum of all."""
    return lr * (1 - momentum ** steps) / (1 - momentum)


def momentum_travel__damped(lr, momentum, steps):
    """You gave the new gradient the weight 1 - momentum. That is the mean
    of Adam. In the chapter's rule the gradient is added whole."""
    v = way = 0.0
    for _ in range(steps):
        v = momentum * v + (1 - momentum)
        way += lr * v
    return way


# ----------------------------------------------------------------------- Adam


def _adam(p, g, m, v, t, lr, b1, b2, eps):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g ** 2
    m_hat, v_hat = m / (1 - b1 ** t), v / (1 - b2 ** t)
    return p - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_step__uncorrected(p, g, m, v, t, lr, b1, b2, eps):
    """The two means are used as they are. They began at zero, and a part of
    that zero is still in them: divide by what the gradients' weights sum
    to."""
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g ** 2
    return p - lr * m / (np.sqrt(v) + eps), m, v


def adam_step__half_corrected(p, g, m, v, t, lr, b1, b2, eps):
    """Only m is corrected. v began at zero as well, and forgets it much more
    slowly."""
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g ** 2
    return p - lr * m / (1 - b1 ** t) / (np.sqrt(v) + eps), m, v


def adam_step__corrected_kept(p, g, m, v, t, lr, b1, b2, eps):
    """You returned the corrected means. The next step would correct them
    again: the correction is for use in this step, the running means go on
    without it."""
    p, m, v = _adam(p, g, m, v, t, lr, b1, b2, eps)
    return p, m / (1 - b1 ** t), v / (1 - b2 ** t)


def adam_step__one_late(p, g, m, v, t, lr, b1, b2, eps):
    """The correction counts one step too many. t is the number of this
    step, and the first one is number 1."""
    return _adam(p, g, m, v, t + 1, lr, b1, b2, eps)


def adam_step__eps_inside(p, g, m, v, t, lr, b1, b2, eps):
    """eps stands under the root. There it is rooted with the rest, and 1e-8
    becomes 1e-4. In the formula it is added to the root."""
    _, m, v = _adam(p, g, m, v, t, lr, b1, b2, eps)
    v_hat = v / (1 - b2 ** t)
    return p - lr * m / (1 - b1 ** t) / np.sqrt(v_hat + eps), m, v


def adam_step__no_root(p, g, m, v, t, lr, b1, b2, eps):
    """You divided by the mean square itself. Then a weight with gradients
    ten times as small makes steps ten times as long; with the root, equal
    ones."""
    _, m, v = _adam(p, g, m, v, t, lr, b1, b2, eps)
    return p - lr * m / (1 - b1 ** t) / (v / (1 - b2 ** t) + eps), m, v


def adam_step__library(p, g, m, v, t, lr, b1, b2, eps):
    """tg.Adam makes this very step. Write its three lines yourself."""
    w = tg.Tensor(p)
    rule = tg.Adam({"w": w}, lr, (b1, b2), eps)
    rule.m["w"][...], rule.v["w"][...], rule.t[...] = m, v, t - 1
    rule.step([g])
    return w.data, rule.m["w"], rule.v["w"]


def uncorrected_steps__one(b1, b2, t):
    """1 is the length of the steps *with* the correction."""
    return 1.0


def uncorrected_steps__no_root(b1, b2, t):
    """You divided by v. Adam divides by its root."""
    return (1 - b1 ** t) / (1 - b2 ** t)


def uncorrected_steps__inverted(b1, b2, t):
    """This is the factor that the correction puts in. Asked is the length
    without it: its inverse."""
    return np.sqrt(1 - b2 ** t) / (1 - b1 ** t)


def uncorrected_steps__first_always(b1, b2, t):
    """This is the length of the first step, whatever t is. The means go on
    growing with each gradient."""
    return (1 - b1) / np.sqrt(1 - b2)


def uncorrected_steps__what_is_missing(b1, b2, t):
    """b^t is the weight that the zero at the start still has. The gradients
    have the rest, 1 - b^t."""
    return b1 ** t / np.sqrt(b2 ** t)


def mend_decay__as_listed(p, g, m, v, t, lr, decay):
    """This is the listing. The decay is part of the gradient, so it is
    divided by the root of v like the rest, and weights with loud gradients
    hardly decay."""
    return _adam(p, g + decay * p, m, v, t, lr, 0.9, 0.999, 1e-8)


def mend_decay__no_lr(p, g, m, v, t, lr, decay):
    """The decay is not multiplied by lr. When the learning rate is lowered,
    the weights would go on decaying at full speed."""
    step, m, v = _adam(p, g, m, v, t, lr, 0.9, 0.999, 1e-8)
    return step - decay * p, m, v


def mend_decay__new_weights(p, g, m, v, t, lr, decay):
    """What decays here is the weight after Adam's step, and so the step
    itself is shortened. The weight as it was before decays."""
    step, m, v = _adam(p, g, m, v, t, lr, 0.9, 0.999, 1e-8)
    return step * (1 - lr * decay), m, v


def mend_decay__grows(p, g, m, v, t, lr, decay):
    """A sign: the weights grow by lr * decay * p at each step."""
    step, m, v = _adam(p, g, m, v, t, lr, 0.9, 0.999, 1e-8)
    return step + lr * decay * p, m, v


def mend_decay__none(p, g, m, v, t, lr, decay):
    """This has no decay at all: without a gradient the weights stay as they
    are."""
    return _adam(p, g, m, v, t, lr, 0.9, 0.999, 1e-8)


def averaged_spread__no_root(decay, spread):
    """This is the factor of the variance. The spread is its root."""
    return spread * (1 - decay) / (1 + decay)


def averaged_spread__weights_summed(decay, spread):
    """The weights of the average sum to 1, and so a mean stays as it is. Its
    noise does not: variances add up with the weights *squared*."""
    return spread * 1.0


def averaged_spread__latest_alone(decay, spread):
    """This is what the latest weights bring in. Those before them are still
    in the average, with the factors d, d^2, ..."""
    return spread * (1 - decay)


def averaged_spread__like_a_batch(decay, spread):
    """You took it for a mean of 1 / (1 - decay) independent values, all with
    the same weight. Sum the squares of the real weights: the average is
    smoother than that."""
    return spread * np.sqrt(1 - decay)


# -------------------------------------------------------------- order, state


def batch_place__leftover_used(k, n, size):
    """This counts the incomplete batch at an epoch's end. It is dropped
    here."""
    epoch, place = divmod(k, -(-n // size))
    return epoch, place * size


def batch_place__across(k, n, size):
    """Here the order runs on across the end of an epoch, and a batch takes
    its last images from the next one. Each epoch begins with a batch of its
    own."""
    return divmod(k * size, n)


def batch_place__from_one(k, n, size):
    """Batches are counted from 0: number 0 is the first one."""
    epoch, place = divmod(k - 1, n // size)
    return epoch, place * size


def batch_place__batch_number(k, n, size):
    """The second number is that of the batch within its epoch. Asked is the
    place of its first image in the order."""
    return divmod(k, n // size)


def stepping_order__as_listed(named):
    """A set has each array once, and no order: what comes out follows the
    arrays' addresses in memory, which differ from run to run."""
    numbers = [number for _, number in named]
    return [numbers.index(number) for number in set(numbers)]


def stepping_order__twice(named):
    """An array with two names is stepped twice, with twice the learning
    rate. Look at the numbers, not at the names."""
    return list(range(len(named)))


def stepping_order__by_name(named):
    """Sorted by name: the order no longer changes from run to run, but
    renaming a layer changes it, and then moments in an old file go to other
    weights. Asked is the order of definition."""
    first = {}
    for place, (_, number) in enumerate(named):
        first.setdefault(number, place)
    return sorted(first.values(), key=lambda place: named[place][0])


def stepping_order__last_name(named):
    """Where an array has two names, yours stands at the second one. It was
    defined at the first."""
    last = {number: place for place, (_, number) in enumerate(named)}
    return sorted(last.values())


def same_array__stretched(got, expected, tol):
    """NumPy stretches the smaller array to the shape of the other one. So a
    single number passes for a vector, and a column for a matrix. Compare
    the shapes first."""
    return bool(np.all(np.abs(got - expected) <= tol))


def same_array__size_only(got, expected, tol):
    """As many numbers are not the same shape: this lets a column pass for a
    vector."""
    return got.size == expected.size and bool(
        np.all(np.abs(got.ravel() - expected.ravel()) <= tol))


def same_array__nan_passes(got, expected, tol):
    """NaN passes. It is not larger than tol; every comparison with NaN is
    false. Ask whether all are near, not whether any is far."""
    return got.shape == expected.shape and not bool(
        np.any(np.abs(got - expected) > tol))


def same_array__nan_is_zero(got, expected, tol):
    """You made NaN a 0 and compared that. Where 0 is expected, NaN
    passes."""
    return got.shape == expected.shape and bool(
        np.all(np.abs(np.nan_to_num(got) - expected) <= tol))


def same_array__on_average(got, expected, tol):
    """The mean distance hides a single number that is far away. All must be
    near."""
    return got.shape == expected.shape and bool(
        np.mean(np.abs(got - expected)) <= tol)


def same_array__less_than(got, expected, tol):
    """A distance of exactly tol is not *more* than tol. With tol = 0 your
    check would refuse what is equal."""
    return got.shape == expected.shape and bool(
        np.all(np.abs(got - expected) < tol))


def same_array__signed(got, expected, tol):
    """A difference may be negative. -5 is less than tol, and is not
    small."""
    return got.shape == expected.shape and bool(
        np.all(got - expected <= tol))


def same_array__exact(got, expected, tol):
    """Equal to the bit is more than was asked: two right programs may round
    differently. Allow tol."""
    return np.array_equal(got, expected)


def same_array__relative_too(got, expected, tol):
    """np.allclose allows 1e-5 of the expected number on top of atol, unless
    it is told otherwise. With 1000 that is 0.01."""
    return got.shape == expected.shape and np.allclose(
        got, expected, atol=tol)


def stop_at__looks_ahead(held_out, patience):
    """This is the lowest of all. But the training was stopped before some
    of these were known."""
    return int(np.argmin(held_out))


def stop_at__in_all(held_out, patience):
    """You count all losses that brought nothing new. Patience is about so
    many in a row: a new lowest one begins the count again."""
    best = bad = 0
    for k in range(1, len(held_out)):
        if held_out[k] < held_out[best]:
            best = k
        else:
            bad += 1
        if bad == patience:
            break
    return best


def stop_at__one_late(held_out, patience):
    """You wait for one more than `patience`. Stop as soon as there are so
    many."""
    best = 0
    for k, loss in enumerate(held_out):
        if loss < held_out[best]:
            best = k
        if k - best > patience:
            break
    return best


def stop_at__where_it_stopped(held_out, patience):
    """This is where one stops. The weights one wants are older: those of the
    lowest loss until then."""
    best = 0
    for k, loss in enumerate(held_out):
        if loss < held_out[best]:
            best = k
        if k - best == patience:
            break
    return k


def stop_at__first_rise(held_out, patience):
    """You stopped at the first rise. Curves are rough; that is what the
    patience is for."""
    for k in range(1, len(held_out)):
        if held_out[k] >= held_out[k - 1]:
            return k - 1
    return len(held_out) - 1


def stop_at__rises_in_a_row(held_out, patience):
    """You compared each loss with the one before. Losses that come down
    again from a bad one bring nothing new: compare with the lowest so
    far."""
    best = bad = 0
    for k in range(1, len(held_out)):
        bad = bad + 1 if held_out[k] >= held_out[k - 1] else 0
        if held_out[k] < held_out[best]:
            best = k
        if bad == patience:
            break
    return best


def stop_at__ties_are_better(held_out, patience):
    """A loss equal to the lowest is no new lowest one. On a plateau this
    would wait for ever."""
    best = 0
    for k, loss in enumerate(held_out):
        if loss <= held_out[best]:
            best = k
        if k - best == patience:
            break
    return best


# ------------------------------------------------------------------- capstone


def _run(data, state, steps, size, lr, after=False, sign=1):
    """after: the generator's state is taken after the shuffle. sign: of the
    gradient."""
    p, m, v, t = (state[name] for name in ("p", "m", "v", "t"))
    rng = np.random.default_rng()
    rng.bit_generator.state = before = state["rng"]
    position, order = state["position"], rng.permutation(len(data))
    for _ in range(steps):
        if position + size > len(data):
            before, position = rng.bit_generator.state, 0
            order = rng.permutation(len(data))
        batch = data[order[position:position + size]]
        position += size
        t += 1
        p, m, v = _adam(p, sign * (p - batch.mean(0)), m, v, t, lr, 0.9,
                        0.999, 1e-8)
    return {"p": p, "m": m, "v": v, "t": t, "position": position,
            "rng": rng.bit_generator.state if after else before}


def resumable_run__epoch_anew(data, state, steps, size, lr):
    """Each call begins the epoch from its first image. Those that were seen
    before the stop come again, and the rest is never reached: begin at
    state["position"]."""
    return _run(data, state | {"position": 0}, steps, size, lr)


def resumable_run__after_the_shuffle(data, state, steps, size, lr):
    """The generator's state is taken after the shuffle. Whoever resumes and
    shuffles gets the next epoch's order in the middle of this one: keep the
    state from before."""
    return _run(data, state, steps, size, lr, after=True)


def resumable_run__moments_lost(data, state, steps, size, lr):
    """The moments begin at zero in each call. They are part of the state:
    take them from it."""
    none = np.zeros_like(state["p"])
    return _run(data, state | {"m": none, "v": none}, steps, size, lr)


def resumable_run__count_lost(data, state, steps, size, lr):
    """Adam's count begins at zero in each call, so that old moments are
    corrected as if they were young. The count is part of the state."""
    again = _run(data, state | {"t": 0}, steps, size, lr)
    return again | {"t": state["t"] + steps}


def resumable_run__same_order(data, state, steps, size, lr):
    """Every epoch has the same order. Shuffle again when one begins, with
    the generator as it then is."""
    p, m, v, t = (state[name] for name in ("p", "m", "v", "t"))
    rng = np.random.default_rng()
    rng.bit_generator.state = state["rng"]
    position, order = state["position"], rng.permutation(len(data))
    for _ in range(steps):
        position = 0 if position + size > len(data) else position
        batch = data[order[position:position + size]]
        position += size
        t += 1
        p, m, v = _adam(p, p - batch.mean(0), m, v, t, lr, 0.9, 0.999, 1e-8)
    return {"p": p, "m": m, "v": v, "t": t, "position": position,
            "rng": state["rng"]}


def resumable_run__gradient_sign(data, state, steps, size, lr):
    """The weights run away from the data. The gradient of |p - x|^2 / 2 by p
    is p - x, and Adam subtracts it."""
    return _run(data, state, steps, size, lr, sign=-1)
