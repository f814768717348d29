"""Names of the package lead to the reference: in prose, and at the end of a notebook's page."""

from __future__ import annotations

import importlib.util
import logging
from io import StringIO
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTED = {
    "tinyvgg.backtrack",
    "tinyvgg.Cut",
    "tinyvgg.split",
    "tinyvgg.Study",
    "tinyvgg.Study.network",
    "tinyvgg.FaceSet.labels",
    "tinyvgg.model.layer_table",
}
CONFIG = {
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"],
    "nb_execution_mode": "off",
    "html_theme": "basic",
    "default_role": "py:obj",
    "autodoc_typehints": "none",
    "nitpicky": True,
    "nitpick_ignore_regex": [("py:.*", r"(?!tinyvgg\.).*")],
}


@pytest.fixture(scope="module")
def reference():
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("reference", ROOT / "book/_ext/reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("literal", "entry"),
    [
        ("backtrack", "backtrack"),
        ("tinyvgg.Cut", "Cut"),
        ("backtrack(net, images, cut=Cut())", "backtrack"),
        ("layer_table", "model.layer_table"),
        ("tinyvgg.model.layer_table(net)", "model.layer_table"),
        ("Study.network", "Study.network"),
        ('study.network("face")', "Study.network"),
        ("split(faces)", "split"),
    ],
)
def test_a_literal_leads_to_its_entry(reference, literal, entry):
    assert reference.entry_of(literal, DOCUMENTED) == f"tinyvgg.{entry}"


@pytest.mark.parametrize(
    "literal", ["split", "labels", "network", "track", "cut=Cut()", "make book", "x.backtrack", ""]
)
def test_a_literal_that_may_mean_something_else_stays(reference, literal):
    assert reference.entry_of(literal, DOCUMENTED) is None


def test_what_code_imports_is_found_where_it_is_documented(reference):
    cells = [
        "import tinyvgg\nfrom tinyvgg import Cut as Cutting\nfrom torch import backtrack",
        "from tinyvgg.faces.split import split\nfrom tinyvgg.figures import layer_table",
        "net = study.network(task)\ntinyvgg.backtrack(net, x)\nother.labels(task)",
    ]
    used = reference.used_names(cells, DOCUMENTED)
    assert used == [f"tinyvgg.{name}" for name in ("backtrack", "Cut", "Study.network", "split")]


def test_code_without_a_documented_name_uses_none(reference):
    assert reference.used_names(["import numpy as np\nnp.split(x)"], DOCUMENTED) == []


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A notebook and a page of the reference, bound: the notebook's HTML, and the warnings."""
    pytest.importorskip("myst_nb")
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    cells = [
        nbformat.v4.new_markdown_cell("# `Cut`\n\n```{toctree}\napi\n```\n\nAs `Cut()` has it."),
        nbformat.v4.new_code_cell("from tinyvgg import Cut"),
    ]
    content = nbformat.v4.new_notebook(cells=cells)
    content.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    nbformat.write(content, tmp_path / "index.ipynb")
    (tmp_path / "api.md").write_text("# Names\n\n```{eval-rst}\n.. autoclass:: tinyvgg.Cut\n```\n")
    warnings, built = StringIO(), tmp_path / "_build"
    with patch_docutils(tmp_path), docutils_namespace():
        folders = (tmp_path, None, built / "html", built / "doctrees")
        config = {**CONFIG, "exclude_patterns": ["_build"]}
        app = Sphinx(*folders, "html", config, status=None, warning=warnings, freshenv=True)
        app.build(force_all=True)
    yield (built / "html" / "index.html").read_text(), warnings.getvalue()
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("sphinx")]:
        logging.getLogger(name).handlers.clear()


def test_a_page_links_to_the_reference_and_lists_what_its_code_uses(pages):
    html, warnings = pages
    assert not warnings
    link = '<a class="reference internal" href="api.html#tinyvgg.Cut" title="tinyvgg.Cut">'
    prose, listed = html.split("Functions used on this page: ")
    assert link in prose.partition("As ")[2]
    assert link not in prose.partition("As ")[0], "a title is no link"
    assert listed.startswith(link)


def test_the_book_registers_the_extension_and_its_style():
    yaml = pytest.importorskip("yaml")
    sphinx = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["sphinx"]
    assert sphinx["local_extensions"]["reference"] == "book/_ext"
    assert (ROOT / "book" / "_static" / "reference.css").is_file()
