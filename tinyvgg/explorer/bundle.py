"""The page's program as one ES module: the modules of web/ joined in the order they need.

A module imports by lines `import { a, b } from "./x.js";` and exports by `export` at the start of
a line. Both are taken out, so that names at the top of a module must differ over all modules.
"""

from __future__ import annotations

import posixpath
import re
from importlib.resources import files

IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "(\.[\w./]+)";\n', re.MULTILINE)
KEYWORD = r"(?:async )?(?:function\*?|class|const|let|var)"
DECLARED = re.compile(rf"^(export )?{KEYWORD} (\w+)", re.MULTILINE)
EXPORT = re.compile(rf"^export (?={KEYWORD} )", re.MULTILINE)
LEFT = re.compile(r"^(?:import|export)\b(?! default\b).*", re.MULTILINE)


def bundle(entry: str = "explorer.js") -> str:
    """The text of a module of web/ and of all that it imports.

    Parameters
    ----------
    entry : str
        Its path in web/; the only one that may `export default`.

    Raises
    ------
    FileNotFoundError
        A module is not there.
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
        text = (files(__package__) / "web" / path).read_text("utf8")
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
