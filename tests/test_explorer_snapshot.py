"""A state as pictures, as plain HTML and as a figure."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
from explorers import CLASSES, OPEN, lonely_case
from matplotlib.colors import to_rgb

from tinyvgg.explorer import Session, snapshot, still
from tinyvgg.explorer.state import Choice


def test_probabilities_stand_in_the_order_that_holds_after(session):
    state = session.choose(pixel_set="backtracked")
    shown = snapshot.top_classes(state, count=3)
    assert state.case.true in shown
    assert list(state.after[shown]) == sorted(state.after[shown], reverse=True)


def test_suppressed_pixels_are_coloured_where_they_are(session):
    for row in session.cases:
        state = session.choose(case=row, pixel_set="backtracked")
        if all(state.sets.get(name, state.chosen & False).any() for name in ("common", "unique")):
            break
    sheet = snapshot.feature_maps(state, gap=1)
    columns, (_, height, width) = snapshot.columns_of(len(state.maps)), state.maps.shape
    common, unique = state.sets["common"], state.sets["unique"]
    assert common.any() and unique.any()
    assert np.array_equal(common | unique, state.suppressed)
    colours = {"common": snapshot.COLOUR["common"], "unique": snapshot.COLOUR["unique"]}
    for (k, y, x), chosen in np.ndenumerate(state.suppressed):
        place = k // columns * (height + 1) + y, k % columns * (width + 1) + x
        value = sheet[place]
        if chosen:
            name = "common" if common[k, y, x] else "unique"
            assert np.allclose(value / 255, to_rgb(colours[name]), atol=1 / 255)
        else:
            assert value[0] == value[1] == value[2] > 150


def test_the_first_paint_describes_every_picture_in_words(session):
    shown = snapshot.first_paint(session)
    assert shown.count("<img") == len(re.findall(r'alt="[^"]{10,}"', shown)) == 3
    session.choose(pixel_set="none", case=lonely_case(session))
    assert snapshot.first_paint(session).count("<img") == 1


def test_the_first_paint_says_what_the_state_says(session):
    state = session.choose(pixel_set="unique", random=True)
    shown = unescape(re.sub("<[^>]*>", "", snapshot.first_paint(session)))
    assert state.sentence in shown and state.context in shown
    best = int(state.after.argmax())
    assert f"{CLASSES[best]}{' ✓' * (best == state.case.true)}" in shown
    assert f"({state.without_control[best]:.2f})" in shown


def test_the_first_paint_carries_the_choice(session):
    session.choose(by_hand=[2, 4], random=True, draw=3)
    (attribute,) = re.findall(r'data-explorer="([^"]*)"', snapshot.first_paint(session))
    carried = json.loads(unescape(attribute))
    assert carried.pop("tasks") == ["pictures"]
    assert Choice(**{**carried, "by_hand": tuple(carried["by_hand"])}) == session.state.choice


def test_names_of_classes_are_escaped(small):
    net, images, labels = small
    session = Session(net, images, labels, ["<b>", "&", '"', "'", "<script>", "x"])
    session.choose(**OPEN)
    shown = snapshot.first_paint(session)
    assert "<script>" not in shown and "<b><" not in shown


def test_the_still_carries_the_sentence_and_every_picture(session):
    state = session.choose(pixel_set="unique")
    figure = still(state)
    assert state.sentence in figure.get_suptitle()
    assert sum(len(ax.images) for ax in figure.get_axes()) == 6
