"""Networks that stay at chance level are counted one by one."""

from __future__ import annotations

import pytest

from tinyvgg.experiments.chance import at_chance


def entry(right, task="emotion", name="Adagrad", test=200, classes=8):
    made = {"part": "optimisers", "name": name, "task": task, "test": test, "classes": classes}
    return made | ({"diverged": True} if right is None else {"diverged": False, "right": right})


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ([25, 188, 186], 1),  # exactly one in eight
        ([188, 186], 0),
        ([20, 34], 2),  # below chance; 17 %, which chance gives one time in thirty
        ([38], 0),  # 19 %
        ([None, 188], 1),  # its loss diverged
    ],
)
def test_networks_at_chance_level_are_counted(right, expected):
    assert at_chance([entry(count) for count in right]).to_list() == [expected]


def test_ways_to_train_and_tasks_are_counted_apart():
    found = at_chance([entry(25), entry(188, name="SGD"), entry(25, task="face", classes=67)])
    expected = {("Adagrad", "emotion"): 1, ("Adagrad", "face"): 0, ("SGD", "emotion"): 0}
    assert found.loc["optimisers"].to_dict() == expected


def test_without_a_record_there_is_nothing_to_count():
    found = at_chance([])
    assert found.empty
    assert found.index.names == ["part", "name", "task"]
