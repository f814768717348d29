"""The one table of effects: every row against plain loops over images and draws, in float64."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from worlds import first_by_key, random_keys, random_pairs, random_world

from tinyvgg.backtracking import backtrack
from tinyvgg.experiments import control_sets
from tinyvgg.experiments.control_sets import (
    CONTROLS,
    GRADIENT,
    LARGEST,
    MATCHED,
    RANDOM,
    draws_for,
    fixed_control,
    matched_pixels,
)
from tinyvgg.experiments.effects import (
    ANOTHER_CLASS,
    EFFECT_COLUMNS,
    LABELS,
    MEASURES,
    control_table,
    effect,
    effect_by_image,
    effects,
    fill_rows,
    forest_rows,
    paired,
    suppressed_table,
    verdict_counts,
    verdict_table,
)
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.experiments.suppressions import (
    BACKTRACKED,
    CASE,
    COMMON,
    CORRECT,
    EVERY,
    FILLS,
    ITSELF,
    KEYS,
    MEAN,
    MISCLASSIFIED,
    NOTHING,
    PREDICTIONS,
    PRINTED,
    SETS,
    TWIN,
    UNIQUE,
    ZERO,
    Subjects,
    mean_maps,
    pixel_sets,
    rows_of,
    subjects_of_pairs,
    suppressions,
)

DRAWS, SEED = 3, 5
LOOKED_AT = ("probability", "true class", "changed", "corrected")
AS_PRINTED = (COMMON + PRINTED, BACKTRACKED + PRINTED)


@pytest.fixture(scope="module")
def net():
    return random_world().net


@pytest.fixture(scope="module")
def pairs():
    return random_pairs()


@pytest.fixture(scope="module")
def mean(net):
    return mean_maps(net, random_world().inputs, range(9))


@pytest.fixture(scope="module")
def subjects(pairs):
    wrong = pairs.misclassified
    some = subjects_of_pairs(MISCLASSIFIED, wrong, pairs.printed)
    some += subjects_of_pairs(CORRECT, pairs.correct)
    true, person = wrong.table["true"].to_numpy(), wrong.table.subject.to_numpy()
    none = torch.zeros_like(wrong.case.pixels)
    sets = {NOTHING: none, BACKTRACKED: wrong.case.pixels, AS_PRINTED[1]: pairs.printed.case.pixels}
    return [*some, Subjects(EVERY, CASE, wrong.case, true, person, sets)]


@pytest.fixture(scope="module")
def raw(net, subjects, mean):
    return suppressions(net, subjects, mean, DRAWS, SEED)


@pytest.fixture(scope="module")
def table(raw):
    return effects(raw, seed=4)


# ---------------------------------------------------------------------- suppressions


def expected_keys():
    """What is suppressed, written out: kind, image, set, control, fill."""
    for kind in (MISCLASSIFIED, CORRECT):
        yield kind, CASE, NOTHING, ITSELF, ZERO
        yield from product([kind], [CASE], SETS, (ITSELF, *CONTROLS), FILLS)
    random = (ITSELF, RANDOM, MATCHED)
    yield from product([MISCLASSIFIED], [CASE], AS_PRINTED, random[:2], [ZERO])
    yield MISCLASSIFIED, TWIN, NOTHING, ITSELF, ZERO
    yield from product([MISCLASSIFIED], [TWIN], (COMMON, UNIQUE), random, [ZERO])
    yield EVERY, CASE, NOTHING, ITSELF, ZERO
    yield from product([EVERY], [CASE], [BACKTRACKED], random, [ZERO])
    yield from product([EVERY], [CASE], AS_PRINTED[1:], random[:2], [ZERO])


def test_every_image_has_a_row_for_each_set_control_and_fill(raw, subjects):
    counted = raw.groupby(KEYS).size()
    sizes = {(some.kind, some.image): len(some.true) for some in subjects}
    expected = {key: sizes[key[:2]] for key in expected_keys()}
    assert counted.to_dict() == expected and min(sizes.values()) > 1
    for _, rows in raw.groupby(KEYS):
        assert rows.pair.tolist() == list(range(len(rows)))


def one_matched(maps, pixels, keys):
    return matched_pixels(maps, pixels, keys[None])[0]


def sets_drawn(net, some, name, control):
    """The sets that stand for one control of one set, a bool Tensor (N, C, h, w) for each draw."""
    pixels, maps = some.sets[name], some.trace.maps
    if control == ITSELF:
        return [pixels]
    if control in (LARGEST, GRADIENT):
        counts = pixels.flatten(1).sum(dim=1)
        return [fixed_control(control, net, maps, some.trace.target, counts)]
    make = {RANDOM: first_by_key, MATCHED: one_matched}[control]
    return [make(maps, pixels, keys) for keys in random_keys(maps, DRAWS, SEED)]


@torch.no_grad()
def looked_at_by_hand(net, some, chosen, b, fill):
    """What is looked at if some pixels of one image are set to a value, one pixel at a time."""
    x = some.trace.maps[b].flatten().tolist()
    pixels = chosen[b].flatten().nonzero().flatten().tolist()
    activation = sum(x[r] for r in pixels)
    for r in pixels:
        x[r] = 0.0 if fill is None else float(fill.flatten()[r])
    p = net.classifier(torch.tensor(x, dtype=torch.float64)[None]).softmax(dim=1)[0].tolist()
    target, true = int(some.trace.target[b]), int(some.true[b])
    says = max(range(len(p)), key=lambda k: p[k])
    corrected = float(says == true) if target != true else math.nan
    return {
        "pixels": len(pixels),
        "activation": activation,
        "probability": p[target],
        "true class": p[true],
        "changed": float(says != target),
        "corrected": corrected,
    }


def test_every_row_is_what_plain_loops_over_images_and_draws_give(net, subjects, mean, raw):
    known = raw.set_index([*KEYS, "pair"])
    subject = {(some.kind, some.image): some for some in subjects}
    for key in expected_keys():
        kind, image, name, control, fill = key
        some = subject[kind, image]
        drawn = sets_drawn(net, some, name, control)
        for b in range(len(some.true)):
            row = known.loc[(*key, b)]
            found = pd.DataFrame(
                [looked_at_by_hand(net, some, s, b, mean if fill == MEAN else None) for s in drawn]
            )
            found["shared"] = [int((s[b] & some.sets[name][b]).sum()) for s in drawn]
            assert row.draws == len(drawn) and row.person == some.person[b]
            means = found.mean()
            for column in found:
                assert row[column] == pytest.approx(means[column], nan_ok=True), (key, column)
            for column in LOOKED_AT:
                expected = found[column].std(ddof=1) / math.sqrt(DRAWS) if len(drawn) > 1 else 0.0
                expected = math.nan if means.isna()[column] else expected
                error = row[f"error, {column}"]
                assert error == pytest.approx(expected, abs=1e-7, nan_ok=True), (key, column)


def test_the_sets_are_those_of_the_pairs(pairs, subjects):
    wrong = pairs.misclassified
    case, twin, right, _ = subjects
    sets = {COMMON: wrong.sets.common, UNIQUE: wrong.sets.only_a, BACKTRACKED: wrong.case.pixels}
    sets |= {AS_PRINTED[0]: pairs.printed.sets.common, AS_PRINTED[1]: pairs.printed.case.pixels}
    for found, expected, trace in (
        (case, sets, wrong.case),
        (twin, {COMMON: wrong.sets.common, UNIQUE: wrong.sets.only_b}, wrong.twin),
        (right, pixel_sets(pairs.correct), pairs.correct.case),
    ):
        assert set(found.sets) == {NOTHING, *expected} and found.trace is trace
        assert not found.sets[NOTHING].any()
        assert all(torch.equal(found.sets[name], some) for name, some in expected.items())
    # so that the rows above can tell: sets of their own, and decisions that change
    assert not torch.equal(sets[BACKTRACKED], sets[AS_PRINTED[1]])
    assert wrong.sets.only_a.any() and not torch.equal(wrong.sets.only_a, wrong.sets.only_b)


def test_the_rows_tell_decisions_that_change_from_those_that_do_not(raw):
    own = rows_of(raw, set=BACKTRACKED, control=ITSELF)
    assert own.changed.mean() > 0 and 0 < own.corrected.mean() < 1
    nothing = raw[raw.set == NOTHING]
    assert (nothing.changed == 0).all() and (nothing.pixels == 0).all()


def test_draws_come_from_the_seed_alone(net, subjects, raw, mean, monkeypatch):
    pd.testing.assert_frame_equal(raw, suppressions(net, subjects, mean, DRAWS, SEED))
    other = suppressions(net, subjects, mean, DRAWS, SEED + 1)
    random = raw.control.isin([RANDOM, MATCHED])
    pd.testing.assert_frame_equal(raw[~random], other[~random])
    for control in (RANDOM, MATCHED):
        some = (raw.control == control) & (raw.pixels > 0)
        assert (raw.probability[some] != other.probability[some]).mean() > 0.5
    monkeypatch.setattr(control_sets, "AT_ONCE", 1)  # one draw at a time
    alone = suppressions(net, subjects, mean, DRAWS, SEED)
    pd.testing.assert_frame_equal(raw, alone)


def test_the_same_draws_serve_every_set_whatever_else_is_asked_for(net, subjects, raw):
    case = subjects[0]
    few = replace(case, sets={name: case.sets[name] for name in (NOTHING, UNIQUE)})
    alone = suppressions(net, [few], None, DRAWS, SEED, controls=(RANDOM,))
    assert set(alone.control) == {ITSELF, RANDOM} and set(alone.fill) == {ZERO}
    for control in (ITSELF, RANDOM):
        one, two = (rows_of(some, set=UNIQUE, control=control) for some in (alone, raw))
        pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_as_many_draws_are_made_as_their_number_asks_for(net, subjects):
    case = subjects[0]
    few = replace(case, sets={name: case.sets[name] for name in (NOTHING, COMMON)})
    some = suppressions(net, [few], controls=(RANDOM,))
    assert set(some.draws[some.control == RANDOM]) == {draws_for(len(case.true))}
    with pytest.raises(ValueError, match="draws must be 1 or more, got 0"):
        suppressions(net, subjects, draws=0)


def test_a_run_without_pairs_has_an_empty_table_and_no_effects(net, mean, pairs):
    none = subjects_of_pairs(MISCLASSIFIED, pairs.nobody, pairs.nobody)
    for some in (none, []):
        raw = suppressions(net, some, mean)
        assert len(raw) == 0 and {*KEYS, *PREDICTIONS, "pixels"} <= {*raw}
        table = effects(raw)
        assert len(table) == 0 and list(table) == EFFECT_COLUMNS
        assert math.isnan(table.difference.mean())
        assert all(math.isnan(x) for x in effect(table, COMMON, RANDOM))
        assert control_table(table, COMMON, "confidence").isna().all(axis=None)
        assert suppressed_table(raw).isna().all(axis=None)
        assert all(map(math.isnan, paired(raw, "corrected", (UNIQUE, ITSELF), (COMMON, ITSELF))))
        said = verdict_table(table, COMMON, "confidence")
        assert said.verdict.tolist() == ["too few pairs"] * len(CONTROLS)
        assert verdict_counts(table, COMMON, "confidence") == (0, 0)
        assert len(effect_by_image(raw, "confidence", COMMON)) == 0


# ---------------------------------------------------------------------- the mean


def test_the_mean_is_taken_pixel_by_pixel(net):
    inputs = random_world().inputs
    expected = backtrack(net, inputs(range(7))).maps.mean(dim=0)
    torch.testing.assert_close(mean_maps(net, inputs, range(7), batch=3), expected)
    with pytest.raises(ValueError, match="at least one"):
        mean_maps(net, inputs, [])


# ---------------------------------------------------------------------- effects


def of_measure(raw, measure, key):
    """A measure, image by image, straight from the rows: (of the set or control)."""
    kind, image, name, control, fill = key
    rows = raw[(raw.kind == kind) & (raw.image == image)]
    some = rows[(rows.set == name) & (rows.control == control) & (rows.fill == fill)]
    before = rows[rows.set == NOTHING].sort_values("pair")
    column = {"confidence": "probability"}.get(measure, measure)
    values = some.sort_values("pair")[column].to_numpy()
    if measure in ("confidence", "true class"):
        values = before[column].to_numpy() - values
    return values


def test_effects_are_paired_differences_with_intervals_by_person(raw, table):
    expected = [
        (*key, measure)
        for key in expected_keys()
        for measure in MEASURES
        if key[3] != ITSELF
        # what was classified correctly cannot be corrected
        and not (measure == "corrected" and (key[0] == CORRECT or key[1] == TWIN))
    ]
    by_key = raw.set_index(KEYS).sort_index()
    assert sorted(table[[*KEYS, "measure"]].itertuples(index=False, name=None)) == sorted(expected)
    for row in table.to_dict("records"):
        key = tuple(row[name] for name in KEYS)
        own, control = (
            of_measure(raw, row["measure"], (*key[:3], some, key[4]))
            for some in (ITSELF, row["control"])
        )
        rows = [by_key.loc[k].reset_index() for k in ((*key[:3], ITSELF, key[4]), key)]
        of_set, of_control = (some.sort_values("pair") for some in rows)
        person, difference = of_set.person.to_numpy(), own - control
        found = [row[name] for name in ("difference", "low", "high")]
        np.testing.assert_allclose(found, bootstrap_mean(difference, person, 4), atol=1e-12)
        assert row["of_set"] == pytest.approx(own.mean())
        assert row["of_control"] == pytest.approx(control.mean())
        assert row["of_set"] - row["of_control"] == pytest.approx(row["difference"])
        assert row["more"] == (difference > 1e-6).sum()
        assert row["less"] == (difference < -1e-6).sum()
        assert row["pairs"] == len(own) and row["people"] == len(set(person))
        assert row["pixels"] == of_set.pixels.mean()
        column = {"confidence": "probability"}.get(row["measure"], row["measure"])
        error = of_control[f"error, {column}"].to_numpy()
        assert row["sampling"] == pytest.approx(math.sqrt(sum(error**2)) / len(own))
        full = of_set.pixels.to_numpy() > 0
        shares = of_control.shared.to_numpy()[full] / of_control.pixels.to_numpy()[full]
        assert row["shared"] == pytest.approx(shares.mean())
        activations = of_control.activation.to_numpy()[full] / of_set.activation.to_numpy()[full]
        assert row["activation"] == pytest.approx(activations.mean())


def test_the_sampling_error_is_that_of_many_streams(net, subjects):
    case = subjects[0]
    few = replace(case, sets={name: case.sets[name] for name in (NOTHING, UNIQUE)})
    made = [
        effects(suppressions(net, [few], None, 8, seed, controls=(RANDOM,))) for seed in range(40)
    ]
    for k, measure in enumerate(MEASURES):
        rows = [table[table.measure == measure].iloc[0] for table in made]
        spread = np.std([row.of_control for row in rows], ddof=1)
        stated = np.mean([row.sampling for row in rows])
        assert spread == pytest.approx(stated, rel=0.5), k
        assert stated > 0


@pytest.mark.parametrize("measure", MEASURES)
def test_every_reader_of_the_table_reads_the_same_rows(raw, table, measure):
    for kind in (MISCLASSIFIED, CORRECT)[: 1 if measure == "corrected" else 2]:
        for name in SETS:
            found = control_table(table, name, measure, kind=kind)
            assert list(found.index) == list(CONTROLS)
            for control in CONTROLS:
                (row,) = table[
                    (table.kind == kind)
                    & (table.image == CASE)
                    & (table["set"] == name)
                    & (table.control == control)
                    & (table.fill == ZERO)
                    & (table.measure == measure)
                ].itertuples()
                value = effect(table, name, control, measure, kind=kind)
                assert value == (row.difference, row.low, row.high)
                for column in found:
                    assert found[column][control] == getattr(row, column)
                forest = forest_rows(table, name, measure)
                (mark,) = forest[
                    (forest.kind == kind) & (forest.label == LABELS[control])
                ].itertuples()
                assert (mark.difference, mark.low, mark.high) == value
    own = paired(raw, measure, (UNIQUE, ITSELF), (UNIQUE, LARGEST), seed=4)
    assert own == pytest.approx(effect(table, UNIQUE, LARGEST, measure))


def test_values_of_another_image_kind_or_fill_are_read_where_they_are_asked_for(raw, table):
    for where in ({"image": TWIN}, {"kind": CORRECT}, {"fill": MEAN}, {"kind": EVERY}):
        name = BACKTRACKED if where == {"kind": EVERY} else COMMON
        key = {"kind": MISCLASSIFIED, "image": CASE, "fill": ZERO} | where
        rows = [of_measure(raw, "confidence", (key["kind"], key["image"], name, c, key["fill"]))
                for c in (ITSELF, RANDOM)]  # fmt: skip
        found = effect(table, name, RANDOM, **where)
        assert found.value == pytest.approx((rows[0] - rows[1]).mean())
        np.testing.assert_allclose(effect_by_image(raw, "confidence", name, **where), rows[0])
    assert all(math.isnan(x) for x in effect(table, COMMON, "no such control"))


def test_rows_of_both_fills_are_compared_with_random_pixels(table):
    rows = fill_rows(table, UNIQUE, "changed")
    assert len(rows) == 2 * len(FILLS)
    found = {row.difference for row in rows.itertuples()}
    expected = {
        effect(table, UNIQUE, RANDOM, "changed", kind=kind, fill=fill).value
        for kind, fill in product((MISCLASSIFIED, CORRECT), FILLS)
    }
    assert found == expected and len(expected) == 4


def test_a_forest_ends_with_the_set_of_another_class_if_that_is_said_of_it(table):
    rows = forest_rows(table, COMMON, "confidence", "the same set")
    assert rows.label.tolist()[-1] == ANOTHER_CLASS and rows.note.tolist()[-1] == "the same set"
    assert rows.note.iloc[:-1].isna().all() and len(rows) == 2 * len(CONTROLS) + 1


def test_the_suppressed_table_has_means_over_the_cases(raw):
    table = suppressed_table(raw, seed=4)
    labels = [f"{before}{name}" for name in SETS for before in ("", "random, as many as ")]
    assert list(table.index) == [NOTHING, *labels]
    for label, row in table.iterrows():
        name = label.removeprefix("random, as many as ")
        rows = raw[(raw.kind == MISCLASSIFIED) & (raw.image == CASE) & (raw.fill == ZERO)]
        some = rows[(rows.set == name) & (rows.control == (ITSELF if name == label else RANDOM))]
        assert row.pixels == some.pixels.mean()
        assert row.wrong == pytest.approx(some.probability.mean())
        assert row.true == pytest.approx(some["true class"].mean())
        expected = bootstrap_mean(some.corrected, some.person, 4)
        assert (row.corrected, row.low, row.high) == pytest.approx(expected)
    assert table.corrected[NOTHING] == 0


def test_one_set_less_another_is_a_difference_pair_by_pair(raw):
    found = paired(raw, "corrected", (UNIQUE, ITSELF), (COMMON, ITSELF), seed=2)
    rows = raw[(raw.kind == MISCLASSIFIED) & (raw.image == CASE) & (raw.fill == ZERO)]
    one, other = (
        rows[(rows.set == name) & (rows.control == ITSELF)].sort_values("pair")
        for name in (UNIQUE, COMMON)
    )
    difference = one.corrected.to_numpy() - other.corrected.to_numpy()
    assert found == pytest.approx(bootstrap_mean(difference, one.person.to_numpy(), 2))


def test_each_control_has_a_row_with_its_interval_and_its_verdict():
    values = {RANDOM: (0.1, 0.3), MATCHED: (-0.1, 0.3), LARGEST: (-0.3, -0.1)}
    rows = [
        {**dict.fromkeys(EFFECT_COLUMNS, 1), "kind": MISCLASSIFIED, "image": CASE, "set": COMMON,
         "control": control, "fill": ZERO, "measure": "confidence", "low": low, "high": high}
        for control, (low, high) in values.items()
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    assert verdict_table(table, COMMON, "confidence").to_numpy().tolist() == [
        [RANDOM, "+1.00", "+0.10 to +0.30", "more"],
        [MATCHED, "+1.00", "-0.10 to +0.30", "no measurable difference"],
        [LARGEST, "+1.00", "-0.30 to -0.10", "less"],
        [GRADIENT, "–", "–", "too few pairs"],
    ]
    assert verdict_counts(table, COMMON, "confidence") == (1, 1)
