"""Shapes and expressions of all 67 synthetic people: what must hold for each of them."""

from __future__ import annotations

import numpy as np
import pytest

from tinyvgg.faces.design import EMOTIONS, ROSTER
from tinyvgg.faces.synthetic.head import MEAN_EYE_DISTANCE, Column, build_head, pose
from tinyvgg.faces.synthetic.person.basis import PARTS, load_basis
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.person.identity import draw_person
from tinyvgg.faces.synthetic.person.shape import LIMIT, RESTING_SHAPE
from tinyvgg.faces.synthetic.rendering.camera import Rig, aim
from tinyvgg.faces.synthetic.rendering.raster import rasterize
from tinyvgg.faces.synthetic.rendering.view import look
from tinyvgg.faces.synthetic.skin.mouth import fit_teeth

BASIS = load_basis()
COUNT = BASIS.smooth.shape[1]
LIPS = np.flatnonzero(BASIS.masks["lips"][:COUNT] > 0.5)
CORNERS = LIPS[[BASIS.vertices[LIPS, 0].argmax(), BASIS.vertices[LIPS, 0].argmin()]]
SEAM = 6.61  # height of the seam of the lips on the mean head, dm
MIDDLE = LIPS[np.abs(BASIS.vertices[LIPS, 0]) < 0.025]
UPPER_LIP = MIDDLE[BASIS.vertices[MIDDLE, 1] > SEAM + 0.01]
LOWER_LIP = MIDDLE[BASIS.vertices[MIDDLE, 1] < SEAM - 0.01]


def skin_near(x: float, y: float) -> int:
    """The coarse vertex in front of the mean face that is nearest to a place, dm."""
    away = np.hypot(*(BASIS.vertices[:COUNT, :2] - [x, y]).T)
    away[(BASIS.vertices[:COUNT, 2] < 1.0) | ~BASIS.is_skin[:COUNT]] = np.inf
    return int(away.argmin())


INNER_BROWS = [skin_near(side * 0.14, 7.45) for side in (1, -1)]
OUTER_BROWS = [skin_near(side * 0.48, 7.47) for side in (1, -1)]


@pytest.fixture(scope="module")
def heads() -> dict[str, np.ndarray]:
    """Emotion -> coarse heads (67, V, 3), in units of each head's size, mid-eyes at 0."""
    posed: dict[str, list[np.ndarray]] = {emotion: [] for emotion in EMOTIONS}
    for each in ROSTER:
        person = draw_person(each.subject, each.group, each.gender)
        vertices = BASIS.identity.morph(BASIS.vertices, person.targets)
        left, right = (BASIS.eyeballs(vertices)[side][0] for side in ("left", "right"))
        unit = float(np.linalg.norm(left - right)) / MEAN_EYE_DISTANCE
        vertices = fit_teeth(vertices, unit)
        for emotion in EMOTIONS:
            actions = draw_shot(each.subject, emotion, "frontal").actions
            head = BASIS.actions.morph(vertices, actions, unit)
            posed[emotion].append((head - (left + right) / 2) / unit)
    return {emotion: np.stack(each) for emotion, each in posed.items()}


def corner_height(head: np.ndarray) -> np.ndarray:
    """Of each person (67,): the mouth's corners above its middle, mean of both."""
    middle = (head[:, UPPER_LIP, 1].min(1) + head[:, LOWER_LIP, 1].max(1)) / 2
    return head[:, CORNERS, 1].mean(1) - middle


def opening(head: np.ndarray) -> np.ndarray:
    """Of each person (67,): the gap between the lips; negative where they press."""
    return head[:, UPPER_LIP, 1].min(1) - head[:, LOWER_LIP, 1].max(1)


def test_corners_of_everyones_mouth_rise_in_joy_and_sink_in_grief(heads):
    height = {emotion: corner_height(head) for emotion, head in heads.items()}
    assert (height["happy"] > height["neutral"] + 0.03).all()
    assert (height["neutral"] > height["sad"] + 0.04).all()


def test_nobody_smiles_in_anger_or_droops_at_rest(heads):
    height = {emotion: corner_height(head) for emotion, head in heads.items()}
    assert (height["angry"] < height["neutral"]).all()
    assert (height["angry"] < 0.02).all()  # 2 mm on a head of mean size
    assert (height["neutral"] > 0).all()
    assert (height["neutral"] < 0.06).all()


