"""The files around the package agree with each other."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import tinyvgg
from tinyvgg.book import build as book
from tinyvgg.book import execute as execution

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STRIP = [
    *("--keep-id", "--extra-keys"),
    "metadata.language_info metadata.papermill metadata.widgets "
    "cell.metadata.papermill cell.metadata.execution",
]


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text("utf8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins() -> dict[str, str]:
    return {
        canonicalize_name(n): v for n, v in (line.split("==") for line in lines("constraints.txt"))
    }


def requirements() -> list[Requirement]:
    optional = [name for extra in PROJECT["optional-dependencies"].values() for name in extra]
    return [Requirement(text) for text in PROJECT["dependencies"] + optional]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_package_is_pinned_twice():
    assert len(pins()) == len(lines("constraints.txt"))


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_every_dependency_has_a_pin_within_its_range(requirement):
    assert requirement.specifier, f"{requirement.name} has no range in pyproject.toml"
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_conda_installs_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf8"))
    python = next(d for d in environment["dependencies"] if str(d).startswith("python"))
    assert SpecifierSet(python.removeprefix("python").strip()) == SpecifierSet(
        PROJECT["requires-python"]
    )
    (pip,) = (d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    extras = ",".join(PROJECT["optional-dependencies"])
    assert pip[0] == f"torch=={pins()['torch']}", "torch comes first"
    assert pip[1] == "-c constraints.txt"
    wanted = re.fullmatch(r"-e \.\[(.*)\]", pip[2]).group(1)
    assert sorted(wanted.split(",")) == sorted(extras.split(","))


def test_make_installs_every_extra_after_torch():
    makefile = (ROOT / "Makefile").read_text("utf8")
    wanted = re.search(r"-c constraints.txt -e '\.\[(.*)\]'", makefile)
    assert sorted(wanted.group(1).split(",")) == sorted(PROJECT["optional-dependencies"])
    assert makefile.index("grep '^torch=='") < wanted.start()


def test_nothing_depends_on_torchvision():
    assert "torchvision" not in pins()


def test_scripts_are_pinned_and_the_lock_names_no_host():
    package = json.loads((ROOT / "package.json").read_text("utf8"))
    lock = (ROOT / "package-lock.json").read_text("utf8")
    for name, version in package["dependencies"].items():
        assert json.loads(lock)["packages"][f"node_modules/{name}"]["version"] == version
    assert '"resolved"' not in lock


def test_vendored_scripts_come_from_the_pinned_packages():
    package = json.loads((ROOT / "package.json").read_text("utf8"))
    for pattern in book.SCRIPTS:
        assert any(pattern.startswith(f"{name}/") for name in package["dependencies"])


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    package = json.loads((ROOT / "package.json").read_text("utf8"))
    assert citation["version"] == package["version"] == tinyvgg.__version__
    assert f"## {tinyvgg.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf8")


def test_table_of_contents_names_existing_pages_once():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    pages = book._files(contents)
    assert len(set(pages)) == len(pages)
    for page in pages:
        assert any((ROOT / f"{page}{suffix}").is_file() for suffix in (".md", ".ipynb", "")), page


def test_every_notebook_is_in_the_table_of_contents():
    assert sorted(book.notebooks(ROOT)) == NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
class TestNotebook:
    def test_names_the_kernel_that_every_environment_has(self, notebook):
        kernel = json.loads(notebook.read_text("utf8"))["metadata"]["kernelspec"]
        assert (kernel["name"], kernel["language"]) == ("python3", "python")

    def test_takes_the_parameters_of_a_run(self, notebook):
        declared = set(execution.declared_parameters(notebook))
        assert {"profile", "seed", "device"} <= declared
        assert declared & {"faces", "photographs"}

    def test_needs_no_network_but_those_it_names(self, notebook):
        """Else it would wait for a training that has just begun, in the place of another."""
        content = json.loads(notebook.read_text("utf8"))
        named = content["metadata"].get(execution.STAMP, {}).get("networks")
        if named is None:
            return
        code = ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
        asked = [
            ast.unparse(node.args[0]) if node.args else "every task"
            for source in code
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("network", "outcomes", "history", "best_epoch", "train")
        ]
        known = {repr("face" if name == "photographs" else name) for name in named}
        first = "task = study.tasks[0]"  # which is the face task where there is one
        known |= {"task"} if "face" in named and any(first in source for source in code) else set()
        assert set(asked) <= known
        assert not any("for task in study.tasks" in source for source in code)

    def test_has_one_title(self, notebook):
        cells = json.loads(notebook.read_text("utf8"))["cells"]
        words = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        titles = [t for text in words for t in re.findall(r"(?m)^# .+", text)]
        assert len(titles) == 1


def test_every_notebook_is_stripped():
    command = [sys.executable, "-m", "nbstripout", "--verify", *STRIP]
    done = subprocess.run([*command, *NOTEBOOKS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_strip_flags_are_the_same_everywhere():
    flags = f'--keep-id --extra-keys "{STRIP[-1]}"'
    for name in ("Makefile", ".pre-commit-config.yaml"):
        assert flags in (ROOT / name).read_text("utf8")


def test_no_file_names_a_registry_host_or_a_home():
    # put together here, so that this file does not name them either
    hosts = ["pypi" + ".org", "python" + "hosted", "npm" + "js", "/ho" + "me/", "/ro" + "ot/"]
    for path in tracked():
        if path.suffix in (".npz", ".png", ".jpg", ".webp"):
            continue
        text = path.read_text("utf8")
        assert not [host for host in hosts if host in text], path


def test_nothing_generated_is_committed():
    for path in tracked():
        top = path.relative_to(ROOT).parts[0]
        assert top not in ("_build", ".venv", "node_modules"), path
        assert "vendor" not in path.parts, path


def run_alone(script: str) -> None:
    """Run Python that has imported nothing yet; what it raises fails the test."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_rendering_faces_does_not_import_torch_and_public_names_are_there_when_asked_for():
    script = (
        "import sys, tinyvgg, tinyvgg.faces.synthetic\n"
        "assert 'torch' not in sys.modules, 'imported torch'\n"
        "assert set(tinyvgg.__all__) <= set(dir(tinyvgg)), 'dir() misses public names'\n"
        "assert not hasattr(tinyvgg, 'TinyVgg') and callable(tinyvgg.model.build)\n"
        "from tinyvgg import *\n"
        "assert Study is tinyvgg.Study is tinyvgg.runs.study.Study\n"
        "assert open_faces is tinyvgg.open_faces"
    )
    run_alone(script)
    homes = [name for names in tinyvgg._NAMES.values() for name in names]
    assert sorted(homes) == sorted([*tinyvgg.__all__, "Explorer"])


def test_the_package_imports_without_jupyter():
    script = (
        "import sys, tinyvgg.book.build, tinyvgg.__main__\n"
        "from tinyvgg import *\n"  # names are found when first asked for
        "found = [m for m in sys.modules if m.split('.')[0] in "
        "('jupyter_core', 'IPython', 'papermill', 'nbformat', 'traitlets', 'ipywidgets', "
        "'anywidget', 'sphinx')]\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    run_alone(script)
