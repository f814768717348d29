"""Other networks: dense layers of several depths, digits, class activation maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tinyvgg.figures.style import INK, PAPER, UNIQUE, legend_of, panels, picture_panels

READINGS = {"printed": ("as printed", PAPER), "released": ("as released", UNIQUE)}


def heads(table: pd.DataFrame) -> Figure:
    """What each reading selects, and the overlap between classes, by depth.

    Parameters
    ----------
    table : DataFrame
        As `compare_heads` gives it.
    """
    figure, axes = panels(1, 2, 2.7)
    x = np.arange(len(table))
    for k, (name, (label, colour)) in enumerate(READINGS.items()):
        place = x + (k - 0.5) * 0.36
        share = 100 * table[name] / table.active
        for ax, values in zip(axes[0], (share, table[f"{name}_same"]), strict=True):
            bars = ax.bar(place, values, 0.34, color=colour, label=label)
            words = [f"{v:.0f}" if ax is axes[0, 0] else f"{v:.2f}" for v in values]
            ax.bar_label(bars, words, fontsize=7.5)
    axes[0, 0].set(title="Pixels selected", ylabel="share of the active pixels (%)", ylim=(0, 112))
    axes[0, 1].set(title="Overlap with another class", ylabel="Jaccard index", ylim=(0, 1.12))
    for ax in axes[0]:
        ax.set_xticks(x, table.hidden)
        ax.set_xlabel("number of hidden dense layers")
        ax.grid(axis="y")
    legend_of(figure, axes[0, 0])
    return figure


def picture_rows(
    columns: Mapping[str, np.ndarray], titles: Sequence[str], cmap: str = "gray", **more: str
) -> Figure:
    """Pictures side by side, one row per kind and one column per case.

    Parameters
    ----------
    columns : mapping of str to array (N, H, W)
        By the title of its row; each is shown from its smallest value to its largest.
    titles : sequence of N str
        Above each column.
    cmap : str
    **more : str
        Another colour map for a row, by its title with underscores for spaces.
    """
    count = len(titles)
    height = 0.35 + len(columns) * 7.0 / max(count, 4)
    figure, axes = picture_panels(len(columns), count, height, list(columns))
    for row, (name, pictures) in zip(axes, columns.items(), strict=True):
        for ax, values in zip(row, pictures, strict=True):
            ax.imshow(values, cmap=more.get(name.replace(" ", "_"), cmap))
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=8, fontweight="normal", color=INK, pad=3)
    return figure
