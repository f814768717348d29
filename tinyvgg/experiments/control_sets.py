"""Control sets: as many other pixels of the same image as a set has.

Four of them: active pixels at random; at random with the same summed activation; the largest
activations; and the largest gradient x activation of the class in question. (The set backtracked
from another class is a fifth, and no control where it is the same set: `class_dependence`.)

All random sets come from one stream of random keys, a key for each pixel and draw. The random
set of n pixels is that of the n active pixels with the smallest keys, whatever n is for: so every
page that asks for the same set and draws gets the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tinyvgg.comparison import first_pixels
from tinyvgg.experiments.attributions import activation, gradient_x_activation, rank

RANDOM, MATCHED = "random", "random, same activation"
LARGEST, GRADIENT = "largest activations", "largest gradient x activation"
CONTROLS = (RANDOM, MATCHED, LARGEST, GRADIENT)
DRAWS = 50  # of random sets for each image, at least
SAMPLES = 4_000  # random sets over all images, at least: few images are drawn from more often
AT_ONCE = 256  # random sets that are evaluated at a time
STEPS = 28  # of the bisection, at most
STEEPEST = math.pi / 2 - 1e-9  # angle: equal activations are still ordered by their keys


def draws_for(images: int) -> int:
    """How many random sets are drawn from each of some images.

    The standard error that a mean of numbers from 0 to 1 then has is at most 0.5 / sqrt(4,000),
    below 0.01, the last digit that is printed of it.
    """
    return max(DRAWS, -(-SAMPLES // max(1, images)))


def fixed_control(name: str, net: nn.Module, maps: Tensor, target: Tensor, counts: Tensor):
    """The control that knows no chance: the first pixels by activation or by gradient.

    Parameters
    ----------
    name : {LARGEST, GRADIENT}
    net : nn.Module
    maps : Tensor, (B, C, h, w)
        The last feature maps.
    target : int64 Tensor, (B,)
        The class in question.
    counts : int Tensor, (B,)

    Returns
    -------
    bool Tensor, (B, C, h, w)
    """
    ranking = {LARGEST: activation, GRADIENT: gradient_x_activation}[name]
    return first_pixels(rank(ranking(net, maps, target), maps), counts, maps)


@dataclass(frozen=True, eq=False)
class Draws:
    """Some draws of random keys for the pixels of B images.

    Attributes
    ----------
    maps : Tensor, (B, C, h, w)
        The last feature maps; a pixel is active if it is above zero.
    keys : float64 array (D, B, C h w)
        Even between 0 and 1.
    place : int32 Tensor (D, B, C h w)
        The place of each pixel in the order of its image's keys, active pixels first.
    """

    maps: Tensor
    keys: np.ndarray
    place: Tensor

    def __len__(self) -> int:
        return len(self.keys)

    def random(self, pixels: Tensor) -> Tensor:
        """As many random active pixels as a set has, bool (D, B, C, h, w)."""
        active = self.maps.flatten(1) > 0
        counts = pixels.flatten(1).sum(dim=1, dtype=torch.int32)
        chosen = (self.place < counts[:, None]) & active
        return chosen.reshape(len(self), *self.maps.shape)

    def matched(self, pixels: Tensor) -> Tensor:
        """As many with nearly the same summed activation (see `matched_pixels`)."""
        return matched_pixels(self.maps, pixels, self.keys)

    def control(self, name: str, pixels: Tensor) -> Tensor:
        """One of the two by its name."""
        return {RANDOM: self.random, MATCHED: self.matched}[name](pixels)


def random_draws(maps: Tensor, draws: int, seed: int = 0) -> Iterator[Draws]:
    """The stream of random keys for some images, a few draws at a time.

    Parameters
    ----------
    maps : Tensor, (B, C, h, w)
        The last feature maps.
    draws : int
    seed : int
        Seeds the random number generator.
    """
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, got {draws!r}")
    if not len(maps):
        return
    generator = torch.Generator().manual_seed(seed)
    values = maps.flatten(1)
    step = max(1, AT_ONCE // len(maps))
    for start in range(0, draws, step):
        shape = (min(step, draws - start), *values.shape)
        keys = torch.rand(shape, generator=generator, dtype=torch.float64)
        order = keys.to(maps.device).masked_fill(values <= 0, 2).argsort(dim=2, stable=True)
        places = torch.arange(shape[2], dtype=torch.int32, device=maps.device)
        place = torch.empty(shape, dtype=torch.int32, device=maps.device)
        place.scatter_(2, order, places.expand(shape))
        yield Draws(maps, keys.numpy(), place)


def matched_pixels(maps: Tensor, pixels: Tensor, keys: np.ndarray) -> Tensor:
    """Draw as many active pixels as a set has, with nearly the same summed activation.

    Each active pixel r gets a number g_r of the standard Gumbel distribution, -log(-log(key)),
    and those pixels are taken whose g_r + t a_0[r] is largest. With t = 0 that is an even draw;
    the larger t, the more it prefers large activations, and the sum of those taken never falls.
    For each image, t is moved until the sum passes that of the given set by one exchange of two
    pixels, and the draw with the nearer sum is taken. So no pixel is preferred but for its
    activation, and the sum is met to within half of what one exchange changes. Pixels of the
    given set may be drawn, and are where there are few others as active.

    Parameters
    ----------
    maps : Tensor, (B, C, h, w)
        The last feature maps.
    pixels : bool Tensor, (B, C, h, w)
        The set to be matched; only its active pixels count.
    keys : float64 array (D, B, C h w)
        Of D draws, even between 0 and 1.

    Returns
    -------
    bool Tensor, (D, B, C, h, w)
    """
    a = maps.flatten(1).double().cpu().numpy()
    active = a > 0
    wanted = pixels.flatten(1).cpu().numpy() & active
    gumbel = -np.log(-np.log(np.clip(keys, 1e-300, 1 - 1e-16)))
    chosen = np.zeros(keys.shape, bool)
    for b in range(len(a)):
        (places,) = active[b].nonzero()
        count, total = int(wanted[b].sum()), float(a[b][wanted[b]].sum())
        chosen[:, b, places] = _taken(gumbel[:, b, places], a[b, places], count, total)
    return torch.from_numpy(chosen).reshape(len(keys), *maps.shape).to(maps.device)


def _taken(gumbel: np.ndarray, a: np.ndarray, count: int, total: float) -> np.ndarray:
    """Which `count` of n pixels are taken in each draw (D, n); their `a` sum to nearly `total`."""
    draws, n = gumbel.shape
    if count in (0, n):
        return np.full((draws, n), count > 0)

    def at(angle: np.ndarray, which: np.ndarray) -> np.ndarray:
        # cos(angle) (g + t a), with t = tan(angle): the same order, and finite at both ends
        scores = np.cos(angle)[:, None] * gumbel[which] + np.sin(angle)[:, None] * a
        mask = np.zeros(scores.shape, bool)
        first = np.argpartition(scores, n - count, axis=1)[:, n - count :]
        np.put_along_axis(mask, first, True, axis=1)
        return mask

    def sums(some: np.ndarray) -> np.ndarray:
        return np.where(some, a, 0).sum(axis=1)

    left = np.arange(draws)  # those that are not settled
    low, high = np.full(draws, -STEEPEST), np.full(draws, STEEPEST)
    below, above = at(low, left), at(high, left)  # the smallest and the largest activations
    for _ in range(STEPS):
        leaving, entering = below[left] & ~above[left], above[left] & ~below[left]
        apart, i, j = leaving.sum(axis=1), leaving.argmax(axis=1), entering.argmax(axis=1)
        further = (apart > 1) | ((apart == 1) & (a[j] > a[i]))
        left, one, i, j = (values[further] for values in (left, apart == 1, i, j))
        if not len(left):
            break
        middle = (low[left] + high[left]) / 2
        # where the two change places: unless a third comes between them, the end
        exchange = np.arctan2(gumbel[left, i] - gumbel[left, j], np.where(one, a[j] - a[i], 1))
        middle = np.where(one, exchange, middle)
        some = at(middle, left)
        ended = (some == below[left]).all(axis=1) | (some == above[left]).all(axis=1)
        goes_on = ~(one & ended)
        left, some, middle = left[goes_on], some[goes_on], middle[goes_on]
        lower = sums(some) <= total
        low[left[lower]], below[left[lower]] = middle[lower], some[lower]
        high[left[~lower]], above[left[~lower]] = middle[~lower], some[~lower]
    nearer = np.abs(sums(above) - total) < np.abs(sums(below) - total)
    return np.where(nearer[:, None], above, below)
