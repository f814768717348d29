"""Backtracking: which pixels of the last feature maps a decision came from (Algorithm 1).

The decision is followed down the dense layers. A unit is selected if it passes something
positive to a unit that was selected above it; at the bottom, the units are the pixels of the
last feature maps.

As printed, the algorithm ends with nearly every active pixel, because among hundreds of
selected units some weight is positive. The released code therefore cuts the last step off at
a percentile of the contributions, which `Cut` describes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyvgg.forward import checked_maps
from tinyvgg.layers import Dense, check_network, check_pixels_fit, dense_pass

UNITS_AT_A_TIME = 64  # bounds the memory of the matrix product; few are enough as a rule
PRODUCTS_AT_A_TIME = 2**20  # bounds the memory of the cut


@dataclass(frozen=True)
class Cut:
    """The released code's cut at the last step of Algorithm 1.

    Of an image's contributions a_0[r] W_1[r, i] to the selected units i, those above `floor`
    are pooled; a pixel stays if one of its contributions exceeds their percentile.

    Attributes
    ----------
    floor : float
        At least 0, in units of the activations.
    percentile : float
        From 0 to 100, interpolated linearly.

    Examples
    --------
    >>> from tinyvgg import Cut
    >>> Cut()
    Cut(floor=0.05, percentile=90)
    >>> Cut(percentile=99)  # fewer pixels
    Cut(floor=0.05, percentile=99)
    """

    floor: float = 0.05
    percentile: float = 90

    def __post_init__(self) -> None:
        for name, value in (("floor", self.floor), ("percentile", self.percentile)):
            if not isinstance(value, Real) or isinstance(value, bool):
                raise TypeError(f"Cut: {name} must be a number, got {value!r}")
        if not 0 <= self.floor < math.inf:
            raise ValueError(f"Cut: floor must be finite and at least 0, got {self.floor!r}")
        if not 0 <= self.percentile <= 100:
            raise ValueError(f"Cut: percentile must be from 0 to 100, got {self.percentile!r}")


@dataclass(frozen=True, eq=False)
class Backtrace:
    """What was selected for each image of a batch.

    Attributes
    ----------
    target : int64 Tensor, (B,)
        The class that was traced, k*.
    layers : tuple of bool Tensor, (B, n_j)
        The selected units L_n ... L_1 of the hidden dense layers, the last of them first.
    pixels : bool Tensor, (B, C, h, w)
        The selected pixels L_0.
    threshold : float64 Tensor, (B,)
        A pixel is selected if its largest contribution to a selected unit exceeds this: 0
        without a cut, and infinity where no contribution exceeded the cut's floor.
    maps : Tensor, (B, C, h, w)
        The last feature maps, a_0 before it is flattened.
    logits : Tensor, (B, classes)
        The network's output.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, backtrack
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> trace = backtrack(net, images)
    >>> trace.pixels.shape, [tuple(units.shape) for units in trace.layers]
    (torch.Size([2, 4, 2, 2]), [(2, 8)])
    >>> bool((trace.maps[trace.pixels] > 0).all())  # only active pixels are selected
    True
    """

    target: Tensor
    layers: tuple[Tensor, ...]
    pixels: Tensor
    threshold: Tensor
    maps: Tensor
    logits: Tensor

    @property
    def probabilities(self) -> Tensor:
        """Soft-max of the logits, (B, classes)."""
        return self.logits.softmax(dim=1)


@torch.no_grad()
def backtrack(
    net: nn.Module,
    images: Tensor,
    target: int | Tensor | np.ndarray | None = None,
    cut: Cut | None = None,
) -> Backtrace:
    """Trace a class down to the pixels of the last feature maps (Algorithm 1, Equations 2 and 3).

    Works for any number of hidden dense layers, none included.

    Parameters
    ----------
    net : nn.Module
        A supported network (see `tinyvgg.layers`); its last feature maps may not be negative.
    images : float Tensor, (B, C, H, W)
    target : int, or int Tensor or array (B,), optional
        The class to trace, one for all images or one for each; the predicted one if not given.
    cut : Cut, optional
        As released; without it, as printed.

    Raises
    ------
    TypeError, ValueError
        If the network is not supported or computes something else than its layers (see
        `tinyvgg.forward`), if the images are not finite floats of the shape that it expects, if
        a target is no class, or if the feature maps hold negative values.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import Cut, TinyVGG, backtrack
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> printed = backtrack(net, images)
    >>> released = backtrack(net, images, cut=Cut(floor=0, percentile=90))
    >>> bool((released.pixels <= printed.pixels).all())  # the cut only takes pixels out
    True
    >>> backtrack(net, images, target=3).target  # another class than the predicted one
    tensor([3, 3])
    """
    maps, activations = checked_maps(net, images)
    return _trace(check_network(net)[1], maps, activations, target, cut)


@torch.no_grad()
def backtrack_maps(
    net: nn.Module,
    maps: Tensor,
    target: int | Tensor | np.ndarray | None = None,
    cut: Cut | None = None,
) -> Backtrace:
    """As `backtrack`, from the last feature maps (B, C, h, w): only the dense layers are run.

    For whoever traces the same images again and again.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, backtrack
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> from tinyvgg.backtracking import backtrack_maps
    >>> trace = backtrack(net, images)
    >>> again = backtrack_maps(net, trace.maps, target=trace.target)
    >>> torch.equal(again.pixels, trace.pixels)
    True
    """
    _, linears = check_network(net)
    check_pixels_fit(linears, maps)
    return _trace(linears, maps, dense_pass(linears, maps), target, cut)


def _trace(
    linears: list[Dense],
    maps: Tensor,
    activations: list[Tensor],
    target: int | Tensor | np.ndarray | None,
    cut: Cut | None,
) -> Backtrace:
    """As `backtrack`, from what `dense_pass` made of the maps."""
    if cut is not None and not isinstance(cut, Cut):
        raise TypeError(f"cut must be a Cut or None, got {cut!r}")
    if (maps < 0).any():
        raise ValueError(
            "the last feature maps hold negative values; backtracking needs rectified maps, so "
            "features must end with a ReLU (max-pooling may follow it)"
        )
    *activations, logits = activations
    if not logits.isfinite().all():
        raise ValueError("the network's output is not finite for these images; did it diverge?")
    target = _targets(target, logits)

    # a >= 0, so a W > 0 is (a > 0) and (W > 0). The output layer has one selected unit, k*.
    layers = []
    selected = F.one_hot(target, logits.shape[1]).bool()
    for linear, a in zip(reversed(linears[1:]), reversed(activations[1:]), strict=True):
        selected = (a > 0) & feeds_selected(linear.weight, selected)  # (B, n_j)
        layers.append(selected)

    a_0, weight = activations[0], linears[0].weight
    threshold = torch.zeros(len(a_0), dtype=torch.float64, device=a_0.device)
    if cut is None:
        pixels = (a_0 > 0) & feeds_selected(weight, selected)
    else:
        pixels = torch.zeros_like(a_0, dtype=torch.bool)
        for b in range(len(a_0)):
            units = selected[b].nonzero().flatten()
            pixels[b], threshold[b] = _above_cut(cut, a_0[b], weight, units)
    return Backtrace(target, tuple(layers), pixels.reshape(maps.shape), threshold, maps, logits)


def _targets(target: int | Tensor | np.ndarray | None, logits: Tensor) -> Tensor:
    batch, classes = logits.shape
    if target is None:
        return logits.argmax(dim=1)
    what = target.dtype if isinstance(target, Tensor | np.ndarray) else repr(target)
    if isinstance(target, Integral | np.ndarray) and np.asarray(target).dtype.kind in "iu":
        target = torch.from_numpy(np.array(target, np.int64))
    if (
        not isinstance(target, Tensor)
        or target.dtype == torch.bool
        or target.is_floating_point()
        or target.is_complex()
    ):
        raise TypeError(
            f"target must be a class number or an integer tensor or array (B,), got {what}"
        )
    target = target.to(logits.device, torch.int64)
    target = target.repeat(batch) if target.ndim == 0 else target
    if target.shape != (batch,):
        raise ValueError(
            f"target must be one class or have shape ({batch},), got {tuple(target.shape)}"
        )
    outside = target[(target < 0) | (target >= classes)]
    if len(outside):
        raise ValueError(
            f"target {outside[0].item()} is no class: the network has classes 0 to {classes - 1}"
        )
    return target


def feeds_selected(weight: Tensor, selected: Tensor) -> Tensor:
    """Which units below have a positive weight to a selected unit above.

    The matrix product counts such weights, so that its rounding cannot matter. It ends as soon
    as every unit is found: where the signs are like tosses of a coin, some dozens above do.

    Parameters
    ----------
    weight : Tensor, (above, below)
        As torch keeps them.
    selected : bool Tensor, (B, above)

    Returns
    -------
    bool Tensor, (B, below)
    """
    found = selected.new_zeros(len(selected), weight.shape[1])
    for start in range(0, len(weight), UNITS_AT_A_TIME):
        units = slice(start, start + UNITS_AT_A_TIME)
        found |= (selected[:, units].float() @ (weight[units] > 0).float()) > 0
        if found.all():
            break
    return found


def _above_cut(cut: Cut, a_0: Tensor, weight: Tensor, units: Tensor) -> tuple[Tensor, float]:
    """The pixels of one image that pass the cut, and the threshold that they passed.

    The products a_0[r] W_1[r, i] are those of the network's number format; the floor, the
    percentile and the threshold are compared with them in double precision.
    """
    pixels = torch.zeros_like(a_0, dtype=torch.bool)
    active = a_0.nonzero().flatten()
    if len(active) == 0 or len(units) == 0:
        return pixels, math.inf
    a = a_0[active]
    wide = torch.float64 if weight.dtype == torch.float64 else torch.float32
    floor = _round_down(cut.floor, wide)
    largest = torch.zeros(len(active), dtype=wide, device=a.device)
    pool = torch.empty(len(units) * len(active), dtype=wide, device=a.device)
    pooled = 0
    for some in units.split(max(1, PRODUCTS_AT_A_TIME // len(active))):
        products = (weight[some].index_select(1, active) * a).to(wide)  # (units, active)
        torch.maximum(largest, products.amax(dim=0), out=largest)
        above = products[products > floor]
        pool[pooled : pooled + len(above)] = above
        pooled += len(above)
    if pooled == 0:
        return pixels, math.inf
    threshold = percentile_in_place(pool[:pooled], cut.percentile)
    pixels[active] = largest.double() > threshold
    return pixels, threshold


def _round_down(value: float, dtype: torch.dtype) -> float:
    """The largest number of a format that is not above a value: x > it if and only if x > value."""
    if dtype == torch.float64:
        return value
    rounded = np.float32(value)
    return float(np.nextafter(rounded, np.float32(-1)) if float(rounded) > value else rounded)


def percentile_in_place(values: Tensor, percentile: float) -> float:
    """numpy's linear percentile in double precision; on a CPU without a copy: it reorders them."""
    if values.device.type == "cpu":
        ordered = values.numpy()
        ordered.partition(_places(len(ordered), percentile)[:2])
        return percentile_in_order(ordered, percentile)
    return percentile_in_order(values.sort().values, percentile)


def percentile_in_order(ordered: np.ndarray | Tensor, percentile: float) -> float:
    """The same of values in ascending order, or at least with the two in place that it takes."""
    below, above, share = _places(len(ordered), percentile)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def _places(count: int, percentile: float) -> tuple[int, int, float]:
    """Between which two of so many ordered values a percentile lies, and how far on, 0 to 1."""
    position = (count - 1) * (percentile / 100)
    below = math.floor(position)
    return below, min(below + 1, count - 1), position - below
