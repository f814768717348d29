"""Colours of the synthetic people: skin, brows, eyes, lips and beards keep to what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from tinyvgg.faces.design import ROSTER
from tinyvgg.faces.synthetic.canvas import WIDTH, load_canvas
from tinyvgg.faces.synthetic.hair.facial import (
    BROW_LINES,
    SHAVES,
    beard_region,
    middle_line,
    paint_beard,
    paint_brows,
)
from tinyvgg.faces.synthetic.paint import halve
from tinyvgg.faces.synthetic.person.complexion import BEARD_STYLES, BROW_SHAPES, PALETTES
from tinyvgg.faces.synthetic.person.identity import draw_person
from tinyvgg.faces.synthetic.rendering.shade import lamps
from tinyvgg.faces.synthetic.skin.eyes import (
    IRIS_ANGLE,
    SCLERA,
    eye_reflections,
    lid_distances,
    lid_edges,
    paint_eye,
)
from tinyvgg.faces.synthetic.skin.painting import paint_skin

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
AHEAD = np.array([0.0, 0.0, 1.0], np.float32)


@pytest.fixture(scope="module")
def people():
    return [draw_person(each.subject, each.group, each.gender) for each in ROSTER]


def directions(angle: float, count: int = 90) -> np.ndarray:
    """Points (count, 3) of the eyeball at an angle in degrees from straight ahead."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    angle = np.radians(angle)
    return np.stack(
        [np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.full(count, np.cos(angle))],
        1,
    )


# ---------------------------------------------------------------- skin and lips


def test_the_skin_of_each_group_keeps_to_its_range_and_the_ranges_overlap(people):
    tones = {group: [] for group in PALETTES}
    for person in people:
        light, dark = (tone @ LUMINANCE for tone in PALETTES[person.group].skin)
        tone = person.complexion.skin @ LUMINANCE
        assert 0.92 * dark < tone < 1.08 * light, person.subject
        tones[person.group].append(tone)
    assert min(tones["Caucasian"]) < max(tones["Moroccan"])
    assert np.mean(tones["Caucasian"]) > np.mean(tones["Moroccan"])
    for group in ("Caucasian", "Moroccan"):  # very fair to brown, not all alike
        assert max(tones[group]) > 1.4 * min(tones[group])


def test_everybodys_skin_and_lips_are_warm_and_lips_are_not_painted(people):
    for person in people:
        red, green, blue = person.complexion.skin
        assert red > green > blue
        red, green, blue = person.complexion.lips  # what they keep of the skin's light
        assert 0.5 < red < 1
        assert green < red
        assert green > 0.3


