"""What a drawn figure shows: its words and marks, its picture, how often a colour is in it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure


def words(figure: Figure) -> list[str]:
    """Every text of a figure that is not empty."""
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def shown(axes: Axes) -> np.ndarray:
    """The one picture of a panel."""
    (picture,) = axes.get_images()
    return np.asarray(picture.get_array())


def count_colour(picture: np.ndarray, colour: str) -> int:
    """Pixels of exactly that colour."""
    return int(np.isclose(picture, to_rgb(colour)).all(axis=-1).sum())


def readable(figure: Figure) -> str:
    """All the words of a figure, none of them too small to read."""
    figure.draw_without_rendering()
    found = [text for text in figure.findobj(plt.Text) if text.get_text().strip()]
    assert all(text.get_fontsize() >= 8 for text in found)
    return " ".join(text.get_text() for text in found)


def marks(ax: Axes) -> list[tuple[float, str]]:
    """Where a panel's round marks lie on the horizontal axis, and their colours."""
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    return [(float(line.get_xdata()[0]), line.get_markerfacecolor()) for line in lines]
