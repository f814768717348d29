"""The layers of an adapted network, and how they are joined.

`as_network` brings a model into this form: *features*, a graph of linear layers, non-negative
activations and max-pooling, and a *classifier*, linear layers with such an activation between
two. A network of the paper's kind needs none of it: its `.features` and `.classifier` are plain
nn.Sequential.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

IMAGES = -1  # number of the source that is the images themselves


class Scaled(nn.Module):
    """A network that says how bytes become its input: (bytes / scale - mean) / std.

    Parameters
    ----------
    scale : float
    mean, std : float Tensor, (C,)
    """

    mean: Tensor
    std: Tensor

    def __init__(self, scale: float, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def input_of(self, pixels: Tensor) -> Tensor:
        """The input of bytes, given as floats (B, C, H, W)."""
        mean, std = (values.to(pixels)[:, None, None] for values in (self.mean, self.std))
        return (pixels / self.scale - mean) / std


class Affine(nn.Module):
    """x · factor + shift, channel by channel: batch norm after training, or a normalised input.

    Parameters
    ----------
    factor, shift : Tensor, (C,)
    """

    factor: Tensor
    shift: Tensor

    def __init__(self, factor: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor[:, None, None] + self.shift[:, None, None]


class Channels(nn.Module):
    """Some of the maps, or all in another order.

    Parameters
    ----------
    chosen : sequence of int
        Their numbers.
    """

    chosen: Tensor

    def __init__(self, chosen: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("chosen", torch.tensor(chosen))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.chosen]


class Concat(nn.Module):
    """The maps of several branches, one after another.

    Parameters
    ----------
    channels : sequence of int
        The maps of each.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(channels)

    def forward(self, *parts: Tensor) -> Tensor:
        return torch.cat(parts, dim=1)


class Sum(nn.Module):
    """The sum of several branches."""

    def forward(self, *parts: Tensor) -> Tensor:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


class Square(nn.Module):
    """x²; after a ReLU the squared ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return x.square()


# The values of these are never negative, which is all that backtracking asks of them. Every other
# layer of a graph but max-pooling is linear, up to a shift: the way back is its transpose.
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Softplus, nn.Sigmoid, nn.Hardsigmoid, Square)


class Node(NamedTuple):
    """A layer, and the numbers of the nodes whose values it is given."""

    layer: nn.Module
    sources: tuple[int, ...]


class Features(nn.Module):
    """A feature extractor whose layers form a graph.

    Parameters
    ----------
    nodes : sequence of Node
        In forward order: each is given values of nodes before it, or the images. The last one
        gives the maps, and every other one feeds some node.
    channels, rows, columns : int
        Of the images.
    """

    def __init__(self, nodes: Sequence[Node], channels: int, rows: int, columns: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(node.layer for node in nodes)
        self.sources = [node.sources for node in nodes]
        self.image_shape = (channels, rows, columns)

    @property
    def nodes(self) -> list[Node]:
        return [Node(*pair) for pair in zip(self.layers, self.sources, strict=True)]

    def forward(self, images: Tensor) -> Tensor:
        return run(self.nodes, images, lambda layer, *given: layer(*given))


class Classifier(nn.Sequential):
    """Linear layers with one of `ACTIVATIONS` between two of them."""


def run(nodes: Sequence[Node], images: Tensor, apply: Callable[..., Tensor]) -> Tensor:
    """The value of the last node; `apply` computes a layer's. Values are dropped after use."""
    uses = [source for node in nodes for source in node.sources]
    left = {source: uses.count(source) for source in set(uses)}
    values = {IMAGES: images}
    for number, (layer, sources) in enumerate(nodes):
        given = [values[source] for source in sources]
        for source in sources:
            left[source] -= 1
            if not left[source]:
                del values[source]
        values[number] = apply(layer, *given)
        del given
    return values[len(nodes) - 1]


def is_chain(nodes: Sequence[Node]) -> bool:
    """Whether each layer is given what the one before it gave, and nothing else."""
    return all(node.sources == (number - 1,) for number, node in enumerate(nodes))
