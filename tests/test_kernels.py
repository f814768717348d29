"""Kernels by fork: each is a process of its own, and knows nothing of the one before."""

from __future__ import annotations

import json
import os

import nbformat
import pytest

from tinyvgg.book import kernels
from tinyvgg.book.execute import KERNELS, BookError, execute
from tinyvgg.runs.jobs import Processes

STAMP = {"run": "0", "source": "0", "parameters": {}}


@pytest.fixture(scope="module")
def processes():
    made = Processes()
    yield made
    made.stop()


@pytest.fixture
def outputs(tmp_path, processes):
    """Executes cells in a kernel, and returns what each gave."""

    def run(*sources: str) -> list[str]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
        path = tmp_path / "folder" / "book.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        copy = tmp_path / "executed" / "book.ipynb"
        execute(path, copy, STAMP, processes)
        cells = json.loads(copy.read_text("utf8"))["cells"]
        return ["".join(o.get("text", "")) for cell in cells for o in cell["outputs"]]

    return run


def test_two_kernels_are_two_processes_with_modules_imported_and_nothing_else(outputs):
    look = "import os, sys; print(os.getpid(), 'torch' in sys.modules, 'left' in globals())"
    first, second = outputs(look, "left = 1; sys.left = 1")[0], outputs(look)[0]
    assert first.split()[1:] == second.split()[1:] == ["True", "False"]
    assert first.split()[0] != second.split()[0] != str(os.getpid())
    assert outputs("import sys; print(hasattr(sys, 'left'))") == ["False\n"]


def test_a_kernel_has_its_folder_its_environment_and_a_session_of_its_own(outputs, tmp_path):
    told = outputs(
        "import os; print(os.getcwd(), os.environ['TINYVGG_RUN'], os.getsid(0) == os.getpid())"
    )
    assert told == [f"{tmp_path / 'folder'} 0 True\n"]


def test_a_figure_is_shown_inline(outputs, tmp_path):
    outputs("import matplotlib.pyplot as plt; plt.plot([1, 2]);")
    cell = json.loads((tmp_path / "executed" / "book.ipynb").read_text("utf8"))["cells"][0]
    assert [sorted(o["data"]) for o in cell["outputs"]] == [["image/png", "text/plain"]]


def test_a_kernel_that_dies_is_an_error_with_its_last_words(outputs):
    with pytest.raises(BookError, match=r"(?s)book\.ipynb failed: .*died.*last words"):
        outputs("import os; os.write(2, b'last words'); os._exit(3)")
    assert outputs("print(1)") == ["1\n"]


def test_an_interrupt_reaches_a_kernel(outputs):
    words = outputs(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    import time; time.sleep(9)\n"
        "except KeyboardInterrupt:\n    print('stopped')"
    )
    assert words == ["stopped\n"]


def test_kernels_end_with_what_started_them(tmp_path):
    import subprocess
    import sys
    import time

    program = (
        "import json, pathlib, nbformat, threading\n"
        "from tinyvgg.book.execute import execute\n"
        "from tinyvgg.runs.jobs import Processes\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "cell = nbformat.v4.new_code_cell("
        f"\"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()));"
        ' time.sleep(60)")\n'
        "nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / 'a.ipynb')\n"
        f"execute(folder / 'a.ipynb', folder / 'b.ipynb', {STAMP!r}, Processes())\n"
    )
    started = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline and started.poll() is None
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    os.killpg(started.pid, 9)  # as the kernel of the system does when memory is short
    started.wait()
    while _runs(pid):
        assert time.monotonic() < deadline, "the kernel outlived what started it"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf8") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


def test_the_name_of_the_entry_point_is_that_which_is_asked_for():
    from importlib.metadata import entry_points

    (found,) = entry_points(group="jupyter_client.kernel_provisioners", name=KERNELS)
    assert found.load() is kernels.ForkedProvisioner
