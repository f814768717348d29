"""No number is typed into the book's sentences: it is computed, or the paper's and cited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from numerals import (
    ADVICE,
    NO_RESULTS,
    literals_glued,
    page_texts,
    prose,
    source_texts,
    table_captions,
    typed_numerals,
    without_what_code_sets,
)

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for path in (*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb"))
    if path.stem not in NO_RESULTS
)


def found(markdown: str) -> list[str]:
    return [typed.numeral for typed in typed_numerals(prose(markdown))]


# ---------------------------------------------------------------------- the checker itself


@pytest.mark.parametrize(
    ("sentence", "numerals"),
    [
        ("The network misses 59 images.", ["59"]),
        ("It reads 91.5 % of them.", ["91.5"]),
        ("The difference is 3e-07 at most.", ["3e-07"]),
        ("They differ in 1,234 pixels (of 25,088).", ["1,234", "25,088"]),
        ("Suppressing them mends eleven cases.", ["eleven"]),
        ("In two of three cases it fails.", ["two of three"]),
        ("It fails in half of the {glue:text}`cases` cases.", ["half of the ⟦glued⟧"]),
        ("The face task has twice as many.", ["twice as"]),
        ("Of {glue:text}`all` cases, 7 are mended.", ["7"]),
        ("| task | right |\n|---|---|\n| face | 98.2 |\n", ["98.2"]),
        ("- First.\n- It took 12 epochs.\n", ["12"]),
        (":::{note}\nIt took 12 epochs.\n:::\n", ["12"]),
        ("Found 8 times. The paper says 9 {cite:p}`fang2017`. Then 10.", ["8", "10"]),
        ("It fell from 9 to 0.", ["9", "0"]),
        ("It found 811, the paper 188 {cite:p}`fang2017`, we {glue:text}`n`.", ["811", "188"]),
    ],
)
def test_a_typed_number_is_found(sentence, numerals):
    assert found(sentence) == numerals


@pytest.mark.parametrize(
    "sentence",
    [
        "The network misses {glue:text}`errors` images, {glue:text}`share:.1f` % of all.",
        "The paper's network misses 59 images of 37 people {cite:p}`fang2017`.",
        "Two 3 × 3 convolutions see the face at 45°, as in Fig. 3 and Tables 1 to 3.",
        "A product is above zero or it is not; one pair shows the two networks.",
        "A line is its 95 % interval, and 95 % bootstrap intervals leave out zero.",
        "Eight emotions and five angles make the design.",
        "With `draws=20` and $2^{100}$ weights, {numref}`fig-2` shows it.",
        "The L2 distance in bfloat16 at pool3 of VGG-16, under CC0.",
        "## The 12 results",
        "```python\nx = 3\n```",
        "An overlap of 1 is the same set; the index is nearer to 0 otherwise.",
    ],
)
def test_computed_cited_and_structural_numbers_pass(sentence):
    assert not found(sentence)


def test_a_citation_covers_its_own_sentence_only():
    text = "The paper finds 811 {cite:p}`fang2017`. Here it is 12."
    assert found(text) == ["12"]


def test_a_caption_may_say_what_its_own_cell_sets():
    caption = "The twelve worst of 60 cases, in 5 rows."
    left = without_what_code_sets(caption, "figures.worst(cases[:60], top=12)")
    assert [typed.numeral for typed in typed_numerals(left)] == ["5"]


def test_captions_of_tables_are_read_without_what_is_computed_in_them():
    code = 'show(table, f"The first {MOST} of 99 cases" " and more", share="{:.2%}")'
    assert [typed.numeral for text in table_captions(code) for typed in typed_numerals(text)] == [
        "99"
    ]


def test_a_number_typed_into_glue_is_found():
    code = 'glue({"a": 3, "b": x}, c=-0.5, d=len(rows), e=2 * n, f="word")'
    assert literals_glued(code) == ["-0.5", "3"]


def test_a_page_is_read_as_its_reader_reads_it(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        """<article><h1>1. Title</h1>
        <p>Found <span class="pasted-text">7</span> of 9 cases.</p>
        <p>It printed 811 (<a href="references.html#id3">Fang, 2017</a>).</p>
        <div class="cell_output"><pre>42</pre><table><tr><td>43</td></tr></table></div>
        <figure><figcaption><p>Fig. 6 The 5 best.</p></figcaption></figure>
        <ul><li><p>So <a class="reference internal" href="#eq">(4)</a> has 5.</p></li></ul>
        <table><tbody><tr><td><p>face</p></td><td><p>98.2</p></td></tr></tbody></table>
        <p><code>x = 3</code> and <span class="math">x^4</span>.</p></article>"""
    )
    numerals = [typed.numeral for text in page_texts(page) for typed in typed_numerals(text)]
    assert sorted(numerals) == ["5", "9", "98.2"]


# ---------------------------------------------------------------------- the book


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_number_is_typed_in_a_sentence(path):
    wrong = [typed for where, text in source_texts(path) for typed in typed_numerals(text, where)]
    assert not wrong, "\n".join([*map(str, wrong), ADVICE])


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.suffix == ".ipynb"], ids=lambda path: path.stem
)
def test_what_is_glued_was_computed(path):
    cells = json.loads(path.read_text("utf8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    wrong = [value for source in code for value in literals_glued(source)]
    assert not wrong, f"{path.name} glues typed numbers: {', '.join(wrong)}"


@pytest.mark.slow
def test_no_number_of_the_built_pages_was_typed(built_book):
    """What the sources do not show: numbers that come by a directive or as plain HTML."""
    pages = [
        page
        for part in ("book", "notebooks")
        for page in sorted((built_book / "html" / part).glob("*.html"))
        if page.stem not in NO_RESULTS
    ]
    assert len(pages) >= len(SOURCES) - 1
    wrong = [
        typed
        for page in pages
        for text in page_texts(page)
        for typed in typed_numerals(text, f"{page.parent.name}/{page.name}")
    ]
    assert not wrong, "\n".join([*map(str, wrong), ADVICE])
