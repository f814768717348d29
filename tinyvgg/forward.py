"""Whether a network computes what its layers do: its own forward pass compared with theirs.

Whatever is traced is the network that the layers are. So each function that is given a network
and images runs the network itself once, in evaluation mode, and refuses a difference beyond
rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyvgg.graph import Features, Node
from tinyvgg.layers import (
    ADAPT,
    check_images,
    check_network,
    check_parts,
    check_pixels_fit,
    dense_pass,
    feature_maps_of,
    image_shape,
    padding_of,
    pair,
    unwrapped,
)

ROUNDING = 1000  # machine epsilons that two ways to compute the same may differ by, times its size
AT_MOST = 0.05  # the same for formats of few digits
DEPARTS = (
    "{name} computes something else than its .features and .classifier: on these images the "
    "logits differ by up to {apart:.2g}. Its forward pass may normalise its input, compute "
    "between the two or after them, use weights in another way, or a hook may change a layer's "
    f"output; {ADAPT}"
)
UNREAD = (
    "{name} computes something else than what was read of it: on these images the logits differ "
    "by up to {apart:.2g}. It may be random even in evaluation mode, or an image's output may "
    "depend on the other images of the batch or on a choice that the first of them decide"
)


@torch.no_grad()
def checked_maps(net: nn.Module, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The last feature maps, and what `dense_pass` makes of them, if they are the model's own.

    Raises
    ------
    TypeError, ValueError
        As `feature_maps_of`; and if the model computes something else on these images.
    """
    features: Any = check_parts(net)[0]
    images = check_images(features, images)
    try:
        output = own_output(net, images)  # first: a model may make its weights as it runs
    except ValueError:
        feature_maps_of(net, images)  # which may know better what is amiss
        raise
    maps = feature_maps_of(net, images)
    return maps, check_logits(net, output, maps)


def check_logits(
    net: nn.Module, output: Any, maps: Tensor, model: nn.Module | None = None
) -> list[Tensor]:
    """What `dense_pass` makes of maps, or a ValueError if the model's own output is another.

    `model` is what the output is of, if not of the network itself.
    """
    _, linears = check_network(net)
    activations = dense_pass(linears, maps)
    size = F.linear(activations[-2].abs(), linears[-1].weight.abs()).detach().amax()
    name, cause = type(model or net).__name__, DEPARTS if model is None else UNREAD
    _compare(name, cause, output, activations[-1], linears[-1].single, float(size))
    return activations


@torch.no_grad()
def check_on_random_image(net: nn.Module, maps: Tensor) -> None:
    """As `checked_maps`, of a random image of a size that gives maps (B, C, h, w) of this size."""
    nodes, linears = check_network(net)
    check_pixels_fit(linears, maps)
    features, _ = check_parts(net)
    generator = torch.Generator().manual_seed(0)
    refused = ValueError(f"no images have feature maps of {tuple(maps.shape[-2:])}")
    for rows, columns in _sizes_before(features, nodes, maps.shape[-2:]):
        image = torch.rand(1, image_shape(features)[0], rows, columns, generator=generator)
        try:
            output = own_output(net, check_images(features, image))
        except ValueError as error:  # a model may take images of one of these sizes alone
            refused = error
        else:
            check_logits(net, output, feature_maps_of(net, image))
            return
    raise refused


def _sizes_before(
    features: nn.Module, nodes: list[Node], after: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Rows and columns of images whose maps have a size, the smallest first."""
    if isinstance(features, Features):
        yield features.image_shape[1:]
        return
    ends = []
    for axis, wanted in enumerate(after):
        least = most = wanted
        for layer, _ in reversed(nodes):
            if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                window = (layer.kernel_size, layer.stride, layer.dilation, padding_of(layer))
                kernel, stride, dilation, padding = (pair(value)[axis] for value in window)
                reach = dilation * (kernel - 1) + 1 - 2 * padding
                least, most = stride * (least - 1) + reach, stride * most + reach - 1
        ends.append(range(max(1, least), most + 1))
    yield from zip(*ends, strict=False)


def own_output(net: nn.Module, images: Tensor) -> Any:
    """What a model itself makes of images, in evaluation mode; its modes stay as they are.

    None for a module without a forward pass, which is nothing but its parts.
    """
    net = unwrapped(net)
    if getattr(net.forward, "__name__", "") == "_forward_unimplemented":
        return None
    with evaluating(net):
        try:
            return net(images.clone())  # which it may change
        except Exception as error:
            raise ValueError(
                f"the forward pass of {type(net).__name__} fails on images of shape "
                f"{tuple(images.shape)}: {error}"
            ) from error


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """A model in evaluation mode, each module in its own mode again afterwards."""
    training = [module for module in net.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _compare(name: str, cause: str, output: Any, logits: Tensor, single: bool, size: float) -> None:
    """Refuse a model whose own output is not the logits, nor their soft-max."""
    if output is None:
        return
    if not isinstance(output, Tensor) or not output.is_floating_point():
        what = output.dtype if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(
            f"{name} returns {what} and not one tensor of logits (B, classes); wrap it in a module "
            "that returns the logits alone"
        )
    logits = logits.detach()
    possible = [logits, logits.softmax(1), logits.log_softmax(1)]
    if single and output.shape != logits.shape:
        possible = [logits[:, 1:], logits[:, 1:].sigmoid()]
        output = output.view_as(possible[0]) if output.numel() == len(logits) else output
    if output.shape != possible[0].shape:
        raise ValueError(
            f"{name} gives an output of shape {tuple(output.shape)}, and its .features and "
            f".classifier one of {tuple(possible[0].shape)}; {ADAPT}"
        )
    apart = min(difference(output, one) for one in possible)
    rounding = max(tolerance(logits.dtype), tolerance(output.dtype))
    if not apart <= rounding * max(size, float(logits.abs().max())):
        raise ValueError(cause.format(name=name, apart=difference(output, logits)))


def difference(a: Tensor, b: Tensor) -> float:
    """The largest absolute difference; where both are not finite in the same way, none."""
    same = (a == b) | (a.isnan() & b.isnan())
    return float((a.double() - b.double()).detach().abs().masked_fill(same, 0).max())


def tolerance(dtype: torch.dtype) -> float:
    """By what two ways to compute the same may differ, as a share of its size."""
    return min(ROUNDING * torch.finfo(dtype).eps, AT_MOST)
