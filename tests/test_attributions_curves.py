"""Deletion and insertion curves: against pixels taken one after the other, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from worlds import random_pairs, random_world

from tinyvgg.backtracking import backtrack
from tinyvgg.experiments import attributions
from tinyvgg.experiments.attributions import activation, rank
from tinyvgg.tracking import suppress


@pytest.mark.parametrize("dense", [(), (24, 16, 12)], ids=len)
def test_curves_equal_those_of_pixels_taken_one_after_the_other(dense):
    net, images = random_tiny(6, dense), random_images(6)
    trace = backtrack(net, images)
    order = rank(activation(net, trace.maps, trace.target), trace.maps)
    shares = np.array([0, 0.3, 0.77, 1])
    found = attributions.both_curves(net, trace.maps, trace.target, order, shares)
    for b, k in enumerate(trace.target.tolist()):
        values = trace.maps[b].flatten()
        ranked = sorted(np.flatnonzero(values), key=lambda r: -values[r])
        for step, share in enumerate(shares):
            taken = ranked[: round(share * len(ranked))]
            kept, left = torch.zeros_like(values), values.clone()
            kept[taken], left[taken] = values[taken], 0
            for mode, x in (("insertion", kept), ("deletion", left)):
                with torch.no_grad():
                    expected = net.classifier(x[None]).softmax(dim=1)[0, k]
                assert found[mode][b, step] == pytest.approx(float(expected))


def test_areas_are_those_under_the_lines_and_better_is_better():
    x = np.array([0, 0.5, 1])
    assert attributions.area(np.array([[1.0, 0, 0], [1, 1, 1]]), x).tolist() == [0.25, 1]
    falling, flat = np.linspace(1, 0, 31)[None].repeat(3, 0), np.ones((3, 31))
    made = {(attributions.RELEASED, mode): falling for mode in attributions.MODES}
    made |= {("flat", mode): flat for mode in attributions.MODES}
    table = attributions.areas(made, np.array([1, 2, 2])).set_index(["order", "mode"])
    assert table.area["flat", "deletion"] == pytest.approx(1)
    assert table.better["flat", "deletion"] == pytest.approx(-0.5)
    assert table.better["flat", "insertion"] == pytest.approx(0.5)
    assert table.better[attributions.RELEASED, "insertion"] == 0


def test_every_order_begins_and_ends_at_the_same_probabilities():
    net, trace = random_world().net, random_pairs().misclassified.case
    found = attributions.all_curves(net, trace.maps, trace.target, draws=2)
    assert {name for name, _ in found} == set(attributions.ORDERS)
    whole = trace.probabilities.gather(1, trace.target[:, None])[:, 0]
    nothing = suppress(net, trace.maps, trace.maps > 0).gather(1, trace.target[:, None])[:, 0]
    for (_, mode), some in found.items():
        start, end = (whole, nothing) if mode == "deletion" else (nothing, whole)
        np.testing.assert_allclose(some[:, 0], start)
        np.testing.assert_allclose(some[:, -1], end)


def test_random_curves_are_means_over_draws_that_come_from_the_seed_alone():
    net, trace = random_world().net, random_pairs().misclassified.case
    found = attributions.all_curves(net, trace.maps, trace.target, draws=3, seed=2)
    generator = torch.Generator().manual_seed(2)
    keys = [torch.rand(trace.maps.shape, generator=generator) for _ in range(3)]
    orders = [rank(key, trace.maps) for key in keys]
    made = [attributions.both_curves(net, trace.maps, trace.target, order) for order in orders]
    for mode in attributions.MODES:
        expected = np.mean([some[mode] for some in made], axis=0)
        np.testing.assert_allclose(found[attributions.RANDOM, mode], expected)


def test_a_run_without_pairs_has_areas_that_are_not_known():
    net, case = random_world().net, random_pairs().nobody.case
    areas = attributions.areas(attributions.all_curves(net, case.maps, case.target), np.zeros(0))
    assert areas.area.isna().all() and len(areas) == 2 * len(attributions.ORDERS)
