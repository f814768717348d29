"""Several seeds of both tasks: which values depend on the run, and which on the method.

A seed determines the split, the initial weights and the order of the batches. For each seed the
values are measured that the verdicts of the book rest on.
"""

from __future__ import annotations

from tinyvgg.experiments.measures import TASKS, measure
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.study import Study

NAME = "seeds"


def _networks(study: Study) -> list[Network]:
    return [(study, task) for task in reversed(study.tasks)]  # emotion takes longest


def _measure(study: Study) -> list[Entry]:
    return [{"seed": study.seed, **measure(study)}]


def _words(entry: Entry) -> str:
    tasks = [task for task in TASKS if f"accuracy_{task}" in entry]
    shares = [f"{task} {entry[f'accuracy_{task}']:.2%}" for task in tasks]
    return f"seed {entry['seed']}: {', '.join(shares)} of the test images correct"


STUDY = LongStudy(NAME, (0, 1, 2, 3, 4), _networks, _measure, _words)
