"""The rules: each condition on both sides of its line, and what follows from several of them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime

import matplotlib.pyplot as plt
import pytest
import yaml
from test_project import ROOT
from worlds import smoke_study

from tinyvgg import figures
from tinyvgg.experiments.measures import measure
from tinyvgg.experiments.statistics import NAN, Interval, difference_of_shares, over_seeds, wilson
from tinyvgg.figures.verdicts import MARKS
from tinyvgg.runs import records
from tinyvgg.runs.records import Record
from tinyvgg.verdicts import CLAIMS, pixels, training
from tinyvgg.verdicts.ledger import (
    Ledger,
    discussion_figures,
    intervals,
    ledger,
    seed_figures,
    write_claims,
)
from tinyvgg.verdicts.page import GLYPHS, rules, verdict_table
from tinyvgg.verdicts.rules import (
    FEWEST,
    NOT,
    PARTLY,
    RELATIONS,
    REPRODUCED,
    UNTESTED,
    VERDICTS,
    Evidence,
    Part,
    verdict,
)

BY_NAME = {claim.name: claim for claim in CLAIMS}
# enough cases, and networks that have learnt
ENOUGH = {
    **dict.fromkeys(
        ("class_images_face", "class_images_emotion", "pairs_face", "pairs_emotion"), 20
    ),
    "chosen": 8,
    **{f"accuracy_{task}": 0.9 for task in ("face", "emotion")},
    **{f"accuracy_{task}_low": 0.88 for task in ("face", "emotion")},
    **{f"accuracy_{task}_high": 0.92 for task in ("face", "emotion")},
}


def around(value: float, half: float = 0.05) -> Interval:
    return Interval(value, value - half, value + half)


def evidence(**figures) -> Evidence:
    """A run that says so; a number stands for itself without an interval."""
    found = {
        name: x if isinstance(x, Interval) else Interval(x, NAN, NAN) for name, x in figures.items()
    }
    return Evidence(run=intervals(ENOUGH) | found, photographs=True, machine="NVIDIA TITAN X")


@pytest.mark.parametrize(
    ("relation", "threshold", "figure", "holds"),
    [
        ("above", 0.0, Interval(0.1, 0.001, 0.2), True),
        ("above", 0.0, Interval(0.1, 0.0, 0.2), False),
        ("above", 0.5, Interval(0.6, 0.49, 0.7), False),
        ("above", 0.5, Interval(0.6, 0.51, 0.7), True),
        ("above", 0.0, Interval(0.1, NAN, NAN), None),
        ("not above", 0.0, Interval(0.1, 0.0, 0.2), True),
        ("not above", 0.0, Interval(0.1, 0.001, 0.2), False),
        ("not above", 0.0, Interval(-0.1, -0.2, -0.05), True),
        ("not above", 0.0, Interval(0.1, NAN, NAN), None),
        ("contains", 0.0, Interval(0.1, -0.001, 0.2), True),
        ("contains", 0.0, Interval(0.1, 0.001, 0.2), False),
        ("contains", 0.0, Interval(-0.1, -0.2, -0.001), False),
        ("at least", 1.0, Interval(1.0, NAN, NAN), True),
        ("at least", 1.0, Interval(0.875, NAN, NAN), False),
        ("at most", 0.0, Interval(0, NAN, NAN), True),
        ("at most", 0.0, Interval(1, NAN, NAN), False),
        ("about", 20.0, Interval(10.0, NAN, NAN), True),
        ("about", 20.0, Interval(9.9, NAN, NAN), False),
        ("about", 20.0, Interval(40.0, NAN, NAN), True),
        ("about", 20.0, Interval(40.1, NAN, NAN), False),
    ],
)
def test_a_condition_holds_on_one_side_of_its_line_only(relation, threshold, figure, holds):
    assert relation in RELATIONS
    part = Part("it is so", "x", relation, threshold)
    assert part.holds(Evidence(run={"x": figure})) is holds
    assert part.holds(Evidence(seeds={"x": figure})) is (
        None if math.isnan(figure.low) else holds
    ), "over seeds there must be an interval"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([True, True], REPRODUCED),
        ([True, False], PARTLY),
        ([True, None], PARTLY),
        ([False, None], NOT),
        ([False, False], NOT),
        ([None, None], UNTESTED),
        ([], UNTESTED),
        ([True], REPRODUCED),
    ],
)
def test_what_follows_from_several_conditions(answers, expected):
    assert verdict(answers) == expected


def test_seeds_decide_before_the_run_unless_they_are_put_aside():
    part = Part("it is so", "x", cases="n")
    run = {"x": around(0.2), "n": Interval(FEWEST, NAN, NAN)}
    found = Evidence(run=run, seeds={"x": around(-0.2)})
    assert part.holds(found) is False
    assert part.holds(replace(found, aside=frozenset({"seeds"}))) is True
    assert replace(part, seeds=False).holds(found) is True
    assert part.holds(Evidence(run=run, seeds={"x": Interval(-0.2, NAN, NAN)})) is True
    few = run | {"n": Interval(FEWEST - 1, NAN, NAN)}
    assert part.holds(Evidence(run=few)) is None, "too few cases"
    assert part.holds(Evidence(run=few, seeds={"x": around(0.2)})) is True
    assert part.holds(Evidence(recorded={"x": around(0.2)})) is True


@pytest.mark.parametrize(
    ("name", "figures", "expected"),
    [
        ("accuracy-face", {"accuracy_beside_paper_face": around(0.04)}, REPRODUCED),
        ("accuracy-face", {"accuracy_beside_paper_face": around(0.06)}, NOT),
        ("accuracy-emotion", {"accuracy_beside_paper_emotion": around(-0.06)}, NOT),
        ("emotion-overfits", {"overfit_difference": around(0.06)}, REPRODUCED),
        ("emotion-overfits", {"overfit_difference": around(0.04)}, NOT),
        ("emotion-overfits", {"overfit_difference": around(-0.06)}, NOT),
        ("sad-for-neutral", dict(sad_ahead=0, neutral_ahead=0, surprised_behind=0), REPRODUCED),
        ("sad-for-neutral", dict(sad_ahead=-1, neutral_ahead=3, surprised_behind=0), PARTLY),
        ("sad-for-neutral", dict(sad_ahead=-1, neutral_ahead=-1, surprised_behind=-1), NOT),
        ("speed", {"images_per_second": 39}, REPRODUCED),
        ("speed", {"images_per_second": 41}, NOT),
        ("table-3-is-soft-max", dict(printed_ties_after=8, ties_free=0), NOT),
        ("table-3-is-soft-max", dict(printed_ties_after=8, ties_free=1), PARTLY),
        ("table-3-is-soft-max", dict(printed_ties_after=0, ties_free=1), REPRODUCED),
    ],
)
def test_claims_of_few_conditions(name, figures, expected):
    assert BY_NAME[name].decide(evidence(**figures)) == expected


@pytest.mark.parametrize("name", [claim.name for claim in CLAIMS])
def test_a_claim_is_reproduced_if_all_holds_partly_if_some_and_not_if_nothing(name):
    claim = BY_NAME[name]

    def figure(part: Part, holds: bool) -> Interval:
        above = (part.relation == "not above") != holds
        return {
            "above": around(part.threshold + (0.06 if above else 0.04)),
            "not above": around(part.threshold + (0.06 if above else 0.04)),
            "contains": around(part.threshold + (0.04 if holds else 0.06)),
            "at least": Interval(part.threshold - (not holds), NAN, NAN),
            "at most": Interval(part.threshold + (not holds), NAN, NAN),
            "about": Interval(part.threshold * (1.9 if holds else 2.1), NAN, NAN),
        }[part.relation]

    def case(answers: list[bool]) -> str:
        found = {p.key: figure(p, a) for p, a in zip(claim.parts, answers, strict=True)}
        needed = {
            part.provided.key: around(1.0)
            for part in claim.parts
            if part.provided is not None and part.provided.key not in ENOUGH
        }
        return claim.decide(evidence(**needed, **found))

    count = len(claim.parts)
    assert len({part.key for part in claim.parts}) == count
    assert case([True] * count) == REPRODUCED
    assert case([False] * count) == NOT
    for k in range(count if count > 1 else 0):
        assert case([i == k for i in range(count)]) == PARTLY
        assert case([i != k for i in range(count)]) == PARTLY


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_there_is_no_verdict_without_figures(claim):
    assert claim.decide(Evidence()) == UNTESTED
    assert claim.decide(Evidence(photographs=True, machine="titan x")) == UNTESTED
    assert claim.rule.startswith("Reproduced if") and claim.quantities


def test_what_needs_photographs_or_a_machine_is_not_judged_without():
    found = evidence(images_per_second=20, accuracy_beside_paper_face=around(0))
    without = replace(found, photographs=False, machine="cpu")
    for name in ("speed", "accuracy-face"):
        assert BY_NAME[name].decide(found) == REPRODUCED
        assert BY_NAME[name].decide(without) == UNTESTED
    known = evidence(share_difference=around(0.1), share_released_face=0.03)
    sizes = BY_NAME["more-pixels-for-faces"]
    assert sizes.photographs and not BY_NAME["emotion-overfits"].photographs
    everything = replace(known, run={**known.run, "share_released_emotion": Interval(0.008, 0, 1)})
    assert sizes.decide(everything) == REPRODUCED
    assert sizes.decide(replace(everything, photographs=False)) == PARTLY


def test_a_network_that_has_not_learnt_and_too_few_pairs_say_nothing():
    common = BY_NAME["common-pixels-decide-faces"]
    figures_ = {part.key: around(0.9) for part in common.parts}
    assert common.decide(evidence(**figures_)) == REPRODUCED
    assert common.decide(evidence(**figures_, accuracy_face=around(0.5))) == UNTESTED
    assert common.decide(evidence(**figures_, pairs_face=FEWEST - 1)) == UNTESTED


def test_large_networks_are_only_judged_where_the_small_one_learns():
    claim = BY_NAME["large-networks-fail"]
    fail = {f"vgg{k}_{task}_over_chance": around(0) for k in (16, 19) for task in training.TASKS}
    small = {f"tinyvgg_{task}_over_chance": around(0.5) for task in training.TASKS}
    assert claim.decide(Evidence(recorded=fail)) == UNTESTED
    assert claim.decide(Evidence(recorded=fail | small)) == REPRODUCED
    learn = dict.fromkeys(fail, around(0.3))
    assert claim.decide(Evidence(recorded=learn | small)) == NOT
    faces_only = {k: v for k, v in (fail | small).items() if "face" in k}
    assert claim.decide(Evidence(recorded=faces_only)) == PARTLY


# ---------------------------------------------------------------------- figures from records


def entry(part: str, name: str, task: str, seed: int, right: int, **more) -> dict:
    given = {"part": part, "name": name, "task": task, "seed": seed, "test": 1000, "classes": 8}
    return {**given, "diverged": False, "right": right, **more}


def test_optimisers_are_compared_with_sgd_seed_by_seed():
    rights = {"SGD": (900, 910, 905), "Adam": (880, 905, 890)}
    results = [
        entry("optimisers", name, "face", seed, right)
        for name, some in rights.items()
        for seed, right in enumerate(some)
    ]
    expected = over_seeds([-0.02, -0.005, -0.015])
    assert discussion_figures(results)["adam_face_over_sgd"] == pytest.approx(expected)
    one = [e for e in results if e["seed"] == 0]
    expected = difference_of_shares(880, 1000, 900, 1000)
    assert discussion_figures(one)["adam_face_over_sgd"] == pytest.approx(expected)
    assert "adam_face_over_sgd" not in discussion_figures([e for e in one if e["name"] == "Adam"])


def test_a_difference_of_shares_stays_between_minus_one_and_one():
    rights = {"SGD": (930, 940, 935), "Adagrad": (930, 940, 125)}  # one stays at chance level
    results = [
        entry("optimisers", name, "emotion", seed, right)
        for name, some in rights.items()
        for seed, right in enumerate(some)
    ]
    value, low, high = over_seeds([0, 0, -0.81])
    assert (low, high) == (pytest.approx(-1.43, abs=0.01), pytest.approx(0.89, abs=0.01))
    assert discussion_figures(results)["adagrad_emotion_over_sgd"] == pytest.approx(
        (value, -1, high)
    )


def test_networks_are_compared_with_chance_and_diverged_ones_have_none_right():
    results = [
        entry("architectures", "VGG-16", "face", 0, 130),
        {**entry("architectures", "VGG-19", "face", 0, 0), "diverged": True},
        entry("architectures", "VGG-16, He's weights", "face", 0, 900),
        entry("order", "the same batches every epoch", "face", 0, 900),
    ]
    del results[1]["right"]
    found = discussion_figures(results)
    expected = [bound - 1 / 8 for bound in wilson(130, 1000)]
    assert found["vgg16_face_over_chance"] == pytest.approx(expected)
    assert found["vgg19_face_over_chance"].value == -1 / 8
    parts = BY_NAME["sgd-not-beaten"].parts + BY_NAME["large-networks-fail"].parts
    keys = {"vgg16_face_over_chance", "vgg19_emotion_over_chance", "adagrad_face_over_sgd"}
    assert keys <= {part.key for part in parts}


def test_figures_over_seeds_leave_out_seeds_that_cannot_tell():
    values = (0.1, 0.2, 0.6, None)
    results = [{"seed": s, "x": x, "x_low": 0.0, "x_high": 1.0} for s, x in enumerate(values)]
    found = seed_figures(results)
    assert found["x"] == pytest.approx(over_seeds([0.1, 0.2, 0.6])) and "seed" not in found
    assert math.isnan(seed_figures(results[:2])["x"].low)
    assert seed_figures(results[3:]) == {}


def test_records_of_old_names_count_as_the_present_figures():
    results = [
        {"seed": s, "mended_unique": x, "control_face_random": x, "exchange_right": 2 * x}
        for s, x in enumerate((0.1, 0.2, 0.3))
    ]
    found, expected = seed_figures(results), over_seeds([0.1, 0.2, 0.3])
    assert set(found) == {"corrected_unique", "case_over_random", "patched_correct"}
    assert found["corrected_unique"] == found["case_over_random"] == pytest.approx(expected)


def test_a_ledger_rests_on_the_figures_that_are_measured(smoke, found):
    for name, value in measure(smoke).items():
        if value is not None and not name.endswith(("_low", "_high")):
            assert found.evidence.run[name].value == value


def test_every_condition_looks_at_a_figure_that_something_measures(smoke):
    measured = set(measure(smoke)) | set(pixels.printed_ties())
    recorded = {"sgd-not-beaten", "large-networks-fail", "avoided-layers"}
    for claim in CLAIMS:
        if claim.name in recorded:
            continue
        keys = {p.key for p in claim.parts} | {q.key for q in claim.quantities}
        keys |= {part.cases for part in claim.parts if part.cases}
        assert {key.removesuffix("_at_paper_size") for key in keys} <= measured, claim.name


# ---------------------------------------------------------------------- the ledger of a run


@pytest.fixture(scope="module")
def smoke():
    return smoke_study()  # as in test_measures


@pytest.fixture(scope="module")
def found(smoke, tmp_path_factory):
    return ledger(smoke, tmp_path_factory.mktemp("no records"))


def test_a_ledger_without_records_says_how_to_make_them(found):
    assert sum(found.counts().values()) == len(CLAIMS)
    assert found.verdicts["sgd-not-beaten"] == found.verdicts["speed"] == UNTESTED
    assert found.verdicts["accuracy-face"] == UNTESTED, "these are no photographs"
    assert found.verdicts["table-3-is-soft-max"] == NOT
    assert found.sources["seeds"] == "no record yet; run python -m tinyvgg study seeds"
    assert found.sources["recorded"].endswith("study discussion")
    assert found.sources["layers"].endswith("study layers")
    assert found.verdicts["avoided-layers"] == UNTESTED


def test_records_are_read_and_old_ones_put_aside(smoke, tmp_path):
    results = [{"seed": s, **measure(smoke)} for s in range(4)]
    made = records.provenance(
        smoke, "x", ("tinyvgg.experiments.measures",), range(4), datetime.now(UTC)
    )
    records.write(Record("seeds-smoke", made, results), tmp_path)
    new = ledger(smoke, tmp_path)
    assert "4 seeds" in new.sources["seeds"] and not new.evidence.aside
    assert new.evidence.seeds["gap_face"].value == pytest.approx(new.evidence.run["gap_face"].value)
    old = made | {"code": {"tinyvgg.experiments.measures": "another"}}
    records.write(Record("seeds-smoke", old, results), tmp_path)
    other = ledger(smoke, tmp_path)
    assert other.evidence.aside == {"seeds"} and "outdated" in other.sources["seeds"]
    assert other.evidence.seeds.keys() == new.evidence.seeds.keys(), "still shown"


def test_the_file_holds_all_that_the_page_shows(smoke, found, tmp_path):
    path = write_claims(tmp_path / "deep" / "claims.json", smoke, tmp_path, run="abc")
    text = path.read_text("utf8")
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [p.name for p in path.parent.iterdir()] == ["claims.json"]
    assert read["run"]["run"] == "abc" and read["run"]["seed"] == 0 and read["run"]["commit"]
    assert [claim["name"] for claim in read["claims"]] == [claim.name for claim in CLAIMS]
    assert {claim["name"]: claim["verdict"] for claim in read["claims"]} == found.verdicts
    assert read["counts"] == found.counts() and set(read["counts"]) == set(VERDICTS)
    for claim in read["claims"]:
        answers = [part["holds"] for part in claim["conditions"]]
        assert verdict(answers) == claim["verdict"], "the file alone suffices to judge"
        sources = [part["decided_on"] for part in claim["conditions"]]
        assert [answer is None for answer in answers] == [not source for source in sources]


def test_the_page_names_every_claim_and_tells_verdicts_without_colour(found):
    table, unfolded = verdict_table(found)._repr_html_(), rules(found)._repr_html_()
    for claim in CLAIMS:
        assert f'href="#claim-{claim.name}"' in table and f'id="claim-{claim.name}"' in unfolded
    assert len(set(GLYPHS.values())) == len(VERDICTS) == len(GLYPHS)
    shapes = {(mark["marker"], mark["fillstyle"]) for mark in MARKS.values()}
    assert len(shapes) == len(VERDICTS)
    assert ">nan" not in table + unfolded and "nan to" not in table + unfolded
    figure = figures.verdict_rows(found)
    words = [text.get_text() for text in figure.axes[0].texts]
    for claim in CLAIMS:
        assert claim.title in words
    assert all(text.get_fontsize() >= 8 for text in figure.axes[0].texts)
    plt.close(figure)
    nothing = Ledger(Evidence(), {}, {})
    plt.close(figures.verdict_rows(nothing))
    assert "–" in verdict_table(nothing)._repr_html_()


def test_every_claim_links_to_a_notebook_and_a_heading_of_it():
    contents = (ROOT / "_toc.yml").read_text("utf8")
    chapters = {c["file"] for part in yaml.safe_load(contents)["parts"] for c in part["chapters"]}
    for claim in CLAIMS:
        assert f"notebooks/{claim.page}" in chapters
        path = ROOT / "notebooks" / f"{claim.page}.ipynb"
        cells = json.loads(path.read_text("utf8"))["cells"]
        prose = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
        places = {_anchor(line) for text in prose for line in text if line.startswith("#")}
        assert not claim.place or claim.place in places, claim.name


def _anchor(heading: str) -> str:
    """As docutils makes it: words of letters and digits, joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def test_the_book_offers_its_ledger_and_every_link_of_it_arrives(smoke_book):
    text = (smoke_book / "claims.json").read_text("utf8")
    html = smoke_book / "html"
    assert (html / "claims.json").read_text("utf8") == text
    made, run = json.loads(text), json.loads((smoke_book / "run.json").read_text("utf8"))
    assert made["run"]["run"] == run["run"] and made["run"]["seed"] == run["seed"]
    page = (html / "notebooks" / "12_verdicts.html").read_text("utf8")
    assert 'href="../claims.json"' in page
    for claim in made["claims"]:
        assert f'id="claim-{claim["name"]}"' in page
        target, _, place = claim["measured_by"].partition("#")
        assert f'id="{place}"' in (html / target).read_text("utf8"), claim["name"]
    for verdict_, count in made["counts"].items():
        assert page.count(f"</strong>: {verdict_}</summary>") == count
