"""A tour: a mistake, the blamed set, its control, and one's own set."""

from __future__ import annotations

import re

import numpy as np
import pytest
from explorers import CLASSES, OPEN, of, world

from tinyvgg.explorer import Session
from tinyvgg.explorer.link import encode
from tinyvgg.explorer.tour import tour


def test_a_tour_goes_from_the_mistake_through_the_set_and_its_control_to_ones_own(session):
    found = tour(session)
    choices = [step.choice for step in found.steps]
    assert len({choice.case for choice in choices}) == 1
    assert [(c.pixel_set, c.random) for c in choices] == [
        ("none", False), ("unique", False), ("unique", True), ("hand", False)
    ]  # fmt: skip
    assert session.state.choice == choices[0]
    for step in found.steps[:3]:
        fields = {name: getattr(step.choice, name) for name in ("case", "pixel_set", "random")}
        assert session.choose(**fields).sentence in step.description
        assert f'href="#explore:{encode(step.choice)}"'.replace("&", "&amp;") in step._repr_html_()


@pytest.mark.parametrize("seed", range(4))
def test_a_tour_takes_the_most_confident_case_that_only_the_set_corrects(seed):
    session = of(world(seed))
    session.choose(**OPEN)
    corrected = []
    pairs = [row for row, case in session.cases.items() if case.twin is not None]
    for row in pairs:
        state = session.choose(case=row, pixel_set="unique")
        true = state.case.true
        if state.without_chosen.argmax() == true != state.without_control.argmax():
            corrected.append(row)
    found = tour(session)
    assert (found.cases, found.chosen_from) == (len(pairs), len(corrected))
    assert found.steps[0].choice.case == (corrected or pairs)[0]
    if told := re.search(r"the ([\d,]+) strongest", found.steps[3].description):
        fewest = int(told[1].replace(",", ""))
        session.choose(case=session.case, pixel_set="unique")
        for strongest in range(1, fewest + 1):
            state = session.choose(strongest=strongest)
            assert (state.after.argmax() == state.case.true) == (strongest == fewest)


def test_a_tour_without_twins_takes_the_backtracked_set():
    net, images, _ = world()
    session = Session(net, images, np.full(len(images), len(CLASSES) - 1), CLASSES)
    found = tour(session)
    assert found.steps[1].choice.pixel_set == "backtracked"
