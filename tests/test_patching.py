"""Activation patching: the twin's values at common pixels, against one image at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from worlds import first_by_key, random_keys, random_pairs, random_world

from tinyvgg.experiments.control_sets import draws_for
from tinyvgg.experiments.patching import patch, value_distance


def test_the_distance_of_values_by_hand():
    one = torch.tensor([[[[1.0, 0.0, 5.0]]], [[[2.0, 2.0, 2.0]]], [[[0.0, 1.0, 1.0]]]])
    other = torch.tensor([[[[3.0, 1.0, 9.0]]], [[[2.0, 2.0, 8.0]]], [[[0.0, 4.0, 4.0]]]])
    pixels = torch.tensor(
        [[[[True, True, False]]], [[[True, True, False]]], [[[True] + 2 * [False]]]]
    )
    distance = value_distance(one, other, pixels)
    assert distance[:2] == pytest.approx([(2 + 1) / (3 + 1), 0]) and math.isnan(distance[2])


@torch.no_grad()
def test_patching_takes_the_twins_values_at_the_pixels_of_a_set_and_no_others():
    net, pairs, draws = random_world().net, random_pairs().misclassified, 4
    found = patch(net, pairs, draws, seed=6)
    case, twin, common = pairs.case.maps, pairs.twin.maps, pairs.sets.common
    both = torch.minimum(case, twin)
    drawn = [first_by_key(both, common, keys) for keys in random_keys(both, draws, 6)]
    assert found.index.tolist() == list(range(len(pairs)))
    for k in range(len(pairs)):
        correct = []
        for pixels in (common, *drawn):
            x = case[k].flatten().tolist()
            for r in pixels[k].flatten().nonzero().flatten().tolist():
                x[r] = float(twin[k].flatten()[r])
            logits = net.classifier(torch.tensor(x, dtype=torch.float64)[None])
            correct.append(float(logits.argmax() == pairs.table["true"][k]))
        assert found.common[k] == correct[0]
        assert found.random[k] == pytest.approx(np.mean(correct[1:]))
    np.testing.assert_array_equal(found.distance, value_distance(case, twin, common))
    assert 0 < found.common.mean() < 1 and len(set(found.random)) > 2


def test_random_pixels_are_drawn_from_those_that_are_active_in_both_images():
    case, twin = random_pairs().misclassified.case.maps, random_pairs().misclassified.twin.maps
    assert ((case > 0) & (twin <= 0)).any()
    both, common = torch.minimum(case, twin), random_pairs().misclassified.sets.common
    for keys in random_keys(both, 5):
        drawn = first_by_key(both, common, keys)
        assert not (drawn & ((case <= 0) | (twin <= 0))).any()


def test_patches_come_from_the_seed_alone_as_many_as_their_number_asks_for():
    net, pairs = random_world().net, random_pairs().misclassified
    found = patch(net, pairs)
    assert found.equals(patch(net, pairs, draws_for(len(pairs))))
    assert not found.random.equals(patch(net, pairs, seed=1).random)
    with pytest.raises(ValueError, match="draws must be 1 or more, got 0"):
        patch(net, pairs, 0)


def test_a_run_without_pairs_patches_nothing():
    found = patch(random_world().net, random_pairs().nobody)
    assert len(found) == 0 and list(found) == ["distance", "common", "random"]
    assert math.isnan(found.common.mean())
