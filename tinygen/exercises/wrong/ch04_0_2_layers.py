import numpy as np

import tinygen as tg

# ----------------------------------------------------------------------- state


def _walked(tree, join, skip, count):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = {}
    for key, value in items:
        if skip(str(key)):
            continue
        if isinstance(value, (dict, list)):
            below = _walked(value, join, skip, count)
            found.update({join(key, path): n for path, n in below.items()})
        elif count(value):
            found[str(key)] = int(np.size(value))
    return found


def _is_array(value):
    return isinstance(value, np.ndarray)


def _private(key):
    return key.startswith("_")


def layer_paths__private_too(tree):
    """You walk names that begin with an underscore. A layer uses those for
    what belongs to nobody else."""
    return _walked(tree, lambda a, b: f"{a}.{b}", lambda key: False,
                   _is_array)


def layer_paths__any_underscore(tree):
    """You leave out every name with an underscore in it. Only one in front
    hides a name: running_mean has to be found."""
    return _walked(tree, lambda a, b: f"{a}.{b}", lambda key: "_" in key,
                   _is_array)


def layer_paths__private_below(tree):
    """You skip hidden names at the top only. They may stand at any depth."""
    found = _walked(tree, lambda a, b: f"{a}.{b}", lambda key: False,
                    _is_array)
    return {path: n for path, n in found.items() if path[0] != "_"}


def layer_paths__rows(tree):
    """len counts the rows of an array. Its `size` counts the entries."""
    def paths(tree):
        for key, value in (tree.items() if isinstance(tree, dict)
                           else enumerate(tree)):
            if isinstance(value, (dict, list)) and str(key)[0] != "_":
                yield from ((f"{key}.{p}", n) for p, n in paths(value))
            elif _is_array(value) and str(key)[0] != "_":
                yield str(key), len(value)
    return dict(paths(tree))


def layer_paths__settings_too(tree):
    """Plain numbers, such as a slope or a rate, are settings. Only arrays
    are counted."""
    return _walked(tree, lambda a, b: f"{a}.{b}", _private,
                   lambda v: True)


def layer_paths__last_name_only(tree):
    """Each array goes by its last name here, so a second `w` replaces the
    first. A name is the whole path."""
    return _walked(tree, lambda a, b: b, _private, _is_array)


def layer_paths__inside_out(tree):
    """The paths are the wrong way round: from the array up to the top. Begin
    with the outermost name."""
    return _walked(tree, lambda a, b: f"{b}.{a}", _private, _is_array)


# -------------------------------------------------------------- initial spread


def start_spread__of_outputs(n_in, n_out, below, above):
    """You counted the outputs. The sum that makes one output has a term for
    each *input*."""
    return np.sqrt(2 / ((below ** 2 + above ** 2) * n_out))


def start_spread__variance(n_in, n_out, below, above):
    """This is the variance of the weights. Asked is their spread, its
    root."""
    return 2 / ((below ** 2 + above ** 2) * n_in)


def start_spread__slopes_not_squared(n_in, n_out, below, above):
    """The mean *square* is what must be kept, so it is the squares of the
    two slopes that count."""
    return np.sqrt(2 / ((abs(below) + abs(above)) * n_in))


def start_spread__no_half(n_in, n_out, below, above):
    """Each of the two slopes applies to only half of the numbers: what the
    activation keeps is the mean of the two squares, not their sum."""
    return np.sqrt(1 / ((below ** 2 + above ** 2) * n_in))


def start_spread__one_above(n_in, n_out, below, above):
    """This is the chapter's formula for a LeakyReLU, whose slope above 0 is
    1. Here that slope may be another, too."""
    return np.sqrt(2 / ((1 + below ** 2) * n_in))


def start_spread__always_relu(n_in, n_out, below, above):
    """2 / n is for a ReLU, whatever activation was given. The two slopes must
    come in."""
    return np.sqrt(2 / n_in)


def size_at_the_end__mean_square(n, spread, slope, depth):
    """This is the mean square at the end. The size is its root."""
    return (spread ** 2 * n * (1 + slope ** 2) / 2) ** depth


def size_at_the_end__no_bend(n, spread, slope, depth):
    """The activation is forgotten: it shrinks what is negative, at each
    layer."""
    return (spread * np.sqrt(n)) ** depth


def size_at_the_end__mean_slope(n, spread, slope, depth):
    """You took the mean of the two slopes. The mean *square* is followed
    from layer to layer, so average their squares, then take the root."""
    return (spread * np.sqrt(n) * (1 + slope) / 2) ** depth


