"""The settings that decide on difficulty: all there, each with a reason, and frozen."""

from __future__ import annotations

import re

import pytest

from tinyvgg.faces.synthetic import settings
from tinyvgg.faces.synthetic.person import expression, shape
from tinyvgg.faces.synthetic.rendering import camera
from tinyvgg.faces.synthetic.settings import SETTINGS, settings_fingerprint

# Set once, before any network was trained on these faces, and never again.
FROZEN, FROZEN_ON = "735e4288fa9975c5766cd00493677025", "2026-11-22"


def test_settings_are_frozen():
    """They were fixed before any network was trained on these faces; see the data card."""
    assert settings_fingerprint() == FROZEN, f"settings frozen on {FROZEN_ON} were changed"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.title)
def test_every_setting_counts(setting, monkeypatch):
    before = settings_fingerprint()
    home = {"camera": camera, "expression": expression, "shape": shape}[setting.module]
    for name in setting.names:
        with monkeypatch.context() as patch:
            patch.setattr(home, name, _a_little_more(getattr(home, name)))
            assert settings_fingerprint() != before, name
    assert settings_fingerprint() == before


def _a_little_more(value):
    if isinstance(value, dict):
        return {**value, next(k for k in reversed(value)): _a_little_more([*value.values()][-1])}
    if isinstance(value, tuple):
        return (*value[:-1], _a_little_more(value[-1]))
    return value + 0.001


def test_no_setting_of_chance_is_left_out():
    """What `expression` draws with is listed: its names speak of jitter, gain and limits."""
    known = settings.settings()["expression"]
    spread = [n for n in vars(expression) if re.search("JITTER|GAIN|ACTION|LIMITS|SIDED|BLINK", n)]
    assert len(spread) >= 10
    assert set(spread) <= set(known)


def test_how_a_number_is_written_does_not_count(monkeypatch):
    before = settings_fingerprint()
    monkeypatch.setattr(expression, "SAD_GAZE_DROP", int(expression.SAD_GAZE_DROP))
    turned = dict(reversed(expression.ACTIONS.items()))
    monkeypatch.setattr(expression, "ACTIONS", turned)
    assert settings_fingerprint() == before


def test_the_table_gives_every_setting_a_value_and_a_reason():
    table = settings.settings_table()
    assert [row["setting"] for row in table] == [setting.title for setting in SETTINGS]
    for row in table:
        assert re.search(r"\d", row["values"]) and row["unit"] and row["reason"]
    (jitter,) = (row for row in table if "pose" in row["setting"])
    assert jitter["values"] == ", ".join(f"{x:g}" for x in expression.POSE_JITTER)
