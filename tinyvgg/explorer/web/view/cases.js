// The strip of pictures with their predicted classes, and the twin beside the chosen one.

import { calm, make, makeButton, newId } from "./dom.js";

const DRAWN_AT_ONCE = 24;

/** The cases of a task to choose from. */
export class Cases {
  constructor(controller, openUpload) {
    this.controller = controller;
    this.line = make("p", { class: "tve-caseline" });
    this.strip = make("div", { class: "tve-strip", role: "radiogroup", "aria-label": "Pictures" });
    const step = (by) => () => this._step(by);
    this.upload = makeButton("Your picture", openUpload, { drawing: "picture" });
    this.upload.classList.add("tve-own");
    this.node = make(
      "section",
      { class: "tve-cases", "aria-label": "Gallery" },
      make(
        "div",
        { class: "tve-row" },
        makeButton("The picture before", step(-1), { drawing: "back", bare: true }),
        makeButton("The next picture", step(1), { drawing: "forth", bare: true }),
        this.upload,
      ),
      this.strip,
      this.line,
    );
    this._tiles = new Map();
    this._name = newId("case");
    this._session = null;
    this._shown = null;
  }

  show(state) {
    const session = this.controller.session;
    const rows = [...session.cases.keys()].sort((a, b) => (b < 0) - (a < 0)); // one's own first
    if (session !== this._session || rows.length !== this._tiles.size) this._fill(session, rows);
    const row = state.choice.case;
    const place = rows.indexOf(row);
    const twin =
      state.case.twin === null ? "" : `. Its twin: ${state.case.twin_shows} → classified correctly`;
    this.line.textContent = `${place + 1} of ${rows.length}: ${state.case.caption}${twin}`;
    if (row === this._shown) return;
    this._shown = row;
    for (const [other, tile] of this._tiles) tile.input.checked = other === row;
    this._showTwin(state);
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
      const found = session.cases.get(row);
      const canvas = make("canvas", { "aria-hidden": "true" });
      const input = make("input", {
        type: "radio",
        name: this._name,
        "aria-label": found.caption,
        onchange: () => this.controller.choose({ case: row }),
      });
      const predicted = make(
        "span",
        { class: "tve-predicted", "aria-hidden": "true" },
        session.pack.names[found.predicted],
      );
      if (found.true !== null && found.true !== found.predicted) predicted.classList.add("tve-wrong");
      const node = make("label", { class: "tve-tile", title: found.caption }, input, canvas, predicted);
      this._tiles.set(row, { node, input });
      this.strip.append(node);
      later.push(() => drawPicture(canvas, session, row));
    }
    const draw = () => {
      for (const one of later.splice(0, DRAWN_AT_ONCE)) one();
      if (later.length) this._rest = setTimeout(draw, 0);
    };
    draw();
  }

  _showTwin({ case: found }) {
    this._twin?.remove();
    this._twin = null;
    if (found.twin === null) return;
    const canvas = make("canvas", {
      role: "img",
      "aria-label": `Its twin, classified correctly: ${found.twin_shows}`,
    });
    drawPicture(canvas, this._session, found.twin);
    const label = make("span", { class: "tve-predicted" }, "its twin");
    this._twin = make(
      "div",
      { class: "tve-tile tve-twin", title: `Its twin, classified correctly: ${found.twin_shows}` },
      canvas,
      label,
    );
    this._tiles.get(found.row).node.after(this._twin);
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

/** A picture of a session on a canvas of its own size. */
export function drawPicture(canvas, session, row) {
  const [, height, width] = session.pack.shape;
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(imageOf(session.image(row), height, width), 0, 0);
}

/** Bytes (H, W, 3) as an ImageData. */
export function imageOf(bytes, height, width) {
  const image = new ImageData(width, height);
  for (let k = 0; k < height * width; k++) {
    image.data.set(bytes.subarray(3 * k, 3 * k + 3), 4 * k);
    image.data[4 * k + 3] = 255;
  }
  return image;
}
