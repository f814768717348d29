"""How a backtracked set depends on the class that is traced, layer by layer.

The class enters Algorithm 1 only through the units that are selected on the way down. Where the
selection L_1 of the first hidden layer is the same for two classes, so is everything below it,
because the released cut depends on a_0, W_1 and L_1 alone.

The module also counts why the printed algorithm returns every active pixel. An active pixel r is
left out of L_0 only if none of its weights W_1[r, i] to the selected neurons i in L_1 is positive.
If the signs were those of fair coins, that would happen once in 2^|L_1| pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack_maps, feeds_selected
from tinyvgg.comparison import jaccard
from tinyvgg.layers import check_network, dense_pass

RELEASED, PRINTED = "L_0, released", "L_0, printed"
BATCH = 32


@torch.no_grad()
def class_dependence(
    net: nn.Module, trace: Backtrace, cut: Cut | None = None, batch: int = BATCH
) -> pd.DataFrame:
    """Trace every class of every image and compare it with the class of a given trace.

    Parameters
    ----------
    net : nn.Module
        A supported network.
    trace : Backtrace
        Of N images, made with that cut.
    cut : Cut, optional
        The released sets are left out without it.
    batch : int
        Number of images at a time.

    Returns
    -------
    DataFrame
        One row per image and class: image, target, traced (whether it is the class of `trace`);
        active (pixels), printed (|L_0| as printed), hidden (active neurons of the first hidden
        layer) and units (|L_1|), both 0 in a network without one; for each hidden layer (L_n ...
        L_1), `RELEASED` and `PRINTED` the Jaccard index with the set of the class that was
        traced; and "differ, released" and "differ, printed", the number of pixels that are in only
        one of the two sets.
    """
    parts = [
        _part(net, trace, cut, slice(start, start + batch), start)
        for start in range(0, len(trace.maps), batch)
    ]
    return pd.concat(parts, ignore_index=True) if parts else _part(net, trace, cut, slice(0, 0), 0)


def _part(net: nn.Module, trace: Backtrace, cut: Cut | None, some: slice, first: int):
    _, linears = check_network(net)
    maps, own = trace.maps[some], trace.target[some]
    *activations, logits = dense_pass(linears, maps)
    count, classes = logits.shape
    each = torch.arange(count, device=maps.device)
    selected = torch.eye(classes, dtype=torch.bool, device=maps.device).expand(count, -1, -1)
    columns: dict[str, Any] = {}
    for j in range(len(linears) - 1, 0, -1):
        found = feeds_selected(linears[j].weight, selected.flatten(0, 1))
        selected = (activations[j] > 0)[:, None] & found.reshape(count, classes, found.shape[1])
        columns[f"L_{j}"] = _overlap(selected, selected[each, own])

    # most classes of an image lead to the same L_1, and so to the pixels of the class traced
    fresh = (selected != selected[each, own][:, None]).any(dim=2)
    fresh[each, own] = True
    image, k = fresh.nonzero(as_tuple=True)
    active = activations[0] > 0  # (N, pixels)
    sets = {PRINTED: active[image] & feeds_selected(linears[0].weight, selected[image, k])}
    if cut is not None:
        released = trace.pixels[some].flatten(1)[image]
        again = (k != own[image]).nonzero().flatten()
        for places in again.split(BATCH) if len(again) else ():
            found = backtrack_maps(net, maps[image[places]], k[places], cut).pixels
            released[places] = found.flatten(1)
        sets = {RELEASED: released} | sets
    for name, pixels in sets.items():
        mine = pixels[k == own[image]]  # (N, pixels), in the order of the images
        whole = mine[:, None].repeat(1, classes, 1)  # that of the class traced, for all classes
        whole[image, k] = pixels
        reading = name.partition(", ")[2]
        columns[name] = _overlap(whole, whole[each, own])
        columns[f"differ, {reading}"] = (whole ^ whole[each, own][:, None]).sum(dim=2)
        if name == PRINTED:
            columns["printed"] = whole.sum(dim=2)
    hidden = activations[1] > 0 if len(linears) > 1 else active[:, :0]
    wide = {"active": active.sum(dim=1), "hidden": hidden.sum(dim=1)}
    columns |= {name: value[:, None].expand(count, classes) for name, value in wide.items()}
    columns["units"] = selected.sum(dim=2) * (len(linears) > 1)
    table = pd.DataFrame(
        {
            "image": first + np.repeat(np.arange(count), classes),
            "target": np.tile(np.arange(classes), count),
            **{name: value.flatten().cpu().numpy() for name, value in columns.items()},
        }
    )
    traced = table.target.to_numpy() == np.repeat(own.cpu().numpy(), classes)
    return table.assign(traced=traced)


def _overlap(sets: Tensor, own: Tensor) -> Tensor:
    """Jaccard index of each set (N, K, n) with the one of its image (N, n)."""
    each = own[:, None].expand_as(sets)
    return jaccard(sets.flatten(0, 1), each.flatten(0, 1)).reshape(sets.shape[:2])


def dependence_counts(table: pd.DataFrame) -> dict[str, Any]:
    """The numbers of `class_dependence` that pages quote.

    Returns
    -------
    dict
        images; traces (from another class); the number of these in which the two sets are the same
        (same_released, same_printed, same_L_1, ...), and of pixels that differ in all
        (differ_released, differ_printed); overlap_released, overlap_printed, overlap_L_1, ...
        (mean Jaccard indices); whole_own and whole_other, the number of traces from the class in
        question and from another class that return exactly the active pixels.
    """
    own, other = table[table.traced], table[~table.traced]
    counts: dict[str, Any] = {"images": len(own), "traces": len(other)}
    for reading in ("released", "printed"):
        differ = other[f"differ, {reading}"]
        counts[f"differ_{reading}"] = int(differ.sum())
        counts[f"same_{reading}"] = int((differ == 0).sum())
    for name in layers_of(table):
        counts[f"overlap_{name}"] = float(other[name].mean())
        counts[f"same_{name}"] = int((other[name] == 1).sum())
    counts |= {
        "overlap_released": float(other[RELEASED].mean()),
        "overlap_printed": float(other[PRINTED].mean()),
        "whole_own": int((own.printed == own.active).sum()),
        "whole_other": int((other.printed == other.active).sum()),
    }
    return counts


def layers_of(table: pd.DataFrame) -> list[str]:
    """The hidden layers of such a table, L_n ... L_1."""
    return [name for name in table if name.startswith("L_") and "," not in name]


def layer_overlaps(table: pd.DataFrame) -> pd.DataFrame:
    """Overlap with another class by layer, from the top down: mean, minimum and maximum."""
    names = [*layers_of(table), RELEASED, PRINTED]
    values = table.loc[~table.traced, names].astype(float)
    return pd.DataFrame({"mean": values.mean(), "least": values.min(), "most": values.max()})


def most_left_out(table: pd.DataFrame) -> float:
    """The largest share of an image's active pixels that any trace, as printed, leaves out."""
    some = table[table.active > 0]
    return float((1 - some.printed / some.active).max()) if len(some) else 0.0


