"""The explorer for pages without Jupyter: its files, to be served or opened from a disk."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from tinyvgg.explorer.bundle import bundle
from tinyvgg.storage.files import replacing

SCRIPT, STYLE = "static.js", "explorer.css"
MOUNT = "tinyvgg-explorer-page"  # the class of an element that the script brings to life


def write_explorer(folder: Path, packs: Mapping[str, bytes]) -> None:
    """Write what a page needs so that its explorers move: a folder of scripts.

    The page loads `SCRIPT` and `STYLE`; `SCRIPT` loads ``module.js``, the program that Jupyter
    runs too, and ``TASK.js``, the pack of a task, when it is asked for. All are plain scripts, so
    that a page opened from a file can load them.

    Parameters
    ----------
    folder : path
        It is made anew, and appears only when whole.
    packs : mapping of str to bytes
        By task, as `pack_gallery` gives them.
    """
    with replacing(folder) as made:
        made.mkdir()
        for name in (SCRIPT, STYLE):
            (made / name).write_text((files(__package__) / "web" / name).read_text("utf8"), "utf8")
        contents = {"module": bundle()}
        contents |= {task: base64.b64encode(pack).decode() for task, pack in packs.items()}
        for name, content in contents.items():
            call = f"tinyvggExplorer({json.dumps(name)}, {json.dumps(content)});\n"
            (made / f"{name}.js").write_text(call, "utf8")
