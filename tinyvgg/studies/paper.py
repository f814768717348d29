"""The paper at its own size: both tasks, 224 x 224 pixels, 100 epochs, and every analysis.

The pages of the book rest on images of 64 x 64 pixels, with 2,048 pixels before the dense layers;
the paper's have 25,088. This study trains the paper's networks by the paper's protocol and keeps
what the pages measure, beside some pictures. A training of hours can be stopped at any time and
goes on when the study is asked for again; ``--so-far`` makes a record of the epochs that are
there, and the record says of how many it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from tinyvgg.experiments.control_experiments import ControlExperiments
from tinyvgg.experiments.measures import measure_task
from tinyvgg.experiments.one_pair import pair_figures
from tinyvgg.experiments.suppressions import MISCLASSIFIED
from tinyvgg.experiments.table_3 import at_moment, one_for_each, probability_table, read_as
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.study import Study

NAME = "paper"
LABELS = ("angle", "subject", "emotion")
DIGITS = 6  # significant


def _networks(study: Study) -> list[Network]:
    return [(study, task) for task in reversed(study.tasks)]  # emotion takes longest


def _measure(study: Study) -> list[Entry]:
    made = [(task, study.so_far(task)) for task in study.tasks]
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


def by_task(results: list[Entry]) -> dict[str, Entry]:
    """The entries of a record's first seed, by task."""
    first = [entry for entry in results if entry["seed"] == results[0]["seed"]]
    return {entry["task"]: entry for entry in first}


def curves(entry: Entry) -> pd.DataFrame:
    """The errors of every epoch: columns epoch, loss, train_error, test_error."""
    table = pd.DataFrame(entry["curves"])
    return table.assign(epoch=np.arange(1, len(table) + 1))
