"""Locks of hair: ribbons that grow from the scalp, are combed, lie on the head and hang.

A lock is grown step by step in a frame in which every head is as large as the mean one: the
comb leads it along the scalp, its weight bends it down, and the head, neck and shoulders push
it out. Expressions carry it along with the skin beneath.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .basis import HeadBasis
from .camera import Frame
from .haircuts import Hair
from .identity import Person
from .mesh import grid_quads, unit_sphere
from .paint import ramp, stream
from .strands import COLUMNS, ROOT_TONE, TIP_TONE

EYES = np.array([0.0, 7.284, 1.245])  # between the eyes of the mean head
CROWN = np.array([0.0, 8.42, 0.10])
TIE = {"bun": np.array([0.0, 7.62, -0.46]), "tail": np.array([0.0, 7.35, -0.46])}
HANG_FROM = 7.40  # below, hair hangs; above, it lies on the head
DOWN = np.array([0.0, -1.0, 0.0])
# Hanging hair stays behind these z at these heights, to leave the face free.
FACE_Y = (5.6, 6.3, 7.0, 7.4, 7.7, 7.95, 8.2)
FACE_Z = (1.15, 0.80, 0.74, 0.82, 1.02, 1.30, 2.0)
TUCKED_Z = (0.95, 0.35, 0.27, 0.34, 0.75, 1.15, 2.0)
TAIL_LOCKS = 70
LAYERING = 0.05  # dm by which the ends of hanging locks differ
STRANDS_PER_DM = 75  # columns of the strand texture
ROOT_FADE, TIP_FADE = 0.05, 0.30  # dm over which the hairs of a lock begin and end
AXIS_Z = 0.35  # hair surrounds the axis x = 0, z = AXIS_Z
ROUNDNESS = 0.4  # how far a ribbon's normals turn from its middle to its edges


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

    @property
    def look(self) -> np.ndarray:
        """Direction and tone, (n, 4)."""
        return np.concatenate([self.tangent, self.tone[:, None]], 1)

    def carried(self, motion: np.ndarray) -> np.ndarray:
        """Vertices (n, 3) when an expression moves the coarse head's vertices (V, 3)."""
        return self.vertices + motion[self.anchor] * self.follow[:, None]


class _Body:
    """The head, neck and shoulders that hair lies on."""

    def __init__(self, points, normals):
        self._tree, self._points, self._normals = cKDTree(points), points, normals

    def near(self, at):
        """Normal (n, 3) of the surface near points, and how far above it they are (n,)."""
        distance, index = self._tree.query(at, k=4)
        weight = 1 / (distance + 0.01) ** 2
        weight /= weight.sum(1, keepdims=True)
        normal = _unit((self._normals[index] * weight[..., None]).sum(1))
        point = (self._points[index] * weight[..., None]).sum(1)
        return normal, ((at - point) * normal).sum(1)

    def nearest(self, at):
        return self._tree.query(at)


