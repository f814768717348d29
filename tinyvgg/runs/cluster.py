"""Networks trained by the workers of a Dask cluster instead of the processors of this machine.

A unit of work is one training: the untrained network, the rows, the protocol and the pictures go
to a worker, and what is worth keeping comes back and is put into the store here, once. A worker
needs this package, and neither the faces nor a store. If it is lost, its unit is done again by
another; with the seed given, the result is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyvgg.runs.study import Study
from tinyvgg.training.unit import Fitting

log = logging.getLogger(__name__)

Job = tuple[Study, str]
PATIENCE = 30  # seconds that a scheduler is waited for


def train_on_cluster(jobs: Sequence[Job], scheduler: str, may_diverge: bool = False) -> None:
    """Train what is missing of some networks on a cluster, each as a unit of its own.

    What is finished is kept even if a later unit fails or this process is stopped.

    Parameters
    ----------
    jobs : sequence of (Study, task)
        Networks that others build on are trained before these.
    scheduler : str
        Its address, such as ``"tcp://127.0.0.1:8786"``.
    may_diverge : bool
        Leave a network out, with a warning, whose loss is no longer finite, instead of raising.

    Raises
    ------
    ModuleNotFoundError
        Dask is not installed.
    ValueError
        The address is none, or nobody answers there.
    """
    waiting = _missing(jobs)
    if not waiting:
        return
    with _connected(scheduler) as client:
        while waiting:
            ready = [job for job in waiting if not _missing(job[0].prerequisites(job[1]))]
            if not ready:
                names = "; ".join(study.title(task) for study, task in waiting)
                raise ValueError(f"the networks that these build on are not among them: {names}")
            _train(ready, may_diverge, client)
            waiting = [job for job in waiting if job not in ready]


def _missing(jobs: Sequence[Job]) -> list[Job]:
    return [(study, task) for study, task in jobs if not study.is_trained(task)]


def _train(jobs: list[Job], may_diverge: bool, client: Any) -> None:
    from distributed import as_completed

    # every worker gets the pictures, so that none takes them along when it is lost
    distinct = {id(images): images for images in (study.faces.images for study, _ in jobs)}
    sent = dict(zip(distinct, client.scatter([*distinct.values()], broadcast=True), strict=True))
    units = {}

    def submit(job: Job) -> Any:
        study, task = job
        pictures = sent[id(study.faces.images)]
        unit = client.submit(_run, study.fitting(task), pictures, may_diverge, pure=False)
        units[unit] = job
        return unit

    waiting = as_completed([submit(job) for job in jobs], loop=client.loop)
    for unit in waiting:
        study, task = job = units.pop(unit)
        try:
            results = unit.result()
        except CancelledError:  # the worker was lost with the result in its hands
            log.warning("%s: its worker was lost; it is trained again", study.title(task))
            waiting.add(submit(job))
            continue
        if isinstance(results, str):
            log.warning("%s: %s", study.title(task), results)
        else:
            study.keep(task, results)
            log.info("%s is trained (%d to go)", study.title(task), len(units))


def _run(unit: Fitting, images: np.ndarray, may_diverge: bool) -> dict[str, Any] | str:
    """On a worker: the results of a unit, or why it has none."""
    try:
        return unit.run(images)
    except FloatingPointError as error:
        if not may_diverge:
            raise
        return str(error)


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """A client of a Dask scheduler."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "to spread a study over a cluster Dask is needed: pip install 'tinyvgg[dask]'"
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
