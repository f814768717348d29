"""The small line at a figure's foot that says of which run, seed, data and commit it is."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

NAME = "run line"  # of the text, among the artists of a figure
SIZE = 6.5  # points
COLOUR = "#6b6b6b"
GAP = 0.05  # inches, between the figure and the line

_line: Callable[[], str] | None = None


def sign_with(line: Callable[[], str] | None) -> None:
    """From now on, `signed` figures carry this line; None: they carry none.

    Parameters
    ----------
    line : callable, optional
        Asked when the first figure is signed, and not before.
    """
    global _line
    _line = line


def signed(figure: Figure) -> Figure:
    """The same figure, with the line below all that it shows; once, however often it is asked.

    The line stands outside the figure's own area, where nothing else is: save the figure with
    ``bbox_inches="tight"``, or it is cut off. The layout is fixed by then, since to lay the
    figure out again would take as long as to draw it.
    """
    if _line is None or any(text.get_gid() == NAME for text in figure.texts):
        return figure
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    box = figure.get_tightbbox()  # inches
    width, height = figure.get_size_inches()
    figure.text(
        box.x1 / width,
        (box.y0 - GAP) / height,
        _line(),
        ha="right",
        va="top",
        fontsize=SIZE,
        color=COLOUR,
        gid=NAME,
    )
    return figure
