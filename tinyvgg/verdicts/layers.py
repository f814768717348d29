"""The claim about layers: those that the paper avoids for the sake of the pictures."""

from __future__ import annotations

from tinyvgg.experiments.avoided_layers import AVOIDED
from tinyvgg.verdicts.rules import Claim, Part, Quantity

WRITTEN = "2026-11-28"
APPEAL = {"edges": "keep more of the faces' edges", "sharpness": "are sharper"}


def avoided() -> Claim:
    parts, quantities = [], []
    for layers, name in AVOIDED.items():
        learnt = Part(
            f"the networks with max-pooling and with {layers} get at least half of the test "
            "images right",
            f"learnt_{name}",
            "at least",
            0.5,
        )
        for measure, words in APPEAL.items():
            key = f"{measure}_over_{name}"
            parts.append(
                Part(
                    f"deconvolved pictures of the network with max-pooling {words} than those of "
                    f"the network with {layers} (the interval of the difference is above zero)",
                    key,
                    provided=learnt,
                )
            )
            label = f"{measure}, max-pooling less {layers}"
            quantities.append(Quantity(key, label, "", mark=0.0, digits=3))
        quantities.append(Quantity(learnt.key, f"right, the poorer network ({layers})"))
    return Claim(
        "avoided-layers",
        "Average pooling and inception deconvolve badly",
        "The average-pooling layer and the inception layer do not yield visually appealing results "
        "in deconvolution.",
        'Section "Discussion and future work"',
        "asserted, without a figure",
        tuple(parts),
        tuple(quantities),
        "15_discussion",
        "layers-that-are-avoided",
        "Edges: correlation of the gradient magnitudes of picture and face. Sharpness: one less "
        "the blur metric of Crete et al. (2007). Whether this is what appeals is for the reader to "
        f"say; the rule was written on {WRITTEN}, before the study had been run.",
    )
