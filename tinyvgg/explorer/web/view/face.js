// The picture, what lies over it, and what its pixels show.

import { Board } from "./board.js";
import { Radios, make } from "./dom.js";
import { greyOf, percentileOf } from "../method.js";
import { countOf, grouped } from "../session.js";
import { SET_COLOUR, between, paint, paintPicture, rgbOf, viridisScale } from "./theme.js";

const OVERLAYS = {
  picture: ["image", "The image fades where its pixels are suppressed."],
  tracked: ["tracked", "What the suppressed pixels show, in the color of the set."],
  summed: ["maps", "The sum of all maps over the image. Yellow is largest."],
  suppressed: ["suppressed", "The sum of the suppressed pixels of all maps, on the same scale."],
};
const TOP = 99.5; // a picture of features is scaled by this percentile of it

/** The face as a board: a region brushed on it is that place in all maps. */
export class Face {
  constructor(controller, painter, pointed) {
    this.controller = controller;
    this.over = "picture";
    this.board = new Board({
      label: "Image: brushing a place here brushes it in all maps",
      painter,
      read: (text) => this._caption(text),
      pointed: (cell, keyed) => pointed(cell && { row: cell.row, column: cell.column }, keyed),
      everyMap: true,
      geometry: (width) => this._layOut(width),
      draw: (context, geometry) => this._draw(context, geometry),
      describe: (cell) => this._describe(cell),
    });
    const overlay = (value) => this.overlay(value);
    const names = Object.entries(OVERLAYS).map(([value, [name]]) => [value, name]);
    this.overlays = new Radios("Over the image", names, overlay, { seen: false });
    this.overlays.show(this.over);
    this.caption = make("p.tve-caption");
    this.pictures = ["all pixels", "remaining pixels", "difference"].map((text) => {
      const canvas = make("canvas", { role: "img", "aria-label": text });
      return { canvas, node: make("figure.tve-figure", canvas, make("figcaption", text)) };
    });
    this.features = make("div.tve-features", ...this.pictures.map(({ node }) => node));
    this.node = make(
      "section.tve-face",
      { "aria-label": "Image" },
      this.board.node,
      this.overlays.node,
      this.caption,
    );
    const name = "Deconvolved";
    this.deconvolved = make(
      "section.tve-deconvolved",
      { "aria-label": name },
      make("h3.tve-heading", name),
      this.features,
    );
    this._picture = document.createElement("canvas");
    this._layer = document.createElement("canvas");
    this._scale = viridisScale();
  }

  overlay(value) {
    this.over = value;
    this.overlays.show(value);
    if (value === "tracked") this._difference = this.controller.state.tracking().difference;
    this.show(this.controller.state);
  }

  show(state) {
    const row = state.choice.case;
    if (this._row !== row || this._pack !== this.controller.session.pack) {
      this._row = row;
      this._pack = this.controller.session.pack;
      this._bytes = this.controller.session.picture(row);
      paintPicture(this._picture, this._bytes, this._pack.shape);
      this._difference = null;
    }
    this._caption("");
    this._isBehind(state);
    this.board.redraw();
  }

  /** Say whether the deconvolved pictures are of a state before. */
  _isBehind(state) {
    this.features.setAttribute("aria-busy", String(this._deconvolved !== state));
  }

  /** What takes longer: deconvolution and tracking. */
  showLate(state) {
    const { full, suppressed, difference } = state.tracking();
    const [, height, width] = this._pack.shape;
    const [all, rest] = [full, suppressed].map((picture) => greyOf(picture, this._pack.shape));
    const top = topOf(all);
    const tops = [top, top, topOf(difference)];
    const paper = rgbOf("--features-paper", this.node);
    const ink = rgbOf("--features-ink", this.node);
    const gone = `the ${grouped(countOf(state.suppressed))} suppressed pixels`;
    const words = [
      "The deconvolution of all pixels of the maps",
      `The deconvolution of the remaining pixels, with ${gone} at zero`,
      `The difference of the two, which ${gone} make`,
    ];
    [all, rest, difference].forEach((values, k) => {
      const { canvas, node } = this.pictures[k];
      paint(canvas, height, width, (pixel) =>
        between(paper, ink, tops[k] > 0 ? Math.min(1, values[pixel] / tops[k]) : 0),
      );
      canvas.setAttribute("aria-label", words[k]);
      node.title = words[k];
    });
    this._difference = difference;
    this._deconvolved = state;
    this._isBehind(state);
    if (this.over === "tracked") this.board.redraw();
  }

