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
BATCH = 6000  # triangles of a film drawn at a time, the nearest first
TILES = 12  # in a row; triangles behind all that is drawn in their tiles are skipped


@dataclass(frozen=True)
class Fragments:
    """What is seen in each covered pixel; n of them, in the order of the pixels."""

    pixel: np.ndarray  # (n,) (film * height + row) * width + column
    triangle: np.ndarray  # (n,)
    weight: np.ndarray  # (3, n) barycentric
    depth: np.ndarray  # (n,)


def rasterize(
    points,
    depth,
    triangles,
    width: int,
    height: int,
    is_hole=None,
    across=CENTRE,
    film=0,
    films: int = 1,
) -> Fragments:
    """Find the nearest triangle at each sample of one film or of several.

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
    film : int or (T,)
        The film, 0 to films - 1, that each triangle is drawn on.
    films : int
        How many films of `width` and `height` there are. A film comes out the same whatever is
        drawn on the others; drawing them together saves calls.

    Notes
    -----
    Depth and whatever is interpolated by `weight` vary linearly on the screen, which is right
    for triangles that are small beside their distance. Among equal depths the first triangle
    wins.
    """
    numbers, points = np.ascontiguousarray(triangles.T), np.ascontiguousarray(points.T)
    x, y, z = ([values.take(number) for number in numbers] for values in (*points, depth))
    box = *_extent(*x), *_extent(*y)
    across = np.asarray(across, float)
    crossing = _crossing(*box, width, height, across)
    nearest = np.minimum(np.minimum(z[0], z[1]), z[2])
    buffer = _Buffer(films, width, height, len(across))
    film = np.broadcast_to(film, len(nearest))
    queues = []
    for number in range(films):
        queue = crossing[film[crossing] == number]
        queues.append(queue[_front_to_back(nearest[queue])])
    for start in range(0, max(len(queue) for queue in queues), BATCH):
        batch = np.sort(np.concatenate([queue[start : start + BATCH] for queue in queues]))
        if start:
            sides = [side.take(batch) for side in box]
            batch = batch[~buffer.hides(sides, nearest[batch], film[batch])]
        corners = [[values.take(batch) for values in axis] for axis in (x, y, z)]
        _draw(buffer, batch, film[batch], corners, is_hole, across)
    pixel = np.flatnonzero(buffer.triangle >= 0)
    second, third = buffer.second[pixel], buffer.third[pixel]
    return Fragments(
        pixel=pixel,
        triangle=buffer.triangle[pixel],
        weight=np.stack([1 - second - third, second, third]),
        depth=buffer.depth[pixel],
    )


def _extent(a, b, c) -> tuple[np.ndarray, np.ndarray]:
    """Where triangles begin and end along an axis."""
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def _crossing(left, right, top, bottom, width: int, height: int, across) -> np.ndarray:
    """Numbers of the triangles within the picture that may hold a sample.

    Many lie between two rows of samples, or between two samples of the rows that they cross.
    """
    first = np.maximum(np.ceil(top - 0.5), 0)
    last = np.minimum(np.floor(bottom - 0.5), height - 1)
    crossing = np.flatnonzero((first <= last) & (right > 0) & (left < width))
    left, right, first, last = (each.take(crossing) for each in (left, right, first, last))
    held = last - first > 1  # of three rows or more, those in the middle are not looked into
    for row in (first, last):
        sample = across.take(row.astype(np.intp) % len(across))
        held |= np.ceil(left - sample - 2 * TOLERANCE) <= right - sample + 2 * TOLERANCE
    return crossing[held]


def _front_to_back(depth: np.ndarray) -> np.ndarray:
    """Roughly sorted numbers; short integers are sorted many times faster than floats."""
    if not len(depth):
        return np.zeros(0, np.intp)
    share = (depth - depth.min()) / max(np.ptp(depth), 1e-9)
    return np.argsort((share * 65535).astype(np.uint16), kind="stable")


