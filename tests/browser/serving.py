"""A folder as a site for as long as a test needs it, and a page: watched, or come to rest."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of a folder, without the last stroke."""
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def watch(page, own: str, kinds: tuple[str, ...] = ("error",)) -> list[str]:
    """A list that fills with what a page complains of and what it asks of others than `own`."""
    wrong: list[str] = []

    def asked(request):
        if not request.url.startswith((own, "data:", "blob:")):
            wrong.append(f"asked for {request.url}")

    def answered(response):
        if response.status >= 400 and "favicon" not in response.url:
            wrong.append(f"{response.status} {response.url}")

    def said(message):
        text = f"{message.type}: {message.text} {message.location['url']}"
        if message.type in kinds and "favicon" not in text:
            wrong.append(text)

    page.on("request", asked)
    page.on("response", answered)
    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    return wrong


def settle(page, frames: int = 6) -> None:
    """Wait for the frame under way and for what takes longer, a frame for each step."""
    page.evaluate(
        """async (frames) => {
            for (let k = 0; k < frames; k++) {
                await new Promise((done) => requestAnimationFrame(done));
                await new Promise((done) => setTimeout(done));
            }
        }""",
        frames,
    )