# ---------------------------------------------------------------------- fair coins


@dataclass(frozen=True, eq=False)
class Coverage:
    """How fast neurons of L_1, drawn at random, return the active pixels of N images.

    Attributes
    ----------
    table : DataFrame
        One row per image: active (pixels), units (|L_1|), needed (how many neurons had been drawn
        when every active pixel was returned; infinite if they never are), opposed (the
        largest share, over the active pixels, of weights to L_1 that are not positive), and
        log10_expected (decimal logarithm of the pixels that would be left out by fair coins,
        active x 2^-units).
    returned : float array (N, m)
        The share of the active pixels that the first 1, 2, ... m neurons return; NaN beyond
        |L_1| of an image. m is the largest |L_1|.
    """

    table: pd.DataFrame
    returned: np.ndarray


COLUMNS = ["active", "units", "needed", "opposed", "log10_expected"]


@torch.no_grad()
def coverage(net: nn.Module, trace: Backtrace, seed: int = 0) -> Coverage:
    """Draw the neurons of each image's L_1 one by one and count the active pixels returned.

    Parameters
    ----------
    net : nn.Module
        A supported network with a hidden dense layer.
    trace : Backtrace
        With L_1 and the maps of each image.
    seed : int
        Seeds the random number generator.
    """
    _, linears = check_network(net)
    if not trace.layers:
        raise ValueError("a network without hidden dense layers has no L_1 to draw neurons from")
    positive = (linears[0].weight > 0).cpu().numpy()  # (units, pixels)
    chosen = trace.layers[-1].cpu().numpy()
    active = (trace.maps.flatten(1) > 0).cpu().numpy()
    random = np.random.default_rng(seed)
    rows, curves = [], np.full((len(chosen), chosen.sum(axis=1).max(initial=0)), np.nan)
    for number, (units, pixels) in enumerate(zip(chosen, active, strict=True)):
        order = random.permutation(np.flatnonzero(units))
        some = positive[np.ix_(order, np.flatnonzero(pixels))]  # (units, active)
        count, total = some.shape
        if not (count and total):
            rows.append((total, count, 0 if not total else math.inf, math.nan, math.nan))
            continue
        first = np.where(some.any(axis=0), some.argmax(axis=0), count)
        returned = np.bincount(first, minlength=count + 1)[:count].cumsum()
        curves[number, :count] = returned / total
        needed = first.max() + 1 if first.max() < count else math.inf
        opposed = 1 - some.mean(axis=0).min()
        expected = math.log10(total) - count * math.log10(2)
        rows.append((total, count, needed, opposed, expected))
    return Coverage(pd.DataFrame(rows, columns=COLUMNS), curves)


def doublings(most: int) -> np.ndarray:
    """1, 2, 4, ... up to a number."""
    return 2 ** np.arange(max(1, most).bit_length())


def coin_share(k: np.ndarray | int) -> np.ndarray:
    """The share of active pixels that k neurons return if signs are fair coins: 1 - 2^-k."""
    return 1 - 0.5 ** np.asarray(k, float)


def coin_neurons(active: float) -> float:
    """Number of neurons that return all active pixels with probability 1/2, for fair coins.

    All A pixels are returned by k neurons with probability (1 - 2^-k)^A, which is one half at
    k = log2(A / ln 2), up to terms of the order of 1 / A.
    """
    return math.log2(active / math.log(2)) if active > 0 else math.nan
