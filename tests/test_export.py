"""The studio: photographs whose crops are the direct rendering, and the folder that holds them."""

from __future__ import annotations

import json
import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tinyvgg.__main__ import main
from tinyvgg.faces import export, open_faces
from tinyvgg.faces.crop import RAFD, Box, crop_square
from tinyvgg.faces.design import ABSENT_IDENTITIES, ANGLES, ROSTER, full_design, parse_name
from tinyvgg.faces.export import LOCK, MANIFEST, NOTE, export_faces, write_photographs
from tinyvgg.faces.listings import list_rafd
from tinyvgg.faces.mark import MARK, is_rendered, save_rendered
from tinyvgg.faces.spec import Spec
from tinyvgg.faces.synthetic import render_faces
from tinyvgg.faces.synthetic.head import build_head, pose
from tinyvgg.faces.synthetic.person.basis import load_basis
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.rendering.camera import aim
from tinyvgg.faces.synthetic.rendering.photograph import (
    HEIGHT,
    WIDTH,
    hang_shirt,
    rim,
    take_photographs,
)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """One shot, from the right ear and from in front."""
    return full_design(1, (0, 90)).query("emotion == 'happy' and gaze == 'left'")


@pytest.fixture(scope="module")
def photographs(rows):
    person = ROSTER[0]
    return take_photographs(0, person.group, person.gender, "happy", "left", (0, 90))


@pytest.fixture(scope="module")
def exported(rows, photographs, tmp_path_factory):
    """The shot as a folder, written by the export itself."""
    folder = tmp_path_factory.mktemp("exported") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "take_photographs", lambda *_: photographs)
        assert write_photographs(rows, folder, workers=1, progress=False) == 2
    return folder


# ---------------------------------------------------------------- photographs


def test_the_box_of_a_photograph_is_the_direct_rendering(rows, photographs):
    left, upper, right, lower = (round(edge) for edge in RAFD.boxes[90].pixels(WIDTH, HEIGHT))
    direct = render_faces(rows, right - left, workers=1, progress=False)
    for photograph, face in zip(photographs, direct, strict=True):
        difference = np.abs(photograph[upper:lower, left:right].astype(int) - face)
        assert difference.mean() < 0.5  # shade near the border depends on what lies beyond it
        assert difference[80:-80, 80:-80].mean() < 0.2


@pytest.mark.parametrize("subject", [0, 1, 5, 8])
def test_the_shirt_falls_from_the_cut_to_below_every_photograph(subject):
    person = ROSTER[subject]
    bust = pose(build_head(subject, person.group, person.gender), draw_shot(subject, "sad", "left"))
    scene = hang_shirt(bust)
    added = scene.vertices[len(bust.vertices) :].reshape(-1, len(rim()), 3)
    np.testing.assert_array_equal(added[0], bust.vertices[rim()])
    left, upper, right, _ = RAFD.boxes[90].pixels(WIDTH, HEIGHT)
    for angle in ANGLES:
        camera = aim(scene.head.frame, scene.shot, angle, round(right - left))
        rows = camera.with_film(WIDTH, HEIGHT, left, upper).project(added[-1])[0][:, 1]
        assert rows.min() > HEIGHT


def test_the_cut_is_one_ring_around_the_body():
    basis, loop = load_basis(), rim()
    assert len(set(loop)) == len(loop)
    place = basis.rest[loop]
    assert place[:, 1].max() < 5.3  # below the shoulders
    assert np.ptp(place[:, 0]) > 4  # from arm to arm
    steps = np.linalg.norm(place - np.roll(place, 1, 0), axis=1)
    assert steps.max() < 0.3


# ---------------------------------------------------------------- round trip


def test_an_export_is_read_as_the_same_faces_with_the_same_labels(rows, exported):
    read = open_faces(f"rafd:{exported}", size=64, angles=None, progress=False)
    labels = ["emotion", "gaze", "angle", "gender", "group"]
    pd.testing.assert_frame_equal(
        read.table[labels].astype(object), rows[labels].reset_index(drop=True).astype(object)
    )
    direct = render_faces(rows, 64, workers=1, progress=False).astype(int)
    # Two ways to average the same light over a pixel, and JPEG: 2.2 grey levels on average by
    # plain averaging, 3.3 by the filter that sharpens.
    assert np.abs(read.images - direct).mean() < 4


def test_crops_stand_where_the_direct_rendering_does_to_a_quarter_of_a_pixel(rows, photographs):
    direct = render_faces(rows, 64, workers=1, progress=False).astype(int)
    for angle, photograph, face in zip(rows.angle, photographs, direct, strict=True):
        box, image = RAFD.boxes[angle], Image.fromarray(photograph)

        def difference(right, down, box=box, image=image, face=face):
            step = box.side / 64
            left, top = box.left + right * step, box.top + down * step * WIDTH / HEIGHT
            return np.abs(crop_square(image, Box(left, top, box.side), 64) - face).mean()

        beside = [difference(*step) for step in ((0.25, 0), (-0.25, 0), (0, 0.25), (0, -0.25))]
        assert difference(0, 0) < min(beside)


