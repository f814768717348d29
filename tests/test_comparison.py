"""Sets are compared image by image, controls are fair draws, and twins resemble their case."""

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.comparison import compare, find_twins, jaccard, random_pixels


def random_sets(seed: int, shape=(4, 3, 5, 5), density: float = 0.4) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density


def indices(pixels: torch.Tensor) -> set[int]:
    return set(pixels.flatten().nonzero().flatten().tolist())


def test_common_and_unique_pixels_are_those_of_the_index_sets():
    net = random_tiny(0)
    a = backtrack(net, random_images(0) * 4, cut=Cut(0.0, 70))
    b = backtrack(net, random_images(1) * 4, cut=Cut(0.0, 70))
    sets = compare(a, b)
    shared = 0
    for i in range(3):
        one, other = indices(a.pixels[i]), indices(b.pixels[i])
        assert indices(sets.common[i]) == one & other
        assert indices(sets.only_a[i]) == one - other
        assert indices(sets.only_b[i]) == other - one
        shared += len(one & other)
    assert shared > 0
    plain = compare(a.pixels, b.pixels)
    assert torch.equal(plain.common, sets.common) and torch.equal(plain.only_a, sets.only_a)


def test_the_three_sets_are_disjoint_and_make_up_the_union():
    a, b = random_sets(0), random_sets(1)
    sets = compare(a, b)
    parts = torch.stack([sets.common, sets.only_a, sets.only_b]).int().sum(dim=0)
    assert torch.equal(parts, (a | b).int())


def test_jaccard_is_intersection_over_union():
    a, b = random_sets(2), random_sets(3)
    b[1] = a[1]
    b[2] = ~a[2]
    a[3] = b[3] = False
    expected = [len(indices(a[0]) & indices(b[0])) / len(indices(a[0]) | indices(b[0])), 1, 0, 1]
    result = jaccard(a, b)
    assert result.dtype == torch.float64
    assert result.tolist() == expected
    units = torch.tensor([[True, True, False, False], [False] * 4])
    assert jaccard(units, units.roll(1, dims=1)).tolist() == [1 / 3, 1]


def test_sets_of_other_shapes_or_kinds_cannot_be_compared():
    a = random_sets(0)
    for function in (compare, jaccard):
        with pytest.raises(ValueError, match=r"\(4, 3, 5, 5\) and \(2, 3, 5, 5\)"):
            function(a, a[:2])
        with pytest.raises(TypeError, match=r"got torch\.float32"):
            function(a, a.float())
        with pytest.raises(TypeError, match="got set"):
            function({1, 2}, a)
    one = backtrack(random_tiny(0), random_images(0))
    other = backtrack(random_tiny(0, width=4), random_images(0))
    with pytest.raises(ValueError, match=r"\(3, 6, 2, 2\) and \(3, 4, 2, 2\)"):
        compare(one, other)


def maps_with_zeros(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, 5, 5, generator=generator).clamp(min=0)


def test_random_pixels_are_as_many_as_asked_for_and_active():
    maps = maps_with_zeros(0)
    counts = torch.tensor([0, 1, 17, 30])
    pixels = random_pixels(maps, counts, torch.Generator().manual_seed(1))
    assert pixels.dtype == torch.bool and pixels.shape == maps.shape
    assert pixels.flatten(1).sum(dim=1).tolist() == [0, 1, 17, 30]
    assert not (pixels & (maps <= 0)).any()
    same = random_pixels(maps, 9, torch.Generator().manual_seed(1))
    assert same.flatten(1).sum(dim=1).tolist() == [9] * 4


def test_more_random_pixels_than_there_are_gives_all_active_ones():
    maps = maps_with_zeros(1)
    for count in (75, 10**9):
        assert torch.equal(random_pixels(maps, count, torch.Generator()), maps > 0)


def test_random_pixels_depend_on_the_generator_alone():
    maps = maps_with_zeros(2)
    first = random_pixels(maps, 12, torch.Generator().manual_seed(3))
    torch.rand(5)
    assert torch.equal(random_pixels(maps, 12, torch.Generator().manual_seed(3)), first)
    assert torch.equal(random_pixels(maps * 7, 12, torch.Generator().manual_seed(3)), first)
    generator = torch.Generator().manual_seed(4)
    draws = [random_pixels(maps, 12, generator) for _ in range(2)]
    assert not torch.equal(draws[0], draws[1])


def test_every_active_pixel_is_drawn_equally_often():
    maps = torch.tensor([0.0, 5.0, 0.1, 0.0, 1.0, 2.0]).expand(4000, 6).reshape(4000, 1, 2, 3)
    pixels = random_pixels(maps, 2, torch.Generator().manual_seed(5))
    share = pixels.flatten(1).float().mean(dim=0)
    assert share[[0, 3]].tolist() == [0, 0]
    assert (share[[1, 2, 4, 5]] - 0.5).abs().max() < 0.04  # 5 standard deviations


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (-1, "0 or more; got -1"),
        (1.5, "whole numbers"),
        (torch.ones(4, dtype=torch.bool), "whole numbers"),
        (torch.tensor([1, 2]), r"\(4,\), got"),
    ],
)
def test_impossible_counts_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        random_pixels(maps_with_zeros(0), counts, torch.Generator())


