"""Pairs of a case and its twin: which are formed, how they are traced, and pairs of two correct
images. Activation patching: the twin's values at common pixels, against one image at a time."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from worlds import (
    CUT,
    first_by_key,
    random_keys,
    random_pairs,
    random_world,
    with_a_mistake_alone,
)

from tinyvgg.backtracking import backtrack
from tinyvgg.comparison import find_twins, nearest_twins
from tinyvgg.experiments.control_sets import draws_for
from tinyvgg.experiments.pairs import (
    correct_pairs,
    pair_twins,
    patch,
    twin_labels,
    twins_of,
    value_distance,
)


@pytest.fixture(scope="module")
def world():
    return with_a_mistake_alone(random_world())


@pytest.fixture(scope="module")
def pairs(world):
    return pair_twins(*world, cut=CUT)


def test_pairs_are_those_of_find_twins_the_most_confident_first(world, pairs):
    found = find_twins(world.outcomes)
    assert 0 < len(pairs) == found.twin.notna().sum()
    assert pairs.alone == found.twin.isna().sum() > 0
    assert dict(zip(pairs.table.case, pairs.table.twin, strict=True)) == dict(
        found.dropna().itertuples(index=False)
    )
    assert pairs.table.confidence.is_monotonic_decreasing
    outcomes = world.outcomes.set_index("row")
    assert (pairs.table.twin_confidence == outcomes.confidence[pairs.table.twin].to_numpy()).all()
    for name in ("subject", "true", "predicted", "true_name", "predicted_name", "confidence"):
        assert pairs.table[name].tolist() == outcomes[name][pairs.table.case].tolist()


def test_traces_and_sets_belong_to_the_images_of_their_row(world, pairs):
    assert all(some.flatten(1).any(dim=1).any() for some in vars(pairs.sets).values())
    for k, pair in enumerate(pairs.table.itertuples()):
        case, twin = (
            backtrack(world.net, world.inputs([row]), cut=CUT) for row in (pair.case, pair.twin)
        )
        for trace, own in ((case, pairs.case), (twin, pairs.twin)):
            assert torch.equal(own.pixels[k], trace.pixels[0])
            assert own.target[k] == trace.target[0]
            torch.testing.assert_close(own.maps[k], trace.maps[0])
        assert int(case.target) == pair.predicted and int(twin.target) == pair.true
        assert torch.equal(pairs.sets.common[k], case.pixels[0] & twin.pixels[0])
        assert torch.equal(pairs.sets.only_a[k], case.pixels[0] & ~twin.pixels[0])
        assert torch.equal(pairs.sets.only_b[k], twin.pixels[0] & ~case.pixels[0])


def test_a_run_without_a_mistake_has_no_pair_and_empty_traces_of_the_right_shape(world):
    nobody = pair_twins(world.net, world.outcomes.assign(correct=True), world.inputs)
    assert len(nobody) == nobody.alone == 0
    assert nobody.case.maps.shape == nobody.sets.common.shape == (0, 6, 2, 2)
    assert list(nobody.table) == list(random_pairs().misclassified.table)


def test_correct_pairs_are_twins_of_correct_images_none_of_them_twice(world):
    net, outcomes, inputs = world
    pairs = correct_pairs(net, outcomes, inputs, count=99)
    correct = outcomes.set_index("row").correct
    assert correct[pairs.table.case].all() and correct[pairs.table.twin].all()
    used = [*pairs.table.case, *pairs.table.twin]
    assert len(used) == len(set(used)) > 4
    assert (pairs.table.predicted == pairs.table["true"]).all() and pairs.alone == 0
    labels = outcomes.set_index("row")[["subject", "angle", "emotion", "gaze"]]
    for pair in pairs.table.itertuples():
        case, twin = labels.loc[pair.case], labels.loc[pair.twin]
        assert (case[:3] == twin[:3]).all() and case.gaze != twin.gaze
        alone = outcomes.assign(correct=outcomes.correct & (outcomes.row != pair.case))
        found = find_twins(alone).set_index("case")
        assert found.twin[pair.case] == pair.twin


def test_correct_pairs_are_traced_with_the_cut_that_is_asked_for(world):
    net, outcomes, inputs = world
    for cut in (None, CUT):
        pairs = correct_pairs(net, outcomes, inputs, 3, cut=cut)
        expected = backtrack(net, inputs(pairs.table.case), cut=cut)
        assert torch.equal(pairs.case.pixels, expected.pixels)
        assert torch.equal(pairs.case.threshold, expected.threshold)


def test_as_many_correct_pairs_are_drawn_as_asked_for_by_the_seed_alone(world):
    net, outcomes, inputs = world
    whole = len(correct_pairs(net, outcomes, inputs, 99))
    drawn = {}
    for seed in range(6):
        table = correct_pairs(net, outcomes, inputs, 2, seed).table
        again = correct_pairs(net, outcomes, inputs, 2, seed).table
        assert len(table) == 2 < whole
        pd.testing.assert_frame_equal(table, again)
        drawn[frozenset(table.case)] = seed
    assert len(drawn) > 1
    assert len(correct_pairs(net, outcomes, inputs, 0)) == 0


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


# ---------------------------------------------------------------------- twins of any set


def slow_twins(outcomes, inputs, same):
    """By the definition: every case beside every candidate."""
    found = {}
    for case in outcomes[~outcomes.correct].itertuples():
        best = (math.inf, None)
        for other in outcomes[outcomes.correct].itertuples():
            if all(getattr(case, name) == getattr(other, name) for name in same):
                one, two = (256 * inputs(np.array([row.row]))[0] for row in (case, other))
                weights = torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)
                apart = float(((one - two) * weights).sum(0).abs().double().mean())
                best = min(best, (apart, other.row))
        found[case.row] = best
    return found


@pytest.mark.parametrize("lacking", [["gaze"], ["gaze", "angle"], ["gaze", "subject", "emotion"]])
def test_where_gazes_are_unknown_the_nearest_picture_is_the_twin(world, lacking):
    outcomes = world.outcomes.assign(**dict.fromkeys(lacking))
    same, differ = twin_labels(outcomes)
    assert differ == "" and same == ["true"] + [
        name for name in ("subject", "angle", "emotion") if name not in lacking
    ]
    renamed = outcomes.rename(columns={"true": "true_"})
    slow = slow_twins(renamed, world.inputs, [name.replace("true", "true_") for name in same])
    found = twins_of(outcomes, world.inputs).set_index("case")
    assert found.index.tolist() == sorted(slow)
    for case, (apart, twin) in slow.items():
        assert (pd.isna(found.twin[case]) and twin is None) or found.twin[case] == twin
        assert twin is None or math.isclose(found.distance[case], apart, rel_tol=1e-5)


def test_where_gazes_are_known_the_twins_are_those_of_find_twins(world):
    found, usual = twins_of(world.outcomes, world.inputs), find_twins(world.outcomes)
    pd.testing.assert_frame_equal(found[["case", "twin"]], usual)
    assert (found.distance.isna() == found.twin.isna()).all()


def test_gazes_that_are_all_the_same_make_no_twins(world):
    assert twin_labels(world.outcomes.assign(gaze="frontal"))[1] == ""


def test_nearest_by_hand():
    outcomes = pd.DataFrame({"row": [0, 1, 2, 3], "correct": [False, True, True, False]})
    pictures = np.array([[[3.0, 1.0]], [[0.0, 0.0]], [[4.0, 2.0]], [[9.0, 9.0]]])
    found = nearest_twins(outcomes.assign(true=[0, 0, 0, 1]), ["true"], lambda rows: pictures[rows])
    assert found.twin.tolist() == [2, pd.NA]
    assert found.distance.tolist()[0] == 1.0 and math.isnan(found.distance[1])


def test_correct_pairs_of_unknown_gaze_leave_every_group_its_candidates(world):
    outcomes = world.outcomes.assign(gaze=None, angle=None)
    made = correct_pairs(world.net, outcomes, world.inputs, 50, seed=1, cut=CUT)
    table = made.table
    assert len(table) and made.alone == 0 and (table.predicted == table["true"]).all()
    assert not set(table.case) & set(table.twin)