def test_the_file_costs_the_crop_less_than_a_grey_level(rows, photographs, exported):
    read = open_faces(f"rafd:{exported}", size=64, angles=None, progress=False)
    for angle, photograph, image in zip(rows.angle, photographs, read.images, strict=True):
        cut = crop_square(Image.fromarray(photograph), RAFD.boxes[angle], 64)
        assert np.abs(cut.astype(int) - image).mean() < 1


def test_names_of_all_8040_files_give_back_the_labels(tmp_path):
    table = full_design(angles=None)
    first = tmp_path / table.source[0]
    save_rendered(np.zeros((8, 8, 3), np.uint8), first, "a test")
    for name in table.source[1:]:
        (tmp_path / name).hardlink_to(first)
    read = list_rafd(Spec("rafd", str(tmp_path))).table
    assert len(read) == 8040
    for column in ("subject", "emotion", "gaze", "angle", "gender", "group"):
        assert read[column].tolist() == table[column].tolist()
    identities = {parse_name(name).identity for name in table.source}
    assert identities == set(range(1, 74)) - set(ABSENT_IDENTITIES)


# ---------------------------------------------------------------- honesty


def test_every_file_and_the_folder_say_that_the_faces_are_synthetic(rows, exported):
    assert {path.name for path in exported.iterdir()} == {MANIFEST, NOTE, LOCK, *rows.source}
    assert "not photographs" in (exported / NOTE).read_text("utf8")
    for name in rows.source:
        with Image.open(exported / name) as image:
            assert (image.format, image.size) == ("JPEG", (WIDTH, HEIGHT))
            assert MARK in image.info["comment"].decode()
            assert image.getexif()[0x010E] == MARK
            assert image.getexif()[0x0131].startswith("tinyvgg ")


def test_readers_of_an_export_are_told_that_it_is_synthetic(rows, exported, caplog):
    table = open_faces(f"rafd:{exported}", size=8, angles=None, progress=False).table
    assert "these are synthetic faces" in caplog.text
    assert table.source.tolist() == [name.replace("Rafd", "Synthetic") for name in rows.source]
    assert table.source[0] == "Synthetic000_01_Caucasian_male_happy_left.jpg"


def test_the_mark_is_told_from_other_pictures_and_survives_the_loss_of_one_half(tmp_path):
    plain, exif, comment = (tmp_path / f"{name}.jpg" for name in ("plain", "exif", "comment"))
    picture = Image.new("RGB", (8, 8))
    picture.save(plain)
    save_rendered(np.asarray(picture), exif, "a test")
    with Image.open(exif) as image:
        image.save(comment, comment=image.info["comment"])
        image.save(exif, exif=image.getexif(), comment=b"")
    (tmp_path / "text.jpg").write_text("no image")
    assert [is_rendered(path) for path in (plain, exif, comment)] == [False, True, True]
    assert not is_rendered(tmp_path / "text.jpg")
    assert not is_rendered(tmp_path / "absent.jpg")


# ---------------------------------------------------------------- folders


@pytest.fixture
def studio(monkeypatch):
    """A studio that is quick, counts its shots and can fail at one of them."""
    state = SimpleNamespace(shots=0, fail_at=None, error=KeyboardInterrupt(), heights=set())

    def take(subject, group, gender, emotion, gaze, angles, height):
        state.shots += 1
        state.heights.add(height)
        if state.shots == state.fail_at:
            raise state.error
        return [np.full((16, 12, 3), state.shots, np.uint8) for _ in angles]

    monkeypatch.setattr(export, "take_photographs", take)
    return state


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.jpg")}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interrupted_export_goes_on_where_it_stopped(tmp_path, studio, error):
    studio.fail_at, studio.error = 4, error
    with pytest.raises(type(error)):
        export_faces(tmp_path / "set", 1, (45, 90), workers=1, progress=False)
    before = files(tmp_path / "set")
    assert len(before) == 6
    studio.fail_at = None
    assert export_faces(tmp_path / "set", 1, (45, 90), workers=1, progress=False) == 42
    after = files(tmp_path / "set")
    assert len(after) == 48
    assert {name: after[name] for name in before} == before
    assert studio.shots == 4 + 21
    assert export_faces(tmp_path / "set", 1, (45, 90), workers=1, progress=False) == 0


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path, studio, monkeypatch):
    def half(image, path, *arguments, **options):
        path.write_bytes(b"\xff\xd8 half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", half)
        with pytest.raises(OSError, match="No space"):
            export_faces(tmp_path, 1, (90,), workers=1, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOCK, NOTE, MANIFEST]
    assert export_faces(tmp_path, 1, (90,), workers=1, progress=False) == 24


