"""Sets of pixels compared with their controls: differences, overlaps, other seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from tinyvgg.experiments.effects import LABELS
from tinyvgg.figures.style import FAINT, INK, TASK, centred, legend_of, mark, note, panels, row_axis

NO_PAIRS = "In this run no misclassified image has a twin, so there is no set to test."
BETTER, WORSE = "#eef4ea", "#f7eeee"
KINDS = {"misclassified": (True, -0.13), "correct": (False, 0.13)}  # filled, shifted


class Forest(NamedTuple):
    """A panel of a forest plot.

    Attributes
    ----------
    title : str
    colour : str
    rows : DataFrame
        One row per mark: label, kind ("misclassified" or "correct"), difference, low, high. A row
        with a `note` shows that note instead of a mark.
    """

    title: str
    colour: str
    rows: pd.DataFrame


def forest(
    parts: Sequence[Sequence[Forest]],
    axis: str,
    sides: tuple[str, str] = ("the control\ndoes more", "the set\ndoes more"),
) -> Figure:
    """Differences with their intervals; right of zero, the paper's set does more.

    Parameters
    ----------
    parts : rows of panels
        All panels of a figure have the same labels in the same order.
    axis : str
        The label of the x axis.
    sides : two str
        What lies left and right of zero.
    """
    if not any(
        part.rows.get("difference", pd.Series()).notna().any() for row in parts for part in row
    ):
        return note(NO_PAIRS)
    labels = list(dict.fromkeys(label for row in parts for p in row for label in p.rows.label))
    height = len(parts) * (0.42 * len(labels) + 0.75) + 0.75
    figure, axes = panels(len(parts), len(parts[0]), height, sharey=True)
    for line, row in zip(axes, parts, strict=True):
        for ax, part in zip(line, row, strict=True):
            _panel(ax, part, labels, sides)
        line[0].set_yticks(range(len(labels)), labels)
        line[0].set_ylim(len(labels) - 0.5, -1.25)
    figure.supxlabel(axis, fontsize=9)
    marks = [
        Line2D([], [], marker="o", ls="", mfc=face, mec=INK, label=f"{kind} images")
        for kind, face in zip(KINDS, (INK, "white"), strict=True)
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=2)
    return figure


def _panel(ax: Axes, part: Forest, labels: list[str], sides: tuple[str, str]) -> None:
    _sides(ax)
    for x, words in zip((-0.5, 0.5), sides, strict=True):
        centred(ax, x, -0.85, words, color="#555555")
    for row in part.rows.itertuples():
        at = labels.index(row.label)
        if isinstance(said := getattr(row, "note", None), str):
            centred(ax, 0, at, said)
            continue
        filled, shift = KINDS[row.kind]
        found = row.difference, row.low, row.high
        style = {"lw": 1.6, "ms": 6, "zorder": 3, "clip_on": False}
        mark(ax, at + shift, found, part.colour, filled, **style)
    ax.set_title(part.title, fontsize=9)


def _sides(ax: Axes) -> None:
    """An axis from -1 to 1 with both sides of zero shaded and signed numbers."""
    ax.axvspan(-1, 0, color=WORSE, lw=0, zorder=0)
    ax.axvspan(0, 1, color=BETTER, lw=0, zorder=0)
    ax.axvline(0, color=FAINT, lw=1, zorder=1)
    ax.set(xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1])
    ax.xaxis.set_major_formatter(FuncFormatter(signed))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def signed(value: float, _: object = None) -> str:
    """A number with its sign, zero without."""
    return "0" if value == 0 else f"{value:+.1f}".replace("-", "−")


def shared_bars(shares: Mapping[str, pd.Series]) -> Figure:
    """The share of each control that lies in the set.

    Parameters
    ----------
    shares : mapping of task to Series
        Fractions by control.
    """
    if all(part.empty for part in shares.values()):
        return note(NO_PAIRS)
    labels = list(next(part.index for part in shares.values() if not part.empty))
    figure, axes = panels(1, 1, 0.7 + 0.5 * len(labels))
    ax, width = axes[0, 0], 0.8 / len(shares)
    for k, (task, part) in enumerate(shares.items()):
        places = np.arange(len(part)) + (k - (len(shares) - 1) / 2) * width
        drawn = ax.barh(
            places, 100 * part, height=width * 0.92, color=TASK[task], label=f"{task} task"
        )
        words = [f"{100 * share:.0f} %" for share in part]
        ax.bar_label(drawn, words, padding=3, fontsize=8.5)
    ax.set_yticks(range(len(labels)), labels)
    ax.set(xlim=(0, 108), xlabel="control pixels that are also backtracked (%)")
    ax.invert_yaxis()
    ax.grid(axis="x")
    legend_of(figure, ax)
    return figure


def seed_dots(tables: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> Figure:
    """The differences between a set and its controls, one mark per seed.

    Parameters
    ----------
    tables : mapping of task to DataFrame
        Of `other_seeds.controls_by_seed`.
    titles : mapping of task to str
    """
    if not any(table.difference.notna().any() for table in tables.values()):
        return note(NO_PAIRS)
    labels = list(dict.fromkeys(name for table in tables.values() for name in table.control))
    figure, axes = panels(1, len(tables), 0.5 * len(labels) + 1.3, sharey=True)
    for ax, (task, table) in zip(axes[0], tables.items(), strict=True):
        seeds = sorted(table.seed.unique())
        _sides(ax)
        for row in table.itertuples():
            aside = 0.6 * ((seeds.index(row.seed) + 0.5) / len(seeds) - 0.5)
            found = row.difference, row.low, row.high
            here = row.origin == "this run"
            mark(ax, labels.index(row.control) + aside, found, TASK[task], here, lw=1.2)
        ax.set_title(titles[task], fontsize=9)
    row_axis(axes[0, 0], [LABELS.get(name, name) for name in labels], grid=False)
    figure.supxlabel("set minus control (filled: this run)", fontsize=9)
    return figure
