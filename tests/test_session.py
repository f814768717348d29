"""The explorer: what it suppresses, what it says, and that Python and its controls agree."""

from __future__ import annotations

import copy
import json
import re
from html import unescape
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from networks import SmallAlexNet, random_foreign, random_tiny
from torch import nn

from tinyvgg import Cut, as_input, backtrack, compare, suppress, track
from tinyvgg.explorer import Refused, Session, page, pictures, still
from tinyvgg.explorer.gallery import gallery_of, study_gallery
from tinyvgg.explorer.state import Choice, strengths, to_numbers

CLASSES = ["ant", "bee", "cow", "doe", "eel", "fox"]
OPEN = {"floor": 0.0, "percentile": 60.0}  # a cut that leaves something of a random network


def pictures_of(seed: int, count: int, size: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def world(seed: int = 0, net: nn.Module | None = None, size: int = 16, count: int = 24):
    """A network, pictures, and labels of which about a third are not what it predicts.

    The network's output is shifted so that its predictions differ, and so that it never says the
    last class: a picture of that class has no twin.
    """
    images = pictures_of(seed, count, size)
    net = random_tiny(seed, num_classes=len(CLASSES)) if net is None else net
    with torch.no_grad():
        net.classifier[-1].bias -= backtrack(net, as_input(images)).logits.mean(0)
        net.classifier[-1].bias[-1] -= 100
    labels = backtrack(net, as_input(images)).logits.argmax(1).numpy()
    labels[::3] = labels[1::3][: len(labels[::3])]  # those of their neighbours, which are right
    labels[3] = net.classifier[-1].out_features - 1
    return net, images, labels


@pytest.fixture(scope="module")
def small():
    return world()


def of(small, kind=Session):
    net, images, labels = small
    return kind(net, images, labels, CLASSES)


@pytest.fixture
def session(small):
    session = of(small)
    session.choose(**OPEN)
    return session


def lonely_case(session) -> int:
    return next(row for row, case in session.cases.items() if case.twin is None)


def trace_of(session, cut):
    gallery = session.state.gallery
    return backtrack(gallery.net, gallery.input(session.case), None, cut)


# ---------------------------------------------------------------------- what is suppressed


@pytest.mark.parametrize("seed, dense", [(0, (24, 16, 12)), (1, (20,)), (2, ())])
@pytest.mark.parametrize("cut", [None, Cut(0.0, 60.0), Cut(0.01, 20.0)])
def test_sets_are_those_of_backtrack_and_compare(seed, dense, cut):
    session = of(world(seed, random_tiny(seed, dense, num_classes=len(CLASSES))))
    session.choose(printed=cut is None, **({} if cut is None else vars(cut)))
    net, given = session.state.gallery.net, session.state.gallery.input
    for position, (row, case) in enumerate(session.cases.items()):
        number = position % len(CLASSES)  # the twin is traced from its own class all the same
        session.choose(case=row, target=CLASSES[number])
        trace = backtrack(net, given(row), number, cut)
        expected = {"none": trace.pixels & False, "backtracked": trace.pixels}
        if case.twin is not None:
            sets = compare(trace, backtrack(net, given(case.twin), None, cut))
            expected |= {"common": sets.common, "unique": sets.only_a}
        for name, pixels in expected.items():
            state = session.choose(pixel_set=name)
            assert np.array_equal(state.suppressed, pixels[0].numpy()), (row, name)
            assert session.suppressed == tuple(pixels.flatten().nonzero().flatten().tolist())


def test_target_is_the_predicted_the_true_or_a_named_class(session):
    case = session.state.case
    for target, number in (("predicted", case.predicted), ("true", case.true), ("doe", 3)):
        assert session.choose(target=target).target == number


def test_the_strongest_pixels_are_those_of_the_largest_contributions(session):
    state = session.choose(pixel_set="backtracked")
    trace = trace_of(session, Cut(**OPEN))
    a_0 = trace.maps.flatten().tolist()
    units = trace.layers[-1][0].nonzero().flatten().tolist()
    weight = session.state.gallery.net.classifier[0].weight.tolist()
    slow = [max(a * weight[i][r] for i in units) for r, a in enumerate(a_0)]
    ranked = sorted(to_numbers(state.chosen), key=lambda r: -slow[r])
    assert len(ranked) > 3
    for count in (1, 3, len(ranked), len(ranked) + 7):
        session.choose(strongest=count)
        assert session.suppressed == tuple(sorted(ranked[:count]))
    session.strongest = None
    assert session.suppressed == tuple(sorted(ranked))


@pytest.mark.parametrize("dense", [(24, 16, 12), (9,), ()])
def test_strengths_are_what_the_cut_compares_with_its_threshold(dense):
    net, images, _ = world(3, random_tiny(3, dense))
    trace = backtrack(net, as_input(images[:4]), cut=Cut(**OPEN))
    above = strengths(net, trace) > trace.threshold[:, None, None, None]
    assert trace.pixels.any()
    assert torch.equal(above, trace.pixels)


def test_random_pixels_are_as_many_active_and_drawn_again_alike(session):
    for name in session.available:
        state = session.choose(pixel_set=name, random=True, draw=3)
        assert state.suppressed.sum() == state.chosen.sum()
        assert (state.maps[state.suppressed] > 0).all()
    session.choose(pixel_set="backtracked", draw=3)
    drawn = session.suppressed
    assert len(drawn) > 3
    session.draw = 4
    assert session.suppressed != drawn
    session.draw = 3
    assert session.suppressed == drawn


@pytest.mark.parametrize("percentile", [0.0, 40.0, 80.0, 99.0])
def test_moving_the_cut_moves_the_set(session, percentile):
    session.choose(pixel_set="backtracked", percentile=percentile)
    trace = trace_of(session, Cut(0.0, percentile))
    assert session.suppressed == to_numbers(trace.pixels[0].numpy())


def test_a_higher_cut_keeps_a_part_of_a_lower_one(session):
    found = []
    for percentile in (0.0, 40.0, 80.0, 99.0):
        session.percentile = percentile
        found.append(set(session.suppressed))
    session.printed = True
    found.insert(0, set(session.suppressed))
    assert all(below >= above for below, above in pairwise(found))
    assert len(found[0]) > len(found[3])


def test_a_floor_that_nothing_passes_empties_the_set_and_says_so(session):
    state = session.choose(floor=1e9)
    assert session.suppressed == ()
    assert state.sentence.startswith("This set is empty.")
    assert np.array_equal(state.before, state.after)


# ---------------------------------------------------------------------- what it says


def test_the_sentence_tells_what_suppress_gives(session):
    for name in ("backtracked", "common", "unique"):
        for random in (False, True):
            state = session.choose(pixel_set=name, random=random)
            if not state.suppressed.any():
                continue
            net, maps = state.gallery.net, torch.tensor(state.maps)[None]
            pixels = torch.tensor(state.suppressed)[None]
            expected = suppress(net, maps, pixels)[0]
            said = re.fullmatch(
                r"Without (?:these |this )?([\d,]+) of ([\d,]+) pixels (?:drawn at random )?"
                r"it (?:still )?says (\w+) \((\d\.\d\d)\)\.",
                state.sentence,
            )
            assert int(said[1]) == int(pixels.sum())
            assert int(said[2]) == pixels.numel()
            assert said[3] == CLASSES[int(expected.argmax())]
            assert said[4] == f"{float(expected.max()):.2f}"
            same = expected.argmax() == state.before.argmax()
            assert ("still" in state.sentence) == bool(same)
            assert f"({state.before.max():.2f})" in state.context


@pytest.mark.parametrize("random", [False, True])
def test_the_tracked_picture_is_that_of_the_suppressed_pixels(session, random):
    state = session.choose(pixel_set="backtracked", random=random)
    image = state.gallery.input(state.case.row)
    expected = track(state.gallery.net, image, torch.tensor(state.suppressed)[None])
    assert np.array_equal(state.difference, expected.difference[0].numpy())
    assert state.difference.any()


def test_probabilities_stand_in_the_order_that_holds_after(session):
    state = session.choose(pixel_set="backtracked")
    shown = page.top_classes(state, count=3)
    assert state.case.true in shown
    assert list(state.after[shown]) == sorted(state.after[shown], reverse=True)


def test_suppressed_pixels_are_coloured_where_they_are(session):
    for row in session.cases:
        state = session.choose(case=row, pixel_set="backtracked")
        if all(state.sets.get(name, state.chosen & False).any() for name in ("common", "unique")):
            break
    sheet = pictures.feature_maps(state, gap=1)
    columns, (_, height, width) = pictures.columns_of(len(state.maps)), state.maps.shape
    common, unique = state.sets["common"], state.sets["unique"]
    assert common.any() and unique.any()
    assert np.array_equal(common | unique, state.suppressed)
    colours = {"common": pictures.COLOUR["common"], "unique": pictures.COLOUR["unique"]}
    for (k, y, x), chosen in np.ndenumerate(state.suppressed):
        place = k // columns * (height + 1) + y, k % columns * (width + 1) + x
        value = sheet[place]
        if chosen:
            name = "common" if common[k, y, x] else "unique"
            assert np.allclose(value / 255, to_rgb(colours[name]), atol=1 / 255)
        else:
            assert value[0] == value[1] == value[2] > 150


def test_the_first_paint_describes_every_picture_in_words(session):
    shown = page.first_paint(session)
    assert shown.count("<img") == len(re.findall(r'alt="[^"]{10,}"', shown)) == 3
    session.choose(pixel_set="none", case=lonely_case(session))
    assert page.first_paint(session).count("<img") == 1


def test_the_first_paint_says_what_the_state_says(session):
    state = session.choose(pixel_set="unique", random=True)
    shown = unescape(re.sub("<[^>]*>", "", page.first_paint(session)))
    assert state.sentence in shown and state.context in shown
    best = int(state.after.argmax())
    assert f"{CLASSES[best]}{' ✓' * (best == state.case.true)}" in shown
    assert f"({state.without_control[best]:.2f})" in shown


def test_the_first_paint_carries_the_choice(session):
    session.choose(by_hand=[2, 4], random=True, draw=3)
    (attribute,) = re.findall(r'data-explorer="([^"]*)"', page.first_paint(session))
    carried = json.loads(unescape(attribute))
    assert carried.pop("tasks") == ["pictures"]
    assert Choice(**{**carried, "by_hand": tuple(carried["by_hand"])}) == session.state.choice


def test_names_of_classes_are_escaped(small):
    net, images, labels = small
    session = Session(net, images, labels, ["<b>", "&", '"', "'", "<script>", "x"])
    session.choose(**OPEN)
    shown = page.first_paint(session)
    assert "<script>" not in shown and "<b><" not in shown


def test_the_still_carries_the_sentence_and_every_picture(session):
    state = session.choose(pixel_set="unique")
    figure = still(state)
    assert state.sentence in figure.get_suptitle()
    assert sum(len(ax.images) for ax in figure.get_axes()) == 6


# ---------------------------------------------------------------------- cases


def test_cases_are_the_mistakes_the_most_confident_first(session, small):
    net, images, labels = small
    chances = backtrack(net, as_input(images)).probabilities
    confidence, predicted = (values.numpy() for values in chances.max(1))
    wrong = np.flatnonzero(predicted != labels)
    assert list(session.cases) == sorted(wrong, key=lambda row: -confidence[row])
    for row, case in session.cases.items():
        assert (case.true, case.predicted) == (labels[row], predicted[row])
        assert f"taken for {CLASSES[predicted[row]]} ({confidence[row]:.2f})" in case.caption
        if case.twin is not None:
            assert predicted[case.twin] == labels[case.twin] == case.true


def test_without_mistakes_there_are_correct_pictures_and_no_twins(small):
    net, images, _ = small
    predicted = backtrack(net, as_input(images)).logits.argmax(1)
    session = Session(net, images, predicted.numpy(), CLASSES)
    assert len(session.cases) == len(images)
    assert session.available == ("none", "backtracked", "hand")
    assert all("right" in case.why_no_twin for case in session.cases.values())
    with pytest.raises(Refused, match="gets this picture right"):
        session.pixel_set = "common"


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


def test_a_study_names_its_cases_and_finds_twins_that_differ_in_gaze(small):
    net, images, _ = small
    table = pd.DataFrame(
        {
            "row": [4, 5, 6, 7],
            "subject": [12, 12, 12, 3],
            "emotion": ["sad"] * 4,
            "gaze": ["left", "right", "left", "right"],
            "angle": [45, 45, 45, 90],
            "true": [1, 1, 1, 2],
            "predicted": [0, 1, 1, 0],
            "correct": [False, True, True, False],
            "confidence": [0.83, 0.6, 0.9, 0.5],
        }
    )
    study = SimpleNamespace(
        outcomes=lambda task: table,
        split=lambda task: SimpleNamespace(classes=["0", "3", "12", "15", "16"]),
        network=lambda task: net,
        faces=SimpleNamespace(images=images),
    )
    gallery = study_gallery(study, "face")
    assert list(gallery.cases) == [4, 7]
    assert gallery.cases[4].twin == 5
    caption = "subject 12, sad, 45°, gaze left → taken for subject 0 (0.83)"
    assert gallery.cases[4].caption == caption
    assert gallery.cases[7].twin is None
    assert "same subject, angle and emotion" in gallery.cases[7].why_no_twin
    assert gallery.first.row == 4

    table[["emotion", "gaze"]] = None
    table["angle"] = pd.array([pd.NA] * 4, dtype="Int64")
    gallery = study_gallery(study, "face")
    assert gallery.cases[4].twin == 6
    assert gallery.cases[4].shows == "subject 12, picture 4"
    assert "same subject is" in gallery.cases[7].why_no_twin


# ---------------------------------------------------------------------- choosing


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
        ({"case": 10_000}, "picture 10000 is not among the .* cases"),
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
