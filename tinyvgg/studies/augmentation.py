"""Augmentation at misleading features, compared with a shifted control and with none.

Misleading features are found on the training images alone, with the network after three quarters
of its epochs, since in the end it misclassifies hardly any of them. (The seed determines the order
of the batches, so this is exactly the base network at that epoch.)
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tinyvgg.evaluation import outcomes, predict
from tinyvgg.experiments.augmentation import (
    PLACES,
    SHARE,
    FillRegions,
    Regions,
    misleading_regions,
)
from tinyvgg.experiments.statistics import Interval, bootstrap_mean, over_seeds, verdict
from tinyvgg.model import PIXEL_SCALE
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.records import Record, results
from tinyvgg.runs.study import Study

NAME = "augmentation"
TASK = "emotion"
SCOUT = 0.75  # of the base's epochs
PROBABILITY = 0.5  # of a training picture to be changed
BASE, AIMED, ELSEWHERE = "none", *PLACES
ARMS = (BASE, AIMED, ELSEWHERE)
PAIRS = ((AIMED, ELSEWHERE), (AIMED, BASE), (ELSEWHERE, BASE))
SHOWN = {BASE: "none", AIMED: "targeted", ELSEWHERE: "control"}  # in pages and figures


def scout_epochs(study: Study) -> int:
    """The epoch after which the training images are classified."""
    return max(1, round(SCOUT * study.protocol(TASK).epochs))


def scout(study: Study) -> Study:
    """The network of a study without augmentation, as it was after that epoch."""
    return study.variant(epochs=scout_epochs(study))


def find_regions(study: Study) -> Regions:
    """The regions that misled the scout of a study on its training images; stored."""
    own = scout(study)

    def make(_: Path) -> dict[str, Any]:
        split, net = own.split(TASK), own.network(TASK)
        learnt = replace(split, test=split.train)  # the training images, to be classified
        said = outcomes(own.faces, learnt, predict(net, own.faces.images[split.train]))
        found = misleading_regions(net, said, own.inputs)
        return {field.name: getattr(found, field.name) for field in fields(found)}

    recipe = {"network": own.recipe(TASK), "share": SHARE}
    return Regions(**study.store.get("regions", recipe, make))


class AugmentedStudy(Study):
    """A study whose training images lose misleading regions, or the same area elsewhere.

    Parameters
    ----------
    place : {"aimed", "elsewhere"}
    *args, **kwargs
        As for `Study`.
    """

    def __init__(self, *args: Any, place: str = AIMED, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.place = place

    @cached_property
    def base(self) -> Study:
        """The study without augmentation."""
        return Study(**super().settings(), store=self.store, face_set=self.faces)

    @cached_property
    def _fill_regions(self) -> FillRegions:
        regions = find_regions(self.base)
        mean = mean_picture(self).transpose(2, 0, 1) / PIXEL_SCALE
        return FillRegions(regions.masks, regions.true, mean, self.place, PROBABILITY)

    def augmentation(self, task: str) -> FillRegions:
        """The augmentation of the training images; only for the emotion task."""
        if task != TASK:
            raise ValueError(f"the augmentation is defined for the task {TASK!r}, not {task!r}")
        return self._fill_regions

    def prerequisites(self, task: str) -> list[Network]:
        """The network that gives the regions."""
        return [(scout(self.base), task)]

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"place": self.place}

    def title(self, task: str) -> str:
        return f"{super().title(task)}, {self.place}"


def arms(study: Study) -> dict[str, Study]:
    """The three arms of the study, by name."""
    shared = {**study.settings(), "store": study.store, "face_set": study.faces}
    return {BASE: study} | {place: AugmentedStudy(**shared, place=place) for place in PLACES}


# ---------------------------------------------------------------------- the record


def _networks(study: Study) -> list[Network]:
    study.faces.require("emotion")
    study.faces.require("gaze")  # twins differ in it
    base, *others = arms(study).values()
    return [(scout(study), TASK), (base, TASK), *((other, TASK) for other in others)]


def main_kinds(regions: Regions) -> set[tuple[int, int]]:
    """The kinds of errors (true class, predicted class) that account for most regions.

    The smallest number of kinds that hold at least half of the regions; of two equally frequent
    kinds, the one with the smaller class numbers.
    """
    counts = Counter(zip(regions.true.tolist(), regions.named.tolist(), strict=True))
    chosen: set[tuple[int, int]] = set()
    for kind, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if 2 * sum(counts[k] for k in chosen) >= len(regions.true):
            break
        chosen.add(kind)
    return chosen


def _measure(study: Study) -> list[Entry]:
    regions, trained = find_regions(study), arms(study)
    said = {name: own.outcomes(TASK) for name, own in trained.items()}
    entries = [_arm(name, own, said[name], regions) for name, own in trained.items()]
    entries += [_pair(study.seed, said, one, than) for one, than in PAIRS]
    return [*entries, {"seed": study.seed, "examples": _examples(regions)}]


def _arm(name: str, study: Study, said: pd.DataFrame, regions: Regions) -> Entry:
    rows, history, kinds = study.split(TASK), study.history(TASK), main_kinds(regions)
    wrong = said[~said.correct]
    errors = list(zip(wrong.true.tolist(), wrong.predicted.tolist(), strict=True))
    columns = ("loss", "train_error", "test_error")
    return {
        "seed": study.seed,
        "arm": name,
        "precision": study.protocol(TASK).precision,
        "train": len(rows.train),
        "test": len(said),
        "right": int(said.correct.sum()),
        "targeted_errors": sum(kind in kinds for kind in errors),
        "targeted_kinds": len(kinds),
        "kinds": len(set(zip(regions.true.tolist(), regions.named.tolist(), strict=True))),
        "regions": len(regions.masks),
        "regions_of_class": np.bincount(regions.true, minlength=len(rows.classes)).tolist(),
        "mistakes": regions.mistakes,
        "mistakes_at_epoch": scout_epochs(study),
        "epochs": len(history),
        "minutes": round(float(history.seconds.sum()) / 60, 2),
        "history": {column: history[column].round(5).tolist() for column in columns},
    }


def _pair(seed: int, said: Mapping[str, pd.DataFrame], one: str, than: str) -> Entry:
    """The test images that one arm classifies correctly and another does not, and the reverse."""
    from scipy.stats import binomtest

    first, second = said[one].correct.to_numpy(), said[than].correct.to_numpy()
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    change = first.astype(float) - second
    subjects = said[one].subject if said[one].subject.notna().all() else None
    interval = bootstrap_mean(change, subjects)
    chance = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    low, high = (None if np.isnan(bound) else bound for bound in interval[1:])
    entry: Entry = {"seed": seed, "arm": one, "than": than, "gained": gained, "lost": lost}
    return entry | {"difference": interval.value, "low": low, "high": high, "mcnemar": chance}


def _examples(regions: Regions) -> list[Entry]:
    """The first region of every class, packed into text, so that a page needs no network."""
    _, first = np.unique(regions.true, return_index=True)
    return [
        {
            "case": int(regions.case[k]),
            "twin": int(regions.twin[k]),
            "true": int(regions.true[k]),
            "named": int(regions.named[k]),
            "region": b64encode(np.packbits(regions.masks[k]).tobytes()).decode(),
        }
        for k in first
    ]


def unpack(region: str, size: int) -> np.ndarray:
    """The region of an example, bool (S, S)."""
    bits = np.frombuffer(b64decode(region), np.uint8)
    return np.unpackbits(bits, count=size * size).astype(bool).reshape(size, size)


def _words(entry: Entry) -> str:
    if "examples" in entry:
        return f"seed {entry['seed']}: {len(entry['examples'])} regions kept as examples"
    start = f"seed {entry['seed']}, {entry['arm']}"
    if "than" in entry:
        points = f"{100 * entry['difference']:+.2f} points (McNemar p = {entry['mcnemar']:.2g})"
        return f"{start} minus {entry['than']}: {points}"
    share = entry["right"] / entry["test"]
    return f"{start}: {entry['right']} of {entry['test']} correct, {share:.2%}"


STUDY = LongStudy(NAME, (0, 1, 2, 3, 4), _networks, _measure, _words)


# ---------------------------------------------------------------------- what a page shows


def by_seed(record: Record | None, column: str = "right") -> pd.DataFrame:
    """One value of every network of a record: one row per seed, one column per arm."""
    rows = [(e["seed"], e["arm"], e[column]) for e in results(record) if "right" in e]
    table = pd.DataFrame(rows, columns=["seed", "arm", "value"])
    return table.pivot(index="seed", columns="arm", values="value").reindex(columns=list(ARMS))


def error_rates(record: Record | None) -> pd.DataFrame:
    """Percent of the test images misclassified: one row per seed, one column per arm."""
    return 100 * (1 - by_seed(record) / by_seed(record, "test"))


def pair_table(record: Record | None) -> pd.DataFrame:
    """The paired comparisons of a record, one row per seed and pair.

    Columns seed, pair ("targeted minus control"), points (of accuracy), low, high (bootstrap over
    subjects, one seed), gained, lost and mcnemar (the p-value of the two).
    """
    rows = [
        {
            "seed": entry["seed"],
            "pair": _pair_name(entry["arm"], entry["than"]),
            "points": 100 * entry["difference"],
            **{k: math.nan if entry[k] is None else 100 * entry[k] for k in ("low", "high")},
            **{key: entry[key] for key in ("gained", "lost", "mcnemar")},
        }
        for entry in results(record)
        if "than" in entry
    ]
    columns = ["seed", "pair", "points", "low", "high", "gained", "lost", "mcnemar"]
    return pd.DataFrame(rows, columns=columns)


def mean_differences(record: Record | None) -> dict[str, Interval]:
    """Mean difference in points of accuracy over seeds, of every pair, with Student's interval."""
    table = pair_table(record)
    names = [_pair_name(*pair) for pair in PAIRS]
    return {name: over_seeds(table.points[table.pair == name]) for name in names}


