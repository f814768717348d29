"""Every experiment of a task: what it is made of, and that it is made once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from worlds import WorldStudy, pairs_of

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments import attributions, control_experiments, control_sets
from tinyvgg.experiments.class_dependence import PRINTED, RELEASED, class_dependence
from tinyvgg.experiments.control_experiments import (
    AVERAGED,
    PAPERS_MEASURE,
    PAPERS_SET,
    PICTURES,
    RANDOMISED,
    ControlExperiments,
)
from tinyvgg.experiments.control_sets import RANDOM
from tinyvgg.experiments.cut_map import cut_map
from tinyvgg.experiments.effects import (
    effect,
    effects,
)
from tinyvgg.experiments.randomisation import randomised
from tinyvgg.experiments.selection import contribution_variation, selected_by_layer
from tinyvgg.experiments.suppressions import (
    BACKTRACKED,
    CORRECT,
    EVERY,
    FILLS,
    ITSELF,
    MISCLASSIFIED,
    TWIN,
    by_image,
    mean_maps,
    rows_of,
    subjects_of_pairs,
    suppressions,
)
from tinyvgg.experiments.suppressions import (
    PRINTED as AS_PRINTED,
)
from tinyvgg.storage.store import Store

EXPERIMENTS = (
    "suppressions",
    "effects",
    "dependence",
    "layers",
    "variation",
    "cut_map",
    "curves",
    "areas",
    "randomisation",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_sets, "SAMPLES", 300)  # few draws
        yield WorldStudy(Store(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def made(study):
    return ControlExperiments(study, "emotion")


def assert_same(one, other):
    """Whether two tables, or rows, agree but for the types of their columns."""
    kinds = {pd.DataFrame: pd.testing.assert_frame_equal, pd.Series: pd.testing.assert_series_equal}
    kinds[type(one)](one, other, check_dtype=False)


# ---------------------------------------------------------------------- made once


@pytest.mark.parametrize("nobody", [False, True])
def test_every_experiment_of_a_study_is_found_again_without_its_network(study, nobody):
    one = ControlExperiments(WorldStudy(study.store, nobody), "emotion")
    made = {name: getattr(one, name)() for name in EXPERIMENTS}
    again = ControlExperiments(WorldStudy(study.store, nobody), "emotion")
    for name, table in made.items():
        assert_same(table, getattr(again, name)())
    assert one.study.trained <= 1 and again.study.trained == 0
    # 0 and the number of randomised layers; every cut; every order, mode, kind and share
    assert made["randomisation"].layers.tolist() == [0, 1, 2, 3, 4]
    assert len(made["cut_map"]) == 25
    assert len(made["curves"]) == 6 * 2 * 2 * 31
    assert len(made["areas"]) == 6 * 2 * 2
    assert made["effects"].empty == made["suppressions"].empty == made["dependence"].empty == nobody


def test_experiments_of_another_task_or_network_are_others(study, made):
    made.variation()
    for other in (
        ControlExperiments(study, "face"),
        ControlExperiments(study.variant(1), "emotion"),
    ):
        before = other.study.trained
        other.variation()
        assert other.study.trained == before + 1


# ---------------------------------------------------------------------- what they are made of


def test_traces_are_those_of_every_mistake_the_most_confident_first(made):
    net, outcomes, inputs = made.study.world
    wrong = outcomes[~outcomes.correct].sort_values("confidence", ascending=False)
    assert made.wrong.row.tolist() == wrong.row.tolist()
    for trace, cut in ((made.released, Cut()), (made.printed, None)):
        expected = backtrack(net, inputs(wrong.row), cut=cut)
        assert torch.equal(trace.pixels, expected.pixels)
        assert torch.equal(trace.target, expected.target)
    assert list(made.pairs) == [MISCLASSIFIED, CORRECT]
    expected = pairs_of(made.study.world, Cut())
    assert made.pairs[MISCLASSIFIED].table.equals(expected.misclassified.table)
    for pairs in made.pairs.values():
        assert torch.equal(
            pairs.case.pixels, backtrack(net, inputs(pairs.table.case), cut=Cut()).pixels
        )
    right = made.pairs[CORRECT].table
    assert (right.predicted == right["true"]).all() and len(right) > 0


def test_of_many_mistakes_some_are_drawn_and_the_rest_of_the_test_set_is_whole(
    study, made, monkeypatch
):
    many = len(made.wrong)
    assert many == made.errors
    monkeypatch.setattr(control_experiments, "ANALYZED", many - 2)
    some = ControlExperiments(study, "emotion")
    assert (some.errors, len(some.wrong)) == (many, many - 2)
    assert some.wrong.confidence.is_monotonic_decreasing
    rows = set(some.wrong.row)
    assert len(rows) == many - 2 and rows < set(made.wrong.row)
    assert len(some.released.pixels) == len(some.printed.pixels) == many - 2
    ours, whole = (one.pairs[MISCLASSIFIED] for one in (some, made))
    kept = whole.table[whole.table.case.isin(rows)].reset_index(drop=True)
    assert ours.table.equals(kept), "each with the twin that it has among all"
    assert ours.alone == many - 2 - len(kept)
    assert len(some.pairs[CORRECT]) <= len(ours)
    monkeypatch.setattr(study, "seed", study.seed + 1, raising=False)
    assert set(ControlExperiments(study, "emotion").wrong.row) != rows


def test_suppressions_are_those_of_the_pairs_and_of_every_mistake(study, made):
    net, pairs = made.net, pairs_of(study.world, Cut())
    train = np.random.default_rng(study.seed).permutation(study.split("emotion").train)[:AVERAGED]
    mean = mean_maps(net, study.inputs, train)
    subjects = [
        *subjects_of_pairs(MISCLASSIFIED, pairs.misclassified, pairs.printed),
        *subjects_of_pairs(CORRECT, made.pairs[CORRECT]),
    ]
    expected = suppressions(net, subjects, mean, seed=study.seed)
    found = made.suppressions()
    of_pairs = found[found.kind != EVERY].reset_index(drop=True)
    assert_same(of_pairs, expected)
    every = found[found.kind == EVERY]
    assert set(every["set"]) == {"nothing", BACKTRACKED, BACKTRACKED + AS_PRINTED}
    for name, trace in ((BACKTRACKED, made.released), (BACKTRACKED + AS_PRINTED, made.printed)):
        sizes = by_image(found, "pixels", name, ITSELF, kind=EVERY)
        assert sizes.tolist() == trace.pixels.flatten(1).sum(dim=1).tolist()
    people = rows_of(found, kind=EVERY, set=BACKTRACKED, control=ITSELF).person
    assert people.tolist() == made.wrong.subject.tolist()


def test_effects_are_those_of_the_suppressions(study, made):
    raw, table = made.suppressions(), made.effects()
    some = [raw[raw.kind == EVERY], raw[(raw.kind == MISCLASSIFIED) & (raw.image == TWIN)]]
    for rows in some:
        kind, image = rows.iloc[0][["kind", "image"]]
        mine = table[(table.kind == kind) & (table.image == image)].reset_index(drop=True)
        assert_same(mine, effects(rows, study.seed))
    assert set(table.kind) == {MISCLASSIFIED, CORRECT, EVERY} and set(table.fill) == {*FILLS}


def test_the_map_of_the_cut_agrees_with_the_effects_at_the_released_cut(study, made):
    """One quantity, one value, to the last digit that is printed and far beyond."""
    name, table, cut = PAPERS_SET["emotion"], made.cut_map(), Cut()
    (cell,) = table[(table.floor == cut.floor) & (table.percentile == cut.percentile)].to_dict(
        "records"
    )
    for measure in {"confidence", PAPERS_MEASURE["emotion"]}:
        over = effect(made.effects(), name, RANDOM, measure)
        assert cell[f"{measure} over random"] == pytest.approx(over.value, rel=1e-12, abs=1e-15)
    assert cell["backtracked"] == made.released.pixels.flatten(1).sum(dim=1).double().mean()
    grid = (cut.floor,), (cut.percentile, 99.0)
    traces = made.released, made.pairs[MISCLASSIFIED]
    assert_same(
        table[(table.floor == cut.floor) & table.percentile.isin(grid[1])].reset_index(drop=True),
        cut_map(made.net, *traces, name, *grid, seed=study.seed),
    )


def test_dependence_variation_and_randomisation_are_those_of_every_mistake(study, made):
    net = made.net
    assert_same(made.dependence(), class_dependence(net, made.released, Cut()))
    found = contribution_variation(net, made.released)
    assert made.variation().to_dict() == pytest.approx(found)
    assert len(made.wrong) <= RANDOMISED
    images = study.inputs(made.wrong.row[:PICTURES])
    assert_same(
        made.randomisation(), randomised(net, made.released, Cut(), images, seed=study.seed)
    )


def test_layers_have_mean_counts_and_the_pixels_by_both_readings(made):
    net, table = made.net, made.layers().set_index("layer")
    assert list(table.index) == ["L_3", "L_2", "L_1", RELEASED, PRINTED]
    for trace, name in ((made.released, RELEASED), (made.printed, PRINTED)):
        sizes = selected_by_layer(net, trace)
        for layer in ("L_3", "L_2", "L_1", "L_0"):
            row = table.loc[name if layer == "L_0" else layer]
            expected = sizes[sizes.layer == layer][["units", "active", "selected"]].mean()
            assert row.to_dict() == pytest.approx(expected.to_dict())


def test_curves_are_means_over_the_pairs_of_a_kind(study, made):
    net, table = made.net, made.curves()
    areas = made.areas().set_index(["kind", "order", "mode"])
    for kind, pairs in made.pairs.items():
        found = attributions.all_curves(net, pairs.case.maps, pairs.case.target, seed=study.seed)
        for (order, mode), some in found.items():
            rows = table[(table.kind == kind) & (table.order == order) & (table["mode"] == mode)]
            np.testing.assert_allclose(rows.share, attributions.SHARES)
            np.testing.assert_allclose(rows.probability, some.mean(axis=0))
            assert areas.area[kind, order, mode] == pytest.approx(attributions.area(some).mean())
