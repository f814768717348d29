"""The training images that excite a pixel of the last maps most, or whose decision needs it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tinyvgg.experiments.attributions import gradient_x_activation
from tinyvgg.layers import check_network, dense_pass, feature_maps_of
from tinyvgg.model import as_input

BATCH = 64
MOST = 350_000  # bytes of a sheet of thumbnails
TRIED = ((3, 32), (3, 24), (2, 24), (1, 24))  # images of each kind for a pixel; side of each
QUALITY = 30  # of WebP
NONE = 2**16 - 1  # where fewer images than these excite a pixel


@dataclass(frozen=True, eq=False)
class Training:
    """The images that a network was trained on.

    Attributes
    ----------
    images : uint8 array (M, H, W, C)
    rows : integers (N,)
        Which of them trained it.
    labels : integers (N,)
        The true class of each of these.
    """

    images: np.ndarray
    rows: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def training_of(
    given: tuple[np.ndarray, Iterable[int]], like: np.ndarray, classes: int
) -> Training:
    """Training images and their labels, checked.

    Parameters
    ----------
    given : (uint8 array (N, H, W, C), integers (N,))
        (N, H, W) for a network of grey images.
    like : uint8 array (M, H, W, C)
        The images to explore.
    classes : int
        How many there are.

    Raises
    ------
    ValueError
        The images have another size than the others, or labels do not fit.
    """
    images, labels = (np.asarray(part) for part in given)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.shape[1:] != like.shape[1:]:
        raise ValueError(
            f"training images must be uint8 of shape (N, {', '.join(map(str, like.shape[1:]))}), "
            f"as the other images; got {images.dtype} of shape {images.shape}"
        )
    check_labels(labels, len(images), classes, "training ")
    return Training(images, np.arange(len(images)), labels)


def check_labels(labels: np.ndarray, images: int, classes: int, kind: str = "") -> None:
    """Raise ValueError unless these are the class numbers of so many images of a kind."""
    if images == 0 or labels.shape != (images,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{kind}labels must be class numbers, one for each {kind}image, and at least one; "
            f"got {labels.dtype} of shape {labels.shape} for {images} images"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"{kind}labels must lie in 0..{classes - 1}, got {labels.min()} to {labels.max()}"
        )


# ---------------------------------------------------------------------- measured


@dataclass(frozen=True, eq=False)
class Leaders:
    """The leading training images of each pixel.

    Attributes
    ----------
    active : int array (pixels, count)
        Places in `Training.rows` of the images in which the pixel is most active: the most active
        first, of equals the first image; -1 where it is silent in all others.
    deciding : int array (pixels, count)
        The same of the images whose decision depends on it most: those with the largest
        a_0[r] · d logit_k / d a_0[r], k the predicted class, if it is above zero.
    predicted : int array (N,)
        The predicted class of each training image.
    """

    active: np.ndarray
    deciding: np.ndarray
    predicted: np.ndarray


@torch.no_grad()
def leaders(net: nn.Module, training: Training, count: int) -> Leaders:
    """Measure a supported network on its training images, so many at a time."""
    _, linears = check_network(net)
    here = next(net.parameters()).device
    active, deciding = _Best(count), _Best(count)
    predicted = []
    for start in range(0, len(training), BATCH):
        rows = training.rows[start : start + BATCH]
        maps = feature_maps_of(net, as_input(training.images[rows], network=net).to(here))
        classes = dense_pass(linears, maps)[-1].argmax(1)
        active.take(maps.flatten(1), start)
        deciding.take(gradient_x_activation(net, maps, classes).flatten(1), start)
        predicted.append(classes.cpu().numpy())
    return Leaders(active.numbers(), deciding.numbers(), np.concatenate(predicted))


class _Best:
    """The largest values of each column of a matrix whose rows come in parts."""

    def __init__(self, count: int):
        self.count = count
        self._values: Tensor | None = None
        self._rows: Tensor | None = None

    def take(self, values: Tensor, start: int) -> None:
        """Rows (B, columns) of the matrix, from row `start` on."""
        rows = torch.arange(start, start + len(values), device=values.device)
        rows = rows[:, None].expand(values.shape)
        if self._values is not None and self._rows is not None:
            values, rows = torch.cat([self._values, values]), torch.cat([self._rows, rows])
        order = values.sort(dim=0, descending=True, stable=True).indices[: self.count]
        self._values, self._rows = values.gather(0, order), rows.gather(0, order)

    def numbers(self) -> np.ndarray:
        """The rows of the largest values above zero, of equals the first; -1 where none is."""
        assert self._values is not None and self._rows is not None
        found = self._rows.masked_fill(self._values <= 0, -1).T.contiguous().cpu().numpy()
        return np.pad(found, ((0, 0), (0, self.count - found.shape[1])), constant_values=-1)


# ---------------------------------------------------------------------- packed


def packed(net: nn.Module, training: Training) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The leading training images of each pixel as a page takes them.

    Returns
    -------
    about : dict
        "images", how many trained the network. If their thumbnails fit into `MOST` bytes, "shown",
        how many of each kind there are for a pixel; "across" and "size" [rows, columns] of the
        sheet's thumbnails; "true" and "predicted", the class numbers of each. Else "left_out",
        a sentence that says so.
    tensors : dict
        "active" and "deciding", numbers of thumbnails (pixels, shown), `NONE` where there is
        none; "sheet", a picture of all thumbnails, row by row, as a WebP file.
    """
    counts = dict.fromkeys(count for count, _ in TRIED)
    found = leaders(net, training, max(counts))
    size = training.images.shape[1:3]
    for count, side in TRIED:
        active, deciding = found.active[:, :count], found.deciding[:, :count]
        chosen = np.unique(np.concatenate([active, deciding]))
        chosen = chosen[chosen >= 0]
        shrunk = [max(1, round(extent * min(1, side / max(size)))) for extent in size]
        sheet = _sheet(training, chosen, shrunk) if 0 < len(chosen) < NONE else b""
        if len(chosen) < NONE and len(sheet) <= MOST:
            break
    else:
        return {
            "images": len(training),
            "left_out": f"The training images are left out: {len(chosen):,} thumbnails of "
            f"{shrunk[0]} × {shrunk[1]} pixels do not fit into {MOST // 1000} kB.",
        }, {}
    place = np.full(len(training) + 1, NONE, "<u2")
    place[chosen] = np.arange(len(chosen))
    about = {
        "images": len(training),
        "shown": count,
        "across": _across(len(chosen)),
        "size": shrunk,
        "true": training.labels[chosen].tolist(),
        "predicted": found.predicted[chosen].tolist(),
    }
    tensors = {
        "active": np.ascontiguousarray(place[active]),  # row by row, as they are saved
        "deciding": np.ascontiguousarray(place[deciding]),
        "sheet": np.frombuffer(sheet, np.uint8),
    }
    return about, tensors


def _across(count: int) -> int:
    """Thumbnails side by side in a sheet."""
    return max(1, math.ceil(count**0.5))


def _sheet(training: Training, chosen: np.ndarray, size: list[int]) -> bytes:
    """Thumbnails of some training images, row by row, as a WebP file."""
    height, width = size
    across = _across(len(chosen))
    sheet = Image.new("RGB", (across * width, math.ceil(len(chosen) / across) * height))
    for place, row in enumerate(training.rows[chosen]):
        image = Image.fromarray(as_rgb(training.images[row])).resize(
            (width, height), Image.Resampling.BOX
        )
        sheet.paste(image, (place % across * width, place // across * height))
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image (H, W, C) to be shown, (H, W, 3); other channels than RGB as their mean, grey."""
    if image.shape[2] == 3:
        return image
    return np.repeat(image.mean(axis=2, keepdims=True).round().astype(np.uint8), 3, axis=2)
