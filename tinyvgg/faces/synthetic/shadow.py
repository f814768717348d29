"""Soft shadows that the front lamps cast: nose on cheek, brow on eye, chin on neck, hair on brow.

They are worked out once per shot, at the vertices: all cameras see the same ones, and between
vertices they are interpolated like everything else.
"""

from __future__ import annotations

import functools

import numpy as np

from tinyvgg.faces.synthetic.paint import dot, ramp

TEXEL = 0.045  # dm; about the distance of neighbouring vertices, so that a map of points is closed
WIDTH, HEIGHT = 72, 96  # texels of the map of a lamp
BIAS = (0.05, 0.15)  # dm in front of a point: where something begins to shade it, and does fully
PENUMBRA = 0.085  # dm
TAPS = 12
STEEPEST = 0.3  # cosine of the light's angle to the normal; steeper surfaces get little anyway


def lamp_shares(points, normals, casters, lamps) -> np.ndarray:
    """Share 0..1 (lamps, n) of each lamp's light that gets to points (n, 3) of a surface.

    `casters` (m, 3) are points of all that casts shadows, about `TEXEL` apart.
    """
    middle = np.array([0.0, casters[:, 1].max() - 0.45 * HEIGHT * TEXEL, 0.5])
    points, casters = (
        np.subtract(each, middle, order="F").astype(np.float32) for each in (points, casters)
    )
    normals = normals.astype(np.float32, order="F")
    return np.stack([_share(points, normals, casters, lamp) for lamp, _ in lamps])


def _share(points, normals, casters, direction) -> np.ndarray:
    """Light from far away, softened by the mean over a disc around each point."""
    direction = np.asarray(direction, np.float32)
    sideways = np.array([direction[2], 0, -direction[0]], np.float32)
    sideways /= np.linalg.norm(sideways)
    upwards = np.cross(direction, sideways)

    def seen(vertices):
        column = dot(vertices, sideways) / TEXEL + WIDTH / 2
        row = dot(vertices, upwards) / TEXEL + HEIGHT / 2
        return column, row, -dot(vertices, direction)  # the last: distance, from anywhere

    def texel(column, row):
        column = np.clip(column, 0, WIDTH - 1).astype(np.intp)
        return np.clip(row, 0, HEIGHT - 1).astype(np.intp) * WIDTH + column

    column, row, distance = seen(casters)
    nearest = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    np.minimum.at(nearest.ravel(), texel(column, row), distance)
    nearest[1:] = np.minimum(nearest[1:], nearest[:-1])  # closes small holes
    nearest[:, 1:] = np.minimum(nearest[:, 1:], nearest[:, :-1])
    column, row, distance = seen(points)
    # The surface goes on as its normal says: it must not shade itself.
    facing = np.maximum(dot(normals, direction), STEEPEST) / TEXEL
    to_right, to_top = dot(normals, sideways) / facing, dot(normals, upwards) / facing
    right, up = _disc().T[..., None]
    above = nearest.take(texel(column + right, row + up))
    shaded = ramp(distance + right * to_right + up * to_top - above, *BIAS).sum(0)
    return 1 - shaded / TAPS


@functools.lru_cache(maxsize=1)
def _disc() -> np.ndarray:
    """Places (TAPS, 2) spread evenly over the penumbra, in texels."""
    number = np.arange(TAPS)
    radius, turn = np.sqrt((number + 0.5) / TAPS), number * np.pi * (3 - np.sqrt(5))
    places = PENUMBRA / TEXEL * radius * np.stack([np.cos(turn), np.sin(turn)])
    return places.T.astype(np.float32)
