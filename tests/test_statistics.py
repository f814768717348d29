"""Intervals: against resampling in plain loops, textbook formulas and published examples."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from tinyvgg.experiments import statistics
from tinyvgg.experiments.statistics import (
    Interval,
    bootstrap_difference,
    bootstrap_mean,
    difference_of_shares,
    over_seeds,
    verdict,
    wilson,
)

QUANTILES = [0.025, 0.975]


def resampled(names, statistic, draws=4000, seed=11):
    """Percentiles of a statistic of groups drawn with replacement, one draw after the other."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        value = statistic(rng.choice(names, len(names)))
        if value is not None:
            found.append(value)
    return np.quantile(found, QUANTILES)


def mean_of(values, groups, drawn):
    some = [v for name in drawn for v in values[groups == name]]
    return np.mean(some) if some else None


# ---------------------------------------------------------------------- a mean


@pytest.mark.parametrize("seed", range(2))
def test_a_bootstrap_mean_is_that_of_groups_resampled_in_plain_loops(seed):
    rng = np.random.default_rng(seed)
    groups = rng.choice(list("abcdefghi"), 40, p=np.arange(9, 0, -1) / 45)  # of unequal sizes
    values = rng.normal(size=40) + (groups == "a")
    made = bootstrap_mean(values, groups)
    assert made.value == pytest.approx(values.mean())
    expected = resampled(np.unique(groups), lambda drawn: mean_of(values, groups, drawn))
    width = expected[1] - expected[0]
    assert made[1:] == pytest.approx(expected, abs=0.06 * width)


def test_values_without_groups_are_resampled_one_by_one():
    values = np.random.default_rng(2).exponential(size=25)
    expected = resampled(np.arange(25), lambda drawn: values[drawn].mean())
    assert bootstrap_mean(values)[1:] == pytest.approx(expected, rel=0.03)
    assert bootstrap_mean(values) == bootstrap_mean(values, 7 * np.arange(25))


def test_a_bootstrap_interval_covers_the_mean_as_often_as_it_claims(monkeypatch):
    monkeypatch.setattr(statistics, "DRAWS", 600)
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        _, low, high = bootstrap_mean(rng.normal(1, 2, 40), seed=trial)
        covered += low <= 1 <= high
    assert 178 <= covered <= 199


def test_groups_that_resemble_each_other_widen_the_interval():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), 10)
    values = rng.normal(size=12)[groups] + 0.1 * rng.normal(size=120)
    alone, grouped = bootstrap_mean(values), bootstrap_mean(values, groups)
    assert alone.value == pytest.approx(grouped.value) == pytest.approx(values.mean())
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_the_interval_comes_from_the_seed_alone_and_widens_with_its_level(monkeypatch):
    rng = np.random.default_rng(1)
    values, groups = rng.normal(size=60), rng.integers(0, 20, 60)
    made = bootstrap_mean(values, groups, seed=3)
    assert made == bootstrap_mean(values, groups, seed=3)
    assert made != bootstrap_mean(values, groups, seed=4)
    monkeypatch.setattr(statistics, "LEVEL", 0.5)
    half = bootstrap_mean(values, groups, seed=3)
    assert made.low < half.low < half.value < half.high < made.high


def test_intervals_of_too_few_values_are_unknown():
    assert all(math.isnan(x) for x in bootstrap_mean([]))
    value, low, high = bootstrap_mean([1.0, 3.0], groups=[7, 7])
    assert value == 2 and math.isnan(low) and math.isnan(high)
    assert all(math.isnan(x) for x in wilson(0, 0))
    assert all(math.isnan(x) for x in Interval.unknown())
    with pytest.raises(ValueError, match="one length"):
        bootstrap_mean([1.0, 2.0], [1])


def test_values_that_do_not_vary_have_an_interval_of_no_width():
    assert bootstrap_mean([1, 1]) == (1, 1, 1)
    assert bootstrap_mean([0, 0, 0], [1, 1, 2]) == (0, 0, 0)
    assert bootstrap_difference([1, 1], [1, 2], [0, 0], [3, 4]) == (1, 1, 1)


