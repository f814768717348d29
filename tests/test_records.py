"""Records: whole files, full provenance without this machine's names, honest about their age."""

from __future__ import annotations

import getpass
import json
import platform
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from tinyvgg.faces import FaceSet, full_design
from tinyvgg.runs import records
from tinyvgg.runs.profiles import get_profile
from tinyvgg.runs.records import Record

CODE = ("tinyvgg.training.protocol", "tinyvgg.experiments.statistics")


def a_study(profile: str = "smoke", source: str = "synthetic", shade: int = 0):
    """What a record asks of a study, without rendering."""
    table = full_design(1)
    faces = FaceSet(np.full((len(table), 8, 8, 3), shade, np.uint8), table, source)
    identity = {"device": "cpu", "data": faces.fingerprint, "versions": {"python": "3"}}
    return SimpleNamespace(
        profile=get_profile(profile), source=source, faces=faces, identity=lambda: identity
    )


def a_record(study, results=(1, 2)) -> Record:
    made = records.provenance(study, "python -m this", CODE, (0,), datetime.now(UTC))
    return Record("a", made, list(results))


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    record = a_record(a_study())
    path = records.write(record, tmp_path / "new")
    assert records.read("a", tmp_path / "new") == record
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
    assert records.read("b", tmp_path) is None


def test_a_record_that_fails_to_be_written_leaves_the_old_one(tmp_path):
    path = records.write(a_record(a_study()), tmp_path)
    before = path.read_text()
    with pytest.raises(ValueError):
        records.write(a_record(a_study(), [float("nan")]), tmp_path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "a.json").write_text('{"name": "a"')
    with pytest.raises(ValueError, match=r"a\.json is not a record"):
        records.read("a", tmp_path)


def test_a_record_names_no_host_user_or_folder():
    made = a_record(a_study(source="rafd:/some/where/faces")).made
    words = set(re.findall(r"[\w.-]+|/", json.dumps(made)))
    assert made["faces"] == "rafd"
    assert not words & {platform.node(), getpass.getuser(), records.ROOT.name, "where"}
    assert "/" not in words
    assert {"command", "commit", "data", "code", "versions", "device", "processor"} <= set(made)
    assert {"minutes", "seeds", "profile", "started", "finished"} <= set(made)


def test_a_record_of_the_present_is_not_outdated():
    study = a_study()
    record = a_record(study)
    assert record.changes(study) == []
    assert record.status(study) == f"recorded {datetime.now(UTC):%Y-%m-%d}, smoke profile"


def test_other_photographs_make_a_record_outdated():
    record = a_record(a_study(source="orl"))
    assert record.changes(a_study(source="orl")) == []
    assert record.changes(a_study(source="orl", shade=1)) == ["the faces"]
    assert "outdated: the faces changed since" in record.status(a_study(source="orl", shade=1))


def test_synthetic_faces_that_another_processor_rounds_are_the_same(monkeypatch):
    record, elsewhere = a_record(a_study()), a_study(shade=1)
    assert record.changes(elsewhere) == []
    assert record.on_faces_of(elsewhere).made["data"] == elsewhere.faces.fingerprint
    assert record.made["data"] != elsewhere.faces.fingerprint, "what was recorded stays"
    monkeypatch.setattr(records, "_rendering", lambda profile: "changed")
    assert record.changes(elsewhere) == ["the faces"]
    assert record.on_faces_of(elsewhere) == record


def test_a_record_under_another_profile_is_not_on_the_faces_of_a_study():
    record = a_record(a_study("smoke"))
    assert record.on_faces_of(a_study("default", shade=1)) == record


def test_other_code_makes_a_record_outdated():
    study = a_study()
    record = a_record(study)
    code = {**record.made["code"], "tinyvgg.training.protocol": "other", "tinyvgg.gone": "other"}
    record = replace(record, made={**record.made, "code": code})
    assert record.changes(study) == ["tinyvgg.training.protocol", "tinyvgg.gone"]


def test_another_size_of_the_profile_makes_a_record_outdated():
    record = a_record(a_study())
    sizes = {**record.made["sizes"], "epochs_face": 31}
    changed = replace(record, made={**record.made, "sizes": sizes})
    assert changed.changes(a_study()) == ["the profile"]
    del sizes["epochs_face"], record.made["sizes"]  # an old record does not say
    assert record.changes(a_study()) == []


def test_under_another_profile_the_code_of_the_faces_decides(monkeypatch):
    record, other = a_record(a_study("smoke")), a_study("default", shade=1)
    assert record.changes(other) == []
    assert "smoke profile" in record.status(other)
    monkeypatch.setattr(records, "_rendering", lambda profile: "changed")
    assert record.changes(other) == ["the faces"]
    assert record.changes(a_study("smoke")) == []  # the very same pictures: code does not matter


@pytest.mark.parametrize(
    ("profile", "source", "name"),
    [
        ("default", "synthetic", "x"),
        ("smoke", "synthetic", "x-smoke"),
        ("paper", "rafd:/some/where", "x-paper-rafd"),
        ("default", "kdef:/some/where", "x-kdef"),
    ],
)
def test_only_the_usual_run_takes_the_plain_name(profile, source, name):
    assert records.record_name("x", a_study(profile, source)) == name


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYVGG_RECORDS", str(tmp_path))
    assert records.default_folder() == tmp_path
    monkeypatch.delenv("TINYVGG_RECORDS")
    assert records.default_folder() == records.ROOT / "book" / "records"


def test_the_overview_lists_every_record_and_what_is_outdated(tmp_path):
    study = a_study()
    records.write(replace(a_record(study), name="b"), tmp_path)
    old = a_record(a_study(shade=1))
    networks = {"x": {"minutes": 5.0}, "y": {"minutes": 2.5}}
    other = {"networks": networks, "seeds": [0, 2], "rendering": "other"}
    records.write(replace(old, made=old.made | other), tmp_path)
    table = records.overview(study, tmp_path).set_index("record")
    assert list(table.index) == ["a", "b"]
    assert table.state.to_dict() == {"a": "outdated: the faces", "b": "up to date"}
    assert table.minutes["a"] == 7.5 and np.isnan(table.minutes["b"])
    assert table.seeds["a"] == "0, 2"
    assert table.command["b"] == "python -m this"
    assert records.overview(study, tmp_path / "none").empty


def test_the_overview_names_the_commit_of_every_run_that_made_a_record(tmp_path):
    study = a_study()
    first = a_record(study, [{"seed": 0}])
    runs = [
        replace(
            first,
            made={**first.made, "seeds": [seed], "networks": {}, "commit": letter * 40},
            results=[{"seed": seed}],
        )
        for seed, letter in enumerate("abb")
    ]
    grown = runs[0].joined(runs[1]).joined(runs[2])
    records.write(grown, tmp_path)
    (row,) = records.overview(study, tmp_path).itertuples()
    assert (row.seeds, row.commit) == ("0, 1, 2", "aaaaaaa, bbbbbbb")
