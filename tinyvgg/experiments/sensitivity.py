"""What the two numbers of the released cut do to the sets, and to what the sets do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, percentile_in_order
from tinyvgg.comparison import compare, random_pixels
from tinyvgg.experiments.attributions import largest_contribution
from tinyvgg.experiments.control_sets import measure, pixel_sets
from tinyvgg.experiments.pairs import TwinPairs
from tinyvgg.layers import check_network

FLOORS = (0.0, 0.02, 0.05, 0.1, 0.2)
PERCENTILES = (50.0, 80.0, 90.0, 95.0, 99.0)
DRAWS = 3


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
    for b, a_0 in enumerate(trace.maps.flatten(1)):
        units = trace.layers[-1][b] if trace.layers else trace.target[b : b + 1]
        active = a_0.nonzero().flatten()
        products = weight[units].index_select(1, active) * a_0[active]
        pool = np.sort(products[products > min(floors)].cpu().numpy())
        for i, floor in enumerate(floors):
            above = pool[np.searchsorted(pool.astype(float), floor, side="right") :]
            if len(above):
                found[b, i] = [percentile_in_order(above, percentile) for percentile in percentiles]
    return torch.from_numpy(found)


def by_cut(
    net: nn.Module,
    pairs: TwinPairs,
    pixels: str,
    floors: Sequence[float] = FLOORS,
    percentiles: Sequence[float] = PERCENTILES,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """A set of every pair, and what it does beside as many random active pixels, cut by cut.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
        By whatever cut; case and twin are cut anew.
    pixels : str
        "common", "unique" or "backtracked".
    floors, percentiles : sequences of float
    draws : int
        Of random pixels.
    seed : int
        The only source of chance, the same for every cut.

    Returns
    -------
    DataFrame
        One row a floor and percentile, means over pairs (NaN without any): pixels (in the set),
        confidence, changed and mended (see `controls.measure`) without the set, and each
        "over random", less its mean over the draws.
    """
    scores, limits = [], []
    for trace in (pairs.case, pairs.twin):
        scores.append(largest_contribution(net, trace.maps, trace.target))
        limits.append(thresholds(net, trace, floors, percentiles))
    rows = []
    for i, floor in enumerate(floors):
        for j, percentile in enumerate(percentiles):
            case, twin = (
                score.double().cpu() > limit[:, i, j, None, None, None]
                for score, limit in zip(scores, limits, strict=True)
            )
            rows.append(
                {
                    "floor": floor,
                    "percentile": percentile,
                    **_against_random(net, _cut_anew(pairs, case, twin), pixels, draws, seed),
                }
            )
    return pd.DataFrame(rows)


def _cut_anew(pairs: TwinPairs, case: Tensor, twin: Tensor) -> TwinPairs:
    def with_pixels(trace: Backtrace, pixels: Tensor) -> Backtrace:
        limit = torch.full_like(trace.threshold, math.nan)
        some = trace.target, trace.layers, pixels.to(trace.maps.device), limit
        return Backtrace(*some, trace.maps, trace.logits)

    one, other = with_pixels(pairs.case, case), with_pixels(pairs.twin, twin)
    return TwinPairs(pairs.table, one, other, compare(one, other), pairs.alone)


def _against_random(
    net: nn.Module, pairs: TwinPairs, pixels: str, draws: int, seed: int
) -> dict[str, float]:
    chosen = pixel_sets(pairs)[pixels]
    counts = chosen.flatten(1).sum(dim=1)
    generator = torch.Generator().manual_seed(seed)
    own = measure(net, pairs, chosen).mean()
    drawn = [
        measure(net, pairs, random_pixels(pairs.case.maps, counts, generator)).mean()
        for _ in range(draws)
    ]
    names = ["confidence", "changed", "mended"]
    over = own[names] - sum(one[names] for one in drawn) / draws
    return {**own[["pixels", *names]], **over.add_suffix(" over random")}
