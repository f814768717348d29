"""Backtracking and tracking of many pictures, some at a time: bounded memory, none included.

Memory is bounded by the batch, and time by `at_most`, which draws some of many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack
from tinyvgg.layers import feature_maps_of
from tinyvgg.tracking import track

BATCH = 32

T = TypeVar("T")
Inputs = Callable[[np.ndarray], Tensor]  # of a network, by row numbers, as of `Study.inputs`


def at_most(count: int, most: int, seed: int) -> np.ndarray:
    """Which of so many things are looked at: all of them, or that many drawn at random.

    Returns
    -------
    int64 array
        Their numbers, sorted.
    """
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, most]).choice(count, most, replace=False))


def maps_of_rows(net: nn.Module, inputs: Inputs, rows: ArrayLike, batch: int = BATCH) -> Tensor:
    """The last feature maps (N, C, h, w) of any number of pictures; see `trace_rows`."""
    rows = np.asarray(rows, int)
    if not len(rows):
        return feature_maps_of(net, inputs(np.zeros(1, int)))[:0]
    parts = (rows[k : k + batch] for k in range(0, len(rows), batch))
    return torch.cat([feature_maps_of(net, inputs(some)) for some in parts])


def trace_rows(
    net: nn.Module,
    inputs: Inputs,
    rows: ArrayLike,
    target: ArrayLike | None = None,
    cut: Cut | None = None,
    batch: int = BATCH,
) -> Backtrace:
    """Backtrack any number of pictures, none included (see `backtrack`).

    Parameters
    ----------
    net : nn.Module
    inputs : callable
        Gives the network's input (B, 3, S, S) of row numbers, as `Study.inputs` does.
    rows : int array (N,)
    target : int array (N,), optional
        The class to trace for each; the predicted one if not given.
    cut : Cut, optional
    batch : int
        Pictures at a time.
    """
    rows = np.asarray(rows, int)
    if not len(rows):
        return first_images(backtrack(net, inputs(np.zeros(1, int)), cut=cut), 0)
    targets = None if target is None else torch.as_tensor(np.asarray(target, int))

    def step(some: slice) -> Backtrace:
        chosen = None if targets is None else targets[some]
        return backtrack(net, inputs(rows[some]), chosen, cut)

    return _combine([step(slice(k, k + batch)) for k in range(0, len(rows), batch)], torch.cat)


def track_rows(
    net: nn.Module,
    inputs: Inputs,
    rows: ArrayLike,
    pixels: Tensor,
    batch: int = BATCH,
    **options: Any,
) -> Tensor:
    """The tracked features of any number of pictures, D' of Algorithm 2 (see `track`).

    Parameters
    ----------
    net, inputs, rows, batch
        As for `trace_rows`.
    pixels : bool Tensor, (N, C, h, w)
    **options
        Of `deconvolve`.

    Returns
    -------
    Tensor
        (N, S, S), on the processor.
    """
    rows = np.asarray(rows, int)
    if len(pixels) != len(rows):
        raise ValueError(f"{len(rows)} rows need as many sets of pixels, got {len(pixels)}")
    if not len(rows):
        return torch.zeros(0, *inputs(np.zeros(1, int)).shape[-2:])
    slices = [slice(k, k + batch) for k in range(0, len(rows), batch)]
    tracked = (track(net, inputs(rows[some]), pixels[some], **options) for some in slices)
    return torch.cat([each.difference.cpu() for each in tracked])


def first_images(part: T, count: int) -> T:
    """The first images of a dataclass of tensors, such as a trace."""
    return _combine([part], lambda tensors: tensors[0][:count])


def _combine(parts: Sequence[T], combine: Callable[[list[Tensor]], Tensor]) -> T:
    """One dataclass of tensors, and of tuples of tensors, from several."""
    made: dict[str, Any] = {}
    for field in fields(parts[0]):  # type: ignore[arg-type]
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], tuple):
            made[field.name] = tuple(combine(list(some)) for some in zip(*values, strict=True))
        else:
            made[field.name] = combine(values)
    return type(parts[0])(**made)
