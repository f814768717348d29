"""One number, one value: what the pages of a book call by one name is one number on all of them."""

from __future__ import annotations

import ast
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
PERCENT = "_percent"
RELATIVE = 1e-6  # a sum in another order is the same number
REFERENCE = re.compile(r"\{glue:\w+\}`(?:([^`]*?)::)?(\w+)")

Values = dict[str, dict[str, list[Any]]]  # by name and page, in the order in which they are bound


def glued(notebooks: Iterable[Path]) -> Values:
    """Every value that executed notebooks bind with `glue`, by name and notebook."""
    found: Values = defaultdict(lambda: defaultdict(list))
    for path in notebooks:
        for cell in json.loads(path.read_text("utf8"))["cells"]:
            for output in cell.get("outputs", []):
                bound = output.get("metadata", {}).get("scrapbook")
                if bound is None:
                    continue
                text = output["data"].get(f"{bound['mime_prefix']}text/plain")
                if text is not None:
                    found[bound["name"]][path.stem].append(parsed("".join(text)))
    return found


def parsed(text: str) -> Any:
    """A number or string from its repr; what is neither stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return float("nan") if text == "nan" else text


def same(one: Any, other: Any) -> bool:
    """Whether two values are one number, or the same text."""
    if not (isinstance(one, int | float) and isinstance(other, int | float)):
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE) or (math.isnan(one) and math.isnan(other))


def conflicts(values: Values) -> dict[str, dict[str, list[Any]]]:
    """The names that stand for more than one value, with each page's."""
    found = {}
    for name, pages in values.items():
        first, *others = [value for bound in pages.values() for value in bound]
        if not all(same(first, other) for other in others):
            found[name] = dict(pages)
    return found


def wrong_percentages(values: Values) -> dict[str, tuple[Any, Any]]:
    """Shares, and what is bound as the same in per cent and is not."""
    found = {}
    for name, pages in values.items():
        share = name.removesuffix(PERCENT)
        if share == name or share not in values:
            continue
        percents = [value for bound in pages.values() for value in bound]
        shares = [value for bound in values[share].values() for value in bound]
        if not all(same(p, 100 * s) for p in percents for s in shares):
            found[name] = (percents, shares)
    return found