# ---------------------------------------------------------------------- a difference


def test_a_bootstrap_difference_is_that_of_shared_groups_resampled_in_plain_loops():
    rng = np.random.default_rng(5)
    values, groups = rng.normal(1, 1, 30), rng.integers(0, 6, 30)
    others, other_groups = rng.normal(0, 1, 40), rng.integers(2, 9, 40)
    made = bootstrap_difference(values, groups, others, other_groups)
    assert made.value == pytest.approx(values.mean() - others.mean())

    def statistic(drawn):
        one, two = mean_of(values, groups, drawn), mean_of(others, other_groups, drawn)
        return None if one is None or two is None else one - two

    expected = resampled(np.union1d(groups, other_groups), statistic)
    width = expected[1] - expected[0]
    assert made[1:] == pytest.approx(expected, abs=0.06 * width)


def test_resamples_in_which_one_part_has_no_group_do_not_count():
    values, groups = [0.0, 1.0], ["a", "b"]
    others, other_groups = [0.0, 2.0], ["c", "d"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = bootstrap_difference(values, groups, others, other_groups)  # 2 of 16 do not count
    assert made.value == -0.5
    assert made[1:] == (-2, 1)


def test_a_difference_needs_two_groups_in_both_and_as_many_labels_as_values():
    values, groups = [1.0, 2.0, 3.0], [0, 1, 2]
    assert math.isnan(bootstrap_difference(values, groups, [1.0], [1]).low)
    assert bootstrap_difference(values, groups, [1.0, 0.0], [1, 1]).value == 1.5
    assert math.isnan(bootstrap_difference(values, groups, [1.0, 0.0], [1, 1]).low)
    assert all(math.isnan(x) for x in bootstrap_difference([], [], values, groups))
    assert all(math.isnan(x) for x in bootstrap_difference(values, groups, [], []))
    with pytest.raises(ValueError, match="need a group each"):
        bootstrap_difference(values, groups, [1.0, 2.0], [1])


def test_a_difference_of_people_in_both_is_surer_than_of_different_people():
    people = np.repeat(np.arange(20), 2)
    level = np.repeat(np.random.default_rng(1).normal(0, 5, 20), 2)
    same = bootstrap_difference(level + 1, people, level, people)
    different = bootstrap_difference(level + 1, people, level, people + 100)
    assert same.high - same.low < 0.01 < different.high - different.low


# ---------------------------------------------------------------------- shares


def test_wilsons_interval_is_the_textbooks():
    share, low, high = wilson(8, 10)
    z, n, p = 1.959963984540054, 10, 0.8
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert share == 0.8
    assert (low, high) == pytest.approx((centre - half, centre + half))


def test_newcombes_own_example():
    """56 of 70 against 48 of 80: 0.0524 to 0.3339 by his method 10 (1998, Table II)."""
    difference = difference_of_shares(56, 70, 48, 80)
    assert difference == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert math.isnan(difference_of_shares(0, 0, 1, 2).value)


# ---------------------------------------------------------------------- seeds and verdicts


def test_over_seeds_is_students_interval():
    values = [0.2, 0.5, 0.4, 0.1, 0.3]
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert over_seeds(values)[1:] == pytest.approx(expected)
    assert over_seeds([1, 2])[0] == 1.5 and math.isnan(over_seeds([1, 2]).low)
    assert math.isnan(over_seeds([]).value)


def test_a_verdict_follows_from_which_side_of_zero_the_interval_lies():
    words = ("more", "less", "same", "unknown")
    assert verdict(bootstrap_mean([1.0, 1.1, 1.2]), *words) == "more"
    assert verdict(bootstrap_mean([-1.0, -1.1, -1.2]), *words) == "less"
    assert verdict(bootstrap_mean([-1.0, 1.0, -1.0, 1.0]), *words) == "same"
    assert verdict(bootstrap_mean([1.0]), *words) == "unknown"
    assert bootstrap_mean([0.5, 0.5]).named("x", 100) == {"x": 50, "x_low": 50, "x_high": 50}
