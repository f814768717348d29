// A canvas of cells to look at and to brush, by pointer and by keys.

import { ARROWS, make, newId } from "./dom.js";
import { rgbOf } from "./theme.js";

const CURSOR_KEYS =
  "Arrow keys move the cursor, with Shift they brush. " +
  "Space brushes, Shift and Space the other way.";
const MAP_KEYS = "Page Up and Page Down change the map.";

/**
 * One map of cells (the face) or many side by side.
 *
 * `geometry(width)` lays it out for a width in device pixels: {width, height, maps, rows, columns,
 * across, origin(map) -> [x, y], cellWidth, cellHeight}; `draw(context, geometry)` draws it;
 * `describe({ map, row, column })` is a text about a cell; `read(text)` shows such a text;
 * `pointed(cell, keyed)` is told the cell under the pointer or the keys' cursor, null without one.
 * `everyMap`: its cells stand for that place in all maps.
 */
export class Board {
  constructor({ label, painter, geometry, draw, describe, read, pointed, everyMap = false }) {
    Object.assign(this, { painter, layOut: geometry, draw, describe, read, pointed, everyMap });
    const keys = everyMap ? CURSOR_KEYS : `${CURSOR_KEYS} ${MAP_KEYS}`;
    const hint = make("span.tve-unseen", { id: newId("hint") }, keys);
    this.live = make("span.tve-unseen", { "aria-live": "polite" });
    this.canvas = make("canvas.tve-canvas", {
      role: "application",
      "aria-roledescription": "board",
      tabindex: 0,
      "aria-label": label,
      "aria-describedby": hint.id,
    });
    this.mark = make("canvas.tve-mark", { "aria-hidden": "true" });
    this.node = make("div.tve-board", this.canvas, this.mark, hint, this.live);
    this.cursor = { map: 0, row: 0, column: 0 };
    this.hover = null;
    this.keyed = false;
    this.outline = null;
    this._listen(keys);
    this._observer = new ResizeObserver(() => {
      cancelAnimationFrame(this._resizing);
      this._resizing = requestAnimationFrame(() => {
        if (this._wide !== this.node.clientWidth) this.resize();
      });
    });
    this._observer.observe(this.node);
  }

  leave() {
    this._observer.disconnect();
    cancelAnimationFrame(this._resizing);
  }

  resize() {
    const ratio = devicePixelRatio;
    this._wide = this.node.clientWidth;
    const wide = Math.floor(this._wide * ratio);
    if (!wide) return;
    this.geometry = this.layOut(wide, ratio);
    const { width, height } = this.geometry;
    for (const canvas of [this.canvas, this.mark]) {
      Object.assign(canvas, { width, height });
      canvas.style.width = `${width / ratio}px`;
      canvas.style.height = `${height / ratio}px`;
    }
    this.redraw();
  }

  redraw() {
    if (!this.geometry) return this.resize();
    this.draw(this.canvas.getContext("2d"), this.geometry);
    this._drawMark();
  }

  // ------------------------------------------------------------------ where is what

  /** The cell at a place of the page; null between the maps. */
  cellAt({ clientX, clientY }) {
    const g = this.geometry;
    const box = this.canvas.getBoundingClientRect();
    const x = ((clientX - box.left) / box.width) * g.width;
    const y = ((clientY - box.top) / box.height) * g.height;
    for (let map = 0; map < g.maps; map++) {
      const [left, top] = g.origin(map);
      const column = Math.floor((x - left) / g.cellWidth);
      const row = Math.floor((y - top) / g.cellHeight);
      if (row >= 0 && column >= 0 && row < g.rows && column < g.columns)
        return { map, row, column };
    }
    return null;
  }

  /** Outline a part of the board by dashes, { top, left, bottom, right } as shares; null for none. */
  showOutline(outline) {
    this.outline = outline;
    this._drawMark();
  }

  /** The cell under the keys' cursor, else the pointer. */
  get cell() {
    return this.keyed ? this.cursor : this.hover;
  }

  _drawMark() {
    const context = this.mark.getContext("2d");
    context.clearRect(0, 0, this.mark.width, this.mark.height);
    if (!this.geometry) return;
    if (this.outline) this._drawOutline(context);
    const { cell } = this;
    if (!cell) return;
    const g = this.geometry;
    const { top, left, bottom, right } = this.painter.extent(cell, g.rows, g.columns);
    const all = this.painter.everywhere && !this.everyMap && this.painter.tool !== "look";
    for (let map = all ? 0 : cell.map; map < (all ? g.maps : cell.map + 1); map++) {
      const [x0, y0] = g.origin(map);
      const corner = [x0 + left * g.cellWidth, y0 + top * g.cellHeight];
      const size = [(right - left) * g.cellWidth, (bottom - top) * g.cellHeight];
      for (const [colour, width] of Object.entries({ "--paper": 4, "--ink": 2 })) {
        context.strokeStyle = `rgb(${rgbOf(colour, this.node)})`;
        context.lineWidth = width * devicePixelRatio * (map === cell.map ? 1 : 0.6);
        context.strokeRect(...corner, ...size);
      }
    }
  }

