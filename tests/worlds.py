"""Random networks of many opinions, with outcomes of their images: pairs for the tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from networks import random_images, random_tiny
from torch import Tensor, nn

from tinyvgg import Study
from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.pairs import TwinPairs, correct_pairs, pair_twins
from tinyvgg.runs.profiles import get_profile
from tinyvgg.storage.store import Store

GAZES = ("frontal", "left", "right")
CLASSES = [f"class {k}" for k in range(5)]
CUT = Cut(0.0, 70)  # leaves pixels of every kind in the pairs of the random world


class World(NamedTuple):
    """A network, its outcomes, and its inputs by row number: what `pair_twins` asks for."""

    net: nn.Module
    outcomes: pd.DataFrame
    inputs: Callable[[np.ndarray], Tensor]


class Pairs(NamedTuple):
    """The pairs of a random world, by the kind of the first image."""

    misclassified: TwinPairs
    correct: TwinPairs
    nobody: TwinPairs  # there is no misclassified image
    printed: TwinPairs  # the misclassified ones, traced without the cut


@cache
def random_pairs(cut: Cut = CUT) -> Pairs:
    """The pairs of `random_world()`, by a cut."""
    return pairs_of(random_world(), cut)


def pairs_of(world: World, cut: Cut) -> Pairs:
    """The pairs of a world, by a cut."""
    net, outcomes, inputs = world
    wrong = pair_twins(*world, cut=cut)
    return Pairs(
        wrong,
        correct_pairs(*world, len(wrong), cut=cut),
        pair_twins(net, outcomes.assign(correct=True), inputs, cut),
        pair_twins(*world, cut=None),
    )


def jaccard_of(one: Tensor, two: Tensor) -> float:
    """Jaccard index of two sets of pixels, as Python's sets count it."""
    first, second = (set(np.flatnonzero(np.asarray(some).ravel())) for some in (one, two))
    return len(first & second) / len(first | second) if first | second else 1.0


@cache
def random_world(image_size: int = 16, scale: float = 1.0) -> World:
    """A network, its outcomes of three images of each person, and their inputs by row number.

    Each person is who the first image is taken for, so that some images are misclassified and
    most of those have a twin. Contributions to the first dense layer are `scale` times as large,
    and logits the same. It is made once: change copies only.
    """
    seed, images = 3, 30
    net = random_tiny(seed, image_size=image_size)
    pictures = random_images(seed, images, image_size)
    first, second = net.classifier[0], net.classifier[2]
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.mul_(scale)
        second.weight.div_(scale)
    output = net.classifier[-1]
    with torch.no_grad():
        output.bias -= net(pictures).mean(dim=0)
        for parameter in output.parameters():
            parameter.mul_(100)
    probabilities = backtrack(net, pictures).probabilities
    predicted = probabilities.argmax(dim=1).numpy()
    each = np.arange(images)
    subjects = each // 3
    true = predicted[3 * subjects]
    outcomes = pd.DataFrame(
        {
            "row": each,
            "subject": subjects,
            "angle": 90,
            "emotion": "sad",
            "gaze": [GAZES[k % 3] for k in each],
            "true": true,
            "predicted": predicted,
            "true_name": [CLASSES[k] for k in true],
            "predicted_name": [CLASSES[k] for k in predicted],
            "correct": true == predicted,
            "confidence": probabilities.max(dim=1).values.numpy(),
        }
    )

    def inputs(rows):
        return pictures[torch.as_tensor(np.array(rows, int))]

    return World(net, outcomes, inputs)


def with_a_mistake_alone(world: World) -> World:
    """The same world, but its last image is misclassified and has no twin."""
    outcomes = world.outcomes.copy()
    last = outcomes.index[-1]
    wrong = (outcomes.predicted[last] + 1) % len(CLASSES)
    alone = {"subject": 10, "true": wrong, "true_name": CLASSES[wrong], "correct": False}
    for column, value in alone.items():
        outcomes.loc[last, column] = value
    return world._replace(outcomes=outcomes)


def random_keys(maps: Tensor, draws: int, seed: int = 0) -> list[np.ndarray]:
    """The stream of keys as it is defined: one for each draw, image and pixel, in this order."""
    generator = torch.Generator().manual_seed(seed)
    shape = len(maps), maps[0].numel()
    return [
        torch.rand(shape, generator=generator, dtype=torch.float64).numpy() for _ in range(draws)
    ]


def first_by_key(maps: Tensor, pixels: Tensor, keys: np.ndarray) -> Tensor:
    """The active pixels of each image with the smallest keys, as many as a set has."""
    chosen = torch.zeros_like(pixels)
    for b in range(len(maps)):
        active = [r for r, a in enumerate(maps[b].flatten().tolist()) if a > 0]
        for r in sorted(active, key=lambda r: keys[b, r])[: int(pixels[b].sum())]:
            chosen[b].view(-1)[r] = True
    return chosen


def smoke_study() -> Study:
    """Two networks trained so little that they make mistakes; only faces are learnt a little.

    The network for emotions sees the same emotion everywhere, so that its mistakes have no twins.
    """
    return Study("smoke", epochs=4, optimiser="adam", learning_rate=0.001, progress=False)


class WorldStudy:
    """What experiments ask of a study, answered by a random world.

    Its images are larger than the others', and the released cut leaves pixels of every kind.

    Parameters
    ----------
    store : Store
    nobody : bool
        Whether every image is classified correctly.
    seed : int
        The network with seed 1 is in the store beside that of the study itself.
    """

    tasks = ("face", "emotion")
    profile = get_profile("default")

    def __init__(self, store: Store, nobody: bool = False, seed: int = 3):
        self.store, self.nobody, self.seed = store, nobody, seed
        self.trained = 0  # how often the network was asked for
        self.world = with_a_mistake_alone(random_world(32, 8.0))
        table = self.world.outcomes
        self.faces = SimpleNamespace(table=table)
        self.table = table.assign(correct=True, true=table.predicted) if nobody else table

    def network(self, task: str) -> nn.Module:
        self.trained += 1
        return self.world.net

    def outcomes(self, task: str) -> pd.DataFrame:
        return self.table

    def inputs(self, rows: np.ndarray) -> Tensor:
        return self.world.inputs(rows)

    def history(self, task: str) -> pd.DataFrame:
        return pd.DataFrame({"train_error": [0.5, 0.25], "images_per_second": [30.0, 50.0]})

    def split(self, task: str) -> SimpleNamespace:
        test = np.arange(10 * (self.seed != 3), 30)
        return SimpleNamespace(train=np.arange(20), test=test, classes=CLASSES)

    def variant(self, seed: int) -> WorldStudy:
        return WorldStudy(self.store, self.nobody, seed)

    def is_trained(self, task: str) -> bool:
        return self.seed == 1

    def recipe(self, task: str) -> dict[str, Any]:
        return {"task": task, "nobody": self.nobody, "seed": self.seed}
