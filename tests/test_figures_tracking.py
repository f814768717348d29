"""What the figures of tracked features must show, whatever the numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn import shown, words

from tinyvgg import figures
from tinyvgg.figures import tracking


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_each_face_stands_left_of_its_own_features(monkeypatch):
    monkeypatch.setattr(tracking, "COLUMNS", 2)
    monkeypatch.setattr(tracking, "GAP", 2)
    images = np.zeros((3, 4, 4, 3), np.uint8)
    images[1] = 255
    features = np.zeros((3, 4, 4))
    features[1, 0, 0] = 1
    (ax,) = figures.tracked_features(images, features).axes
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


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.tracked_features(np.zeros((0, 8, 8, 3)), np.zeros((0, 8, 8))),
        lambda: figures.tracking_steps([], []),
        lambda: figures.feature_places({"face": {}}, {"face": {}}, {"face": {}}),
        lambda: figures.feature_rows({"released": np.zeros((0, 8, 8))}),
    ],
)
def test_a_figure_without_cases_says_so(draw):
    (sentence,) = words(draw())
    assert sentence.startswith("In this run") and sentence.endswith(".")
