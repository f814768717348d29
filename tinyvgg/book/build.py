"""The book: train, execute every notebook, then run Jupyter Book on the executed copies.

`book/_ext/executed.py` shows the copies in place of the sources and refuses a copy that is
missing, stale or of another run.
"""

from __future__ import annotations

import filecmp
import itertools
import logging
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from tinyvgg.book.execute import BookError, at_a_time, declared_parameters, plan
from tinyvgg.book.unknown import known_labels
from tinyvgg.runs.jobs import Job, Processes, run_jobs
from tinyvgg.runs.parallel import training_jobs
from tinyvgg.runs.records import commit, default_folder
from tinyvgg.storage.files import content_hash, write_json
from tinyvgg.storage.fingerprint import package_source

if TYPE_CHECKING:
    from tinyvgg.runs.study import Study

    Networks = Mapping[str, tuple[Study, str]]

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
PDF = "book.pdf"
VERDICTS = "12_verdicts"  # the notebook whose verdicts are also written to a file
EXPLORER = "11_explorer"  # the notebook whose page needs the explorer's files
DIGITS = "18_other_networks"  # the one whose page explores digits too

# Third-party scripts that npm installs in node_modules/ and the book serves itself.
SCRIPTS = {
    "mathjax/es5/tex-mml-chtml.js": "mathjax",
    "mathjax/es5/output/chtml/fonts/woff-v2/*.woff": "mathjax/output/chtml/fonts/woff-v2",
    "mathjax/LICENSE": "mathjax",
    "@popperjs/core/dist/umd/popper.min.js": "tippy",
    "tippy.js/dist/tippy-bundle.umd.min.js": "tippy",
    "tippy.js/LICENSE": "tippy",
}


