"""What a user gives to `fit`: each argument is taken for what it means, or refused by its name.

All of it is checked before anything is drawn, moved or trained: a call that is refused leaves the
network and the checkpoint as they were.
"""

from __future__ import annotations

import inspect
import math
import os
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tinyvgg.forward import own_output
from tinyvgg.layers import check_weights
from tinyvgg.model import as_input
from tinyvgg.training.protocol import AUTO, Augmentation, Protocol

SEEDS = 2**64  # as many as torch's generators know


def check_settings(
    protocol: Protocol, seed: int, title: str, augmentation: Augmentation | None, save_every: float
) -> None:
    """Refuse what is no setting of a training.

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(protocol, Protocol):
        raise TypeError(
            f"protocol must be a Protocol, such as Protocol(epochs=5), got {protocol!r}"
        )
    if not _is(Integral, seed) or not 0 <= seed < SEEDS:
        raise ValueError(f"seed must be a whole number from 0 to 2**64 - 1, got {seed!r}")
    if not isinstance(title, str):
        raise TypeError(f"title must be a text, got {title!r}")
    if not _is(Real, save_every) or not 0 <= save_every <= math.inf:
        raise ValueError(f"save_every must be seconds, 0 or more, got {save_every!r}")
    named = isinstance(getattr(augmentation, "digest", None), str) and callable(augmentation)
    if augmentation is not None and not named:
        raise TypeError(
            "augmentation must be callable with (x, y, generator) and have a text .digest that "
            f"names it, got {augmentation!r}"
        )


def check_trainable(network: nn.Module, protocol: Protocol) -> None:
    """Refuse a network whose weights cannot be drawn, or not be trained in that precision.

    Raises
    ------
    TypeError, ValueError
    """
    kind = type(network).__name__
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be an nn.Module, such as TinyVGG(num_classes), got {kind}")
    try:
        inspect.signature(getattr(network, "reset", None)).bind(None, "glorot")  # type: ignore
    except TypeError:
        raise TypeError(
            f"{kind} has no reset(generator, initialisation), by which a seed decides what is "
            "trained: give it one that draws every weight anew from that torch.Generator, or take "
            "tinyvgg.TinyVGG or tinyvgg.vgg"
        ) from None
    check_weights(network)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"{kind} has no weight to train: call network.requires_grad_() first")
    dtype = next(network.parameters()).dtype
    keeps_64_bits = protocol.precision in ("float32", AUTO)  # others round float32 alone
    if dtype != torch.float32 and not (dtype == torch.float64 and keeps_64_bits):
        raise ValueError(
            f"the network's weights are {dtype}, which precision {protocol.precision!r} does not "
            "train: call network.float() first"
        )


def check_data(
    network: nn.Module, images: Any, labels: Any, train: Any, test: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The images as bytes, the labels as class numbers, and the rows as row numbers.

    Returns
    -------
    images, labels, train, test
        uint8 (N, H, W, 3), int64 (N,), int64, int64.

    Raises
    ------
    ValueError
    """
    images = _pictures(images)
    train, test = _rows("train", train, len(images)), _rows("test", test, len(images))
    classes = count_classes(network, images[:1])
    return images, _classes(labels, images, np.concatenate([train, test]), classes), train, test


@torch.no_grad()
def count_classes(network: nn.Module, image: np.ndarray) -> int:
    """How many classes a network tells, by what it makes of one image; it stays as it is.

    Raises
    ------
    ValueError
        It does not take the image, or makes no logits of it.
    """
    try:
        logits = own_output(network, as_input(image).to(next(network.parameters())))
    except ValueError as error:
        height, width = image.shape[1:3]
        raise ValueError(
            f"the network does not take images of {height} x {width} x 3: give them the size that "
            f"it was made for ({error})"
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"the network must give logits (B, classes), got {shape} for one image")
    return logits.shape[1]


def checkpoint_path(checkpoint: str | Path | None) -> Path | None:
    """The path of a checkpoint, in a folder that is there and can be written.

    Raises
    ------
    TypeError, ValueError
        It is no path, or that of a folder.
    OSError
        No file can be written there.
    """
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint must be the path of a file, got {checkpoint!r}")
    path = Path(checkpoint)
    if path.is_dir():
        raise ValueError(f"checkpoint {path} is a folder: name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise OSError(
            f"checkpoint {path} cannot be written ({error}): name a file in a folder where you "
            "may write"
        ) from error


def _pictures(images: Any) -> np.ndarray:
    images = _array("images", images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(
            f"images must be uint8 (N, H, W, 3), not {images.dtype} {images.shape}: give bytes, "
            "0 to 255, with the colours last"
        )
    if images.size == 0:
        raise ValueError(f"there are no images, or empty ones: got shape {images.shape}")
    return np.ascontiguousarray(images)


def _rows(name: str, rows: Any, count: int) -> np.ndarray:
    """Row numbers, whether they or a mask of all images were given."""
    rows = _array(f"{name} rows", rows)
    if rows.dtype == bool:
        if rows.shape != (count,):
            raise ValueError(
                f"{name} is a mask of shape {rows.shape}, but there are {count} images: give one "
                "truth value for each, or row numbers"
            )
        rows = np.flatnonzero(rows)
    if rows.shape == (0,):
        raise ValueError(f"there are no {name} rows: give at least one")
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise ValueError(
            f"{name} must be row numbers (N,) of whole numbers, or a mask of the {count} images, "
            f"got {rows.dtype} {rows.shape}"
        )
    if rows.min() < 0 or rows.max() >= count:
        raise ValueError(f"{name} rows must lie in 0..{count - 1}, not {rows.min()}..{rows.max()}")
    return np.array(rows, np.int64, order="C")


def _classes(labels: Any, images: np.ndarray, rows: np.ndarray, classes: int) -> np.ndarray:
    """Class numbers, such as the network tells on those rows."""
    labels = _array("labels", labels)
    if labels.shape != (len(images),):
        hint = "; of one-hot labels, give labels.argmax(1)" if labels.ndim == 2 else ""
        raise ValueError(
            f"{len(images)} images need as many labels, not shape {labels.shape}{hint}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be whole numbers that count the classes from 0, not {labels.dtype}: "
            "np.unique(labels, return_inverse=True)[1] makes such numbers of any labels"
        )
    used = labels[rows]
    unknown = (used < 0) | (used >= classes)
    if unknown.any():
        one_too_many = used.min() == 1 and used.max() == classes
        raise ValueError(
            f"label {used[unknown][0]} of row {rows[unknown][0]} is no class: the network has "
            f"{classes} classes, 0 to {classes - 1}; "
            + ("the labels begin at 1: give labels - 1" if one_too_many else
               "count the classes from 0, or make the network with more of them")
        )  # fmt: skip
    return np.array(labels, np.int64, order="C")


def _array(name: str, values: Any) -> np.ndarray:
    """An array of numbers in a list, a table's column or a tensor of any device."""
    try:
        return values.numpy(force=True) if isinstance(values, Tensor) else np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{name} must be an array, got {type(values).__name__} ({error})"
        ) from error


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
