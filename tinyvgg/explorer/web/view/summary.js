// The prediction in words, and what was refused.

import { make } from "./dom.js";

const ANSWER = /^(.* predicts )(.+)( \([\d.]+\)\.)$/s;

/** The sentence, its context, and a note. */
export class Summary {
  constructor() {
    this.sentence = make("p", { class: "tve-sentence", role: "status", "aria-live": "polite" });
    this.context = make("p", { class: "tve-context" });
    this.note = make("p", { class: "tve-note", role: "alert" });
    this.nodes = [this.sentence, this.context, this.note];
  }

  show(state, moving) {
    this.sentence.setAttribute("aria-busy", String(moving)); // read out when the hand rests
    const found = ANSWER.exec(state.sentence);
    if (found)
      this.sentence.replaceChildren(found[1], make("strong", { text: found[2] }), found[3]);
    else this.sentence.textContent = state.sentence;
    this.context.textContent = state.context;
    this.note.textContent = "";
  }

  refuse(sentence) {
    this.note.textContent = sentence[0].toUpperCase() + sentence.slice(1);
  }
}
