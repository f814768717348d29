"""The content of a folder of images: image files, skipped files, tables of labels."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tinyvgg.faces.problems import UNREADABLE, Problem, printable

log = logging.getLogger(__name__)

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".pgm", ".ppm", ".pnm", ".bmp", ".gif"),
    *(".tif", ".tiff", ".webp", ".avif", ".jp2", ".tga"),
)

TEXTS = (".txt", ".md", ".csv", ".json", ".html", ".htm", ".pdf", ".doc", ".docx", ".db", ".ini")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
SYSTEM_FOLDERS = (
    *("@eadir", "__macosx", "#recycle", "$recycle.bin", "lost+found", "thumbnails"),
    *("system volume information", "found.000"),
)


def open_folder(place: str) -> Path:
    """The folder of that name; otherwise, FileNotFoundError says what to give instead."""
    root = Path(place).expanduser()
    if root.is_dir():
        return root
    if root.suffix.lower() in ARCHIVES:
        raise FileNotFoundError(f"{place!r} is an archive; unpack it and give the resulting folder")
    if root.is_file():
        raise FileNotFoundError(f"{place!r} is a single file; give the folder that contains it")
    raise FileNotFoundError(f"no such folder: {place!r} (current directory: {Path.cwd()})")


def image_files(
    root: Path, place: str, any_ending: bool = False
) -> tuple[list[Path], list[Problem]]:
    """Image files below a folder; links are followed, and hidden files (.DS_Store) are skipped.

    The log counts other files and names empty folders and folders made by an operating system
    (thumbnails, additions to archives by a Mac). With `any_ending`, every file without the
    extension of a text file counts as an image.
    """
    paths: list[Path] = []
    problems: list[Problem] = []
    others: Counter[str] = Counter()

    def unreadable(error: OSError) -> None:
        folder = printable(Path(error.filename), root)
        problems.append(Problem(UNREADABLE, folder, error.strerror or "cannot be opened"))

    for home, folders, files in os.walk(root, onerror=unreadable, followlinks=True):
        system = [name for name in folders if name.casefold() in SYSTEM_FOLDERS]
        for name in system:
            where = printable(Path(home, name), root)
            log.warning(
                "%s: skipped the folder %s, which was made by an operating system", place, where
            )
        folders[:] = sorted(
            name for name in folders if name not in system and _goes_down(Path(home, name), root)
        )
        images = 0
        for path in (Path(home, name) for name in sorted(files) if not name.startswith(".")):
            ending = path.suffix.lower()
            if ending in TEXTS or not (any_ending or ending in SUFFIXES):
                others[path.suffix.lower() or path.name] += 1
                continue
            images += 1
            if path.exists() and not path.is_file():
                problems.append(Problem(UNREADABLE, printable(path, root), "not a file"))
            else:
                paths.append(path)
        if not images and not folders and Path(home) != root:
            log.warning("%s: the folder %s contains no images", place, printable(Path(home), root))
    if others:
        each = ", ".join(f"{suffix} ({count})" for suffix, count in others.most_common(10))
        log.warning("%s: skipped %d files of other types: %s", place, others.total(), each)
    if not paths and not problems:
        raise ValueError(f"no image in {place!r}; expected files of the types {' '.join(SUFFIXES)}")
    return paths, problems


def _goes_down(folder: Path, root: Path) -> bool:
    """Whether to look into a folder: not if it is hidden, or a link back to where we came from."""
    if folder.name.startswith("."):
        return False
    if not folder.is_symlink():
        return True
    above = [home for home in folder.parents if home == root or root in home.parents]
    return folder.resolve() not in [home.resolve() for home in above]


def natural(name: str) -> tuple:
    """Sort key by which s2 comes before s10."""
    pieces = re.split(r"(\d+)", name)
    return tuple((0, int(p)) if p.isdecimal() else (1, p) for p in pieces), name


def read_table(file: Path, needed: Sequence[str]) -> pd.DataFrame:
    """A CSV file as text, its columns stripped."""
    if not file.is_file():
        raise FileNotFoundError(f"no such file: {str(file)!r}")
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, UnicodeError) as error:  # pandas' own errors are ValueErrors
        raise ValueError(f"{file} is not a table of comma-separated values: {error}") from None
    table.columns = [str(name).strip() for name in table.columns]
    if lacking := [name for name in needed if name not in table.columns]:
        raise ValueError(
            f"{file}: missing column {', '.join(lacking)}; it has {', '.join(table.columns[:8])}"
        )
    return table
