"""The inception layer, which the paper avoids: branches of several sizes, side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Inception(nn.Module):
    """Branches of 1x1, 3x3 and 5x5 convolutions and of max-pooling, joined by concatenation.

    Of the maps, the branches give a quarter, a half, an eighth and an eighth; the larger two
    begin with a 1x1 convolution to three quarters and to a half as many. These are the shares of
    the first inception layer (3a) of GoogLeNet (Szegedy et al. 2014, Table 1).

    Parameters
    ----------
    channels : int
        Maps that it is given.
    maps : int
        Maps that it gives, a multiple of 16.
    """

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        if maps < 16 or maps % 16:
            raise ValueError(f"an inception layer gives a positive multiple of 16 maps, got {maps}")
        half, eighth = maps // 2, maps // 8
        self.one = _convolutions(channels, {1: maps // 4})
        self.three = _convolutions(channels, {1: 3 * half // 4, 3: half})
        self.five = _convolutions(channels, {1: eighth // 2, 5: eighth})
        pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.pooled = nn.Sequential(pool, *_convolutions(channels, {1: eighth}))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, maps, h, w) of maps (B, channels, h, w)."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


def _convolutions(channels: int, maps: dict[int, int]) -> nn.Sequential:
    """Convolutions, by the size of their kernels, that keep the size of the maps; each a ReLU."""
    layers: list[nn.Module] = []
    for kernel, given in maps.items():
        layers += [nn.Conv2d(channels, given, kernel, padding=kernel // 2), nn.ReLU()]
        channels = given
    return nn.Sequential(*layers)
