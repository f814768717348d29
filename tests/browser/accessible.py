"""What axe-core finds in a page that is a grave barrier for some readers."""

from __future__ import annotations

from pathlib import Path

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")


def barriers(page, theme: str, width: int) -> list[str]:
    """Serious and critical findings in a theme and at a width: the rule and the place."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("() => new Promise((done) => setTimeout(done, 50))")  # the theme's own change
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text("utf8"))
    found = page.evaluate("axe.run({resultTypes: ['violations'], preload: false})")
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
