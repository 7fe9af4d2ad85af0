"""Labels for a model that makes images of a class one asks for.

Mirza and Osindero (2014): whatever a network sees, it sees the label too,
as further channels.
"""

import numpy as np

from tinygen.engine.autograd import Tensor
from tinygen.engine.ops import concatenate


def check_labels(labels, n, config):
    """n labels as int64, or None for a model without classes.

    ValueError: labels for a model without classes, none for one with them,
    another number than n, or one that is not a whole number in 0..classes-1.
    """
    k, kind = getattr(config, "classes", 0), type(config).__name__
    what = kind.removesuffix("Config")
    if labels is None:
        if k:
            raise ValueError(f"this {what} has {k} classes: give labels, one "
                             "for each image")
        return None
    if not k:
        raise ValueError(f"this {what} has no classes: set classes in "
                         f"{kind}, or leave the labels out")
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"there are {n} images, but the labels have shape "
                         f"{labels.shape}: give one for each image")
    good = np.isin(labels, np.arange(k))
    if not good.all():
        raise ValueError(f"labels must be whole numbers in 0..{k - 1}, got "
                         f"{labels[~good][0]}")
    return labels.astype(np.int64)


def in_turn(labels, n, config):
    """check_labels; without labels 0, 1, ..., classes - 1, 0, 1, ..."""
    if labels is None and config.classes:
        labels = np.arange(n) % config.classes
    return check_labels(labels, n, config)


def with_labels(x, labels, classes):
    """x, and a channel for each class: 1 in the label's, 0 in the others.

    x N ... C, array or Tensor, labels N; N ... C + classes. x itself if
    labels is None.
    """
    if labels is None:
        return x
    planes = np.zeros((*x.shape[:-1], classes), x.dtype)
    planes[np.arange(len(labels)), ..., labels] = 1
    join = concatenate if isinstance(x, Tensor) else concatenate.forward
    return join(x, planes, axis=-1)
