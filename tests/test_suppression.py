"""Pairs of a case and its twin: which are formed, and what silencing a set does to each."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from worlds import CLASSES, random_world

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.comparison import find_twins
from tinyvgg.experiments.pairs import (
    SETS,
    by_pair,
    one_pair,
    pair_twins,
    paired_difference,
    summary,
    suppress_pairs,
)
from tinyvgg.experiments.statistics import bootstrap_mean, verdict, wilson
from tinyvgg.experiments.table_3 import (
    at_moment,
    floor_counts,
    implied_spread,
    one_for_each,
    probability_table,
    read_as,
    softmax,
    suppressed_logits,
)
from tinyvgg.faces.design import EMOTIONS
from tinyvgg.paper import table_3
from tinyvgg.tracking import suppress


@pytest.fixture(scope="module")
def world():
    """A random network of many opinions; its last image is misclassified and has no twin."""
    net, outcomes, inputs = random_world()
    *_, last = outcomes.index
    wrong = (outcomes.predicted[last] + 1) % len(CLASSES)
    alone = {"subject": 10, "true": wrong, "true_name": CLASSES[wrong], "correct": False}
    for column, value in alone.items():
        outcomes.loc[last, column] = value
    return net, outcomes, inputs


@pytest.fixture(scope="module")
def pairs(world):
    return pair_twins(*world, cut=Cut(0.01, 60))


def none_of(world):
    net, outcomes, inputs = world
    return pair_twins(net, outcomes.assign(correct=True), inputs)


def test_pairs_are_those_of_find_twins_the_most_confident_first(world, pairs):
    _, outcomes, _ = world
    found = find_twins(outcomes)
    assert 0 < len(pairs) == found.twin.notna().sum()
    assert pairs.alone == found.twin.isna().sum() > 0
    assert dict(zip(pairs.table.case, pairs.table.twin, strict=True)) == dict(
        found.dropna().itertuples(index=False)
    )
    assert pairs.table.confidence.is_monotonic_decreasing
    confidence = outcomes.set_index("row").confidence
    assert (pairs.table.twin_confidence == confidence[pairs.table.twin].to_numpy()).all()


def test_traces_and_sets_belong_to_the_images_of_their_row(world, pairs):
    net, _, inputs = world
    for k, pair in enumerate(pairs.table.itertuples()):
        case = backtrack(net, inputs([pair.case]), cut=Cut(0.01, 60)).pixels[0]
        twin = backtrack(net, inputs([pair.twin]), cut=Cut(0.01, 60)).pixels[0]
        assert torch.equal(pairs.sets.common[k], case & twin)
        assert torch.equal(pairs.sets.only_a[k], case & ~twin)
        assert torch.equal(pairs.sets.only_b[k], twin & ~case)


def test_every_number_of_a_suppression_equals_the_one_made_by_hand(world, pairs):
    net, _, _ = world
    results = suppress_pairs(net, pairs, draws=2, seed=5)
    sets = pairs.sets
    for image, trace, unique in (
        ("case", pairs.case, sets.only_a),
        ("twin", pairs.twin, sets.only_b),
    ):
        chosen = {
            "nothing": torch.zeros_like(trace.pixels),
            "backtracked": trace.pixels,
            "common": sets.common,
            "unique": unique,
        }
        for name, pixels in chosen.items():
            rows = results[(results.image == image) & (results.suppressed == name)]
            assert len(rows) == len(pairs)
            for row in rows.itertuples():
                k = row.pair
                said = suppress(net, trace.maps[k : k + 1], pixels[k : k + 1])[0]
                pair = pairs.table.iloc[k]
                assert row.pixels == int(pixels[k].sum())
                assert row.wrong == pytest.approx(float(said[pair.predicted]))
                assert row.true == pytest.approx(float(said[pair.true]))
                assert row.says == int(said.argmax())
                assert row.right == (row.says == pair.true)


def test_controls_silence_as_many_pixels_in_every_draw_and_come_from_the_seed_alone(world, pairs):
    net, _, _ = world
    results = suppress_pairs(net, pairs, draws=3, seed=1)
    for image in ("case", "twin"):
        for name in ("common", "unique"):
            some = (
                results[results.image == image]
                .set_index(["suppressed", "draw", "pair"])
                .sort_index()
            )
            expected = some.loc[(name, 0)].pixels
            for draw in range(3):
                drawn = some.loc[(f"random, as many as {name}", draw)].pixels
                pd.testing.assert_series_equal(drawn, expected)
    pd.testing.assert_frame_equal(results, suppress_pairs(net, pairs, draws=3, seed=1))
    assert not results.equals(suppress_pairs(net, pairs, draws=3, seed=2))


def test_the_summary_and_the_differences_are_means_over_pairs(world, pairs):
    net, _, _ = world
    results = suppress_pairs(net, pairs, draws=3)
    people = pairs.table.subject
    table = summary(results, people)
    assert list(table.index) == list(SETS)
    for name in SETS:
        some = results[(results.image == "case") & (results.suppressed == name)]
        assert table.wrong[name] == pytest.approx(some.groupby("pair").wrong.mean().mean())
        assert table.mended[name] == pytest.approx(some.right.mean())
        assert not table.low[name] > table.mended[name] + 1e-12
        assert not table.high[name] < table.mended[name] - 1e-12
    difference = paired_difference(results, "wrong", "nothing", "common", people)
    assert difference.value == pytest.approx(table.wrong["nothing"] - table.wrong["common"])
    assert table.mended["nothing"] == 0
    numbers = one_pair(pairs, results, 1)
    assert numbers["pixels_common"] == int(pairs.sets.common[1].sum())
    assert numbers["wrong_before"] == pytest.approx(pairs.table.confidence[1])
    assert numbers["twin_before"] == pytest.approx(pairs.table.twin_confidence[1])


def test_a_run_without_a_pair_has_no_rows_and_no_numbers(world):
    net, _, _ = world
    nobody = none_of(world)
    assert len(nobody) == 0 and nobody.case.maps.shape[1:] == (6, 2, 2)
    results = suppress_pairs(net, nobody)
    assert results.empty
    assert by_pair(results, "wrong").shape == (0, len(SETS))
    assert summary(results, nobody.table.subject).isna().all(axis=None)
    assert all(math.isnan(number) for number in one_pair(nobody, results).values())
    difference = paired_difference(results, "right", "unique", "common", nobody.table.subject)
    assert verdict(difference, "more", "less", "same", "unknown") == "unknown"
    table = probability_table(net, nobody, np.zeros(0, int), CLASSES)
    assert len(table) == 0 and len(read_as(table, CLASSES)) == 0
    floors = floor_counts(table, CLASSES)
    assert len(floors) == 0 and list(floors) == ["before", "after", "after, rectified"]
    assert at_moment(table, "after").empty and list(at_moment(table, "after")) == list(table)


def test_draws_below_one_are_refused(world, pairs):
    with pytest.raises(ValueError, match="draws must be 1 or more, got 0"):
        suppress_pairs(world[0], pairs, draws=0)


def test_one_for_each_takes_the_most_confident_case_of_every_class_predicted(pairs):
    chosen = one_for_each(pairs.table)
    best = pairs.table.groupby("predicted_name").confidence.max()
    assert list(chosen.predicted_name) == sorted(set(pairs.table.predicted_name))
    assert (chosen.set_index("predicted_name").confidence == best).all()


def test_the_table_made_again_holds_the_networks_probabilities(world, pairs):
    net, _, _ = world
    places = one_for_each(pairs.table).index.to_numpy(copy=True)
    table = probability_table(net, pairs, places, CLASSES)
    assert len(table) == 3 * len(places)
    for number, k in enumerate(places, 1):
        pair = slice(k, k + 1)
        said = {
            "before": pairs.case.probabilities[k],
            "after": suppress(net, pairs.case.maps[pair], pairs.sets.only_a[pair])[0],
        }
        logits = suppressed_logits(net, pairs.case.maps[pair], pairs.sets.only_a[pair])[0]
        powers = np.exp(np.maximum(logits, 0))
        said["after, rectified"] = powers / powers.sum()
        for moment, expected in said.items():
            row = table.loc[(number, moment)]
            assert row.mistaken == pairs.table.predicted_name[k]
            assert row.true == pairs.table.true_name[k]
            np.testing.assert_allclose(row[CLASSES].astype(float), expected, rtol=1e-9)
    assert at_moment(table, "after").equals(table.xs("after", level="moment"))
    assert (read_as(table, CLASSES).xs("before", level="moment") == CLASSES[0]).sum() == (
        pairs.table.predicted_name[places] == CLASSES[0]
    ).sum()


def test_classes_at_the_floor_are_the_logits_that_are_not_positive():
    logits = np.array([[2.0, -1.0, -3.0, 0.5, 0.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
    rows = softmax(logits, rectify=True)
    assert (np.isclose(rows, rows.min(axis=1, keepdims=True)).sum(axis=1) == [3, 1]).all()
    np.testing.assert_allclose(np.log(rows[0] / rows[0].min()), [2, 0, 0, 0.5, 0], atol=1e-12)
    assert softmax(np.array([[1000.0, 0.0]])).tolist() == [[1.0, 0.0]]


def test_the_papers_rows_after_share_a_floor_and_its_rows_before_do_not():
    counts = floor_counts(table_3(), EMOTIONS)
    assert counts.before.tolist() == [1] * 8
    assert counts.after.tolist() == [4, 3, 4, 4, 3, 3, 5, 6]
    spread = implied_spread(table_3()[list(EMOTIONS)])
    assert (spread.xs("before", level="moment") > spread.xs("after", level="moment")).all()


def test_a_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        _, low, high = bootstrap_mean(rng.normal(1, 2, 40), seed=trial, draws=600)
        covered += low <= 1 <= high
    assert 178 <= covered <= 199


def test_groups_that_resemble_each_other_widen_the_interval():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), 10)
    values = rng.normal(size=12)[groups] + 0.1 * rng.normal(size=120)
    alone, grouped = bootstrap_mean(values), bootstrap_mean(values, groups)
    assert alone.value == pytest.approx(grouped.value) == pytest.approx(values.mean())
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert bootstrap_mean(values, groups, seed=3) == bootstrap_mean(values, groups, seed=3)


def test_intervals_of_too_few_values_are_unknown():
    assert all(math.isnan(x) for x in bootstrap_mean([]))
    value, low, high = bootstrap_mean([1.0, 3.0], groups=[7, 7])
    assert value == 2 and math.isnan(low) and math.isnan(high)
    assert all(math.isnan(x) for x in wilson(0, 0))
    with pytest.raises(ValueError, match="one length"):
        bootstrap_mean([1.0, 2.0], [1])


def test_wilsons_interval_is_the_textbooks():
    share, low, high = wilson(8, 10)
    z, n, p = 1.959963984540054, 10, 0.8
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert share == 0.8
    assert (low, high) == pytest.approx((centre - half, centre + half))


def test_a_verdict_follows_from_which_side_of_zero_the_interval_lies():
    words = ("more", "less", "same", "unknown")
    assert verdict(bootstrap_mean([1.0, 1.1, 1.2]), *words) == "more"
    assert verdict(bootstrap_mean([-1.0, -1.1, -1.2]), *words) == "less"
    assert verdict(bootstrap_mean([-1.0, 1.0, -1.0, 1.0]), *words) == "same"
    assert bootstrap_mean([0.5, 0.5]).named("x", 100) == {"x": 50, "x_low": 50, "x_high": 50}