def outcomes_of(*rows: tuple) -> pd.DataFrame:
    columns = ["row", "subject", "emotion", "gaze", "angle", "correct", "confidence"]
    return pd.DataFrame(rows, columns=columns)


def test_twins_by_hand():
    outcomes = outcomes_of(
        (10, 1, "sad", "left", 90, False, 0.9),
        (11, 1, "sad", "frontal", 90, True, 0.7),  # a twin, but a less confident one
        (12, 1, "sad", "right", 90, True, 0.8),  # the twin
        (13, 1, "sad", "left", 90, True, 0.99),  # the same gaze
        (14, 1, "sad", "right", 45, True, 0.99),  # another angle
        (15, 1, "happy", "right", 90, True, 0.99),  # another emotion
        (16, 2, "sad", "right", 90, True, 0.99),  # another subject
        (17, 1, "sad", "right", 90, False, 0.99),  # misclassified itself
        (5, 3, "sad", "left", 90, False, 0.6),  # nobody resembles it
    )
    twins = find_twins(outcomes)
    assert list(twins.columns) == ["case", "twin"]
    assert (twins.dtypes == "Int64").all()
    assert twins["case"].tolist() == [5, 10, 17]
    assert twins["twin"].isna().tolist() == [True, False, False]
    assert twins["twin"].tolist()[1:] == [12, 13]


def test_equal_confidence_is_decided_by_the_row_number_whatever_the_order():
    rows = [
        (4, 1, "sad", "left", 90, False, 0.9),
        (9, 1, "sad", "right", 90, True, 0.5),
        (3, 1, "sad", "frontal", 90, True, 0.5),
        (6, 1, "sad", "frontal", 90, True, 0.5),
    ]
    for order in (rows, rows[::-1]):
        assert find_twins(outcomes_of(*order)).to_numpy().tolist() == [[4, 3]]


def test_other_columns_may_be_shared_or_differ():
    outcomes = outcomes_of(
        (0, 1, "sad", "left", 90, False, 0.9),
        (1, 2, "sad", "left", 90, True, 0.8),
        (2, 2, "sad", "right", 90, True, 0.9),
        (3, 1, "happy", "left", 90, True, 0.95),
    )

    def twin(same, differ):
        return find_twins(outcomes, same, differ)["twin"].tolist()

    assert twin(("emotion", "gaze"), "subject") == [1]
    assert twin(("emotion",), ("subject", "gaze")) == [2]
    assert twin(("subject",), ()) == [3]


def test_images_with_unknown_labels_have_no_twin_and_are_none():
    for unknown in (None, pd.NA, np.nan):
        outcomes = outcomes_of(
            (0, 1, unknown, "left", 90, False, 0.9),
            (1, 1, unknown, "right", 90, True, 0.9),
            (2, 1, "sad", "left", 90, False, 0.9),
            (3, 1, "sad", unknown, 90, True, 0.9),
        )
        twins = find_twins(outcomes)
        assert twins["case"].tolist() == [0, 2]
        assert twins["twin"].isna().all()


def test_no_errors_give_no_pairs_and_no_right_answers_give_cases_without_twins():
    right = outcomes_of((0, 1, "sad", "left", 90, True, 0.9))
    assert len(find_twins(right)) == 0
    wrong = outcomes_of((0, 1, "sad", "left", 90, False, 0.9))
    assert find_twins(wrong)["twin"].isna().tolist() == [True]


def test_twins_equal_a_plain_search():
    random = np.random.default_rng(0)
    n = 400
    outcomes = pd.DataFrame(
        {
            "row": random.permutation(10 * n)[:n],
            "subject": random.integers(0, 4, n),
            "emotion": random.choice(["sad", "happy"], n),
            "gaze": random.choice(["frontal", "left", "right"], n),
            "angle": random.choice([45, 90, 135], n),
            "correct": random.random(n) < 0.3,
            "confidence": random.integers(1, 5, n) / 5,
        }
    )
    found = find_twins(outcomes).set_index("case")["twin"]
    assert len(found) == (~outcomes.correct).sum()
    for _, case in outcomes[~outcomes.correct].iterrows():
        best = None
        for _, other in outcomes[outcomes.correct].iterrows():
            alike = all(case[c] == other[c] for c in ("subject", "angle", "emotion"))
            if alike and case.gaze != other.gaze:
                rank = (-other.confidence, other.row)
                best = rank if best is None else min(best, rank)
        assert found[case.row] is pd.NA if best is None else found[case.row] == best[1]
    assert 0 < found.isna().sum() < len(found)


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match="no column confidence, age; it has row, subject"):
        outcomes = outcomes_of((0, 1, "sad", "left", 90, True, 0.9)).drop(columns="confidence")
        find_twins(outcomes, same=("subject", "age"))
    with pytest.raises(ValueError, match="at least one column"):
        find_twins(outcomes_of((0, 1, "sad", "left", 90, True, 0.9)), same=())
