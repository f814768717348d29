"""Two ways to the same result, timed turn by turn in one run, and their peak memory.

The two take turns, so that whatever else the machine does falls on both; medians are compared,
and the spread is given. Each way's memory is measured in a fresh process of its own.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Way = Callable[[], Any]  # does the work once and returns its result


@dataclass(frozen=True)
class Duel:
    """Ours against what a user would otherwise write or install.

    Attributes
    ----------
    name : str
        Unique; a row of the table.
    about : str
        What is done, at which size.
    other : str
        What ours is compared with.
    images : int
        How many images one turn handles.
    prepare : callable
        Sets up, and returns both ways: ours, then the other.
    differ : callable, optional
        The largest difference of the two results, which do the same work; None where they are
        two trainings, whose weights part.
    growth : tuple of (str, float), optional
        The curve that this row is a point of, and where on it.
    """

    name: str
    about: str
    other: str
    images: int
    prepare: Callable[[], tuple[Way, Way]]
    differ: Callable[[Any, Any], float] | None = None
    growth: tuple[str, float] | None = None


def fight(duel: Duel, seconds: float, most: int, device: str = "cpu") -> dict[str, Any]:
    """Time both ways of a duel, turn by turn.

    Parameters
    ----------
    duel : Duel
    seconds : float
        Go on until this is over, but three turns at least.
    most : int
        Turns at most.
    device : str
        Where the work is done; a CUDA device is waited for.

    Returns
    -------
    dict
        JSON: name, about, other, images; ``ours`` and ``theirs``, each with the median, lowest
        and highest seconds of a turn; turns; ``ratio`` (theirs by ours: the median over turns,
        and the quartiles), difference.
    """
    ours, other = duel.prepare()
    first = ours(), other()  # warms up, and shows whether both do the same
    difference = duel.differ(*first) if duel.differ else None
    del first
    took: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(took) < 3 or (len(took) < most and time.perf_counter() - start < seconds):
        took.append((_once(ours, device), _once(other, device)))
    times = np.array(took)
    low, middle, high = np.quantile(times[:, 1] / times[:, 0], (0.25, 0.5, 0.75))
    return {
        "name": duel.name,
        "about": duel.about,
        "other": duel.other,
        "images": duel.images,
        "ours": _spread(times[:, 0]),
        "theirs": _spread(times[:, 1]),
        "turns": len(times),
        "ratio": {"median": float(middle), "low": float(low), "high": float(high)},
        "difference": difference,
        "growth": list(duel.growth) if duel.growth else None,
    }


def _once(way: Way, device: str) -> float:
    start = time.perf_counter()
    way()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _spread(times: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(times)), "low": times.min(), "high": times.max()}


def extra_memory(find: Callable[[str], Duel], name: str) -> tuple[float, float]:
    """Peak memory that either way of a duel takes beyond what it is given, in megabytes.

    Parameters
    ----------
    find : callable
        Makes the duel of that name, in a fresh process.
    name : str

    Returns
    -------
    ours, theirs : float
        NaN where the system does not tell (it is Linux that does).
    """
    context = multiprocessing.get_context("spawn")
    found = []
    for which in (0, 1):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_measure, args=(there, find, name, which))
        process.start()
        there.close()
        try:
            found.append(here.recv())
        except EOFError:  # it died; memory itself may have been what it lacked
            found.append(float("nan"))
        process.join()
    return found[0], found[1]


def _measure(pipe, find: Callable[[str], Duel], name: str, which: int) -> None:
    way = find(name).prepare()[which]
    status = Path("/proc/self/status")
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now on
        before = _kilobytes(status, "VmRSS")
        way()
        pipe.send((_kilobytes(status, "VmHWM") - before) / 1024)
    except OSError:
        pipe.send(float("nan"))


def _kilobytes(status: Path, key: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1])
