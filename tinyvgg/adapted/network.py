"""`as_network`: a model of another shape as a network that the method takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tinyvgg.adapted.classifier import candidates, read_classifier, without_probabilities
from tinyvgg.adapted.folding import folded, that_lead_to
from tinyvgg.adapted.operators import DENSE, blamed, is_linear
from tinyvgg.adapted.reader import FeatureReader
from tinyvgg.adapted.recorder import Operation, Refused, recorded
from tinyvgg.forward import check_logits, evaluating, own_output
from tinyvgg.graph import Features, Scaled
from tinyvgg.layers import check_weights, dense_layers, dense_pass, unwrapped

RECORDED = 2  # images that the model is recorded on
AT_ONCE = 32  # images that it is compared on at a time


class AdaptedNetwork(Scaled):
    """What a model computes, as `.features` and `.classifier`.

    Attributes
    ----------
    features : Features
        From images (B, C, H, W) of one size to the last feature maps, never negative.
    classifier : Classifier
        From those maps, flattened, to the logits; an output layer of one unit, x, stands for the
        logits (0, x).
    scale : float
    mean, std : float Tensor, (C,)
        How bytes become the input: (bytes / scale - mean) / std.
    classes : list of str or None
        A name for each logit.
    """

    def __init__(self, features: Features, classifier: nn.Sequential, own: Scaled) -> None:
        super().__init__(own.scale, own.mean, own.std)
        self.features, self.classifier = features, classifier
        self.classes: list[str] | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        return dense_pass(dense_layers(self.classifier), self.features(images))[-1]


def as_network(
    model: nn.Module,
    images: Tensor,
    *,
    mean: float | Sequence[float] = 0,
    std: float | Sequence[float] = 1,
    scale: float = 256,
    classes: Sequence[str] | None = None,
) -> AdaptedNetwork:
    """Bring a model into the form that every function of this package takes.

    The model runs once, and what it computes is read operation by operation, whatever its modules
    are called: convolutions, batch norm (folded into the convolution before it), average and
    max-pooling, concatenation and sums, activations that are never negative; then linear layers.
    The pixels are those of the last maps that are never negative and have more than one pixel; all
    that is linear between them and the dense layers, such as a global average, becomes part of
    the first dense layer. The model itself stays as it is; later changes of it are not followed.

    Parameters
    ----------
    model : nn.Module
        On one device and in one dtype; it is read in evaluation mode.
    images : float Tensor, (B, C, H, W)
        As the model takes them; the network that comes of it is compared with the model on all
        of them, and is for images of this size.
    mean, std : float or one for each channel
    scale : float
        How bytes become the model's input, (bytes / scale - mean) / std, wherever pictures are
        given as bytes. ImageNet's are mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225) and
        scale 255.
    classes : sequence of str, optional
        A name for each output; for one output x the names of 0 and of x.

    Returns
    -------
    AdaptedNetwork
        In evaluation mode, with weights of its own.

    Raises
    ------
    TypeError
        The model does something that cannot be traced; the message names the module, the
        operation, why, and what would work.
    ValueError
        An argument does not fit, or the network that was read computes something else than the
        model on these images.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from tinyvgg import as_network, backtrack
    >>> convolution = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    >>> head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    >>> images = torch.rand(2, 3, 16, 16)
    >>> net = as_network(nn.Sequential(convolution, head), images)
    >>> backtrack(net, images).pixels.shape  # of the maps before the average
    torch.Size([2, 8, 14, 14])
    """
    images = _checked(model, images)
    own = input_scale(images.shape[1], mean, std, scale)
    few = images[:RECORDED] if len(images) >= RECORDED else images.expand(RECORDED, -1, -1, -1)
    with evaluating(model):
        operations, output = recorded(
            unwrapped(model), few.clone(memory_format=torch.contiguous_format)
        )
    features, classifier = _read(operations, output, few)
    network = AdaptedNetwork(features, classifier, own).eval()
    network.to(images.device).requires_grad_(False)
    for some in images.split(AT_ONCE):
        with torch.no_grad():
            check_logits(network, own_output(model, some), network.features(some), model)
    if classes is not None:
        network.classes = check_classes(classes, dense_layers(classifier)[-1].out_features)
    return network


def input_scale(
    channels: int, mean: float | Sequence[float], std: float | Sequence[float], scale: float
) -> Scaled:
    """How bytes of so many channels become a model's input (see `as_network`), or a ValueError."""
    means, deviations = (
        _by_channel(name, value, channels) for name, value in (("mean", mean), ("std", std))
    )
    if not (deviations > 0).all():
        raise ValueError(f"std must be above 0, got {std!r}")
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < torch.inf:
        raise ValueError(f"scale, which bytes are divided by, must be above 0, got {scale!r}")
    return Scaled(float(scale), means, deviations)


