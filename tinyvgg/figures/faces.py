"""Pictures of faces: the design (Figs. 1 and 2), contact sheets, misclassified images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import is_list_like

from tinyvgg.faces.design import full_design
from tinyvgg.faces.faceset import PERSON, FaceSet
from tinyvgg.faces.synthetic import basis_fingerprint, render_faces
from tinyvgg.figures.style import TRUE, WIDTH, WRONG, montage, panels, picture, picture_panels
from tinyvgg.storage.store import Store

SMOOTH = "bicubic"  # for faces shown larger than they are


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
    figure, axes = picture_panels(rows, columns, rows * (WIDTH / columns + 0.2))
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        picture(ax, image, title)
    return figure


def contact_sheet(images: np.ndarray, columns: int, smooth: bool = False) -> Figure:
    """Many faces close together, in rows of `columns`; enlarged with or without visible pixels."""
    sheet = montage(images, min(columns, max(len(images), 1)))
    figure, axes = panels(1, 1, WIDTH * sheet.shape[0] / sheet.shape[1])
    picture(axes[0, 0], sheet, interpolation=SMOOTH if smooth else "nearest")
    return figure


def face_table(
    images: np.ndarray,
    shots: pd.DataFrame,
    people: Mapping[int, str],
    label: str,
    values: Sequence[Any],
    across: bool = False,
) -> Figure:
    """Faces in a row for each person and a column for each value of a label.

    Parameters
    ----------
    images : uint8 array (N, S, S, 3)
    shots : DataFrame
        N rows of labels; where several fit a place the first is shown, where none does, none.
    people : mapping
        Title of each subject.
    label : str
        Column of `shots`, such as "emotion".
    values : sequence
        Its values, in the order of the columns.
    across : bool
        Give each person a column instead, and each value a row.
    """
    side, gap = images.shape[1], 2
    places = np.full((len(people), len(values), side, side, 3), 255, np.uint8)
    for (i, subject), (j, value) in product(enumerate(people), enumerate(values)):
        fits = np.flatnonzero((shots.subject == subject) & (shots[label] == value))
        if len(fits):
            places[i, j] = images[fits[0]]
    titles = [list(people.values()), [str(value) for value in values]]  # of rows, of columns
    if across:
        places, titles = places.swapaxes(0, 1), titles[::-1]
    sheet = montage(places.reshape(-1, side, side, 3), len(titles[1]), gap)
    figure, axes = panels(1, 1, 0.9 * WIDTH * sheet.shape[0] / sheet.shape[1] + 0.2)
    ax = picture(axes[0, 0], sheet, interpolation=SMOOTH)
    for place, names in zip((ax.set_yticks, ax.set_xticks), titles, strict=True):
        place(np.arange(len(names)) * (side + gap) + side / 2 - 0.5, names, fontsize=8)
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False, pad=2)
    return figure


def cast(table: pd.DataFrame) -> dict[int, str]:
    """The first person of each group and gender of a table of labels.

    Returns
    -------
    dict
        Subject to title, such as ``{3: "3\nKid\nfemale"}``, by subject; unknown labels are left
        out.
    """
    people = table[["subject", "group", "gender"]].drop_duplicates("subject")
    first = people.sort_values("subject").drop_duplicates(["group", "gender"])
    return {
        person.subject: "\n".join(str(part) for part in person if not pd.isna(part))
        for person in first.itertuples(index=False)
    }


def mistaken_for(faces: FaceSet, cases: pd.DataFrame) -> Figure:
    """Misclassified images, each beside an image of the predicted class.

    Parameters
    ----------
    faces : FaceSet
    cases : DataFrame
        Rows of the outcomes. Beside each stands a picture of the class predicted: for the face
        task of that person, else of that emotion, as much like the case as the set allows.
    """
    columns = 4  # pairs in a row
    rows = max(1, -(-len(cases) // columns))
    figure, axes = picture_panels(rows, 2 * columns, rows * (WIDTH / columns / 2 + 0.25))
    for k, case in enumerate(cases.itertuples()):
        left, right = axes[k // columns, 2 * (k % columns) : 2 * (k % columns) + 2]
        picture(left, faces.images[case.row], f"{case.true_name}", TRUE)
        double = faces.images[_most_alike(faces.table, case)]
        picture(right, double, f"as {case.predicted_name}\n{case.confidence:.2f}", WRONG)
    return figure


def _most_alike(table: pd.DataFrame, case) -> int:
    """Row of a picture of the predicted class that shares most labels with the case."""
    names = table.get(PERSON, table.subject).astype(str)
    person = case.predicted_name in set(names) and case.true_name in set(names)
    wanted = names if person else table.emotion
    candidates = table[wanted == case.predicted_name]
    shared = sum(
        weight * (candidates[label] == getattr(case, label)).to_numpy(bool, na_value=False)
        for label, weight in (("angle", 4), ("emotion", 2), ("subject", 2), ("gaze", 1))
    )
    return int(candidates.index[int(np.argmax(shared))])


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
