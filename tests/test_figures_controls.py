"""Figures of the controls: marks where the numbers are, notes where there are none."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

matplotlib.use("Agg")

from tinyvgg import figures
from tinyvgg.experiments import curves
from tinyvgg.experiments.class_dependence import PRINTED, RELEASED
from tinyvgg.experiments.control_sets import CONTROLS, LARGEST
from tinyvgg.experiments.effects import ANOTHER_CLASS, EFFECT_COLUMNS, forest_rows
from tinyvgg.figures import CutMap
from tinyvgg.figures.controls import NO_PAIRS, signed


@pytest.fixture(autouse=True)
def closed():
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


def texts(figure):
    figure.draw_without_rendering()
    found = [text for text in figure.findobj(plt.Text) if text.get_text().strip()]
    assert all(text.get_fontsize() >= 8 for text in found)
    return " ".join(text.get_text() for text in found)


def marks(ax):
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    return [(float(line.get_xdata()[0]), line.get_markerfacecolor()) for line in lines]


def test_a_forest_marks_each_difference_filled_or_hollow():
    rows = forest_rows(effects(), "common", "confidence", "the same set")
    assert rows.label.tolist()[-1] == ANOTHER_CLASS
    figure = figures.forest([[figures.Forest("title", "#123456", rows)]], "axis")
    said = texts(figure)
    assert "the same set" in said and "title" in said and "axis" in said
    expected = [0.25, 0.15, 0.05, -0.05]
    found = marks(figure.axes[0])
    for face in ("#123456", "white"):
        assert [x for x, colour in found if colour == face] == pytest.approx(expected)


def test_without_pairs_every_figure_says_so():
    empty = pd.DataFrame(columns=EFFECT_COLUMNS)
    rows = forest_rows(empty, "common", "confidence", "no control")
    nothing = [
        figures.forest([[figures.Forest("title", "red", rows)]], "axis"),
        figures.shared_bars({"face": pd.Series(dtype=float), "emotion": pd.Series(dtype=float)}),
        figures.seed_dots({"face": seeds([np.nan])}, {"face": "face"}),
        figures.class_dependence(
            {"face": pd.DataFrame({"mean": [np.nan], "least": [np.nan], "most": [np.nan]})},
            {"face": pd.Series([np.nan])},
        ),
        figures.cut_maps({"face": cuts(np.nan)}, {"face": [CutMap("effect", "effect")]}),
        figures.order_curves({"face": order_table(np.nan)}, curves.ORDERS),
        figures.order_areas({"face": order_table(np.nan)}, curves.ORDERS),
        figures.random_layers({"face": layers(np.nan)}),
    ]
    for figure in nothing:
        assert NO_PAIRS in texts(figure)


def seeds(values):
    columns = {"seed": range(len(values)), "control": "random", "difference": values}
    table = pd.DataFrame(columns).assign(low=-0.1, high=0.9, origin="recorded")
    table.loc[0, "origin"] = "this run"
    return table


def cuts(value):
    cells = [(f, p, 7 * f + p, value * p) for f in (0.0, 0.05) for p in (50.0, 90.0)]
    table = pd.DataFrame(cells, columns=["floor", "percentile", "pixels", "effect"])
    return table.assign(pixels=table.pixels + 0 * value)


def order_table(value):
    parts = [
        {"order": name, "mode": mode, "kind": kind, "share": share, "probability": value}
        for name in curves.ORDERS
        for mode in curves.MODES
        for kind in ("misclassified", "correct")
        for share in (0.0, 1.0)
    ]
    return pd.DataFrame(parts).assign(area=value, low=value, high=value)


def layers(value):
    table = pd.DataFrame({"layers": range(4)})
    names = ["printed", "released", "features", "chance", "changed"]
    return table.assign(**dict.fromkeys(names, value))


def test_bars_dots_maps_and_lines_show_their_numbers():
    shared = pd.Series([0.1, 0.9], ["random", LARGEST])
    assert "90 %" in texts(figures.shared_bars({"face": shared, "emotion": shared}))

    figure = figures.seed_dots({"face": seeds([0.3, 0.4])}, {"face": "face"})
    texts(figure)
    assert [(x, face == "white") for x, face in marks(figure.axes[0])] == [
        (0.3, False),
        (0.4, True),
    ]

    found = texts(figures.order_curves({"face": order_table(0.5)}, curves.ORDERS))
    assert all(name in found for name in curves.ORDERS)
    figure = figures.order_areas({"face": order_table(0.5)}, curves.ORDERS)
    texts(figure)
    assert {x for x, _ in marks(figure.axes[0])} == {0.5}

    said = texts(figures.random_layers({"face": layers(0.5), "emotion": layers(0.5)}))
    assert "+ dense 1" in said and "unchanged decisions" in said
    overlap = pd.DataFrame(
        {"mean": 1.0, "least": 0.9, "most": 1.0}, index=["L_1", RELEASED, PRINTED]
    )
    sizes = pd.Series(0.25, overlap.index)
    figure = figures.class_dependence(
        {"face": overlap, "emotion": overlap}, dict.fromkeys(("face", "emotion"), sizes)
    )
    assert "25" in texts(figure)


def cell_texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_map_of_the_cut_writes_every_cell_and_frames_the_released_cut():
    parts = [CutMap("pixels", "its size"), CutMap("effect", "its effect", "{:+.2f}", signed=True)]
    figure = figures.cut_maps({"face": cuts(-0.01)}, {"face": parts})
    said = texts(figure)
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


def test_numbers_bear_their_sign():
    assert [signed(x) for x in (-0.5, 0, 1)] == ["−0.5", "0", "+1.0"]
