// What can be chosen, under the names of Python's Session (tinyvgg/explorer/session.py).

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
  return INPUTS.every((name) => sameValue(a[name], b[name]));
}

/** Whether two values of an input are the same; nothing is as good as null. */
export function sameValue(a, b) {
  if (!Array.isArray(a) || !Array.isArray(b)) return (a ?? null) === (b ?? null);
  return a.length === b.length && a.every((number, k) => number === b[k]);
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
