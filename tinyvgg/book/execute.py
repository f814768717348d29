"""Execute notebooks with papermill: copies, each with a stamp that identifies it.

The stamp is in the metadata of the copy: the run, the hash of the notebook's source, its
parameters and the seconds that it took. A copy whose stamp still matches is not executed again.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tinyvgg.runs.jobs import Job, Processes
from tinyvgg.storage.files import content_hash, write_json

log = logging.getLogger(__name__)

STAMP = "tinyvgg"  # the key of the stamp in a copy's metadata
PHOTOGRAPHS = "photographs"  # the network of the page on real faces
MOST = 4  # jobs at a time: each holds the faces and a network in memory
KERNELS = "tinyvgg-forked"  # what starts them: the entry point of `kernels.ForkedProvisioner`
KERNEL_OUTPUT = "TINYVGG_KERNEL_OUTPUT"  # a file for what a kernel writes beside its cells
RUN = "TINYVGG_RUN"  # tells a kernel of which run of the book it is


class BookError(RuntimeError):
    """The book cannot be built; the message names the part that failed and what to do."""


def declared_parameters(notebook: Path) -> list[str]:
    """Names that the cell tagged ``parameters`` of a notebook sets."""
    from papermill import inspect_notebook

    logging.getLogger("papermill").setLevel(logging.WARNING)
    return list(inspect_notebook(str(notebook)))


def source_hash(text: str) -> str:
    """Hash of the text and code of a notebook, whatever its outputs, ids and metadata; hex.

    Parameters
    ----------
    text : str
        The notebook's JSON.
    """
    content = [
        {
            "type": cell["cell_type"],
            "source": "".join(cell["source"]),
            "metadata": {k: v for k, v in cell["metadata"].items() if k in ("tags", "mystnb")},
            "attachments": cell.get("attachments", {}),
        }
        for cell in json.loads(text)["cells"]
    ]
    return content_hash(content)


def read_stamp(copy: Path) -> dict[str, Any]:
    """The stamp of an executed copy; empty if there is no copy, or no stamp in it."""
    try:
        stamp = json.loads(copy.read_text("utf8"))["metadata"].get(STAMP, {})
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def at_a_time() -> int:
    """How many jobs run in parallel: as many as there are processors, up to a limit."""
    import joblib

    return max(1, min(joblib.cpu_count(), MOST))


def plan(
    chosen: list[Path],
    given: Mapping[str, Any],
    declared: Mapping[Path, list[str]],
    run: str,
    folder: Path,
    networks: frozenset[str] = frozenset(),
) -> tuple[dict[str, dict[str, Any]], list[Job]]:
    """Which notebooks have a matching copy, and the jobs that execute the others.

    Parameters
    ----------
    chosen : list of path
    given : mapping
        Parameters; each notebook gets those it declares.
    declared : mapping of path to list of str
    run : str
        Identity of the run.
    folder : path
        Of the executed copies.
    networks : frozenset of str
        Names of the jobs that train networks. A notebook waits for those of `networks_needed`;
        those that need fewer come first, so that there is something to do while the longest
        training goes on. Of those that need as many, the ones marked ``"early": true`` come first:
        they compute what others find in the store and would otherwise wait for, or take longest.

    Returns
    -------
    done : dict
        By notebook, in the order of the book: seconds (None if unknown) and whether the copy is
        reused.
    jobs : list of Job
        Their result is the seconds that the notebook took.
    """
    done: dict[str, dict[str, Any]] = {}
    jobs = []
    for path in chosen:
        stamp = {
            "run": run,
            "source": source_hash(path.read_text("utf8")),
            "parameters": {k: v for k, v in given.items() if k in declared[path]},
        }
        copy = folder / "notebooks" / path.name
        before = read_stamp(copy)
        reused = "seconds" in before and {k: before.get(k) for k in stamp} == stamp
        done[path.stem] = {"seconds": before.get("seconds"), "reused": reused}
        if not reused:
            work = partial(execute, path, copy, stamp)
            jobs.append(Job(path.stem, work, networks_needed(path, networks)))
    early = {path.stem for path in chosen if _about(path).get("early")}
    return done, sorted(jobs, key=lambda job: (len(job.needs), job.name not in early))


def _about(notebook: Path) -> dict[str, Any]:
    """What the metadata of a notebook say of how to execute it."""
    return json.loads(notebook.read_text("utf8"))["metadata"].get(STAMP, {})


def networks_needed(notebook: Path, every: frozenset[str]) -> frozenset[str]:
    """The networks that a notebook names (``"tinyvgg": {"networks": ["face"]}`` in its metadata).

    Those of the faces, if it names none: only the page on photographs needs theirs.

    Raises
    ------
    ValueError
        It names one that the book does not train.
    """
    said = _about(notebook).get("networks")
    if said is None:
        return every - {PHOTOGRAPHS}
    if unknown := sorted(set(said) - {"face", "emotion", PHOTOGRAPHS}):
        raise ValueError(
            f"{notebook.name} needs an unknown network {', '.join(unknown)}: "
            f"choose among face, emotion, {PHOTOGRAPHS}"
        )
    # without people the other task stands in, and its network is none of those named
    return every & frozenset(said) or (every if said else frozenset())


def execute(notebook: Path, copy: Path, stamp: Mapping[str, Any], processes: Processes) -> float:
    """Run one notebook through papermill, in its own folder, and keep the stamped copy.

    Parameters
    ----------
    notebook : path
    copy : path
        The executed notebook; it appears only when whole. A failed one is written beside it, as
        ``<name>.failed.ipynb``.
    stamp : mapping
        Its "parameters" are injected; the whole goes to the copy's metadata.
    processes : Processes
        Papermill runs in one of them.

    Returns
    -------
    float
        The seconds it took.

    Raises
    ------
    BookError
        A cell failed, or the kernel died.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_name(f"{copy.stem}.running.ipynb")
    partial.unlink(missing_ok=True)  # of a run that was interrupted
    failed = copy.with_name(f"{copy.stem}.failed.ipynb")
    clock = time.perf_counter()
    parameters = stamp["parameters"]
    said = processes.call(_papermill, notebook, partial, parameters, _environment(stamp))
    seconds = round(time.perf_counter() - clock, 1)
    if said and partial.exists() and (why := _unmade(partial)):
        write_json(partial, page_that_says(json.loads(notebook.read_text("utf8")), why))
    elif said:
        where = ""
        if partial.exists():
            partial.replace(failed)
            where = f"\nFailed copy: {failed}"
        reason = _error(failed) if where else None
        raise BookError(f"{notebook.name} failed: {reason or said}{where}")
    executed = json.loads(partial.read_text("utf8"))
    for name in ("input_path", "output_path"):
        executed["metadata"].get("papermill", {}).pop(name, None)
    executed["metadata"][STAMP] = {**stamp, "seconds": seconds}
    write_json(copy, executed)
    partial.unlink()
    failed.unlink(missing_ok=True)
    return seconds


