"""Which pictures the page on the data shows, and how."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tinyvgg.faces import ANGLES, EMOTIONS, FaceSet, full_design
from tinyvgg.faces.synthetic import render_faces
from tinyvgg.figures.discussion import difficulty_dots
from tinyvgg.figures.faces import cast, close_ups, face_table
from tinyvgg.figures.style import LINEAR, photograph
from tinyvgg.storage.store import Store
from tinyvgg.studies.difficulty import NETWORK, PROBE


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


def test_a_list_of_values_asks_for_each():
    images, rows = close_ups(numbered_set("rafd:somewhere"), subject=[0, 1], angle=(45, 135))
    assert set(rows.subject) == {0, 1} and set(rows.angle) == {45, 135}
    assert len(images) == len(rows) == 2 * 8 * 3 * 2


def test_rendered_pictures_are_kept_and_found_again(tmp_path, monkeypatch):
    asked = dict(subject=0, emotion="sad", gaze="left", angle=90, store=Store(tmp_path))
    faces = numbered_set("synthetic")
    first, _ = close_ups(faces, 24, **asked)
    other, _ = close_ups(faces, 16, **asked)
    monkeypatch.setattr("tinyvgg.figures.faces.render_faces", None)
    again, rows = close_ups(faces, 24, **asked)
    assert np.array_equal(first, again) and len(rows) == 1
    assert other.shape == (1, 16, 16, 3)


def test_a_table_of_faces_puts_each_in_its_place():
    images, rows = close_ups(numbered_set("rafd:somewhere"), angle=90, gaze="left")
    people, values = {1: "one", 0: "nought"}, ["sad", "happy", "absent"]
    for across in (False, True):
        figure = face_table(images, rows, people, "emotion", values, across=across)
        (ax,) = figure.axes
        sheet = ax.images[0].get_array()
        for subject, title in people.items():
            for value in values:
                middles = [list(people), values][:: -1 if across else 1]
                row, column = (
                    middle.index(value if value in middle else subject) for middle in middles
                )
                seen = sheet[row * 6 + 2, column * 6 + 2, 0]
                fits = rows[(rows.subject == subject) & (rows.emotion == value)]
                assert seen == (images[fits.index[0], 0, 0, 0] if len(fits) else 255), title
        titles = [t.get_text() for t in (ax.get_xticklabels() if across else ax.get_yticklabels())]
        assert titles == ["one", "nought"]
        plt.close(figure)


def test_the_cast_has_one_of_each_group_and_gender():
    table = full_design()
    people = cast(table)
    kinds = table[table.subject.isin(people)].drop_duplicates("subject")[["group", "gender"]]
    assert len(kinds.drop_duplicates()) == len(people) == 5
    for subject, title in people.items():
        mine = table[table.subject == subject].iloc[0]
        assert title == f"{subject}\n{mine.group}\n{mine.gender}"
        alike = (table.group == mine.group) & (table.gender == mine.gender)
        assert subject == table[alike].subject.min()
    unknown = table.assign(group=None)
    assert list(cast(unknown).values()) == ["0\nmale", "1\nfemale"]


def test_a_photograph_is_a_closed_figure_as_jpeg():
    figure, axes = plt.subplots()
    axes.imshow(np.zeros((4, 4)))
    number = figure.number
    shown = photograph(figure)
    assert not plt.fignum_exists(number), "it would be shown twice"
    with Image.open(io.BytesIO(shown._repr_jpeg_())) as picture:
        assert picture.format == "JPEG"
        assert picture.width > 500


def a_difficulty_table() -> pd.DataFrame:
    rows = [
        ("identity", PROBE, 0.9, "this run", ""),
        ("identity", NETWORK, 0.8, "recorded 2026-01-01, default profile", ""),
        ("gaze", PROBE, np.nan, "", "no gaze"),
        ("gaze", NETWORK, np.nan, "", "no gaze"),
    ]
    table = pd.DataFrame(rows, columns=["question", "reader", "accuracy", "origin", "note"])
    low, high = table.accuracy - 0.05, table.accuracy + 0.05
    return table.assign(low=low, high=high, chance=table.accuracy * 0 + 0.1)


def test_marks_of_a_record_are_hollow_and_what_is_missing_is_said():
    figure = difficulty_dots(a_difficulty_table())
    (ax,) = figure.axes
    marks = {
        (line.get_marker(), line.get_markerfacecolor()): line.get_xdata()
        for line in ax.lines
        if line.get_marker() in "oD" and line.get_marker()
    }
    marks = {key: float(np.ravel(value)[0]) for key, value in marks.items()}
    assert marks == {("D", LINEAR): pytest.approx(90), ("o", "white"): pytest.approx(80)}
    assert [text.get_text() for text in ax.texts] == ["not possible with these labels"]
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"{NETWORK} (record)" in said
    plt.close(figure)
