"""A set of pixels against others of the same size: what each does to the decision.

Five controls: active pixels at random; at random with the same summed activation; the largest
activations; the largest gradient x activation of the class in question; and the set backtracked
from another class, which is no control where it is the same set (see `analysis.dependence`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Cut
from tinyvgg.comparison import random_pixels
from tinyvgg.experiments.attributions import activation, first_pixels, gradient_x_activation, rank
from tinyvgg.experiments.matched import matched_pixels
from tinyvgg.experiments.pairs import TwinPairs, pair_twins
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.layers import check_network
from tinyvgg.tracking import suppress

KINDS = ("misclassified", "correct")
SETS = ("common", "unique", "backtracked")
ITSELF = "the set itself"
RANDOM, MATCHED = "random", "random, same activation"
LARGEST, GRADIENT = "largest activations", "largest gradient x activation"
CONTROLS = (RANDOM, MATCHED, LARGEST, GRADIENT)
MEASURES = ("confidence", "changed", "mended")
DRAWS = 10


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
        The only source of chance.

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


def pixel_sets(pairs: TwinPairs) -> dict[str, Tensor]:
    """The sets that the paper suppresses in the first image of each pair, bool (N, C, h, w)."""
    return {
        "common": pairs.sets.common,
        "unique": pairs.sets.only_a,
        "backtracked": pairs.case.pixels,
    }


def controls_of(
    net: nn.Module,
    maps: Tensor,
    target: Tensor,
    pixels: Tensor,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[tuple[str, int, Tensor]]:
    """The same-count controls of a set, one after the other.

    Parameters
    ----------
    net : nn.Module
    maps : Tensor, (B, C, h, w)
        The last feature maps.
    target : int64 Tensor, (B,)
        The class in question.
    pixels : bool Tensor, (B, C, h, w)
        The set, of active pixels.
    draws : int
        Of the two controls that are drawn at random.
    seed : int
        The only source of chance.

    Yields
    ------
    control, draw, pixels
        Each control of an image has as many pixels as its set, all of them active.
    """
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, got {draws!r}")
    counts = pixels.flatten(1).sum(dim=1)
    for name, ranking in ((LARGEST, activation), (GRADIENT, gradient_x_activation)):
        order = rank(ranking(net, maps, target), maps)
        yield name, 0, first_pixels(order, counts, maps)
    generator = torch.Generator().manual_seed(seed)
    for draw in range(draws):
        yield RANDOM, draw, random_pixels(maps, counts, generator)
        yield MATCHED, draw, matched_pixels(maps, pixels, generator)


def measure(
    net: nn.Module,
    pairs: TwinPairs,
    pixels: Tensor,
    fill: Tensor | None = None,
    reference: Tensor | None = None,
) -> pd.DataFrame:
    """What becomes of the first image of each pair without some pixels.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
    pixels : bool Tensor, (N, C, h, w)
    fill : Tensor (C, h, w), optional
        What the pixels are set to instead of zero.
    reference : bool Tensor, (N, C, h, w), optional
        The set that the pixels are a control of.

    Returns
    -------
    DataFrame
        A row a pair: pixels; activation (their sum); shared (how many are in the reference);
        confidence (by how much the probability of the class predicted before falls); changed
        (another class is predicted now, 0 or 1); mended (it is the true one; NaN if the image
        was classified rightly).
    """
    trace = pairs.case
    target = trace.target.cpu().numpy()
    before = trace.probabilities.cpu().numpy()
    after = suppress(net, trace.maps, pixels, fill).cpu().numpy()
    each, says = np.arange(len(target)), after.argmax(axis=1)
    true = pairs.table["true"].to_numpy()
    shared = pixels if reference is None else pixels & reference
    return pd.DataFrame(
        {
            "pixels": _count(pixels),
            "activation": (trace.maps.double() * pixels).flatten(1).sum(dim=1).cpu().numpy(),
            "shared": _count(shared),
            "confidence": (before[each, target] - after[each, target]).astype(float),
            "changed": (says != target).astype(float),
            "mended": np.where(true != target, says == true, np.nan).astype(float),
        }
    )


def try_controls(
    net: nn.Module,
    pairs: TwinPairs,
    draws: int = DRAWS,
    seed: int = 0,
    fill: Tensor | None = None,
) -> pd.DataFrame:
    """Each of `SETS` and its controls in the first image of every pair.

    Returns
    -------
    DataFrame
        A row a pair, set and control (`ITSELF` for the set), means over draws: pair, person,
        set, control, and the columns of `measure`.
    """
    check_network(net)
    parts = []
    for name, pixels in pixel_sets(pairs).items():
        parts.append(measure(net, pairs, pixels, fill).assign(set=name, control=ITSELF))
        trials = controls_of(net, pairs.case.maps, pairs.case.target, pixels, draws, seed)
        for control, _, others in trials if len(pairs) else ():
            made = measure(net, pairs, others, fill, pixels)
            parts.append(made.assign(set=name, control=control))
    whole = pd.concat([part.rename_axis("pair").reset_index() for part in parts])
    means = whole.groupby(["set", "control", "pair"], sort=False, as_index=False).mean()
    return means.assign(person=pairs.table.subject.to_numpy()[means.pair.to_numpy(int)])


def effects(trials: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """How much more a set does than each of its controls: paired differences.

    Parameters
    ----------
    trials : DataFrame
        Of `try_controls`, perhaps of several kinds of pairs, told apart by the column `kind`.
    seed : int
        Of the bootstrap, which draws whole persons anew.

    Returns
    -------
    DataFrame
        A row a kind, set, control and measure: pairs and people (how many); pixels; of_set and
        of_control (mean effects, confidence in points of probability and the others as shares);
        difference, low and high (its mean and 95 % interval); more and less (in how many pairs
        the set does more and less than the control); shared (which part of the control is in
        the set) and activation (the control's sum over the set's), means over the pairs whose
        set is not empty.
    """
    rows = []
    for (kind, name), some in trials.groupby(["kind", "set"], sort=False):
        own = some[some.control == ITSELF].set_index("pair")
        for control in CONTROLS:
            other = some[some.control == control].set_index("pair").reindex(own.index)
            for column in MEASURES:
                if own[column].isna().any():
                    continue
                difference = own[column] - other[column]
                value, low, high = bootstrap_mean(difference, own.person, seed)
                rows.append(
                    {
                        "kind": kind,
                        "set": name,
                        "control": control,
                        "measure": column,
                        "pairs": len(own),
                        "people": own.person.nunique(),
                        "pixels": own.pixels.mean(),
                        "of_set": own[column].mean(),
                        "of_control": other[column].mean(),
                        "difference": value,
                        "low": low,
                        "high": high,
                        "more": int((difference > 1e-6).sum()),
                        "less": int((difference < -1e-6).sum()),
                        "shared": (other.shared / other.pixels).mean(),
                        "activation": (other.activation / own.activation).mean(),
                    }
                )
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


EFFECT_COLUMNS = [
    *("kind", "set", "control", "measure", "pairs", "people", "pixels", "of_set", "of_control"),
    *("difference", "low", "high", "more", "less", "shared", "activation"),
]


def _count(pixels: Tensor) -> np.ndarray:
    return pixels.flatten(1).sum(dim=1).cpu().numpy()
