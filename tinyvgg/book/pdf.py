"""The whole book as one PDF file: all pages in one, printed by the browser that the tests use."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinyvgg.book.execute import BookError
from tinyvgg.storage.files import replacing

log = logging.getLogger(__name__)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing comes from another host
)
PATIENCE = 120_000  # milliseconds to wait for all images and formulas
FOOT = (
    '<div style="width:100%;font-size:7px;text-align:center;color:#666">'
    '<span class="pageNumber"></span></div>'
)
READY = """async () => {
  for (const image of document.images) image.loading = 'eager';
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  if (window.MathJax?.startup) await MathJax.startup.promise;
}"""
# Links to other pages become links within the file. Links to other files of the book cannot work
# from a PDF file and are removed.
LINKS = """() => {
  const at = (name) => name && document.getElementById(name);
  for (const link of document.querySelectorAll('a[href]')) {
    const url = new URL(link.href);
    if (url.protocol !== 'file:') continue;
    const fragment = decodeURIComponent(url.hash.slice(1));
    const page = url.pathname.split('/').pop().replace(/\\.html$/, '');
    const chapter = document.querySelector(`[id^="document-"][id$="-${CSS.escape(page)}"]`);
    if (at(fragment)) link.setAttribute('href', `#${fragment}`);
    else if (chapter) link.setAttribute('href', `#${chapter.id}`);
    else link.removeAttribute('href');
  }
}"""


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium: that of the system if there is one, otherwise that of Playwright.

    Raises
    ------
    FileNotFoundError
        No browser is installed.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        own = Path(play.chromium.executable_path)
        found = next(filter(None, map(shutil.which, BROWSERS)), own if own.exists() else None)
        if found is None:
            raise FileNotFoundError(
                f"no browser found: expected one of {', '.join(BROWSERS)}, or that of Playwright; "
                "install one with apt-get install chromium (Debian and Ubuntu) or with "
                ".venv/bin/playwright install chromium"
            )
        made = play.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield made
        finally:
            made.close()


def print_pdf(page: Path, target: Path) -> None:
    """Print the book, built as a single page, to a PDF file; an incomplete file is not kept.

    Raises
    ------
    BookError
        A script of the page failed, or the page requested something from another host.
    FileNotFoundError
        No browser is installed.
    """
    clock = time.perf_counter()
    wrong: list[str] = []
    with browser() as chromium:
        view = chromium.new_page()
        view.set_default_timeout(PATIENCE)
        view.on("pageerror", lambda error: wrong.append(str(error)))
        view.route("http*://**/*", lambda route: route.abort())
        view.on("requestfailed", lambda request: wrong.append(f"requested {request.url}"))
        view.goto(page.as_uri())
        view.evaluate(READY)
        view.evaluate(LINKS)
        if wrong:
            raise BookError(f"{page} cannot be printed: {'; '.join(wrong)}")
        with replacing(target) as temporary:
            view.pdf(
                path=str(temporary),
                format="A4",
                print_background=True,
                outline=True,
                tagged=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOT,
                margin={"top": "16mm", "bottom": "16mm", "left": "16mm", "right": "16mm"},
            )
    size = target.stat().st_size / 1e6
    log.info("PDF printed in %.0f s: %s (%.1f MB)", time.perf_counter() - clock, target, size)
