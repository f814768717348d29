"""The eyes: sclera, iris and pupil, the lids' shadow, the lamps' reflections, and the lashes."""

from __future__ import annotations

import functools

import numpy as np

from tinyvgg.faces.synthetic.paint import blend, dot, ramp, sample, smooth_noise, stream
from tinyvgg.faces.synthetic.person.basis import load_basis
from tinyvgg.faces.synthetic.person.identity import Person

IRIS_ANGLE = 25.0  # degrees from the axis to the iris's border
PUPIL_ANGLE = 9.5
WIDE_PUPIL_ANGLE = 11.5  # in fear and surprise
RIM_ANGLE = 14.5  # how far the colour around the pupil reaches
SCLERA = np.array([0.62, 0.585, 0.56], np.float32)
VEINS = np.array([0.08, 0.30, 0.30], np.float32)  # absorbed towards the corners
CARUNCLE = np.array([0.40, 0.17, 0.14], np.float32)
PUPIL = np.float32(0.005)
# Shadow of the lids, by the distance from their edges in radii of the eyeball.
UPPER_SHADOW, UPPER_REACH = 0.62, 0.26
LOWER_SHADOW, LOWER_REACH = 0.22, 0.14
# The cornea stands out of the eyeball: near the axis its normal turns faster.
CORNEA_ANGLE = np.radians(26)
CORNEA_BULGE = 0.55
REFLECTIONS = (1.3, 0.22)  # of the two front lamps
REACH_DOWN = np.array([1.0, 0.5, 1.0], np.float32)  # soft boxes are tall: so far down do they shine
LAMP_RADII = ((5.2, 4.0), (3.4, 2.0))  # degrees on the mirroring surface: border, full strength
TEARS = 0.16  # light of the wet line on the lower lid
FIBRES = (24, 256)  # rows and columns of the iris's pattern
# The lashes are strips of the mesh, cut into single hairs.
LASHES = 760.0  # radians per dm along the lid
LASH_ROOTS = 1.13  # from the eyeball's centre, in its radii
SOLID_LASH = 0.13  # share of the strip that is closed


@functools.lru_cache(maxsize=2)
def _fibres(subject: int) -> np.ndarray:
    """Radial fibres (FIBRES, deviation 1) and slow changes around the iris (FIBRES), stacked."""
    random = stream("iris", subject)
    white = random.standard_normal(FIBRES, dtype=np.float32)
    fine = np.cumsum(white, 0) / np.sqrt(1 + np.arange(FIBRES[0]))[:, None]
    slow = smooth_noise(random, FIBRES, 12, 2)
    return np.stack([fine.astype(np.float32), slow], -1)


def paint_eye(
    person: Person,
    emotion: str,
    outward: np.ndarray,
    gaze: np.ndarray,
    lids: np.ndarray | None = None,
    inner: np.ndarray | float = 0.0,
    key: np.ndarray | None = None,
) -> np.ndarray:
    """Colours (n, 3) at points of the unit eyeball.

    Parameters
    ----------
    outward : (n, 3)
        The points, as directions from the ball's centre.
    gaze : (3,) or (3, n)
        Direction of the pupil.
    lids : (2, 3) or (2, 3, n), optional
        Heights of the upper and of the lower lid's edge as polynomials of x, see `lid_edges`.
    inner : float or (n,)
        Sign of x towards the nose; 0 leaves out the inner corner.
    key : (3,), optional
        Direction of the main lamp, whose light the cornea gathers on the iris's other side.
    """
    look = person.complexion
    angle = np.degrees(np.arccos(np.clip(dot(outward, gaze), -1, 1)))
    x, y, z = gaze.astype(float)
    level = np.sqrt(x * x + z * z)
    # Across the iris: a level direction, and one at right angles to it and to the gaze.
    sideways = z / level, 0, -x / level
    upwards = y * sideways[2], z * sideways[0] - x * sideways[2], -y * sideways[0]
    turn = np.arctan2(dot(outward, upwards), dot(outward, sideways))
    pupil = WIDE_PUPIL_ANGLE if emotion in ("fearful", "surprised") else PUPIL_ANGLE

    share = np.clip((angle - pupil) / (IRIS_ANGLE - pupil), 0, 1)  # from the pupil outwards
    column = (turn / (2 * np.pi) + 0.5) * FIBRES[1]
    pattern = sample(_fibres(person.subject), column, share * (FIBRES[0] - 1) + 0.5)
    light = np.exp(0.20 * pattern[:, 0] * ramp(share, 0, 0.25) + 0.10 * pattern[:, 1])
    iris = look.iris.astype(np.float32) * light[:, None]
    rim = ramp(angle + 1.6 * pattern[:, 0], RIM_ANGLE + 2.5, RIM_ANGLE - 2.0) * 0.55
    iris = blend(iris, look.iris_rim * light[:, None], rim)
    if key is not None:
        across = np.sin(np.radians(IRIS_ANGLE))
        away = -(dot(outward, key) - dot(np.atleast_2d(gaze.T), key)) / across
        iris = iris * (1 + 0.65 * ramp(away, 0.0, 0.9) * ramp(angle, pupil, pupil + 6))[:, None]
    ring = look.iris_ring * ramp(angle, IRIS_ANGLE - 6.0, IRIS_ANGLE - 0.5)
    iris = iris * (1 - ring)[:, None]

    corner = ramp(np.abs(outward[:, 0]), 0.30, 0.95)
    sclera = SCLERA * np.exp(-corner[:, None] * VEINS)
    sclera = sclera * (1 - 0.18 * ramp(angle, 28, 65))[:, None]
    sclera = blend(sclera, CARUNCLE, 0.9 * ramp(outward[:, 0] * inner, 0.66, 0.84))
    colour = blend(sclera, iris, ramp(angle, IRIS_ANGLE + 1.5, IRIS_ANGLE - 1.5))
    colour = blend(colour, PUPIL, ramp(angle, pupil + 1.0, pupil - 1.0))
    if lids is not None:
        above, below = lid_distances(outward, lids)
        shadow = 1 - UPPER_SHADOW * np.exp(-((above / UPPER_REACH) ** 2))
        shadow *= 1 - LOWER_SHADOW * np.exp(-((below / LOWER_REACH) ** 2))
        colour = colour * shadow[:, None]
    return colour.astype(np.float32)


