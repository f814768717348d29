"""What the pages on the Discussion read from records, and what their figures show of it."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

from tinyvgg import figures
from tinyvgg.experiments.statistics import over_seeds, wilson
from tinyvgg.runs.records import Record
from tinyvgg.studies import augmentation, discussion


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def a_way(part, name, right, task="face", **more):
    entry = {
        "seed": 0, "part": part, "name": name, "task": task, "classes": 4, "test": 200,
        "protocol": {"epochs": 3, "learning_rate": 0.01, "precision": "float32"},
        "diverged": False, "right": right, "minutes": 1.5,
        "history": {"loss": [1.4, 1, 0.5], "train_error": [0.7, 0.4, 0.2],
                    "test_error": [0.75, 0.5, 1 - right / 200]},
    }  # fmt: skip
    return {**entry, **more}


def gradients(first: float):
    return {"layer": ["conv1_1", "dense1", "output"], "signal": [1.0, 0.5, 0.1],
            "gradient": [first, 3 * first, 2 * first], "weight": [1.0, 1.0, 1.0]}  # fmt: skip


@pytest.fixture
def trials() -> Record:
    diverged = a_way("optimisers", "Adagrad", 0, diverged=True)
    for key in ("right", "history", "minutes"):
        del diverged[key]
    models = {"TinyVGG": (180, 0.1), "VGG-16": (52, 0.001), "VGG-19": (40, 0.0001)}
    entries = [a_way("optimisers", "SGD", 190), a_way("optimisers", "Adam", 180), diverged]
    entries += [
        a_way("architectures", name, right, gradients={"start": gradients(g), "end": gradients(g)})
        for name, (right, g) in models.items()
    ]
    return Record("discussion", {}, entries)


@pytest.fixture
def live(trials):
    return discussion.recorded_gradients(trials, "start")


def test_a_table_has_a_row_a_network_and_says_which_learnt(trials):
    ways = discussion.ways_table(trials).set_index("name")
    assert ways.accuracy["SGD"] == 0.95
    assert (ways.low["SGD"], ways.high["SGD"]) == tuple(wilson(190, 200))[1:]
    assert ways.train_error["SGD"] == 0.2
    assert ways.learnt.to_dict() == {
        "SGD": True, "Adam": True, "Adagrad": False, "TinyVGG": True, "VGG-16": False,
        "VGG-19": False,
    }  # fmt: skip
    assert math.isnan(ways.accuracy["Adagrad"]) and math.isnan(ways.train_error["Adagrad"])


@pytest.fixture
def seeds_of_trials(trials) -> Record:
    """Three seeds; the second SGD's loss diverged, and the networks get five images fewer each."""
    entries = [
        {**entry, "seed": seed} | ({"right": entry["right"] - 5 * seed} if "right" in entry else {})
        for seed in range(3)
        for entry in trials.results
    ]
    del entries[6]["right"], entries[6]["history"]
    entries[6]["diverged"] = True
    return Record("discussion", {}, entries)


def test_a_table_has_a_row_a_way_and_takes_its_seeds_together(seeds_of_trials):
    ways = discussion.ways_table(seeds_of_trials).set_index("name")
    assert ways.index.is_unique and len(ways) == 6
    assert ways.seeds.to_dict() == {
        "SGD": 3, "Adam": 3, "Adagrad": 3, "TinyVGG": 3, "VGG-16": 3, "VGG-19": 3,
    }  # fmt: skip
    assert math.isnan(ways.accuracy["Adagrad"]), "every loss diverged"
    adam, sgd = ways.loc["Adam"], ways.loc["SGD"]
    assert (adam.accuracy, adam.low, adam.high) == tuple(over_seeds([0.9, 0.875, 0.85]))
    low, high = over_seeds([0.95, 0, 0.9])[1:]
    assert low < 0 and high > 1, "the interval of a share ends where shares do"
    assert (sgd.accuracy, sgd.low, sgd.high) == (pytest.approx(1.85 / 3), 0, 1)
    words = discussion.in_words(
        discussion.ways_table(seeds_of_trials), live={"TinyVGG": pd.DataFrame(gradients(0.1))}
    )
    assert words["right_adam_face"] == pytest.approx(87.5) and words["seeds_ways"] == 3


