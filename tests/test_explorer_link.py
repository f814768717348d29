"""A choice as the text of a link."""

from __future__ import annotations

import base64
import json

import pytest
from explorers import DAMAGED_LINKS, link_of, opened

from tinyvgg.explorer import Refused
from tinyvgg.explorer.link import decode, encode
from tinyvgg.explorer.state import Choice


def json_of(link: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(link + "=" * (-len(link) % 4)))


def test_a_link_holds_what_differs_from_the_defaults():
    session = opened()
    session.reset()
    assert json_of(session.link) == {"task": "pictures", "case": session.case}
    changes = {
        **{"pixel_set": "unique", "random": True, "draw": 3},
        **{"floor": 0.5, "percentile": 80.0, "strongest": 2},
    }
    session.choose(**changes)
    assert json_of(session.link) == {"task": "pictures", "case": session.case, **changes}
    assert session.follow(f"#explore:{session.link}").choice == session.state.choice


@pytest.mark.parametrize("numbers", [(), (0,), (3, 4, 300), (7, 8, 127, 128, 3_000_000)])
def test_pixels_by_hand_are_a_bit_mask(numbers):
    choice = Choice("face", 7, "hand", by_hand=numbers)
    mask = base64.urlsafe_b64decode(json_of(encode(choice))["by_hand"] + "==")
    set_bits = [8 * k + bit for k, byte in enumerate(mask) for bit in range(8) if byte >> bit & 1]
    assert tuple(set_bits) == numbers
    assert len(mask) == (numbers[-1] // 8 + 1 if numbers else 0)
    assert decode(encode(choice)) == choice


def test_a_link_is_short_and_needs_no_escapes():
    half = Choice("emotion", 1432, "hand", random=True, by_hand=tuple(range(0, 2048, 2)))
    assert len(encode(half)) < 600
    named = Choice("ä & <b>", 7, target='"é" = 50 %')
    assert encode(named).replace("-", "").replace("_", "").isalnum()
    assert decode(encode(named)) == named


@pytest.mark.parametrize("link", DAMAGED_LINKS)
def test_a_damaged_link_is_refused_in_words(link):
    with pytest.raises(Refused, match="This link is damaged: "):
        decode(link)


def test_a_link_cut_short_anywhere_is_refused():
    link = link_of(task="face", case=3, pixel_set="unique")
    for end in range(len(link) - 1):
        with pytest.raises(Refused):
            decode(link[:end])
