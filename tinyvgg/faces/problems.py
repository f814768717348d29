"""Problems with the files of a source, collected and reported in one error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

# The kinds of problems, in the words of the error.
MISLABELLED = "labels missing, unknown or contradictory"
TWICE = "duplicate"
UNREADABLE = "unreadable"
FACELESS = "cannot be cropped"
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
            f"{source}: {count(problems)} of {total} images cannot be used; correct or remove "
            f"them, or leave them out with the setting problems=skip{told(problems)}"
        )


def count(problems: Iterable[Problem]) -> int:
    """The number of files with problems; a file may have several."""
    return len({problem.source for problem in problems})


def printable(path: Path, root: Path) -> str:
    """A path below a root, with slashes; bytes that are no text are written as escapes."""
    return path.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()


def repeats(names: Iterable[Path], root: Path) -> list[Problem]:
    """Files of one name in several folders or formats; the first of them stands."""
    first: dict[str, Path] = {}
    problems = []
    for path in names:
        known = first.setdefault(path.stem.upper(), path)
        if known is not path:
            reason = f"the same name as {printable(known, root)}"
            problems.append(Problem(TWICE, printable(path, root), reason))
    return problems


def contradictions(people: Sequence[tuple[Path, str, tuple]], root: Path) -> list[Problem]:
    """Files that give a person (path, name, labels) other labels than most of the person's do."""
    times = Counter((person, labels) for _, person, labels in people)
    usual: dict[str, tuple[int, set]] = {}
    for (person, labels), count in times.items():
        most, which = usual.get(person, (0, set()))
        if count >= most:
            usual[person] = (count, {labels} | (which if count == most else set()))
    problems = []
    for path, person, labels in people:
        which = usual[person][1]
        if which != {labels}:
            here, *others = (" ".join(filter(None, some)) for some in (labels, *which - {labels}))
            reason = f"{person} is {here} here, but {' or '.join(sorted(others))} elsewhere"
            problems.append(Problem(MISLABELLED, printable(path, root), reason))
    return problems
