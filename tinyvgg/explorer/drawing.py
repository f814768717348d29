"""Pixels drawn at random, the same in Python and in the page: no generator, only a hash."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(maps: Tensor, count: int, draw: int) -> Tensor:
    """Draw active pixels of one image at random: the control for a set of the same size.

    Pixels are drawn in the order of a hash of their number and of the draw's, so that a draw of
    fewer pixels is a part of a draw of more.

    Parameters
    ----------
    maps : Tensor, (1, C, h, w)
        The last feature maps; a pixel is active if it is above zero.
    count : int
        How many pixels to draw; all active ones if there are no more.
    draw : int
        Number of the draw, 0 or more.

    Returns
    -------
    bool Tensor, (1, C, h, w)
    """
    active = (maps.flatten() > 0).nonzero().flatten()
    lots = scrambled(active ^ scrambled(torch.tensor(draw % 2**32, device=maps.device)))
    chosen = torch.zeros(maps.numel(), dtype=torch.bool, device=maps.device)
    chosen[active[lots.argsort()[:count]]] = True
    return chosen.reshape(maps.shape)


def scrambled(numbers: Tensor) -> Tensor:
    """Whole numbers of 32 bits, int64, mixed up: no two give the same.

    The last step of MurmurHash3 (https://github.com/aappleby/smhasher, public domain).
    """
    low = 2**32 - 1
    numbers = ((numbers ^ (numbers >> 16)) * 0x85EBCA6B) & low
    numbers = ((numbers ^ (numbers >> 13)) * 0xC2B2AE35) & low
    return numbers ^ (numbers >> 16)
