"""How much backtracking selects, pictures in batches, and where tracked features lie."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.batches import trace_rows, track_rows
from tinyvgg.experiments.localisation import (
    area_of_half,
    as_shares,
    flat_places,
    luminance_of,
    mean_by,
    mean_known,
    median,
    share_within,
    similarity,
)
from tinyvgg.experiments.selection import (
    count_pixels,
    every_class,
    last_layer,
    pixel_table,
    selected_by_layer,
    sensitivity,
)
from tinyvgg.tracking import track

IMAGES = random_images(0, batch=7)


def inputs(rows):
    return IMAGES[torch.as_tensor(np.array(rows, int))]


@pytest.mark.parametrize("dense", [(), (24, 16, 12)], ids=len)
@pytest.mark.parametrize("cut", [None, Cut(0.01, 60)])
def test_pictures_in_batches_are_traced_as_all_at_once(dense, cut):
    net, rows, target = random_tiny(1, dense), [6, 0, 3, 1, 1], [0, 1, 2, 3, 4]
    expected = backtrack(net, IMAGES[rows], torch.tensor(target), cut)
    made = trace_rows(net, inputs, rows, target, cut, batch=2)
    assert len(made.layers) == len(expected.layers)
    for name in ("target", "pixels", "threshold", "maps", "logits"):
        torch.testing.assert_close(getattr(made, name), getattr(expected, name))
    for some, others in zip(made.layers, expected.layers, strict=True):
        assert torch.equal(some, others)
    features = track_rows(net, inputs, rows, made.pixels, batch=2, ties="first")
    torch.testing.assert_close(
        features, track(net, IMAGES[rows], expected.pixels, ties="first").difference
    )


def test_no_pictures_give_no_traces_of_the_right_shape():
    net = random_tiny(1)
    trace = trace_rows(net, inputs, [])
    assert trace.pixels.shape == (0, 6, 2, 2) and trace.logits.shape == (0, 5)
    assert [layer.shape for layer in trace.layers] == [(0, 12), (0, 16), (0, 24)]
    assert track_rows(net, inputs, [], trace.pixels).shape == (0, 16, 16)
    assert every_class(net, inputs, []).empty
    assert sensitivity(net, inputs, [], (0,), (50,)).isna().all(axis=None)
    with pytest.raises(ValueError, match="2 rows need as many sets"):
        track_rows(net, inputs, [0, 1], trace.pixels)


@pytest.mark.parametrize("seed", range(3))
def test_the_contributions_of_the_last_layer_add_up_to_the_logit(seed):
    net = random_tiny(seed)
    trace = backtrack(net, IMAGES[:1])
    for target in (None, 2):
        layer = last_layer(net, trace.maps, target)
        k = int(trace.target) if target is None else target
        assert layer.target == k
        assert layer.total == pytest.approx(float(trace.logits[0, k]), rel=1e-12)
        np.testing.assert_allclose(layer.probabilities, trace.probabilities[0], rtol=1e-12)
    layer = last_layer(net, trace.maps)
    np.testing.assert_array_equal(layer.contributions > 0, trace.layers[0][0])  # this is L_n
    with pytest.raises(ValueError, match="one image"):
        last_layer(net, backtrack(net, IMAGES).maps)


def test_units_are_counted_layer_by_layer():
    net = random_tiny(2)
    trace = backtrack(net, IMAGES, cut=Cut(0.01, 60))
    table = selected_by_layer(net, trace).set_index(["image", "layer"])
    x = trace.maps.flatten(1)
    for layer, name in zip(net.classifier[:-1:2], ("L_1", "L_2", "L_3"), strict=True):
        for image in range(7):
            assert table.active[image, "L_0"] == (trace.maps[image] > 0).sum()
            assert table.selected[image, "L_0"] == trace.pixels[image].sum()
        x = torch.relu(layer(x))
        for image in range(7):
            row = table.loc[(image, name)]
            assert row.units == layer.out_features
            assert row.active == (x[image] > 0).sum()
            assert row.selected == trace.layers[3 - int(name[-1])][image].sum()
    assert (table.selected <= table.active).all() and (table.active <= table.units).all()


def test_every_class_is_traced_and_compared_with_the_one_predicted():
    net = random_tiny(0, dense=(128, 64, 32))
    printed = every_class(net, inputs, range(7))
    assert len(printed) == 35 and printed.predicted.sum() == 7
    assert (printed[printed.predicted].filter(like="L_") == 1).all(axis=None)
    assert list(printed.filter(like="L_")) == ["L_3", "L_2", "L_1", "L_0"]
    assert (printed.selected == printed.active).all()  # the printed algorithm, on wide layers
    assert (printed[~printed.predicted].L_3 < 1).all()  # where it does depend on the class


@pytest.mark.parametrize("dense", [(), (3, 2), (128, 64)], ids=len)
def test_every_class_with_a_cut_equals_one_trace_at_a_time(dense):
    net = random_tiny(0, dense)
    table = every_class(net, inputs, range(7), Cut(0, 50))
    for row in table.itertuples():
        trace = backtrack(net, IMAGES[[row.row]], row.target, Cut(0, 50))
        reference = backtrack(net, IMAGES[[row.row]], cut=Cut(0, 50))
        some, others = trace.pixels, reference.pixels
        assert row.selected == some.sum()
        common, union = int((some & others).sum()), int((some | others).sum())
        np.testing.assert_allclose(row.L_0, common / union if union else 1)


def test_a_stricter_cut_never_selects_more():
    table = sensitivity(random_tiny(0), inputs, range(7), (0, 0.02, 0.1), (0, 50, 90, 100))
    assert (table.diff().iloc[1:] <= 0).all(axis=None)
    assert (table.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)
    assert table.loc[0, 0] > table.loc[0, 90] > table.loc[0, 100] == 0
    counts = count_pixels(backtrack(random_tiny(0), IMAGES, cut=Cut(0.02, 50)).pixels)
    assert table.loc[0.02, 50] == counts.mean()


def test_the_papers_mean_stands_beside_ours_as_a_share_of_its_own_pixels():
    counts = pd.DataFrame({"total": 100, "active": [50, 70], "printed": [50, 70], "released": 6})
    table = pixel_table({"face": counts}, {"face": 811}, 25088).set_index("set")
    assert table.pixels.tolist() == [60, 60, 6, 811]
    assert table["of all"].tolist() == pytest.approx([0.6, 0.6, 0.06, 811 / 25088])
    assert table["of active"].iloc[2] == pytest.approx(0.1)


def test_similarity_is_numpys_correlation_and_unknown_for_a_flat_picture():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 4, 5, 5))
    expected = [np.corrcoef(a[k].ravel(), b[k].ravel())[0, 1] for k in range(4)]
    np.testing.assert_allclose(similarity(a, b), expected)
    np.testing.assert_allclose(similarity(a, 3 * a + 1), 1)
    assert np.isnan(similarity(a, np.zeros_like(a))).all()
    assert similarity(np.zeros((0, 5, 5)), np.zeros((0, 5, 5))).shape == (0,)
    with pytest.raises(ValueError, match="same shape"):
        similarity(a, b[:, :4])


def test_half_of_the_features_by_hand():
    picture = np.zeros((4, 2, 2))
    picture[0] = [[3, 1], [1, 1]]  # half of 6 lies on one pixel
    picture[1] = [[2, 1], [1, 1]]  # half of 5 lies on two
    picture[2] = 1  # spread evenly
    np.testing.assert_allclose(area_of_half(picture), [0.25, 0.5, 0.5, np.nan])
    assert area_of_half(np.zeros((0, 2, 2))).shape == (0,)


def test_places_are_flat_where_no_neighbour_differs():
    picture = np.full((1, 4, 5), 100.0)
    picture[0, 0, 0] = 103
    flat = flat_places(picture)[0]
    assert (~flat).sum() == 4 and not flat[:2, :2].any()
    features = np.zeros((2, 4, 5))
    features[0, 0, 0], features[0, 3, 4] = 1, 3
    np.testing.assert_allclose(share_within(features, flat[None]), [0.75, np.nan])


def test_means_go_by_label_and_shares_add_up_to_one():
    pictures = np.arange(12.0).reshape(3, 2, 2)
    made = mean_by(pictures, [90, 45, 90])
    assert list(made) == [45, 90]
    np.testing.assert_array_equal(made[90], pictures[[0, 2]].mean(axis=0))
    shares = as_shares(np.concatenate([pictures, np.zeros((1, 2, 2))]))
    np.testing.assert_allclose(shares.sum(axis=(1, 2)), [1, 1, 1, 0])
    assert mean_by(np.zeros((0, 2, 2)), []) == {}
    assert mean_known([1, np.nan, 3]) == 2 and math.isnan(mean_known([]))
    assert median([3, 1, 2]) == 2 and math.isnan(median([]))
    white = np.full((1, 1, 1, 3), 255, np.uint8)
    assert luminance_of(white)[0, 0, 0] == pytest.approx(255)
