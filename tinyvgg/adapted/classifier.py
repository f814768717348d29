"""Where the features end, and what follows them as linear layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tinyvgg.adapted.operators import (
    AFFINE,
    GATE,
    LAST,
    NORM,
    RESHAPED,
    SAME,
    activation,
    blamed,
    reason,
    refuse,
)
from tinyvgg.adapted.reader import READERS
from tinyvgg.adapted.recorder import IMAGES, Operation, Refused, Value, replay
from tinyvgg.graph import Classifier

MOST_WEIGHTS = 2**31  # of a linear layer


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
