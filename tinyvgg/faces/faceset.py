"""FaceSet: images and their labels, checked once and never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tinyvgg.faces.design import COLUMNS
from tinyvgg.storage.files import digest

#: A task and the column of the table that holds its label. A task's place in this order seeds
#: its split: add new ones at the end.
TASKS = {"face": "subject", "emotion": "emotion", "gaze": "gaze"}

#: The tasks of the paper, which the book goes through.
PAPER_TASKS = ("face", "emotion")

# Name of a subject where the source has names and not numbers (a folder's classes), and the
# half of an official split: columns that a table may have beside the others.
PERSON, SPLIT = EXTRA = ("person", "split")


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Images and a table of labels, row by row.

    Parameters
    ----------
    images
        uint8, (N, S, S, 3), RGB. Kept as a read-only view, not copied.
    table
        N rows; columns subject, emotion, gaze, angle, gender, group and source. `subject` is a
        whole number, for every row or for none; other labels may be unknown (None in columns
        of text, <NA> in `angle`). A column ``person``, if there is one, names the subjects; a
        column ``split`` says "train" or "test", the halves of an official split.
    name
        The source, such as ``"synthetic"`` or ``"orl"``.
    left_out
        Files of the source that are not among the images: (path, reason) of each.

    Raises
    ------
    TypeError, ValueError
        If the images or the table are not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import FaceSet
    >>> from tinyvgg.faces import full_design
    >>> table = full_design(subjects=2, angles=[90])  # 2 subjects x 8 emotions x 3 gazes
    >>> images = np.random.default_rng(0).integers(0, 256, (len(table), 16, 16, 3), np.uint8)
    >>> faces = FaceSet(images, table, name="noise")
    >>> faces
    FaceSet('noise', 48 images of 16 x 16)
    >>> faces.tasks
    ('face', 'emotion')
    >>> faces.subset(table.gaze == "left")
    FaceSet('noise', 16 images of 16 x 16)
    """

    images: np.ndarray
    table: pd.DataFrame
    name: str
    left_out: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _check_images(self.images)
        table = _tidy(self.table, len(self.images))
        images = self.images.view()
        images.flags.writeable = False
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "table", table)
        left_out = tuple((str(path), str(reason)) for path, reason in self.left_out)
        object.__setattr__(self, "left_out", left_out)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"FaceSet({self.name!r}, {len(self)} images of {self.size} x {self.size})"

    @property
    def size(self) -> int:
        """Height and width of the images in pixels."""
        return self.images.shape[1]

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal digest of pixels and labels; the same on any machine."""
        rows = self.table.astype(object).where(self.table.notna(), None)
        labels = {column: rows[column].tolist() for column in rows.columns}
        return digest(self.images, json.dumps(labels))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The paper's tasks for which every image has a label.

        `labels`, `classes` and `split` know one more, ``"gaze"``.
        """
        return tuple(task for task in PAPER_TASKS if self._has(TASKS[task]))

    def subset(self, rows: np.ndarray) -> FaceSet:
        """Return the images of the given rows, in that order, numbered from 0 again.

        Parameters
        ----------
        rows
            Row numbers, or a boolean mask of length N.

        Raises
        ------
        TypeError, IndexError
            If they are not whole numbers, or out of range.
        """
        rows = np.asarray(rows)
        if rows.dtype == bool and rows.shape == (len(self),):
            rows = np.flatnonzero(rows)
        if rows.size == 0:
            rows = rows.astype(np.int64)
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            raise TypeError(
                f"rows must be a list of row numbers or a mask of length {len(self)}; "
                f"got {rows.dtype} of shape {rows.shape}"
            )
        outside = rows[(rows < 0) | (rows >= len(self))]
        if outside.size:
            raise IndexError(
                f"rows must lie in 0..{len(self) - 1}; got {outside[:5].tolist()}"
                + (f" and {outside.size - 5} more" if outside.size > 5 else "")
            )
        return FaceSet(self.images[rows], self.table.iloc[rows], self.name)

    def require(self, label: str) -> None:
        """Raise ValueError unless every image has this label (a column of the table)."""
        if label not in self.table.columns:
            raise ValueError(f"no such label: {label!r}; known: {', '.join(self.table.columns)}")
        if not self._has(label):
            missing = int(self.table[label].isna().sum())
            raise ValueError(
                f"the source {self.name!r} has no {label} for {missing} of its {len(self)} images; "
                f"it allows these tasks: {', '.join(self.tasks)}"
            )

    def classes(self, task: str) -> list[str]:
        """Return the names of the classes of a task, in the order of their index.

        Subjects go by number (or by name where the source has names), others by alphabet.
        Only classes that occur are counted.

        Raises
        ------
        ValueError
            If the task is unknown, or the source lacks its label.
        """
        return [str(name) for name in self._codes(task)[1]]

    def labels(self, task: str) -> np.ndarray:
        """Return the class index of every image, int64 (N,); errors as for `classes`."""
        return self._codes(task)[0]

    def _codes(self, task: str) -> tuple[np.ndarray, list]:
        if task not in TASKS:
            raise ValueError(f"unknown task: {task!r}; known: {', '.join(TASKS)}")
        label = TASKS[task]
        self.require(label)
        values, codes = np.unique(self.table[label].to_numpy(), return_inverse=True)
        names = values.tolist()
        if label == "subject" and PERSON in self.table.columns:
            person = dict(zip(self.table.subject, self.table[PERSON], strict=True))
            names = [person[subject] for subject in names]
        return codes.astype(np.int64), names

    def _has(self, label: str) -> bool:
        return bool(self.table[label].notna().all())


