"""The effect of each set of pixels on the predictions, compared with its controls: one table.

Every page, verdict and record that quotes such an effect takes its number from here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tinyvgg.experiments.control_sets import CONTROLS, GRADIENT, LARGEST, MATCHED, RANDOM
from tinyvgg.experiments.statistics import Interval, bootstrap_mean, verdict
from tinyvgg.experiments.suppressions import (
    CASE,
    ITSELF,
    KEYS,
    KINDS,
    MEAN,
    MISCLASSIFIED,
    NOTHING,
    SETS,
    ZERO,
    by_image,
    rows_of,
)

MEASURES = {  # of an effect, and the column of predictions that each comes from
    "confidence": "probability",
    "true class": "true class",
    "changed": "changed",
    "corrected": "corrected",
}
FALLS = ("confidence", "true class")  # differences of a probability
EFFECT_COLUMNS = [
    *KEYS,
    *("measure", "pairs", "people", "pixels", "of_set", "of_control", "sampling", "difference"),
    *("low", "high", "more", "less", "shared", "activation"),
]


def effect_by_image(
    raw: pd.DataFrame, measure: str, name: str, control: str = ITSELF, **where: str
) -> pd.Series:
    """One effect of one set or control, image by image.

    Parameters
    ----------
    raw, name, control, **where
        As for `suppressions.by_image`.
    measure : str
        One of `MEASURES`.
    """
    after = by_image(raw, MEASURES[measure], name, control, **where)
    if measure not in FALLS:
        return after
    before = by_image(raw, MEASURES[measure], NOTHING, ITSELF, **{**where, "fill": ZERO})
    return before - after


def paired(
    raw: pd.DataFrame,
    measure: str,
    one: tuple[str, str],
    other: tuple[str, str],
    seed: int = 0,
    **where: str,
) -> Interval:
    """Mean over images of the effect of one (set, control) minus that of another.

    Parameters
    ----------
    raw, measure, **where
        As for `effect_by_image`.
    one, other : (set, control)
    seed : int
        Of the bootstrap, which resamples by subject.
    """
    person = rows_of(raw, set=one[0], control=one[1], **where).person
    ours, theirs = (effect_by_image(raw, measure, *which, **where) for which in (one, other))
    return bootstrap_mean(ours - theirs, person, seed)


def effects(raw: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The effect of each set minus that of each of its controls, as paired differences.

    Parameters
    ----------
    raw : DataFrame
        Of `suppressions`.
    seed : int
        Of the bootstrap, which resamples by subject.

    Returns
    -------
    DataFrame
        One row per kind, image, set, control, fill and measure: pairs and people (their numbers);
        pixels; of_set and of_control (mean effects); sampling (the standard error of of_control
        over the draws); difference, low and high (paired, with its 95 % interval); more and less
        (the number of images in which the set does more and less than the control);
        shared (the share of the control's pixels that are in the set) and activation (the
        control's sum over the set's), means over the images whose set is not empty. The
        measures: confidence and true class, by how much the probability of the class in question
        and of the true class falls; changed and corrected, shares of the images.
    """
    parts = {key: part.set_index("pair") for key, part in raw.groupby(KEYS, sort=False)}
    rows = []
    for key, other in parts.items():
        kind, image, name, control, fill = key
        if control == ITSELF:
            continue
        own = parts[kind, image, name, ITSELF, fill]
        before = parts[kind, image, NOTHING, ITSELF, ZERO]
        for measure, column in MEASURES.items():
            ours, theirs = (
                before[column] - part[column] if measure in FALLS else part[column]
                for part in (own, other)
            )
            if ours.isna().any():
                continue
            difference, error = ours - theirs, other[f"error, {column}"]
            value, low, high = bootstrap_mean(difference, own.person, seed)
            rows.append(
                {
                    **dict(zip(KEYS, key, strict=True)),
                    "measure": measure,
                    "pairs": len(own),
                    "people": own.person.nunique(),
                    "pixels": own.pixels.mean(),
                    "of_set": ours.mean(),
                    "of_control": theirs.mean(),
                    "sampling": float(np.sqrt((error**2).sum())) / len(own),
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


def effect(table: pd.DataFrame, name: str, control: str, measure: str = "confidence", **where: str):
    """One difference of `effects` with its interval; NaN if it is missing."""
    found = rows_of(table, set=name, control=control, measure=measure, **where)
    if found.empty:
        return Interval.unknown()
    return Interval(*map(float, found.iloc[0][["difference", "low", "high"]]))


def control_table(table: pd.DataFrame, name: str, measure: str, **where: str) -> pd.DataFrame:
    """A set and its controls, one row per control: their effects and their common pixels."""
    some = rows_of(table, set=name, measure=measure, **where).set_index("control")
    columns = ["of_set", "of_control", "difference", "low", "high", "more", "less", "shared"]
    return some.reindex(CONTROLS)[columns]


def suppressed_table(raw: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The effect of suppressing each set, and as many random pixels, in misclassified images.

    Returns
    -------
    DataFrame
        One row per set, followed by "random, as many as" the set: set, pixels (mean), corrected
        with low and high (the share of images whose true class is predicted then, with its 95 %
        interval), wrong and true (mean probabilities of the class predicted before and of the
        true class).
    """
    rows = []
    for name in (NOTHING, *SETS):
        for control in (ITSELF,) if name == NOTHING else (ITSELF, RANDOM):
            some = rows_of(raw, set=name, control=control)
            label = name if control == ITSELF else f"random, as many as {name}"
            corrected = bootstrap_mean(some.corrected, some.person, seed)
            means = some[["probability", "true class"]].mean()
            rows.append((label, some.pixels.mean(), *corrected, *means))
    columns = ["set", "pixels", "corrected", "low", "high", "wrong", "true"]
    return pd.DataFrame(rows, columns=columns).set_index("set")


# ---------------------------------------------------------------------- as pages show it

LABELS = {
    RANDOM: "random",
    MATCHED: "random,\nsame activation",
    LARGEST: "largest\nactivations",
    GRADIENT: "largest gradient\nx activation",
}
ANOTHER_CLASS = "backtracked from\nanother class"
FILL_LABELS = {ZERO: "set to zero", MEAN: "set to the\ntraining mean"}
VERDICTS = ("more", "less", "no measurable difference", "too few pairs")
_FOREST = ["label", "kind", "difference", "low", "high"]


def forest_rows(
    table: pd.DataFrame, name: str, measure: str, same_set: str | None = None
) -> pd.DataFrame:
    """The rows of a panel of `figures.forest`: a set and its controls by one measure.

    Parameters
    ----------
    table : DataFrame
        Of `effects`.
    name, measure : str
    same_set : str, optional
        The text in the row of the set backtracked from another class.
    """
    some = _of_pairs(table, name, measure, fill=ZERO)
    rows = some.assign(label=some.control.map(LABELS), note=None)[[*_FOREST, "note"]]
    if same_set is not None:
        last = {"label": ANOTHER_CLASS, "kind": MISCLASSIFIED, "note": same_set}
        rows = pd.DataFrame([*rows.to_dict("records"), last], columns=rows.columns)
    return rows


def fill_rows(table: pd.DataFrame, name: str, measure: str) -> pd.DataFrame:
    """The same rows for the two ablation values, with random pixels as control."""
    some = _of_pairs(table, name, measure, control=RANDOM)
    return some.assign(label=some.fill.map(FILL_LABELS))[_FOREST]


def _of_pairs(table: pd.DataFrame, name: str, measure: str, **where: str) -> pd.DataFrame:
    asked = {"set": name, "measure": measure, "image": CASE, **where}
    chosen = [table[key] == value for key, value in asked.items()]
    return table[np.logical_and.reduce([*chosen, table.kind.isin(KINDS)])]


def verdict_table(
    table: pd.DataFrame, name: str, measure: str, kind: str = MISCLASSIFIED
) -> pd.DataFrame:
    """Whether a set does more than each of its controls, as a page shows it.

    Returns
    -------
    DataFrame
        One row per control: control, difference, "95 % interval" and verdict (see `in_words`).
    """
    rows = control_table(table, name, measure, kind=kind).astype(float)
    return pd.DataFrame(
        {"control": row.Index, **in_words(Interval(row.difference, row.low, row.high))}
        for row in rows.itertuples()
    )


def in_words(
    difference: Interval, words: Sequence[str] = VERDICTS, digits: int = 2
) -> dict[str, str]:
    """A difference, its 95 % interval and its verdict, as the cells of a table.

    Parameters
    ----------
    difference : Interval
    words : four str
        The verdicts on a difference above zero, below zero, of neither, and of an unknown one.
        A difference counts if its interval leaves out zero (see `statistics.verdict`).
    digits : int
        Decimal places.
    """
    value, low, high = ("–" if math.isnan(x) else f"{x:+z.{digits}f}" for x in difference)
    bounds = "–" if math.isnan(difference.low) else f"{low} to {high}"
    return {"difference": value, "95 % interval": bounds, "verdict": verdict(difference, *words)}


def verdict_counts(
    table: pd.DataFrame, name: str, measure: str, kind: str = MISCLASSIFIED
) -> tuple[int, int]:
    """The number of controls than which a set does measurably more, and measurably less."""
    rows = control_table(table, name, measure, kind=kind).astype(float)
    return int((rows.low > 0).sum()), int((rows.high < 0).sum())
