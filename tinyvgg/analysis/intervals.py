"""How sure a mean or a share is: bootstrap and Wilson intervals, and a word for a difference."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

NAN = math.nan


class Interval(NamedTuple):
    """An estimate and the interval around it; all NaN where there was nothing to estimate from."""

    value: float
    low: float
    high: float

    def named(self, name: str, scale: float = 1.0) -> dict[str, float]:
        """The three numbers as name, name_low and name_high, ready to be glued."""
        keys = (name, f"{name}_low", f"{name}_high")
        return {key: scale * value for key, value in zip(keys, self, strict=True)}


def bootstrap_mean(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    seed: int = 0,
    level: float = 0.95,
    draws: int = 10_000,
) -> Interval:
    """Mean of some values, with a percentile bootstrap interval.

    Parameters
    ----------
    values : array (N,)
    groups : array (N,), optional
        What is drawn anew is a whole group, such as all pictures of a person, since values of
        one group resemble each other; each value is a group of its own if not given.
    seed : int
        The only source of chance.
    level : float
        How often such an interval should hold the mean.
    draws : int

    Returns
    -------
    Interval
        NaN without values; an interval of NaN with fewer than two groups.
    """
    values = np.asarray(values, float)
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    if groups.shape != values.shape or values.ndim != 1:
        raise ValueError(
            f"values and groups must be of one length, got {values.shape} and {groups.shape}"
        )
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    if not len(values):
        return Interval(NAN, NAN, NAN)
    _, member = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(member, values), np.bincount(member)
    if len(sums) < 2:
        return Interval(float(values.mean()), NAN, NAN)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws)
    means = (times @ sums) / (times @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def wilson(successes: int, total: int, level: float = 0.95) -> Interval:
    """Share of successes, with Wilson's interval; NaN if there was no trial."""
    if not total:
        return Interval(NAN, NAN, NAN)
    bounds = binomtest(int(successes), int(total)).proportion_ci(level, method="wilson")
    return Interval(successes / total, float(bounds.low), float(bounds.high))


def verdict(
    difference: Interval,
    more: str = "more than",
    less: str = "less than",
    same: str = "not measurably more or less than",
    unknown: str = "in too few cases to say whether more or less than",
) -> str:
    """A word for a difference: `more` or `less` if its interval leaves zero out, else `same`.

    `unknown` is for a difference without an interval.
    """
    if math.isnan(difference.low):
        return unknown
    if difference.low > 0:
        return more
    return less if difference.high < 0 else same
