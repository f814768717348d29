"""Pages without what the labels of a run do not tell: sentences, figures, whole pages.

A sentence of a page quotes glued values. Where a run's pictures lack a label, the values that
rest on it are not there, and the sentences that quote them are left out, so that what remains
is true and can be read. In the same way a sentence about the rendered faces quotes the word
"synthetic", which is glued only where the faces of the run are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from tinyvgg.faces.labels import WORDS, listed

SYNTHETIC = "synthetic"  # the source of the rendered faces, and the name of the glued word
QUOTED = re.compile(r"\{glue:(?:text|figure)?\}`([^`]+)`")
REFERRED = re.compile(r"\{(?:numref|ref)\}`(?:[^`<]*<)?([^`>]+)>?`")
FORMAT = re.compile(r"(?<!:):[^:]*$")  # "page::name" has two colons
SHORT = r"(?<!Fig)(?<!Figs)(?<!Eq)(?<!Eqs)(?<!al)(?<!Sect)(?<!vs)(?<!cf)"
ENDS = re.compile(rf"(?:{SHORT}[.!?]|:)(?:\)|\*|”)?\s+(?=[A-Z{{*(„“$])")
FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)
PIECE = re.compile(r"^(\s*(?:[-*|]|\d+\.)\s)")  # an item of a list, a row of a table


def known_labels(table: pd.DataFrame) -> dict[str, bool]:
    """Which labels every picture of a set has; the gaze only if it is not always the same."""
    known = {name: bool(table[name].notna().all()) for name in WORDS}
    return known | {"gaze": known["gaze"] and table.gaze.nunique() > 1}


def note_on(labels: Mapping[str, bool]) -> str:
    """The note at the head of a page from which something was left out; empty if no label lacks."""
    lacking = listed(WORDS[name] for name, known in labels.items() if not known)
    if not lacking:
        return ""
    return (
        f"\n\n```{{note}}\nThe images of this run have no label for the {lacking}. Sentences and "
        "figures that depend on it are left out of this page.\n```\n"
    )


def without_unknown(text: str, known: Callable[[str], bool]) -> str:
    """A page's text without the sentences that quote or refer to what is not known.

    Parameters
    ----------
    text : str
        Markdown.
    known : callable
        Whether a glued name (as it is quoted, without its format) or a figure's name is there.
    """
    if all(known(name) for name in names_in(text)):
        return text
    blocks = re.split(r"(\n[ \t]*\n)", text)
    kept = []
    for block in blocks:
        if all(known(name) for name in names_in(block)):
            kept.append(block)
        elif any(PIECE.match(line) for line in block.split("\n")):
            lines = block.split("\n")
            kept.append("\n".join(x for x in lines if all(map(known, names_in(x)))))
        else:
            kept.append(" ".join(x for x in sentences(block) if all(map(known, names_in(x)))))
    return re.sub(r"\n{3,}", "\n\n", "".join(kept))


def without_empty_sections(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells of a page without the headings under which nothing is left to read or to see.

    A section ends at the next heading that stands as high or higher. A heading stays that other
    pages may link to.
    """
    pieces = [piece for cell in cells for piece in _pieces(cell)]
    kept: dict[int, list[str]] = {}
    for number, (cell, text, level, _) in enumerate(pieces):
        after = pieces[number + 1 :]
        ends = (k for k, (*_, other, _) in enumerate(after) if 0 < other <= level)
        linked = number > 0 and pieces[number - 1][1].endswith(")=")
        if level <= 1 or linked or any(seen for *_, seen in after[: next(ends, None)]):
            kept.setdefault(id(cell), []).append(text)
    return [
        {**cell, "source": "\n\n".join(kept[id(cell)])} if cell["cell_type"] == "markdown" else cell
        for cell in cells
        if id(cell) in kept
    ]


def _pieces(cell: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, int, bool]]:
    """The headings of a cell and what is between them: cell, text, level, and is there to see.

    The level of a page's title is 1, that of what is no heading 0.
    """
    text = "".join(cell["source"])
    if cell["cell_type"] != "markdown":
        yield cell, text, 0, any(not _is_glue(output) for output in cell.get("outputs", []))
        return
    fenced = False
    for block in re.split(r"\n{2,}", text.strip("\n")):
        first = re.match(r"(#+) ", block)
        level = len(first.group(1)) if first and not fenced else 0
        fenced ^= len(FENCE.findall(block)) % 2 == 1
        yield cell, block, level, level == 0 or "\n" in block


def names_in(text: str) -> list[str]:
    """The glued names and figures that a text quotes and refers to."""
    quoted = [FORMAT.sub("", name) for name in QUOTED.findall(text)]
    return [*quoted, *REFERRED.findall(text)]


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph."""
    found, start = [], 0
    for end in ENDS.finditer(text):
        if text.count("`", start, end.start()) % 2 == 0:  # not within a role
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [*found, text[start:].strip()]


def glued_names(notebook: Mapping[str, Any]) -> set[str]:
    """The names that an executed notebook glues, and those of its figures that were drawn."""
    names: set[str] = set()
    for cell in notebook["cells"]:
        outputs = cell.get("outputs", [])
        names |= {o["metadata"]["scrapbook"]["name"] for o in outputs if _is_glue(o)}
        figure = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        if figure and any(not _is_glue(output) for output in outputs):
            names.add(figure)
    return names


def drawn_figures(notebook: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The figures that a notebook names, and those of them that were drawn."""
    named = {
        name
        for cell in notebook["cells"]
        if (name := cell["metadata"].get("mystnb", {}).get("figure", {}).get("name"))
    }
    return named, named & glued_names(notebook)


def _is_glue(output: Mapping[str, Any]) -> bool:
    return "scrapbook" in output.get("metadata", {})
