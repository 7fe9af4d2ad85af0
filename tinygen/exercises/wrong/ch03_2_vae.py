import numpy as np

import tinygen as tg

# ------------------------------------------------------------------- the model


def posterior_linear_gaussian__decoder_inverted(x, w, s):
    """This solves x = w z for z and forgets the prior. Codes near 0 are
    likelier beforehand, so the mean lies between 0 and x / w, and the image
    can only make the code more certain, never less than the prior."""
    with np.errstate(all="ignore"):
        return np.divide(x, w), np.divide(s, np.abs(w)).item()


def posterior_linear_gaussian__variance(x, w, s):
    """The mean is right. The second number is the variance: one over the
    curvature. Asked is its root, the spread."""
    return w * x / (w ** 2 + s ** 2), s ** 2 / (w ** 2 + s ** 2)


def posterior_linear_gaussian__precision(x, w, s):
    """The mean is right. The second number is the root of the curvature
    itself. A sharper parabola is a *narrower* distribution: take one
    over it."""
    return w * x / (w ** 2 + s ** 2), np.sqrt(1 + w ** 2 / s ** 2)


def posterior_linear_gaussian__prior_spread(x, w, s):
    """The mean is right, the spread is still the prior's. A seen image
    narrows the code: the curvatures of the two parabolas add up."""
    return w * x / (w ** 2 + s ** 2), 1.


def posterior_linear_gaussian__noise_not_squared(x, w, s):
    """s is a spread. In the exponent stands its square, the variance."""
    return w * x / (w ** 2 + s), np.sqrt(s / (w ** 2 + s))


def log_evidence_mc__underflows(log_given):
    """Right on paper, but e^-1000 is 0 for a float, and its log minus
    infinity. Take the largest number out of the mean before the
    exponential."""
    with np.errstate(all="ignore"):
        return np.log(np.mean(np.exp(log_given)))


def log_evidence_mc__another_taken_out(log_given):
    """A number was taken out of the mean, but not the largest. What is
    larger than it by 1000 still overflows: e^1000 is infinite in a float."""
    low = np.min(log_given)
    with np.errstate(all="ignore"):
        return low + np.log(np.mean(np.exp(log_given - low)))


def log_evidence_mc__not_put_back(log_given):
    """The largest number was taken out of the mean, and never put back: add
    it to the logarithm."""
    return np.log(np.mean(np.exp(log_given - np.max(log_given))))


def log_evidence_mc__mean_of_logs(log_given):
    """This is the mean of the logs. Asked is the log of the mean: p(x) is
    the mean of the p(x|z), not of their logarithms. The first is never
    larger than the second; that is Jensen's inequality, and the bound."""
    return np.mean(log_given)


def log_evidence_mc__summed(log_given):
    """The log of the *sum*: twice as many draws would make every image
    twice as likely. Divide by the number of draws."""
    return np.logaddexp.reduce(log_given)


def log_evidence_mc__best_draw(log_given):
    """Only the best draw was kept, and its share of 1 / n was forgotten.
    It often dominates the mean, but the mean is asked."""
    return np.max(log_given)


# ------------------------------------------------------------------- the bound


def _kl(mu1, s1, mu2, s2):
    return (np.log(s2 / s1) - 0.5
            + (s1 ** 2 + (mu1 - mu2) ** 2) / (2 * s2 ** 2))


def _posterior(x, w, s):
    return w * x / (w ** 2 + s ** 2), s / np.sqrt(w ** 2 + s ** 2)


def elbo_gap__to_the_prior(x, mu, spread, w, s):
    """This is the KL from q to the *prior*, the price of the code inside
    the ELBO. The gap is the KL from q to the posterior."""
    return _kl(mu, spread, 0, 1)


def elbo_gap__other_direction(x, mu, spread, w, s):
    """The two distributions have changed places: this is the KL from the
    posterior to q. The ELBO is a mean over draws of q, and so is its gap."""
    return _kl(*_posterior(x, w, s), mu, spread)


def elbo_gap__the_bound_itself(x, mu, spread, w, s):
    """This is the ELBO. The gap is what it lacks to log p(x), where p(x) is
    N(0, w^2 + s^2)."""
    fit = (-0.5 * ((x - w * mu) ** 2 + (w * spread) ** 2) / s ** 2
           - np.log(s) - 0.5 * np.log(2 * np.pi))
    return fit - _kl(mu, spread, 0, 1)


