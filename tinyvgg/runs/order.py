"""The text and the code: what a record says of the one departure that asks for a training."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tinyvgg.runs.recorded import COMMAND, find_record
from tinyvgg.runs.records import Record
from tinyvgg.runs.study import Study

ORDER_RECORD = "discussion"
ORDER_COMMAND = f"{COMMAND} {ORDER_RECORD}"


class OrderEffect(NamedTuple):
    """The same training with batches reshuffled and with the same batches every epoch."""

    task: str
    reshuffled: int  # test images right
    fixed: int
    test: int
    status: str  # of the record


def recorded_order(study: Study, folder: str | Path | None = None) -> OrderEffect | None:
    """What the record of the Discussion says of the order of batches; None if nothing."""
    record = find_record(ORDER_RECORD, study, folder)
    return None if record is None else _order_effect(record, study)


def _order_effect(record: Record, study: Study) -> OrderEffect | None:
    right: dict[tuple[str, str, int], dict] = {}
    for entry in record.results:
        protocol = entry.get("protocol", {})
        plain = protocol.get("optimiser", "sgd") == "sgd"
        if entry.get("part") in ("order", "optimisers") and plain and "right" in entry:
            right[protocol["order"], entry["task"], entry["seed"]] = entry
    for (order, task, seed), fixed in right.items():
        other = right.get(("reshuffled", task, seed))
        if order == "fixed" and other is not None:
            status = record.status(study)
            return OrderEffect(task, other["right"], fixed["right"], fixed["test"], status)
    return None
