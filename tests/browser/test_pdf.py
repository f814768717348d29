"""Pages are printed to a PDF file: whole or not at all, with links that stay within it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tinyvgg.book import pdf
from tinyvgg.book.execute import BookError

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><title>Book</title>
<style>h2 { break-before: page }</style>
<p><a href="#here">within</a> <a href="02_other.html">a chapter</a>
<a href="book/intro.html#here">an anchor</a> <a href="picture.png">a file</a>
<a href="https://example.org/paper">out</a></p>
<h2 id="here">Here</h2><span id="document-notebooks-02_other"></span><h2>Other</h2>"""


@pytest.fixture
def printed(chromium, monkeypatch, tmp_path):
    from contextlib import nullcontext

    monkeypatch.setattr(pdf, "browser", lambda: nullcontext(chromium))

    def make(page: str) -> bytes:
        (tmp_path / "book.html").write_text(page, "utf8")
        pdf.print_pdf(tmp_path / "book.html", tmp_path / "book.pdf")
        return (tmp_path / "book.pdf").read_bytes()

    return make


def test_a_page_becomes_a_file_of_several_pages(printed):
    data = printed(PAGE)
    assert data.startswith(b"%PDF") and len(re.findall(rb"/Type ?/Page\b", data)) == 3


def test_links_lead_within_the_file_or_out_of_the_book(printed):
    data = printed(PAGE)
    assert b"file://" not in data
    assert b"https://example.org/paper" in data
    assert len(re.findall(rb"/Subtype ?/Link", data)) == 4  # not the one to a picture


def test_a_script_that_fails_is_an_error_and_leaves_what_was_there(printed, tmp_path):
    before = printed(PAGE)
    with pytest.raises(BookError, match="cannot be printed: oh no"):
        printed(PAGE + "<script>throw new Error('oh no')</script>")
    assert (tmp_path / "book.pdf").read_bytes() == before


def test_a_page_that_asks_another_host_is_an_error(printed):
    with pytest.raises(BookError, match="requested https://example"):
        printed(PAGE + '<img src="https://example.org/picture.png">')


def test_a_machine_without_a_browser_is_told_what_to_install(tmp_path):
    code = "from tinyvgg.book import pdf\nwith pdf.browser(): pass"
    bare = os.environ | {"PATH": "", "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True)
    assert "FileNotFoundError" in done.stderr and "apt-get install chromium" in done.stderr
