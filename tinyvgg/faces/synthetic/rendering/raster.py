"""A z-buffer in numpy: which triangle does each sample see, and where on it?

Samples stand in rows, and in columns too. Each triangle is drawn along those of the two that
fewer of cross it: the samples of a line that lie between the triangle's edges are known without
testing any. An *item* is a triangle on a film, a *fragment* a sample in an item.

`_Scene.visible` drops items that cannot be seen and queues the others from the nearest on.
`_draw` takes a batch of them: `_fragments` lists their samples and depths, `_put_nearest` finds
who wins each sample, and `_look_through` goes on behind winners that turn out to be holes. What
later batches bring is dropped unseen where the `_Buffer` is already closed in front of it.

Arrays are kept apart by coordinate, which numpy handles several times faster than rows of three;
for the same reason `take` and `compress` stand for square brackets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-9  # pixels; samples on a shared edge belong to both triangles
LEVEL = 1e-99  # edges that rise by less are level
CENTRE = (0,)  # one sample in the middle of each pixel
BATCH = 4000  # triangles of a film drawn at a time, the nearest first
TILES = 12  # in a row; triangles behind all that is drawn in their tiles are skipped
# Corners from the first line to the last, by which of them are in order: 4 if the first does not
# come after the second, 2 if the second not after the third, 1 if the first not after the third.
ORDERS = np.array(
    [(2, 1, 0), (2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1), (0, 1, 2), (0, 1, 2)]
).T.copy()


@dataclass(frozen=True)
class Fragments:
    """What is seen at each covered sample; n of them, in the order of the samples."""

    sample: np.ndarray  # (n,) (film * rows of samples + row) * width + column
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
    porous=True,
    two_sided=True,
    pattern: Sequence[int] = CENTRE,
) -> Fragments:
    """Find the nearest triangle at each sample of one film or of several.

    Parameters
    ----------
    points : (V, 2) or (films, V, 2)
        Vertices in pixels; the centre of the top left pixel is (0.5, 0.5), y points down.
    depth : (V,) or (films, V)
        Distance from the camera; the smaller one hides the other.
    triangles : int (T, 3)
    is_hole : callable, optional
        ``is_hole(triangle (n,), weight (3, n)) -> bool (n,)``: where one sees through.
    porous : bool or bool (T,)
        Which triangles have holes.
    two_sided : bool or bool (T,)
        Which triangles are also seen from behind, where their corners run clockwise.
    pattern : sequence of int
        Each pixel is cut into as many rows, and as many columns, as there are numbers. Each row
        has one sample, in the column whose number (from 0) stands here, and so has each column.

    Notes
    -----
    Depth and whatever is interpolated by `weight` vary linearly on the screen, which is right
    for triangles that are small beside their distance. Among equal depths the first triangle
    wins. A film comes out the same alone; drawing several together saves calls.
    """
    lattice = _Lattice(width, height, np.asarray(pattern))
    scene = _Scene(lattice, points, depth, triangles, porous, two_sided)
    buffer = _Buffer(scene.films, lattice)
    queues = [scene.visible(film) for film in range(scene.films)]
    for start in range(0, max(len(queue) for queue, _ in queues), BATCH):
        batch, nearest = (
            np.concatenate([each[start : start + BATCH] for each in pair])
            for pair in zip(*queues, strict=True)
        )
        if start:
            batch = batch.compress(~buffer.hides(scene, batch, nearest))
        _draw(buffer, scene, np.sort(batch), is_hole)
    sample = np.flatnonzero(buffer.item >= 0)
    item = buffer.item.take(sample)
    return Fragments(
        sample=sample,
        triangle=item % scene.count,
        weight=scene.weigh(item, sample),
        depth=buffer.depth.take(sample),
    )


class _Lattice:
    """The samples of a film, strung on lines: on its rows, and again on its columns.

    The distance of two lines is the unit across them; samples have whole coordinates then. Along
    a line the unit is a pixel: from sample to sample. The columns are numbered after the rows.
    """

    def __init__(self, width: int, height: int, pattern: np.ndarray):
        self.fineness = len(pattern)  # lines of a pixel, in each direction
        self.lines = np.array([height, width]) * self.fineness  # rows, columns
        self.width, self.size = width, height * self.fineness * width  # samples: of a row, of all
        row, column = (np.arange(count) for count in self.lines)
        # Of each line: where on it its first sample lies, in lines and in pixels; that sample's
        # number, and the way from there to the next one's; how far, in pixels, it is to the last.
        self.offset = np.concatenate(
            [pattern[row % self.fineness], np.argsort(pattern)[column % self.fineness]]
        )
        self.begin = self.offset / self.fineness
        self.first = self.offset * width
        self.first[: len(row)] = row * width
        self.first[len(row) :] += column // self.fineness
        self.stride = np.repeat([1, self.lines[1]], self.lines)
        self.length = np.repeat([width - 1.0, height - 1.0], self.lines)


class _Scene:
    """What is to be drawn. Item ``film * T + triangle`` is one of T triangles on one film."""

    def __init__(self, lattice: _Lattice, points, depth, triangles, porous, two_sided):
        self.lattice, self.two_sided = lattice, two_sided
        self.corners = np.ascontiguousarray(triangles.T)  # (3, T)
        self.count = len(triangles)
        self.porous = np.broadcast_to(porous, self.count)
        # Of each vertex: column and row in lines, depth.
        self.films, self.vertices = depth.reshape(-1, depth.shape[-1]).shape
        self.places = np.empty((self.films, 3, self.vertices))
        points = points.reshape(self.films, self.vertices, 2)
        self.places[:, :2] = points.swapaxes(1, 2) * lattice.fineness - 0.5
        self.places[:, 2] = depth
        self.box = np.empty((4, self.films, self.count))  # left, right, top and bottom of items
        self.upright = np.empty((self.films, self.count), np.intp)  # 1: drawn along columns

    def visible(self, film: int) -> tuple[np.ndarray, np.ndarray]:
        """The items of a film that face it and may hold a sample, about from the nearest on.

        The second array is their least depth. Fills in the film's part of `box` and `upright`.
        """
        x, y, z = self.places[film]
        x, y = (axis.take(self.corners) for axis in (x, y))
        turned = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
        sides = self.box[:, film]
        for (low, high), (a, b, c) in zip((sides[:2], sides[2:]), (x, y), strict=True):
            np.minimum(np.minimum(a, b), c, out=low)
            np.maximum(np.maximum(a, b), c, out=high)
        left, right, top, bottom = sides
        height, width = self.lattice.lines
        rows, columns = _lines(top, bottom, height), _lines(left, right, width)
        self.upright[film] = columns < rows
        # Clockwise on the screen, where y points down, is seen from behind.
        held = ((turned < 0) | self.two_sided) & (rows > 0) & (columns > 0)
        for count, line, low, high, offset in (
            (rows, top, left, right, self.lattice.offset[:height]),
            (columns, left, top, bottom, self.lattice.offset[height:]),
        ):
            # Small triangles often cross one line only, between two of its samples. A little
            # more than `TOLERANCE` is left: `_fragments` decides.
            single = np.flatnonzero(held & (count == 1))
            at = offset.take(np.ceil(np.maximum(line.take(single), 0)).astype(np.intp))
            low, high = ((each.take(single) - at) / self.lattice.fineness for each in (low, high))
            held[single] = np.ceil(low - 2 * TOLERANCE) <= high + 2 * TOLERANCE
        number = np.flatnonzero(held)
        nearest = z.take(self.corners.take(number, 1)).min(0)
        order = _front_to_back(nearest)
        return number.take(order) + film * self.count, nearest.take(order)

    def stand(self, film, triangle, upright) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How far across the lines, and along them, triangles' corners lie, and their depth.

        Each is (3, n), the corners from the first line to the last; across in lines, along in
        pixels.
        """
        places, size = self.places.ravel(), self.vertices
        corner = self.corners.take(triangle, 1) + film * (3 * size)
        across, along = (1 - upright) * size, upright * size
        u = places.take(corner + across)
        kind = (u[0] <= u[1]) * 4 + (u[1] <= u[2]) * 2 + (u[0] <= u[2])
        order = ORDERS.take(kind, 1) * len(triangle) + np.arange(len(triangle))
        corner = corner.ravel().take(order)
        u, v, z = (places.take(corner + each) for each in (across, along, 2 * size))
        return u, v / self.lattice.fineness, z

    def weigh(self, item, sample) -> np.ndarray:
        """Barycentric weights (3, n) of samples in triangles."""
        lattice = self.lattice
        row = sample // lattice.width
        column = sample - row * lattice.width
        film = row // lattice.lines[0]
        row -= film * lattice.lines[0]
        column *= lattice.fineness
        column += lattice.offset.take(row)
        corner = self.corners.take(item - film * self.count, 1) + film * (3 * self.vertices)
        x, y = (self.places.ravel().take(corner + each) for each in (0, self.vertices))
        x[1:] -= x[0]
        y[1:] -= y[0]
        column, row = column - x[0], row - y[0]
        area = x[1] * y[2] - y[1] * x[2]
        area[area == 0] = np.inf  # seen from its edge: all of it looks like its first corner
        second = (column * y[2] - row * x[2]) / area
        third = (row * x[1] - column * y[1]) / area
        return np.stack([1 - second - third, second, third])


