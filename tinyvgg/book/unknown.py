"""Leave out what cannot be known without a label: sentences, figures, sections.

Sentences of a page quote glued values. If the images of a run lack a label, the values that depend
on it do not exist, and the sentences that quote them are left out. The remaining text is true and
readable. In the same way, a sentence on the rendered faces quotes the word "synthetic", which is
glued only where the faces of the run are synthetic.

A value may also exist and yet not be measured (NaN), such as a mean over the misclassified images
where there are none, or say nothing, such as a count of 0 of 0 images. A sentence with more such
values than others is left out. In the sentences that stay, and in tables, NaN is a dash.
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
COUNT = re.compile(rf"{QUOTED.pattern}\s+of\s+(?:the\s+)?{QUOTED.pattern}")
FORMAT = re.compile(r"(?<!:):[^:]*$")  # "page::name" has two colons
SHORT = r"(?<!Fig)(?<!Figs)(?<!Eq)(?<!Eqs)(?<!al)(?<!Sect)(?<!vs)(?<!cf)"
ENDS = re.compile(rf"(?:{SHORT}[.!?]|:)(?:\)|\*|”)?\s+(?=[A-Z{{*(„“$])")
FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)
NOT_MEASURED, ZERO = "nan", ("0", "0.0")  # the texts of values
BOUND = re.compile(r"_(?:low|high)(?:_percent)?$")  # of an interval
EMPTIED = re.compile(r"^(`{3,}|~{3,})\{.*\n(?::.*\n)*\1\s*$", re.MULTILINE)  # but for its options
PIECE = re.compile(r"^(\s*(?:[-*|]|\d+\.)\s)")  # an item of a list, a row of a table
ITEM = re.compile(r"^(\s*(?:[-*]|\d+\.)\s+(?:\*\*[^*]+\*\*\s*)?)")  # its mark and its label


def known_labels(table: pd.DataFrame) -> dict[str, bool]:
    """Which labels all images of a set have; the gaze counts only if it varies."""
    known = {name: bool(table[name].notna().all()) for name in WORDS}
    return known | {"gaze": known["gaze"] and table.gaze.nunique() > 1}


def note_on(labels: Mapping[str, bool]) -> str:
    """The note at the top of a page from which something was left out; empty with all labels."""
    lacking = listed(WORDS[name] for name, known in labels.items() if not known)
    if not lacking:
        return ""
    return (
        f"\n\n```{{note}}\nThe images of this run are not labeled with {lacking}. Results that "
        "need this are left out of this page.\n```\n"
    )


def without_unknown(text: str, known: Callable[[str], bool]) -> str:
    """The text of a page without the sentences that quote or refer to something unknown.

    Parameters
    ----------
    text : str
        Markdown.
    known : callable
        Whether a glued name (as quoted, without its format) or the name of a figure exists.
    """

    def is_known(text: str) -> bool:
        return all(map(known, names_in(text)))

    return _shortened(text, is_known, is_known, lambda line: line * is_known(line))


def without_unmeasured(text: str, value: Callable[[str], str]) -> str:
    """The text of a page without the sentences most of whose values were not measured.

    Of a count, "a of b", neither value was measured if a is NaN or b is zero.

    Parameters
    ----------
    text : str
        Markdown. Rows of tables stay as they are.
    value : callable
        The text of a glued value by its name (as quoted, without its format).
    """

    def unmeasured(text: str) -> set[str]:
        names = {name for name in _quoted(text) if value(name) == NOT_MEASURED}
        for count in COUNT.findall(text):
            part, whole = (FORMAT.sub("", name) for name in count)
            if part in names or value(whole) in ZERO:
                names |= {part, whole}
        return names

    def is_measured(text: str) -> bool:
        return not unmeasured(text)

    def says_something(sentence: str) -> bool:
        values = [name for name in _quoted(sentence) if not BOUND.search(name)]
        lacking = unmeasured(sentence)
        return 2 * sum(name in lacking for name in values) <= len(values)

    def shortened(line: str) -> str:
        if line.startswith("|") or is_measured(line):
            return line
        mark = found[0] if (found := ITEM.match(line)) else ""
        left = " ".join(filter(says_something, sentences(line[len(mark) :])))
        return mark + left if left else ""

    return _shortened(text, is_measured, says_something, shortened)


def _shortened(
    text: str,
    whole: Callable[[str], bool],
    says_something: Callable[[str], bool],
    shortened: Callable[[str], str],
) -> str:
    """The text with what is left of each block that is not to stay whole.

    Of a paragraph, these are the sentences that say something; of a list, a table or a box, its
    lines, shortened. A box of which nothing is left goes.
    """
    if whole(text):
        return text
    blocks = re.split(r"(\n[ \t]*\n)", text)
    for number, block in enumerate(blocks):
        if whole(block):
            continue
        lines = block.split("\n")
        if any(map(PIECE.match, lines)):
            left = [short for line in lines if (short := shortened(line)) or not line]
            blocks[number] = EMPTIED.sub("", "\n".join(left))
        else:
            blocks[number] = " ".join(filter(says_something, sentences(block)))
    return re.sub(r"\n{3,}", "\n\n", "".join(blocks))


def without_empty_sections(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells of a page without the headings of sections that have become empty.

    A section ends at the next heading of the same or a higher level. Headings to which other
    pages may link are kept.
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
    """The headings of a cell and the parts between them: cell, text, level, whether it shows.

    The level of the page title is 1, and that of a part that is not a heading is 0.
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
    """The glued names that a text quotes and the figures that it refers to."""
    return [*_quoted(text), *REFERRED.findall(text)]


def _quoted(text: str) -> list[str]:
    return [FORMAT.sub("", name) for name in QUOTED.findall(text)]


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph."""
    found, start = [], 0
    for end in ENDS.finditer(text):
        within = text[start : end.end()]  # a role or brackets, which are not parted
        if within.count("`") % 2 == 0 and within.count("(") <= within.count(")"):
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [*found, text[start:].strip()]


def glued_values(notebook: Mapping[str, Any]) -> dict[str, str]:
    """The text of each value that an executed notebook glues, by its name."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return {
        output["metadata"]["scrapbook"]["name"]: "".join(text)
        for output in filter(_is_glue, outputs)
        for kind, text in output["data"].items()
        if kind.endswith("text/plain")
    }


def drawn_figures(notebook: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The figures that a notebook names, and those that were drawn."""
    cells = [(_figure(cell), cell.get("outputs", [])) for cell in notebook["cells"]]
    named = set().union(*(name for name, _ in cells))
    return named, set().union(*(name for name, shown in cells if not all(map(_is_glue, shown))))


def _figure(cell: Mapping[str, Any]) -> set[str]:
    """The name of the figure of a cell, if it has one."""
    return {cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", "")} - {""}


def _is_glue(output: Mapping[str, Any]) -> bool:
    return "scrapbook" in output.get("metadata", {})
