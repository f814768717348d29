"""What a user would write without this package: short, correct, and not tuned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, cross_entropy, max_unpool2d
from torch.utils.data import DataLoader, TensorDataset

from tinyvgg.backtracking import Cut
from tinyvgg.model import TinyVGG


def train_an_epoch(
    network: nn.Module, images: Tensor, labels: Tensor, batch_size: int, learning_rate: float
) -> None:
    """An epoch of the usual PyTorch loop: float32 pictures from a shuffling DataLoader."""
    device = next(network.parameters()).device
    loader = DataLoader(TensorDataset(images, labels), batch_size, shuffle=True)
    optimiser = torch.optim.SGD(network.parameters(), lr=learning_rate)
    network.train()
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimiser.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()
        optimiser.step()
        loss.item()  # what a progress bar shows


@torch.no_grad()
def backtrack(net: TinyVGG, maps: Tensor, cut: Cut | None = None) -> Tensor:
    """Algorithm 1, image by image and unit by unit; bool (B, C, h, w).

    Parameters
    ----------
    net : TinyVGG
    maps : Tensor, (B, C, h, w)
        The last feature maps.
    cut : Cut, optional
    """
    linears = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    found = torch.zeros(maps.flatten(1).shape, dtype=torch.bool)
    for b, image in enumerate(maps.flatten(1)):
        activations = [image]
        for linear in linears[:-1]:
            activations.append(torch.relu(linear(activations[-1])))
        selected = [int(linears[-1](activations[-1]).argmax())]
        for linear, below in zip(linears[:0:-1], activations[:0:-1], strict=True):
            kept = torch.zeros(len(below), dtype=torch.bool)
            for unit in selected:
                kept |= below * linear.weight[unit] > 0
            selected = kept.nonzero().flatten().tolist()
        contributions = (image * linears[0].weight[unit] for unit in selected)
        if cut is None:
            for contribution in contributions:
                found[b] |= contribution > 0
        else:
            every = torch.stack(list(contributions)).numpy()
            pool = every[every > cut.floor].astype(np.float64)
            if len(pool):
                limit = np.percentile(pool, cut.percentile)
                found[b] = torch.from_numpy((every > limit).any(axis=0))
    return found.reshape(maps.shape)


@torch.no_grad()
def track(net: TinyVGG, images: Tensor, pixels: Tensor) -> Tensor:
    """Algorithm 2, image by image, by the layers of torch; (B, S, S).

    A window's maximum goes back to one place, as `torch.nn.MaxUnpool2d` has it.
    """
    found = []
    for image, chosen in zip(images[:, None], pixels[:, None], strict=True):
        maps, indices = _forward(net, image)
        full = _back(net, maps, indices)
        without = _back(net, torch.where(chosen, 0.0, maps), indices)
        grey = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
        found.append(((full - without) * grey).sum(1).abs())
    return torch.cat(found)


def _forward(net: TinyVGG, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    indices = []
    for layer in net.features:
        if isinstance(layer, nn.MaxPool2d):
            x, index = nn.functional.max_pool2d(x, 2, return_indices=True)
            indices.append(index)
        else:
            x = layer(x)
    return x, indices


def _back(net: TinyVGG, x: Tensor, indices: list[Tensor]) -> Tensor:
    waiting = list(indices)
    for layer in reversed(net.features):
        if isinstance(layer, nn.MaxPool2d):
            x = max_unpool2d(x, waiting.pop(), (2, 2))
        elif isinstance(layer, nn.ReLU):
            x = torch.relu(x)
        elif isinstance(layer, nn.Conv2d):
            x = conv_transpose2d(x, layer.weight, padding=1)
    return torch.relu(x)


@torch.no_grad()
def suppress(net: TinyVGG, images: Tensor, pixels: Tensor) -> Tensor:
    """Probabilities without some pixels of the last maps, by a hook on the whole network."""
    handle = net.features.register_forward_hook(lambda *given: given[2].masked_fill(pixels, 0))
    try:
        return net(images).softmax(dim=1)
    finally:
        handle.remove()
