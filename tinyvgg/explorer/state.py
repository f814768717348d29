"""The state of an explorer: all that it shows, computed from what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import traitlets
from torch import Tensor

from tinyvgg.backtracking import Backtrace, Cut
from tinyvgg.comparison import compare, first_pixels
from tinyvgg.experiments.attributions import strengths
from tinyvgg.explorer.gallery import Case, Gallery
from tinyvgg.tracking import Tracking, suppress_unchecked, track


class Refused(traitlets.TraitError, ValueError):
    """An invalid choice; the message says why, and what can be chosen."""


@dataclass(frozen=True)
class Choice:
    """What was chosen; the traits of `Session` explain each.

    Attributes
    ----------
    by_hand : tuple of int
        The pixels of the set "hand"; empty where another set was chosen.
    """

    task: str
    case: int
    pixel_set: str = "backtracked"
    random: bool = False
    draw: int = 0
    target: str = "predicted"
    printed: bool = False
    floor: float = Cut.floor
    percentile: float = Cut.percentile
    strongest: int | None = None
    by_hand: tuple[int, ...] = ()

    @property
    def cut(self) -> Cut | None:
        """The cut of the last step; None as printed."""
        return None if self.printed else Cut(self.floor, self.percentile)


@dataclass(frozen=True, eq=False, repr=False)
class State:
    """All that follows from a choice; arrays of one picture, without a batch dimension.

    Attributes
    ----------
    choice : Choice
    case : Case
    gallery : Gallery
    target : int
        The class that was backtracked.
    maps : float array (C, h, w)
        The last feature maps.
    sets : dict of str to bool array (C, h, w)
        "backtracked", and with a twin "common" and "unique", before `strongest` thins them out.
    chosen, control : bool array (C, h, w)
        The set that was chosen, and as many active pixels drawn at random.
    before, without_chosen, without_control : float array (classes,)
        Probabilities with all pixels, and without those of either set.
    image, twin_image : uint8 array (H, W, 3)
        The picture of the case, and that of its twin; None if it has no twin.
    full, difference : float array (H, W, C), (H, W)
        The deconvolution of all pixels, and D' of Algorithm 2 for the suppressed ones; computed
        when they are first used.
    """

    choice: Choice
    case: Case
    gallery: Gallery
    target: int
    maps: np.ndarray
    sets: dict[str, np.ndarray]
    chosen: np.ndarray
    control: np.ndarray
    before: np.ndarray
    without_chosen: np.ndarray
    without_control: np.ndarray

    def __repr__(self) -> str:
        return f"State({self.case.shows}: {self.sentence})"

    @property
    def image(self) -> np.ndarray:
        return self.gallery.picture(self.case.row)

    @property
    def twin_image(self) -> np.ndarray | None:
        return None if self.case.twin is None else self.gallery.picture(self.case.twin)

    @property
    def suppressed(self) -> np.ndarray:
        """The pixels set to zero, bool (C, h, w): the set, or its control."""
        return self.control if self.choice.random else self.chosen

    @property
    def after(self) -> np.ndarray:
        """Probabilities without the suppressed pixels, (classes,)."""
        return self.without_control if self.choice.random else self.without_chosen

    @cached_property
    def full(self) -> np.ndarray:
        return np.moveaxis(_array(self._tracking.full), 0, -1)

    @cached_property
    def difference(self) -> np.ndarray:
        return _array(self._tracking.difference)

    @cached_property
    def _tracking(self) -> Tracking:
        x = self.gallery.input(self.case.row)
        return track(self.gallery.net, x, torch.from_numpy(self.suppressed)[None].to(x.device))

    @property
    def sentence(self) -> str:
        """The prediction in words: "With 31 of 2,048 pixels suppressed, the image is …"."""
        count, total = int(self.suppressed.sum()), self.suppressed.size
        if count == 0:
            found = self.choice.pixel_set not in ("none", "hand")
            empty = "This set is empty. " if found else ""
            answer = self._answer(self.before)
            return f"{empty}With all {total:,} pixels, the image is classified as {answer}."
        still = "still " if self.after.argmax() == self.before.argmax() else ""
        how = " at random" if self.choice.random else ""
        return (
            f"With {count:,} of {total:,} pixels suppressed{how}, "
            f"the image is {still}classified as {self._answer(self.after)}."
        )

    @property
    def context(self) -> str:
        """The prediction with all pixels, the true class, and the other set; in lines."""
        true = self.gallery.say(self.case.true)
        correct = self.before.argmax() == self.case.true
        if not self.suppressed.any():
            return "This is correct." if correct else f"The true class is {true}."
        truth = "which is correct" if correct else f"but the true class is {true}"
        before = f"With all pixels, it is classified as {self._answer(self.before)}, {truth}."
        other, found = "as many random pixels", self.without_control
        if self.choice.random:
            other, found = "the set itself", self.without_chosen
        return f"{before}\nWith {other} suppressed, it is classified as {self._answer(found)}."

    def _answer(self, probabilities: np.ndarray) -> str:
        best = int(probabilities.argmax())
        return f"{self.gallery.say(best)} (confidence {probabilities[best]:.2f})"


Traces = Callable[[int, "int | None", "Cut | None"], Backtrace]


@torch.no_grad()
def compute(gallery: Gallery, choice: Choice, trace_of: Traces) -> State:
    """Everything that a choice shows.

    Parameters
    ----------
    gallery : Gallery
    choice : Choice
    trace_of : callable
        (row, target, cut) to the trace of that picture; the session caches them.
    """
    net, case = gallery.net, gallery.cases[choice.case]
    trace = trace_of(case.row, target_of(gallery, case, choice.target), choice.cut)
    sets = {"backtracked": trace.pixels}
    if case.twin is not None:
        pair = compare(trace, trace_of(case.twin, None, choice.cut))
        sets |= {"common": pair.common, "unique": pair.only_a}

    if choice.pixel_set == "hand":
        chosen = from_numbers(choice.by_hand, trace.pixels)
    else:
        chosen = sets.get(choice.pixel_set, torch.zeros_like(trace.pixels))
        if choice.strongest is not None:
            chosen = strongest_of(chosen, strengths(net, trace), choice.strongest)
    control = drawn(trace.maps, int(chosen.sum()), choice.draw)

    return State(
        choice=choice,
        case=case,
        gallery=gallery,
        target=int(trace.target[0]),
        maps=_array(trace.maps),
        sets={name: _array(pixels) for name, pixels in sets.items()},
        chosen=_array(chosen),
        control=_array(control),
        before=_array(trace.probabilities),
        without_chosen=_array(suppress_unchecked(net, trace.maps, chosen)),
        without_control=_array(suppress_unchecked(net, trace.maps, control)),
    )


def target_of(gallery: Gallery, case: Case, target: str) -> int | None:
    """The class number of "predicted" (None: the predicted one), "true", or a class's name."""
    if target == "predicted":
        return None
    return case.true if target == "true" else gallery.classes.index(target)