def elbo_gap__at_the_mean(x, mu, spread, w, s):
    """The reconstruction was taken at the code mu alone. It is a mean over
    draws of q, and (x - w z)^2 has the mean (x - w mu)^2 + w^2 spread^2."""
    full = _kl(mu, spread, *_posterior(x, w, s))
    return full - (w * spread / s) ** 2 / 2


def elbo_gap__means_alone(x, mu, spread, w, s):
    """Only the means were compared. A q of the wrong spread is not the
    posterior either, and has a gap."""
    mean, deviation = _posterior(x, w, s)
    return (mu - mean) ** 2 / (2 * deviation ** 2)


def elbo_gap__negative(x, mu, spread, w, s):
    """The size is right and the sign is not: this is ELBO - log p(x). The
    gap says how far the bound lies *below*."""
    return -_kl(mu, spread, *_posterior(x, w, s))


def gaussian_kl_general__exchanged(mu1, s1, mu2, s2):
    """The two distributions have changed places. The mean is over draws of
    the first one, and the second one's spread is what is divided by."""
    return np.sum(_kl(mu2, s2, mu1, s1))


def gaussian_kl_general__each_code(mu1, s1, mu2, s2):
    """One number a code. The codes are independent, so the log densities
    add up, and so do the KLs: return their sum."""
    return _kl(mu1, s1, mu2, s2)


def gaussian_kl_general__averaged(mu1, s1, mu2, s2):
    """This is the mean over the codes. Log densities of independent codes
    add up: twice the codes, twice the KL."""
    return np.mean(_kl(mu1, s1, mu2, s2))


def gaussian_kl_general__variance_as_spread(mu1, s1, mu2, s2):
    """The spreads were taken for variances. Square them where the formula
    has a variance."""
    return np.sum(_kl(mu1, np.sqrt(s1), mu2, np.sqrt(s2)))


def gaussian_kl_general__half_forgotten(mu1, s1, mu2, s2):
    """From a distribution to itself the KL must be 0; this gives 1/2 a
    code. The mean of (z - mu1)^2 / (2 s1^2) over the first one is 1/2, and
    has to be subtracted."""
    return np.sum(_kl(mu1, s1, mu2, s2) + 0.5)


def gaussian_kl_general__half_once(mu1, s1, mu2, s2):
    """With one code it is right. The 1/2 stands in the KL of *every* code,
    and was taken away only once."""
    return np.sum(_kl(mu1, s1, mu2, s2) + 0.5) - 0.5


def gaussian_kl_general__log_upside_down(mu1, s1, mu2, s2):
    """The fraction in the logarithm is upside down. -log s1 comes from log
    N1, and log N2, which is subtracted, brings +log s2."""
    return np.sum(_kl(mu1, s1, mu2, s2) + 2 * np.log(s1 / s2))


def gaussian_kl_general__library(mu1, s1, mu2, s2):
    """Measured in units of the second distribution, this is the KL to
    N(0, 1), which the library has. A neat idea; but write the formula out
    with NumPy: that is the exercise."""
    mu, logvar = (mu1 - mu2) / s2, 2 * np.log(s1 / s2)
    return tg.losses.gaussian_kl(tg.Tensor(mu[None]),
                                 tg.Tensor(logvar[None])).item()


def elbo_sign__as_given(log_likelihood, kl):
    """The likelihood has cancelled: what is left is minus the KL. Made
    small, it drives the codes away from the prior without end, and nobody
    looks at the image."""
    return np.mean(-log_likelihood + (log_likelihood - kl))


def elbo_sign__the_bound_itself(log_likelihood, kl):
    """This is the ELBO: a gain. An optimiser that makes it small makes the
    images unlikely and the codes dear."""
    return np.mean(log_likelihood - kl)


def elbo_sign__price_rewarded(log_likelihood, kl):
    """The likelihood has the right sign. The KL is a price: a loss must
    rise with it."""
    return np.mean(-log_likelihood - kl)


def elbo_sign__reconstruction_alone(log_likelihood, kl):
    """The price of the code is missing. Without it this is an autoencoder:
    its codes lie wherever they like, and a draw of the prior decodes to
    nothing."""
    return np.mean(-log_likelihood)


def elbo_sign__summed(log_likelihood, kl):
    """The sum over the batch: twice the batch would mean twice the
    gradient. Take the mean."""
    return np.sum(kl - log_likelihood)


# --------------------------------------------------------------- the gradients


def score_gradient__of_the_density(f, z, mu, spread):
    """This multiplies f by the slope of q. The draws come from q already,
    and so count q once: f is multiplied by the slope of *log* q."""
    away = (z - mu) / spread
    q = np.exp(-0.5 * away ** 2) / (spread * np.sqrt(2 * np.pi))
    return np.array([np.mean(f * q * away / spread),
                     np.mean(f * q * (away ** 2 - 1) / spread)])


