"""Inside the mouth: where the teeth stand, their colour, and how little light gets there."""

from __future__ import annotations

import functools

import numpy as np

from tinyvgg.faces.synthetic.paint import ramp
from tinyvgg.faces.synthetic.person.basis import load_basis

MOUTH_COLOUR = np.array([0.15, 0.035, 0.035], np.float32)
TEETH_COLOUR = np.array([0.70, 0.655, 0.56], np.float32)
TEETH_CENTRE_Z = 1.15  # dm; the row of teeth bends around x = 0 and this depth
TOOTH_TURN = np.radians(14)
TONGUE_COLOUR = np.array([0.38, 0.12, 0.11], np.float32)

# Where the upper incisors end, from the seam of the lips, in units of the head's size: MakeHuman's
# teeth end at the seam and stay back where a person's lips are full; in a smile they then hide.
TEETH_BELOW_SEAM = 0.040  # people show some 3 mm in parted lips
TEETH_BEHIND_SEAM = 0.015
OVERBITE = 0.030  # the lower incisors stand so far behind the upper ones, or they pierce the chin
ARCH_WIDTH = 0.93  # of MakeHuman's, whose side teeth come out at the corners of narrow mouths
LOWER_DROP = 0.030  # so much lower than MakeHuman's, whose rows overlap by a whole crown
LOWER_HEIGHT = 0.6  # of the lower row; gums and roots, never seen, would show through small chins
SEAM_VERTICES = 7  # the rearmost of the lips' middle


def fit_teeth(vertices: np.ndarray, unit: float) -> np.ndarray:
    """The coarse head (V, 3) with teeth and tongue moved to stand right behind the lips."""
    upper, lower, tongue, seam = _mouth_vertices()
    place = vertices[seam].mean(0)
    down = place[1] - TEETH_BELOW_SEAM * unit - vertices[upper, 1].min()
    forward = vertices[seam, 2].min() - TEETH_BEHIND_SEAM * unit - vertices[upper, 2].max()
    moved = vertices.copy()
    moved[np.concatenate([upper, tongue]), 1:] += [down, forward]
    moved[lower, 2] += moved[upper, 2].max() - OVERBITE * unit - vertices[lower, 2].max()
    moved[np.concatenate([upper, lower]), 0] *= ARCH_WIDTH
    top = vertices[lower, 1].max()
    moved[lower, 1] = top - LOWER_DROP * unit + LOWER_HEIGHT * (vertices[lower, 1] - top)
    return moved


@functools.lru_cache(maxsize=1)
def _mouth_vertices() -> tuple[np.ndarray, ...]:
    """Coarse vertices: upper teeth, lower teeth, tongue, the middle of the lips' seam."""
    basis = load_basis()
    count = basis.smooth.shape[1]
    teeth, tongue = (basis.fine.vertices_of(part) for part in ("teeth", "tongue"))
    teeth, tongue = teeth[teeth < count], tongue[tongue < count]
    opening, _ = basis.actions.shifts("jawOpen")
    lips = np.flatnonzero(basis.masks["lips"][:count] > 0.5)
    lips = lips[np.abs(basis.vertices[lips, 0]) < 0.03]
    seam = lips[np.argsort(basis.vertices[lips, 2])[:SEAM_VERTICES]]
    return np.setdiff1d(teeth, opening), np.intersect1d(teeth, opening), tongue, seam


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
