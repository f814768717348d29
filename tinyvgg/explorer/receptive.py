"""Which part of an image a pixel of the last feature maps can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tinyvgg.graph import IMAGES, run
from tinyvgg.layers import apply_feature_layer, check_network, padding_of, pair

Extents = list[tuple[int, int]]


@torch.no_grad()
def receptive_fields(net: nn.Module, rows: int, columns: int) -> tuple[Extents, Extents]:
    """The receptive field of each place of the last feature maps, clipped at the image's border.

    It is the smallest rectangle with all pixels of the image that any map can depend on there,
    whatever the weights: where branches join, the largest over their paths.

    Parameters
    ----------
    net : nn.Module
        A supported network (see `tinyvgg.layers`), or one that `as_network` adapted.
    rows, columns : int
        Of the images.

    Returns
    -------
    rows, columns : list of (int, int)
        For each row of the maps, the image's rows from the first to the one after the last; and
        the same for each column. (0, 0) if it sees padding alone.
    """
    nodes, _ = check_network(net)
    channels = next(layer.in_channels for layer, _ in nodes if isinstance(layer, nn.Conv2d))
    weights = next(net.parameters())
    image = torch.zeros(1, channels, rows, columns).to(weights)
    sizes = {IMAGES: (rows, columns)}

    def apply(layer: nn.Module, *given: Tensor) -> Tensor:
        maps = apply_feature_layer(layer, *given)
        sizes[len(sizes) - 1] = (maps.shape[2], maps.shape[3])
        return maps

    run(nodes, image, apply)
    last = len(nodes) - 1
    found = []
    for axis in (0, 1):
        sees = {last: np.eye(sizes[last][axis], dtype=bool)}  # by node: (places, its places)
        for number in range(last, IMAGES, -1):
            layer, sources = nodes[number]
            above = sees.pop(number)
            for source in sources:
                below = above @ _uses(layer, axis, above.shape[1], sizes[source][axis])
                sees[source] = sees[source] | below if source in sees else below
        found.append([_extent(places) for places in sees[IMAGES]])
    return found[0], found[1]


def _uses(layer: Any, axis: int, made: int, given: int) -> np.ndarray:
    """Which places of what a layer is given each place of what it makes can depend on, an axis."""
    kernel = stride = dilation = 1
    before = 0
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        kernel, stride = pair(layer.kernel_size)[axis], pair(layer.stride)[axis]
        dilation = pair(getattr(layer, "dilation", 1))[axis]
        before = padding_of(layer)[axis]
    elif isinstance(layer, nn.ZeroPad2d | nn.ZeroPad3d):
        before = layer.padding[2 - 2 * axis]  # left, right, top, bottom, ...
    uses = np.zeros((made, given), bool)
    for tap in range(kernel):
        places = np.arange(made) * stride - before + tap * dilation
        inside = (places >= 0) & (places < given)
        uses[inside, places[inside]] = True
    return uses


def _extent(places: np.ndarray) -> tuple[int, int]:
    """From the first place of a set to the one after the last."""
    numbers = np.flatnonzero(places)
    return (int(numbers[0]), int(numbers[-1]) + 1) if len(numbers) else (0, 0)
