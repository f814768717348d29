"""Augmentation aimed at features that mislead, the future work that the paper proposes.

The paper's Discussion suggests to augment the training pictures at the features that lead to
misclassification, and leaves open how. Here a feature is a region of the picture: of the
training pictures of a class, some lose a region that misled the network about another picture
of that class. The control loses a region of the same shape somewhere else.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

PLACES = ("aimed", "elsewhere")


def strongest(values: np.ndarray, share: float) -> np.ndarray:
    """The strongest pixels of each picture, exactly as many in each.

    Parameters
    ----------
    values : float array (N, S, S)
    share : float
        Of the pixels of a picture, rounded to whole pixels; of equal values those that come
        first in reading order.

    Returns
    -------
    bool array (N, S, S)
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share!r}")
    values = np.asarray(values)
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    count = round(share * flat.shape[1])
    chosen = np.zeros(flat.shape, bool)
    first = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    np.put_along_axis(chosen, first, True, axis=1)
    return chosen.reshape(values.shape)


class FillRegions:
    """Fill, in some training pictures, a region that belongs to their class.

    Parameters
    ----------
    regions : bool array (M, S, S)
    classes : int array (M,)
        The class of the picture that each region comes from. A picture of a class without a
        region stays as it is.
    fill : float array (3, S, S)
        What the regions are filled with, on the scale of the network's input.
    place : {"aimed", "elsewhere"}
        Where a region is filled: where it lies, or, as a control, moved to a random place
        (around the edges of the picture), which leaves its shape and its area as they are. Both
        spend the same chance: of the same batch they change the same pictures by the same
        regions.
    probability : float
        Of a picture to be changed.
    """

    def __init__(
        self,
        regions: np.ndarray,
        classes: ArrayLike,
        fill: np.ndarray,
        place: str = "aimed",
        probability: float = 0.5,
    ):
        self.regions, self.classes = np.asarray(regions, bool), np.asarray(classes, np.int64)
        self.fill = np.asarray(fill, np.float32)
        if place not in PLACES:
            raise ValueError(f"unknown place {place!r}: choose one of {', '.join(PLACES)}")
        size = self.fill.shape[-1]
        if self.fill.shape != (3, size, size) or self.regions.shape[1:] != (size, size):
            raise ValueError(
                "regions must have shape (M, S, S) and the fill (3, S, S), got "
                f"{self.regions.shape} and {self.fill.shape}"
            )
        if self.classes.shape != self.regions.shape[:1]:
            raise ValueError(f"{len(self.regions)} regions need as many classes")
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must lie between 0 and 1, got {probability!r}")
        self.place, self.probability = place, float(probability)
        self._of_class = {k: np.flatnonzero(self.classes == k) for k in np.unique(self.classes)}
        self.digest = self._digest()

    def _digest(self) -> str:
        """Names what this does: the same digest means the same pictures."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.regions, self.classes, self.fill):
            digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        digest.update(f"{self.place} {self.probability}".encode())
        return digest.hexdigest()

    def choose(self, classes: ArrayLike, chance: np.random.Generator) -> np.ndarray:
        """What is filled in pictures of these classes (B,): bool array (B, S, S)."""
        count, size = len(np.asarray(classes)), self.fill.shape[-1]
        changed = chance.random(count) < self.probability
        lots = chance.random(count)
        shifts = chance.integers(0, size, (count, 2))
        chosen = np.zeros((count, size, size), bool)
        for k, label in enumerate(np.asarray(classes)):
            own = self._of_class.get(int(label))
            if own is None or not changed[k]:
                continue
            region = self.regions[own[int(lots[k] * len(own))]]
            if self.place == "elsewhere":
                region = np.roll(region, shifts[k], axis=(0, 1))
            chosen[k] = region
        return chosen

    def __call__(self, x: Tensor, y: Tensor, chance: np.random.Generator) -> Tensor:
        """Pictures (B, 3, S, S) of classes y (B,), some with a region filled."""
        chosen = torch.from_numpy(self.choose(y.cpu().numpy(), chance)).to(x.device)
        return torch.where(chosen[:, None], torch.from_numpy(self.fill).to(x), x)
