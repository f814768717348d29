"""Where the printed paper and its released code differ: a small experiment for each place."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace
from tinyvgg.deconv import deconvolve, record
from tinyvgg.experiments.batches import Inputs, track_rows
from tinyvgg.experiments.localisation import median, similarity
from tinyvgg.layers import check_network
from tinyvgg.model import TinyVGG
from tinyvgg.paper import PAPER, classes_at_the_floor
from tinyvgg.tracking import grey
from tinyvgg.training.protocol import epoch_order

DRAWN, GAZES, ANGLES, EMOTIONS = 101, 3, 3, 8  # of each emotion at each angle 101 are drawn
DIGITS = 3  # that Table 3 prints
CHOICES: dict[str, dict[str, Any]] = {  # of the deconvolution; the first is the released code's
    "as released": {},
    "one maximum": {"ties": "first"},
    "no biases": {"bias": "none"},
    "not rectified": {"rectify": False},
}
LISTS = ("feature maps", "contributions to one neuron", "contributions to all neurons")


# ---------------------------------------------------------------------- the 101


def emotion_readings() -> pd.DataFrame:
    """Table 2's emotion row, worked out from both readings of "101".

    Returns
    -------
    DataFrame
        Columns reading, train, test (images), accuracy (that the paper's number of errors makes
        of the test images), and printed (whether sizes and accuracy, to a hundredth of a per
        cent, are those that Table 2 prints).
    """
    group = int(PAPER["subjects"].value) * GAZES  # images of an emotion at an angle
    groups = EMOTIONS * ANGLES
    rows = []
    for reading, train in (("101 train", DRAWN), ("101 test", group - DRAWN)):
        sizes = {"train": groups * train, "test": groups * (group - train)}
        accuracy = 1 - PAPER["errors_emotion"].value / sizes["test"]
        agrees = all(PAPER[f"{side}_emotion"].value == size for side, size in sizes.items())
        agrees &= round(accuracy, 4) == PAPER["accuracy_emotion"].value
        rows.append({"reading": reading, **sizes, "accuracy": accuracy, "printed": agrees})
    return pd.DataFrame(rows)


def accuracy_of_errors(task: str) -> float:
    """What the length of the paper's list of mistakes makes of its test images, in accuracy."""
    return 1 - PAPER[f"errors_{task}"].value / PAPER[f"test_{task}"].value


# ---------------------------------------------------------------------- deconvolution


