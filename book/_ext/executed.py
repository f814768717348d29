"""Sphinx extension: show papermill's executed copy in place of each source notebook.

A copy that is missing, that was made from another source, or that belongs to another run than
``run.json`` is a warning, and so stops a strict build. The directive ``{run-identity}`` shows
what ``run.json`` holds. A value that was not measured, NaN, is a dash in a table, and in a sentence
that quotes at least as many others; other such sentences are left out.

No page has a kernel or Jupyter's scripts: a widget is shown by the HTML that it gives of itself.
That of an explorer is brought to life by its own scripts, which the book made beside the copies.
"""

from __future__ import annotations

import base64
import json
import os
import posixpath
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from take_along import (
    add_feet,
    add_feet_of_tables,
    as_downloads,
    clear,
    fold_code,
    keep_data,
    keep_executed,
    offer_downloads,
    tags_of,
    without_data,
)

from tinyvgg.book.build import PDF
from tinyvgg.book.execute import STAMP, source_hash
from tinyvgg.book.unknown import (
    SYNTHETIC,
    drawn_figures,
    glued_values,
    note_on,
    without_empty_sections,
    without_unknown,
    without_unmeasured,
)
from tinyvgg.explorer.static import MOUNT, SCRIPT, STYLE
from tinyvgg.faces.layouts import LAYOUTS

log = logging.getLogger(__name__)

INJECTED = "injected-parameters"  # papermill's tag
ALTERNATIVE = "alternative"  # the tag of a figure that is drawn only where labels are missing
REMEDY = "run `make book`"
MISSING = "–"
WIDGET = "application/vnd.jupyter.widget-view+json"
ICONS = re.compile(  # the theme's, by a script, and fonts that are asked for early
    r'<script src="[^"]*/fontawesome/[^"]*"></script>'
    r'|<link rel="preload"[^>]*/fontawesome/[^>]*>\n*'
)
THEBE = re.compile(
    r"<script>const THEBE_JS_URL[^<]*</script>\s*|<script[^>]*sphinx-thebe\.js[^>]*></script>\s*"
    r"|<link[^>]*sphinx-thebe\.css[^>]*>\s*"
)
EXPLORER = "explorer"  # folder beside the executed copies, and within _static


