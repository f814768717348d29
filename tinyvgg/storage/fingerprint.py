"""Which code a result depends on, and a hash of it that comments and layout do not change.

What makes a result is a function. The code that it depends on is the module that defines it, and
all modules of this package that this one imports, directly or not. A package that only keeps and
finds results says so by ``MAKES_RESULTS = False`` in its ``__init__``; what is in it, and what it
imports, does not count.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from tinyvgg.storage.files import digest

PACKAGE = "tinyvgg"
FLAG = "MAKES_RESULTS"


def modules_of(*makers: Any) -> tuple[str, ...]:
    """Names of the modules of this package that define some functions or objects, in order.

    They are looked for in whatever a ``functools.partial`` is made of, in the object of a bound
    method, in what a function took from around it (a closure), in the fields of dataclasses and
    in lists, tuples, sets and mappings. Of another object it is the module of its class.

    Raises
    ------
    ValueError
        All that is found belongs to packages that make no results.
    """
    found = {name for name in _defining(makers) if name and name.split(".")[0] == PACKAGE}
    makes = tuple(sorted(name for name in found if _makes_results(name)))
    if found and not makes:
        raise ValueError(
            f"the code of {', '.join(sorted(found))} is said to make no results "
            f"({FLAG} = False), so no change of it would be noticed: give a function of "
            "another package, or a functools.partial that holds one"
        )
    return makes


def _defining(makers: Iterable[Any]) -> set[str]:
    """Names of the modules that define some functions or objects, of this package and others."""
    found, waiting = set(), list(makers)
    seen: dict[int, Any] = {}  # by identity: a nested function may hold itself
    while waiting:
        maker = waiting.pop()
        if id(maker) in seen:
            continue
        seen[id(maker)] = maker
        if isinstance(maker, MethodType):
            waiting += [maker.__func__, maker.__self__]
        elif isinstance(maker, functools.partial):
            waiting += [maker.func, *maker.args, *maker.keywords.values()]
        elif hasattr(maker, "__wrapped__"):  # by functools.cache, by a decorator
            waiting.append(maker.__wrapped__)
        elif isinstance(maker, type | FunctionType | BuiltinFunctionType):
            found.add(maker.__module__)
            waiting += _enclosed(maker)
        else:
            found.add(type(maker).__module__)
            waiting += _held(maker)
    return found


def _enclosed(function: Any) -> Iterator[Any]:
    """What a nested function took from around it."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # it is not filled yet
            yield cell.cell_contents


def _held(holder: Any) -> Iterable[Any]:
    """What a dataclass or a collection holds."""
    if is_dataclass(holder):
        return [getattr(holder, field.name) for field in fields(holder)]
    if isinstance(holder, Mapping):
        return holder.values()
    return holder if isinstance(holder, list | tuple | set | frozenset) else ()


@functools.cache
def code_fingerprint(*modules: str) -> str:
    """Hash of the modules' source and of all that they import from this package; hexadecimal.

    Comments, layout and docstrings do not count: what is hashed is the syntax tree.

    Parameters
    ----------
    *modules : str
        Full names such as ``"tinyvgg.training.fit"``; see `modules_of`.

    Raises
    ------
    ModuleNotFoundError
        There is no such module.
    """
    sources = sorted(_closure(modules).items())
    return digest(*(f"{name}\n{source}\n" for name, source in sources))


def package_source() -> dict[str, str]:
    """Hash of every file of the package, by name; of a module without comments and layout."""
    package = Path(__file__).resolve().parents[1]
    files = (path for path in package.rglob("*") if path.suffix in (".py", ".js", ".css", ".npz"))
    return {
        path.relative_to(package).as_posix(): digest(
            syntax(_parsed(path)) if path.suffix == ".py" else path.read_bytes()
        )
        for path in sorted(files)
    }


def syntax(node: Any) -> str:
    """A syntax tree as text, without what is empty.

    `ast.dump` gives the same, but Python 3.12 and 3.13 each changed what it writes of empty
    fields; this text is the same under all three, so that a fingerprint kept with a record can
    be compared under another Python than the one that made it.
    """
    if isinstance(node, list):
        return f"[{','.join(map(syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = [
        f"{name}={syntax(value)}"
        for name, value in ast.iter_fields(node)
        if value is not None and value != []
    ]
    return f"{type(node).__name__}({','.join(parts)})"


def _closure(modules: Iterable[str]) -> dict[str, str]:
    """Source, as a syntax tree without docstrings, of the modules and of what they import."""
    sources: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in sources and _makes_results(name):
            sources[name], imported = _module(name)
            waiting += imported
    return sources


@functools.cache
def _module(name: str) -> tuple[str, list[str]]:
    """The source of a module, as in `_closure`, and the modules of this package it imports."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {name!r}, so its source cannot be hashed")
    tree = _parsed(Path(spec.origin))
    package = name if spec.submodule_search_locations else name.rpartition(".")[0]
    return syntax(_without_docstrings(tree)), _imports(tree, package)


def _makes_results(name: str) -> bool:
    """Whether neither a module nor a package around it says that it makes no results."""
    parts = name.split(".")
    around = [".".join(parts[:k]) for k in range(1, len(parts) + 1)]
    return not any(_makes_none(name) for name in around)


@functools.cache
def _makes_none(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations or spec.origin is None:
        return False
    for node in _parsed(Path(spec.origin)).body:
        if isinstance(node, ast.Assign) and FLAG in [
            target.id for target in node.targets if isinstance(target, ast.Name)
        ]:
            return ast.literal_eval(node.value) is False
    return False


def _imports(tree: ast.Module, package: str) -> list[str]:
    """Modules of this package that a tree imports, wherever in it the statement stands."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            submodules = [f"{base}.{alias.name}" for alias in node.names]
            known = [name for name in submodules if _is_module(name)]
            found += known if len(known) == len(submodules) else [base, *known]
    return [name for name in found if name.split(".")[0] == PACKAGE]


def _is_module(name: str) -> bool:
    if name.split(".")[0] != PACKAGE:
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf8"))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return tree
