"""Hair on the head: where it grows, how thick it lies, and its strands.

Hair is a shell: the scalp is pushed outwards by the hair's thickness and painted with strands.
What hangs down or is tied comes on top, see `tresses`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from .basis import HeadBasis, load_basis
from .canvas import HEIGHT, LEVELS, WIDTH, Canvas, load_canvas, row_of
from .identity import Hair, Person
from .paint import ramp, sample, smooth_noise, stream

SCALP_Z = 0.15  # hair is laid out around the axis x = 0, z = SCALP_Z, nearer to the crown


@dataclass(frozen=True)
class Cut:
    """A way to wear hair; thicknesses in decimetres."""

    thickness: float
    sides: float  # share of the thickness kept at the sides
    front: float  # share added on top, towards the front
    curtain_end: float | None = None  # height where hanging hair ends
    bun: bool = False


CUTS = {
    "buzz": Cut(0.015, sides=1.0, front=0.0),
    "short": Cut(0.050, sides=0.6, front=0.9),
    "thick": Cut(0.100, sides=0.6, front=0.9),
    "tied": Cut(0.050, sides=0.8, front=0.2, bun=True),
    "bob": Cut(0.110, sides=0.85, front=0.25, curtain_end=6.12),
    "long": Cut(0.100, sides=0.85, front=0.3, curtain_end=5.30),
}
# Height of the hairline (dm) by angle from straight ahead (degrees): forehead, temple,
# sideburn, over the ear, nape.
LINE_ANGLES = (0, 12, 22, 30, 38, 44, 49, 54, 58, 62, 67, 75, 81, 92, 140, 180)
LINE = (
    7.92, 7.93, 7.92, 7.86, 7.72, 7.52, 7.36, 7.16, 7.06, 7.20, 7.40, 7.36, 6.95, 6.74, 6.62, 6.60,
)  # fmt: skip
LINE_OF_WOMEN = {54: 7.26, 58: 7.22, 62: 7.22}  # no sideburns
RECEDES = {22: 0.5, 30: 1.0, 38: 1.0, 44: 0.4}  # which parts of the line recede
FRINGE_HEIGHT = 7.58  # of a full fringe, just above the brows
FRINGE_THICKNESS = 0.02
ROUGHNESS = 0.020  # dm, of the hairline
FRONT_FADE, NAPE_FADE = 0.10, 0.30  # dm over which hair grows dense
EDGE_STROKES = 9000  # single hairs drawn across the hairline, all around

STRAND_ROWS = 88  # of the strand map, which runs from the crown below the shoulders
STRAND_TOP, STRAND_BOTTOM = 8.60, 5.20
STRAND_CONTRAST = 0.36
STRAND_HEIGHT = 0.0045  # dm
DULLNESS = 0.9  # hair in bulk looks less colourful than a single hair
SHADE = 0.80


@functools.lru_cache(maxsize=LEVELS)
def scalp_layout(level: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Angle in degrees (signed) and height on the canvas of a level."""
    canvas = load_canvas(level)
    return np.degrees(np.arctan2(canvas.x, canvas.z - SCALP_Z)), canvas.y


def hairline(hair: Hair, gender: str, angle) -> np.ndarray:
    """Height of the hairline at angles in degrees around the scalp, 0 in front."""
    away = np.abs(angle)
    line = np.array(LINE)
    for degrees, share in RECEDES.items():
        line[LINE_ANGLES.index(degrees)] += share * hair.receding
    if gender == "female":
        for degrees, height in LINE_OF_WOMEN.items():
            line[LINE_ANGLES.index(degrees)] = height
    height = np.interp(away, LINE_ANGLES, line) + hair.hairline * np.clip(1 - away / 60, 0, 1)
    if hair.fringe > 0:  # hangs lower on the side that it is combed to
        lowest = height + (FRINGE_HEIGHT - height) * hair.fringe
        lowest = lowest + 0.10 * np.sin(np.radians(3 * angle)) * np.sign(hair.sweep)
        fall = ramp(away, 46, 34)
        height = height + np.minimum(lowest - height, 0) * fall
    return height


