"""Class dependence, sensitivity to the cut, curves, the mean instead of zero, random layers."""

import math

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from torch import nn
from worlds import random_world

from tinyvgg.backtracking import Cut, backtrack, backtrack_maps
from tinyvgg.comparison import random_pixels
from tinyvgg.experiments import curves, fills
from tinyvgg.experiments import randomisation as randomised
from tinyvgg.experiments.attributions import activation, largest_contribution, rank
from tinyvgg.experiments.class_dependence import (
    PRINTED,
    RELEASED,
    other_classes,
    overlap_by_chance,
    spreads,
    traced_alike,
)
from tinyvgg.experiments.control_sets import ITSELF, RANDOM, measure
from tinyvgg.experiments.localisation import mean_known, similarity
from tinyvgg.experiments.pairs import pair_twins
from tinyvgg.experiments.sensitivity import by_cut, thresholds
from tinyvgg.tracking import suppress, track

CUT = Cut(0.01, 70)


@pytest.fixture(scope="module")
def world():
    return random_world()


@pytest.fixture(scope="module")
def pairs(world):
    return pair_twins(*world, cut=CUT)


@pytest.fixture(scope="module")
def nobody(world):
    net, outcomes, inputs = world
    return pair_twins(net, outcomes.assign(correct=True), inputs, CUT)


def few_units(seed, dense=(3, 3)):
    """A network so narrow that L_1 differs between classes, and its images."""
    return random_tiny(seed, dense), random_images(seed, batch=6)


def jaccard_of(one, two):
    one, two = (set(np.flatnonzero(np.asarray(s).ravel())) for s in (one, two))
    return len(one & two) / len(one | two) if one | two else 1.0


# ---------------------------------------------------------------------- dependence on the class


@pytest.mark.parametrize("dense", [(), (3,), (3, 3), (24, 16, 12)], ids=str)
def test_other_classes_are_compared_as_by_hand(dense):
    net, images = few_units(4, dense)
    trace = backtrack(net, images, cut=CUT)
    table = other_classes(net, trace, CUT)
    assert len(table) == len(images) * 4
    for row in table.itertuples():
        b, own = row.image, int(trace.target[row.image])
        assert row.target != own
        image = images[b : b + 1]
        sets = {
            cut: [backtrack(net, image, k, cut) for k in (own, row.target)] for cut in (None, CUT)
        }
        for j in range(len(dense)):
            expected = jaccard_of(*(some.layers[j] for some in sets[CUT]))
            assert table.loc[row.Index, f"L_{len(dense) - j}"] == pytest.approx(expected)
        for cut, name in ((CUT, "released"), (None, "printed")):
            one, two = (some.pixels for some in sets[cut])
            assert table.loc[row.Index, f"differ, {name}"] == int((one ^ two).sum())
            index = {CUT: RELEASED, None: PRINTED}[cut]
            assert table.loc[row.Index, index] == pytest.approx(jaccard_of(one, two))
    if dense != (24, 16, 12):
        assert (table["differ, released"] > 0).any()  # the comparison can tell


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


def test_spreads_are_those_of_the_two_factors():
    net, images = few_units(2, (24, 16))
    trace = backtrack(net, images)
    found, expected = spreads(net, trace), {"activation": [], "weight": []}
    weight = net.classifier[0].weight.detach().numpy()
    for a_0, units in zip(trace.maps.flatten(1).numpy(), trace.layers[-1].numpy(), strict=True):
        active = np.flatnonzero(a_0)
        largest = [max(weight[i, r] for i in np.flatnonzero(units)) for r in active]
        for name, x in (("activation", a_0[active]), ("weight", np.array(largest))):
            expected[name].append(x.std(ddof=1) / x.mean())
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values))
    assert found["units"] == pytest.approx(float(trace.layers[-1].sum()) / len(images))


