"""Ribbons of hair: locks given a width, the knot of tied hair, and the strands seen close up."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tinyvgg.faces.synthetic.paint import layered_noise, ramp, sample, stream, to_unit
from tinyvgg.faces.synthetic.person.haircuts import TIE
from tinyvgg.faces.synthetic.person.identity import Person
from tinyvgg.faces.synthetic.person.mesh import grid_quads, unit_sphere
from tinyvgg.faces.synthetic.rendering.camera import Frame

EYES = np.array([0.0, 7.284, 1.245])  # between the eyes of the mean head
STRANDS_PER_DM = 75  # columns of the strand texture
ROOT_FADE, TIP_FADE = 0.05, 0.30  # dm over which the hairs of a lock begin and end
AXIS_Z = 0.35  # hair surrounds the axis x = 0, z = AXIS_Z
ROUNDNESS = 0.4  # how far a ribbon's normals turn from its middle to its edges
ROWS, COLUMNS = 48, 1024  # of the strand texture: along and across the hairs
DULLNESS = 0.9  # hair in bulk looks less colourful than a single hair
SHADE = 0.80
CONTRAST = 0.22  # of single strands
FINEST = 110.0  # pixels per dm below which single strands blur into the lock
ROOT_TONE, TIP_TONE = 0.80, 1.12


@dataclass(frozen=True)
class Sheet:
    """Ribbons of hair in a person's own shape."""

    vertices: np.ndarray  # (n, 3)
    normals: np.ndarray  # (n, 3)
    quads: np.ndarray
    layout: np.ndarray  # (n, 3) strand column, place across -1..1, share of the way down
    tangent: np.ndarray  # (n, 3) direction of the strands
    tone: np.ndarray  # (n,) brightness, 1 on average
    anchor: np.ndarray  # (n,) coarse vertex of the head that carries each point along
    follow: np.ndarray  # (n,) how much of that vertex's motion it takes

    def carried(self, motion: np.ndarray) -> np.ndarray:
        """Vertices (n, 3) when an expression moves the coarse head's vertices (V, 3)."""
        return self.vertices + motion[self.anchor] * self.follow[:, None]


class Body:
    """The head, neck and shoulders that hair lies on."""

    def __init__(self, points, normals):
        self._tree, self._points, self._normals = cKDTree(points), points, normals

    def near(self, at):
        """Normal (n, 3) of the surface near points, and how far above it they are (n,)."""
        distance, index = self._tree.query(at, k=4)
        weight = 1 / (distance + 0.01) ** 2
        weight /= weight.sum(1, keepdims=True)
        normal = to_unit((self._normals[index] * weight[..., None]).sum(1))
        point = (self._points[index] * weight[..., None]).sum(1)
        return normal, ((at - point) * normal).sum(1)

    def nearest(self, at):
        return self._tree.query(at)


def make_ribbons(
    random, path, length, width, roll, tone, body: Body, frame: Frame, coarse
) -> Sheet:
    """Give locks (steps, n, 3) a width; two vertices across each."""
    steps, count, _ = path.shape
    tangent = to_unit(np.gradient(path, axis=0))
    normal, height = body.near(path.reshape(-1, 3))
    axis = path - np.array([0, 0, AXIS_Z])
    axis[..., 1] = 0
    far = ramp(height, 0.06, 0.25).reshape(steps, count, 1)
    normal = to_unit(normal.reshape(steps, count, 3) * (1 - far) + to_unit(axis) * far)
    roll = roll[:, None]
    across = to_unit(np.cross(tangent, normal))
    normal = to_unit(np.cross(across, tangent))
    across, normal = (
        across * np.cos(roll) + normal * np.sin(roll),
        normal * np.cos(roll) - across * np.sin(roll),
    )
    share = np.linspace(0, 1, steps)[:, None]
    # Roots and tips fray over a length of their own, so that long hair stays dense.
    left = (1 - share) * length / np.minimum(TIP_FADE, 0.7 * length)
    along = 0.15 * np.minimum(share * length / ROOT_FADE, 1) + 0.85 * np.clip(1 - left, 0, 1)
    profile = (0.55 + 0.45 * ramp(share, 0, 0.2)) * (1 - 0.35 * ramp(share, 0.6, 1))
    half = (0.5 * width * profile)[..., None]
    edges = np.stack([path - half * across, path + half * across], 2)  # (steps, n, 2, 3)
    bent = np.stack([normal - ROUNDNESS * across, normal + ROUNDNESS * across], 2)
    side = np.array([-1.0, 1.0])
    column = random.uniform(0, COLUMNS, count)[:, None]
    column = column + 0.5 * side * width[:, None] * STRANDS_PER_DM
    shape = (steps, count, 2)
    layout = np.stack(
        [
            np.broadcast_to(column, shape),
            np.broadcast_to(side, shape),
            np.broadcast_to(along[..., None], shape),
        ],
        -1,
    )

    def by_lock(values):
        """(steps, n, 2, ...) to vertices lock by lock."""
        return values.swapaxes(0, 1).reshape(count * steps * 2, *values.shape[3:])

    ribbon = grid_quads(steps, 2)
    quads = (ribbon + 2 * steps * np.arange(count)[:, None, None]).reshape(-1, 4)
    points = by_lock(edges)
    distance, anchor = cKDTree(coarse).query(points)
    pair = np.broadcast_to(tangent[:, :, None], edges.shape)
    return Sheet(
        vertices=(points - EYES) * frame.unit + frame.eyes,
        normals=to_unit(by_lock(bent)),
        quads=quads,
        layout=by_lock(layout),
        tangent=by_lock(pair),
        tone=by_lock(np.broadcast_to(tone[..., None], shape)),
        anchor=anchor,
        follow=ramp(distance, 0.35, 0.12),
    )