def test_contempt_is_one_sided_on_everybody_and_no_smile(heads):
    rise = heads["contemptuous"][:, CORNERS, 1] - heads["neutral"][:, CORNERS, 1]
    assert (rise[:, 0] > rise[:, 1] + 0.03).all()
    assert (rise[:, 1] < 0.03).all()


def test_mouths_open_in_surprise_and_close_in_anger(heads):
    gap = {emotion: opening(head) for emotion, head in heads.items()}
    for emotion in ("fearful", "happy", "surprised"):
        assert (gap[emotion] > gap["neutral"] + 0.02).all(), emotion
    assert (gap["surprised"] > gap["happy"] + 0.03).all()
    assert (gap["angry"] < gap["neutral"]).all()


def test_fear_stretches_the_mouth_that_surprise_rounds(heads):
    width = {emotion: np.ptp(head[:, CORNERS, 0], axis=1) for emotion, head in heads.items()}
    assert (width["fearful"] > width["neutral"]).all()
    assert (width["fearful"] > width["surprised"] + 0.03).all()


def test_brows_tell_anger_grief_and_surprise_apart(heads):
    inner, outer = (
        {emotion: head[:, brows, 1].mean(1) for emotion, head in heads.items()}
        for brows in (INNER_BROWS, OUTER_BROWS)
    )
    assert (inner["angry"] < inner["neutral"] - 0.02).all()
    assert (inner["sad"] > inner["neutral"] + 0.02).all()
    assert (outer["surprised"] > outer["neutral"] + 0.02).all()
    slope = {emotion: inner[emotion] - outer[emotion] for emotion in EMOTIONS}
    assert (slope["sad"] > slope["neutral"] + 0.02).all()  # oblique
    assert (slope["angry"] < slope["neutral"]).all()
    apart = {e: np.ptp(head[:, INNER_BROWS, 0], axis=1) for e, head in heads.items()}
    for emotion in ("angry", "fearful", "sad"):  # drawn together, as surprise is not
        assert (apart[emotion] < apart["surprised"]).all(), emotion


def test_everyone_shows_teeth_in_a_smile_and_nobody_through_closed_lips(heads):
    """Seen from in front, a pixel a square millimetre of a head of mean size."""
    count = {
        emotion: np.array([_teeth_in_sight(head) for head in heads[emotion]])
        for emotion in ("happy", "neutral")
    }
    assert count["happy"].min() > 100
    assert count["neutral"].max() < 20


def _teeth_in_sight(head: np.ndarray) -> int:
    """Pixels, 0.01 dm wide, in which the teeth lie in front, around the mouth."""
    surface = BASIS.surface(head)
    mouth = surface[BASIS.masks["lips"] > 0.5].mean(0)
    near = np.abs(surface - mouth).max(1) < 0.5
    kept = np.flatnonzero(near[BASIS.fine.triangles].all(1))
    points = 30 + 100 * (surface[:, :2] - mouth[:2]) * [1, -1]
    seen = rasterize(points, 10 - surface[:, 2], BASIS.fine.triangles[kept], 60, 60)
    return int((BASIS.fine.part_of_triangle[kept][seen.triangle] == PARTS.index("teeth")).sum())


def test_details_stay_within_their_limit_and_the_resting_shape_is_known():
    assert all(name in BASIS.identity for name in RESTING_SHAPE)
    for each in ROSTER[:12]:
        targets = draw_person(each.subject, each.group, each.gender).targets
        assert all(name in BASIS.identity for name in targets)
        noses = [weight for name, weight in targets.items() if name.startswith("nose/")]
        assert max(noses) < LIMIT + 0.4  # of which what all women and children share


@pytest.mark.parametrize("number", [5, 49])  # a small chin, and the widest smile
def test_no_tooth_pierces_the_skin_below_the_lips(number):
    each = ROSTER[number]
    scene = pose(
        build_head(each.subject, each.group, each.gender), draw_shot(number, "happy", "frontal")
    )
    camera = aim(scene.head.frame, scene.shot, 90, 96)
    seen = look(scene, Rig((camera,)))
    row, column = np.divmod(seen.pixel, camera.width)
    teeth, lips = seen.part == PARTS.index("teeth"), seen.values[:, Column.LIPS] > 0.5
    lowest = np.zeros(camera.width, int)  # lip in each column
    np.maximum.at(lowest, column[lips], row[lips])
    assert teeth.sum() > 20
    assert (row[teeth] <= lowest[column[teeth]]).all()