# ---------------------------------------------------------------------- the cut


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("dense", [(), (24, 16, 12)], ids=len)
def test_thresholds_of_many_cuts_are_those_of_each(dense, dtype):
    net, images = random_tiny(5, dense, dtype=dtype), random_images(5, dtype=dtype)
    trace = backtrack(net, images)
    floors, percentiles = (0.0, 0.01, 0.03, 9.0), (0.0, 33.0, 90.0, 100.0)
    found = thresholds(net, trace, floors, percentiles)
    scores = largest_contribution(net, trace.maps, trace.target)
    for i, floor in enumerate(floors):
        for j, percentile in enumerate(percentiles):
            expected = backtrack(net, images, cut=Cut(floor, percentile))
            assert torch.equal(found[:, i, j], expected.threshold)
            above = scores.double() > found[:, i, j, None, None, None]
            assert torch.equal(above, expected.pixels)
    assert found[:, 3].isinf().all()


def test_a_cell_of_the_map_is_what_its_cut_does(world, pairs):
    net, outcomes, inputs = world
    table = by_cut(net, pairs, "unique", (0.0, 0.02), (60.0, 90.0), draws=2, seed=3)
    assert table[["floor", "percentile"]].to_numpy().tolist() == [
        [0, 60],
        [0, 90],
        [0.02, 60],
        [0.02, 90],
    ]
    for row in table.to_dict("records"):
        cut_anew = pair_twins(net, outcomes, inputs, Cut(row["floor"], row["percentile"]))
        unique = cut_anew.sets.only_a
        own = measure(net, cut_anew, unique).mean()
        generator = torch.Generator().manual_seed(3)
        counts = unique.flatten(1).sum(dim=1)
        drawn = [
            measure(net, cut_anew, random_pixels(pairs.case.maps, counts, generator)).mean()
            for _ in range(2)
        ]
        assert row["pixels"] == pytest.approx(own.pixels)
        for name in ("confidence", "changed", "mended"):
            assert row[name] == pytest.approx(own[name])
            over = own[name] - (drawn[0][name] + drawn[1][name]) / 2
            assert row[f"{name} over random"] == pytest.approx(over)


# ---------------------------------------------------------------------- deletion and insertion


@pytest.mark.parametrize("dense", [(), (24, 16, 12)], ids=len)
def test_curves_equal_those_of_pixels_taken_one_after_the_other(dense):
    net, images = random_tiny(6, dense), random_images(6)
    trace = backtrack(net, images)
    order = rank(activation(net, trace.maps, trace.target), trace.maps)
    shares = np.array([0, 0.3, 0.77, 1])
    found = curves.both_curves(net, trace.maps, trace.target, order, shares)
    for b, k in enumerate(trace.target.tolist()):
        values = trace.maps[b].flatten()
        ranked = sorted(np.flatnonzero(values), key=lambda r: -values[r])
        for step, share in enumerate(shares):
            taken = ranked[: round(share * len(ranked))]
            kept, left = torch.zeros_like(values), values.clone()
            kept[taken], left[taken] = values[taken], 0
            for mode, x in (("insertion", kept), ("deletion", left)):
                with torch.no_grad():
                    expected = net.classifier(x[None]).softmax(dim=1)[0, k]
                assert found[mode][b, step] == pytest.approx(float(expected))


def test_areas_are_those_under_the_lines_and_better_is_better():
    x = np.array([0, 0.5, 1])
    assert curves.area(np.array([[1.0, 0, 0], [1, 1, 1]]), x).tolist() == [0.25, 1]
    falling, flat = np.linspace(1, 0, 31)[None].repeat(3, 0), np.ones((3, 31))
    made = {(curves.RELEASED, mode): falling for mode in curves.MODES}
    made |= {("flat", mode): flat for mode in curves.MODES}
    table = curves.areas(made, np.array([1, 2, 2])).set_index(["order", "mode"])
    assert table.area["flat", "deletion"] == pytest.approx(1)
    assert table.better["flat", "deletion"] == pytest.approx(-0.5)
    assert table.better["flat", "insertion"] == pytest.approx(0.5)
    assert table.better[curves.RELEASED, "insertion"] == 0


