"""The text and the code in pictures: how few neurons return every pixel, which epoch is saved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from tinyvgg.experiments.class_dependence import Coverage, coin_share, doublings
from tinyvgg.figures.marks import beside
from tinyvgg.figures.style import CONTROL, INK, TASK, note, panels


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
        return note("In this run no image has an active pixel and a selected neuron.")
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


def saved_epochs(stops: Mapping[str, pd.DataFrame], shown: int = 20) -> Figure:
    """The last epochs: the error of each, and the error of the weights that would be saved.

    Parameters
    ----------
    stops : mapping of task to DataFrame
        Of `departures.stops`.
    shown : int
        Epochs at the end.
    """
    figure, axes = panels(1, len(stops), 2.8)
    for ax, (task, table) in zip(axes[0], stops.items(), strict=True):
        some = table.tail(shown)
        error, saved = 100 * some.test_error, 100 * some.saved_error
        ax.plot(some.epoch, error, color=CONTROL, linewidth=1.2, label="this epoch")
        ax.plot(some.epoch, saved, color=TASK[task], drawstyle="steps-post", label="weights saved")
        own = some.same
        ax.scatter(some.epoch[~own], error[~own], s=20, color=CONTROL, zorder=3)
        ax.scatter(some.epoch[own], error[own], s=26, color=TASK[task], zorder=4)
        ax.set(title=f"{task} task", xlabel="training stops after epoch", ylim=(0, None))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="y")
        ax.legend(loc="upper right")
    axes[0, 0].set_ylabel("error on the test images (%)")
    return figure
