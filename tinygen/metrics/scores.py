"""Scores of one set: by its classes, and by a model's own likelihood."""

import math

import numpy as np

from tinygen.data import as_float, check_batch
from tinygen.engine.autograd import no_grad
from tinygen.metrics.distances import (
    GROUPS,
    SOURCE,
    Estimate,
    deal,
    jackknife,
    rows_of,
)
from tinygen.models import VAE, vae


def _chances(p, who, least=1):
    p = rows_of(p, who, least)
    if p.min() < -1e-6 or not np.allclose(p.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"{who} takes probabilities, rows of numbers from 0 "
                         "that sum to 1: of logits take the softmax first")
    return np.clip(p, 0, 1)


def inception_score(probabilities):
    """exp(E KL(p(y given x) to p(y))), with p(y) = E p(y given x).

    probabilities N K: 1 when all images look alike to the classifier, at
    most K, for images that are sure and of all classes equally often. Not
    E exp KL, which is larger. Of the authors' score only the formula: it
    asks this package's classifier. Salimans et al. (2016). The value and
    its interval are jackknifed, before exp. ValueError: fewer than 40.
    """
    p = _chances(probabilities, "inception_score", 2 * GROUPS)
    at = deal(len(p), np.random.default_rng(0))
    parts = [p[at == g] for g in range(GROUPS)]
    count, total = np.array([len(x) for x in parts]), np.array(
        [x.sum(axis=0) for x in parts])
    own = np.array([_entropy(x).sum() for x in parts])

    def log_score(without):
        keep = np.arange(GROUPS) != without
        n = count[keep].sum()
        return _entropy(total[keep].sum(axis=0) / n) - own[keep].sum() / n

    return Estimate(*np.exp(jackknife(log_score)), len(p),
                    f"{len(p)} images; {SOURCE}")


def _entropy(p):
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)


def mode_histogram(probabilities):
    """How many images look most like each class: integers K, from N K.

    To be compared with np.bincount(labels) of real images, by mode_gap.
    """
    p = _chances(probabilities, "mode_histogram")
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1])


def mode_gap(counts, truth):
    """1/2 sum_k |counts_k / N - truth_k / M|: the share of images that
    would have to change class. counts, truth K.

    0 for equal shares, 1 when no class is in both. ValueError: not as many
    classes, or no images.
    """
    a, b = np.asarray(counts, float), np.asarray(truth, float)
    if a.shape != b.shape or not (a.sum() > 0 and b.sum() > 0):
        raise ValueError(f"mode_gap takes two histograms of the same "
                         f"classes, not empty; got {counts} and {truth}")
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


def elbo(model, images, rng, draws=1, at_once=100):
    """The VAE's lower bound of log p(x), in nats: the mean over images.

    images uint8, or floats in [-1, 1], N H W C; `draws` of z for each. The
    interval is the mean's, 1.96 standard errors. tinygen.models.vae.elbo is
    the formula; Kingma and Welling (2014). ValueError: a model without one,
    images that do not fit it, fewer than two.
    """
    if not isinstance(model, VAE):
        raise ValueError(f"a {getattr(model, 'name', type(model).__name__)} "
                         "has no ELBO: only a vae gives a likelihood")
    if len(images) < 2:
        raise ValueError("elbo needs at least two images, got "
                         f"{len(images)}")
    found = []
    for k in range(0, len(images), at_once):
        x = as_float(np.asarray(images[k:k + at_once]))
        check_batch(x, model.config)
        if model.config.binarize:
            x = vae.binarize(x, rng)
        with no_grad():
            found.append(vae.elbo(model, x, model.draw(
                draws, len(x), rng)).data)
    found = np.concatenate(found).astype(np.float64)
    mean, half = found.mean(), 1.96 * found.std(ddof=1) / len(found) ** 0.5
    return Estimate(mean, mean - half, mean + half, len(found),
                    f"nats an image, {len(found)} images")


def bits_per_dimension(nll, dimensions, step=1.0):
    """(nll / dimensions - log step) / log 2.

    nll: -log p(x) in nats, per image; dimensions: H W C. step: the width of
    a pixel's level, 1 for a probability of ink; 2 / 255 for a density over
    [-1, 1] of pixels that have 256 levels, which makes it comparable with
    8 bits. Theis et al. (2016).
    """
    if not (dimensions >= 1 and step > 0):
        raise ValueError("bits_per_dimension: dimensions is a number of "
                         f"pixels and channels, and step a width, not "
                         f"{dimensions} and {step}")
    return (float(nll) / dimensions - math.log(step)) / math.log(2)
