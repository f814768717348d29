"""Dense layers of several depths on the same feature maps: when is the printed algorithm selective?

The feature maps of a trained network stay fixed; only the dense layers above them are retrained.
The maps and their active pixels are therefore the same for all depths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tinyvgg.backtracking import Cut, backtrack_maps
from tinyvgg.comparison import random_pixels
from tinyvgg.experiments.batches import maps_of_rows
from tinyvgg.experiments.class_dependence import PRINTED, RELEASED, class_dependence
from tinyvgg.tracking import suppress_unchecked
from tinyvgg.training.device import threads

HEADS: Mapping[int, tuple[int, ...]] = {0: (), 1: (256,), 2: (512, 256), 3: (1024, 512, 256)}
STEPS, BATCH, LEARNING_RATE = 300, 48, 0.001
IMAGES = 50  # that are backtracked


class Headed(nn.Module):
    """The features of a network under other dense layers."""

    def __init__(self, features: nn.Module, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features, self.classifier = features, classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).flatten(1))


def train_head(
    pixels: Tensor, labels: Tensor, dense: Sequence[int], classes: int, seed: int = 0
) -> nn.Sequential:
    """Dense layers trained with Adam from Glorot initialization on given maps.

    Parameters
    ----------
    pixels : Tensor, (N, pixels)
        The flattened feature maps.
    labels : int64 Tensor, (N,)
    dense : sequence of int
        Units of the hidden layers, from the first to the last; empty for none.
    classes : int
    seed : int
        Of the initial weights and the order of the batches.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = [pixels.shape[1], *dense, classes]
    layers: list[nn.Module] = []
    for below, above in pairwise(sizes):
        linear = nn.Linear(below, above)
        nn.init.xavier_uniform_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    head = nn.Sequential(*layers[:-1]).to(pixels)
    optimiser = torch.optim.Adam(head.parameters(), lr=LEARNING_RATE)
    epochs = -(-STEPS * BATCH // len(pixels))
    order = torch.cat([torch.randperm(len(pixels), generator=generator) for _ in range(epochs)])
    for rows in order[: STEPS * BATCH].to(pixels.device).split(BATCH):
        optimiser.zero_grad(set_to_none=True)
        cross_entropy(head(pixels[rows]), labels[rows]).backward()
        optimiser.step()
    return head.eval().requires_grad_(False)


def compare_heads(study: Any, task: str) -> pd.DataFrame:
    """Heads of 0 to 3 hidden layers on the feature maps of a study's network; stored.

    Parameters
    ----------
    study : Study
    task : {"face", "emotion"}

    Returns
    -------
    DataFrame
        One row per head: hidden (layers), accuracy (of all test images); and of the traced ones,
        the same for all heads: images, active (pixels), printed and released (pixels selected),
        whole (share of images of which the printed algorithm selects every active pixel),
        printed_same and released_same (mean Jaccard index with the set of another class),
        before, without and random (mean probability of the predicted class with all pixels,
        without the released set, and without as many active ones drawn at random).
    """

    def make(_: Path) -> dict[str, Any]:
        with threads(1):  # so that it is the same everywhere
            return {"rows": _compare(study, task).to_dict("records")}

    recipe = {"recipe": study.recipe(task), "experiment": "heads"}
    return pd.DataFrame(study.store.get("heads", recipe, make)["rows"])


def _compare(study: Any, task: str) -> pd.DataFrame:
    net, split = study.network(task), study.split(task)
    train, test = (maps_of_rows(net, study.inputs, rows) for rows in (split.train, split.test))
    labels = torch.as_tensor(split.labels).to(train.device)
    some = np.random.default_rng(study.seed).permutation(len(test))[:IMAGES]
    rows = []
    for hidden, dense in HEADS.items():
        head = train_head(
            train.flatten(1), labels[split.train], dense, len(split.classes), study.seed
        )
        right = head(test.flatten(1)).argmax(dim=1) == labels[split.test]
        row = {"hidden": hidden, "accuracy": float(right.double().mean())}
        rows.append(row | measure_head(Headed(net.features, head), test[some], study.seed))
    return pd.DataFrame(rows)


def measure_head(net: nn.Module, maps: Tensor, seed: int = 0) -> dict[str, float]:
    """What the two readings of Algorithm 1 select of maps (N, C, h, w) under some dense layers."""
    trace = backtrack_maps(net, maps, cut=Cut())
    table = class_dependence(net, trace, Cut())
    own, others = table[table.traced], table[~table.traced]
    count = trace.pixels.flatten(1).sum(dim=1)
    drawn = random_pixels(maps, count, torch.Generator().manual_seed(seed))
    each = torch.arange(len(maps), device=maps.device)
    before, without, random = (
        float(suppress_unchecked(net, maps, pixels)[each, trace.target].double().mean())
        for pixels in (trace.pixels & False, trace.pixels, drawn)
    )
    return {
        "images": len(maps),
        "active": float(own.active.mean()),
        "printed": float(own.printed.mean()),
        "whole": float((own.printed == own.active).mean()),
        "printed_same": float(others[PRINTED].mean()),
        "released": float(count.double().mean()),
        "released_same": float(others[RELEASED].mean()),
        "before": before,
        "without": without,
        "random": random,
    }
