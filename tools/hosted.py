"""Install the package into a hosted kernel, such as Colab's or Kaggle's.

The first cell of a notebook runs this in the kernel itself, from a clone of the repository. What
the kernel has stays as it is; what it lacks comes at the tested version.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED = ("-e", f"{ROOT}[orl,digits]", "anywidget")


def lacking(constraints: str, installed: Iterable[str]) -> list[str]:
    """The pins of packages that are not installed."""
    there = {normalised(name) for name in installed}
    pins = [line for line in constraints.splitlines() if "==" in line and line[0] != "#"]
    return [pin for pin in pins if normalised(pin.partition("==")[0]) not in there]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def install() -> None:
    installed = [each.metadata["Name"] for each in distributions()]
    pins = lacking((ROOT / "constraints.txt").read_text("utf8"), filter(None, installed))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins))
        file.flush()
        command = [sys.executable, "-m", "pip", "install", "--quiet", "-c", file.name]
        subprocess.run([*command, *WANTED], check=True)
    sys.path.insert(0, str(ROOT))  # a kernel that runs does not see what pip adds to its path
    importlib.invalidate_caches()


if __name__ == "__main__":
    install()
