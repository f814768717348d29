"""The experiments of Section "Discussion": other optimizers, batch order, and the large models.

The paper states that Adam and Adagrad did not beat plain SGD and that VGG-16 and VGG-19 could not
be trained under its protocol. It gives no learning rate for the two optimizers; customary values
are used. The large models cost twenty times as much as TinyVGG, so except under the profile
``paper`` they train on small images and for few epochs, and TinyVGG trains under the same
conditions for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from tinyvgg.experiments.accuracies import accuracy
from tinyvgg.experiments.gradients import gradient_norms
from tinyvgg.experiments.statistics import Interval, mean
from tinyvgg.faces.labels import listed
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy, find_record
from tinyvgg.runs.records import Record, results
from tinyvgg.runs.study import Study

NAME = "discussion"
LASAGNE_ADAGRAD = 1.0  # learning rate that the released code's library would have taken
REDUCED = {"image_size": 32, "epochs": 12}  # of the architectures
GRADIENT_COLUMNS = ("layer", "signal", "gradient", "weight")
GRADIENT_IMAGES = 12  # a mini-batch
FACE = ("face",)
HE = {"architecture": "vgg16", "initialisation": "he"}


@dataclass(frozen=True)
class Arm:
    """One way to train: its comparison, its name, and its departures from the protocol."""

    part: str
    name: str
    short: str  # in names of glued values
    departures: dict[str, Any] = field(default_factory=dict)
    tasks: tuple[str, ...] = ("face", "emotion")

    def study(self, study: Study) -> Study:
        """The study that trains so."""
        reduced = self.part == "architectures" and study.profile.name != "paper"
        # what was asked for by name stands above the reduction
        asked = {k: v for k, v in study.departures.items() if k in REDUCED}
        changes = (REDUCED | asked if reduced else {}) | self.departures
        return study.variant(**changes) if changes else study


SGD = Arm("optimisers", "SGD", "sgd")
ARMS = (
    SGD,
    # rates: Kingma and Ba's own, which is Lasagne's default too; torch's default for Adagrad
    Arm("optimisers", "Adam", "adam", {"optimiser": "adam", "learning_rate": 0.001}),
    Arm("optimisers", "Adagrad", "adagrad", {"optimiser": "adagrad", "learning_rate": 0.01}),
    Arm("order", "the same batches every epoch", "fixed", {"order": "fixed"}, FACE),
    Arm("architectures", "TinyVGG", "tinyvgg", {}, FACE),
    Arm("architectures", "VGG-16", "vgg16", {"architecture": "vgg16"}, FACE),
    Arm("architectures", "VGG-19", "vgg19", {"architecture": "vgg19"}, FACE),
    Arm("architectures", "VGG-16, He's weights", "he", HE, FACE),
    Arm("architectures", "VGG-16, batch norm", "norm", {"architecture": "vgg16_bn"}, FACE),
)

SHOWN = {  # how pages and figures call some of these; the names themselves are keys of records
    "the same batches every epoch": "SGD, same batches in every epoch",
    "VGG-16, He's weights": "VGG-16, He initialization",
    "VGG-16, batch norm": "VGG-16, batch normalization",
}


def jobs(study: Study) -> list[tuple[Arm, Study, str]]:
    """Every way to train and the tasks that the labels allow, the longest first."""
    found = [
        (arm, arm.study(study), task) for arm in ARMS for task in arm.tasks if task in study.tasks
    ]
    return sorted(found, key=lambda job: job[0].part)  # architectures, optimisers, order


def gradients_at_start(study: Study, task: str = "face") -> pd.DataFrame:
    """`gradient_norms` of a study's network as it is drawn, before any training."""
    return gradient_norms(study.initial_network(task), *_batch(study, task))


