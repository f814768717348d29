"""The notebooks' execution, their stamps, the extension that shows them, the command line."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest

from tinyvgg import __main__ as command_line
from tinyvgg.book import build as book
from tinyvgg.book import execute as execution
from tinyvgg.book.execute import STAMP, BookError, read_stamp, source_hash
from tinyvgg.explorer.static import MOUNT, SCRIPT
from tinyvgg.runs.jobs import Job
from tinyvgg.runs.study import Study

ROOT = Path(__file__).resolve().parents[1]
IDENTITY = {
    "profile": "smoke",
    "faces": "synthetic",
    "seed": 0,
    "device": "cpu",
    "data": "da7a",
    "code": "c0de",
    "versions": {"python": "3.11.0", "torch": "2.13.0"},
}
PARAMETERS = 'profile = None\nfaces = "synthetic"\nseed = 0\ndevice = "auto"\n'


def notebook(*cells: str, own: str = "") -> nbformat.NotebookNode:
    """A notebook with a title, a cell of parameters, and code."""
    v4 = nbformat.v4
    parameters = v4.new_code_cell(PARAMETERS + own, metadata={"tags": ["parameters"]})
    made = v4.new_notebook(
        cells=[v4.new_markdown_cell("# Title"), parameters, *map(v4.new_code_cell, cells)],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    )
    return made


class Root:
    """A small repository: contents, two notebooks, a folder for what is made."""

    def __init__(self, folder: Path):
        self.folder, self.output = folder, folder / "out"
        (folder / "notebooks").mkdir(parents=True)
        contents = ["format: jb-book", "root: book/intro", "parts:", "- chapters:"]
        contents += ["  - file: notebooks/01_one", "  - file: notebooks/02_two.ipynb"]
        (folder / "_toc.yml").write_text("\n".join(contents))
        self.write("01_one", notebook("print(profile, seed)"))
        self.write("02_two", notebook("import os\nprint(cases, os.getcwd())", own="cases = 3"))

    def write(self, name: str, content: nbformat.NotebookNode) -> None:
        nbformat.write(content, self.folder / "notebooks" / f"{name}.ipynb")

    def copy(self, name: str) -> Path:
        return self.output / "_build" / "executed" / "notebooks" / f"{name}.ipynb"

    def build(self, **options) -> dict:
        given = {"profile": "smoke", "device": "cpu", **options}
        return book.build(root=self.folder, output=self.output, **given)


@pytest.fixture
def prepared(monkeypatch, tmp_path):
    """A study that costs nothing, no scripts, no binding; what was asked is recorded."""
    asked = SimpleNamespace(identity=dict(IDENTITY), missing=[], trained=0, bound=0, executed=[])

    class Study:
        def __init__(self, profile, faces, seed, device, unseen_subjects):
            if profile not in ("smoke", None):
                raise ValueError(f"unknown profile {profile!r}: choose one of smoke")
            self.source, table = faces, {"subject": [0, 0], "emotion": [None] * 2}
            table = pd.DataFrame(table | {"gaze": ["left", "right"], "angle": [90, 90]})
            self.faces = SimpleNamespace(table=table)
            self.tasks, self.store = ("face",), SimpleNamespace(root=tmp_path / "store")
            asked.identity |= {"faces": faces, "seed": seed}

        def networks(self):
            asked.trained += 1
            return {job.name: (self, job.name) for job in asked.missing}

        def identity(self):
            return asked.identity

        def recipe(self, task):
            return {"task": task}

    def bind(root, output):
        asked.bound += 1

    monkeypatch.setitem(sys.modules, "tinyvgg.runs.study", SimpleNamespace(Study=Study))

    def training_jobs(networks):
        return [job for job in asked.missing if job.name in networks]

    monkeypatch.setattr(book, "training_jobs", training_jobs)
    monkeypatch.setattr("tinyvgg.book.forecast.outlook", lambda *_: "about a minute")
    monkeypatch.setattr(book, "accuracy", lambda study, task: f"{task}: all right")
    monkeypatch.setattr(book, "vendor_scripts", lambda root: None)
    monkeypatch.setattr(book, "_bind", bind)
    return asked


@pytest.fixture
def pretended(prepared, monkeypatch):
    """As `prepared`, and a notebook is only copied and stamped."""

    def execute(source, copy, stamp, processes):
        prepared.executed.append(source.stem)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = json.loads(source.read_text())
        content["metadata"][STAMP] = {**stamp, "seconds": 1.5}
        copy.write_text(json.dumps(content))
        return 1.5

    monkeypatch.setattr(execution, "execute", execute)
    return prepared


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path / "root")


# ---------------------------------------------------------------------- what is refused


def test_unknown_parameter_is_refused_with_the_known_ones(root, pretended):
    with pytest.raises(ValueError, match=r"unknown parameter 'sedd'; .*cases.*seed"):
        root.build(parameters={"sedd": 3})
    assert not pretended.executed


def test_parameters_of_the_run_are_not_given_twice(root, pretended):
    with pytest.raises(ValueError, match="seed is a parameter of the whole run"):
        root.build(parameters={"seed": 3})


def test_unknown_notebook_is_refused_with_the_known_ones(root, pretended):
    with pytest.raises(ValueError, match="unknown notebook '03': choose among 01_one, 02_two"):
        root.build(only=["03"])


def test_unknown_profile_is_refused_before_anything_runs(root, pretended):
    with pytest.raises(ValueError, match="unknown profile 'smok'"):
        root.build(profile="smok")
    assert not root.output.exists()


def test_a_notebook_of_the_contents_that_is_missing_is_named(root, pretended):
    (root.folder / "notebooks" / "01_one.ipynb").unlink()
    with pytest.raises(FileNotFoundError, match=r"names notebooks/01_one, but .* does not exist"):
        root.build()


def test_a_folder_that_holds_no_book_is_refused(tmp_path, pretended):
    with pytest.raises(FileNotFoundError, match="from a clone of the repository"):
        book.build("smoke", root=tmp_path)


def test_scripts_that_npm_did_not_bring_are_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"mathjax/es5/tex-mml-chtml\.js does not exist: run `npm ci"
    ):
        book.vendor_scripts(tmp_path)


def test_scripts_are_copied_where_pages_look_for_them(tmp_path):
    for pattern in book.SCRIPTS:
        file = tmp_path / "node_modules" / pattern.replace("*", "some")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pattern)
    book.vendor_scripts(tmp_path)
    vendor = tmp_path / "book/_static/vendor"
    script = vendor / "mathjax/tex-mml-chtml.js"
    assert script.read_text() == "mathjax/es5/tex-mml-chtml.js"
    assert (vendor / "mathjax/output/chtml/fonts/woff-v2/some.woff").is_file()


# ---------------------------------------------------------------------- stamps and reuse


def test_a_second_build_executes_nothing_and_says_so(root, pretended):
    root.build()
    again = root.build()
    assert pretended.executed == ["01_one", "02_two"]
    assert again["notebooks"]["01_one"] == {"seconds": 1.5, "reused": True}
    assert pretended.bound == 2


def test_a_changed_notebook_is_executed_again_and_only_it(root, pretended):
    root.build()
    root.write("02_two", notebook("print('other')", own="cases = 3"))
    done = root.build()["notebooks"]
    assert pretended.executed == ["01_one", "02_two", "02_two"]
    assert [done[name]["reused"] for name in done] == [True, False]


def test_outputs_and_ids_left_in_a_source_do_not_count_as_a_change(root, pretended):
    root.build()
    path = root.folder / "notebooks" / "01_one.ipynb"
    content = nbformat.read(path, 4)
    content.cells[2].outputs = [nbformat.v4.new_output("stream", text="left here")]
    content.cells[2].execution_count = 7
    content.cells[2].id = "another"
    content.metadata["widgets"] = {}
    nbformat.write(content, path)
    root.build()
    assert pretended.executed == ["01_one", "02_two"]


@pytest.mark.parametrize("change", ["tags", "mystnb", "source", "type"])
def test_what_a_page_shows_counts_as_a_change(change):
    before, after = notebook("1"), notebook("1")
    match change:
        case "tags":
            after.cells[2].metadata["tags"] = ["hide-input"]
        case "mystnb":
            after.cells[2].metadata["mystnb"] = {"figure": {"caption": "New"}}
        case "source":
            after.cells[2].source = "2"
        case "type":
            after.cells[2] = nbformat.v4.new_markdown_cell("1")
    assert source_hash(nbformat.writes(before)) != source_hash(nbformat.writes(after))


def test_another_run_executes_everything_again(root, pretended):
    first = root.build()["run"]
    pretended.identity["data"] = "other"
    assert root.build()["run"] != first
    assert pretended.executed == ["01_one", "02_two"] * 2


def test_another_package_is_another_run(monkeypatch):
    before = book.run_id(IDENTITY)
    monkeypatch.setattr(book, "package_source", lambda: {"figures.py": "changed"})
    assert book.run_id(IDENTITY) != before


def test_a_parameter_reaches_the_notebooks_that_declare_it_and_no_other(root, pretended):
    root.build(parameters={"cases": 5})
    one, two = (read_stamp(root.copy(name))["parameters"] for name in ("01_one", "02_two"))
    run = {"profile": "smoke", "faces": "synthetic", "seed": 0, "device": "cpu"}
    assert one == run
    assert two == {**run, "cases": 5}


def test_only_executes_some_and_binds_nothing(root, pretended):
    root.build(only=["02"])
    assert pretended.executed == ["02_two"]
    assert (pretended.bound, pretended.trained) == (0, 0)
    assert not (root.output / "_build" / "run.json").exists()


def test_half_a_copy_is_no_copy(root, pretended):
    root.build()
    copy = root.copy("01_one")
    copy.write_text(copy.read_text()[:100])
    root.build()
    assert pretended.executed == ["01_one", "02_two", "01_one"]


def test_run_json_says_what_the_run_was(root, pretended):
    root.build(seed=4)
    record = json.loads((root.output / "_build" / "run.json").read_text())
    expected = {"profile", "faces", "seed", "device", "commit", "data", "versions", "seconds"}
    assert expected | {"notebooks", "started", "run"} <= set(record)
    assert record["seed"] == 4
    assert record["seconds"] >= 0
    assert record["notebooks"]["01_one"] == {"seconds": 1.5, "reused": False}
    assert not list((root.output / "_build").glob(".run.json*"))


def test_the_commit_tells_a_changed_checkout_from_a_clean_one(tmp_path):
    assert book.commit(tmp_path) == "unknown"
    me = ["-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    git = ["git", "-C", tmp_path, *me]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("1")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "One"], check=True)
    clean = book.commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert book.commit(tmp_path) == f"{clean}-dirty"


# ---------------------------------------------------------------------- what waits for what


def needing(*networks: str) -> nbformat.NotebookNode:
    made = notebook("1")
    made.metadata["tinyvgg"] = {"networks": list(networks)}
    return made


def planned(root, networks=("face", "emotion", "photographs")):
    paths = book.notebooks(root.folder)
    declared = {path: ["profile", "seed"] for path in paths}
    jobs = execution.plan(paths, {"seed": 0}, declared, "r", root.output, frozenset(networks))[1]
    return {job.name: sorted(job.needs) for job in jobs}


def test_a_notebook_waits_for_the_networks_it_names_or_for_those_of_the_faces(root):
    root.write("02_two", needing("photographs"))
    assert planned(root) == {"02_two": ["photographs"], "01_one": ["emotion", "face"]}


def test_notebooks_that_wait_for_fewer_networks_come_first_and_else_the_order_stays(root):
    assert list(planned(root)) == ["01_one", "02_two"]
    root.write("02_two", needing())
    assert list(planned(root)) == ["02_two", "01_one"]
    assert list(planned(root, networks=())) == ["01_one", "02_two"]


def test_what_others_find_in_the_store_is_computed_first(root):
    second = notebook("1")
    second.metadata["tinyvgg"] = {"early": True}
    root.write("02_two", second)
    assert list(planned(root)) == ["02_two", "01_one"]


def test_a_network_with_two_names_is_trained_once():
    faces = Study("smoke")
    networks = {"emotion": (faces, "emotion"), "face": (faces, "face")}
    assert book.distinct(networks) == networks
    assert list(book.distinct(networks | {"photographs": (Study("smoke"), "face")})) == [*networks]
    assert list(book.distinct({"photographs": networks["face"], **networks})) == [
        "photographs",
        "emotion",
    ]


def test_a_network_that_the_book_does_not_train_is_refused(root):
    root.write("02_two", needing("faces"))
    with pytest.raises(ValueError, match=r"02_two\.ipynb needs an unknown network faces: choose"):
        planned(root)


def test_what_a_notebook_needs_does_not_count_as_a_change_of_it(root):
    before = notebook("1")
    assert source_hash(nbformat.writes(before)) == source_hash(nbformat.writes(needing("face")))


def test_a_notebook_runs_while_a_network_that_it_does_not_need_is_trained(root, pretended):
    root.write("02_two", needing("face"))
    ready = threading.Event()

    def emotion(processes):
        assert ready.wait(20), "02_two did not run beside the training"
        return 1.0

    def watch(source, copy, stamp, processes, execute=execution.execute):
        if source.stem == "02_two":
            ready.set()
        return execute(source, copy, stamp, processes)

    pretended.missing = [Job("emotion", emotion), Job("face", lambda processes: 1.0)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "execute", watch)
        patch.setattr(book, "at_a_time", lambda: 2)
        root.build()
    assert pretended.executed == ["02_two", "01_one"]


def test_a_training_that_fails_stops_the_build(root, pretended):
    def fail(processes):
        raise BookError("training failed, as said above")

    pretended.missing = [Job("emotion", fail)]
    with pytest.raises(BookError, match="training failed"):
        root.build()
    assert not pretended.executed and not pretended.bound


# ---------------------------------------------------------------------- execution


@pytest.mark.slow
def test_an_executed_copy_is_stamped_and_names_no_absolute_path(root, prepared):
    root.write(
        "02_two",
        notebook("import os\nprint(cases, os.path.basename(os.getcwd()))", own="cases = 3"),
    )
    root.build(parameters={"cases": 5}, seed=2)
    copy = json.loads(root.copy("02_two").read_text())
    (printed,) = copy["cells"][-1]["outputs"]
    assert printed["text"] == ["5 notebooks\n"]
    stamp = copy["metadata"][STAMP]
    assert stamp["parameters"] == {
        "profile": "smoke", "faces": "synthetic", "seed": 2, "device": "cpu", "cases": 5
    }  # fmt: skip
    assert stamp["seconds"] > 0
    assert str(root.folder) not in root.copy("02_two").read_text()
    assert sorted(p.name for p in root.copy("x").parent.iterdir()) == [
        "01_one.ipynb",
        "02_two.ipynb",
    ]
    assert {p.suffix for p in (root.folder / "notebooks").iterdir()} == {".ipynb"}


@pytest.mark.slow
def test_a_page_that_these_pictures_do_not_allow_says_so(root, prepared):
    code = "class LabelsMissing(ValueError):\n    pass\nraise LabelsMissing('It needs gazes.')"
    root.write("02_two", notebook(code, own="cases = 3"))
    made = root.build()
    assert made["labels"] == {"subject": True, "emotion": False, "gaze": True, "angle": True}
    (cell,) = json.loads(root.copy("02_two").read_text())["cells"]
    assert "".join(cell["source"]).startswith("# Title\n\n```{note}\nIt needs gazes.")
    assert prepared.bound == 1 and root.build()["notebooks"]["02_two"]["reused"]


def test_a_failing_notebook_costs_no_other(root, prepared):
    root.write("01_one", notebook("1 / 0"))
    with pytest.raises(BookError, match=r"1 of 2 notebooks failed .the others .* are kept") as told:
        root.build()
    assert "01_one.ipynb failed" in str(told.value) and "ZeroDivisionError" in str(told.value)
    assert root.copy("02_two").exists() and not prepared.bound


def test_a_failing_notebook_is_named_and_kept_under_another_name(root, prepared):
    root.build(only=["01"])  # beside a failing notebook it may not come to its end
    root.write("02_two", notebook("pixels = []\npixels[3]", own="cases = 3"))
    with pytest.raises(
        BookError,
        match=r"02_two\.ipynb failed: cell \d \('pixels = \[\]'\): IndexError: list",
    ):
        root.build()
    assert not root.copy("02_two").exists()
    assert root.copy("02_two.failed").exists()
    assert not prepared.bound
    root.write("02_two", notebook("1", own="cases = 3"))
    assert root.build()["notebooks"]["01_one"]["reused"]
    assert not root.copy("02_two.failed").exists()


def test_of_a_kernel_that_dies_what_came_before_is_kept(root, prepared):
    root.write("02_two", notebook("print('so far')", "import os\nos._exit(3)"))
    with pytest.raises(BookError, match=r"02_two\.ipynb failed: .*[Kk]ernel died"):
        root.build(only=["02"])
    assert not root.copy("02_two").exists()
    assert "so far" in root.copy("02_two.failed").read_text()


# ---------------------------------------------------------------------- the extension


class Site:
    """A Sphinx project with one notebook, its executed copy and run.json."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.source = folder / "index.ipynb"
        self.copy = folder / "_build" / "executed" / "index.ipynb"
        self.copy.parent.mkdir(parents=True)
        content = notebook("print(6 * 7)")
        nbformat.write(content, self.source)
        stamp = {
            "run": "r1",
            "source": source_hash(self.source.read_text()),
            "seconds": 75,
        }
        injected = nbformat.v4.new_code_cell(
            "# Parameters\nseed = 9", metadata={"tags": ["injected-parameters"]}
        )
        content.cells.insert(2, injected)
        content.cells[3].outputs = [nbformat.v4.new_output("stream", text="42\n")]
        content.metadata[STAMP] = stamp
        nbformat.write(content, self.copy)
        self.run = folder / "_build" / "run.json"
        notebooks = {"index": {"seconds": 75.2, "reused": False}}
        record = {**IDENTITY, "run": "r1", "seconds": 130.0, "notebooks": notebooks}
        self.run.write_text(json.dumps(record))

    def show(self, **data) -> None:
        """Let the executed cell show something, and leave the state of widgets behind."""
        content = nbformat.read(self.copy, 4)
        mime = {name.replace("_", "/", 1): value for name, value in data.items()}
        mime["application/vnd.jupyter.widget-view+json"] = {"model_id": "m1"}
        content.cells[3].outputs = [nbformat.v4.new_output("display_data", data=mime)]
        states = {"state": {"m1": {"model_name": "AnyModel"}}, "version_major": 2}
        content.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": states}
        nbformat.write(content, self.copy)

    def html(self) -> tuple[str, str]:
        """The page, and Sphinx's warnings."""
        from sphinx.application import Sphinx
        from sphinx.util.docutils import docutils_namespace, patch_docutils

        settings = {
            "extensions": ["myst_nb", "executed"],
            "nb_execution_mode": "off",
            "exclude_patterns": ["_build"],
        }
        html, warnings = self.folder / "_build" / "html", StringIO()
        with patch_docutils(self.folder), docutils_namespace():
            app = Sphinx(
                self.folder,
                None,
                html,
                self.folder / "_build" / "doctrees",
                "html",
                confoverrides=settings,
                status=None,
                warning=warnings,
                freshenv=True,
            )
            app.build(force_all=True)
        pages = (page for page in html.glob("*.html") if page.stem in ("index", "run"))
        return "".join(page.read_text() for page in pages), warnings.getvalue()


