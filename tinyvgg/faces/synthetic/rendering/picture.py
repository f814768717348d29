"""Pictures: what each pixel sees, its colour, its light."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyvgg.faces.synthetic.head import EYES, Column, Scene
from tinyvgg.faces.synthetic.paint import chosen, to_display
from tinyvgg.faces.synthetic.rendering import shade
from tinyvgg.faces.synthetic.rendering.camera import Rig, aim
from tinyvgg.faces.synthetic.rendering.surface import describe
from tinyvgg.faces.synthetic.rendering.view import SAMPLES, VisiblePoints, look
from tinyvgg.faces.synthetic.skin import eyes

SHEEN = 0.10
SAMPLES_AT_ONCE = 100_000  # of films exposed together: five of 64 pixels, one of 224


def take_pictures(scene: Scene, angles: Sequence[int], size: int) -> np.ndarray:
    """The scene from some of the five cameras: uint8 (angles, size, size, 3)."""
    return np.concatenate([expose(scene, rig) for rig in rigs(scene, angles, size)])


def rigs(scene: Scene, angles: Sequence[int], size: int) -> list[Rig]:
    """The cameras at these angles, as many together as is quick."""
    cameras = tuple(aim(scene.head.frame, scene.shot, angle, size) for angle in angles)
    at_once = max(1, SAMPLES_AT_ONCE // (SAMPLES * size * size))
    return [Rig(cameras[k : k + at_once]) for k in range(0, len(cameras), at_once)]


def expose(scene: Scene, rig: Rig) -> np.ndarray:
    """What cameras see: uint8 (films, height, width, 3)."""
    points = look(scene, rig)
    return develop(points, illuminate(scene, rig, points), rig)


def develop(points: VisiblePoints, light: np.ndarray, rig: Rig) -> np.ndarray:
    """The pictures, uint8 (films, height, width, 3), of points that send linear light (n, 3)."""
    light = shade.tone(light) * points.share[:, None]
    count = math.prod(rig.shape)
    # Sums in the order of the points, the same everywhere.
    empty = 1 - np.bincount(points.pixel, points.share, count)
    image = empty[:, None] * shade.BACKGROUND
    for channel in range(3):
        image[:, channel] += np.bincount(points.pixel, light[:, channel], count)
    return to_display(image.reshape(*rig.shape, 3))


def illuminate(scene: Scene, rig: Rig, points: VisiblePoints) -> np.ndarray:
    """Linear light (n, 3) that the points send to their cameras."""
    person, views, film = scene.head.person, rig.views, points.film
    surface = describe(scene, rig, points)
    normal = surface.normal
    open_share = shade.occlusion(points, rig, scene.head.frame.eye_chin)
    open_share *= points.values[:, Column.LIT]
    lamps = shade.lamps(scene.shot.light)

    lit = surface.colour * shade.diffuse(normal, shade.SKIN_WRAP, open_share, lamps)
    added = np.zeros((2, len(lit)), np.float32)
    shining = np.flatnonzero(surface.gloss > 0)
    gloss = surface.gloss.take(shining)
    added[0, shining] = shade.gloss(
        chosen(normal, shining), gloss, views, film.take(shining), lamps
    ) * open_share.take(shining)
    haired = np.flatnonzero(surface.hair > 0.3)
    if len(haired):
        sheen = shade.hair_sheen(
            chosen(normal, haired),
            chosen(surface.direction, haired),
            views,
            film.take(haired),
            lamps,
        )
        added[1, haired] = SHEEN * sheen * open_share.take(haired) * surface.hair.take(haired)
    lit += added[0][:, None]  # as white as the lamps; hair lends light its colour
    lit += added[1][:, None] * (0.35 + 0.9 * person.hair.colour.astype(np.float32))
    lit *= surface.dim[:, None]
    seeing = np.flatnonzero(np.isin(points.part, list(EYES.values())))
    if len(seeing):
        outward, share = chosen(normal, seeing), open_share.take(seeing)
        lit[seeing] = _light_of_eyes(
            scene, points.part.take(seeing), outward, share, views, film.take(seeing), lamps
        )
    return lit


def _light_of_eyes(scene: Scene, part, outward, open_share, views, film, lamps) -> np.ndarray:
    """Linear light (n, 3) that points of the eyeballs send to their cameras."""
    left, right = (scene.eyes[side] for side in EYES)
    is_right = (part == EYES["right"]).astype(np.intp)
    gaze = np.stack([left.gaze, right.gaze], 1).astype(np.float32).take(is_right, 1)
    lids = np.stack([left.lids, right.lids], 2).take(is_right, 2)
    inner = np.array([-1, 1], np.float32).take(is_right)
    painted = eyes.paint_eye(
        scene.head.person, scene.shot.emotion, outward, gaze, lids, inner, lamps[0][0]
    )
    lit = painted * shade.diffuse(outward, shade.EYE_WRAP, open_share, lamps)
    return lit + eyes.eye_reflections(outward, gaze, views, film, lamps, lids)[:, None]
