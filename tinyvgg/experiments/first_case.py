"""One misclassified image from end to end: what the first page of the book shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.control_sets import draws_for, random_draws
from tinyvgg.tracking import grey, suppress, track


@dataclass(frozen=True, eq=False)
class FirstCase:
    """A misclassified image, its backtracked pixels, and as many random ones.

    Attributes
    ----------
    image : uint8 array (S, S, 3)
    predicted, true : str
        Names of the classes.
    maps : array (C, h, w)
        The last feature maps.
    backtracked, random : bool array (C, h, w)
        The released set, and as many active pixels: one draw.
    deconvolved : array (S, S)
        Of all pixels, grey.
    without_backtracked, without_random : array (S, S)
        The same without either set.
    probabilities : dict of (float, float)
        Of the predicted and of the true class: ``"before"``, ``"backtracked"`` suppressed, and
        ``"random"`` pixels suppressed (mean of `draws` draws).
    draws : int
    """

    image: np.ndarray
    predicted: str
    true: str
    maps: np.ndarray
    backtracked: np.ndarray
    random: np.ndarray
    deconvolved: np.ndarray
    without_backtracked: np.ndarray
    without_random: np.ndarray
    probabilities: dict[str, tuple[float, float]]
    draws: int


def first_case(study: Any, task: str) -> FirstCase | None:
    """The misclassified test image of a task with the highest confidence; None if there is none.

    The rule leaves nothing to choose: the first of equals in the order of the test set.
    """
    outcomes = study.outcomes(task)
    wrong = outcomes[~outcomes.correct]
    if wrong.empty:
        return None
    case = wrong.loc[wrong.confidence.idxmax()]
    row = int(case.row)
    net, x = study.network(task), study.inputs([row])
    trace = backtrack(net, x, cut=Cut())
    classes = [int(case.predicted), int(case.true)]
    count = draws_for(1)
    some, sums = torch.zeros_like(trace.pixels), torch.zeros(2, dtype=torch.float64)
    for drawn in random_draws(trace.maps, count, study.seed):
        sets = drawn.random(trace.pixels)[:, 0]  # (D, C, h, w)
        some = sets[:1]  # any one of them is shown
        maps = trace.maps.expand(len(sets), *trace.maps.shape[1:])
        sums += suppress(net, maps, sets)[:, classes].double().sum(0).cpu()
    chosen = track(net, x, trace.pixels)
    other = track(net, x, some)

    def plain(tensor: Tensor) -> np.ndarray:
        return tensor[0].cpu().numpy()

    def both(pixels: Tensor) -> tuple[float, float]:
        predicted, true = suppress(net, trace.maps, pixels)[0, classes].tolist()
        return predicted, true

    pictures = {
        "deconvolved": chosen.full,
        "without_backtracked": chosen.suppressed,
        "without_random": other.suppressed,
    }
    predicted, true = (sums / count).tolist()
    return FirstCase(
        study.faces.images[row],
        str(case.predicted_name),
        str(case.true_name),
        plain(trace.maps),
        plain(trace.pixels),
        plain(some),
        probabilities={
            "before": both(torch.zeros_like(trace.pixels)),
            "backtracked": both(trace.pixels),
            "random": (predicted, true),
        },
        draws=count,
        **{name: plain(grey(tensor)) for name, tensor in pictures.items()},
    )
