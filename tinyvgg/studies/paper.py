"""The paper at its own size: both tasks, 224 x 224 pixels, 100 epochs, and every analysis.

The pages of the book rest on images of 64 x 64 pixels, with 2,048 pixels before the dense layers;
the paper's have 25,088. This study trains the paper's networks by the paper's protocol and keeps
what the pages measure, beside some pictures. A training of hours can be stopped at any time and
goes on when the study is asked for again; ``--so-far`` makes a record of the epochs that are
there, and the record says of how many it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tinyvgg.experiments.control_experiments import ControlExperiments
from tinyvgg.experiments.measures import TASKS, measure_task
from tinyvgg.experiments.one_pair import pair_figures
from tinyvgg.experiments.suppressions import MISCLASSIFIED
from tinyvgg.experiments.table_3 import at_moment, one_for_each, probability_table, read_as
from tinyvgg.faces.design import PAPER_ANGLES
from tinyvgg.faces.labels import listed
from tinyvgg.paper import PAPER
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.records import Record, results
from tinyvgg.runs.so_far import so_far
from tinyvgg.runs.study import Study

NAME = "paper"
LABELS = ("angle", "subject", "emotion")
DIGITS = 6  # significant
MISSING = "–"


def _networks(study: Study) -> list[Network]:
    return [(study, task) for task in reversed(study.tasks)]  # emotion takes longest


def _measure(study: Study) -> list[Entry]:
    made = [(task, so_far(study, task)) for task in study.tasks]
    entries = [_entry(own, task, study) for task, own in made if own is not None]
    if not entries:
        raise ValueError(
            "no epoch is trained yet: run the study without --so-far first, and stop it when you "
            "like"
        )
    return entries


def _entry(study: Study, task: str, whole: Study) -> Entry:
    history, outcomes = study.history(task), study.outcomes(task)
    wrong = outcomes[~outcomes.correct]
    made = ControlExperiments(study, task)
    entry: Entry = {
        "seed": study.seed,
        "task": task,
        "image_size": study.image_size,
        "precision": study.protocol(task).precision,
        "epochs": len(history),
        "planned": whole.protocol(task).epochs,
        "test": len(outcomes),
        "wrong": len(wrong),
        "images_per_second": _plain(history.images_per_second.median()),
        "minutes": round(float(history.seconds.sum()) / 60, 2),
        "curves": {
            name: [_plain(value) for value in history[name]]
            for name in ("loss", "train_error", "test_error")
        },
        "errors": {label: _counts(wrong[label]) for label in LABELS},
        "measures": {name: _plain(value) for name, value in measure_task(study, task).items()},
    }
    if task == "face":
        entry["pair"] = {name: _plain(value) for name, value in pair_figures(made).items()}
    if task == "emotion":
        entry["table 3"] = _table_3(made)
    return entry


def _table_3(made: ControlExperiments) -> list[Entry]:
    """Table 3: a row per case and moment, with the probability of each emotion."""
    pairs, classes = made.pairs[MISCLASSIFIED], made.study.split(made.task).classes
    chosen = one_for_each(pairs.table).index.to_numpy()
    if not len(chosen):
        return []
    table = probability_table(made.net, pairs, chosen, classes)
    read = {moment: read_as(at_moment(table, moment), classes) for moment in ("before", "after")}
    return [
        {
            "mistaken": row.mistaken,
            "true": row.true,
            "moment": moment,
            "classified as": read[moment][case],
            "probabilities": {name: _plain(row[name]) for name in classes},
        }
        for (case, moment), row in table.iterrows()
        if moment in read
    ]


def _counts(labels: pd.Series) -> dict[str, int]:
    return {str(label): int(count) for label, count in labels.value_counts().items()}


def _plain(value: Any) -> float | None:
    """A number of a few digits; None for what is not known."""
    return None if value is None or math.isnan(value) else float(f"{float(value):.{DIGITS}g}")


def _words(entry: Entry) -> str:
    share = 1 - entry["wrong"] / entry["test"]
    epochs = f"{entry['epochs']} of {entry['planned']} epochs"
    return (
        f"seed {entry['seed']}, {entry['task']} task, {entry['image_size']} px, {epochs}, "
        f"{entry['precision']}: {share:.2%} of the test images classified correctly"
    )


STUDY = LongStudy(NAME, (0,), _networks, _measure, _words, {"precision": "auto"}, profile="paper")


# ---------------------------------------------------------------------- what a page shows


def by_task(entries: list[Entry]) -> dict[str, Entry]:
    """The entries of a record's first seed, by task."""
    first = [entry for entry in entries if entry["seed"] == entries[0]["seed"]]
    return {entry["task"]: entry for entry in first}


