// One task: the choice and the state that follows, with the rules, the refusals and the sentences
// of Python's Session (tinyvgg/explorer/session.py and state.py).

import { DEFAULTS, INPUTS, PIXEL_SETS, Refused, WITH_TWIN } from "./choice.js";
import { float, repr, sameChoice } from "./choice.js";
import { asInput, backtrack, compare, drawnOrder, fullDeconvolution, greyOf } from "./method.js";
import { maskOf, numbersOf, strongestClass, suppress, track } from "./method.js";
import { softmax } from "./network.js";

const CACHED = 64; // traces, and recordings of pictures
const NO_IMAGE = 0xffff; // where a pixel has fewer thumbnails than others
const TEXT = ["text", (value) => typeof value === "string"];
const WHOLE = ["a whole number", Number.isInteger];
const TRUTH = ["True or False", (value) => typeof value === "boolean"];
const NUMBER = ["a number", (value) => typeof value === "number"];
const KINDS = {
  ...{ task: TEXT, pixel_set: TEXT, target: TEXT, case: WHOLE, draw: WHOLE },
  ...{ random: TRUTH, printed: TRUTH, floor: NUMBER, percentile: NUMBER },
  strongest: ["a whole number or None", (value) => value === null || Number.isInteger(value)],
};

/**
 * Choose a case and a set of pixels; see what the network predicts without them.
 *
 * choice: an object of INPUTS; by_hand are the pixels of the set "hand".
 * state: all that follows from it (see `compute`); a new one after each change.
 */
export class Session {
  #recordings = new Map();
  #traces = new Map();
  #pictures = new Map();
  #brushed = []; // the pixels of the set "hand" in the order in which they were brushed

  /** pack: of `readPack`; tasks: all that can be chosen beside this one. */
  constructor(pack, tasks = [pack.task]) {
    this.pack = pack;
    this.tasks = tasks;
    this.network = pack.network;
    this.cases = new Map(pack.cases);
    this.#arrive(Object.freeze({ task: pack.task, case: pack.first, ...DEFAULTS }));
  }

  /** The values of pixel_set that the case allows. */
  available() {
    return PIXEL_SETS.filter((name) => !WITH_TWIN.includes(name) || this.state.case.twin !== null);
  }

  /**
   * Set some of INPUTS, or `suppressed`: pixels chosen by hand, as numbers or as a Uint8Array of
   * 0 and 1.
   *
   * Nothing changes if one of them is Refused. Another case without a pixel_set keeps the present
   * set if the case allows it, and falls back to the backtracked one otherwise. `now` may be the
   * choice in another task, from which the change leads here.
   */
  choose(changes, now = this.choice) {
    const choice = this.#resolve(changes, now);
    const given = changes.suppressed ?? changes.by_hand ?? [];
    const brushed = given instanceof Uint8Array ? [] : given;
    if (!sameChoice(choice, this.choice)) this.#arrive(choice, brushed);
    return this.state;
  }

  /** The same task and case, everything else at its default. */
  reset() {
    return this.choose({ ...DEFAULTS, task: this.choice.task, case: this.choice.case });
  }

  /** Add a picture of the reader's own, RGB bytes (H, W, 3), as a case; its row, below 0. */
  own(bytes, name) {
    const row = -1 - this.#pictures.size;
    this.#pictures.set(row, inChannels(bytes, this.pack.shape[0]));
    const before = softmax(this.network.dense(this.recording(row).maps).logits);
    const predicted = strongestClass(before);
    const confidence = before[predicted];
    this.cases.set(row, {
      ...{ row, twin: null, true: null, shows: name, twin_shows: "", predicted, confidence },
      caption: `${name} → classified as ${answer(before, this.pack.names)}`,
      why_no_twin: "It has no twin: it is your own image.",
    });
    return row;
  }

  /** A picture's bytes (H, W, C). */
  image(row) {
    return this.#pictures.get(row) ?? this.pack.image(row);
  }

  /** A picture's bytes to be shown, (H, W, 3): other channels than RGB as their mean, grey. */
  picture(row) {
    const [bytes, channels] = [this.image(row), this.pack.shape[0]];
    if (channels === 3) return bytes;
    return Uint8Array.from({ length: (3 * bytes.length) / channels }, (_, k) => {
      const start = Math.floor(k / 3) * channels;
      const sum = bytes.subarray(start, start + channels).reduce((a, b) => a + b, 0);
      return Math.round(sum / channels);
    });
  }

