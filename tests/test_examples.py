"""The examples of the reference run as they are printed, and every public name has one there."""

from __future__ import annotations

import doctest
import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

import tinyvgg

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "book" / "api").glob("*.md"))
TEXTS = {page.stem: page.read_text("utf8") for page in PAGES}
ENTRIES = {
    name: page
    for page, text in TEXTS.items()
    for name in re.findall(r"(?m)^\.\. auto(?:function|class):: tinyvgg\.(\S+)$", text)
}


def found(name: str):
    return reduce(getattr, name.split("."), tinyvgg)


MODULES = sorted({found(name).__module__ for name in ENTRIES})


def examples(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(found(name).__doc__ or "")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run_as_printed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = doctest.testmod(importlib.import_module(name), globs={}, verbose=False)
    assert done.attempted and not done.failed
    assert not list(tmp_path.iterdir()), "an example leaves a file behind"


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_has_an_example_that_runs(name):
    runs = [each for each in examples(name) if not each.options.get(doctest.SKIP)]
    assert any(each.want for each in runs)
    assert "Examples\n" in found(name).__doc__


def test_an_example_that_prints_something_else_is_found():
    text = ">>> from tinyvgg import Cut\n>>> Cut().floor\n0.5\n"
    test = doctest.DocTestParser().get_doctest(text, {}, "wrong", None, 0)
    said: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(test, out=said.append).failed == 1


def test_every_public_name_has_an_entry():
    assert {*tinyvgg.__all__, "Explorer"} <= set(ENTRIES)


def test_no_name_has_two_entries():
    entries = [
        name for text in TEXTS.values() for name in re.findall(r"(?m)^\.\. auto.*:: (\S+)$", text)
    ]
    assert len(set(entries)) == len(entries)


def test_the_overview_lists_every_entry_once():
    listed = re.findall(r"(?m)^   (\w[\w.]*)$", TEXTS["overview"])
    assert sorted(listed) == sorted(ENTRIES)


def test_every_page_of_the_reference_is_in_the_contents():
    contents = (ROOT / "_toc.yml").read_text("utf8")
    assert [page for page in TEXTS if f"file: book/api/{page}\n" not in contents] == []
