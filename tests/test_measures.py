"""The figures of the verdicts for one run, recounted one image at a time, and their intervals."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny
from scipy import stats

from tinyvgg import Study
from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.comparison import compare
from tinyvgg.experiments.measures import DRAWS, measure
from tinyvgg.experiments.pairs import TwinPairs, pair_twins
from tinyvgg.experiments.patching import exchange, value_distance
from tinyvgg.experiments.statistics import (
    bootstrap_difference,
    bootstrap_mean,
    difference_of_shares,
    over_seeds,
)


@pytest.fixture(scope="module")
def study():
    """Two networks trained so little that they make mistakes of every kind."""
    return Study("smoke", epochs=14, progress=False)


@pytest.fixture(scope="module")
def found(study):
    return measure(study)


def test_what_is_measured_is_json_and_kept(study, found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert measure(study) == found
    for name, value in found.items():
        if name.endswith("_low") and value is not None:
            middle, high = found[name.removesuffix("_low")], found[name[:-4] + "_high"]
            assert value - 1e-9 <= middle <= high + 1e-9, name


def test_accuracies_and_gaps_are_those_of_the_outcomes(study, found):
    for task in ("face", "emotion"):
        outcomes, last = study.outcomes(task), study.history(task).iloc[-1]
        assert found[f"errors_{task}"] == (~outcomes.correct).sum() > 0
        assert found[f"accuracy_{task}"] == pytest.approx(outcomes.correct.mean())
        gap = 1 - outcomes.correct.mean() - last.train_error
        assert found[f"gap_{task}"] == pytest.approx(gap)
    difference = found["gap_emotion"] - found["gap_face"]
    assert found["overfit_difference"] == pytest.approx(difference)


def test_sets_are_those_of_backtracking_one_image_at_a_time(study, found):
    shares = {}
    for task in ("face", "emotion"):
        net, outcomes = study.network(task), study.outcomes(task)
        wrong = outcomes.row[~outcomes.correct].to_numpy()
        for reading, cut in (("printed", None), ("released", Cut())):
            traces = [backtrack(net, study.inputs([row]), cut=cut) for row in wrong]
            sizes = [int(trace.pixels.sum()) for trace in traces]
            active = [int((trace.maps > 0).sum()) for trace in traces]
            # a picture alone and in a batch may differ in the last bit of a float32
            assert found[f"pixels_{reading}_{task}"] == pytest.approx(np.mean(sizes), abs=0.1)
            whole = np.mean(np.array(sizes) == np.array(active))
            assert found[f"whole_{reading}_{task}"] == pytest.approx(whole, abs=0.05)
            shares[task] = np.mean(sizes) / found[f"total_{task}"]
            assert found[f"share_{reading}_{task}"] == pytest.approx(shares[task], abs=1e-3)
    difference = shares["face"] - shares["emotion"]
    assert found["share_difference"] == pytest.approx(difference, abs=1e-3)
    other = found["other_class_printed_face"], found["other_class_released_face"]
    assert all(0 <= share <= 1 for share in other)


def test_emotions_missed_are_counted_without_right_answers(study, found):
    outcomes = study.outcomes("emotion")
    wrong = outcomes[~outcomes.correct]
    missed = wrong.true_name.value_counts()
    for name in study.split("emotion").classes:
        assert found[f"missed_{name}"] == missed.get(name, 0)
    sad = wrong[wrong.true_name == "sad"].predicted_name.value_counts()
    assert found["sad_as_neutral"] == sad.get("neutral", 0)
    rest = max(sad.drop("neutral", errors="ignore"), default=0)
    assert found["neutral_ahead"] == sad.get("neutral", 0) - rest


def test_pairs_are_those_of_the_pages(study, found):
    for task in ("face", "emotion"):
        net, outcomes = study.network(task), study.outcomes(task)
        pairs = pair_twins(net, outcomes, study.inputs)
        assert found[f"pairs_{task}"] == len(pairs)
        assert found[f"pairs_{task}"] + found[f"alone_{task}"] == found[f"errors_{task}"]


def test_a_run_without_twins_or_emotions_says_what_it_can(study):
    faces = study.faces
    people_only = faces.table.assign(emotion=None, gaze=None, angle=None)
    unlabelled = type(faces)(faces.images, people_only, faces.name)
    other = Study(**study.settings(), store=study.store, face_set=unlabelled)
    numbers = measure(other)
    assert numbers["accuracy_face"] is not None and numbers["share_released_face"] is not None
    for name in ("accuracy_emotion", "pairs_face", "case_lost", "overfit_difference"):
        assert numbers.get(name) is None


def test_the_distance_of_values_by_hand():
    one = torch.tensor([[[[1.0, 0.0, 5.0]]], [[[2.0, 2.0, 2.0]]], [[[0.0, 1.0, 1.0]]]])
    other = torch.tensor([[[[3.0, 1.0, 9.0]]], [[[2.0, 2.0, 8.0]]], [[[0.0, 4.0, 4.0]]]])
    pixels = torch.tensor(
        [[[[True, True, False]]], [[[True, True, False]]], [[[True] + 2 * [False]]]]
    )
    distance = value_distance(one, other, pixels)
    assert distance[:2] == pytest.approx([(2 + 1) / (3 + 1), 0]) and math.isnan(distance[2])


def test_exchange_takes_the_twins_values_at_common_pixels_and_no_others():
    net = random_tiny(3).double()
    case, twin = backtrack(net, random_images(1, 6), cut=Cut()), backtrack(net, random_images(2, 6))
    true = torch.arange(6) % 5
    table = pd.DataFrame({"true": true.numpy()})
    pairs = TwinPairs(table, case, twin, compare(case, twin), 0)
    made = exchange(net, pairs, draws=2)
    for k in range(6):
        maps = case.maps[k : k + 1].clone()
        place = pairs.sets.common[k : k + 1]
        maps[place] = twin.maps[k : k + 1][place]
        says = net.classifier(maps.flatten(1)).argmax()
        assert made.common[k] == float(says == true[k])
    assert set(2 * made.random) <= {0, 1, 2}
    nothing = TwinPairs(table[:0], *(2 * [backtrack(net, random_images(1, 1))]), pairs.sets, 0)
    assert len(exchange(net, nothing)) == 0 and DRAWS > 1


# ---------------------------------------------------------------------- intervals


def test_newcombes_own_example():
    """56 of 70 against 48 of 80: 0.0524 to 0.3339 by his method 10 (1998, Table II)."""
    difference = difference_of_shares(56, 70, 48, 80)
    assert difference == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert math.isnan(difference_of_shares(0, 0, 1, 2).value)


def test_a_bootstrap_difference_against_plain_loops():
    rng = np.random.default_rng(5)
    values, groups = rng.normal(1, 1, 30), rng.integers(0, 6, 30)
    others, other_groups = rng.normal(0, 1, 40), rng.integers(2, 9, 40)
    made = bootstrap_difference(values, groups, others, other_groups, draws=4000)
    names, found = np.unique([*groups, *other_groups]), []
    for _ in range(4000):
        drawn = rng.choice(names, len(names))
        one = [v for name in drawn for v in values[groups == name]]
        two = [v for name in drawn for v in others[other_groups == name]]
        if one and two:
            found.append(np.mean(one) - np.mean(two))
    assert made.value == pytest.approx(values.mean() - others.mean())
    assert made[1:] == pytest.approx(np.quantile(found, [0.025, 0.975]), abs=0.08)
    assert math.isnan(bootstrap_difference(values, groups, others[:1], [1]).low)
    assert math.isnan(bootstrap_difference([], [], others, other_groups).value)


def test_a_difference_of_people_in_both_is_surer_than_of_strangers():
    people = np.repeat(np.arange(20), 2)
    level = np.repeat(np.random.default_rng(1).normal(0, 5, 20), 2)
    same = bootstrap_difference(level + 1, people, level, people)
    strangers = bootstrap_difference(level + 1, people, level, people + 100)
    assert same.high - same.low < 0.01 < strangers.high - strangers.low


def test_over_seeds_is_students_interval():
    values = [0.2, 0.5, 0.4, 0.1, 0.3]
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert over_seeds(values)[1:] == pytest.approx(expected)
    assert over_seeds([1, 2])[0] == 1.5 and math.isnan(over_seeds([1, 2]).low)
    assert math.isnan(over_seeds([]).value) and bootstrap_mean([1, 1]).low == 1
