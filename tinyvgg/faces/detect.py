"""OpenCV's own face detector, for photographs whose faces stand anywhere (optional).

The detectors are the cascades of Haar features (Viola and Jones, 2001) that OpenCV 4 ships;
OpenCV 5 has none. One was taught upright faces seen from the front, the other faces turned to
the left of the picture; mirrored, it finds those turned to the right.
"""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from tinyvgg.faces.crop import Box

# The synthetic set's framing: the side of the square in distances from the eyes to the chin,
# and the height of the eyes in it.
SIDE = 2.15
EYE_ROW = 0.42

# Faces are looked for in a picture of this many pixels along its longer side, widened all
# around by a part of it, so that a face that fills the picture is found too.
LONG_SIDE = 360
MARGIN = 0.25
# The smallest face, as a part of the shorter side.
SMALLEST = 0.15
# A second face of this part of the first one's size leaves open who is meant.
RIVAL = 0.75


class FaceNotFound(ValueError):
    """No face, or no single one, was found in a picture."""


class Anatomy(NamedTuple):
    """Where a face lies in a detector's box, in widths of the box.

    `column` is where the middle of the square belongs, from the left where the nose points to
    the left; `eyes` and `eye_chin` are the height of the eyes and their distance to the chin.
    """

    column: float
    eyes: float
    eye_chin: float


# Columns and heights are means over synthetic faces in pictures twice as wide as the head's
# (standard deviations of 0.02 to 0.05). The distance to the chin is the mean there less 6 %:
# on the ORL photographs the chins lie so much higher in the box.
FRONT = Anatomy(0.50, 0.415, 0.62)
HALF = Anatomy(0.65, 0.46, 0.545)
SIDEWAYS = Anatomy(0.92, 0.54, 0.74)

_local = threading.local()  # a cascade serves one thread at a time


def check_detector() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the detector is there."""
    try:
        import cv2
    except ImportError as error:
        found = f"OpenCV cannot be imported ({error})"
    else:
        if hasattr(cv2, "CascadeClassifier") and os.path.isfile(_cascade_file("frontalface_alt2")):
            return
        found = f"OpenCV {cv2.__version__} is installed, which does not contain the detector"
    raise ModuleNotFoundError(
        f"crop=detect needs OpenCV 4 and its face detector, but {found}; "
        "install it with: pip install 'tinyvgg[opencv]'"
    )


def detect_face(image: Image.Image, angle: int | None = None) -> Box:
    """Find the face in a photograph and return its square, framed like the synthetic set.

    The square is moved, and if need be made smaller, so that it lies inside the picture.

    Parameters
    ----------
    image
        RGB, upright; the head may lean by some 15 degrees.
    angle
        The camera's angle in degrees, if it is known: 90 is in front, and at 0 and 45 the nose
        points to the right. None tries the front first, then both sides.

    Raises
    ------
    FaceNotFound
        If there is no face, or a second one of about the same size.
    ModuleNotFoundError
        If OpenCV 4 is not installed.
    """
    check_detector()
    scale = min(1.0, LONG_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    grey = image.convert("L").resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    border = round(MARGIN * max(width, height))
    pixels = np.pad(np.asarray(ImageOps.autocontrast(grey)), border, mode="edge")
    for anatomy, mirrored, cascade in _attempts(angle):
        faces = _find(pixels, cascade, mirrored, round(SMALLEST * min(width, height)))
        if faces:
            left, top, side = _only(faces)
            column = 1 - anatomy.column if mirrored else anatomy.column
            return _square(
                (left - border + column * side) / scale,
                (top - border + anatomy.eyes * side) / scale,
                SIDE * anatomy.eye_chin * side / scale,
                *image.size,
            )
    raise FaceNotFound("no face found")


def _attempts(angle: int | None) -> list[tuple[Anatomy, bool, str]]:
    """What to look for, in turn: where the face lies in the box, mirrored or not, and by what."""
    front = (FRONT, False, "frontalface_alt2")
    if angle is None:
        return [front, (HALF, False, "profileface"), (HALF, True, "profileface")]
    if angle == 90:
        return [front]
    turned = (HALF if angle in (45, 135) else SIDEWAYS, angle < 90, "profileface")
    return [turned, front]


def _find(
    pixels: np.ndarray, cascade: str, mirrored: bool, smallest: int
) -> list[tuple[float, float, float]]:
    """Boxes (left, top, side), the largest first."""
    seen = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
    found = _cascade(cascade).detectMultiScale(seen, 1.05, 4, 0, (smallest, smallest))
    boxes = [tuple(map(int, box)) for box in found]
    if mirrored:
        boxes = [(pixels.shape[1] - x - side, y, side, tall) for x, y, side, tall in boxes]
    return sorted(((x, y, side) for x, y, side, _ in boxes), key=lambda box: (-box[2], box))


def _only(faces: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    (left, top, side), *others = faces
    for x, y, other in others:
        apart = max(abs(x + other / 2 - left - side / 2), abs(y + other / 2 - top - side / 2))
        if other > RIVAL * side and apart > side / 2:
            raise FaceNotFound("more than one face of about the same size")
    return left, top, side


def _square(column: float, eyes: float, side: float, width: int, height: int) -> Box:
    side = min(side, width, height)
    left = min(max(column - side / 2, 0.0), width - side)
    top = min(max(eyes - EYE_ROW * side, 0.0), height - side)
    return Box(left / width, top / height, side / width)


def _cascade(name: str) -> Any:
    loaded = _local.__dict__.setdefault("cascades", {})
    if name not in loaded:
        import cv2

        loaded[name] = cv2.CascadeClassifier(_cascade_file(name))
    return loaded[name]


def _cascade_file(name: str) -> str:
    import cv2.data

    return os.path.join(cv2.data.haarcascades, f"haarcascade_{name}.xml")
