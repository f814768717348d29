"""What colours a person: skin and its marks, eyes, lips, brows, beard, and the hair's colour.

All of it is drawn from random streams of its own, so that the shape of nobody depends on it.
Colours are linear light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.paint import rgb, stream

HAIR = {
    "black": rgb(26, 23, 22), "dark": rgb(46, 34, 27), "brown": rgb(82, 58, 39),
    "light brown": rgb(120, 88, 59), "blond": rgb(176, 142, 94), "light blond": rgb(204, 175, 122),
    "red": rgb(138, 68, 36), "grey": rgb(122, 118, 114),
}  # fmt: skip
FAIR_HAIR = ("blond", "light blond", "red")
IRIS = {
    "dark brown": rgb(56, 38, 28), "brown": rgb(84, 58, 40), "hazel": rgb(104, 86, 60),
    "green": rgb(98, 103, 84), "grey": rgb(112, 119, 123), "blue": rgb(98, 117, 136),
}  # fmt: skip
PUPIL_RIM = rgb(108, 80, 50)  # the colour around the pupil of light eyes


@dataclass(frozen=True)
class Palette:
    """How often each colour occurs in a group; skin lies between two tones."""

    skin: tuple[np.ndarray, np.ndarray]
    hair: dict[str, float]
    iris: dict[str, float]


PALETTES = {
    "Caucasian": Palette(
        (rgb(231, 197, 179), rgb(201, 154, 127)),
        {
            "dark": 0.16, "brown": 0.27, "light brown": 0.24, "blond": 0.17, "light blond": 0.09,
            "red": 0.07,
        },
        {"brown": 0.28, "blue": 0.32, "grey": 0.14, "green": 0.12, "hazel": 0.14},
    ),
    "Moroccan": Palette(
        (rgb(222, 182, 156), rgb(130, 89, 64)),
        {"black": 0.65, "dark": 0.35},
        {"brown": 0.5, "dark brown": 0.4, "hazel": 0.1},
    ),
}  # fmt: skip
PALETTES["Kid"] = PALETTES["Caucasian"]

# Share of the hair's light that its owner's brows keep: fair hair goes with darker brows.
BROW_SHARE = {"fair": (0.50, 0.80), "dark": (0.60, 0.95)}
LASH_COLOUR = np.array([0.020, 0.015, 0.012])
PINK = np.array([0.004, -0.020, -0.006])  # relative deviation of the tone
YELLOW = np.array([0.004, 0.004, -0.030])
# What lips swallow beyond the skin around them (natural logarithm).
LIP_BLOOD = np.array([0.13, 0.46, 0.31])
LIP_BROWN = np.array([0.18, 0.22, 0.18])
BROW_SHAPES = ("straight", "soft", "arched", "angled", "rounded")
BEARD_STYLES = {  # of grown men, by group
    "Caucasian": {
        "clean": 0.48, "shadow": 0.24, "stubble": 0.13, "full": 0.08, "goatee": 0.04,
        "moustache": 0.03,
    },
    "Moroccan": {
        "clean": 0.30, "shadow": 0.36, "stubble": 0.14, "full": 0.09, "goatee": 0.06,
        "moustache": 0.05,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Brows:
    """Drawn from single hairs: form, size, density and place of an eyebrow."""

    shape: str  # one of BROW_SHAPES
    thickness: float  # 1 is the average
    density: float
    lift: float  # dm
    gap: float  # dm, moves the inner ends apart
    length: float  # 1 is the average
    unruly: float  # 0 combed .. 1 bushy
    colour: np.ndarray


@dataclass(frozen=True)
class Beard:
    """How a man shaves."""

    style: str  # "clean", "shadow", "stubble", "full", "goatee" or "moustache"
    density: float  # 1 is the average
    colour: np.ndarray


@dataclass(frozen=True)
class Complexion:
    """Skin, eyes and lips of one person; shares are 0..1 unless said otherwise."""

    skin: np.ndarray
    redness: float  # of cheeks, nose and ears
    sallow: float  # yellow of the forehead
    mottling: float
    ruddy_nose: float
    tan: float
    shine: float  # 1 is the average
    freckles: float
    moles: int
    blemishes: int
    age_spots: int
    scarred: bool
    eye_shadow: float  # darkness of the skin around the eyes
    iris: np.ndarray
    iris_rim: np.ndarray  # around the pupil
    iris_ring: float  # darkness of the outer ring
    lashes: float
    lash_colour: np.ndarray
    lips: np.ndarray  # (3,) light that lips keep of the skin's
    hair: np.ndarray
    brows: Brows
    beard: Beard


def draw_complexion(subject: int, group: str, gender: str, age: float) -> Complexion:
    """The colours that belong to this number, of the given group, gender and age."""
    is_child = group == "Kid"
    is_man = gender == "male" and not is_child
    random = stream("complexion", subject, group, gender)
    palette = PALETTES[group]
    hair_name = _pick(random, palette.hair)
    is_fair = hair_name in FAIR_HAIR
    hair = HAIR[hair_name] * random.uniform(0.8, 1.25)
    hair = np.clip(hair * (1 + random.normal(0, 0.04, 3)), 0.008, 1)
    if age > 0.35 and random.random() < 0.6:
        hair = 0.5 * (hair + HAIR["grey"])

    depth = random.beta(1.3, 1.5)
    if group != "Moroccan":  # fair hair goes with fair skin
        depth *= 0.6 if is_fair or is_child else 1.0
    light, dark = palette.skin
    skin = np.exp(np.log(light) * (1 - depth) + np.log(dark) * depth)
    pinkness, yellowness = random.normal(0, 1, 2)
    skin = np.clip(skin * (1 + pinkness * PINK + yellowness * YELLOW), 0, 1)

    iris_name = _pick(random, palette.iris)
    iris = np.clip(
        IRIS[iris_name] * (1 + random.normal(0, 0.05, 3)) * random.uniform(0.8, 1.2), 0, 1
    )
    is_light_eyed = iris_name in ("green", "grey", "blue", "hazel")
    rim = PUPIL_RIM if is_light_eyed else 1.5 * iris
    blood = random.uniform(0.55, 1.0) if is_man else random.uniform(0.75, 1.45)
    brown = random.uniform(0.2, 1.0) * (0.5 if is_child else 1 + is_man * depth)
    freckled = random.random() ** 2.5 if group != "Moroccan" else 0.0
    return Complexion(
        skin=skin,
        redness=random.uniform(0.3, 1.0) * (1.2 if is_child else 1),
        sallow=random.uniform(0.2, 1.0),
        mottling=random.uniform(0.5, 1.2) * (0.7 if is_child else 1),
        ruddy_nose=random.random() ** 3 * (0.4 if is_child else 1),
        tan=random.random() ** 2 * (0.3 if depth < 0.2 else 1),
        shine=random.uniform(0.6, 1.3) * (0.8 if is_child else 1),
        freckles=min(1.0, freckled * (1.8 if hair_name == "red" else 1)),
        moles=int(random.choice(4, p=[0.4, 0.3, 0.2, 0.1])),
        blemishes=0 if is_child else max(0, int(random.integers(-6, 8))),
        age_spots=max(0, int((age - 0.2) * 30 * random.random())),
        scarred=bool(random.random() < 0.07),
        eye_shadow=random.uniform(0.1, 0.7) * (0.5 if is_child else 1),
        iris=iris,
        iris_rim=rim * random.uniform(0.7, 1.1),
        iris_ring=random.uniform(0.45, 0.85),
        lashes=random.uniform(0.2, 0.45) if is_man else random.uniform(0.45, 0.9),
        lash_colour=LASH_COLOUR + (0.25 if is_fair else 0.06) * hair,
        lips=np.exp(-(blood * LIP_BLOOD + brown * LIP_BROWN)),
        hair=hair,
        brows=_draw_brows(random, hair, hair_name, is_man, is_child, age),
        beard=_draw_beard(random, hair, group, is_man),
    )


def _pick(random, shares: dict[str, float]) -> str:
    share = np.array(list(shares.values()))
    return str(random.choice(list(shares), p=share / share.sum()))


def _draw_brows(random, hair, hair_name, is_man, is_child, age) -> Brows:
    shares = [0.30, 0.25, 0.05, 0.30, 0.10] if is_man else [0.14, 0.26, 0.24, 0.18, 0.18]
    thickness = random.uniform(0.80, 1.30) if is_man else random.uniform(0.42, 0.80)
    unruly = random.beta(1.3, 2.2) if is_man else 0.5 * random.beta(1.3, 2.5)
    share = random.uniform(*BROW_SHARE["fair" if hair_name in (*FAIR_HAIR, "grey") else "dark"])
    return Brows(
        shape=str(random.choice(BROW_SHAPES, p=shares)),
        thickness=thickness * (0.85 if is_child else 1),
        density=random.uniform(0.55, 1.15) * (0.8 if is_child else 1) * (1 - 0.3 * age),
        lift=random.normal(0.030, 0.012),
        gap=random.normal(0, 0.014),
        length=random.uniform(0.90, 1.06),
        unruly=float(min(1.0, unruly + 0.4 * age * is_man)),
        colour=hair * share,
    )


def _draw_beard(random, hair, group, is_man) -> Beard:
    style = _pick(random, BEARD_STYLES[group]) if is_man else "clean"
    colour = hair * random.uniform(0.6, 1.0, 1) * np.array([1.05, 0.98, 0.92])
    return Beard(style=style, density=random.uniform(0.8, 1.2), colour=colour)