def _check_images(images: np.ndarray) -> None:
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        kind = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise TypeError(f"images must be a numpy array of uint8; got {kind}")
    shape = images.shape
    if len(shape) != 4 or shape[1] != shape[2] or shape[1] == 0 or shape[3] != 3:
        raise ValueError(f"images must have the shape (N, S, S, 3); got {shape}")


def _tidy(table: pd.DataFrame, length: int) -> pd.DataFrame:
    """Check a table of labels and return a copy in one fixed form.

    Text is kept in columns of objects with None for unknown, since pandas 2 and 3 differ in
    what they make of text; a table read back from CSV or JSON comes out the same.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a pandas DataFrame; got {type(table).__name__}")
    columns = [*COLUMNS, *(name for name in EXTRA if name in table.columns)]
    absent = [column for column in COLUMNS if column not in table.columns]
    foreign = [column for column in table.columns if column not in columns]
    if absent or foreign:
        raise ValueError(
            f"table must have the columns {', '.join(COLUMNS)} "
            f"(and may have {' and '.join(EXTRA)}); "
            f"missing: {', '.join(absent) or 'none'}; "
            f"unknown: {', '.join(map(str, foreign)) or 'none'}"
        )
    if len(table) != length:
        raise ValueError(f"table has {len(table)} rows for {length} images; they must agree")
    tidy = {column: _whole_numbers(table, column) for column in ("subject", "angle")}
    if tidy["subject"].isna().any() and tidy["subject"].notna().any():
        raise ValueError("every row of the table needs a subject, or none has one")
    for column in columns:
        if column not in tidy:
            text = [None if pd.isna(value) else str(value) for value in table[column]]
            tidy[column] = pd.Series(text, dtype=object)
    if SPLIT in columns and not set(tidy[SPLIT]) <= {"train", "test"}:
        raise ValueError("the column split must say train or test in every row")
    if PERSON in columns:
        pairs = set(zip(tidy["subject"], tidy[PERSON], strict=True))
        if not len(pairs) == len({s for s, _ in pairs}) == len({p for _, p in pairs}):
            raise ValueError(f"subject and {PERSON} must name the same people, one for one")
    return pd.DataFrame({column: tidy[column] for column in columns})


def _whole_numbers(table: pd.DataFrame, column: str) -> pd.Series:
    try:
        numbers = pd.to_numeric(table[column].reset_index(drop=True)).astype("Int64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"the column {column} must hold whole numbers: {error}") from None
    return numbers if numbers.isna().any() else numbers.astype("int64")
