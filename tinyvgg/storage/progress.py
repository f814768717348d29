"""How far long work has come: a bar where somebody watches, now and then a line in a file.

A bar is drawn over and over in its place, which a file keeps as hundreds of lines. So where the
output is neither a terminal nor a notebook, progress is told once in half a minute, and at the
end. ``TQDM_DISABLE=1`` silences both.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import Any

import tqdm.auto
import tqdm.std

EVERY = 30  # seconds between two lines
LINE = (
    "{desc}: {percentage:.0f} %, {n_fmt} of {total_fmt} {unit}, "
    "{elapsed} so far, {remaining} to go{postfix}"
)


def progress_bar(
    iterable: Iterable | None = None,
    *,
    desc: str,
    unit: str,
    total: int | None = None,
    initial: int = 0,
    shown: bool = True,
) -> tqdm.std.tqdm:
    """A bar of tqdm, or what writes lines instead.

    Parameters
    ----------
    iterable : iterable, optional
        What is gone through; without one, call ``update``.
    desc, unit : str
        What is done, and what is counted, in the plural.
    total : int, optional
        How many there are; the length of the iterable if None.
    initial : int
        How many are done already.
    shown : bool
        Whether to say anything at all.
    """
    in_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.auto.tqdm.__mro__)
    watched = sys.stderr.isatty() or in_notebook
    settings: dict[str, Any] = {"desc": desc, "unit": unit, "total": total, "initial": initial}
    if not shown:
        settings["disable"] = True  # otherwise the environment decides
    if watched:
        return tqdm.auto.tqdm(iterable, mininterval=1, **settings)
    return _Lines(iterable, mininterval=EVERY, miniters=1, delay=EVERY, bar_format=LINE, **settings)


class _Lines(tqdm.std.tqdm):
    """A bar of tqdm that writes each state on a line of its own."""

    monitor_interval = 0  # no thread: work that makes no step has nothing to tell

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        print(str(self) if msg is None else msg, file=sys.stderr, flush=True)
        return True

    def close(self) -> None:
        if not getattr(self, "disable", True):  # it may have failed before that was decided
            self.display()
            self.leave = None  # nothing is to be cleared
            self.disable = True
            self._decr_instances(self)


# tqdm's own lock is shared between processes: ending one that holds it makes Python warn of a leak
_Lines.set_lock(threading.RLock())
