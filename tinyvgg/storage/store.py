"""Results on disk, found again by the hash of what made them.

An entry is a folder ``<kind>-<key>/`` that holds ``arrays.safetensors``, ``values.json`` and
``manifest.json``. The key is the hash of the recipe (configuration and data), of the source of
the code that makes the result, and of the versions of the libraries it rests on: a result never
outlives the code that made it. That code is found by itself (see `fingerprint`). An entry appears
only when whole; its checksums are read again on every load, and a damaged entry is made again.
Nothing is unpickled.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors.numpy import save_file

from tinyvgg.storage.files import content_hash, file_digest, replacing
from tinyvgg.storage.fingerprint import PACKAGE, code_fingerprint, modules_of

log = logging.getLogger(__name__)

DTYPES = {  # by the name that safetensors gives them
    **{"BOOL": np.bool_, "U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "U64": np.uint64},
    **{"I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64},
    **{"F16": np.float16, "F32": np.float32, "F64": np.float64, "C64": np.complex64},
}
LIBRARIES = ("torch", "numpy", "scipy", "pillow")
ARRAYS, VALUES, MANIFEST = "arrays.safetensors", "values.json", "manifest.json"

Recipe = Mapping[str, Any]
Make = Callable[[Path], Mapping[str, Any]]


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

    def get(self, kind: str, recipe: Recipe, make: Make) -> dict[str, Any]:
        """Return the result of a recipe, made now if it is not there.

        Parameters
        ----------
        kind : str
            What it is, one word; the entry's folder begins with it.
        recipe : mapping
            Everything the result depends on beside code and libraries; JSON.
        make : callable
            Called with a folder for work in progress (left there when it fails, so that long
            work can resume); returns a mapping of numpy arrays and JSON values. The code of this
            package that defines it is part of what the result is found by
            (`fingerprint.modules_of`).

        Returns
        -------
        dict
            The arrays and values that `make` returned.
        """
        entry = self._entry(kind, recipe, make)
        if (found := self._load(entry)) is not None:
            return found
        with self._lock(entry.name):
            if (found := self._load(entry)) is not None:  # another process was faster
                return found
            work = self.unfinished(kind, recipe, make)
            work.mkdir(parents=True, exist_ok=True)
            self._save(entry, kind, recipe, make(work))
            shutil.rmtree(work, ignore_errors=True)
        found = self._load(entry)
        if found is None:
            raise OSError(f"{entry} was written but cannot be read back: is the disk full?")
        return found

    def put(self, kind: str, recipe: Recipe, make: Make, result: Mapping[str, Any]) -> None:
        """Store what `make` gave elsewhere, where `get` of the same arguments finds it."""
        entry = self._entry(kind, recipe, make)
        with self._lock(entry.name):
            if not self._intact(entry):
                self._save(entry, kind, recipe, result)

    def has(self, kind: str, recipe: Recipe, make: Make) -> bool:
        """Whether the result of a recipe is there, whole."""
        return self._intact(self._entry(kind, recipe, make))

    def unfinished(self, kind: str, recipe: Recipe, make: Make) -> Path:
        """The folder that `make` is given for work in progress; it need not exist."""
        return self.root / "unfinished" / self._entry(kind, recipe, make).name

    @staticmethod
    def key(recipe: Recipe, make: Make) -> str:
        """Hash of the recipe, of the code and of the libraries' versions; 20 hex digits."""
        code = code_fingerprint(*modules_of(make))
        whole = {"recipe": recipe, "code": code, "libraries": _versions()}
        return content_hash(whole, size=10, default=_refuse)

    def _entry(self, kind: str, recipe: Recipe, make: Make) -> Path:
        return self.root / f"{kind}-{self.key(recipe, make)}"

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

    @staticmethod
    def _save(entry: Path, kind: str, recipe: Recipe, result: Mapping[str, Any]) -> None:
        found = {k: v for k, v in result.items() if isinstance(v, np.ndarray)}
        arrays = {k: np.asarray(v, order="C") for k, v in found.items()}
        values = {k: v for k, v in result.items() if k not in found}
        with replacing(entry) as folder:
            folder.mkdir()
            save_file(arrays, folder / ARRAYS)
            (folder / VALUES).write_text(json.dumps(values, default=_refuse), "utf8")
            manifest = {
                "kind": kind,
                "key": entry.name.removeprefix(f"{kind}-"),
                "recipe": recipe,
                "libraries": _versions(),
                "files": {name: file_digest(folder / name) for name in (ARRAYS, VALUES)},
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf8")

    def _load(self, entry: Path) -> dict[str, Any] | None:
        if not entry.exists():
            return None
        if not self._intact(entry):
            log.warning("%s is damaged; it is made again", entry)
            return None
        values = json.loads((entry / VALUES).read_text("utf8"))
        return {**_mapped(entry / ARRAYS), **values}

    @staticmethod
    def _intact(entry: Path) -> bool:
        try:
            manifest = json.loads((entry / MANIFEST).read_text("utf8"))
            files = manifest["files"].items()
            return all(file_digest(entry / name) == expected for name, expected in files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False


def _mapped(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, read as they are used; what is written stays in memory.

    Processes that use the same entry, such as the images of a run, share its memory.
    """
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(size))
    header.pop("__metadata__", None)
    whole = np.memmap(file, np.uint8, mode="c").view(np.ndarray)[8 + size :]
    return {
        name: whole[slice(*it["data_offsets"])].view(DTYPES[it["dtype"]]).reshape(it["shape"])
        for name, it in header.items()
    }


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name).split("+")[0] for name in LIBRARIES}


def _refuse(value: Any):
    raise TypeError(
        f"{value!r} ({type(value).__name__}) is neither a numpy array nor JSON; "
        "turn it into lists, numbers and strings first"
    )
