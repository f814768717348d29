"""How sure a mean or a share is: bootstrap and Wilson intervals, and a word for a difference."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest
from scipy.stats import t as student

NAN = math.nan
LEVEL = 0.95  # of every interval, if nothing else is asked for
DRAWS = 10_000  # of every bootstrap
SEEDS = 3  # from so many on there is an interval over seeds


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
    level: float = LEVEL,
    draws: int = DRAWS,
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


def bootstrap_difference(
    values: ArrayLike,
    groups: ArrayLike,
    others: ArrayLike,
    other_groups: ArrayLike,
    seed: int = 0,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Interval:
    """Mean of some values less that of others, with a percentile bootstrap interval.

    Both are drawn anew at once: a group that both share, such as a person, is drawn for both.

    Parameters
    ----------
    values, others : array (N,), array (M,)
    groups, other_groups : array (N,), array (M,)
        As for `bootstrap_mean`; a label means the same group in both.
    seed, level, draws
        As for `bootstrap_mean`; the interval is NaN if either has fewer than two groups.
    """
    one, two = np.asarray(values, float), np.asarray(others, float)
    if not len(one) or not len(two):
        return Interval(NAN, NAN, NAN)
    labels = np.concatenate([np.asarray(groups), np.asarray(other_groups)])
    if len(labels) != len(one) + len(two):
        raise ValueError(f"{len(one)} and {len(two)} values need a group each, got {len(labels)}")
    names, member = np.unique(labels, return_inverse=True)
    found = float(one.mean() - two.mean())
    if min(len(np.unique(some)) for some in (groups, other_groups)) < 2:
        return Interval(found, NAN, NAN)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    means = []
    for some, of in ((one, member[: len(one)]), (two, member[len(one) :])):
        sums = np.bincount(of, some, minlength=len(names))
        counts = times @ np.bincount(of, minlength=len(names))
        means.append(np.divide(times @ sums, counts, np.full(draws, NAN), where=counts > 0))
    low, high = np.nanquantile(means[0] - means[1], [(1 - level) / 2, (1 + level) / 2])
    return Interval(found, float(low), float(high))


def difference_of_shares(
    successes: int, total: int, other_successes: int, other_total: int, level: float = LEVEL
) -> Interval:
    """A share less another, with Newcombe's interval (his method 10); NaN without trials.

    Newcombe (1998), Statistics in Medicine 17, 873: Wilson's intervals of the two shares, their
    distances from the shares added in quadrature.
    """
    p, q = wilson(successes, total, level), wilson(other_successes, other_total, level)
    return Interval(
        p.value - q.value,
        p.value - q.value - math.hypot(p.value - p.low, q.high - q.value),
        p.value - q.value + math.hypot(p.high - p.value, q.value - q.low),
    )


def over_seeds(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of one value a seed, with Student's t-interval; no interval from fewer than `SEEDS`."""
    values = np.asarray(values, float)
    if not len(values):
        return Interval(NAN, NAN, NAN)
    if len(values) < SEEDS:
        return Interval(float(values.mean()), NAN, NAN)
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1)
    mean, half = float(values.mean()), float(half / math.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def wilson(successes: int, total: int, level: float = LEVEL) -> Interval:
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
