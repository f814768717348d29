"""Regions that misled: the unique pixels of a mistake, tracked to the picture and smoothed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from networks import random_images, random_tiny
from scipy.ndimage import gaussian_filter

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.augmentation import misleading_regions
from tinyvgg.tracking import track


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
