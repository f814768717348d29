"""A z-buffer in numpy: which triangle does each sample see, and where on it?

Each triangle is cut at the height of its middle corner. A row of samples then crosses a half
between two straight edges, and the span of samples between them is known without testing any.
Arrays are kept apart by coordinate, which numpy handles several times faster than rows of three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-9  # columns; samples on a shared edge belong to both triangles
CENTRE = (0.5,)  # one sample in the middle of each pixel


@dataclass(frozen=True)
class Fragments:
    """What is seen in each covered pixel; n of them, in the order of the pixels."""

    pixel: np.ndarray  # (n,) row * width + column
    triangle: np.ndarray  # (n,)
    weight: np.ndarray  # (3, n) barycentric
    depth: np.ndarray  # (n,)


def rasterize(
    points, depth, triangles, width: int, height: int, is_hole=None, across=CENTRE
) -> Fragments:
    """Find the nearest triangle at each sample.

    Parameters
    ----------
    points : (V, 2)
        Vertices in pixels; the centre of the top left pixel is (0.5, 0.5), y points down.
    depth : (V,)
        Distance from the camera; the smaller one hides the other.
    triangles : int (T, 3)
    is_hole : callable, optional
        ``is_hole(triangle (n,), weight (3, n)) -> bool (n,)``: where one sees through.
    across : sequence of float
        Where in its pixel a sample lies, 0 left to 1 right, for each row in turn; all lie in
        the middle of their row.

    Notes
    -----
    Depth and whatever is interpolated by `weight` vary linearly on the screen, which is right
    for triangles that are small beside their distance. Among equal depths the first triangle
    wins.
    """
    x, y, z = ([values[corner] for corner in triangles.T] for values in (*points.T, depth))
    row, half = _rows(y, height)
    sample_y = row + 0.5
    sample_x = np.asarray(across, float)[row % len(across)]  # in the first column
    left, right = _edges(x, y, half, sample_y)
    first = np.ceil(left - sample_x - TOLERANCE).astype(np.intp)
    last = np.floor(right - sample_x + TOLERANCE).astype(np.intp)
    first, last = np.maximum(first, 0), np.minimum(last, width - 1)
    crossed = np.flatnonzero(last >= first)
    first, count = first[crossed], (last - first)[crossed] + 1
    triangle = half[crossed] >> 1

    span = np.repeat(np.arange(len(crossed)), count)
    step = _count_up(count)
    pixel = (row[crossed] * width + first)[span] + step
    values = [
        start[span] + slope[span] * step
        for start, slope in _lines(x, y, z, triangle, first + sample_x[crossed], sample_y[crossed])
    ]
    triangle = triangle[span]
    second, third, depth = values

    def weight(number):
        return np.stack([1 - second[number] - third[number], second[number], third[number]])

    winner = np.full(width * height, -1)
    contest = np.arange(len(pixel))
    while len(contest):
        _put_nearest(winner, contest, pixel, depth)
        if is_hole is None:
            break
        # Look through the holes: there, whatever is left behind them contests again.
        front = np.unique(winner[pixel[contest]])
        front = front[is_hole(triangle[front], weight(front))]
        again = np.zeros(len(winner), bool)
        again[pixel[front]] = True
        winner[pixel[front]] = -1
        depth[front] = np.nan
        contest = contest[again[pixel[contest]] & ~np.isnan(depth[contest])]
    seen = winner[winner >= 0]
    return Fragments(pixel[seen], triangle[seen], weight(seen), depth[seen])


def _count_up(counts: np.ndarray) -> np.ndarray:
    """0, 1, .. count - 1 for each count, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _rows(y: list[np.ndarray], height: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of samples that cross each half of a triangle, and the halves' numbers.

    Half 2t of triangle t lies above its middle corner, half 2t + 1 below (and at) it.
    """
    top, middle, bottom = _in_order(*y)
    start = np.clip(np.ceil(top - 0.5), 0, height)
    cut = np.clip(np.ceil(middle - 0.5), start, height)
    stop = np.clip(np.floor(bottom - 0.5) + 1, cut, height)
    starts = np.stack([start, cut], 1).astype(np.intp).ravel()
    counts = np.stack([cut - start, stop - cut], 1).astype(np.intp).ravel()
    half = np.repeat(np.arange(len(counts)), counts)
    return starts[half] + _count_up(counts), half


def _in_order(a, b, c):
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.minimum(low, c), np.maximum(low, np.minimum(high, c)), np.maximum(high, c)


def _edges(x, y, half, sample_y) -> tuple[np.ndarray, np.ndarray]:
    """Where a row enters and leaves each half: at the triangle's long edge and a short one."""
    order = np.argsort(np.stack(y), axis=0, kind="stable")
    xs, ys = (np.take_along_axis(np.stack(c), order, 0) for c in (x, y))  # from top to bottom

    def line(start, stop):
        """x at height 0, and x per height; for level edges that of the start."""
        rise = ys[stop] - ys[start]
        level = rise <= 0
        slope = np.where(level, 0, xs[stop] - xs[start]) / np.where(level, 1, rise)
        return slope, xs[start], ys[start]

    upper, lower = line(0, 1), line(1, 2)
    short = [np.stack(pair, 1).ravel() for pair in zip(upper, lower, strict=True)]
    crossings = [
        start_x[number] + slope[number] * (sample_y - start_y[number])
        for (slope, start_x, start_y), number in ((line(0, 2), half >> 1), (short, half))
    ]
    return np.minimum(*crossings), np.maximum(*crossings)


def _lines(x, y, z, triangle, sample_x, sample_y):
    """Second weight, third weight and depth along each span: at its start, and per column."""
    (right_1, down_1, rise_1), (right_2, down_2, rise_2) = (
        (x[k] - x[0], y[k] - y[0], z[k] - z[0]) for k in (1, 2)
    )
    area = right_1 * down_2 - down_1 * right_2
    area[area == 0] = np.inf  # seen from its edge: all of it looks like its first corner
    away_x, away_y = sample_x - x[0][triangle], sample_y - y[0][triangle]
    per_column, per_row = (down_2 / area, -down_1 / area), (-right_2 / area, right_1 / area)
    starts, slopes = [], []
    for k in range(2):
        slope = per_column[k][triangle]
        starts.append(away_x * slope + away_y * per_row[k][triangle])
        slopes.append(slope)
    rise_1, rise_2 = rise_1[triangle], rise_2[triangle]
    starts.append(z[0][triangle] + starts[0] * rise_1 + starts[1] * rise_2)
    slopes.append(slopes[0] * rise_1 + slopes[1] * rise_2)
    return zip(starts, slopes, strict=True)


def _put_nearest(winner, contest, pixel, depth) -> None:
    """Put the nearest of the contesting fragments into their pixels; among equals the first.

    Of several assignments to one place numpy keeps the last. So all fragments are put into their
    places, the first ones last; those nearer than what stands there are put again, and so on.
    """
    while len(contest):
        place = pixel[contest]
        winner[place[::-1]] = contest[::-1]
        contest = contest[depth[contest] < depth[winner[place]]]
