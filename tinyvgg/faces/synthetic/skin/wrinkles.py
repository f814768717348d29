"""Folds of the skin that facial actions raise, as relief on the front of the canvas.

Widths are those of soft folds seen at arm's length: finer ones look drawn with a pen at 224
pixels. Strengths were set by eye on posed faces of all ages, at 224 and 64 pixels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from tinyvgg.faces.synthetic.canvas import TEXELS_PER_DM, WIDTH, curve, load_canvas, slope
from tinyvgg.faces.synthetic.paint import bump, halve, smooth_noise, stream
from tinyvgg.faces.synthetic.person.identity import Person

# The part of the canvas where folds lie; multiples of 16 so that it can be halved four times.
LEFT, RIGHT, UPPER, LOWER = 448, 1088, 64, 592
DEPTH = 0.014  # dm, of a fold of strength 1
STRONGEST = 1.6
CHILD_SHARE = 0.45  # of the folds that the same pull raises in an adult of 35
YOUNG_SHARE, AGE_SHARE = 0.75, 1.2  # at 25, and what each unit of `Person.age` adds: skin thins


@dataclass(frozen=True)
class Fold:
    """A group of folds: where it lies on the subject's left, and what brings it out.

    `actions` are starred where each side answers to its own; `age` and `always` are strengths
    without any action.
    """

    lines: tuple[tuple[tuple[float, float], ...], ...]  # (x, y) points on the rest face, dm
    width: float  # dm
    actions: dict[str, float]
    age: float = 0.0
    always: float = 0.0


FOLDS = {
    "between the brows": Fold(
        (((0.055, 7.36), (0.05, 7.46), (0.075, 7.56)),),
        0.019, {"browDown*": 0.45, "browInnerUp": 0.08}, age=0.4,
    ),
    "across the forehead": Fold(
        tuple(((0, y), (0.25, y + 0.035), (0.5, y - 0.03)) for y in (7.72, 7.80, 7.885)),
        0.025, {"browOuterUp*": 0.40, "browInnerUp": 0.25}, age=0.6,
    ),
    "mid forehead": Fold(
        tuple(((0, y), (0.13, y + 0.02), (0.25, y)) for y in (7.68, 7.76, 7.84)),
        0.025, {"browInnerUp": 0.30},
    ),
    "crow's feet": Fold(
        tuple(((0.545, 7.28 + 0.02 * k), (0.62, 7.28 + 0.055 * k), (0.70, 7.275 + 0.085 * k))
              for k in (-1, 0, 1)),
        0.015, {"cheekSquint*": 0.18, "eyeSquint*": 0.10}, age=0.6,
    ),
    "nose to mouth": Fold(
        (((0.175, 6.90), (0.27, 6.80), (0.335, 6.66), (0.345, 6.55)),),
        0.027,
        {"mouthSmile*": 0.70, "mouthUpperUp*": 0.55, "noseSneer*": 0.4, "mouthStretch*": 0.25},
        age=1.0, always=0.12,
    ),
    "root of the nose": Fold(
        tuple(((0.01, y), (0.06, y + 0.02), (0.115, y - 0.02)) for y in (7.17, 7.225, 7.28)),
        0.015, {"noseSneer*": 0.60},
    ),
    "under the eye": Fold(
        (((0.16, 7.20), (0.30, 7.135), (0.47, 7.19)),),
        0.019, {"cheekSquint*": 0.60, "eyeSquint*": 0.4}, age=0.7, always=0.08,
    ),
    "corner of the mouth": Fold(
        (((0.36, 6.66), (0.375, 6.60), (0.355, 6.54)),), 0.016, {"mouthDimple*": 0.5},
    ),
    "chin": Fold((), 0.0, {"mouthShrugLower": 0.8}),  # dimpled, see `_chin`
}  # fmt: skip


def fold_strengths(person: Person, actions: dict[str, float]) -> np.ndarray:
    """Strength of each fold (2, folds): on the subject's left, and on the right."""
    strengths = np.zeros((2, len(FOLDS)), np.float32)
    for number, fold in enumerate(FOLDS.values()):
        for row, side in enumerate(("Left", "Right")):
            pull = sum(
                weight * actions.get(name.replace("*", side), 0.0)
                for name, weight in fold.actions.items()
            )
            pull *= CHILD_SHARE if person.is_child else YOUNG_SHARE + AGE_SHARE * person.age
            strengths[row, number] = pull + fold.age * person.age + fold.always
    return np.clip(strengths, 0, STRONGEST)


def fold_relief(person: Person, actions: dict[str, float], level: int) -> np.ndarray:
    """Depth 0.. and slope (H, W, 3) of all folds over the window, at a canvas level."""
    left, right = fold_strengths(person, actions)
    maps = _fold_maps(level)  # (folds, H, W)
    middle = maps.shape[2] // 2
    depth = np.empty(maps.shape[1:], np.float32)
    # The subject's left is where x is positive: the right half of the canvas.
    depth[:, middle:] = np.einsum("f,fhw->hw", left, maps[:, :, middle:])
    depth[:, :middle] = np.einsum("f,fhw->hw", right, maps[:, :, :middle])
    return np.concatenate(
        [depth[..., None], slope(-DEPTH * depth, TEXELS_PER_DM / 2**level)], -1
    ).astype(np.float32)


@functools.lru_cache(maxsize=8)
def _fold_maps(level: int) -> np.ndarray:
    if level:
        return np.stack([halve(fold[..., None])[..., 0] for fold in _fold_maps(level - 1)])
    return np.stack([_draw(fold) if fold.lines else _chin() for fold in FOLDS.values()])


def _draw(fold: Fold) -> np.ndarray:
    """Both sides of a fold; the lines fade out towards their ends."""
    finer = 2
    size = ((RIGHT - LEFT), (LOWER - UPPER))
    total = np.zeros(size[::-1], np.float32)
    pen_width = max(1, round(1.5 * fold.width * TEXELS_PER_DM * finer))
    for line in fold.lines:
        points = curve(line, 40)
        fade = np.maximum(np.sin(np.pi * (np.arange(39) + 0.5) / 39), 0.15)
        for side in (1, -1):
            column, row = load_canvas().place(side * points[:, 0], points[:, 1])
            at = np.stack([column - LEFT, row - UPPER], 1) * finer
            image = Image.new("L", (size[0] * finer, size[1] * finer))
            pen = ImageDraw.Draw(image)
            for k in range(39):
                pen.line([*at[k], *at[k + 1]], fill=int(255 * fade[k]), width=pen_width)
            drawn = np.asarray(image.resize(size, Image.Resampling.BOX), np.float32) / 255
            total = np.maximum(total, drawn)
    return gaussian_filter(total, max(0.6, 0.68 * fold.width * TEXELS_PER_DM), truncate=3)


def _chin() -> np.ndarray:
    canvas = load_canvas()
    window = np.s_[UPPER:LOWER, LEFT:RIGHT]
    dents = np.abs(smooth_noise(stream("chin"), (LOWER - UPPER, RIGHT - LEFT), 7, 2))
    region = bump(canvas.x[window], canvas.y[window], (0, 6.38), (0.16, 0.12))
    return (0.18 * dents * region * (canvas.z[window] > 0.8)).astype(np.float32)


assert (LEFT + RIGHT) == WIDTH  # the window is centred, so that its halves are the face's
