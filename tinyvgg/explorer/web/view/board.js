// A canvas of cells to look at and to brush, by pointer and by keys.

import { make, newId } from "./dom.js";
import { rgbOf } from "./theme.js";

const CURSOR_KEYS =
  "Arrow keys move the cursor, with Shift they brush. " +
  "Space brushes, Shift and Space the other way.";
const MAP_KEYS = "Page Up and Page Down change the map.";
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * One map of cells (the face) or many side by side.
 *
 * `geometry(width)` lays it out for a width in device pixels: {width, height, maps, rows, columns,
 * across, origin(map) -> [x, y], cellWidth, cellHeight}; `draw(context, geometry)` draws it;
 * `describe({ map, row, column })` is a text about a cell; `read(text)` shows such a text.
 * `everyMap`: its cells stand for that place in all maps.
 */
export class Board {
  constructor({ label, painter, geometry, draw, describe, read, everyMap = false }) {
    Object.assign(this, { painter, layOut: geometry, draw, describe, read, everyMap });
    const hint = make("span", {
      id: newId("hint"),
      class: "tve-unseen",
      text: everyMap ? CURSOR_KEYS : `${CURSOR_KEYS} ${MAP_KEYS}`,
    });
    this.live = make("span", { class: "tve-unseen", "aria-live": "polite" });
    this.canvas = make("canvas", {
      role: "application",
      "aria-roledescription": "board",
      tabindex: 0,
      "aria-label": label,
      "aria-describedby": hint.id,
      class: "tve-canvas",
    });
    this.mark = make("canvas", { class: "tve-mark", "aria-hidden": "true" });
    this.node = make("div", { class: "tve-board" }, this.canvas, this.mark, hint, this.live);
    this.cursor = { map: 0, row: 0, column: 0 };
    this.hover = null;
    this.keyed = false;
    this._listen(hint);
    this._observer = new ResizeObserver(() => {
      cancelAnimationFrame(this._resizing);
      this._resizing = requestAnimationFrame(
        () => this._wide !== this.node.clientWidth && this.resize(),
      );
    });
    this._observer.observe(this.node);
  }

  leave() {
    this._observer.disconnect();
    cancelAnimationFrame(this._resizing);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this._wide = this.node.clientWidth;
    const wide = Math.floor(this._wide * ratio);
    if (!wide || !this.painter.controller.state) return;
    this.geometry = this.layOut(wide, ratio);
    for (const canvas of [this.canvas, this.mark]) {
      canvas.width = this.geometry.width;
      canvas.height = this.geometry.height;
      canvas.style.width = `${this.geometry.width / ratio}px`;
      canvas.style.height = `${this.geometry.height / ratio}px`;
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

  _drawMark() {
    const context = this.mark.getContext("2d");
    context.clearRect(0, 0, this.mark.width, this.mark.height);
    const cell = this.keyed ? this.cursor : this.hover;
    if (!cell || !this.geometry) return;
    const g = this.geometry;
    const { top, left, bottom, right } =
      this.painter.tool === "look"
        ? { top: cell.row, left: cell.column, bottom: cell.row + 1, right: cell.column + 1 }
        : this.painter.extent(cell.row, cell.column, g.rows, g.columns);
    const all = this.painter.everywhere && !this.everyMap && this.painter.tool !== "look";
    for (let map = all ? 0 : cell.map; map < (all ? g.maps : cell.map + 1); map++) {
      const [x0, y0] = g.origin(map);
      const box = [
        x0 + left * g.cellWidth,
        y0 + top * g.cellHeight,
        (right - left) * g.cellWidth,
        (bottom - top) * g.cellHeight,
      ];
      const ratio = window.devicePixelRatio || 1;
      for (const [colour, width] of [
        ["--paper", 4],
        ["--ink", 2],
      ]) {
        context.strokeStyle = `rgb(${rgbOf(colour, this.node)})`;
        context.lineWidth = width * ratio * (map === cell.map ? 1 : 0.6);
        context.strokeRect(...box);
      }
    }
  }

  // ------------------------------------------------------------------ by hand

  _listen(hint) {
    const on = (name, act, options) => this.canvas.addEventListener(name, act, options);
    on("pointerdown", (event) => this._down(event));
    on("pointermove", (event) => this._move(event));
    on("pointerup", (event) => this._up(event));
    on("pointercancel", (event) => this._up(event));
    on("pointerleave", () => this._point(null));
    on("keydown", (event) => this._key(event));
    on("keyup", (event) => event.key === " " && event.preventDefault());
    on("focus", () => {
      this.keyed = this.canvas.matches(":focus-visible");
      if (this.keyed) this.read(hint.textContent);
      this._drawMark();
    });
    on("blur", () => {
      this.keyed = false;
      this.read("");
      if (this.painter.stroking) this.painter.end();
      this._drawMark();
    });
  }

  /** Let touches scroll the page, unless they brush. */
  showTool() {
    this.canvas.style.touchAction = this.painter.tool === "look" ? "auto" : "none";
    this.node.dataset.tool = this.painter.tool;
    this._drawMark();
  }

  _point(cell) {
    const same = JSON.stringify(cell) === JSON.stringify(this.hover);
    this.hover = cell;
    if (same) return;
    this._drawMark();
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
    const ratio = window.devicePixelRatio || 1;
    const steps = Math.max(1, Math.ceil(far / ((0.5 * this.geometry.cellWidth) / ratio)));
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
    if (event.pointerType !== "mouse") this._point(null);
  }

  _brush({ map, row, column }, other) {
    this.painter.brush(this.painter.under(this.everyMap ? null : map, row, column), other);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.geometry) return;
    const { maps, rows, columns, across } = this.geometry;
    const { map, row, column } = this.cursor;
    let to = null;
    if (event.key in STEPS) {
      const [down, right] = STEPS[event.key];
      to = { map, row: row + down, column: column + right };
      if (to.column < 0 || to.column >= columns)
        to = this._next(map + right, row, right < 0 ? columns - 1 : 0);
      if (to && (to.row < 0 || to.row >= rows))
        to = this._next(map + down * across, down < 0 ? rows - 1 : 0, column);
    } else if (event.key === "Home" || event.key === "End") {
      to = { map, row, column: event.key === "Home" ? 0 : columns - 1 };
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      to = {
        map: Math.min(maps - 1, Math.max(0, map + (event.key === "PageUp" ? -1 : 1))),
        row,
        column,
      };
    } else if (event.key !== " " && event.key !== "Enter") {
      return;
    }
    event.preventDefault();
    this.keyed = true;
    if (to) this.cursor = to;
    const moves = event.key in STEPS;
    if (
      this.painter.tool !== "look" &&
      (moves ? event.shiftKey : event.key === " " || event.key === "Enter")
    ) {
      this.painter.begin();
      this._brush(this.cursor, !moves && event.shiftKey);
      this.painter.end();
    }
    this._drawMark();
    this.live.textContent = this.describe(this.cursor);
    this.read(this.live.textContent);
  }

  _next(map, row, column) {
    return map >= 0 && map < this.geometry.maps ? { map, row, column } : null;
  }
}
