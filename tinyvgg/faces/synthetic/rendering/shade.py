"""Light: the studio's lamps and their shadows, occlusion, gloss, and the tone curve.

All directions are in the studio's axes (the subject looks along z), so that the five cameras
see one and the same light.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.ndimage import gaussian_filter

from tinyvgg.faces.synthetic.paint import dot, halve, ramp, rgb, sample
from tinyvgg.faces.synthetic.rendering.camera import Rig


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    azimuth, elevation = np.radians(azimuth), np.radians(elevation)
    ahead = np.cos(elevation)
    return np.array([np.sin(azimuth) * ahead, np.sin(elevation), np.cos(azimuth) * ahead])


# Azimuth and elevation in degrees, colour, strength. Two soft boxes in front, one on each side
# so that the profiles are lit too, one above and behind for the hair.
LAMPS = (
    (36, 36, (1.0, 0.985, 0.96), 1.02),
    (-40, 18, (0.95, 0.97, 1.0), 0.46),
    (94, 28, (1.0, 0.99, 0.97), 0.26),
    (-94, 28, (0.97, 0.98, 1.0), 0.30),
    (180, 50, (1.0, 1.0, 1.0), 0.16),
)
CASTING_LAMPS = 2  # those whose shadows are seen
FRONT_LAMPS = 4  # those that leave highlights
AMBIENT_BELOW, AMBIENT_ABOVE = 0.14, 0.34
BOUNCE = np.array([0.07, 0.055, 0.05], np.float32)  # from the subject's own chest
# Skin lets light through: how far around the terminator each colour reaches.
SKIN_WRAP = np.array([0.42, 0.26, 0.19], np.float32)
EYE_WRAP = np.array([0.25, 0.25, 0.25], np.float32)
OCCLUSION_TINT = np.array([0.75, 1.0, 1.05], np.float32)  # shadowed skin turns red
# Radius (in eye-chin distances), strength and limit of each scale of occlusion.
OCCLUSION = ((0.030, 7.5, 0.14), (0.10, 3.3, 0.30), (0.30, 0.50, 0.34))
WIDEST_BLUR = 2.5  # pixels; for wider ones the picture is halved first
EXPOSURE = 0.82
SHOULDER = 0.72  # linear light above this is compressed
BACKGROUND = rgb(238, 238, 240).astype(np.float32)
# Soft shadows of the front lamps: nose on cheek, brow on eye, chin on neck, hair on brow. They are
# worked out once per shot, at the vertices: all cameras see the same ones, and between vertices
# they are interpolated like everything else.
SHADOW_TEXEL = 0.045  # dm; about as far apart as vertices, so that a map of points is closed
SHADOW_WIDTH, SHADOW_HEIGHT = 72, 96  # texels of the map of a lamp
SHADOW_BIAS = (0.05, 0.15)  # dm in front of a point: what begins to shade it, and does fully
PENUMBRA = 0.085  # dm
SHADOW_TAPS = 12
SHADOW_STEEPEST = 0.3  # cosine of the light's angle to the normal; steeper, little arrives


def lamps(jitter: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Direction and colour of each lamp; `jitter` (4,) moves and dims the two front ones."""
    placed = []
    for number, (azimuth, elevation, colour, strength) in enumerate(LAMPS):
        if number < 2:
            azimuth += 60 * jitter[2 * number]
            strength *= 1 + jitter[2 * number + 1]
        light = (strength * np.array(colour)).astype(np.float32)
        placed.append((_direction(azimuth, elevation).astype(np.float32), light))
    return placed


