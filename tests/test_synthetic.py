"""The synthetic faces: deterministic, labelled rightly, and drawn by the rules they claim."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from tinyvgg.bench import rendering as bench
from tinyvgg.faces.design import ANGLES, EMOTIONS, GAZES
from tinyvgg.faces.synthetic import basis_fingerprint, render_face, render_faces
from tinyvgg.faces.synthetic.canvas import column_of, load_canvas, row_of
from tinyvgg.faces.synthetic.head import EYES, build_head, gaze_vector, lid_vertices, pose
from tinyvgg.faces.synthetic.paint import sample, stream, to_display, to_linear
from tinyvgg.faces.synthetic.person.basis import (
    BASIS_PATH,
    MASKS,
    VERTICES_OF_AN_EYE,
    load_basis,
    read_arrays,
)
from tinyvgg.faces.synthetic.person.expression import ACTIONS, draw_shot
from tinyvgg.faces.synthetic.person.identity import draw_person
from tinyvgg.faces.synthetic.person.mesh import (
    catmull_clark,
    triangulate,
    unit_sphere,
    vertex_normals,
)
from tinyvgg.faces.synthetic.rendering.camera import Camera, aim, rotation_about
from tinyvgg.faces.synthetic.rendering.raster import rasterize
from tinyvgg.faces.synthetic.rendering.shade import lamp_share, lamps
from tinyvgg.faces.synthetic.skin.wrinkles import FOLDS, fold_strengths

SIZE = 24


def design(*rows) -> pd.DataFrame:
    """Rows (subject, emotion, gaze, angle); even subjects are women, the third is a child."""
    return pd.DataFrame(
        {
            "subject": subject,
            "emotion": emotion,
            "gaze": gaze,
            "angle": angle,
            "gender": "male" if subject % 2 else "female",
            "group": "Kid" if subject == 2 else "Caucasian",
        }
        for subject, emotion, gaze, angle in rows
    )


@pytest.fixture(scope="module")
def woman():
    return build_head(0, "Caucasian", "female")


# ---------------------------------------------------------------- pictures


def test_pictures_depend_on_neither_workers_nor_order_nor_the_other_rows():
    table = design(
        (0, "happy", "left", 45),
        (2, "neutral", "frontal", 90),
        (0, "happy", "left", 135),
        (2, "sad", "right", 180),
        (0, "angry", "frontal", 90),
    )
    images = render_faces(table, SIZE, workers=1, progress=False)
    assert images.shape == (5, SIZE, SIZE, 3)
    assert images.dtype == np.uint8
    order = [3, 0, 4, 1, 2]
    shuffled = render_faces(table.iloc[order], SIZE, workers=2, progress=False)
    np.testing.assert_array_equal(shuffled, images[order])
    row = table.iloc[3]
    alone = render_face(
        row.subject, row.emotion, row.gaze, row.angle, SIZE, group=row.group, gender=row.gender
    )
    np.testing.assert_array_equal(alone, images[3])


def test_each_label_changes_the_picture():
    rows = [(0, "neutral", "frontal", angle) for angle in ANGLES]
    rows += [(0, emotion, "frontal", 90) for emotion in EMOTIONS if emotion != "neutral"]
    rows += [(0, "neutral", gaze, 90) for gaze in GAZES if gaze != "frontal"]
    rows += [(1, "neutral", "frontal", 90)]
    images = render_faces(design(*rows), SIZE, workers=1, progress=False).astype(float)
    for first in range(len(rows)):
        for second in range(first):
            difference = np.abs(images[first] - images[second]).mean()
            assert difference > 0.3, (rows[first], rows[second], difference)


def test_gender_and_group_belong_to_the_person():
    same = {"subject": 3, "emotion": "neutral", "gaze": "frontal", "angle": 90, "size": SIZE}
    pictures = [
        render_face(**same, group=group, gender=gender).astype(float)
        for group, gender in (("Caucasian", "male"), ("Moroccan", "male"), ("Caucasian", "female"))
    ]
    assert np.abs(pictures[0] - pictures[1]).mean() > 2
    assert np.abs(pictures[0] - pictures[2]).mean() > 2


def test_small_pictures_are_large_ones_shrunk():
    """They are drawn with fewer faces and on smaller canvases, which must not show."""
    table = design((0, "happy", "left", 45), (1, "surprised", "frontal", 90))
    small, large = (
        render_faces(table, size, 1, progress=False).astype(float) for size in (64, 192)
    )
    shrunk = large.reshape(2, 64, 3, 64, 3, 3).mean((2, 4))
    assert np.abs(small - shrunk).mean() < 4  # grey levels of 255
    assert np.abs((small - shrunk).mean((1, 2))).max() < 2  # no cast of colour


def test_an_empty_table_gives_no_pictures():
    table = design((0, "happy", "left", 45)).iloc[:0]
    assert render_faces(table, SIZE, progress=False).shape == (0, SIZE, SIZE, 3)


@pytest.mark.parametrize(
    ("wrong", "known"),
    [
        ({"emotion": "bored"}, "surprised"),
        ({"gaze": "up"}, "frontal"),
        ({"angle": 60}, "135"),
        ({"gender": "f"}, "female"),
        ({"group": "Dutch"}, "Moroccan"),
        ({"size": 7}, "1024"),
        ({"size": 64.0}, "1024"),
        ({"subject": -1}, "from 0"),
    ],
)
def test_what_is_unknown_is_refused_and_the_known_named(wrong, known):
    right = {
        "subject": 0, "emotion": "sad", "gaze": "left", "angle": 90, "size": SIZE,
        "group": "Caucasian", "gender": "male",
    }  # fmt: skip
    (value,) = wrong.values()
    with pytest.raises(ValueError) as error:
        render_face(**{**right, **wrong})
    assert repr(value) in str(error.value)
    assert known in str(error.value)


def test_a_table_without_a_column_and_no_workers_are_refused():
    table = design((0, "happy", "left", 45))
    with pytest.raises(ValueError, match=r"lacks the column\(s\) gaze"):
        render_faces(table.drop(columns="gaze"), SIZE)
    with pytest.raises(ValueError, match="workers must be a whole number from 1, or None; got 0"):
        render_faces(table, SIZE, workers=0)


def test_the_time_of_a_step_is_divided_by_the_pictures_that_share_it(monkeypatch):
    seconds = itertools.count()
    monkeypatch.setattr(bench.time, "process_time", lambda: next(seconds))  # each step takes one
    cost = bench.measure(SIZE, people=2, emotions=("happy", "sad"))
    per_shot = 1000 / 3  # milliseconds; the paper's three angles are taken together
    assert cost == pytest.approx(
        {
            "painting": per_shot / 24,  # eight emotions, three gazes
            **dict.fromkeys(("posing", "looking", "lighting", "developing"), per_shot),
            "all": per_shot * (4 + 1 / 24),
            "floor": per_shot,
        }
    )
    rows = bench.table({SIZE: cost, 8: cost})
    assert [row["stage"] for row in rows] == list(cost)
    assert rows[-1]["24 px"] == rows[-1]["8 px"] == cost["floor"]


# ---------------------------------------------------------------- people and expressions


def test_a_person_is_the_same_whenever_drawn_and_unlike_the_next():
    first, again, other = (draw_person(number, "Moroccan", "male") for number in (5, 5, 6))
    assert first.targets == again.targets
    np.testing.assert_array_equal(first.complexion.skin, again.complexion.skin)
    assert first.targets != other.targets


def test_streams_of_different_names_differ_and_stay_as_they_are():
    assert stream("shape", 1).integers(1 << 30) != stream("shape", 2).integers(1 << 30)
    assert stream("ab", 1).integers(1 << 30) != stream("a", "b", 1).integers(1 << 30)
    # sha256("shape/1") begins so; with it a whole set of faces stands and falls.
    words = np.random.SeedSequence(stream("shape", 1).bit_generator.seed_seq.entropy).entropy
    assert [int(word) for word in words] == list(
        np.frombuffer(bytes.fromhex(SHAPE_1), "<u4").astype(int)
    )


SHAPE_1 = "2db904231f2d099c1b52c5556dcbc0c3"


def corners_of_the_mouth() -> np.ndarray:
    """The two coarse vertices of the lips farthest to the sides, by plain search."""
    basis = load_basis()
    count = basis.smooth.shape[1]
    lips = np.flatnonzero(basis.masks["lips"][:count] > 0.5)
    x = basis.vertices[lips, 0]
    return lips[[int(x.argmax()), int(x.argmin())]]


def test_a_smile_raises_and_parts_the_corners_of_the_mouth(woman):
    corners = corners_of_the_mouth()
    heads = {
        name: woman.basis.actions.morph(
            woman.vertices, draw_shot(0, name, "frontal").actions, woman.frame.unit
        )[corners]
        for name in ("neutral", "happy", "sad")
    }
    raised = heads["happy"][:, 1] - heads["neutral"][:, 1]
    assert (raised > 0.05).all()  # half a centimetre
    assert np.ptp(heads["happy"][:, 0]) > np.ptp(heads["neutral"][:, 0]) + 0.05
    assert (heads["sad"][:, 1] < heads["neutral"][:, 1] - 0.03).all()


def test_morphing_is_the_weighted_sum_of_the_shifts(woman):
    actions = draw_shot(0, "fearful", "left").actions
    arrays = read_arrays()
    names = [str(name) for name in arrays["action_names"]]
    expected = woman.vertices.copy()
    for name, weight in actions.items():
        row = names.index(name)
        for entry in range(arrays["action_offset"][row], arrays["action_offset"][row + 1]):
            vertex = arrays["action_index"][entry]
            expected[vertex] += weight * woman.frame.unit * arrays["action_shift"][entry] / 4096
    before = woman.vertices.copy()
    moved = woman.basis.actions.morph(woman.vertices, actions, woman.frame.unit)
    np.testing.assert_allclose(moved, expected, atol=1e-12)
    np.testing.assert_array_equal(woman.vertices, before)


def test_contempt_is_one_sided_on_the_subjects_left(woman):
    corners = corners_of_the_mouth()  # left, right
    neutral, contempt = (
        woman.basis.actions.morph(woman.vertices, draw_shot(0, name, "frontal").actions)[corners, 1]
        for name in ("neutral", "contemptuous")
    )
    left, right = contempt - neutral
    assert left > right + 0.03


def test_every_action_and_fold_names_what_exists():
    known = load_basis().actions
    for emotion in EMOTIONS:
        for name in draw_shot(0, emotion, "frontal").actions:
            assert name in known
    assert set(ACTIONS) == set(EMOTIONS)
    for fold in FOLDS.values():
        assert all(
            name.replace("*", side) in known for name in fold.actions for side in ("Left", "Right")
        )


def test_raised_brows_fold_the_forehead_and_age_does_too(woman):
    person = woman.person
    number = list(FOLDS).index("across the forehead")
    calm = fold_strengths(person, {})
    raised = fold_strengths(person, {"browOuterUpLeft": 1.0})
    assert raised[0, number] > calm[0, number] + 0.3  # the left side only
    assert raised[1, number] == calm[1, number]


def test_lids_stay_outside_the_eyeballs(woman):
    for emotion in EMOTIONS:
        scene = pose(woman, draw_shot(0, emotion, "frontal"))
        for side, eye in scene.eyes.items():
            away = scene.vertices[lid_vertices(side)] - eye.centre
            assert np.linalg.norm(away, axis=1).min() > eye.radius


# ---------------------------------------------------------------- gaze and camera


def iris_column(scene, side: str, camera: Camera) -> float:
    """Column of the middle of an iris, relative to the middle of its eyeball."""
    eye = scene.eyes[side]
    points, _ = camera.project(np.stack([eye.centre + eye.radius * eye.gaze, eye.centre]))
    return points[0, 0] - points[1, 0]


def test_left_is_the_subjects_own_left(woman):
    """RaFD's file names are taken to speak of the subject: "left" looks to a picture's right."""
    for side in EYES:
        columns = {}
        for gaze in GAZES:
            shot = draw_shot(0, "neutral", gaze)
            scene = pose(woman, shot)
            columns[gaze] = iris_column(scene, side, aim(woman.frame, shot, 90, 100))
        assert columns["left"] > columns["frontal"] + 2
        assert columns["right"] < columns["frontal"] - 2


def test_averted_gaze_moves_the_dark_iris_in_the_picture(woman):
    """In pixels: dark and white within the eyes change sides as the gaze does."""
    size = 96
    shot = draw_shot(0, "neutral", "frontal")
    camera = aim(woman.frame, shot, 90, size)
    brightness = {}
    for gaze in ("left", "right"):
        picture = render_face(0, "neutral", gaze, 90, size, "Caucasian", "female").astype(float)
        inner, outer = 0.0, 0.0
        for eye in pose(woman, shot).eyes.values():
            (column, row), *_ = camera.project(eye.centre[None])[0]
            reach = eye.radius * camera.pixels_per_dm
            rows = slice(int(row - 0.2 * reach), int(row + 0.5 * reach))
            inner += picture[rows, int(column - 0.7 * reach) : int(column)].mean()
            outer += picture[rows, int(column) : int(column + 0.7 * reach)].mean()
        brightness[gaze] = inner - outer  # bright on the picture's left, dark on its right
    assert brightness["left"] > brightness["right"] + 20


def test_gaze_turns_both_eyes_by_the_same_angle():
    for gaze in GAZES:
        shot = draw_shot(4, "neutral", gaze)
        left, right = gaze_vector(shot, "left"), gaze_vector(shot, "right")
        assert np.linalg.norm(left) == pytest.approx(1)
        assert np.degrees(np.arccos(left @ right)) == pytest.approx(2, abs=0.1)


def test_the_nose_points_right_at_0_and_left_at_180(woman):
    shot = draw_shot(0, "neutral", "frontal")
    ahead = woman.frame.eyes + np.array([0, 0, 1.0])
    columns = []
    for angle in ANGLES:
        points, _ = aim(woman.frame, shot, angle, 100).project(np.stack([ahead, woman.frame.pivot]))
        columns.append(points[0, 0] - points[1, 0])
    assert columns == sorted(columns, reverse=True)
    assert columns[0] > 30
    assert abs(columns[2]) < 10
    assert columns[4] < -30


def test_five_cameras_see_one_shot(woman):
    """Their directions differ by their angles alone, and they agree on where the head is."""
    shot = draw_shot(3, "happy", "left")
    assert draw_shot(3, "happy", "left").pose == shot.pose != draw_shot(3, "happy", "right").pose
    cameras = {angle: aim(woman.frame, shot, angle, 100) for angle in ANGLES}
    head = {}
    for angle, camera in cameras.items():
        between = camera.rotation @ cameras[90].rotation.T
        np.testing.assert_allclose(between, rotation_about("y", 90 - angle), atol=1e-12)
        centred = dataclasses.replace(shot, place=(0, 0, 0))
        shift = np.subtract(camera.centre, aim(woman.frame, centred, angle, 100).centre)
        right, up = rotation_about("y", 90 - angle)[:2]
        head[angle] = np.array([right, up]), shift * [1, -1]
    axes = np.concatenate([axes for axes, _ in head.values()])  # (10, 3)
    shifts = np.concatenate([shift for _, shift in head.values()])
    place, *_ = np.linalg.lstsq(axes, shifts, rcond=None)
    np.testing.assert_allclose(axes @ place, shifts, atol=1e-9)
    assert (np.abs(place) > 0.01).any()


def test_a_larger_film_shows_the_same_picture_and_more_around(woman):
    camera = aim(woman.frame, draw_shot(0, "neutral", "frontal"), 45, 100)
    larger = camera.with_film(150, 200, 20, 30)
    assert (larger.width, larger.height) == (150, 200)
    points, distance = camera.project(woman.vertices)
    moved, same = larger.project(woman.vertices)
    np.testing.assert_allclose(moved, np.add(points, (20, 30)), atol=1e-9)
    np.testing.assert_array_equal(distance, same)


def test_the_face_fills_the_picture(woman):
    shot = draw_shot(0, "neutral", "frontal")
    chin = woman.frame.eyes - [0, woman.frame.eye_chin, 0]
    rows = aim(woman.frame, shot, 90, 100).project(np.stack([woman.frame.eyes, chin]))[0][:, 1]
    assert rows[1] - rows[0] == pytest.approx(100 / 2.15, rel=0.12)  # nearer parts are larger


def test_rotation_about_y_turns_the_nose_to_the_right():
    np.testing.assert_allclose(rotation_about("y", 90) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_about("x", 90) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation_about("z", 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


# ---------------------------------------------------------------- rasteriser


def plain_rasterize(
    points, depth, triangles, width, height, pattern=(0,), both_sides=True, is_hole=None
):
    """Sample by sample, triangle by triangle: areas of the three parts that a sample cuts."""

    def doubled(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    fineness = len(pattern)
    rows = height * fineness
    seen = np.full((rows, width), -1)
    nearest = np.full((rows, width), np.inf)
    weights = np.zeros((rows, width, 3))
    for number, (i, j, k) in enumerate(triangles):
        whole = doubled(points[i], points[j], points[k])
        if whole == 0 or (whole > 0 and not both_sides):
            continue
        for row in range(rows):
            for column in range(width):
                place = (
                    column + (pattern[row % fineness] + 0.5) / fineness,
                    (row + 0.5) / fineness,
                )
                share = np.array(
                    [
                        doubled(place, points[j], points[k]),
                        doubled(points[i], place, points[k]),
                        doubled(points[i], points[j], place),
                    ]
                )
                share = share / whole
                if (share >= 0).all() and not (is_hole and is_hole(number, share)):
                    distance = share @ depth[[i, j, k]]
                    if distance < nearest[row, column]:
                        nearest[row, column] = distance
                        seen[row, column] = number
                        weights[row, column] = share
    return seen, weights


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spread", [0.8, 2.0, 12.0])
@pytest.mark.parametrize("pattern", [(0,), (1, 0), (1, 3, 0, 2)])
@pytest.mark.parametrize("both_sides", [True, False])
def test_rasteriser_agrees_with_a_plain_one(seed, spread, pattern, both_sides):
    random = np.random.default_rng(seed)
    width, height = 19, 13
    middles = random.uniform(-3, 20, (24, 1, 2))
    points = (middles + random.uniform(-spread, spread, (24, 3, 2))).reshape(-1, 2)
    depth = random.uniform(1, 9, 72)
    triangles = np.arange(72).reshape(24, 3)
    expected, weights = plain_rasterize(
        points, depth, triangles, width, height, pattern, both_sides
    )
    found = rasterize(
        points, depth, triangles, width, height, two_sided=both_sides, pattern=pattern
    )
    seen = np.full(expected.size, -1)
    seen[found.sample] = found.triangle
    np.testing.assert_array_equal(seen.reshape(expected.shape), expected)
    weights = weights.reshape(-1, 3)[found.sample]
    np.testing.assert_allclose(found.weight.T, weights, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        found.depth, (weights * depth[triangles[found.triangle]]).sum(1), rtol=0, atol=1e-9
    )
    assert (np.diff(found.sample) > 0).all()


def test_one_sees_through_holes_behind_holes():
    """Many layers; some with holes where the first corner weighs much, some that are all hole."""
    random = np.random.default_rng(3)
    points = (random.uniform(0, 12, (60, 1, 2)) + random.uniform(-9, 9, (60, 3, 2))).reshape(-1, 2)
    depth, triangles = random.uniform(1, 9, 180), np.arange(180).reshape(60, 3)

    def is_hole(triangle, weight):
        return (triangle % 3 == 0) & (weight[0] > 0.3) | (triangle % 3 == 1)

    porous = np.arange(60) % 3 < 2
    expected, _ = plain_rasterize(points, depth, triangles, 12, 12, is_hole=is_hole)
    found = rasterize(points, depth, triangles, 12, 12, is_hole, porous)
    seen = np.full(144, -1)
    seen[found.sample] = found.triangle
    np.testing.assert_array_equal(seen.reshape(12, 12), expected)


def test_rasteriser_by_hand():
    points = np.array([[0, 0], [4, 0], [0, 4], [4, 4]], float)
    triangles = np.array([[0, 1, 2], [1, 3, 2], [0, 1, 2]])
    depth = np.array([1.0, 1, 1, 1])
    found = rasterize(points, depth, triangles, 4, 4)
    first_half = [1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0]
    assert (found.triangle == 0).tolist() == [bool(each) for each in first_half]  # ties: the first
    hidden = rasterize(points, depth, triangles, 4, 4, lambda triangle, weight: triangle == 0)
    assert set(hidden.triangle.tolist()) == {1, 2}
    closed = np.array([False, True, True])  # no hole is looked for in the first
    whole = rasterize(points, depth, triangles, 4, 4, lambda triangle, _: triangle == 0, closed)
    np.testing.assert_array_equal(whole.triangle, found.triangle)
    assert len(rasterize(points + 10, depth, triangles, 4, 4).sample) == 0


def test_films_drawn_together_equal_films_drawn_alone():
    random = np.random.default_rng(7)
    width, height, count = 40, 30, 9000  # more triangles than are drawn at a time
    middles = random.uniform(-3, 43, (2, count, 1, 2))
    points = (middles + random.uniform(-2, 2, (2, count, 3, 2))).reshape(2, -1, 2)
    depth = random.uniform(1, 9, (2, 3 * count))
    triangles = np.arange(3 * count).reshape(-1, 3)
    both = rasterize(points, depth, triangles, width, height)
    for film in range(2):
        alone = rasterize(points[film], depth[film], triangles, width, height)
        here = both.sample // (width * height) == film
        np.testing.assert_array_equal(both.sample[here] % (width * height), alone.sample)
        np.testing.assert_array_equal(both.triangle[here], alone.triangle)
        np.testing.assert_array_equal(both.weight[:, here], alone.weight)
        np.testing.assert_array_equal(both.depth[here], alone.depth)


# ---------------------------------------------------------------- light


def test_a_plate_casts_a_soft_shadow_away_from_the_lamp():
    place = np.linspace(-1.2, 1.2, 81)
    x, y = (each.ravel() for each in np.meshgrid(place, place))
    wall = np.stack([x, y, 0 * x], 1)
    plate = (np.abs(x) < 0.3) & (np.abs(y) < 0.3)
    casters = np.concatenate([wall, wall[plate] + [0, 0, 0.4]])
    sideways = np.array([1.0, 0, 1]) / np.sqrt(2)  # the shadow falls 0.4 to the other side
    share = lamp_share(wall, 0 * wall + [0, 0, 1], casters, sideways)
    share = share.reshape(81, 81)
    columns = np.searchsorted(place, [-0.4, 0.6, -0.69, -1.05])
    inside, lit, border, beyond = share[40, columns]
    assert inside == 0
    assert lit == beyond == 1
    assert 0 < border < 1
    assert share[-15].min() == 1  # above the plate's shadow


def test_the_nose_shades_the_cheek_on_the_side_away_from_the_key_lamp(woman):
    surface = woman.basis.surface(woman.vertices)
    normals = vertex_normals(surface, woman.basis.fine.quads)
    key, fill = (lamp_share(surface, normals, surface, lamp) for lamp, _ in lamps(np.zeros(4))[:2])
    x, y, z = woman.basis.rest.T
    beside_nose = (np.abs(np.abs(x) - 0.2) < 0.06) & (np.abs(y - 6.95) < 0.08) & (z > 0.8)
    on_left, on_right = beside_nose & (x > 0), beside_nose & (x < 0)  # the key is on the left
    assert key[on_right].mean() < key[on_left].mean() - 0.1
    assert fill[on_left].mean() < fill[on_right].mean() - 0.1
    forehead = (np.abs(x) < 0.1) & (np.abs(y - 7.7) < 0.1) & (z > 0.8)
    assert key[forehead].min() > 0.95


# ---------------------------------------------------------------- meshes

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
CUBE_QUADS = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
)


def test_catmull_clark_of_a_cube():
    matrix, quads = catmull_clark(CUBE_QUADS, 8)
    fine = matrix @ CUBE
    assert fine.shape == (8 + 12 + 6, 3)
    assert quads.shape == (24, 4)
    # By hand: a corner goes to 5/9 of itself, an edge's middle (1, 1, 0) to 3/4, a face's stays.
    np.testing.assert_allclose(fine[:8], CUBE * 5 / 9)
    np.testing.assert_allclose(np.sort(np.abs(fine[8:20]), 1), [[0, 0.75, 0.75]] * 12)
    np.testing.assert_allclose(np.sort(np.abs(fine[20:]), 1), [[0, 0, 1]] * 6)
    for face, quad in enumerate(CUBE_QUADS):
        for k in range(4):  # child k holds corner k and its face's point, as promised
            assert quads[4 * face + k, 0] == quad[k]
            assert quads[4 * face + k, 2] == 20 + face


def test_catmull_clark_keeps_borders_and_unused_vertices():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [7, 8, 9]], float)
    fine = catmull_clark(np.array([[0, 1, 2, 3]]), 5)[0] @ square
    np.testing.assert_allclose(fine[0], [1 / 8, 1 / 8, 0])  # 3/4 of itself, 1/8 of each neighbour
    np.testing.assert_allclose(fine[4], [7, 8, 9])
    assert sorted(map(tuple, fine[5:9].tolist())) == [
        (0, 0.5, 0), (0.5, 0, 0), (0.5, 1, 0), (1, 0.5, 0),
    ]  # fmt: skip
    np.testing.assert_allclose(fine[9], [0.5, 0.5, 0])


def test_normals_of_a_ball_point_outwards():
    ball, quads = unit_sphere(48, 32)
    inner = np.abs(ball[:, 2]) < 0.99
    assert ((vertex_normals(ball, quads) * ball).sum(1)[inner] > 0.995).all()
    corners = ball[triangulate(quads)]
    turned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (turned * corners.mean(1)).sum(1).min() > -1e-12


# ---------------------------------------------------------------- painting and data


def test_sampling_is_bilinear_and_clamped():
    image = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    column, row = np.array([0.5, 2.0, 3.5, -9, 99]), np.array([0.5, 1.5, 2.0, 0.5, 99])
    expected = [0, 5.5, 9, 0, 11]
    np.testing.assert_allclose(sample(image, column, row)[:, 0], expected, atol=0.02)


def test_display_values_survive_the_way_through_linear_light():
    values = np.arange(256)
    np.testing.assert_array_equal(to_display(to_linear(values / 255)), values)


def test_a_point_painted_from_the_front_lies_where_the_rest_head_has_it():
    canvas = load_canvas()
    x, y = np.array([0.0, 0.3, -0.45, 0.6]), np.array([6.9, 7.6, 6.9, 7.2])
    column, row = canvas.place(x, y)
    texel = np.floor(row).astype(int), np.floor(column).astype(int)
    np.testing.assert_allclose(canvas.x[texel], x, atol=0.01)
    np.testing.assert_allclose(canvas.y[texel], y, atol=0.01)
    assert column_of(0.0) == canvas.x.shape[1] / 2
    assert row_of(canvas.y[0, 0]) == pytest.approx(0.5, abs=0.01)


def test_data_file_holds_a_head_and_no_pickle():
    assert BASIS_PATH.stat().st_size < 1_400_000
    arrays = read_arrays()  # refuses pickles
    assert all(array.dtype != object for array in arrays.values())
    vertices, quads = arrays["vertices"], arrays["quads"]
    surface = len(vertices) - 2 * VERTICES_OF_AN_EYE
    assert quads.shape[1] == 4
    assert quads.max() == surface - 1
    assert len(arrays["part_of_quad"]) == len(quads)
    assert len(arrays["masks"]) == len(MASKS)
    for kind, count in (("identity", 369), ("action", 52)):
        assert len(arrays[f"{kind}_names"]) == count
        assert arrays[f"{kind}_offset"][-1] == len(arrays[f"{kind}_index"])
        assert len(arrays[f"{kind}_shift"]) == len(arrays[f"{kind}_index"])
        assert arrays[f"{kind}_index"].max() < len(vertices)
        # No target moves a vertex twice: `morph` adds by plain indexing.
        for start, stop in zip(
            arrays[f"{kind}_offset"][:-1], arrays[f"{kind}_offset"][1:], strict=True
        ):
            index = arrays[f"{kind}_index"][start:stop]
            assert len(np.unique(index)) == len(index)
    # The wheel's head as it was cut out; `tools/make_basis.py --check` compares with the wheel.
    assert basis_fingerprint() == FINGERPRINT


FINGERPRINT = "d8f7ce579749d22a971106c8a59c72bc8dd8a9a101dd58b1e93df52f303d98a1"


def test_unknown_target_is_refused():
    with pytest.raises(ValueError, match=r"unknown target 'wink'.*mouthSmileLeft"):
        load_basis().actions.shifts("wink")


def test_the_head_of_small_pictures_has_no_crack_where_it_turns_fine():
    """An edge that one face alone has lies on the border of the whole head."""
    basis = load_basis()

    def border(quads):
        edges = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
        edges = edges[edges[:, 0] != edges[:, 1]]  # a triangle's fourth side has no length
        edges, faces = np.unique(edges, axis=0, return_counts=True)
        return edges[faces == 1]

    coarse = basis.coarse.vertices[border(basis.coarse.quads)]
    assert len(coarse) > 100
    assert np.isin(coarse, border(basis.fine.quads)).all()
    assert len(basis.coarse.quads) < 0.7 * len(basis.fine.quads)
