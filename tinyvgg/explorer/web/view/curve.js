// Probability as the number of suppressed pixels grows: of the set, strongest first, and at random.

import { deletion, strongestClass } from "../method.js";
import { countOf, grouped } from "../session.js";
import { Radios, Slider, make, makeSvg, setAll } from "./dom.js";
import { SET_COLOUR } from "./theme.js";

const POINTS = 33;
const HIGH = 132; // of the plot, in its own units
const WIDE = 320;
const EDGE = { left: 30, right: 10, top: 10, bottom: 6 };

/** The deletion curve; its dot is what is suppressed, and can be dragged. */
export class Curve {
  constructor(controller) {
    this.controller = controller;
    this.which = "predicted";
    const classes = [["predicted", ""], ["true", ""]]; // which `show` names
    this.classes = new Radios("Probability of", classes, (value) => this._of(value));
    this.strongest = new Slider(
      "Only the strongest",
      { min: 1, max: 1, step: 1, written: (count) => this._written(count) },
      (count) => this._preview(count),
      () => this.controller.commit(),
    );
    this._size = 1;
    this.plot = this._makePlot();
    this.node = make(
      "section.tve-curve",
      { "aria-label": "Deletion curve" },
      make("h3.tve-heading", "Probability as pixels are suppressed"),
      this.classes.node,
      this.plot,
      this.strongest.node,
      make(
        "p.tve-legendline",
        make("span", make("i.tve-dash.tve-bar-set"), "the set"),
        make("span", make("i.tve-dash.tve-bar-random"), "as many random pixels"),
      ),
    );
    this._listen();
  }

  show(state) {
    const { order, choice } = state;
    const { names } = this.controller.session.pack;
    const predicted = strongestClass(state.before);
    const truth = state.case.true;
    const both = truth !== null && truth !== predicted;
    this.classes.node.hidden = !both;
    this.classes.name("predicted", names[predicted]);
    if (both) this.classes.name("true", `${names[truth]} (true)`);
    const which = both && this.which === "true" ? "true" : "predicted";
    this.classes.show(which);
    this.class = which === "true" ? truth : predicted;
    this._size = order.length;
    this._count = countOf(state.chosen);
    const byHand = choice.pixel_set === "hand";
    const off = byHand || order.length < 2;
    this.strongest.name(byHand ? "By hand, in the order of brushing" : "Only the strongest");
    this.strongest.show(Math.max(1, this._count), { max: Math.max(1, order.length), off });
    this.node.classList.toggle("tve-empty", order.length === 0);
    this.node.style.setProperty("--set", SET_COLOUR[choice.pixel_set]);
    this._showDot(state);
  }

  showLate(state) {
    const { network } = this.controller.session;
    const { maps, order, control_order } = state;
    if (this._lines?.state !== state || this._lines.class !== this.class) {
      const counts = countsUpTo(order.length);
      const values = (pixels) => deletion(network, maps, pixels, counts, this.class);
      const lines = { set: values(order), random: values(control_order) };
      this._lines = { state, class: this.class, counts, ...lines };
    }
    this._drawLines(state);
  }

  _of(value) {
    this.which = value;
    this.show(this.controller.state);
    this.showLate(this.controller.state);
  }

  _written(count) {
    const size = this._size;
    return size ? `${grouped(Math.min(count, size))} of ${grouped(size)}` : "no pixel";
  }

  _preview(count) {
    if (this.strongest.input.disabled) return;
    this.controller.preview({ strongest: count >= this._size ? null : Math.max(1, count) });
  }

  _makePlot() {
    const [x1, x2, x] = [EDGE.left, WIDE - EDGE.right, EDGE.left - 9];
    const grid = [0, 0.5, 1].flatMap((value) => {
      const y = yOf(value);
      const attributes = { x, y: y + 3.5, "text-anchor": "end", class: "tve-tick" };
      const line = makeSvg("line", { x1, x2, y1: y, y2: y, class: "tve-grid" });
      return [line, makeSvg("text", attributes, String(value))];
    });
    this._random = makeSvg("path", { class: "tve-line tve-line-random" });
    this._set = makeSvg("path", { class: "tve-line tve-line-set" });
    this._guide = makeSvg("line", { class: "tve-guide", y2: yOf(0) });
    this._dot = makeSvg("circle", { class: "tve-dot", r: 6 });
    this._other = makeSvg("circle", { class: "tve-dot tve-dot-random", r: 4 });
    return makeSvg(
      "svg",
      { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "tve-plot", role: "img" },
      ...grid,
      this._random,
      this._set,
      this._guide,
      this._other,
      this._dot,
    );
  }

  _x(count) {
    return EDGE.left + ((WIDE - EDGE.left - EDGE.right) * count) / Math.max(1, this._size);
  }

  _drawLines(state) {
    const { counts, set, random } = this._lines;
    const point = (value, k) => `${this._x(counts[k]).toFixed(1)} ${yOf(value).toFixed(1)}`;
    const path = (values) => `M${Array.from(values, point).join("L")}`;
    this._set.setAttribute("d", path(set));
    this._random.setAttribute("d", path(random));
    const name = this.controller.session.pack.names[this.class];
    const ends = [set[0], set.at(-1), random.at(-1)];
    const [start, end, chance] = ends.map((value) => value.toFixed(2));
    const words = state.order.length
      ? `Probability of ${name}: ${start} with all pixels, ${end} with the ` +
        `${grouped(state.order.length)} pixels of the set suppressed, ${chance} with as many ` +
        "random pixels suppressed"
      : "There is no curve, because no pixel is suppressed";
    this.plot.setAttribute("aria-label", words);
  }

  _showDot(state) {
    const x = this._x(this._count);
    const y = yOf(state.without_chosen[this.class]);
    setAll(this._dot, { cx: x, cy: y });
    setAll(this._other, { cx: x, cy: yOf(state.without_control[this.class]) });
    setAll(this._guide, { x1: x, x2: x, y1: y });
  }

  _listen() {
    const countAt = (event) => {
      const box = this.plot.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDE;
      return Math.round(((x - EDGE.left) / (WIDE - EDGE.left - EDGE.right)) * this._size);
    };
    this.plot.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0 || this.strongest.input.disabled) return;
      this.plot.setPointerCapture(event.pointerId);
      this._dragged = true;
      this._preview(countAt(event));
    });
    this.plot.addEventListener("pointermove", (event) => {
      if (this._dragged && event.isPrimary) this._preview(countAt(event));
    });
    this.plot.addEventListener("lostpointercapture", (event) => {
      if (!event.isPrimary) return;
      this._dragged = false;
      this.controller.commit();
    });
  }
}

function yOf(value) {
  return EDGE.top + (HIGH - EDGE.top - EDGE.bottom) * (1 - value);
}

/** Counts from 0 to a size, evenly spread, each once. */
function countsUpTo(size) {
  const counts = Array.from({ length: POINTS }, (_, k) => Math.round((k * size) / (POINTS - 1)));
  return [...new Set(counts)];
}