def build(
    profile: str | None = None,
    faces: str = "synthetic",
    seed: int = 0,
    device: str = "auto",
    *,
    unseen_subjects: bool = False,
    output: str | Path = ROOT,
    only: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
    pdf: bool = False,
    root: Path = ROOT,
) -> dict[str, Any]:
    """Train missing networks, execute the notebooks that have changed, build the book.

    Parameters
    ----------
    profile, faces, seed, device, unseen_subjects
        The run, as in `tinyvgg.Study`.
    output : path
        The book goes to ``<output>/_build/html``; the executed notebooks, the explorer's files,
        ``run.json`` and ``claims.json``, the ledger of the verdicts, beside it.
    only : iterable of str
        Execute only the notebooks whose names begin like this ("06"), and do not build the book.
    parameters : mapping, optional
        Values for parameters of individual notebooks; each gets those that it declares.
    pdf : bool
        Also print the whole book to ``book.pdf``, with Chromium.
    root : path
        The folder of ``_toc.yml`` and ``_config.yml``.

    Returns
    -------
    dict
        The content of ``run.json``: the run's identity, and the seconds in total and by notebook.

    Raises
    ------
    ValueError
        Unknown profile, source, seed, device, notebook or parameter.
    FileNotFoundError
        The sources of the book, a notebook of its contents, or the vendored scripts are missing.
    BookError
        A notebook failed, or the book could not be built without warnings.
    """
    from tinyvgg.book.forecast import outlook
    from tinyvgg.runs.study import Study
    from tinyvgg.verdicts.ledger import write_claims

    started, clock = datetime.now(UTC), time.perf_counter()
    every = notebooks(root)
    chosen = _select(every, only)
    declared = {path: declared_parameters(path) for path in every}
    _refuse_unknown(parameters or {}, declared)
    study = Study(profile, faces, seed, device, unseen_subjects=unseen_subjects)

    build_folder = Path(output).resolve() / "_build"
    build_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(build_folder / "book.lock"):
        networks: Networks = {}
        if not only:
            vendor_scripts(root)
            networks = distinct(study.networks())
        training = training_jobs(networks)
        needed = frozenset(job.name for job in training)
        for name in filter(lambda name: name not in needed, networks):
            log.info(accuracy(*networks[name]))
        identity = study.identity()
        run = run_id(identity)
        given = {
            "profile": identity["profile"],
            "faces": study.source,
            "seed": seed,
            "device": device,
            "unseen_subjects": unseen_subjects,
            **(parameters or {}),
        }
        executed = build_folder / "executed"
        done, executing = plan(chosen, given, declared, run, executed, needed)
        if len(executing) < len(chosen):
            log.info("%d of %d notebooks are up to date", len(chosen) - len(executing), len(chosen))
        if not only:
            waiting = [networks[job.name] for job in training]
            seconds = {job.name: done[job.name]["seconds"] for job in executing}
            log.info(outlook(study, waiting, seconds))
        count = itertools.count(1)

        def note(job: Job, seconds: float) -> None:
            if job in executing:
                if job.name in failures:
                    return log.warning(failures[job.name])
                done[job.name]["seconds"] = seconds
                words = "%s took %.0f s (%d of %d)"
                log.info(words, job.name, seconds, next(count), len(executing))
            else:
                log.info("%s (trained in %.0f s)", accuracy(*networks[job.name]), seconds)

        failures: dict[str, str] = {}
        executing = [replace(job, run=partial(_attempt, job, failures)) for job in executing]
        run_jobs([*training, *executing], at_a_time(), note)
        if failures:
            listed = "\n".join(failures.values())
            raise BookError(
                f"{len(failures)} of {len(chosen)} notebooks failed (the others and the networks "
                f"are kept):\n{listed}"
            )
        labels = known_labels(study.faces.table)
        record = {
            **identity,
            "run": run,
            "labels": labels,
            "commit": commit(root),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - clock, 1),
            "cost": cost(study.store.root, build_folder)
            | {"reused": len(training) < len(networks) or len(executing) < len(chosen)},
            "notebooks": done,
        }
        if only:
            return record
        write_json(build_folder / "run.json", record)
        ledger = build_folder / "claims.json"  # the verdicts that the book shows, for programs
        if VERDICTS in done:
            write_claims(ledger, study, run=run)
        if EXPLORER in done:
            _write_explorer(build_folder, study, DIGITS in done)
        (build_folder / PDF).unlink(missing_ok=True)  # that of another run
        if pdf:
            _print(root, Path(output).resolve())
        _bind(root, Path(output).resolve())
        if VERDICTS in done:
            shutil.copyfile(ledger, build_folder / "html" / ledger.name)
        record["seconds"] = round(time.perf_counter() - clock, 1)
        write_json(build_folder / "run.json", record)
    return record


def distinct(networks: Networks) -> Networks:
    """Each network once, under its first name: that of the photographs may be that of the faces."""
    keys = {name: content_hash(study.recipe(task)) for name, (study, task) in networks.items()}
    first = {key: name for name, key in reversed(keys.items())}
    return {name: networks[name] for name, key in keys.items() if first[key] == name}


def _attempt(job: Job, failures: dict[str, str], processes: Processes) -> float:
    """Execute a notebook; a failure is noted and does not stop the others."""
    try:
        return job.run(processes)
    except BookError as error:
        failures[job.name] = str(error)
        return math.nan


def cost(*folders: Path) -> dict[str, int]:
    """What the run took: bytes of its largest process and of some folders; processors."""
    kilobytes = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return {
        "processors": os.cpu_count() or 1,
        "memory": 1024 * kilobytes if sys.platform == "linux" else kilobytes,
        "disk": sum(path.stat().st_size for path in files),
    }


def accuracy(study: Study, task: str) -> str:
    """The test accuracy of a trained network, in words."""
    percent = 100 * study.outcomes(task).correct.mean()
    return f"{study.source}, {task} task: {percent:.2f} % of the test images classified correctly"


