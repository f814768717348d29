"""Pictures compared face by face, and what the claim on avoided layers makes of a record."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyvgg.experiments.avoided_layers import (
    AVERAGE,
    INCEPTION,
    MAX,
    NETWORKS,
    OWN_WAY,
    TRAINED,
    UNTRAINED,
    Kind,
    comparisons_table,
    difference,
    in_sentences,
    layer_figures,
    layers_table,
    measurements,
    seeds_above,
)
from tinyvgg.experiments.statistics import bootstrap_mean, over_seeds
from tinyvgg.verdicts import layers
from tinyvgg.verdicts.rules import NOT, PARTLY, REPRODUCED, UNTESTED, Evidence

PEOPLE = [1, 1, 2, 3]
LEVELS = {MAX: 0.5, AVERAGE: 0.3, INCEPTION: 0.2}


def a_record(seeds: int = 3, right: int = 90, **levels: float) -> list[dict]:
    """Results of four faces a seed, around a level for each network (by the name without blanks).

    Max-pooling varies by face and seed; the others do not, and no background is known.
    """
    entries = []
    for seed in range(seeds):
        for network, usual in LEVELS.items():
            level = levels.get(network.replace(" ", "_"), usual)
            own = [level + 0.01 * (face + seed) * (network == MAX) for face in range(4)]
            trained = {"edges": own, "sharpness": own, "background": [None] * 4}
            untrained = {**trained, "edges": [0.1] * 4, "sharpness": [0.9] * 4}
            made = {TRAINED: trained, UNTRAINED: untrained}
            made |= {OWN_WAY: trained} if network != INCEPTION else {}
            entry = {"seed": seed, "network": network, "right": right, "test": 100}
            entries.append(entry | {"pictures": made})
        entries.append({"seed": seed, "faces": [7, 3, 9, 4], "people": PEOPLE})
    return entries


def test_a_row_a_picture_with_its_face_and_person():
    table = measurements(a_record(2))
    assert len(table) == 2 * 8 * 4
    one = table[(table.seed == 1) & (table.network == MAX) & (table.made == TRAINED)]
    assert one.face.tolist() == [7, 3, 9, 4] and one.person.tolist() == PEOPLE
    assert one.edges.tolist() == pytest.approx([0.51, 0.52, 0.53, 0.54])
    assert one.background.isna().all()
    assert measurements([]).empty


def test_three_seeds_give_students_interval_and_fewer_a_bootstrap_over_people():
    pair = Kind(MAX), Kind(AVERAGE)
    found = difference(measurements(a_record(3)), "edges", *pair)
    assert found == pytest.approx(over_seeds([0.215, 0.225, 0.235]))
    found = difference(measurements(a_record(1)), "edges", *pair)
    assert found == pytest.approx(bootstrap_mean([0.2, 0.21, 0.22, 0.23], PEOPLE))
    assert np.isnan(difference(measurements(a_record(3)), "background", *pair)).all()


def test_differences_are_taken_face_by_face_whatever_their_order():
    entries = a_record(1)
    expected = difference(measurements(entries), "edges", Kind(MAX), Kind(MAX, UNTRAINED))
    entries[0]["pictures"][UNTRAINED]["edges"] = [0.1, 0.2, 0.3, None]
    found = difference(measurements(entries), "edges", Kind(MAX), Kind(MAX, UNTRAINED))
    assert expected.value == pytest.approx(0.415)
    assert found.value == pytest.approx(np.mean([0.4, 0.31, 0.22])), "an unknown one is left out"


def test_seeds_whose_own_interval_is_above_zero_are_counted():
    table = measurements(a_record(3))
    assert seeds_above(table, "edges", Kind(MAX), Kind(AVERAGE)) == 3
    assert seeds_above(table, "edges", Kind(AVERAGE), Kind(MAX)) == 0
    table.loc[(table.seed == 1) & (table.network == AVERAGE), "edges"] = 0.525
    assert seeds_above(table, "edges", Kind(MAX), Kind(AVERAGE)) == 2


def test_the_table_has_gains_over_untrained_networks_and_leads_of_max_pooling():
    table = layers_table(a_record(3)).set_index(["measure", "network"])
    assert [network for _, network in table.index] == 3 * list(NETWORKS)
    row = table.loc["edges", AVERAGE]
    assert (row.trained, row.untrained) == pytest.approx((0.3, 0.1))
    assert (row.gain, row.gain_low) == pytest.approx((0.2, 0.2))
    assert row.ahead == pytest.approx(0.225) and row.ahead_low < 0.225 < row.ahead_high
    assert math.isnan(table.loc["edges", MAX].ahead), "it is not compared with itself"
    assert layers_table([]).empty


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({}, REPRODUCED),
        ({"inception": 0.9}, PARTLY),
        ({"inception": 0.9, "average_pooling": 0.9}, NOT),
        ({"inception": 0.525, "average_pooling": 0.525}, NOT),
    ],
)
def test_the_verdict_follows_from_the_record(levels, expected):
    found = layer_figures(a_record(3, **levels))
    assert layers.avoided().decide(Evidence(recorded=found)) == expected


def test_a_network_that_has_not_learnt_is_not_judged():
    claim, entries = layers.avoided(), a_record(3)
    for entry in entries:
        if entry.get("network") == INCEPTION:
            entry["right"] = 49
    found = layer_figures(entries)
    assert found["learnt_inception"].value == 0.49 and found["learnt_average"].value == 0.9
    assert claim.decide(Evidence(recorded=found)) == PARTLY, "average pooling alone can be told"
    assert claim.decide(Evidence(recorded=layer_figures(a_record(3, right=49)))) == UNTESTED


def test_every_figure_of_the_claim_is_among_those_of_the_record():
    claim, found = layers.avoided(), layer_figures(a_record())
    assert {part.key for part in claim.parts} <= set(found)
    assert {quantity.key for quantity in claim.quantities} == set(found)


def test_sentences_say_what_the_intervals_say():
    said = in_sentences(a_record(3, inception=0.9))
    assert "90.0 % with max-pooling, 90.0 % with average pooling and 90.0 % with inc" in said
    assert "measurably higher in 2 of the 4 comparisons" in said


def test_comparisons_say_what_the_intervals_say():
    table = comparisons_table(a_record(3, inception=0.9)).set_index(["compared with", "measure"])
    average, inception = (table.loc[(name, "edges")] for name in (AVERAGE, INCEPTION))
    assert average.difference == pytest.approx(0.225) and average.result == "max-pooling higher"
    assert inception.difference == pytest.approx(-0.375)
    assert inception.result == "max-pooling lower"
    assert (average["seeds above zero"], inception["seeds above zero"]) == ("3 of 3", "0 of 3")
    own_way = table.loc[(f"{AVERAGE}, released deconvolution", "edges")]
    assert own_way.difference == pytest.approx(0.225) and own_way.low < 0.225 < own_way.high
    assert comparisons_table([]).empty
