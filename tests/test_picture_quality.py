"""Edges kept, sharpness and background: plain loops say the same, and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyvgg.experiments.localisation import luminance_of
from tinyvgg.experiments.picture_quality import (
    BLUR,
    MEASURES,
    edges_kept,
    empty_background,
    gradient_magnitude,
    quality,
    sharpness,
)
from tinyvgg.faces.synthetic.head import build_head, pose
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.render import render_face
from tinyvgg.faces.synthetic.rendering.picture import rigs
from tinyvgg.faces.synthetic.rendering.view import look

SOBEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


def random_pictures(seed: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 14, 11))


def plain_gradient(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape
    found = np.zeros(picture.shape)
    for i in range(rows):
        for j in range(columns):
            down = right = 0.0
            for u in range(3):
                for v in range(3):
                    y, x = min(max(i + u - 1, 0), rows - 1), min(max(j + v - 1, 0), columns - 1)
                    right += SOBEL[u][v] * picture[y, x]
                    down += SOBEL[v][u] * picture[y, x]
            found[i, j] = math.hypot(down, right)
    return found


def plain_sharpness(picture: np.ndarray) -> float:
    """Crete's metric row by row, and the same of the transposed picture; the smaller counts."""
    found = []
    for some in (picture, picture.T):
        total = lost = 0.0
        for line in some.tolist():
            last, half = len(line) - 1, BLUR // 2
            blurred = [
                sum(line[min(max(k + d, 0), last)] for d in range(-half, half + 1)) / BLUR
                for k in range(len(line))
            ]
            for k in range(last):
                before, after = abs(line[k + 1] - line[k]), abs(blurred[k + 1] - blurred[k])
                total += before
                lost += max(before - after, 0)
        found.append(lost / total)
    return min(found)


def step(size: int, at: int) -> np.ndarray:
    """Dark up to a column, bright from it on."""
    return np.tile((np.arange(size) >= at).astype(float), (size, 1))


@pytest.mark.parametrize("seed", range(3))
def test_plain_loops_measure_the_same(seed):
    pictures, faces = random_pictures(seed), random_pictures(seed + 10)
    gradients = [[plain_gradient(x) for x in some] for some in (pictures, faces)]
    np.testing.assert_allclose(gradient_magnitude(pictures), gradients[0])
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*gradients, strict=True)]
    np.testing.assert_allclose(edges_kept(pictures, faces), expected)
    np.testing.assert_allclose(sharpness(pictures), [plain_sharpness(x) for x in pictures])


def test_an_edge_that_is_moved_by_a_pixel_is_kept_by_a_quarter():
    face, moved = step(6, 3)[None], step(6, 2)[None]
    # magnitudes along a row: 0 0 4 4 0 0 and 0 4 4 0 0 0; (16 - 64/6) / (32 - 64/6) = 1/4
    np.testing.assert_array_equal(gradient_magnitude(face)[0, 0], [0, 0, 4, 4, 0, 0])
    assert edges_kept(moved, face) == pytest.approx(0.25)
    assert edges_kept(face, face) == pytest.approx(1)
    assert edges_kept(5 - 2 * face, face) == pytest.approx(1), "dark for bright has the same edges"
    assert np.isnan(edges_kept(np.zeros_like(face), face))


def test_a_point_is_as_sharp_as_can_be_a_step_nearly_and_a_slope_hardly():
    point = np.zeros((40, 40))
    point[20, 20] = 1
    corner = np.outer(np.arange(40) >= 20, np.arange(40) >= 20).astype(float)
    slope = np.add.outer(np.arange(40.0), np.arange(40.0))
    found = sharpness([point, corner, slope])
    # the average of nine: a plateau instead of the point; a ninth of the step at its place
    assert found[:2] == pytest.approx([1, 8 / 9])
    # only within four pixels of either end does it flatten the slope: by 4/9, 3/9, 2/9, 1/9
    assert found[2] == pytest.approx(2 * (4 + 3 + 2 + 1) / 9 / 39)
    assert np.isnan(sharpness(step(12, 6)[None])), "it does not change along one axis"


def test_the_less_sharp_of_two_directions_counts():
    rows = np.zeros((40, 40))
    rows[::13] = 1  # lines that are sharp across, with a slow change along them
    picture = rows * np.linspace(1, 2, 40)
    along = sharpness(picture[None])
    assert along < 0.3
    assert sharpness(picture.T[None]) == along


def test_a_blurred_picture_is_less_sharp_and_brightness_does_not_count():
    pictures = random_pictures(4)
    blurred = (pictures + np.roll(pictures, 1, axis=1) + np.roll(pictures, 1, axis=2)) / 3
    assert (sharpness(blurred) < sharpness(pictures)).all()
    images = np.random.default_rng(5).integers(0, 256, (3, 14, 11, 3), np.uint8)
    images[:, :4] = (238, 238, 240)
    one, other = (quality(x, images, rendered=True) for x in (pictures, 7 * pictures))
    for measure in MEASURES:
        np.testing.assert_allclose(one[measure], other[measure])
        assert np.isfinite(one[measure]).all()


def test_energy_on_the_background_is_counted_where_the_backdrop_shows():
    images = np.full((1, 4, 4, 3), 100, np.uint8)
    images[0, 0] = (238, 238, 240)
    images[0, 1, 0] = (238, 238, 239)  # bright, and no backdrop
    picture = np.ones((1, 4, 4))
    picture[0, 0] = (2, 0, 0, 0)
    found = quality(picture, images, rendered=True)
    assert found["background"] == pytest.approx(4 / (4 + 12))
    assert np.isnan(quality(picture, images)["background"]), "of photographs it is not known"
    expected = edges_kept(picture, luminance_of(images))
    np.testing.assert_array_equal(found["edges"], expected)


def test_the_background_is_where_the_renderer_sees_nothing():
    scene = pose(build_head(3, "Caucasian", "female", side=32), draw_shot(3, "sad", "left"))
    for angle in (45, 90):
        image = render_face(3, "sad", "left", angle, 32, "Caucasian", "female")
        (rig,) = rigs(scene, [angle], 32)
        points = look(scene, rig)
        seen = np.bincount(points.pixel, points.share, 32 * 32).reshape(32, 32)
        empty = empty_background(image[None])[0]
        assert np.array_equal(empty, seen == 0)
        assert 0.2 < empty.mean() < 0.6
