"""One picture: what each pixel sees, its colour, its light."""

from __future__ import annotations

import numpy as np

from . import eyes, shade
from .camera import Camera, aim
from .canvas import AXIS_Z, column_of, row_of
from .lashes import is_gap, lash_layout
from .mouth import MOUTH_COLOUR, TONGUE_COLOUR, light_in_mouth, paint_teeth
from .paint import blend, dot, ramp, sample, to_display
from .raster import Fragments, rasterize
from .sitter import (
    BUN,
    EARS,
    EYES,
    LASH,
    LASH_LINE,
    LAYOUT,
    LIPS,
    LOCKS,
    MOUTH,
    NORMAL,
    SKIN,
    TANGENT,
    TEETH,
    TONE,
    TONGUE,
    TWO_SIDED,
    Scene,
)
from .skin import LIP_GLOSS
from .strands import hair_colour, is_frayed, strand_at
from .wrinkles import LEFT, LOWER, RIGHT, UPPER, fold_relief

SUPERSAMPLING = 2  # pixels drawn per pixel of the picture, in each direction
FOLD_SHADE = np.array([0.11, 0.18, 0.18], np.float32)  # absorbed in a fold of strength 1
LIP_EDGE = (0.08, 0.92)  # of the mask: where the lips' colour begins and is full
LIP_LINE = np.array([0.55, 0.75, 0.70], np.float32)  # absorbed between the lips
EAR_BEGINS = (0.78, 0.86)  # dm from the middle of the head
EAR_BLOOD = np.array([0.06, 0.30, 0.27], np.float32)
UPPER_LID = (7.25, 7.29)  # dm: margins above are the upper lids'
WATER_LINE = np.array([0.06, 0.26, 0.22], np.float32)  # absorbed along the lower lid's edge
LID_MARGIN = np.array([0.55, 0.62, 0.65], np.float32)  # absorbed along the lashes' roots
SHEEN = 0.10


def take_picture(scene: Scene, angle: int, size: int) -> np.ndarray:
    """The scene from one of the five cameras: uint8 (size, size, 3)."""
    return expose(scene, aim(scene.sitter.frame, scene.shot, angle, size * SUPERSAMPLING))


def expose(scene: Scene, camera: Camera) -> np.ndarray:
    """What a camera sees, shrunk by the supersampling: uint8 (height, width, 3)."""
    seen, corners, part = _look(scene, camera)
    image = np.broadcast_to(shade.BACKGROUND, (camera.height * camera.width, 3)).copy()
    if len(seen.pixel):
        image[seen.pixel] = shade.tone(_colours(scene, camera, seen, corners, part))
    height, width = camera.height // SUPERSAMPLING, camera.width // SUPERSAMPLING
    image = image.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3).mean((1, 3))
    return to_display(image)


def _look(scene: Scene, camera: Camera) -> tuple[Fragments, np.ndarray, np.ndarray]:
    """What each pixel sees: fragments, the corners (n, 3) of their triangles, their parts."""
    points, distance = camera.project(scene.vertices)
    a, b, c = (points[scene.triangles[:, k]] for k in range(3))
    turned = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    wanted = np.flatnonzero((turned < 0) | np.isin(scene.part, TWO_SIDED))
    triangles, part = scene.triangles[wanted], scene.part[wanted]
    person = scene.sitter.person

    def is_hole(triangle, weight):
        hole = np.zeros(len(triangle), bool)
        for number in (LASH, LOCKS):
            here = np.flatnonzero(part[triangle] == number)
            if not len(here):
                continue
            corners, share = triangles[triangle[here]], weight[:, here].T[..., None]
            if number == LASH:
                hole[here] = is_gap(
                    (lash_layout()[corners] * share).sum(1), person.complexion.lashes
                )
            else:
                layout = scene.attributes[corners][..., LAYOUT]
                hole[here] = is_frayed((layout * share).sum(1))
        return hole

    seen = rasterize(points, distance, triangles, camera.width, camera.height, is_hole)
    return seen, triangles[seen.triangle], part[seen.triangle]


