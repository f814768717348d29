"""Does training in bfloat16 cost accuracy? Both tasks, each seed once in either precision.

bfloat16 is faster on a processor that has instructions for it. Whether the trained network is as
accurate is measured here with several seeds.
"""

from __future__ import annotations

import pandas as pd

from tinyvgg.experiments.statistics import over_seeds, verdict
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.records import Record
from tinyvgg.runs.study import Study

NAME = "precision"
FULL, HALF = "float32", "bfloat16"


def _networks(study: Study) -> list[Network]:
    if "precision" in study.departures:
        raise ValueError("this study trains in both precisions; omit --precision")
    return [
        (study.variant(precision=precision), task)
        for task in reversed(study.tasks)  # emotion takes longest
        for precision in (FULL, HALF)
    ]


def _measure(study: Study) -> list[Entry]:
    entries = []
    for own, task in _networks(study):
        correct = own.outcomes(task).correct
        entries.append(
            {
                "seed": study.seed,
                "task": task,
                "precision": own.protocol(task).precision,
                "right": int(correct.sum()),
                "test": len(correct),
            }
        )
    return entries


def _words(entry: Entry) -> str:
    share = entry["right"] / entry["test"]
    return f"seed {entry['seed']}, {entry['task']} task, {entry['precision']}: {share:.2%} correct"


STUDY = LongStudy(NAME, (0, 1, 2, 3, 4), _networks, _measure, _words)


def pairs(record: Record | None) -> pd.DataFrame:
    """One row per seed and task of a record.

    Returns
    -------
    DataFrame
        Columns task, seed, float32 and bfloat16 (shares of the test images classified correctly).
    """
    if record is None:
        return pd.DataFrame(columns=["task", "seed", FULL, HALF])
    table = pd.DataFrame(record.results).assign(share=lambda t: t.right / t.test)
    wide = table.pivot(index=["task", "seed"], columns="precision", values="share")
    return wide.reset_index()[["task", "seed", FULL, HALF]].rename_axis(columns=None)


def differences(record: Record | None) -> pd.DataFrame:
    """The difference that bfloat16 makes, one row per task.

    Returns
    -------
    DataFrame
        Columns task, seeds, float32 and bfloat16 (mean shares correct), value, low, high (mean of
        the differences seed by seed, and Student's 95 % interval), verdict.
    """
    rows = []
    for task, own in pairs(record).groupby("task", sort=False):
        difference = over_seeds(own[HALF] - own[FULL])
        rows.append(
            {
                "task": task,
                "seeds": len(own),
                FULL: own[FULL].mean(),
                HALF: own[HALF].mean(),
                **difference._asdict(),
                "verdict": verdict(
                    difference,
                    more="bfloat16 more accurate",
                    less="bfloat16 less accurate",
                    same="no measurable difference",
                    unknown="too few seeds",
                ),
            }
        )
    columns = ["task", "seeds", FULL, HALF, "value", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)