def lid_edges(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Heights over x (2, 3) of the lids' edges, from points (n, 3) of each on the unit eyeball."""
    return np.stack([np.polyfit(points[:, 0], points[:, 1], 2) for points in (upper, lower)])


def lid_distances(outward: np.ndarray, lids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far (n,), in radii of the ball, points lie below the upper and above the lower lid.

    `lids` are those of `paint_eye`.
    """
    upper, lower = (np.polyval(edge, outward[:, 0]) for edge in lids)
    height = outward[:, 1]
    return np.clip(upper - height, 0, None), np.clip(height - lower, 0, None)


def eye_reflections(outward, gaze, views, film, light, lids=None) -> np.ndarray:
    """Mirror images (n,) of the front lamps on the cornea, and the wet line on the lower lid.

    Each point is seen from that one of the `views` (films, 3) which `film` (n,) tells.
    """
    from_axis = np.arccos(np.clip(dot(outward, gaze), -1, 1))
    bulge = CORNEA_BULGE * np.clip(1 - from_axis / CORNEA_ANGLE, 0, 1)
    normal = outward + bulge[:, None] * (outward - gaze.T)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    total = np.zeros(len(outward), np.float32)
    for (direction, _), strength, radii in zip(light, REFLECTIONS, LAMP_RADII, strict=False):
        lowered = direction * REACH_DOWN
        lowered = lowered / np.linalg.norm(lowered)
        middles = [lowered + view for view in views]
        middle = np.stack([each / np.linalg.norm(each) for each in middles], 1)
        border, full = np.cos(np.radians(radii))
        total += strength * ramp(dot(normal, middle.take(film, 1)), border, full)
    if lids is not None:
        above, below = lid_distances(outward, lids)
        total *= ramp(above, 0.0, 0.08)  # the lashes hide the lamps
        total += TEARS * np.exp(-((below / 0.045) ** 2)) * ramp(outward[:, 2], 0.3, 0.7)
    return total


@functools.lru_cache(maxsize=1)
def lash_layout() -> np.ndarray:
    """Place along the lid (dm), share from root to tip, and 1 on the upper lid; per vertex."""
    basis = load_basis()
    here = basis.fine.vertices_of("lash")
    layout = np.zeros((len(basis.rest), 3))
    for side, (centre, _) in basis.eyeballs(basis.vertices).items():
        own = here[(basis.rest[here, 0] > 0) == (side == "left")]
        distance = np.linalg.norm(basis.rest[own] - centre, axis=1)
        layout[own, 0] = basis.rest[own, 0]
        layout[own, 1] = (distance - distance.min()) / np.ptp(distance)
        layout[own, 2] = basis.rest[own, 1] > centre[1] + 0.015
    return layout


@functools.lru_cache(maxsize=2)
def lash_roots(side: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the strips on the edges of the upper and of the lower lid."""
    basis = load_basis()
    centre, radius = basis.eyeballs(basis.vertices)[side]
    layout = lash_layout()
    lash = basis.fine.vertices_of("lash")
    away = np.linalg.norm(basis.rest[lash] - centre, axis=1)
    roots = lash[away < LASH_ROOTS * radius]
    upper = layout[roots, 2] > 0.5
    return roots[upper], roots[~upper]


def is_gap(layout: np.ndarray, fullness: float) -> np.ndarray:
    """Which points (n, 3) of the strips lie between or beyond the hairs."""
    along, out, upper = layout.T
    phase = LASHES * along + 1.6 * np.sin(53 * along) + 1.1 * np.sin(171 * along)
    hairs = np.sin(phase + 14 * out) > -0.45 + 2.9 * out
    longest = (0.20 + 0.26 * fullness) * (0.85 + 0.15 * np.sin(0.37 * phase))
    upper_hair = (out < SOLID_LASH) | ((out < longest) & hairs)
    lower_hair = out < 0.03 + 0.05 * fullness
    return ~np.where(upper > 0.5, upper_hair, lower_hair)