@pytest.fixture
def site(tmp_path, monkeypatch):
    pytest.importorskip("myst_nb")
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    monkeypatch.delenv("TINYVGG_EXECUTED", raising=False)
    yield Site(tmp_path)
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("sphinx")]:
        logging.getLogger(name).handlers.clear()


def test_a_page_shows_the_executed_copy_without_papermills_cell(site):
    page, warnings = site.html()
    assert "42" in page
    assert "seed = 9" not in page and "# Parameters" not in page
    assert not warnings


def test_a_glued_number_that_is_missing_is_a_dash(site):
    v4 = nbformat.v4
    content = nbformat.read(site.source, 4)
    words = "Found {glue:text}`lost:+.1f` % of {glue:text}`kept:.1f` in {glue:text}`name`."
    content.cells.append(v4.new_markdown_cell(words))
    nbformat.write(content, site.source)
    executed = nbformat.read(site.copy, 4)
    values = {"lost": "nan", "kept": "2.5", "name": "'nan-na'"}
    for key, text in values.items():
        kept = {"scrapbook": {"name": key, "mime_prefix": "application/papermill.record/"}}
        mime = {"application/papermill.record/text/plain": text}
        executed.cells[3].outputs.append(v4.new_output("display_data", data=mime, metadata=kept))
    executed.cells.append(content.cells[-1])
    executed.metadata[STAMP]["source"] = source_hash(site.source.read_text())
    nbformat.write(executed, site.copy)
    page, warnings = site.html()
    assert not warnings
    assert '<span class="pasted-text">–</span> % of' in page
    assert '<span class="pasted-text">2.5</span> in' in page
    assert "nan-na" in page


