"""The book: every notebook through papermill, then Jupyter Book over the executed copies.

An executed copy carries a stamp: the hash of the notebook's source, its parameters and the
run it belongs to. A copy whose stamp still fits is used again; `book/_ext/executed.py` refuses
to bind one that does not.
"""

from __future__ import annotations

import ast
import filecmp
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
STAMP = "tinyvgg"  # the key of the stamp in a copy's metadata
AT_A_TIME = 2  # notebooks

# Other people's scripts, which npm brings to node_modules/ and the book serves itself.
SCRIPTS = {
    "requirejs/require.js": "",
    "@jupyter-widgets/html-manager/dist/embed-amd.js": "",
    "@jupyter-widgets/html-manager/dist/*.woff2": "",
    "@jupyter-widgets/html-manager/dist/embed.js.LICENSE.txt": "",
    "mathjax/es5/tex-mml-chtml.js": "mathjax",
    "mathjax/es5/output/chtml/fonts/woff-v2/*.woff": "mathjax/output/chtml/fonts/woff-v2",
    "mathjax/LICENSE": "mathjax",
}


class BookError(RuntimeError):
    """The book cannot be made; the message says which part failed and what to do."""


def build(
    profile: str | None = None,
    faces: str = "synthetic",
    seed: int = 0,
    device: str = "auto",
    *,
    output: str | Path = ROOT,
    only: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
    root: Path = ROOT,
) -> dict[str, Any]:
    """Train what is missing, execute the notebooks that changed, bind the book.

    Parameters
    ----------
    profile, faces, seed, device
        The run, as in `tinyvgg.Study`.
    output : path
        The book goes to ``<output>/_build/html``, the executed notebooks and ``run.json``
        beside it.
    only : iterable of str
        Execute only the notebooks whose name begins so ("06"), and bind nothing.
    parameters : mapping, optional
        Values for parameters of the notebooks' own; each notebook gets those it declares.
    root : path
        Where ``_toc.yml`` and ``_config.yml`` are.

    Returns
    -------
    dict
        What ``run.json`` holds: the run's identity, and seconds in all and by notebook.

    Raises
    ------
    ValueError
        Unknown profile, source, seed, device, notebook or parameter.
    FileNotFoundError
        The sources of the book, a notebook of its contents, or the vendored scripts.
    BookError
        A notebook failed, or the book could not be bound without a warning.
    """
    from tinyvgg.study import Study

    started, clock = datetime.now(UTC), time.perf_counter()
    every = notebooks(root)
    chosen = _select(every, only)
    declared = {path: declared_parameters(path) for path in every}
    _refuse_unknown(parameters or {}, declared)
    study = Study(profile, faces, seed, device)

    build_folder = Path(output).resolve() / "_build"
    build_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(build_folder / "book.lock"):
        if not only:
            vendor_scripts(root)
            study.prepare()
            log.info("faces and networks are ready after %.0f s", time.perf_counter() - clock)
        identity = study.identity()
        run = run_id(identity)
        given = {
            "profile": identity["profile"],
            "faces": faces,
            "seed": seed,
            "device": device,
            **(parameters or {}),
        }
        done = _execute_all(chosen, given, declared, run, build_folder / "executed")
        record = {
            **identity,
            "run": run,
            "commit": commit(root),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - clock, 1),
            "notebooks": done,
        }
        if only:
            return record
        write_json(build_folder / "run.json", record)
        _bind(root, Path(output).resolve())
        record["seconds"] = round(time.perf_counter() - clock, 1)
        write_json(build_folder / "run.json", record)
    return record


def notebooks(root: Path = ROOT) -> list[Path]:
    """The notebooks of the table of contents, in its order."""
    import yaml

    contents = root / "_toc.yml"
    if not contents.is_file():
        raise FileNotFoundError(
            f"no {contents}: the book is made from a clone of the repository, with the package "
            "installed from it (make book does both)"
        )
    found = []
    for name in _files(yaml.safe_load(contents.read_text("utf8"))):
        if name.startswith("notebooks/"):
            path = root / f"{name.removesuffix('.ipynb')}.ipynb"
            if not path.is_file():
                raise FileNotFoundError(f"{contents} names {name}, but there is no {path}")
            found.append(path)
    return found


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
    return _hash(said)


def run_id(identity: Mapping[str, Any]) -> str:
    """Hash of a run's identity and of the whole package's source; hex."""
    return _hash([identity, _package_source()])


