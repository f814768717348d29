"""Every figure that the verdicts and several pages rest on, measured for one run.

Each figure has one name. The pages quote it from here, the verdicts judge it, and a recorded
study measures the same for several seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tinyvgg.evaluation import confusion
from tinyvgg.experiments.class_dependence import dependence_counts
from tinyvgg.experiments.control_experiments import (
    PAPERS_MEASURE,
    PAPERS_SET,
    ControlExperiments,
)
from tinyvgg.experiments.control_sets import CONTROLS, RANDOM
from tinyvgg.experiments.effects import effect, paired
from tinyvgg.experiments.pairs import correct_pairs, patch, value_distance
from tinyvgg.experiments.selection import count_pixels
from tinyvgg.experiments.statistics import (
    NAN,
    Interval,
    bootstrap_difference,
    bootstrap_mean,
    difference_of_shares,
    mean,
    people,
    wilson,
)
from tinyvgg.experiments.suppressions import (
    BACKTRACKED,
    CASE,
    COMMON,
    EVERY,
    ITSELF,
    KINDS,
    MISCLASSIFIED,
    NOTHING,
    PRINTED,
    TWIN,
    UNIQUE,
    by_image,
    rows_of,
)
from tinyvgg.experiments.table_3 import (
    at_moment,
    floor_counts,
    one_for_each,
    probability_table,
    read_as,
)
from tinyvgg.paper import PAPER

TASKS = ("face", "emotion")
SHORT = dict(zip(CONTROLS, ("random", "matched", "largest", "gradient"), strict=True))
OVER = {"face": "case_over", "emotion": "corrected_over"}  # the paper's set, less each control
USUAL_PAIRS = 100  # of two correctly classified faces, whose distance is the usual one
Numbers = dict[str, float]


def measure(study: Any) -> dict[str, float | None]:
    """All figures of a run, kept in its store.

    Parameters
    ----------
    study : Study
        Networks that are missing are trained.

    Returns
    -------
    dict
        Numbers by name; where an interval belongs to one, its 95 % bounds are ``NAME_low`` and
        ``NAME_high``. Shares are fractions. None stands for what the run cannot tell: a task
        that its labels do not allow, or no pair of twins. Beside those of `measure_task` for
        each task: overfit_difference, share_difference and images_per_second.
    """
    tasks = [task for task in TASKS if task in study.tasks]
    numbers: dict[str, float | None] = {}
    for task in tasks:
        numbers |= measure_task(study, task)
    speeds = [study.history(task).images_per_second.median() for task in tasks]
    numbers["images_per_second"] = float(np.mean(speeds)) if speeds else None

    def make(_: Path) -> dict[str, Any]:
        return {"measures": _json(_face_beside_emotion(study, numbers))}

    recipe = {task: study.recipe(task) for task in tasks}
    return numbers | study.store.get("measures", recipe, make)["measures"]


def measure_task(study: Any, task: str) -> dict[str, float | None]:
    """The figures of one task of a run, kept in its store; its network alone is needed.

    Returns
    -------
    dict
        As `measure`: what `training_figures`, `set_figures`, `confusion_figures`, `_decisive`,
        `_controls`, `_common`, `_patching` and `_unique` return.
    """

    def make(_: Path) -> dict[str, Any]:
        made = ControlExperiments(study, task)
        numbers = training_figures(study, task) | set_figures(made) | _decisive(made)
        numbers |= _controls(made)
        numbers |= (_common(made) | _patching(made)) if task == "face" else _unique(made)
        if task == "emotion":
            numbers |= confusion_figures(study)
        return {"measures": _json(numbers)}

    recipe = {"task": task, "network": study.recipe(task)}
    return study.store.get("measures", recipe, make)["measures"]


# ---------------------------------------------------------------------- training and mistakes


def training_figures(study: Any, task: str) -> Numbers:
    """Table 2 and Fig. 5: accuracy, and the gap between the errors on test and training images.

    Names: tested, errors, train_error, accuracy and gap (with their intervals), each with the
    task, and accuracy_beside_paper.
    """
    outcomes = study.outcomes(task)
    wrong, tested = int((~outcomes.correct).sum()), len(outcomes)
    error = wilson(wrong, tested)
    learnt = float(study.history(task).train_error.iloc[-1])
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


def _face_beside_emotion(study: Any, numbers: Mapping[str, Any]) -> Numbers:
    """The two tasks compared: over-fitting, and sizes of the sets of pixels."""
    if not {*TASKS} <= {*study.tasks}:
        return {}
    counts = [round(numbers[f"{of}_{task}"]) for task in TASKS[::-1] for of in ("errors", "tested")]
    gap = numbers["train_error_emotion"] - numbers["train_error_face"]
    overfit = Interval(*(bound - gap for bound in difference_of_shares(*counts)))
    face, emotion = (ControlExperiments(study, task) for task in TASKS)
    sizes = bootstrap_difference(*_shares(face), *_shares(emotion), study.seed)
    return overfit.named("overfit_difference") | sizes.named("share_difference")


def _shares(made: ControlExperiments) -> tuple[np.ndarray, np.ndarray]:
    """Which share of all pixels the released set of each misclassified image has; the persons."""
    total = made.released.pixels[:1].numel() or 1
    return count_pixels(made.released.pixels) / total, people(made.wrong)


def confusion_figures(study: Any) -> Numbers:
    """How often each emotion is missed, and where "sad" and "surprised" stand among them.

    Names: missed_EMOTION, and if there are these emotions sad_as_neutral, sad_ahead,
    neutral_ahead and surprised_behind (by how much each leads or trails).
    """
    classes = study.split("emotion").classes
    counts = confusion(study.outcomes("emotion"), classes)
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


def set_figures(made: ControlExperiments) -> Numbers:
    """The sets of every misclassified image: their size, and how they depend on the class.

    Names, each with the task: total and active (pixels); for READING printed or released
    pixels_READING, share_READING (of all pixels, with its interval), of_active_READING (mean
    share of the active pixels), whole_READING (share of images whose set is every active pixel),
    other_class_READING (share of traces from another class that give another set, with its
    interval); and class_NAME, of `dependence_counts`.
    """
    task, seed, groups = made.task, made.study.seed, people(made.wrong)
    active, total = count_pixels(made.released.maps), math.prod(made.released.maps.shape[1:])
    numbers: Numbers = {f"total_{task}": total, f"active_{task}": mean(active)}
    dependence = made.dependence()
    others = dependence[~dependence.traced]
    for reading, trace in (("printed", made.printed), ("released", made.released)):
        key, sizes = f"{reading}_{task}", count_pixels(trace.pixels)
        differs = others[f"differ, {reading}"].to_numpy() > 0
        other_class = bootstrap_mean(differs, groups[others.image.to_numpy(int)], seed)
        numbers |= {
            f"pixels_{key}": mean(sizes),
            **bootstrap_mean(sizes / total, groups, seed).named(f"share_{key}"),
            f"of_active_{key}": mean(sizes[active > 0] / active[active > 0]),
            f"whole_{key}": mean(sizes == active),
            **other_class.named(f"other_class_{key}"),
        }
    return numbers | {f"class_{k}_{task}": v for k, v in dependence_counts(dependence).items()}


def _decisive(made: ControlExperiments) -> Numbers:
    """What suppressing the set of every misclassified image does, beyond random pixels."""
    task, table, raw = made.task, made.effects(), made.suppressions()
    numbers: Numbers = {f"confidence_wrong_{task}": mean(made.wrong.confidence)}
    for reading, name in (("printed", BACKTRACKED + PRINTED), ("released", BACKTRACKED)):
        found = effect(table, name, RANDOM, kind=EVERY)
        numbers |= found.named(f"decisive_{reading}_{task}")
    for control, name in ((ITSELF, "released"), (RANDOM, "random")):
        some = rows_of(raw, kind=EVERY, set=BACKTRACKED, control=control)
        numbers[f"wrong_{name}_{task}"] = mean(some.probability)
    return numbers


# ---------------------------------------------------------------------- pairs of case and twin


def _controls(made: ControlExperiments) -> Numbers:
    """What the paper's set does beyond each control; how many pairs, people, pixels and draws."""
    task, table, raw = made.task, made.effects(), made.suppressions()
    numbers: Numbers = {}
    for kind, pairs in made.pairs.items():
        name = f"{'correct' if kind != MISCLASSIFIED else ''}pairs_{task}"
        some = rows_of(raw, kind=kind, set=PAPERS_SET[task], control=ITSELF)
        numbers |= {
            name: len(pairs),
            f"{name}_people": _subjects(pairs.table),
            f"{name}_pixels": mean(some.pixels),
        }
    numbers[f"alone_{task}"] = made.pairs[MISCLASSIFIED].alone
    drawn = raw.draws[(raw.kind == MISCLASSIFIED) & (raw.control == RANDOM)]
    numbers[f"draws_{task}"] = int(drawn.max()) if len(drawn) else 0
    sampling = table.sampling[table.kind.isin(KINDS)]
    numbers[f"sampling_{task}"] = float(sampling.max()) if len(sampling) else NAN
    return numbers | _over(made, PAPERS_SET[task], PAPERS_MEASURE[task], OVER[task])


