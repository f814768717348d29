"""Painting a person's skin on the canvas: tone, zones, marks, pores; beard, brows and shirt."""

from __future__ import annotations

import functools

import numpy as np

from tinyvgg.faces.synthetic.canvas import LEVELS, TEXELS_PER_DM, WIDTH, Canvas, load_canvas, row_of
from tinyvgg.faces.synthetic.hair.facial import paint_beard, paint_brows
from tinyvgg.faces.synthetic.paint import blend, bump, ramp, smooth_noise, stream
from tinyvgg.faces.synthetic.person.identity import Person

# How strongly a unit of each pigment swallows red, green and blue (natural logarithm).
BLOOD = np.array([0.05, 0.27, 0.21], np.float32)
YELLOW = np.array([0.00, 0.03, 0.15], np.float32)
VEIN = np.array([0.16, 0.13, 0.07], np.float32)  # bluish: under the eyes, shaven hair
MELANIN = np.array([0.30, 0.52, 0.70], np.float32)
MOLE = np.array([0.9, 1.3, 1.6], np.float32)

PORE_HEIGHT = 0.00042  # dm
TEXTURE_HEIGHT = 0.0004
STUBBLE_HEIGHT = 0.0016
GRAIN = {  # scale in dm, octaves
    "pores": (0.0055, 1),
    "texture": (0.011, 2),
    "mottles": (0.050, 3),
    "blotches": (0.16, 2),
}
FRECKLES = 520
SHIRT = np.array([0.016, 0.016, 0.017], np.float32)
# Height of the shirt's collar by angle in degrees from straight ahead.
COLLAR = ((0, 40, 90, 180), (5.68, 5.75, 5.84, 5.95))
COLLAR_WIDTH, COLLAR_HEIGHT = 0.06, 0.012  # dm; it ends above the canvas's bottom
SKIN_GLOSS, LIP_GLOSS = 0.22, 0.38
LIP_LINES = np.array([0.06, 0.05, 0.03], np.float32)  # absorbed by the fine lines across them
LIP_LINE_HEIGHT = 0.0012


def skin_grain(person: Person, canvas: Canvas) -> dict[str, np.ndarray]:
    """Noise (H, W) of deviation 1: everybody's is the same, but turned round the head."""
    steps = WIDTH >> (LEVELS - 1)  # columns of the coarsest canvas
    turn = int(stream("grain", person.subject).integers(steps)) * canvas.shape[1] // steps
    return {
        name: np.roll(canvas.noise(f"skin {name}", scale * TEXELS_PER_DM, octaves), turn, 1)
        for name, (scale, octaves) in GRAIN.items()
    }


@functools.lru_cache(maxsize=LEVELS)
def face_zones(level: int) -> dict[str, np.ndarray]:
    """Soft regions of the rest face, float32 0..1, the same for everybody."""
    canvas = load_canvas(level)
    x, y, z = np.abs(canvas.x), canvas.y, canvas.z
    front = ramp(z, 0.55, 0.95)
    cheeks = bump(x, y, (0.40, 6.93), (0.22, 0.17))
    nose = bump(x, y, (0, 6.93), (0.12, 0.11)) + 0.6 * bump(x, y, (0.15, 6.90), (0.06, 0.07))
    zones = {
        "front": front,
        "cheeks": cheeks * front,
        "nose": nose * front,
        "redder": (
            0.35 * bump(x, y, (0, 6.38), (0.18, 0.10))  # chin
            + 0.45 * bump(x, y, (0.20, 6.80), (0.06, 0.10))  # beside the nose
            + 0.25 * bump(x, y, (0, 7.42), (0.08, 0.12))  # between the brows
            + 0.35 * bump(x, y, (0.30, 7.30), (0.17, 0.055))  # lids
        )
        * front,
        "yellower": (
            bump(x, y, (0, 7.78), (0.60, 0.25)) + 0.6 * bump(x, y, (0.14, 6.62), (0.16, 0.09))
        )
        * front
        + 0.5 * ramp(y, 6.25, 5.95),
        "under eyes": (
            0.7 * bump(x, y, (0.27, 7.145), (0.15, 0.040))
            + 0.6 * bump(x, y, (0.145, 7.22), (0.05, 0.06))
        )
        * front,
        "sockets": bump(x, y, (0.28, 7.28), (0.20, 0.09)) * front,
        "tanned": (
            0.6 * bump(x, y, (0, 7.72), (0.55, 0.22))
            + 0.9 * bump(x, y, (0, 7.0), (0.13, 0.25))
            + 0.7 * bump(x, y, (0.42, 7.02), (0.2, 0.12))
        )
        * front,
        "shine": (
            0.9 * bump(x, y, (0, 7.05), (0.07, 0.28))
            + 0.5 * bump(x, y, (0, 7.75), (0.40, 0.15))
            + 0.5 * bump(x, y, (0.38, 7.06), (0.14, 0.07))
            + 0.4 * bump(x, y, (0, 6.38), (0.12, 0.08))
            - 0.5 * bump(x, y, (0.5, 6.7), (0.25, 0.2))
        )
        * front,
        "open pores": (bump(x, y, (0, 6.98), (0.20, 0.16)) + 0.7 * cheeks) * front,
        # Below the chin the canvas is stretched; noise would become streaks there.
        "even": 1 - 0.75 * ramp(y, 6.36, 6.22) * ramp(y, 5.7, 6.0) * ramp(z, 0.2, 0.5),
        "mouth": bump(x, y, (0, 6.585), (0.30, 0.10)) * front,
    }
    return {name: zone.astype(np.float32) for name, zone in zones.items()}


