"""Every figure that the verdicts rest on, measured for one run: one seed, one source of faces.

The book measures its own run, and a recorded study the same for several seeds. Each figure is
one that a page shows too, made by the same functions. `Study` is not imported here, so that what
was measured is not outdated by a change to what only keeps and finds results.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack_maps
from tinyvgg.comparison import random_pixels
from tinyvgg.evaluation import confusion, misclassified
from tinyvgg.experiments.batches import trace_rows
from tinyvgg.experiments.class_dependence import other_classes
from tinyvgg.experiments.control_sets import correct_pairs
from tinyvgg.experiments.effects import control_numbers
from tinyvgg.experiments.matched import matched_pixels
from tinyvgg.experiments.pairs import (
    TwinPairs,
    by_pair,
    pair_twins,
    paired_difference,
    suppress_pairs,
)
from tinyvgg.experiments.patching import exchange, value_distance
from tinyvgg.experiments.selection import count_pixels
from tinyvgg.experiments.statistics import (
    NAN,
    Interval,
    bootstrap_difference,
    bootstrap_mean,
    difference_of_shares,
    wilson,
)
from tinyvgg.experiments.table_3 import (
    at_moment,
    floor_counts,
    one_for_each,
    probability_table,
    read_as,
)
from tinyvgg.paper import PAPER
from tinyvgg.tracking import suppress

TASKS = ("face", "emotion")
DRAWS = 10  # of random pixels, for each image and set
NO_OTHER: dict[str, list] = {"image": [], "differ, printed": [], "differ, released": []}
RIGHT_PAIRS = 100  # pairs of two correctly classified faces

Numbers = dict[str, float]


def measure(study: Any) -> dict[str, float | None]:
    """All figures of the ledger for one run, kept in its store.

    Parameters
    ----------
    study : Study
        Networks that are missing are trained.

    Returns
    -------
    dict
        Numbers by name; where an interval belongs to one, its 95 % bounds are ``NAME_low`` and
        ``NAME_high``. Shares are fractions. None stands for what the run cannot tell: a task
        that its labels do not allow, or no pair of twins. `_face_or_emotion`, `_sets`,
        `_common`, `_exchange`, `_unique`, `_confusions` and `controls.control_numbers` list the
        names.
    """
    tasks = [task for task in TASKS if task in study.tasks]

    def make(_: Path) -> dict[str, Any]:
        return {"measures": {name: _json(value) for name, value in _measure(study, tasks).items()}}

    recipe = {
        "networks": {task: study.recipe(task) for task in tasks},
    }
    return study.store.get("measures", recipe, make)["measures"]


def _measure(study: Any, tasks: list[str]) -> Numbers:
    numbers: Numbers = {}
    shares: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    has_twins = all(study.faces.table[name].notna().any() for name in ("emotion", "gaze", "angle"))
    for task in tasks:
        net, outcomes, inputs = study.network(task), study.outcomes(task), study.inputs
        numbers |= _training(task, study.history(task), outcomes)
        wrong = misclassified(outcomes).sort_values("confidence", ascending=False)
        found, shares[task] = _sets(task, net, inputs, wrong, study.seed)
        numbers |= found
        if has_twins:
            pairs = pair_twins(net, outcomes, inputs)
            numbers |= {f"pairs_{task}": len(pairs), f"alone_{task}": pairs.alone}
            if task == "face":
                numbers |= _common(net, pairs, study.seed)
                right = correct_pairs(net, outcomes, inputs, RIGHT_PAIRS, study.seed)
                numbers |= _exchange(net, pairs, right, study.seed)
            else:
                numbers |= _unique(net, pairs, study.split(task).classes, study.seed)
            numbers |= control_numbers(study, task)
        if task == "emotion":
            numbers |= _confusions(outcomes, study.split(task).classes)
    speeds = [study.history(task).images_per_second.median() for task in tasks]
    numbers["images_per_second"] = float(np.mean(speeds)) if speeds else NAN
    return numbers | _face_or_emotion(numbers, shares, study.seed)


# ---------------------------------------------------------------------- training and mistakes


def _training(task: str, history: pd.DataFrame, outcomes: pd.DataFrame) -> Numbers:
    """Table 2 and Fig. 5: accuracy, and the gap between the errors on test and training images."""
    wrong, tested = int((~outcomes.correct).sum()), len(outcomes)
    error = wilson(wrong, tested)
    learnt = float(history.train_error.iloc[-1])
    theirs = round(PAPER[f"errors_{task}"].value), round(PAPER[f"test_{task}"].value)
    beside = difference_of_shares(theirs[0], theirs[1], wrong, tested)
    return {
        f"tested_{task}": tested,
        f"errors_{task}": wrong,
        f"train_error_{task}": learnt,
        **Interval(1 - error.value, 1 - error.high, 1 - error.low).named(f"accuracy_{task}"),
        **Interval(*(bound - learnt for bound in error)).named(f"gap_{task}"),
        **beside.named(f"accuracy_beside_paper_{task}"),
    }


def _face_or_emotion(
    numbers: Numbers, shares: dict[str, tuple[np.ndarray, np.ndarray]], seed: int
) -> Numbers:
    """The two tasks beside each other: over-fitting, and sizes of the sets of pixels."""
    if set(shares) != set(TASKS):
        return {}
    counts = [round(numbers[f"{of}_{task}"]) for task in TASKS[::-1] for of in ("errors", "tested")]
    gap = numbers["train_error_emotion"] - numbers["train_error_face"]
    overfit = Interval(*(bound - gap for bound in difference_of_shares(*counts)))
    sizes = bootstrap_difference(*shares["face"], *shares["emotion"], seed)
    return overfit.named("overfit_difference") | sizes.named("share_difference")


def _confusions(outcomes: pd.DataFrame, classes: list[str]) -> Numbers:
    """How often each emotion is missed, and where "sad" and "surprised" stand among them."""
    counts = confusion(outcomes, classes)
    mistakes = counts.where(~np.eye(len(counts), dtype=bool), 0)
    missed = mistakes.sum(axis=1)
    numbers: Numbers = {f"missed_{name}": int(count) for name, count in missed.items()}
    if not {"sad", "neutral", "surprised"} <= set(classes):
        return numbers
    taken = mistakes.loc["sad"]
    return numbers | {
        "sad_as_neutral": int(taken["neutral"]),
        "sad_ahead": int(missed["sad"] - missed.drop("sad").max()),
        "neutral_ahead": int(taken["neutral"] - taken.drop("neutral").max()),
        "surprised_behind": int(missed.drop("surprised").min() - missed["surprised"]),
    }


# ---------------------------------------------------------------------- what backtracking returns


def _sets(
    task: str,
    net: nn.Module,
    inputs: Callable[[np.ndarray], Tensor],
    wrong: pd.DataFrame,
    seed: int,
) -> tuple[Numbers, tuple[np.ndarray, np.ndarray]]:
    """The sets of the misclassified images: how large, how dependent on the class, how decisive.

    Also the share of all pixels that the released cut leaves, with the person, image by image.
    """
    released = trace_rows(net, inputs, wrong.row, cut=Cut())
    printed = backtrack_maps(net, released.maps, released.target) if len(wrong) else released
    active, total = count_pixels(released.maps), math.prod(released.maps.shape[1:])
    people = wrong.subject.to_numpy()
    numbers: Numbers = {f"total_{task}": total, f"active_{task}": _mean(active)}
    for reading, trace in (("printed", printed), ("released", released)):
        key, sizes = f"{reading}_{task}", count_pixels(trace.pixels)
        numbers |= {
            f"pixels_{key}": _mean(sizes),
            **bootstrap_mean(sizes / total, people, seed).named(f"share_{key}"),
            f"of_active_{key}": _mean(sizes[active > 0] / active[active > 0]),
            f"whole_{key}": _mean(sizes == active),
            **_decisive(net, trace, people, seed).named(f"decisive_{key}"),
        }
    others = other_classes(net, released, Cut()) if len(wrong) else pd.DataFrame(NO_OTHER)
    for reading in ("printed", "released"):
        another = others[f"differ, {reading}"].to_numpy() > 0
        differs = bootstrap_mean(another, people[others.image.to_numpy(int)], seed)
        numbers |= differs.named(f"other_class_{reading}_{task}")
    return numbers, (count_pixels(released.pixels) / total, people)


def _decisive(net: nn.Module, trace: Backtrace, people: np.ndarray, seed: int) -> Interval:
    """By how much more the confidence falls without a set than without as many random pixels."""
    if not len(people):
        return Interval(NAN, NAN, NAN)
    generator = torch.Generator().manual_seed(seed)
    counts = trace.pixels.flatten(1).sum(dim=1)

    def left(pixels: Tensor) -> np.ndarray:
        after = suppress(net, trace.maps, pixels).cpu()
        return after.gather(1, trace.target.cpu()[:, None])[:, 0].double().numpy()

    drawn = [left(random_pixels(trace.maps, counts, generator)) for _ in range(DRAWS)]
    return bootstrap_mean(np.mean(drawn, axis=0) - left(trace.pixels), people, seed)


# ---------------------------------------------------------------------- pairs of case and twin


def _common(net: nn.Module, pairs: TwinPairs, seed: int) -> Numbers:
    """Figs. 9 and 10, over all pairs: confidence without the common pixels, and a control."""
    results, people = suppress_pairs(net, pairs, DRAWS, seed), pairs.table.subject
    random = "random, as many as common"
    numbers: Numbers = {}
    for key, column, image in (("case", "wrong", "case"), ("twin", "true", "twin")):
        values = by_pair(results, column, image)
        before = values["nothing"]
        for moment, name in (("before", "nothing"), ("common", "common"), ("random", random)):
            numbers[f"{key}_{moment}"] = _mean(values[name])
        lost = bootstrap_mean(1 - values["common"] / before, people, seed)
        more = paired_difference(results, column, random, "common", people, image, seed)
        numbers |= lost.named(f"{key}_lost") | more.named(f"{key}_over_random")
        trace, target = getattr(pairs, image), pairs.table["predicted" if key == "case" else "true"]
        matched = _matched(net, trace, pairs.sets.common, target, seed)[0] - values["common"]
        numbers |= bootstrap_mean(matched, people, seed).named(f"{key}_over_matched")
    return numbers


def _matched(
    net: nn.Module, trace: Backtrace, pixels: Tensor, target: pd.Series, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Without as many random pixels of the same summed activation: two figures an image.

    The probability of a class, and how often it is the one predicted; means over draws.
    """
    if not len(target):
        return np.zeros(0), np.zeros(0)
    generator = torch.Generator().manual_seed(seed)
    classes, each, found = target.to_numpy(), np.arange(len(target)), []
    for _ in range(DRAWS):
        drawn = matched_pixels(trace.maps, pixels, generator)
        after = suppress(net, trace.maps, drawn).double().cpu().numpy()
        found.append((after[each, classes], after.argmax(axis=1) == classes))
    probabilities, says = np.mean(np.array(found, float), axis=0)
    return probabilities, says


