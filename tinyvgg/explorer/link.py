"""A choice as the text of a link, as web/link.js writes and reads it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from tinyvgg.explorer.state import Choice, Refused

SHORT = {"pixel_set": "set", "by_hand": "pixels"}  # what a link calls them
NAMES = {SHORT.get(field.name, field.name): field.name for field in fields(Choice)}
UNQUOTED = "!'()*~-_."  # by the browser's encodeURIComponent


def encode(choice: Choice) -> str:
    """The text of a choice: "task=emotion&case=1432&set=unique".

    What is as in the beginning is left out. Pixels by hand, ascending, are base64url of the gaps
    between them, seven bits a byte, the lowest first.
    """
    parts = []
    for field in fields(choice):
        value = getattr(choice, field.name)
        if value == field.default and field.name != "by_hand":
            continue
        if field.name == "by_hand" and choice.pixel_set != "hand":
            continue
        parts.append(f"{SHORT.get(field.name, field.name)}={_text(value)}")
    return "&".join(parts)


def decode(text: str) -> Choice:
    """The choice that a text stands for.

    Raises
    ------
    Refused
        The text is damaged: a `ValueError`. Whether there is such a task, case or class, only a
        session knows.
    """
    found: dict[str, Any] = {}
    for part in text.split("&"):
        key, _, value = part.partition("=")
        if key not in NAMES:
            raise _damaged(f"it says {key!r}, which no link does")
        if NAMES[key] in found:
            raise _damaged(f"it says {key} twice")
        found[NAMES[key]] = _read(key, value)
    for key in ("task", "case"):
        if key not in found:
            raise _damaged(f"it says no {key}")
    if ("by_hand" in found) != (found.get("pixel_set") == "hand"):
        raise _damaged("pixels and set=hand go together")
    return Choice(**found)


def _damaged(why: str) -> Refused:
    return Refused(f"This link is damaged: {why}")


def _read(key: str, value: str) -> Any:
    if key == "pixels":
        return _numbers(value)
    if key in ("random", "printed"):
        if value != "1":
            raise _damaged(f"{key} is 1 or left out, not {value!r}")
        return True
    if key in ("case", "draw", "strongest"):
        if not re.fullmatch(r"[0-9]{1,15}", value):
            raise _damaged(f"{key} is no whole number: {value!r}")
        return int(value)
    if key in ("floor", "percentile"):
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?", value):
            raise _damaged(f"{key} is no number: {value!r}")
        return float(value)
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise _damaged(f"{key} is no text: {value!r}")
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise _damaged(f"{key} is no text: {value!r}") from None


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return _gaps(value)
    if value is True:
        return "1"
    if isinstance(value, float):  # as a browser writes it
        if 0 < value < 1e-6 or value >= 1e21:
            return np.format_float_scientific(value, trim="-", exp_digits=1)
        return np.format_float_positional(value, trim="-")
    return quote(str(value), safe=UNQUOTED)


def _gaps(numbers: Iterable[int]) -> str:
    coded, following = bytearray(), 0
    for number in numbers:
        gap = number - following
        while gap > 127:
            coded.append(gap % 128 + 128)
            gap //= 128
        coded.append(gap)
        following = number + 1
    return base64.urlsafe_b64encode(bytes(coded)).decode().rstrip("=")


def _numbers(text: str) -> tuple[int, ...]:
    numbers, following, gap, place = [], 0, 0, 1
    try:
        coded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _damaged("its pixels cannot be read") from None
    for byte in coded:
        gap += byte % 128 * place
        place *= 128
        if byte < 128:
            numbers.append(following + gap)
            following, gap, place = numbers[-1] + 1, 0, 1
    # a text that was cut off or altered is not what these numbers are written as
    if place != 1 or following >= 2**48 or _gaps(numbers) != text:
        raise _damaged("its pixels cannot be read")
    return tuple(numbers)
