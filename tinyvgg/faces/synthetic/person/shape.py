"""The shape of a person's head: weights of MakeHuman's identity targets.

Everything is drawn from one random stream per subject. Where the numbers come from: the mean
head of MakeHuman was looked at from all five sides, each target alone and at 0.7; then weights
and deviations were chosen, by eye and for realism only, and with no network trained.

- `DETAIL_DEVIATION`: as large as a sheet of 67 allows before single people turn to caricatures
  (at 0.4 for all regions many do); large for nose and cheeks, by which people are told apart;
  small for what alters the air of a resting face (brows) or its outline (head, neck).
- `RESTING_SHAPE`: MakeHuman's mean head frowns, with low brows, heavy lids, a drooping mouth and
  a wrestler's neck. With this much of the opposite targets it looks awake and calm.
- `OUTLINES`: how often each outline is chosen; the angular ones are rare, because two of them
  together with a muscular neck make a box of the head.
"""

from __future__ import annotations

import functools

import numpy as np

from tinyvgg.faces.synthetic.paint import stream
from tinyvgg.faces.synthetic.person.basis import OPPOSITES, load_basis

DETAIL_DEVIATION = {
    "cheek": 0.30, "chin": 0.25, "ears": 0.20, "eyebrows": 0.16, "eyes": 0.20, "forehead": 0.18,
    "head": 0.14, "mouth": 0.20, "neck": 0.12, "nose": 0.27,
}  # fmt: skip
# Details that carry a mood: a tenth more and a resting face already smiles or frowns.
MOODY = {"eyebrows-angle": 0.10, "mouth-angles": 0.10}
CHILD_DETAIL = 0.6  # children's features are less marked
ASYMMETRY_DEVIATION = 0.12  # seen when looked for, as in photographs
LIMIT = 0.6  # on the weight of a single detail; beyond, features look put on
RESTING_SHAPE = {
    "eyebrows/eyebrows-angle-up": 0.40, "eyebrows/eyebrows-trans-up": 0.15,
    "mouth/mouth-angles-up": 0.42,
    "eyes/l-eye-height2-incr": 0.28, "eyes/r-eye-height2-incr": 0.28,
    "eyes/l-eye-eyefold-up": 0.20, "eyes/r-eye-eyefold-up": 0.20,
    "eyes/l-eye-scale-incr": 0.25, "eyes/r-eye-scale-incr": 0.25,
    "ears/l-ear-wing-decr": 0.30, "ears/r-ear-wing-decr": 0.30,
    "ears/l-ear-scale-decr": 0.30, "ears/r-ear-scale-decr": 0.30,
    "neck/neck-scale-horiz-decr": 0.50, "chin/chin-bones-decr": 0.12,
    "head/head-scale-horiz-decr": 0.12,
}  # fmt: skip
SHAPE_OF_MEN = {  # men's mean head has the heaviest lids and the widest neck
    "eyes/l-eye-height2-incr": 0.36, "eyes/r-eye-height2-incr": 0.36,
    "eyes/l-eye-height1-incr": 0.20, "eyes/r-eye-height1-incr": 0.20,
    "eyebrows/eyebrows-trans-up": 0.10,
    "neck/neck-scale-horiz-decr": 0.15,
}  # fmt: skip
SHAPE_OF_WOMEN = {
    "chin/chin-width-decr": 0.20, "chin/chin-bones-decr": 0.18, "chin/chin-height-decr": 0.10,
    "cheek/l-cheek-bones-incr": 0.15, "cheek/r-cheek-bones-incr": 0.15,
    "mouth/mouth-upperlip-volume-incr": 0.12, "mouth/mouth-lowerlip-volume-incr": 0.10,
    "nose/nose-scale-horiz-decr": 0.15, "nose/nose-scale-vert-decr": 0.10,
    "neck/neck-scale-horiz-decr": 0.20,
}  # fmt: skip
SHAPE_OF_CHILDREN = {  # large eyes, small nose and chin, full cheeks; shares from 7 to 10 years
    "eyes/l-eye-scale-incr": 0.20, "eyes/r-eye-scale-incr": 0.20,
    "nose/nose-scale-vert-decr": 0.25, "nose/nose-scale-horiz-decr": 0.20,
    "nose/nose-scale-depth-decr": 0.15,
    "chin/chin-bones-decr": 0.20, "chin/chin-height-decr": 0.20, "chin/chin-jaw-drop-decr": 0.15,
    "cheek/l-cheek-volume-incr": 0.25, "cheek/r-cheek-volume-incr": 0.25,
    "neck/neck-scale-horiz-decr": 0.10,
}  # fmt: skip
GIRLS_SHARE = 0.4  # of the women's shape; before puberty the sexes differ little
OUTLINES = {
    "female": {
        "oval": 0.30, "round": 0.20, "diamond": 0.20, "invertedtriangular": 0.25,
        "triangular": 0.05,
    },
    "male": {
        "oval": 0.28, "round": 0.14, "diamond": 0.20, "invertedtriangular": 0.16, "square": 0.08,
        "rectangular": 0.08, "triangular": 0.06,
    },
}  # fmt: skip
FIRST_OUTLINE, SECOND_OUTLINE = (0.10, 0.40), (0.0, 0.15)  # ranges of their weights
# Shares of the three MakeHuman head types.
ANCESTRY = {
    "Caucasian": (0.90, 0.03, 0.07),
    "Kid": (0.90, 0.03, 0.07),
    "Moroccan": (0.62, 0.28, 0.10),
}
MANLINESS = {"male": (0.80, 1.0), "female": (0.0, 0.12)}  # the rest has features of the other sex
MUSCLE = {"male": (0.35, 0.65), "female": (0.25, 0.50)}  # 0.5 is the mean
FAT = (0.44, 0.13)  # mean and deviation, 0.5 is MakeHuman's mean; students are a little leaner
CHILDHOOD = (0.62, 0.85)  # share of the child's head, MakeHuman's is 1 at 8 to 10 years


