import io
import json

import numpy as np
import pandas as pd
import pytest

from tinyvgg.faces.design import full_design
from tinyvgg.faces.faceset import FaceSet


@pytest.fixture
def design():
    return full_design(subjects=3, angles=(90,))  # 72 rows


@pytest.fixture
def images(design):
    return np.random.default_rng(0).integers(0, 256, (len(design), 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def faces(images, design):
    return FaceSet(images, design, "synthetic")


def unlabelled(n=6, **columns):
    """A table like ORL's: people and nothing else."""
    unknown = dict.fromkeys(("emotion", "gaze", "angle", "gender", "group"))
    table = {"subject": np.arange(n) // 2, "source": [f"{k}.pgm" for k in range(n)]}
    return pd.DataFrame(table | unknown | columns)


def test_size_and_length_are_those_of_the_images(faces):
    assert (len(faces), faces.size) == (72, 8)


def test_face_classes_are_subjects_in_numeric_order():
    table = unlabelled(24, subject=np.arange(24)[::-1] // 2)
    faces = FaceSet(np.zeros((24, 8, 8, 3), np.uint8), table, "orl")
    assert faces.classes("face") == [str(k) for k in range(12)]  # "10" after "9"
    assert faces.labels("face").tolist() == table.subject.tolist()


@pytest.mark.parametrize("task", ["face", "emotion"])
def test_labels_index_the_classes(faces, task):
    column = {"face": "subject", "emotion": "emotion"}[task]
    names = faces.classes(task)
    labels = faces.labels(task)
    assert labels.dtype == np.int64
    assert [names[k] for k in labels] == [str(value) for value in faces.table[column]]


def test_only_classes_that_occur_are_counted(faces):
    some = faces.subset(np.flatnonzero(faces.table.emotion.isin(["sad", "happy"])))
    assert some.classes("emotion") == ["happy", "sad"]
    assert set(some.labels("emotion")) == {0, 1}


def test_persons_name_the_face_classes_in_the_order_of_subjects():
    table = unlabelled(6, person=["zoe", "zoe", "ann", "ann", "bob", "bob"])
    faces = FaceSet(np.zeros((6, 8, 8, 3), np.uint8), table, "folder:x")
    assert faces.classes("face") == ["zoe", "ann", "bob"]
    assert faces.subset([4, 2]).classes("face") == ["ann", "bob"]


def test_missing_emotion_is_refused_naming_source_label_and_tasks():
    faces = FaceSet(np.zeros((6, 8, 8, 3), np.uint8), unlabelled(), "orl")
    assert faces.tasks == ("face",)
    for ask in (faces.classes, faces.labels):
        with pytest.raises(ValueError, match=r"'orl' has no emotion .* tasks: face$"):
            ask("emotion")


def test_one_missing_emotion_is_enough_to_refuse(images, design):
    design.loc[5, "emotion"] = None
    with pytest.raises(ValueError, match="no emotion for 1 of its 72"):
        FaceSet(images, design, "rafd:x").labels("emotion")


def test_emotions_of_unknown_people_allow_the_emotion_task_alone(images, design):
    faces = FaceSet(images, design.assign(subject=None), "folder:x")
    assert faces.tasks == ("emotion",)
    assert faces.labels("emotion").max() == 7
    with pytest.raises(ValueError, match=r"no subject for 72 of its 72 images.*: emotion$"):
        faces.labels("face")


def test_what_was_left_out_is_kept_as_pairs_of_text(images, design):
    faces = FaceSet(images, design, "a", [["b/1.png", "black"]])
    assert faces.left_out == (("b/1.png", "black"),)
    assert FaceSet(images, design, "a").left_out == faces.subset([0]).left_out == ()
    assert FaceSet(images, design, "a").fingerprint == faces.fingerprint


def test_unknown_task_and_label_are_refused_with_the_known_ones(faces):
    with pytest.raises(ValueError, match="unknown task: 'gender'; known: face, emotion, gaze"):
        faces.classes("gender")
    with pytest.raises(ValueError, match="no such label: 'age'; known: subject, emotion"):
        faces.require("age")


def test_subset_takes_rows_in_order_and_numbers_them_anew(faces, images, design):
    some = faces.subset([7, 3, 3])
    np.testing.assert_array_equal(some.images, images[[7, 3, 3]])
    assert some.table.source.tolist() == design.source.iloc[[7, 3, 3]].tolist()
    assert some.table.index.tolist() == [0, 1, 2]
    assert some.name == "synthetic"


def test_mask_selects_as_its_row_numbers_do(faces):
    mask = (faces.table.gaze == "left").to_numpy()
    by_mask, by_rows = faces.subset(mask), faces.subset(np.flatnonzero(mask))
    assert by_mask.fingerprint == by_rows.fingerprint
    assert set(by_mask.table.gaze) == {"left"}


def test_subset_may_be_empty(faces):
    assert len(faces.subset([])) == 0
    assert len(faces.subset(np.zeros(72, bool))) == 0


@pytest.mark.parametrize("rows", [[72], [-1], [0, 1000]])
def test_rows_out_of_range_are_refused(faces, rows):
    with pytest.raises(IndexError, match=r"rows must lie in 0\.\.71"):
        faces.subset(rows)


@pytest.mark.parametrize("rows", [[0.5], [[0, 1]], [True, False], 3])
def test_rows_that_are_no_row_numbers_are_refused(faces, rows):
    with pytest.raises(TypeError, match="rows must be"):
        faces.subset(rows)


def test_fingerprint_sees_every_pixel_and_every_label(images, design):
    prints = [FaceSet(images, design, "a").fingerprint]
    pixel = images.copy()
    pixel[-1, -1, -1, -1] ^= 1
    prints.append(FaceSet(pixel, design, "a").fingerprint)
    for column, value in [("gaze", "left"), ("angle", 45), ("subject", 60), ("group", None)]:
        other = design.copy()
        other.loc[0, column] = value
        prints.append(FaceSet(images, other, "a").fingerprint)
    shape = images.reshape(18, 16, 16, 3)
    prints.append(FaceSet(shape, design.iloc[:18], "a").fingerprint)
    assert len(set(prints)) == len(prints)


def test_fingerprint_depends_on_content_alone(images, design):
    faces = FaceSet(images, design, "here")
    spread = np.zeros((72, 8, 8, 6), np.uint8)[..., ::2]
    spread[...] = images
    other = FaceSet(spread, design[design.columns[::-1]].set_index(design.source), "there")
    assert faces.fingerprint == other.fingerprint


@pytest.mark.parametrize("kind", ["full", "unlabelled"])
def test_table_survives_csv_and_json(kind, images, design):
    table = design if kind == "full" else unlabelled(72)
    faces = FaceSet(images, table, "x")
    from_csv = pd.read_csv(io.StringIO(faces.table.to_csv(index=False)))
    known = faces.table.astype(object).where(faces.table.notna(), None)
    from_json = pd.DataFrame(json.loads(json.dumps(known.to_dict("list"))))
    for back in (from_csv, from_json):
        again = FaceSet(images, back, "x")
        assert again.fingerprint == faces.fingerprint
        pd.testing.assert_frame_equal(again.table, faces.table)


def test_unknown_labels_are_none_and_na():
    table = FaceSet(np.zeros((6, 8, 8, 3), np.uint8), unlabelled(), "orl").table
    assert all(value is None for value in table.emotion)
    assert all(value is pd.NA for value in table.angle)


def test_images_are_read_only_but_not_copied(images, design):
    faces = FaceSet(images, design, "a")
    assert np.shares_memory(faces.images, images)
    with pytest.raises(ValueError, match="read-only"):
        faces.images[0] = 0
    images[0] = images[0]  # the caller's own array stays as it was
    design.loc[0, "emotion"] = "sad"
    assert faces.table.emotion[0] == "angry"


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((72, 8, 8, 3), np.float32),
        [[0]],
    ],
)
def test_images_that_are_not_uint8_are_refused(bad, design):
    with pytest.raises(TypeError, match=r"uint8; got (float32|list)"):
        FaceSet(bad, design, "a")


@pytest.mark.parametrize("shape", [(72, 8, 8), (72, 8, 9, 3), (72, 3, 8, 8), (72, 0, 0, 3)])
def test_images_of_another_shape_are_refused(shape, design):
    with pytest.raises(ValueError, match=r"\(N, S, S, 3\); got"):
        FaceSet(np.zeros(shape, np.uint8), design, "a")


def test_bad_tables_are_refused(images, design):
    with pytest.raises(ValueError, match="71 rows for 72 images"):
        FaceSet(images, design[:71], "a")
    with pytest.raises(ValueError, match="missing: gaze; unknown: look"):
        FaceSet(images, design.rename(columns={"gaze": "look"}), "a")
    with pytest.raises(ValueError, match="needs a subject, or none"):
        FaceSet(images, design.assign(subject=[None] + [1] * 71), "a")
    with pytest.raises(ValueError, match="angle must hold whole numbers"):
        FaceSet(images, design.assign(angle="north"), "a")
    with pytest.raises(ValueError, match="one for one"):
        FaceSet(images, design.assign(person="everybody"), "a")
    with pytest.raises(TypeError, match="DataFrame; got dict"):
        FaceSet(images, {}, "a")
