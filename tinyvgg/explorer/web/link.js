// A choice as the text of a link: JSON in base64url, as tinyvgg/explorer/link.py writes and reads
// it. What equals the defaults is left out; pixels chosen by hand are a bit each, the lowest first.

import { DEFAULTS, INPUTS, Refused } from "./choice.js";

const isText = (value) => typeof value === "string";
const isTrue = (value) => value === true;
const isNumber = (value) => typeof value === "number" && value >= 0 && value < Infinity;
const isWhole = (value) => Number.isSafeInteger(value) && value >= 0;

const ENTRIES = {
  task: isText, case: isWhole, pixel_set: isText, random: isTrue, draw: isWhole, target: isText,
  printed: isTrue, floor: isNumber, percentile: isNumber, strongest: isWhole, by_hand: isText,
};

/** The text of a choice. */
export function encode(choice) {
  if (choice.case < 0) throw new Refused("Your own image stays in your browser, so no link can contain it");
  const values = {};
  for (const name of INPUTS) {
    if (name !== "by_hand" && choice[name] !== DEFAULTS[name]) values[name] = choice[name];
  }
  if (choice.pixel_set === "hand") values.by_hand = toBase64(bitsOf(choice.by_hand));
  return toBase64(new TextEncoder().encode(JSON.stringify(values)));
}

/** The choice that a text stands for. Refused if the text is damaged. */
export function decode(text) {
  let values = null;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    values = JSON.parse(decoder.decode(fromBase64(text)));
  } catch {
    // what cannot be read stays null
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw damagedLink("it cannot be read");
  }
  const unknown = Object.keys(values).filter((name) => !INPUTS.includes(name));
  if (unknown.length) {
    throw damagedLink(`it has the unknown entries ${unknown.sort().join(", ")}`);
  }
  for (const name of ["task", "case"]) {
    if (!(name in values)) throw damagedLink(`it has no ${name}`);
  }
  if ("by_hand" in values !== (values.pixel_set === "hand")) {
    throw damagedLink("by_hand needs the pixel_set 'hand', and this set needs by_hand");
  }
  for (const [name, value] of Object.entries(values)) {
    if (!ENTRIES[name](value)) throw damagedLink(`its ${name} cannot be read`);
  }
  return { ...DEFAULTS, ...values, by_hand: pixelsOf(values.by_hand ?? "") };
}

function damagedLink(why) {
  return new Refused(`This link is damaged: ${why}`);
}

function toBase64(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64(text) {
  if (!/^[\w-]*$/.test(text)) throw new Error("not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** Ascending numbers as a bit mask. */
function bitsOf(numbers) {
  const mask = new Uint8Array(numbers.length ? (numbers.at(-1) >> 3) + 1 : 0);
  for (const number of numbers) mask[number >> 3] |= 1 << (number & 7);
  return mask;
}

/** The numbers that the text of a bit mask stands for. */
function pixelsOf(text) {
  let mask;
  try {
    mask = fromBase64(text);
  } catch {
    throw damagedLink("its by_hand cannot be read");
  }
  const numbers = [];
  mask.forEach((byte, k) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) numbers.push(8 * k + bit);
  });
  return numbers;
}
