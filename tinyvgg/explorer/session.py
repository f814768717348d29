"""The explorer without a display: a choice, and the state that follows, both observable."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
import traitlets
from torch import nn

from tinyvgg.adapted.network import AdaptedNetwork
from tinyvgg.backtracking import Backtrace, Cut, backtrack
from tinyvgg.explorer.gallery import Case, Gallery, gallery_of, study_gallery
from tinyvgg.explorer.link import decode, encode
from tinyvgg.explorer.state import Choice, Refused, State, compute, to_numbers
from tinyvgg.runs.study import Study

PIXEL_SETS = ("none", "backtracked", "common", "unique", "hand")
WITH_TWIN = ("common", "unique")
TRACES_CACHED = 64
INPUTS = tuple(field.name for field in fields(Choice))
KINDS = {  # what a value must be, in words
    **dict.fromkeys(("task", "pixel_set", "target"), "text"),
    **dict.fromkeys(("case", "draw"), "a whole number"),
    **dict.fromkeys(("random", "printed"), "True or False"),
    **dict.fromkeys(("floor", "percentile"), "a number"),
    "strongest": "a whole number or None",
}


class Whole(traitlets.Int):
    """A whole number, numpy's included."""

    def validate(self, obj, value):
        if isinstance(value, bool):
            self.error(obj, value)
        if hasattr(value, "__index__"):
            value = operator.index(value)
        return super().validate(obj, value)


