"""The canvas: the rest head's skin unrolled from a cylinder, on which people are painted.

Column = angle around a vertical axis through the head, row = height. Unlike a projection from
the front it does not smear what is painted on the cheeks and temples.

A canvas comes in several levels: each halves the resolution of the one before, and small
pictures are painted on a small canvas. All places and lengths that painters give (columns, rows,
radii, widths) are in texels of the finest canvas, whatever the level; only arrays shrink.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, zoom

from tinyvgg.faces.synthetic.paint import halve, sample, smooth_noise, stream
from tinyvgg.faces.synthetic.person.basis import load_basis
from tinyvgg.faces.synthetic.rendering.raster import rasterize

AXIS_Z = 0.45  # dm; the axis x = 0, z = AXIS_Z lies inside head and neck at all heights
TOP, BOTTOM = 8.60, 5.60  # heights at the canvas's borders, dm
HEIGHT = 704  # texels of the finest canvas
WIDTH = 1536  # texels for the full turn; straight ahead is the middle column
LEVELS = 5  # the coarsest canvas is halved four times
TEXELS_PER_DM = HEIGHT / (TOP - BOTTOM)  # 235; sideways 244 at 1 dm from the axis
COARSE = 4  # the rest shape is smooth: it is rasterised at a quarter of the resolution


def column_of(angle):
    """Column at an angle in radians (0 is straight ahead, positive towards the subject's left)."""
    return (angle / (2 * np.pi) + 0.5) * WIDTH


def row_of(height):
    """Row at a height in decimetres."""
    return (TOP - height) * TEXELS_PER_DM


def angle_of(x, z):
    """Angle around the axis, radians."""
    return np.arctan2(x, z - AXIS_Z)


def level_for(pixels_per_dm: float) -> int:
    """How often to halve the canvas so that its texels are half to once as large as pixels."""
    return int(np.clip(np.floor(np.log2(TEXELS_PER_DM / pixels_per_dm)), 0, LEVELS - 1))


@dataclass(frozen=True)
class Canvas:
    """Where on the rest head each texel lies (float32 arrays of one shape)."""

    level: int
    angle: np.ndarray  # radians around the axis
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    outward: np.ndarray  # z component of the surface normal: 1 faces the camera in front

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.angle.shape

    @property
    def shrink(self) -> int:
        """Texels of the finest canvas along one of this one's."""
        return 2**self.level

    def place(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Column and row of points (x, y) seen from the front, |x| < 0.85 dm."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        table, first_x, step = _columns_from_front()
        rows = np.clip(row_of(y), 0, HEIGHT)
        column = sample(table[..., None], (x.ravel() - first_x) / step + 0.5, rows.ravel() / COARSE)
        return column[:, 0].reshape(x.shape), rows

    def texels(self, columns, rows) -> tuple[np.ndarray, np.ndarray]:
        """Index ``[rows, columns]`` of the texels of this canvas at places of the finest."""
        height, width = self.shape
        return (
            np.clip(np.asarray(rows) // self.shrink, 0, height - 1).astype(int),
            np.clip(np.asarray(columns) // self.shrink, 0, width - 1).astype(int),
        )

    def blur(self, field: np.ndarray, radius: float) -> np.ndarray:
        """A field on this canvas, blurred by a Gaussian of a radius in finest texels."""
        return gaussian_filter(field, radius / self.shrink, truncate=3)

    def noise(self, name: str, scale: float, octaves: int = 3) -> np.ndarray:
        """Noise of deviation 1 (at the finest level), the same on everybody; `scale` in texels."""
        return _noise(name, scale, octaves, self.level)

    def strokes(self, starts, stops, strength, width: float = 1.0) -> np.ndarray:
        """Cover 0..1 of straight strokes between points (n, 2): columns, rows.

        `strength` (n,) is 0..1; `width` is in texels. Where strokes cross, the strongest shows.
        """
        # Drawn larger and shrunk, since PIL's lines are not smooth and at least one pixel wide.
        finer = self.shrink * max(1 if self.level else 2, round(1 / width))
        lines = np.concatenate([starts, stops], 1) / self.shrink
        left, top = np.floor(lines.reshape(-1, 2).min(0)).astype(int) - 2
        right, bottom = np.ceil(lines.reshape(-1, 2).max(0)).astype(int) + 3
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.shape[1]), min(bottom, self.shape[0])
        cover = np.zeros(self.shape, np.float32)
        if right <= left or bottom <= top:
            return cover
        image = Image.new("L", ((right - left) * finer, (bottom - top) * finer))
        pen = ImageDraw.Draw(image)
        lines = (lines - [left, top, left, top]) * finer
        order = np.argsort(strength, kind="stable")  # strong strokes lie on top
        shades = np.clip(np.asarray(strength) * 255, 0, 255).astype(int)
        thickness = max(1, round(width * finer / self.shrink))
        for line, shade in zip(lines[order].tolist(), shades[order].tolist(), strict=True):
            pen.line(line, fill=shade, width=thickness)
        drawn = np.asarray(image.resize((right - left, bottom - top), Image.Resampling.BOX))
        cover[top:bottom, left:right] = drawn.astype(np.float32) / 255
        return cover


@functools.lru_cache(maxsize=LEVELS)
def load_canvas(level: int = 0) -> Canvas:
    """The unrolled rest head, halved `level` times; made once per process."""
    height, width = HEIGHT >> level, WIDTH >> level
    fields = _coarse_fields()
    scale = height / fields.shape[0]
    radius, outward = (
        zoom(fields[..., k], scale, order=1, grid_mode=True, mode="nearest").astype(np.float32)
        for k in range(2)
    )
    columns = (np.arange(width, dtype=np.float32) + 0.5) / width
    angles = np.broadcast_to(((columns - 0.5) * 2 * np.pi).astype(np.float32), (height, width))
    rows = (np.arange(height, dtype=np.float32) + 0.5) * 2**level
    heights = np.broadcast_to((TOP - rows / TEXELS_PER_DM)[:, None], (height, width))
    return Canvas(
        level=level,
        angle=angles,
        x=radius * np.sin(angles),
        y=heights.astype(np.float32),
        z=np.float32(AXIS_Z) + radius * np.cos(angles),
        outward=outward,
    )


@functools.lru_cache(maxsize=1)
def _coarse_fields() -> np.ndarray:
    """Distance from the axis and outward normal of the rest head, unrolled (H, W, 2)."""
    basis = load_basis()
    rest, normals = basis.rest, basis.rest_normals
    # Ears hide the scalp beside them and the mouth's inside is no outer skin: leave them out.
    outer = (basis.masks["ears"] < 0.5) & (basis.masks["inside-mouth"] < 0.5) & basis.is_skin
    triangles = basis.fine.triangles[outer[basis.fine.triangles].all(1)]
    angle = angle_of(rest[:, 0], rest[:, 2])
    radius = np.hypot(rest[:, 0], rest[:, 2] - AXIS_Z)
    corner = angle[triangles]
    triangles = triangles[np.ptp(corner, axis=1) < 1]  # none across the seam behind the head
    height, width = HEIGHT // COARSE, WIDTH // COARSE
    points = np.stack([column_of(angle), row_of(rest[:, 1])], 1) / COARSE
    seen = rasterize(points, -radius, triangles, width, height)
    fields = np.full((height, width, 2), np.nan)
    corners = triangles[seen.triangle]
    values = np.stack([radius, normals[:, 2]], 1)
    fields.reshape(-1, 2)[seen.sample] = (values[corners] * seen.weight.T[..., None]).sum(1)
    for _ in range(2):  # fill the holes along rows, then whole rows from their neighbours
        fields = np.stack([_fill_rows(fields[..., k]) for k in range(2)], -1).transpose(1, 0, 2)
    return fields


def _fill_rows(field: np.ndarray) -> np.ndarray:
    field = field.copy()
    for row in field:
        known = np.isfinite(row)
        if known.any() and not known.all():
            at = np.arange(len(row))
            row[~known] = np.interp(at[~known], at[known], row[known])
    return field


@functools.lru_cache(maxsize=1)
def _columns_from_front() -> tuple[np.ndarray, float, float]:
    """Column of the frontmost skin at each (row, x): the canvas as seen from the front."""
    canvas = load_canvas()
    xs = np.linspace(-0.85, 0.85, 171)
    centre = WIDTH // 2
    columns = np.arange(centre - WIDTH // 4, centre + WIDTH // 4)
    table = np.empty((HEIGHT // COARSE, len(xs)), np.float32)
    for row in range(len(table)):
        x = np.maximum.accumulate(canvas.x[row * COARSE + COARSE // 2, columns])
        table[row] = np.interp(xs, x, columns + 0.5)
    return table, float(xs[0]), float(xs[1] - xs[0])


@functools.lru_cache(maxsize=48)
def _noise(name: str, scale: float, octaves: int, level: int) -> np.ndarray:
    if level:
        return halve(_noise(name, scale, octaves, level - 1)[..., None])[..., 0]
    return smooth_noise(stream(name), (HEIGHT, WIDTH), scale, octaves)


def slope(relief: np.ndarray, texels_per_dm: float = TEXELS_PER_DM) -> np.ndarray:
    """Rise (..., 2) of a height map in dm, along the turn of the head and upwards.

    Sideways texels are taken to be as large as they are 1 dm from the axis.
    """
    down, right = np.gradient(relief)
    return np.stack([right, -down], -1) * np.float32(texels_per_dm)


def curve(points, count: int) -> np.ndarray:
    """`count` points (count, 2) of the cubic (or simpler) polynomial nearest to a few points."""
    points = np.asarray(points, float)
    degree = min(3, len(points) - 1)
    at, fine = np.linspace(0, 1, len(points)), np.linspace(0, 1, count)
    return np.stack([np.polyval(np.polyfit(at, points[:, k], degree), fine) for k in (0, 1)], 1)
