"""The explorer has no grave barrier in six of its states, in both themes, wide and narrow."""

from __future__ import annotations

import re

import pytest
from accessible import barriers
from serving import settle
from test_without_kernel import folder, galleries, open_page, session  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STATES = {
    "backtracked": {"pixel_set": "backtracked"},
    "as printed": {"pixel_set": "backtracked", "printed": True},
    "the strongest, as a control": {"pixel_set": "unique", "strongest": 3, "random": True},
    "nothing suppressed": {"pixel_set": "none"},
    "by hand": {"by_hand": (0, 1, 5, 23)},
    "a pixel pointed at": {"pixel_set": "unique"},
}


OTHER = pytest.mark.twice
VIEWS = [
    ("light", 1360),
    ("dark", 360),
    pytest.param("light", 360, marks=OTHER),
    pytest.param("dark", 1360, marks=OTHER),
]


@pytest.mark.parametrize(("theme", "width"), VIEWS)
def test_no_grave_barrier_in_any_state(open_page, session, theme, width):  # noqa: F811
    shown = open_page()
    shown.said()
    found = {}
    for name, choice in STATES.items():
        session.reset()
        session.choose(**choice)
        shown.go(f"#explore:{session.link}")
        if name == "a pixel pointed at":
            shown.page.get_by_role("application", name=re.compile("feature maps")).first.focus()
            shown.page.keyboard.press("ArrowRight")
            settle(shown.page)
        found[name] = barriers(shown.page, theme, width)
    assert found == {name: [] for name in STATES}
    assert not shown.wrong
