// A reader's own picture: read, crop to a square, shrink. Nothing of it leaves the browser.

import { grouped } from "./session.js";

const MOST_BYTES = 40 * 2 ** 20;
const MOST_PIXELS = 60e6;
const WHAT_TO_DO = "Choose a JPEG, PNG, WebP or GIF";

/** A file that is no picture, or none that can be taken; the message says why, and what to do. */
export class PictureRefused extends Error {}

/**
 * A file as a picture, upright by its EXIF; of an animation the first frame.
 *
 * file: a File or Blob. Returns an ImageBitmap. Throws PictureRefused for what is empty, no
 * picture, or too large; the size is read from the file's head, before anything is decoded.
 */
export async function readPicture(file) {
  const name = file.name ? `“${file.name}”` : "This";
  if (file.size === 0)
    throw new PictureRefused(`${name} is empty. ${WHAT_TO_DO}.`);
  if (file.type && !file.type.startsWith("image/")) {
    throw new PictureRefused(`${name} is not an image but ${file.type}. ${WHAT_TO_DO}.`);
  }
  if (file.size > MOST_BYTES) {
    const megabytes = (bytes) => grouped(Math.ceil(bytes / 2 ** 20));
    throw new PictureRefused(
      `${name} has ${megabytes(file.size)} MB. The limit is ${megabytes(MOST_BYTES)} MB: make it ` +
        "smaller first.",
    );
  }
  checkPixels(name, sizeInHead(new DataView(await file.slice(0, 2 ** 18).arrayBuffer())));
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new PictureRefused(`${name} is not an image that this browser can read. ${WHAT_TO_DO}.`);
  }
  checkPixels(name, [bitmap.width, bitmap.height]);
  return bitmap;
}

function checkPixels(name, size) {
  if (!size || size[0] * size[1] <= MOST_PIXELS) return;
  throw new PictureRefused(
    `${name} has ${grouped(size[0])} × ${grouped(size[1])} pixels. The limit is ` +
      `${MOST_PIXELS / 1e6} million: make it smaller first.`,
  );
}

/** Width and height from the first bytes of a PNG, GIF, BMP, WebP or JPEG; else null. */
function sizeInHead(head) {
  const text = (at, length) => String.fromCharCode(...new Uint8Array(head.buffer, at, length));
  try {
    if (text(1, 3) === "PNG") return [head.getUint32(16), head.getUint32(20)];
    if (text(0, 3) === "GIF") return [head.getUint16(6, true), head.getUint16(8, true)];
    if (text(0, 2) === "BM")
      return [Math.abs(head.getInt32(18, true)), Math.abs(head.getInt32(22, true))];
    if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return sizeOfWebp(head, text(12, 4));
    if (head.getUint16(0) === 0xffd8) return sizeOfJpeg(head);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the head ends too soon
  }
  return null;
}

function sizeOfWebp(head, kind) {
  const three = (at) => head.getUint16(at, true) + (head.getUint8(at + 2) << 16);
  if (kind === "VP8X") return [three(24) + 1, three(27) + 1];
  if (kind === "VP8 ")
    return [head.getUint16(26, true) & 0x3fff, head.getUint16(28, true) & 0x3fff];
  const packed = head.getUint32(21, true);
  return [(packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1];
}

function sizeOfJpeg(head) {
  for (let at = 2; ; at += 2 + head.getUint16(at + 2)) {
    const marker = head.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [head.getUint16(at + 7), head.getUint16(at + 5)];
  }
}

/**
 * A square of a picture shrunk by averaging exact areas, over white where it is transparent.
 *
 * source: what a canvas can draw; square: { x, y, side } in its pixels, within it; size: of the
 * result. Returns bytes (size, size, 3). It goes row by row, so a large picture needs no copy.
 */
export function shrunk(source, { x, y, side }, size) {
  const left = Math.floor(x);
  const wide = Math.ceil(x + side) - left;
  const across = shares(x - left, side, size);
  const down = shares(y, side, size);
  const canvas = document.createElement("canvas");
  canvas.width = wide;
  canvas.height = Math.max(...down.map(({ weights }) => weights.length));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const bytes = new Uint8Array(size * size * 3);
  const area = (side / size) ** 2;
  down.forEach(({ start, weights: rows }, i) => {
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(source, left, start, wide, rows.length, 0, 0, wide, rows.length);
    const { data } = context.getImageData(0, 0, wide, rows.length);
    across.forEach(({ start: from, weights: columns }, j) => {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (const [r, row] of rows.entries()) {
          for (const [c, column] of columns.entries())
            sum += row * column * data[4 * (r * wide + from + c) + channel];
        }
        bytes[3 * (i * size + j) + channel] = Math.round(sum / area);
      }
    });
  });
  return bytes;
}

/** For each of `size` parts of a stretch: its first source pixel, and how much of each it has. */
function shares(begin, length, size) {
  return Array.from({ length: size }, (_, k) => {
    const from = begin + (k * length) / size;
    const to = begin + ((k + 1) * length) / size;
    const start = Math.floor(from + 1e-9);
    const weights = [];
    for (let pixel = start; pixel < to - 1e-9; pixel++)
      weights.push(Math.min(to, pixel + 1) - Math.max(from, pixel));
    return { start, weights };
  });
}
