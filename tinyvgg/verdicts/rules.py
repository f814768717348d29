"""How a claim is tested: conditions on measured values, and the verdict that follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from tinyvgg.experiments.statistics import Interval
from tinyvgg.paper import PAPER

REPRODUCED, PARTLY, NOT = "reproduced", "partly reproduced", "not reproduced"
UNTESTED = "cannot be tested here"
VERDICTS = (REPRODUCED, PARTLY, NOT, UNTESTED)
MACHINE = "Titan X"  # what the paper trained on
FEWEST = 6  # cases: if six all point one way, chance does so in 2 of 2^6 runs, under 5 %


@dataclass(frozen=True)
class Evidence:
    """The values that a run and its records give.

    Attributes
    ----------
    run : mapping of str to Interval
        From this run; a count or an exact value has NaN for its bounds.
    seeds : mapping of str to Interval
        The same over seeds; empty without a record of this profile and these faces.
    recorded : mapping of str to Interval
        What only a record can tell (optimizers, architectures).
    aside : set of str
        Which of "seeds" and "recorded" come from other code, faces or profile than the present
        ones. Such seeds are shown but decide nothing; what only a record can tell still counts.
    photographs : bool
        The faces are those of the paper.
    machine : str
        What the run was made on.
    """

    run: Mapping[str, Interval] = field(default_factory=dict)
    seeds: Mapping[str, Interval] = field(default_factory=dict)
    recorded: Mapping[str, Interval] = field(default_factory=dict)
    aside: frozenset[str] = frozenset()
    photographs: bool = False
    machine: str = ""

    def decisive(self, key: str, cases: str = "", seeds: bool = True) -> tuple[Interval, str]:
        """The value that a rule uses, and where it comes from.

        Over seeds if a record of the present code and faces has it, else from this run if that
        has enough cases, else from a record.
        """
        nothing = Interval.unknown(), ""
        over = self.seeds.get(key) if seeds and "seeds" not in self.aside else None
        if _known(over) and not math.isnan(over.low):
            return over, "seeds"
        if _known(self.run.get(key)):
            if cases and not self.run.get(cases, nothing[0]).value >= FEWEST:
                return nothing
            return self.run[key], "run"
        if _known(self.recorded.get(key)):
            return self.recorded[key], "recorded"
        return nothing

    def elsewhere(self, key: str) -> Interval | None:
        """The value over seeds or, if there is none, from a record."""
        return self.seeds.get(key) or self.recorded.get(key)


RELATIONS = ("above", "not above", "contains", "at least", "at most", "about")


@dataclass(frozen=True)
class Part:
    """One condition of a rule.

    Attributes
    ----------
    text : str
        The condition as a sentence.
    key : str
        The value that it tests.
    relation : str
        Of `RELATIONS`. "above": the whole 95 % interval is above the threshold. "not above": it
        is not. "contains": the threshold is within it. "at least" and "at most" test the value
        itself, as does "about": between half and twice the threshold.
    threshold : float
    cases : str
        The count that must be `FEWEST` or more for this run to decide; none if empty.
    photographs, machine : bool
        It can only be decided on the paper's photographs, or on the paper's machine.
    seeds : bool
        Use the values over seeds if there are any, else this run alone.
    provided : Part, optional
        A condition that must hold for this one to be decided.
    """

    text: str
    key: str
    relation: str = "above"
    threshold: float = 0.0
    cases: str = ""
    photographs: bool = False
    machine: bool = False
    seeds: bool = True
    provided: Part | None = None

    def holds(self, evidence: Evidence) -> bool | None:
        """Whether the condition holds; None if it cannot be decided."""
        if self.photographs and not evidence.photographs:
            return None
        if self.machine and MACHINE.lower() not in evidence.machine.lower():
            return None
        if self.provided is not None and not self.provided.holds(evidence):
            return None
        (value, low, high), _ = evidence.decisive(self.key, self.cases, self.seeds)
        looked_at = (low, high) if self.relation in ("above", "not above", "contains") else (value,)
        if any(map(math.isnan, looked_at)):
            return None
        t = self.threshold
        return {
            "above": low > t,
            "not above": not low > t,
            "contains": low <= t <= high,
            "at least": value >= t,
            "at most": value <= t,
            "about": t / 2 <= value <= 2 * t,
        }[self.relation]


def learnt(task: str) -> Part:
    """That a network has learned its task, so that its errors mean something."""
    return Part(
        f"the {task} network classifies most test images correctly",
        f"accuracy_{task}",
        threshold=0.5,
    )


def printed(name: str) -> float:
    """A value that the paper prints."""
    return PAPER[name].value


@dataclass(frozen=True)
class Quantity:
    """A value that the ledger shows: from this run, over seeds, and from the paper.

    Attributes
    ----------
    key : str
    label : str
    unit : str
        "%" and "points" are shown at a hundred times the stored value.
    paper : float, optional
        What the paper prints, on the scale of the stored value.
    mark : float, optional
        The threshold of the rule.
    digits : int
    """

    key: str
    label: str
    unit: str = "%"
    paper: float | None = None
    mark: float | None = None
    digits: int = 1

    @property
    def scale(self) -> float:
        return 100.0 if self.unit in ("%", "points") else 1.0

    def words(self, found: Interval | None) -> str:
        """The value with its interval, as text; a dash if there is none."""
        if not _known(found):
            return "–"
        value, low, high = (self.scale * number for number in found)
        text = f"{value:.{self.digits}f}"
        if not math.isnan(low):
            text += f" ({low:.{self.digits}f} to {high:.{self.digits}f})"
        return f"{text} {self.unit}".strip().replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper and the rule that tests it.

    Attributes
    ----------
    name : str
        One word or two, joined by hyphens.
    title : str
        In a few words.
    statement : str
        What the paper says, in our words.
    where : str
        In the paper.
    paper : str
        The paper's values, or that it prints none.
    parts : tuple of Part
        The conditions; `verdict` says what follows from them.
    quantities : tuple of Quantity
        The first is drawn.
    page, place : str
        The page that measures it, and the heading or figure there.
    note : str
        What the reader must know besides the verdict.
    """

    name: str
    title: str
    statement: str
    where: str
    paper: str
    parts: tuple[Part, ...]
    quantities: tuple[Quantity, ...]
    page: str
    place: str = ""
    note: str = ""

    @property
    def photographs(self) -> bool:
        """Whether some of it depends on photographs that may not be passed on."""
        return any(part.photographs for part in self.parts)

    @property
    def rule(self) -> str:
        """The rule as one sentence."""
        conditions = [part.text for part in self.parts]
        if len(conditions) == 1:
            return f"Reproduced if {conditions[0]}."
        numbered = "; ".join(f"({k}) {text}" for k, text in enumerate(conditions, 1))
        return (
            "Reproduced if all of these conditions hold, partly reproduced if only some do: "
            f"{numbered}."
        )

    def decide(self, evidence: Evidence) -> str:
        """The verdict: one of `VERDICTS`."""
        return verdict(part.holds(evidence) for part in self.parts)


def verdict(answers: Iterable[bool | None]) -> str:
    """The verdict that follows from the conditions of a rule (None: cannot be decided).

    Reproduced if every condition holds; not reproduced if some can be decided and none of them
    holds; partly reproduced if one holds and another does not or cannot be decided. If none can
    be decided, the claim cannot be tested here.
    """
    answers = list(answers)
    told = [answer for answer in answers if answer is not None]
    if not told:
        return UNTESTED
    if not any(told):
        return NOT
    return REPRODUCED if all(answers) else PARTLY


def _known(found: Interval | None) -> TypeGuard[Interval]:
    return found is not None and not math.isnan(found.value)
