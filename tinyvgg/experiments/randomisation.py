"""Cascading parameter randomization of the dense layers (Adebayo et al. 2018).

The layers are randomized in a cascade from the output downwards, each reset to random weights as
before training (Glorot's weights, biases of zero). A picture of what a network has learned should
not survive this.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack_maps
from tinyvgg.comparison import jaccard
from tinyvgg.experiments.localisation import mean_known, similarity
from tinyvgg.experiments.statistics import NAN, mean
from tinyvgg.layers import check_network
from tinyvgg.tracking import track

DRAWS = 3


def traced_alike(net: nn.Module, known: Backtrace, target: Tensor, cut: Cut) -> Backtrace:
    """Trace other classes or other dense layers, and reuse the known cut where it applies.

    Parameters
    ----------
    net : nn.Module
    known : Backtrace
        The same images, traced with the same first dense layer and the same cut.
    target : int64 Tensor, (B,)
    cut : Cut

    Returns
    -------
    Backtrace
        The same as from `backtrack_maps`. The cut is slow, so it is recomputed only for images
        whose L_1 differs from the known one; for all others it gives the known pixels.
    """
    trace = backtrack_maps(net, known.maps, target)
    pixels, threshold = known.pixels.clone(), known.threshold.clone()
    if trace.layers:
        again = (trace.layers[-1] != known.layers[-1]).any(dim=1)
    else:
        again = trace.target != known.target
    if again.any():
        some = backtrack_maps(net, known.maps[again], target[again.to(target.device)], cut)
        pixels[again], threshold[again] = some.pixels, some.threshold
    return Backtrace(trace.target, trace.layers, pixels, threshold, trace.maps, trace.logits)


def overlap_by_chance(maps: Tensor, counts: Sequence[int] | Tensor) -> np.ndarray:
    """Expected Jaccard index of two random sets of so many active pixels, float (B,).

    About n / (2 A - n) for n of A active pixels, since a share n / A of the second set is expected
    to be in the first.
    """
    n = torch.as_tensor(counts).double().cpu().numpy()
    active = (maps > 0).flatten(1).sum(dim=1).double().cpu().numpy()
    shared = n * n / np.maximum(active, 1)
    return np.where(n > 0, shared / np.maximum(2 * n - shared, 1e-12), 1.0)


def cascade(net: nn.Module, seed: int = 0) -> Iterator[tuple[int, nn.Module]]:
    """Copies of a network with the k topmost dense layers randomized, for k = 1, 2, ... all.

    Layers randomized in one copy keep these weights in the next. The network itself is unchanged.
    """
    generator = torch.Generator().manual_seed(seed)
    net = copy.deepcopy(net).cpu()
    count = len(check_network(net)[1])
    for k in range(1, count + 1):
        layer = check_network(net)[1][count - k].linear
        with torch.no_grad():
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
        yield k, copy.deepcopy(net)


@torch.no_grad()
def randomised(
    net: nn.Module,
    trace: Backtrace,
    cut: Cut,
    images: Tensor | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """What remains of the sets and the tracked features after each step of a cascade.

    Parameters
    ----------
    net : nn.Module
    trace : Backtrace
        Of the trained network, by the released algorithm.
    cut : Cut
        The cut of that trace.
    images : float Tensor (b, 3, S, S), optional
        The first b <= B images, whose tracked features are compared. None are if not given.
    draws : int
        Number of cascades.
    seed : int
        Seeds the random number generator.

    Returns
    -------
    DataFrame
        One row per number of randomized layers (0: the trained network), means over images and
        draws: layers; released and printed (Jaccard index with the trained network's set for
        the same class); pixels (in the released set); chance (the Jaccard index of random sets
        of as many active pixels as the trained network's set has); features (correlation of the
        tracked features with the trained network's; NaN without images); changed (share of
        images that are now classified differently).
    """
    few = 0 if images is None else len(images)
    seen = _features(net, images, trace.pixels[:few])
    printed = backtrack_maps(net, trace.maps, trace.target).pixels
    counts = trace.pixels.flatten(1).sum(dim=1)
    chance = mean(overlap_by_chance(trace.maps, counts))

    def compare(layers: int, other: nn.Module, made: Backtrace) -> dict[str, float]:
        """Compare a network whose topmost layers are randomized with the trained one."""
        whole = backtrack_maps(other, trace.maps, trace.target).pixels
        same = torch.equal(made.pixels[:few], trace.pixels[:few])
        shown = seen if same else _features(other, images, made.pixels[:few])
        return {
            "layers": layers,
            "released": _mean(jaccard(trace.pixels, made.pixels)),
            "printed": _mean(jaccard(printed, whole)),
            "pixels": _mean(made.pixels.flatten(1).sum(dim=1)),
            "chance": chance,
            "features": mean_known(similarity(seen, shown)),
            "changed": _mean(made.logits.argmax(dim=1) != trace.logits.argmax(dim=1)),
        }

    rows = [compare(0, net, trace)]
    depth = len(check_network(net)[1])
    for draw in range(draws):
        for k, other in cascade(net, seed + draw):
            other = other.to(trace.maps.device)
            if k < depth:
                made = traced_alike(other, trace, trace.target, cut)
            else:
                made = backtrack_maps(other, trace.maps, trace.target, cut)
            rows.append(compare(k, other, made))
    return pd.DataFrame(rows).groupby("layers", as_index=False).mean()


def _features(net: nn.Module, images: Tensor | None, pixels: Tensor) -> np.ndarray:
    if images is None or not len(images):
        return np.zeros((0, 1, 1))
    return track(net, images, pixels).difference.cpu().numpy()


def _mean(values: Tensor) -> float:
    return float(values.double().mean()) if len(values) else NAN
