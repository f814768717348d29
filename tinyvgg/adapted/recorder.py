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
# These are told the shape of what they give.
SHAPED = ("view", "_unsafe_view", "reshape", "expand", "as_strided")  # the whole, batch included
# These take the shape of a tensor and not its values.
SHAPE_ALONE = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")


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
    def values(self) -> range:
        """The numbers of what it gives."""
        return range(self.output, self.output + self.outputs)

    @property
    def inputs(self) -> list[int]:
        """The numbers of the values that it is given."""
        leaves = tree_leaves((self.arguments, self.settings))
        return [leaf.number for leaf in leaves if isinstance(leaf, Value)]


class Refused(TypeError):
    """A model computes something that the method cannot trace; the message says what and where.

    Attributes
    ----------
    explained : bool
        Whether the message says why.
    """

    def __init__(self, message: str, explained: bool = True) -> None:
        super().__init__(message)
        self.explained = explained


def recorded(model: nn.Module, images: Tensor) -> tuple[list[Operation], int]:
    """The operations that lead from images (B, C, H, W) to the output, and the output's number.

    Raises
    ------
    Refused
        The model does not give one tensor, or its course depends on the values of the images.
    ValueError
        The model fails on these images.
    """
    name = type(model).__name__
    recorder = _Recorder(images)
    with torch.no_grad(), _paths(model) as stack:
        recorder.stack = stack
        with recorder:
            try:
                output = model(images)
            except Refused:
                raise
            except Exception as error:
                raise ValueError(
                    f"the forward pass of {name} fails on images of shape "
                    f"{tuple(images.shape)}: {error}"
                ) from error
    if not isinstance(output, Tensor):
        raise Refused(
            f"{name} returns {type(output).__name__} and not one tensor of logits (B, classes): "
            "wrap it in a module that returns the logits alone"
        )
    recorder.check_whole(output)
    if id(output) not in recorder.numbers:
        raise Refused(f"{name} returns a tensor that does not depend on the images")
    if output.ndim not in (1, 2) or len(output) != len(images):
        raise Refused(
            f"{name} returns a tensor of shape {tuple(output.shape)} for {len(images)} images, and "
            "not logits (B, classes)"
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
        self.stale: set[int] = set()  # identities of tensors that another one has changed
        self.written: set[int] = set()  # memories in which one was changed

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name, where = kwargs or {}, func.overloadpacket.__name__, self.stack[-1]
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        for tensor in given:
            self.check_whole(tensor)
        depends = name not in SHAPE_ALONE and any(id(tensor) in self.numbers for tensor in given)
        if depends and name in DECIDES:
            raise Refused(
                f"{where}: what the model does depends on the values of the images "
                f"({name}), so that there is no one network to trace"
            )
        arguments, settings = tree_map(self._value, (args, kwargs)) if depends else ((), {})
        changed = self.sharing(args[0]) if depends and in_place(name) else []
        result = func(*args, **kwargs)
        self.stale |= {id(tensor) for tensor, was in changed if not torch.equal(tensor, was)}
        if depends:
            tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
            if not tensors:
                raise Refused(f"{where}: {name} gives no tensor")
            first = self.count
            if in_place(name):
                self.written.add(_memory(tensors[0]))
            for tensor in tensors:
                self.numbers[id(tensor)] = self.count
                self.alive.append(tensor)
                self.count += 1
            shape = tuple(tensors[0].shape)
            self.operations.append(
                Operation(func, arguments, settings, first, len(tensors), shape, where)
            )
        return result

    def sharing(self, changed: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The tensors in the memory of one that is to be changed, and copies of them."""
        memory = _memory(changed)
        others = {id(tensor): tensor for tensor in self.alive if tensor is not changed}.values()
        return [(tensor, tensor.clone()) for tensor in others if _memory(tensor) == memory]

    def check_whole(self, tensor: Tensor) -> None:
        """Refuse a tensor that was changed under another name."""
        unknown = id(tensor) not in self.numbers and _memory(tensor) in self.written
        if unknown or id(tensor) in self.stale:
            raise Refused(
                f"{self.stack[-1]}: a part of a tensor was changed in place (as x[:, 0] = y and "
                "circular padding do), and then the whole is used: build it anew instead, by "
                "torch.cat or torch.where"
            )

    def _value(self, leaf: Any) -> Any:
        known = isinstance(leaf, Tensor) and id(leaf) in self.numbers
        return Value(self.numbers[id(leaf)]) if known else leaf


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def in_place(name: str) -> bool:
    """Whether an operator changes its first argument."""
    return name.endswith("_") and not name.endswith("__")


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
        if not needed.isdisjoint(operation.values):
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
        if in_place(operation.function.overloadpacket.__name__):
            arguments = (arguments[0].clone(), *arguments[1:])
        if operation.name in SHAPED and arguments[1][0] == batch:
            arguments = (arguments[0], [rows, *arguments[1][1:]], *arguments[2:])
        try:
            result = (
                arguments[0]
                if operation.name == "detach"
                else operation.function(*arguments, **settings)
            )
        except RuntimeError as error:
            raise Refused(
                f"{operation.where}: {operation.name} cannot be done for another number of images "
                f"than {batch}: {error}"
            ) from error
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        values |= dict(enumerate(tensors, operation.output))
    return values[output]
