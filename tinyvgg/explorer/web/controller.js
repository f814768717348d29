// Takes choices from the hand, the model (Python, a link, another view), undo and redo.

import { INPUTS, Refused, sameChoice, sameValue } from "./choice.js";
import { numbersOf } from "./method.js";
import { readPack } from "./pack.js";
import { Session } from "./session.js";

const TRAITS = [...INPUTS, "suppressed"]; // which follows from the others
const HEAVY = 30; // milliseconds; late work that takes longer waits until the hand rests
const BLOCKING = 250;
const REST = 120; // milliseconds
const HISTORY = 1000; // choices

/**
 * One view's sessions, one for each task that was opened.
 *
 * `seen` holds the callbacks of the view: state(state, moving), refused(sentence), waiting(task);
 * late is a list of functions of the state for what takes longer. `preview` shows some changes at
 * the next frame; `commit` writes what was previewed to the history and the model. `choose` does
 * both at once.
 */
export class Controller {
  constructor(model, seen) {
    this.model = model;
    this.seen = seen;
    this.sessions = new Map();
    this.packs = new Map();
    this.history = new History();
    this.session = null;
    this.moving = false;
    this._known = {};
    this._wanted = null;
    this._costs = []; // milliseconds that each step of late work took
    this._heard = (content, buffers) => this._hear(content, buffers);
    this._changed = () => this._followSoon();
    model.on("msg:custom", this._heard);
    for (const name of TRAITS) model.on(`change:${name}`, this._changed);
  }

  /** The tasks that can be chosen. */
  get tasks() {
    return this.model.get("tasks") ?? [this.model.get("task")];
  }

  get state() {
    return this.session?.state ?? null;
  }

  leave() {
    this.model.off("msg:custom", this._heard);
    for (const name of TRAITS) this.model.off(`change:${name}`, this._changed);
    cancelAnimationFrame(this._frame);
    clearTimeout(this._follow);
    this._dropLate();
    this.left = true;
  }

  // ------------------------------------------------------------------ choosing

  /** Show what would follow from some changes, at the next frame. */
  preview(changes) {
    this.moving = true;
    this._wanted = { ...this._wanted, ...changes };
    this._frame ||= requestAnimationFrame(() => this._takeWanted() && this._paint());
  }

  /** Write what is shown to the history and to the model's traits. */
  commit() {
    this._takeWanted();
    this.moving = false;
    this._keep();
  }

  /** Choose and commit. Another task is opened first. */
  async choose(changes) {
    this._wanted = null;
    this.moving = false;
    const session = await this._open(changes.task ?? this.session.choice.task);
    if (!session || this.left) return;
    if (this._take(() => session.choose(changes, this.session.choice), session)) this._keep();
  }

  undo() {
    return this._return(this.history.undo());
  }

  redo() {
    return this._return(this.history.redo());
  }

  /** The same case, everything else at its default. */
  reset() {
    if (this._take(() => this.session.reset())) this._keep();
  }

  /** Take the reader's own picture, bytes (H, W, 3), as a case with nothing suppressed yet. */
  own(bytes, name) {
    const row = this.session.own(bytes, name);
    return this.choose({ case: row, pixel_set: "none", random: false, target: "predicted" });
  }

  // ------------------------------------------------------------------ within

  async _return(choice) {
    if (!choice) return;
    const session = await this._open(choice.task);
    if (!session || this.left || !this._take(() => session.choose(choice), session)) return;
    this._write();
    this._paint();
  }

  _keep() {
    this.history.push(this.session.choice);
    this._write();
    this._paint();
  }

  _takeWanted() {
    cancelAnimationFrame(this._frame);
    this._frame = 0;
    const wanted = this._wanted;
    this._wanted = null;
    return wanted !== null && this._take(() => this.session.choose(wanted));
  }

  /** Let a session change; a refusal is shown, and nothing else has happened. */
  _take(change, session = this.session) {
    try {
      change();
    } catch (error) {
      this.seen.refused((this._refusal = error.message));
      if (!(error instanceof Refused)) throw error;
      return false;
    }
    this.session = session;
    return true;
  }

  _paint() {
    const state = this.session.state;
    this.seen.state(state, this.moving);
    this._dropLate();
    this._later(state, 0);
  }