@pytest.mark.parametrize(
    ("faces", "left"),
    [
        ("synthetic", "We see faces. They are {glue:text}`synthetic`. The end."),
        ("rafd:/faces", "We see faces. The end."),
    ],
)
def test_what_is_said_of_synthetic_faces_is_left_out_of_a_book_of_others(
    tmp_path, monkeypatch, faces, left
):
    pytest.importorskip("myst_nb")
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    monkeypatch.delenv("TINYVGG_EXECUTED", raising=False)
    import executed

    content = notebook("print(6 * 7)")
    words = "We see faces. They are {glue:text}`synthetic`. The end."
    content.cells.append(nbformat.v4.new_markdown_cell(words))
    name = "notebooks/01_one"
    copy = tmp_path / "_build" / "executed" / f"{name}.ipynb"
    for path in (copy, tmp_path / f"{name}.ipynb"):
        path.parent.mkdir(parents=True)
        nbformat.write(content, path)
    labels = dict.fromkeys(("subject", "emotion", "gaze", "angle"), True)
    (tmp_path / "_build" / "run.json").write_text(json.dumps({"faces": faces, "labels": labels}))
    app = SimpleNamespace(
        confdir=tmp_path,
        srcdir=tmp_path,
        outdir=tmp_path / "html",
        builder=SimpleNamespace(name="html"),
        config=SimpleNamespace(tinyvgg_executed="_build/executed"),
        env=SimpleNamespace(doc2path=lambda _: f"{name}.ipynb", note_dependency=lambda _: None),
    )
    source = [copy.read_text("utf8")]
    executed.show_executed(app, name, source)
    first, *_, last = json.loads(source[0])["cells"]
    assert "".join(last["source"]) == left
    assert "".join(first["source"]) == "# Title", "no label is missing, so there is no note"


