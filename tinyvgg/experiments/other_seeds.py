"""The same study with other seeds, to tell the method's results from those of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tinyvgg.backtracking import Cut
from tinyvgg.experiments.batches import trace_rows
from tinyvgg.experiments.control_experiments import RANDOMISED
from tinyvgg.experiments.localisation import mean_known, similarity
from tinyvgg.experiments.measures import OVER, SHORT, measure_task
from tinyvgg.experiments.statistics import Interval

SEEDS = range(5)  # of the runs compared
# Numbers that had other names when the records were made.
RENAMED = {
    "control_face_": "case_over_",
    "control_emotion_": "corrected_over_",
    "mended_": "corrected_",
    "chosen_mended": "chosen_corrected",
    "exchange_right": "patched_correct",
    "exchange_over": "patched_over",
}


def controls_by_seed(
    study: Any, task: str, record: Any = None, seeds: Iterable[int] = SEEDS
) -> pd.DataFrame:
    """The difference between the paper's set and each control, in this run and for other seeds.

    Parameters
    ----------
    study : Study
    task : {"face", "emotion"}
    record : Record, optional
        Of the study "seeds". Each entry of its results has a `seed` and numbers by name.
    seeds : iterable of int
        Seeds to look for in the store if they are not recorded. No network is trained.

    Returns
    -------
    DataFrame
        One row per seed and control: seed, control, difference, low, high, origin ("this run",
        "in the store" or "recorded").
    """
    found = {study.seed: ("this run", measure_task(study, task))}
    for entry in map(renamed, record.results if record else ()):
        if entry.get("seed") != study.seed and f"{OVER[task]}_random" in entry:
            found[entry["seed"]] = ("recorded", entry)
    for other in others_in_store(study, task, set(seeds) - set(found)):
        found[other.seed] = ("in the store", measure_task(other, task))
    rows = []
    for seed, (origin, numbers) in sorted(found.items()):
        for control, short in SHORT.items():
            found_effect = Interval.of(numbers, f"{OVER[task]}_{short}")
            rows.append((seed, control, *found_effect, origin))
    return pd.DataFrame(rows, columns=["seed", "control", "difference", "low", "high", "origin"])


def renamed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a record with the current names of its numbers."""
    made = {}
    for name, value in entry.items():
        for before, now in RENAMED.items():
            if name.startswith(before):
                name = now + name.removeprefix(before)
        made[name] = value
    return made


def agreement(study: Any, other: Any, task: str, count: int = RANDOMISED) -> dict[str, float]:
    """How similar the locations of two networks' sets are in their common test images.

    The maps of two networks have no common order, so their pixels cannot be compared, but the
    number of selected pixels at each location of the maps can.

    Returns
    -------
    dict
        images; same and different, the mean correlation of these numbers over the locations for
        the same image and for two different images.
    """
    rows = np.intersect1d(study.split(task).test, other.split(task).test)
    rows = np.random.default_rng(study.seed).permutation(rows)[:count]
    one, two = (
        trace_rows(some.network(task), some.inputs, rows, cut=Cut()).pixels.sum(dim=1).cpu().numpy()
        for some in (study, other)
    )
    return {
        "images": len(rows),
        "same": mean_known(similarity(one, two)),
        "different": mean_known(similarity(one, np.roll(two, 1, axis=0))),
    }


def others_in_store(study: Any, task: str, seeds: Iterable[int] = SEEDS) -> list[Any]:
    """The same study with those other seeds whose network for a task is in the store."""
    variants = [study.variant(seed=seed) for seed in sorted(seeds) if seed != study.seed]
    return [other for other in variants if other.is_trained(task)]
