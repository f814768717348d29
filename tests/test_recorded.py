"""What long studies share: seeds, networks, minutes and the record, on a handful of pictures."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from small_studies import one

from tinyvgg.runs import recorded as common
from tinyvgg.runs import records
from tinyvgg.studies import augmentation, discussion, seeds

pytestmark = pytest.mark.usefixtures("short_studies")


def test_a_study_goes_through_its_seeds_and_names_its_command(run, place):
    record, path = run(seeds.STUDY, seeds=(0, 3))
    assert [entry["seed"] for entry in record.results] == [0, 3]
    for entry in record.results:
        wrong = ~one(place, seed=entry["seed"]).outcomes("emotion").correct
        assert entry["errors_emotion"] == wrong.sum()
    command = record.made["command"]
    assert command.startswith("python -m tinyvgg study seeds --profile smoke --faces rafd:DIR")
    assert "--seed 0 3" in command and record.made["seeds"] == [0, 3]
    assert records.read(path.stem, path.parent) == record
    assert common.find_record("seeds", one(place), path.parent) == record


def test_seeds_are_added_to_a_record_without_the_networks_that_it_has(run, place, tmp_path):
    whole, path = run(seeds.STUDY, seeds=(0, 1, 3))
    run(seeds.STUDY, seeds=(0, 3))
    shutil.rmtree(tmp_path / "store")
    grown, same = run(seeds.STUDY, seeds=(0, 1), add=True)
    assert not one(place, seed=0).is_trained("face"), "seed 0 is in the record"
    assert same == path and records.read(path.stem, path.parent) == grown
    timed = dict(images_per_second=None)
    assert [e | timed for e in grown.results] == [e | timed for e in whole.results]
    for key in ("seeds", "command", "code", "data"):
        assert grown.made[key] == whole.made[key], key
    assert grown.made["networks"].keys() == whole.made["networks"].keys()
    assert [part["seeds"] for part in grown.parts] == [[0, 3], [1]]
    assert grown.made["minutes"] == pytest.approx(sum(p["minutes"] for p in grown.parts), abs=0.1)
    assert grown.changes(one(place)) == []


def test_without_a_record_all_seeds_are_added(run):
    record, _ = run(seeds.STUDY, seeds=(0, 3), add=True)
    assert record.made["seeds"] == [0, 3] and "parts" not in record.made


def test_seeds_that_another_run_added_in_the_meantime_are_kept(run, monkeypatch):
    def train_while_another_run_adds_its_seed(*arguments):
        monkeypatch.setattr(common, "train", train)
        run(seeds.STUDY, seeds=(1, 2), add=True)
        train(*arguments)

    run(seeds.STUDY, seeds=(0,))
    train = common.train
    monkeypatch.setattr(common, "train", train_while_another_run_adds_its_seed)
    record, path = run(seeds.STUDY, seeds=(2, 3), add=True)
    assert record.made["seeds"] == [entry["seed"] for entry in record.results] == [0, 1, 2, 3]
    assert records.read(path.stem, path.parent) == record


@pytest.mark.parametrize(
    ("again", "message"),
    [
        (dict(seeds=(3,)), "has these seeds already.*3.*--seed.*omit --add"),
        (dict(seeds=(4,), learning_rate=0.01), "made by `python.*this would be.*0.01.*same set"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_changes(run, place, again, message):
    _, path = run(seeds.STUDY, seeds=(0, 3))
    before = path.read_text()
    with pytest.raises(ValueError, match=message):
        run(seeds.STUDY, **again, add=True)
    assert path.read_text() == before
    assert not one(place, seed=4).is_trained("face")


def test_no_seed_is_added_to_an_outdated_record(run, place):
    record, path = run(seeds.STUDY, seeds=(0,))
    code = {**record.made["code"], "tinyvgg.model": "other"}
    records.write(replace(record, made={**record.made, "code": code}), path.parent)
    with pytest.raises(ValueError, match=r"tinyvgg\.model changed since.*Omit --add"):
        run(seeds.STUDY, seeds=(1,), add=True)
    assert not one(place, seed=1).is_trained("face")


def test_a_record_tells_its_networks_apart_and_names_no_folder(run, place):
    record, path = run(seeds.STUDY, seeds=(0, 3))
    networks = record.made["networks"]
    assert set(networks) == {f"rafd {t}, seed {s}" for t in ("face", "emotion") for s in (0, 3)}
    assert len({network["weights"] for network in networks.values()}) == len(networks)
    again = one(place, seed=3)
    assert networks["rafd face, seed 3"]["weights"] == again.digest("face")
    assert networks["rafd face, seed 3"]["first_losses"] == again.history("face").loss.tolist()[:2]
    minutes = sum(network["minutes"] for network in networks.values())
    assert records.overview(again, path.parent).minutes.item() == minutes


def test_seeds_are_those_of_the_study_if_none_are_given():
    assert len(seeds.STUDY.seeds) >= 5 and len(augmentation.STUDY.seeds) >= 3


def test_another_precision_has_a_record_of_its_own(run):
    _, usual = run(seeds.STUDY, seeds=(0,), precision="float32")
    record, other = run(seeds.STUDY, seeds=(0,), precision="bfloat16")
    assert (usual.stem, other.stem) == ("seeds-smoke-rafd", "seeds-bfloat16-smoke-rafd")
    assert "--precision bfloat16" in record.made["command"]
    half = replace(seeds.STUDY, usual={"precision": "bfloat16"})
    _, third = run(half, seeds=(0,), precision="bfloat16")
    assert third.stem == "seeds-smoke-rafd", "bfloat16 is what is usual there"


@pytest.mark.parametrize("long", [seeds.STUDY, discussion.STUDY])
def test_a_study_of_finished_networks_cannot_be_measured_so_far(run, place, tmp_path, long):
    with pytest.raises(ValueError, match=f"{long.name}.*finished networks only.*study paper"):
        run(long, seeds=(7,), so_far=True)
    assert not one(place, seed=7).is_trained("face")
    assert not [*tmp_path.glob("*.json")], "no record"


def test_minutes_are_said_before_anything_is_trained(run, caplog):
    with caplog.at_level("INFO", logger="tinyvgg"):
        run(seeds.STUDY, seeds=(0, 1))
    said = [line for line in caplog.messages if "to be trained" in line]
    assert said == ["4 of 4 networks remain to be trained (about 1 min)"]
    caplog.clear()
    with caplog.at_level("INFO", logger="tinyvgg"):
        run(seeds.STUDY, seeds=(0, 1))
    assert not [line for line in caplog.messages if "to be trained" in line]


def test_the_estimate_grows_with_epochs_and_shrinks_with_processes(place, monkeypatch):
    monkeypatch.setattr(common, "seconds_a_picture", lambda *_: 2.0)
    study_ = one(place, epochs=3)
    pictures = len(study_.split("face").train) + len(study_.split("face").test) / 3
    alone = common.estimate([(study_, "face")])
    assert alone == pytest.approx(3 * 2 * pictures / 60)
    assert common.estimate([(study_, "face")] * 2) == pytest.approx(2 * alone)
    monkeypatch.setattr(common.joblib, "cpu_count", lambda: 2)
    assert common.estimate([(study_, "face")] * 2) == pytest.approx(alone)


def test_a_record_names_the_code_of_its_networks_and_of_what_it_measures(run, place, tmp_path):
    record, _ = run(seeds.STUDY, seeds=(0,))
    code = set(record.made["code"])
    assert {"tinyvgg.training.unit", "tinyvgg.model", "tinyvgg.studies.seeds"} <= code
    assert not any(name.startswith(("tinyvgg.runs", "tinyvgg.storage")) for name in code)
    assert record.changes(one(place)) == []
    (before,) = (common.find_record("seeds", one(place), tmp_path),)
    assert before.made["sizes"]["epochs_face"] == one(place).profile.epochs_face


def test_the_code_of_an_augmentation_counts_for_its_record(run, monkeypatch):
    none = augmentation.Regions(*(np.zeros((0, 32, 32), bool), *4 * [np.zeros(0, int)], 0))
    monkeypatch.setattr(augmentation, "find_regions", lambda study: none)
    record, _ = run(augmentation.STUDY, seeds=(0,))
    assert "tinyvgg.experiments.augmentation" in record.made["code"]


@pytest.mark.parametrize(
    ("given", "message"), [((), "no seed was given"), ((2, 0, 2), r"given twice \(2, 0 and 2\)")]
)
def test_every_seed_is_measured_once(run, given, message):
    with pytest.raises(ValueError, match=message):
        run(seeds.STUDY, seeds=given)