def growth(person: Person, angle, height) -> np.ndarray:
    """Height above the person's own, slightly ragged hairline; negative on bare skin."""
    noise = _line_noise(person.subject)
    column = (np.asarray(angle) % 360) / 360 * noise.shape[1]
    row = np.clip((height - 6.0) * 20, 0, noise.shape[0] - 1)
    rough = sample(noise[..., None], column.ravel() + 0.5, row.ravel() + 0.5)[:, 0]
    line = hairline(person.hair, person.gender, angle)
    return height - line + ROUGHNESS * rough.reshape(np.shape(angle))


@functools.lru_cache(maxsize=4)
def _line_noise(subject: int) -> np.ndarray:
    return smooth_noise(stream("hairline", subject), (64, 256), 1.6, 3)


def shell(person: Person, basis: HeadBasis) -> np.ndarray:
    """How far hair stands off each fine vertex, in dm of the mean head."""
    x, y, z = basis.rest.T
    angle = np.degrees(np.arctan2(x, z - SCALP_Z))
    cut = CUTS[person.hair.style]
    top = ramp(y, 7.55, 8.25)
    ahead = ramp(np.abs(angle), 120, 20)
    profile = cut.sides + (1 - cut.sides) * top + cut.front * top * ahead
    above = growth(person, angle, y)
    thickness = cut.thickness * person.hair.volume * profile * ramp(above, -0.05, 0.30) ** 0.8
    if person.hair.fringe > 0:  # combed down, it stands off the forehead right at its tips
        on_forehead = ramp(np.abs(angle), 50, 36) * ramp(y, 8.15, 7.95)
        thickness += FRINGE_THICKNESS * on_forehead * ramp(above, -0.03, 0.03)
    lumps = smooth_noise(stream("lumps", person.subject), (48, 96), 3.0, 3)
    lump = sample(lumps[..., None], (angle % 360) / 360 * 95 + 0.5, np.clip((y - 6.5) * 20, 0, 47))
    thickness *= 1 + (0.14 if cut.curtain_end is None and not cut.bun else 0.06) * lump[:, 0]
    return np.clip(thickness, 0, None) * basis.is_skin * (1 - near_ears())


@functools.lru_cache(maxsize=1)
def near_ears() -> np.ndarray:
    """1 at vertices in and around the ears, where no hair grows."""
    basis = load_basis()
    x, y, z = basis.rest.T
    box = (np.abs(x) > 0.765) & (y > 6.8) & (y < 7.4) & (z > 0.30) & (z < 0.75)
    return np.clip(np.maximum(box, basis.masks["ears"]), 0, 1)


def strand_map(person: Person) -> np.ndarray:
    """Light and dark strands (STRAND_ROWS, WIDTH), about -1..1, around the head and downwards."""
    random = stream("strands", person.subject)
    shape = (STRAND_ROWS, WIDTH)
    total = np.zeros(shape, np.float32)
    for share, along, across in ((0.5, 10, 0.8), (0.6, 13, 3.5), (0.5, 11, 16)):
        layer = gaussian_filter(
            random.standard_normal(shape, dtype=np.float32),
            (along, across),
            mode="wrap",
            truncate=3,
        )
        total += share * layer / layer.std()
    return np.clip(0.5 * total / total.std(), -1, 1)


def strands_at(strands: np.ndarray, hair: Hair, angle, height) -> np.ndarray:
    """Sample the strand map at angles in degrees; swept hair leans to one side."""
    lean = hair.sweep * np.degrees(0.35) * (height - 8.0)
    column = ((np.asarray(angle) + lean) % 360) / 360 * (WIDTH - 1)
    row = (STRAND_TOP - height) / (STRAND_TOP - STRAND_BOTTOM) * STRAND_ROWS
    return sample(strands[..., None], column.ravel() + 0.5, row.ravel())[:, 0].reshape(
        np.shape(angle)
    )


