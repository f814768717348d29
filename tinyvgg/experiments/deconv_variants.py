"""What the deconvolution leaves open, measured: ties in max-pooling, and its eight variants."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.deconv import BIASES, TIES, Recording, deconvolve, record
from tinyvgg.layers import feature_nodes


class Variant(NamedTuple):
    """The options of `deconvolve`; the defaults are those of the released code."""

    bias: str = "previous"
    ties: str = "all"
    rectify: bool = True


RELEASED = Variant()
VARIANTS = tuple(Variant(*options) for options in product(BIASES, TIES, (True, False)))


def deconvolve_variants(features: nn.Sequential, recording: Recording) -> dict[Variant, Tensor]:
    """The pictures (B, 3, H, W) that each of the eight variants of the deconvolution gives."""
    return {way: deconvolve(features, recording, **way._asdict()) for way in VARIANTS}


def variant_changes(pictures: Mapping[Variant, Tensor]) -> pd.DataFrame:
    """How far the pictures move when one option is changed and the others stay.

    Parameters
    ----------
    pictures : mapping of Variant to Tensor (B, 3, H, W)
        As `deconvolve_variants` gives them.

    Returns
    -------
    DataFrame
        For each option, the change from the released code's pictures: `option`, `released`,
        `other`; `mean`, `least` and `most` of the relative distance over the images, that is
        ||other - released|| / ||released|| (L2); and `correlation`, the mean over the images of
        the correlation of the two pictures, which a mere change of scale leaves at 1. NaN where
        a picture is constant.
    """
    rows = []
    base = pictures[RELEASED].flatten(1).double()
    for option in ("ties", "bias", "rectify"):
        (other,) = (
            variant
            for variant in pictures
            if variant != RELEASED
            and variant._replace(**{option: getattr(RELEASED, option)}) == RELEASED
        )
        values = pictures[other].flatten(1).double()
        distance = (values - base).norm(dim=1) / base.norm(dim=1)
        rows.append(
            {
                "option": option,
                "released": getattr(RELEASED, option),
                "other": getattr(other, option),
                "mean": distance.mean().item(),
                "least": distance.min().item(),
                "most": distance.max().item(),
                "correlation": _correlation(values, base).mean().item(),
            }
        )
    return pd.DataFrame(rows)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    return (a * b).sum(dim=1) / (a.norm(dim=1) * b.norm(dim=1))


@torch.no_grad()
def count_ties(features: nn.Sequential, images: Tensor) -> pd.DataFrame:
    """How many pooling windows have more than one maximum.

    Parameters
    ----------
    features : nn.Sequential
    images : float Tensor, (B, C, H, W)

    Returns
    -------
    DataFrame
        A row a max-pooling layer, in forward order: `pool` (1, 2, ...), `windows` (of all
        images and maps), `tied` (those whose maximum occurs more than once), and `zero` (those
        of the tied in which the maximum is zero).
    """
    layers, rows = [node.layer for node in feature_nodes(features)], []
    recording = record(features, images)
    ends = [number for number, layer in enumerate(layers, 1) if isinstance(layer, nn.MaxPool2d)]
    for pool, (end, switches) in enumerate(zip(ends, recording.switches, strict=True), 1):
        pooled = record(nn.Sequential(*layers[:end]), images).maps
        tied = switches.sum(dim=-3) > 1
        rows.append(
            {
                "pool": pool,
                "windows": tied.numel(),
                "tied": int(tied.sum()),
                "zero": int((tied & (pooled == 0)).sum()),
            }
        )
    return pd.DataFrame(rows)
