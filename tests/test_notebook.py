"""What a notebook begins with: papermill's parameters checked, values bound as plain numbers."""

import ast
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tinyvgg.book.notebook import Html, begin, refuse_unknown_parameters, say_drawn, show

DECLARED = "profile = None  # or smoke\nseed: int = 0\n"


def test_known_injected_parameters_pass():
    refuse_unknown_parameters([DECLARED, "# Parameters\nseed = 3\n", "x = 1"])


def test_an_unknown_injected_parameter_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown parameter sed; .* has profile, seed"):
        refuse_unknown_parameters([DECLARED, "# Parameters\nsed = 3\nprofile = 'smoke'\n"])


def test_cells_that_papermill_did_not_inject_are_left_alone():
    refuse_unknown_parameters([DECLARED, "sed = 3\n", "y = 4"])


@pytest.mark.parametrize("form", [Html._repr_html_, repr])
def test_a_table_of_the_same_content_is_shown_the_same(form):
    table = pd.DataFrame({"share": [0.25, np.nan], "n": [1, 2]})
    first, second = (form(show(table, "Shares", share="{:.1%}")) for _ in range(2))
    assert first == second
    assert "25.0%" in first and "–" in first and "Shares" in first


def test_a_table_without_a_row_is_a_sentence():
    shown = show(pd.DataFrame({"image": []}), "Images <b>; in gray")
    assert (repr(shown), shown.csv) == ("Images <b>: none in this run.", None)
    assert shown._repr_html_() == "<p>Images &lt;b&gt;: none in this run.</p>"


def test_a_source_without_a_label_that_is_needed_is_refused(tmp_path):
    for person in "ab":
        (tmp_path / person).mkdir()
        for k in range(2):
            Image.new("RGB", (9, 9), (9 * k, ord(person), 0)).save(tmp_path / person / f"{k}.png")
    with pytest.raises(ValueError, match=r"needs the emotion of every .* are: person\."):
        begin("smoke", f"folder:{tmp_path}", needs=["emotion"])
    assert len(begin("smoke", f"folder:{tmp_path}").faces) == 4


NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
SHOWN = ("show", "photograph", "verdict_table")


def hidden(source: str) -> list[str]:
    """Calls whose result a cell would show if they stood at its end, but which stand within."""
    tree = ast.parse(source)
    inner = [n for n in ast.walk(tree) if isinstance(n, ast.Expr) and n not in tree.body]
    calls = [n.value for n in [*inner, *tree.body[:-1]] if isinstance(n, ast.Expr)]
    names = [
        ast.unparse(call.func).rpartition(".")[2] for call in calls if isinstance(call, ast.Call)
    ]
    return [name for name in names if name in SHOWN]


def test_a_result_within_a_block_is_found():
    assert hidden("if x:\n    figures.photograph(sheet)") == ["photograph"]
    assert hidden("show(t)\nglue(a=1)") == ["show"]
    assert hidden("if x:\n    display(show(t))\nshow(t)") == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_table_or_photograph_is_made_and_not_shown(path):
    cells = nbformat.read(path, 4).cells
    found = {c.id: hidden(c.source) for c in cells if c.cell_type == "code"}
    assert {key: names for key, names in found.items() if names} == {}


def test_a_page_says_how_many_mistakes_were_drawn_and_nothing_where_all_are_analyzed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    face = SimpleNamespace(task="face", wrong=range(7), errors=7)
    emotion = SimpleNamespace(task="emotion", wrong=range(400), errors=2466)
    say_drawn(face, emotion)
    (said,) = (one.data for one in shown)
    assert said.startswith("Of the 2,466 misclassified images of the emotion task, 400 drawn ")
