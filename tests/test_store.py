"""The store: made once, found again, never stale, never half-written."""

import json
import multiprocessing
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from tinyvgg.storage import store as module
from tinyvgg.storage.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


class Maker:
    """Counts how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, folder):
        self.calls += 1
        return {"x": np.arange(6).reshape(2, 3) * self.calls, "note": {"calls": self.calls}}


def entry_of(store):
    return next(p for p in store.root.iterdir() if p.name.startswith("thing-"))


def test_a_result_is_made_once_and_found_again(store):
    make = Maker()
    first = store.get("thing", {"a": 1}, make)
    again = Store(store.root).get("thing", {"a": 1}, make)
    assert make.calls == 1
    np.testing.assert_array_equal(first["x"], again["x"])
    assert again["note"] == {"calls": 1}


def test_another_recipe_is_another_result(store):
    make = Maker()
    store.get("thing", {"a": 1}, make)
    store.get("thing", {"a": 2}, make)
    assert make.calls == 2


def test_other_library_versions_make_another_result(store, monkeypatch):
    make = Maker()
    store.get("thing", {}, make)
    monkeypatch.setattr(module, "_versions", lambda: {"torch": "0.0"})
    store.get("thing", {}, make)
    assert make.calls == 2


@pytest.mark.parametrize("name", ["arrays.safetensors", "values.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_entry_is_noticed_and_made_again(store, name, damage, caplog):
    make = Maker()
    store.get("thing", {}, make)
    path = entry_of(store) / name
    content = path.read_bytes()
    if damage == "flipped":
        path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
        if name == "manifest.json":
            path.write_bytes(b"[]")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    assert not store.has("thing", {}, make)
    again = store.get("thing", {}, make)
    assert make.calls == 2
    np.testing.assert_array_equal(again["x"], np.arange(6).reshape(2, 3) * 2)
    assert "damaged" in caplog.text


def test_a_maker_that_fails_leaves_nothing_that_looks_whole(store):
    def fail(folder):
        (folder / "checkpoint").write_text("half way")
        raise RuntimeError("no power")

    with pytest.raises(RuntimeError, match="no power"):
        store.get("thing", {}, fail)
    assert not store.has("thing", {}, Maker())

    def resume(folder):
        return {"text": (folder / "checkpoint").read_text()}

    assert store.get("thing", {}, resume)["text"] == "half way"
    assert not list((store.root / "unfinished").iterdir())


def test_values_that_are_not_json_are_refused_by_name(store):
    with pytest.raises(TypeError, match="object"):
        store.get("thing", {}, lambda folder: {"x": object()})
    assert not store.has("thing", {}, Maker())


def test_what_was_made_elsewhere_is_put_where_it_is_looked_for(store):
    make = Maker()
    store.put("thing", {"a": 1}, make, {"x": np.ones(3)})
    assert store.has("thing", {"a": 1}, make)
    np.testing.assert_array_equal(store.get("thing", {"a": 1}, make)["x"], np.ones(3))
    store.put("thing", {"a": 1}, make, {"x": np.zeros(3)})  # the first stays
    np.testing.assert_array_equal(store.get("thing", {"a": 1}, make)["x"], np.ones(3))
    assert make.calls == 0


def test_other_code_makes_another_result(store, monkeypatch):
    make = Maker()
    store.get("thing", {}, make)
    monkeypatch.setattr(module, "modules_of", lambda given: ("tinyvgg.layers",))
    assert not store.has("thing", {}, make)
    store.get("thing", {}, make)
    assert make.calls == 2


def slow(folder):
    with open(folder.parents[1] / "calls.txt", "a") as file:
        file.write("called\n")
    time.sleep(0.5)
    return {"x": np.ones(3)}


def ask(root):
    Store(root).get("thing", {}, slow)


def test_two_processes_that_ask_at_once_make_it_once(store):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=ask, args=(store.root,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (store.root / "calls.txt").read_text() == "called\n"


def test_the_manifest_says_what_made_the_entry(store):
    store.get("thing", {"seed": 3}, Maker())
    manifest = json.loads((entry_of(store) / "manifest.json").read_text())
    assert manifest["recipe"] == {"seed": 3}
    assert set(manifest["libraries"]) == {"torch", "numpy", "scipy", "pillow"}


def test_arrays_of_every_kind_come_back_and_can_be_changed_without_harm(store):
    kinds = {name: np.array([[0, 1], [1, 0]], dtype) for name, dtype in module.DTYPES.items()}
    shapes = {"single": np.array(7), "none": np.zeros((0, 3), np.float32), "odd": np.ones(5, bool)}
    stored = {**kinds, **shapes, "of bytes": np.arange(3, dtype=np.uint8)}
    found = store.get("thing", {}, lambda folder: stored)
    expected = load_file(entry_of(store) / module.ARRAYS)
    assert found.keys() == expected.keys() == stored.keys()
    for name, array in stored.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
        np.testing.assert_array_equal(expected[name], array, strict=True)
    found["F32"] += 1
    again = store.get("thing", {}, lambda folder: None)
    np.testing.assert_array_equal(again["F32"], stored["F32"])
