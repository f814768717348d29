"""The picture that opens the book: one misclassified image from end to end."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyvgg.experiments.first_case import FirstCase
from tinyvgg.figures.pixels import SELECTED, map_sheet
from tinyvgg.figures.style import (
    TRUE,
    WIDTH,
    WRONG,
    inverted,
    note,
    panels,
    picture,
)

HEIGHT = 4.3  # inches
RANDOM = "#F0E442"  # as many random pixels, among grey ones


def at_a_glance(case: FirstCase | None, what: str = "") -> Figure:
    """A misclassified image, its backtracked pixels, and what suppressing them does.

    Left, the image and the deconvolution of its last feature maps. Then two rows: the backtracked
    pixels, and as many random active ones. In each, the feature maps with these pixels in colour,
    the deconvolution without them, and the probabilities before and after.

    Parameters
    ----------
    case : FirstCase or None
        None gives a note.
    what : str
        Stands before the name of a class, such as "subject ".
    """
    if case is None:
        return note("No test image is misclassified in this run.")
    figure, axes = panels(2, 4, HEIGHT, WIDTH, width_ratios=[1, 1.35, 1, 1.5])
    shown = inverted(np.stack([case.deconvolved, case.without_backtracked, case.without_random]))
    picture(axes[0, 0], case.image, f"{what}{case.true},\nclassified as {what}{case.predicted}")
    picture(axes[1, 0], shown[0], "deconvolution\nof all pixels", vmin=0, vmax=1)
    number = f"{case.backtracked.sum():,}"
    rows = (
        (case.backtracked, SELECTED, shown[1], "backtracked"),
        (case.random, RANDOM, shown[2], "random"),
    )
    for k, (pixels, colour, without, name) in enumerate(rows):
        sheet = map_sheet(case.maps, {colour: pixels}, columns=6)
        picture(axes[k, 1], sheet, f"last feature maps: the {number}\n{name} pixels in color")
        picture(axes[k, 2], without, "deconvolution\nwithout them", vmin=0, vmax=1)
        _bars(axes[k, 3], case, name, what)
    return figure


def _bars(ax: Axes, case: FirstCase, name: str, what: str) -> None:
    """Probabilities of two classes, before (pale) and after some pixels are suppressed."""
    classes = (("predicted", case.predicted, WRONG), ("true", case.true, TRUE))
    before, after = case.probabilities["before"], case.probabilities[name]
    for k, (_, _, colour) in enumerate(classes):
        for shift, value, alpha in ((-0.2, before[k], 0.35), (0.2, after[k], 1.0)):
            ax.barh(k + shift, value, 0.36, color=colour, alpha=alpha)
            ax.text(value + 0.02, k + shift, f"{value:.2f}", va="center", fontsize=8)
    labels = [f"{what}{label}\n({kind})" for kind, label, _ in classes]
    ax.set_yticks(range(len(classes)), labels)
    ax.set(xlim=(0, 1.2), ylim=(1.5, -0.5), xticks=[0, 0.5, 1])
    ax.tick_params(axis="y", length=0)
    mean = f" (mean of {case.draws:,} draws)" if name == "random" else ""
    title = f"before (pale) and without\n{name} pixels{mean}"
    ax.set_title(title, fontsize=8, fontweight="normal", pad=3)
    ax.set_xlabel("probability", fontsize=8)
