"""A state in pictures: small RGB arrays, one value of the network a pixel, to be shown enlarged."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from tinyvgg.explorer.state import State
from tinyvgg.figures.style import COMMON, CONTROL, SEQUENTIAL, UNIQUE, inverted, montage

BACKTRACKED = "#56B4E9"
BY_HAND = "#E69F00"
DRAWN = "#555555"  # a control's pixel among pale grey ones; its bar is style.CONTROL
COLOUR = {
    "backtracked": BACKTRACKED,
    "common": COMMON,
    "unique": UNIQUE,
    "hand": BY_HAND,
    "random": CONTROL,
}
PALEST, DARKEST = 0.97, 0.68  # maps stay paler than any colour, so that lightness tells them too


def parts(state: State) -> dict[str, np.ndarray]:
    """The suppressed pixels by what they are; bool arrays (C, h, w) that share no pixel.

    With a twin, backtracked pixels are either common or unique.
    """
    pixels = state.suppressed
    if state.choice.random:
        return {"random": pixels}
    if state.choice.pixel_set == "hand":
        return {"hand": pixels}
    names = ("backtracked",) if state.case.twin is None else ("common", "unique")
    found = {name: pixels & state.sets[name] for name in names}
    return {name: subset for name, subset in found.items() if subset.any()}


def columns_of(maps: int) -> int:
    """Maps side by side in a montage about twice as wide as high."""
    return max(1, round((2 * maps) ** 0.5))


def feature_maps(state: State, gap: int = 1) -> np.ndarray:
    """The last feature maps side by side, dark where active; suppressed pixels in colour.

    Returns
    -------
    uint8 array (rows, columns, 3), a pixel of the maps a pixel; the gaps are white.
    """
    largest = state.maps.max() or 1.0
    shade = PALEST + (DARKEST - PALEST) * np.clip(state.maps / largest, 0, 1)
    coloured = np.repeat(shade[..., None], 3, axis=-1)
    for name, pixels in parts(state).items():
        coloured[pixels] = to_rgb(DRAWN if name == "random" else COLOUR[name])
    return _bytes(montage(coloured, columns_of(len(state.maps)), gap, fill=1.0))


def over_face(state: State, only_suppressed: bool = False) -> np.ndarray:
    """The feature maps summed, as colours over the face in grey.

    Parameters
    ----------
    state : State
    only_suppressed : bool
        Sum the suppressed pixels alone, in the colours of the same scale.

    Returns
    -------
    uint8 array (S, S, 3)
    """
    summed = state.maps.sum(axis=0)  # (h, w)
    shown = (state.maps * state.suppressed).sum(axis=0) if only_suppressed else summed
    face = state.gallery.images[state.case.row]
    strength = _enlarged(shown / (summed.max() or 1.0), face.shape[:2])
    grey = np.repeat(face.mean(axis=-1, keepdims=True) / 255, 3, axis=-1)
    colour = matplotlib.colormaps[SEQUENTIAL](strength)[..., :3]
    return _bytes(0.4 * grey + 0.6 * colour)


def tracked(state: State) -> np.ndarray:
    """What the suppressed pixels show in the image (D' of Algorithm 2), dark on light grey."""
    return _bytes(np.repeat(inverted(state.difference)[..., None], 3, axis=-1))


def deconvolved(state: State) -> np.ndarray:
    """The deconvolution of all pixels, dark on light grey."""
    grey = state.full @ np.array([0.299, 0.587, 0.114])
    return _bytes(np.repeat(inverted(np.maximum(grey, 0))[..., None], 3, axis=-1))


def face(state: State) -> np.ndarray:
    """The picture of the case."""
    return state.gallery.images[state.case.row]


def twin(state: State) -> np.ndarray | None:
    """The picture of its twin; None if it has none."""
    return None if state.case.twin is None else state.gallery.images[state.case.twin]


def data_uri(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as the address of an HTML image."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Values (h, w) spread evenly over a picture of another size, each as a block."""
    rows = np.arange(size[0]) * values.shape[0] // size[0]
    columns = np.arange(size[1]) * values.shape[1] // size[1]
    return values[rows][:, columns]


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
