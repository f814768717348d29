"""What can be read from the pixels by a linear classifier: a measure of how hard a set is.

The classifier is least squares on one-hot labels with a penalty on the weights (ridge), since
that has a closed form: no start, no steps, no stopping, the same answer on any machine. With
fewer pictures than pixels it is solved in its dual form, from the inner products of the
pictures alone, so one matrix serves every task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, blas, cho_factor, cho_solve

from tinyvgg.experiments.statistics import Interval, wilson
from tinyvgg.faces.split import Split

# Penalties tried, as shares of the pictures' mean squared distance from their mean.
PENALTIES = tuple(10.0**power for power in range(-6, 2))
HELD_BACK = 3  # one in so many training pictures (or people) chooses the penalty
BLOCK = 1024  # sums of so many products of two bytes less 128 are exact in float32


@dataclass(frozen=True)
class Reading:
    """How many test pictures a classifier gets right.

    Attributes
    ----------
    right, total : int
    chance : float
        Share that is right if every test picture is given the commonest class of the training.
    penalty : float
        The penalty chosen, one of `PENALTIES`; NaN for a classifier without one.
    """

    right: int
    total: int
    chance: float
    penalty: float = float("nan")

    @property
    def accuracy(self) -> Interval:
        """Share of the test pictures classified correctly, with Wilson's 95 % interval."""
        return wilson(self.right, self.total)


def inner_products(images: np.ndarray) -> np.ndarray:
    """Inner products of every two pictures, of bytes less 128.

    The sums are whole numbers and exact, so they do not depend on the order of summation: the
    result is the same on any machine, at the speed of float32.

    Parameters
    ----------
    images : uint8 array (N, H, W, 3)

    Returns
    -------
    float64 array (N, N)
    """
    if images.dtype != np.uint8:
        raise TypeError(f"images must be bytes (uint8), not {images.dtype}")
    flat = images.reshape(len(images), -1)  # (N, D)
    total = np.zeros((len(flat), len(flat)))
    for start in range(0, flat.shape[1], BLOCK):
        part = flat[:, start : start + BLOCK].astype(np.float32) - 128
        total += blas.ssyrk(1.0, part.T, trans=1)  # the upper triangle
    return np.triu(total) + np.triu(total, 1).T


def linear_probe(products: np.ndarray, split: Split, groups: np.ndarray | None = None) -> Reading:
    """Train a linear classifier on the training pictures of a split, count on the test pictures.

    The penalty is chosen on a third of the training pictures, held back for that; the
    classifier that is tested learns from all of them. Of equally good penalties the largest is
    taken.

    Parameters
    ----------
    products : array (N, N)
        `inner_products` of all pictures of the set.
    split : Split
    groups : array (N,), optional
        What is held back as a whole, such as the person of each picture, where the test shows
        nobody of the training. If None, every third picture of each class is held back.

    Returns
    -------
    Reading
    """
    learn, choose = hold_back(split, groups)
    rights = [
        int((_name(products, split, learn, choose, p) == split.labels[choose]).sum())
        for p in PENALTIES
    ]
    best = max(range(len(PENALTIES)), key=lambda k: (rights[k], k))
    named = _name(products, split, split.train, split.test, PENALTIES[best])
    right = int((named == split.labels[split.test]).sum())
    return Reading(right, len(split.test), chance_level(split), PENALTIES[best])


def hold_back(split: Split, groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Divide the training rows: those that learn, and the third that chooses the penalty.

    Returns
    -------
    learn, choose : int64 arrays
        Row numbers, sorted; drawn with the seed of the split.
    """
    random = np.random.default_rng([split.seed, HELD_BACK])
    rows = split.train
    if groups is not None:
        people = random.permutation(np.unique(groups[rows]))
        held = np.isin(groups[rows], people[: len(people) // HELD_BACK])
    else:
        held = np.zeros(len(rows), bool)
        for label in np.unique(split.labels[rows]):
            mine = random.permutation(np.flatnonzero(split.labels[rows] == label))
            held[mine[: len(mine) // HELD_BACK]] = True
    return rows[~held], rows[held]


def chance_level(split: Split) -> float:
    """Share of the test pictures that are of the commonest class of the training pictures."""
    counts = np.bincount(split.labels[split.train], minlength=len(split.classes))
    return float((split.labels[split.test] == counts.argmax()).mean())


def scores(
    products: np.ndarray, split: Split, learn: np.ndarray, judge: np.ndarray, penalty: float
) -> np.ndarray:
    """What the classifier that learns from some rows says of others: a score by class.

    With the pictures x and their one-hot labels y, both less the mean over the rows that
    learn, the weights minimise |x W - y|^2 + penalty s |W|^2; s is the mean of |x|^2.

    Returns
    -------
    float64 array (len(judge), classes)
    """
    means = products[:, learn].mean(1)
    grand = means[learn].mean()

    def centred(rows: np.ndarray) -> np.ndarray:
        return products[np.ix_(rows, learn)] - means[rows, None] - means[learn] + grand

    inner = centred(learn)
    labels = np.eye(len(split.classes))[split.labels[learn]]
    share = labels.mean(0)
    scale = np.trace(inner) / len(learn)
    if scale <= 0:  # the pictures are all alike
        return np.tile(share, (len(judge), 1))
    inner[np.diag_indices_from(inner)] += penalty * scale
    try:
        weights = cho_solve(cho_factor(inner, lower=True, overwrite_a=True), labels - share)
    except LinAlgError:
        raise ValueError(
            f"penalty {penalty!r} is too small for these pictures: choose a larger one"
        ) from None
    return centred(judge) @ weights + share


def _name(products, split, learn, judge, penalty) -> np.ndarray:
    if not len(judge):
        return np.empty(0, np.int64)
    return scores(products, split, learn, judge, penalty).argmax(1)
