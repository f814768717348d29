"""What a page says where labels are missing: sentences, figures and notes."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tinyvgg.book.unknown import (
    SYNTHETIC,
    drawn_figures,
    glued_values,
    known_labels,
    names_in,
    note_on,
    sentences,
    without_empty_sections,
    without_unknown,
    without_unmeasured,
)

ROOT = Path(__file__).resolve().parents[1]
# What is true of rendered faces alone.
OF_THE_RENDERER = re.compile(r"synthetic|render|facial action|none of these people", re.IGNORECASE)
ALWAYS_RENDERED = ("fig-unpooling-practice", "fig-unpooling-thrice")  # whatever the run's pictures

TEXT = """# A title

It has {glue:text}`faces:,` faces (Fig. 1). The emotion network misses {glue:text}`missed_sad` of
them, and {numref}`fig-b` shows it. In all, {glue:text}`../notebooks/01.ipynb::people:.1f` people.

- one, {glue:text}`faces`
- two, {glue:text}`missed_sad`

| a | {glue:text}`faces` |
| b | {glue:text}`missed_sad` |

Only {glue:text}`missed_sad`.

The end."""


def test_sentences_that_quote_what_is_unknown_are_left_out():
    known = {"faces", "../notebooks/01.ipynb::people"}
    assert (
        without_unknown(TEXT, known.__contains__).replace("In all, ", "In all,\n")
        == """# A title

It has {glue:text}`faces:,` faces (Fig. 1). In all,
{glue:text}`../notebooks/01.ipynb::people:.1f` people.

- one, {glue:text}`faces`

| a | {glue:text}`faces` |

The end."""
    )


def test_nothing_changes_where_all_is_known():
    assert without_unknown(TEXT, lambda name: True) == TEXT


def test_names_come_without_their_formats():
    assert names_in("{glue:text}`a:.2f` {glue:}`b` {glue:text}`x.ipynb::c:,` {numref}`fig-d`") == [
        *("a", "b", "x.ipynb::c", "fig-d"),
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two.", 2),
        ("See Fig. 8 and Eq. 2 of it.", 1),
        ("Smith et al. Found it.", 1),
        ("Is it? Yes! {glue:text}`x` of them.", 3),
        ("It reads `a. B` here. So.", 2),
        ("95 % (0.4 to 0.5). Next", 2),
    ],
)
def test_sentences_end_where_they_end(text, count):
    assert len(sentences(text)) == count and " ".join(sentences(text)) == text


def cell(outputs, **figure):
    return {"outputs": outputs, "metadata": {"mystnb": {"figure": figure}} if figure else {}}


def glued(name, text):
    data = {"application/papermill.record/text/plain": text}
    return {"metadata": {"scrapbook": {"name": name}}, "data": data}


def test_what_a_notebook_glues_and_draws():
    glue = glued("a", "0.5")
    notebook = {
        "cells": [
            cell([glue]),
            cell([{"metadata": {}}], name="fig-drawn"),
            cell([glue], name="fig-not"),
            {"metadata": {}},
        ]
    }
    assert glued_values(notebook) == {"a": "0.5"}
    assert drawn_figures(notebook) == ({"fig-drawn", "fig-not"}, {"fig-drawn"})


def test_labels_of_some_pictures_alone_count_as_unknown():
    table = pd.DataFrame(
        {"subject": [0, 1], "emotion": ["sad", None], "gaze": ["left"] * 2, "angle": [90, 90]}
    )
    known = known_labels(table)
    assert known == {"subject": True, "emotion": False, "gaze": False, "angle": True}
    assert "not labeled with emotion and gaze." in note_on(known)


def test_no_note_is_made_where_every_label_is_known():
    assert note_on({"subject": True, "emotion": True}) == ""


def said(notebook):
    """The prose of a page, and the captions of figures that show the run's own pictures."""
    for cell in notebook["cells"]:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if cell["cell_type"] == "markdown":
            yield "".join(cell["source"])
        elif figure and figure["name"] not in ALWAYS_RENDERED:
            yield figure["caption"]


@pytest.mark.parametrize("page", ["01_data", "02_network", "03_deconvolution"])
def test_a_page_of_other_pictures_says_nothing_of_the_renderer(page):
    texts = list(said(json.loads((ROOT / "notebooks" / f"{page}.ipynb").read_text("utf8"))))
    assert any(SYNTHETIC in names_in(text) for text in texts)
    for text in texts:
        left = without_unknown(text, lambda name: name != SYNTHETIC)
        assert not OF_THE_RENDERER.search(left), left
        assert left.strip(), f"nothing is left of: {text}"


