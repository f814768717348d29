"""The synthetic faces as a folder of images in RaFD's format.

Programs that read RaFD can be tried on them. Because the file names are RaFD's, each file states
in its metadata that it is synthetic (`tinyvgg.faces.mark`), and so does a note in the folder.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from joblib import Parallel, cpu_count, delayed

from tinyvgg.faces.design import check_workers, full_design
from tinyvgg.faces.mark import MARK, save_rendered
from tinyvgg.faces.synthetic import basis_fingerprint
from tinyvgg.faces.synthetic.rendering.photograph import HEIGHT, film_size, take_photographs
from tinyvgg.storage.files import write_text
from tinyvgg.storage.fingerprint import code_fingerprint, modules_of
from tinyvgg.storage.progress import progress_bar

log = logging.getLogger(__name__)

SHOT = ["subject", "group", "gender", "emotion", "gaze"]  # what all cameras see together
MANIFEST, NOTE, LOCK = "synthetic.json", "README.txt", ".export.lock"
# Roughly, for a photograph of full size on one core, and of its file; and by which powers of the
# height smaller ones cost less, as measured from 128 to 1024 pixels.
SECONDS, BYTES = 2.0, 100_000
SECONDS_POWER, BYTES_POWER = 2.0, 1.4
NOTE_TEXT = f"""\
These images are not photographs.

{MARK}. The people do not exist: numpy renders them from
a parametric head (MakeHuman's, CC0). File names, framing and the design of 67 subjects x 8
emotions x 3 gazes x 5 camera angles are those of the Radboud Faces Database (RaFD), so that
programs that read RaFD can read this folder. No RaFD photograph was used. Every file repeats
this in its JPEG comment and in EXIF. Nothing measured on these faces says anything about
real ones.

{MANIFEST} records the settings. To resume an interrupted export, repeat the command:
python -m tinyvgg faces export THIS_FOLDER{{option}}
"""


def export_faces(
    folder: str | Path,
    subjects: int | None = None,
    angles: Iterable[int] | None = None,
    workers: int | None = None,
    progress: bool = True,
    height: int = HEIGHT,
) -> int:
    """Write the synthetic set as JPEG files of 681 x 1024 pixels, or fewer, under RaFD's names.

    A file that an earlier export of the same settings finished is kept, so that what was
    interrupted goes on where it stopped, and a part can be completed later.

    Parameters
    ----------
    folder
        Made if needed. It may hold an earlier export of the same settings, and nothing else.
    subjects
        The first so many of the 67 people; None for all.
    angles
        Camera angles in degrees; None for all five.
    workers
        Processes to render in; by default one per core.
    progress
        Show a progress bar.
    height
        Of the photographs, in pixels, 128 to 1024; their width follows in RaFD's proportions.
        Smaller ones show the same in less time: faces stand at the same fractions of the picture.

    Returns
    -------
    How many files were written.

    Raises
    ------
    ValueError
        If the folder holds other things or faces of another size or other settings, or an
        option is out of range.
    OSError
        If the disk has no room, or the folder cannot be written.
    """
    return write_photographs(full_design(subjects, angles), folder, workers, progress, height)


def write_photographs(
    table: pd.DataFrame,
    folder: str | Path,
    workers: int | None = None,
    progress: bool = True,
    height: int = HEIGHT,
) -> int:
    """Write one photograph for each row of a part of the full design; see `export_faces`."""
    folder = Path(folder).expanduser()
    workers = check_workers(workers) or cpu_count()  # those that this process may use
    settings = _settings(height)
    made_by = "{made_by}, head {head:.8}, code {code:.8}".format(**settings)
    _check_folder(folder, settings)
    missing = table[[not _is_whole(folder / name) for name in table.source]]
    _announce(folder, len(table), len(missing), workers, height)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            for left_over in folder.glob(".Rafd*.part"):
                left_over.unlink()
            option = "" if height == HEIGHT else f" --height {height}"
            write_text(folder / NOTE, NOTE_TEXT.format(option=option))
            write_text(folder / MANIFEST, json.dumps(settings, indent=2) + "\n")
            with progress_bar(
                desc="images",
                unit="files",
                total=len(table),
                initial=len(table) - len(missing),
                shown=progress,
            ) as bar:
                pool = Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered")
                for count in pool(
                    delayed(_photograph)(shot, files, folder, made_by, height)
                    for shot, files in missing.groupby(SHOT, sort=False)
                ):
                    bar.update(count)
    except Timeout:
        raise ValueError(f"another export is already writing to {folder}") from None
    return len(missing)


def _settings(height: int) -> dict[str, Any]:
    """What decides on the pixels: their number, the head's data, the code that photographs it."""
    return {
        "what": MARK,
        "made_by": f"tinyvgg {version('tinyvgg')}",
        "pixels": list(film_size(height)),
        "head": basis_fingerprint(),
        "code": code_fingerprint(*modules_of(take_photographs)),
    }


def _check_folder(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse a folder that holds anything but an export of these settings."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a folder")
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    ours = {MANIFEST, NOTE, *full_design(angles=None).source}
    others = sorted(names - ours if MANIFEST in names else names - {NOTE})
    if others:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise ValueError(
            f"{folder} contains {len(others)} other file(s): {shown}; choose a new or empty "
            "folder, or that of an earlier export"
        )
    if MANIFEST in names:
        try:
            known = json.loads((folder / MANIFEST).read_text("utf8"))
        except ValueError:
            known = None
        if known != settings:
            raise ValueError(f"{folder} contains {_other(known, settings)}")


def _other(known: object, settings: dict[str, Any]) -> str:
    """What a folder holds whose settings are not the present ones, and what to do."""
    pixels = known.get("pixels") if isinstance(known, dict) else None
    if known == {**settings, "pixels": pixels} and isinstance(pixels, list) and len(pixels) == 2:
        there, wanted = (" x ".join(map(str, each)) for each in (pixels, settings["pixels"]))
        return (
            f"images of {there} pixels, but {wanted} were requested; use the height {pixels[1]} to "
            "resume that export, or choose another folder"
        )
    return (
        f"faces with other settings or of another version, according to its {MANIFEST}; choose "
        "another folder, or remove this one first"
    )


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-2, os.SEEK_END)
            return file.read() == b"\xff\xd9"  # the end of a JPEG file
    except OSError:  # absent, or shorter than two bytes
        return False


