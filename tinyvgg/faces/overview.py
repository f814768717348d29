"""The content of a source, in words and as a contact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from PIL import Image

from tinyvgg.faces.faceset import PERSON, TASKS, FaceSet
from tinyvgg.faces.split import split

LABELS = ("subject", "emotion", "gaze", "angle", "gender", "group")
CELLS = LABELS[:4]  # the factors of the design

# Longer lists are shortened.
SHOWN = 12


def describe(faces: FaceSet) -> str:
    """Count images by label, list missing and unusable ones, and say which tasks are possible.

    Parameters
    ----------
    faces
        Images of any source.

    Returns
    -------
    str
        Several lines: the counts by label; combinations of person, emotion, gaze and angle that
        no image has; every file that was left out, with the reason; for each task the split, or
        why it is not possible.
    """
    return "\n".join(_lines(faces))


def contact_sheet(faces: FaceSet, count: int) -> tuple[Image.Image, int]:
    """Return a square sheet of images taken at equal steps through a set, and their number.

    Raises
    ------
    ValueError
        If `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    rows = np.linspace(0, len(faces) - 1, min(count, len(faces))).round().astype(int)
    columns = int(np.ceil(np.sqrt(len(rows))))
    side = faces.size
    sheet = Image.new("RGB", (columns * side, -(-len(rows) // columns) * side), "white")
    for place, row in enumerate(rows):
        at = (place % columns * side, place // columns * side)
        sheet.paste(Image.fromarray(faces.images[row]), at)
    return sheet, len(rows)


def _lines(faces: FaceSet) -> Iterator[str]:
    yield f"{faces.name}: {len(faces)} images of {faces.size} x {faces.size} pixels"
    for label in LABELS:
        named = label == "subject" and PERSON in faces.table
        counts = faces.table[PERSON if named else label].value_counts(sort=False)
        if not named:
            counts = counts.sort_index()
        if len(counts) > SHOWN:
            yield f"  {label}: {len(counts)}, with {counts.min()} to {counts.max()} images each"
        elif len(counts):
            yield f"  {label}: " + ", ".join(f"{value} ({n})" for value, n in counts.items())
        else:
            yield f"  {label}: unknown"
    yield from _missing(faces)
    for path, reason in faces.left_out:
        yield f"  left out {path}: {reason}"
    for task in TASKS:
        yield f"  {task} task: {_says(faces, task)}"
    yield f"  fingerprint: {faces.fingerprint}"


def _missing(faces: FaceSet) -> Iterator[str]:
    """The combinations of known labels that no image has."""
    table = faces.table
    factors = [name for name in CELLS if table[name].notna().all() and table[name].nunique() > 1]
    if len(factors) < 2:
        return
    seen = table[factors].drop_duplicates()
    values = {label: sorted(seen[label].unique()) for label in factors}
    cells = prod(map(len, values.values()))
    design = " x ".join(f"{len(values[label])} {label}s" for label in factors)
    missing = cells - len(seen)
    if not missing:
        yield f"  design: {design}, complete"
        return
    yield f"  design: {design}; {missing} of {cells} combinations are missing"
    for label in factors:
        counts = seen[label].value_counts().reindex(values[label])
        full = cells // len(values[label])
        less = [f"{value} ({full - n})" for value, n in counts.items() if n < full]
        more = f" and {len(less) - SHOWN} more" if len(less) > SHOWN else ""
        yield f"    by {label}: {', '.join(less[:SHOWN])}{more}"


def _says(faces: FaceSet, task: str) -> str:
    if faces.table[TASKS[task]].isna().all():
        return f"not possible (no {TASKS[task]} labels)"
    try:
        parts = split(faces, task)
    except ValueError as error:
        return f"not possible ({error})"
    if len(parts.classes) < 2:
        return f"not possible (there is only one class, {parts.classes[0]!r})"
    remarks = f" ({parts.remarks})" if parts.remarks else ""
    counts = f"{len(parts.train)} training images, {len(parts.test)} test images"
    return f"{len(parts.classes)} classes, {counts}{remarks}"
