"""The long studies, on a handful of pictures: what they train, what they keep, what they say."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from photographs import a_few
from scipy.stats import binomtest

from tinyvgg import Study, model
from tinyvgg.evaluation import predict
from tinyvgg.experiments.augmentation import misleading_regions
from tinyvgg.experiments.gradients import gradient_norms
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.runs import recorded as common
from tinyvgg.runs import records, study
from tinyvgg.studies import augmentation, discussion, precision, seeds
from tinyvgg.training import unit as fitting


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return a_few(tmp_path_factory.mktemp("rafd"))


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """One process, a store of its own, and large models that are not large."""
    monkeypatch.setenv("TINYVGG_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(study.joblib, "cpu_count", lambda: 1)
    monkeypatch.setitem(
        model.ARCHITECTURES, "tinyvgg", partial(model.TinyVGG, width=8, dense=(16, 12, 8))
    )
    narrow = dict(width=2, dense=(8, 8))
    for name, depth, normed in (("vgg16", 16, False), ("vgg19", 19, False), ("vgg16_bn", 16, True)):
        made = partial(model.vgg, depth, batch_norm=normed, **narrow)
        monkeypatch.setitem(model.ARCHITECTURES, name, made)


@pytest.fixture
def run(place, tmp_path):
    settings = dict(profile="smoke", faces=place, device="cpu", progress=False, folder=tmp_path)
    return lambda long, **more: common.record_study(long, **{**settings, "epochs": 2, **more})


def one(place, **changes) -> Study:
    return Study("smoke", place, device="cpu", progress=False, **{"epochs": 2, **changes})


@pytest.fixture
def erring(monkeypatch):
    """Let every second training picture be misclassified; the pictures that were judged.

    All active pixels count, since a network that hardly trained passes no floor.
    """
    judged = []

    def judge(net, images):
        judged.append(images)
        said = predict(net, images)
        return np.where(np.arange(len(said))[:, None] % 2, said, np.roll(said, 1, axis=1))

    monkeypatch.setattr(augmentation, "predict", judge)
    monkeypatch.setattr(augmentation, "misleading_regions", partial(misleading_regions, cut=None))
    return judged


# ---------------------------------------------------------------------- what they share


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
    _, third = run(augmentation.STUDY, seeds=(0,), precision="bfloat16")
    assert third.stem == "augmentation-smoke-rafd", "bfloat16 is what is usual there"


def test_minutes_are_said_before_anything_is_trained(run, caplog):
    with caplog.at_level("INFO", logger="tinyvgg"):
        run(seeds.STUDY, seeds=(0, 1))
    said = [line for line in caplog.messages if "to be trained" in line]
    assert said == ["4 of 4 networks are to be trained, in about 1 min"]
    caplog.clear()
    with caplog.at_level("INFO", logger="tinyvgg"):
        run(seeds.STUDY, seeds=(0, 1))
    assert not [line for line in caplog.messages if "to be trained" in line]


def test_the_estimate_grows_with_epochs_and_shrinks_with_processes(place, monkeypatch):
    monkeypatch.setattr(common, "_seconds_a_picture", lambda *_: 2.0)
    study_ = one(place, epochs=3)
    pictures = len(study_.split("face").train) + len(study_.split("face").test) / 3
    alone = common.estimate([(study_, "face")])
    assert alone == pytest.approx(3 * 2 * pictures / 60)
    assert common.estimate([(study_, "face")] * 2) == pytest.approx(2 * alone)
    monkeypatch.setattr(common.joblib, "cpu_count", lambda: 2)
    assert common.estimate([(study_, "face")] * 2) == pytest.approx(alone)


# ---------------------------------------------------------------------- the Discussion


def test_the_discussion_trains_every_arm_and_keeps_its_curves(run, place):
    record, _ = run(discussion.STUDY, seeds=(0,), epochs=1)
    found = {(e["part"], e["name"], e["task"]): e for e in record.results}
    expected = {(arm.part, arm.name, task) for arm in discussion.ARMS for task in arm.tasks}
    assert set(found) == expected and len(record.results) == len(expected)
    adam = found["optimisers", "Adam", "emotion"]
    assert adam["protocol"]["optimiser"] == "adam" and adam["protocol"]["learning_rate"] == 0.001
    assert found["order", "the same batches every epoch", "face"]["protocol"]["order"] == "fixed"
    for (part, name, _), entry in found.items():
        own = entry["protocol"]
        assert own["precision"] == ("bfloat16" if part == "architectures" else "float32"), name
        assert [len(v) for v in entry["history"].values()] == [1, 1, 1]
        assert ("gradients" in entry) == (part == "architectures")
    he = found["architectures", "VGG-16, He's weights", "face"]["gradients"]["start"]
    glorot = found["architectures", "VGG-16", "face"]["gradients"]["start"]
    assert glorot["layer"] == he["layer"] and glorot["layer"][-1] == "output"
    assert all(a < b for a, b in zip(glorot["gradient"], he["gradient"], strict=True))


def test_a_network_that_diverges_is_a_result(run, monkeypatch, caplog):
    real = fitting.fit

    def diverging(network, *given, **more):
        if given[4].optimiser == "adagrad":
            raise FloatingPointError("the loss is nan")
        return real(network, *given, **more)

    monkeypatch.setattr(fitting, "fit", diverging)
    monkeypatch.setattr(discussion, "ARMS", [discussion.SGD, discussion.ARMS[2]])
    record, _ = run(discussion.STUDY, seeds=(0,), epochs=1)
    diverged = [entry["name"] for entry in record.results if entry["diverged"]]
    assert diverged == ["Adagrad", "Adagrad"]
    assert "the loss is nan" in caplog.text
    assert any("beyond all bounds" in discussion.STUDY.words(entry) for entry in record.results)
    with pytest.raises(FloatingPointError):
        run(common.LongStudy("x", (), (0,), discussion._networks, list, str), epochs=1)


def test_gradients_at_the_start_are_those_of_the_weights_that_training_starts_from(place):
    own = one(place, architecture="vgg16_bn", initialisation="he", seed=2)
    net = own.new_network("face").reset(torch.Generator().manual_seed(2), "he")
    rows = own.split("face").train[:: len(own.split("face").train) // 12][:12]
    y = torch.from_numpy(own.split("face").labels[rows])
    expected = gradient_norms(net, own.inputs(rows), y)
    assert discussion.gradients_at_start(own).equals(expected)


# ---------------------------------------------------------------------- the precision


def test_either_precision_is_trained_and_read_from_its_own_network(run, place):
    record, _ = run(precision.STUDY, seeds=(0, 1), epochs=1)
    for entry in record.results:
        own = one(place, seed=entry["seed"], precision=entry["precision"], epochs=1)
        assert own.is_trained(entry["task"])
        assert entry["right"] == own.outcomes(entry["task"]).correct.sum()
    found = [(e["seed"], e["task"], e["precision"]) for e in record.results]
    assert len(set(found)) == len(found) == 2 * 2 * 2
    assert one(place, epochs=1).is_trained("face"), "float32 is the usual network"


def test_a_precision_cannot_be_asked_of_the_study_of_both(run):
    with pytest.raises(ValueError, match="both precisions: leave --precision out"):
        run(precision.STUDY, seeds=(0,), precision="bfloat16")


def test_the_difference_of_precisions_is_taken_seed_by_seed():
    rights = {"float32": (90, 80, 70), "bfloat16": (93, 81, 72)}  # gains of 3, 1, 2 in a hundred
    entries = [
        {"seed": seed, "task": "face", "precision": name, "right": right, "test": 100}
        for name, values in rights.items()
        for seed, right in enumerate(values)
    ]
    row = precision.differences(records.Record("x", {}, entries)).iloc[0]
    half = 4.302652729911275 * 0.01 / 3**0.5  # Student's quantile of two degrees of freedom
    assert (row.seeds, row.verdict) == (3, "not measurably better or worse")
    assert row.float32 == pytest.approx(0.8) and row.bfloat16 == pytest.approx(0.82)
    assert (row.value, row.low, row.high) == pytest.approx((0.02, 0.02 - half, 0.02 + half))
    lost = [{**e, "right": e["right"] - 9 * (e["precision"] == "bfloat16")} for e in entries]
    assert precision.differences(records.Record("x", {}, lost)).verdict.item() == "worse"
    assert precision.differences(None).empty


# ---------------------------------------------------------------------- the augmentation


def test_what_is_gained_and_lost_is_counted_picture_by_picture():
    def said(*right):
        return pd.DataFrame({"correct": np.array(right, bool), "subject": np.arange(6) // 2})

    both = {"one": said(1, 1, 1, 0, 0, 1), "other": said(1, 0, 0, 1, 0, 0)}
    entry = augmentation._pair(4, both, "one", "other")
    assert (entry["gained"], entry["lost"], entry["seed"]) == (3, 1, 4)
    assert entry["difference"] == pytest.approx(2 / 6)
    assert entry["mcnemar"] == pytest.approx(2 * (1 + 4) / 2**4)
    expected = bootstrap_mean([0, 1, 1, -1, 0, 1], [0, 0, 1, 1, 2, 2])
    assert (entry["low"], entry["high"]) == pytest.approx(expected[1:])


def test_the_augmentation_has_three_arms_and_compares_them_picture_by_picture(run, place, erring):
    record, _ = run(augmentation.STUDY, seeds=(0,))
    arms = {e["arm"]: e for e in record.results if "right" in e}
    assert list(arms) == ["none", "aimed", "elsewhere"]
    assert arms["none"]["regions"] > 0
    trained = augmentation.arms(one(place, precision="bfloat16"))
    said = {name: own.outcomes("emotion").correct for name, own in trained.items()}
    for name, entry in arms.items():
        assert entry["right"] == said[name].sum() and entry["precision"] == "bfloat16"
        assert entry["epochs"] == 2
    (examples,) = (e["examples"] for e in record.results if "examples" in e)
    regions = augmentation.find_regions(one(place, precision="bfloat16"))
    for example in examples:
        k = regions.case.tolist().index(example["case"])
        shown = augmentation.unpack(example["region"], trained["none"].image_size)
        assert np.array_equal(shown, regions.masks[k]) and example["true"] == regions.true[k]
    assert [e["true"] for e in examples] == sorted(set(regions.true.tolist()))
    pairs = {(e["arm"], e["than"]): e for e in record.results if "than" in e}
    assert set(pairs) == set(augmentation.PAIRS)
    for (first, second), entry in pairs.items():
        gained = sum(a and not b for a, b in zip(said[first], said[second], strict=True))
        lost = sum(b and not a for a, b in zip(said[first], said[second], strict=True))
        assert (entry["gained"], entry["lost"]) == (gained, lost)
        assert entry["difference"] == pytest.approx((gained - lost) / len(said[first]))
        if gained + lost:
            assert entry["mcnemar"] == pytest.approx(binomtest(gained, gained + lost).pvalue)


def test_regions_come_from_training_pictures_alone(place, erring, monkeypatch):
    own = one(place, epochs=4)
    asked = []

    def inputs(self, rows):
        asked.extend(np.asarray(rows).tolist())
        return real(self, rows)

    real = Study.inputs
    monkeypatch.setattr(Study, "inputs", inputs)
    regions = augmentation.find_regions(own)
    train = own.split("emotion").train
    assert len(regions.masks) and set(asked) <= set(train)
    assert {*regions.case, *regions.twin} <= set(train)
    assert len(erring) == 1 and np.array_equal(erring[0], own.faces.images[train])
    size = own.image_size
    assert set(regions.masks.sum(axis=(1, 2))) == {round(0.1 * size**2)}


def test_the_network_that_is_judged_is_the_base_at_that_epoch(place):
    base = one(place, epochs=4)
    scout = augmentation.scout(base)
    assert augmentation.scout_epochs(base) == len(scout.history("emotion")) == 3
    columns = ["epoch", "loss", "train_error", "test_error"]
    whole = base.history("emotion")[columns].iloc[:3]
    assert scout.history("emotion")[columns].equals(whole)


def test_arms_differ_in_the_store_and_are_found_again(place, erring):
    own = one(place)
    arms = augmentation.arms(own)
    assert not any(arm.is_trained("emotion") for arm in arms.values())
    for arm in arms.values():
        arm.history("emotion")
    keys = [arm.store.key(arm._network_recipe("emotion"), ()) for arm in arms.values()]
    assert len(set(keys)) == 3
    again = augmentation.arms(one(place))
    assert all(arm.is_trained("emotion") for arm in again.values())
    with pytest.raises(ValueError, match="made for the task 'emotion'"):
        arms["aimed"].augmentation("face")


def test_the_main_kinds_hold_at_least_half_of_the_regions_and_are_the_fewest():
    true, named = np.array([0, 0, 0, 1, 1, 2, 2, 3]), np.array([1, 1, 2, 0, 0, 1, 3, 0])
    masks = np.zeros((8, 2, 2), bool)
    regions = augmentation.Regions(masks, true, true, true, named, 8)
    assert augmentation.main_kinds(regions) == {(0, 1), (1, 0)}
    empty = augmentation.Regions(*(part[:0] for part in (masks, true, true, true, named)), 0)
    assert augmentation.main_kinds(empty) == set()
