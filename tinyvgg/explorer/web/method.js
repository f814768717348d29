// The method on one picture: backtracking, the cut, suppression, deconvolution, tracking.
// Maps are Float32Array (C, h, w); a set of pixels or units is a Uint8Array of 0 and 1.

import { addUnit, added, convolveBack, passedBack } from "./network.js";
import { rectified, softmax, unpool } from "./network.js";

const GREY = [0.299, 0.587, 0.114]; // red, green, blue

/** A picture's bytes (H, W, C) as the network takes them, (C, H, W). */
export function asInput(bytes, { shape: [channels], scale, mean, std }) {
  const area = bytes.length / channels;
  const x = new Float32Array(bytes.length);
  for (let k = 0; k < area; k++) {
    for (let c = 0; c < channels; c++) {
      x[c * area + k] = (bytes[channels * k + c] / scale - mean[c]) / std[c];
    }
  }
  return x;
}

/**
 * Trace a class down to the pixels of the last maps (Algorithm 1).
 *
 * target: a class number, or null for the predicted one. cut: { floor, percentile } as released
 * (see tinyvgg.Cut), or null as printed.
 * Returns target; layers, the selected units L_n ... L_1; pixels, L_0; threshold, which a
 * selected pixel's strength exceeds; strengths, each pixel's largest contribution to a selected
 * unit, a_0[r] max_i W_1[r, i]; logits.
 */
export function backtrack(network, maps, target = null, cut = null) {
  if (maps.some((value) => value < 0)) {
    throw new Error(
      "the last feature maps hold negative values; backtracking needs rectified maps, so " +
        "features must end with a ReLU (max-pooling may follow it)",
    );
  }
  const { activations, logits } = network.dense(maps);
  if (!logits.every(Number.isFinite)) {
    throw new Error("the network's output is not finite for these images; did it diverge?");
  }
  target ??= strongestClass(logits);
  const layers = [];
  let selected = [target];
  for (let above = network.linears.length - 1; above > 0; above--) {
    const units = feeding(network.linears[above], activations[above], selected);
    layers.push(units);
    selected = numbersOf(units);
  }
  const first = network.linears[0];
  const strengths = strongestContributions(first, maps, selected);
  const threshold = cut === null ? 0 : cutThreshold(cut, first, maps, selected);
  const pixels =
    cut === null
      ? feeding(first, maps, selected)
      : Uint8Array.from(strengths, (value) => (value > threshold ? 1 : 0));
  return { target, layers, pixels, threshold, strengths, logits };
}

/** The number of the largest value, the first of several. */
export function strongestClass(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
  return best;
}

/** The numbers of a set, ascending. */
export function numbersOf(set) {
  const numbers = [];
  for (let k = 0; k < set.length; k++) if (set[k]) numbers.push(k);
  return numbers;
}

/** The units below, of those above zero, that have a positive weight to a selected unit above. */
function feeding({ to, weight }, below, selected) {
  return Uint8Array.from(below, (value, r) =>
    value > 0 && selected.some((unit) => weight[r * to + unit] > 0) ? 1 : 0,
  );
}

/** Each pixel's largest contribution to a selected unit; 0 where none is selected. */
function strongestContributions({ to, weight }, maps, selected) {
  return maps.map((value, r) => {
    if (value === 0 || selected.length === 0) return 0;
    let largest = -Infinity;
    for (const unit of selected) {
      if (weight[r * to + unit] > largest) largest = weight[r * to + unit];
    }
    return value * largest;
  });
}

/** What the cut compares strengths with: the percentile of the contributions above its floor. */
function cutThreshold({ floor, percentile }, { to, weight }, maps, selected) {
  const active = numbersOf(maps);
  const pool = new Float32Array(active.length * selected.length);
  let pooled = 0;
  for (const r of active) {
    const value = maps[r];
    for (const unit of selected) {
      const product = Math.fround(value * weight[r * to + unit]);
      if (product > floor) pool[pooled++] = product;
    }
  }
  return pooled === 0 ? Infinity : percentileOf(pool.subarray(0, pooled), percentile);
}

/** numpy's linear percentile in double precision; it reorders the values. */
export function percentileOf(values, percentile) {
  const position = (values.length - 1) * (percentile / 100);
  const below = Math.floor(position);
  const low = nthSmallest(values, below);
  let high = low;
  if (below + 1 < values.length) {
    high = Infinity;
    for (let k = below + 1; k < values.length; k++) if (values[k] < high) high = values[k];
  }
  const share = position - below;
  return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}

/** The n-th smallest value, from 0; smaller ones are moved before it, larger ones after it. */
function nthSmallest(values, n) {
  let [from, to] = [0, values.length - 1];
  while (from < to) {
    const pivot = values[(from + to) >> 1];
    let [left, right] = [from, to];
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left <= right) {
        [values[left], values[right]] = [values[right], values[left]];
        left++;
        right--;
      }
    }
    if (n <= right) to = right;
    else if (n >= left) from = left;
    else break;
  }
  return values[n];
}

