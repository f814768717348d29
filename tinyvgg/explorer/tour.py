"""Four steps by hand: a mistake, the pixels that the paper blames, their control, your own set."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from tinyvgg.explorer.link import encode
from tinyvgg.explorer.session import Session
from tinyvgg.explorer.state import Choice, State

BLAMED = {"face": "common"}  # by the paper's Figs. 9 and 10; in any other task "unique", Fig. 11


@dataclass(frozen=True)
class Step:
    """A state of the explorer to go to.

    It is displayed as a link to the explorer on the same page of the book, and in text as the
    call that goes there.

    Attributes
    ----------
    choice : Choice
    link_text : str
    description : str
        What is to be seen there.
    """

    choice: Choice
    link_text: str
    description: str

    def _repr_html_(self) -> str:
        return (
            f'<p class="explorer-step"><a href="#explore:{escape(encode(self.choice))}">'
            f"{escape(self.link_text)}</a> {escape(self.description)}</p>"
        )

    def __repr__(self) -> str:
        names = ("task", "case", "pixel_set", "random")
        call = ", ".join(f"{name}={getattr(self.choice, name)!r}" for name in names)
        return f"{self.description}\nexplorer.choose({call})"


@dataclass(frozen=True)
class Tour:
    """Four steps with one case.

    Attributes
    ----------
    steps : list of Step
        The mistake; without the set that the paper blames; without as many random pixels;
        nothing suppressed yet, by hand.
    cases, chosen_from : int
        Cases that have the blamed set, and those among them that are classified correctly
        without it but not without as many random pixels: the most confident of these was taken.
    """

    steps: list[Step]
    cases: int
    chosen_from: int


def tour(session: Session) -> Tour:
    """Steps in the session's task, with its cut; the session is at the first of them afterwards."""
    session.choose(pixel_set="none", random=False, draw=0, target="predicted")
    pairs = [case.row for case in session.cases.values() if case.twin is not None]
    blamed = BLAMED.get(session.task, "unique") if pairs else "backtracked"
    rows = pairs or list(session.cases)
    corrected = [row for row in rows if _corrects(session.choose(case=row, pixel_set=blamed))]
    row = (corrected or rows)[0]

    blame = session.choose(case=row, pixel_set=blamed)
    fewest = _fewest(session, int(blame.suppressed.sum()))
    enough = "Suppressing the strongest pixels of the set, however many, corrects no prediction."
    if fewest is not None:
        enough = (
            f"Suppressing the {fewest:,} strongest pixels of the set corrects the prediction. "
            "Find out whether fewer are enough."
        )
    control = session.choose(strongest=None, random=True)
    nothing = session.choose(pixel_set="hand", by_hand=(), random=False)
    mistake = session.choose(pixel_set="none")
    steps = [
        Step(mistake.choice, "See the mistake.", f"{mistake.sentence} {mistake.context}"),
        Step(blame.choice, "Suppress them.", blame.sentence),
        Step(control.choice, "Suppress as many random pixels.", control.sentence),
        Step(nothing.choice, "Begin with all pixels.", enough),
    ]
    return Tour(steps, len(rows), len(corrected))


def _corrects(state: State) -> bool:
    """Whether the case is corrected without the set, and not without its control."""
    answers = (state.before, state.without_chosen, state.without_control)
    correct = [int(probabilities.argmax()) == state.case.true for probabilities in answers]
    return correct == [False, True, False]


def _fewest(session: Session, count: int) -> int | None:
    """The least number of a set's strongest pixels without which the prediction is correct."""
    for strongest in range(1, count + 1):
        state = session.choose(strongest=strongest)
        if state.after.argmax() == state.case.true:
            return strongest
    return None
