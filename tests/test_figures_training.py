"""What the figures of training must show: the epochs that are saved."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tinyvgg import figures
from tinyvgg.experiments.departures import stops
from tinyvgg.figures.style import CONTROL


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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
