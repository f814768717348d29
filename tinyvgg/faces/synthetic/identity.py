"""What makes a person: age, colours, hair and, from `shape`, the head; all but the expression.

Group and gender are given; everything else is drawn from random streams that belong to the
subject alone, so that adding a subject or an image never changes anybody else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .haircuts import Hair, draw_hair
from .paint import rgb, stream
from .shape import draw_shape

HAIR = {
    "black": rgb(26, 23, 22), "dark": rgb(46, 34, 27), "brown": rgb(82, 58, 39),
    "light brown": rgb(120, 88, 59), "blond": rgb(176, 142, 94), "light blond": rgb(204, 175, 122),
    "red": rgb(138, 68, 36), "grey": rgb(122, 118, 114),
}  # fmt: skip
IRIS = {
    "dark brown": rgb(54, 34, 22), "brown": rgb(84, 54, 32), "hazel": rgb(120, 92, 50),
    "green": rgb(102, 120, 78), "grey": rgb(116, 130, 138), "blue": rgb(96, 136, 168),
}  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """How often each colour occurs in a group; skin lies between two tones."""

    skin: tuple[np.ndarray, np.ndarray]
    hair: dict[str, float]
    iris: dict[str, float]


PALETTES = {
    "Caucasian": Palette(
        (rgb(243, 206, 184), rgb(222, 174, 144)),
        {
            "dark": 0.16, "brown": 0.27, "light brown": 0.24, "blond": 0.17, "light blond": 0.09,
            "red": 0.07,
        },
        {"brown": 0.28, "blue": 0.32, "grey": 0.14, "green": 0.12, "hazel": 0.14},
    ),
    "Moroccan": Palette(
        (rgb(222, 180, 148), rgb(162, 116, 84)),
        {"black": 0.65, "dark": 0.35},
        {"brown": 0.5, "dark brown": 0.4, "hazel": 0.1},
    ),
}  # fmt: skip
PALETTES["Kid"] = PALETTES["Caucasian"]


@dataclass(frozen=True)
class Brows:
    """Drawn from single hairs: size, density and place of an eyebrow."""

    thickness: float  # 1 is the average
    density: float
    arch: float
    lift: float  # dm
    gap: float  # dm, half the distance between the two
    colour: np.ndarray


@dataclass(frozen=True)
class Person:
    """One synthetic subject. Colours are linear light."""

    subject: int
    group: str
    gender: str
    age: float  # 0 young .. 0.6 old; children are 0
    targets: dict[str, float]  # identity target -> weight
    skin: np.ndarray
    redness: float
    freckles: float
    moles: int
    eye_shadow: float  # darkness of the skin around the eyes
    iris: np.ndarray
    lashes: float
    lip_colour: np.ndarray
    lip_strength: float
    beard: float  # 0 shaven .. 1 full
    brows: Brows
    hair: Hair

    @property
    def is_child(self) -> bool:
        return self.group == "Kid"


def draw_person(subject: int, group: str, gender: str) -> Person:
    """The person that belongs to this number, of the given group and gender."""
    is_child = group == "Kid"
    is_man = gender == "male" and not is_child
    random = stream("looks", subject, group, gender)
    age = 0.0 if is_child else float(np.clip(0.75 * random.beta(1.1, 4.0), 0, 0.6))
    palette = PALETTES[group]
    light, dark = palette.skin
    skin = light + (dark - light) * random.uniform(0.05, 0.95)
    hair_colour = _pick(random, palette.hair, HAIR) * random.uniform(0.8, 1.25)
    hair_colour = np.clip(hair_colour * (1 + random.normal(0, 0.04, 3)), 0.008, 1)
    if age > 0.35 and random.random() < 0.6:
        hair_colour = 0.5 * (hair_colour + HAIR["grey"])
    lip_tint = np.array(
        [random.uniform(0.66, 0.82), random.uniform(0.32, 0.42), random.uniform(0.34, 0.46)]
    )
    beard = 0.0
    if is_man:
        beard = random.choice([0.0, 0.2, 0.45, 0.85], p=[0.35, 0.33, 0.2, 0.12])
        beard *= random.uniform(0.7, 1.15)
    return Person(
        subject=subject,
        group=group,
        gender=gender,
        age=age,
        targets=draw_shape(subject, group, gender, age),
        skin=np.clip(skin * (1 + random.normal(0, 0.02, 3)), 0, 1),
        redness=random.uniform(0.3, 1.0),
        freckles=0.0 if group == "Moroccan" else random.random() ** 3,
        moles=int(random.integers(0, 4)),
        eye_shadow=random.uniform(0.1, 0.6) * (0.5 if is_child else 1),
        iris=np.clip(_pick(random, palette.iris, IRIS) * (1 + random.normal(0, 0.06, 3)), 0, 1),
        lashes=random.uniform(0.25, 0.5) if is_man else random.uniform(0.55, 1.0),
        lip_colour=skin * lip_tint,
        lip_strength=random.uniform(0.6, 0.85) if is_man else random.uniform(0.7, 1.0),
        beard=float(beard),
        brows=_draw_brows(random, hair_colour, is_man, is_child),
        hair=draw_hair(subject, group, gender, age, hair_colour),
    )


def _pick(random, shares: dict[str, float], colours: dict[str, np.ndarray]) -> np.ndarray:
    share = np.array(list(shares.values()))
    return colours[str(random.choice(list(shares), p=share / share.sum()))]


def _draw_brows(random, hair_colour, is_man, is_child) -> Brows:
    thickness = random.uniform(0.85, 1.25) if is_man else random.uniform(0.55, 0.85)
    return Brows(
        thickness=thickness * (0.8 if is_child else 1),
        density=random.uniform(0.6, 1.0),
        arch=random.uniform(-0.5, 0.8),
        lift=random.normal(0.020, 0.012),
        gap=random.normal(0, 0.018),
        colour=hair_colour * random.uniform(0.35, 0.65),
    )
