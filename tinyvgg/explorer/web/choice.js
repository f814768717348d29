// What can be chosen, under the names of Python's Session (tinyvgg/explorer/session.py), and a
// choice as the text of a link (tinyvgg/explorer/link.py).

export const PIXEL_SETS = ["none", "backtracked", "common", "unique", "hand"];
export const WITH_TWIN = ["common", "unique"];

/** The choice beside the task and the case unless something else is given. */
export const DEFAULTS = Object.freeze({
  pixel_set: "backtracked",
  random: false,
  draw: 0,
  target: "predicted",
  printed: false,
  floor: 0.05,
  percentile: 90,
  strongest: null,
  by_hand: Object.freeze([]),
});

export const INPUTS = ["task", "case", ...Object.keys(DEFAULTS)];

/** An invalid choice; the message says why, and what can be chosen. */
export class Refused extends Error {}

/** Whether two choices are the same. */
export function sameChoice(a, b) {
  return (
    INPUTS.every((name) => name === "by_hand" || a[name] === b[name]) &&
    a.by_hand.length === b.by_hand.length &&
    a.by_hand.every((number, k) => number === b.by_hand[k])
  );
}

/** A value as Python's `repr` writes it, for sentences that both write. */
export function repr(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "string") return String(value);
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  return quote + value.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`) + quote;
}

/** A number as Python writes a float: 1.0, 0.5, 1e-05, inf. */
export function float(value) {
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "inf").replace("NaN", "nan");
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? `${Object.is(value, -0) ? "-0" : value}.0` : String(value);
}

// ---------------------------------------------------------------------- links

/** The text of a choice: JSON in base64url, without the values that equal the defaults. */
export function encode({ by_hand, ...rest }) {
  if (rest.case < 0) throw new Refused("A picture of your own stays with you: no link holds it");
  const changed = Object.entries(rest).filter(([name, value]) => value !== DEFAULTS[name]);
  const values = Object.fromEntries(changed);
  if (rest.pixel_set === "hand") values.by_hand = toBase64(packed(by_hand));
  return toBase64(new TextEncoder().encode(JSON.stringify(values)));
}

/** The choice that a text stands for. Refused if the text is damaged. */
export function decode(text) {
  let values = null;
  try {
    values = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(fromBase64(text)));
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
  const by_hand = values.by_hand ?? null;
  if ((by_hand !== null) !== (values.pixel_set === "hand")) {
    throw damagedLink("by_hand needs the pixel_set 'hand', and this set needs by_hand");
  }
  return { ...DEFAULTS, ...values, by_hand: by_hand === null ? [] : unpacked(by_hand) };
}

function damagedLink(why) {
  return new Refused(`This link is damaged: ${why}`);
}

function toBase64(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** Ascending numbers as a bit mask, the lowest first. */
function packed(numbers) {
  const mask = new Uint8Array(numbers.length ? (numbers.at(-1) >> 3) + 1 : 0);
  for (const number of numbers) mask[number >> 3] |= 1 << (number & 7);
  return mask;
}

function unpacked(text) {
  let mask;
  try {
    mask = fromBase64(text);
  } catch {
    throw damagedLink("its pixels cannot be read");
  }
  const numbers = [];
  mask.forEach((byte, k) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) numbers.push(8 * k + bit);
  });
  return numbers;
}
