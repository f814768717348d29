"""The data under a figure are what the figure shows."""

from __future__ import annotations

import io
from base64 import b64decode

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tinyvgg.figures.data import as_csv, as_npz, has_numbers, plotted


@pytest.fixture
def panels():
    figure, axes = plt.subplots(1, 2, squeeze=False)
    yield figure, axes[0]
    plt.close(figure)


def rows(figure, **where):
    table, _ = plotted(figure)
    for name, value in where.items():
        table = table[table[name] == value]
    return table


def test_lines_and_dots_by_panel_and_series(panels):
    figure, (left, right) = panels
    left.set_title("loss\nof training")
    left.plot([1, 2, 3], [0.5, 0.25, 0.125], label="face")
    left.plot([1, 2], [4, 5], "o", label="emotion")
    right.scatter([7, 8], [9, 10], label="pairs")
    face = rows(figure, panel="loss of training", series="face")
    assert face[["kind", "x", "y"]].to_numpy().tolist() == [
        ["line", 1, 0.5], ["line", 2, 0.25], ["line", 3, 0.125]
    ]  # fmt: skip
    assert set(rows(figure, series="emotion").kind) == {"point"}
    pairs = rows(figure, panel="panel 2", series="pairs")
    assert pairs[["x", "y"]].to_numpy().tolist() == [[7, 9], [8, 10]]


def test_bars_and_intervals_have_two_ends_and_the_words_of_their_ticks(panels):
    figure, (left, right) = panels
    left.barh([-0.2, 0.2, 0.8], [3, 4, 5], height=0.4)
    left.set_yticks([0, 1], ["sad", "happy"])
    right.hlines([0], [0.1], [0.4], label="95 % interval")
    bars = rows(figure, kind="bar")
    assert bars.x_to.tolist() == [3, 4, 5]
    assert bars.y_label.tolist() == ["sad", "sad", "happy"]
    interval = rows(figure, kind="interval").iloc[0]
    assert (interval.x, interval.x_to, interval.series) == (0.1, 0.4, "95 % interval")


def test_what_is_not_known_is_neither_an_interval_nor_at_a_word(panels):
    figure, (left, right) = panels
    left.set_xticks([0, 1], ["sad", "happy"])
    left.plot([0, np.nan, 1], [5, 6, 7])
    right.errorbar([0, 1, 2], [3, np.nan, 4], yerr=[np.nan, 1, 0.5], fmt="o", label="mean")
    right.hlines([0, 1], [0.1, np.nan], [0.4, 0.5])
    assert rows(figure, kind="line").x_label.tolist() == ["sad", np.nan, "happy"]
    ends = rows(figure, kind="interval")[["x", "y", "x_to", "y_to"]].to_numpy().tolist()
    assert sorted(ends) == [[0.1, 0, 0.4, 0], [2, 3.5, 2, 4.5]]


def test_what_only_helps_to_read_is_left_out(panels):
    figure, (left, right) = panels
    left.axvline(0.5)
    left.axhline(2)
    left.axvspan(0, 1)
    left.text(0, 0, "a note")
    right.grid(True)
    assert as_csv(figure) is None and as_npz(figure) is None


def test_numbers_on_an_axis_are_no_words(panels):
    figure, (left, _) = panels
    left.plot([1, 2], [3, 4])
    left.set_xticks([1, 2], ["−1", "2 %"])
    assert "x_label" not in rows(figure)


def test_pictures_are_those_given(panels):
    figure, (left, right) = panels
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    heat = np.linspace(0, 1, 6).reshape(2, 3)
    left.imshow(image)
    left.set_title("face")
    right.imshow(heat)
    with np.load(io.BytesIO(b64decode(as_npz(figure))), allow_pickle=False) as held:
        assert np.array_equal(held["01 face"], image)
        assert np.array_equal(held["02 panel 2"], heat.astype(np.float32))
    assert has_numbers(figure)


def test_colors_are_kept_in_bytes_and_a_photograph_has_no_numbers(panels):
    figure, (left, _) = panels
    left.imshow(np.full((2, 2, 3), 0.5))
    with np.load(io.BytesIO(b64decode(as_npz(figure))), allow_pickle=False) as held:
        assert held["01 panel 1"].dtype == np.uint8 and (held["01 panel 1"] == 128).all()
    left.images[0].set_data(np.zeros((2, 2, 3), np.uint8))
    assert not has_numbers(figure)


def test_the_csv_reads_back(panels):
    figure, (left, _) = panels
    left.plot([1, 2], [1 / 3, 2 / 3], label='a "name", with a comma')
    read = pd.read_csv(io.StringIO(as_csv(figure)))
    assert read.series[0] == 'a "name", with a comma'
    assert read.y.tolist() == pytest.approx([1 / 3, 2 / 3], abs=1e-6)
