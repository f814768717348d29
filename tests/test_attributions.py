"""Scores of pixels equal captum's and plain ones; orders and first pixels are those by hand."""

import captum.attr
import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from torch import nn

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.comparison import first_pixels
from tinyvgg.experiments.attributions import (
    activation,
    grad_cam,
    grad_cam_map,
    gradient,
    gradient_x_activation,
    integrated_gradients,
    largest_contribution,
    rank,
)
from tinyvgg.layers import feature_maps_of

TARGET = torch.tensor([0, 4, 2])


def network(seed, dense=(24, 16, 12)):
    net = random_tiny(seed, dense).eval()
    return net, random_images(seed), feature_maps_of(net, random_images(seed))


class Dense(nn.Module):
    """The dense layers alone, as a function of the last feature maps."""

    def __init__(self, net):
        super().__init__()
        self.classifier = net.classifier

    def forward(self, maps):
        return self.classifier(maps.flatten(1))


@pytest.mark.parametrize("seed", range(3))
def test_gradient_methods_equal_captums(seed):
    net, images, maps = network(seed)
    dense = Dense(net)
    expected = captum.attr.InputXGradient(dense).attribute(maps.clone(), target=TARGET)
    torch.testing.assert_close(gradient_x_activation(net, maps, TARGET), expected.detach())
    expected = captum.attr.IntegratedGradients(dense).attribute(
        maps.clone(), target=TARGET, n_steps=32, method="riemann_middle"
    )
    torch.testing.assert_close(integrated_gradients(net, maps, TARGET), expected.detach())
    expected = captum.attr.LayerGradCam(net, net.features).attribute(
        images, target=TARGET, relu_attributions=True
    )
    torch.testing.assert_close(grad_cam_map(net, maps, TARGET), expected[:, 0].detach())


def test_gradients_are_those_of_differences():
    net, _, maps = network(1)
    found = gradient(net, maps, TARGET)[1].flatten()
    assert found.count_nonzero() > 10
    with torch.no_grad():
        for r in range(0, len(found), 5):
            step = torch.zeros_like(maps[1]).flatten()
            step[r] = 1e-7
            up, down = (
                net.classifier((maps[1].flatten() + s)[None])[0, TARGET[1]] for s in (step, -step)
            )
            assert float((up - down) / 2e-7) == pytest.approx(float(found[r]), rel=1e-5, abs=1e-8)


def test_integrated_gradients_sum_to_what_the_logit_gains():
    net, _, maps = network(2)
    dense = Dense(net)
    with torch.no_grad():
        gain = (dense(maps) - dense(torch.zeros_like(maps))).gather(1, TARGET[:, None])[:, 0]
    sums = integrated_gradients(net, maps, TARGET, steps=2000).flatten(1).sum(dim=1)
    torch.testing.assert_close(sums, gain, atol=1e-4, rtol=1e-3)


def test_grad_cam_shares_out_the_weight_of_a_place_by_activation():
    net, _, maps = network(0)
    slope = gradient(net, maps, TARGET).numpy()
    scores = grad_cam(net, maps, TARGET).numpy()
    batch, channels, height, width = maps.shape
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                place = sum(slope[b, c].mean() * float(maps[b, c, y, x]) for c in range(channels))
                for c in range(channels):
                    expected = max(place, 0) * float(maps[b, c, y, x])
                    assert scores[b, c, y, x] == pytest.approx(expected)


@pytest.mark.parametrize("dense", [(), (24,), (24, 16, 12)], ids=len)
def test_every_cut_takes_the_first_pixels_of_the_order_of_contributions(dense):
    net, images, maps = network(3, dense)
    scores = largest_contribution(net, maps, TARGET)
    for cut in (Cut(), Cut(0.0, 50), Cut(0.01, 80)):
        trace = backtrack(net, images, TARGET, cut)
        above = scores > trace.threshold[:, None, None, None]
        assert torch.equal(above, trace.pixels)
        counts = trace.pixels.flatten(1).sum(dim=1)
        assert torch.equal(first_pixels(rank(scores, maps), counts, maps), trace.pixels)
    assert trace.pixels.any()


def test_pixels_are_ranked_by_score_then_activation_then_place_and_silent_ones_last():
    maps = torch.tensor([[5.0, 0, 1, 2], [3, 3, 3, 0]]).reshape(2, 1, 2, 2)
    scores = torch.tensor([[-1.0, 9, 4, -1], [0, 0, 1, 8]]).reshape(2, 1, 2, 2)
    order = rank(scores, maps)
    assert order.tolist() == [[2, 0, 3, 1], [2, 0, 1, 3]]
    chosen = first_pixels(order, torch.tensor([2, 9]), maps).flatten(1).int()
    assert chosen.tolist() == [[1, 0, 1, 0], [1, 1, 1, 0]]


def test_activation_is_the_maps_own_and_nothing_is_changed():
    net, _, maps = network(0)
    before = maps.clone()
    for ranking in (activation, gradient_x_activation, integrated_gradients, grad_cam):
        scores = ranking(net, maps, TARGET)
        assert scores.shape == maps.shape and not scores.requires_grad
        scores += 1
        assert torch.equal(maps, before)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert np.isfinite(scores.numpy()).all()
