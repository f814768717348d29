"""The setup of every notebook: its study, a check of its parameters, glue and tables."""

from __future__ import annotations

import ast
import logging
import math
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from html import escape
from itertools import pairwise
from typing import Any
from zlib import crc32

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tinyvgg import figures
from tinyvgg.book.execute import RUN
from tinyvgg.book.unknown import SYNTHETIC, known_labels
from tinyvgg.experiments.control_experiments import ControlExperiments
from tinyvgg.faces.labels import WORDS, listed
from tinyvgg.figures.data import as_csv, as_npz, has_numbers
from tinyvgg.figures.style import Photograph, lighter
from tinyvgg.runs.records import commit
from tinyvgg.runs.study import Study
from tinyvgg.verdicts.page import Html

MARK = "# Parameters"  # the first line of the cell that papermill injects
SHORT = 8  # characters of a fingerprint in a figure
CSV, NPZ = "text/csv", "application/x-npz"  # data beside a figure or table; NPZ in base64


def begin(
    profile: str | None = None,
    faces: str = "synthetic",
    seed: int = 0,
    device: str = "auto",
    needs: Sequence[str] = (),
    **protocol: Any,
) -> Study:
    """Check the parameters that papermill injected, set the figure style, open the study.

    If the faces are synthetic, that word is glued: a sentence about them quotes it, and is left
    out of a book of other pictures.

    Parameters
    ----------
    profile, faces, seed, device, **protocol
        As for `Study`.
    needs : sequence of str
        Labels that the notebook cannot do without, such as "emotion" and "gaze".

    Raises
    ------
    ValueError
        The notebook does not have a parameter that was given (papermill itself only warns), or
        the value of a parameter is unknown.
    LabelsMissing
        The faces lack a label that is needed, or have neither person nor emotion labels.
    """
    refuse_unknown_parameters(_cells_run_so_far())
    logging.getLogger("tinyvgg").setLevel(logging.INFO)
    figures.use_style()
    _show_sharp_and_signed()
    progress = "TQDM_DISABLE" not in os.environ  # a page of the book shows no progress bar
    study = Study(profile, faces, seed, device, progress=progress, **protocol)
    check_labels(study, needs)
    figures.sign_with(cache(lambda: run_line(study)))
    if study.source == SYNTHETIC:  # sentences about rendered faces quote this word
        glue({SYNTHETIC: SYNTHETIC})
    return study


class LabelsMissing(ValueError):
    """A page cannot be made from these images; the message says which label it needs."""


def check_labels(study: Study, needs: Sequence[str] = ()) -> None:
    """Raise LabelsMissing unless every image has these labels and allows a task of the paper."""
    known = [label for label, is_known in known_labels(study.faces.table).items() if is_known]
    lacking = [label for label in needs if label not in known]
    if not lacking and study.tasks:
        return
    need = listed(WORDS[label] for label in lacking) or "person or emotion"
    have = listed(WORDS[label] for label in known) or "none"
    raise LabelsMissing(
        f"This page needs the {need} of every image. The labels of {study.faces.name} are: {have}."
    )


def run_line(study: Study) -> str:
    """The line at the foot of a figure that identifies its run: profile, seed, data, run, commit.

    The commit is that of the checkout when the notebook is executed. A copy that is reused because
    nothing that it depends on has changed keeps its commit. The run is that of the book (see
    `execute`); a notebook that is run by hand has none.
    """
    code, _, changed = commit().partition("-")
    run = os.environ.get(RUN)
    parts = [
        f"{study.profile.name} profile",
        f"seed {study.seed}",
        f"data {study.source.partition(':')[0]} {study.faces.fingerprint[:SHORT]}",
        f"run {run[:SHORT]}" if run else "run by hand",
        f"commit {code[:SHORT]}{', modified' if changed else ''}",
    ]
    return "  ·  ".join(parts)


def refuse_unknown_parameters(cells: list[str]) -> None:
    """Raise if a cell injected by papermill sets a name that the cell before it does not.

    Parameters
    ----------
    cells : list of str
        Sources of the code cells in the order in which they ran.
    """
    for declared, injected in pairwise(cells):
        if not injected.startswith(MARK):
            continue
        known, given = _assigned(declared), _assigned(injected)
        if unknown := [name for name in given if name not in known]:
            raise ValueError(
                f"unknown parameter {', '.join(unknown)}; this notebook has {', '.join(known)}"
            )


