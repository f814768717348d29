"""Several seeds of both tasks: what of a run's figures is the run's, and what is the method's.

A seed draws the split, the weights at the start and the order of the batches.
"""

from __future__ import annotations

from tinyvgg.studies.common import NETWORK_CODE, Entry, Job, LongStudy
from tinyvgg.study import Study

NAME = "seeds"


def _networks(study: Study) -> list[Job]:
    return [(study, task) for task in reversed(study.tasks)]  # emotion takes longest


def _measure(study: Study) -> list[Entry]:
    entry: Entry = {"seed": study.seed}
    for task in study.tasks:
        correct = study.outcomes(task).correct
        entry[f"accuracy_{task}"] = float(correct.mean())
        entry[f"errors_{task}"] = int((~correct).sum())
    return [entry]


def _words(entry: Entry) -> str:
    shares = [f"{k[9:]} {entry[k]:.2%}" for k in entry if k.startswith("accuracy_")]
    return f"seed {entry['seed']}: {', '.join(shares)} of the test images right"


STUDY = LongStudy(NAME, NETWORK_CODE, (0, 1, 2, 3, 4), _networks, _measure, _words)
