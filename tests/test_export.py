"""The studio: photographs whose crops are the direct rendering, and the folder that holds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tinyvgg.faces.crop import RAFD
from tinyvgg.faces.design import ROSTER, full_design
from tinyvgg.faces.synthetic import render_faces
from tinyvgg.faces.synthetic.photograph import HEIGHT, WIDTH, take_photographs


def of_shot(table: pd.DataFrame, subject: int, emotion: str, gaze: str) -> pd.DataFrame:
    return table.query("subject == @subject and emotion == @emotion and gaze == @gaze")


@pytest.fixture(scope="module")
def shot():
    """The rows of one shot, and its photographs, from the right ear and from in front."""
    person = ROSTER[1]
    rows = of_shot(full_design(2, (0, 90)), 1, "happy", "left")
    return rows, take_photographs(1, person.group, person.gender, "happy", "left", (0, 90))


def test_the_box_of_a_photograph_is_the_direct_rendering(shot):
    rows, photographs = shot
    left, upper, right, lower = (round(edge) for edge in RAFD.boxes[90].pixels(WIDTH, HEIGHT))
    direct = render_faces(rows, right - left, workers=1, progress=False)
    for photograph, face in zip(photographs, direct, strict=True):
        difference = np.abs(photograph[upper:lower, left:right].astype(int) - face)
        assert difference.mean() < 0.5  # shade near the border depends on what lies beyond it
        assert difference[80:-80, 80:-80].mean() < 0.2


def test_the_shirt_reaches_the_bottom_and_closes_the_body(shot):
    for photograph in shot[1]:
        bottom = photograph[-1].max(1) < 60
        assert bottom.sum() > 0.4 * WIDTH
        assert np.abs(np.diff(bottom.astype(int))).sum() <= 2  # one run: no hole
        assert (photograph[0] > 200).all()  # the background, above the head
