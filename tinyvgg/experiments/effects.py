"""The paper's sets of pixels on trial: every experiment for a study, kept in its store.

`Study` is not imported here, so that no result is made anew for a change to what only keeps and
finds results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut, backtrack_maps
from tinyvgg.experiments import curves, fills, sensitivity
from tinyvgg.experiments import randomisation as randomised
from tinyvgg.experiments.batches import trace_rows
from tinyvgg.experiments.class_dependence import PRINTED, RELEASED, other_classes, spreads
from tinyvgg.experiments.control_sets import (
    CONTROLS,
    ITSELF,
    KINDS,
    RANDOM,
    correct_pairs,
    effects,
    try_controls,
)
from tinyvgg.experiments.localisation import mean_known, similarity
from tinyvgg.experiments.pairs import TwinPairs, pair_twins
from tinyvgg.experiments.selection import selected_by_layer
from tinyvgg.experiments.statistics import NAN, Interval, bootstrap_mean

PAPERS_SET = {"face": "common", "emotion": "unique"}  # which pixels decide, says the paper
PAPERS_MEASURE = {"face": "confidence", "emotion": "mended"}  # by what it says so
SHORT = dict(zip(CONTROLS, ("random", "matched", "largest", "gradient"), strict=True))
RANDOMISED = 40  # images whose dense layers are drawn anew
PICTURES = 16  # of them, those whose tracked features are compared
SEEDS = range(5)
AVERAGED = 300  # training images whose mean is put in the place of zero


class Trial:
    """The experiments for one task of a study. Each is made once, and then found in the store.

    Parameters
    ----------
    study : Study
        Its network of the task is trained if it is missing.
    task : {"face", "emotion"}
    """

    def __init__(self, study: Any, task: str):
        self.study, self.task = study, task

    @cached_property
    def net(self) -> nn.Module:
        return self.study.network(self.task)

    @cached_property
    def pairs(self) -> dict[str, TwinPairs]:
        """The pairs, by kind.

        "misclassified": every misclassified test image that has a twin, with it. "correct": as
        many pairs of two correctly classified images (see `analysis.controls.correct_pairs`).
        """
        study, outcomes = self.study, self.study.outcomes(self.task)
        wrong = pair_twins(self.net, outcomes, study.inputs)
        right = correct_pairs(self.net, outcomes, study.inputs, len(wrong), study.seed)
        return dict(zip(KINDS, (wrong, right), strict=True))

    def effects(self) -> pd.DataFrame:
        """The sets against their same-count controls, as `analysis.controls.effects` says."""

        def make() -> pd.DataFrame:
            trials = [
                try_controls(self.net, pairs, seed=self.study.seed).assign(kind=kind)
                for kind, pairs in self.pairs.items()
            ]
            return effects(pd.concat(trials), self.study.seed)

        return self._kept("effects", make)

    def dependence(self) -> pd.DataFrame:
        """Every other class traced, for the first image of every pair (see `other_classes`)."""

        def make() -> pd.DataFrame:
            parts = [
                other_classes(self.net, pairs.case, Cut()).assign(kind=kind)
                for kind, pairs in self.pairs.items()
            ]
            return pd.concat(parts, ignore_index=True)

        return self._kept("dependence", make)

    def layers(self) -> pd.DataFrame:
        """Units, active and selected ones of each layer, means over the same images.

        The layers are those of `dependence`, from the top down; the pixels are there twice, as
        released and as printed.
        """

        def make() -> pd.DataFrame:
            parts = []
            for pairs in self.pairs.values():
                case = pairs.case
                sizes = selected_by_layer(self.net, case)
                whole = selected_by_layer(
                    self.net, backtrack_maps(self.net, case.maps, case.target)
                )
                parts.append(sizes.replace({"layer": {"L_0": RELEASED}}))
                parts.append(whole[whole.layer == "L_0"].assign(layer=PRINTED))
            means = pd.concat(parts).drop(columns="image").groupby("layer", sort=False).mean()
            return means.reset_index()

        return self._kept("layers", make)

    def spreads(self) -> pd.Series:
        """What makes a pixel's contribution large, as `analysis.dependence.spreads` says."""
        case = "misclassified"
        table = self._kept(
            "spreads", lambda: pd.DataFrame([spreads(self.net, self.pairs[case].case)])
        )
        return table.iloc[0]

    def by_cut(self) -> pd.DataFrame:
        """The paper's set by floor and percentile, over the misclassified images with a twin."""
        pairs, name = "misclassified", PAPERS_SET[self.task]
        return self._kept(
            "by_cut",
            lambda: sensitivity.by_cut(self.net, self.pairs[pairs], name, seed=self.study.seed),
        )

    def curves(self) -> pd.DataFrame:
        """Mean deletion and insertion curves: kind, order, mode, share, probability."""
        return self._kept("curves", lambda: self._curves[0])

    def areas(self) -> pd.DataFrame:
        """Areas under them, as `analysis.curves.areas` gives them, by kind."""
        return self._kept("areas", lambda: self._curves[1])

    @cached_property
    def _curves(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        means, tables = [], []
        for kind, pairs in self.pairs.items():
            trace, people = pairs.case, pairs.table.subject.to_numpy()
            found = curves.all_curves(self.net, trace.maps, trace.target, seed=self.study.seed)
            tables.append(curves.areas(found, people, self.study.seed).assign(kind=kind))
            for (name, mode), some in found.items():
                mean = some.mean(axis=0) if len(some) else np.full(len(curves.SHARES), NAN)
                part = pd.DataFrame({"share": curves.SHARES, "probability": mean})
                means.append(part.assign(kind=kind, order=name, mode=mode))
        return pd.concat(means, ignore_index=True), pd.concat(tables, ignore_index=True)

    def fills(self) -> pd.DataFrame:
        """Zero and the mean over the training images, for the paper's set and for random pixels.

        Returns
        -------
        DataFrame
            One row a kind of pairs, value and measure: of_set, of_random, difference, low, high.
        """
        return self._kept("fills", self._make_fills)

    def _make_fills(self) -> pd.DataFrame:
        study, rows = self.study, []
        train = study.split(self.task).train
        some = np.random.default_rng(study.seed).permutation(train)[:AVERAGED]
        mean = fills.mean_maps(self.net, study.inputs, some)
        for kind, pairs in self.pairs.items():
            name = PAPERS_SET[self.task]
            trials = fills.try_fills(self.net, pairs, name, mean, seed=study.seed)
            for fill in (fills.ZERO, fills.MEAN):
                own, other = (
                    trials[(trials.fill == fill) & (trials.control == control)].set_index("pair")
                    for control in (ITSELF, RANDOM)
                )
                for measure in ("confidence", "changed", "mended"):
                    if measure == "mended" and kind == "correct":
                        continue
                    found = bootstrap_mean(own[measure] - other[measure], own.person, study.seed)
                    row = {"kind": kind, "fill": fill, "measure": measure}
                    row |= {"of_set": own[measure].mean(), "of_random": other[measure].mean()}
                    rows.append(row | dict(zip(("difference", "low", "high"), found, strict=True)))
        return pd.DataFrame(rows)

    def randomised(self) -> pd.DataFrame:
        """Dense layers drawn anew, the topmost first, as `analysis.randomised.survival` says."""
        return self._kept("randomised", self._make_randomised)

    def _make_randomised(self) -> pd.DataFrame:
        pairs = self.pairs["misclassified"]
        trace = first_images(pairs.case, RANDOMISED)
        images = self.study.inputs(pairs.table.case.head(PICTURES)) if len(pairs) else None
        return randomised.survival(self.net, trace, Cut(), images, seed=self.study.seed)

    def _kept(self, what: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The table that `make` makes, from the store if it is there."""
        recipe = {
            "what": what,
            "network": self.study.recipe(self.task),
        }
        return _table(self.study.store.get("controls", recipe, lambda _: _columns(make())))


def control_effects(study: Any, task: str) -> pd.DataFrame:
    """The sets of a task against their same-count controls, over all pairs of both kinds.

    Returns
    -------
    DataFrame
        As `analysis.controls.effects` gives it; empty in a run without pairs.
    """
    return Trial(study, task).effects()


def effect(
    table: pd.DataFrame,
    pixels: str,
    control: str,
    measure: str = "confidence",
    kind: str = "misclassified",
) -> Interval:
    """One difference of `control_effects`, with its interval; NaN if it is not there."""
    asked = {"set": pixels, "control": control, "measure": measure, "kind": kind}
    found = table[np.logical_and.reduce([table[key] == value for key, value in asked.items()])]
    if found.empty:
        return Interval(NAN, NAN, NAN)
    row = found.iloc[0]
    return Interval(float(row.difference), float(row.low), float(row.high))


def control_numbers(study: Any, task: str) -> dict[str, float]:
    """What the paper's set does beyond each control in the misclassified images, by name.

    Returns
    -------
    dict
        ``control_TASK_NAME`` with ``_low`` and ``_high``, NAME one of random, matched, largest
        and gradient: the difference of the fall in confidence (face, common pixels) or of the
        share of cases mended (emotion, unique pixels). NaN in a run without pairs.
    """
    table = control_effects(study, task)
    numbers: dict[str, float] = {}
    for control, name in SHORT.items():
        found = effect(table, PAPERS_SET[task], control, PAPERS_MEASURE[task])
        numbers |= found.named(f"control_{task}_{name}")
    return numbers


def over_seeds(
    study: Any, task: str, record: Any = None, seeds: Iterable[int] = SEEDS
) -> pd.DataFrame:
    """`control_numbers` of this run and of other seeds, as far as they are known.

    Parameters
    ----------
    study : Study
    task : {"face", "emotion"}
    record : Record, optional
        Of the study "seeds". An entry of its results has a `seed` and the numbers by name.
    seeds : iterable of int
        Which others to look for in the store, if they are not recorded. No network is trained.

    Returns
    -------
    DataFrame
        One row a seed and control: seed, control, difference, low, high, origin ("this run",
        "in the store" or "recorded").
    """
    found = {study.seed: ("this run", control_numbers(study, task))}
    for entry in record.results if record else ():
        if entry.get("seed") != study.seed and f"control_{task}_random" in entry:
            found[entry["seed"]] = ("recorded", entry)
    for other in others_in_store(study, task, set(seeds) - set(found)):
        found[other.seed] = ("in the store", control_numbers(other, task))
    rows = []
    for seed, (origin, numbers) in sorted(found.items()):
        for control, short in SHORT.items():
            key = f"control_{task}_{short}"
            values = [numbers.get(f"{key}{bound}") for bound in ("", "_low", "_high")]
            known = [NAN if value is None else float(value) for value in values]
            rows.append((seed, control, *known, origin))
    return pd.DataFrame(rows, columns=["seed", "control", "difference", "low", "high", "origin"])


def others_in_store(study: Any, task: str, seeds: Iterable[int] = SEEDS) -> list[Any]:
    """The same study by other seeds, those whose network of a task is in the store."""
    variants = [study.variant(seed=seed) for seed in sorted(seeds) if seed != study.seed]
    return [other for other in variants if other.is_trained(task)]


def agreement(study: Any, other: Any, task: str, count: int = RANDOMISED) -> dict[str, float]:
    """How alike the sets of two networks lie in the images that both are tested on.

    The maps of two networks have no common order, so that their pixels cannot be compared; the
    number of selected pixels at each place of the maps can.

    Returns
    -------
    dict
        images; same and different: mean correlation of these numbers over the places, for the
        same image and for two different ones.
    """
    rows = np.intersect1d(study.split(task).test, other.split(task).test)
    rows = np.random.default_rng(study.seed).permutation(rows)[:count]
    one, two = (
        trace_rows(some.network(task), some.inputs, rows, cut=Cut()).pixels.sum(dim=1).cpu().numpy()
        for some in (study, other)
    )
    return {
        "images": len(rows),
        "same": mean_known(similarity(one, two)),
        "different": mean_known(similarity(one, np.roll(two, 1, axis=0))),
    }


def first_images(trace: Backtrace, count: int) -> Backtrace:
    """A trace of its first images only."""
    layers = tuple(layer[:count] for layer in trace.layers)
    tensors: list[Tensor] = [trace.pixels, trace.threshold, trace.maps, trace.logits]
    return Backtrace(trace.target[:count], layers, *(tensor[:count] for tensor in tensors))


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """A table as arrays of numbers and lists of words, for the store."""
    return {
        f"{place} {name}": values.to_numpy() if values.dtype.kind in "bif" else values.tolist()
        for place, (name, values) in enumerate(table.items())
    }


def _table(kept: dict[str, Any]) -> pd.DataFrame:
    ordered = sorted(kept.items(), key=lambda item: int(item[0].partition(" ")[0]))
    return pd.DataFrame({key.partition(" ")[2]: values for key, values in ordered})
