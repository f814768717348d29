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

from tinyvgg.experiments.attributions import activation, first_pixels, gradient_x_activation, rank

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
        some = [matched_pixels(self.maps, pixels, keys) for keys in self.keys]
        return torch.stack(some)

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
    keys : float64 array (B, C h w)
        Even between 0 and 1.

    Returns
    -------
    bool Tensor, (B, C, h, w)
    """
    a = maps.flatten(1).double().cpu().numpy()
    active = a > 0
    wanted = pixels.flatten(1).cpu().numpy() & active
    gumbel = -np.log(-np.log(np.clip(keys, 1e-300, 1 - 1e-16)))
    chosen = np.zeros_like(active)
    for b in range(len(a)):
        (places,) = active[b].nonzero()
        count, total = int(wanted[b].sum()), float(a[b][wanted[b]].sum())
        chosen[b, places] = _taken(gumbel[b, places], a[b, places], count, total)
    return torch.from_numpy(chosen).reshape(maps.shape).to(maps.device)


def _taken(gumbel: np.ndarray, a: np.ndarray, count: int, total: float) -> np.ndarray:
    """Which `count` of some pixels are taken, as a mask; their `a` sum to nearly `total`."""
    if count in (0, len(a)):
        return np.full(len(a), count > 0)

    def at(angle: float) -> np.ndarray:
        # cos(angle) (g + t a), with t = tan(angle): the same order, and finite at both ends
        scores = math.cos(angle) * gumbel + math.sin(angle) * a
        mask = np.zeros(len(a), bool)
        mask[np.argpartition(scores, len(a) - count)[len(a) - count :]] = True
        return mask

    low, high = -STEEPEST, STEEPEST
    below, above = at(low), at(high)  # the smallest and the largest activations
    for _ in range(STEPS):
        middle = (low + high) / 2
        (leaving,), (entering,) = (below & ~above).nonzero(), (above & ~below).nonzero()
        apart = len(leaving)
        if apart == 0 or (apart == 1 and a[entering[0]] <= a[leaving[0]]):
            break
        if apart == 1:  # where the two change places: unless a third comes between them, the end
            i, j = leaving[0], entering[0]
            middle = math.atan((gumbel[i] - gumbel[j]) / (a[j] - a[i]))
        some = at(middle)
        if apart == 1 and ((some == below).all() or (some == above).all()):
            break
        if a @ some <= total:
            low, below = middle, some
        else:
            high, above = middle, some
    return min(below, above, key=lambda some: abs(a @ some - total))
