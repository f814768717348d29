"""The benchmarks: what they compare is the same work, and what they say is what was timed."""

import json
import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from tinyvgg import bench, figures
from tinyvgg.__main__ import main
from tinyvgg.bench import benchmarks, roofline
from tinyvgg.bench.timing import Comparison, paired_run, run_rounds, summary
from tinyvgg.model import TinyVGG
from tinyvgg.training import epochs

BLOCK = 48  # megabytes


def test_rounds_alternate_until_the_time_is_over():
    order = []

    def implementation(name, seconds):
        def work():
            order.append(name)
            return seconds.pop(0)

        return work

    times = run_rounds(
        implementation("ours", [1, 2, 4, 1]), implementation("other", [3, 4, 12, 5]), 20, most=9
    )
    assert order == ["ours", "other"] * 3  # 26 seconds, after three rounds at least
    found = summary(times)
    assert found["ours"] == {"median": 2, "low": 1, "high": 4} and found["turns"] == 3
    assert found["theirs"] == {"median": 4, "low": 3, "high": 12}
    assert found["ratio"] == {"median": 3, "low": 2.5, "high": 3}
    assert json.dumps(found)


def test_rounds_end_at_the_most():
    assert len(run_rounds(lambda: 1, lambda: 1, seconds=1e9, most=5)) == 5


def a_comparison(name):
    """Ours holds one block of memory, the other three, and says what its process was told."""

    def implementation(blocks):
        def work():
            held = [np.ones((BLOCK, 2**17)) for _ in range(blocks)]
            os.environ["TOLD"] = os.environ.get("TOLD", "") + "x"
            return torch.tensor([len(os.environ["TOLD"]), len(held)])

        return work

    return Comparison(
        name,
        "about",
        "other",
        6,
        lambda: (implementation(1), implementation(3)),
        partial(np.subtract),
    )


def test_each_implementation_has_a_process_and_a_peak_of_its_own():
    row = paired_run(a_comparison, "x", seconds=0, most=3)
    # had they shared a process, the first call of the other would be its second
    assert row["difference"].tolist() == [0, -2]
    assert (row["name"], row["images"], row["turns"]) == ("x", 6, 3)
    if row["megabytes"] is None:
        pytest.skip("this system does not tell a process's peak memory")
    peaks = row["megabytes"]
    assert peaks["theirs"] - peaks["ours"] == pytest.approx(2 * BLOCK, abs=0.3 * BLOCK)


def a_mortal_comparison(name):
    return Comparison(name, "", "", 1, lambda: (partial(os._exit, 3), partial(os._exit, 3)))


def test_an_implementation_that_dies_is_named():
    with pytest.raises(RuntimeError, match=r"'x' ended by itself \(exit code 3.*--only"):
        paired_run(a_mortal_comparison, "x", seconds=0, most=3)


def test_the_work_of_a_step_is_that_of_its_layers_counted_by_hand():
    net = TinyVGG(2, 8, width=2, dense=(4,))
    # six convolutions: the first has 3 maps in, and needs no gradient by them; then two dense
    products = 2 * 2 * 3 * 9 * 64 + 3 * (2 * 2 * 9 * (64 + 2 * 16 + 2 * 4)) + 3 * (2 * 4 + 4 * 2)
    outputs = 2 * (2 * 64 + 16 + 2 * 16 + 4 + 2 * 4 + 1) + 4 + 2
    weights = (2 * 3 * 9 + 2) + 5 * (2 * 2 * 9 + 2) + (2 * 4 + 4) + (4 * 2 + 2)
    work = roofline.training_work(net, 5)
    assert work.products == 5 * products
    assert work.bytes == 24 * (5 * outputs + weights) + 5 * 3 * 64
    half = roofline.training_work(net, 5, "bfloat16")
    assert half == (work.products, work.bytes - 12 * 5 * outputs)


