"""Figures of the controls: marks where the numbers are, notes where there are none."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn import marks, readable

from tinyvgg import figures
from tinyvgg.experiments.control_sets import CONTROLS, LARGEST
from tinyvgg.experiments.effects import ANOTHER_CLASS, EFFECT_COLUMNS, forest_rows
from tinyvgg.figures.controls import NO_PAIRS, signed


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def effects(value=0.25):
    rows = [
        {
            **dict.fromkeys(EFFECT_COLUMNS, 1),
            **{"kind": kind, "image": "case", "set": name, "control": control, "fill": "zero"},
            **{"measure": measure},
            **{"difference": value - 0.1 * k, "low": value - 0.2 - 0.1 * k, "high": value + 0.2},
        }
        for kind in ("misclassified", "correct")
        for name in ("common", "backtracked")
        for measure in ("confidence", "corrected")
        for k, control in enumerate(CONTROLS)
    ]
    return pd.DataFrame(rows)


def seeds(values):
    columns = {"seed": range(len(values)), "control": "random", "difference": values}
    table = pd.DataFrame(columns).assign(low=-0.1, high=0.9, origin="recorded")
    table.loc[0, "origin"] = "this run"
    return table


def test_a_forest_marks_each_difference_filled_or_hollow():
    rows = forest_rows(effects(), "common", "confidence", "the same set")
    assert rows.label.tolist()[-1] == ANOTHER_CLASS
    figure = figures.forest([[figures.Forest("title", "#123456", rows)]], "axis")
    said = readable(figure)
    assert "the same set" in said and "title" in said and "axis" in said
    expected = [0.25, 0.15, 0.05, -0.05]
    found = marks(figure.axes[0])
    for face in ("#123456", "white"):
        assert [x for x, colour in found if colour == face] == pytest.approx(expected)


def test_bars_and_dots_show_their_numbers():
    shared = pd.Series([0.1, 0.9], ["random", LARGEST])
    assert "90 %" in readable(figures.shared_bars({"face": shared, "emotion": shared}))
    figure = figures.seed_dots({"face": seeds([0.3, 0.4])}, {"face": "face"})
    readable(figure)
    found = [(x, face == "white") for x, face in marks(figure.axes[0])]
    assert found == [(0.3, False), (0.4, True)]


def test_without_pairs_every_figure_says_so():
    empty = pd.DataFrame(columns=EFFECT_COLUMNS)
    rows = forest_rows(empty, "common", "confidence", "no control")
    none = pd.Series(dtype=float)
    for figure in (
        figures.forest([[figures.Forest("title", "red", rows)]], "axis"),
        figures.shared_bars({"face": none, "emotion": none}),
        figures.seed_dots({"face": seeds([np.nan])}, {"face": "face"}),
    ):
        assert NO_PAIRS in readable(figure)


def test_numbers_bear_their_sign():
    assert [signed(x) for x in (-0.5, 0, 1)] == ["−0.5", "0", "+1.0"]
