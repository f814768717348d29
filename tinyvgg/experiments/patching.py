"""Activation patching (Fig. 10): the same pixels with the other image's values.

How far the values of two images differ at their common pixels, and what they carry over.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.experiments.control_sets import draws_for, random_draws
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
def patch(
    net: nn.Module, pairs: TwinPairs, draws: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Give each case its twin's values at the common pixels, and see what it is classified as.

    The control patches as many pixels drawn at random from those that are active in both images.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
    draws : int, optional
        `draws_for` the pairs if not given.
    seed : int
        Seeds the random number generator.

    Returns
    -------
    DataFrame
        One row per pair: distance (`value_distance` of the common pixels), common and random (is
        it classified correctly then? 0 or 1; the mean over draws).
    """
    common, case, twin = pairs.sets.common, pairs.case.maps, pairs.twin.maps
    if not len(pairs):
        return pd.DataFrame(columns=["distance", "common", "random"], dtype=float)
    _, linears = check_network(net)
    true = pairs.table["true"].to_numpy()

    def correct(pixels: Tensor) -> np.ndarray:
        """Of some draws (D, N, C, h, w), the share in which each case is classified correctly."""
        maps = torch.where(pixels, twin, case)
        logits = dense_pass(linears, maps.flatten(0, 1))[-1]
        return (logits.argmax(dim=1).reshape(len(maps), -1).cpu().numpy() == true).sum(axis=0)

    count = draws_for(len(pairs)) if draws is None else draws
    drawn = random_draws(torch.minimum(case, twin), count, seed)
    random = np.sum([correct(some.random(common)) for some in drawn], axis=0) / count
    return pd.DataFrame(
        {
            "distance": value_distance(case, twin, common),
            "common": correct(common[None]).astype(float),
            "random": random,
        }
    )
