"""Brows and beards, drawn hair by hair; stubble, and the bluish shadow of a shaven jaw."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.canvas import (
    HEIGHT,
    LEVELS,
    TEXELS_PER_DM,
    WIDTH,
    Canvas,
    column_of,
    curve,
    load_canvas,
    row_of,
)
from tinyvgg.faces.synthetic.paint import bump, ramp, sample, smooth_noise, stream
from tinyvgg.faces.synthetic.person.complexion import Brows
from tinyvgg.faces.synthetic.person.identity import Person

HAIR_WIDTH = 0.0021  # dm
BROW_HALF_WIDTH = 0.034  # dm
BROW_HAIRS = 950  # on each side
BROW_HAIR_LENGTH = 0.078  # dm
BROW_PLACES = (0.135, 0.26, 0.40, 0.50, 0.60)  # |x| of the five heights below, dm
BROW_HEIGHT = 7.445  # dm, height of the inner end
# Heights above the inner end, from the nose outwards.
BROW_LINES = {
    "straight": (0.000, 0.014, 0.020, 0.008, -0.026),
    "soft": (0.000, 0.020, 0.034, 0.020, -0.022),
    "arched": (0.000, 0.028, 0.056, 0.038, -0.016),
    "angled": (0.000, 0.026, 0.050, 0.046, -0.004),
    "rounded": (0.000, 0.032, 0.042, 0.014, -0.042),
}
BROW_POINTS = 60  # along the brow
BROW_SHADE = 0.78  # of the short hair and shadow between the drawn ones
BROW_COVER = 0.96


def paint_brows(person: Person, canvas: Canvas) -> np.ndarray:
    """Cover 0..1 (H, W) of both eyebrows."""
    brows = person.complexion.brows
    random = stream("brows", person.subject)
    middle = middle_line(brows)
    share = np.linspace(0, 1, BROW_POINTS)  # from the nose outwards
    profile = np.interp(share, [0, 0.15, 0.4, 0.65, 1], [0.62, 0.9, 1, 0.72, 0.12])
    half_width = BROW_HALF_WIDTH * brows.thickness * profile
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    grain = TEXELS_PER_DM * HAIR_WIDTH  # texels
    count = int(BROW_HAIRS * brows.density * (0.5 + 0.5 * brows.thickness))
    # Both ends are thin: few hairs grow there, and they are pale.
    growth = np.interp(share, [0, 0.10, 0.28, 0.75, 1], [0.22, 0.62, 1, 0.9, 0.45])
    growth /= growth.sum()
    segments: list[list[np.ndarray]] = [[], [], []]  # roots, middles and tips of the hairs
    strengths = []
    for side in (1, -1):
        at = random.choice(BROW_POINTS, count, p=growth)
        off = np.clip(random.normal(0, 0.50, count), -1.25, 1.25)  # upper border +1
        root = middle[at] + across[at] * (off * half_width[at])[:, None]
        root[:, 0] += random.normal(0, 0.006, count)
        # Hairs stand up near the nose and lie down outwards; upper ones lean to the middle.
        forward = np.degrees(np.arctan2(along[at, 1], along[at, 0]))
        lean = forward + np.interp(share[at], [0, 0.15, 0.4, 0.75, 1], [68, 46, 20, 6, 0])
        lean -= 15 * off
        lean = np.radians(lean + random.normal(0, 7 + 12 * brows.unruly, count))
        length = BROW_HAIR_LENGTH * brows.length * random.uniform(0.55, 1.1, count)
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
    shade[rows] = BROW_SHADE * canvas.blur(hairs[rows], 0.014 * TEXELS_PER_DM)
    return BROW_COVER * (1 - (1 - hairs) * (1 - shade))


def middle_line(brows: Brows) -> np.ndarray:
    """Points (BROW_POINTS, 2) of the left brow's middle from the inner end outwards, in dm."""
    heights = BROW_HEIGHT + brows.lift + np.array(BROW_LINES[brows.shape])
    places = np.array(BROW_PLACES) + brows.gap * np.array([1.0, 0.5, 0.2, 0, 0])
    places = 0.36 + (places - 0.36) * brows.length
    return curve(np.stack([places, heights], 1), BROW_POINTS)


