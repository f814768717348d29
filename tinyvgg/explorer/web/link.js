// A choice as the text of a link: "task=emotion&case=1432&set=unique". What is as in the
// beginning is left out; pixels chosen by hand are the gaps between their numbers.

import { DEFAULTS, Refused, repr } from "./choice.js";

const KEYS = {
  task: "task", case: "case", pixel_set: "set", random: "random", draw: "draw", target: "target",
  printed: "printed", floor: "floor", percentile: "percentile", strongest: "strongest",
  by_hand: "pixels",
};

/** The text of a choice. */
export function encode(choice) {
  if (choice.case < 0) throw new Refused("A picture of your own stays with you: no link holds it");
  const parts = [];
  for (const [name, key] of Object.entries(KEYS)) {
    const value = choice[name];
    if (name === "by_hand" ? choice.pixel_set !== "hand" : value === DEFAULTS[name]) continue;
    parts.push(`${key}=${name === "by_hand" ? numbersToText(value) : written(value)}`);
  }
  return parts.join("&");
}

/** The choice that a text stands for. Refused if the text is damaged. */
export function decode(text) {
  const choice = { ...DEFAULTS };
  const names = Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [key, name]));
  const found = new Set();
  for (const part of text.split("&")) {
    const [, key, value] = /^([^=]*)=(.*)$/s.exec(part) ?? [null, part, ""];
    if (!Object.hasOwn(names, key)) throw damagedLink(`it says ${repr(key)}, which no link does`);
    if (found.has(key)) throw damagedLink(`it says ${key} twice`);
    found.add(key);
    choice[names[key]] = read(key, value);
  }
  for (const key of ["task", "case"]) if (!found.has(key)) throw damagedLink(`it says no ${key}`);
  if (found.has("pixels") !== (choice.pixel_set === "hand")) {
    throw damagedLink("pixels and set=hand go together");
  }
  return choice;
}

function damagedLink(why) {
  return new Refused(`This link is damaged: ${why}`);
}

function written(value) {
  if (value === true) return "1";
  return typeof value === "string" ? encodeURIComponent(value) : String(value);
}

function read(key, value) {
  if (key === "pixels") return numbersFromText(value);
  if (key === "random" || key === "printed") {
    if (value !== "1") throw damagedLink(`${key} is 1 or left out, not ${repr(value)}`);
    return true;
  }
  if (key === "case" || key === "draw" || key === "strongest") {
    if (!/^\d{1,15}$/.test(value)) throw damagedLink(`${key} is no whole number: ${repr(value)}`);
    return Number(value);
  }
  if (key === "floor" || key === "percentile") {
    if (!/^\d+(\.\d+)?(e[+-]\d+)?$/.test(value)) {
      throw damagedLink(`${key} is no number: ${repr(value)}`);
    }
    return Number(value);
  }
  try {
    return decodeURIComponent(value);
  } catch {
    throw damagedLink(`${key} is no text: ${repr(value)}`);
  }
}

/** Ascending numbers as base64url of their gaps, seven bits a byte, the lowest first. */
export function numbersToText(numbers) {
  const bytes = [];
  let next = 0;
  for (const number of numbers) {
    let gap = number - next;
    for (; gap > 127; gap = Math.floor(gap / 128)) bytes.push((gap % 128) + 128);
    bytes.push(gap);
    next = number + 1;
  }
  const binary = bytes.map((byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The numbers that such a text stands for. */
export function numbersFromText(text) {
  const wrong = damagedLink("its pixels cannot be read");
  let binary;
  try {
    binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    throw wrong;
  }
  const numbers = [];
  let [next, gap, place] = [0, 0, 1];
  for (const character of binary) {
    const byte = character.charCodeAt(0);
    gap += (byte % 128) * place;
    place *= 128;
    if (byte > 127) continue;
    numbers.push(next + gap);
    [next, gap, place] = [next + gap + 1, 0, 1];
  }
  // a text that was cut off or altered is not what these numbers are written as
  if (place !== 1 || !(next < 2 ** 48) || numbersToText(numbers) !== text) throw wrong;
  return numbers;
}
