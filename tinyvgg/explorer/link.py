"""A choice as the text of a link: JSON in base64url, as web/choice.js writes and reads it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from tinyvgg.explorer.state import Choice, Refused, to_numbers

NAMES = {field.name for field in fields(Choice)}


def encode(choice: Choice) -> str:
    """The text of a choice; values that equal the defaults are left out.

    Pixels chosen by hand are a bit each, the lowest first, in base64url of their own.
    """
    values = {
        field.name: _number(getattr(choice, field.name))
        for field in fields(choice)
        if getattr(choice, field.name) != field.default
    }
    if choice.pixel_set == "hand":
        values["by_hand"] = _packed(choice.by_hand)
    return _base64(json.dumps(values, separators=(",", ":")).encode())


def _number(value: object) -> object:
    """A whole number without a decimal point, as JavaScript writes it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def decode(text: str) -> Choice:
    """The choice that a text stands for.

    Raises
    ------
    Refused
        The text is damaged: a `ValueError`. Whether such a task, case or class exists, only a
        session knows.
    """
    try:
        values = json.loads(_bytes(text))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise _damaged("it cannot be read")
    if unknown := sorted(set(values) - NAMES):
        raise _damaged(f"it has the unknown entries {', '.join(unknown)}")
    for name in ("task", "case"):
        if name not in values:
            raise _damaged(f"it has no {name}")
    by_hand = values.pop("by_hand", None)
    if (by_hand is not None) != (values.get("pixel_set") == "hand"):
        raise _damaged("by_hand needs the pixel_set 'hand', and this set needs by_hand")
    return Choice(**values, by_hand=() if by_hand is None else _unpacked(by_hand))


def _damaged(why: str) -> Refused:
    return Refused(f"This link is damaged: {why}")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _packed(numbers: Iterable[int]) -> str:
    """Numbers as a bit mask."""
    numbers = list(numbers)
    mask = np.zeros(max(numbers, default=-1) + 1, bool)
    mask[numbers] = True
    return _base64(np.packbits(mask, bitorder="little").tobytes())


def _unpacked(text: str) -> tuple[int, ...]:
    try:
        mask = np.frombuffer(_bytes(text), np.uint8)
    except (TypeError, ValueError):
        raise _damaged("its pixels cannot be read") from None
    return to_numbers(np.unpackbits(mask, bitorder="little"))