EXPLORER = f'<div class="{MOUNT}" data-explorer="{{}}">still</div>'


def test_a_widget_is_shown_by_its_html_and_needs_none_of_jupyters_scripts(site):
    site.show(text_html="<p>how it looks</p>")
    page, warnings = site.html()
    assert not warnings
    assert "<p>how it looks</p>" in page
    assert not any(word in page for word in ("model_id", "AnyModel", "require", "widget"))


def test_a_widget_that_gives_no_html_is_a_warning(site):
    site.show(text_plain="Slider()")
    assert "a widget that gives no HTML of itself" in site.html()[1]


def test_a_page_with_an_explorer_and_only_it_loads_its_scripts(site):
    folder = site.folder / "_build" / "explorer"
    folder.mkdir()
    (folder / SCRIPT).write_text("// here")
    (site.folder / "run.md").write_text("---\norphan: true\n---\n# Run\n")
    site.show(text_html=EXPLORER)
    page, warnings = site.html()
    assert not warnings
    assert page.count(f"_static/explorer/{SCRIPT}") == 1
    html = site.folder / "_build" / "html"
    assert f"_static/explorer/{SCRIPT}" in (html / "index.html").read_text()
    assert (html / "_static" / "explorer" / SCRIPT).read_text() == "// here"


def test_an_explorer_without_its_files_is_a_warning(site):
    site.show(text_html=EXPLORER)
    assert "there is no explorer in" in site.html()[1]


