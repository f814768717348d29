// The panel for a picture of the reader's own: drop, choose or paste it, frame the face, classify.

import { PictureRefused, readPicture, shrunk } from "../picture.js";
import { ARROWS, Slider, make, makeButton } from "./dom.js";
import { paintPicture } from "./theme.js";

const LEAD =
  "Drop an image here, paste one, or choose a file. It is read, cropped and classified in this " +
  "page, and nothing leaves your browser.";
const NO_FILE =
  "That contained no file. Save the image first, then drop the file or choose it.";
const SMALLEST = 16; // pixels of the picture that the square is wide

/** Choose, crop, classify. */
export class Upload {
  constructor(controller, announce) {
    this.controller = controller;
    this.announce = announce;
    this.file = make("input.tve-unseen", {
      type: "file",
      accept: "image/*",
      tabindex: -1,
      "aria-hidden": "true",
      onchange: () => this._choose(this.file.files),
    });
    const choose = makeButton("Choose an image", () => this.file.click(), { drawing: "picture" });
    const example = makeButton("Use an example", () => this._example());
    this.first = choose;
    this.refusal = make("p.tve-note", { role: "alert" });
    this.canvas = make("canvas.tve-crop", {
      tabindex: 0,
      role: "application",
      "aria-label":
        "Frame: drag it, or move it with the arrow keys; plus and minus change its size",
    });
    this.side = new Slider(
      "Size of the frame",
      { min: SMALLEST, max: 100, step: 1, written: (side) => `${side} pixels` },
      (side) => this._resize(side),
    );
    const seen = "What the network sees";
    this.preview = make("canvas.tve-preview", { role: "img", "aria-label": seen });
    this.take = makeButton("Classify", () => this._take());
    this.take.classList.add("tve-main");
    const figure = make("figure.tve-figure", this.preview, make("figcaption", seen));
    const framed = make("div.tve-framed", figure, this.side.node, this.take);
    this.framing = make("div.tve-framing", { hidden: true }, this.canvas, framed);
    const close = makeButton("Close", () => this.open(false), { drawing: "close", bare: true });
    this.node = make(
      "section.tve-panel",
      { "aria-label": "Your image", hidden: true },
      make("div.tve-row", make("h3.tve-heading", "Your image"), close),
      make("p.tve-lead", LEAD),
      make("div.tve-row", choose, this.file, example),
      this.refusal,
      this.framing,
    );
    this._listen();
  }

  /** Open the panel, or close it; without a word, whichever it is not. */
  open(open = this.node.hidden) {
    this.node.hidden = !open;
    this.opened?.(open);
    if (open) this.first.focus();
  }

  leave() {
    this.bitmap?.close();
    cancelAnimationFrame(this._frame);
    clearTimeout(this._later);
  }

  /** Take what was dropped, pasted or chosen. */
  async receive(files) {
    this.open(true);
    await this._choose(files);
  }

  async _choose(files) {
    const file = files?.[0];
    this.refusal.textContent = "";
    if (!file) return this._refuse(NO_FILE);
    const turn = (this._turn = {});
    try {
      const bitmap = await readPicture(file);
      if (this._turn !== turn) return bitmap.close();
      this._frameIt(bitmap, "your image");
    } catch (error) {
      if (!(error instanceof PictureRefused)) throw error;
      if (this._turn === turn) this._refuse(error.message);
    } finally {
      this.file.value = ""; // the same file may be chosen again
    }
  }

  _refuse(sentence) {
    this.framing.hidden = true;
    this.refusal.textContent = sentence;
  }

  async _example() {
    const { session } = this.controller;
    const canvas = make("canvas");
    paintPicture(canvas, session.picture(session.pack.first), session.pack.shape);
    this.refusal.textContent = "";
    this._turn = null;
    this._frameIt(await createImageBitmap(canvas), "the example");
  }

  _frameIt(bitmap, name) {
    this.bitmap?.close();
    this.bitmap = bitmap;
    this.name = name;
    const side = Math.min(bitmap.width, bitmap.height);
    this.least = Math.min(SMALLEST, side);
    this.side.input.min = this.least;
    const [x, y] = [bitmap.width, bitmap.height].map((room) => Math.floor((room - side) / 2));
    this.square = { x, y, side };
    this.framing.hidden = false;
    this._show();
    this.canvas.focus({ preventScroll: true });
    this.announce("The image is loaded. Frame the face.");
  }

  // ------------------------------------------------------------------ the frame

