"""Measures related to "visually appealing": edges preserved, sharpness, energy off the head.

Brightness and contrast do not count: multiplying an image by a positive number changes nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import correlate1d, uniform_filter1d

from tinyvgg.experiments.localisation import luminance_of, share_within, similarity
from tinyvgg.faces.synthetic.paint import to_display
from tinyvgg.faces.synthetic.rendering.shade import BACKGROUND

BLUR = 9  # pixels of the moving average, as Crete et al. have it
MEASURES = ("edges", "sharpness", "background")


def gradient_magnitude(pictures: ArrayLike) -> np.ndarray:
    """Size of Sobel's gradient in grey pictures (N, H, W); at the border they are continued."""
    pictures = np.asarray(pictures, float)
    down, right = (_slope(pictures, along, across) for along, across in ((1, 2), (2, 1)))
    return np.hypot(down, right)


def _slope(pictures: np.ndarray, along: int, across: int) -> np.ndarray:
    steps = correlate1d(pictures, (-1, 0, 1), along, mode="nearest")
    return correlate1d(steps, (1, 2, 1), across, mode="nearest")


def edges_kept(pictures: ArrayLike, faces: ArrayLike) -> np.ndarray:
    """Correlation of the gradient magnitude of pictures with that of the faces they are made of.

    An index of edge preservation after Sattar et al. (1997), who correlate high-pass filtered
    pictures. The magnitude stands for these here, since a deconvolved picture may be dark where
    the face is bright.

    Parameters
    ----------
    pictures, faces : array (N, H, W)
        Grey values.

    Returns
    -------
    float array (N,)
        1 if the edges are the face's, about 0 if they lie anywhere; NaN for a flat picture.
    """
    return similarity(gradient_magnitude(pictures), gradient_magnitude(faces))


def sharpness(pictures: ArrayLike) -> np.ndarray:
    """The share of the differences between neighbors that a moving average removes, (N,).

    One less the blur metric of Crete et al. (2007), which agrees with how blurred people find a
    photograph: a picture that is blurred already loses little when it is blurred again. Of the
    two axes the one counts along which the picture is less sharp. Grain is sharp too.

    Parameters
    ----------
    pictures : array (N, H, W)
        Grey values.

    Returns
    -------
    float array (N,)
        From 0 (blurred) to 1 (sharp); NaN for a picture that is flat along an axis.
    """
    pictures = np.asarray(pictures, float)
    return np.minimum(*(_sharpness_along(pictures, axis) for axis in (1, 2)))


def _sharpness_along(pictures: np.ndarray, axis: int) -> np.ndarray:
    blurred = uniform_filter1d(pictures, BLUR, axis, mode="nearest")
    before, after = (np.abs(np.diff(x, axis=axis)) for x in (pictures, blurred))
    total = before.sum(axis=(1, 2))
    lost = np.maximum(before - after, 0).sum(axis=(1, 2))
    return np.where(total > 0, lost / np.where(total > 0, total, 1), np.nan)


def empty_background(images: np.ndarray) -> np.ndarray:
    """Where rendered faces (N, H, W, 3) show the renderer's backdrop alone; bool (N, H, W)."""
    return (images == to_display(BACKGROUND[None])[0]).all(axis=-1)


def quality(
    pictures: np.ndarray, images: np.ndarray, rendered: bool = False
) -> dict[str, np.ndarray]:
    """Every one of `MEASURES` for pictures and the images they are made of.

    Parameters
    ----------
    pictures : float array (N, H, W)
        Deconvolved, in grey values.
    images : uint8 array (N, H, W, 3)
    rendered : bool
        Whether the images are rendered faces. Only then it is known what is background.

    Returns
    -------
    dict of float arrays (N,)
        ``edges`` (see `edges_kept`), ``sharpness``, and ``background``, the share of a picture's
        energy (its squared values) that lies on the empty background; NaN where that is unknown.
    """
    unknown = np.full(len(pictures), np.nan)
    energy = np.square(np.asarray(pictures, float))
    return {
        "edges": edges_kept(pictures, luminance_of(images)),
        "sharpness": sharpness(pictures),
        "background": share_within(energy, empty_background(images)) if rendered else unknown,
    }
