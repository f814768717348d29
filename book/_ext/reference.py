"""Sphinx extension: names of the package lead to their entries in the reference.

An inline literal that is a documented name, such as ``backtrack``, ``tinyvgg.Cut(...)`` or
``Study.network``, becomes a link to its entry. A page that is a notebook ends with links to the
documented functions that its code uses.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

PACKAGE = "tinyvgg"
STUDY = "study"  # what every notebook calls its Study
CALLED = ("class", "function", "method")  # kinds of objects that the list of a page names
CALL = re.compile(r"([A-Za-z_][\w.]*)(\(.*\))?", re.DOTALL)
# Names that also are words, columns or settings: as bare literals they stay as they are.
WORDS = frozenset({"compare", "fit", "grey", "outcomes", "predict", "record", "split", "vgg"})


def entry_of(literal: str, documented: Iterable[str]) -> str | None:
    """The full name of the documented object that a literal names; None if it names none."""
    if (match := CALL.fullmatch(literal)) is None:
        return None
    name, call = match.groups()
    if name in WORDS and not call:
        return None
    return full_name(name, documented)


def full_name(name: str, documented: Iterable[str]) -> str | None:
    """The full name of a documented object, found by its last part or parts.

    Methods are found with their class. Of several objects the one nearest to the top is meant.
    """
    if name.startswith(f"{STUDY}."):
        name = f"Study.{name.removeprefix(f'{STUDY}.')}"
    found = [each for each in documented if f".{each}".endswith(f".{name}")]
    found = [each for each in found if "." in name or not is_member(each)]
    return min(found, key=lambda each: (each.count("."), each), default=None)


def is_member(full: str) -> bool:
    """Whether it belongs to a class: `tinyvgg.Study.network`."""
    return full.split(".")[-2][:1].isupper()


def used_names(cells: Iterable[str], documented: Iterable[str]) -> list[str]:
    """Full names of the documented objects that a notebook's code uses, in order of the alphabet.

    Parameters
    ----------
    cells : iterable of str
        Sources of the code cells.
    documented : iterable of str
    """
    documented = set(documented)
    found = set()
    for tree in map(ast.parse, cells):
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] == (
                    PACKAGE
                ):
                    found |= {documented_as(f"{module}.{each.name}", documented) for each in names}
                case ast.Attribute():
                    name = ast.unparse(node)
                    if name.startswith((f"{PACKAGE}.", f"{STUDY}.")):
                        found.add(documented_as(name, documented))
    return sorted(found - {None}, key=lambda name: name.rpartition(".")[2].lower())


def documented_as(name: str, documented: set[str]) -> str | None:
    """The documented name of what a notebook imports from a module: where it is made, or the top.

    `tinyvgg.backtracking.Cut` is documented as `tinyvgg.Cut`.
    """
    if name in documented:
        return name
    if name.startswith(f"{STUDY}."):
        return full_name(name, documented)
    top = f"{PACKAGE}.{name.rpartition('.')[2]}"
    return top if top in documented else None


def entries(env: BuildEnvironment) -> dict[str, ObjectEntry]:
    """The documented objects of the package by full name, without its modules."""
    objects = env.get_domain("py").objects  # type: ignore[attr-defined]
    return {
        name: entry
        for name, entry in objects.items()
        if name.startswith(f"{PACKAGE}.") and entry.objtype != "module"
    }


def link(
    app: Sphinx, page: str, known: Mapping[str, ObjectEntry], name: str, text: nodes.Node
) -> nodes.reference:
    entry = known[name]
    return make_refnode(app.builder, page, entry.docname, entry.node_id, text, name)


def link_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Make links of the literals of a page that name documented objects."""
    known = entries(app.env)
    for literal in list(doctree.findall(nodes.literal)):
        if inside(literal, (nodes.reference, nodes.title)):
            continue
        if name := entry_of(literal.astext(), known):
            literal.replace_self(link(app, page, known, name, literal.deepcopy()))


def inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    """Whether a node stands in one of these kinds."""
    while (node := node.parent) is not None:
        if isinstance(node, kinds):
            return True
    return False


def list_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """End a notebook's page with links to the documented functions that its code uses."""
    path = Path(app.env.doc2path(page))
    if path.suffix != ".ipynb":
        return
    cells = json.loads(path.read_text("utf8"))["cells"]
    known = entries(app.env)
    called = {name for name, entry in known.items() if entry.objtype in CALLED}
    names = used_names(("".join(c["source"]) for c in cells if c["cell_type"] == "code"), called)
    if not names:
        return
    line = nodes.paragraph("", "Functions used on this page: ", classes=["functions-used"])
    for number, name in enumerate(names):
        text = name.removeprefix(f"{PACKAGE}.")
        line += [nodes.Text(", ")] * (number > 0)
        line += link(app, page, known, name, nodes.literal(text, text))
    line += nodes.Text(".")
    section = next(iter(doctree.findall(nodes.section)), doctree)
    section += line


def resolve(app: Sphinx, doctree: nodes.document, page: str) -> None:
    link_names(app, doctree, page)
    list_names(app, doctree, page)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-resolved", resolve)
    app.add_css_file("reference.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
