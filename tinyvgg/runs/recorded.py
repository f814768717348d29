"""What the long studies share: their networks, an estimate of the training time, the record.

Every network belongs to a `Study` and is kept in the store, so a long study can be stopped and
restarted at any time. Finished networks are reused, and half-trained ones continue after their
last epoch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import joblib

from tinyvgg.faces.labels import listed
from tinyvgg.runs import records
from tinyvgg.runs.parallel import Network, missing, train
from tinyvgg.runs.records import Record
from tinyvgg.runs.so_far import epochs_done
from tinyvgg.runs.so_far import so_far as part_of
from tinyvgg.runs.study import Study
from tinyvgg.storage.fingerprint import modules_of
from tinyvgg.training.device import threads
from tinyvgg.training.fit import fit

log = logging.getLogger(__name__)

COMMAND = "python -m tinyvgg study"
PARTIAL = ("paper",)  # studies whose entries say how many of the planned epochs they rest on
FIRST_EPOCHS = 2  # whose losses a record keeps of each network

Entry = dict[str, Any]  # a result, JSON


@dataclass(frozen=True)
class LongStudy:
    """A long study: what it trains, and what it measures.

    Attributes
    ----------
    name : str
        Of its command and of its record.
    seeds : tuple of int
        Those that are measured unless others are given.
    networks : callable
        All networks that it needs for the seed of a study.
    measure : callable
        Its results for the seed of a study, when all networks are there.
    words : callable
        An entry of the results as a line of text.
    usual : mapping
        Its departures from the paper's `Protocol`, unless others are given.
    may_diverge : bool
        Whether a network whose loss diverges is a result and not an error.
    profile : str or None
        Its usual profile, whose record has the study's name alone; the default one if None.
    """

    name: str
    seeds: tuple[int, ...]
    networks: Callable[[Study], list[Network]]
    measure: Callable[[Study], list[Entry]]
    words: Callable[[Entry], str]
    usual: Mapping[str, Any] = field(default_factory=dict)
    may_diverge: bool = False
    profile: str | None = None

    @property
    def command(self) -> str:
        """What makes the record of the default profile."""
        return f"{COMMAND} {self.name}"


def record_study(
    long: LongStudy,
    profile: str | None = None,
    faces: str = "synthetic",
    seeds: Sequence[int] | None = None,
    device: str = "auto",
    progress: bool = True,
    folder: str | Path | None = None,
    scheduler: str | None = None,
    so_far: bool = False,
    add: bool = False,
    pictures: Callable[[Study], Mapping[str, bytes]] | None = None,
    **protocol: Any,
) -> tuple[Record, Path]:
    """Train what is missing for a study, measure, and write its record.

    Parameters
    ----------
    long : LongStudy
    profile, faces, device, progress, **protocol
        As in `Study`; None stands for what is usual in this study.
    seeds : sequence of int, optional
        Those of the study if None.
    folder : path, optional
        Where the record goes; see `records.default_folder`.
    scheduler : str, optional
        Address of a Dask scheduler whose workers train; the processors of this machine if None.
    so_far : bool
        Train nothing: measure what is trained so far. Only a study of `PARTIAL` can.
    add : bool
        Keep the seeds that the record has, and measure only the others. Its networks need not be
        there.
    pictures : callable, optional
        Files that go with the record, by name, of the first seed's study; they are kept in a
        folder of the record's name.

    Returns
    -------
    record, path
        ``record.results`` is a list of what the study measured, seed by seed.

    Raises
    ------
    ValueError
        No seed was given, the study cannot measure what is trained so far, or the record cannot
        be added to.
    """
    if so_far and long.name not in PARTIAL:
        able = " and ".join(f"`study {name}`" for name in PARTIAL)
        raise ValueError(
            f"the study {long.name!r} measures finished networks only, so it cannot be measured "
            f"so far (only {able} can): omit --so-far; what is trained already is used"
        )
    started = datetime.now(UTC)
    seeds = long.seeds if seeds is None else tuple(seeds)
    if not seeds:
        raise ValueError("no seed was given; give at least one")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"a seed was given twice ({listed(map(str, seeds))}); give each seed once")
    given = {name: value for name, value in protocol.items() if value is not None}
    profile = profile or long.profile
    settings = {**long.usual, **given}
    first = Study(profile, faces, seeds[0], device, progress=progress, **settings)
    settings |= {"progress": progress, "face_set": first.faces}
    others = [Study(profile, faces, seed, device, **settings) for seed in seeds[1:]]
    studies = [first, *others]
    old = _extensible(long, first, seeds, given, folder) if add else None
    if old is not None:
        studies = [study for study in studies if study.seed not in old.made["seeds"]]
        seeds = tuple(study.seed for study in studies)
    # the first network of every seed, then the second: who builds on another comes late
    columns = zip_longest(*(long.networks(study) for study in studies))
    jobs = [job for column in columns for job in column if job]
    if so_far:
        parts = [(part_of(*job), job[1]) for job in jobs]
        jobs = [(part, task) for part, task in parts if part is not None]
    else:
        announce(jobs, scheduler)
        train(jobs, long.may_diverge, scheduler)
    results = [entry for study in studies for entry in long.measure(study)]
    command = long.command + _options(first, seeds, given)
    code = {module for study, task in jobs for module in study.code(task)}
    code |= {*modules_of(long.networks, long.measure)}
    made = records.provenance(first, command, sorted(code), seeds, started)
    made["networks"] = dict(_network(*job) for job in jobs if not missing([job]))  # not: diverged
    record = Record(_name(long, first, given), made, results)
    if old is not None:
        # read again, since another run may have added its own seeds in the meantime
        old = _extensible(long, first, seeds, given, folder) or old
        record = old.joined(record)
        record.made["command"] = long.command + _options(first, record.made["seeds"], given)
    elif pictures is not None:
        records.write_pictures(record, pictures(first), folder)
    return record, records.write(record, folder)


def _extensible(
    long: LongStudy,
    study: Study,
    seeds: Sequence[int],
    given: Mapping[str, Any],
    folder: str | Path | None,
) -> Record | None:
    """The record that takes other seeds, of the same code, faces and settings; None if none is."""
    record = records.read(_name(long, study, given), folder)
    if record is None:
        return None
    name, there = record.name, record.made["seeds"]
    if changed := record.changes(study):
        raise ValueError(
            f"no seed can be added to the record {name!r}: {listed(changed)} changed since it was "
            "made. Omit --add to measure all seeds again"
        )
    command = long.command + _options(study, there, given)
    if record.made["command"] != command:
        raise ValueError(
            f"no seed can be added to the record {name!r}: it was made by "
            f"`{record.made['command']}`, and this would be `{command}`. Use the same settings, "
            "or omit --add to measure all seeds again"
        )
    if set(seeds) <= set(there):
        raise ValueError(
            f"the record {name!r} has these seeds already ({listed(map(str, seeds))}): give others "
            "with --seed, or omit --add to measure them again"
        )
    return record


def _network(study: Study, task: str) -> tuple[str, Entry]:
    """A network's name, without a path, and what tells whether other code trains the same one."""
    name = study.title(task).replace(study.source, study.source.partition(":")[0], 1)
    history = study.history(task)
    return name, {
        "weights": study.digest(task),
        "first_losses": history.loss.head(FIRST_EPOCHS).tolist(),
        "minutes": round(float(history.seconds.sum()) / 60, 2),
    }


