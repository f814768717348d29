"""Section "Training of the networks": plain SGD from Glorot's weights, on CPU or CUDA."""

from __future__ import annotations

import ctypes
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tinyvgg.model import VGG
from tinyvgg.training.checkpoint import Progress
from tinyvgg.training.epochs import Passes
from tinyvgg.training.protocol import OPTIMISERS, Augmentation, Protocol

PRODUCTS = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Fit:
    """What training gives.

    Attributes
    ----------
    network : nn.Module
        The trained network, with the weights that the protocol keeps, in evaluation mode.
    history : DataFrame
        A row an epoch: epoch (from 1), loss (mean cross-entropy over the epoch's batches),
        train_error and test_error (shares; the former counted while training), seconds and
        images_per_second (training alone, without the test).
    weights : dict
        ``"last"`` and ``"best"``: the weights of either epoch, by name, on the CPU.
    best_epoch : int
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
        It is started by its ``reset``, and trained in place.
    images : uint8 array (N, H, W, 3)
    labels : int64 array (N,)
    train, test : int64 arrays
        Row numbers. The test rows are only measured, each epoch (Fig. 5).
    protocol : Protocol, optional
    seed : int
        Fixes the weights at the start and the order of every epoch.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    checkpoint : path, optional
        Written after an epoch, whole or not at all. If it is there, of this very protocol,
        seed and data, training goes on from it, with the same result as if it had never
        stopped (bit for bit on a CPU in float32, with the same number of threads).
    progress : bool
        Show a progress bar with loss and error.
    augmentation : Augmentation, optional
        Changes the pictures of each training batch; the test pictures stay as they are.
    save_every : float
        Seconds between two writings of the checkpoint, at least; 0: after every epoch. (At the
        paper's size, writing takes longer than an epoch on a fast GPU.)

    Raises
    ------
    ValueError
        Shapes, labels or rows do not fit together, or this device has not that precision.
    FloatingPointError
        The loss is no longer finite.
    """
    protocol = protocol or Protocol()
    device = resolve_device(device)
    _check(images, labels, train, test)
    _keep_freed_memory()
    network.reset(torch.Generator().manual_seed(seed), protocol.initialisation)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = OPTIMISERS[protocol.optimiser](network.parameters(), lr=protocol.learning_rate)
    identity = [asdict(protocol), seed, _digest(images, labels, train, test)]
    identity += [augmentation.digest] if augmentation else []
    so_far = Progress(json.dumps(identity))
    if checkpoint is not None:
        so_far.resume(Path(checkpoint), network, optimiser)

    batches = -(-len(train) // protocol.batch_size)
    bar = tqdm(
        total=protocol.epochs * batches,
        initial=len(so_far.history) * batches,
        desc=title,
        unit="batch",
        mininterval=1,
        disable=not progress,
    )
    saved = time.monotonic()
    with bar, arithmetic(protocol.precision, device):
        passes = Passes(
            network, optimiser, images, labels, train, test, protocol, seed, augmentation
        )
        for epoch in range(len(so_far.history) + 1, protocol.epochs + 1):
            row = passes.run(epoch, bar.update)
            so_far.add(row, network)
            shown = {key: f"{row[key]:.3f}" for key in ("loss", "test_error")}
            bar.set_postfix(shown, refresh=False)
            if checkpoint is not None and time.monotonic() - saved >= save_every:
                so_far.save(Path(checkpoint), optimiser)
                saved = time.monotonic()

    network.load_state_dict(so_far.weights[protocol.keep])
    network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    weights = {
        which: {name: value.cpu() for name, value in tensors.items()}
        for which, tensors in so_far.weights.items()
    }
    return Fit(network, pd.DataFrame(so_far.history), weights, so_far.best_epoch)


def resolve_device(device: str | torch.device) -> torch.device:
    """The device of that name: "auto" is CUDA where there is one, else the CPU.

    Raises
    ------
    ValueError
        The name is unknown, or this machine has no such device.
    """
    known = "auto, cpu, cuda, cuda:N"
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"unknown device {device!r}: choose one of {known}") from None
    if found.type not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {device!r}: choose one of {known}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} "
            "CUDA devices here; choose cpu or auto"
        )
    return found


@contextmanager
def arithmetic(precision: str, device: torch.device) -> Iterator[None]:
    """Let CUDA multiply single precision as a protocol's `precision` says, inside the block.

    By itself torch rounds the factors of convolutions to TF32. A CPU does not care.

    Raises
    ------
    ValueError
        TF32 on a CPU.
    """
    if precision == "tf32" and device.type != "cuda":
        raise ValueError("precision 'tf32' is of CUDA alone; choose float32 or bfloat16")
    before = [kind.fp32_precision for kind in PRODUCTS]
    try:
        for kind in PRODUCTS:
            kind.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
    finally:
        for kind, value in zip(PRODUCTS, before, strict=True):
            kind.fp32_precision = value


def full_precision() -> None:
    """Let all products in single precision on CUDA be full, in this process, from now on."""
    for kind in PRODUCTS:
        kind.fp32_precision = "ieee"


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch compute with that many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _keep_freed_memory() -> None:
    """Ask glibc to keep freed blocks for the next step.

    Every step allocates the same activations and gradients, of megabytes each. By default
    glibc hands such blocks back to the kernel and gets them again page by page, zeroed: on a
    CPU that took more than half of the time of a step. Elsewhere than on glibc: no effect.
    """
    trim_threshold, mmap_threshold = -1, -3  # names of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(mmap_threshold, 2**30)
    mallopt(trim_threshold, 2**31 - 1)


def _check(images, labels, train, test) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be uint8 (N, H, W, 3), not {images.dtype} {images.shape}")
    if np.shape(labels) != (len(images),):
        raise ValueError(f"{len(images)} images need as many labels, not shape {np.shape(labels)}")
    for name, rows in (("train", train), ("test", test)):
        if len(rows) == 0:
            raise ValueError(f"there are no {name} rows: give at least one")
        if np.min(rows) < 0 or np.max(rows) >= len(images):
            raise ValueError(
                f"{name} rows must lie in 0..{len(images) - 1}, not {np.min(rows)}..{np.max(rows)}"
            )


def _digest(*arrays) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
