"""What figures share: where words, marks, rows and legends come to stand."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tinyvgg.figures.style import legend_of, mark, probability, rgb, row_axis


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.mark.parametrize("filled", [True, False])
def test_a_mark_is_a_dot_on_its_interval(ax, filled):
    mark(ax, 2.0, (0.5, 0.1, 0.7), "#123456", filled, zorder=3)
    line, dot = ax.lines
    assert list(line.get_xdata()) == [0.1, 0.7] and list(line.get_ydata()) == [2, 2]
    assert (*dot.get_xdata(), *dot.get_ydata()) == (0.5, 2)
    assert dot.get_markerfacecolor() == ("#123456" if filled else "white")
    assert line.get_zorder() == dot.get_zorder() == 3


def test_rows_are_named_from_the_top(ax):
    row_axis(ax, ["first", "second"])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["first", "second"]
    assert ax.get_ylim() == (1.5, -0.5)


@pytest.mark.parametrize(("lines", "columns"), [(1, 1), (4, 4), (5, 3)])
def test_a_legend_has_one_row_up_to_four_entries(ax, lines, columns):
    for k in range(lines):
        ax.plot([0, 1], label=str(k))
    legend_of(ax.figure, ax)
    (legend,) = ax.figure.legends
    assert legend._ncols == columns and len(legend.get_texts()) == lines


def test_grey_becomes_three_equal_channels():
    grey = np.arange(6.0).reshape(1, 2, 3)
    assert rgb(grey).shape == (1, 2, 3, 3)
    assert (rgb(grey) == grey[..., None]).all()


@pytest.mark.parametrize(("p", "words"), [(0.125, "0.12"), (0.005, "0.01"), (0.0004, "4e-04")])
def test_a_small_probability_is_a_power_of_ten(p, words):
    assert probability(p) == words
