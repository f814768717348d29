"""Linear probes: exact inner products, the dual form against plain normal equations."""

from __future__ import annotations

import numpy as np
import pytest

from tinyvgg.experiments import probes
from tinyvgg.experiments.statistics import wilson
from tinyvgg.faces.split import Split


def some_pictures(seed: int, count: int = 40, classes: int = 3):
    """Noisy pictures that tell their class a little, and a split of them."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    tints = random.integers(60, 120, (classes, 4, 4, 3))
    noise = random.integers(0, 90, (count, 4, 4, 3))
    images = (tints[labels] + noise).astype(np.uint8)
    train = np.sort(random.permutation(count)[: count // 2])
    test = np.setdiff1d(np.arange(count), train)
    split = Split(train, test, list("abcdefgh"[:classes]), labels.astype(np.int64), "emotion", seed)
    return images, split


def by_normal_equations(images, split, learn, judge, penalty):
    """Ridge on one-hot labels as textbooks write it, over the pixels, in float64."""
    pixels = images.reshape(len(images), -1).astype(float)
    mean = pixels[learn].mean(0)
    x = pixels[learn] - mean
    labels = np.zeros((len(learn), len(split.classes)))
    for row, label in enumerate(split.labels[learn]):
        labels[row, label] = 1
    share = labels.mean(0)
    scale = (x**2).sum() / len(x)
    weights = np.linalg.inv(x.T @ x + penalty * scale * np.eye(x.shape[1])) @ x.T @ (labels - share)
    return (pixels[judge] - mean) @ weights + share


@pytest.mark.parametrize("seed", range(4))
def test_the_dual_form_gives_the_scores_of_the_normal_equations(seed):
    images, split = some_pictures(seed)
    products = probes.inner_products(images)
    for penalty in (1e-3, 0.1, 10.0):
        dual = probes.scores(products, split, split.train, split.test, penalty)
        plain = by_normal_equations(images, split, split.train, split.test, penalty)
        np.testing.assert_allclose(dual, plain, atol=1e-8)


def test_of_a_large_set_some_images_stand_for_all(monkeypatch):
    images, split = some_pictures(5, count=60)
    assert probes.probed_rows(60, 0).tolist() == list(range(60))
    assert probes.restricted(split, np.arange(60)).train.tolist() == split.train.tolist()
    monkeypatch.setattr(probes, "MOST", 25)
    rows = probes.probed_rows(60, 0)
    assert len(rows) == len(np.unique(rows)) == 25 and (np.diff(rows) > 0).all()
    assert rows.tolist() != probes.probed_rows(60, 1).tolist()
    fewer = probes.restricted(split, rows)
    assert sorted([*fewer.train, *fewer.test]) == list(range(25))
    for side in ("train", "test"):
        before = set(getattr(split, side)) & set(rows)
        assert set(rows[getattr(fewer, side)]) == before
    assert fewer.labels.tolist() == [split.labels[row] for row in rows]
    alone = probes.scores(probes.inner_products(images[rows]), fewer, fewer.train, fewer.test, 0.1)
    learn, judge = rows[fewer.train], rows[fewer.test]
    plain = by_normal_equations(images, split, learn, judge, 0.1)
    np.testing.assert_allclose(alone, plain, atol=1e-8)


def test_inner_products_are_exact_whatever_the_pictures():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 25, 25, 3), dtype=np.uint8)  # more pixels than a block
    images[0], images[1] = 0, 255  # the largest sums there can be
    whole = images.reshape(6, -1).astype(np.int64) - 128
    assert images[0].size > probes.BLOCK
    assert np.array_equal(probes.inner_products(images), whole @ whole.T)


def test_two_grey_pictures_worked_by_hand():
    # One channel value v a picture, tripled: x = +-10 in three channels, |x|^2 = 300, scale 300.
    images = np.array([118, 138, 133], np.uint8)[:, None, None, None].repeat(3, 3)
    split = Split(np.array([0, 1]), np.array([2]), ["dark", "light"], np.array([0, 1, 1]), "", 0)
    products = probes.inner_products(images)
    # x^T x is 200 in every entry, x^T y = 10 for "light" (y = +-1/2). The three weights are
    # alike, w, and with a penalty of 1: (3 * 200 + 300) w = 10. The third picture lies 5 above
    # the mean in each channel, so its score is 15 w above 1/2.
    score = 15 * 10 / 900
    expected = [[0.5 - score, 0.5 + score]]
    np.testing.assert_allclose(
        probes.scores(products, split, np.array([0, 1]), np.array([2]), 1.0), expected
    )


def test_the_penalty_is_chosen_without_the_test_rows():
    images, split = some_pictures(1)
    before = probes.linear_probe(probes.inner_products(images), split)
    assert before.penalty in probes.PENALTIES
    changed = images.copy()
    changed[split.test] = 0
    after = probes.linear_probe(probes.inner_products(changed), split)
    assert after.penalty == before.penalty


def test_the_penalty_is_the_best_on_the_rows_held_back_and_the_largest_of_equals():
    images, split = some_pictures(3, count=90)
    learn, choose = probes.hold_back(split)
    rights = []
    for penalty in probes.PENALTIES:
        scores = by_normal_equations(images, split, learn, choose, penalty)
        rights.append((scores.argmax(1) == split.labels[choose]).sum())
    best = max(k for k, right in enumerate(rights) if right == max(rights))
    reading = probes.linear_probe(probes.inner_products(images), split)
    assert reading.penalty == probes.PENALTIES[best]
    named = by_normal_equations(images, split, split.train, split.test, reading.penalty).argmax(1)
    assert reading.right == (named == split.labels[split.test]).sum()
    assert reading.total == len(split.test)
    assert reading.accuracy == wilson(reading.right, reading.total)


def test_a_third_of_each_class_is_held_back_and_people_as_a_whole():
    _, split = some_pictures(0, count=72)
    learn, choose = probes.hold_back(split)
    assert np.array_equal(np.union1d(learn, choose), split.train)
    assert not np.intersect1d(learn, choose).size
    for label in range(3):
        mine = (split.labels[split.train] == label).sum()
        assert (split.labels[choose] == label).sum() == mine // 3
    people = np.arange(72) // 6
    learn, choose = probes.hold_back(split, people)
    assert not np.intersect1d(people[learn], people[choose]).size
    assert len(np.unique(people[choose])) == len(np.unique(people[split.train])) // 3


def test_chance_names_the_commonest_class_of_the_training():
    labels = np.array([0, 0, 1, 0, 1, 1, 1])
    split = Split(np.arange(3), np.arange(3, 7), ["a", "b"], labels, "emotion", 0)
    assert probes.chance_level(split) == 1 / 4


def test_pictures_all_alike_are_read_by_chance():
    images, split = some_pictures(2)
    reading = probes.linear_probe(probes.inner_products(np.full_like(images, 7)), split)
    counts = np.bincount(split.labels[split.train])
    assert reading.right == (split.labels[split.test] == counts.argmax()).sum()


def test_pictures_must_be_bytes():
    with pytest.raises(TypeError, match="uint8"):
        probes.inner_products(np.zeros((2, 4, 4, 3)))
