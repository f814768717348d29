"""How hard a set of faces is: four questions for a linear classifier and for TinyVGG.

Identity and emotion are the paper's two tasks, on its split. Emotion of unseen subjects and the
direction of gaze are added. A book trains the networks of the first two anyway; the other two
take as long again, so a long study trains them and keeps a record.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tinyvgg.experiments.probes import (
    Reading,
    chance_level,
    inner_products,
    linear_probe,
    probed_rows,
    restricted,
)
from tinyvgg.runs import recorded as common
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.records import Record, results
from tinyvgg.runs.study import Study

log = logging.getLogger(__name__)

NAME = "difficulty"
SHORT = ("identity", "emotion", "strangers", "gaze")  # the questions, in names of glued values
PROBE, NETWORK = "linear probe", "TinyVGG"
# how pages and figures call questions and readers; the names themselves are keys of records
SHOWN = {"emotion, unseen people": "emotion of unseen subjects", PROBE: "linear classifier"}
THIS_RUN = "this run"


@dataclass(frozen=True)
class Question:
    """What is to be predicted from an image: a task, and whether the test subjects are unseen."""

    name: str
    task: str
    unseen_subjects: bool = False

    def study(self, study: Study) -> Study:
        """The study that answers it: the given one, or its variant for unseen subjects."""
        if self.unseen_subjects == study.unseen_subjects:
            return study
        return study.variant(unseen_subjects=self.unseen_subjects)


QUESTIONS = (
    Question("identity", "face"),
    Question("emotion", "emotion"),
    Question("emotion, unseen people", "emotion", unseen_subjects=True),
    Question("gaze", "gaze"),
)


def unavailable(study: Study) -> dict[str, str]:
    """The questions that the labels of the faces do not allow, and why."""
    reasons = {}
    for question in QUESTIONS:
        try:
            question.study(study).split(question.task)
        except ValueError as error:
            reasons[question.name] = str(error)
    return reasons


def possible(study: Study) -> list[Question]:
    """The questions that the labels of the faces allow."""
    missing = unavailable(study)
    return [question for question in QUESTIONS if question.name not in missing]


# ---------------------------------------------------------------------- the two readers


def probe_readings(study: Study) -> dict[str, Reading]:
    """Accuracy of a linear classifier on the images of `probed_rows`, by question; stored."""
    questions = possible(study)

    def make(_: Path) -> dict[str, Any]:
        rows = probed_rows(len(study.faces), study.seed)
        products = inner_products(study.faces.images[rows])
        people = study.faces.table.subject.to_numpy()[rows]
        found = {}
        for question in questions:
            split = restricted(question.study(study).split(question.task), rows)
            groups = people if question.unseen_subjects else None
            found[question.name] = asdict(linear_probe(products, split, groups))
        return found

    recipe = {
        "data": study.faces.fingerprint,
        "seed": study.seed,
        "questions": [asdict(question) for question in questions],
    }
    kept = study.store.get("probes", recipe, make)
    return {name: Reading(**values) for name, values in kept.items()}


def network_reading(study: Study, question: Question) -> Reading:
    """Accuracy of TinyVGG; the network is trained if it is not in the store."""
    own = question.study(study)
    correct = own.outcomes(question.task).correct
    return Reading(int(correct.sum()), len(correct), chance_level(own.split(question.task)))


# ---------------------------------------------------------------------- the record


def _networks(study: Study) -> list[Network]:
    for name, reason in unavailable(study).items():
        log.warning("%s cannot be measured: %s", name, reason)
    asked = reversed(possible(study))  # identity is the quickest
    return [(question.study(study), question.task) for question in asked]


def _measure(study: Study) -> list[Entry]:
    probes = probe_readings(study)
    entries = []
    for question in possible(study):
        own = question.study(study)
        split = own.split(question.task)
        shared = {
            "question": question.name,
            "seed": study.seed,
            "classes": len(split.classes),
            "train": len(split.train),
            "test": len(split.test),
        }
        for reader in (PROBE, NETWORK):
            linear = reader == PROBE
            reading = probes[question.name] if linear else network_reading(study, question)
            entry = {**shared, "reader": reader, "right": reading.right, "chance": reading.chance}
            if linear:
                entry["penalty"] = reading.penalty
            else:
                history = own.history(question.task)
                entry["epochs"] = len(history)
                entry["minutes"] = round(float(history.seconds.sum()) / 60, 2)
            entries.append(entry)
    return entries


def _words(entry: Entry) -> str:
    return (
        f"{entry['question']:<24}{entry['reader']:<14}seed {entry['seed']}: "
        f"{entry['right']} of {entry['test']} correct, {entry['right'] / entry['test']:.2%} "
        f"(chance {entry['chance']:.2%})"
    )


STUDY = LongStudy(NAME, (0,), _networks, _measure, _words)


# ---------------------------------------------------------------------- the table of a page


def find_record(study: Study, folder: str | Path | None = None) -> Record | None:
    """The record that fits a study best (see `common.find_record`)."""
    return common.find_record(NAME, study, folder)


def difficulty_table(study: Study, record: Record | None = None) -> pd.DataFrame:
    """Accuracy of the linear probe and of TinyVGG on each question.

    Parameters
    ----------
    study : Study
        Its networks are taken if they are trained; none is trained here.
    record : Record, optional
        Where the networks come from that are not; entries of the study's seed if it has them,
        else of its first.

    Returns
    -------
    DataFrame
        A row for each question and reader: question, reader, classes, train, test, right,
        chance, accuracy, low, high (Wilson's 95 % interval), origin ("this run", the status of
        the record, or the command that measures it), note (why the question cannot be asked).
    """
    reasons = unavailable(study)
    probes = probe_readings(study)
    status = record.status(study) if record else ""
    rows = []
    for question in QUESTIONS:
        row: dict[str, Any] = {"question": question.name, "note": reasons.get(question.name, "")}
        if row["note"]:
            rows += [{**row, "reader": reader, "origin": ""} for reader in (PROBE, NETWORK)]
            continue
        own = question.study(study)
        split = own.split(question.task)
        here = {"classes": len(split.classes), "train": len(split.train), "test": len(split.test)}
        rows.append({**row, **_cells(PROBE, probes[question.name], THIS_RUN), **here})
        if own.is_trained(question.task):
            reading = network_reading(study, question)
            rows.append({**row, **_cells(NETWORK, reading, THIS_RUN), **here})
        elif entry := _entry(record, question, study.seed):
            reading = Reading(entry["right"], entry["test"], entry["chance"])
            sizes = {key: entry[key] for key in here}
            rows.append({**row, **_cells(NETWORK, reading, status), **sizes})
        else:
            missing = f"not measured: run {STUDY.command}"
            rows.append({**row, "reader": NETWORK, "origin": missing, **here})
    columns = ["question", "reader", "classes", "train", "test", "right", "chance"]
    table = pd.DataFrame(rows, columns=[*columns, "accuracy", "low", "high", "origin", "note"])
    whole = ["classes", "train", "test", "right"]
    shares = ["chance", "accuracy", "low", "high"]
    return table.astype(dict.fromkeys(whole, "Int64") | dict.fromkeys(shares, float))


def by_question(table: pd.DataFrame) -> pd.DataFrame:
    """A `difficulty_table` for a page: one row per question, shares as text with their interval.

    Sizes and chance are those of the linear probe, which always is of the present run.
    """
    rows = []
    for question, pair in table.groupby("question", sort=False):
        probe, network = (pair[pair.reader == reader].iloc[0] for reader in (PROBE, NETWORK))
        rows.append(
            {
                "question": shown(question),
                "classes": probe.classes,
                "test images": probe.test,
                "chance": _per_cent(probe.chance),
                shown(PROBE): _share(probe),
                NETWORK: _share(network),
                f"source of {NETWORK}": network.origin or f"not possible: {network.note}",
            }
        )
    return pd.DataFrame(rows)


def shown(name: str) -> str:
    """How pages and figures call a question or a reader."""
    return SHOWN.get(name, name)


def _share(row: pd.Series) -> str:
    if pd.isna(row.accuracy):
        return "–"
    return f"{_per_cent(row.accuracy)} ({100 * row.low:.1f} to {100 * row.high:.1f})"


def _per_cent(share: float) -> str:
    return "–" if pd.isna(share) else f"{share:.1%}"


def in_words(table: pd.DataFrame) -> dict[str, Any]:
    """What sentences quote of a `difficulty_table`, by name.

    Returns
    -------
    dict
        For each question ``linear_X``, ``network_X`` and ``chance_X`` in per cent, with X one of
        identity, emotion, strangers and gaze; NaN where it was not measured. Counts of questions,
        and of those where TinyVGG was measured in this run, in another, and not at all.
        ``unavailable`` is a sentence on the questions that cannot be asked; empty if there is none.
    """
    short = dict(zip([q.name for q in QUESTIONS], SHORT, strict=True))
    words: dict[str, Any] = {}
    for row in table.itertuples():
        name = short[row.question]
        words[f"{'linear' if row.reader == PROBE else 'network'}_{name}"] = 100 * row.accuracy
        words.setdefault(f"chance_{name}", 100 * row.chance)
    networks = table[table.reader == NETWORK]
    asked, measured = networks.note == "", networks.accuracy.notna()
    here = networks.origin == THIS_RUN
    words |= {
        "questions": int(asked.sum()),
        "networks_here": int(here.sum()),
        "networks_recorded": int((measured & ~here).sum()),
        "networks_missing": int((asked & ~measured).sum()),
    }
    reasons = [
        f"{shown(row.question).capitalize()} cannot be measured here: {row.note}."
        for row in networks[~asked].itertuples()
    ]
    return {**words, "unavailable": " ".join(reasons)}


def _cells(reader: str, reading: Reading, origin: str) -> dict[str, Any]:
    cells = {"reader": reader, "right": reading.right, "chance": reading.chance, "origin": origin}
    interval = reading.accuracy
    return {**cells, "accuracy": interval.value, "low": interval.low, "high": interval.high}


def _entry(record: Record | None, question: Question, seed: int) -> dict[str, Any] | None:
    """Of a record, for that seed if it was measured, else for the first one."""
    own = [e for e in results(record) if (e["question"], e["reader"]) == (question.name, NETWORK)]
    return next((entry for entry in own if entry["seed"] == seed), own[0] if own else None)
