"""Haircuts: how each is worn and combed, and which one a person wears.

Lengths are in decimetres of the mean head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyvgg.faces.synthetic.paint import ramp, stream, to_unit


@dataclass(frozen=True)
class Cut:
    """A way to wear hair: a shell on the scalp, and locks that grow from it.

    `comb` says where the locks are led, see `COMBS`.
    """

    shell: float  # thickness of the hair that lies on the scalp
    locks: int  # how many are drawn
    width: float  # of a lock
    comb: str
    length: float  # of locks on top of the head
    side_length: float  # of those at the sides and the nape
    lift: float = 0.0  # how far locks rise from the shell in front
    frizz: float = 0.0  # how far single locks stray from the common direction
    front: float = 0.4  # share of the shell's thickness added on top, towards the front
    sides: float = 0.6  # share of it kept at the sides
    lumps: float = 0.1  # share of it that varies from place to place
    end: float | None = None  # height at which hanging hair ends; its length follows from that
    turn: float = 0.0  # how strongly the tips of hanging hair turn inwards
    tie: str = ""  # "bun", "tail" or nothing


_LOOSE = Cut(0.060, 360, 0.100, "hang", 0.0, 0.0, sides=0.8, front=0.3, lift=0.05, frizz=0.06)
CUTS = {
    "shaved": Cut(0.008, 0, 0.0, "forward", 0.0, 0.0, sides=1.0, front=0.0),
    "buzz": Cut(0.022, 0, 0.0, "forward", 0.0, 0.0, sides=0.8, front=0.3),
    "crop": Cut(0.045, 480, 0.045, "forward", 0.20, 0.10, lift=0.05, frizz=0.45),
    "side": Cut(0.055, 440, 0.065, "side", 0.46, 0.14, lift=0.09, frizz=0.14),
    "back": Cut(0.050, 440, 0.060, "back", 0.46, 0.20, lift=0.07, frizz=0.10),
    "quiff": Cut(0.050, 480, 0.050, "quiff", 0.42, 0.12, lift=0.20, frizz=0.16),
    "shag": Cut(0.075, 380, 0.070, "forward", 0.42, 0.30, lift=0.07, frizz=0.30, sides=0.75),
    "curly": Cut(0.090, 560, 0.050, "out", 0.30, 0.16, lift=0.10, frizz=0.9, lumps=0.30),
    "coily": Cut(0.085, 560, 0.035, "out", 0.10, 0.07, lift=0.05, frizz=1.2, lumps=0.08),
    "pixie": Cut(0.060, 380, 0.060, "side", 0.50, 0.26, lift=0.06, frizz=0.20, sides=0.7),
    "tied": Cut(0.040, 190, 0.085, "tie", 0.0, 0.0, frizz=0.03, sides=0.8, front=0.3, tie="bun"),
    "tail": Cut(0.040, 190, 0.085, "tie", 0.0, 0.0, frizz=0.03, sides=0.8, front=0.3, tie="tail"),
    "bob": replace(_LOOSE, end=6.30, turn=0.9),
    "lob": replace(_LOOSE, end=5.85, turn=0.6),
    "long": replace(_LOOSE, end=5.15, turn=0.2),
}
STYLES = {  # how often each is worn
    ("Caucasian", "male"): {
        "shaved": 0.06, "buzz": 0.12, "crop": 0.20, "side": 0.20, "back": 0.13, "quiff": 0.15,
        "shag": 0.08, "curly": 0.06,
    },
    ("Moroccan", "male"): {
        "shaved": 0.09, "buzz": 0.14, "crop": 0.18, "side": 0.08, "back": 0.11, "quiff": 0.10,
        "curly": 0.14, "coily": 0.16,
    },
    ("Kid", "male"): {"crop": 0.3, "side": 0.25, "shag": 0.45},
    ("Caucasian", "female"): {
        "tied": 0.18, "tail": 0.17, "bob": 0.19, "lob": 0.17, "long": 0.21, "pixie": 0.08,
    },
    ("Moroccan", "female"): {"tied": 0.25, "tail": 0.25, "lob": 0.25, "long": 0.25},
    ("Kid", "female"): {"tail": 0.3, "bob": 0.3, "lob": 0.15, "long": 0.25},
}  # fmt: skip
FRINGE_CHANCE = {"bob": 0.35, "lob": 0.25, "long": 0.22, "shag": 0.8, "pixie": 0.5, "tail": 0.12}
PARTED = ("side", "pixie", "bob", "lob", "long", "tied", "tail")
# Where locks are led from, and where tied ones are led to.
CROWN = np.array([0.0, 8.42, 0.10])
TIE = {"bun": np.array([0.0, 7.62, -0.46]), "tail": np.array([0.0, 7.35, -0.46])}


@dataclass(frozen=True)
class Hair:
    """Cut and growth of the hair on a person's head."""

    style: str  # key of CUTS
    colour: np.ndarray  # linear light
    volume: float  # 1 is the style's usual thickness
    length: float  # 1 is the style's usual length
    hairline: float  # dm, raises it in front
    receding: float  # dm, raises it above the temples
    peak: float  # dm, lowers its middle
    thinning: float  # 0 full .. 1 bald on top
    fringe: float  # 0 none .. 1 down to the brows
    sweep: float  # -1 .. 1, sideways lean; positive is the subject's left
    parting: float | None  # x of the parting
    wave: float  # 0 straight .. 1 curly
    tucked: bool  # loose hair is put behind the ears

    @property
    def cut(self) -> Cut:
        return CUTS[self.style]