def _subjects(table: pd.DataFrame) -> float:
    """How many people some images show; NaN where they are not known."""
    return table.subject.nunique() if table.subject.notna().all() else NAN


def _common(made: ControlExperiments) -> Numbers:
    """Figs. 9 and 10, over all pairs: probabilities without the common pixels, and controls."""
    table, raw, seed = made.effects(), made.suppressions(), made.study.seed
    numbers: Numbers = {}
    for key, measure_, image in (
        ("case", "probability", CASE),
        ("twin", "probability", TWIN),
        ("true", "true class", CASE),
    ):
        for moment, name, control in (
            ("before", NOTHING, ITSELF),
            ("common", COMMON, ITSELF),
            ("random", COMMON, RANDOM),
        ):
            some = rows_of(raw, image=image, set=name, control=control)
            found = bootstrap_mean(some[measure_], some.person, seed)
            numbers |= found.named(f"{key}_{moment}")
        of_class = "true class" if key == "true" else "confidence"
        for control in CONTROLS:
            found = effect(table, COMMON, control, of_class, image=image)
            if key != "case" and not math.isnan(found.value):  # the case's are in `_controls`
                numbers |= found.named(f"{key}_over_{SHORT[control]}")
    for image in (CASE, TWIN):
        before = by_image(raw, "probability", NOTHING, image=image)
        lost = 1 - by_image(raw, "probability", COMMON, image=image) / before
        person = rows_of(raw, image=image, set=NOTHING).person
        numbers |= bootstrap_mean(lost, person, seed).named(f"{image}_lost")
    for name, control in ((ITSELF, "common"), (RANDOM, "common_random")):
        some = rows_of(raw, set=COMMON, control=name).corrected
        numbers[f"case_corrected_{control}"] = mean(some)
    return numbers


