"""The explorer in a page without Jupyter: from a file, with a link, without scripts."""

from __future__ import annotations

from importlib.resources import files

import pytest
from explorers import CLASSES, OPEN, link_of, world
from serving import serve, settle

from tinyvgg.explorer import Session, pack
from tinyvgg.explorer.gallery import gallery_of
from tinyvgg.explorer.link import encode
from tinyvgg.explorer.pack import cached_pack, rounded
from tinyvgg.explorer.session import INPUTS
from tinyvgg.explorer.snapshot import first_paint
from tinyvgg.explorer.state import Choice
from tinyvgg.explorer.static import SCRIPT, STYLE, write_explorer

pytestmark = pytest.mark.browser

PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorer</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="explorer/{STYLE}">
<script defer src="explorer/{SCRIPT}"></script>"""


@pytest.fixture(scope="module")
def galleries():
    found = {}
    for seed, task in enumerate(("face", "emotion")):
        gallery = gallery_of(*world(seed), CLASSES, task)
        found[task] = gallery, *cached_pack(gallery)
    return found


@pytest.fixture(scope="module")
def modules():
    """Where the program's modules can be imported one by one."""
    with serve(files("tinyvgg.explorer") / "web") as address:
        yield f"{address}/explorer.css"


@pytest.fixture
def session(galleries):
    session = Session({task: rounded(g, bits) for task, (g, bits, _) in galleries.items()})
    session.choose(task="emotion", **OPEN)
    session.choose(pixel_set="unique")
    return session


@pytest.fixture
def folder(galleries, session, tmp_path):
    write_explorer(tmp_path / "explorer", {task: pack for task, (_, _, pack) in galleries.items()})
    (tmp_path / "index.html").write_text(f"{PAGE}<h1>Above</h1>{first_paint(session)}", "utf8")
    return tmp_path


class Page:
    """The page, opened from the disk, and what it asked for and complained of."""

    def __init__(self, chromium, folder, fragment="", **settings):
        self.context = chromium.new_context(**settings)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.address = (folder / "index.html").as_uri()
        self.page.goto(f"{self.address}{fragment}")

    def packs(self) -> list[str]:
        names = [address.rpartition("/")[2] for address in self.asked]
        return [name for name in names if name in ("face.js", "emotion.js")]

    def said(self) -> str:
        sentence = self.page.locator(".tve-sentence")
        sentence.wait_for()
        return sentence.inner_text()

    def context_line(self) -> str:
        return self.page.locator(".tve-context").inner_text()

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()
        settle(self.page)

    def go(self, fragment: str) -> None:
        self.page.evaluate("to => { location.hash = to; }", fragment)
        settle(self.page)


@pytest.fixture
def open_page(chromium, folder):
    opened = []

    def open_one(fragment: str = "", **settings) -> Page:
        opened.append(Page(chromium, folder, fragment, **settings))
        return opened[-1]

    yield open_one
    for each in opened:
        each.context.close()
        assert not each.wrong
        assert all(url.startswith(("file:", "data:", "blob:")) for url in each.asked)


def test_it_begins_with_the_state_that_was_executed(open_page, session):
    page = open_page()
    assert page.said() == session.state.sentence
    assert page.page.locator("img").count() == 0  # the first paint has gone


def test_a_task_is_loaded_when_it_is_wanted_and_once(open_page, session):
    page = open_page()
    page.said()
    assert page.packs() == ["emotion.js"]
    session.choose(task="face", **OPEN)
    page.go(f"#explore:{session.link}")
    page.page.get_by_text(session.state.sentence, exact=True).first.wait_for()
    session.choose(task="emotion", **OPEN)
    page.go(f"#explore:{session.link}")
    page.page.get_by_text(session.state.sentence, exact=True).first.wait_for()
    assert page.packs() == ["emotion.js", "face.js"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"pixel_set": "common", "random": True, "draw": 3},
        {"target": "cow", "floor": 0.001, "percentile": 42.5, "pixel_set": "backtracked"},
        {"printed": True, "pixel_set": "backtracked", "strongest": 3},
        {"by_hand": (0, 1, 5, 23), "random": True},
        {"by_hand": (), "pixel_set": "hand"},
        {"task": "face"},
    ],
)
def test_a_link_of_python_opens_that_state(open_page, session, wanted):
    session.choose(**wanted)
    page = open_page(f"#explore:{session.link}")
    assert page.said() == session.state.sentence
    assert page.page.locator(".tve-context").inner_text() == session.state.context


def test_a_link_of_the_page_is_that_of_python(open_page, session):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.said()
    page.page.get_by_role("button", name="Copy link").click()
    page.page.get_by_role("button", name="Copied").wait_for()
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{page.address}#explore:{session.link}"


CHOICES = [
    Choice("face", 7),
    Choice("a b&c=d/é", 0, "none", True, 12, "être", True),
    Choice("face", 123_456, "unique", floor=0.0, percentile=33.3, strongest=17),
    Choice("face", 1, floor=1e-7, percentile=100.0),
    Choice("face", 1, floor=123456789.5),
    Choice("face", 1, "hand", by_hand=()),
    Choice("face", 1, "hand", by_hand=(0, 1, 127, 128, 255, 256, 20_000, 3_000_000)),
]


