"""Pairs of a misclassified face and its twin: what silencing a set of pixels does to each.

Section "Visualization and analysis of the features" (Figs. 9 to 11, Table 3), over all pairs
and beside the same number of active pixels drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut
from tinyvgg.comparison import PixelSets, compare, find_twins, random_pixels
from tinyvgg.experiments.batches import trace_rows
from tinyvgg.experiments.statistics import Interval, bootstrap_mean
from tinyvgg.tracking import suppress

SETS = (
    "nothing",
    "backtracked",
    "common",
    "random, as many as common",
    "unique",
    "random, as many as unique",
)
COLUMNS = ["pair", "image", "suppressed", "draw", "pixels", "wrong", "true", "says", "right"]


@dataclass(frozen=True, eq=False)
class TwinPairs:
    """Misclassified images and their twins, backtracked; N pairs, perhaps none.

    Attributes
    ----------
    table : DataFrame
        One row a pair: the case's outcome, with `case` and `twin`, the two row numbers, and
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
        Gives the network's input of row numbers, as `Study.inputs` does.
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


def suppress_pairs(
    net: nn.Module, pairs: TwinPairs, draws: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Silence each of `SETS` in the images of every pair, and see what the network says.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
    draws : int
        How often pixels are drawn at random, from the active ones of that image.
    seed : int
        The only source of chance.

    Returns
    -------
    DataFrame
        One row a pair, image ("case" or "twin"), set and draw: pair, image, suppressed, draw,
        pixels (how many), wrong (probability of the class that the case was mistaken for),
        true (that of its true class), says (the class predicted now), right (it is the true
        one).
    """
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, got {draws!r}")
    if not len(pairs):
        return pd.DataFrame(columns=COLUMNS).astype({"wrong": float, "true": float, "right": bool})
    generator = torch.Generator().manual_seed(seed)
    sets = pairs.sets
    parts = []
    for image, trace, unique in (
        ("case", pairs.case, sets.only_a),
        ("twin", pairs.twin, sets.only_b),
    ):
        parts.append(_say(net, pairs, image, "nothing", 0, torch.zeros_like(trace.pixels)))
        parts.append(_say(net, pairs, image, "backtracked", 0, trace.pixels))
        for name, chosen in (("common", sets.common), ("unique", unique)):
            parts.append(_say(net, pairs, image, name, 0, chosen))
            counts = chosen.flatten(1).sum(dim=1)
            for draw in range(draws):
                control = random_pixels(trace.maps, counts, generator)
                parts.append(_say(net, pairs, image, f"random, as many as {name}", draw, control))
    return pd.concat(parts, ignore_index=True)


def _say(
    net: nn.Module, pairs: TwinPairs, image: str, name: str, draw: int, pixels: Tensor
) -> pd.DataFrame:
    trace = getattr(pairs, image)
    probabilities = suppress(net, trace.maps, pixels).cpu().numpy()
    true, wrong = pairs.table["true"].to_numpy(), pairs.table["predicted"].to_numpy()
    each, says = np.arange(len(true)), probabilities.argmax(axis=1)
    return pd.DataFrame(
        {
            "pair": each,
            "image": image,
            "suppressed": name,
            "draw": draw,
            "pixels": pixels.flatten(1).sum(dim=1).cpu().numpy(),
            "wrong": probabilities[each, wrong],
            "true": probabilities[each, true],
            "says": says,
            "right": says == true,
        },
        columns=COLUMNS,
    )


def by_pair(results: pd.DataFrame, column: str, image: str = "case") -> pd.DataFrame:
    """One column of `suppress_pairs`, a row a pair and a column a set, averaged over draws."""
    some = results[results.image == image]
    means = some[column].astype(float).groupby([some.pair, some.suppressed]).mean()
    return means.unstack().reindex(columns=list(SETS))


def paired_difference(
    results: pd.DataFrame,
    column: str,
    one: str,
    other: str,
    groups: pd.Series,
    image: str = "case",
    seed: int = 0,
) -> Interval:
    """Mean over pairs of a column with `one` set suppressed less that with the `other`.

    Parameters
    ----------
    results : DataFrame
        Of `suppress_pairs`.
    column : str
        "wrong", "true" or "right".
    one, other : str
        Of `SETS`.
    groups : Series
        What belongs together when the interval is drawn, such as the person, by pair.
    image : {"case", "twin"}
    seed : int
    """
    values = by_pair(results, column, image)
    return bootstrap_mean(values[one] - values[other], groups, seed)


def summary(results: pd.DataFrame, groups: pd.Series, seed: int = 0) -> pd.DataFrame:
    """What each of `SETS` does to the misclassified images, over all pairs.

    Returns
    -------
    DataFrame
        Indexed by set: pixels (mean), mended (share of cases that are read as their true class
        now), low and high (its 95 % bootstrap interval), wrong and true (mean probabilities).
    """
    columns = {name: by_pair(results, name) for name in ("pixels", "right", "wrong", "true")}
    mended = [bootstrap_mean(columns["right"][name], groups, seed) for name in SETS]
    table = pd.DataFrame(
        mended, columns=["mended", "low", "high"], index=pd.Index(SETS, name="set")
    )
    table.insert(0, "pixels", columns["pixels"].mean())
    return table.assign(wrong=columns["wrong"].mean(), true=columns["true"].mean())


def one_pair(pairs: TwinPairs, results: pd.DataFrame, k: int = 0) -> dict[str, float]:
    """The numbers of Section "Visualization and analysis of the features" for one pair.

    Returns
    -------
    dict
        pixels_twin, pixels_case, pixels_common; and for the probabilities twin (the twin's true
        class), wrong and true (the case's): _before, _after (without the common pixels) and
        _random (without as many random ones). NaN if there is no such pair.
    """
    if k >= len(pairs):
        sizes = dict.fromkeys(("pixels_twin", "pixels_case", "pixels_common"), math.nan)
    else:
        sizes = {
            "pixels_twin": int(pairs.twin.pixels[k].sum()),
            "pixels_case": int(pairs.case.pixels[k].sum()),
            "pixels_common": int(pairs.sets.common[k].sum()),
        }
    numbers: dict[str, float] = {}
    for key, image, column in (
        ("twin", "twin", "true"),
        ("wrong", "case", "wrong"),
        ("true", "case", "true"),
    ):
        values = by_pair(results, column, image)
        for moment, name in (
            ("before", "nothing"),
            ("after", "common"),
            ("random", "random, as many as common"),
        ):
            known = k < len(values)
            numbers[f"{key}_{moment}"] = float(values[name].iloc[k]) if known else math.nan
    return sizes | numbers
