"""Locks of hair: ribbons that grow from the scalp, are combed, lie on the head and hang.

A lock is grown step by step in a frame in which every head is as large as the mean one: the
comb leads it along the scalp, its weight bends it down, and the head, neck and shoulders push
it out. Expressions carry it along with the skin beneath.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.hair.ribbons import (
    AXIS_Z,
    EYES,
    ROOT_TONE,
    TIP_TONE,
    Body,
    Sheet,
    make_ribbons,
)
from tinyvgg.faces.synthetic.paint import ramp, stream, to_unit
from tinyvgg.faces.synthetic.person.basis import HeadBasis
from tinyvgg.faces.synthetic.person.haircuts import COMBS, TIE, Hair, comb_forward
from tinyvgg.faces.synthetic.person.identity import Person
from tinyvgg.faces.synthetic.rendering.camera import Frame

HANG_FROM = 7.40  # below, hair hangs; above, it lies on the head
DOWN = np.array([0.0, -1.0, 0.0])
# Hanging hair stays behind these z at these heights, to leave the face free.
FACE_Y = (5.6, 6.3, 7.0, 7.4, 7.7, 7.95, 8.2)
FACE_Z = (1.15, 0.80, 0.74, 0.82, 1.02, 1.30, 2.0)
TUCKED_Z = (0.95, 0.35, 0.27, 0.34, 0.75, 1.15, 2.0)
TAIL_LOCKS = 70
LAYERING = 0.05  # dm by which the ends of hanging locks differ


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
    body = Body(own[body_part], normals[body_part])

    grown = _Roots.draw(random, basis, own, normals, above, ears, hair)
    path = _grow(grown, hair, body)
    length = grown.length
    if cut.end is not None:
        layering = LAYERING * random.gamma(1.2, 1.0, len(length))
        layering += 0.12 * ramp(grown.place[:, 2], 0.6, 1.1)  # shorter around the face
        ends = cut.end + 0.35 * (1 - hair.length) + layering
        path = _cut(path, np.where(grown.is_fringe, -9, ends))
        length = np.linalg.norm(np.diff(path, axis=0), axis=2).sum(0)
    path = _curl(random, path, length, hair)
    tone = _tones(random, path, grown.layer, cut)
    width = cut.width * random.uniform(0.7, 1.3, len(length))
    width[grown.is_fringe] *= 0.8
    roll = random.normal(0, 0.6 if cut.end is not None else 0.25, len(length))
    if cut.tie == "tail":
        tail = _tail(random, hair, len(path) - 1, body)
        tail_tone = np.full((len(path), TAIL_LOCKS), 0.95)
        tail_tone *= np.exp(random.normal(0, 0.08, TAIL_LOCKS))
        path = np.concatenate([path, tail], 1)
        length = np.concatenate([length, np.full(TAIL_LOCKS, 1.2)])
        tone = np.concatenate([tone, tail_tone], 1)
        width = np.concatenate([width, cut.width * random.uniform(0.7, 1.3, TAIL_LOCKS)])
        roll = np.concatenate([roll, random.uniform(-1.5, 1.5, TAIL_LOCKS)])
    width = np.minimum(width, 0.3 * length)
    return make_ribbons(
        random, path, length, width, roll, tone, body, frame, own[: basis.smooth.shape[1]]
    )


@dataclass(frozen=True)
class _Roots:
    """Where n locks begin, and what is decided about each before it grows."""

    place: np.ndarray  # (n, 3)
    normal: np.ndarray  # (n, 3)
    is_fringe: np.ndarray  # (n,) hangs over the forehead
    length: np.ndarray  # (n,) dm
    layer: np.ndarray  # (n,) dm above the head at which it lies
    lift: np.ndarray  # (n,) dm by which its middle stands off further
    strayed: np.ndarray  # (n, 3) how it leaves its comb's direction

    @classmethod
    def draw(cls, random, basis, own, normals, above, ears, hair: Hair) -> _Roots:
        cut = hair.cut
        place, normal = _roots(random, basis, own, normals, above, ears, hair)
        count = len(place)
        is_fringe = _is_fringe(place, hair)
        length = _lengths(random, hair, place, is_fringe)
        layer = random.uniform(0.004, 0.06 if cut.end is not None else 0.05, count)
        layer = 0.012 + 0.3 * layer if cut.tie else layer * np.minimum(1, length / 0.4)
        layer = np.where(is_fringe, random.uniform(0.03, 0.06, count), layer)
        strayed = 0.7 * _drift(random, place) + 0.5 * random.standard_normal((count, 3))
        in_front = ramp(place[:, 2], 0.5, 1.05) * ramp(place[:, 1], 7.85, 8.1)
        on_top = 0.6 * ramp(place[:, 1], 7.7, 8.2)
        lift = cut.lift * hair.volume * np.maximum(in_front, on_top)
        lift *= random.uniform(0.8 if cut.end is not None else 0.5, 1.15, count)
        lift[is_fringe] = 0.03
        return cls(place, normal, is_fringe, length, layer, lift, cut.frizz * strayed)


def _steps(hair: Hair) -> int:
    """In how many steps locks grow: more for what hangs, is tied or waves."""
    if hair.cut.end is not None:
        return 14 if hair.wave < 0.5 else 18
    return 9 if hair.cut.tie or hair.wave > 0.9 else 7


def _grow(roots: _Roots, hair: Hair, body: Body) -> np.ndarray:
    """The middles of the locks, from root to tip: (steps + 1, n, 3)."""
    cut, steps = hair.cut, _steps(hair)
    at = roots.place + roots.normal * (0.3 * roots.layer)[:, None]
    path, normal, direction = [at], roots.normal, None
    stride = roots.length / steps
    for step in range(1, steps + 1):
        share = step / steps
        lying = _lying(at, normal, roots, hair)
        led = _led(at, normal, lying, roots, hair)
        direction = to_unit(led if direction is None else 0.45 * direction + 0.55 * to_unit(led))
        at = at + stride[:, None] * direction
        if cut.comb == "tie":
            at = roots.place + (TIE[cut.tie] - roots.place) * share  # then laid on the head
        normal, height = body.near(at)
        rise = roots.layer + roots.lift * np.sin(0.75 * np.pi * share)
        out = np.where(lying > 0.5, rise - height, np.maximum(roots.layer - height, 0))
        at = at + normal * out[:, None]
        if cut.end is not None:
            inward = cut.turn * ramp(share, 0.70, 1) * stride * (1 - lying)
            at = _keep_off_the_face(_turn_inwards(at, inward), roots.is_fringe, hair)
            normal, height = body.near(at)
            at = at + normal * np.maximum(roots.layer - height, 0)[:, None]
        path.append(at)
    return np.stack(path)


def _lying(at, normal, roots: _Roots, hair: Hair) -> np.ndarray:
    """1 where a lock (n,) lies on the head and follows its comb, 0 where it hangs."""
    if hair.cut.end is None and hair.fringe <= 0:
        return np.ones(len(at))
    lying = ramp(normal[:, 1], -0.05, 0.22) * ramp(at[:, 1], 7.1, 7.4)
    if hair.cut.end is None:
        lying[~roots.is_fringe] = 1
    return lying


def _led(at, normal, lying, roots: _Roots, hair: Hair) -> np.ndarray:
    """Where comb and weight lead the locks next: directions (n, 3)."""
    led = to_unit(COMBS[hair.cut.comb](at, roots.place, hair)) + roots.strayed
    fringe = roots.is_fringe
    led[fringe] = comb_forward(at, roots.place, hair)[fringe]
    led = led - normal * (led * normal).sum(1, keepdims=True)
    return lying[:, None] * to_unit(led) + (1 - lying[:, None]) * (DOWN + 0.5 * roots.strayed)


def _turn_inwards(at, inward) -> np.ndarray:
    """Points (n, 3) moved towards the head's axis by distances (n,)."""
    at = at.copy()
    centre = np.hypot(at[:, 0], at[:, 2] - AXIS_Z) + 1e-9
    at[:, 0] -= at[:, 0] / centre * inward
    at[:, 2] -= (at[:, 2] - AXIS_Z) / centre * inward
    return at


def _keep_off_the_face(at, is_fringe, hair: Hair) -> np.ndarray:
    """Points (n, 3) of hanging hair put back to where the face ends; a fringe stays."""
    limit = np.interp(at[:, 1], FACE_Y, TUCKED_Z if hair.tucked else FACE_Z)
    at[:, 2] = np.where(is_fringe, at[:, 2], np.minimum(at[:, 2], limit))
    return at


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
    triangles = basis.fine.triangles
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
    return (own[chosen] * weight).sum(1), to_unit((normals[chosen] * weight).sum(1))


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


def _curl(random, path, length, hair: Hair) -> np.ndarray:
    """Waves across the locks, in step with their neighbours; a curl's radius for curly hair."""
    steps, count, _ = path.shape
    if hair.cut.tie or hair.wave <= 0:
        return path
    share = np.linspace(0, 1, steps)[:, None]
    tangent = to_unit(np.gradient(path, axis=0))
    outward = to_unit(path - np.array([0, 1, 0]) * path - np.array([0, 0, 0.4]))
    across = to_unit(np.cross(tangent, outward))
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


def _tail(random, hair: Hair, steps: int, body: Body) -> np.ndarray:
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
