"""Choose a case and a set of pixels, and see what the network predicts without them.

`Session` is the explorer without a display, `Explorer` the widget (it needs anywidget), and
`still` a figure of one state.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyvgg.explorer.session import PIXEL_SETS, Session
    from tinyvgg.explorer.snapshot import still
    from tinyvgg.explorer.state import Refused, State
    from tinyvgg.explorer.widget import Explorer

# imported on first use: binding a book needs no torch, and computing no Jupyter
_HOMES = {
    "Explorer": "widget",
    "PIXEL_SETS": "session",
    "Refused": "state",
    "Session": "session",
    "State": "state",
    "still": "snapshot",
}

__all__ = ["PIXEL_SETS", "Explorer", "Refused", "Session", "State", "still"]


def __getattr__(name: str) -> Any:
    """One of the public names (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