def occlusion(points, rig: Rig, eye_chin: float) -> np.ndarray:
    """How open (0..1) the surface at each point is: dark where it lies in a hollow.

    A point that is farther away than the mean of its surroundings lies in a hollow. `points` are
    those of `view.look`.
    """
    first = [points.depth[points.film == k].min(initial=np.inf) for k in range(len(rig.cameras))]
    away = points.depth - np.array(first, np.float32).take(points.film)
    count = math.prod(rig.shape)
    picture = np.stack(
        [np.bincount(points.pixel, points.share * each, count) for each in (away, 1)], -1
    )
    picture = picture.reshape(*rig.shape, 2).astype(np.float32)
    column, row = points.pixel % rig.width + 0.5, points.pixel // rig.width % rig.height + 0.5
    open_share = np.ones(len(away), np.float32)
    shrunk = 1
    for radius, strength, limit in OCCLUSION:  # from narrow to wide
        sigma = radius * eye_chin * rig.pixels_per_dm
        while sigma / shrunk > WIDEST_BLUR and not any(side % 2 for side in picture.shape[1:3]):
            picture = halve(picture)
            shrunk *= 2
        blurred = gaussian_filter(picture, (0, sigma / shrunk, sigma / shrunk, 0), truncate=2)
        around = sample(blurred, column / shrunk, row / shrunk, points.film)
        mean = around[:, 0] / np.maximum(around[:, 1], 1e-3)
        open_share *= 1 - np.clip(strength * (away - mean) / eye_chin, 0, limit)
    return open_share


def lit_share(points, normals, casters, light) -> np.ndarray:
    """Share (n,) of the light on matt points (n, 3) that the front lamps' shadows leave."""
    wrap = float(SKIN_WRAP.mean())
    falling = [
        np.clip((dot(normals, direction) + wrap) / (1 + wrap), 0, None) * float(colour.mean())
        for direction, colour in light
    ]
    total = AMBIENT_BELOW + (AMBIENT_ABOVE - AMBIENT_BELOW) * (0.5 + 0.5 * normals[:, 1])
    total = total + sum(falling)
    lost = np.zeros(len(points))
    for (lamp, _), each in zip(light[:CASTING_LAMPS], falling, strict=False):
        here = np.flatnonzero(each)  # the others are turned away
        share = np.ones(len(points), np.float32)
        share[here] = lamp_share(points.take(here, 0), normals.take(here, 0), casters, lamp)
        lost += (1 - share) * each
    return 1 - lost / total


def lamp_share(points, normals, casters, direction) -> np.ndarray:
    """Share 0..1 (n,) of a lamp's light that gets to points (n, 3) of a surface.

    `casters` (m, 3) are points of all that casts shadows, about `SHADOW_TEXEL` apart. The light
    comes from far away, and is softened by the mean over a disc around each point.
    """
    middle = np.array([0.0, casters[:, 1].max() - 0.45 * SHADOW_HEIGHT * SHADOW_TEXEL, 0.5])
    points, casters = (
        np.subtract(each, middle, order="F").astype(np.float32) for each in (points, casters)
    )
    normals = normals.astype(np.float32, order="F")
    direction = np.asarray(direction, np.float32)
    sideways = np.array([direction[2], 0, -direction[0]], np.float32)
    sideways /= np.linalg.norm(sideways)
    upwards = np.cross(direction, sideways)

    def seen(vertices):
        column = dot(vertices, sideways) / SHADOW_TEXEL + SHADOW_WIDTH / 2
        row = dot(vertices, upwards) / SHADOW_TEXEL + SHADOW_HEIGHT / 2
        return column, row, -dot(vertices, direction)  # the last: distance, from anywhere

    def texel(column, row):
        column = np.clip(column, 0, SHADOW_WIDTH - 1).astype(np.intp)
        return np.clip(row, 0, SHADOW_HEIGHT - 1).astype(np.intp) * SHADOW_WIDTH + column

    column, row, distance = seen(casters)
    nearest = np.full((SHADOW_HEIGHT, SHADOW_WIDTH), np.inf, np.float32)
    np.minimum.at(nearest.ravel(), texel(column, row), distance)
    nearest[1:] = np.minimum(nearest[1:], nearest[:-1])  # closes small holes
    nearest[:, 1:] = np.minimum(nearest[:, 1:], nearest[:, :-1])
    column, row, distance = seen(points)
    # The surface goes on as its normal says: it must not shade itself.
    facing = np.maximum(dot(normals, direction), SHADOW_STEEPEST) / SHADOW_TEXEL
    to_right, to_top = dot(normals, sideways) / facing, dot(normals, upwards) / facing
    right, up = _disc().T[..., None]
    above = nearest.take(texel(column + right, row + up))
    shaded = ramp(distance + right * to_right + up * to_top - above, *SHADOW_BIAS).sum(0)
    return 1 - shaded / SHADOW_TAPS