def glue(values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """Bind values to names, so that sentences of the book can quote them.

    Numpy scalars become plain Python numbers, which formats such as ``:.2f`` need.
    """
    try:
        from myst_nb import glue as bind
    except ImportError:  # a notebook also runs where no book is built
        return
    for name, value in {**(values or {}), **more}.items():
        bind(name, value.item() if isinstance(value, np.generic) else value, display=False)


def quote(numbers: Mapping[str, float | None], *names: str) -> None:
    """Glue some numbers, such as those of `measures`, under their own names.

    The bounds NAME_low and NAME_high are glued as well if they exist. A value that the run cannot
    determine is NaN. A name that is missing because the images lack a label is not glued.
    """
    glue({name: value for name, value in _with_bounds(numbers, names)})


def quote_percent(numbers: Mapping[str, float | None], *names: str) -> None:
    """The same in percent, as NAME_percent, NAME_low_percent and NAME_high_percent."""
    glue({f"{name}_percent": 100 * value for name, value in _with_bounds(numbers, names)})


def _with_bounds(
    numbers: Mapping[str, float | None], names: Sequence[str]
) -> Iterator[tuple[str, float]]:
    for name in names:
        for key in (name, f"{name}_low", f"{name}_high"):
            if key in numbers:
                value = numbers[key]
                yield key, math.nan if value is None else value


def say_drawn(*analyzed: ControlExperiments) -> None:
    """Say of which tasks not every misclassified image is analyzed; nothing where all are."""
    from IPython.display import Markdown, display

    for made in analyzed:
        if (some := len(made.wrong)) < made.errors:
            wrong = f"{made.errors:,} misclassified images of the {made.task} task"
            display(Markdown(f"Of the {wrong}, {some} drawn at random are analyzed."))


def show(table: pd.DataFrame, caption: str, index: bool = False, **formats: str) -> Html:
    """A table as the book shows it, with a caption and a format for each column.

    A table without a row is a sentence that says so.

    Parameters
    ----------
    table : DataFrame
    caption : str
    index : bool
        Show the index as well.
    **formats : str
        A format such as "{:.2%}" by column. Missing values are shown as a dash.
    """
    if table.empty:
        nothing = f"{caption.partition(';')[0].rstrip('.')}: none in this run."
        return Html(f"<p>{escape(nothing)}</p>", nothing)
    style = table.style.set_caption(caption).format(formats, na_rep="–", precision=2)
    style = style.set_table_attributes('class="results"').set_uuid(f"{crc32(caption.encode()):08x}")
    style = style if index else style.hide(axis="index")
    text = f"{caption}\n{style.to_string(delimiter='  ')}"
    return Html(style.to_html(), text, table.to_csv(index=index))


def _show_sharp_and_signed() -> None:
    """Figures at twice the pixels, each with its line of the run, and with its data beside it."""
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if (shell := get_ipython()) is None:
        return
    set_matplotlib_formats("retina")
    if "inline" in matplotlib.get_backend():  # it draws a figure when it shows it, and only then
        plt.uninstall_repl_displayhook()
    formatter = shell.display_formatter.formatters["image/png"]
    draw = formatter.lookup_by_type(Figure)
    formatter.for_type(Figure, lambda figure: _lighter(draw(figures.signed(figure))))
    for kind, of_figure in ((CSV, as_csv), (NPZ, as_npz)):
        data = _data_formatter(kind)
        data.for_type(Figure, of_figure)
        data.for_type(Photograph, partial(_of_photograph, of_figure))
        data.for_type(Html, lambda table, kind=kind: table.csv if kind == CSV else None)
        shell.display_formatter.formatters[kind] = data


def _of_photograph(of_figure: Callable[[Figure], str | None], shown: Photograph) -> str | None:
    """The data of a picture file, unless the file itself is all that there is."""
    figure = shown.figure
    return of_figure(figure) if figure is not None and has_numbers(figure) else None


def _lighter(drawn: tuple[str, dict]) -> tuple[str, dict]:
    """A picture as IPython draws it, PNG in base64 and its size, with a smaller file."""
    png, size = drawn
    return b64encode(lighter(b64decode(png))).decode(), size


def _data_formatter(kind: str) -> Any:
    """What adds data of a kind to whatever a cell shows."""
    from IPython.core.formatters import BaseFormatter

    formatter = BaseFormatter()
    formatter.format_type, formatter.print_method = kind, "_no_such_method_"
    return formatter


def _assigned(source: str) -> list[str]:
    names = []
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _cells_run_so_far() -> list[str]:
    try:
        from IPython import get_ipython
    except ImportError:
        return []
    shell = get_ipython()
    return [] if shell is None else [cell for cell in shell.user_ns.get("In", []) if cell]
