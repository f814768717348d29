"""The paper's sets of pixels on trial: each experiment for a study, kept in its store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tinyvgg.analysis.controls import KINDS, correct_pairs, effects, try_controls
from tinyvgg.analysis.intervals import NAN, Interval
from tinyvgg.analysis.suppression import TwinPairs, pair_twins
from tinyvgg.study import TRAINING_CODE, Study

CODE = ("tinyvgg.controls", *TRAINING_CODE)
PAPERS_SET = {"face": "common", "emotion": "unique"}  # which pixels decide, says the paper


def all_pairs(study: Study, task: str) -> dict[str, TwinPairs]:
    """The pairs of a task, by kind.

    "misclassified": every misclassified test image that has a twin, with it. "correct": as many
    pairs of two correctly classified images (see `analysis.controls.correct_pairs`).
    """
    net, outcomes = study.network(task), study.outcomes(task)
    wrong = pair_twins(net, outcomes, study.inputs)
    right = correct_pairs(net, outcomes, study.inputs, len(wrong), study.seed)
    return dict(zip(KINDS, (wrong, right), strict=True))


def control_effects(study: Study, task: str) -> pd.DataFrame:
    """The sets of a task against their same-count controls, over all pairs of both kinds.

    Returns
    -------
    DataFrame
        As `analysis.controls.effects` gives it; NaN in a run without pairs.
    """
    return _table(_kept(study, task, "effects", _make_effects))


def effect(
    table: pd.DataFrame,
    pixels: str,
    control: str,
    measure: str = "confidence",
    kind: str = "misclassified",
) -> Interval:
    """One difference of `control_effects`, with its interval; NaN if it is not there."""
    asked = {"set": pixels, "control": control, "measure": measure, "kind": kind}
    found = table[np.logical_and.reduce([table[key] == value for key, value in asked.items()])]
    if found.empty:
        return Interval(NAN, NAN, NAN)
    row = found.iloc[0]
    return Interval(float(row.difference), float(row.low), float(row.high))


def _make_effects(study: Study, task: str) -> dict[str, Any]:
    net = study.network(task)
    trials = [
        try_controls(net, pairs, seed=study.seed).assign(kind=kind)
        for kind, pairs in all_pairs(study, task).items()
    ]
    return _columns(effects(pd.concat(trials), study.seed))


def _kept(
    study: Study, task: str, what: str, make: Callable[[Study, str], dict[str, Any]]
) -> dict[str, Any]:
    """What `make` makes of a study and a task, from the store if it is there."""
    recipe = {
        "what": what,
        "network": study._network_recipe(task),
        "keep": study._keep(task, None),
    }

    def once(_: Path) -> dict[str, Any]:
        return make(study, task)

    return study.store.get("controls", recipe, CODE, once)


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """A table as arrays of numbers and lists of words, for the store."""
    return {
        f"{place} {name}": values.tolist() if values.dtype.kind in "OUT" else values.to_numpy()
        for place, (name, values) in enumerate(table.items())
    }


def _table(kept: dict[str, Any]) -> pd.DataFrame:
    ordered = sorted(kept.items(), key=lambda item: int(item[0].partition(" ")[0]))
    return pd.DataFrame({key.partition(" ")[2]: values for key, values in ordered})
