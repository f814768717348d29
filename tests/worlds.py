"""Random networks of many opinions, with outcomes of their images: pairs for the tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from networks import random_images, random_tiny
from torch import Tensor, nn

from tinyvgg.backtracking import backtrack

GAZES = ("frontal", "left", "right")
CLASSES = [f"class {k}" for k in range(5)]


def random_world(
    seed: int = 3, images: int = 30, dense: tuple[int, ...] = (24, 16, 12)
) -> tuple[nn.Module, pd.DataFrame, Callable[[np.ndarray], Tensor]]:
    """A network, its outcomes of three images of each person, and their inputs by row number.

    Each person is who the first image is taken for, so that some images are misclassified and
    most of those have a twin.
    """
    net, pictures = random_tiny(seed, dense), random_images(seed, batch=images)
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

    return net, outcomes, inputs
