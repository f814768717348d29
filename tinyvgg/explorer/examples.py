"""Explorers of the book that are not of a study."""

from __future__ import annotations

from tinyvgg.experiments import digits
from tinyvgg.explorer.gallery import Gallery, gallery_of
from tinyvgg.storage.store import Store


def digits_gallery(found: digits.Digits, store: Store, seed: int = 0) -> Gallery:
    """The test digits of the small network that the page "Other networks" trains."""
    net = digits.trained("flat", found, store, seed)
    images, labels = found.images[found.test], found.labels[found.test]
    training = found.images[~found.test], found.labels[~found.test]
    return gallery_of(net, images, labels, digits.CLASSES, "digits", training)
