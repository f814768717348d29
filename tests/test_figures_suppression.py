"""What the figures of suppression must show, whatever the numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn import count_colour, shown, words
from matplotlib.colors import to_rgba

from tinyvgg import figures
from tinyvgg.experiments.statistics import Interval
from tinyvgg.faces.design import EMOTIONS
from tinyvgg.figures.style import COMMON, CONTROL, PAPER, TRUE, UNIQUE, WRONG
from tinyvgg.figures.suppression import TWIN_ONLY
from tinyvgg.paper import table_3


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_common_and_lone_pixels_have_their_colours_in_both_images():
    rng = np.random.default_rng(0)
    lots = rng.integers(0, 4, (32, 2, 2))
    sets = np.stack([lots == 1, lots == 2, lots == 3])
    images, maps = np.zeros((2, 8, 8, 3), np.uint8), rng.random((2, 32, 2, 2))
    axes = figures.twin_faces(images, maps, sets, ["twin", "case"]).axes
    for ax, own, other, number in (
        (axes[1], TWIN_ONLY, UNIQUE, 1),
        (axes[3], UNIQUE, TWIN_ONLY, 2),
    ):
        assert count_colour(shown(ax), COMMON) == sets[0].sum()
        assert count_colour(shown(ax), own) == sets[number].sum()
        assert count_colour(shown(ax), other) == 0


def test_common_values_keep_the_two_values_of_a_pixel_together():
    twin, case = np.array([1.0, 3, 2]), np.array([10.0, 20, 30])
    lines, points = figures.common_values(twin, case).axes
    of_case, of_twin = (line.get_ydata().tolist() for line in lines.get_lines())
    assert of_twin == [3, 2, 1] and of_case == [20, 30, 10]
    assert points.collections[0].get_offsets().tolist() == [[1, 10], [3, 20], [2, 30]]
    assert points.get_title() == "correlation 0.50"


def test_every_pair_is_a_dot_and_the_bar_is_the_mean_given():
    table = pd.DataFrame({"as it is": [0.9, 0.7], "without": [0.1, 0.3]})
    means = {"as it is": Interval(0.8, 0.7, 0.9), "without": Interval(0.2, np.nan, np.nan)}
    (ax,) = figures.confidence_falls({"wrong": table}, {"wrong": means}, [UNIQUE, COMMON]).axes
    for dots, label in zip(ax.collections, table, strict=True):
        assert dots.get_offsets()[:, 1].tolist() == table[label].tolist()
    assert [text.get_text() for text in ax.texts] == ["0.80", "0.20"]
    heights = [line.get_ydata() for line in ax.get_lines()]
    assert [list(h) for h in heights] == [[0.8, 0.8], [0.7, 0.9], [0.2, 0.2]]


def test_bars_of_shares_go_from_top_to_bottom_with_their_intervals():
    shares = pd.DataFrame([[0.4, 0.3, 0.5], [0.1, 0.0, 0.2]], index=["unique", "random"])
    (ax,) = figures.shares_corrected(shares, [UNIQUE, CONTROL], "corrected (%)").axes
    assert [bar.get_width() for bar in ax.patches] == [40, 10]
    assert ax.patches[0].get_y() > ax.patches[1].get_y()
    assert [list(line.get_xdata()) for line in ax.get_lines()] == [[30, 50], [0, 20]]


def test_case_twin_and_features_of_a_pair_stand_in_one_column():
    cases, twins = np.full((2, 4, 4, 3), 10, np.uint8), np.full((2, 4, 4, 3), 20, np.uint8)
    features = np.zeros((2, 4, 4))
    features[1, 2, 2] = 5
    titles = [("a", "b"), ("c", "d")]
    axes = np.array(figures.unique_features(cases, twins, features, titles).axes).reshape(3, 4)
    assert (shown(axes[0, 1]) == 10).all() and (shown(axes[1, 1]) == 20).all()
    assert shown(axes[2, 1])[2, 2] == 0 and shown(axes[2, 0]).min() == pytest.approx(0.86)
    assert axes[0, 1].get_title() == "c" and axes[1, 1].get_title() == "d"
    assert not axes[0, 2].get_images()


def test_the_grid_frames_the_mistaken_and_the_true_class_of_every_row():
    table = table_3().iloc[:4]
    (ax,) = figures.probability_grid(table, EMOTIONS).axes
    assert len(ax.texts) == 4 * 8 and ax.texts[3].get_text() == "0.99"
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    marked = [(EMOTIONS[round(f.get_x() + 0.47)], f.get_edgecolor()) for f in frames]
    case_1 = [("fearful", to_rgba(WRONG)), ("sad", to_rgba(TRUE))]
    case_2 = [("contemptuous", to_rgba(WRONG)), ("angry", to_rgba(TRUE))]
    assert marked == 2 * case_1 + 2 * case_2
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["case 1, before", "case 1, after", "case 2, before", "case 2, after"]


def test_floors_are_marked_where_the_papers_classes_tie_and_nowhere_else():
    table = table_3()
    rows = {m: table.xs(m, level="moment")[list(EMOTIONS)].to_numpy() for m in ("before", "after")}
    before, after = figures.probability_floors(rows).axes

    def floors(ax):
        return [
            len(x.get_xdata()) for x in ax.get_lines() if to_rgba(x.get_color()) == to_rgba(PAPER)
        ]

    assert floors(before) == [] and floors(after) == [4, 3, 4, 4, 3, 3, 5, 6]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.twin_faces(np.zeros((0, 8, 8, 3)), np.zeros((0, 6, 2, 2)), np.zeros(0), []),
        lambda: figures.common_values(np.zeros(0), np.zeros(0)),
        lambda: figures.confidence_falls({"wrong": pd.DataFrame({"as it is": []})}, {"wrong": {}}),
        lambda: figures.shares_corrected(pd.DataFrame([[np.nan] * 3], ["unique"]), [UNIQUE], "%"),
        lambda: figures.probability_grid(table_3().iloc[:0], EMOTIONS),
        lambda: figures.unique_features(*[np.zeros((0, 8, 8, 3))] * 2, np.zeros((0, 8, 8)), []),
    ],
)
def test_a_figure_without_cases_says_so(draw):
    (sentence,) = words(draw())
    assert sentence.startswith("In this run") and sentence.endswith(".")
