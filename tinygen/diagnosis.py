"""Is it training? diagnose() looks at a run and names what is wrong.

    print(tg.diagnose(model, images, history))      after tg.fit
    print(tg.diagnose("runs/gan-sprites", images))  a run's folder

Each disease has one measure, cheap enough to be taken while training, and
one threshold. The thresholds were set on small trainings, most of them on
sprites, and judged on others: chapters/runs/diagnose.json holds them all,
the misses too.
"""

from dataclasses import dataclass

import numpy as np

from tinygen.data import as_float
from tinygen.engine.autograd import Tensor, grad
from tinygen.engine.losses import kl_terms
from tinygen.metrics.images import distances
from tinygen.models.labels import in_turn

FEWEST = 60     # steps: before that a history says nothing
RECENT = 50     # steps that count as now
WAVES = 150     # steps, for waves: every training begins with some
IMAGES = 128    # samples, and as many real images, that are looked at

# name: (what to do, the chapter and its section)
KNOWN = {
    "healthy": (
        "Go on, and look at the samples.",
        ("04_1_gan", "Training")),
    "discriminator winning": (
        "Hold D back: fewer critic_steps, a smaller learning rate for D, or "
        "loss='wasserstein', whose critic may be ahead.",
        ("04_1_gan", "A discriminator that wins")),
    "mode collapse": (
        "Keep batch_norm, take a smaller lr, one step of G for one of D, and "
        "see that each image gets noise of its own.",
        ("04_1_gan", "Mode collapse")),
    "vanishing generator gradient": (
        "Take a loss that is steep where D is sure: "
        "loss='non_saturating'; and start G's last layer small.",
        ("03_1_gan", "Two goals for the generator")),
    "oscillation": (
        "Take beta1=0.5 and a smaller lr; an average of G's weights calms "
        "the samples.",
        ("03_1_gan", "What goes wrong: two players in a circle")),
    "posterior collapse": (
        "Sum the squared error over the pixels, choose a smaller sigma or "
        "beta; or let beta grow (warmup), or give free_bits.",
        ("04_2_vae", "Posterior collapse")),
    "hidden information": (
        "Give set b room for what the cycle asks for, lower cycle, or put "
        "noise on the translation while training.",
        ("04_3_cyclegan", "A hidden signal")),
    "checkerboard": (
        "Double the image first and convolve then (UpsampleConv2d), or take "
        "a window that the stride divides.",
        ("04_0_3_convolution", "What goes wrong: the checkerboard")),
}


@dataclass(frozen=True)
class Finding:
    """One name from KNOWN, and the sentence with the numbers behind it."""

    name: str
    evidence: str

    @property
    def remedy(self):
        """What to do about it."""
        return KNOWN[self.name][0]

    @property
    def chapter(self):
        """Where the book shows it: (file, section)."""
        return KNOWN[self.name][1]

    def __str__(self):
        file, section = self.chapter
        return (f"{self.name}\n  {self.evidence}\n  {self.remedy}\n"
                f"  Read: {file}, {section}")


@dataclass(frozen=True)
class Diagnosis:
    """What was found, the most telling first; never empty."""

    findings: tuple

    @property
    def name(self):
        """Of the first finding: the verdict."""
        return self.findings[0].name

    def __str__(self):
        return "\n".join(map(str, self.findings))


# ---- measures --------------------------------------------------------------


def variety(samples, real):
    """(spread, neighbour): how far apart the samples are, real images 1.

    spread: the mean distance of two. neighbour: the median distance to the
    nearest other one; small if there are only a few images, each drawn many
    times, as in the birthday test of Arora and Zhang (2018).
    """
    found = []
    for images in (samples, real):
        d = distances(images)
        off = ~np.eye(len(d), dtype=bool)
        near = np.where(off, d, np.inf).min(axis=1)
        found.append((d[off].mean(), np.median(near)))
    (spread, near), (real_spread, real_near) = found
    return spread / real_spread, near / real_near


def generator_gradient(model, z):
    """(length, share) of the gradient of G's loss L at its weights.

    length = |dL/dw|; share = |dL/dw| / |d mean D(G(z))/dw|: how much of the
    slope of the verdict the loss lets through. The minimax loss multiplies
    each by s(D), which is 0 where D is sure. Arjovsky and Bottou (2017).
    """
    weights, labels = model.g_parameters, in_turn(None, len(z), model.config)
    fake = model.g(model.told(Tensor(z), labels))
    verdict = model.d(model.told(fake, labels))

    def length(y):
        return float(np.sqrt(sum((g.data.astype(np.float64) ** 2).sum()
                                 for g in grad(y, weights))))

    slope = length(verdict.mean())
    loss = length(model.loss(verdict))
    return loss, loss / slope if slope else 0.0


def checkerboard(images):
    """How far the finest patterns stand out of slightly coarser ones.

    The geometric mean of P(h, 0) / P(k, 0), P(0, h) / P(0, k) and P(h, h) /
    P(k, k): h half the sides, k = 3h/4; P(u, v) the square of the Fourier
    coefficient with u waves down and v across, on average over images and
    channels. At (h, h) every pixel is the opposite of its four neighbours.
    Odena et al. (2016) show its origin. images N H W C, H = W.
    """
    power = (np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2).mean(axis=(0, 3))
    h = len(power) // 2
    k = 3 * h // 4
    peaks = [power[h * u, h * v] / max(power[k * u, k * v], 1e-12)
             for u, v in ((1, 0), (0, 1), (1, 1))]
    return float(np.prod(peaks) ** (1 / 3))


def swing(accuracy):
    """How far D's accuracy swings, in waves of a dozen steps and more.

    sqrt(max(0, mean of a_t a_(t+4))), a the accuracy minus its mean over
    the 51 steps around: a steady drift is taken out by the mean, the chance
    of each batch by the lag, since it is forgotten after one step.
    """
    weights = np.ones(51)
    a = accuracy - (np.convolve(accuracy, weights, "same")
                    / np.convolve(np.ones_like(accuracy), weights, "same"))
    a = a[len(a) // 3:]     # the beginning swings in every training
    return float(np.sqrt(max(0.0, (a[4:] * a[:-4]).mean())))


def amplification(model, images, to, back, size=0.02):
    """By how much the way back enlarges a small change of a translation.

    max over blocks of |F(y + n) - F(y)| / |n|, y = G(images); n: normal
    noise of spread `size`, one number for each block of 1, 4 or all pixels
    a side. What is hidden in y is weak, so who reads it must amplify; Chu
    et al. (2017) destroyed such a reconstruction by a little noise.
    """
    y = model.translate(images, to)
    plain = model.translate(y, back)
    n, h, w, c = y.shape
    found, rng = [], np.random.default_rng(0)
    for block in (1, 4, max(h, w)):
        few = rng.standard_normal((n, -(-h // block), -(-w // block), c))
        noise = few.repeat(block, 1).repeat(block, 2)[:, :h, :w] * size
        noisy = np.clip(y + noise, -1, 1).astype(np.float32)
        gap = model.translate(noisy, back) - plain
        found.append(np.sqrt((gap ** 2).mean() / ((noisy - y) ** 2).mean()))
    return float(max(found))


def code_length(model, images, labels=None):
    """(mean KL in nats, latents that are active), of q(z given x)."""
    kl = kl_terms(*map(Tensor, model.encode(images, labels)))
    return (float(kl.data.sum(axis=1).mean()),
            int(model.active_units(images, labels=labels).sum()))


# ---- rules: each is (name, is it so?, the sentence with the numbers) --------


def look_at_gan(model, images, history, labels):
    """The rules for a GAN; what explains another finding comes before it.

    A generator that has not left its beginning draws much the same for any
    noise too, but not as much the same as one that has collapsed.
    """
    rng = np.random.default_rng(0)
    samples = model.sample(len(images), rng)
    length, share = generator_gradient(model, model.draw(64, rng))
    right = float(history["d_accuracy"][-RECENT:].mean())
    waves = swing(history["d_accuracy"])
    spread, near = variety(samples, images)
    critic = model.config.loss == "wasserstein"  # it has no threshold
    yield ("mode collapse", spread < 0.1 or near < 0.1, (
        f"two samples differ by {spread:.0%} of what two real images do, "
        f"the nearest two by {near:.0%}"))
    yield ("vanishing generator gradient", length < 0.01 or (
        share < 0.1 and right > 0.9), (
        f"the gradient of G has length {length:.2g}, and the loss lets "
        f"{share:.2g} of D's slope through"))
    yield ("oscillation", waves > 0.05 and not critic and (
        len(history) >= WAVES), (
        f"D's accuracy swings by {waves:.3f} around its mean"))
    yield look_at_pattern(samples, images)
    yield ("discriminator winning", right > 0.98 and not critic, (
        f"D was right in {right:.1%} of its last verdicts"))


def look_at_vae(model, images, history, labels):
    """The rules for a VAE."""
    kl, active = code_length(model, images, labels)
    yield ("posterior collapse", kl < 1, (
        f"a code says {kl:.2f} nats of its image, with {active} of "
        f"{model.config.latent} latents active"))
    yield look_at_pattern(model.sample(
        len(images), np.random.default_rng(0)), images)


def look_at_cyclegan(model, pair, history, labels):
    """The rule for a CycleGAN."""
    gains = [amplification(model, images[:64], to, back)
             for images, to, back in zip(pair, "ba", "ab")]
    yield ("hidden information", max(gains) > 1.8, (
        f"the way back enlarges a small change {gains[0]:.1f} times from b "
        f"to a, {gains[1]:.1f} times from a to b"))


def look_at_pattern(samples, images):
    """The checkerboard, against that in real images."""
    ratio = checkerboard(samples) / max(checkerboard(images), 1e-12)
    return ("checkerboard", ratio > 25, (
        f"patterns of single pixels stand out {ratio:.3g} times as much as "
        "in real images"))


LOOK = {"gan": look_at_gan, "vae": look_at_vae, "cyclegan": look_at_cyclegan}


def some(x):
    """At most IMAGES of the images, or of their labels, from all over."""
    return x[::max(1, len(x) // IMAGES)][:IMAGES]


def examine(model, images, history, labels=None):
    """What tg.diagnose finds in a model, the images it was trained on (for
    a CycleGAN the two sets), its History, and the labels if it has classes.

    ValueError: another model, or fewer than 60 steps.
    """
    if model.name not in LOOK:
        raise ValueError(f"no rules for a {model.name!r}, only for "
                         + ", ".join(LOOK))
    if len(history) < FEWEST:
        raise ValueError(f"{len(history)} steps are too few for a diagnosis: "
                         f"train for at least {FEWEST}")
    seen = (tuple(as_float(some(part)) for part in images)
            if isinstance(images, tuple) else as_float(some(images)))
    labels = None if labels is None else some(labels)
    found = list(LOOK[model.name](model, seen, history, labels))
    ill = tuple(Finding(name, sentence[0].upper() + sentence[1:] + ".")
                for name, is_so, sentence in found if is_so)
    told = "; ".join(sentence for *_, sentence in found)
    return Diagnosis(ill or (Finding(
        "healthy", told[0].upper() + told[1:] + "."),))
