"""The benchmarks: relative speed, and how the time grows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tinyvgg.figures.style import CONTROL, FAINT, INK, beside, legend_of, note, panels

NOT_MEASURED = "Nothing has been timed yet. The command is python -m tinyvgg bench."
OURS = {"float32": INK, "tf32": "#44AA99", "bfloat16": "#882255"}  # Tol's muted colours


def speed_ratios(rows: pd.DataFrame) -> Figure:
    """Speed of each benchmark relative to the alternative, with the quartiles.

    Parameters
    ----------
    rows : DataFrame
        As `bench.table` makes it.
    """
    if rows.empty:
        return note(NOT_MEASURED)
    figure, ((axes,),) = panels(1, 1, 0.9 + 0.21 * len(rows))
    places = np.arange(len(rows))[::-1]
    faster = rows.low > 1
    axes.axvline(1, color=FAINT, linewidth=1)
    axes.hlines(places, rows.low, rows.high, color=INK, linewidth=2.2)
    axes.scatter(rows.ratio[faster], places[faster], s=30, color=INK, zorder=3)
    axes.scatter(rows.ratio[~faster], places[~faster], s=30, color="white", edgecolor=INK, zorder=3)
    for place, ratio, high in zip(places, rows.ratio, rows.high, strict=True):
        words = f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
        beside(axes, words, (high, place), (6, 0))
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis)
    axes.margins(x=0.12)
    axes.set(yticks=places, yticklabels=rows.name, ylim=(-0.7, len(rows) - 0.3))
    axes.set_xlabel("speed relative to the alternative (median and quartiles over rounds)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def speed_growth(rows: pd.DataFrame) -> Figure:
    """Time per image against image size and against batch size."""
    grown = rows[rows.curve != ""]
    if grown.empty:
        return note(NOT_MEASURED)
    is_training = grown.curve.str.partition(", ")[0] == "training"
    trainings = grown[is_training]
    others = dict(iter(grown[~is_training].groupby("curve", sort=False)))
    figure, grid = panels(1, 1 + len(others), 2.7)
    axes = grid[0]
    for curve, own in trainings.groupby("curve", sort=False):
        precision = curve.partition(", ")[2]
        _line(axes[0], own, "ours", OURS[precision], f"this package, {precision}")
    plain = trainings[trainings.curve == "training, float32"]
    _line(axes[0], plain, "theirs", CONTROL, "alternative", "--")
    axes[0].set(title="training", xlabel="image size (pixels)", ylabel="time per image (ms)")
    for panel, (curve, own) in zip(axes[1:], others.items(), strict=True):
        _line(panel, own, "ours", INK, "this package")
        _line(panel, own, "theirs", CONTROL, "alternative", "--")
        panel.set(title=curve.replace(", ", ",\n"), xlabel="batch size (images)")
    for panel, own in zip(axes, [trainings, *others.values()], strict=True):
        ticks = _apart(sorted(set(own["at"].astype(int))))
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.xaxis.set_minor_formatter(NullFormatter())
        _plain_numbers(panel.yaxis)
        panel.tick_params(which="minor", length=0)
        panel.grid(axis="y")
    legend_of(figure, axes[0])
    return figure


def _plain_numbers(axis) -> None:
    """Label a logarithmic axis with 1, 2, 5, 10, 20, …"""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _apart(values: list[int], factor: float = 1.6) -> list[int]:
    """The values whose labels do not overlap on a logarithmic axis."""
    kept: list[int] = []
    for value in values:
        if not kept or value >= factor * kept[-1]:
            kept.append(value)
    return kept


def _line(axes, rows: pd.DataFrame, which: str, colour: str, label: str, style: str = "-") -> None:
    times = rows[f"{which}_ms"] / rows.images
    axes.plot(rows["at"], times, style, color=colour, marker="o", markersize=3.5, label=label)


def precision_pairs(pairs: pd.DataFrame) -> Figure:
    """Each seed's accuracy in either precision, by task.

    Parameters
    ----------
    pairs : DataFrame
        As `studies.precision.pairs` makes it.
    """
    if pairs.empty:
        return note(
            "This study has no record yet. The command is python -m tinyvgg study precision."
        )
    tasks = list(dict.fromkeys(pairs.task))
    figure, grid = panels(1, len(tasks), 2.2)
    for axes, task in zip(grid[0], tasks, strict=True):
        own = pairs[pairs.task == task]
        for full, half in zip(own.float32, own.bfloat16, strict=True):
            axes.plot([0, 1], [100 * full, 100 * half], color=FAINT, linewidth=1.2)
        for x, precision in enumerate(("float32", "bfloat16")):
            axes.scatter([x] * len(own), 100 * own[precision], color=OURS[precision], zorder=3)
        axes.set(title=f"{task} task", xlim=(-0.4, 1.4))
        axes.set_xticks([0, 1], ["float32", "bfloat16"])
        axes.grid(axis="y")
    grid[0, 0].set_ylabel("accuracy on the test images (%)")
    return figure
