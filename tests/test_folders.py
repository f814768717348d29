"""What people's own folders hold: labels in many levels, odd files, and what is wrong with them."""

import logging
import os

import numpy as np
import pytest
from photographs import photograph, read
from PIL import Image


def scatter(root, *names):
    for seed, name in enumerate(names):
        photograph(root / name, seed=seed)


# --- labels ---


def test_levels_of_folders_may_be_any_labels(tmp_path):
    scatter(tmp_path, "ann/happy/45/1.png", "ann/sad/90/1.png", "bob/happy/90/1.png")
    faces = read(f"folder:{tmp_path}?labels=person/emotion/angle")
    assert faces.tasks == ("face", "emotion")
    rows = faces.table[["subject", "person", "emotion", "angle"]].to_numpy().tolist()
    assert rows == [[0, "ann", "happy", 45], [0, "ann", "sad", 90], [1, "bob", "happy", 90]]
    assert faces.table.gaze.isna().all()
    assert len(read(f"folder:{tmp_path}?labels=person/emotion/angle", angles=(90,))) == 2


def test_people_are_the_same_in_every_folder_of_emotions(tmp_path):
    scatter(tmp_path, "sad/ann/1.png", "happy/bob/1.png", "happy/ann/1.png")
    faces = read(f"folder:{tmp_path}?labels=emotion/person")
    assert faces.classes("face") == ["ann", "bob"]
    assert faces.table.emotion.tolist() == ["happy", "sad", "happy"]


def test_folders_of_emotions_alone_know_no_people(tmp_path):
    scatter(tmp_path, "test/happy/1.png", "train/sad/1.png", "train/happy/2.png")
    faces = read(f"folder:{tmp_path}?labels=any/emotion", subjects=1)
    assert faces.tasks == ("emotion",)
    assert faces.table.subject.isna().all() and "person" not in faces.table
    assert faces.classes("emotion") == ["happy", "sad"]
    assert faces.labels("emotion").tolist() == [0, 0, 1]


def test_images_at_another_depth_are_mislabelled(tmp_path):
    scatter(tmp_path, "ann/1.png", "stray.png", "bob/old/1.png")
    with pytest.raises(ValueError) as caught:
        read(f"folder:{tmp_path}")
    message = str(caught.value)
    assert "2 of 3 images" in message
    assert "stray.png: not in DIR/<person>/" in message and "bob/old/1.png: not in" in message
    with pytest.raises(ValueError, match=r"no image in class folders DIR/<any>/<any>/<per"):
        read(f"folder:{tmp_path}?labels=any/any/person")


def test_angles_that_no_camera_has_are_mislabelled(tmp_path):
    scatter(tmp_path, "ann/45/1.png", "ann/30/1.png")
    with pytest.raises(ValueError, match=r"ann/30/1\.png: the angle '30' is none of \(0, 45"):
        read(f"folder:{tmp_path}?labels=person/angle")


def test_a_person_cannot_be_of_two_groups(tmp_path):
    scatter(tmp_path, "ann/old/1.png", "ann/old/2.png", "ann/young/1.png", "bob/old/1.png")
    source = f"folder:{tmp_path}?labels=person/group"
    with pytest.raises(ValueError) as caught:
        read(source)
    assert "1 of 4 images" in str(caught.value)
    assert "ann/young/1.png: person 'ann' is young here, but old elsewhere" in str(caught.value)


def test_one_rafd_number_cannot_be_two_people(tmp_path):
    name = "Rafd090_{}_Caucasian_{}_{}_frontal.jpg"
    kinds = [("01", "female", "angry"), ("01", "male", "sad"), ("02", "male", "sad")]
    scatter(tmp_path, *(name.format(*kind) for kind in kinds))
    with pytest.raises(ValueError) as caught:
        read(f"rafd:{tmp_path}")
    message = str(caught.value)
    assert "2 of 3 images" in message  # either may be wrong
    assert "number 01 is Caucasian male here, but Caucasian female elsewhere" in message
    assert len(read(f"rafd:{tmp_path}?problems=skip")) == 1


# --- odd files ---


def test_of_an_animation_the_first_picture_is_read(tmp_path):
    pixels = photograph(tmp_path / "ann" / "0.png", 16, 16)
    (tmp_path / "ann" / "0.png").unlink()
    image = Image.fromarray(pixels)
    other = Image.fromarray(255 - pixels)
    for suffix, options in {"gif": {}, "webp": {"lossless": True}, "png": {}}.items():
        path = tmp_path / "ann" / f"1.{suffix}"
        image.save(path, save_all=True, append_images=[other], **options)
        (first,) = read(f"folder:{tmp_path}").images
        np.testing.assert_array_equal(first, pixels)
        path.unlink()


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_either_byte_order_are_read(tmp_path, order):
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    (tmp_path / "ann").mkdir()
    Image.fromarray(values.astype(f"{order}u2")).save(tmp_path / "ann" / "deep.tif")
    (deep,) = read(f"folder:{tmp_path}").images
    np.testing.assert_allclose(deep[..., 0], values / 257, atol=0.5)


