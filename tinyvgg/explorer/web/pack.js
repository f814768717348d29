// Reads what tinyvgg/explorer/pack.py wrote: a network with rounded weights, cases, pictures.

import { Network } from "./network.js";

const VERSION = 1;
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
      `This pack is of version ${about.version}, and the page reads version ${VERSION}: ` +
        "make both with the same tinyvgg",
    );
  }
  const weighted = async (layer, name, across) => {
    const [weight, scale, bias] = ["weight", "scale", "bias"].map((part) => tensor(`${name}.${part}`));
    return { ...layer, weight: scale ? await unrounded(weight, scale, across) : weight, bias };
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
  const pictures = await readPictures(tensor("pictures"), about.rows, shape);
  return {
    ...{ task, classes, said, shape, bits, first },
    cases: new Map(about.cases.map((given) => [given.row, given])),
    network: new Network({ shape, scale, layers, linears }),
    image: (row) => pictures.get(row),
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
  const kinds = { F32: Float32Array, I16: Int16Array, I8: Int8Array, U8: Uint8Array };
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
async function unrounded(kept, scale, across) {
  const numbers = kept instanceof Uint8Array ? twelveBits(kept) : kept;
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

/** Whole numbers of 12 bits, kept two in three bytes. */
function twelveBits(bytes) {
  const numbers = new Int16Array((bytes.length / 3) * 2);
  for (let from = 0, to = 0; from < bytes.length; from += 3) {
    numbers[to++] = (bytes[from] | ((bytes[from + 1] & 15) << 8)) - 2048;
    numbers[to++] = ((bytes[from + 1] >> 4) | (bytes[from + 2] << 4)) - 2048;
  }
  return numbers;
}

/**
 * Pictures (H, W, 3) by row, from what was compressed of them: differences, modulo 256, of red
 * and blue to green and of a pixel to its left neighbour.
 */
async function readPictures(compressed, rows, [, height, width]) {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const line = 3 * width;
  for (let start = 0; start < bytes.length; start += line) {
    for (let k = start + 3; k < start + line; k++) bytes[k] += bytes[k - 3];
  }
  for (let k = 0; k < bytes.length; k += 3) {
    bytes[k] += bytes[k + 1];
    bytes[k + 2] += bytes[k + 1];
  }
  const size = height * line;
  return new Map(rows.map((row, k) => [row, bytes.subarray(k * size, (k + 1) * size)]));
}