  _set(x, y, side) {
    const { width, height } = this.bitmap;
    side = Math.round(Math.min(Math.max(side, this.least), width, height));
    const within = (place, room) => Math.round(Math.min(Math.max(place, 0), room - side));
    this.square = { x: within(x, width), y: within(y, height), side };
    this._show();
  }

  /** Give the frame another side about the middle of a square. */
  _resize(side, { x, y, side: old } = this.square) {
    this._set(x + (old - side) / 2, y + (old - side) / 2, side);
  }

  _show() {
    this._frame ||= requestAnimationFrame(() => {
      this._frame = 0;
      this._draw();
    });
    const { width, height } = this.bitmap;
    this.side.show(this.square.side, { max: Math.min(width, height) });
  }

  _draw() {
    const { bitmap, square } = this;
    const room = Math.max(120, Math.min(this.framing.clientWidth, 420));
    const zoom = Math.min(room / bitmap.width, 300 / bitmap.height);
    const [wide, high] = [bitmap.width * zoom, bitmap.height * zoom];
    this.canvas.width = Math.round(wide * devicePixelRatio);
    this.canvas.height = Math.round(high * devicePixelRatio);
    Object.assign(this.canvas.style, { width: `${wide}px`, height: `${high}px` });
    this.zoom = zoom;
    const context = this.canvas.getContext("2d");
    context.scale(devicePixelRatio * zoom, devicePixelRatio * zoom);
    context.imageSmoothingEnabled = zoom < 1;
    context.drawImage(bitmap, 0, 0);
    context.fillStyle = "rgba(0, 0, 0, 0.55)";
    const { x, y, side } = square;
    context.beginPath();
    context.rect(0, 0, bitmap.width, bitmap.height);
    context.rect(x, y, side, side);
    context.fill("evenodd");
    const line = 2 / zoom;
    context.lineWidth = line;
    context.strokeStyle = "#fff";
    context.strokeRect(x + line / 2, y + line / 2, side - line, side - line);
    const grip = 12 / zoom;
    context.fillStyle = "#fff";
    context.fillRect(x + side - grip, y + side - grip, grip, grip);
    clearTimeout(this._later);
    this._later = setTimeout(() => this._shrink(), 0);
  }

  _shrink() {
    const { shape } = this.controller.session.pack;
    this.bytes = shrunk(this.bitmap, this.square, shape[1]);
    paintPicture(this.preview, this.bytes, shape);
  }

  async _take() {
    this._shrink();
    await this.controller.own(this.bytes, this.name);
    this.open(false);
  }

  // ------------------------------------------------------------------ by hand

  _listen() {
    const pointers = new Map();
    let start = null;
    const on = (name, act) => this.canvas.addEventListener(name, act);
    const place = ({ clientX, clientY }) => {
      const box = this.canvas.getBoundingClientRect();
      return [(clientX - box.left) / this.zoom, (clientY - box.top) / this.zoom];
    };
    const apart = () => {
      const [a, b] = [...pointers.values()];
      return Math.hypot(a[0] - b[0], a[1] - b[1]);
    };
    const begin = (from) => {
      const { x, y, side } = this.square;
      const corner = Math.hypot(from[0] - x - side, from[1] - y - side) < 22 / this.zoom;
      start = { from, corner, square: this.square, apart: pointers.size === 2 ? apart() : 0 };
    };
    on("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
      begin(place(event));
    });
    on("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      pointers.set(event.pointerId, place(event));
      const { x, y, side } = start.square;
      if (pointers.size === 2)
        return this._resize((side * apart()) / start.apart, start.square);
      const [dx, dy] = place(event).map((value, k) => value - start.from[k]);
      if (!start.corner) return this._set(x + dx, y + dy, side);
      const { width, height } = this.bitmap;
      this._set(x, y, Math.min(side + Math.max(dx, dy), width - x, height - y));
    });
    on("lostpointercapture", (event) => {
      pointers.delete(event.pointerId);
      if (pointers.size) begin([...pointers.values()][0]);
    });
    const wheel = (event) => {
      event.preventDefault();
      this._resize(this.square.side * Math.exp(event.deltaY / 600));
    };
    this.canvas.addEventListener("wheel", wheel, { passive: false });
    on("keydown", (event) => {
      const { x, y, side } = this.square;
      const step = Math.max(1, Math.round(side * (event.shiftKey ? 0.1 : 0.02)));
      const [right, down] = ARROWS[event.key] ?? [];
      if (event.key in ARROWS) this._set(x + right * step, y + down * step, side);
      else if ("+=".includes(event.key)) this._resize(side + step);
      else if ("-_".includes(event.key)) this._resize(side - step);
      else return;
      event.preventDefault();
    });
  }
}
