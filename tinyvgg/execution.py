"""Notebooks through papermill: executed copies, each with a stamp that says what it is of.

The stamp is in the copy's metadata: the run, the hash of the notebook's source, its parameters
and the seconds it took. A copy whose stamp still fits is not executed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

STAMP = "tinyvgg"  # the key of the stamp in a copy's metadata
AT_A_TIME = 2  # notebooks
RUN = "TINYVGG_RUN"  # tells a kernel of which run of the book it is


class BookError(RuntimeError):
    """The book cannot be made; the message says which part failed and what to do."""


def declared_parameters(notebook: Path) -> list[str]:
    """Names that the cell tagged ``parameters`` of a notebook sets."""
    from papermill import inspect_notebook

    logging.getLogger("papermill").setLevel(logging.WARNING)
    return list(inspect_notebook(str(notebook)))


def source_hash(text: str) -> str:
    """Hash of what a notebook says and does, whatever its outputs, ids and metadata; hex.

    Parameters
    ----------
    text : str
        The notebook's JSON.
    """
    said = [
        {
            "type": cell["cell_type"],
            "source": "".join(cell["source"]),
            "metadata": {k: v for k, v in cell["metadata"].items() if k in ("tags", "mystnb")},
            "attachments": cell.get("attachments", {}),
        }
        for cell in json.loads(text)["cells"]
    ]
    return content_hash(said)


def read_stamp(copy: Path) -> dict[str, Any]:
    """The stamp of an executed copy; empty if there is no copy, or no stamp in it."""
    try:
        stamp = json.loads(copy.read_text("utf8"))["metadata"].get(STAMP, {})
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def execute_all(
    chosen: list[Path],
    given: Mapping[str, Any],
    declared: Mapping[Path, list[str]],
    run: str,
    folder: Path,
) -> dict[str, dict[str, Any]]:
    """Execute the notebooks whose copy does not fit, a few at a time, in order."""
    done: dict[str, dict[str, Any]] = {}
    waiting = {}
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
            waiting[path] = (copy, stamp)
    if len(waiting) < len(chosen):
        log.info("%d of %d notebooks are unchanged", len(chosen) - len(waiting), len(chosen))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        running = {pool.submit(execute, path, *job): path for path, job in waiting.items()}
        for position, future in enumerate(as_completed(running), 1):
            try:
                seconds = future.result()
            except BookError:
                pool.shutdown(cancel_futures=True)
                raise
            name = running[future].stem
            done[name]["seconds"] = seconds
            log.info("%s took %.0f s (%d of %d)", name, seconds, position, len(running))
    return done


def execute(notebook: Path, copy: Path, stamp: Mapping[str, Any]) -> float:
    """Run one notebook through papermill, in its own folder, and keep the stamped copy.

    Parameters
    ----------
    notebook : path
    copy : path
        The executed notebook; it appears only when whole. A failed one is kept beside it, as
        ``<name>.failed.ipynb``.
    stamp : mapping
        Its "parameters" are injected; the whole goes to the copy's metadata.

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
    files = [str(notebook), str(partial), "--cwd", str(notebook.parent)]
    options = ["--kernel", "python3", "--no-progress-bar", "--log-level", "ERROR"]
    parameters = ["--parameters_yaml", json.dumps(stamp["parameters"])]
    ran = subprocess.run(
        [sys.executable, "-m", "papermill", *files, *options, *parameters],
        env=_environment(stamp),
        capture_output=True,
        text=True,
    )
    seconds = round(time.perf_counter() - clock, 1)
    if ran.returncode:
        where = ""
        if partial.exists():
            os.replace(partial, failed)
            where = f"\nThe failed copy: {failed}"
        reason = _error(failed) if where else None
        raise BookError(f"{notebook.name} failed: {reason or ran.stderr.strip()[-2000:]}{where}")
    executed = json.loads(partial.read_text("utf8"))
    for name in ("input_path", "output_path"):
        executed["metadata"].get("papermill", {}).pop(name, None)
    executed["metadata"][STAMP] = {**stamp, "seconds": seconds}
    write_json(partial, executed)
    os.replace(partial, copy)
    failed.unlink(missing_ok=True)
    return seconds


def _environment(stamp: Mapping[str, Any]) -> dict[str, str]:
    """Environment of a kernel: this Python's, no progress bars in pages, few quiet threads."""
    environment = {
        **os.environ,
        "JUPYTER_PREFER_ENV_PATH": "1",
        "TQDM_DISABLE": "1",
        RUN: stamp["run"],
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // AT_A_TIME)),
    }
    if profile := stamp["parameters"].get("profile"):
        environment["TINYVGG_PROFILE"] = profile
    return environment


def _error(failed: Path) -> str | None:
    """What the first cell with an error says of it."""
    for number, cell in enumerate(json.loads(failed.read_text("utf8"))["cells"]):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                source = "".join(cell["source"]).strip().splitlines()
                begins = source[0] if source else ""
                return f"cell {number} ({begins!r}): {output['ename']}: {output['evalue']}"
    return None


def write_json(path: Path, content: Any) -> None:
    """Write JSON under a temporary name, then rename: no reader sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf8")
    os.replace(temporary, path)


def content_hash(content: Any) -> str:
    """Hash of JSON content; 16 hex digits."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
