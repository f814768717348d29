"""The paper's sets of pixels and their controls: every experiment for one task of a study.

`Study` is not imported here, because a result depends on the trained network and on the code
that measures, but not on the code that stores and finds both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack_maps
from tinyvgg.comparison import compare
from tinyvgg.evaluation import misclassified
from tinyvgg.experiments.attributions import SHARES, all_curves, areas
from tinyvgg.experiments.batches import at_most, first_images, trace_rows
from tinyvgg.experiments.class_dependence import PRINTED, RELEASED, class_dependence
from tinyvgg.experiments.cut_map import cut_map
from tinyvgg.experiments.effects import effects
from tinyvgg.experiments.pairs import TwinPairs, correct_pairs, pair_twins
from tinyvgg.experiments.randomisation import randomised
from tinyvgg.experiments.selection import contribution_variation, selected_by_layer
from tinyvgg.experiments.statistics import NAN, people
from tinyvgg.experiments.suppressions import (
    BACKTRACKED,
    CASE,
    COMMON,
    CORRECT,
    EVERY,
    KINDS,
    MISCLASSIFIED,
    NOTHING,
    UNIQUE,
    Subjects,
    mean_maps,
    subjects_of_pairs,
    suppressions,
)
from tinyvgg.experiments.suppressions import (
    PRINTED as AS_PRINTED,
)

PAPERS_SET = {"face": COMMON, "emotion": UNIQUE}  # the pixels that decide, according to the paper
PAPERS_MEASURE = {"face": "confidence", "emotion": "corrected"}  # the measure by which it says so
RANDOMISED = 40  # images traced with randomized dense layers
PICTURES = 16  # of these, images whose tracked features are compared
ANALYZED = 400  # misclassified images at most, so that a set of any size can be analyzed
AVERAGED = 300  # training images whose mean replaces zero as ablation value


class ControlExperiments:
    """The experiments for one task of a study; each is run once and then found in the store.

    Parameters
    ----------
    study : Study
        Its network for the task is trained if it is missing.
    task : {"face", "emotion"}
    """

    def __init__(self, study: Any, task: str):
        self.study, self.task = study, task

    @cached_property
    def net(self) -> nn.Module:
        return self.study.network(self.task)

    @cached_property
    def wrong(self) -> pd.DataFrame:
        """The misclassified test images that are analyzed, the most confident first.

        All of them; of more than `ANALYZED`, that many drawn at random.
        """
        table = misclassified(self.study.outcomes(self.task))
        drawn = table.iloc[at_most(len(table), ANALYZED, self.study.seed)]
        return drawn.sort_values("confidence", ascending=False).reset_index(drop=True)

    @property
    def errors(self) -> int:
        """How many test images are misclassified, whether they are analyzed or not."""
        return len(misclassified(self.study.outcomes(self.task)))

    @cached_property
    def released(self) -> Backtrace:
        """The misclassified images, backtracked by the released algorithm."""
        return trace_rows(self.net, self.study.inputs, self.wrong.row, cut=Cut())

    @cached_property
    def printed(self) -> Backtrace:
        """The same, backtracked by the printed algorithm."""
        return _as_printed(self.net, self.released)

    @cached_property
    def pairs(self) -> dict[str, TwinPairs]:
        """The pairs, by kind.

        MISCLASSIFIED: those of `wrong` that have a twin, with it. CORRECT: as many pairs of two
        correctly classified images (see `correct_pairs`).
        """
        study, outcomes = self.study, self.study.outcomes(self.task)
        analyzed = outcomes.correct.astype(bool) | outcomes.row.isin(self.wrong.row)
        wrong = pair_twins(self.net, outcomes[analyzed], study.inputs)
        right = correct_pairs(self.net, outcomes, study.inputs, len(wrong), study.seed)
        return dict(zip(KINDS, (wrong, right), strict=True))

    # ------------------------------------------------------------------ one table of effects

    def suppressions(self) -> pd.DataFrame:
        """The prediction after each suppression, image by image (see `effects.suppressions`)."""
        return self._kept("suppressions", self._suppress)

    def _suppress(self) -> pd.DataFrame:
        study, pairs = self.study, self.pairs[MISCLASSIFIED]
        case, twin = (_as_printed(self.net, trace) for trace in (pairs.case, pairs.twin))
        printed = TwinPairs(pairs.table, case, twin, compare(case, twin), pairs.alone)
        none = self.released.pixels & False
        sets = {BACKTRACKED: self.released.pixels, BACKTRACKED + AS_PRINTED: self.printed.pixels}
        true, person = self.wrong["true"].to_numpy(), people(self.wrong)
        every = Subjects(EVERY, CASE, self.released, true, person, {NOTHING: none, **sets})
        train = study.split(self.task).train
        some = np.random.default_rng(study.seed).permutation(train)[:AVERAGED]
        return suppressions(
            self.net,
            [
                *subjects_of_pairs(MISCLASSIFIED, pairs, printed),
                *subjects_of_pairs(CORRECT, self.pairs[CORRECT]),
                every,
            ],
            mean_maps(self.net, study.inputs, some),
            study.profile.draws,
            study.seed,
        )

    def effects(self) -> pd.DataFrame:
        """Every set compared with its controls (see `effects.effects`), empty without pairs."""
        return self._kept("effects", lambda: effects(self.suppressions(), self.study.seed))

    # ------------------------------------------------------------------ what the sets depend on

    def dependence(self) -> pd.DataFrame:
        """A trace of every class of the misclassified images (see `class_dependence`)."""
        return self._kept("dependence", lambda: class_dependence(self.net, self.released, Cut()))

    def layers(self) -> pd.DataFrame:
        """All, active and selected units of each layer, as means over the misclassified images.

        The layers are those of `dependence`, from the top down. The pixels appear twice, as
        released and as printed.
        """

        def make() -> pd.DataFrame:
            sizes = selected_by_layer(self.net, self.released).replace({"layer": {"L_0": RELEASED}})
            whole = selected_by_layer(self.net, self.printed)
            whole = whole[whole.layer == "L_0"].assign(layer=PRINTED)
            means = pd.concat([sizes, whole]).drop(columns="image").groupby("layer", sort=False)
            return means.mean().reset_index()

        return self._kept("layers", make)

    def variation(self) -> pd.Series:
        """What makes a pixel's contribution large (see `selection.contribution_variation`)."""
        table = self._kept(
            "variation", lambda: pd.DataFrame([contribution_variation(self.net, self.released)])
        )
        return table.iloc[0]

    def cut_map(self) -> pd.DataFrame:
        """The paper's set by floor and percentile (see `cut_map.cut_map`)."""
        return self._kept(
            "cut map",
            lambda: cut_map(
                self.net,
                self.released,
                self.pairs[MISCLASSIFIED],
                PAPERS_SET[self.task],
                draws=self.study.profile.draws,
                seed=self.study.seed,
            ),
        )

    # ------------------------------------------------------------------ other experiments

    def curves(self) -> pd.DataFrame:
        """Mean deletion and insertion curves: kind, order, mode, share, probability."""
        return self._kept("curves", lambda: self._curves[0])

    def areas(self) -> pd.DataFrame:
        """Areas under them, as `areas` gives them, by kind."""
        return self._kept("areas", lambda: self._curves[1])

    @cached_property
    def _curves(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        means, tables = [], []
        for kind, pairs in self.pairs.items():
            trace, groups = pairs.case, people(pairs.table)
            found = all_curves(self.net, trace.maps, trace.target, seed=self.study.seed)
            tables.append(areas(found, groups, self.study.seed).assign(kind=kind))
            for (name, mode), some in found.items():
                mean = some.mean(axis=0) if len(some) else np.full(len(SHARES), NAN)
                part = pd.DataFrame({"share": SHARES, "probability": mean})
                means.append(part.assign(kind=kind, order=name, mode=mode))
        return pd.concat(means, ignore_index=True), pd.concat(tables, ignore_index=True)

    def randomisation(self) -> pd.DataFrame:
        """Randomization of the dense layers, topmost first (see `randomisation.randomised`)."""

        def make() -> pd.DataFrame:
            trace = first_images(self.released, RANDOMISED)
            rows = self.wrong.row.head(PICTURES)
            images = self.study.inputs(rows) if len(rows) else None
            return randomised(self.net, trace, Cut(), images, seed=self.study.seed)

        return self._kept("randomisation", make)

    def _kept(self, what: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The table that `make` returns, from the store if it is there."""
        recipe = {"what": what, "network": self.study.recipe(self.task)}
        return _table(self.study.store.get("experiments", recipe, lambda _: _columns(make())))


def _as_printed(net: nn.Module, trace: Backtrace) -> Backtrace:
    return backtrack_maps(net, trace.maps, trace.target) if len(trace.maps) else trace


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """A table as arrays of numbers and lists of strings, for the store."""
    return {
        f"{place} {name}": values.to_numpy() if values.dtype.kind in "bif" else values.tolist()
        for place, (name, values) in enumerate(table.items())
    }


def _table(kept: dict[str, Any]) -> pd.DataFrame:
    ordered = sorted(kept.items(), key=lambda item: int(item[0].partition(" ")[0]))
    return pd.DataFrame({key.partition(" ")[2]: values for key, values in ordered})