@pytest.mark.parametrize("subject", [3, 33])  # a full beard; a woman with freckles
def test_a_person_looks_alike_on_canvases_of_any_level(people, subject):
    person = people[subject]
    fine = paint_skin(person, load_canvas(0))[0]
    for level in (1, 2):
        fine = halve(fine)
        coarse = paint_skin(person, load_canvas(level))[0]
        rows, columns = (slice(side // 4, 3 * side // 4) for side in fine.shape[:2])
        difference = np.abs(coarse - fine)[rows, columns]
        assert difference.mean() < 0.006
        assert np.abs((coarse - fine)[rows, columns].mean((0, 1))).max() < 0.003


def test_skin_is_neither_smooth_nor_the_same_on_two_people(people):
    canvas = load_canvas(1)
    cheek = np.s_[190:230, 400:440]
    first, second = (paint_skin(people[number], canvas)[0][cheek] for number in (5, 7))
    for colour in (first, second):
        contrast = colour.std((0, 1)) / colour.mean((0, 1))
        assert (contrast > 0.004).all()
        assert (contrast < 0.12).all()
    mean_free = [colour[..., 1] - colour[..., 1].mean() for colour in (first, second)]
    likeness = (mean_free[0] * mean_free[1]).mean() / (mean_free[0].std() * mean_free[1].std())
    assert abs(likeness) < 0.8


# ---------------------------------------------------------------- brows and beards


def test_brows_are_never_much_darker_than_the_hair_but_black_ones_stay_dark(people):
    for person in people:
        brows, hair = (
            colour @ LUMINANCE for colour in (person.complexion.brows.colour, person.hair.colour)
        )
        assert 0.45 * hair < brows < hair, person.subject


def test_womens_and_childrens_brows_are_thinner(people):
    men = [p for p in people if p.gender == "male" and not p.is_child]
    others = [p for p in people if p not in men]
    thickness = [[p.complexion.brows.thickness for p in each] for each in (men, others)]
    assert max(thickness[1]) <= min(thickness[0]) + 0.35
    assert np.mean(thickness[1]) < 0.75 * np.mean(thickness[0])


def test_brows_have_several_shapes_that_rise_outwards_and_fall_at_the_tail(people):
    shapes = {person.complexion.brows.shape for person in people}
    assert shapes == set(BROW_SHAPES) == set(BROW_LINES)
    for person in people:
        heights = middle_line(person.complexion.brows)[:, 1]
        peak = int(heights.argmax())
        assert 15 < peak < 55
        assert heights[peak] - heights[0] < 0.075  # no devil's brows
        assert heights[-1] < heights[peak]


def test_brows_are_thin_at_the_ends_and_alike_on_both_sides(people):
    canvas = load_canvas(0)
    for subject in (0, 6, 33):
        cover = paint_brows(people[subject], canvas)
        assert cover.min() >= 0 and cover.max() <= 1
        right, left = cover[:, : WIDTH // 2].sum(), cover[:, WIDTH // 2 :].sum()
        assert right == pytest.approx(left, rel=0.08)
        along = cover[:, WIDTH // 2 :].sum(0)
        reach = np.flatnonzero(along > 0.02 * along.max())
        first, last = reach[0], reach[-1]
        length = last - first
        middle = along[first + length // 3 : first + length // 2].mean()
        assert along[first : first + length // 12].mean() < 0.45 * middle
        assert along[last - length // 12 : last].mean() < 0.45 * middle


def test_only_men_have_beards_and_most_are_shaven(people):
    men = [p for p in people if p.gender == "male" and not p.is_child]
    assert all(p.complexion.beard.style == "clean" for p in people if p not in men)
    styles = [p.complexion.beard.style for p in men]
    assert len(set(styles)) >= 5
    assert set(styles) <= set(SHAVES) == set(BEARD_STYLES["Caucasian"])
    assert sum(style in ("clean", "shadow") for style in styles) > 0.6 * len(styles)


def test_beards_grow_on_the_lower_face_only_and_not_on_the_lips(people):
    canvas = load_canvas(1)
    for person in people:
        if person.complexion.beard.style != "full":
            continue
        _, hairs = paint_beard(person, canvas, np.zeros(canvas.shape, np.float32))
        covered = hairs > 0.3
        assert covered.any()
        assert canvas.y[covered].max() < 7.35
        assert canvas.z[covered].min() > 0.35
        lips = (np.abs(canvas.x) < 0.12) & (np.abs(canvas.y - 6.60) < 0.05) & (canvas.z > 1)
        assert hairs[lips].mean() < 0.1
        region = beard_region(person, canvas)
        mirrored = region[:, ::-1]
        assert 0.001 < np.abs(region - mirrored).mean() < 0.05 * region.max()


# ---------------------------------------------------------------- eyes


def test_everybodys_iris_stands_out_from_the_white(people):
    for person in people:
        dark = [
            paint_eye(person, "neutral", directions(angle), AHEAD).mean(0) @ LUMINANCE
            for angle in (13, 16, 19, 22)
        ]
        white = paint_eye(person, "neutral", directions(34), AHEAD).mean(0) @ LUMINANCE
        assert white > 2.2 * np.mean(dark), person.subject


def test_an_iris_is_darkest_at_its_border_and_has_fibres(people):
    for person in people[:12]:
        inside, border = (
            paint_eye(person, "neutral", directions(angle), AHEAD) @ LUMINANCE
            for angle in (18, 22.5)
        )
        assert border.mean() < 0.9 * inside.mean()
        assert inside.std() > 0.04 * inside.mean()


def test_the_upper_lid_shades_the_eye_more_than_the_lower(people):
    lids = np.array([[0, 0, 0.35], [0, 0, -0.30]])
    height = np.array([0.33, 0.0, -0.28])
    points = np.stack([0.55 + 0 * height, height, np.sqrt(1 - 0.55**2 - height**2)], 1)
    above, below = lid_distances(points, lids)
    np.testing.assert_allclose(above, 0.35 - height)
    np.testing.assert_allclose(below, height + 0.30)
    bare = paint_eye(people[0], "neutral", points, AHEAD)
    shaded = paint_eye(people[0], "neutral", points, AHEAD, lids) / bare
    assert shaded[0].max() < 0.6 < shaded[2].min() < shaded[1].min()


def test_edges_of_lids_are_parabolas_through_their_points():
    x = np.linspace(-0.8, 0.8, 9)
    edges = [np.stack([x, a - b * x**2, 0 * x], 1) for a, b in ((0.3, 0.2), (-0.25, -0.1))]
    np.testing.assert_allclose(
        lid_edges(*edges), [[-0.2, 0, 0.3], [0.1, 0, -0.25]], rtol=0, atol=1e-12
    )


def test_the_cornea_mirrors_one_bright_lamp_and_one_weak_one():
    side = np.linspace(-0.4, 0.4, 161)
    x, y = (each.ravel() for each in np.meshgrid(side, side))
    points = np.stack([x, y, np.sqrt(1 - x**2 - y**2)], 1).astype(np.float32)
    light = lamps(np.zeros(4))
    shine = eye_reflections(points, AHEAD, AHEAD[None], np.zeros(len(points), int), light)
    key = shine > 0.6
    assert 20 < key.sum() < 900
    assert x[key].mean() * light[0][0][0] > 0  # on the key lamp's side
    assert y[key].mean() > 0
    assert np.hypot(x[key], y[key]).max() < np.sin(np.radians(IRIS_ANGLE))
    other = (x * light[0][0][0] < 0) & (shine > 0.1)
    assert other.any()
    assert shine[other].max() < 0.4
    assert SCLERA.max() < 0.8  # a catch light is brighter than any white of the eye
