"""The variants of the deconvolution, and the ties that make some of them differ."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from torch import nn

from tinyvgg.deconv import deconvolve, record
from tinyvgg.experiments.deconv_variants import (
    RELEASED,
    VARIANTS,
    Variant,
    count_ties,
    deconvolve_variants,
    variant_changes,
)


def ties_by_loops(net, images) -> list[tuple[int, int, int]]:
    """Windows, tied ones and tied ones at zero, counted one by one."""
    counts, x = [], images
    for layer in net.features:
        if isinstance(layer, nn.MaxPool2d):
            windows = tied = zero = 0
            for image, channel in product(range(x.shape[0]), range(x.shape[1])):
                plane = x[image, channel].detach().numpy()
                for row in range(0, plane.shape[0], 2):
                    for column in range(0, plane.shape[1], 2):
                        window = plane[row : row + 2, column : column + 2]
                        many = int((window == window.max()).sum()) > 1
                        windows += 1
                        tied += many
                        zero += many and window.max() == 0
            counts.append((windows, tied, zero))
        x = layer(x)
    return counts


@pytest.mark.parametrize("seed", range(3))
def test_ties_are_those_that_one_counts_window_by_window(seed):
    net, images = random_tiny(seed), random_images(seed)
    images[:, :, :8] = 0.5  # a flat sky: ties above zero as well
    counted = count_ties(net.features, images)
    expected = ties_by_loops(net, images)
    assert counted[["windows", "tied", "zero"]].to_records(index=False).tolist() == expected
    assert counted.pool.tolist() == [1, 2, 3]
    assert (counted.zero > 0).all() and (counted.tied > counted.zero).any()


def test_every_combination_of_options_is_a_variant_and_the_defaults_are_the_released_code():
    assert len(set(VARIANTS)) == 8
    net, images = random_tiny(0), random_images(0)
    recording = record(net.features, images)
    pictures = deconvolve_variants(net.features, recording)
    assert list(pictures) == list(VARIANTS)
    assert torch.equal(pictures[RELEASED], deconvolve(net.features, recording))
    classical = deconvolve(net.features, recording, bias="none", ties="first", rectify=False)
    assert torch.equal(pictures[Variant("none", "first", False)], classical)


def test_changes_compare_the_released_picture_with_the_one_that_differs_in_one_option():
    net, images = random_tiny(1), random_images(1)
    pictures = deconvolve_variants(net.features, record(net.features, images))
    changes = variant_changes(pictures).set_index("option")
    assert changes.other.to_dict() == {"ties": "first", "bias": "none", "rectify": False}
    base = pictures[RELEASED].numpy()
    for option, row in changes.iterrows():
        other = pictures[RELEASED._replace(**{option: row.other})].numpy()
        distances = [
            np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in zip(base, other, strict=True)
        ]
        alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(base, other, strict=True)]
        assert row["mean"] == pytest.approx(np.mean(distances))
        assert (row.least, row.most) == pytest.approx((min(distances), max(distances)))
        assert row.correlation == pytest.approx(np.mean(alike))


def test_a_change_worked_by_hand():
    def image(*values):
        return torch.tensor(values, dtype=torch.float64).reshape(1, 3, 1, 1)

    pictures = {variant: image(3, 0, 4) for variant in VARIANTS}
    pictures[RELEASED._replace(ties="first")] = image(6, 0, 8)  # twice the picture
    pictures[RELEASED._replace(rectify=False)] = image(3, -5, 4)
    changes = variant_changes(pictures).set_index("option")
    assert changes.loc["ties", ["mean", "correlation"]].tolist() == pytest.approx([1, 1])
    assert changes.loc["bias", ["mean", "correlation"]].tolist() == pytest.approx([0, 1])
    assert changes.loc["rectify", "mean"] == pytest.approx(1)
