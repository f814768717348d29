"""Painting a person's skin on the canvas: tone, blush, freckles, moles, beard, brows."""

from __future__ import annotations

import functools

import numpy as np

from .canvas import LEVELS, WIDTH, Canvas, curve, load_canvas, row_of
from .identity import Person
from .paint import blend, bump, ramp, stream

# How strongly a unit of each pigment swallows red, green and blue (natural logarithm).
BLOOD = np.array([0.04, 0.26, 0.20], np.float32)
SHADOW = np.array([0.14, 0.22, 0.20], np.float32)
FRECKLE = np.array([0.30, 0.52, 0.70], np.float32)
MOLE = np.array([0.9, 1.3, 1.6], np.float32)

PORE_HEIGHT = 0.00022  # dm
STUBBLE_HEIGHT = 0.0012
FRECKLES = 420
BROW_HALF_WIDTH = 0.038  # dm
BROW_HAIRS = 420  # on each side
SHIRT = np.array([0.016, 0.016, 0.017], np.float32)
# Height of the shirt's collar by angle in degrees from straight ahead.
COLLAR = ((0, 40, 90, 180), (5.66, 5.74, 5.84, 5.95))
# Upper border of the beard by angle: from the moustache down the cheek and up to the sideburn.
BEARD_LINE = (
    (0, 10, 16, 24, 36, 50, 62, 72, 84),
    (6.86, 6.85, 6.80, 6.66, 6.62, 6.70, 6.90, 7.20, 7.30),
)
BEARD_HAIRS = 24000  # tried; those within the beard grow
SKIN_GLOSS, LIP_GLOSS, HAIR_GLOSS = 0.26, 0.60, 0.0


@functools.lru_cache(maxsize=LEVELS)
def face_masks(level: int) -> dict[str, np.ndarray]:
    """Soft regions of the rest face, 0..1, the same for everybody."""
    canvas = load_canvas(level)
    x, y, z = np.abs(canvas.x), canvas.y, canvas.z
    front = ramp(z, 0.55, 0.95)
    cheeks = 0.9 * bump(x, y, (0.42, 6.92), (0.24, 0.20))
    nose = 0.8 * bump(x, y, (0, 6.93), (0.13, 0.14))
    chin = 0.3 * bump(x, y, (0, 6.40), (0.20, 0.10))
    shine = 0.22 * bump(x, y, (0, 7.0), (0.10, 0.25)) + 0.15 * bump(x, y, (0, 7.75), (0.4, 0.15))
    return {
        "front": front,
        "blush": (cheeks + nose + chin) * front,
        "sockets": bump(x, y, (0.30, 7.25), (0.20, 0.10)) * front,
        "shine": shine * front,
        "beard": _beard_region(canvas),
    }


def _beard_region(canvas: Canvas) -> np.ndarray:
    x, y, z = np.abs(canvas.x), canvas.y, canvas.z
    angle = np.abs(np.degrees(canvas.angle))
    border = np.interp(angle, *BEARD_LINE)
    region = ramp(border - y, -0.04, 0.07)
    region *= ramp(y, 5.98, 6.20) * ramp(z, 0.42, 0.62)
    bare_below_lip = 1 - 0.55 * bump(x, y, (0.10, 6.44), (0.05, 0.03))
    nose = 1 - bump(x, y, (0, 6.93), (0.20, 0.10))
    return region * bare_below_lip * nose


