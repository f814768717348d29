"""What the visible points are made of: colour, normal, gloss; one rule for each part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.canvas import AXIS_Z, column_of, row_of
from tinyvgg.faces.synthetic.hair.ribbons import hair_colour, strand_at
from tinyvgg.faces.synthetic.head import TWO_SIDED, Column, Part, Scene
from tinyvgg.faces.synthetic.paint import blend, chosen, dot, ramp, sample
from tinyvgg.faces.synthetic.rendering.camera import Rig
from tinyvgg.faces.synthetic.rendering.view import SUPERSAMPLING, VisiblePoints
from tinyvgg.faces.synthetic.skin.mouth import (
    MOUTH_COLOUR,
    TONGUE_COLOUR,
    light_in_mouth,
    paint_teeth,
)
from tinyvgg.faces.synthetic.skin.painting import LIP_GLOSS
from tinyvgg.faces.synthetic.skin.wrinkles import LEFT, LOWER, RIGHT, UPPER, fold_relief

FOLD_SHADE = np.array([0.11, 0.18, 0.18], np.float32)  # absorbed in a fold of strength 1
LIP_EDGE = (0.08, 0.92)  # of the mask: where the lips' colour begins and is full
LIP_LINE = np.array([0.55, 0.75, 0.70], np.float32)  # absorbed between the lips
EAR_BEGINS = (0.78, 0.86)  # dm from the middle of the head
EAR_BLOOD = np.array([0.06, 0.30, 0.27], np.float32)
UPPER_LID = (7.25, 7.29)  # dm: margins above are the upper lids'
WATER_LINE = np.array([0.06, 0.26, 0.22], np.float32)  # absorbed along the lower lid's edge
LID_MARGIN = np.array([0.55, 0.62, 0.65], np.float32)  # absorbed along the lashes' roots


@dataclass
class Surface:
    """Of each visible point (n of them), all float32."""

    colour: np.ndarray  # (n, 3) linear light given back
    normal: np.ndarray  # (n, 3)
    gloss: np.ndarray  # (n,)
    hair: np.ndarray  # (n,) cover; more than 1 on shining locks
    direction: np.ndarray  # (n, 3) of the hairs
    dim: np.ndarray  # (n,) share of the light that gets there


def describe(scene: Scene, rig: Rig, points: VisiblePoints) -> Surface:
    """What the visible points are made of; the eyes are left to `eyes.paint_eye`."""
    person, values, part = scene.head.person, points.values, points.part
    normal = values[:, Column.NORMAL].copy("F")  # coordinates apart, as in `values`: quicker
    seen_from = rig.views.T.take(points.film, 1)
    behind = np.isin(part, TWO_SIDED) & (dot(normal, seen_from) < 0)
    normal[behind] *= -1
    count = len(part)
    surface = Surface(
        colour=np.full((count, 3), 0.5, np.float32, order="F"),
        normal=normal,
        gloss=np.zeros(count, np.float32),
        hair=np.zeros(count, np.float32),
        direction=np.zeros((count, 3), np.float32, order="F"),
        dim=np.ones(count, np.float32),
    )
    surface.direction[:, 1] = 1
    _describe_skin(scene, rig, values, np.flatnonzero(part == Part.SKIN), surface)
    length = np.sqrt((surface.normal * surface.normal).sum(1, keepdims=True))
    surface.normal /= length + np.float32(1e-9)

    teeth, tongue = np.flatnonzero(part == Part.TEETH), np.flatnonzero(part == Part.TONGUE)
    surface.colour[teeth], surface.gloss[teeth] = paint_teeth(values[teeth, Column.LAYOUT]), 0.35
    surface.colour[tongue], surface.gloss[tongue] = TONGUE_COLOUR, 0.3
    for inside in (teeth, tongue):
        behind_lips = scene.lips_z - values[inside, 2]
        surface.dim[inside] = light_in_mouth(behind_lips, scene.head.frame.unit)
    surface.colour[part == Part.LASH] = person.complexion.lash_colour
    locks = np.flatnonzero((part == Part.LOCKS) | (part == Part.BUN))
    if len(locks):
        column, _, along = values[locks, Column.LAYOUT].T
        strand = strand_at(column, along)
        drawn, tone = SUPERSAMPLING * rig.pixels_per_dm, values[locks, Column.TONE]
        surface.colour[locks] = hair_colour(person.hair.colour, strand, tone, drawn)
        surface.direction[locks] = values[locks, Column.TANGENT]
        surface.hair[locks] = 0.55 + 0.9 * strand
    return surface


def _describe_skin(scene: Scene, rig: Rig, values, here, surface: Surface) -> None:
    """Fill in the points `here` on the skin and the scalp."""
    values, normal = chosen(values, here), chosen(surface.normal, here)
    head, person = scene.head, scene.head.person
    level = head.canvas_for(rig.pixels_per_dm)
    x, y, z = values[:, Column.LAYOUT].T
    angle = np.arctan2(x, z - np.float32(AXIS_Z))
    column, row = column_of(angle), row_of(y)
    shrink = 1 / 2**level
    painted = sample(head.canvases[level], column * shrink, row * shrink)
    colour, gloss, hair, slope = painted[:, :3], painted[:, 3], painted[:, 4], painted[:, 5:7]
    no_hair = values[:, Column.EARS]
    if (no_hair > 0.3).any():  # the ear covers hair at the same place of the canvas
        bare = hair * ramp(no_hair, 0.3, 0.7)
        colour = blend(colour, person.complexion.skin.astype(np.float32), bare)
        hair = hair - bare
        ear = no_hair * ramp(np.abs(x), *EAR_BEGINS)
        redness = np.float32(0.55 + 0.45 * person.complexion.redness)
        colour = colour * np.exp(-redness * ear[:, None] * EAR_BLOOD)

    # Folds of the expression, where the window of `wrinkles` lies on bare skin.
    inside = (column > LEFT + 1) & (column < RIGHT - 1) & (row > UPPER + 1) & (row < LOWER - 1)
    inside = np.flatnonzero(inside & (hair < 0.99) & (z > 0.5))
    if level not in scene.cache:
        scene.cache[level] = fold_relief(person, scene.shot.actions, level)
    folds = sample(
        scene.cache[level], (column[inside] - LEFT) * shrink, (row[inside] - UPPER) * shrink
    )
    bare = (1 - hair[inside])[:, None]
    colour[inside] *= np.exp(-np.clip(folds[:, :1], 0, 1.2) * bare * FOLD_SHADE)
    slope[inside] += folds[:, 1:] * bare

    # The lips, the line between them, the mouth behind it, and the edges of the lids.
    lips = values[:, Column.LIPS]
    lip = ramp(lips, *LIP_EDGE)
    colour = blend(colour, colour * person.complexion.lips.astype(np.float32), lip)
    gloss = gloss + (LIP_GLOSS - gloss) * lip
    mouth = ramp(values[:, Column.MOUTH], 0.4, 0.9)
    between = ramp(values[:, Column.MOUTH], 0.02, 0.5) * (1 - mouth)
    colour = colour * np.exp(-between[:, None] * LIP_LINE)
    colour = blend(colour, MOUTH_COLOUR, mouth)
    dim = 1 - 0.5 * ramp(mouth, 0.1, 0.5)
    margin = values[:, Column.LASH_LINE]
    dark = margin * ramp(y, *UPPER_LID) * np.float32(0.35 + 0.65 * person.complexion.lashes)
    colour = colour * np.exp(-dark[:, None] * LID_MARGIN - (margin - dark)[:, None] * WATER_LINE)

    # The relief's slope along the turn of the head and upwards tilts the normal.
    sideways = np.stack([np.cos(angle), np.zeros_like(angle), -np.sin(angle)]).T
    tilt = sideways * slope[:, :1]
    tilt[:, 1] += slope[:, 1]
    tilt *= (1 - mouth)[:, None]
    along = (tilt * normal).sum(1, keepdims=True)
    surface.colour[here], surface.hair[here], surface.dim[here] = colour, hair, dim
    surface.normal[here], surface.gloss[here] = (
        normal - (tilt - normal * along),
        gloss * (1 - mouth),
    )
