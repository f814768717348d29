"""Finds numerals that someone typed into the book's sentences, in the sources and in the pages.

A sentence may say a number if the number was computed (glued), or if the sentence cites where
it comes from and holds no computed number that it could be taken for. `ALLOWED` lists the few
numerals that are names or definitions.

Numerals are digits, and number words from four upwards; "two", "three", "half" and the like
count when they count out of something ("two of three", "twice as many"). Code, formulas, words
with a digit in them, headings, references to figures and sections, and the statements of
definitions, algorithms and proofs are passed over. A caption may say a number that the code of
its own cell sets.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GLUED, CITED = "⟦glued⟧", "⟦cited⟧"

# What may be typed anywhere, and why.
ALLOWED = {
    r"\b[1-9] × [1-9]\b": "the size of a kernel or window is the layer's name",
    r"\b\d+°": "camera angles are labels; a turn by 180° is a definition",
    r"\b(?i:eight (emotions|classes|probabilities)|five (camera )?(angles|views|cameras))\b": (
        "the design of the data, in words"
    ),
    r"\b95 (%|per cent) ([a-z]+ )?intervals?\b": "the level of every interval in the book",
    r"\b(Figs?\.|Tables?|Eqs?\.|Sections?|Algorithms?|Chapters?|[Ss]teps?|[Pp]ages?) "
    r"\d+[a-d]?(\.\d+)?((, | and | to )\d+[a-d]?)*": "a place in the paper or in the book",
    r"\bVGG-1[169]\b": "a name",
    r"\b[A-Z][a-z]+ \(\d{4}\)": "a reference and its year",
    r"\b(PyTorch|OpenCV|Python|version) \d+(\.\d+)*": "a version",
    r"\b\d{4}-\d{2}-\d{2}\b": "a date",
    r"\b(overlap|index|nearer)\b[^.;]{0,25} (of|to) [01](?![\d.,]*\d)": "an end of the scale",
}

TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = f"four five six seven eight nine {TEENS} {TENS} hundred thousand million dozen".split()
SMALL = r"(?:two|three|half|a third|two thirds|a quarter)"
NUMERAL = re.compile(
    rf"(?<!\w)\d[\d.,]*(?:e-?\d+)?|\b(?:{'|'.join(WORDS)})\b"
    rf"|\b{SMALL} (?:out of|of|in) (?:the )?(?:{SMALL}|{GLUED}|\d)"
    r"|\b(?:twice|half|three times) as\b",
    re.IGNORECASE,
)
END_OF_SENTENCE = re.compile(r"(?<=[.!?])[)\"”]?\s+(?=[A-Z“\"(*⟦])|\n{2,}")
PROSE_INSIDE = re.compile(r"\{(note|important|warning|tip|caution|seealso|admonition)\}")
ADVICE = (
    "glue the value ({glue:text}`key:format`), or, if it is the paper's, transcribe it in "
    "tinyvgg/paper.py and glue that; a sentence that cites its source and says nothing of this "
    "run may type it; names and definitions are listed in ALLOWED of tools/numerals.py"
)


@dataclass(frozen=True)
class Typed:
    """A numeral typed in a sentence."""

    where: str
    numeral: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.numeral!r} is typed in: {self.sentence}"


def typed_numerals(text: str, where: str = "") -> list[Typed]:
    """Numerals of a text that are neither computed, nor cited, nor allowed.

    Parameters
    ----------
    text : str
        Prose in which computed values stand as `GLUED` and citations as `CITED`.
    """
    found = []
    for sentence in END_OF_SENTENCE.split(text):
        sentence = " ".join(sentence.split())
        if CITED in sentence and GLUED not in sentence:
            continue
        left = sentence
        for pattern in ALLOWED:
            left = re.sub(pattern, "…", left)
        found += [Typed(where, m[0].strip(" .,"), sentence) for m in NUMERAL.finditer(left)]
    return found


# ---------------------------------------------------------------------- sources


def source_texts(path: Path) -> Iterator[tuple[str, str]]:
    """Where and what: the prose of a page's source, computed values and citations marked."""
    if path.suffix == ".md":
        yield path.name, prose(path.read_text("utf8"))
        return
    for number, cell in enumerate(json.loads(path.read_text("utf8"))["cells"]):
        where, source = f"{path.name}, cell {number}", "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield where, prose(source)
            continue
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if caption := figure.get("caption"):
            yield f"{where}, caption", prose(without_what_code_sets(caption, source))
        for caption in table_captions(source):
            yield f"{where}, caption of a table", without_what_code_sets(caption, source)