  /**
   * What is known of a pixel of the maps, whatever the image: its receptive field, rows and columns
   * [first, end] of the image; and the numbers of the thumbnails of the training images in which it
   * is most active, and of those whose decision depends on it most. Without a map: of that place in
   * all maps, without thumbnails.
   */
  pixel({ map = null, row, column }) {
    const { fields, training } = this.pack;
    const field = { rows: fields[0][row], columns: fields[1][column] };
    if (map === null || !training?.sheet) return { ...field, active: [], deciding: [] };
    const start = ((map * fields[0].length + row) * fields[1].length + column) * training.shown;
    const of = (numbers) =>
      [...numbers.subarray(start, start + training.shown)].filter((number) => number !== NO_IMAGE);
    return { ...field, active: of(training.active), deciding: of(training.deciding) };
  }

  /** What `record` of the network gives for a picture. */
  recording(row) {
    return remembered(this.#recordings, row, () =>
      this.network.record(asInput(this.image(row), this.network)),
    );
  }

  /** What `backtrack` gives for a picture; target and cut as there. */
  trace(row, target, cut) {
    const key = JSON.stringify([row, target, cut]);
    return remembered(this.#traces, key, () =>
      backtrack(this.network, this.recording(row).maps, target, cut),
    );
  }

  #arrive(choice, brushed = []) {
    const wanted = new Set(choice.by_hand);
    const order = new Set([...this.#brushed, ...brushed, ...wanted]);
    const brushedNow = [...order].filter((number) => wanted.has(number));
    this.state = compute(this, choice, brushedNow);
    this.choice = choice;
    this.#brushed = brushedNow;
  }

  // -------------------------------------------------------------------- what can be chosen

  #resolve(changes, now) {
    const known = [...INPUTS, "suppressed"];
    const unknown = Object.keys(changes).filter((name) => !known.includes(name));
    if (unknown.length) {
      throw new Refused(
        `unknown choice ${unknown.sort().join(", ")}: there are ${INPUTS.join(", ")} and suppressed`,
      );
    }
    for (const [name, value] of Object.entries(changes)) {
      const [kind, fits] = KINDS[name] ?? ["", () => true];
      if (!fits(value)) throw new Refused(`${name} must be ${kind}, got ${repr(value)}`);
    }
    const { task = now.task } = changes;
    if (task !== this.pack.task) {
      throw new Refused(`unknown task ${repr(task)}: choose one of ${this.tasks.join(", ")}`);
    }
    const inherited = task === now.task ? {} : { case: this.pack.first, target: "predicted" };
    const changed = { ...inherited, ...changes };
    const { case: row = now.case } = changed;
    const found = this.cases.get(row);
    if (!found) {
      const rows = [...this.pack.cases.keys()];
      throw new Refused(
        `image ${row} is not among the ${rows.length} cases of the task ${task}; choose from ` +
          `explorer.cases: ${rows.slice(0, 5).join(", ")}${rows.length > 5 ? ", …" : ""}`,
      );
    }
    const moved = task !== now.task || row !== now.case;
    const needsTwin = WITH_TWIN.includes(now.pixel_set);
    const fits = now.pixel_set === "hand" ? task === now.task : !needsTwin || found.twin !== null;
    if ("suppressed" in changed) {
      changed.by_hand = changed.suppressed;
      changed.pixel_set = "hand";
      changed.random ??= false;
      delete changed.suppressed;
    }
    if ("by_hand" in changed) {
      changed.by_hand = this.#numbers(changed.by_hand);
      if (changed.by_hand.length) changed.pixel_set ??= "hand";
    }
    if (moved && !fits) changed.pixel_set ??= "backtracked";
    const { pixel_set = now.pixel_set } = changed;
    if (moved || pixel_set !== now.pixel_set) changed.strongest ??= null;
    if (changed.pixel_set === "hand" && !changed.by_hand) {
      if (task !== now.task) {
        changed.by_hand = [];
      } else if (now.pixel_set !== "hand") {
        changed.by_hand = numbersOf(this.state.suppressed);
        changed.random ??= false;
      }
    }
    const choice = { ...now, ...changed };
    if (choice.pixel_set !== "hand") choice.by_hand = [];
    this.#check(choice, found);
    return Object.freeze(choice);
  }

