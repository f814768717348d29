"""Results on disk, found again by the hash of what made them.

An entry is a folder ``<kind>-<key>/`` that holds ``arrays.safetensors``, ``values.json`` and
``manifest.json``. The key is the hash of the recipe (configuration and data), of the source
of the modules that make the result, and of the versions of the libraries they rest on: a
result never outlives the code that made it. An entry is written under a temporary name and
renamed when whole; its checksums are read again on every load, and a damaged entry is made
anew. Nothing is unpickled.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors.numpy import load_file, save_file

log = logging.getLogger(__name__)

PACKAGE = "tinyvgg"
LIBRARIES = ("torch", "numpy", "scipy", "pillow")
ARRAYS, VALUES, MANIFEST = "arrays.safetensors", "values.json", "manifest.json"


def default_root() -> Path:
    """Folder of the store: ``$TINYVGG_STORE``, else the checkout's ``_build/store``, else a cache.

    The cache (``~/.cache/tinyvgg``) serves a package that is installed away from its checkout.
    """
    if named := os.environ.get("TINYVGG_STORE"):
        return Path(named).expanduser().resolve()
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "_build" / "store"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / PACKAGE


class Store:
    """Results under one folder, each made once.

    Parameters
    ----------
    root : path, optional
        The folder; `default_root` if None. It is made when first needed.
    """

    def __init__(self, root: str | Path | None = None):
        self.root = Path(root) if root is not None else default_root()

    def get(
        self,
        kind: str,
        recipe: Mapping[str, Any],
        code: Iterable[str],
        make: Callable[[Path], Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Return the result of a recipe, made now if it is not there.

        Parameters
        ----------
        kind : str
            What it is, one word; the entry's folder begins with it.
        recipe : mapping
            Everything the result depends on beside code and libraries; JSON.
        code : iterable of str
            Names of the modules that make the result; what they import of this package
            counts as well.
        make : callable
            Called with a folder for work in progress (kept when it fails, so that long work
            can resume); returns a mapping of numpy arrays and JSON values.

        Returns
        -------
        dict
            The arrays and values that `make` returned.
        """
        key = self.key(recipe, code)
        entry = self.root / f"{kind}-{key}"
        if (found := self._load(entry)) is not None:
            return found
        with self._lock(entry.name):
            if (found := self._load(entry)) is not None:  # another process was faster
                return found
            work = self.root / "unfinished" / entry.name
            work.mkdir(parents=True, exist_ok=True)
            self._save(entry, kind, key, recipe, make(work))
            shutil.rmtree(work, ignore_errors=True)
        found = self._load(entry)
        if found is None:
            raise OSError(f"{entry} was written but cannot be read back: is the disk full?")
        return found

    def has(self, kind: str, recipe: Mapping[str, Any], code: Iterable[str]) -> bool:
        """Whether the result of a recipe is there, whole."""
        entry = self.root / f"{kind}-{self.key(recipe, code)}"
        return self._intact(entry)

    @staticmethod
    def key(recipe: Mapping[str, Any], code: Iterable[str]) -> str:
        """Hash of the recipe, of the code and of the libraries' versions; 20 hex digits."""
        whole = {"recipe": recipe, "code": code_fingerprint(*code), "libraries": _versions()}
        text = json.dumps(whole, sort_keys=True, default=_refuse)
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{name}.lock")
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            log.info("%s is being made by another process; waiting for it", name)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _save(self, entry: Path, kind, key, recipe, result: Mapping[str, Any]) -> None:
        arrays = {k: np.ascontiguousarray(v) for k, v in result.items() if _is_array(v)}
        values = {k: v for k, v in result.items() if not _is_array(v)}
        temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=self.root))
        try:
            save_file(arrays, temporary / ARRAYS)
            (temporary / VALUES).write_text(json.dumps(values, default=_refuse), "utf8")
            manifest = {
                "kind": kind,
                "key": key,
                "recipe": recipe,
                "libraries": _versions(),
                "files": {name: _checksum(temporary / name) for name in (ARRAYS, VALUES)},
            }
            (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf8")
            if entry.exists():
                shutil.rmtree(entry)
            os.replace(temporary, entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _load(self, entry: Path) -> dict[str, Any] | None:
        if not entry.exists():
            return None
        if not self._intact(entry):
            log.warning("%s is damaged; it is made again", entry)
            return None
        values = json.loads((entry / VALUES).read_text("utf8"))
        return {**load_file(entry / ARRAYS), **values}

    @staticmethod
    def _intact(entry: Path) -> bool:
        try:
            manifest = json.loads((entry / MANIFEST).read_text("utf8"))
            return all(_checksum(entry / name) == sum_ for name, sum_ in manifest["files"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False


@cache
def code_fingerprint(*modules: str) -> str:
    """Hash of the modules' source and of all that they import from this package; hex.

    Comments, layout and docstrings do not count: what is hashed is the syntax tree.

    Parameters
    ----------
    *modules : str
        Full names such as ``"tinyvgg.training.fit"``.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, tree in sorted(_closure(modules).items()):
        digest.update(f"{name}\n{syntax(tree)}\n".encode())
    return digest.hexdigest()


def syntax(node: Any) -> str:
    """A syntax tree as text, without what is empty.

    `ast.dump` says the same, but Python 3.12 and 3.13 each changed what it writes of empty
    fields; this text is the same under all three, so that a fingerprint kept with a record can
    be compared under another Python than the one that made it.
    """
    if isinstance(node, list):
        return f"[{','.join(map(syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        f"{name}={syntax(value)}"
        for name, value in ast.iter_fields(node)
        if value is not None and value != []
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def _closure(modules: Iterable[str]) -> dict[str, ast.Module]:
    """Syntax trees, without docstrings, of the modules and of what they import from here."""
    trees: dict[str, ast.Module] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in trees:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"no module {name!r}, so its source cannot be hashed")
        tree = ast.parse(Path(spec.origin).read_text("utf8"))
        package = name if spec.submodule_search_locations else name.rpartition(".")[0]
        waiting += _imports(tree, package)
        trees[name] = _without_docstrings(tree)
    return trees


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


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return tree


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name).split("+")[0] for name in LIBRARIES}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _refuse(value: Any):
    raise TypeError(
        f"{value!r} ({type(value).__name__}) is neither a numpy array nor JSON; "
        "turn it into lists, numbers and strings first"
    )
