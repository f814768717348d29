"""Why the printed algorithm returns every active pixel: shown, and by how many neurons.

An active pixel r is left out of L_0 only if none of its weights W_1[r, i] to the selected neurons
i in L_1 is positive. If signs were tossed like coins, that would happen once in 2^|L_1| pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, feeds_selected
from tinyvgg.layers import check_network, dense_pass


@dataclass(frozen=True, eq=False)
class PrintedSets:
    """How many units the printed algorithm selects from every class, for N images, K classes.

    Attributes
    ----------
    active : int64 array (N,)
        Pixels above zero.
    pixels : int64 array (N, K)
        |L_0| by the class traced; a subset of the active ones.
    hidden : int64 array (N,)
        Units above zero of the first hidden layer; 0 in a network without one.
    units : int64 array (N, K)
        |L_1| by the class traced.
    """

    active: np.ndarray
    pixels: np.ndarray
    hidden: np.ndarray
    units: np.ndarray

    @property
    def traces(self) -> int:
        """Traces: images times classes."""
        return self.pixels.size

    @property
    def whole(self) -> int:
        """Traces that return every active pixel."""
        return int((self.pixels == self.active[:, None]).sum())

    @property
    def most_left_out(self) -> float:
        """Of all traces, the largest share of an image's active pixels that was left out."""
        share = 1 - self.pixels / np.maximum(self.active, 1)[:, None]
        return float(share[self.active > 0].max(initial=0))


@torch.no_grad()
def printed_sets(net: nn.Module, maps: Tensor, batch: int = 32) -> PrintedSets:
    """Run Algorithm 1 as printed from every class of every image, and count.

    Parameters
    ----------
    net : nn.Module
        A supported network.
    maps : Tensor, (N, C, h, w)
        The last feature maps.
    batch : int
        Images at a time.
    """
    parts = [_printed_sets(net, some) for some in maps.split(batch)]
    names = ("active", "pixels", "hidden", "units")
    return PrintedSets(
        **{name: np.concatenate([part[name].cpu().numpy() for part in parts]) for name in names}
    )


def _printed_sets(net: nn.Module, maps: Tensor) -> dict[str, Tensor]:
    _, linears = check_network(net)
    *activations, logits = dense_pass(linears, maps)
    count, classes = logits.shape
    selected = torch.eye(classes, dtype=torch.bool, device=maps.device).repeat(count, 1)
    for linear, a in zip(reversed(linears[1:]), reversed(activations[1:]), strict=True):
        below = (a > 0).repeat_interleave(classes, dim=0)
        selected = below & feeds_selected(linear.weight, selected)  # (N K, units)

    # most classes of an image end in the same L_1: the pixels are traced once for each set
    sets = selected.reshape(count, classes, -1)
    fresh = (sets != sets[:, :1]).any(dim=2)
    fresh[:, 0] = True
    active = activations[0] > 0  # (N, pixels)
    image, k = fresh.nonzero(as_tuple=True)
    found = (active[image] & feeds_selected(linears[0].weight, sets[image, k])).sum(dim=1)
    pixels = found.new_zeros(count, classes)
    pixels[image, k] = found
    pixels = torch.where(fresh, pixels, pixels[:, :1])

    hidden = (activations[1] > 0).sum(dim=1) if len(linears) > 1 else torch.zeros(count).long()
    units = sets.sum(dim=2) if len(linears) > 1 else torch.zeros(count, classes).long()
    return {"active": active.sum(dim=1), "pixels": pixels, "hidden": hidden, "units": units}


@dataclass(frozen=True, eq=False)
class Coverage:
    """How fast neurons of L_1, drawn in random order, return the active pixels of N images.

    Attributes
    ----------
    table : DataFrame
        A row an image: active (pixels), units (|L_1|), needed (how many neurons had been drawn
        when every active pixel was returned; infinite if all of them do not), opposed (the
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
    """Draw the neurons of each image's L_1 one by one, and watch the active pixels come back.

    Parameters
    ----------
    net : nn.Module
        A supported network with a hidden dense layer.
    trace : Backtrace
        Gives L_1 and the maps of each image.
    seed : int
        The only source of chance.
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
    """How many neurons return all active pixels every other time, if signs are fair coins.

    All of A pixels are returned by k with probability (1 - 2^-k)^A, which is a half at
    k = log2(A / ln 2), but for terms of the order of 1 / A.
    """
    return math.log2(active / math.log(2)) if active > 0 else math.nan