def strongest_of(pixels: Tensor, strength: Tensor, count: int) -> Tensor:
    """The `count` strongest pixels of the set of one image; all if it has no more."""
    ranked = strength.flatten(1).double().masked_fill(~pixels.flatten(1), -torch.inf)
    order = ranked.argsort(dim=1, descending=True, stable=True)
    return first_pixels(order, torch.tensor(count), pixels)


def drawn(maps: Tensor, count: int, draw: int) -> Tensor:
    """Draw active pixels of one image at random: the control for a set of the same size.

    No generator but a hash, so that the page draws the same: pixels come in the order of a hash
    of their number and of the draw's, and a smaller draw is a subset of a larger one.

    Parameters
    ----------
    maps : Tensor, (1, C, h, w)
        The last feature maps; a pixel is active if it is above zero.
    count : int
        How many pixels to draw; all active ones if there are no more.
    draw : int
        Number of the draw, 0 or more.

    Returns
    -------
    bool Tensor, (1, C, h, w)
    """
    active = (maps.flatten() > 0).nonzero().flatten()
    keys = scrambled(active ^ scrambled(torch.tensor(draw % 2**32, device=maps.device)))
    chosen = torch.zeros(maps.numel(), dtype=torch.bool, device=maps.device)
    chosen[active[keys.argsort()[:count]]] = True
    return chosen.reshape(maps.shape)


def scrambled(numbers: Tensor) -> Tensor:
    """Hashes of whole numbers of 32 bits, as int64; a bijection.

    The finaliser of MurmurHash3 (https://github.com/aappleby/smhasher, public domain).
    """
    low = 2**32 - 1
    numbers = ((numbers ^ (numbers >> 16)) * 0x85EBCA6B) & low
    numbers = ((numbers ^ (numbers >> 13)) * 0xC2B2AE35) & low
    return numbers ^ (numbers >> 16)


def from_numbers(numbers: tuple[int, ...], like: Tensor) -> Tensor:
    """A set of pixels from their numbers, counted map by map and row by row."""
    pixels = torch.zeros(like.numel(), dtype=torch.bool, device=like.device)
    pixels[list(numbers)] = True
    return pixels.reshape(like.shape)


def to_numbers(pixels: np.ndarray) -> tuple[int, ...]:
    """The numbers of a set of pixels, ascending."""
    return tuple(np.flatnonzero(pixels).tolist())


def _array(batch: Tensor) -> np.ndarray:
    return batch[0].detach().cpu().numpy()
