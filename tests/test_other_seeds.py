"""The same study with other seeds: from the store, from records, and how alike sets lie."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from worlds import WorldStudy

from tinyvgg.experiments import control_sets
from tinyvgg.experiments.control_sets import CONTROLS, LARGEST, RANDOM
from tinyvgg.experiments.measures import SHORT, measure, measure_task
from tinyvgg.experiments.other_seeds import (
    RENAMED,
    agreement,
    controls_by_seed,
    others_in_store,
    renamed,
)
from tinyvgg.experiments.statistics import Interval
from tinyvgg.storage.store import Store


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_sets, "SAMPLES", 300)  # few draws
        yield WorldStudy(Store(tmp_path_factory.mktemp("store")))


def test_old_names_of_records_are_translated_and_present_ones_stay(study):
    found = measure(study)
    old = {
        "seed": 2,
        "control_face_random": 0.4,
        "control_face_largest_low": 0.1,
        "control_emotion_matched_high": 0.2,
        "mended_unique": 0.5,
        "mended_over_common_low": 0.0,
        "chosen_mended": 6,
        "exchange_right": 0.7,
        "exchange_over_random": None,
    }
    assert renamed(old) == {
        "seed": 2,
        "case_over_random": 0.4,
        "case_over_largest_low": 0.1,
        "corrected_over_matched_high": 0.2,
        "corrected_unique": 0.5,
        "corrected_over_common_low": 0.0,
        "chosen_corrected": 6,
        "patched_correct": 0.7,
        "patched_over_random": None,
    }
    assert renamed(found) == found and not any(name.startswith((*RENAMED,)) for name in found)
    assert set(renamed(old)) - {"seed"} <= set(found)


def test_other_seeds_come_from_the_store_and_from_the_record(study):
    own = measure_task(study, "face")
    assert {"case_over_random", "case_over_largest_low"} <= set(own)
    entry = {"seed": 7, **dict.fromkeys(own, 0.25), "case_over_random_low": None}
    old = {"seed": 0, "control_face_random": 0.5, "control_face_random_low": 0.4}
    others = [{**entry, "seed": 3}, old]
    known = SimpleNamespace(results=[entry, *others, {"seed": 8}])
    table = controls_by_seed(study, "face", known)
    origins = table.groupby("seed").origin.first().to_dict()
    assert origins == {0: "recorded", 1: "in the store", 3: "this run", 7: "recorded"}
    assert (table[table.seed == 7].difference == 0.25).all()
    assert table[table.seed == 7].low.isna().sum() == 1
    assert list(table.control[table.seed == 3]) == list(CONTROLS)
    here = table[(table.seed == 3) & (table.control == LARGEST)].iloc[0]
    assert (here.difference, here.low, here.high) == Interval.of(own, "case_over_largest")
    before = table[(table.seed == 0) & (table.control == RANDOM)].iloc[0]
    assert (before.difference, before.low) == (0.5, 0.4) and math.isnan(before.high)
    assert table[(table.seed == 0) & (table.control == LARGEST)].difference.isna().all()
    assert set(SHORT) == set(CONTROLS)


def test_without_a_record_only_the_store_is_searched(study):
    table = controls_by_seed(study, "emotion", seeds=[0, 3])
    assert set(table.origin) == {"this run"} and len(table) == len(CONTROLS)


def test_two_networks_agree_where_their_sets_lie_in_images_that_both_are_tested_on(study):
    found = agreement(study, study.variant(1), "face")
    assert found["images"] == 20
    assert found["same"] == pytest.approx(1)  # it is the same network
    assert found["different"] < 1
    assert agreement(study, study.variant(1), "face", count=6)["images"] == 6


def test_other_seeds_are_those_whose_network_is_in_the_store(study):
    assert [other.seed for other in others_in_store(study, "face", [5, 1, 3, 0])] == [1]
    assert others_in_store(study, "face", []) == []
