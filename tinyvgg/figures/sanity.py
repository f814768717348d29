"""What sets of pixels depend on: the class, the cut, the ranking, the dense layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from tinyvgg.backtracking import Cut
from tinyvgg.figures.controls import KINDS, NO_PAIRS
from tinyvgg.figures.style import (
    CONTROL,
    FAINT,
    INK,
    PAPER,
    SEQUENTIAL,
    TASK,
    centred,
    legend_of,
    mark,
    note,
    panels,
    row_axis,
)

# Paul Tol's muted colours, which have no fixed meaning elsewhere; dashes where curves overlap
ORDER_LINES = (
    {"color": INK, "lw": 2.6},
    {"color": "#88CCEE", "lw": 1.8},
    {"color": "#117733", "lw": 2.4},
    {"color": "#DDCC77", "lw": 1.6, "ls": (0, (2, 1.5))},
    {"color": "#AA4499", "lw": 1.8},
    {"color": CONTROL, "lw": 1.8, "ls": (0, (5, 2))},
)


def class_dependence(
    overlaps: Mapping[str, pd.DataFrame], sizes: Mapping[str, pd.Series]
) -> Figure:
    """The overlap of each layer's selection with another class's, and the share selected.

    Parameters
    ----------
    overlaps : mapping of task to DataFrame
        Indexed by layer, from the top down, with columns mean, least and most (Jaccard index).
    sizes : mapping of task to Series
        Share of the active units that is selected, by layer.
    """
    if not any(len(table) and table["mean"].notna().any() for table in overlaps.values()):
        return note(NO_PAIRS)
    figure, axes = panels(1, 2, 3.1, width_ratios=[1, 1.15])
    left, right = axes[0]
    for k, (task, table) in enumerate(overlaps.items()):
        places = np.arange(len(table)) + 0.16 * (k - 0.5)
        left.vlines(places, table.least, table.most, color=TASK[task], lw=1.4)
        left.plot(places, table["mean"], "o", ms=7, color=TASK[task], label=f"{task} task")
        bars = np.arange(len(sizes[task])) + 0.38 * (k - 0.5)
        drawn = right.bar(bars, 100 * sizes[task], width=0.36, color=TASK[task])
        right.bar_label(drawn, [f"{100 * s:.0f}" for s in sizes[task]], fontsize=8, padding=1)
        left.set_xticks(range(len(table)), [_symbol(name) for name in table.index])
        right.set_xticks(range(len(sizes[task])), [_symbol(name) for name in sizes[task].index])
    left.axhline(1, color=FAINT, lw=0.8, zorder=0)
    left.set(ylim=(-0.02, 1.08), ylabel="overlap with another class (Jaccard index)")
    left.set_title("1 = same set for both classes")
    left.legend(loc="lower right")
    left.grid(axis="y")
    right.set(
        ylim=(0, 115), ylabel="share of active units selected (%)", yticks=[0, 25, 50, 75, 100]
    )
    right.set_title("share selected")
    figure.supxlabel("layer, from the last hidden layer down to the pixels $L_0$", fontsize=9)
    return figure


def _symbol(name: str) -> str:
    """ "L_0, printed" as a label of two lines."""
    symbol, _, reading = name.partition(", ")
    return f"${symbol}$\n{reading}" if reading else f"${symbol}$"


class CutMap(NamedTuple):
    """A panel of `cut_maps`: a column of the table, its title, and how a number is written.

    `signed` is for a difference: the middle color stands for zero.
    """

    column: str
    title: str
    words: str = "{:.0f}"
    signed: bool = False


def cut_maps(tables: Mapping[str, pd.DataFrame], parts: Mapping[str, Sequence[CutMap]]) -> Figure:
    """Maps over floor and percentile, in which the released cut is framed.

    Parameters
    ----------
    tables : mapping of task to DataFrame
        Of `cut_map.cut_map`.
    parts : mapping of task to sequence of CutMap
        A row of panels for each task.
    """
    columns = [part.column for row in parts.values() for part in row]
    if not any(table[name].notna().any() for table in tables.values() for name in columns):
        return note(NO_PAIRS)
    across = len(next(iter(parts.values())))
    together = len(parts) if across == 1 else 1  # single panels stand side by side
    figure, axes = panels(len(parts) // together, across * together, 2.5 * len(parts) / together)
    for ax, (task, part) in zip(
        axes.flat, [(task, part) for task, row in parts.items() for part in row], strict=True
    ):
        grid = tables[task].pivot(index="floor", columns="percentile", values=part.column)
        _heat(ax, grid, part.words, part.signed)
        ax.set_title(part.title, fontsize=9)
        ax.set(xlabel="percentile", ylabel="floor")
        ax.label_outer()
    return figure


def _heat(ax: Axes, table: pd.DataFrame, words: str, signed: bool) -> None:
    values = table.to_numpy(float)
    largest = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 1.0
    low, high = (-largest, largest) if signed else (0, max(largest, 1))
    drawn = ax.imshow(
        values, cmap="PuOr" if signed else SEQUENTIAL, vmin=low, vmax=high, aspect="auto"
    )
    for (y, x), value in np.ndenumerate(values):
        text = words.format(value).replace("-", "−") if np.isfinite(value) else "–"
        shade = drawn.cmap(drawn.norm(value))[:3] if np.isfinite(value) else (1, 1, 1)
        dark = np.dot(shade, (0.299, 0.587, 0.114)) < 0.5
        centred(ax, x, y, text, 8.5, color="white" if dark else INK)
    ax.set_xticks(range(table.shape[1]), [f"{p:g}" for p in table.columns])
    ax.set_yticks(range(table.shape[0]), [f"{f:g}" for f in table.index])
    chosen = Cut()
    if chosen.floor in table.index and chosen.percentile in table.columns:
        x, y = table.columns.get_loc(chosen.percentile), table.index.get_loc(chosen.floor)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=PAPER, lw=3))


def order_curves(tables: Mapping[str, pd.DataFrame], orders: Sequence[str]) -> Figure:
    """Deletion and insertion curves, one line per order.

    Parameters
    ----------
    tables : mapping of task to DataFrame
        Columns order, mode, share and probability.
    orders : sequence of str
    """
    if not any(table.probability.notna().any() for table in tables.values()):
        return note(NO_PAIRS)
    figure, axes = panels(len(tables), 2, 2.35 * len(tables) + 0.6, sharey=True, sharex=True)
    words = {"deletion": "deleted", "insertion": "inserted"}
    good = {"deletion": "lower is better", "insertion": "higher is better"}
    for line, (task, table) in zip(axes, tables.items(), strict=True):
        for ax, mode in zip(line, words, strict=True):
            for name, style in zip(orders, ORDER_LINES, strict=True):
                some = table[(table["mode"] == mode) & (table.order == name)]
                ax.plot(100 * some.share, some.probability, label=name, **style)
            ax.set_title(f"{task}: {mode}, {good[mode]}", fontsize=9)
            ax.set(xlim=(0, 100), ylim=(-0.02, 1.02))
            ax.grid()
        line[0].set_ylabel("probability of\nthe predicted class")
    for ax, done in zip(axes[-1], words.values(), strict=True):
        ax.set_xlabel(f"active pixels {done} (%)")
    legend_of(figure, axes[0, 0])
    return figure


def order_areas(tables: Mapping[str, pd.DataFrame], orders: Sequence[str]) -> Figure:
    """Areas under the curves with their intervals, one mark per order and kind of image.

    Parameters
    ----------
    tables : mapping of task to DataFrame
        Columns kind, order, mode, area, low and high.
    orders : sequence of str
    """
    if not any(table.area.notna().any() for table in tables.values()):
        return note(NO_PAIRS)
    figure, axes = panels(1, 2 * len(tables), 0.33 * len(orders) + 1.3, sharey=True)
    parts = [(task, mode) for task in tables for mode in ("deletion", "insertion")]
    for ax, (task, mode) in zip(axes[0], parts, strict=True):
        table = tables[task]
        for row in table[table["mode"] == mode].itertuples():
            filled, shift = KINDS[row.kind]
            found = row.area, row.low, row.high
            mark(ax, orders.index(row.order) + shift, found, TASK[task], filled, lw=1.5)
        side = "left" if mode == "deletion" else "right"
        ax.set(xlim=(-0.02, 1.02), xticks=[0, 0.5, 1], xticklabels=["0", ".5", "1"])
        ax.set_title(f"{task}\n{mode}", fontsize=9)
        ax.set_xlabel(f"{side} is better", fontsize=8.5)
        row_axis(ax, orders)
    figure.supxlabel(
        "area under the curve (filled: misclassified, hollow: correct images)", fontsize=9
    )
    return figure


def random_layers(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """What remains as the dense layers are randomized from the output downwards.

    Parameters
    ----------
    tables : mapping of task to DataFrame
        Of `randomisation.randomised`.
    """
    if not any(table.released.notna().any() for table in tables.values()):
        return note(NO_PAIRS)
    figure, axes = panels(1, len(tables), 3.2, sharey=True)
    lines: dict[str, tuple[str, dict[str, Any]]] = {
        "printed": ("printed set, overlap", {"color": INK, "lw": 4.5, "alpha": 0.35}),
        "released": ("released set, overlap", {"marker": "o", "ms": 5, "lw": 2}),
        "features": (
            "tracked features, correlation",
            {"color": "#117733", "marker": "s", "ms": 4, "lw": 1.4, "ls": (0, (3, 1.5))},
        ),
        "same": ("unchanged predictions", {"color": "#AA4499", "marker": "D", "ms": 4, "lw": 1.6}),
        "chance": ("random sets, overlap", {"color": CONTROL, "lw": 1.4, "ls": (0, (1, 1.5))}),
    }
    for ax, (task, table) in zip(axes[0], tables.items(), strict=True):
        table = table.assign(same=1 - table.changed)
        for column, (_, style) in lines.items():
            ax.plot(table.layers, table[column], **{"color": TASK[task], **style})
        deepest = int(table.layers.max())
        names = ["none", "output", *(f"+ dense {j}" for j in range(deepest - 1, 0, -1))]
        ax.set_xticks(table.layers, names[: deepest + 1], fontsize=8)
        ax.set(title=f"{task} task", ylim=(-0.03, 1.06), xlabel="randomized dense layers")
        ax.grid(axis="y")
    axes[0, 0].set_ylabel("overlap, correlation or share")
    handles = [
        Line2D([], [], **{"color": FAINT, **style}, label=words) for words, style in lines.values()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure
