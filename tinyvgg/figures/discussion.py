"""Section "Discussion": other ways to train, gradients, avoided layers, augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tinyvgg.experiments.statistics import Interval
from tinyvgg.figures.style import (
    CONTROL,
    FAINT,
    INK,
    LINEAR,
    TRUE,
    UNIQUE,
    WIDTH,
    WRONG,
    centred,
    inverted,
    legend_of,
    mark,
    note,
    panels,
    picture,
    picture_panels,
    rgb,
    row_axis,
)
from tinyvgg.studies import augmentation, discussion
from tinyvgg.studies.difficulty import NETWORK, PROBE, THIS_RUN
from tinyvgg.studies.difficulty import shown as named

# Ways to train, by Tol's muted colours, which Okabe and Ito's are not mistaken for
WAYS = {
    "SGD": (INK, "-"),
    "Adam": ("#332288", "--"),
    "Adagrad": ("#44AA99", "-."),
    "TinyVGG": (INK, "-"),
    "VGG-16": ("#882255", "-"),
    "VGG-19": ("#332288", (0, (5, 2))),
    "VGG-16, He's weights": ("#44AA99", "--"),
    "VGG-16, batch norm": ("#999933", "-."),
}
ARMS = {"none": INK, "aimed": UNIQUE, "elsewhere": CONTROL}
NOT_RECORDED = "This study has no record yet. The text gives the command that creates one."


class Panel(NamedTuple):
    """One plot of curves by epoch.

    Attributes
    ----------
    title : str
    tables : mapping of name to DataFrame
        Columns seed, epoch and `column`.
    guess : float
        The value at chance level, in the unit of the column.
    column : {"test_error", "loss"}
    """

    title: str
    tables: Mapping[str, pd.DataFrame]
    guess: float
    column: str = "test_error"


def ways_by_epoch(*panels_: Panel) -> Figure:
    """A curve by epoch for each way to train and seed, and the chance level."""
    if not any(panel.tables for panel in panels_):
        return note(NOT_RECORDED)
    figure, axes = panels(1, len(panels_), 3.1)
    words = {"test_error": (100, "test error (%)"), "loss": (1, "training loss")}
    for ax, panel in zip(axes[0], panels_, strict=True):
        scale, unit = words[panel.column]
        ax.axhline(scale * panel.guess, color=FAINT, lw=1.2, ls=":", label="chance")
        for name, table in panel.tables.items():
            for own, look in _by_seed(name, table):
                ax.plot(own.epoch, scale * own[panel.column], **look)
        ax.set(title=panel.title, xlabel="epoch", ylabel=unit, xlim=(0, None), ylim=(0, None))
        ax.grid(axis="y")
    legend_of(figure, axes[0, 0])
    return figure


def gradients_by_layer(
    start: Mapping[str, pd.DataFrame], end: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """Signal and gradient of every layer, from the pictures to the output, on a logarithmic scale.

    Parameters
    ----------
    start : mapping of name to DataFrame
        As `gradient_norms` gives them, of untrained networks.
    end : mapping of name to DataFrame, optional
        Of such networks after training, with their seed; the third panel says where there are none.
    """
    figure, axes = panels(1, 3, 3.3)
    shown = (
        ("signal before training", "signal", start),
        ("gradient before training", "gradient", start),
        ("gradient after training", "gradient", end or {}),
    )
    for ax, (title, column, tables) in zip(axes[0], shown, strict=True):
        for name, table in tables.items():
            for own, look in _by_seed(name, table):
                ax.plot(np.arange(1, len(own) + 1), own[column], **look)
        ax.set(xlabel="layer, counted from the image")
        ax.set_title(title, fontsize=8.5)
        if tables:
            ax.set_yscale("log")
            ax.grid(axis="y")
        else:
            ax.text(0.5, 0.5, "no record yet", transform=ax.transAxes, ha="center", color=FAINT)
            ax.set(yticks=[], xticks=[])
    if end:
        low, high = zip(*(ax.get_ylim() for ax in axes[0, 1:]), strict=True)
        plt.setp(axes[0, 1:], ylim=(min(low), max(high)))
    axes[0, 0].set_ylabel("RMS of the layer's output")
    axes[0, 1].set_ylabel("norm of the weight gradient")
    legend_of(figure, axes[0, 0])
    return figure


def _by_seed(way: str, table: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, dict[str, Any]]]:
    """The rows of each seed of a way to train, and the look of their line; one is in the legend."""
    colour, dashes = WAYS.get(way, (FAINT, ":"))
    look = {"color": colour, "ls": dashes, "label": discussion.SHOWN.get(way, way)}
    seeds = [own for _, own in table.groupby("seed")] if "seed" in table else [table]
    for own in seeds:
        yield own, {**look, "lw": 1.6 if len(seeds) == 1 else 1.1}
        look["label"] = "_"


def region_examples(
    cases: np.ndarray, twins: np.ndarray, regions: np.ndarray, fill: np.ndarray, titles: Sequence
) -> Figure:
    """Misclassified training images, their twins, and the filled region in both places.

    Parameters
    ----------
    cases, twins : uint8 array (N, S, S, 3)
    regions : bool array (N, S, S)
    fill : uint8 array (S, S, 3)
        The mean training image.
    titles : sequence of (str, str)
        The true class and the predicted class.
    """
    if not len(cases):
        return note("The record has no regions for the images of this run.")
    rows = ("misclassified", "twin", "region", "targeted", "control")
    count, size = len(cases), cases.shape[1]
    side = WIDTH / max(count, 6)
    figure, axes = picture_panels(len(rows), count, side * len(rows) + 0.5, rows, 8.5)
    moved = np.roll(regions, (size // 3, size // 3), axis=(1, 2))
    for k in range(count):
        filled = [np.where(r[k][..., None], fill, cases[k]) for r in (regions, moved)]
        marked = np.where(regions[k][..., None], cases[k], 255 - (255 - cases[k]) // 5)
        for ax, image in zip(axes[:, k], (cases[k], twins[k], marked, *filled), strict=True):
            picture(ax, image)
        shows, named = titles[k]
        axes[0, k].set_title(shows, fontsize=8, fontweight="normal", color=TRUE, pad=13)
        place = {"transform": axes[0, k].transAxes, "ha": "center", "va": "bottom"}
        axes[0, k].text(0.5, 1.02, named, fontsize=8, color=WRONG, **place)
    return figure


def augmentation_arms(
    errors: pd.DataFrame, differences: pd.DataFrame, means: Mapping[str, Interval]
) -> Figure:
    """Errors of each way to augment, seed by seed, and the paired differences over seeds.

    Parameters
    ----------
    errors : DataFrame
        One row per seed, one column per arm: percent of the test images misclassified.
    differences : DataFrame
        One row per seed, one column per pair ("targeted minus control"): points of accuracy.
    means : mapping of pair to Interval
        Mean difference over seeds with its interval.
    """
    if errors.empty:
        return note(NOT_RECORDED)
    figure, axes = panels(1, 2, 2.9, width_ratios=[1, 1.5])
    left, right = axes[0]
    at = range(len(errors.columns))
    for row in errors.to_numpy():
        left.plot(at, row, color=CONTROL, lw=0.9, zorder=1)
    for k, arm in enumerate(errors.columns):
        colour = ARMS[arm]
        left.plot([k] * len(errors), errors[arm], "o", color=colour, ms=5, clip_on=False)
    left.set_xticks(at, [augmentation.SHOWN[arm] for arm in errors.columns])
    left.set(
        ylabel="test images misclassified (%)",
        xlim=(-0.4, len(errors.columns) - 0.6),
        ylim=(0, None),
    )
    left.set_title("one line per seed")
    left.grid(axis="y")
    colours = {augmentation.SHOWN[arm]: colour for arm, colour in ARMS.items()}
    for k, (pair, mean) in enumerate(means.items()):
        colour = colours[pair.split()[0]]
        seeds = differences[pair]
        right.plot(seeds, [k - 0.16] * len(seeds), "o", mfc="none", mec=colour, ms=4.5)
        right.plot([mean.low, mean.high], [k + 0.12] * 2, color=colour, lw=2)
        right.plot(mean.value, k + 0.12, "D", color=colour, ms=5)
    right.axvline(0, color=FAINT, lw=1)
    row_axis(right, [pair.replace(" minus ", "\nminus ") for pair in means])
    right.set_xlabel("difference in accuracy (percentage points)")
    right.set_title("seeds (rings), mean, 95 % interval")
    return figure


def layer_pictures(examples: Sequence[Mapping[str, np.ndarray]]) -> Figure:
    """Faces in rows; beside each its deconvolved pictures, dark on light grey, by network.

    Parameters
    ----------
    examples : sequence of mapping of name to uint8 array (S, S, 3)
        As `studies.layers.kept_examples` returns them, the face first.
    """
    if not examples:
        return note("No pictures are on record; only pictures of synthetic faces are kept.")
    names = list(examples[0])
    side = WIDTH / len(names)
    figure, axes = picture_panels(len(examples), len(names), side * len(examples) + 0.3)
    for row, each in zip(axes, examples, strict=True):
        for ax, (name, shown) in zip(row, each.items(), strict=True):
            picture(ax, shown if name == names[0] else rgb(inverted(shown[..., 0])))
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name, fontsize=8.5, fontweight="normal")
    return figure


MARKS = {NETWORK: ("o", INK, -0.14), PROBE: ("D", LINEAR, 0.14)}


def difficulty_dots(table: pd.DataFrame) -> Figure:
    """Accuracy of each reader on each question, with intervals and the level of chance.

    Parameters
    ----------
    table : DataFrame
        As `difficulty_table` returns it. Hollow marks are of a record, not of this run.
    """
    questions = list(dict.fromkeys(table.question))
    figure, axes = panels(1, 1, 0.55 * len(questions) + 1.0)
    ax = axes[0, 0]
    for row in table.itertuples():
        at = questions.index(row.question)
        marker, colour, shift = MARKS[row.reader]
        if pd.isna(row.accuracy):
            if row.reader == NETWORK:
                words = "not possible with these labels" if row.note else "TinyVGG not measured"
                centred(ax, 50, at + shift, words, color=FAINT)
            continue
        found = 100 * row.accuracy, 100 * row.low, 100 * row.high
        style = {"marker": marker, "ms": 6, "mew": 1.4, "zorder": 3, "clip_on": False}
        mark(ax, at + shift, found, colour, row.origin == THIS_RUN, **style)
        ends = [at - 0.32, at + 0.32]
        ax.plot([100 * row.chance] * 2, ends, color=FAINT, lw=1.4, ls=(0, (2, 1.5)))
    ax.set(xlim=(0, 101), xlabel="accuracy on the test images (%)")
    row_axis(ax, [named(question) for question in questions])
    here = table.origin.isin([THIS_RUN]) | table.accuracy.isna()
    shown = {NETWORK: (NETWORK, True), PROBE: (PROBE, True)}
    if not here.all():
        shown = {NETWORK: (NETWORK, True), f"{NETWORK} (record)": (NETWORK, False)} | shown
    handles = []
    for label, (reader, filled) in shown.items():
        marker, colour, _ = MARKS[reader]
        face = colour if filled else "white"
        handles.append(
            Line2D([], [], marker=marker, mfc=face, mec=colour, ls="", label=named(label))
        )
    handles.append(Line2D([], [], color=FAINT, lw=1.4, ls=(0, (2, 1.5)), label="chance"))
    ax.legend(handles=handles, ncols=len(handles), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure
