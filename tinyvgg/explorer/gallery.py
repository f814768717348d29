"""The cases of a network that an explorer shows, each with its twin if it has one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.adapted.network import as_network, check_classes
from tinyvgg.comparison import find_twins
from tinyvgg.experiments.pairs import twin_labels, twins_of
from tinyvgg.explorer.training import Training, as_rgb, check_labels, training_of
from tinyvgg.faces.labels import listed
from tinyvgg.forward import checked_maps
from tinyvgg.layers import check_network, dense_pass, feature_maps_of, unwrapped
from tinyvgg.model import as_input
from tinyvgg.runs.study import Study

CORRECT_CASES = 60  # shown if there is no mistake
NOUNS = {"face": "subject ", "emotion": ""}  # what stands before the name of a class
BATCH = 32


@dataclass(frozen=True)
class Case:
    """A picture to explore.

    Attributes
    ----------
    row : int
        Of the images.
    twin : int or None
        Row of its twin: a correctly classified picture that resembles it.
    shows : str
        What the picture shows, in words.
    true, predicted : int
        Class numbers.
    confidence : float
        The probability of the predicted class.
    caption : str
        The case in one line.
    why_no_twin : str
        A sentence, empty if there is a twin.
    """

    row: int
    twin: int | None
    shows: str
    true: int
    predicted: int
    confidence: float
    caption: str
    why_no_twin: str = ""


@dataclass(frozen=True, eq=False)
class Gallery:
    """A network, pictures, and the cases among them.

    Attributes
    ----------
    task : str
    net : nn.Module
        A supported network (see `tinyvgg.layers`), or one that `as_network` adapted.
    images : uint8 array (N, H, W, C)
    classes : list of str
    cases : dict of int to Case
        By row. The mistakes, the most confident first; if there are none, correctly classified
        pictures, the least confident first.
    shown : dict of int to str
        What a twin shows, by row.
    training : Training or None
        What the network was trained on, if that is known.
    """

    task: str
    net: nn.Module
    images: np.ndarray
    classes: list[str]
    cases: dict[int, Case]
    shown: dict[int, str]
    training: Training | None = None

    @property
    def first(self) -> Case:
        """The case to begin with: the first with a twin, if there is one."""
        cases = list(self.cases.values())
        return next((case for case in cases if case.twin is not None), cases[0])

    def input(self, row: int) -> Tensor:
        """A picture as input of the network, (1, C, H, W)."""
        here = next(self.net.parameters()).device
        return as_input(self.images[row : row + 1], network=self.net).to(here)

    def picture(self, row: int) -> np.ndarray:
        """A picture to be shown, uint8 (H, W, 3); other channels than RGB as their mean, grey."""
        return as_rgb(self.images[row])

    def say(self, number: int) -> str:
        """The name of a class in a sentence."""
        return say(self.classes[number], self.task)


def say(name: str, task: str) -> str:
    """A class in a sentence: "subject 12", "sad"."""
    return f"{NOUNS.get(task, '')}{name}" if name.isdigit() else name


def study_gallery(study: Study, task: str) -> Gallery:
    """The cases of a study: what its network gets wrong, with the twins of `twins_of`."""
    table = study.outcomes(task)
    twins = twins_of(table, study.inputs)
    labels = listed(label for label in twin_labels(table)[0] if label != "true") or "class"
    alone = f"It has no twin: no other test image of the same {labels} is classified correctly."
    split = study.split(task)
    classes = split.classes
    shown = {int(row.row): describe(row) for row in table.itertuples()}
    cases = list_cases(table, twins, shown, [say(name, task) for name in classes], alone)
    training = Training(study.faces.images, split.train, split.labels[split.train])
    return Gallery(task, study.network(task), study.faces.images, classes, cases, shown, training)


def gallery_of(
    net: nn.Module,
    images: np.ndarray,
    labels: Iterable[int],
    classes: Sequence[str],
    task: str = "pictures",
    training: tuple[np.ndarray, Iterable[int]] | None = None,
) -> Gallery:
    """The cases of any supported network on given pictures.

    A twin is the correctly classified picture of the same class with the highest confidence.

    Parameters
    ----------
    net : nn.Module
        It is compared with its own forward pass on these pictures.
    images : uint8 array (N, H, W, C)
        (N, H, W) for a network of grey pictures.
    labels : integers (N,)
        The true class of each picture.
    classes : sequence of str
        A name for each output of the network.
    task : str
        A name for the whole.
    training : (uint8 array (M, H, W, C), integers (M,)), optional
        The images that trained the network, and the true class of each.
    """
    net = _plain(net, np.asarray(images))
    _, linears = check_network(net)
    images, labels = np.asarray(images), np.asarray(labels)
    classes = check_classes(classes, linears[-1].out_features)
    if images.ndim == 3:
        images = images[..., None]
    check_labels(labels, len(images), len(classes))
    logits = logits_of(net, images, BATCH, checked=True)
    probabilities = logits.softmax(1).double().cpu().numpy()
    predicted = probabilities.argmax(1)
    table = pd.DataFrame(
        {
            "row": np.arange(len(images)),
            "true": labels,
            "predicted": predicted,
            "confidence": probabilities.max(1),
            "correct": predicted == labels,
        }
    )
    alone = "It has no twin: no image of the same class is classified correctly."
    shown = {row: f"image {row}, {say(classes[label], task)}" for row, label in enumerate(labels)}
    cases = list_cases(
        table, find_twins(table, ["true"], ()), shown, [say(c, task) for c in classes], alone
    )
    trained = None if training is None else training_of(training, images, len(classes))
    return Gallery(task, net, images, classes, cases, shown, trained)


def _plain(net: nn.Module, images: np.ndarray) -> nn.Module:
    """A network without a wrapper, and adapted if its weights are computed (as by pruning)."""
    nodes, linears = check_network(net)
    net = unwrapped(net)
    weights = [layer.weight for layer, _ in nodes if isinstance(layer, nn.Conv2d)]
    weights += [dense.linear.weight for dense in linears]
    if all(isinstance(weight, nn.Parameter) for weight in weights):
        return net
    return as_network(net, as_input(images[:BATCH], network=net))


def list_cases(
    table: pd.DataFrame, twins: pd.DataFrame, shown: dict[int, str], names: list[str], alone: str
) -> dict[int, Case]:
    """The rows to explore, as cases.

    Parameters
    ----------
    table : DataFrame
        Columns row, true, predicted, confidence, correct.
    twins : DataFrame
        As `find_twins` gives it.
    shown : dict of int to str
        What each row shows.
    names : list of str
        Of the classes, as in a sentence.
    alone : str
        Why a mistake may have no twin.
    """
    wrong = table[~table.correct].sort_values(["confidence", "row"], ascending=[False, True])
    least_sure = table.sort_values(["confidence", "row"]).head(CORRECT_CASES)
    pairs = dict(zip(twins["case"], twins["twin"], strict=True))
    cases = {}
    for row in (least_sure if wrong.empty else wrong).itertuples():
        number, twin, verdict = int(row.row), None, "classified correctly"
        why = "It has no twin: only a misclassified image has one."
        if not row.correct:
            verdict, why = f"misclassified as {names[row.predicted]}", alone
            if pd.notna(pairs[number]):
                twin, why = int(pairs[number]), ""
        caption = f"{shown[number]} → {verdict} (confidence {row.confidence:.2f})"
        predicted = int(row.predicted), float(row.confidence)
        cases[number] = Case(number, twin, shown[number], int(row.true), *predicted, caption, why)
    return cases


def describe(row) -> str:
    """What a test picture shows, from its labels: "subject 12, sad, 45°, gaze left"."""
    parts = [] if row.person is None else [say(row.person, "face")]
    if known := pd.notna(row.emotion):
        parts.append(str(row.emotion))
    if pd.notna(row.angle):
        parts.append(f"{row.angle}°")
    if pd.notna(row.gaze):
        parts.append(f"gaze {row.gaze}")
    return ", ".join(parts if known and row.person is not None else [*parts, f"image {row.row}"])


@torch.no_grad()
def logits_of(net: nn.Module, images: np.ndarray, batch: int, checked: bool = False) -> Tensor:
    """Logits (N, classes) of pictures, uint8 (N, H, W, C), so many at a time.

    `checked`: compared with the network's own forward pass.
    """
    _, linears = check_network(net)
    parts = (as_input(images[k : k + batch], network=net) for k in range(0, len(images), batch))
    if checked:
        return torch.cat([checked_maps(net, x)[1][-1] for x in parts])
    return torch.cat([dense_pass(linears, feature_maps_of(net, x))[-1] for x in parts])