def test_the_floor_is_the_larger_bound():
    work = roofline.Work(600, 200)
    assert roofline.floor_seconds(work, roofline.Peaks(100, 100)) == 6
    assert roofline.floor_seconds(work, roofline.Peaks(1000, 10)) == 20


@pytest.mark.parametrize("name", benchmarks.all_comparisons(quick=True))
def test_both_implementations_do_the_same(name):
    comparison = benchmarks.find(name, quick=True, device="cpu")
    ours, other = comparison.prepare()
    first, second = ours(), other()
    if comparison.differ is None:
        assert name.startswith("training"), "only trainings may part"
        return
    first, second = np.asarray(first), np.asarray(second)
    assert comparison.differ(first, second) <= 1e-5
    assert comparison.differ(first, first * 0) > 1e-3, "there is something to compare"


def test_every_size_of_the_full_run_is_a_row_of_its_own():
    full, quick = benchmarks.all_comparisons(), benchmarks.all_comparisons(quick=True)
    assert len(full) > 2 * len(quick)
    curves = {}
    for comparison in full.values():
        if comparison.growth:
            curves.setdefault(comparison.growth[0], []).append(comparison.growth[1])
    assert all(at == sorted(set(at)) for at in curves.values())
    trainings = [comparison for name, comparison in full.items() if name.startswith("training")]
    steps = [
        comparison.images / 12 / (2 if "two" in comparison.name else 1) for comparison in trainings
    ]
    assert min(steps) >= 10, "making the network must not count for much"
    assert {f"training, {size} px, float32" for size in (64, 224)} <= set(full)
    assert "backtracking, as printed, 64 at a time" in full


def test_on_a_gpu_a_round_is_long_enough_for_the_captured_step_to_count():
    for name, comparison in benchmarks.all_comparisons(
        device="cuda"
    ).items():  # prepares nothing yet
        if name.startswith("training"):
            networks = 2 if "two" in name else 1
            assert comparison.images >= networks * 12 * 100 * epochs.WARM_UP
    assert any("tf32" in name for name in benchmarks.all_comparisons(device="cuda"))
    assert "backtracking, as released, 278 at a time" in benchmarks.all_comparisons(device="cuda")
    assert not any("tf32" in name for name in benchmarks.all_comparisons())


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


def test_the_peak_is_the_best_of_products_that_grow_until_they_are_slow(monkeypatch):
    took = iter([0.01, 2 * roofline.ENOUGH, 1.0])  # two products, then the copy
    monkeypatch.setattr(roofline, "_best", lambda *_: next(took))
    first, second, *_ = roofline.SIDES
    peaks = roofline.measure_peaks("cpu", "bfloat16")
    assert peaks.products == max(first**3 / 0.01, second**3 / (2 * roofline.ENOUGH))
    assert peaks.bytes == 2 * roofline.MEGABYTES * 2**20
    assert next(took, None) is None


# ---------------------------------------------------------------------- what the page shows


def result_of(*rows):
    peaks = {"products": 1e9, "bytes": 1e9}
    machine = {"processor": "P", "processors": 2, "threads": 1, "device": "a GPU",
               "finished": "2026-01-02T03", "commit": "c" * 40, "code": "old",
               "peaks": {"float32": peaks, "bfloat16": peaks}}  # fmt: skip
    return {"machine": machine, "quick": False, "rows": list(rows)}


def row_of(name, ours=2.0, ratio=3.0, growth=None):
    spread = {"median": ours, "low": ours, "high": ours}
    return {"name": name, "about": "", "other": "", "images": 24, "ours": spread,
            "theirs": {**spread, "median": ratio * ours}, "turns": 3, "difference": None,
            "ratio": {"median": ratio, "low": ratio / 2, "high": 2 * ratio}, "megabytes": None,
            "growth": growth}  # fmt: skip