def curves(entry: Entry) -> pd.DataFrame:
    """The errors of every epoch: columns epoch, loss, train_error, test_error."""
    table = pd.DataFrame(entry["curves"])
    return table.assign(epoch=np.arange(1, len(table) + 1))


class Row(NamedTuple):
    """A quantity that the paper prints or the book measures, and where each column has it.

    Attributes
    ----------
    text : str
    task : str
    key : str
        Its name in `measure_task`.
    printed : str
        Its name in `tinyvgg.paper`, or two for a ratio, if the paper prints it.
    scale, format : float, str
        How it is shown.
    """

    text: str
    task: str
    key: str
    printed: str = ""
    scale: float = 1.0
    format: str = "{:,.0f}"


OWN_ROWS = {
    "face": [
        Row("confidence in the wrong class, pairs", "face", "case_before", "", 1, "{:.2f}"),
        Row("… common pixels suppressed", "face", "case_common", "", 1, "{:.2f}"),
        Row("… random pixels suppressed", "face", "case_random", "", 1, "{:.2f}"),
    ],
    "emotion": [
        Row("“sad” misclassified", "emotion", "missed_sad", "errors_sad"),
        Row("… as “neutral”", "emotion", "sad_as_neutral", "errors_sad_as_neutral"),
        Row("“surprised” misclassified", "emotion", "missed_surprised", "errors_surprised"),
        Row("cases of Table 3 corrected", "emotion", "chosen_share", "", 100, "{:.0f} %"),
        Row(
            "images corrected, unique pixels suppressed",
            "emotion",
            "corrected_unique",
            "",
            100,
            "{:.0f} %",
        ),
        Row(
            "… random pixels suppressed", "emotion", "corrected_random_unique", "", 100, "{:.0f} %"
        ),
    ],
}


def _rows() -> list[Row]:
    rows = []
    for task in TASKS:
        share = "{:.1f} %"
        rows += [
            Row("misclassified test images", task, f"errors_{task}", f"errors_{task}"),
            Row("accuracy", task, f"accuracy_{task}", f"accuracy_{task}", 100, "{:.2f} %"),
            Row("pixels of the last feature maps", task, f"total_{task}", "pixels"),
            Row("active pixels", task, f"active_{task}"),
            Row(
                "pixels backtracked as released", task, f"pixels_released_{task}", f"pixels_{task}"
            ),
            Row(
                "… share of all pixels",
                task,
                f"share_released_{task}",
                f"pixels_{task}/pixels",
                100,
                share,
            ),
            Row("pixels backtracked, printed", task, f"pixels_printed_{task}"),
            Row("… share of the active pixels", task, f"of_active_printed_{task}", "", 100, share),
            Row(
                "traces from another class that return another set, as released",
                task,
                f"other_class_released_{task}",
                "",
                100,
                share,
            ),
            Row("confidence in the wrong class", task, f"confidence_wrong_{task}", "", 1, "{:.2f}"),
            Row("… backtracked pixels suppressed", task, f"wrong_released_{task}", "", 1, "{:.2f}"),
            Row("… random pixels suppressed", task, f"wrong_random_{task}", "", 1, "{:.2f}"),
            *OWN_ROWS[task],
        ]
    return rows


