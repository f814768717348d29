"""Gradient norms by layer: against finite differences, and what makes them vanish."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import assert_unchanged, random_images, random_tiny, snapshot
from torch.nn.functional import cross_entropy

from tinyvgg.experiments.gradients import gradient_norms, named_layers
from tinyvgg.model import layer_table, vgg


@pytest.fixture
def y():
    return torch.tensor([0, 3, 1])


@pytest.mark.parametrize("seed", range(3))
def test_norms_equal_finite_differences(seed, y):
    net = random_tiny(seed, dense=(5, 4), image_size=8, width=2)
    x = random_images(seed, image_size=8)
    table = gradient_norms(net, x, y).set_index("layer")

    @torch.no_grad()
    def loss() -> float:
        return float(cross_entropy(net(x), y))

    for name, layer in named_layers(net).items():
        flat = layer.weight.data.view(-1)
        slopes = []
        for k in range(len(flat)):
            kept, step = float(flat[k]), 1e-6
            flat[k] = kept + step
            above = loss()
            flat[k] = kept - step
            slopes.append((above - loss()) / (2 * step))
            flat[k] = kept
        expected = np.sqrt(np.sum(np.square(slopes)))
        assert table.gradient[name] == pytest.approx(expected, rel=1e-4, abs=1e-9), name
        assert table.weight[name] == pytest.approx(float(flat.norm()))
        assert table.step[name] == pytest.approx(expected / float(flat.norm()), rel=1e-4, abs=1e-9)


def test_the_signal_is_the_root_mean_square_of_a_layer_s_output(y):
    net, x = random_tiny(1), random_images(1)
    table = gradient_norms(net, x, y).set_index("layer")
    with torch.no_grad():
        first, last = net.features[0](x), net(x)
    assert table.signal["conv1_1"] == pytest.approx(float(first.square().mean()) ** 0.5)
    assert table.signal["output"] == pytest.approx(float(last.square().mean()) ** 0.5)


def test_layers_are_named_as_in_table_1():
    for net in (random_tiny(0), vgg(16, 4, 32, width=2, dense=(6, 5))):
        named = [r["layer"] for r in layer_table(net) if r["kind"] in ("conv", "dense")]
        assert list(named_layers(net)) == named


def test_batch_norm_changes_no_names_and_not_the_network(y):
    plain, normed = (vgg(16, 4, 32, 2, (6, 5), batch_norm=b).double() for b in (False, True))
    assert list(named_layers(normed)) == list(named_layers(plain))
    x = random_images(0, image_size=32)
    for net in (plain.eval(), normed.eval(), normed.train()):
        before = snapshot(net, x)
        gradient_norms(net, x, y)
        assert_unchanged(before, net, x)


def test_glorot_s_weights_shrink_what_passes_through_vgg_and_he_s_do_not(y):
    net, x = vgg(16, 4, 32, width=8, dense=(64, 64)), random_images(0, 3, 32, torch.float32)
    tables = {}
    for initialisation in ("glorot", "he"):
        net.reset(torch.Generator().manual_seed(0), initialisation)
        tables[initialisation] = gradient_norms(net, x, y)
    glorot, he = tables["glorot"], tables["he"]
    assert glorot.signal.iloc[-1] < 0.05 * glorot.signal.iloc[0]
    assert he.signal.iloc[-1] > 0.2 * he.signal.iloc[0]
    assert (glorot.gradient < 0.1 * he.gradient).all()