  /** What takes longer, a step after each frame; skipped if there is a new state by then. */
  _later(state, step) {
    const work = this.seen.late[step];
    if (!work) return;
    const cost = this.moving ? (this._costs[step] ?? 0) : 0;
    if (cost > BLOCKING) return; // it is done when the hand lifts
    const wait = cost > HEAVY ? REST : 0;
    const act = () => {
      const start = performance.now();
      work(state);
      this._costs[step] = performance.now() - start;
      this._later(state, step + 1);
    };
    this._seen = requestAnimationFrame(() => (this._late = setTimeout(act, wait)));
  }

  _dropLate() {
    cancelAnimationFrame(this._seen);
    clearTimeout(this._late);
  }

  // ------------------------------------------------------------------ the model

  /** Write what differs to the model; a picture of the reader's own stays in the page. */
  _write() {
    const { choice, state } = this.session;
    if (choice.case < 0) return;
    const traits = Object.fromEntries(INPUTS.map((name) => [name, choice[name]]));
    traits.by_hand = [...choice.by_hand];
    traits.suppressed = numbersOf(state.suppressed);
    const isNew = (name) => !sameValue(this.model.get(name), traits[name]);
    const changed = TRAITS.filter(isNew);
    for (const name of changed) this.model.set(name, traits[name]);
    this._known = traits;
    if (changed.some((name) => name !== "suppressed")) this.model.save_changes();
  }

  _followSoon() {
    clearTimeout(this._follow);
    this._follow = setTimeout(() => this.follow(), 0); // traits that change together come together
  }

  /** Take over what is new in the model. */
  async follow() {
    if (this.moving) return;
    const wanted = this._news();
    if (this.session && !Object.keys(wanted).length) return;
    const session = await this._open(wanted.task ?? this.session?.choice.task ?? this.tasks[0]);
    if (!session || this.left) return;
    const now = this.session?.choice ?? session.choice;
    this.session ??= session; // should the first state be refused, begin with another
    const taken = this._take(() => session.choose(wanted, now), session);
    if (!taken && this.history.current) return;
    this.history.push(this.session.choice);
    this._paint();
    if (!taken) this.seen.refused(this._refusal);
  }

  /** What is new in the model, as changes for a session. */
  _news() {
    const own = this.session?.choice.case < 0; // of which the model knows nothing
    const known = own ? {} : this._known;
    const traits = Object.fromEntries(TRAITS.map((name) => [name, this.model.get(name)]));
    this._known = traits;
    const isNew = (name) => traits[name] !== undefined && !sameValue(traits[name], known[name]);
    const news = Object.fromEntries(INPUTS.filter(isNew).map((name) => [name, traits[name]]));
    if (!Object.keys(news).length)
      return this.session && isNew("suppressed") ? { suppressed: traits.suppressed } : {};
    if (traits.pixel_set !== "hand") {
      delete news.by_hand;
      return news;
    }
    delete news.pixel_set;
    delete news.by_hand;
    return { ...news, random: traits.random ?? false, suppressed: traits.by_hand ?? [] };
  }

  /** The session of a task; asks for its pack if need be. */
  async _open(task) {
    if (!this.sessions.has(task)) {
      this.seen.waiting(task);
      try {
        const pack = await this._pack(task);
        if (!this.sessions.has(task)) this.sessions.set(task, new Session(pack, this.tasks));
      } catch (error) {
        this.packs.delete(task);
        this.seen.refused(error.message);
        return null;
      } finally {
        this.seen.waiting(null);
      }
    }
    return this.sessions.get(task);
  }

  _pack(task) {
    if (!this.packs.has(task)) {
      const asked = {};
      asked.pack = new Promise((resolve, reject) => Object.assign(asked, { resolve, reject }));
      this.packs.set(task, asked);
      this.model.send({ need: task });
    }
    return this.packs.get(task).pack;
  }

  _hear(content, buffers) {
    if (content?.refused) {
      const asked = this.packs.get(content.need);
      if (asked && !asked.heard) asked.reject(new Error(content.refused));
      else this.seen.refused(content.refused);
    }
    const asked = this.packs.get(content?.pack);
    if (!asked || asked.heard) return;
    asked.heard = true;
    readPack(buffers[0]).then(asked.resolve, asked.reject);
  }
}

/** Choices in the order in which they were made; a new one forgets those that were undone. */
export class History {
  #choices = [];
  #now = -1;

  push(choice) {
    if (this.current && sameChoice(this.current, choice)) return;
    this.#choices = [...this.#choices.slice(0, this.#now + 1), choice].slice(-HISTORY);
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
