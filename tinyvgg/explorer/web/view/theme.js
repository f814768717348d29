// Colours: one for each set (Okabe and Ito's), the tone of the page, and scales of pictures.

import { make } from "./dom.js";

export const SET_COLOUR = {
  none: "#999999",
  backtracked: "#56B4E9",
  common: "#009E73",
  unique: "#CC79A7",
  hand: "#E69F00",
  random: "#999999",
};
const VIRIDIS =
  "#440154 #482878 #3e4989 #31688e #26828e #1f9e89 #35b779 #6ece58 #b5de2b #fde725".split(" ");

const KNOWN_COLOURS = new Map(); // in the present tone: to ask makes the page lay out

/** "dark" or "light": that of the book's theme, else JupyterLab's, else the system's. */
function toneOfPage() {
  const book = document.documentElement.dataset.theme;
  if (book === "dark" || book === "light") return book;
  const lab = document.body.dataset.jpThemeLight;
  if (lab !== undefined) return lab === "false" ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Keep the tone of an element that of the page; `changed` after each change. Returns the end. */
export function followTone(node, changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const take = () => {
    node.dataset.tone = toneOfPage();
    KNOWN_COLOURS.clear();
  };
  const apply = () => {
    take();
    changed();
  };
  const observer = new MutationObserver(apply);
  const attributeFilter = ["data-theme", "data-jp-theme-light", "data-jp-theme-name"];
  observer.observe(document.documentElement, { attributeFilter });
  observer.observe(document.body, { attributeFilter });
  system.addEventListener("change", apply);
  take();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", apply);
  };
}

/** What a CSS colour, or the value of a variable of a node, is in red, green and blue. */
export function rgbOf(colour, node = null) {
  if (KNOWN_COLOURS.has(colour)) return KNOWN_COLOURS.get(colour);
  const named = node ? getComputedStyle(node).getPropertyValue(colour).trim() : colour;
  if (!named) return [136, 136, 136]; // the style is still to come
  const context = make("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = named;
  context.fillRect(0, 0, 1, 1);
  const rgb = [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  KNOWN_COLOURS.set(colour, rgb);
  return rgb;
}

/** A colour between two, [r, g, b]. */
export function between(from, to, part) {
  return [0, 1, 2].map((k) => from[k] + (to[k] - from[k]) * part);
}

/** 256 colours of viridis, the yellow last; Uint8Array of 768. */
export function viridisScale() {
  const stops = VIRIDIS.map((colour) => rgbOf(colour));
  const scale = new Uint8Array(768);
  for (let k = 0; k < 256; k++) {
    const place = (k / 255) * (stops.length - 1);
    const left = Math.min(Math.floor(place), stops.length - 2);
    scale.set(between(stops[left], stops[left + 1], place - left).map(Math.round), 3 * k);
  }
  return scale;
}

/** Give a canvas a size, and each of its pixels, by number, a colour [r, g, b]. */
export function paint(canvas, height, width, colourOf) {
  const image = new ImageData(width, height);
  for (let k = 0; k < height * width; k++) {
    image.data.set(colourOf(k), 4 * k);
    image.data[4 * k + 3] = 255;
  }
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Show a picture's RGB bytes (H, W, 3) on a canvas of its size, [C, H, W]. */
export function paintPicture(canvas, bytes, [, height, width]) {
  paint(canvas, height, width, (k) => bytes.subarray(3 * k, 3 * k + 3));
}
