"""Fig. 10: the same pixels with other values. How far they differ, and what they carry over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.comparison import random_pixels
from tinyvgg.experiments.pairs import TwinPairs
from tinyvgg.layers import check_network, dense_pass


def value_distance(one: Tensor, other: Tensor, pixels: Tensor) -> np.ndarray:
    """How far the values of two images differ at some pixels, between 0 and 1, image by image.

    The sum of |a - b| over the sum of max(a, b): 0 for equal values, 1 if wherever one has a
    value the other has none.

    Parameters
    ----------
    one, other : Tensor, (N, C, h, w), >= 0
        Last feature maps.
    pixels : bool Tensor, (N, C, h, w)

    Returns
    -------
    float64 array (N,)
        NaN where there is no pixel with a value.
    """
    a, b = (maps.double().masked_fill(~pixels, 0).flatten(1) for maps in (one, other))
    apart, most = (a - b).abs().sum(dim=1), torch.maximum(a, b).sum(dim=1)
    return torch.where(most > 0, apart / most, torch.nan).cpu().numpy()


@torch.no_grad()
def exchange(net: nn.Module, pairs: TwinPairs, draws: int = 10, seed: int = 0) -> pd.DataFrame:
    """Give each case its twin's values at the common pixels, and see what it is read as.

    The control gives it the twin's values at as many pixels drawn at random from those that are
    active in both images.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
    draws : int
    seed : int
        The only source of chance.

    Returns
    -------
    DataFrame
        A row a pair: distance (`value_distance` of the common pixels), common and random (is
        it read as the true class now? 0 or 1; the mean over draws).
    """
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, got {draws!r}")
    common, case, twin = pairs.sets.common, pairs.case.maps, pairs.twin.maps
    if not len(pairs):
        return pd.DataFrame(columns=["distance", "common", "random"], dtype=float)
    _, linears = check_network(net)
    true = pairs.table["true"].to_numpy()

    def right(pixels: Tensor) -> np.ndarray:
        logits = dense_pass(linears, torch.where(pixels, twin, case))[-1]
        return (logits.argmax(dim=1).cpu().numpy() == true).astype(float)

    generator = torch.Generator().manual_seed(seed)
    both = torch.minimum(case, twin)
    counts = common.flatten(1).sum(dim=1)
    drawn = [right(random_pixels(both, counts, generator)) for _ in range(draws)]
    return pd.DataFrame(
        {
            "distance": value_distance(case, twin, common),
            "common": right(common),
            "random": np.mean(drawn, axis=0),
        }
    )
