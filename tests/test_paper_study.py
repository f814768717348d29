"""The study of the paper's size: whole or so far, its record, and what a page shows of it."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tinyvgg.figures import paper_size
from tinyvgg.paper import PAPER
from tinyvgg.runs import records
from tinyvgg.runs.recorded import LongStudy, estimate, record_study
from tinyvgg.runs.records import Record
from tinyvgg.runs.so_far import epochs_done, so_far
from tinyvgg.runs.study import Study
from tinyvgg.storage.store import Store
from tinyvgg.studies import paper
from tinyvgg.verdicts.ledger import paper_size_figures

EPOCHS = 3


@pytest.fixture(scope="module")
def study(tmp_path_factory, place):
    store = Store(tmp_path_factory.mktemp("store"))
    return Study("smoke", place, epochs=EPOCHS, store=store, progress=False)


@pytest.fixture(scope="module")
def interrupted(study):
    """The face task after two of its epochs."""
    unit = study.training_unit("face")
    unit = replace(unit, protocol=replace(unit.protocol, epochs=2))
    path = study.checkpoint("face")
    path.parent.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyvgg.training.unit.SAVE_EVERY", 0)
        unit.run(study.faces.images, path)
    return study


def test_nothing_is_there_before_the_first_epoch(study):
    assert epochs_done(study, "emotion") == 0
    assert so_far(study, "emotion") is None


def test_what_is_trained_so_far_is_the_network_of_so_many_epochs(interrupted):
    assert epochs_done(interrupted, "face") == 2
    kept = interrupted.checkpoint("face").read_bytes()
    other = so_far(interrupted, "face")
    assert other.protocol("face").epochs == len(other.history("face")) == 2
    store = Store(interrupted.store.root / "else")
    fresh = Study("smoke", interrupted.source, epochs=2, store=store, progress=False)
    assert other.digest("face") == fresh.digest("face")
    assert interrupted.checkpoint("face").read_bytes() == kept
    assert not interrupted.is_trained("face")


def test_what_is_trained_so_far_is_not_estimated_again(interrupted, monkeypatch):
    monkeypatch.setattr("tinyvgg.runs.recorded.seconds_a_picture", lambda *_: 60.0)
    rows = interrupted.split("face")
    assert estimate([(interrupted, "face")]) == pytest.approx(len(rows.train) + len(rows.test) / 3)


def test_the_training_goes_on_afterwards_as_if_nothing_had_been(interrupted):
    so_far(interrupted, "face")
    store = Store(interrupted.store.root / "whole")
    fresh = Study("smoke", interrupted.source, epochs=EPOCHS, store=store)
    assert interrupted.digest("face") == fresh.digest("face")
    assert so_far(interrupted, "face") is interrupted


@pytest.fixture(scope="module")
def record():
    """A record by hand: the face task after 30 of 100 epochs, the emotion task not begun."""
    measures = {
        "errors_face": 21,
        "total_face": 25088,
        "share_released_face": 0.018,
        "of_active_printed_face": 1.0,
        "accuracy_face": 0.9913,
        "case_common": None,
    }
    pair = {"pixels_twin": 400, "pixels_case": 410, "twin_before": 0.9}
    entry = {
        "seed": 0,
        "task": "face",
        "epochs": 30,
        "planned": 100,
        "images_per_second": 27.4,
        "precision": "bfloat16",
        "errors": {
            "angle": {"45": 9, "90": 12},
            "subject": {"1": 8, "2": 13},
            "emotion": {"sad": 21},
        },
        "curves": {"loss": [4.2, 4.0], "train_error": [0.9, 0.8], "test_error": [0.9, 0.7]},
        "measures": measures,
        "pair": pair,
    }
    return Record("paper", {}, [entry, {**entry, "seed": 1, "epochs": 100}])


def row(table, quantity):
    return table[table.quantity == quantity].iloc[0].tolist()


def test_the_page_has_the_paper_the_run_and_the_record_side_by_side(record):
    run = {"face": {"errors_face": 6, "total_face": 2048, "share_released_face": 0.102}}
    table = paper.side_by_side(run, record)
    assert row(table, "misclassified test images")[2:] == ["59", "6", "21"]
    assert row(table, "accuracy")[2:] == ["97.55 %", "–", "99.13 %"]
    assert row(table, "… share of all pixels")[2:] == ["3.2 %", "10.2 %", "1.8 %"]
    emotion = table[table.task == "emotion"]
    assert set(emotion["paper's size"]) == {"–"}
    assert set(paper.side_by_side(run, None)["paper's size"]) == {"–"}


def test_the_first_page_quotes_what_the_record_has_and_no_part_of_a_cell(record):
    found = paper.at_a_glance(record)
    assert found["large_errors_face"] == "21"
    assert found["large_accuracy_face"] == "99.13 %"
    assert found["large_pixels_face"] == "–"  # the share as printed is not there
    first = record.results[0]
    first = {**first, "measures": {**first["measures"], "share_printed_face": 0.4}}
    complete = paper.at_a_glance(Record("paper", {}, [first]))["large_pixels_face"]
    assert complete == "1.8 % with the released cut, 40.0 % as printed"
    assert set(paper.at_a_glance(None).values()) == {"–"}


def test_what_changes_with_the_size(record):
    found = paper.changes({"face": {"share_released_face": 0.10}, "emotion": {}}, record)
    assert found["released_small_face"] == pytest.approx(10)
    assert found["released_large_face"] == pytest.approx(1.8)
    share = PAPER["pixels_face"].value / PAPER["pixels"].value
    assert found["released_paper_face"] == pytest.approx(100 * share)
    ratio = PAPER["pixels_face"].value / PAPER["pixels_emotion"].value
    assert found["ratio_paper"] == pytest.approx(ratio)
    assert math.isnan(found["ratio_large"])  # the emotion task is not there


def test_the_pair_and_the_curves(record):
    table = paper.pair_table(record, {"pixels_twin": 84.0, "twin_before": math.nan})
    assert row(table, "pixels selected in the twin")[1:] == ["623", "84", "400"]
    assert row(table, "twin, probability of the true class")[1:] == ["0.99", "–", "0.9"]
    curves = paper.curves(paper.by_task(record.results)["face"])
    assert curves.epoch.tolist() == [1, 2] and curves.test_error.tolist() == [0.9, 0.7]


def test_the_errors_by_angle_subject_and_emotion(record):
    table = paper.error_table(record).set_index("images")
    assert table.loc["angle 45°"].tolist() == ["17", "9", "73", "–"]
    assert table.loc["angle 135°", "face, paper's size"] == "0"
    assert table.loc["most images of one subject"].tolist() == ["4", "13", "–", "–"]
    assert table.loc["subjects with a misclassified image", "face, paper's size"] == "2"
    assert table.loc["“sad” shown"].tolist() == ["–", "21", "57", "–"]
    first = record.results[0]
    bare = {**first, "errors": {**first["errors"], "angle": {}}}
    table = paper.error_table(Record("paper", {}, [bare])).set_index("images")
    assert table.loc["angle 45°", "face, paper's size"] == "–"


def test_a_record_says_of_how_many_epochs_it_is(record, monkeypatch):
    monkeypatch.setattr(Record, "status", lambda *_: "recorded today")
    said = paper.in_words(record, None)
    assert "30 of 100 epochs in the face task (27 images per second in bfloat16)" in said
    assert "study paper" in paper.in_words(None, None)


def test_the_ledger_reads_its_values_under_names_of_their_own(record):
    found = paper_size_figures(record.results)
    assert found["share_released_face_at_paper_size"].value == 0.018
    assert "case_common_at_paper_size" not in found


def test_table_3_has_a_row_a_case():
    def moment(name, probabilities):
        likely = max(probabilities, key=probabilities.get)
        common = {"mistaken": "sad", "true": "angry", "moment": name}
        return common | {"classified as": likely, "probabilities": probabilities}

    rows = [
        moment("before", {"sad": 0.9, "angry": 0.1}),
        moment("after", {"sad": 0.2, "angry": 0.8}),
    ]
    record = Record("paper", {}, [{"seed": 0, "task": "emotion", "table 3": rows}])
    assert paper.table_3(record).to_numpy().tolist() == [["angry", "sad", 0.9, "angry", 0.8]]
    assert paper.table_3(None).empty


def test_pictures_go_with_a_record_all_or_none(tmp_path):
    record = Record("paper", {}, [])
    records.write_pictures(record, {"a.webp": b"1", "b.webp": b"2"}, tmp_path)
    records.write_pictures(record, {"b.webp": b"3"}, tmp_path)
    found = records.pictures_of("paper", tmp_path)
    assert {name: path.read_bytes() for name, path in found.items()} == {"b.webp": b"3"}
    assert records.pictures_of("none", tmp_path) == {}


def test_pictures_of_other_faces_are_not_shown():
    assert paper_size.kept_pictures("paper", shown=False)["first_face"] is None
    assert paper_size.kept_pictures("none")["first_face"] is not None


def test_no_picture_of_a_photograph_is_kept():
    assert paper_size.paper_pictures(SimpleNamespace(source="rafd:/photographs")) == {}


def test_so_far_trains_nothing_and_names_what_is_trained(interrupted, tmp_path, monkeypatch):
    monkeypatch.setattr("tinyvgg.runs.recorded.train", pytest.fail)
    both = [(interrupted, "face"), (interrupted, "emotion")]
    nothing = LongStudy("paper", (0,), lambda _, jobs=both: jobs, lambda _: [{"seed": 0}], str)
    record, path = record_study(nothing, "smoke", folder=tmp_path, so_far=True, progress=False)
    assert path.name == "paper-smoke.json" and record.results == [{"seed": 0}]
    (network,) = record.made["networks"].values()
    assert network["weights"] == so_far(interrupted, "face").digest("face")
