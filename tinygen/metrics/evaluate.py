"""A trained model on one page: a table of measures, and pictures.

evaluate() measures, Evaluation.text() is the table for a terminal and
.html() a page that needs no other file.
"""

import base64
import html
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import numpy as np

from tinygen import data, metrics
from tinygen.data import as_float
from tinygen.metrics.features import SETS, SOURCE, look

MOST = 10_000       # training images whose features are taken
SHOWN = 1000        # images whose nearest training image is looked for
CLASSES = {"sprites": data.SPRITE_NAMES, "mnist": tuple("0123456789")}
BETTER = {"FID": "lower", "KID x 1000": "lower", "classifier score":
          "higher", "precision": "higher", "recall": "higher", "density":
          "near 1", "coverage": "higher", "class gap": "lower", "diversity":
          "as real", "distance to nearest": "as real"}


@dataclass
class Evaluation:
    """Rows (measure, better, model's, real images'); counts of classes;
    pictures (heading, caption, alt text, PNG); and what was compared."""

    title: str
    note: str
    rows: list = field(default_factory=list)
    classes: list = field(default_factory=list)
    pictures: list = field(default_factory=list)

    def text(self):
        """The table, in columns."""
        rows = [("", "better", "this model", "real images"), *self.rows]
        wide = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide))
                 for row in rows]
        return "\n".join([self.title, *map(str.rstrip, lines),
                          *textwrap.wrap(self.note, 79)])

    def html(self):
        """The page. It asks for nothing: pictures are in it."""
        def row(cells):
            return '<tr><th scope="row">' + "<td>".join(
                html.escape(cell) for cell in cells)

        title = html.escape(self.title)
        figures = "\n".join(
            f'<h2>{html.escape(name)}</h2>\n<figure><img alt="'
            f'{html.escape(alt)}" src="data:image/png;base64,'
            f'{base64.b64encode(png).decode()}"><figcaption>'
            f"{html.escape(caption)}</figcaption></figure>"
            for name, caption, alt, png in self.pictures)
        page = (Path(__file__).parent / "report.html").read_text("utf-8")
        return Template(page).substitute(
            title=title, note=html.escape(self.note), figures=figures,
            rows="\n".join(map(row, self.rows)),
            classes="\n".join(map(row, self.classes)))


def evaluate(fake, real, fresh=None, title="evaluation", model=None,
             truth=None, seed=0):
    """An Evaluation of images `fake` by a model trained on `real`.

    All uint8 or floats in [-1, 1], N 28 28 C; C 3 asks the classifier of
    sprites, C 1 that of digits. fresh: real images that the model has not
    seen, as a yardstick: no model need be nearer than they. model: a vae,
    for its ELBO on them. truth: the images that `fake` should be, if known.
    ValueError: images that the classifier does not know, or too few.
    """
    rng = np.random.default_rng(seed)
    some = real[rng.permutation(len(real))[:MOST]]
    of = "mnist" if np.shape(real)[-1] == SETS["mnist"][0] else "sprites"
    real_x, chances = look(some, of)
    known = real_x, metrics.mode_histogram(chances)
    mine = measures(fake, real, known, of)
    theirs = {} if fresh is None else measures(fresh, real, known, of)
    page = Evaluation(title, (
        f"{len(fake)} images of this model against {len(some)} of the "
        f"{len(real)} training images; for comparison "
        + (f"{len(fresh)} real images that it has not seen"
           if theirs else "there are no other real images")
        + ". In brackets: 95 % intervals. FID to class gap: " + SOURCE + "."))
    page.rows = [(name, BETTER[name], mine[name], theirs.get(name, "-"))
                 for name in mine if name in BETTER]
    if model is not None:
        page.rows += likelihood(model, real if fresh is None else fresh, rng)
    if truth is not None:
        page.rows += [
            (f"{name} to the true images", "higher",
             f"{np.mean(measure(fake, truth)):.4g}", "-")
            for name, measure in (
                ("PSNR, dB,", metrics.psnr), ("SSIM", metrics.ssim))]
    page.classes = [(name, *(f"{1000 * c[k] / c.sum():.0f}" for c in (
        mine["classes"], known[1]))) for k, name in enumerate(CLASSES[of])]
    page.pictures = pictures(fake, real, mine["nearest"])
    return page


