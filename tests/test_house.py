"""The house stays in order: its floors, few modules at the top, nothing reached into."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tinyvgg"
MOST_AT_THE_TOP = 12
MODULE_NAME = re.compile(r"tinyvgg(\.\w+)+")
NAMED_TUPLE = {"_asdict", "_replace", "_fields", "_make"}  # public, underscore or not


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `make lint` runs: the contract in ``pyproject.toml``, on the package in a folder."""
    command = Path(sys.executable).with_name("lint-imports")
    options = ["--no-cache", "--no-logo"]
    return subprocess.run([command, *options], cwd=folder, capture_output=True, text=True)


def module_names(source: str) -> list[str]:
    """Literals that are the dotted name of a module of the package and nothing else."""
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and MODULE_NAME.fullmatch(node.value)
    ]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLE


def own_private_names(tree: ast.AST) -> Iterator[str]:
    """Private names that a module defines: functions, classes, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def reached_into(source: str) -> list[str]:
    """Private names of elsewhere that a module imports or asks an object for."""
    tree = ast.parse(source)
    own = set(own_private_names(tree))
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=names):
                found += [alias.name for alias in names if private(alias.name)]
            case (
                ast.Attribute(value=ast.Name(id="self" | "cls"))
                | ast.Attribute(value=ast.Call(func=ast.Name(id="super")))
            ):
                pass
            case ast.Attribute(attr=name) if private(name) and name not in own:
                found.append(ast.unparse(node))
    return found


def in_the_package(check: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """What a check finds in each module where it finds anything."""
    found = {
        str(path.relative_to(PACKAGE)): check(path.read_text("utf8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    return {path: names for path, names in found.items() if names}


# ---------------------------------------------------------------------- floors


def test_a_module_imports_only_from_floors_below_its_own():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "breach", "said"),
    [
        ("layers", "from tinyvgg.figures import style", "tinyvgg.layers is not allowed to import"),
        ("deconv", "from tinyvgg import model", "tinyvgg.deconv is not allowed to import"),
        ("attic", "", "tinyvgg.attic"),
    ],
    ids=["upward", "sideways", "on no floor"],
)
def test_a_breach_of_the_floors_is_found(tmp_path, module, breach, said):
    python_only = shutil.ignore_patterns("*.npz", "*.js", "*.css", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "tinyvgg", ignore=python_only)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "tinyvgg" / f"{module}.py").open("a") as file:
        file.write(f"\n{breach}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert said in done.stdout


def test_the_top_of_the_package_is_seen_at_a_glance():
    modules = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert len(modules) <= MOST_AT_THE_TOP, modules


def test_the_way_in_names_everything_at_the_top():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf8")
    tree = re.search(r"```\n(tinyvgg/\n.*?)```", text, re.DOTALL).group(1)
    for path in PACKAGE.iterdir():
        if path.is_dir() and (path / "__init__.py").is_file():
            assert re.search(rf"(?m)^  {path.name}/ ", tree), f"{path.name}/ is not in the tree"
        elif path.suffix == ".py":
            assert re.search(rf"\b{path.stem}\b", tree), f"{path.stem} is not in the tree"


def test_every_file_that_the_way_in_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf8")
    named = re.findall(r"`((?:tinyvgg|tests|tools|notebooks|book)/[\w/.]*)`", text)
    assert "tinyvgg/backtracking.py" in named
    assert not [name for name in named if "NN" not in name and not (ROOT / name).exists()]
    for row in re.findall(r"(?m)^\| .* \| (.*) \|$", text):  # names after a path are beside it
        folder = re.search(r"`(tinyvgg/[\w/]*)", row)
        for name in re.findall(r"`(\w+\.py)`", row):
            path = ROOT / folder.group(1)
            assert (path / name).exists() or (path.parent / name).exists(), row


# ---------------------------------------------------------------------- nothing by name


def test_no_module_keeps_names_of_modules():
    assert in_the_package(module_names) == {}


def test_a_name_of_a_module_is_told_from_prose():
    source = '"""See tinyvgg.model."""\nCODE = ("tinyvgg.model", "tinyvgg.faces.split")'
    assert module_names(source) == ["tinyvgg.model", "tinyvgg.faces.split"]
    assert not module_names('prog = "python -m tinyvgg.bench"\nname = f"tinyvgg.studies.{x}"')


def test_no_module_reaches_into_another():
    assert in_the_package(reached_into) == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tinyvgg.model import _helper", ["_helper"]),
        ("study._recipe('face')", ["study._recipe"]),
        ("from tinyvgg import model\nmodel._helper()", ["model._helper"]),
        ("class A:\n    def _own(self): ...\n    def same(self, other): other._own()", []),
        ("row._asdict(), self._kept, super()._kept, module.__name__", []),
    ],
)
def test_reaching_into_another_module_is_found(source, found):
    assert reached_into(source) == found
