"""Section "Training of the networks": plain SGD from Glorot's weights, on CPU or CUDA."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.model import VGG
from tinyvgg.storage.files import digest
from tinyvgg.storage.progress import progress_bar
from tinyvgg.training.arguments import (
    check_data,
    check_settings,
    check_trainable,
    checkpoint_path,
)
from tinyvgg.training.checkpoint import Progress, identity_in
from tinyvgg.training.device import arithmetic, keep_freed_memory, resolve_device
from tinyvgg.training.epochs import Epochs
from tinyvgg.training.precision import CANDIDATES, faster
from tinyvgg.training.protocol import AUTO, OPTIMISERS, Augmentation, Protocol


@dataclass(frozen=True)
class Fit:
    """What training gives.

    Attributes
    ----------
    network : nn.Module
        The trained network, with the weights that the protocol keeps, in evaluation mode.
    history : DataFrame
        One row per epoch: epoch (from 1), loss (mean cross-entropy over the epoch's batches),
        train_error and test_error (shares; the former counted while training), seconds and
        images_per_second (training alone, without the test).
    weights : dict
        ``"last"`` and ``"best"``: the weights of either epoch, by name, on the CPU.
    best_epoch : int

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import Protocol, TinyVGG, fit
    >>> net = TinyVGG(num_classes=2, image_size=16, width=4, dense=(8,))
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    >>> labels, train, test = np.arange(8) % 2, np.arange(4), np.arange(4, 8)
    >>> result = fit(net, images, labels, train, test, Protocol(epochs=2), progress=False)
    >>> result.history.epoch.tolist(), sorted(result.weights)
    ([1, 2], ['best', 'last'])
    """

    network: nn.Module
    history: pd.DataFrame
    weights: dict[str, dict[str, Tensor]]
    best_epoch: int


def fit(
    network: VGG,
    images: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    protocol: Protocol | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    checkpoint: str | Path | None = None,
    progress: bool = True,
    title: str = "training",
    augmentation: Augmentation | None = None,
    save_every: float = 0,
) -> Fit:
    """Train a network by the paper's protocol (Section "Training of the networks").

    Parameters
    ----------
    network : VGG
        Any nn.Module of logits (B, classes), in float32 or float64, whose weights are drawn by its
        ``reset(generator, initialisation)``; it is trained in place.
    images : uint8 array (N, H, W, 3)
    labels : int array (N,)
        The classes, counted from 0.
    train, test : int arrays, or bool arrays (N,)
        Row numbers, or masks. The error on the test rows is measured after each epoch (Fig. 5).
    protocol : Protocol, optional
    seed : int
        Seeds the random number generators of the initial weights and of the order of every epoch.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    checkpoint : path, optional
        A file, written after an epoch, whole or not at all; its folder is made if missing. If it
        is there, of this very network, protocol, seed and data, training goes on from it, with
        the same result as if it had never stopped (bit for bit on a CPU in float32, with the same
        number of threads). So it does when the protocol asks for more epochs than before, and
        under ``precision="auto"`` in the precision that it was begun in.
    progress : bool
        Show a progress bar with loss and error.
    title : str
        Stands before that bar.
    augmentation : Augmentation, optional
        Changes the pictures of each training batch; the test pictures stay as they are.
    save_every : float
        Seconds between two writings of the checkpoint, at least; 0: after every epoch. (At the
        paper's size, writing takes longer than an epoch on a fast GPU.)

    Raises
    ------
    TypeError, ValueError
        An argument is not what is said here, or they do not fit together: shapes, labels, rows,
        network, device and precision; or the checkpoint is of more epochs than the protocol asks
        for. Network and checkpoint stay as they were.
    FloatingPointError
        The loss is no longer finite.
    OSError
        The checkpoint cannot be written; the one before is whole.

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import Protocol, TinyVGG, fit
    >>> net = TinyVGG(num_classes=2, image_size=16, width=4, dense=(8,))
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    >>> labels, train, test = np.arange(8) % 2, np.arange(4), np.arange(4, 8)
    >>> result = fit(net, images, labels, train, test, Protocol(epochs=1), progress=False)
    >>> result.network is net, net.training
    (True, False)
    """
    protocol = Protocol() if protocol is None else protocol
    check_settings(protocol, seed, title, augmentation, save_every)
    seed, device = int(seed), resolve_device(device)
    check_trainable(network, protocol)
    images, labels, train, test = data = check_data(network, images, labels, train, test)
    path = checkpoint_path(checkpoint)
    if protocol.precision == AUTO:
        either = [replace(protocol, precision=precision) for precision in CANDIDATES]
        begun = identity_in(path)
        found = [
            own for own in either if begun == _identity(network, data, own, seed, augmentation)
        ]
        protocol = found[0] if found else faster(either, network, images.shape[1], device)
    so_far = Progress(_identity(network, data, protocol, seed, augmentation))
    with arithmetic(protocol.precision, device), torch.enable_grad():
        if path is not None:
            so_far.read(path, device, protocol.epochs)
        keep_freed_memory()
        network.reset(torch.Generator().manual_seed(seed), protocol.initialisation)
        network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        optimiser = OPTIMISERS[protocol.optimiser](network.parameters(), lr=protocol.learning_rate)
        so_far.restore(network, optimiser)

        batches = -(-len(train) // protocol.batch_size)
        bar = progress_bar(
            desc=title,
            unit="batches",
            total=protocol.epochs * batches,
            initial=len(so_far.history) * batches,
            shown=progress,
        )
        saved = time.monotonic()
        with bar:
            epochs = Epochs(network, optimiser, *data, protocol, seed, augmentation)
            for epoch in range(len(so_far.history) + 1, protocol.epochs + 1):
                row = epochs.run(epoch, bar.update)
                so_far.add(row, network)
                shown = {key: f"{row[key]:.3f}" for key in ("loss", "test_error")}
                bar.set_postfix(shown, refresh=False)
                if path is not None and time.monotonic() - saved >= save_every:
                    so_far.save(path, optimiser)
                    saved = time.monotonic()

    network.load_state_dict(so_far.weights[protocol.keep])
    network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    weights = {
        which: {name: value.cpu() for name, value in tensors.items()}
        for which, tensors in so_far.weights.items()
    }
    return Fit(network, pd.DataFrame(so_far.history), weights, so_far.best_epoch)


def _identity(
    network: nn.Module,
    data: tuple[np.ndarray, ...],
    protocol: Protocol,
    seed: int,
    augmentation: Augmentation | None,
) -> str:
    """Names what decides the weights after an epoch: not how many follow, nor which is kept."""
    settings = {k: v for k, v in asdict(protocol).items() if k not in ("epochs", "keep")}
    weights = {k: [str(v.dtype), *v.shape] for k, v in network.state_dict().items()}
    parts = [digest(str(array.shape), array) for array in data]
    return json.dumps(
        [settings, seed, str(network), weights, parts, augmentation and augmentation.digest]
    )
