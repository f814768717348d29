"""What is said beforehand of a set of pictures, and how long it is trained."""

import os
import re

import pytest
from photographs import photograph

from tinyvgg import Study
from tinyvgg.__main__ import main
from tinyvgg.book.forecast import forecast, outlook
from tinyvgg.faces.spec import located
from tinyvgg.runs.profiles import PROFILES
from tinyvgg.storage.store import Store


@pytest.fixture
def people(tmp_path, monkeypatch):
    """A folder of two people, which lies in the working directory."""
    for seed in range(8):
        photograph(tmp_path / "mine" / f"person {seed % 2}" / f"{seed}.png", seed=seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_forecast_names_tasks_twins_pages_and_minutes(people, tmp_path):
    study = Study("smoke", "folder:mine", store=Store(tmp_path / "store"), progress=False)
    said = "\n".join(forecast(study))
    assert "face task: 2 classes, 4 training images, 4 test images, 720 epochs" in said
    assert (
        "twin: a correctly classified image of the same subject that looks most alike, by" in said
    )
    assert "09_unique_pixels (no emotion)" in said and "08_common_pixels" not in said
    assert re.search(r"training: about \d+ min under the smoke profile", said)


def test_the_work_of_a_book_is_said_beforehand():
    said = outlook(Study("smoke"), [], {"01_data": 30.0})
    assert said == "next: execute 1 notebook and build the pages; about 1 min on this machine"
    said = outlook(Study("smoke"), [], {"01_data": 90.0, "02_network": 130.0})
    assert said.startswith("next: execute 2 notebooks and build the pages; about ")
    assert outlook(Study("smoke"), [], {}).startswith("next: build the pages; about ")


def test_faces_info_reads_a_set_once_and_keeps_it(people, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TINYVGG_STORE", str(tmp_path / "store"))
    for _ in range(2):
        assert main(["faces", "info", "folder:mine", "--profile", "smoke"]) == 0
        said = capsys.readouterr().out
        assert "8 images of 32 x 32" in said and "A book of these images" in said
        monkeypatch.setattr("tinyvgg.faces.sources._read", pytest.fail)  # it is in the store now


def test_relative_folders_are_found_from_other_folders(people, monkeypatch):
    absolute = f"folder:{people / 'mine'}"
    assert located("folder:mine") == located(absolute) == absolute
    assert (
        located("folder:mine?labels=person,crop=detect") == f"{absolute}?labels=person,crop=detect"
    )
    (people / "labels.csv").write_text("file,person\n")
    table = f"{absolute}?table={people / 'labels.csv'}"
    assert located("folder:mine?table=labels.csv") == table
    (people / "k").mkdir()
    assert located("kdef:k") == f"kdef:{people / 'k'}"
    assert located("folder:none") == "folder:none" and located("synthetic") == "synthetic"
    (people / "notebooks").mkdir()
    monkeypatch.chdir(people / "notebooks")
    assert located("folder:mine") == absolute
    study = Study("smoke", "folder:mine", progress=False)
    monkeypatch.chdir(os.sep)
    assert len(study.variant(seed=1).faces) == 8


@pytest.mark.parametrize(
    ("profile", "task", "train", "epochs"),
    [
        ("default", "face", 2412, 30),
        ("default", "emotion", 2400, 45),
        ("paper", "face", 2412, 100),
        ("paper", "emotion", 2400, 100),
        ("smoke", "face", 288, 30),
        ("smoke", "emotion", 288, 30),
        ("default", "face", 200, 355),
        ("default", "emotion", 28709, 10),
    ],
)
def test_any_number_of_pictures_trains_for_as_many_steps(profile, task, train, epochs):
    assert PROFILES[profile].epochs(task, train) == epochs
