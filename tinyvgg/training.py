"""Section "Training of the networks": plain SGD from Glorot's weights, on CPU or CUDA.

The pictures lie on the device as bytes; a mini-batch is gathered and scaled there, so one
loop serves both kinds of device and nothing is copied or waited for within an epoch. All
chance in an epoch follows from the seed and the epoch's number alone, so a checkpoint needs
the weights, the optimiser's state (plain SGD has none) and the history.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol as Interface

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from tinyvgg.model import INITIALISATIONS, PIXEL_SCALE, VGG

log = logging.getLogger(__name__)

ORDERS = ("reshuffled", "fixed")
KEEPS = ("last", "best")
MEMORY = "optimiser"  # prefix of the optimiser's state in a checkpoint, beside KEEPS
PRECISIONS = ("float32", "bfloat16")
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
    precision : {"float32", "bfloat16"}
        ``"bfloat16"`` computes forward and backward of training under autocast.
    optimiser : {"sgd", "adam", "adagrad"}
        Plain SGD without momentum is the paper's; the others have torch's settings but for the
        learning rate.
    initialisation : {"glorot", "he"}
        How the weights are drawn (see `VGG.reset`).
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
        _one_of("order", self.order, ORDERS)
        _one_of("keep", self.keep, KEEPS)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("optimiser", self.optimiser, OPTIMISERS)
        _one_of("initialisation", self.initialisation, INITIALISATIONS)
        for name in ("epochs", "batch_size"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) > 0):
                raise ValueError(
                    f"{name} must be a whole number above 0, not {getattr(self, name)!r}"
                )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate!r}")


class Augmentation(Interface):
    """What may be done to the pictures of a training batch before the network sees them.

    Attributes
    ----------
    digest : str
        Names it: the same digest means the same pictures.
    """

    digest: str

    def __call__(self, x: Tensor, y: Tensor, chance: np.random.Generator) -> Tensor:
        """Changed pictures, float (B, 3, S, S), of classes y (B,); `chance` is its only source."""
        ...


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
        Written after every epoch, whole or not at all. If it is there, of this very protocol,
        seed and data, training goes on from it, with the same result as if it had never
        stopped (bit for bit on a CPU in float32, with the same number of threads).
    progress : bool
        Show a progress bar with loss and error.
    augmentation : Augmentation, optional
        Changes the pictures of each training batch; the test pictures stay as they are.

    Raises
    ------
    ValueError
        Shapes, labels or rows do not fit together.
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
    # (N, H, W, 3) bytes, seen as (N, 3, H, W) in channels_last: what convolutions like best
    pixels = torch.tensor(images).to(device).permute(0, 3, 1, 2)
    target = torch.from_numpy(np.asarray(labels, np.int64)).to(device)
    data = _Data(pixels, target, np.asarray(train), np.asarray(test), augmentation)
    identity = [asdict(protocol), seed, _digest(images, labels, train, test)]
    identity += [augmentation.digest] if augmentation else []
    state = _State(json.dumps(identity))
    if checkpoint is not None:
        state.resume(Path(checkpoint), network, optimiser)

    batches = -(-len(train) // protocol.batch_size)
    bar = tqdm(
        total=protocol.epochs * batches,
        initial=len(state.history) * batches,
        desc=title,
        unit="batch",
        mininterval=1,
        disable=not progress,
    )
    with bar:
        for epoch in range(len(state.history) + 1, protocol.epochs + 1):
            row = _epoch(network, optimiser, data, protocol, seed, epoch, bar.update)
            state.add(row, network)
            shown = {key: f"{row[key]:.3f}" for key in ("loss", "test_error")}
            bar.set_postfix(shown, refresh=False)
            if checkpoint is not None:
                state.save(Path(checkpoint), optimiser)

    network.load_state_dict(state.weights[protocol.keep])
    network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    return Fit(network, pd.DataFrame(state.history), state.weights, state.best_epoch)


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
def threads(number: int) -> Iterator[None]:
    """Let torch compute with that many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def epoch_order(train: np.ndarray, seed: int, epoch: int, order: str) -> np.ndarray:
    """The training rows in the order of an epoch (counted from 1)."""
    number = epoch if order == "reshuffled" else 0
    return np.random.default_rng([seed, number]).permutation(train)


