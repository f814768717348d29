"""The five cameras: where they stand, what they frame, and the projection."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyvgg.faces.synthetic.paint import dot
from tinyvgg.faces.synthetic.person.expression import Shot

FRAME = 2.15  # side of the picture in distances from the eyes to the chin: the face fills it
EYE_ROW = 0.42  # height of the eyes in the picture, from its top
EYE_COLUMN = 0.5
DISTANCE = 14.0  # dm from camera to head
# The point that the cameras turn around: below the eyes and behind them, inside the head.
PIVOT_BELOW_EYES = 0.35  # eye-chin distances
PIVOT_BEHIND_EYES = 0.75  # distances between the eyes of the mean head, see `Frame.unit`


@dataclass(frozen=True)
class Frame:
    """What of a person decides on the framing."""

    eyes: np.ndarray  # (3,) midpoint between the eyes
    eye_chin: float  # dm
    unit: float  # size of the head: distance between the eyes, 1 for the mean head

    @property
    def pivot(self) -> np.ndarray:
        below = PIVOT_BELOW_EYES * self.eye_chin
        return np.array([0.0, self.eyes[1] - below, self.eyes[2] - PIVOT_BEHIND_EYES * self.unit])

    def scale(self, side: int) -> float:
        """Pixels per decimetre, at the pivot, of pictures of `side` pixels."""
        return side / (FRAME * self.eye_chin)


@dataclass(frozen=True)
class Camera:
    """A camera aimed at one head."""

    rotation: np.ndarray  # (3, 3) from the subject's axes to right, up, towards the camera
    pivot: np.ndarray
    pixels_per_dm: float
    centre: tuple[float, float]  # column and row of the pivot
    width: int  # pixels
    height: int

    @property
    def view(self) -> np.ndarray:
        """Direction (3,) from the head to the camera, float32."""
        return self.rotation[2].astype(np.float32)

    def project(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (V, 2) and distances (V,) of vertices (V, 3)."""
        away = vertices - self.pivot
        right, up, forward = (dot(away, axis) for axis in self.rotation)
        distance = DISTANCE - forward
        scale = self.pixels_per_dm * DISTANCE / distance
        column = self.centre[0] + scale * right
        row = self.centre[1] - scale * up
        return np.stack([column, row]).T, distance  # kept apart: quicker to work with

    def with_film(self, width: int, height: int, left: float, top: float) -> Camera:
        """The same camera with another film, on which the former one begins at (left, top)."""
        centre = self.centre[0] + left, self.centre[1] + top
        return replace(self, centre=centre, width=width, height=height)


@dataclass(frozen=True)
class Rig:
    """Cameras with equal films around one scene: what they see is worked out in one go.

    Their pixels are numbered film after film.
    """

    cameras: tuple[Camera, ...]

    def __post_init__(self):
        kinds = {(each.width, each.height, each.pixels_per_dm) for each in self.cameras}
        if len(kinds) != 1:
            raise ValueError("expected cameras with films of one size and scale")

    @property
    def width(self) -> int:
        return self.cameras[0].width

    @property
    def height(self) -> int:
        return self.cameras[0].height

    @property
    def pixels_per_dm(self) -> float:
        return self.cameras[0].pixels_per_dm

    @property
    def shape(self) -> tuple[int, int, int]:
        """Films, rows, columns."""
        return len(self.cameras), self.height, self.width

    @property
    def views(self) -> np.ndarray:
        """Directions (films, 3) from the head to the cameras, float32."""
        return np.stack([each.view for each in self.cameras])


def aim(frame: Frame, shot: Shot, angle: int, side: int) -> Camera:
    """The camera for square pictures of `side` pixels; 90 is in front, 0 at the right ear.

    The subject poses in the studio once, and the cameras stand around: a head that nods in the
    frontal view is turned within the picture in the profiles, by the same nod.
    """
    turn, nod, tilt = shot.pose
    pose = rotation_about("z", tilt) @ rotation_about("x", nod) @ rotation_about("y", turn)
    view = rotation_about("y", 90 - angle)
    sideways, up, _ = view @ shot.place
    row = EYE_ROW + PIVOT_BELOW_EYES / FRAME
    return Camera(
        rotation=view @ pose,
        pivot=frame.pivot,
        pixels_per_dm=frame.scale(side) * shot.scale,
        centre=((EYE_COLUMN + sideways) * side, (row - up) * side),
        width=side,
        height=side,
    )


def rotation_about(axis: str, degrees: float) -> np.ndarray:
    """Rotation matrix; about y, positive angles turn the nose to the right of the picture."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix
