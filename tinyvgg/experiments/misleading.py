"""Regions of pictures that misled a network: unique pixels of mistakes, tracked to the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from tinyvgg.backtracking import Cut
from tinyvgg.comparison import compare, find_twins
from tinyvgg.experiments.batches import trace_rows, track_rows
from tinyvgg.experiments.regions import strongest

SHARE = 0.1  # of a picture's pixels that a region takes
BLUR = 1 / 32  # of a picture's side: standard deviation of the smoothing


@dataclass(frozen=True, eq=False)
class Regions:
    """One region for each mistake that has a twin.

    Attributes
    ----------
    masks : bool array (M, S, S)
        All of the same area.
    case, twin : int array (M,)
        Row numbers.
    true, named : int array (M,)
        The class of the case, and the class that it was mistaken for.
    mistakes : int
        All misclassified pictures, with twin or without.
    """

    masks: np.ndarray
    case: np.ndarray
    twin: np.ndarray
    true: np.ndarray
    named: np.ndarray
    mistakes: int


def misleading_regions(
    net: nn.Module,
    outcomes: pd.DataFrame,
    inputs: Callable[[np.ndarray], Tensor],
    share: float = SHARE,
    cut: Cut | None = Cut(),  # noqa: B008 (frozen)
) -> Regions:
    """Where in the picture those features lie that only a misclassified picture has.

    Each misclassified picture is paired with its correctly classified twin, of the same person,
    emotion and angle, that differs in gaze. The pixels that backtracking selects in the case and
    not in the twin are tracked to the picture (D' of Algorithm 2); the difference is smoothed, so
    that a region is a few patches and not hundreds of specks, and its strongest pixels are the
    region. A case without unique pixels has none.

    Parameters
    ----------
    net : nn.Module
    outcomes : DataFrame
        As `evaluation.outcomes` gives it.
    inputs : callable
        Gives the network's input of row numbers, as `Study.inputs` does.
    share : float
        Of the pixels of a picture.
    cut : Cut or None
        As released, by default.
    """
    pairs = find_twins(outcomes)
    mistakes = len(pairs)
    pairs = pairs.dropna().astype("int64")
    case, twin = pairs.case.to_numpy(), pairs.twin.to_numpy()
    traces = [trace_rows(net, inputs, rows, cut=cut) for rows in (case, twin)]
    unique = compare(*traces).only_a
    difference = track_rows(net, inputs, case, unique).numpy()
    shown = difference.max(axis=(1, 2), initial=0) > 0
    case, twin, difference = case[shown], twin[shown], difference[shown]
    blur = BLUR * difference.shape[-1]
    smooth = gaussian_filter(difference.astype(np.float64), (0, blur, blur), mode="constant")
    of_case = outcomes.set_index("row").loc[case]
    return Regions(
        strongest(smooth, share),
        case,
        twin,
        of_case.true.to_numpy(np.int64),
        of_case.predicted.to_numpy(np.int64),
        mistakes,
    )