@dataclass(frozen=True)
class _Data:
    pixels: Tensor  # uint8 (N, 3, H, W), channels_last
    target: Tensor  # int64 (N,)
    train: np.ndarray
    test: np.ndarray
    augmentation: Augmentation | None

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.pixels[rows].float().div_(PIXEL_SCALE), self.target[rows]


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: _Data,
    protocol: Protocol,
    seed: int,
    epoch: int,
    tick: Callable[[int], object],
) -> dict:
    """One pass over the training rows, then the error on the test rows."""
    device = data.target.device
    chance = np.random.default_rng([seed, epoch, 1])  # of the augmentation alone
    order = torch.from_numpy(epoch_order(data.train, seed, epoch, protocol.order)).to(device)
    loss_sum = torch.zeros((), device=device)
    wrong = torch.zeros((), device=device)
    start = time.perf_counter()
    for rows in order.split(protocol.batch_size):
        x, y = data.batch(rows)
        if data.augmentation is not None:
            x = data.augmentation(x, y, chance)
        with torch.autocast(device.type, torch.bfloat16, enabled=protocol.precision == "bfloat16"):
            logits = network(x)
            loss = cross_entropy(logits, y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        loss_sum += loss.detach() * len(rows)
        wrong += (logits.detach().argmax(1) != y).sum()
        tick(1)
    loss_mean = float(loss_sum) / len(order)  # the only wait of the epoch
    seconds = time.perf_counter() - start
    if not np.isfinite(loss_mean):
        raise FloatingPointError(
            f"the loss is {loss_mean} in epoch {epoch}: training diverged; "
            f"try a learning rate below {protocol.learning_rate}"
        )
    return {
        "epoch": epoch,
        "loss": loss_mean,
        "train_error": float(wrong) / len(order),
        "test_error": _test_error(network, data),
        "seconds": seconds,
        "images_per_second": len(order) / seconds,
    }


@torch.no_grad()
def _test_error(network: nn.Module, data: _Data, batch_size: int = 12) -> float:
    device = data.target.device
    wrong = torch.zeros((), device=device)
    network.eval()
    for rows in torch.from_numpy(data.test).to(device).split(batch_size):
        x, y = data.batch(rows)
        wrong += (network(x).argmax(1) != y).sum()
    network.train()
    return float(wrong) / len(data.test)


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


class _State:
    """The history, and the weights of the last and of the best epoch; a file keeps them."""

    def __init__(self, identity: str):
        self.identity = identity
        self.history: list[dict] = []
        self.weights: dict[str, dict[str, Tensor]] = {}
        self.best_epoch = 0

    def add(self, row: dict, network: nn.Module) -> None:
        self.history.append(row)
        weights = {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in network.state_dict().items()
        }
        self.weights["last"] = weights
        best = self.history[self.best_epoch - 1]["test_error"]
        if not self.best_epoch or row["test_error"] < best:
            self.best_epoch, self.weights["best"] = row["epoch"], weights

    def save(self, path: Path, optimiser: torch.optim.Optimizer) -> None:
        tensors = {f"{k}/{n}": t.clone() for k, w in self.weights.items() for n, t in w.items()}
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{MEMORY}/{number}/{n}": t.contiguous() for n, t in state.items()}
        text = {
            "identity": self.identity,
            "history": json.dumps(self.history),
            "best_epoch": str(self.best_epoch),
        }
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        save_file(tensors, temporary, metadata=text)
        os.replace(temporary, path)

    def resume(self, path: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        if not path.exists():
            return
        try:
            with safe_open(path, "pt") as file:
                text = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            log.warning("checkpoint %s cannot be read (%s); training starts anew", path, error)
            return
        if text.get("identity") != self.identity:
            log.warning("checkpoint %s is of another training; training starts anew", path)
            return
        self.history, self.best_epoch = json.loads(text["history"]), int(text["best_epoch"])
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            which, _, parameter = name.partition("/")
            if which == MEMORY:
                number, _, key = parameter.partition("/")
                memory.setdefault(int(number), {})[key] = tensor
            else:
                self.weights.setdefault(which, {})[parameter] = tensor
        network.load_state_dict(self.weights["last"])
        optimiser.load_state_dict(optimiser.state_dict() | {"state": memory})
        log.info("training goes on after epoch %d", len(self.history))


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


def _one_of(name: str, value, known) -> None:
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}: choose one of {', '.join(known)}")