def test_every_seed_has_its_curve_and_a_way_one_entry_in_the_legend(seeds_of_trials):
    curves = discussion.histories(seeds_of_trials, "optimisers", "face")
    assert {name: sorted(set(t.seed)) for name, t in curves.items()} == {
        "SGD": [0, 2],
        "Adam": [0, 1, 2],
    }
    (ax,) = figures.ways_by_epoch(figures.Panel("faces", curves, 0.75)).axes
    assert [line.get_xdata().tolist() for line in ax.lines[1:]] == [[1, 2, 3]] * 5
    labels = [line.get_label() for line in ax.lines]
    assert [label for label in labels if label[0] != "_"] == ["chance", "SGD", "Adam"]
    after = discussion.recorded_gradients(seeds_of_trials)
    third = figures.gradients_by_layer(
        discussion.recorded_gradients(seeds_of_trials, "start"), after
    ).axes[2]
    assert len(third.lines) == 3 * 3


def test_words_quote_the_table_and_the_gradients(trials, live):
    words = discussion.in_words(discussion.ways_table(trials), live)
    assert words["right_sgd_face"] == 95 and math.isnan(words["right_sgd_emotion"])
    assert words["right_reduced_tinyvgg_face"] == 90 and words["epochs_reduced"] == 3
    assert words["precision_reduced"] == "float32"
    assert words["at_chance"] == "VGG-16 and VGG-19" and words["learnt"] == "TinyVGG"
    assert words["weaker_vgg16"] == pytest.approx(100)
    assert words["stronger_vgg19"] == pytest.approx(0.001)
    assert words["fall_vgg16"] == pytest.approx(10)
    assert words["spread_vgg16"] == pytest.approx(3)


def test_without_a_record_every_word_is_there_and_every_figure_says_why(live):
    none = discussion.in_words(discussion.ways_table(None), live)
    assert math.isnan(none["right_adam_face"]) and none["at_chance"] == "none"
    assert math.isnan(augmentation.in_words(None)["aimed_elsewhere"])
    assert augmentation.in_words(None)["better"].startswith("was run with too few seeds")
    empty = augmentation.error_rates(None)
    drawn = [
        figures.ways_by_epoch(figures.Panel("a", discussion.histories(None, "order", "face"), 0.9)),
        figures.augmentation_arms(empty, empty, augmentation.mean_differences(None)),
        figures.region_examples(*[np.zeros((0, 8, 8))] * 3, np.zeros((8, 8, 3)), []),
    ]
    for figure in drawn:
        (ax,) = figure.axes
        assert "record" in ax.texts[0].get_text()
    third = figures.gradients_by_layer(live).axes[2]
    assert third.texts[0].get_text() == "no record yet"


def test_curves_are_those_of_the_record(trials):
    tables = discussion.histories(trials, "optimisers", "face")
    assert list(tables) == ["SGD", "Adam"], "a network that diverged has no curve"
    (ax,) = figures.ways_by_epoch(figures.Panel("faces", tables, 0.75)).axes
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["SGD"].get_xdata().tolist() == [1, 2, 3]
    assert lines["SGD"].get_ydata() == pytest.approx([75, 50, 5])
    assert lines["chance"].get_ydata()[0] == 75


@pytest.mark.parametrize(
    ("name", "levels"), [("optimisers", [75]), ("architectures", [math.log(4), 75])]
)
def test_the_page_draws_the_chance_level_of_the_recorded_networks(trials, name, levels):
    path = Path(__file__).parents[1] / "notebooks" / "15_discussion.ipynb"
    drawn = {}
    for cell in nbformat.read(path, 4).cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        drawn[figure.get("name")] = cell.source
    page = {
        **{"np": np, "figures": figures, "Panel": figures.Panel, "discussion": discussion},
        **{"trials": trials, "ways": discussion.ways_table(trials)},
        # of the run's own classes nothing is known
        "study": SimpleNamespace(tasks=("face",)),
    }
    exec(drawn["fig-optimisers"], page)
    if name != "optimisers":
        exec(drawn[f"fig-{name}"], page)
    lines = [line for ax in plt.gcf().axes for line in ax.lines if line.get_label() == "chance"]
    assert [line.get_ydata()[0] for line in lines] == pytest.approx(levels)


def test_gradients_before_and_after_share_their_scale(live, trials):
    figure = figures.gradients_by_layer(live, discussion.recorded_gradients(trials))
    before, after = figure.axes[1:3]
    assert before.get_ylim() == after.get_ylim() and before.get_yscale() == "log"
    assert before.lines[1].get_ydata().tolist() == gradients(0.001)["gradient"]


