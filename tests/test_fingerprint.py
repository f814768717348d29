"""The code of a result: found by itself from what makes it, and hashed without its comments."""

import ast
import functools
import sys
from dataclasses import dataclass

import pytest

from tinyvgg import Study
from tinyvgg.experiments.augmentation import FillRegions
from tinyvgg.faces import open_faces
from tinyvgg.storage import fingerprint as module
from tinyvgg.storage.fingerprint import code_fingerprint, modules_of, package_source, syntax
from tinyvgg.storage.store import Store
from tinyvgg.training.unit import TrainingUnit

FILES = {
    "__init__": "",
    "a": "def make(folder):\n    from .b import g\n    return {'x': g()}\n",
    "b": '"""Gives one."""\nfrom little.kept import store\ndef g():\n    return 1\n',
    "c": "x = 1\nclass Thing:\n    def make(self, folder):\n        return {}\n",
    "kept/__init__": "MAKES_RESULTS = False\n",
    "kept/store": "from little import c\ndef keep(make):\n    return lambda folder: make(folder)\n",
}


@pytest.fixture
def little(tmp_path, monkeypatch):
    """A little package: `a` imports `b`, which imports `kept`, which makes no results."""
    for name, text in FILES.items():
        path = tmp_path / "little" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "PACKAGE", "little")
    clear()
    yield tmp_path / "little"
    clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "little"]:
        del sys.modules[name]


def clear():
    code_fingerprint.cache_clear()
    module._makes_none.cache_clear()
    module._module.cache_clear()


def imported(name):
    return __import__(f"little.{name}", fromlist=["x"])


def key(make, recipe=()):
    clear()
    return Store.key({"recipe": list(recipe)}, make)


# ---------------------------------------------------------------------- what counts


def test_a_change_in_a_module_that_is_imported_changes_the_key(little):
    make = imported("a").make
    before = key(make)
    (little / "b.py").write_text(FILES["b"].replace("return 1", "return 2"))
    assert key(make) != before


def test_comments_layout_and_docstrings_do_not_change_the_key(little):
    make = imported("a").make
    before = key(make)
    text = (
        '"""One."""\n\nfrom little.kept import store\ndef g():\n    """1."""\n    return 1  # !\n'
    )
    (little / "b.py").write_text(text)
    assert key(make) == before


def test_a_module_that_is_not_imported_does_not_count(little):
    make = imported("a").make
    before = key(make)
    (little / "c.py").write_text("x = 2\n")
    assert key(make) == before


def test_a_package_that_makes_no_results_does_not_count_nor_what_it_imports(little):
    make = imported("a").make
    before = key(make)
    (little / "kept" / "store.py").write_text("y = 2\n")
    assert key(make) == before
    (little / "kept" / "__init__.py").write_text("")  # it no longer says so
    assert key(make) != before


@pytest.mark.parametrize("kept", ["runs.study", "runs.parallel", "storage.store", "storage.files"])
def test_what_keeps_and_finds_results_here_says_that_it_makes_none(kept):
    assert not module._makes_results(f"tinyvgg.{kept}")
    assert f"tinyvgg.{kept}" not in module._closure(modules_of(open_faces, TrainingUnit))


def test_results_made_by_what_makes_none_are_refused(little):
    kept = imported("kept.store")
    with pytest.raises(ValueError, match=r"little\.kept\.store.*MAKES_RESULTS = False"):
        modules_of(kept.keep(len))
    assert modules_of(kept.keep(imported("a").make)) == ("little.a",)


# ---------------------------------------------------------------------- where it is found


def test_the_code_is_found_through_partials_methods_closures_and_caches(little):
    a, c = imported("a"), imported("c")
    assert modules_of(functools.partial(a.make, thing=c.Thing())) == ("little.a", "little.c")
    assert modules_of(c.Thing().make) == modules_of(c.Thing) == ("little.c",)
    assert modules_of(functools.cache(a.make)) == ("little.a",)
    assert modules_of(lambda folder: a.make(folder)) == ()  # a module is no code that is held

    def nested(folder, make=None):
        return [make, thing, nested]

    thing = {"held": [c.Thing()]}
    assert modules_of(nested) == ("little.c",)
    assert modules_of(functools.partial(nested, make=a.make)) == ("little.a", "little.c")


def test_what_a_dataclass_holds_counts(little):
    @dataclass
    class Holder:
        held: object

    assert modules_of(Holder(imported("c").Thing())) == ("little.c",)
    assert modules_of(Holder(None)) == ()


def test_the_class_of_an_augmentation_counts_for_the_network_that_it_trains():
    class Augmented(Study):
        def augmentation(self, task):
            size = self.image_size
            return FillRegions([[[0] * size] * size], [0], [[[0] * size] * size] * 3)

    settings = dict(profile="smoke", device="cpu", progress=False)
    plain, other = Study(**settings), Augmented(**settings)
    own = "tinyvgg.experiments.augmentation"
    assert own in other.code("face") and own not in plain.code("face")
    assert {"tinyvgg.training.unit", "tinyvgg.model", "tinyvgg.faces.split"} <= {
        *plain.code("face")
    }
    assert plain.recipe("face")["code"] != other.recipe("face")["code"]


# ---------------------------------------------------------------------- the hash


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"tinyvgg\.gone"):
        code_fingerprint("tinyvgg.gone")


def test_the_text_of_code_holds_nothing_that_is_empty():
    """Python 3.12 and 3.13 write empty fields of their own; those must not count."""
    tree = ast.parse("def f(a):\n    return [a, 1.5, 'x', None]")
    text = syntax(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.type_params = []  # from 3.12 on
    assert syntax(tree) == text
    assert "[]" not in text
    assert text != syntax(ast.parse("def f(a):\n    return [a, 1.5, 'x', 0]"))
    assert syntax(ast.parse("x = None")) != syntax(ast.parse("x = 0"))


def test_the_source_of_the_package_is_all_of_its_code_and_data():
    found = package_source()
    assert {"__main__.py", "model.py", "book/build.py", "explorer/web/explorer.js"} <= set(found)
    assert "faces/synthetic/head_basis.npz" in found
    assert not any(name.endswith((".md", ".pyc")) for name in found)