def _pair_name(one: str, than: str) -> str:
    return f"{SHOWN[one]} minus {SHOWN[than]}"


def examples(record: Record | None, study: Study) -> tuple[list[Entry], np.ndarray]:
    """Regions that a record keeps, and their masks (N, S, S), if they are of a study's images.

    Those of the study's seed, else of the record's first.
    """
    size, none = study.image_size, np.zeros((0, study.image_size, study.image_size), bool)
    if record is None or study.faces.fingerprint != record.made["data"]:
        return [], none
    kept = {e["seed"]: e["examples"] for e in record.results if "examples" in e}
    found = kept.get(study.seed, next(iter(kept.values()), []))
    return found, np.array([unpack(e["region"], size) for e in found]).reshape(-1, size, size)


def mean_picture(study: Study) -> np.ndarray:
    """The mean of the training images, float (S, S, 3), on the scale of bytes."""
    return study.faces.images[study.split(TASK).train].mean(axis=0, dtype=np.float64)


def in_words(record: Record | None) -> dict[str, Any]:
    """What sentences quote of a record, by name; NaN without one.

    Returns
    -------
    dict
        seeds; regions and mistakes_judged (means over seeds), scout_epochs, epochs; learnt_none,
        the percentage misclassified in the last epoch of training; for each ARM
        ``error_ARM`` and ``targeted_ARM``, mean percentage misclassified and mean number of
        errors of the targeted kinds; for each pair ``ONE_THAN`` in points with
        ``_low`` and ``_high``; ``better``, a predicate that compares targeted augmentation
        with the control.
    """
    entries = [entry for entry in results(record) if "right" in entry]
    base = [
        {**entry, "train_error": entry["history"]["train_error"][-1]}
        for entry in entries
        if entry["arm"] == BASE
    ]

    def mean(column: str) -> float:
        return float(np.mean([entry[column] for entry in base])) if base else math.nan

    words: dict[str, Any] = {"seeds": len(base)}
    words |= {
        "regions": mean("regions"),
        "mistakes_judged": mean("mistakes"),
        "scout_epochs": mean("mistakes_at_epoch"),
        "epochs": mean("epochs"),
        "learnt_none": 100 * mean("train_error"),
    }
    errors, targeted = error_rates(record).mean(), by_seed(record, "targeted_errors").mean()
    for arm in ARMS:
        words |= {f"error_{arm}": errors[arm], f"targeted_{arm}": targeted[arm]}
    for (one, than), mean_ in zip(PAIRS, mean_differences(record).values(), strict=True):
        words |= mean_.named(f"{one}_{than}")
    differences = mean_differences(record)[_pair_name(AIMED, ELSEWHERE)]
    words["better"] = verdict(
        differences,
        "gives higher accuracy than",
        "gives lower accuracy than",
        "does not differ measurably in accuracy from",
        "was run with too few seeds to be compared with",
    )
    return words
