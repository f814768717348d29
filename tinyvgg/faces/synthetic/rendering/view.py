"""What cameras see: which point of which part, in each pixel and at its edges.

Every pixel is sampled in four places that lie in rows and columns of their own, so that edges
near to the level and to the vertical come out smooth. Where all four see the same piece of
skin, one point stands for them: most of a face is shaded once per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.hair.ribbons import is_frayed
from tinyvgg.faces.synthetic.head import Part, Scene
from tinyvgg.faces.synthetic.rendering.camera import Rig
from tinyvgg.faces.synthetic.rendering.raster import Fragments, rasterize
from tinyvgg.faces.synthetic.skin.eyes import is_gap

SUPERSAMPLING = 2  # the samples are as dense as so many rows and columns to a pixel
# Each pixel is cut into four rows and four columns: the column of the sample in each row.
PATTERN = (1, 3, 0, 2)
SAMPLES = len(PATTERN)
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
        each[scene.head.mesh.inside_mouth] += MOUTH_YIELD
    facets, part = scene.facets, scene.facets.part
    thickness = scene.head.person.complexion.lashes

    def is_hole(triangle, weight):
        """Gaps between lashes and between the strands of locks."""
        corner = facets.corners.take(triangle, 1)
        place = _interpolate(scene.hair_layout, corner, weight)
        hole = is_frayed(place)
        lash = np.flatnonzero(part.take(triangle) == Part.LASH)
        hole[lash] = is_gap(place[lash], thickness)
        return hole

    seen = rasterize(
        np.stack([each.T for each in points]).swapaxes(1, 2),  # (films, V, 2), kept apart
        np.stack(distance),
        facets.triangles,
        rig.width,
        rig.height,
        is_hole,
        facets.is_porous,
        facets.is_two_sided,
        PATTERN,
    )
    is_plain = scene.is_plain.take(seen.triangle)
    chosen, opposite, pixel, share = _merge(seen, is_plain, rig)

    def values_at(fragments: np.ndarray) -> np.ndarray:
        corner = facets.corners.take(seen.triangle.take(fragments), 1)
        weight = seen.weight.take(fragments, 1).astype(np.float32)
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


def _interpolate(values: np.ndarray, corners: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values (n, C) at weights (3, n) between the corners (3, n) of triangles."""
    columns = np.empty((values.shape[1], corners.shape[1]), np.result_type(values, weight))
    for column, total in zip(values.T, columns, strict=True):
        first, second, third = column.take(corners) * weight
        np.add(first, second, out=total)
        total += third
    return columns.T  # kept apart: numpy is far quicker along long rows


def _merge(seen: Fragments, plain: np.ndarray, rig: Rig):
    """Numbers of the fragments to be shaded, their pixels in the picture, and their shares.

    `plain` (n,) says which fragments may stand for their neighbours. Those that do come first;
    the second result is the fragment on the other side of the pixel's middle for each of them.
    """
    pixels = len(rig.cameras) * rig.height * rig.width
    lattice = np.full(SAMPLES * pixels, -1)
    lattice[seen.sample] = np.arange(len(seen.sample))
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
