"""What makes a person: age, colours, hair and, from `shape`, the head; all but the expression.

Group and gender are given; everything else is drawn from random streams that belong to the
subject alone, so that adding a subject or an image never changes anybody else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.paint import stream
from tinyvgg.faces.synthetic.person.complexion import Complexion, draw_complexion
from tinyvgg.faces.synthetic.person.haircuts import Hair, draw_hair
from tinyvgg.faces.synthetic.person.shape import draw_shape


@dataclass(frozen=True)
class Person:
    """One synthetic subject."""

    subject: int
    group: str
    gender: str
    age: float  # 0 young .. 0.6 old; children are 0
    targets: dict[str, float]  # identity target -> weight
    complexion: Complexion
    hair: Hair

    @property
    def is_child(self) -> bool:
        return self.group == "Kid"


def draw_person(subject: int, group: str, gender: str) -> Person:
    """The person that belongs to this number, of the given group and gender."""
    is_child = group == "Kid"
    random = stream("looks", subject, group, gender)
    age = 0.0 if is_child else float(np.clip(0.75 * random.beta(1.1, 4.0), 0, 0.6))
    complexion = draw_complexion(subject, group, gender, age)
    return Person(
        subject=subject,
        group=group,
        gender=gender,
        age=age,
        targets=draw_shape(subject, group, gender, age),
        complexion=complexion,
        hair=draw_hair(subject, group, gender, age, complexion.hair),
    )
