"""Several networks trained at a time, here or by a cluster.

On a CPU each network has a process of its own, of one thread; on a GPU each has a thread and a
stream of its own, since the kernels of several processes would not run at once; where the address
of a Dask scheduler is given, its workers train. A network is the same in every way.

What is finished is in the store, whatever happens to the rest: a training that was interrupted
here goes on after its last epoch when it is asked for again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import torch

from tinyvgg.runs.jobs import Job, Processes, run_jobs
from tinyvgg.storage.files import content_hash
from tinyvgg.storage.store import Store
from tinyvgg.training.device import arithmetic, threads
from tinyvgg.training.unit import TrainingUnit

if TYPE_CHECKING:
    from tinyvgg.runs.study import Study

log = logging.getLogger(__name__)

Network = tuple["Study", str]  # the study that it belongs to, and its task

ON_A_GPU = 2  # networks trained at a time; `python -m tinyvgg bench` measures what it brings
PATIENCE = 30  # seconds that a scheduler is waited for


def train(
    networks: Sequence[Network], may_diverge: bool = False, scheduler: str | None = None
) -> None:
    """Train the networks that are missing, and those that they build on before them.

    Parameters
    ----------
    networks : sequence of (Study, task)
        The longest training first is best.
    may_diverge : bool
        Leave a network out, with a warning, whose loss is no longer finite, instead of raising.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``"tcp://127.0.0.1:8786"``, whose workers train.

    Raises
    ------
    FloatingPointError
        The loss of a network is no longer finite.
    ModuleNotFoundError
        A scheduler was given, but Dask is not installed.
    ValueError
        No scheduler answers at that address.
    """
    waiting = missing(networks)
    while waiting:
        needed = {key: network for one in waiting for key, network in _ready(one).items()}
        if scheduler is None:
            _train_here(list(needed.values()), may_diverge)
        else:
            _train_on_cluster(list(needed.values()), may_diverge, scheduler)
        diverged = {key for key, (study, task) in needed.items() if not study.is_trained(task)}
        waiting = [one for one in missing(waiting) if diverged.isdisjoint(_ready(one))]


def missing(networks: Iterable[Network]) -> list[Network]:
    """Those of some networks that are not in the store."""
    return [(study, task) for study, task in networks if not study.is_trained(task)]


def _ready(network: Network) -> dict[tuple[str, str], Network]:
    """What can be trained now towards a network: itself, or what it builds on; by store and key."""
    study, task = network
    if before := missing(study.prerequisites(task)):
        return {key: ready for one in before for key, ready in _ready(one).items()}
    return {(str(study.store.root), content_hash(study.recipe(task))): network}


# ---------------------------------------------------------------------- on this machine


def job(name: str, work: Callable[[], Any], device: torch.device) -> Job:
    """Some work beside other work: in a thread on a GPU, else in a process of one thread."""
    if device.type == "cuda":
        return Job(name, lambda processes: work())
    return Job(name, lambda processes: processes.call(work))


def training_jobs(networks: Mapping[str, Network], may_diverge: bool = False) -> list[Job]:
    """A job for each network that is missing, by name; its result is the seconds that it took."""
    return [
        _training_job(name, network, may_diverge)
        for name, network in networks.items()
        if missing([network])
    ]


def _training_job(name: str, network: Network, may_diverge: bool) -> Job:
    study, task = network
    work: Callable[[], Any] = partial(study.result, task)
    if study.device.type == "cpu":
        work = partial(_train_again, type(study), study.settings(), study.store.root, task)
    training = job(name, work, study.device)

    def run(processes: Processes) -> float:
        clock = time.perf_counter()
        with _divergence(study.title(task), may_diverge):
            training.run(processes)
        return time.perf_counter() - clock

    return Job(name, run)


def _train_again(kind: type[Study], settings: dict[str, Any], store: Path, task: str) -> None:
    """In another process: make a study again and train; the result is in the store then."""
    kind(**settings, store=Store(store)).result(task)


def _train_here(networks: list[Network], may_diverge: bool) -> None:
    device = networks[0][0].device
    if device.type == "cuda":
        # what TF32 may do is set for all threads at once
        for precision, alike in groupby(sorted(networks, key=_precision), _precision):
            with arithmetic(precision, device), threads(1):
                _side_by_side(list(alike), ON_A_GPU, may_diverge)
    elif len(networks) > 1 and joblib.cpu_count() > 1:
        _side_by_side(networks, min(len(networks), joblib.cpu_count()), may_diverge)
    else:
        for study, task in networks:
            with _divergence(study.title(task), may_diverge):
                study.result(task)


def _precision(network: Network) -> str:
    study, task = network
    return study.protocol(task).precision


def _side_by_side(networks: list[Network], at_a_time: int, may_diverge: bool) -> None:
    named = {str(number): network for number, network in enumerate(networks)}
    run_jobs(training_jobs(named, may_diverge), at_a_time)


@contextmanager
def _divergence(title: str, may_diverge: bool) -> Iterator[None]:
    try:
        yield
    except FloatingPointError as error:
        if not may_diverge:
            raise
        log.warning("%s: %s", title, error)


# ---------------------------------------------------------------------- on a cluster


def _train_on_cluster(networks: list[Network], may_diverge: bool, scheduler: str) -> None:
    """Train by the workers of a Dask scheduler; the results are put into the store here, once.

    A worker needs this package, and neither the faces nor a store: the training unit and the
    pictures go to it. If it is lost, its unit is trained again by another.
    """
    with _connected(scheduler) as client:
        from distributed import as_completed

        # every worker gets the pictures, so that none takes them along when it is lost
        distinct = {id(images): images for images in (one[0].faces.images for one in networks)}
        sent = client.scatter([*distinct.values()], broadcast=True)
        pictures = dict(zip(distinct, sent, strict=True))
        units = {}

        def submit(network: Network) -> Any:
            study, task = network
            data = pictures[id(study.faces.images)]
            unit = client.submit(TrainingUnit.run, study.training_unit(task), data, pure=False)
            units[unit] = network
            return unit

        waiting = as_completed([submit(network) for network in networks], loop=client.loop)
        for unit in waiting:
            study, task = network = units.pop(unit)
            title = study.title(task)
            try:
                with _divergence(title, may_diverge):
                    study.store_result(task, unit.result())
                    log.info("%s is trained (%d to go)", title, len(units))
            except CancelledError:  # the worker was lost with the result in its hands
                log.warning("%s: its worker was lost; it is trained again", title)
                waiting.add(submit(network))


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """A client of a Dask scheduler."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "to train on a cluster Dask is needed: pip install 'tinyvgg[dask]'"
        ) from None
    try:
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no Dask scheduler answers at {scheduler!r} ({error}): give the address that "
            "`dask scheduler` printed, such as tcp://127.0.0.1:8786"
        ) from None
    with client:
        log.info("%d workers at %s", len(client.scheduler_info()["workers"]), scheduler)
        yield client
