"""What the figures of backtracking, tracking and suppression must show, whatever the numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb, to_rgba
from networks import random_images, random_tiny

from tinyvgg import figures
from tinyvgg.backtracking import backtrack
from tinyvgg.experiments.selection import last_layer
from tinyvgg.experiments.statistics import Interval
from tinyvgg.faces.design import EMOTIONS
from tinyvgg.figures.pixels import SELECTED, map_sheet
from tinyvgg.figures.style import COMMON, CONTROL, PAPER, TRUE, UNIQUE, WRONG
from tinyvgg.figures.suppression import TWIN_ONLY
from tinyvgg.paper import table_3

NAMES = [f"class {k}" for k in range(5)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def words(figure):
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def shown(axes):
    """The one picture of a panel."""
    (picture,) = axes.get_images()
    return np.asarray(picture.get_array())


def count_colour(picture, colour):
    return int(np.isclose(picture, to_rgb(colour)).all(axis=-1).sum())


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
    plain, marked = map_sheet(maps, None, 4), map_sheet(maps, chosen, 4)
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


def test_each_face_stands_left_of_its_own_features():
    images = np.zeros((3, 4, 4, 3), np.uint8)
    images[1] = 255
    features = np.zeros((3, 4, 4))
    features[1, 0, 0] = 1
    (ax,) = figures.tracked_features(images, features, columns=2, gap=2).axes
    sheet = shown(ax)
    assert sheet.shape == (4 + 2 + 4, 8 + 2 + 8, 3)
    assert (sheet[:4, :4] == 0).all() and (sheet[:4, 10:14] == 1).all()
    assert (sheet[0, 14] == 0).all() and sheet[0, 15:].min() == pytest.approx(0.86)
    assert (sheet[6:, 10:] == 1).all()  # no fourth face


def test_the_two_deconvolutions_share_a_scale():
    full = np.zeros((1, 20, 20))
    full[0, 0, :] = 4
    half = full / 2
    figure = figures.tracking_steps([np.zeros((1, 20, 20, 3), np.uint8), full, half, half], ["x"])
    first, second, difference = (shown(ax)[0, 0] for ax in figure.axes[1:])
    assert first == pytest.approx(0) and second == pytest.approx(0.43)
    assert difference == pytest.approx(0)  # on a scale of its own
    assert all(ax.get_images()[0].get_clim() == (0, 1) for ax in figure.axes[1:])


def test_features_are_laid_over_the_face_of_their_own_angle():
    faces = {"face": {45: np.full((4, 4), 255.0), 90: np.zeros((4, 4))}}
    spot = np.zeros((4, 4))
    spot[1, 1] = 1
    figure = figures.feature_places(
        faces, {"face": {45: spot, 90: spot.T}}, {"face": {45: 1, 90: 7}}
    )
    tinted = shown(figure.axes[1])
    assert tinted[1, 1, 0] > 2 * tinted[1, 1, 1]  # orange
    assert np.ptp(tinted[0, 0]) == 0  # grey
    assert {"45°, mean of 1", "90°, mean of 7"} <= set(words(figure))


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
    assert labels == ["1  before", "1  after", "2  before", "2  after"]


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
        lambda: figures.missing_pixels(np.zeros((0, 8, 8, 3)), np.zeros((0, 6, 2, 2)), {}, []),
        lambda: figures.tracked_features(np.zeros((0, 8, 8, 3)), np.zeros((0, 8, 8))),
        lambda: figures.tracking_steps([], []),
        lambda: figures.feature_places({"face": {}}, {"face": {}}, {"face": {}}),
        lambda: figures.feature_rows({"released": np.zeros((0, 8, 8))}),
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
