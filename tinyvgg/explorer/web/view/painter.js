// What a brush does to the set of suppressed pixels, whichever board it moves on.

import { numbersOf } from "../method.js";

/** The brush: what it does, how wide it is, and the stroke under way. */
export class Painter {
  constructor(controller) {
    this.controller = controller;
    this.tool = "suppress"; // or "restore", or "look": it does nothing
    this.size = 1; // pixels of a map, wide and high
    this.everywhere = false; // in all maps at once
    this._set = null; // of pixel numbers, in the order in which they came
  }

  begin() {
    const { state } = this.controller;
    const { choice } = state;
    const byHand = choice.pixel_set === "hand" && !choice.random;
    this._set = new Set(byHand ? state.order : numbersOf(state.suppressed));
  }

  /** Brush pixels, of which inactive ones are zero already; `other` turns the tool round. */
  brush(pixels, other = false) {
    const { maps } = this.controller.state;
    const suppresses = (this.tool === "suppress") !== other;
    const before = this._set.size;
    for (const pixel of pixels) {
      if (!suppresses) this._set.delete(pixel);
      else if (maps[pixel] > 0) this._set.add(pixel);
    }
    if (this._set.size !== before) this.controller.preview({ suppressed: [...this._set] });
  }

  end() {
    this._set = null;
    if (this.controller.moving) this.controller.commit();
  }

  get stroking() {
    return this._set !== null;
  }

  /** The pixels under the brush on a cell: of its map, or of all maps. */
  under(cell, all) {
    const [maps, height, width] = this.controller.state.shape;
    const { top, left, bottom, right } = this.extent(cell, height, width);
    const [first, end] = all || this.everywhere ? [0, maps] : [cell.map, cell.map + 1];
    const pixels = [];
    for (let c = first; c < end; c++) {
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) pixels.push((c * height + y) * width + x);
      }
    }
    return pixels;
  }

  /** The rows and columns of a map that lie under the brush. */
  extent({ row, column }, height, width) {
    const size = this.tool === "look" ? 1 : this.size;
    const [top, left] = [row, column].map((place) => place - Math.floor((size - 1) / 2));
    const [bottom, right] = [Math.min(height, top + size), Math.min(width, left + size)];
    return { top: Math.max(0, top), left: Math.max(0, left), bottom, right };
  }
}
