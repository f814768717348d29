"""What a supported network is, checked in one place, and its forward pass without side effects.

Backtracking and deconvolution walk through a network layer by layer. They know
`.features`, an nn.Sequential of Conv2d, ReLU and MaxPool2d, and `.classifier`, an
nn.Sequential of Linear and ReLU; Dropout and Identity pass through. Every other layer is
refused by its name. The functions here read the modules and never call them, so that no
mode, hook or in-place activation of the model plays a part.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

FeatureLayer = nn.Conv2d | nn.ReLU | nn.MaxPool2d
PASS_THROUGH = (nn.Dropout, nn.Dropout2d, nn.Identity)


def feature_layers(features: nn.Module) -> list[FeatureLayer]:
    """The layers of a feature extractor in forward order, without those that pass through.

    Raises
    ------
    TypeError
        If `features` is no nn.Sequential, or holds another layer than those named above.
    ValueError
        If it holds no convolution, or one whose padding is not symmetric zeros.
    """
    layers = _layers(features, "features", (nn.Conv2d, nn.ReLU, nn.MaxPool2d))
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            padding_of(layer)
    if not any(isinstance(layer, nn.Conv2d) for layer in layers):
        raise ValueError("features holds no Conv2d: there is nothing to deconvolve")
    return layers


def dense_layers(classifier: nn.Module) -> list[nn.Linear]:
    """The linear layers of a classifier in forward order, the output layer last.

    Raises
    ------
    TypeError
        If `classifier` is no nn.Sequential, or holds another layer than those named above.
    ValueError
        If they do not follow each other as (Linear, ReLU) any number of times and one Linear.
    """
    layers = _layers(classifier, "classifier", (nn.Linear, nn.ReLU))
    names = [type(layer).__name__ for layer in layers]
    if len(layers) % 2 == 0 or not all(
        isinstance(layer, nn.ReLU if position % 2 else nn.Linear)
        for position, layer in enumerate(layers)
    ):
        raise ValueError(
            "classifier must be (Linear, ReLU) any number of times and then one Linear, "
            f"apart from Dropout and Identity; got {', '.join(names) or 'no layer'}"
        )
    linears = layers[::2]
    for below, above in pairwise(linears):
        if below.out_features != above.in_features:
            raise ValueError(
                f"classifier: a Linear of {below.out_features} outputs is followed by one of "
                f"{above.in_features} inputs"
            )
    return linears


def _layers(modules: nn.Module, name: str, supported: tuple[type, ...]) -> list:
    known = ", ".join(kind.__name__ for kind in supported)
    if not isinstance(modules, nn.Sequential):
        raise TypeError(f"{name} must be an nn.Sequential of {known}, got {type(modules).__name__}")
    for position, layer in enumerate(modules):
        if not isinstance(layer, supported + PASS_THROUGH):
            raise TypeError(
                f"{name}[{position}] is a {type(layer).__name__}; supported are {known}, "
                "and Dropout and Identity, which pass through"
            )
    return [layer for layer in modules if not isinstance(layer, PASS_THROUGH)]


def check_network(net: nn.Module) -> tuple[list[FeatureLayer], list[nn.Linear]]:
    """The feature layers and the linear layers of a network, or an error that says what is amiss.

    A child module beside `.features`, `.avgpool` and `.classifier` is refused too, since
    nobody knows what the network's forward pass does with it.
    """
    features: Any = getattr(net, "features", None)
    classifier: Any = getattr(net, "classifier", None)
    for name, part in (("features", features), ("classifier", classifier)):
        if not isinstance(part, nn.Module):
            raise TypeError(
                f"{type(net).__name__} has no .{name}; a network needs .features (Conv2d, ReLU, "
                "MaxPool2d) and .classifier (Linear, ReLU), each an nn.Sequential"
            )
    for name, child in net.named_children():
        known = name in ("features", "avgpool", "classifier")
        if not known and not isinstance(child, (*PASS_THROUGH, nn.Flatten)):
            raise TypeError(
                f"{type(net).__name__}.{name} is a {type(child).__name__}; a network may hold "
                ".features, .avgpool and .classifier, and nothing else that computes"
            )
    check_weights(net)
    return feature_layers(features), dense_layers(classifier)


def check_weights(module: nn.Module, name: str = "") -> None:
    """Refuse weights that are not all there, or not all of one dtype and on one device.

    Raises
    ------
    ValueError
        A weight has no shape yet (nn.LazyLinear) or no numbers (device "meta"), or two differ.
    """
    kinds: dict[tuple, str] = {}  # of weights, and the name of the first of each
    for where, weight in module.named_parameters(name):
        if is_lazy(weight):
            raise ValueError(
                f"{where} has no shape yet, because its layer is lazy: run the network on an image "
                "first, or make it of layers whose sizes are given"
            )
        if weight.is_meta:
            raise ValueError(
                f"{where} is on device 'meta', which keeps no numbers: make the network on another "
                "device, or call network.to_empty(device='cpu') and load its weights"
            )
        kinds.setdefault((weight.dtype, weight.device), where)
    if len(kinds) > 1:
        found = ", ".join(f"{where} is {dtype} on {at}" for (dtype, at), where in kinds.items())
        raise ValueError(
            f"all weights must have one dtype and be on one device, but {found}: call "
            "network.to(device, dtype) first"
        )


def check_images(layers: list[FeatureLayer], images: Tensor) -> Tensor:
    """The images on the device and in the dtype of the first convolution, or a ValueError."""
    first = next(layer for layer in layers if isinstance(layer, nn.Conv2d))
    expected = f"(B, {first.in_channels}, H, W)"
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a float tensor {expected}, got {type(images).__name__}; "
            "as_input makes one from bytes"
        )
    if not images.is_floating_point():
        raise ValueError(
            f"images must be a float tensor {expected}, got {images.dtype}; "
            "as_input makes one from bytes"
        )
    if images.ndim != 4 or images.shape[1] != first.in_channels:
        raise ValueError(f"images must have shape {expected}, got {tuple(images.shape)}")
    if images.numel() == 0:
        raise ValueError(f"the batch is empty: images have shape {tuple(images.shape)}")
    if not images.isfinite().all():
        bad = (~images.isfinite()).flatten(1).any(dim=1).nonzero().flatten().tolist()
        raise ValueError(f"images hold NaN or infinite values, in rows {bad} of the batch")
    return images.to(first.weight)


def apply_feature_layer(layer: FeatureLayer, x: Tensor) -> Tensor:
    """One layer of `.features`, forward, on x (B, C, h, w)."""
    if isinstance(layer, nn.ReLU):
        return torch.relu(x)
    padding = padding_of(layer)
    for given, kernel, dilation, pad in zip(
        x.shape[-2:], pair(layer.kernel_size), pair(layer.dilation), padding, strict=True
    ):
        if given + 2 * pad < dilation * (kernel - 1) + 1:
            raise ValueError(
                f"the images are too small for this network: {type(layer).__name__} with a "
                f"kernel of {kernel} meets maps of {x.shape[-2]} x {x.shape[-1]}"
            )
    if isinstance(layer, nn.Conv2d):
        return F.conv2d(
            x, layer.weight, layer.bias, layer.stride, padding, layer.dilation, layer.groups
        )
    return F.max_pool2d(
        x, layer.kernel_size, layer.stride, padding, layer.dilation, layer.ceil_mode
    )


@torch.no_grad()
def feature_maps_of(net: nn.Module, images: Tensor) -> Tensor:
    """The last feature maps of a network, those that its dense layers see.

    Parameters
    ----------
    net : nn.Module
        A supported network.
    images : float Tensor, (B, C, H, W)

    Returns
    -------
    Tensor
        (B, C', h, w), on the network's device and in its dtype.

    Raises
    ------
    TypeError, ValueError
        If the network has a layer that is not supported, if the images are not finite floats
        of the shape that it expects, or if it resizes the maps (`.avgpool`) at this size.
    """
    layers, linears = check_network(net)
    x = check_images(layers, images)
    for layer in layers:
        x = apply_feature_layer(layer, x)
    _check_avgpool(getattr(net, "avgpool", None), x)
    check_pixels_fit(linears, x)
    return x


def check_pixels_fit(linears: list[nn.Linear], maps: Tensor) -> None:
    """Refuse maps (B, C, h, w) that do not flatten to the input of the first linear layer."""
    expected = linears[0].in_features
    if maps.ndim != 4 or maps.shape[1:].numel() != expected:
        raise ValueError(
            f"the dense layers take {expected} pixels an image, but the feature maps have shape "
            f"{tuple(maps.shape)}; is the image size the one that the network was made for?"
        )


def _check_avgpool(avgpool: nn.Module | None, maps: Tensor) -> None:
    """Refuse an adaptive average, as torchvision's models have, unless it is idle at this size."""
    if avgpool is None or isinstance(avgpool, PASS_THROUGH):
        return
    if not isinstance(avgpool, nn.AdaptiveAvgPool2d):
        raise TypeError(
            f"avgpool is a {type(avgpool).__name__}; supported are AdaptiveAvgPool2d and Identity"
        )
    size = tuple(maps.shape[-2:])
    output = tuple(
        given if wanted is None else wanted
        for given, wanted in zip(size, pair(avgpool.output_size), strict=True)
    )
    if output != size:
        raise ValueError(
            f"avgpool would resize the feature maps from {size} to {output}; only images whose "
            f"maps have {output} already are supported"
        )


def dense_pass(linears: list[nn.Linear], maps: Tensor) -> list[Tensor]:
    """The activations a_0 (the flattened maps), a_1 ... a_n (after ReLU), and the logits."""
    activations = [maps.flatten(1)]
    for linear in linears[:-1]:
        activations.append(torch.relu(F.linear(activations[-1], linear.weight, linear.bias)))
    output = linears[-1]
    return [*activations, F.linear(activations[-1], output.weight, output.bias)]


def pair(value: Any) -> tuple[Any, Any]:
    """(rows, columns) of a setting that torch lets one write as a single number."""
    rows, columns = value if isinstance(value, tuple | list) else (value, value)
    return rows, columns


def padding_of(layer: nn.Conv2d | nn.MaxPool2d) -> tuple[int, int]:
    """Rows and columns of padding on each side, also where it was given as a word."""
    if isinstance(layer, nn.MaxPool2d):
        return pair(layer.padding)
    if layer.padding_mode != "zeros":
        raise ValueError(
            f"Conv2d pads with {layer.padding_mode!r}; only padding_mode='zeros' is supported"
        )
    if layer.padding == "valid":
        return 0, 0
    if layer.padding != "same":
        return pair(layer.padding)
    rows, columns = (d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation, strict=True))
    if rows % 2 or columns % 2:
        raise ValueError(
            f"Conv2d with padding='same' and a kernel of {layer.kernel_size} pads one side more "
            "than the other; only symmetric padding is supported"
        )
    return rows // 2, columns // 2