def common_figures(made: ControlExperiments) -> Numbers:
    """What a page on the common pixels shows of a task that is not the paper's: as of names."""
    return _common(made) | _over(made, COMMON, "confidence", "case_over")


def unique_figures(made: ControlExperiments) -> Numbers:
    """What a page on the unique pixels shows of a task that is not the paper's: as of emotions."""
    return _unique(made) | _over(made, UNIQUE, "corrected", "corrected_over")


def _over(made: ControlExperiments, name: str, measured: str, key: str) -> Numbers:
    """What a set does beyond each control."""
    numbers: Numbers = {}
    for control, short in SHORT.items():
        numbers |= effect(made.effects(), name, control, measured).named(f"{key}_{short}")
    return numbers


def _patching(made: ControlExperiments) -> Numbers:
    """Fig. 10: how far the values at the common pixels differ, and what they carry over."""
    pairs, study, seed = made.pairs[MISCLASSIFIED], made.study, made.study.seed
    outcomes = study.outcomes(made.task)
    right = correct_pairs(made.net, outcomes, study.inputs, USUAL_PAIRS, seed)
    patched, groups = patch(made.net, pairs, study.profile.draws, seed), people(pairs.table)
    usual = value_distance(right.case.maps, right.twin.maps, right.sets.common)
    of_pairs = groups, people(right.table)
    ours, theirs = (
        (values[~np.isnan(values)], group[~np.isnan(values)])
        for values, group in zip((patched.distance.to_numpy(), usual), of_pairs, strict=True)
    )
    beyond = patched.common - patched.random
    return {
        **bootstrap_mean(patched.common, groups, seed).named("patched_correct"),
        "patched_correct_random": mean(patched.random),
        **bootstrap_mean(beyond, groups, seed).named("patched_over_random"),
        **bootstrap_mean(*ours, seed).named("distance_wrong"),
        **bootstrap_mean(*theirs, seed).named("distance_right"),
        **bootstrap_difference(*ours, *theirs, seed).named("distance_over_right"),
    }


def _unique(made: ControlExperiments) -> Numbers:
    """Fig. 11 and Table 3, and the same over all cases that have a twin."""
    raw, seed = made.suppressions(), made.study.seed
    numbers: Numbers = {}
    for name in (UNIQUE, COMMON):
        for control, key in ((ITSELF, name), (RANDOM, f"random_{name}")):
            some = rows_of(raw, set=name, control=control)
            found = bootstrap_mean(some.corrected, some.person, seed)
            numbers |= found.named(f"corrected_{key}")
        some = rows_of(raw, set=name, control=ITSELF)
        numbers[f"pixels_{name}_{made.task}"] = mean(some.pixels)
    against = paired(raw, "corrected", (UNIQUE, ITSELF), (COMMON, ITSELF), seed)
    numbers |= against.named("corrected_over_common")
    common = effect(made.effects(), COMMON, RANDOM, "corrected")
    return numbers | common.named("corrected_common_over_random") | _table_3(made)


def _table_3(made: ControlExperiments) -> Numbers:
    """The one case that stands for each emotion: how many are corrected, how many rows tie."""
    pairs, classes = made.pairs[MISCLASSIFIED], made.study.split(made.task).classes
    chosen = one_for_each(pairs.table).index.to_numpy()
    if not len(chosen):
        unknown = ("chosen_corrected", "chosen_share", "ties_free", "ties_rectified")
        return {"chosen": 0, **dict.fromkeys(unknown, NAN)}
    table = probability_table(made.net, pairs, chosen, classes)
    after, floors = at_moment(table, "after"), floor_counts(table, classes)
    corrected = int((read_as(after, classes) == after.true).sum())
    return {
        "chosen": len(chosen),
        "chosen_corrected": corrected,
        "chosen_share": corrected / len(chosen),
        "ties_free": int((floors["after"] > 1).sum()),
        "ties_rectified": int((floors["after, rectified"] > 1).sum()),
    }


def _json(numbers: Numbers) -> dict[str, float | None]:
    """Plain numbers; None for those that are not known."""
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in numbers.items()}
    return {name: None if math.isnan(value) else value for name, value in plain.items()}
