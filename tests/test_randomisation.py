"""Dense layers randomised in a cascade: against one trace by each random network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from torch import nn
from worlds import jaccard_of, random_pairs, random_world

from tinyvgg.backtracking import Cut, backtrack, backtrack_maps
from tinyvgg.comparison import random_pixels
from tinyvgg.experiments.localisation import mean_known, similarity
from tinyvgg.experiments.randomisation import cascade, overlap_by_chance, randomised, traced_alike
from tinyvgg.tracking import track

CUT = Cut(0.01, 70)


def few_units(seed, dense=(3, 3)):
    """A network so narrow that L_1 differs between classes, and its images."""
    return random_tiny(seed, dense), random_images(seed, batch=6)


def test_tracing_alike_is_tracing():
    for seed in range(6):
        net, images = few_units(seed)
        known = backtrack(net, images, cut=CUT)
        target = (known.target + 1) % 5
        made, expected = (
            traced_alike(net, known, target, CUT),
            backtrack(net, images, target, CUT),
        )
        assert torch.equal(made.pixels, expected.pixels)
        torch.testing.assert_close(made.threshold, expected.threshold)
        assert all(map(torch.equal, made.layers, expected.layers))


def test_chance_overlap_is_the_mean_over_random_sets():
    maps = torch.ones(1, 10, 5, 5)
    maps[:, 6:] = 0  # 150 active
    generator = torch.Generator().manual_seed(0)
    draws = [random_pixels(maps, 40, generator)[0] for _ in range(400)]
    mean = np.mean([jaccard_of(a, b) for a, b in zip(draws[::2], draws[1::2], strict=True)])
    assert overlap_by_chance(maps, [40])[0] == pytest.approx(mean, abs=0.01)
    assert overlap_by_chance(maps, [150])[0] == 1
    assert overlap_by_chance(maps, [0])[0] == 1


def test_a_cascade_draws_from_the_top_and_leaves_the_network_alone():
    net = random_tiny(8)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    linears = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    last = None
    for k, other in cascade(net, seed=1):
        others = [layer for layer in other.classifier if isinstance(layer, nn.Linear)]
        same = [torch.equal(a.weight, b.weight) for a, b in zip(linears, others, strict=True)]
        assert same == [True] * (4 - k) + [False] * k
        assert all(not layer.bias.any() for layer in others[4 - k :])
        bound = math.sqrt(6 / sum(others[4 - k].weight.shape))
        assert 0.5 * bound < others[4 - k].weight.abs().max() <= bound
        if last is not None:
            assert torch.equal(last.classifier[-1].weight, other.classifier[-1].weight)
        last = other
        features = {n: v for n, v in other.state_dict().items() if n.startswith("features")}
        assert all(torch.equal(value, before[name]) for name, value in features.items())
    assert k == 4
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("dense", [(3, 3), (24, 16, 12)], ids=str)
def test_what_remains_is_what_a_trace_by_each_random_network_gives(dense):
    net, images = few_units(9, dense)
    trace = backtrack(net, images, cut=CUT)
    table = randomised(net, trace, CUT, images[:2], draws=2, seed=5).set_index("layers")
    depth = len(dense) + 1
    assert list(table.index) == list(range(depth + 1))
    seen = track(net, images[:2], trace.pixels[:2]).difference
    for k in range(1, depth + 1):
        nets = [dict(cascade(net, 5 + draw))[k] for draw in range(2)]
        released = [backtrack(other, images, trace.target, CUT) for other in nets]
        whole = [backtrack_maps(other, trace.maps, trace.target).pixels for other in nets]
        printed = backtrack(net, images).pixels
        for name, sets, own in (
            ("released", [made.pixels for made in released], trace.pixels),
            ("printed", whole, printed),
        ):
            expected = [jaccard_of(a, b) for some in sets for a, b in zip(own, some, strict=True)]
            assert table[name][k] == pytest.approx(np.mean(expected))
        counts = np.mean([float(made.pixels.sum()) / len(images) for made in released])
        assert table.pixels[k] == pytest.approx(counts)
        changed = [(made.logits.argmax(dim=1) != trace.target).double().mean() for made in released]
        assert table.changed[k] == pytest.approx(np.mean(changed))
        counts = trace.pixels.flatten(1).sum(dim=1)
        assert table.chance[k] == pytest.approx(overlap_by_chance(trace.maps, counts).mean())
        shown = [track(net, images[:2], made.pixels[:2]).difference for made in released]
        alike = [similarity(seen, some) for some in shown]
        expected = mean_known([mean_known(values) for values in alike])
        assert table.features[k] == pytest.approx(expected, nan_ok=True)
    assert table.released[0] == table.printed[0] == 1 and table.changed[0] == 0


def test_without_images_no_features_are_compared_and_without_mistakes_nothing_is():
    net, images = few_units(9)
    table = randomised(net, backtrack(net, images, cut=CUT), CUT, draws=1)
    assert table.features.isna().all() and table.released.notna().all()
    left = randomised(random_world().net, random_pairs().nobody.case, CUT)
    assert left.layers.tolist() == [0, 1, 2, 3, 4]
    assert left.drop(columns="layers").isna().all(axis=None)
