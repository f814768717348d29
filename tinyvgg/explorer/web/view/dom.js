// Elements in one line each, and the few icons.

import { grouped } from "../session.js";

/** Where keys lead: to the right, and down. */
export const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const SVG = "http://www.w3.org/2000/svg";
const DRAWN_ICONS = {
  undo: "M7 5 3 9l4 4M3.5 9H12a5 5 0 0 1 0 10H8",
  redo: "m13 5 4 4-4 4M16.5 9H8a5 5 0 0 0 0 10h4",
  reset: "M4 10a6 6 0 1 1 1.8 4.3M4 15.5V10.5H9",
  link: "M8.5 11.5l3-3M9 6l1.5-1.5a3.5 3.5 0 0 1 5 5L14 11M11 14l-1.5 1.5a3.5 3.5 0 0 1-5-5L6 9",
  back: "m12 4-6 6 6 6",
  forth: "m8 4 6 6-6 6",
  again:
    "M3 6h3.5L13 14h4m-2.5-2.5L17 14l-2.5 2.5" +
    "M3 14h3.5L8.4 11.7M11.1 8.3 13 6h4m-2.5-2.5L17 6l-2.5 2.5",
  picture: "M3 4h14v12H3zM3 13l4-4 4 4 2.5-2.5L17 14M13 7.5h.01",
  close: "m5 5 10 10M15 5 5 15",
};
// what takes keys; JupyterLab would take some of them for its own (D, D deletes a cell) unless the
// very element with the focus forbids it
const FOCUSED = new Set(["button", "canvas", "input", "select", "summary"]);

/** A "tag.class" with attributes, if any (functions named on… become listeners), and children. */
export function make(kind, ...content) {
  const [tag, ...classes] = kind.split(".");
  const attributes = content[0]?.constructor === Object ? content.shift() : {};
  const node = document.createElement(tag);
  if (FOCUSED.has(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.classList.add(...classes);
  node.append(...content);
  return node;
}

/** An SVG element with attributes and children. */
export function makeSvg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAll(node, attributes);
  node.append(...children);
  return node;
}

/** Set attributes of an element. */
export function setAll(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** An id that no other element of the page has. */
export function newId(stem) {
  return `tve-${stem}-${Math.random().toString(36).slice(2)}`;
}

/** A small drawing, hidden from screen readers. */
export function icon(name) {
  const path = makeSvg("path", { d: DRAWN_ICONS[name] });
  return makeSvg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true", class: "tve-icon" }, path);
}

/** A button with an icon, a text, or both. */
export function makeButton(text, onclick, { drawing = null, bare = false, title = null } = {}) {
  const label = make(bare ? "span.tve-unseen" : "span", text);
  const attributes = { type: "button", onclick, title: title ?? (bare ? text : null) };
  return make("button.tve-button", attributes, ...(drawing ? [icon(drawing)] : []), label);
}

/**
 * Native radio buttons that look like one bar; `show` brings them to a value.
 *
 * options: [value, text, { title, colour }] each, the last of which may be missing.
 */
export class Radios {
  constructor(legend, options, chosen, { seen = true } = {}) {
    this.options = new Map();
    const name = newId("radio");
    const bar = make("div.tve-radios");
    for (const [value, text, { title = null, colour = null } = {}] of options) {
      const onchange = () => chosen(value);
      const input = make("input", { type: "radio", name, value, "aria-label": title, onchange });
      const words = make("span", text);
      const count = make("span.tve-count");
      const mark = colour ? [make("i.tve-key", { style: `--key:${colour}` })] : [];
      bar.append(make("label", { title }, input, make("span", ...mark, words, count)));
      this.options.set(value, { input, words, count });
    }
    const title = make(seen ? "legend.tve-legend" : "legend.tve-unseen", legend);
    this.node = make("fieldset", title, bar);
  }

  show(value, { off = [], counts = {} } = {}) {
    for (const [name, { input, count }] of this.options) {
      input.checked = name === value;
      input.disabled = off.includes(name);
      count.textContent = name in counts ? grouped(counts[name]) : "";
    }
  }

  /** Call an option otherwise. */
  name(value, text) {
    this.options.get(value).words.textContent = text;
  }
}

/** Whether motion is unwelcome. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Whether the pointer is a finger. */
export function isCoarse() {
  return matchMedia("(pointer: coarse)").matches;
}

/** A native checkbox with its text. */
export class Switch {
  constructor(text, chosen) {
    this.input = make("input", { type: "checkbox", onchange: () => chosen(this.input.checked) });
    this.node = make("label.tve-switch", this.input, make("span", text));
  }

  show(value, off = false) {
    this.input.checked = value;
    this.input.disabled = off;
  }
}

/** A native slider with its text and its value; `moved` at each step, `left` when let go. */
export class Slider {
  constructor(text, { min, max, step, written }, moved, left = null) {
    this.written = written;
    const id = newId("slider");
    const oninput = () => {
      this._write();
      moved(Number(this.input.value));
    };
    this.input = make("input", { type: "range", id, min, max, step, oninput, onchange: left });
    this.output = make("output", { for: id, "aria-live": "off" });
    this.label = make("label", { for: id }, text);
    this.node = make("div.tve-slider", this.label, this.output, this.input);
  }

  show(value, { max = this.input.max, off = false } = {}) {
    Object.assign(this.input, { max, value, disabled: off });
    this._write(value);
  }

  name(text) {
    this.label.textContent = text;
  }

  _write(value = Number(this.input.value)) {
    this.output.textContent = this.written(value);
    this.input.setAttribute("aria-valuetext", this.written(value));
  }
}
