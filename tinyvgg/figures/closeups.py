"""Pictures for Figs. 1 and 2: larger than the set's own, where they can be rendered anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import is_list_like

from tinyvgg.faces.design import full_design
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.synthetic import basis_fingerprint, render_faces
from tinyvgg.figures.style import WIDTH, panels, picture
from tinyvgg.storage.store import Store

FEW = 12  # people
# Where the eyes of a frontal synthetic face are: top, bottom, left, right, as shares.
EYES = (0.30, 0.49, 0.22, 0.78)


def close_ups(
    faces: FaceSet,
    size: int = 224,
    progress: bool = False,
    store: Store | None = None,
    **labels: Any,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Pictures with these labels, and the rows of the table that describe them.

    Parameters
    ----------
    faces : FaceSet
        A synthetic set is rendered anew, at `size` and from all five angles; of any other the
        set's own pictures are taken, at their own size and the angles it has.
    size : int
        Side of rendered pictures in pixels.
    progress : bool
        Show a progress bar while rendering.
    store : Store, optional
        Where rendered pictures are kept; they are rendered every time if None.
    **labels
        The value that each of some columns must have, such as ``emotion="happy"``, or a list
        of values.

    Returns
    -------
    images : uint8 array (N, S, S, 3)
    table : DataFrame
        N rows, numbered from 0.

    Raises
    ------
    ValueError
        If no picture has these labels.
    """
    table = full_design(angles=None) if faces.name == "synthetic" else faces.table
    if unknown := sorted(set(labels) - set(table.columns)):
        raise ValueError(
            f"no such label: {', '.join(unknown)}; known: {', '.join(map(str, table.columns))}"
        )
    wanted = np.ones(len(table), bool)
    for label, value in labels.items():
        values = list(value) if is_list_like(value) else [value]
        wanted &= table[label].isin(values).to_numpy(bool, na_value=False)
    if not wanted.any():
        asked = ", ".join(f"{label}={value!r}" for label, value in labels.items())
        raise ValueError(f"the source {faces.name!r} has no picture with {asked}")
    rows = table[wanted].reset_index(drop=True)
    if faces.name != "synthetic":
        return faces.images[wanted], rows
    return _render(rows, size, progress, store), rows


def _render(rows: pd.DataFrame, size: int, progress: bool, store: Store | None) -> np.ndarray:
    workers = 1 if rows.subject.nunique() < FEW else None  # processes take a while to start

    def make(_: Path | None = None) -> dict[str, np.ndarray]:
        return {"images": render_faces(rows, size, workers=workers, progress=progress)}

    if store is None:
        return make()["images"]
    named = rows.source.tolist()
    recipe = {"names": named, "size": size, "head": basis_fingerprint()}
    return store.get("pictures", recipe, make)["images"]


def gaze_rows(images: np.ndarray, gazes: Sequence[str]) -> Figure:
    """Frontal faces in a row, and their eyes enlarged below them."""
    size = images.shape[1]
    top, bottom, left, right = (round(share * size) for share in EYES)
    tall = (bottom - top) / (right - left)
    side = WIDTH / max(len(images), 3)
    figure, axes = panels(2, len(images), side * (1 + tall) + 0.3, height_ratios=[1, tall])
    for (whole, part), image, gaze in zip(axes.T, images, gazes, strict=True):
        picture(whole, image, gaze)
        picture(part, image[top:bottom, left:right])
    return figure
