"""A choice as the text of a link: JSON in base64url, as web/link.js writes and reads it."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from tinyvgg.explorer.state import Choice, Refused, to_numbers

LARGEST = 2**53 - 1  # whole number that JavaScript holds exactly
ENTRIES = {field.name: str(field.type) for field in fields(Choice)}


def encode(choice: Choice) -> str:
    """The text of a choice; values that equal the defaults are left out.

    Pixels chosen by hand are a bit each, the lowest first, in base64url of their own.
    """
    values = {field.name: getattr(choice, field.name) for field in fields(choice)}
    changed = {f.name: values[f.name] for f in fields(choice) if values[f.name] != f.default}
    changed.pop("by_hand", None)
    if choice.pixel_set == "hand":
        changed["by_hand"] = _packed(choice.by_hand)
    written = ",".join(f'"{name}":{_json(value)}' for name, value in changed.items())
    return _base64(f"{{{written}}}".encode())


def decode(text: str) -> Choice:
    """The choice that a text stands for.

    Raises
    ------
    Refused
        The text is damaged: a `ValueError`. Whether such a task, case or class exists, only a
        session knows.
    """
    try:
        values = json.loads(_bytes(text).decode(), parse_constant=_no_number)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise _damaged("it cannot be read")
    if unknown := sorted(set(values) - set(ENTRIES)):
        raise _damaged(f"it has the unknown entries {', '.join(unknown)}")
    for name in ("task", "case"):
        if name not in values:
            raise _damaged(f"it has no {name}")
    if ("by_hand" in values) != (values.get("pixel_set") == "hand"):
        raise _damaged("by_hand needs the pixel_set 'hand', and this set needs by_hand")
    return Choice(**{name: _read(name, value) for name, value in values.items()})


def _damaged(why: str) -> Refused:
    return Refused(f"This link is damaged: {why}")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _read(name: str, value: Any) -> Any:
    """An entry, of the type that it has in a choice."""
    kind = ENTRIES[name]
    if kind.startswith("tuple"):
        return _unpacked(value)
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "bool" and value is True:
        return True
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        if kind == "float":
            return float(value)
        if kind.startswith("int") and value <= LARGEST and value == int(value):
            return int(value)
    raise _damaged(f"its {name} cannot be read")


def _json(value: Any) -> str:
    """A value as the browser's JSON.stringify writes it."""
    if not isinstance(value, float):
        return json.dumps(value, ensure_ascii=False)
    if 0 < value < 1e-6 or value >= 1e21:
        return np.format_float_scientific(value, trim="-", exp_digits=1)
    return np.format_float_positional(value, trim="-")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    if not re.fullmatch(r"[\w-]*", text, re.ASCII):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _packed(numbers: Iterable[int]) -> str:
    """Numbers as a bit mask."""
    numbers = list(numbers)
    mask = np.zeros(max(numbers, default=-1) + 1, bool)
    mask[numbers] = True
    return _base64(np.packbits(mask, bitorder="little").tobytes())


def _unpacked(text: Any) -> tuple[int, ...]:
    try:
        mask = np.frombuffer(_bytes(text), np.uint8)
    except (TypeError, ValueError):
        raise _damaged("its by_hand cannot be read") from None
    return to_numbers(np.unpackbits(mask, bitorder="little"))