def read_stamp(copy: Path) -> dict[str, Any]:
    """The stamp of an executed copy; empty if there is no copy, or no stamp in it."""
    try:
        stamp = json.loads(copy.read_text("utf8"))["metadata"].get(STAMP, {})
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def commit(root: Path = ROOT) -> str:
    """The checkout's commit, with "-dirty" if tracked files were changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", root, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def vendor_scripts(root: Path = ROOT) -> None:
    """Copy the scripts that a page loads from ``node_modules`` to ``book/_static/vendor``.

    Raises
    ------
    FileNotFoundError
        ``npm ci`` has not been run.
    """
    for pattern, folder in SCRIPTS.items():
        sources = sorted((root / "node_modules").glob(pattern))
        if not sources:
            raise FileNotFoundError(
                f"no {root / 'node_modules' / pattern}: run `npm ci --ignore-scripts` in {root} "
                "(make book does)"
            )
        target = root / "book" / "_static" / "vendor" / folder
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            copy = target / source.name
            if not (copy.exists() and filecmp.cmp(source, copy, shallow=False)):
                shutil.copyfile(source, copy)


def write_json(path: Path, content: Any) -> None:
    """Write JSON under a temporary name, then rename: no reader sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf8")
    os.replace(temporary, path)


# ---------------------------------------------------------------------- checks


def _files(node: Any) -> list[str]:
    """Every ``root:`` and ``file:`` of a table of contents, in reading order."""
    if isinstance(node, list):
        return [name for item in node for name in _files(item)]
    if not isinstance(node, dict):
        return []
    here = [node[key] for key in ("root", "file") if key in node]
    return here + [name for value in node.values() for name in _files(value)]


def _select(every: list[Path], only: Iterable[str]) -> list[Path]:
    wanted = [Path(name).name.removesuffix(".ipynb") for name in only]
    for name in wanted:
        if not any(path.stem.startswith(name) for path in every):
            known = ", ".join(path.stem for path in every) or "none yet"
            raise ValueError(f"unknown notebook {name!r}: choose among {known}")
    return [path for path in every if not wanted or path.stem.startswith(tuple(wanted))]


def _refuse_unknown(given: Mapping[str, Any], declared: Mapping[Path, list[str]]) -> None:
    known = sorted({name for names in declared.values() for name in names})
    for name in given:
        if name in ("profile", "faces", "seed", "device"):
            raise ValueError(f"{name} is a parameter of the whole run: give it by its own option")
        if name not in known:
            raise ValueError(
                f"unknown parameter {name!r}: the notebooks know {', '.join(known) or 'none'}"
            )


# ---------------------------------------------------------------------- execution


def _execute_all(
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


# ---------------------------------------------------------------------- binding


def _bind(root: Path, output: Path) -> None:
    clock = time.perf_counter()
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    options = [str(root), "-W", "-n", "--keep-going", "--all", "--path-output", str(output)]
    executed = output / "_build" / "executed"
    ran = subprocess.run(
        [*command, *options],
        env={**os.environ, "TINYVGG_EXECUTED": str(executed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)  # colours
    report = output / "_build" / "jupyter-book.log"
    report.write_text(said, "utf8")
    page = output / "_build" / "html" / "index.html"
    if ran.returncode or not page.is_file():
        lines = said.splitlines()
        reason = "\n".join([x for x in lines if "WARNING" in x or "ERROR" in x] or lines[-20:])
        raise BookError(f"the book could not be bound without a warning:\n{reason}\nAll: {report}")
    log.info("bound in %.0f s: %s", time.perf_counter() - clock, page)


def _package_source() -> dict[str, str]:
    """Hash of every file of the package but those that only run the book."""
    package = Path(__file__).resolve().parent
    found = {}
    for path in sorted(package.rglob("*")):
        if path.suffix not in (".py", ".js", ".css", ".npz") or path.name in _NOT_IN_NOTEBOOKS:
            continue
        content = path.read_bytes()
        if path.suffix == ".py":  # comments and layout do not count
            content = ast.dump(ast.parse(content)).encode()
        name = path.relative_to(package).as_posix()
        found[name] = hashlib.blake2b(content, digest_size=16).hexdigest()
    return found


_NOT_IN_NOTEBOOKS = ("book.py", "__main__.py")


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