  #check({ pixel_set, target, floor, percentile, draw, strongest }, found) {
    const { classes } = this.pack;
    if (!PIXEL_SETS.includes(pixel_set)) {
      throw new Refused(
        `unknown pixel_set ${repr(pixel_set)}: choose one of ${PIXEL_SETS.join(", ")}`,
      );
    }
    if (WITH_TWIN.includes(pixel_set) && found.twin === null) {
      throw new Refused(
        `the set ${repr(pixel_set)} needs a twin to compare with. ${found.why_no_twin} ` +
          'Choose "none" or "backtracked", or another case',
      );
    }
    if (!["predicted", "true", ...classes].includes(target)) {
      throw new Refused(
        `unknown target ${repr(target)}: choose predicted, true, or one of the classes ` +
          `${classes.slice(0, 8).join(", ")}${classes.length > 8 ? ", …" : ""}`,
      );
    }
    if (target === "true" && found.true === null) {
      throw new Refused(
        "the true class of your own image is not known: choose predicted, or a class",
      );
    }
    if (!(floor >= 0 && floor < Infinity)) {
      throw new Refused(`Cut: floor must be finite and at least 0, got ${float(floor)}`);
    }
    if (!(percentile >= 0 && percentile <= 100)) {
      throw new Refused(`Cut: percentile must be from 0 to 100, got ${float(percentile)}`);
    }
    if (draw < 0) throw new Refused(`draw must be 0 or more, got ${draw}`);
    if (strongest !== null && strongest < 1) {
      throw new Refused(`strongest must be 1 or more, or None for all; got ${strongest}`);
    }
    if (strongest !== null && pixel_set === "hand") {
      throw new Refused("strongest thins out a set that was found, not pixels chosen by hand");
    }
  }

  #numbers(pixels) {
    const shape = this.recording(this.pack.first).shape;
    const total = shape.reduce((a, b) => a * b);
    const refused = (what) =>
      new Refused(
        `suppressed must be numbers of pixels, 0 to ${total - 1}, or a bool array of shape ` +
          `(${shape.join(", ")}); got ${what}`,
      );
    if (pixels instanceof Uint8Array) {
      if (pixels.length !== total) throw refused(`bool of shape (${pixels.length},)`);
      return numbersOf(pixels);
    }
    if (!pixels?.[Symbol.iterator]) throw refused(repr(pixels));
    const numbers = [...pixels];
    if (numbers.some((number) => !Number.isInteger(number) || number < 0)) {
      const kind = numbers.every(Number.isInteger) ? "int64" : "float64";
      throw refused(`${kind} of shape (${numbers.length},)`);
    }
    const outside = numbers.reduce((a, b) => Math.max(a, b), -1);
    if (outside >= total) {
      throw new Refused(`there is no pixel ${outside}: they are numbered 0 to ${total - 1}`);
    }
    return [...new Set(numbers)].sort((a, b) => a - b);
  }
}

// ---------------------------------------------------------------------- what follows

/**
 * Everything that a choice shows.
 *
 * choice, case; target: the class number that was backtracked; maps, shape: the last feature maps;
 * sets: "backtracked", and with a twin "common" and "unique", before `strongest` thins them out;
 * strengths: each pixel's largest contribution; threshold: of the cut;
 * order: numbers of the whole chosen set, the strongest first (by hand: as brushed);
 * control_order: those of all active pixels, as drawn;
 * chosen, control: the set, and as many pixels drawn; suppressed: which of them is set to zero;
 * before, without_chosen, without_control, after: probabilities;
 * sentence, context: the prediction in words;
 * deconvolution(): of all maps; tracking(): { full, suppressed, difference } of `track`; both are
 * made when they are first used.
 */