@pytest.fixture
def augmented() -> Record:
    entries = []
    for seed, aimed in enumerate((150, 160, 152)):
        counts = {"none": 140, "aimed": aimed, "elsewhere": 145}
        for arm, right in counts.items():
            entries.append({"seed": seed, "arm": arm, "right": right, "test": 200, "regions": 9,
                            "targeted_errors": 5 + seed, "mistakes": 12, "mistakes_at_epoch": 3,
                            "epochs": 4, "history": {"train_error": [0.9, 0.02]}})  # fmt: skip
        for one, than in augmentation.PAIRS:
            difference = (counts[one] - counts[than]) / 200
            entries.append({"seed": seed, "arm": one, "than": than, "difference": difference,
                            "low": None, "high": None, "gained": 3, "lost": 1,
                            "mcnemar": 0.6})  # fmt: skip
        mask = np.zeros((8, 8), bool)
        mask[seed] = True
        packed = augmentation.b64encode(np.packbits(mask).tobytes()).decode()
        example = {"case": 4, "twin": 5, "true": 1, "named": 2, "region": packed}
        entries.append({"seed": seed, "examples": [example]})
    return Record("augmentation", {"data": "here"}, entries)


def test_differences_over_seeds_are_paired(augmented):
    means = augmentation.mean_differences(augmented)
    assert list(means) == ["targeted minus control", "targeted minus none", "control minus none"]
    expected = over_seeds(100 * (np.array([150, 160, 152]) - 145) / 200)
    assert means["targeted minus control"] == pytest.approx(expected)
    words = augmentation.in_words(augmented)
    assert words["seeds"] == 3 and words["error_none"] == pytest.approx(30)
    assert words["learnt_none"] == pytest.approx(2)
    assert words["targeted_aimed"] == 6 and words["regions"] == 9
    verdicts = {
        True: "gives higher accuracy than",
        False: "does not differ measurably in accuracy from",
    }
    assert words["better"] == verdicts[expected.low > 0]


def test_the_arms_are_drawn_seed_by_seed(augmented):
    pairs = augmentation.pair_table(augmented).pivot(index="seed", columns="pair", values="points")
    means = augmentation.mean_differences(augmented)
    figure = figures.augmentation_arms(augmentation.error_rates(augmented), pairs, means)
    left, right = figure.axes
    joined = [line.get_ydata().tolist() for line in left.lines[:3]]
    assert joined == pytest.approx(np.array([[30, 25, 27.5], [30, 20, 27.5], [30, 24, 27.5]]))
    rings = [line for line in right.lines if line.get_markerfacecolor() == "none"]
    assert rings[0].get_xdata().tolist() == pytest.approx([2.5, 7.5, 3.5])


def test_examples_are_shown_only_of_the_very_pictures(augmented):
    faces = SimpleNamespace(fingerprint="here")
    here = SimpleNamespace(image_size=8, seed=1, faces=faces)
    found, regions = augmentation.examples(augmented, here)
    assert len(found) == 1 and regions[0, 1].all() and regions.sum() == 8
    other = SimpleNamespace(image_size=8, seed=7, faces=faces)
    assert augmentation.examples(augmented, other)[1][0, 0].all(), "else the first seed's"
    faces.fingerprint = "elsewhere"
    assert augmentation.examples(augmented, here)[1].shape == (0, 8, 8)


def test_a_region_is_filled_where_it_lies_and_as_much_elsewhere():
    cases = np.full((1, 9, 9, 3), 200, np.uint8)
    regions = np.zeros((1, 9, 9), bool)
    regions[0, :2, :3] = True
    fill = np.full((9, 9, 3), 50, np.uint8)
    figure = figures.region_examples(cases, cases, regions, fill, [("sad", "angry")])
    shown = [ax.images[0].get_array() for ax in figure.axes]
    aimed, elsewhere = ((image == 50).all(axis=-1) for image in shown[3:])
    assert np.array_equal(aimed, regions[0])
    assert elsewhere.sum() == aimed.sum() and not (elsewhere & aimed).any()
    assert (shown[2][regions[0]] == 200).all(), "the region alone keeps its colours"


def test_colours_of_ways_are_not_the_colours_of_other_things():
    from tinyvgg.figures import discussion as drawn
    from tinyvgg.figures import style

    ways = {colour for colour, _ in drawn.WAYS.values()} - {style.INK}
    assert not ways & {value for value in vars(style).values() if isinstance(value, str)}
    assert set(drawn.WAYS) >= {a.name for a in discussion.ARMS if a.part != "order"}
    assert len({arm.short for arm in discussion.ARMS}) == len(discussion.ARMS)
