"""The small experiments of "The text and the code", against plain code and cases by hand."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from networks import random_images, random_tiny

from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.experiments.departures import (
    LISTS,
    accuracy_of_errors,
    answers_compared,
    emotion_readings,
    feature_changes,
    first_index,
    floors,
    from_nothing,
    list_and_weights,
    lookups,
    meetings,
    printed_like_table_3,
    reverse_channels,
    scale_input,
    stops,
    train_both_orders,
)
from tinyvgg.paper import PAPER
from tinyvgg.tracking import track
from tinyvgg.training.protocol import epoch_order

# ---------------------------------------------------------------------- the 101


def test_only_the_table_s_reading_of_101_gives_the_sizes_and_the_accuracy_that_are_printed():
    text, table = emotion_readings().itertuples(index=False)
    assert (text.train, text.test, text.printed) == (2424, 2400, False)
    assert (table.train, table.test, table.printed) == (2400, 2424, True)
    assert round(text.accuracy, 4) == 0.9087  # 219 errors in 2,400
    for task in ("face", "emotion"):
        assert round(accuracy_of_errors(task), 4) == PAPER[f"accuracy_{task}"].value


# ---------------------------------------------------------------------- epochs


def history(errors):
    return pd.DataFrame({"epoch": range(1, len(errors) + 1), "test_error": errors})


def test_weights_saved_are_the_first_of_the_best_so_far_by_hand():
    table = stops(history([0.9, 0.5, 0.5, 0.6, 0.2, 0.3]))
    assert table.saved.tolist() == [1, 2, 2, 2, 5, 5]
    assert table.saved_error.tolist() == [0.9, 0.5, 0.5, 0.5, 0.2, 0.2]
    assert table.same.tolist() == [True, True, False, False, True, False]


def test_a_list_and_other_weights_disagree_by_hand():
    last = pd.DataFrame(
        {"predicted": [1, 2, 3, 0, 5], "correct": [False, False, False, True, True]}
    )
    best = pd.DataFrame(
        {"predicted": [1, 0, 4, 9, 5], "correct": [False, True, False, False, True]}
    )
    assert list_and_weights(last, best) == {
        "listed": 3,
        "wrong": 3,
        "listed_right": 1,
        "unlisted": 1,
        "other_class": 1,
    }


@pytest.mark.parametrize("order", ["reshuffled", "fixed"])
def test_pairs_that_met_are_those_that_one_counts_batch_by_batch(order):
    train = np.array([3, 4, 8, 9, 11, 20, 21, 30, 31, 40, 44])
    met, expected = set(), []
    for epoch in range(1, 5):
        rows = epoch_order(train, 7, epoch, order).tolist()
        for start in range(0, len(rows), 3):
            batch = rows[start : start + 3]
            met |= {(a, b) for a in batch for b in batch if a < b}
        expected.append(len(met) / 55)
    found = meetings(train, 4, order, seed=7, batch_size=3)
    np.testing.assert_allclose(found, expected)
    assert (len(set(found)) == 1) == (order == "fixed")


# ---------------------------------------------------------------------- deconvolution


@pytest.mark.parametrize("seed", range(2))
def test_one_choice_changes_at_a_time_and_is_held_against_the_released_features(seed):
    net, images = random_tiny(seed), random_images(seed, batch=3)
    images[:, :, :8] = 0.5  # ties above zero
    pixels = backtrack(net, images, cut=Cut(0, 50)).pixels
    pictures, changes = feature_changes(net, images.__getitem__, [2, 0], pixels[[2, 0]])
    base = track(net, images[[2, 0]], pixels[[2, 0]]).difference.numpy()
    np.testing.assert_array_equal(pictures["as released"], base)
    options = {
        "one maximum": {"ties": "first"},
        "no biases": {"bias": "none"},
        "not rectified": {"rectify": False},
    }
    assert changes.choice.tolist() == list(options)
    for row in changes.itertuples():
        other = track(net, images[[2, 0]], pixels[[2, 0]], **options[row.choice]).difference
        np.testing.assert_array_equal(pictures[row.choice], other.numpy())
        pairs = [(a.ravel(), b.ravel()) for a, b in zip(base, other.numpy(), strict=True)]
        assert row.correlation == pytest.approx(np.mean([np.corrcoef(*p)[0, 1] for p in pairs]))
        distance = [np.sqrt(((a - b) ** 2).sum() / (a**2).sum()) for a, b in pairs]
        assert row.distance == pytest.approx(np.mean(distance))


def test_maps_of_zeros_give_a_picture_only_by_way_of_the_biases():
    net, images = random_tiny(0), random_images(0)
    nothing, share = from_nothing(net.features, images, "none")
    assert (nothing == 0).all() and (share == 0).all()
    nothing, share = from_nothing(net.features, images, "previous")
    assert (share > 0).all() and nothing.shape == (3, 16, 16)
    bare = copy.deepcopy(net)
    for layer in bare.features:
        if hasattr(layer, "bias"):
            torch.nn.init.zeros_(layer.bias)
    assert (from_nothing(bare.features, images, "previous")[0] == 0).all()


# ---------------------------------------------------------------------- look-ups


def test_looking_up_by_value_confuses_equal_values_by_hand():
    values = [0.5, 0.2, 0.5, 0.0, 0.2, 0.7]
    assert first_index(values).tolist() == [0, 1, 0, 3, 1, 5]
    assert first_index(values)[[2, 4, 5]].tolist() == [0, 1, 5]  # wanted: 2, 4, 5


@pytest.mark.parametrize("seed", range(3))
def test_first_index_is_list_index(seed):
    values = np.random.default_rng(seed).integers(0, 12, 40) / 7
    assert first_index(values).tolist() == [values.tolist().index(v) for v in values]


def lookups_by_loops(net, trace, image):
    """looked_up, wrong, lost and gained of the three lists, by list.index."""
    a = trace.maps[image].flatten().tolist()
    W = net.classifier[0].weight.detach()
    units = trace.layers[-1][image].nonzero().flatten().tolist()
    kept = set(trace.pixels[image].flatten().nonzero().flatten().tolist())
    products = [(W[i] * trace.maps[image].flatten()).tolist() for i in units]
    everything = [value for row in products for value in row]
    threshold = float(trace.threshold[image])
    found = {name: [] for name in LISTS}
    for r in sorted(kept):
        found[LISTS[0]].append((r, a.index(a[r]), a.index(a[r])))
    for number, row in enumerate(products):
        for r, value in enumerate(row):
            if value > threshold:
                own, first = number * len(a) + r, everything.index(value)
                found[LISTS[1]].append((r, row.index(value), row.index(value)))
                found[LISTS[2]].append((own, first, first % len(a)))
    return {
        name: (
            len(some),
            sum(own != first for own, first, _ in some),
            len(kept - {pixel for *_, pixel in some}),
            len({pixel for *_, pixel in some} - kept),
        )
        for name, some in found.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_lookups_are_those_of_list_index_done_one_by_one(seed):
    net, images = random_tiny(seed, (8, 6), 48, 3), random_images(seed, 3, 48)
    images[2] = 0.5  # one colour: many equal values
    trace = backtrack(net, images, cut=Cut(0, 50))
    table = lookups(net, trace).set_index(["image", "list"])
    for image in range(3):
        for name, expected in lookups_by_loops(net, trace, image).items():
            assert tuple(table.loc[(image, name)]) == expected
    assert table.loc[(2, LISTS[0])].wrong > 0


def test_nothing_is_looked_up_where_the_cut_keeps_nothing():
    net, images = random_tiny(0), random_images(0)
    assert (lookups(net, backtrack(net, images, cut=Cut(1e6))).looked_up == 0).all()


# ---------------------------------------------------------------------- rectified logits


def test_floors_are_counted_as_the_table_prints_them():
    assert printed_like_table_3([0.12345, 6.364e-10]).tolist() == [0.123, 6.36e-10]
    rows = [[0.5, 0.25004, 0.24996], [0.6, 0.3, 0.1], [0.98, 0.01, 0.01]]
    table = floors({"some": rows, "none": np.zeros((0, 3))})
    assert table.tied.tolist() == [2, 0] and table.rows.tolist() == [3, 0]
    assert table.classes[0] == pytest.approx(5 / 3) and np.isnan(table.classes[1])


# ---------------------------------------------------------------------- channels, 256


@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_reversed_channels_and_kernels_give_the_same_logits_and_one_alone_does_not(seed):
    net, images = random_tiny(seed), random_images(seed)
    other = reverse_channels(net)
    expected = net(images)
    torch.testing.assert_close(other(images.flip(1)), expected, rtol=0, atol=1e-12)
    assert not torch.allclose(other(images), expected, atol=1e-6)
    assert torch.equal(reverse_channels(other).features[0].weight, net.features[0].weight)


@torch.no_grad()
def test_kernels_undo_another_divisor():
    net, images = random_tiny(0), random_images(0)
    brighter = images * 256 / 255
    torch.testing.assert_close(
        scale_input(net, 256 / 255)(brighter), net(images), rtol=0, atol=1e-12
    )
    cases = {"undone": (scale_input(net, 256 / 255), brighter), "left": (net, brighter)}
    table = answers_compared(cases, net(images), batch=2).set_index("case")
    assert table.difference["undone"] < 1e-12 < table.difference["left"]


def test_training_on_reversed_channels_is_the_same_training_reversed():
    images, labels = random_images(0, batch=6), torch.arange(6) % 3
    assert train_both_orders(images, labels, 3) < 1e-12
