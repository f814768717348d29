"""The factorial design of the Radboud Faces Database, and the file names that spell it.

67 subjects x 8 emotions x 3 gaze directions x 5 camera angles = 8,040 images. The paper
leaves out the two profiles (0 and 180 degrees), and 4,824 remain. The synthetic set follows
the same design; `full_design` writes it down as a table, one row per image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import product
from numbers import Integral
from typing import Any, NamedTuple

import pandas as pd

EMOTIONS = (
    "angry",
    "contemptuous",
    "disgusted",
    "fearful",
    "happy",
    "neutral",
    "sad",
    "surprised",
)
GAZES = ("frontal", "left", "right")
GENDERS = ("female", "male")
GROUPS = ("Caucasian", "Kid", "Moroccan")

# Degrees around the head, from the subject's right ear (0) over the nose (90) to the left
# ear (180). At 0 and 45 the nose points to the right of the picture.
ANGLES = (0, 45, 90, 135, 180)
PAPER_ANGLES = (45, 90, 135)

COLUMNS = ("subject", "emotion", "gaze", "angle", "gender", "group", "source")

# RaFD numbers its people 1 to 73 and leaves these out.
ABSENT_IDENTITIES = (6, 13, 17, 34, 62, 66)


class Subject(NamedTuple):
    """A person of the roster: `subject` is the dense index, `identity` the number in RaFD."""

    subject: int
    identity: int
    group: str
    gender: str


class FaceName(NamedTuple):
    """What a RaFD file name says; `identity` is the number in RaFD, not the dense index."""

    angle: int
    identity: int
    group: str
    gender: str
    emotion: str
    gaze: str


def _mixed_roster() -> tuple[Subject, ...]:
    """67 people, groups spread evenly, so that the first few are a fair sample of all.

    The k-th of m members of a group stands at (k + 1/2)/m of the way; children win ties.
    """
    counts = {
        ("Kid", "female"): 6,
        ("Kid", "male"): 4,
        ("Caucasian", "male"): 20,
        ("Caucasian", "female"): 19,
        ("Moroccan", "male"): 18,
    }
    places = [
        (Fraction(2 * k + 1, 2 * count), rank, kind)
        for rank, (kind, count) in enumerate(counts.items())
        for k in range(count)
    ]
    identities = (number for number in range(1, 74) if number not in ABSENT_IDENTITIES)
    return tuple(
        Subject(subject, identity, group, gender)
        for subject, (identity, (_, _, (group, gender))) in enumerate(
            zip(identities, sorted(places), strict=True)
        )
    )


#: The 67 people of the synthetic set: RaFD's composition and numbers, in an order of our own.
ROSTER = _mixed_roster()

_NAME = re.compile(
    rf"(?:Rafd|Synthetic)({'|'.join(f'{angle:03d}' for angle in ANGLES)})_(\d{{2}})_"
    rf"({'|'.join(GROUPS)})_({'|'.join(GENDERS)})_({'|'.join(EMOTIONS)})_({'|'.join(GAZES)})\.\w+"
)


def parse_name(name: str) -> FaceName:
    """Read the labels from a RaFD file name.

    Parameters
    ----------
    name
        A file name without folders, such as ``Rafd090_01_Caucasian_female_angry_frontal.jpg``.

    Raises
    ------
    ValueError
        If the name does not follow the pattern.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"not a RaFD file name: {name!r}; expected something like "
            "'Rafd090_01_Caucasian_female_angry_frontal.jpg' (angle, number, group, gender, "
            "emotion, gaze)"
        )
    angle, identity, *labels = match.groups()
    return FaceName(int(angle), int(identity), *labels)


def format_name(name: FaceName, prefix: str = "Rafd", suffix: str = ".jpg") -> str:
    """Write a file name in RaFD's style; the inverse of `parse_name`.

    `prefix` is ``"Synthetic"`` for rendered faces, which must not pass for photographs.
    """
    angle, identity, group, gender, emotion, gaze = name
    return f"{prefix}{angle:03d}_{identity:02d}_{group}_{gender}_{emotion}_{gaze}{suffix}"


def whole_number(
    name: str,
    value: Any,
    least: int,
    most: int | None = None,
    unit: str = "",
    otherwise: str = "",
) -> int:
    """Return a setting that must be a whole number.

    Raises
    ------
    ValueError
        If it is not, or lies outside of `least` to `most`; the message ends on what else the
        setting may be (`otherwise`).
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        to = "" if most is None else f" to {most}"
        unit = f" of {unit}" if unit else ""
        raise ValueError(
            f"{name} must be a whole number{unit} from {least}{to}{otherwise}; got {value!r}"
        )
    return int(value)


def check_workers(workers: int | None) -> int | None:
    """Return how many workers to use, or None where the number is left to the machine."""
    return None if workers is None else whole_number("workers", workers, 1, otherwise=", or None")


def check_angles(angles: Iterable[int] | None) -> tuple[int, ...]:
    """Return camera angles sorted and without repeats; None means all five.

    Raises
    ------
    ValueError
        If an angle is not one of `ANGLES`, or none is left.
    """
    if angles is None:
        return ANGLES
    if isinstance(angles, (str, int)):
        raise ValueError(f"angles must be a sequence such as {PAPER_ANGLES}, not {angles!r}")
    chosen = tuple(angles)
    if not chosen or not set(chosen) <= set(ANGLES):
        raise ValueError(f"angles must be some of {ANGLES} degrees, or None for all; got {chosen}")
    return tuple(angle for angle in ANGLES if angle in chosen)


def check_subjects(subjects: int | None, available: int) -> int:
    """Return how many subjects to keep; None means all `available`.

    Raises
    ------
    ValueError
        If `subjects` is not a whole number from 1 to `available`.
    """
    if subjects is None:
        return available
    return whole_number("subjects", subjects, 1, available, otherwise=", or None for all")


def full_design(
    subjects: int | None = None, angles: Iterable[int] | None = PAPER_ANGLES
) -> pd.DataFrame:
    """Return the table of the full factorial design, one row per image.

    Parameters
    ----------
    subjects
        Keep the first so many of the 67 subjects; None keeps all.
    angles
        Camera angles in degrees; None means all five.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, sorted by subject, emotion, gaze and angle, so that the views of one
        shot stand together. 4,824 rows by default (the paper's section on its data).

    Examples
    --------
    >>> from tinyvgg.faces import full_design
    >>> len(full_design()), len(full_design(subjects=2, angles=[90]))
    (4824, 48)
    """
    people = ROSTER[: check_subjects(subjects, len(ROSTER))]
    rows = []
    for person, emotion, gaze, angle in product(people, EMOTIONS, GAZES, check_angles(angles)):
        subject, identity, group, gender = person
        name = format_name(FaceName(angle, identity, group, gender, emotion, gaze))
        rows.append((subject, emotion, gaze, angle, gender, group, name))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    # Plain objects: pandas 2 and 3 disagree on what a column of text is.
    text = [column for column in COLUMNS if column not in ("subject", "angle")]
    return table.astype({"subject": "int64", "angle": "int64", **dict.fromkeys(text, object)})
