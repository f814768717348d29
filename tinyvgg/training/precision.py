"""Which precision trains faster on this machine: a trial of a few steps in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tinyvgg.training.device import arithmetic, keep_freed_memory, threads
from tinyvgg.training.epochs import Epochs
from tinyvgg.training.protocol import OPTIMISERS, Protocol

CANDIDATES = ("float32", "bfloat16")
STEPS, ROUNDS = 4, 3
RATE = 1e-9  # of a trial's steps, which are to lead nowhere


def faster(
    protocols: Sequence[Protocol], network: nn.Module, image_size: int, device: torch.device
) -> Protocol:
    """The protocol by which this machine makes a training step sooner; the first of equals.

    Each takes some steps on random pictures in turn; the shortest of three times counts, after
    one that does not. Of a network in float64 the first is taken: the others would round it.

    Parameters
    ----------
    protocols : sequence of Protocol
        The same but for their precision, which none leaves open.
    network : nn.Module
        It is copied, and stays as it is.
    image_size : int
        Side of the pictures, in pixels.
    device : torch.device
    """
    if next(network.parameters()).dtype == torch.float64:
        return protocols[0]
    keep_freed_memory()
    trials = [_Trial(own, network, image_size, device) for own in protocols]
    seconds = [[trial.seconds(number) for trial in trials] for number in range(ROUNDS + 1)]
    return protocols[int(np.argmin(np.min(seconds[1:], axis=0)))]


def trial_for_store(
    protocol: Protocol,
    new_network: Callable[[], nn.Module],
    image_size: int,
    device: torch.device,
    folder: Path,
) -> dict[str, str]:
    """What the store keeps of a trial of `CANDIDATES`, by one thread, as networks train."""
    either = [replace(protocol, precision=precision) for precision in CANDIDATES]
    with threads(1):
        return {"precision": faster(either, new_network(), image_size, device).precision}


class _Trial:
    """Some steps of a training by one protocol."""

    def __init__(
        self, protocol: Protocol, network: nn.Module, image_size: int, device: torch.device
    ):
        self.precision, self.device = protocol.precision, device
        network = deepcopy(network).to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        count = STEPS * protocol.batch_size
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (count, image_size, image_size, 3), dtype=np.uint8)
        labels, rows = np.arange(count) % 2, np.arange(count)
        optimiser = OPTIMISERS[protocol.optimiser](network.parameters(), lr=RATE)
        self.epochs = Epochs(network, optimiser, images, labels, rows, rows[:1], protocol, seed=0)

    def seconds(self, number: int) -> float:
        with arithmetic(self.precision, self.device), torch.enable_grad():
            return self.epochs.run(number + 1)["seconds"]
