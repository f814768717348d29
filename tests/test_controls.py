"""Same-count controls: which pixels they are, what they do, and the differences from a set."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from worlds import random_world

from tinyvgg.backtracking import Cut
from tinyvgg.comparison import find_twins
from tinyvgg.experiments.control_sets import (
    CONTROLS,
    GRADIENT,
    ITSELF,
    LARGEST,
    MATCHED,
    MEASURES,
    SETS,
    controls_of,
    correct_pairs,
    effects,
    measure,
    pixel_sets,
    try_controls,
)
from tinyvgg.experiments.effects import (
    Trial,
    agreement,
    control_effects,
    control_numbers,
    effect,
    over_seeds,
)
from tinyvgg.experiments.matched import matched_pixels
from tinyvgg.experiments.pairs import pair_twins
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.storage.store import Store
from tinyvgg.tracking import suppress

CUT = Cut(0.0, 70)


@pytest.fixture(scope="module")
def world():
    return random_world()


@pytest.fixture(scope="module")
def pairs(world):
    return pair_twins(*world, cut=CUT)


def draw(maps, pixels, seed=0):
    return matched_pixels(maps, pixels, torch.Generator().manual_seed(seed))


def sums(maps, pixels):
    return (maps * pixels).flatten(1).sum(dim=1)


def random_maps(seed, batch=4):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(batch, 5, 4, 4, generator=generator, dtype=torch.float64)
    return torch.where(maps < 0.4, 0.0, maps**3), generator


# ---------------------------------------------------------------------- the matched control


@pytest.mark.parametrize("seed", range(5))
def test_matched_pixels_are_as_many_active_ones_of_nearly_the_same_sum(seed):
    maps, generator = random_maps(seed)
    pixels = (maps > 0) & (torch.rand(maps.shape, generator=generator) < 0.3)
    pixels[0] = False
    drawn = draw(maps, pixels, seed)
    assert torch.equal(drawn.flatten(1).sum(dim=1), pixels.flatten(1).sum(dim=1))
    assert not (drawn & (maps <= 0)).any()
    exchange = maps.flatten(1).amax(dim=1)  # no exchange of two pixels changes the sum by more
    assert ((sums(maps, drawn) - sums(maps, pixels)).abs() <= exchange / 2 + 1e-9).all()
    assert torch.equal(drawn, draw(maps, pixels, seed))
    assert not torch.equal(drawn, draw(maps, pixels, seed + 100))


def test_the_only_sets_of_their_sum_are_drawn_themselves():
    maps, _ = random_maps(7, 1)
    order = maps.flatten().argsort(descending=True)
    active = int((maps > 0).sum())
    for some in (order[:6], order[active - 6 : active], order[:active]):
        pixels = torch.zeros(maps.numel(), dtype=torch.bool)
        pixels[some] = True
        assert torch.equal(draw(maps, pixels.reshape(maps.shape)).flatten(), pixels)


def test_sets_of_one_sum_are_all_drawn():
    maps = torch.tensor([1.0, 2, 3, 4, 0, 0]).reshape(1, 6, 1, 1)
    pixels = torch.tensor([True, False, False, True, False, False]).reshape(maps.shape)
    drawn = [draw(maps, pixels, seed) for seed in range(30)]
    found = {tuple(some.flatten().nonzero()[:, 0].tolist()) for some in drawn}
    assert found >= {(0, 3), (1, 2)}  # 1 + 4 and 2 + 3
    assert all(abs(sums(maps, some) - 5) <= 1 for some in drawn)


def test_pixels_of_one_activation_are_drawn_evenly():
    maps = torch.ones(400, 4, 1, 1, dtype=torch.float64)
    pixels = torch.zeros(maps.shape, dtype=torch.bool)
    pixels[:, :2] = True
    drawn = draw(maps, pixels).flatten(1)
    pairs = [drawn[:, list(pair)].all(dim=1).sum() for pair in itertools.combinations(range(4), 2)]
    assert sum(pairs) == 400 and min(pairs) > 40


# ---------------------------------------------------------------------- all controls


def test_every_control_has_as_many_active_pixels(world, pairs):
    net = world[0]
    for pixels in pixel_sets(pairs).values():
        found = list(controls_of(net, pairs.case.maps, pairs.case.target, pixels, 3, 1))
        names = [name for name, _, _ in found]
        assert [names.count(name) for name in CONTROLS] == [3, 3, 1, 1]
        for _, _, chosen in found:
            assert torch.equal(chosen.flatten(1).sum(dim=1), pixels.flatten(1).sum(dim=1))
            assert not (chosen & (pairs.case.maps <= 0)).any()


def test_the_largest_are_the_largest(world, pairs):
    net, pixels = world[0], pairs.case.pixels
    found = {
        name: chosen
        for name, _, chosen in controls_of(net, pairs.case.maps, pairs.case.target, pixels, 1)
    }
    for b in range(len(pairs)):
        maps = pairs.case.maps[b : b + 1].clone().requires_grad_()
        net.classifier(maps.flatten(1))[0, pairs.case.target[b]].backward()
        activations = maps.detach().flatten().numpy()
        products = (maps.grad * maps).detach().flatten().numpy()
        count = int(pixels[b].sum())
        (active,) = np.nonzero(activations)
        for name, scores in ((LARGEST, activations), (GRADIENT, products)):
            best = sorted(active, key=lambda r: -scores[r])[:count]
            assert set(found[name][b].flatten().nonzero()[:, 0].tolist()) == set(best)


def test_what_a_set_does_equals_the_count_by_hand(world, pairs):
    net = world[0]
    for fill in (None, pairs.case.maps.mean(dim=0)):
        made = measure(net, pairs, pairs.sets.only_a, fill, reference=pairs.case.pixels)
        for row in made.itertuples():
            k = row.Index
            maps, pixels = pairs.case.maps[k : k + 1], pairs.sets.only_a[k : k + 1]
            after = suppress(net, maps, pixels, fill)[0]
            case = pairs.table.iloc[k]
            assert row.pixels == row.shared == int(pixels.sum())
            assert row.activation == pytest.approx(float(maps[pixels].sum()))
            assert row.confidence == pytest.approx(case.confidence - float(after[case.predicted]))
            assert row.changed == (int(after.argmax()) != case.predicted)
            assert row.mended == (int(after.argmax()) == case.true)


def test_trials_are_means_over_draws_and_come_from_the_seed_alone(world, pairs):
    net = world[0]
    trials = try_controls(net, pairs, draws=3, seed=5)
    assert len(trials) == len(pairs) * len(SETS) * (1 + len(CONTROLS))
    unique = pairs.sets.only_a
    drawn = [
        measure(net, pairs, chosen, reference=unique)
        for name, _, chosen in controls_of(
            net, pairs.case.maps, pairs.case.target, unique, draws=3, seed=5
        )
        if name == MATCHED
    ]
    mean = sum(drawn) / 3
    some = trials[(trials.set == "unique") & (trials.control == MATCHED)].set_index("pair")
    pd.testing.assert_frame_equal(
        some[list(mean.columns)], mean.rename_axis("pair"), check_dtype=False
    )
    assert (some.person.to_numpy() == pairs.table.subject.to_numpy()).all()
    pd.testing.assert_frame_equal(trials, try_controls(net, pairs, draws=3, seed=5))
    assert not trials.equals(try_controls(net, pairs, draws=3, seed=6))


def test_effects_are_paired_differences_with_intervals_by_person(world, pairs):
    net, outcomes, inputs = world
    right = correct_pairs(net, outcomes, inputs, len(pairs), cut=CUT)
    trials = pd.concat(
        [
            try_controls(net, some, draws=2).assign(kind=kind)
            for kind, some in (("misclassified", pairs), ("correct", right))
        ]
    )
    table = effects(trials, seed=4)
    # correct images cannot be mended
    assert len(table) == len(SETS) * len(CONTROLS) * (2 * len(MEASURES) - 1)
    for row in table.itertuples():
        some = trials[(trials.kind == row.kind) & (trials.set == row.set)]
        own = some[some.control == ITSELF].sort_values("pair")
        other = some[some.control == row.control].sort_values("pair")
        difference = own[row.measure].to_numpy() - other[row.measure].to_numpy()
        expected = bootstrap_mean(difference, own.person.to_numpy(), 4)
        np.testing.assert_allclose((row.difference, row.low, row.high), expected)
        assert row.of_set - row.of_control == pytest.approx(row.difference)
        assert row.more == (difference > 1e-6).sum() and row.less == (difference < -1e-6).sum()
        assert row.pairs == len(own) and row.people == own.person.nunique()


# ---------------------------------------------------------------------- pairs


def test_correct_pairs_are_twins_of_correct_images_none_of_them_twice(world):
    net, outcomes, inputs = world
    pairs = correct_pairs(net, outcomes, inputs, count=99)
    correct = outcomes.set_index("row").correct
    assert correct[pairs.table.case].all() and correct[pairs.table.twin].all()
    used = [*pairs.table.case, *pairs.table.twin]
    assert len(used) == len(set(used)) > 4
    assert (pairs.table.predicted == pairs.table["true"]).all() and pairs.alone == 0
    labels = outcomes.set_index("row")[["subject", "angle", "emotion", "gaze"]]
    for pair in pairs.table.itertuples():
        case, twin = labels.loc[pair.case], labels.loc[pair.twin]
        assert (case[:3] == twin[:3]).all() and case.gaze != twin.gaze
        alone = outcomes.assign(correct=outcomes.correct & (outcomes.row != pair.case))
        found = find_twins(alone).set_index("case")
        assert found.twin[pair.case] == pair.twin


def test_as_many_correct_pairs_are_drawn_as_asked_for_by_the_seed_alone(world):
    net, outcomes, inputs = world
    whole = len(correct_pairs(net, outcomes, inputs, 99))
    drawn = {}
    for seed in range(6):
        table = correct_pairs(net, outcomes, inputs, 2, seed).table
        again = correct_pairs(net, outcomes, inputs, 2, seed).table
        assert len(table) == 2 < whole
        pd.testing.assert_frame_equal(table, again)
        drawn[frozenset(table.case)] = seed
    assert len(drawn) > 1
    assert len(correct_pairs(net, outcomes, inputs, 0)) == 0


def test_a_run_without_pairs_has_no_effects(world):
    net, outcomes, inputs = world
    nobody = pair_twins(net, outcomes.assign(correct=True), inputs)
    trials = try_controls(net, nobody).assign(kind="misclassified")
    assert len(trials) == 0
    table = effects(trials)
    assert len(table) == 0 and "difference" in table
    assert math.isnan(table.difference.mean())
    with pytest.raises(ValueError, match="draws"):
        next(controls_of(net, nobody.case.maps, nobody.case.target, nobody.case.pixels, 0))


# ---------------------------------------------------------------------- for a study


class Stub:
    """What `control_effects` asks of a study."""

    seed = 3

    def __init__(self, world, store, nobody=False):
        self.net, self.table, self.inputs = world
        if nobody:
            self.table = self.table.assign(correct=True)
        self.store = store
        self.nobody = nobody

    def network(self, task):
        return self.net

    def outcomes(self, task):
        return self.table

    def split(self, task):
        return SimpleNamespace(train=np.arange(0, 20), test=np.arange(10 * (self.seed != 3), 30))

    def variant(self, seed):
        other = Stub((self.net, self.table, self.inputs), self.store, self.nobody)
        other.seed = seed
        return other

    def is_trained(self, task):
        return self.seed == 1

    def recipe(self, task):
        return {"task": task, "nobody": self.nobody, "seed": self.seed}


@pytest.mark.parametrize("nobody", [False, True])
def test_a_study_keeps_its_effects(world, tmp_path, monkeypatch, nobody):
    study = Stub(world, Store(tmp_path), nobody)
    table = control_effects(study, "face")
    assert table.empty == nobody
    monkeypatch.setattr(study, "network", None)  # it is not needed a second time
    pd.testing.assert_frame_equal(table, control_effects(study, "face"))
    found = effect(table, "common", LARGEST, "changed")
    if nobody:
        assert all(math.isnan(value) for value in found)
    else:
        assert set(table.kind) == {"misclassified", "correct"}
        row = table[
            (table.kind == "misclassified")
            & (table["set"] == "common")
            & (table.control == LARGEST)
            & (table.measure == "changed")
        ].iloc[0]
        assert found == (row.difference, row.low, row.high)
    assert all(math.isnan(value) for value in effect(table, "common", "no such control"))


@pytest.mark.parametrize("nobody", [False, True])
def test_every_experiment_of_a_study_is_kept(world, tmp_path, monkeypatch, nobody):
    study = Stub(world, Store(tmp_path), nobody)
    names = ("effects", "dependence", "layers", "by_cut", "curves", "areas", "fills", "randomised")
    trial = Trial(study, "emotion")
    made = {name: getattr(trial, name)() for name in names}
    monkeypatch.setattr(study, "network", None)
    again = Trial(study, "emotion")
    for name, table in made.items():
        pd.testing.assert_frame_equal(table, getattr(again, name)())
    # 0 and the number of layers drawn anew; every cut; every order, mode, kind and share
    assert made["randomised"].layers.tolist() == [0, 1, 2, 3, 4]
    assert len(made["by_cut"]) == 25
    assert len(made["curves"]) == 6 * 2 * 2 * 31
    assert len(made["fills"]) == 2 * (3 + 2)


def test_other_seeds_come_from_the_store_and_from_the_record(world, tmp_path):
    study = Stub(world, Store(tmp_path))
    own = control_numbers(study, "face")
    assert {"control_face_random", "control_face_largest_low"} <= set(own)
    entry = {"seed": 7, **dict.fromkeys(own, 0.25), "control_face_random_low": None}
    others = [{**entry, "seed": seed} for seed in (3, 0)]
    known = SimpleNamespace(results=[entry, *others, {"seed": 8}])
    table = over_seeds(study, "face", known)
    origins = table.groupby("seed").origin.first().to_dict()
    assert origins == {0: "recorded", 1: "in the store", 3: "this run", 7: "recorded"}
    assert (table[table.seed == 7].difference == 0.25).all()
    assert table[table.seed == 7].low.isna().sum() == 1
    here = table[(table.seed == 3) & (table.control == LARGEST)].iloc[0]
    assert here.difference == own["control_face_largest"]


def test_two_networks_agree_where_their_sets_lie_in_images_that_both_are_tested_on(world, tmp_path):
    study = Stub(world, Store(tmp_path))
    found = agreement(study, study.variant(1), "face")
    assert found["images"] == 20
    assert found["same"] == pytest.approx(1)  # it is the same network
    assert found["different"] < 1
