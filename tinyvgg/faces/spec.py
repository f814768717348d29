"""The syntax of a source: ``KIND`` or ``KIND:DIR``, and settings after a question mark.

An example is ``folder:/data/mine?crop=detect,labels=person/emotion``. A single string describes a
source completely, so that every entry point accepts it (`open_faces`, a parameter of a notebook,
``make book FACES=``) and the record of a run contains it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tinyvgg.faces.labels import FIELDS, compile_pattern
from tinyvgg.faces.layouts import LAYOUTS

#: What `open_faces` takes.
SOURCES = (
    *("synthetic", "rafd:DIR", "kdef:DIR", "orl", "folder:DIR"),
    *(f"{kind}:{each.place}" for kind, each in LAYOUTS.items() if "box" not in each.crops),
)

#: Where the face is cut out: the first is taken if nothing is said.
CROPS = {"folder": ("centre", "detect")} | {kind: each.crops for kind, each in LAYOUTS.items()}

#: What to do with files that cannot be used.
PROBLEMS = ("refuse", "skip")

#: The settings of a folder that tell its labels, one of which may be given.
TELLING = ("labels", "name", "table")

_SETTINGS = re.compile(r"(?P<place>.*)\?(?P<settings>\w+=[^?,=]*(?:,\w+=[^?,=]*)*)", re.DOTALL)


class Spec(NamedTuple):
    """A source, taken apart."""

    kind: str
    place: str = ""
    crop: str = ""
    problems: str = "refuse"
    labels: tuple[str, ...] = ()
    name: str = ""
    table: str = ""


def parse_source(source: str) -> Spec:
    """Take a source apart.

    Parameters
    ----------
    source
        One of `SOURCES`; sources of files take settings behind a question mark, separated by
        commas: ``crop=`` (see `CROPS`), ``problems=`` (see `PROBLEMS`), and for folders one of
        ``labels=person/emotion``, which names what each level of folders stands for,
        ``name={emotion}_front/{person}_{any}``, a pattern of the path below the folder without
        its ending, and ``table=labels.csv``, a table with a column ``file``, the path below the
        folder, and a column a label (see `labels.FIELDS`). A folder whose own name looks so is
        a folder.

    Raises
    ------
    ValueError
        If the source, a setting or its value is unknown.
    """
    kind, colon, rest = source.partition(":") if isinstance(source, str) else ("", "", "")
    given: dict[str, str] = {}
    match = _SETTINGS.fullmatch(rest if colon else kind)
    if match and not (rest and Path(rest).expanduser().is_dir()):
        settings = match["settings"].split(",")
        given = dict(setting.split("=", 1) for setting in settings)
        if len(given) < len(settings):
            raise ValueError(f"a setting is given twice in the source {source!r}")
        if colon:
            rest = match["place"]
        else:
            kind = match["place"]
    wants_place = {f"{kind}:DIR", f"{kind}:FILE"} & {*SOURCES} != set()
    known = wants_place or kind in SOURCES
    if not known or bool(colon) != wants_place or bool(rest) != wants_place:
        raise ValueError(f"unknown source: {source!r}; known: {', '.join(SOURCES)}")
    return _check(Spec(kind, rest), given, source)


def located(source: str) -> str:
    """The same source with absolute paths, so that other processes find it in other folders.

    Relative ones count from the working directory and, for a notebook that runs in its own
    folder, from the one above. What is not there stays as it is: `open_faces` will say so.
    """
    spec = parse_source(source)
    bases = [Path.cwd()]
    if bases[0].name == "notebooks":
        bases.append(bases[0].parent)
    for before, relative in ((":", spec.place), ("table=", spec.table)):
        path = Path(relative).expanduser()
        if not relative or path.is_absolute():
            continue
        if before == "table=" and Path(spec.place).expanduser().joinpath(path).is_file():
            continue
        found = next((base / path for base in bases if (base / path).exists()), None)
        if found is not None:
            source = source.replace(f"{before}{relative}", f"{before}{found}", 1)
    return source


def _check(spec: Spec, given: dict[str, str], source: str) -> Spec:
    if spec.kind not in CROPS:
        if given:
            raise ValueError(f"{source!r}: the {spec.kind} faces have no settings")
        return spec
    choices = {"crop": CROPS[spec.kind], "problems": PROBLEMS}
    known = [*choices, *(TELLING if spec.kind == "folder" else ())]
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"unknown setting {name!r} in the source {source!r}; known: {', '.join(known)}"
            )
        if name in choices and value not in choices[name]:
            raise ValueError(
                f"{name}={value!r} in the source {source!r}; "
                f"choose one of {', '.join(choices[name])}"
            )
    spec = spec._replace(
        crop=given.get("crop", CROPS[spec.kind][0]), problems=given.get("problems", "refuse")
    )
    told = [name for name in TELLING if name in given]
    if empty := [name for name in told if not given[name]]:
        raise ValueError(f"{empty[0]}= has no value in the source {source!r}")
    if len(told) > 1:
        raise ValueError(f"{' and '.join(told)} in the source {source!r}; give only one of them")
    if given.get("table"):
        return spec._replace(table=given["table"])
    if "name" in given:
        return spec._replace(name=_pattern(given["name"], source))
    if spec.kind == "folder":
        return spec._replace(labels=_levels(given.get("labels", "person"), source))
    return spec


def _levels(text: str, source: str) -> tuple[str, ...]:
    labels = tuple(text.split("/"))
    named = [label for label in labels if label != "any"]
    if (
        not set(labels) <= set(FIELDS)
        or len(set(named)) < len(named)
        or not {"person", "emotion", "gaze"} & set(named)
    ):
        raise ValueError(
            f"labels={text!r} in the source {source!r}; name each level of folders once, from the "
            f"outer to the inner, by one of {', '.join(FIELDS)}, as in labels=person/emotion; "
            "person, emotion or gaze must be among them"
        )
    return labels


def _pattern(text: str, source: str) -> str:
    try:
        found = compile_pattern(text).groupindex
        if not {"person", "emotion", "gaze"} & {*found}:
            raise ValueError("person, emotion or gaze must be among its fields")
    except ValueError as error:
        raise ValueError(
            f"name={text!r} in the source {source!r}: {error}; write fields in braces, as in "
            f"name={{emotion}}_front/{{person}}_{{any}}; the fields are {', '.join(FIELDS)}"
        ) from None
    return text
