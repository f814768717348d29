"""Operations as layers: the features as a graph, the classifier as linear layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn

from tinyvgg import graph
from tinyvgg.adapted.recorder import IMAGES, Operation, Refused, Value, replay
from tinyvgg.graph import Affine, Channels, Classifier, Concat, Node, Square, Sum

# fmt: off
SAME = frozenset([
    "detach", "alias", "clone", "_to_copy", "contiguous", "lift_fresh", "dropout",
])
RESHAPED = frozenset([
    "view", "_unsafe_view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose",
    "t", "expand", "select", "slice", "split", "split_with_sizes", "unsafe_split",
    "unbind", "repeat",
    "channel_shuffle", "flip",
    "as_strided", "index", "index_select",
])
NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")
AFFINE = frozenset([
    "convolution", "_convolution", "addmm", "mm", "linear", "add", "sub", "rsub", "mul", "div",
    "neg", "cat", "stack", "mean", "sum", "bmm", "avg_pool2d", "_adaptive_avg_pool2d",
    "constant_pad_nd",
]).union(NORMS)
EMPTY = ("empty_like", "new_empty")  # to be filled
PRODUCTS = ("mul", "div", "mm", "addmm", "bmm", "linear")
DENSE = RESHAPED.union(["addmm", "mm", "linear"])
MOST_WEIGHTS = 2**31
LAST = ("_softmax", "_log_softmax", "sigmoid")
POOLS = ("max_pool2d_with_indices", "adaptive_max_pool2d", "amax")

NEGATIVE = (
    "leaky_relu", "elu", "gelu", "silu", "tanh", "hardswish", "mish", "_prelu_kernel",
    "rrelu_with_noise", "celu", "selu", "log_sigmoid_forward", "hardshrink", "softshrink",
    "hardtanh", "clamp", "clamp_min", "threshold",
)
# fmt: on

ADVICE = "train it with a ReLU there instead"
GATE = (
    "multiplies or divides two values that both depend on the picture (a gate, attention); sums "
    "and concatenations can be traced"
)
NORM = (
    "divides by a picture's own mean and variance, so it is no fixed linear map; batch norm is one "
    "after training"
)
REASONS = {
    **dict.fromkeys(
        NEGATIVE,
        "lets negative values through, and backtracking needs activations that are never "
        f"negative; {ADVICE}",
    ),
    **dict.fromkeys(
        ("native_layer_norm", "native_group_norm", "_native_batch_norm_legit", "var_mean"),
        NORM,
    ),
    **dict.fromkeys(
        ("bernoulli", "native_dropout", "rand_like", "randn_like", "exponential", "uniform"),
        "is random even in evaluation mode; give F.dropout training=self.training",
    ),
    **dict.fromkeys(("glu", "_scaled_dot_product_flash_attention_for_cpu"), GATE),
    **dict.fromkeys(
        ("maximum", "max", "amax"),
        "takes the largest of several values (maxout); max-pooling can be traced, and that of "
        "whole maps as F.adaptive_max_pool2d(x, 1)",
    ),
    **dict.fromkeys(
        ("addmm", "mm", "linear"),
        "is a linear layer between or beside feature maps (a gate, attention, a second head); "
        "linear layers can be traced where they alone follow the last maps",
    ),
    "avg_pool3d": "averages over neighbouring maps, as local response norm does, or in three "
    "dimensions",
    "rsqrt": NORM,
    **dict.fromkeys(LAST[:2], "is known at the very end alone, where it changes no order"),
    **dict.fromkeys(
        ("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d"),
        "enlarges maps; networks that classify by convolution, pooling and linear layers can be "
        "traced",
    ),
    **dict.fromkeys(
        ("reflection_pad2d", "replication_pad2d"),
        "pads with the picture itself; use padding by zeros",
    ),
}


REARRANGES = (
    "rearranges maps; before the linear layers flatten them, whole maps can be chosen, and every "
    "n-th pixel"
)
UNKNOWN = (
    "is not among what can be traced: convolutions, linear layers, batch norm, pooling, "
    "concatenation, sums, ReLU, ReLU6, Hardtanh from 0 on, softplus, sigmoids and squares"
)


def refuse(operation: Operation, why: str | None = None) -> Refused:
    """The error for an operation that cannot be traced."""
    name = operation.name.strip("_").removesuffix("_kernel")
    why = why or reason(operation) or UNKNOWN
    return Refused(f"{operation.where}: {name} {why}", explained=operation.name not in EMPTY)


def reason(operation: Operation) -> str | None:
    """Why an operation cannot be traced, if that is known."""
    if operation.name in PRODUCTS and (len(operation.inputs) > 1 or is_inverse(operation)):
        return GATE
    if operation.name in NORMS and is_by_picture(operation):
        return NORM
    return REASONS.get(operation.name)


def is_inverse(operation: Operation) -> bool:
    """Whether it divides by a value that depends on the picture."""
    return operation.name == "div" and not isinstance(operation.arguments[0], Value)


def is_by_picture(norm: Operation) -> bool:
    """Whether a batch norm takes mean and variance from the picture itself."""
    fixed = norm.name == "_native_batch_norm_legit_no_training"
    return norm.arguments[3] is None or (not fixed and bool(norm.arguments[5]))


def blamed(refused: Refused, operations: Sequence[Operation]) -> Refused:
    """Why the first of some operations was refused; what its module does next may say it better."""
    if not refused.explained:
        for operation in takewhile(lambda each: each.where == operations[0].where, operations):
            if reason(operation) is not None:
                return refuse(operation)
    return refused


# ---------------------------------------------------------------------- activations


def activation(operation: Operation) -> nn.Module | None:
    """The activation that an operation is, if it is one and its values are never negative."""
    name, settings = operation.name, (*operation.arguments[1:], *operation.settings.values())
    if name in ("relu", "softplus", "sigmoid", "hardsigmoid"):
        if name == "softplus":
            return nn.Softplus(*settings)
        return {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "hardsigmoid": nn.Hardsigmoid}[name]()
    if name in ("hardtanh", "clamp", "clamp_min"):
        least, most, *_ = (*settings, None)
        most = math.inf if most is None else most
        if not all(isinstance(limit, int | float) for limit in (least, most)) or least < 0:
            return None
        if least == 0 and most in (6, math.inf):
            return nn.ReLU6() if most == 6 else nn.ReLU()
        return nn.Hardtanh(float(least), float(most)) if least < most else None
    if name == "threshold" and settings[:2] == (0, 0):
        return nn.ReLU()
    if name == "maximum" and len(operation.inputs) == 1:
        other = next(x for x in operation.arguments if isinstance(x, Tensor))
        return nn.ReLU() if not other.any() else None
    if (
        name == "pow" and isinstance(settings[0], int | float) and settings[0] == 2
    ) or name == "square":
        return Square()
    if name == "mul" and len(operation.inputs) == 2 and len(set(operation.inputs)) == 1:
        return Square()
    return None


def is_linear(operation: Operation) -> bool:
    """Whether an operation is a linear map of a single value, up to a shift."""
    one = len(operation.inputs) == 1
    return one and operation.name not in POOLS and activation(operation) is None


# ---------------------------------------------------------------------- features


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
        not_negative: bool = False,
    ) -> None:
        """A node for the value of an operation, fed by its first input or by nodes `sources`."""
        self.nodes.append(Node(layer, tuple(sources or [self.number[operation.inputs[0]]])))
        self.number[operation.output] = len(self.nodes) - 1
        self.shapes[operation.output] = operation.shape[1:]
        if not_negative:
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
        self.add(operation, conv)

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
        not_negative = self.all_never_negative(operation)
        self.add(operation, layer, sources=sources, not_negative=not_negative)

    def max_pool(self, operation: Operation) -> None:
        kernel, stride, padding, dilation, ceil = filled(operation, [], [], [0], [1], False)
        pool = nn.MaxPool2d(
            _two(kernel),
            _two(stride or kernel),
            _two(padding),
            _two(dilation),
            ceil_mode=bool(ceil),
        )
        self.add(operation, pool, not_negative=self.all_never_negative(operation))

    def average_pool(self, operation: Operation) -> None:
        kernel, stride, padding, ceil, count_padding, divisor = filled(
            operation, [], [], [0], False, True, None
        )
        pool = nn.AvgPool2d(
            _two(kernel), _two(stride or kernel), _two(padding), ceil, count_padding, divisor
        )
        self.add(operation, pool, not_negative=self.all_never_negative(operation))

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
        not_negative = self.all_never_negative(operation)
        self.add(operation, kind(kernel, kernel), not_negative=not_negative)

    def whole_maps(self, operation: Operation) -> None:
        """The mean, or the largest, of each whole map."""
        dims, keep = filled(operation, [], False)[:2]
        if sorted(d % 4 for d in dims) != [2, 3] or not keep:
            raise refuse(operation, "over other dimensions than the rows and columns of maps")
        _, rows, columns = self.shapes[operation.inputs[0]]
        kind = nn.MaxPool2d if operation.name == "amax" else nn.AvgPool2d
        not_negative = self.all_never_negative(operation)
        self.add(operation, kind((rows, columns)), not_negative=not_negative)

    def pad(self, operation: Operation) -> None:
        sides, value = filled(operation, [], 0)
        if value or len(sides) > 6:
            raise refuse(operation, "pads with another value than zero")
        sides = tuple(sides) + (0,) * (4 - len(sides))
        layer = nn.ZeroPad2d(sides) if len(sides) == 4 else nn.ZeroPad3d(sides)
        self.add(operation, layer, not_negative=self.all_never_negative(operation))

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


def filled(operation: Operation, *defaults: Any) -> tuple:
    """The arguments after the first, with the defaults of those that were not given."""
    given = operation.arguments[1:]
    return (*given, *defaults[len(given) :])


# ---------------------------------------------------------------------- folding


def folded(nodes: list[Node]) -> list[Node]:
    """The same graph without affine steps that the layer before them can take over."""
    for number, (layer, (source, *_)) in enumerate(nodes):
        users = sum(node.sources.count(source) for node in nodes)
        if not isinstance(layer, Affine) or source == graph.IMAGES or users > 1:
            continue
        before = nodes[source].layer
        if isinstance(before, nn.Conv2d):
            _scale(before, layer)
        elif isinstance(before, Affine):
            before.shift = before.shift * layer.factor + layer.shift
            before.factor = before.factor * layer.factor
        else:
            continue
        idle = Node(nn.Identity(), (source,))
        return folded(without_identities([*nodes[:number], idle, *nodes[number + 1 :]]))
    return nodes


def without_identities(nodes: list[Node]) -> list[Node]:
    """The same graph without layers that change nothing; the numbers close up."""
    new = {graph.IMAGES: graph.IMAGES}
    kept: list[Node] = []
    for number, (layer, sources) in enumerate(nodes):
        if isinstance(layer, nn.Identity):
            new[number] = new[sources[0]]
        else:
            kept.append(Node(layer, tuple(new[source] for source in sources)))
            new[number] = len(kept) - 1
    return kept


def _scale(conv: nn.Conv2d, affine: Affine) -> None:
    """Let a convolution do what it and then an affine step do."""
    dtype = conv.weight.dtype
    factor, shift = affine.factor.double(), affine.shift.double()
    with torch.no_grad():
        weight = conv.weight.double() * factor[:, None, None, None]
        bias = shift if conv.bias is None else conv.bias.double() * factor + shift
        conv.weight.copy_(weight)
        conv.bias = nn.Parameter(bias.to(dtype))


def that_lead_to(nodes: Sequence[Node], last: int) -> list[Node]:
    """The nodes that feed a node, and itself, renumbered."""
    needed = {last}
    for number in range(last, -1, -1):
        if number in needed:
            needed |= set(nodes[number].sources)
    new = {graph.IMAGES: graph.IMAGES}
    kept = []
    for number in sorted(needed - {graph.IMAGES}):
        layer, sources = nodes[number]
        kept.append(Node(layer, tuple(new[source] for source in sources)))
        new[number] = len(kept) - 1
    return kept


# ---------------------------------------------------------------------- classifier


def read_classifier(
    operations: Sequence[Operation], maps: Tensor, start: int, end: int, batch: int
) -> Classifier | None:
    """The operations from the maps, value `start`, to the logits, value `end`, as linear layers.

    Between two activations everything is affine: its matrix is its gradient. None if there is
    max-pooling, or an activation of maps: dense layers come later, if at all.

    Parameters
    ----------
    operations : sequence of Operation
    maps : Tensor, (1, C, h, w)
        Of the shape, dtype and device of the maps.
    start, end, batch : int
        `batch` images were recorded.
    """
    layers: list[nn.Module] = []
    here: list[Operation] = []
    value, like = start, maps
    for number, operation in enumerate(operations):
        pixels, found = math.prod(operation.shape[2:]), activation(operation)
        if not {value}.union(*(one.values for one in here)).issuperset(operation.inputs):
            if pixels > 1:
                return None
            raise refuse(operation, "takes a value from before an activation past it")
        if found is None:
            linear = operation.name in AFFINE | RESHAPED | SAME
            if not linear and operation.name in READERS:
                return None
            if not linear or reason(operation) in (GATE, NORM):
                raise blamed(refuse(operation), operations[number:])
            here.append(operation)
        elif operation.inputs[0] == value and isinstance(found, nn.ReLU):
            value = operation.output  # of what is never negative
        elif pixels > 1:
            return None
        elif operation.inputs[0] == value:
            raise refuse(operation, "follows another activation")
        else:
            layers += [as_linear(here, like, value, operation.inputs[0], batch), found]
            like = maps.new_zeros(1, *operation.shape[1:])
            value, here = operation.output, []
    layers.append(as_linear(here, like, value, end, batch))
    return Classifier(*layers)


@torch.no_grad()
def as_linear(
    operations: Sequence[Operation], like: Tensor, start: int, end: int, batch: int
) -> nn.Linear:
    """Affine operations from value `start`, of a shape as `like`, to value `end`, as one layer."""
    pixels = like[0].numel()
    bias = replay(operations, {start: torch.zeros_like(like)}, batch, end).reshape(-1).to(like)
    units = len(bias)
    if units * pixels > MOST_WEIGHTS:
        raise Refused(
            f"a linear layer from {pixels} pixels of the last feature maps to {units} units has "
            f"{units * pixels:.1g} weights, more than {MOST_WEIGHTS:.1g}: give smaller images"
        )
    rows, before, value = torch.eye(units).to(like), operations, end
    for number, operation in reversed(list(enumerate(operations))):
        later = [value for each in operations[number + 1 :] for value in each.inputs]
        if is_matrix(operation) and all(value >= operation.output for value in later):
            # that of a Linear need not be found by its gradient
            *_, given, weight = operation.arguments
            if number + 1 < len(operations):
                below = like.new_zeros(1, weight.shape[1])
                after = operations[number + 1 :]
                rows = transposed(after, below, operation.output, end, batch, rows) @ weight.T
            else:
                rows = weight.T
            before, value = operations[:number], given.number
            break
    linear = nn.utils.skip_init(nn.Linear, pixels, units)
    linear.weight = nn.Parameter(transposed(before, like, start, value, batch, rows))
    linear.bias = nn.Parameter(bias.clone())
    return linear


def is_matrix(operation: Operation) -> bool:
    """Whether it multiplies a value by a constant matrix, as a Linear does."""
    if operation.name not in ("mm", "addmm") or operation.settings:
        return False
    *bias, given, weight = operation.arguments
    return isinstance(given, Value) and not any(isinstance(x, Value) for x in (*bias, weight))


@torch.no_grad()
def transposed(
    operations: Sequence[Operation], like: Tensor, start: int, end: int, batch: int, rows: Tensor
) -> Tensor:
    """Rows (n, units) times the matrix (units, pixels) of affine operations: their gradient."""
    pixels = like[0].numel()
    result = like.new_empty(len(rows), pixels)
    for places in torch.arange(len(rows)).split(max(1, 2**24 // pixels)):
        with torch.enable_grad():
            x = like.new_zeros(len(places), *like.shape[1:]).requires_grad_()
            made = replay(operations, {start: x}, batch, end)
            seeds = rows[places].detach().reshape(made.shape).to(made)
            (gradient,) = torch.autograd.grad(made, x, seeds)
        result[places] = gradient.flatten(1)
    return result


# ---------------------------------------------------------------------- where one ends


def without_probabilities(
    operations: Sequence[Operation], output: int
) -> tuple[Sequence[Operation], int]:
    """The operations up to the logits, and their number: what makes probabilities is left out."""
    end = len(operations)
    while end and operations[end - 1].name in RESHAPED | SAME:
        end -= 1
    if not end or operations[end - 1].name not in LAST:
        return operations, output
    last = operations[end - 1]
    if last.name == "sigmoid" and math.prod(last.shape[1:]) > 1:
        raise refuse(
            last,
            f"gives each of {last.shape[1]} outputs a probability of its own; one output is taken "
            "as two classes, and several need a soft-max: let the model return the logits, if "
            "its classes exclude each other",
        )
    return operations[: end - 1], last.inputs[0]


def candidates(operations: Sequence[Operation]) -> list[int]:
    """Positions in the operations after which a single value, maps, is all that matters later.

    The last one first; those whose maps have more than one pixel before the others.
    """
    last_use = {value: k for k, op in enumerate(operations) for value in op.inputs}
    found, waiting = [], {IMAGES}
    for k, operation in enumerate(operations):
        waiting |= set(operation.values)
        waiting = {value for value in waiting if last_use.get(value, -1) > k}
        if waiting == {operation.output} and len(operation.shape) == 4:
            found.append(k)
    return sorted(reversed(found), key=lambda k: math.prod(operations[k].shape[2:]) == 1)
