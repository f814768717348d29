"""Every page of the book opens offline, in a real browser, and shows what it should.

``TINYVGG_TEST_BOOK=_build`` looks at a book that is there instead of making a small one;
``TINYVGG_SCREENSHOTS=1`` keeps a picture of each page in ``_build/screenshots``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from accessible import barriers
from serving import serve, settle, watch

from tinyvgg.book import build as book
from tinyvgg.explorer.static import MOUNT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SIZE = {"width": 1280, "height": 900}
WITH_EXPLORER = ("notebooks/11_explorer", "notebooks/16_try_it", "notebooks/18_other_networks")
LARGEST = 8e6  # bytes of a page with an explorer and all that it loads at first
LEFTOVERS = (r"\{glue", r"\{[a-z:]+\}`", r"Traceback \(most recent call last\)", r"\bERROR\b")


def pages() -> list[str]:
    import yaml

    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    return [re.sub(r"\.(md|ipynb)$", "", name) for name in book._files(contents)]


PAGES = pages()


@pytest.fixture(scope="session")
def html(built_book) -> Path:
    return built_book / "html"


@pytest.fixture(scope="session")
def site(html):
    with serve(html) as address:
        yield address


class Visit:
    """A page of the browser that opens those of a book, and what was wrong with the latest."""

    def __init__(self, chromium, base: str):
        self.page = chromium.new_page(viewport=SIZE)
        self.base = base
        self.wrong = watch(self.page, base)

    def open(self, name: str) -> Visit:
        self.name = name
        self.wrong.clear()
        self.page.goto(f"{self.base}/{name}.html")
        self.settle()
        return self

    def settle(self):
        """Wait until pictures are decoded, formulas set, and explorers there."""
        self.page.evaluate(
            """async () => {
                for (const image of document.images) {
                    image.loading = 'eager';
                    await image.decode().catch(() => {});
                }
                if (window.MathJax?.startup) await MathJax.startup.promise;
            }"""
        )
        for explorer in self.page.locator(f".{MOUNT}").all():
            explorer.locator(".tve-sentence").wait_for()


@pytest.fixture(scope="module")
def tab(chromium, site):
    """One for all pages, so that what they share is fetched and compiled once."""
    tab = Visit(chromium, site)
    yield tab
    tab.page.close()


@pytest.fixture(scope="module", params=PAGES)
def visit(request, tab):
    yield tab.open(request.param)
    assert not tab.wrong


def test_asks_no_other_host_and_reports_no_error(visit):
    assert not visit.wrong


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1360), pytest.param("dark", 360, marks=pytest.mark.twice)]
)
def test_has_no_grave_barrier(visit, theme, width):
    try:
        assert barriers(visit.page, theme, width) == []
    finally:
        visit.page.emulate_media(color_scheme="light")
        visit.page.set_viewport_size(SIZE)


def test_what_a_page_offers_to_take_along_is_there(visit, html):
    links = visit.page.evaluate(
        """() => [...document.querySelectorAll('a[download]')].map(link => link.pathname)"""
    )
    missing = [link for link in links if not (html / link.lstrip("/")).is_file()]
    assert not missing
    assert links or not visit.page.locator("div.cell").count()


def test_each_figure_of_a_notebook_has_its_code_and_its_data(visit):
    figures = visit.page.evaluate(
        """() => [...document.querySelectorAll('div.cell figure[id]')].map(figure => [
            figure.id,
            !!document.querySelector(`#code-${figure.id} details.hide`),
            figure.querySelectorAll('.take-along a[download]').length,
        ])"""
    )
    assert all(code and files for _, code, files in figures), figures


def test_code_is_folded_and_one_button_unfolds_all_of_it(visit):
    if not visit.page.locator("div.cell").count():
        pytest.skip("no code")
    folded = "[...document.querySelectorAll('div.cell details.hide')].filter(cell => !cell.open)"
    count = visit.page.evaluate(f"{folded}.length")
    assert visit.page.locator("div.cell > div.cell_input").count() == 0
    if not count:
        pytest.skip("its code is not shown")
    visit.page.locator(".btn-show-code-button").click()
    assert visit.page.evaluate(f"{folded}.length") == 0
    visit.page.locator(".btn-show-code-button").click()
    assert visit.page.evaluate(f"{folded}.length") == count


def test_no_column_is_headed_by_a_code_name(visit):
    heads = visit.page.locator("article table th").all_inner_texts()
    assert [head for head in heads if re.fullmatch(r"\w+_\w+", head)] == []


def test_a_citation_and_a_figure_are_previewed(chromium, site):
    page = chromium.new_page()
    page.goto(f"{site}/notebooks/06_backtracking.html")
    page.wait_for_load_state("load")
    for target, shown in (
        ("a[href*='references.html#']", "Fang"),
        ("a[href$='#fig-first']:not(.headerlink)", "Fig."),
    ):
        page.locator(f"article {target}").first.hover()
        page.locator(".tippy-box").last.wait_for()
        assert shown in page.locator(".tippy-box").last.inner_text()
        page.mouse.move(0, 0)
    page.close()


def test_the_executed_notebook_has_its_outputs(html):
    import nbformat

    executed = nbformat.read(html / "_static" / "notebooks" / "05_misclassified.ipynb", 4)
    source = nbformat.read(html / "_sources" / "notebooks" / "05_misclassified.ipynb", 4)
    assert any(cell.get("outputs") for cell in executed.cells)
    assert not any(cell.get("outputs") for cell in source.cells)


def test_has_one_title(visit):
    assert visit.page.locator("article h1").count() == 1


def test_every_picture_shows_something(visit):
    empty = visit.page.evaluate(
        """() => [...document.querySelectorAll('article img')].filter(image => {
            if (!image.naturalWidth) return true;
            const canvas = document.createElement('canvas');
            canvas.width = canvas.height = 256;
            const context = canvas.getContext('2d');
            context.imageSmoothingQuality = 'high';  // thin letters must not fall through
            context.drawImage(image, 0, 0, 256, 256);
            const data = context.getImageData(0, 0, 256, 256).data;
            return data.every((value, k) => value === data[k % 4]);
        }).map(image => image.getAttribute('src'))"""
    )
    assert not empty


def test_leaves_no_markup_and_no_traceback(visit):
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    text = visit.page.locator("article").inner_text()
    found = [match[0] for pattern in LEFTOVERS if (match := re.search(pattern, text))]
    assert not found


def test_shows_no_progress_bar_and_no_warning_of_a_cell(visit):
    assert visit.page.locator("article .cell_output .stderr").all_inner_texts() == []


def test_no_cell_prints_a_wall_of_text(visit):
    printed = visit.page.locator("article .cell_output pre").all_inner_texts()
    assert max((text.count("\n") for text in printed), default=0) <= 60


def test_every_formula_is_set(visit):
    formulas = visit.page.locator("article .math").count()
    assert visit.page.locator("article .math:has(mjx-container)").count() == formulas
    assert visit.page.locator("article mjx-merror").count() == 0


def test_needs_none_of_jupyters_scripts(visit):
    assert visit.page.locator("script[type*='jupyter']").count() == 0
    assert visit.page.evaluate("window.require") is None


def test_shows_explorers_where_they_were_asked_for(visit):
    assert visit.page.locator(f".{MOUNT} .tve").count() == (visit.name in WITH_EXPLORER)


def test_fits_a_narrow_screen(visit):
    visit.page.set_viewport_size({"width": 390, "height": 800})
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert width <= 390


def test_screenshots(visit):
    if not os.environ.get("TINYVGG_SCREENSHOTS"):
        pytest.skip("TINYVGG_SCREENSHOTS is not set")
    folder = ROOT / "_build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        visit.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        path = folder / f"{visit.name.replace('/', '-')}-{theme}.png"
        visit.page.screenshot(path=path, full_page=True)
        assert path.stat().st_size > 0


def test_the_first_page_leads_to_the_introduction(chromium, site):
    page = chromium.new_page()
    page.goto(f"{site}/index.html")
    page.wait_for_url(f"**/{PAGES[0]}.html")
    page.close()


@pytest.mark.parametrize("name", WITH_EXPLORER)
def test_an_explorer_loads_little_and_each_file_once(chromium, site, html, name):
    visit = Visit(chromium, site).open(name)
    loaded = visit.page.evaluate(
        """() => [location, ...performance.getEntriesByType('resource').map(e => new URL(e.name))]
            .filter(url => url.protocol.startsWith('http')).map(url => url.pathname)"""
    )
    visit.page.close()
    assert len(set(loaded)) == len(loaded)
    files = [path.rpartition("/")[2] for path in loaded if "/explorer/" in path]
    assert len({"face.js", "emotion.js", "digits.js"} & set(files)) == 1
    files = [file for path in loaded if (file := html / path.lstrip("/")).is_file()]
    assert sum(file.stat().st_size for file in files) < LARGEST


def test_each_step_leads_to_what_it_says(chromium, html):
    visit = Visit(chromium, html.as_uri()).open("notebooks/16_try_it")
    steps = visit.page.locator(".explorer-step").all()
    assert len(steps) == 4
    sentence = visit.page.locator(".tve-sentence")
    for step in steps[:3]:
        step.locator("a").click()
        settle(visit.page)
        assert sentence.inner_text() in step.inner_text()
    steps[3].locator("a").click()
    assert sentence.inner_text() in steps[0].inner_text()  # nothing is suppressed yet
    assert not visit.wrong
    visit.page.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_the_sentence_stays_in_sight_above_the_maps(chromium, html, width):
    visit = Visit(chromium, html.as_uri()).open("notebooks/16_try_it")
    visit.page.set_viewport_size({"width": width, "height": 500})
    maps = visit.page.locator(".tve-maps .tve-canvas")
    maps.evaluate("maps => maps.scrollIntoView({ behavior: 'instant' })")
    below = visit.page.locator(".bd-header-article").bounding_box()
    sentence = visit.page.locator(".tve-sentence").bounding_box()
    assert sentence["y"] == pytest.approx(below["y"] + below["height"], abs=2)
    visit.page.close()


def test_a_link_opens_with_the_explorer_in_sight(chromium, html):
    visit = Visit(chromium, html.as_uri()).open("notebooks/16_try_it")
    link = visit.page.locator(".explorer-step a").first.evaluate("link => link.href")
    visit.page.goto("about:blank")
    visit.page.goto(link)
    visit.settle()
    visit.page.wait_for_function(
        """() => {
            const top = document.querySelector(".tve").getBoundingClientRect().y;
            return 0 <= top && top < 100;
        }"""
    )
    visit.page.close()


@pytest.mark.parametrize("name", [PAGES[0], PAGES[len(PAGES) // 2]])
def test_opens_from_a_file(chromium, html, name):
    visit = Visit(chromium, html.as_uri()).open(name)
    assert not visit.wrong
    assert visit.page.evaluate("[...document.fonts].some(f => f.status == 'loaded')")
    assert visit.page.evaluate("[...document.fonts].every(f => f.status != 'error')")
    assert visit.page.locator("article h1").count() == 1
    formulas = visit.page.locator("article .math").count()
    assert visit.page.locator("article .math:has(mjx-container)").count() == formulas
    visit.page.close()