def feature_changes(
    net: nn.Module, inputs: Inputs, rows: ArrayLike, pixels: Tensor
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """The tracked features of some images as released, and with one choice made otherwise.

    Parameters
    ----------
    net, inputs, rows, pixels
        As for `track_rows`.

    Returns
    -------
    pictures : dict of str to array (N, S, S)
        By the names in `CHOICES`.
    changes : DataFrame
        A row a choice but the first: choice; correlation and distance (the relative L2
        distance), medians over the images against the features as released.
    """
    pictures = {
        name: track_rows(net, inputs, rows, pixels, **options).numpy()
        for name, options in CHOICES.items()
    }
    released, *others = pictures
    base = pictures[released].reshape(len(pictures[released]), -1)
    size = np.linalg.norm(base, axis=1)
    changes = []
    for name in others:
        moved = np.linalg.norm(pictures[name].reshape(base.shape) - base, axis=1)
        correlation = similarity(pictures[released], pictures[name])
        known = correlation[np.isfinite(correlation)]
        changes.append((name, median(known), median(moved[size > 0] / size[size > 0])))
    return pictures, pd.DataFrame(changes, columns=["choice", "correlation", "distance"])


@torch.no_grad()
def from_nothing(features: nn.Sequential, images: Tensor, bias: str) -> tuple[Tensor, np.ndarray]:
    """Deconvolve feature maps that are zero everywhere, with the switches of some images.

    Returns
    -------
    pictures : Tensor, (B, S, S)
        In grey.
    share : float array (B,)
        Their L2 norm over that of the pictures from the maps themselves.
    """
    recording = record(features, images)
    nothing = grey(deconvolve(features, recording, torch.zeros_like(recording.maps), bias=bias))
    usual = grey(deconvolve(features, recording, bias=bias))
    share = nothing.flatten(1).norm(dim=1) / usual.flatten(1).norm(dim=1)
    return nothing.cpu(), share.cpu().numpy()


# ---------------------------------------------------------------------- look-ups


def first_index(values: ArrayLike) -> np.ndarray:
    """What ``values.index(value)`` finds for the value at each place of a list: its first place."""
    values = np.asarray(values).ravel()
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    return first[which]


@torch.no_grad()
def lookups(net: nn.Module, trace: Backtrace) -> pd.DataFrame:
    """Look up what the released cut keeps by value instead of by place, in three lists.

    The lists are an image's last feature maps, the contributions of all its pixels to one
    neuron of L_1 (a list for each neuron), and the contributions to all of these together.
    Values that the cut drops, zeros among them, are in the lists and are not looked up.

    Parameters
    ----------
    net : nn.Module
    trace : Backtrace
        Made with a cut.

    Returns
    -------
    DataFrame
        A row an image and list: image, list, looked_up, wrong (found at another place), lost and
        gained (pixels, in the set that the places found make).
    """
    _, linears = check_network(net)
    weight = linears[0].weight.cpu().numpy()
    maps = trace.maps.flatten(1).cpu().numpy()
    layers = trace.layers[-1].cpu().numpy()
    rows = []
    for image, (a, units) in enumerate(zip(maps, layers, strict=True)):
        kept = trace.pixels[image].flatten().cpu().numpy()
        place = np.arange(len(a))
        products = weight[units] * a  # (|L_1|, pixels)
        above = products > float(trace.threshold[image])
        one = np.array([first_index(row) for row in products], int).reshape(products.shape)
        everywhere = first_index(products).reshape(products.shape)
        for name, found, own, chosen in (
            (LISTS[0], first_index(a), place, kept),
            (LISTS[1], one, np.broadcast_to(place, products.shape), above),
            (LISTS[2], everywhere, np.arange(products.size).reshape(products.shape), above),
        ):
            made = np.zeros(len(a), bool)
            made[found[chosen] % max(len(a), 1)] = True
            counted = chosen, (found != own)[chosen], kept & ~made, made & ~kept
            rows.append((image, name, *(int(some.sum()) for some in counted)))
    columns = ["image", "list", "looked_up", "wrong", "lost", "gained"]
    return pd.DataFrame(rows, columns=columns)


# ---------------------------------------------------------------------- rectified logits


def printed_like_table_3(probabilities: ArrayLike) -> np.ndarray:
    """Probabilities as a table prints them, to three significant digits."""
    values = np.asarray(probabilities, float)
    return np.vectorize(lambda p: float(f"{p:.{DIGITS - 1}e}"), otypes=[float])(values)


def floors(tables: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """How often classes share the smallest probability, as printed.

    Parameters
    ----------
    tables : mapping of str to array (rows, classes)

    Returns
    -------
    DataFrame
        table, rows, tied (rows in which two classes or more share the smallest), and classes
        (mean number of classes that have the smallest; NaN without rows).
    """
    found = []
    for name, table in tables.items():
        counts = [classes_at_the_floor(row) for row in printed_like_table_3(table)]
        mean = float(np.mean(counts)) if counts else float("nan")
        tied = sum(count > 1 for count in counts)
        found.append({"table": name, "rows": len(counts), "tied": tied, "classes": mean})
    return pd.DataFrame(found)


# ---------------------------------------------------------------------- channels, 256


def reverse_channels(net: nn.Module) -> nn.Module:
    """A copy of a network for images whose channels come in reversed order (BGR for RGB)."""
    other = copy.deepcopy(net)
    with torch.no_grad():
        first = _first_convolution(other)
        first.weight.copy_(first.weight.flip(1))
    return other


def scale_input(net: nn.Module, factor: float) -> nn.Module:
    """A copy of a network for images that were multiplied by a factor."""
    other = copy.deepcopy(net)
    with torch.no_grad():
        _first_convolution(other).weight.div_(factor)
    return other


def train_both_orders(
    images: Tensor, labels: Tensor, classes: int, steps: int = 10, seed: int = 0
) -> float:
    """Train twice from the same weights, on RGB and on BGR, and compare the weights at the end.

    The second network starts from the first one's weights with the channels reversed.

    Parameters
    ----------
    images : Tensor, (B, 3, S, S)
        Each step sees them all.
    labels : int64 Tensor, (B,)

    Returns
    -------
    float
        The largest difference between two weights once the channels of the second network are
        reversed again; in double precision.
    """
    first = TinyVGG(classes, images.shape[-1], width=8, dense=(16,)).double().to(images.device)
    first.reset(torch.Generator(images.device).manual_seed(seed))
    second = reverse_channels(first)
    x = images.double()
    for net, given in ((first, x), (second, x.flip(1))):
        optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(steps):
            optimiser.zero_grad()
            F.cross_entropy(net(given), labels).backward()
            optimiser.step()
    pairs = zip(first.parameters(), reverse_channels(second).parameters(), strict=True)
    return max(float((one - other).detach().abs().max()) for one, other in pairs)


def _first_convolution(net: nn.Module) -> nn.Conv2d:
    nodes, _ = check_network(net)
    return next(layer for layer, _ in nodes if isinstance(layer, nn.Conv2d))


@torch.no_grad()
def answers_compared(
    cases: Mapping[str, tuple[nn.Module, Tensor]], reference: Tensor, batch: int = 64
) -> pd.DataFrame:
    """The logits of networks on images, against those of a reference.

    Parameters
    ----------
    cases : mapping of str to (network, images)
    reference : Tensor, (B, classes)

    Returns
    -------
    DataFrame
        case, difference (the largest of two logits), changed (images that are read otherwise).
    """
    rows: list[dict] = []
    for name, (net, images) in cases.items():
        logits = torch.cat([net(some) for some in images.split(batch)]).to(reference)
        changed = (logits.argmax(dim=1) != reference.argmax(dim=1)).sum()
        difference = float((logits - reference).abs().max())
        rows.append({"case": name, "difference": difference, "changed": int(changed)})
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------- which epoch, which order


def stops(history: pd.DataFrame) -> pd.DataFrame:
    """What the released code would save and list, had training stopped after any epoch.

    Parameters
    ----------
    history : DataFrame
        Of `Study.history`.

    Returns
    -------
    DataFrame
        epoch, test_error, saved (the first epoch so far with the smallest test error),
        saved_error, and same (the saved weights are those of this epoch, so that the list of
        mistakes is theirs).
    """
    best = history.test_error.cummin()
    saved = history.epoch.where(best < best.shift(fill_value=np.inf)).ffill().astype(int)
    table = history[["epoch", "test_error"]]
    return table.assign(saved=saved, saved_error=best, same=table.epoch == saved)


def list_and_weights(last: pd.DataFrame, best: pd.DataFrame) -> dict[str, int]:
    """How the last epoch's list of mistakes disagrees with what the best epoch's weights say.

    Parameters
    ----------
    last, best : DataFrame
        Outcomes of the same test images, in the same order (see `Study.outcomes`).

    Returns
    -------
    dict
        listed (mistakes of the last epoch), wrong (of the best), listed_right (listed, but
        classified correctly by the saved weights), unlisted (wrong, and not listed), and
        other_class (listed and wrong, but misclassified differently).
    """
    listed, wrong = ~last.correct.to_numpy(), ~best.correct.to_numpy()
    both = listed & wrong
    return {
        "listed": int(listed.sum()),
        "wrong": int(wrong.sum()),
        "listed_right": int((listed & ~wrong).sum()),
        "unlisted": int((wrong & ~listed).sum()),
        "other_class": int((both & (last.predicted != best.predicted).to_numpy()).sum()),
    }


def meetings(
    train: ArrayLike, epochs: int, order: str, seed: int = 0, batch_size: int = 12
) -> np.ndarray:
    """The share of all pairs of training images that have shared a batch, after each epoch.

    Parameters
    ----------
    train : int array (N,)
    epochs : int
    order : {"reshuffled", "fixed"}
    seed, batch_size
        As for `fit`.

    Returns
    -------
    float array (epochs,)
    """
    train = np.sort(np.asarray(train, int))
    count = len(train)
    met, shares = np.zeros((count, count), bool), []
    for epoch in range(1, epochs + 1):
        places = np.searchsorted(train, epoch_order(train, seed, epoch, order))
        for start in range(0, count, batch_size):
            batch = places[start : start + batch_size]
            met[np.ix_(batch, batch)] = True
        shares.append((met.sum() - count) / max(count * (count - 1), 1))
    return np.array(shares)
