"""The study of avoided layers: its networks, its faces, its pictures and its record."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from drawn import readable, shown
from networks import random_images, randomise_biases
from small_studies import one
from test_deconv import captums

from tinyvgg import figures
from tinyvgg.deconv import deconvolve, record
from tinyvgg.experiments.avoided_layers import (
    AVERAGE,
    INCEPTION,
    MAX,
    NETWORKS,
    OWN_WAY,
    TRAINED,
    UNTRAINED,
    Kind,
)
from tinyvgg.experiments.picture_quality import quality
from tinyvgg.model import build
from tinyvgg.runs.records import Record
from tinyvgg.studies import layers
from tinyvgg.tracking import grey

EACH = list(layers.ARCHITECTURES.values())


@pytest.fixture
def small(short_studies):
    """Builds a small network by name, with random biases, in double precision."""

    def make(architecture: str, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        net = build(architecture, 5, 16).reset(generator)
        return randomise_biases(net, generator).double().eval()

    return make


# ---------------------------------------------------------------------- pictures


@pytest.mark.parametrize("architecture", EACH)
def test_the_maps_are_those_that_the_dense_layers_see(small, architecture):
    net, images = small(architecture), random_images(0)
    maps = record(layers.whole_features(net, images), images).maps
    assert maps.shape[1:] == net.pixel_shape
    torch.testing.assert_close(maps, net.features(images))


@pytest.mark.parametrize("architecture", EACH)
def test_captum_deconvolves_the_same(small, architecture):
    for seed in range(2):
        net, images = small(architecture, seed), random_images(seed)
        features = layers.whole_features(net, images)
        recording, way = record(features, images), layers.FOR_ALL._replace(rectify=False)
        ours = deconvolve(features, recording, **way._asdict())
        theirs = captums(net, images, net.features[-1], recording.maps)
        assert (ours - theirs).abs().max() <= 4e-15 * theirs.abs().max()
        expected = grey(theirs.clamp(min=0)).numpy()
        np.testing.assert_allclose(layers.deconvolved(net, images), expected, atol=1e-14)


def test_average_pooling_is_undone_by_equal_parts(small):
    net, images = small("tinyvgg_average"), random_images(3)
    x = net.features(images)
    convolutions = [layer for layer in net.features if hasattr(layer, "weight")]
    for number in reversed(range(6)):
        if number % 2:
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) / 4
        x = F.conv_transpose2d(x.relu(), convolutions[number].weight, padding=1)
        x = x + convolutions[number - 1].bias[:, None, None] if number else x
    expected = grey(x.relu()).detach().numpy()
    found = layers.deconvolved(net, images, layers.RELEASED)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_picture_does_not_depend_on_those_beside_it(small, monkeypatch):
    net, images = small("tinyvgg_inception"), random_images(1, batch=5)
    together = layers.deconvolved(net, images)
    monkeypatch.setattr(layers, "AT_ONCE", 2)
    np.testing.assert_allclose(layers.deconvolved(net, images), together)


# ---------------------------------------------------------------------- faces


def test_all_seeds_see_the_same_faces_and_train_on_none_of_them(place, short_studies):
    chosen = [layers.chosen_faces(one(place, seed=seed)) for seed in layers.SEEDS]
    assert len(chosen[0]) > 2 and len(set(chosen[0].tolist())) == len(chosen[0])
    for seed in layers.SEEDS:
        assert np.array_equal(chosen[seed], chosen[0])
        assert not set(chosen[0]) & set(one(place, seed=seed).split("face").train)
    other = one(place, seed=7)
    assert set(layers.chosen_faces(other)) == set(chosen[0]) & set(other.split("face").test)


def test_of_many_faces_some_are_drawn(place, short_studies, monkeypatch):
    everyone = layers.chosen_faces(one(place))
    monkeypatch.setattr(layers, "FACES", 2)
    assert layers.chosen_faces(one(place)).tolist() == everyone[:2].tolist()


def test_without_a_face_that_all_seeds_test_nothing_is_trained(place, run, monkeypatch):
    monkeypatch.setattr(layers, "SEEDS", tuple(range(30)))
    with pytest.raises(ValueError, match="a test face for each of 30 seeds"):
        run(layers.STUDY, seeds=(0,))
    assert not one(place).is_trained("face")


# ---------------------------------------------------------------------- the record


def test_the_record_measures_each_network_trained_and_untrained(run, place):
    made, path = run(layers.STUDY, seeds=(1, 2), epochs=1)
    assert path.stem == "layers-smoke-rafd"
    for seed in (1, 2):
        entries = {e["network"]: e for e in made.results if e["seed"] == seed and "right" in e}
        (kept,) = (e for e in made.results if e["seed"] == seed and "faces" in e)
        assert tuple(entries) == NETWORKS and "examples" not in kept, "these are photographs"
        for network, entry in entries.items():
            own = one(place, seed=seed, epochs=1, architecture=layers.ARCHITECTURES[network])
            assert entry["right"] == own.outcomes("face").correct.sum() and entry["epochs"] == 1
            rows = np.array(kept["faces"])
            assert kept["people"] == own.faces.table.subject[rows].tolist()
            nets = {TRAINED: own.network("face"), UNTRAINED: own.initial_network("face")}
            for way, net in nets.items():
                pictures = layers.deconvolved(net, own.inputs(rows))
                expected = quality(pictures, own.faces.images[rows])["sharpness"]
                found = np.array(entry["pictures"][way]["sharpness"], float)
                np.testing.assert_allclose(found, expected, atol=1e-4)
                assert entry["pictures"][way]["background"] == [None] * len(rows)
            assert (OWN_WAY in entry["pictures"]) == (network != INCEPTION)
            assert network in layers.STUDY.words(entry)
        assert "faces deconvolved" in layers.STUDY.words(kept)
    assert len(made.made["networks"]) == 2 * 3
    own = one(place)
    assert layers.summary(made, own).startswith("Of the test images")
    assert "smoke profile; its networks trained for 0 minutes" in layers.summary(made, own)


def test_an_untrained_network_is_what_training_starts_from(place, short_studies, monkeypatch):
    own = one(place, architecture="tinyvgg_inception", seed=3, learning_rate=1e-12, epochs=1)
    start, end = own.initial_network("face"), own.network("face")
    for name, weight in start.state_dict().items():
        torch.testing.assert_close(weight, end.state_dict()[name], rtol=0, atol=1e-9)


def test_without_a_record_the_page_names_the_command():
    assert "python -m tinyvgg study layers" in layers.summary(None, None)
    assert layers.kept_examples(None, 0) == []


# ---------------------------------------------------------------------- examples


def test_a_picture_is_kept_on_its_own_scale_and_nearly_as_it_was():
    picture = np.zeros((16, 16))
    picture[:8] = 2.0
    picture[4, 4] = 1.0
    stored = layers.as_bytes(picture)
    assert stored[0, 0] == 255 and stored[4, 4] == 128 and stored[12, 12] == 0
    assert layers.as_bytes(np.zeros((4, 4))).max() == 0
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    for given in (smooth, np.stack([smooth, 255 - smooth, smooth // 2], axis=-1)):
        back = layers.unpacked(layers.packed(given)).astype(int)
        expected = given if given.ndim == 3 else given[..., None]
        assert back.shape == (32, 32, 3) and np.abs(back - expected).mean() < 6


def test_examples_of_the_seed_are_shown_else_of_the_first_and_fit_into_a_record():
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (layers.EXAMPLES, 64, 64, 3), np.uint8)  # noise: hard to pack
    kinds = [*(Kind(network) for network in NETWORKS), Kind(MAX, UNTRAINED), Kind(AVERAGE, OWN_WAY)]
    pictures = {kind: rng.random((layers.EXAMPLES, 64, 64)) for kind in kinds}
    entries = [{"seed": s, "examples": layers.examples(faces, pictures)} for s in layers.SEEDS]
    assert len(json.dumps(entries)) < 350_000, "noise packs worse than any picture"
    entries[1]["examples"] = entries[1]["examples"][:1]
    made = Record("layers", {}, entries)
    assert [len(layers.kept_examples(made, seed)) for seed in (0, 1, 9)] == [3, 1, 3]
    (each,) = layers.kept_examples(made, 1)
    assert list(each) == ["face", *NETWORKS, "untrained"]
    figure = figures.layer_pictures([each])
    assert [ax.get_title() for ax in figure.axes] == list(each)
    face, picture = (shown(ax) for ax in figure.axes[:2])
    assert np.array_equal(face, each["face"])
    assert picture[..., 0].argmin() in np.flatnonzero(each[MAX][..., 0] >= 250), "bright is dark"
    plt.close(figure)
    nothing = figures.layer_pictures([])
    assert "No pictures are on record" in readable(nothing)
    plt.close(nothing)
