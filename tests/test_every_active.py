"""The printed algorithm returns every active pixel: counts and draws against plain loops."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny

from tinyvgg.backtracking import backtrack
from tinyvgg.experiments.every_active import (
    coin_neurons,
    coin_share,
    coverage,
    doublings,
    printed_sets,
)
from tinyvgg.layers import feature_maps_of


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
    sets = printed_sets(net, maps, batch=3)
    assert sets.traces == 4 * 5
    whole = 0
    for image in range(4):
        active = int((maps[image] > 0).sum())
        assert sets.active[image] == active
        for k in range(5):
            units, pixels = sets_by_loops(net, maps[image], k)
            assert (sets.units[image, k], sets.pixels[image, k]) == (units, pixels)
            whole += pixels == active
    assert sets.whole == whole
    assert sets.most_left_out == pytest.approx((1 - sets.pixels / sets.active[:, None]).max())


@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_layer_leaves_active_pixels_out_so_that_the_counts_can_fail(seed):
    net, images = random_tiny(seed, (4, 3)), random_images(seed, batch=4)
    sets = printed_sets(net, feature_maps_of(net, images))
    assert sets.whole < sets.traces
    assert 0 < sets.most_left_out <= 1


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