class Session(traitlets.HasTraits):
    """Choose a case and a set of pixels; see what the network predicts without them.

    Each trait can be set and observed. `choose` sets several at once and returns the `State`
    that follows.

    Parameters
    ----------
    source : Study, nn.Module, or mapping of str to Gallery
        A study, with each of its tasks; a supported network (see `tinyvgg.layers`), or one that
        `as_network` adapted, with the parameters below; or galleries by task.
    images : uint8 array (N, H, W, C)
        The pictures that the network classifies; (N, H, W) for a network of grey ones.
    labels : integers (N,)
        The true class of each.
    classes : sequence of str
        A name for each output of the network; those of an adapted network if not given.
    task : str
        A name for the whole.
    training : (uint8 array (M, H, W, C), integers (M,)), optional
        The images that trained the network, and the true class of each: an explorer shows those
        that excite a pixel most. A study has its own.

    Attributes
    ----------
    tasks : tuple of str
        The tasks that can be chosen.
    task : str
        One of `tasks`. A change of the task goes to its first case.
    case : int
        Row of the picture; one of `cases`.
    pixel_set : {"none", "backtracked", "common", "unique", "hand"}
        Suppress nothing; the backtracked pixels; those that the case shares with its twin; those
        of the case alone; or whatever `suppressed` was set to.
    random : bool
        Suppress as many active pixels drawn at random instead.
    draw : int
        Number of the draw.
    target : str
        The class that is backtracked: "predicted", "true", or a class's name. The twin is
        always backtracked from the class predicted for it.
    printed : bool
        Algorithm 1 as printed, without a cut.
    floor, percentile : float
        The cut; see `tinyvgg.Cut`.
    strongest : int or None
        Suppress only so many pixels of the set, those of the largest contributions; None for all.
    by_hand : tuple of int
        The pixels of the set "hand", counted map by map and row by row; empty with any other
        set. Setting it (to numbers, or to a bool array of the shape of the maps) chooses that
        set.
    suppressed : tuple of int
        The suppressed pixels, counted in the same way: the set, its strongest pixels, or its
        control. Setting it suppresses exactly these pixels, by hand.
    state : State
        All that follows; a new one after each change.

    Raises
    ------
    Refused
        A setting is invalid: a `ValueError`. Nothing has changed then.

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import TinyVGG
    >>> from tinyvgg.explorer import Session
    >>> net = TinyVGG(num_classes=2, image_size=16, width=4, dense=(8,)).eval()
    >>> images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    >>> session = Session(net, images, labels=[0, 1, 0, 1], classes=["cat", "dog"])
    >>> state = session.choose(pixel_set="hand", by_hand=[0, 5])
    >>> session.suppressed
    (0, 5)
    >>> state.without_chosen.shape
    (2,)
    """

    # what a widget shares with its front-end
    tasks = traitlets.Tuple(read_only=True).tag(sync=True)
    task = traitlets.Unicode().tag(sync=True)
    case = Whole().tag(sync=True)
    pixel_set = traitlets.Unicode().tag(sync=True)
    random = traitlets.Bool().tag(sync=True)
    draw = Whole().tag(sync=True)
    target = traitlets.Unicode().tag(sync=True)
    printed = traitlets.Bool().tag(sync=True)
    floor = traitlets.Float().tag(sync=True)
    percentile = traitlets.Float().tag(sync=True)
    strongest = Whole(None, allow_none=True).tag(sync=True)
    by_hand = traitlets.Any(()).tag(sync=True)
    suppressed = traitlets.Any(()).tag(sync=True)
    state = traitlets.Instance(State)

    def __init__(
        self,
        source: Study | nn.Module | Mapping[str, Gallery],
        images: np.ndarray | None = None,
        labels: Iterable[int] | None = None,
        classes: Sequence[str] | None = None,
        task: str = "pictures",
        training: tuple[np.ndarray, Iterable[int]] | None = None,
    ):
        super().__init__()
        own = {"images": images, "labels": labels, "classes": classes}
        self._study, self._galleries = _open(source, own, task, training)
        self.set_trait("tasks", tuple(self._study.tasks if self._study else self._galleries))
        self._traces: dict[tuple, Backtrace] = {}
        task = self.tasks[0]
        self._choice = Choice(task, self._gallery(task).first.row)
        self._arrive(self._choice)

    # ------------------------------------------------------------------ what can be chosen

    @property
    def cases(self) -> dict[int, Case]:
        """The cases of the task, by row."""
        return self._gallery(self.task).cases

    @property
    def classes(self) -> list[str]:
        """Names of the task's classes."""
        return self._gallery(self.task).classes

    @property
    def twin(self) -> int | None:
        """Row of the twin of the case; None if it has none."""
        return self.cases[self.case].twin

    @property
    def available(self) -> tuple[str, ...]:
        """The values of `pixel_set` that the case allows."""
        return tuple(s for s in PIXEL_SETS if s not in WITH_TWIN or self.twin is not None)

    @property
    def link(self) -> str:
        """The choice as text; a page of the book opens there by ``#explore:`` and this text."""
        return encode(self._choice)

    # ------------------------------------------------------------------ choosing

    def choose(self, **wanted: Any) -> State:
        """Set several traits at once; nothing changes if one of them is refused.

        Another task or case without a `pixel_set` keeps the present set if the case allows it,
        and falls back to the backtracked one otherwise.
        """
        return self._settle(self._resolve(wanted))

    def reset(self) -> State:
        """The same task and case, everything else at its default."""
        return self._settle(Choice(self.task, self.case))

    def follow(self, link: str) -> State:
        """Restore the choice of a link: the text of `link`, with or without ``#explore:``."""
        return self.choose(**vars(decode(link.rpartition("#explore:")[2])))

    def _settle(self, choice: Choice) -> State:
        if choice != self._choice:
            self._arrive(choice)
        return self.state

    def _arrive(self, choice: Choice) -> None:
        """Compute what follows from a choice, then set every trait, then notify observers."""
        gallery = self._gallery(choice.task)
        state = compute(gallery, choice, partial(self._trace, gallery))
        self._choice = choice
        with self.hold_trait_notifications():
            for name in INPUTS:
                setattr(self, name, getattr(choice, name))
            self.suppressed = to_numbers(state.suppressed)
            self.state = state

    def _resolve(self, wanted: Mapping[str, Any]) -> Choice:
        """The present choice with some changes."""
        if unknown := set(wanted) - {*INPUTS, "suppressed"}:
            raise Refused(
                f"unknown choice {', '.join(sorted(unknown))}: "
                f"there are {', '.join(INPUTS)} and suppressed"
            )
        now = self._choice
        new = {name: self._typed(name, value) for name, value in wanted.items()}
        task = new.get("task", now.task)
        if task not in self.tasks:
            raise Refused(f"unknown task {task!r}: choose one of {', '.join(self.tasks)}")
        gallery = self._gallery(task)
        if task != now.task:
            new = {"case": gallery.first.row, "target": "predicted", **new}
        row = new.get("case", now.case)
        if row not in gallery.cases:
            some = ", ".join(map(str, list(gallery.cases)[:5]))
            raise Refused(
                f"image {row} is not among the {len(gallery.cases)} cases of the task {task}; "
                f"choose from explorer.cases: {some}{', …' if len(gallery.cases) > 5 else ''}"
            )
        case = gallery.cases[row]
        moved = (task, row) != (now.task, now.case)
        fits = now.pixel_set not in WITH_TWIN or case.twin is not None
        if now.pixel_set == "hand":
            fits = task == now.task
        if "suppressed" in new:
            new |= {"by_hand": new.pop("suppressed"), "pixel_set": "hand"}
            new.setdefault("random", False)
        if "by_hand" in new:
            new["by_hand"] = self._numbers(new["by_hand"], gallery, case)
            if new["by_hand"]:
                new.setdefault("pixel_set", "hand")
        if moved and not fits:
            new.setdefault("pixel_set", "backtracked")
        if moved or new.get("pixel_set", now.pixel_set) != now.pixel_set:
            new.setdefault("strongest", None)
        if new.get("pixel_set") == "hand" and "by_hand" not in new:
            if task != now.task:
                new["by_hand"] = ()
            elif now.pixel_set != "hand":
                new["by_hand"] = to_numbers(self.state.suppressed)
                new.setdefault("random", False)
        choice = replace(now, **new)
        if choice.pixel_set != "hand":
            choice = replace(choice, by_hand=())
        self._check(choice, gallery, case)
        return choice

    def _typed(self, name: str, value: Any) -> Any:
        """A value as its trait holds it."""
        trait = self.traits()[name]
        validate = getattr(trait, "validate", None)
        if validate is None or (value is None and trait.allow_none):
            return value
        try:
            return validate(self, value)
        except traitlets.TraitError:
            raise Refused(f"{name} must be {KINDS[name]}, got {value!r}") from None

    def _check(self, choice: Choice, gallery: Gallery, case: Case) -> None:
        if choice.pixel_set not in PIXEL_SETS:
            raise Refused(
                f"unknown pixel_set {choice.pixel_set!r}: choose one of {', '.join(PIXEL_SETS)}"
            )
        if choice.pixel_set in WITH_TWIN and case.twin is None:
            raise Refused(
                f"the set {choice.pixel_set!r} needs a twin to compare with. {case.why_no_twin} "
                'Choose "none" or "backtracked", or another case'
            )
        if choice.target not in ("predicted", "true", *gallery.classes):
            raise Refused(
                f"unknown target {choice.target!r}: choose predicted, true, or one of the classes "
                f"{', '.join(gallery.classes[:8])}{', …' if len(gallery.classes) > 8 else ''}"
            )
        try:
            Cut(choice.floor, choice.percentile)
        except (TypeError, ValueError) as error:
            raise Refused(str(error)) from None
        if choice.draw < 0:
            raise Refused(f"draw must be 0 or more, got {choice.draw}")
        if choice.strongest is not None and choice.strongest < 1:
            raise Refused(f"strongest must be 1 or more, or None for all; got {choice.strongest}")
        if choice.strongest is not None and choice.pixel_set == "hand":
            raise Refused("strongest thins out a set that was found, not pixels chosen by hand")

    def _numbers(self, pixels: Any, gallery: Gallery, case: Case) -> tuple[int, ...]:
        """Pixels by hand as numbers, from numbers or a bool array."""
        shape = tuple(self._trace(gallery, case.row, None, None).maps.shape[1:])
        if hasattr(pixels, "cpu"):
            pixels = pixels.cpu()
        array = np.asarray(list(pixels) if isinstance(pixels, set | frozenset | range) else pixels)
        if array.dtype == bool and array.shape == shape:
            return to_numbers(array)
        total = int(np.prod(shape))
        if array.size == 0:
            return ()
        if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0:
            raise Refused(
                f"suppressed must be numbers of pixels, 0 to {total - 1}, or a bool array of "
                f"shape {shape}; got {array.dtype} of shape {array.shape}"
            )
        if array.max() >= total:
            raise Refused(f"there is no pixel {array.max()}: they are numbered 0 to {total - 1}")
        return tuple(np.unique(array).tolist())

    # ------------------------------------------------------------------ traits set from outside

    @traitlets.validate(*INPUTS, "suppressed")
    def _accept(self, proposal):
        choice = self._resolve({proposal.trait.name: proposal.value})
        by_hand = proposal.trait.name in ("by_hand", "suppressed")
        return choice.by_hand if by_hand else proposal.value

    @traitlets.observe(*INPUTS)
    def _follow(self, change):
        if change.new != getattr(self._choice, change.name):
            self.choose(**{change.name: change.new})

    @traitlets.observe("suppressed")
    def _follow_hand(self, change):
        if change.new != to_numbers(self.state.suppressed):
            self.choose(suppressed=change.new)

    # ------------------------------------------------------------------ cached

    def _gallery(self, task: str) -> Gallery:
        if task not in self._galleries:
            assert self._study is not None  # otherwise every gallery was given
            self._galleries[task] = study_gallery(self._study, task)
        return self._galleries[task]

    def _trace(self, gallery: Gallery, row: int, target: int | None, cut: Cut | None) -> Backtrace:
        key = (gallery.task, row, target, cut)
        if key not in self._traces:
            while len(self._traces) >= TRACES_CACHED:
                del self._traces[next(iter(self._traces))]
            self._traces[key] = backtrack(gallery.net, gallery.input(row), target, cut)
        return self._traces[key]

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in ("task", "case", "pixel_set"))
        return f"{type(self).__name__}({', '.join(shown)})"