def _unit(vectors):
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def grow_locks(
    person: Person,
    basis: HeadBasis,
    surface: np.ndarray,
    normals: np.ndarray,
    frame: Frame,
    above: np.ndarray,
    ears: np.ndarray,
) -> Sheet | None:
    """The person's locks, or None if the hair is too short to show any.

    `surface` and `normals` are the fine vertices with the shell of hair, `above` their height
    above the hairline (dm), `ears` where no hair grows.
    """
    hair, cut = person.hair, person.hair.cut
    if not cut.locks:
        return None
    random = stream("locks", person.subject)
    own = (surface - frame.eyes) / frame.unit + EYES
    body_part = basis.is_skin & (basis.rest[:, 1] > 4.9)
    if cut.end is None or hair.tucked:
        body_part &= ears < 0.5
    body = _Body(own[body_part], normals[body_part])

    root, root_normal = _roots(random, basis, own, normals, above, ears, hair)
    count = len(root)
    hangs_in_front = _is_fringe(root, hair)
    length = _lengths(random, hair, root, hangs_in_front)
    steps = (
        (14 if hair.wave < 0.5 else 18)
        if cut.end is not None
        else 9
        if cut.tie or hair.wave > 0.9
        else 7
    )
    layer = random.uniform(0.004, 0.06 if cut.end is not None else 0.05, count)
    layer = 0.012 + 0.3 * layer if cut.tie else layer * np.minimum(1, length / 0.4)
    layer = np.where(hangs_in_front, random.uniform(0.03, 0.06, count), layer)
    strayed = cut.frizz * (0.7 * _drift(random, root) + 0.5 * random.standard_normal((count, 3)))
    in_front = ramp(root[:, 2], 0.5, 1.05) * ramp(root[:, 1], 7.85, 8.1)
    on_top = 0.6 * ramp(root[:, 1], 7.7, 8.2)
    lift = cut.lift * hair.volume * np.maximum(in_front, on_top)
    lift *= random.uniform(0.8 if cut.end is not None else 0.5, 1.15, count)
    lift[hangs_in_front] = 0.03
    face_z = TUCKED_Z if hair.tucked else FACE_Z

    path = np.empty((steps + 1, count, 3))
    at = root + root_normal * (0.3 * layer)[:, None]
    path[0], normal = at, root_normal
    direction = None
    stride = (length / steps)[:, None]
    for step in range(1, steps + 1):
        share = step / steps
        led = _unit(COMBS[cut.comb](at, root, hair)) + strayed
        led[hangs_in_front] = _forward(at, root, hair)[hangs_in_front]
        lying = np.ones(count)
        if cut.end is not None or hair.fringe > 0:
            lying = ramp(normal[:, 1], -0.05, 0.22) * ramp(at[:, 1], 7.1, 7.4)
            if cut.end is None:
                lying[~hangs_in_front] = 1
        led = led - normal * (led * normal).sum(1, keepdims=True)
        led = lying[:, None] * _unit(led) + (1 - lying[:, None]) * (DOWN + 0.5 * strayed)
        direction = _unit(led if direction is None else 0.45 * direction + 0.55 * _unit(led))
        at = at + stride * direction
        if cut.comb == "tie":
            at = root + (TIE[cut.tie] - root) * share  # then laid on the head
        normal, height = body.near(at)
        rise = layer + lift * np.sin(0.75 * np.pi * share)
        out = np.where(lying > 0.5, rise - height, np.maximum(layer - height, 0))
        at = at + normal * out[:, None]
        if cut.end is not None:
            inward = cut.turn * ramp(share, 0.70, 1) * stride[:, 0] * (1 - lying)
            centre = np.hypot(at[:, 0], at[:, 2] - AXIS_Z) + 1e-9
            at[:, 0] -= at[:, 0] / centre * inward
            at[:, 2] -= (at[:, 2] - AXIS_Z) / centre * inward
            limit = np.interp(at[:, 1], FACE_Y, face_z)
            limit = np.where(hangs_in_front, 9.0, limit)
            at[:, 2] = np.minimum(at[:, 2], limit)
            normal, height = body.near(at)
            at = at + normal * np.maximum(layer - height, 0)[:, None]
        path[step] = at
    if cut.end is not None:
        ends = cut.end + 0.35 * (1 - hair.length) + LAYERING * random.gamma(1.2, 1.0, count)
        ends += 0.12 * ramp(root[:, 2], 0.6, 1.1)  # shorter around the face
        path = _cut(path, np.where(hangs_in_front, -9, ends))
        length = np.linalg.norm(np.diff(path, axis=0), axis=2).sum(0)
    path = _curl(random, path, length, hair, body)
    tone = _tones(random, path, layer, cut)
    width = cut.width * random.uniform(0.7, 1.3, count)
    width[hangs_in_front] *= 0.8
    roll = random.normal(0, 0.6 if cut.end is not None else 0.25, count)
    if cut.tie == "tail":
        tail = _tail(random, hair, steps, body)
        path = np.concatenate([path, tail], 1)
        length = np.concatenate([length, np.full(TAIL_LOCKS, 1.2)])
        tone = np.concatenate([tone, np.full((steps + 1, TAIL_LOCKS), 0.95)], 1)
        tone[:, count:] *= np.exp(random.normal(0, 0.08, TAIL_LOCKS))
        width = np.concatenate([width, cut.width * random.uniform(0.7, 1.3, TAIL_LOCKS)])
        roll = np.concatenate([roll, random.uniform(-1.5, 1.5, TAIL_LOCKS)])
    width = np.minimum(width, 0.3 * length)
    return _ribbons(
        random, path, length, width, roll, tone, body, frame, own[: basis.smooth.shape[1]]
    )


def _cut(path, ends) -> np.ndarray:
    """Shorten locks (steps, n, 3) to where they fall below heights (n,)."""
    steps, count, _ = path.shape
    below = path[..., 1] < ends
    last = np.where(below.any(0), np.argmax(below, 0), steps - 1)
    each = np.arange(count)
    before = np.maximum(last - 1, 0)
    high, low = path[before, each, 1], path[last, each, 1]
    part = np.where(below.any(0), (high - ends) / np.maximum(high - low, 1e-6), 1)
    reach = before + np.clip(part, 0, 1)
    at = np.linspace(0, 1, steps)[:, None] * reach
    start = np.minimum(at.astype(int), steps - 2)
    share = (at - start)[..., None]
    return path[start, each] * (1 - share) + path[start + 1, each] * share


def _drift(random, root) -> np.ndarray:
    """A direction (n, 3) for each root that neighbours share, each part about -1..1."""
    return np.sin(root @ random.normal(0, 6, (3, 3)) + random.uniform(0, 7, 3))


