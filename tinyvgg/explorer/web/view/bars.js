// Probabilities with all pixels, without the set, and without as many at random.

import { make } from "./dom.js";
import { SET_COLOUR } from "./theme.js";

const CLASSES_SEEN = 6;
const SEEN = 0.005; // a class less probable than this wins or loses no place worth a mark
const ROW = 46; // CSS pixels

/** The leading classes as bars, in the order that holds now. */
export class Bars {
  constructor(desk) {
    this.desk = desk;
    this.list = make("ol", { class: "tve-bars", role: "list" });
    this.key = make("p", { class: "tve-legendline" });
    this.node = make("section", { class: "tve-chances", "aria-label": "Probabilities" }, make("h3", { class: "tve-heading", text: "Probabilities" }), this.list, this.key);
    this._rows = new Map();
  }

  show(state) {
    const { said } = this.desk.session.pack;
    const chosen = state.choice.pixel_set;
    if (said !== this._said) {
      this._said = said;
      this._rows.clear();
      this.list.replaceChildren();
    }
    const shown = leading(state, CLASSES_SEEN);
    const before = placesOf(state.before);
    const after = placesOf(state.after);
    for (const [k, row] of this._rows) if (!shown.includes(k)) row.node.remove(), this._rows.delete(k);
    shown.forEach((k, place) => {
      const isNew = !this._rows.has(k);
      const row = this._rows.get(k) ?? this._makeRow(k, said[k]);
      const values = [state.before[k], state.without_chosen[k], state.without_control[k]];
      row.bars.forEach((bar, j) => (bar.style.clipPath = `inset(0 ${(100 * (1 - values[j])).toFixed(2)}% 0 0)`));
      row.bars.forEach((bar, j) => (bar.hidden = j > 0 && chosen === "none"));
      row.node.style.setProperty("--set", SET_COLOUR[chosen]);
      row.node.style.transform = `translateY(${place * ROW}px)`;
      const isTrue = k === state.case.true;
      row.mark.textContent = isTrue ? "true" : "";
      row.node.classList.toggle("tve-true", isTrue);
      const worth = Math.max(state.before[k], state.after[k]) >= SEEN;
      const moved = worth ? before[k] - after[k] : 0;
      row.moved.textContent = moved ? `${moved > 0 ? "▲" : "▼"}${Math.abs(moved)}` : "";
      const both = chosen === "none" ? [values[0]] : [values[0], state.after[k]];
      row.value.replaceChildren(...(both.length > 1 ? [`${both[0].toFixed(2)} → `] : []), make("b", { text: both.at(-1).toFixed(2) }));
      row.spoken.textContent =
        `${said[k]}${isTrue ? ", the true class" : ""}: ${values[0].toFixed(2)} with all pixels` +
        (chosen === "none" ? "" : `, ${values[1].toFixed(2)} without the set, ${values[2].toFixed(2)} without as many at random`) +
        (moved ? `; ${moved > 0 ? "up" : "down"} ${Math.abs(moved)}` : "");
      if (isNew) row.node.animate?.([{ opacity: 0 }, { opacity: 1 }], { duration: 150 });
    });
    for (const k of shown) this.list.append(this._rows.get(k).node); // read out in this order
    this.list.style.height = `${shown.length * ROW}px`;
    this._showKey(chosen, state.choice.random);
  }

  _makeRow(k, name) {
    const bars = ["before", "set", "random"].map((kind) => make("i", { class: `tve-bar tve-bar-${kind}` }));
    const row = {
      bars,
      mark: make("span", { class: "tve-tag" }),
      moved: make("span", { class: "tve-moved" }),
      value: make("span", { class: "tve-value" }),
      spoken: make("span", { class: "tve-unseen" }),
    };
    const seen = make(
      "div",
      { "aria-hidden": "true" },
      make("div", { class: "tve-barline" }, make("span", { class: "tve-class", text: name }), row.mark, row.moved, row.value),
      make("div", { class: "tve-track" }, ...bars),
    );
    row.node = make("li", { class: "tve-chance" }, row.spoken, seen);
    this._rows.set(k, row);
    return row;
  }

  /** The key; what is suppressed now stands out. */
  _showKey(chosen, random) {
    const line = (kind, text, on) => {
      const dash = make("i", { class: `tve-dash tve-bar-${kind}`, style: `--set:${SET_COLOUR[chosen]}` });
      return make("span", { class: on ? "tve-on" : null }, dash, text);
    };
    const others = [line("set", "without the set", !random), line("random", "without as many at random", random)];
    this.key.replaceChildren(line("before", "all pixels", false), ...(chosen === "none" ? [] : others));
  }
}

/** The classes most probable in any of the three, the true one always, in the present order. */
export function leading(state, count) {
  const best = (k) => (k === state.case.true ? 2 : Math.max(state.before[k], state.without_chosen[k], state.without_control[k]));
  const all = [...state.before.keys()];
  const some = all.sort((a, b) => best(b) - best(a) || a - b).slice(0, count);
  return some.sort((a, b) => state.after[b] - state.after[a] || a - b);
}

/** The place of each class, 0 for the most probable. */
function placesOf(probabilities) {
  const places = [];
  [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b).forEach((k, place) => (places[k] = place));
  return places;
}
