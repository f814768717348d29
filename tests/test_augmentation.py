"""Regions that misled a network, and their filling in training pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny
from scipy.ndimage import gaussian_filter

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.augmentation import FillRegions, misleading_regions, strongest
from tinyvgg.tracking import track

SIZE = 8


def regions_and_classes(seed: int, count: int = 7, classes: int = 4):
    rng = np.random.default_rng(seed)
    regions = strongest(rng.random((count, SIZE, SIZE)), 0.2)
    return regions, rng.integers(0, classes, count)


def a_batch(seed: int, count: int = 60, classes: int = 5):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 3, SIZE, SIZE, generator=generator)
    return x, torch.randint(0, classes, (count,), generator=generator)


def fill(seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, 9]).random((3, SIZE, SIZE)).astype(np.float32)


def slow(x, y, regions, classes, fill, place, probability, chance) -> np.ndarray:
    """Picture by picture and pixel by pixel, from the definition."""
    x = x.numpy().copy()
    changed, lots = chance.random(len(x)), chance.random(len(x))
    shifts = chance.integers(0, SIZE, (len(x), 2))
    for k in range(len(x)):
        own = [m for m in range(len(regions)) if classes[m] == int(y[k])]
        if changed[k] >= probability or not own:
            continue
        region = regions[own[int(lots[k] * len(own))]]
        for i in range(SIZE):
            for j in range(SIZE):
                if region[i, j]:
                    a, b = (i, j) if place == "aimed" else (i + shifts[k, 0], j + shifts[k, 1])
                    x[k, :, a % SIZE, b % SIZE] = fill[:, a % SIZE, b % SIZE]
    return x


@pytest.mark.parametrize("place", ["aimed", "elsewhere"])
@pytest.mark.parametrize("seed", range(3))
def test_pictures_equal_the_plain_definition(seed, place):
    regions, classes = regions_and_classes(seed)
    x, y = a_batch(seed)
    kept = x.clone()
    made = FillRegions(regions, classes, fill(), place)(x, y, np.random.default_rng(seed))
    chance = np.random.default_rng(seed)
    expected = slow(x, y, regions, classes, fill(), place, 0.5, chance)
    assert np.array_equal(made.numpy(), expected)
    assert torch.equal(x, kept), "the batch itself is left as it is"
    assert not np.array_equal(expected, x.numpy())


def test_both_places_change_the_same_pictures_over_the_same_area():
    regions, classes = regions_and_classes(3)
    _, y = a_batch(3)
    chosen = {
        place: FillRegions(regions, classes, fill(), place).choose(y, np.random.default_rng(5))
        for place in ("aimed", "elsewhere")
    }
    areas = {place: masks.sum(axis=(1, 2)) for place, masks in chosen.items()}
    assert (areas["aimed"] == areas["elsewhere"]).all()
    assert set(areas["aimed"]) == {0, round(0.2 * SIZE**2)}
    assert (chosen["aimed"] != chosen["elsewhere"]).any()


def test_a_class_without_regions_stays_as_it_is():
    regions, _ = regions_and_classes(0)
    x, y = a_batch(0)
    made = FillRegions(regions, np.full(len(regions), 2), fill(), probability=1.0)(
        x, y, np.random.default_rng(0)
    )
    same = (made == x).flatten(1).all(dim=1)
    assert torch.equal(same, y != 2)
    nothing = FillRegions(np.zeros((0, SIZE, SIZE), bool), [], fill())
    assert torch.equal(nothing(x, y, np.random.default_rng(0)), x)


def test_about_half_of_the_pictures_are_changed():
    regions, _ = regions_and_classes(0)
    fill_regions = FillRegions(regions, np.zeros(len(regions), int), fill())
    chosen = fill_regions.choose(np.zeros(4000, int), np.random.default_rng(1))
    assert chosen.any(axis=(1, 2)).mean() == pytest.approx(0.5, abs=0.03)


def test_the_same_chance_makes_the_same_pictures():
    regions, classes = regions_and_classes(2)
    x, y = a_batch(2)
    one = FillRegions(regions, classes, fill(), "elsewhere")
    first, second, third = (one(x, y, np.random.default_rng(k)) for k in (7, 7, 8))
    assert torch.equal(first, second) and not torch.equal(first, third)


def test_the_digest_names_everything_that_decides_on_the_pictures():
    regions, classes = regions_and_classes(0)
    one = FillRegions(regions, classes, fill())
    assert one.digest == FillRegions(regions.copy(), classes.tolist(), fill()).digest
    other = regions.copy()
    other[0, 0, 0] ^= True
    different = [
        FillRegions(other, classes, fill()),
        FillRegions(regions, classes[::-1], fill()),
        FillRegions(regions, classes, fill(1)),
        FillRegions(regions, classes, fill(), "elsewhere"),
        FillRegions(regions, classes, fill(), probability=0.4),
    ]
    assert len({one.digest, *(d.digest for d in different)}) == 1 + len(different)


def test_the_strongest_pixels_are_exactly_as_many_in_each_picture():
    values = np.zeros((2, 4, 5))
    values[0, 1, 2], values[0, 3, 4], values[1, 0, 1] = 3, 2, 1
    chosen = strongest(values, 0.15)
    assert chosen.sum(axis=(1, 2)).tolist() == [3, 3]
    assert np.argwhere(chosen[0]).tolist() == [[0, 0], [1, 2], [3, 4]], "ties in reading order"
    assert np.argwhere(chosen[1]).tolist() == [[0, 0], [0, 1], [0, 2]]
    assert strongest(np.zeros((0, 4, 4)), 0.1).shape == (0, 4, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"place": "here"}, "unknown place 'here'"),
        ({"probability": 1.5}, "between 0 and 1"),
        ({"fill": np.zeros((3, 4, 4))}, "must have shape"),
        ({"classes": [1]}, "need as many classes"),
    ],
)
def test_what_does_not_fit_is_refused(change, said):
    regions, classes = regions_and_classes(0)
    given = {"regions": regions, "classes": classes, "fill": fill(), **change}
    with pytest.raises(ValueError, match=said):
        FillRegions(**given)


# ---------------------------------------------------------------------- regions that misled


def a_table(correct: list[bool]) -> pd.DataFrame:
    """Twelve pictures of four people, each with three gazes, rows 100 to 111."""
    return pd.DataFrame(
        {
            "row": np.arange(100, 112),
            "subject": np.repeat(np.arange(4), 3),
            "angle": 90,
            "emotion": "sad",
            "gaze": ["left", "frontal", "right"] * 4,
            "correct": correct,
            "confidence": np.linspace(0.3, 0.9, 12),
            "true": 2,
            "predicted": np.where(correct, 2, np.arange(12) % 2),
        }
    )


def test_a_region_is_the_strongest_tenth_of_the_smoothed_difference():
    net = random_tiny(0, dtype=torch.float32)
    pictures = random_images(0, 12, dtype=torch.float32)
    table = a_table([False, True, True, True, False, True, False, False, False, True, True, True])
    found = misleading_regions(net, table, lambda rows: pictures[np.asarray(rows) - 100])
    # person 2 (rows 106 to 108) has no correct picture, so no twin
    assert found.case.tolist() == [100, 104] and found.mistakes == 5
    assert found.twin.tolist() == [102, 105], "the more confident of the two candidates"
    for k, (case, twin) in enumerate(zip(found.case, found.twin, strict=True)):
        a, b = (backtrack(net, pictures[[r - 100]], cut=Cut()).pixels for r in (case, twin))
        difference = track(net, pictures[[case - 100]], a & ~b).difference[0].double().numpy()
        smooth = gaussian_filter(difference, 16 / 32, mode="constant")
        limit = np.sort(smooth.ravel())[-round(0.1 * 16 * 16)]
        assert np.array_equal(found.masks[k], smooth >= limit)
    assert found.true.tolist() == [2, 2] and found.named.tolist() == [0, 0]


def test_no_mistake_and_no_unique_pixel_give_no_region():
    net, pictures = random_tiny(0, dtype=torch.float32), random_images(0, 12, dtype=torch.float32)
    shapes = lambda rows: pictures[np.zeros(len(rows), int)]  # noqa: E731
    none = misleading_regions(net, a_table([True] * 12), shapes)
    assert none.masks.shape == (0, 16, 16) and none.mistakes == 0
    same = pictures[:1].expand(12, -1, -1, -1)  # case and twin are the same picture
    table = a_table([False] + [True] * 11)
    equal = misleading_regions(net, table, lambda rows: same[np.asarray(rows) - 100])
    assert len(equal.masks) == 0 and equal.mistakes == 1
