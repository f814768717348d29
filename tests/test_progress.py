"""Bars for people, lines for files."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pytest

START = """
import time
from tinyvgg.storage import progress
progress.EVERY = {every}
"""
COUNT = """
for _ in progress.progress_bar(range(400), desc="counting", unit="numbers", shown={shown}):
    time.sleep(0.001)
"""
GO_ON = """
with progress.progress_bar(desc="training", unit="batches", total=40, initial=30) as bar:
    bar.set_postfix({{"loss": "0.5"}}, refresh=False)
    bar.update(5)
"""
FAIL = """
with progress.progress_bar(desc="work", unit="steps", total=4) as bar:
    bar.update(1)
    raise SystemExit
"""


def run(code=COUNT, every=30, shown=True, stderr=subprocess.PIPE, **environment):
    """What some code writes of its progress."""
    whole = (START + code).format(every=every, shown=shown)
    variables = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"} | environment
    return subprocess.run(
        [sys.executable, "-c", whole], stderr=stderr, text=True, env=variables, check=True
    ).stderr


def test_short_work_leaves_one_line_in_a_file():
    assert run().splitlines() == ["counting: 100 %, 400 of 400 numbers, 00:00 so far, 00:00 to go"]


def test_long_work_leaves_a_line_now_and_then_each_with_what_is_to_go():
    *now_and_then, last = run(every=0.1).splitlines()
    assert 2 <= len(now_and_then) < 100  # of 400 steps
    shares = [int(line.split()[1]) for line in now_and_then]
    assert shares == sorted(shares) and 0 < shares[0] < 100
    assert last.startswith("counting: 100 %")
    assert not any("\r" in line for line in now_and_then)


@pytest.mark.parametrize("silent", [{"shown": False}, {"TQDM_DISABLE": "1"}])
def test_it_can_be_silenced(silent):
    assert run(**silent) == ""


def test_a_terminal_gets_a_bar_in_its_place():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    run(stderr=theirs)
    written = ""
    while not written.endswith("\n"):
        written += os.read(ours, 1000).decode()
    os.close(theirs)
    os.close(ours)
    assert "\r" in written and "400/400" in written


def test_what_is_done_already_counts_and_words_can_follow():
    last = run(GO_ON).splitlines()[-1]
    assert last.startswith("training: 88 %, 35 of 40 batches")
    assert last.endswith(", loss=0.5")


def test_an_error_ends_it_like_the_end():
    assert run(FAIL).startswith("work: 25 %, 1 of 4 steps")
