"""Figures of what the sets depend on: maps, curves and lines that show their numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn import marks, readable

from tinyvgg import figures
from tinyvgg.experiments import attributions
from tinyvgg.experiments.class_dependence import PRINTED, RELEASED
from tinyvgg.figures import CutMap
from tinyvgg.figures.controls import NO_PAIRS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def cuts(value):
    cells = [(f, p, 7 * f + p, value * p) for f in (0.0, 0.05) for p in (50.0, 90.0)]
    table = pd.DataFrame(cells, columns=["floor", "percentile", "pixels", "effect"])
    return table.assign(pixels=table.pixels + 0 * value)


def order_table(value):
    parts = [
        {"order": name, "mode": mode, "kind": kind, "share": share, "probability": value}
        for name in attributions.ORDERS
        for mode in attributions.MODES
        for kind in ("misclassified", "correct")
        for share in (0.0, 1.0)
    ]
    return pd.DataFrame(parts).assign(area=value, low=value, high=value)


def layers(value):
    table = pd.DataFrame({"layers": range(4)})
    names = ["printed", "released", "features", "chance", "changed"]
    return table.assign(**dict.fromkeys(names, value))


def cell_texts(ax):
    return [text.get_text() for text in ax.texts]


def test_curves_and_areas_have_every_order():
    found = readable(figures.order_curves({"face": order_table(0.5)}, attributions.ORDERS))
    assert all(name in found for name in attributions.ORDERS)
    figure = figures.order_areas({"face": order_table(0.5)}, attributions.ORDERS)
    readable(figure)
    assert {x for x, _ in marks(figure.axes[0])} == {0.5}


def test_lines_go_down_the_cascade_and_overlaps_down_the_layers():
    said = readable(figures.random_layers({"face": layers(0.5), "emotion": layers(0.5)}))
    assert "+ dense 1" in said and "unchanged predictions" in said
    names = ["L_1", RELEASED, PRINTED]
    overlap = pd.DataFrame({"mean": 1.0, "least": 0.9, "most": 1.0}, index=names)
    tables = {"face": overlap, "emotion": overlap}
    sizes = dict.fromkeys(tables, pd.Series(0.25, overlap.index))
    assert "25" in readable(figures.class_dependence(tables, sizes))


def test_a_map_of_the_cut_writes_every_cell_and_frames_the_released_cut():
    parts = [CutMap("pixels", "its size"), CutMap("effect", "its effect", "{:+.2f}", signed=True)]
    figure = figures.cut_maps({"face": cuts(-0.01)}, {"face": parts})
    said = readable(figure)
    size, effect = figure.axes[:2]
    assert "its size" in said and "its effect" in said
    assert cell_texts(size) == ["50", "90", "50", "90"]
    assert cell_texts(effect) == ["−0.50", "−0.90", "−0.50", "−0.90"]
    for ax in (size, effect):
        (frame,) = ax.patches  # floor 0.05, percentile 90: the last row and column
        assert (frame.get_x(), frame.get_y()) == (0.5, 0.5)
    assert effect.images[0].get_clim() == pytest.approx((-0.9, 0.9))
    assert size.images[0].get_clim() == pytest.approx((0, 90.35))
    unknown = cuts(-0.01)
    unknown.loc[3, "effect"] = np.nan
    figure = figures.cut_maps({"face": unknown}, {"face": parts})
    assert cell_texts(figure.axes[1])[-1] == "–"


def test_single_maps_of_the_tasks_stand_side_by_side_and_rows_below_each_other():
    tables = {"face": cuts(0.1), "emotion": cuts(0.2)}
    part, other = CutMap("pixels", "size"), CutMap("effect", "effect", "{:+.2f}", True)
    for row, shape in (([part], (1, 2)), ([part, other], (2, 2))):
        figure = figures.cut_maps(tables, dict.fromkeys(tables, row))
        grid = figure.axes[0].get_subplotspec().get_gridspec()
        assert (grid.nrows, grid.ncols) == shape


def test_without_pairs_every_figure_says_so():
    unknown = pd.DataFrame({"mean": [np.nan], "least": [np.nan], "most": [np.nan]})
    for figure in (
        figures.class_dependence({"face": unknown}, {"face": pd.Series([np.nan])}),
        figures.cut_maps({"face": cuts(np.nan)}, {"face": [CutMap("effect", "effect")]}),
        figures.order_curves({"face": order_table(np.nan)}, attributions.ORDERS),
        figures.order_areas({"face": order_table(np.nan)}, attributions.ORDERS),
        figures.random_layers({"face": layers(np.nan)}),
    ):
        assert NO_PAIRS in readable(figure)