def _lines(low, high, count: int) -> np.ndarray:
    """How many of so many lines lie between two places (n,); 0 or less if none."""
    return np.floor(np.minimum(high, count - 1)) - np.ceil(np.maximum(low, 0)) + 1


def _front_to_back(depth: np.ndarray) -> np.ndarray:
    """Roughly sorted numbers; short integers are sorted many times faster than floats."""
    if not len(depth):
        return np.zeros(0, np.intp)
    share = (depth - depth.min()) / max(np.ptp(depth), 1e-9)
    return np.argsort((share * 65535).astype(np.uint16), kind="stable")


class _Buffer:
    """What has been drawn so far: the nearest item at each sample."""

    def __init__(self, films: int, lattice: _Lattice):
        self._shape = films, lattice.lines[0], lattice.width
        self.depth = np.full(films * lattice.size, np.inf)
        self.item = np.full(films * lattice.size, -1)
        self._side = max(1, lattice.width // TILES)  # of a tile, pixels
        self._rows = self._side * lattice.fineness

    def hides(self, scene: _Scene, item, nearest) -> np.ndarray:
        """Which items lie behind everything in the tiles that they touch.

        Those larger than a tile are not looked into.
        """
        left, right, top, bottom = scene.box.reshape(4, -1).take(item, 1)
        farthest = self._farthest()
        hidden = (right - left <= self._rows) & (bottom - top <= self._rows)
        _, rows, columns = farthest.shape
        farthest, film = farthest.ravel(), item // scene.count

        def tile(place, count):
            return np.clip((place * (1 / self._rows)).astype(np.intp), 0, count - 1)

        ends = [tile(each, columns) for each in (left, right)]
        for each in (top, bottom):
            row = (film * rows + tile(each, rows)) * columns
            for column in ends:
                hidden &= nearest > farthest.take(row + column)
        return hidden

    def _farthest(self) -> np.ndarray:
        """The largest depth in each tile; infinite where something is still uncovered."""
        depth, (_, height, width) = self.depth.reshape(self._shape), self._shape
        depth = np.maximum.reduceat(depth, np.arange(0, height, self._rows), 1)
        return np.maximum.reduceat(depth, np.arange(0, width, self._side), 2)


def _draw(buffer: _Buffer, scene: _Scene, batch, is_hole) -> None:
    """Put the items of a batch in front of what they hide on their films."""
    film = batch // scene.count
    triangle = batch - film * scene.count
    owner, sample, depth = _fragments(scene, film, triangle, scene.upright.ravel().take(batch))
    near = np.flatnonzero(depth < buffer.depth.take(sample))
    sample, depth, owner = (each.take(near) for each in (sample, depth, owner))

    winner = np.full(len(buffer.item), -1)
    contest = np.arange(len(sample))
    _put_nearest(winner, contest, sample, depth)
    if is_hole is not None:
        porous = scene.porous.take(triangle)

        def holes(front):
            front = front.compress(porous.take(owner.take(front)))
            here = owner.take(front)
            weight = scene.weigh(batch.take(here), sample.take(front))
            return front.compress(is_hole(triangle.take(here), weight))

        _look_through(winner, contest, sample, depth, holes)
    front = winner.compress(winner >= 0)
    sample = sample.take(front)
    buffer.item[sample], buffer.depth[sample] = batch.take(owner.take(front)), depth.take(front)


def _fragments(scene: _Scene, film, triangle, upright):
    """All fragments of some triangles, one triangle after the other.

    Returns the number of the triangle among these, the sample, and the depth of each fragment.
    """
    lattice = scene.lattice
    u, v, z = scene.stand(film, triangle, upright)
    first = np.ceil(np.maximum(u[0], 0))
    last = np.floor(np.minimum(u[2], (lattice.lines - 1).take(upright)))
    owner, step = _spread((last - first).astype(np.intp) + 1)
    line = (first.astype(np.intp) + upright * lattice.lines[0]).take(owner)
    line += step
    step = step.astype(float)
    begin = lattice.begin.take(line)
    left, right = _crossings(u, v, first, owner, step)
    for edge, slack, whole in ((left, -TOLERANCE, np.ceil), (right, TOLERANCE, np.floor)):
        edge -= begin
        edge += slack
        whole(edge, out=edge)
    np.maximum(left, 0, out=left)
    np.minimum(right, lattice.length.take(line), out=right)

    crossed = np.flatnonzero(right >= left)
    left, right = (each.take(crossed).astype(np.intp) for each in (left, right))
    line, owner, step, begin = (each.take(crossed) for each in (line, owner, step, begin))
    start, per_line, per_pixel = _slopes(u, v, z, first)
    per_pixel = per_pixel.take(owner)
    depth = start.take(owner) + per_line.take(owner) * step + per_pixel * (left + begin)
    stride = lattice.stride.take(line)
    sample = lattice.first.take(line) + left * stride + (film * lattice.size).take(owner)

    span, step = _spread(right - left + 1)
    sample = sample.take(span) + stride.take(span) * step
    depth = depth.take(span) + per_pixel.take(span) * step
    return owner.take(span), sample, depth


def _crossings(u, v, first, owner, step) -> tuple[np.ndarray, np.ndarray]:
    """Where lines enter and leave triangles: line `step` after the first one of triangle `owner`.

    Triangles are given by their corners as in `_Scene.stand`.
    """
    slope, start = np.empty((2, *u.shape))
    for number, (low, high) in enumerate(((0, 2), (0, 1), (1, 2))):
        slope[number] = (v[high] - v[low]) / np.maximum(u[high] - u[low], LEVEL)
        start[number] = v[low] + slope[number] * (first - u[low])
    # In place: these arrays are the longest of all, and new memory costs more than the sums.
    edges = slope.take(owner, 1)
    edges *= step
    edges += start.take(owner, 1)
    long, low, high = edges
    # Of the two short edges that one which the line crosses: the middle one of all three.
    short = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), long))
    return np.minimum(long, short), np.maximum(long, short)