def test_the_floor_is_compared_with_a_step_of_ours():
    result = result_of(row_of("training, 64 px", growth=["training, float32", 64]), row_of("other"))
    (row,) = bench.floor_table(result).itertuples()
    work = roofline.training_work(TinyVGG(67, 64), 12)
    assert row.products == work.products / 1e9 and row.gigabytes == work.bytes / 1e9
    assert row.measured_ms == 1000  # two steps of twelve in two seconds
    assert row.floor_ms == pytest.approx(1000 * work.products / 1e9)
    assert row.share == pytest.approx(work.products / 1e9)
    assert bench.floor_table(None).empty and bench.table(None).empty


def test_words_name_the_machine_and_say_what_is_missing():
    words = bench.in_words(result_of())
    assert "2026-01-02, at commit ccccccc; the code" in words["bench_status"]
    assert bench.in_words(None)["processor"] == "unknown"
    assert "No GPU has been timed" in bench.gpu_in_words(None)
    rows = [row_of(f"training, {s} px", s / 32, growth=["training, tf32", s]) for s in (64, 224)]
    assert "3 images per second at 224 pixels" in (bench.gpu_in_words(result_of(*rows)))


def test_readers_see_names_without_code_and_files_keep_them():
    names = ["check, 12 images", "backtracking, as printed, 1 at a time", "tracking, 12 images"]
    rows = bench.table(result_of(*[row_of(name) for name in names]))
    expected = ["forward-pass check, 12 images", "backtracking, as printed, batch of 1", names[2]]
    assert bench.for_readers(rows).name.tolist() == expected and rows.name.tolist() == names
    every = bench.all_comparisons().values()
    others = pd.DataFrame({"other": sorted({comparison.other for comparison in every})})
    assert not (bench.for_readers(others).other == others.other).any(), "each has a plain name"


def test_a_full_run_of_this_checkout_stands_above_the_kept_one(tmp_path, monkeypatch):
    kept, own = tmp_path / "kept", tmp_path / "own"
    monkeypatch.setattr(bench, "KEPT", kept)
    monkeypatch.setattr(bench, "default_folder", lambda: own)
    assert bench.latest() is None
    for folder, name in ((kept, "kept"), (own, "own")):
        folder.mkdir()
        (folder / "bench.json").write_text(json.dumps(result_of(row_of(name))))
    assert bench.latest()["rows"][0]["name"] == "own"
    (own / "bench.json").write_text(json.dumps({**result_of(row_of("look")), "quick": True}))
    assert bench.latest()["rows"][0]["name"] == "kept"
    assert bench.latest("cuda") is None


def test_figures_draw_each_row_and_say_where_there_is_none():
    rows = bench.table(
        result_of(
            row_of("training, 64 px", growth=["training, float32", 64]),
            row_of("tracking, 12 images", ratio=1.5, growth=["tracking", 12]),
        )
    )
    axes = figures.speed_ratios(rows).axes[0]
    dots = [tuple(p) for c in axes.collections for p in np.asarray(c.get_offsets()) if len(p) == 2]
    assert {(3.0, 1.0), (1.5, 0.0)} <= set(dots)
    training, tracking = figures.speed_growth(rows).axes
    assert [line.get_ydata().tolist() for line in training.lines][-1] == [3 * 2000 / 24]
    assert [line.get_ydata().tolist() for line in tracking.lines] == [
        [2000 / 24],
        [1.5 * 2000 / 24],
    ]
    for draw in (figures.speed_ratios, figures.speed_growth):
        assert "python -m tinyvgg bench" in draw(bench.table(None)).axes[0].texts[0].get_text()
    pairs = pd.DataFrame({"task": ["face"], "seed": [0], "float32": [0.5], "bfloat16": [0.75]})
    (line,) = figures.precision_pairs(pairs).axes[0].lines
    assert line.get_ydata().tolist() == [50, 75]
    assert "study precision" in figures.precision_pairs(pairs[:0]).axes[0].texts[0].get_text()
    plt.close("all")
