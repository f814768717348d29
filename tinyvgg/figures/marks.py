"""What several figures draw alike: words at a place, marks with intervals, rows, legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def beside(ax: Axes, words: str, place: tuple[float, float], points: tuple, **more: Any) -> None:
    """Words so many points to the right of a place and above it."""
    style: dict[str, Any] = {"va": "center", "fontsize": 8.5} | more
    ax.annotate(words, place, points, textcoords="offset points", **style)


def centred(ax: Axes, x: float, y: float, words: object, fontsize: float = 8, **more: Any) -> None:
    """Words in the middle of a place, such as the cell of a table."""
    ax.text(x, y, str(words), ha="center", va="center", fontsize=fontsize, **more)


def mark(
    ax: Axes, at: float, found: Sequence[float], colour: str, filled: bool = True, **more: Any
) -> None:
    """A dot at (value, at), filled or hollow, on the line of its interval.

    Parameters
    ----------
    found : (value, low, high)
    more
        `lw` of the line, `ms` and `marker` of the dot; all else is of both.
    """
    value, low, high = found
    shape = {"marker": more.pop("marker", "o"), "ms": more.pop("ms", 5), "ls": ""}
    face = colour if filled else "white"
    ax.plot([low, high], [at, at], color=colour, lw=more.pop("lw", 1.4), **more)
    ax.plot(value, at, mfc=face, mec=colour, **shape, **more)


def row_axis(ax: Axes, labels: Sequence[str], grid: bool = True) -> None:
    """Rows with these labels, the first on top, without ticks."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    if grid:
        ax.grid(axis="x")


def legend_of(figure: Figure, ax: Axes, where: str = "upper", **more: Any) -> None:
    """The legend of one axes, for the whole figure: above or below it."""
    handles, labels = ax.get_legend_handles_labels()
    columns = 3 if len(labels) > 4 else len(labels)
    figure.legend(handles, labels, loc=f"outside {where} center", ncols=columns, **more)


def rgb(grey: np.ndarray) -> np.ndarray:
    """Grey pictures (..., H, W) as (..., H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=-1)


def probability(p: float) -> str:
    """Two decimals; of a small one its power of ten."""
    return f"{p:.2f}" if p >= 0.005 else f"{p:.0e}"
