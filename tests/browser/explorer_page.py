"""A page with an explorer and a stand-in for Jupyter's model, and hands to move it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
from serving import settle, watch

from tinyvgg.explorer.static import bundle

PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Explorer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="explorer.css"></head>
<body style="margin: 0; font-family: sans-serif"><div id="first"></div><div id="second"></div>
<script type="module">
import explorer from "./module.js";

/** What a view asks of a model; `sent` and `saved` tell what it did. */
class Model {
  sent = [];
  saved = [];
  listeners = {};
  constructor(values) { this.values = values; }
  get(name) { return this.values[name]; }
  set(name, value) {
    if (JSON.stringify(value) === JSON.stringify(this.values[name])) return;
    this.values[name] = value;
    this.tell(`change:${name}`);
  }
  change(values) { for (const [name, value] of Object.entries(values)) this.set(name, value); }
  save_changes() { this.saved.push(structuredClone(this.values)); }
  on(event, listener) { (this.listeners[event] ??= []).push(listener); }
  off(event, listener) {
    this.listeners[event] = (this.listeners[event] ?? []).filter((one) => one !== listener);
  }
  listening() { return Object.values(this.listeners).flat().length; }
  tell(event, ...what) { for (const one of [...(this.listeners[event] ?? [])]) one(...what); }
  async send(message) {
    this.sent.push(message);
    const answer = await fetch(`${message.need}.pack`);
    if (!answer.ok) {
      this.tell("msg:custom", { need: message.need, refused: "There is none." });
      return;
    }
    const buffer = new DataView(await answer.arrayBuffer());
    this.tell("msg:custom", { pack: message.need }, [buffer]);
  }
}

window.Model = Model;
window.explorer = explorer;
const page = location.href.split("#")[0];
window.model = new Model({ page, ...TRAITS });
window.leave = explorer.render({ model, el: document.querySelector("#first") });
</script></body></html>
"""


def write_page(folder: Path, packs: Mapping[str, bytes], traits: Mapping[str, object]) -> None:
    """Write a page of the explorer as Jupyter runs it: one module, packs by message."""
    (folder / "index.html").write_text(PAGE.replace("TRAITS", json.dumps(traits)), "utf8")
    (folder / "module.js").write_text(bundle(), "utf8")
    style = files("tinyvgg.explorer") / "web" / "explorer.css"
    (folder / "explorer.css").write_text(style.read_text("utf8"), "utf8")
    for task, pack in packs.items():
        (folder / f"{task}.pack").write_bytes(pack)


class Hands:
    """An explorer in a browser: what it says, and what can be done to it."""

    def __init__(self, context, address: str):
        self.page = context.new_page()
        self.address = address
        self.wrong = watch(self.page, f"{address}/", ("error", "warning"))

    def open(self, query: str = "") -> Hands:
        self.page.goto("about:blank")  # a page that differs in its fragment alone is not loaded
        self.page.goto(f"{self.address}/index.html{query}")
        self.page.locator(".tve-sentence").first.wait_for()
        return self

    # ------------------------------------------------------------------ what it says

    @property
    def sentence(self) -> str:
        return self.page.locator(".tve-sentence").first.inner_text()

    @property
    def said(self) -> tuple[str, str]:
        return self.sentence, self.page.locator(".tve-context").first.inner_text()

    def shown(self, canvas: str) -> np.ndarray:
        """What a canvas shows, (H, W, 3); what is transparent is black."""
        width, height, data = self.page.locator(canvas).first.evaluate(
            """node => {
                const copy = Object.assign(document.createElement("canvas"), {
                    width: node.width, height: node.height,
                });
                const context = copy.getContext("2d", { willReadFrequently: true });
                context.fillRect(0, 0, copy.width, copy.height);
                context.drawImage(node, 0, 0);
                const { data } = context.getImageData(0, 0, copy.width, copy.height);
                const letters = Array.from(data, (byte) => String.fromCharCode(byte));
                return [copy.width, copy.height, btoa(letters.join(""))];
            }"""
        )
        found = np.frombuffer(base64.b64decode(data), np.uint8)
        return found.reshape(height, width, 4)[..., :3]

    def trait(self, name: str):
        return self.page.evaluate("name => model.get(name)", name)

    def traits(self) -> dict:
        return self.page.evaluate("model.values")

    def settle(self) -> None:
        settle(self.page)

    # ------------------------------------------------------------------ what can be done

    def radio(self, group: str, name: str) -> None:
        place = self.page.get_by_role("group", name=group, exact=True).first
        place.locator(f"label:has-text('{name}') input").first.check()
        self.settle()

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).first.click()
        self.settle()

    def switch(self, name: str, on: bool = True) -> None:
        self.page.get_by_role("checkbox", name=name).first.set_checked(on)
        self.settle()

    def change(self, **values) -> None:
        """As Python, a link or another widget does."""
        self.page.evaluate("values => model.change(values)", values)
        self.settle()

    def box(self, selector: str) -> dict[str, float]:
        place = self.page.locator(selector).first
        place.scroll_into_view_if_needed()
        return place.bounding_box()

    def drag(self, selector: str, points, up: bool = True, shift: bool = False) -> None:
        """Move a pressed mouse over points, as shares of the width and height of a box."""
        box = self.box(selector)
        spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        if shift:
            self.page.keyboard.down("Shift")
        self.page.mouse.move(*spots[0])
        self.page.mouse.down()
        for spot in spots[1:]:
            self.page.mouse.move(*spot, steps=4)
        if up:
            self.page.mouse.up()
        if shift:
            self.page.keyboard.up("Shift")
        self.settle()
