"""A linear classifier on the pixels, as a measure of how difficult a data set is.

The classifier is least squares on one-hot labels with a penalty on the weights (ridge), which has
a closed form and so gives the same result on any machine, without initialization or stopping rule.
With fewer images than pixels it is solved in its dual form, from the inner products of the images
alone, so one matrix serves every task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, blas, cho_factor, cho_solve

from tinyvgg.experiments.batches import at_most
from tinyvgg.experiments.statistics import Interval, wilson
from tinyvgg.faces.split import Split

# Penalties tried, as shares of the mean squared distance of the images from their mean.
PENALTIES = tuple(10.0**power for power in range(-6, 2))
HELD_BACK = 3  # one in so many training images (or subjects) chooses the penalty
MOST = 6000  # images of a set that are probed; the products of all pairs fill memory
BLOCK = 1024  # sums of so many products of two bytes less 128 are exact in float32


@dataclass(frozen=True)
class Reading:
    """How many test images a classifier classifies correctly.

    Attributes
    ----------
    right, total : int
    chance : float
        Share that is correct if the most frequent training class is predicted for every test image.
    penalty : float
        The penalty chosen from `PENALTIES`; NaN for a classifier without a penalty.
    """

    right: int
    total: int
    chance: float
    penalty: float = float("nan")

    @property
    def accuracy(self) -> Interval:
        """Share of the test images classified correctly, with Wilson's 95 % interval."""
        return wilson(self.right, self.total)


def probed_rows(count: int, seed: int) -> np.ndarray:
    """The images of a set that are probed, of so many (see `at_most`)."""
    return at_most(count, MOST, seed)


def restricted(split: Split, rows: np.ndarray) -> Split:
    """A split of some images of its set only, numbered by their place in `rows`."""
    place = np.full(len(split.labels), -1)
    place[rows] = np.arange(len(rows))
    train, test = (place[side][place[side] >= 0] for side in (split.train, split.test))
    return replace(split, train=train, test=test, labels=split.labels[rows])


def inner_products(images: np.ndarray) -> np.ndarray:
    """Inner products of all pairs of images, of bytes minus 128.

    The sums are exact whole numbers and do not depend on the order of summation, so the result is
    the same on any machine, at the speed of float32.

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
    """Train a linear classifier on the training set of a split and test it on the test set.

    The penalty is chosen on a held-out third of the training images, the largest of equally good
    ones. The classifier that is tested is trained on all of them.

    Parameters
    ----------
    products : array (N, N)
        `inner_products` of all images of the data set.
    split : Split
    groups : array (N,), optional
        What is held out as a whole, such as the subject of each image, where no subject is in both
        training and test set. If None, a third of the images of each class is held out.

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
    """Divide the training rows into those to train on and the third that chooses the penalty.

    Returns
    -------
    learn, choose : int64 arrays
        Sorted row numbers, drawn with the seed of the split.
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
    """Share of the test images that are of the most frequent class of the training images."""
    counts = np.bincount(split.labels[split.train], minlength=len(split.classes))
    return float((split.labels[split.test] == counts.argmax()).mean())


def scores(
    products: np.ndarray, split: Split, learn: np.ndarray, judge: np.ndarray, penalty: float
) -> np.ndarray:
    """Scores by class for some rows, from a classifier trained on others.

    With the images x and their one-hot labels y, both minus the mean over the training rows, the
    weights minimize |x W - y|^2 + penalty s |W|^2, where s is the mean of |x|^2.

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
    if scale <= 0:  # all images are the same
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
