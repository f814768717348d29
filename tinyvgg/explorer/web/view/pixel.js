// The pixel that is pointed at: its receptive field, and the training images that lead there.

import { grouped } from "../session.js";
import { make } from "./dom.js";

const PAUSE = 700; // milliseconds after a key until the images are read out
const POINT = "Point at a pixel of the feature maps, or move the cursor there with the keys.";
const SILENT = "No training image excites this pixel.";
const LEADERS = {
  active: ["Most active in", SILENT],
  deciding: [
    "Decision depends on it most in",
    "No decision on a training image depends on it.",
  ],
};

/** A line, two rows of thumbnails, and how they were found. */
export class Pixel {
  /** outline({ top, left, bottom, right }) shows a part of the picture, as shares; null: none. */
  constructor(controller, outline) {
    this.controller = controller;
    this.outline = outline;
    this.line = make("p.tve-pixelline");
    this.rows = Object.fromEntries(Object.keys(LEADERS).map((kind) => [kind, makeRow(kind)]));
    const rows = Object.values(this.rows).map(({ node }) => node);
    this.images = make("div.tve-leaders", ...rows);
    this.note = make("p.tve-hint");
    this.live = make("p.tve-unseen", { "aria-live": "polite" });
    this.node = make(
      "section.tve-pixel",
      { "aria-label": "Pixel" },
      this.line,
      this.images,
      this.note,
      this.live,
    );
  }

  leave() {
    clearTimeout(this._later);
  }

  show() {
    const { pack } = this.controller.session;
    if (pack === this._pack) return;
    this._pack = pack;
    const { training } = pack;
    this.line.textContent = POINT;
    this.images.hidden = !training?.sheet;
    this.note.textContent = training?.left_out ?? (training ? noteOf(training) : "");
    for (const kind of Object.keys(LEADERS)) this._fill(kind, [], "");
    this.outline(null);
  }

  /** Take a pixel { map, row, column }, or a place in all maps; without one its images stay. */
  point(cell, keyed) {
    clearTimeout(this._later);
    if (!cell) return this.outline(null);
    const { session } = this.controller;
    const { rows, columns, active, deciding } = session.pixel(cell);
    const [, height, width] = session.pack.shape;
    const [top, bottom] = rows.map((edge) => edge / height);
    const [left, right] = columns.map((edge) => edge / width);
    this.outline(bottom > top && right > left ? { top, left, bottom, right } : null);
    const place = `row ${cell.row + 1}, column ${cell.column + 1}`;
    const all = cell.map === undefined;
    const where = all ? `Pixels of all maps (${place})` : `Pixel (map ${cell.map + 1}, ${place})`;
    const size = `${rows[1] - rows[0]} × ${columns[1] - columns[0]}`;
    this.line.replaceChildren(`${where}: receptive field `, make("span.tve-whole", size));
    this._fill("active", active, all ? "" : LEADERS.active[1]);
    this._fill("deciding", deciding, all ? "" : LEADERS.deciding[1]);
    if (keyed) this._later = setTimeout(() => (this.live.textContent = this._spoken()), PAUSE);
  }

  /** Show the thumbnails of some numbers, or `none` if there is no number. */
  _fill(kind, numbers, none) {
    const { canvases, empty } = this.rows[kind];
    empty.textContent = numbers.length ? "" : none;
    canvases.forEach((canvas, k) => {
      canvas.hidden = k >= numbers.length;
      if (!canvas.hidden) this._draw(canvas, numbers[k]);
    });
  }

  _draw(canvas, number) {
    const { training, names } = this._pack;
    const { sheet, across } = training;
    const [height, width] = training.size;
    const [truth, predicted] = [training.true[number], training.predicted[number]];
    const words = names[truth];
    const name = predicted === truth ? words : `${words}, misclassified as ${names[predicted]}`;
    Object.assign(canvas, { width, height, title: name });
    canvas.setAttribute("aria-label", name);
    const at = [(number % across) * width, Math.floor(number / across) * height];
    canvas.getContext("2d").drawImage(sheet, ...at, width, height, 0, 0, width, height);
  }

  /** All that is shown, as a text. */
  _spoken() {
    const parts = [`${this.line.textContent}.`];
    if (this.images.hidden) return parts[0];
    for (const [kind, { canvases, empty }] of Object.entries(this.rows)) {
      const names = canvases.filter(({ hidden }) => !hidden).map(({ title }) => title);
      parts.push(names.length ? `${LEADERS[kind][0]}: ${names.join("; ")}.` : empty.textContent);
    }
    return [...new Set(parts)].join(" ").trim();
  }
}

function makeRow(kind) {
  const label = { role: "img", "aria-label": "Training image", hidden: true };
  const canvases = Array.from({ length: 3 }, () => make("canvas.tve-thumbnail", { ...label }));
  const empty = make("p.tve-hint");
  const thumbnails = make("div.tve-thumbnails", ...canvases, empty);
  return { node: make("div", make("p.tve-legend", LEADERS[kind][0]), thumbnails), canvases, empty };
}

function noteOf({ images }) {
  return (
    `Of ${grouped(images)} training images. Dependence is the activation times the gradient of ` +
    "the predicted class's logit."
  );
}
