"""Study: what a notebook asks for, made once, refused early, the same alone and side by side."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tinyvgg import Study
from tinyvgg.evaluation import predict
from tinyvgg.faces import FaceSet, full_design, sources
from tinyvgg.runs import parallel, study
from tinyvgg.runs.profiles import PROFILES, get_profile
from tinyvgg.storage.store import Store
from tinyvgg.training import unit


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of four people with six pictures each."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(2)
    for person in "abcd":
        (root / person).mkdir()
        tint = rng.integers(0, 200, 3)
        for k in range(6):
            pixels = tint + rng.integers(0, 56, (40, 36, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / person / f"{k}.png")
    return f"folder:{root}"


@pytest.fixture
def make(place, tmp_path):
    def make(**settings):
        settings = {"profile": "smoke", "faces": place, "device": "cpu", "epochs": 2} | settings
        return Study(**settings, store=Store(tmp_path / "store"), progress=False)

    return make


def test_networks_and_outcomes_are_found_again_not_made_again(make, monkeypatch):
    first = make()
    weights, outcomes = first.network("face").state_dict(), first.outcomes("face")

    def never(*_, **__):
        raise AssertionError("made again")

    monkeypatch.setattr(unit, "fit", never)
    monkeypatch.setattr(sources, "_read", never)
    again = make()
    assert all(torch.equal(v, weights[k]) for k, v in again.network("face").state_dict().items())
    pd.testing.assert_frame_equal(again.outcomes("face"), outcomes)
    pd.testing.assert_frame_equal(again.faces.table, first.faces.table)
    assert again.faces.fingerprint == first.faces.fingerprint


@pytest.mark.parametrize(
    "change",
    [dict(seed=1), dict(epochs=1), dict(order="fixed"), dict(optimiser="adam"),
     dict(initialisation="he")],
)  # fmt: skip
def test_another_setting_is_another_network(make, change):
    weights = [make(**c).network("face").state_dict() for c in ({}, change)]
    assert not all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_a_variant_has_another_architecture_and_image_size(make):
    plain = make()
    assert "architecture" not in plain.identity()
    other = plain.variant(image_size=16)
    assert other.faces.images.shape[1:3] == (16, 16)
    assert other.network("face").image_size == other.identity()["image_size"] == 16
    assert other.variant(profile="default", image_size=None).image_size == 64
    large = plain.variant(architecture="vgg16")
    assert large.faces is plain.faces
    assert large.recipe("face")["architecture"] == "vgg16"
    with pytest.raises(ValueError, match="multiple of 32"):
        plain.variant(architecture="vgg16", image_size=48)
    with pytest.raises(ValueError, match="choose one of tinyvgg"):
        plain.variant(architecture="alexnet")


def test_outcomes_are_what_the_kept_weights_say(make):
    for keep in ("last", "best"):
        s = make(keep=keep, learning_rate=0.05)
        table, rows = s.outcomes("face"), s.split("face").test
        probabilities = predict(s.network("face"), s.faces.images[rows])
        np.testing.assert_array_equal(table.row, rows)
        np.testing.assert_allclose(table.confidence, probabilities.max(1), rtol=1e-5)
        np.testing.assert_array_equal(table.predicted, probabilities.argmax(1))
        np.testing.assert_array_equal(table.true, s.split("face").labels[rows])
        np.testing.assert_array_equal(table.correct, table.true == table.predicted)


def test_side_by_side_gives_the_same_network_as_alone(make, place, tmp_path):
    alone = [make(seed=seed).network("face").state_dict() for seed in (0, 1)]
    store = Store(tmp_path / "other")
    settings = dict(profile="smoke", faces=place, device="cpu", epochs=2, progress=False)
    pair = [Study(**settings, seed=seed, store=store) for seed in (0, 1)]
    parallel.train([(s, "face") for s in pair])
    for s, weights in zip(pair, alone, strict=True):
        assert s.is_trained("face")
        assert all(torch.equal(v, weights[k]) for k, v in s.network("face").state_dict().items())


def test_the_recipe_holds_all_that_a_network_depends_on(make):
    def recipe(**changes):
        return make(**changes).recipe("face")

    plain = recipe()
    assert recipe() == plain == json.loads(json.dumps(plain))
    for change in (dict(seed=1), dict(epochs=1), dict(keep="best"), dict(image_size=16)):
        assert recipe(**change) != plain
    assert {"data", "protocol", "device", "code", "keep"} <= set(plain)


def test_last_and_best_epoch_are_one_training(make, monkeypatch):
    make(keep="last").network("face")
    monkeypatch.setattr(unit, "fit", None)
    assert make(keep="best").is_trained("face")
    make(keep="best").network("face")


def test_a_result_of_another_place_is_found_as_if_it_were_trained_here(make, tmp_path):
    here, there = make(), Study(**make().settings(), store=Store(tmp_path / "there"))
    result = there.training_unit("face").run(there.faces.images)
    here.store_result("face", result)
    assert here.is_trained("face") and not there.is_trained("face")
    assert here.digest("face") == result.digest() == there.digest("face")
    pd.testing.assert_frame_equal(here.history("face"), result.history)


def test_a_damaged_network_is_made_again(make):
    s = make()
    weights = s.network("face").state_dict()
    entry = next(p for p in s.store.root.iterdir() if p.name.startswith("network-"))
    path = entry / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    again = make()
    assert not again.is_trained("face")
    assert all(torch.equal(v, weights[k]) for k, v in again.network("face").state_dict().items())


def test_a_task_that_the_labels_do_not_allow_is_refused(make):
    assert make().tasks == ("face",)
    with pytest.raises(ValueError, match="emotion"):
        make().network("emotion")


def test_a_variant_shares_the_faces_and_the_store_unless_they_change(make):
    s = make()
    faces = s.faces
    other = s.variant(seed=1)
    assert (other.seed, other.departures, other.store) == (1, s.departures, s.store)
    assert other.faces is faces
    assert s.variant(image_size=16).faces is not faces


def test_a_study_takes_the_faces_that_it_is_given(make, monkeypatch):
    monkeypatch.setattr(study, "open_faces", None)  # it need not read them
    faces = full_design(1)
    given = FaceSet(np.zeros((len(faces), 32, 32, 3), np.uint8), faces, "synthetic")
    assert make(face_set=given).faces is given
    assert make(face_set=given).variant(seed=1).faces is given


def test_settings_make_the_same_study_again(make):
    s = make(seed=3, order="fixed", architecture="vgg16", unseen_subjects=True)
    again = Study(**json.loads(json.dumps(s.settings())), store=s.store)
    assert again.settings() == s.settings()
    assert {"seed": 3, "order": "fixed", "architecture": "vgg16"}.items() <= s.settings().items()


def test_people_are_unseen_only_where_it_is_asked_for(make):
    s = make()
    assert s.variant(unseen_subjects=True).unseen_subjects
    assert "unseen_subjects" not in s.recipe("face"), "the paper's networks keep their key"
    apart = s.variant(unseen_subjects=True)
    assert apart.recipe("face") == s.recipe("face"), "each person is a class there"


@pytest.mark.parametrize(
    ("wrong", "known"),
    [
        (dict(profile="huge"), "smoke, default, paper"),
        (dict(device="gpu"), "auto, cpu, cuda"),
        (dict(faces="celeba"), "synthetic"),
        (dict(seed=-1), "whole number"),
        (dict(seed=1.5), "whole number"),
        (dict(momentum=0.9), "learning_rate"),
        (dict(order="sorted"), "reshuffled, fixed"),
    ],
)
def test_an_unknown_setting_is_refused_at_once_with_the_known_ones(make, wrong, known):
    with pytest.raises(ValueError, match=known):
        make(**wrong)


def test_the_environment_names_the_profile_that_is_not_given(monkeypatch):
    monkeypatch.setenv("TINYVGG_PROFILE", "smoke")
    assert get_profile() is PROFILES["smoke"]
    assert get_profile("paper") is PROFILES["paper"]
    monkeypatch.setenv("TINYVGG_PROFILE", "tiny")
    with pytest.raises(ValueError, match=r"\$TINYVGG_PROFILE 'tiny'"):
        get_profile()
    monkeypatch.delenv("TINYVGG_PROFILE")
    assert get_profile() is PROFILES["default"]


def test_the_identity_tells_runs_apart(make):
    assert make().identity() == make().identity()
    assert make().identity() != make(seed=1).identity()
    assert {"profile", "faces", "seed", "device", "data", "code", "versions"} <= set(
        make().identity()
    )
