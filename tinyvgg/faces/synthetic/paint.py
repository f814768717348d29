"""Small tools of the painter: ramps, noise, colour spaces, sampling, seeded streams."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.ndimage import gaussian_filter


def stream(*names) -> np.random.Generator:
    """A random stream of its own for these names; the same in every process and order."""
    digest = hashlib.sha256("/".join(str(name) for name in names).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], "<u4"))


def ramp(x, start: float, stop: float):
    """0 up to `start`, 1 from `stop` on, smooth between; falls instead if stop < start."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x, y, centre: tuple[float, float], radii: tuple[float, float]):
    """A Gaussian spot of height 1."""
    return np.exp(-(((x - centre[0]) / radii[0]) ** 2) - ((y - centre[1]) / radii[1]) ** 2)


def to_linear(srgb):
    """Linear light of display values 0..1 (IEC 61966-2-1)."""
    srgb = np.asarray(srgb, float)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_display(linear) -> np.ndarray:
    """Display values uint8 of linear light, cut to the range 0..1."""
    linear = np.clip(linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (srgb * 255 + 0.5).astype(np.uint8)


def rgb(red: int, green: int, blue: int) -> np.ndarray:
    """A colour, given in display values 0..255, as linear light."""
    return to_linear(np.array([red, green, blue]) / 255)


def to_unit(vectors):
    """Vectors (..., 3) of length 1 in the same directions; zero stays zero."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def dot(vectors, direction):
    """Scalar products (n,) of vectors (n, 3) with one direction.

    Spelled out because a matrix product may round differently with another number of threads,
    and a picture must not depend on where it was rendered.
    """
    x, y, z = direction
    return vectors[:, 0] * x + vectors[:, 1] * y + vectors[:, 2] * z


def chosen(values: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Rows `here` (n,) of values (N, C) whose columns are kept apart, and of the result's too."""
    return values.T.take(here, 1).T


def blend(below, above, cover):
    """`above` painted over `below`, where cover is 0..1 for each point."""
    return below + (above - below) * np.asarray(cover)[..., None]


def layered_noise(random, shape, layers, dtype=np.float32) -> np.ndarray:
    """The sum of layers of noise: of each the deviation, and the radius of its lumps in texels."""
    total = np.zeros(shape, dtype)
    for share, radius in layers:
        white = random.standard_normal(shape, dtype=dtype)
        layer = gaussian_filter(white, radius, mode="wrap", truncate=3)
        total += share * layer / layer.std()
    return total


def smooth_noise(random, shape, scale: float, octaves: int = 3) -> np.ndarray:
    """Float32 noise of deviation 1 whose largest lumps are about `scale` texels wide."""
    layers = [(0.55**octave, max(scale / 2**octave, 0.5)) for octave in range(octaves)]
    total = layered_noise(random, shape, layers)
    return total / total.std()


def sample(image: np.ndarray, column, row, film=None) -> np.ndarray:
    """Bilinear samples (n, C) of an image (H, W, C) at texel coordinates, clamped at its border.

    The centre of the first texel is (0.5, 0.5). With `film` (n,), each sample is taken from that
    one of several images (films, H, W, C).
    """
    height, width, channels = image.shape[-3:]
    column = np.clip(column - 0.5, 0, width - 1.001).astype(np.float32)
    row = np.clip(row - 0.5, 0, height - 1.001).astype(np.float32)
    left, top = np.floor(column), np.floor(row)
    right_part, low_part = (column - left).astype(float), (row - top).astype(float)
    at = top.astype(np.intp) * width + left.astype(np.intp)
    if film is not None:
        at += film * (height * width)
    # Channel by channel, since numpy is far quicker along long rows.
    flat = np.ascontiguousarray(image.reshape(-1, channels).T)

    def between(left, right):
        edge, rise = flat.take(left, 1), flat.take(right, 1)
        rise -= edge
        return edge + rise * right_part

    upper, lower = between(at, at + 1), between(at + width, at + width + 1)
    lower -= upper
    lower *= low_part
    lower += upper
    return lower.T


def halve(image: np.ndarray) -> np.ndarray:
    """Mean over squares of 2 x 2 texels; (.., H, W, C) with H and W even."""
    rows = image[..., 0::2, :, :] + image[..., 1::2, :, :]
    return (rows[..., 0::2, :] + rows[..., 1::2, :]) * np.float32(0.25)