/** The maps with the pixels of a set at zero. */
function without(maps, pixels) {
  return maps.map((value, r) => (pixels[r] ? 0 : value));
}

/** Probabilities with the pixels of a set at zero. */
export function suppress(network, maps, pixels) {
  return softmax(network.dense(without(maps, pixels)).logits);
}

/**
 * The probability of a class without the first n pixels of an order, for each n of `counts`,
 * ascending.
 */
export function deletion(network, maps, order, counts, which) {
  const { to, weight } = network.linears[0];
  const sums = network.sums(maps);
  let done = 0;
  return Float32Array.from(counts, (count) => {
    for (; done < Math.min(count, order.length); done++) {
      const r = order[done];
      if (maps[r] !== 0) addUnit(sums, weight, r * to, -maps[r]);
    }
    return softmax(network.above(sums).logits)[which];
  });
}

/** The pixels that two sets share, and those that only the first has. */
export function compare(a, b) {
  return {
    common: a.map((value, r) => value & b[r]),
    only_a: a.map((value, r) => value & ~b[r]),
  };
}

/**
 * Bring maps back to the picture by the switches of a recording (Fig. 3b).
 *
 * bias: "previous" adds, after each transposed convolution, the bias of the convolution that
 * precedes it in forward order, or "none", as it must be where branches join. ties: "all" pixels that share a window's maximum are
 * given the value, or the "first". rectify: cut off negative values of the result too.
 */
export function deconvolve(network, recording, maps = recording.maps, options = {}) {
  const { ties = "all", rectify = true } = options;
  const { bias = network.isChain ? "previous" : "none" } = options;
  const { layers } = network;
  const switches = [...recording.switches];
  const signals = new Map([[layers.length - 1, maps]]); // by the layer that they reach
  for (let position = layers.length - 1; position >= 0; position--) {
    const layer = layers[position];
    const [size, given] = [recording.made[position], recording.sizes[position]];
    const x = signals.get(position);
    signals.delete(position);
    let back;
    if (layer.kind === "activation") {
      back = [rectified(x)];
    } else if (layer.kind === "maxpool") {
      back = [unpool(layer, x, size, given, switches.pop(), ties === "first")];
    } else if (layer.kind === "conv") {
      const previous = layers.slice(0, position).findLast(({ kind }) => kind === "conv");
      const offset = bias === "previous" ? (previous?.bias ?? null) : null;
      back = [convolveBack(layer, x, size, given, offset)];
    } else {
      back = passedBack(layer, x, size, given);
    }
    layer.sources.forEach((source, k) => {
      signals.set(source, signals.has(source) ? added(signals.get(source), back[k]) : back[k]);
    });
  }
  const picture = signals.get(-1);
  return rectify ? rectified(picture) : picture;
}

/**
 * What a set of pixels contributes to the deconvolution, in grey (Algorithm 2).
 *
 * Returns the deconvolution of all maps, full, and without the set, suppressed (C, H, W), and
 * the absolute difference of the two in grey (H, W).
 */
export function track(network, recording, pixels) {
  const full = fullDeconvolution(network, recording);
  const suppressed = deconvolve(network, recording, without(recording.maps, pixels));
  const rest = greyOf(suppressed, network.shape);
  const difference = Float32Array.from(greyOf(full, network.shape), (grey, k) => Math.abs(grey - rest[k]));
  return { full, suppressed, difference };
}

/** A picture of a shape [C, H, W] in grey (H, W), in double precision; not RGB: the mean. */
export function greyOf(picture, [channels, height, width]) {
  const area = height * width;
  const shares = channels === GREY.length ? GREY : new Array(channels).fill(1 / channels);
  const grey = new Float64Array(area);
  for (let k = 0; k < area; k++) {
    for (let c = 0; c < channels; c++) grey[k] += shares[c] * picture[c * area + k];
  }
  return grey;
}

/** The deconvolution of the recorded maps, made once. */
export function fullDeconvolution(network, recording) {
  return (recording.deconvolved ??= deconvolve(network, recording));
}

/** The active pixels in the order of a draw, each as likely anywhere. */
export function drawnOrder(maps, draw) {
  const key = scrambled(draw);
  const active = Uint32Array.from(numbersOf(maps.map((value) => (value > 0 ? 1 : 0))));
  const keys = active.map((r) => scrambled(r ^ key));
  return active.map((_, k) => k).sort((j, k) => keys[j] - keys[k]).map((k) => active[k]);
}

/** A set from its numbers. */
export function maskOf(numbers, length) {
  const mask = new Uint8Array(length);
  for (const number of numbers) mask[number] = 1;
  return mask;
}

/** A whole number of 32 bits mixed up, no two to the same (MurmurHash3's last step). */
function scrambled(number) {
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35);
  return (number ^ (number >>> 16)) >>> 0;
}
