import numpy as np

# ------------------------------------------------------------------- the model


def posterior_linear_gaussian(x, w, s):
    """N(w x / (w^2 + s^2), s^2 / (w^2 + s^2)).   [n] -> ([n], a number)

    The slope w (x - w z) / s^2 - z is 0 at the mean; the curvature
    w^2 / s^2 + 1 is one over the variance.
    """
    return w * x / (w ** 2 + s ** 2), s / np.sqrt(w ** 2 + s ** 2)


def log_evidence_mc(log_given):
    """log of the mean of e^l, with the largest l taken out.   [n] -> number"""
    top = np.max(log_given)
    return top + np.log(np.mean(np.exp(log_given - top)))


# ------------------------------------------------------------------- the bound


def elbo_gap(x, mu, spread, w, s):
    """KL(N(mu, spread^2) to the posterior), for each image.   [n] -> [n]"""
    mean = w * x / (w ** 2 + s ** 2)
    deviation = s / np.sqrt(w ** 2 + s ** 2)
    return (np.log(deviation / spread) - 0.5
            + (spread ** 2 + (mu - mean) ** 2) / (2 * deviation ** 2))


def gaussian_kl_general(mu1, s1, mu2, s2):
    """sum of log(s2 / s1) + (s1^2 + (mu1 - mu2)^2) / (2 s2^2) - 1/2.

    E_1 of log N_1 - log N_2: there (z - mu1)^2 has the mean s1^2, and
    (z - mu2)^2 has the mean s1^2 + (mu1 - mu2)^2.   [k], ... -> a number
    """
    return np.sum(np.log(s2 / s1) - 0.5
                  + (s1 ** 2 + (mu1 - mu2) ** 2) / (2 * s2 ** 2))


def elbo_sign(log_likelihood, kl):
    """-ELBO = mean of KL - log p(x|z).   [n], [n] -> a number"""
    return np.mean(kl - log_likelihood)


# --------------------------------------------------------------- the gradients


def score_gradient(f, z, mu, spread):
    """Means of f dlog q/dmu and f dlog q/dsigma.   [n], [n] -> [2]"""
    away = z - mu
    return np.array([np.mean(f * away / spread ** 2),
                     np.mean(f * (away ** 2 - spread ** 2) / spread ** 3)])


def pathwise_gradient(slope, mu, spread, eps):
    """Rows f'(z) and f'(z) eps, at z = mu + spread eps.   [n] -> [2, n]"""
    pull = slope(mu + spread * eps)
    return np.stack([pull, pull * eps])


# ------------------------------------------------------- the article's formula


def unbounded_term(d, c, beta):
    """beta d log c: each of d log spreads grows by log c.   -> a number"""
    return beta * d * np.log(c)


def beta_bound(log_given, log_prior, beta):
    """beta log sum_i p_i(z) p_i(x|z)^(1 / beta).   [k], [k] -> a number"""
    return beta * np.logaddexp.reduce(log_given / beta + log_prior)


# ------------------------------------------------------------- what goes wrong


def mend_pixel_average(y, x, mu, logvar):
    """Both terms summed over an image's numbers, averaged over images.

    y, x [n, d], mu, logvar [n, k] -> a number
    """
    error = np.sum((y - x) ** 2) / 2
    price = np.sum(mu ** 2 + np.exp(logvar) - 1 - logvar) / 2
    return (error + price) / len(x)


def surviving_weight(variance, s, beta):
    """sqrt(max(0, lambda - beta s^2)).   [n] -> [n]"""
    return np.sqrt(np.maximum(0, variance - beta * s ** 2))


# -------------------------------------------------------------------- capstone


def toy_vae_capstone(encoder, w, s, x, eps, lr):
    """([a, t], w, loss): one step up the ELBO.   x, eps [n]

    The KL of N(a x, t^2) to the prior has the slopes a x^2 and t - 1/t.
    """
    a, t = encoder
    z = a * x + t * eps
    rows = pathwise_gradient(lambda z: w * (x - w * z) / s ** 2, a * x, t,
                             eps)
    up = np.array([np.mean(rows[0] * x - a * x ** 2),
                   np.mean(rows[1]) - (t - 1 / t)])
    up_w = np.mean((x - w * z) * z) / s ** 2
    fit = (-0.5 * ((x - w * z) / s) ** 2 - np.log(s)
           - 0.5 * np.log(2 * np.pi))
    # A sum over the images, as it would be over codes
    kl = gaussian_kl_general(a * x, t + 0 * x, 0 * x, 1 + 0 * x) / len(x)
    loss = elbo_sign(np.array([np.mean(fit)]), np.array([kl]))
    return encoder + lr * up, w + lr * up_w, loss