def test_names_may_hold_spaces_other_scripts_and_bytes_that_are_no_text(tmp_path):
    scatter(tmp_path, "Zoë B./mit Leer zeichen.png", "王/1?.png", "王/a=b,c.png")
    broken = os.path.join(os.fsencode(tmp_path), b"\xff\xfe")
    try:
        os.mkdir(broken)
    except OSError:
        pytest.skip("this file system takes only text")
    photograph(tmp_path / "more" / "1.png", seed=9)
    os.rename(os.fsencode(tmp_path / "more" / "1.png"), os.path.join(broken, b"1.png"))
    os.rmdir(tmp_path / "more")
    faces = read(f"folder:{tmp_path}")
    assert sorted(faces.classes("face")) == sorted(["Zoë B.", "\\udcff\\udcfe", "王"])
    faces.table.to_json().encode()
    assert faces.fingerprint


def test_links_are_followed_and_a_link_to_itself_is_not_walked_forever(tmp_path):
    scatter(tmp_path / "elsewhere", "ann/1.png")
    home = tmp_path / "home"
    scatter(home, "bob/1.png")
    photograph(home / "bob" / "1.png", seed=5)
    (home / "ann").symlink_to(tmp_path / "elsewhere" / "ann")
    (home / "bob" / "loop").symlink_to(home)
    assert read(f"folder:{home}").classes("face") == ["ann", "bob"]
    (home / "twin").symlink_to(tmp_path / "elsewhere" / "ann")
    with pytest.raises(ValueError, match=r"ann/1\.png: the same image as twin/1\.png"):
        read(f"folder:{home}")


def test_files_of_other_kinds_are_counted_in_the_log(tmp_path, caplog):
    scatter(tmp_path, "ann/1.png")
    for name in ("a.heic", "b.HEIC", "notes.txt", ".DS_Store"):
        (tmp_path / "ann" / name).touch()
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        read(f"folder:{tmp_path}")
    assert "skipped 3 files of other types: .heic (2), .txt (1)" in caplog.text


# --- everything that is wrong, at once ---


@pytest.fixture
def spoilt(tmp_path):
    """Three good pictures, and one of each kind of problem."""
    scatter(tmp_path, "ann/1.png", "ann/2.png", "bob/1.png")
    (tmp_path / "ann" / "copy.png").write_bytes((tmp_path / "ann" / "1.png").read_bytes())
    (tmp_path / "bob" / "empty.jpg").touch()
    (tmp_path / "bob" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    scatter(tmp_path, "stray.png")
    (tmp_path / "carl").mkdir()
    (tmp_path / "carl" / "1.png").write_text("no picture")
    return tmp_path


def test_all_problems_are_told_in_one_error(spoilt):
    with pytest.raises(ValueError) as caught:
        read(f"folder:{spoilt}")
    assert str(caught.value).split("\n")[1:] == [
        "  labels missing, unknown or contradictory (1):",
        "    stray.png: not in DIR/<person>/, as labels=person requires",
        "  duplicate (1):",
        "    ann/copy.png: the same image as ann/1.png",
        "  unreadable (3):",
        "    bob/empty.jpg: not an image",
        "    bob/gone.jpg: No such file or directory",
        "    carl/1.png: not an image",
    ]
    assert "5 of 8 images cannot be used" in str(caught.value)
    assert "problems=skip" in str(caught.value)


def test_skipping_leaves_the_good_ones_and_lists_the_others(spoilt, caplog):
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        faces = read(f"folder:{spoilt}?problems=skip")
    assert faces.table.source.tolist() == ["ann/1.png", "ann/2.png", "bob/1.png"]
    assert faces.classes("face") == ["ann", "bob"]
    assert set(faces.table.subject) == {0, 1}
    assert {path for path, _ in faces.left_out} == {
        *("stray.png", "ann/copy.png", "bob/empty.jpg", "bob/gone.jpg", "carl/1.png")
    }
    assert "left out 5 images and kept 3" in caplog.text
    assert "carl/1.png: not an image" in caplog.text


def test_one_picture_of_two_people_is_nobodys(tmp_path):
    scatter(tmp_path, "ann/1.png", "bob/2.png", "bob/3.png")
    (tmp_path / "bob" / "1.png").write_bytes((tmp_path / "ann" / "1.png").read_bytes())
    with pytest.raises(ValueError, match="2 of 4 images"):
        read(f"folder:{tmp_path}")
    faces = read(f"folder:{tmp_path}?problems=skip")
    assert faces.classes("face") == ["bob"] and len(faces) == 2


def test_nothing_left_is_an_error_too(tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "1.png").touch()
    with pytest.raises(
        ValueError, match=r"none of 1 images can be used\n(.|\n)*ann/1\.png: not an im"
    ):
        read(f"folder:{tmp_path}?problems=skip")
