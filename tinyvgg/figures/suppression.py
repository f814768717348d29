"""Pairs of faces and their sets of pixels: Figs. 9 to 11, Table 3, and the same over all pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyvgg.experiments.statistics import Interval
from tinyvgg.figures.pixels import COLUMNS, map_sheet
from tinyvgg.figures.style import (
    COMMON,
    CONTROL,
    FAINT,
    INK,
    PAPER,
    TRUE,
    UNIQUE,
    WIDTH,
    WRONG,
    beside,
    centred,
    inverted,
    note,
    panels,
    picture,
    picture_panels,
    probability,
)

NO_PAIR = "In this run, no misclassified face has a twin."
TWIN_ONLY = "#56B4E9"  # pixels of the twin alone


def twin_faces(
    images: np.ndarray, maps: np.ndarray, sets: np.ndarray, titles: Sequence[str]
) -> Figure:
    """Fig. 9: a twin and its misclassified case, and where their sets lie in the feature maps.

    Parameters
    ----------
    images : uint8 array (2, S, S, 3)
        The twin and the case; no image at all gives a note.
    maps : array (2, C, h, w)
        Their last feature maps.
    sets : bool array (3, C, h, w)
        Common to both, the twin's alone, the case's alone.
    titles : two str
    """
    if not len(images):
        return note(NO_PAIR)
    common, twin_only, case_only = sets
    rows = -(-maps.shape[1] // COLUMNS)
    ratios = [1, COLUMNS / rows] * 2
    height = WIDTH / sum(ratios) + 0.55
    figure, axes = panels(1, 4, height, width_ratios=ratios)
    for k, (only, colour) in enumerate(((twin_only, TWIN_ONLY), (case_only, UNIQUE))):
        picture(axes[0, 2 * k], images[k], titles[k], (TRUE, WRONG)[k])
        counts = f"{common.sum()} common (green), {only.sum()} only here"
        sheet = map_sheet(maps[k], {COMMON: common, colour: only})
        picture(axes[0, 2 * k + 1], sheet, counts)
    return figure


def common_values(twin: np.ndarray, case: np.ndarray) -> Figure:
    """Fig. 10: the values at the common pixels, in the twin and in the case.

    Parameters
    ----------
    twin, case : array (n,)
        Values of the same pixels, in the same order.
    """
    if len(twin) < 2:
        return note("In this run, no pair has two or more common pixels.")
    figure, axes = panels(1, 2, 2.9, width_ratios=[1.7, 1])
    lines, points = axes[0]
    order = np.argsort(-twin, kind="stable")
    lines.plot(case[order], color=WRONG, linewidth=0.8, label="misclassified case")
    lines.plot(twin[order], color=TRUE, linewidth=1.8, label="twin")
    lines.set(
        xlabel="common pixels, sorted by the twin's value", ylabel="pixel value", ylim=(0, None)
    )
    lines.legend()
    limit = 1.05 * max(twin.max(), case.max())
    points.plot([0, limit], [0, limit], color=FAINT, linewidth=0.8, zorder=0)
    points.scatter(twin, case, s=7, color=COMMON, linewidths=0)
    points.set(xlabel="value in the twin", ylabel="value in the case", aspect="equal")
    points.set(xlim=(0, limit), ylim=(0, limit))
    points.set_title(f"correlation {np.corrcoef(twin, case)[0, 1]:.2f}")
    return figure


def confidence_falls(
    panels_of: Mapping[str, pd.DataFrame],
    means: Mapping[str, Mapping[str, Interval]],
    colours: Sequence[str] = (INK, COMMON, CONTROL),
) -> Figure:
    """Probabilities before and after suppression: a dot a pair, a bar the mean and its interval.

    Parameters
    ----------
    panels_of : mapping of title to DataFrame
        A panel each; a column of dots for each column, a dot for each row (a pair).
    means : mapping of title to mapping of label to Interval
        Of the same shape.
    colours : sequence of str
        One for each label.
    """
    if not any(len(table) for table in panels_of.values()):
        return note(NO_PAIR)
    figure, axes = panels(1, len(panels_of), 3.3, sharey=True)
    rng = np.random.default_rng(0)  # moves the dots sideways, nothing else
    for ax, (title, columns) in zip(axes[0], panels_of.items(), strict=True):
        for x, ((label, values), colour) in enumerate(zip(columns.items(), colours, strict=True)):
            aside = rng.uniform(-0.2, 0.2, len(values))
            ax.scatter(x + aside, values, s=11, color=colour, alpha=0.55, linewidths=0)
            value, low, high = means[title][label]
            ax.plot([x - 0.32, x + 0.32], [value, value], color=INK, linewidth=2.2)
            if np.isfinite(low):
                ax.plot([x, x], [low, high], color=INK, linewidth=1.2)
            beside(ax, f"{value:.2f}", (x + 0.34, value), (2, 0), fontweight="bold")
        ax.set_xticks(range(columns.shape[1]), list(columns.columns))
        ax.set(title=title, xlim=(-0.5, columns.shape[1] - 0.3), ylim=(-0.03, 1.03))
        ax.grid(axis="y")
    axes[0, 0].set_ylabel("probability")
    return figure


def shares_corrected(shares: pd.DataFrame, colours: Sequence[str], what: str) -> Figure:
    """Bars of shares with their intervals, the first on top.

    Parameters
    ----------
    shares : DataFrame
        Indexed by label, columns share, low and high, as fractions.
    colours : sequence of str
    what : str
        What the shares are of, for the axis.
    """
    values = 100 * shares.to_numpy(float)  # (n, 3)
    if not np.isfinite(values[:, 0]).any():
        return note(NO_PAIR)
    figure, axes = panels(1, 1, 0.7 + 0.36 * len(shares))
    ax = axes[0, 0]
    places = np.arange(len(shares))[::-1]
    ax.barh(places, values[:, 0], color=list(colours), height=0.66)
    for place, (value, low, high) in zip(places, values, strict=True):
        ax.plot([low, high], [place, place], color=INK, linewidth=1.4)
        place = np.nanmax([value, high]), place
        beside(ax, f"{value:.0f} %", place, (5, 0), fontsize=9, fontweight="bold")
    ax.set_yticks(places, list(shares.index))
    ax.set(xlabel=what, xlim=(0, 105))
    ax.grid(axis="x")
    return figure


def unique_features(
    cases: np.ndarray,
    twins: np.ndarray,
    differences: np.ndarray,
    titles: Sequence[tuple[str, str]],
) -> Figure:
    """Fig. 11: cases, their twins, and the features that only the cases have.

    Parameters
    ----------
    cases, twins : uint8 array (N, S, S, 3)
    differences : array (N, S, S)
        D' of the unique pixels.
    titles : sequence of two str
        Above each case and twin.
    """
    if not len(cases):
        return note(NO_PAIR)
    count = max(len(cases), 4)
    rows = ("case", "twin", "unique features")
    figure, axes = picture_panels(3, count, 3 * (WIDTH / count + 0.25), rows)
    for k in range(len(cases)):
        shown = (cases[k], twins[k], inverted(differences[k]))
        for ax, image, title, colour in zip(
            axes[:, k], shown, (*titles[k], ""), (WRONG, TRUE, INK), strict=True
        ):
            picture(ax, image, title, colour, vmin=0, vmax=1)
    return figure


def probability_grid(table: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """Table 3 as a grid: two rows a case, darker the larger the probability.

    Parameters
    ----------
    table : DataFrame
        As `paper.table_3` and `table_3.probability_table` give it.
    classes : sequence of str
    """
    if not len(table):
        return note(NO_PAIR)
    moments = "before", "after"
    rows = table[table.index.get_level_values("moment").isin(moments)]
    figure, axes = panels(1, 1, 0.6 + 0.27 * len(rows))
    ax = axes[0, 0]
    places = [k + 0.35 * (k // len(moments)) for k in range(len(rows))]
    for place, (_, row) in zip(places, rows.iterrows(), strict=True):
        for x, name in enumerate(classes):
            p = float(row[name])
            shade = 1 - 0.75 * p
            ax.add_patch(Rectangle((x - 0.5, place - 0.5), 1, 1, color=(shade, shade, shade)))
            centred(ax, x, place, probability(p), color="white" if shade < 0.55 else INK)
        for name, colour in ((row.mistaken, WRONG), (row.true, TRUE)):
            corner = (list(classes).index(name) - 0.47, place - 0.45)
            ax.add_patch(Rectangle(corner, 0.94, 0.9, fill=False, edgecolor=colour, lw=1.8))
    labels = [f"case {case}, {moment}" for case, moment in rows.index]
    ax.set_yticks(places, labels)
    ax.set_xticks(range(len(classes)), list(classes))
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    ax.set(xlim=(-0.5, len(classes) - 0.5), ylim=(places[-1] + 0.55, -0.55))
    ax.spines[:].set_visible(False)
    return figure


def probability_floors(panels_of: Mapping[str, np.ndarray]) -> Figure:
    """Sorted probabilities of several cases: those that share the smallest one make a flat floor.

    Parameters
    ----------
    panels_of : mapping of title to array (N, classes)
        Classes within the printed three digits of the smallest count as sharing it.
    """
    figure, axes = panels(1, len(panels_of), 2.9, sharey=True)
    for ax, (title, rows) in zip(axes[0], panels_of.items(), strict=True):
        for row in np.sort(np.asarray(rows, float), axis=1) if len(rows) else ():
            floor = np.isclose(row, row[0], rtol=1e-6, atol=0)
            ranks = np.arange(1, len(row) + 1)
            ax.plot(ranks, row, color=FAINT, linewidth=0.8)
            if floor.sum() > 1:
                ax.plot(ranks[floor], row[floor], color=PAPER, linewidth=2.6)
        if not len(rows):
            ax.text(0.5, 0.5, "no case", transform=ax.transAxes, ha="center", color=FAINT)
        ax.set_yscale("log")
        ax.set_title(title, fontsize=8.5)
        ax.set(xlabel="rank of the class", xticks=[1, 4, 8])
        ax.grid(axis="y")
    axes[0, 0].set_ylabel("probability")
    return figure