def _colours(scene: Scene, camera: Camera, seen: Fragments, corners, part) -> np.ndarray:
    """Linear light (n, 3) of the fragments."""
    weight = seen.weight.T.astype(np.float32)
    values = scene.attributes[corners[:, 0]] * weight[:, :1]
    values += scene.attributes[corners[:, 1]] * weight[:, 1:2]
    values += scene.attributes[corners[:, 2]] * weight[:, 2:]
    normal = values[:, NORMAL]
    view = camera.rotation[2].astype(np.float32)
    behind = np.isin(part, TWO_SIDED) & (dot(normal, view) < 0)
    normal = np.where(behind[:, None], -normal, normal)
    open_share = shade.occlusion(seen.pixel, seen.depth, camera, scene.sitter.frame.eye_chin)
    light = shade.lamps(scene.shot.light)

    count = len(part)
    colour = np.full((count, 3), 0.5, np.float32)
    gloss = np.zeros(count, np.float32)
    hair = np.zeros(count, np.float32)
    dim = np.ones(count, np.float32)

    on_skin = np.flatnonzero(part == SKIN)
    if len(on_skin):
        surface = _skin(scene, values[on_skin], normal[on_skin], camera)
        colour[on_skin], normal[on_skin], gloss[on_skin], hair[on_skin], dim[on_skin] = surface
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9

    teeth = part == TEETH
    colour[teeth], gloss[teeth] = paint_teeth(values[teeth, LAYOUT]), 0.35
    colour[part == TONGUE], gloss[part == TONGUE] = TONGUE_COLOUR, 0.3
    in_mouth = (part == TEETH) | (part == TONGUE)
    dim[in_mouth] = light_in_mouth(scene.lips_z - values[in_mouth, 2], scene.sitter.frame.unit)
    person = scene.sitter.person
    colour[part == LASH] = person.complexion.lash_colour
    direction = np.tile(np.array([0, 1, 0], np.float32), (count, 1))  # of the hairs
    locks = np.flatnonzero((part == LOCKS) | (part == BUN))
    if len(locks):
        column, _, along = values[locks, LAYOUT].T
        strand = strand_at(column, along)
        colour[locks] = hair_colour(
            person.hair.colour, strand, values[locks, TONE], camera.pixels_per_dm
        )
        direction[locks] = values[locks, TANGENT]
        hair[locks] = 0.55 + 0.9 * strand

    lit = colour * shade.diffuse(normal, shade.SKIN_WRAP, open_share, light)
    shine = shade.gloss(normal, gloss, view, light) * open_share
    haired = np.flatnonzero(hair > 0.3)
    if len(haired):
        sheen = shade.hair_sheen(normal[haired], view, direction[haired], light)
        sheen = SHEEN * sheen * open_share[haired] * hair[haired]
        lit[haired] += sheen[:, None] * (0.35 + 0.9 * person.hair.colour.astype(np.float32))
    lit = (lit + shine[:, None]) * dim[:, None]
    for side, number in EYES.items():
        here = np.flatnonzero(part == number)
        if len(here):
            outward = normal[here]
            eye = scene.eyes[side]
            gaze = eye.gaze.astype(np.float32)
            inner = -1.0 if side == "left" else 1.0
            painted = eyes.paint_eye(
                person, scene.shot.emotion, outward, gaze, eye.lids, inner, light[0][0]
            )
            lit[here] = painted * shade.diffuse(outward, shade.EYE_WRAP, open_share[here], light)
            lit[here] += eyes.eye_reflections(outward, gaze, view, light, eye.lids)[:, None]
    return lit


def _skin(scene: Scene, values: np.ndarray, normal: np.ndarray, camera: Camera):
    """Colour, normal, gloss, hair cover and dimming of points on the skin (and scalp)."""
    sitter, person = scene.sitter, scene.sitter.person
    level = sitter.canvas_for(camera.pixels_per_dm)
    x, y, z = values[:, LAYOUT].T
    angle = np.arctan2(x, z - np.float32(AXIS_Z))
    column, row = column_of(angle), row_of(y)
    shrink = 1 / 2**level
    painted = sample(sitter.canvases[level], column * shrink, row * shrink)
    colour, gloss, hair, slope = painted[:, :3], painted[:, 3], painted[:, 4], painted[:, 5:7]
    no_hair = values[:, EARS]
    if (no_hair > 0.3).any():  # the ear covers hair at the same place of the canvas
        bare = hair * ramp(no_hair, 0.3, 0.7)
        colour = blend(colour, person.complexion.skin.astype(np.float32), bare)
        hair = hair - bare
        ear = no_hair * ramp(np.abs(x), *EAR_BEGINS)
        redness = np.float32(0.55 + 0.45 * person.complexion.redness)
        colour = colour * np.exp(-redness * ear[:, None] * EAR_BLOOD)

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

    lips = values[:, LIPS]
    lip = ramp(lips, *LIP_EDGE)
    colour = blend(colour, colour * person.complexion.lips.astype(np.float32), lip)
    gloss = gloss + (LIP_GLOSS - gloss) * lip
    mouth = ramp(values[:, MOUTH], 0.4, 0.9)
    between = ramp(values[:, MOUTH], 0.02, 0.5) * (1 - mouth)
    colour = colour * np.exp(-between[:, None] * LIP_LINE)
    colour = blend(colour, MOUTH_COLOUR, mouth)
    dim = 1 - 0.5 * ramp(mouth, 0.1, 0.5)
    margin = values[:, LASH_LINE]
    dark = margin * ramp(y, *UPPER_LID) * np.float32(0.35 + 0.65 * person.complexion.lashes)
    colour = colour * np.exp(-dark[:, None] * LID_MARGIN - (margin - dark)[:, None] * WATER_LINE)

    # The relief's slope along the turn of the head and upwards tilts the normal.
    sideways = np.stack([np.cos(angle), np.zeros_like(angle), -np.sin(angle)], 1)
    tilt = sideways * slope[:, :1]
    tilt[:, 1] += slope[:, 1]
    tilt *= (1 - mouth)[:, None]
    along = (tilt * normal).sum(1, keepdims=True)
    return colour, normal - (tilt - normal * along), gloss * (1 - mouth), hair, dim
