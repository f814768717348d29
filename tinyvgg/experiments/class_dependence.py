"""How much a backtracked set depends on what is traced, layer by layer.

Algorithm 1 knows the class only through the units that it selects on the way down. Where the
first hidden layer's selection L_1 is the same for two classes, so is everything below it: the
released cut looks at a_0, W_1 and L_1, and at nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack_maps
from tinyvgg.comparison import jaccard
from tinyvgg.experiments.selection import layer_names
from tinyvgg.layers import check_network

RELEASED, PRINTED = "L_0, released", "L_0, printed"


def traced_alike(net: nn.Module, known: Backtrace, target: Tensor, cut: Cut) -> Backtrace:
    """Trace other classes, or another network's dense layers, without the cut where it is known.

    Parameters
    ----------
    net : nn.Module
    known : Backtrace
        The same images by the same first dense layer and the same cut.
    target : int64 Tensor, (B,)
    cut : Cut

    Returns
    -------
    Backtrace
        The same as `backtrack_maps` gives. The cut, which is slow, is made anew only for images
        whose L_1 is not the known one; elsewhere it cannot but give the known pixels.
    """
    trace = backtrack_maps(net, known.maps, target)
    pixels, threshold = known.pixels.clone(), known.threshold.clone()
    if trace.layers:
        anew = (trace.layers[-1] != known.layers[-1]).any(dim=1)
    else:
        anew = trace.target != known.target
    if anew.any():
        some = backtrack_maps(net, known.maps[anew], target[anew.to(target.device)], cut)
        pixels[anew], threshold[anew] = some.pixels, some.threshold
    return Backtrace(trace.target, trace.layers, pixels, threshold, trace.maps, trace.logits)


def other_classes(net: nn.Module, trace: Backtrace, cut: Cut) -> pd.DataFrame:
    """Trace every class but the one that was traced, and compare.

    Parameters
    ----------
    net : nn.Module
    trace : Backtrace
        Of the released algorithm, for the class in question.
    cut : Cut
        The one that it was traced with.

    Returns
    -------
    DataFrame
        One row an image and other class: image, target; for each hidden layer (L_n ... L_1),
        `RELEASED` and `PRINTED` the Jaccard index with the class in question; and "differ,
        released" and "differ, printed", how many pixels are in one of the two sets alone.
    """
    printed = backtrack_maps(net, trace.maps, trace.target)
    images, parts = np.arange(len(trace.maps)), []
    for k in range(trace.logits.shape[1]):
        target = torch.full_like(trace.target, k)
        other = traced_alike(net, trace, target, cut)
        whole = backtrack_maps(net, trace.maps, target).pixels
        sets = [
            *zip(layer_names(trace)[:-1], other.layers, trace.layers, strict=True),
            (RELEASED, other.pixels, trace.pixels),
            (PRINTED, whole, printed.pixels),
        ]
        part = {"image": images, "target": k}
        part |= {name: _jaccard(one, two) for name, one, two in sets}
        for name, one, two in sets[-2:]:
            part[f"differ{name[3:]}"] = (one ^ two).flatten(1).sum(dim=1).cpu().numpy()
        parts.append(pd.DataFrame(part)[(trace.target != k).cpu().numpy()])
    return pd.concat(parts, ignore_index=True)


def overlap_by_chance(maps: Tensor, counts: Sequence[int] | Tensor) -> np.ndarray:
    """Jaccard index to be expected of two random sets of so many active pixels, float (B,).

    About n / (2 A - n) for n of A active pixels: of the second set's pixels, a share n / A is
    expected in the first.
    """
    n = torch.as_tensor(counts).double().cpu().numpy()
    active = (maps > 0).flatten(1).sum(dim=1).double().cpu().numpy()
    shared = n * n / np.maximum(active, 1)
    return np.where(n > 0, shared / np.maximum(2 * n - shared, 1e-12), 1.0)


@torch.no_grad()
def spreads(net: nn.Module, trace: Backtrace) -> dict[str, float]:
    """How far the two factors of a pixel's largest contribution differ between active pixels.

    Returns
    -------
    dict
        activation and weight: standard deviation over mean, of a_0[r] and of the largest
        W_1[r, i] over i in L_1, means over images; units: how many i there are.
    """
    weight = check_network(net)[1][0].weight
    found = []
    for b, a_0 in enumerate(trace.maps.flatten(1)):
        units = trace.layers[-1][b] if trace.layers else trace.target[b : b + 1]
        active = a_0 > 0
        if active.sum() < 2 or (trace.layers and not units.any()):
            continue
        factors = a_0[active], weight[units].amax(dim=0)[active]
        found.append([float(x.std() / x.mean()) for x in factors])
    counts = trace.layers[-1].sum(dim=1) if trace.layers else torch.ones(len(trace.maps))
    means = np.mean(found, axis=0) if found else (math.nan, math.nan)
    units_mean = float(counts.double().mean()) if len(counts) else math.nan
    return {"activation": float(means[0]), "weight": float(means[1]), "units": units_mean}


def _jaccard(one: Tensor, two: Tensor) -> np.ndarray:
    return jaccard(one, two).cpu().numpy() if len(one) else np.zeros(0)
