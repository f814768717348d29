// All feature maps side by side: activations as shades, sets in colour, suppressed pixels crossed.

import { countOf, grouped } from "../session.js";
import { Board } from "./board.js";
import { isCoarse, make } from "./dom.js";
import { SET_COLOUR, between, paint, rgbOf } from "./theme.js";

const SET_WORDS = {
  backtracked: "backtracked",
  common: "common with its twin",
  unique: "not in its twin",
};
const LEAST = 16; // CSS pixels that a map is wide
const MOST = 84;
const CELL = { mouse: 7, finger: 9 }; // and a cell, unless the map is as wide as MOST then
const CROSSED = 5; // device pixels that a cell needs for a cross

/** The maps as a board. */
export class Maps {
  constructor(controller, painter, pointed) {
    this.controller = controller;
    this.board = new Board({
      label: "Feature maps",
      painter,
      read: (text) => (this.reading.textContent = text),
      pointed,
      geometry: (width, ratio) => this._layOut(width, ratio),
      draw: (context, geometry) => this._draw(context, geometry),
      describe: (cell) => this._describe(cell),
    });
    this.key = make("p.tve-legendline");
    this.heading = make("h3.tve-heading");
    this.reading = make("p.tve-reading", { "aria-hidden": "true" });
    this.node = make(
      "section.tve-maps",
      { "aria-label": "Feature maps" },
      this.heading,
      this.board.node,
      this.key,
      this.reading,
    );
    this._sheet = document.createElement("canvas");
  }

  show(state) {
    const [maps, height, width] = state.shape;
    this.heading.textContent = `${grouped(maps)} feature maps of ${height} × ${width} pixels`;
    if (String(state.shape) !== this._shape) {
      this._shape = String(state.shape);
      this.board.geometry = null;
    }
    this.board.redraw();
    this._showKey(state);
  }

  /** The sets that a pixel may belong to, the last of which gives its colour. */
  _parts(state) {
    const names = "common" in state.sets ? ["common", "unique"] : ["backtracked"];
    return names.map((name) => [name, state.sets[name]]);
  }

  _showKey(state) {
    const keys = this._parts(state).map(([name, set]) =>
      keyOf(SET_COLOUR[name], `${SET_WORDS[name]} (${grouped(countOf(set))})`),
    );
    const { choice, suppressed } = state;
    const how = choice.random ? " at random" : choice.pixel_set === "hand" ? " by hand" : "";
    const colour = how === " by hand" ? SET_COLOUR.hand : "var(--ink)";
    const words = `suppressed${how} (${grouped(countOf(suppressed))})`;
    keys.push(keyOf(colour, words, "i.tve-key.tve-crossed"));
    this.key.replaceChildren(...keys);
    const all = keys.map((key) => key.textContent).join(", ");
    this.board.canvas.setAttribute("aria-label", `${this.heading.textContent}: ${all}`);
  }

  _layOut(wide, ratio) {
    const [maps, rows, columns] = this.controller.state.shape;
    const cells = columns * (isCoarse() ? CELL.finger : CELL.mouse);
    const least = ratio * Math.min(MOST, Math.max(LEAST, cells));
    const gap = Math.round(ratio * (columns > 2 ? 6 : 2));
    const fit = Math.max(1, Math.min(maps, Math.floor((wide + gap) / (least + gap))));
    const even = [...Array(fit).keys()].map((k) => fit - k).find((k) => maps % k === 0);
    const high = (maps * rows) / (even ** 2 * columns); // as a share of the width
    const across = even === fit || high <= 1 ? even : fit;
    const cell = Math.max(1, Math.floor((wide - (across - 1) * gap) / (across * columns)));
    const step = (wide - cell * columns) / Math.max(1, across - 1);
    const apart = across > 1 ? Math.min(step, cell * columns + 2 * gap) : 0;
    const width = Math.round(apart * (across - 1)) + cell * columns;
    const height = Math.ceil(maps / across) * (cell * rows + gap) - gap;
    const origin = (map) => [
      Math.round((map % across) * apart),
      Math.floor(map / across) * (cell * rows + gap),
    ];
    this.board.node.dataset.layout = [across, cell, apart, cell * rows + gap]; // for tests
    const grid = { maps, rows, columns, across, origin, cellWidth: cell, cellHeight: cell };
    return { width, height, ...grid };
  }

  _draw(context, { width, height, maps, rows, columns, cellWidth: cell, origin }) {
    const { state } = this.controller;
    const { choice, suppressed } = state;
    const shades = ["--map-pale", "--map-deep", "--paper", "--ink"];
    const [pale, deep, paper, ink] = shades.map((name) => rgbOf(name, this.board.node));
    const drawn = choice.random ? "random" : choice.pixel_set === "hand" ? "hand" : null;
    const parts = this._parts(state);
    const most = state.maps.reduce((a, b) => Math.max(a, b), 0) || 1;
    const size = rows * columns;
    const crosses = {};
    paint(this._sheet, rows * maps, columns, (k) => {
      const name = parts.find(([, set]) => set[k])?.[0];
      const shade = between(pale, deep, Math.sqrt(Math.max(0, state.maps[k]) / most));
      if (!suppressed[k]) return name ? between(shade, rgbOf(SET_COLOUR[name]), 0.85) : shade;
      const mark = drawn ?? name ?? "random";
      (crosses[mark] ??= []).push(k);
      return between(paper, rgbOf(SET_COLOUR[mark]), cell < CROSSED ? 0.55 : 0.2);
    });
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    for (let map = 0; map < maps; map++) {
      const source = [0, map * rows, columns, rows];
      context.drawImage(this._sheet, ...source, ...origin(map), cell * columns, cell * rows);
    }
    if (cell < CROSSED) return;
    const inset = Math.max(1, Math.round(cell * 0.2));
    for (const [name, pixels] of Object.entries(crosses)) {
      const path = new Path2D();
      for (const k of pixels) {
        const [x0, y0] = origin(Math.floor(k / size));
        const x = x0 + (k % columns) * cell;
        const y = y0 + Math.floor((k % size) / columns) * cell;
        path.moveTo(x + inset, y + inset);
        path.lineTo(x + cell - inset, y + cell - inset);
        path.moveTo(x + cell - inset, y + inset);
        path.lineTo(x + inset, y + cell - inset);
      }
      context.strokeStyle = `rgb(${name === "random" ? ink : rgbOf(SET_COLOUR[name])})`;
      context.lineWidth = Math.max(1, cell * 0.16);
      context.stroke(path);
    }
  }

  _describe({ map, row, column }) {
    const { state } = this.controller;
    const [, height, width] = state.shape;
    const k = (map * height + row) * width + column;
    const where = `Map ${map + 1}, row ${row + 1}, column ${column + 1}`;
    const words = [where, `activation ${state.maps[k].toFixed(2)}`];
    const name = this._parts(state).find(([, set]) => set[k])?.[0];
    if (name) words.push(SET_WORDS[name]);
    if (state.suppressed[k]) words.push("suppressed");
    return `${words.join(", ")}.`;
  }
}

function keyOf(colour, text, kind = "i.tve-key") {
  return make("span", make(kind, { style: `--key:${colour}` }), text);
}
