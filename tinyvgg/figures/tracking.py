"""Feature tracking in pictures: Fig. 8, how it comes about, and where on the face it points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from tinyvgg.figures.style import (
    WIDTH,
    inverted,
    montage,
    note,
    panels,
    picture,
    picture_panels,
    rgb,
)

NOBODY = "In this run, no such face is misclassified."
COLUMNS, GAP = 5, 6  # pairs side by side, and the space between them in pixels of the image


def tracked_features(images: np.ndarray, differences: np.ndarray) -> Figure:
    """Fig. 8: each face, and to its right the features that were tracked, dark on light grey.

    Parameters
    ----------
    images : uint8 array (N, S, S, 3)
    differences : array (N, S, S)
        D' of Algorithm 2; each is scaled by itself.
    """
    if not len(images):
        return note(NOBODY)
    features = rgb(np.stack([inverted(d) for d in differences]))
    tiles = np.concatenate([images / 255, features], axis=2)  # (N, S, 2S, 3)
    columns = min(COLUMNS, len(tiles))
    sheet = montage(tiles, columns, gap=GAP, fill=1.0)
    width = WIDTH * columns / COLUMNS
    figure, axes = panels(1, 1, width * sheet.shape[0] / sheet.shape[1], width=width)
    picture(axes[0, 0], sheet)
    return figure


def feature_rows(rows: Mapping[str, np.ndarray]) -> Figure:
    """Pictures of features, a row for each choice of pixels and a column for each face.

    Parameters
    ----------
    rows : mapping of str to array (N, S, S)
        Each picture is scaled by itself.
    """
    count = len(next(iter(rows.values())))
    if not count:
        return note(NOBODY)
    columns = max(count, 4)
    height = len(rows) * WIDTH / columns
    figure, axes = picture_panels(len(rows), columns, height, list(rows), 8.5)
    for row, features in zip(axes, rows.values(), strict=True):
        for ax, values in zip(row, features, strict=False):
            picture(ax, inverted(values), vmin=0, vmax=1)
    return figure


def tracking_steps(stacks: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Algorithm 2 step by step: image, both deconvolutions in grey, and their difference.

    Parameters
    ----------
    stacks : four arrays
        The images, uint8 (N, S, S, 3), and three times (N, S, S): the grey deconvolutions of all
        pixels and of all but the selected ones, which share a scale, and D'. None at all give
        a note.
    titles : sequence of str
        One a row.
    """
    if not stacks:
        return note(NOBODY)
    count = len(titles)
    figure, axes = picture_panels(count, 4, count * (WIDTH / 4 + 0.05) + 0.2, titles)
    for k, (image, full, suppressed, difference) in enumerate(zip(*stacks, strict=True)):
        both = inverted(np.stack([full, suppressed]))
        shown = (image, both[0], both[1], inverted(difference))
        names = ("image", "$dd$: all pixels", "$dd'$: set suppressed", "$D'$: difference")
        for ax, values, name in zip(axes[k], shown, names, strict=True):
            picture(ax, values, name if k == 0 else "", vmin=0, vmax=1)
    return figure


def feature_places(
    faces: Mapping[str, Mapping[int, np.ndarray]],
    features: Mapping[str, Mapping[int, np.ndarray]],
    counts: Mapping[str, Mapping[int, int]],
) -> Figure:
    """Where the tracked features lie: the mean of D' over the mean face, by task and angle.

    Parameters
    ----------
    faces : mapping of task to mapping of angle to grey array (S, S), 0 to 255
        The mean of the misclassified images; an angle below zero is unknown.
    features : mapping of task to mapping of angle to array (S, S)
        The mean of their D', each scaled by its own sum first.
    counts : mapping of task to mapping of angle to int
        How many images each mean was taken of.
    """
    angles = sorted({angle for by_angle in faces.values() for angle in by_angle})
    if not angles:
        return note(NOBODY)
    across = 2 * len(angles)
    height, titles = len(faces) * (WIDTH / across + 0.25), [f"{task} task" for task in faces]
    figure, axes = picture_panels(len(faces), across, height, titles, 9)
    for row, (task, by_angle) in zip(axes, faces.items(), strict=True):
        for left, right, angle in zip(row[::2], row[1::2], angles, strict=True):
            if angle not in by_angle:
                continue
            title = f"{angle}°, " * (angle >= 0) + f"mean of {counts[task][angle]}"
            picture(left, by_angle[angle], title, vmin=0, vmax=255)
            picture(right, _tinted(by_angle[angle], features[task][angle]))
    return figure


def _tinted(face: np.ndarray, features: np.ndarray) -> np.ndarray:
    """A pale grey face, with orange where features are strong; float RGB."""
    weight = np.clip(features / max(np.percentile(features, 99.5), 1e-30), 0, 1)[..., None]
    pale = rgb(0.45 + 0.5 * face / 255)
    orange = np.array([0.70, 0.20, 0.0])
    return pale * (1 - weight) + orange * weight
