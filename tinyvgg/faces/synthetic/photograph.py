"""The studio's photographs: the direct rendering's camera with a larger film.

The square that `crop.RAFD` cuts out of a photograph is the frame of the direct rendering, at
the same scale and place: faces read from photographs and faces rendered directly agree.
"""

from __future__ import annotations

import functools

import numpy as np

from ..crop import RAFD
from .camera import Rig, aim
from .expression import draw_shot
from .picture import expose
from .sitter import Scene, Sitter, invite, pose
from .torso import hang_shirt

WIDTH, HEIGHT = RAFD.width, RAFD.height


def take_photographs(
    subject: int, group: str, gender: str, emotion: str, gaze: str, angles: tuple[int, ...]
) -> list[np.ndarray]:
    """One shot from several cameras at once: uint8 (HEIGHT, WIDTH, 3) each."""
    scene = hang_shirt(pose(_seat(subject, group, gender), draw_shot(subject, emotion, gaze)))
    return [_photograph(scene, angle) for angle in angles]


@functools.lru_cache(maxsize=1)
def _seat(subject: int, group: str, gender: str) -> Sitter:
    """The sitter stays for one shot after the other."""
    return invite(subject, group, gender)


def _photograph(scene: Scene, angle: int) -> np.ndarray:
    left, upper, right, _ = RAFD.boxes[angle].pixels(WIDTH, HEIGHT)
    camera = aim(scene.sitter.frame, scene.shot, angle, round(right - left))
    return expose(scene, Rig((camera.with_film(WIDTH, HEIGHT, left, upper),)))[0]
