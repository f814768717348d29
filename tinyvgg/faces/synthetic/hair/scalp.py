"""Hair on the scalp: where it grows, how thick it lies, and its paint.

The scalp is pushed outwards by the thickness of the hair and painted. Single locks come on
top, see `locks`.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import zoom

from tinyvgg.faces.synthetic.canvas import (
    HEIGHT,
    LEVELS,
    TEXELS_PER_DM,
    WIDTH,
    Canvas,
    load_canvas,
    row_of,
)
from tinyvgg.faces.synthetic.hair.locks import bald_patch
from tinyvgg.faces.synthetic.hair.ribbons import DULLNESS, SHADE
from tinyvgg.faces.synthetic.paint import halve, layered_noise, ramp, sample, smooth_noise, stream
from tinyvgg.faces.synthetic.person.basis import HeadBasis, load_basis
from tinyvgg.faces.synthetic.person.haircuts import Hair
from tinyvgg.faces.synthetic.person.identity import Person

SCALP_Z = 0.15  # hair is laid out around the axis x = 0, z = SCALP_Z, nearer to the crown
# Height of the hairline (dm) by angle from straight ahead (degrees): forehead, temple,
# sideburn, over the ear, nape.
LINE_ANGLES = (0, 12, 22, 30, 38, 44, 49, 54, 58, 62, 67, 75, 81, 92, 140, 180)
LINE = (
    7.96, 7.96, 7.94, 7.88, 7.74, 7.52, 7.36, 7.16, 7.06, 7.20, 7.40, 7.36, 6.95, 6.74, 6.62, 6.60,
)  # fmt: skip
LINE_OF_WOMEN = {22: 7.92, 30: 7.82, 54: 7.26, 58: 7.22, 62: 7.22}  # rounder; no sideburns
RECEDES = {22: 0.6, 30: 1.0, 38: 1.0, 44: 0.4}  # which parts of the line recede
WAVINESS, ROUGHNESS = 0.030, 0.022  # dm, of the hairline: broad and fine
FRONT_FADE, NAPE_FADE = 0.16, 0.30  # dm over which hair grows dense
EDGE_STROKES = 6000  # single hairs drawn across the hairline, all around
EDGE_WIDTH = 0.0045  # dm
STUBBLE = {"shaved": 0.35, "buzz": 0.15}  # how much skin shows through
LINE_LEVEL = 2  # of the canvas on which the hairline is worked out
STRAND_HEIGHT = 0.0035  # dm
PAINT_CONTRAST = 0.26
ROUGH = ("shaved", "buzz", "crop", "curly", "coily")  # styles whose hair does not lie down
# Share, and size along and across the hairs (dm), of each layer of light and dark.
GRAIN = {
    True: ((0.5, 0.012, 0.012), (0.7, 0.022, 0.022)),
    False: ((0.6, 0.045, 0.004), (0.5, 0.055, 0.013)),
}
PAINT_TONE = 0.90  # the shell lies beneath the locks and is darker


@functools.lru_cache(maxsize=LEVELS)
def scalp_layout(level: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Angle in degrees (signed) and height on the canvas of a level."""
    canvas = load_canvas(level)
    return np.degrees(np.arctan2(canvas.x, canvas.z - SCALP_Z)), canvas.y


def hairline(hair: Hair, gender: str, angle) -> np.ndarray:
    """Height of the hairline at angles in degrees around the scalp, 0 in front."""
    away = np.abs(angle)
    line = np.array(LINE)
    if gender == "female":
        for degrees, height in LINE_OF_WOMEN.items():
            line[LINE_ANGLES.index(degrees)] = height
    for degrees, share in RECEDES.items():
        line[LINE_ANGLES.index(degrees)] += share * hair.receding
    height = np.interp(away, LINE_ANGLES, line) + hair.hairline * np.clip(1 - away / 60, 0, 1)
    return height - hair.peak * np.exp(-((away / 9) ** 2))


