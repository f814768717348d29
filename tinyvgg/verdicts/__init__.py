"""The claims of the paper, each with the rule that tests it.

The rules were written on 2026-11-22, after the first results of one seed were known and before
any other seed was measured; the rule of `layers` on 2026-11-28, before its study was run. Each
tests what the paper's own sentence asserts: a direction, an effect larger than that of other
pixels of the same number, or a value.
"""

from __future__ import annotations

from tinyvgg.verdicts import layers, pixels, training
from tinyvgg.verdicts.rules import Claim

WRITTEN = "2026-11-22"

CLAIMS: tuple[Claim, ...] = (
    training.accuracy("face"),
    training.accuracy("emotion"),
    training.overfit(),
    training.optimisers(),
    training.large_networks(),
    layers.avoided(),
    training.sad(),
    training.speed(),
    pixels.finds_pixels("printed"),
    pixels.finds_pixels("released"),
    pixels.sizes(),
    pixels.common(),
    pixels.patching(),
    pixels.unique(),
    pixels.table_3_rows(),
)