def notebooks(root: Path = ROOT) -> list[Path]:
    """The notebooks of the table of contents, in its order."""
    import yaml

    contents = root / "_toc.yml"
    if not contents.is_file():
        raise FileNotFoundError(
            f"{contents} does not exist: the book is built from a clone of the repository in which "
            "the package is installed (use make book)"
        )
    found = []
    for name in _files(yaml.safe_load(contents.read_text("utf8"))):
        if name.startswith("notebooks/"):
            path = root / f"{name.removesuffix('.ipynb')}.ipynb"
            if not path.is_file():
                raise FileNotFoundError(f"{contents} names {name}, but {path} does not exist")
            found.append(path)
    return found


def run_id(identity: Mapping[str, Any]) -> str:
    """Hash of a run's identity, the package's source, the records and the benchmarks; hex."""
    from tinyvgg import bench

    records = {path.name: path.read_text("utf8") for path in default_folder().glob("*.json")}
    timed = [bench.latest(device) for device in bench.NAMES]
    return content_hash([identity, package_source(), records, timed])


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
                f"{root / 'node_modules' / pattern} does not exist: run "
                f"`npm ci --ignore-scripts` in {root} (make book does this)"
            )
        target = root / "book" / "_static" / "vendor" / folder
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            copy = target / source.name
            if not (copy.exists() and filecmp.cmp(source, copy, shallow=False)):
                shutil.copyfile(source, copy)


def _write_explorer(build_folder: Path, study: Any, digits: bool) -> None:
    """The files that the explorers of the pages load; those of the digits if a page uses them."""
    from tinyvgg.experiments.digits import load_digits
    from tinyvgg.explorer.examples import digits_gallery
    from tinyvgg.explorer.gallery import study_gallery
    from tinyvgg.explorer.pack import cached_pack
    from tinyvgg.explorer.static import write_explorer

    galleries = {task: study_gallery(study, task) for task in study.tasks}
    if digits:
        with suppress(ModuleNotFoundError):  # the page says that they are missing
            galleries["digits"] = digits_gallery(load_digits(), study.store, study.seed)
    packs = {task: cached_pack(gallery, study.store)[1] for task, gallery in galleries.items()}
    write_explorer(build_folder / "explorer", packs)


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
        if name in ("profile", "faces", "seed", "device", "unseen_subjects"):
            raise ValueError(
                f"{name} is a parameter of the whole run; use its own option instead of -p"
            )
        if name not in known:
            raise ValueError(
                f"unknown parameter {name!r}; the notebooks have {', '.join(known) or 'none'}"
            )


# ---------------------------------------------------------------------- binding


def _bind(root: Path, output: Path) -> None:
    clock = time.perf_counter()
    page = output / "_build" / "html" / "index.html"
    _sphinx(root, output, page)
    log.info("pages built in %.0f s: %s", time.perf_counter() - clock, page)


def _print(root: Path, output: Path) -> None:
    """The book as a PDF file beside the others, which the first page then offers."""
    from tinyvgg.book.pdf import print_pdf

    folder = output / "_build" / "singlehtml"
    made = folder / "book" / "intro.html"
    _sphinx(root, output, made, "--builder", "custom", "--custom-builder", "singlehtml")
    page = folder / "book.html"  # its links count from here, wherever Sphinx puts it
    named = re.compile(r"document-[\w/-]+")  # anchors of pages; the theme's script wants no slash
    text = named.sub(lambda name: name[0].replace("/", "-"), made.read_text("utf8"))
    page.write_text(text, "utf8")
    print_pdf(page, output / "_build" / PDF)


def _sphinx(root: Path, output: Path, page: Path, *builder: str) -> None:
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    options = [str(root), "-W", "-n", "--keep-going", "--all", "--path-output", str(output)]
    executed = output / "_build" / "executed"
    ran = subprocess.run(
        [*command, *options, *builder],
        env={**os.environ, "TINYVGG_EXECUTED": str(executed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)  # colours
    report = output / "_build" / "jupyter-book.log"
    report.write_text(said, "utf8")
    if ran.returncode or not page.is_file():
        lines = said.splitlines()
        reason = "\n".join([x for x in lines if "WARNING" in x or "ERROR" in x] or lines[-20:])
        raise BookError(
            f"the book could not be built without warnings:\n{reason}\nFull log: {report}"
        )
