"""The look of hair close up: light and dark strands, where a lock frays, and its colour."""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import gaussian_filter

from tinyvgg.faces.synthetic.paint import ramp, sample, stream

ROWS, COLUMNS = 48, 1024  # of the strand texture: along and across the hairs
DULLNESS = 0.9  # hair in bulk looks less colourful than a single hair
SHADE = 0.80
CONTRAST = 0.22  # of single strands
FINEST = 110.0  # pixels per dm below which single strands blur into the lock
ROOT_TONE, TIP_TONE = 0.80, 1.12


@functools.lru_cache(maxsize=1)
def strand_texture() -> np.ndarray:
    """Float32 (ROWS, COLUMNS, 1), evenly spread over 0..1, the same for everybody."""
    random = stream("strands")
    total = np.zeros((ROWS, COLUMNS))
    for share, along, across in ((1.0, 16, 0.6), (0.55, 16, 2.4)):
        layer = gaussian_filter(
            random.standard_normal((ROWS, COLUMNS)), (along, across), mode="wrap", truncate=3
        )
        total += share * layer / layer.std()
    even = np.empty(total.size)
    even[np.argsort(total, axis=None)] = np.arange(1, total.size + 1) / total.size
    return even.reshape(*total.shape, 1).astype(np.float32)


def strand_at(column, along) -> np.ndarray:
    """Strand values 0..1 (n,) at columns of the texture and shares 0..1 of the way down."""
    column = column - COLUMNS * np.floor(column / COLUMNS)  # ten times faster than a remainder
    return sample(strand_texture(), column + 0.5, along * ROWS)[:, 0]


def is_frayed(layout: np.ndarray) -> np.ndarray:
    """Which points of locks are gaps between strands.

    `layout` (n, 3) holds the column in the strand texture, the place across the lock -1..1,
    and the share of the way down.
    """
    column, across, along = layout.T
    thin = 0.95 * ramp(along, 0.15, 1.03) + 0.5 * ramp(np.abs(across), 0.6, 1.1)
    return strand_at(column, along) < thin + 0.75 * ramp(along, 0.15, -0.03)


def hair_colour(colour, strand, tone, pixels_per_dm: float) -> np.ndarray:
    """Linear light (n, 3) of strands 0..1 whose lock has the given tone (n,), 1 on average."""
    grey = colour.mean()
    bulk = (grey + (colour - grey) * DULLNESS) * SHADE
    contrast = CONTRAST * min(1.0, pixels_per_dm / FINEST)
    light = tone * (1 + contrast * (2 * strand - 1))
    return np.clip(bulk * light[..., None], 0.004, 1).astype(np.float32)
