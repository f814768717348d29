"""The training of one network as a unit of work: it can be done here or carried elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tinyvgg.evaluation import predict
from tinyvgg.faces.split import Split
from tinyvgg.model import VGG
from tinyvgg.storage.files import digest
from tinyvgg.training.device import threads
from tinyvgg.training.fit import fit
from tinyvgg.training.protocol import KEEPS, Augmentation, Protocol

SAVE_EVERY = 10  # seconds of training that an interruption may cost


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training gave, for its last epoch and for its best.

    Attributes
    ----------
    history : DataFrame
        One row per epoch (see `Fit.history`).
    best_epoch : int
        The first epoch with the smallest error on the test images.
    weights : dict of dict
        ``"last"`` and ``"best"``: the weights by name, on the CPU.
    probabilities : dict
        ``"last"`` and ``"best"``: float32 (test images, classes).
    """

    history: pd.DataFrame
    best_epoch: int
    weights: Mapping[str, Mapping[str, Tensor]]
    probabilities: Mapping[str, np.ndarray]

    def stored(self) -> dict[str, Any]:
        """The result as arrays and JSON values under names of one level, for the store."""
        values = {"history": self.history.to_dict("records"), "best_epoch": self.best_epoch}
        predicted = {f"probabilities/{k}": array for k, array in self.probabilities.items()}
        return {**values, **predicted, **self._arrays()}

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> TrainingResult:
        """The result of which `stored` gave these arrays and values."""
        weights: dict[str, dict[str, Tensor]] = {which: {} for which in KEEPS}
        for key, value in stored.items():
            which, _, name = key.partition("/")
            if which in KEEPS:
                weights[which][name] = torch.from_numpy(value)
        probabilities = {which: stored[f"probabilities/{which}"] for which in KEEPS}
        history = pd.DataFrame(stored["history"])
        return cls(history, stored["best_epoch"], weights, probabilities)

    def digest(self) -> str:
        """Hash of the weights of both epochs; hexadecimal."""
        return digest(*(part for named in sorted(self._arrays().items()) for part in named))

    def _arrays(self) -> dict[str, np.ndarray]:
        """The weights of both epochs, by epoch and name."""
        return {
            f"{which}/{name}": tensor.numpy()
            for which, weights in self.weights.items()
            for name, tensor in weights.items()
        }


@dataclass(frozen=True)
class TrainingUnit:
    """All that the training of a network depends on, but for the pictures.

    Attributes
    ----------
    new_network : callable
        Makes the untrained network.
    split : Split
    protocol : Protocol
    seed : int
    device : torch.device
    title : str
    augmentation : Augmentation or None
    """

    new_network: Callable[[], VGG]
    split: Split
    protocol: Protocol
    seed: int
    device: torch.device
    title: str
    augmentation: Augmentation | None

    def run(
        self, images: np.ndarray, checkpoint: Path | None = None, progress: bool = False
    ) -> TrainingResult:
        """Train a network on the training rows of some pictures, and predict the test rows."""
        with threads(1):  # so that a network is the same alone and beside another
            made = fit(
                self.new_network(),
                images,
                self.split.labels,
                self.split.train,
                self.split.test,
                self.protocol,
                self.seed,
                self.device,
                checkpoint=checkpoint,
                progress=progress,
                title=self.title,
                augmentation=self.augmentation,
                save_every=SAVE_EVERY,
            )
            probabilities = {}
            for which, weights in made.weights.items():
                made.network.load_state_dict(weights)
                probabilities[which] = predict(made.network, images[self.split.test])
        return TrainingResult(made.history, made.best_epoch, made.weights, probabilities)


def run_for_store(
    unit: TrainingUnit, images: np.ndarray, progress: bool, folder: Path
) -> dict[str, Any]:
    """What the store keeps of a unit, trained with its checkpoint in a folder."""
    return unit.run(images, folder / "checkpoint.safetensors", progress).stored()