def score_gradient__spread_not_squared(f, z, mu, spread):
    """In log q stands (z - mu)^2 / (2 sigma^2). Its slope in mu has a
    sigma^2 below the line, the one in sigma a sigma^3: one power of sigma
    was lost in each."""
    away = z - mu
    return np.array([np.mean(f * away / spread),
                     np.mean(f * (away ** 2 - spread ** 2) / spread ** 2)])


def score_gradient__normaliser_forgotten(f, z, mu, spread):
    """log q holds -log sigma as well. Without its slope, -1/sigma, a
    constant f would seem to gain by a larger sigma."""
    away = z - mu
    return np.array([np.mean(f * away / spread ** 2),
                     np.mean(f * away ** 2 / spread ** 3)])


def score_gradient__by_z(f, z, mu, spread):
    """This is the slope of log q in z. mu stands beside z with the other
    sign: moving mu to the right is moving z to the left."""
    away = z - mu
    return np.array([np.mean(-f * away / spread ** 2),
                     np.mean(f * (away ** 2 - spread ** 2) / spread ** 3)])


def score_gradient__summed(f, z, mu, spread):
    """This is the sum over the draws. E_q is a mean: twice as many draws
    must not give twice the slope."""
    away = z - mu
    return np.array([np.sum(f * away / spread ** 2),
                     np.sum(f * (away ** 2 - spread ** 2) / spread ** 3)])


def score_gradient__baseline(f, z, mu, spread):
    """The mean of f was taken away first. With many draws that helps; but
    asked is the plain estimate, f as it is."""
    return score_gradient__summed(f - np.mean(f), z, mu, spread) / len(f)


def score_gradient__means_apart(f, z, mu, spread):
    """The mean of f, times the mean of the slope of log q. The product has
    to be averaged: draws with a large f must count for more."""
    return np.mean(f) * score_gradient__summed(1, z, mu, spread) / len(z)


def score_gradient__in_logvar(f, z, mu, spread):
    """The second number is the slope in log sigma^2, by which the chain
    rule has multiplied sigma / 2. Asked is the slope in sigma."""
    away = (z - mu) / spread
    return np.array([np.mean(f * away / spread),
                     np.mean(f * (away ** 2 - 1)) / 2])


def pathwise_gradient__slope_at_mu(slope, mu, spread, eps):
    """The slope was taken at mu, for every draw alike. It belongs where the
    draw fell: at z = mu + sigma eps."""
    pull = slope(mu + 0 * eps)
    return np.stack([pull, pull * eps])


def pathwise_gradient__eps_forgotten(slope, mu, spread, eps):
    """The second row is the first one again. When sigma grows by a little,
    z moves by eps times as much: multiply."""
    pull = slope(mu + spread * eps)
    return np.stack([pull, pull])


def pathwise_gradient__times_z(slope, mu, spread, eps):
    """The second row has z where the chain rule gives dz / dsigma. z = mu +
    sigma eps: differentiate that by sigma."""
    z = mu + spread * eps
    return np.stack([slope(z), slope(z) * z])


def pathwise_gradient__spread_squared(slope, mu, spread, eps):
    """z was drawn with sigma^2 in place of sigma: a variance taken for a
    spread. eps has spread 1, so sigma eps has spread sigma."""
    pull = slope(mu + spread ** 2 * eps)
    return np.stack([pull, pull * eps])


def pathwise_gradient__rows_exchanged(slope, mu, spread, eps):
    """The rows have changed places: the first one belongs to mu."""
    pull = slope(mu + spread * eps)
    return np.stack([pull * eps, pull])


def pathwise_gradient__times_the_step(slope, mu, spread, eps):
    """The second row has sigma eps, the whole way from mu to z. When sigma
    grows by a little, z moves by eps times that: dz / dsigma = eps."""
    pull = slope(mu + spread * eps)
    return np.stack([pull, pull * spread * eps])


def pathwise_gradient__averaged(slope, mu, spread, eps):
    """These are the means over all draws. Asked is what each draw gives by
    itself, a column for each: how much they scatter is the point."""
    pull = slope(mu + spread * eps)
    return np.array([np.mean(pull), np.mean(pull * eps)])


# ------------------------------------------------------- the article's formula


def unbounded_term__one_code(d, c, beta):
    """This is the growth for a single code. Every code's spread is scaled,
    and each log sigma grows."""
    return beta * np.log(c)


