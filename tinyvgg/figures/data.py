"""What a figure shows, as numbers: its points, lines and bars as a table, its pictures as arrays.

Read from the figure itself, so the file under a figure cannot tell anything else than it shows.
"""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

COLUMNS = ["panel", "series", "kind", "x", "y", "x_to", "y_to", "x_label", "y_label"]

Row = dict[str, Any]


def plotted(figure: Figure) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The numbers and the pictures that a figure shows.

    Returns
    -------
    table : DataFrame
        One row per point of a line or a scatter, per bar and per interval: the panel, the series
        (its label in the legend, else a number), the kind of mark, and its place in units of the
        axes. Bars and intervals run from (x, y) to (x_to, y_to). Where ticks are words, x_label
        or y_label is that of the nearest tick. Columns that hold nothing are left out.
    pictures : dict of array
        Every picture as it was given to the figure, by panel.
    """
    rows: list[Row] = []
    pictures: dict[str, np.ndarray] = {}
    for number, ax in enumerate(figure.axes, 1):
        panel = _title(ax) or f"panel {number}"
        words = {name: _words(axis) for name, axis in (("x", ax.xaxis), ("y", ax.yaxis))}
        for row in _marks(ax):
            for name, at in words.items():
                middle = np.mean([row[name], row.get(f"{name}_to", row[name])])
                if at and not np.isnan(middle):
                    row[f"{name}_label"] = at[min(at, key=lambda tick: abs(tick - middle))]
            rows.append({"panel": panel, **row})
        for image in ax.images:
            pictures[f"{number:02d} {panel}"] = np.ma.getdata(np.ma.asarray(image.get_array()))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.dropna(axis="columns", how="all"), pictures


def as_csv(figure: Figure) -> str | None:
    """The numbers of a figure as CSV; None if it plots none."""
    table, _ = plotted(figure)
    return None if table.empty else table.to_csv(index=False, float_format="%.6g")


def as_npz(figure: Figure) -> str | None:
    """The pictures of a figure as an NPZ file in base64; None if it shows none.

    Numbers are in single precision, colors in bytes.
    """
    _, pictures = plotted(figure)
    if not pictures:
        return None
    file = io.BytesIO()
    kept = {name: _smaller(values) for name, values in pictures.items()}
    np.savez_compressed(file, **kept)  # type: ignore[arg-type]
    return b64encode(file.getvalue()).decode()


def has_numbers(figure: Figure) -> bool:
    """Whether a picture of a figure is more than a photograph, which its file already is."""
    return any(values.dtype != np.uint8 for values in plotted(figure)[1].values())


def _smaller(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    if values.ndim == 3:  # colors from 0 to 1
        return (255 * np.clip(values, 0, 1)).round().astype(np.uint8)
    return values.astype(np.float32)


def _title(ax: Axes) -> str:
    """What a panel is called: its title, else its label on the left, in one line."""
    title = next(filter(None, (ax.get_title(loc=x) for x in ("center", "left", "right"))), "")
    return " ".join((title or ax.get_ylabel()).split()).replace("/", " per ")


def _words(axis: Any) -> dict[float, str]:
    """What stands at the ticks of an axis, where these are words."""
    ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)
    words = {float(at): " ".join(label.get_text().split()) for at, label in ticks}
    words = {at: word for at, word in words.items() if word}
    return words if any(re.search("[A-Za-z]{2}", word) for word in words.values()) else {}


def _marks(ax: Axes) -> Iterator[Row]:
    count = 0
    for artist in ax.get_children():
        if not artist.get_visible() or artist.get_transform() is None:
            continue
        label = str(artist.get_label())
        for row in _marks_of(artist, ax):
            yield {"series": f"{count + 1}" if label.startswith("_") else label, **row}
        count += isinstance(artist, Line2D | PathCollection | LineCollection | PolyCollection)


def _marks_of(artist: Any, ax: Axes) -> Iterator[Row]:
    in_data = artist.get_transform().contains_branch(ax.transData)
    if isinstance(artist, Line2D) and in_data:
        for x, y in np.asarray(artist.get_xydata(), float):
            yield {"kind": "line" if artist.get_linestyle() != "None" else "point", "x": x, "y": y}
    elif isinstance(artist, PathCollection):
        for x, y in np.ma.filled(np.ma.asarray(artist.get_offsets(), float), np.nan):
            yield {"kind": "point", "x": x, "y": y}
    elif isinstance(artist, LineCollection):
        for segment in map(np.asarray, artist.get_segments()):
            if len(segment) < 2:  # an end that is not known is not drawn
                continue
            (x, y), (x_to, y_to) = segment[0], segment[-1]
            yield {"kind": "interval", "x": x, "y": y, "x_to": x_to, "y_to": y_to}
    elif isinstance(artist, PolyCollection):
        for path in artist.get_paths():
            for x, y in np.asarray(path.vertices):
                yield {"kind": "area", "x": x, "y": y}
    elif isinstance(artist, Rectangle) and artist is not ax.patch and in_data:
        (x, y), width, height = artist.get_xy(), artist.get_width(), artist.get_height()
        yield {"kind": "bar", "x": x, "y": y, "x_to": x + width, "y_to": y + height}
