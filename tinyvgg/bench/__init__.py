"""Benchmarks: each row compares this package with what a user would otherwise write or install.

    python -m tinyvgg bench [--quick] [--only NAME ...] [--device cuda] [--output DIR]

prints a table and writes ``bench.json`` (``bench-cuda.json``), with the machine. The two
implementations of a row are run in alternating rounds. Nothing in the tests depends on how long
anything takes.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from tinyvgg.bench.benchmarks import BATCH, CLASSES, all_comparisons, find, precisions
from tinyvgg.bench.roofline import Peaks, floor_seconds, measure_peaks, training_work
from tinyvgg.bench.timing import paired_run
from tinyvgg.model import TinyVGG
from tinyvgg.runs.records import ROOT, commit
from tinyvgg.storage.files import write_json
from tinyvgg.storage.fingerprint import code_fingerprint, modules_of
from tinyvgg.training.device import processor, resolve_device

log = logging.getLogger(__name__)

KEPT = ROOT / "book" / "bench"  # results of some machine, kept with the book
NAMES = {"cpu": "bench.json", "cuda": "bench-cuda.json"}
COLUMNS = [
    *("name", "about", "other", "images", "ours_ms", "theirs_ms", "ours_rate", "theirs_rate"),
    *("ratio", "low", "high", "rounds", "ours_mb", "theirs_mb", "difference", "curve", "at"),
]
FLOOR_COLUMNS = [
    *("name", "size", "precision", "products", "gigabytes", "floor_ms", "measured_ms", "share"),
]
SHOWN = {  # parts of names as pages and figures show them; the names are keys of stored results
    r"the usual PyTorch loop over a DataLoader, float32": "standard PyTorch loop, float32",
    r", one network after the other": ", one network at a time",
    r"^one after the other$": "this package, one network at a time",
    r"image by image and unit by unit": "loop over images and units",
    r"image by image, by the layers of torch": "loop over images with torch layers",
    r"the whole network again, with a hook": "full forward pass with a hook",
    r"the same without the comparison": "the same without the check",
    r"^captum's": "Captum's",
    r"^check,": "forward-pass check,",
    r"(\d+) at a time$": r"batch of \1",
    r"\b1 images": "1 image",
    r"\bpx\b": "pixels",
}
SECONDS, MOST = {False: 20.0, True: 0.5}, {False: 15, True: 3}


def bench(
    quick: bool = False,
    only: Iterable[str] = (),
    device: str = "cpu",
    output: str | Path | None = None,
) -> tuple[pd.DataFrame, Path]:
    """Run the benchmarks, log each row as it is measured, and write ``bench.json``.

    Parameters
    ----------
    quick : bool
        Few and small benchmarks, a matter of seconds; the timings give a first impression only.
    only : iterable of str
        Those whose names begin so; all if empty. The file then holds only these.
    device : str
    output : path, optional
        Folder of ``bench.json``; by default ``_build`` of the checkout or working directory.

    Returns
    -------
    rows : DataFrame
        One row per comparison, as `table` makes it.
    path : Path
        The file.

    Raises
    ------
    ValueError
        There is no benchmark of such a name, or no such device.
    """
    place = str(resolve_device(device))
    every = all_comparisons(quick, place)
    wanted = tuple(only)
    if unknown := [name for name in wanted if not any(n.startswith(name) for n in every)]:
        raise ValueError(
            f"no benchmark begins with {unknown[0]!r}; choose from: {'; '.join(every)}"
        )
    chosen = [name for name in every if not wanted or name.startswith(wanted)]
    rows = []
    for number, name in enumerate(chosen, 1):
        log.info("%d of %d: %s", number, len(chosen), name)
        own = partial(find, quick=quick, device=place)
        rows.append(row := paired_run(own, name, SECONDS[quick], MOST[quick], place))
        log.info("   %s", words(row))
    result = {"machine": machine(place), "quick": quick, "rows": rows}
    folder = Path(output or default_folder())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAMES[place.partition(":")[0]]
    write_json(path, result)
    return table(result), path


def default_folder() -> Path:
    """The ``_build`` of the checkout, or of the working directory."""
    return (ROOT if (ROOT / "pyproject.toml").is_file() else Path()) / "_build"


def machine(device: str) -> dict[str, Any]:
    """The machine and the code that the benchmarks ran on; JSON."""
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "torch": torch.__version__.split("+")[0],
        "peaks": {kind: measure_peaks(device, kind)._asdict() for kind in precisions(device)},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "code": code_fingerprint(*modules_of(all_comparisons, paired_run)),
    }


def words(row: dict[str, Any]) -> str:
    """A row as a line of text."""
    ours, theirs, ratio = row["ours"], row["theirs"], row["ratio"]
    return (
        f"{1000 * ours['median']:.4g} ms against {1000 * theirs['median']:.4g} ms: "
        f"{ratio['median']:.2f} times as fast ({ratio['low']:.2f} to {ratio['high']:.2f})"
    )


def read(*folders: str | Path, device: str = "cpu") -> dict[str, Any] | None:
    """What the first folder that has them keeps of the benchmarks of a device; None if none has."""
    for folder in folders:
        path = Path(folder) / NAMES[device]
        if path.is_file():
            return json.loads(path.read_text("utf8"))
    return None


def latest(device: str = "cpu") -> dict[str, Any] | None:
    """The benchmarks of this checkout if they were run in full, else those kept with the book."""
    own = read(default_folder(), device=device)
    return own if own and not own["quick"] else read(KEPT, device=device)


def is_outdated(result: dict[str, Any]) -> bool:
    """Whether the code that was timed has changed since."""
    return result["machine"]["code"] != code_fingerprint(*modules_of(all_comparisons, paired_run))


def table(result: dict[str, Any] | None) -> pd.DataFrame:
    """One row per comparison; none without a result.

    Returns
    -------
    DataFrame
        Columns name, about, other, images; ours_ms and theirs_ms (a round, median), ours_rate and
        theirs_rate (images/s); ratio, low, high (median and quartiles over rounds); rounds;
        ours_mb, theirs_mb (NaN if not measured); difference (NaN if there is none to see); curve
        and at (the curve that the row is a point of, and where on it; "" and NaN if of none).
    """
    rows = []
    for row in result["rows"] if result else []:
        memory = row["megabytes"] or {"ours": float("nan"), "theirs": float("nan")}
        medians = {which: row[which]["median"] for which in ("ours", "theirs")}
        rows.append(
            {
                **{key: row[key] for key in ("name", "about", "other", "images")},
                **{f"{which}_ms": 1000 * seconds for which, seconds in medians.items()},
                **{f"{which}_rate": row["images"] / seconds for which, seconds in medians.items()},
                "ratio": row["ratio"]["median"],
                "low": row["ratio"]["low"],
                "high": row["ratio"]["high"],
                "rounds": row["turns"],  # the name in files
                **{f"{which}_mb": megabytes for which, megabytes in memory.items()},
                "difference": float("nan") if row["difference"] is None else row["difference"],
                "curve": row["growth"][0] if row["growth"] else "",
                "at": row["growth"][1] if row["growth"] else float("nan"),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def for_readers(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` with their names as pages and figures show them."""
    columns = [name for name in ("name", "other") if name in rows]
    return rows.assign(**{name: rows[name].replace(SHOWN, regex=True) for name in columns})