def unbounded_term__beta_forgotten(d, c, beta):
    """beta stands before the whole term, so it multiplies the growth."""
    return d * np.log(c)


def unbounded_term__of_the_variance(d, c, beta):
    """This is twice the growth. The variance grows by c^2, but the entropy
    holds half the log of the variance."""
    return 2 * beta * d * np.log(c)


def unbounded_term__not_the_log(d, c, beta):
    """The spread is multiplied by c, and the entropy holds its *log*: there
    a factor becomes a summand."""
    return beta * d * (c - 1.)


def unbounded_term__falls(d, c, beta):
    """The sign is the other way round. -E[log q] is larger the wider q is:
    a wide density is low, its log is negative, and the minus turns it."""
    return -beta * d * np.log(c)


def beta_bound__at_one(log_given, log_prior, beta):
    """This is log p(x), the best value at beta = 1. beta does not occur
    in it."""
    return np.logaddexp.reduce(log_given + log_prior)


def beta_bound__not_multiplied(log_given, log_prior, beta):
    """Dividing the objective by beta made it an ELBO, and this is that
    one's best value. Multiply by beta again."""
    return np.logaddexp.reduce(log_given / beta + log_prior)


def beta_bound__power_of_beta(log_given, log_prior, beta):
    """p(x|z) was raised to beta. Divide E[log p(x|z)] - beta KL by beta:
    the likelihood stands there to the power of 1 / beta."""
    return beta * np.logaddexp.reduce(beta * log_given + log_prior)


def beta_bound__prior_too(log_given, log_prior, beta):
    """The prior was raised to the power as well. beta divides the
    likelihood; the KL, which holds the prior, is left as it is."""
    return beta * np.logaddexp.reduce((log_given + log_prior) / beta)


def beta_bound__underflows(log_given, log_prior, beta):
    """Right on paper, but e^-4000 is 0 for a float, and its log minus
    infinity. Stay with logarithms: np.logaddexp.reduce is the log of a sum
    of exponentials."""
    with np.errstate(all="ignore"):
        return beta * np.log(np.sum(np.exp(log_prior + log_given / beta)))


# ------------------------------------------------------------- what goes wrong


def _terms(y, x, mu, logvar):
    """(squared errors / 2, prices), one for each number."""
    return ((y - x) ** 2 / 2, (mu ** 2 + np.exp(logvar) - 1 - logvar) / 2)


def mend_pixel_average__as_given(y, x, mu, logvar):
    """The error is still a mean over the pixels, and the price a sum over
    the codes: with d pixels that is beta = d. Sum over the pixels; only
    the images are averaged."""
    error, price = _terms(y, x, mu, logvar)
    return np.mean(error) + np.sum(price) / len(x)


def mend_pixel_average__price_averaged_too(y, x, mu, logvar):
    """Now the price is divided by the number of pixels, too. The balance is
    right, and nothing collapses; but the loss is the bound divided by d,
    and no longer nats an image. Sum both."""
    error, price = _terms(y, x, mu, logvar)
    return np.mean(error) + np.sum(price) / x.size


def mend_pixel_average__codes_averaged(y, x, mu, logvar):
    """The price is now a mean over the codes. It must be a sum, like the
    error: log densities of independent numbers add up."""
    error, price = _terms(y, x, mu, logvar)
    return np.sum(error) / len(x) + np.mean(price)


def mend_pixel_average__batch_summed(y, x, mu, logvar):
    """Everything was summed, the images too. Twice the batch would mean
    twice the gradient: divide both terms by the number of images."""
    error, price = _terms(y, x, mu, logvar)
    return np.sum(error) + np.sum(price)


def mend_pixel_average__half_forgotten(y, x, mu, logvar):
    """The half before the squared error has gone. -log N(x; y, 1) holds
    half the squared error; without the half this is beta = 1/2."""
    error, price = _terms(y, x, mu, logvar)
    return (2 * np.sum(error) + np.sum(price)) / len(x)


def mend_pixel_average__library(y, x, mu, logvar):
    """The library has both terms. Mend the listing with NumPy: that is the
    exercise."""
    y, mu, logvar = tg.Tensor(y), tg.Tensor(mu), tg.Tensor(logvar)
    half = 0.5 * x.shape[1] * np.log(2 * np.pi)
    return (tg.losses.gaussian_reconstruction(y, tg.Tensor(x))
            + tg.losses.gaussian_kl(mu, logvar)).item() - half


