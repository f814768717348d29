"""What a supported network is, checked in one place, and its forward pass layer by layer.

Backtracking and deconvolution walk through a network layer by layer. They know
`.features`, an nn.Sequential of Conv2d, ReLU and MaxPool2d, and `.classifier`, an
nn.Sequential of Linear and ReLU; Dropout and Identity pass through. Every other layer is
refused by its name; `as_network` brings other models into a form with more kinds of layers
(see `tinyvgg.graph`).

A model may compute something else than these layers: `tinyvgg.forward` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from tinyvgg.graph import ACTIVATIONS, Classifier, Features, Node, run

PASS_THROUGH = (nn.Dropout, nn.Dropout2d, nn.Identity)
ADAPT = "tinyvgg.as_network(model, images) reads what a model computes and adapts it, where it can"


@dataclass(frozen=True, eq=False)
class Dense:
    """A linear layer of a classifier, and what follows it.

    Attributes
    ----------
    linear : nn.Linear
    activation : nn.Module or None
        None after the output layer.
    """

    linear: nn.Linear
    activation: nn.Module | None

    @property
    def single(self) -> bool:
        """Whether it is an output layer of one unit, x, which stands for the logits (0, x)."""
        return self.activation is None and self.linear.out_features == 1

    @property
    def weight(self) -> Tensor:
        """(units above, units below)."""
        return self._doubled(self.linear.weight)

    @property
    def bias(self) -> Tensor | None:
        bias: Tensor | None = self.linear.bias
        return None if bias is None else self._doubled(bias)

    @property
    def in_features(self) -> int:
        return self.linear.in_features

    @property
    def out_features(self) -> int:
        return 2 if self.single else self.linear.out_features

    def _doubled(self, values: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(values), values]) if self.single else values


def feature_nodes(features: nn.Module) -> list[Node]:
    """The layers of a feature extractor in forward order, and which of them feed each.

    Raises
    ------
    TypeError
        If `features` is no nn.Sequential, or holds another layer than those named above.
    ValueError
        If it holds no convolution, or one whose padding is not symmetric zeros.
    """
    if isinstance(features, Features):
        return features.nodes
    layers = _layers(features, "features", (nn.Conv2d, nn.ReLU, nn.MaxPool2d))
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            padding_of(layer)
    if not any(isinstance(layer, nn.Conv2d) for layer in layers):
        raise ValueError("features holds no Conv2d: there is nothing to deconvolve")
    return [Node(layer, (number - 1,)) for number, layer in enumerate(layers)]


def dense_layers(classifier: nn.Module) -> list[Dense]:
    """The linear layers of a classifier in forward order, the output layer last.

    Raises
    ------
    TypeError
        If `classifier` is no nn.Sequential, or holds another layer than those named above.
    ValueError
        If they do not follow each other as (Linear, ReLU) any number of times and one Linear.
    """
    activations = ACTIVATIONS if isinstance(classifier, Classifier) else (nn.ReLU,)
    layers = _layers(classifier, "classifier", (nn.Linear, *activations))
    names = [type(layer).__name__ for layer in layers]
    if len(layers) % 2 == 0 or not all(
        isinstance(layer, activations if position % 2 else nn.Linear)
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
    return [Dense(*two) for two in zip(linears, [*layers[1::2], None], strict=True)]


def _layers(modules: nn.Module, name: str, supported: tuple[type, ...]) -> list:
    known = ", ".join(kind.__name__ for kind in supported)
    if not isinstance(modules, nn.Sequential):
        raise TypeError(
            f"{name} must be an nn.Sequential of {known}, got {type(modules).__name__}; {ADAPT}"
        )
    for position, layer in enumerate(modules):
        kind = next((k for k in supported + PASS_THROUGH if isinstance(layer, k)), None)
        if kind is None:
            raise TypeError(
                f"{name}[{position}] is a {type(layer).__name__}; supported are {known}, "
                f"and Dropout and Identity, which pass through; {ADAPT}"
            )
        if any(getattr(type(layer), f) is not getattr(kind, f, None) for f in _computes(kind)):
            raise TypeError(
                f"{name}[{position}] is a {type(layer).__name__}, a {kind.__name__} with a forward "
                f"pass of its own; {ADAPT}"
            )
    return [layer for layer in modules if not isinstance(layer, PASS_THROUGH)]


def _computes(kind: type) -> tuple[str, ...]:
    """The methods that say what a layer computes."""
    return ("forward", "_conv_forward") if issubclass(kind, nn.Conv2d) else ("forward",)


def unwrapped(net: nn.Module) -> nn.Module:
    """The model inside DataParallel or torch.compile."""
    if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return unwrapped(net.module)
    compiled = type(net).__name__ == "OptimizedModule"  # a slow import would name it
    return unwrapped(next(net.children())) if compiled else net


def check_network(net: nn.Module) -> tuple[list[Node], list[Dense]]:
    """The feature layers and the linear layers of a network, or an error that says what is amiss.

    A child module beside `.features`, `.avgpool` and `.classifier` is refused too, since
    nobody knows what the network's forward pass does with it.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> from tinyvgg.layers import check_network
    >>> features, dense = check_network(net)
    >>> len(features), len(dense)  # 6 convolutions, 6 ReLU and 3 max-poolings; 2 linear layers
    (15, 2)
    """
    features, classifier = check_parts(net)
    net = unwrapped(net)
    for name, child in net.named_children():
        known = name in ("features", "avgpool", "classifier")
        if not known and not isinstance(child, (*PASS_THROUGH, nn.Flatten)):
            raise TypeError(
                f"{type(net).__name__}.{name} is a {type(child).__name__}; a network may hold "
                f".features, .avgpool and .classifier, and nothing else that computes; {ADAPT}"
            )
    found = feature_nodes(features), dense_layers(classifier)
    check_weights(net)
    return found


def check_parts(net: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The `.features` and the `.classifier` of a network, or a TypeError."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"a network is an nn.Module, got {type(net).__name__}")
    net = unwrapped(net)
    features: Any = getattr(net, "features", None)
    classifier: Any = getattr(net, "classifier", None)
    for name, part in (("features", features), ("classifier", classifier)):
        if not isinstance(part, nn.Module):
            raise TypeError(
                f"{type(net).__name__} has no .{name}; a network needs .features (Conv2d, ReLU, "
                f"MaxPool2d) and .classifier (Linear, ReLU), each an nn.Sequential; {ADAPT}"
            )
    return features, classifier


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


def image_shape(features: nn.Module) -> tuple[int, int | None, int | None]:
    """Channels, rows and columns of the images; None where any number will do."""
    if isinstance(features, Features):
        return features.image_shape
    layers = (node.layer for node in feature_nodes(features))
    return next(layer.in_channels for layer in layers if isinstance(layer, nn.Conv2d)), None, None


def check_images(features: nn.Module, images: Tensor) -> Tensor:
    """The images on the device and in the dtype of the features' weights, or an error."""
    channels, *size = image_shape(features)
    expected = f"(B, {channels}, {size[0] or 'H'}, {size[1] or 'W'})"
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
    shape = zip(size, images.shape[2:], strict=False)
    wrong = any(wanted not in (None, given) for wanted, given in shape)
    if images.ndim != 4 or images.shape[1] != channels or wrong:
        raise ValueError(f"images must have shape {expected}, got {tuple(images.shape)}")
    if images.numel() == 0:
        raise ValueError(f"the batch is empty: images have shape {tuple(images.shape)}")
    if not images.isfinite().all():
        bad = (~images.isfinite()).flatten(1).any(dim=1).nonzero().flatten().tolist()
        raise ValueError(f"images hold NaN or infinite values, in rows {bad} of the batch")
    return images.to(next(features.parameters(), images))


