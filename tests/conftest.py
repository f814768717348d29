"""One small store and one small book for a whole test session, however many workers it has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
SESSION = "TINYVGG_TEST_SESSION"  # a folder of the session, shared with workers and kernels
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


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash.get(OWNER, False):
        shutil.rmtree(os.environ.pop(SESSION), ignore_errors=True)


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