def test_a_missing_copy_is_a_warning(site):
    site.copy.unlink()
    assert "there is no executed copy" in site.html()[1]


def test_a_notebook_changed_after_its_execution_is_a_warning(site):
    nbformat.write(notebook("print(6 * 8)"), site.source)
    assert "changed after it was executed" in site.html()[1]


def test_a_copy_of_another_run_is_a_warning(site):
    site.run.write_text(site.run.read_text().replace("r1", "r2"))
    assert "is of run r1, the book of run r2" in site.html()[1]


def test_the_environment_names_another_folder_of_copies(site, monkeypatch):
    elsewhere = site.folder / "_build" / "elsewhere"
    site.copy.parent.rename(elsewhere)
    monkeypatch.setenv("TINYVGG_EXECUTED", str(elsewhere))
    page, warnings = site.html()
    assert "42" in page and not warnings


def test_the_identity_of_the_run_is_shown(site):
    parts = "".join(
        f"```{{run-identity}} {p}\n```\n" for p in ("identity", "versions", "notebooks")
    )
    (site.folder / "run.md").write_text(f"---\norphan: true\n---\n# Run\n{parts}")
    page, warnings = site.html()
    for word in ("da7a", "2.13.0", "1:15", "2:10"):
        assert word in page
    assert not warnings


