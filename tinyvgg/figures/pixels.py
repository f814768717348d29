"""Backtracking in pictures: Fig. 6 from real numbers, the maps of Fig. 7, the counts, the coins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tinyvgg.experiments.class_dependence import Coverage, coin_share, doublings
from tinyvgg.experiments.selection import LastLayer
from tinyvgg.figures.style import (
    CONTROL,
    FAINT,
    INK,
    PAPER,
    TASK,
    TRUE,
    WIDTH,
    WRONG,
    beside,
    inverted,
    legend_of,
    montage,
    note,
    panels,
    picture,
    picture_panels,
    probability,
    rgb,
)

COLUMNS = 8  # maps side by side
SELECTED = "#56B4E9"  # what backtracking selected
CLASSES = 5  # whose probabilities are drawn, the most probable ones


def contributions(layer: LastLayer, classes: Sequence[str], true: str) -> Figure:
    """Fig. 6 from real numbers: a class's logit as a sum over the last hidden layer.

    Parameters
    ----------
    layer : LastLayer
    classes : sequence of str
        Names of the classes.
    true : str
        Name of the true class, shown in its colour.
    """
    parts = layer.contributions
    helping, opposing = np.sort(parts[parts > 0])[::-1], np.sort(parts[parts < 0])[::-1]
    figure, axes = panels(1, 3, 2.9, width_ratios=[2.1, 1.3, 1.2])
    bars, steps, chances = axes[0]

    heights = np.concatenate([helping, opposing])
    colours = [SELECTED] * len(helping) + [CONTROL] * len(opposing)
    bars.bar(np.arange(len(heights)), heights, width=1, color=colours)
    bars.axhline(0, color=INK, linewidth=0.8)
    silent = len(parts) - len(heights)
    for words, colour, y in (
        (f"{len(helping)} units positive: selected", "#1d6fa3", 0.94),
        (f"{len(opposing)} units negative: not selected", "#666666", 0.84),
        (f"{silent} units contribute nothing", FAINT, 0.74),
    ):
        bars.text(0.97, y, words, transform=bars.transAxes, ha="right", color=colour, fontsize=8.5)
    bars.set(
        title="contribution of each unit",
        xlabel="units of the last hidden layer, sorted",
        ylabel=r"contribution $a_i\,W_i^k$",
    )

    up, down = float(helping.sum()), float(opposing.sum())
    ends = [(0, up), (up, up + down), (up + down, layer.total), (0, layer.total)]
    for x, ((start, end), colour) in enumerate(
        zip(ends, (SELECTED, CONTROL, PAPER, INK), strict=True)
    ):
        steps.bar(x, end - start, bottom=start, color=colour, width=0.7)
        words = f"{end - start:+.2f}".replace("-", "−")
        beside(steps, words, (x, max(start, end)), (0, 2), ha="center", va="bottom", fontsize=8)
    steps.set_xticks(range(4), ["units\n> 0", "units\n< 0", "bias\n$b_k$", "logit\n$x_k$"])
    steps.axhline(0, color=INK, linewidth=0.8)
    top, bottom = max(map(max, ends)), min(map(min, ends))
    steps.set_ylim(bottom - 0.05 * (top - bottom), top + 0.1 * (top - bottom))
    steps.set(title="sum: the logit")

    best = np.argsort(-layer.probabilities, kind="stable")[:CLASSES][::-1]
    names = [classes[k] for k in best]
    colours = [WRONG if k == layer.target else FAINT for k in best]
    colours = [TRUE if name == true else c for name, c in zip(names, colours, strict=True)]
    drawn = chances.barh(names, layer.probabilities[best], color=colours, height=0.7)
    labels = [probability(p) for p in layer.probabilities[best]]
    chances.bar_label(drawn, labels, padding=2, fontsize=8)
    chances.set(title="after soft-max", xlabel="probability", xlim=(0, 1.35), xticks=[0, 0.5, 1])
    return figure


def missing_pixels(
    images: np.ndarray,
    maps: np.ndarray,
    sets: Mapping[str, np.ndarray],
    titles: Sequence[str],
) -> Figure:
    """Fig. 7: faces, their last feature maps, and the maps with sets of pixels missing.

    Parameters
    ----------
    images : uint8 array (N, S, S, 3)
    maps : array (N, C, h, w)
        Shown dark on light grey; one scale for the maps of an image.
    sets : mapping of str to bool array (N, C, h, w)
        A row of the figure each; its pixels are blue instead of dark.
    titles : sequence of str
        One for each face.
    """
    if not len(images):
        return note("In this run, no such face is misclassified.")
    rows = -(-maps.shape[1] // COLUMNS)
    across = WIDTH / max(3, len(images))
    ratios = [0.62, *[rows / COLUMNS] * (1 + len(sets))]
    size = {"height": across * sum(ratios) + 0.5, "width": across * len(images) + 0.3}
    titles_of_rows = ["image", "feature maps", *sets]
    figure, axes = picture_panels(
        len(ratios), len(images), titles=titles_of_rows, height_ratios=ratios, **size
    )
    figure.set_layout_engine("constrained", w_pad=0.08)
    for k, image in enumerate(images):
        picture(axes[0, k], image, titles[k])
        picture(axes[1, k], map_sheet(maps[k]))
        for row, chosen in enumerate(sets.values(), 2):
            picture(axes[row, k], map_sheet(maps[k], {SELECTED: chosen[k]}))
    return figure


def map_sheet(
    maps: np.ndarray, sets: Mapping[str, np.ndarray] | None = None, columns: int = COLUMNS
) -> np.ndarray:
    """Feature maps (C, h, w) side by side, float RGB; sets of pixels are coloured instead of dark.

    `sets` maps a colour to the pixels, bool (C, h, w), that have it.
    """
    sheet = rgb(inverted(maps))  # (C, h, w, 3)
    for colour, pixels in (sets or {}).items():
        sheet[pixels] = to_rgb(colour)
    return montage(sheet, columns, fill=1.0)


def pixel_counts(counts: Mapping[str, pd.DataFrame], printed: Mapping[str, float]) -> Figure:
    """How many pixels the two readings of Algorithm 1 select in each image.

    Parameters
    ----------
    counts : mapping of task to DataFrame
        A row an image, columns total, active, printed, released (numbers of pixels).
    printed : mapping of task to float
        What the paper reports, as a share of all pixels.
    """
    figure, axes = panels(1, len(counts), 2.7, sharey=True)
    for ax, (task, table) in zip(axes[0], counts.items(), strict=True):
        ranks = (np.arange(len(table)) + 0.5) / max(len(table), 1)
        table = table.iloc[np.argsort(100 * table.active / table.total, kind="stable")]
        for name, label, style in (
            ("active", "active", {"s": 26, "facecolors": "none", "edgecolors": FAINT}),
            ("printed", "selected as printed", {"s": 13, "marker": "x", "color": INK}),
            ("released", "selected as released", {"s": 9, "color": TASK[task]}),
        ):
            ax.scatter(ranks, 100 * table[name] / table.total, linewidths=0.8, label=label, **style)
        ax.axhline(100 * printed[task], color=PAPER, linestyle=":", label="mean in the paper")
        ax.set(title=f"{task} task", xlabel="misclassified images, sorted by active pixels")
        ax.set(xticks=[], xlim=(-0.02, 1.02))
        ax.grid(axis="y")
    axes[0, 0].set(ylabel="share of all pixels (%)", ylim=(0, None))
    legend_of(figure, axes[0, 0], "lower", handletextpad=0.3)
    return figure


def active_returned(coverages: Mapping[str, Coverage]) -> Figure:
    """The share of active pixels that the first k neurons of L_1 return, and what coins would.

    Parameters
    ----------
    coverages : mapping of task to Coverage
        The mean over the images, and between the smallest share and the largest; points at
        k = 1, 2, 4, ... The triangles stand at the median size of L_1.
    """
    longest = max((c.returned.shape[1] for c in coverages.values()), default=0)
    if not longest or all(np.isnan(c.returned).all() for c in coverages.values()):
        return note("In this run, no image has an active pixel and a selected unit.")
    figure, axes = panels(1, 2, 3.2)
    shares, missing = axes[0]
    grid = doublings(longest)
    fine = np.geomspace(1, longest, 200)
    for ax, coin in ((shares, 100 * coin_share(fine)), (missing, 100 * (1 - coin_share(fine)))):
        ax.plot(fine, coin, color=INK, linestyle=":", label="fair coins", zorder=3)
        ax.set_xscale("log", base=2)
        ax.set(xlabel="neurons of $L_1$, drawn at random", xlim=(0.9, 1.1 * longest))
        ax.set_xticks(grid, [str(k) for k in grid], fontsize=8)
        ax.set_xticks([], minor=True)
        ax.grid(axis="y")
    floor = np.inf
    for (task, coverage), width in zip(coverages.items(), (4.0, 1.4), strict=False):
        known = ~np.isnan(coverage.returned).all(axis=0)
        values = 100 * coverage.returned[:, known]  # (N, k)
        if not values.size:
            continue
        k = np.flatnonzero(known) + 1
        mean, colour = np.nanmean(values, axis=0), TASK[task]
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        # the two tasks nearly coincide: the second is drawn thin upon the first
        style = {"color": colour, "linewidth": width, "markersize": 2.5 + 1.5 * width}
        marks = [int(np.searchsorted(k, doubling)) for doubling in grid if doubling <= k[-1]]
        shares.fill_between(k, low, high, color=colour, alpha=0.15, linewidth=0)
        shares.plot(k, mean, marker="o", markevery=marks, label=f"{task} task", **style)
        left = 100 - mean
        some = left > 1e-9
        marks = [mark for mark in marks if mark < some.sum()]
        missing.plot(k[some], left[some], marker="o", markevery=marks, **style)
        floor = min(floor, left[some].min(initial=np.inf))
        units = coverage.table.units.median()
        shares.plot(units, 4, marker="v", color=colour, markersize=6, clip_on=False)
        up = 2 if width > 2 else 12
        style = {"va": "baseline", "ha": "right", "fontsize": 8, "color": colour}
        beside(shares, f"all of $L_1$, {task}", (units, 4), (-5, up), **style)
    shares.set(ylabel="active pixels returned (%)", ylim=(0, 103))
    bottom = floor / 3 if np.isfinite(floor) else 1e-3
    missing.set(ylabel="active pixels left out (%)", yscale="log", ylim=(bottom, 100))
    missing.yaxis.set_minor_formatter(NullFormatter())
    shares.legend(loc="center right")
    return figure
