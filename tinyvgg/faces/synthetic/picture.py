"""One picture: what each pixel sees, its colour, its light."""

from __future__ import annotations

import numpy as np

from . import eyes, shade
from .camera import Camera, aim
from .paint import to_display
from .sitter import EYES, LIT, Scene
from .surface import describe
from .view import VisiblePoints, look

SHEEN = 0.10


def take_picture(scene: Scene, angle: int, size: int) -> np.ndarray:
    """The scene from one of the five cameras: uint8 (size, size, 3)."""
    return expose(scene, aim(scene.sitter.frame, scene.shot, angle, size))


def expose(scene: Scene, camera: Camera) -> np.ndarray:
    """What a camera sees: uint8 (height, width, 3)."""
    points = look(scene, camera)
    return develop(points, illuminate(scene, camera, points), camera)


def develop(points: VisiblePoints, light: np.ndarray, camera: Camera) -> np.ndarray:
    """The picture, uint8 (height, width, 3), of points that send linear light (n, 3)."""
    light = shade.tone(light) * points.share[:, None]
    count = camera.width * camera.height
    # Sums in the order of the points, the same everywhere.
    empty = 1 - np.bincount(points.pixel, points.share, count)
    image = empty[:, None] * shade.BACKGROUND
    for channel in range(3):
        image[:, channel] += np.bincount(points.pixel, light[:, channel], count)
    return to_display(image.reshape(camera.height, camera.width, 3))


def illuminate(scene: Scene, camera: Camera, points: VisiblePoints) -> np.ndarray:
    """Linear light (n, 3) that the points send to the camera."""
    person, view = scene.sitter.person, camera.view
    surface = describe(scene, camera, points)
    normal = surface.normal
    open_share = shade.occlusion(points, camera, scene.sitter.frame.eye_chin)
    open_share *= points.values[:, LIT]
    lamps = shade.lamps(scene.shot.light)

    lit = surface.colour * shade.diffuse(normal, shade.SKIN_WRAP, open_share, lamps)
    shining = np.flatnonzero(surface.gloss > 0)
    shine = shade.gloss(normal[shining], surface.gloss[shining], view, lamps)
    lit[shining] += (shine * open_share[shining])[:, None]
    haired = np.flatnonzero(surface.hair > 0.3)
    if len(haired):
        sheen = shade.hair_sheen(normal[haired], view, surface.direction[haired], lamps)
        sheen = SHEEN * sheen * open_share[haired] * surface.hair[haired]
        lit[haired] += sheen[:, None] * (0.35 + 0.9 * person.hair.colour.astype(np.float32))
    lit *= surface.dim[:, None]
    for side, number in EYES.items():
        here = np.flatnonzero(points.part == number)
        if len(here):
            outward = normal[here]
            eye = scene.eyes[side]
            gaze = eye.gaze.astype(np.float32)
            inner = -1.0 if side == "left" else 1.0
            painted = eyes.paint_eye(
                person, scene.shot.emotion, outward, gaze, eye.lids, inner, lamps[0][0]
            )
            lit[here] = painted * shade.diffuse(outward, shade.EYE_WRAP, open_share[here], lamps)
            lit[here] += eyes.eye_reflections(outward, gaze, view, lamps, eye.lids)[:, None]
    return lit
