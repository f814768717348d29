"""From a table of labels to pictures."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed

from tinyvgg.faces.design import (
    ANGLES,
    EMOTIONS,
    GAZES,
    GENDERS,
    GROUPS,
    check_workers,
    whole_number,
)
from tinyvgg.faces.synthetic.head import build_head, pose
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.rendering.picture import take_pictures
from tinyvgg.storage.progress import progress_bar

COLUMNS = ("subject", "emotion", "gaze", "angle", "gender", "group")
SMALLEST, LARGEST = 8, 1024  # pixels


def render_faces(
    table: pd.DataFrame, size: int, workers: int | None = None, progress: bool = True
) -> np.ndarray:
    """Render one synthetic face for each row of a design table.

    A picture depends on its own row and `size` only: not on the other rows, their order, or
    the number of workers.

    Parameters
    ----------
    table : DataFrame
        Columns subject (int), emotion, gaze, angle, gender and group; others are ignored.
    size : int
        Side of the pictures in pixels, 8 to 1024.
    workers : int, optional
        Processes to render in, one subject at a time; by default one per core, and no more
        than there are subjects. 1 renders in this process.
    progress : bool
        Show a progress bar.

    Returns
    -------
    uint8 array (len(table), size, size, 3), RGB.

    Raises
    ------
    ValueError
        For a missing column, an unknown label, or a size out of range.
    """
    size = whole_number("size", size, SMALLEST, LARGEST, "pixels")
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"the table lacks the column(s) {', '.join(missing)}; it needs {', '.join(COLUMNS)}"
        )
    rows = [
        _check_row(*row) for row in zip(*(table[name].tolist() for name in COLUMNS), strict=True)
    ]
    jobs: dict[tuple, list[int]] = {}
    for number, (subject, _, _, _, gender, group) in enumerate(rows):
        jobs.setdefault((subject, group, gender), []).append(number)
    workers = check_workers(workers) or cpu_count()  # those that this process may use
    workers = max(1, min(workers, len(jobs)))

    images = np.empty((len(rows), size, size, 3), np.uint8)
    with progress_bar(desc="faces", unit="faces", total=len(rows), shown=progress) as bar:
        pool = Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered")
        for numbers, pictures in pool(
            delayed(_render_job)(
                person, numbers, [rows[number] for number in numbers], size, workers > 1
            )
            for person, numbers in jobs.items()
        ):
            images[numbers] = pictures
            bar.update(len(numbers))
    return images


def render_face(
    subject: int, emotion: str, gaze: str, angle: int, size: int, group: str, gender: str
) -> np.ndarray:
    """One picture, uint8 (size, size, 3); the same as `render_faces` gives for such a row."""
    size = whole_number("size", size, SMALLEST, LARGEST, "pixels")
    row = _check_row(subject, emotion, gaze, angle, gender, group)
    return _render_subject((row[0], group, gender), [row], size)[0]


def _render_job(person, numbers, rows, size, in_pool):
    if in_pool:
        gc.freeze()  # all that is loaded stays: no need to search it for garbage over and over
    return numbers, _render_subject(person, rows, size)


def _render_subject(person: tuple, rows: list[tuple], size: int) -> np.ndarray:
    """Pictures of one person; the camera angles of a shot are taken together."""
    subject, group, gender = person
    head = build_head(subject, group, gender, side=size)
    images = np.empty((len(rows), size, size, 3), np.uint8)
    shots: dict[tuple[str, str], list[int]] = {}
    for number, (_, emotion, gaze, *_) in enumerate(rows):
        shots.setdefault((emotion, gaze), []).append(number)
    for (emotion, gaze), numbers in shots.items():
        scene = pose(head, draw_shot(subject, emotion, gaze))
        images[numbers] = take_pictures(scene, [rows[number][3] for number in numbers], size)
    return images


def _check_row(subject, emotion, gaze, angle, gender, group) -> tuple:
    for name, value, known in (
        ("emotion", emotion, EMOTIONS),
        ("gaze", gaze, GAZES),
        ("angle", angle, ANGLES),
        ("gender", gender, GENDERS),
        ("group", group, GROUPS),
    ):
        if value not in known:
            raise ValueError(
                f"unknown {name} {value!r}; known: {', '.join(str(each) for each in known)}"
            )
    return whole_number("subject", subject, 0), emotion, gaze, int(angle), gender, group