class _Buffer:
    """What has been drawn so far: the nearest triangle at each sample, and where on it."""

    def __init__(self, films: int, width: int, height: int, rows: int):
        self.films, self.width, self.height = films, width, height
        count = films * width * height
        self.depth = np.full(count, np.inf)
        self.triangle = np.full(count, -1)
        self.second, self.third = np.zeros(count), np.zeros(count)  # weights
        self._columns = max(1, width // TILES)  # of a tile
        self._rows = self._columns * rows

    def hides(self, box, nearest, film) -> np.ndarray:
        """Which triangles lie behind everything in the tiles that they touch.

        Those larger than a tile are not looked into.
        """
        left, right, upper, lower = box
        farthest = self._farthest()
        hidden = (right - left <= self._columns) & (lower - upper <= self._rows)
        _, rows, columns = farthest.shape
        farthest = farthest.ravel()

        def tile(place, side, count):
            return np.clip((place * (1 / side)).astype(np.intp), 0, count - 1)

        ends = [tile(each, self._columns, columns) for each in (left, right)]
        for each in (upper, lower):
            row = (film * rows + tile(each, self._rows, rows)) * columns
            for column in ends:
                hidden &= nearest > farthest.take(row + column)
        return hidden

    def _farthest(self) -> np.ndarray:
        """The largest depth in each tile; infinite where something is still uncovered."""
        depth = self.depth.reshape(self.films, self.height, self.width)
        depth = np.maximum.reduceat(depth, np.arange(0, self.height, self._rows), 1)
        return np.maximum.reduceat(depth, np.arange(0, self.width, self._columns), 2)


def _draw(buffer: _Buffer, batch, film, corners, is_hole, across) -> None:
    """Put triangles, numbered by `batch`, in front of what they hide on their films."""
    x, y, z = corners
    falling = _from_top(x, y)
    row, half = _rows(falling[1], buffer.height)
    sample_y = row + 0.5
    sample_x = across[np.arange(buffer.height) % len(across)].take(row)  # in the first column
    left, right = _edges(*falling, half, sample_y)
    # In place: these arrays are the longest of all, and new memory costs more than the sums.
    for edge, slack, whole in ((left, -TOLERANCE, np.ceil), (right, TOLERANCE, np.floor)):
        edge -= sample_x
        edge += slack
        whole(edge, out=edge)
    first = np.maximum(left, 0, out=left)
    last = np.minimum(right, buffer.width - 1, out=right)
    crossed = np.flatnonzero(last >= first)
    first, last = (each.take(crossed).astype(np.intp) for each in (first, last))
    row, triangle = row.take(crossed), half.take(crossed) >> 1
    sample_x, sample_y = first + sample_x.take(crossed), sample_y.take(crossed)
    second, third, depth = _lines(x, y, z, triangle, sample_x, sample_y)

    span, step = _spread(last - first + 1)
    row += (film * buffer.height).take(triangle)  # now counted over all films
    pixel = (row * buffer.width + first).take(span)
    pixel += step
    depth = depth[0].take(span) + depth[1].take(span) * step
    near = np.flatnonzero(depth < buffer.depth.take(pixel))
    span, step, pixel, depth = (each.take(near) for each in (span, step, pixel, depth))
    second, third = (start.take(span) + slope.take(span) * step for start, slope in (second, third))
    triangle = batch[triangle].take(span)

    winner = np.full(len(buffer.triangle), -1)
    contest = np.arange(len(pixel))
    _put_nearest(winner, contest, pixel, depth)
    if is_hole is not None:

        def holes(front):
            weights = second.take(front), third.take(front)
            weight = np.stack([1 - weights[0] - weights[1], *weights])
            return front[is_hole(triangle.take(front), weight)]

        _look_through(winner, contest, pixel, depth, holes)
    front = winner[winner >= 0]
    pixel = pixel[front]
    buffer.triangle[pixel], buffer.depth[pixel] = triangle[front], depth[front]
    buffer.second[pixel], buffer.third[pixel] = second[front], third[front]


def _look_through(winner, contest, pixel, depth, holes) -> None:
    """Where a hole won, let what is behind it contest again; `holes` picks those of fragments.

    A few times only the winners are examined, which settles most pixels; then all that is left.
    """
    gone = np.zeros(len(pixel), bool)
    front = winner[winner >= 0]
    for is_last in (False, False, True):
        front = holes(front)
        gone[front] = True
        opened = pixel.take(front)
        winner[opened] = -1
        contest = contest[(winner.take(pixel.take(contest)) < 0) & ~gone.take(contest)]
        if not len(contest):
            break
        if is_last:
            gone[holes(contest)] = True
            contest = contest[~gone.take(contest)]
        _put_nearest(winner, contest, pixel, depth)
        front = winner.take(opened)
        front = front[front >= 0]


def _spread(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each count, one after the other: its own number count times, and 0, 1, .. count - 1."""
    owner = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(len(owner))
    step -= (np.cumsum(counts) - counts).take(owner)
    return owner, step


def _from_top(x, y) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The corners from top to bottom; those at one height stay in their order."""
    x, y = list(x), list(y)
    for k in (0, 1, 0):
        rises = y[k + 1] < y[k]
        y[k], y[k + 1] = np.minimum(y[k], y[k + 1]), np.maximum(y[k], y[k + 1])
        x[k], x[k + 1] = np.where(rises, x[k + 1], x[k]), np.where(rises, x[k], x[k + 1])
    return x, y


def _rows(y: list[np.ndarray], height: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of samples that cross each half of a triangle, and the halves' numbers.

    Half 2t of triangle t lies above its middle corner, half 2t + 1 below (and at) it. Corners
    come from top to bottom.
    """
    top, middle, bottom = y
    start = np.clip(np.ceil(top - 0.5), 0, height)
    cut = np.clip(np.ceil(middle - 0.5), start, height)
    stop = np.clip(np.floor(bottom - 0.5) + 1, cut, height)
    starts = np.stack([start, cut], 1).astype(np.intp).ravel()
    counts = np.stack([cut - start, stop - cut], 1).astype(np.intp).ravel()
    half, row = _spread(counts)
    row += starts.take(half)
    return row, half


def _edges(x, y, half, sample_y) -> tuple[np.ndarray, np.ndarray]:
    """Where a row enters and leaves each half: at the triangle's long edge and a short one.

    Corners come from top to bottom.
    """

    def line(start, stop):
        """x at height 0, and x per height; for level edges that of the start."""
        rise = y[stop] - y[start]
        level = rise <= 0
        slope = np.where(level, 0, x[stop] - x[start]) / np.where(level, 1, rise)
        return slope, x[start], y[start]

    upper, lower = line(0, 1), line(1, 2)
    short = [np.stack(pair, 1).ravel() for pair in zip(upper, lower, strict=True)]
    crossings = []
    for (slope, start_x, start_y), number in ((line(0, 2), half >> 1), (short, half)):
        crossing = sample_y - start_y.take(number)
        crossing *= slope.take(number)
        crossing += start_x.take(number)
        crossings.append(crossing)
    return np.minimum(*crossings), np.maximum(*crossings)


def _lines(x, y, z, triangle, sample_x, sample_y):
    """Second weight, third weight and depth along each span: at its start, and per column."""
    (right_1, down_1, rise_1), (right_2, down_2, rise_2) = (
        (x[k] - x[0], y[k] - y[0], z[k] - z[0]) for k in (1, 2)
    )
    area = right_1 * down_2 - down_1 * right_2
    area[area == 0] = np.inf  # seen from its edge: all of it looks like its first corner
    away_x, away_y = sample_x - x[0].take(triangle), sample_y - y[0].take(triangle)
    per_column, per_row = (down_2 / area, -down_1 / area), (-right_2 / area, right_1 / area)
    starts, slopes = [], []
    for k in range(2):
        slope = per_column[k].take(triangle)
        starts.append(away_x * slope + away_y * per_row[k].take(triangle))
        slopes.append(slope)
    rise_1, rise_2 = rise_1.take(triangle), rise_2.take(triangle)
    starts.append(z[0].take(triangle) + starts[0] * rise_1 + starts[1] * rise_2)
    slopes.append(slopes[0] * rise_1 + slopes[1] * rise_2)
    return list(zip(starts, slopes, strict=True))


def _put_nearest(winner, contest, pixel, depth) -> None:
    """Put the nearest of the contesting fragments into their pixels; among equals the first.

    Of several assignments to one place numpy keeps the last. So all fragments are put into their
    places, the first ones last; those nearer than what stands there are put again, and so on.
    """
    while len(contest):
        place = pixel.take(contest)
        winner[place[::-1]] = contest[::-1]
        contest = contest[depth.take(contest) < depth.take(winner.take(place))]
