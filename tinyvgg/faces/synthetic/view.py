"""What cameras see: which point of which part, in each pixel and at its edges.

Every pixel is sampled in four places that lie in rows and columns of their own, so that edges
near to the level and to the vertical come out smooth. Where all four see the same piece of
skin, one point stands for them: most of a face is shaded once per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Rig
from .lashes import is_gap
from .raster import Fragments, rasterize
from .sitter import LASH, LOCKS, Scene
from .strands import is_frayed

SUPERSAMPLING = 2  # samples per pixel, in each direction
# Each pixel is cut into four rows with one sample each, here from left to right.
ACROSS = (3 / 8, 7 / 8, 1 / 8, 5 / 8)
SAMPLES = len(ACROSS)
MOUTH_YIELD = 0.08  # dm that teeth and tongue are put back: none pierces the skin around them
ALIKE = 3.0  # in pixels' widths: samples of a pixel that differ less in depth are one surface


@dataclass(frozen=True)
class VisiblePoints:
    """The points to be shaded, n of them, on all films of a rig."""

    film: np.ndarray  # (n,)
    pixel: np.ndarray  # (n,) (film * height + row) * width + column, in the picture
    share: np.ndarray  # (n,) of the pixel that the point stands for
    part: np.ndarray  # (n,)
    depth: np.ndarray  # (n,) distance from the camera, dm
    values: np.ndarray  # float32 (n, columns of Scene.attributes)


def look(scene: Scene, rig: Rig) -> VisiblePoints:
    """Find the visible points of a scene."""
    points, distance = zip(*(each.project(scene.vertices) for each in rig.cameras), strict=True)
    for each in distance:
        each[scene.sitter.mesh.inside_mouth] += MOUTH_YIELD
    facing = [_facing(scene, each) for each in points]
    film = np.repeat(np.arange(len(facing)), [len(each) for each in facing])
    wanted = np.concatenate(facing)
    corners, part = scene.corners.take(wanted, 1), scene.part.take(wanted)
    thickness = scene.sitter.person.complexion.lashes

    def is_hole(triangle, weight):
        """Gaps between lashes and between the strands of locks."""
        hole = np.zeros(len(triangle), bool)
        owner = part.take(triangle)
        for number in (LASH, LOCKS):
            here = np.flatnonzero(owner == number)
            if len(here):
                corner = corners.take(triangle[here], 1)
                place = _interpolate(scene.hair_layout, corner, weight[:, here])
                hole[here] = is_gap(place, thickness) if number == LASH else is_frayed(place)
        return hole

    seen = rasterize(
        np.concatenate(points) * [1, SAMPLES],
        np.concatenate(distance),
        (corners + film * len(scene.vertices)).T,
        rig.width,
        rig.height * SAMPLES,
        is_hole,
        ACROSS,
        film,
        len(facing),
    )
    is_plain = scene.is_plain.take(wanted.take(seen.triangle))
    chosen, opposite, pixel, share = _merge(seen, is_plain, rig)

    def values_at(fragments: np.ndarray) -> np.ndarray:
        corner = corners.take(seen.triangle[fragments], 1)
        weight = seen.weight[:, fragments].astype(np.float32)
        return _interpolate(scene.attributes, corner, weight)

    values = values_at(chosen)
    merged = slice(len(opposite))
    values[merged] = (values[merged] + values_at(opposite)) / 2  # the middle of the pixel
    return VisiblePoints(
        film=pixel // (rig.width * rig.height),
        pixel=pixel,
        share=share,
        part=part[seen.triangle[chosen]],
        depth=seen.depth[chosen].astype(np.float32),
        values=values,
    )


def _facing(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Numbers of the triangles that turn their front to the camera or have no back."""
    x, y = np.ascontiguousarray(points.T)
    (ax, ay), (bx, by), (cx, cy) = ((x.take(each), y.take(each)) for each in scene.corners)
    turned = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return np.flatnonzero((turned < 0) | scene.is_two_sided)


def _interpolate(values: np.ndarray, corners: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values (n, C) at weights (3, n) between the corners (3, n) of triangles."""
    first, second, third = corners
    columns = np.ascontiguousarray(values.T)  # numpy is far quicker along long rows
    total = columns.take(first, 1) * weight[0]
    total += columns.take(second, 1) * weight[1]
    total += columns.take(third, 1) * weight[2]
    return total.T


def _merge(seen: Fragments, plain: np.ndarray, rig: Rig):
    """Numbers of the fragments to be shaded, their pixels in the picture, and their shares.

    `plain` (n,) says which fragments may stand for their neighbours. Those that do come first;
    the second result is the fragment on the other side of the pixel's middle for each of them.
    """
    pixels = len(rig.cameras) * rig.height * rig.width
    lattice = np.full(SAMPLES * pixels, -1)
    lattice[seen.pixel] = np.arange(len(seen.pixel))
    rows = lattice.reshape(-1, SAMPLES, rig.width)
    first, *others = (rows[:, k].ravel() for k in range(SAMPLES))
    plain, depth = np.append(plain, False), np.append(seen.depth, np.inf)  # at -1: nothing seen
    # Skin all over, and no step from one surface to another behind it.
    whole = np.flatnonzero(plain[first])
    near, far = depth[first[whole]], depth[first[whole]]
    alike = np.ones(len(whole), bool)
    for other in others:
        other = other[whole]
        alike &= plain[other]
        near, far = np.minimum(near, depth[other]), np.maximum(far, depth[other])
    whole = whole[alike & (far - near < ALIKE / rig.pixels_per_dm)]
    fragment = rows.transpose(0, 2, 1).reshape(pixels, SAMPLES)
    chosen, opposite = fragment[whole, 0], fragment[whole, -1]
    fragment[whole] = -1
    single = fragment.ravel()
    places = np.flatnonzero(single >= 0)
    share = np.full(len(whole) + len(places), 1 / SAMPLES, np.float32)
    share[: len(whole)] = 1
    pixel = np.concatenate([whole, places // SAMPLES])
    return np.concatenate([chosen, single[places]]), opposite, pixel, share
