"""The explorer for pages without Jupyter: its files, its links, its first steps."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import torch
from test_session import CLASSES, OPEN, of, world

from tinyvgg.explorer import Session, static
from tinyvgg.explorer.bundle import bundle
from tinyvgg.explorer.kept import kept_pack
from tinyvgg.explorer.link import encode
from tinyvgg.explorer.pack import fewest_bits, pack_gallery
from tinyvgg.explorer.state import Choice
from tinyvgg.explorer.steps import tour
from tinyvgg.storage.store import Store


@pytest.fixture(scope="module")
def small():
    return world()


@pytest.fixture
def session(small):
    session = of(small)
    session.choose(**OPEN)
    return session


def content(path) -> tuple[str, str]:
    """What a file hands to the page: its name and its content."""
    call = re.fullmatch(r"tinyvggExplorer\((.*)\);\n", path.read_text())
    return tuple(json.loads(f"[{call[1]}]"))


# ---------------------------------------------------------------------- files


def test_the_files_hand_over_the_program_and_each_pack(tmp_path):
    static.write_explorer(tmp_path / "explorer", {"face": b"\x00\xff", "emotion": b"abc"})
    found = {path.name for path in (tmp_path / "explorer").iterdir()}
    assert found == {"static.js", "explorer.css", "module.js", "face.js", "emotion.js"}
    assert content(tmp_path / "explorer" / "module.js") == ("module", bundle())
    name, text = content(tmp_path / "explorer" / "face.js")
    assert (name, base64.b64decode(text)) == ("face", b"\x00\xff")
    assert not (tmp_path / "explorer").stat().st_mode & 0o022


def test_the_folder_is_made_anew_and_never_half(tmp_path, monkeypatch):
    folder = tmp_path / "explorer"
    static.write_explorer(folder, {"face": b"1", "gaze": b"2"})
    static.write_explorer(folder, {"face": b"3"})
    assert not (folder / "gaze.js").exists()
    monkeypatch.setattr(static, "bundle", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        static.write_explorer(folder, {"face": b"4"})
    assert base64.b64decode(content(folder / "face.js")[1]) == b"3"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_pack_is_made_once_and_again_for_another_network(session, tmp_path, monkeypatch):
    gallery, store = session.state.gallery, Store(tmp_path)
    bits, pack = kept_pack(gallery, store)
    assert bits == fewest_bits(gallery.net, gallery.images)
    assert pack == pack_gallery(gallery, bits) == kept_pack(gallery)[1]
    with monkeypatch.context() as patch:
        patch.setattr("tinyvgg.explorer.kept.fewest_bits", lambda *_: 1 / 0)
        assert kept_pack(gallery, store) == (bits, pack)
    net, images, labels = world()
    with torch.no_grad():
        net.classifier[0].weight[0, 0] += 1
    assert kept_pack(Session(net, images, labels, CLASSES).state.gallery, store)[1] != pack


# ---------------------------------------------------------------------- links


def test_a_link_says_what_differs_from_the_beginning(session):
    session.reset()
    assert session.link == f"task=pictures&case={session.case}"
    session.choose(pixel_set="unique", random=True, draw=3, floor=0.5, percentile=80.0, strongest=2)
    assert session.link.endswith("&set=unique&random=1&draw=3&floor=0.5&percentile=80&strongest=2")


def test_pixels_by_hand_are_the_gaps_between_them():
    choice = Choice("face", 7, "hand", by_hand=(3, 4, 300, 20_000))
    gaps = base64.urlsafe_b64decode(encode(choice).partition("pixels=")[2] + "==")
    assert list(gaps) == [
        3,
        0,
        295 % 128 + 128,
        2,
        19_699 % 128 + 128,
        19_699 // 128 % 128 + 128,
        1,
    ]
    assert encode(Choice("face", 7, "hand")).endswith("&set=hand&pixels=")


# ---------------------------------------------------------------------- a tour


def test_a_tour_goes_from_the_mistake_through_the_set_and_its_control_to_ones_own(session):
    found = tour(session)
    choices = [step.choice for step in found.steps]
    assert len({choice.case for choice in choices}) == 1
    assert [(c.pixel_set, c.random) for c in choices] == [
        ("none", False), ("unique", False), ("unique", True), ("hand", False)
    ]  # fmt: skip
    assert session.state.choice == choices[0]
    for step in found.steps[:3]:
        fields = {name: getattr(step.choice, name) for name in ("case", "pixel_set", "random")}
        assert session.choose(**fields).sentence in step.said
        assert f'href="#explore:{encode(step.choice)}"'.replace("&", "&amp;") in step._repr_html_()


@pytest.mark.parametrize("seed", range(4))
def test_a_tour_takes_the_most_confident_case_that_only_the_set_mends(seed):
    session = of(world(seed))
    session.choose(**OPEN)
    mended = []
    pairs = [row for row, case in session.cases.items() if case.twin is not None]
    for row in pairs:
        state = session.choose(case=row, pixel_set="unique")
        true = state.case.true
        if state.without_chosen.argmax() == true != state.without_control.argmax():
            mended.append(row)
    found = tour(session)
    assert (found.cases, found.chosen_from) == (len(pairs), len(mended))
    assert found.steps[0].choice.case == (mended or pairs)[0]
    if found.fewest is not None:
        session.choose(case=session.case, pixel_set="unique")
        for strongest in range(1, found.fewest + 1):
            state = session.choose(strongest=strongest)
            assert (state.after.argmax() == state.case.true) == (strongest == found.fewest)


def test_a_tour_without_twins_takes_the_backtracked_set(small):
    net, images, _ = small
    session = Session(net, images, np.full(len(images), len(CLASSES) - 1), CLASSES)
    found = tour(session)
    assert found.blamed == "backtracked"
    assert found.steps[1].choice.pixel_set == "backtracked"