def draw_shape(subject: int, group: str, gender: str, age: float) -> dict[str, float]:
    """Weights of the identity targets: head type, build, details, outline, asymmetry."""
    random = stream("shape", subject, group, gender)
    is_child = group == "Kid"
    weights: dict[str, float] = {}

    def add(name: str, weight: float):
        if abs(weight) > 1e-4:
            weights[name] = weights.get(name, 0.0) + float(weight)

    for name, weight in _common_shape(gender, is_child).items():
        add(name, weight)
    for name, weight in _macro_weights(random, group, gender, age).items():
        add(name, weight)
    for plus, minus in _detail_pairs():
        region, _, detail = plus[0].partition("/")
        deviation = MOODY.get(detail.rpartition("-")[0], DETAIL_DEVIATION[region])
        deviation *= CHILD_DETAIL if is_child else 1
        weight = np.clip(random.normal(0, deviation), -LIMIT, LIMIT)
        for name in plus if weight > 0 else minus:
            add(name, abs(weight))
    outlines = OUTLINES[gender]
    first, second = random.choice(list(outlines), 2, replace=False, p=list(outlines.values()))
    add(f"head/head-{first}", random.uniform(*FIRST_OUTLINE))
    add(f"head/head-{second}", random.uniform(*SECOND_OUTLINE))
    for name in load_basis().identity.names:
        if name.startswith("asym/") and name.endswith("-l"):
            weight = random.normal(0, ASYMMETRY_DEVIATION)
            add(name if weight > 0 else name[:-1] + "r", abs(weight))
    return weights


def _common_shape(gender: str, is_child: bool) -> dict[str, float]:
    """What everybody of a gender and generation shares, on top of MakeHuman's mean head."""
    parts = [(1.0, RESTING_SHAPE)]
    if gender == "female":
        parts.append((GIRLS_SHARE if is_child else 1.0, SHAPE_OF_WOMEN))
    elif not is_child:
        parts.append((1.0, SHAPE_OF_MEN))
    if is_child:
        parts.append((1.0, SHAPE_OF_CHILDREN))
    weights: dict[str, float] = {}
    for share, shape in parts:
        for name, weight in shape.items():
            weights[name] = weights.get(name, 0.0) + share * weight
    return weights


def _macro_weights(random, group, gender, age) -> dict[str, float]:
    """The coarse character: gender, age, ancestry, muscle and weight, blended between poles."""
    is_child = group == "Kid"
    manliness = random.uniform(*MANLINESS[gender])
    if is_child:
        manliness = 0.5 + 0.8 * (manliness - 0.5)
    ancestry = np.clip(np.array(ANCESTRY[group]) + random.normal(0, [0.05, 0.1, 0.1]), 0, 1)
    ancestry /= ancestry.sum()
    childhood = random.uniform(*CHILDHOOD) if is_child else 0.0
    ages = {"child": childhood, "young": 1 - childhood - age, "old": age}
    muscle = random.uniform(*MUSCLE[gender])
    fat = np.clip(random.normal(*FAT), 0.15, 0.85)
    weights = {}
    for sex, sex_share in (("male", manliness), ("female", 1 - manliness)):
        for stage, stage_share in ages.items():
            share = sex_share * stage_share
            for race, race_share in zip(("caucasian", "african", "asian"), ancestry, strict=True):
                weights[f"macrodetails/{race}-{sex}-{stage}"] = share * race_share
            for muscle_grade, muscle_share in _grades(muscle).items():
                for fat_grade, fat_share in _grades(fat).items():
                    name = f"{sex}-{stage}-{muscle_grade}muscle-{fat_grade}weight"
                    weights[f"macrodetails/universal-{name}"] = share * muscle_share * fat_share
    return weights


def _grades(x: float) -> dict[str, float]:
    """Shares of the three poles at x in 0..1; the average has its peak at a half."""
    return {"min": max(0, 1 - 2 * x), "average": 1 - abs(2 * x - 1), "max": max(0, 2 * x - 1)}


@functools.lru_cache(maxsize=1)
def _detail_pairs() -> list[tuple[list[str], list[str]]]:
    """Opposite targets ([plus], [minus]) of each detail; left and right go together."""
    identity = load_basis().identity
    pairs = []
    for name in identity.names:
        region, _, rest = name.partition("/")
        if region not in DETAIL_DEVIATION or rest.startswith("r-"):
            continue
        for plus, minus in OPPOSITES:
            opposite = name[: -len(plus)] + minus
            if rest.endswith("-" + plus) and opposite in identity:
                plus_names, minus_names = [name], [opposite]
                if rest.startswith("l-"):
                    plus_names.append(name.replace("/l-", "/r-"))
                    minus_names.append(opposite.replace("/l-", "/r-"))
                pairs.append((plus_names, minus_names))
                break
    return pairs
