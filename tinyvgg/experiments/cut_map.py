"""The map of the cut: what its two numbers do to the sets, and to what the sets do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, percentile_in_order
from tinyvgg.comparison import compare
from tinyvgg.experiments.attributions import first_layer, largest_contribution
from tinyvgg.experiments.control_sets import RANDOM
from tinyvgg.experiments.effects import effect_by_image
from tinyvgg.experiments.pairs import TwinPairs
from tinyvgg.experiments.selection import count_pixels
from tinyvgg.experiments.statistics import mean, people
from tinyvgg.experiments.suppressions import (
    CASE,
    ITSELF,
    MISCLASSIFIED,
    NOTHING,
    Subjects,
    pixel_sets,
    suppressions,
)
from tinyvgg.layers import check_network

FLOORS = (0.0, 0.02, 0.05, 0.1, 0.2)
PERCENTILES = (50.0, 80.0, 90.0, 95.0, 99.0)
MEASURES = ("confidence", "corrected")


@torch.no_grad()
def thresholds(
    net: nn.Module, trace: Backtrace, floors: Sequence[float], percentiles: Sequence[float]
) -> Tensor:
    """The thresholds of many cuts at once, float64 (B, floors, percentiles); see `Backtrace`.

    The contributions of an image are sorted once; every cut then only looks them up.
    """
    _, linears = check_network(net)
    weight = linears[0].weight
    found = np.full((len(trace.maps), len(floors), len(percentiles)), math.inf)
    layers = first_layer(trace, len(weight))
    for b, (a_0, units) in enumerate(zip(trace.maps.flatten(1), layers, strict=True)):
        active = a_0.nonzero().flatten()
        products = weight[units].index_select(1, active) * a_0[active]
        pool = np.sort(products[products > min(floors)].cpu().numpy())
        for i, floor in enumerate(floors):
            above = pool[np.searchsorted(pool.astype(float), floor, side="right") :]
            if len(above):
                found[b, i] = [percentile_in_order(above, percentile) for percentile in percentiles]
    return torch.from_numpy(found)


def cut_map(
    net: nn.Module,
    every: Backtrace,
    pairs: TwinPairs,
    name: str,
    floors: Sequence[float] = FLOORS,
    percentiles: Sequence[float] = PERCENTILES,
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """The size of the backtracked set, and what a set does beyond random pixels, cut by cut.

    Parameters
    ----------
    net : nn.Module
    every : Backtrace
        Of every misclassified image, by whatever cut.
    pairs : TwinPairs
        By whatever cut; case and twin are cut again.
    name : {"common", "unique", "backtracked"}
        The set that is suppressed in the case of each pair.
    floors, percentiles : sequences of float
    draws : int, optional
        Of random pixels, as in `effects.suppressions`.
    seed : int
        Seeds the random number generator: the same draws for every cut, and for `effects`.

    Returns
    -------
    DataFrame
        One row per floor and percentile, means (NaN over no image): backtracked (pixels selected
        in a misclassified image), pixels (in the set, over pairs), confidence and corrected (what
        its suppression does), and each with " over random" (less what random pixels do).
    """
    sizes, case, twin = (
        _cut_again(net, trace, floors, percentiles) for trace in (every, pairs.case, pairs.twin)
    )
    sets = {NOTHING: torch.zeros_like(pairs.case.pixels)}
    for number, (one, other) in enumerate(zip(case, twin, strict=True)):
        traces = replace(pairs.case, pixels=one), replace(pairs.twin, pixels=other)
        again = TwinPairs(pairs.table, *traces, compare(one, other), 0)
        sets[str(number)] = pixel_sets(again)[name]
    true, person = pairs.table["true"].to_numpy(), people(pairs.table)
    some = Subjects(MISCLASSIFIED, CASE, pairs.case, true, person, sets)
    raw = suppressions(net, [some], draws=draws, seed=seed, controls=(RANDOM,))
    rows = []
    for number, (floor, percentile) in enumerate(product(floors, percentiles)):
        row = {"floor": floor, "percentile": percentile}
        row |= {"backtracked": mean(count_pixels(sizes[number]))}
        row |= {"pixels": mean(count_pixels(sets[str(number)]))}
        for measure in MEASURES:
            own, other = (
                effect_by_image(raw, measure, str(number), control) for control in (ITSELF, RANDOM)
            )
            row |= {measure: own.mean(), f"{measure} over random": (own - other).mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def _cut_again(
    net: nn.Module, trace: Backtrace, floors: Sequence[float], percentiles: Sequence[float]
) -> list[Tensor]:
    """The sets of a trace by every cut, bool (B, C, h, w) each."""
    scores = largest_contribution(net, trace.maps, trace.target).double()
    limits = thresholds(net, trace, floors, percentiles).to(scores.device)
    return [scores > limit[:, None, None, None] for limit in limits.flatten(1).unbind(dim=1)]
