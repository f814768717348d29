"""The claim about the layers that the paper avoids because they deconvolve poorly."""

from __future__ import annotations

from tinyvgg.experiments.avoided_layers import AVOIDED
from tinyvgg.verdicts.rules import Claim, Part, Quantity

WRITTEN = "2026-11-28"
APPEAL = {"edges": "preserve more edges of the face", "sharpness": "are sharper"}


def avoided() -> Claim:
    parts, quantities = [], []
    for layers, name in AVOIDED.items():
        learnt = Part(
            f"the networks with max-pooling and with {layers} classify at least half of the test "
            "images correctly",
            f"learnt_{name}",
            "at least",
            0.5,
        )
        for measure, words in APPEAL.items():
            key = f"{measure}_over_{name}"
            parts.append(
                Part(
                    f"the deconvolved images of the network with max-pooling {words} than those of "
                    f"the network with {layers} (95 % interval of the difference above zero)",
                    key,
                    provided=learnt,
                )
            )
            label = f"{measure}, max-pooling minus {layers}"
            quantities.append(Quantity(key, label, "", mark=0.0, digits=3))
        quantities.append(Quantity(learnt.key, f"accuracy, lower of max-pooling and {layers}"))
    return Claim(
        "avoided-layers",
        "Average pooling and inception deconvolve poorly",
        "Average-pooling and inception layers do not yield visually appealing results in "
        "deconvolution.",
        'Section "Discussion and future work"',
        "stated, no number",
        tuple(parts),
        tuple(quantities),
        "15_discussion",
        "avoided-layers",
        "Edges are measured as the correlation between the gradient magnitudes of the deconvolved "
        "image and of the face, sharpness as one minus the blur metric of Crete et al. (2007). "
        "Readers must judge for themselves whether these capture visual appeal. The rule was "
        f"written on {WRITTEN}, before the study was run.",
    )
