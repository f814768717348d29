"""What the figures of backtracking must show, whatever the numbers."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn import count_colour, shown, words
from matplotlib.colors import to_rgb, to_rgba
from networks import random_images, random_tiny

from tinyvgg import figures
from tinyvgg.backtracking import backtrack
from tinyvgg.experiments.class_dependence import coverage
from tinyvgg.experiments.selection import last_layer
from tinyvgg.figures.pixels import SELECTED, map_sheet
from tinyvgg.figures.style import TASK, TRUE, WRONG

NAMES = [f"class {k}" for k in range(5)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def layer():
    net, images = random_tiny(1), random_images(1, batch=1)
    return last_layer(net, backtrack(net, images).maps)


def test_bars_of_contributions_are_sorted_and_blue_exactly_where_positive(layer):
    bars, steps, chances = figures.contributions(layer, NAMES, NAMES[0]).axes
    heights = np.array([bar.get_height() for bar in bars.patches])
    assert (np.diff(heights) <= 0).all()
    np.testing.assert_allclose(
        np.sort(layer.contributions[layer.contributions != 0])[::-1], heights
    )
    blue = [bar.get_facecolor() == to_rgba(SELECTED) for bar in bars.patches]
    assert (blue == (heights > 0)).all()
    up, down, bias, logit = steps.patches
    assert up.get_height() + down.get_height() + bias.get_height() == pytest.approx(layer.total)
    assert logit.get_height() == pytest.approx(layer.logits[layer.target])
    names = [label.get_text() for label in chances.get_yticklabels()]
    for name, bar in zip(names, chances.patches, strict=True):
        k = NAMES.index(name)
        assert bar.get_width() == pytest.approx(layer.probabilities[k])
        expected = TRUE if k == 0 else WRONG if k == layer.target else None
        assert expected is None or bar.get_facecolor() == to_rgba(expected)


def test_labels_of_the_staircase_stay_inside_its_panel(layer):
    figure = figures.contributions(layer, NAMES, NAMES[0])
    figure.canvas.draw()
    steps = figure.axes[1]
    box = steps.get_window_extent()
    for text in steps.texts:
        assert text.get_window_extent().y1 <= box.y1 + 2


def test_exactly_the_pixels_of_a_set_are_blue_and_the_others_are_as_without_it():
    rng = np.random.default_rng(0)
    maps, chosen = rng.random((6, 3, 3)), rng.random((6, 3, 3)) < 0.4
    plain, marked = map_sheet(maps, None, 4), map_sheet(maps, {SELECTED: chosen}, 4)
    blue = np.isclose(marked, to_rgb(SELECTED)).all(axis=-1)
    assert blue.sum() == chosen.sum()
    np.testing.assert_array_equal(plain[~blue], marked[~blue])
    assert blue[0:3, 4:7].tolist() == chosen[1].tolist()  # the second map, after a gap of 1
    darkest = map_sheet(np.array([[[0.0, 1.0]]]), None, 1)[0, :, 0]
    assert darkest[1] < darkest[0]  # features dark on light grey


def test_every_face_has_a_row_for_its_maps_and_for_each_set():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (2, 8, 8, 3), np.uint8)
    maps = rng.random((2, 32, 2, 2))
    sets = {"as released": maps > 0.7, "as printed": maps > 0}
    figure = figures.missing_pixels(images, maps, sets, ["one", "two"])
    axes = np.array(figure.axes).reshape(4, 2)
    for k in range(2):
        np.testing.assert_array_equal(shown(axes[0, k]), images[k])
        assert count_colour(shown(axes[1, k]), SELECTED) == 0
        assert count_colour(shown(axes[2, k]), SELECTED) == (maps[k] > 0.7).sum()
        assert count_colour(shown(axes[3, k]), SELECTED) == 32 * 4
    assert {"one", "two", "as released", "as printed"} <= set(words(figure))


def test_counts_are_drawn_as_shares_image_by_image():
    table = pd.DataFrame(
        {"total": 200, "active": [120, 100], "printed": [120, 100], "released": [20, 30]}
    )
    figure = figures.pixel_counts({"face": table, "emotion": table}, {"face": 0.1, "emotion": 0.2})
    for ax, paper in zip(figure.axes, (10, 20), strict=True):
        active, printed, released = (dots.get_offsets()[:, 1] for dots in ax.collections)
        assert active.tolist() == printed.tolist() == [50, 60]
        assert released.tolist() == [15, 10]  # in the same order of images
        (line,) = ax.get_lines()
        assert line.get_ydata()[0] == pytest.approx(paper)


def test_the_curves_of_neurons_are_means_at_doublings_beside_the_coins():
    net, images = random_tiny(0), random_images(0, batch=5)
    found = coverage(net, backtrack(net, images))
    shares, missing = figures.active_returned({"face": found}).axes
    coins, mean = shares.lines[:2]
    k = mean.get_xdata()
    np.testing.assert_allclose(mean.get_ydata(), 100 * np.nanmean(found.returned[:, k - 1], axis=0))
    assert mean.get_color() == TASK["face"]
    np.testing.assert_allclose(coins.get_ydata(), 100 * (1 - 0.5 ** coins.get_xdata()))
    assert (missing.lines[1].get_ydata() > 0).all()


def test_without_a_case_there_is_a_sentence():
    empty = SimpleNamespace(returned=np.zeros((0, 0)), table=pd.DataFrame({"needed": []}))
    (axes,) = figures.active_returned({"face": empty}).axes
    assert "no image" in axes.texts[0].get_text()


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.missing_pixels(np.zeros((0, 8, 8, 3)), np.zeros((0, 6, 2, 2)), {}, []),
    ],
)
def test_a_figure_without_cases_says_so(draw):
    (sentence,) = words(draw())
    assert sentence.startswith("In this run") and sentence.endswith(".")