# --- beards --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shave:
    """What one style leaves standing; shares are 0..1."""

    moustache: float
    chin: float
    cheeks: float  # with jaw and neck
    length: float  # dm
    hairs: int  # tried over the whole lower face
    cover: float  # of the finest stubble between the drawn hairs
    stroke: float = 0.95  # strength of a drawn hair
    shadow: float = 0.3  # of shaven hair below the skin, wherever a beard would grow


SHAVES = {
    "clean": Shave(0, 0, 0, 0.0, 0, 0.0, shadow=0.25),
    "shadow": Shave(0.9, 1.0, 0.9, 0.008, 14000, 0.05, stroke=0.30, shadow=0.75),
    "stubble": Shave(1.0, 1.0, 0.85, 0.015, 26000, 0.10, stroke=0.60, shadow=0.8),
    "full": Shave(1.0, 1.0, 1.0, 0.045, 52000, 0.66, shadow=0.6),
    "goatee": Shave(1.0, 1.0, 0.0, 0.040, 48000, 0.64, shadow=0.5),
    "moustache": Shave(1.0, 0.0, 0.0, 0.042, 60000, 0.66, shadow=0.5),
}
# Upper border of the beard by angle: from the moustache down the cheek and up to the sideburn.
UPPER_LINE = (
    (0, 6, 12, 18, 25, 36, 50, 62, 72, 84),
    (6.835, 6.845, 6.82, 6.74, 6.64, 6.60, 6.68, 6.88, 7.16, 7.30),
)
# Lower and upper border of the lips by distance from the middle; no hair grows between them.
LIPS = ((0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.27), (6.494, 6.50, 6.516, 6.53, 6.555, 6.60, 6.62),
        (6.705, 6.719, 6.716, 6.70, 6.668, 6.63, 6.62))  # fmt: skip
LOWEST = (6.02, 6.22)  # dm, on the neck: where the beard begins and is full
STRETCH_LEVEL = 2  # of the canvas on which it is worked out how far the jaw is stretched
BORDER_NOISE = 0.022  # dm
PATCHINESS = 0.16


@functools.lru_cache(maxsize=LEVELS)
def _zones(level: int) -> dict[str, np.ndarray]:
    """Height above (negative: below) the beard's border, and where its parts grow, 0..1."""
    canvas = load_canvas(level)
    x, y, z = np.abs(canvas.x), canvas.y, canvas.z
    angle = np.abs(np.degrees(canvas.angle))
    inside = np.interp(angle, *UPPER_LINE).astype(np.float32) - y
    back = ramp(z, 0.40, 0.62) * ramp(y, *LOWEST)
    # Bare: beside and below the lower lip's middle tuft, under the nose's openings.
    bare = 0.75 * bump(x, y, (0.13, 6.475), (0.07, 0.035)) + 0.35 * bump(
        x, y, (0, 6.86), (0.03, 0.06)
    )
    lips = [np.interp(x, LIPS[0], LIPS[k]).astype(np.float32) for k in (1, 2)]
    bare = np.maximum(bare, ramp(y, lips[0] - 0.015, lips[0] + 0.015) * ramp(lips[1] - y, 0, 0.03))
    grows = (back * (1 - bare)).astype(np.float32)
    lip = ramp(y, 6.57, 6.63) * ramp(x, 0.38, 0.27)
    chin = ramp(y, 6.62, 6.54) * ramp(x, 0.31, 0.19) * ramp(y, 6.12, 6.30)
    # From the corners of the mouth a moustache may run down to the chin.
    return {"inside": inside, "grows": grows, "lip": lip, "chin": chin.astype(np.float32)}


@functools.lru_cache(maxsize=1)
def _stretch() -> np.ndarray:
    """How many times longer a row of the canvas is on the head than it is high (jaw, chin)."""
    canvas = load_canvas(STRETCH_LEVEL)
    place = np.stack([canvas.x, canvas.y, canvas.z], -1)
    along = np.linalg.norm(np.gradient(place, axis=0), axis=-1) * TEXELS_PER_DM / canvas.shrink
    return np.clip(along, 1, 3.5).astype(np.float32)


