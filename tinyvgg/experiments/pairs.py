"""Pairs of a misclassified image and its twin, and of two correctly classified images.

Section "Visualization and analysis of the features": what a case and its twin share, what either
has alone, and activation patching, the same pixels with the other image's values (Fig. 10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut
from tinyvgg.comparison import PixelSets, compare, find_twins, nearest_twins
from tinyvgg.experiments.batches import BATCH, Inputs, trace_rows
from tinyvgg.experiments.control_sets import draws_for, random_draws
from tinyvgg.faces.labels import WORDS, listed
from tinyvgg.layers import check_network, dense_pass
from tinyvgg.model import PIXEL_SCALE
from tinyvgg.tracking import grey


@dataclass(frozen=True, eq=False)
class TwinPairs:
    """Misclassified images and their twins, backtracked; N pairs, perhaps none.

    Attributes
    ----------
    table : DataFrame
        One row per pair: the case's outcome, with `case` and `twin`, the two row numbers,
        `distance` of the two pictures (see `twins_of`), and `twin_confidence`.
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


def twin_labels(outcomes: pd.DataFrame) -> tuple[list[str], str]:
    """What case and twin have in common, and in what they differ: "gaze", or "" for nothing.

    Person, camera angle and emotion where they are known, and the true class. The paper's twins
    differ in gaze; where gaze is not known, or is the same in all pictures, the nearest picture
    is taken (`nearest_twins`).
    """
    known = [name for name in ("subject", "angle", "emotion") if outcomes[name].notna().all()]
    if outcomes.gaze.notna().all() and outcomes.gaze.nunique() > 1 and len(known) == 3:
        return known, "gaze"
    return ["true", *known], ""


def twin_rule(outcomes: pd.DataFrame) -> str:
    """What a twin is in a set of images: "the same subject and emotion that …", in words."""
    same, differ = twin_labels(outcomes)
    words = WORDS | {"subject": "subject"}
    names = listed(words[name] for name in same if name != "true") or "class"
    if differ:
        return (
            f"the same {names} that differs in {differ} (if there are two, the more confident one)"
        )
    return f"the same {names} that looks most alike, by mean absolute difference in gray levels"


def twins_of(outcomes: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """The twin of each misclassified image, by the rule of `twin_labels`.

    Returns
    -------
    DataFrame
        Columns case and twin, as of `find_twins`, and distance (mean absolute difference of the
        two grey pictures, of 256 levels; NaN without a twin).
    """
    same, differ = twin_labels(outcomes)

    def pictures(rows: np.ndarray) -> np.ndarray:
        parts = (rows[k : k + BATCH] for k in range(0, len(rows), BATCH))
        shown = [(PIXEL_SCALE * grey(inputs(some))).cpu().numpy() for some in parts]
        return np.concatenate(shown)

    if not differ:
        return nearest_twins(outcomes, same, pictures)
    found = find_twins(outcomes, same, differ)
    paired = found.dropna().astype("int64")
    distance = pd.Series(np.nan, found.index)
    if len(paired):
        one, other = (pictures(paired[name].to_numpy()) for name in ("case", "twin"))
        distance[paired.index] = np.abs(one - other).mean(axis=(1, 2))
    return found.assign(distance=distance)


def pair_twins(
    net: nn.Module,
    outcomes: pd.DataFrame,
    inputs: Inputs,
    cut: Cut | None = Cut(),  # noqa: B008 (frozen)
) -> TwinPairs:
    """Pair each misclassified image with its twin, and backtrack both.

    Parameters
    ----------
    net : nn.Module
    outcomes : DataFrame
        As `evaluation.outcomes` gives it; the pairs are those of `twins_of`, the most
        confident mistake first.
    inputs : callable
        Gives the network's input for row numbers, as `Study.inputs` does.
    cut : Cut or None
        As released, by default; None is Algorithm 1 as printed.
    """
    found = twins_of(outcomes, inputs)
    pairs = found.dropna().astype({"case": "int64", "twin": "int64"})
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
    inputs: Inputs,
    count: int,
    seed: int = 0,
    cut: Cut | None = Cut(),  # noqa: B008 (frozen)
) -> TwinPairs:
    """Pairs of two correctly classified images: `pair_twins`, had the first been a mistake.

    Images are drawn evenly among the correctly classified ones that would have a twin, such as
    those that differ in gaze from another of the same person, angle and emotion. At most one of
    those that share all these labels is drawn, so that no image is in two pairs; where twins are
    the nearest pictures, at most half of them. The twin is found as for a mistake.

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
    same, differ = twin_labels(outcomes)
    right = outcomes[outcomes.correct.astype(bool)].sort_values("row")
    groups = right.groupby(same, observed=True)
    if differ:
        most = (groups[differ].transform("nunique") > 1).astype(int)
    else:
        most = groups.row.transform("size") // 2
    able = right[most > 0]
    shuffled = able.iloc[np.random.default_rng(seed).permutation(len(able))]
    place = shuffled.groupby(same, observed=True).cumcount()
    drawn = shuffled[place < most[shuffled.index]].head(count).row
    return pair_twins(net, right.assign(correct=~right.row.isin(drawn)), inputs, cut)


# ---------------------------------------------------------------------- activation patching


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
