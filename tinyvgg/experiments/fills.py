"""Zero is not the only way to silence a pixel: the mean over the data instead.

Maps with pixels at zero are unlike any that the dense layers were trained on. A pixel at its mean
says as little about the image, and is nearer to what they know.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tinyvgg.comparison import random_pixels
from tinyvgg.experiments.control_sets import ITSELF, RANDOM, measure, pixel_sets
from tinyvgg.experiments.pairs import TwinPairs
from tinyvgg.layers import feature_maps_of

ZERO, MEAN = "zero", "mean"
DRAWS = 5
BATCH = 64


def mean_maps(
    net: nn.Module, inputs: Callable[[np.ndarray], Tensor], rows: ArrayLike, batch: int = BATCH
) -> Tensor:
    """Mean of the last feature maps over some pictures, (C, h, w); each pixel for itself."""
    rows = np.asarray(rows, int)
    if not len(rows):
        raise ValueError("a mean needs at least one picture")
    total = sum(
        feature_maps_of(net, inputs(rows[k : k + batch])).double().sum(dim=0)
        for k in range(0, len(rows), batch)
    )
    return torch.as_tensor(total) / len(rows)


def try_fills(
    net: nn.Module,
    pairs: TwinPairs,
    pixels: str,
    mean: Tensor,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """A set and as many random active pixels, set to zero and to their mean.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
    pixels : str
        "common", "unique" or "backtracked".
    mean : Tensor, (C, h, w)
        Of `mean_maps`.
    draws : int
        Of random pixels, the same for both values.
    seed : int
        The only source of chance.

    Returns
    -------
    DataFrame
        One row a pair, value ("zero" or "mean") and control (the set itself or random), means
        over draws: pair, person, fill, control, and the columns of `controls.measure`.
    """
    chosen, generator = pixel_sets(pairs)[pixels], torch.Generator().manual_seed(seed)
    counts = chosen.flatten(1).sum(dim=1)
    drawn = [random_pixels(pairs.case.maps, counts, generator) for _ in range(draws)]
    parts = []
    for name, fill in ((ZERO, None), (MEAN, mean)):
        for control, some in ((ITSELF, [chosen]), (RANDOM, drawn)):
            made = sum(measure(net, pairs, one, fill, chosen) for one in some) / len(some)
            person = pairs.table.subject.to_numpy()
            parts.append(made.assign(person=person, fill=name, control=control))
    return pd.concat(parts).rename_axis("pair").reset_index()