def strand_tilt(strands: np.ndarray, hair: Hair, angle, height) -> np.ndarray:
    """Slope of the strands' relief sideways, towards larger angles (degrees)."""
    step = 0.35  # degrees, about half a fine strand
    ahead = strands_at(strands, hair, angle + step, height)
    behind = strands_at(strands, hair, angle - step, height)
    return STRAND_HEIGHT * (ahead - behind) / (2 * np.radians(step))


def bulk_colour(hair: Hair, strand) -> np.ndarray:
    """Colour (..., 3) of hair with the given strand value."""
    grey = hair.colour.mean()
    colour = (grey + (hair.colour - grey) * DULLNESS) * SHADE
    return np.clip(colour * (1 + STRAND_CONTRAST * np.asarray(strand)[..., None]), 0.004, 1).astype(
        np.float32
    )


def paint_hair(person: Person, strands: np.ndarray, canvas: Canvas):
    """Cover 0..1, colour (..., 3) and relief in dm of the hair on the canvas."""
    angle, height = scalp_layout(canvas.level)
    above = growth(person, angle, height)
    strand = strands_at(strands, person.hair, angle, height)
    fade = np.where(np.abs(angle) > 78, NAPE_FADE, FRONT_FADE)
    cover = np.clip((above + 0.03) / fade, 0, 1)
    cover = ramp(cover + 0.25 * strand * (4 * cover * (1 - cover)), 0.2, 0.8)
    edge = _edge_hairs(person, canvas)
    cover = np.maximum(cover, edge).astype(np.float32)
    relief = (STRAND_HEIGHT * strand * cover).astype(np.float32)
    return cover, bulk_colour(person.hair, strand), relief


def _edge_hairs(person: Person, canvas: Canvas) -> np.ndarray:
    """Single hairs across the hairline: combed back from it, or down where a fringe hangs."""
    random = stream("edge", person.subject)
    hair = person.hair
    half_in_front = np.where(random.random(EDGE_STROKES) < 0.5, 50, 180)
    angles = random.uniform(-1, 1, EDGE_STROKES) * half_in_front
    line = hairline(hair, person.gender, angles)
    bare = hairline(replace(hair, fringe=0.0), person.gender, angles)
    hangs = line < bare - 0.02
    root = line + random.gamma(2.0, 0.022, EDGE_STROKES) - 0.03 + 0.06 * hangs
    short = {"buzz": 0.35, "short": 0.7}.get(hair.style, 1.0)
    length = random.uniform(0.05, 0.15, EDGE_STROKES) * short * np.where(hangs, -1.3, 1)
    lean = random.normal(0, 0.25, EDGE_STROKES) + 0.6 * hair.sweep
    # The scalp's axis is not the canvas's: find the columns where these angles lie.
    starts = np.stack([canvas_column(angles, root), row_of(root)], 1)
    stops = starts + np.stack([length * np.sin(lean), -length * np.cos(lean)], 1) * 235
    strength = random.uniform(0.4, 1.0, EDGE_STROKES)
    return canvas.strokes(starts, stops, strength, width=1.2)


def canvas_column(angles, heights) -> np.ndarray:
    """Canvas column of the skin at angles in degrees around the scalp's axis."""
    layout, _ = scalp_layout()
    columns = np.empty(len(angles))
    rows = np.clip(row_of(heights), 0, HEIGHT - 1).astype(int)
    for row in np.unique(rows // 8):
        here = rows // 8 == row
        known = np.maximum.accumulate(layout[min(row * 8 + 4, HEIGHT - 1)])
        columns[here] = np.interp(angles[here], known, np.arange(WIDTH) + 0.5)
    return columns
