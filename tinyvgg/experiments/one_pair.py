"""Figs. 9 and 10: one misclassified image, its twin, and both without their common pixels."""

from __future__ import annotations

import math

from tinyvgg.experiments.control_experiments import ControlExperiments
from tinyvgg.experiments.control_sets import RANDOM
from tinyvgg.experiments.suppressions import (
    CASE,
    COMMON,
    ITSELF,
    MISCLASSIFIED,
    NOTHING,
    TWIN,
    by_image,
)

PROBABILITIES = {
    "twin": ("probability", TWIN),
    "wrong": ("probability", CASE),
    "true": ("true class", CASE),
}
MOMENTS = {"before": (NOTHING, ITSELF), "after": (COMMON, ITSELF), "random": (COMMON, RANDOM)}


def pair_figures(made: ControlExperiments) -> dict[str, float]:
    """The pair whose case is misclassified with the highest confidence.

    Returns
    -------
    dict
        pixels_twin, pixels_case, pixels_common; and twin_MOMENT, wrong_MOMENT, true_MOMENT: the
        probability of the twin's class in the twin, of the predicted and of the true class in the
        case, before, after (without the common pixels) and random (without as many random ones).
        NaN without a pair.
    """
    pairs, raw = made.pairs[MISCLASSIFIED], made.suppressions()
    sets = {"twin": pairs.twin.pixels, "case": pairs.case.pixels, "common": pairs.sets.common}
    numbers = {
        f"pixels_{name}": float(pixels[:1].sum()) if len(pairs) else math.nan
        for name, pixels in sets.items()
    }
    for name, (measure, image) in PROBABILITIES.items():
        for moment, which in MOMENTS.items():
            values = by_image(raw, measure, *which, image=image)
            numbers[f"{name}_{moment}"] = float(values.get(0, math.nan))
    return numbers
