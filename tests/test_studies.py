"""The long studies, on a handful of pictures: what they train and measure."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest
from small_studies import one

from tinyvgg import Study
from tinyvgg.evaluation import predict
from tinyvgg.experiments.augmentation import misleading_regions
from tinyvgg.experiments.gradients import gradient_norms
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.runs import recorded as common
from tinyvgg.runs import records
from tinyvgg.studies import augmentation, discussion, precision
from tinyvgg.training import unit

pytestmark = pytest.mark.usefixtures("short_studies")


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
        assert (own["epochs"], own["precision"]) == (1, "float32"), name
        assert [len(v) for v in entry["history"].values()] == [1, 1, 1]
        assert ("gradients" in entry) == (part == "architectures")
    he = found["architectures", "VGG-16, He's weights", "face"]["gradients"]["start"]
    glorot = found["architectures", "VGG-16", "face"]["gradients"]["start"]
    assert glorot["layer"] == he["layer"] and glorot["layer"][-1] == "output"
    assert all(a < b for a, b in zip(glorot["gradient"], he["gradient"], strict=True))


def test_a_network_that_diverges_is_a_result(run, monkeypatch, caplog):
    real = unit.fit

    def diverging(network, *given, **more):
        if given[4].optimiser == "adagrad":
            raise FloatingPointError("the loss is nan")
        return real(network, *given, **more)

    monkeypatch.setattr(unit, "fit", diverging)
    monkeypatch.setattr(discussion, "ARMS", [discussion.SGD, discussion.ARMS[2]])
    record, _ = run(discussion.STUDY, seeds=(0,), epochs=1)
    diverged = [entry["name"] for entry in record.results if entry["diverged"]]
    assert diverged == ["Adagrad", "Adagrad"]
    assert "the loss is nan" in caplog.text
    assert any("the loss diverged" in discussion.STUDY.words(entry) for entry in record.results)
    with pytest.raises(FloatingPointError):
        run(common.LongStudy("x", (0,), discussion._networks, list, str), epochs=1)


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
    with pytest.raises(ValueError, match="both precisions; omit --precision"):
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
    assert (row.seeds, row.verdict) == (3, "no measurable difference")
    assert row.float32 == pytest.approx(0.8) and row.bfloat16 == pytest.approx(0.82)
    assert (row.value, row.low, row.high) == pytest.approx((0.02, 0.02 - half, 0.02 + half))
    lost = [{**e, "right": e["right"] - 9 * (e["precision"] == "bfloat16")} for e in entries]
    assert (
        precision.differences(records.Record("x", {}, lost)).verdict.item()
        == "bfloat16 less accurate"
    )
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
    trained = augmentation.arms(one(place))
    said = {name: own.outcomes("emotion").correct for name, own in trained.items()}
    for name, entry in arms.items():
        assert entry["right"] == said[name].sum() and entry["precision"] == "float32"
        assert entry["epochs"] == 2
    (examples,) = (e["examples"] for e in record.results if "examples" in e)
    regions = augmentation.find_regions(one(place))
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


def test_nothing_is_trained_before_it_is_said_how_long_it_takes(place):
    own = one(place, epochs=4, seed=5)
    networks = augmentation.STUDY.networks(own)
    assert common.estimate(networks) > 0
    scout = networks[0]
    assert common.missing(networks) == networks
    assert not scout[0].checkpoint("emotion").exists()


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
    recipes = [json.dumps(arm.recipe("emotion")) for arm in arms.values()]
    assert len(set(recipes)) == 3
    again = augmentation.arms(one(place))
    assert all(arm.is_trained("emotion") for arm in again.values())
    with pytest.raises(ValueError, match="defined for the task 'emotion'"):
        arms["aimed"].augmentation("face")


def test_the_main_kinds_hold_at_least_half_of_the_regions_and_are_the_fewest():
    true, named = np.array([0, 0, 0, 1, 1, 2, 2, 3]), np.array([1, 1, 2, 0, 0, 1, 3, 0])
    masks = np.zeros((8, 2, 2), bool)
    regions = augmentation.Regions(masks, true, true, true, named, 8)
    assert augmentation.main_kinds(regions) == {(0, 1), (1, 0)}
    empty = augmentation.Regions(*(part[:0] for part in (masks, true, true, true, named)), 0)
    assert augmentation.main_kinds(empty) == set()