def growth(person: Person, angle, height) -> np.ndarray:
    """Height above the person's own, slightly ragged hairline; negative on bare skin."""
    angle = np.asarray(angle)
    noise = _line_noise(person.subject)
    column = (angle % 360) / 360 * noise.shape[1]
    row = np.clip((height - 6.0) * 20, 0, noise.shape[0] - 1)
    rough = sample(noise[..., None], column.ravel() + 0.5, row.ravel() + 0.5)[:, 0]
    return height - hairline(person.hair, person.gender, angle) + rough.reshape(angle.shape)


@functools.lru_cache(maxsize=4)
def _line_noise(subject: int) -> np.ndarray:
    """Ups and downs (dm) of the hairline by angle and height."""
    random = stream("hairline", subject)
    broad = smooth_noise(random, (64, 256), 9, 1)
    return WAVINESS * broad + ROUGHNESS * smooth_noise(random, (64, 256), 1.6, 3)


def scalp_growth(person: Person, basis: HeadBasis) -> np.ndarray:
    """Height above the hairline (dm) of the fine vertices; -1 where no hair grows at all."""
    x, y, z = basis.rest.T
    above = growth(person, np.degrees(np.arctan2(x, z - SCALP_Z)), y)
    return np.where(basis.is_skin & (near_ears() < 0.5), above, -1.0)


def shell(person: Person, basis: HeadBasis, above: np.ndarray) -> np.ndarray:
    """How far hair stands off each fine vertex, in dm of the mean head."""
    x, y, z = basis.rest.T
    angle = np.degrees(np.arctan2(x, z - SCALP_Z))
    hair, cut = person.hair, person.hair.cut
    top = ramp(y, 7.55, 8.25)
    ahead = ramp(np.abs(angle), 120, 20)
    profile = cut.sides + (1 - cut.sides) * top + cut.front * top * ahead
    thickness = cut.shell * hair.volume * profile * ramp(above, -0.02, 0.30)
    lumps = smooth_noise(stream("lumps", person.subject), (48, 96), 2.5, 3)
    lump = sample(lumps[..., None], (angle % 360) / 360 * 95 + 0.5, np.clip((y - 6.5) * 20, 0, 47))
    thickness *= np.maximum(1 + cut.lumps * lump[:, 0], 0.3) * (
        1 - 0.8 * hair.thinning * bald_patch(basis.rest)
    )
    return np.clip(thickness, 0, None) * basis.is_skin * (1 - near_ears())


@functools.lru_cache(maxsize=1)
def near_ears() -> np.ndarray:
    """1 at vertices in and around the ears, where no hair grows."""
    basis = load_basis()
    x, y, z = basis.rest.T
    box = (np.abs(x) > 0.765) & (y > 6.8) & (y < 7.4) & (z > 0.30) & (z < 0.75)
    return np.clip(np.maximum(box, basis.masks["ears"]), 0, 1)


@functools.lru_cache(maxsize=2 * LEVELS)
def _grain(level: int, is_rough: bool) -> np.ndarray:
    """Light and dark (H, W), about -1..1, of hair that lies down, or of short and curly hair."""
    if level:
        return halve(_grain(level - 1, is_rough)[..., None])[..., 0]
    layers = [
        (share, (along * TEXELS_PER_DM, across * TEXELS_PER_DM))
        for share, along, across in GRAIN[is_rough]
    ]
    total = layered_noise(stream("grain", is_rough), (HEIGHT, WIDTH), layers)
    return np.clip(0.5 * total / total.std(), -1, 1)


