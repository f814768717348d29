// The strip of pictures with their predicted classes, and the twin beside the chosen one.

import { calm, make, makeButton, newId } from "./dom.js";
import { paintPicture } from "./theme.js";

const DRAWN_AT_ONCE = 24;

/** The cases of a task to choose from. */
export class Cases {
  constructor(controller, openUpload) {
    this.controller = controller;
    this.line = make("p.tve-caseline");
    this.strip = make("div.tve-strip", { role: "radiogroup", "aria-label": "Images" });
    this.upload = makeButton("Your image", openUpload, { drawing: "picture" });
    this.upload.classList.add("tve-own");
    const step = (text, by, drawing) =>
      makeButton(text, () => this._step(by), { drawing, bare: true });
    const back = step("Previous image", -1, "back");
    const forth = step("Next image", 1, "forth");
    const row = make("div.tve-row", back, forth, this.upload);
    this.node = make("section.tve-cases", { "aria-label": "Gallery" }, row, this.strip, this.line);
    this._tiles = new Map();
    this._name = newId("case");
  }

  show(state) {
    const { session } = this.controller;
    const rows = [...session.cases.keys()].sort((a, b) => (b < 0) - (a < 0)); // one's own first
    if (session !== this._session || rows.length !== this._tiles.size) this._fill(session, rows);
    const row = state.choice.case;
    const { caption, twin, twin_shows } = state.case;
    const beside = twin === null ? "" : `. Its twin: ${twin_shows} → classified correctly`;
    this.line.textContent = `${rows.indexOf(row) + 1} of ${rows.length}: ${caption}${beside}`;
    if (row === this._shown) return;
    this._shown = row;
    for (const [other, tile] of this._tiles) tile.input.checked = other === row;
    this._showTwin(state.case);
    this._scrollTo(this._tiles.get(row).node);
  }

  _fill(session, rows) {
    this._session = session;
    this._shown = null;
    this._tiles.clear();
    this.strip.replaceChildren();
    clearTimeout(this._rest);
    const later = [];
    for (const row of rows) {
      const { caption, predicted } = session.cases.get(row);
      const onchange = () => this.controller.choose({ case: row });
      const attributes = { type: "radio", name: this._name, "aria-label": caption, onchange };
      const input = make("input", attributes);
      const canvas = make("canvas", { "aria-hidden": "true" });
      const name = session.pack.names[predicted];
      const words = make("span.tve-predicted", { "aria-hidden": "true" }, name);
      const node = make("label.tve-tile", { title: caption }, input, canvas, words);
      this._tiles.set(row, { node, input });
      this.strip.append(node);
      later.push(() => paintPicture(canvas, session.picture(row), session.pack.shape));
    }
    const draw = () => {
      for (const one of later.splice(0, DRAWN_AT_ONCE)) one();
      if (later.length) this._rest = setTimeout(draw, 0);
    };
    draw();
  }

  _showTwin({ row, twin, twin_shows }) {
    this._twin?.remove();
    if (twin === null) return;
    const words = `Its twin, classified correctly: ${twin_shows}`;
    const canvas = make("canvas", { role: "img", "aria-label": words });
    paintPicture(canvas, this._session.picture(twin), this._session.pack.shape);
    const label = make("span.tve-predicted", "its twin");
    this._twin = make("div.tve-tile.tve-twin", { title: words }, canvas, label);
    this._tiles.get(row).node.after(this._twin);
  }

  _step(by) {
    const rows = [...this._tiles.keys()];
    const place = rows.indexOf(this.controller.state.choice.case) + by;
    this.controller.choose({ case: rows[(place + rows.length) % rows.length] });
  }

  /** Bring a tile into sight without moving the page. */
  _scrollTo(tile) {
    const middle = tile.offsetLeft - (this.strip.clientWidth - tile.offsetWidth) / 2;
    this.strip.scrollTo({ left: middle, behavior: this._placed && !calm() ? "smooth" : "auto" });
    this._placed = true;
  }
}
