// Reads what tinyvgg/explorer/pack.py wrote: a network with rounded weights, cases, pictures.

import { Network } from "./network.js";

const VERSION = 2; // of the format; tinyvgg/explorer/pack.py writes the same
const AT_ONCE = 1 << 20; // weights decoded before the page may paint again

/**
 * A task to explore, from the bytes of its pack.
 *
 * Returns { task, classes, said, shape, bits, cases, first, network, image }: cases is a Map of
 * row to case, first the row to begin with, and image(row) a picture's bytes (H, W, 3).
 */
export async function readPack(buffer) {
  const { header, tensor } = openTensors(buffer);
  const about = JSON.parse(header.__metadata__?.explorer ?? "{}");
  if (about.version !== VERSION) {
    throw new Error(
      `This pack is of version ${about.version}, and the page reads version ${VERSION}. ` +
        "Load the page again; if that does not help, make both again with the same tinyvgg.",
    );
  }
  const weighted = async (layer, name, across) => {
    const [kept, scale, bias] = ["weight", "scale", "bias"].map((part) => tensor(`${name}.${part}`));
    const { from, to, groups = 1, kernel: [height, width] = [1, 1] } = layer;
    const count = (from / groups) * to * height * width;
    const weight = scale ? await unrounded(kept, scale, across, count) : kept;
    return { ...layer, weight, bias };
  };
  const layers = [];
  for (const [k, layer] of about.layers.entries()) {
    const plain = layer.kind !== "conv";
    layers.push(plain ? layer : await weighted(layer, `features.${k}`, false));
  }
  const linears = [];
  for (const [k, linear] of about.linears.entries()) {
    linears.push(await weighted(linear, `classifier.${k}`, true));
  }
  const { task, classes, said, shape, bits, scale, first } = about;
  return {
    ...{ task, classes, said, shape, bits, first },
    cases: new Map(about.cases.map((given) => [given.row, given])),
    network: new Network({ shape, scale, layers, linears }),
    image: await pictureReader(tensor("pictures"), about.rows, shape),
  };
}

/** The header of a file in safetensors' format, and its tensors by name. */
function openTensors(buffer) {
  const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
  const damaged = () => new Error("This is not a whole pack: load it again, or make it anew");
  let header, begin;
  try {
    begin = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)));
  } catch {
    throw damaged();
  }
  const kinds = { F32: Float32Array, U8: Uint8Array };
  const tensor = (name) => {
    if (!(name in header)) return null;
    const { dtype, data_offsets: [from, to] } = header[name];
    if (begin + to > bytes.length) throw damaged();
    return new kinds[dtype](bytes.slice(begin + from, begin + to).buffer);
  };
  return { header, tensor };
}

/**
 * Weights from whole numbers and a scale for each unit that they feed. Of a linear layer these
 * units are `across`, its last axis, and else the first one.
 */
async function unrounded(kept, scale, across, count) {
  const numbers = wholeNumbers(await inflated(kept), count);
  const weights = new Float32Array(numbers.length);
  const line = across ? scale.length : Math.floor(numbers.length / scale.length);
  for (let start = 0, row = 0; start < weights.length; start += line, row++) {
    for (let k = 0; k < line; k++) {
      weights[start + k] = scale[across ? k : row] * numbers[start + k];
    }
    if (row % Math.ceil(AT_ONCE / line) === 0) await new Promise((resume) => setTimeout(resume));
  }
  return weights;
}

/** Whole numbers from their bytes: all low ones, then all high ones if they have two. */
function wholeNumbers(bytes, count) {
  if (bytes.length === count) return new Int8Array(bytes.buffer);
  const numbers = new Int16Array(count);
  for (let k = 0; k < count; k++) numbers[k] = bytes[k] | (bytes[count + k] << 8);
  return numbers;
}

/** What was compressed. */
async function inflated(compressed) {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The bytes (H, W, 3) of a picture by its row. Each is put together when it is first asked for:
 * green, red less green and blue less green are what Paeth's predictor (PNG specification, 9.4)
 * says from the pixels left, above and above left, and what it missed.
 */
async function pictureReader(compressed, rows, [, height, width]) {
  const missed = await inflated(compressed);
  const places = new Map(rows.map((row, k) => [row, k * height * width * 3]));
  const whole = new Map();

  function read(start) {
    const line = 3 * width;
    const colours = missed.slice(start, start + height * line);
    for (let k = 0; k < colours.length; k++) {
      const inside = k % line >= 3;
      const left = inside ? colours[k - 3] : 0;
      const above = k >= line ? colours[k - line] : 0;
      const corner = inside && k >= line ? colours[k - line - 3] : 0;
      const toLeft = Math.abs(above - corner);
      const toAbove = Math.abs(left - corner);
      const toCorner = Math.abs(left + above - 2 * corner);
      if (toLeft <= toAbove && toLeft <= toCorner) colours[k] += left;
      else colours[k] += toAbove <= toCorner ? above : corner;
    }
    for (let k = 0; k < colours.length; k += 3) {
      colours[k] += colours[k + 1] - 128;
      colours[k + 2] += colours[k + 1] - 128;
    }
    return colours;
  }

  return (row) => {
    if (!whole.has(row) && places.has(row)) whole.set(row, read(places.get(row)));
    return whole.get(row);
  };
}
