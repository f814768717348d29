"""The tables of the controls, as figures and sentences need them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tinyvgg.experiments.control_sets import CONTROLS, GRADIENT, LARGEST, MATCHED, RANDOM
from tinyvgg.experiments.statistics import Interval, verdict

LABELS = {
    RANDOM: "random",
    MATCHED: "random, with the\nsame activation",
    LARGEST: "largest\nactivations",
    GRADIENT: "largest gradient\nx activation",
}
ANOTHER_CLASS = "backtracked from\nanother class"
FILLS = {"zero": "set to zero", "mean": "set to the mean\nover the data"}


def forest_rows(
    effects: pd.DataFrame, pixels: str, measure: str, same_set: str | None = None
) -> pd.DataFrame:
    """The rows of a panel of `figures.forest`: a set and its controls by one measure.

    Parameters
    ----------
    effects : DataFrame
        Of `analysis.controls.effects`.
    pixels, measure : str
    same_set : str, optional
        What to write in the row of the set backtracked from another class.
    """
    some = effects[(effects["set"] == pixels) & (effects.measure == measure)]
    rows = some.assign(label=some.control.map(LABELS), note=None)
    rows = rows[["label", "kind", "difference", "low", "high", "note"]]
    if same_set is not None:
        last = {"label": ANOTHER_CLASS, "kind": "misclassified", "note": same_set}
        rows = pd.DataFrame([*rows.to_dict("records"), last], columns=rows.columns)
    return rows


def fill_rows(fills: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The same for zero and the mean, from `Trial.fills`."""
    some = fills[fills.measure == measure]
    return some.assign(label=some.fill.map(FILLS))[["label", "kind", "difference", "low", "high"]]


def layer_overlaps(dependence: pd.DataFrame) -> pd.DataFrame:
    """Overlap with another class by layer, from the top down: mean, least and most."""
    names = [name for name in dependence if name.startswith("L_")]
    values = dependence[names].astype(float)
    return pd.DataFrame({"mean": values.mean(), "least": values.min(), "most": values.max()})


def selected_shares(layers: pd.DataFrame) -> pd.Series:
    """Share of the active units that is selected, by layer, from `Trial.layers`."""
    table = layers.set_index("layer")
    return (table.selected / table.active).astype(float)


def dependence_counts(dependence: pd.DataFrame) -> dict[str, Any]:
    """In how many traces from another class anything differs, and by how many pixels in all."""
    counts: dict[str, Any] = {
        "images": int(dependence.groupby(["kind", "image"]).ngroups) if len(dependence) else 0,
        "traces": len(dependence),
    }
    for reading in ("released", "printed"):
        differ = dependence[f"differ, {reading}"]
        counts[f"differ_{reading}"] = int(differ.sum())
        counts[f"same_{reading}"] = int((differ == 0).sum())
    hidden = [name for name in dependence if name.startswith("L_") and "," not in name]
    for name in hidden:
        counts[f"same_{name}"] = int((dependence[name] == 1).sum())
    return counts


def control_table(effects: pd.DataFrame, pixels: str, measure: str, kind: str) -> pd.DataFrame:
    """A set and its controls as a table: what each does, and how many pixels they share."""
    some = effects[
        (effects["set"] == pixels) & (effects.measure == measure) & (effects.kind == kind)
    ].set_index("control")
    return some.reindex(CONTROLS)[
        [
            "of_set",
            "of_control",
            "difference",
            "low",
            "high",
            "more",
            "less",
            "shared",
            "activation",
        ]
    ]


NAMES = {
    RANDOM: "as many random pixels",
    MATCHED: "random pixels of the same activation",
    LARGEST: "the largest activations",
    GRADIENT: "the largest gradient x activation",
}


def verdicts(effects: pd.DataFrame, pixels: str, measure: str, kind: str = "misclassified") -> str:
    """Whether a set does more than each of its controls, as a list in words.

    The rule: a difference is one if its interval leaves zero out (see `intervals.verdict`).
    """
    table = control_table(effects, pixels, measure, kind)
    words = [
        f"{verdict(Interval(row.difference, row.low, row.high))} {NAMES[row.Index]}"
        for row in table.astype(float).itertuples()
    ]
    return "; ".join(words)