def size_at_the_end__no_root_of_n(n, spread, slope, depth):
    """n terms with independent signs mostly cancel: their sum grows like the
    root of n, not like n."""
    return (spread * n * np.sqrt((1 + slope ** 2) / 2)) ** depth


def size_at_the_end__times_depth(n, spread, slope, depth):
    """The factor of one layer is right. The next layer multiplies what the
    last one left: factors do not add."""
    return depth * spread * np.sqrt(n * (1 + slope ** 2) / 2)


def dead_share__closed_now(x, w, b):
    """This is the share of zeros: closed for this image. A unit is dead if
    it is closed for *every* image."""
    return np.mean(~(x @ w + b > 0))


def dead_share__not_always_open(x, w, b):
    """You counted the units that are closed for some image. That is how a
    ReLU works; dead is closed for all."""
    return np.mean(~(x @ w + b > 0).all(axis=0))


def dead_share__of_images(x, w, b):
    """The axes are exchanged: these are images for which no unit opens.
    Rows are images, columns are units."""
    return np.mean(~(x @ w + b > 0).any(axis=1))


def dead_share__on_average(x, w, b):
    """You asked whether a unit is closed on average. A single image that
    opens it keeps it alive."""
    return np.mean((x @ w + b).mean(axis=0) <= 0)


def dead_share__no_bias(x, w, b):
    """The bias is left out; it is what closes most dead units."""
    return np.mean(~(x @ w > 0).any(axis=0))


# ----------------------------------------------------------------------- norms

_AXES = {"batch": (0, 1, 2), "instance": (1, 2), "layer": (1, 2, 3)}


def _centred(x, axes):
    c = x - x.mean(axis=axes, keepdims=True)
    return c, (c * c).mean(axis=axes, keepdims=True)


def normalised__channels_first(x, kind, eps):
    """These are the axes for N C H W. In this book channels are last."""
    axes = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3)}[kind]
    c, v = _centred(x, axes)
    return c / np.sqrt(v + eps)


def normalised__each_pixel(x, kind, eps):
    """Batch norm over the batch alone gives every pixel a mean of its own.
    All pixels of a channel share one."""
    axes = {**_AXES, "batch": (0,)}[kind]
    c, v = _centred(x, axes)
    return c / np.sqrt(v + eps)


def normalised__over_channels(x, kind, eps):
    """Layer norm over the channels alone, as transformers have it, gives each
    pixel a mean of its own. Here it takes the whole image."""
    c, v = _centred(x, {**_AXES, "layer": (3,)}[kind])
    return c / np.sqrt(v + eps)


def normalised__eps_outside(x, kind, eps):
    """eps stands outside the root. It is added to the variance."""
    c, v = _centred(x, _AXES[kind])
    return c / (np.sqrt(v) + eps)


def normalised__not_rooted(x, kind, eps):
    """You divided by the variance. Its root has the unit of x, and makes
    the spread 1."""
    c, v = _centred(x, _AXES[kind])
    return c / (v + eps)


def normalised__over_n_minus_one(x, kind, eps):
    """The variance that a norm divides by is the plain mean of squares, over
    n. n - 1 comes in with the running variance."""
    c, v = _centred(x, _AXES[kind])
    n = x.size / v.size
    return c / np.sqrt(v * n / (n - 1) + eps)


def normalised__library(x, kind, eps):
    """tg.normalize does the work for you. Write the mean and the variance
    over the right axes."""
    return tg.normalize(x, axes=_AXES[kind], eps=eps).data


def _parts(x, eps):
    c = x - x.mean()
    s = np.sqrt(np.mean(c * c) + eps)
    return c, s, c / s


def norm_vjp__all_fixed(g, x, eps):
    """You treated the mean and the spread as fixed. Both move when x
    does."""
    return g / _parts(x, eps)[1]


def norm_vjp__spread_fixed(g, x, eps):
    """The mean is right. But the spread depends on x, too: a part along y is
    missing."""
    return (g - g.mean()) / _parts(x, eps)[1]


def norm_vjp__mean_fixed(g, x, eps):
    """The part along y is right. But the mean moves with x, too: take the
    mean of g away."""
    _, s, y = _parts(x, eps)
    return (g - y * np.mean(g * y)) / s