def make_bun(person: Person, frame: Frame) -> Sheet | None:
    """The knot of tied hair, or None."""
    if not person.hair.cut.tie:
        return None
    ball, quads = unit_sphere()
    size = (0.30, 0.28, 0.25) if person.hair.cut.tie == "bun" else (0.09, 0.09, 0.09)
    away = 0.14 if person.hair.cut.tie == "bun" else 0.04
    centre = TIE[person.hair.cut.tie] - np.array([0, 0, away])
    around = np.arctan2(ball[:, 1], ball[:, 0])
    tangent = to_unit(np.cross(ball, [0.3, 0.4, 1.0]))
    layout = np.stack([300 + 60 * ball[:, 2], 0 * around, 0.5 + 0.15 * np.sin(around)], 1)
    points = (centre + ball * np.array(size) * person.hair.volume - EYES) * frame.unit + frame.eyes
    return Sheet(
        vertices=points,
        normals=ball,
        quads=quads,
        layout=layout,
        tangent=tangent,
        tone=np.full(len(ball), 0.95),
        anchor=np.zeros(len(ball), int),
        follow=np.zeros(len(ball)),
    )


@functools.lru_cache(maxsize=1)
def strand_texture() -> np.ndarray:
    """Float32 (ROWS, COLUMNS, 1), evenly spread over 0..1, the same for everybody."""
    layers = (1.0, (16, 0.6)), (0.55, (16, 2.4))
    total = layered_noise(stream("strands"), (ROWS, COLUMNS), layers, float)
    even = np.empty(total.size)
    even[np.argsort(total, axis=None)] = np.arange(1, total.size + 1) / total.size
    return even.reshape(*total.shape, 1).astype(np.float32)


def strand_at(column, along) -> np.ndarray:
    """Strand values 0..1 (n,) at columns of the texture and shares 0..1 of the way down."""
    column = column - COLUMNS * np.floor(column / COLUMNS)  # ten times faster than a remainder
    return sample(strand_texture(), column + 0.5, along * ROWS)[:, 0]


def is_frayed(layout: np.ndarray) -> np.ndarray:
    """Which points of locks are gaps between strands.

    `layout` (n, 3) holds the column in the strand texture, the place across the lock -1..1,
    and the share of the way down.
    """
    column, across, along = layout.T
    thin = 0.95 * ramp(along, 0.15, 1.03) + 0.5 * ramp(np.abs(across), 0.6, 1.1)
    return strand_at(column, along) < thin + 0.75 * ramp(along, 0.15, -0.03)


def hair_colour(colour, strand, tone, pixels_per_dm: float) -> np.ndarray:
    """Linear light (n, 3) of strands 0..1 whose lock has the given tone (n,), 1 on average."""
    grey = colour.mean()
    bulk = (grey + (colour - grey) * DULLNESS) * SHADE
    contrast = CONTRAST * min(1.0, pixels_per_dm / FINEST)
    light = tone * (1 + contrast * (2 * strand - 1))
    return np.clip(bulk * light[..., None], 0.004, 1).astype(np.float32)