function compute(session, choice, brushed) {
  const { network, pack } = session;
  const found = session.cases.get(choice.case);
  const cut = choice.printed ? null : { floor: choice.floor, percentile: choice.percentile };
  const recording = session.recording(found.row);
  const { maps, shape } = recording;
  const trace = session.trace(found.row, targetOf(choice.target, found, pack.classes), cut);
  const sets = { backtracked: trace.pixels };
  if (found.twin !== null) {
    const { common, only_a } = compare(trace.pixels, session.trace(found.twin, null, cut).pixels);
    Object.assign(sets, { common, unique: only_a });
  }
  const order =
    choice.pixel_set === "hand"
      ? Uint32Array.from(brushed)
      : strongestFirst(sets[choice.pixel_set] ?? new Uint8Array(0), trace.strengths);
  const chosen = maskOf(order.subarray(0, choice.strongest ?? order.length), maps.length);
  const control_order = drawnOrder(maps, choice.draw);
  const control = maskOf(control_order.subarray(0, countOf(chosen)), maps.length);
  const suppressed = choice.random ? control : chosen;
  const without_chosen = suppress(network, maps, chosen);
  const without_control = suppress(network, maps, control);
  const state = {
    ...{ choice, case: found, target: trace.target, maps, shape, sets },
    ...{ strengths: trace.strengths, threshold: trace.threshold, order, control_order },
    ...{ chosen, control, suppressed },
    ...{ before: softmax(trace.logits), without_chosen, without_control },
    after: choice.random ? without_control : without_chosen,
  };
  let tracked = null;
  return Object.assign(state, {
    sentence: sentenceOf(state, pack.names),
    context: contextOf(state, pack.names),
    deconvolution: () => fullDeconvolution(network, recording),
    tracking: () => (tracked ??= track(network, recording, suppressed)),
  });
}

function targetOf(target, found, classes) {
  if (target === "predicted") return null;
  return target === "true" ? found.true : classes.indexOf(target);
}

function strongestFirst(set, strengths) {
  const numbers = Uint32Array.from(numbersOf(set));
  return numbers.sort((a, b) => strengths[b] - strengths[a] || a - b);
}

/** RGB bytes (H, W, 3) as a picture of other channels: their luminance in each. */
function inChannels(bytes, channels) {
  if (channels === 3) return bytes;
  const area = bytes.length / 3;
  const planes = new Uint8Array(bytes.length); // (3, H, W)
  bytes.forEach((byte, k) => (planes[(k % 3) * area + Math.floor(k / 3)] = byte));
  const grey = greyOf(planes, [3, 1, area]);
  const of = (_, k) => Math.round(grey[Math.floor(k / channels)]);
  return Uint8Array.from({ length: channels * area }, of);
}

/** How many pixels a set has. */
export function countOf(set) {
  return set.reduce((count, value) => count + value, 0);
}

/** A whole number with its thousands apart: 2,048. */
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

function answer(probabilities, names) {
  const best = strongestClass(probabilities);
  return `${names[best]} (confidence ${probabilities[best].toFixed(2)})`;
}

function sentenceOf({ choice, suppressed, before, after }, names) {
  const [count, total] = [countOf(suppressed), grouped(suppressed.length)];
  if (count === 0) {
    const empty = ["none", "hand"].includes(choice.pixel_set) ? "" : "This set is empty. ";
    return `${empty}With all ${total} pixels, the image is classified as ${answer(before, names)}.`;
  }
  const still = strongestClass(after) === strongestClass(before) ? "still " : "";
  const how = choice.random ? " at random" : "";
  return (
    `With ${grouped(count)} of ${total} pixels suppressed${how}, ` +
    `the image is ${still}classified as ${answer(after, names)}.`
  );
}

function contextOf({ choice, case: found, suppressed, ...chances }, names) {
  const own = found.true === null;
  const correct = strongestClass(chances.before) === found.true;
  if (countOf(suppressed) === 0) {
    if (own) return "The true class of your own image is not known.";
    return correct ? "This is correct." : `The true class is ${names[found.true]}.`;
  }
  const but = own ? "" : correct ? ", which is correct" : `, but the true class is ${names[found.true]}`;
  const before = `With all pixels, it is classified as ${answer(chances.before, names)}${but}.`;
  const [other, after] = choice.random
    ? ["the set itself", chances.without_chosen]
    : ["as many random pixels", chances.without_control];
  return `${before}\nWith ${other} suppressed, it is classified as ${answer(after, names)}.`;
}

/** The value of a key in a cache, made if it is missing; the oldest one is dropped. */
function remembered(cache, key, make) {
  if (!cache.has(key)) {
    if (cache.size >= CACHED) cache.delete(cache.keys().next().value);
    cache.set(key, make());
  }
  return cache.get(key);
}