def apply_feature_layer(layer: nn.Module, *given: Tensor) -> Tensor:
    """One layer of `.features`, forward, on maps (B, C, h, w).

    The layer is read and not called, so that no mode, hook or in-place activation plays a part.
    """
    x = given[0]
    if isinstance(layer, nn.ReLU):
        return torch.relu(x)
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):  # of an adapted network: our own
        return layer(*given)
    padding = padding_of(layer)
    for extent, kernel, dilation, pad in zip(
        x.shape[-2:], pair(layer.kernel_size), pair(layer.dilation), padding, strict=True
    ):
        if extent + 2 * pad < dilation * (kernel - 1) + 1:
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

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> from tinyvgg.layers import feature_maps_of
    >>> feature_maps_of(net, images).shape
    torch.Size([2, 4, 2, 2])
    """
    nodes, linears = check_network(net)
    net = unwrapped(net)
    features: Any = net.features
    x = run(nodes, check_images(features, images), apply_feature_layer)
    _check_avgpool(getattr(net, "avgpool", None), x)
    check_pixels_fit(linears, x)
    return x


def check_pixels_fit(linears: list[Dense], maps: Tensor) -> None:
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


def dense_pass(linears: list[Dense], maps: Tensor) -> list[Tensor]:
    """The activations a_0 (the flattened maps) to a_n (after ReLU), and the logits.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> from tinyvgg.layers import check_network, dense_pass, feature_maps_of
    >>> _, dense = check_network(net)
    >>> [tuple(a.shape) for a in dense_pass(dense, feature_maps_of(net, images))]
    [(2, 16), (2, 8), (2, 4)]
    """
    activations = [maps.flatten(1)]
    for dense in linears:
        x = F.linear(activations[-1], dense.weight, dense.bias)
        if isinstance(dense.activation, nn.ReLU):
            x = torch.relu(x)
        elif dense.activation is not None:
            x = dense.activation(x)
        activations.append(x)
    return activations


def pair(value: Any) -> tuple[Any, Any]:
    """(rows, columns) of a setting that torch lets one write as a single number."""
    rows, columns = value if isinstance(value, tuple | list) else (value, value)
    return rows, columns


def padding_of(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> tuple[int, int]:
    """Rows and columns of padding on each side, also where it was given as a word."""
    if not isinstance(layer, nn.Conv2d):
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
