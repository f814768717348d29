"""The settings of a training, and the order of its epochs."""

import numpy as np
import pytest

from tinyvgg.training.protocol import Protocol, augmentation_generator, epoch_order


def test_the_fixed_order_repeats_and_the_reshuffled_does_not():
    rows = np.arange(50)
    fixed = [epoch_order(rows, 0, epoch, "fixed").tolist() for epoch in (1, 2)]
    fresh = [epoch_order(rows, 0, epoch, "reshuffled").tolist() for epoch in (1, 2)]
    assert fixed[0] == fixed[1] != sorted(fixed[0])
    assert fresh[0] != fresh[1]
    assert sorted(fresh[0]) == sorted(fresh[1]) == rows.tolist()


@pytest.mark.parametrize(
    ("setting", "known"),
    [(dict(order="sorted"), "reshuffled, fixed"), (dict(keep="first"), "last, best"),
     (dict(precision="int8"), "float32, tf32, bfloat16"),
     (dict(optimiser="lion"), "sgd, adam, adagrad"),
     (dict(initialisation="zero"), "glorot, he"), (dict(epochs=0), "above 0"),
     (dict(order=["fixed"]), "reshuffled, fixed"), (dict(optimiser=[]), "sgd, adam, adagrad"),
     (dict(epochs=True), "not True"), (dict(epochs=2.0), "not 2.0"), (dict(batch_size="8"), "'8'"),
     *((dict(learning_rate=rate), "finite number above 0")
       for rate in (-1.0, float("nan"), float("inf"), True, "0.1", None))],
)  # fmt: skip
def test_an_unknown_setting_is_refused_with_the_known_ones(setting, known):
    with pytest.raises(ValueError, match=known):
        Protocol(**setting)


def test_the_numbers_of_an_augmentation_follow_from_the_seed_and_the_epoch_alone():
    def numbers(seed, epoch):
        return augmentation_generator(seed, epoch).random(4).tolist()

    assert numbers(0, 1) == numbers(0, 1)
    assert len({tuple(numbers(seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}) == 4
    assert numbers(0, 1) != np.random.default_rng([0, 1]).random(4).tolist(), "not the order's"
