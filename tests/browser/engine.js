// What the tests of the explorer's engine ask of its modules, in answers that travel well: a
// Float32Array as base64 of its bytes, a set as the list of its numbers.

import { decode, encode } from "./web/link.js";
import * as method from "./web/method.js";
import { readPack } from "./web/pack.js";
import { Session } from "./web/session.js";

function written(values) {
  return bytesWritten(new Uint8Array(Float32Array.from(values).buffer));
}

function bytesWritten(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export async function load(name) {
  const pack = await readPack(await (await fetch(`${name}.pack`)).arrayBuffer());
  return pack;
}

/** What the network and the method give for a picture (H, W, 3), base64 of its bytes. */
export function look({ network }, picture, { settings, ways, draw, count }) {
  const recording = network.record(method.asInput(bytesOf(picture), network));
  const control = method.drawnOrder(recording.maps, draw).subarray(0, count).sort();
  return {
    shape: recording.shape,
    maps: written(recording.maps),
    switches: recording.switches.map(bytesWritten),
    ways: ways.map((way) => written(method.deconvolve(network, recording, recording.maps, way))),
    control: [...control],
    traced: settings.map(([target, cut]) => traced(network, recording, target, cut)),
  };
}

function traced(network, recording, target, cut) {
  const trace = method.backtrack(network, recording.maps, target, cut);
  const tracked = method.track(network, recording, trace.pixels);
  return {
    logits: written(trace.logits),
    target: trace.target,
    layers: trace.layers.map(method.numbersOf),
    pixels: method.numbersOf(trace.pixels),
    strengths: written(trace.strengths),
    threshold: String(trace.threshold),
    without: written(method.suppress(network, recording.maps, trace.pixels)),
    suppressed: written(tracked.suppressed),
    difference: written(tracked.difference),
  };
}

/** What follows from a list of changes, one after the other, in sessions of some packs. */
export function walk(packs, steps) {
  const tasks = packs.map(({ task }) => task);
  const sessions = new Map(packs.map((pack) => [pack.task, new Session(pack, tasks)]));
  let now = sessions.get(tasks[0]);
  return steps.map((changes) => {
    const session = sessions.get(changes?.task) ?? now;
    try {
      if (changes === null) session.reset();
      else session.choose(changes, now.choice);
    } catch (error) {
      return { refused: error.message };
    }
    now = session;
    return told(session);
  });
}

function told(session) {
  const { choice, state } = session;
  const sets = Object.entries(state.sets).map(([name, set]) => [name, method.numbersOf(set)]);
  return {
    ...choice,
    link: encode(choice),
    sets: Object.fromEntries(sets),
    suppressed: method.numbersOf(state.suppressed),
    order: [...state.order],
    target: choice.target,
    traced: state.target,
    available: session.available(),
    sentence: state.sentence,
    context: state.context,
    before: written(state.before),
    after: written(state.after),
  };
}

/** What links lead to: a choice with its link, or why not. */
export function follow(links) {
  return links.map((link) => {
    try {
      const choice = decode(link);
      return { ...choice, link: encode(choice) };
    } catch (error) {
      return { refused: error.message };
    }
  });
}

/** The confidence as pixels go, and what it is without so many of them at once. */
export function deleted(pack, row, counts) {
  const session = new Session(pack);
  const { maps, order, target } = session.choose({ case: row, printed: true });
  const curve = method.deletion(session.network, maps, order, counts, target);
  const slow = counts.map((count) => {
    const set = method.maskOf(order.subarray(0, count), maps.length);
    return method.suppress(session.network, maps, set)[target];
  });
  return [[...curve], slow];
}

/** A picture of one's own, as it is explored. */
export function owned(pack, picture) {
  const session = new Session(pack);
  const row = session.own(bytesOf(picture), "me");
  const of = (act) => {
    try {
      return act();
    } catch (error) {
      return error.message;
    }
  };
  session.choose({ target: "true" });
  const empty = session.choose({ case: row, target: "predicted", pixel_set: "none" });
  const refusals = [
    of(() => session.choose({ target: "true" })),
    of(() => session.choose({ pixel_set: "common" })),
    of(() => encode(session.choice)),
  ];
  const filled = session.choose({ suppressed: [1, 2, 3] });
  return {
    row,
    said: [empty.sentence, empty.context, filled.sentence, filled.context, filled.case.caption],
    refusals,
    maps: written(empty.maps),
    back: session.choose({ case: pack.first }).case.row,
    left: [...pack.cases.keys()].includes(row),
  };
}

/** What is known of each pixel, and of the training images. */
export function pixels(pack) {
  const session = new Session(pack);
  const [rows, columns] = pack.fields.map((each) => each.length);
  const { maps } = session.state;
  const known = [...maps.keys()].map((k) =>
    session.pixel({
      map: Math.floor(k / (rows * columns)),
      row: Math.floor(k / columns) % rows,
      column: k % columns,
    }),
  );
  const { sheet, active, deciding, ...training } = pack.training ?? {};
  return { training: pack.training && training, pixels: known };
}
