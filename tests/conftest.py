"""One small store and one small book for a whole test session, however many workers it has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
SESSION = "TINYVGG_TEST_SESSION"  # a folder of the session, shared with workers and kernels
BOOKS = {"smoke_book", "built_book"}  # fixtures that wait for a book
OWNER = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    if SESSION not in os.environ:
        os.environ[SESSION] = tempfile.mkdtemp(prefix="tinyvgg-test-")
        config.stash[OWNER] = True
    quiet = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    small = {
        "TINYVGG_STORE": f"{os.environ[SESSION]}/store",
        "TINYVGG_PROFILE": "smoke",
        "TQDM_DISABLE": "1",
    }
    for name, value in {**quiet, **small}.items():
        os.environ.setdefault(name, value)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what makes the small book; what else reads it comes last.

    While one worker waits for the book, the others test what needs none, the files that take
    longest first; those that would have to wait too come when it is there.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def slow(path: Path) -> int:
        weights = {"long": 100, "slow": 1, "browser": 1}
        found = (
            [weights[mark.name] for mark in item.iter_markers() if mark.name in weights]
            for item in files[path]
        )
        return sum(max(each, default=0) for each in found)

    def readers(path: Path) -> int:
        return sum(not BOOKS.isdisjoint(getattr(i, "fixturenames", ())) for i in files[path])

    order = sorted(files, key=lambda path: (readers(path) > 0, -slow(path), -len(files[path])))
    if order:
        order.insert(0, max(order, key=readers))
    items[:] = [item for path in dict.fromkeys(order) for item in files[path]]


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash.get(OWNER, False):
        shutil.rmtree(os.environ.pop(SESSION), ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a test or its fixtures draw without a generator is the same in every run."""
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def smoke_book() -> Path:
    """The folder ``_build`` of a book made under the smoke profile by the command line."""
    folder = Path(os.environ[SESSION])
    outcome = folder / "book.json"
    with FileLock(folder / "book.lock"):
        if not outcome.exists():
            command = [sys.executable, "-m", "tinyvgg", "book", "--profile", "smoke"]
            made = subprocess.run(
                [*command, "--output", folder / "book"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            outcome.write_text(json.dumps([made.returncode, made.stdout]))
    code, said = json.loads(outcome.read_text())
    if code:
        pytest.fail(f"python -m tinyvgg book --profile smoke ended with {code}:\n{said}", False)
    return folder / "book" / "_build"


@pytest.fixture(scope="session")
def built_book(request: pytest.FixtureRequest) -> Path:
    """The folder ``_build`` of the book whose pages are tested: `smoke_book`, or one you name."""
    made = os.environ.get("TINYVGG_TEST_BOOK")
    return Path(made).resolve() if made else request.getfixturevalue("smoke_book")


@pytest.fixture(scope="session")
def world():
    """A network of many opinions, its outcomes, and their inputs; as `random_world` makes them."""
    from worlds import random_world

    return random_world()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of a few photographs that no test changes."""
    from photographs import a_few

    return a_few(tmp_path_factory.mktemp("rafd"))


@pytest.fixture(scope="module")
def small():
    """The network, pictures and labels of a small explorer."""
    import explorers

    return explorers.world()


@pytest.fixture
def session():
    """A session of such an explorer."""
    import explorers

    return explorers.opened()


@pytest.fixture
def one_thread():
    """Torch computes with one thread, so that the numbers do not depend on how many there are."""
    from tinyvgg.training.device import threads

    with threads(1):
        yield


@pytest.fixture
def short_studies(monkeypatch, tmp_path):
    """Long studies are short, and keep what they train in a store of their own."""
    import small_studies

    small_studies.shrink(monkeypatch, tmp_path / "store")


@pytest.fixture
def run(place, tmp_path, short_studies):
    """Makes the record of a long study of a few pictures."""
    import small_studies

    return small_studies.run(place, tmp_path)