def _open(
    source: Any, own: Mapping[str, Any], task: str, training: Any
) -> tuple[Study | None, dict[str, Gallery]]:
    """The study that galleries come from, or the galleries that were given.

    Parameters
    ----------
    source : Study, nn.Module, or mapping of str to Gallery
    own : mapping
        The images, labels and classes of a network; None where not given.
    task : str
        Name of a network's gallery.
    training : (images, labels) or None
        Of a network.
    """
    if isinstance(source, AdaptedNetwork) and own["classes"] is None:
        own = {**own, "classes": source.classes}
    lacking = [name for name, value in own.items() if value is None]
    if isinstance(source, nn.Module):
        if lacking:
            raise TypeError(
                f"an explorer of a network needs {', '.join(own)} as well; got no "
                f"{', no '.join(lacking)}: Explorer(net, images, labels, classes)"
            )
        return None, {task: gallery_of(source, **own, task=task, training=training)}
    if len(lacking) < len(own) or training is not None:
        raise TypeError(
            f"{', '.join(own)} and training belong to a network, and {type(source).__name__} is "
            "none: "
            "Explorer(net, images, labels, classes) or Explorer(study)"
        )
    if isinstance(source, Study):
        return source, {}
    if isinstance(source, Mapping) and source:
        return None, {name: replace(gallery, task=name) for name, gallery in source.items()}
    raise TypeError(
        f"an explorer needs a Study or a network, got {type(source).__name__}: "
        "Explorer(study) or Explorer(net, images, labels, classes)"
    )