def beard_region(person: Person, canvas: Canvas) -> np.ndarray:
    """Where this man's beard would grow if he let it, 0..1 (H, W)."""
    zones = _zones(canvas.level)
    random = stream("beard border", person.subject)
    columns = np.arange(WIDTH // 2)
    half = smooth_noise(random, (4, WIDTH // 2), 0.09 * TEXELS_PER_DM, 2)[0]
    both = (
        np.concatenate([half[::-1], half])
        + 0.35 * smooth_noise(random, (4, WIDTH), 0.03 * TEXELS_PER_DM, 2)[0]
    )
    raised = random.normal(0, 0.03)  # dm, of the border on the cheeks
    cheeks = ramp(np.concatenate([columns[::-1], columns]) / WIDTH * 360, 16, 30)
    shift = (raised + BORDER_NOISE * both) * cheeks
    border = zones["inside"] + shift.reshape(1, -1, canvas.shrink).mean(-1).astype(np.float32)
    return ramp(border, -0.05, 0.13) * zones["grows"]


def paint_beard(person: Person, canvas: Canvas, grain: np.ndarray):
    """Shadow of the hair below the skin, and cover 0..1 by hair (None if all is shaven), (H, W).

    `grain` is the fine noise of the skin.
    """
    beard = person.complexion.beard
    shave = SHAVES[beard.style]
    region = beard_region(person, canvas)
    zones = _zones(canvas.level)
    shadow = shave.shadow * beard.density * region
    if not shave.hairs:
        return shadow, None
    standing = np.maximum(shave.moustache * zones["lip"], shave.chin * zones["chin"])
    standing = np.maximum(standing, shave.cheeks) if shave.cheeks else standing
    if shave.chin and shave.moustache and not shave.cheeks:  # joined beside the mouth
        joined = bump(np.abs(canvas.x), canvas.y, (0.285, 6.58), (0.05, 0.12))
        standing = np.maximum(standing, joined)
    standing = standing * region
    random = stream("beard", person.subject)
    hairs = _draw_hairs(random, canvas, shave, beard.density, standing)
    fine = shave.cover * beard.density * standing * np.clip(1 + 0.12 * grain, 0, 2)
    return shadow, 1 - (1 - np.clip(fine, 0, 0.9)) * (1 - hairs)


def _draw_hairs(random, canvas: Canvas, shave: Shave, density, standing) -> np.ndarray:
    """Cover by strokes that grow downwards, away from the middle of the moustache."""
    stretch = _stretch()
    patches = smooth_noise(random, (64, 128), 2.0, 2)
    count = int(shave.hairs * density)
    columns = random.uniform(column_of(-1.75), column_of(1.75), count)
    rows = random.uniform(row_of(7.4), row_of(LOWEST[0]), count)
    at = canvas.texels(columns, rows)
    longer = stretch[load_canvas(STRETCH_LEVEL).texels(columns, rows)]
    patch = sample(patches[..., None], columns / WIDTH * 128, rows / HEIGHT * 64)[:, 0]
    chance = standing[at] * (1 + PATCHINESS * patch) * longer / 1.6
    # All is drawn before it is known which hairs grow: canvases of all levels share the draws.
    grows = random.random(count) < chance
    stray = random.normal(0, 0.28, count)[grows]
    length = shave.length * TEXELS_PER_DM * random.uniform(0.5, 1.3, count)[grows]
    strength = shave.stroke * random.uniform(0.5, 1.05, count)[grows]
    columns, rows, longer = columns[grows], rows[grows], longer[grows]
    x, y = canvas.x[at][grows], canvas.y[at][grows]
    outwards = np.clip(x / 0.18, -1, 1) * ramp(y, 6.60, 6.70)  # moustache
    backwards = 0.5 * np.sign(x) * ramp(np.abs(x), 0.3, 0.6)
    lean = 0.95 * outwards - backwards * 0.4 + stray
    stops = np.stack([columns + length * np.sin(lean), rows + length * np.cos(lean) / longer], 1)
    return canvas.strokes(np.stack([columns, rows], 1), stops, strength, HAIR_WIDTH * TEXELS_PER_DM)
