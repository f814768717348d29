"""A control that matches activation as well as number: drawn sets of nearly the same sum."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

STEPS = 28  # of the bisection of the angle


def matched_pixels(maps: Tensor, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw as many active pixels as a set has, with nearly the same summed activation.

    Each active pixel r draws a number g_r of the standard Gumbel distribution, and those pixels
    are taken whose g_r + t a_0[r] is largest. With t = 0 that is an even draw; the larger t, the
    more it prefers large activations, and the sum of those taken never falls. For each image, t
    is the number at which the sum passes that of the given set; of the two draws on either side
    of it, the one with the nearer sum is taken. So no pixel is preferred but for its activation,
    and the sum is met to within half of what one exchange of two pixels changes. Pixels of the
    given set may be drawn, and are where there are few others as active.

    Parameters
    ----------
    maps : Tensor, (B, C, h, w)
        The last feature maps; a pixel is active if it is above zero.
    pixels : bool Tensor, (B, C, h, w)
        The set to be matched; only its active pixels count.
    generator : torch.Generator
        The only source of chance.

    Returns
    -------
    bool Tensor, (B, C, h, w)
    """
    a = maps.flatten(1).double().cpu().numpy()
    active = a > 0
    wanted = pixels.flatten(1).cpu().numpy() & active
    chosen = np.zeros_like(active)
    lots = torch.rand(a.shape, generator=generator, dtype=torch.float64).numpy()
    for b in range(len(a)):
        (places,) = active[b].nonzero()
        gumbel = -np.log(-np.log(np.clip(lots[b, places], 1e-300, 1 - 1e-16)))
        count, total = int(wanted[b].sum()), float(a[b][wanted[b]].sum())
        chosen[b, places[_taken(gumbel, a[b, places], count, total)]] = True
    return torch.from_numpy(chosen).reshape(maps.shape).to(maps.device)


def _taken(gumbel: np.ndarray, a: np.ndarray, count: int, total: float) -> np.ndarray:
    """Which `count` of some pixels are taken, as places; their `a` sum to nearly `total`."""
    if count in (0, len(a)):
        return np.arange(count)

    def at(angle: float) -> np.ndarray:
        # cos(angle) (g + t a), with t = tan(angle): the same order, and finite at both ends
        return np.argpartition(-math.cos(angle) * gumbel - math.sin(angle) * a, count - 1)[:count]

    low, high = -math.pi / 2, math.pi / 2
    below, above = at(low), at(high)  # the smallest and the largest activations
    for _ in range(STEPS):
        middle = (low + high) / 2
        some = at(middle)
        if a[some].sum() <= total:
            low, below = middle, some
        else:
            high, above = middle, some
    return min(below, above, key=lambda some: abs(a[some].sum() - total))
