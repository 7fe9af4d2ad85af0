"""What a model's settings must be, and the sentences that say so."""

import math
import os
from contextlib import suppress
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from tinygen.data import check_batch
from tinygen.engine.autograd import Tensor, no_grad
from tinygen.engine.layers import parameters

KINDS = {int: (Integral, "a whole number"), float: (Real, "a number"),
         bool: (bool, "True or False"), str: (str, "text")}
ANY = -math.inf         # as a least value: whatever it is


def check(config, choices=None, least=None):
    """ValueError for a setting of a wrong kind, or out of its range.

    config   a dataclass; each field must be of its annotated kind
    choices  {setting: the values that it may have}
    least    {setting: its smallest value}; by default 1 for a whole
             number, and 0 for another, which must be finite, too
    """
    choices, least = choices or {}, least or {}
    for field in fields(config):
        name, value = field.name, getattr(config, field.name)
        kind, words = KINDS[field.type]
        if not isinstance(value, kind) or (
                isinstance(value, bool) and field.type is not bool):
            raise ValueError(f"{name} is {value!r}; it must be {words}")
        if isinstance(value, np.generic):   # JSON knows no numbers of NumPy
            setattr(config, name, value.item())
        if name in choices and value not in choices[name]:
            raise ValueError(f"{name} is {value!r}; it must be one of "
                             + ", ".join(choices[name]))
        if field.type in (int, float):
            low = least.get(name, 1 if field.type is int else 0)
            if not low <= value < math.inf:
                words = "at least" if field.type is int else "a number from"
                raise ValueError(f"{name} is {value}; it must be {words} "
                                 f"{low}")


def check_sides(size, why, least=4, otherwise=""):
    """ValueError, naming a size that would do, unless 4 divides the size."""
    if size % 4 or size < least:
        from_on = f" from {least} on" if least > 4 else ""
        raise ValueError(f"size is {size}, but {why}: take a multiple of 4"
                         f"{from_on}, such as "
                         f"{max(least, round(size / 4) * 4)}{otherwise}")


class Ration(np.random.Generator):
    """default_rng(0) for at most so many weights: a file from a stranger may
    ask for a model that no memory holds. ValueError before the first beyond.
    """

    def __init__(self, most):
        super().__init__(np.random.PCG64(0))
        self.left = most

    def standard_normal(self, size=None, dtype=np.float64):
        self.left -= math.prod(np.atleast_1d(size).tolist())
        if self.left < 0:
            raise ValueError("the model that it describes has far more "
                             "weights than it holds")
        return super().standard_normal(size, dtype)


# Where Linux keeps what a container may have: control groups 2 and 1
LIMITS = ("/sys/fs/cgroup/memory.max",
          "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory():
    """Bytes of memory that this computer has, or this container may have;
    64 GB where it does not say."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):   # Windows
        found = 2 ** 36
    for path in LIMITS:
        with suppress(OSError, ValueError):     # not there, or "max"
            found = min(found, int(Path(path).read_text()))
    return found


def check_memory(config, settings, weights, others=0):
    """ValueError, before anything is allocated, for what cannot fit.

    settings  the names of those that make the model large
    weights   about how many are trained: each has a slope, and Adam's two
              means; others: how many numbers there are besides. float32.
    """
    kind = type(config).__name__.removesuffix("Config")
    have = ", ".join(f"{name} {getattr(config, name)}" for name in settings)
    _check_fits(4 * weights + others, f"with {have} this {kind} needs",
                "make one of them smaller")


def check_count(n, config):
    """ValueError unless n, images to be drawn at once, is a whole number
    from 0, and they fit in the memory twice, float32."""
    if not isinstance(n, Integral) or n < 0:
        raise ValueError(f"n is {n!r}; it must be a whole number from 0")
    _check_fits(int(n) * config.size ** 2 * 2 * config.channels,
                f"{n} images at once need", "draw fewer")


def in_parts(net, x, most=64):
    """net(x) for an array x N ..., of at most so many rows at a time: so
    what is wide on the way does not grow with N. Each row must be its own
    affair, as in all networks that do not train. An array."""
    count = -(-len(x) // most) or 1     # of parts as equal as can be
    with no_grad():
        return np.concatenate([net(Tensor(part)).data
                               for part in np.array_split(x, count)])


def _check_fits(numbers, what, mend):
    """ValueError unless so many numbers, float32, fit in the memory."""
    needed = 4 * numbers
    if needed > memory():
        raise ValueError(
            f"{what} about {needed // 10 ** 9:,} GB of memory, and this "
            f"computer has {memory() // 10 ** 9}: {mend}")


def check_images(images, model):
    """check_batch, and ValueError unless the model computes in their dtype.
    """
    check_batch(images, model.config)
    if images.dtype == np.float32:  # as from batches(): no need to look
        return
    own = next(iter(parameters(model).values())).dtype
    if images.dtype != own:
        raise ValueError(
            f"the batch holds {images.dtype}; this {type(model).__name__} "
            f"trains on {own}: use images.astype(np.{own})")
