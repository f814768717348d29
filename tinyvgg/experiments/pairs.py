"""Pairs of a misclassified image and its twin, and of two correctly classified images.

Section "Visualization and analysis of the features": what a case and its twin share, and what
either has alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut
from tinyvgg.comparison import PixelSets, compare, find_twins
from tinyvgg.experiments.batches import trace_rows


@dataclass(frozen=True, eq=False)
class TwinPairs:
    """Misclassified images and their twins, backtracked; N pairs, perhaps none.

    Attributes
    ----------
    table : DataFrame
        One row per pair: the case's outcome, with `case` and `twin`, the two row numbers, and
        `twin_confidence`.
    case, twin : Backtrace
        N images each, traced from the class that the network predicts.
    sets : PixelSets
        `only_a` are the case's unique pixels, `only_b` the twin's.
    alone : int
        Misclassified images that have no twin.
    """

    table: pd.DataFrame
    case: Backtrace
    twin: Backtrace
    sets: PixelSets
    alone: int

    def __len__(self) -> int:
        return len(self.table)


def pair_twins(
    net: nn.Module,
    outcomes: pd.DataFrame,
    inputs: Callable[[np.ndarray], Tensor],
    cut: Cut | None = Cut(),  # noqa: B008 (frozen)
) -> TwinPairs:
    """Pair each misclassified image with its twin, and backtrack both.

    Parameters
    ----------
    net : nn.Module
    outcomes : DataFrame
        As `evaluation.outcomes` gives it; the pairs are those of `find_twins`, the most
        confident mistake first.
    inputs : callable
        Gives the network's input for row numbers, as `Study.inputs` does.
    cut : Cut or None
        As released, by default; None is Algorithm 1 as printed.
    """
    found = find_twins(outcomes)
    pairs = found.dropna().astype("int64")
    confidence = outcomes[["row", "confidence"]]
    table = (
        pairs.merge(outcomes, left_on="case", right_on="row")
        .drop(columns="row")
        .merge(
            confidence.rename(columns={"row": "twin", "confidence": "twin_confidence"}), on="twin"
        )
        .sort_values(["confidence", "case"], ascending=[False, True])
        .reset_index(drop=True)
    )
    case = trace_rows(net, inputs, table.case, cut=cut)
    twin = trace_rows(net, inputs, table.twin, cut=cut)
    return TwinPairs(table, case, twin, compare(case, twin), len(found) - len(pairs))


def correct_pairs(
    net: nn.Module,
    outcomes: pd.DataFrame,
    inputs: Callable[[np.ndarray], Tensor],
    count: int,
    seed: int = 0,
    cut: Cut | None = Cut(),  # noqa: B008 (frozen)
) -> TwinPairs:
    """Pairs of two correctly classified images: `pair_twins`, had the first been a mistake.

    Images are drawn evenly among the correctly classified ones that differ in gaze from another
    correctly classified one of the same person, angle and emotion; at most one of those that
    share all three, so that no image is in two pairs. The twin is found as for a mistake.

    Parameters
    ----------
    net, outcomes, inputs, cut
        As for `pair_twins`.
    count : int
        How many pairs; all that there are if there are no more.
    seed : int
        Seeds the random number generator.

    Returns
    -------
    TwinPairs
        `predicted` and `true` of a row are the same class.
    """
    same = ["subject", "angle", "emotion"]
    right = outcomes[outcomes.correct.astype(bool)]
    known = right.dropna(subset=[*same, "gaze"])
    gazes = known.groupby(same, observed=True).gaze.transform("nunique")
    able = known[gazes > 1].sort_values("row")
    shuffled = able.iloc[np.random.default_rng(seed).permutation(len(able))]
    drawn = shuffled.drop_duplicates(same).head(count).row
    return pair_twins(net, right.assign(correct=~right.row.isin(drawn)), inputs, cut)
