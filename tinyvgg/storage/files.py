"""Files that are there whole or not at all, and hashes of what they hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A new path beside another, which it replaces when the block ends without an error.

    So no reader sees half a file, and a failure leaves what was there before. The block writes a
    file, or makes a folder, of the path that it is given. The parent folder is made if missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf8")


def write_json(path: str | Path, content: Any, allow_nan: bool = True) -> None:
    """Write a JSON file, whole or not at all.

    Raises
    ------
    ValueError
        A number is not finite, and `allow_nan` is False (JSON itself does not know such numbers).
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=allow_nan)
    write_text(path, text + "\n")


def digest(*parts: str | bytes | np.ndarray, size: int = 16) -> str:
    """Hash of texts, bytes and arrays (their values alone), one after the other; hexadecimal."""
    total = hashlib.blake2b(digest_size=size)
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(np.ascontiguousarray(part).data)
        else:
            total.update(part.encode() if isinstance(part, str) else part)
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """Hash of what a file holds; hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def content_hash(content: Any, size: int = 8, default: Callable[[Any], Any] | None = None) -> str:
    """Hash of JSON content, whatever the order of its keys; hexadecimal, two digits per byte.

    Parameters
    ----------
    content : JSON
    size : int
        Bytes of the hash.
    default : callable, optional
        Called with what is not JSON, as by `json.dumps`.
    """
    return digest(json.dumps(content, sort_keys=True, default=default), size=size)
