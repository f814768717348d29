"""The state of an explorer: what is suppressed, what is predicted then, and random draws."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from explorers import CLASSES, OPEN, of, world
from networks import random_tiny

from tinyvgg import Cut, as_input, backtrack, compare, suppress, track
from tinyvgg.experiments.attributions import strengths
from tinyvgg.explorer.state import drawn, scrambled, to_numbers


def trace_of(session, cut):
    gallery = session.state.gallery
    return backtrack(gallery.net, gallery.input(session.case), None, cut)


def some_maps(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 4, 5, 6, generator=generator).relu()


def numbers(pixels: torch.Tensor) -> set[int]:
    return set(pixels.flatten().nonzero().flatten().tolist())


def slow(number: int) -> int:
    """MurmurHash3's 32-bit finaliser, in Python's whole numbers."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        number = ((number ^ (number >> shift)) * factor) % 2**32
    return number ^ (number >> 16)


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
                r"With ([\d,]+) of ([\d,]+) pixels suppressed(?: at random)?, "
                r"the image is (?:still )?classified as (\w+) \(confidence (\d\.\d\d)\)\.",
                state.sentence,
            )
            assert int(said[1]) == int(pixels.sum())
            assert int(said[2]) == pixels.numel()
            assert said[3] == CLASSES[int(expected.argmax())]
            assert said[4] == f"{float(expected.max()):.2f}"
            same = expected.argmax() == state.before.argmax()
            assert ("still" in state.sentence) == bool(same)
            assert f"(confidence {state.before.max():.2f})" in state.context


@pytest.mark.parametrize("random", [False, True])
def test_the_tracked_picture_is_that_of_the_suppressed_pixels(session, random):
    state = session.choose(pixel_set="backtracked", random=random)
    image = state.gallery.input(state.case.row)
    expected = track(state.gallery.net, image, torch.tensor(state.suppressed)[None])
    assert np.array_equal(state.difference, expected.difference[0].numpy())
    assert state.difference.any()


def test_the_hash_is_murmurs_last_step():
    given = [0, 1, 2, 77, 2**31, 2**32 - 1]
    assert scrambled(torch.tensor(given)).tolist() == [slow(number) for number in given]
    assert slow(1) == 0x514E28B7  # a known value


@pytest.mark.parametrize("draw", [0, 3, 2**32 - 1, 2**40])
def test_as_many_active_pixels_as_asked_for(draw):
    maps = some_maps()
    active = numbers(maps > 0)
    found: set[int] = set()
    for count in (0, 1, 7, len(active), len(active) + 5):
        pixels = drawn(maps, count, draw)
        assert pixels.shape == maps.shape
        assert numbers(pixels) <= active
        assert int(pixels.sum()) == min(count, len(active))
        assert numbers(pixels) >= found  # a larger draw holds the smaller one
        found = numbers(pixels)


def test_each_draw_is_another_and_the_same_again():
    maps = some_maps()
    draws = [frozenset(numbers(drawn(maps, 10, draw))) for draw in range(50)]
    assert len(set(draws)) == 50
    assert draws[7] == numbers(drawn(maps, 10, 7))


def test_each_pixel_and_each_pair_is_as_likely():
    maps = some_maps()
    active = int((maps > 0).sum())
    count, draws = 20, 2000
    chosen = torch.cat(
        [drawn(maps, count, draw).flatten(1)[:, maps.flatten() > 0] for draw in range(draws)]
    )
    share = chosen.double().mean(0)
    expected = count / active
    spread = (expected * (1 - expected) / draws) ** 0.5
    assert (share - expected).abs().max() < 5 * spread
    both = (chosen.double().T @ chosen.double() / draws).fill_diagonal_(0)
    expected *= (count - 1) / (active - 1)
    spread = (expected * (1 - expected) / draws) ** 0.5
    pairs = both[~torch.eye(active, dtype=torch.bool)]
    assert (pairs - expected).abs().max() < 6 * spread
