// Probabilities with all pixels, without the set, and without as many at random.

import { calm, make } from "./dom.js";
import { SET_COLOUR } from "./theme.js";

const CLASSES_SEEN = 6;
const SEEN = 0.005; // a class less probable than this wins or loses no place worth a mark
const ROW = 46; // CSS pixels
const GLIDE = 250; // milliseconds

/** The leading classes as bars, in the order that holds now. */
export class Bars {
  constructor(controller) {
    this.controller = controller;
    this.list = make("ol.tve-bars", { role: "list" });
    this.key = make("p.tve-legendline");
    const name = "Probabilities";
    const heading = make("h3.tve-heading", name);
    this.node = make("section.tve-chances", { "aria-label": name }, heading, this.list, this.key);
    this._rows = new Map();
  }

  show(state) {
    const { names } = this.controller.session.pack;
    if (names !== this._names) {
      this._names = names;
      this._rows.clear();
      this.list.replaceChildren();
    }
    const shown = leading(state, CLASSES_SEEN);
    for (const [k, { node }] of this._rows) {
      if (shown.includes(k)) continue;
      node.remove();
      this._rows.delete(k);
    }
    const places = [placesOf(state.before), placesOf(state.after)];
    for (const k of shown) {
      if (!this._rows.has(k)) this._rows.set(k, makeChance(names[k]));
      this._fill(this._rows.get(k), k, state, places);
    }
    this._order(shown.map((k) => this._rows.get(k)));
    this._showKey(state.choice.pixel_set, state.choice.random);
  }

  /** The numbers of a class. */
  _fill(row, k, { before, without_chosen, without_control, after, choice, case: found }, places) {
    const values = [before[k], without_chosen[k], without_control[k]];
    const [all, alone, control] = values.map((value) => value.toFixed(2));
    const none = choice.pixel_set === "none";
    const isTrue = k === found.true;
    const worth = Math.max(before[k], after[k]) >= SEEN;
    const moved = worth ? places[0][k] - places[1][k] : 0;
    row.node.style.setProperty("--set", SET_COLOUR[choice.pixel_set]);
    row.node.classList.toggle("tve-true", isTrue);
    row.bars.forEach((bar, j) => {
      bar.hidden = none && j > 0;
      bar.style.clipPath = `inset(0 ${(100 * (1 - values[j])).toFixed(2)}% 0 0)`;
    });
    row.mark.textContent = isTrue ? "true" : "";
    row.moved.textContent = moved ? `${moved > 0 ? "▲" : "▼"}${Math.abs(moved)}` : "";
    const now = make("b", none ? all : after[k].toFixed(2));
    row.value.replaceChildren(none ? "" : `${all} → `, now);
    row.spoken.textContent = [
      `${this._names[k]}${isTrue ? ", the true class" : ""}: ${all} with all pixels`,
      none ? "" : `, ${alone} with the set suppressed, ${control} with as many random pixels suppressed`,
      moved ? `; ${moved > 0 ? "up" : "down"} ${Math.abs(moved)}` : "",
    ].join("");
  }

  /** Put the rows in an order, also for those who listen; each glides from where it was. */
  _order(rows) {
    const apart = rows.findIndex(({ node }, place) => this.list.children[place] !== node);
    if (apart >= 0) this.list.append(...rows.slice(apart).map(({ node }) => node));
    rows.forEach((row, place) => {
      if (row.place === place) return;
      const { transform } = row.node.style;
      row.node.style.transform = `translateY(${place * ROW}px)`;
      const start = row.place === undefined ? { opacity: 0 } : { transform };
      row.place = place;
      if (!calm()) row.node.animate([start, {}], GLIDE);
    });
    this.list.style.height = `${rows.length * ROW}px`;
  }

  /** The key; what is suppressed now stands out. */
  _showKey(chosen, random) {
    this.key.style.setProperty("--set", SET_COLOUR[chosen]);
    const line = (kind, text, on = false) =>
      make(on ? "span.tve-on" : "span", make(`i.tve-dash.tve-bar-${kind}`), text);
    this.key.replaceChildren(line("before", "all pixels"));
    if (chosen === "none") return;
    this.key.append(
      line("set", "set suppressed", !random),
      line("random", "random pixels suppressed", random),
    );
  }
}

/** A class without its numbers. */
function makeChance(name) {
  const [spoken, mark, moved, value] = ["unseen", "tag", "moved", "value"].map((kind) =>
    make(`span.tve-${kind}`),
  );
  const bars = ["before", "set", "random"].map((kind) => make(`i.tve-bar.tve-bar-${kind}`));
  const line = make("div.tve-barline", make("span.tve-class", name), mark, moved, value);
  const seen = make("div", { "aria-hidden": "true" }, line, make("div.tve-track", ...bars));
  return { node: make("li.tve-chance", spoken, seen), bars, mark, moved, value, spoken };
}

/** The classes most probable in any of the three, the true one always, in the present order. */
function leading(state, count) {
  const all = [...state.before.keys()];
  const chances = [state.before, state.without_chosen, state.without_control];
  const best = (k) => (k === state.case.true ? 2 : Math.max(...chances.map((each) => each[k])));
  const some = all.sort((a, b) => best(b) - best(a) || a - b).slice(0, count);
  return some.sort((a, b) => state.after[b] - state.after[a] || a - b);
}

/** The place of each class, 0 for the most probable. */
function placesOf(chances) {
  const places = [];
  const order = [...chances.keys()].sort((a, b) => chances[b] - chances[a] || a - b);
  order.forEach((k, place) => (places[k] = place));
  return places;
}
