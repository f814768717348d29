"""Pixels drawn at random by a hash: active ones, as many as asked for, each as likely."""

from __future__ import annotations

import pytest
import torch

from tinyvgg.explorer.drawing import drawn, scrambled


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