def show_executed(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give Sphinx the executed copy of a notebook, without papermill's own cell.

    Where the images of the run lack a label, sentences that quote what depends on it are left out
    of every page, and a note says so. Where they are not synthetic, so are sentences about the
    synthetic faces, without a note.
    """
    record = read_run(app)
    labels = record.get("labels", {})
    partly = not all(labels.values()) or record.get("faces", SYNTHETIC) != SYNTHETIC
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        if partly and (text := without_unknown(source[0], knows(app, docname))) != source[0]:
            title, _, rest = text.partition("\n")
            source[0] = f"{title}{note_on(labels)}\n{rest}"
        source[0] = without_unmeasured(source[0], values(app, docname))
        return

    def warn(subtype: str, message: str) -> None:
        log.warning(f"{message}: {REMEDY}", location=docname, type="executed", subtype=subtype)

    copy = executed_folder(app) / f"{docname}.ipynb"
    if not copy.is_file():
        return warn("missing", f"there is no executed copy {copy}")
    app.env.note_dependency(str(copy))
    notebook = json.loads(copy.read_text("utf8"))
    stamp = notebook["metadata"].get(STAMP, {})
    if stamp.get("source") != source_hash(source[0]):
        warn("stale", "the notebook was changed after it was executed")
    if (run := read_run(app).get("run")) != stamp.get("run"):
        warn("mixed", f"the executed copy is of run {stamp.get('run')}, the book of run {run}")
    keep_executed(app, docname, without_data(notebook))
    notebook["cells"] = [cell for cell in notebook["cells"] if INJECTED not in tags_of(cell)]
    if partly:
        leave_out(notebook, knows(app, docname), labels)
    else:
        usual = [cell for cell in notebook["cells"] if ALTERNATIVE not in tags_of(cell)]
        named, drawn = drawn_figures({"cells": usual})
        for name in sorted(named - drawn):
            warn("figure", f"no cell shows the figure {name}")
    leave_out_unmeasured(notebook, values(app, docname))
    fold_code(notebook)
    keep_data(app, docname, notebook)
    notebook["metadata"].pop("widgets", None)  # the state of widgets, for Jupyter's scripts
    for output in (output for cell in notebook["cells"] for output in cell.get("outputs", [])):
        if output.get("data", {}).pop(WIDGET, None) and "text/html" not in output["data"]:
            warn("widget", "a cell shows a widget that gives no HTML of itself")
    source[0] = json.dumps(notebook)


class Pages(NamedTuple):
    """What the executed notebooks of a book glue and draw, by page where it is a dictionary."""

    glued: dict[str, dict[str, str]]  # the text of each value by its name
    named: set[str]  # figures
    drawn: set[str]


def pages_of(app: Sphinx) -> Pages:
    """Those of the book that is being built, read once."""
    if not hasattr(app, "tinyvgg_pages"):
        app.tinyvgg_pages = _read_pages(executed_folder(app), Path(app.srcdir))
    return app.tinyvgg_pages


def _read_pages(executed: Path, sources: Path) -> Pages:
    paths = {x.relative_to(executed).as_posix(): x for x in executed.glob("notebooks/*.ipynb")}
    pages = {name: json.loads(path.read_text("utf8")) for name, path in paths.items()}
    written = [path for name in pages if (path := sources / name).is_file()]
    return Pages(
        {name: glued_values(page) for name, page in pages.items()},
        set().union(*(drawn_figures(json.loads(x.read_text("utf8")))[0] for x in written)),
        set().union(*(drawn_figures(page)[1] for page in pages.values())),
    )


def knows(app: Sphinx, docname: str) -> Callable[[str], bool]:
    """Whether a page may quote a glued name, its own or another page's, or refer to a figure."""
    pages = pages_of(app)

    def known(name: str) -> bool:
        if name in pages.named:
            return name in pages.drawn
        place, key = quoted_from(docname, name)
        own = "::" not in name
        if own and place not in pages.glued:
            return True
        always = own and key.startswith(("fig-", "algorithm", "prop", "tab"))
        return always or key in pages.glued.get(place, ())

    return known


def values(app: Sphinx, docname: str) -> Callable[[str], str]:
    """The text of a glued value by the name that a page quotes; empty if there is none."""

    def value(name: str) -> str:
        place, key = quoted_from(docname, name)
        return pages_of(app).glued.get(place, {}).get(key, "")

    return value


def quoted_from(docname: str, name: str) -> tuple[str, str]:
    """The notebook that glues what a page quotes, as a path in the book, and the glued name."""
    page, apart, key = name.rpartition("::")
    if not apart:
        return f"{docname}.ipynb", key
    return posixpath.normpath(posixpath.join(posixpath.dirname(docname), page)), key


def leave_out(notebook: dict, known: Callable[[str], bool], labels: dict) -> None:
    """Take out of a page's text what is not known; where a label is missing, say so at its head."""
    if change_text(notebook, lambda text: without_unknown(text, known)):
        first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        first["source"] += note_on(labels)
    named, drawn = drawn_figures(notebook)
    undrawn = named - drawn
    notebook["cells"] = [
        cell
        for cell in notebook["cells"]
        if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") not in undrawn
    ]
    notebook["cells"] = without_empty_sections(notebook["cells"])


def leave_out_unmeasured(notebook: dict, value: Callable[[str], str]) -> None:
    """Take out of a page's text what says little since most of its values were not measured."""
    if change_text(notebook, lambda text: without_unmeasured(text, value)):
        notebook["cells"] = without_empty_sections(notebook["cells"])


def change_text(notebook: dict, change: Callable[[str], str]) -> bool:
    """Change the prose of a page and its captions; whether the prose is now another.

    Cells without a text go.
    """
    texts = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    before = ["".join(cell["source"]) for cell in texts]
    for cell, text in zip(texts, before, strict=True):
        cell["source"] = change(text)
    for cell in notebook["cells"]:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if "caption" in figure:
            figure["caption"] = change(figure["caption"]) or figure["name"]
    notebook["cells"] = [cell for cell in notebook["cells"] if "".join(cell["source"]).strip()]
    return [cell["source"] for cell in texts] != before


def dash_what_is_missing(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Show glued numbers that are NaN, whatever their format, as a dash."""
    for node in doctree.findall(nodes.inline):
        if "pasted-text" in node["classes"] and node.astext().strip("+- %") == "nan":
            node.children = [nodes.Text(MISSING)]


def add_explorer(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Give a page that holds an explorer its scripts."""
    if app.builder.name == "singlehtml":
        return  # the picture that it gives of itself
    if doctree is None or not any(MOUNT in node.astext() for node in doctree.findall(nodes.raw)):
        return
    if not explorer_folder(app).is_dir():
        log.warning(
            f"there is no explorer in {explorer_folder(app)}: {REMEDY}",
            location=pagename,
            type="executed",
            subtype="missing",
        )
        return
    app.add_css_file(f"{EXPLORER}/{STYLE}")
    app.add_js_file(f"{EXPLORER}/{SCRIPT}", loading_method="defer")


def copy_explorer(app: Sphinx) -> None:
    """Put the explorer's files among the static ones, before a page asks for them."""
    if explorer_folder(app).is_dir():
        target = Path(app.outdir) / "_static" / EXPLORER
        shutil.copytree(explorer_folder(app), target, dirs_exist_ok=True)


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Take out of every page what it does not need; let its links to notebooks save these.

    The theme's icons are fonts, which the style sheet loads where it shows one. The theme also
    draws them by 1.5 MB of script, which then looks at whatever changes in a page, and asks for
    the fonts early, which a page opened from a file may not. Thebe's scripts, which no page uses,
    stand twice in each, which is an error.
    """
    if exception is None and app.builder.format == "html":
        remove_unused(app)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf8")
        if (lighter := as_downloads(THEBE.sub("", ICONS.sub("", text)))) != text:
            page.write_text(lighter, "utf8")


UNUSED = (
    "_static/vendor/fontawesome/*/js",
    "_static/vendor/fontawesome/*/webfonts/*.ttf",
    "_static/**/*.map",
)


def remove_unused(app: Sphinx) -> None:
    """Take away what no page loads, such as icons as scripts, source maps and old pictures."""
    out = Path(app.outdir)
    for found in [path for pattern in UNUSED for path in out.glob(pattern)]:
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    shutil.rmtree(out / "_static" / "locales", ignore_errors=True)
    shown = set(app.builder.images.values())
    for picture in (out / app.builder.imagedir).glob("*"):
        if picture.name not in shown:
            picture.unlink()


class RunIdentity(SphinxDirective):
    """A table of what ``run.json`` holds: ``identity``, ``cost``, ``versions``, ``notebooks``."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        part = (self.arguments or ["identity"])[0]
        parts = {
            "identity": identity_rows,
            "cost": cost_rows,
            "versions": version_rows,
            "notebooks": notebook_rows,
        }
        if part not in parts:
            raise self.error(f"unknown part {part!r}: choose among {', '.join(parts)}")
        record = read_run(self.env.app)
        if not record:
            log.warning(
                f"there is no run.json: {REMEDY}",
                location=self.get_location(),
                type="executed",
                subtype="missing",
            )
            return []
        self.env.note_dependency(str(executed_folder(self.env.app).parent / "run.json"))
        return [table(*parts[part](record))]


class PdfLink(SphinxDirective):
    """A link to the book as one file, if this run has printed it."""

    def run(self) -> list[nodes.Node]:
        source = executed_folder(self.env.app).parent / PDF
        if not source.is_file() or self.env.app.builder.name == "singlehtml":
            return []
        shutil.copyfile(source, Path(self.env.app.outdir) / PDF)
        size = source.stat().st_size / 1e6
        words = f"The whole book as one PDF file ({size:.0f} MB)"
        return [nodes.raw("", f'<p><a href="../{PDF}" download>{words}</a></p>', format="html")]


class RunFigure(SphinxDirective):
    """A figure that a notebook of the run drew, on another page; its content is the caption."""

    required_arguments = 1  # the figure's name
    has_content = True

    def run(self) -> list[nodes.Node]:
        name, app = self.arguments[0], self.env.app
        found = drawn_figure(executed_folder(app), name)
        if found is None:
            log.warning(
                f"no executed notebook draws {name}: {REMEDY}",
                location=self.get_location(),
                type="executed",
                subtype="missing",
            )
            return []
        copy, data, alt = found
        self.env.note_dependency(str(copy))
        path = executed_folder(app).parent / "figures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        here = Path(self.env.doc2path(self.env.docname)).parent
        text = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, text)
        caption = nodes.caption("", "", *text[0].children) if text.children else nodes.caption()
        image = nodes.image(uri=Path(os.path.relpath(path, here)).as_posix(), alt=alt)
        return [nodes.figure("", image, caption, classes=["run-figure"])]


def drawn_figure(executed: Path, name: str) -> tuple[Path, bytes, str] | None:
    """The executed copy that draws a figure, its PNG file, and its text for those who see none."""
    for copy in sorted(executed.glob("notebooks/*.ipynb")):
        for cell in json.loads(copy.read_text("utf8"))["cells"]:
            shown = cell["metadata"].get("mystnb", {})
            if shown.get("figure", {}).get("name") == name:
                for output in cell.get("outputs", []):
                    if "image/png" in output.get("data", {}):
                        data = base64.b64decode("".join(output["data"]["image/png"]))
                        return copy, data, shown.get("image", {}).get("alt", "")
    return None


class KnownSets(SphinxDirective):
    """A table of the public sets that have an entry in `tinyvgg.faces.layouts`."""

    def run(self) -> list[nodes.Node]:
        head = ["Set", "People and pictures", "Labels", "Licence", "Source"]
        rows = [
            [each.title, each.people, each.labels, each.licence, f"{kind}:{each.place}".rstrip(":")]
            for kind, each in LAYOUTS.items()
        ]
        made = table(head, rows)
        made["classes"] = ["known-sets"]
        for row, each in zip(list(made.findall(nodes.row))[1:], LAYOUTS.values(), strict=True):
            name, *_, source = (cell[0] for cell in row)
            link = nodes.reference(each.title, each.title, refuri=each.address)
            name[:] = [link, nodes.Text(f". {each.citation}")]
            source[:] = [nodes.literal(source.astext(), source.astext())]
        return [made]


def identity_rows(record: dict) -> tuple[list[str], list[list[str]]]:
    """What the run was asked for and what it rests on."""
    names = ("profile", "faces", "seed", "device", "run", "commit", "data", "code", "started")
    rows = [[name, str(record[name])] for name in names if name in record]
    return ["", ""], [*rows, ["minutes, before binding", minutes(record["seconds"])]]


def cost_rows(record: dict) -> tuple[list[str], list[list[str]]]:
    """What it takes to run everything again, as measured in this run."""
    cost = record.get("cost", {})
    cores, memory, disk = (cost.get(name) for name in ("processors", "memory", "disk"))
    time = "time, without what an earlier run had made" if cost.get("reused") else "time in all"
    rows = [
        [time, f"{minutes(record['seconds'])} min on {cores} cores"],
        ["memory, largest process", f"{memory / 1e9:.1f} GB" if memory else MISSING],
        ["disk, store and book", f"{disk / 1e6:,.0f} MB" if disk else MISSING],
    ]
    return ["", ""], rows


def version_rows(record: dict) -> tuple[list[str], list[list[str]]]:
    """Versions of Python and of the libraries."""
    return ["Library", "Version"], [[k, str(v)] for k, v in record["versions"].items()]


def notebook_rows(record: dict) -> tuple[list[str], list[list[str]]]:
    """Minutes of each notebook, when it was last executed."""
    rows = [
        [name, minutes(notebook["seconds"]), "yes" if notebook["reused"] else "no"]
        for name, notebook in record["notebooks"].items()
    ]
    return ["Notebook", "Minutes", "Kept from before"], rows


def minutes(seconds: float) -> str:
    """Seconds as minutes and seconds: 75 is "1:15"."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02d}"


def table(head: list[str], rows: list[list[str]]) -> nodes.table:
    """A plain docutils table; a head of empty words is left out."""

    def line(words: list[str]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph(text=word)) for word in words))

    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    if any(head):
        group += nodes.thead("", line(head))
    group += nodes.tbody("", *(line(row) for row in rows))
    return nodes.table("", group, classes=["run-identity"])


def executed_folder(app: Sphinx) -> Path:
    """Where the executed copies are: ``$TINYVGG_EXECUTED``, else the setting of that name."""
    return Path(app.confdir, os.environ.get("TINYVGG_EXECUTED") or app.config.tinyvgg_executed)


def explorer_folder(app: Sphinx) -> Path:
    """Where the explorer's files are."""
    return executed_folder(app).parent / EXPLORER


def read_run(app: Sphinx) -> dict:
    """What run.json holds; empty if there is none."""
    path = executed_folder(app).parent / "run.json"
    return json.loads(path.read_text("utf8")) if path.is_file() else {}


def setup(app: Sphinx) -> dict:
    app.add_config_value("tinyvgg_executed", "_build/executed", "env")
    app.connect("builder-inited", clear)
    app.connect("builder-inited", copy_explorer)
    app.connect("source-read", show_executed)
    app.connect("doctree-resolved", dash_what_is_missing)
    app.connect("doctree-resolved", add_feet)
    app.connect("doctree-resolved", add_feet_of_tables)
    app.connect("html-page-context", add_explorer)
    app.connect("html-page-context", offer_downloads, priority=900)
    app.connect("build-finished", lighten)
    app.add_directive("run-identity", RunIdentity)
    app.add_directive("known-sets", KnownSets)
    app.add_directive("run-figure", RunFigure)
    app.add_directive("pdf-link", PdfLink)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