def prose(markdown: str) -> str:
    """The sentences of MyST markdown, paragraph by paragraph."""
    from myst_parser.config.main import MdParserConfig
    from myst_parser.mdit_to_docutils.base import DocutilsRenderer
    from myst_parser.parsers.mdit import create_md_parser

    extensions = {"amsmath", "colon_fence", "deflist", "dollarmath", "html_image", "substitution"}
    parser = create_md_parser(MdParserConfig(enable_extensions=extensions), DocutilsRenderer)
    paragraphs, heading, row = [], False, []
    for token in parser.parse(markdown):
        match token.type:
            case "heading_open" | "heading_close":
                heading = token.type == "heading_open"
            case "inline" if not heading:
                row.append(_inline(token.children))
            case "fence" | "colon_fence" if PROSE_INSIDE.match(token.info):
                row.append(prose(re.sub(r"(?m)^:\w+:.*$", "", token.content)))
        if token.type in ("paragraph_close", "tr_close", "fence", "colon_fence", "dt_close"):
            paragraphs.append(" | ".join(row))
            row = []
        elif token.type == "thead_close":
            row = []
    return "\n\n".join(filter(None, paragraphs))


def _inline(tokens: list) -> str:
    parts = []
    for token in tokens:
        match token.type:
            case "text":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append(" ")
            case "myst_role" if token.meta["name"].startswith("glue"):
                parts.append(GLUED)
            case "myst_role" if token.meta["name"].startswith("cite"):
                parts.append(CITED)
            case "code_inline" | "math_inline" | "myst_role":
                parts.append("…")
    return "".join(parts)


def table_captions(code: str) -> list[str]:
    """What is typed of the second argument of `show`; what is computed in it is marked."""
    captions = []
    for node in ast.walk(ast.parse(code)):
        named = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "show"
        if named and len(node.args) > 1:
            caption = node.args[1]
            parts = caption.values if isinstance(caption, ast.JoinedStr) else [caption]
            said = [p.value if isinstance(p, ast.Constant) else GLUED for p in parts]
            captions.append("".join(map(str, said)))
    return captions


def without_what_code_sets(caption: str, code: str) -> str:
    """A caption without the numbers that the code of its own cell sets, such as ``[:30]``."""
    numbers = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    for value in numbers:
        if isinstance(value, int) and not isinstance(value, bool):
            names = [str(value), *([in_words(value)] if in_words(value) else [])]
            caption = re.sub(rf"\b({'|'.join(names)})\b", GLUED, caption, flags=re.IGNORECASE)
    return caption


def in_words(number: int) -> str:
    """A number of `WORDS` as its word; any other as nothing."""
    numbers = [*range(4, 20), *range(20, 101, 10), 1000]
    return dict(zip(numbers, WORDS, strict=False)).get(number, "")


# Pages without results, and what they hold instead.
NO_RESULTS = {
    "rerun": "instructions",
    "references": "titles of other people's work",
    "run": "the identity of the run, made by a directive",
}


def literals_glued(code: str) -> list[str]:
    """Numbers typed as values in calls of `glue`: a typed number in the guise of a result."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "glue"):
            continue
        values = [keyword.value for keyword in node.keywords]
        values += [v for a in node.args if isinstance(a, ast.Dict) for v in a.values]
        for value in values:
            bare = value.operand if isinstance(value, ast.UnaryOp) else value
            if isinstance(bare, ast.Constant) and isinstance(bare.value, int | float):
                found.append(ast.unparse(value))
    return found


# ---------------------------------------------------------------------- built pages

PASSED_OVER = (  # computed, or a label, or read in the sources with the code beside it
    "pre, code, .math, .headerlink, .cell_input, .cell_output .output, table.results, figcaption, "
    "script, style, h1, h2, h3, h4, h5, h6, a.reference.internal, .run-identity, .proof, nav, "
    ".admonition-title"
)


def page_texts(path: Path) -> Iterator[str]:
    """The paragraphs, items and rows of a built page, marked as in `prose`."""
    from bs4 import BeautifulSoup

    page = BeautifulSoup(path.read_text("utf8"), "html.parser").select_one("article")
    for node in page.select("span.pasted-text"):
        node.replace_with(GLUED)
    for node in page.select('a[href*="references.html#"], a[href^="#id"]'):
        node.replace_with(CITED)
    for node in page.select(PASSED_OVER):
        node.replace_with("…")
    for node in page.select("p, dt, tbody tr"):
        if node.name == "tr":
            yield " | ".join(cell.get_text() for cell in node.select("td"))
        elif not node.find_parent("tr"):
            yield node.get_text()
