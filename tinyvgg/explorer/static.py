"""The explorer as files: its program as one module, and what a page without Jupyter loads."""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from tinyvgg.storage.files import replacing

SCRIPT, STYLE = "static.js", "explorer.css"
MOUNT = "tinyvgg-explorer-page"  # class of the element in whose place the script puts the explorer

IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "(\.[\w./]+)";\n', re.MULTILINE)
KEYWORD = r"(?:async )?(?:function\*?|class|const|let|var)"
DECLARED = re.compile(rf"^(export )?{KEYWORD} (\w+)", re.MULTILINE)
EXPORT = re.compile(rf"^export (?={KEYWORD} )", re.MULTILINE)
LEFT = re.compile(r"^(?:import|export)\b(?! default\b).*", re.MULTILINE)


def web_text(path: str) -> str:
    """The text of a file in web/."""
    return (files(__package__) / "web" / path).read_text("utf8")


def bundle(entry: str = "explorer.js") -> str:
    """The page's program as one ES module: a module of web/ after all that it imports.

    A module imports by lines ``import { a, b } from "./x.js";`` and exports by ``export`` at the
    start of a line. Both are removed, so that top-level names must differ over all modules.

    Parameters
    ----------
    entry : str
        Its path in web/; the only one that may ``export default``.

    Raises
    ------
    FileNotFoundError
        A module is missing.
    ValueError
        A name is not exported or is declared twice, modules import each other in a circle, or a
        line imports or exports in another way.
    """
    texts: dict[str, str] = {}
    homes: dict[str, str] = {}
    exported: dict[str, set[str]] = {}

    def add(path: str, above: tuple[str, ...] = ()) -> None:
        if path in above:
            raise ValueError(f"modules import each other: {' imports '.join((*above, path))}")
        if path in texts:
            return
        text = web_text(path)
        for names, target in IMPORT.findall(text):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            add(other, (*above, path))
            if missing := set(names.split(", ")) - exported[other]:
                raise ValueError(f"{path} imports {missing}, which {other} does not export")
        declared = DECLARED.findall(text)
        for _, name in declared:
            if homes.setdefault(name, path) != path:
                raise ValueError(f"{name} is declared in {homes[name]} and in {path}")
        exported[path] = {name for export, name in declared if export}
        text = EXPORT.sub("", IMPORT.sub("", text))
        if (left := LEFT.search(text)) or (path != entry and "\nexport default" in text):
            raise ValueError(f"{path}: only single lines of names can be joined, not {left}")
        texts[path] = text

    add(entry)
    return "\n".join(texts.values())


def write_explorer(folder: Path, packs: Mapping[str, bytes]) -> None:
    """Write the folder of scripts that makes the explorers of a page interactive.

    The page loads `SCRIPT` and `STYLE`; `SCRIPT` loads ``module.js``, the program that Jupyter
    runs too, and ``TASK.js``, the pack of a task, when it is needed. All are plain scripts, so
    that a page opened from a file can load them.

    Parameters
    ----------
    folder : path
        Replaced as a whole: it is never half written.
    packs : mapping of str to bytes
        By task, as `pack_gallery` gives them.
    """
    with replacing(folder) as made:
        made.mkdir()
        for name in (SCRIPT, STYLE):
            (made / name).write_text(web_text(name), "utf8")
        contents = {"module": bundle()}
        contents |= {task: base64.b64encode(pack).decode() for task, pack in packs.items()}
        for name, content in contents.items():
            call = f"tinyvggExplorer({json.dumps(name)}, {json.dumps(content)});\n"
            (made / f"{name}.js").write_text(call, "utf8")
