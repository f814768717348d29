"""Eyebrows, drawn hair by hair on the canvas."""

from __future__ import annotations

import numpy as np

from tinyvgg.faces.synthetic.canvas import TEXELS_PER_DM, Canvas, curve, row_of
from tinyvgg.faces.synthetic.paint import stream
from tinyvgg.faces.synthetic.person.complexion import Brows
from tinyvgg.faces.synthetic.person.identity import Person

HALF_WIDTH = 0.034  # dm
HAIRS = 950  # on each side
HAIR_WIDTH = 0.0021  # dm
HAIR_LENGTH = 0.078  # dm
PLACES = (0.135, 0.26, 0.40, 0.50, 0.60)  # |x| of the five heights below, dm
MIDDLE = 7.445  # dm, height of the inner end
# Heights above the inner end, from the nose outwards.
SHAPES = {
    "straight": (0.000, 0.014, 0.020, 0.008, -0.026),
    "soft": (0.000, 0.020, 0.034, 0.020, -0.022),
    "arched": (0.000, 0.028, 0.056, 0.038, -0.016),
    "angled": (0.000, 0.026, 0.050, 0.046, -0.004),
    "rounded": (0.000, 0.032, 0.042, 0.014, -0.042),
}
POINTS = 60  # along the brow
SHADE = 0.78  # of the short hair and shadow between the drawn ones
COVER = 0.96


def paint_brows(person: Person, canvas: Canvas) -> np.ndarray:
    """Cover 0..1 (H, W) of both eyebrows."""
    brows = person.complexion.brows
    random = stream("brows", person.subject)
    middle = middle_line(brows)
    share = np.linspace(0, 1, POINTS)  # from the nose outwards
    profile = np.interp(share, [0, 0.15, 0.4, 0.65, 1], [0.62, 0.9, 1, 0.72, 0.12])
    half_width = HALF_WIDTH * brows.thickness * profile
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    grain = TEXELS_PER_DM * HAIR_WIDTH  # texels
    count = int(HAIRS * brows.density * (0.5 + 0.5 * brows.thickness))
    # Both ends are thin: few hairs grow there, and they are pale.
    growth = np.interp(share, [0, 0.10, 0.28, 0.75, 1], [0.22, 0.62, 1, 0.9, 0.45])
    growth /= growth.sum()
    segments: list[list[np.ndarray]] = [[], [], []]  # roots, middles and tips of the hairs
    strengths = []
    for side in (1, -1):
        at = random.choice(POINTS, count, p=growth)
        off = np.clip(random.normal(0, 0.50, count), -1.25, 1.25)  # upper border +1
        root = middle[at] + across[at] * (off * half_width[at])[:, None]
        root[:, 0] += random.normal(0, 0.006, count)
        # Hairs stand up near the nose and lie down outwards; upper ones lean to the middle.
        forward = np.degrees(np.arctan2(along[at, 1], along[at, 0]))
        lean = forward + np.interp(share[at], [0, 0.15, 0.4, 0.75, 1], [68, 46, 20, 6, 0])
        lean -= 15 * off
        lean = np.radians(lean + random.normal(0, 7 + 12 * brows.unruly, count))
        length = HAIR_LENGTH * brows.length * random.uniform(0.55, 1.1, count)
        length *= (0.60 + 0.40 * brows.thickness) * (1 + 0.2 * brows.unruly)
        length *= np.interp(share[at], [0, 0.15, 0.8, 1], [0.65, 1, 0.85, 0.5])
        bend = -0.35 * np.sign(off + 0.2)  # the tips lie down along the brow
        centre = root + 0.5 * length[:, None] * np.stack([np.cos(lean), np.sin(lean)], 1)
        tip_lean = lean + bend * random.uniform(0.3, 1, count)
        tip = centre + 0.5 * length[:, None] * np.stack([np.cos(tip_lean), np.sin(tip_lean)], 1)
        for points, ends in zip(segments, (root, centre, tip), strict=True):
            points.append(np.stack(canvas.place(side * ends[:, 0], ends[:, 1]), 1))
        pale = np.interp(share[at], [0, 0.18, 1], [0.55, 1, 0.85])
        strengths.append(random.uniform(0.55, 1.1, count) * pale)
    roots, centres, tips = (np.concatenate(points) for points in segments)
    strength = np.concatenate(strengths)
    hairs = canvas.strokes(roots, centres, strength, grain)
    hairs = np.maximum(hairs, canvas.strokes(centres, tips, 0.8 * strength, grain))
    rows = slice(*(int(row_of(height)) // canvas.shrink for height in (8.0, 7.0)))
    shade = np.zeros_like(hairs)
    shade[rows] = SHADE * canvas.blur(hairs[rows], 0.014 * TEXELS_PER_DM)
    return COVER * (1 - (1 - hairs) * (1 - shade))


def middle_line(brows: Brows) -> np.ndarray:
    """Points (POINTS, 2) of the left brow's middle from the inner end outwards, in dm."""
    heights = MIDDLE + brows.lift + np.array(SHAPES[brows.shape])
    places = np.array(PLACES) + brows.gap * np.array([1.0, 0.5, 0.2, 0, 0])
    places = 0.36 + (places - 0.36) * brows.length
    return curve(np.stack([places, heights], 1), POINTS)