def _announce(folder: Path, total: int, missing: int, workers: int, height: int) -> None:
    """Say what will be done; refuse if the disk has no room for it."""
    kept = f"; {total - missing:,} exist already" if missing < total else ""
    if not missing:
        log.info("%s: all %s images exist already", folder, f"{total:,}")
        return
    width, height = film_size(height)
    minutes = missing * SECONDS * (height / HEIGHT) ** SECONDS_POWER / workers / 60
    size = missing * BYTES * (height / HEIGHT) ** BYTES_POWER
    time = f"{minutes / 60:.1f} h" if minutes > 90 else f"{max(minutes, 1):.0f} min"
    log.info(
        f"{folder}: rendering {missing:,} images of {width} x {height} pixels, about "
        f"{max(size / 1e6, 1):,.0f} MB and {time} with {workers} process(es){kept}"
    )
    home = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(home).free
    if free < size:
        raise OSError(
            f"not enough space on the disk of {folder}: {size / 1e6:,.0f} MB are needed, "
            f"{free / 1e6:,.0f} MB are free"
        )


def _photograph(
    shot: tuple[int, str, str, str, str],
    files: pd.DataFrame,
    folder: Path,
    made_by: str,
    height: int,
) -> int:
    """Take one shot from the angles of some rows of the design, and write their files."""
    pictures = take_photographs(*shot, tuple(files.angle), height)
    for name, picture in zip(files.source, pictures, strict=True):
        save_rendered(picture, folder / name, made_by)
    return len(pictures)
