"""Comparison of two backtraced images: common and unique pixels, random controls, twins."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from tinyvgg.backtracking import Backtrace


@dataclass(frozen=True, eq=False)
class PixelSets:
    """The pixels of two traces, image by image.

    Attributes
    ----------
    common, only_a, only_b : bool Tensor, (B, C, h, w)
        Selected in both, in the first alone, and in the second alone.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import compare
    >>> a = torch.tensor([True, True, False]).reshape(1, 1, 1, 3)
    >>> b = torch.tensor([False, True, True]).reshape(1, 1, 1, 3)
    >>> compare(a, b).only_a.flatten()
    tensor([ True, False, False])
    """

    common: Tensor
    only_a: Tensor
    only_b: Tensor


def compare(trace_a: Backtrace | Tensor, trace_b: Backtrace | Tensor) -> PixelSets:
    """Which pixels two traces share, and which each has for itself.

    The images of the two batches are compared in pairs. A bool tensor (B, C, h, w) may stand
    for a trace.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, backtrack, compare
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> first, second = backtrack(net, images[:1]), backtrack(net, images[1:])
    >>> sets = compare(first, second)
    >>> torch.equal(sets.common | sets.only_a, first.pixels)
    True
    """
    a, b = (trace.pixels if isinstance(trace, Backtrace) else trace for trace in (trace_a, trace_b))
    _check_pair(a, b)
    b = b.to(a.device)
    return PixelSets(common=a & b, only_a=a & ~b, only_b=b & ~a)


def jaccard(a: Tensor, b: Tensor) -> Tensor:
    """Size of the intersection over the size of the union, image by image.

    Parameters
    ----------
    a, b : bool Tensor, (B, ...)
        Sets of pixels, or of units.

    Returns
    -------
    float64 Tensor, (B,)
        1 for two equal sets, empty ones included; 0 for sets that share nothing.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import jaccard
    >>> jaccard(torch.tensor([[True, True, False]]), torch.tensor([[False, True, True]]))
    tensor([0.3333], dtype=torch.float64)
    """
    _check_pair(a, b)
    b = b.to(a.device)
    common, union = (sets.flatten(1).sum(dim=1) for sets in (a & b, a | b))
    return torch.where(union == 0, 1.0, common.double() / union.clamp(min=1))


def _check_pair(a: Tensor, b: Tensor) -> None:
    for given in (a, b):
        if not isinstance(given, Tensor) or given.dtype != torch.bool:
            what = given.dtype if isinstance(given, Tensor) else type(given).__name__
            raise TypeError(f"a set must be a bool tensor with one row per image, got {what}")
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(
            "two sets can be compared if they have the same shape, one row per image; got "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )


def random_pixels(maps: Tensor, counts: int | Tensor, generator: torch.Generator) -> Tensor:
    """Draw active pixels at random: the control for a set of the same size.

    Parameters
    ----------
    maps : Tensor, (B, C, h, w)
        The last feature maps; a pixel is active if it is above zero.
    counts : int or int Tensor (B,)
        How many pixels to draw from each image; all active ones if there are no more.
    generator : torch.Generator
        Seeds the draws.

    Returns
    -------
    bool Tensor, (B, C, h, w)

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import random_pixels
    >>> maps = torch.ones(2, 4, 2, 2)  # every pixel is active
    >>> drawn = random_pixels(maps, counts=3, generator=torch.Generator().manual_seed(0))
    >>> drawn.flatten(1).sum(dim=1)
    tensor([3, 3])
    """
    counts = torch.as_tensor(counts)
    if counts.is_floating_point() or counts.dtype == torch.bool or (counts < 0).any():
        raise ValueError(f"counts must be whole numbers, 0 or more; got {counts.tolist()}")
    if counts.ndim > 1 or (counts.ndim == 1 and len(counts) != len(maps)):
        raise ValueError(
            f"counts must be one number or have shape ({len(maps)},), got {tuple(counts.shape)}"
        )
    active = maps.flatten(1) > 0
    keys = torch.rand(
        active.shape, generator=generator, device=generator.device, dtype=torch.float64
    ).to(maps.device)
    order = keys.masked_fill(~active, 2).argsort(dim=1, stable=True)  # active ones first, shuffled
    return first_pixels(order, counts, maps)


def first_pixels(order: Tensor, counts: Tensor, maps: Tensor) -> Tensor:
    """The first pixels of an order as a set, (B, C, h, w) bool, without pixels at zero.

    Parameters
    ----------
    order : int64 Tensor, (B, C h w)
        Numbers of pixels in the flattened maps.
    counts : int Tensor, one for all or (B,)
    maps : Tensor, (B, C, h, w)
    """
    places = torch.arange(order.shape[1], device=order.device)
    taken = (places < counts.to(order.device).reshape(-1, 1)).expand_as(order)
    chosen = torch.zeros_like(taken).scatter_(1, order, taken)
    return chosen.reshape(maps.shape) & (maps > 0)


def find_twins(
    outcomes: pd.DataFrame,
    same: Sequence[str] = ("subject", "angle", "emotion"),
    differ: str | Sequence[str] = "gaze",
) -> pd.DataFrame:
    """Pair each misclassified image with a correctly classified one that resembles it.

    Of several candidates, the one of the highest confidence is taken; of several of those,
    the one of the smallest row number. An image with an unknown label has no twin.

    Parameters
    ----------
    outcomes : DataFrame
        One row a test image, with the columns `row`, `correct`, `confidence` and those named
        in `same` and `differ`.
    same : sequence of str
        What case and twin have in common.
    differ : str or sequence of str
        What differs between them; empty to ask for no difference.

    Returns
    -------
    DataFrame
        Columns `case` and `twin` (Int64): a misclassified image's row number, in ascending
        order, and its twin's, <NA> where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> from tinyvgg import find_twins
    >>> outcomes = pd.DataFrame({
    ...     "row": [10, 11, 12], "subject": 5, "angle": 90, "emotion": "happy",
    ...     "gaze": ["left", "frontal", "right"],
    ...     "correct": [False, True, True], "confidence": [0.9, 0.7, 0.8],
    ... })
    >>> find_twins(outcomes).to_dict("records")
    [{'case': 10, 'twin': 12}]
    """
    same = list(same)
    differ = [differ] if isinstance(differ, str) else list(differ)
    missing = [
        c for c in ["row", "correct", "confidence", *same, *differ] if c not in outcomes.columns
    ]
    if missing:
        raise ValueError(
            f"outcomes has no column {', '.join(missing)}; it has {', '.join(outcomes.columns)}"
        )
    if not same:
        raise ValueError("same must name at least one column that case and twin share")
    correct = outcomes["correct"].astype(bool)
    cases = outcomes.loc[~correct, ["row", *same, *differ]].sort_values("row")
    candidates = outcomes.loc[correct, ["row", "confidence", *same, *differ]]
    candidates = candidates.rename(columns={"row": "twin"})

    known = [frame.dropna(subset=[*same, *differ]) for frame in (cases, candidates)]
    pairs = known[0].merge(known[1], on=same, suffixes=("", " of twin"))
    for column in differ:
        pairs = pairs[pairs[column] != pairs[f"{column} of twin"]]
    pairs = pairs.sort_values(["confidence", "twin"], ascending=[False, True])
    twins = pairs.drop_duplicates("row").set_index("row")["twin"]
    return pd.DataFrame(
        {
            "case": pd.array(cases["row"], dtype="Int64"),
            "twin": pd.array(cases["row"].map(twins), dtype="Int64"),
        }
    )


def nearest_twins(
    outcomes: pd.DataFrame,
    same: Sequence[str],
    pictures: Callable[[np.ndarray], np.ndarray],
) -> pd.DataFrame:
    """Pair each misclassified image with the correctly classified one that looks most alike.

    Parameters
    ----------
    outcomes : DataFrame
        One row a test image, with the columns `row`, `correct` and those named in `same`.
    same : sequence of str
        What case and twin have in common; every image has these labels.
    pictures : callable
        Gives the grey pictures of row numbers, float array (B, H, W).

    Returns
    -------
    DataFrame
        Columns `case`, `twin` (Int64) as of `find_twins`, and `distance`: the mean absolute
        difference of the two grey pictures; NaN without a twin. Of several as near, the one of
        the smallest row number is taken.
    """
    correct = outcomes["correct"].astype(bool)
    cases = outcomes.loc[~correct, "row"].sort_values().to_numpy(int)
    twins: dict[int, tuple[int, float]] = {}
    for _, group in outcomes.sort_values("row").groupby(list(same), observed=True):
        right = group.correct.to_numpy(bool)
        wrong, candidates = (group.row.to_numpy(int)[which] for which in (~right, right))
        if not len(wrong) or not len(candidates):
            continue
        one, other = (pictures(rows).reshape(len(rows), -1) for rows in (wrong, candidates))
        apart = cdist(one, other, "cityblock") / one.shape[1]
        near = apart.argmin(axis=1)
        found = zip(candidates[near].tolist(), apart.min(axis=1).tolist(), strict=True)
        twins |= dict(zip(wrong.tolist(), found, strict=True))
    pairs = [twins.get(case, (None, math.nan)) for case in cases.tolist()]
    return pd.DataFrame(
        {
            "case": pd.array(cases, dtype="Int64"),
            "twin": pd.array([twin for twin, _ in pairs], dtype="Int64"),
            "distance": [distance for _, distance in pairs],
        }
    )