def test_a_part_is_completed_and_damaged_files_are_made_anew(tmp_path, studio):
    export_faces(tmp_path, 1, (90,), workers=1, progress=False)
    damaged, *_, whole = sorted(tmp_path.glob("*.jpg"))
    content = whole.read_bytes()
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (tmp_path / ".Rafd090_01_x.jpg.part").write_bytes(b"left over")
    assert export_faces(tmp_path, 1, (0, 90), workers=1, progress=False) == 25
    assert whole.read_bytes() == content
    assert damaged.read_bytes().endswith(b"\xff\xd9")
    assert not list(tmp_path.glob(".*.part"))


def test_faces_of_other_settings_are_not_mixed_in(tmp_path, studio):
    export_faces(tmp_path, 1, (90,), workers=1, progress=False)
    known = json.loads((tmp_path / MANIFEST).read_text("utf8"))
    for manifest in (json.dumps({**known, "code": "another"}), "{half"):
        (tmp_path / MANIFEST).write_text(manifest)
        with pytest.raises(ValueError, match=r"other settings .* another folder"):
            export_faces(tmp_path, 1, (90,), workers=1, progress=False)


@pytest.mark.parametrize(("height", "other"), [(None, "341"), ("341", "342"), ("341", None)])
def test_a_folder_is_gone_on_with_at_its_own_height_only(tmp_path, studio, capsys, height, other):
    def run(height, *angles):
        of_height = [] if height is None else ["--height", height]
        workers = ["--workers", "1", "--subjects", "1"]
        return main(["faces", "export", str(tmp_path), "--angles", *angles, *workers, *of_height])

    assert run(height, "90") == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(other, "90", "135") == 2
    sizes = {None: "681 x 1024", "341": "227 x 341", "342": "227 x 342"}
    number = height or "1024"
    assert (
        f"contains images of {sizes[height]} pixels, but {sizes[other]} were requested; "
        f"use the height {number} to resume that export, or choose another folder"
        in capsys.readouterr().err
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert studio.shots == 24
    assert run(number, "90", "135") == 0  # the default may be spelt out
    assert studio.shots == 48
    assert studio.heights == {int(number)}
    said = (tmp_path / NOTE).read_text("utf8")
    assert said.endswith("THIS_FOLDER --height 341\n" if height else "THIS_FOLDER\n")


@pytest.mark.parametrize("pixels", [None, 341, [], [227, 341, 3]])
def test_a_spoilt_size_in_a_folder_is_told_as_other_settings(tmp_path, studio, pixels):
    export_faces(tmp_path, 1, (90,), workers=1, progress=False)
    known = json.loads((tmp_path / MANIFEST).read_text("utf8"))
    (tmp_path / MANIFEST).write_text(json.dumps({**known, "pixels": pixels}))
    with pytest.raises(ValueError, match="other settings"):
        export_faces(tmp_path, 1, (90,), workers=1, progress=False)


@pytest.mark.parametrize(
    "stranger", ["Rafd090_01_Caucasian_female_angry_frontal.jpg", "thesis.tex"]
)
def test_a_folder_of_other_things_is_left_alone(tmp_path, studio, stranger):
    (tmp_path / stranger).write_text("mine")
    with pytest.raises(ValueError, match=f"1 other file.*{stranger}"):
        export_faces(tmp_path, 1, (90,), workers=1, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [stranger]
    assert studio.shots == 0


def test_wrong_requests_are_refused_before_anything_is_made(tmp_path, studio, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    new = str(tmp_path / "new")
    for arguments, reason in (
        ([str(tmp_path / "file")], "is a file"),
        ([new, "--subjects", "68"], "1 to 67"),
        ([new, "--subjects", "0"], "1 to 67"),
        ([new, "--angles", "30"], "angles must be"),
        ([new, "--workers", "0"], "workers must be"),
        ([new, "--height", "127"], "height must be a whole number of pixels from 128 to 1024"),
        ([new, "--height", "1025"], "got 1025"),
    ):
        assert main(["faces", "export", *arguments]) == 2
        assert reason in capsys.readouterr().err
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    assert main(["faces", "export", new]) == 1
    assert "not enough space on the disk" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert studio.shots == 0


def test_what_will_be_done_is_said_beforehand(tmp_path, studio, caplog):
    with caplog.at_level(logging.INFO, "tinyvgg"):
        export_faces(tmp_path, 1, None, workers=1, progress=False)
        export_faces(tmp_path, 1, None, workers=1, progress=False)
    first, second = caplog.messages
    assert "rendering 120 images of 681 x 1024 pixels, about 12 MB and 4 min with 1" in first
    assert "all 120 images exist already" in second


def test_small_photographs_are_announced_as_such(tmp_path, studio, caplog):
    with caplog.at_level(logging.INFO, "tinyvgg"):
        export_faces(tmp_path, 1, None, workers=1, progress=False, height=512)
    assert "rendering 120 images of 340 x 512 pixels, about 5 MB and 1 min with 1" in caplog.text
