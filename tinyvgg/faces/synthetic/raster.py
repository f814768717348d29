"""A z-buffer in numpy: which triangle does each pixel see, and where on it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Triangles are tested against a square of pixels as large as their bounding box, in batches of
# like size: most triangles of a head are smaller than a pixel and must not cost more than one.
BATCH_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 4096)
TESTS_PER_BATCH = 1 << 20
EDGE_TOLERANCE = 1e-7  # barycentric; pixels on a shared edge belong to both triangles


@dataclass(frozen=True)
class Fragments:
    """What is seen in each covered pixel; n of them, in the order of the pixels."""

    pixel: np.ndarray  # (n,) row * width + column
    triangle: np.ndarray  # (n,)
    weight: np.ndarray  # (n, 3) barycentric
    depth: np.ndarray  # (n,)


def rasterize(points, depth, triangles, width: int, height: int, discard=None) -> Fragments:
    """Find the nearest triangle at each pixel centre.

    Parameters
    ----------
    points : (V, 2)
        Vertices in pixels; the centre of the top left pixel is (0.5, 0.5), y points down.
    depth : (V,)
        Distance from the camera; the smaller one hides the other.
    triangles : int (T, 3)
    discard : callable, optional
        ``discard(triangle (n,), weight (n, 3)) -> bool (n,)``: fragments that are holes.

    Notes
    -----
    Depth and whatever is interpolated by `weight` vary linearly on the screen, which is right
    for triangles that are small beside their distance. Among equal depths the first triangle
    wins.
    """
    first, second, third = (points[triangles[:, k]] for k in range(3))  # (T, 2) each
    lowest = np.minimum(np.minimum(first, second), third)
    highest = np.maximum(np.maximum(first, second), third)
    low = np.maximum(np.ceil(lowest - 0.5).astype(np.int64), 0)
    high = np.minimum(np.floor(highest - 0.5).astype(np.int64), [width - 1, height - 1])
    extent = high - low + 1
    edge1, edge2 = second - first, third - first
    doubled_area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    drawable = (extent[:, 0] > 0) & (extent[:, 1] > 0) & (np.abs(doubled_area) > 1e-12)
    longest = np.maximum(extent[:, 0], extent[:, 1])

    found = []
    smaller = 0
    for side in BATCH_SIDES:
        batch = np.flatnonzero(drawable & (longest > smaller) & (longest <= side))
        smaller = side
        step = max(1, TESTS_PER_BATCH // (side * side))
        for start in range(0, len(batch), step):
            chosen = batch[start : start + step]
            found.append(
                _covered(chosen, side, low, high, first, edge1, edge2, doubled_area, width)
            )
    if not found:
        found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))]
    pixel, triangle, weight1, weight2 = (np.concatenate(part) for part in zip(*found, strict=True))
    weight = np.stack([1 - weight1 - weight2, weight1, weight2], 1)
    if discard is not None:
        keep = ~discard(triangle, weight)
        pixel, triangle, weight = pixel[keep], triangle[keep], weight[keep]
    near = depth[triangles[triangle]] * weight
    fragment_depth = near[:, 0] + near[:, 1] + near[:, 2]

    nearest = np.full(width * height, np.inf)
    np.minimum.at(nearest, pixel, fragment_depth)
    front = np.flatnonzero(fragment_depth == nearest[pixel])
    winner = np.full(width * height, len(triangles))
    np.minimum.at(winner, pixel[front], triangle[front])
    front = front[triangle[front] == winner[pixel[front]]]
    front = front[np.argsort(pixel[front], kind="stable")]
    return Fragments(pixel[front], triangle[front], weight[front], fragment_depth[front])


def _covered(chosen, side, low, high, origin, edge1, edge2, doubled_area, width):
    """Pixels, triangles and two barycentric weights where the chosen triangles cover centres."""
    steps = np.arange(side)
    column = low[chosen, 0, None, None] + steps[None, None, :]  # (c, 1, side)
    row = low[chosen, 1, None, None] + steps[None, :, None]  # (c, side, 1)
    away_x = column + 0.5 - origin[chosen, 0, None, None]
    away_y = row + 0.5 - origin[chosen, 1, None, None]
    scale = (1 / doubled_area[chosen])[:, None, None]
    e1, e2 = edge1[chosen][:, :, None, None] * scale[:, None], edge2[chosen][:, :, None, None]
    e2 = e2 * scale[:, None]
    weight1 = away_x * e2[:, 1] - away_y * e2[:, 0]  # (c, side, side)
    weight2 = away_y * e1[:, 0] - away_x * e1[:, 1]
    inside = (
        (weight1 >= -EDGE_TOLERANCE)
        & (weight2 >= -EDGE_TOLERANCE)
        & (weight1 + weight2 <= 1 + EDGE_TOLERANCE)
        & (column <= high[chosen, 0, None, None])
        & (row <= high[chosen, 1, None, None])
    )
    which, down, right = np.nonzero(inside)
    pixel = (low[chosen, 1][which] + down) * width + low[chosen, 0][which] + right
    return pixel, chosen[which], weight1[inside], weight2[inside]
