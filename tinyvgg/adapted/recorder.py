"""What a model computes, operation by operation, whatever its modules are called.

The model runs once, on real images, and every operation on a tensor that depends on them is
noted. Weights that are themselves computed (weight norm, pruning, parametrisations, standardised
kernels) are constants by then, and control flow that asks for shapes alone has been decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

IMAGES = 0  # number of the value that is the images
DECIDES = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero")


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the images, by its number."""

    number: int


@dataclass(frozen=True, eq=False)
class Operation:
    """A call of an ATen operator.

    Attributes
    ----------
    function : OpOverload
    arguments, settings : tuple, dict
        Positional and by name; a `Value` stands for a tensor that depends on the images.
    output : int
        Number of what it gives; where it gives several tensors, of the first, the others follow.
    outputs : int
        How many tensors it gives.
    shape : tuple of int
        Of the first.
    where : str
        The module that called it: its path, and its type.
    """

    function: Any
    arguments: tuple
    settings: Mapping[str, Any]
    output: int
    outputs: int
    shape: tuple[int, ...]
    where: str

    @property
    def name(self) -> str:
        """Of the operator, without its overload, and without the mark of one that is in place."""
        return str(self.function.overloadpacket.__name__).rstrip("_")

    @property
    def inputs(self) -> list[int]:
        """The numbers of the values that it is given."""
        leaves = tree_leaves((self.arguments, self.settings))
        return [leaf.number for leaf in leaves if isinstance(leaf, Value)]


class Refused(TypeError):
    """A model computes something that the method cannot trace; the message says what and where."""


def recorded(model: nn.Module, images: Tensor) -> tuple[list[Operation], int]:
    """The operations that lead from images (B, C, H, W) to the output, and the output's number.

    Raises
    ------
    Refused
        The model does not give one tensor, or its course depends on the values of the images.
    """
    recorder = _Recorder(images)
    with torch.no_grad(), _paths(model) as stack:
        recorder.stack = stack
        with recorder:
            output = model(images)
    if not isinstance(output, Tensor) or id(output) not in recorder.numbers:
        raise Refused(
            f"{type(model).__name__} returns {type(output).__name__} and not one tensor of logits "
            "(B, classes): wrap it in a module that returns the logits alone"
        )
    number = recorder.numbers[id(output)]
    return _that_lead_to(recorder.operations, number), number


class _Recorder(TorchDispatchMode):
    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.numbers = {id(images): IMAGES}
        self.alive = [images]  # so that no identity is used twice
        self.count = 1
        self.operations: list[Operation] = []
        self.stack: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        depends = [
            leaf
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, Tensor) and id(leaf) in self.numbers
        ]
        where = self.stack[-1]
        if depends and func.overloadpacket.__name__ in DECIDES:
            raise Refused(
                f"{where}: what the model does depends on the values of the images "
                f"({func.overloadpacket.__name__}), so that there is no one network to trace"
            )
        arguments, settings = tree_map(self._value, (args, kwargs)) if depends else ((), {})
        result = func(*args, **kwargs)
        if depends:
            tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
            if not tensors:
                raise Refused(f"{where}: {func.overloadpacket.__name__} gives no tensor")
            first = self.count
            for tensor in tensors:
                self.numbers[id(tensor)] = self.count
                self.alive.append(tensor)
                self.count += 1
            shape = tuple(tensors[0].shape)
            self.operations.append(
                Operation(func, arguments, settings, first, len(tensors), shape, where)
            )
        return result

    def _value(self, leaf: Any) -> Any:
        known = isinstance(leaf, Tensor) and id(leaf) in self.numbers
        return Value(self.numbers[id(leaf)]) if known else leaf


@contextmanager
def _paths(model: nn.Module) -> Iterator[list[str]]:
    """The modules that are running, the innermost last, in words."""
    names = {module: path for path, module in model.named_modules() if path}
    stack = [type(model).__name__]

    def enter(module: nn.Module, _: Any) -> None:
        path = names.get(module)
        stack.append(f"{path} ({type(module).__name__})" if path else type(module).__name__)

    def leave(*_: Any) -> None:
        stack.pop()

    handles = [
        register_module_forward_pre_hook(enter),
        register_module_forward_hook(leave, always_call=True),
    ]
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def _that_lead_to(operations: Sequence[Operation], output: int) -> list[Operation]:
    needed, kept = {output}, []
    for operation in reversed(operations):
        given = range(operation.output, operation.output + operation.outputs)
        if not needed.isdisjoint(given):
            kept.append(operation)
            needed |= set(operation.inputs)
    return kept[::-1]


def replay(
    operations: Sequence[Operation], values: dict[int, Tensor], batch: int, output: int
) -> Tensor:
    """The value of a number, from given ones and operations that were recorded with `batch` images.

    The values may have another number of rows than the images had.
    """
    values = dict(values)
    rows = len(next(iter(values.values())))

    def fill(leaf: Any) -> Any:
        return values[leaf.number] if isinstance(leaf, Value) else leaf

    for operation in operations:
        arguments, settings = tree_map(fill, (operation.arguments, operation.settings))
        if operation.function.overloadpacket.__name__.endswith("_"):  # in place
            arguments = (arguments[0].clone(), *arguments[1:])
        if operation.name in SHAPED and arguments[1][0] == batch:
            arguments = (arguments[0], [rows, *arguments[1][1:]], *arguments[2:])
        result = operation.function(*arguments, **settings)
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        values |= dict(enumerate(tensors, operation.output))
    return values[output]


SHAPED = ("view", "_unsafe_view", "reshape", "expand")  # take the whole shape, batch included