def test_an_unknown_part_of_the_identity_is_an_error(site):
    (site.folder / "run.md").write_text(
        "---\norphan: true\n---\n# Run\n```{run-identity} all\n```\n"
    )
    assert "unknown part 'all'" in site.html()[1]


# ---------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    "command",
    [
        ["book"],
        ["faces", "info"],
        ["faces", "show"],
        ["faces", "export"],
        ["train"],
        ["study", "difficulty"],
        ["study", "seeds"],
        ["study", "discussion"],
        ["study", "augmentation"],
    ],
    ids=" ".join,
)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main([*command, "--help"])
    assert stop.value.code == 0
    assert f"example:\n  python -m tinyvgg {' '.join(command)} " in capsys.readouterr().out


def test_bad_input_is_one_line_and_no_traceback(capsys, pretended):
    assert command_line.main(["book", "--profile", "huge"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tinyvgg: unknown profile 'huge'")
    assert len(said.splitlines()) == 1


def test_the_book_command_prints_each_notebook_and_the_whole(root, pretended, capsys, monkeypatch):
    build = book.build
    monkeypatch.setattr(book, "build", lambda **options: build(root=root.folder, **options))
    code = command_line.main(
        ["book", "--profile", "smoke", "--output", str(root.output), "-p", "cases", "7"]
    )
    assert code == 0
    assert read_stamp(root.copy("02_two"))["parameters"]["cases"] == 7
    said = capsys.readouterr().out
    assert "01_one" in said and "s in total" in said


# ---------------------------------------------------------------------- end to end


@pytest.mark.slow
def test_the_small_book_is_whole(smoke_book):
    record = json.loads((smoke_book / "run.json").read_text())
    assert record["profile"] == "smoke"
    names = [path.stem for path in book.notebooks(ROOT)]
    assert list(record["notebooks"]) == names
    for name in names:
        copy = smoke_book / "executed" / "notebooks" / f"{name}.ipynb"
        assert read_stamp(copy)["run"] == record["run"]
        assert (smoke_book / "html" / "notebooks" / f"{name}.html").is_file()
    assert sum(notebook["seconds"] for notebook in record["notebooks"].values()) >= 0
    assert record["seconds"] < 600


@pytest.mark.slow
def test_files_that_no_page_loads_are_left_out(smoke_book):
    static = smoke_book / "html" / "_static"
    assert (static / "styles" / "bootstrap.css").is_file()
    assert not [*static.rglob("*.map"), *static.rglob("*.ttf")]


@pytest.mark.slow
def test_the_small_book_names_no_path_of_this_machine(smoke_book):
    for copy in (smoke_book / "executed").rglob("*.ipynb"):
        content = json.loads(copy.read_text())
        assert str(smoke_book) not in json.dumps(content["metadata"])
        assert str(ROOT) not in json.dumps(content["metadata"])


# ---------------------------------------------------------------------- the same twice


def execute_again(notebooks: list[Path], store: Path) -> subprocess.CompletedProcess[str]:
    """Let nbval execute notebooks, and compare what cells tagged ``nbval-check-output`` print."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env"]
    alone = ["-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", notebooks[0].parent]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [*command, *alone, *notebooks],
        capture_output=True,
        text=True,
        cwd=notebooks[0].parent,
        env={**kept, "TINYVGG_STORE": str(store)},
    )


def test_a_marked_output_that_comes_out_another_is_found(tmp_path):
    content = notebook("print(7)", "print(7)", "print(7)")
    for cell, text, marked in zip(content.cells[2:], "788", (True, False, True), strict=True):
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{text}\n")]
        cell.execution_count = 1
        cell.metadata["tags"] = ["nbval-check-output"] if marked else []
    path = tmp_path / "executed.ipynb"
    nbformat.write(content, path)
    done = execute_again([path], tmp_path / "store")
    assert done.returncode == 1 and "1 failed, 3 passed" in done.stdout, done.stdout


@pytest.mark.twice
def test_cells_that_must_come_out_the_same_do(smoke_book, tmp_path):
    """With a store of its own: the networks are trained again, and all that follows from them."""
    copies = sorted((smoke_book / "executed" / "notebooks").glob("*.ipynb"))
    marked = [copy for copy in copies if "nbval-check-output" in copy.read_text("utf8")]
    assert marked, "no notebook has a cell tagged nbval-check-output"
    done = execute_again(marked, tmp_path / "store")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
