"""Photographs of fewer pixels: the same picture, and the same square in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tinyvgg.faces import open_faces
from tinyvgg.faces.crop import RAFD, Box, crop_square
from tinyvgg.faces.design import ROSTER, full_design
from tinyvgg.faces.export import write_photographs
from tinyvgg.faces.synthetic import render_faces
from tinyvgg.faces.synthetic.rendering.photograph import HEIGHT, WIDTH, film_size, take_photographs

EMOTION, GAZE, VIEWS = "surprised", "right", (0, 45)
HEIGHTS = (128, 257, 341)  # 85, 171 and 227 pixels wide, whose faces are 71.5, 143.9 and 191 wide


def photographs(height: int) -> list[np.ndarray]:
    person = ROSTER[0]
    return take_photographs(0, person.group, person.gender, EMOTION, GAZE, VIEWS, height)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return full_design(1, VIEWS).query(f"emotion == {EMOTION!r} and gaze == {GAZE!r}")


@pytest.fixture(scope="module")
def big() -> list[np.ndarray]:
    return photographs(HEIGHT)


@pytest.fixture(scope="module")
def small() -> dict[int, list[np.ndarray]]:
    return {height: photographs(height) for height in HEIGHTS}


@pytest.mark.parametrize(
    ("height", "width"), [(1024, 681), (1023, 680), (512, 340), (341, 227), (128, 85)]
)
def test_the_width_follows_in_the_proportions_that_are_read(height, width):
    assert film_size(height) == (width, height)
    assert RAFD.box(90, width, height) == RAFD.boxes[90]


@pytest.mark.parametrize("height", [0, 127, 1025, 341.0, "341", True, None])
def test_other_heights_are_refused(height):
    with pytest.raises(ValueError, match="height must be a whole number of pixels from 128 to"):
        film_size(height)


@pytest.mark.parametrize("height", HEIGHTS)
def test_a_small_photograph_is_the_big_one_shrunk(big, small, height):
    for photograph, whole in zip(small[height], big, strict=True):
        assert photograph.shape == (height, film_size(height)[0], 3)

        def difference(right, down, photograph=photograph, whole=whole):
            step = HEIGHT / height
            box = (right * step, down * step, WIDTH + right * step, HEIGHT + down * step)
            moved = Image.fromarray(np.pad(whole, ((20, 20), (20, 20), (0, 0)), "edge"))
            box = tuple(edge + 20 for edge in box)
            shrunk = moved.resize(film_size(height), Image.Resampling.BOX, box=box)
            return np.abs(np.asarray(shrunk).astype(int) - photograph).mean()

        # Light is averaged before it is displayed in one, and after in the other: outlines differ.
        assert difference(0, 0) < 2
        beside = [difference(*step) for step in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))]
        assert difference(0, 0) < min(beside)


@pytest.mark.parametrize("height", HEIGHTS)
def test_crops_of_small_photographs_stand_where_the_direct_rendering_does(rows, small, height):
    direct = render_faces(rows, 64, workers=1, progress=False).astype(int)
    width, _ = film_size(height)
    for photograph, face in zip(small[height], direct, strict=True):
        box, image = RAFD.boxes[90], Image.fromarray(photograph)

        def difference(right, down, box=box, image=image, face=face):
            step = box.side / 64
            left, top = box.left + right * step, box.top + down * step * width / height
            return np.abs(crop_square(image, Box(left, top, box.side), 64) - face).mean()

        assert difference(0, 0) < 4
        beside = [difference(*step) for step in ((0.25, 0), (-0.25, 0), (0, 0.25), (0, -0.25))]
        assert difference(0, 0) < min(beside)


def test_a_copy_in_few_pixels_is_read_as_the_whole_photograph_is(rows, big, tmp_path):
    """Whoever has RaFD may have shrunk it; proportions change by a rounding then."""
    read = {}
    for name, size in (("whole", (681, 1024)), ("shrunk", (200, 300))):
        (tmp_path / name).mkdir()
        for source, picture in zip(rows.source, big, strict=True):
            copy = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
            copy.save((tmp_path / name / source).with_suffix(".png"))
        read[name] = open_faces(f"rafd:{tmp_path / name}", 64, angles=None, progress=False)
    labels = ["subject", "emotion", "gaze", "angle", "gender", "group"]
    pd.testing.assert_frame_equal(read["whole"].table[labels], read["shrunk"].table[labels])
    difference = np.abs(read["whole"].images.astype(int) - read["shrunk"].images)
    assert difference.mean() < 1.5


def test_small_photographs_are_written_and_read_as_the_same_faces(rows, tmp_path):
    folder = tmp_path / "set"
    assert write_photographs(rows, folder, workers=1, progress=False, height=200) == 2
    for name in rows.source:
        with Image.open(folder / name) as image:
            assert (image.format, image.size) == ("JPEG", (133, 200))
    read = open_faces(f"rafd:{folder}", size=64, angles=None, progress=False)
    labels = ["emotion", "gaze", "angle", "gender", "group"]
    pd.testing.assert_frame_equal(
        read.table[labels].astype(object), rows[labels].reset_index(drop=True).astype(object)
    )
    direct = render_faces(rows, 64, workers=1, progress=False).astype(int)
    assert np.abs(read.images - direct).mean() < 4
