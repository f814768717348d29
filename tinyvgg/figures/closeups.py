"""Pictures for Figs. 1 and 2: larger than the set's own, where they can be rendered anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tinyvgg.faces.design import full_design
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.synthetic import render_faces


def close_ups(
    faces: FaceSet, size: int = 224, progress: bool = False, **labels: Any
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
    **labels
        The value that each of some columns must have, such as ``emotion="happy"``.

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
        wanted &= (table[label] == value).to_numpy(bool, na_value=False)
    if not wanted.any():
        asked = ", ".join(f"{label}={value!r}" for label, value in labels.items())
        raise ValueError(f"the source {faces.name!r} has no picture with {asked}")
    rows = table[wanted].reset_index(drop=True)
    if faces.name != "synthetic":
        return faces.images[wanted], rows
    return render_faces(rows, size, workers=1, progress=progress), rows