def part(source, *outputs, kind="markdown"):
    made = {"cell_type": kind, "source": source, "metadata": {}}
    return made if kind == "markdown" else {**made, "outputs": list(outputs)}


def test_headings_go_under_which_nothing_is_left():
    drawn = {"output_type": "display_data", "metadata": {}, "data": {}}
    glued = {"output_type": "display_data", "metadata": {"scrapbook": {"name": "n"}}, "data": {}}
    cells = [
        part("# Title\n\n## Empty\n\n### Empty too\n\n## Text\n\nA word."),
        part("## A figure"),
        part("draw()", drawn, kind="code"),
        part("## Only glue"),
        part("glue()", glued, kind="code"),
        part("## Outer\n\n### Inner\n\nA word.\n\n(place)=\n\n## Linked"),
        part("## Code\n\n```sh\n# no heading\n\n## nor this\n```"),
        part("## Last"),
    ]
    left = without_empty_sections(cells)
    assert [c["source"] for c in left] == [
        "# Title\n\n## Text\n\nA word.",
        "## A figure",
        "draw()",
        "glue()",
        "## Outer\n\n### Inner\n\nA word.\n\n(place)=\n\n## Linked",
        "## Code\n\n```sh\n# no heading\n\n## nor this\n```",
    ]


def test_a_page_from_which_nothing_is_missing_keeps_every_heading():
    cells = [part("# Title\n\nText\nof two lines.\n\n## One\n\n- a\n- b"), part("## Two\n\nText.")]
    assert without_empty_sections(cells) == cells


def test_a_box_in_which_nothing_is_left_goes_and_others_stay():
    box = "```{{admonition}} In short\n:class: tip\n- It is {{glue:text}}`{}`.\n```"
    text = f"First.\n\n{box.format('no')}\n\n{box.format('yes')}\n\n```{{pdf-link}}\n```"
    expected = f"First.\n\n{box.format('yes')}\n\n```{{pdf-link}}\n```"
    assert without_unknown(text, {"yes"}.__contains__) == expected


def quoting(text):
    """The text with each word in capitals as a glued value."""
    return re.sub(r"\b[A-Z]{2}\w*\b", lambda name: f"{{glue:text}}`{name[0].lower()}:.1f`", text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It is YES. It goes from NO to NO (pairs: YES). So.", "It is YES. So."),
        ("As many as NO, and YES.", "As many as NO, and YES."),
        ("It differs by YES (NO_low to NO_high).", "It differs by YES (NO_low to NO_high)."),
        ("- **One.** It is NO. It is YES.\n- **Two.** It is NO.\n- Three.",
         "- **One.** It is YES.\n- Three."),
        ("| a | NO |\n| b | YES |", "| a | NO |\n| b | YES |"),
        ("First.\n\n```{tip}\n- It is NO.\n```\n\nLast.", "First.\n\nLast."),
        ("First.\n\nIt is PAGE.", "First.\n\nIt is PAGE."),
        ("First.\n\nIt is WORD.", "First.\n\nIt is WORD."),
        ("There are ZERO. In ZERO of the ZERO. In ZERO\nof ZERO, as it is.", "There are ZERO."),
        ("In ZERO of YES. In ZERO of ZERO (face) and YES of YES.",
         "In ZERO of YES. In ZERO of ZERO (face) and YES of YES."),
        ("It takes NO of the YES on average. So.", "So."),
        ("| a | ZERO of ZERO |", "| a | ZERO of ZERO |"),
    ],
)  # fmt: skip
def test_a_sentence_most_of_whose_values_were_not_measured_is_left_out(text, left):
    texts = {
        "no": "nan",
        "no_low": "nan",
        "no_high": "nan",
        "zero": "0",
        "page": "",
        "word": "'nan'",
    }
    found = without_unmeasured(quoting(text), lambda name: texts.get(name, "0.5"))
    assert found == quoting(left)


def test_the_text_of_a_value_may_be_in_lines_and_beside_others():
    several = glued("b", ["na", "n"])
    several["data"]["application/papermill.record/text/html"] = "<b>nan</b>"
    shown = {"metadata": {}, "data": {"text/plain": "nan"}}
    assert glued_values({"cells": [cell([glued("a", "'x'"), several, shown]), {}]}) == {
        "a": "'x'",
        "b": "nan",
    }
