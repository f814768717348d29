"""What is wrong with the files of a source, gathered and told at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

# The kinds of problem, in the words of the error.
MISLABELLED = "labels missing, unknown or contradictory"
TWICE = "there more than once"
UNREADABLE = "cannot be read as a picture"
FACELESS = "no square of the face can be cut out"
KINDS = (MISLABELLED, TWICE, UNREADABLE, FACELESS)

SHOWN = 10


class Problem(NamedTuple):
    """One file that cannot be used."""

    kind: str
    source: str  # path below the source's folder
    reason: str


def told(problems: Sequence[Problem]) -> str:
    """Say how many problems there are of each kind, with the first ten of each by name."""
    parts = []
    for kind in KINDS:
        some = [problem for problem in problems if problem.kind == kind]
        if some:
            parts.append(f"\n  {kind} ({len(some)}):")
            parts += [f"\n    {problem.source}: {problem.reason}" for problem in some[:SHOWN]]
        if len(some) > SHOWN:
            parts.append(f"\n    and {len(some) - SHOWN} more")
    return "".join(parts)


def refuse(problems: Sequence[Problem], total: int, source: str) -> None:
    """Raise one ValueError for all problems, if there are any."""
    if problems:
        raise ValueError(
            f"{source}: {count(problems)} of {total} images cannot be used; mend or remove them, "
            f"or have them left out by the setting problems=skip{told(problems)}"
        )


def count(problems: Iterable[Problem]) -> int:
    """The number of files with problems; a file may have several."""
    return len({problem.source for problem in problems})


def printable(path: Path, root: Path) -> str:
    """A path below a root, with slashes; bytes that are no text are written as escapes."""
    return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()
