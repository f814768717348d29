"""Accuracy of networks that were trained alike, each with another seed.

From `SEEDS` seeds on, seeds are the sample: the mean over them, with Student's t-interval. With
fewer, the test images are, those of all seeds together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyvgg.experiments.statistics import (
    SEEDS,
    Interval,
    difference_of_shares,
    over_seeds,
    wilson,
)

Count = tuple[int, int]  # test images classified correctly, and all test images


def accuracy(seeds: Sequence[Count]) -> Interval:
    """The accuracy, with Wilson's interval if there are few seeds; NaN without any.

    Parameters
    ----------
    seeds : sequence of (int, int)
        Correct and all test images of each seed.
    """
    if len(seeds) >= SEEDS:
        value, low, high = over_seeds([right / test for right, test in seeds])
        return Interval(value, max(low, 0.0), min(high, 1.0))  # it is a share
    right, test = np.sum(seeds, axis=0) if len(seeds) else (0, 0)
    return wilson(int(right), int(test))


def accuracy_difference(pairs: Sequence[tuple[Count, Count]]) -> Interval:
    """The accuracy of one way to train minus that of another, paired by seed.

    With few seeds, Newcombe's interval.

    Parameters
    ----------
    pairs : sequence of ((int, int), (int, int))
        Correct and all test images of both ways, seed by seed.
    """
    if len(pairs) >= SEEDS:
        return over_seeds([a / n - b / m for (a, n), (b, m) in pairs])
    (a, n), (b, m) = np.sum(pairs, axis=0)
    return difference_of_shares(int(a), int(n), int(b), int(m))