@functools.lru_cache(maxsize=1)
def _disc() -> np.ndarray:
    """Places (SHADOW_TAPS, 2) spread evenly over the penumbra, in texels."""
    number = np.arange(SHADOW_TAPS)
    radius, turn = np.sqrt((number + 0.5) / SHADOW_TAPS), number * np.pi * (3 - np.sqrt(5))
    places = PENUMBRA / SHADOW_TEXEL * radius * np.stack([np.cos(turn), np.sin(turn)])
    return places.T.astype(np.float32)


def diffuse(normal, wrap, open_share, light) -> np.ndarray:
    """Light (n, 3) that falls on a matt surface; `wrap` is (3,)."""
    normal = np.ascontiguousarray(normal.T)  # numpy is far quicker along long rows
    sky = AMBIENT_BELOW + (AMBIENT_ABOVE - AMBIENT_BELOW) * (0.5 + 0.5 * normal[1])
    total = sky + BOUNCE[:, None] * np.maximum(-normal[1], 0)
    for (x, y, z), colour in light:
        facing = normal[0] * x + normal[1] * y + normal[2] * z
        reach = colour / (1 + wrap)
        total += np.maximum(reach[:, None] * facing + (reach * wrap)[:, None], 0)
    total *= open_share ** OCCLUSION_TINT[:, None]
    return total.T


def halfway(direction, views) -> np.ndarray:
    """Normals (films, 3) of the mirrors that send light from a direction to each view (films, 3).

    Worked out view by view, which rounds the same for any number of them.
    """
    middles = []
    for view in views:
        middle = direction + view
        middles.append(middle / (np.linalg.norm(middle) + 1e-6))
    return np.stack(middles)


def gloss(normal, strength, views, film, light) -> np.ndarray:
    """Broad highlights (n,) of oily skin; `strength` (n,) near 0.6 is a wet lip.

    Each point is seen from that one of the `views` (films, 3) which `film` (n,) tells.
    """
    total = np.zeros(len(normal), np.float32)
    for direction, colour in light[:FRONT_LAMPS]:
        middle = halfway(direction, views)
        facing = np.clip(dot(normal, direction), 0, 1)
        mirror = np.clip(dot(normal, middle.T.take(film, 1)), 0, 1)
        broad = mirror**2
        for _ in range(3):
            broad = broad * broad  # mirror ** 16
        sharp = broad * broad
        cosine = [view @ each for view, each in zip(views, middle, strict=True)]
        glancing = np.stack([0.04 + 0.96 * (1 - np.clip(each, 0, 1)) ** 5 for each in cosine])
        lobe = broad * (1.0 + 1.2 * strength * sharp)
        total += lobe * facing * float(colour.mean()) * glancing.take(film)
    grazing = 1 - np.clip(dot(normal, views.T.take(film, 1)), 0, 1)
    rim = (grazing * grazing) ** 2
    return strength * (5.0 * total + 0.08 * rim)


def hair_sheen(normal, along, views, film, light) -> np.ndarray:
    """Highlight (n,) across hairs that run along directions (n, 3) (Kajiya and Kay 1989).

    `views` and `film` are those of `gloss`.
    """
    strand = along - normal * (normal * along).sum(1, keepdims=True)
    strand /= np.linalg.norm(strand, axis=1, keepdims=True) + 1e-6
    total = np.zeros(len(normal), np.float32)
    for direction, colour in light[:FRONT_LAMPS]:
        cosine = dot(strand, halfway(direction, views).T.take(film, 1))
        lobe = np.clip(1 - cosine * cosine, 0, 1) ** 30
        total += lobe * np.clip(dot(normal, direction) + 0.2, 0, 1) * float(colour.mean())
    return total


def tone(linear: np.ndarray) -> np.ndarray:
    """Expose, and bend the highlights so that they do not clip hard."""
    linear = linear * np.float32(EXPOSURE)
    room = np.float32(1 - SHOULDER)
    bent = SHOULDER + room * (1 - np.exp(-(linear - SHOULDER) / room))
    return np.where(linear > SHOULDER, bent, linear)
