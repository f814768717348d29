"""Pictures some at a time: as all at once, and none at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.batches import first_images, maps_of_rows, trace_rows, track_rows
from tinyvgg.layers import feature_maps_of
from tinyvgg.tracking import track

IMAGES = random_images(0, batch=7)


def inputs(rows):
    return IMAGES[torch.as_tensor(np.array(rows, int))]


@pytest.mark.parametrize("dense", [(), (24, 16, 12)], ids=len)
@pytest.mark.parametrize("cut", [None, Cut(0.01, 60)])
def test_pictures_in_batches_are_traced_as_all_at_once(dense, cut):
    net, rows, target = random_tiny(1, dense), [6, 0, 3, 1, 1], [0, 1, 2, 3, 4]
    expected = backtrack(net, IMAGES[rows], torch.tensor(target), cut)
    made = trace_rows(net, inputs, rows, target, cut, batch=2)
    assert len(made.layers) == len(expected.layers)
    for name in ("target", "pixels", "threshold", "maps", "logits"):
        torch.testing.assert_close(getattr(made, name), getattr(expected, name))
    for some, others in zip(made.layers, expected.layers, strict=True):
        assert torch.equal(some, others)
    features = track_rows(net, inputs, rows, made.pixels, batch=2, ties="first")
    torch.testing.assert_close(
        features, track(net, IMAGES[rows], expected.pixels, ties="first").difference
    )


def test_no_pictures_give_no_traces_of_the_right_shape():
    net = random_tiny(1)
    trace = trace_rows(net, inputs, [])
    assert trace.pixels.shape == (0, 6, 2, 2) and trace.logits.shape == (0, 5)
    assert [layer.shape for layer in trace.layers] == [(0, 12), (0, 16), (0, 24)]
    assert track_rows(net, inputs, [], trace.pixels).shape == (0, 16, 16)
    with pytest.raises(ValueError, match="2 rows need as many sets"):
        track_rows(net, inputs, [0, 1], trace.pixels)


@torch.no_grad()
def test_maps_some_at_a_time_are_the_maps_of_all_and_no_rows_give_none():
    net, images = random_tiny(0), random_images(0, batch=5)
    rows = [4, 0, 3, 3, 1]
    found = maps_of_rows(net, images.__getitem__, rows, batch=2)
    torch.testing.assert_close(found, feature_maps_of(net, images[rows]))
    assert maps_of_rows(net, images.__getitem__, []).shape == (0, *net.pixel_shape)


@pytest.mark.parametrize("dense", [(), (24, 16, 12)], ids=len)
@pytest.mark.parametrize("count", [0, 2, 7])
def test_the_first_images_of_a_trace_are_a_trace_of_them(dense, count):
    net = random_tiny(1, dense)
    trace = backtrack(net, IMAGES, cut=Cut(0.01, 60))
    some = first_images(trace, count)
    for name in ("target", "pixels", "threshold", "maps", "logits"):
        assert torch.equal(getattr(some, name), getattr(trace, name)[:count])
    assert len(some.layers) == len(trace.layers) == len(dense)
    for one, whole in zip(some.layers, trace.layers, strict=True):
        assert torch.equal(one, whole[:count])
