"""The training of one network as a unit of work: it can be done here or carried elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinyvgg.evaluation import keep_results
from tinyvgg.faces.split import Split
from tinyvgg.model import VGG
from tinyvgg.training.fit import fit, threads
from tinyvgg.training.protocol import Augmentation, Protocol

SAVE_EVERY = 10  # seconds of training that an interruption may cost


@dataclass(frozen=True)
class Fitting:
    """All that the training of a network depends on, but for the pictures.

    Attributes
    ----------
    network : VGG
        Untrained.
    split : Split
    protocol : Protocol
    seed : int
    device : torch.device
    title : str
    augmentation : Augmentation or None
    """

    network: VGG
    split: Split
    protocol: Protocol
    seed: int
    device: torch.device
    title: str
    augmentation: Augmentation | None

    def run(
        self, images: np.ndarray, checkpoint: Path | None = None, progress: bool = False
    ) -> dict[str, Any]:
        """Train; what is worth keeping of it (see `evaluation.keep_results`)."""
        with threads(1):  # so that a network is the same alone and beside another
            made = fit(
                self.network,
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
            return keep_results(made, images[self.split.test])
