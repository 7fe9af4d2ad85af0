import numpy as np


def spread__not_rooted(x):
    """This is the mean of the *squared* distances: its unit is that of x
    squared. A spread has the unit of x."""
    return np.mean((x - x.mean(axis=1, keepdims=True)) ** 2, axis=1)


def spread__not_centred(x):
    """The mean was not taken away first: this measures the distance from 0.

    Section: The sample's section on means"""
    return np.sqrt(np.mean(x ** 2, axis=1))


def spread__library(x):
    """np.std computes all of it. Write the formula out: that is the
    exercise."""
    return np.std(x, axis=1)