@pytest.mark.parametrize("choice", CHOICES, ids=encode)
def test_python_and_the_page_write_and_read_the_same_links(chromium, modules, choice):
    page = chromium.new_page()
    page.goto(modules)
    values = {name: getattr(choice, name) for name in INPUTS}
    values["by_hand"] = list(choice.by_hand)
    written, read = page.evaluate(
        """async ([choice, link]) => {
            const { encode, decode } = await import("/link.js");
            return [encode(choice), decode(link)];
        }""",
        [values, encode(choice)],
    )
    page.close()
    assert written == encode(choice)
    assert read == values


def test_a_link_that_cannot_be_is_refused_in_words_and_the_page_goes_on(open_page, session):
    page = open_page(f"#explore:{link_of(task='emotion', case=9999)}")
    page.page.get_by_text("image 9999 is not among").first.wait_for()
    assert page.said()  # there is something to go on with
    page.go("#explore:nonsense")
    page.page.get_by_text("This link is damaged").first.wait_for()
    page.go(f"#explore:{session.link}")
    assert page.said() == session.state.sentence


def test_a_link_to_an_unknown_task_is_refused_beside_the_first_paint(open_page, session):
    page = open_page(f"#explore:{link_of(task='age', case=1)}")
    page.page.get_by_text("unknown task 'age': choose one of face, emotion").wait_for()
    assert session.state.sentence in page.page.locator("body").inner_text()


def test_back_returns_to_the_state_before(open_page, session):
    page = open_page(f"#explore:{session.link}")
    before = session.state.sentence
    assert page.said() == before
    session.choose(pixel_set="backtracked", random=True)
    page.go(f"#explore:{session.link}")
    assert page.said() == session.state.sentence != before
    page.page.go_back()
    settle(page.page)
    assert page.said() == before


def test_the_same_link_again_returns_to_its_state(open_page, session):
    page = open_page()
    step = f'<a href="#explore:{session.link}">A step</a>'
    page.page.evaluate("step => document.body.insertAdjacentHTML('afterbegin', step)", step)
    page.page.get_by_text("A step").click()
    assert page.said() == session.state.sentence
    page.press("Next image")
    assert page.said() != session.state.sentence
    page.page.get_by_text("A step").click()
    page.page.get_by_text(session.state.sentence, exact=True).first.wait_for()


def test_a_link_leads_away_from_a_picture_of_ones_own(open_page, session):
    page = open_page(f"#explore:{session.link}")
    page.said()
    for again in (False, True):
        for button in ("Your image", "Use an example", "Classify"):
            page.press(button)
        assert "the example" in page.page.locator(".tve-caseline").inner_text()
        if not again:
            session.choose(pixel_set="common")
        page.go("")
        page.go(f"#explore:{session.link}")
        page.page.get_by_text(session.state.sentence, exact=True).first.wait_for()
        assert page.context_line() == session.state.context


def test_without_scripts_the_state_is_there(open_page, session):
    page = open_page(java_script_enabled=False)
    shown = page.page.locator("body").inner_text()
    assert session.state.sentence in shown
    assert "This is a snapshot of the explorer." in shown


def test_a_missing_file_is_named_beside_the_first_paint(open_page, folder, session):
    (folder / "explorer" / "emotion.js").unlink()
    page = open_page()
    page.page.get_by_text("emotion.js is missing").wait_for()
    assert session.state.sentence in page.page.locator("body").inner_text()


@pytest.mark.parametrize("version", [pack.VERSION - 1, pack.VERSION + 1])
def test_a_pack_of_another_version_is_refused_in_words(
    open_page, folder, galleries, session, monkeypatch, version
):
    read = pack.VERSION
    monkeypatch.setattr(pack, "VERSION", version)
    gallery, bits, _ = galleries["emotion"]
    write_explorer(folder / "explorer", {"emotion": pack.pack_gallery(gallery, bits)})
    page = open_page()
    sentence = f"This pack has version {version}, and this page reads version {read}."
    page.page.get_by_text(sentence).wait_for()
    assert session.state.sentence in page.page.locator("body").inner_text()


def test_where_python_is_silent_the_view_says_what_to_do(chromium, modules, session):
    page = chromium.new_page()
    page.goto(modules)
    page.clock.install()
    traits = {name: getattr(session, name) for name in (*INPUTS, "suppressed", "tasks")}
    page.evaluate(
        """async traits => {
            const { default: explorer } = await import("/explorer.js");
            const nothing = () => {};
            const silent = { on: nothing, off: nothing, set: nothing, send: nothing };
            const el = document.body.appendChild(document.createElement("div"));
            explorer.render({ model: { ...silent, get: (name) => traits[name] }, el });
        }""",
        traits,
    )
    assert "Loading the network" in page.locator("div").first.inner_text()
    page.clock.run_for(20_000)
    assert "run the notebook from its first cell" in page.locator("div").first.inner_text()
    page.close()
