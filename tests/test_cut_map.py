"""The map of the cut: thresholds against one backtrack each, and cells against the effects."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from worlds import first_by_key, random_keys, random_pairs, random_world

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.attributions import largest_contribution
from tinyvgg.experiments.batches import trace_rows
from tinyvgg.experiments.control_sets import RANDOM
from tinyvgg.experiments.cut_map import FLOORS, MEASURES, PERCENTILES, cut_map, thresholds
from tinyvgg.experiments.effects import (
    control_table,
    effect,
    effects,
)
from tinyvgg.experiments.pairs import pair_twins
from tinyvgg.experiments.suppressions import (
    ITSELF,
    MISCLASSIFIED,
    SETS,
    by_image,
    pixel_sets,
    subjects_of_pairs,
    suppressions,
)

GRID = (0.0, 0.02), (60.0, 90.0)
DRAWS, SEED = 3, 4


def misclassified(cut=None):
    """Every misclassified image of the random world, backtracked."""
    net, outcomes, inputs = random_world()
    return trace_rows(net, inputs, outcomes.row[~outcomes.correct], cut=cut)


@pytest.fixture(scope="module")
def maps():
    """The map of each set, from pairs and traces of some other cut."""
    pairs = random_pairs().misclassified
    return {
        name: cut_map(random_world().net, misclassified(), pairs, name, *GRID, DRAWS, SEED)
        for name in SETS
    }


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


@pytest.mark.parametrize("name", SETS)
def test_a_cell_has_the_numbers_of_the_effects_of_its_cut(name, maps):
    """One quantity, one value: the same set, compared with the same random pixels."""
    net, outcomes, inputs = random_world()
    table = maps[name]
    assert table[["floor", "percentile"]].to_numpy().tolist() == [
        [floor, percentile] for floor in GRID[0] for percentile in GRID[1]
    ]
    for cell in table.to_dict("records"):
        cut = Cut(cell["floor"], cell["percentile"])
        pairs = pair_twins(net, outcomes, inputs, cut)
        case, _ = subjects_of_pairs(MISCLASSIFIED, pairs)
        raw = suppressions(net, [case], None, DRAWS, SEED, controls=(RANDOM,))
        found = effects(raw)
        for measure in MEASURES:
            over = effect(found, name, RANDOM, measure).value
            assert cell[f"{measure} over random"] == pytest.approx(over, rel=1e-12, abs=1e-15)
            of_set = control_table(found, name, measure).of_set[RANDOM]
            assert cell[measure] == pytest.approx(of_set, rel=1e-12, abs=1e-15)
        assert cell["pixels"] == pixel_sets(pairs)[name].flatten(1).sum(dim=1).double().mean()
        sizes = misclassified(cut).pixels.flatten(1).sum(dim=1)
        assert cell["backtracked"] == sizes.double().mean()
        assert by_image(raw, "pixels", name, ITSELF).mean() == cell["pixels"]


@torch.no_grad()
def test_a_cell_is_what_plain_loops_give(maps):
    net, outcomes, inputs = random_world()
    for cell in maps["unique"].to_dict("records"):
        pairs = pair_twins(net, outcomes, inputs, Cut(cell["floor"], cell["percentile"]))
        case, unique = pairs.case.maps, pairs.sets.only_a
        keys = random_keys(case, DRAWS, SEED)
        drawn = [unique, *(first_by_key(case, unique, some) for some in keys)]
        falls, corrected = np.zeros((2, len(drawn), len(pairs)))
        for d, chosen in enumerate(drawn):
            for b, pair in enumerate(pairs.table.itertuples()):
                p = net.classifier((case[b] * ~chosen[b]).flatten()[None]).softmax(dim=1)[0]
                falls[d, b] = pair.confidence - float(p[pair.predicted])
                corrected[d, b] = int(p.argmax()) == pair.true
        for measure, values in (("confidence", falls), ("corrected", corrected)):
            assert cell[measure] == pytest.approx(values[0].mean())
            over = values[0].mean() - values[1:].mean()
            assert cell[f"{measure} over random"] == pytest.approx(over)


def test_a_stricter_cut_never_selects_more():
    net, pairs = random_world().net, random_pairs().misclassified
    grid = (0.0, 0.005, 0.02, 0.1), (0.0, 50.0, 90.0, 100.0)
    found = cut_map(net, misclassified(), pairs, "backtracked", *grid, draws=1)
    for column in ("backtracked", "pixels"):
        table = found.pivot(index="floor", columns="percentile", values=column)
        assert (table.diff().iloc[1:] <= 0).all(axis=None)
        assert (table.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)
        assert table.loc[0, 0] > table.loc[0, 90] > table.loc[0, 100] == 0
        assert table.loc[0, 50] > table.loc[0.02, 50]


def test_the_map_comes_from_the_seed_alone_whatever_the_cut_of_its_pairs(maps):
    net, other = random_world().net, random_pairs(Cut(0.01, 40)).misclassified
    every = misclassified(Cut(0.01, 40))
    again = cut_map(net, every, other, "common", *GRID, DRAWS, SEED)
    assert again.equals(maps["common"])
    another = cut_map(net, every, other, "common", *GRID, DRAWS, SEED + 1)
    over = "confidence over random"
    assert (another[over] != again[over]).any() and another.confidence.equals(again.confidence)


def test_the_map_of_a_run_without_pairs_or_mistakes_is_unknown_in_every_cell():
    net, nobody = random_world().net, random_pairs().nobody
    table = cut_map(net, misclassified(), nobody, "unique")
    assert len(table) == len(FLOORS) * len(PERCENTILES)
    names = ["pixels", *MEASURES, *(f"{measure} over random" for measure in MEASURES)]
    assert table[names].isna().all(axis=None) and table.backtracked.notna().all()
    table = cut_map(net, nobody.case, nobody, "unique", (0.0,), (90.0,))
    assert len(table) == 1 and math.isnan(table.backtracked[0])
