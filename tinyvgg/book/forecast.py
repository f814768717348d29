"""What a book of a set of images will contain: splits, twins, pages, minutes of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyvgg.book.execute import at_a_time
from tinyvgg.book.unknown import known_labels
from tinyvgg.experiments.pairs import twin_rule
from tinyvgg.faces.labels import WORDS, listed
from tinyvgg.runs.parallel import Network, missing
from tinyvgg.runs.recorded import estimate, seconds_a_picture
from tinyvgg.runs.study import Study

# The labels that a page needs to be complete.
PAGES = {
    "01_data": ("subject", "emotion", "gaze", "angle"),
    "05_misclassified": ("subject", "emotion", "angle"),
    **dict.fromkeys(
        ("04_training", "06_backtracking", "07_feature_tracking"), ("subject", "emotion")
    ),
    "08_common_pixels": ("subject",),
    "09_unique_pixels": ("emotion",),
    "12_verdicts": ("subject", "emotion"),
    "13_text_and_code": ("subject", "emotion"),
    "14_controls": ("subject", "emotion"),
    "15_discussion": ("subject", "emotion", "gaze"),
}


# The time of a notebook, in images trained by one process in that time; seconds to build the pages.
NOTEBOOK, BINDING = {"smoke": 4_000, "default": 6_000, "paper": 4_000}, 20


def outlook(study: Study, networks: Sequence[Network], seconds: Mapping[str, float | None]) -> str:
    """The work that a book needs and an estimate of its time on this machine, in one line.

    Parameters
    ----------
    study : Study
    networks : sequence of (Study, task)
        The networks that will be trained.
    seconds : mapping
        The notebooks that will be executed, and the time that each took the last time. None if it
        was never executed; its time is then estimated from a few steps of training.
    """
    speed = seconds_a_picture(study, study.tasks[0]) if networks or None in seconds.values() else 0
    usual = speed * NOTEBOOK[study.profile.name]
    training = [60 * estimate([network]) for network in networks]
    working = sum(training) + sum(known or usual for known in seconds.values())
    minutes = (max([working / at_a_time(), *training]) + BINDING) / 60
    parts = [
        _counted("train", len(networks), "network"),
        _counted("execute", len(seconds), "notebook"),
        "build the pages",
    ]
    what = listed(part for part in parts if part)
    return f"next: {what}; about {max(1, round(minutes))} min on this machine"


def _counted(verb: str, number: int, noun: str) -> str:
    """Such as "train 2 networks"; nothing if there are none."""
    return f"{verb} {number} {noun}{'s' * (number > 1)}" if number else ""


def forecast(study: Study) -> list[str]:
    """Lines on what a book of a study will contain, and how long its training takes.

    Parameters
    ----------
    study : Study
        Its faces are read if they are not in the store. Nothing is trained except for a few steps
        that are timed.
    """
    if not study.tasks:
        return ["not possible: every image needs a person label or an emotion label"]
    known = known_labels(study.faces.table)
    lines = []
    for task in study.tasks:
        rows, protocol = study.split(task), study.protocol(task)
        counts = f"{len(rows.train)} training images, {len(rows.test)} test images"
        twin = twin_rule(study.faces.table.assign(true=study.faces.labels(task)))
        lines += [
            f"{task} task: {len(rows.classes)} classes, {counts}, {protocol.epochs} epochs",
            f"  twin: a correctly classified image of {twin}",
        ]
    partly = [
        f"{page} (no {listed(WORDS[name] for name in needs if not known[name])})"
        for page, needs in PAGES.items()
        if not all(known[name] for name in needs)
    ]
    lines.append("pages: all" + (f"; incomplete: {', '.join(partly)}" if partly else ", complete"))
    waiting = missing(list(study.networks().values()))
    minutes = f"about {max(1, round(estimate(waiting)))} min" if waiting else "already done"
    lines.append(f"training: {minutes} under the {study.profile.name} profile")
    return lines
