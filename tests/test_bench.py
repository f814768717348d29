"""The benchmarks: what they compare is the same work, and what they say is what was timed."""

import json

import numpy as np
import pytest

from tinyvgg import bench
from tinyvgg.__main__ import main
from tinyvgg.bench import duels as every
from tinyvgg.bench import timing
from tinyvgg.bench.timing import Duel, extra_memory, fight

BLOCK = 48  # megabytes


def prepare_with_a_clock(clock, ours, other):
    """Two ways that take given seconds, turn by turn, by a clock that only they move."""
    turns = []

    def way(name, seconds):
        def work():
            turns.append(name)
            clock[0] += seconds[turns.count(name) - 1]
            return name

        return work

    return turns, lambda: (way("ours", ours), way("other", other))


def test_the_ways_take_turns_and_medians_are_of_their_seconds(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    # the first seconds of each are those of the warm-up
    turns, prepare = prepare_with_a_clock(clock, [9, 1, 2, 4, 1], [9, 3, 4, 12, 5])
    row = fight(Duel("a", "b", "c", 6, prepare, lambda a, b: float(a != b)), seconds=20, most=9)
    assert turns == ["ours", "other"] * 4 and row["turns"] == 3
    assert row["ours"] == {"median": 2, "low": 1, "high": 4}
    assert row["theirs"] == {"median": 4, "low": 3, "high": 12}
    assert row["ratio"] == {"median": 3, "low": 2.5, "high": 3}
    assert row["difference"] == 1 and json.dumps(row)


def test_turns_end_at_the_most(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    _, prepare = prepare_with_a_clock(clock, [1] * 9, [1] * 9)
    assert fight(Duel("a", "b", "c", 1, prepare), seconds=1e9, most=5)["turns"] == 5


def a_hungry_duel(name):
    """Ours holds one block of memory, the other three."""

    def take(blocks):
        return lambda: len([np.ones((BLOCK, 2**17)) for _ in range(blocks)])

    return Duel(name, "", "", 1, lambda: (take(1), take(3)))


def test_memory_is_the_peak_of_each_way_alone():
    ours, theirs = extra_memory(a_hungry_duel, "x")
    if np.isnan(ours):
        pytest.skip("this system does not tell a process's peak memory")
    assert theirs - ours == pytest.approx(2 * BLOCK, abs=0.3 * BLOCK)


@pytest.mark.parametrize("name", every.all_duels(quick=True))
def test_both_ways_do_the_same(name):
    duel = every.find(name, quick=True, device="cpu")
    ours, other = duel.prepare()
    first, second = ours(), other()
    if duel.differ is None:
        assert name.startswith("training"), "only trainings may part"
        return
    assert duel.differ(first, second) <= 1e-5
    assert duel.differ(first, first * 0) > 1e-3, "there is something to compare"


def test_every_size_of_the_full_run_is_a_row_of_its_own():
    full, quick = every.all_duels(), every.all_duels(quick=True)
    assert len(full) > 2 * len(quick)
    curves = {}
    for duel in full.values():
        if duel.growth:
            curves.setdefault(duel.growth[0], []).append(duel.growth[1])
    assert all(at == sorted(set(at)) for at in curves.values())
    assert {f"training, {size} px, float32" for size in (64, 224)} <= set(full)
    assert "backtracking, as printed, 64 at a time" in full


def test_the_command_prints_a_table_and_writes_the_file(tmp_path, capsys):
    assert main(["bench", "--quick", "--only", "suppression", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "suppression, 12 images" in said and "ratio" in said
    result = bench.read(tmp_path / "none", tmp_path)
    assert [row["name"] for row in result["rows"]] == ["suppression, 12 images"]
    assert not bench.is_outdated(result)
    result["machine"]["code"] = "other"
    assert bench.is_outdated(result)
    rows = bench.table(result)
    assert rows.ours_rate.item() == pytest.approx(12_000 / rows.ours_ms.item())
    assert bench.read(tmp_path / "none") is None


def test_an_unknown_benchmark_is_refused_by_name(tmp_path, capsys):
    assert main(["bench", "--only", "flying", "--output", str(tmp_path)]) != 0
    said = capsys.readouterr().err
    assert "flying" in said and "suppression" in said
    assert not list(tmp_path.iterdir())
