"""Operations on feature maps as nodes of a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tinyvgg import graph
from tinyvgg.adapted.operators import (
    NORMS,
    REARRANGES,
    RESHAPED,
    SAME,
    activation,
    filled,
    is_by_picture,
    is_inverse,
    reason,
    refuse,
)
from tinyvgg.adapted.recorder import IMAGES, Operation, Refused, Value, replay
from tinyvgg.graph import Affine, Channels, Concat, Node, Sum


class FeatureReader:
    """Reads operations on maps as nodes of a graph, one by one.

    Attributes
    ----------
    nodes : list of Node
    number : dict of int to int
        By the number of a value, the node that gives it.
    shapes : dict of int to tuple of int
        By the number of a value, (C, h, w).
    never_negative : set of int
        The numbers of those values.
    """

    def __init__(self, images: Tensor) -> None:
        self.nodes: list[Node] = []
        self.number = {IMAGES: graph.IMAGES}
        self.shapes = {IMAGES: tuple(images.shape[1:])}
        self.never_negative: set[int] = set()
        self.batch = len(images)
        self._format: dict[str, Any] = {"dtype": images.dtype, "device": images.device}
        self._between: dict[int, tuple[int, list[Operation]]] = {}  # maps in another shape

    def read(self, operation: Operation) -> None:
        """Add the nodes of an operation; `Refused` if it is none on maps."""
        reader = READERS.get(operation.name)
        found = activation(operation)
        if operation.name in RESHAPED and len(operation.inputs) > 1:
            raise refuse(operation, "chooses by a value that depends on the picture")
        if operation.name in RESHAPED | SAME and operation.inputs[0] in self._between:
            self.rearrange(operation)
        elif any(value not in self.number for value in operation.inputs):
            raise self.refuse_between(operation)
        elif found is not None:
            self.add(operation, found, not_negative=True)
        elif operation.name in SAME:
            self.rename(operation, operation.output)
        elif operation.name in RESHAPED:
            self.rearrange(operation)
        elif reader is not None:
            reader(self, operation)
        else:
            raise refuse(operation)

    def add(
        self,
        operation: Operation,
        layer: nn.Module,
        *,
        sources: Sequence[int] | None = None,
        not_negative: bool | None = None,
    ) -> None:
        """A node for the value of an operation, fed by its first input or by nodes `sources`.

        Whether the value is never negative follows from the inputs, if it is not said.
        """
        self.nodes.append(Node(layer, tuple(sources or [self.number[operation.inputs[0]]])))
        self.number[operation.output] = len(self.nodes) - 1
        self.shapes[operation.output] = operation.shape[1:]
        if self.all_never_negative(operation) if not_negative is None else not_negative:
            self.never_negative.add(operation.output)

    def rename(self, operation: Operation, output: int) -> None:
        """A value of the operation is that of a node that is there."""
        given = operation.inputs[0]
        self.number[output], self.shapes[output] = self.number[given], self.shapes[given]
        if given in self.never_negative:
            self.never_negative.add(output)

    def refuse_between(self, operation: Operation) -> Refused:
        """The error for an operation on maps that are in no shape of maps."""
        between = [self._between[value] for value in operation.inputs if value in self._between]
        if reason(operation) is not None or not between:
            return refuse(operation)
        refused = refuse(between[0][1][0], REARRANGES)
        refused.explained = False
        return refused

    def all_never_negative(self, operation: Operation) -> bool:
        return self.never_negative.issuperset(operation.inputs)

    # ------------------------------------------------------------------ one operation each

    def convolution(self, operation: Operation) -> None:
        _, weight, bias, stride, padding, dilation, transposed, _, groups = operation.arguments[:9]
        if isinstance(weight, Value) or isinstance(bias, Value):
            raise refuse(operation, "has weights that depend on the picture")
        if transposed or len(stride) != 2:
            raise refuse(operation, "is transposed or not two-dimensional; only Conv2d is known")
        maps, below, *kernel = weight.shape
        conv = nn.Conv2d(
            below * groups,
            maps,
            tuple(kernel),
            tuple(stride),
            tuple(padding),
            tuple(dilation),
            groups,
            bias is not None,
        ).to(weight)
        with torch.no_grad():
            conv.weight.copy_(weight)
            if conv.bias is not None:
                conv.bias.copy_(bias)
        self.add(operation, conv, not_negative=False)

    def batch_norm(self, operation: Operation) -> None:
        _, weight, bias, mean, variance, *rest = operation.arguments
        if is_by_picture(operation):
            raise refuse(operation)
        epsilon = rest[1] if operation.name == "_native_batch_norm_legit_no_training" else rest[2]
        by_map = batch_norm_as_affine(weight, bias, mean, variance, epsilon)
        self.affine(operation, *(values[:, None, None] for values in by_map))

    def affine(self, operation: Operation, factor: Any, shift: Any) -> None:
        """x · factor + shift, numbers or tensors that are the same for all pixels of a map."""
        x = operation.inputs[0]
        channels = self.shapes[x][0]
        factor, shift = (self._by_channel(operation, v, channels) for v in (factor, shift))
        if (factor == 1).all() and not shift.any():
            return self.rename(operation, operation.output)
        kept = x in self.never_negative and bool((factor >= 0).all() and (shift >= 0).all())
        self.add(operation, Affine(factor, shift), not_negative=kept)

    def _constant(self, value: Any) -> Tensor:
        """A number or a weight, in the dtype and on the device of the images."""
        return torch.as_tensor(value, **self._format).detach()

    def _by_channel(self, operation: Operation, value: Any, channels: int) -> Tensor:
        value = self._constant(value)
        shape = (1,) * (4 - value.ndim) + tuple(value.shape)
        fits = shape[0] == shape[2] == shape[3] == 1 and shape[1] in (1, channels)
        if value.numel() == 1:
            return value.reshape(1).expand(channels).clone()
        if value.ndim > 4 or not fits:
            raise refuse(
                operation,
                f"with a constant of shape {tuple(value.shape)}, which differs between the pixels "
                "of a map; one number for each channel can be traced",
            )
        return value.reshape(-1).clone()

    def arithmetic(self, operation: Operation) -> None:
        a, b, *_ = operation.arguments
        name, alpha = operation.name, operation.settings.get("alpha", 1)
        if len(operation.inputs) == 2:
            if name not in ("add", "sub"):
                raise refuse(operation)
            if self.shapes[a.number] != self.shapes[b.number]:
                raise refuse(operation, "of maps of different sizes; they can be added one by one")
            sources = [self.number[a.number], self.number[b.number]]
            alpha = -alpha if name == "sub" else alpha
            if alpha != 1:
                channels = self.shapes[b.number][0]
                factor = torch.full((channels,), alpha, **self._format)
                self.nodes.append(Node(Affine(factor, torch.zeros_like(factor)), (sources[1],)))
                sources[1] = len(self.nodes) - 1
            not_negative = alpha > 0 and self.all_never_negative(operation)
            self.add(operation, Sum(), sources=sources, not_negative=not_negative)
            return
        first = isinstance(a, Value)
        constant = self._constant(b if first else a)
        if is_inverse(operation):
            raise refuse(operation)
        pairs = {
            "add": (1.0, constant * alpha),
            "sub": (1.0, -alpha * constant) if first else (-alpha, constant),
            "rsub": (-alpha, constant),
            "mul": (constant, 0.0),
            "div": (1 / constant, 0.0),
        }
        self.affine(operation, *pairs[name])

    def negative(self, operation: Operation) -> None:
        self.affine(operation, -1.0, 0.0)

    def concat(self, operation: Operation) -> None:
        parts, dim = (*operation.arguments, 0)[:2]
        if dim not in (1, -3) or not all(isinstance(part, Value) for part in parts):
            raise refuse(operation, "joins other things than the maps of branches")
        layer = Concat([self.shapes[part.number][0] for part in parts])
        sources = [self.number[part.number] for part in parts]
        self.add(operation, layer, sources=sources)

    def max_pool(self, operation: Operation) -> None:
        kernel, stride, padding, dilation, ceil = filled(operation, [], [], [0], [1], False)
        pool = nn.MaxPool2d(
            _two(kernel),
            _two(stride or kernel),
            _two(padding),
            _two(dilation),
            ceil_mode=bool(ceil),
        )
        self.add(operation, pool)

    def average_pool(self, operation: Operation) -> None:
        kernel, stride, padding, ceil, count_padding, divisor = filled(
            operation, [], [], [0], False, True, None
        )
        pool = nn.AvgPool2d(
            _two(kernel), _two(stride or kernel), _two(padding), ceil, count_padding, divisor
        )
        self.add(operation, pool)

    def adaptive_pool(self, operation: Operation) -> None:
        maps = self.shapes[operation.inputs[0]]
        if any(size % out for size, out in zip(maps[1:], operation.shape[2:], strict=True)):
            raise refuse(
                operation,
                f"of maps of {maps[1]} x {maps[2]} to {operation.shape[2]} x {operation.shape[3]} "
                "has windows of several sizes; choose a size that divides",
            )
        kernel = (maps[1] // operation.shape[2], maps[2] // operation.shape[3])
        kind = nn.MaxPool2d if operation.name == "adaptive_max_pool2d" else nn.AvgPool2d
        self.add(operation, kind(kernel, kernel))

    def whole_maps(self, operation: Operation) -> None:
        """The mean, or the largest, of each whole map."""
        dims, keep = filled(operation, [], False)[:2]
        if sorted(d % 4 for d in dims) != [2, 3] or not keep:
            raise refuse(operation, "over other dimensions than the rows and columns of maps")
        _, rows, columns = self.shapes[operation.inputs[0]]
        kind = nn.MaxPool2d if operation.name == "amax" else nn.AvgPool2d
        self.add(operation, kind((rows, columns)))

    def pad(self, operation: Operation) -> None:
        sides, value = filled(operation, [], 0)
        if value or len(sides) > 6:
            raise refuse(operation, "pads with another value than zero")
        sides = tuple(sides) + (0,) * (4 - len(sides))
        layer = nn.ZeroPad2d(sides) if len(sides) == 4 else nn.ZeroPad3d(sides)
        self.add(operation, layer)

    def rearrange(self, operation: Operation) -> None:
        """Maps are chosen, or put in another order, whatever their shape in between.

        The pixels are numbered, and what the operations do to the numbers tells which are chosen.
        """
        given = operation.inputs[0]
        start, operations = self._between.get(given, (given, []))
        operations = [*operations, operation]
        maps, rows, columns = self.shapes[start]
        numbers = torch.arange(self.batch * maps * rows * columns)
        numbers = numbers.view(self.batch, maps, rows, columns)
        for value in operation.values:
            made = replay(operations, {start: numbers}, self.batch, value)
            layers = _that_chooses(numbers, made)
            if layers is None:
                self._between[value] = (start, operations)
                continue
            self.number[value], self.shapes[value] = self.number[start], tuple(made.shape[1:])
            if start in self.never_negative:
                self.never_negative.add(value)
            for layer in layers:
                self.nodes.append(Node(layer, (self.number[value],)))
                self.number[value] = len(self.nodes) - 1


READERS: dict[str, Callable[[FeatureReader, Operation], None]] = {
    **dict.fromkeys(("convolution", "_convolution"), FeatureReader.convolution),
    **dict.fromkeys(NORMS, FeatureReader.batch_norm),
    **dict.fromkeys(("add", "sub", "rsub", "mul", "div"), FeatureReader.arithmetic),
    "neg": FeatureReader.negative,
    "cat": FeatureReader.concat,
    "max_pool2d_with_indices": FeatureReader.max_pool,
    "avg_pool2d": FeatureReader.average_pool,
    **dict.fromkeys(("_adaptive_avg_pool2d", "adaptive_max_pool2d"), FeatureReader.adaptive_pool),
    **dict.fromkeys(("mean", "amax"), FeatureReader.whole_maps),
    "constant_pad_nd": FeatureReader.pad,
}


def _that_chooses(numbers: Tensor, made: Tensor) -> list[nn.Module] | None:
    """Layers that choose the maps, and the rows and columns, that are left of numbered ones."""
    _, maps, *size = numbers.shape
    if made.ndim != 4 or len(made) != len(numbers):
        return None
    chosen = made[0, :, 0, 0] // math.prod(size)
    places = (made[0, 0, :, 0] // size[1] % size[0], made[0, 0, 0] % size[1])
    steps = [int(along[1] - along[0]) if len(along) > 1 else 1 for along in places]
    (top, bottom), (left, right) = ((int(along[0]), int(along[-1])) for along in places)
    rest = numbers[:, chosen, top : bottom + 1, left : right + 1]
    if min(steps) < 1 or not torch.equal(made, rest[:, :, :: steps[0], :: steps[1]]):
        return None
    layers: list[nn.Module] = []
    if chosen.tolist() != list(range(maps)):
        layers.append(Channels(chosen.tolist()))
    if rest.shape[2:] != numbers.shape[2:]:
        layers.append(nn.ZeroPad2d((-left, right + 1 - size[1], -top, bottom + 1 - size[0])))
    return layers + [nn.AvgPool2d(1, _two(steps))] * (steps != [1, 1])


def batch_norm_as_affine(
    weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Factor and shift of batch norm in evaluation mode, in the dtype that they come in."""
    factor = (variance.double() + epsilon).rsqrt()
    if weight is not None:
        factor = factor * weight.double()
    shift = -mean.double() * factor
    if bias is not None:
        shift = shift + bias.double()
    return factor.to(mean.dtype), shift.to(mean.dtype)


def _two(value: Sequence[int]) -> tuple[int, int]:
    return (value[0], value[-1])
