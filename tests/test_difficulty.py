"""How hard a set is: each question put to both readers, from this run or from a record."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from photographs import a_few
from PIL import Image

from tinyvgg import Study
from tinyvgg.__main__ import main
from tinyvgg.experiments.statistics import wilson
from tinyvgg.runs import parallel, records
from tinyvgg.runs import recorded as common
from tinyvgg.runs.recorded import record_study
from tinyvgg.storage.store import Store
from tinyvgg.studies import difficulty
from tinyvgg.studies.difficulty import NETWORK, PROBE, QUESTIONS, difficulty_table
from tinyvgg.training import unit as fitting


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return a_few(tmp_path_factory.mktemp("rafd"), people=4)


@pytest.fixture(scope="module")
def kept(place, tmp_path_factory):
    """A study, and the record of the same settings, made in another store."""
    root = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYVGG_STORE", str(root / "store"))
        patch.setattr(parallel.joblib, "cpu_count", lambda: 1)
        settings = dict(profile="smoke", faces=place, device="cpu", progress=False, epochs=2)
        record, path = record_study(difficulty.STUDY, **settings, seeds=(0, 1), folder=root)
    return settings, record, path, root


def fresh(kept, tmp_path, **changes):
    settings, *_ = kept
    return Study(**settings | changes, store=Store(tmp_path / "store"))


def test_a_record_answers_every_question_with_both_readers_and_every_seed(kept):
    _, record, path, root = kept
    asked = {(e["question"], e["reader"], e["seed"]) for e in record.results}
    assert asked == set(product([q.name for q in QUESTIONS], (PROBE, NETWORK), (0, 1)))
    assert len(record.results) == len(asked)
    assert records.read("difficulty-smoke-rafd", root) == record
    assert path == root / "difficulty-smoke-rafd.json"
    assert str(root) not in path.read_text()
    assert record.made["command"].startswith("python -m tinyvgg study difficulty --profile smoke")
    assert "rafd:DIR" in record.made["command"]


def test_a_record_holds_what_the_networks_say(kept):
    settings, record, _, root = kept
    for question in QUESTIONS:
        own = Study(
            **settings,
            seed=1,
            unseen_subjects=question.unseen_subjects,
            store=Store(root / "store"),
        )
        assert own.is_trained(question.task), question
        correct = own.outcomes(question.task).correct
        entry = next(
            e
            for e in record.results
            if (e["question"], e["reader"], e["seed"]) == (question.name, NETWORK, 1)
        )
        assert (entry["right"], entry["test"]) == (correct.sum(), len(correct))
        assert entry["epochs"] == 2
        assert entry["classes"] == {"face": 4, "emotion": 2, "gaze": 3}[question.task]


def test_unseen_people_are_unseen(kept, tmp_path):
    question = next(q for q in QUESTIONS if q.unseen_subjects)
    own = question.study(fresh(kept, tmp_path))
    rows = own.split(question.task)
    people = own.faces.table.subject
    assert not set(people[rows.train]) & set(people[rows.test])


def test_what_is_not_trained_comes_from_the_record_and_says_so(kept, tmp_path):
    _, record, *_ = kept
    here = fresh(kept, tmp_path, seed=1)
    here.network("face")
    table = difficulty_table(here, record).set_index(["question", "reader"])
    assert (table.xs(PROBE, level="reader").origin == "this run").all()
    networks = table.xs(NETWORK, level="reader")
    assert networks.origin["identity"] == "this run"
    others = networks.drop(index="identity")
    assert others.origin.str.startswith("recorded").all()
    for name, row in others.iterrows():
        entry = difficulty._entry(record, next(q for q in QUESTIONS if q.name == name), 1)
        assert (row.right, row.test, row.chance) == (entry["right"], entry["test"], entry["chance"])
        expected = wilson(entry["right"], entry["test"])
        assert (row.accuracy, row.low, row.high) == tuple(expected)
    assert not here.is_trained("emotion"), "a page trains nothing"


def test_an_outdated_record_is_marked(kept, tmp_path):
    _, record, *_ = kept
    old = replace(record, made={**record.made, "data": "other", "rendering": "other"})
    table = difficulty_table(fresh(kept, tmp_path), old)
    marked = table[table.reader == NETWORK].origin
    assert marked.str.contains("outdated: the faces changed since").all()


def test_what_was_never_measured_names_the_command(kept, tmp_path):
    table = difficulty_table(fresh(kept, tmp_path)).set_index("reader").loc[NETWORK]
    assert (table.origin == "not measured: run python -m tinyvgg study difficulty").all()
    assert table.accuracy.isna().all()


def test_questions_that_the_labels_do_not_allow_are_given_with_the_reason(tmp_path):
    rng = np.random.default_rng(0)
    for person in "ab":
        (tmp_path / "set" / person).mkdir(parents=True)
        for k in range(6):
            pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / person / f"{k}.png")
    plain = Study("smoke", f"folder:{tmp_path / 'set'}", store=Store(tmp_path), progress=False)
    assert set(difficulty.unavailable(plain)) == {q.name for q in QUESTIONS} - {"identity"}
    table = difficulty_table(plain).set_index(["question", "reader"])
    assert table.accuracy[("identity", PROBE)] >= 0
    assert "no gaze" in table.note[("gaze", NETWORK)]
    assert table.accuracy[("gaze", PROBE)] != table.accuracy[("gaze", PROBE)]


def test_a_record_of_other_faces_is_not_taken(kept, tmp_path):
    _, record, _, root = kept
    here = fresh(kept, tmp_path)
    assert difficulty.find_record(here, root) == record
    made = {**record.made, "faces": "synthetic"}
    records.write(replace(record, name="difficulty", made=made), tmp_path)
    assert difficulty.find_record(here, tmp_path) is None


def test_an_interrupted_study_goes_on(kept, tmp_path, monkeypatch):
    settings, record, *_ = kept
    monkeypatch.setenv("TINYVGG_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 1)
    calls, real = [], fitting.fit

    def interrupted(*given, **more):
        calls.append(more["title"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **more)

    monkeypatch.setattr(fitting, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record_study(difficulty.STUDY, **settings, folder=tmp_path)
    assert records.read("difficulty-smoke-rafd", tmp_path) is None
    again, _ = record_study(difficulty.STUDY, **settings, folder=tmp_path)
    assert len(calls) == 2 + 3, "the network that was finished is not trained again"
    first = [entry for entry in record.results if entry["seed"] == 0]
    keys = ("question", "reader", "right", "test")
    assert [[e[k] for k in keys] for e in again.results] == [[e[k] for k in keys] for e in first]


def test_the_command_line_reaches_the_study(monkeypatch, tmp_path, capsys):
    asked = {}

    def pretend(_, **options):
        asked.update(options)
        entry = dict(question="gaze", reader=PROBE, seed=3, right=1, test=4, chance=0.25)
        return records.Record("difficulty", {"minutes": 1.0}, [entry]), tmp_path / "difficulty.json"

    monkeypatch.setattr(common, "record_study", pretend)
    arguments = ["study", "difficulty", "--profile", "smoke", "--seed", "3", "4"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert asked["seeds"] == [3, 4] and asked["profile"] == "smoke" and asked["folder"] == tmp_path
    assert "1 of 4 correct, 25.00%" in capsys.readouterr().out


def test_the_words_quote_the_table(kept, tmp_path):
    _, record, *_ = kept
    here = fresh(kept, tmp_path)
    here.network("face")
    table = difficulty_table(here, record)
    words = difficulty.in_words(table)
    cells = table.set_index(["question", "reader"])
    assert words["linear_gaze"] == 100 * cells.accuracy[("gaze", PROBE)]
    assert words["network_strangers"] == 100 * cells.accuracy[("emotion, unseen people", NETWORK)]
    assert words["chance_identity"] == 25
    assert (words["questions"], words["networks_here"], words["networks_recorded"]) == (4, 1, 3)
    assert words["networks_missing"] == 0 and words["unavailable"] == ""
    none = difficulty.in_words(difficulty_table(here))
    assert none["networks_missing"] == 3 and np.isnan(none["network_gaze"])


def test_a_page_shows_a_row_a_question(kept, tmp_path):
    _, record, *_ = kept
    here = fresh(kept, tmp_path)
    table = difficulty_table(here, record)
    page = difficulty.by_question(table).set_index("question")
    assert list(page.index) == [difficulty.shown(question.name) for question in QUESTIONS]
    entry = difficulty._entry(record, QUESTIONS[3], 0)
    low, high = wilson(entry["right"], entry["test"])[1:]
    share = f"{entry['right'] / entry['test']:.1%} ({100 * low:.1f} to {100 * high:.1f})"
    assert page.loc["gaze", NETWORK] == share
    assert page.loc["gaze", "chance"] == "33.3%"
    assert page.loc["gaze", f"source of {NETWORK}"].startswith("recorded")
    assert difficulty.by_question(difficulty_table(here)).loc[3, NETWORK] == "–"


def test_a_question_that_cannot_be_asked_is_said_so():
    table = difficulty.pd.DataFrame(
        {
            "question": ["gaze"] * 2,
            "reader": [PROBE, NETWORK],
            "accuracy": np.nan,
            "chance": np.nan,
            "origin": "",
            "note": "no gaze for 9 images",
        }
    )
    words = difficulty.in_words(table)
    assert words["unavailable"] == "Gaze cannot be measured here: no gaze for 9 images."
    assert words["questions"] == words["networks_missing"] == 0