  _drawOutline(context) {
    const { width, height } = this.mark;
    const wide = 4 * devicePixelRatio;
    const [left, right] = [this.outline.left, this.outline.right].map((share) => share * width);
    const [top, bottom] = [this.outline.top, this.outline.bottom].map((share) => share * height);
    for (const [colour, part, dashes] of [["--paper", 1, []], ["--ink", 0.5, [6, 4]]]) {
      context.strokeStyle = `rgb(${rgbOf(colour, this.node)})`;
      context.lineWidth = wide * part;
      context.setLineDash(dashes.map((length) => length * devicePixelRatio));
      context.strokeRect(left + wide / 2, top + wide / 2, right - left - wide, bottom - top - wide);
    }
    context.setLineDash([]);
  }

  // ------------------------------------------------------------------ by hand

  _listen(keys) {
    const on = (name, act) => this.canvas.addEventListener(name, act);
    on("pointerdown", (event) => this._down(event));
    on("pointermove", (event) => this._move(event));
    on("lostpointercapture", (event) => this._up(event));
    on("pointerleave", (event) => this._point(null, event.pointerType !== "mouse"));
    on("keydown", (event) => this._key(event));
    on("keyup", (event) => event.key === " " && event.preventDefault());
    on("focus", () => {
      this.keyed = this.canvas.matches(":focus-visible");
      if (this.keyed) {
        this.read(keys);
        this.pointed(this.cursor, true);
      }
      this._drawMark();
    });
    on("blur", () => {
      this.keyed = false;
      this.read("");
      if (this.painter.stroking) this.painter.end();
      this.pointed(this.hover, false);
      this._drawMark();
    });
  }

  /** Let touches scroll the page, unless they brush. */
  showTool() {
    this.canvas.style.touchAction = this.painter.tool === "look" ? "auto" : "none";
    this.node.dataset.tool = this.painter.tool;
    this._drawMark();
  }

  /** Take a cell, or null, as the one under the pointer; a finger that `lifts` still points at it. */
  _point(cell, lifts = false) {
    const same = JSON.stringify(cell) === JSON.stringify(this.hover);
    this.hover = cell;
    if (same) return;
    this._drawMark();
    if (!lifts) this.pointed(this.cell, this.keyed);
    this.read(cell ? this.describe(cell) : "");
  }

  _down(event) {
    this.keyed = false;
    const cell = this.cellAt(event);
    this._point(cell);
    if (!event.isPrimary || event.button !== 0 || !cell || this.painter.tool === "look") return;
    this.canvas.setPointerCapture(event.pointerId);
    this.painter.begin();
    this._last = event;
    this.cursor = cell;
    this._brush(cell, event.shiftKey);
  }

  _move(event) {
    if (!event.isPrimary) return;
    this._point(this.cellAt(event));
    if (!this.painter.stroking || !this._last) return;
    const far = Math.hypot(event.clientX - this._last.clientX, event.clientY - this._last.clientY);
    const half = (0.5 * this.geometry.cellWidth) / devicePixelRatio;
    const steps = Math.max(1, Math.ceil(far / half));
    for (let k = 1; k <= steps; k++) {
      const part = k / steps;
      const cell = this.cellAt({
        clientX: this._last.clientX + (event.clientX - this._last.clientX) * part,
        clientY: this._last.clientY + (event.clientY - this._last.clientY) * part,
      });
      if (cell) this._brush(cell, event.shiftKey);
    }
    this._last = event;
  }

  _up(event) {
    if (!this._last || !event.isPrimary) return;
    this._last = null;
    this.painter.end();
    if (event.pointerType !== "mouse") this._point(null, true);
  }

  _brush(cell, other) {
    this.painter.brush(this.painter.under(cell, this.everyMap), other);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.geometry) return;
    const presses = event.key === " " || event.key === "Enter";
    const to = presses ? this.cursor : this._leadsTo(event.key);
    if (!to) return;
    event.preventDefault();
    this.keyed = true;
    this.cursor = to;
    const brushes = presses || (event.key in ARROWS && event.shiftKey);
    if (brushes && this.painter.tool !== "look") {
      this.painter.begin();
      this._brush(this.cursor, presses && event.shiftKey);
      this.painter.end();
    }
    this._drawMark();
    this.pointed(this.cursor, true);
    this.live.textContent = this.describe(this.cursor);
    this.read(this.live.textContent);
  }

  /** The cell that a key leads to, at the edge the present one; null for other keys. */
  _leadsTo(key) {
    const { maps, rows, columns, across } = this.geometry;
    const { map, row, column } = this.cursor;
    if (key === "Home") return { map, row, column: 0 };
    if (key === "End") return { map, row, column: columns - 1 };
    if (key === "PageUp") return { map: Math.max(0, map - 1), row, column };
    if (key === "PageDown") return { map: Math.min(maps - 1, map + 1), row, column };
    if (!(key in ARROWS)) return null;
    const [right, down] = ARROWS[key];
    const [y, x] = [row + down, column + right];
    const leaves = (place, extent) => place < 0 || place >= extent;
    const other = map + (leaves(x, columns) ? right : 0) + (leaves(y, rows) ? down * across : 0);
    if (leaves(other, maps)) return this.cursor;
    return { map: other, row: (y + rows) % rows, column: (x + columns) % columns };
  }
}