def paint_skin(person: Person, canvas: Canvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour (H, W, 3), gloss (H, W) and relief in dm (H, W) on the canvas."""
    masks = face_masks(canvas.level)
    pores, blotches = canvas.noise("pores", 1.6, 2), canvas.noise("blotches", 22, 3)
    front = masks["front"]

    blood = masks["blush"] * (0.8 * person.redness) + 0.05 * person.redness * blotches * front
    absorbed = np.clip(blood, -0.3, 1.5)[..., None] * BLOOD
    absorbed += (masks["sockets"] * (0.35 + 0.8 * person.eye_shadow))[..., None] * SHADOW
    absorbed -= (0.010 * pores * front + 0.02 * blotches)[..., None]
    if person.freckles > 0.05:
        absorbed += (_paint_freckles(person, canvas) * front * person.freckles)[..., None] * FRECKLE
    if person.moles:
        absorbed += _paint_moles(person, canvas)[..., None] * MOLE
    colour = person.skin.astype(np.float32) * np.exp(-absorbed)
    relief = PORE_HEIGHT * (0.6 if person.is_child else 1.0) * pores * front

    if person.beard > 0:
        stubble = np.clip(0.85 + 0.22 * pores, 0, 1.5)
        cover = np.clip(0.75 * person.beard * masks["beard"] * stubble, 0, 0.85)
        if person.beard > 0.5:  # long enough to show single hairs
            hairs = _paint_beard_hairs(person, canvas, masks["beard"])
            cover = 1 - (1 - cover) * (1 - 0.75 * hairs)
        colour = blend(colour, (0.75 * person.hair.colour).astype(np.float32), cover)
        relief += STUBBLE_HEIGHT * np.clip(person.beard, 0, 1) * masks["beard"] * pores
    brows = paint_brows(person, canvas) * np.float32(0.93)
    colour = blend(colour, person.brows.colour.astype(np.float32), brows)
    angle = np.abs(np.degrees(canvas.angle))
    shirt = ramp(np.interp(angle, *COLLAR) - canvas.y, 0, 0.02).astype(np.float32)
    colour = blend(colour, SHIRT, shirt)
    gloss = (SKIN_GLOSS + masks["shine"]) * (1 - shirt)
    return colour.astype(np.float32), gloss.astype(np.float32), relief.astype(np.float32)


def _paint_freckles(person: Person, canvas: Canvas) -> np.ndarray:
    random = stream("freckles", person.subject)
    x = np.clip(random.normal(0, 0.32, FRECKLES), -0.75, 0.75)
    places = canvas.place(x, random.normal(7.0, 0.16, FRECKLES))
    return canvas.spots(*places, random.uniform(0.4, 1, FRECKLES), 1.3, 9)


def _paint_moles(person: Person, canvas: Canvas) -> np.ndarray:
    random = stream("moles", person.subject)
    x = random.uniform(0.12, 0.6, person.moles) * random.choice([-1, 1], person.moles)
    places = canvas.place(x, random.uniform(6.3, 7.8, person.moles))
    return canvas.spots(*places, np.ones(person.moles), 1.5, 14)


def _paint_beard_hairs(person: Person, canvas: Canvas, region: np.ndarray) -> np.ndarray:
    """Short strokes that grow downwards within the region."""
    random = stream("beard", person.subject)
    columns = random.uniform(WIDTH * 0.2, WIDTH * 0.8, BEARD_HAIRS)
    rows = random.uniform(row_of(7.5), row_of(5.95), BEARD_HAIRS)
    grows = random.random(BEARD_HAIRS) < region[canvas.texels(columns, rows)]
    starts = np.stack([columns, rows], 1)[grows]
    lean = random.normal(0, 0.45, len(starts))
    length = random.uniform(5, 11, len(starts))[:, None]
    stops = starts + length * np.stack([np.sin(lean), np.cos(lean)], 1)
    return canvas.strokes(starts, stops, random.uniform(0.35, 0.9, len(starts)))


def paint_brows(person: Person, canvas: Canvas) -> np.ndarray:
    """Cover 0..1 (H, W) of both eyebrows, hair by hair."""
    brows = person.brows
    random = stream("brows", person.subject)
    count = int(BROW_HAIRS * brows.density)
    arch, lift = brows.arch, brows.lift
    middle = curve(
        [
            (0.130 + brows.gap, 7.430 + lift),
            (0.26, 7.462 + lift + 0.010 * arch),
            (0.42, 7.482 + lift + 0.022 * arch),
            (0.50, 7.462 + lift + 0.015 * arch),
            (0.59, 7.402 + lift),
        ],
        60,
    )
    share = np.linspace(0, 1, 60)  # from the nose outwards
    profile = np.interp(share, [0, 0.12, 0.35, 0.65, 1], [0.5, 0.9, 1, 0.7, 0.18])
    half_width = BROW_HALF_WIDTH * brows.thickness * profile
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    starts: list[np.ndarray] = []
    stops: list[np.ndarray] = []
    for side in (1, -1):
        at = random.integers(0, 60, count)
        off = random.uniform(-1, 1, count)  # across the brow, upper border +1
        root = middle[at] + across[at] * (off * half_width[at])[:, None]
        # Hairs stand up near the nose and lie down outwards; upper ones lean to the middle.
        lean = np.interp(at, [0, 10, 25, 45, 59], [75, 48, 22, -2, -22]) - 16 * off
        lean = np.radians(lean + random.normal(0, 9, count))
        length = random.uniform(0.045, 0.085, count) * (0.6 + 0.4 * brows.thickness)
        length *= np.interp(at, [0, 12, 50, 59], [0.7, 1, 0.9, 0.6])
        tip = root + length[:, None] * np.stack([np.cos(lean), np.sin(lean)], 1)
        for points, ends in ((starts, root), (stops, tip)):
            points.append(np.stack(canvas.place(side * ends[:, 0], ends[:, 1]), 1))
    strength = random.uniform(0.55, 1.0, 2 * count)
    hairs = np.clip(
        1.2 * canvas.strokes(np.concatenate(starts), np.concatenate(stops), strength), 0, 1
    )
    rows = slice(*(int(row_of(height)) // canvas.shrink for height in (8.0, 7.0)))
    shade = np.zeros_like(hairs)  # short hair and shadow between the drawn ones
    shade[rows] = 0.5 * canvas.blur(hairs[rows], 3)
    return 1 - (1 - hairs) * (1 - shade)