def floor_table(result: dict[str, Any] | None) -> pd.DataFrame:
    """One row per training of one network: the work of a step, and the least time that it takes.

    Returns
    -------
    DataFrame
        Columns name, size (pixels), precision, products (1e9 a step), gigabytes (a step),
        floor_ms, measured_ms (both a step), share (of the measured that the floor is).
    """
    if result is None:
        return pd.DataFrame(columns=FLOOR_COLUMNS)
    rows = []
    for row in result["rows"]:
        curve, size = row["growth"] or ("", 0)
        kind, _, precision = curve.partition(", ")
        if kind != "training":
            continue
        work = training_work(TinyVGG(CLASSES, size), BATCH, precision)
        floor = floor_seconds(work, Peaks(**result["machine"]["peaks"][precision]))
        took = row["ours"]["median"] * BATCH / row["images"]
        rows.append(
            {
                "name": row["name"],
                "size": size,
                "precision": precision,
                "products": work.products / 1e9,
                "gigabytes": work.bytes / 1e9,
                "floor_ms": 1000 * floor,
                "measured_ms": 1000 * took,
                "share": floor / took,
            }
        )
    return pd.DataFrame(rows, columns=FLOOR_COLUMNS)


def in_words(result: dict[str, Any] | None) -> dict[str, Any]:
    """What sentences quote of a result and of its machine, by name."""
    names = ("processor", "processors", "threads")
    if result is None:
        status = "not yet; the command above runs the benchmarks"
        return {"bench_status": status, **dict.fromkeys(names, "unknown")}
    machine = result["machine"]
    status = f"on {machine['finished'][:10]}, at commit {machine['commit'][:7]}"
    if is_outdated(result):
        status += "; the code that was timed has changed since"
    return {"bench_status": status, **{name: machine[name] for name in names}}


def gpu_in_words(result: dict[str, Any] | None) -> str:
    """A sentence on whether a GPU was timed."""
    if result is None:
        return "No GPU has been timed yet."
    rows = table(result)
    training = rows[rows.curve.str.startswith("training")]
    best = training.loc[training.ours_rate[training["at"] == training["at"].max()].idxmax()]
    return (
        f"Training on the {result['machine']['device']} reaches {best.ours_rate:,.0f} images per "
        f"second at {best['at']:.0f} pixels ({best['name']}), {best.ratio:.1f} times as fast as "
        "the standard loop."
    )


def as_text(rows: pd.DataFrame) -> str:
    """The table of `table`, for a terminal."""
    shown = pd.DataFrame(
        {
            "benchmark": rows.name,
            "compared with": rows.other,
            "ours, ms": rows.ours_ms.map("{:.4g}".format),
            "theirs, ms": rows.theirs_ms.map("{:.4g}".format),
            "ratio": rows.ratio.map("{:.2f}".format),
            "quartiles": [f"{a:.2f} to {b:.2f}" for a, b in zip(rows.low, rows.high, strict=True)],
            "ours, MB": rows.ours_mb.map("{:.0f}".format).replace("nan", "–"),
            "theirs, MB": rows.theirs_mb.map("{:.0f}".format).replace("nan", "–"),
        }
    )
    return shown.to_string(index=False)
