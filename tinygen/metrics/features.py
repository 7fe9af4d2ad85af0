"""What a small classifier sees in an image: 64 numbers, and class chances.

The classifiers, one for sprites and one for digits, are this package's own:
`python -m tinygen.metrics.classifier sprites` (or mnist) trains them. So an
FID on their features compares models within this book, not with papers,
whose features are those of an Inception network.
"""

from functools import cache
from pathlib import Path

import numpy as np

from tinygen.checkpoint import load
from tinygen.data import as_float, in_range
from tinygen.engine.autograd import Tensor, no_grad
from tinygen.engine.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    LeakyReLU,
    Linear,
    Pool,
    Sequential,
    load_state,
)
from tinygen.engine.ops import softmax

SOURCE = ("features of this package's own classifier: such numbers compare "
          "models within this book, not with papers")

# channels of the images; how many answers each question has. The first is
# the class. A sprite's colour, stripes and ground are asked for as well:
# features that ignore them would call a generator of red hearts perfect.
SETS = {"sprites": (3, (8, 8, 2, 2)), "mnist": (1, (10,))}
SIDE, FEATURES = 28, 64


class Classifier:
    """Images N 28 28 C -> features N 64 -> logits, all questions' in a row.

    See SETS. ValueError: a set that it does not know.
    """

    def __init__(self, of, rng=None):
        if of not in SETS:
            raise ValueError(f"there is no classifier of {of!r}: choose "
                             + " or ".join(map(repr, SETS)))
        rng = np.random.default_rng(0) if rng is None else rng
        channels, self.answers = SETS[of]
        layers = []
        for c, more in ((channels, 16), (16, 32), (32, 64)):
            layers += [Conv2d(c, more, rng=rng), BatchNorm(more),
                       LeakyReLU(), Pool("max")]            # N 3 3 64
        self.trunk = Sequential(
            *layers, Flatten(), Linear(9 * 64, FEATURES, rng=rng),
            LeakyReLU())
        self.last = Linear(FEATURES, sum(self.answers), gain=0.1, rng=rng)
        # Of the trunk's numbers, over the training images: see features
        self.mean = np.zeros(FEATURES, np.float32)
        self.std = np.ones(FEATURES, np.float32)

    def __call__(self, x, train=False, rng=None):
        return self.last(self.trunk(x, train))

    def look(self, x):
        """(features, probabilities) of the Tensor x, in one pass."""
        h = self.trunk(x)
        return (h - self.mean) / self.std, softmax(
            self.last(h)[:, :self.answers[0]], axis=-1)


def weights(of):
    """The file with the classifier's weights, in the package."""
    return Path(__file__).parent / "weights" / f"{of}.safetensors"


@cache
def classifier(of):
    """The trained classifier of "sprites" or "mnist"."""
    net = Classifier(of)
    load_state(net, load(weights(of))[0])
    return net


def features(images, of="sprites"):
    """What the last layer of the classifier is given: float64 N 64, each
    with mean 0 and deviation 1 over the classifier's training images.

    images: uint8, or floats in [-1, 1]; N 28 28 3 for "sprites", N 28 28 1
    for "mnist"; or an iterable of such batches, which are not kept.
    ValueError: another shape or set, no images, NaN, values outside
    [-1, 1], or images that seem to be scaled to [0, 1].
    """
    return look(images, of)[0]


def probabilities(images, of="sprites"):
    """softmax of the classifier's logits: chances of each class, N K.

    K: 8 shapes (tg.data.SPRITE_NAMES) or 10 digits. images as above.
    """
    return look(images, of)[1]


def look(images, of, at_once=256):
    """Both of these in one pass: (features, probabilities)."""
    net, rows = classifier(of), []
    shape = (SIDE, SIDE, SETS[of][0])
    for part in [images] if hasattr(images, "shape") else images:
        part = check_images(part, shape, of)
        for k in range(0, len(part), at_once):
            x = as_float(part[k:k + at_once]).astype(np.float32, copy=False)
            with no_grad():
                rows.append([y.data.astype(np.float64)
                             for y in net.look(Tensor(x))])
    if not rows:
        raise ValueError("there are no images to look at")
    return tuple(map(np.concatenate, zip(*rows)))


def check_images(images, shape, of):
    """images as an array, if they are what a classifier was trained on."""
    images = np.asarray(images)
    if images.shape[1:] != shape:
        other = " or ".join(name for name in SETS if name != of)
        raise ValueError(f"the classifier of {of} takes images N x "
                         + " x ".join(map(str, shape))
                         + f", not {images.shape}; there is one of {other}")
    if images.dtype != np.uint8:
        in_range(images, f"the classifier of {of}")
    if not images.size:
        return images
    low, high = images.min(), images.max()
    if high == 1 and images.dtype == np.uint8 or (
            images.dtype != np.uint8 and low >= 0 and high - low > 0.5):
        raise ValueError(f"these images reach from {low:.3g} to {high:.3g}, "
                         "as if scaled to [0, 1]: give x * 2 - 1, which is in "
                         "[-1, 1], or uint8 from 0 to 255")
    return images
