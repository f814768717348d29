// A network on one picture: forward, and the way back. Values are Float32Array, channel by
// channel and row by row as torch lays them out; every sum is made in double precision.

/**
 * Features and dense layers, of the kinds that tinyvgg/layers.py and graph.py know.
 *
 * shape: [C, H, W] of the picture; its bytes become (bytes / scale - mean) / std, with a mean and
 *   a std for each channel.
 * layers: { kind, sources, ... }, where sources are the numbers of the layers whose maps it is
 *   given, -1 for the picture, and of the kinds
 *   "activation", of a name that ACTIVATIONS has;
 *   "maxpool", kernel, stride, padding, dilation, ceil;
 *   "avgpool", the same, countPadding and divisor;
 *   "conv", from, to, kernel, stride, padding, dilation, groups, weight, bias,
 *     with weight (to, from / groups, rows, columns) and bias (to) or null;
 *   "affine", factor and shift for each map; "channels", chosen, their numbers;
 *   "concat", channels of each source; "sum"; "pad", sides [left, right, top, bottom,
 *   front, back], the last two in maps.
 * linears: { from, to, weight, bias, activation }, with weight (from, to): a unit lies beside all
 *   that it feeds, so that a silent one costs nothing; activation is null after the last.
 * A kernel, stride, padding or dilation is [rows, columns].
 */
export class Network {
  constructor({ shape, scale, mean, std, layers, linears }) {
    Object.assign(this, { shape, scale, mean, std, layers, linears });
    this.isChain = layers.every(({ sources }, k) => sources.length === 1 && sources[0] === k - 1);
  }

  /**
   * The features of a picture x (C, H, W), with what the way back must know of the way forward.
   *
   * Returns the last maps; their shape [C, h, w]; for each max-pooling the switches
   * (C, h', w', rows * columns): 1 where a pixel of a window equals its maximum; the sizes
   * [C, h, w] that each layer was given (the first of them), and those that it made.
   */
  record(x) {
    const switches = [];
    const [sizes, made] = [[], []];
    const values = [];
    const lastUse = new Map();
    this.layers.forEach(({ sources }, k) => sources.forEach((source) => lastUse.set(source, k)));
    this.layers.forEach((layer, k) => {
      const given = layer.sources.map((source) => (source < 0 ? x : values[source]));
      const shapes = layer.sources.map((source) => (source < 0 ? this.shape : made[source]));
      sizes.push(shapes[0]);
      const forward = FORWARD[layer.kind](layer, given, shapes);
      if (forward.switches) switches.push(forward.switches);
      values.push(forward.maps);
      made.push(forward.size);
      for (const source of layer.sources) if (lastUse.get(source) === k) values[source] = null;
    });
    return { maps: values.at(-1), shape: made.at(-1), switches, sizes, made };
  }

  /** The activations a_0 (the maps), a_1 ... a_n, and the logits. */
  dense(maps) {
    const above = this.above(this.sums(maps));
    return { activations: [maps, ...above.activations], logits: above.logits };
  }

  /** What the maps give to the units of the first linear layer, bias included. */
  sums(maps) {
    return weightedSums(this.linears[0], maps);
  }

  /** The dense layers from the sums at the first one on. */
  above(sums) {
    const activations = [];
    this.linears.slice(1).forEach((linear, k) => {
      activations.push(activated(this.linears[k].activation, Float32Array.from(sums)));
      sums = weightedSums(linear, activations.at(-1));
    });
    return { activations, logits: Float32Array.from(sums) };
  }
}

