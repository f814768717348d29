"""Accuracies over seeds: seeds are the sample if there are enough, else the test images."""

from __future__ import annotations

import math

import pytest

from tinyvgg.experiments.accuracies import accuracy, accuracy_difference
from tinyvgg.experiments.statistics import difference_of_shares, over_seeds, wilson


def test_few_seeds_are_pooled_and_more_are_a_sample():
    assert accuracy([(90, 100)]) == wilson(90, 100)
    assert accuracy([(90, 100), (80, 100)]) == wilson(170, 200)
    assert accuracy([(90, 100), (80, 100), (40, 50)]) == over_seeds([0.9, 0.8, 0.8])
    assert all(math.isnan(value) for value in accuracy([]))


def test_an_interval_over_seeds_stays_a_share():
    value, low, high = accuracy([(100, 100), (99, 100), (95, 100)])
    assert high == 1 < over_seeds([1, 0.99, 0.95]).high
    assert low == over_seeds([1, 0.99, 0.95]).low and value == pytest.approx(0.98)
    assert accuracy([(0, 9), (0, 9), (1, 9)]).low == 0


def test_differences_are_paired_by_seed():
    pairs = [((80, 100), (90, 100)), ((70, 100), (75, 100))]
    assert accuracy_difference(pairs) == difference_of_shares(150, 200, 165, 200)
    more = [*pairs, ((60, 100), (75, 100))]
    assert accuracy_difference(more) == pytest.approx(over_seeds([-0.1, -0.05, -0.15]))
