"""Labels as people write them, brought to one form: names, emotions, angles, halves of a split."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from tinyvgg.faces.design import ANGLES

#: What a level of folders, a field of a pattern or a column of a table may stand for; "any"
#: says nothing.
FIELDS = ("person", "emotion", "gaze", "angle", "gender", "group", "split", "any")

#: Labels of a table that decide on what a book can show, as a sentence names them.
WORDS = {"subject": "person", "emotion": "emotion", "gaze": "gaze", "angle": "camera angle"}

TRAIN, TEST = "train", "test"

# Other words for the eight emotions of the paper; what is not among them stays as it is.
_EMOTIONS = {
    "angry": ("anger", "angriness"),
    "contemptuous": ("contempt",),
    "disgusted": ("disgust",),
    "fearful": ("fear", "afraid", "scared"),
    "happy": ("happiness", "smiling", "smile", "joy"),
    "neutral": ("natural", "neutrality"),
    "sad": ("sadness",),
    "surprised": ("surprise",),
}
_HALVES = {
    TRAIN: ("training",),
    TEST: ("testing", "publictest", "privatetest", "validation", "valid", "val"),
}
_GAZES = {"frontal": ("straight", "ahead", "front", "centre", "center")}


def _spellings(words: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {word: name for name, others in words.items() for word in (name, *others)}


_WORDS = {
    "emotion": _spellings(_EMOTIONS),
    "split": _spellings(_HALVES),
    "gaze": _spellings(_GAZES),
}


def listed(words: Iterable[str]) -> str:
    """Words in a sentence: "a, b and c"."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def plain(text: str) -> str:
    """A name in one spelling: Unicode's composed form, without spaces at its ends."""
    return unicodedata.normalize("NFC", text).strip()


def read_label(field: str, text: str) -> str | int | None:
    """What a text says as a label; None if it is empty.

    Emotions and gazes go without capitals, by the paper's words ("Anger" is "angry"); an angle
    is a number of degrees; a half is "train" or "test"; other names stay as they are.

    Raises
    ------
    ValueError
        An angle or a half that is unknown.
    """
    text = plain(text)
    if not text:
        return None
    if field in ("person", "gender", "group"):
        return text
    word = text.casefold()
    if field == "angle":
        if word not in map(str, ANGLES):
            raise ValueError(f"the angle {text!r} is none of {ANGLES}")
        return int(word)
    if field == "split" and word not in _WORDS["split"]:
        raise ValueError(f"the split {text!r} is neither {TRAIN} nor {TEST}")
    return _WORDS.get(field, {}).get(word, word)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern such as ``{emotion}_front/{person}_{any}`` as a regular expression.

    It is matched with a whole path below the folder, without the ending. A field stays within
    one level and takes as little as it can; ``{any}`` may come several times.

    Raises
    ------
    ValueError
        A field is unknown or comes twice, or a brace is left over.
    """
    parts = re.split(r"\{(\w*)\}", plain(pattern))
    named = [name for name in parts[1::2] if name != "any"]
    if set(named) - set(FIELDS):
        raise ValueError(f"unknown field {{{sorted(set(named) - set(FIELDS))[0]}}}")
    if len(set(named)) < len(named):
        raise ValueError("a field comes twice")
    if any(brace in text for text in parts[::2] for brace in "{}"):
        raise ValueError("a brace stands alone")
    fields = ["[^/]*?" if name == "any" else f"(?P<{name}>[^/]+?)" for name in parts[1::2]]
    texts = map(re.escape, parts[::2])
    return re.compile("".join(a + b for a, b in zip(texts, [*fields, ""], strict=True)))