def paint_hair(person: Person, canvas: Canvas):
    """Cover 0..1 (H, W), colour (H, W, 3) and relief in dm (H, W) of the hair on the canvas."""
    hair = person.hair
    turn = int(stream("grain", person.subject).integers(WIDTH >> LEVELS)) << LEVELS
    grain = np.roll(_grain(canvas.level, hair.style in ROUGH), turn // canvas.shrink, 1)
    if hair.cut.tie:  # the grain runs downwards, not towards the tie
        grain = 0.3 * grain
    line_level = max(canvas.level, LINE_LEVEL)
    angle, height = scalp_layout(line_level)
    above = growth(person, angle, height)
    dense = np.clip((above + 0.02) / np.where(np.abs(angle) > 78, NAPE_FADE, FRONT_FADE), 0, 1)
    if hair.thinning > 0:
        coarse = load_canvas(line_level)
        patch = bald_patch(np.stack([coarse.x, coarse.y, coarse.z], -1))
        dense *= 1 - 0.85 * hair.thinning * patch
    if line_level > canvas.level:
        scale = 2 ** (line_level - canvas.level)
        dense = zoom(dense.astype(np.float32), scale, order=1, grid_mode=True, mode="nearest")
    cover = ramp(dense + 0.9 * grain * (dense * (1 - dense)), 0.05, 0.75)
    cover = np.maximum(cover, _edge_hairs(person, canvas))
    cover = (cover * (1 - STUBBLE.get(hair.style, 0.0) * (1 + 0.5 * grain))).astype(np.float32)
    grey = hair.colour.mean()
    base = ((grey + (hair.colour - grey) * DULLNESS) * SHADE * PAINT_TONE).astype(np.float32)
    colour = np.clip(base * (1 + PAINT_CONTRAST * grain)[..., None], 0.004, 1)
    return cover, colour, (STRAND_HEIGHT * grain * cover).astype(np.float32)


def _edge_hairs(person: Person, canvas: Canvas) -> np.ndarray:
    """Single hairs across the hairline, most of them combed back from it."""
    random = stream("edge", person.subject)
    hair = person.hair
    half_in_front = np.where(random.random(EDGE_STROKES) < 0.6, 50, 180)
    angles = random.uniform(-1, 1, EDGE_STROKES) * half_in_front
    line = hairline(hair, person.gender, angles)
    noise = _line_noise(person.subject)
    row = np.clip((line - 6.0) * 20, 0, noise.shape[0] - 1).astype(int)
    line = line - noise[row, ((angles % 360) / 360 * noise.shape[1]).astype(int)]
    root = line + random.gamma(2.0, 0.030, EDGE_STROKES) - 0.035
    short = {"shaved": 0.15, "buzz": 0.25, "crop": 0.5, "coily": 0.3}.get(hair.style, 1.0)
    length = random.uniform(0.04, 0.15, EDGE_STROKES) * short
    sideways = 0.9 * np.sign(angles) if hair.cut.end or hair.cut.tie else 0.6 * hair.sweep
    lean = random.normal(0, 0.35, EDGE_STROKES) + sideways
    # The scalp's axis is not the canvas's: find the columns where these angles lie.
    starts = np.stack([canvas_column(angles, root), row_of(root)], 1)
    way = np.stack([length * np.sin(lean), -length * np.cos(lean)], 1)
    strength = random.uniform(0.25, 0.9, EDGE_STROKES)
    stops = starts + way * TEXELS_PER_DM
    return canvas.strokes(starts, stops, strength, EDGE_WIDTH * TEXELS_PER_DM)


def canvas_column(angles, heights) -> np.ndarray:
    """Canvas column of the skin at angles in degrees around the scalp's axis."""
    layout, _ = scalp_layout()
    columns = np.empty(len(angles))
    rows = np.clip(row_of(heights), 0, HEIGHT - 1).astype(int)
    band = max(1, round(0.034 * TEXELS_PER_DM))
    for number in np.unique(rows // band):
        here = rows // band == number
        known = np.maximum.accumulate(layout[min(number * band + band // 2, HEIGHT - 1)])
        columns[here] = np.interp(angles[here], known, np.arange(WIDTH) + 0.5)
    return columns
