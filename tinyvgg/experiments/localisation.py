"""Where tracked features lie in the picture, and how alike two pictures of features are."""

from __future__ import annotations

import warnings
from collections.abc import Hashable

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import maximum_filter, minimum_filter

from tinyvgg.tracking import GREY


def similarity(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Correlation (Pearson) of two stacks of pictures (N, H, W), picture by picture, (N,).

    NaN where one of the two is flat, as the features of an empty set are.
    """
    one, other = np.asarray(a, float), np.asarray(b, float)
    if one.shape != other.shape:
        raise ValueError(f"both stacks must have the same shape, got {one.shape} and {other.shape}")
    if not len(one):
        return np.zeros(0)
    each = tuple(range(1, one.ndim))
    one, other = (x - x.mean(axis=each, keepdims=True) for x in (one, other))
    size = np.sqrt((one**2).sum(axis=each) * (other**2).sum(axis=each))
    product = (one * other).sum(axis=each)
    return np.where(size > 0, product / np.where(size > 0, size, 1), np.nan)


def area_of_half(features: ArrayLike) -> np.ndarray:
    """The smallest share of each picture's area that holds half of its features.

    Parameters
    ----------
    features : array (N, H, W), >= 0

    Returns
    -------
    float array (N,)
        Up to 0.5, for features spread evenly; NaN for a picture without features.
    """
    features = np.asarray(features, float)
    features = features.reshape(len(features), int(np.prod(features.shape[1:])))
    total = features.sum(axis=1)
    reached = np.cumsum(-np.sort(-features, axis=1), axis=1)
    needed = (reached < total[:, None] / 2).sum(axis=1) + 1
    return np.where(total > 0, needed / features.shape[1], np.nan)


def mean_by(pictures: ArrayLike, labels: ArrayLike) -> dict[Hashable, np.ndarray]:
    """The mean of the pictures (N, H, W) that bear a label, by label in ascending order."""
    pictures, labels = np.asarray(pictures, float), np.asarray(labels)
    return {label.item(): pictures[labels == label].mean(axis=0) for label in np.unique(labels)}


def as_shares(features: ArrayLike) -> np.ndarray:
    """Pictures of features (N, H, W), each divided by its sum; a flat one stays as it is."""
    features = np.asarray(features, float)
    total = features.sum(axis=(1, 2), keepdims=True)
    return features / np.where(total > 0, total, 1)


def median(values: ArrayLike) -> float:
    """Median; NaN if there are no values."""
    values = np.asarray(values, float)
    return float(np.median(values)) if values.size else float("nan")


def mean_known(values: ArrayLike) -> float:
    """Mean of the values that are not NaN; NaN if there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(np.asarray(values, float)))


def luminance_of(images: np.ndarray) -> np.ndarray:
    """Grey values, 0 to 255, of RGB bytes (N, H, W, 3)."""
    return np.asarray(images, float) @ np.array(GREY)


def flat_places(luminance: ArrayLike, step: float = 3.0) -> np.ndarray:
    """Where pictures (N, H, W), 0 to 255, are flat: no neighbour differs by `step` or more; bool.

    Pooling windows there share their maximum, and deconvolution with ``ties="all"`` gives it
    back to every one of their pixels.
    """
    luminance = np.asarray(luminance, float)
    most, least = (
        extreme(luminance, size=(1, 3, 3), mode="nearest")
        for extreme in (maximum_filter, minimum_filter)
    )
    return (most - luminance < step) & (luminance - least < step)


def share_within(features: ArrayLike, places: ArrayLike) -> np.ndarray:
    """Which share of each picture's features lies within some places, (N,); NaN if it has none."""
    features, places = np.asarray(features, float), np.asarray(places, bool)
    total = features.sum(axis=(1, 2))
    within = np.where(places, features, 0).sum(axis=(1, 2))
    return np.where(total > 0, within / np.where(total > 0, total, 1), np.nan)
