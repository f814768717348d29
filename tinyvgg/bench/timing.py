"""Two implementations of the same work, timed in paired rounds, and their peak memory.

In each round one runs after the other, so that whatever else the machine does falls on both;
medians are compared, and the spread is given. Each lives in a process of its own, so that neither
gains from what the other asked of the libraries, nor pays for the memory that it holds.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Implementation = Callable[[], Any]  # does the work once and returns its result
PRELOAD = f"{__package__}.benchmarks"
ROUNDS = 3  # at least


@dataclass(frozen=True)
class Comparison:
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
        How many images one round handles.
    prepare : callable
        Sets up, and returns both implementations: ours, then the other.
    differ : callable, optional
        The largest difference of the two results, numpy arrays, which do the same work; None
        where they are trainings, whose weights part.
    growth : tuple of (str, float), optional
        The curve that this row is a point of, and where on it.
    """

    name: str
    about: str
    other: str
    images: int
    prepare: Callable[[], tuple[Implementation, Implementation]]
    differ: Callable[[np.ndarray, np.ndarray], float] | None = None
    growth: tuple[str, float] | None = None


def paired_run(
    find: Callable[[str], Comparison], name: str, seconds: float, most: int, device: str = "cpu"
) -> dict[str, Any]:
    """Time both implementations of a comparison, round by round.

    Parameters
    ----------
    find : callable
        Makes the comparison of that name, in any process.
    name : str
    seconds : float
        Go on until this is over, but for `ROUNDS` rounds at least.
    most : int
        Rounds at most.
    device : str
        Where the work is done; a CUDA device is waited for.

    Returns
    -------
    dict
        JSON: name, about, other, images; ``ours`` and ``theirs``, each with the median, lowest
        and highest seconds of a round; ``turns``, how many rounds; ``ratio`` (theirs by ours: the
        median over rounds, and the quartiles); ``megabytes`` of either (peak beyond what it is
        given; None where the system does not tell it, or on a GPU); difference.
    """
    comparison = find(name)
    with (
        _in_own_process(find, name, 0, device) as ours,
        _in_own_process(find, name, 1, device) as other,
    ):
        (first, our_peak), (second, other_peak) = ours(), other()  # the warm-up
        times = run_rounds(ours, other, seconds, most)
    known = not (math.isnan(our_peak) or math.isnan(other_peak))
    return {
        "name": comparison.name,
        "about": comparison.about,
        "other": comparison.other,
        "images": comparison.images,
        **summary(times),
        "megabytes": {"ours": our_peak, "theirs": other_peak} if known else None,
        "difference": comparison.differ(first, second) if comparison.differ else None,
        "growth": list(comparison.growth) if comparison.growth else None,
    }


def run_rounds(
    ours: Callable[[], float], other: Callable[[], float], seconds: float, most: int
) -> np.ndarray:
    """Call both in turn, each of which returns how long it took; (rounds, 2) in seconds."""
    took: list[tuple[float, float]] = []
    while len(took) < ROUNDS or (len(took) < most and np.sum(took) < seconds):
        took.append((ours(), other()))
    return np.array(took)


def summary(times: np.ndarray) -> dict[str, Any]:
    """Medians and spread of the rounds (N, 2) of ours and of the other; JSON."""
    low, middle, high = np.quantile(times[:, 1] / times[:, 0], (0.25, 0.5, 0.75))
    return {
        "ours": _spread(times[:, 0]),
        "theirs": _spread(times[:, 1]),
        "turns": len(times),
        "ratio": {"median": float(middle), "low": float(low), "high": float(high)},
    }


def _spread(times: np.ndarray) -> dict[str, float]:
    return {
        "median": float(np.median(times)),
        "low": float(times.min()),
        "high": float(times.max()),
    }


@contextmanager
def _in_own_process(
    find: Callable[[str], Comparison], name: str, which: int, device: str
) -> Iterator[Implementation]:
    """One implementation in a fresh process: called first, its result and peak; then seconds."""
    context = fresh_processes()
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, find, name, which, device))
    process.start()
    there.close()

    def run() -> Any:
        here.send(None)
        try:
            return here.recv()
        except EOFError:
            process.join()
            raise RuntimeError(
                f"the benchmark {name!r} ended by itself (exit code {process.exitcode}); "
                "too little memory may be why: leave it out by --only"
            ) from None

    try:
        yield run
    finally:
        here.close()  # which ends it
        process.join()


def fresh_processes() -> Any:
    """Makes fresh processes, where it can by copying one that has imported all and done nothing."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    return context


def _serve(pipe, find: Callable[[str], Comparison], name: str, which: int, device: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whom Ctrl-C stops ends this one, by the pipe
    comparison = find(name)
    work = comparison.prepare()[which]
    try:
        pipe.recv()
        with peak_memory() as peak:
            result = work()
        pipe.send((np.asarray(result.cpu()) if comparison.differ else None, peak()))
        while True:
            pipe.recv()
            start = time.perf_counter()
            work()
            if device.startswith("cuda"):
                torch.cuda.synchronize(device)
            pipe.send(time.perf_counter() - start)
    except (EOFError, BrokenPipeError):
        pass


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Megabytes that this process took at most, inside the block, beyond what it had before.

    NaN where the system does not tell (it is Linux that does).
    """
    status, found = Path("/proc/self/status"), math.nan
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now on
        before = _kilobytes(status, "VmRSS")
        known = True
    except OSError:
        known = False
    yield lambda: found
    if known:
        found = (_kilobytes(status, "VmHWM") - before) / 1024


def _kilobytes(status: Path, key: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1])
