"""The epochs of a training: the same step on CPU and CUDA, where it is captured.

Whatever a step reads or writes lies in tensors that stay where they are: the pictures as bytes,
the order of the epoch, how far it has come, the sums of loss and errors. So nothing is copied or
waited for within an epoch, and a CUDA graph of one step, played again, is the next step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tinyvgg.model import PIXEL_SCALE
from tinyvgg.training.protocol import Augmentation, Protocol, augmentation_generator, epoch_order

_CAPTURE = threading.Lock()
WARM_UP = 3  # steps before one is captured, in which the libraries choose and take their memory
TEST_BATCH = {"cpu": 12, "cuda": 96}


class Epochs:
    """The epochs of a training.

    Parameters
    ----------
    network : nn.Module
        On the device, in training mode; the pictures are given to it in the dtype of its weights.
    optimiser : torch.optim.Optimizer
    images : uint8 array (N, H, W, 3)
    labels : int64 array (N,)
    train, test : int64 arrays
        Row numbers.
    protocol : Protocol
    seed : int
    augmentation : Augmentation, optional
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        images: np.ndarray,
        labels: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        protocol: Protocol,
        seed: int,
        augmentation: Augmentation | None = None,
    ):
        self.network, self.optimiser, self.protocol, self.seed = network, optimiser, protocol, seed
        self.augmentation = augmentation
        weight = next(network.parameters())
        self.device, self.dtype = weight.device, weight.dtype
        # (N, H, W, 3) bytes, seen as (N, 3, H, W) in channels_last: what convolutions like best
        self._pixels = torch.tensor(images).to(self.device).permute(0, 3, 1, 2)
        self._target = torch.from_numpy(np.asarray(labels, np.int64)).to(self.device)
        self._train = np.asarray(train)
        self._test = torch.from_numpy(np.asarray(test, np.int64)).to(self.device)
        self._order = torch.empty(len(self._train), dtype=torch.int64, device=self.device)
        self._place = torch.arange(protocol.batch_size, device=self.device)
        self._done = torch.zeros((), dtype=torch.int64, device=self.device)
        self._loss_sum = torch.zeros((), dtype=self.dtype, device=self.device)
        self._wrong = torch.zeros((), dtype=self.dtype, device=self.device)
        self._steps = _Captured(self._step, self.device) if self._can_be_captured() else None

    def run(self, epoch: int, tick: Callable[[int], object] = lambda batches: None) -> dict:
        """Train for an epoch (counted from 1), then measure the error on the test rows.

        Returns
        -------
        dict
            A row of `Fit.history`.

        Raises
        ------
        FloatingPointError
            The loss is no longer finite.
        """
        protocol, rows = self.protocol, len(self._train)
        order = epoch_order(self._train, self.seed, epoch, protocol.order)
        self._generator = augmentation_generator(self.seed, epoch)
        self._order.copy_(torch.from_numpy(order))
        for counter in (self._done, self._loss_sum, self._wrong):
            counter.zero_()
        start = time.perf_counter()
        with self._steps.stream() if self._steps else nullcontext():
            for first in range(0, rows, protocol.batch_size):
                size = min(protocol.batch_size, rows - first)
                if self._steps and size == protocol.batch_size:
                    self._steps.run()
                else:
                    self._step(size)
                tick(1)
        loss = float(self._loss_sum) / rows  # the only wait of the epoch
        seconds = time.perf_counter() - start
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} in epoch {epoch}: training diverged; "
                f"try a learning rate below {protocol.learning_rate}"
            )
        return {
            "epoch": epoch,
            "loss": loss,
            "train_error": float(self._wrong) / rows,
            "test_error": self.test_error(),
            "seconds": seconds,
            "images_per_second": rows / seconds,
        }

    @torch.no_grad()
    def test_error(self) -> float:
        """Share of the test rows that the network gets wrong."""
        wrong = torch.zeros((), device=self.device)
        self.network.eval()
        for rows in self._test.split(TEST_BATCH[self.device.type]):
            x, y = self._batch(rows)
            wrong += (self.network(x).argmax(1) != y).sum()
        self.network.train()
        return float(wrong) / len(self._test)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._pixels[rows].to(self.dtype).div_(PIXEL_SCALE), self._target[rows]

    def _augmented(self, x: Tensor, y: Tensor) -> Tensor:
        """The pictures of a batch as the augmentation changes them, if there is one."""
        if self.augmentation is None:
            return x
        made = self.augmentation(x, y, self._generator)
        if not isinstance(made, Tensor) or (made.shape, made.dtype) != (x.shape, x.dtype):
            kind = type(made).__name__
            got = f"{made.dtype} {tuple(made.shape)}" if isinstance(made, Tensor) else kind
            raise ValueError(
                "the augmentation must give pictures of the kind that it is given, "
                f"{x.dtype} {tuple(x.shape)}, got {got}"
            )
        return made

    def _step(self, size: int | None = None) -> None:
        """Train on the next rows, a whole batch of them or fewer."""
        place = self._place[:size]
        x, y = self._batch(self._order[self._done + place])
        x = self._augmented(x, y)
        bfloat16 = self.protocol.precision == "bfloat16"
        # the cache of casts saves nothing where each weight is used once; a graph must not keep it
        with torch.autocast(self.device.type, torch.bfloat16, bfloat16, cache_enabled=False):
            logits = self.network(x)
            loss = cross_entropy(logits, y)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self._loss_sum += loss.detach() * len(place)
        self._wrong += (logits.detach().argmax(1) != y).sum()
        self._done += len(place)

    def _can_be_captured(self) -> bool:
        """On CUDA, if the host has no part in a step (it counts for Adam, it draws for others)."""
        plain = self.protocol.optimiser == "sgd" and self.augmentation is None
        return plain and self.device.type == "cuda"


class _Captured:
    """A step of CUDA work that is the same each time: some eager runs, then a graph's replays."""

    def __init__(self, step: Callable[[], object], device: torch.device):
        self._step = step
        self._stream = torch.cuda.Stream(device)
        self._eager = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Where all steps run: a stream of their own, as a capture demands."""
        outer = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(outer)
        with torch.cuda.stream(self._stream):
            yield
        outer.wait_stream(self._stream)

    def run(self) -> None:
        """Do the step, inside `stream`."""
        if self._graph is not None:
            self._graph.replay()
        elif self._eager < WARM_UP:
            self._eager += 1
            self._step()
        else:
            graph = torch.cuda.CUDAGraph()
            # another thread may be training on this device: it may go on, but not capture too
            with (
                _CAPTURE,
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                self._step()
            self._graph = graph
            graph.replay()  # the capture itself computed nothing