def norm_vjp__not_divided(g, x, eps):
    """The bracket is right, and not divided by s: if x is twice as wide, the
    same nudge counts half."""
    y = _parts(x, eps)[2]
    return g - g.mean() - y * np.mean(g * y)


def norm_vjp__centred_only(g, x, eps):
    """The last term has x - m where y belongs, which is that over s."""
    c, s, _ = _parts(x, eps)
    return (g - g.mean() - c * np.mean(g * c)) / s


def norm_vjp__sums(g, x, eps):
    """Sums stand where means belong: each number moves the mean by only
    1/n."""
    _, s, y = _parts(x, eps)
    return (g - g.sum() - y * np.sum(g * y)) / s


def channel_slopes__averaged(g, y):
    """These are means. A scale is used once for each number of its channel,
    and uses add up."""
    axes = tuple(range(g.ndim - 1))
    return np.stack([(g * y).mean(axis=axes), g.mean(axis=axes)])


def channel_slopes__exchanged(g, y):
    """The two are exchanged: the scale multiplies y, so its slope has y in
    it."""
    axes = tuple(range(g.ndim - 1))
    return np.stack([g.sum(axis=axes), (g * y).sum(axis=axes)])


def channel_slopes__columns(g, y):
    """Rows and columns are exchanged: the first row holds the slopes of all
    scales, the second those of all shifts."""
    axes = tuple(range(g.ndim - 1))
    return np.stack([(g * y).sum(axis=axes), g.sum(axis=axes)], axis=-1)


def channel_slopes__y_summed_apart(g, y):
    """You multiplied the sums of g and of y. Multiply number by number
    first, then sum."""
    axes = tuple(range(g.ndim - 1))
    return np.stack([g.sum(axis=axes) * y.sum(axis=axes), g.sum(axis=axes)])


def steps_to_settle__one_short(rate, left):
    """Rounded down: after so many steps a little more than `left` is still
    there."""
    return int(np.log(left) / np.log(1 - rate))


def steps_to_settle__one_more(rate, left):
    """One step more than needed where exactly `left` is left: *at most*
    allows for that. Rounding up is not rounding down and adding 1."""
    return int(np.log(left) / np.log(1 - rate)) + 1


def steps_to_settle__rate_is_kept(rate, left):
    """Here each step keeps `rate` of the old value. It *moves* by that
    share, and keeps the rest."""
    return int(np.ceil(np.log(left) / np.log(rate)))


def steps_to_settle__straight(rate, left):
    """This is a straight walk, with steps of the first one's length. Each
    step is a share of what is left, so they get shorter."""
    return int(np.ceil(round((1 - left) / rate, 9)))


def _with_stats(x, a, b, eps, keep, n=0):
    mean, var = x.mean(axis=0), x.var(axis=0)
    more = len(x) / (len(x) - n)
    return ((x - mean) / np.sqrt(var + eps), keep * a + (1 - keep) * mean,
            keep * b + (1 - keep) * var * more)


def mend_momentum__as_eps(x, running_mean, running_var, momentum):
    """This is the bug itself: the number goes under the root, where it keeps
    the spread below 1, and the statistics move at PyTorch's usual rate."""
    return _with_stats(x, running_mean, running_var, momentum, 0.9)


def mend_momentum__still_as_eps(x, running_mean, running_var, momentum):
    """The statistics are right. But the number is still added to the
    variance, under the root; there belongs 1e-5."""
    return _with_stats(x, running_mean, running_var, momentum, momentum)


def mend_momentum__keras_eps(x, running_mean, running_var, momentum):
    """1e-3 is what Keras adds to the variance by itself. This exercise asks
    for 1e-5."""
    return _with_stats(x, running_mean, running_var, 1e-3, momentum)


def mend_momentum__pytorch_sense(x, running_mean, running_var, momentum):
    """This gives the number to PyTorch under its name, momentum=0.8. There
    it is the share of the *new* value; in Keras, that of the old."""
    return _with_stats(x, running_mean, running_var, 1e-5, 1 - momentum)


def mend_momentum__usual_rate(x, running_mean, running_var, momentum):
    """The number is out of the root, and now used nowhere: the statistics
    move at the rate 0.1, whatever was asked."""
    return _with_stats(x, running_mean, running_var, 1e-5, 0.9)


def mend_momentum__unbiased(x, running_mean, running_var, momentum):
    """The variance divides by n - 1 here, as PyTorch's running one does.
    This exercise asks for Keras's, over n."""
    return _with_stats(x, running_mean, running_var, 1e-5, momentum, 1)


