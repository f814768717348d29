// The explorer as a widget: `render` builds it in an element and lets it follow a model.
//
// The model has the traits of tinyvgg.explorer.Session and `tasks`; and, where a page opens links
// to a state, its address as `page`. A task's pack comes by message: the view sends { need: task }
// and receives { pack: task } with the bytes, or { refused: sentence }. `decode` reads the choice
// of a link.

import { Refused } from "./choice.js";
import { decode, encode } from "./link.js";
import { Bars } from "./view/bars.js";
import { Cases } from "./view/cases.js";
import { BrushControls, MethodControls, SetControls, TopControls } from "./view/controls.js";
import { Curve } from "./view/curve.js";
import { Controller } from "./controller.js";
import { make } from "./view/dom.js";
import { Face } from "./view/face.js";
import { Maps } from "./view/maps.js";
import { Upload } from "./view/upload.js";
import { Painter } from "./view/painter.js";
import { Pixel } from "./view/pixel.js";
import { followTone } from "./view/theme.js";

const ANSWER = /^(.* classified as )(.+)( \(confidence [\d.]+\)\.)$/s; // the name of a class in a sentence
const COPIED = 1600; // milliseconds for which the button confirms it
const MARK = "explore:"; // what the fragment of a link begins with
const PATIENCE = 10000; // milliseconds until a silent kernel counts as none
const SILENCE =
  "Python does not answer. This explorer gets its network from Python: run the notebook from its " +
  "first cell. In the pages of the book, it needs no Python.";

/** The sentence, its context, and a note. */
class Summary {
  constructor() {
    this.sentence = make("p.tve-sentence", { role: "status", "aria-live": "polite" });
    this.context = make("p.tve-context");
    this.note = make("p.tve-note", { role: "alert" });
    this.nodes = [this.sentence, this.context, this.note];
  }

  show(state, moving) {
    this.sentence.setAttribute("aria-busy", String(moving)); // read out when the hand rests
    const [, before, name, after] = ANSWER.exec(state.sentence);
    this.sentence.replaceChildren(before, make("strong", name), after);
    this.context.textContent = state.context;
    this.note.textContent = "";
  }

  refuse(sentence) {
    this.note.textContent = sentence[0].toUpperCase() + sentence.slice(1);
  }
}

class View {
  constructor(model, el) {
    this.el = el;
    this.model = model;
    this.controller = new Controller(model, {
      state: (state, moving) => this.show(state, moving),
      late: [
        (state) => this.curve.showLate(state),
        (state) => state.deconvolution(),
        (state) => this.face.showLate(state),
      ],
      refused: (sentence) => this.refuse(sentence),
      waiting: (task) => this.wait(task),
    });
    this.waiting = make("p.tve-waiting", { role: "status" });
    this.root = make("div.tve");
    el.classList.add("tinyvgg-explorer");
    if (!el.childElementCount) el.append(this.waiting);
    this.endTone = followTone(el, () => this.redraw());
    this.controller.follow();
  }

  leave() {
    this.controller.leave();
    this.endTone();
    for (const part of [this.face?.board, this.maps?.board, this.pixel, this.upload]) part?.leave();
    clearTimeout(this._copied);
    clearTimeout(this._silence);
    this.el.classList.remove("tinyvgg-explorer");
    this.el.replaceChildren();
  }

  build() {
    const { controller } = this;
    const painter = new Painter(controller);
    this.live = make("p.tve-unseen", { "aria-live": "polite" });
    this.upload = new Upload(controller, (text) => this.announce(text));
    this.top = new TopControls(controller, () => this.copyLink());
    this.cases = new Cases(controller, () => this.upload.open());
    this.upload.opened = (open) => {
      this.cases.upload.setAttribute("aria-expanded", String(open));
      if (!open) this.cases.upload.focus({ preventScroll: true });
    };
    this.cases.upload.setAttribute("aria-expanded", "false");
    this.summary = new Summary();
    this.sets = new SetControls(controller);
    this.pixel = new Pixel(controller, (outline) => this.face.board.showOutline(outline));
    const pointed = (cell, keyed) => this.pixel.point(cell, keyed);
    this.face = new Face(controller, painter, pointed);
    this.maps = new Maps(controller, painter, pointed);
    const boards = [this.face.board, this.maps.board];
    this.brush = new BrushControls(painter, () => boards.forEach((board) => board.showTool()));
    boards.forEach((board) => board.showTool());
    this.bars = new Bars(controller);
    this.curve = new Curve(controller);
    this.method = new MethodControls(controller);
    this.root.append(
      this.top.node,
      this.cases.node,
      this.upload.node,
      ...this.summary.nodes,
      make("div.tve-tools", this.sets.node, this.brush.node),
      make(
        "div.tve-columns",
        make("div.tve-left", this.face.node, this.pixel.node, this.face.deconvolved),
        make("div.tve-side", this.bars.node, this.curve.node),
        this.maps.node,
      ),
      this.method.node,
      this.live,
    );
    this.listen();
    this.el.replaceChildren(this.root);
    const { top, cases, summary, sets, face, pixel, maps, bars, curve, method } = this;
    this.parts = [top, cases, summary, sets, face, pixel, maps, bars, curve, method];
  }

  show(state, moving) {
    if (!this.parts) this.build();
    for (const part of this.parts) part.show(state, moving);
  }

  redraw() {
    if (!this.parts) return;
    this.face.board.redraw();
    this.maps.board.redraw();
    this.face.showLate(this.controller.state);
  }

  refuse(sentence) {
    if (this.parts) return this.summary.refuse(sentence);
    this.waiting.textContent = sentence;
    this.el.append(this.waiting); // below what is shown
  }

  wait(task) {
    clearTimeout(this._silence);
    const inBook = Boolean(this.model.get("page"));
    if (task !== null && !inBook) this._silence = setTimeout(() => this.refuse(SILENCE), PATIENCE);
    const sentence = task === null ? "" : `Loading the network of the task ${task} …`;
    if (this.parts) this.announce(sentence);
    else if (sentence) this.waiting.textContent = sentence; // a refusal stays
    this.el.classList.toggle("tve-busy", task !== null);
  }

  /** Announce a text to screen readers. */
  announce(text) {
    this.live.textContent = text;
  }

  async copyLink() {
    let address;
    try {
      address = `${this.model.get("page")}#${MARK}${encode(this.controller.state.choice)}`;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.refuse(error.message);
    }
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      return this.top.offer(address); // where a page may not write the clipboard
    }
    const words = this.top.link.querySelector("span");
    words.textContent = "Copied";
    this.announce("Link copied.");
    clearTimeout(this._copied);
    this._copied = setTimeout(() => (words.textContent = "Copy link"), COPIED);
  }

  listen() {
    const on = (name, act) => this.root.addEventListener(name, act);
    on("keydown", (event) => {
      const key = event.key.toLowerCase();
      if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(key)) return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) this.controller.redo();
      else this.controller.undo();
    });
    on("dragover", (event) => {
      event.preventDefault();
      this.root.classList.add("tve-dropping");
    });
    on("dragleave", (event) => {
      if (!this.root.contains(event.relatedTarget)) this.root.classList.remove("tve-dropping");
    });
    on("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("tve-dropping");
      this.upload.receive(event.dataTransfer.files);
    });
    on("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.upload.receive(event.clipboardData.files);
    });
  }
}

/** Show a model in an element; what is there stays until there is something to show. */
function render({ model, el }) {
  const view = new View(model, el);
  return () => view.leave();
}

export default { render, decode };
