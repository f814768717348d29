"""What a reader can take along: the data of each figure and table, the executed notebooks.

A cell of an executed notebook carries the data of what it shows beside the picture (see
`tinyvgg.book.notebook`). Here they become files of the book, which links under each figure and
table name. Code is folded, and a link under a figure opens the cell that drew it.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from html import escape
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from tinyvgg.book.notebook import CSV, NPZ

FOLDED, OPEN, GONE = "hide-input", "show-input", "remove-cell"  # tags of cells
DATA, NOTEBOOKS = "data", "notebooks"  # folders within _static
GLUED = "application/papermill.record/"
KINDS = {CSV: "csv", NPZ: "npz"}
WORDS = {"csv": "data (CSV)", "npz": "images (NPZ)"}
COLUMN, GAP = 100, 2  # characters of a table that a column of text holds; between two columns
SENTENCE = 30  # characters after which the words of a cell go on below
CELL, TAG = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.S), re.compile("<[^>]*>")
ATTRIBUTES = "tinyvgg_data"  # of the environment: by page and figure, the files of its data


def fold_code(notebook: dict) -> None:
    """Fold the code of every cell but those tagged ``show-input``; a click unfolds it.

    Cells that show nothing are folded together with the next one that does, or else with the one
    before, so that the eye meets one line between two paragraphs. Those tagged ``remove-cell``,
    such as what installs the package on a hosted kernel, are no part of a page.
    """
    cells: list[dict] = []
    shown = [cell for cell in notebook["cells"] if GONE not in tags_of(cell)]
    for is_code, run in groupby(shown, lambda cell: cell["cell_type"] == "code"):
        some = list(run)
        cells += _joined(some) if is_code else some
    notebook["cells"] = cells
    for cell in cells:
        if cell["cell_type"] == "code" and {FOLDED, OPEN}.isdisjoint(tags_of(cell)):
            tags_of(cell).append(FOLDED)


def tags_of(cell: dict) -> list[str]:
    """The tags of a cell; what is added to them is added to the cell's."""
    return cell["metadata"].setdefault("tags", [])


def _joined(run: list[dict]) -> list[dict]:
    """Consecutive code cells, those that show nothing joined to one that does."""
    made: list[dict] = []
    waiting: list[dict] = []
    for cell in run:
        waiting.append(cell)
        if _shows(cell) or OPEN in tags_of(cell):
            made.append(_join(waiting, cell))
            waiting = []
    if waiting:
        last = [made.pop()] if made else []
        made.append(_join([*last, *waiting], (last or waiting)[0]))
    return made


def _join(cells: list[dict], main: dict) -> dict:
    return {
        **main,
        "source": "\n\n".join("".join(cell["source"]) for cell in cells),
        "outputs": [output for cell in cells for output in cell.get("outputs", [])],
    }


def _shows(cell: dict) -> bool:
    """Whether a cell shows anything but glued values."""
    return any(
        output["output_type"] in ("stream", "error")
        or any(not kind.startswith(GLUED) for kind in output.get("data", {}))
        for output in cell.get("outputs", [])
    )


def clear(app: Sphinx) -> None:
    """Remove what an earlier build put among the files: figures may have other names now."""
    for name in (DATA, NOTEBOOKS, "tippy"):
        shutil.rmtree(Path(app.outdir) / "_static" / name, ignore_errors=True)


def without_data(notebook: dict) -> dict:
    """The notebook as Jupyter shows it: without the data that the book offers as files."""
    copy = json.loads(json.dumps(notebook))
    for output in (output for cell in copy["cells"] for output in cell.get("outputs", [])):
        for kind in KINDS:
            output.get("data", {}).pop(kind, None)
    return copy


def keep_executed(app: Sphinx, docname: str, notebook: dict) -> None:
    """Put the executed notebook, with its outputs, among the files of the book."""
    path = Path(app.outdir) / "_static" / NOTEBOOKS / f"{Path(docname).name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1), "utf8")


def keep_data(app: Sphinx, docname: str, notebook: dict) -> None:
    """Turn the data beside figures and tables into files, and link those of tables below them."""
    page = Path(docname).name
    folder = Path(app.outdir) / "_static" / DATA / page
    found: dict[str, dict[str, str]] = {}
    tables = 0
    for cell in notebook["cells"]:
        name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            held = {KINDS[kind]: "".join(bundle.pop(kind)) for kind in KINDS if kind in bundle}
            if not held:
                continue
            if name is None:
                tables += 1
            stem = name or f"table-{tables}"
            files = {kind: _write(folder / f"{stem}.{kind}", data) for kind, data in held.items()}
            if name is not None:
                found[name] = files
            elif "text/html" in bundle:
                html = "".join(bundle["text/html"]) + foot(_links(app, docname, files, stem))
                wide = width(html) > COLUMN
                bundle["text/html"] = f'<div class="full-width">{html}</div>' if wide else html
    vars(app.env).setdefault(ATTRIBUTES, {})[docname] = found