def _slopes(u, v, z, first) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth of triangles at the beginning of their first line, its rise per line and per pixel."""
    (u1, u2), (v1, v2), (z1, z2) = ((each[1] - each[0], each[2] - each[0]) for each in (u, v, z))
    area = u1 * v2 - u2 * v1
    area[area == 0] = np.inf  # seen from its edge
    per_line, per_pixel = (z1 * v2 - z2 * v1) / area, (u1 * z2 - u2 * z1) / area
    return z[0] + per_line * (first - u[0]) - per_pixel * v[0], per_line, per_pixel


def _look_through(winner, contest, sample, depth, holes) -> None:
    """Where a hole won, let all that is behind it contest again; `holes` picks those of fragments.

    Most fragments are hidden behind whole ones, and are never looked into.
    """
    front = holes(winner.compress(winner >= 0))
    if not len(front):
        return
    winner[sample.take(front)] = -1
    gone = np.zeros(len(sample), bool)
    gone[front] = True
    contest = contest.compress((winner.take(sample) < 0) & ~gone)
    gone[holes(contest)] = True
    _put_nearest(winner, contest.compress(~gone.take(contest)), sample, depth)


def _spread(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each count, one after the other: its own number count times, and 0, 1, .. count - 1.

    All counts are 1 or more.
    """
    stop = np.cumsum(counts)
    owner = np.zeros(stop[-1] if len(stop) else 0, np.intp)
    owner[stop[:-1]] = 1
    np.cumsum(owner, out=owner)
    step = np.arange(len(owner))
    step -= (stop - counts).take(owner)
    return owner, step


def _put_nearest(winner, contest, sample, depth) -> None:
    """Put the nearest of the contesting fragments at their samples; among equals the first.

    Of several assignments to one place numpy keeps the last. So all fragments are put into their
    places, the first ones last; those nearer than what stands there are put again, and so on.
    """
    while len(contest):
        place = sample.take(contest)
        winner[place[::-1]] = contest[::-1]
        contest = contest.compress(depth.take(contest) < depth.take(winner.take(place)))