def announce(networks: Sequence[Network], scheduler: str | None = None) -> None:
    """Log how many networks remain to be trained and, if trained here, how long that takes."""
    if waiting := missing(networks):
        words = f"{len(waiting)} of {len(networks)} networks remain to be trained"
        place = "on a cluster"
        if scheduler is None:
            place = f"about {max(1, round(estimate(waiting)))} min"
        log.info("%s (%s)", words, place)


def estimate(networks: Sequence[Network]) -> float:
    """Minutes that the training of some networks takes, estimated from a few steps."""
    together = min(len(networks), joblib.cpu_count())
    ends = [0.0] * together
    known: dict[tuple, float] = {}
    for study, task in networks:  # each goes to the process that is free first
        rows, protocol = study.split(task), study.protocol(task)
        # a test image goes forward only, about a third of the work
        pictures = (protocol.epochs - epochs_done(study, task)) * (
            len(rows.train) + len(rows.test) / 3
        )
        kind = study.architecture, study.image_size, protocol.optimiser, protocol.precision
        if kind not in known:
            known[kind] = seconds_a_picture(study, task)
        k = ends.index(min(ends))
        ends[k] += pictures * known[kind]
    return max(ends) / 60


def seconds_a_picture(study: Study, task: str, steps: int = 8) -> float:
    """Time of a training step by picture, of one thread on the device of the study."""
    rows = study.split(task)
    protocol = replace(study.protocol(task), epochs=2)
    few = rows.train[: steps * protocol.batch_size]
    data = study.faces.images, rows.labels, few, rows.test[:1]
    with threads(1):
        made = fit(study.new_network(task), *data, protocol, device=study.device, progress=False)
    return float(made.history.seconds.iloc[-1]) / len(few)  # the first epoch warms up


def _name(long: LongStudy, study: Study, given: Mapping[str, Any]) -> str:
    """Name of the record; another precision than the usual one has a record of its own."""
    name, precision = long.name, given.get("precision")
    if precision not in (None, long.usual.get("precision", "float32")):
        name += f"-{precision}"
    return name if long.profile == study.profile.name else records.record_name(name, study)


def _options(study: Study, seeds: Sequence[int], given: Mapping[str, Any]) -> str:
    """Options of the command line that make the record again; no path of this machine."""
    kind, colon, _ = study.source.partition(":")
    options = f" --profile {study.profile.name} --faces {kind}{':DIR' * bool(colon)}"
    options += f" --seed {' '.join(map(str, seeds))} --device {study.device}"
    for name, value in given.items():
        options += f" --precision {value}" if name == "precision" else f" ({name}={value!r})"
    return options


def status(name: str, record: Record | None, study: Study) -> str:
    """Where the values of a study come from, or the command that measures them."""
    if record is None:
        return f"not measured: run {COMMAND} {name}"
    return record.status(study)


def find_record(name: str, study: Study, folder: str | Path | None = None) -> Record | None:
    """The record that fits a study best: of its own profile, else of the default one.

    None if there is none of its kind of faces.
    """
    kind = study.source.partition(":")[0]
    for candidate in (records.record_name(name, study), name):
        record = records.read(candidate, folder)
        if record is not None and record.made["faces"] == kind:
            return record
    return None