def side_by_side(
    measured: Mapping[str, Mapping[str, float | None]], record: Record | None
) -> pd.DataFrame:
    """The paper, a run and the record, a quantity a row, as text.

    Parameters
    ----------
    measured : mapping of task to mapping of str to float
        What `measure_task` gives for the run.
    record : Record or None

    Returns
    -------
    DataFrame
        Columns task, quantity, paper, this run, paper's size; a dash for what is not known.
    """
    entries = by_task(results(record))
    table = []
    for row in _rows():
        entry = entries.get(row.task)
        ours = measured.get(row.task, {}).get(row.key)
        theirs = entry["measures"].get(row.key) if entry else None
        words = [
            MISSING if value is None else row.format.format(row.scale * value)
            for value in (_printed(row.printed), ours, theirs)
        ]
        table.append([row.task, row.text, *words])
    return pd.DataFrame(table, columns=["task", "quantity", "paper", "this run", "paper's size"])


def pair_table(record: Record | None, ours: Mapping[str, float]) -> pd.DataFrame:
    """Fig. 9's pair in the paper, in a run and in the record: pixels and probabilities."""
    entry = by_task(results(record)).get("face")
    kept = entry["pair"] if entry else {}
    rows = [
        (
            text,
            f"{PAPER[claim].value:.4g}",
            *(_number(values.get(key)) for values in (ours, kept)),
        )
        for text, key, claim in PAIR
    ]
    return pd.DataFrame(rows, columns=["quantity", "paper", "this run", "paper's size"])


PAIR = [
    ("pixels selected in the twin", "pixels_twin", "pixels_pair_a"),
    ("pixels selected in the case", "pixels_case", "pixels_pair_b"),
    ("common pixels", "pixels_common", "pixels_pair_common"),
    ("twin, probability of the true class", "twin_before", "pair_a_before"),
    ("the same, common pixels suppressed", "twin_after", "pair_a_after"),
    ("case, probability of the wrong class", "wrong_before", "pair_b_wrong_before"),
    ("the same, common pixels suppressed", "wrong_after", "pair_b_wrong_after"),
    ("case, probability of the true class", "true_before", "pair_b_true_before"),
    ("the same, common pixels suppressed", "true_after", "pair_b_true_after"),
]


def in_words(record: Record | None, study: Study) -> str:
    """What a page says of the record: its epochs, speed and date."""
    if record is None:
        return (
            f"The study has not been run on such faces yet. {STUDY.command} runs it and says "
            "beforehand how long it takes."
        )
    epochs = listed(
        f"{entry['epochs']} of {entry['planned']} epochs in the {task} task "
        f"({entry['images_per_second']:.0f} images per second in {entry['precision']})"
        for task, entry in by_task(record.results).items()
    )
    return f"The record's networks were trained for {epochs}; {record.status(study)}."


def error_table(record: Record | None) -> pd.DataFrame:
    """Misclassified images by camera angle, subject and emotion shown, in the paper and a record.

    Returns
    -------
    DataFrame
        A row for each angle and emotion, and two for the subjects; columns images, then
        "TASK, paper" and "TASK, paper's size" for each task; a dash for what is not known.
    """
    entries = by_task(results(record))
    emotions = sorted({name for entry in entries.values() for name in entry["errors"]["emotion"]})
    columns: dict[str, list[float | None]] = {}
    for task in TASKS:
        printed = [f"errors_{task}_{angle}" for angle in PAPER_ANGLES]
        printed += [f"errors_{task}_subjects", f"errors_{task}_worst_subject"]
        printed += [f"errors_{name}" if task == "emotion" else "" for name in emotions]
        columns[f"{task}, paper"] = [PAPER[key].value if key in PAPER else None for key in printed]
        entry = entries.get(task)
        subjects = entry["errors"]["subject"] if entry else {}
        columns[f"{task}, paper's size"] = [
            *_counted(entry, "angle", [str(angle) for angle in PAPER_ANGLES]),
            *(len(subjects) or None, max(subjects.values(), default=None)),
            *_counted(entry, "emotion", emotions),
        ]
    images = [f"angle {angle}°" for angle in PAPER_ANGLES]
    images += ["subjects with a misclassified image", "most images of one subject"]
    images += [f"“{name}” shown" for name in emotions]
    table = pd.DataFrame({name: map(_number, column) for name, column in columns.items()})
    table.insert(0, "images", images)
    return table


