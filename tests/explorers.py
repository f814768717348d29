"""Small explorers that the tests share: a random network, pictures, and labels."""

from __future__ import annotations

import base64
import json

import numpy as np
import torch
from networks import random_tiny
from torch import nn

from tinyvgg import as_input, backtrack
from tinyvgg.explorer import Session

CLASSES = ["ant", "bee", "cow", "doe", "eel", "fox"]
OPEN = {"floor": 0.0, "percentile": 60.0}  # a cut that leaves something of a random network


def pictures_of(seed: int, count: int, size: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def world(seed: int = 0, net: nn.Module | None = None, size: int = 16, count: int = 24):
    """A network, pictures, and labels of which about a third are not what it predicts.

    The network's output is shifted so that its predictions differ, and so that it never predicts
    the last class: a picture of that class has no twin.
    """
    images = pictures_of(seed, count, size)
    net = random_tiny(seed, num_classes=len(CLASSES)) if net is None else net
    with torch.no_grad():
        net.classifier[-1].bias -= backtrack(net, as_input(images)).logits.mean(0)
        net.classifier[-1].bias[-1] -= 100
    labels = backtrack(net, as_input(images)).logits.argmax(1).numpy()
    labels[::3] = labels[1::3][: len(labels[::3])]  # those of their neighbours, which are right
    labels[3] = net.classifier[-1].out_features - 1
    return net, images, labels


def of(small, kind=Session):
    """An explorer of such a world."""
    net, images, labels = small
    return kind(net, images, labels, CLASSES)


def opened(seed: int = 0) -> Session:
    """A session of such a world, with a cut that leaves something."""
    session = of(world(seed))
    session.choose(**OPEN)
    return session


def lonely_case(session) -> int:
    return next(row for row, case in session.cases.items() if case.twin is None)


def link_of(values: object = None, **entries: object) -> str:
    """The text of a link that holds any JSON."""
    text = json.dumps(entries if values is None else values)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


DAMAGED_LINKS = [
    "",
    "task=face&case=3",
    "nonsense",
    "A*",
    link_of(task="face", case=3)[:-3],
    link_of([1]),
    link_of(3),
    link_of("face"),
    base64.urlsafe_b64encode(b'{"task": "\xe4"}').decode(),
    link_of(case=3),
    link_of(task="face"),
    link_of(task="face", case=3, size=1, colour="red"),
    link_of(task="face", case=3, __proto__=1),
    link_of(task="face", case=3, constructor=1),
    link_of(task="face", case=3, pixel_set="hand"),
    link_of(task="face", case=3, by_hand="Bw"),
    link_of(task="face", case=3, pixel_set="hand", by_hand=None),
    link_of(task="face", case=3, pixel_set="hand", by_hand=5),
    link_of(task="face", case=3, pixel_set="hand", by_hand="B*"),
    link_of(task=7, case=3),
    link_of(task=None, case=3),
    *(link_of(task="face", case=case) for case in (-3, 3.5, "3", None, True, [3], 2**60)),
    link_of(task="face", case=3, draw=99999999999999999999),
    link_of(task="face", case=3, random=False),
    link_of(task="face", case=3, printed=1),
    link_of(task="face", case=3, floor="low"),
    link_of(task="face", case=3, floor=float("nan")),
    link_of(task="face", case=3, floor=float("inf")),
    link_of(task="face", case=3, percentile=-1),
    link_of(task="face", case=3, percentile=True),
    link_of(task="face", case=3, strongest=None),
    link_of(task="face", case=3, target=["sad"]),
    link_of(task="face", case=3, pixel_set={}),
    link_of(task="face", case=3) + "=",
    link_of(task="face", case=3) + "\n",
    "\u00e9",
]
