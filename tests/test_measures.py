"""The figures of one run: recounted one image at a time, and the same as in every table."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from worlds import WorldStudy, jaccard_of, smoke_study

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments import control_sets
from tinyvgg.experiments.class_dependence import dependence_counts
from tinyvgg.experiments.control_experiments import (
    PAPERS_MEASURE,
    PAPERS_SET,
    ControlExperiments,
)
from tinyvgg.experiments.control_sets import CONTROLS, MATCHED, RANDOM, draws_for
from tinyvgg.experiments.effects import (
    control_table,
    effect,
    suppressed_table,
)
from tinyvgg.experiments.measures import (
    OVER,
    SHORT,
    TASKS,
    _subjects,
    measure,
    measure_task,
)
from tinyvgg.experiments.pairs import correct_pairs, pair_twins, patch, value_distance
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.experiments.suppressions import (
    BACKTRACKED,
    CASE,
    COMMON,
    EVERY,
    PRINTED,
    TWIN,
    UNIQUE,
)
from tinyvgg.experiments.table_3 import one_for_each
from tinyvgg.storage.store import Store
from tinyvgg.tracking import suppress

# a picture alone and in a batch may differ in the last bits of a float32, and so may a set whose
# pixels lie at the threshold
NEARLY = 1e-3


@pytest.fixture(scope="module")
def smoke():
    return smoke_study()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A random network with pairs for both tasks, and few draws."""
    with pytest.MonkeyPatch.context() as patch_:
        patch_.setattr(control_sets, "SAMPLES", 300)
        yield WorldStudy(Store(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module", params=["smoke", "world"])
def study(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def found(study):
    return measure(study)


@pytest.fixture(scope="module")
def made(study):
    return {task: ControlExperiments(study, task) for task in TASKS}


@pytest.fixture(scope="module")
def pairs(study):
    return {
        task: pair_twins(study.network(task), study.outcomes(task), study.inputs) for task in TASKS
    }


def number(found, name):
    """A figure; NaN for one that the run cannot tell."""
    return math.nan if found[name] is None else found[name]


def interval(found, name):
    return [number(found, f"{name}{bound}") for bound in ("", "_low", "_high")]


def same(value):
    """Equal but for rounding; what is not known equals what is not known."""
    value = list(value) if isinstance(value, tuple) else value
    return pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True)


# ---------------------------------------------------------------------- what is kept


def test_what_is_measured_is_json_and_kept(study, found, monkeypatch):
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    monkeypatch.setattr(study, "network", None)  # it is not needed a second time
    assert measure(study) == found
    for task in TASKS:
        assert measure_task(study, task).items() <= found.items()
    for name, value in found.items():
        if name.endswith("_low") and value is not None:
            middle, high = found[name.removesuffix("_low")], found[name[:-4] + "_high"]
            assert value - 1e-9 <= middle <= high + 1e-9, name


def test_speed_is_the_mean_of_the_tasks_medians(study, found):
    speeds = [study.history(task).images_per_second.median() for task in TASKS]
    assert found["images_per_second"] == pytest.approx(np.mean(speeds))


# ---------------------------------------------------------------------- training


def test_accuracies_and_gaps_are_those_of_the_outcomes(study, found):
    for task in TASKS:
        outcomes, last = study.outcomes(task), study.history(task).iloc[-1]
        assert found[f"errors_{task}"] == (~outcomes.correct).sum() > 0
        assert found[f"tested_{task}"] == len(outcomes)
        assert found[f"accuracy_{task}"] == pytest.approx(outcomes.correct.mean())
        gap = 1 - outcomes.correct.mean() - last.train_error
        assert found[f"gap_{task}"] == pytest.approx(gap)
    difference = found["gap_emotion"] - found["gap_face"]
    assert found["overfit_difference"] == pytest.approx(difference)


def test_emotions_missed_are_counted_without_correct_images(smoke):
    study, found = smoke, measure(smoke)
    outcomes = study.outcomes("emotion")
    wrong = outcomes[~outcomes.correct]
    missed = wrong.true_name.value_counts()
    for name in study.split("emotion").classes:
        assert found[f"missed_{name}"] == missed.get(name, 0)
    sad = wrong[wrong.true_name == "sad"].predicted_name.value_counts()
    assert found["sad_as_neutral"] == sad.get("neutral", 0)
    rest = max(sad.drop("neutral", errors="ignore"), default=0)
    assert found["neutral_ahead"] == sad.get("neutral", 0) - rest
    others = [missed.get(name, 0) for name in study.split("emotion").classes if name != "sad"]
    assert found["sad_ahead"] == missed.get("sad", 0) - max(others)
    others = [missed.get(name, 0) for name in study.split("emotion").classes if name != "surprised"]
    assert found["surprised_behind"] == min(others) - missed.get("surprised", 0)


# ---------------------------------------------------------------------- sets


def test_sets_are_those_of_backtracking_one_image_at_a_time(study, found):
    shares = {}
    for task in TASKS:
        net, outcomes = study.network(task), study.outcomes(task)
        wrong = outcomes.row[~outcomes.correct].to_numpy()
        for reading, cut in (("printed", None), ("released", Cut())):
            traces = [backtrack(net, study.inputs([row]), cut=cut) for row in wrong]
            sizes = np.array([int(trace.pixels.sum()) for trace in traces])
            active = np.array([int((trace.maps > 0).sum()) for trace in traces])
            assert found[f"pixels_{reading}_{task}"] == pytest.approx(sizes.mean(), abs=0.1)
            assert found[f"active_{task}"] == pytest.approx(active.mean(), abs=0.1)
            some = active > 0  # a network that learnt nothing may have images without any
            share = (sizes[some] / active[some]).mean() if some.any() else math.nan
            of_active = number(found, f"of_active_{reading}_{task}")
            assert of_active == pytest.approx(share, abs=NEARLY, nan_ok=True)
            whole = np.mean(sizes == active)
            assert found[f"whole_{reading}_{task}"] == pytest.approx(whole, abs=0.05)
            assert found[f"total_{task}"] == traces[0].maps.numel()
            shares[task] = sizes.mean() / found[f"total_{task}"]
            assert found[f"share_{reading}_{task}"] == pytest.approx(shares[task], abs=NEARLY)
    difference = shares["face"] - shares["emotion"]
    assert found["share_difference"] == pytest.approx(difference, abs=NEARLY)


def test_other_classes_are_traced_one_image_at_a_time(study, made):
    for task in TASKS:
        net, table = study.network(task), made[task].dependence()
        classes = len(study.split(task).classes)
        assert len(table) == classes * len(made[task].wrong)
        for image, row in enumerate(made[task].wrong.row[:6]):
            own = int(backtrack(net, study.inputs([row])).target)
            for reading, cut in (("printed", None), ("released", Cut())):
                traces = [
                    backtrack(net, study.inputs([row]), k, cut).pixels for k in range(classes)
                ]
                some = table[table.image == image].set_index("target")[f"L_0, {reading}"]
                expected = [jaccard_of(trace, traces[own]) for trace in traces]
                assert some.tolist() == pytest.approx(expected, abs=0.02)


def test_the_dependence_on_the_class_is_that_of_its_table(found, made):
    for task in TASKS:
        table = made[task].dependence()
        for name, count in dependence_counts(table).items():
            value = found[f"class_{name}_{task}"]
            assert value == (None if isinstance(count, float) and math.isnan(count) else count)
        assert found[f"class_images_{task}"] == found[f"errors_{task}"]
        others = table[~table.traced]
        for reading in ("printed", "released"):
            share = (others[f"differ, {reading}"] > 0).mean()
            assert found[f"other_class_{reading}_{task}"] == pytest.approx(share)


# ---------------------------------------------------------------------- one quantity, one value


def test_every_figure_of_an_effect_is_the_number_of_its_table(found, made):
    for task in TASKS:
        table = made[task].effects()
        expected = {
            f"{OVER[task]}_{SHORT[control]}": effect(
                table, PAPERS_SET[task], control, PAPERS_MEASURE[task]
            )
            for control in CONTROLS
        }
        for reading, name in (("printed", BACKTRACKED + PRINTED), ("released", BACKTRACKED)):
            expected[f"decisive_{reading}_{task}"] = effect(table, name, RANDOM, kind=EVERY)
        if task == "face":
            for control in (RANDOM, MATCHED):
                short = SHORT[control]
                expected[f"twin_over_{short}"] = effect(table, COMMON, control, image=TWIN)
            for control in CONTROLS:
                found_true = effect(table, COMMON, control, "true class")
                expected[f"true_over_{SHORT[control]}"] = found_true
        else:
            common = effect(table, COMMON, RANDOM, "corrected")
            expected["corrected_common_over_random"] = common
        for name, value in expected.items():
            assert interval(found, name) == same(value), name
        sampling = table.sampling[table.kind != EVERY]
        assert number(found, f"sampling_{task}") == same(sampling.max())


def test_an_effect_is_the_difference_of_the_figures_before_and_after(found):
    """The pages quote all three: they must add up."""
    f = {name: number(found, name) for name in found}
    for image in (CASE, TWIN, "true"):
        fall, beside = (
            f[f"{image}_before"] - f[f"{image}_{name}"] for name in ("common", "random")
        )
        assert f[f"{image}_over_random"] == same(fall - beside)
    for name, key in ((UNIQUE, "corrected_over_random"), (COMMON, "corrected_common_over_random")):
        assert f[key] == same(f[f"corrected_{name}"] - f[f"corrected_random_{name}"])
    assert f["corrected_over_common"] == same(f["corrected_unique"] - f["corrected_common"])
    for task in TASKS:
        over = f[f"wrong_random_{task}"] - f[f"wrong_released_{task}"]
        assert f[f"decisive_released_{task}"] == same(over)


def test_the_map_of_the_cut_has_the_effect_of_the_released_cut(found, made):
    for task in TASKS:
        table, cut = made[task].cut_map(), Cut()
        (cell,) = table[(table.floor == cut.floor) & (table.percentile == cut.percentile)].to_dict(
            "records"
        )
        over = cell[f"{PAPERS_MEASURE[task]} over random"]
        assert over == same(number(found, f"{OVER[task]}_random"))
        assert cell["backtracked"] == found[f"pixels_released_{task}"]
        assert cell["pixels"] == same(number(found, f"pairs_{task}_pixels"))


def test_tables_of_the_pages_hold_the_same_figures(found, made):
    table = suppressed_table(made["emotion"].suppressions(), made["emotion"].study.seed)
    for name in (UNIQUE, COMMON):
        row = table.loc[name]
        assert interval(found, f"corrected_{name}") == same([row.corrected, row.low, row.high])
        assert number(found, f"pixels_{name}_emotion") == same(row.pixels)
        random = table.corrected[f"random, as many as {name}"]
        assert number(found, f"corrected_random_{name}") == same(random)
    rows = control_table(made["face"].effects(), COMMON, "confidence")
    for control in CONTROLS:
        figure = interval(found, f"case_over_{SHORT[control]}")
        assert figure == rows.loc[control][["difference", "low", "high"]].tolist()


# ---------------------------------------------------------------------- pairs


def test_people_are_not_counted_where_they_are_not_known():
    assert math.isnan(_subjects(pd.DataFrame({"subject": [None, None]})))
    assert _subjects(pd.DataFrame({"subject": [4, 4, 7]})) == 2


def test_pairs_are_those_of_the_pages(study, found, pairs):
    for task in TASKS:
        assert found[f"pairs_{task}"] == len(pairs[task])
        assert found[f"pairs_{task}"] + found[f"alone_{task}"] == found[f"errors_{task}"]
        assert found[f"pairs_{task}_people"] == pairs[task].table.subject.nunique()
        usual = study.profile.draws or draws_for(len(pairs[task]))
        draws = usual if len(pairs[task]) else 0
        assert found[f"draws_{task}"] == draws


def test_the_random_world_has_pairs_enough_to_tell(world):
    some = pair_twins(world.network("face"), world.outcomes("face"), world.inputs)
    assert len(some) > 10 and draws_for(len(some)) >= 50


@pytest.mark.parametrize("image", [CASE, TWIN])
def test_what_is_lost_without_the_common_pixels_is_counted_one_image_at_a_time(
    study, found, pairs, image
):
    net, some = study.network("face"), pairs["face"]
    trace = some.case if image == CASE else some.twin
    before, after, true_after, corrected = [], [], [], []
    for k in range(len(some)):
        pair = slice(k, k + 1)
        target, true = int(trace.target[k]), some.table["true"][k]
        p = suppress(net, trace.maps[pair], some.sets.common[pair])[0]
        before.append(float(trace.probabilities[k, target]))
        after.append(float(p[target]))
        true_after.append(float(p[true]))
        corrected.append(int(p.argmax()) == true)
    people = some.table.subject.to_numpy()
    for name, values in (
        ("before", np.array(before)),
        ("common", np.array(after)),
        ("lost", 1 - np.array(after) / np.array(before)),
    ):
        expected = list(bootstrap_mean(values, people, study.seed))
        assert interval(found, f"{image}_{name}") == pytest.approx(expected, abs=NEARLY)
    if image == CASE:
        assert found["true_common"] == pytest.approx(np.mean(true_after), abs=NEARLY)
        assert found["case_corrected_common"] == pytest.approx(np.mean(corrected), abs=NEARLY)


def test_corrected_cases_are_counted_one_image_at_a_time(study, found, pairs):
    net, some = study.network("emotion"), pairs["emotion"]
    right = []
    for k in range(len(some)):
        pair = slice(k, k + 1)
        p = suppress(net, some.case.maps[pair], some.sets.only_a[pair])[0]
        right.append(int(p.argmax()) == some.table["true"][k])
    expected = bootstrap_mean(right, some.table.subject, study.seed)
    assert interval(found, "corrected_unique") == same(tuple(expected))
    chosen = one_for_each(some.table).index
    assert found["chosen"] == len(chosen)
    if len(chosen):
        assert found["chosen_corrected"] == sum(right[k] for k in chosen)
        assert found["chosen_share"] == pytest.approx(np.mean([right[k] for k in chosen]))
    else:
        names = ("chosen_corrected", "chosen_share", "ties_free", "ties_rectified")
        assert all(found[name] is None for name in names)


def test_patched_values_are_those_of_activation_patching(study, found, made, pairs):
    some = pairs["face"]
    table = patch(study.network("face"), some, study.profile.draws, study.seed)
    people = some.table.subject.to_numpy()
    share = bootstrap_mean(table.common, people, study.seed)
    assert interval(found, "patched_correct") == same(tuple(share))
    over = bootstrap_mean(table.common - table.random, people, study.seed)
    assert interval(found, "patched_over_random") == same(tuple(over))
    assert found["patched_correct_random"] == pytest.approx(table.random.mean())
    assert found["distance_wrong"] == pytest.approx(table.distance.mean())
    outcomes = study.outcomes("face")
    right = correct_pairs(study.network("face"), outcomes, study.inputs, 100, study.seed)
    usual = value_distance(right.case.maps, right.twin.maps, right.sets.common)
    assert found["distance_right"] == pytest.approx(np.nanmean(usual))
    further = found["distance_wrong"] - found["distance_right"]
    assert found["distance_over_right"] == pytest.approx(further)


# ---------------------------------------------------------------------- runs that can tell less


def test_a_run_without_emotions_measures_what_it_can(world, tmp_path):
    study = WorldStudy(Store(tmp_path))
    study.tasks = ("face",)
    study.faces = SimpleNamespace(table=study.table.assign(emotion=None, gaze=None, angle=None))
    numbers = measure(study)
    assert numbers["accuracy_face"] is not None and numbers["share_released_face"] is not None
    assert numbers["pairs_face"] > 0 and numbers["case_lost"] is not None
    for name in ("accuracy_emotion", "pairs_emotion", "overfit_difference"):
        assert name not in numbers


def test_a_run_without_mistakes_has_no_numbers_of_them(tmp_path):
    numbers = measure_task(WorldStudy(Store(tmp_path), nobody=True), "face")
    assert numbers["errors_face"] == numbers["pairs_face"] == numbers["class_traces_face"] == 0
    assert numbers["accuracy_face"] == 1
    names = ("pixels_released", "decisive_released", "other_class_printed")
    for name in (*(f"{name}_face" for name in names), "case_over_random", "case_lost"):
        assert numbers[name] is None, name
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
