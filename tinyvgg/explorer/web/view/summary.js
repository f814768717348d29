// The prediction in words, and what was refused.

import { make } from "./dom.js";

const ANSWER = /^(.* predicts )(.+)( \([\d.]+\)\.)$/s;

/** The sentence, its context, and a note. */
export class Summary {
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