def against_the_ledger(values: Values, claims: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Figures of the ledger that a page binds with another value, and what the page binds.

    The ledger holds shares; a page may bind a share or the figure in the unit that is shown.
    """
    found = {}
    for figure in (figure for claim in claims["claims"] for figure in claim["figures"]):
        name, value = figure["name"], figure["this_run"] and figure["this_run"]["value"]
        if name not in values or value is None:
            continue
        bound = [value for each in values[name].values() for value in each]
        if not all(same(b, value) or same(b, figure["scale"] * value) for b in bound):
            found[name] = (value, bound)
    return found


def missing(text: str, folder: Path, values: Values, page: str = "") -> list[str]:
    """References of a page to values that no notebook binds.

    Parameters
    ----------
    text : str
        MyST markdown.
    folder : path
        Where the page lies; its references to notebooks start there.
    values : dict
        As `glued` gives them.
    page : str
        The notebook that the text is of: a reference that names none is to it.
    """
    found = []
    for where, name in REFERENCE.findall(text):
        notebook = (folder / where).stem if where else page
        if notebook not in values.get(name, {}):
            found.append(f"{where}::{name}" if where else name)
    return found


# ---------------------------------------------------------------------- the checks themselves


def executed(folder: Path, name: str, **values: Any) -> Path:
    """A notebook as papermill leaves it, in which some values are bound."""
    prefix = "application/papermill.record/"
    outputs = [
        nbformat.v4.new_output(
            "display_data",
            data={f"{prefix}text/plain": repr(value)},
            metadata={"scrapbook": {"name": key, "mime_prefix": prefix}},
        )
        for key, value in values.items()
    ]
    cell = nbformat.v4.new_code_cell("glue(...)", outputs=outputs)
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_values_are_collected_by_name_and_notebook(tmp_path):
    one = executed(tmp_path, "01_one", cases=7, share=0.25, source="synthetic")
    two = executed(tmp_path, "02_two", cases=7)
    assert glued([one, two]) == {
        "cases": {"01_one": [7], "02_two": [7]},
        "share": {"01_one": [0.25]},
        "source": {"01_one": ["synthetic"]},
    }


@pytest.mark.parametrize(("other", "agrees"), [(0.32, True), (0.32 + 1e-9, True), (0.35, False)])
def test_a_name_with_two_values_is_found(tmp_path, other, agrees):
    one, two = executed(tmp_path, "01_one", fall=0.32), executed(tmp_path, "02_two", fall=other)
    found = conflicts(glued([one, two]))
    assert found == ({} if agrees else {"fall": {"01_one": [0.32], "02_two": [other]}})


def test_two_values_of_one_name_in_one_notebook_are_found(tmp_path):
    one = executed(tmp_path, "01_one", cases=7)
    content = nbformat.read(one, 4)
    content.cells.append(nbformat.read(executed(tmp_path, "02_two", cases=8), 4).cells[0])
    nbformat.write(content, one)
    assert conflicts(glued([one])) == {"cases": {"01_one": [7, 8]}}


def test_numbers_that_are_not_known_agree_with_each_other_only(tmp_path):
    pages = [executed(tmp_path, str(k), fall=float("nan")) for k in range(2)]
    assert not conflicts(glued(pages))
    assert conflicts(glued([*pages, executed(tmp_path, "2", fall=0.0)]))


def test_a_percentage_is_a_hundred_times_its_share(tmp_path):
    one = executed(tmp_path, "01_one", share=0.07)
    right, wrong = (executed(tmp_path, f"0{p}", share_percent=p) for p in (7.0, 7.1))
    assert not wrong_percentages(glued([one, right]))
    assert wrong_percentages(glued([one, wrong])) == {"share_percent": ([7.1], [0.07])}


@pytest.mark.parametrize(("bound", "agrees"), [(0.5, True), (50.0, True), (51.0, False)])
def test_a_figure_of_the_ledger_has_the_value_that_pages_bind(tmp_path, bound, agrees):
    figures = [{"name": "share", "scale": 100.0, "this_run": {"value": 0.5}}]
    figures += [{"name": "other", "scale": 1.0, "this_run": {"value": None}}]
    figures += [{"name": "none", "scale": 1.0, "this_run": None}]
    values = glued([executed(tmp_path, "01_one", share=bound, other=3, none=3)])
    found = against_the_ledger(values, {"claims": [{"figures": figures}]})
    assert found == ({} if agrees else {"share": (0.5, [51.0])})


def test_a_reference_to_what_no_notebook_binds_is_found(tmp_path):
    values = glued([executed(tmp_path, "01_one", cases=7)])
    good = "{glue:text}`../notebooks/01_one.ipynb::cases:d`"
    bad = "{glue:text}`../notebooks/01_one.ipynb::case:d` {glue:text}`../02_two.ipynb::cases`"
    assert not missing(good, tmp_path, values)
    assert missing(bad, tmp_path, values) == [
        "../notebooks/01_one.ipynb::case",
        "../02_two.ipynb::cases",
    ]
    assert missing("{glue:text}`cases` {glue:text}`other`", tmp_path, values, "01_one") == ["other"]


# ---------------------------------------------------------------------- the book


@pytest.fixture(scope="module")
def values(built_book) -> Values:
    return glued(sorted((built_book / "executed" / "notebooks").glob("*.ipynb")))


@pytest.mark.slow
def test_the_book_has_one_value_for_each_name(values):
    assert any(len(pages) > 1 for pages in values.values())
    found = [f"{name}: {pages}" for name, pages in conflicts(values).items()]
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_the_book_has_the_same_share_in_per_cent(values):
    assert not wrong_percentages(values)


@pytest.mark.slow
def test_the_ledger_has_the_values_of_the_pages(values, built_book):
    claims = json.loads((built_book / "claims.json").read_text("utf8"))
    names = {figure["name"] for claim in claims["claims"] for figure in claim["figures"]}
    assert names & values.keys(), "no page binds a figure of the ledger"
    assert not against_the_ledger(values, claims)


@pytest.mark.slow
def test_the_pages_refer_to_values_that_are_bound(values):
    wrong = {}
    for path in sorted((ROOT / "book").glob("*.md")):
        wrong[path.name] = missing(path.read_text("utf8"), path.parent, values)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        wrong[path.name] = missing(text, path.parent, values, path.stem)
    assert {name: names for name, names in wrong.items() if names} == {}