def drawn(model, images, name, n=2000, to="b", seed=0):
    """What evaluate() takes: n images of a model, and what they should be
    like, as a dict.

    images: the training set, for a cyclegan the pair of sets; name: what
    tells of it, "sprites" and "mnist" having images besides. A cyclegan's
    images are translations to set `to`; of sprites the truth is known.
    """
    rng, found = np.random.default_rng(seed), {"real": images}
    if getattr(model, "sets", 1) == 2:
        source, truth = images if to == "b" else images[::-1]
        found = {"real": truth}
        if name == "sprites":
            pair = data.sprite_pairs(n, rng=2)
            source, found["truth"] = pair if to == "b" else pair[::-1]
            found["fresh"] = data.sprites(n, rng=3, style=(
                "striped" if to == "b" else "solid"))[0]
        return found | {"fake": model.translate(source[:n], to)}
    if name == "sprites":
        found["fresh"] = data.sprites(n, rng=1)[0]
    elif name == "mnist":       # shuffled: the second half is harder
        found["fresh"] = np.random.default_rng(1).permutation(
            data.mnist("test")[0])[:n]
    if model.name == "vae":
        found["model"] = model
    return found | {"fake": model.sample(n, rng)}


def measures(images, real, known, of):
    """What evaluate() says of images, in words; known: the real features
    and counts of classes. "nearest": gaps and numbers, for pictures."""
    x, p = look(images, of)
    real_x, real_counts = known
    fid = metrics.fid(real_x, x)            # refuses too few
    n = min(len(x), len(real_x), 5000)      # equal: they depend on it
    precision, recall = metrics.precision_recall(real_x[:n], x[:n])
    density, coverage = metrics.density_coverage(real_x[:n], x[:n])
    some, counts = images[:SHOWN], metrics.mode_histogram(p)
    found = metrics.nearest(some, real)
    away = metrics.blur(as_float(some)) - metrics.blur(as_float(real[found]))
    gaps = np.sqrt((away ** 2).mean(axis=(1, 2, 3)))
    values = (between(fid),
              between(metrics.kid(real_x, x), 1000),
              between(metrics.inception_score(p)),
              *(f"{value:.3f}" for value in (
                  precision, recall, density, coverage,
                  metrics.mode_gap(counts, real_counts),
                  metrics.diversity(some), np.median(gaps))))
    return dict(zip(BETTER, values)) | {
        "nearest": (gaps, found), "classes": counts}


def between(estimate, factor=1):
    """The value and its interval, in words."""
    value, low, high = (
        f"{factor * v:.3g}" if abs(factor * v) < 1000 else f"{factor * v:.0f}"
        for v in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def likelihood(model, images, rng):
    """Rows with a vae's ELBO, and with its bits per dimension."""
    bound = metrics.elbo(model, images[:SHOWN], rng)
    step = 2 / 255 if model.config.decoder == "gaussian" else 1
    bits = metrics.bits_per_dimension(-bound, np.prod(images.shape[1:]), step)
    return [(f"ELBO, nats, {bound.n} images", "higher", between(bound), "-"),
            ("bits per dimension, at most", "lower", f"{bits:.4f}", "-")]


def pictures(fake, real, near):
    """Samples, and those nearest to a training image beside it."""
    gap, found = near
    # In units of an image's own contrast: else pale and thin ones come first
    contrast = as_float(fake[:len(gap)]).std(axis=(1, 2, 3))
    first = np.argsort(gap / (contrast + 1e-6))[:24]
    pairs = np.stack([as_float(fake[first]), as_float(real[found[first]])], 1)
    pairs = pairs.reshape(-1, *pairs.shape[2:])
    return [
        ("Samples", "The first 64 images, not chosen.",
         "A grid of 64 images by the model, 16 in a row.",
         data.grid_png(fake[:64], 16)),
        ("Copies?", f"Of {len(gap)} images the 24 that are nearest to a "
         "training image (by the blurred pixels, for their contrast), each "
         "to the left of that one. A pair alike in every detail is a copy.",
         "Pairs of images, 4 pairs in a row: left the model's, right the "
         "training image nearest to it; the most alike come first.",
         data.grid_png(pairs, 8))]
