// Reads what tinyvgg/explorer/pack.py wrote: a network with quantised weights, cases, pictures.

import { Network } from "./network.js";

const VERSION = 5; // of the format; tinyvgg/explorer/pack.py writes the same
const AT_ONCE = 1 << 20; // weights decoded before the page may paint again
const NO_THUMBNAILS =
  "The training images are left out: this browser cannot read their thumbnails (WebP).";

/**
 * A task to explore, from the bytes of its pack.
 *
 * Returns { task, classes, names, shape, bits, cases, first, fields, training, network, image }:
 * cases is a Map of row to case, first the row to begin with, and image(row) an image's bytes
 * (H, W, C); fields are the receptive fields, [first, end] of the image's rows for each row of the
 * maps, and of its columns for each column; training is null, or what `readTraining` gives.
 */
export async function readPack(buffer) {
  const { header, tensor } = openTensors(buffer);
  const about = JSON.parse(header.__metadata__?.explorer ?? "{}");
  if (about.version !== VERSION) {
    throw new Error(
      `This pack has version ${about.version}, and this page reads version ${VERSION}. Reload the ` +
        "page. If that does not help, make both again with the same version of tinyvgg.",
    );
  }
  const weighted = async (layer, name, across) => {
    const [stored, scale, bias] = ["weight", "scale", "bias"].map((part) => tensor(`${name}.${part}`));
    const { from, to, groups = 1, kernel: [height, width] = [1, 1] } = layer;
    const count = (from / groups) * to * height * width;
    const weight = scale ? await dequantised(stored, scale, across, count) : stored;
    return { ...layer, weight, bias };
  };
  const read = (layer, k) => {
    if (layer.kind === "conv") return weighted(layer, `features.${k}`, false);
    if (layer.kind !== "affine") return layer;
    const [factor, shift] = ["factor", "shift"].map((part) => tensor(`features.${k}.${part}`));
    return { ...layer, factor, shift };
  };
  const layers = await Promise.all(about.layers.map(read));
  const linears = await Promise.all(
    about.linears.map((linear, k) => weighted(linear, `classifier.${k}`, true)),
  );
  const { task, classes, names, shape, bits, scale, mean, std, first, fields } = about;
  return {
    ...{ task, classes, names, shape, bits, first, fields },
    training: about.training && (await readTraining(about.training, tensor)),
    cases: new Map(about.cases.map((given) => [given.row, given])),
    network: new Network({ shape, scale, mean, std, layers, linears }),
    image: await pictureReader(tensor("pictures"), about.rows, shape),
  };
}

/** The header of a file in safetensors' format, and its tensors by name. */
function openTensors(buffer) {
  const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
  const damaged = () => new Error("This pack is incomplete. Load it again, or make it again.");
  let header, begin;
  try {
    begin = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin)));
  } catch {
    throw damaged();
  }
  const kinds = { F32: Float32Array, U16: Uint16Array, U8: Uint8Array };
  const tensor = (name) => {
    if (!(name in header)) return null;
    const { dtype, data_offsets: [from, to] } = header[name];
    if (begin + to > bytes.length) throw damaged();
    return new kinds[dtype](bytes.slice(begin + from, begin + to).buffer);
  };
  return { header, tensor };
}

/**
 * The training images that lead at each pixel.
 *
 * Returns { images, shown, across, size, true, predicted, active, deciding, sheet }: how many images
 * trained the network, and how many thumbnails of each kind a pixel has at most; the sheet of
 * thumbnails, an ImageBitmap, with so many side by side, of a size [rows, columns], and the class
 * numbers of each; and for each pixel the numbers of its thumbnails. Or { images, left_out }, a
 * sentence that says why there are none.
 */
async function readTraining(about, tensor) {
  if (about.left_out) return about;
  const [active, deciding, bytes] = ["active", "deciding", "sheet"].map((part) =>
    tensor(`training.${part}`),
  );
  try {
    const sheet = await createImageBitmap(new Blob([bytes], { type: "image/webp" }));
    return { ...about, active, deciding, sheet };
  } catch {
    return { images: about.images, left_out: NO_THUMBNAILS };
  }
}

/**
 * Weights from whole numbers and a scale for each unit that they feed. Of a linear layer these
 * units are `across`, its last axis, and else the first one.
 */
async function dequantised(stored, scale, across, count) {
  const numbers = wholeNumbers(await inflated(stored), count);
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

/** Bytes from zlib's compression of them. */
async function inflated(compressed) {
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The bytes (H, W, C) of a picture by its row, put together when first used. Stored are, of green,
 * red less green and blue less green, or of each channel, the differences from the pixel above.
 */
async function pictureReader(compressed, rows, [channels, height, width]) {
  const differences = await inflated(compressed);
  const line = channels * width;
  const starts = new Map(rows.map((row, k) => [row, k * height * line]));
  const pictures = new Map();

  function read(start) {
    const colours = differences.slice(start, start + height * line);
    for (let k = line; k < colours.length; k++) colours[k] += colours[k - line];
    for (let k = 0; channels === 3 && k < colours.length; k += 3) {
      colours[k] += colours[k + 1];
      colours[k + 2] += colours[k + 1];
    }
    return colours;
  }

  return (row) => {
    if (!pictures.has(row) && starts.has(row)) pictures.set(row, read(starts.get(row)));
    return pictures.get(row);
  };
}