def _exchange(net: nn.Module, pairs: TwinPairs, right: TwinPairs, seed: int) -> Numbers:
    """Fig. 10: how far the values at the common pixels differ, and what they carry over.

    `right` are pairs of two correctly classified images, to compare the distance with.
    """
    made, people = exchange(net, pairs, DRAWS, seed), pairs.table.subject.to_numpy()
    usual = value_distance(right.case.maps, right.twin.maps, right.sets.common)
    distances = [
        (values[known], group[known])
        for values, group in (
            (made.distance.to_numpy(), people),
            (usual, right.table.subject.to_numpy()),
        )
        for known in [~np.isnan(values)]
    ]
    further = bootstrap_difference(*distances[0], *distances[1], seed)
    return {
        **bootstrap_mean(made.common, people, seed).named("exchange_right"),
        "exchange_right_random": _mean(made.random),
        **bootstrap_mean(made.common - made.random, people, seed).named("exchange_over_random"),
        **bootstrap_mean(*distances[0], seed).named("distance_wrong"),
        **bootstrap_mean(*distances[1], seed).named("distance_right"),
        **further.named("distance_over_right"),
        "pairs_right": len(right),
    }


def _unique(net: nn.Module, pairs: TwinPairs, classes: list[str], seed: int) -> Numbers:
    """Fig. 11 and Table 3, and the same over all cases that have a twin."""
    results, people = suppress_pairs(net, pairs, DRAWS, seed), pairs.table.subject
    right, random = by_pair(results, "right"), "random, as many as unique"
    against = {
        name: paired_difference(results, "right", "unique", other, people, seed=seed)
        for name, other in (("random", random), ("common", "common"))
    }
    matched = _matched(net, pairs.case, pairs.sets.only_a, pairs.table["true"], seed)[1]
    return {
        **bootstrap_mean(right["unique"], people, seed).named("mended_unique"),
        **bootstrap_mean(right["unique"] - matched, people, seed).named("mended_over_matched"),
        "mended_random": _mean(right[random]),
        "mended_common": _mean(right["common"]),
        **against["random"].named("mended_over_random"),
        **against["common"].named("mended_over_common"),
        **_table_3(net, pairs, classes),
    }


def _table_3(net: nn.Module, pairs: TwinPairs, classes: list[str]) -> Numbers:
    """The one case that stands for each emotion: how many are mended, and how many rows tie."""
    chosen = one_for_each(pairs.table).index.to_numpy()
    if not len(chosen):
        return {"chosen": 0}
    table = probability_table(net, pairs, chosen, classes)
    after, floors = at_moment(table, "after"), floor_counts(table, classes)
    mended = int((read_as(after, classes) == after.true).sum())
    return {
        "chosen": len(chosen),
        "chosen_mended": mended,
        "chosen_share": mended / len(chosen),
        "ties_free": int((floors["after"] > 1).sum()),
        "ties_rectified": int((floors["after, rectified"] > 1).sum()),
    }


def _mean(values: Any) -> float:
    values = np.asarray(values, float)
    return float(values.mean()) if values.size else NAN


def _json(value: float) -> float | None:
    """A plain number, or None for one that is not known."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if math.isnan(value) else value
