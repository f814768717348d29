"""A figure that says why there is nothing to draw."""

from __future__ import annotations

from matplotlib.figure import Figure

from tinyvgg.figures.style import FAINT, bare, panels


def note(sentence: str) -> Figure:
    """One sentence in the place of a figure, for runs too small to have such a case."""
    figure, axes = panels(1, 1, 1.0)
    bare(axes[0, 0]).text(0.5, 0.5, sentence, ha="center", va="center", color=FAINT, wrap=True)
    return figure
