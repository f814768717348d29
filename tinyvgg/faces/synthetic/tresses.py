"""Hair that hangs or is tied: a curtain around the back of the head, a bun behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .basis import HeadBasis
from .canvas import load_canvas, row_of
from .hair import CUTS, canvas_column, near_ears, strands_at
from .identity import Person
from .mesh import grid_quads
from .paint import ramp, sample, smooth_noise, stream

FIRST, LAST = 58.0, 302.0  # degrees around the scalp: from cheek to cheek by the back
CURTAIN_TOP = 8.30  # dm, hidden within the shell of hair
HANG_FROM = 7.40  # dm; hair lies on the head down to its widest part and hangs straight below
OVER_EARS = 0.13  # dm that loose hair stands off further to cover the ears
SLIDE, TUCKED_SLIDE = 0.06, 0.42  # dm that falling hair goes back from the cheeks
# Share of the cut's thickness that the curtain has at each height. It comes out of the shell
# between the crown and HANG_FROM.
BODY = ((5.3, 6.2, 6.9, 7.4, 7.8, 8.3), (0.9, 1.2, 1.25, 1.10, 0.85, 0.45))
LAYERING = 0.035  # dm by which single strands come out of the shell earlier or later


@dataclass(frozen=True)
class Sheet:
    """A surface of hair in the person's own shape."""

    vertices: np.ndarray  # (n, 3)
    quads: np.ndarray
    layout: np.ndarray  # (n, 3) angle in degrees, height on the rest head, share of the way down


def curtain(
    person: Person, basis: HeadBasis, surface: np.ndarray, unit: float, strands: np.ndarray
) -> Sheet | None:
    """Hair that hangs from the crown around the back, or None if this cut has none.

    `surface` are the person's fine vertices without hair, `unit` is the size of the head.
    """
    cut, tucked = CUTS[person.hair.style], person.hair.tucked
    if cut.curtain_end is None:
        return None
    around = np.linspace(FIRST, LAST, 123)
    down = np.concatenate(
        [np.linspace(CURTAIN_TOP, HANG_FROM, 18), np.linspace(7.34, cut.curtain_end, 22)]
    )
    angle, height = np.meshgrid(around, down)
    on_head = np.maximum(height, HANG_FROM)
    scalp = basis.is_skin & (basis.rest[:, 1] > 6.6) & (near_ears() < 0.3)
    head = _carry(basis.rest[scalp], surface[scalp], angle, on_head)
    edge = np.minimum(around - FIRST, LAST - around)  # degrees from the front edges

    outward = head - head.mean((0, 1)) * [0, 0, 1]
    outward[..., 1] = 0
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    body = cut.thickness * person.hair.volume * np.interp(down, *BODY)
    wave = smooth_noise(stream("wave", person.subject), angle.shape, 2.4, 2)
    thickness = body[:, None] * ramp(edge, -12, 12)
    if not tucked:
        thickness = thickness + OVER_EARS * ramp(edge, 60, 25) * ramp(down, 7.75, 7.2)[:, None]
    thickness = thickness - 0.08 * ramp(edge, 5, 0)  # the front edge lies on the head
    thickness = thickness + 0.018 * wave * ramp(down, 7.6, 6.8)[:, None]
    strand = strands_at(strands, person.hair, angle, np.full_like(height, 7.6))
    thickness = thickness + LAYERING * strand * ramp(down, 7.2, 7.6)[:, None]
    inward = 0.12 * ramp(down, 7.0, cut.curtain_end)[:, None]
    points = head + outward * unit * (thickness - inward)[..., None]
    points[..., 1] += unit * (height - on_head)
    slide = TUCKED_SLIDE if tucked else SLIDE
    points[..., 2] -= unit * slide * ramp(down, 7.5, 6.7)[:, None] * ramp(edge, 60, 0)
    share = np.broadcast_to(np.linspace(0, 1, len(down))[:, None], angle.shape)
    layout = np.stack([angle, height, share], -1)
    return Sheet(points.reshape(-1, 3), grid_quads(*angle.shape), layout.reshape(-1, 3))


def _carry(rest: np.ndarray, posed: np.ndarray, angle, height) -> np.ndarray:
    """Where the scalp at angles (degrees) and heights of the rest head lies on a person."""
    canvas = load_canvas()
    columns = canvas_column((np.ravel(angle) + 180) % 360 - 180, np.ravel(height))
    fields = np.stack([canvas.x, canvas.y, canvas.z], -1)
    points = sample(fields, columns, row_of(np.ravel(height)))
    distance, neighbour = cKDTree(rest).query(points, k=6)
    weight = 1 / (distance + 0.01)
    weight /= weight.sum(1, keepdims=True)
    shift = ((posed - rest)[neighbour] * weight[..., None]).sum(1)
    return (points + shift).reshape(*np.shape(angle), 3)


def is_ragged_gap(strands: np.ndarray, person: Person, layout: np.ndarray) -> np.ndarray:
    """Which points (n, 3) of a curtain's layout fall between the tips of its strands."""
    angle, _, share = layout.T
    tips = strands_at(strands, person.hair, 3 * angle, np.full_like(angle, 7.0))
    return share > 0.96 + 0.05 * tips


def bun(person: Person, eyes_y: float, back_z: float, eye_chin: float, unit: float):
    """Centre and radii of the bun of tied hair, or None."""
    if not CUTS[person.hair.style].bun:
        return None
    centre = np.array([0.0, eyes_y + 0.15 * eye_chin, back_z - 0.12])
    return centre, 0.30 * unit * np.array([1.0, 0.95, 0.85])
