"""ATen's operators: which can be traced, and what is said of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from torch import Tensor, nn

from tinyvgg.adapted.recorder import Operation, Refused, Value
from tinyvgg.graph import Square

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


def filled(operation: Operation, *defaults: Any) -> tuple:
    """The arguments after the first, with the defaults of those that were not given."""
    given = operation.arguments[1:]
    return (*given, *defaults[len(given) :])
