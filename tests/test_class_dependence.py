"""How much a set depends on the class: against one trace per image and class, and fair coins."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny
from worlds import jaccard_of

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.batches import first_images
from tinyvgg.experiments.class_dependence import (
    PRINTED,
    RELEASED,
    class_dependence,
    coin_neurons,
    coin_share,
    coverage,
    dependence_counts,
    doublings,
    layer_overlaps,
    layers_of,
    most_left_out,
)
from tinyvgg.layers import feature_maps_of

CLASSES = 5


# ---------------------------------------------------------------------- every class of every image


@pytest.mark.parametrize("cut", [None, Cut(0, 50), Cut(0.01, 70)], ids=str)
@pytest.mark.parametrize("dense", [(), (3,), (3, 2), (24, 16, 12)], ids=str)
def test_every_class_is_compared_as_one_trace_at_a_time_is(dense, cut):
    net, images = random_tiny(4, dense), random_images(4, batch=7)
    trace = backtrack(net, images, cut=cut)
    table = class_dependence(net, trace, cut, batch=3)
    expected = [(image, k) for image in range(7) for k in range(CLASSES)]
    assert list(table[["image", "target"]].itertuples(index=False, name=None)) == expected
    hidden = [f"L_{j}" for j in range(len(dense), 0, -1)]
    assert layers_of(table) == hidden and (RELEASED in table) == (cut is not None)
    for row in table.to_dict("records"):
        image, own = images[row["image"]][None], int(trace.target[row["image"]])
        assert row["traced"] == (row["target"] == own)
        sets = {
            some: [backtrack(net, image, k, some) for k in (own, row["target"])]
            for some in {None, cut}
        }
        printed = sets[None][1]
        for name, one, two in zip(hidden, *(some.layers for some in sets[None]), strict=True):
            assert row[name] == pytest.approx(jaccard_of(one, two))
        assert row["active"] == (printed.maps > 0).sum()
        assert row["printed"] == printed.pixels.sum()
        first = net.classifier[0](printed.maps.flatten(1)) > 0
        assert row["hidden"] == (first.sum() if dense else 0)
        assert row["units"] == (printed.layers[-1].sum() if dense else 0)
        for some, name, reading in ((None, PRINTED, "printed"), (cut, RELEASED, "released")):
            if reading == "printed" or cut is not None:
                one, two = (made.pixels for made in sets[some])
                assert row[name] == pytest.approx(jaccard_of(one, two))
                assert row[f"differ, {reading}"] == int((one ^ two).sum())
    if dense != (24, 16, 12) and cut is not None:
        assert (table["differ, released"] > 0).any()  # the comparison can tell


@pytest.mark.parametrize("batch", [1, 2, 7, 100])
def test_batches_make_no_difference(batch):
    net, images = random_tiny(1, (3, 2)), random_images(1, batch=7)
    trace = backtrack(net, images, cut=Cut(0, 50))
    whole = class_dependence(net, trace, Cut(0, 50))
    pd.testing.assert_frame_equal(whole, class_dependence(net, trace, Cut(0, 50), batch))


def test_it_is_compared_with_the_class_that_was_traced_and_not_with_the_one_predicted():
    net, images = random_tiny(4, (3, 2)), random_images(4, batch=5)
    target = (backtrack(net, images).target + 2) % CLASSES
    table = class_dependence(net, backtrack(net, images, target, Cut(0, 50)), Cut(0, 50))
    assert table.target[table.traced].tolist() == target.tolist()
    one, two = (backtrack(net, images[:1], k, Cut(0, 50)).pixels for k in (int(target[0]), 0))
    assert table[RELEASED][0] == pytest.approx(jaccard_of(one, two))


def sets_by_loops(net, maps, k):
    """|L_1| and |L_0| of one image and class, straight from Algorithm 1."""
    linears = [layer for layer in net.classifier if hasattr(layer, "weight")]
    activations = [maps.flatten().tolist()]
    for linear in linears[:-1]:
        below = torch.tensor(activations[-1], dtype=torch.float64)
        activations.append(torch.relu(linear(below)).tolist())
    selected = {k}
    sizes = []
    for linear, a in zip(reversed(linears), reversed(activations), strict=True):
        W = linear.weight.tolist()
        selected = {r for r in range(len(a)) if any(a[r] * W[i][r] > 0 for i in selected)}
        sizes.append(len(selected))
    return (sizes[-2] if len(sizes) > 1 else 0), sizes[-1]


@pytest.mark.parametrize("dense", [(24, 16, 12), (4, 3), (3,), ()])
@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_counts_are_those_of_algorithm_1_done_by_hand(seed, dense):
    net, images = random_tiny(seed, dense), random_images(seed, batch=4)
    maps = feature_maps_of(net, images)
    table = class_dependence(net, backtrack(net, images), batch=3)
    assert len(table) == 4 * CLASSES
    whole = {True: 0, False: 0}
    for row in table.itertuples():
        active = int((maps[row.image] > 0).sum())
        units, pixels = sets_by_loops(net, maps[row.image], row.target)
        assert (row.active, row.units, row.printed) == (active, units, pixels)
        whole[row.traced] += pixels == active
    counts = dependence_counts(table.assign(**{RELEASED: 1.0, "differ, released": 0}))
    assert (counts["whole_own"], counts["whole_other"]) == (whole[True], whole[False])
    assert most_left_out(table) == pytest.approx((1 - table.printed / table.active).max())


@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_layer_leaves_active_pixels_out_so_that_the_counts_can_fail(seed):
    net, images = random_tiny(seed, (4, 3)), random_images(seed, batch=4)
    table = class_dependence(net, backtrack(net, images))
    assert (table.printed == table.active).mean() < 1
    assert 0 < most_left_out(table) <= 1


def test_wide_layers_return_every_active_pixel_from_every_class_but_depend_on_it_above():
    net, images = random_tiny(0, dense=(128, 64, 32)), random_images(0, batch=7)
    table = class_dependence(net, backtrack(net, images))
    assert table.traced.sum() == 7
    assert (table.loc[table.traced, ["L_3", "L_2", "L_1", PRINTED]] == 1).all(axis=None)
    assert (table.printed == table.active).all() and most_left_out(table) == 0
    assert (table.L_3[~table.traced] < 1).all()


# ---------------------------------------------------------------------- counts by hand


def small_table():
    """Two images, three classes; of the first image, class 1 was traced, of the second class 0."""
    columns = {
        "image": [0, 0, 0, 1, 1, 1],
        "target": [0, 1, 2, 0, 1, 2],
        "traced": [False, True, False, True, False, False],
        "active": [10, 10, 10, 4, 4, 4],
        "printed": [10, 10, 7, 4, 4, 1],
        "units": 3,
        "hidden": 5,
        "L_2": [0.5, 1, 0.25, 1, 1, 0],
        "L_1": [1, 1, 0.5, 1, 1, 1.0],
        RELEASED: [1, 1, 0.5, 1, 1, 1.0],
        "differ, released": [0, 0, 3, 0, 0, 0],
        PRINTED: [1, 1, 0.7, 1, 1, 0.25],
        "differ, printed": [0, 0, 3, 0, 0, 3],
    }
    return pd.DataFrame(columns)


def test_counts_and_overlaps_by_hand():
    table = small_table()
    assert dependence_counts(table) == {
        "images": 2,
        "traces": 4,
        "differ_released": 3,
        "same_released": 3,
        "differ_printed": 6,
        "same_printed": 2,
        "overlap_L_2": 1.75 / 4,
        "same_L_2": 1,
        "overlap_L_1": 3.5 / 4,
        "same_L_1": 3,
        "overlap_released": 3.5 / 4,
        "overlap_printed": (1 + 0.7 + 1 + 0.25) / 4,
        "whole_own": 2,
        "whole_other": 2,
    }
    overlaps = layer_overlaps(table)
    assert list(overlaps.index) == ["L_2", "L_1", RELEASED, PRINTED]
    assert overlaps.loc["L_2"].tolist() == [1.75 / 4, 0, 1]
    assert overlaps.loc[PRINTED].tolist() == pytest.approx([2.95 / 4, 0.25, 1])
    assert most_left_out(table) == 0.75
    assert most_left_out(table[table.image == 0]) == pytest.approx(0.3)
    assert most_left_out(table.assign(active=0, printed=0)) == 0


def test_a_run_without_mistakes_has_no_rows_and_unknown_numbers():
    net = random_tiny(1)
    none = first_images(backtrack(net, random_images(1), cut=Cut()), 0)
    table = class_dependence(net, none, Cut())
    some = class_dependence(net, backtrack(net, random_images(1), cut=Cut()), Cut())
    assert len(table) == 0 and list(table) == list(some)
    counts = dependence_counts(table)
    assert counts["images"] == counts["traces"] == counts["whole_own"] == 0
    assert math.isnan(counts["overlap_released"])
    assert layer_overlaps(table).isna().all(axis=None) and most_left_out(table) == 0


# ---------------------------------------------------------------------- fair coins


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_of_a_random_order_ends_with_the_set_of_algorithm_1(seed):
    net, images = random_tiny(seed, (8, 6)), random_images(seed, batch=6)
    trace = backtrack(net, images)
    found = coverage(net, trace, seed)
    for image, row in found.table.iterrows():
        active, units = int((trace.maps[image] > 0).sum()), int(trace.layers[-1][image].sum())
        assert (row.active, row.units) == (active, units)
        curve = found.returned[image]
        assert np.isnan(curve[units:]).all()
        assert (np.diff(curve[:units]) >= 0).all()
        if units:
            assert curve[units - 1] == pytest.approx(int(trace.pixels[image].sum()) / active)
            reached = np.flatnonzero(curve[:units] == 1)
            assert row.needed == (reached[0] + 1 if len(reached) else math.inf)


@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_each_step_of_the_curve_is_a_union_over_the_neurons_drawn(seed):
    net, images = random_tiny(seed, (16, 10)), random_images(seed, batch=2)
    trace = backtrack(net, images)
    found = coverage(net, trace, seed)
    assert (found.table.units > 0).all()
    W = net.classifier[0].weight
    random = np.random.default_rng(seed)
    for image in range(2):
        order = random.permutation(np.flatnonzero(trace.layers[-1][image].numpy()))
        active = (trace.maps[image].flatten() > 0).nonzero().flatten().tolist()
        returned = set()
        for k, i in enumerate(order):
            returned |= {r for r in active if W[i, r] > 0}
            assert found.returned[image, k] == pytest.approx(len(returned) / len(active))
        opposed = max(np.mean([float(W[i, r]) <= 0 for i in order]) for r in active)
        assert found.table.opposed[image] == pytest.approx(opposed)
        expected = math.log10(len(active) * 0.5 ** len(order))
        assert found.table.log10_expected[image] == pytest.approx(expected)


def test_fair_coins_return_what_the_prediction_says():
    net = random_tiny(0, (512, 8), image_size=32)  # its weights know nothing of these maps
    maps = torch.rand(24, *net.pixel_shape, generator=torch.Generator().manual_seed(0))
    trace = SimpleNamespace(maps=maps, layers=[torch.ones(24, 512, dtype=torch.bool)])
    found = coverage(net, trace)
    for k in (1, 2, 4):
        assert np.nanmean(found.returned[:, k - 1]) == pytest.approx(coin_share(k), abs=0.03)
    assert found.table.needed.median() == pytest.approx(coin_neurons(maps[0].numel()), abs=1)


def test_the_number_of_coins_is_where_all_pixels_are_back_every_other_time():
    for active in (50, 1000, 20_000):
        assert coin_share(coin_neurons(active)) ** active == pytest.approx(0.5, abs=0.01)
    assert math.isnan(coin_neurons(0))


def test_an_image_without_active_pixels_needs_no_neuron():
    net = random_tiny(0, (8, 6))
    trace = backtrack(net, torch.zeros(1, 3, 16, 16, dtype=torch.float64))
    trace.maps.zero_()
    found = coverage(net, trace)
    assert found.table.needed.tolist() == [0] and np.isnan(found.returned).all()


def test_doublings_do_not_pass_the_number():
    assert doublings(20).tolist() == doublings(16).tolist() == [1, 2, 4, 8, 16]
    assert doublings(1).tolist() == doublings(0).tolist() == [1]


def test_a_network_without_hidden_layers_has_no_neurons_to_draw():
    net, images = random_tiny(0, ()), random_images(0)
    with pytest.raises(ValueError, match="no L_1"):
        coverage(net, backtrack(net, images))
