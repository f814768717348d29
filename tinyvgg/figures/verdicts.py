"""The ledger as a figure: one row per claim, with its verdict, the paper's value and ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tinyvgg.experiments.statistics import Interval
from tinyvgg.figures.style import FAINT, INK, PAPER, panels
from tinyvgg.verdicts.ledger import Ledger
from tinyvgg.verdicts.page import ELSEWHERE
from tinyvgg.verdicts.rules import NOT, PARTLY, REPRODUCED, UNTESTED, Claim, Quantity

# a colour, a marker of another shape, and whether it is filled: each is told without the others
MARKS: dict[str, dict[str, Any]] = {
    REPRODUCED: {"marker": "o", "color": "#009E73", "fillstyle": "full"},
    PARTLY: {"marker": "o", "color": "#0072B2", "fillstyle": "left"},
    NOT: {"marker": "X", "color": "#D55E00", "fillstyle": "full"},
    UNTESTED: {"marker": "o", "color": FAINT, "fillstyle": "none"},
}
EMPTY: dict[str, Any] = {"markerfacecoloralt": "white"}  # the other half of a half-filled marker
ROW = 0.42  # inches
LEFT, RIGHT = 0.63, 0.88  # where the small axes begin and end, of the width


def verdict_rows(found: Ledger) -> Figure:
    """One row per claim: verdict, claim, and its first quantity in this run, seeds and paper.

    Each row has an axis of its own, from its smallest value to its largest; the dashed line is
    the threshold of the rule. The value in words is the one over seeds or from a record if there
    is one, else that of this run.
    """
    rows = len(found.claims)
    figure, axes = panels(1, 1, ROW * rows + 0.75)
    ax = axes[0, 0]
    for k, claim in enumerate(found.claims):
        _name(ax, k, claim, found.verdicts[claim.name])
        _values(ax, k, claim, found)
    ax.set(ylim=(rows - 0.45, -0.55), xlim=(0, 1), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    for k in range(rows + 1):
        ax.axhline(k - 0.5, color="#e3e3e3", lw=0.7, zorder=0)
    style: dict[str, Any] = {
        "ncols": 2,
        "fontsize": 8.5,
        "columnspacing": 1.2,
        "handletextpad": 0.4,
    }
    style |= {"borderpad": 0.2}
    verdicts = [
        Line2D([], [], ls="", ms=8, label=name, **EMPTY, **look) for name, look in MARKS.items()
    ]
    dot: dict[str, Any] = {"marker": "o", "mec": INK, "ms": 5, "ls": ""}
    values = [
        Line2D([], [], mfc="white", label="this run", **dot),
        Line2D([], [], mfc=INK, label=ELSEWHERE, **dot),
        Line2D([], [], marker="D", color=PAPER, ls="", ms=6, label="paper"),
        Line2D([], [], color=INK, lw=1, ls=(0, (2, 1.5)), label="threshold of the rule"),
    ]
    left = ax.legend(handles=verdicts, loc="lower left", bbox_to_anchor=(0, 1), **style)
    ax.add_artist(left)
    ax.legend(handles=values, loc="lower right", bbox_to_anchor=(1, 1), **style)
    return figure


def _name(ax: Axes, k: int, claim: Claim, verdict: str) -> None:
    mark = MARKS[verdict] | EMPTY
    ax.plot(0.02, k, ms=10, mec=mark["color"], mew=1.4, ls="", **mark)
    ax.text(0.05, k - 0.18, claim.title, va="center", fontsize=9)
    colour = INK if verdict == UNTESTED else mark["color"]
    ax.text(0.05, k + 0.22, verdict, va="center", fontsize=8, color=colour)


def _values(ax: Axes, k: int, claim: Claim, found: Ledger) -> None:
    quantity, evidence = claim.quantities[0], found.evidence
    here = evidence.run.get(quantity.key)
    elsewhere = evidence.elsewhere(quantity.key)
    y = k + 0.2
    latest = elsewhere or here
    if latest is None:
        ax.text(LEFT - 0.055, k - 0.2, quantity.label, fontsize=8, va="center")
        ax.text(LEFT - 0.055, y, "not measured", fontsize=8, va="center", color=FAINT)
        return
    words = f"{quantity.label}: {quantity.words(Interval(latest.value, math.nan, math.nan))}"
    ax.text(LEFT - 0.055, k - 0.2, words, fontsize=8, va="center")
    ours = [x for interval in (here, elsewhere) for x in interval or ()]
    known = [x for x in (*ours, quantity.paper, quantity.mark) if x is not None]
    low, high = _range([x for x in known if not math.isnan(x)])

    def at(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * (x - low) / (high - low)

    ax.plot([LEFT, RIGHT], [y, y], color="#cfcfcf", lw=1, zorder=1)
    digits = _digits(quantity, high - low)
    for x, side, move in ((low, "right", -0.018), (high, "left", 0.018)):
        text = f"{quantity.scale * x:.{digits}f}".replace("-", "\N{MINUS SIGN}")
        ax.text(at(x) + move, y, text, ha=side, va="center", fontsize=8, color="#5a5a5a")
    if quantity.mark is not None:
        line: dict[str, Any] = {"color": INK, "lw": 1, "ls": (0, (2, 1.5))}
        ax.plot([at(quantity.mark)] * 2, [y - 0.17, y + 0.17], zorder=2, **line)
    if quantity.paper is not None:
        ax.plot(at(quantity.paper), y, marker="D", color=PAPER, ms=6, zorder=3)
    both = here is not None and elsewhere is not None
    for interval, shift, face in ((here, -0.07, "white"), (elsewhere, 0.07, INK)):
        if interval is None:
            continue
        place = y + shift * both
        if not math.isnan(interval.low):
            ends = [at(interval.low), at(interval.high)]
            ax.plot(ends, [place, place], color=INK, lw=1.3, zorder=4)
        ax.plot(at(interval.value), place, marker="o", ms=5, mfc=face, mec=INK, mew=1.1, zorder=5)


def _range(known: Sequence[float]) -> tuple[float, float]:
    """Where an axis begins and ends: at its smallest and its largest value."""
    low, high = min(known), max(known)
    if high - low > 1e-12:
        return low, high
    return (low - 0.5, high + 0.5) if low == 0 else (min(low, 0.0), max(high, 0.0))


def _digits(quantity: Quantity, span: float) -> int:
    """The number of decimals that tell the ends of an axis apart; none for counts."""
    span *= quantity.scale
    return 0 if span >= 10 or not quantity.digits else 1 if span >= 1 else 2
