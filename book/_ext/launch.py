"""Sphinx extension: buttons that open a notebook's page on Binder and on Colab.

They appear where ``$TINYVGG_REPOSITORY`` names the repository's address, such as
``https://github.com/OWNER/NAME``, and lead to the commit that the book was made from. Colab takes
a notebook from GitHub alone, and its button waits until the notebooks name that address in their
first cell, which installs the package there (``tools/first_cell.py`` writes it).
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.util import logging

from tinyvgg.runs.records import commit

log = logging.getLogger(__name__)

VARIABLE = "TINYVGG_REPOSITORY"
ADDRESS = re.compile(r"https://(github|gitlab)\.com/[\w.-]+/[\w.-]+")
BINDER, COLAB = "https://mybinder.org", "https://colab.research.google.com"


def theme_options(repository: str, revision: str, named: bool) -> dict[str, Any]:
    """Settings of the theme that show the buttons; none without an address.

    Parameters
    ----------
    repository : str
        Its address, or nothing.
    revision : str
        The commit that the buttons lead to.
    named : bool
        Whether the notebooks themselves name that address.

    Raises
    ------
    ConfigError
        The address has another form.
    """
    if not repository:
        return {}
    if not ADDRESS.fullmatch(repository):
        raise ConfigError(
            f"${VARIABLE} must be like https://github.com/OWNER/NAME, not {repository!r}"
        )
    colab = COLAB if named and "//github.com/" in repository else ""
    return {
        "repository_url": repository,
        "repository_branch": revision,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": BINDER,
            "colab_url": colab,
            "thebe": False,
        },
    }


def names_address(notebook: Path, repository: str) -> bool:
    """Whether the first cell of a notebook names an address."""
    cells = json.loads(notebook.read_text("utf8"))["cells"]
    hosted = ["".join(cell["source"]) for cell in cells if cell.get("id") == "hosted"]
    return any(f'"{repository}"' in source for source in hosted)


def add_buttons(app: Sphinx, config: Config) -> None:
    repository = os.environ.get(VARIABLE, "").rstrip("/").removesuffix(".git")
    revision = commit(Path(app.srcdir)).removesuffix("-dirty")
    if repository and revision == "unknown":
        log.info("no launch buttons: this is no checkout, so they have no commit to lead to")
        return
    notebooks = list(Path(app.srcdir).glob("notebooks/*.ipynb"))
    named = bool(notebooks) and all(names_address(path, repository) for path in notebooks)
    config.html_theme_options = {
        **config.html_theme_options,
        **theme_options(repository, revision, named),
    }


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", add_buttons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
