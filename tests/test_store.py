"""The store: made once, found again, never stale, never half-written."""

import ast
import json
import multiprocessing
import time

import numpy as np
import pytest

from tinyvgg.storage import store as module
from tinyvgg.storage.store import Store, code_fingerprint

CODE = ("tinyvgg.storage.store",)


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
    first = store.get("thing", {"a": 1}, CODE, make)
    again = Store(store.root).get("thing", {"a": 1}, CODE, make)
    assert make.calls == 1
    np.testing.assert_array_equal(first["x"], again["x"])
    assert again["note"] == {"calls": 1}


def test_another_recipe_is_another_result(store):
    make = Maker()
    store.get("thing", {"a": 1}, CODE, make)
    store.get("thing", {"a": 2}, CODE, make)
    assert make.calls == 2


def test_other_library_versions_make_another_result(store, monkeypatch):
    make = Maker()
    store.get("thing", {}, CODE, make)
    monkeypatch.setattr(module, "_versions", lambda: {"torch": "0.0"})
    store.get("thing", {}, CODE, make)
    assert make.calls == 2


@pytest.mark.parametrize("name", ["arrays.safetensors", "values.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_entry_is_noticed_and_made_again(store, name, damage, caplog):
    make = Maker()
    store.get("thing", {}, CODE, make)
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
    assert not store.has("thing", {}, CODE)
    again = store.get("thing", {}, CODE, make)
    assert make.calls == 2
    np.testing.assert_array_equal(again["x"], np.arange(6).reshape(2, 3) * 2)
    assert "damaged" in caplog.text


def test_a_maker_that_fails_leaves_nothing_that_looks_whole(store):
    def fail(folder):
        (folder / "checkpoint").write_text("half way")
        raise RuntimeError("no power")

    with pytest.raises(RuntimeError, match="no power"):
        store.get("thing", {}, CODE, fail)
    assert not store.has("thing", {}, CODE)

    def resume(folder):
        return {"text": (folder / "checkpoint").read_text()}

    assert store.get("thing", {}, CODE, resume)["text"] == "half way"
    assert not list((store.root / "unfinished").iterdir())


def test_values_that_are_not_json_are_refused_by_name(store):
    with pytest.raises(TypeError, match="object"):
        store.get("thing", {}, CODE, lambda folder: {"x": object()})
    assert not store.has("thing", {}, CODE)


def slow(folder):
    with open(folder.parents[1] / "calls.txt", "a") as file:
        file.write("called\n")
    time.sleep(0.5)
    return {"x": np.ones(3)}


def ask(root):
    Store(root).get("thing", {}, CODE, slow)


def test_two_processes_that_ask_at_once_make_it_once(store):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=ask, args=(store.root,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (store.root / "calls.txt").read_text() == "called\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A little package of two modules, the first importing the second."""
    folder = tmp_path / "little"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("def f():\n    from .b import g\n    return g()\n")
    (folder / "b.py").write_text('"""Says one."""\ndef g():\n    return 1\n')
    (folder / "c.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "PACKAGE", "little")
    yield folder
    code_fingerprint.cache_clear()


def fingerprint():
    code_fingerprint.cache_clear()
    return code_fingerprint("little.a")


def test_a_change_in_an_imported_module_changes_the_fingerprint(package):
    before = fingerprint()
    (package / "b.py").write_text("def g():\n    return 2\n")
    assert fingerprint() != before


def test_comments_layout_and_docstrings_do_not_change_the_fingerprint(package):
    before = fingerprint()
    (package / "b.py").write_text('"""Says 1."""\n\ndef g():\n    """One."""\n    return 1  # !\n')
    assert fingerprint() == before


def test_a_module_that_is_not_imported_does_not_count(package):
    before = fingerprint()
    (package / "c.py").write_text("x = 2\n")
    assert fingerprint() == before


def test_the_manifest_says_what_made_the_entry(store):
    store.get("thing", {"seed": 3}, CODE, Maker())
    manifest = json.loads((entry_of(store) / "manifest.json").read_text())
    assert manifest["recipe"] == {"seed": 3}
    assert set(manifest["libraries"]) == {"torch", "numpy", "scipy", "pillow"}


def test_the_text_of_code_holds_nothing_that_is_empty():
    """Python 3.12 and 3.13 write empty fields of their own; those must not count."""
    tree = ast.parse("def f(a):\n    return [a, 1.5, 'x', None]")
    text = module.syntax(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.type_params = []  # from 3.12 on
    assert module.syntax(tree) == text
    assert "[]" not in text
    assert text != module.syntax(ast.parse("def f(a):\n    return [a, 1.5, 'x', 0]"))
    assert module.syntax(ast.parse("x = None")) != module.syntax(ast.parse("x = 0"))