def mend_momentum__normalised_by_running(x, running_mean, running_var,
                                         momentum):
    """y is made with the running statistics: that is evaluation. In training
    the batch's own are used."""
    _, mean, var = _with_stats(x, running_mean, running_var, 0, momentum)
    return ((x - running_mean) / np.sqrt(running_var + 1e-5), mean, var)


def mend_slopes_of_slopes__stored_spread(g, x, eps):
    """This is the bug itself: 1 / s is an array, and counts as a constant
    when your result is differentiated."""
    rstd = 1 / np.sqrt(x.data.var() + eps)
    y = (x - x.mean()) * rstd
    return (g - g.mean() - y * (g * y).mean()) * rstd


def mend_slopes_of_slopes__stored_result(g, x, eps):
    """s is a Tensor now, but y is still an array: its dependence on x is
    lost."""
    c = x - x.mean()
    s = tg.sqrt((c * c).mean() + eps)
    y = c.data / s.data
    return (g - g.mean() - y * (g * y).mean()) / s


def mend_slopes_of_slopes__all_stored(g, x, eps):
    """Everything that comes from x is an array, so your result does not
    depend on x at all."""
    c = x.data - x.data.mean()
    s = np.sqrt((c * c).mean() + eps)
    y = c / s
    return (g - g.mean() - y * (g * y).mean()) / s


def mend_slopes_of_slopes__stored_g(g, x, eps):
    """g is a Tensor as well: a gradient penalty goes back through it, to
    the layers behind. You took its array."""
    c = x - x.mean()
    s = tg.sqrt((c * c).mean() + eps)
    g, y = g.data, c / s
    return (g - g.mean() - y * (g * y).mean()) / s


def mend_slopes_of_slopes__spread_fixed(g, x, eps):
    """The part along y is missing: the first slopes themselves are wrong.
    Keep the formula, and mend only what is stored."""
    c = x - x.mean()
    return (g - g.mean()) / tg.sqrt((c * c).mean() + eps)


# ---------------------------------------------------------------------- others


def dropout_noise__not_scaled(x, p):
    """This is the noise of plain dropping. What is kept is divided by 1 - p
    as well, and so is the noise."""
    return np.sqrt(np.sum(x * x) * p * (1 - p))


def dropout_noise__only_dropping(x, p):
    """A mask has the variance p (1 - p), not p. You have divided by 1 - p
    already."""
    return np.sqrt(np.sum(x * x) * p) / (1 - p)


def dropout_noise__mean_of_squares(x, p):
    """This is the root of the mean of squares about 0. A spread is about the
    mean, so the square of the mean goes off."""
    return np.sqrt(np.sum(x * x) / (1 - p))


def dropout_noise__variance(x, p):
    """This is the variance; its root is asked for."""
    return np.sum(x * x) * p / (1 - p)


def dropout_noise__kept_and_dropped(x, p):
    """p is the probability of being *dropped*. You exchanged the two."""
    return np.sqrt(np.sum(x * x) * (1 - p) / p)


def dropout_noise__one_coin(x, p):
    """You added the spreads: right if one coin decided about all numbers at
    once. Each has its own, so the squares add."""
    return np.sum(abs(x)) * np.sqrt(p / (1 - p))


def _powered(w, u, steps):
    for _ in range(steps):
        u = w @ (w.T @ u)
        u = u / np.linalg.norm(u)
    return u


def power_sigma__squared(w, u, steps):
    """This is the stretch of w w^T, which is sigma squared."""
    u = _powered(w, u, steps)
    return np.linalg.norm(w @ (w.T @ u))


def power_sigma__not_scaled(w, u, steps):
    """u is never brought back to length 1: the result grows with it, until
    it overflows."""
    for _ in range(steps):
        u = w @ (w.T @ u)
    return np.linalg.norm(u @ w)


def power_sigma__one_step(w, u, steps):
    """One step, whatever `steps` says: the first singular vector has not
    won yet."""
    return np.linalg.norm(_powered(w, u, 1) @ w)


def power_sigma__one_more(w, u, steps):
    """One step too many: `steps` of them, then the estimate."""
    return np.linalg.norm(_powered(w, u, steps + 1) @ w)


def power_sigma__exact(w, u, steps):
    """This is the exact value. Asked is the estimate that the given u and
    the given number of steps lead to."""
    return np.linalg.norm(w, 2)


