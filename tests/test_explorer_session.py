"""Choosing: by traits, by `choose`, by hand; what is refused, what observers see."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from explorers import CLASSES, OPEN, lonely_case, of, world
from networks import SmallAlexNet, random_foreign, random_tiny

from tinyvgg import Cut, as_input, backtrack
from tinyvgg.explorer import Refused, Session, still
from tinyvgg.explorer.gallery import gallery_of
from tinyvgg.explorer.state import to_numbers


def test_a_set_that_needs_a_twin_is_refused_where_there_is_none(session):
    session.choose(case=lonely_case(session))
    assert session.pixel_set == "backtracked"
    before = session.state
    for name in ("common", "unique"):
        with pytest.raises(Refused, match=r"needs a twin.*no twin.*same class"):
            session.choose(pixel_set=name)
        with pytest.raises(ValueError, match="needs a twin"):
            session.pixel_set = name
    assert session.state is before
    assert session.pixel_set == "backtracked"


def test_a_case_without_twin_falls_back_to_its_backtracked_set(session):
    session.choose(pixel_set="unique")
    session.case = lonely_case(session)
    assert session.pixel_set == "backtracked"


def test_pixels_chosen_by_hand_are_suppressed(session):
    session.choose(pixel_set="backtracked", random=True)
    session.suppressed = [5, 3, 3]
    assert session.suppressed == (3, 5)
    assert (session.pixel_set, session.random) == ("hand", False)
    assert to_numbers(session.state.suppressed) == (3, 5)
    mask = np.zeros(session.state.maps.shape, bool)
    mask[2, 1, 0] = True
    session.choose(suppressed=torch.tensor(mask))
    assert session.suppressed == (2 * 4 + 1 * 2,)
    session.suppressed = ()
    assert session.suppressed == ()
    assert "With all" in session.state.sentence


def test_pixels_by_hand_are_kept_beside_their_control_and_forgotten_with_another_set(session):
    session.choose(by_hand=[5, 3])
    assert (session.pixel_set, session.by_hand, session.suppressed) == ("hand", (3, 5), (3, 5))
    session.random = True
    assert (session.pixel_set, session.by_hand) == ("hand", (3, 5))
    assert len(session.suppressed) == 2
    session.by_hand = [7]
    assert (session.random, session.by_hand, len(session.suppressed)) == (True, (7,), 1)
    session.pixel_set = "backtracked"
    assert session.by_hand == ()
    session.by_hand = [2]
    assert session.pixel_set == "hand"


def test_choosing_by_hand_begins_with_what_is_suppressed(session):
    found = session.suppressed
    assert session.choose(pixel_set="hand").choice.by_hand == found
    assert session.suppressed == found


@pytest.mark.parametrize(
    "wanted, reason",
    [
        ({"pixel_set": "all"}, "unknown pixel_set 'all': choose one of none, backtracked"),
        ({"task": "age"}, "unknown task 'age': choose one of pictures"),
        ({"case": 10_000}, "image 10000 is not among the .* cases"),
        ({"target": "gnu"}, "unknown target 'gnu': .*ant, bee"),
        ({"percentile": 101.0}, "percentile must be from 0 to 100"),
        ({"floor": -1.0}, "floor must be finite and at least 0"),
        ({"strongest": 0}, "strongest must be 1 or more"),
        ({"draw": -1}, "draw must be 0 or more"),
        ({"suppressed": [24]}, "no pixel 24: they are numbered 0 to 23"),
        ({"suppressed": [0.5]}, "must be numbers of pixels, 0 to 23"),
        ({"suppressed": np.zeros((2, 2), bool)}, r"bool array of shape \(6, 2, 2\)"),
        ({"pixel_set": "hand", "strongest": 2}, "not pixels chosen by hand"),
        ({"colour": "red"}, "unknown choice colour"),
        ({"by_hand": [99]}, "no pixel 99"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason_and_nothing_changes(session, wanted, reason):
    before = session.state, session.suppressed
    with pytest.raises(Refused, match=reason):
        session.choose(**wanted)
    if len(wanted) == 1 and "colour" not in wanted:
        ((name, value),) = wanted.items()
        kept = getattr(session, name)
        with pytest.raises(ValueError, match=reason):
            setattr(session, name, value)
        assert getattr(session, name) == kept
    assert (session.state, session.suppressed) == before


@pytest.mark.parametrize(
    "wanted, reason",
    [
        ({"random": "yes", "draw": 3}, "random must be True or False, got 'yes'"),
        ({"draw": 0.5, "pixel_set": "none"}, "draw must be a whole number, got 0.5"),
    ],
)
def test_a_value_of_another_kind_is_refused_before_anything_changes(session, wanted, reason):
    before = session.state
    with pytest.raises(Refused, match=reason):
        session.choose(**wanted)
    assert (session.state, session.draw, session.pixel_set) == (before, 0, "backtracked")


def test_several_choices_at_once_are_one_change(session):
    seen = []
    session.observe(lambda change: seen.append(change.new), "state")
    session.choose(pixel_set="common", percentile=30.0, random=True)
    assert seen == [session.state]
    session.choose(pixel_set="common")
    assert len(seen) == 1


def test_an_observer_of_any_trait_meets_a_session_that_is_settled(session):
    met = []

    def look(change):
        pixels = to_numbers(session.state.suppressed)
        met.append((change.name, session.suppressed == pixels, session.state.choice.case))

    session.observe(look, ["case", "suppressed", "pixel_set"])
    row = lonely_case(session)
    session.choose(pixel_set="unique")
    met.clear()
    session.case = row
    assert {name for name, _, _ in met} >= {"case", "pixel_set"}
    assert all(agrees and case == row for _, agrees, case in met)


def test_reset_brings_back_everything_but_the_case(session, small):
    row = list(session.cases)[1]
    session.choose(case=row, random=True, draw=2, target="true", printed=True)
    session.reset()
    fresh = of(small)
    fresh.case = row
    assert session.state.choice == fresh.state.choice


def test_tasks_keep_apart(small):
    net, images, labels = small
    other = world(7, random_tiny(7, num_classes=3))
    session = Session(
        {
            "animals": gallery_of(net, images, labels, CLASSES),
            "letters": gallery_of(*other, ["x", "y", "z"]),
        }
    )
    first = session.choose(case=3, **OPEN)
    session.choose(target="doe")
    session.task = "letters"
    assert (session.target, session.case in session.cases) == ("predicted", True)
    state = session.choose(case=3)
    trace = backtrack(other[0], as_input(other[1][3:4]), cut=Cut(**OPEN))
    assert np.array_equal(state.chosen, trace.pixels[0].numpy())
    assert len(state.before) == 3
    session.choose(task="animals", case=3)
    assert np.array_equal(session.state.chosen, first.chosen)


def test_numbers_of_numpy_are_taken(session):
    row = np.int64(list(session.cases)[1])
    session.case = row
    session.percentile = np.float64(50)
    assert type(session.case) is int
    assert session.state.choice.percentile == 50


def test_what_is_no_study_and_no_network_is_refused(small):
    net, images, labels = small
    with pytest.raises(TypeError, match=r"needs images, labels, classes as well; got no images"):
        Session(net)
    with pytest.raises(TypeError, match="got no classes"):
        Session(net, images, labels)
    with pytest.raises(TypeError, match="needs a Study or a network, got list"):
        Session([net])
    with pytest.raises(TypeError, match="belong to a network, and dict is none"):
        Session({"a": None}, images)
    with pytest.raises(ValueError, match="classes must be 6 different names"):
        Session(net, images, labels, CLASSES[:4])
    with pytest.raises(ValueError, match="labels must be class numbers"):
        Session(net, images, labels[:3], CLASSES)
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.5"):
        Session(net, images, labels + 1, CLASSES)
    with pytest.raises(TypeError, match="bytes"):
        Session(net, images / 255, labels, CLASSES)


@pytest.mark.parametrize("net", [random_foreign(SmallAlexNet, 1), random_tiny(5, ())])
def test_any_supported_network_can_be_explored(net):
    world_ = world(5, net, net.image_size, count=9)
    before = copy.deepcopy(net.state_dict()), net.training
    outputs = len(backtrack(net, as_input(world_[1][:1])).logits[0])
    session = Session(*world_, [f"class {k}" for k in range(outputs)])
    state = session.choose(**OPEN, pixel_set="backtracked")
    trace = backtrack(net, state.gallery.input(state.case.row), cut=Cut(**OPEN))
    assert trace.pixels.any()
    assert np.array_equal(state.suppressed, trace.pixels[0].numpy())
    assert still(state).get_axes()
    assert net.training == before[1]
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in before[0].items())
