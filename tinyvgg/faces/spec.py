"""How a source of faces is written: ``KIND``, ``KIND:DIR``, and settings behind a question mark.

``folder:/data/mine?crop=detect,labels=person/emotion``: one string says everything, so that it
can be given to every entry alike (`open_faces`, a notebook's parameter, ``make book FACES=``)
and stands in the record of a run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

#: What `open_faces` takes.
SOURCES = ("synthetic", "rafd:DIR", "kdef:DIR", "orl", "folder:DIR")

#: Where the face is cut out: the first is taken if nothing is said.
CROPS = {
    "rafd": ("box", "detect", "centre"),
    "kdef": ("box", "detect", "centre"),
    "orl": ("box", "detect", "centre"),
    "folder": ("centre", "detect"),
}

#: What to do with files that cannot be used.
PROBLEMS = ("refuse", "skip")

#: What a level of folders may stand for in ``labels=``; "any" says nothing.
LEVELS = ("person", "emotion", "gaze", "angle", "gender", "group", "any")

_SETTINGS = re.compile(r"(?P<place>.*)\?(?P<settings>\w+=[^?,=]*(?:,\w+=[^?,=]*)*)", re.DOTALL)


class Spec(NamedTuple):
    """A source, taken apart."""

    kind: str
    place: str = ""
    crop: str = ""
    problems: str = "refuse"
    labels: tuple[str, ...] = ()


def parse_source(source: str) -> Spec:
    """Take a source apart.

    Parameters
    ----------
    source
        One of `SOURCES`; sources of files take settings behind a question mark, separated by
        commas: ``crop=`` (see `CROPS`), ``problems=`` (see `PROBLEMS`), and for folders
        ``labels=``, which names what each level of folders stands for, such as
        ``labels=person/emotion`` (see `LEVELS`). A folder whose own name looks so is a folder.

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
    wants_place = f"{kind}:DIR" in SOURCES
    known = wants_place or kind in SOURCES
    if not known or bool(colon) != wants_place or bool(rest) != wants_place:
        raise ValueError(f"unknown source: {source!r}; known: {', '.join(SOURCES)}")
    return _check(Spec(kind, rest), given, source)


def _check(spec: Spec, given: dict[str, str], source: str) -> Spec:
    if spec.kind not in CROPS:
        if given:
            raise ValueError(f"{source!r}: the {spec.kind} faces take no settings")
        return spec
    choices = {"crop": CROPS[spec.kind], "problems": PROBLEMS}
    known = dict.fromkeys(choices) | ({"labels": None} if spec.kind == "folder" else {})
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
    labels: tuple[str, ...] = ()
    if spec.kind == "folder":
        labels = tuple(given.get("labels", "person").split("/"))
        named = [label for label in labels if label != "any"]
        if (
            not set(labels) <= set(LEVELS)
            or len(set(named)) < len(named)
            or not {"person", "emotion", "gaze"} & set(named)
        ):
            raise ValueError(
                f"labels={'/'.join(labels)!r} in the source {source!r}; name each level of folders "
                f"once, from outside to inside, by one of {', '.join(LEVELS)}, such as "
                "labels=person/emotion; person, emotion or gaze must be among them"
            )
    return spec._replace(
        crop=given.get("crop", CROPS[spec.kind][0]),
        problems=given.get("problems", "refuse"),
        labels=labels,
    )
