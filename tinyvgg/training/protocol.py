"""Section "Training of the networks": the settings of a training, and all that is random in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol as Interface

import numpy as np
import torch
from torch import Tensor

from tinyvgg.model import INITIALISATIONS

ORDERS = ("reshuffled", "fixed")
KEEPS = ("last", "best")
PRECISIONS = ("float32", "tf32", "bfloat16")
AUTO = "auto"  # float32 or bfloat16, whichever a trial on this machine finds faster
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
}


@dataclass(frozen=True)
class Protocol:
    """How a network is trained; the defaults are the paper's.

    Attributes
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
    order : {"reshuffled", "fixed"}
        ``"fixed"`` is the released code's: shuffled once, then the same batches every epoch.
    keep : {"last", "best"}
        Which epoch's weights the network ends with. ``"best"`` is the released code's: the
        epoch of the best *test* accuracy (the first of several), a selection on the test set.
    precision : {"float32", "tf32", "bfloat16", "auto"}
        ``"bfloat16"`` computes forward and backward of training under autocast; ``"tf32"``, for
        CUDA alone, rounds the factors of each product to 10 bits of mantissa; ``"auto"`` tries
        float32 and bfloat16 for some steps and takes the faster, so the machine decides which
        network comes of it.
    optimiser : {"sgd", "adam", "adagrad"}
        Plain SGD without momentum is the paper's; the others have torch's settings but for the
        learning rate.
    initialisation : {"glorot", "he"}
        How the weights are drawn (see `VGG.reset`).

    Examples
    --------
    >>> from tinyvgg import Protocol
    >>> Protocol(order="fixed", keep="best").learning_rate  # the released code's
    0.01
    >>> Protocol(order="fixed").order
    'fixed'
    """

    epochs: int = 100
    batch_size: int = 12
    learning_rate: float = 0.01
    order: str = "reshuffled"
    keep: str = "last"
    precision: str = "float32"
    optimiser: str = "sgd"
    initialisation: str = "glorot"

    def __post_init__(self):
        for name, value in asdict(self).items():
            if isinstance(value, np.generic):  # numpy's numbers become Python's, as JSON has them
                object.__setattr__(self, name, value.item())
        _one_of("order", self.order, ORDERS)
        _one_of("keep", self.keep, KEEPS)
        _one_of("precision", self.precision, (*PRECISIONS, AUTO))
        _one_of("optimiser", self.optimiser, OPTIMISERS)
        _one_of("initialisation", self.initialisation, INITIALISATIONS)
        for name in ("epochs", "batch_size"):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"{name} must be a whole number above 0, not {number!r}")
        rate = self.learning_rate
        if not isinstance(rate, float | int) or isinstance(rate, bool) or not 0 < rate < math.inf:
            raise ValueError(f"learning_rate must be a finite number above 0, not {rate!r}")


class Augmentation(Interface):
    """What may be done to the pictures of a training batch before the network sees them.

    Attributes
    ----------
    digest : str
        Names it: the same digest means the same pictures.
    """

    digest: str

    def __call__(self, x: Tensor, y: Tensor, generator: np.random.Generator) -> Tensor:
        """Changed pictures, float (B, 3, S, S), of classes y (B,); random by `generator` alone."""
        ...


def epoch_order(train: np.ndarray, seed: int, epoch: int, order: str) -> np.ndarray:
    """The training rows in the order of an epoch (counted from 1)."""
    number = epoch if order == "reshuffled" else 0
    return np.random.default_rng([seed, number]).permutation(train)


def augmentation_generator(seed: int, epoch: int) -> np.random.Generator:
    """The random number generator of an epoch that is the augmentation's alone."""
    return np.random.default_rng([seed, epoch, 1])


def _one_of(name: str, value, known) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"unknown {name} {value!r}: choose one of {', '.join(known)}")