def _batch(study: Study, task: str) -> tuple[torch.Tensor, torch.Tensor]:
    split = study.split(task)
    rows = split.train[:: max(1, len(split.train) // GRADIENT_IMAGES)][:GRADIENT_IMAGES]
    return study.inputs(rows), torch.from_numpy(split.labels[rows]).to(study.device)


# ---------------------------------------------------------------------- the record


def _networks(study: Study) -> list[Network]:
    return [(own, task) for _, own, task in jobs(study)]


def _measure(study: Study) -> list[Entry]:
    return [_entry(arm, own, task) for arm, own, task in jobs(study)]


def _entry(arm: Arm, study: Study, task: str) -> Entry:
    split = study.split(task)
    entry: Entry = {
        "seed": study.seed,
        "part": arm.part,
        "name": arm.name,
        "task": task,
        "architecture": study.architecture,
        "image_size": study.image_size,
        "protocol": asdict(study.protocol(task)),
        "classes": len(split.classes),
        "test": len(split.test),
        "diverged": not study.is_trained(task),
    }
    if entry["diverged"]:
        return entry
    history = study.history(task)
    columns = ("loss", "train_error", "test_error")
    entry |= {
        "right": int(study.outcomes(task).correct.sum()),
        "minutes": round(float(history.seconds.sum()) / 60, 2),
        "history": {name: history[name].round(5).tolist() for name in columns},
    }
    if arm.part == "architectures":
        end = gradient_norms(study.network(task), *_batch(study, task))
        moments = {"start": gradients_at_start(study, task), "end": end}
        entry["gradients"] = {
            moment: {column: table[column].tolist() for column in GRADIENT_COLUMNS}
            for moment, table in moments.items()
        }
    return entry


def _words(entry: Entry) -> str:
    start = f"seed {entry['seed']}, {entry['part']}: {entry['name']}, {entry['task']} task: "
    if entry["diverged"]:
        return start + "the loss diverged"
    share = entry["right"] / entry["test"]
    return start + f"{entry['right']} of {entry['test']} correct, {share:.2%}"


STUDY = LongStudy(NAME, (0, 1, 2), _networks, _measure, _words, may_diverge=True)


# ---------------------------------------------------------------------- what a page shows


def live_gradients(study: Study) -> dict[str, pd.DataFrame]:
    """`gradients_at_start` of each architecture on the pictures of a run, by name."""
    ways = [arm for arm in ARMS if arm.part == "architectures"]
    task = study.tasks[0]
    return {arm.name: gradients_at_start(study.variant(**arm.departures), task) for arm in ways}


def recorded_gradients(record: Record | None, moment: str = "end") -> dict[str, pd.DataFrame]:
    """The gradients that a record keeps of each architecture, by name, with their seed."""
    kept = (entry for entry in results(record) if "gradients" in entry)
    return _by_name((entry, entry["gradients"][moment]) for entry in kept)


def ways_table(record: Record | None) -> pd.DataFrame:
    """One row per way to train and task: how its networks were trained, and their accuracy.

    Returns
    -------
    DataFrame
        Columns part, name, task, epochs, precision, rate (the learning rate), seeds, test
        (images), accuracy, low, high (mean over seeds and 95 % interval, see
        `experiments.accuracies`; as in the verdicts, a network whose loss diverged has no correct
        image), chance, learnt (whether the interval lies above chance) and train_error (while
        training, in the last epoch, mean over the seeds whose loss did not diverge); NaN where
        every loss diverged.
    """
    ways: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in results(record):
        ways.setdefault((entry["part"], entry["name"], entry["task"]), []).append(entry)
    rows = []
    for (part, name, task), entries in ways.items():
        first, trained = entries[0], [entry for entry in entries if not entry["diverged"]]
        counts = [(entry.get("right", 0), entry["test"]) for entry in entries]
        interval = accuracy(counts) if trained else Interval.unknown()
        chance = 1 / first["classes"]
        rows.append(
            {
                "part": part,
                "name": name,
                "task": task,
                "epochs": first["protocol"]["epochs"],
                "precision": first["protocol"]["precision"],
                "rate": first["protocol"]["learning_rate"],
                "seeds": len(entries),
                "test": first["test"],
                "accuracy": interval.value,
                "low": interval.low,
                "high": interval.high,
                "chance": chance,
                "learnt": bool(interval.low > chance),
                "train_error": mean([entry["history"]["train_error"][-1] for entry in trained]),
            }
        )
    columns = ["part", "name", "task", "epochs", "precision", "rate", "seeds", "test"]
    columns += ["accuracy", "low", "high", "chance", "learnt", "train_error"]
    return pd.DataFrame(rows, columns=columns)


def histories(record: Record | None, part: str, task: str) -> dict[str, pd.DataFrame]:
    """Loss and errors by epoch of the networks of one comparison, by name, with their seed."""
    return _by_name(
        (entry, {"epoch": range(1, len(entry["history"]["loss"]) + 1), **entry["history"]})
        for entry in results(record)
        if (entry["part"], entry["task"]) == (part, task) and "history" in entry
    )


def _by_name(columns: Iterable[tuple[Entry, Mapping[str, Any]]]) -> dict[str, pd.DataFrame]:
    """A table of each way to train, with the seed of each row, from columns of each entry."""
    found: dict[str, list[pd.DataFrame]] = {}
    for entry, own in columns:
        found.setdefault(entry["name"], []).append(pd.DataFrame(own).assign(seed=entry["seed"]))
    return {name: pd.concat(tables) for name, tables in found.items()}


class OrderEffect(NamedTuple):
    """The same training with reshuffled batches and with the same batches in every epoch."""

    task: str
    reshuffled: int  # test images classified correctly, of all seeds together
    fixed: int
    test: int  # all test images, of all seeds together
    status: str  # of the record


def recorded_order(study: Study, folder: str | Path | None = None) -> OrderEffect | None:
    """The effect of the order of batches in the record of this study; None if it has none."""
    record = find_record(NAME, study, folder)
    counts: dict[tuple[str, str, int], np.ndarray] = {}
    for entry in results(record):
        protocol = entry.get("protocol", {})
        plain = protocol.get("optimiser", "sgd") == "sgd"
        if entry.get("part") in ("order", "optimisers") and plain and "right" in entry:
            key = protocol["order"], entry["task"], entry["seed"]
            counts[key] = np.array([entry["right"], entry["test"]])
    (task,) = FACE
    both = [
        (counts["reshuffled", task, seed], fixed)
        for (order, own, seed), fixed in counts.items()
        if (order, own) == ("fixed", task) and ("reshuffled", task, seed) in counts
    ]
    if record is None or not both:
        return None
    (reshuffled, _), (fixed, test) = np.sum(both, axis=0).tolist()
    return OrderEffect(task, reshuffled, fixed, test, record.status(study))


def in_words(ways: pd.DataFrame, live: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """What sentences quote of a `ways_table` and of the gradients before training, by name.

    Returns
    -------
    dict
        ``right_NAME_TASK`` in per cent (mean over seeds), with NAME one of sgd, adam, adagrad,
        fixed, and of the architectures tinyvgg, vgg16, vgg19, he and norm (face task);
        ``seeds_ways``, the most seeds of a way; ``epochs_reduced`` and ``precision_reduced``;
        ``at_chance`` and ``learnt``, the architectures whose interval reaches down to chance, and
        the others. ``weaker_NAME`` and ``stronger_NAME``: how many times weaker, and stronger,
        the gradient of the first layer is than TinyVGG's; ``fall_NAME``: how many times weaker
        the signal is at the output than after the first layer; ``spread_NAME``: the largest
        gradient of a layer over the smallest. NaN where it was not measured.
    """
    cells = ways.set_index(["name", "task"])
    words: dict[str, Any] = {}
    for arm in ARMS:
        prefix = "reduced_" * (arm.part == "architectures") + arm.short
        for task in arm.tasks:
            known = (arm.name, task) in cells.index
            right = cells.accuracy[arm.name, task] if known else math.nan
            words[f"right_{prefix}_{task}"] = 100 * float(right)
    models = ways[ways.part == "architectures"]
    words |= {
        "seeds_ways": int(ways.seeds.max()) if len(ways) else 0,
        "epochs_reduced": int(models.epochs.iloc[0]) if len(models) else math.nan,
        "precision_reduced": models.precision.iloc[0] if len(models) else math.nan,
        "rate_adam": ARMS[1].departures["learning_rate"],
        "rate_adagrad": ARMS[2].departures["learning_rate"],
        "lasagne_adagrad": LASAGNE_ADAGRAD,
        "at_chance": _names(models.name[~models.learnt.astype(bool)]),
        "learnt": _names(models.name[models.learnt.astype(bool)]),
    }
    first = live["TinyVGG"].gradient.iloc[0]
    short_of = {arm.name: arm.short for arm in ARMS}
    for name, table in live.items():
        short = short_of[name]
        words[f"weaker_{short}"] = first / table.gradient.iloc[0]
        words[f"stronger_{short}"] = table.gradient.iloc[0] / first
        words[f"fall_{short}"] = table.signal.iloc[0] / table.signal.iloc[-1]
        words[f"spread_{short}"] = table.gradient.max() / table.gradient.min()
    return words


def _names(names: pd.Series) -> str:
    shown = [SHOWN.get(name, name).replace(", ", " with ") for name in names]
    return listed(shown) or "none"