def power_sigma__stretch_of_u(w, u, steps):
    """u^T w w^T u is the square of the estimate: take its root."""
    u = _powered(w, u, steps)
    return u @ (w @ (w.T @ u))


def power_sigma__all_of_it(w, u, steps):
    """This is the root of the sum of *all* squared stretches, the norm of
    the matrix as a list of numbers. Asked is the largest alone."""
    return np.sqrt(np.sum(w * w))


def residual_size__mean_square(depth, gain):
    """This is the mean square. The size is its root."""
    return (1 + gain ** 2) ** depth


def residual_size__gain_not_squared(depth, gain):
    """The branch is `gain` times as large, so its mean square is gain
    *squared* times that of x."""
    return (1 + gain) ** (depth / 2)


def residual_size__in_step(depth, gain):
    """You added the sizes: right if the branch always pointed where x does.
    Independent signals add their squares."""
    return (1 + gain) ** depth


def residual_size__branch_only(depth, gain):
    """Only the branch is left. The point of a residual block is that x goes
    round it."""
    return gain ** depth


def residual_size__added_once(depth, gain):
    """Every block adds gain times the *first* size here. It gets the output
    of the block before, which is larger."""
    return np.sqrt(1 + depth * gain ** 2)


# -------------------------------------------------------------------- capstone


def _round(x, scale, shift, a, b, g, rate, eps, *, g_scaled=True,
           unbiased=True, kept=False, on_y=False, running=False, more=1):
    n, mean, var = len(x), x.mean(axis=0), x.var(axis=0)
    own = (x - mean) / np.sqrt(var + eps)       # what norm_vjp makes of x
    y = (x - mean) / np.sqrt(var * more + eps)
    if running:
        y = (x - a) / np.sqrt(b + eps)
    dscale, dshift = (g * (y * scale + shift if on_y else y)).sum(0), g.sum(0)
    h = g * scale if g_scaled else g
    dx = (h - h.mean(0) - own * (h * own).mean(0)) / np.sqrt(var + eps)
    var = var * n / (n - 1) if unbiased else var
    rate = 1 - rate if kept else rate
    return {"y": y * scale + shift, "dx": dx, "dscale": dscale,
            "dshift": dshift, "running_mean": a + rate * (mean - a),
            "running_var": b + rate * (var - b)}


def batch_norm_round__scale_forgotten(x, scale, shift, running_mean,
                                      running_var, g, rate, eps):
    """dx: g belongs to the layer's output. Before it goes through the norm
    it goes back through the multiplication by the scale."""
    return _round(x, scale, shift, running_mean, running_var, g, rate, eps,
                  g_scaled=False)


def batch_norm_round__biased(x, scale, shift, running_mean, running_var, g,
                             rate, eps):
    """The running variance takes the batch's with n / (n - 1). Numbers lie
    nearer to their own mean than to the true one.
    Section: 4.0.2, "Training and evaluation" """
    return _round(x, scale, shift, running_mean, running_var, g, rate, eps,
                  unbiased=False)


def batch_norm_round__rate_is_kept(x, scale, shift, running_mean, running_var,
                                   g, rate, eps):
    """The running statistics move by `rate` towards the batch's. Yours keep
    only `rate` of themselves.
    Section: 4.0.2, "Training and evaluation" """
    return _round(x, scale, shift, running_mean, running_var, g, rate, eps,
                  kept=True)


def batch_norm_round__output_in_slope(x, scale, shift, running_mean,
                                      running_var, g, rate, eps):
    """dscale: what the scale multiplies is the normalised x, before scale
    and shift. You took the layer's output."""
    return _round(x, scale, shift, running_mean, running_var, g, rate, eps,
                  on_y=True)


def batch_norm_round__by_running(x, scale, shift, running_mean, running_var,
                                 g, rate, eps):
    """y is made with the running statistics: that is evaluation. A training
    call takes the batch's own.
    Section: 4.0.2, "Training and evaluation" """
    return _round(x, scale, shift, running_mean, running_var, g, rate, eps,
                  running=True)


def batch_norm_round__unbiased_in_y(x, scale, shift, running_mean,
                                    running_var, g, rate, eps):
    """y is divided by the root of the variance over n. The factor
    n / (n - 1) belongs to the running variance alone.
    Section: 4.0.2, "Training and evaluation" """
    return _round(x, scale, shift, running_mean, running_var, g, rate, eps,
                  more=len(x) / (len(x) - 1))
