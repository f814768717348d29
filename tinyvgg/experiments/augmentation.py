"""Augmentation aimed at features that mislead, the future work that the paper proposes.

The paper's Discussion suggests augmenting the training pictures at the features that lead to
misclassification, and leaves open how. Here a feature is a region of the picture: the unique
pixels of a misclassified picture, tracked to the picture. Of the training pictures of a class,
some lose a region that misled the network about another picture of that class. The control loses
a region of the same shape somewhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from tinyvgg.backtracking import Cut
from tinyvgg.comparison import compare, find_twins
from tinyvgg.experiments.batches import Inputs, trace_rows, track_rows
from tinyvgg.storage.files import digest

PLACES = ("aimed", "elsewhere")
SHARE = 0.1  # of a picture's pixels that a region takes
BLUR = 1 / 32  # of a picture's side: standard deviation of the smoothing


@dataclass(frozen=True, eq=False)
class Regions:
    """One region for each mistake that has a twin.

    Attributes
    ----------
    masks : bool array (M, S, S)
        All of the same area.
    case, twin : int array (M,)
        Row numbers.
    true, named : int array (M,)
        The class of the case, and the class that it was mistaken for.
    mistakes : int
        All misclassified pictures, with twin or without.
    """

    masks: np.ndarray
    case: np.ndarray
    twin: np.ndarray
    true: np.ndarray
    named: np.ndarray
    mistakes: int


def misleading_regions(
    net: nn.Module,
    outcomes: pd.DataFrame,
    inputs: Inputs,
    cut: Cut | None = Cut(),  # noqa: B008 (frozen)
) -> Regions:
    """Where in the picture those features lie that only a misclassified picture has.

    Each misclassified picture is paired with its correctly classified twin, of the same person,
    emotion and angle, that differs in gaze. The pixels that backtracking selects in the case and
    not in the twin are tracked to the picture (D' of Algorithm 2); the difference is smoothed, so
    that a region is a few patches and not hundreds of specks, and its strongest pixels are the
    region. A case without unique pixels has none.

    Parameters
    ----------
    net : nn.Module
    outcomes : DataFrame
        As `evaluation.outcomes` gives it.
    inputs : callable
        Gives the network's input of row numbers, as `Study.inputs` does.
    cut : Cut or None
        As released, by default.
    """
    pairs = find_twins(outcomes)
    mistakes = len(pairs)
    pairs = pairs.dropna().astype("int64")
    case, twin = pairs.case.to_numpy(), pairs.twin.to_numpy()
    traces = [trace_rows(net, inputs, rows, cut=cut) for rows in (case, twin)]
    unique = compare(*traces).only_a
    difference = track_rows(net, inputs, case, unique).numpy()
    shown = difference.max(axis=(1, 2), initial=0) > 0
    case, twin, difference = case[shown], twin[shown], difference[shown]
    blur = BLUR * difference.shape[-1]
    smooth = gaussian_filter(difference.astype(np.float64), (0, blur, blur), mode="constant")
    of_case = outcomes.set_index("row").loc[case]
    return Regions(
        strongest(smooth, SHARE),
        case,
        twin,
        of_case.true.to_numpy(np.int64),
        of_case.predicted.to_numpy(np.int64),
        mistakes,
    )


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
        draw the same random numbers: in the same batch they change the same pictures by the same
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
        arrays = (self.regions, self.classes, self.fill)
        named = [part for array in arrays for part in (str(array.shape), array)]
        self.digest = digest(*named, f"{self.place} {self.probability}")

    def choose(self, classes: ArrayLike, generator: np.random.Generator) -> np.ndarray:
        """What is filled in pictures of these classes (B,): bool array (B, S, S)."""
        count, size = len(np.asarray(classes)), self.fill.shape[-1]
        changed = generator.random(count) < self.probability
        keys = generator.random(count)
        shifts = generator.integers(0, size, (count, 2))
        chosen = np.zeros((count, size, size), bool)
        for k, label in enumerate(np.asarray(classes)):
            own = self._of_class.get(int(label))
            if own is None or not changed[k]:
                continue
            region = self.regions[own[int(keys[k] * len(own))]]
            if self.place == "elsewhere":
                region = np.roll(region, shifts[k], axis=(0, 1))
            chosen[k] = region
        return chosen

    def __call__(self, x: Tensor, y: Tensor, generator: np.random.Generator) -> Tensor:
        """Pictures (B, 3, S, S) of classes y (B,), some with a region filled."""
        chosen = torch.from_numpy(self.choose(y.cpu().numpy(), generator)).to(x.device)
        return torch.where(chosen[:, None], torch.from_numpy(self.fill).to(x), x)
