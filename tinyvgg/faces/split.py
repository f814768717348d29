"""The paper's two divisions of the images into training and test, and one it lacks."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tinyvgg.faces.design import whole_number
from tinyvgg.faces.faceset import SPLIT, TASKS, FaceSet
from tinyvgg.faces.labels import TRAIN

log = logging.getLogger(__name__)

_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Split:
    """Which images train and which test.

    Attributes
    ----------
    train, test
        Row numbers, int64, sorted; together every row once.
    classes
        Names of the classes, by index.
    labels
        Class index of every row of the set, int64 (N,).
    task, seed
        What was asked for.
    remarks
        In what the set departs from a full design; empty if it does not.

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import FaceSet, split
    >>> from tinyvgg.faces import full_design
    >>> table = full_design(subjects=2, angles=[90])  # 2 subjects x 8 emotions x 3 gazes
    >>> images = np.random.default_rng(0).integers(0, 256, (len(table), 16, 16, 3), np.uint8)
    >>> faces = FaceSet(images, table, name="noise")
    >>> parts = split(faces, "emotion")
    >>> len(parts.train), len(parts.test), len(parts.classes)
    (24, 24, 8)
    """

    train: np.ndarray
    test: np.ndarray
    classes: list[str]
    labels: np.ndarray
    task: str
    seed: int
    remarks: str = ""


def split(
    faces: FaceSet, task: str = "face", seed: int = 0, unseen_subjects: bool = False
) -> Split:
    """Divide the images of a set into training and test.

    The images of a class at one camera angle form a group. Of n images in a group, n // 2 drawn
    at random train and the rest test. On the full design that is 12 of 24 for the face task,
    2,412 and 2,412 in all, and 100 of 201 for the emotion task, 2,400 and 2,424 in all, as in
    Table 2 (the paper's text has the 101 train). Where angles are unknown the class alone
    forms the group. The same holds for sets with images missing, whose groups differ in size;
    the images of a class that are the only one at their angle form a group together. The log
    says so then, with the counts. A set that has a split of its own (`FaceSet.table.split`) is
    divided by that.

    The draw depends on `seed`, `task`, and the labels and names of the images, and not on the
    order of the rows: groups are taken in the order of class and angle, images in the order of
    their `source`.

    Parameters
    ----------
    faces
        The images with their labels.
    task
        ``"face"`` (a class a subject), ``"emotion"``, or ``"gaze"``, which the paper lacks.
    seed
        A whole number from 0.
    unseen_subjects
        Not for the face task: half of the subjects train and the other half test (of an odd
        number the larger half), so that no face of the test was seen in training. Not in the
        paper. It stands above a split of the set's own.

    Raises
    ------
    ValueError
        If the task is unknown or the set lacks its label, a class has a single image or would
        have none in training, or the face task is asked for unseen subjects.

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import FaceSet, split
    >>> from tinyvgg.faces import full_design
    >>> table = full_design(subjects=2, angles=[90])  # 2 subjects x 8 emotions x 3 gazes
    >>> images = np.random.default_rng(0).integers(0, 256, (len(table), 16, 16, 3), np.uint8)
    >>> faces = FaceSet(images, table, name="noise")
    >>> parts = split(faces, "face", seed=3)
    >>> len(parts.train), len(parts.test)
    (24, 24)
    >>> apart = split(faces, "emotion", unseen_subjects=True)
    >>> set(table.subject[apart.train]) & set(table.subject[apart.test])
    set()
    """
    labels, classes = faces.labels(task), faces.classes(task)
    seed = whole_number("seed", seed, 0)
    if len(faces) == 0:
        raise ValueError(f"the set {faces.name!r} is empty; there is nothing to split")
    if unseen_subjects and task == "face":
        raise ValueError(
            "the face task cannot be tested on unseen subjects: each subject is a class; "
            "use unseen_subjects=False, or task='emotion'"
        )
    random = np.random.default_rng([seed, list(TASKS).index(task), int(unseen_subjects)])
    if unseen_subjects:
        faces.require("subject")
        train, remarks = _half_of_the_subjects(faces, random), ""
    elif SPLIT in faces.table:
        train, remarks = faces.table[SPLIT].to_numpy() == TRAIN, "divided as the set says"
        if train.all():
            raise ValueError(f"the split of {faces.name!r} leaves no image to test")
    else:
        train, remarks = _half_of_each_group(faces, labels, classes, random)
    bare = [name for k, name in enumerate(classes) if not (labels[train] == k).any()]
    if bare:
        raise ValueError(f"no training image would be left for: {_named(bare)}")
    if task != "face" and not unseen_subjects and (near := _neighbours(faces, labels, train)):
        told = f"{near} pairs of neighbouring pictures of one person stand on both sides"
        remarks = "; ".join(filter(None, (remarks, told)))
        log.warning(
            "%s, %s task: %s, such as frames of one film; unseen_subjects keeps people apart",
            *(faces.name, task, told),
        )
    rows = np.arange(len(faces), dtype=np.int64)
    parts = Split(rows[train], rows[~train], classes, labels, task, seed, remarks)
    if remarks:
        counts = f"{len(parts.train)} images train and {len(parts.test)} test"
        log.info("%s, %s task: %s (%s)", faces.name, task, counts, remarks)
    return parts


def _half_of_each_group(
    faces: FaceSet, labels: np.ndarray, classes: list[str], random: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Return a mask of the rows that train, n // 2 of every class at every angle, and remarks."""
    angles = np.array([-1 if pd.isna(angle) else angle for angle in faces.table.angle])
    names = np.array([source or "" for source in faces.table.source])
    order = np.lexsort((names, angles, labels))  # by class, then angle, then name
    starts = np.flatnonzero(np.diff(labels[order]) | np.diff(angles[order])) + 1
    groups = np.split(order, starts)
    alone = np.array([group[0] for group in groups if len(group) == 1], int)
    groups = [group for group in groups if len(group) > 1]
    sizes = [len(group) for group in groups]
    train = np.zeros(len(faces), bool)
    groups += [alone[labels[alone] == label] for label in np.unique(labels[alone])]
    for group in groups:
        train[random.permutation(group)[: len(group) // 2]] = True
    single = [name for name, n in zip(classes, np.bincount(labels), strict=True) if n == 1]
    if single:
        raise ValueError(
            f"{len(single)} of {len(classes)} classes have a single image in {faces.name!r}; at "
            f"least two are needed, one to train and one to test: {_named(single)}"
        )
    remarks = []
    if len(set(sizes)) > 1:
        at = " at each angle" if (angles >= 0).all() else ""
        remarks.append(f"classes have {min(sizes)} to {max(sizes)} images{at}")
    if len(alone):
        remarks.append(f"{len(alone)} images are alone at their angle and were divided by class")
    return train, "; ".join(remarks)


def _neighbours(faces: FaceSet, labels: np.ndarray, train: np.ndarray) -> int:
    """Pairs of pictures, one of which trains and the other tests, that look like neighbours.

    Those of one person and class whose names differ by one in the last number alone.
    """
    if faces.table.subject.isna().any():
        return 0
    places: dict[tuple, bool] = {}
    for name, person, label, trains in zip(
        faces.table.source, faces.table.subject, labels, train, strict=True
    ):
        if match := _NUMBERED.fullmatch(name or ""):
            before, number, after = match.groups()
            places[person, label, before, after, int(number)] = bool(trains)
    return sum(places.get((*key[:-1], key[-1] + 1), side) != side for key, side in places.items())


def _named(classes: list[str]) -> str:
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    return ", ".join(classes[:10]) + more


def _half_of_the_subjects(faces: FaceSet, random: np.random.Generator) -> np.ndarray:
    """Return a mask of the rows that train: all images of half of the subjects."""
    subjects = np.unique(faces.table.subject)
    if len(subjects) < 2:
        raise ValueError(
            f"unseen_subjects needs at least two subjects; {faces.name!r} has {len(subjects)}"
        )
    chosen = random.permutation(subjects)[: len(subjects) // 2]
    return np.isin(faces.table.subject, chosen)