/** Soft-max in double precision. */
export function softmax(logits) {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

export function rectified(values) {
  const result = new Float32Array(values.length);
  for (let k = 0; k < values.length; k++) if (values[k] > 0) result[k] = values[k];
  return result;
}

/** Activations that are never negative, by name: the function of a value and of the settings. */
const ACTIVATIONS = {
  relu: (value) => (value > 0 ? value : 0),
  hardtanh: (value, { least, most }) => Math.min(Math.max(value, least), most),
  softplus: (value, { beta, threshold }) =>
    value * beta > threshold ? value : Math.log1p(Math.exp(value * beta)) / beta,
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  hardsigmoid: (value) => Math.min(Math.max(value + 3, 0), 6) / 6,
  square: (value) => value * value,
};

function activated(settings, values) {
  const of = ACTIVATIONS[settings.name];
  return settings.name === "relu" ? rectified(values) : values.map((value) => of(value, settings));
}

/** The maps and the size that a layer of a kind makes of what it is given. */
const FORWARD = {
  activation: (layer, [x], [size]) => ({ maps: activated(layer, x), size }),
  conv(layer, [x], [given]) {
    const [maps, size] = convolve(layer, x, given);
    return { maps, size };
  },
  maxpool: (layer, [x], [size]) => pool(layer, x, size),
  avgpool: (layer, [x], [size]) => average(layer, x, size),
  affine(layer, [x], [size]) {
    const area = size[1] * size[2];
    const step = (value, k) => {
      const map = Math.floor(k / area);
      return value * layer.factor[map] + layer.shift[map];
    };
    return { maps: x.map(step), size };
  },
  channels({ chosen }, [x], [[, height, width]]) {
    const area = height * width;
    const maps = new Float32Array(chosen.length * area);
    chosen.forEach((map, k) => maps.set(x.subarray(map * area, (map + 1) * area), k * area));
    return { maps, size: [chosen.length, height, width] };
  },
  concat(_, given, [[, height, width]]) {
    const maps = new Float32Array(given.reduce((count, part) => count + part.length, 0));
    let start = 0;
    for (const part of given) {
      maps.set(part, start);
      start += part.length;
    }
    return { maps, size: [maps.length / (height * width), height, width] };
  },
  sum: (_, [first, ...others], [size]) => ({ maps: others.reduce(added, first), size }),
  pad: ({ sides }, [x], [size]) => padded(x, size, sides),
};

/** The sum of two maps. */
export function added(a, b) {
  return a.map((value, k) => value + b[k]);
}

/**
 * What a linear layer passes back of x, of a size, to each of its sources, where the first was
 * given a size: its transpose. (That of a convolution is `convolveBack`.)
 */
export function passedBack(layer, x, size, given) {
  const [channels, height, width] = given;
  const area = height * width;
  switch (layer.kind) {
    case "avgpool":
      return [averageBack(layer, x, size, given)];
    case "affine":
      return [x.map((value, k) => value * layer.factor[Math.floor(k / area)])];
    case "channels": {
      const result = new Float32Array(channels * area);
      layer.chosen.forEach((map, k) => {
        for (let place = 0; place < area; place++) result[map * area + place] += x[k * area + place];
      });
      return [result];
    }
    case "concat": {
      let start = 0;
      return layer.channels.map((count) => x.slice(start, (start += count * area)));
    }
    case "sum":
      return layer.sources.map(() => x);
    case "pad":
      return [padded(x, size, layer.sides.map((side) => -side)).maps];
  }
  throw new Error(`unknown layer ${layer.kind}`);
}

/** The sums of a linear layer, four units below at a time; the silent ones are passed over. */
function weightedSums({ from, to, weight, bias }, below) {
  const sums = new Float64Array(to);
  if (bias) sums.set(bias);
  const active = [];
  for (let r = 0; r < from; r++) if (below[r] !== 0) active.push(r);
  const fours = active.length - (active.length % 4);
  for (let k = 0; k < fours; k += 4) {
    const [p, q, r, s] = [active[k], active[k + 1], active[k + 2], active[k + 3]];
    const [a, b, c, d] = [below[p], below[q], below[r], below[s]];
    const [e, f, g, h] = [p * to, q * to, r * to, s * to];
    for (let unit = 0; unit < to; unit++) {
      sums[unit] +=
        a * weight[e + unit] + b * weight[f + unit] + c * weight[g + unit] + d * weight[h + unit];
    }
  }
  for (const r of active.slice(fours)) addUnit(sums, weight, r * to, below[r]);
  return sums;
}

/** Add what a unit below gives to each unit above; `start` is where its weights begin. */
export function addUnit(sums, weight, start, value) {
  for (let k = 0; k < sums.length; k++) sums[k] += weight[start + k] * value;
}

// ---------------------------------------------------------------------- convolution

/** A convolution of x (C, h, w) of a size [C, h, w]; returns the maps and their size. */
function convolve(conv, x, [channels, height, width]) {
  const [top, left] = conv.padding;
  const frame = [channels, height + 2 * top, width + 2 * left];
  return correlate(conv, framed(x, [channels, height, width], frame, top, left), frame);
}

/** The transpose of a convolution: from its output x back to a size [C, h, w]; plus `bias`. */
export function convolveBack(conv, x, [, height, width], size, bias) {
  if (conv.stride[0] === 1 && conv.stride[1] === 1) {
    conv.turned ??= turned(conv);
    const [top, left] = conv.turned.padding;
    const reach = conv.kernel.map((k, axis) => conv.dilation[axis] * (k - 1));
    const frame = [conv.to, size[1] + reach[0], size[2] + reach[1]];
    const around = framed(x, [conv.to, height, width], frame, top, left);
    return correlate({ ...conv.turned, bias }, around, frame)[0];
  }
  return spread(conv, x, height, width, size, bias);
}

/** The convolution of unit stride that is the transpose of another: kernels turned by 180°. */
function turned({ from, to, kernel, padding, dilation, groups, weight }) {
  const taps = kernel[0] * kernel[1];
  const [inner, outer] = [from / groups, to / groups];
  const result = new Float32Array(weight.length);
  for (let above = 0; above < to; above++) {
    const group = Math.floor(above / outer);
    for (let i = 0; i < inner; i++) {
      const source = (above * inner + i) * taps;
      const target = ((group * inner + i) * outer + (above % outer)) * taps;
      for (let tap = 0; tap < taps; tap++) result[target + taps - 1 - tap] = weight[source + tap];
    }
  }
  return {
    from: to,
    to: from,
    kernel,
    stride: [1, 1],
    padding: padding.map((p, axis) => dilation[axis] * (kernel[axis] - 1) - p),
    dilation,
    groups,
    weight: result,
  };
}

/** The transpose of a convolution with a stride, value by value. */
function spread(conv, x, height, width, [channels, rows, columns], bias) {
  const { to, from, groups, kernel, stride, padding, dilation, weight } = conv;
  const [inner, outer, taps] = [from / groups, to / groups, kernel[0] * kernel[1]];
  const sums = new Float64Array(channels * rows * columns);
  for (let o = 0; o < to; o++) {
    const group = Math.floor(o / outer);
    for (let i = 0; i < inner; i++) {
      const plane = (group * inner + i) * rows * columns;
      for (let tap = 0; tap < taps; tap++) {
        const value = weight[(o * inner + i) * taps + tap];
        const down = Math.floor(tap / kernel[1]) * dilation[0] - padding[0];
        const right = (tap % kernel[1]) * dilation[1] - padding[1];
        for (let y = 0; y < height; y++) {
          const row = y * stride[0] + down;
          if (row < 0 || row >= rows) continue;
          for (let q = 0; q < width; q++) {
            const column = q * stride[1] + right;
            if (column < 0 || column >= columns) continue;
            sums[plane + row * columns + column] += value * x[(o * height + y) * width + q];
          }
        }
      }
    }
  }
  const result = Float32Array.from(sums);
  if (!bias) return result;
  return result.map((_, k) => sums[k] + bias[Math.floor(k / (rows * columns))]);
}

/** x (C, h, w) on a frame of zeros [C, H, W], moved down and right; what leaves it is lost. */
function framed(x, [channels, height, width], [, rows, columns], top, left) {
  const result = new Float32Array(channels * rows * columns);
  const [first, last] = [Math.max(0, -left), Math.min(width, columns - left)];
  for (let c = 0; c < channels; c++) {
    for (let y = Math.max(0, -top); y < Math.min(height, rows - top); y++) {
      const source = (c * height + y) * width;
      const target = (c * rows + y + top) * columns + left;
      result.set(x.subarray(source + first, source + last), target + first);
    }
  }
  return result;
}

/** x (C, h, w) with zeros on its sides, or without what lies there if a side is below zero. */
function padded(x, [channels, height, width], [left, right, top, bottom, front, back]) {
  const size = [channels + front + back, height + top + bottom, width + left + right];
  const area = size[1] * size[2];
  const planes = framed(x, [channels, height, width], [channels, ...size.slice(1)], top, left);
  const kept = planes.subarray(Math.max(0, -front) * area, (channels + Math.min(0, back)) * area);
  const maps = new Float32Array(size[0] * area);
  maps.set(kept, Math.max(0, front) * area);
  return { maps, size };
}

/** A convolution of x (C, h, w) without padding; returns the maps and their size [C, h, w]. */
function correlate(conv, x, [, height, width]) {
  const { to, from, groups, kernel, stride, dilation, bias } = conv;
  const [rows, columns] = [height, width].map((extent, axis) =>
    Math.floor((extent - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1),
  );
  const [inner, outer, taps] = [from / groups, to / groups, kernel[0] * kernel[1]];
  const unit = stride[0] === 1 && stride[1] === 1;
  const nine = unit && kernel[0] === 3 && kernel[1] === 3 && dilation[1] === 1;
  const add = nine ? addNine : addTaps;
  // with unit stride, the sums are made over the rows of x as they follow each other, and the
  // ends of the rows, where a kernel would wrap around, are dropped
  const across = unit ? width : columns;
  const length = (rows - 1) * across + columns;
  const sums = [new Float64Array(length), new Float64Array(length)];
  const result = new Float32Array(to * rows * columns);
  // two maps at a time, so that a value that was read serves both; an odd one is its own partner
  for (let first = 0; first < to; first += first % outer === outer - 1 ? 1 : 2) {
    const pair = [first, first % outer === outer - 1 ? first : first + 1];
    pair.forEach((map, k) => sums[k].fill(bias ? bias[map] : 0));
    const below = Math.floor(first / outer) * inner;
    for (let i = 0; i < inner; i++) {
      const plane = x.subarray((below + i) * height * width, (below + i + 1) * height * width);
      const starts = pair.map((map) => (map * inner + i) * taps);
      add(sums, plane, width, conv, starts, across);
    }
    pair.forEach((map, k) => {
      for (let y = 0; y < rows; y++) {
        const row = sums[k].subarray(y * across, y * across + columns);
        result.set(row, (map * rows + y) * columns);
      }
    });
  }
  return [result, [to, rows, columns]];
}

/** Add a plane under kernels of 3 x 3 with unit stride: each value is read once a row. */
function addNine([s, z], plane, width, { weight: w, dilation: [down] }, [i, j]) {
  // (taken apart as arrays, these numbers would be boxed)
  const a = w[i], b = w[i + 1], c = w[i + 2];
  const d = w[i + 3], e = w[i + 4], f = w[i + 5];
  const g = w[i + 6], h = w[i + 7], k = w[i + 8];
  const A = w[j], B = w[j + 1], C = w[j + 2];
  const D = w[j + 3], E = w[j + 4], F = w[j + 5];
  const G = w[j + 6], H = w[j + 7], K = w[j + 8];
  const middle = plane.subarray(down * width);
  const lower = plane.subarray(2 * down * width);
  let l = plane[0], m = plane[1];
  let o = middle[0], p = middle[1];
  let q = lower[0], r = lower[1];
  for (let t = 0; t < s.length; t++) {
    const n = plane[t + 2];
    const x = middle[t + 2];
    const y = lower[t + 2];
    s[t] += a * l + b * m + c * n + d * o + e * p + f * x + g * q + h * r + k * y;
    z[t] += A * l + B * m + C * n + D * o + E * p + F * x + G * q + H * r + K * y;
    l = m;
    m = n;
    o = p;
    p = x;
    q = r;
    r = y;
  }
}

/** Add a plane under any kernels; `across` are the sums of a row. */
function addTaps(sums, plane, width, { weight, kernel, dilation, stride }, starts, across) {
  sums.forEach((sum, k) => {
    for (let tap = 0; tap < kernel[0] * kernel[1]; tap++) {
      const value = weight[starts[k] + tap];
      const row = Math.floor(tap / kernel[1]) * dilation[0];
      const offset = row * width + (tap % kernel[1]) * dilation[1];
      for (let y = 0, t = 0; t < sum.length; y++) {
        let at = y * stride[0] * width + offset;
        const end = Math.min(t + across, sum.length);
        for (; t < end; t++, at += stride[1]) sum[t] += value * plane[at];
      }
    }
  });
}

// ---------------------------------------------------------------------- max-pooling

/** Max-pooling of x (C, h, w), with switches as `record` tells; padding is never a maximum. */
function pool(layer, x, [channels, height, width]) {
  const size = [channels, pooledExtent(layer, 0, height), pooledExtent(layer, 1, width)];
  const maps = new Float32Array(size.reduce((a, b) => a * b));
  const switches = new Uint8Array(maps.length * layer.kernel[0] * layer.kernel[1]);
  eachWindow(layer, size, height, width, (window, plane, at) => {
    let largest = -Infinity;
    for (const pixel of at) {
      if (pixel >= 0 && x[plane + pixel] > largest) largest = x[plane + pixel];
    }
    maps[window] = largest;
    for (let tap = 0; tap < at.length; tap++) {
      const isLargest = at[tap] >= 0 && x[plane + at[tap]] === largest;
      if (isLargest) switches[window * at.length + tap] = 1;
    }
  });
  return { maps, size, switches };
}

/**
 * Put pooled values x, of a size [C, h', w'], back where their windows had the maximum.
 *
 * Where windows overlap, a pixel is given the sum. `first`: of several pixels that share a
 * maximum, only the first is given it.
 */
export function unpool(layer, x, size, [channels, height, width], switches, first) {
  const result = new Float32Array(channels * height * width);
  eachWindow(layer, size, height, width, (window, plane, at) => {
    for (let tap = 0; tap < at.length; tap++) {
      if (!switches[window * at.length + tap]) continue;
      result[plane + at[tap]] += x[window];
      if (first) break;
    }
  });
  return result;
}

/** Average pooling of x (C, h, w). */
function average(layer, x, [channels, height, width]) {
  const size = [channels, pooledExtent(layer, 0, height), pooledExtent(layer, 1, width)];
  const maps = new Float32Array(size.reduce((a, b) => a * b));
  eachAverage(layer, size, height, width, (window, plane, at, divisor) => {
    let sum = 0;
    for (const pixel of at) if (pixel >= 0) sum += x[plane + pixel];
    maps[window] = sum / divisor;
  });
  return { maps, size };
}

/** The transpose of average pooling: each pixel of a window is given its share. */
function averageBack(layer, x, size, [channels, height, width]) {
  const sums = new Float64Array(channels * height * width);
  eachAverage(layer, size, height, width, (window, plane, at, divisor) => {
    for (const pixel of at) if (pixel >= 0) sums[plane + pixel] += x[window] / divisor;
  });
  return Float32Array.from(sums);
}

/** Visit windows as `eachWindow`, with what each sum is divided by, as torch does. */
function eachAverage(layer, size, height, width, visit) {
  const { kernel, stride, padding, countPadding, divisor } = layer;
  const [, rows, columns] = size;
  const extent = (axis, place, most) => {
    const start = place * stride[axis] - padding[axis];
    return Math.min(start + kernel[axis], most + padding[axis]) - start;
  };
  eachWindow(layer, size, height, width, (window, plane, at) => {
    const place = window % (rows * columns);
    const down = extent(0, Math.floor(place / columns), height);
    const counted = countPadding
      ? down * extent(1, place % columns, width)
      : at.reduce((count, pixel) => count + (pixel >= 0 ? 1 : 0), 0);
    visit(window, plane, at, divisor ?? counted);
  });
}

/** Visit windows: number, where the plane begins, where in it the pixels lie (-1: padding). */
function eachWindow(layer, [channels, rows, columns], height, width, visit) {
  const { kernel, stride, padding, dilation } = layer;
  const at = new Int32Array(kernel[0] * kernel[1]);
  for (let y = 0; y < rows; y++) {
    for (let q = 0; q < columns; q++) {
      for (let tap = 0; tap < at.length; tap++) {
        const down = y * stride[0] - padding[0] + Math.floor(tap / kernel[1]) * dilation[0];
        const right = q * stride[1] - padding[1] + (tap % kernel[1]) * dilation[1];
        const inside = down >= 0 && down < height && right >= 0 && right < width;
        at[tap] = inside ? down * width + right : -1;
      }
      for (let c = 0; c < channels; c++) {
        visit((c * rows + y) * columns + q, c * height * width, at);
      }
    }
  }
}

/** How many windows fit along an axis; with `ceil` the last may hang over, but not begin there. */
function pooledExtent({ kernel, stride, padding, dilation, ceil }, axis, extent) {
  const room = extent + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
  if (!ceil) return Math.floor(room / stride[axis]) + 1;
  const count = Math.ceil(room / stride[axis]) + 1;
  return (count - 1) * stride[axis] >= extent + padding[axis] ? count - 1 : count;
}
