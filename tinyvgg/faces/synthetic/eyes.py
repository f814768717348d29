"""The surface of an eye: sclera, iris, pupil, the lid's shadow, the lamps' reflections."""

from __future__ import annotations

import numpy as np

from .identity import Person
from .paint import blend, dot, ramp

IRIS_ANGLE = 25.0  # degrees from the axis to the iris's border
PUPIL_ANGLE = 10.5
WIDE_PUPIL_ANGLE = 12.0  # in fear and surprise
SCLERA = np.array([0.64, 0.60, 0.57], np.float32)
VEINS = np.array([0.10, 0.32, 0.34], np.float32)  # absorbed towards the corners
LID_SHADOW = 0.50
PUPIL = np.float32(0.006)
# The cornea stands out of the eyeball: near the axis its normal turns faster.
CORNEA_ANGLE = np.radians(26)
CORNEA_BULGE = 0.55
REFLECTIONS = (0.9, 0.4)  # of the two front lamps
SHARPNESS = 700


def paint_eye(person: Person, emotion: str, outward: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """Colours (n, 3) at points of the unit eyeball, given as directions (n, 3)."""
    angle = np.degrees(np.arccos(np.clip(dot(outward, gaze), -1, 1)))
    sideways = np.cross([0.0, 1.0, 0.0], gaze)
    sideways /= np.linalg.norm(sideways)
    upwards = np.cross(gaze, sideways)
    turn = np.arctan2(dot(outward, upwards), dot(outward, sideways))
    pupil = WIDE_PUPIL_ANGLE if emotion in ("fearful", "surprised") else PUPIL_ANGLE

    phase = person.subject
    fibres = np.sin(37 * turn + 3 * np.sin(5 * turn + phase)) * np.cos(13 * turn + phase)
    fibres = 0.5 + 0.5 * fibres
    light = 0.62 + 0.5 * fibres * ramp(angle, 9, 15) + 0.3 * ramp(angle, 20, 13)
    light = light * (1 - 0.7 * ramp(angle, IRIS_ANGLE - 5, IRIS_ANGLE))  # the dark outer ring
    iris = light[:, None] * person.iris * 0.9
    corner = ramp(np.abs(outward[:, 0]), 0.35, 0.95)
    sclera = SCLERA * np.exp(-corner[:, None] * VEINS)
    colour = blend(sclera, iris, ramp(angle, IRIS_ANGLE + 1.6, IRIS_ANGLE - 1.2))
    colour = blend(colour, PUPIL, ramp(angle, pupil + 1.2, pupil - 1.0))
    shadow = LID_SHADOW * ramp(outward[:, 1], 0.08, 0.50)
    return (colour * (1 - shadow)[:, None]).astype(np.float32)


def eye_reflections(outward, gaze, view, light) -> np.ndarray:
    """Mirror images (n,) of the front lamps on the cornea."""
    from_axis = np.arccos(np.clip(dot(outward, gaze), -1, 1))
    bulge = CORNEA_BULGE * np.clip(1 - from_axis / CORNEA_ANGLE, 0, 1)
    normal = outward + bulge[:, None] * (outward - gaze)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    total = np.zeros(len(outward), np.float32)
    for (direction, _), strength in zip(light, REFLECTIONS, strict=False):
        halfway = direction + view
        halfway = halfway / np.linalg.norm(halfway)
        total += strength * np.clip(dot(normal, halfway), 0, 1) ** SHARPNESS
    return total
