"""The CycleGAN that section 4.3 names: two translators, two judges.

Networks, objective, step, sampling: the order of chapter 04_3. The two sets
of images are called a and b; ab translates a to b, ba back, d_a and d_b
judge. Zhu et al. (2017), scaled to images of 28 x 28.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinygen.data import ImagePool, as_float, in_range, to_float
from tinygen.engine.autograd import Tensor, grad
from tinygen.engine.layers import (
    Conv2d,
    InstanceNorm,
    LeakyReLU,
    ReflectPad,
    ReLU,
    Residual,
    Sequential,
    UpsampleConv2d,
    _rng,
    parameters,
)
from tinygen.engine.losses import l1, least_squares
from tinygen.engine.ops import reflect_pad, tanh
from tinygen.engine.optim import Adam, linear_decay
from tinygen.models.settings import (
    ANY,
    check,
    check_count,
    check_images,
    check_memory,
    check_sides,
    in_parts,
)


@dataclass
class CycleGANConfig:
    """The settings of a CycleGAN, each with the reason for its value."""

    channels: int = 3           # 3 for colour, 1 for grey
    size: int = 28              # the sides; halved twice, so 4 divides it
    width: int = 16             # the paper's 64 is for 256 x 256 pixels
    blocks: int = 3             # the paper's 9, for images 9 times as wide
    skips: bool = True          # ways round the norms; the paper has none
    cycle: float = 10.0         # the paper's weight of "and back again"
    identity: float = 5.0       # half of it, the paper's: keeps colours
    pool: int = 50              # past images kept for D, the paper's
    lr: float = 1e-3            # the paper's 2e-4 wants a longer training
    beta1: float = 0.5          # the usual 0.9 oscillates: see the GAN
    schedule: int = 3000        # steps; in the second half lr falls to 0

    def __post_init__(self):
        check(self, least={"blocks": 0, "pool": 0, "size": ANY})
        check_sides(self.size, "the generators halve the sides twice and "
                    "double them again", least=8)


# ---------------------------------------------------------------- networks


def normed(conv):
    """A convolution, its instance norm, ReLU; the norm brings the bias."""
    return [conv, InstanceNorm(conv.w.shape[-1]), ReLU()]


def residual(c, rng):
    """x + two convolutions of x: a block that can leave x as it is."""
    def conv():
        return Conv2d(c, c, 3, pad=0, bias=False, rng=rng)

    return Residual(ReflectPad(1), *normed(conv()),
                    ReflectPad(1), conv(), InstanceNorm(c))


class Translator:
    """h = first(x);  y = tanh(last(h + inner(h)) + 1.5 x).

    The inner layers decide on small images what has to change, and where.
    Their instance norms take away how bright and how colourful an image is;
    h and x, which go round them, bring it back. Images N size size
    channels, in and out. The border is mirrored: a black one would show.
    """

    def __init__(self, config, rng):
        c, self.skips = config.width, config.skips
        self.first = Sequential(
            ReflectPad(3), Conv2d(config.channels, c, 7, pad=0, rng=rng),
            LeakyReLU())                                    # N 28 28 w
        self.inner = Sequential(
            *normed(Conv2d(c, 2 * c, stride=2, bias=False, rng=rng)),
            *normed(Conv2d(2 * c, 4 * c, stride=2, bias=False, rng=rng)),
            *[residual(4 * c, rng) for _ in range(config.blocks)],
            *normed(UpsampleConv2d(4 * c, 2 * c, bias=False, rng=rng)),
            UpsampleConv2d(2 * c, c, bias=False, rng=rng),
            InstanceNorm(c))                                # N 28 28 w
        self.last = Sequential(
            ReLU(), ReflectPad(3),
            Conv2d(c, config.channels, 7, pad=0, gain=0.1, rng=rng))

    def __call__(self, x, train=False, rng=None):
        h = self.first(x, train, rng)
        y = self.inner(h, train, rng)
        if not self.skips:
            return tanh(self.last(y, train, rng))
        return tanh(self.last(h + y, train, rng) + 1.5 * x)


def discriminator(config, rng):
    """Images N size size channels -> verdicts N size/4 size/4 1.

    A PatchGAN: each verdict sees 26 x 26 pixels, whatever the image's size.
    """
    c = 2 * config.width
    return Sequential(
        Conv2d(config.channels, c, 4, stride=2, pad=1, rng=rng),
        LeakyReLU(),                                    # N 14 14 2w
        Conv2d(c, 2 * c, 4, stride=2, pad=1, bias=False, rng=rng),
        InstanceNorm(2 * c), LeakyReLU(),               # N 7 7 4w
        Conv2d(2 * c, 4 * c, bias=False, rng=rng),
        InstanceNorm(4 * c), LeakyReLU(),               # N 7 7 8w
        Conv2d(4 * c, 1, gain=0.1, rng=rng))            # N 7 7 1


# --------------------------------------------------------------- objective


def generators_loss(model, a, b):
    """What the generators make small: (loss, its terms, fake_a, fake_b).

    a, b: arrays N H W C. The terms, each for both directions: the judges'
    verdicts on the fakes; the way there and back; what is done to an image
    that is already of the wanted set.
    """
    c, a, b = model.config, Tensor(a), Tensor(b)
    fake_b, fake_a = model.ab(a, train=True), model.ba(b, train=True)
    terms = {"gan": least_squares(model.d_a(fake_a, train=True))
             + least_squares(model.d_b(fake_b, train=True))}
    if c.cycle:
        terms["cycle"] = (l1(model.ba(fake_b, train=True), a)
                          + l1(model.ab(fake_a, train=True), b))
    if c.identity:
        terms["identity"] = (l1(model.ba(a, train=True), a)
                             + l1(model.ab(b, train=True), b))
    loss = terms["gan"]
    for name in ("cycle", "identity"):
        if name in terms:
            loss = loss + getattr(c, name) * terms[name]
    return loss, terms, fake_a.data, fake_b.data


def discriminators_loss(model, a, b, fake_a, fake_b):
    """What the judges make small: least squares, real 1 and fake 0.

    All are arrays N H W C, the fakes too: no gradient can reach the
    generators from here.
    """
    def judge(d, real, fake):
        return least_squares(d(Tensor(real), train=True),
                             d(Tensor(fake), train=True))

    return judge(model.d_a, a, fake_a) + judge(model.d_b, b, fake_b)


# -------------------------------------------------------------------- step


def generators_step(model, a, b, lr):
    """One update of ab and ba; the judges are left as they are.

    Returns (report, fake_a, fake_b): the fakes, for the judges' step.
    """
    loss, terms, fake_a, fake_b = generators_loss(model, a, b)
    model.opt_g.step(grad(loss, model.g_parameters), lr)
    return ({"g_loss": loss.item()} | {k: t.item() for k, t in terms.items()},
            fake_a, fake_b)


def discriminators_step(model, a, b, fake_a, fake_b, lr):
    """One update of d_a and d_b, on real images and on fakes of the pool."""
    loss = discriminators_loss(model, a, b, fake_a, fake_b)
    model.opt_d.step(grad(loss, model.d_parameters), lr)
    return {"d_loss": loss.item()}


class CycleGAN:
    """Four networks, two optimisers, two pools; step() trains on a batch
    of each set, translate() takes images from one set to the other."""

    name, sets = "cyclegan", 2

    def __init__(self, config=None, rng=None):
        self.config = config = c = config or CycleGANConfig()
        check_memory(c, ("width", "blocks", "pool"), 2 * (
            c.width * (130 * c.channels + 596 * c.width)
            + c.blocks * (288 * c.width ** 2 + 1000)),  # 1000: its layers
            2 * c.pool * c.size ** 2 * c.channels)
        rng = rng or np.random.default_rng(0)
        self.ab, self.ba = Translator(config, rng), Translator(config, rng)
        self.d_a = discriminator(config, rng)
        self.d_b = discriminator(config, rng)
        betas = (config.beta1, 0.999)
        self.opt_g = Adam(parameters(self.generators), config.lr, betas)
        self.opt_d = Adam(parameters([self.d_a, self.d_b]), config.lr, betas)
        shape = (config.size, config.size, config.channels)
        self.pool_a = ImagePool(config.pool, shape)
        self.pool_b = ImagePool(config.pool, shape)
        parameters(self)        # full names for messages: "ab.first.1.w"

    @property
    def generators(self):
        """Both, by name: what translating needs, and a file can hold."""
        return {"ab": self.ab, "ba": self.ba}

    @property
    def g_parameters(self):
        return list(parameters(self.generators).values())

    @property
    def d_parameters(self):
        return list(parameters([self.d_a, self.d_b]).values())

    def step(self, images, rng):
        """One round. images: (a, b), each N H W C in [-1, 1], unpaired.

        Returns the losses. ValueError: the schedule has come to its end.
        """
        a, b = self._check(images)
        rng = _rng(rng)
        c, t = self.config, int(self.opt_g.t)
        lr = linear_decay(c.lr, t, c.schedule // 2, c.schedule)
        report, fake_a, fake_b = generators_step(self, a, b, lr)
        return report | discriminators_step(
            self, a, b, self.pool_a(fake_a, rng), self.pool_b(fake_b, rng),
            lr)

    # -------------------------------------------------------------- sampling

    def translate(self, images, to="b"):
        """Images N H W C, made to look like set b (or a): floats in (-1, 1).

        images: uint8, or floats in [-1, 1]; of any sides from 8 on.
        """
        if to not in ("a", "b"):
            raise ValueError(f'translate: to is "a" or "b", not {to!r}')
        images = np.asarray(images)
        if images.dtype == np.uint8:
            images = to_float(images)
        images = in_range(images, "translate").astype(
            self.g_parameters[0].dtype, copy=False)
        if images.ndim != 4 or images.shape[3] != self.config.channels or min(
                images.shape[1:3]) < 8:
            raise ValueError(
                f"this CycleGAN translates images N H W "
                f"{self.config.channels} with sides of 8 pixels or more, not "
                f"{images.shape}")
        net = self.ab if to == "b" else self.ba
        return in_parts(lambda x: self._whole(net, x), images)

    def _whole(self, net, x):
        """net(x), mirrored to sides that 4 divides and cut again."""
        height, width = x.shape[1:3]
        more = max(-height % 4, -width % 4)
        if more:
            x = reflect_pad(x, more)[:, more:, more:]
            x = x[:, :height + -height % 4, :width + -width % 4]
        return net(x)[:, :height, :width]

    def sample(self, n, rng, images):
        """n images out of (a, b): each followed by its translation.

        The first half goes from a to b, the second from b to a.
        """
        check_count(n, self.config)
        rng, rows, half = _rng(rng), [], math.ceil(n / 2)
        for some, to, k in zip(images, "ba", (half - half // 2, half // 2)):
            some = some[rng.choice(len(some), k, replace=k > len(some))]
            some = as_float(some)
            rows += [*zip(some, self.translate(some, to))]
        return np.concatenate([some[:0], *(
            image[None] for row in rows for image in row)])[:n]

    def _check(self, images):
        if not isinstance(images, tuple) or len(images) != 2:
            raise ValueError("a CycleGAN trains on two sets of images: give "
                             "a pair (a, b)")
        for some in images:
            check_images(some, self)
        if len(images[0]) != len(images[1]):
            raise ValueError("the batches of a and of b must be as large: "
                             f"{len(images[0])} and {len(images[1])}")
        self.check_steps(int(self.opt_g.t) + 1)
        return images

    def check_steps(self, steps):
        """ValueError: the schedule ends before step number `steps`."""
        if steps > self.config.schedule:
            raise ValueError(
                f"the schedule ends after step {self.config.schedule}, where "
                f"the learning rate is 0, so it can not train up to step "
                f"{steps}: for a longer training set schedule in "
                "CycleGANConfig (--schedule) before it begins")