def test_every_order_begins_and_ends_at_the_same_probabilities(world, pairs):
    net, trace = world[0], pairs.case
    found = curves.all_curves(net, trace.maps, trace.target, draws=2)
    assert {name for name, _ in found} == set(curves.ORDERS)
    whole = trace.probabilities.gather(1, trace.target[:, None])[:, 0]
    nothing = suppress(net, trace.maps, trace.maps > 0).gather(1, trace.target[:, None])[:, 0]
    for (_, mode), some in found.items():
        start, end = (whole, nothing) if mode == "deletion" else (nothing, whole)
        np.testing.assert_allclose(some[:, 0], start)
        np.testing.assert_allclose(some[:, -1], end)


# ---------------------------------------------------------------------- the mean instead of zero


def test_the_mean_is_taken_pixel_by_pixel(world):
    net, _, inputs = world
    expected = backtrack(net, inputs(range(7))).maps.mean(dim=0)
    torch.testing.assert_close(fills.mean_maps(net, inputs, range(7), batch=3), expected)
    with pytest.raises(ValueError, match="at least one"):
        fills.mean_maps(net, inputs, [])


def test_both_values_are_tried_on_the_same_pixels(world, pairs):
    net, _, inputs = world
    mean = fills.mean_maps(net, inputs, range(9))
    table = fills.try_fills(net, pairs, "common", mean, draws=2, seed=4)
    generator = torch.Generator().manual_seed(4)
    common = pairs.sets.common
    counts = common.flatten(1).sum(dim=1)
    drawn = [random_pixels(pairs.case.maps, counts, generator) for _ in range(2)]
    for name, fill in (("zero", None), ("mean", mean)):
        for control, sets in ((ITSELF, [common]), (RANDOM, drawn)):
            some = table[(table.fill == name) & (table.control == control)]
            expected = np.mean([measure(net, pairs, s, fill).confidence for s in sets], axis=0)
            np.testing.assert_allclose(some.confidence, expected)


# ---------------------------------------------------------------------- random dense layers


def test_a_cascade_draws_from_the_top_and_leaves_the_network_alone():
    net = random_tiny(8)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    linears = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    last = None
    for k, other in randomised.cascade(net, seed=1):
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
def test_what_survives_is_what_a_trace_by_each_random_network_gives(dense):
    net, images = few_units(9, dense)
    trace = backtrack(net, images, cut=CUT)
    table = randomised.survival(net, trace, CUT, images[:2], draws=2, seed=5).set_index("layers")
    depth = len(dense) + 1
    assert list(table.index) == list(range(depth + 1))
    seen = track(net, images[:2], trace.pixels[:2]).difference
    for k in range(1, depth + 1):
        nets = [dict(randomised.cascade(net, 5 + draw))[k] for draw in range(2)]
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
        shown = [track(net, images[:2], made.pixels[:2]).difference for made in released]
        alike = [similarity(seen, some) for some in shown]
        expected = mean_known([mean_known(values) for values in alike])
        assert table.features[k] == pytest.approx(expected, nan_ok=True)
    assert table.released[0] == table.printed[0] == 1 and table.changed[0] == 0


# ---------------------------------------------------------------------- no pair


def test_a_run_without_pairs_gives_empty_tables_and_unknown_numbers(world, nobody):
    net, _, inputs = world
    assert len(other_classes(net, nobody.case, CUT)) == 0
    assert all(math.isnan(value) for value in spreads(net, nobody.case).values())
    table = by_cut(net, nobody, "unique", (0.0,), (90.0,))
    assert len(table) == 1 and math.isnan(table.confidence[0])
    found = curves.all_curves(net, nobody.case.maps, nobody.case.target)
    areas = curves.areas(found, np.zeros(0))
    assert areas.area.isna().all() and len(areas) == 2 * len(curves.ORDERS)
    assert len(fills.try_fills(net, nobody, "common", fills.mean_maps(net, inputs, [0]))) == 0
    left = randomised.survival(net, nobody.case, CUT)
    assert left.drop(columns="layers").isna().all(axis=None)