def _counted(entry: Entry | None, label: str, values: Sequence[str]) -> list[float | None]:
    """How many misclassified images of an entry have each value; None if the images lack it."""
    counts = entry["errors"][label] if entry else {}
    return [counts.get(value, 0) if counts else None for value in values]


def _printed(name: str) -> float | None:
    """What the paper prints under a name, or under two as a ratio; None if it prints nothing."""
    values = [PAPER[part].value for part in name.split("/") if part]
    return values[0] / values[1] if len(values) == 2 else next(iter(values), None)


def _number(value: float | None) -> str:
    return MISSING if value is None or value != value else f"{value:.4g}"


def changes(
    measured: Mapping[str, Mapping[str, float | None]], record: Record | None
) -> dict[str, float]:
    """What a page quotes of how the results change with the size; NaN if unknown.

    Returns
    -------
    dict
        NAME_SIZE_TASK, SIZE being small (the run) or large (the record), of the misclassified
        images: printed (percentage of the active pixels that is backtracked), released (of all
        pixels), other (percentage of traces from another class that return another set), before,
        without and random (mean confidence; backtracked or random pixels suppressed). Then
        released_paper_TASK, and ratio_SIZE (pixels of a face per pixel of an emotion).
    """
    kept = {task: entry["measures"] for task, entry in by_task(results(record)).items()}
    found: dict[str, float] = {}
    for size, values in (("small", measured), ("large", kept)):
        for task in TASKS:
            for name, (key, scale) in QUOTED.items():
                value = values.get(task, {}).get(f"{key}_{task}")
                found[f"{name}_{size}_{task}"] = math.nan if value is None else scale * value
    for task in TASKS:
        found[f"released_paper_{task}"] = 100 * (_printed(f"pixels_{task}/pixels") or math.nan)
    for size in ("small", "large", "paper"):
        face, emotion = (found[f"released_{size}_{task}"] for task in TASKS)
        found[f"ratio_{size}"] = face / emotion if emotion else math.nan
    return found


QUOTED = {  # name on the page: name in `measure_task`, scale
    "printed": ("of_active_printed", 100),
    "released": ("share_released", 100),
    "other": ("other_class_released", 100),
    "before": ("confidence_wrong", 1),
    "without": ("wrong_released", 1),
    "random": ("wrong_random", 1),
}


GLANCE = {
    **{f"accuracy_{task}": f"{{accuracy_{task}:.2%}}" for task in TASKS},
    **{f"errors_{task}": f"{{errors_{task}:.0f}}" for task in TASKS},
    **{
        f"pixels_{task}": f"{{share_released_{task}:.1%}} with the released cut, "
        f"{{share_printed_{task}:.1%}} as printed"
        for task in TASKS
    },
    "common": "{case_before:.2f} → {case_common:.2f}; random pixels {case_random:.2f}",
    "unique": "{corrected_unique:.0%}; random pixels {corrected_random_unique:.0%}",
}


def at_a_glance(record: Record | None) -> dict[str, str]:
    """What the first page quotes of the record, as text; a dash for what it does not have."""
    known: dict[str, Any] = {}
    for entry in by_task(results(record)).values():
        known |= {name: value for name, value in entry["measures"].items() if value is not None}
    return {f"large_{name}": _filled(template, known) for name, template in GLANCE.items()}


def _filled(template: str, values: Mapping[str, Any]) -> str:
    try:
        return template.format(**values).replace("%", " %")
    except KeyError:
        return MISSING


def table_3(record: Record | None) -> pd.DataFrame:
    """The cases of Table 3 in the record: what is predicted before and after, a case a row."""
    entry = by_task(results(record)).get("emotion")
    rows = entry["table 3"] if entry else []
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return pd.DataFrame(
        [
            (
                before["true"],
                before["classified as"],
                before["probabilities"][before["classified as"]],
                after["classified as"],
                after["probabilities"][after["classified as"]],
            )
            for before, after in pairs
        ],
        columns=[
            "true emotion",
            "predicted before",
            "probability before",
            "predicted after",
            "probability after",
        ],
    )