def _roots(random, basis, own, normals, above, ears, hair: Hair):
    """Places (n, 3) where locks grow, and the normals (n, 3) there."""
    cut = hair.cut
    triangles = basis.triangles
    rest = basis.rest[triangles].mean(1)
    grows = (above[triangles].min(1) > -0.01) & (ears[triangles].max(1) < 0.3)
    triangles, rest = triangles[grows], rest[grows]
    a, b, c = (basis.rest[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    density = 0.45 + ramp(rest[:, 1], 7.6, 8.2)
    edge = ramp(above[triangles].mean(1), 0.20, 0.02)
    if cut.tie:  # locks that begin at the hairline cover all the way to the tie
        density = 0.2 + 3 * edge
    elif cut.end is not None:
        density = 0.25 + ramp(rest[:, 1], 7.8, 8.3)
        density += 2.5 * ramp(np.abs(rest[:, 0] - hair.parting), 0.22, 0.05) * (rest[:, 2] > 0.1)
    in_front = ramp(rest[:, 2], 0.3, 0.7)
    density += 2.5 * in_front * edge
    density *= 1 + 1.5 * _is_fringe(rest, hair)
    density *= area * (1 - hair.thinning * bald_patch(rest))
    chosen = triangles[random.choice(len(triangles), cut.locks, p=density / density.sum())]
    weight = random.dirichlet(np.ones(3), cut.locks)[..., None]
    return (own[chosen] * weight).sum(1), _unit((normals[chosen] * weight).sum(1))


def bald_patch(rest: np.ndarray) -> np.ndarray:
    """Where hair thins with age, 0..1: the top of the head from the forehead to the crown."""
    return ramp(rest[..., 1], 7.95, 8.25) * ramp(rest[..., 2], -0.25, 0.15)


def _is_fringe(root, hair: Hair) -> np.ndarray:
    if hair.fringe <= 0:
        return np.zeros(len(root), bool)
    return (np.abs(root[:, 0]) < 0.52) & (root[:, 2] > 0.75)


def _lengths(random, hair: Hair, root, fringe) -> np.ndarray:
    cut = hair.cut
    if cut.tie:
        return np.full(len(root), 1.0)
    spread = random.uniform(0.75, 1.1, len(root))
    if cut.end is not None:
        end = cut.end + 0.35 * (1 - hair.length) - 0.2  # to be cut, see `_cut`
        to_side = np.hypot(root[:, 0] - 0.8 * np.sign(root[:, 0]), root[:, 1] - HANG_FROM)
        to_back = np.hypot(root[:, 2] + 0.4, root[:, 1] - HANG_FROM)
        length = 1.08 * np.where(root[:, 2] > 0.25, to_side, to_back) + (HANG_FROM - end)
    else:
        top = ramp(root[:, 1], 7.75, 8.15)
        length = (cut.side_length + (cut.length - cut.side_length) * top) * hair.length * spread
    if fringe.any():
        tip = 7.95 + (7.56 - 7.95) * hair.fringe
        ahead = np.hypot(root[:, 1] - tip, root[:, 2] - 1.52)
        length = np.where(fringe, 1.06 * ahead * random.uniform(0.85, 1.0, len(root)), length)
    return length


def _forward(at, root, hair: Hair):
    """From the crown outwards; in front, down over the forehead."""
    led = _unit(at - CROWN)
    led[:, 0] += 0.55 * hair.sweep * ramp(at[:, 2], 0.3, 0.9)
    return led


def _side(at, root, hair: Hair):
    """Away from the parting on top, down and back at the sides."""
    away = np.sign(root[:, 0] - hair.parting)
    top = ramp(root[:, 1], 7.85, 8.15)
    led = np.stack([away, -0.15 + 0 * away, 0.25 + 0 * away], 1) * top[:, None]
    return led + np.array([0, -1, -0.45]) * (1 - top[:, None])


def _back(at, root, hair: Hair):
    top = ramp(root[:, 1], 7.7, 8.1)[:, None]
    up = 0.7 * ramp(at[:, 2], 0.9, 1.3)  # off the forehead
    led = np.stack([0.25 * at[:, 0] + 0.25 * hair.sweep, up, -1 + 0 * up], 1)
    return led * top + np.array([0, -0.7, -0.8]) * (1 - top)


def _quiff(at, root, hair: Hair):
    led = _back(at, root, hair)
    led[:, 0] += 0.5 * hair.sweep * ramp(root[:, 2], 0.6, 1.1)
    return led


def _out(at, root, hair: Hair):
    """Every way, but away from the crown on the whole."""
    return _unit(at - CROWN)


def _hang(at, root, hair: Hair):
    """Down to both sides of the parting, and down from the crown behind."""
    side = np.where(root[:, 0] < hair.parting, -1.0, 1.0)
    front = ramp(root[:, 2], -0.05, 0.5)
    over_brow = ramp(at[:, 2], 0.8, 1.2)  # along the hairline, not across the forehead
    ahead = np.stack([side, -0.6 + 0.5 * over_brow, -0.3 - 0.4 * over_brow], 1)
    behind = at - CROWN - [0, 0, 0.4]
    return ahead * front[:, None] + _unit(behind) * (1 - front[:, None])


def _tie(at, root, hair: Hair):
    return TIE[hair.cut.tie] - at


COMBS = {
    "forward": _forward, "side": _side, "back": _back, "quiff": _quiff, "out": _out,
    "hang": _hang, "tie": _tie,
}  # fmt: skip


def _curl(random, path, length, hair: Hair, body: _Body):
    """Waves across the locks, in step with their neighbours; a curl's radius for curly hair."""
    steps, count, _ = path.shape
    if hair.cut.tie or hair.wave <= 0:
        return path
    share = np.linspace(0, 1, steps)[:, None]
    tangent = _unit(np.gradient(path, axis=0))
    outward = _unit(path - np.array([0, 1, 0]) * path - np.array([0, 0, 0.4]))
    across = _unit(np.cross(tangent, outward))
    curly = hair.wave > 0.9
    period = 0.22 if curly else 1.1
    phase = 7 * path[0, :, 0] + 3 * path[0, :, 2] + random.normal(0, 0.7, count)
    if curly:
        phase = random.uniform(0, 2 * np.pi, count)
    turn = 2 * np.pi * share * length / period + phase
    radius = (0.045 if curly else 0.11 * hair.wave) * ramp(share, 0.05, 0.7)
    radius = np.minimum(radius, (0.22 if curly else 0.06) * length)
    return path + radius[..., None] * (
        np.sin(turn)[..., None] * across + 0.6 * (1 + np.cos(turn))[..., None] * outward
    )


def _tail(random, hair: Hair, steps: int, body: _Body) -> np.ndarray:
    """Locks (steps + 1, TAIL_LOCKS, 3) that leave the tie and hang behind or over a shoulder."""
    share = np.linspace(0, 1, steps + 1)
    side = np.sign(hair.sweep) if abs(hair.sweep) > 0.3 else 0.0
    middle = np.stack(
        [
            0.62 * side * ramp(share, 0.10, 0.55),
            TIE["tail"][1] - 1.75 * hair.length * share**1.25,
            TIE["tail"][2]
            - 0.20 * np.sin(np.pi * share)
            + 0.95 * abs(side) * ramp(share, 0.2, 0.7),
        ],
        1,
    )
    around = random.uniform(0, 2 * np.pi, TAIL_LOCKS)
    thick = 0.16 * hair.volume * np.sqrt(random.random(TAIL_LOCKS))
    swell = 0.3 + 0.7 * np.sin(np.pi * (0.15 + 0.7 * share))
    off = np.stack([np.cos(around), 0 * around, np.sin(around)], 1) * thick[:, None]
    path = middle[:, None] + swell[:, None, None] * off
    shorter = 1 - 0.15 * random.random(TAIL_LOCKS)
    path[..., 1] = TIE["tail"][1] + (path[..., 1] - TIE["tail"][1]) * shorter
    for points in path[1:]:
        normal, height = body.near(points)
        points += normal * np.maximum(0.03 + 0.3 * thick - height, 0)[:, None]
    return path


def _tones(random, path, layer, cut) -> np.ndarray:
    """Brightness (steps, n): lower layers and roots are darker, tips lighter."""
    steps, count, _ = path.shape
    depth = 0.86 + 0.14 * (layer - layer.min()) / (np.ptp(layer) + 1e-9)
    own = depth * np.exp(random.normal(0, 0.07, count))
    first, last = (ROOT_TONE, TIP_TONE) if cut.end is not None else (0.92, 1.04)
    return own * np.linspace(first, last, steps)[:, None]


def _ribbons(random, path, length, width, roll, tone, body: _Body, frame: Frame, coarse) -> Sheet:
    """Give locks (steps, n, 3) a width; two vertices across each."""
    steps, count, _ = path.shape
    tangent = _unit(np.gradient(path, axis=0))
    normal, height = body.near(path.reshape(-1, 3))
    axis = path - np.array([0, 0, AXIS_Z])
    axis[..., 1] = 0
    far = ramp(height, 0.06, 0.25).reshape(steps, count, 1)
    normal = _unit(normal.reshape(steps, count, 3) * (1 - far) + _unit(axis) * far)
    roll = roll[:, None]
    across = _unit(np.cross(tangent, normal))
    normal = _unit(np.cross(across, tangent))
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
        normals=_unit(by_lock(bent)),
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
    tangent = _unit(np.cross(ball, [0.3, 0.4, 1.0]))
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