def surviving_weight__no_floor(variance, s, beta):
    """Where the noise explains more than there is, the root of a negative
    number is asked for. There the best weight is 0."""
    with np.errstate(all="ignore"):
        return np.sqrt(variance - beta * s ** 2)


def surviving_weight__squared(variance, s, beta):
    """This is w^2. Asked is w."""
    return np.maximum(0, variance - beta * s ** 2)


def surviving_weight__beta_forgotten(variance, s, beta):
    """This is the best weight at beta = 1. With beta the noise counts as
    beta s^2."""
    return np.sqrt(np.maximum(0, variance - s ** 2))


def surviving_weight__noise_not_squared(variance, s, beta):
    """s is the noise's spread. What is taken from the data's variance is
    the noise's variance, times beta."""
    return np.sqrt(np.maximum(0, variance - beta * s))


def surviving_weight__spread_scaled(variance, s, beta):
    """beta multiplies the noise's variance, not its spread: here it was
    squared with s."""
    return np.sqrt(np.maximum(0, variance - (beta * s) ** 2))


# -------------------------------------------------------------------- capstone


def _round(encoder, w, s, x, eps, lr, sign=1., price=1., path=1., new=False):
    """A round with one thing changed."""
    a, t = encoder
    z = a * x + t * eps
    pull = w * (x - w * z) / s ** 2
    up = np.array([
        np.mean(path * pull * x) - price * a * np.mean(x ** 2),
        np.mean(path * pull * eps) - price * (t - 1 / t)])
    after = encoder + sign * lr * up
    if new:
        z = after[0] * x + after[1] * eps
    up_w = np.mean((x - w * z) * z) / s ** 2
    return after, w + sign * lr * up_w, _loss(encoder, w, s, x, eps)


def _loss(encoder, w, s, x, eps):
    a, t = encoder
    fit = (-0.5 * ((x - w * (a * x + t * eps)) / s) ** 2 - np.log(s)
           - 0.5 * np.log(2 * np.pi))
    return np.mean(_kl(a * x, t, 0, 1) - fit)


def toy_vae_capstone__downhill(encoder, w, s, x, eps, lr):
    """All three went the wrong way: this lowers the bound. Go up the ELBO,
    or down its negative."""
    return _round(encoder, w, s, x, eps, lr, sign=-1.)


def toy_vae_capstone__price_free(encoder, w, s, x, eps, lr):
    """The encoder's step knows the reconstruction only. The price has
    slopes, too: a x^2 and t - 1/t, to be taken away."""
    return _round(encoder, w, s, x, eps, lr, price=0.)


def toy_vae_capstone__no_path(encoder, w, s, x, eps, lr):
    """The encoder got the slope of the price and none of the
    reconstruction, as if z were a draw without a past. z = a x + t eps:
    follow it back to a and t."""
    return _round(encoder, w, s, x, eps, lr, path=0.)


def toy_vae_capstone__one_after_the_other(encoder, w, s, x, eps, lr):
    """The decoder's slope was taken with the new encoder. Both networks
    step on one loss: take all slopes at the old numbers."""
    return _round(encoder, w, s, x, eps, lr, new=True)


def toy_vae_capstone__loss_afterwards(encoder, w, s, x, eps, lr):
    """The three numbers are right. The loss to return is the one before the
    step, the one whose slope was taken."""
    encoder, w, _ = _round(encoder, w, s, x, eps, lr)
    return encoder, w, _loss(encoder, w, s, x, eps)


def toy_vae_capstone__bound_returned(encoder, w, s, x, eps, lr):
    """The step is right. The last number is the bound itself; the loss is
    its negative, as elbo_sign gives it."""
    encoder, w, loss = _round(encoder, w, s, x, eps, lr)
    return encoder, w, -loss


def toy_vae_capstone__price_summed(encoder, w, s, x, eps, lr):
    """The step is right. In the loss the price is a sum over the images:
    gaussian_kl_general adds up all that it is given. Divide by their
    number."""
    after, new_w, loss = _round(encoder, w, s, x, eps, lr)
    price = np.sum(_kl(encoder[0] * x, encoder[1], 0, 1))
    return after, new_w, loss + price - price / len(x)


def toy_vae_capstone__constants_left_out(encoder, w, s, x, eps, lr):
    """The step is right. The loss lacks the constants of log p(x|z), log s
    and half of log 2 pi: without them it is not minus the ELBO."""
    after, new_w, loss = _round(encoder, w, s, x, eps, lr)
    return after, new_w, loss - np.log(s) - 0.5 * np.log(2 * np.pi)
