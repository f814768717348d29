"""Suppression, and feature tracking: what a set of pixels looks like in the image (Algorithm 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tinyvgg.deconv import deconvolve, record_unchecked
from tinyvgg.forward import check_logits, check_on_random_image, own_output
from tinyvgg.layers import check_images, check_network, check_parts, check_pixels_fit, dense_pass

GREY = (0.299, 0.587, 0.114)  # red, green, blue
# Pixels of images that are tracked at a time, so that a layer's maps stay in the cache of a CPU,
# or within a GPU's memory.
AT_ONCE = {"cpu": 2**15, "cuda": 2**22}


@dataclass(frozen=True, eq=False)
class Tracking:
    """The deconvolution of each image, with and without a set of pixels.

    Attributes
    ----------
    full, suppressed : Tensor, (B, C, H, W)
        The deconvolution of the last feature maps as they are, and with the pixels at zero.
    difference : Tensor, (B, H, W)
        Absolute difference of the two in grey: large where the pixels show.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, backtrack, track
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> tracking = track(net, images, backtrack(net, images).pixels)
    >>> tracking.full.shape, tracking.difference.shape
    (torch.Size([2, 3, 16, 16]), torch.Size([2, 16, 16]))
    """

    full: Tensor
    suppressed: Tensor
    difference: Tensor


@torch.no_grad()
def suppress(net: nn.Module, maps: Tensor, pixels: Tensor, fill: Tensor | None = None) -> Tensor:
    """Silence pixels of the last feature maps and run the dense layers again.

    Parameters
    ----------
    net : nn.Module
        A supported network (see `tinyvgg.layers`).
    maps : Tensor, (B, C, h, w)
        The last feature maps, as `record` and `backtrack` give them.
    pixels : bool Tensor, (B, C, h, w)
        What is suppressed.
    fill : Tensor, (C, h, w), optional
        What the pixels are set to instead of zero, such as the mean over a data set.

    Returns
    -------
    Tensor
        Probabilities, (B, classes).

    Raises
    ------
    TypeError, ValueError
        If the network is not supported, if it computes something else than its layers (tried on
        a random image), or if maps, pixels and fill are of other shapes than expected.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, backtrack, suppress
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> trace = backtrack(net, images)
    >>> suppress(net, trace.maps, trace.pixels).shape
    torch.Size([2, 4])
    >>> nothing = torch.zeros_like(trace.pixels)
    >>> torch.allclose(suppress(net, trace.maps, nothing), trace.probabilities)
    True
    """
    check_on_random_image(net, maps)
    return suppress_unchecked(net, maps, pixels, fill)


@torch.no_grad()
def suppress_unchecked(
    net: nn.Module, maps: Tensor, pixels: Tensor, fill: Tensor | None = None
) -> Tensor:
    """As `suppress`, of a network that was compared with its layers before."""
    _, linears = check_network(net)
    check_pixels_fit(linears, maps)
    _check_pixels(pixels, tuple(maps.shape))
    silenced = _without(maps, pixels, fill).to(linears[0].weight)
    return dense_pass(linears, silenced)[-1].softmax(dim=1)


def track(
    net: nn.Module,
    images: Tensor,
    pixels: Tensor,
    bias: str | None = None,
    ties: str = "all",
    rectify: bool = True,
) -> Tracking:
    """Show what a set of pixels contributes to the deconvolution (Algorithm 2).

    The maps are deconvolved twice by the same switches, as they are and with the pixels set to
    zero, and the two pictures are subtracted in grey.

    Parameters
    ----------
    net : nn.Module
        A supported network (see `tinyvgg.layers`).
    images : float Tensor, (B, 3, S, S)
    pixels : bool Tensor, (B, C, h, w)
        Of the last feature maps, as `backtrack` selects them.
    bias, ties, rectify
        As for `deconvolve`.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, backtrack, track
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> trace = backtrack(net, images)
    >>> track(net, images, trace.pixels).difference.shape
    torch.Size([2, 16, 16])
    >>> nothing = torch.zeros_like(trace.pixels)
    >>> track(net, images, nothing).difference.max().item()
    0.0
    """
    nodes, _ = check_network(net)
    features, _ = check_parts(net)
    images = check_images(features, images)
    options: dict[str, Any] = {"bias": bias, "ties": ties, "rectify": rectify}
    at_once = AT_ONCE.get(images.device.type, AT_ONCE["cpu"])
    step = max(1, at_once // images[0, 0].numel())
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, len(images), step):
        some = slice(start, start + step)
        output = own_output(net, images[some])
        recording = record_unchecked(nodes, images[some])
        check_logits(net, output, recording.maps)
        if not parts:
            _check_pixels(pixels, (len(images), *recording.maps.shape[1:]))
        silenced = _without(recording.maps, pixels[some])
        full = deconvolve(features, recording, **options)
        suppressed = deconvolve(features, recording, maps=silenced, **options)
        parts.append((full, suppressed, (grey(full) - grey(suppressed)).abs()))
    return Tracking(*(torch.cat(kind) for kind in zip(*parts, strict=True)))


def grey(images: Tensor) -> Tensor:
    """Images in grey, (B, C, H, W) to (B, H, W): luminance of RGB, the mean of other channels.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import grey
    >>> red_green_blue = torch.eye(3).reshape(1, 3, 1, 3)  # three pixels, side by side
    >>> grey(red_green_blue)
    tensor([[[0.2990, 0.5870, 0.1140]]])
    """
    if images.ndim != 4:
        raise ValueError(f"images must have shape (B, C, H, W), got {tuple(images.shape)}")
    if images.shape[1] != len(GREY):
        return images.mean(dim=1)
    red, green, blue = images.unbind(dim=1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue


def _check_pixels(pixels: Tensor, shape: tuple[int, ...]) -> None:
    if not isinstance(pixels, Tensor) or pixels.dtype != torch.bool:
        what = pixels.dtype if isinstance(pixels, Tensor) else type(pixels).__name__
        raise TypeError(f"pixels must be a bool tensor like the feature maps, got {what}")
    if pixels.shape != shape:
        raise ValueError(
            f"pixels must have the shape of the feature maps, {shape}, got {tuple(pixels.shape)}"
        )


def _without(maps: Tensor, pixels: Tensor, fill: Tensor | None = None) -> Tensor:
    """A copy of the maps with the pixels at zero, or at the values of `fill`."""
    pixels = pixels.to(maps.device)
    if fill is None:
        return maps.masked_fill(pixels, 0)
    if fill.shape != maps.shape[1:]:
        raise ValueError(
            f"fill must have the shape of one image's feature maps, {tuple(maps.shape[1:])}, "
            f"got {tuple(fill.shape)}"
        )
    return torch.where(pixels, fill.to(maps), maps)
