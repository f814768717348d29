"""Inside the mouth: teeth, tongue, and how little light gets there."""

from __future__ import annotations

import numpy as np

from .paint import ramp

MOUTH_COLOUR = np.array([0.15, 0.035, 0.035], np.float32)
TEETH_COLOUR = np.array([0.80, 0.75, 0.64], np.float32)
TEETH_CENTRE_Z = 1.15  # dm; the row of teeth bends around x = 0 and this depth
TOOTH_TURN = np.radians(14)
TONGUE_COLOUR = np.array([0.38, 0.12, 0.11], np.float32)


def paint_teeth(place: np.ndarray) -> np.ndarray:
    """Colour (n, 3) of the row of teeth at rest places (n, 3), with the dark gaps between them."""
    x, _, z = place.T
    along = np.arctan2(x, z - np.float32(TEETH_CENTRE_Z)) / np.float32(TOOTH_TURN)
    from_gap = np.abs(along - np.round(along)) * 2  # 0 in a gap, 1 in the middle of a tooth
    return TEETH_COLOUR * (1 - 0.35 * ramp(from_gap, 0.22, 0.02))[:, None]


def light_in_mouth(behind_lips: np.ndarray, unit: float) -> np.ndarray:
    """Share of light (n,) that reaches teeth and tongue, by their distance behind the lips."""
    depth = (behind_lips - 0.14 * unit) / (0.34 * unit)
    return 1 - 0.85 * np.clip(depth, 0, 1) ** 0.7
