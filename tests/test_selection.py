"""How much backtracking selects: by unit, by layer and by image."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny
from worlds import random_pairs, random_world

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.selection import (
    contribution_variation,
    count_pixels,
    last_layer,
    layer_in_words,
    pixel_table,
    selected_by_layer,
)

IMAGES = random_images(0, batch=7)


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


def test_a_table_names_layers_in_words():
    names = ["L_3", "L_1", "L_0", "L_0, released"]
    words = ["hidden layer 3", "hidden layer 1", "pixels", "pixels, as released"]
    assert [layer_in_words(name) for name in names] == words


def test_pixels_are_counted_image_by_image():
    trace = backtrack(random_tiny(0), IMAGES, cut=Cut(0.01, 60))
    for counted, sets in ((trace.pixels, trace.pixels), (trace.maps, trace.maps > 0)):
        assert count_pixels(counted).tolist() == [int(some.sum()) for some in sets]
    assert count_pixels(trace.pixels[:0]).shape == (0,)


def test_the_papers_mean_stands_beside_ours_as_a_share_of_its_own_pixels():
    counts = pd.DataFrame(
        {
            "total": [100, 100, 200],
            "active": [50, 80, 0],
            "printed": [50, 60, 0],
            "released": [5, 4, 0],
        }
    )
    table = pixel_table({"face": counts}, {"face": 811}, 25088).set_index("set")
    assert table.pixels.tolist() == pytest.approx([130 / 3, 110 / 3, 3, 811])
    # means of shares image by image; an image without active pixels has no share of them
    expected = [1.3 / 3, 1.1 / 3, 0.09 / 3, 811 / 25088]
    assert table["of all"].tolist() == pytest.approx(expected)
    assert table["of active"].tolist()[:3] == pytest.approx([1, (1 + 0.75) / 2, (0.1 + 0.05) / 2])
    assert math.isnan(table["of active"].astype(float).iloc[3])


def test_coefficients_of_variation_are_those_of_the_two_factors():
    net, images = random_tiny(2, (24, 16)), random_images(2, batch=6)
    trace = backtrack(net, images)
    found, expected = contribution_variation(net, trace), {"activation": [], "weight": []}
    weight = net.classifier[0].weight.detach().numpy()
    for a_0, units in zip(trace.maps.flatten(1).numpy(), trace.layers[-1].numpy(), strict=True):
        active = np.flatnonzero(a_0)
        largest = [max(weight[i, r] for i in np.flatnonzero(units)) for r in active]
        for name, x in (("activation", a_0[active]), ("weight", np.array(largest))):
            expected[name].append(x.std(ddof=1) / x.mean())
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values))
    assert found["units"] == pytest.approx(float(trace.layers[-1].sum()) / len(images))


def test_a_run_without_mistakes_has_no_units_and_no_variation():
    net, case = random_world().net, random_pairs().nobody.case
    assert all(math.isnan(value) for value in contribution_variation(net, case).values())
    assert selected_by_layer(net, case).empty