  _layOut(width) {
    const [, rows, columns] = this.controller.state.shape;
    const [, high, wide] = this.controller.session.pack.shape;
    const height = Math.round((width * high) / wide);
    const [cellWidth, cellHeight] = [width / columns, height / rows];
    const origin = () => [0, 0];
    return { width, height, maps: 1, across: 1, rows, columns, origin, cellWidth, cellHeight };
  }

  /** Sums over the maps, at each place: of what is active, of what is suppressed, and counts. */
  _places(state) {
    const [maps, height, width] = state.shape;
    const size = height * width;
    const [all, gone, active, lost] = Array.from({ length: 4 }, () => new Float32Array(size));
    for (let k = 0; k < maps * size; k++) {
      const value = state.maps[k];
      if (value === 0) continue;
      const place = k % size;
      all[place] += value;
      active[place] += 1;
      if (!state.suppressed[k]) continue;
      gone[place] += value;
      lost[place] += 1;
    }
    return { all, gone, active, lost };
  }

  _draw(context, geometry) {
    const state = this.controller.state;
    const places = this._places(state);
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, geometry.width, geometry.height);
    context.drawImage(this._picture, 0, 0, geometry.width, geometry.height);
    if (this.over === "picture") return this._drawVeil(context, geometry, places);
    const [, height, width] = this._pack.shape;
    const overlaid = this._overlaid(state, places, height, width);
    paint(this._layer, height, width, (k) => {
      const shade = (this._bytes[3 * k] + this._bytes[3 * k + 1] + this._bytes[3 * k + 2]) / 3;
      return overlaid([shade, shade, shade], k);
    });
    context.drawImage(this._layer, 0, 0, geometry.width, geometry.height);
  }

  /** The colour of each pixel of the picture, from its grey and its number. */
  _overlaid(state, places, height, width) {
    const [, rows, columns] = state.shape;
    if (this.over === "tracked") {
      const values = this._difference;
      const scale = (values && topOf(values)) || 1;
      const colour = rgbOf(SET_COLOUR[state.choice.random ? "random" : state.choice.pixel_set]);
      const paper = rgbOf("--paper", this.node);
      return (grey, k) => {
        const strength = values ? Math.min(1, values[k] / scale) : 0;
        return between(between(paper, grey, 0.35), between(colour, [0, 0, 0], 0.1), strength);
      };
    }
    const shown = this.over === "summed" ? places.all : places.gone;
    const most = Math.max(...places.all) || 1;
    return (grey, k) => {
      const row = Math.floor((Math.floor(k / width) * rows) / height);
      const place = row * columns + Math.floor(((k % width) * columns) / width);
      const step = Math.round((255 * Math.min(most, shown[place])) / most);
      return between(grey, this._scale.subarray(3 * step, 3 * step + 3), 0.6);
    };
  }

  /** Let the picture fade as the pixels above it are suppressed. */
  _drawVeil(context, geometry, { active, lost }) {
    const { rows, columns, cellWidth, cellHeight } = geometry;
    const paper = rgbOf("--paper", this.node);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const place = row * columns + column;
        if (!lost[place]) continue;
        const [left, right] = [column, column + 1].map((edge) => Math.round(edge * cellWidth));
        const [top, bottom] = [row, row + 1].map((edge) => Math.round(edge * cellHeight));
        context.fillStyle = `rgba(${paper}, ${0.92 * (lost[place] / active[place]) ** 2})`;
        context.fillRect(left, top, right - left, bottom - top);
      }
    }
  }

  /** What is under the pointer or the cursor, else what is shown. */
  _caption(text) {
    this.caption.textContent = text || OVERLAYS[this.over][1];
  }

  _describe({ row, column }) {
    const { active, lost } = this._places(this.controller.state);
    const place = row * this.controller.state.shape[2] + column;
    const where = `Row ${row + 1}, column ${column + 1} of all maps`;
    const [some, gone] = [grouped(active[place]), grouped(lost[place])];
    return `${where}: ${some} active, ${gone} of them suppressed.`;
  }
}

/** What a picture of features is scaled by. */
function topOf(values) {
  return percentileOf(Float32Array.from(values), TOP);
}
