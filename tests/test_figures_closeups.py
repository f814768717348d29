"""Which pictures Figs. 1 and 2 show."""

from __future__ import annotations

import numpy as np
import pytest

from tinyvgg.faces import ANGLES, EMOTIONS, FaceSet, full_design
from tinyvgg.faces.synthetic import render_faces
from tinyvgg.figures.closeups import close_ups


def numbered_set(name: str) -> FaceSet:
    """A set whose pictures show the number of their row."""
    table = full_design(2)
    numbers = np.arange(len(table), dtype=np.uint8)
    return FaceSet(np.tile(numbers[:, None, None, None], (1, 4, 4, 3)), table, name)


def test_of_photographs_the_sets_own_pictures_are_taken():
    faces = numbered_set("rafd:somewhere")
    images, rows = close_ups(faces, subject=1, emotion="sad", gaze="left")
    table = faces.table
    expected = table.index[(table.subject == 1) & (table.emotion == "sad") & (table.gaze == "left")]
    assert images[:, 0, 0, 0].tolist() == expected.tolist()
    assert rows.angle.tolist() == [45, 90, 135]


def test_of_the_synthetic_set_all_five_angles_are_rendered_at_the_size_asked_for():
    images, rows = close_ups(
        numbered_set("synthetic"), 24, subject=0, emotion="happy", gaze="right"
    )
    assert rows.angle.tolist() == list(ANGLES)
    assert set(rows.emotion) == {"happy"} and set(rows.gaze) == {"right"}
    assert images.shape == (5, 24, 24, 3)
    assert np.array_equal(images, render_faces(rows, 24, workers=1, progress=False))


def test_labels_that_are_not_given_take_every_value():
    _, rows = close_ups(numbered_set("kdef:somewhere"), subject=0, angle=90, gaze="frontal")
    assert rows.emotion.tolist() == list(EMOTIONS)


def test_labels_that_no_picture_has_are_named():
    with pytest.raises(ValueError, match=r"no picture with subject=5"):
        close_ups(numbered_set("rafd:somewhere"), subject=5)
    with pytest.raises(ValueError, match=r"no such label: mood; known: subject"):
        close_ups(numbered_set("rafd:somewhere"), mood="sad")