def width(html: str) -> int:
    """About how many characters wide a table is, with sentences in its cells broken."""
    longest: dict[int, int] = {}
    for row in html.split("</tr>"):
        for k, cell in enumerate(CELL.findall(row)):
            text = " ".join(TAG.sub(" ", cell).split())
            longest[k] = max(longest.get(k, 0), min(len(text), SENTENCE))
    return sum(length + GAP for length in longest.values())


def _write(path: Path, data: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(data) if path.suffix == ".npz" else data.encode())
    return path.name


def _links(app: Sphinx, docname: str, files: dict[str, str], what: str) -> list[str]:
    page, up = Path(docname).name, _up(app, docname)
    return [
        f'<a href="{up}_static/{DATA}/{page}/{name}" download="{page}-{name}" '
        f'aria-label="{WORDS[kind]} of {escape(what)}">{WORDS[kind]}</a>'
        for kind, name in files.items()
    ]


def _up(app: Sphinx, docname: str) -> str:
    """What leads from a page to the root of the book."""
    return "" if app.builder.name == "singlehtml" else "../" * docname.count("/")


def foot(links: list[str]) -> str:
    """The line under a figure or table."""
    return f'<p class="take-along">{" · ".join(links)}</p>'


def add_feet(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Under each figure: its data, its picture in full size, the code that drew it."""
    known = vars(app.env).get(ATTRIBUTES, {}).get(docname, {})
    for figure in doctree.findall(nodes.figure):
        cell = figure.parent
        while cell is not None and "cell" not in getattr(cell, "attributes", {}).get("classes", ()):
            cell = cell.parent
        image = next(iter(figure.findall(nodes.image)), None)
        if cell is None or image is None or not figure["ids"]:
            continue
        name = figure["ids"][0]
        links = _links(app, docname, known.get(name, {}), name)
        if held := app.env.images.get(image["uri"]):
            file = f"{_up(app, docname)}_images/{held[1]}"
            kind = Path(file).suffix
            links.append(
                f'<a href="{file}" download="{name}{kind}" aria-label="full size picture of '
                f'{name}">full size ({kind[1:].upper()})</a>'
            )
        cell["ids"].append(f"code-{name}")
        links.append(f'<a class="to-code" href="#code-{name}" aria-label="code of {name}">code</a>')
        figure += nodes.legend("", nodes.raw("", foot(links), format="html"))


def add_feet_of_tables(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Under each table of the text itself, such as one in Markdown: its cells as CSV."""
    page = Path(docname).name
    for number, table in enumerate(list(doctree.findall(nodes.table)), 1):
        rows = [[cell.astext() for cell in row] for row in table.findall(nodes.row)]
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows(rows)
        stem = f"text-table-{number}"
        path = Path(app.outdir) / "_static" / DATA / page / f"{stem}.csv"
        links = _links(app, docname, {"csv": _write(path, file.getvalue())}, stem)
        below = nodes.raw("", foot(links), format="html")
        table.parent.insert(table.parent.index(table) + 1, below)


def offer_downloads(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Of a notebook, offer the executed copy and the source; and a way to see all code at once."""
    buttons = context.get("header_buttons", [])
    pathto, page = context.get("pathto"), Path(pagename).name
    executed = Path(app.outdir) / "_static" / NOTEBOOKS / f"{page}.ipynb"
    for group in buttons:
        if group.get("label") != "download-buttons":
            continue
        group["buttons"] = [
            button for button in group["buttons"] if button["label"] == "download-pdf-button"
        ]
        if pagename.startswith("notebooks/") and executed.is_file():
            source = context["sourcename"]
            group["buttons"][:0] = [
                _download(
                    pathto(f"_static/{NOTEBOOKS}/{page}.ipynb", 1),
                    "notebook with outputs",
                    "fas fa-chart-line",
                    "download-executed-button",
                ),
                _download(
                    f"{pathto('_sources', 1)}/{source}",
                    "notebook without outputs",
                    "fas fa-code",
                    "download-source-button",
                ),
            ]
            buttons.append(
                {
                    "type": "javascript",
                    "javascript": "tinyvggShowCode(this)",
                    "tooltip": "Show all code",
                    "icon": "fas fa-code",
                    "label": "show-code-button",
                }
            )
        return


def _download(url: str, text: str, icon: str, label: str) -> dict:
    return {
        "type": "link",
        "url": url,
        "text": text,
        "tooltip": f"Download the {text}",
        "icon": icon,
        "label": label,
    }


LISTS = '<div role="list" class="citation-list">', '<div class="citation-list">'
LINKS = re.compile(r'<a href="([^"]*\.ipynb)" target="_blank"')


def as_downloads(html: str) -> str:
    """A page whose links to notebooks save them, instead of opening them as text.

    Its list of references is no list to a screen reader, since its entries are no list items.
    """
    return LINKS.sub(r'<a href="\1" download', html).replace(*LISTS)