def _papermill(
    notebook: Path, copy: Path, parameters: Mapping[str, Any], environment: Mapping[str, str]
) -> str:
    """In a process that may serve again: run a notebook; say what went wrong, if anything did."""
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    class WriteOnce(NBClientEngine):
        """Writes the copy when it ends, and not twice for each cell."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, *given: Any, **options: Any) -> None:
            path, nb_man.output_path = nb_man.output_path, None
            try:
                super().execute_managed_notebook(nb_man, *given, **options)
            finally:
                nb_man.output_path = path

    papermill_engines.register(WriteOnce.__name__, WriteOnce)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    options = {
        "engine_name": WriteOnce.__name__,
        "kernel_name": "python3",
        "cwd": notebook.parent,
        "progress_bar": False,
    }
    before = dict(os.environ)
    os.environ.update(environment)  # which the kernel inherits
    try:
        with _kept_from_terminal() as said:
            papermill.execute_notebook(notebook, copy, dict(parameters), **options)
    except Exception as error:
        return f"{error}\n{said()}".strip()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return ""


@contextmanager
def _kept_from_terminal() -> Iterator[Callable[[], str]]:
    """Catch what this process and those that it starts write; call what is given for its end."""
    streams = (sys.stdout, sys.stderr)
    with tempfile.NamedTemporaryFile("w+", encoding="utf8", errors="replace") as caught:
        os.environ[KERNEL_OUTPUT] = caught.name
        kept = [(number, os.dup(number)) for number in (1, 2)]
        end = ""
        try:
            for number, _ in kept:
                os.dup2(caught.fileno(), number)
            yield lambda: end
        finally:
            for stream in streams:
                stream.flush()
            for number, before in kept:
                os.dup2(before, number)
                os.close(before)
            caught.seek(0)
            end = caught.read()[-2000:]


def _environment(stamp: Mapping[str, Any]) -> dict[str, str]:
    """Of a kernel: this Python's, no progress bars in pages, few quiet threads."""
    environment = {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_DEFAULT_PROVISIONER_NAME": KERNELS,
        "TQDM_DISABLE": "1",
        "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",  # of kernels that were ended
        RUN: stamp["run"],
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_a_time())),
    }
    if profile := stamp["parameters"].get("profile"):
        environment["TINYVGG_PROFILE"] = profile
    return environment


def _unmade(copy: Path) -> str:
    """Why a page cannot be made from these images; empty if it ended for another reason."""
    outputs = (
        output
        for cell in json.loads(copy.read_text("utf8"))["cells"]
        for output in cell.get("outputs", [])
    )
    errors = (output for output in outputs if output["output_type"] == "error")
    return next((e["evalue"] for e in errors if e["ename"] == "LabelsMissing"), "")


def page_that_says(notebook: dict[str, Any], why: str) -> dict[str, Any]:
    """A page in place of one that cannot be made: its title and the reason."""
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    title = "".join(first["source"]).splitlines()[0]
    cell = {**first, "source": f"{title}\n\n```{{note}}\n{why}\n```\n"}
    return {**notebook, "cells": [cell]}


def _error(failed: Path) -> str | None:
    """The first cell with an error, and its message."""
    for number, cell in enumerate(json.loads(failed.read_text("utf8"))["cells"]):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                source = "".join(cell["source"]).strip().splitlines()
                begins = source[0] if source else ""
                return f"cell {number} ({begins!r}): {output['ename']}: {output['evalue']}"
    return None
