"""Intervals of means and shares (bootstrap, Wilson), and the verdict on a difference.

`scipy.stats` takes a second to import, so it is imported with the first interval.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

NAN = math.nan
LEVEL = 0.95  # of every interval
DRAWS = 10_000  # of every bootstrap
SEEDS = 3  # fewest seeds for an interval over seeds


class Interval(NamedTuple):
    """An estimate and its interval; all NaN without data."""

    value: float
    low: float
    high: float

    def named(self, name: str, scale: float = 1.0) -> dict[str, float]:
        """The three numbers as name, name_low and name_high, ready to glue."""
        keys = (name, f"{name}_low", f"{name}_high")
        return {key: scale * value for key, value in zip(keys, self, strict=True)}

    @classmethod
    def unknown(cls) -> Interval:
        """The interval without data, all NaN."""
        return cls(NAN, NAN, NAN)

    @classmethod
    def of(cls, numbers: Mapping[str, float | None], name: str) -> Interval:
        """The interval from name, name_low and name_high of some numbers; NaN for unknown ones."""
        found = (numbers.get(f"{name}{bound}") for bound in ("", "_low", "_high"))
        return cls(*(NAN if value is None else float(value) for value in found))


def mean(values: ArrayLike) -> float:
    """Mean of some values; NaN if there are none."""
    values = np.asarray(values, float)
    return float(values.mean()) if values.size else NAN


def people(table: pd.DataFrame) -> np.ndarray:
    """The subject of each row, by which a bootstrap resamples; the row itself if unknown."""
    if table.subject.notna().all():
        return table.subject.to_numpy()
    return table["case" if "case" in table else "row"].to_numpy()


def bootstrap_mean(values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0) -> Interval:
    """Mean of some values, with a percentile bootstrap interval.

    Parameters
    ----------
    values : array (N,)
    groups : array (N,), optional
        Whole groups are resampled, such as all images of a subject, since values of one group
        resemble each other. If not given, each value is a group of its own.
    seed : int
        Seeds the random number generator.

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
    _, member = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(member, values), np.bincount(member)
    if len(sums) < 2:
        return Interval(mean(values), NAN, NAN)
    bounds = _percentiles((sums, counts), lambda s, n: s / n, seed)
    return Interval(mean(values), *bounds)


def _percentiles(
    totals: Sequence[np.ndarray], statistic: Callable[..., np.ndarray], seed: int
) -> tuple[float, float]:
    """Percentile interval of a statistic of sums over groups, the groups resampled together.

    Resamples in which the statistic is undefined, because one of two parts has no group, do not
    count.
    """
    from scipy.stats import DegenerateDataWarning, bootstrap

    def resampled(*parts: np.ndarray, axis: int) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return statistic(*(part.sum(axis=axis) for part in parts))

    with warnings.catch_warnings():  # of resamples in which the statistic is not defined
        warnings.simplefilter("ignore", DegenerateDataWarning)
        made = bootstrap(
            totals,
            resampled,
            paired=True,
            vectorized=True,
            n_resamples=DRAWS,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    known = made.bootstrap_distribution[np.isfinite(made.bootstrap_distribution)]
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap_difference(
    values: ArrayLike,
    groups: ArrayLike,
    others: ArrayLike,
    other_groups: ArrayLike,
    seed: int = 0,
) -> Interval:
    """Mean of some values minus that of others, with a percentile bootstrap interval.

    Both are resampled together: a group that both share, such as a subject, is drawn for both.

    Parameters
    ----------
    values, others : array (N,), array (M,)
    groups, other_groups : array (N,), array (M,)
        As for `bootstrap_mean`. A label means the same group in both.
    seed : int
        As for `bootstrap_mean`. The interval is NaN if either has fewer than two groups.
    """
    one, two = np.asarray(values, float), np.asarray(others, float)
    if not len(one) or not len(two):
        return Interval.unknown()
    labels = np.concatenate([np.asarray(groups), np.asarray(other_groups)])
    if len(labels) != len(one) + len(two):
        raise ValueError(f"{len(one)} and {len(two)} values need a group each, got {len(labels)}")
    names, member = np.unique(labels, return_inverse=True)
    found = float(one.mean() - two.mean())
    if min(len(np.unique(some)) for some in (groups, other_groups)) < 2:
        return Interval(found, NAN, NAN)
    totals = []
    for some, of in ((one, member[: len(one)]), (two, member[len(one) :])):
        totals += [np.bincount(of, weights, len(names)) for weights in (some, np.ones(len(some)))]
    bounds = _percentiles(totals, lambda s, n, t, m: s / n - t / m, seed)
    return Interval(found, *bounds)


def difference_of_shares(
    successes: int, total: int, other_successes: int, other_total: int
) -> Interval:
    """A share minus another, with Newcombe's interval (his method 10); NaN without trials.

    Newcombe (1998), Statistics in Medicine 17, 873: Wilson's intervals of the two shares, their
    distances from the shares added in quadrature.
    """
    p, q = wilson(successes, total), wilson(other_successes, other_total)
    return Interval(
        p.value - q.value,
        p.value - q.value - math.hypot(p.value - p.low, q.high - q.value),
        p.value - q.value + math.hypot(p.high - p.value, q.value - q.low),
    )


def over_seeds(values: ArrayLike) -> Interval:
    """Mean of one value per seed, with Student's t-interval if there are `SEEDS` or more."""
    values = np.asarray(values, float)
    if len(values) < SEEDS:
        return Interval(mean(values), NAN, NAN)
    from scipy.stats import t as student

    half = student.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1)
    value, half = mean(values), float(half / math.sqrt(len(values)))
    return Interval(value, value - half, value + half)


def wilson(successes: int, total: int) -> Interval:
    """Share of successes, with Wilson's interval; NaN if there was no trial."""
    if not total:
        return Interval.unknown()
    from scipy.stats import binomtest

    bounds = binomtest(int(successes), int(total)).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / total, float(bounds.low), float(bounds.high))


def verdict(
    difference: Interval,
    more: str = "more than",
    less: str = "less than",
    same: str = "not measurably more or less than",
    unknown: str = "in too few cases to say whether more or less than",
) -> str:
    """The verdict on a difference: `more` or `less` if its interval leaves out zero, else `same`.

    `unknown` is the verdict on a difference without an interval.
    """
    if math.isnan(difference.low):
        return unknown
    if difference.low > 0:
        return more
    return less if difference.high < 0 else same
