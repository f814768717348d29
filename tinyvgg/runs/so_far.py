"""A training that is not over: how many epochs are done, and the network that it has by now."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from tinyvgg.runs.parallel import missing
from tinyvgg.storage.files import replacing

if TYPE_CHECKING:
    from tinyvgg.runs.study import Study


def epochs_done(study: Study, task: str) -> int:
    """How many epochs of a task are trained so far."""
    if study.is_trained(task):
        return len(study.history(task))
    if missing(study.prerequisites(task)):
        return 0  # before they are there, nobody knows what is to be trained
    return _epochs_in(study.checkpoint(task))


def so_far(study: Study, task: str) -> Study | None:
    """The study whose training of a task ends where that of another is now; None before an epoch.

    It is a study of so many epochs: its network is the one that the training had then. The
    training itself is left as it is, and may go on meanwhile.
    """
    if study.is_trained(task):
        return study
    if not epochs_done(study, task):
        return None
    path = study.checkpoint(task)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(shutil.copy(path, folder))
        other = study.variant(epochs=_epochs_in(copy))
        if not other.is_trained(task):
            with replacing(other.checkpoint(task)) as temporary:
                shutil.copy(copy, temporary)
    other.result(task)
    return other


def _epochs_in(checkpoint: Path) -> int:
    """How many epochs a checkpoint is of; 0 without one."""
    if not checkpoint.is_file():
        return 0
    with safe_open(checkpoint, "pt") as file:
        return len(json.loads((file.metadata() or {}).get("history", "[]")))