def paint_skin(person: Person, canvas: Canvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour (H, W, 3), gloss (H, W) and relief in dm (H, W) on the canvas."""
    look, zones = person.complexion, face_zones(canvas.level)
    grain = skin_grain(person, canvas)
    front = zones["front"]
    for name in ("mottles", "blotches", "texture"):
        grain[name] *= zones["even"]

    absorbed = np.zeros((3, *canvas.shape), np.float32)

    def absorb(amount: np.ndarray, pigment: np.ndarray):
        for channel, strength in zip(absorbed, pigment.tolist(), strict=True):
            channel += amount * np.float32(strength)

    flush = 1 + 0.22 * grain["mottles"]  # blood shows in patches
    blood = 0.75 * look.redness * zones["cheeks"] * flush + look.redness * zones["redder"]
    blood += (0.55 * look.redness + 0.8 * look.ruddy_nose) * zones["nose"]
    blood += look.mottling * (0.085 * grain["mottles"] + 0.05 * grain["blotches"])
    absorb(blood, BLOOD)
    absorb(look.sallow * zones["yellower"] + 0.06 * grain["blotches"], YELLOW)
    dark = (0.25 + 1.1 * look.eye_shadow) * zones["under eyes"]
    dark += (0.05 + 0.35 * look.eye_shadow) * zones["sockets"]
    absorb(dark, VEIN)
    brown = look.tan * 0.30 * zones["tanned"]
    brown += look.mottling * 0.022 * (0.6 * grain["mottles"] + grain["texture"])
    brown += 0.022 * zones["open pores"] * grain["pores"] * (0.4 if person.is_child else 1)
    absorb(brown, MELANIN)
    _paint_marks(person, canvas, absorbed)
    lip_lines = zones["mouth"] * _lip_lines(person, canvas)
    absorb(lip_lines, LIP_LINES)

    relief = TEXTURE_HEIGHT * (0.5 if person.is_child else 0.8 + person.age) * grain["texture"]
    relief += PORE_HEIGHT * (0.4 if person.is_child else 1) * zones["open pores"] * grain["pores"]
    relief += LIP_LINE_HEIGHT * lip_lines
    relief *= front

    hairs = None
    if person.gender == "male" and not person.is_child:
        shadow, hairs = paint_beard(person, canvas, grain["pores"])
        # The darker the hair, the bluer a shaven jaw.
        depth = 1.55 * np.exp(-9 * float(look.hair.mean()))
        absorb(shadow * depth, VEIN)
    colour = (look.skin.astype(np.float32)[:, None, None] * np.exp(-absorbed)).transpose(1, 2, 0)
    if hairs is not None:
        colour = blend(colour, look.beard.colour.astype(np.float32), hairs)
        relief += STUBBLE_HEIGHT * hairs
    brows = paint_brows(person, canvas)
    colour = blend(colour, look.brows.colour.astype(np.float32), brows)

    gloss = (SKIN_GLOSS + 0.20 * zones["shine"]) * np.float32(look.shine)
    gloss *= np.clip(
        1 + 0.22 * grain["texture"] + 0.22 * grain["pores"] * zones["open pores"], 0, 2
    )
    gloss *= 1 - brows
    if hairs is not None:
        gloss *= 1 - 0.85 * hairs
    return _dress(canvas, np.ascontiguousarray(colour), gloss, relief)


def _dress(canvas: Canvas, colour, gloss, relief):
    """A black T-shirt, with the ribbed seam of its collar."""
    rows = slice(int(row_of(6.02)) // canvas.shrink, None)
    angle = np.abs(np.degrees(canvas.angle[rows]))
    below = np.interp(angle, *COLLAR).astype(np.float32) - canvas.y[rows]
    shirt = ramp(below, 0, 0.012).astype(np.float32)
    seam = ramp(below, 0, 0.012) * ramp(below, COLLAR_WIDTH, COLLAR_WIDTH - 0.012)
    colour[rows] = blend(colour[rows], SHIRT * (1 + 0.5 * seam[..., None]), shirt)
    gloss[rows] *= 1 - shirt
    relief[rows] = relief[rows] * (1 - shirt) + (COLLAR_HEIGHT * seam).astype(np.float32)
    return colour.astype(np.float32), gloss.astype(np.float32), relief.astype(np.float32)


def _lip_lines(person: Person, canvas: Canvas) -> np.ndarray:
    """Noise (1, W) that varies along the lips only."""
    noise = smooth_noise(stream("lips", person.subject), (8, WIDTH), 0.006 * TEXELS_PER_DM, 2)
    return noise[0].reshape(1, -1, canvas.shrink).mean(-1)


def _paint_marks(person: Person, canvas: Canvas, absorbed: np.ndarray) -> None:
    """Add freckles, moles, blemishes, age spots and a scar to what is absorbed, in place."""
    look = person.complexion
    random = stream("marks", person.subject)
    stamp = functools.partial(_stamp, canvas, absorbed, random)
    if look.freckles > 0.04:
        count = int(FRECKLES * (0.3 + 0.7 * look.freckles))
        x = np.clip(random.normal(0, 0.30, count), -0.78, 0.78)
        y = random.normal(7.02, 0.15, count) + 0.06 * random.normal(size=count)
        radii = 0.0045 + 0.0050 * random.random(count) ** 2
        stamp(x, y, radii, (0.25 + 0.75 * look.freckles) * random.uniform(0.2, 1, count), MELANIN)
    if count := look.moles:
        x = random.uniform(0.10, 0.68, count) * random.choice([-1, 1], count)
        y, radii = random.uniform(6.15, 7.85, count), random.uniform(0.0045, 0.0085, count)
        stamp(x, y, radii, random.uniform(0.5, 1.0, count), MOLE)
    if count := look.blemishes:
        x = random.normal(0, 0.35, count).clip(-0.7, 0.7)
        y = random.choice([6.5, 7.0, 7.75], count) + random.normal(0, 0.12, count)
        radii = random.uniform(0.006, 0.014, count)
        stamp(x, y, radii, random.uniform(0.5, 1.6, count), BLOOD)
    if count := look.age_spots:
        x = random.choice([-1, 1], count) * random.uniform(0.25, 0.8, count)
        y, radii = random.uniform(6.9, 7.9, count), random.uniform(0.010, 0.028, count)
        stamp(x, y, radii, random.uniform(0.1, 0.35, count), MELANIN)
    if look.scarred:
        start = np.array(
            [random.choice([-1, 1]) * random.uniform(0.15, 0.5), random.choice([6.55, 7.0, 7.6])]
        )
        turn = random.uniform(0, np.pi)
        step = np.linspace(0, random.uniform(0.05, 0.12), 24)[:, None]
        line = start + step * [np.cos(turn), np.sin(turn)]
        radii, strengths = np.full(24, 0.0045), np.full(24, -0.10)
        stamp(line[:, 0], line[:, 1], radii, strengths, BLOOD + 0.3 * MELANIN)


def _stamp(canvas: Canvas, absorbed, random, x, y, radii, strengths, pigment) -> None:
    """Add soft, slightly oval spots to what is absorbed (3, H, W); places and radii in dm."""
    height, width = canvas.shape
    places = zip(*canvas.place(x, y), radii, strengths, strict=True)
    for column, row, radius, strength in places:
        column, row, exact = (
            value / canvas.shrink for value in (column, row, radius * TEXELS_PER_DM)
        )
        radius = max(exact, 0.75)  # smaller spots than texels are paler
        oval, turn = random.uniform(0.75, 1.3), random.uniform(0, np.pi)
        reach = int(np.ceil(1.8 * radius)) + 1
        left, top = int(column) - reach, int(row) - reach
        if left < 0 or top < 0 or left + 2 * reach >= width or top + 2 * reach >= height:
            continue
        step = np.arange(2 * reach + 1) + 0.5
        x, y = (step - (column - left))[None], (step - (row - top))[:, None]
        across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        spot = np.exp(-((((across * oval) ** 2 + (along / oval) ** 2) / radius**2) ** 1.5))
        window = absorbed[:, top : top + len(step), left : left + len(step)]
        window += (strength * (exact / radius) ** 2 * spot)[None] * pigment[:, None, None]
