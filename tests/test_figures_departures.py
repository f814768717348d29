"""Figures of the text and the code: curves of neurons, and the epochs that are saved."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from networks import random_images, random_tiny

from tinyvgg import figures
from tinyvgg.backtracking import backtrack
from tinyvgg.experiments.class_dependence import coverage
from tinyvgg.experiments.departures import stops
from tinyvgg.figures.style import CONTROL, TASK


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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


def test_epochs_whose_own_weights_are_saved_are_marked():
    errors = [0.9, 0.5, 0.5, 0.6, 0.2, 0.3]
    table = stops(pd.DataFrame({"epoch": range(1, 7), "test_error": errors}))
    (axes,) = figures.saved_epochs({"emotion": table}, shown=4).axes
    others, own = axes.collections
    assert own.get_offsets()[:, 0].tolist() == [5]
    assert others.get_offsets()[:, 0].tolist() == [3, 4, 6]
    grey, saved = axes.lines
    assert grey.get_color() == CONTROL
    np.testing.assert_allclose(saved.get_ydata(), [50, 50, 20, 20])