def check_classes(classes: Sequence[str], count: int) -> list[str]:
    """The names of so many classes, or a ValueError."""
    names = [str(name) for name in classes]
    if len(names) != count or len(set(names)) != count:
        raise ValueError(
            f"classes must be {count} different names, one for each output of the network; got "
            f"{len(names)}, {len(set(names))} of them different"
        )
    return names


def _checked(model: Any, images: Any) -> Tensor:
    """The images, on the device and in the dtype of the model."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")
    if not isinstance(images, Tensor) or not images.is_floating_point() or images.ndim != 4:
        what = (
            f"{images.dtype} of shape {tuple(images.shape)}"
            if isinstance(images, Tensor)
            else (type(images).__name__)
        )
        raise ValueError(
            f"images must be a float tensor (B, C, H, W), as the model takes them, got {what}; "
            "tinyvgg.as_input makes one from bytes"
        )
    if images.numel() == 0 or not images.isfinite().all():
        raise ValueError("images must be one or more, without NaN or infinite values")
    check_weights(model)
    first = next(iter(model.parameters()), None)
    return images if first is None else images.to(first)


def _by_channel(name: str, value: Any, channels: int) -> Tensor:
    """One number for each channel."""
    try:
        given = torch.as_tensor(value, dtype=torch.float64).flatten()
    except (TypeError, ValueError, RuntimeError):
        given = torch.empty(0)
    if len(given) not in (1, channels) or not given.isfinite().all():
        raise ValueError(
            f"{name} must be one number, or one for each of {channels} channels; got {value!r}"
        )
    return given.expand(channels).clone().float()


def _read(
    operations: Sequence[Operation], output: int, images: Tensor
) -> tuple[Features, nn.Sequential]:
    """The features and the classifier that operations on images amount to."""
    operations, output = without_probabilities(operations, output)
    reader, reached = FeatureReader(images), 0
    nothing = why = Refused(
        "the model has no feature maps that are never negative and that its whole decision rests "
        "on: its last convolutions must end with a ReLU, before linear layers or a global average"
    )
    for operation in operations:
        try:
            reader.read(operation)
        except Refused as refused:
            why = blamed(refused, operations[reached:])
            break
        reached += 1
    ends = [
        end
        for end in candidates(operations)
        if end < reached and operations[end].output in reader.never_negative
        if not (  # or it becomes part of the first linear layer
            is_linear(operations[end]) and reader.never_negative.issuperset(operations[end].inputs)
        )
    ]
    if not ends and reached < len(operations) and operations[reached].name in DENSE:
        raise nothing
    for end in ends:
        value = operations[end].output
        maps = images.new_zeros(1, *reader.shapes[value])
        try:
            classifier = read_classifier(operations[end + 1 :], maps, value, output, len(images))
        except Refused as refused:
            why = refused if end == ends[0] else why
            continue
        if classifier is not None:
            nodes = folded(that_lead_to(reader.nodes, reader.number[value]))
            return Features(nodes, *images.shape[1:]), classifier
    raise why
