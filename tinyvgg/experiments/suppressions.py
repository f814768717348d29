"""Suppressing every set of pixels and every control of it: what the network predicts then.

One table for a run, with a row for each image, set, control and ablation value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace
from tinyvgg.experiments.batches import Inputs
from tinyvgg.experiments.control_sets import (
    CONTROLS,
    GRADIENT,
    LARGEST,
    MATCHED,
    RANDOM,
    draws_for,
    fixed_control,
    random_draws,
)
from tinyvgg.experiments.pairs import TwinPairs
from tinyvgg.experiments.statistics import people
from tinyvgg.layers import check_network, feature_maps_of
from tinyvgg.tracking import suppress_unchecked

MISCLASSIFIED, CORRECT, EVERY = "misclassified", "correct", "every misclassified"
KINDS = (MISCLASSIFIED, CORRECT)  # of pairs
CASE, TWIN = "case", "twin"
NOTHING, COMMON, UNIQUE, BACKTRACKED = "nothing", "common", "unique", "backtracked"
SETS = (COMMON, UNIQUE, BACKTRACKED)
PRINTED = ", as printed"  # what the name of a set ends with that was traced without the cut
ITSELF = "the set itself"
ZERO, MEAN = "zero", "mean"
FILLS = (ZERO, MEAN)
PREDICTIONS = ("probability", "true class", "changed", "corrected")
KEYS = ["kind", "image", "set", "control", "fill"]
BATCH = 64


@dataclass(frozen=True, eq=False)
class Subjects:
    """Some images, what they are, and the sets that are suppressed in them.

    Attributes
    ----------
    kind : str
        MISCLASSIFIED or CORRECT, of pairs; EVERY, whether they have a twin or not.
    image : {CASE, TWIN}
    trace : Backtrace
        Of N images, for the class in question.
    true, person : array (N,)
        The true class, and what is resampled as a whole.
    sets : mapping of str to bool Tensor (N, C, h, w)
    """

    kind: str
    image: str
    trace: Backtrace
    true: np.ndarray
    person: np.ndarray
    sets: Mapping[str, Tensor]


def subjects_of_pairs(kind: str, pairs: TwinPairs, printed: TwinPairs | None = None) -> list:
    """The first images of some pairs with all their sets, and the twins of misclassified ones.

    Parameters
    ----------
    kind : {MISCLASSIFIED, CORRECT}
    pairs : TwinPairs
    printed : TwinPairs, optional
        The same pairs, traced without the cut.
    """
    true, person = pairs.table["true"].to_numpy(), people(pairs.table)
    none = torch.zeros_like(pairs.case.pixels)
    sets = {NOTHING: none, **pixel_sets(pairs)}
    if printed is not None:
        sets[COMMON + PRINTED] = printed.sets.common
        sets[BACKTRACKED + PRINTED] = printed.case.pixels
    found = [Subjects(kind, CASE, pairs.case, true, person, sets)]
    if kind == MISCLASSIFIED:
        of_twin = {NOTHING: none, COMMON: pairs.sets.common, UNIQUE: pairs.sets.only_b}
        found.append(Subjects(kind, TWIN, pairs.twin, true, person, of_twin))
    return found


def pixel_sets(pairs: TwinPairs) -> dict[str, Tensor]:
    """The sets that the paper suppresses in the first image of each pair, bool (N, C, h, w)."""
    sets = pairs.sets
    return {COMMON: sets.common, UNIQUE: sets.only_a, BACKTRACKED: pairs.case.pixels}


def suppressions(
    net: nn.Module,
    subjects: Iterable[Subjects],
    mean: Tensor | None = None,
    draws: int | None = None,
    seed: int = 0,
    controls: Sequence[str] = CONTROLS,
) -> pd.DataFrame:
    """Suppress every set and every control of it, and see what the network predicts.

    Parameters
    ----------
    net : nn.Module
        A supported network.
    subjects : iterable of Subjects
    mean : Tensor (C, h, w), optional
        The other ablation value beside zero; without it there is zero alone.
    draws : int, optional
        Of each random control; `draws_for` the images if not given.
    seed : int
        Seeds the random number generator.
    controls : sequence of str
        Which of them.

    Returns
    -------
    DataFrame
        One row per image, set, control (ITSELF for the set) and fill: the columns of `KEYS`; pair
        (the image's number), person; draws; pixels, activation (their sum) and shared (how many
        are in the set), and the `PREDICTIONS`: probability (of the class in question) and true
        class (probability of the true one) as they are then, changed (another class is predicted
        now, 0 or 1), corrected (it is the true one; NaN for an image that was classified
        correctly), all means over draws; and "error, " with each of the last four, the standard
        error of the mean over the draws. Sets as printed are set to zero and compared with
        random pixels alone; so are twins and the images of EVERY kind, with activation-matched
        ones besides.
    """
    check_network(net)
    parts = [
        part for some in subjects for part in _of_subjects(net, some, mean, draws, seed, controls)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_RAW)


_RAW = [
    *KEYS,
    *("pair", "person", "draws", "pixels", "activation", "shared"),
    *PREDICTIONS,
    *(f"error, {name}" for name in PREDICTIONS),
]


def _of_subjects(
    net: nn.Module,
    some: Subjects,
    mean: Tensor | None,
    draws: int | None,
    seed: int,
    controls: Sequence[str],
) -> list[pd.DataFrame]:
    maps, target = some.trace.maps, some.trace.target
    if not len(maps):
        return []
    count = draws_for(len(maps)) if draws is None else draws
    full = some.image == CASE and some.kind in KINDS
    fills = {ZERO: None} | ({MEAN: mean} if full and mean is not None else {})
    sums: dict[tuple[str, str, str], _Sums] = {}

    def look(name: str, control: str, chosen: Tensor) -> None:
        """Suppress some draws, (D, N, C, h, w), of a control of a set."""
        for fill, value in fills.items():
            if fill == ZERO or name in SETS:
                key = name, control, fill
                sums.setdefault(key, _Sums()).add(_predictions(net, some, name, chosen, value))

    for name, pixels in some.sets.items():
        look(name, ITSELF, pixels[None])
        if full and name in SETS:
            counts = pixels.flatten(1).sum(dim=1)
            for control in (c for c in (LARGEST, GRADIENT) if c in controls):
                look(name, control, fixed_control(control, net, maps, target, counts)[None])
    for drawn in random_draws(maps, count, seed):
        for name, pixels in some.sets.items():
            for control in () if name == NOTHING else (RANDOM, MATCHED):
                if control in controls and (control == RANDOM or not name.endswith(PRINTED)):
                    look(name, control, drawn.control(control, pixels))
    return [
        made.table(some).assign(kind=some.kind, image=some.image, set=s, control=c, fill=f)[_RAW]
        for (s, c, f), made in sums.items()
    ]


def _predictions(
    net: nn.Module, some: Subjects, name: str, chosen: Tensor, fill: Tensor | None
) -> np.ndarray:
    """What is looked at of each draw and image, float64 (7, D, N), in the order of `_RAW`."""
    depth, count = chosen.shape[:2]
    maps = some.trace.maps.expand(chosen.shape)
    flat = suppress_unchecked(net, maps.flatten(0, 1), chosen.flatten(0, 1), fill)
    after = flat.reshape(depth, count, -1).double().cpu().numpy()
    target = some.trace.target.cpu().numpy()
    each, predicted = np.arange(count), after.argmax(axis=2)
    corrected = np.where(some.true != target, predicted == some.true, np.nan)
    sizes = [
        chosen.flatten(2).sum(dim=2),
        (maps.double() * chosen).flatten(2).sum(dim=2),
        (chosen & some.sets[name]).flatten(2).sum(dim=2),
    ]
    looked_at = [after[:, each, target], after[:, each, some.true], predicted != target, corrected]
    return np.array([*(size.cpu().numpy() for size in sizes), *looked_at], float)


class _Sums:
    """Sums over draws, from which means and their standard errors follow."""

    def __init__(self) -> None:
        self.draws = 0
        self.first: np.ndarray | float = 0.0
        self.second: np.ndarray | float = 0.0

    def add(self, values: np.ndarray) -> None:
        self.draws += values.shape[1]
        self.first = self.first + values.sum(axis=1)
        self.second = self.second + (values**2).sum(axis=1)

    def table(self, some: Subjects) -> pd.DataFrame:
        mean = np.asarray(self.first) / self.draws
        spread = np.maximum(np.asarray(self.second) / self.draws - mean**2, 0)
        error = np.sqrt(spread / max(1, self.draws - 1))[3:]
        columns = dict(zip(_RAW[8:], [*mean, *error], strict=True))
        table = pd.DataFrame({"pair": np.arange(len(some.true)), "person": some.person, **columns})
        return table.assign(draws=self.draws)


def mean_maps(net: nn.Module, inputs: Inputs, rows: ArrayLike, batch: int = BATCH) -> Tensor:
    """Mean of the last feature maps over some pictures, (C, h, w); each pixel for itself.

    The ablation value beside zero: a pixel at its mean says as little about the image, and is
    nearer to what the dense layers were trained on.
    """
    rows = np.asarray(rows, int)
    if not len(rows):
        raise ValueError("a mean needs at least one picture: give at least one row")
    total = sum(
        feature_maps_of(net, inputs(rows[k : k + batch])).double().sum(dim=0)
        for k in range(0, len(rows), batch)
    )
    return torch.as_tensor(total) / len(rows)


def by_image(
    raw: pd.DataFrame, measure: str, name: str, control: str = ITSELF, **where: str
) -> pd.Series:
    """One measure of one set or control, image by image.

    Parameters
    ----------
    raw : DataFrame
        Of `suppressions`.
    measure : str
        A column of it.
    name, control : str
    **where
        kind, image and fill, if they are not MISCLASSIFIED, CASE and ZERO.
    """
    return rows_of(raw, set=name, control=control, **where).set_index("pair")[measure]


def rows_of(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """The rows with some keys; where they are not given: MISCLASSIFIED, CASE and ZERO."""
    asked = {"kind": MISCLASSIFIED, "image": CASE, "fill": ZERO} | where
    return table[np.logical_and.reduce([table[key] == value for key, value in asked.items()])]
