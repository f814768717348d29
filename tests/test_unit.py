"""The training of one network as a unit of work, and its result in the store and out of it."""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
import torch
from trainings import CLASSES, Brighter, network, run, same, some_data

from tinyvgg.evaluation import predict
from tinyvgg.faces.split import Split
from tinyvgg.storage.store import Store
from tinyvgg.training.protocol import Protocol
from tinyvgg.training.unit import TrainingResult, TrainingUnit, run_for_store

PROTOCOL = Protocol(epochs=3, learning_rate=0.1)


@pytest.fixture
def data():
    return some_data()


def a_unit(data, augmentation=None):
    names = [str(k) for k in range(CLASSES)]
    rows = Split(data["train"], data["test"], names, data["labels"], "face", 0)
    cpu = torch.device("cpu")
    return TrainingUnit(network, rows, PROTOCOL, 0, cpu, "a", augmentation)


def test_a_unit_trains_as_fit_does_and_predicts_the_test_rows(data):
    result, made = a_unit(data).run(data["images"]), run(data, PROTOCOL)
    for which in ("last", "best"):
        assert same(result.weights[which], made.weights[which])
        net = network().eval()
        net.load_state_dict(made.weights[which])
        expected = predict(net, data["images"][data["test"]])
        np.testing.assert_allclose(result.probabilities[which], expected, rtol=1e-6)
    assert result.best_epoch == made.best_epoch
    assert result.history.loss.equals(made.history.loss)


def test_the_augmentation_of_a_unit_changes_what_it_trains(data):
    plain, other = (a_unit(data, some).run(data["images"]) for some in (None, Brighter()))
    assert plain.digest() != other.digest()


def test_a_result_comes_out_of_the_store_as_it_went_in(data, tmp_path):
    unit = a_unit(data)
    result = unit.run(data["images"])
    make = partial(run_for_store, unit, data["images"], False)
    stored = Store(tmp_path).get("network", {}, make)
    again = TrainingResult.from_stored(stored)
    assert again.digest() == result.digest()
    for which in ("last", "best"):
        assert same(again.weights[which], result.weights[which])
        np.testing.assert_array_equal(again.probabilities[which], result.probabilities[which])
    columns = ["epoch", "loss", "train_error", "test_error"]
    pd.testing.assert_frame_equal(again.history[columns], result.history[columns])
    assert again.best_epoch == result.best_epoch


def test_the_digest_is_that_of_names_and_weights_in_their_order(data):
    result = a_unit(data).run(data["images"])
    digest = hashlib.blake2b(digest_size=16)
    for which in ("best", "last"):
        for name, tensor in sorted(result.weights[which].items()):
            digest.update(f"{which}/{name}".encode() + tensor.numpy().tobytes())
    assert result.digest() == digest.hexdigest()


def test_a_unit_and_its_result_can_be_carried_elsewhere(data):
    unit = a_unit(data)
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        result = elsewhere.submit(TrainingUnit.run, unit, data["images"]).result()
    assert result.digest() == unit.run(data["images"]).digest()
