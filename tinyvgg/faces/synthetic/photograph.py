"""The studio's photographs: the direct rendering's camera with a larger film.

The square that `crop.RAFD` cuts out of a photograph is the frame of the direct rendering, at
the same scale and place: faces read from photographs and faces rendered directly agree.
"""

from __future__ import annotations

import functools
from numbers import Integral

import numpy as np

from tinyvgg.faces.crop import RAFD
from tinyvgg.faces.synthetic.camera import Rig, aim
from tinyvgg.faces.synthetic.expression import draw_shot
from tinyvgg.faces.synthetic.picture import expose
from tinyvgg.faces.synthetic.sitter import Scene, Sitter, invite, pose
from tinyvgg.faces.synthetic.torso import hang_shirt

WIDTH, HEIGHT = RAFD.width, RAFD.height
LOWEST = 128  # pixels; the face is cut out of 72 x 72 of them


def film_size(height: int = HEIGHT) -> tuple[int, int]:
    """Width and height in pixels of photographs of this height, in RaFD's proportions.

    Raises
    ------
    ValueError
        If the height is not a whole number from `LOWEST` to `HEIGHT`.
    """
    whole = isinstance(height, Integral) and not isinstance(height, bool)
    if not whole or not LOWEST <= height <= HEIGHT:
        raise ValueError(
            f"height must be a whole number of pixels from {LOWEST} to {HEIGHT}; got {height!r}"
        )
    return round(height * WIDTH / HEIGHT), int(height)


def take_photographs(
    subject: int,
    group: str,
    gender: str,
    emotion: str,
    gaze: str,
    angles: tuple[int, ...],
    height: int = HEIGHT,
) -> list[np.ndarray]:
    """One shot from several cameras at once: uint8 (height, width, 3) each, see `film_size`."""
    size = film_size(height)
    scene = hang_shirt(pose(_seat(subject, group, gender), draw_shot(subject, emotion, gaze)))
    return [_photograph(scene, angle, *size) for angle in angles]


@functools.lru_cache(maxsize=1)
def _seat(subject: int, group: str, gender: str) -> Sitter:
    """The sitter stays for one shot after the other."""
    return invite(subject, group, gender)


def _photograph(scene: Scene, angle: int, width: int, height: int) -> np.ndarray:
    left, upper, right, _ = RAFD.boxes[angle].pixels(width, height)
    side = right - left  # of a small film no whole number of pixels: the crop is not either
    camera = aim(scene.sitter.frame, scene.shot, angle, side)  # type: ignore[arg-type]
    return expose(scene, Rig((camera.with_film(width, height, left, upper),)))[0]
