"""Give every notebook a first cell that installs the package where a hosted kernel lacks it.

    TINYVGG_REPOSITORY=https://github.com/OWNER/NAME python tools/first_cell.py

It stands before the cell of the parameters, does nothing on Colab's or Kaggle's kernels once the
package is there, and nothing at all elsewhere. It names the repository's address, empty until it
is known, and the tag of the package's version. Without the environment variable an address that
a notebook has is kept.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ID = "hosted"
NAMED = re.compile(r'^REPOSITORY, REVISION = "(.*?)", "(.*?)"', re.MULTILINE)
ADDRESS = re.compile(r"https://[\w.-]+(/[\w.-]+)+")
SOURCE = """\
# A hosted kernel (Colab, Kaggle) gets the package here; elsewhere this cell does nothing.
import os
import sys

REPOSITORY, REVISION = "{repository}", "{revision}"
if "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
    import runpy
    import subprocess

    if not REPOSITORY:
        raise ValueError("set REPOSITORY above to the address of this notebook's repository")
    if not os.path.isdir("tinyvgg-source"):
        clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", REVISION, REPOSITORY]
        subprocess.run([*clone, "tinyvgg-source"], check=True)
    runpy.run_path("tinyvgg-source/tools/hosted.py", run_name="__main__")"""


def revision() -> str:
    """The tag of the package's version."""
    text = (ROOT / "tinyvgg" / "__init__.py").read_text("utf8")
    return "v" + re.search(r'__version__ = "(.+)"', text)[1]  # type: ignore[index]


def first_cell(repository: str) -> dict:
    source = SOURCE.format(repository=repository, revision=revision())
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": ID,
        "metadata": {"tags": [ID, "remove-cell"]},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def repository_of(notebook: dict) -> str:
    """The address that a notebook's first cell names; empty if it has none."""
    cells = (cell for cell in notebook["cells"] if cell.get("id") == ID)
    found = (NAMED.search("".join(cell["source"])) for cell in cells)
    return next((match[1] for match in found if match), "")


def with_first_cell(notebook: dict, repository: str | None = None) -> dict:
    """A notebook with that cell, up to date, before every other cell of code.

    Parameters
    ----------
    notebook : dict
        Its JSON.
    repository : str, optional
        The repository's address; the one that it names already, or none, if not given.
    """
    cell = first_cell(repository_of(notebook) if repository is None else repository)
    cells = [each for each in notebook["cells"] if each.get("id") != ID]
    kinds = [each["cell_type"] for each in cells]
    place = kinds.index("code") if "code" in kinds else len(cells)
    return {**notebook, "cells": [*cells[:place], cell, *cells[place:]]}


def main(paths: list[Path]) -> None:
    repository = os.environ.get("TINYVGG_REPOSITORY") or None
    if repository and not ADDRESS.fullmatch(repository):
        sys.exit(f"TINYVGG_REPOSITORY must be like https://github.com/OWNER/NAME, not {repository}")
    for path in paths:
        before = path.read_text("utf8")
        notebook = with_first_cell(json.loads(before), repository)
        after = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if after != before:
            path.write_text(after, "utf8")
            print(path)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb")))
