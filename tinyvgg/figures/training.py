"""Fig. 5 (error rate by epoch), the epoch that is saved, and what a network gets wrong."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tinyvgg.figures.style import CONTROL, COUNTS, FAINT, INK, PAPER, TASK, centred, panels

COUNTED_BY = {"angle": "camera angle (°)", "emotion": "emotion shown"}  # axis labels


def error_curves(
    histories: Mapping[str, pd.DataFrame], printed: Mapping[str, float] | None = None
) -> Figure:
    """Error rate of each task by epoch, on the test images and while training (Fig. 5).

    Parameters
    ----------
    histories : mapping of task to DataFrame
        As `Study.history` gives them.
    printed : mapping of task to float, optional
        Final test error in the paper, drawn as a dotted line.
    """
    figure, axes = panels(1, len(histories), 2.9, sharey=True)
    for ax, (task, history) in zip(axes[0], histories.items(), strict=True):
        colour = TASK[task]
        style = {"color": colour, "alpha": 0.45, "linestyle": "--"}
        ax.plot(history.epoch, 100 * history.test_error, color=colour, label="test images")
        ax.plot(history.epoch, 100 * history.train_error, label="training images", **style)
        if printed and task in printed:
            ax.axhline(100 * printed[task], color=PAPER, linestyle=":", label="paper (100 epochs)")
        ax.set(title=f"{task} task", xlabel="epoch", ylim=(0, 102), xlim=(0, None))
        ax.grid(axis="y")
        ax.legend(loc="upper right")
    axes[0, 0].set_ylabel("error rate (%)")
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
        ax.plot(some.epoch, saved, color=TASK[task], drawstyle="steps-post", label="saved weights")
        own = some.same
        ax.scatter(some.epoch[~own], error[~own], s=20, color=CONTROL, zorder=3)
        ax.scatter(some.epoch[own], error[own], s=26, color=TASK[task], zorder=4)
        ax.set(title=f"{task} task", xlabel="training stops after epoch", ylim=(0, None))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="y")
        ax.legend(loc="upper right")
    axes[0, 0].set_ylabel("error on the test images (%)")
    return figure


def error_counts(outcomes: Mapping[str, pd.DataFrame], by: str, top: int | None = None) -> Figure:
    """Misclassified test images of each task, counted by one of their labels.

    Parameters
    ----------
    outcomes : mapping of task to DataFrame
    by : str
        A column of the outcomes, such as "angle", "emotion" or "subject".
    top : int, optional
        Show only that many bars, the largest first.
    """
    figure, axes = panels(1, len(outcomes), 2.5)
    for ax, (task, table) in zip(axes[0], outcomes.items(), strict=True):
        values = sorted(table[by].dropna().unique())
        counts = table[~table.correct][by].value_counts().reindex(values, fill_value=0)
        if top is not None:
            counts = counts.sort_values(ascending=False, kind="stable").head(top)
        named = by == "subject" and "person" in table
        names = dict(zip(table.subject, table.person, strict=True)) if named else {}
        words = [str(names.get(value, value)) for value in counts.index]
        bars = ax.bar(words, counts.to_numpy(), color=TASK[task])
        ax.bar_label(bars, fontsize=8, color=INK)
        ax.set(title=f"{task} task", xlabel=COUNTED_BY.get(by, by), ylabel="misclassified images")
        ax.margins(y=0.15)
        if by == "emotion" or max(map(len, words), default=0) > 4:
            plt.setp(ax.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
    return figure


def confusion_matrix(counts: pd.DataFrame) -> Figure:
    """Counts by true class (rows) and predicted class; correct ones are grey.

    Errors alone are coloured, so that the many correct predictions do not drown them.
    """
    values = counts.to_numpy()
    wrong = values.astype(float)
    np.fill_diagonal(wrong, np.nan)
    side = 4.6
    figure, axes = panels(1, 1, side, width=side + 0.6)
    ax = axes[0, 0]
    largest = np.nanmax(wrong) if np.isfinite(wrong).any() else 0
    ax.imshow(wrong, cmap=COUNTS, vmin=0, vmax=max(largest, 1))
    for (true, predicted), count in np.ndenumerate(values):
        if true == predicted:
            centred(ax, predicted, true, count, color=FAINT)
        elif count:
            light = count > 0.6 * largest
            centred(ax, predicted, true, count, 8.5, color="white" if light else INK)
    names = [str(name) for name in counts.index]
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted class", ylabel="true class")
    return figure
