"""One browser for all tests in it."""

from __future__ import annotations

import os

import pytest

from tinyvgg.book.pdf import browser


@pytest.fixture(scope="session")
def chromium():
    """A browser; without one, a failure where CI=true and a skip elsewhere."""
    try:
        with browser() as found:
            yield found
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
