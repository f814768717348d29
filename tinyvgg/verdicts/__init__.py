"""The claims of the paper on trial: each with the rule that judges it.

The rules were written on 2026-11-22, when first results of one seed had been seen and no other
seed had been measured; that of `layers` on 2026-11-28, before its study had been run. They ask
for what the paper's own sentence asserts: a direction, more than the same number of other pixels
does, or a figure.
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
