"""Where tracked features lie in the picture, and how alike two pictures of features are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyvgg.experiments.localisation import (
    area_of_half,
    as_shares,
    flat_places,
    luminance_of,
    mean_by,
    mean_known,
    median,
    share_within,
    similarity,
)


def test_similarity_is_numpys_correlation_and_unknown_for_a_flat_picture():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 4, 5, 5))
    expected = [np.corrcoef(a[k].ravel(), b[k].ravel())[0, 1] for k in range(4)]
    np.testing.assert_allclose(similarity(a, b), expected)
    np.testing.assert_allclose(similarity(a, 3 * a + 1), 1)
    assert np.isnan(similarity(a, np.zeros_like(a))).all()
    assert similarity(np.zeros((0, 5, 5)), np.zeros((0, 5, 5))).shape == (0,)
    with pytest.raises(ValueError, match="same shape"):
        similarity(a, b[:, :4])


def test_half_of_the_features_by_hand():
    picture = np.zeros((4, 2, 2))
    picture[0] = [[3, 1], [1, 1]]  # half of 6 lies on one pixel
    picture[1] = [[2, 1], [1, 1]]  # half of 5 lies on two
    picture[2] = 1  # spread evenly
    np.testing.assert_allclose(area_of_half(picture), [0.25, 0.5, 0.5, np.nan])
    assert area_of_half(np.zeros((0, 2, 2))).shape == (0,)


def test_places_are_flat_where_no_neighbour_differs():
    picture = np.full((1, 4, 5), 100.0)
    picture[0, 0, 0] = 103
    flat = flat_places(picture)[0]
    assert (~flat).sum() == 4 and not flat[:2, :2].any()
    features = np.zeros((2, 4, 5))
    features[0, 0, 0], features[0, 3, 4] = 1, 3
    np.testing.assert_allclose(share_within(features, flat[None]), [0.75, np.nan])


def test_means_go_by_label_and_shares_add_up_to_one():
    pictures = np.arange(12.0).reshape(3, 2, 2)
    made = mean_by(pictures, [90, 45, 90])
    assert list(made) == [45, 90]
    np.testing.assert_array_equal(made[90], pictures[[0, 2]].mean(axis=0))
    shares = as_shares(np.concatenate([pictures, np.zeros((1, 2, 2))]))
    np.testing.assert_allclose(shares.sum(axis=(1, 2)), [1, 1, 1, 0])
    assert mean_by(np.zeros((0, 2, 2)), []) == {}
    assert mean_known([1, np.nan, 3]) == 2 and math.isnan(mean_known([]))
    assert median([3, 1, 2]) == 2 and math.isnan(median([]))
    white = np.full((1, 1, 1, 3), 255, np.uint8)
    assert luminance_of(white)[0, 0, 0] == pytest.approx(255)
