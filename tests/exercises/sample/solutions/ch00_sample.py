import numpy as np


def spread(x):
    """sqrt(mean((x - mean(x))^2)) of each row.   x [n, d] -> [n]"""
    return np.sqrt(np.mean(_centred(x) ** 2, axis=1))


def _centred(x):
    return x - x.mean(axis=1, keepdims=True)
