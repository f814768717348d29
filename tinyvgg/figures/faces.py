"""Pictures of faces: the design (Figs. 1 and 2), contact sheets, who is mistaken for whom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tinyvgg.faces.faceset import FaceSet
from tinyvgg.figures.style import TRUE, WIDTH, WRONG, bare, montage, panels, picture


def face_row(images: np.ndarray, titles: Sequence[str], columns: int | None = None) -> Figure:
    """A few faces with a title each, in rows of `columns` (Figs. 1 and 2).

    Parameters
    ----------
    images : uint8 array (N, S, S, 3)
    titles : sequence of str
    columns : int, optional
        All in one row if None.
    """
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    figure, axes = panels(rows, columns, rows * (WIDTH / columns + 0.2))
    for ax in axes.flat:
        bare(ax)
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        picture(ax, image, title)
    return figure


def contact_sheet(images: np.ndarray, columns: int) -> Figure:
    """Many faces close together, in rows of `columns`."""
    sheet = montage(images, columns)
    figure, axes = panels(1, 1, WIDTH * sheet.shape[0] / sheet.shape[1])
    picture(axes[0, 0], sheet)
    return figure


def mistaken_for(faces: FaceSet, cases: pd.DataFrame, columns: int = 4) -> Figure:
    """Misclassified faces, each beside a face of what the network took it for.

    Parameters
    ----------
    faces : FaceSet
    cases : DataFrame
        Rows of the outcomes. Beside each stands a picture of the class predicted: for the face
        task of that person, else of that emotion, as much like the case as the set allows.
    columns : int
        Pairs in a row.
    """
    rows = max(1, -(-len(cases) // columns))
    figure, axes = panels(rows, 2 * columns, rows * (WIDTH / columns / 2 + 0.25))
    for ax in axes.flat:
        bare(ax)
    for k, case in enumerate(cases.itertuples()):
        left, right = axes[k // columns, 2 * (k % columns) : 2 * (k % columns) + 2]
        picture(left, faces.images[case.row], f"{case.true_name}", TRUE)
        double = faces.images[_most_alike(faces.table, case)]
        picture(right, double, f"as {case.predicted_name}\n{case.confidence:.2f}", WRONG)
    return figure


def _most_alike(table: pd.DataFrame, case) -> int:
    """Row of a picture of the predicted class that shares most labels with the case."""
    names = table.subject.astype(str)
    person = case.predicted_name in set(names) and case.true_name in set(names)
    wanted = names if person else table.emotion
    candidates = table[wanted == case.predicted_name]
    shared = sum(
        weight * (candidates[label] == getattr(case, label)).to_numpy(bool, na_value=False)
        for label, weight in (("angle", 4), ("emotion", 2), ("subject", 2), ("gaze", 1))
    )
    return int(candidates.index[int(np.argmax(shared))])
