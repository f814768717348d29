"""How hard the faces are: a dot and an interval for each question and reader."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tinyvgg.figures.style import FAINT, INK, LINEAR, WIDTH, panels
from tinyvgg.studies.difficulty import NETWORK, PROBE, THIS_RUN

MARKS = {NETWORK: ("o", INK, -0.14), PROBE: ("D", LINEAR, 0.14)}


def difficulty_dots(table: pd.DataFrame) -> Figure:
    """Accuracy of each reader on each question, with intervals and the level of chance.

    Parameters
    ----------
    table : DataFrame
        As `difficulty_table` returns it. Hollow marks are of a record, not of this run.
    """
    questions = list(dict.fromkeys(table.question))
    height = 0.55 * len(questions) + 1.0
    figure, axes = panels(1, 1, height, width=WIDTH)
    ax = axes[0, 0]
    for row in table.itertuples():
        at = questions.index(row.question)
        marker, colour, shift = MARKS[row.reader]
        if pd.isna(row.accuracy):
            if row.reader == NETWORK:
                words = "not possible with these labels" if row.note else "TinyVGG not measured"
                ax.text(50, at + shift, words, fontsize=8, color=FAINT, va="center", ha="center")
            continue
        face = colour if row.origin == THIS_RUN else "white"
        ax.plot([100 * row.low, 100 * row.high], [at + shift] * 2, color=colour, lw=1.4, zorder=2)
        ax.plot(
            *(100 * row.accuracy, at + shift, marker),
            **{"mfc": face, "mec": colour, "ms": 6, "mew": 1.4, "zorder": 3, "clip_on": False},
        )
        ends = [at - 0.32, at + 0.32]
        ax.plot([100 * row.chance] * 2, ends, color=FAINT, lw=1.4, ls=(0, (2, 1.5)))
    ax.set(xlim=(0, 101), ylim=(len(questions) - 0.5, -0.5), xlabel="test images right (%)")
    ax.set_yticks(range(len(questions)), questions)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    _legend(ax, recorded=bool((~table.origin.isin([THIS_RUN]) & table.accuracy.notna()).any()))
    return figure


def _legend(ax, recorded: bool) -> None:
    def mark(reader: str, filled: bool, label: str) -> Line2D:
        marker, colour, _ = MARKS[reader]
        face = colour if filled else "white"
        return Line2D([], [], marker=marker, mfc=face, mec=colour, ls="", label=label)

    handles = [mark(NETWORK, True, NETWORK), mark(PROBE, True, PROBE)]
    if recorded:
        handles.insert(1, mark(NETWORK, False, f"{NETWORK}, recorded"))
    handles.append(Line2D([], [], color=FAINT, lw=1.4, ls=(0, (2, 1.5)), label="chance"))
    ax.legend(
        handles=handles,
        **{"ncols": len(handles), "loc": "lower center", "bbox_to_anchor": (0.5, 1.0)},
    )
