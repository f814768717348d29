"""Table 3 made again: whose rows it has, their probabilities, and the floor that classes share."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import CLASSES, random_pairs, random_world

from tinyvgg.experiments.table_3 import (
    MOMENTS,
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
def pairs():
    return random_pairs().misclassified


@pytest.fixture(scope="module")
def table(pairs):
    places = one_for_each(pairs.table).index.to_numpy()
    return places, probability_table(random_world().net, pairs, places, CLASSES)


def test_one_for_each_takes_the_most_confident_case_of_every_class_predicted(pairs):
    chosen = one_for_each(pairs.table)
    best = pairs.table.groupby("predicted_name").confidence.max()
    assert list(chosen.predicted_name) == sorted(set(pairs.table.predicted_name))
    assert len(chosen) > 1
    assert (chosen.set_index("predicted_name").confidence == best).all()


def test_the_table_made_again_holds_the_networks_probabilities(pairs, table):
    net, (places, made) = random_world().net, table
    assert len(made) == len(MOMENTS) * len(places)
    for number, k in enumerate(places, 1):
        pair = slice(k, k + 1)
        logits = suppressed_logits(net, pairs.case.maps[pair], pairs.sets.only_a[pair])[0]
        powers = np.exp(np.maximum(logits, 0))
        expected = {
            "before": pairs.case.probabilities[k],
            "after": suppress(net, pairs.case.maps[pair], pairs.sets.only_a[pair])[0],
            "after, rectified": powers / powers.sum(),
        }
        for moment, probabilities in expected.items():
            row = made.loc[(number, moment)]
            assert row.mistaken == pairs.table.predicted_name[k]
            assert row.true == pairs.table.true_name[k]
            np.testing.assert_allclose(row[CLASSES].astype(float), probabilities, rtol=1e-9)


def test_what_a_row_is_read_as_is_its_most_probable_class(pairs, table):
    places, made = table
    assert at_moment(made, "after").equals(made.xs("after", level="moment"))
    before = read_as(at_moment(made, "before"), CLASSES)
    assert before.tolist() == pairs.table.predicted_name[places].tolist()
    after = read_as(at_moment(made, "after"), CLASSES)
    for case, row in at_moment(made, "after").iterrows():
        assert after[case] == max(CLASSES, key=lambda name: row[name])


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


def test_a_run_without_a_pair_has_a_table_without_rows():
    nobody = random_pairs().nobody
    table = probability_table(random_world().net, nobody, np.zeros(0, int), CLASSES)
    assert len(table) == 0 and len(read_as(table, CLASSES)) == 0
    floors = floor_counts(table, CLASSES)
    assert len(floors) == 0 and list(floors) == list(MOMENTS)
    assert at_moment(table, "after").empty and list(at_moment(table, "after")) == list(table)
