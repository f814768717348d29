"""Execute the code of every section on some faces, in one process that draws no figure.

``python tests/sections.py FACES...`` prints a line of JSON: by faces and section, what the section
says that they lack, or nothing. Training is short, and draws are few. Of the last faces, every
image of the face task counts as classified correctly, as happens where people are few.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from tinyvgg.bench import rendering
from tinyvgg.book.notebook import LabelsMissing
from tinyvgg.experiments import heads, public_networks, sizes
from tinyvgg.figures.data import plotted
from tinyvgg.runs import profiles
from tinyvgg.runs.profiles import PROFILES
from tinyvgg.runs.study import Study
from tinyvgg.studies import discussion

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
ELSEWHERE = {"10_real_faces", "17_speed"}  # photographs of its own, and times
OF_NO_FACES = [(rendering, "measure"), (public_networks, "try_functions"), (sizes, "run_sizes")]
OUTCOMES = Study.outcomes
SECTIONS = sorted({path.stem for path in FOLDER.glob("*.ipynb")} - ELSEWHERE)


def execute(shell: InteractiveShell, name: str, **parameters: str) -> None:
    """Run the code cells of a notebook, with parameters as papermill injects them."""
    gc.freeze()  # what is there is not looked at by the collection in `reset`
    shell.reset()
    plt.close("all")
    notebook = load_notebook_node(str(FOLDER / f"{name}.ipynb"))
    for cell in parameterize_notebook(notebook, parameters).cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source, store_history=True).raise_error()
    for figure in map(plt.figure, plt.get_fignums()):
        plotted(figure)  # as where figures are shown, with their data


def lacking(shell: InteractiveShell, name: str, faces: str) -> str:
    """What a section says that these faces lack; nothing if it runs to its end."""
    try:
        execute(shell, name, profile="smoke", faces=faces)
    except LabelsMissing as error:
        return str(error)
    return ""


def without_mistakes(study: Study, task: str, keep: str | None = None) -> pd.DataFrame:
    """`Study.outcomes` as they would be without a misclassified image of the face task."""
    table = OUTCOMES(study, task, keep)
    if task != "face":
        return table
    return table.assign(predicted=table.true, predicted_name=table.true_name, correct=True)


def sections(faces: str) -> dict[str, str]:
    """What each section says that these faces lack."""
    shell = InteractiveShell.instance()
    return {name: lacking(shell, name, faces) for name in SECTIONS}


def main(*sources: str) -> None:
    PROFILES["smoke"] = replace(PROFILES["smoke"], epochs_face=1, epochs_emotion=1, draws=5)
    profiles.LEAST = 1
    heads.STEPS = 30
    discussion.GRADIENT_IMAGES = 2
    warnings.simplefilter("error", RuntimeWarning)  # which a page would show
    for module, name in OF_NO_FACES:
        setattr(module, name, cache(getattr(module, name)))
    os.chdir(FOLDER)
    with redirect_stdout(sys.stderr):
        found = {faces: sections(faces) for faces in sources[:-1]}
        Study.outcomes = without_mistakes
        found[sources[-1]] = sections(sources[-1])
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
