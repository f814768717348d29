"""What a page of the book lets its reader take along."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyvgg.book.notebook import CSV, NPZ

ROOT = Path(__file__).resolve().parents[1]


def shown(data):
    return {"output_type": "display_data", "data": data}


PICTURE = shown({"image/png": ""})
GLUED = shown({"application/papermill.record/text/plain": "1"})


@pytest.fixture
def take_along(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import take_along

    return take_along


def code(source, *outputs, **metadata):
    return {"cell_type": "code", "source": source, "outputs": [*outputs], "metadata": metadata}


def text(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def folded(take_along, *cells):
    notebook = {"cells": [*cells]}
    take_along.fold_code(notebook)
    return notebook["cells"]


def test_all_code_is_folded_but_what_says_otherwise(take_along):
    made = folded(
        take_along, code("a", PICTURE), text("b"), code("c", PICTURE, tags=["show-input"])
    )
    assert [cell["metadata"].get("tags") for cell in made] == [["hide-input"], [], ["show-input"]]


def test_cells_that_show_nothing_are_folded_with_one_that_does(take_along):
    made = folded(
        take_along,
        code("parameters"),
        code("imports"),
        code("figure", PICTURE, mystnb="its name"),
        code("glue", GLUED),
        text("a sentence"),
        code("more glue", GLUED),
        code("yet more", GLUED),
    )
    assert [cell["source"] for cell in made] == [
        "parameters\n\nimports\n\nfigure\n\nglue", "a sentence", "more glue\n\nyet more"
    ]  # fmt: skip
    assert made[0]["outputs"] == [PICTURE, GLUED]
    assert made[0]["metadata"]["mystnb"] == "its name"
    assert made[2]["outputs"] == [GLUED, GLUED]


def test_what_is_no_part_of_a_page_takes_nothing_else_with_it(take_along):
    hosted = code("install", tags=["hosted", "remove-cell"])
    glue = code("glue", GLUED)
    (made,) = folded(take_along, hosted, code("parameters"), glue)
    assert made["source"] == "parameters\n\nglue" and made["outputs"] == [GLUED]
    assert made["metadata"]["tags"] == ["hide-input"]


def test_two_that_show_something_stay_two(take_along):
    made = folded(take_along, code("a", PICTURE), code("b", PICTURE))
    assert [cell["source"] for cell in made] == ["a", "b"]


@pytest.fixture
def app(tmp_path):
    return SimpleNamespace(
        outdir=tmp_path, env=SimpleNamespace(), builder=SimpleNamespace(name="html")
    )


def test_data_become_files_that_the_page_links(take_along, app, tmp_path):
    npz = base64.b64encode(b"PK").decode()
    figure = {
        "output_type": "display_data",
        "data": {"image/png": "", CSV: ["x,y\n", "1,2\n"], NPZ: npz},
    }
    table = shown({"text/html": "<table></table>", CSV: "a\n1\n"})
    named = {"mystnb": {"figure": {"name": "fig-one"}}}
    notebook = {"cells": [code("f", figure, **named), code("t", table)]}
    take_along.keep_data(app, "notebooks/05_page", notebook)
    folder = tmp_path / "_static" / "data" / "05_page"
    assert (folder / "fig-one.csv").read_text() == "x,y\n1,2\n"
    assert (folder / "fig-one.npz").read_bytes() == b"PK"
    assert (folder / "table-1.csv").read_text() == "a\n1\n"
    assert figure["data"] == {"image/png": ""}
    assert 'href="../_static/data/05_page/table-1.csv"' in table["data"]["text/html"]
    assert app.env.tinyvgg_data["notebooks/05_page"]["fig-one"] == {
        "csv": "fig-one.csv", "npz": "fig-one.npz"
    }  # fmt: skip


def test_the_notebook_to_take_along_has_its_outputs_and_not_the_data(take_along, app, tmp_path):
    figure = shown({"image/png": "abc", CSV: "x\n"})
    notebook = {"cells": [code("f", figure)]}
    take_along.keep_executed(app, "notebooks/05_page", take_along.without_data(notebook))
    kept = json.loads((tmp_path / "_static" / "notebooks" / "05_page.ipynb").read_text())
    assert kept["cells"][0]["outputs"][0]["data"] == {"image/png": "abc"}
    assert CSV in figure["data"]  # of the page's own copy


def test_a_table_is_wide_if_its_cells_do_not_fit_side_by_side(take_along):
    def table(*cells):
        return "<tr>" + "".join(f"<td><b>{cell}</b></td>" for cell in cells) + "</tr>"

    assert take_along.width(table("12345678", "1234")) == 12 + 2 * take_along.GAP
    assert take_along.width(table("a sentence " * 20)) == take_along.SENTENCE + take_along.GAP
    assert take_along.width(table(*["123456789"] * 12)) > take_along.COLUMN


def test_links_to_notebooks_save_them(take_along):
    link = '<a href="../_static/notebooks/05.ipynb" target="_blank"\n   class="btn">'
    assert take_along.as_downloads(link).startswith(
        '<a href="../_static/notebooks/05.ipynb" download'
    )
    other = '<a href="page.html" target="_blank">'
    assert take_along.as_downloads(other) == other
