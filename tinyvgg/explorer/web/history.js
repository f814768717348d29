// What was chosen before, to go back to.

import { sameChoice } from "./choice.js";

const LONGEST = 1000;

/** Choices in the order in which they were made; a new one forgets those that were undone. */
export class History {
  #choices = [];
  #now = -1;

  push(choice) {
    if (this.current && sameChoice(this.current, choice)) return;
    this.#choices = [...this.#choices.slice(0, this.#now + 1), choice].slice(-LONGEST);
    this.#now = this.#choices.length - 1;
  }

  get current() {
    return this.#choices[this.#now] ?? null;
  }

  get canUndo() {
    return this.#now > 0;
  }

  get canRedo() {
    return this.#now < this.#choices.length - 1;
  }

  /** The choice before the present one, which becomes the present one; null if there is none. */
  undo() {
    return this.canUndo ? this.#choices[--this.#now] : null;
  }

  /** The choice that was undone last; null if there is none. */
  redo() {
    return this.canRedo ? this.#choices[++this.#now] : null;
  }
}
