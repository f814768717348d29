"""The settings that decide how difficult the synthetic faces are, and the reason for each.

They are defined where they are used and collected here, so that a fingerprint can freeze them. All
were chosen by eye, for realism, from contact sheets. Everything else about a face (colors, hair,
skin, the data of the head) is covered by the fingerprint of the images themselves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from tinyvgg.faces.synthetic.person import expression, shape
from tinyvgg.faces.synthetic.rendering import camera
from tinyvgg.storage.files import digest


@dataclass(frozen=True)
class Setting:
    """Constants of a module that are one choice.

    Attributes
    ----------
    title : str
    home : module
        Where they are used.
    names : tuple of str
    unit : str
    reason : str
    """

    title: str
    home: ModuleType
    names: tuple[str, ...]
    unit: str
    reason: str

    @property
    def values(self) -> dict[str, Any]:
        """The constants by name, as JSON."""
        return {name: _plain(getattr(self.home, name)) for name in self.names}

    @property
    def module(self) -> str:
        """Name of the module without those of the folders that it lies in."""
        return self.home.__name__.rpartition(".")[2]


SETTINGS = (
    Setting(
        "strength of the expressions", expression, ("ACTIONS", "RESTING"),
        "share of an action's full range",
        "each emotion looks like the posed prototype of the Facial Action Coding System and is "
        "recognized at a glance in images of 224 and of 64 pixels",
    ),
    Setting(
        "spread of the strength between subjects", expression, ("PERSON_GAIN", "PERSON_ACTION"),
        "standard deviation, share of the strength; of all actions together, and of each",
        "people who are trained to pose the same prototypes still pose them differently",
    ),
    Setting(
        "spread of the strength between shots", expression, ("SHOT_GAIN", "SHOT_ACTION"),
        "standard deviation, share of the strength",
        "nobody keeps exactly the same expression from one shot to the next",
    ),
    Setting(
        "limits of the spread", expression, ("GAIN_LIMITS", "ACTION_LIMITS"),
        "share of the strength",
        "no expression becomes a grimace or disappears; on the contact sheets the weakest sad "
        "faces looked neutral until the lower limit was raised",
    ),
    Setting(
        "unevenness and blinking", expression, ("ONE_SIDED", "BLINK"),
        "standard deviation, share of the strength",
        "no face moves in the same way on both sides, and lids are never equally high twice",
    ),
    Setting(
        "gaze", expression, ("GAZE_TURN", "SAD_GAZE_DROP", "GAZE_JITTER"),
        "degrees",
        "averted eyes are visibly averted; sad faces look down a little; nobody looks at exactly "
        "the same spot twice",
    ),
    Setting(
        "pose of the head", expression, ("POSE_JITTER",),
        "standard deviation in degrees of turn, nod and tilt",
        "people who are asked to keep their head still move it by a degree or two",
    ),
    Setting(
        "size and position in the image", expression, ("SCALE_JITTER", "PLACE_JITTER"),
        "standard deviation, share of the side of the image",
        "a face is cut out of a photograph to within a few pixels",
    ),
    Setting(
        "light", expression, ("LIGHT_JITTER",),
        "standard deviation, share of the strength of a lamp",
        "the lamps of a studio stay in place; flashes differ by a few percent",
    ),
    Setting(
        "frame", camera, ("FRAME", "EYE_ROW", "EYE_COLUMN", "DISTANCE"),
        "distances between eyes and chin; shares of the side of the image; decimeters",
        "the face fills the square, as in the paper's figures, and some hair is visible",
    ),
    Setting(
        "spread of the features", shape,
        ("DETAIL_DEVIATION", "CHILD_DETAIL", "ASYMMETRY_DEVIATION", "LIMIT"),
        "standard deviation, share of a target of the head",
        "a viewer can tell the subjects apart and sees people, not caricatures",
    ),
)  # fmt: skip


def settings() -> dict[str, dict[str, Any]]:
    """All settings by module and name, as JSON."""
    found: dict[str, dict[str, Any]] = {}
    for setting in SETTINGS:
        found.setdefault(setting.module, {}).update(setting.values)
    return found


def settings_fingerprint() -> str:
    """Hexadecimal digest of `settings`; the same however the numbers are written or ordered."""
    text = json.dumps(settings(), sort_keys=True, separators=(",", ":"))
    return digest(text)


def settings_table() -> list[dict[str, str]]:
    """One row per setting for the data card: setting, values, unit, reason."""
    return [
        {
            "setting": setting.title,
            "values": "; ".join(_brief(value) for value in setting.values.values()),
            "unit": setting.unit,
            "reason": setting.reason,
        }
        for setting in SETTINGS
    ]


def _plain(value: Any) -> Any:
    """JSON of a constant, every number a float: 1 and 1.0 are the same setting."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value
    return float(value)


def _brief(value: Any) -> str:
    """A few numbers as they are; of more numbers, their count and range."""
    numbers = _numbers(value)
    if len(numbers) <= 4:
        return ", ".join(f"{number:g}" for number in numbers)
    return f"{len(numbers)} numbers from {min(numbers):g} to {max(numbers):g}"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return _numbers(list(value.values()))
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [value]