def draw_hair(subject: int, group: str, gender: str, age: float, colour: np.ndarray) -> Hair:
    """The hair that belongs to this person, from a random stream of its own."""
    random = stream("hair", subject, group, gender)
    shares = STYLES[group, gender]
    style = str(random.choice(list(shares), p=np.array(list(shares.values()))))
    is_man = gender == "male" and group != "Kid"
    receding = max(0.0, random.normal(0.04 + 0.25 * age, 0.09)) if is_man else 0.0
    thinning = float(np.clip(random.normal(1.6 * age - 0.45, 0.2), 0, 0.7)) if is_man else 0.0
    if style in ("curly", "coily", "shag"):
        receding, thinning = 0.4 * receding, 0.0
    has_fringe = random.random() < FRINGE_CHANCE.get(style, 0.0)
    side = random.choice([-1.0, 1.0])
    off_centre = 0.0 if random.random() < 0.35 and gender == "female" else random.uniform(0.2, 0.36)
    wave = random.choice([0.08, 0.35, 0.75], p=[0.45, 0.35, 0.20]) * random.uniform(0.7, 1.3)
    return Hair(
        style=style,
        colour=colour,
        volume=random.uniform(0.8, 1.25),
        length=random.uniform(0.8, 1.25),
        hairline=random.normal(0, 0.05) + (0.10 * age if is_man else 0),
        receding=receding,
        peak=random.normal(0.02, 0.03),
        thinning=thinning,
        fringe=random.uniform(0.55, 1.0) if has_fringe else 0.0,
        sweep=-side * random.uniform(0.1, 0.8),
        parting=side * off_centre if style in PARTED else None,
        wave=wave if style not in ("curly", "coily") else 1.0,
        tucked=bool(random.random() < 0.45),
    )


def comb_forward(at, root, hair: Hair) -> np.ndarray:
    """From the crown outwards; in front, down over the forehead."""
    led = to_unit(at - CROWN)
    led[:, 0] += 0.55 * hair.sweep * ramp(at[:, 2], 0.3, 0.9)
    return led


def _side(at, root, hair: Hair):
    """Away from the parting on top, down and back at the sides."""
    away = np.sign(root[:, 0] - hair.parting)
    top = ramp(root[:, 1], 7.85, 8.15)
    led = np.stack([away, -0.15 + 0 * away, 0.25 + 0 * away], 1) * top[:, None]
    return led + np.array([0, -1, -0.45]) * (1 - top[:, None])


def _back(at, root, hair: Hair):
    top = ramp(root[:, 1], 7.7, 8.1)[:, None]
    up = 0.7 * ramp(at[:, 2], 0.9, 1.3)  # off the forehead
    led = np.stack([0.25 * at[:, 0] + 0.25 * hair.sweep, up, -1 + 0 * up], 1)
    return led * top + np.array([0, -0.7, -0.8]) * (1 - top)


def _quiff(at, root, hair: Hair):
    led = _back(at, root, hair)
    led[:, 0] += 0.5 * hair.sweep * ramp(root[:, 2], 0.6, 1.1)
    return led


def _out(at, root, hair: Hair):
    """Every way, but away from the crown on the whole."""
    return to_unit(at - CROWN)


def _hang(at, root, hair: Hair):
    """Down to both sides of the parting, and down from the crown behind."""
    side = np.where(root[:, 0] < hair.parting, -1.0, 1.0)
    front = ramp(root[:, 2], -0.05, 0.5)
    over_brow = ramp(at[:, 2], 0.8, 1.2)  # along the hairline, not across the forehead
    ahead = np.stack([side, -0.6 + 0.5 * over_brow, -0.3 - 0.4 * over_brow], 1)
    behind = at - CROWN - [0, 0, 0.4]
    return ahead * front[:, None] + to_unit(behind) * (1 - front[:, None])


def _tie(at, root, hair: Hair):
    return TIE[hair.cut.tie] - at


# A comb takes where locks have got to (n, 3), where they are rooted (n, 3) and the person's hair,
# in the frame in which every head is as large as the mean one, and gives directions (n, 3).
COMBS = {
    "forward": comb_forward, "side": _side, "back": _back, "quiff": _quiff, "out": _out,
    "hang": _hang, "tie": _tie,
}  # fmt: skip
