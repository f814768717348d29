"""The receptive field of a pixel, against images of which one row or column is changed."""

from __future__ import annotations

import copy

import pytest
import torch
from architectures import ARCHITECTURES, LARGE, TAKEN, images_of, made
from networks import SmallAlexNet, SmallVGG, random_foreign, random_tiny
from torch import nn

from tinyvgg import as_network
from tinyvgg.explorer.receptive import receptive_fields
from tinyvgg.graph import ACTIVATIONS, Affine, run
from tinyvgg.layers import apply_feature_layer, check_network, image_shape

NETWORKS = {
    "TinyVGG": (lambda: random_tiny(0, image_size=64), 64),
    "like AlexNet": (lambda: random_foreign(SmallAlexNet, 1), 131),
    "like VGG": (lambda: random_foreign(SmallVGG, 2), 28),
}


def positive(layer: nn.Module) -> nn.Module:
    """The layer with weights above zero, so that whatever grows in an image grows above it."""
    if isinstance(layer, ACTIVATIONS):
        return nn.ReLU()
    layer = copy.deepcopy(layer)
    with torch.no_grad():
        if isinstance(layer, nn.Conv2d):
            layer.weight.fill_(1 / layer.weight[0].numel())
            if layer.bias is not None:
                layer.bias.fill_(0.1)
        elif isinstance(layer, Affine):
            layer.factor.fill_(1)
            layer.shift.fill_(0)
    return layer.double()


@torch.no_grad()
def seen(net: nn.Module, rows: int, columns: int) -> tuple[list, list]:
    """Which rows and columns of an image change the maps at each of their rows and columns."""
    nodes, _ = check_network(net)
    nodes = [type(node)(positive(node.layer), node.sources) for node in nodes]
    image = torch.ones(1, image_shape(net.features)[0], rows, columns, dtype=torch.float64)
    before = run(nodes, image, apply_feature_layer).sum(1)[0]
    found = []
    for axis, extent in enumerate((rows, columns)):
        sees: list[list[int]] = [[] for _ in range(before.shape[axis])]
        for place in range(extent):
            changed = image.clone()
            changed.select(2 + axis, place).fill_(1e6)
            moved = run(nodes, changed, apply_feature_layer).sum(1)[0] != before
            for k in moved.any(1 - axis).nonzero().flatten().tolist():
                sees[k].append(place)
        found.append([(min(places), max(places) + 1) if places else (0, 0) for places in sees])
    return found[0], found[1]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_receptive_field_is_what_changes_the_pixel(name):
    make, size = NETWORKS[name]
    net = make()
    assert receptive_fields(net, size, size) == seen(net, size, size)


@pytest.mark.parametrize("architecture", [name for name in TAKEN if name not in LARGE])
def test_where_branches_join_it_is_the_largest_over_their_paths(architecture):
    kind = ARCHITECTURES[architecture]
    net = as_network(made(architecture), images_of(kind.shape))
    assert receptive_fields(net, *kind.shape[1:]) == seen(net, *kind.shape[1:])


def test_a_receptive_field_by_hand():
    """Tiny VGG at 64 pixels: 8 pixels of pooling, and 14 more on each side of them."""
    rows, columns = receptive_fields(random_tiny(0, image_size=64), 64, 64)
    assert rows == columns
    assert rows == [(max(0, 8 * k - 14), min(64, 8 * k + 22)) for k in range(8)]


def test_a_pixel_that_sees_padding_alone_has_an_empty_field():
    net = nn.Module()
    net.features = nn.Sequential(nn.Conv2d(1, 1, 1, padding=1), nn.ReLU())
    net.classifier = nn.Sequential(nn.Linear(16, 2))
    assert receptive_fields(net, 2, 2)[0] == [(0, 0), (0, 1), (1, 2), (0, 0)]
