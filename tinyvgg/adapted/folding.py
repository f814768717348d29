"""A smaller graph that computes the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from tinyvgg import graph
from tinyvgg.graph import Affine, Node


def folded(nodes: list[Node]) -> list[Node]:
    """The same graph without affine steps that the layer before them can take over."""
    for number, (layer, (source, *_)) in enumerate(nodes):
        users = sum(node.sources.count(source) for node in nodes)
        if not isinstance(layer, Affine) or source == graph.IMAGES or users > 1:
            continue
        before = nodes[source].layer
        if isinstance(before, nn.Conv2d):
            _scale(before, layer)
        elif isinstance(before, Affine):
            before.shift = before.shift * layer.factor + layer.shift
            before.factor = before.factor * layer.factor
        else:
            continue
        instead = {number: source}
        after = [Node(each, tuple(instead.get(k, k) for k in given)) for each, given in nodes]
        last = len(nodes) - 1
        return folded(that_lead_to(after, instead.get(last, last)))
    return nodes


def _scale(conv: nn.Conv2d, affine: Affine) -> None:
    """Let a convolution do what it and then an affine step do."""
    dtype = conv.weight.dtype
    factor, shift = affine.factor.double(), affine.shift.double()
    with torch.no_grad():
        weight = conv.weight.double() * factor[:, None, None, None]
        bias = shift if conv.bias is None else conv.bias.double() * factor + shift
        conv.weight.copy_(weight)
        conv.bias = nn.Parameter(bias.to(dtype))


def that_lead_to(nodes: Sequence[Node], last: int) -> list[Node]:
    """The nodes that feed a node, and itself, renumbered."""
    needed = {last}
    for number in range(last, -1, -1):
        if number in needed:
            needed |= set(nodes[number].sources)
    new = {graph.IMAGES: graph.IMAGES}
    kept = []
    for number in sorted(needed - {graph.IMAGES}):
        layer, sources = nodes[number]
        kept.append(Node(layer, tuple(new[source] for source in sources)))
        new[number] = len(kept) - 1
    return kept
