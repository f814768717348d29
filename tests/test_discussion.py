"""The record of the order of batches: read where it has both orders."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tinyvgg.runs import records
from tinyvgg.runs.study import Study
from tinyvgg.studies.discussion import STUDY, recorded_order


def entry(part, order, right, seed=0):
    protocol = {"order": order, "optimiser": "sgd"}
    made = {"part": part, "task": "face", "seed": seed, "protocol": protocol, "test": 9}
    return made | ({} if right is None else {"right": right})  # without: it diverged


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([entry("optimisers", "reshuffled", 8), entry("order", "fixed", 6)], ("face", 8, 6, 9)),
        ([entry("optimisers", "reshuffled", 8)], None),
        ([entry("order", "fixed", 6)], None),
        ([entry("optimisers", "reshuffled", 8), entry("order", "fixed", None)], None),
        (
            [entry("optimisers", "reshuffled", right, seed) for seed, right in enumerate((8, 7, 9))]
            + [entry("order", "fixed", right, seed) for seed, right in enumerate((6, 5, None))],
            ("face", 15, 11, 18),
        ),
        ([{"note": "another kind"}], None),
    ],
)
def test_the_record_of_the_order_is_read_where_it_has_both_orders(tmp_path, results, expected):
    study = Study("smoke", progress=False)
    now = datetime.now(UTC)
    made = records.provenance(study, STUDY.command, ["tinyvgg.training.fit"], [0], now)
    name = records.record_name("discussion", study)
    records.write(records.Record(name, made, results), tmp_path)
    found = recorded_order(study, tmp_path)
    assert (found[:4] if found else None) == expected
    assert recorded_order(study, tmp_path / "empty") is None
