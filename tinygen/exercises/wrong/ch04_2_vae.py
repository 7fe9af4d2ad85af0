import numpy as np

import tinygen as tg

# ------------------------------------------------------- the article's listing


def _sides(side, conv, pool):
    layers = conv, pool, conv, pool, conv
    return [side := layer(side) for layer in layers]


def encoder_sides__convolution_rounds_down(side):
    """The poolings are right. The convolutions lose a window: with
    padding='same' a stride of 2 leaves the half, rounded *up*, so 7 pixels
    make 4."""
    return _sides(side, lambda s: s // 2, lambda s: s // 2)


def encoder_sides__pooling_rounds_up(side):
    """The convolutions are right. Here the poolings round up, too; 28
    happens to hide it, since there they only meet even sides. A pair needs
    two pixels: of 5, the last one is left out."""
    return _sides(side, lambda s: -(-s // 2), lambda s: -(-s // 2))


def encoder_sides__without_padding(side):
    """These convolutions have no padding: 28 pixels would have 13 windows
    of 3. With padding='same' there are windows up to the border, 14 of
    them."""
    return _sides(side, lambda s: (s - 3) // 2 + 1, lambda s: s // 2)


def undo_shift__same_way(w, b, c):
    """The codes fall by c, so z w falls by c times the sum of w's column.
    This bias falls as well, and the image changes twice as much. It must
    make up for the loss."""
    return b - c * np.sum(w, axis=0)


def undo_shift__shift_itself(w, b, c):
    """This adds c to each bias. Between the codes and b stands w: a code
    that falls by c moves what it is multiplied by, c times the weight."""
    return b + c


def undo_shift__rows(w, b, c):
    """The weights were added up along the wrong axis. w is [k, h]: its
    column j holds what all k codes do to unit j, and b has one number for
    each unit."""
    return (b if len(b) == len(w) else b[:1]) + c * np.sum(w, axis=1)


def undo_shift__whole_matrix(w, b, c):
    """All weights were added up, over units as well. A unit feels only its
    own column of w."""
    return b + c * np.sum(w)


def fresh_adam_moves__gradient_descent(gradients, lr):
    """-lr times the sum of the gradients is what SGD does. A first step of
    Adam has the size lr, however steep the slope is."""
    return -lr * np.sum(gradients)


def fresh_adam_moves__one_adam(gradients, lr):
    """This is one Adam that remembers, as it should be. The listing makes a
    new one in each round: its m and v have seen one gradient only."""
    m = v = moved = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g * g
        moved -= lr * m / (1 - 0.5 ** t) / np.sqrt(v / (1 - 0.999 ** t))
    return moved


def fresh_adam_moves__sign_of_the_sum(gradients, lr):
    """This is one step, along the sum of all gradients. There are as many
    steps as gradients, and each follows the sign of its own."""
    return -lr * np.sign(np.round(np.sum(gradients), 12))


def fresh_adam_moves__uphill(gradients, lr):
    """The size is right, the direction is not: a step goes against its
    gradient."""
    return lr * np.sum(np.sign(gradients))


def fresh_adam_moves__distance(gradients, lr):
    """This is how far it has moved, whichever way. Asked is the change: it
    is negative where most gradients are positive."""
    return abs(lr * np.sum(np.sign(gradients)))


def fresh_adam_moves__uncorrected(gradients, lr):
    """m and v start at 0, so after one step they are 0.5 g and 0.001 g^2,
    far too small. Adam divides them by 1 - beta^t, with t = 1, and then the
    factors are gone.
    Section: 4.1, "Settings"
    """
    return -lr * np.sum(0.5 * gradients / np.sqrt(0.001 * gradients ** 2))


def fresh_adam_moves__library(gradients, lr):
    """tg.Adam makes the steps for you. Predict them from the formula; the
    next cell asks tg.Adam."""
    p = tg.Tensor(np.zeros(1))
    for g in gradients:
        tg.Adam({"p": p}, lr, betas=(0.5, 0.999)).step([np.array([g])])
    return p.data[0]


# ----------------------------------------------------------- data and encoder


def binarise__threshold(images, u):
    """This lights whatever is brighter than the middle, and never looks at
    u. The same image would come each time, and all greys would be lost. A
    pixel of 0.2 must be lit in one of five draws."""
    return (images > 127).astype(float)


def binarise__exchanged(images, u):
    """Bright pixels come out dark: the comparison is the other way round. u
    falls below 0.8 in 8 of 10 draws."""
    return (u >= images / 255).astype(float)


def binarise__black_can_be_lit(images, u):
    """Right but for one draw: u can be exactly 0, and then <= lights a
    black pixel. To a decoder that is sure of black, that one pixel costs
    without limit."""
    return (u <= images / 255).astype(float)


def binarise__by_256(images, u):
    """White is 255, not 256: divided by 256 it becomes 0.996, and is now
    and then dark."""
    return (u < images / 256).astype(float)


def binarise__bytes(images, u):
    """The bytes were compared with u as they are. u is below 1 and so is
    below every byte but 0: divide first."""
    return (u < images).astype(float)


def binarise__grey_kept(images, u):
    """These are the probabilities themselves. Nothing was drawn: each pixel
    must become 0 or 1."""
    return images / 255


def _halves(y):
    k = y.shape[1] // 2
    return y[:, :k], y[:, k:]


def two_heads__exchanged(h, w, b):
    """The halves have changed places: the first k columns are the mean, the
    last k the log-variance."""
    return _halves(h @ w + b)[::-1]


def two_heads__in_turns(h, w, b):
    """The columns were dealt out in turns. With k = 1 that is the same. The
    first k columns belong together, and so do the last k."""
    y = h @ w + b
    return y[:, ::2], y[:, 1::2]


def two_heads__variance(h, w, b):
    """The second head is to be the *logarithm* of the variance, as it comes
    out of the layer. Here exp (or another function that makes it positive)
    was applied already."""
    mu, logvar = _halves(h @ w + b)
    return mu, np.exp(logvar)


def two_heads__rectified(h, w, b):
    """An activation went over the heads. Then a mean cannot be negative,
    nor a variance below 1. A last layer has none: its numbers must go
    everywhere."""
    return _halves(np.maximum(h @ w + b, 0))


def two_heads__no_bias(h, w, b):
    """The bias was left out: b is added to each row of h w."""
    return _halves(h @ w)


# -------------------------------------------------- sampling and the decoder


def reparameterize__variance_as_std(mu, logvar, eps):
    """e^logvar is the variance. eps has a spread of 1, and is to be
    stretched to the *standard deviation*. With logvar = log 4 that is 2."""
    return mu + tg.exp(logvar) * eps


def reparameterize__logvar_as_std(mu, logvar, eps):
    """logvar itself was taken for the spread. At 0, where the variance is
    1, this would add no noise at all."""
    return mu + logvar * eps


def reparameterize__halved_variance(mu, logvar, eps):
    """The half stands outside the exponential: that is half of the
    variance. A root is a half in the exponent."""
    return mu + tg.exp(logvar) / 2 * eps


def reparameterize__mean_alone(mu, logvar, eps):
    """No noise was added: this is an autoencoder without the V. The decoder
    then learns nothing about what lies between the codes."""
    return mu + 0 * logvar


def reparameterize__cut_off(mu, logvar, eps):
    """The numbers are right, the slopes are not: the spread was taken out
    of its Tensor (.data, or NumPy) on the way. Then no gradient of the
    reconstruction reaches logvar, and nobody learns how much noise is good.
    Stay with Tensors."""
    return mu + np.exp(logvar.data / 2) * eps


def reparameterize__all_cut_off(mu, logvar, eps):
    """The numbers are right, but z has no recipe: mu and logvar were taken
    out of their Tensors on the way. The encoder then learns nothing from
    the reconstruction. Stay with Tensors."""
    return tg.Tensor(mu.data + np.exp(logvar.data / 2) * eps)


def reparameterize__arrays(mu, logvar, eps):
    """The numbers are right, but this is a plain array. An array has no
    recipe, so the encoder can learn nothing from the reconstruction. Stay
    with Tensors."""
    return mu.data + np.exp(logvar.data / 2) * eps


def reparameterize__library(mu, logvar, eps):
    """The library has this function. Derive it, and write it yourself: that
    is the exercise."""
    return tg.models.vae.reparameterize(mu, logvar, eps)


def _kl_parts(mu, logvar):
    return 0.5 * (mu ** 2 + np.exp(logvar) - 1 - logvar)


def _kl(mu, logvar):
    return np.sum(_kl_parts(mu, logvar), axis=1)


def mend_std__as_published(mu, logvar, eps):
    """This is the listing, unchanged. Its first line stretches the noise to
    e^logvar, its second takes e^logvar for the variance. They speak of two
    different Gaussians."""
    return mu + np.exp(logvar) * eps, _kl(mu, logvar)


def mend_std__kl_changed(mu, logvar, eps):
    """Now both lines agree, but on a standard deviation of e^logvar: the
    number is then the log of the standard deviation, not of the variance.
    Keep to what logvar is called, and mend the other line."""
    return mu + np.exp(logvar) * eps, _kl(mu, 2 * logvar)


def mend_std__both_changed(mu, logvar, eps):
    """The sample is right now. But the KL was changed as well, and had been
    right: it holds the variance, e^logvar, not the standard deviation."""
    kl = 0.5 * np.sum(mu ** 2 + np.exp(logvar / 2) - 1 - logvar, axis=1)
    return mu + np.exp(logvar / 2) * eps, kl


def _log_p(logits, x):
    return x * logits - np.logaddexp(0, logits)


def bernoulli_log_likelihood__lit_alone(logits, x):
    """Only the lit pixels were counted. A decoder that lights everything
    would be the best then. A dark pixel has the probability 1 -
    sigmoid(l), and its log counts as well."""
    return np.sum(-x * np.logaddexp(0, -logits), axis=1)


def bernoulli_log_likelihood__negative(logits, x):
    """This is minus the log-likelihood, the cross-entropy: a loss. The log
    of a probability is never above 0."""
    return -np.sum(_log_p(logits, x), axis=1)


def bernoulli_log_likelihood__averaged(logits, x):
    """This is the mean over the pixels. Probabilities of independent pixels
    are multiplied, so their logs are *added*: with a mean, the KL beside it
    would weigh as much as hundreds of pixels."""
    return np.mean(_log_p(logits, x), axis=1)


def bernoulli_log_likelihood__overflows(logits, x):
    """Right on paper, but e^1000 is too large for a float, and 0 times the
    log of 0 is not a number. Write it with the logits and
    np.logaddexp(0, l), which is log(1 + e^l) for every l."""
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(-logits))
        return np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)


def bernoulli_log_likelihood__log1p(logits, x):
    """Right on paper, but e^1000 is too large for a float, and its log is
    then infinite. np.logaddexp(0, l) is log(1 + e^l) for every l."""
    with np.errstate(all="ignore"):
        return np.sum(x * logits - np.log(1 + np.exp(logits)), axis=1)


def bernoulli_log_likelihood__clipped(logits, x):
    """The probabilities were clipped, or a small number was added, before
    the log. That is finite, but a pixel with a logit of 1000 then costs no
    more than one with 16, and teaches nothing. Go from the logit to the log
    in one formula."""
    p = np.clip(1 / (1 + np.exp(-np.clip(logits, -99, 99))), 1e-7, 1 - 1e-7)
    return np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)


def bernoulli_log_likelihood__squares(logits, x):
    """This measures squared distances, as a Gaussian decoder does. Here
    each pixel is a coin: what is the log of the probability of the side it
    fell on?"""
    return -np.sum((x - np.exp(-np.logaddexp(0, -logits))) ** 2, axis=1)


def bernoulli_log_likelihood__library(logits, x):
    """The library has this loss, and its softplus does the careful part.
    Write it with NumPy: that is the exercise."""
    return -np.array([tg.losses.bernoulli_reconstruction(
        tg.Tensor(logits[[i]]), 2 * x[[i]] - 1) for i in range(len(x))])


def implied_sigma__variance(weight):
    """This is the variance, sigma^2. Asked is sigma, which has the unit of
    a pixel: take the root."""
    return 1 / (2 * weight)


def implied_sigma__without_the_two(weight):
    """The 2 in 2 sigma^2 was lost: a weight of 1/2 belongs to a sigma of
    1."""
    return 1 / np.sqrt(weight)


def implied_sigma__upside_down(weight):
    """This grows with the weight. The more a pixel's error costs, the
    surer the decoder is of the pixel: sigma must fall."""
    return np.sqrt(2 * weight)


# --------------------------------------------------------------- the objective


def kl_to_prior__other_way(mu, logvar):
    """This is the KL from the prior to q. It goes the other way round: the
    logs are averaged over draws from q, since the codes come from there."""
    return 0.5 * np.sum((1 + mu ** 2) / np.exp(logvar) - 1 + logvar, axis=1)


def kl_to_prior__not_halved(mu, logvar):
    """This is twice too large. Each log of a Gaussian has a factor 1/2
    before its square, and one before its log-variance."""
    return 2 * _kl(mu, logvar)


def kl_to_prior__logvar_added(mu, logvar):
    """One sign is the other way round: the narrower q is, the more it says,
    and the more it must cost. log q holds *minus* log sigma."""
    return _kl(mu, logvar) + np.sum(logvar, axis=1)


def kl_to_prior__negative(mu, logvar):
    """The sign is the other way round. This is what is added to the *gain*;
    the KL itself is never below 0."""
    return -_kl(mu, logvar)


def kl_to_prior__averaged(mu, logvar):
    """This is the mean over the latents. They are independent, so their
    KLs add up."""
    return np.mean(_kl_parts(mu, logvar), axis=1)


def kl_to_prior__whole_batch(mu, logvar):
    """This is one number for the whole batch. Asked is one for each image:
    sum over the latents only."""
    return np.sum(_kl_parts(mu, logvar))


def kl_to_prior__std_for_variance(mu, logvar):
    """The variance is e^logvar; here its root stands in its place."""
    return 0.5 * np.sum(mu ** 2 + np.exp(logvar / 2) - 1 - logvar, axis=1)


def kl_to_prior__one_forgotten(mu, logvar):
    """The -1 is missing: where q is the prior itself, at mu = 0 and logvar
    = 0, the KL must be 0."""
    return 0.5 * np.sum(mu ** 2 + np.exp(logvar) - logvar, axis=1)


def kl_to_prior__entropy_alone(mu, logvar):
    """This is E[log q], without the prior: the article's second term. It
    falls without end as the variance grows, and does not feel mu at all.
    From it, E[log p(z)] must be subtracted."""
    return -0.5 * np.sum(1 + np.log(2 * np.pi) + logvar, axis=1)


def kl_to_prior__library(mu, logvar):
    """tg.losses has this KL. Derive it: that is the exercise."""
    return np.array([tg.losses.gaussian_kl(tg.Tensor(m[None]), tg.Tensor(
        v[None])).item() for m, v in zip(mu, logvar)])


def _sums(logits, x, mu, logvar):
    """Over all pixels, and over all latents, of all images."""
    return np.array([-np.sum(_log_p(logits, x)),
                     np.sum(_kl_parts(mu, logvar))])


def mend_average__as_published(logits, x, mu, logvar):
    """This is the listing, unchanged: np.mean divides the pixels' part by
    the number of images *and* of pixels, while the KL is divided by the
    number of images alone."""
    return _sums(logits, x, mu, logvar) @ [1 / x.size, 1 / len(x)]


def mend_average__both_averaged(logits, x, mu, logvar):
    """Now both parts are means, one over the pixels, one over the latents.
    There are far more pixels than latents, so their ratio is still wrong.
    Both logs are sums over what is independent."""
    return _sums(logits, x, mu, logvar) @ [1 / x.size, 1 / mu.size]


def mend_average__per_pixel(logits, x, mu, logvar):
    """The ratio is right now: all of it is divided by the number of pixels.
    But this is a bound per pixel, and the step that suits it depends on the
    size of the image. Asked is the bound itself, in nats an image."""
    return np.sum(_sums(logits, x, mu, logvar)) / x.size


def mend_average__batch_summed(logits, x, mu, logvar):
    """The parts are in the right ratio, but summed over the batch: twice the
    images would mean twice the loss. Take the mean over the images."""
    return np.sum(_sums(logits, x, mu, logvar))


def mend_average__pixels_summed_over_the_batch(logits, x, mu, logvar):
    """The pixels' part is now summed over the images as well; the KL is
    averaged over them. Both belong to one image: divide both by the number
    of images."""
    return _sums(logits, x, mu, logvar) @ [1, 1 / len(x)]


def mend_average__library(logits, x, mu, logvar):
    """tg.losses has both parts. Find the fault in the listing instead: that
    is the exercise."""
    kl = tg.losses.gaussian_kl(tg.Tensor(mu), tg.Tensor(logvar))
    return kl.item() + tg.losses.bernoulli_reconstruction(
        tg.Tensor(logits), 2 * x - 1).item()


def _slopes(dz, mu, logvar, eps, kl=1):
    variance = np.exp(logvar)
    return dz + kl * mu, (dz * eps * np.sqrt(variance)
                          + kl * (variance - 1)) / 2


def latent_slopes__reconstruction_alone(dz, mu, logvar, eps):
    """The KL is missing: these are the slopes of the reconstruction alone.
    The KL depends on mu and on logvar, too, and adds a slope to each."""
    return _slopes(dz, mu, logvar, eps, kl=0)


def latent_slopes__kl_alone(dz, mu, logvar, eps):
    """These are the slopes of the KL alone, as if z were cut off from mu
    and logvar. z moves when they move; dz says what that is worth."""
    return _slopes(0 * dz, mu, logvar, eps)


def latent_slopes__half_forgotten(dz, mu, logvar, eps):
    """In the sample, e^(logvar / 2) has a 1/2 inside: the chain rule brings
    it down."""
    return _slopes(dz, mu, logvar, 2 * eps)


def latent_slopes__against_std(dz, mu, logvar, eps):
    """dz eps is the slope of the reconstruction against the standard
    deviation. One link is missing: how the standard deviation e^(logvar /
    2) moves with logvar."""
    return _slopes(dz, mu, logvar, 2 * eps / np.exp(logvar / 2))


def latent_slopes__kl_subtracted(dz, mu, logvar, eps):
    """The KL's slopes have the wrong sign. L is a loss, and holds the KL
    with a plus: mu is to be pulled towards 0."""
    return _slopes(dz, mu, logvar, eps, kl=-1)


def latent_slopes__one_forgotten(dz, mu, logvar, eps):
    """In the KL stands -logvar as well, and its slope is -1. Without it
    every variance would be pulled to 0."""
    dmu, dlogvar = _slopes(dz, mu, logvar, eps)
    return dmu, dlogvar + 0.5


def latent_slopes__kl_not_halved(dz, mu, logvar, eps):
    """The 1/2 before the KL was lost. mu^2 / 2 has the slope mu, and
    (e^logvar - logvar) / 2 keeps its half."""
    return _slopes(dz, mu, logvar, eps, kl=2)


def latent_slopes__library(dz, mu, logvar, eps):
    """tg.grad finds the slopes for you. Derive them on paper, write them
    with NumPy, and use tg.grad to see whether you are right."""
    mu, logvar = tg.Tensor(mu), tg.Tensor(logvar)
    z = mu + tg.exp(logvar / 2) * eps
    loss = (z * dz).sum() + tg.losses.gaussian_kl(mu, logvar) * len(dz)
    return [g.data for g in tg.grad(loss, [mu, logvar])]


# ------------------------------------------------------- beta and the collapse


def kl_warmup__goes_on(step, warmup):
    """After the warm-up beta goes on rising. It stops at 1: beyond, it
    would be another model's objective."""
    return step / warmup if warmup else 1.0


def kl_warmup__divides_by_zero(step, warmup):
    """Right, until the warm-up lasts 0 steps: then this divides by 0. No
    warm-up means 1 from the start."""
    return min(1.0, step / warmup)


def kl_warmup__backwards(step, warmup):
    """This falls from 1 to 0. The KL is to come in slowly, and to stay."""
    return max(0.0, 1 - step / warmup) if warmup else 0.0


def kl_warmup__switched_on(step, warmup):
    """This waits, and then switches the KL on at once (// drops the
    fraction). It is to grow evenly from step to step."""
    return float(min(1, step // warmup)) if warmup else 1.0


def kl_warmup__starts_late(step, warmup):
    """One step too early. The first step is number 1 and has 1 / warmup;
    the step number `warmup` is the first with 1."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def free_bits__each_image(kl, floor):
    """The floor was laid under each image's KL, before the mean. It is the
    latent's *mean* KL that is free below the floor: an image may need
    little as long as others need more."""
    return np.sum(np.mean(np.maximum(floor, kl), axis=0))


def free_bits__whole_sum(kl, floor):
    """One floor was laid under the sum. Then a single busy latent pays for
    all, and the others may still collapse: each latent has its own
    floor."""
    return np.maximum(floor, np.sum(np.mean(kl, axis=0)))


def free_bits__subtracted(kl, floor):
    """The floor was subtracted. The slopes would be the same, but the value
    would no longer be a bound: what is below the floor counts as the floor,
    what is above counts in full."""
    return np.sum(np.maximum(0, np.mean(kl, axis=0) - floor))


def free_bits__ceiling(kl, floor):
    """This is a ceiling: the KL of a busy latent counts no more than the
    floor, and a collapsed one still gains by falling to 0. The larger of
    the two must count."""
    return np.sum(np.minimum(floor, np.mean(kl, axis=0)))


def free_bits__no_floor(kl, floor):
    """This is the mean KL of an image. The floor was not used: a latent
    below it must count as much as the floor."""
    return np.sum(np.mean(kl, axis=0))


def free_bits__left_out(kl, floor):
    """Latents below the floor were left out. They must count as much as the
    floor: else a step across it would change the objective at a jump."""
    mean = np.mean(kl, axis=0)
    return np.sum(mean[mean > floor])


def free_bits__latents_averaged(kl, floor):
    """The parts are right, but the objective holds their sum over the
    latents, not their mean."""
    return np.mean(np.maximum(floor, np.mean(kl, axis=0)))


def active_units__spread(mu, threshold):
    """This compares the standard deviation. The threshold is one for the
    variance: 0.01 is a standard deviation of 0.1."""
    return int(np.sum(np.std(mu, axis=0) > threshold))


def active_units__sample_variance(mu, threshold):
    """The squares were divided by one less than the number of images
    (ddof=1). Two images with mu = 1 and -1 have a variance of 1 here: the
    mean of the squared distances from the mean."""
    return int(np.sum(np.var(mu, axis=0, ddof=1) > threshold))


def active_units__not_zero(mu, threshold):
    """This is the mean of mu^2. A latent whose mean is 7 for every image is
    far from 0, but says nothing about the image: what counts is how much
    mu *varies* from image to image."""
    return int(np.sum(np.mean(mu ** 2, axis=0) > threshold))


def active_units__images_counted(mu, threshold):
    """This takes the variance along a row, over the latents of one image,
    and counts images. Go down the columns."""
    return int(np.sum(np.var(mu, axis=1) > threshold))


def active_units__dead_ones(mu, threshold):
    """This counts the latents that do *not* vary: the collapsed ones."""
    return int(np.sum(np.var(mu, axis=0) <= threshold))


# ------------------------------------------------------------- a tighter bound


def _log_weight(log_px, mu, logvar, eps, prior=1, noise=1, spread=1, power=.5):
    z = mu + np.exp(power * logvar) * eps
    return log_px + np.sum(noise * eps ** 2 + spread * logvar
                           - prior * z ** 2, axis=1) / 2


def log_importance_weight__log_q_added(log_px, mu, logvar, eps):
    """q was multiplied where it should divide: log q(z|x) is subtracted. A
    code that the encoder draws often must count less each time."""
    return _log_weight(log_px, mu, logvar, eps, noise=-1, spread=-1)


def log_importance_weight__spread_forgotten(log_px, mu, logvar, eps):
    """The log of q's standard deviation is missing. A narrow Gaussian is
    high: log q(z|x) holds -logvar / 2 for each latent."""
    return _log_weight(log_px, mu, logvar, eps, spread=0)


def log_importance_weight__spread_twice(log_px, mu, logvar, eps):
    """The log of the variance stands where that of the standard deviation
    belongs: a factor 1/2 is missing before logvar."""
    return _log_weight(log_px, mu, logvar, eps, spread=2)


def log_importance_weight__spread_inverted(log_px, mu, logvar, eps):
    """One sign is the other way round: log q(z|x) holds *minus* logvar / 2,
    and is itself subtracted."""
    return _log_weight(log_px, mu, logvar, eps, spread=-1)


def log_importance_weight__no_prior(log_px, mu, logvar, eps):
    """The prior is missing. A code far from 0 is one that the model would
    hardly ever draw, however well it explains the image."""
    return _log_weight(log_px, mu, logvar, eps, prior=0)


def log_importance_weight__no_q(log_px, mu, logvar, eps):
    """This is log p(x, z). The codes were not drawn from the prior but from
    q, and that is made up for by dividing by q(z|x)."""
    return _log_weight(log_px, mu, logvar, eps, noise=0, spread=0)


def log_importance_weight__kl(log_px, mu, logvar, eps):
    """This subtracts the KL. That is the *mean* of log q - log p(z) over
    all draws; a weight belongs to the one draw that eps made."""
    return log_px - _kl(mu, logvar)


def log_importance_weight__prior_at_the_mean(log_px, mu, logvar, eps):
    """The prior was taken at mu. It must be taken at the code that was
    drawn: z = mu + std eps."""
    return log_px + 0.5 * np.sum(eps ** 2 + logvar - mu ** 2, axis=1)


def log_importance_weight__variance_as_std(log_px, mu, logvar, eps):
    """The draw was made with e^logvar for its standard deviation. That is
    the variance.
    Section: 4.2, "Reparameterisation"
    """
    return _log_weight(log_px, mu, logvar, eps, power=1)


def log_importance_weight__not_halved(log_px, mu, logvar, eps):
    """The factor 1/2 is missing before the squares and before logvar: the
    log of a Gaussian is -(square) / 2 - log std."""
    return 2 * _log_weight(log_px / 2, mu, logvar, eps)


def iwae_bound__mean_of_logs(log_w):
    """This is the mean of the logs: the ELBO again, only steadier. The log
    must come after the mean; that is what makes the bound tighter."""
    return np.mean(log_w, axis=1)


def iwae_bound__summed(log_w):
    """This is the log of the *sum*. It grows with the number of samples,
    beyond log p(x). Of a mean, log s is subtracted."""
    return np.logaddexp.reduce(log_w, axis=1)


def iwae_bound__underflows(log_w):
    """Right on paper, but e^-2000 is 0 in a float, and its log is minus
    infinity. Take the largest log weight out of the sum first: log sum e^a
    = m + log sum e^(a - m)."""
    with np.errstate(all="ignore"):
        return np.log(np.mean(np.exp(log_w), axis=1))


def iwae_bound__one_largest(log_w):
    """The largest was taken out, but the largest of the whole batch. Where
    images differ by hundreds of nats, the others underflow as before: each
    image needs its own."""
    with np.errstate(all="ignore"):
        top = np.max(log_w)
        return top + np.log(np.mean(np.exp(log_w - top), axis=1))


def iwae_bound__floored(log_w):
    """The weights were clipped, or a small number was added, before the
    log. That is finite, but all bounds below it come out alike. Take the
    largest log weight out of the sum first: log sum e^a = m + log sum e^(a -
    m)."""
    return np.log(np.mean(np.exp(log_w), axis=1) + 1e-300)


def iwae_bound__mean_taken_out(log_w):
    """The mean of the log weights was taken out. The largest can lie far
    above the mean, and its e^(a - m) is then infinite. Without the largest,
    no exponent is above 0."""
    m = np.mean(log_w, axis=1)
    with np.errstate(all="ignore"):
        return m + np.log(np.mean(np.exp(log_w - m[:, None]), axis=1))


def iwae_bound__not_put_back(log_w):
    """The largest log weight was taken out and not put back. Add it after
    the log."""
    return np.log(np.mean(np.exp(log_w - log_w.max(1)[:, None]), axis=1))


def iwae_bound__images_mixed(log_w):
    """The mean went over the images, down the columns. Each image has a
    bound of its own, from the samples in its row."""
    return np.logaddexp.reduce(log_w, axis=0) - np.log(len(log_w))


def iwae_bound__library(log_w):
    """tg.logsumexp does the careful part. Do it with NumPy: that is the
    exercise."""
    return (tg.logsumexp(tg.Tensor(log_w), axis=1).data
            - np.log(log_w.shape[1]))


# -------------------------------------------------------------------- capstone


def _step(enc, dec, x, eps, lr, kl=1, through=1, moves=1, late=0):
    """A step with one thing changed: what counts, and who moves when."""
    mu, logvar = _halves(x @ enc[0] + enc[1])
    z = mu + np.exp(logvar / 2) * eps
    logits = z @ dec[0] + dec[1]
    loss = np.mean(_kl(mu, logvar) - np.sum(_log_p(logits, x), axis=1))
    d, lr = 1 / (1 + np.exp(-logits)) - x, lr / len(x)
    moved = dec[0] - lr * z.T @ d, dec[1] - lr * d.sum(0)
    dz = through * d @ (moved if late else dec)[0].T
    dh = moves * np.hstack(_slopes(dz, mu, logvar, eps, kl))
    return (enc[0] - lr * x.T @ dh, enc[1] - lr * dh.sum(0)), moved, loss


def vae_step_capstone__uphill(enc, dec, x, eps, lr):
    """Both networks went up the loss. A step goes against the gradient."""
    return _step(enc, dec, x, eps, -lr)


def vae_step_capstone__encoder_stays(enc, dec, x, eps, lr):
    """Only the decoder has moved; the article explains it so, too. The loss
    of a VAE belongs to both networks, and both go down it."""
    return _step(enc, dec, x, eps, lr, moves=0)


def vae_step_capstone__cut_off(enc, dec, x, eps, lr):
    """The encoder was moved by the KL alone: z was cut off from it. The
    decoder's slope against z is passed on to mu and logvar."""
    return _step(enc, dec, x, eps, lr, through=0)


def vae_step_capstone__no_kl(enc, dec, x, eps, lr):
    """The encoder was moved by the reconstruction alone. The KL is part of
    the loss, and its slopes pull at mu and logvar."""
    return _step(enc, dec, x, eps, lr, kl=0)


def vae_step_capstone__decoder_first(enc, dec, x, eps, lr):
    """The decoder made its step first, and the encoder's slopes were taken
    through the new weights. There is one loss and one step: take all slopes
    at the old weights."""
    return _step(enc, dec, x, eps, lr, late=1)


def vae_step_capstone__summed(enc, dec, x, eps, lr):
    """The slopes were added up over the batch. The loss is a mean: each
    image counts 1 / n."""
    return _step(enc, dec, x, eps, lr * len(x))


def vae_step_capstone__kl_not_averaged(enc, dec, x, eps, lr):
    """In the encoder's slopes the KL counts n times too much. The 1 / n of
    the mean was put on the decoder's slopes, before latent_slopes added the
    KL's, which belong to one image, in full."""
    return _step(enc, dec, x, eps, lr, kl=len(x))


def vae_step_capstone__loss_summed(enc, dec, x, eps, lr):
    """The networks are right. The loss to return is the mean over the
    images; this is their sum."""
    enc, dec, loss = _step(enc, dec, x, eps, lr)
    return enc, dec, loss * len(x)


def vae_step_capstone__loss_afterwards(enc, dec, x, eps, lr):
    """The networks are right. The loss to return is the one before the
    step, the one whose slopes were taken."""
    enc, dec, _ = _step(enc, dec, x, eps, lr)
    return enc, dec, _step(enc, dec, x, eps, lr)[2]


def vae_step_capstone__no_noise(enc, dec, x, eps, lr):
    """The decoder was given mu: eps was not used. This is an autoencoder
    with a penalty on its code."""
    return _step(enc, dec, x, 0 * eps, lr)
